//! What the colours of the map say: one small number a sample, and the legend that explains the numbers.
//!
//! Names become the [`TOP`] most frequent ones, "other (N)" and "none"; values become [`STEPS`] steps of a scale. Either way a sample has one
//! byte, so that any number of samples is coloured from one array, and every entry of a legend can be counted, hidden and isolated.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;

use crate::base::SampleId;
use crate::catalog::{NONE, flags};
use crate::jobs::Population;

/// Names that have a colour of their own.
pub const TOP: usize = 10;

/// Steps of a scale of values.
pub const STEPS: usize = 8;

/// By what points are coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "`label` says what each shows")]
pub enum ColourBy {
    #[default]
    Dataset,
    Leaf,
    /// A level of the taxonomy, 0 for the roots.
    Level(u16),
    Brand,
    Tag,
    Words,
    Quality,
    /// What the active model says.
    Predicted,
    /// How sure the active model is.
    Confidence,
    /// Whether the active model says what the sample is.
    Correct,
}

impl ColourBy {
    /// What can be told apart in a population, in the order of the menu.
    #[must_use]
    pub fn choices(population: &Population) -> Vec<Self> {
        let columns = &population.columns;
        let depth = columns.taxonomy.nodes.iter().map(|node| node.depth + 1).max().unwrap_or(0);
        let levels = (0..depth.min(6)).map(Self::Level);
        [Self::Dataset, Self::Leaf]
            .into_iter()
            .chain(levels)
            .chain([Self::Brand, Self::Tag, Self::Words, Self::Quality])
            .chain(population.predictions.iter().flat_map(|_| [Self::Predicted, Self::Confidence, Self::Correct]))
            .collect()
    }

    /// What a word of the command line means: dataset, leaf, level1, level2, .., brand, tag, words, quality, predicted, confidence, correct.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "dataset" => Self::Dataset,
            "leaf" => Self::Leaf,
            "brand" => Self::Brand,
            "tag" => Self::Tag,
            "words" => Self::Words,
            "quality" => Self::Quality,
            "predicted" => Self::Predicted,
            "confidence" => Self::Confidence,
            "correct" => Self::Correct,
            _ => Self::Level(word.strip_prefix("level")?.parse::<u16>().ok()?.checked_sub(1)?),
        })
    }

    /// Its name in the menu.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Dataset => "Dataset".to_owned(),
            Self::Leaf => "Leaf".to_owned(),
            Self::Level(level) => format!("Taxonomy, level {}", level + 1),
            Self::Brand => "Brand".to_owned(),
            Self::Tag => "Tag".to_owned(),
            Self::Words => "Caption length".to_owned(),
            Self::Quality => "Quality".to_owned(),
            Self::Predicted => "Prediction".to_owned(),
            Self::Confidence => "Confidence".to_owned(),
            Self::Correct => "Prediction against label".to_owned(),
        }
    }
}

/// What an entry of a legend is painted with; the views know the colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ink {
    /// The dataset's own colour, by its place.
    Dataset(usize),
    /// A colour of the list of categories.
    Name(usize),
    /// A place on the scale of values, 0 to 1.
    Value(f32),
    /// All names that have no colour of their own.
    Other,
    /// Without a name or value.
    None,
}

/// A line of a legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it stands for.
    pub label: String,
    /// How it is painted.
    pub ink: Ink,
    /// Samples of the whole population.
    pub samples: u64,
}

/// A legend and the entry of every sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Legend {
    /// By what.
    pub by: ColourBy,
    /// From the top; "other" and "none" last.
    pub entries: Vec<Entry>,
    /// The entry of each sample of the population, by its place in `entries`.
    pub of: Vec<u8>,
}

impl Legend {
    /// Makes the legend of a population.
    #[must_use]
    pub fn new(population: &Population, by: ColourBy) -> Self {
        let columns = &population.columns;
        let n = columns.len() as usize;
        match by {
            ColourBy::Dataset => {
                let mut of = vec![0_u8; n];
                let mut entries = Vec::new();
                for (i, dataset) in columns.datasets.iter().enumerate() {
                    let range = dataset.range.start as usize..dataset.range.end as usize;
                    let samples = range.len() as u64;
                    of[range].fill(i.min(254) as u8);
                    entries.push(Entry { label: dataset.name.clone(), ink: Ink::Dataset(i), samples });
                }
                entries.truncate(255);
                Self { by, entries, of }
            }
            ColourBy::Leaf => {
                Self::names(by, columns.leaf.iter().copied(), |id| columns.leaves[id as usize].to_string())
            }
            ColourBy::Brand => {
                Self::names(by, columns.brand.iter().copied(), |id| columns.brands[id as usize].to_string())
            }
            ColourBy::Level(level) => {
                let nodes = &columns.taxonomy.nodes;
                let at = columns.taxonomy.at_level(level);
                let ids = columns.node.iter().map(|node| at.get(*node as usize).copied().unwrap_or(NONE));
                Self::names(by, ids, |id| nodes[id as usize].name.to_string())
            }
            ColourBy::Tag => {
                let mut ids = vec![NONE; n];
                for (i, (_, samples)) in population.tags.iter().enumerate().rev() {
                    for sample in samples.iter() {
                        if let Some(id) = ids.get_mut(sample as usize) {
                            *id = i as u32;
                        }
                    }
                }
                Self::names(by, ids.into_iter(), |id| population.tags[id as usize].0.clone())
            }
            ColourBy::Words => {
                let values = columns.words.iter().map(|words| (*words > 0).then_some(f32::from(*words)));
                Self::values(by, values, |low, high| {
                    if low == high { format!("{low:.0} words") } else { format!("{low:.0} to {high:.0} words") }
                })
            }
            ColourBy::Predicted | ColourBy::Confidence | ColourBy::Correct => Self::predictions(population, by),
            ColourBy::Quality => {
                const KINDS: [(u16, &str); 7] = [
                    (flags::TRUNCATED, "truncated"),
                    (flags::TOO_LARGE, "too large"),
                    (flags::UNREADABLE, "unreadable"),
                    (flags::TINY, "tiny"),
                    (flags::EXTREME_ASPECT, "extreme aspect"),
                    (flags::DUPLICATE_KEY, "duplicate key"),
                    (flags::NO_TEXT, "no text"),
                ];
                let ids = columns.flags.iter().map(|bits| {
                    KINDS.iter().position(|(bit, _)| bits & bit != 0).map_or(KINDS.len() as u32, |i| i as u32)
                });
                Self::names(by, ids, |id| KINDS.get(id as usize).map_or("nothing found", |kind| kind.1).to_owned())
            }
        }
    }

    /// Colours by what the active model says; all "none" without one.
    fn predictions(population: &Population, by: ColourBy) -> Self {
        let n = population.columns.len() as usize;
        let Some(predictions) = &population.predictions else {
            return Self::names(by, std::iter::repeat_n(NONE, n), |_| String::new());
        };
        let columns = &predictions.columns;
        match by {
            ColourBy::Confidence => {
                let values = columns.confidence.iter().map(|value| (!value.is_nan()).then_some(*value));
                Self::values(by, values, |low, high| format!("{low:.2} to {high:.2}"))
            }
            ColourBy::Correct => {
                let ids = columns.predicted.iter().zip(&columns.label).map(|(predicted, label)| {
                    if *predicted == NONE || *label == NONE { NONE } else { u32::from(predicted != label) }
                });
                Self::names(by, ids, |id| if id == 0 { "as labelled" } else { "otherwise" }.to_owned())
            }
            _ => Self::names(by, columns.predicted.iter().copied(), |id| predictions.class_name(id)),
        }
    }

    /// The most frequent names, the rest, and those without one.
    fn names(by: ColourBy, ids: impl Iterator<Item = u32> + Clone, name: impl Fn(u32) -> String) -> Self {
        let mut counts: Vec<u64> = Vec::new();
        let mut nameless = 0_u64;
        for id in ids.clone() {
            if id == NONE {
                nameless += 1;
                continue;
            }
            if counts.len() <= id as usize {
                counts.resize(id as usize + 1, 0);
            }
            counts[id as usize] += 1;
        }
        let mut ranked: Vec<u32> = (0..counts.len() as u32).filter(|id| counts[*id as usize] > 0).collect();
        // Stable: equals stay in the order of their names.
        ranked.sort_by_key(|id| std::cmp::Reverse(counts[*id as usize]));
        let rest = ranked.split_off(ranked.len().min(TOP));
        let mut entries: Vec<Entry> = ranked
            .iter()
            .enumerate()
            .map(|(i, id)| Entry { label: name(*id), ink: Ink::Name(i), samples: counts[*id as usize] })
            .collect();
        let other = entries.len() as u8;
        let mut place = vec![other; counts.len()];
        for (i, id) in ranked.iter().enumerate() {
            place[*id as usize] = i as u8;
        }
        if !rest.is_empty() {
            let samples = rest.iter().map(|id| counts[*id as usize]).sum();
            entries.push(Entry { label: format!("other ({})", rest.len()), ink: Ink::Other, samples });
        }
        let none = entries.len() as u8;
        if nameless > 0 {
            entries.push(Entry { label: "none".to_owned(), ink: Ink::None, samples: nameless });
        }
        let of = ids.map(|id| if id == NONE { none } else { place[id as usize] }).collect();
        Self { by, entries, of }
    }

    /// Steps that hold about as many samples each, so that a long tail does not swallow the scale.
    fn values(
        by: ColourBy,
        values: impl Iterator<Item = Option<f32>> + Clone,
        label: impl Fn(f32, f32) -> String,
    ) -> Self {
        let mut sorted: Vec<f32> = values.clone().flatten().collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let mut starts: Vec<f32> = Vec::new();
        for step in 0..STEPS {
            if let Some(&start) = sorted.get(step * sorted.len() / STEPS)
                && starts.last() != Some(&start)
            {
                starts.push(start);
            }
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (i, &start) in starts.iter().enumerate() {
            let first = sorted.partition_point(|value| *value < start);
            let last = starts.get(i + 1).map_or(sorted.len(), |next| sorted.partition_point(|value| value < next));
            let ink = Ink::Value(if starts.len() > 1 { i as f32 / (starts.len() - 1) as f32 } else { 0.5 });
            entries.push(Entry { label: label(start, sorted[last - 1]), ink, samples: (last - first) as u64 });
        }
        let none = entries.len() as u8;
        let mut nameless = 0;
        let of = values
            .map(|value| {
                value.map_or_else(
                    || {
                        nameless += 1;
                        none
                    },
                    |value| (starts.partition_point(|start| *start <= value).max(1) - 1) as u8,
                )
            })
            .collect();
        if nameless > 0 {
            entries.push(Entry { label: "none".to_owned(), ink: Ink::None, samples: nameless });
        }
        Self { by, entries, of }
    }

    /// Samples of `among` a line.
    #[must_use]
    pub fn counts(&self, among: impl Iterator<Item = u32>) -> Vec<u64> {
        let mut counts = vec![0; self.entries.len()];
        for sample in among {
            if let Some(count) = self.of.get(sample as usize).and_then(|entry| counts.get_mut(usize::from(*entry))) {
                *count += 1;
            }
        }
        counts
    }

    /// True for entries whose label is in `off`.
    #[must_use]
    pub fn hidden(&self, off: &BTreeSet<String>) -> Vec<bool> {
        self.entries.iter().map(|entry| off.contains(&entry.label)).collect()
    }

    /// The samples of `among` that no hidden entry holds.
    #[must_use]
    pub fn seen(&self, off: &BTreeSet<String>, among: &RoaringBitmap) -> RoaringBitmap {
        let hidden = self.hidden(off);
        if !hidden.contains(&true) {
            return among.clone();
        }
        among.iter().filter(|sample| !hidden[usize::from(self.of[SampleId(*sample).index()])]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(legend: &Legend) -> Vec<(String, u64)> {
        legend.entries.iter().map(|entry| (entry.label.clone(), entry.samples)).collect()
    }

    #[test]
    fn names_are_ranked_and_the_rest_is_one_line() {
        // Name i has i + 1 samples, of 12 names; two samples have none.
        let ids: Vec<u32> = (0..12).flat_map(|id| vec![id; id as usize + 1]).chain([NONE, NONE]).collect();
        let legend = Legend::names(ColourBy::Leaf, ids.iter().copied(), |id| format!("leaf {id}"));
        let lines = lines(&legend);
        assert_eq!(lines.len(), TOP + 2);
        assert_eq!(lines[0], ("leaf 11".to_owned(), 12));
        assert_eq!(lines[TOP - 1], ("leaf 2".to_owned(), 3));
        assert_eq!(lines[TOP..], [("other (2)".to_owned(), 3), ("none".to_owned(), 2)]);
        assert_eq!(lines.iter().map(|line| line.1).sum::<u64>(), ids.len() as u64, "every sample is in one line");
        assert_eq!((legend.of[0], legend.of[ids.len() - 1]), (TOP as u8, TOP as u8 + 1));
        let counts = legend.counts(0..ids.len() as u32);
        assert_eq!(counts, lines.iter().map(|line| line.1).collect::<Vec<_>>());
    }

    #[test]
    fn values_are_steps_of_about_equal_size() {
        let values: Vec<Option<f32>> = (0..800).map(|i| Some(i as f32)).chain([None]).collect();
        let legend = Legend::values(ColourBy::Words, values.iter().copied(), |low, high| format!("{low} to {high}"));
        let lines = lines(&legend);
        assert_eq!((lines.len(), &*lines[0].0, lines[0].1), (STEPS + 1, "0 to 99", 100));
        assert_eq!(lines[STEPS], ("none".to_owned(), 1));
        // One value many times is one step, however many it would fill.
        let flat = Legend::values(ColourBy::Words, [Some(3.0); 50].into_iter(), |low, high| format!("{low} to {high}"));
        assert_eq!(flat.entries.len(), 1);
        assert!(Legend::values(ColourBy::Words, std::iter::empty(), |_, _| String::new()).entries.is_empty());
    }

    #[test]
    fn hidden_lines_hide_their_samples() {
        let legend = Legend::names(ColourBy::Leaf, [0, 1, 0, NONE].into_iter(), |id| format!("leaf {id}"));
        let all: RoaringBitmap = (0..4).collect();
        let off = BTreeSet::from(["leaf 0".to_owned(), "none".to_owned()]);
        assert_eq!(legend.seen(&off, &all).iter().collect::<Vec<_>>(), [1]);
        assert_eq!(legend.seen(&BTreeSet::new(), &all), all);
    }
}
