//! Floor 2: the catalog. What was read from shards is kept here, and is what all lenses look at.
//!
//! How it works: a [`Store`] is a directory with one SQLite file a dataset. A [`Writer`] puts shards in, each
//! by one transaction; a [`Catalog`] reads: [`snapshot`](Catalog::snapshot) gives the dense columns of all
//! samples, [`record`](Catalog::record) everything about one, [`search`](Catalog::search) the rows that a text
//! search finds. [`Columns`] lays the snapshots of all open datasets one after the other; filters
//! ([`filter`]), facets and sorts run over it in memory, and [`Population`] answers them what only the
//! catalogs know. Pictures are never kept: a record says where they lie.
//!
//! What is absent: threads (indexing is in `jobs`), decoding, user interface. SQL is nowhere else.

mod chunk;
mod columns;
mod dataset;
mod duplicates;
mod error;
pub mod export;
pub mod filter;
mod find;
mod lookup;
pub mod predictions;
mod record;
mod schema;
mod search;
mod store;
mod tags;
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
pub use predictions::{Prediction, PredictionColumns, Predictions, Predictor};
pub use search::{SearchQuery, TextColumn};
pub use store::{Recent, Store};
pub use taxonomy::{NONE, Taxonomy, TaxonomyNode};
pub use texts::{ClassFields, Texts};
pub use writer::{Plan, Writer};
