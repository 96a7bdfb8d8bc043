//! Pictures on their way into a model: decoded to RGB, resized and cropped as PIL does it.
//!
//! How it works: [`decode_rgb`] gives what PIL's `convert("RGB")` gives (alpha is dropped, not blended; palettes and
//! grays become colours), upright as the window shows it. [`cut`] then resizes by PIL's convolution, whose kernel widens
//! when a picture shrinks ("antialias"), and computes only the pixels of the part that is kept: each output pixel is the
//! same weighted mean whether its neighbours are computed or not.
//!
//! A JPEG whose sides are many times what is wanted is decoded at 1/2, 1/4 or 1/8 of its size, as long as the
//! picture stays twice as large as wanted: the mean over a block that this takes is what the wide kernel does anyway.

use fast_image_resize as fir;
use fir::images::Image;

use super::decode::{ImageError, Picture, checked_header, full, guarded};
use super::exif;
use super::jpeg;
use super::probe::Codec;
use super::raster::{Layout, Raster};

/// PIL's resampling filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are PIL's own")]
pub enum Filter {
    Nearest,
    Bilinear,
    Bicubic,
    Lanczos,
}

/// A decoded picture without alpha.
#[derive(Clone, Debug)]
pub struct Rgb {
    raster: Raster,
    orientation: exif::Orientation,
    /// Width in pixels of the picture as displayed, whatever it was decoded at.
    pub width: u32,
    /// Height in pixels of the picture as displayed, whatever it was decoded at.
    pub height: u32,
    /// True if the file is cut short: what it lacks is gray.
    pub truncated: bool,
}

/// What to make of a picture: its whole is resized to `size`, of which the part from `left`, `top` of `side` is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Width and height in pixels that the whole picture is resized to.
    pub size: (u32, u32),
    /// Left edge of the part, in pixels of the resized picture; it may lie outside.
    pub left: i64,
    /// Upper edge of the part.
    pub top: i64,
    /// Width and height of the part; what lies outside the picture is black.
    pub side: (u32, u32),
}

/// Decodes a picture without alpha. A JPEG may be decoded at a smaller scale at which its short side has still twice
/// `short_side` pixels; 0 decodes in full.
///
/// # Errors
/// [`ImageError`] if nothing can be decoded. A file that is cut short gives what could be decoded.
pub fn decode_rgb(bytes: &[u8], short_side: u32) -> Result<Rgb, ImageError> {
    let (codec, header) = checked_header(bytes)?;
    let raster = guarded(codec, || {
        let short = header.width.min(header.height);
        let fits = |eighths: &u32| jpeg::scaled_side(short, *eighths) >= short_side.saturating_mul(2);
        // At full size too this decoder is the one: its pixels lie twice as near to libjpeg's as the other's (mean
        // difference 0.10 against 0.21 of 255 on ImageNet's files), and models were trained on libjpeg's.
        let scale = (codec == Codec::Jpeg && !header.truncated && short_side > 0)
            .then(|| [1, 2, 4].into_iter().find(fits).unwrap_or(8));
        let raster = match scale {
            Some(eighths) => jpeg::scaled(bytes, &header, eighths).or_else(|_| full(codec, bytes, &header))?,
            None => full(codec, bytes, &header)?,
        };
        Ok(without_alpha(raster))
    })?;
    let (mut width, mut height) = (header.width, header.height);
    if header.orientation.swaps_sides() {
        std::mem::swap(&mut width, &mut height);
    }
    Ok(Rgb { raster, orientation: header.orientation, width, height, truncated: header.truncated })
}

impl From<&Picture> for Rgb {
    /// The picture without its alpha.
    fn from(picture: &Picture) -> Self {
        let (width, height) = (picture.width, picture.height);
        let pixels = picture.rgba.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        let covers = (f64::from(width), f64::from(height));
        let raster = Raster { width, height, layout: Layout::Rgb, pixels, covers };
        let orientation = exif::Orientation::Upright;
        Self { raster, orientation, width, height, truncated: picture.truncated }
    }
}

fn without_alpha(raster: Raster) -> Raster {
    if raster.layout != Layout::Rgba {
        return raster;
    }
    let pixels = raster.pixels.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    Raster { layout: Layout::Rgb, pixels, ..raster }
}

/// Resizes and cuts: `side.0 * side.1` pixels of three values in 0..=255, rows from top to bottom.
///
/// Values are not rounded to whole numbers between the passes and after them, as torchvision does with tensors of
/// floats; PIL rounds twice. The two differ by less than one step in 255.
///
/// # Errors
/// [`ImageError::Damaged`] if a picture without pixels is given.
pub fn cut(picture: &Rgb, cut: &Cut, filter: Filter) -> Result<Vec<f32>, ImageError> {
    let damaged = |reason: String| ImageError::Damaged { codec: "picture", reason };
    // In the frame of the display: the part that is kept and lies inside.
    let inside = |from: i64, side: u32, size: u32| {
        let (start, end) = (from.max(0), (from + i64::from(side)).min(i64::from(size)));
        (start, (end - start).max(0) as u32)
    };
    let (left, width) = inside(cut.left, cut.side.0, cut.size.0);
    let (top, height) = inside(cut.top, cut.side.1, cut.size.1);
    let mut out = vec![0.0; cut.side.0 as usize * cut.side.1 as usize * 3];
    if width == 0 || height == 0 {
        return Ok(out);
    }
    let part = turned_part(picture, cut.size, (left, top, width, height), filter).map_err(damaged)?;
    let (x, y) = ((left - cut.left) as usize, (top - cut.top) as usize);
    for (row, from) in part.chunks_exact(width as usize * 3).enumerate() {
        let at = ((y + row) * cut.side.0 as usize + x) * 3;
        out[at..at + from.len()].copy_from_slice(from);
    }
    Ok(out)
}

/// The part `(left, top, width, height)` of the picture resized to `size`, both as displayed.
fn turned_part(
    picture: &Rgb,
    size: (u32, u32),
    part: (i64, i64, u32, u32),
    filter: Filter,
) -> Result<Vec<f32>, String> {
    use exif::Orientation as O;
    let (left, top, width, height) = part;
    // Where the part lies in the picture as stored.
    let (size_w, size_h) = (i64::from(size.0), i64::from(size.1));
    let (right, bottom) = (size_w - left - i64::from(width), size_h - top - i64::from(height));
    let (x, y) = match picture.orientation {
        O::Upright => (left, top),
        O::MirrorX => (right, top),
        O::Turn180 => (right, bottom),
        O::MirrorY => (left, bottom),
        O::Transpose => (top, left),
        O::Turn90 => (top, right),
        O::Transverse => (bottom, right),
        O::Turn270 => (bottom, left),
    };
    let is_turned = picture.orientation.swaps_sides();
    let swap = |(a, b): (u32, u32)| if is_turned { (b, a) } else { (a, b) };
    let (stored_size, stored_part) = (swap(size), swap((width, height)));
    let pixels = resized_part(&picture.raster, stored_size, (x, y), stored_part, filter)?;
    if picture.orientation == O::Upright {
        return Ok(pixels);
    }
    // Turned as places, so that one function knows how: four bytes are a pixel there and the number of a pixel here.
    let places = (0..stored_part.0 * stored_part.1).flat_map(u32::to_le_bytes).collect();
    let (_, _, places) = exif::upright(picture.orientation, stored_part.0, stored_part.1, places);
    let place = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize * 3;
    Ok(places.chunks_exact(4).map(place).flat_map(|at| [pixels[at], pixels[at + 1], pixels[at + 2]]).collect())
}

/// PIL's nearest pixel. Its places are sums of steps, not products: written so, ties fall as they do there.
fn nearest(raster: &Raster, size: (u32, u32), (x, y): (i64, i64), part: (u32, u32)) -> Vec<f32> {
    let places = |from: i64, count: u32, covered: f64, size: u32, end: u32| -> Vec<usize> {
        let step = covered / f64::from(size);
        let mut at = step * 0.5;
        let mut places = Vec::with_capacity(count as usize);
        for i in 0..from + i64::from(count) {
            if i >= from {
                places.push((at as usize).min(end as usize - 1));
            }
            at += step;
        }
        places
    };
    let columns = places(x, part.0, raster.covers.0, size.0, raster.width);
    let rows = places(y, part.1, raster.covers.1, size.1, raster.height);
    let bytes = raster.layout.bytes();
    let mut out = Vec::with_capacity(columns.len() * rows.len() * 3);
    for row in rows {
        for &column in &columns {
            let at = (row * raster.width as usize + column) * bytes;
            match raster.layout {
                Layout::Gray => out.extend([f32::from(raster.pixels[at]); 3]),
                Layout::Rgb | Layout::Rgba => out.extend(raster.pixels[at..at + 3].iter().copied().map(f32::from)),
            }
        }
    }
    out
}

/// A value of the resizer's buffers, cut to what a pixel can hold.
fn in_range(bytes: &[u8]) -> f32 {
    f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).clamp(0.0, 255.0)
}

fn resized_part(
    raster: &Raster,
    size: (u32, u32),
    (x, y): (i64, i64),
    part: (u32, u32),
    filter: Filter,
) -> Result<Vec<f32>, String> {
    let algorithm = match filter {
        Filter::Nearest => return Ok(nearest(raster, size, (x, y), part)),
        Filter::Bilinear => fir::ResizeAlg::Convolution(fir::FilterType::Bilinear),
        Filter::Bicubic => fir::ResizeAlg::Convolution(fir::FilterType::CatmullRom),
        Filter::Lanczos => fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3),
    };
    let (scale_x, scale_y) = (raster.covers.0 / f64::from(size.0), raster.covers.1 / f64::from(size.1));
    // Rounding must not push the box over the picture's edge, which would be refused.
    let side = |from: i64, count: u32, scale: f64, end: f64| {
        let start = from as f64 * scale;
        (start, (f64::from(count) * scale).min(end - start))
    };
    let (left, width) = side(x, part.0, scale_x, raster.covers.0);
    let (top, height) = side(y, part.1, scale_y, raster.covers.1);
    let options = fir::ResizeOptions::new().resize_alg(algorithm);
    let fail = |error: fir::ResizeError| error.to_string();
    // Each channel alone: a row of floats is what the resizer's vector code likes best.
    let bytes = raster.layout.bytes();
    let channels = bytes.min(3);
    let mut resizer = fir::Resizer::new();
    let mut out = vec![0.0; part.0 as usize * part.1 as usize * 3];
    let mut from = Image::new(raster.width, raster.height, fir::PixelType::F32);
    let mut to = Image::new(part.0, part.1, fir::PixelType::F32);
    for channel in 0..channels {
        let pixels = raster.pixels.chunks_exact(bytes).map(|pixel| f32::from(pixel[channel]));
        for (to, value) in from.buffer_mut().chunks_exact_mut(4).zip(pixels) {
            to.copy_from_slice(&value.to_ne_bytes());
        }
        if filter == Filter::Bilinear {
            resizer.resize(&from, &mut to, &options.crop(left, top, width, height)).map_err(fail)?;
        } else {
            // Kernels with negative weights overshoot, and PIL cuts that off after each pass, the rows' first.
            let mut rows = Image::new(part.0, raster.height, fir::PixelType::F32);
            let along = options.crop(left, 0.0, width, f64::from(raster.height));
            resizer.resize(&from, &mut rows, &along).map_err(fail)?;
            for value in rows.buffer_mut().chunks_exact_mut(4) {
                value.copy_from_slice(&in_range(value).to_ne_bytes());
            }
            let down = options.crop(0.0, top, f64::from(part.0), height);
            resizer.resize(&rows, &mut to, &down).map_err(fail)?;
        }
        for (pixel, value) in out.chunks_exact_mut(3).zip(to.buffer().chunks_exact(4)) {
            let value = in_range(value);
            if channels == 1 { pixel.fill(value) } else { pixel[channel] = value }
        }
    }
    Ok(out)
}
