//! Thumbnails: the least decoding that gives a good small picture.
//!
//! How it works: a JPEG at least twice as large as wanted is decoded at the smallest scale that is not
//! smaller than wanted; everything else is decoded in full. Lanczos then brings it to the exact size, from the
//! exact part that the picture covers, and EXIF's orientation is applied last, when there are few pixels.

use fast_image_resize as fir;
use fir::images::{Image, ImageRef};

use super::decode::{ImageError, Picture, checked_header, full, guarded};
use super::exif;
use super::jpeg;
use super::probe::{Codec, Header};
use super::raster::{Layout, Raster};

/// Makes a thumbnail whose longer side is `max_side` pixels; the aspect is kept and nothing is enlarged.
///
/// # Errors
/// [`ImageError`] if nothing can be shown. A file that is cut short gives what could be decoded.
pub fn thumbnail(bytes: &[u8], max_side: u32) -> Result<Picture, ImageError> {
    let (codec, header) = checked_header(bytes)?;
    let (width, height) = fitted(header.width, header.height, max_side);
    let raster = guarded(codec, || {
        let raster = match scale_for(codec, &header, width, height) {
            Some(eighths) => jpeg::scaled(bytes, &header, eighths).or_else(|_| full(codec, bytes, &header))?,
            None => full(codec, bytes, &header)?,
        };
        resized(raster, width, height)
    })?;
    let (width, height, rgba) = exif::upright(header.orientation, raster.width, raster.height, raster.into_rgba());
    Ok(Picture { width, height, rgba, truncated: header.truncated })
}

/// The size with the same aspect whose longer side is `max_side`, or the size itself if it is smaller.
fn fitted(width: u32, height: u32, max_side: u32) -> (u32, u32) {
    let (longer, max_side) = (width.max(height), max_side.max(1));
    if longer <= max_side {
        return (width, height);
    }
    let fit = |side: u32| {
        let scaled = (u64::from(side) * u64::from(max_side) * 2 + u64::from(longer)) / (u64::from(longer) * 2);
        (scaled as u32).max(1)
    };
    (fit(width), fit(height))
}

/// The scale of a JPEG's decode in eighths: the smallest that is not smaller than wanted. Cut files are
/// decoded in full, by the decoder that forgives.
fn scale_for(codec: Codec, header: &Header, width: u32, height: u32) -> Option<u32> {
    let fits = |eighths: &u32| {
        jpeg::scaled_side(header.width, *eighths) >= width && jpeg::scaled_side(header.height, *eighths) >= height
    };
    (codec == Codec::Jpeg && !header.truncated).then(|| [1, 2, 4].into_iter().find(fits)).flatten()
}

fn resized(raster: Raster, width: u32, height: u32) -> Result<Raster, String> {
    let Raster { width: from_width, height: from_height, layout, ref pixels, covers } = raster;
    if (from_width, from_height) == (width, height) && covers == (f64::from(width), f64::from(height)) {
        return Ok(raster);
    }
    let pixel = match layout {
        Layout::Gray => fir::PixelType::U8,
        Layout::Rgb => fir::PixelType::U8x3,
        Layout::Rgba => fir::PixelType::U8x4,
    };
    let from = ImageRef::new(from_width, from_height, pixels, pixel).map_err(|e| e.to_string())?;
    let mut to = Image::new(width, height, pixel);
    let options = fir::ResizeOptions::new()
        .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3))
        .crop(0.0, 0.0, covers.0, covers.1);
    fir::Resizer::new().resize(&from, &mut to, &options).map_err(|e| e.to_string())?;
    Raster::new(width, height, layout, to.into_vec()).ok_or_else(|| "its size does not fit its pixels".to_owned())
}
