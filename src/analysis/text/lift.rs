//! What marks one side against another.
//!
//! **Lift**: for anything counted in A against B (or in a selection against the rest): count, rate, smoothed log-odds with its z-score
//! (informative Dirichlet prior, Monroe, Colaresi and Quinn 2008, *Fightin' Words*, equations 16, 20 and 22), so that the words that mark
//! one side come first, not the rare ones.
//!
//! With `y` the counts of an item, `n` the sums over all items, and the prior `a = strength * (y_A + y_B) / (n_A + n_B)`:
//!
//! ```text
//! log_odds = ln((y_A + a) / (n_A + strength - y_A - a)) - ln((y_B + a) / (n_B + strength - y_B - a))
//! z        = log_odds / sqrt(1 / (y_A + a) + 1 / (y_B + a))
//! ```

use serde::{Deserialize, Serialize};

use super::ngrams::{Counts, GramCount};

/// Weight of the prior, in occurrences: each side is smoothed as if so many more had been seen, distributed as in both together.
pub const STRENGTH: f64 = 1000.0;

/// One item on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lift<T> {
    /// What was counted.
    pub item: T,
    /// Occurrences in A and in B.
    pub counts: [u64; 2],
    /// Occurrences over the sum of all, `0.0..=1.0`, in A and in B.
    pub rates: [f64; 2],
    /// Smoothed log-odds ratio, natural logarithm; above 0 where the item marks A.
    pub log_odds: f64,
    /// The log-odds over its standard deviation.
    pub z: f64,
}

/// The lift of every item that is on a side at all: those that mark A most come first, those that mark B most last; ties in the
/// order of the items. `totals` are the sums over all items of each side, those not given included.
pub fn lift<T: Ord>(items: impl IntoIterator<Item = (T, [u64; 2])>, totals: [u64; 2], strength: f64) -> Vec<Lift<T>> {
    let mut lifts: Vec<Lift<T>> = items
        .into_iter()
        .filter(|(_, counts)| counts.iter().any(|&count| count > 0))
        .map(|(item, counts)| lift_one(item, counts, totals, strength))
        .collect();
    lifts.sort_by(|a, b| b.z.total_cmp(&a.z).then_with(|| a.item.cmp(&b.item)));
    lifts
}

fn lift_one<T>(item: T, counts: [u64; 2], totals: [u64; 2], strength: f64) -> Lift<T> {
    let (y, n) = (counts.map(|count| count as f64), totals.map(|total| total as f64));
    let rate = |side: usize| if totals[side] == 0 { 0.0 } else { y[side] / n[side] };
    let prior = strength * (y[0] + y[1]) / (n[0] + n[1]);
    // Nothing else on a side (and no prior for it) would divide by zero.
    let odds = |side: usize| (y[side] + prior) / (n[side] + strength - y[side] - prior).max(f64::MIN_POSITIVE);
    // An item that is everything on both sides has no odds to compare.
    let is_all = counts[0] >= totals[0] && counts[1] >= totals[1];
    let log_odds = if is_all { 0.0 } else { odds(0).ln() - odds(1).ln() };
    let z = log_odds / (1.0 / (y[0] + prior) + 1.0 / (y[1] + prior)).sqrt();
    Lift { item, counts, rates: [rate(0), rate(1)], log_odds, z }
}

/// The n-grams that mark each side most, the strongest first, `limit` for each side at most, ties alphabetical. The counts must have been
/// made of two sides and with their table; only n-grams that mark the side (`z` above or below 0) are given.
#[must_use]
pub fn marks(counts: &Counts, n: usize, limit: usize, strength: f64) -> [Vec<Lift<String>>; 2] {
    let Some(order) = counts.orders.iter().find(|order| order.n == n) else { return Default::default() };
    let totals = [order.sides[0].total, order.sides[1].total];
    let lifts: Vec<Lift<&GramCount>> =
        order.table.iter().map(|gram| lift_one(gram, gram.counts, totals, strength)).collect();
    [1.0, -1.0].map(|sign| {
        let mut scores: Vec<f64> = lifts.iter().map(|lift| sign * lift.z).filter(|&z| z > 0.0).collect();
        if limit == 0 || scores.is_empty() {
            return Vec::new();
        }
        // Texts are made only of those that can be among the first: the table may hold millions.
        let last = limit.min(scores.len()) - 1;
        let (_, &mut least, _) = scores.select_nth_unstable_by(last, |a, b| b.total_cmp(a));
        let mut first: Vec<Lift<String>> = lifts
            .iter()
            .filter(|lift| sign * lift.z >= least)
            .map(|lift| Lift {
                item: counts.text(lift.item),
                counts: lift.counts,
                rates: lift.rates,
                log_odds: lift.log_odds,
                z: lift.z,
            })
            .collect();
        first.sort_by(|a, b| (sign * b.z).total_cmp(&(sign * a.z)).then_with(|| a.item.cmp(&b.item)));
        first.truncate(limit);
        first
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_formula() {
        // By hand: n = (100, 200), strength 30; item (10, 5): a = 1.5, odds (11.5 / 118.5, 6.5 / 223.5).
        let lifts = lift([("x", [10, 5])], [100, 200], 30.0);
        let expect = (11.5_f64 / 118.5).ln() - (6.5_f64 / 223.5).ln();
        assert!((lifts[0].log_odds - expect).abs() < 1e-12);
        assert!((lifts[0].z - expect / (1.0 / 11.5 + 1.0 / 6.5_f64).sqrt()).abs() < 1e-12);
        assert_eq!(lifts[0].rates, [0.1, 0.025]);
    }

    #[test]
    fn marks_come_first_and_rare_ones_do_not() {
        let items =
            [("rare", [1, 0]), ("mark", [500, 100]), ("same", [400, 400]), ("none", [0, 0]), ("theirs", [100, 500])];
        let order: Vec<&str> = lift(items, [10_000, 10_000], STRENGTH).into_iter().map(|lift| lift.item).collect();
        assert_eq!(order, ["mark", "rare", "same", "theirs"]);
        assert!(lift([("same", [5, 5])], [50, 50], STRENGTH)[0].z.abs() < 1e-12);
    }

    #[test]
    fn words_that_mark_a_side() {
        use super::super::ngrams::{MemoryStore, Options, Partial, count};
        let a = Partial::of(["red red red dress", "the dress", "the red b", "the"]);
        let b = Partial::of(["blue shoe", "the blue shoe", "the a", "the"]);
        let options = Options { min_count: 1, table: true, ..Options::default() };
        let counts =
            count(a, Some(b), &options, &MemoryStore::default(), &crate::base::CancelToken::default()).unwrap();
        let texts = |side: &[Lift<String>]| side.iter().map(|lift| lift.item.clone()).collect::<Vec<_>>().join(" ");
        let [in_a, in_b] = marks(&counts, 1, 3, 10.0);
        assert_eq!(texts(&in_a), "red dress b");
        assert_eq!(texts(&in_b), "blue shoe a", "ties are alphabetical");
        assert_eq!(in_a[0].counts, [4, 0]);
        assert!(in_a[0].z > 0.0 && in_b[0].z < 0.0);
        assert_eq!(marks(&counts, 9, 3, 10.0), [vec![], vec![]]);
    }

    #[test]
    fn edges_stay_finite() {
        for (items, totals, strength) in
            [([5, 0], [5, 0], STRENGTH), ([5, 5], [5, 5], STRENGTH), ([0, 3], [0, 3], 0.0), ([3, 4], [3, 10], 0.0)]
        {
            let found = lift([("x", items)], totals, strength);
            assert!(found[0].rates.iter().all(|rate| rate.is_finite()), "{found:?}");
            assert!(!found[0].z.is_nan(), "{items:?} {totals:?}: {found:?}");
        }
        assert!(lift::<&str>([], [0, 0], STRENGTH).is_empty());
    }
}
