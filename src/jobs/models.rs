//! Models in the window: a look at one, and its two jobs, predictions and features. One job at a time: they share the processor.
//!
//! A card that was edited in the window is kept beside the catalogs under the model's hash and holds from then on, until it is
//! reset. Nothing is written beside the model.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use roaring::RoaringBitmap;

use super::predict::{self, PredictError, predict};
use super::{Event, Level, Outbox, Population, Registry, features, guarded};
use crate::base::dirs;
use crate::formats::npy::Dtype;
use crate::model::features::FeaturesError;
use crate::model::onnx::Graph;
use crate::model::runtime::{Description, Device, Runtime};
use crate::model::{Card, Model, ModelError, bundled};

/// How often new predictions are shown while a job runs.
const SHOW_EVERY: Duration = Duration::from_secs(2);

/// A model as the window knows it.
#[derive(Debug)]
pub struct ModelSeen {
    /// Graph, card, input.
    pub model: Arc<Model>,
    /// Its card was edited in the window.
    pub is_edited: bool,
    /// What would run it, or why nothing can.
    pub runtime: Result<Description, String>,
}

/// What a model shall do.
#[derive(Clone, Debug)]
pub struct ModelAsk {
    /// Over what.
    pub population: Arc<Population>,
    /// The samples.
    pub ids: Arc<RoaringBitmap>,
    /// The model's file.
    pub path: PathBuf,
    /// The card as edited in the window; `None` leaves it as it is.
    pub card: Option<Card>,
    /// Features of these stages; `None`: predictions.
    pub layers: Option<Vec<String>>,
}

/// The lane's handle.
pub struct ModelLane {
    outbox: Outbox,
    registry: Registry,
    looking: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    /// Where edited cards are kept.
    cards: PathBuf,
}

/// One of those at work, until it is dropped: whatever ends it.
struct AtWork(Arc<AtomicUsize>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl ModelLane {
    pub(super) fn start(catalog_dir: Option<&Path>, registry: Registry, outbox: Outbox) -> Self {
        Self { outbox, registry, looking: Arc::default(), running: Arc::default(), cards: cards_dir(catalog_dir) }
    }

    pub(super) fn busy(&self) -> bool {
        self.looking.load(Ordering::Acquire) > 0 || self.running.load(Ordering::Acquire) > 0
    }

    /// Reads a model; the answer is an [`Event::Model`].
    pub(super) fn look(&self, path: PathBuf) {
        self.looking.fetch_add(1, Ordering::AcqRel);
        let (outbox, cards, at_work) = (self.outbox.clone(), self.cards.clone(), AtWork(Arc::clone(&self.looking)));
        thread::spawn(move || {
            let found = guarded(&outbox, "reading a model", || seen(&path, &cards)).map(|found| found.map(Arc::new));
            let found = found.unwrap_or_else(|| Err("A defect of the program stopped reading this model.".to_owned()));
            outbox.send(Event::Model { path, found });
            drop(at_work);
        });
    }

    /// Forgets what was edited of a model's card, and looks at it again.
    pub(super) fn reset(&self, path: PathBuf, hash: &str) {
        let file = edited_card(&self.cards, hash);
        if file.exists()
            && let Err(error) = std::fs::remove_file(&file)
        {
            self.outbox.notice(Level::Error, format!("cannot forget the edited card ({error}): {}", file.display()));
        }
        self.look(path);
    }

    /// Runs a model over samples. `shown` is called when predictions were stored.
    pub(super) fn ask(&self, ask: ModelAsk, shown: impl Fn(&str) + Send + Sync + 'static) {
        let free = self.running.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire);
        if free.is_err() {
            let note = "A model is at work already; stop it in the status bar or wait until it is done.";
            return self.outbox.notice(Level::Warning, note);
        }
        let (outbox, registry, cards) = (self.outbox.clone(), self.registry.clone(), self.cards.clone());
        let at_work = AtWork(Arc::clone(&self.running));
        thread::spawn(move || {
            guarded(&outbox, "a model", || {
                if let Err(error) = work(&ask, &cards, &registry, &outbox, &shown) {
                    outbox.notice(Level::Error, error);
                }
            });
            drop(at_work);
        });
    }
}

/// Where edited cards are kept.
pub(super) fn cards_dir(catalog_dir: Option<&Path>) -> PathBuf {
    catalog_dir.map_or_else(|| dirs::cache_dir().join("catalogs"), Path::to_owned).join("cards")
}

/// Where the edited card of a model is kept.
pub(super) fn edited_card(cards: &Path, hash: &str) -> PathBuf {
    cards.join(format!("{hash}.toml"))
}

/// Opens a model by the card that was edited in the window, else by its own. True: by the edited one.
pub(super) fn open(path: &Path, cards: &Path) -> Result<(Model, bool), ModelError> {
    let path = &bundled::locate(path)?;
    let graph = Graph::read(path)?;
    let edited = edited_card(cards, graph.hash());
    if edited.is_file() {
        return Ok((Model::with_graph(graph, Some(edited))?, true));
    }
    let beside = path.with_extension("toml");
    let card = beside.is_file().then_some(beside);
    Ok((Model::with_graph(graph, card)?, false))
}

fn seen(path: &Path, cards: &Path) -> Result<ModelSeen, String> {
    let (model, is_edited) = open(path, cards).map_err(|error| error.to_string())?;
    let runtime = Runtime::start(Device::Auto, None).map(|runtime| runtime.describe().clone());
    Ok(ModelSeen { model: Arc::new(model), is_edited, runtime: runtime.map_err(|error| error.to_string()) })
}

fn work(
    ask: &ModelAsk,
    cards: &Path,
    registry: &Registry,
    outbox: &Outbox,
    shown: &dyn Fn(&str),
) -> Result<(), String> {
    let running = registry.begin("Reading the model");
    if let Some(card) = &ask.card {
        let path = bundled::locate(&ask.path).map_err(|error| error.to_string())?;
        let hash = Graph::read(&path).map_err(|error| error.to_string())?.hash().to_owned();
        let file = edited_card(cards, &hash);
        let written =
            file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&file, card.to_toml()));
        written.map_err(|error| format!("cannot keep the edited card ({error}): {}", file.display()))?;
        // The dialog shows what holds from now on.
        outbox.send(Event::Model { path: ask.path.clone(), found: seen(&ask.path, cards).map(Arc::new) });
    }
    let (model, _) = open(&ask.path, cards).map_err(|error| error.to_string())?;
    let runtime = Runtime::start(Device::Auto, None).map_err(|error| error.to_string())?;
    drop(running);
    match &ask.layers {
        Some(layers) => extract(ask, &model, layers, runtime, registry, outbox),
        None => ask_classes(ask, &model, runtime, registry, outbox, shown),
    }
}

fn ask_classes(
    ask: &ModelAsk,
    model: &Model,
    runtime: &'static Runtime,
    registry: &Registry,
    outbox: &Outbox,
    shown: &dyn Fn(&str),
) -> Result<(), String> {
    let running = registry.begin(format!("Predicting with {}", model.card.name));
    let request = predict::Request { population: &ask.population, ids: &ask.ids, model, runtime, batch: 0 };
    let last = std::cell::Cell::new(Instant::now());
    let stored = |predictor: &crate::catalog::Predictor| {
        if last.get().elapsed() >= SHOW_EVERY {
            last.set(Instant::now());
            shown(&predictor.key);
        }
    };
    let done = predict(&request, &stored, &running.progress, &running.cancel);
    // What was stored is shown, however it ended.
    shown(&crate::model::scores::predictor(model).key);
    match done {
        Ok(report) => {
            for notice in &report.notices {
                outbox.notice(Level::Warning, notice.clone());
            }
            let mut text =
                format!("{} of {} pictures predicted by {}", report.computed, report.pictures, report.predictor.name);
            if report.computed < report.pictures {
                let known = report.pictures - report.computed - report.unreadable - report.moved;
                text = format!("{text} ({known} known before, {} unreadable)", report.unreadable);
            }
            outbox.notice(Level::Info, text + ".");
            Ok(())
        }
        Err(PredictError::Cancelled(_)) => {
            outbox.notice(Level::Info, "Predicting was stopped; what was predicted is kept.");
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn extract(
    ask: &ModelAsk,
    model: &Model,
    layers: &[String],
    runtime: &'static Runtime,
    registry: &Registry,
    outbox: &Outbox,
) -> Result<(), String> {
    let running = registry.begin(format!("Features of {}", model.card.name));
    let request = features::Request {
        population: &ask.population,
        ids: &ask.ids,
        model,
        layers,
        runtime,
        batch: 0,
        dtype: Dtype::F32,
        out: None,
        force: false,
    };
    let done = features::compute(&request, &running.progress, &running.cancel);
    outbox.send(Event::Extracted);
    match done {
        Ok(summaries) => {
            for notice in summaries.iter().flat_map(|summary| &summary.notices) {
                outbox.notice(Level::Warning, notice.clone());
            }
            let rows: usize = summaries.iter().map(|summary| summary.samples).sum();
            let computed: usize = summaries.iter().map(|summary| summary.computed).sum();
            outbox.notice(
                Level::Info,
                format!("Features of {rows} pictures by {} are there, {computed} computed now.", model.card.name),
            );
            Ok(())
        }
        Err(FeaturesError::Cancelled(_)) => {
            outbox.notice(Level::Info, "Extracting features was stopped; what was computed is kept.");
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}
