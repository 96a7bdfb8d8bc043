//! Densities over the map: a smoothed histogram, its contours, the ratio of two.
//!
//! A field covers the unit square and a margin round it with [`SIDE`] x [`SIDE`] cells. It does not depend on the camera, so it is made once a
//! change and only moved and scaled while one zooms.

use super::contours::march;

/// Cells a side.
pub const SIDE: usize = 256;

/// How far the field reaches beyond the unit square on each side.
pub const MARGIN: f32 = 0.06;

/// Half the width of a box of the blur, cells; three boxes make about a Gaussian of 3.5 cells.
const REACH: usize = 3;

/// A density that sums up to 1, row by row from the bottom.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// `SIDE` x `SIDE` shares.
    pub values: Vec<f32>,
    /// Points that were counted.
    pub points: u64,
}

/// The place of a cell's middle in the unit square.
#[must_use]
pub fn place_of(cell: f32) -> f32 {
    (cell + 0.5) / SIDE as f32 * (1.0 + 2.0 * MARGIN) - MARGIN
}

impl Field {
    /// The density of places in the unit square.
    #[must_use]
    pub fn of(places: impl Iterator<Item = [f32; 2]>) -> Self {
        let mut values = vec![0.0_f32; SIDE * SIDE];
        let mut points = 0_u64;
        for place in places {
            // Each point is shared out to the four cells round it, so that the field does not jump when points move a little.
            let [x, y] = place.map(|value| (value + MARGIN) / (1.0 + 2.0 * MARGIN) * SIDE as f32 - 0.5);
            if !(x >= 0.0 && y >= 0.0 && x < (SIDE - 1) as f32 && y < (SIDE - 1) as f32) {
                continue;
            }
            let (i, j) = (x as usize, y as usize);
            let (u, v) = (x - i as f32, y - j as f32);
            values[j * SIDE + i] += (1.0 - u) * (1.0 - v);
            values[j * SIDE + i + 1] += u * (1.0 - v);
            values[(j + 1) * SIDE + i] += (1.0 - u) * v;
            values[(j + 1) * SIDE + i + 1] += u * v;
            points += 1;
        }
        for _ in 0..3 {
            values = boxed(&boxed(&values, 1, SIDE), SIDE, 1);
        }
        let sum: f32 = values.iter().sum();
        if sum > 0.0 {
            for value in &mut values {
                *value /= sum;
            }
        }
        Self { values, points }
    }

    /// The largest share.
    #[must_use]
    pub fn peak(&self) -> f32 {
        self.values.iter().copied().fold(0.0, f32::max)
    }

    /// The share of a cell at which the cells above it hold `mass` of all, for each of `masses`.
    #[must_use]
    pub fn levels(&self, masses: &[f32]) -> Vec<f32> {
        let mut sorted: Vec<f32> = self.values.iter().copied().filter(|value| *value > 0.0).collect();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        masses
            .iter()
            .map(|mass| {
                let mut sum = 0.0;
                sorted
                    .iter()
                    .copied()
                    .find(|value| {
                        sum += value;
                        sum >= *mass
                    })
                    .unwrap_or(0.0)
            })
            .collect()
    }

    /// The closed lines round what is at least `level`, in the unit square.
    #[must_use]
    pub fn contour(&self, level: f32) -> Vec<Vec<[f32; 2]>> {
        if level <= 0.0 {
            return Vec::new();
        }
        let place = |cell: [f32; 2]| cell.map(place_of);
        march(&self.values, SIDE, level).into_iter().map(|line| line.into_iter().map(place).collect()).collect()
    }
}

/// A running mean along one axis; `step` apart are the cells of a line, `lines` apart the lines.
fn boxed(values: &[f32], step: usize, lines: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    let width = (2 * REACH + 1) as f32;
    for line in 0..SIDE {
        let start = line * lines;
        let mut sum: f32 = (0..REACH).map(|i| values[start + i * step]).sum();
        for i in 0..SIDE {
            if i + REACH < SIDE {
                sum += values[start + (i + REACH) * step];
            }
            if i > REACH {
                sum -= values[start + (i - REACH - 1) * step];
            }
            out[start + i * step] = sum.max(0.0) / width;
        }
    }
    out
}

/// How much denser A is than B a cell: the logarithm to base 2 of the ratio of the shares, with so much of the whole density added to both that
/// cells with hardly any point say nothing. -3 to 3.
#[must_use]
pub fn ratio(a: &Field, b: &Field) -> Vec<f32> {
    let floor = 0.02 * (a.peak() + b.peak()) / 2.0;
    a.values.iter().zip(&b.values).map(|(a, b)| ((a + floor) / (b + floor)).log2().clamp(-3.0, 3.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap(centre: [f32; 2], n: usize) -> impl Iterator<Item = [f32; 2]> {
        (0..n).map(move |i| {
            let (radius, angle) = ((i as f32 / n as f32).sqrt() * 0.05, i as f32 * 2.4);
            [centre[0] + radius * angle.cos(), centre[1] + radius * angle.sin()]
        })
    }

    #[test]
    fn a_density_sums_up_to_one_and_peaks_where_the_points_are() {
        let field = Field::of(heap([0.25, 0.75], 500).chain([[f32::NAN, 0.1], [9.0, 9.0]]));
        assert_eq!(field.points, 500, "what has no place is not counted");
        assert!((field.values.iter().sum::<f32>() - 1.0).abs() < 1e-3);
        let best = (0..SIDE * SIDE).max_by(|a, b| field.values[*a].total_cmp(&field.values[*b])).unwrap();
        let place = [place_of((best % SIDE) as f32), place_of((best / SIDE) as f32)];
        assert!((place[0] - 0.25).hypot(place[1] - 0.75) < 0.05, "{place:?}");
        assert_eq!(Field::of(std::iter::empty()).peak(), 0.0);
    }

    #[test]
    fn contours_lie_round_the_heap_and_hold_their_mass() {
        let field = Field::of(heap([0.5, 0.5], 2000));
        let levels = field.levels(&[0.5, 0.9]);
        assert!(levels[0] > levels[1] && levels[1] > 0.0);
        let reach = |level: f32| {
            let lines = field.contour(level);
            assert_eq!(lines.len(), 1, "one heap, one line");
            assert!(lines[0].len() > 20, "a closed line has many corners");
            lines[0].iter().map(|[x, y]| (x - 0.5).hypot(y - 0.5)).fold(0.0, f32::max)
        };
        assert!(reach(levels[0]) < reach(levels[1]), "more mass lies further out");
        assert!(field.contour(2.0).is_empty() && field.contour(0.0).is_empty());
        // Two heaps of one dataset are two lines; the line of half of the mass holds about half of the points.
        let places: Vec<[f32; 2]> = heap([0.25, 0.5], 900).chain(heap([0.75, 0.5], 1100)).collect();
        let field = Field::of(places.iter().copied());
        let lines = field.contour(field.levels(&[0.5])[0]);
        assert_eq!(lines.len(), 2);
        let inside = |line: &[[f32; 2]], [x, y]: [f32; 2]| {
            let crossings = (0..line.len()).filter(|&i| {
                let ([ax, ay], [bx, by]) = (line[i], line[(i + 1) % line.len()]);
                (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax
            });
            crossings.count() % 2 == 1
        };
        let held = places.iter().filter(|place| lines.iter().any(|line| inside(line, **place))).count();
        // The blur spreads heaps of a tenth of the square a little.
        assert!((800..1300).contains(&held), "{held}");
    }

    #[test]
    fn the_ratio_tells_which_is_denser() {
        let (a, b) = (Field::of(heap([0.3, 0.5], 800)), Field::of(heap([0.7, 0.5], 80)));
        let ratio = ratio(&a, &b);
        let at = |x: f32| ratio[SIDE / 2 * SIDE + ((x + MARGIN) / (1.0 + 2.0 * MARGIN) * SIDE as f32) as usize];
        assert!(at(0.3) > 2.0 && at(0.7) < -2.0, "{} {}", at(0.3), at(0.7));
        assert!(at(0.02).abs() < 0.1, "where nobody is, nothing is said: {}", at(0.02));
    }
}
