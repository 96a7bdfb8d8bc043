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

/// The scale of a JPEG's decode in eighths: the smallest at which neither the picture nor its colour, which
/// most files store at half the size, is smaller than wanted. Cut files are decoded in full, by the decoder
/// that forgives.
fn scale_for(codec: Codec, header: &Header, width: u32, height: u32) -> Option<u32> {
    let fits = |eighths: &u32| {
        let side =
            |side: u32, subsampling: u8| jpeg::scaled_side(side, *eighths).div_ceil(u32::from(subsampling.max(1)));
        side(header.width, header.subsampling.0) >= width && side(header.height, header.subsampling.1) >= height
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

#[cfg(test)]
mod tests {
    use image::imageops::{self, FilterType};
    use image::metadata::Orientation;
    use image::{DynamicImage, GrayImage, Rgb, RgbImage, RgbaImage};
    use jpeg_encoder::SamplingFactor;

    use super::super::decode;
    use super::super::fixtures::{cmyk_jpeg, encoded, gray_jpeg, jpeg_of, scene, with_exif};
    use super::*;

    fn rgba(picture: &Picture) -> RgbaImage {
        RgbaImage::from_raw(picture.width, picture.height, picture.rgba.clone()).expect("fits")
    }

    /// Mean absolute difference of the colour channels, 0 to 255.
    fn difference(a: &RgbaImage, b: &RgbaImage) -> f64 {
        assert_eq!(a.dimensions(), b.dimensions());
        let pixel =
            |a: &image::Rgba<u8>, b: &image::Rgba<u8>| (0..3).map(|c| u64::from(a[c].abs_diff(b[c]))).sum::<u64>();
        let sum: u64 = a.pixels().zip(b.pixels()).map(|(a, b)| pixel(a, b)).sum();
        sum as f64 / (f64::from(a.width()) * f64::from(a.height()) * 3.0)
    }

    /// The thumbnail of `bytes` against `full`, its picture, resized well.
    fn check_against(name: &str, bytes: &[u8], full: &RgbaImage, max_side: u32, limit: f64) {
        let (width, height) = fitted(full.width(), full.height(), max_side);
        let name = format!("{name} {}x{} -> {width}x{height}", full.width(), full.height());
        let expect = imageops::resize(full, width, height, FilterType::Lanczos3);
        let got = rgba(&thumbnail(bytes, max_side).expect("decodes"));
        let off = difference(&got, &expect);
        assert!(off < limit, "{name}: {off:.3}");
        if width > 8 && height > 8 {
            // Negative control: a shift by one pixel, which wrong alignment would look like, is far worse.
            let shifted = RgbaImage::from_fn(width, height, |x, y| *expect.get_pixel((x + 1).min(width - 1), y));
            let seen = difference(&shifted, &expect);
            assert!(seen > 2.5 * off, "{name}: {off:.3}, where a shift by a pixel makes {seen:.3}");
        }
    }

    fn check(name: &str, bytes: &[u8], max_side: u32, limit: f64) {
        check_against(name, bytes, &rgba(&decode(bytes).expect("decodes")), max_side, limit);
    }

    #[test]
    fn thumbnails_equal_a_full_decode_and_a_good_resize() {
        let samplings =
            [("4:4:4", SamplingFactor::F_1_1), ("4:2:0", SamplingFactor::F_2_2), ("4:2:2", SamplingFactor::F_2_1)];
        for (width, height) in [(1024, 1024), (517, 1021), (300, 257)] {
            for (name, sampling) in samplings {
                for progressive in [false, true] {
                    let bytes = jpeg_of(&scene(width, height), sampling, progressive);
                    for max_side in [64, 128, 250] {
                        check(name, &bytes, max_side, if name == "4:4:4" { 2.5 } else { 5.0 });
                    }
                }
            }
        }
    }

    #[test]
    fn inks_and_grays_keep_their_colours() {
        for (width, height) in [(640, 512), (333, 271), (90, 70)] {
            let picture = scene(width, height);
            let full = DynamicImage::from(picture.clone()).to_rgba8();
            for ycck in [false, true] {
                check_against("inks", &cmyk_jpeg(&picture, ycck), &full, 64, 3.0);
                let decoded = rgba(&decode(&cmyk_jpeg(&picture, ycck)).expect("decodes"));
                assert!(difference(&decoded, &full) < 3.0, "ycck {ycck}: {}", difference(&decoded, &full));
            }
            let gray = DynamicImage::from(picture).to_luma8();
            let full = DynamicImage::from(gray.clone()).to_rgba8();
            check_against("gray", &gray_jpeg(&gray), &full, 64, 2.0);
        }
    }

    #[test]
    fn every_orientation_is_applied() {
        for (width, height) in [(640, 480), (101, 67)] {
            let jpeg = jpeg_of(&scene(width, height), SamplingFactor::F_1_1, false);
            let stored = DynamicImage::from(rgba(&decode(&jpeg).expect("decodes")));
            for value in 1..=8 {
                let bytes = with_exif(&jpeg, value, value % 2 == 0);
                let mut expect = stored.clone();
                expect.apply_orientation(Orientation::from_exif(value).expect("1 to 8"));
                let expect = expect.to_rgba8();
                assert_eq!(rgba(&decode(&bytes).expect("decodes")), expect, "orientation {value}");
                check_against(&format!("orientation {value}"), &bytes, &expect, 60, 2.0);
            }
        }
    }

    #[test]
    fn sizes_keep_the_aspect_and_are_never_enlarged() {
        let check = |from: (u32, u32), max_side, expect| {
            let bytes = encoded(&scene(from.0, from.1).into(), image::ImageFormat::Png);
            let got = thumbnail(&bytes, max_side).expect("decodes");
            assert_eq!((got.width, got.height), expect, "{from:?} at {max_side}");
            assert_eq!(got.rgba.len() as u32, got.width * got.height * 4);
            let jpeg = jpeg_of(&scene(from.0, from.1), SamplingFactor::F_2_2, false);
            let got = thumbnail(&jpeg, max_side).expect("decodes");
            assert_eq!((got.width, got.height), expect, "JPEG {from:?} at {max_side}");
        };
        check((1, 1), 128, (1, 1));
        check((1, 3000), 128, (1, 128));
        check((3000, 2), 128, (128, 1));
        check((1000, 3), 128, (128, 1));
        check((100, 50), 128, (100, 50));
        check((129, 128), 128, (128, 127));
        check((17, 9), 0, (1, 1));
    }

    #[test]
    fn transparent_pixels_do_not_bleed() {
        // Red beside fully transparent green: no green may show up.
        let picture =
            RgbaImage::from_fn(64, 64, |x, _| image::Rgba(if x < 33 { [255, 0, 0, 255] } else { [0, 255, 0, 0] }));
        let got = thumbnail(&encoded(&picture.into(), image::ImageFormat::Png), 16).expect("decodes");
        assert!(got.rgba.chunks_exact(4).all(|p| p[3] == 0 || p[1] < 8), "green bled");
        let (gray, white) =
            (GrayImage::from_pixel(40, 40, image::Luma([77])), RgbImage::from_pixel(40, 40, Rgb([255; 3])));
        assert!(
            thumbnail(&gray_jpeg(&gray), 20).expect("decodes").rgba.chunks_exact(4).all(|p| *p == [77, 77, 77, 255])
        );
        let png = encoded(&white.into(), image::ImageFormat::Png);
        assert!(thumbnail(&png, 20).expect("decodes").rgba.iter().all(|&v| v == 255));
    }
}
