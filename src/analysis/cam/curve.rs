//! Deletion and insertion curves: what a map is worth to the model it explains.
//!
//! How it works: the places of a map are taken out of the picture one after the other, and the probability of the class is followed
//! (Petsiuk et al. 2018, RISE). A map that finds what the model looks at makes it fall fast: the area under the curve is
//! small. A place goes as the map is drawn: its mask is the enlarged map of a single 1 ([`upsample`](super::upsample)), so that the masks of
//! all places add up to 1 and no mask has an edge of its own, as in RISE's own masks. What goes is replaced by a [`Substrate`].
//!
//! Insertion is the same the other way round: the picture with the first k places alone is the picture from which all the others
//! were deleted, so the area of insertion by an order is that of deletion by the reversed order, and an order at random has the
//! same area by both in the mean.

use std::fmt;
use std::str::FromStr;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

use super::{Map, upsample};

/// What comes in the place of what is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Substrate {
    /// The mean that the preprocessing takes off, 0 for the model: RISE's for deletion, and ROAR's (Hooker et al. 2019).
    #[default]
    Mean,
    /// The picture itself without detail: RISE's for insertion.
    Blur,
}

impl fmt::Display for Substrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Mean { "mean" } else { "blur" })
    }
}

impl FromStr for Substrate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Mean, Self::Blur];
        let found = known.into_iter().find(|substrate| substrate.to_string() == text.to_lowercase());
        found.ok_or_else(|| format!("there is no substrate \"{text}\"; it is one of mean, blur"))
    }
}

/// Orders at random that a map is held against.
pub const RANDOM: usize = 16;

/// Steps of a curve at most: of finer maps several places go at once.
pub const STEPS: usize = 64;

/// Areas under the probability of the class, each in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Curves {
    /// Deletion by the falling map: small is good.
    pub deletion: f64,
    /// Insertion by the falling map, which is deletion by the rising one: large is good.
    pub insertion: f64,
    /// Mean over [`RANDOM`] orders at random, of deletion as of insertion.
    pub random: f64,
}

/// Places by falling value; equal ones as they lie, those without a number last.
#[must_use]
pub fn falling(map: &Map) -> Vec<usize> {
    let mut order: Vec<usize> = (0..map.values.len()).collect();
    let value = |at: usize| if map.values[at].is_nan() { f32::NEG_INFINITY } else { map.values[at] };
    order.sort_by(|&a, &b| value(b).total_cmp(&value(a)));
    order
}

/// [`RANDOM`] orders of so many places.
#[must_use]
pub fn at_random(places: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0xde1e);
    let mut order: Vec<usize> = (0..places).collect();
    let mut shuffled = || {
        for at in (1..places).rev() {
            order.swap(at, random.random_range(0..=at));
        }
        order.clone()
    };
    (0..RANDOM).map(|_| shuffled()).collect()
}

/// For each step of a deletion, from the whole picture to nothing, how much of each of the picture's `height` x `width` pixels is gone,
/// in 0..=1. `map` gives the grid of the places, `order` who goes first.
pub fn gone(map: &Map, order: &[usize], (height, width): (usize, usize)) -> impl Iterator<Item = Vec<f32>> {
    let steps = order.len().min(STEPS);
    (0..=steps).map(move |step| {
        let mut deleted = Map { height: map.height, width: map.width, values: vec![0.0; map.values.len()] };
        for &place in &order[..order.len() * step / steps.max(1)] {
            deleted.values[place] = 1.0;
        }
        upsample(&deleted, height, width).values
    })
}

/// Area under equally spaced values over 0..=1 (trapezoids).
#[must_use]
pub fn area(values: &[f32]) -> f64 {
    let Some(spaces) = values.len().checked_sub(1).filter(|&spaces| spaces > 0) else {
        return values.first().copied().map_or(0.0, f64::from);
    };
    let sum: f64 = values.windows(2).map(|pair| f64::midpoint(f64::from(pair[0]), f64::from(pair[1]))).sum();
    sum / spaces as f64
}

/// A plane of `width` values a row without its detail: three boxes each way, near a Gaussian with a deviation of a sixteenth of
/// the width. A place of a coarse map (4 x 4) then has nothing left that is finer than a quarter of it.
#[must_use]
pub fn blurred(plane: &[f32], width: usize) -> Vec<f32> {
    let radius = (width / 16).max(1);
    let height = plane.len().checked_div(width).unwrap_or(0);
    let mut from = plane.to_vec();
    for (lines, length, along, across) in [(height, width, 1, width), (width, height, width, 1)].repeat(3) {
        let mut to = from.clone();
        for line in 0..lines {
            for at in 0..length {
                let near = at.saturating_sub(radius)..(at + radius + 1).min(length);
                let sum: f32 = near.clone().map(|other| from[line * across + other * along]).sum();
                to[line * across + at * along] = sum / near.len() as f32;
            }
        }
        from = to;
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[f32]) -> Map {
        Map { height: values.len() / 2, width: 2, values: values.to_vec() }
    }

    #[test]
    fn places_go_by_falling_value() {
        let check = |values: &[f32], expect: &[usize]| assert_eq!(falling(&map(values)), expect, "{values:?}");
        check(&[1.0, -2.0, 3.0, 1.0], &[2, 0, 3, 1]);
        check(&[f32::NAN, -2.0, f32::NAN, 0.0], &[3, 1, 0, 2]);
    }

    #[test]
    fn masks_of_all_places_add_up_to_the_picture() {
        let grid = map(&[0.0; 4]);
        let masks: Vec<Vec<f32>> = gone(&grid, &[3, 0, 1, 2], (6, 8)).collect();
        assert_eq!(masks.len(), 5);
        assert!(masks[0].iter().all(|&gone| gone == 0.0) && masks[4].iter().all(|&gone| (gone - 1.0).abs() < 1e-6));
        // The last place is the lower right one, and goes first; masks only grow.
        assert_eq!((masks[1][47], masks[1][0]), (1.0, 0.0));
        assert!(masks.windows(2).all(|pair| pair[0].iter().zip(&pair[1]).all(|(a, b)| *b >= a - 1e-6)));
        // Deleting by the reversed order leaves what inserting by the order shows.
        let reversed: Vec<Vec<f32>> = gone(&grid, &[2, 1, 0, 3], (6, 8)).collect();
        let left: Vec<f32> = masks[1].iter().map(|gone| 1.0 - gone).collect();
        assert!(reversed[3].iter().zip(&left).all(|(a, b)| (a - b).abs() < 1e-6));
        // A fine map goes in steps of several places.
        let fine = Map { height: 20, width: 20, values: vec![0.0; 400] };
        assert_eq!(gone(&fine, &falling(&fine), (20, 20)).count(), STEPS + 1);
    }

    #[test]
    fn areas_are_those_of_trapezoids() {
        assert_eq!((area(&[1.0, 1.0, 1.0]), area(&[1.0, 0.0])), (1.0, 0.5));
        assert_eq!((area(&[1.0, 0.0, 0.0]), area(&[]), area(&[0.25])), (0.25, 0.0, 0.25));
    }

    #[test]
    fn orders_at_random_are_seeded_and_whole() {
        let orders = at_random(9, 4);
        assert_eq!((orders.len(), &orders), (RANDOM, &at_random(9, 4)));
        assert_ne!(orders, at_random(9, 5));
        assert_ne!(orders[0], orders[1]);
        for mut order in orders {
            order.sort_unstable();
            assert_eq!(order, (0..9).collect::<Vec<_>>());
        }
    }

    #[test]
    fn blurring_keeps_what_has_no_detail() {
        assert!(blurred(&[0.5; 32 * 32], 32).iter().all(|value| (value - 0.5).abs() < 1e-6));
        let chequered: Vec<f32> = (0..32 * 32).map(|at| if (at / 32 + at) % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let rest = blurred(&chequered, 32);
        assert!(rest[16 * 32 + 16].abs() < 0.05, "{}", rest[16 * 32 + 16]);
    }
}
