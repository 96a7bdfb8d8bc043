//! Leaves of a taxonomy, or brands: how often each occurs (the LGS paper's Figure Supp-1).
//!
//! **Leaf histogram**: count and share of each leaf, cumulative share, top 80 by default; the same for any level of the taxonomy and for brand.
//! Shares are of the samples that have a label; those without are counted apart. Ties are alphabetical.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Stands for "no label" in a column of ids.
pub const NONE: u32 = u32::MAX;

/// Counts of labels by name, so that partials of datasets with other ids merge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafPartial {
    counts: BTreeMap<String, u64>,
    none: u64,
}

impl LeafPartial {
    /// Counts a column of ids (row -> id, [`NONE`] where there is none) by `names` (id -> name). Ids without a name count as none; two ids of
    /// the same name are one label.
    #[must_use]
    pub fn of<S: AsRef<str>>(ids: impl IntoIterator<Item = u32>, names: &[S]) -> Self {
        let mut by_id = vec![0_u64; names.len()];
        let mut partial = Self::default();
        for id in ids {
            match by_id.get_mut(id as usize) {
                Some(count) => *count += 1,
                None => partial.none += 1,
            }
        }
        for (name, count) in names.iter().zip(by_id).filter(|(_, count)| *count > 0) {
            *partial.counts.entry(name.as_ref().to_owned()).or_default() += count;
        }
        partial
    }

    /// Adds another partial: associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        self.none += other.none;
        for (name, count) in &other.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
    }

    /// Label -> number of samples.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// The histogram, its `top` first labels listed.
    #[must_use]
    pub fn stats(&self, top: usize) -> LeafStats {
        let labelled: u64 = self.counts.values().sum();
        let mut ranked: Vec<(&String, u64)> = self.counts.iter().map(|(name, &count)| (name, count)).collect();
        // Stable, and the map is in alphabetical order.
        ranked.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let mut sum = 0;
        let share = |count: u64| count as f64 / labelled as f64;
        let top = ranked
            .into_iter()
            .take(top)
            .map(|(leaf, count)| {
                sum += count;
                LeafCount { leaf: leaf.clone(), count, share: share(count), cumulative: share(sum) }
            })
            .collect();
        LeafStats { distinct: self.counts.len() as u64, labelled, none: self.none, top }
    }
}

/// Statistics of labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeafStats {
    /// Distinct labels.
    pub distinct: u64,
    /// Samples with a label.
    pub labelled: u64,
    /// Samples without.
    pub none: u64,
    /// The most frequent labels.
    pub top: Vec<LeafCount>,
}

/// One label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeafCount {
    /// Its name.
    pub leaf: String,
    /// Samples that have it.
    pub count: u64,
    /// Their share of the samples with a label, `0.0..=1.0`.
    pub share: f64,
    /// Share of this label and all before it.
    pub cumulative: f64,
}

/// For each node of a taxonomy its ancestor at `level` (0 is a root); a node that is not that deep is its own. `parents[node]` is the
/// node above, [`NONE`] for a root. With it a column of leaves becomes a column of any level.
#[must_use]
pub fn ancestors(parents: &[u32], level: usize) -> Vec<u32> {
    let mut path = Vec::new();
    (0..parents.len() as u32)
        .map(|node| {
            path.clear();
            let mut at = node;
            // A damaged taxonomy may have a circle: no path is longer than the number of nodes.
            while (at as usize) < parents.len() && path.len() <= parents.len() {
                path.push(at);
                at = parents[at as usize];
            }
            path.iter().rev().nth(level).copied().unwrap_or(node)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_shares_and_ties() {
        let names = ["tops", "shoes", "unused", "bags", "tops"];
        let partial = LeafPartial::of([0, 0, 4, 1, 3, NONE, 77], &names);
        let stats = partial.stats(2);
        assert_eq!((stats.distinct, stats.labelled, stats.none), (3, 5, 2));
        let leaf = |leaf: &str, count, share, cumulative| LeafCount { leaf: leaf.into(), count, share, cumulative };
        assert_eq!(stats.top, [leaf("tops", 3, 0.6, 0.6), leaf("bags", 1, 0.2, 0.8)]);
        assert_eq!(LeafPartial::default().stats(80).top, []);
    }

    #[test]
    fn merging_is_by_name() {
        let (a, b) = (LeafPartial::of([0, 1], &["x", "y"]), LeafPartial::of([0, 0, NONE], &["y"]));
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        assert_eq!(ab, ba);
        assert_eq!(ab.counts(), &BTreeMap::from([("x".to_owned(), 1), ("y".to_owned(), 3)]));
    }

    #[test]
    fn levels_go_up_from_the_leaf() {
        // 0 <- 1 <- 2, 0 <- 3; 4 is a root; 5 and 6 are a circle.
        let parents = [NONE, 0, 1, 0, NONE, 6, 5];
        assert_eq!(ancestors(&parents, 0)[..5], [0, 0, 0, 0, 4]);
        assert_eq!(ancestors(&parents, 1)[..5], [0, 1, 1, 3, 4]);
        assert_eq!(ancestors(&parents, 2)[..5], [0, 1, 2, 3, 4]);
        assert_eq!(ancestors(&parents, 0).len(), 7);
    }
}
