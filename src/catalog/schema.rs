//! The catalog file: its tables, its version, how it is opened and how a damaged one is set aside.
//!
//! It is a column store inside SQLite. A shard's samples get consecutive row ids; `columns` holds dense
//! arrays of a few thousand samples a row and `texts` compressed records of a few dozen samples a row,
//! both keyed by the row id of their first sample, so that no secondary index is needed to find or delete
//! them. `fts` is a contentless text index over the same row ids.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};

use super::error::{CatalogError, SqlResult};
use crate::base::{Warning, WarningKind};

/// The version of the tables below. A file with a higher one is refused; one of version 1 gets [`PREDICTIONS`] and
/// stands otherwise as it is.
pub const VERSION: i64 = 2;

/// `Shop` in ASCII: says that a SQLite file is ours.
const APPLICATION_ID: i64 = 0x5368_6f70;

const TABLES: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE shards(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    path BLOB NOT NULL,
    position INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    map TEXT NOT NULL,
    base_rowid INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    with_image INTEGER NOT NULL,
    unreadable INTEGER NOT NULL,
    searchable INTEGER NOT NULL
);
CREATE TABLE columns(first_rowid INTEGER PRIMARY KEY, rows INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE texts(first_rowid INTEGER PRIMARY KEY, rows INTEGER NOT NULL, raw_bytes INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE leaves(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE brands(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE splits(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE nodes(id INTEGER PRIMARY KEY, parent INTEGER, name TEXT NOT NULL);
CREATE TABLE warnings(
    id INTEGER PRIMARY KEY,
    shard_id INTEGER,
    origin INTEGER NOT NULL,
    kind TEXT NOT NULL,
    shard TEXT,
    key TEXT,
    message TEXT NOT NULL
);
CREATE INDEX warnings_by_shard ON warnings(shard_id);
CREATE TABLE duplicates(rowid_ INTEGER PRIMARY KEY);
CREATE TABLE partials(
    shard_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    params TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY(shard_id, kind, params)
) WITHOUT ROWID;
";

/// The best classes of samples by models (since version 2). A chunk holds samples of one shard, from the row id of its first on.
const PREDICTIONS: &str = "
CREATE TABLE predictors(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    name TEXT NOT NULL,
    classes TEXT NOT NULL,
    run INTEGER NOT NULL
);
CREATE TABLE predictions(
    id INTEGER PRIMARY KEY,
    predictor INTEGER NOT NULL,
    first_rowid INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX predictions_by_rowid ON predictions(predictor, first_rowid);
";

/// The text index. `contentless_delete` lets a shard's rows go without their text; the texts themselves
/// are in `texts`.
pub(super) const FTS: &str = "
CREATE VIRTUAL TABLE fts USING fts5(
    title, description, caption, brand, bullets, taxonomy, key,
    content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2'
);
";

/// How long a statement waits for another writer.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens (and where needed makes) the catalog file at `path`. A damaged one is renamed to
/// `*.corrupt-<unix seconds>` and made anew, with a warning; only who holds the [`lock`] may do that.
pub(super) fn open(path: &Path, locked: bool) -> Result<(Connection, Vec<Warning>), CatalogError> {
    let damaged = match open_patiently(path) {
        Err(CatalogError::Corrupt { message, .. }) => message,
        opened => return opened.map(|connection| (connection, Vec::new())),
    };
    let _lock = if locked {
        None
    } else {
        let lock = (0..100).find_map(|_| {
            lock(path).transpose().or_else(|| {
                std::thread::sleep(Duration::from_millis(100));
                None
            })
        });
        // Somebody else may have set it aside while this process waited.
        if let Ok(connection) = open_patiently(path) {
            return Ok((connection, Vec::new()));
        }
        Some(lock.ok_or_else(|| CatalogError::Busy(path.to_owned()))??)
    };
    let aside = set_aside(path)?;
    Ok((open_patiently(path)?, vec![rebuilt(&damaged, &aside)]))
}

/// Takes the advisory lock of the one writer; `None` while somebody else has it. It goes with the file
/// handle, also when the process is killed.
pub(super) fn lock(path: &Path) -> Result<Option<File>, CatalogError> {
    let path = beside(path, "lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| CatalogError::io(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(CatalogError::io(&path, error)),
    }
}

/// The switch to WAL answers "busy" at once, whatever the busy timeout: two processes that make the same
/// catalog at the same moment try again.
fn open_patiently(path: &Path) -> Result<Connection, CatalogError> {
    for _ in 0..100 {
        match open_checked(path) {
            Err(CatalogError::Busy(_)) => std::thread::sleep(Duration::from_millis(50)),
            other => return other,
        }
    }
    open_checked(path)
}

/// Opens an existing catalog and changes nothing about it but the version of its tables.
pub(super) fn open_existing(path: &Path) -> Result<Connection, CatalogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).at(path)?;
    configure(&connection, path)?;
    match version(&connection, path)? {
        VERSION => Ok(connection),
        1 => {
            migrate(&connection, path)?;
            Ok(connection)
        }
        found if found > VERSION => Err(CatalogError::Newer { path: path.to_owned(), found, known: VERSION }),
        _ => Err(CatalogError::corrupt(path, "it is not a shopscope catalog or an outdated one")),
    }
}

/// The warning that tells of a catalog set aside.
pub(super) fn rebuilt(message: &str, aside: &Path) -> Warning {
    Warning::new(
        WarningKind::CatalogRebuilt,
        format!("the catalog was damaged ({message}) and is built anew; the old file is kept: {}", aside.display()),
    )
}

fn open_checked(path: &Path) -> Result<Connection, CatalogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).at(path)?;
    configure(&connection, path)?;
    let found = version(&connection, path)?;
    if found == VERSION {
        return Ok(connection);
    }
    if found > VERSION {
        return Err(CatalogError::Newer { path: path.to_owned(), found, known: VERSION });
    }
    if found == 1 {
        migrate(&connection, path)?;
        return Ok(connection);
    }
    // New. Two processes may be here at once: the first makes the tables, the second finds them.
    let transaction =
        rusqlite::Transaction::new_unchecked(&connection, rusqlite::TransactionBehavior::Immediate).at(path)?;
    let found = version(&transaction, path)?;
    if found < VERSION {
        let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).at(path)?;
        if tables > 0 {
            drop(transaction);
            return Err(CatalogError::corrupt(path, "it is not a shopscope catalog or an outdated one"));
        }
        transaction.execute_batch(TABLES).at(path)?;
        transaction.execute_batch(PREDICTIONS).at(path)?;
        transaction.execute_batch(FTS).at(path)?;
        // A larger hash of pending terms: fewer and longer segments, 8 % faster than with the usual 1 MB.
        transaction.execute_batch("INSERT INTO fts(fts, rank) VALUES ('hashsize', 16777216);").at(path)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).at(path)?;
        transaction.pragma_update(None, "user_version", VERSION).at(path)?;
    }
    transaction.commit().at(path)?;
    Ok(connection)
}

/// Brings a catalog of version 1 to [`VERSION`]: it has no predictions yet. Of several processes the first does it.
fn migrate(connection: &Connection, path: &Path) -> Result<(), CatalogError> {
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate).at(path)?;
    if version(&transaction, path)? == 1 {
        transaction.execute_batch(PREDICTIONS).at(path)?;
        transaction.pragma_update(None, "user_version", VERSION).at(path)?;
    }
    transaction.commit().at(path)
}

/// The version of the file's tables, 0 for a new file. A foreign SQLite file is an error.
fn version(connection: &Connection, path: &Path) -> Result<i64, CatalogError> {
    let read = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).at(path);
    let (application, version) = (read("application_id")?, read("user_version")?);
    if version != 0 && application != APPLICATION_ID {
        return Err(CatalogError::corrupt(path, "it is a database of another program"));
    }
    Ok(version)
}

fn configure(connection: &Connection, path: &Path) -> Result<(), CatalogError> {
    connection.busy_timeout(BUSY_TIMEOUT).at(path)?;
    // The page size counts only before the file has pages; WAL keeps readers and the writer apart.
    connection
        .execute_batch(
            "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; PRAGMA mmap_size = 0;",
        )
        .at(path)?;
    // Lets tests fill the disk without filling one: the largest number of pages a catalog may have.
    if let Some(pages) = std::env::var("SHOPSCOPE_TEST_MAX_PAGES").ok().and_then(|pages| pages.parse::<i64>().ok()) {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).at(path)?;
    }
    Ok(())
}

/// Leaves a note beside a catalog that a reader found damaged. Readers set nothing aside: only the
/// [writer](super::Writer) may, who holds the lock.
pub(super) fn note_damage(path: &Path, message: &str) {
    if path.exists() {
        // A note that cannot be written costs nothing but another sentence at the next reading.
        let _ = fs::write(beside(path, "damaged"), message);
    }
}

/// What a reader noted, if one did.
pub(super) fn found_damaged(path: &Path) -> Option<String> {
    fs::read_to_string(beside(path, "damaged")).ok()
}

/// Renames the catalog and its side files out of the way; returns the new path of the main file.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf, CatalogError> {
    let secs = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let named = |n: u64| {
        let suffix = if n == 0 { format!("corrupt-{secs}") } else { format!("corrupt-{secs}-{n}") };
        beside(path, &suffix)
    };
    let aside = (0..u64::MAX).map(named).find(|aside| !aside.exists()).expect("some number is free");
    // The log first: a new database beside an old log would try to replay it.
    for suffix in ["-wal", "-shm"] {
        let (from, to) = (append(path, suffix), append(&aside, suffix));
        if from.exists() {
            fs::rename(&from, &to).map_err(|error| CatalogError::io(&from, error))?;
        }
    }
    fs::rename(path, &aside).map_err(|error| CatalogError::io(path, error))?;
    let note = beside(path, "damaged");
    if note.exists() {
        fs::remove_file(&note).map_err(|error| CatalogError::io(&note, error))?;
    }
    Ok(aside)
}

/// `path.suffix`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    append(path, &format!(".{suffix}"))
}

fn append(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
