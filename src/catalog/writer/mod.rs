//! The one writer of a catalog.
//!
//! A [`Writer`] holds an advisory lock beside the catalog file, so that one process writes at a time;
//! readers are never locked out (WAL). A shard goes in by one transaction: [`begin`](Writer::begin),
//! [`push`](Writer::push) chunks as they come, [`commit`](Writer::commit). Its text becomes searchable by a
//! second one, [`index_text`](Writer::index_text), which reads the committed records back: samples can be
//! browsed before their text can be searched, and a run that was killed goes on where it was.

mod shard;

use std::fs::File;
use std::path::Path;

use rusqlite::{OptionalExtension, params};
use rustc_hash::FxHashMap;

use self::shard::{Dictionaries, OpenShard};
use super::columns::ShardRow;
use super::dataset::{Catalog, decompress};
use super::error::{CatalogError, SqlResult};
use super::store::Store;
use super::{record, schema, store};
use crate::base::{CancelToken, Warning, WarningKind};
use crate::formats::{FieldMap, Fingerprint, Source};

/// Who found a warning: the scan of its shard, the listing of the dataset, or the look for equal keys.
pub(super) mod origin {
    pub const LISTING: i64 = 0;
    pub const SCAN: i64 = 1;
    pub const KEYS: i64 = 2;
}

/// What an indexing run has to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Positions in [`Source::shards`] of those that are new or changed.
    pub to_read: Vec<usize>,
    /// Shards that stand as they are.
    pub unchanged: usize,
    /// Shards that were in the catalog and are no more.
    pub removed: usize,
}

/// The writing side of a catalog.
#[derive(Debug)]
pub struct Writer {
    pub(super) catalog: Catalog,
    /// Unlocked when it is closed, also by a kill.
    _lock: File,
    map: String,
    dictionaries: Option<Dictionaries>,
    open: Option<OpenShard>,
}

impl Writer {
    /// Opens the catalog of `source` for writing, or `None` while another process (or thread) writes it.
    /// A catalog that is damaged, or that a reader found damaged, is set aside with a warning.
    ///
    /// # Errors
    /// A newer version, or a file system that refuses.
    pub fn open(store: &Store, source: &Source) -> Result<Option<(Self, Vec<Warning>)>, CatalogError> {
        let path = store.catalog_path(source);
        let Some(lock) = schema::lock(&path)? else { return Ok(None) };
        let mut warnings = Vec::new();
        if let Some(message) = schema::found_damaged(&path)
            && path.exists()
        {
            let aside = schema::set_aside(&path)?;
            warnings.push(schema::rebuilt(&message, &aside));
        }
        let (catalog, more) = Catalog::open_locked(store, source)?;
        warnings.extend(more);
        let map = store::map_json(&catalog.field_map()?);
        Ok(Some((Self { catalog, _lock: lock, map, dictionaries: None, open: None }, warnings)))
    }

    /// The reading side of the same connection.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Remembers a choice of fields; shards read by another choice count as changed.
    ///
    /// # Errors
    /// If the workspace cannot be written.
    pub fn set_field_map(&mut self, map: &FieldMap) -> Result<(), CatalogError> {
        self.map = store::map_json(map);
        self.catalog.set_field_map(map)
    }

    pub(super) fn path(&self) -> &Path {
        &self.catalog.path
    }

    fn run(&self, sql: &str) -> Result<(), CatalogError> {
        self.catalog.connection.execute_batch(sql).at(self.path())
    }

    /// Runs `work` in a transaction.
    pub(super) fn transaction<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        self.run("BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|value| self.run("COMMIT").map(|()| value));
        if done.is_err() {
            // SQLite may have rolled back by itself (disk full): then there is nothing left to do.
            let _ = self.run("ROLLBACK");
        }
        done
    }

    pub(super) fn meta(&self, key: &str) -> Result<Option<i64>, CatalogError> {
        self.catalog
            .connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")
            .at(self.path())?
            .query_row([key], |row| row.get(0))
            .optional()
            .at(self.path())
    }

    pub(super) fn set_meta(&self, key: &str, value: impl rusqlite::ToSql) -> Result<(), CatalogError> {
        self.catalog
            .connection
            .prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")
            .at(self.path())?
            .execute(params![key, value])
            .at(self.path())?;
        Ok(())
    }

    /// Every change of shards raises the generation; what is derived from all of them names the one it saw.
    fn raise_generation(&self) -> Result<(), CatalogError> {
        let generation = self.meta("generation")?.unwrap_or(0);
        self.set_meta("generation", generation + 1)
    }

    /// Compares the catalog with `source`: drops shards that are gone, puts the others into the source's
    /// order and says which are to be read. Nothing is written where nothing changed.
    ///
    /// # Errors
    /// If the catalog cannot be read or written.
    pub fn plan(&mut self, source: &Source) -> Result<Plan, CatalogError> {
        let path = self.path().to_owned();
        let mut known: FxHashMap<String, (i64, i64, Fingerprint, String)> = FxHashMap::default();
        {
            let mut statement = self
                .catalog
                .connection
                .prepare("SELECT name, id, position, bytes, modified_ns, map FROM shards")
                .at(&path)?;
            let mut rows = statement.query([]).at(&path)?;
            while let Some(row) = rows.next().at(&path)? {
                let fingerprint =
                    Fingerprint { bytes: row.get::<_, i64>(3).at(&path)? as u64, modified_ns: row.get(4).at(&path)? };
                let entry = (row.get(1).at(&path)?, row.get(2).at(&path)?, fingerprint, row.get(5).at(&path)?);
                known.insert(row.get(0).at(&path)?, entry);
            }
        }
        let mut plan = Plan::default();
        let mut moved = Vec::new();
        for (position, shard) in source.shards.iter().enumerate() {
            match known.remove(&shard.name) {
                Some((id, old_position, fingerprint, map)) => {
                    if old_position != position as i64 {
                        moved.push((id, position as i64));
                    }
                    if fingerprint == shard.fingerprint && map == self.map {
                        plan.unchanged += 1;
                    } else {
                        plan.to_read.push(position);
                    }
                }
                None => plan.to_read.push(position),
            }
        }
        plan.removed = known.len();
        let listed = self.listing_warnings()?;
        let named = self.is_named(source)?;
        if moved.is_empty() && known.is_empty() && listed == source.warnings && named {
            return Ok(plan);
        }
        self.transaction(|writer| {
            for (id, ..) in known.values() {
                writer.remove_shard(*id)?;
            }
            for (id, position) in &moved {
                writer
                    .catalog
                    .connection
                    .prepare_cached("UPDATE shards SET position = ?2 WHERE id = ?1")
                    .at(&path)?
                    .execute([id, position])
                    .at(&path)?;
            }
            writer.catalog.connection.execute("DELETE FROM warnings WHERE origin = ?1", [origin::LISTING]).at(&path)?;
            for warning in &source.warnings {
                writer.insert_warning(None, origin::LISTING, warning)?;
            }
            writer.set_meta("root", source.root.to_string_lossy())?;
            writer.set_meta("name", &source.name)?;
            writer.set_meta("format", source.format.as_str())?;
            if !known.is_empty() || !moved.is_empty() {
                writer.raise_generation()?;
            }
            Ok(())
        })?;
        Ok(plan)
    }

    fn is_named(&self, source: &Source) -> Result<bool, CatalogError> {
        let name: Option<String> = self
            .catalog
            .connection
            .query_row("SELECT value FROM meta WHERE key = 'name'", [], |row| row.get(0))
            .optional()
            .at(self.path())?;
        Ok(name.as_deref() == Some(&source.name))
    }

    fn listing_warnings(&self) -> Result<Vec<Warning>, CatalogError> {
        let path = self.path();
        let mut statement = self
            .catalog
            .connection
            .prepare("SELECT kind, shard, key, message FROM warnings WHERE origin = ?1 ORDER BY id")
            .at(path)?;
        let rows = statement.query_map([origin::LISTING], |row| {
            let kind: String = row.get(0)?;
            let kind = serde_json::from_value(kind.into()).unwrap_or(WarningKind::ShardUnreadable);
            Ok(Warning { kind, shard: row.get(1)?, key: row.get(2)?, message: row.get(3)? })
        });
        rows.at(path)?.collect::<Result<_, _>>().at(path)
    }

    pub(super) fn insert_warning(
        &self,
        shard_id: Option<i64>,
        origin: i64,
        warning: &Warning,
    ) -> Result<(), CatalogError> {
        let kind = serde_json::to_value(warning.kind).expect("a word is JSON");
        self.catalog
            .connection
            .prepare_cached(
                "INSERT INTO warnings(shard_id, origin, kind, shard, key, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .at(self.path())?
            .execute(params![shard_id, origin, kind.as_str(), warning.shard, warning.key, warning.message])
            .at(self.path())?;
        Ok(())
    }

    /// Deletes everything of a shard, in the open transaction.
    fn remove_shard(&self, id: i64) -> Result<(), CatalogError> {
        let (path, connection) = (self.path(), &self.catalog.connection);
        let (base, rows, searchable): (i64, i64, bool) = connection
            .prepare_cached("SELECT base_rowid, rows, searchable FROM shards WHERE id = ?1")
            .at(path)?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .at(path)?;
        let end = base + rows;
        if searchable {
            let mut delete = connection.prepare_cached("DELETE FROM fts WHERE rowid = ?1").at(path)?;
            for rowid in base..end {
                delete.execute([rowid]).at(path)?;
            }
        }
        for sql in [
            "DELETE FROM columns WHERE first_rowid >= ?1 AND first_rowid < ?2",
            "DELETE FROM texts WHERE first_rowid >= ?1 AND first_rowid < ?2",
            "DELETE FROM duplicates WHERE rowid_ >= ?1 AND rowid_ < ?2",
            "DELETE FROM predictions WHERE predictor IN (SELECT id FROM predictors) AND first_rowid >= ?1 AND first_rowid < ?2",
        ] {
            connection.prepare_cached(sql).at(path)?.execute([base, end]).at(path)?;
        }
        for sql in [
            "DELETE FROM warnings WHERE shard_id = ?1",
            "DELETE FROM partials WHERE shard_id = ?1",
            "DELETE FROM shards WHERE id = ?1",
        ] {
            connection.prepare_cached(sql).at(path)?.execute([id]).at(path)?;
        }
        Ok(())
    }

    /// Ids and sizes of the shards whose text cannot be searched yet, in the dataset's order.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn unsearchable(&self) -> Result<Vec<ShardRow>, CatalogError> {
        Ok(self.catalog.read_shards()?.into_iter().filter(|shard| !shard.searchable).collect())
    }

    /// Makes the text of one shard searchable, in one transaction.
    ///
    /// # Errors
    /// If the catalog cannot be read or written, or the work was cancelled; then nothing of the shard is.
    pub fn index_text(&self, shard: &ShardRow, cancel: &CancelToken) -> Result<(), CatalogError> {
        self.transaction(|writer| {
            let (path, connection) = (writer.path(), &writer.catalog.connection);
            let mut insert = connection
                .prepare_cached(
                    "INSERT INTO fts(rowid, title, description, caption, brand, bullets, taxonomy, key) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )
                .at(path)?;
            let mut blocks = connection
                .prepare_cached("SELECT first_rowid, raw_bytes, data FROM texts WHERE first_rowid >= ?1 AND first_rowid < ?2 ORDER BY first_rowid")
                .at(path)?;
            let mut found = blocks.query([shard.base_rowid, shard.base_rowid + i64::from(shard.rows)]).at(path)?;
            let (mut bullets, mut taxonomy) = (String::new(), String::new());
            while let Some(row) = found.next().at(path)? {
                cancel.check()?;
                let (first, raw_bytes): (i64, i64) = (row.get(0).at(path)?, row.get(1).at(path)?);
                let data = row.get_ref(2).at(path)?.as_blob().map_err(rusqlite::Error::from).at(path)?;
                let block = decompress(path, first, raw_bytes, data)?;
                for (rowid, range) in (first..).zip(&block.records) {
                    let texts = record::search_texts(&block.bytes[range.clone()], &mut bullets, &mut taxonomy)
                        .ok_or_else(|| CatalogError::corrupt(path, "a record is not as it was written"))?;
                    if let Some(leaf) = texts.leaf.filter(|leaf| !taxonomy.ends_with(leaf)) {
                        taxonomy.push_str(" > ");
                        taxonomy.push_str(leaf);
                    }
                    if let Some(wnid) = texts.wnid {
                        taxonomy.push(' ');
                        taxonomy.push_str(wnid);
                    }
                    insert
                        .execute(params![
                            rowid,
                            texts.title,
                            texts.description,
                            texts.caption,
                            texts.brand,
                            (!bullets.is_empty()).then_some(&bullets),
                            (!taxonomy.is_empty()).then_some(&taxonomy),
                            texts.key
                        ])
                        .at(path)?;
                }
            }
            connection
                .prepare_cached("UPDATE shards SET searchable = 1 WHERE id = ?1")
                .at(path)?
                .execute([shard.id])
                .at(path)?;
            Ok(())
        })
    }

    /// Number of shards, samples, pictures and unreadable pictures.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn totals(&self) -> Result<[u64; 4], CatalogError> {
        let sql = "SELECT count(*), coalesce(sum(rows), 0), coalesce(sum(with_image), 0), coalesce(sum(unreadable), 0) FROM shards";
        let row: [i64; 4] = self
            .catalog
            .connection
            .query_row(sql, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
            .at(self.path())?;
        Ok(row.map(|n| n as u64))
    }

    /// Folds the log back into the catalog file, so that it is small and opens at once.
    ///
    /// # Errors
    /// If the catalog cannot be written. Readers that still use the log are no error.
    pub fn tidy(&self) -> Result<(), CatalogError> {
        self.catalog
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .or_else(|error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Ok(()),
                _ => Err(error),
            })
            .at(self.path())
    }
}
