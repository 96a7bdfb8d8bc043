//! Pictures: read a header without decoding ([`probe()`]), decode with limits ([`decode()`]), make
//! thumbnails ([`thumbnail()`]), resize as PIL does for models ([`cut()`]).
//!
//! How it works: a picture's codec is found by its first bytes, never by its name. All three functions read
//! the header with the same code, so a size that was refused while indexing is refused when somebody
//! looks, and the size in the catalog is the size on the screen. What decoders make of a file is a raster;
//! orientation and alpha are dealt with here, once, for all codecs.

mod decode;
mod encode;
mod exif;
#[cfg(test)]
mod fixtures;
mod jpeg;
mod probe;
mod raster;
mod resample;
mod thumbnail;

pub use decode::{ImageError, Picture, decode};
pub use encode::{png, write_png};
pub use probe::{Codec, MAX_PIXELS, MAX_SIDE, Probe, probe};
pub use resample::{Cut, Filter, Rgb, cut, decode_rgb};
pub use thumbnail::thumbnail;
