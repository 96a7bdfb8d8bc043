//! Pictures through a model, batch after batch: what features and predictions have in common.
//!
//! How it works: worker threads claim samples in order, read, decode and preprocess them; the calling thread puts their numbers
//! into batches in the order of the samples, runs the model and hands on what it gives. The numbers of a picture
//! lie in a buffer from a fixed pool (two batches and one a worker): who has no buffer waits, so memory is bounded and decoding
//! is at most two batches ahead of the model. While the model runs, workers fill the next batch; on a CPU they take their share of
//! the same cores and then sleep.
//!
//! A picture that cannot be read takes its place in the batch as zeros, and is told of beside the outputs: what the others share a
//! batch with never depends on it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use serde::Serialize;

use super::reader::DatasetReader;
use super::{OpenDataset, Population, ReaderCache, SampleRef};
use crate::base::{CancelToken, Cancelled, Progress};
use crate::catalog::{CatalogError, Columns, Store};
use crate::formats::{ReadOptions, Source};
use crate::model::card::Preprocessing;
use crate::model::{ModelError, preprocess};

/// Runs a model.
pub trait Runner {
    /// Runs `count` pictures whose numbers stand one after the other. Gives each output's numbers, picture after picture.
    ///
    /// # Errors
    /// If the model cannot be run.
    fn run(&mut self, count: usize, values: &[f32]) -> Result<Vec<Vec<f32>>, ModelError>;

    /// Sentences about what happened since the last call: a smaller batch, another device.
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }
}

impl<M: Runner + ?Sized> Runner for &mut M {
    fn run(&mut self, count: usize, values: &[f32]) -> Result<Vec<Vec<f32>>, ModelError> {
        (**self).run(count, values)
    }

    fn take_notices(&mut self) -> Vec<String> {
        (**self).take_notices()
    }
}

/// Gives the files of pictures; each worker has one.
pub trait Reader: Send {
    /// The file of the picture number `at`.
    ///
    /// # Errors
    /// A sentence.
    fn read(&mut self, at: usize) -> Result<bytes::Bytes, String>;
}

/// What came of one batch.
#[derive(Debug)]
pub struct Batch {
    /// Number of its first picture.
    pub first: usize,
    /// Pictures.
    pub count: usize,
    /// Of each output, its numbers, picture after picture.
    pub outputs: Vec<Vec<f32>>,
    /// Pictures that cannot be read, counted from `first`, with the reason; their numbers mean nothing.
    pub unreadable: Vec<(usize, String)>,
}

/// Where the time went. The first three are summed over the workers, the rest are those of the thread that runs the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// Reading files out of shards.
    pub read: f64,
    /// Decoding.
    pub decode: f64,
    /// Resizing, cropping, making numbers.
    pub preprocess: f64,
    /// The model waited for pictures.
    pub wait: f64,
    /// The model ran.
    pub run: f64,
    /// What it gave was written.
    pub write: f64,
    /// By the clock, all in all.
    pub total: f64,
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Work<'a> {
    /// Numbers of the pictures.
    pub rows: Range<usize>,
    /// Pictures a batch; the last one may have fewer.
    pub batch: usize,
    /// How pictures become numbers.
    pub how: &'a Preprocessing,
}

/// Threads that decode: one a core. They sleep while the model has enough.
#[must_use]
pub fn workers() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}

#[derive(Default)]
struct Spent([AtomicU64; 3]);

impl Spent {
    fn add(&self, stage: usize, since: Instant) -> Instant {
        let now = Instant::now();
        self.0[stage].fetch_add((now - since).as_nanos() as u64, Ordering::Relaxed);
        now
    }
}

/// A picture's number, its numbers, and why they mean nothing if so.
type Ready = (usize, Vec<f32>, Option<String>);

/// Runs all batches of `work` and hands each to `each`, in order. There are as many workers as `readers`.
///
/// # Errors
/// Cancelled (asked for once a batch), the model cannot be run, or `each` fails.
///
/// # Panics
/// Without readers.
pub fn run<R: Reader, E: From<ModelError> + From<Cancelled>>(
    work: &Work,
    readers: Vec<R>,
    runner: &mut dyn Runner,
    each: &mut dyn FnMut(Batch) -> Result<(), E>,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Seconds, E> {
    assert!(!readers.is_empty(), "pictures are read by at least one worker");
    let started = Instant::now();
    let (size, batch) = (preprocess::len(work.how), work.batch.max(1));
    let buffers = (2 * batch + readers.len()).min(work.rows.len().max(1));
    let (spare, free) = bounded::<Vec<f32>>(buffers);
    for _ in 0..buffers {
        spare.try_send(Vec::new()).expect("the channel has room for all buffers");
    }
    let (ready, full) = bounded::<Ready>(buffers);
    let (spent, next) = (Spent::default(), AtomicUsize::new(work.rows.start));
    let mut seconds = thread::scope(|scope| {
        for mut reader in readers {
            let (free, ready, spent, next) = (free.clone(), ready.clone(), &spent, &next);
            let name = thread::Builder::new().name("pictures".to_owned());
            let worker = move || fill(work, &mut reader, &free, &ready, next, spent, cancel);
            name.spawn_scoped(scope, worker).expect("the system gives a thread");
        }
        drop((free, ready));
        // Both ends go with this call: whatever ends it, the workers end, too.
        collect(work, batch, size, (&full, spare), runner, each, progress, cancel)
    })?;
    let stage = |at: usize| spent.0[at].load(Ordering::Relaxed) as f64 / 1e9;
    (seconds.read, seconds.decode, seconds.preprocess) = (stage(0), stage(1), stage(2));
    seconds.total = started.elapsed().as_secs_f64();
    Ok(seconds)
}

/// A worker: from the next free buffer to the next ready picture.
fn fill(
    work: &Work,
    reader: &mut dyn Reader,
    free: &Receiver<Vec<f32>>,
    ready: &Sender<Ready>,
    next: &AtomicUsize,
    spent: &Spent,
    cancel: &CancelToken,
) {
    // The buffer is taken before the number: the earliest picture under way always has one, so nobody waits for ever.
    while let Ok(mut values) = free.recv() {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= work.rows.end || cancel.is_cancelled() {
            return;
        }
        values.resize(preprocess::len(work.how), 0.0);
        let made = catch_unwind(AssertUnwindSafe(|| {
            let start = Instant::now();
            let bytes = reader.read(at);
            let start = spent.add(0, start);
            let picture = preprocess::decode(&bytes?, work.how);
            let start = spent.add(1, start);
            let done = picture.and_then(|picture| preprocess::tensor(&picture, work.how, &mut values));
            spent.add(2, start);
            done.map_err(|error| error.to_string())
        }));
        let problem = made.unwrap_or_else(|_| Err("the decoder failed on this picture".to_owned())).err();
        if ready.send((at, values, problem)).is_err() {
            return;
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the other half of `run`, which alone calls it")]
fn collect<E: From<ModelError> + From<Cancelled>>(
    work: &Work,
    batch: usize,
    size: usize,
    (full, spare): (&Receiver<Ready>, Sender<Vec<f32>>),
    runner: &mut dyn Runner,
    each: &mut dyn FnMut(Batch) -> Result<(), E>,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Seconds, E> {
    let mut seconds = Seconds::default();
    let mut early = BTreeMap::<usize, (Vec<f32>, Option<String>)>::new();
    let mut values = vec![0.0; batch.min(work.rows.len()) * size];
    let mut first = work.rows.start;
    while first < work.rows.end {
        let count = batch.min(work.rows.end - first);
        let mut unreadable = Vec::new();
        let waited = Instant::now();
        for at in first..first + count {
            let (picture, problem) = loop {
                if let Some(found) = early.remove(&at) {
                    break found;
                }
                cancel.check()?;
                match full.recv_timeout(Duration::from_millis(100)) {
                    Ok((number, picture, problem)) => {
                        early.insert(number, (picture, problem));
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => {
                        // Workers end when they are done or cancelled, and a picture is missing.
                        cancel.check()?;
                        let message = "a defect of the program stopped reading pictures".to_owned();
                        return Err(ModelError::Runtime { runtime: "shopscope".to_owned(), message }.into());
                    }
                }
            };
            let to = &mut values[(at - first) * size..(at - first + 1) * size];
            match problem {
                None => to.copy_from_slice(&picture),
                Some(reason) => {
                    to.fill(0.0);
                    unreadable.push((at - first, reason));
                }
            }
            // There is room: the channel holds all buffers there are.
            let _ = spare.try_send(picture);
        }
        cancel.check()?;
        let started = Instant::now();
        seconds.wait += (started - waited).as_secs_f64();
        let outputs = runner.run(count, &values[..count * size])?;
        let ran = Instant::now();
        seconds.run += (ran - started).as_secs_f64();
        each(Batch { first, count, outputs, unreadable })?;
        seconds.write += ran.elapsed().as_secs_f64();
        progress.add(count as u64);
        progress.add_samples(count as u64);
        first += count;
    }
    Ok(seconds)
}

/// Reads the pictures of a population.
pub struct PictureReader {
    population: Arc<Population>,
    samples: Arc<Vec<SampleRef>>,
    readers: ReaderCache,
}

impl PictureReader {
    /// As many readers as there should be workers, of these samples.
    #[must_use]
    pub fn several(population: &Arc<Population>, samples: &Arc<Vec<SampleRef>>) -> Vec<Self> {
        let one =
            || Self { population: Arc::clone(population), samples: Arc::clone(samples), readers: ReaderCache::new() };
        (0..workers().min(samples.len()).max(1)).map(|_| one()).collect()
    }
}

impl Reader for PictureReader {
    fn read(&mut self, at: usize) -> Result<bytes::Bytes, String> {
        let sample = self.samples[at];
        DatasetReader::of(&mut self.readers, &self.population, sample)?.image_bytes(sample.row)
    }
}

/// A population of what a command opened, for workers to read from.
///
/// # Errors
/// If the remembered choice of fields cannot be read.
pub fn population(store: &Store, sources: Vec<Source>, columns: Columns) -> Result<Arc<Population>, CatalogError> {
    let mut datasets = Vec::with_capacity(sources.len());
    for (uid, source) in (0..).zip(sources) {
        let dataset = &columns.datasets[uid as usize];
        let options = options(store.dir(), store.field_map(&source)?);
        let catalog = dataset.columns.catalog.clone();
        datasets.push(Arc::new(OpenDataset { uid, source: Arc::new(source), catalog, options }));
    }
    Ok(Arc::new(Population { columns: Arc::new(columns), datasets, ..Population::default() }))
}

fn options(dir: &Path, map: crate::formats::FieldMap) -> ReadOptions {
    ReadOptions { map, cache_dir: dir.to_owned(), ..ReadOptions::default() }
}
