//! The mean of many maps.

use super::Map;

/// A sum of maps of one size, each with its positive part as mass 1, so that no picture outweighs the others.
#[derive(Debug, Default)]
pub struct Sum {
    map: Vec<f64>,
    count: usize,
}

impl Sum {
    /// Nothing yet, for maps of so many places.
    #[must_use]
    pub fn of(places: usize) -> Self {
        Self { map: vec![0.0; places], count: 0 }
    }

    /// Adds a map; one without positive evidence, or of another size, is left out.
    pub fn add(&mut self, map: &Map) {
        let total: f64 = map.values.iter().map(|&value| f64::from(value.max(0.0))).sum();
        if total > 0.0 && total.is_finite() && map.values.len() == self.map.len() {
            self.count += 1;
            for (sum, &value) in self.map.iter_mut().zip(&map.values) {
                *sum += f64::from(value.max(0.0)) / total;
            }
        }
    }

    /// The mean over the maps that were added, `[height, width]`.
    #[must_use]
    pub fn mean(&self, height: usize, width: usize) -> Map {
        let count = self.count.max(1) as f64;
        Map { height, width, values: self.map.iter().map(|sum| (sum / count) as f32).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_weighs_the_same_and_empty_ones_nothing() {
        let map = |values: [f32; 2]| Map { height: 1, width: 2, values: values.to_vec() };
        let mut sum = Sum::of(2);
        for values in [[1.0, 0.0], [0.0, 100.0], [-1.0, 0.0], [f32::INFINITY, 0.0], [1.0, -7.0]] {
            sum.add(&map(values));
        }
        sum.add(&Map { height: 1, width: 1, values: vec![1.0] });
        assert_eq!(sum.mean(1, 2), map([2.0 / 3.0, 1.0 / 3.0]));
        assert_eq!(Sum::of(2).mean(1, 2), map([0.0, 0.0]));
    }
}
