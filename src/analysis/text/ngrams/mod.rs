//! Exact counts of the n-grams of captions, in bounded memory.
//!
//! **n-gram tokens**: see [`tokens`](super::tokens); n-grams do not cross a caption; n = 1 to [`MAX_N`]. Reported: the number of
//! n-grams with `min_count` (10) occurrences or more, the total, the top K (ties alphabetical: by the code points of the words joined by a
//! space); for words also the number of distinct ones.
//!
//! How: each worker numbers the tokens of its captions ([`Encoder`] -> [`Run`]). [`count`] merges the sorted vocabularies of all runs,
//! which gives the words; an n-gram seen 10 times has words seen 10 times, so rarer words are left out and the others get
//! small numbers by frequency. The n-grams of an order are then packed into one integer each and counted bucket by bucket in the
//! cache. Runs of shards are the partials: [`Partial::merge`] puts them side by side. With a budget, token streams
//! and vocabularies leave memory through a [`SpillStore`], and keys are made in as many scans as fit: the numbers are the same.

mod count;
mod encode;
mod run;
mod store;
pub(super) mod top;
mod vocabulary;

use std::collections::BTreeMap;
use std::io;

pub use super::intern::Words;
pub use encode::Encoder;
use rayon::prelude::*;
pub use run::Run;
use serde::{Deserialize, Serialize};
pub use store::{MemoryStore, SpillStore};

use crate::base::{CancelToken, Cancelled};

/// The longest n-grams that are counted.
pub const MAX_N: usize = 5;
/// Sides that are counted at once: one dataset, or A beside B.
pub const SIDES: usize = 2;

/// Why n-grams could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum NgramError {
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The spill store failed.
    #[error("n-gram counts did not fit into memory and could not be put aside: {0}; free disk space or raise --memory")]
    Spill(#[from] io::Error),
    /// A cached partial cannot be read.
    #[error("a cached partial of n-gram counts is damaged; it has to be counted again")]
    Damaged,
    /// The packed n-grams do not fit into 128 bits.
    #[error("too many distinct words ({words}) for {n}-grams of rare words; raise --min-count or lower --ngrams")]
    TooManyWords {
        /// Distinct words that had to be kept.
        words: usize,
        /// Order of the n-grams.
        n: usize,
    },
}

/// What to count.
#[derive(Clone, Debug)]
pub struct Options {
    /// Orders `1..=max_n` are counted; at most [`MAX_N`].
    pub max_n: usize,
    /// n-grams seen so often or more are reported (10 in the paper); at least 1.
    pub min_count: u64,
    /// Length of the ranking.
    pub top: usize,
    /// Bytes that counting may hold, about; the kept words and the tables asked for come on top.
    pub memory: usize,
    /// Keep the table of all n-grams with `min_count` or more over both sides.
    pub table: bool,
    /// Count every n-gram, also those of rare words: gives the number of distinct n-grams of every order, at a price in time.
    pub distinct: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_n: 3, min_count: 10, top: 20, memory: 2 << 30, table: false, distinct: false }
    }
}

/// Runs of some captions of one side.
#[derive(Clone, Debug, Default)]
pub struct Partial {
    runs: Vec<Run>,
}

impl Partial {
    /// The partial of some captions, in memory.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "only a store can fail, and there is none")]
    pub fn of<'a>(captions: impl IntoIterator<Item = &'a str>) -> Self {
        let mut encoder = Encoder::in_memory();
        for caption in captions {
            encoder.push(caption).expect("no store is involved");
        }
        Self { runs: encoder.finish().expect("no store is involved") }
    }

    /// The partial of what encoders gave.
    #[must_use]
    pub fn from_runs(runs: Vec<Run>) -> Self {
        Self { runs }
    }

    /// Adds another partial: associative and commutative in what [`count`] gives.
    pub fn merge(&mut self, other: Self) {
        self.runs.extend(other.runs);
    }

    /// Number of captions.
    #[must_use]
    pub fn captions(&self) -> u64 {
        self.runs.iter().map(Run::captions).sum()
    }

    /// The runs.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }
}

/// An n-gram and how often it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gram {
    /// Its words, joined by a space.
    pub gram: String,
    /// Number of occurrences.
    pub count: u64,
}

/// Statistics of one order on one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// n-grams, repetitions included.
    pub total: u64,
    /// Distinct n-grams; for n > 1 only if asked for by [`Options::distinct`] (or if all of them were counted anyway).
    pub distinct: Option<u64>,
    /// Distinct n-grams with `min_count` occurrences or more.
    pub at_least_min: u64,
    /// Occurrences of those.
    pub at_least_min_total: u64,
    /// Of the n-grams with `min_count` or more here, those that the other side has too (once or more).
    pub shared: u64,
    /// Occurrences (here) of those.
    pub shared_total: u64,
    /// The most frequent, ties alphabetical.
    pub top: Vec<Gram>,
}

impl Side {
    #[inline]
    fn add(&mut self, here: u64, there: u64, min_count: u64) {
        if here == 0 {
            return;
        }
        self.total += here;
        *self.distinct.get_or_insert(0) += 1;
        self.add_frequent(here, there, min_count);
    }

    /// What [`add`](Self::add) does for frequent n-grams only.
    #[inline]
    fn add_frequent(&mut self, here: u64, there: u64, min_count: u64) {
        if here >= min_count {
            self.at_least_min += 1;
            self.at_least_min_total += here;
            if there > 0 {
                self.shared += 1;
                self.shared_total += here;
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.total += other.total;
        self.distinct = Some(self.distinct.unwrap_or(0) + other.distinct.unwrap_or(0));
        self.at_least_min += other.at_least_min;
        self.at_least_min_total += other.at_least_min_total;
        self.shared += other.shared;
        self.shared_total += other.shared_total;
    }
}

/// An n-gram of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GramCount {
    /// Ids of its words (from 1; 0 behind the last).
    pub ids: [u32; MAX_N],
    /// Occurrences on each side.
    pub counts: [u64; SIDES],
}

/// The counts of one order.
#[derive(Clone, Debug)]
pub struct OrderCounts {
    /// Words of an n-gram.
    pub n: usize,
    /// Statistics of each side; the second is empty where one dataset is counted.
    pub sides: [Side; SIDES],
    /// All n-grams with `min_count` or more over both sides, if asked for, in no particular order.
    pub table: Vec<GramCount>,
    /// Times that the token streams were scanned.
    pub scans: usize,
}

/// All counts.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Captions of each side.
    pub captions: [u64; SIDES],
    /// Orders `1..=max_n`.
    pub orders: Vec<OrderCounts>,
    /// For each side: count -> number of distinct words with that count, all words. What [`vocabulary`](super::vocabulary) starts from.
    pub spectra: [BTreeMap<u64, u64>; SIDES],
    words: Words,
}

impl Counts {
    /// The text of an n-gram of a table: its words joined by a space.
    #[must_use]
    pub fn text(&self, gram: &GramCount) -> String {
        text(&self.words, &gram.ids)
    }
}

fn text(words: &Words, ids: &[u32; MAX_N]) -> String {
    let mut out = String::new();
    for &id in ids.iter().take_while(|&&id| id > 0) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(words.word(id - 1));
    }
    out
}

/// Numbers the tokens of many captions on all cores (of the rayon pool it is called in), within `memory` bytes.
///
/// # Errors
/// Cancelled, or the I/O error of the store.
pub fn encode<S: AsRef<str> + Sync>(
    captions: &[S],
    memory: usize,
    store: &dyn SpillStore,
    cancel: &CancelToken,
) -> Result<Partial, NgramError> {
    let threads = rayon::current_num_threads();
    // A run per worker, not per piece of work: a vocabulary is made once a worker.
    let parts: Vec<&[S]> = captions.chunks(captions.len().div_ceil(threads).max(1)).collect();
    let bytes: usize = captions.iter().map(|caption| caption.as_ref().len()).sum();
    let runs: Vec<Vec<Run>> = parts
        .par_iter()
        .map(|part| {
            // A token and its separator take two bytes at least; ids take four: text that small needs no store.
            let mut encoder = if bytes.saturating_mul(4) < memory {
                Encoder::in_memory()
            } else {
                Encoder::spilling(store, memory / 2 / threads)?
            };
            for (i, caption) in part.iter().enumerate() {
                if i % 1024 == 0 {
                    cancel.check()?;
                }
                encoder.push(caption.as_ref())?;
            }
            encoder.finish()
        })
        .collect::<Result<_, NgramError>>()?;
    Ok(Partial { runs: runs.into_iter().flatten().collect() })
}

/// Below so many n-grams all of them are counted at once: faster than finding out that rare ones were wanted after all.
const SMALL: u64 = 1 << 20;

/// Counts the n-grams of one dataset, or of two side by side, on all cores (of the rayon pool it is called in).
///
/// # Errors
/// Cancelled, the I/O error of the store, or more distinct words than fit into packed n-grams.
pub fn count(
    a: Partial,
    b: Option<Partial>,
    options: &Options,
    store: &dyn SpillStore,
    cancel: &CancelToken,
) -> Result<Counts, NgramError> {
    count_small(a, b, options, store, cancel, SMALL)
}

/// [`count`], with another limit for small texts (tests).
fn count_small(
    a: Partial,
    b: Option<Partial>,
    options: &Options,
    store: &dyn SpillStore,
    cancel: &CancelToken,
    small: u64,
) -> Result<Counts, NgramError> {
    let mut sides = vec![0_u8; a.runs.len()];
    let mut runs = a.runs;
    if let Some(b) = b {
        sides.resize(runs.len() + b.runs.len(), 1);
        runs.extend(b.runs);
    }
    let options =
        Options { max_n: options.max_n.clamp(1, MAX_N), min_count: options.min_count.max(1), ..options.clone() };
    let tokens: u64 = runs.iter().map(Run::tokens).sum();
    let keep = if options.distinct || tokens < small { 1 } else { options.min_count };
    let counts = count_kept(&runs, &sides, keep, &options, store, cancel)?;
    // A ranking that ran out of frequent n-grams continues with rare ones: then all of them have to be counted.
    let is_short = |order: &OrderCounts| {
        order.sides.iter().any(|side| side.top.len() < options.top && side.at_least_min_total < side.total)
    };
    if keep > 1 && counts.orders.iter().skip(1).any(is_short) {
        return count_kept(&runs, &sides, 1, &options, store, cancel);
    }
    Ok(counts)
}

fn count_kept(
    runs: &[Run],
    sides: &[u8],
    keep: u64,
    options: &Options,
    store: &dyn SpillStore,
    cancel: &CancelToken,
) -> Result<Counts, NgramError> {
    cancel.check()?;
    let mut union = vocabulary::union(runs, sides, keep, options, store, cancel)?;
    let bits = u32::BITS - (union.words.len() as u32).leading_zeros();
    let mut captions = [0; SIDES];
    let mut totals = [[0; MAX_N]; SIDES];
    for (run, &side) in runs.iter().zip(sides) {
        captions[side as usize] += run.captions;
        totals[side as usize].iter_mut().zip(run.totals).for_each(|(sum, total)| *sum += total);
    }
    let table = if options.table {
        let words = union.counts.iter().enumerate();
        let mut ids = [0; MAX_N];
        words
            .filter(|(_, counts)| counts.iter().sum::<u64>() >= options.min_count)
            .map(|(index, &counts)| {
                ids[0] = index as u32 + 1;
                GramCount { ids, counts }
            })
            .collect()
    } else {
        Vec::new()
    };
    let mut orders = vec![OrderCounts { n: 1, sides: std::mem::take(&mut union.sides), table, scans: 0 }];
    let mut filter = None;
    for n in 2..=options.max_n {
        let count = match bits * n as u32 + 1 {
            ..=64 => count::count::<u64>,
            65..=128 => count::count::<u128>,
            _ => return Err(NgramError::TooManyWords { words: union.words.len(), n }),
        };
        let found = count(n, bits, runs, sides, &union, store, cancel, options, filter.as_ref(), keep)?;
        filter = found.filter;
        let mut sides = found.sides;
        for (s, (side, top)) in sides.iter_mut().zip(found.tops).enumerate() {
            // n-grams of rare words were not among those counted.
            side.distinct = (keep == 1 || side.total == totals[s][n - 1]).then(|| side.distinct.unwrap_or(0));
            side.total = totals[s][n - 1];
            // Rare n-grams of frequent words are all there, those with a rare word are not: only a ranking above the threshold is exact.
            side.top = top
                .into_iter()
                .filter(|ranked| keep == 1 || ranked.count >= keep)
                .map(|ranked| Gram { gram: text(&union.words, &ranked.key.1), count: ranked.count })
                .collect();
        }
        orders.push(OrderCounts { n, sides, table: found.table, scans: found.scans });
    }
    for side in &mut orders[0].sides {
        side.distinct.get_or_insert(0);
    }
    Ok(Counts { captions, orders, spectra: union.spectra, words: union.words })
}

#[cfg(test)]
mod tests;
