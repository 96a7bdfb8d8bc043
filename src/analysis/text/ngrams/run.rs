//! Runs: counted vocabulary and numbered tokens of some captions.
//!
//! A run is the partial of n-gram counting. It is smaller than the counts of its n-grams would be, and counting
//! many runs together is faster than merging many sorted lists of n-grams would be; so partials keep the tokens, merging is
//! putting runs side by side, and the counts are made at the end, for all of them at once.

use std::io;

use super::super::intern::Words;
use super::store::SpillStore;
use super::{MAX_N, NgramError};

/// Counted vocabulary and token stream of some captions.
#[derive(Clone, Debug)]
pub struct Run {
    pub(super) vocabulary: Vocabulary,
    /// Local ids are `1..=n_words`.
    pub(super) n_words: u32,
    pub(super) blocks: Vec<Block>,
    pub(super) captions: u64,
    /// Number of n-grams for `n = 1..=MAX_N`.
    pub(super) totals: [u64; MAX_N],
}

#[derive(Clone, Debug)]
pub(super) enum Vocabulary {
    Memory { words: Words, counts: Vec<u32>, order: Vec<u32> },
    Stored { store: u32, offset: u64, bytes: u64 },
}

/// A piece of the stream of local ids, 0 after each caption; a caption never spans two.
#[derive(Clone, Debug)]
pub(super) enum Block {
    Memory(Vec<u32>),
    Stored { store: u32, offset: u64, ids: usize },
}

impl Block {
    pub(super) fn store(store: &dyn SpillStore, number: u32, ids: &[u32]) -> io::Result<Self> {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for id in ids {
            bytes.extend_from_slice(&id.to_le_bytes());
        }
        Ok(Self::Stored { store: number, offset: store.append(number, &bytes)?, ids: ids.len() })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Memory(ids) => ids.len(),
            Self::Stored { ids, .. } => *ids,
        }
    }

    /// The ids, read into `scratch` if they are in a store.
    pub(super) fn ids<'a>(&'a self, store: &dyn SpillStore, scratch: &'a mut Scratch) -> io::Result<&'a [u32]> {
        match self {
            Self::Memory(ids) => Ok(ids),
            Self::Stored { store: number, offset, ids } => {
                scratch.bytes.resize(ids * 4, 0);
                store.read_at(*number, *offset, &mut scratch.bytes)?;
                scratch.ids.clear();
                scratch.ids.extend(scratch.bytes.as_chunks::<4>().0.iter().map(|id| u32::from_le_bytes(*id)));
                Ok(&scratch.ids)
            }
        }
    }
}

/// Buffers for reading blocks.
#[derive(Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    ids: Vec<u32>,
}

impl Run {
    /// Number of captions.
    #[must_use]
    pub fn captions(&self) -> u64 {
        self.captions
    }

    /// Number of tokens.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.totals[0]
    }

    /// Bytes held in memory, about.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let vocabulary = match &self.vocabulary {
            Vocabulary::Memory { words, counts, order } => words.bytes() + 4 * (counts.len() + order.len()),
            Vocabulary::Stored { .. } => 0,
        };
        let block = |block: &Block| match block {
            Block::Memory(ids) => 4 * ids.capacity(),
            Block::Stored { .. } => 0,
        };
        vocabulary + self.blocks.iter().map(block).sum::<usize>()
    }

    /// Number of tokens and caption ends in the stream.
    pub(super) fn ids(&self) -> usize {
        self.blocks.iter().map(Block::len).sum()
    }

    /// The run as bytes, for a cache. Runs that were spilled are not written: their store does not outlive the job.
    ///
    /// Layout, little-endian: `SNG1`, words u32, captions u64, totals 5 x u64, then per word in byte order local id u32, count u32, length
    /// u32 and its bytes, then the ids u64 of the stream and each as a LEB128.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let Vocabulary::Memory { words, counts, order } = &self.vocabulary else { return None };
        let mut out = Vec::with_capacity(words.bytes() * 2 + self.ids() * 2);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.n_words.to_le_bytes());
        out.extend_from_slice(&self.captions.to_le_bytes());
        self.totals.iter().for_each(|total| out.extend_from_slice(&total.to_le_bytes()));
        for &index in order {
            let word = words.get(index);
            for field in [index + 1, counts[index as usize], word.len() as u32] {
                out.extend_from_slice(&field.to_le_bytes());
            }
            out.extend_from_slice(word);
        }
        out.extend_from_slice(&(self.ids() as u64).to_le_bytes());
        for block in &self.blocks {
            let Block::Memory(ids) = block else { return None };
            for &id in ids {
                let mut rest = id;
                while rest >= 0x80 {
                    out.push(rest as u8 | 0x80);
                    rest >>= 7;
                }
                out.push(rest as u8);
            }
        }
        Some(out)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`NgramError::Damaged`] if the bytes are cut, of another version, or inconsistent.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NgramError> {
        Self::parse(bytes).ok_or(NgramError::Damaged)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let n_words = take_u32(&mut rest)?;
        let captions = take_u64(&mut rest)?;
        let mut totals = [0; MAX_N];
        for total in &mut totals {
            *total = take_u64(&mut rest)?;
        }
        // A word takes 13 bytes at least: a damaged number must not reserve gigabytes.
        if n_words as usize > rest.len() / 13 {
            return None;
        }
        let mut words = Words::default();
        let mut sorted = Vec::with_capacity(n_words as usize);
        for _ in 0..n_words {
            let (local, count, length) = (take_u32(&mut rest)?, take_u32(&mut rest)?, take_u32(&mut rest)? as usize);
            let (word, tail) = rest.split_at_checked(length)?;
            rest = tail;
            if !(1..=n_words).contains(&local) || std::str::from_utf8(word).is_err() || word.is_empty() {
                return None;
            }
            sorted.push((local - 1, count, words.push(word) - 1));
        }
        // Back to local ids.
        let (mut by_local, mut counts) = (vec![u32::MAX; n_words as usize], vec![0; n_words as usize]);
        for &(local, count, at) in &sorted {
            by_local[local as usize] = at;
            counts[local as usize] = count;
        }
        let mut local_words = Words::default();
        for &at in &by_local {
            if at == u32::MAX {
                return None;
            }
            local_words.push(words.get(at));
        }
        let order: Vec<u32> = sorted.iter().map(|&(local, ..)| local).collect();
        if !order.windows(2).all(|pair| local_words.get(pair[0]) < local_words.get(pair[1])) {
            return None;
        }
        let n_ids = take_u64(&mut rest)? as usize;
        if n_ids > rest.len() {
            return None;
        }
        let mut ids = Vec::with_capacity(n_ids);
        for _ in 0..n_ids {
            let mut id = 0_u64;
            let mut shift = 0;
            loop {
                let (&byte, tail) = rest.split_first()?;
                rest = tail;
                id |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
                if shift > 28 {
                    return None;
                }
            }
            if id > u64::from(n_words) {
                return None;
            }
            ids.push(id as u32);
        }
        let ends = ids.iter().filter(|&&id| id == 0).count() as u64;
        if !rest.is_empty()
            || ends != captions
            || (ids.len() as u64 - ends) != totals[0]
            || ids.last().is_some_and(|&id| id != 0)
        {
            return None;
        }
        let vocabulary = Vocabulary::Memory { words: local_words, counts, order };
        Some(Self { vocabulary, n_words, blocks: vec![Block::Memory(ids)], captions, totals })
    }
}

const MAGIC: &[u8] = b"SNG1";

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (four, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    Some(u32::from_le_bytes(*four))
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let (eight, tail) = rest.split_first_chunk::<8>()?;
    *rest = tail;
    Some(u64::from_le_bytes(*eight))
}
