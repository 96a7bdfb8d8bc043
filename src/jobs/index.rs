//! Indexing: shards to catalogs.
//!
//! Parser threads claim shards one after the other and send chunks through a bounded channel per shard; the
//! calling thread is the one writer of each catalog and takes the shards in the order in which they were
//! claimed, each as one transaction. So parsing and compressing use all cores, writing needs no lock,
//! and memory is bounded by the channels however many or large the shards are.
//!
//! First the samples of all datasets are read, then their text is made searchable: pictures can be
//! browsed before words can be found. Whatever stops a run - a cancel, a kill, a full disk - leaves
//! committed shards behind and the next run goes on from there.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use serde::Serialize;

use crate::base::{CancelToken, Cancelled, Progress, Warning, WarningKind};
use crate::catalog::{CatalogError, Chunk, ChunkBuilder, Columns, Plan, Store, Writer};
use crate::formats::{self, FieldMap, Format, FormatError, RawSample, ReadOptions, Shard, Sink, Source};

/// How to index.
#[derive(Clone, Debug)]
pub struct IndexOptions {
    /// Choice of fields; remembered with the catalog. Empty: the choice remembered there, else the guess.
    pub map: FieldMap,
    /// Make texts searchable.
    pub text_index: bool,
    /// Parser threads; 0: one a core.
    pub jobs: usize,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self { map: FieldMap::default(), text_index: true, jobs: 0 }
    }
}

/// What happens while indexing. `dataset` is the position in the list of sources.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are named for what they are; see the enum's comment for `dataset`")]
pub enum IndexEvent {
    /// Another process indexes this dataset; it is waited for.
    Waiting { dataset: usize },
    /// A shard begins to be written.
    ShardStarted { dataset: usize, shard: String },
    /// A shard's samples are in the catalog.
    ShardCommitted { dataset: usize, shard: String, rows: u32 },
    /// A shard's text can be searched.
    SearchableShard { dataset: usize, shard: String },
    /// Something could not be read; the rest goes on.
    Warning { dataset: usize, warning: Warning },
}

/// What an indexing run did to one dataset, and what its catalog holds now.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DatasetReport {
    /// Display name.
    pub name: String,
    /// Its folder or file.
    pub root: PathBuf,
    /// The format's word.
    pub format: String,
    /// Samples in the catalog.
    pub samples: u64,
    /// Shards in the catalog.
    pub shards: u64,
    /// Samples with a picture.
    pub with_image: u64,
    /// Pictures that cannot be read.
    pub unreadable: u64,
    /// Shards that were read in this run.
    pub read: u64,
    /// Shards that had not changed.
    pub unchanged: u64,
    /// Shards that are gone from the dataset and were taken out of the catalog.
    pub removed: u64,
    /// Everything that could not be read, from this run and earlier ones.
    pub warnings: Vec<Warning>,
    /// The catalog file.
    pub catalog: PathBuf,
}

/// What an indexing run did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IndexReport {
    /// One entry a source, in their order; those that a cancel left untouched are missing.
    pub datasets: Vec<DatasetReport>,
    /// Seconds it took.
    pub seconds: f64,
    /// True if it was stopped on request before it was done.
    pub cancelled: bool,
}

/// Chunks that may wait for the writer, per parser: about a megabyte each at most.
const QUEUE: usize = 16;

/// Indexes `sources` into the catalogs of `store`.
///
/// Progress counts bytes of shards, once for reading and once for making text searchable.
///
/// # Errors
/// What keeps a catalog from being read or written (what was committed stands). A cancel is no error.
pub fn index_sources(
    store: &Store,
    sources: &[Source],
    options: &IndexOptions,
    progress: &Progress,
    cancel: &CancelToken,
    on_event: &(impl Fn(IndexEvent) + Sync + ?Sized),
) -> Result<IndexReport, CatalogError> {
    let started = Instant::now();
    let mut report = IndexReport::default();
    let mut done = run(store, sources, options, progress, cancel, on_event, &mut report);
    if done.as_ref().is_err_and(CatalogError::is_corrupt) {
        // The damage is noted beside the catalog: opening it again sets it aside.
        report.datasets.clear();
        done = run(store, sources, options, progress, cancel, on_event, &mut report);
    }
    match done {
        Err(CatalogError::Cancelled(Cancelled)) => report.cancelled = true,
        done => done?,
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// Indexes `sources` and reads them into memory. A catalog that turns out to be damaged on the way is set
/// aside and built again, once.
///
/// # Errors
/// As [`index_sources`]; also if it was cancelled.
pub fn load_sources(
    store: &Store,
    sources: &[Source],
    options: &IndexOptions,
    progress: &Progress,
    cancel: &CancelToken,
    on_event: &(impl Fn(IndexEvent) + Sync + ?Sized),
) -> Result<(IndexReport, Columns), CatalogError> {
    let load = || -> Result<_, CatalogError> {
        let report = index_sources(store, sources, options, progress, cancel, on_event)?;
        cancel.check()?;
        let parts = report
            .datasets
            .iter()
            .map(|dataset| Ok(std::sync::Arc::new(crate::catalog::Catalog::open_read(&dataset.catalog)?.snapshot()?)));
        let parts = parts.collect::<Result<Vec<_>, CatalogError>>()?;
        Ok((report, Columns::concat(&parts)))
    };
    match load() {
        Err(error) if error.is_corrupt() => load(),
        loaded => loaded,
    }
}

/// Calls `tick` every `every` from a thread of its own while `work` runs, and once at its end.
pub fn while_ticking<T>(every: Duration, tick: impl Fn() + Sync, work: impl FnOnce() -> T) -> T {
    let (done, ended) = bounded::<()>(0);
    thread::scope(|scope| {
        let tick = &tick;
        scope.spawn(move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                tick();
            }
            tick();
        });
        let value = work();
        drop(done);
        value
    })
}

fn run(
    store: &Store,
    sources: &[Source],
    options: &IndexOptions,
    progress: &Progress,
    cancel: &CancelToken,
    on_event: &(impl Fn(IndexEvent) + Sync + ?Sized),
    report: &mut IndexReport,
) -> Result<(), CatalogError> {
    let mut open = Vec::new();
    let mut bytes = 0;
    for (dataset, source) in sources.iter().enumerate() {
        let mut work = Dataset::open(store, dataset, source, options, cancel, on_event)?;
        work.plan = work.writer.plan(source)?;
        let to_read: u64 = work.plan.to_read.iter().map(|&at| source.shards[at].fingerprint.bytes).sum();
        bytes += to_read * (1 + u64::from(options.text_index));
        open.push(work);
    }
    progress.set_total(bytes.max(1));
    let mut result = Ok(());
    for work in &mut open {
        result = work.read(store, options, progress, cancel, on_event);
        if result.is_err() {
            break;
        }
    }
    if result.is_ok() && options.text_index {
        for work in &open {
            result = work.index_texts(progress, cancel, on_event);
            if result.is_err() {
                break;
            }
        }
    }
    let cancelled = matches!(result, Err(CatalogError::Cancelled(_)));
    if result.is_ok() || cancelled {
        for work in &open {
            report.datasets.push(work.report()?);
        }
    }
    progress.add(bytes.max(1));
    result
}

/// One dataset being indexed.
struct Dataset<'a> {
    index: usize,
    source: &'a Source,
    writer: Writer,
    plan: Plan,
    /// About the catalog itself; the others are in it.
    warnings: Vec<Warning>,
}

impl<'a> Dataset<'a> {
    /// Opens the catalog for writing; waits while another process does.
    fn open(
        store: &Store,
        index: usize,
        source: &'a Source,
        options: &IndexOptions,
        cancel: &CancelToken,
        on_event: &(impl Fn(IndexEvent) + Sync + ?Sized),
    ) -> Result<Self, CatalogError> {
        let mut waiting = false;
        let (mut writer, warnings) = loop {
            if let Some(opened) = Writer::open(store, source)? {
                break opened;
            }
            if !waiting {
                waiting = true;
                on_event(IndexEvent::Waiting { dataset: index });
            }
            cancel.check()?;
            thread::sleep(Duration::from_millis(50));
        };
        if !options.map.0.is_empty() {
            writer.set_field_map(&options.map)?;
        }
        for warning in &warnings {
            on_event(IndexEvent::Warning { dataset: index, warning: warning.clone() });
        }
        Ok(Self { index, source, writer, plan: Plan::default(), warnings })
    }

    /// Phase one: the samples.
    fn read(
        &mut self,
        store: &Store,
        options: &IndexOptions,
        progress: &Progress,
        cancel: &CancelToken,
        on_event: &(impl Fn(IndexEvent) + Sync + ?Sized),
    ) -> Result<(), CatalogError> {
        let to_read = self.plan.to_read.clone();
        self.read_shards(&to_read, store, options, progress, cancel, on_event)?;
        self.writer.find_duplicates(cancel)
    }

    fn read_shards(
        &mut self,
        to_read: &[usize],
        store: &Store,
        options: &IndexOptions,
        progress: &Progress,
        cancel: &CancelToken,
        on_event: &(impl Fn(IndexEvent) + Sync + ?Sized),
    ) -> Result<(), CatalogError> {
        if to_read.is_empty() {
            return Ok(());
        }
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let parsers = if options.jobs == 0 { cores } else { options.jobs }.clamp(1, to_read.len());
        let read_options = ReadOptions {
            map: self.writer.catalog().field_map()?,
            cache_dir: store.dir().to_owned(),
            cancel: cancel.clone(),
        };
        let claimed = AtomicUsize::new(0);
        let (announce, announced) = unbounded::<(usize, Receiver<Message>)>();
        let source = self.source;
        thread::scope(|scope| {
            for _ in 0..parsers {
                let (announce, claimed, read_options) = (announce.clone(), &claimed, &read_options);
                scope.spawn(move || {
                    while let Some(&at) = to_read.get(claimed.fetch_add(1, Ordering::Relaxed)) {
                        let (chunks, queue) = bounded(QUEUE);
                        // Nobody listens any more once writing failed.
                        if announce.send((at, queue)).is_err()
                            || parse(source, &source.shards[at], read_options, &chunks).is_err()
                        {
                            return;
                        }
                    }
                });
            }
            drop(announce);
            // An early return drops the receivers, by which parsers stop at their next chunk.
            for (at, chunks) in announced {
                self.write_shard(at, &source.shards[at], &chunks, progress, cancel, on_event)?;
            }
            cancel.check()?;
            Ok(())
        })
    }

    fn write_shard(
        &mut self,
        position: usize,
        shard: &Shard,
        chunks: &Receiver<Message>,
        progress: &Progress,
        cancel: &CancelToken,
        on_event: &(impl Fn(IndexEvent) + Sync + ?Sized),
    ) -> Result<(), CatalogError> {
        on_event(IndexEvent::ShardStarted { dataset: self.index, shard: shard.name.clone() });
        self.writer.begin(position, shard)?;
        let mut left = shard.fingerprint.bytes;
        loop {
            if cancel.is_cancelled() {
                self.writer.rollback();
                return Err(Cancelled.into());
            }
            match chunks.recv() {
                Ok(Message::Chunk { chunk, bytes, warnings }) => {
                    progress.add_samples(chunk.len() as u64);
                    let bytes = bytes.min(left);
                    left -= bytes;
                    progress.add(bytes);
                    for warning in warnings {
                        on_event(IndexEvent::Warning { dataset: self.index, warning });
                    }
                    self.writer.push(chunk)?;
                }
                Ok(Message::Done { retry }) => {
                    let row = self.writer.commit(retry)?;
                    progress.add(left);
                    on_event(IndexEvent::ShardCommitted {
                        dataset: self.index,
                        shard: shard.name.clone(),
                        rows: row.rows,
                    });
                    return Ok(());
                }
                // The parser went without a word: it was cancelled.
                Err(_) => {
                    self.writer.rollback();
                    return Err(Cancelled.into());
                }
            }
        }
    }

    /// Phase two: the texts.
    fn index_texts(
        &self,
        progress: &Progress,
        cancel: &CancelToken,
        on_event: &(impl Fn(IndexEvent) + Sync + ?Sized),
    ) -> Result<(), CatalogError> {
        for shard in self.writer.unsearchable()? {
            cancel.check()?;
            self.writer.index_text(&shard, cancel)?;
            progress.add(shard.fingerprint.bytes);
            on_event(IndexEvent::SearchableShard { dataset: self.index, shard: shard.name });
        }
        self.writer.tidy()
    }

    fn report(&self) -> Result<DatasetReport, CatalogError> {
        let [shards, samples, with_image, unreadable] = self.writer.totals()?;
        let mut warnings = self.warnings.clone();
        warnings.extend(self.writer.catalog().warnings(usize::MAX)?);
        Ok(DatasetReport {
            name: self.source.name.clone(),
            root: self.source.root.clone(),
            format: self.source.format.to_string(),
            samples,
            shards,
            with_image,
            unreadable,
            read: self.plan.to_read.len() as u64,
            unchanged: self.plan.unchanged as u64,
            removed: self.plan.removed as u64,
            warnings,
            catalog: self.writer.catalog().path().to_owned(),
        })
    }
}

/// What a parser tells the writer about its shard.
#[expect(clippy::large_enum_variant, reason = "nearly all messages are chunks, of a megabyte behind their vectors")]
enum Message {
    Chunk {
        chunk: Chunk,
        /// Bytes of the shard read since the last one, where that is known.
        bytes: u64,
        warnings: Vec<Warning>,
    },
    /// The shard is at its end; `retry` if it could not be read for a reason that may pass.
    Done { retry: bool },
}

/// Collects samples into chunks and sends them on.
struct Parser<'a> {
    builder: Option<ChunkBuilder>,
    chunks: &'a Sender<Message>,
    warnings: Vec<Warning>,
    /// Where in the file the reading is (tar only) and what was told of it.
    at: u64,
    told: u64,
    in_bytes: bool,
}

impl Parser<'_> {
    fn send(&mut self, chunk: Chunk) -> Result<(), Cancelled> {
        let bytes = self.at.saturating_sub(self.told);
        self.told = self.at;
        let warnings = std::mem::take(&mut self.warnings);
        self.chunks.send(Message::Chunk { chunk, bytes, warnings }).map_err(|_| Cancelled)
    }

    fn builder(&mut self) -> &mut ChunkBuilder {
        self.builder.as_mut().expect("it is taken only at the end")
    }
}

impl Sink for Parser<'_> {
    fn sample(&mut self, sample: RawSample) -> Result<(), Cancelled> {
        if self.in_bytes
            && let Some(image) = &sample.image
        {
            self.at = image.at.offset + u64::from(image.at.length);
        }
        match self.builder().sample(&sample) {
            Some(chunk) => self.send(chunk),
            None => Ok(()),
        }
    }

    fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning.clone());
        if let Some(chunk) = self.builder().warn(warning) {
            // If nobody listens, the next sample ends the scan.
            let _ = self.send(chunk);
        }
    }
}

/// Scans one shard. A shard that cannot be read, or that makes its reader panic, becomes a warning; what was
/// read before is kept.
fn parse(source: &Source, shard: &Shard, options: &ReadOptions, chunks: &Sender<Message>) -> Result<(), Cancelled> {
    let mut parser = Parser {
        builder: Some(ChunkBuilder::default()),
        chunks,
        warnings: Vec::new(),
        at: 0,
        told: 0,
        in_bytes: source.format == Format::Webdataset,
    };
    let scanned = catch_unwind(AssertUnwindSafe(|| formats::scan(source, shard, options, &mut parser)));
    let failure = match scanned {
        Ok(Ok(())) => None,
        Ok(Err(FormatError::Cancelled(cancelled))) => return Err(cancelled),
        Ok(Err(error)) => {
            let (kind, retry) = match &error {
                FormatError::Changed(_) => (WarningKind::ShardChanged, true),
                FormatError::Corrupt { .. } => (WarningKind::ShardCorrupt, false),
                _ => (WarningKind::ShardUnreadable, true),
            };
            Some((Warning::new(kind, error.to_string()), retry))
        }
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            let message =
                format!("the reader stumbled over this shard ({said}); please report it: {}", shard.path.display());
            Some((Warning::new(WarningKind::ShardUnreadable, message), false))
        }
    };
    let retry = failure.as_ref().is_some_and(|(_, retry)| *retry);
    if let Some((warning, _)) = failure {
        parser.warn(warning.shard(&shard.name));
    }
    let last = parser.builder.take().expect("it is taken only here").finish();
    parser.send(last)?;
    chunks.send(Message::Done { retry }).map_err(|_| Cancelled)
}
