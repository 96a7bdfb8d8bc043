//! Maps as colours: inferno over the picture, as strong as the map; differences from blue to red.

use super::{Map, upsample};

/// The colour of a value in 0..=1 on matplotlib's inferno, as bytes: the polynomial of degree 6 by Matt Zucker (CC0),
/// which is within 5 of 255 of the table.
#[must_use]
pub fn inferno(value: f32) -> [u8; 3] {
    const C: [[f32; 3]; 7] = [
        [0.000_218_94, 0.001_651, -0.019_480_9],
        [0.106_513_42, 0.563_956_4, 3.932_712_3],
        [11.602_493, -3.972_854, -15.942_394],
        [-41.703_995, 17.436_398, 44.354_145],
        [77.162_94, -33.402_36, -81.807_31],
        [-71.319_43, 32.626_064, 73.209_52],
        [25.131_126, -12.242_669, -23.070_325],
    ];
    let t = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
    std::array::from_fn(|channel| {
        let sum = C.iter().rev().fold(0.0, |sum, c| sum * t + c[channel]);
        (sum.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

/// The colour of a value in -1..=1: blue, white at 0, red; the ends are as dark as each other.
#[must_use]
pub fn diverging(value: f32) -> [u8; 3] {
    let t = if value.is_nan() { 0.0 } else { value.clamp(-1.0, 1.0) };
    let end = if t < 0.0 { [33.0, 102.0, 172.0] } else { [178.0, 24.0, 43.0] };
    end.map(|end: f32| (247.0 + (end - 247.0) * t.abs()).round() as u8)
}

/// Draws a map over a picture of `width` pixels a row, four bytes each. The map's positive part is enlarged to the picture and divided
/// by `scale`; a pixel keeps `1 - opacity * value` of its own colour, so what the map leaves out stays as it is.
pub fn overlay(rgba: &mut [u8], width: usize, map: &Map, scale: f32, opacity: f32) {
    let height = (rgba.len() / 4).checked_div(width).unwrap_or(0);
    let positive = Map { values: map.values.iter().map(|value| value.max(0.0)).collect(), ..*map };
    let large = upsample(&positive, height, width);
    let scale = if scale > 0.0 && scale.is_finite() { scale } else { 1.0 };
    for (pixel, value) in rgba.chunks_exact_mut(4).zip(large.values) {
        let value = (value / scale).clamp(0.0, 1.0);
        // In proportion: the dark end of the colours over a plain white ground would be a haze of grey.
        let cover = opacity * value;
        let colour = inferno(value);
        for (own, colour) in pixel.iter_mut().zip(colour) {
            *own = (f32::from(*own) * (1.0 - cover) + f32::from(colour) * cover).round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inferno_is_near_matplotlibs() {
        // matplotlib.colormaps["inferno"](x)
        let check = |value, expect: [f32; 3]| {
            let got = inferno(value);
            let off = got.iter().zip(expect).map(|(&a, b)| (f32::from(a) - b * 255.0).abs()).fold(0.0, f32::max);
            assert!(off < 5.0, "{value}: {got:?} {off}");
        };
        check(0.0, [0.001_462, 0.000_466, 0.013_866]);
        check(0.5, [0.735_683, 0.215_906, 0.330_245]);
        check(1.0, [0.988_362, 0.998_364, 0.644_924]);
        assert_eq!((inferno(f32::NAN), inferno(7.0)), (inferno(0.0), inferno(1.0)));
    }

    #[test]
    fn differences_are_white_at_zero() {
        assert_eq!((diverging(0.0), diverging(f32::NAN)), ([247; 3], [247; 3]));
        assert_eq!((diverging(-1.0), diverging(2.0)), ([33, 102, 172], [178, 24, 43]));
    }

    #[test]
    fn what_a_map_leaves_out_keeps_its_colour() {
        let mut rgba = [10, 20, 30, 255].repeat(4);
        let map = Map { height: 2, width: 2, values: vec![-3.0, 4.0, 0.0, 2.0] };
        overlay(&mut rgba, 2, &map, 4.0, 1.0);
        assert_eq!((&rgba[0..4], &rgba[8..12]), (&[10, 20, 30, 255][..], &[10, 20, 30, 255][..]));
        assert_eq!(rgba[4..7], inferno(1.0));
        assert!(rgba[12..15] != [10, 20, 30] && rgba[12..15] != inferno(0.5), "{rgba:?}");
        // A scale of nothing is no division by zero.
        overlay(&mut rgba, 2, &Map { height: 1, width: 1, values: vec![0.0] }, 0.0, 1.0);
    }
}
