//! What statistics are asked for, and the answer: plain values that charts, tables and `stats --json` are made of.
//!
//! The JSON of a [`StatsReport`] is the document that `shopscope stats --json` prints. A *text* of a sample is its caption, unless
//! another field is asked for ([`TextField`]); a sample whose text is missing (null) is in no count, an empty text is a text of 0 words.

use serde::{Deserialize, Serialize};

use super::leaves::LeafCount;
use super::lift::Lift;
use super::ngrams::Gram;
use super::pos::WordCount;
use super::tagger::Tag;
use super::vocabulary::{GrowthPoint, PowerLaw, RankPoint};
use super::words::LengthBin;

/// Which text of a sample is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TextField {
    /// The caption.
    #[default]
    #[serde(rename = "caption")]
    Caption,
    /// The title.
    #[serde(rename = "title")]
    Title,
    /// The description.
    #[serde(rename = "description")]
    Description,
    /// All bullets as one text, a line each; missing where there is none.
    #[serde(rename = "bullets")]
    Bullets,
    /// Title and description as one text, a line each; missing where both are.
    #[serde(rename = "title+description")]
    TitleDescription,
}

impl TextField {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Caption, Self::Title, Self::Description, Self::Bullets, Self::TitleDescription];

    /// The name as arguments and JSON have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caption => "caption",
            Self::Title => "title",
            Self::Description => "description",
            Self::Bullets => "bullets",
            Self::TitleDescription => "title+description",
        }
    }

    /// The field of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// What the leaf histogram counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Labels {
    /// Leaves.
    #[default]
    Leaf,
    /// Ancestors at a level of the taxonomy, 0 being the roots; named by their path (`Clothing > Shirts`). A sample whose path is not
    /// that deep counts where its path ends.
    Level(u16),
    /// Brands.
    Brand,
}

/// What to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsRequest {
    /// The text.
    pub text: TextField,
    /// n-grams and words that occur so often or more are *frequent* (`at_least_min`); 10 in the paper.
    pub min_count: u64,
    /// Length of the rankings of n-grams and words, and of each side of the lift.
    pub top: usize,
    /// Length of the ranking of labels.
    pub top_leaves: usize,
    /// Orders `1..=ngrams` are counted, at most 5.
    pub ngrams: usize,
    /// Bytes that counting n-grams may hold, about; the rest is put into temporary files. The numbers do not depend on it.
    pub memory_bytes: u64,
    /// What the leaf histogram counts.
    pub labels: Labels,
}

impl Default for StatsRequest {
    fn default() -> Self {
        Self {
            text: TextField::Caption,
            min_count: 10,
            top: 20,
            top_leaves: 80,
            ngrams: 3,
            memory_bytes: 2 << 30,
            labels: Labels::Leaf,
        }
    }
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatsReport {
    /// One entry for each group of samples that was asked for, in that order.
    pub datasets: Vec<DatasetStats>,
    /// What marks the first group against the second; `None` (and no key) unless there are two. If the second group holds all of the
    /// first and more (a selection beside the whole), the first is compared with the rest of the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lift: Option<LiftStats>,
    /// Which text was counted.
    pub text: TextField,
    /// The threshold of `at_least_min`.
    pub min_count: u64,
    /// What was done to get here.
    pub work: Work,
}

/// Statistics of one group of samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DatasetStats {
    /// Its name.
    pub name: String,
    /// Samples with or without a text.
    pub samples: u64,
    /// Samples that have the text: captions.
    pub captions: u64,
    /// How long captions are.
    pub words: LengthStats,
    /// Orders 1, 2, 3, .. in that order.
    pub ngrams: Vec<NgramStats>,
    /// Parts of speech: NOUN, PROPN, ADJ, VERB, then the others in alphabetical order.
    pub pos: Vec<PosStats>,
    /// Labels: leaves, unless another level or brands were asked for.
    pub leaves: LeafHistogram,
    /// Shape of the vocabulary (n = 1).
    pub vocabulary: VocabularyStats,
}

/// Words of a caption: the caption split at Unicode white space. All but `total` and `histogram` are `None` where there is no caption.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LengthStats {
    /// Words of the shortest caption.
    pub min: Option<u64>,
    /// Words of the longest.
    pub max: Option<u64>,
    /// Mean number of words.
    pub mean: Option<f64>,
    /// Median, the mean of the two middle ones for an even number of captions.
    pub median: Option<f64>,
    /// Population standard deviation.
    pub std: Option<f64>,
    /// Third standardised moment (population), as `scipy.stats.skew(bias=True)`; `None` too if all are equally long.
    pub skew: Option<f64>,
    /// Words of all captions together.
    pub total: u64,
    /// Captions by number of words, two bins for each factor of two; a bin of its own for 0 words.
    pub histogram: Vec<LengthBin>,
}

/// n-grams of one order. Tokens are lower-cased runs of letters, marks and numbers, see [`tokens`](super::tokens); n-grams do not cross
/// a caption.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NgramStats {
    /// Words of an n-gram.
    pub n: usize,
    /// n-grams, repetitions included.
    pub total: u64,
    /// Distinct ones, for n = 1 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// Distinct ones with `min_count` occurrences or more.
    pub at_least_min: u64,
    /// The most frequent, ties alphabetical.
    pub top: Vec<Gram>,
    /// Share of the distinct n-grams with `min_count` or more that the other group has too (once or more), `0.0..=1.0`; `None` (and no
    /// key) if there is no other or no such n-gram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<f64>,
    /// The same, each n-gram as often as it occurs here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_tokens: Option<f64>,
}

/// Words of one part of speech (Universal POS tags of the bundled tagger).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PosStats {
    /// The tag.
    pub tag: Tag,
    /// Distinct lower-cased words with this tag.
    pub distinct: u64,
    /// Those with `min_count` occurrences or more.
    pub at_least_min: u64,
    /// Occurrences of the tag.
    pub tokens: u64,
    /// Their share of all tagged words, `0.0..=1.0`.
    pub share: f64,
    /// The most frequent words, ties alphabetical.
    pub top: Vec<WordCount>,
}

/// Labels by frequency.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeafHistogram {
    /// Distinct labels.
    pub distinct: u64,
    /// Samples with a label: what shares are of.
    pub labelled: u64,
    /// Samples without.
    pub none: u64,
    /// The most frequent, ties alphabetical: count, share, and share of this one and all before it.
    pub top: Vec<LeafCount>,
}

/// Shape of a vocabulary, for log-log charts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VocabularyStats {
    /// Rank-frequency curve.
    pub zipf: Vec<RankPoint>,
    /// Zipf's law fitted to it; `None` for fewer than three points.
    pub zipf_law: Option<PowerLaw>,
    /// Type-token growth: distinct words expected among so many tokens taken at random.
    pub heaps: Vec<GrowthPoint>,
    /// Heaps' law fitted to it; `None` for fewer than three points.
    pub heaps_law: Option<PowerLaw>,
}

/// What marks a group A against a group B: smoothed log-odds with an informative Dirichlet prior (see [`lift`](super::lift)). Each list begins
/// with what marks A most and ends with what marks B most: `z` falls, ties in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LiftStats {
    /// Name of A.
    pub a: String,
    /// Name of B.
    pub b: String,
    /// Words; of each side the `top` ones, among those with `min_count` or more on both sides together.
    pub words: Vec<GramLift>,
    /// Pairs of words, likewise; empty if they were not counted.
    pub bigrams: Vec<GramLift>,
    /// Labels; of each side the `top_leaves` ones.
    pub leaves: Vec<LeafLift>,
}

/// An n-gram on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GramLift {
    /// Its words, joined by a space.
    pub gram: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: LiftFigures,
}

/// A label on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeafLift {
    /// Its name.
    pub leaf: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: LiftFigures,
}

/// How something differs between A and B.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiftFigures {
    /// Occurrences in A.
    pub count_a: u64,
    /// Occurrences in B.
    pub count_b: u64,
    /// Occurrences in A over the sum of all of A, `0.0..=1.0`.
    pub rate_a: f64,
    /// Occurrences in B over the sum of all of B.
    pub rate_b: f64,
    /// Smoothed log-odds ratio, natural logarithm; above 0 where it marks A.
    pub log_odds: f64,
    /// The log-odds over its standard deviation.
    pub z: f64,
}

impl<T> From<&Lift<T>> for LiftFigures {
    fn from(lift: &Lift<T>) -> Self {
        Self {
            count_a: lift.counts[0],
            count_b: lift.counts[1],
            rate_a: lift.rates[0],
            rate_b: lift.rates[1],
            log_odds: lift.log_odds,
            z: lift.z,
        }
    }
}

/// What was done for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Pieces of shards whose counts were in the catalog.
    pub pieces_cached: u64,
    /// Pieces of shards whose texts were read.
    pub pieces_read: u64,
    /// Texts read.
    pub texts_read: u64,
    /// Bytes of those.
    pub bytes_read: u64,
    /// Bytes put into temporary files.
    pub spilled_bytes: u64,
    /// Times that the tokens were scanned, all orders from 2 on together.
    pub scans: u64,
    /// Seconds it took; not part of the JSON.
    #[serde(skip)]
    pub seconds: f64,
}
