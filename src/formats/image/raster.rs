//! Pixels on their way from a decoder to a picture: 1, 3 or 4 bytes each, as the decoder gives them.

/// A decoded block of pixels, rows from top to bottom without padding.
#[derive(Clone, Debug)]
pub(super) struct Raster {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    pub(super) pixels: Vec<u8>,
    /// The part that the picture covers, in this raster's pixels from the top left corner: a JPEG decoded
    /// at 1/8 has a last column that may stand for fewer than 8 of the picture's columns.
    pub(super) covers: (f64, f64),
}

/// Bytes of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Gray,
    Rgb,
    Rgba,
}

impl Layout {
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

impl Raster {
    /// A raster that the picture covers wholly; `None` if the number of bytes does not fit the size.
    pub(super) fn new(width: u32, height: u32, layout: Layout, pixels: Vec<u8>) -> Option<Self> {
        let fits = pixels.len() == width as usize * height as usize * layout.bytes();
        fits.then(|| Self { width, height, layout, pixels, covers: (f64::from(width), f64::from(height)) })
    }

    /// The pixels as RGBA.
    pub(super) fn into_rgba(self) -> Vec<u8> {
        match self.layout {
            Layout::Rgba => self.pixels,
            Layout::Gray => self.pixels.iter().flat_map(|&v| [v, v, v, 255]).collect(),
            Layout::Rgb => {
                let mut out = vec![255; self.pixels.len() / 3 * 4];
                for (to, from) in out.chunks_exact_mut(4).zip(self.pixels.chunks_exact(3)) {
                    to[..3].copy_from_slice(from);
                }
                out
            }
        }
    }
}
