//! Linear algebra on rows of features: products of blocks, eigenvalues of small matrices, principal components.

pub mod pca;
pub mod product;
mod rows;
pub mod symmetric;

pub use rows::Rows;
