//! (being built)

pub mod icons;
pub mod theme;
