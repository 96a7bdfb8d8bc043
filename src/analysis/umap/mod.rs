//! UMAP: positions in the plane in which the neighbours of a sample stay its neighbours.

mod lanes;
pub mod layout;
