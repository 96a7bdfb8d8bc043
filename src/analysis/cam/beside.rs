//! Two maps of one picture beside each other: models cut their own part out of it and have grids of their own.
//!
//! How it works: a [`Region`] says which part of the picture a map covers. [`placed`] brings a map onto a common part and grid; then
//! two of them can be subtracted or compared place by place.

use super::Map;

/// A part of a picture in shares of its width and height; a model that pads sees beyond 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Left edge.
    pub left: f32,
    /// Upper edge.
    pub top: f32,
    /// Right edge.
    pub right: f32,
    /// Lower edge.
    pub bottom: f32,
}

impl Region {
    /// The whole picture.
    pub const WHOLE: Self = Self { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };

    /// The smallest part that holds both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

/// A map of the part `from` on a grid of `height` x `width` over the part `to`: bilinear between the centres of places, as
/// [`upsample`](super::upsample), and 0 where the map says nothing.
#[must_use]
pub fn placed(map: &Map, from: Region, to: Region, height: usize, width: usize) -> Map {
    let mut out = Map { height, width, values: vec![0.0; height * width] };
    if map.values.is_empty() || from.right <= from.left || from.bottom <= from.top {
        return out;
    }
    // Where the centre of a place of the new grid lies between two places of the old one; `None` beyond its edges.
    let steps = |count: usize, low: f32, high: f32, from_low: f32, from_high: f32, places: usize| {
        let step = move |at: usize| {
            let place = low + (at as f32 + 0.5) / count as f32 * (high - low);
            let share = (place - from_low) / (from_high - from_low);
            if !(0.0..=1.0).contains(&share) {
                return None;
            }
            let at = (share * places as f32 - 0.5).clamp(0.0, places as f32 - 1.0);
            let first = at as usize;
            Some((first, (first + 1).min(places - 1), at - first as f32))
        };
        (0..count).map(step).collect::<Vec<_>>()
    };
    let columns = steps(width, to.left, to.right, from.left, from.right, map.width);
    let rows = steps(height, to.top, to.bottom, from.top, from.bottom, map.height);
    for (y, row) in rows.iter().enumerate() {
        let Some((upper, lower, down)) = *row else { continue };
        for (x, column) in columns.iter().enumerate() {
            let Some((left, right, by)) = *column else { continue };
            let value = |y: usize, x: usize| map.values[y * map.width + x];
            let top = value(upper, left) * (1.0 - by) + value(upper, right) * by;
            let bottom = value(lower, left) * (1.0 - by) + value(lower, right) * by;
            out.values[y * width + x] = top * (1.0 - down) + bottom * down;
        }
    }
    out
}

/// `a - b`, place by place.
///
/// # Panics
/// If the maps are of different grids.
#[must_use]
pub fn difference(a: &Map, b: &Map) -> Map {
    assert_eq!((a.height, a.width), (b.height, b.width), "maps on one grid");
    Map { values: a.values.iter().zip(&b.values).map(|(a, b)| a - b).collect(), ..*a }
}

/// How differently two maps on one grid share out their positive mass: half of the sum of absolute differences of the shares (total
/// variation), 0 the same to 1 nowhere in common. `None` where one of them has no finite mass.
///
/// # Panics
/// If the maps are of different grids.
#[must_use]
pub fn disagreement(a: &Map, b: &Map) -> Option<f64> {
    assert_eq!((a.height, a.width), (b.height, b.width), "maps on one grid");
    let mass = |map: &Map| map.values.iter().map(|&value| f64::from(value.max(0.0))).sum::<f64>();
    let (a_mass, b_mass) = (mass(a), mass(b));
    if !(a_mass > 0.0 && b_mass > 0.0 && a_mass.is_finite() && b_mass.is_finite()) {
        return None;
    }
    let apart = |(a, b): (&f32, &f32)| (f64::from(a.max(0.0)) / a_mass - f64::from(b.max(0.0)) / b_mass).abs();
    Some(a.values.iter().zip(&b.values).map(apart).sum::<f64>() / 2.0)
}

/// The value that `share` of the places reach or exceed (in part where the count does not come out even); `None` for a map of one value.
#[must_use]
pub fn top_level(map: &Map, share: f64) -> Option<f32> {
    let mut falling: Vec<f32> = map.values.iter().copied().filter(|value| value.is_finite()).collect();
    falling.sort_by(|a, b| b.total_cmp(a));
    let (most, least) = (*falling.first()?, *falling.last()?);
    if most <= least {
        return None;
    }
    let place = (share * falling.len() as f64 - 0.5).clamp(0.0, falling.len() as f64 - 1.0);
    let (first, by) = (place as usize, place.fract() as f32);
    let next = falling[(first + 1).min(falling.len() - 1)];
    Some(falling[first] + (next - falling[first]) * by)
}

#[cfg(test)]
mod tests {
    use super::super::upsample;
    use super::*;

    fn map(width: usize, values: &[f32]) -> Map {
        Map { height: values.len() / width, width, values: values.to_vec() }
    }

    #[test]
    fn a_map_of_the_same_part_is_enlarged_as_everywhere() {
        let small = map(3, &[0.0, 1.0, 2.0, 5.0, 3.0, -1.0, 2.0, 2.0, 0.5]);
        let placed = placed(&small, Region::WHOLE, Region::WHOLE, 7, 10);
        let expect = upsample(&small, 7, 10);
        let off = placed.values.iter().zip(&expect.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-5, "{off}");
    }

    #[test]
    fn a_map_of_a_part_stands_where_the_part_is() {
        // The right half of the picture; the left half of what comes out is empty.
        let half = Region { left: 0.5, ..Region::WHOLE };
        let out = placed(&map(1, &[4.0]), half, Region::WHOLE, 2, 4);
        assert_eq!(out.values, [0.0, 0.0, 4.0, 4.0, 0.0, 0.0, 4.0, 4.0]);
        let back = placed(&out, Region::WHOLE, half, 1, 1);
        assert!(back.values[0] > 3.0, "{back:?}");
        assert_eq!(placed(&map(1, &[]), half, Region::WHOLE, 1, 2).values, [0.0, 0.0]);
        assert_eq!(half.with(Region { left: 0.1, right: 0.2, ..Region::WHOLE }).left, 0.1);
    }

    #[test]
    fn disagreement_is_worked_out_by_hand() {
        let check = |a: &[f32], b: &[f32], expect: Option<f64>| {
            let got = disagreement(&map(2, a), &map(2, b));
            assert!(got.zip(expect).map_or(got == expect, |(got, expect)| (got - expect).abs() < 1e-9), "{got:?}");
        };
        check(&[1.0, 3.0], &[10.0, 30.0], Some(0.0));
        check(&[1.0, 0.0], &[-5.0, 2.0], Some(1.0));
        // (3/4, 1/4) against (1/2, 1/2).
        check(&[3.0, 1.0], &[1.0, 1.0], Some(0.25));
        check(&[0.0, -1.0], &[1.0, 1.0], None);
        check(&[f32::NAN, f32::INFINITY], &[1.0, 1.0], None);
    }

    #[test]
    fn a_fifth_of_the_places_lies_above_the_level() {
        let values: Vec<f32> = (0..100).map(|value| value as f32).collect();
        let level = top_level(&map(10, &values), 0.2).unwrap();
        assert_eq!(values.iter().filter(|&&value| value > level).count(), 20);
        assert_eq!(top_level(&map(2, &[1.0, 1.0]), 0.2), None);
        assert_eq!(top_level(&map(1, &[]), 0.2), None);
        assert_eq!(difference(&map(2, &[1.0, 2.0]), &map(2, &[3.0, -1.0])).values, [-2.0, 3.0]);
    }
}
