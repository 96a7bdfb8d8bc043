//! What panels show, as data: tests print it, views paint it.

pub mod inspector;
pub mod predictions;
pub mod side_bar;
pub mod statistics;
pub mod text;
