//! How local a map is: figures over its positive part, at the map's own resolution.
//!
//! The positive part is taken as mass spread evenly over each place. All figures are then sums over places, do
//! not depend on the map's scale, and need no enlarging.

use serde::Serialize;

use super::{Map, Mask};

/// How local a map is. Each is `None` where nothing in the map speaks for the class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Smallest share of the area that holds half of the positive mass, in 0..=0.5: places are taken by falling mass, the
    /// last one in part.
    pub area50: Option<f64>,
    /// Entropy of the positive mass over the places, in bits, as a share of the largest possible (log2 of their number), in 0..=1.
    pub entropy: Option<f64>,
    /// Spread of the positive mass: root of the mean squared distance of places from its centre, in sides of the
    /// picture. Even mass over a square of n x n places has the root of (1 - 1/n^2) / 6: 0.40 and above.
    pub spread: Option<f64>,
    /// Share of the positive mass inside the foreground; `None` too where the background is not plain.
    pub foreground: Option<f64>,
    /// Share of the foreground in the picture: what `foreground` would be for a map of even mass.
    pub foreground_area: Option<f64>,
}

/// The names of the figures, in order.
pub const NAMES: [&str; 4] = ["area50", "entropy", "spread", "foreground"];

impl Figures {
    /// The figures of a map, with the mask of its picture.
    #[must_use]
    pub fn of(map: &Map, mask: Option<&Mask>) -> Self {
        let mass: Vec<f64> = map.values.iter().map(|&value| f64::from(value.max(0.0))).collect();
        let total: f64 = mass.iter().sum();
        let foreground_area = mask.map(Mask::share);
        if !(total.is_finite() && total > 0.0) {
            return Self { foreground_area, ..Self::default() };
        }
        let share: Vec<f64> = mass.iter().map(|mass| mass / total).collect();
        Self {
            area50: Some(area(&share, 0.5)),
            entropy: Some(entropy(&share)),
            spread: Some(spread(&share, map.height, map.width)),
            foreground: mask.map(|mask| {
                let covered = mask.coverage(map.height, map.width);
                share.iter().zip(&covered).map(|(share, covered)| share * covered).sum()
            }),
            foreground_area,
        }
    }

    /// A figure by its place in [`NAMES`].
    #[must_use]
    pub fn get(&self, at: usize) -> Option<f64> {
        [self.area50, self.entropy, self.spread, self.foreground].get(at).copied().flatten()
    }
}

fn area(share: &[f64], wanted: f64) -> f64 {
    let mut falling = share.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let (mut places, mut held) = (0.0, 0.0);
    for mass in falling {
        if held + mass >= wanted {
            places += (wanted - held) / mass;
            break;
        }
        held += mass;
        places += 1.0;
    }
    places / share.len() as f64
}

fn entropy(share: &[f64]) -> f64 {
    if share.len() < 2 {
        return 0.0;
    }
    let bits: f64 = share.iter().filter(|&&share| share > 0.0).map(|share| -share * share.log2()).sum();
    bits / (share.len() as f64).log2()
}

fn spread(share: &[f64], height: usize, width: usize) -> f64 {
    let places = || {
        share.iter().enumerate().map(|(at, share)| {
            let (y, x) = ((at / width) as f64 + 0.5, (at % width) as f64 + 0.5);
            (y / height as f64, x / width as f64, share)
        })
    };
    let (y0, x0) = places().fold((0.0, 0.0), |(y0, x0), (y, x, share)| (y0 + y * share, x0 + x * share));
    places().map(|(y, x, share)| ((y - y0).powi(2) + (x - x0).powi(2)) * share).sum::<f64>().max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: Option<f64>, b: Option<f64>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-9,
            (a, b) => a == b,
        }
    }

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        let check = |width: usize, values: &[f32], area50, entropy, spread| {
            let map = Map { height: values.len() / width, width, values: values.to_vec() };
            let got = Figures::of(&map, None);
            let all = near(got.area50, area50) && near(got.entropy, entropy) && near(got.spread, spread);
            assert!(all, "{values:?}: {got:?}");
            // The scale does not matter.
            let scaled = Map { values: values.iter().map(|value| value * 1e-6).collect(), ..map };
            assert!(near(
                Figures::of(&scaled, None).area50.map(|a| (a * 1e6).round()),
                area50.map(|a: f64| (a * 1e6).round())
            ));
        };
        // All in one place: half of that place.
        check(2, &[0.0, 8.0, 0.0, 0.0], Some(0.125), Some(0.0), Some(0.0));
        // Even: half of the area; variance of {1/4, 3/4} is 1/16 an axis.
        check(2, &[1.0; 4], Some(0.5), Some(1.0), Some((2.0_f64 / 16.0).sqrt()));
        // 6 of 8 in the first: 4/6 of a place; entropy of (3/4, 1/4) over 2 bits; x centre 0.25 * 3/4 + 0.75 / 4.
        check(
            2,
            &[6.0, 2.0, -9.0, 0.0],
            Some(4.0 / 6.0 / 4.0),
            Some(0.811_278_124_459_132_8 / 2.0),
            Some((0.25_f64 * 0.75 / 4.0).sqrt()),
        );
        // 3, 2, 2, 1 of 8: one place and half of the next.
        check(
            4,
            &[2.0, 3.0, 1.0, 2.0],
            Some(1.5 / 4.0),
            Some(1.905_639_062_229_566_4 / 2.0),
            None.or(Some(spread(&[0.25, 0.375, 0.125, 0.25], 1, 4))),
        );
        // Nothing speaks for it.
        check(2, &[-1.0, 0.0, -2.0, -3.0], None, None, None);
        check(2, &[f32::NAN, f32::INFINITY, 1.0, 1.0], None, None, None);
    }

    #[test]
    fn mass_is_counted_where_the_foreground_is() {
        // Foreground: the left half of 4 x 4 pixels, and one pixel more.
        let mut inside = [true, true, false, false].repeat(4);
        inside[2] = true;
        let mask = Mask { width: 4, height: 4, inside };
        let map = Map { height: 2, width: 2, values: vec![1.0, 4.0, 3.0, -5.0] };
        let got = Figures::of(&map, Some(&mask));
        // The upper right place is covered by a quarter.
        assert!(near(got.foreground, Some((1.0 + 4.0 * 0.25 + 3.0) / 8.0)), "{got:?}");
        assert!(near(got.foreground_area, Some(9.0 / 16.0)));
        assert_eq!(NAMES.map(str::len), [6, 7, 6, 10]);
        assert_eq!((got.get(0), got.get(3), got.get(4)), (got.area50, got.foreground, None));
    }
}
