//! For a search that is done elsewhere, on a graphics card: the same prepared rows, and the same last word.

use rayon::prelude::*;

use super::{Metric, Neighbours, Space};
use crate::analysis::linear::Rows;

/// Rows of which the squared Euclidean distance orders neighbours as the metric does, as the searches here use them.
pub struct Prepared(Space);

impl Prepared {
    /// Prepares rows.
    #[must_use]
    pub fn new(rows: &Rows, metric: Metric) -> Self {
        Self(Space::new(rows, metric))
    }

    /// Number of rows, N.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Values a row, which may be one more than before.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.0.dim
    }

    /// A prepared row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        self.0.row(row)
    }

    /// Half of each row's squared length.
    #[must_use]
    pub fn halves(&self) -> &[f32] {
        &self.0.halves
    }

    /// The `k` nearest of `kept` candidates of each row (N x `kept` numbers, those from N on are none): distances anew as
    /// sums of (x - y)^2, the row itself first.
    ///
    /// # Panics
    /// If a row has fewer than `k` - 1 candidates beside itself.
    #[must_use]
    pub fn settle(&self, candidates: &[u32], kept: usize, k: usize) -> Neighbours {
        let mut indices = vec![0_u32; self.len() * k];
        let mut distances = vec![0.0_f32; self.len() * k];
        if k > 0 {
            indices.par_chunks_mut(k).zip(distances.par_chunks_mut(k)).enumerate().for_each(
                |(row, (indices, distances))| {
                    let own = candidates.get(row * kept..(row + 1) * kept).unwrap_or_default();
                    let mut list: Vec<(f32, u32)> =
                        own.iter().filter(|&&other| (other as usize) < self.len()).map(|&other| (0.0, other)).collect();
                    self.0.settle(row as u32, &mut list, indices, distances);
                },
            );
        }
        Neighbours { k, indices, distances }
    }
}
