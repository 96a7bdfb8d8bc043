//! Nearest neighbours of every row.
//!
//! How it works: [`Space`] turns both metrics into squared Euclidean distances of prepared rows. Up to
//! [`EXACT_ROWS`] rows every pair is looked at ([`exact`]), each product once for both of its rows ([`pairs`]).
//! Above, rows are searched in overlapping cells ([`cells`]) and the answer is measured against exact searches of
//! [`QUERIES`] rows; below [`ENOUGH`] the overlap is widened and the search done again.
//!
//! Products of rows are exact to rounding only, so they choose the candidates and no more: the distances that are
//! kept are sums of (x - y)^2, and a row is its own first neighbour at distance 0 because of its number.

mod cells;
mod exact;
mod pairs;
mod prepared;

use rayon::prelude::*;

use crate::base::{CancelToken, Cancelled};

use super::linear::{Rows, product};

pub use cells::{Cells, partition};
pub use prepared::Prepared;

/// Up to here every pair is looked at.
pub const EXACT_ROWS: usize = 100_000;

/// Rows whose exact neighbours measure a search.
pub const QUERIES: usize = 1000;

/// Recall that a search must reach.
pub const ENOUGH: f64 = 0.95;

/// Neighbours over which recall is measured.
pub const MEASURED: usize = 15;

/// How far two rows are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The length of the difference.
    #[default]
    Euclidean,
    /// 1 - cos of the angle; a row of zeros is at 1 from every other, at 0 from another row of zeros.
    Cosine,
}

impl std::str::FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "euclidean" => Ok(Self::Euclidean),
            "cosine" => Ok(Self::Cosine),
            _ => Err(format!("a metric is euclidean or cosine, not {text}")),
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Euclidean => "euclidean",
            Self::Cosine => "cosine",
        })
    }
}

/// The k nearest rows of every row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Neighbours {
    /// Neighbours a row, the row itself included: what was asked for, or all rows where they are fewer.
    pub k: usize,
    /// N x k row numbers; the first is the row itself, then by rising distance, equal ones by rising number.
    pub indices: Vec<u32>,
    /// N x k distances in the metric; 0 for the row itself.
    pub distances: Vec<f32>,
}

impl Neighbours {
    /// Number of rows, N.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len().checked_div(self.k).unwrap_or(0)
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The neighbours of a row.
    #[must_use]
    pub fn of(&self, row: usize) -> &[u32] {
        &self.indices[row * self.k..][..self.k]
    }
}

/// How neighbours were found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Every pair was looked at.
    Exact,
    /// Rows were searched in cells.
    Cells {
        /// Number of cells.
        cells: usize,
        /// Cells that each row lies in.
        overlap: usize,
        /// Share of the [`MEASURED`] exact neighbours of [`QUERIES`] rows that were found.
        recall: f64,
    },
}

/// What a search is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// Neighbours a row, the row itself included.
    pub k: usize,
    /// The metric.
    pub metric: Metric,
    /// Seed of the cells.
    pub seed: u64,
    /// Up to so many rows every pair is looked at, [`EXACT_ROWS`] as a rule.
    pub exact_rows: usize,
    /// The cells, above that.
    pub cells: Cells,
}

impl Default for Search {
    fn default() -> Self {
        Self { k: 15, metric: Metric::Euclidean, seed: 0, exact_rows: EXACT_ROWS, cells: Cells::default() }
    }
}

/// Finds the neighbours of every row.
///
/// # Errors
/// [`Cancelled`] on request.
pub fn find(rows: &Rows, search: &Search, cancel: &CancelToken) -> Result<(Neighbours, Method), Cancelled> {
    let space = Space::new(rows, search.metric);
    let k = search.k.min(space.len());
    if space.len() <= search.exact_rows.max(k) {
        return Ok((exact::search_all(&space, k, cancel)?, Method::Exact));
    }
    cells::search(&space, k, search.seed, search.cells, cancel)
}

/// The exact neighbours of some rows among all, as [`Neighbours`] with one row for each of `queries`.
///
/// # Errors
/// [`Cancelled`] on request.
pub fn find_some(
    rows: &Rows,
    queries: &[u32],
    k: usize,
    metric: Metric,
    cancel: &CancelToken,
) -> Result<Neighbours, Cancelled> {
    let space = Space::new(rows, metric);
    exact::search(&space, queries, k.min(space.len()), cancel)
}

/// Share of the exact neighbours that were found, over rows `queries` of `found`; the row itself is not counted.
/// A found row that is exactly as near as the furthest of the exact ones counts: ties are equally right.
#[must_use]
pub fn recall(found: &Neighbours, exact: &Neighbours, queries: &[u32], over: usize) -> f64 {
    let over = over.min(found.k.saturating_sub(1)).min(exact.k.saturating_sub(1));
    if over == 0 || queries.is_empty() {
        return 1.0;
    }
    let hits: usize = queries
        .iter()
        .enumerate()
        .map(|(at, &row)| {
            let wanted = &exact.indices[at * exact.k + 1..][..over];
            let furthest = exact.distances[at * exact.k + over];
            let start = row as usize * found.k;
            let hits = (1..found.k)
                .filter(|&c| wanted.contains(&found.indices[start + c]) || found.distances[start + c] <= furthest);
            hits.count().min(over)
        })
        .sum();
    hits as f64 / (queries.len() * over) as f64
}

/// Rows spread evenly over all, [`QUERIES`] of them or all: the same for every search of so many rows.
#[must_use]
pub fn queries(len: usize) -> Vec<u32> {
    let count = QUERIES.min(len);
    (0..count).map(|at| (at as u64 * len as u64 / count as u64) as u32).collect()
}

/// Rows prepared so that the squared Euclidean distance orders neighbours as the metric does.
struct Space {
    /// N x D: centred, or of length 1.
    values: Vec<f32>,
    dim: usize,
    /// Half of each row's squared length.
    halves: Vec<f32>,
    metric: Metric,
}

impl Space {
    fn new(rows: &Rows, metric: Metric) -> Self {
        let d = rows.dim();
        let (values, dim) = match metric {
            // Distances do not change by it, and products lose fewer digits around the middle.
            Metric::Euclidean => {
                let mean = super::linear::pca::mean(rows);
                let mut values = rows.values().to_vec();
                values.par_chunks_mut(d.max(1)).for_each(|row| {
                    row.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
                });
                (values, d)
            }
            Metric::Cosine => {
                let zero = |row: &[f32]| row.iter().all(|&value| value == 0.0);
                // A direction of their own puts rows of zeros at a right angle to all others.
                let dim = d + usize::from((0..rows.len()).any(|row| zero(rows.row(row))));
                let mut values = vec![0.0f32; rows.len() * dim];
                values.par_chunks_mut(dim.max(1)).zip(rows.values().par_chunks(d.max(1))).for_each(|(to, row)| {
                    // By the greatest value first: squares neither overflow nor vanish.
                    let greatest = row.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
                    if greatest == 0.0 {
                        to[d] = 1.0;
                        return;
                    }
                    let square: f64 = row.iter().map(|&value| f64::from(value / greatest).powi(2)).sum();
                    let scale = 1.0 / (f64::from(greatest) * square.sqrt());
                    to.iter_mut().zip(row).for_each(|(to, &value)| *to = (f64::from(value) * scale) as f32);
                });
                (values, dim)
            }
        };
        Self::of(values, dim, metric, rows.len())
    }

    fn of(values: Vec<f32>, dim: usize, metric: Metric, len: usize) -> Self {
        let halves = if dim == 0 {
            vec![0.0; len]
        } else {
            values.par_chunks(dim).map(|row| 0.5 * product::dot(row, row)).collect()
        };
        Self { values, dim, halves, metric }
    }

    fn len(&self) -> usize {
        self.halves.len()
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..][..self.dim]
    }

    /// The distance in the metric, of a squared distance.
    fn distance(&self, squared: f32) -> f32 {
        match self.metric {
            Metric::Euclidean => squared.sqrt(),
            // |x - y|^2 = 2 - 2 cos for rows of length 1.
            Metric::Cosine => 0.5 * squared,
        }
    }

    /// Writes the neighbours of a row, of its candidates: distances anew as sums of (x - y)^2, the row itself first.
    fn settle(&self, row: u32, candidates: &mut Vec<(f32, u32)>, indices: &mut [u32], distances: &mut [f32]) {
        let own = self.row(row as usize);
        candidates.retain(|&(_, other)| other != row);
        for (distance, other) in candidates.iter_mut() {
            *distance = product::squared_distance(own, self.row(*other as usize));
        }
        candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        candidates.dedup_by_key(|candidate| candidate.1);
        indices[0] = row;
        distances[0] = 0.0;
        for (at, &(squared, other)) in candidates.iter().take(indices.len() - 1).enumerate() {
            indices[at + 1] = other;
            distances[at + 1] = self.distance(squared);
        }
    }
}

#[cfg(test)]
mod tests;
