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

#[cfg(test)]
mod tests {
    use image::{DynamicImage, Rgba, RgbaImage};
    use jpeg_encoder::SamplingFactor;
    use proptest::prelude::*;

    use super::super::fixtures::{encoded, jpeg_of, scene};
    use super::super::thumbnail;
    use super::*;

    fn picture() -> DynamicImage {
        scene(37, 23).into()
    }

    #[test]
    fn every_codec_and_colour_type_gives_its_pixels() {
        let check = |name: &str, bytes: &[u8], expect: &DynamicImage, limit: u8| {
            let (got, expect) = (decode(bytes).expect("decodes"), expect.to_rgba8());
            assert_eq!((got.width, got.height, got.truncated), (expect.width(), expect.height(), false), "{name}");
            let worst = got.rgba.iter().zip(expect.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(limit), "{name}: {worst:?}");
        };
        let (png, rgb) = (ImageFormat::Png, picture());
        check("png", &encoded(&rgb, png), &rgb, 0);
        check("bmp", &encoded(&rgb, ImageFormat::Bmp), &rgb, 0);
        check("webp", &encoded(&rgb, ImageFormat::WebP), &rgb, 0);
        let gif = encoded(&DynamicImage::from(rgb.to_rgba8()), ImageFormat::Gif);
        check("gif", &gif, &rgb, 80);
        check("png gray", &encoded(&rgb.to_luma8().into(), png), &rgb.to_luma8().into(), 0);
        check("png gray 16", &encoded(&rgb.to_luma16().into(), png), &rgb.to_luma8().into(), 1);
        check("png 16", &encoded(&rgb.to_rgb16().into(), png), &rgb, 0);
        check("png alpha 16", &encoded(&rgb.to_rgba16().into(), png), &rgb, 0);
        let alpha = RgbaImage::from_fn(9, 7, |x, y| Rgba([x as u8 * 20, y as u8 * 30, 5, (x * y) as u8]));
        check("png alpha", &encoded(&alpha.clone().into(), png), &alpha.clone().into(), 0);
        let la = DynamicImage::from(alpha).to_luma_alpha8();
        check("png gray alpha", &encoded(&la.clone().into(), png), &la.clone().into(), 0);
        let la16 = DynamicImage::from(la.clone()).to_luma_alpha16();
        check("png gray alpha 16", &encoded(&la16.into(), png), &la.into(), 0);
    }

    #[test]
    fn an_animation_gives_its_first_frame() {
        let mut gif = Vec::new();
        {
            let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
            for value in [200_u8, 20] {
                let frame = RgbaImage::from_pixel(8, 6, Rgba([value, 0, 0, 255]));
                encoder.encode_frame(image::Frame::new(frame)).expect("encodes");
            }
        }
        let got = decode(&gif).expect("decodes");
        assert_eq!((got.width, got.height), (8, 6));
        assert!(got.rgba.chunks_exact(4).all(|p| p[0].abs_diff(200) < 8), "{:?}", &got.rgba[..4]);
    }

    #[test]
    fn errors_are_sentences() {
        let check = |bytes: &[u8], expect: &str| {
            for got in [decode(bytes), thumbnail(bytes, 64)] {
                let got = got.expect_err(expect).to_string();
                assert!(got.contains(expect), "\"{got}\" should contain \"{expect}\"");
            }
        };
        check(b"", "0 bytes");
        check(b"<!doctype html><title>404</title>", "a web page");
        check(b"II*\0aaaa", "TIFF");
        check(b"\0\0\0\x1cftypavif....", "AVIF");
        check(b"\xff\xd8\xff\xd9", "the JPEG cannot be decoded (its header is broken or missing)");
        check(&encoded(&picture(), ImageFormat::Png)[..40], "the PNG cannot be decoded");
        let mut bomb = encoded(&picture(), ImageFormat::Png);
        bomb[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&100_000_u32.to_be_bytes());
        check(&bomb, "100000 x 100000");
    }

    #[test]
    fn a_cut_picture_shows_what_there_is() {
        let whole = scene(128, 128);
        let uncut = decode(&jpeg_of(&whole, SamplingFactor::F_1_1, false)).expect("decodes");
        for progressive in [false, true] {
            let jpeg = jpeg_of(&whole, SamplingFactor::F_1_1, progressive);
            for part in [50, 80, 99] {
                let cut = &jpeg[..jpeg.len() * part / 100];
                let got = decode(cut).expect("decodes");
                assert_eq!((got.width, got.height, got.truncated), (128, 128, true));
                // The first rows are there: near the whole picture's.
                let rows = 128 * 4 * 24;
                let off: u64 =
                    got.rgba[..rows].iter().zip(&uncut.rgba[..rows]).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
                let mean = off as f64 / rows as f64;
                assert!(
                    mean < if progressive { 30.0 } else { 1.0 },
                    "cut at {part} %, progressive {progressive}: {mean}"
                );
                assert!(thumbnail(cut, 32).expect("decodes").truncated);
            }
        }
        let png = encoded(&whole.clone().into(), ImageFormat::Png);
        let got = decode(&png[..png.len() * 7 / 10]).expect("decodes");
        assert!(got.truncated);
        assert_eq!(&got.rgba[..3], &whole.get_pixel(0, 0).0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn damaged_files_never_panic(
            which in 0_usize..6,
            changes in prop::collection::vec((0_usize..4000, any::<u8>()), 1..12),
            cut in 0_usize..600,
        ) {
            let formats = [ImageFormat::Png, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::WebP];
            let mut bytes = match which {
                0..4 => encoded(&picture(), formats[which]),
                _ => jpeg_of(&scene(90, 70), SamplingFactor::F_2_2, which == 5),
            };
            for (at, value) in changes {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(bytes.len().saturating_sub(cut).max(1));
            // A mutated header may declare a large picture; large ones are another test's business.
            if probe_pixels(&bytes) < 1 << 22 {
                for got in [decode(&bytes), thumbnail(&bytes, 20)].into_iter().flatten() {
                    prop_assert_eq!(got.rgba.len(), got.width as usize * got.height as usize * 4);
                }
            }
        }
    }

    fn probe_pixels(bytes: &[u8]) -> u64 {
        let got = super::super::probe(bytes);
        u64::from(got.width) * u64::from(got.height)
    }
}
