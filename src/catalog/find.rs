//! Running a text search over one catalog.

use roaring::RoaringBitmap;
use rusqlite::{Connection, params};

use super::columns::ShardRow;
use super::dataset::Catalog;
use super::error::{CatalogError, SqlResult};
use super::schema;
use super::search::SearchQuery;

impl Catalog {
    /// The samples (rows of the current numbering) that a text search finds. Shards whose text is not
    /// indexed yet are not found.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn search(&self, query: &SearchQuery) -> Result<RoaringBitmap, CatalogError> {
        // A word that most samples have costs 80 ns a hit: in a large catalog the hits are worth sharing out.
        let rows: u64 = self.shards.borrow().iter().map(|shard| u64::from(shard.rows)).sum();
        let parts = if rows < 200_000 { 1 } else { rayon::current_num_threads().min(4) };
        self.search_in_parts(query, parts)
    }

    /// As [`search`](Self::search), with row ids cut into `parts` ranges that are searched at the same time,
    /// each on a connection of its own.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn search_in_parts(&self, query: &SearchQuery, parts: usize) -> Result<RoaringBitmap, CatalogError> {
        let shards = self.shards.borrow().clone();
        let mut by_rowid: Vec<&ShardRow> = shards.iter().filter(|shard| shard.rows > 0).collect();
        by_rowid.sort_unstable_by_key(|shard| shard.base_rowid);
        let (first, last) = match (by_rowid.first(), by_rowid.last()) {
            (Some(first), Some(last)) => (first.base_rowid, last.base_rowid + i64::from(last.rows) - 1),
            _ => return Ok(RoaringBitmap::new()),
        };
        let mut helpers = self.helpers.borrow_mut();
        while helpers.len() + 1 < parts {
            helpers.push(schema::open_existing(&self.path)?);
        }
        let step = (last - first) / parts.max(1) as i64 + 1;
        let range = |part: usize| {
            let start = first + part as i64 * step;
            (start, (start + step - 1).min(last))
        };
        let mut found: Vec<rusqlite::Result<Vec<u32>>> = (1..parts).map(|_| Ok(Vec::new())).collect();
        let mut own = Ok(Vec::new());
        let by_rowid = &by_rowid;
        // Plain data parallelism: the helpers wait for nothing and end here.
        rayon::in_place_scope(|scope| {
            for (part, (helper, found)) in helpers.iter_mut().zip(&mut found).enumerate() {
                scope.spawn(move |_| *found = hits(helper, query, range(part + 1), by_rowid));
            }
            own = hits(&self.connection, query, range(0), by_rowid);
        });
        let mut rows = own.at(&self.path)?;
        for part in found {
            rows.extend(part.at(&self.path)?);
        }
        // Row ids are not in the order of rows where shards were read again.
        rows.sort_unstable();
        let rows: RoaringBitmap = rows.into_iter().collect();
        if !query.is_negated() {
            return Ok(rows);
        }
        let mut rest = RoaringBitmap::new();
        for shard in shards.iter().filter(|shard| shard.searchable) {
            rest.insert_range(shard.first_row..shard.first_row + shard.rows);
        }
        Ok(rest - rows)
    }
}

/// Rows that a search finds among these row ids. `shards` are sorted by row id; hits of others are left out.
fn hits(
    connection: &Connection,
    query: &SearchQuery,
    (start, end): (i64, i64),
    shards: &[&ShardRow],
) -> rusqlite::Result<Vec<u32>> {
    let mut statement =
        connection.prepare_cached("SELECT rowid FROM fts WHERE fts MATCH ?1 AND rowid BETWEEN ?2 AND ?3")?;
    let mut rows = statement.query(params![query.fts(), start, end])?;
    let mut hits = Vec::new();
    // Hits come in ascending row ids: one walk along the shards. Should they ever not, it starts anew.
    let (mut at, mut before) = (0, i64::MIN);
    while let Some(row) = rows.next()? {
        let rowid: i64 = row.get(0)?;
        if rowid < before {
            at = 0;
        }
        before = rowid;
        while shards.get(at).is_some_and(|shard| rowid >= shard.base_rowid + i64::from(shard.rows)) {
            at += 1;
        }
        if let Some(shard) = shards.get(at)
            && rowid >= shard.base_rowid
        {
            hits.push(shard.first_row + (rowid - shard.base_rowid) as u32);
        }
    }
    Ok(hits)
}
