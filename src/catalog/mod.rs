//! Floor 2: the catalog.

mod columns;
pub mod filter;
mod search;
mod taxonomy;

pub use columns::{
    Columns, DatasetColumns, DatasetInfo, EXTREME_RATIO, RowColumns, ShardRow, TINY_SIDE, flags, key_hash,
};
pub use search::{SearchQuery, TextColumn};
pub use taxonomy::{NONE, Taxonomy, TaxonomyNode};
