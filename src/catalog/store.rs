//! The catalog directory: one SQLite file a dataset, and `workspace.sqlite` for what the user made: recent
//! sources, saved views, tags and field choices. The two are apart so that a damaged or outdated
//! catalog can be rebuilt from the data without losing what cannot be rebuilt, and so that a tag is
//! written at once while a long indexing transaction holds the catalog.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::columns::key_hash;
use super::error::{CatalogError, SqlResult};
use super::schema;
use crate::base::{Warning, WarningKind, dirs};
use crate::formats::{FieldMap, Source};

/// A source that was opened before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// What was opened together.
    pub paths: Vec<PathBuf>,
    /// What it was called.
    pub name: String,
    /// Number of samples when it was last open.
    pub samples: u64,
    /// When, in seconds since the epoch.
    pub opened_unix: u64,
}

/// The catalog directory. Clones share it.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    /// Deletes a temporary directory with the last clone.
    _temporary: Option<tempfile::TempDir>,
}

const WORKSPACE: &str = "
CREATE TABLE IF NOT EXISTS recent(paths TEXT PRIMARY KEY, name TEXT NOT NULL, samples INTEGER NOT NULL, opened INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS views(name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags(catalog TEXT NOT NULL, tag TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY(catalog, tag, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS maps(catalog TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
";

/// How many recent sources are kept.
const RECENT: i64 = 30;

impl Store {
    /// Opens the catalog directory `dir`, by default `catalogs` in the OS cache directory, and makes it
    /// where it is missing. Where it cannot be written, a temporary one that goes with the program takes
    /// its place and a warning says so.
    ///
    /// # Errors
    /// If not even a temporary directory can be made, or the workspace is of a newer version.
    pub fn open(dir: Option<PathBuf>) -> Result<(Self, Vec<Warning>), CatalogError> {
        let dir = dir.unwrap_or_else(|| dirs::cache_dir().join("catalogs"));
        let mut warnings = Vec::new();
        let writable = fs::create_dir_all(&dir).and_then(|()| tempfile::tempfile_in(&dir).map(drop));
        let inner = match writable {
            // Absolute, so that a later change of the working directory does not move it.
            Ok(()) => Inner { dir: fs::canonicalize(&dir).unwrap_or(dir), _temporary: None },
            Err(error) => {
                warnings.push(Warning::new(
                    WarningKind::CatalogTemporary,
                    format!(
                        "the catalog folder cannot be written ({error}); a temporary one is used, so the next start indexes again: {}",
                        dir.display()
                    ),
                ));
                let temporary = tempfile::Builder::new()
                    .prefix("shopscope-catalogs-")
                    .tempdir()
                    .map_err(|error| CatalogError::io(&std::env::temp_dir(), error))?;
                Inner { dir: temporary.path().to_owned(), _temporary: Some(temporary) }
            }
        };
        let store = Self(Arc::new(inner));
        match open_workspace(&store.workspace_path()) {
            Err(error) if error.is_corrupt() => {
                let aside = schema::set_aside(&store.workspace_path())?;
                open_workspace(&store.workspace_path())?;
                warnings.push(Warning::new(
                    WarningKind::CatalogRebuilt,
                    format!("the list of recent sources, tags and views was damaged and starts anew; the old file is kept: {}", aside.display()),
                ));
            }
            opened => drop(opened?),
        }
        Ok((store, warnings))
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// The catalog file of a dataset: its name for people, a hash of its canonical root for the program.
    #[must_use]
    pub fn catalog_path(&self, source: &Source) -> PathBuf {
        let root = fs::canonicalize(&source.root).unwrap_or_else(|_| source.root.clone());
        // Not the display name: that may depend on what else is open.
        let name = root.file_name().map_or_else(|| source.name.clone(), |name| name.to_string_lossy().into_owned());
        let mut name: String =
            name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).take(40).collect();
        if name.starts_with('.') || name.is_empty() {
            name.insert(0, '_');
        }
        // One folder can hold two datasets of different formats.
        let hash = key_hash(&format!("{}\0{}", root.to_string_lossy(), source.format));
        self.0.dir.join(format!("{name}-{hash:016x}.sqlite"))
    }

    fn workspace_path(&self) -> PathBuf {
        self.0.dir.join("workspace.sqlite")
    }

    fn workspace(&self) -> Result<Connection, CatalogError> {
        open_workspace(&self.workspace_path())
    }

    /// Recent sources, the latest first.
    ///
    /// # Errors
    /// If the workspace cannot be read.
    pub fn recent(&self) -> Result<Vec<Recent>, CatalogError> {
        let path = self.workspace_path();
        let connection = self.workspace()?;
        let mut statement = connection
            .prepare("SELECT paths, name, samples, opened FROM recent ORDER BY opened DESC, paths")
            .at(&path)?;
        let rows = statement.query_map([], |row| {
            let paths: String = row.get(0)?;
            Ok(Recent {
                paths: serde_json::from_str(&paths).unwrap_or_default(),
                name: row.get(1)?,
                samples: row.get::<_, i64>(2)? as u64,
                opened_unix: row.get::<_, i64>(3)? as u64,
            })
        });
        let recent: Vec<Recent> = rows.at(&path)?.collect::<Result<_, _>>().at(&path)?;
        Ok(recent.into_iter().filter(|recent| !recent.paths.is_empty()).collect())
    }

    /// Puts `paths` at the head of the recent sources.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn remember(&self, paths: &[PathBuf], name: &str, samples: u64) -> Result<(), CatalogError> {
        let path = self.workspace_path();
        let connection = self.workspace()?;
        // A path that is not UTF-8 cannot be kept as JSON: it is not remembered.
        let Ok(json) = serde_json::to_string(paths) else { return Ok(()) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        connection
            .execute(
                "INSERT OR REPLACE INTO recent VALUES (?1, ?2, ?3, ?4)",
                params![json, name, samples as i64, now as i64],
            )
            .at(&path)?;
        connection
            .execute(
                "DELETE FROM recent WHERE paths NOT IN (SELECT paths FROM recent ORDER BY opened DESC LIMIT ?1)",
                [RECENT],
            )
            .at(&path)?;
        Ok(())
    }

    /// Takes a source off the list of recent ones. Its catalog stays.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn forget(&self, paths: &[PathBuf]) -> Result<(), CatalogError> {
        let Ok(json) = serde_json::to_string(paths) else { return Ok(()) };
        self.workspace()?.execute("DELETE FROM recent WHERE paths = ?1", [json]).at(&self.workspace_path())?;
        Ok(())
    }

    /// Saved views by name: what they hold is the window's own JSON.
    ///
    /// # Errors
    /// If the workspace cannot be read.
    pub fn saved_views(&self) -> Result<Vec<(String, String)>, CatalogError> {
        let path = self.workspace_path();
        let connection = self.workspace()?;
        let mut statement = connection.prepare("SELECT name, json FROM views ORDER BY name").at(&path)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).at(&path)?;
        rows.collect::<Result<_, _>>().at(&path)
    }

    /// Saves a view under `name`, replacing one of that name.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn save_view(&self, name: &str, json: &str) -> Result<(), CatalogError> {
        self.workspace()?
            .execute("INSERT OR REPLACE INTO views VALUES (?1, ?2)", [name, json])
            .at(&self.workspace_path())?;
        Ok(())
    }

    /// Deletes the view called `name`.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn delete_view(&self, name: &str) -> Result<(), CatalogError> {
        self.workspace()?.execute("DELETE FROM views WHERE name = ?1", [name]).at(&self.workspace_path())?;
        Ok(())
    }

    /// The remembered choice of fields for a dataset.
    ///
    /// # Errors
    /// If the workspace cannot be read.
    pub fn field_map(&self, source: &Source) -> Result<FieldMap, CatalogError> {
        read_map(&self.workspace()?, &stem(&self.catalog_path(source))).at(&self.workspace_path())
    }

    /// Remembers the choice of fields for a dataset; the next indexing run reads it anew by it.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn set_field_map(&self, source: &Source, map: &FieldMap) -> Result<(), CatalogError> {
        write_map(&self.workspace()?, &stem(&self.catalog_path(source)), map).at(&self.workspace_path())
    }
}

/// What a catalog is called in the workspace.
pub(super) fn stem(catalog: &Path) -> String {
    catalog.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// The workspace that belongs to a catalog file.
pub(super) fn workspace_of(catalog: &Path) -> PathBuf {
    catalog.with_file_name("workspace.sqlite")
}

pub(super) fn read_map(workspace: &Connection, stem: &str) -> rusqlite::Result<FieldMap> {
    let json: Option<String> =
        workspace.query_row("SELECT json FROM maps WHERE catalog = ?1", [stem], |row| row.get(0)).optional()?;
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default())
}

pub(super) fn write_map(workspace: &Connection, stem: &str, map: &FieldMap) -> rusqlite::Result<()> {
    let json = map_json(map);
    workspace.execute("INSERT OR REPLACE INTO maps VALUES (?1, ?2)", [stem, &json]).map(drop)
}

/// A field map as JSON, the same text for the same map.
pub(super) fn map_json(map: &FieldMap) -> String {
    serde_json::to_string(map).expect("a map of words to strings is JSON")
}

pub(super) fn open_workspace(path: &Path) -> Result<Connection, CatalogError> {
    let connection = Connection::open(path).at(path)?;
    connection.busy_timeout(Duration::from_secs(30)).at(path)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).at(path)?;
    if version > schema::VERSION {
        return Err(CatalogError::Newer { path: path.to_owned(), found: version, known: schema::VERSION });
    }
    if version < schema::VERSION {
        // No WAL here: without its side files the workspace can be read on a full disk, too.
        connection.execute_batch(WORKSPACE).at(path)?;
        connection.pragma_update(None, "user_version", schema::VERSION).at(path)?;
    }
    connection.execute_batch("PRAGMA synchronous = NORMAL;").at(path)?;
    Ok(connection)
}
