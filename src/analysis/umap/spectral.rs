//! The spectral start: the two smoothest eigenvectors of the normalised Laplacian after the trivial one.
//!
//! How it works: these are the eigenvectors of the greatest eigenvalues of M = D^-1/2 W D^-1/2 after the first, which is
//! known (the square roots of the degrees) and kept out. Lanczos steps with every vector made orthogonal to all before;
//! then the eigenvectors of the small tridiagonal matrix, combined. A start needs no more digits than the picture has
//! points, so a fixed number of steps suffices, restarted once from what was found.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::graph::FuzzyGraph;
use super::start::normal;
use crate::analysis::linear::symmetric;
use crate::base::{CancelToken, Cancelled};

/// Lanczos steps of a run.
const STEPS: usize = 60;

/// Runs at most.
const RUNS: usize = 5;

/// Residual below which an eigenvector is good enough for a start.
const NEAR: f64 = 2e-3;

/// Rows a task; fixed, because sums are taken block by block.
const ROWS: usize = 4096;

/// Coordinates of each row, or `None` where there are no two such eigenvectors.
pub(super) fn coordinates(
    graph: &FuzzyGraph,
    seed: u64,
    cancel: &CancelToken,
) -> Result<Option<Vec<[f32; 2]>>, Cancelled> {
    let n = graph.len();
    let roots: Vec<f32> = (0..n)
        .into_par_iter()
        .map(|row| graph.row(row).map(|(_, weight)| f64::from(weight)).sum::<f64>().sqrt() as f32)
        .collect();
    if roots.contains(&0.0) {
        return Ok(None);
    }
    let mut trivial = roots.clone();
    scale(&mut trivial, 1.0 / norm(&roots));
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x5bec);
    let mut found: Vec<Vec<f32>> = Vec::new();
    // One eigenvector after the other: each run keeps the earlier ones out, so that near ones do not mix.
    let mut kept = vec![trivial];
    for _ in 0..2 {
        let mut start: Vec<f32> = (0..n).map(|_| normal(&mut random)).collect();
        for _ in 0..RUNS {
            let Some((vector, residual)) = run(graph, &roots, &kept, start, cancel)? else { return Ok(None) };
            start = vector;
            if residual < NEAR {
                break;
            }
        }
        kept.push(start.clone());
        found.push(start);
    }
    let (x, y) = (&found[0], &found[1]);
    Ok(Some((0..n).map(|row| [x[row], y[row]]).collect()))
}

/// Lanczos from a vector: the eigenvector of the greatest eigenvalue orthogonal to `kept`, and its residual.
fn run(
    graph: &FuzzyGraph,
    roots: &[f32],
    kept: &[Vec<f32>],
    start: Vec<f32>,
    cancel: &CancelToken,
) -> Result<Option<(Vec<f32>, f64)>, Cancelled> {
    let n = graph.len();
    let mut vector = start;
    for other in kept.iter().chain(kept) {
        subtract(&mut vector, other);
    }
    let length = norm(&vector);
    if length < 1e-6 {
        return Ok(None);
    }
    scale(&mut vector, 1.0 / length);
    let mut basis: Vec<Vec<f32>> = vec![vector];
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    for step in 0..STEPS.min(n) {
        cancel.check()?;
        let mut next = times(graph, roots, &basis[step]);
        diagonal.push(dot(&next, &basis[step]));
        for other in kept.iter().chain(&basis) {
            subtract(&mut next, other);
        }
        for other in kept.iter().chain(&basis) {
            subtract(&mut next, other);
        }
        let length = norm(&next);
        beside.push(length);
        if length < 1e-6 {
            break;
        }
        scale(&mut next, 1.0 / length);
        basis.push(next);
    }
    let m = diagonal.len();
    let mut matrix = vec![0.0f64; m * m];
    for at in 0..m {
        matrix[at * m + at] = diagonal[at];
        if at + 1 < m {
            matrix[at * m + at + 1] = beside[at];
            matrix[(at + 1) * m + at] = beside[at];
        }
    }
    let (_, vectors) = symmetric::eigen(matrix, m);
    let weights = &vectors[..m];
    let mut combined = vec![0.0f32; n];
    combined.par_chunks_mut(ROWS).enumerate().for_each(|(block, to)| {
        for (vector, &weight) in basis.iter().zip(weights) {
            let part = &vector[block * ROWS..][..to.len()];
            to.iter_mut().zip(part).for_each(|(to, &value)| *to += (weight * f64::from(value)) as f32);
        }
    });
    Ok(Some((combined, (beside[m - 1] * weights[m - 1]).abs())))
}

/// M x, M being D^-1/2 W D^-1/2.
fn times(graph: &FuzzyGraph, roots: &[f32], x: &[f32]) -> Vec<f32> {
    let scaled: Vec<f32> = x.iter().zip(roots).map(|(x, root)| x / root).collect();
    (0..graph.len())
        .into_par_iter()
        .with_min_len(ROWS)
        .map(|row| graph.row(row).map(|(other, weight)| weight * scaled[other as usize]).sum::<f32>() / roots[row])
        .collect()
}

/// Sum of products, block by block and in order.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let parts: Vec<f64> = a
        .par_chunks(ROWS)
        .zip(b.par_chunks(ROWS))
        .map(|(a, b)| {
            // Running sums side by side, so that they do not wait for each other.
            let mut sums = [0.0f64; 8];
            for (a, b) in a.chunks(8).zip(b.chunks(8)) {
                for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                    *sum += f64::from(*a) * f64::from(*b);
                }
            }
            sums.iter().sum::<f64>()
        })
        .collect();
    parts.iter().sum()
}

fn norm(x: &[f32]) -> f64 {
    dot(x, x).sqrt()
}

fn scale(x: &mut [f32], by: f64) {
    for value in x {
        *value = (f64::from(*value) * by) as f32;
    }
}

/// Takes out of `x` its part along the unit vector `other`.
fn subtract(x: &mut [f32], other: &[f32]) {
    let along = dot(x, other) as f32;
    x.par_chunks_mut(ROWS).zip(other.par_chunks(ROWS)).for_each(|(x, other)| {
        x.iter_mut().zip(other).for_each(|(x, other)| *x -= along * other);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path of `n` rows: its smoothest eigenvectors are cosines.
    fn path(n: usize) -> FuzzyGraph {
        let (mut offsets, mut others) = (vec![0u32], Vec::new());
        for row in 0..n {
            others.extend((row > 0).then(|| row as u32 - 1));
            others.extend((row + 1 < n).then(|| row as u32 + 1));
            offsets.push(others.len() as u32);
        }
        let weights = vec![1.0; others.len()];
        FuzzyGraph { offsets, others, weights }
    }

    #[test]
    fn the_start_of_a_path_is_one_and_two_half_waves() {
        let n = 50;
        let found = coordinates(&path(n), 1, &CancelToken::default()).expect("not cancelled").expect("two vectors");
        let changes = |axis: usize| found.windows(2).filter(|pair| pair[0][axis] * pair[1][axis] < 0.0).count();
        assert_eq!((changes(0), changes(1)), (1, 2));
        let lonely = FuzzyGraph { offsets: vec![0, 0, 0], others: vec![], weights: vec![] };
        assert!(coordinates(&lonely, 1, &CancelToken::default()).expect("not cancelled").is_none());
    }
}
