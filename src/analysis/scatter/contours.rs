//! Where most of a dataset lies: lines that enclose a given share of its points.
//!
//! How it works: the shown points of one dataset are counted into a coarse square over the whole map, blurred, and cut by
//! marching squares. A level is the density above which that share of the points lies, so lines of two datasets of
//! different sizes can be compared. Lines are in world coordinates: made once per filter, drawn at any magnification.

use rustc_hash::FxHashMap;

use super::points::GRID;
use super::splat::{NO_PLANE, blur, splat};
use super::{Points, View};
use crate::analysis::scatter::points::LEVELS;

/// A blurred count over the whole map.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Cells along each side.
    pub side: usize,
    /// `[side][side]`, rows from the top.
    pub values: Vec<f32>,
}

/// One closed line.
#[derive(Clone, Debug, PartialEq)]
pub struct Contour {
    /// The share of the points that lie inside the lines of this level.
    pub share: f64,
    /// Corners in world coordinates; the last is joined to the first.
    pub corners: Vec<[f64; 2]>,
}

/// The blurred density of the shown points of one group. `groups` and `marks` are by slot, see [`Points::by_slot`] and
/// [`Points::marks`].
#[must_use]
pub fn density(points: &Points, groups: &[u8], marks: &[u32], group: u8, side: usize) -> Field {
    let mut plane_map = [NO_PLANE; 256];
    plane_map[group as usize] = 0;
    let view = View { origin: [0.0; 2], scale: (side as f64 / GRID) as f32, width: side as u32, height: side as u32 };
    // Dim points go to the second plane, which is cut off.
    let counts = splat(points, groups, marks, &plane_map, 1, &view, LEVELS);
    let values: Vec<f32> = counts.counts[..side * side].iter().map(|&count| count as f32).collect();
    Field { side, values: blur(&values, side, side) }
}

/// The lines that enclose these shares (0 to 1) of a field's points, the widest first. No points, no lines.
#[must_use]
pub fn contours(points: &Points, field: &Field, shares: &[f64]) -> Vec<Contour> {
    let mut sorted: Vec<f32> = field.values.iter().copied().filter(|&value| value > 0.0).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let total: f64 = sorted.iter().map(|&value| f64::from(value)).sum();
    let mut wanted = shares.to_vec();
    wanted.sort_by(|a, b| b.total_cmp(a));
    let mut lines = Vec::new();
    for share in wanted {
        let mut sum = 0.0;
        let level = sorted.iter().find(|&&value| {
            sum += f64::from(value);
            sum >= share * total
        });
        let Some(&level) = level else { continue };
        for corners in march(field, level) {
            let corners = corners
                .into_iter()
                .map(|cell| points.world_from_grid(cell.map(|at| (at + 0.5) * GRID / field.side as f64)))
                .collect();
            lines.push(Contour { share, corners });
        }
    }
    lines
}

/// Closed lines between values of at least `level` and smaller ones, in cells; what is outside the field is 0.
fn march(field: &Field, level: f32) -> Vec<Vec<[f64; 2]>> {
    let side = field.side as i64;
    let value = |x: i64, y: i64| {
        if x < 0 || y < 0 || x >= side || y >= side { 0.0 } else { field.values[(y * side + x) as usize] }
    };
    // An edge is named by its left or upper end and its direction.
    let name = |x: i64, y: i64, down: i64| ((y + 1) * (side + 2) + x + 1) * 2 + down;
    let mut next: FxHashMap<i64, i64> = FxHashMap::default();
    let mut starts = Vec::new();
    for y in -1..side {
        for x in -1..side {
            let corners = [value(x, y), value(x + 1, y), value(x + 1, y + 1), value(x, y + 1)];
            let high = corners.map(|value| value >= level);
            // Edges clockwise from the upper one; edge i lies between corners i and i + 1.
            let edges = [name(x, y, 0), name(x + 1, y, 1), name(x, y + 1, 0), name(x, y, 1)];
            // A line enters where one goes clockwise from low to high, and leaves at the next fall.
            let rises: Vec<usize> = (0..4).filter(|&i| !high[i] && high[(i + 1) % 4]).collect();
            let falls: Vec<usize> = (0..4).filter(|&i| high[i] && !high[(i + 1) % 4]).collect();
            let joined = corners.iter().sum::<f32>() / 4.0 >= level;
            for &rise in &rises {
                let after = |from: usize| (1..4).map(|by| (from + by) % 4).find(|at| falls.contains(at));
                let before = |from: usize| (1..4).map(|by| (from + 4 - by) % 4).find(|at| falls.contains(at));
                // Two high corners across: their areas touch in the middle or do not.
                let fall = if rises.len() == 2 && joined { before(rise) } else { after(rise) };
                if let Some(fall) = fall {
                    next.insert(edges[rise], edges[fall]);
                    starts.push(edges[rise]);
                }
            }
        }
    }
    let place = |edge: i64| -> [f64; 2] {
        let (at, down) = (edge / 2, edge % 2);
        let (x, y) = (at % (side + 2) - 1, at / (side + 2) - 1);
        let (a, b) = (f64::from(value(x, y)), f64::from(value(x + 1 - down, y + down)));
        let part = if a == b { 0.5 } else { ((f64::from(level) - a) / (b - a)).clamp(0.0, 1.0) };
        [x as f64 + part * (1 - down) as f64, y as f64 + part * down as f64]
    };
    let mut lines = Vec::new();
    for start in starts {
        let mut line = Vec::new();
        let mut edge = start;
        while let Some(following) = next.remove(&edge) {
            line.push(place(edge));
            edge = following;
        }
        if line.len() > 2 {
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::clusters;
    use super::*;
    use crate::analysis::scatter::Bits;
    use crate::analysis::scatter::select::{Shape, inside};

    #[test]
    fn lines_enclose_their_share() {
        let rows = 12_000;
        let points = Points::new(&clusters(rows));
        let groups: Vec<u8> = (0..rows).map(|row| u8::from(row % 5 < 2)).collect();
        let marks = points.marks(None, false, None);
        let own = Bits::of(rows, (0..rows as u32).filter(|row| row % 5 < 2));
        let field = density(&points, &points.by_slot(&groups), &marks, 1, 384);
        let lines = contours(&points, &field, &[0.5, 0.8]);
        let held = |share: f64| {
            // Even-odd over all lines of a level, holes included: a point is in it if an odd number of lines is round it.
            let mut odd = vec![false; rows];
            for line in lines.iter().filter(|line| line.share == share) {
                for row in inside(&points, &marks, &Shape::Polygon(&line.corners)).iter() {
                    odd[row as usize] ^= true;
                }
            }
            own.iter().filter(|&row| odd[row as usize]).count() as f64 / own.count() as f64
        };
        // The blur of two cells spreads clusters of thirty: lines hold somewhat more of the unblurred points.
        for share in [0.5, 0.8] {
            assert!((held(share) - share).abs() < 0.1, "{share}: {}", held(share));
        }
        assert!(held(0.5) < held(0.8));
        assert!(lines.first().is_some_and(|line| line.share == 0.8), "the widest first");
    }

    #[test]
    fn lines_close_around_peaks_and_saddles() {
        let check = |values: &[f32], side: usize, expect: &[usize]| {
            let field = Field { side, values: values.to_vec() };
            let mut lengths: Vec<usize> = march(&field, 1.0).iter().map(Vec::len).collect();
            lengths.sort_unstable();
            assert_eq!(lengths, expect, "{values:?}");
        };
        check(&[0.0; 9], 3, &[]);
        check(&[0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0], 3, &[4]);
        // The border is not open: what touches it is closed outside.
        check(&[2.0; 4], 2, &[8]);
        // A ring has a hole.
        check(&[2.0, 2.0, 2.0, 2.0, 0.0, 2.0, 2.0, 2.0, 2.0], 3, &[4, 12]);
        // Two across: apart when the middle is low, one when it is high.
        check(&[1.1, 0.0, 0.0, 1.1], 2, &[4, 4]);
        check(&[9.0, 0.0, 0.0, 9.0], 2, &[8]);
    }

    #[test]
    fn no_points_no_lines() {
        for world in [vec![], vec![[f32::NAN; 2]]] {
            let points = Points::new(&world);
            let marks = points.marks(None, false, None);
            let field = density(&points, &points.by_slot(&[0]), &marks, 0, 16);
            assert_eq!(contours(&points, &field, &[0.5]), []);
        }
    }
}
