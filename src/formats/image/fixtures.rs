//! Pictures for the tests of this folder, made by encoders that the code under test does not use.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// A picture with smooth parts, edges and fine texture, different in every corner.
pub(super) fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let disc = (u - 0.3).hypot(v - 0.6) < 0.2;
        let stripes = ((u * 11.0) as u32 + (v * 5.0) as u32).is_multiple_of(2);
        let texture = (x * 7 + y * 13) % 17;
        let r = 255.0 * u;
        let g = if disc { 220.0 } else { 255.0 * v };
        let b = if stripes { 200.0 } else { 40.0 };
        Rgb([r, g, b].map(|c| (c * 0.9) as u8 + texture as u8))
    })
}

pub(super) fn jpeg_of(picture: &RgbImage, sampling: SamplingFactor, progressive: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 92);
    encoder.set_sampling_factor(sampling);
    encoder.set_progressive(progressive);
    encoder.encode(picture, picture.width() as u16, picture.height() as u16, ColorType::Rgb).expect("encodes");
    out
}

pub(super) fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).expect("encodes");
    out.into_inner()
}

pub(super) fn gray_jpeg(picture: &GrayImage) -> Vec<u8> {
    let mut out = Vec::new();
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    Encoder::new(&mut out, 92).encode(picture, width, height, ColorType::Luma).expect("encodes");
    out
}

/// The picture in inks with an Adobe segment, as CMYK or as YCCK.
pub(super) fn cmyk_jpeg(picture: &RgbImage, ycck: bool) -> Vec<u8> {
    // Black takes half of what it could; the encoder inverts inks as Adobe does.
    let inks: Vec<u8> = picture
        .pixels()
        .flat_map(|&Rgb(rgb)| {
            let key = rgb.into_iter().max().expect("three").midpoint(255).max(1);
            let [r, g, b] = rgb.map(|v| 255 - (u32::from(v) * 255 / u32::from(key)).min(255) as u8);
            [r, g, b, 255 - key]
        })
        .collect();
    let mut out = Vec::new();
    let color = if ycck { ColorType::CmykAsYcck } else { ColorType::Cmyk };
    Encoder::new(&mut out, 95).encode(&inks, picture.width() as u16, picture.height() as u16, color).expect("encodes");
    out
}

/// A TIFF block with one orientation entry, after a decoy.
pub(super) fn tiff(value: u8, big: bool) -> Vec<u8> {
    if big {
        let mut block = b"MM\0*\0\0\0\x08\0\x02".to_vec();
        block.extend([0x01, 0x00, 0, 4, 0, 0, 0, 1, 0, 0, 0, 9]);
        block.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0, 0, 0, 0, 0]);
        block
    } else {
        let mut block = b"II*\0\x08\0\0\0\x02\0".to_vec();
        block.extend([0x00, 0x01, 4, 0, 1, 0, 0, 0, 9, 0, 0, 0]);
        block.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, value, 0, 0, 0, 0, 0, 0, 0]);
        block
    }
}

/// `jpeg` with an EXIF segment after SOI.
pub(super) fn with_exif(jpeg: &[u8], value: u8, big: bool) -> Vec<u8> {
    let mut payload = b"Exif\0\0".to_vec();
    payload.extend(tiff(value, big));
    let mut out = vec![0xFF, 0xD8, 0xFF, 0xE1];
    out.extend((payload.len() as u16 + 2).to_be_bytes());
    out.extend(payload);
    out.extend(&jpeg[2..]);
    out
}
