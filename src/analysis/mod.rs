//! Floor 3: pure numbers over the snapshot. No I/O, no SQL, no user interface. Where a pass over a
//! million samples is split over cores, rayon does it as plain data parallelism: no thread is started
//! here, nothing waits, the result does not depend on the split.

pub mod cam;
pub mod confusion;
pub mod facets;
pub mod labels;
pub mod linear;
pub mod neighbours;
pub mod plane;
pub mod retrieval;
pub mod scatter;
pub mod separation;
pub mod sort;
pub mod text;
pub mod umap;

pub use facets::Facets;
pub use sort::SortBy;
