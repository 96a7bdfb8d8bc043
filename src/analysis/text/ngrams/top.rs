//! The K best of many: highest count first, ties by the smaller key.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Something with a count; the greatest is the one that comes *last* in a ranking, so that a max-heap has the worst on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Ranked<T> {
    pub(in super::super) count: u64,
    pub(in super::super) key: T,
}

impl<T: Ord> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.count.cmp(&self.count).then_with(|| self.key.cmp(&other.key))
    }
}

impl<T: Ord> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the `limit` best of what is pushed.
#[derive(Clone, Debug)]
pub(in super::super) struct Top<T: Ord> {
    limit: usize,
    heap: BinaryHeap<Ranked<T>>,
}

impl<T: Ord> Top<T> {
    pub(in super::super) fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::new() }
    }

    /// False if something of this count cannot come in: asked first, before its key is made.
    #[inline]
    pub(in super::super) fn wants(&self, count: u64) -> bool {
        self.heap.len() < self.limit || self.heap.peek().is_some_and(|worst| count >= worst.count)
    }

    pub(in super::super) fn push(&mut self, ranked: Ranked<T>) {
        if self.heap.len() < self.limit {
            self.heap.push(ranked);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && ranked < *worst
        {
            *worst = ranked;
        }
    }

    pub(in super::super) fn merge(mut self, other: Self) -> Self {
        other.heap.into_iter().for_each(|ranked| self.push(ranked));
        self
    }

    /// Best first.
    pub(in super::super) fn into_sorted(self) -> Vec<Ranked<T>> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_first_and_ties_by_key() {
        let items = [(3, "c"), (5, "z"), (3, "a"), (3, "b"), (1, "x"), (5, "y")];
        for limit in 0..=7 {
            let mut top = Top::new(limit);
            for (count, key) in items {
                if top.wants(count) {
                    top.push(Ranked { count, key });
                }
            }
            let found: Vec<&str> = top.into_sorted().into_iter().map(|ranked| ranked.key).collect();
            assert_eq!(found, ["y", "z", "a", "b", "c", "x"][..limit.min(6)], "the best {limit}");
        }
    }
}
