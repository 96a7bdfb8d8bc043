//! Pieces of shards: their partials, from the catalog or made of the texts, by as many workers as there are cores.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use roaring::RoaringBitmap;

use super::{Counting, Group, KIND, PIECE_BYTES, PIECE_ROWS, StatsError};
use crate::analysis::text::ngrams::{Encoder, NgramError, Run, SpillStore};
use crate::analysis::text::pos::{PosCounter, PosPartial};
use crate::analysis::text::report::{TextField, Work};
use crate::analysis::text::tagger::{Session, Tagger};
use crate::analysis::text::words::WordsPartial;
use crate::catalog::{Catalog, CatalogError, Texts};

/// A piece of a shard, or of what a group has of it.
pub(super) struct Piece {
    /// Position of its dataset.
    dataset: usize,
    /// The shard's id in its catalog.
    shard: i64,
    /// First row in the shard.
    first: u32,
    /// Its rows in the dataset.
    rows: Range<u32>,
    /// True if the group has all of them.
    whole: bool,
}

/// What is known of a piece, or of many.
#[derive(Default)]
pub(super) struct Partial {
    pub(super) words: WordsPartial,
    pub(super) pos: PosPartial,
    pub(super) runs: Vec<Run>,
    pub(super) work: Work,
}

impl Partial {
    fn merge(&mut self, other: Self) {
        self.words.merge(&other.words);
        self.pos = self.pos.merge(&other.pos);
        self.runs.extend(other.runs);
        for (sum, more) in [
            (&mut self.work.pieces_cached, other.work.pieces_cached),
            (&mut self.work.pieces_read, other.work.pieces_read),
            (&mut self.work.texts_read, other.work.texts_read),
            (&mut self.work.bytes_read, other.work.bytes_read),
        ] {
            *sum += more;
        }
    }

    /// For the catalog: lengths of the first two sections (u32 each), caption lengths as JSON, words by part of speech as JSON, the run.
    fn to_bytes(&self) -> Option<Vec<u8>> {
        let words = serde_json::to_vec(&self.words).ok()?;
        let pos = serde_json::to_vec(&self.pos).ok()?;
        let run = match &self.runs[..] {
            [] => Vec::new(),
            [run] => run.to_bytes()?,
            _ => return None,
        };
        let mut out = Vec::with_capacity(8 + words.len() + pos.len() + run.len());
        out.extend_from_slice(&u32::try_from(words.len()).ok()?.to_le_bytes());
        out.extend_from_slice(&u32::try_from(pos.len()).ok()?.to_le_bytes());
        for section in [words, pos, run] {
            out.extend_from_slice(&section);
        }
        Some(out)
    }

    /// `None` if the bytes are damaged: then the piece is counted again.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.split_first_chunk::<4>()?;
        let (pos, rest) = rest.split_first_chunk::<4>()?;
        let (words, rest) = rest.split_at_checked(u32::from_le_bytes(*words) as usize)?;
        let (pos, run) = rest.split_at_checked(u32::from_le_bytes(*pos) as usize)?;
        Some(Self {
            words: serde_json::from_slice(words).ok()?,
            pos: serde_json::from_slice(pos).ok()?,
            runs: if run.is_empty() { Vec::new() } else { vec![Run::from_bytes(run).ok()?] },
            work: Work::default(),
        })
    }
}

/// The text of a sample, joined in `buffer` where it is more than one field.
pub(super) fn text_of<'a>(texts: Texts<'a>, field: TextField, buffer: &'a mut String) -> Option<&'a str> {
    match field {
        TextField::Caption => texts.caption,
        TextField::Title => texts.title,
        TextField::Description => texts.description,
        TextField::Bullets => texts.bullets,
        TextField::TitleDescription => match (texts.title, texts.description) {
            (Some(title), Some(description)) => {
                buffer.clear();
                buffer.push_str(title);
                buffer.push('\n');
                buffer.push_str(description);
                Some(buffer)
            }
            (title, description) => title.or(description),
        },
    }
}

/// What all workers of a group share.
pub(super) struct Shared<'a> {
    samples: &'a RoaringBitmap,
    pieces: &'a [Piece],
    next: AtomicUsize,
    /// Bytes of runs in memory.
    held: AtomicUsize,
    /// False once the catalog could not be written: it is not tried again for every piece.
    can_keep: AtomicBool,
    failed: AtomicBool,
    threads: usize,
}

impl Counting<'_> {
    /// Lengths, words by part of speech and tokens of a group's texts.
    pub(super) fn texts(&self, group: &Group, work: &mut Work) -> Result<Partial, StatsError> {
        let pieces = self.pieces(&group.samples);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(pieces.len().max(1));
        let shared = Shared {
            samples: &group.samples,
            pieces: &pieces,
            next: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            can_keep: AtomicBool::new(true),
            failed: AtomicBool::new(false),
            threads,
        };
        let found: Mutex<Vec<Result<Partial, StatsError>>> = Mutex::default();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.work(&shared)))
                        .unwrap_or(Err(StatsError::Defect));
                    if done.is_err() {
                        shared.failed.store(true, Ordering::Relaxed);
                    }
                    found.lock().unwrap_or_else(PoisonError::into_inner).push(done);
                });
            }
        });
        let mut sum = Partial::default();
        // The error of one worker stops the others; theirs is the same or none.
        for partial in found.into_inner().unwrap_or_else(PoisonError::into_inner) {
            sum.merge(partial?);
        }
        work.pieces_cached += sum.work.pieces_cached;
        work.pieces_read += sum.work.pieces_read;
        work.texts_read += sum.work.texts_read;
        work.bytes_read += sum.work.bytes_read;
        Ok(sum)
    }

    /// What a group has of each piece.
    fn pieces(&self, samples: &RoaringBitmap) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (dataset, info) in self.columns.datasets.iter().enumerate() {
            for shard in info.columns.shards.iter() {
                for first in (0..shard.rows).step_by(PIECE_ROWS as usize) {
                    let rows =
                        shard.first_row + first..shard.first_row + shard.rows.min(first.saturating_add(PIECE_ROWS));
                    let ids = info.range.start + rows.start..info.range.start + rows.end;
                    let has = samples.range_cardinality(ids);
                    if has > 0 {
                        let whole = has == rows.len() as u64;
                        pieces.push(Piece { dataset, shard: shard.id, first, rows, whole });
                    }
                }
            }
        }
        pieces
    }

    /// What one worker does.
    fn work(&self, shared: &Shared) -> Result<Partial, StatsError> {
        let mut catalogs: Vec<Option<Catalog>> = self.columns.datasets.iter().map(|_| None).collect();
        let mut session = Tagger::bundled().session();
        // What this worker puts aside: a file of its own.
        let mut store: Option<u32> = None;
        // Words by part of speech are merged pairwise, as a counter of two digits carries: the large sum is not copied for every piece.
        let mut sums: Vec<(u32, Partial)> = Vec::new();
        while let Some(piece) = shared.pieces.get(shared.next.fetch_add(1, Ordering::Relaxed)) {
            self.cancel.check()?;
            if shared.failed.load(Ordering::Relaxed) {
                break;
            }
            let info = &self.columns.datasets[piece.dataset];
            let catalog = match &mut catalogs[piece.dataset] {
                Some(catalog) => &*catalog,
                slot => {
                    let catalog = Catalog::open_read(&info.columns.catalog)?;
                    catalog.adopt(&info.columns);
                    &*slot.insert(catalog)
                }
            };
            let mut partial = self.piece(piece, catalog, &mut session, shared)?;
            for run in std::mem::take(&mut partial.runs) {
                let bytes = run.memory_bytes();
                if shared.held.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.request.memory_bytes as usize / 4 {
                    partial.runs.push(run);
                    continue;
                }
                shared.held.fetch_sub(bytes, Ordering::Relaxed);
                let number = match store {
                    Some(number) => number,
                    None => *store.insert(self.spill.create().map_err(NgramError::Spill)?),
                };
                partial.runs.push(run.into_store(self.spill, number)?);
            }
            let mut carry = (0, partial);
            while let Some((level, _)) = sums.last()
                && *level == carry.0
                && let Some((level, sum)) = sums.pop()
            {
                carry.1.merge(sum);
                carry.0 = level + 1;
            }
            sums.push(carry);
        }
        Ok(sums.into_iter().fold(Partial::default(), |mut all, (_, partial)| {
            all.merge(partial);
            all
        }))
    }

    /// The partial of a piece: from the catalog, or made, and then put there.
    fn piece(
        &self,
        piece: &Piece,
        catalog: &Catalog,
        session: &mut Session,
        shared: &Shared,
    ) -> Result<Partial, StatsError> {
        let params = format!("{}/{}", self.request.text.name(), piece.first);
        let n = piece.rows.len() as u64;
        if piece.whole
            && let Some(mut partial) =
                catalog.partial(piece.shard, KIND, &params)?.and_then(|bytes| Partial::from_bytes(&bytes))
        {
            self.progress.add(n);
            self.progress.add_samples(n);
            partial.work.pieces_cached = 1;
            return Ok(partial);
        }
        let partial = self.read(piece, catalog, session, shared)?;
        if piece.whole
            && partial.work.bytes_read <= PIECE_BYTES
            && shared.can_keep.load(Ordering::Relaxed)
            && let Some(bytes) = partial.to_bytes()
            && let Err(error) = catalog.set_partial(piece.shard, KIND, &params, &bytes)
        {
            // The answer is the same without a cache. A writer between two shards lets the next piece through; a full disk does not.
            if !matches!(error, CatalogError::Busy(_)) {
                shared.can_keep.store(false, Ordering::Relaxed);
            }
            tracing::debug!(%error, "statistics of a piece are not kept");
        }
        Ok(partial)
    }

    /// Reads the texts of a piece.
    fn read(
        &self,
        piece: &Piece,
        catalog: &Catalog,
        session: &mut Session,
        shared: &Shared,
    ) -> Result<Partial, StatsError> {
        let mut partial = Partial { work: Work { pieces_read: 1, ..Work::default() }, ..Partial::default() };
        let mut pos = PosCounter::new(session);
        // In memory while it can be cached, or while it is small against the budget.
        let budget = self.request.memory_bytes as usize / 4 / shared.threads;
        let mut encoder = Encoder::in_memory();
        let mut runs = Vec::new();
        let (mut spilling, mut encoded) = (false, 0_u64);
        let mut rows = RoaringBitmap::new();
        if piece.whole {
            rows.insert_range(piece.rows.clone());
        } else {
            let start = self.columns.datasets[piece.dataset].range.start;
            rows.extend(shared.samples.range(start + piece.rows.start..start + piece.rows.end).map(|id| id - start));
        }
        let mut buffer = String::new();
        let mut waiting = 0;
        catalog.each_text(&rows, |texts| -> Result<(), StatsError> {
            self.cancel.check()?;
            waiting += 1;
            if waiting == 64 {
                self.progress.add(waiting);
                self.progress.add_samples(waiting);
                waiting = 0;
            }
            let Some(text) = text_of(texts, self.request.text, &mut buffer) else { return Ok(()) };
            partial.work.texts_read += 1;
            partial.work.bytes_read += text.len() as u64;
            partial.words.push(text);
            pos.push(text);
            encoded += text.len() as u64;
            if !spilling && encoded > PIECE_BYTES {
                let full = std::mem::replace(&mut encoder, Encoder::spilling(self.spill, budget)?);
                let number = self.spill.create().map_err(NgramError::Spill)?;
                for run in full.finish()? {
                    runs.push(run.into_store(self.spill, number)?);
                }
                spilling = true;
            }
            encoder.push(text)?;
            Ok(())
        })?;
        self.progress.add(waiting);
        self.progress.add_samples(waiting);
        runs.extend(encoder.finish()?);
        partial.pos = pos.finish();
        partial.runs = runs;
        Ok(partial)
    }
}
