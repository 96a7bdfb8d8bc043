//! The texts of many samples in row order, each block decompressed once: what statistics read.

use roaring::RoaringBitmap;
use rusqlite::params;

use super::dataset::{Catalog, decompress};
use super::error::{CatalogError, SqlResult};
use super::record;

/// What a sample says of its class; [`Catalog::each_text`] reads it with the texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassFields<'a> {
    /// The leaf's name.
    pub leaf: Option<&'a str>,
    /// The WordNet id.
    pub wnid: Option<&'a str>,
    /// The index of the class in the dataset's own list.
    pub class_index: Option<u32>,
}

/// The texts of one sample, borrowed from a decompressed block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Texts<'a> {
    /// The caption, `None` where the sample has none.
    pub caption: Option<&'a str>,
    /// The title.
    pub title: Option<&'a str>,
    /// The description.
    pub description: Option<&'a str>,
    /// The bullets, a line each; `None` where there is none.
    pub bullets: Option<&'a str>,
    /// What it says of its class.
    pub class: ClassFields<'a>,
}

impl Catalog {
    /// Calls `f` with the texts of `rows` (of the current numbering) in ascending order, until it says stop or all are read.
    /// Rows behind the last one are left out.
    ///
    /// # Errors
    /// [`CatalogError::Changed`] if a shard was read again since the numbering was taken; if the catalog cannot be read; and the error of `f`.
    pub fn each_text<E: From<CatalogError>>(
        &self,
        rows: &RoaringBitmap,
        mut f: impl FnMut(Texts<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = self.path();
        let changed = || E::from(CatalogError::Changed(self.root().to_owned()));
        let mut blocks = self
            .connection
            // The block that the first row lies in begins at or before it.
            .prepare_cached(
                "SELECT first_rowid, raw_bytes, data FROM texts WHERE first_rowid >= \
                 (SELECT max(first_rowid) FROM texts WHERE first_rowid <= ?1) AND first_rowid <= ?2 ORDER BY first_rowid",
            )
            .at(path)?;
        let mut bullets = String::new();
        let mut taxonomy = String::new();
        for shard in self.shards().iter() {
            let mut wanted = rows.range(shard.first_row..shard.first_row + shard.rows).peekable();
            let rowid = |row: u32| shard.base_rowid + i64::from(row - shard.first_row);
            let Some(first) = wanted.peek().map(|&row| rowid(row)) else { continue };
            let last = rows.range(shard.first_row..shard.first_row + shard.rows).next_back().map_or(first, rowid);
            let mut found = blocks.query(params![first, last]).at(path)?;
            while let Some(row) = found.next().at(path)? {
                let (first, raw_bytes): (i64, i64) = (row.get(0).at(path)?, row.get(1).at(path)?);
                let Some(&next) = wanted.peek() else { break };
                if rowid(next) < first {
                    // Row ids are never given twice: a gap is a shard that was read again.
                    return Err(changed());
                }
                let data = row.get_ref(2).at(path)?.as_blob().map_err(rusqlite::Error::from).at(path)?;
                let block = decompress(path, first, raw_bytes, data)?;
                while let Some(at) = wanted.peek().map(|&row| (rowid(row) - first) as usize)
                    && let Some(range) = block.records.get(at)
                {
                    wanted.next();
                    let texts = record::search_texts(&block.bytes[range.clone()], &mut bullets, &mut taxonomy)
                        .ok_or_else(|| CatalogError::corrupt(path, "a record is not as it was written"))?;
                    f(Texts {
                        caption: texts.caption,
                        title: texts.title,
                        description: texts.description,
                        bullets: (!bullets.is_empty()).then_some(&*bullets),
                        class: ClassFields { leaf: texts.leaf, wnid: texts.wnid, class_index: texts.class_index },
                    })?;
                }
            }
            if wanted.peek().is_some() {
                return Err(changed());
            }
        }
        Ok(())
    }
}
