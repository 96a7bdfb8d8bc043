//! What counts become: one group alone, or two side by side with lift.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::read::Partial;
use super::{Counting, Group, StatsError};
use crate::analysis::text::leaves::{LeafPartial, ancestors};
use crate::analysis::text::lift::STRENGTH;
use crate::analysis::text::ngrams::{Counts, Options};
use crate::analysis::text::pos::PosPartial;
use crate::analysis::text::report::{
    DatasetStats, GramLift, Labels, LeafHistogram, LeafLift, LengthStats, LiftStats, NgramStats, PosStats, StatsReport,
    VocabularyStats,
};
use crate::analysis::text::tagger::Tag;
use crate::analysis::text::words::WordsPartial;
use crate::analysis::text::{lift, ngrams, vocabulary};
use crate::catalog::NONE;

impl Counting<'_> {
    fn options(&self, table: bool) -> Options {
        Options {
            max_n: self.request.ngrams,
            min_count: self.request.min_count,
            top: self.request.top,
            memory: usize::try_from(self.request.memory_bytes).unwrap_or(usize::MAX),
            table,
            distinct: false,
        }
    }

    pub(super) fn finish_one(&self, group: &Group, texts: Partial, report: &mut StatsReport) -> Result<(), StatsError> {
        let a = ngrams::Partial::from_runs(texts.runs);
        let counts = ngrams::count(a, None, &self.options(false), self.spill, self.cancel)?;
        report.work.scans += counts.orders.iter().map(|order| order.scans as u64).sum::<u64>();
        let leaves = self.leaves(&group.samples);
        report.datasets.push(self.dataset(group, &texts.words, &texts.pos, &leaves, &counts, 0, false));
        Ok(())
    }

    pub(super) fn finish_two(
        &self,
        [a, b]: [&Group; 2],
        a_texts: Partial,
        b_texts: Partial,
        report: &mut StatsReport,
    ) -> Result<(), StatsError> {
        let (a_runs, b_runs) = (ngrams::Partial::from_runs(a_texts.runs), ngrams::Partial::from_runs(b_texts.runs));
        let mut counts = ngrams::count(a_runs, Some(b_runs), &self.options(true), self.spill, self.cancel)?;
        report.work.scans += counts.orders.iter().map(|order| order.scans as u64).sum::<u64>();
        let (a_leaves, b_leaves) = (self.leaves(&a.samples), self.leaves(&b.samples));
        // A selection beside the whole: what it is compared with is the rest, and all of its n-grams are in the whole.
        let is_part = a.samples.len() < b.samples.len() && a.samples.is_subset(&b.samples);
        report.datasets.push(self.dataset(a, &a_texts.words, &a_texts.pos, &a_leaves, &counts, 0, !is_part));
        report.datasets.push(self.dataset(b, &b_texts.words, &b_texts.pos, &b_leaves, &counts, 1, !is_part));
        self.cancel.check()?;
        if is_part {
            for order in &mut counts.orders {
                order.sides[1].total -= order.sides[0].total;
                order.table.iter_mut().for_each(|gram| gram.counts[1] -= gram.counts[0]);
            }
        }
        let grams = |n: usize| {
            // A side without texts has nothing to compare.
            if counts.orders[0].sides.iter().any(|side| side.total == 0) {
                return Vec::new();
            }
            let [marks_a, mut marks_b] = lift::marks(&counts, n, self.request.top, STRENGTH);
            // Strongest of B last, ties in alphabetical order as everywhere.
            marks_b.sort_by(|x, y| y.z.total_cmp(&x.z).then_with(|| x.item.cmp(&y.item)));
            let both = marks_a.into_iter().chain(marks_b);
            both.map(|lift| GramLift { figures: (&lift).into(), gram: lift.item }).collect()
        };
        report.lift = Some(LiftStats {
            a: a.name.clone(),
            b: if is_part { format!("the rest of {}", b.name) } else { b.name.clone() },
            words: grams(1),
            bigrams: grams(2),
            leaves: self.leaf_lift(&a_leaves, &b_leaves, is_part),
        });
        Ok(())
    }

    fn leaf_lift(&self, a: &LeafPartial, b: &LeafPartial, is_part: bool) -> Vec<LeafLift> {
        let (a, b) = (a.counts(), b.counts());
        let in_b = |name: &String, in_a: u64| b.get(name).copied().unwrap_or(0) - if is_part { in_a } else { 0 };
        let items = a
            .iter()
            .map(|(name, &count)| (name, [count, in_b(name, count)]))
            .chain(b.iter().filter(|(name, _)| !a.contains_key(*name)).map(|(name, &count)| (name, [0, count])));
        let items: Vec<(&String, [u64; 2])> = items.collect();
        let totals: [u64; 2] = [0, 1].map(|side: usize| items.iter().map(|(_, counts)| counts[side]).sum());
        if totals.contains(&0) {
            // A side without labels has nothing to compare.
            return Vec::new();
        }
        let lifts = lift::lift(items, totals, STRENGTH);
        let top = self.request.top_leaves;
        let of_a = lifts.iter().take_while(|lift| lift.z > 0.0).count().min(top);
        let of_b = lifts.iter().rev().take_while(|lift| lift.z < 0.0).count().min(top);
        let both = lifts[..of_a].iter().chain(&lifts[lifts.len() - of_b..]);
        both.map(|lift| LeafLift { leaf: lift.item.clone(), figures: lift.into() }).collect()
    }

    /// Labels of a group, from the columns.
    fn leaves(&self, samples: &RoaringBitmap) -> LeafPartial {
        let column = |ids: &[u32], names: &[Arc<str>]| {
            LeafPartial::of(samples.iter().map(|id| ids.get(id as usize).copied().unwrap_or(NONE)), names)
        };
        match self.request.labels {
            Labels::Leaf => column(&self.columns.leaf, &self.columns.leaves),
            Labels::Brand => column(&self.columns.brand, &self.columns.brands),
            Labels::Level(level) => {
                let tree = &self.columns.taxonomy;
                let parents: Vec<u32> = tree.nodes.iter().map(|node| node.parent).collect();
                let up = ancestors(&parents, usize::from(level));
                let paths: Vec<Arc<str>> =
                    (0..).zip(&tree.nodes).map(|(id, _)| tree.path(id).join(" > ").into()).collect();
                let ids: Vec<u32> =
                    self.columns.node.iter().map(|&node| up.get(node as usize).copied().unwrap_or(NONE)).collect();
                column(&ids, &paths)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one entry of the report, put together in one place")]
    fn dataset(
        &self,
        group: &Group,
        words: &WordsPartial,
        pos: &PosPartial,
        leaves: &LeafPartial,
        counts: &Counts,
        side: usize,
        is_beside: bool,
    ) -> DatasetStats {
        let leaves = leaves.stats(self.request.top_leaves);
        DatasetStats {
            name: group.name.clone(),
            samples: group.samples.len(),
            captions: words.captions(),
            words: lengths(words),
            ngrams: counts
                .orders
                .iter()
                .map(|order| {
                    let found = &order.sides[side];
                    let overlap = vocabulary::overlap(found).filter(|_| is_beside);
                    NgramStats {
                        n: order.n,
                        total: found.total,
                        distinct: found.distinct.filter(|_| order.n == 1),
                        at_least_min: found.at_least_min,
                        top: found.top.clone(),
                        shared: overlap.map(|overlap| overlap.types),
                        shared_tokens: overlap.map(|overlap| overlap.tokens),
                    }
                })
                .collect(),
            pos: parts_of_speech(pos, self.request.min_count.max(1), self.request.top),
            leaves: LeafHistogram {
                distinct: leaves.distinct,
                labelled: leaves.labelled,
                none: leaves.none,
                top: leaves.top,
            },
            vocabulary: shape(counts, side),
        }
    }
}

fn lengths(words: &WordsPartial) -> LengthStats {
    let histogram = words.histogram(2);
    match words.stats() {
        None => LengthStats { histogram, ..LengthStats::default() },
        Some(stats) => LengthStats {
            min: Some(stats.min),
            max: Some(stats.max),
            mean: Some(stats.mean),
            median: Some(stats.median),
            std: Some(stats.std),
            skew: stats.skew,
            total: stats.total,
            histogram,
        },
    }
}

/// The tags of the paper first.
const FIRST: [Tag; 4] = [Tag::Noun, Tag::Propn, Tag::Adj, Tag::Verb];

fn parts_of_speech(pos: &PosPartial, min_count: u64, top: usize) -> Vec<PosStats> {
    let mut all: Vec<PosStats> = pos
        .stats(min_count, top)
        .into_iter()
        .map(|stats| PosStats {
            tag: stats.tag,
            distinct: stats.distinct,
            at_least_min: stats.at_least_min,
            tokens: stats.tokens,
            share: stats.share,
            top: stats.top,
        })
        .collect();
    // Stable: the others stay in alphabetical order.
    all.sort_by_key(|stats| FIRST.iter().position(|tag| *tag == stats.tag).unwrap_or(FIRST.len()));
    all
}

/// Points of the vocabulary's curves in each factor of ten.
const PER_DECADE: u32 = 10;

fn shape(counts: &Counts, side: usize) -> VocabularyStats {
    let zipf = vocabulary::rank_frequency(&counts.spectra[side], PER_DECADE);
    let heaps = vocabulary::growth(&counts.spectra[side], PER_DECADE);
    VocabularyStats { zipf_law: vocabulary::zipf(&zipf), heaps_law: vocabulary::heaps(&heaps), zipf, heaps }
}
