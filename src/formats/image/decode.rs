//! Full decode to RGBA, with limits, upright.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::exif;
use super::jpeg;
use super::probe::{Codec, Header, MAX_PIXELS, MAX_SIDE, codec, header, too_large};
use super::raster::{Layout, Raster};

/// A picture as it is displayed: EXIF orientation applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `width * height` pixels of 4 bytes, rows from top to bottom; alpha is not premultiplied.
    pub rgba: Vec<u8>,
    /// True if the file is cut short: what it lacks is gray or transparent.
    pub truncated: bool,
}

/// Why a picture cannot be shown. Each is a sentence without a full stop; the caller adds where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// No bytes.
    #[error("the picture is empty (0 bytes)")]
    Empty,
    /// Not one of the codecs.
    #[error("this is not a picture in JPEG, PNG, WebP, GIF or BMP; it looks like {0}")]
    Unknown(&'static str),
    /// More pixels than the limit allows.
    #[error(
        "the picture declares {width} x {height} pixels; at most {MAX_PIXELS} pixels and {MAX_SIDE} a side are decoded"
    )]
    TooLarge {
        /// Declared width in pixels.
        width: u32,
        /// Declared height in pixels.
        height: u32,
    },
    /// The file is broken.
    #[error("the {codec} cannot be decoded ({reason})")]
    Damaged {
        /// The codec's name.
        codec: &'static str,
        /// What the decoder says.
        reason: String,
    },
}

/// Decodes the whole picture. An animation gives its first frame.
///
/// # Errors
/// [`ImageError`] if nothing can be shown. A file that is cut short gives what could be decoded.
pub fn decode(bytes: &[u8]) -> Result<Picture, ImageError> {
    let (codec, header) = checked_header(bytes)?;
    let raster = guarded(codec, || full(codec, bytes, &header))?;
    let (width, height, rgba) = (raster.width, raster.height, raster.into_rgba());
    let (width, height, rgba) = exif::upright(header.orientation, width, height, rgba);
    Ok(Picture { width, height, rgba, truncated: header.truncated })
}

/// The header of a picture that is worth decoding.
pub(super) fn checked_header(bytes: &[u8]) -> Result<(Codec, Header), ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    let codec = codec(bytes);
    if codec == Codec::Unknown {
        return Err(ImageError::Unknown(looks_like(bytes)));
    }
    let header = header(codec, bytes).filter(|header| header.width > 0 && header.height > 0);
    let header = header.ok_or_else(|| damaged(codec, "its header is broken or missing"))?;
    if too_large(header.width, header.height) {
        return Err(ImageError::TooLarge { width: header.width, height: header.height });
    }
    Ok((codec, header))
}

/// Runs a decoder so that a panic inside it costs one picture and not the worker.
pub(super) fn guarded(codec: Codec, work: impl FnOnce() -> Result<Raster, String>) -> Result<Raster, ImageError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("the decoder gave up".to_owned()))
        .map_err(|reason| damaged(codec, reason))
}

fn damaged(codec: Codec, reason: impl Into<String>) -> ImageError {
    let codec = match codec {
        Codec::Jpeg => "JPEG",
        Codec::Png => "PNG",
        Codec::Webp => "WebP",
        Codec::Gif => "GIF",
        Codec::Bmp => "BMP",
        Codec::Unknown => "picture",
    };
    ImageError::Damaged { codec, reason: reason.into() }
}

/// What unknown bytes look like, to say something more useful than "unknown".
fn looks_like(bytes: &[u8]) -> &'static str {
    let start = bytes.trim_ascii_start();
    match bytes {
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => "TIFF",
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => "AVIF",
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', ..] => "HEIC",
        [0xFF, 0x0A, ..] | [0, 0, 0, 0x0C, b'J', b'X', b'L', ..] => "JPEG XL",
        [0, 0, 0, 0x0C, b'j', b'P', ..] => "JPEG 2000",
        _ if start.starts_with(b"<svg") || start.starts_with(b"<?xml") => "SVG or XML",
        _ if start.starts_with(b"<") => "a web page",
        _ if bytes.iter().take(64).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => "text",
        _ => "something else",
    }
}

/// Decodes all of it, as stored.
pub(super) fn full(codec: Codec, bytes: &[u8], header: &Header) -> Result<Raster, String> {
    let format = match codec {
        Codec::Jpeg => return jpeg::full(bytes, header),
        Codec::Png => ImageFormat::Png,
        Codec::Webp => ImageFormat::WebP,
        Codec::Gif => ImageFormat::Gif,
        Codec::Bmp => ImageFormat::Bmp,
        Codec::Unknown => return Err("unknown format".to_owned()),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_PIXELS * 8);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let ((width, height), color) = (decoder.dimensions(), decoder.color_type());
    if too_large(width, height) {
        return Err("its parts disagree about its size".to_owned());
    }
    let mut raw = vec![0; usize::try_from(decoder.total_bytes()).map_err(|e| e.to_string())?];
    if let Err(error) = decoder.read_image(&mut raw) {
        // Rows that came before the cut are in `raw` already; a picture without any is an error.
        if !header.truncated || raw.iter().all(|&byte| byte == 0) {
            return Err(error.to_string());
        }
    }
    let (layout, pixels) = to_8_bit(color, raw).ok_or("unusual colour type")?;
    Raster::new(width, height, layout, pixels).ok_or_else(|| "its parts disagree about its size".to_owned())
}

/// Samples of 8 bits; gray with alpha becomes RGBA. 16-bit samples are in native byte order.
fn to_8_bit(color: ColorType, raw: Vec<u8>) -> Option<(Layout, Vec<u8>)> {
    let narrow = |raw: &[u8]| -> Vec<u8> {
        let wide = raw.chunks_exact(2).map(|pair| u32::from(u16::from_ne_bytes([pair[0], pair[1]])));
        wide.map(|v| ((v + 128) / 257) as u8).collect()
    };
    let spread = |raw: &[u8]| raw.chunks_exact(2).flat_map(|la| [la[0], la[0], la[0], la[1]]).collect();
    Some(match color {
        ColorType::L8 => (Layout::Gray, raw),
        ColorType::Rgb8 => (Layout::Rgb, raw),
        ColorType::Rgba8 => (Layout::Rgba, raw),
        ColorType::La8 => (Layout::Rgba, spread(&raw)),
        ColorType::L16 => (Layout::Gray, narrow(&raw)),
        ColorType::Rgb16 => (Layout::Rgb, narrow(&raw)),
        ColorType::Rgba16 => (Layout::Rgba, narrow(&raw)),
        ColorType::La16 => (Layout::Rgba, spread(&narrow(&raw))),
        _ => return None,
    })
}
