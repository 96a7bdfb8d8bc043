//! Pictures: read a header without decoding ([`probe`]), decode with limits, make thumbnails.

mod probe;

pub use probe::{Codec, Probe, probe};
