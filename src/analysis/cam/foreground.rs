//! What stands before a plain background: shops photograph goods on white.
//!
//! How it works: the background's colour is the median of the picture's edge. It is plain where most of the edge has that
//! colour. Background is then what can be reached from the edge through pixels of that colour, so that a white shirt's inside
//! stays foreground; the rest is foreground.

use super::Map;

/// Pixels within this of the background's colour, in each channel of 0..=255, are like it: what JPEG does to white.
const NEAR: u8 = 12;
/// Share of the edge that must be like its median.
const PLAIN: f64 = 0.85;
/// Less or more foreground than this is none, or all of the picture, and says nothing.
const SENSIBLE: std::ops::RangeInclusive<f64> = 0.01..=0.95;

/// Which pixels are foreground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Row after row.
    pub inside: Vec<bool>,
}

impl Mask {
    /// The foreground of a picture of `width` pixels a row, three bytes each; `None` where the background is not plain or
    /// nothing stands before it.
    #[must_use]
    pub fn of(rgb: &[u8], width: usize) -> Option<Self> {
        let pixels: Vec<[u8; 3]> = rgb.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        let height = pixels.len().checked_div(width)?;
        if width < 3 || height < 3 {
            return None;
        }
        let is_edge = |at: &usize| {
            let (x, y) = (at % width, at / width);
            x == 0 || y == 0 || x == width - 1 || y == height - 1
        };
        let edge: Vec<usize> = (0..width * height).filter(is_edge).collect();
        let median = |channel: usize| {
            let mut values: Vec<u8> = edge.iter().map(|&at| pixels[at][channel]).collect();
            let middle = values.len() / 2;
            *values.select_nth_unstable(middle).1
        };
        let ground = [median(0), median(1), median(2)];
        let alike = |at: usize| pixels[at].iter().zip(ground).all(|(&value, ground)| value.abs_diff(ground) <= NEAR);
        let plain = edge.iter().filter(|&&at| alike(at)).count() as f64 / edge.len() as f64;
        if plain < PLAIN {
            return None;
        }
        let mut inside = vec![true; width * height];
        let mut open: Vec<usize> = edge.into_iter().filter(|&at| alike(at)).collect();
        for &at in &open {
            inside[at] = false;
        }
        while let Some(at) = open.pop() {
            let (x, y) = (at % width, at / width);
            let beside = [
                (x > 0).then(|| at - 1),
                (x + 1 < width).then_some(at + 1),
                (y > 0).then(|| at - width),
                (y + 1 < height).then_some(at + width),
            ];
            for next in beside.into_iter().flatten() {
                if inside[next] && alike(next) {
                    inside[next] = false;
                    open.push(next);
                }
            }
        }
        let mask = Self { width, height, inside };
        SENSIBLE.contains(&mask.share()).then_some(mask)
    }

    /// Share of the foreground in the picture.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.inside.iter().filter(|&&inside| inside).count() as f64 / self.inside.len().max(1) as f64
    }

    /// For each place of a map of `height` x `width` over the picture, the share of its area that is foreground.
    #[must_use]
    pub fn coverage(&self, height: usize, width: usize) -> Vec<f64> {
        let (rows, columns) = (overlaps(self.height, height), overlaps(self.width, width));
        let mut covered = vec![0.0; height * width];
        for (y, rows) in rows.iter().enumerate() {
            for (x, columns) in columns.iter().enumerate() {
                let inside = |&(row, column): &(usize, usize)| self.inside[row * self.width + column];
                let mut sum = 0.0;
                for &(row, tall) in rows {
                    for &(column, wide) in columns {
                        sum += if inside(&(row, column)) { tall * wide } else { 0.0 };
                    }
                }
                covered[y * width + x] = sum;
            }
        }
        covered
    }

    /// The mask as a map of ones and zeros.
    #[must_use]
    pub fn map(&self) -> Map {
        let values = self.inside.iter().map(|&inside| f32::from(u8::from(inside))).collect();
        Map { height: self.height, width: self.width, values }
    }
}

/// For each of `cells` equal parts of `pixels` pixels, the pixels in it and their shares of the part.
fn overlaps(pixels: usize, cells: usize) -> Vec<Vec<(usize, f64)>> {
    let side = pixels as f64 / cells as f64;
    let cell = |at: usize| {
        let (start, end) = (at as f64 * side, (at + 1) as f64 * side);
        let share = |pixel: usize| (end.min(pixel as f64 + 1.0) - start.max(pixel as f64)) / side;
        let pixels = start as usize..(end.ceil() as usize).min(pixels);
        pixels.map(|pixel| (pixel, share(pixel))).filter(|(_, share)| *share > 1e-12).collect()
    };
    (0..cells).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture drawn in letters: `.` background, `,` nearly, `#` dark, `o` the background's colour.
    fn picture(rows: &[&str], ground: u8) -> (Vec<u8>, usize) {
        let value = |letter: char| match letter {
            '#' => 20,
            ',' => ground - NEAR,
            ';' => ground - NEAR - 1,
            _ => ground,
        };
        (rows.iter().flat_map(|row| row.chars()).flat_map(|letter| [value(letter); 3]).collect(), rows[0].len())
    }

    #[test]
    fn foreground_is_what_the_background_does_not_reach() {
        let check = |rows: &[&str], expect: Option<&[&str]>| {
            let (rgb, width) = picture(rows, 250);
            let got = Mask::of(&rgb, width).map(|mask| {
                let letter = |&inside: &bool| if inside { '#' } else { '.' };
                mask.inside.chunks(width).map(|row| row.iter().map(letter).collect()).collect::<Vec<String>>()
            });
            assert_eq!(got, expect.map(|rows| rows.iter().map(|&row| row.to_owned()).collect()), "{rows:?}");
        };
        check(
            &["......", ".,##..", "..#o#.", "..##..", "......"],
            Some(&["......", "..##..", "..###.", "..##..", "......"]),
        );
        // A gap at a corner only: the inside is not reached.
        check(
            &["......", "..#...", ".#o#..", "..#...", "......"],
            Some(&["......", "..#...", ".###..", "..#...", "......"]),
        );
        check(&["......", "..;...", "......", "......"], Some(&["......", "..#...", "......", "......"]));
        // Not plain at the edge, or nothing there, or nothing but foreground.
        check(&["..##..", ".,##..", "######", "..##.."], None);
        check(&["......", "..,...", "......"], None);
        assert_eq!(Mask::of(&[0; 12], 2), None);
        assert_eq!(Mask::of(&[], 0), None);
    }

    #[test]
    fn places_are_covered_by_area() {
        let mask = Mask { width: 3, height: 1, inside: vec![true, false, true] };
        // Two places of 1.5 pixels: the first holds pixel 0 and half of pixel 1.
        let got = mask.coverage(1, 2);
        assert!((got[0] - 2.0 / 3.0).abs() < 1e-12 && (got[1] - 2.0 / 3.0).abs() < 1e-12, "{got:?}");
        let got = mask.coverage(2, 6);
        let expect = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0].repeat(2);
        assert!(got.iter().zip(&expect).all(|(a, b)| (a - b).abs() < 1e-9), "{got:?}");
        assert_eq!(mask.map().values, [1.0, 0.0, 1.0]);
    }
}
