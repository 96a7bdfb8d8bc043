//! Floor 6: background work, the only home of threads.
//!
//! How it works: [`Jobs`] owns a few lanes, each with its own threads and its own way of forgetting:
//!
//! - *library* ([`library`]): one thread that owns the list of open datasets; opening and indexing run on
//!   threads of their own (one a dataset at a time) and report to it; it publishes a new immutable
//!   [`Population`] whenever something was committed.
//! - *query* ([`query`]): filter, sort, count; the newest request wins.
//! - *statistics* ([`stats`]): words, n-grams, parts of speech; the newest request wins and cancels the one that runs.
//! - *models* ([`models`]): reads models; predicts and extracts features, one job at a time.
//! - *map* ([`map`]): features -> neighbours -> positions; a new request ends the one that runs.
//! - *labels* ([`map::LabelAsk`]): names of regions of the map; the newest request wins.
//! - *compare* ([`compare`]): how separate two datasets are in each layer; the newest request wins.
//! - *why* ([`why`]): maps of what speaks for a class; the newest request wins, models stay loaded between requests. Figures of
//!   such maps over whole datasets have a lane of their own.
//! - *thumbnails* ([`thumbs`]): a pool; each request replaces the list of wanted pictures, so that what
//!   the eye is on comes first and what it left is never decoded.
//! - *records* and *inspect* ([`records`]): texts of visible samples; record and picture of the focused one.
//!
//! Requests carry an `Arc<Population>`; workers lock no state. Answers are [`Event`]s; a callback wakes
//! the window. A panic in a worker becomes a notice and the worker goes on.

pub mod batches;
pub mod compare;
mod cores;
pub mod demo;
pub mod explain;
pub mod export;
pub mod features;
pub mod head;
pub mod index;
pub mod library;
pub mod map;
pub mod models;
mod newest;
pub mod predict;
pub mod query;
pub mod reader;
pub mod records;
pub mod spill;
pub mod stats;
mod status;
pub mod thumbs;
pub mod why;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use roaring::RoaringBitmap;

use crate::analysis::confusion::PredictionCounts;
use crate::analysis::facets::Facets;
use crate::analysis::text::report::StatsReport;
use crate::base::{SampleId, Warning};
use crate::catalog::{Columns, Prediction, Predictions, Predictor, Record};
use crate::formats::image::Picture;
use crate::formats::{Field, FieldMap, ReadOptions, Source};

use newest::NewestLane;

pub use query::{QueryRequest, QueryResult};
pub use stats::{Group, StatsAsk};
pub use status::{JobId, JobStatus, Registry};

/// A sample named so that the name outlives growth of the population: ids move when a dataset before
/// it grows, rows of an unchanged dataset do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SampleRef {
    /// Number of the opening of the dataset; a new one when shards were read again.
    pub dataset: u32,
    /// Row in the dataset.
    pub row: u32,
}

/// One open dataset as workers need it.
#[derive(Debug)]
pub struct OpenDataset {
    /// Changes whenever rows may have moved; part of [`SampleRef`].
    pub uid: u32,
    /// What was found at its path.
    pub source: Arc<Source>,
    /// Its catalog file.
    pub catalog: PathBuf,
    /// How it is read.
    pub options: ReadOptions,
}

/// All open datasets at one moment. Immutable; a change makes a new one.
#[derive(Debug, Default)]
pub struct Population {
    /// The columns; datasets in the same order as in [`datasets`](Self::datasets).
    pub columns: Arc<Columns>,
    /// The open datasets.
    pub datasets: Vec<Arc<OpenDataset>>,
    /// Tags with the samples that carry them, by name.
    pub tags: Vec<(String, Arc<RoaringBitmap>)>,
    /// What the active model says of the samples.
    pub predictions: Option<Arc<Predictions>>,
    /// Models whose predictions the catalogs hold, the latest run first.
    pub predictors: Vec<Predictor>,
}

impl Population {
    /// The lasting name of a sample.
    #[must_use]
    pub fn sample_ref(&self, sample: SampleId) -> SampleRef {
        let (dataset, row) = self.columns.local(sample);
        SampleRef { dataset: self.datasets.get(dataset.index()).map_or(u32::MAX, |open| open.uid), row }
    }

    /// The dataset a name speaks of, if it is still open.
    #[must_use]
    pub fn dataset(&self, sample: SampleRef) -> Option<&Arc<OpenDataset>> {
        self.datasets.iter().find(|open| open.uid == sample.dataset)
    }
}

/// A source that was opened before.
#[derive(Clone, Debug, PartialEq)]
pub struct RecentSource {
    /// The paths that were opened together.
    pub paths: Vec<PathBuf>,
    /// What to call it.
    pub name: String,
    /// Samples when it was last open.
    pub samples: u64,
    /// When, seconds since the epoch.
    pub opened_unix: i64,
}

/// A saved view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedView {
    /// Its name.
    pub name: String,
    /// Filter, sort and zoom.
    pub json: String,
}

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Info,
    Warning,
    Error,
}

/// A dataset found by a look at a path.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundSource {
    /// Its root.
    pub root: PathBuf,
    /// One line: name, format, shards, bytes.
    pub summary: String,
    /// Column names with an example or type.
    pub columns: Vec<(String, String)>,
    /// The guess.
    pub guess: Vec<(Field, String)>,
}

/// The open datasets changed.
#[derive(Debug)]
pub struct PopulationUpdate {
    /// The new population.
    pub population: Arc<Population>,
    /// Counts over all of it.
    pub whole: Arc<Facets>,
    /// Counts of the active model's predictions over all of it.
    pub predictions: Option<Arc<PredictionCounts>>,
    /// Warnings a dataset: name, the first ones, how many in all.
    pub problems: Vec<(String, Vec<Warning>, usize)>,
}

/// News from a lane.
#[derive(Debug)]
pub enum Event {
    /// The open datasets changed.
    Population(PopulationUpdate),
    /// A query was answered.
    Query(Arc<QueryResult>),
    /// Statistics were counted, or cannot be (a sentence). A request that a newer one replaced is not answered.
    Stats {
        /// Number of the request.
        generation: u64,
        /// The answer.
        report: Result<Arc<StatsReport>, String>,
    },
    /// A look at a model ended.
    Model {
        /// Its file.
        path: PathBuf,
        /// What it is, or a sentence.
        found: Result<Arc<models::ModelSeen>, String>,
    },
    /// Features were extracted: there may be more of them now.
    Extracted,
    /// News of the comparison of two datasets.
    Compare(compare::CompareEvent),
    /// News of the map.
    Map(map::MapEvent),
    /// News of maps of what speaks for a class.
    Why(why::WhyEvent),
    /// Records of visible samples.
    Records(Vec<(SampleRef, Arc<Record>)>),
    /// Record and raw JSON of the focused sample.
    Inspected {
        /// Which sample.
        sample: SampleRef,
        /// Its texts.
        record: Arc<Record>,
        /// The record as the data has it, pretty JSON, or why it cannot be read.
        raw: Result<Arc<str>, String>,
        /// What the active model says of it.
        prediction: Option<Prediction>,
    },
    /// A thumbnail was decoded, or cannot be.
    Thumbnail {
        /// Which sample.
        sample: SampleRef,
        /// The side that was asked for, pixels.
        side: u32,
        /// The picture, or a sentence.
        picture: Result<Picture, String>,
    },
    /// The focused sample's picture in full.
    Picture {
        /// Which sample.
        sample: SampleRef,
        /// The picture.
        picture: Picture,
    },
    /// The focused sample's picture cannot be shown.
    PictureFailed {
        /// Which sample.
        sample: SampleRef,
        /// A sentence.
        error: String,
    },
    /// A look at a path ended.
    Found {
        /// The path as typed.
        path: String,
        /// What is there.
        found: Result<Vec<FoundSource>, String>,
    },
    /// Recently opened sources.
    Recent(Vec<RecentSource>),
    /// A picture of a recent source.
    RecentPicture {
        /// Its first path.
        path: PathBuf,
        /// The picture.
        picture: Picture,
    },
    /// Saved views.
    Views(Vec<SavedView>),
    /// Running jobs.
    Jobs(Vec<JobStatus>),
    /// Text for the clipboard.
    Clipboard {
        /// The text.
        text: String,
        /// What to say.
        note: String,
    },
    /// Something to say.
    Notice {
        /// How loud.
        level: Level,
        /// One sentence.
        text: String,
    },
}

/// Where lanes put their events.
#[derive(Clone)]
pub struct Outbox {
    events: Sender<Event>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Outbox {
    /// Sends an event and wakes the window. Events after the window is gone are dropped.
    pub fn send(&self, event: Event) {
        if self.events.send(event).is_ok() {
            (self.wake)();
        }
    }

    /// Says something.
    pub fn notice(&self, level: Level, text: impl Into<String>) {
        self.send(Event::Notice { level, text: text.into() });
    }
}

/// Where the jobs keep files.
#[derive(Clone, Debug, Default)]
pub struct JobsOptions {
    /// The catalog directory; `None` is the usual one in the OS cache.
    pub catalog_dir: Option<PathBuf>,
    /// Build the text index too (`false` only in tests and benches).
    pub without_text_index: bool,
    /// What computes layouts.
    pub compute: map::Compute,
}

/// The lanes. Dropping it cancels running jobs; their committed work stays.
pub struct Jobs {
    events: Receiver<Event>,
    registry: Registry,
    library: library::Library,
    query: query::QueryLane,
    stats: NewestLane<stats::StatsAsk>,
    thumbs: thumbs::ThumbLane,
    records: records::RecordLanes,
    map: map::MapLane,
    labels: NewestLane<map::LabelAsk>,
    models: models::ModelLane,
    compare: NewestLane<compare::CompareAsk>,
    why: why::WhyLane,
    local: NewestLane<why::local::LocalOrder>,
    cards: PathBuf,
    outbox: Outbox,
    last_statuses: Vec<JobStatus>,
}

impl Jobs {
    /// Starts the lanes. `wake` is called from their threads whenever there is an event to poll.
    #[must_use]
    pub fn start(options: JobsOptions, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (sender, events) = unbounded();
        let outbox = Outbox { events: sender, wake };
        let registry = Registry::default();
        let compute = options.compute;
        let models = models::ModelLane::start(options.catalog_dir.as_deref(), registry.clone(), outbox.clone());
        let cards = models::cards_dir(options.catalog_dir.as_deref());
        Self {
            events,
            why: why::WhyLane::start(&cards, outbox.clone()),
            local: NewestLane::start(why::local::ANSWERING, registry.clone(), outbox.clone()),
            cards,
            library: library::Library::start(options, registry.clone(), outbox.clone()),
            query: query::QueryLane::start(outbox.clone()),
            stats: NewestLane::start(stats::ANSWERING, registry.clone(), outbox.clone()),
            thumbs: thumbs::ThumbLane::start(&outbox),
            records: records::RecordLanes::start(outbox.clone()),
            map: map::MapLane::start(compute, registry.clone(), outbox.clone()),
            labels: NewestLane::start(map::labels::LABELLING, registry.clone(), outbox.clone()),
            models,
            compare: NewestLane::start(compare::ANSWERING, registry.clone(), outbox.clone()),
            registry,
            outbox,
            last_statuses: Vec::new(),
        }
    }

    /// The events since the last poll, and the running jobs if they changed.
    pub fn poll(&mut self) -> Vec<Event> {
        let mut events: Vec<_> = self.events.try_iter().collect();
        let statuses = self.registry.statuses();
        if statuses != self.last_statuses {
            self.last_statuses.clone_from(&statuses);
            events.push(Event::Jobs(statuses));
        }
        events
    }

    /// True while any lane has work or an event waits: what tests and screenshots wait for.
    #[must_use]
    pub fn busy(&self) -> bool {
        // Events last: a lane sends its answer before it says that it is done.
        self.library.busy()
            || self.query.busy()
            || self.stats.busy()
            || self.thumbs.busy()
            || self.records.busy()
            || self.map.busy()
            || self.labels.busy()
            || self.models.busy()
            || self.compare.busy()
            || self.why.busy()
            || self.local.busy()
            || !self.registry.is_idle()
            || !self.events.is_empty()
    }

    /// True while a job runs that the status bar shows progress of.
    #[must_use]
    pub fn has_running(&self) -> bool {
        !self.registry.is_idle()
    }

    /// Opens paths beside what is open.
    pub fn open(&self, paths: Vec<PathBuf>, map: FieldMap) {
        self.library.open(paths, map);
    }

    /// Makes the demo datasets where they are missing and opens them.
    pub fn open_demo(&self, dir: Option<PathBuf>) {
        self.library.open_demo(dir);
    }

    /// Closes one dataset.
    pub fn close(&self, root: PathBuf) {
        self.library.close(Some(root));
    }

    /// Closes all datasets.
    pub fn close_all(&self) {
        self.library.close(None);
    }

    /// Reads changed shards of all open datasets again.
    pub fn reindex(&self) {
        self.library.reindex();
    }

    /// Looks at what a path holds.
    pub fn look(&self, path: String) {
        self.library.look(path);
    }

    /// Tags samples.
    pub fn tag(&self, population: &Arc<Population>, tag: String, samples: Arc<RoaringBitmap>, on: bool) {
        self.library.tag(Arc::clone(population), tag, samples, on);
    }

    /// Saves (`Some`) or deletes a view.
    pub fn save_view(&self, name: String, json: Option<String>) {
        self.library.save_view(name, json);
    }

    /// Shows the predictions of another model, or of none.
    pub fn activate(&self, key: Option<String>) {
        self.library.activate(key);
    }

    /// Filters, sorts and counts; the newest request wins.
    pub fn query(&self, request: QueryRequest) {
        self.query.ask(request);
    }

    /// Counts words, n-grams, parts of speech and labels; the newest request wins, and stops the one that runs.
    pub fn stats(&self, ask: stats::StatsAsk) {
        self.stats.ask(ask);
    }

    /// Compares two datasets; the newest request wins.
    pub fn compare(&self, ask: compare::CompareAsk) {
        self.compare.ask(ask);
    }

    /// Reads a model and its card.
    pub fn look_model(&self, path: PathBuf) {
        self.models.look(path);
    }

    /// Forgets what was edited of a model's card.
    pub fn reset_card(&self, path: PathBuf, hash: &str) {
        self.models.reset(path, hash);
    }

    /// Predicts, or extracts features; one at a time.
    pub fn run_model(&self, ask: models::ModelAsk) {
        self.models.ask(ask, self.library.predicted());
    }

    /// Makes maps of what speaks for a class; the newest request wins, and stops the one that runs.
    pub fn explain(&self, ask: why::WhyAsk) {
        self.why.ask(ask);
    }

    /// Measures such maps over many pictures; the newest request wins.
    pub fn localise(&self, ask: why::local::LocalAsk) {
        self.local.ask(why::local::LocalOrder { ask, cards: self.cards.clone() });
    }

    /// Writes figures of maps with keys in the background.
    pub fn export_figures(&self, ask: why::table::TableAsk) {
        why::table::start(ask, self.outbox.clone());
    }

    /// Decodes pictures for an export.
    pub fn export_pictures(&self, ask: why::pictures::PicturesAsk) {
        why::pictures::start(ask, &self.registry, self.outbox.clone());
    }

    /// Looks for features, computes or holds a map.
    pub fn map(&self, order: map::MapOrder) {
        self.map.order(order);
    }

    /// Lends the window's device to jobs that compute on it.
    pub fn lend(&self, device: crate::gpu::Device) {
        self.map.lend(device);
    }

    /// Names the regions of a map; the newest request wins.
    pub fn label(&self, ask: map::LabelAsk) {
        self.labels.ask(ask);
    }

    /// Replaces the list of wanted thumbnails.
    pub fn thumbnails(&self, population: Arc<Population>, wanted: Vec<(SampleRef, u32)>) {
        self.thumbs.want(population, wanted);
    }

    /// Reads records of visible samples; replaces the wanted list.
    pub fn records(&self, population: Arc<Population>, wanted: Vec<SampleRef>) {
        self.records.want(population, wanted);
    }

    /// Reads everything about one sample; the newest wins.
    pub fn inspect(&self, population: Arc<Population>, sample: SampleRef) {
        self.records.inspect(population, sample);
    }

    /// Writes records to a file in the background.
    pub fn export(&self, population: Arc<Population>, ids: Arc<Vec<u32>>, path: PathBuf) {
        export::start(population, ids, path, &self.registry, self.outbox.clone());
    }

    /// Writes a text to a file in the background.
    pub fn write_file(&self, population: &Population, path: PathBuf, bytes: Arc<Vec<u8>>) {
        export::write_file(population, path, bytes, self.outbox.clone());
    }

    /// Writes positions of samples with their keys in the background.
    pub fn export_positions(
        &self,
        population: Arc<Population>,
        samples: Arc<Vec<u32>>,
        places: Arc<Vec<[f32; 2]>>,
        path: PathBuf,
    ) {
        export::positions(population, samples, places, path, &self.registry, self.outbox.clone());
    }

    /// Reads the keys of samples for the clipboard.
    pub fn copy_keys(&self, population: Arc<Population>, samples: Arc<RoaringBitmap>) {
        export::copy_keys(population, samples, self.outbox.clone());
    }

    /// Stops a job at its next check.
    pub fn cancel(&self, id: JobId) {
        self.registry.cancel(id);
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.registry.cancel_all();
        self.library.stop();
    }
}

/// Runs a piece of work so that a panic becomes a sentence instead of a dead lane.
pub(crate) fn guarded<T>(outbox: &Outbox, what: &str, work: impl FnOnce() -> T) -> Option<T> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(value) => Some(value),
        Err(panic) => {
            let why = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no reason given".to_owned());
            outbox.notice(Level::Error, format!("A defect of the program stopped {what} ({why}); the rest goes on."));
            None
        }
    }
}

/// Open catalogs and shards of one worker, so that it need not open them for every sample.
pub type ReaderCache = HashMap<u32, reader::DatasetReader>;
