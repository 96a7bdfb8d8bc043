//! Facets: how the samples of a set spread over datasets, taxonomy, leaves, brands, lengths, sizes and flags.
//!
//! One pass over the set counts everything; the population is cut into blocks of 65,536 samples (a
//! container of the bitmap), which all cores share out.

use rayon::prelude::*;
use roaring::RoaringBitmap;

use crate::catalog::{Columns, NONE, flags};

/// Bins of [`Facets::words`] and [`Facets::sizes`].
pub const BINS: usize = 128;

/// The bin of a number: 0 to 7 have their own, above that every octave has four (8, 10, 12, 14, 16, 20, ..),
/// so that bins are never wider than a quarter of where they start.
#[must_use]
pub const fn bin(value: u32) -> usize {
    if value < 4 {
        return value as usize;
    }
    let octave = value.ilog2();
    (4 * (octave - 1) + ((value >> (octave - 2)) & 3)) as usize
}

/// The smallest number of a [`bin`]; the bin is `bin_start(i)..bin_start(i + 1)`.
#[must_use]
pub const fn bin_start(bin: usize) -> u64 {
    if bin < 4 {
        return bin as u64;
    }
    let octave = bin / 4 + 1;
    (4 + (bin % 4) as u64) << (octave - 2)
}

/// Counts over a set of samples. Vectors are indexed like the dictionaries of [`Columns`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// Samples in the set.
    pub total: u64,
    /// By dataset.
    pub datasets: Vec<u32>,
    /// By taxonomy node: samples whose path ends there or below.
    pub nodes: Vec<u32>,
    /// Samples without a taxonomy.
    pub no_node: u32,
    /// By leaf.
    pub leaves: Vec<u32>,
    /// Samples without a leaf.
    pub no_leaf: u32,
    /// By brand.
    pub brands: Vec<u32>,
    /// Samples without a brand.
    pub no_brand: u32,
    /// By [`bin`] of the words of the text; length [`BINS`].
    pub words: Vec<u32>,
    /// By [`bin`] of the longer side in pixels; length [`BINS`]; samples of unknown size are in bin 0.
    pub sizes: Vec<u32>,
    /// By bit of [`flags`]: `flags[i]` counts samples with bit `1 << i`.
    pub flags: Vec<u32>,
}

const BLOCK: u32 = 1 << 16;

impl Facets {
    /// Counts `samples`; those beyond the population are ignored.
    #[must_use]
    pub fn count(columns: &Columns, samples: &RoaringBitmap) -> Self {
        let n = columns.len();
        let blocks = n.div_ceil(BLOCK);
        let counted = (0..blocks)
            .into_par_iter()
            .fold(
                || Self::zero(columns),
                |mut counts, block| {
                    let start = block * BLOCK;
                    counts.add(columns, samples, start, start.saturating_add(BLOCK).min(n));
                    counts
                },
            )
            .reduce_with(|a, b| a.merge(&b));
        let mut facets = counted.unwrap_or_else(|| Self::zero(columns));
        facets.nodes = columns.taxonomy.roll_up(&facets.nodes);
        facets.datasets =
            columns.datasets.iter().map(|dataset| samples.range_cardinality(dataset.range.clone()) as u32).collect();
        facets
    }

    fn zero(columns: &Columns) -> Self {
        Self {
            nodes: vec![0; columns.taxonomy.len()],
            leaves: vec![0; columns.leaves.len()],
            brands: vec![0; columns.brands.len()],
            words: vec![0; BINS],
            sizes: vec![0; BINS],
            flags: vec![0; flags::COUNT],
            ..Self::default()
        }
    }

    /// Counts the samples of `start..end`; nodes directly, not rolled up.
    fn add(&mut self, columns: &Columns, samples: &RoaringBitmap, start: u32, end: u32) {
        let in_block = samples.range_cardinality(start..end);
        if in_block == 0 {
            return;
        }
        self.total += in_block;
        // Ids of one block at a time, column after column: the bitmap is walked once, and each inner loop
        // touches one column and one table.
        let ids: Vec<u32> = if in_block == u64::from(end - start) {
            (start..end).collect()
        } else {
            // Not `next_many`: in roaring 0.12 it passes over runs of 65,536.
            samples.range(start..end).collect()
        };
        let by_id = |column: &[u32], counts: &mut [u32]| {
            let mut none = 0;
            for &id in &ids {
                match counts.get_mut(column[id as usize] as usize) {
                    Some(count) => *count += 1,
                    None => none += 1,
                }
            }
            none
        };
        self.no_node += by_id(&columns.node, &mut self.nodes);
        self.no_leaf += by_id(&columns.leaf, &mut self.leaves);
        self.no_brand += by_id(&columns.brand, &mut self.brands);
        let mut flags = [0_u32; flags::COUNT];
        for row in ids.iter().map(|&id| id as usize) {
            self.words[bin(u32::from(columns.words[row]))] += 1;
            self.sizes[bin(columns.width[row].max(columns.height[row]))] += 1;
            let bits = columns.flags[row];
            for (at, count) in flags.iter_mut().enumerate() {
                *count += u32::from(bits >> at & 1);
            }
        }
        add_all(&mut self.flags, &flags);
    }

    fn merge(mut self, other: &Self) -> Self {
        self.total += other.total;
        self.no_node += other.no_node;
        self.no_leaf += other.no_leaf;
        self.no_brand += other.no_brand;
        for (mine, theirs) in [
            (&mut self.nodes, &other.nodes),
            (&mut self.leaves, &other.leaves),
            (&mut self.brands, &other.brands),
            (&mut self.words, &other.words),
            (&mut self.sizes, &other.sizes),
            (&mut self.flags, &other.flags),
        ] {
            add_all(mine, theirs);
        }
        self
    }
}

fn add_all(sums: &mut [u32], counts: &[u32]) {
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}

/// The number of leaves, brands and so on that occur.
#[must_use]
pub fn distinct(counts: &[u32]) -> usize {
    counts.iter().filter(|&&count| count > 0).count()
}

const _: () = assert!(NONE == u32::MAX, "an id that no table has: `get_mut` finds nothing");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_contiguous_and_hold_what_they_say() {
        for value in (0..5000).chain([65_535, 1 << 20, u32::MAX - 1, u32::MAX]) {
            let at = bin(value);
            assert!(at < BINS, "{value}");
            assert!(bin_start(at) <= u64::from(value) && u64::from(value) < bin_start(at + 1), "{value} in bin {at}");
        }
        let starts: Vec<u64> = (0..16).map(bin_start).collect();
        assert_eq!(starts, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28]);
    }

    /// A population over several blocks, from a fixed seed.
    fn population(n: u32) -> Columns {
        let mut state = 1_u64;
        let mut next = |below: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % u64::from(below)) as u32
        };
        let names = |n: u32| (0..n).map(|i| format!("{i:02}").into()).collect::<Vec<std::sync::Arc<str>>>();
        let nodes: Vec<_> =
            (0..30).map(|i: u32| (if i < 5 { NONE } else { i / 5 }, format!("{i}").into(), 1)).collect();
        let mut columns = Columns { leaves: names(20), brands: names(10), ..Columns::default() };
        columns.taxonomy = crate::catalog::Taxonomy::build(&nodes).0;
        for _ in 0..n {
            // One value beyond the table stands for "none".
            let mut id = |n: u32| Some(next(n + 1)).filter(|&id| id < n).unwrap_or(NONE);
            columns.leaf.push(id(20));
            columns.brand.push(id(10));
            columns.node.push(id(30));
            columns.words.push(next(300) as u16);
            columns.width.push(next(2000));
            columns.height.push(next(2000));
            columns.flags.push(next(1 << flags::COUNT) as u16);
        }
        columns
    }

    #[test]
    fn counts_are_those_of_a_count_by_hand() {
        let columns = population(150_000);
        for step in [1, 2, 7, 1000, 149_999] {
            let mut samples: RoaringBitmap = (0..columns.len() + 5).step_by(step).collect();
            // As the window asks for all: runs of whole containers, which are another kind of set.
            samples.optimize();
            let facets = Facets::count(&columns, &samples);
            let rows: Vec<usize> = (0..columns.flags.len()).step_by(step).collect();
            assert_eq!(facets.total, rows.len() as u64);
            let by_hand = |test: &dyn Fn(usize) -> bool| rows.iter().filter(|&&row| test(row)).count() as u32;
            for (id, &count) in (0..).zip(&facets.leaves) {
                assert_eq!(count, by_hand(&|row| columns.leaf[row] == id));
            }
            for (id, &count) in (0..).zip(&facets.brands) {
                assert_eq!(count, by_hand(&|row| columns.brand[row] == id));
            }
            for (id, &count) in (0..).zip(&facets.nodes) {
                let under = id..columns.taxonomy.nodes[id as usize].end;
                assert_eq!(count, by_hand(&|row| under.contains(&columns.node[row])));
            }
            assert_eq!(facets.no_leaf, by_hand(&|row| columns.leaf[row] == NONE));
            assert_eq!(facets.no_brand, by_hand(&|row| columns.brand[row] == NONE));
            assert_eq!(facets.no_node, by_hand(&|row| columns.node[row] == NONE));
            for (at, &count) in facets.words.iter().enumerate() {
                let held = bin_start(at)..bin_start(at + 1);
                assert_eq!(count, by_hand(&|row| held.contains(&u64::from(columns.words[row]))));
            }
            for (at, &count) in facets.flags.iter().enumerate() {
                assert_eq!(count, by_hand(&|row| columns.flags[row] >> at & 1 == 1));
            }
            assert_eq!(facets.sizes.iter().sum::<u32>(), rows.len() as u32);
        }
    }
}
