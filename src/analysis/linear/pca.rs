//! Principal components by a randomised, seeded projection.
//!
//! How it works: a random subspace a little larger than what is asked for is multiplied by the covariance matrix a few
//! times (which turns it towards the directions of most variance) and made orthonormal after each; the small problem in
//! the subspace is solved exactly. The covariance is never formed: each pass multiplies the centred rows, block by
//! block. With as many directions as dimensions the answer is exact. Blocks are summed in order, so the answer does not
//! depend on the number of threads. Source: Halko, Martinsson and Tropp, 2011, algorithm 4.4 on the covariance.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::{Rows, product, symmetric};

/// Rows a task: fixed, because sums are taken block by block.
const BLOCK: usize = 2048;

/// Directions beyond those asked for, which make the asked ones exact sooner.
const SPARE: usize = 10;

/// Products with the covariance.
const PASSES: usize = 5;

/// Principal components of rows.
#[derive(Clone, Debug)]
pub struct Pca {
    /// Mean of the rows, D values.
    pub mean: Vec<f32>,
    /// C x D: orthonormal directions, by falling variance.
    pub components: Vec<f32>,
    /// Variance along each component (of a sample: divided by N - 1).
    pub variances: Vec<f64>,
    /// Variance in all.
    pub total: f64,
}

impl Pca {
    /// The first `count` components of `rows`; fewer where rows or dimensions are fewer.
    #[must_use]
    pub fn new(rows: &Rows, count: usize, seed: u64) -> Self {
        let (n, d) = (rows.len(), rows.dim());
        let mean = mean(rows);
        let count = count.min(d).min(n);
        if count == 0 {
            return Self { mean, components: Vec::new(), variances: Vec::new(), total: 0.0 };
        }
        let width = (count + SPARE).min(d);
        // D x W, its columns orthonormal.
        let mut basis = vec![0.0f64; d * width];
        if width == d {
            for at in 0..d {
                basis[at * d + at] = 1.0;
            }
        } else {
            let mut random = Pcg64Mcg::seed_from_u64(seed);
            basis.fill_with(|| random.random::<f64>() - 0.5);
            orthonormalise(&mut basis, d, width);
            for _ in 0..PASSES {
                basis = passed(rows, &mean, &basis, width).covariance_times;
                orthonormalise(&mut basis, d, width);
            }
        }
        let passed = passed(rows, &mean, &basis, width);
        let (values, vectors) = symmetric::eigen(passed.gram, width);
        let divisor = n.saturating_sub(1).max(1) as f64;
        let components = (0..count)
            .flat_map(|c| {
                let vector = &vectors[c * width..][..width];
                basis.chunks(width).map(move |row| row.iter().zip(vector).map(|(a, b)| a * b).sum::<f64>() as f32)
            })
            .collect();
        Self {
            mean,
            components,
            variances: values[..count].iter().map(|value| value.max(0.0) / divisor).collect(),
            total: passed.squares / divisor,
        }
    }

    /// Number of components, C.
    #[must_use]
    pub fn len(&self) -> usize {
        self.variances.len()
    }

    /// True without components.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.variances.is_empty()
    }

    /// Share of the variance that the components hold, in 0..=1; 1 where there is no variance.
    #[must_use]
    pub fn explained(&self) -> f64 {
        if self.total > 0.0 { (self.variances.iter().sum::<f64>() / self.total).min(1.0) } else { 1.0 }
    }

    /// Coordinates along the components, N x C.
    #[must_use]
    pub fn project(&self, rows: &Rows) -> Vec<f32> {
        let (d, count) = (rows.dim(), self.len());
        let mut out = vec![0.0f32; rows.len() * count];
        if count == 0 {
            return out;
        }
        out.par_chunks_mut(BLOCK * count).zip(rows.values().par_chunks(BLOCK * d)).for_each(|(out, values)| {
            let centred = centred(values, &self.mean);
            product::rows_by_rows(&centred, &self.components, d, out);
        });
        out
    }
}

/// Mean of the rows, summed in f64 block by block.
#[must_use]
pub fn mean(rows: &Rows) -> Vec<f32> {
    let d = rows.dim();
    let sums: Vec<Vec<f64>> = rows
        .values()
        .par_chunks((BLOCK * d).max(1))
        .map(|block| {
            let mut sum = vec![0.0f64; d];
            for row in block.chunks(d) {
                for (sum, &value) in sum.iter_mut().zip(row) {
                    *sum += f64::from(value);
                }
            }
            sum
        })
        .collect();
    (0..d).map(|at| (sums.iter().map(|sum| sum[at]).sum::<f64>() / rows.len().max(1) as f64) as f32).collect()
}

fn centred(values: &[f32], mean: &[f32]) -> Vec<f32> {
    values.chunks(mean.len().max(1)).flat_map(|row| row.iter().zip(mean).map(|(value, mean)| value - mean)).collect()
}

/// What one pass over the rows gives, X being the centred rows and B the basis.
struct Passed {
    /// X^T X B, D x W.
    covariance_times: Vec<f64>,
    /// (X B)^T X B, W x W.
    gram: Vec<f64>,
    /// Sum of the squares of X.
    squares: f64,
}

fn passed(rows: &Rows, mean: &[f32], basis: &[f64], width: usize) -> Passed {
    let d = rows.dim();
    let basis: Vec<f32> = basis.iter().map(|&value| value as f32).collect();
    let parts: Vec<(Vec<f32>, Vec<f32>, f64)> = rows
        .values()
        .par_chunks(BLOCK * d)
        .map(|values| {
            let centred = centred(values, mean);
            let mut along = vec![0.0f32; values.len() / d * width];
            product::rows_by_columns(&centred, &basis, d, width, &mut along);
            let (mut back, mut gram) = (vec![0.0f32; d * width], vec![0.0f32; width * width]);
            product::columns_by_columns(&centred, &along, d, width, &mut back);
            product::columns_by_columns(&along, &along, width, width, &mut gram);
            (back, gram, centred.iter().map(|&value| f64::from(value) * f64::from(value)).sum())
        })
        .collect();
    let mut sum = Passed { covariance_times: vec![0.0; d * width], gram: vec![0.0; width * width], squares: 0.0 };
    for (back, gram, squares) in parts {
        sum.covariance_times.iter_mut().zip(back).for_each(|(sum, value)| *sum += f64::from(value));
        sum.gram.iter_mut().zip(gram).for_each(|(sum, value)| *sum += f64::from(value));
        sum.squares += squares;
    }
    sum
}

/// Makes the columns of a D x W matrix orthonormal (Gram-Schmidt, twice, which suffices); a column that the others
/// hold already becomes a unit vector of its own.
fn orthonormalise(basis: &mut [f64], d: usize, width: usize) {
    let column = |basis: &[f64], c: usize| -> Vec<f64> { (0..d).map(|row| basis[row * width + c]).collect() };
    let mut done: Vec<Vec<f64>> = Vec::with_capacity(width);
    for c in 0..width {
        let mut vector = column(basis, c);
        let mut spare = 0;
        loop {
            let before = norm(&vector);
            for _ in 0..2 {
                for other in &done {
                    let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                    vector.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
                }
            }
            let after = norm(&vector);
            if after > before * 1e-10 && after > 0.0 {
                for value in &mut vector {
                    *value /= after;
                }
                break;
            }
            vector.fill(0.0);
            vector[(c + spare) % d] = 1.0;
            spare += 1;
        }
        for (row, value) in vector.iter().enumerate() {
            basis[row * width + c] = *value;
        }
        done.push(vector);
    }
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows on a plane in `d` dimensions with variances 9 : 1 along two directions, away from the origin.
    fn plane(n: usize, d: usize) -> Vec<f32> {
        let mut random = Pcg64Mcg::seed_from_u64(5);
        (0..n)
            .flat_map(|_| {
                let (u, v) = (3.0 * (random.random::<f32>() - 0.5), random.random::<f32>() - 0.5);
                (0..d).map(move |at| 100.0 + if at % 2 == 0 { u } else { v })
            })
            .collect()
    }

    #[test]
    fn finds_the_directions_of_most_variance() {
        for d in [2, 5, 40] {
            let values = plane(3000, d);
            let rows = Rows::finite(values.as_slice(), d);
            let pca = Pca::new(&rows, 2, 1);
            assert_eq!(pca.len(), 2);
            assert!(pca.explained() > 0.999, "{d}: {}", pca.explained());
            let expect = d.div_ceil(2) as f64 * 9.0 / 12.0;
            assert!((pca.variances[0] / expect - 1.0).abs() < 0.1, "{d}: {:?}", pca.variances);
            assert!(pca.components[1].abs() < 0.05 * pca.components[0].abs(), "the first is along the even ones");
            // The projection has the variances that are named, and distances in the plane are kept.
            let flat = pca.project(&rows);
            let of = |c: usize| flat.iter().skip(c).step_by(2).map(|&v| f64::from(v).powi(2)).sum::<f64>() / 2999.0;
            assert!((of(0) / pca.variances[0] - 1.0).abs() < 1e-3 && (of(1) / pca.variances[1] - 1.0).abs() < 1e-3);
            let again = Pca::new(&rows, 2, 1);
            assert_eq!(pca.components, again.components);
        }
    }

    #[test]
    fn degenerate_rows_have_no_variance() {
        let equal = vec![3.0f32; 40];
        let pca = Pca::new(&Rows::finite(equal.as_slice(), 4), 2, 0);
        assert_eq!((pca.len(), pca.explained(), pca.total), (2, 1.0, 0.0));
        assert!(pca.project(&Rows::finite(equal.as_slice(), 4)).iter().all(|&value| value == 0.0));
        let none: &[f32] = &[];
        assert!(Pca::new(&Rows::finite(none, 4), 2, 0).is_empty());
        assert_eq!(Pca::new(&Rows::finite([1.0f32, 2.0].as_slice(), 1), 2, 0).len(), 1);
    }
}
