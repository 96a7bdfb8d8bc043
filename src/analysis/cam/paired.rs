//! Models compared over the same pictures: distributions, and a test on the pairs.

use serde::Serialize;

/// A distribution of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Distribution {
    /// How many.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Least.
    pub min: f64,
    /// 5 % are below.
    pub p05: f64,
    /// A quarter is below.
    pub p25: f64,
    /// Half is below.
    pub median: f64,
    /// Three quarters are below.
    pub p75: f64,
    /// 95 % are below.
    pub p95: f64,
    /// Greatest.
    pub max: f64,
}

impl Distribution {
    /// The distribution of finite numbers; `None` where there are none. Quantiles lie linearly between neighbours, as
    /// `numpy.quantile` has them.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |share: f64| {
            let place = share * last as f64;
            let below = place as usize;
            let above = sorted[(below + 1).min(last)];
            sorted[below] + (above - sorted[below]) * (place - below as f64)
        };
        Some(Self {
            n: sorted.len(),
            mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
            min: sorted[0],
            p05: at(0.05),
            p25: at(0.25),
            median: at(0.5),
            p75: at(0.75),
            p95: at(0.95),
            max: sorted[last],
        })
    }
}

/// Wilcoxon's signed-rank test on the differences `a - b` of pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SignedRank {
    /// Pairs whose numbers differ; the others are left out.
    pub n: usize,
    /// Pairs in which a is the smaller.
    pub smaller: usize,
    /// Median of all differences.
    pub median_difference: f64,
    /// Sum of the ranks of positive differences less that of negative ones, over the sum of all: -1 where a is always the
    /// smaller, 1 where it never is.
    pub effect: f64,
    /// The statistic in standard deviations under the hypothesis that signs are chance.
    pub z: f64,
    /// Two-sided, by the normal approximation with the correction for ties and none for continuity: what
    /// `scipy.stats.wilcoxon(method="asymptotic")` gives. Coarse below about 10 pairs.
    pub p: f64,
}

/// Tests whether one of two models is the smaller on the same pictures; `None` without pairs. Pairs that are not finite
/// are left out.
#[must_use]
pub fn signed_rank(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<SignedRank> {
    let mut differences: Vec<f64> =
        pairs.into_iter().map(|(a, b)| a - b).filter(|difference| difference.is_finite()).collect();
    let median_difference = Distribution::of(differences.iter().copied())?.median;
    differences.retain(|&difference| difference != 0.0);
    differences.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let n = differences.len();
    let none = SignedRank { n, smaller: 0, median_difference, effect: 0.0, z: 0.0, p: 1.0 };
    if n == 0 {
        return Some(none);
    }
    let (mut positive, mut ties, mut at) = (0.0, 0.0, 0);
    while at < n {
        let same = differences[at..].iter().take_while(|other| other.abs() == differences[at].abs()).count();
        // Equal ones share the mean of their ranks, which count from 1.
        let rank = at as f64 + f64::midpoint(same as f64, 1.0);
        positive += rank * differences[at..at + same].iter().filter(|&&difference| difference > 0.0).count() as f64;
        ties += (same as f64).powi(3) - same as f64;
        at += same;
    }
    let count = n as f64;
    let all = count * (count + 1.0) / 2.0;
    let deviation = (count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - ties / 48.0).sqrt();
    let z = (positive - all / 2.0) / deviation;
    let smaller = differences.iter().filter(|&&difference| difference < 0.0).count();
    let p = libm::erfc(z.abs() / std::f64::consts::SQRT_2);
    Some(SignedRank { smaller, effect: 2.0 * positive / all - 1.0, z, p, ..none })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        let got = Distribution::of([3.0, 1.0, 4.0, f64::NAN, 1.0, 5.0, 9.0, 2.0, 6.0]).unwrap();
        // np.quantile([3, 1, 4, 1, 5, 9, 2, 6], [0, .05, .25, .5, .75, .95, 1])
        let all = [got.min, got.p05, got.p25, got.median, got.p75, got.p95, got.max, got.mean];
        let expect = [1.0, 1.0, 1.75, 3.5, 5.25, 7.95, 9.0, 31.0 / 8.0];
        assert!(all.iter().zip(expect).all(|(a, b)| (a - b).abs() < 1e-12), "{all:?}");
        assert_eq!((got.n, Distribution::of([f64::NAN])), (8, None));
    }

    #[test]
    #[expect(clippy::approx_constant, reason = "3.14 is a measurement of the example in scipy's documentation")]
    fn the_test_on_pairs_is_scipys() {
        let check = |pairs: &[(f64, f64)], n, smaller, z: Option<f64>, p: f64| {
            let got = signed_rank(pairs.iter().copied()).unwrap();
            assert_eq!((got.n, got.smaller), (n, smaller), "{got:?}");
            assert!((got.p - p).abs() < 1e-12 && z.is_none_or(|z| (got.z - z).abs() < 1e-12), "{got:?}");
        };
        let of = |differences: &[f64]| differences.iter().map(|&d| (d, 0.0)).collect::<Vec<_>>();
        let a = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
        let b = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
        let pairs: Vec<_> = a.into_iter().zip(b).collect();
        check(&pairs, 9, 2, None, 0.038_151_710_173_415_135);
        // Ties and zeros.
        let tied = [1.0, 1.0, 2.0, -1.0, 0.0, 3.0, -2.0, 2.0, 4.0, 0.0, 5.0, -1.0];
        check(&of(&tied), 10, 3, None, 0.089_632_994_267_889);
        check(&of(&[-3.0, -1.0, -2.0, -5.0, -4.0]), 5, 5, Some(-2.022_599_587_389_726_2), 0.043_114_446_783_075_355);
        check(&of(&[0.0, 0.0]), 0, 0, Some(0.0), 1.0);
        check(&[(1.0, f64::NAN), (2.0, 1.0)], 1, 0, Some(1.0), 0.317_310_507_862_914);
        assert_eq!(signed_rank([]), None);
        // Turned round, everything is turned round; a shifted pairing is another result.
        let turned = signed_rank(pairs.iter().map(|&(a, b)| (b, a))).unwrap();
        let got = signed_rank(pairs.iter().copied()).unwrap();
        assert!((turned.z + got.z).abs() < 1e-12 && (turned.effect + got.effect).abs() < 1e-12);
        let shifted = signed_rank(a.into_iter().zip(b.into_iter().cycle().skip(1))).unwrap();
        assert!((shifted.p - got.p).abs() > 1e-3);
    }
}
