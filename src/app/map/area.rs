//! Which points lie in an area that was drawn on the map.

/// Bins along the height of a lasso: each holds the edges that cross it, so that a point is compared with a few edges only.
const BINS: usize = 256;

/// A closed outline in map coordinates, ready to be asked for many points.
#[derive(Clone, Debug)]
pub struct Area {
    low: [f32; 2],
    high: [f32; 2],
    edges: Vec<[[f32; 2]; 2]>,
    bins: Vec<Vec<u32>>,
}

impl Area {
    /// The area inside a closed line; where the line crosses itself, what is enclosed an odd number of times. `None` for fewer than three
    /// corners or a line without height.
    #[must_use]
    pub fn new(corners: &[[f32; 2]]) -> Option<Self> {
        let corners: Vec<[f32; 2]> = corners.iter().copied().filter(|c| c[0].is_finite() && c[1].is_finite()).collect();
        let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
        for corner in &corners {
            for axis in 0..2 {
                low[axis] = low[axis].min(corner[axis]);
                high[axis] = high[axis].max(corner[axis]);
            }
        }
        if corners.len() < 3 || high[1] <= low[1] {
            return None;
        }
        let edges: Vec<_> = (0..corners.len()).map(|i| [corners[i], corners[(i + 1) % corners.len()]]).collect();
        let mut area = Self { low, high, edges, bins: vec![Vec::new(); BINS] };
        for (i, [a, b]) in area.edges.clone().into_iter().enumerate() {
            for bin in area.bin(a[1].min(b[1]))..=area.bin(a[1].max(b[1])) {
                area.bins[bin].push(i as u32);
            }
        }
        Some(area)
    }

    fn bin(&self, y: f32) -> usize {
        (((y - self.low[1]) / (self.high[1] - self.low[1]) * BINS as f32) as usize).min(BINS - 1)
    }

    /// True if the point lies inside: a ray to the right crosses the outline an odd number of times.
    #[must_use]
    pub fn holds(&self, [x, y]: [f32; 2]) -> bool {
        // A NaN fails the comparison, too.
        if !(x >= self.low[0] && x <= self.high[0] && y >= self.low[1] && y <= self.high[1]) {
            return false;
        }
        let mut inside = false;
        for &edge in &self.bins[self.bin(y)] {
            let [[ax, ay], [bx, by]] = self.edges[edge as usize];
            if (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax {
                inside = !inside;
            }
        }
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_is_inside() {
        let notch = Area::new(&[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [2.0, 1.0], [0.0, 4.0]]).expect("five corners");
        for (point, inside) in [
            ([2.0, 0.5], true),
            ([2.0, 2.0], false),
            ([0.5, 2.5], true),
            ([3.5, 2.5], true),
            ([-1.0, 0.5], false),
            ([5.0, 0.5], false),
            ([f32::NAN, 0.5], false),
        ] {
            assert_eq!(notch.holds(point), inside, "{point:?}");
        }
        assert!(Area::new(&[[0.0, 0.0], [1.0, 1.0]]).is_none());
        assert!(Area::new(&[[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]).is_none(), "a line has no inside");
    }

    #[test]
    fn agrees_with_the_circle_it_draws() {
        let circle: Vec<[f32; 2]> =
            (0..400).map(|i| (i as f32 * std::f32::consts::TAU / 400.0).sin_cos()).map(|(y, x)| [x, y]).collect();
        let area = Area::new(&circle).expect("many corners");
        for i in 0..40 {
            for j in 0..40 {
                let point = [i as f32 / 15.0 - 1.3, j as f32 / 15.0 - 1.3];
                let radius = point[0].hypot(point[1]);
                if (radius - 1.0).abs() > 1e-3 {
                    assert_eq!(area.holds(point), radius < 1.0, "{point:?}");
                }
            }
        }
    }
}
