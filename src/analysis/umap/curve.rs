//! The curve 1 / (1 + a d^(2b)) of nearness in the plane, fitted to `min_dist` and `spread`.

/// Fits a and b by least squares on 300 distances in [0, 3 `spread`] to 1 below `min_dist` and
/// exp(-(d - `min_dist`) / `spread`) beyond. Matches `find_ab_params` of umap-learn; by Levenberg and Marquardt.
#[must_use]
pub fn fit(min_dist: f64, spread: f64) -> (f64, f64) {
    const POINTS: usize = 300;
    let points: Vec<(f64, f64)> = (0..POINTS)
        .map(|at| {
            let d = 3.0 * spread * at as f64 / (POINTS - 1) as f64;
            (d, if d < min_dist { 1.0 } else { (-(d - min_dist) / spread).exp() })
        })
        .collect();
    let cost =
        |a: f64, b: f64| -> f64 { points.iter().map(|&(d, y)| (1.0 / (1.0 + a * d.powf(2.0 * b)) - y).powi(2)).sum() };
    let (mut a, mut b) = (1.0f64, 1.0f64);
    let mut best = cost(a, b);
    let mut damping = 1e-3;
    for _ in 0..500 {
        // Normal equations of the residuals' derivatives.
        let (mut aa, mut ab, mut bb, mut ga, mut gb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(d, y) in &points {
            if d == 0.0 {
                continue;
            }
            let power = d.powf(2.0 * b);
            let value = 1.0 / (1.0 + a * power);
            let (da, db) = (-power * value * value, -a * power * 2.0 * d.ln() * value * value);
            let off = value - y;
            aa += da * da;
            ab += da * db;
            bb += db * db;
            ga += da * off;
            gb += db * off;
        }
        let (daa, dbb) = (aa * (1.0 + damping), bb * (1.0 + damping));
        let determinant = daa * dbb - ab * ab;
        if determinant.abs() < 1e-300 {
            break;
        }
        let (next_a, next_b) = (a - (dbb * ga - ab * gb) / determinant, b - (daa * gb - ab * ga) / determinant);
        let next = cost(next_a, next_b);
        if next.is_finite() && next < best && next_a > 0.0 && next_b > 0.0 {
            let gain = best - next;
            (a, b, best) = (next_a, next_b, next);
            damping = (damping * 0.3).max(1e-12);
            if gain < 1e-16 {
                break;
            }
        } else {
            damping *= 4.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_are_those_of_umap_learn() {
        // umap.umap_.find_ab_params(spread, min_dist) of umap-learn 0.5.12.
        let table = [
            (0.1, 1.0, 1.576_943_46, 0.895_060_88),
            (0.0, 1.0, 1.932_808_40, 0.790_494_97),
            (0.5, 1.0, 0.583_030_02, 1.334_166_99),
            (0.99, 1.0, 0.119_305_30, 1.916_390_42),
            (0.25, 2.0, 0.416_273_50, 0.921_855_13),
            (0.001, 0.5, 5.776_298_98, 0.792_515_31),
        ];
        for (min_dist, spread, a, b) in table {
            let got = fit(min_dist, spread);
            assert!((got.0 - a).abs() < 1e-4 * a && (got.1 - b).abs() < 1e-4 * b, "{min_dist} {spread}: {got:?}");
        }
    }
}
