//! Floor 2: the catalog.

mod chunk;
mod columns;
mod dataset;
mod error;
pub mod export;
pub mod filter;
mod lookup;
mod record;
mod schema;
mod search;
mod store;
mod taxonomy;
mod texts;
mod writer;

pub use chunk::{Chunk, ChunkBuilder};
pub use columns::{
    Columns, DatasetColumns, DatasetInfo, EXTREME_RATIO, RowColumns, ShardRow, TINY_SIDE, flags, key_hash,
};
pub use dataset::{Catalog, Record};
pub use error::CatalogError;
pub use lookup::Population;
pub use search::{SearchQuery, TextColumn};
pub use store::{Recent, Store};
pub use taxonomy::{NONE, Taxonomy, TaxonomyNode};
pub use texts::Texts;
pub use writer::{Plan, Writer};
