//! Which points lie under the pointer or in a shape: the batches' boxes are the index.
//!
//! A batch far from the pointer, or wholly outside or inside a shape, is decided by its box; only points of the others
//! are looked at, and only against the edges that pass their batch's height. Points that are not shown are not there.

use rayon::prelude::*;

use super::points::mark;
use super::{Bits, Points};

/// What is drawn around points to select them, in world coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape<'a> {
    /// Two opposite corners; the edges belong to it.
    Rectangle([f64; 2], [f64; 2]),
    /// The corners of a polygon or a lasso, closed by itself; where it crosses itself, what is enclosed twice is outside
    /// (even-odd rule).
    Polygon(&'a [[f64; 2]]),
}

/// The nearest shown point within `radius` (world units) of a place: its row. Of equally near ones the lowest row.
#[must_use]
pub fn pick(points: &Points, marks: &[u32], place: [f64; 2], radius: f64) -> Option<u32> {
    let at = points.grid_from_world(place);
    let beside = points.grid_from_world([place[0] + radius, place[1]]);
    let reach = (beside[0] - at[0]).abs();
    let mut best: Option<(f64, u32)> = None;
    for (number, extent) in points.extents().iter().enumerate() {
        let away = [0, 1]
            .map(|axis| (f64::from(extent.min[axis]) - at[axis]).max(at[axis] - f64::from(extent.max[axis])).max(0.0));
        let limit = best.map_or(reach * reach, |(distance, _)| distance);
        if away[0] * away[0] + away[1] * away[1] > limit {
            continue;
        }
        for slot in points.slots(number) {
            if !is_shown(marks, slot) {
                continue;
            }
            let grid = points.grid(number, slot).map(f64::from);
            let distance = (grid[0] - at[0]).powi(2) + (grid[1] - at[1]).powi(2);
            let Some(row) = points.owner(slot) else { continue };
            if distance <= reach * reach && best.is_none_or(|best| (distance, row) < best) {
                best = Some((distance, row));
            }
        }
    }
    best.map(|(_, row)| row)
}

/// The shown points in a shape, as rows.
#[must_use]
pub fn inside(points: &Points, marks: &[u32], shape: &Shape<'_>) -> Bits {
    let area = Area::new(points, shape);
    let rows: Vec<Vec<u32>> = (0..points.batches().len())
        .into_par_iter()
        .with_min_len(64)
        .fold(Vec::new, |mut rows, number| {
            let extent = points.extents()[number];
            let [x0, y0] = extent.min.map(f64::from);
            let [x1, y1] = extent.max.map(f64::from);
            let edges = match area.of_box([x0, y0], [x1, y1]) {
                Part::Outside => return rows,
                Part::Inside => None,
                Part::Some(edges) => Some(edges),
            };
            for slot in points.slots(number) {
                if !is_shown(marks, slot) {
                    continue;
                }
                let holds =
                    edges.as_ref().is_none_or(|edges| area.holds(edges, points.grid(number, slot).map(f64::from)));
                if let (true, Some(row)) = (holds, points.owner(slot)) {
                    rows.push(row);
                }
            }
            rows
        })
        .collect();
    Bits::of(points.rows(), rows.into_iter().flatten())
}

fn is_shown(marks: &[u32], slot: usize) -> bool {
    marks[slot / 16] >> (slot % 16 * 2) & 3 == mark::SHOWN
}

/// A shape on the grid.
enum Area {
    Rectangle([f64; 2], [f64; 2]),
    /// Edges, each from its lower to its higher y.
    Polygon(Vec<[[f64; 2]; 2]>),
}

/// How a box lies to a shape; `Some` has the edges that its points must be held against.
enum Part {
    Outside,
    Inside,
    Some(Vec<[[f64; 2]; 2]>),
}

impl Area {
    fn new(points: &Points, shape: &Shape<'_>) -> Self {
        match shape {
            Shape::Rectangle(a, b) => {
                let (a, b) = (points.grid_from_world(*a), points.grid_from_world(*b));
                Self::Rectangle([a[0].min(b[0]), a[1].min(b[1])], [a[0].max(b[0]), a[1].max(b[1])])
            }
            Shape::Polygon(corners) => {
                let corners: Vec<[f64; 2]> = corners.iter().map(|&corner| points.grid_from_world(corner)).collect();
                let next = corners.iter().cycle().skip(1);
                Self::Polygon(
                    corners
                        .iter()
                        .zip(next)
                        .map(|(&a, &b)| if a[1] <= b[1] { [a, b] } else { [b, a] })
                        .filter(|[a, b]| a.iter().chain(b).all(|value| value.is_finite()))
                        .collect(),
                )
            }
        }
    }

    fn of_box(&self, min: [f64; 2], max: [f64; 2]) -> Part {
        match self {
            Self::Rectangle(low, high) => {
                if (0..2).any(|axis| max[axis] < low[axis] || min[axis] > high[axis]) {
                    Part::Outside
                } else if (0..2).all(|axis| min[axis] >= low[axis] && max[axis] <= high[axis]) {
                    Part::Inside
                } else {
                    Part::Some(Vec::new())
                }
            }
            Self::Polygon(edges) => {
                // Rays go to the right, so edges wholly left of the box or beside its height cannot count.
                let near: Vec<[[f64; 2]; 2]> = edges
                    .iter()
                    .filter(|[a, b]| a[1] <= max[1] && b[1] >= min[1] && a[0].max(b[0]) >= min[0])
                    .copied()
                    .collect();
                let touches = near.iter().any(|[a, b]| a[0].min(b[0]) <= max[0]);
                if touches {
                    Part::Some(near)
                } else if self.holds(&near, min) {
                    // No edge comes near: all points of the box are on one side.
                    Part::Inside
                } else {
                    Part::Outside
                }
            }
        }
    }

    fn holds(&self, edges: &[[[f64; 2]; 2]], at: [f64; 2]) -> bool {
        match self {
            Self::Rectangle(low, high) => (0..2).all(|axis| at[axis] >= low[axis] && at[axis] <= high[axis]),
            Self::Polygon(_) => {
                let crossed = edges
                    .iter()
                    // The lower end belongs to an edge, the upper does not: a corner counts once.
                    .filter(|[a, b]| a[1] <= at[1] && at[1] < b[1])
                    .filter(|[a, b]| at[0] < a[0] + (at[1] - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
                    .count();
                crossed % 2 == 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::clusters;
    use super::*;

    /// Even-odd over all edges, no index.
    fn plainly(corners: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
        let mut inside = false;
        for (at, a) in corners.iter().enumerate() {
            let b = corners[(at + 1) % corners.len()];
            if (a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0] {
                inside = !inside;
            }
        }
        inside
    }

    fn grid_world(points: &Points) -> Vec<(u32, [f64; 2])> {
        (0..points.batches().len())
            .flat_map(|batch| points.slots(batch).map(move |slot| (batch, slot)))
            .map(|(batch, slot)| {
                let world = points.world_from_grid(points.grid(batch, slot).map(f64::from));
                (points.owner(slot).unwrap(), world)
            })
            .collect()
    }

    #[test]
    fn shapes_take_what_lies_in_them() {
        let rows = 3000;
        let points = Points::new(&clusters(rows));
        let filter = Bits::of(rows, (0..rows as u32).filter(|row| row % 3 != 0));
        let star: Vec<[f64; 2]> = (0..5)
            .map(|at| {
                let angle = f64::from(at * 2) * std::f64::consts::TAU / 5.0;
                [0.5 + 0.45 * angle.sin(), 0.5 + 0.45 * angle.cos()]
            })
            .collect();
        let around = [[-9.0, -9.0], [9.0, -9.0], [9.0, 9.0], [-9.0, 9.0]];
        let check = |corners: &[[f64; 2]], at_least: usize| {
            for filter in [None, Some(&filter)] {
                let marks = points.marks(filter, false, None);
                let got = inside(&points, &marks, &Shape::Polygon(corners));
                let expect = grid_world(&points)
                    .into_iter()
                    .filter(|&(row, at)| filter.is_none_or(|bits| bits.contains(row)) && plainly(corners, at))
                    .map(|(row, _)| row);
                assert_eq!(got, Bits::of(rows, expect), "{corners:?}");
                assert!(got.count() >= at_least, "{corners:?}: {}", got.count());
            }
        };
        check(&star, 200);
        check(&around, 2000);
        check(&[[0.1, 0.1], [0.3, 0.12], [0.2, 0.35]], 50);
        check(&[], 0);
        check(&[[0.5, 0.5]], 0);
        check(&[[0.0, 0.0], [1.0, 1.0]], 0);
        check(&[[7.0, 7.0], [8.0, 7.0], [8.0, 8.0]], 0);

        let marks = points.marks(None, false, None);
        for (a, b) in [([0.1, 0.6], [0.5, 0.9]), ([0.5, 0.9], [0.1, 0.6]), ([-1.0, -1.0], [2.0, 2.0])] {
            let got = inside(&points, &marks, &Shape::Rectangle(a, b));
            let within = |value: f64, axis: usize| value >= a[axis].min(b[axis]) && value <= a[axis].max(b[axis]);
            let expect = grid_world(&points).into_iter().filter(|(_, at)| within(at[0], 0) && within(at[1], 1));
            assert_eq!(got, Bits::of(rows, expect.map(|(row, _)| row)), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_shape_of_nonsense_takes_nothing() {
        let points = Points::new(&clusters(200));
        let marks = points.marks(None, false, None);
        let nan = [[f64::NAN, 0.0], [1.0, 1.0], [0.0, f64::INFINITY]];
        assert!(inside(&points, &marks, &Shape::Polygon(&nan)).is_empty());
        assert!(inside(&points, &marks, &Shape::Rectangle([f64::NAN; 2], [f64::NAN; 2])).is_empty());
        assert_eq!(pick(&points, &marks, [f64::NAN, 0.0], 1.0), None);
    }

    #[test]
    fn the_nearest_shown_point_is_picked() {
        let world = [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [5.0, 5.0], [f32::NAN, 0.0]];
        let points = Points::new(&world);
        let check = |filter: Option<&[u32]>, place: [f64; 2], radius: f64, expect: Option<u32>| {
            let filter = filter.map(|rows| Bits::of(5, rows.iter().copied()));
            let marks = points.marks(filter.as_ref(), true, None);
            assert_eq!(pick(&points, &marks, place, radius), expect, "{place:?} {radius}");
        };
        check(None, [0.4, 0.0], 1.0, Some(0));
        check(None, [0.6, 0.0], 1.0, Some(1));
        check(Some(&[0, 2, 3]), [0.6, 0.0], 1.0, Some(2));
        check(Some(&[3]), [0.6, 0.0], 1.0, None);
        check(None, [3.0, 3.0], 1.0, None);
        check(None, [3.0, 3.0], 9.0, Some(3));

        let world = clusters(2000);
        let points = Points::new(&world);
        let marks = points.marks(None, false, None);
        for place in [[0.2, 0.2], [0.55, 0.5], [0.9, 0.95]] {
            let nearest = grid_world(&points)
                .into_iter()
                .map(|(row, at)| ((at[0] - place[0]).hypot(at[1] - place[1]), row))
                .min_by(|a, b| a.0.total_cmp(&b.0))
                .unwrap();
            assert_eq!(pick(&points, &marks, place, 1.0), Some(nearest.1));
        }
    }
}
