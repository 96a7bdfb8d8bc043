//! Reads what a picture's header says, without decoding it: called for every sample while indexing,
//! so it must cost well under a microsecond on usual files.
//!
//! How it works: the first bytes name the codec; the container's segments are walked by their declared
//! lengths up to the picture's size (JPEG: up to the scan), never through compressed data. Whether a
//! file is cut short is seen at its end (JPEG's EOI, PNG's IEND) or by its declared size (WebP, BMP).

use memchr::{memchr, memmem, memrchr};

use super::exif::{self, Orientation};
use crate::base::WarningKind;

/// Pictures that declare more pixels than this are refused before anything is allocated.
pub const MAX_PIXELS: u64 = 256_000_000;
/// Pictures with a longer side than this are refused (libjpeg's own limit).
pub const MAX_SIDE: u32 = 65_500;

/// How a picture is compressed, by its first bytes (never by its name).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the formats' own")]
pub enum Codec {
    Jpeg,
    Png,
    Webp,
    Gif,
    Bmp,
    #[default]
    Unknown,
}

/// What a header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Compression.
    pub codec: Codec,
    /// Width in pixels as displayed (after EXIF orientation); 0 if unreadable.
    pub width: u32,
    /// Height in pixels as displayed (after EXIF orientation); 0 if unreadable.
    pub height: u32,
    /// `ImageUnreadable`, `ImageTruncated`, `ImageTooLarge` or `EmptyMember`; `None` if nothing is wrong.
    pub problem: Option<WarningKind>,
}

/// What a codec's header gave: size as stored, orientation, whether the end is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    pub(super) truncated: bool,
    /// JPEG only: colour components (4 is CMYK or YCCK).
    pub(super) components: u8,
    /// JPEG only: how many times fewer colour samples than pixels there are, across and down (4:2:0 is
    /// 2, 2); 0 is 1.
    pub(super) subsampling: (u8, u8),
    /// JPEG only: Adobe's colour transform, where there is an Adobe segment (2 is YCCK). With it, inks
    /// are stored inverted.
    pub(super) adobe: Option<u8>,
}

/// Reads the header of `bytes` (the whole file: the end is looked at to see whether it is cut short).
#[must_use]
pub fn probe(bytes: &[u8]) -> Probe {
    let codec = codec(bytes);
    if bytes.is_empty() {
        return Probe { problem: Some(WarningKind::EmptyMember), ..Probe::default() };
    }
    let Some(header) = header(codec, bytes).filter(|header| header.width > 0 && header.height > 0) else {
        return Probe { codec, problem: Some(WarningKind::ImageUnreadable), ..Probe::default() };
    };
    let (mut width, mut height) = (header.width, header.height);
    if header.orientation.swaps_sides() {
        std::mem::swap(&mut width, &mut height);
    }
    let problem = if too_large(width, height) {
        Some(WarningKind::ImageTooLarge)
    } else {
        header.truncated.then_some(WarningKind::ImageTruncated)
    };
    Probe { codec, width, height, problem }
}

/// True for sizes that are refused.
pub(super) fn too_large(width: u32, height: u32) -> bool {
    width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS
}

pub(super) fn codec(bytes: &[u8]) -> Codec {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Codec::Jpeg,
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Codec::Png,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Codec::Webp,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Codec::Gif,
        [b'B', b'M', ..] => Codec::Bmp,
        _ => Codec::Unknown,
    }
}

pub(super) fn header(codec: Codec, bytes: &[u8]) -> Option<Header> {
    match codec {
        Codec::Jpeg => jpeg(bytes),
        Codec::Png => png(bytes),
        Codec::Webp => webp(bytes),
        Codec::Gif => gif(bytes),
        Codec::Bmp => bmp(bytes),
        Codec::Unknown => None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one of a family of readers, each of which may find no header")]
fn jpeg(bytes: &[u8]) -> Option<Header> {
    let mut header = Header { truncated: true, ..Header::default() };
    let mut at = 2;
    while let Some(&[mark, code]) = bytes.get(at..at + 2) {
        if mark != 0xFF {
            // Junk between segments is skipped as libjpeg does.
            match memchr(0xFF, &bytes[at..]) {
                Some(skip) => at += skip,
                None => break,
            }
            continue;
        }
        match code {
            // Fill bytes.
            0xFF => at += 1,
            // Marks without a segment.
            0x00 | 0x01 | 0xD0..=0xD8 => at += 2,
            0xD9 => break,
            0xDA => {
                header.truncated = !has_end(&bytes[at..]);
                break;
            }
            _ => {
                let Some(segment) = segment(bytes, at) else { break };
                match code {
                    0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                        if let [_precision, h1, h0, w1, w0, components, ref factors @ ..] = *segment {
                            header.height = u32::from(u16::from_be_bytes([h1, h0]));
                            header.width = u32::from(u16::from_be_bytes([w1, w0]));
                            header.components = components;
                            header.subsampling = subsampling(factors);
                        }
                    }
                    0xE1 => {
                        if let Some(tiff) = segment.strip_prefix(b"Exif\0\0") {
                            header.orientation = exif::orientation(tiff);
                        }
                    }
                    0xEE => {
                        if let Some(&transform) = segment.strip_prefix(b"Adobe").and_then(|rest| rest.get(6)) {
                            header.adobe = Some(transform);
                        }
                    }
                    _ => {}
                }
                at += 4 + segment.len();
            }
        }
    }
    Some(header)
}

/// Largest over smallest sampling factor, across and down. `factors`: 3 bytes a component, the second
/// holds both factors.
fn subsampling(factors: &[u8]) -> (u8, u8) {
    let ratio = |factor: fn(u8) -> u8| {
        let (mut least, mut most) = (u8::MAX, 1);
        for component in factors.chunks_exact(3) {
            least = least.min(factor(component[1]).max(1));
            most = most.max(factor(component[1]));
        }
        most / least.min(most)
    };
    (ratio(|byte| byte >> 4), ratio(|byte| byte & 15))
}

/// The payload of the JPEG segment whose mark is at `at`.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
    bytes.get(at + 4..at + 2 + length.max(2))
}

/// True if an EOI mark follows the scan; looked for from the end, where it usually is. `FF D9` cannot be
/// part of compressed data, and thumbnails inside EXIF lie before the scan.
fn has_end(scan: &[u8]) -> bool {
    let mut rest = scan;
    while let Some(at) = memrchr(0xD9, rest) {
        if at > 0 && rest[at - 1] == 0xFF {
            return true;
        }
        rest = &rest[..at];
    }
    false
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn le16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?)))
}

fn png(bytes: &[u8]) -> Option<Header> {
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let mut header = Header { width: be32(bytes, 16)?, height: be32(bytes, 20)?, ..Header::default() };
    // An eXIf chunk before the pixels; later ones are rare and would cost a walk over every chunk.
    let mut at = 33_usize;
    while let (Some(length), Some(name)) = (be32(bytes, at), bytes.get(at + 4..at + 8)) {
        let data = at + 8;
        match name {
            b"IDAT" | b"IEND" => break,
            b"eXIf" => {
                if let Some(tiff) = bytes.get(data..data.saturating_add(length as usize)) {
                    header.orientation = exif::orientation(tiff);
                }
            }
            _ => {}
        }
        at = data.saturating_add(length as usize).saturating_add(4);
    }
    // IEND is always the same 12 bytes: length 0, name, checksum of the name.
    let end = b"\0\0\0\0IEND\xAE\x42\x60\x82";
    header.truncated = !bytes.ends_with(end) && memmem::rfind(bytes, end).is_none();
    Some(header)
}

fn webp(bytes: &[u8]) -> Option<Header> {
    let mut header =
        Header { truncated: (le32(bytes, 4)? as usize).saturating_add(8) > bytes.len(), ..Header::default() };
    match bytes.get(12..16)? {
        // Lossy: the key frame's start code, then 14 bits a side.
        b"VP8 " => {
            if bytes.get(23..26)? != [0x9D, 0x01, 0x2A] {
                return None;
            }
            header.width = le16(bytes, 26)? & 0x3FFF;
            header.height = le16(bytes, 28)? & 0x3FFF;
        }
        // Lossless: 14 bits a side, each less one, after the signature byte.
        b"VP8L" => {
            if *bytes.get(20)? != 0x2F {
                return None;
            }
            let packed = le32(bytes, 21)?;
            header.width = (packed & 0x3FFF) + 1;
            header.height = ((packed >> 14) & 0x3FFF) + 1;
        }
        // Extended: the canvas, 24 bits a side, each less one.
        b"VP8X" => {
            header.width = (le32(bytes, 24)? & 0x00FF_FFFF) + 1;
            header.height = (le32(bytes, 26)? >> 8) + 1;
            if bytes[20] & 0x08 != 0 {
                header.orientation = webp_exif(bytes).map_or(Orientation::Upright, exif::orientation);
            }
        }
        _ => return None,
    }
    Some(header)
}

/// The TIFF block of a WebP's EXIF chunk, which stands after the picture.
fn webp_exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 12_usize;
    loop {
        let length = le32(bytes, at.checked_add(4)?)? as usize;
        let data = at + 8;
        if bytes.get(at..at + 4)? == b"EXIF" {
            let tiff = bytes.get(data..data.checked_add(length)?)?;
            return Some(tiff.strip_prefix(b"Exif\0\0").unwrap_or(tiff));
        }
        at = data.checked_add(length)?.checked_add(length & 1)?;
    }
}

fn gif(bytes: &[u8]) -> Option<Header> {
    let (width, height) = (le16(bytes, 6)?, le16(bytes, 8)?);
    let truncated = bytes.last() != Some(&0x3B) && gif_end(bytes).is_none();
    Some(Header { width, height, truncated, ..Header::default() })
}

/// Walks a GIF's blocks; `Some` once its trailer is reached. Only called when the last byte is no
/// trailer (padding after the file, or a cut).
fn gif_end(bytes: &[u8]) -> Option<()> {
    let table = |flags: u8| if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0 };
    let sub_blocks = |mut at: usize| loop {
        match *bytes.get(at)? {
            0 => return Some(at + 1),
            length => at += 1 + usize::from(length),
        }
    };
    let mut at = 13 + table(*bytes.get(10)?);
    loop {
        match *bytes.get(at)? {
            0x3B => return Some(()),
            0x21 => at = sub_blocks(at + 2)?,
            0x2C => at = sub_blocks(at + 11 + table(*bytes.get(at + 9)?))?,
            _ => return None,
        }
    }
}

fn bmp(bytes: &[u8]) -> Option<Header> {
    let pixels_at = u64::from(le32(bytes, 10)?);
    let (width, height, bits, compression) = match le32(bytes, 14)? {
        12 => (le16(bytes, 18)?, le16(bytes, 20)?, le16(bytes, 24)?, 0),
        16.. => (
            // A negative width is invalid; a negative height means that rows go from top to bottom.
            u32::try_from(le32(bytes, 18)?.cast_signed()).ok()?,
            le32(bytes, 22)?.cast_signed().unsigned_abs(),
            le16(bytes, 28)?,
            le32(bytes, 30)?,
        ),
        _ => return None,
    };
    let needed = match compression {
        0 | 3 | 6 => {
            let row = (u64::from(width) * u64::from(bits)).div_ceil(32) * 4;
            row.saturating_mul(u64::from(height)).saturating_add(pixels_at)
        }
        _ => u64::from(le32(bytes, 2)?),
    };
    Some(Header { width, height, truncated: needed > bytes.len() as u64, ..Header::default() })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
    use proptest::prelude::*;

    use super::super::fixtures::{tiff, with_exif};
    use super::*;

    fn picture(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, (x * y) as u8])).into()
    }

    fn encoded(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        picture(width, height).write_to(&mut out, format).expect("encodes");
        out.into_inner()
    }

    fn all_formats() -> Vec<(Codec, Vec<u8>)> {
        [
            (Codec::Jpeg, ImageFormat::Jpeg),
            (Codec::Png, ImageFormat::Png),
            (Codec::Webp, ImageFormat::WebP),
            (Codec::Gif, ImageFormat::Gif),
            (Codec::Bmp, ImageFormat::Bmp),
        ]
        .map(|(codec, format)| (codec, encoded(format, 37, 23)))
        .to_vec()
    }

    #[test]
    fn every_codec_gives_its_size_and_a_cut_is_seen() {
        for (codec, bytes) in all_formats() {
            let whole = Probe { codec, width: 37, height: 23, problem: None };
            assert_eq!(probe(&bytes), whole);
            let mut padded = bytes.clone();
            padded.extend([0; 32]);
            assert_eq!(probe(&padded), whole, "padding after the end is no cut");
            for cut in 1..bytes.len() {
                let got = probe(&bytes[..cut]);
                assert!(
                    matches!(got.problem, Some(WarningKind::ImageTruncated | WarningKind::ImageUnreadable)),
                    "{codec:?} cut at {cut} of {}: {got:?}",
                    bytes.len()
                );
            }
            let near_end = probe(&bytes[..bytes.len() - 3]);
            assert_eq!(near_end, Probe { problem: Some(WarningKind::ImageTruncated), ..whole });
        }
        assert_eq!(probe(&[]).problem, Some(WarningKind::EmptyMember));
        assert_eq!(probe(b"<html>not found</html>").problem, Some(WarningKind::ImageUnreadable));
    }

    #[test]
    fn exif_orientations_five_to_eight_swap_the_sides() {
        let jpeg = encoded(ImageFormat::Jpeg, 37, 23);
        for value in 0..=9 {
            for big in [false, true] {
                let got = probe(&with_exif(&jpeg, value, big));
                let expect = if (5..=8).contains(&value) { (23, 37) } else { (37, 23) };
                assert_eq!((got.width, got.height, got.problem), (expect.0, expect.1, None), "orientation {value}");
            }
        }
    }

    #[test]
    fn a_thumbnail_inside_exif_is_neither_the_picture_nor_its_end() {
        let (jpeg, small) = (encoded(ImageFormat::Jpeg, 37, 23), encoded(ImageFormat::Jpeg, 8, 6));
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE1];
        let mut payload = b"Exif\0\0".to_vec();
        payload.extend(tiff(6, false));
        payload.extend(small);
        bytes.extend((payload.len() as u16 + 2).to_be_bytes());
        bytes.extend(payload);
        bytes.extend(&jpeg[2..]);
        let got = probe(&bytes);
        assert_eq!((got.width, got.height, got.problem), (23, 37, None));
        let got = probe(&bytes[..bytes.len() - 2]);
        assert_eq!((got.width, got.height, got.problem), (23, 37, Some(WarningKind::ImageTruncated)));
    }

    #[test]
    fn a_bomb_is_too_large() {
        let mut png = encoded(ImageFormat::Png, 3, 2);
        let check = |png: &mut Vec<u8>, width: u32, height: u32, expect| {
            png[16..20].copy_from_slice(&width.to_be_bytes());
            png[20..24].copy_from_slice(&height.to_be_bytes());
            assert_eq!(probe(png).problem, expect, "{width} x {height}");
        };
        check(&mut png, 100_000, 100_000, Some(WarningKind::ImageTooLarge));
        check(&mut png, 65_501, 1, Some(WarningKind::ImageTooLarge));
        check(&mut png, 16_000, 16_001, Some(WarningKind::ImageTooLarge));
        check(&mut png, 16_000, 16_000, None);
        check(&mut png, 0, 16, Some(WarningKind::ImageUnreadable));
    }

    proptest! {
        #[test]
        fn never_panics_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), magic in 0_usize..6) {
            let magics: [&[u8]; 6] =
                [b"", b"\xFF\xD8\xFF", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", b"RIFF\xff\0\0\0WEBPVP8X", b"GIF89a", b"BM"];
            let mut all = magics[magic].to_vec();
            all.extend(bytes);
            let got = probe(&all);
            prop_assert!(got.problem.is_some() || (got.width > 0 && got.height > 0));
        }

        #[test]
        fn never_panics_on_mutated_headers(which in 0_usize..5, changes in prop::collection::vec((0_usize..200, any::<u8>()), 1..8), cut in 0_usize..400) {
            let (_, mut bytes) = all_formats().swap_remove(which);
            for (at, value) in changes {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(bytes.len().saturating_sub(cut).max(1));
            let got = probe(&bytes);
            prop_assert!(got.problem.is_some() || (got.width > 0 && got.height > 0));
        }
    }
}
