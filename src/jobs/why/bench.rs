//! What outlives requests: models, explainers with their sessions, open shards, the latest maps.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use super::kept::{Kept, Key};
use super::{Aim, Answer, BATCH, Cell, ColumnFacts, Maker, ModelFacts, Recipe, ScoreAsk, Scored};
use crate::analysis::cam::{Figures, Mask, softmax};
use crate::analysis::labels::ClassMap;
use crate::base::CancelToken;
use crate::catalog::ClassFields;
use crate::jobs::reader::DatasetReader;
use crate::jobs::{Population, ReaderCache, SampleRef, explain as job, head, models};
use crate::model::card::Preprocessing;
use crate::model::explain::{Classes, Direction, Explainer, Explanation, spatial};
use crate::model::runtime::{Device, Runtime};
use crate::model::scores::{Scores, predictor};
use crate::model::{Model, ModelError, bundled, preprocess};

/// Models that are open at once.
const MODELS: usize = 8;
/// Explainers that are ready at once: each has a session with all weights.
const EXPLAINERS: usize = 8;
/// Decoded pictures that the columns of one row share.
const PICTURES: usize = 2 * BATCH;

/// Open models, each in a place of its own that it never leaves.
#[derive(Default)]
pub(super) struct Shelf([OnceCell<Opened>; MODELS]);

/// When files were written, and how long they were.
type Stamp = Vec<Option<(u64, SystemTime)>>;

pub(super) struct Opened {
    asked: PathBuf,
    /// The model, its card, the card as edited in the window.
    files: Vec<PathBuf>,
    stamp: Stamp,
    pub(super) model: Arc<Model>,
    pub(super) facts: Arc<ModelFacts>,
    pub(super) runtime: &'static Runtime,
    pub(super) classes: ClassMap,
}

fn stamp(files: &[PathBuf]) -> Stamp {
    let of = |file: &PathBuf| std::fs::metadata(file).ok().and_then(|data| Some((data.len(), data.modified().ok()?)));
    files.iter().map(of).collect()
}

impl Opened {
    /// Opens a model by the card that holds in the window.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn new(asked: &Path, cards: &Path) -> Result<Self, String> {
        let said = |error: ModelError| error.to_string();
        let (model, _) = models::open(asked, cards).map_err(said)?;
        let how = job::preprocessing(&model).map_err(said)?;
        let runtime = Runtime::start(Device::Auto, None).map_err(said)?;
        let model = Arc::new(model);
        let key = predictor(&model).key;
        let layers = spatial(&model).into_iter().map(|(stage, side)| (stage.name, side)).collect();
        let files =
            vec![model.path.clone(), model.path.with_extension("toml"), models::edited_card(cards, &model.hash)];
        let label = runtime.describe().label();
        Ok(Self {
            asked: asked.to_owned(),
            stamp: stamp(&files),
            files,
            classes: ClassMap::new(&model.card.classes),
            facts: Arc::new(ModelFacts { model: Arc::clone(&model), key, layers, how, runtime: label }),
            model,
            runtime,
        })
    }
}

/// An explainer and what it is of: the model's place, layer, method, and what a learned cut is called.
struct Ready<'s> {
    place: usize,
    layer: Option<String>,
    method: crate::model::explain::Method,
    head: Option<Arc<str>>,
    explainer: Explainer<'s>,
}

/// A picture as numbers for one way of preparing it.
struct Prepared {
    sample: SampleRef,
    how: Preprocessing,
    values: Rc<[f32]>,
}

/// A learned cut: the direction, what is said of it, a name for what it was learned from.
pub(super) type Learned = (Direction, String, Arc<str>);

pub(super) struct Bench<'s> {
    shelf: &'s Shelf,
    cards: PathBuf,
    /// The most recently used last.
    explainers: Vec<Ready<'s>>,
    scores: Vec<(usize, Scores)>,
    heads: HashMap<(usize, PathBuf, PathBuf), Learned>,
    /// The population that `heads` were learned from.
    heads_of: Option<Arc<Population>>,
    readers: ReaderCache,
    prepared: Vec<Prepared>,
    maps: Kept,
    /// What maps of a column are kept under, as its files were when the request began.
    keys: HashMap<Arc<Recipe>, Arc<str>>,
    notices: Vec<String>,
    is_full: bool,
}

impl<'s> Bench<'s> {
    pub(super) fn new(shelf: &'s Shelf, cards: &Path, maps: Kept) -> Self {
        Self {
            shelf,
            cards: cards.to_owned(),
            explainers: Vec::new(),
            scores: Vec::new(),
            heads: HashMap::new(),
            heads_of: None,
            readers: ReaderCache::new(),
            prepared: Vec::new(),
            maps,
            keys: HashMap::new(),
            notices: Vec::new(),
            is_full: false,
        }
    }

    /// True when a model found no place.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn into_maps(self) -> Kept {
        self.maps
    }

    fn opened(&self, place: usize) -> &'s Opened {
        self.shelf.0[place].get().expect("places are given out when they are filled")
    }

    /// The place of a model as its files are now.
    fn place(&mut self, path: &Path) -> Result<usize, String> {
        let path = &bundled::locate(path).map_err(|error| error.to_string())?;
        let fits = |opened: &Opened| opened.asked == *path && stamp(&opened.files) == opened.stamp;
        if let Some(place) = self.shelf.0.iter().position(|cell| cell.get().is_some_and(fits)) {
            return Ok(place);
        }
        let free = self.shelf.0.iter().position(|cell| cell.get().is_none());
        // One place is always free: the request after the one that takes the last finds an empty shelf.
        let Some(place) = free else {
            return Err("too many models are looked at in one go; remove a column".to_owned());
        };
        let opened = Opened::new(path, &self.cards)?;
        let _ = self.shelf.0[place].set(opened);
        self.is_full |= place + 1 == MODELS;
        Ok(place)
    }

    /// The learned cut of a recipe, if it has one.
    fn learned(&mut self, population: &Arc<Population>, place: usize, aim: &Aim) -> Result<Option<Learned>, String> {
        let Aim::Head { positive, negative } = aim else { return Ok(None) };
        if self.heads_of.as_ref().is_none_or(|of| !Arc::ptr_eq(&of.columns, &population.columns)) {
            self.heads.clear();
            self.heads_of = Some(Arc::clone(population));
        }
        let key = (place, positive.clone(), negative.clone());
        if let Some(learned) = self.heads.get(&key) {
            return Ok(Some(learned.clone()));
        }
        let learned = learn(population, &self.opened(place).model, positive, negative)?;
        self.heads.insert(key, learned.clone());
        Ok(Some(learned))
    }

    /// Where the explainer of a recipe is, made if need be.
    fn ready(&mut self, population: &Arc<Population>, recipe: &Recipe) -> Result<usize, String> {
        let place = self.place(&recipe.model)?;
        let learned = self.learned(population, place, &recipe.aim)?;
        let head = learned.as_ref().map(|(.., name)| Arc::clone(name));
        let is_it = |ready: &Ready<'_>| {
            ready.place == place && ready.layer == recipe.layer && ready.method == recipe.method && ready.head == head
        };
        if let Some(at) = self.explainers.iter().position(is_it) {
            let ready = self.explainers.remove(at);
            self.explainers.push(ready);
        } else {
            let opened = self.opened(place);
            let direction = learned.map(|(direction, ..)| direction);
            let model: &'s Model = &opened.model;
            let explainer = Explainer::along(opened.runtime, model, recipe.layer.as_deref(), recipe.method, direction)
                .map_err(|error| error.to_string())?;
            if self.explainers.len() == EXPLAINERS {
                self.explainers.remove(0);
            }
            let layer = recipe.layer.clone();
            self.explainers.push(Ready { place, layer, method: recipe.method, head, explainer });
        }
        Ok(self.explainers.len() - 1)
    }

    /// What the maps of a recipe are kept under; `None` until its model is open.
    fn column_key(&mut self, recipe: &Recipe) -> Option<Arc<str>> {
        let place = self.place(&recipe.model).ok()?;
        let head = match &recipe.aim {
            Aim::Head { positive, negative } => {
                let (.., name) = self.heads.get(&(place, positive.clone(), negative.clone()))?;
                Some(name.to_string())
            }
            _ => None,
        };
        let opened = self.opened(place);
        // The card's stages are no part of the key, so the tensor is.
        let stage = match &recipe.layer {
            Some(layer) => opened.model.resolve(layer).ok().map(|stage| stage.tensor),
            None => opened.facts.layers.last().map(|(layer, _)| layer.clone()),
        };
        let Recipe { method, aim, .. } = recipe;
        let said = format!("{} {stage:?} {method} {:?}", opened.facts.key, head.unwrap_or_else(|| format!("{aim:?}")));
        Some(said.into())
    }

    /// The numbers of a picture and the mask of its foreground.
    fn picture(&mut self, population: &Population, place: usize, sample: SampleRef) -> Result<Rc<[f32]>, String> {
        let how = &self.opened(place).facts.how;
        if let Some(found) = self.prepared.iter().find(|ready| ready.sample == sample && ready.how == *how) {
            return Ok(Rc::clone(&found.values));
        }
        let bytes = DatasetReader::of(&mut self.readers, population, sample)?.image_bytes(sample.row)?;
        let mut values = vec![0.0; preprocess::len(how)];
        let picture = preprocess::decode(&bytes, how).map_err(|error| error.to_string())?;
        preprocess::tensor(&picture, how, &mut values).map_err(|error| error.to_string())?;
        let values: Rc<[f32]> = values.into();
        if self.prepared.len() == PICTURES {
            self.prepared.remove(0);
        }
        self.prepared.push(Prepared { sample, how: how.clone(), values: Rc::clone(&values) });
        Ok(values)
    }

    /// The class that the dataset names.
    fn truth(&mut self, population: &Population, place: usize, sample: SampleRef) -> Result<Option<usize>, String> {
        let record = DatasetReader::of(&mut self.readers, population, sample)?.record(sample.row)?;
        let fields = &record.fields;
        let said =
            ClassFields { leaf: fields.leaf.as_deref(), wnid: fields.wnid.as_deref(), class_index: fields.class_index };
        Ok(self.opened(place).classes.class_of(said).map(|class| class as usize))
    }

    fn make(
        &mut self,
        population: &Arc<Population>,
        recipe: &Recipe,
        samples: &[SampleRef],
    ) -> Result<Vec<Answer>, String> {
        let place = self.place(&recipe.model)?;
        let how = self.opened(place).facts.how.clone();
        let (mut values, mut truths, mut read) = (Vec::new(), Vec::new(), Vec::new());
        let mut answers: Vec<Answer> = Vec::new();
        for &sample in samples {
            let truth = if recipe.aim == Aim::Truth { self.truth(population, place, sample) } else { Ok(None) };
            match truth.and_then(|truth| Ok((truth, self.picture(population, place, sample)?))) {
                Ok((truth, numbers)) => {
                    values.extend_from_slice(&numbers);
                    truths.push(truth);
                    read.push(sample);
                }
                Err(reason) => answers.push((sample, Err(reason))),
            }
        }
        let at = self.ready(population, recipe)?;
        let explainer = &mut self.explainers[at].explainer;
        // A batch that is not full goes one by one: a runtime that has seen neither size prepares itself for both only once.
        let size = if read.len() == BATCH { BATCH } else { 1 };
        let one = preprocess::len(&how);
        for (at, samples) in read.chunks(size).enumerate() {
            let count = samples.len();
            let numbers = &values[at * size * one..(at * size + count) * one];
            let truths = &truths[at * size..at * size + count];
            let found = explain(explainer, &recipe.aim, truths, count, numbers).map_err(|error| error.to_string())?;
            for ((sample, found), picture) in samples.iter().zip(found).zip(numbers.chunks_exact(one)) {
                let cell = found.map(|explanation| {
                    let mask = Mask::of(&job::pixels(picture, &how), how.crop as usize);
                    let figures = Figures::of(&recipe.method.evidence(&explanation.map), mask.as_ref());
                    Arc::new(Cell { explanation, figures })
                });
                answers.push((*sample, cell));
            }
        }
        self.notices.extend(explainer.take_notices());
        Ok(answers)
    }
}

/// Explains a batch by what the maps shall be of.
///
/// # Errors
/// The model cannot be run.
pub(super) fn explain(
    explainer: &mut Explainer<'_>,
    aim: &Aim,
    truths: &[Option<usize>],
    count: usize,
    values: &[f32],
) -> Result<Vec<Result<Explanation, String>>, ModelError> {
    let classes = match aim {
        Aim::Predicted | Aim::Head { .. } => Classes::Predicted,
        Aim::Class(class) => Classes::One(*class),
        // A picture without a class shares the batch and is left out below.
        Aim::Truth => Classes::Each(truths.iter().map(|truth| truth.unwrap_or(0)).collect()),
        Aim::Rank(rank) => {
            let best = explainer.run_top(count, values, rank + 1)?;
            let none = || format!("the model has no class of rank {}", rank + 1);
            return Ok(best.into_iter().map(|mut best| best.drain(..).nth(*rank).ok_or_else(none)).collect());
        }
    };
    let found = explainer.run(count, values, &classes)?;
    let known = |at: usize| *aim != Aim::Truth || truths.get(at).copied().flatten().is_some();
    let answer = |(at, explanation)| {
        if known(at) { Ok(explanation) } else { Err("the dataset names no class that this model has".to_owned()) }
    };
    Ok(found.into_iter().enumerate().map(answer).collect())
}

/// Learns a cut between the features of two datasets, in the model's last stage.
///
/// # Errors
/// A sentence: a dataset is closed, or there are no features yet.
pub(super) fn learn(
    population: &Arc<Population>,
    model: &Model,
    positive: &Path,
    negative: &Path,
) -> Result<Learned, String> {
    let place = |root: &Path| {
        let place = population.columns.datasets.iter().position(|dataset| dataset.root == root);
        place.ok_or_else(|| format!("the dataset is not open any more: {}", root.display()))
    };
    let pair = [place(positive)?, place(negative)?];
    let ask = head::Ask { population, model, layer: None, pair, seed: 0 };
    let found = head::learn(&ask, &CancelToken::default()).map_err(|error| error.to_string())?;
    let said = format!(
        "{}: a straight cut through the features of {}, right for {:.1} % of {} pictures that it has not seen (chance 50 %)",
        found.name(),
        found.layer,
        found.probe.balanced_accuracy * 100.0,
        found.probe.held_out
    );
    let mut numbers = rustc_hash::FxHasher::default();
    for weight in found.direction.weights.iter().chain([&found.direction.bias]) {
        weight.to_bits().hash(&mut numbers);
    }
    let name = format!("{} {:x}", found.layer, numbers.finish());
    Ok((found.direction, said, name.into()))
}

impl Maker for Bench<'_> {
    fn model(&mut self, path: &Path) -> Result<Arc<ModelFacts>, String> {
        let place = self.place(path)?;
        Ok(Arc::clone(&self.opened(place).facts))
    }

    fn column(&mut self, population: &Arc<Population>, recipe: &Arc<Recipe>) -> Result<ColumnFacts, String> {
        let at = self.ready(population, recipe)?;
        let ready = &self.explainers[at];
        let (layer, resolution) = (ready.explainer.stage().name.clone(), ready.explainer.resolution());
        let place = ready.place;
        let head = self.learned(population, place, &recipe.aim)?.map(|(_, said, _)| said);
        match self.column_key(recipe) {
            Some(key) => self.keys.insert(Arc::clone(recipe), key),
            None => self.keys.remove(recipe),
        };
        Ok(ColumnFacts { layer, resolution, head })
    }

    fn kept(&mut self, recipe: &Arc<Recipe>, sample: SampleRef) -> Option<Arc<Cell>> {
        let column = Arc::clone(self.keys.get(recipe)?);
        self.maps.get(&Key { column, sample })
    }

    fn cells(&mut self, population: &Arc<Population>, recipe: &Arc<Recipe>, samples: &[SampleRef]) -> Vec<Answer> {
        let answers = match self.make(population, recipe, samples) {
            Ok(answers) => answers,
            Err(error) => samples.iter().map(|sample| (*sample, Err(error.clone()))).collect(),
        };
        // Asked anew: the files may have changed since the request began.
        if let Some(column) = self.column_key(recipe) {
            for (sample, cell) in &answers {
                if let Ok(cell) = cell {
                    self.maps.put(Key { column: Arc::clone(&column), sample: *sample }, Arc::clone(cell));
                }
            }
        }
        answers
    }

    fn scored(&mut self, population: &Population, ask: &ScoreAsk) -> Scored {
        let sample = ask.sample;
        let mut scored = Scored { truth: None, in_full: ask.in_full, probabilities: Arc::default() };
        let Ok(place) = self.place(&ask.model) else { return scored };
        scored.truth = self.truth(population, place, sample).ok().flatten();
        if !ask.in_full {
            return scored;
        }
        let Ok(values) = self.picture(population, place, sample) else { return scored };
        let opened = self.opened(place);
        let session = match self.scores.iter().position(|(of, _)| *of == place) {
            Some(at) => Some(at),
            None => Scores::start(opened.runtime, &opened.model).ok().map(|session| {
                self.scores.push((place, session));
                self.scores.len() - 1
            }),
        };
        if let Some(at) = session
            && let Ok(scores) = self.scores[at].1.run(1, &values)
        {
            scored.probabilities = softmax(&scores).into();
        }
        scored
    }

    fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}
