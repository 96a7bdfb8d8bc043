//! Floor 6: background work; the only home of threads.

pub mod spill;
