//! Maps for the window: which places of a picture speak for a class, by several models beside each other.
//!
//! How it works: one thread ([`WhyLane`]) takes requests for cells, a cell being a picture under a [`Recipe`] (model, layer, method, class).
//! The newest request wins: between two batches the thread looks whether there is a newer one and leaves the rest of the old one undone, so
//! moving through pictures never waits for maps that nobody looks at any more. What is costly outlives requests ([`bench`]): models, sessions
//! and the latest maps. Rows are answered a few at a time over all columns, so that they fill from the top.
//!
//! Figures over whole datasets are a job of their own ([`local`]).

mod bench;
mod kept;
pub mod local;
pub mod pictures;
pub mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use super::records::Latest;
use super::{Event, Outbox, Population, SampleRef, guarded};
use crate::analysis::cam::Figures;
use crate::model::Model;
use crate::model::card::Preprocessing;
use crate::model::explain::{Explanation, Method};

use bench::{Bench, Shelf};

/// Which class a map is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Aim {
    /// The one that the model predicts.
    #[default]
    Predicted,
    /// The one that the dataset names.
    Truth,
    /// One class for all pictures.
    Class(usize),
    /// The one of this rank among the predicted, 0 the most probable.
    Rank(usize),
    /// A straight cut between the features of two datasets, by their roots: what speaks for the first.
    Head {
        /// What lies on the positive side.
        positive: PathBuf,
        /// What lies on the negative side.
        negative: PathBuf,
    },
}

/// How a column of maps is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recipe {
    /// The model's file, or the name of one in the program.
    pub model: PathBuf,
    /// A stage or tensor; `None` is the last stage that has places.
    pub layer: Option<String>,
    /// The method.
    pub method: Method,
    /// The class.
    pub aim: Aim,
}

/// What is known of a model once it was opened.
#[derive(Debug)]
pub struct ModelFacts {
    /// Graph and card.
    pub model: Arc<Model>,
    /// Names its bytes and how it is read; another one after its card was edited.
    pub key: String,
    /// Layers that have places, shallow to deep, each with its side.
    pub layers: Vec<(String, usize)>,
    /// How pictures become its input.
    pub how: Preprocessing,
    /// What runs it.
    pub runtime: String,
}

/// What is known of a column once its explainer was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFacts {
    /// The layer's name.
    pub layer: String,
    /// Rows and columns of its maps.
    pub resolution: (usize, usize),
    /// For a learned cut: how well it tells pictures apart that it has not seen.
    pub head: Option<String>,
}

/// One picture's map.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Class, score, probability, and the map, signed and unscaled.
    pub explanation: Explanation,
    /// How local it is.
    pub figures: Figures,
}

/// What a model says of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The class that the dataset names, where the model has it.
    pub truth: Option<usize>,
    /// Probabilities were asked for.
    pub in_full: bool,
    /// Of each class; empty where they were not asked for, or the model could not be asked.
    pub probabilities: Arc<[f32]>,
}

/// A picture and a model that shall say what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreAsk {
    /// The picture.
    pub sample: SampleRef,
    /// The model.
    pub model: PathBuf,
    /// All probabilities, which takes a run of the model; else only what the dataset names.
    pub in_full: bool,
}

/// A picture and the columns that are missing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowAsk {
    /// The picture.
    pub sample: SampleRef,
    /// Places of columns.
    pub columns: Vec<usize>,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct WhyAsk {
    /// Number of the request.
    pub generation: u64,
    /// Over what.
    pub population: Arc<Population>,
    /// The columns.
    pub columns: Vec<Arc<Recipe>>,
    /// The rows, the most wanted first.
    pub rows: Vec<RowAsk>,
    /// What models shall say of pictures; those of the first row are told before its cells.
    pub scores: Vec<ScoreAsk>,
}

/// A cell that was asked for: its map, or why there is none.
pub type Answer = (SampleRef, Result<Arc<Cell>, String>);

/// News of the lane.
#[derive(Debug)]
pub enum WhyEvent {
    /// A model was opened, or cannot be.
    Model(PathBuf, Result<Arc<ModelFacts>, String>),
    /// A column can be made, or cannot be.
    Column(Arc<Recipe>, Result<ColumnFacts, String>),
    /// Cells of a column.
    Cells(Arc<Recipe>, Vec<Answer>),
    /// What a model says of a picture.
    Scored(SampleRef, PathBuf, Scored),
    /// A request was answered in full; how many maps had to be computed.
    Ended(u64, usize),
    /// Figures over a dataset.
    Local(local::LocalEvent),
    /// Pictures for an export, decoded; `None` where the export was stopped.
    Pictures(u64, Option<Vec<pictures::Decoded>>),
    /// Something happened on the way: a smaller batch, another device.
    Notice(String),
}

/// Pictures a run of a model. One number for all, since runtimes prepare themselves for each size of a batch.
const BATCH: usize = 4;

fn is_slow(method: Method) -> bool {
    matches!(method, Method::ScoreCam | Method::SmoothGrad | Method::IntegratedGradients)
}

/// Makes cells: the real thing, or a counting one in tests.
trait Maker {
    /// Opens the model of a recipe if need be. Tells what is new.
    fn model(&mut self, path: &Path) -> Result<Arc<ModelFacts>, String>;
    /// Makes the explainer of a recipe if need be.
    fn column(&mut self, population: &Arc<Population>, recipe: &Arc<Recipe>) -> Result<ColumnFacts, String>;
    /// A cell that was made before.
    fn kept(&mut self, recipe: &Arc<Recipe>, sample: SampleRef) -> Option<Arc<Cell>>;
    /// Makes at most [`BATCH`] cells.
    fn cells(&mut self, population: &Arc<Population>, recipe: &Arc<Recipe>, samples: &[SampleRef]) -> Vec<Answer>;
    /// What a model says of a picture.
    fn scored(&mut self, population: &Population, ask: &ScoreAsk) -> Scored;
    /// Sentences about what happened since the last call.
    fn notices(&mut self) -> Vec<String>;
}

/// Answers a request; false if a newer one came and the rest was left undone.
fn answer(ask: &WhyAsk, maker: &mut dyn Maker, has_newer: &dyn Fn() -> bool, send: &mut dyn FnMut(WhyEvent)) -> bool {
    let mut computed = 0;
    let mut usable = vec![false; ask.columns.len()];
    let mut opened: Vec<(&Path, bool)> = Vec::new();
    for (at, recipe) in ask.columns.iter().enumerate() {
        if has_newer() {
            return false;
        }
        let known = opened.iter().find(|(path, _)| *path == recipe.model).map(|(_, good)| *good);
        let is_open = known.unwrap_or_else(|| {
            let found = maker.model(&recipe.model);
            let good = found.is_ok();
            opened.push((&recipe.model, good));
            send(WhyEvent::Model(recipe.model.clone(), found));
            good
        });
        if is_open {
            let found = maker.column(&ask.population, recipe);
            usable[at] = found.is_ok();
            send(WhyEvent::Column(Arc::clone(recipe), found));
        }
    }
    // What was made before is there at once, however much is still to be made.
    let mut open: Vec<RowAsk> = Vec::new();
    for row in &ask.rows {
        let mut left = RowAsk { sample: row.sample, columns: Vec::new() };
        for &at in row.columns.iter().filter(|&&at| usable.get(at).copied().unwrap_or(false)) {
            match maker.kept(&ask.columns[at], row.sample) {
                Some(cell) => send(WhyEvent::Cells(Arc::clone(&ask.columns[at]), vec![(row.sample, Ok(cell))])),
                None => left.columns.push(at),
            }
        }
        if !left.columns.is_empty() {
            open.push(left);
        }
    }
    let is_open = |path: &Path| opened.iter().any(|(other, good)| *good && *other == path);
    let mut scores: Vec<&ScoreAsk> = ask.scores.iter().filter(|score| is_open(&score.model)).collect();
    let mut tell = |maker: &mut dyn Maker, fits: &dyn Fn(&ScoreAsk) -> bool, send: &mut dyn FnMut(WhyEvent)| {
        let (now, later): (Vec<&ScoreAsk>, Vec<&ScoreAsk>) = scores.iter().partition(|score| fits(score));
        scores = later;
        for score in now {
            if has_newer() {
                return false;
            }
            let scored = maker.scored(&ask.population, score);
            send(WhyEvent::Scored(score.sample, score.model.clone(), scored));
        }
        true
    };
    let first = ask.scores.first().map(|score| score.sample);
    if !tell(maker, &|score| Some(score.sample) == first, send) {
        return false;
    }
    for rows in open.chunks(BATCH) {
        for (at, recipe) in ask.columns.iter().enumerate() {
            let samples: Vec<SampleRef> =
                rows.iter().filter(|row| row.columns.contains(&at)).map(|row| row.sample).collect();
            if samples.is_empty() {
                continue;
            }
            // Methods of many runs a picture are left between two pictures, the others between two batches.
            for samples in samples.chunks(if is_slow(recipe.method) { 1 } else { BATCH }) {
                if has_newer() {
                    return false;
                }
                let made = maker.cells(&ask.population, recipe, samples);
                computed += made.len();
                send(WhyEvent::Cells(Arc::clone(recipe), made));
            }
        }
        if !tell(maker, &|score| rows.iter().any(|row| row.sample == score.sample), send) {
            return false;
        }
        maker.notices().into_iter().for_each(|notice| send(WhyEvent::Notice(notice)));
    }
    if !tell(maker, &|_| true, send) {
        return false;
    }
    send(WhyEvent::Ended(ask.generation, computed));
    true
}

/// The lane. Dropping it ends its thread.
pub struct WhyLane(Arc<Latest<WhyAsk>>);

impl WhyLane {
    pub(super) fn start(cards: &Path, outbox: Outbox) -> Self {
        let asked = Latest::new();
        let (requests, cards) = (Arc::clone(&asked), cards.to_owned());
        thread::Builder::new()
            .name("why".to_owned())
            .spawn(move || run(&requests, &cards, &outbox))
            .expect("the system gives a thread at start");
        Self(asked)
    }

    pub(super) fn ask(&self, ask: WhyAsk) {
        self.0.put(ask);
    }

    pub(super) fn busy(&self) -> bool {
        self.0.busy()
    }
}

impl Drop for WhyLane {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn run(requests: &Latest<WhyAsk>, cards: &Path, outbox: &Outbox) {
    let mut maps = kept::Kept::default();
    loop {
        // Explainers borrow their models, which therefore stay where they are. When there is no more room all of them are
        // let go and what is asked for next is opened anew.
        let shelf = Shelf::default();
        let mut bench = Bench::new(&shelf, cards, std::mem::take(&mut maps));
        loop {
            let Some(ask) = requests.take() else { return };
            let mut send = |event| outbox.send(Event::Why(event));
            let whole = guarded(outbox, "explaining pictures", || {
                answer(&ask, &mut bench, &|| requests.has_newer(), &mut send)
            });
            if whole.is_none() {
                // What is missing will not come; the request must not stay open for ever.
                send(WhyEvent::Ended(ask.generation, 0));
            }
            requests.done();
            if whole.is_none() || bench.is_full() {
                break;
            }
        }
        maps = bench.into_maps();
    }
}

#[cfg(test)]
mod tests;
