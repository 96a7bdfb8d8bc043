//! From pictures to tensors, as torchvision does it: `Resize` of the short side with antialias on a PIL picture,
//! `CenterCrop`, division by 255, mean and standard deviation.
//!
//! How it works: [`decode`] reads a file, [`tensor`] makes the numbers. Sizes follow torchvision's own rounding: the long
//! side is `int(size * long / short)`, the crop begins at Python's `round((side - crop) / 2)` (ties to the even number),
//! and a picture that is smaller than the crop is padded with black. Only the pixels that are kept are computed.
//!
//! Two things are decided here. Alpha is dropped, as PIL's `convert("RGB")` does. EXIF's orientation is applied, so
//! that a model sees a picture as the window shows it; torchvision's default loader does not do that, so for the
//! few files with an orientation (cameras write it, shops and ImageNet's validation set hardly have it) the
//! numbers are those of `ImageOps.exif_transpose`.

use super::card::{Channels, Interpolation, Layout, Preprocessing};
use crate::formats::image::{self, Cut, Filter, ImageError, Picture, Rgb};

/// Numbers that one picture becomes.
#[must_use]
pub fn len(how: &Preprocessing) -> usize {
    channels(how) * how.crop as usize * how.crop as usize
}

/// Axes of one picture: `[C, H, W]` or `[H, W, C]`.
#[must_use]
pub fn shape(how: &Preprocessing) -> [usize; 3] {
    let (channels, side) = (channels(how), how.crop as usize);
    match how.layout {
        Layout::Nchw => [channels, side, side],
        Layout::Nhwc => [side, side, channels],
    }
}

const fn channels(how: &Preprocessing) -> usize {
    match how.channels {
        Channels::Rgb | Channels::Bgr => 3,
        Channels::Grey => 1,
    }
}

/// Decodes a file for [`tensor`]; a JPEG many times larger than needed is decoded at a smaller scale.
///
/// # Errors
/// [`ImageError`] if nothing can be decoded.
pub fn decode(bytes: &[u8], how: &Preprocessing) -> Result<Rgb, ImageError> {
    // Every pixel counts where the nearest one is taken, and where nothing is resized.
    let short_side = if how.interpolation == Interpolation::Nearest { 0 } else { how.resize };
    image::decode_rgb(bytes, short_side)
}

/// Where the model's input lies in a picture of `width` x `height` pixels as displayed.
#[must_use]
pub fn placement(width: u32, height: u32, how: &Preprocessing) -> Cut {
    let size = resized(width, height, how.resize);
    let offset = |side: u32| {
        let room = i64::from(side) - i64::from(how.crop);
        if room < 0 {
            // torchvision pads first: (crop - side) // 2 on the left, the rest on the right.
            -(-room / 2)
        } else {
            (room as f64 / 2.0).round_ties_even() as i64
        }
    };
    Cut { size, left: offset(size.0), top: offset(size.1), side: (how.crop, how.crop) }
}

/// Size after torchvision's `Resize(short)`; 0 leaves it alone.
fn resized(width: u32, height: u32, short: u32) -> (u32, u32) {
    if short == 0 || width == 0 || height == 0 {
        return (width, height);
    }
    let long =
        |long: u32, by: u32| (u64::from(short) * u64::from(long) / u64::from(by)).min(u64::from(u32::MAX)) as u32;
    if width <= height { (short, long(height, width)) } else { (long(width, height), short) }
}

/// Writes the numbers of one picture to `out`, which has [`len`] of them.
///
/// # Errors
/// [`ImageError::Damaged`] if the picture has no pixels.
///
/// # Panics
/// If `out` has another length.
pub fn tensor(picture: &Rgb, how: &Preprocessing, out: &mut [f32]) -> Result<(), ImageError> {
    assert_eq!(out.len(), len(how), "the tensor of one picture");
    let filter = match how.interpolation {
        Interpolation::Bilinear => Filter::Bilinear,
        Interpolation::Bicubic => Filter::Bicubic,
        Interpolation::Lanczos => Filter::Lanczos,
        Interpolation::Nearest => Filter::Nearest,
    };
    let pixels = image::cut(picture, &placement(picture.width, picture.height, how), filter)?;
    let value = |channel: usize, pixel: f32| (pixel / 255.0 - how.mean[channel]) / how.std[channel];
    let area = how.crop as usize * how.crop as usize;
    let pixels = pixels.chunks_exact(3);
    if how.channels == Channels::Grey {
        for (to, pixel) in out.iter_mut().zip(pixels) {
            *to = value(0, luma(pixel));
        }
        return Ok(());
    }
    let order = if how.channels == Channels::Bgr { [2, 1, 0] } else { [0, 1, 2] };
    match how.layout {
        Layout::Nchw => {
            for (channel, plane) in out.chunks_exact_mut(area).enumerate() {
                for (to, pixel) in plane.iter_mut().zip(pixels.clone()) {
                    *to = value(channel, pixel[order[channel]]);
                }
            }
        }
        Layout::Nhwc => {
            for (to, pixel) in out.chunks_exact_mut(3).zip(pixels) {
                for channel in 0..3 {
                    to[channel] = value(channel, pixel[order[channel]]);
                }
            }
        }
    }
    Ok(())
}

/// The numbers of a picture that is decoded already, as [`tensor`].
///
/// # Errors
/// [`ImageError::Damaged`] if the picture has no pixels.
///
/// # Panics
/// If `out` has another length than [`len`].
pub fn tensor_of(picture: &Picture, how: &Preprocessing, out: &mut [f32]) -> Result<(), ImageError> {
    tensor(&Rgb::from(picture), how, out)
}

/// The weights of PIL's `convert("L")`.
fn luma(rgb: &[f32]) -> f32 {
    (rgb[0] * 19_595.0 + rgb[1] * 38_470.0 + rgb[2] * 7_471.0) / 65_536.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(resize: u32, crop: u32) -> Preprocessing {
        Preprocessing {
            resize,
            interpolation: Interpolation::Bilinear,
            crop,
            channels: Channels::Rgb,
            layout: Layout::Nchw,
            mean: [0.0; 3],
            std: [1.0; 3],
        }
    }

    /// A picture whose pixels follow a rule that the reference script follows too.
    fn picture(width: u32, height: u32) -> Picture {
        let pixel = |at: u32| {
            let (x, y) = (at % width, at / width);
            [(x * 7 + y * 3) % 256, (x * x + 5 * y) % 256, ((x / 3 + y / 2) % 2) * 255, 255].map(|v| v as u8)
        };
        Picture { width, height, rgba: (0..width * height).flat_map(pixel).collect(), truncated: false }
    }

    #[test]
    fn sizes_and_offsets_are_torchvisions() {
        // torchvision 0.2x: F._compute_resized_output_size and the offsets of F.center_crop.
        let check = |from: (u32, u32), resize, crop, size, left, top| {
            let got = placement(from.0, from.1, &how(resize, crop));
            assert_eq!((got.size, got.left, got.top), (size, left, top), "{from:?} {resize} {crop}");
        };
        check((500, 375), 256, 224, (341, 256), 58, 16);
        check((375, 500), 256, 224, (256, 341), 16, 58);
        check((500, 333), 256, 224, (384, 256), 80, 16);
        check((256, 256), 256, 224, (256, 256), 16, 16);
        // 0.5 -> 0, 1.5 -> 2, 2.5 -> 2: ties to the even number.
        check((225, 227), 0, 224, (225, 227), 0, 2);
        check((229, 231), 0, 224, (229, 231), 2, 4);
        check((3, 500), 8, 8, (8, 1333), 0, 662);
        check((1, 1), 256, 224, (256, 256), 16, 16);
        check((100, 61), 0, 128, (100, 61), -14, -33);
        check((100, 200), 0, 128, (100, 200), -14, 36);
    }

    #[test]
    fn channels_and_axes_go_where_they_belong() {
        let (width, height) = (5, 5);
        let picture = picture(width, height);
        let mut plain = vec![0.0; 75];
        tensor_of(&picture, &how(0, 5), &mut plain).unwrap();
        let at = |x: usize, y: usize, c: usize| f32::from(picture.rgba[(y * 5 + x) * 4 + c]) / 255.0;
        assert_eq!(plain[25 + 5 * 2 + 3], at(3, 2, 1));
        let mut got = vec![0.0; 75];
        let mut check =
            |how: &Preprocessing, place: &dyn Fn(usize, usize, usize) -> usize, expect: &dyn Fn(usize, f32) -> f32| {
                assert_eq!(shape(how).iter().product::<usize>(), len(how));
                tensor_of(&picture, how, &mut got).unwrap();
                for c in 0..3 {
                    for (x, y) in [(0, 0), (3, 2), (4, 4), (1, 4)] {
                        let source = if how.channels == Channels::Bgr { 2 - c } else { c };
                        let (got, expect) = (got[place(x, y, c)], expect(c, at(x, y, source)));
                        assert!((got - expect).abs() < 1e-6, "{how:?} {x} {y} {c}: {got} {expect}");
                    }
                }
            };
        let (planes, pixels) = (|x, y, c| c * 25 + y * 5 + x, |x, y, c| (y * 5 + x) * 3 + c);
        let normal = Preprocessing { mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 2.0], ..how(0, 5) };
        let by = |c: usize, v: f32| (v - [0.1, 0.2, 0.3][c]) / [0.5, 0.25, 2.0][c];
        check(&normal, &planes, &by);
        check(&Preprocessing { channels: Channels::Bgr, ..normal.clone() }, &planes, &by);
        check(&Preprocessing { layout: Layout::Nhwc, ..normal.clone() }, &pixels, &by);
        check(&Preprocessing { layout: Layout::Nhwc, channels: Channels::Bgr, ..normal }, &pixels, &by);
        let grey = Preprocessing { channels: Channels::Grey, ..how(0, 5) };
        assert_eq!((len(&grey), shape(&grey)), (25, [1, 5, 5]));
        let mut got = vec![0.0; 25];
        tensor_of(&picture, &grey, &mut got).unwrap();
        // PIL: Image.new("RGB", (1, 1), (7, 1, 0)).convert("L") is 3; here it is not rounded.
        assert!((luma(&[7.0, 1.0, 0.0]) - 2.68).abs() < 0.01);
        let pixel: Vec<f32> = picture.rgba[4..7].iter().copied().map(f32::from).collect();
        assert_eq!(got[1], luma(&pixel) / 255.0);
    }

    #[test]
    fn a_picture_smaller_than_the_crop_lies_in_black() {
        let picture = picture(3, 4);
        let mut got = vec![9.0; 3 * 64];
        tensor_of(&picture, &how(0, 8), &mut got).unwrap();
        // Left (8 - 3) // 2 = 2, top (8 - 4) // 2 = 2.
        for y in 0..8 {
            for x in 0..8 {
                let inside = (2..5).contains(&x) && (2..6).contains(&y);
                let expect = if inside { f32::from(picture.rgba[((y - 2) * 3 + x - 2) * 4]) / 255.0 } else { 0.0 };
                assert_eq!(got[y * 8 + x], expect, "{x} {y}");
            }
        }
    }

    /// Mean absolute difference, in units of 1/255.
    fn difference(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32 * 255.0
    }

    /// What a bilinear resize without antialias gives: four neighbours, however far the picture shrinks.
    fn without_antialias(picture: &Picture, how: &Preprocessing) -> Vec<f32> {
        let cut = placement(picture.width, picture.height, how);
        let side = how.crop as usize;
        let near = |at: f32, end: u32| {
            let at = at.clamp(0.0, (end - 1) as f32);
            (at as usize, (at as usize + 1).min(end as usize - 1), at.fract())
        };
        let mut out = vec![0.0; len(how)];
        for (i, to) in out.iter_mut().enumerate() {
            let (c, y, x) = (i / (side * side), i / side % side, i % side);
            let place = |at: i64, from: u32, to: u32| (at as f32 + 0.5) * from as f32 / to as f32 - 0.5;
            let (x0, x1, u) = near(place(cut.left + x as i64, picture.width, cut.size.0), picture.width);
            let (y0, y1, v) = near(place(cut.top + y as i64, picture.height, cut.size.1), picture.height);
            let pixel = |x: usize, y: usize| f32::from(picture.rgba[(y * picture.width as usize + x) * 4 + c]) / 255.0;
            let upper = pixel(x0, y0) * (1.0 - u) + pixel(x1, y0) * u;
            *to = upper * (1.0 - v) + (pixel(x0, y1) * (1.0 - u) + pixel(x1, y1) * u) * v;
        }
        out
    }

    #[test]
    fn pictures_are_resized_as_torchvision_does() {
        // Made by tests/preprocess_reference.py with torchvision 0.29 and Pillow 12.
        let table = include_str!("../../tests/fixtures/preprocess.txt");
        let mut seen = 0;
        for line in table.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u32>().unwrap();
            let (width, height, resize) = (number(0), number(1), number(2));
            let interpolation = match words[3] {
                "bilinear" => Interpolation::Bilinear,
                "bicubic" => Interpolation::Bicubic,
                "lanczos" => Interpolation::Lanczos,
                _ => Interpolation::Nearest,
            };
            let how = Preprocessing { interpolation, ..how(resize, 6) };
            let mut expect = vec![0.0; 108];
            for at in 0..108 {
                let value = u8::from_str_radix(&words[4][at * 2..at * 2 + 2], 16).unwrap();
                expect[at % 3 * 36 + at / 3] = f32::from(value) / 255.0;
            }
            let (picture, mut got) = (picture(width, height), vec![0.0; 108]);
            tensor_of(&picture, &how, &mut got).unwrap();
            let off = difference(&got, &expect);
            assert!(off < 0.5, "{}: {off}", &line[..line.len().min(30)]);
            if resize > 0 && width.min(height) > 3 * resize && interpolation != Interpolation::Nearest {
                // Negative control: what torchvision's antialias=False would give is far off.
                let wrong = difference(&without_antialias(&picture, &how), &expect);
                assert!(wrong > 10.0, "{}: no antialias is {wrong} off", &line[..line.len().min(30)]);
                seen += 1;
            }
        }
        assert!(seen >= 9, "{seen} negative controls");
    }
}
