//! The shape of a vocabulary.
//!
//! **Vocabulary shape**: Zipf rank-frequency, type-token growth (Heaps), the share of the n-grams of A that B also has.
//!
//! All but the share follow from the spectrum of a vocabulary: how many words have each count
//! ([`Counts::spectra`](super::ngrams::Counts)). The growth is the *expected* one, of tokens taken at random: it needs no order of the captions, so it
//! is the same however shards were merged. Of `N` tokens of which `V_f` words were seen `f` times each, a random share `p` holds
//! `sum over f of V_f (1 - (1 - p)^f)` distinct words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ngrams::Side;

/// A point of the rank-frequency curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankPoint {
    /// Rank, from 1: the number of words that are as frequent or more frequent.
    pub rank: u64,
    /// Occurrences of the word of that rank.
    pub count: u64,
}

/// A power law `y = scale * x^exponent`, fitted by least squares to the logarithms of points evenly spread in them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PowerLaw {
    /// Exponent: about -1 for Zipf's law, 0.4 to 0.7 for Heaps' law.
    pub exponent: f64,
    /// Factor.
    pub scale: f64,
}

/// Zipf's rank-frequency curve: one point for each distinct count at the last rank that has it, and the points between them
/// that `per_decade` points in each factor of ten ask for.
#[must_use]
pub fn rank_frequency(spectrum: &BTreeMap<u64, u64>, per_decade: u32) -> Vec<RankPoint> {
    let words: u64 = spectrum.values().sum();
    let mut points = Vec::new();
    let mut by_count = spectrum.iter().rev();
    // Ranks up to and including the words with the current count.
    let mut reached = 0;
    let mut count = 0;
    for rank in spread(words, per_decade) {
        while reached < rank {
            let Some((&next, &n)) = by_count.next() else { return points };
            count = next;
            reached += n;
        }
        points.push(RankPoint { rank, count });
    }
    points
}

/// Zipf's law fitted to a rank-frequency curve; `None` for fewer than three points.
#[must_use]
pub fn zipf(points: &[RankPoint]) -> Option<PowerLaw> {
    fit(points.iter().map(|point| (point.rank as f64, point.count as f64)))
}

/// A point of the type-token curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrowthPoint {
    /// Tokens taken at random.
    pub tokens: u64,
    /// Distinct words expected among them.
    pub distinct: f64,
}

/// The type-token growth, at `per_decade` points in each factor of ten up to all tokens.
#[must_use]
pub fn growth(spectrum: &BTreeMap<u64, u64>, per_decade: u32) -> Vec<GrowthPoint> {
    let tokens: u64 = spectrum.iter().map(|(&count, &words)| count * words).sum();
    spread(tokens, per_decade)
        .into_iter()
        .map(|taken| {
            let share = taken as f64 / tokens as f64;
            // ln(1 - p) once, with care for small shares; then (1 - p)^f is one exponential per count.
            let log_left = libm::log1p(-share);
            let expected = |(&count, &words): (&u64, &u64)| -libm::expm1(count as f64 * log_left) * words as f64;
            let distinct = if taken == tokens {
                spectrum.values().sum::<u64>() as f64
            } else {
                spectrum.iter().map(expected).sum()
            };
            GrowthPoint { tokens: taken, distinct }
        })
        .collect()
}

/// Heaps' law fitted to a type-token curve; `None` for fewer than three points.
#[must_use]
pub fn heaps(points: &[GrowthPoint]) -> Option<PowerLaw> {
    fit(points.iter().map(|point| (point.tokens as f64, point.distinct)))
}

/// The share of the n-grams of one side that the other has too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// Share of the distinct n-grams with `min_count` or more, `0.0..=1.0`.
    pub types: f64,
    /// The same, each counted as often as it occurs.
    pub tokens: f64,
}

/// The overlap of a side that was counted beside another; `None` if it has no n-gram with `min_count` or more.
#[must_use]
pub fn overlap(side: &Side) -> Option<Overlap> {
    (side.at_least_min > 0).then(|| Overlap {
        types: side.shared as f64 / side.at_least_min as f64,
        tokens: side.shared_total as f64 / side.at_least_min_total as f64,
    })
}

/// Whole numbers from 1 to `last`, evenly spread in their logarithms.
fn spread(last: u64, per_decade: u32) -> Vec<u64> {
    let step = 1.0 / f64::from(per_decade.max(1));
    let mut points: Vec<u64> = (0..20 * per_decade.max(1))
        .map(|i| 10_f64.powf(f64::from(i) * step).round() as u64)
        .take_while(|&point| point < last)
        .collect();
    points.dedup();
    if last > 0 {
        points.push(last);
    }
    points
}

fn fit(points: impl Iterator<Item = (f64, f64)>) -> Option<PowerLaw> {
    let logs: Vec<(f64, f64)> = points.map(|(x, y)| (x.ln(), y.ln())).collect();
    if logs.len() < 3 {
        return None;
    }
    let n = logs.len() as f64;
    let (mean_x, mean_y) = (logs.iter().map(|p| p.0).sum::<f64>() / n, logs.iter().map(|p| p.1).sum::<f64>() / n);
    let (mut xx, mut xy) = (0.0, 0.0);
    for (x, y) in logs {
        xx += (x - mean_x) * (x - mean_x);
        xy += (x - mean_x) * (y - mean_y);
    }
    let exponent = xy / xx;
    Some(PowerLaw { exponent, scale: (mean_y - exponent * mean_x).exp() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_the_counts() {
        // Counts 7, 3, 3, 1, 1, 1.
        let spectrum = BTreeMap::from([(7, 1), (3, 2), (1, 3)]);
        let points: Vec<(u64, u64)> = rank_frequency(&spectrum, 100).into_iter().map(|p| (p.rank, p.count)).collect();
        assert_eq!(points, [(1, 7), (2, 3), (3, 3), (4, 1), (5, 1), (6, 1)]);
        assert_eq!(rank_frequency(&BTreeMap::new(), 10), []);
    }

    #[test]
    fn zipf_and_heaps_are_found_where_they_hold() {
        let mut spectrum = BTreeMap::new();
        (1..=100_000_u64).for_each(|rank| *spectrum.entry(10_000_000 / rank).or_default() += 1);
        let law = zipf(&rank_frequency(&spectrum, 10)).unwrap();
        assert!((law.exponent + 1.0).abs() < 0.01, "{law:?}");
        let law = heaps(&growth(&spectrum, 10)).unwrap();
        assert!((0.4..1.0).contains(&law.exponent), "{law:?}");
        assert_eq!(zipf(&[]), None);
    }

    #[test]
    fn growth_ends_at_all_words() {
        let spectrum = BTreeMap::from([(2, 2), (1, 1)]);
        let points = growth(&spectrum, 50);
        assert_eq!(points.last(), Some(&GrowthPoint { tokens: 5, distinct: 3.0 }));
        // One token of five: 2 (1 - 0.8^2) + (1 - 0.8) by the formula.
        assert!((points[0].distinct - (2.0 * 0.36 + 0.2)).abs() < 1e-12, "{points:?}");
        assert!(points.windows(2).all(|pair| pair[0].distinct < pair[1].distinct));
        assert_eq!(growth(&BTreeMap::new(), 10), []);
    }

    #[test]
    fn overlap_is_a_share() {
        let side = Side { at_least_min: 4, at_least_min_total: 100, shared: 1, shared_total: 70, ..Side::default() };
        assert_eq!(overlap(&side), Some(Overlap { types: 0.25, tokens: 0.7 }));
        assert_eq!(overlap(&Side::default()), None);
    }
}
