//! (being built)
pub mod index;
