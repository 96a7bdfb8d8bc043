//! One dataset's catalog as its readers see it.
//!
//! A [`Catalog`] is a connection: open one per thread. Rows are dense numbers in the order of shards;
//! which shards those are is fixed by the last [`snapshot`](Catalog::snapshot) (or
//! [`adopt`](Catalog::adopt)ed one), so that row numbers of a snapshot stay good while the catalog grows.
//! A row whose shard was read again since is an error ([`CatalogError::Changed`]), never a stranger's record.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roaring::RoaringBitmap;
use rusqlite::{Connection, OptionalExtension, params};
use rustc_hash::{FxHashMap, FxHashSet};

use super::chunk::decode_columns;
use super::columns::{DatasetColumns, RowColumns, ShardRow, flags, key_hash};
use super::error::{CatalogError, SqlResult};
use super::record::{self, TextRecord};
use super::schema;
use super::search::SearchQuery;
use super::store::{self, Store};
use super::taxonomy::NONE;
use crate::base::{Warning, WarningKind};
use crate::formats::{FieldMap, Fields, Fingerprint, Format, Location, RawRecord, Source};

/// One sample with everything the catalog knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its row in the dataset.
    pub row: u32,
    /// Its key.
    pub key: String,
    /// Its texts.
    pub fields: Fields,
    /// Where its picture is.
    pub image: Option<Location>,
    /// Width as displayed, 0 if unknown.
    pub width: u32,
    /// Height as displayed, 0 if unknown.
    pub height: u32,
    /// Bits of [`flags`].
    pub flags: u16,
    /// Name of its shard.
    pub shard: String,
    /// Path of its shard.
    pub shard_path: PathBuf,
    /// Its number in the shard.
    pub shard_row: u32,
    /// The whole record as the data has it.
    pub raw: RawRecord,
}

/// A decompressed block of records.
pub(super) struct Block {
    first_rowid: i64,
    pub bytes: Vec<u8>,
    pub records: Vec<std::ops::Range<usize>>,
}

/// Blocks kept decompressed: a grid page touches a few dozen, most of them again when it scrolls.
const CACHED_BLOCKS: usize = 96;

/// A dataset's catalog, opened.
pub struct Catalog {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    pub(super) root: PathBuf,
    pub(super) name: String,
    pub(super) format: Format,
    shards: RefCell<Arc<[ShardRow]>>,
    /// Image columns per chunk are not cached: records come with their block, sizes from the columns blob.
    blocks: RefCell<Vec<Arc<Block>>>,
    chunks: RefCell<Vec<(i64, Arc<RowColumns>)>>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").field("path", &self.path).field("root", &self.root).finish_non_exhaustive()
    }
}

impl Catalog {
    /// Opens the catalog of `source` and makes an empty one where there is none. A damaged file is set
    /// aside (never deleted) with a warning.
    ///
    /// # Errors
    /// A newer version, or a file system that refuses.
    pub fn open(store: &Store, source: &Source) -> Result<(Self, Vec<Warning>), CatalogError> {
        Self::open_as(store, source, false)
    }

    /// As [`open`](Self::open), for the writer, who holds the lock.
    pub(super) fn open_locked(store: &Store, source: &Source) -> Result<(Self, Vec<Warning>), CatalogError> {
        Self::open_as(store, source, true)
    }

    fn open_as(store: &Store, source: &Source, locked: bool) -> Result<(Self, Vec<Warning>), CatalogError> {
        let path = store.catalog_path(source);
        let (connection, warnings) = schema::open(&path, locked)?;
        // A catalog says from its first moment what it is a catalog of: readers that know only its path
        // may come before the first shard is written.
        let identity = "INSERT OR IGNORE INTO meta VALUES ('root', ?1), ('name', ?2), ('format', ?3)";
        let root = source.root.to_string_lossy();
        connection.execute(identity, (&root, &source.name, source.format.as_str())).at(&path)?;
        let catalog = Self::with(path, connection, source.root.clone(), source.name.clone(), source.format)?;
        Ok((catalog, warnings))
    }

    /// Opens an existing catalog file by its path, as another thread knows it from
    /// [`DatasetColumns::catalog`]. Nothing is made or set aside.
    ///
    /// # Errors
    /// If there is no catalog, or it is damaged or newer.
    pub fn open_read(path: &Path) -> Result<Self, CatalogError> {
        let connection = schema::open_existing(path)?;
        let meta = |key: &str| {
            connection
                .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get::<_, String>(0))
                .optional()
        };
        let (root, name, format) = (meta("root").at(path)?, meta("name").at(path)?, meta("format").at(path)?);
        let format: Option<Format> = format.and_then(|word| serde_json::from_value(word.into()).ok());
        let (Some(root), Some(name), Some(format)) = (root, name, format) else {
            return Err(CatalogError::corrupt(path, "it does not say what it is a catalog of"));
        };
        Self::with(path.to_owned(), connection, PathBuf::from(root), name, format)
    }

    fn with(
        path: PathBuf,
        connection: Connection,
        root: PathBuf,
        name: String,
        format: Format,
    ) -> Result<Self, CatalogError> {
        let catalog = Self {
            path,
            connection,
            root,
            name,
            format,
            shards: RefCell::new(Arc::new([])),
            blocks: RefCell::default(),
            chunks: RefCell::default(),
        };
        catalog.refresh()?;
        Ok(catalog)
    }

    /// The catalog file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The dataset's folder or file.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The dataset's display name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its shards are read.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The shards by which rows are numbered now.
    #[must_use]
    pub fn shards(&self) -> Arc<[ShardRow]> {
        self.shards.borrow().clone()
    }

    /// Numbers rows by what the catalog holds now.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn refresh(&self) -> Result<(), CatalogError> {
        let shards = self.read_shards()?;
        *self.shards.borrow_mut() = shards.into();
        Ok(())
    }

    /// Numbers rows as `columns` does, a snapshot that another thread took of the same catalog.
    pub fn adopt(&self, columns: &DatasetColumns) {
        *self.shards.borrow_mut() = columns.shards.clone();
    }

    pub(super) fn read_shards(&self) -> Result<Vec<ShardRow>, CatalogError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, name, path, bytes, modified_ns, base_rowid, rows, with_image, unreadable, searchable \
                 FROM shards ORDER BY position, name",
            )
            .at(&self.path)?;
        let mut first_row = 0;
        let rows = statement.query_map([], |row| {
            let rows: u32 = row.get(6)?;
            let shard = ShardRow {
                id: row.get(0)?,
                name: row.get(1)?,
                path: path_from_bytes(row.get(2)?),
                fingerprint: Fingerprint { bytes: row.get::<_, i64>(3)? as u64, modified_ns: row.get(4)? },
                base_rowid: row.get(5)?,
                first_row,
                rows,
                with_image: row.get(7)?,
                unreadable: row.get(8)?,
                searchable: row.get(9)?,
            };
            first_row += rows;
            Ok(shard)
        });
        rows.at(&self.path)?.collect::<Result<_, _>>().at(&self.path)
    }

    /// Reads all columns into memory and numbers rows by them from now on.
    ///
    /// # Errors
    /// If the catalog cannot be read or is damaged.
    pub fn snapshot(&self) -> Result<DatasetColumns, CatalogError> {
        // One transaction, so that a shard committed meanwhile is either seen in all tables or in none.
        let transaction = self.connection.unchecked_transaction().at(&self.path)?;
        let shards = self.read_shards()?;
        let total: usize = shards.iter().map(|shard| shard.rows as usize).sum();
        let mut rows = RowColumns::with_capacity(total);
        {
            let mut statement = transaction
                .prepare_cached("SELECT first_rowid, rows, data FROM columns WHERE first_rowid >= ?1 AND first_rowid < ?2 ORDER BY first_rowid")
                .at(&self.path)?;
            for shard in &shards {
                let mut found =
                    statement.query([shard.base_rowid, shard.base_rowid + i64::from(shard.rows)]).at(&self.path)?;
                while let Some(row) = found.next().at(&self.path)? {
                    let n: u32 = row.get(1).at(&self.path)?;
                    let data = row.get_ref(2).at(&self.path)?.as_blob().map_err(rusqlite::Error::from).at(&self.path)?;
                    decode_columns(data, n as usize, &mut rows).ok_or_else(|| self.damaged(&shard.name))?;
                }
                if rows.flags.len() != (shard.first_row + shard.rows) as usize {
                    return Err(self.damaged(&shard.name));
                }
            }
        }
        for rowid in self.numbers("SELECT rowid_ FROM duplicates")? {
            if let Some(row) = row_of(&shards, rowid) {
                rows.flags[row as usize] |= flags::DUPLICATE_KEY;
            }
        }
        let nodes = {
            let mut statement =
                transaction.prepare_cached("SELECT parent, name FROM nodes ORDER BY id").at(&self.path)?;
            let nodes = statement.query_map([], |row| {
                Ok((row.get::<_, Option<u32>>(0)?.unwrap_or(NONE), Arc::from(row.get::<_, String>(1)?)))
            });
            nodes.at(&self.path)?.collect::<Result<_, _>>().at(&self.path)?
        };
        let columns = DatasetColumns {
            catalog: self.path.clone(),
            name: self.name.clone(),
            root: self.root.clone(),
            format: self.format,
            shards: shards.into(),
            rows,
            leaves: self.names("SELECT name FROM leaves ORDER BY id")?,
            brands: self.names("SELECT name FROM brands ORDER BY id")?,
            splits: self.names("SELECT name FROM splits ORDER BY id")?,
            nodes,
            warnings: self.warning_count()?,
        };
        transaction.finish().at(&self.path)?;
        self.adopt(&columns);
        Ok(columns)
    }

    fn damaged(&self, shard: &str) -> CatalogError {
        CatalogError::corrupt(&self.path, format!("the columns of shard {shard} are not as they were written"))
    }

    fn names(&self, sql: &str) -> Result<Vec<Arc<str>>, CatalogError> {
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let names = statement.query_map([], |row| Ok(Arc::from(row.get_ref(0)?.as_str()?))).at(&self.path)?;
        names.collect::<Result<_, _>>().at(&self.path)
    }

    fn numbers(&self, sql: &str) -> Result<Vec<i64>, CatalogError> {
        let mut statement = self.connection.prepare_cached(sql).at(&self.path)?;
        let numbers = statement.query_map([], |row| row.get(0)).at(&self.path)?;
        numbers.collect::<Result<_, _>>().at(&self.path)
    }

    /// The row's shard and row id, by the current numbering.
    fn locate(&self, row: u32) -> Result<(ShardRow, i64), CatalogError> {
        let shards = self.shards.borrow();
        let at = shards.partition_point(|shard| shard.first_row + shard.rows <= row);
        let shard = shards.get(at).ok_or_else(|| CatalogError::Changed(self.root.clone()))?;
        Ok((shard.clone(), shard.base_rowid + i64::from(row - shard.first_row)))
    }

    /// The block that holds `rowid`. Row ids are never given twice, so a block that is not there, or does
    /// not reach that far, means that the shard was read again.
    fn block(&self, rowid: i64) -> Result<Arc<Block>, CatalogError> {
        let holds =
            |block: &Block| (block.first_rowid..block.first_rowid + block.records.len() as i64).contains(&rowid);
        let mut blocks = self.blocks.borrow_mut();
        if let Some(at) = blocks.iter().position(|block| holds(block)) {
            let block = blocks.remove(at);
            blocks.push(block.clone());
            return Ok(block);
        }
        let found = self
            .connection
            .prepare_cached("SELECT first_rowid, raw_bytes, data FROM texts WHERE first_rowid <= ?1 ORDER BY first_rowid DESC LIMIT 1")
            .at(&self.path)?
            .query_row([rowid], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?)))
            .optional()
            .at(&self.path)?;
        let Some((first_rowid, raw_bytes, data)) = found else {
            return Err(CatalogError::Changed(self.root.clone()));
        };
        let block = Arc::new(decompress(&self.path, first_rowid, raw_bytes, &data)?);
        if !holds(&block) {
            return Err(CatalogError::Changed(self.root.clone()));
        }
        if blocks.len() >= CACHED_BLOCKS {
            blocks.remove(0);
        }
        blocks.push(block.clone());
        Ok(block)
    }

    /// The column chunk that holds `rowid`, and the row's place in it.
    fn chunk(&self, rowid: i64) -> Result<(Arc<RowColumns>, usize), CatalogError> {
        let holds = |first: i64, rows: &RowColumns| (first..first + rows.flags.len() as i64).contains(&rowid);
        let mut chunks = self.chunks.borrow_mut();
        if let Some((first, rows)) = chunks.iter().find(|(first, rows)| holds(*first, rows)) {
            return Ok((rows.clone(), (rowid - first) as usize));
        }
        let found = self
            .connection
            .prepare_cached(
                "SELECT first_rowid, rows, data FROM columns WHERE first_rowid <= ?1 ORDER BY first_rowid DESC LIMIT 1",
            )
            .at(&self.path)?
            .query_row([rowid], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?, row.get::<_, Vec<u8>>(2)?)))
            .optional()
            .at(&self.path)?;
        let Some((first, n, data)) = found else {
            return Err(CatalogError::Changed(self.root.clone()));
        };
        let mut rows = RowColumns::default();
        decode_columns(&data, n as usize, &mut rows)
            .ok_or_else(|| CatalogError::corrupt(&self.path, "a chunk of columns is not as it was written"))?;
        if !holds(first, &rows) {
            return Err(CatalogError::Changed(self.root.clone()));
        }
        if chunks.len() >= CACHED_BLOCKS {
            chunks.remove(0);
        }
        let rows = Arc::new(rows);
        chunks.push((first, rows.clone()));
        Ok((rows, (rowid - first) as usize))
    }

    fn texts(&self, rowid: i64) -> Result<TextRecord, CatalogError> {
        let block = self.block(rowid)?;
        let range = block.records[(rowid - block.first_rowid) as usize].clone();
        record::decode(&block.bytes[range])
            .ok_or_else(|| CatalogError::corrupt(&self.path, "a record is not as it was written"))
    }

    /// Everything about the sample at `row`.
    ///
    /// # Errors
    /// [`CatalogError::Changed`] if its shard was read again since the numbering was taken.
    pub fn record(&self, row: u32) -> Result<Record, CatalogError> {
        let (shard, rowid) = self.locate(row)?;
        let texts = self.texts(rowid)?;
        let (columns, at) = self.chunk(rowid)?;
        let bits = columns.flags[at];
        let image = (bits & flags::HAS_IMAGE != 0).then(|| Location {
            offset: columns.image_offset[at],
            length: columns.image_length[at],
            path: texts.image_path,
        });
        Ok(Record {
            row,
            key: texts.key,
            fields: texts.fields,
            image,
            width: columns.width[at],
            height: columns.height[at],
            flags: bits,
            shard: shard.name,
            shard_path: shard.path,
            shard_row: row - shard.first_row,
            raw: texts.raw,
        })
    }

    /// Everything about these samples, in the order asked for.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn records(&self, rows: &[u32]) -> Result<Vec<Record>, CatalogError> {
        rows.iter().map(|&row| self.record(row)).collect()
    }

    /// The keys of these samples, in the order asked for.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn keys(&self, rows: impl IntoIterator<Item = u32>) -> Result<Vec<String>, CatalogError> {
        rows.into_iter().map(|row| Ok(self.texts(self.locate(row)?.1)?.key)).collect()
    }

    /// The samples (rows of the current numbering) that a text search finds. Shards whose text is not
    /// indexed yet are not found.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn search(&self, query: &SearchQuery) -> Result<RoaringBitmap, CatalogError> {
        let shards = self.shards.borrow().clone();
        let mut hits = Vec::new();
        let path = &self.path;
        let mut statement = self.connection.prepare_cached("SELECT rowid FROM fts WHERE fts MATCH ?1").at(&self.path)?;
        let mut rows = statement.query([query.fts()]).at(&self.path)?;
        // Hits come in ascending row ids: one walk along the shards in that order.
        let mut by_rowid: Vec<&ShardRow> = shards.iter().filter(|shard| shard.rows > 0).collect();
        by_rowid.sort_unstable_by_key(|shard| shard.base_rowid);
        let (mut at, mut last) = (0, i64::MIN);
        while let Some(row) = rows.next().at(path)? {
            let rowid: i64 = row.get(0).at(path)?;
            if rowid < last {
                at = 0;
            }
            last = rowid;
            while by_rowid.get(at).is_some_and(|shard| rowid >= shard.base_rowid + i64::from(shard.rows)) {
                at += 1;
            }
            if let Some(shard) = by_rowid.get(at)
                && rowid >= shard.base_rowid
            {
                hits.push(shard.first_row + (rowid - shard.base_rowid) as u32);
            }
        }
        hits.sort_unstable();
        hits.dedup();
        let hits: RoaringBitmap = hits.into_iter().collect();
        if !query.is_negated() {
            return Ok(hits);
        }
        let mut rest = RoaringBitmap::new();
        for shard in shards.iter().filter(|shard| shard.searchable) {
            rest.insert_range(shard.first_row..shard.first_row + shard.rows);
        }
        Ok(rest - hits)
    }

    /// The warnings of the dataset: those about the dataset as a whole first, then by shard.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn warnings(&self, limit: usize) -> Result<Vec<Warning>, CatalogError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT w.kind, w.shard, w.key, w.message FROM warnings w LEFT JOIN shards s ON s.id = w.shard_id \
                 ORDER BY s.position, s.name, w.origin, w.id LIMIT ?1",
            )
            .at(&self.path)?;
        let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            let kind: String = row.get(0)?;
            Ok((kind, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        let mut warnings = Vec::new();
        for row in rows.at(&self.path)? {
            let (kind, shard, key, message) = row.at(&self.path)?;
            let kind: WarningKind = serde_json::from_value(kind.clone().into())
                .map_err(|_| CatalogError::corrupt(&self.path, format!("there is no warning of kind {kind}")))?;
            warnings.push(Warning { kind, shard, key, message });
        }
        Ok(warnings)
    }

    /// Number of warnings.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn warning_count(&self) -> Result<u64, CatalogError> {
        let count: i64 =
            self.connection.query_row("SELECT count(*) FROM warnings", [], |row| row.get(0)).at(&self.path)?;
        Ok(count as u64)
    }

    /// All tags with the samples (rows of the current numbering) that have them. A tag sticks to a key: it
    /// comes back when the sample's shard was read again.
    ///
    /// # Errors
    /// If the workspace or the catalog cannot be read.
    pub fn tags(&self) -> Result<Vec<(String, RoaringBitmap)>, CatalogError> {
        let workspace_path = store::workspace_of(&self.path);
        let workspace = store::open_workspace(&workspace_path)?;
        let mut statement =
            workspace.prepare("SELECT tag, key FROM tags WHERE catalog = ?1 ORDER BY tag").at(&workspace_path)?;
        let mut rows = statement.query([store::stem(&self.path)]).at(&workspace_path)?;
        let mut names: Vec<String> = Vec::new();
        let mut wanted: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
        while let Some(row) = rows.next().at(&workspace_path)? {
            let tag: String = row.get(0).at(&workspace_path)?;
            if names.last() != Some(&tag) {
                names.push(tag);
            }
            let key =
                row.get_ref(1).at(&workspace_path)?.as_str().map_err(rusqlite::Error::from).at(&workspace_path)?;
            wanted.entry(key_hash(key)).or_default().push(names.len() - 1);
        }
        let mut sets = vec![RoaringBitmap::new(); names.len()];
        if !wanted.is_empty() {
            self.each_key_hash(|row, hash| {
                for &tag in wanted.get(&hash).into_iter().flatten() {
                    sets[tag].insert(row);
                }
            })?;
        }
        Ok(names.into_iter().zip(sets).collect())
    }

    /// Calls `f` with every row of the current numbering and the hash of its key.
    pub(super) fn each_key_hash(&self, mut f: impl FnMut(u32, u64)) -> Result<(), CatalogError> {
        let shards = self.shards();
        let mut statement = self
            .connection
            .prepare_cached("SELECT first_rowid, rows, data FROM columns WHERE first_rowid >= ?1 AND first_rowid < ?2")
            .at(&self.path)?;
        for shard in shards.iter() {
            let mut found =
                statement.query([shard.base_rowid, shard.base_rowid + i64::from(shard.rows)]).at(&self.path)?;
            while let Some(row) = found.next().at(&self.path)? {
                let (first, n): (i64, u32) = (row.get(0).at(&self.path)?, row.get(1).at(&self.path)?);
                let data = row.get_ref(2).at(&self.path)?.as_blob().map_err(rusqlite::Error::from).at(&self.path)?;
                let mut columns = RowColumns::default();
                decode_columns(data, n as usize, &mut columns).ok_or_else(|| self.damaged(&shard.name))?;
                let start = shard.first_row + (first - shard.base_rowid) as u32;
                columns.key_hash.iter().zip(start..).for_each(|(&hash, row)| f(row, hash));
            }
        }
        Ok(())
    }

    /// Gives (`on`) or takes away a tag.
    ///
    /// # Errors
    /// If the workspace cannot be written, or as [`record`](Self::record).
    pub fn set_tag(&self, tag: &str, rows: &RoaringBitmap, on: bool) -> Result<(), CatalogError> {
        let keys = self.keys(rows)?;
        let path = store::workspace_of(&self.path);
        let mut workspace = store::open_workspace(&path)?;
        let stem = store::stem(&self.path);
        let transaction = workspace.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).at(&path)?;
        {
            let mut statement = transaction
                .prepare(if on {
                    "INSERT OR IGNORE INTO tags VALUES (?1, ?2, ?3)"
                } else {
                    "DELETE FROM tags WHERE catalog = ?1 AND tag = ?2 AND key = ?3"
                })
                .at(&path)?;
            for key in keys {
                statement.execute(params![stem, tag, key]).at(&path)?;
            }
        }
        transaction.commit().at(&path)
    }

    /// The remembered choice of fields.
    ///
    /// # Errors
    /// If the workspace cannot be read.
    pub fn field_map(&self) -> Result<FieldMap, CatalogError> {
        let path = store::workspace_of(&self.path);
        store::read_map(&store::open_workspace(&path)?, &store::stem(&self.path)).at(&path)
    }

    /// Remembers the choice of fields; the next indexing run reads the dataset anew by it.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn set_field_map(&self, map: &FieldMap) -> Result<(), CatalogError> {
        let path = store::workspace_of(&self.path);
        store::write_map(&store::open_workspace(&path)?, &store::stem(&self.path), map).at(&path)
    }

    /// A cached partial result of a shard (statistics are a merge of partials), if there is one.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn partial(&self, shard: i64, kind: &str, params: &str) -> Result<Option<Vec<u8>>, CatalogError> {
        self.connection
            .query_row(
                "SELECT data FROM partials WHERE shard_id = ?1 AND kind = ?2 AND params = ?3",
                params![shard, kind, params],
                |row| row.get(0),
            )
            .optional()
            .at(&self.path)
    }

    /// Caches a partial result of a shard; it goes when the shard is read again. Waits a moment only for another writer: it is a cache.
    ///
    /// # Errors
    /// [`CatalogError::Busy`] if another is writing; if the catalog cannot be written, or the shard is no more.
    pub fn set_partial(&self, shard: i64, kind: &str, params: &str, data: &[u8]) -> Result<(), CatalogError> {
        self.connection.busy_timeout(std::time::Duration::from_millis(50)).at(&self.path)?;
        let written = self.connection.execute(
            "INSERT OR REPLACE INTO partials SELECT id, ?2, ?3, ?4 FROM shards WHERE id = ?1",
            params![shard, kind, params, data],
        );
        self.connection.busy_timeout(schema::BUSY_TIMEOUT).at(&self.path)?;
        if written.at(&self.path)? == 0 { Err(CatalogError::Changed(self.root.clone())) } else { Ok(()) }
    }

    /// Rows (of the current numbering) whose key is `key`, ascending.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn rows_with_key(&self, key: &str) -> Result<Vec<u32>, CatalogError> {
        let hash = key_hash(key);
        let mut rows = Vec::new();
        self.each_key_hash(|row, other| {
            if other == hash {
                rows.push(row);
            }
        })?;
        let keys = self.keys(rows.iter().copied())?;
        rows.sort_unstable();
        let same: FxHashSet<u32> =
            rows.iter().copied().zip(keys).filter(|(_, k)| k == key).map(|(row, _)| row).collect();
        rows.retain(|row| same.contains(row));
        Ok(rows)
    }
}

/// Decompresses a block of records.
pub(super) fn decompress(path: &Path, first_rowid: i64, raw_bytes: i64, data: &[u8]) -> Result<Block, CatalogError> {
    let damaged = || CatalogError::corrupt(path, "a block of records is not as it was written");
    // The length is not trusted: a block is at most one chunk of records and one huge one, below 4 GiB.
    let capacity = u32::try_from(raw_bytes).map_err(|_| damaged())?;
    let bytes = zstd::bulk::decompress(data, capacity as usize).map_err(|_| damaged())?;
    let records = record::split_block(&bytes).ok_or_else(damaged)?;
    Ok(Block { first_rowid, bytes, records })
}

/// The dense row of a row id.
fn row_of(shards: &[ShardRow], rowid: i64) -> Option<u32> {
    let holds = |shard: &&ShardRow| (shard.base_rowid..shard.base_rowid + i64::from(shard.rows)).contains(&rowid);
    shards.iter().find(holds).map(|shard| shard.first_row + (rowid - shard.base_rowid) as u32)
}

/// A path as bytes for a BLOB column.
#[cfg(unix)]
pub(super) fn path_to_bytes(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}

/// A path as bytes for a BLOB column.
#[cfg(not(unix))]
pub(super) fn path_to_bytes(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

/// The reverse of [`path_to_bytes`].
#[cfg(unix)]
fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// The reverse of [`path_to_bytes`].
#[cfg(not(unix))]
fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}
