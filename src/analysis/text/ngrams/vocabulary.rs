//! The words of all runs together: one k-way merge of sorted vocabularies.

use std::collections::BTreeMap;
use std::io;

use super::super::intern::Words;
use super::run::{Run, Vocabulary};
use super::store::SpillStore;
use super::top::{Ranked, Top};
use super::{Gram, NgramError, Options, SIDES, Side};
use crate::base::CancelToken;

/// Words that n-grams are counted of, and what the merge counted on its way.
pub(super) struct Union {
    /// Kept words by id - 1: by descending count over both sides, ties alphabetical.
    pub(super) words: Words,
    /// Counts of the kept words by id - 1.
    pub(super) counts: Vec<[u64; SIDES]>,
    /// Place of a kept word in alphabetical order, by id - 1.
    pub(super) alphabetical: Vec<u32>,
    /// Per run: local id -> id of the kept word, or 0.
    pub(super) ids: Vec<Vec<u32>>,
    pub(super) sides: [Side; SIDES],
    /// Per side: count -> number of distinct words.
    pub(super) spectra: [BTreeMap<u64, u64>; SIDES],
}

/// A run's vocabulary, read from its first word to its last.
enum Cursor<'a> {
    Memory {
        words: &'a Words,
        counts: &'a [u32],
        order: &'a [u32],
    },
    Stored {
        store: &'a dyn SpillStore,
        number: u32,
        offset: u64,
        end: u64,
        buffer: Vec<u8>,
        at: usize,
        word: (usize, usize),
        local: u32,
        count: u32,
    },
}

const WINDOW: usize = 1 << 15;

impl<'a> Cursor<'a> {
    fn new(run: &'a Run, store: &'a dyn SpillStore) -> Self {
        match &run.vocabulary {
            Vocabulary::Memory { words, counts, order } => Self::Memory { words, counts, order },
            Vocabulary::Stored { store: number, offset, bytes } => Self::Stored {
                store,
                number: *number,
                offset: *offset,
                end: *offset + *bytes,
                buffer: Vec::new(),
                at: 0,
                word: (0, 0),
                local: 0,
                count: 0,
            },
        }
    }

    /// Goes to the first word. False if there is none.
    fn start(&mut self) -> io::Result<bool> {
        match self {
            Self::Memory { order, .. } => Ok(!order.is_empty()),
            Self::Stored { .. } => self.advance(),
        }
    }

    /// Goes to the next word. False at the end.
    fn advance(&mut self) -> io::Result<bool> {
        match self {
            Self::Memory { order, .. } => {
                *order = &order[1..];
                Ok(!order.is_empty())
            }
            Self::Stored { store, number, offset, end, buffer, at, word, local, count } => {
                // Makes sure that `need` bytes stand at `at`; false at the end of the store.
                let mut fill = |buffer: &mut Vec<u8>, at: &mut usize, need: usize| -> io::Result<bool> {
                    while buffer.len() - *at < need {
                        if *offset == *end {
                            return Ok(false);
                        }
                        buffer.drain(..*at);
                        *at = 0;
                        let more = (*end - *offset).min(WINDOW.max(need) as u64) as usize;
                        let from = buffer.len();
                        buffer.resize(from + more, 0);
                        store.read_at(*number, *offset, &mut buffer[from..])?;
                        *offset += more as u64;
                    }
                    Ok(true)
                };
                if !fill(buffer, at, 12)? {
                    return Ok(false);
                }
                let field = |i: usize| {
                    u32::from_le_bytes([buffer[*at + i], buffer[*at + i + 1], buffer[*at + i + 2], buffer[*at + i + 3]])
                };
                let length = field(0) as usize;
                (*local, *count) = (field(4), field(8));
                if !fill(buffer, at, 12 + length)? {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                *word = (*at + 12, *at + 12 + length);
                *at += 12 + length;
                Ok(true)
            }
        }
    }

    fn word(&self) -> &[u8] {
        match self {
            Self::Memory { words, order, .. } => words.get(order[0]),
            Self::Stored { buffer, word, .. } => &buffer[word.0..word.1],
        }
    }

    /// Local id and count of the current word.
    fn local(&self) -> (u32, u32) {
        match self {
            Self::Memory { counts, order, .. } => (order[0] + 1, counts[order[0] as usize]),
            Self::Stored { local, count, .. } => (*local, *count),
        }
    }
}

/// A heap of cursors by their words: the smallest word first, ties by the number of the run.
struct Heap<'a> {
    cursors: Vec<Cursor<'a>>,
    heap: Vec<u32>,
}

impl<'a> Heap<'a> {
    fn new(mut cursors: Vec<Cursor<'a>>) -> io::Result<Self> {
        let mut heap = Vec::new();
        for (i, cursor) in cursors.iter_mut().enumerate() {
            if cursor.start()? {
                heap.push(i as u32);
            }
        }
        let mut all = Self { cursors, heap };
        (0..all.heap.len() / 2).rev().for_each(|at| all.sift(at));
        Ok(all)
    }

    fn less(&self, a: u32, b: u32) -> bool {
        (self.cursors[a as usize].word(), a) < (self.cursors[b as usize].word(), b)
    }

    fn sift(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let mut least = at;
            for child in [left, right] {
                if child < self.heap.len() && self.less(self.heap[child], self.heap[least]) {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }

    /// Moves the first cursor on and restores the order.
    fn advance(&mut self) -> io::Result<()> {
        if !self.cursors[self.heap[0] as usize].advance()? {
            self.heap.swap_remove(0);
        }
        self.sift(0);
        Ok(())
    }
}

/// Merges the vocabularies of the runs; `sides[i]` is the side of run `i`. Words seen `keep` times or more over both sides are kept.
pub(super) fn union(
    runs: &[Run],
    sides: &[u8],
    keep: u64,
    options: &Options,
    store: &dyn SpillStore,
    cancel: &CancelToken,
) -> Result<Union, NgramError> {
    let mut ids: Vec<Vec<u32>> = runs.iter().map(|run| vec![0; run.n_words as usize + 1]).collect();
    let mut heap = Heap::new(runs.iter().map(|run| Cursor::new(run, store)).collect())?;
    let mut words = Words::default();
    let mut counts: Vec<[u64; SIDES]> = Vec::new();
    let mut found: [Side; SIDES] = Default::default();
    let mut spectra: [BTreeMap<u64, u64>; SIDES] = Default::default();
    let mut tops: [Top<Box<str>>; SIDES] = [Top::new(options.top), Top::new(options.top)];
    let (mut word, mut places) = (Vec::new(), Vec::new());
    let mut seen = 0_u32;
    while let Some(&first) = heap.heap.first() {
        seen = seen.wrapping_add(1);
        if seen.is_multiple_of(1 << 14) {
            cancel.check()?;
        }
        word.clear();
        word.extend_from_slice(heap.cursors[first as usize].word());
        places.clear();
        let mut count = [0; SIDES];
        while let Some(&run) = heap.heap.first() {
            let cursor = &heap.cursors[run as usize];
            if cursor.word() != word {
                break;
            }
            let (local, here) = cursor.local();
            count[sides[run as usize] as usize] += u64::from(here);
            places.push((run, local));
            heap.advance()?;
        }
        for (side, sum) in found.iter_mut().enumerate() {
            sum.add(count[side], count[1 - side], options.min_count);
            if count[side] > 0 {
                *spectra[side].entry(count[side]).or_default() += 1;
            }
            if count[side] > 0 && tops[side].wants(count[side]) {
                tops[side].push(Ranked { count: count[side], key: String::from_utf8_lossy(&word).into() });
            }
        }
        if count.iter().sum::<u64>() >= keep {
            words.push(&word);
            counts.push(count);
            for &(run, local) in &places {
                ids[run as usize][local as usize] = counts.len() as u32;
            }
        }
    }
    for (side, top) in found.iter_mut().zip(tops) {
        side.top =
            top.into_sorted().into_iter().map(|word| Gram { gram: word.key.into(), count: word.count }).collect();
    }
    // From alphabetical places to ids by frequency: frequent words get small ids, which keeps the tables of ids in the cache.
    let mut by_count: Vec<u32> = (0..counts.len() as u32).collect();
    by_count.sort_by_key(|&place| std::cmp::Reverse(counts[place as usize].iter().sum::<u64>()));
    let mut id_of = vec![0; counts.len() + 1];
    let mut ranked = Words::default();
    for &place in &by_count {
        id_of[place as usize + 1] = ranked.push(words.get(place));
    }
    ids.iter_mut().flatten().for_each(|id| *id = id_of[*id as usize]);
    let counts = by_count.iter().map(|&place| counts[place as usize]).collect();
    Ok(Union { words: ranked, counts, alphabetical: by_count, ids, sides: found, spectra })
}
