//! How local models look over many pictures: figures of each map, and the mean map.
//!
//! A long job of its own lane: the newest request wins and ends the one that runs. Columns are answered one by one, each over the same pictures,
//! so that they can be compared in pairs.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bench::{self, Opened};
use super::{Aim, Recipe, WhyEvent};
use crate::analysis::cam::mean::Sum;
use crate::analysis::cam::{Figures, Map, Mask};
use crate::base::{CancelToken, Cancelled};
use crate::catalog::ClassFields;
use crate::jobs::batches::{self, Batch, PictureReader, Runner, Work};
use crate::jobs::explain::{pixels, usual_batch};
use crate::jobs::newest::Answering;
use crate::jobs::reader::DatasetReader;
use crate::jobs::status::Running;
use crate::jobs::{Event, Outbox, Population, ReaderCache, SampleRef};
use crate::model::card::Preprocessing;
use crate::model::explain::{Explainer, Explanation, Method};
use crate::model::{Model, ModelError, preprocess};

/// What the status bar calls it.
pub const TITLE: &str = "Measuring how local maps are";

/// What to measure.
#[derive(Clone, Debug)]
pub struct LocalAsk {
    /// Number of the request; answers carry it.
    pub generation: u64,
    /// Over what.
    pub population: Arc<Population>,
    /// The pictures.
    pub samples: Arc<Vec<SampleRef>>,
    /// The columns.
    pub columns: Vec<Arc<Recipe>>,
}

/// A request with the place of edited cards.
pub struct LocalOrder {
    pub(in crate::jobs) ask: LocalAsk,
    pub(in crate::jobs) cards: PathBuf,
}

/// One picture's figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The class that was explained.
    pub class: usize,
    /// Its probability.
    pub probability: f32,
    /// How local the map is.
    pub figures: Figures,
}

/// What one column makes of the pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalColumn {
    /// How its maps are made.
    pub recipe: Arc<Recipe>,
    /// The layer's name.
    pub layer: String,
    /// For each picture of the request; `None` where there is no map.
    pub figures: Vec<Option<Measured>>,
    /// The mean of the maps, each with its positive part as mass 1, so that no picture outweighs the others.
    pub mean: Map,
    /// Why the first picture without a map has none.
    pub problem: Option<String>,
}

/// News of the job.
#[derive(Debug)]
pub enum LocalEvent {
    /// A column is measured, or cannot be.
    Column(u64, Arc<Recipe>, Result<Arc<LocalColumn>, String>),
    /// Nothing more comes; true if it was stopped.
    Ended(u64, bool),
}

/// The lane's way to an answer.
pub(in crate::jobs) const ANSWERING: Answering<LocalOrder, bool> = Answering {
    name: "local",
    doing: "measuring maps",
    title: TITLE,
    work,
    tell: |order, stopped, _, outbox| {
        outbox.send(Event::Why(WhyEvent::Local(LocalEvent::Ended(order.ask.generation, stopped.unwrap_or(true)))));
    },
};

fn work(LocalOrder { ask, cards }: &LocalOrder, job: &Running, outbox: &Outbox) -> bool {
    job.progress.set_total((ask.samples.len() * ask.columns.len()) as u64);
    for recipe in &ask.columns {
        let found = match measure(ask, recipe, cards, job, outbox) {
            Ok(column) => Ok(Arc::new(column)),
            Err(ModelError::Cancelled(_)) => return true,
            Err(error) => Err(error.to_string()),
        };
        let event = LocalEvent::Column(ask.generation, Arc::clone(recipe), found);
        outbox.send(Event::Why(WhyEvent::Local(event)));
    }
    false
}

fn measure(
    ask: &LocalAsk,
    recipe: &Arc<Recipe>,
    cards: &Path,
    job: &Running,
    outbox: &Outbox,
) -> Result<LocalColumn, ModelError> {
    let said = |message: String| ModelError::Runtime { runtime: "the window".to_owned(), message };
    let opened = Opened::new(&recipe.model, cards).map_err(said)?;
    let model: &Model = &opened.model;
    let direction = match &recipe.aim {
        Aim::Head { positive, negative } => {
            Some(bench::learn(&ask.population, model, positive, negative).map_err(said)?.0)
        }
        _ => None,
    };
    let mut explainer = Explainer::along(opened.runtime, model, recipe.layer.as_deref(), recipe.method, direction)?;
    let how = opened.facts.how.clone();
    let truths = if recipe.aim == Aim::Truth { truths(ask, &opened, &job.cancel)? } else { Vec::new() };
    let (height, width) = explainer.resolution();
    let layer = explainer.stage().name.clone();
    let found = RefCell::new(Vec::new());
    let mut looker = Looker {
        explainer: &mut explainer,
        aim: &recipe.aim,
        method: recipe.method,
        how: &how,
        truths: &truths,
        at: 0,
        found: &found,
    };
    let mut sum = Sum::of(height * width);
    let mut figures: Vec<Option<Measured>> = vec![None; ask.samples.len()];
    let mut problem: Option<String> = None;
    let mut deal = |batch: Batch| -> Result<(), ModelError> {
        let mut unreadable = batch.unreadable.into_iter().peekable();
        for (at, outcome) in found.take().into_iter().enumerate() {
            let outcome: Result<Looked, String> = match unreadable.next_if(|(place, _)| *place == at) {
                Some((_, reason)) => Err(reason),
                None => outcome,
            };
            match outcome {
                Ok((explanation, of_map)) => {
                    sum.add(&recipe.method.evidence(&explanation.map));
                    let Explanation { class, probability, .. } = explanation;
                    figures[batch.first + at] = Some(Measured { class, probability, figures: of_map });
                }
                Err(reason) => problem = problem.take().or(Some(reason)),
            }
        }
        Ok(())
    };
    let batch = model.input.batch.unwrap_or_else(|| usual_batch(opened.runtime.describe().provider));
    let work = Work { rows: 0..ask.samples.len(), batch, how: &how };
    let readers = PictureReader::several(&ask.population, &ask.samples);
    batches::run(&work, readers, &mut looker, &mut deal, &job.progress, &job.cancel)?;
    for notice in explainer.take_notices() {
        outbox.send(Event::Why(WhyEvent::Notice(notice)));
    }
    Ok(LocalColumn { recipe: Arc::clone(recipe), layer, figures, mean: sum.mean(height, width), problem })
}

/// The classes that the dataset names.
fn truths(ask: &LocalAsk, opened: &Opened, cancel: &CancelToken) -> Result<Vec<Option<usize>>, Cancelled> {
    let mut readers = ReaderCache::new();
    let mut truths = Vec::with_capacity(ask.samples.len());
    for &sample in ask.samples.iter() {
        cancel.check()?;
        let record =
            DatasetReader::of(&mut readers, &ask.population, sample).and_then(|reader| reader.record(sample.row));
        let class = record.ok().and_then(|record| {
            let fields = &record.fields;
            let (leaf, wnid) = (fields.leaf.as_deref(), fields.wnid.as_deref());
            opened.classes.class_of(ClassFields { leaf, wnid, class_index: fields.class_index })
        });
        truths.push(class.map(|class| class as usize));
    }
    Ok(truths)
}

type Looked = (Explanation, Figures);

/// Runs the explainer of one column over batches in their order.
struct Looker<'a, 'm> {
    explainer: &'a mut Explainer<'m>,
    aim: &'a Aim,
    method: Method,
    how: &'a Preprocessing,
    /// One a picture where the dataset's own class is explained.
    truths: &'a [Option<usize>],
    /// Number of the next picture.
    at: usize,
    found: &'a RefCell<Vec<Result<Looked, String>>>,
}

impl Runner for Looker<'_, '_> {
    fn run(&mut self, count: usize, values: &[f32]) -> Result<Vec<Vec<f32>>, ModelError> {
        let truths = self.truths.get(self.at..self.at + count).unwrap_or_default();
        self.at += count;
        let explanations = bench::explain(self.explainer, self.aim, truths, count, values)?;
        let pictures = values.chunks_exact(preprocess::len(self.how));
        let looked = explanations.into_iter().zip(pictures).map(|(explanation, values)| {
            let explanation = explanation?;
            let mask = Mask::of(&pixels(values, self.how), self.how.crop as usize);
            let figures = Figures::of(&self.method.evidence(&explanation.map), mask.as_ref());
            Ok((explanation, figures))
        });
        *self.found.borrow_mut() = looked.collect();
        Ok(Vec::new())
    }
}
