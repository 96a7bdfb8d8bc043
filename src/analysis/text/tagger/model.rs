//! The file of the model.

use super::Tag;

/// The class of a word that the training text has at least twice: the tags it gave to a twelfth of its
/// occurrences or more, and the most frequent of them.
#[must_use]
pub fn lexicon_class(counts: &[u32; Tag::COUNT]) -> Option<u32> {
    let total: u32 = counts.iter().sum();
    if total < 2 {
        return None;
    }
    let best = (1..Tag::COUNT).fold(0, |best, tag| if counts[tag] > counts[best] { tag } else { best });
    let mask = (0..Tag::COUNT).filter(|&tag| counts[tag] * 12 >= total).fold(0, |mask, tag| mask | 1 << tag);
    Some(mask << 5 | best as u32)
}

/// Packs
pub fn pack<'a>(_kept: &[u32], _weights: &[[f32; Tag::COUNT]], _lexicon: impl Iterator<Item = (u64, &'a [u32; Tag::COUNT])>) -> Vec<u8> {
    Vec::new()
}
