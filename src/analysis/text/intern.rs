//! Words to dense numbers.
//!
//! Most words of captions have eight bytes or fewer. Such a word is a `u64` by itself (no token contains a zero byte, so
//! zero padding keeps words apart): comparing is one instruction and nothing else is read. Longer words are found by their
//! hash and compared in the arena. The count stands beside the number, in the cache line that was read anyway.

/// A slot of either table; free while `id` is 0.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// The word itself (short) or its hash (long).
    key: u64,
    /// Number of the word, from 1.
    id: u32,
    /// How often it was seen.
    count: u32,
}

/// An open-addressing table of a power of two slots, at most half full.
struct Table {
    slots: Vec<Slot>,
    used: usize,
}

impl Table {
    fn new() -> Self {
        Self { slots: vec![Slot::default(); 1 << 12], used: 0 }
    }

    /// Where the search for a key begins: the top bits of a multiplicative hash.
    #[inline]
    fn start(&self, key: u64) -> usize {
        (hash(key) >> (64 - self.slots.len().trailing_zeros())) as usize
    }

    fn grow(&mut self) {
        let doubled = vec![Slot::default(); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, doubled);
        let mask = self.slots.len() - 1;
        for slot in old.into_iter().filter(|slot| slot.id != 0) {
            let mut at = self.start(slot.key);
            while self.slots[at].id != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = slot;
        }
    }
}

#[inline]
const fn hash(key: u64) -> u64 {
    (key ^ (key >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Hash of a long word, eight bytes at a time.
fn hash_long(word: &[u8]) -> u64 {
    let mut sum = word.len() as u64;
    let (whole, rest) = word.as_chunks::<8>();
    for eight in whole {
        sum = (sum.rotate_left(23) ^ u64::from_le_bytes(*eight)).wrapping_mul(0xA076_1D64_78BD_642F);
    }
    let mut tail = [0; 8];
    tail[..rest.len()].copy_from_slice(rest);
    (sum.rotate_left(23) ^ u64::from_le_bytes(tail)).wrapping_mul(0xE703_7ED1_A0B4_28DB)
}

/// Distinct words in the order of their first appearance, with counts.
pub(super) struct Interner {
    short: Table,
    long: Table,
    words: Words,
}

impl Interner {
    pub(super) fn new() -> Self {
        Self { short: Table::new(), long: Table::new(), words: Words::default() }
    }

    /// The number of a word, from 1; counts it. `text[from..to]` is the word (not empty); at least eight bytes
    /// follow `from` in `text`, whatever they are.
    #[inline]
    pub(super) fn id(&mut self, text: &[u8], from: usize, to: usize) -> u32 {
        let length = to - from;
        if length <= 8
            && let Some(eight) = text[from..].first_chunk::<8>()
        {
            let key = u64::from_le_bytes(*eight) & (u64::MAX >> (64 - 8 * length));
            let mask = self.short.slots.len() - 1;
            let mut at = self.short.start(key);
            loop {
                let slot = &mut self.short.slots[at & mask];
                if slot.key == key {
                    slot.count += 1;
                    return slot.id;
                }
                if slot.id == 0 {
                    break;
                }
                at += 1;
            }
            return self.add_short(&text[from..to], key, at & mask);
        }
        self.id_long(&text[from..to])
    }

    #[cold]
    fn add_short(&mut self, word: &[u8], key: u64, at: usize) -> u32 {
        let id = self.words.push(word);
        self.short.slots[at] = Slot { key, id, count: 1 };
        self.short.used += 1;
        if self.short.used * 2 > self.short.slots.len() {
            self.short.grow();
        }
        id
    }

    fn id_long(&mut self, word: &[u8]) -> u32 {
        let key = hash_long(word);
        let mask = self.long.slots.len() - 1;
        let mut at = self.long.start(key);
        loop {
            let slot = &mut self.long.slots[at];
            if slot.id == 0 {
                break;
            }
            if slot.key == key && self.words.get(slot.id - 1) == word {
                slot.count += 1;
                return slot.id;
            }
            at = (at + 1) & mask;
        }
        let id = self.words.push(word);
        self.long.slots[at] = Slot { key, id, count: 1 };
        self.long.used += 1;
        if self.long.used * 2 > self.long.slots.len() {
            self.long.grow();
        }
        id
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        (self.short.slots.len() + self.long.slots.len()) * size_of::<Slot>() + self.words.bytes()
    }

    /// The words with their counts (`counts[id - 1]`), the tables given up.
    pub(super) fn finish(self) -> (Words, Vec<u32>) {
        let mut counts = vec![0; self.words.len()];
        for slot in self.short.slots.iter().chain(&self.long.slots).filter(|slot| slot.id != 0) {
            counts[slot.id as usize - 1] = slot.count;
        }
        (self.words, counts)
    }
}

/// Many strings in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Words {
    /// Appends a word and gives its number plus one.
    pub(super) fn push(&mut self, word: &[u8]) -> u32 {
        self.text.extend_from_slice(word);
        self.ends.push(self.text.len() as u32);
        self.ends.len() as u32
    }

    /// The bytes of a word, from 0.
    #[inline]
    pub(super) fn get(&self, index: u32) -> &[u8] {
        let index = index as usize;
        let from = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.text[from..self.ends[index] as usize]
    }

    /// A word, from 0.
    #[must_use]
    pub fn word(&self, index: u32) -> &str {
        std::str::from_utf8(self.get(index)).unwrap_or_default()
    }

    /// Number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 4
    }

    /// Numbers of the words in the order of their bytes.
    pub(super) fn sorted(&self) -> Vec<u32> {
        // By the first eight bytes as one number; only words that share them are compared in the arena.
        let mut order: Vec<(u64, u32)> = (0..self.len() as u32)
            .map(|index| {
                let word = self.get(index);
                let mut eight = [0; 8];
                let n = word.len().min(8);
                eight[..n].copy_from_slice(&word[..n]);
                (u64::from_be_bytes(eight), index)
            })
            .collect();
        order.sort_unstable();
        for same in order.chunk_by_mut(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            same.sort_unstable_by(|a, b| self.get(a.1).cmp(self.get(b.1)));
        }
        order.into_iter().map(|(_, index)| index).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_get_numbers_by_first_appearance_and_counts() {
        let mut interner = Interner::new();
        let words = ["a", "ab", "12345678", "123456789", "a", "12345678x", "123456789", "é", "a"];
        let ids: Vec<u32> = words
            .iter()
            .map(|word| {
                let mut text = word.as_bytes().to_vec();
                text.extend_from_slice(b"garbage!");
                interner.id(&text, 0, word.len())
            })
            .collect();
        assert_eq!(ids, [1, 2, 3, 4, 1, 5, 4, 6, 1]);
        let (words, counts) = interner.finish();
        assert_eq!(counts, [3, 1, 1, 2, 1, 1]);
        let sorted: Vec<&str> = words.sorted().into_iter().map(|index| words.word(index)).collect();
        assert_eq!(sorted, ["12345678", "123456789", "12345678x", "a", "ab", "é"]);
    }

    #[test]
    fn many_words_survive_growth() {
        let mut interner = Interner::new();
        for round in 0..2 {
            for i in 0..30_000_u32 {
                let word = format!("{i}{}", if i % 3 == 0 { "-a-long-one" } else { "" });
                let text = format!("{word}        ");
                let id = interner.id(text.as_bytes(), 0, word.len());
                assert_eq!(id, i + 1, "round {round}");
            }
        }
        assert!(interner.finish().1.iter().all(|&count| count == 2));
    }
}
