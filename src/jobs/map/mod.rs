//! The map job: features of a layer -> neighbours -> layout, with positions published while they move.
//!
//! How it works: one thread takes [`MapOrder`]s. *Look* lists which features there are of the open datasets ([`source`]). *Run* goes through the
//! layers one after the other: a finished layout with the same features and parameters comes from the cache ([`cache`]), else it is computed
//! ([`layout`]) and put there. A new order ends the run that is under way; *Pause* holds it between two epochs. Positions are published at most
//! [`FRAMES`] times a second, each a whole new array: the window draws the newest and never waits.

mod cache;
mod card;
pub(super) mod labels;
mod layout;
pub(super) mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Sender, unbounded};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::cores::Cores;
use super::status::Registry;
use super::{Event, Level, Outbox, Population, guarded};
use crate::analysis::neighbours;
use crate::base::{CancelToken, Cancelled};

pub use card::Compute;
pub use labels::{LabelAsk, LabelBy, Labelled};

/// Positions a second that are published.
pub const FRAMES: f64 = 30.0;

/// How likeness of two feature vectors is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the metrics' own")]
pub enum Metric {
    #[default]
    Euclidean,
    Cosine,
}

impl From<Metric> for neighbours::Metric {
    fn from(metric: Metric) -> Self {
        match metric {
            Metric::Euclidean => Self::Euclidean,
            Metric::Cosine => Self::Cosine,
        }
    }
}

/// Where points begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are umap-learn's own")]
pub enum Init {
    #[default]
    Spectral,
    Pca,
    Random,
}

/// What a layout is computed with: names and defaults are umap-learn's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapParams {
    /// Neighbours a point, itself included.
    pub n_neighbors: u32,
    /// How close points may lie.
    pub min_dist: f32,
    /// Scale of the distances.
    pub spread: f32,
    /// Likeness.
    pub metric: Metric,
    /// Epochs; `None` is 500 up to 10,000 rows, else 200.
    pub epochs: Option<u32>,
    /// Seed of all random numbers.
    pub seed: u32,
    /// Where points begin.
    pub init: Init,
}

impl Default for MapParams {
    fn default() -> Self {
        Self {
            n_neighbors: 15,
            min_dist: 0.1,
            spread: 1.0,
            metric: Metric::default(),
            epochs: None,
            seed: 0,
            init: Init::default(),
        }
    }
}

impl MapParams {
    /// Epochs for so many rows.
    #[must_use]
    pub fn epochs_for(&self, rows: usize) -> u32 {
        self.epochs.unwrap_or(if rows <= 10_000 { 500 } else { 200 })
    }
}

/// A layer of which features exist.
#[derive(Clone, Debug, PartialEq)]
pub struct MapLayer {
    /// Its name.
    pub name: String,
    /// Numbers a row.
    pub dims: usize,
    /// Rows of open datasets.
    pub rows: u64,
}

/// A model of which features exist.
#[derive(Clone, Debug, PartialEq)]
pub struct MapSource {
    /// Hash of its file.
    pub model: String,
    /// What it is called.
    pub name: String,
    /// Its file, where more features would be extracted with.
    pub file: PathBuf,
    /// Whether that file still holds the model.
    pub model_file: ModelFile,
    /// From the input to the output.
    pub layers: Vec<MapLayer>,
    /// Pictures of open datasets that have no usable features.
    pub lacking: Vec<Lacking>,
}

/// What became of a model's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFile {
    /// It holds the model whose features these are.
    Same,
    /// It holds another model by now.
    Replaced,
    /// It is not there any more.
    Gone,
}

/// Pictures of a dataset that a model has no usable features of.
#[derive(Clone, Debug, PartialEq)]
pub struct Lacking {
    /// The place of the dataset.
    pub dataset: usize,
    /// Why.
    pub why: Why,
    /// Which.
    pub samples: Arc<RoaringBitmap>,
    /// What to extract, so that nothing is lost that is there now.
    pub extract: Arc<RoaringBitmap>,
}

/// Why there are no usable features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// They were never extracted.
    Never,
    /// The shards that the pictures lie in are new, or changed since.
    Changed,
    /// An array is not as it was written.
    Damaged,
}

impl MapSource {
    /// Rows of the layer that has most.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.layers.iter().map(|layer| layer.rows).max().unwrap_or(0)
    }
}

/// What is known of a layout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What the model is called.
    pub model: String,
    /// Numbers a row of features.
    pub dims: usize,
    /// What it was computed with.
    pub params: MapParams,
    /// Where: `CPU`, or the graphics card's name.
    pub device: String,
    /// Seconds: all of it, neighbours and start included.
    pub seconds: f64,
    /// Share of the true 15 nearest neighbours that were found, where it was measured.
    pub recall: Option<f64>,
    /// Rows that were left out because a number in them is none.
    pub left_out: usize,
}

/// Positions of the samples of a layer at one moment.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// The sample of each position.
    pub samples: Arc<Vec<u32>>,
    /// One a sample.
    pub positions: Arc<Vec<[f32; 2]>>,
    /// What it is of.
    pub facts: Facts,
    /// Epochs that are done, and all.
    pub epoch: (u32, u32),
    /// Nothing will move any more.
    pub done: bool,
    /// It was computed before.
    pub cached: bool,
}

/// A run that is asked for.
#[derive(Clone, Debug)]
pub struct MapAsk {
    /// Number of the request; answers carry it.
    pub generation: u64,
    /// Over what.
    pub population: Arc<Population>,
    /// Hash of the model.
    pub model: String,
    /// The layers, first come first.
    pub layers: Vec<String>,
    /// With what.
    pub params: MapParams,
    /// Layers that begin at present positions.
    pub from: BTreeMap<String, Arc<Placement>>,
    /// A layout that is not in the cache is not computed.
    pub only_cached: bool,
}

/// What the window asks of the job.
#[derive(Clone, Debug)]
pub enum MapOrder {
    /// Look for features of the open datasets.
    Look(Arc<Population>),
    /// Compute, or read, layouts.
    Run(MapAsk),
    /// Hold the run, or let it go on.
    Pause(bool),
    /// End the run; points stay where they are.
    Stop,
}

/// News of the job.
#[derive(Debug)]
pub enum MapEvent {
    /// Features were looked for.
    Sources {
        /// In this population.
        population: Arc<Population>,
        /// What there is.
        sources: Vec<MapSource>,
        /// All open datasets are those that the program draws itself.
        is_demo: bool,
    },
    /// Positions, still moving or done.
    Placed {
        /// Number of the request.
        generation: u64,
        /// Which layer.
        layer: String,
        /// Its positions.
        placement: Arc<Placement>,
    },
    /// The regions of a layer have names.
    Labelled(String, Arc<Labelled>),
    /// Regions have no names; a sentence.
    Unlabelled(String),
    /// A layer is not computed any further.
    Ended {
        /// Number of the request.
        generation: u64,
        /// Which layer.
        layer: String,
        /// Why, if something went wrong (a sentence); `None` if it was stopped, or only looked for in the cache.
        error: Option<String>,
    },
}

/// Why a layer has no layout.
#[derive(Debug, thiserror::Error)]
enum MapError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error("{0}")]
    Failed(String),
}

/// Holds and ends the run that is under way.
#[derive(Debug, Default)]
struct Control {
    state: Mutex<(bool, CancelToken)>,
    changed: Condvar,
}

impl Control {
    fn lock(&self) -> std::sync::MutexGuard<'_, (bool, CancelToken)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self, paused: bool) {
        self.lock().0 = paused;
        self.changed.notify_all();
    }

    fn stop(&self) {
        let mut state = self.lock();
        state.0 = false;
        state.1.cancel();
        drop(state);
        self.changed.notify_all();
    }

    /// Begins a run with its own token. A run that was held before it began stays so: the order for it let go of the one before.
    fn begin(&self, cancel: &CancelToken) {
        self.lock().1 = cancel.clone();
    }

    /// Waits while the run is held.
    fn wait(&self, cancel: &CancelToken) -> Result<(), Cancelled> {
        let mut state = self.lock();
        while state.0 && !cancel.is_cancelled() {
            // Now and then, because the status bar cancels without a word to us.
            state =
                self.changed.wait_timeout(state, Duration::from_millis(100)).unwrap_or_else(PoisonError::into_inner).0;
        }
        cancel.check()
    }
}

/// The lane.
pub struct MapLane {
    orders: Sender<MapOrder>,
    control: Arc<Control>,
    open: Arc<AtomicUsize>,
    cards: card::Cards,
}

impl MapLane {
    pub(super) fn start(compute: Compute, registry: Registry, outbox: Outbox) -> Self {
        let (orders, inbox) = unbounded::<MapOrder>();
        let control = Arc::new(Control::default());
        let open = Arc::new(AtomicUsize::new(0));
        let (held, left) = (Arc::clone(&control), Arc::clone(&open));
        let cards = card::Cards::new(compute);
        let card = cards.clone();
        thread::Builder::new()
            .name("map".to_owned())
            .spawn(move || {
                let cores = Cores::new("map");
                for order in &inbox {
                    match order {
                        MapOrder::Look(population) => {
                            let found = guarded(&outbox, "looking for features", || {
                                (source::find(&population), source::is_demo(&population))
                            });
                            let (sources, is_demo) = found.unwrap_or_default();
                            outbox.send(Event::Map(MapEvent::Sources { population, sources, is_demo }));
                        }
                        // Only the newest is worth its time.
                        MapOrder::Run(ask) if left.load(Ordering::Acquire) == 1 => {
                            cores.run(|| run(&ask, &held, &card, &registry, &outbox));
                        }
                        MapOrder::Run(_) | MapOrder::Pause(_) | MapOrder::Stop => {}
                    }
                    left.fetch_sub(1, Ordering::AcqRel);
                }
            })
            .expect("the system gives a thread at start");
        Self { orders, control, open, cards }
    }

    /// Lends the window's device.
    pub(super) fn lend(&self, device: crate::gpu::Device) {
        self.cards.lend(device);
    }

    pub(super) fn order(&self, order: MapOrder) {
        match order {
            MapOrder::Pause(paused) => return self.control.pause(paused),
            MapOrder::Stop => return self.control.stop(),
            MapOrder::Look(_) | MapOrder::Run(_) => self.control.stop(),
        }
        self.open.fetch_add(1, Ordering::AcqRel);
        // The thread lives as long as this end of the channel.
        let _ = self.orders.send(order);
    }

    /// A held run is not waited for.
    pub(super) fn busy(&self) -> bool {
        self.open.load(Ordering::Acquire) > 0 && !self.control.lock().0
    }
}

impl Drop for MapLane {
    fn drop(&mut self) {
        self.control.stop();
    }
}

fn run(ask: &MapAsk, control: &Control, cards: &card::Cards, registry: &Registry, outbox: &Outbox) {
    let mut stopped = false;
    for layer in &ask.layers {
        let ended = |error: Option<String>| {
            outbox.send(Event::Map(MapEvent::Ended { generation: ask.generation, layer: layer.clone(), error }));
        };
        if stopped {
            ended(None);
            continue;
        }
        let job = registry.begin(format!("Map of {layer}"));
        control.begin(&job.cancel);
        let publish = |placement: Placement| {
            let placement = Arc::new(placement);
            outbox.send(Event::Map(MapEvent::Placed { generation: ask.generation, layer: layer.clone(), placement }));
        };
        let notice = |text: String| outbox.notice(Level::Warning, text);
        let work = || layer_map(ask, layer, control, (cards.pick(), &notice), &job, &publish);
        match guarded(outbox, "a map", work) {
            Some(Err(MapError::Cancelled(_))) => {
                stopped = true;
                ended(None);
            }
            Some(Err(MapError::Failed(error))) => ended(Some(error)),
            Some(Ok(())) | None => ended(None),
        }
    }
}

/// One layer: from the cache, or computed.
fn layer_map(
    ask: &MapAsk,
    layer: &str,
    control: &Control,
    (card, notice): (Option<crate::gpu::Device>, &dyn Fn(String)),
    job: &super::status::Running,
    publish: &dyn Fn(Placement),
) -> Result<(), MapError> {
    let rows = source::read(&ask.population, &ask.model, layer).map_err(MapError::Failed)?;
    job.cancel.check()?;
    let from = ask.from.get(layer);
    let on_card = card.is_some();
    let key = cache::Key::new(&ask.population, &rows, &ask.params, on_card);
    if from.is_none()
        && let Some(found) = cache::load(&key, &rows)
    {
        publish(found);
        return Ok(());
    }
    if ask.only_cached {
        return Ok(());
    }
    let from_present = from.map(|placement| &**placement);
    let layout = layout::Layout { rows: &rows, params: &ask.params, from: from_present, control, job, card, notice };
    let placement = layout.compute(publish)?;
    // What began somewhere by hand cannot be had again, nor what a card began and the processor ended: neither is kept.
    let gave_up = on_card && placement.facts.device == "CPU";
    if from.is_none()
        && !gave_up
        && let Err(error) = cache::store(&key, &placement)
    {
        tracing::warn!("the layout is not kept ({error}): {}", key.path().display());
    }
    publish(placement);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_held_before_it_begins_stays_held() {
        let (control, token) = (Control::default(), CancelToken::default());
        control.pause(true);
        control.begin(&token);
        assert!(control.lock().0, "the button says so, too");
        // The next order lets go and ends the run.
        control.stop();
        assert!(!control.lock().0 && token.is_cancelled());
        assert_eq!(control.wait(&token), Err(Cancelled));
    }
}
