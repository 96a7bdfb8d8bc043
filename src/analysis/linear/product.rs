//! Products of row-major matrices through the `gemm` crate, which asks for raw pointers: the lengths are checked here,
//! once, and every other file multiplies through these functions.
//!
//! Every product runs on the calling thread; callers split the rows over rayon. So an element is summed in one order,
//! whatever the number of threads.

#![expect(unsafe_code, reason = "gemm takes raw pointers; each function checks the lengths first")]

use gemm::Parallelism;

/// `out = a b^T`: `a` is m x d, `b` is n x d, `out` is m x n.
///
/// # Panics
/// If a length does not fit its shape.
pub fn rows_by_rows(a: &[f32], b: &[f32], d: usize, out: &mut [f32]) {
    if d == 0 {
        out.fill(0.0);
        return;
    }
    let (m, n) = (a.len() / d, b.len() / d);
    multiply([m, d, n], a, [d, 1], b, [1, d], out);
}

/// `out = a b`: `a` is m x d, `b` is d x n, `out` is m x n.
///
/// # Panics
/// If a length does not fit its shape.
pub fn rows_by_columns(a: &[f32], b: &[f32], d: usize, n: usize, out: &mut [f32]) {
    let m = a.len().checked_div(d).unwrap_or(0);
    multiply([m, d, n], a, [d, 1], b, [n, 1], out);
}

/// `out = a^T b`: `a` is r x m, `b` is r x n, `out` is m x n.
///
/// # Panics
/// If a length does not fit its shape.
pub fn columns_by_columns(a: &[f32], b: &[f32], m: usize, n: usize, out: &mut [f32]) {
    let r = a.len().checked_div(m).unwrap_or(0);
    multiply([m, r, n], a, [1, m], b, [n, 1], out);
}

/// `out = a b` with shapes m x k and k x n; strides are [from row to row, from column to column].
fn multiply(
    [m, k, n]: [usize; 3],
    a: &[f32],
    [a_row, a_column]: [usize; 2],
    b: &[f32],
    [b_row, b_column]: [usize; 2],
    out: &mut [f32],
) {
    assert!(a.len() == m * k && b.len() == k * n && out.len() == m * n, "the lengths are those of the shapes");
    if m == 0 || n == 0 {
        return;
    }
    // SAFETY: the strides are those of dense matrices of m x k, k x n and m x n elements, which the slices were just
    // found to hold; `out` is borrowed alone and is not read (`read_dst` is false).
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.as_ptr(),
            a_column as isize,
            a_row as isize,
            b.as_ptr(),
            b_column as isize,
            b_row as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Sum of products of two rows, in eight running sums: vectorises, and is far more exact than one.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    lanes(a, b, |x, y| x * y)
}

/// Squared Euclidean distance of two rows, as the sum of (x - y)^2: exactly 0 for equal rows.
#[must_use]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    lanes(a, b, |x, y| (x - y) * (x - y))
}

#[inline(always)]
fn lanes(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(&x, &y)| term(x, y)).sum();
    for (x, y) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += term(x[lane], y[lane]);
        }
    }
    // Halved pairwise, so that the order is the same however the compiler lays the lanes.
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0] + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that differ by position: element (r, c) of matrix `which`.
    fn matrix(which: usize, rows: usize, columns: usize) -> Vec<f32> {
        (0..rows * columns).map(|at| ((at * (7 + which) + 3 * which) % 11) as f32 - 5.0).collect()
    }

    #[test]
    fn products_are_those_of_the_definition() {
        for (m, k, n) in [(1, 1, 1), (2, 3, 4), (5, 1, 7), (17, 33, 9), (1, 64, 300)] {
            let (a, bt) = (matrix(1, m, k), matrix(2, n, k));
            let expect: Vec<f32> =
                (0..m * n).map(|at| (0..k).map(|t| a[(at / n) * k + t] * bt[(at % n) * k + t]).sum()).collect();
            let mut out = vec![f32::NAN; m * n];
            rows_by_rows(&a, &bt, k, &mut out);
            assert_eq!(out, expect, "{m} {k} {n}");
            let b: Vec<f32> = (0..k * n).map(|at| bt[(at % n) * k + at / n]).collect();
            out.fill(f32::NAN);
            rows_by_columns(&a, &b, k, n, &mut out);
            assert_eq!(out, expect, "{m} {k} {n}");
            let at: Vec<f32> = (0..k * m).map(|e| a[(e % m) * k + e / m]).collect();
            out.fill(f32::NAN);
            columns_by_columns(&at, &b, m, n, &mut out);
            assert_eq!(out, expect, "{m} {k} {n}");
        }
        let mut none = [];
        rows_by_rows(&[], &[], 4, &mut none);
    }

    #[test]
    fn sums_over_rows() {
        for d in [0, 1, 15, 16, 17, 100] {
            let (a, b) = (matrix(1, 1, d), matrix(3, 1, d));
            assert_eq!(dot(&a, &b), a.iter().zip(&b).map(|(x, y)| x * y).sum::<f32>(), "{d}");
            let expect: f32 = a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y)).sum();
            assert_eq!(squared_distance(&a, &b), expect, "{d}");
            assert_eq!(squared_distance(&a, &a), 0.0);
        }
    }
}
