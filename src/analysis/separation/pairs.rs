//! Figures from all pairs of a sample: energy distance with a permutation test, and the silhouette.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::Serialize;

use super::Options;
use crate::analysis::linear::{Rows, product};
use crate::base::{CancelToken, Cancelled};

/// Energy distance of two samples: 2 E|X - Y| - E|X - X'| - E|Y - Y'|, 0 for equal distributions only.
/// Source: Szekely and Rizzo, 2013.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Energy {
    /// The distance, in the units of the features (Euclidean).
    pub distance: f64,
    /// The distance over 2 E|X - Y|, in 0..=1: comparable from layer to layer.
    pub coefficient: f64,
    /// Share of permutations of the labels (the given ones counted in) with a distance at least as great.
    pub p: f64,
    /// Permutations.
    pub permutations: usize,
}

/// Rows a task.
const ROWS: usize = 64;

/// Numbers of at most `count` of `len` rows, seeded, without repeats, ascending.
pub(super) fn sample(len: usize, count: usize, random: &mut Pcg64Mcg) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..len as u32).collect();
    if count < len {
        shuffle_front(&mut numbers, count, random);
        numbers.truncate(count);
        numbers.sort_unstable();
    }
    numbers
}

/// Puts a random choice of `count` elements to the front.
pub(super) fn shuffle_front<T>(values: &mut [T], count: usize, random: &mut Pcg64Mcg) {
    for at in 0..count.min(values.len()) {
        let other = random.random_range(at..values.len());
        values.swap(at, other);
    }
}

pub(super) fn measure(a: &Rows, b: &Rows, options: &Options, cancel: &CancelToken) -> Result<(Energy, f64), Cancelled> {
    let mut random = Pcg64Mcg::seed_from_u64(options.seed ^ 0xe4e6);
    let (from_a, from_b) = (sample(a.len(), options.pairs, &mut random), sample(b.len(), options.pairs, &mut random));
    let rows: Vec<&[f32]> =
        from_a.iter().map(|&row| a.row(row as usize)).chain(from_b.iter().map(|&row| b.row(row as usize))).collect();
    let (n, of_a) = (rows.len(), from_a.len());
    let mut distances = vec![0.0f32; n * n];
    distances.par_chunks_mut(n).enumerate().for_each(|(i, to)| {
        for (to, other) in to.iter_mut().zip(&rows) {
            *to = product::squared_distance(rows[i], other).sqrt();
        }
    });
    cancel.check()?;

    // With weights 1/|A| and -1/|B| the distance is -w^T D w; all permutations are the columns of one product.
    let columns = options.permutations + 1;
    let mut sides: Vec<bool> = (0..n).map(|row| row < of_a).collect();
    let (up, down) = (1.0 / of_a as f32, -1.0 / (n - of_a) as f32);
    let mut weights = vec![0.0f32; n * columns];
    for column in 0..columns {
        if column > 0 {
            shuffle_front(&mut sides, n, &mut random);
        }
        for (row, &is_a) in sides.iter().enumerate() {
            weights[row * columns + column] = if is_a { up } else { down };
        }
    }
    let mut products = vec![0.0f32; n * columns];
    products.par_chunks_mut(ROWS * columns).zip(distances.par_chunks(ROWS * n)).for_each(|(out, distances)| {
        product::rows_by_columns(distances, &weights, n, columns, out);
    });
    let energies: Vec<f64> = (0..columns)
        .map(|column| {
            -(0..n)
                .map(|row| f64::from(products[row * columns + column]) * f64::from(weights[row * columns + column]))
                .sum::<f64>()
        })
        .collect();
    cancel.check()?;
    let observed = energies[0].max(0.0);
    // Rounding in sums of many products: a permutation that is the given labels again must count.
    let at_least = energies[1..].iter().filter(|&&energy| energy >= observed * (1.0 - 1e-6)).count();

    // Sums of each row's distances to either side.
    let sums: Vec<[f64; 2]> = distances
        .par_chunks(n)
        .map(|row| {
            let sum = |part: &[f32]| part.iter().copied().map(f64::from).sum::<f64>();
            [sum(&row[..of_a]), sum(&row[of_a..])]
        })
        .collect();
    let across = sums[..of_a].iter().map(|sum| sum[1]).sum::<f64>() / (of_a * (n - of_a)) as f64;
    let energy = Energy {
        distance: observed,
        coefficient: if across > 0.0 { (observed / (2.0 * across)).min(1.0) } else { 0.0 },
        p: (at_least + 1) as f64 / columns as f64,
        permutations: options.permutations,
    };
    let counts = [of_a, n - of_a];
    let silhouettes = sums.iter().enumerate().map(|(row, sum)| {
        let side = usize::from(row >= of_a);
        if counts[side] < 2 {
            return 0.0;
        }
        let (own, other) = (sum[side] / (counts[side] - 1) as f64, sum[1 - side] / counts[1 - side] as f64);
        let greater = own.max(other);
        if greater > 0.0 { (other - own) / greater } else { 0.0 }
    });
    // The sides weigh the same however many rows they have.
    let (mut of, mut total) = ([0.0f64; 2], 0.0);
    for (row, value) in silhouettes.enumerate() {
        of[usize::from(row >= of_a)] += value;
    }
    for side in 0..2 {
        total += of[side] / counts[side] as f64 / 2.0;
    }
    Ok((energy, total))
}
