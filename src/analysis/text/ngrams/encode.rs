//! Captions to numbered tokens.
//!
//! An [`Encoder`] belongs to one worker. It keeps the words it has met and the stream of their numbers, 0 after each
//! caption. What it gives are [`Run`]s: sorted words with counts, and the stream. With a budget the stream leaves memory block
//! by block, and a vocabulary that has grown over its share ends the run, so a worker's memory is bounded whatever the text.

use std::io;

use super::super::intern::{Interner, Words};
use super::super::tokens::{lower_into, token_ranges};
use super::run::{Block, Run, Vocabulary};
use super::store::SpillStore;
use super::{MAX_N, NgramError};

/// Ids of a block, at most (a longer caption makes a longer block).
const BLOCK: usize = 1 << 18;

/// Turns captions into [`Run`]s.
pub struct Encoder<'a> {
    spill: Option<Spill<'a>>,
    interner: Interner,
    ids: Vec<u32>,
    lowered: String,
    runs: Vec<Run>,
    run: RunSums,
}

struct Spill<'a> {
    store: &'a dyn SpillStore,
    number: u32,
    /// Bytes that the interner may hold.
    words_budget: usize,
    /// Ids that may wait in memory.
    ids_budget: usize,
}

#[derive(Default)]
struct RunSums {
    blocks: Vec<Block>,
    captions: u64,
    totals: [u64; MAX_N],
}

impl<'a> Encoder<'a> {
    /// An encoder that keeps everything in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            spill: None,
            interner: Interner::new(),
            ids: Vec::new(),
            lowered: String::new(),
            runs: Vec::new(),
            run: RunSums::default(),
        }
    }

    /// An encoder that holds about `budget` bytes at most and puts the rest into `store`.
    ///
    /// # Errors
    /// The I/O error of the store.
    pub fn spilling(store: &'a dyn SpillStore, budget: usize) -> Result<Self, NgramError> {
        let spill = Spill {
            store,
            number: store.create()?,
            // While a run ends, its words are sorted and written: twice the interner for a moment.
            words_budget: budget / 2,
            ids_budget: (budget / 32).clamp(1 << 12, BLOCK),
        };
        Ok(Self { spill: Some(spill), ..Self::in_memory() })
    }

    /// Adds one caption.
    ///
    /// # Errors
    /// The I/O error of the store.
    #[inline]
    pub fn push(&mut self, caption: &str) -> Result<(), NgramError> {
        self.lowered.clear();
        lower_into(caption, &mut self.lowered);
        let length = self.lowered.len();
        // The interner reads eight bytes from the beginning of every token.
        self.lowered.push_str("        ");
        let before = self.ids.len();
        let (interner, ids, text) = (&mut self.interner, &mut self.ids, self.lowered.as_bytes());
        token_ranges(&self.lowered[..length], |from, to| ids.push(interner.id(text, from, to)));
        let tokens = (self.ids.len() - before) as u64;
        self.ids.push(0);
        self.run.captions += 1;
        for (n, total) in self.run.totals.iter_mut().enumerate() {
            *total += tokens.saturating_sub(n as u64);
        }
        let limit = self.spill.as_ref().map_or(BLOCK, |spill| spill.ids_budget);
        if self.ids.len() >= limit {
            self.end_block()?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), NgramError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let block = match &self.spill {
            None => Block::Memory(std::mem::replace(&mut self.ids, Vec::with_capacity(BLOCK + 1024))),
            Some(spill) => {
                let block = Block::store(spill.store, spill.number, &self.ids)?;
                self.ids.clear();
                block
            }
        };
        self.run.blocks.push(block);
        // The arena's offsets are 32-bit: a run ends long before they are used up, budget or not.
        let words_budget = self.spill.as_ref().map_or(1 << 31, |spill| spill.words_budget);
        if self.interner.bytes() > words_budget {
            self.end_run()?;
        }
        Ok(())
    }

    fn end_run(&mut self) -> Result<(), NgramError> {
        let sums = std::mem::take(&mut self.run);
        if sums.captions == 0 {
            return Ok(());
        }
        let (words, counts) = std::mem::replace(&mut self.interner, Interner::new()).finish();
        let n_words = words.len() as u32;
        let vocabulary = match &self.spill {
            None => Vocabulary::memory(words, counts),
            Some(spill) => Vocabulary::store(spill.store, spill.store.create()?, &words, &counts)?,
        };
        self.runs.push(Run { vocabulary, n_words, blocks: sums.blocks, captions: sums.captions, totals: sums.totals });
        Ok(())
    }

    /// The runs of everything pushed.
    ///
    /// # Errors
    /// The I/O error of the store.
    pub fn finish(mut self) -> Result<Vec<Run>, NgramError> {
        self.end_block()?;
        self.end_run()?;
        Ok(self.runs)
    }
}

impl Run {
    /// Puts what is in memory into the store `number`: a run that came from a cache, or was made for one, then costs next to no
    /// memory. Nobody else may append to that number meanwhile: what belongs together has to stand together.
    ///
    /// # Errors
    /// The I/O error of the store.
    pub fn into_store(mut self, store: &dyn SpillStore, number: u32) -> Result<Self, NgramError> {
        if let Vocabulary::Memory { words, counts, .. } = &self.vocabulary {
            self.vocabulary = Vocabulary::store(store, number, words, counts)?;
        }
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in self.blocks {
            match block {
                // What is scanned at once must stay small, whatever a cache held; a caption never spans two blocks.
                Block::Memory(ids) => {
                    let mut rest = &ids[..];
                    while !rest.is_empty() {
                        let end = rest.get(..BLOCK).and_then(|ids| ids.iter().rposition(|&id| id == 0));
                        let end = end.or_else(|| rest.iter().position(|&id| id == 0)).map_or(rest.len(), |at| at + 1);
                        let (block, tail) = rest.split_at(end);
                        blocks.push(Block::store(store, number, block)?);
                        rest = tail;
                    }
                }
                stored @ Block::Stored { .. } => blocks.push(stored),
            }
        }
        self.blocks = blocks;
        Ok(self)
    }
}

impl Vocabulary {
    fn memory(words: Words, counts: Vec<u32>) -> Self {
        Self::Memory { order: words.sorted(), words, counts }
    }

    /// Writes `[bytes of the word u32][local id u32][count u32][word]` in the order of the words.
    fn store(store: &dyn SpillStore, number: u32, words: &Words, counts: &[u32]) -> io::Result<Self> {
        let mut buffer = Vec::with_capacity(1 << 16);
        let mut bytes = 0;
        // Where the end is now, by appending nothing.
        let offset = store.append(number, &[])?;
        for index in words.sorted() {
            let word = words.get(index);
            for field in [word.len() as u32, index + 1, counts[index as usize]] {
                buffer.extend_from_slice(&field.to_le_bytes());
            }
            buffer.extend_from_slice(word);
            if buffer.len() > 1 << 16 {
                store.append(number, &buffer)?;
                bytes += buffer.len() as u64;
                buffer.clear();
            }
        }
        store.append(number, &buffer)?;
        bytes += buffer.len() as u64;
        Ok(Self::Stored { store: number, offset, bytes })
    }
}
