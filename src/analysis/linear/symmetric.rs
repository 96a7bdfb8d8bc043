//! Eigenvalues of small symmetric matrices by cyclic Jacobi rotations: slow for large ones, and exact to rounding.

/// Eigenvalues in descending order, and the eigenvectors as the rows of an n x n matrix, each with its greatest
/// component positive (the first of equals), so that the answer is one.
///
/// `matrix` is n x n and symmetric. Source: Golub and Van Loan, *Matrix Computations*, 8.5.
///
/// # Panics
/// If `matrix` is not n x n.
#[must_use]
pub fn eigen(mut matrix: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    assert_eq!(matrix.len(), n * n, "a square matrix");
    let mut vectors = vec![0.0f64; n * n];
    for at in 0..n {
        vectors[at * n + at] = 1.0;
    }
    let scale: f64 = matrix.iter().map(|value| value * value).sum();
    // Convergence is quadratic once it sets in; a handful of sweeps is usual.
    for _ in 0..60 {
        let off: f64 = (0..n).flat_map(|p| (0..p).map(move |q| (p, q))).map(|(p, q)| matrix[p * n + q].powi(2)).sum();
        if off <= scale * 1e-26 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                let apq = matrix[p * n + q];
                if apq.abs() <= f64::MIN_POSITIVE {
                    continue;
                }
                let theta = (matrix[q * n + q] - matrix[p * n + p]) / (2.0 * apq);
                let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / t.hypot(1.0);
                let s = t * c;
                for k in 0..n {
                    let (kp, kq) = (matrix[k * n + p], matrix[k * n + q]);
                    matrix[k * n + p] = c * kp - s * kq;
                    matrix[k * n + q] = s * kp + c * kq;
                }
                for k in 0..n {
                    let (pk, qk) = (matrix[p * n + k], matrix[q * n + k]);
                    matrix[p * n + k] = c * pk - s * qk;
                    matrix[q * n + k] = s * pk + c * qk;
                }
                for k in 0..n {
                    let (pk, qk) = (vectors[p * n + k], vectors[q * n + k]);
                    vectors[p * n + k] = c * pk - s * qk;
                    vectors[q * n + k] = s * pk + c * qk;
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&x, &y| matrix[y * n + y].total_cmp(&matrix[x * n + x]));
    let values = order.iter().map(|&at| matrix[at * n + at]).collect();
    let sorted = order.iter().flat_map(|&at| signed(&vectors[at * n..][..n])).collect();
    (values, sorted)
}

/// The vector or its opposite, whichever has the component of greatest size positive.
fn signed(vector: &[f64]) -> Vec<f64> {
    let greatest =
        vector.iter().fold(0.0f64, |best, &value| if value.abs() > best.abs() + 1e-12 { value } else { best });
    let sign = if greatest < 0.0 { -1.0 } else { 1.0 };
    vector.iter().map(|value| value * sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_are_those_of_the_matrix() {
        let (values, vectors) = eigen(vec![2.0, 1.0, 1.0, 2.0], 2);
        assert!((values[0] - 3.0).abs() < 1e-12 && (values[1] - 1.0).abs() < 1e-12);
        assert!((vectors[0] - vectors[1]).abs() < 1e-12 && (vectors[2] + vectors[3]).abs() < 1e-12);
        let n = 7;
        let matrix: Vec<f64> = (0..n * n).map(|at| (((at / n) * (at % n) * 5 + at / n + at % n) % 9) as f64).collect();
        let (values, vectors) = eigen(matrix.clone(), n);
        for (value, vector) in values.iter().zip(vectors.chunks(n)) {
            for row in 0..n {
                let product: f64 = (0..n).map(|column| matrix[row * n + column] * vector[column]).sum();
                assert!((product - value * vector[row]).abs() < 1e-9, "{product} {value}");
            }
        }
        assert!(values.is_sorted_by(|a, b| a >= b));
        assert_eq!(eigen(Vec::new(), 0), (vec![], vec![]));
        assert_eq!(eigen(vec![0.0; 4], 2).0, [0.0, 0.0]);
    }
}
