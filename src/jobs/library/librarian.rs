//! The thread's own: what is open, what was read of it, and what became of each letter.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use roaring::RoaringBitmap;

use super::{Letter, Post};
use crate::analysis::facets::Facets;
use crate::base::dirs::expand_home;
use crate::base::{SampleId, Warning};
use crate::catalog::predictions::PredictorInfo;
use crate::catalog::{Catalog, Columns, DatasetColumns, PredictionColumns, Predictions, Predictor, Store, flags};
use crate::formats;
use crate::formats::demo::DemoOptions;
use crate::formats::{FieldMap, ReadOptions, Source, image};
use crate::jobs::index::{IndexEvent, IndexOptions};
use crate::jobs::reader::DatasetReader;
use crate::jobs::{
    Event, FoundSource, JobsOptions, Level, OpenDataset, Outbox, Population, PopulationUpdate, ReaderCache,
    RecentSource, Registry, SavedView, demo, guarded, index, query, spill,
};

/// Which model's predictions are shown.
#[derive(Debug)]
enum Active {
    /// The one that ran last over any open dataset: what was seen before is seen again.
    Latest,
    /// None: the user put them away.
    None,
    /// The one with this key.
    Key(String),
}

struct Entry {
    open: Arc<OpenDataset>,
    columns: Arc<DatasetColumns>,
    warnings: Vec<Warning>,
    /// What the active model (its key) said of it: read again when the columns are.
    predictions: Option<(String, Arc<PredictionColumns>)>,
    indexing: bool,
    /// Paths it was opened by, for the list of recent sources.
    paths: Vec<PathBuf>,
}

/// Columns, what they were laid out of, and counts over all of them.
type LaidOut = (Vec<Arc<DatasetColumns>>, Arc<Columns>, Arc<Facets>);

pub(super) struct Librarian {
    options: JobsOptions,
    store: Arc<Store>,
    registry: Registry,
    pub(super) outbox: Outbox,
    post: Post,
    entries: Vec<Entry>,
    next_uid: u32,
    /// Which model's predictions are shown.
    active: Active,
    /// The columns that were published last, what they were laid out of, and counts over all of them.
    laid_out: Option<LaidOut>,
    /// Roots with commits that were not published.
    dirty: Vec<PathBuf>,
    published: Instant,
    /// How long the last publishing took: a large population is published less often.
    took: Duration,
}

impl Librarian {
    pub(super) fn new(options: JobsOptions, registry: Registry, outbox: Outbox, post: Post) -> Option<Self> {
        match Store::open(options.catalog_dir.clone()) {
            Ok((store, warnings)) => {
                spill::clean(store.dir());
                for warning in warnings {
                    outbox.notice(Level::Warning, warning.message);
                }
                Some(Self {
                    options,
                    store: Arc::new(store),
                    registry,
                    outbox,
                    post,
                    entries: Vec::new(),
                    next_uid: 0,
                    active: Active::Latest,
                    laid_out: None,
                    dirty: Vec::new(),
                    published: Instant::now(),
                    took: Duration::ZERO,
                })
            }
            Err(error) => {
                outbox.notice(Level::Error, error.to_string());
                None
            }
        }
    }

    pub(super) fn read(&mut self, letter: Letter) {
        match letter {
            Letter::Open(paths, map) => self.open(&paths, &map, true),
            Letter::OpenDemo(dir) => self.open_demo(dir),
            Letter::Close(root) => {
                self.entries.retain(|entry| root.as_ref().is_some_and(|root| entry.open.source.root != *root));
                self.publish();
            }
            Letter::Reindex => {
                let again: Vec<_> = self
                    .entries
                    .iter()
                    .filter(|entry| !entry.indexing)
                    .map(|entry| (entry.open.source.root.clone(), entry.open.options.map.clone()))
                    .collect();
                for (root, map) in again {
                    self.open(&[root], &map, false);
                }
            }
            Letter::Look(path) => {
                let found = self.look(&path);
                self.outbox.send(Event::Found { path, found });
            }
            Letter::Tag { population, tag, samples, on } => self.tag(&population, &tag, &samples, on),
            Letter::SaveView(name, json) => {
                let done = match &json {
                    Some(json) => self.store.save_view(&name, json),
                    None => self.store.delete_view(&name),
                };
                if let Err(error) = done {
                    self.outbox.notice(Level::Error, error.to_string());
                }
                self.send_views();
            }
            Letter::Activate(key) => {
                self.active = key.map_or(Active::None, Active::Key);
                self.forget_predictions();
                self.publish();
            }
            Letter::Predicted(key) => {
                self.active = Active::Key(key);
                self.forget_predictions();
                self.publish();
            }
            Letter::Committed { root } => self.committed(root),
            Letter::Indexed { root } => {
                if let Some(entry) = self.entries.iter_mut().find(|entry| entry.open.source.root == root) {
                    entry.indexing = false;
                }
                self.committed(root.clone());
                self.publish();
                self.remember(&root);
            }
            Letter::Stop => {}
        }
    }

    /// How long until the next publishing, if something waits for one.
    pub(super) fn due(&self) -> Option<Duration> {
        (!self.dirty.is_empty()).then(|| self.pause().saturating_sub(self.published.elapsed()))
    }

    /// Publishing may take a tenth of the time at most.
    fn pause(&self) -> Duration {
        (self.took * 10).clamp(Duration::from_millis(120), Duration::from_secs(10))
    }

    fn committed(&mut self, root: PathBuf) {
        if !self.dirty.contains(&root) {
            self.dirty.push(root);
        }
        if self.published.elapsed() >= self.pause() || self.entries.iter().all(|entry| entry.columns.is_empty()) {
            self.publish();
        }
    }

    fn read_options(&self, map: &FieldMap) -> ReadOptions {
        ReadOptions { map: map.clone(), cache_dir: self.store.dir().to_owned(), ..ReadOptions::default() }
    }

    fn open(&mut self, paths: &[PathBuf], map: &FieldMap, select_new: bool) {
        let options = self.read_options(map);
        let sources = match formats::detect(paths, &options) {
            Ok(sources) => sources,
            Err(error) => {
                self.outbox.notice(Level::Error, format!("Could not open: {error}"));
                return;
            }
        };
        for source in sources {
            if let Err(error) = self.open_source(source, paths, options.clone(), select_new) {
                self.outbox.notice(Level::Error, error);
            }
        }
        self.publish();
    }

    fn open_source(
        &mut self,
        source: Source,
        paths: &[PathBuf],
        mut options: ReadOptions,
        select_new: bool,
    ) -> Result<(), String> {
        let root = source.root.clone();
        let place = self.entries.iter().position(|entry| entry.open.source.root == root);
        if place.is_some_and(|i| self.entries[i].indexing) {
            return Ok(());
        }
        let (catalog, mut warnings) = Catalog::open(&self.store, &source).map_err(|error| error.to_string())?;
        warnings.extend(source.warnings.iter().cloned());
        for warning in &warnings {
            self.outbox.notice(Level::Warning, warning.message.clone());
        }
        if options.map == FieldMap::default() {
            // The choice made earlier holds until another is made.
            options.map = catalog.field_map().map_err(|error| error.to_string())?;
        } else {
            catalog.set_field_map(&options.map).map_err(|error| error.to_string())?;
        }
        let columns = Arc::new(catalog.snapshot().map_err(|error| error.to_string())?);
        let source = Arc::new(source);
        let open = Arc::new(OpenDataset {
            uid: self.next_uid,
            source: Arc::clone(&source),
            catalog: catalog.path().to_owned(),
            options: options.clone(),
        });
        self.next_uid += 1;
        let entry = Entry { open, columns, warnings, predictions: None, indexing: true, paths: paths.to_vec() };
        match place {
            Some(i) => {
                let paths = std::mem::take(&mut self.entries[i].paths);
                self.entries[i] = Entry { paths: if select_new { entry.paths.clone() } else { paths }, ..entry };
            }
            None => self.entries.push(entry),
        }
        self.index(&source, &options);
        Ok(())
    }

    /// Indexes one dataset on a thread of its own.
    fn index(&self, source: &Arc<Source>, options: &ReadOptions) {
        let running = self.registry.begin(format!("Indexing {}", source.name));
        let (store, source, post, outbox) =
            (Arc::clone(&self.store), Arc::clone(source), self.post.clone(), self.outbox.clone());
        let index_options = IndexOptions {
            map: options.map.clone(),
            text_index: !self.options.without_text_index,
            ..IndexOptions::default()
        };
        self.post.pending.fetch_add(1, Ordering::AcqRel);
        thread::spawn(move || {
            let root = source.root.clone();
            let report = guarded(&outbox, "indexing", || {
                index::index_sources(
                    &store,
                    std::slice::from_ref(&*source),
                    &index_options,
                    &running.progress,
                    &running.cancel,
                    &|event: IndexEvent| {
                        if matches!(event, IndexEvent::ShardCommitted { .. } | IndexEvent::SearchableShard { .. }) {
                            post.send(Letter::Committed { root: root.clone() });
                        }
                    },
                )
            });
            match report {
                Some(Ok(report)) => {
                    for dataset in &report.datasets {
                        let damaged = dataset.unreadable;
                        if damaged > 0 {
                            outbox.notice(
                                Level::Warning,
                                format!("{}: {damaged} pictures cannot be read; see Tools > Problems.", dataset.name),
                            );
                        }
                    }
                }
                Some(Err(error)) => outbox.notice(Level::Error, error.to_string()),
                None => {}
            }
            post.send(Letter::Indexed { root });
            drop(running);
            post.pending.fetch_sub(1, Ordering::AcqRel);
        });
    }

    /// Draws the demo on a thread of its own (seconds): the library goes on opening and closing meanwhile.
    fn open_demo(&self, dir: Option<PathBuf>) {
        let dir = dir.unwrap_or_else(demo::default_dir);
        let running = self.registry.begin("Drawing the demo datasets");
        let (post, outbox) = (self.post.clone(), self.outbox.clone());
        self.post.pending.fetch_add(1, Ordering::AcqRel);
        thread::spawn(move || {
            let drawn = guarded(&outbox, "drawing the demo", || {
                demo::ensure(&dir, &DemoOptions::default(), &running.progress, &running.cancel)
            });
            match drawn {
                Some(Ok(roots)) => post.send(Letter::Open(roots, FieldMap::default())),
                Some(Err(formats::FormatError::Cancelled(_))) => {
                    outbox.notice(Level::Info, "Drawing the demo was cancelled.");
                }
                Some(Err(error)) => outbox.notice(Level::Error, format!("The demo could not be written: {error}")),
                None => {}
            }
            drop(running);
            post.pending.fetch_sub(1, Ordering::AcqRel);
        });
    }

    /// Reads what changed and publishes a new population.
    pub(super) fn publish(&mut self) {
        let started = Instant::now();
        let dirty = std::mem::take(&mut self.dirty);
        for entry in &mut self.entries {
            if !dirty.contains(&entry.open.source.root) {
                continue;
            }
            match Catalog::open_read(&entry.open.catalog).and_then(|catalog| {
                entry.warnings = catalog.warnings(WARNINGS_SHOWN)?;
                catalog.snapshot()
            }) {
                Ok(columns) => {
                    if !grew(&entry.columns, &columns) {
                        entry.open = Arc::new(OpenDataset {
                            uid: self.next_uid,
                            source: Arc::clone(&entry.open.source),
                            catalog: entry.open.catalog.clone(),
                            options: entry.open.options.clone(),
                        });
                        self.next_uid += 1;
                    }
                    entry.columns = Arc::new(columns);
                    entry.predictions = None;
                }
                Err(error) => self.outbox.notice(Level::Error, error.to_string()),
            }
        }
        let parts: Vec<_> = self.entries.iter().map(|entry| Arc::clone(&entry.columns)).collect();
        let same = |old: &[Arc<DatasetColumns>]| {
            old.len() == parts.len() && old.iter().zip(&parts).all(|(old, new)| Arc::ptr_eq(old, new))
        };
        let (columns, whole) = match &self.laid_out {
            // Only tags or predictions changed: whoever holds counts of these columns need not count again.
            Some((old, columns, whole)) if same(old) => (Arc::clone(columns), Arc::clone(whole)),
            _ => {
                let columns = Arc::new(Columns::concat(&parts));
                let whole = Arc::new(Facets::count(&columns, &columns.all()));
                self.laid_out = Some((parts, Arc::clone(&columns), Arc::clone(&whole)));
                (columns, whole)
            }
        };
        let tags = self.tags(&columns);
        let problems = self
            .entries
            .iter()
            .map(|entry| {
                let all = (entry.columns.warnings as usize).max(entry.warnings.len());
                (entry.open.source.name.clone(), entry.warnings.clone(), all)
            })
            .collect();
        let datasets = self.entries.iter().map(|entry| Arc::clone(&entry.open)).collect();
        let (predictions, predictors) = self.predictions();
        let counted = predictions.as_ref().map(|found| Arc::new(query::counts(found, &columns.all())));
        let population = Arc::new(Population { columns, datasets, tags, predictions, predictors });
        self.outbox.send(Event::Population(PopulationUpdate { population, whole, predictions: counted, problems }));
        self.published = Instant::now();
        self.took = started.elapsed();
    }

    fn forget_predictions(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.predictions = None);
    }

    /// The predictions of the active model over all datasets, and all models that the catalogs know.
    fn predictions(&mut self) -> (Option<Arc<Predictions>>, Vec<Predictor>) {
        let mut known: Vec<PredictorInfo> = Vec::new();
        let catalogs: Vec<Option<Catalog>> = self
            .entries
            .iter()
            .map(|entry| {
                let catalog = Catalog::open_read(&entry.open.catalog).and_then(|catalog| {
                    catalog.adopt(&entry.columns);
                    known.extend(catalog.predictors()?);
                    Ok(catalog)
                });
                catalog.inspect_err(|error| self.outbox.notice(Level::Error, error.to_string())).ok()
            })
            .collect();
        known.sort_by(|a, b| b.order.cmp(&a.order).then_with(|| a.predictor.key.cmp(&b.predictor.key)));
        let mut predictors: Vec<Predictor> = Vec::new();
        for info in known {
            if predictors.iter().all(|other| other.key != info.predictor.key) {
                predictors.push(info.predictor);
            }
        }
        let active = match &self.active {
            Active::None => None,
            Active::Latest => predictors.first().cloned(),
            Active::Key(key) => predictors.iter().find(|predictor| predictor.key == *key).cloned(),
        };
        let Some(predictor) = active else { return (None, predictors) };
        let mut columns = PredictionColumns::default();
        for (entry, catalog) in self.entries.iter_mut().zip(&catalogs) {
            let rows = entry.columns.len() as usize;
            let read = || match catalog.as_ref().map(|catalog| catalog.predictions(&predictor.key)) {
                Some(Ok(found)) if found.predicted.len() == rows => Arc::new(found),
                Some(Err(error)) => {
                    self.outbox.notice(Level::Error, error.to_string());
                    Arc::new(PredictionColumns::empty(rows))
                }
                _ => Arc::new(PredictionColumns::empty(rows)),
            };
            let found = match &entry.predictions {
                Some((key, found)) if *key == predictor.key => Arc::clone(found),
                _ => read(),
            };
            columns.append(&found);
            entry.predictions = Some((predictor.key.clone(), found));
        }
        (Some(Arc::new(Predictions { predictor, columns })), predictors)
    }

    fn tags(&self, columns: &Columns) -> Vec<(String, Arc<RoaringBitmap>)> {
        let mut tags = std::collections::BTreeMap::<String, RoaringBitmap>::new();
        for (entry, info) in self.entries.iter().zip(&columns.datasets) {
            let found = match Catalog::open_read(&entry.open.catalog).and_then(|catalog| catalog.tags()) {
                Ok(found) => found,
                Err(error) => {
                    self.outbox.notice(Level::Error, error.to_string());
                    continue;
                }
            };
            for (tag, rows) in found {
                let samples = tags.entry(tag).or_default();
                samples
                    .extend(rows.iter().filter(|&row| row < info.range.len() as u32).map(|row| info.range.start + row));
            }
        }
        tags.into_iter().map(|(tag, samples)| (tag, Arc::new(samples))).collect()
    }

    fn tag(&mut self, population: &Population, tag: &str, samples: &RoaringBitmap, on: bool) {
        let mut tagged = 0_u64;
        for (i, open) in population.datasets.iter().enumerate() {
            let range = population.columns.datasets[i].range.clone();
            let rows: RoaringBitmap = samples.range(range.clone()).map(|id| id - range.start).collect();
            if rows.is_empty() {
                continue;
            }
            let done =
                Catalog::open(&self.store, &open.source).and_then(|(catalog, _)| catalog.set_tag(tag, &rows, on));
            match done {
                Ok(()) => tagged += rows.len(),
                Err(error) => self.outbox.notice(Level::Error, error.to_string()),
            }
        }
        let verb = if on { "Tagged" } else { "Untagged" };
        self.outbox.notice(Level::Info, format!("{verb} {tagged} samples “{tag}”."));
        self.publish();
    }

    fn look(&self, typed: &str) -> Result<Vec<FoundSource>, String> {
        let options = self.read_options(&FieldMap::default());
        let sources = formats::detect(&[expand_home(typed)], &options).map_err(|error| error.to_string())?;
        Ok(sources
            .iter()
            .map(|source| {
                // A dataset whose first shard cannot be read still opens; it has no columns to map.
                let columns = formats::columns(source).unwrap_or_default();
                let bytes: u64 = source.shards.iter().map(|shard| shard.fingerprint.bytes).sum();
                FoundSource {
                    root: source.root.clone(),
                    summary: format!(
                        "{}  ·  {}  ·  {} {}  ·  {:.1} MB",
                        source.name,
                        source.format,
                        source.shards.len(),
                        if source.shards.len() == 1 { "shard" } else { "shards" },
                        bytes as f64 / 1e6
                    ),
                    guess: formats::guess_map(&columns).0.into_iter().collect(),
                    columns,
                }
            })
            .collect())
    }

    fn remember(&self, root: &Path) {
        let Some(entry) = self.entries.iter().find(|entry| entry.open.source.root == *root) else { return };
        // A source that was opened together with others is remembered with them.
        let together: u64 = self
            .entries
            .iter()
            .filter(|other| other.paths == entry.paths)
            .map(|other| u64::from(other.columns.len()))
            .sum();
        let names: Vec<_> = self
            .entries
            .iter()
            .filter(|other| other.paths == entry.paths)
            .map(|other| other.open.source.name.clone())
            .collect();
        if let Err(error) = self.store.remember(&entry.paths, &names.join(" + "), together) {
            self.outbox.notice(Level::Warning, error.to_string());
        }
        self.send_recent();
    }

    pub(super) fn send_recent(&self) {
        let recent: Vec<_> = self
            .store
            .recent()
            .unwrap_or_default()
            .into_iter()
            .map(|recent| RecentSource {
                paths: recent.paths,
                name: recent.name,
                samples: recent.samples,
                opened_unix: recent.opened_unix as i64,
            })
            .collect();
        self.outbox.send(Event::Recent(recent.clone()));
        let (store, outbox, options) =
            (Arc::clone(&self.store), self.outbox.clone(), self.read_options(&FieldMap::default()));
        // Pictures of sources that may lie on slow disks: the library does not wait for them.
        thread::spawn(move || {
            for path in recent.into_iter().take(6).filter_map(|source| source.paths.into_iter().next()) {
                if let Some(picture) = first_picture(&store, &options, &path) {
                    outbox.send(Event::RecentPicture { path, picture });
                }
            }
        });
    }

    pub(super) fn send_views(&self) {
        let views = self.store.saved_views().unwrap_or_default();
        let views = views.into_iter().map(|(name, json)| SavedView { name, json }).collect();
        self.outbox.send(Event::Views(views));
    }
}

/// A picture of a recent source, if its catalog and shard are still there.
fn first_picture(store: &Store, options: &ReadOptions, path: &Path) -> Option<image::Picture> {
    let source = formats::detect(&[path.to_owned()], options).ok()?.into_iter().next()?;
    let columns = Arc::new(Catalog::open_read(&store.catalog_path(&source)).ok()?.snapshot().ok()?);
    let row = columns.rows.flags.iter().position(|bits| bits & flags::HAS_IMAGE != 0)? as u32;
    let open =
        OpenDataset { uid: 0, source: Arc::new(source), catalog: columns.catalog.clone(), options: options.clone() };
    let columns = Arc::new(Columns::concat(&[columns]));
    let population = Population { columns, datasets: vec![Arc::new(open)], ..Population::default() };
    let mut readers = ReaderCache::new();
    let sample = population.sample_ref(SampleId(row));
    let bytes = DatasetReader::of(&mut readers, &population, sample).ok()?.image_bytes(row).ok()?;
    image::thumbnail(&bytes, 128).ok()
}

/// True if every row of `old` stands at the same place in `new`.
fn grew(old: &DatasetColumns, new: &DatasetColumns) -> bool {
    old.shards.len() <= new.shards.len()
        && old.shards.iter().zip(new.shards.iter()).all(|(a, b)| (a.id, a.first_row) == (b.id, b.first_row))
}

/// Warnings a dataset that are kept for the list; the rest is counted.
const WARNINGS_SHOWN: usize = 2000;
