//! How often a model's classes agree with the samples' own.
//!
//! Counted are samples that have both: a class of their own that the model knows (see [`labels`](super::labels)) and a prediction. [`Counts`]
//! over disjoint sets of samples add up ([`merge`](Counts::merge)); [`finish`](Counts::finish) makes the figures:
//!
//! - top-k accuracy: share of them whose own class is among the k most probable;
//! - recall of a class: of the samples that are of it, the share that was predicted as it; precision: of the samples that were predicted as it,
//!   the share that is;
//! - macro recall: the mean of the recalls of all classes that occur, each counting the same;
//! - a confusion: samples of class t that were predicted as p, t and p different, and their share among the samples of t.

use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;

use crate::catalog::{NONE, PredictionColumns};

/// Samples by what they are, what was predicted, and how near it was. Sums: those of two sets are added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples looked at.
    pub samples: u64,
    /// Of them, with a prediction.
    pub predicted: u64,
    /// With a class of their own, but no prediction: they are in no figure.
    pub unpredicted: u64,
    /// By own class and predicted class.
    pairs: FxHashMap<(u32, u32), u64>,
    /// By own class: samples whose class is among the best five.
    top5: FxHashMap<u32, u64>,
}

/// One class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassRecall {
    /// Its index.
    pub class: u32,
    /// Samples of it.
    pub n: u64,
    /// Of them, predicted as it.
    pub hits: u64,
    /// Of them, with it among the best five.
    pub hits5: u64,
    /// Samples (that have a class) predicted as it.
    pub predicted: u64,
    /// `hits / n`, `None` where no sample is of it.
    pub recall: Option<f64>,
    /// `hits / predicted`, `None` where nothing was predicted as it.
    pub precision: Option<f64>,
}

/// Samples of one class predicted as another.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// What they are.
    pub truth: u32,
    /// What was predicted.
    pub predicted: u32,
    /// How many.
    pub count: u64,
    /// Among the samples of `truth`.
    pub share: f64,
}

/// The figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confusion {
    /// Samples looked at.
    pub samples: u64,
    /// Of them, with a prediction.
    pub predicted: u64,
    /// Of those, with a class of their own: what the accuracies are shares of.
    pub labelled: u64,
    /// With a class of their own, but no prediction (unreadable picture, no numbers from the model): in no figure.
    pub unpredicted: u64,
    /// Share with the own class predicted, `None` where `labelled` is 0.
    pub top1: Option<f64>,
    /// Share with the own class among the best five, `None` where `labelled` is 0.
    pub top5: Option<f64>,
    /// Mean recall of the classes that occur, `None` where `labelled` is 0.
    pub macro_recall: Option<f64>,
    /// Classes that samples are of or were predicted as, the lowest recall first (those that no sample is of last); ties: more samples first, then by index.
    pub classes: Vec<ClassRecall>,
    /// Confusions, the most frequent first; ties: the larger share, then the indices.
    pub pairs: Vec<Pair>,
}

impl Counts {
    /// Counts `samples`; those beyond the columns are ignored.
    #[must_use]
    pub fn count(columns: &PredictionColumns, samples: &RoaringBitmap) -> Self {
        let mut counts = Self::default();
        for row in samples.iter().map(|id| id as usize).take_while(|&row| row < columns.predicted.len()) {
            let (label, predicted) = (columns.label[row], columns.predicted[row]);
            counts.samples += 1;
            if predicted == NONE {
                counts.unpredicted += u64::from(label != NONE);
                continue;
            }
            counts.predicted += 1;
            if label != NONE {
                *counts.pairs.entry((label, predicted)).or_default() += 1;
                // No rank at all is beyond five.
                *counts.top5.entry(label).or_default() += u64::from(columns.rank[row] < 5);
            }
        }
        counts
    }

    /// The counts of this set and of another one that shares no sample with it.
    #[must_use]
    pub fn merge(mut self, other: &Self) -> Self {
        self.samples += other.samples;
        self.predicted += other.predicted;
        self.unpredicted += other.unpredicted;
        for (pair, count) in &other.pairs {
            *self.pairs.entry(*pair).or_default() += count;
        }
        for (class, count) in &other.top5 {
            *self.top5.entry(*class).or_default() += count;
        }
        self
    }

    /// The figures.
    #[must_use]
    pub fn finish(&self) -> Confusion {
        let mut classes: FxHashMap<u32, ClassRecall> = FxHashMap::default();
        let empty = |class| ClassRecall { class, n: 0, hits: 0, hits5: 0, predicted: 0, recall: None, precision: None };
        for (&(truth, predicted), &count) in &self.pairs {
            let own = classes.entry(truth).or_insert_with(|| empty(truth));
            own.n += count;
            own.hits += if truth == predicted { count } else { 0 };
            classes.entry(predicted).or_insert_with(|| empty(predicted)).predicted += count;
        }
        for class in classes.values_mut() {
            class.hits5 = self.top5.get(&class.class).copied().unwrap_or(0);
            class.recall = share(class.hits, class.n);
            class.precision = share(class.hits, class.predicted);
        }
        let mut pairs: Vec<Pair> = self
            .pairs
            .iter()
            .filter(|((truth, predicted), _)| truth != predicted)
            .map(|(&(truth, predicted), &count)| Pair {
                truth,
                predicted,
                count,
                share: count as f64 / classes[&truth].n as f64,
            })
            .collect();
        pairs.sort_unstable_by(|a, b| {
            let by_count = b.count.cmp(&a.count).then_with(|| b.share.total_cmp(&a.share));
            by_count.then_with(|| (a.truth, a.predicted).cmp(&(b.truth, b.predicted)))
        });
        let mut classes: Vec<ClassRecall> = classes.into_values().collect();
        classes.sort_unstable_by(|a, b| {
            let recall = |class: &ClassRecall| class.recall.unwrap_or(f64::INFINITY);
            recall(a).total_cmp(&recall(b)).then_with(|| b.n.cmp(&a.n)).then_with(|| a.class.cmp(&b.class))
        });
        let sum = |count: fn(&ClassRecall) -> u64| classes.iter().map(count).sum::<u64>();
        let labelled = sum(|class| class.n);
        let recalls: Vec<f64> = classes.iter().filter_map(|class| class.recall).collect();
        Confusion {
            samples: self.samples,
            predicted: self.predicted,
            labelled,
            unpredicted: self.unpredicted,
            top1: share(sum(|class| class.hits), labelled),
            top5: share(sum(|class| class.hits5), labelled),
            macro_recall: (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64),
            classes,
            pairs,
        }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Bins of [`PredictionFacets::confidence`]: each a twentieth, the last one with 1 in it.
pub const CONFIDENCE_BINS: usize = 20;

/// The smallest probability of a bin; the bin is `confidence_start(i)..confidence_start(i + 1)`.
#[must_use]
pub fn confidence_start(bin: usize) -> f64 {
    bin as f64 / CONFIDENCE_BINS as f64
}

/// The bin of a probability. Compared as filters compare: with the f32 that is nearest to the edge.
#[must_use]
pub fn confidence_bin(confidence: f32) -> usize {
    let near = ((f64::from(confidence) * CONFIDENCE_BINS as f64) as usize).min(CONFIDENCE_BINS - 1);
    // The product may be a hair's breadth off: 0.35 is stored as 0.349999994.
    let next = (near + 1).min(CONFIDENCE_BINS - 1);
    if confidence >= confidence_start(next) as f32 {
        next
    } else if confidence < confidence_start(near) as f32 {
        near - 1
    } else {
        near
    }
}

/// How a set of samples spreads over predicted classes and probabilities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PredictionFacets {
    /// By class.
    pub classes: Vec<u32>,
    /// Samples without a prediction.
    pub none: u32,
    /// By [`confidence_bin`]; length [`CONFIDENCE_BINS`].
    pub confidence: Vec<u32>,
    /// Own class predicted, another one predicted; samples without either are in none of the two.
    pub correct: [u32; 2],
}

impl PredictionFacets {
    /// Counts `samples`; those beyond the columns are ignored. `classes` is the model's number of classes; a prediction beyond it makes room.
    #[must_use]
    pub fn count(columns: &PredictionColumns, classes: usize, samples: &RoaringBitmap) -> Self {
        let mut facets = Self { classes: vec![0; classes], confidence: vec![0; CONFIDENCE_BINS], ..Self::default() };
        for row in samples.iter().map(|id| id as usize).take_while(|&row| row < columns.predicted.len()) {
            let class = columns.predicted[row];
            if class == NONE {
                facets.none += 1;
                continue;
            }
            if class as usize >= facets.classes.len() {
                facets.classes.resize(class as usize + 1, 0);
            }
            facets.classes[class as usize] += 1;
            facets.confidence[confidence_bin(columns.confidence[row])] += 1;
            if columns.label[row] != NONE {
                facets.correct[usize::from(columns.label[row] != class)] += 1;
            }
        }
        facets
    }
}

/// Everything counted of predictions over one set of samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictionCounts {
    /// How they spread.
    pub facets: PredictionFacets,
    /// How often they agree with the samples' own classes.
    pub confusion: Confusion,
}

impl PredictionCounts {
    /// Counts `samples`.
    #[must_use]
    pub fn count(columns: &PredictionColumns, classes: usize, samples: &RoaringBitmap) -> Self {
        Self {
            facets: PredictionFacets::count(columns, classes, samples),
            confusion: Counts::count(columns, samples).finish(),
        }
    }
}

/// The most probable classes of each row of scores, by softmax in double precision: class and probability, most probable first, equal
/// scores by index. Empty where a score is NaN or +inf, or all are -inf: then the model has said nothing.
#[must_use]
pub fn top_k(scores: &[f32], k: usize) -> Vec<(u32, f32)> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !largest.is_finite() || scores.iter().any(|score| score.is_nan()) {
        return Vec::new();
    }
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    let by_score = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then_with(|| a.cmp(b));
    if k < order.len() {
        order.select_nth_unstable_by(k, by_score);
        order.truncate(k);
    }
    order.sort_unstable_by(by_score);
    let exp = |score: f32| (f64::from(score) - f64::from(largest)).exp();
    let sum: f64 = scores.iter().map(|&score| exp(score)).sum();
    order.into_iter().map(|class| (class, (exp(scores[class as usize]) / sum) as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns from rows of (label, predicted, rank); -1 stands for none.
    fn columns(rows: &[(i64, i64, u8)]) -> PredictionColumns {
        let id = |value: i64| u32::try_from(value).unwrap_or(NONE);
        PredictionColumns {
            predicted: rows.iter().map(|row| id(row.1)).collect(),
            confidence: rows.iter().map(|row| if row.1 < 0 { f32::NAN } else { 0.5 }).collect(),
            label: rows.iter().map(|row| id(row.0)).collect(),
            rank: rows.iter().map(|row| row.2).collect(),
        }
    }

    /// Two of class 0 (one hit, one taken for 2 with the right one second), three of 1 (none right; two taken for 2, one for 0 with the right
    /// one sixth), one of 2 (right), one without class, one without prediction, one with neither.
    const ROWS: [(i64, i64, u8); 9] = [
        (0, 0, 0),
        (0, 2, 1),
        (1, 2, 2),
        (1, 2, 4),
        (1, 0, u8::MAX),
        (2, 2, 0),
        (-1, 5, u8::MAX),
        (3, -1, u8::MAX),
        (-1, -1, u8::MAX),
    ];

    #[test]
    fn figures_by_hand() {
        let all: RoaringBitmap = (0..20).collect();
        let found = Counts::count(&columns(&ROWS), &all).finish();
        assert_eq!((found.samples, found.predicted, found.labelled, found.unpredicted), (9, 7, 6, 1));
        assert_eq!((found.top1, found.top5), (Some(2.0 / 6.0), Some(5.0 / 6.0)));
        // Recalls 1/2, 0 and 1.
        assert_eq!(found.macro_recall, Some(0.5));
        let class = |class, n, hits, hits5, predicted, recall, precision| ClassRecall {
            class,
            n,
            hits,
            hits5,
            predicted,
            recall,
            precision,
        };
        assert_eq!(
            found.classes,
            [
                class(1, 3, 0, 2, 0, Some(0.0), None),
                class(0, 2, 1, 2, 2, Some(0.5), Some(0.5)),
                class(2, 1, 1, 1, 4, Some(1.0), Some(0.25)),
            ]
        );
        let pair = |truth, predicted, count, share| Pair { truth, predicted, count, share };
        assert_eq!(found.pairs, [pair(1, 2, 2, 2.0 / 3.0), pair(0, 2, 1, 0.5), pair(1, 0, 1, 1.0 / 3.0)]);
        // A class that is only ever predicted stands last and has no part in the mean.
        let found = Counts::count(&columns(&[(0, 0, 0), (0, 7, 1)]), &all).finish();
        assert_eq!((found.classes[1].class, found.classes[1].recall, found.macro_recall), (7, None, Some(0.5)));
    }

    #[test]
    fn nothing_to_compare_has_no_figures() {
        for rows in [&[][..], &[(-1, 3, u8::MAX)], &[(3, -1, u8::MAX)]] {
            let found = Counts::count(&columns(rows), &(0..9).collect()).finish();
            assert_eq!((found.top1, found.top5, found.macro_recall), (None, None, None));
            assert_eq!((found.classes.len(), found.pairs.len()), (0, 0));
        }
    }

    #[test]
    fn counts_of_parts_add_up() {
        let columns = columns(&ROWS);
        let count = |range: std::ops::Range<u32>| Counts::count(&columns, &range.collect());
        for cut in 0..9 {
            assert_eq!(count(0..cut).merge(&count(cut..9)), count(0..9), "cut at {cut}");
        }
        assert_ne!(count(0..3).merge(&count(4..9)), count(0..9));
    }

    #[test]
    fn ties_go_by_index() {
        let rows: Vec<_> = [(4, 1), (2, 9), (2, 3), (4, 0)].map(|(label, class)| (label, class, 1)).to_vec();
        let found = Counts::count(&columns(&rows), &(0..9).collect()).finish();
        let order: Vec<_> = found.pairs.iter().map(|pair| (pair.truth, pair.predicted)).collect();
        assert_eq!(order, [(2, 3), (2, 9), (4, 0), (4, 1)]);
    }

    #[test]
    fn bins_of_confidence_begin_where_filters_do() {
        for bin in 0..CONFIDENCE_BINS {
            let start = confidence_start(bin) as f32;
            assert_eq!(confidence_bin(start), bin, "{start}");
            if bin > 0 {
                assert_eq!(confidence_bin(start.next_down()), bin - 1, "below {start}");
            }
        }
        assert_eq!((confidence_bin(1.0), confidence_bin(0.0)), (CONFIDENCE_BINS - 1, 0));
    }

    #[test]
    fn facets_by_hand() {
        let mut columns = columns(&ROWS);
        columns.confidence = vec![0.0, 0.05, 0.149, 0.15, 0.95, 1.0, 0.35, f32::NAN, f32::NAN];
        let facets = PredictionFacets::count(&columns, 4, &(0..9).collect());
        assert_eq!(facets.classes, [2, 0, 4, 0, 0, 1]);
        assert_eq!((facets.none, facets.correct), (2, [2, 4]));
        let bins: Vec<_> = (0..CONFIDENCE_BINS).filter(|&bin| facets.confidence[bin] > 0).collect();
        assert_eq!(bins, [0, 1, 2, 3, 7, 19]);
        assert_eq!(facets.confidence[19], 2);
    }

    #[test]
    fn the_best_classes_by_softmax() {
        let check = |scores: &[f32], k: usize, expect: &[(u32, f64)]| {
            let found = top_k(scores, k);
            assert_eq!(found.len(), expect.len(), "{scores:?}");
            for ((class, p), (expect_class, expect_p)) in found.iter().zip(expect) {
                // Probabilities are stored as f32.
                assert!(class == expect_class && (f64::from(*p) - expect_p).abs() < 1e-7, "{scores:?}: {found:?}");
            }
        };
        let ln = |x: f64| x.ln() as f32;
        check(&[ln(1.0), ln(6.0), ln(3.0)], 2, &[(1, 0.6), (2, 0.3)]);
        check(&[ln(1.0), ln(6.0), ln(3.0)], 5, &[(1, 0.6), (2, 0.3), (0, 0.1)]);
        // Large scores do not overflow, equal ones go by index.
        check(&[3e38, 3e38, -3e38], 2, &[(0, 0.5), (1, 0.5)]);
        check(&[f32::NEG_INFINITY, 0.0], 2, &[(1, 1.0), (0, 0.0)]);
        check(&[0.0, f32::NAN], 2, &[]);
        check(&[0.0, f32::INFINITY], 2, &[]);
        check(&[f32::NEG_INFINITY; 2], 2, &[]);
        check(&[], 5, &[]);
    }
}
