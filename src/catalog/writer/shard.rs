//! A shard on its way in: one transaction from [`begin`](Writer::begin) to [`commit`](Writer::commit).

use std::path::PathBuf;

use rusqlite::{OptionalExtension, params};
use rustc_hash::FxHashMap;

use super::{Writer, origin};
use crate::catalog::chunk::{Chunk, encode_columns};
use crate::catalog::columns::{ShardRow, flags};
use crate::catalog::dataset::path_to_bytes;
use crate::catalog::error::{CatalogError, SqlResult};
use crate::catalog::taxonomy::NONE;
use crate::formats::{Fingerprint, Shard};

/// Names to ids, as in the tables.
#[derive(Debug, Default)]
pub(super) struct Dictionaries {
    leaves: FxHashMap<String, u32>,
    brands: FxHashMap<String, u32>,
    splits: FxHashMap<String, u32>,
    nodes: FxHashMap<(u32, String), u32>,
}

/// A shard whose transaction is open.
#[derive(Debug)]
pub(super) struct OpenShard {
    id: i64,
    name: String,
    fingerprint: Fingerprint,
    base_rowid: i64,
    rows: u32,
    with_image: u32,
    unreadable: u32,
    /// Local id -> catalog id.
    leaves: Vec<u32>,
    brands: Vec<u32>,
    splits: Vec<u32>,
    nodes: Vec<u32>,
}

impl Writer {
    /// Starts the transaction of a shard; what the catalog held of it before goes with the same transaction.
    ///
    /// # Errors
    /// If the catalog cannot be written. Then [`rollback`](Self::rollback) was done already.
    ///
    /// # Panics
    /// If a shard is open already.
    pub fn begin(&mut self, position: usize, shard: &Shard) -> Result<(), CatalogError> {
        assert!(self.open.is_none(), "the shard before is committed or rolled back");
        if self.dictionaries.is_none() {
            self.dictionaries = Some(self.load_dictionaries()?);
        }
        self.run("BEGIN IMMEDIATE")?;
        let begun = self.insert_shard(position, shard);
        match begun {
            Ok(open) => {
                self.open = Some(open);
                Ok(())
            }
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    fn insert_shard(&self, position: usize, shard: &Shard) -> Result<OpenShard, CatalogError> {
        let (path, connection) = (self.path(), &self.catalog.connection);
        let old: Option<i64> = connection
            .prepare_cached("SELECT id FROM shards WHERE name = ?1")
            .at(path)?
            .query_row([&shard.name], |row| row.get(0))
            .optional()
            .at(path)?;
        if let Some(old) = old {
            self.remove_shard(old)?;
        }
        let base_rowid = self.meta("next_rowid")?.unwrap_or(1);
        connection
            .prepare_cached("INSERT INTO shards VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 0, 0)")
            .at(path)?
            .execute(params![
                shard.name,
                path_to_bytes(&shard.path),
                position as i64,
                shard.fingerprint.bytes as i64,
                shard.fingerprint.modified_ns,
                self.map,
                base_rowid
            ])
            .at(path)?;
        Ok(OpenShard {
            id: connection.last_insert_rowid(),
            name: shard.name.clone(),
            fingerprint: shard.fingerprint,
            base_rowid,
            rows: 0,
            with_image: 0,
            unreadable: 0,
            leaves: Vec::new(),
            brands: Vec::new(),
            splits: Vec::new(),
            nodes: Vec::new(),
        })
    }

    fn load_dictionaries(&self) -> Result<Dictionaries, CatalogError> {
        let path = self.path();
        let names = |sql: &str| {
            let mut statement = self.catalog.connection.prepare(sql).at(path)?;
            let rows = statement.query_map([], |row| Ok((row.get(1)?, row.get(0)?))).at(path)?;
            rows.collect::<Result<FxHashMap<String, u32>, _>>().at(path)
        };
        let mut statement = self.catalog.connection.prepare("SELECT id, parent, name FROM nodes").at(path)?;
        let nodes = statement
            .query_map([], |row| Ok(((row.get::<_, Option<u32>>(1)?.unwrap_or(NONE), row.get(2)?), row.get(0)?)))
            .at(path)?;
        Ok(Dictionaries {
            leaves: names("SELECT id, name FROM leaves")?,
            brands: names("SELECT id, name FROM brands")?,
            splits: names("SELECT id, name FROM splits")?,
            nodes: nodes.collect::<Result<_, _>>().at(path)?,
        })
    }

    /// Stores a chunk of the open shard.
    ///
    /// # Errors
    /// If the catalog cannot be written. Then [`rollback`](Self::rollback) was done already.
    ///
    /// # Panics
    /// If no shard is open.
    pub fn push(&mut self, chunk: Chunk) -> Result<(), CatalogError> {
        let mut open = self.open.take().expect("a shard is open");
        let mut dictionaries = self.dictionaries.take().expect("`begin` loads them");
        let stored = self.store(&mut open, &mut dictionaries, chunk);
        match stored {
            Ok(()) => {
                self.open = Some(open);
                self.dictionaries = Some(dictionaries);
                Ok(())
            }
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    fn store(
        &self,
        open: &mut OpenShard,
        dictionaries: &mut Dictionaries,
        mut chunk: Chunk,
    ) -> Result<(), CatalogError> {
        let (path, connection) = (self.path(), &self.catalog.connection);
        for (new, ids, known, sql) in [
            (&mut chunk.leaves, &mut open.leaves, &mut dictionaries.leaves, "INSERT INTO leaves VALUES (?1, ?2)"),
            (&mut chunk.brands, &mut open.brands, &mut dictionaries.brands, "INSERT INTO brands VALUES (?1, ?2)"),
            (&mut chunk.splits, &mut open.splits, &mut dictionaries.splits, "INSERT INTO splits VALUES (?1, ?2)"),
        ] {
            for name in new.drain(..) {
                let id = if let Some(&id) = known.get(&name) {
                    id
                } else {
                    let id = known.len() as u32;
                    connection.prepare_cached(sql).at(path)?.execute(params![id, name]).at(path)?;
                    known.insert(name, id);
                    id
                };
                ids.push(id);
            }
        }
        for (parent, name) in chunk.nodes.drain(..) {
            let parent = open.nodes.get(parent as usize).copied().unwrap_or(NONE);
            let next = dictionaries.nodes.len() as u32;
            let id = match dictionaries.nodes.entry((parent, name)) {
                std::collections::hash_map::Entry::Occupied(known) => *known.get(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    connection
                        .prepare_cached("INSERT INTO nodes VALUES (?1, ?2, ?3)")
                        .at(path)?
                        .execute(params![next, (parent != NONE).then_some(parent), new.key().1])
                        .at(path)?;
                    *new.insert(next)
                }
            };
            open.nodes.push(id);
        }
        for warning in &chunk.warnings {
            self.insert_warning(Some(open.id), origin::SCAN, warning)?;
        }
        if chunk.is_empty() {
            return Ok(());
        }
        let rows = &mut chunk.rows;
        for (column, ids) in
            [(&mut rows.leaf, &open.leaves), (&mut rows.brand, &open.brands), (&mut rows.node, &open.nodes)]
        {
            for id in column {
                *id = ids.get(*id as usize).copied().unwrap_or(NONE);
            }
        }
        for id in &mut rows.split {
            let known = open.splits.get(usize::from(*id)).copied().unwrap_or(NONE);
            *id = u16::try_from(known).unwrap_or(u16::MAX);
        }
        for bits in &rows.flags {
            open.with_image += u32::from(bits & flags::HAS_IMAGE != 0);
            open.unreadable += u32::from(bits & flags::UNREADABLE != 0);
        }
        let first_rowid = open.base_rowid + i64::from(chunk.first_row);
        connection
            .prepare_cached("INSERT INTO columns VALUES (?1, ?2, ?3)")
            .at(path)?
            .execute(params![first_rowid, rows.flags.len() as i64, encode_columns(rows)])
            .at(path)?;
        let mut texts = connection.prepare_cached("INSERT INTO texts VALUES (?1, ?2, ?3, ?4)").at(path)?;
        for block in &chunk.texts {
            let first_rowid = open.base_rowid + i64::from(block.first_row);
            texts.execute(params![first_rowid, block.rows, block.raw_bytes, block.data]).at(path)?;
        }
        open.rows += rows.flags.len() as u32;
        Ok(())
    }

    /// Ends the transaction of the open shard: from now on everybody sees it. With `retry` the next run
    /// reads the shard again even if it did not change (it could not be read now).
    ///
    /// # Errors
    /// If the catalog cannot be written. Then [`rollback`](Self::rollback) was done already.
    ///
    /// # Panics
    /// If no shard is open.
    pub fn commit(&mut self, retry: bool) -> Result<ShardRow, CatalogError> {
        let open = self.open.take().expect("a shard is open");
        let done = self.close_shard(&open, retry).and_then(|()| self.run("COMMIT"));
        if let Err(error) = done {
            self.rollback();
            return Err(error);
        }
        Ok(ShardRow {
            id: open.id,
            name: open.name,
            path: PathBuf::new(),
            fingerprint: open.fingerprint,
            base_rowid: open.base_rowid,
            first_row: 0,
            rows: open.rows,
            with_image: open.with_image,
            unreadable: open.unreadable,
            searchable: open.rows == 0,
        })
    }

    fn close_shard(&self, open: &OpenShard, retry: bool) -> Result<(), CatalogError> {
        self.catalog
            .connection
            .prepare_cached(
                "UPDATE shards SET rows = ?2, with_image = ?3, unreadable = ?4, searchable = ?5, \
                 bytes = CASE WHEN ?6 THEN -1 ELSE bytes END WHERE id = ?1",
            )
            .at(self.path())?
            .execute(params![open.id, open.rows, open.with_image, open.unreadable, open.rows == 0, retry])
            .at(self.path())?;
        self.set_meta("next_rowid", open.base_rowid + i64::from(open.rows))?;
        self.raise_generation()
    }

    /// Forgets the open shard.
    pub fn rollback(&mut self) {
        self.open = None;
        // Names that came with the shard are in memory but no longer in the tables.
        self.dictionaries = None;
        // SQLite may have rolled back by itself (disk full): then there is nothing left to do.
        let _ = self.run("ROLLBACK");
    }
}
