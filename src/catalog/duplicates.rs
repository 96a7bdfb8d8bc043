//! Samples with equal keys. They are looked for over the whole dataset after its shards were read: which
//! of two is "the first" is the dataset's order, not the order in which shards happened to be read.

use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};

use super::error::{CatalogError, SqlResult};
use super::writer::{Writer, origin};
use crate::base::{CancelToken, Warning, WarningKind};

impl Writer {
    /// Looks for samples with equal keys over the whole dataset: all but the first get a flag and a warning.
    /// Does nothing if no shard changed since the last time.
    ///
    /// # Errors
    /// If the catalog cannot be read or written, or the work was cancelled.
    pub fn find_duplicates(&self, cancel: &CancelToken) -> Result<(), CatalogError> {
        let generation = self.meta("generation")?.unwrap_or(0);
        if self.meta("duplicates_generation")?.unwrap_or(0) == generation {
            return Ok(());
        }
        self.catalog.refresh()?;
        let shards = self.catalog.shards();
        let repeated = self.repeated_hashes(cancel)?;
        // (hash, row) of those: few, so their keys can be read and compared.
        let mut suspects: Vec<(u64, u32)> = Vec::new();
        if !repeated.is_empty() {
            self.catalog.each_key_hash(|row, hash| {
                if repeated.contains(&hash) {
                    suspects.push((hash, row));
                }
            })?;
        }
        suspects.sort_unstable_by_key(|&(_, row)| row);
        let mut first: FxHashMap<(u64, String), u32> = FxHashMap::default();
        let mut found = Vec::new();
        for (hash, row) in suspects {
            cancel.check()?;
            let Some(key) = self.catalog.keys([row])?.pop() else { continue };
            match first.entry((hash, key)) {
                Entry::Vacant(vacant) => {
                    vacant.insert(row);
                }
                Entry::Occupied(earlier) => {
                    found.push((row, *earlier.get(), earlier.key().1.clone()));
                }
            }
        }
        let shard_of = |row: u32| &shards[shards.partition_point(|shard| shard.first_row + shard.rows <= row)];
        self.transaction(|writer| {
            let (path, connection) = (writer.path(), &writer.catalog.connection);
            connection.execute("DELETE FROM duplicates", []).at(path)?;
            connection.execute("DELETE FROM warnings WHERE origin = ?1", [origin::KEYS]).at(path)?;
            for (row, earlier, key) in &found {
                let (shard, before) = (shard_of(*row), shard_of(*earlier));
                let rowid = shard.base_rowid + i64::from(row - shard.first_row);
                connection.prepare_cached("INSERT INTO duplicates VALUES (?1)").at(path)?.execute([rowid]).at(path)?;
                let message = if shard.id == before.id {
                    "an earlier sample of the same shard has the same key; both are kept".to_owned()
                } else {
                    format!("a sample of shard {} has the same key; both are kept", before.name)
                };
                let warning = Warning::new(WarningKind::DuplicateKey, message).shard(&shard.name).key(key);
                writer.insert_warning(Some(shard.id), origin::KEYS, &warning)?;
            }
            writer.set_meta("duplicates_generation", generation)
        })
    }

    /// Hashes that occur more than once, by sorting them a part at a time: memory stays bounded however
    /// many samples there are.
    fn repeated_hashes(&self, cancel: &CancelToken) -> Result<FxHashSet<u64>, CatalogError> {
        const PART: u64 = 8 << 20;
        let total: u64 = self.catalog.shards().iter().map(|shard| u64::from(shard.rows)).sum();
        let parts = total.div_ceil(PART).max(1);
        let mut repeated = FxHashSet::default();
        for part in 0..parts {
            cancel.check()?;
            let mut hashes = Vec::new();
            self.catalog.each_key_hash(|_, hash| {
                if hash % parts == part {
                    hashes.push(hash);
                }
            })?;
            hashes.sort_unstable();
            repeated.extend(hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]));
        }
        Ok(repeated)
    }
}
