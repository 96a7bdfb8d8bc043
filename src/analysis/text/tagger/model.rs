//! The file of the model, and the table that it becomes.
//!
//! The file is one zstd frame. Inside, little-endian: `SPT1`, number of lexicon entries u32, number of features u32; the lexicon's
//! word hashes (top 32 bits, ascending, as LEB128 differences) and their classes (u32 each, byte planes); the features' hashes
//! (ascending, as LEB128 differences) and their weights, one signed byte for each tag, all weights of a tag together (they compress better
//! so). Only sums of weights are compared, so their scale is not kept.

use std::collections::HashMap;

use super::Tag;
use super::features::{self, CERTAIN, CONTEXT, RADIUS, Word};

const MAGIC: &[u8] = b"SPT1";
/// Lanes of a row: the tags, padded to whole registers.
pub(super) const LANES: usize = 20;
/// Weights of one feature.
pub(super) type Weights = [i8; LANES];
/// Sums of weights. A word has fewer than 200 features, so 16 bits hold every sum.
pub(super) type Scores = [i16; LANES];

/// The class of a word that the training text has at least twice: the tags it gave to a twelfth of its
/// occurrences or more, and the most frequent of them; with [`CERTAIN`] where there is no other tag in at least sixty occurrences (one stray
/// tag in five hundred is taken for a slip).
#[must_use]
pub fn lexicon_class(counts: &[u32; Tag::COUNT]) -> Option<u32> {
    let total: u32 = counts.iter().sum();
    if total < 2 {
        return None;
    }
    let best = (1..Tag::COUNT).fold(0, |best, tag| if counts[tag] > counts[best] { tag } else { best });
    let mask = (0..Tag::COUNT).filter(|&tag| counts[tag] * 12 >= total).fold(0, |mask, tag| mask | 1 << tag);
    let certain = if total >= 60 && (total - counts[best]) * 500 <= total { CERTAIN } else { 0 };
    Some(certain | mask << 5 | best as u32)
}

/// Packs a trained model, uncompressed. `features` are ascending hashes with their weights; `lexicon` gives the counts of tags of lower-cased
/// words by their hashes. Weights are rounded to `-levels..=levels` (127 at most); features whose weights all round to zero are left out.
pub fn pack<'a>(
    features: &[u32],
    weights: &[[f32; Tag::COUNT]],
    lexicon: impl Iterator<Item = (u64, &'a [u32; Tag::COUNT])>,
    levels: i8,
) -> Vec<u8> {
    let levels = f32::from(levels);
    // The few largest weights are cut so that the many small ones keep their differences.
    let mut sizes: Vec<f32> = weights.iter().flatten().map(|w| w.abs()).filter(|&w| w > 0.0).collect();
    sizes.sort_unstable_by(f32::total_cmp);
    let limit = sizes.get(sizes.len().saturating_sub(1 + sizes.len() / 20_000)).copied().unwrap_or(1.0);
    let byte = |w: f32| (w / limit * levels).round().clamp(-levels, levels) as i8;
    let kept: Vec<(u32, [i8; Tag::COUNT])> = features
        .iter()
        .zip(weights)
        .map(|(&feature, row)| (feature, row.map(byte)))
        .filter(|(_, row)| row.iter().any(|&w| w != 0))
        .collect();
    let mut words: Vec<(u32, u32)> =
        lexicon.filter_map(|(lower, counts)| Some(((lower >> 32) as u32, lexicon_class(counts)?))).collect();
    words.sort_unstable();
    words.dedup_by_key(|word| word.0);

    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&(words.len() as u32).to_le_bytes());
    out.extend_from_slice(&(kept.len() as u32).to_le_bytes());
    put_ascending(&mut out, words.iter().map(|word| word.0));
    for plane in 0..4 {
        out.extend(words.iter().map(|word| word.1.to_le_bytes()[plane]));
    }
    put_ascending(&mut out, kept.iter().map(|row| row.0));
    for tag in 0..Tag::COUNT {
        out.extend(kept.iter().map(|row| row.1[tag] as u8));
    }
    out
}

fn put_ascending(out: &mut Vec<u8>, values: impl Iterator<Item = u32>) {
    let mut last = 0;
    for value in values {
        let mut rest = value - last;
        last = value;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }
}

fn take_ascending(rest: &mut &[u8], n: usize) -> Option<Vec<u32>> {
    let mut values = Vec::with_capacity(n.min(rest.len()));
    let mut last = 0_u32;
    for _ in 0..n {
        let (mut difference, mut shift) = (0_u32, 0);
        loop {
            let (&byte, tail) = rest.split_first()?;
            *rest = tail;
            difference |= u32::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        last = last.checked_add(difference)?;
        values.push(last);
    }
    Some(values)
}

/// A slot of the table of features; free while the weights are all zero (no feature is kept with such weights).
#[derive(Clone, Copy, Default)]
struct Slot {
    feature: u32,
    weights: Weights,
}

/// Weights by feature: open addressing, by the bits below [`CONTEXT`].
struct Table {
    slots: Vec<Slot>,
    shift: u32,
}

impl Table {
    fn new(rows: &[(u32, Weights)]) -> Self {
        // A third stays free at least: most look-ups are of features that are not there, and should end at once.
        let n_slots = (rows.len() * 3 / 2).next_power_of_two().max(2);
        let mut table = Self { slots: vec![Slot::default(); n_slots], shift: 31 - n_slots.trailing_zeros() };
        for &(feature, weights) in rows.iter().filter(|row| row.1 != [0; LANES]) {
            let mut at = ((feature & !CONTEXT) >> table.shift) as usize;
            while table.slots[at].weights != [0; LANES] {
                at = (at + 1) & (n_slots - 1);
            }
            table.slots[at] = Slot { feature, weights };
        }
        table
    }

    /// Adds the weights of a feature to the scores.
    #[inline]
    fn add(&self, feature: u32, scores: &mut Scores) {
        let mask = self.slots.len() - 1;
        let mut at = ((feature & !CONTEXT) >> self.shift) as usize;
        loop {
            let slot = &self.slots[at & mask];
            if slot.feature == feature {
                scores.iter_mut().zip(slot.weights).for_each(|(score, weight)| *score += i16::from(weight));
                return;
            }
            if slot.weights == [0; LANES] {
                return;
            }
            at += 1;
        }
    }
}

/// A model ready to be used.
pub(super) struct Model {
    types: Table,
    contexts: Table,
    /// One bit for each value of the bits 9 to 30 of a context's feature (512 KiB, which stays in the second-level cache): set where
    /// a feature is. It spares nine look-ups in ten of what is not there.
    filter: Vec<u64>,
    lexicon: HashMap<u32, u32, rustc_hash::FxBuildHasher>,
}

/// Bits of a feature that the filter does not look at.
const FILTER_SHIFT: u32 = 9;

impl Model {
    /// Reads the uncompressed bytes of a model; `None` if they are damaged.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (n_words, rest) = rest.split_first_chunk::<4>()?;
        let (n_features, mut rest) = rest.split_first_chunk::<4>()?;
        let (n_words, n_features) = (u32::from_le_bytes(*n_words) as usize, u32::from_le_bytes(*n_features) as usize);
        let words = take_ascending(&mut rest, n_words)?;
        let (planes, tail) = rest.split_at_checked(n_words.checked_mul(4)?)?;
        rest = tail;
        let class = |i: usize| u32::from_le_bytes([0, 1, 2, 3].map(|plane| planes[plane * n_words + i]));
        if (0..n_words).any(|i| class(i) & 31 >= Tag::COUNT as u32) {
            return None;
        }
        let lexicon = words.iter().enumerate().map(|(i, &word)| (word, class(i))).collect();
        let features = take_ascending(&mut rest, n_features)?;
        if rest.len() != n_features.checked_mul(Tag::COUNT)? {
            return None;
        }
        let rows: Vec<(u32, Weights)> = features
            .iter()
            .enumerate()
            .map(|(i, &feature)| {
                let mut weights = [0; LANES];
                (0..Tag::COUNT).for_each(|tag| weights[tag] = rest[tag * n_features + i].cast_signed());
                (feature, weights)
            })
            .collect();
        let (types, contexts) = rows.split_at(rows.partition_point(|row| row.0 & CONTEXT == 0));
        let mut filter = vec![0_u64; 1 << (31 - FILTER_SHIFT - 6)];
        for (feature, _) in contexts {
            let bit = (feature & !CONTEXT) >> FILTER_SHIFT;
            filter[(bit >> 6) as usize] |= 1 << (bit & 63);
        }
        Some(Self { types: Table::new(types), contexts: Table::new(contexts), filter, lexicon })
    }

    /// Adds the weights of a feature of the context to the scores.
    #[inline]
    pub(super) fn add(&self, feature: u32, scores: &mut Scores) {
        let bit = (feature & !CONTEXT) >> FILTER_SHIFT;
        if self.filter[(bit >> 6) as usize] >> (bit & 63) & 1 != 0 {
            self.contexts.add(feature, scores);
        }
    }

    /// A word, and the sums of the weights of its type's features at each offset.
    pub(super) fn word(&self, form: &str) -> (Word, [Scores; 2 * RADIUS + 1]) {
        let mut rows = [[0; LANES]; 2 * RADIUS + 1];
        let word = features::word(
            form,
            |lower| self.lexicon.get(&((lower >> 32) as u32)).copied(),
            |offset, feature| self.types.add(feature, &mut rows[offset]),
        );
        (word, rows)
    }

    /// The same of what stands before the first and behind the last word.
    pub(super) fn edge(&self) -> (Word, [Scores; 2 * RADIUS + 1]) {
        let mut rows = [[0; LANES]; 2 * RADIUS + 1];
        features::edge(|offset, feature| self.types.add(feature, &mut rows[offset]));
        (Word::edge(), rows)
    }
}
