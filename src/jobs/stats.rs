//! Statistics of texts and labels for sets of samples: [`compute`], and the lane that the window asks.
//!
//! How it works: every shard is cut into pieces of [`PIECE_ROWS`] rows. A *partial* of a piece is its caption lengths, its words by part of
//! speech and its numbered tokens (a [`Run`]); partials merge, whatever the order. Workers, one a core, take piece after piece: if all rows of a
//! piece are asked for, its partial comes from the catalog (table `partials`, under the id of this reading of the shard, the text field and the
//! first row) or is made and put there; if only some are asked for (a selection), it is made of those and not kept. So a second answer
//! over the same data reads no text, other thresholds and rankings included, and a shard that changed is the only one that is read again.
//! Then [`ngrams::count`] counts the n-grams of all runs at once; that part is not cached, because counts of n-grams would be
//! larger than the tokens they come from.
//!
//! Memory: a piece's partial is at most a few dozen megabytes; runs stay in memory up to a quarter of the budget and go to
//! temporary files ([`SpillFolder`], beside the catalogs) beyond. A piece with more than [`PIECE_BYTES`] of text is not cached and spills
//! while it is read. Labels are counted from the columns in memory.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use roaring::RoaringBitmap;

use super::newest::Answering;
use super::spill::{self, SpillFolder};
use super::status::Running;
use super::{Event, Outbox, Population};
use crate::analysis::text::leaves::{LeafPartial, ancestors};
use crate::analysis::text::lift::{self, STRENGTH};
use crate::analysis::text::ngrams::{self, Counts, Encoder, NgramError, Options, Run, SpillStore};
use crate::analysis::text::pos::{PosCounter, PosPartial};
use crate::analysis::text::report::{
    DatasetStats, GramLift, Labels, LeafHistogram, LeafLift, LengthStats, LiftStats, NgramStats, PosStats, StatsReport,
    StatsRequest, TextField, VocabularyStats, Work,
};
use crate::analysis::text::tagger::{Session, Tag, Tagger};
use crate::analysis::text::vocabulary;
use crate::analysis::text::words::WordsPartial;
use crate::base::{CancelToken, Cancelled, Progress};
use crate::catalog::{Catalog, CatalogError, Columns, NONE, Texts};

/// Rows of a piece, from the first row of its shard on.
pub const PIECE_ROWS: u32 = 1 << 14;

/// A piece with more text than this is not cached: what is read from a cache stands in memory at once.
pub const PIECE_BYTES: u64 = 24 << 20;

/// Name of the partials in the catalog, and the version of their definitions: one more whenever a definition or the tagger changes.
const KIND: &str = "text statistics 1";

/// A set of samples to describe.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name in the report.
    pub name: String,
    /// The samples.
    pub samples: Arc<RoaringBitmap>,
}

/// Why there are no statistics.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The n-grams cannot be counted.
    #[error(transparent)]
    Ngrams(NgramError),
    /// There is no place for temporary files.
    #[error("cannot make a folder for temporary files ({source}): {}", path.display())]
    Spill {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A worker stopped by a defect.
    #[error("a defect of the program stopped counting; nothing was changed")]
    Defect,
}

impl From<NgramError> for StatsError {
    fn from(error: NgramError) -> Self {
        match error {
            NgramError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Ngrams(other),
        }
    }
}

/// Statistics of `groups`: sets of samples of the population that `columns` describes. Two groups are counted side by side, with lift;
/// more are counted one after the other, without. `progress` counts samples.
///
/// # Errors
/// Cancelled; the catalog or the temporary files cannot be used.
pub fn compute(
    columns: &Columns,
    groups: &[Group],
    request: &StatsRequest,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<StatsReport, StatsError> {
    let started = Instant::now();
    progress.set_total(groups.iter().map(|group| group.samples.len()).sum());
    let mut report = StatsReport { text: request.text, min_count: request.min_count.max(1), ..StatsReport::default() };
    let folder = spill_folder(columns)?;
    let counting = Counting { columns, request, spill: &folder, progress, cancel };
    if let [a, b] = groups {
        let (a_texts, b_texts) = (counting.texts(a, &mut report.work)?, counting.texts(b, &mut report.work)?);
        counting.finish_two([a, b], a_texts, b_texts, &mut report)?;
    } else {
        for group in groups {
            let texts = counting.texts(group, &mut report.work)?;
            counting.finish_one(group, texts, &mut report)?;
        }
    }
    report.work.spilled_bytes = folder.bytes();
    report.work.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// Beside the catalogs, where there is room for what was read from the data.
fn spill_folder(columns: &Columns) -> Result<SpillFolder, StatsError> {
    let beside = columns.datasets.first().and_then(|dataset| dataset.columns.catalog.parent());
    let parent = spill::parent(&beside.map_or_else(crate::base::dirs::cache_dir, Path::to_owned));
    SpillFolder::new(&parent).map_err(|source| StatsError::Spill { path: parent, source })
}

/// A piece of a shard, or of what a group has of it.
struct Piece {
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
struct Partial {
    words: WordsPartial,
    pos: PosPartial,
    runs: Vec<Run>,
    work: Work,
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
fn text_of<'a>(texts: Texts<'a>, field: TextField, buffer: &'a mut String) -> Option<&'a str> {
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

/// One answer being made.
struct Counting<'a> {
    columns: &'a Columns,
    request: &'a StatsRequest,
    spill: &'a SpillFolder,
    progress: &'a Progress,
    cancel: &'a CancelToken,
}

/// What all workers of a group share.
struct Shared<'a> {
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
    fn texts(&self, group: &Group, work: &mut Work) -> Result<Partial, StatsError> {
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

    fn options(&self, table: bool) -> Options {
        Options {
            max_n: self.request.ngrams,
            min_count: self.request.min_count,
            top: self.request.top,
            memory: usize::try_from(self.request.memory_bytes).unwrap_or(usize::MAX),
            table,
            distinct: false,
        }
    }

    fn finish_one(&self, group: &Group, texts: Partial, report: &mut StatsReport) -> Result<(), StatsError> {
        let a = ngrams::Partial::from_runs(texts.runs);
        let counts = ngrams::count(a, None, &self.options(false), self.spill, self.cancel)?;
        report.work.scans += counts.orders.iter().map(|order| order.scans as u64).sum::<u64>();
        let leaves = self.leaves(&group.samples);
        report.datasets.push(self.dataset(group, &texts.words, &texts.pos, &leaves, &counts, 0, false));
        Ok(())
    }

    fn finish_two(
        &self,
        [a, b]: [&Group; 2],
        a_texts: Partial,
        b_texts: Partial,
        report: &mut StatsReport,
    ) -> Result<(), StatsError> {
        let (a_runs, b_runs) = (ngrams::Partial::from_runs(a_texts.runs), ngrams::Partial::from_runs(b_texts.runs));
        let mut counts = ngrams::count(a_runs, Some(b_runs), &self.options(true), self.spill, self.cancel)?;
        report.work.scans += counts.orders.iter().map(|order| order.scans as u64).sum::<u64>();
        let (a_leaves, b_leaves) = (self.leaves(&a.samples), self.leaves(&b.samples));
        // A selection beside the whole: what it is compared with is the rest, and all of its n-grams are in the whole.
        let is_part = a.samples.len() < b.samples.len() && a.samples.is_subset(&b.samples);
        report.datasets.push(self.dataset(a, &a_texts.words, &a_texts.pos, &a_leaves, &counts, 0, !is_part));
        report.datasets.push(self.dataset(b, &b_texts.words, &b_texts.pos, &b_leaves, &counts, 1, !is_part));
        self.cancel.check()?;
        if is_part {
            for order in &mut counts.orders {
                order.sides[1].total -= order.sides[0].total;
                order.table.iter_mut().for_each(|gram| gram.counts[1] -= gram.counts[0]);
            }
        }
        let grams = |n: usize| {
            // A side without texts has nothing to compare.
            if counts.orders[0].sides.iter().any(|side| side.total == 0) {
                return Vec::new();
            }
            let [marks_a, mut marks_b] = lift::marks(&counts, n, self.request.top, STRENGTH);
            // Strongest of B last, ties in alphabetical order as everywhere.
            marks_b.sort_by(|x, y| y.z.total_cmp(&x.z).then_with(|| x.item.cmp(&y.item)));
            let both = marks_a.into_iter().chain(marks_b);
            both.map(|lift| GramLift { figures: (&lift).into(), gram: lift.item }).collect()
        };
        report.lift = Some(LiftStats {
            a: a.name.clone(),
            b: if is_part { format!("the rest of {}", b.name) } else { b.name.clone() },
            words: grams(1),
            bigrams: grams(2),
            leaves: self.leaf_lift(&a_leaves, &b_leaves, is_part),
        });
        Ok(())
    }

    fn leaf_lift(&self, a: &LeafPartial, b: &LeafPartial, is_part: bool) -> Vec<LeafLift> {
        let (a, b) = (a.counts(), b.counts());
        let in_b = |name: &String, in_a: u64| b.get(name).copied().unwrap_or(0) - if is_part { in_a } else { 0 };
        let items = a
            .iter()
            .map(|(name, &count)| (name, [count, in_b(name, count)]))
            .chain(b.iter().filter(|(name, _)| !a.contains_key(*name)).map(|(name, &count)| (name, [0, count])));
        let items: Vec<(&String, [u64; 2])> = items.collect();
        let totals: [u64; 2] = [0, 1].map(|side: usize| items.iter().map(|(_, counts)| counts[side]).sum());
        if totals.contains(&0) {
            // A side without labels has nothing to compare.
            return Vec::new();
        }
        let lifts = lift::lift(items, totals, STRENGTH);
        let top = self.request.top_leaves;
        let of_a = lifts.iter().take_while(|lift| lift.z > 0.0).count().min(top);
        let of_b = lifts.iter().rev().take_while(|lift| lift.z < 0.0).count().min(top);
        let both = lifts[..of_a].iter().chain(&lifts[lifts.len() - of_b..]);
        both.map(|lift| LeafLift { leaf: lift.item.clone(), figures: lift.into() }).collect()
    }

    /// Labels of a group, from the columns.
    fn leaves(&self, samples: &RoaringBitmap) -> LeafPartial {
        let column = |ids: &[u32], names: &[Arc<str>]| {
            LeafPartial::of(samples.iter().map(|id| ids.get(id as usize).copied().unwrap_or(NONE)), names)
        };
        match self.request.labels {
            Labels::Leaf => column(&self.columns.leaf, &self.columns.leaves),
            Labels::Brand => column(&self.columns.brand, &self.columns.brands),
            Labels::Level(level) => {
                let tree = &self.columns.taxonomy;
                let parents: Vec<u32> = tree.nodes.iter().map(|node| node.parent).collect();
                let up = ancestors(&parents, usize::from(level));
                let paths: Vec<Arc<str>> =
                    (0..).zip(&tree.nodes).map(|(id, _)| tree.path(id).join(" > ").into()).collect();
                let ids: Vec<u32> =
                    self.columns.node.iter().map(|&node| up.get(node as usize).copied().unwrap_or(NONE)).collect();
                column(&ids, &paths)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one entry of the report, put together in one place")]
    fn dataset(
        &self,
        group: &Group,
        words: &WordsPartial,
        pos: &PosPartial,
        leaves: &LeafPartial,
        counts: &Counts,
        side: usize,
        is_beside: bool,
    ) -> DatasetStats {
        let leaves = leaves.stats(self.request.top_leaves);
        DatasetStats {
            name: group.name.clone(),
            samples: group.samples.len(),
            captions: words.captions(),
            words: lengths(words),
            ngrams: counts
                .orders
                .iter()
                .map(|order| {
                    let found = &order.sides[side];
                    let overlap = vocabulary::overlap(found).filter(|_| is_beside);
                    NgramStats {
                        n: order.n,
                        total: found.total,
                        distinct: found.distinct.filter(|_| order.n == 1),
                        at_least_min: found.at_least_min,
                        top: found.top.clone(),
                        shared: overlap.map(|overlap| overlap.types),
                        shared_tokens: overlap.map(|overlap| overlap.tokens),
                    }
                })
                .collect(),
            pos: parts_of_speech(pos, self.request.min_count.max(1), self.request.top),
            leaves: LeafHistogram {
                distinct: leaves.distinct,
                labelled: leaves.labelled,
                none: leaves.none,
                top: leaves.top,
            },
            vocabulary: shape(counts, side),
        }
    }
}

fn lengths(words: &WordsPartial) -> LengthStats {
    let histogram = words.histogram(2);
    match words.stats() {
        None => LengthStats { histogram, ..LengthStats::default() },
        Some(stats) => LengthStats {
            min: Some(stats.min),
            max: Some(stats.max),
            mean: Some(stats.mean),
            median: Some(stats.median),
            std: Some(stats.std),
            skew: stats.skew,
            total: stats.total,
            histogram,
        },
    }
}

/// The tags of the paper first.
const FIRST: [Tag; 4] = [Tag::Noun, Tag::Propn, Tag::Adj, Tag::Verb];

fn parts_of_speech(pos: &PosPartial, min_count: u64, top: usize) -> Vec<PosStats> {
    let mut all: Vec<PosStats> = pos
        .stats(min_count, top)
        .into_iter()
        .map(|stats| PosStats {
            tag: stats.tag,
            distinct: stats.distinct,
            at_least_min: stats.at_least_min,
            tokens: stats.tokens,
            share: stats.share,
            top: stats.top,
        })
        .collect();
    // Stable: the others stay in alphabetical order.
    all.sort_by_key(|stats| FIRST.iter().position(|tag| *tag == stats.tag).unwrap_or(FIRST.len()));
    all
}

/// Points of the vocabulary's curves in each factor of ten.
const PER_DECADE: u32 = 10;

fn shape(counts: &Counts, side: usize) -> VocabularyStats {
    let zipf = vocabulary::rank_frequency(&counts.spectra[side], PER_DECADE);
    let heaps = vocabulary::growth(&counts.spectra[side], PER_DECADE);
    VocabularyStats { zipf_law: vocabulary::zipf(&zipf), heaps_law: vocabulary::heaps(&heaps), zipf, heaps }
}

/// What the window asks: the answer is an [`Event::Stats`].
#[derive(Clone, Debug)]
pub struct StatsAsk {
    /// Number of the request; the answer carries it.
    pub generation: u64,
    /// Over what.
    pub population: Arc<Population>,
    /// The sets to describe; two are put side by side.
    pub groups: Vec<Group>,
    /// What to count.
    pub request: StatsRequest,
}

/// The lane's way to an answer.
pub(super) const ANSWERING: Answering<StatsAsk, Result<StatsReport, StatsError>> =
    Answering { name: "stats", doing: "counting words", title: "Counting words", work, tell };

fn work(ask: &StatsAsk, job: &Running, _: &Outbox) -> Result<StatsReport, StatsError> {
    compute(&ask.population.columns, &ask.groups, &ask.request, &job.progress, &job.cancel)
}

fn tell(ask: &StatsAsk, report: Result<StatsReport, StatsError>, is_late: bool, outbox: &Outbox) {
    let report = match report {
        // Whoever asked again waits for no answer; where it was stopped by hand, the window has to know.
        Err(StatsError::Cancelled(_)) if is_late => return,
        Ok(report) => Ok(Arc::new(report)),
        Err(error) => Err(error.to_string()),
    };
    outbox.send(Event::Stats { generation: ask.generation, report });
}
