//! Floor 3: pure numbers; no I/O, no SQL.

pub mod text;
