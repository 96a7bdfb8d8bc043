//! Pictures: read a header without decoding ([`probe()`]), decode with limits, make thumbnails.

mod exif;
mod probe;

pub use probe::{Codec, MAX_PIXELS, MAX_SIDE, Probe, probe};
