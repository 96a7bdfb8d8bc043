//! What the user made for a dataset: tags and the choice of fields. Both lie in the workspace beside the
//! catalogs (see [`store`]).

use roaring::RoaringBitmap;
use rusqlite::params;
use rustc_hash::FxHashMap;

use super::columns::key_hash;
use super::dataset::Catalog;
use super::error::{CatalogError, SqlResult};
use super::store;
use crate::formats::FieldMap;

impl Catalog {
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
}
