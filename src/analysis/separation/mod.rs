//! How separate two datasets are in a space of features, in figures, and where one of them is alone.
//!
//! How it works: rows of A and B are put together. Neighbours of all rows give the mixing; a seeded sample of each side
//! gives the distances behind energy distance, its permutation test and the silhouette ([`pairs`]), and trains the
//! linear probe ([`probe`]). Regions are cells of k-means over all rows, ranked by how far A is above its share.
//! All draws are seeded; nothing depends on the number of threads.

mod pairs;
pub mod probe;

use serde::Serialize;

use super::linear::Rows;
use super::neighbours::{self, Metric, Search};
use crate::base::{CancelToken, Cancelled};

pub use pairs::Energy;
pub use probe::Probe;

/// What is measured, and how thoroughly.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The metric of neighbours.
    pub metric: Metric,
    /// Seed of samples, split, permutations and regions.
    pub seed: u64,
    /// Rows of each side, at most, behind energy distance and silhouette: all their pairs are looked at.
    pub pairs: usize,
    /// Rows of each side, at most, that the probe is trained and tried on.
    pub probe: usize,
    /// Permutations of the test.
    pub permutations: usize,
    /// Regions at most in the ranking of each side.
    pub regions: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { metric: Metric::Euclidean, seed: 0, pairs: 1000, probe: 10_000, permutations: 199, regions: 10 }
    }
}

/// Neighbours over which mixing is counted, the row itself left out.
const NEAR: usize = 5;

/// Share of the nearest neighbours that come from a row's own dataset.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mixing {
    /// Over all rows, in 0..=1: 1 where no row has a neighbour of the other dataset.
    pub own: f64,
    /// Over the rows of A.
    pub own_a: f64,
    /// Over the rows of B.
    pub own_b: f64,
    /// What `own` would be if datasets were dealt to rows at random.
    pub chance: f64,
}

/// A part of the space that holds more of one dataset than its share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Region {
    /// Rows of the dataset in it.
    pub own: usize,
    /// Rows of the other dataset in it.
    pub other: usize,
    /// Share of the dataset's rows here over the share of the other's, each with one row added: above 1 where the
    /// dataset is over-represented.
    pub lift: f64,
    /// Twice the log-likelihood ratio of this against equal shares: what regions are ranked by.
    pub surprise: f64,
    /// Numbers (as given, before any was left out) of the dataset's rows in it, the most typical first.
    pub rows: Vec<u32>,
}

/// The figures of one space.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Separation {
    /// Rows of A and B that were compared.
    pub rows: [usize; 2],
    /// Share of own neighbours.
    pub mixing: Mixing,
    /// The linear probe; `None` where a side has too few rows to hold any back.
    pub probe: Option<Probe>,
    /// Energy distance and its test.
    pub energy: Energy,
    /// Mean silhouette of the datasets as clusters, in -1..=1: 1 far apart, 0 one in the other.
    pub silhouette: f64,
    /// Where A is, and B is not, by falling surprise.
    pub only_a: Vec<Region>,
    /// Where B is, and A is not.
    pub only_b: Vec<Region>,
}

/// Measures how separate two sets of rows are.
///
/// # Errors
/// [`Cancelled`] on request.
///
/// # Panics
/// If their rows are of different widths, or a side has no rows.
pub fn separate(a: &Rows, b: &Rows, options: &Options, cancel: &CancelToken) -> Result<Separation, Cancelled> {
    assert_eq!(a.dim(), b.dim(), "rows of one space");
    assert!(!a.is_empty() && !b.is_empty(), "both sides have rows");
    let d = a.dim();
    let values: Vec<f32> = a.values().iter().chain(b.values()).copied().collect();
    let all = Rows::finite(values, d);
    let mixing = mixing(&all, a.len(), options, cancel)?;
    cancel.check()?;
    let (energy, silhouette) = pairs::measure(a, b, options, cancel)?;
    let probe = probe::train(a, b, options.probe, options.seed, cancel)?;
    let (only_a, only_b) = regions(&all, a, b, options, cancel)?;
    Ok(Separation { rows: [a.len(), b.len()], mixing, probe, energy, silhouette, only_a, only_b })
}

fn mixing(all: &Rows, of_a: usize, options: &Options, cancel: &CancelToken) -> Result<Mixing, Cancelled> {
    let n = all.len();
    let search = Search { k: NEAR + 1, metric: options.metric, seed: options.seed, ..Search::default() };
    let (found, _) = neighbours::find(all, &search, cancel)?;
    let near = found.k.saturating_sub(1);
    let mut own = [0usize; 2];
    for row in 0..n {
        let side = usize::from(row >= of_a);
        own[side] += found.of(row)[1..].iter().filter(|&&other| usize::from(other as usize >= of_a) == side).count();
    }
    let share = |count: usize, rows: usize| count as f64 / (rows * near).max(1) as f64;
    let (a, b) = (of_a as f64, (n - of_a) as f64);
    Ok(Mixing {
        own: share(own[0] + own[1], n),
        own_a: share(own[0], of_a),
        own_b: share(own[1], n - of_a),
        chance: (a * (a - 1.0) + b * (b - 1.0)) / ((a + b) * (a + b - 1.0)).max(1.0),
    })
}

fn regions(
    all: &Rows,
    a: &Rows,
    b: &Rows,
    options: &Options,
    cancel: &CancelToken,
) -> Result<(Vec<Region>, Vec<Region>), Cancelled> {
    let n = all.len();
    // As fine as leaves some tens of rows a region.
    let count = (n / 40).clamp(2, 100).min(n);
    let (cells, centres) = neighbours::partition(all, count, options.seed, cancel)?;
    let count = centres.len() / all.dim().max(1);
    let mut members: Vec<[Vec<u32>; 2]> = vec![Default::default(); count];
    for (row, &cell) in cells.iter().enumerate() {
        members[cell as usize][usize::from(row >= a.len())].push(row as u32);
    }
    let sides = [a.len() as f64, b.len() as f64];
    // With one row added to each, so that a region of one row is not infinitely much more than one of none.
    let share = |count: f64, of: f64| (count + 1.0) / (of + 1.0);
    let ranked = |side: usize, rows: &Rows, first: u32| {
        let mut regions: Vec<(f64, usize)> = members
            .iter()
            .enumerate()
            .filter_map(|(cell, members)| {
                let counts = [members[0].len() as f64, members[1].len() as f64];
                let over = share(counts[side], sides[side]) > share(counts[1 - side], sides[1 - side]);
                over.then(|| (surprise(counts, sides), cell))
            })
            .collect();
        regions.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
        regions.truncate(options.regions);
        let region = |(surprise, cell): (f64, usize)| {
            let (own, other) = (&members[cell][side], members[cell][1 - side].len());
            let centre = &centres[cell * all.dim()..][..all.dim()];
            let mut by: Vec<(f32, u32)> = own
                .iter()
                .map(|&row| (super::linear::product::squared_distance(all.row(row as usize), centre), row - first))
                .collect();
            by.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
            Region {
                own: own.len(),
                other,
                lift: share(own.len() as f64, sides[side]) / share(other as f64, sides[1 - side]),
                surprise,
                rows: by.into_iter().map(|(_, row)| rows.original(row)).collect(),
            }
        };
        regions.into_iter().map(region).collect()
    };
    Ok((ranked(0, a, 0), ranked(1, b, a.len() as u32)))
}

/// Twice the log-likelihood ratio of counts against the shares of the sides (G of the 2 x 1 table).
fn surprise(counts: [f64; 2], sides: [f64; 2]) -> f64 {
    let all = counts[0] + counts[1];
    let of = |side: usize| {
        let expected = all * sides[side] / (sides[0] + sides[1]);
        if counts[side] > 0.0 { counts[side] * (counts[side] / expected).ln() } else { 0.0 }
    };
    2.0 * (of(0) + of(1))
}

#[cfg(test)]
mod tests;
