//! Explanations: which places of a picture speak for a class, for any model and any layer.
//!
//! How it works: an [`Explainer`] is made for a model, a layer and a [`Method`]. Methods that need gradients run the graph of
//! [`Graph::gradients`](super::onnx::Graph::gradients): for the predicted class its one-hot seed is made inside the graph
//! ([`seed`]), so that one run per batch gives scores, layer and gradient; for classes that are chosen, the seed is fed.
//! The other methods only run forward. `analysis::cam` makes maps of what comes out; saliency of the input is in [`saliency`].
//!
//! Scores are those before softmax. Maps are signed and unscaled, at the layer's own resolution.

mod curves;
mod layers;
mod method;
mod saliency;
mod seed;
#[cfg(test)]
mod tests;

pub use layers::spatial;
pub use method::Method;

use layers::{AVERAGED, average, default_stage, is_mean_of};

use super::card::{Layout, Stage};
use super::onnx::gradient::SEED;
use super::onnx::{Graph, Seed, Tap, Target};
use super::runtime::{Outputs, Runtime, Session, Tensor, TensorIn};
use super::{Model, ModelError};
use crate::analysis::cam::{self, Arrangement, Map, Planes, softmax};

/// What is explained, for each picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Classes {
    /// The class with the highest score.
    #[default]
    Predicted,
    /// One class for all.
    One(usize),
    /// A class for each picture of the batch.
    Each(Vec<usize>),
    /// So many classes of each picture, those with the highest scores, highest first: as many maps a picture.
    Top(usize),
}

/// A linear head learned here, in place of the model's own classes: `score = weights · features + bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct Direction {
    /// A stage or any tensor; averaged over its places where it has some, so that `[N, D]` is read.
    pub features: String,
    /// `[D]`.
    pub weights: Vec<f32>,
    /// Added to the score.
    pub bias: f32,
}

impl Direction {
    /// Score and probability of one picture's features.
    fn probability(&self, features: &[f32]) -> (f32, f32) {
        let score = self.weights.iter().zip(features).map(|(weight, value)| weight * value).sum::<f32>() + self.bias;
        (score, 1.0 / (1.0 + (-score).exp()))
    }
}

/// What one picture's explanation is.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The class that is explained; 0 for a [`Direction`].
    pub class: usize,
    /// Its score before softmax.
    pub score: f32,
    /// Its probability: softmax over the classes, the logistic function for a [`Direction`].
    pub probability: f32,
    /// Signed and unscaled, `[h, w]` of the layer.
    pub map: Map,
}

/// Makes maps of one model at one layer by one method.
pub struct Explainer<'a> {
    model: &'a Model,
    runtime: &'static Runtime,
    stage: Stage,
    method: Method,
    direction: Option<Direction>,
    /// The graph up to what the direction reads, averaged; the model's own without a direction.
    averaged: Option<Graph>,
    /// Axes of the layer without the batch.
    dims: Vec<usize>,
    arrangement: Arrangement,
    /// The tensor of scores.
    scores: String,
    /// Weights of the head, `[C, D]`, where the method is CAM.
    head: Vec<f32>,
    /// Scores, layer and gradient for the predicted class (or the direction); layer and scores where there are no gradients.
    whole: Option<Session>,
    /// The same with the seed fed.
    seeded: Option<Session>,
    /// Scores alone.
    forward: Option<Session>,
    notices: Vec<String>,
    /// Scores that are no numbers were told of.
    told_odd: bool,
}

impl std::fmt::Debug for Explainer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stage, method, dims, .. } = self;
        f.debug_struct("Explainer")
            .field("stage", stage)
            .field("method", method)
            .field("dims", dims)
            .finish_non_exhaustive()
    }
}

/// Output of the layer and the scores of the forward methods.
const LAYER: &str = "layer";
const SCORES: &str = super::onnx::gradient::SCORES;

impl<'a> Explainer<'a> {
    /// An explainer; `layer` is a stage of the card or any tensor, without it the last stage that has places (for transformers with
    /// a class token the last but one: behind the last block only that token is read). Saliency methods look at the input
    /// whatever the layer.
    ///
    /// # Errors
    /// One sentence: no scores, an unknown layer, a layer without places, a method that the model does not fit.
    pub fn new(
        runtime: &'static Runtime,
        model: &'a Model,
        layer: Option<&str>,
        method: Method,
    ) -> Result<Self, ModelError> {
        Self::along(runtime, model, layer, method, None)
    }

    /// As [`Explainer::new`] for a linear head that was learned here.
    ///
    /// # Errors
    /// As [`Explainer::new`]; CAM in closed form and Score-CAM are for the model's own classes.
    pub fn along(
        runtime: &'static Runtime,
        model: &'a Model,
        layer: Option<&str>,
        method: Method,
        direction: Option<Direction>,
    ) -> Result<Self, ModelError> {
        let unusable = |message: String| ModelError::Unusable { path: model.path.clone(), message };
        let scores = match (&direction, &model.card.logits) {
            (Some(_), _) => AVERAGED.to_owned(),
            (None, Some(logits)) => logits.clone(),
            (None, None) => {
                return Err(unusable(
                    "nothing in it looks like scores of classes; name the output in a model card (logits = \"..\")"
                        .to_owned(),
                ));
            }
        };
        if direction.is_some() && matches!(method, Method::Cam | Method::ScoreCam) {
            return Err(unusable(format!(
                "{method} explains the model's own classes only; gradcam goes along any direction"
            )));
        }
        let read = direction.as_ref().map(|direction| model.resolve(&direction.features)).transpose()?;
        let stage = match (method.of_input(), layer) {
            (true, _) => Stage { name: "input".to_owned(), tensor: model.input.name.clone() },
            (false, Some(name)) => model.resolve(name)?,
            (false, None) => default_stage(model, read.as_ref())?,
        };
        let averaged = read.as_ref().map(|read| average(model, read, &stage)).transpose()?;
        let dims = model.graph.shapes().dims(&stage.tensor).unwrap_or_default().to_vec();
        let arrangement = match dims.len() {
            4 if stage.tensor == model.input.name && model.input.layout == Layout::Nhwc => Arrangement::Pixels,
            4 if model.graph.layout(&stage.tensor) == Layout::Nhwc => Arrangement::Pixels,
            4 => Arrangement::Planes,
            3 => Arrangement::Tokens { lead: cam::token_grid(dims[1]).0 },
            _ => {
                let stage_of = |(stage, side): (Stage, usize)| format!("{} ({side} x {side})", stage.name);
                let known: Vec<String> = spatial(model).into_iter().map(stage_of).collect();
                return Err(unusable(format!(
                    "the layer \"{}\" has no places, so there is no map of it; layers with places are {}",
                    stage.name,
                    if known.is_empty() { "unknown".to_owned() } else { known.join(", ") }
                )));
            }
        };
        let mut explainer = Self {
            model,
            runtime,
            stage,
            method,
            direction,
            averaged,
            dims: dims[1..].to_vec(),
            arrangement,
            scores,
            head: Vec::new(),
            whole: None,
            seeded: None,
            forward: None,
            notices: Vec::new(),
            told_odd: false,
        };
        if method == Method::Cam {
            explainer.head = explainer.closed_form()?;
        }
        // What cannot be run is told here, not at the first picture.
        explainer.whole()?;
        Ok(explainer)
    }

    /// The layer.
    #[must_use]
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// What runs it.
    #[must_use]
    pub fn runtime(&self) -> &'static Runtime {
        self.runtime
    }

    /// Rows and columns of its maps.
    #[must_use]
    pub fn resolution(&self) -> (usize, usize) {
        match (self.arrangement, &self.dims[..]) {
            (Arrangement::Planes, &[_, height, width]) | (Arrangement::Pixels, &[height, width, _]) => (height, width),
            (Arrangement::Tokens { .. }, &[tokens, _]) => (cam::token_grid(tokens).1, cam::token_grid(tokens).1),
            _ => (0, 0),
        }
    }

    /// Sentences about what happened since the last call: a smaller batch, another device.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// The graph that is run.
    fn graph(&self) -> &Graph {
        self.averaged.as_ref().unwrap_or(&self.model.graph)
    }

    /// Explains a batch: `values` are the numbers of `count` pictures, one after the other. Explanations come picture after
    /// picture, one each; with [`Classes::Top`] as many each as classes were asked for and the model has.
    ///
    /// # Errors
    /// The model cannot be run, or has no such class.
    pub fn run(&mut self, count: usize, values: &[f32], classes: &Classes) -> Result<Vec<Explanation>, ModelError> {
        if let (Classes::Top(top), None) = (classes, &self.direction) {
            return Ok(self.run_top(count, values, *top)?.into_iter().flatten().collect());
        }
        let found = match self.method {
            Method::EigenCam | Method::Cam => self.forward_cam(count, values, classes)?,
            Method::ScoreCam => self.score_cam(count, values, classes)?,
            Method::SmoothGrad => self.smooth(count, values, classes)?,
            Method::IntegratedGradients => self.integrated(count, values, classes)?,
            _ => {
                let pass = self.gradients(count, values, classes)?;
                self.each(count, &pass, |_, layer, gradient| self.method.combine(layer, gradient))?
            }
        };
        let odd = found.iter().filter(|explanation| !explanation.score.is_finite()).count();
        if odd > 0 {
            // Said once: a model like that does it for every batch.
            if !std::mem::replace(&mut self.told_odd, true) {
                self.notices.push(
                    "the model's scores of some pictures are not finite numbers, and their maps mean nothing: mind its weights and its card's preprocessing"
                        .to_owned(),
                );
            }
            return Ok(found);
        }
        // Behind the last block of a transformer only the class token is read.
        let nothing = |explanation: &Explanation| explanation.map.values.iter().all(|&value| value == 0.0);
        if found.iter().all(nothing) && self.notices.is_empty() {
            self.notices.push(format!(
                "the map is 0 everywhere: the class does not depend on the places of \"{}\"; choose an earlier layer",
                self.stage.name
            ));
        }
        Ok(found)
    }

    /// The `top` classes of each picture and their maps, most probable first, picture after picture.
    ///
    /// # Errors
    /// As [`Explainer::run`].
    pub fn run_top(&mut self, count: usize, values: &[f32], top: usize) -> Result<Vec<Vec<Explanation>>, ModelError> {
        let scores = self.score(count, values)?;
        let each = scores.len() / count.max(1);
        let best: Vec<Vec<usize>> = scores.chunks(each.max(1)).map(|scores| best(scores, top)).collect();
        let mut found: Vec<Vec<Explanation>> = vec![Vec::new(); count];
        for rank in 0..top.min(each) {
            let classes = Classes::Each(best.iter().map(|best| best[rank]).collect());
            for (found, explanation) in found.iter_mut().zip(self.run(count, values, &classes)?) {
                found.push(explanation);
            }
        }
        Ok(found)
    }

    /// Scores `[count, classes]` alone.
    fn score(&mut self, count: usize, values: &[f32]) -> Result<Vec<f32>, ModelError> {
        let mut session = if let Some(session) = self.forward.take() {
            session
        } else {
            let onnx = self.graph().expose(&[Tap::whole(&self.scores, SCORES)])?;
            self.runtime.session(&onnx, 0)?
        };
        let ran = session.run_batch(&self.model.input.name, &self.model.input.shape(count), values);
        self.forward = Some(session);
        let (mut outputs, notices) = ran?;
        self.notices.extend(notices);
        Ok(outputs.pop().map(|(_, tensor)| tensor.values).unwrap_or_default())
    }

    /// The session whose classes are not fed.
    fn whole(&mut self) -> Result<(), ModelError> {
        if self.whole.is_some() {
            return Ok(());
        }
        let onnx = if self.method.needs_gradients() {
            let wrt = [self.stage.tensor.clone()];
            let output = self.scores.clone();
            if let Some(Direction { weights, .. }) = &self.direction {
                self.graph().gradients(&Target { output, seed: Seed::Weights(weights.clone()) }, &wrt)?
            } else {
                let onnx = self.model.graph.gradients(&Target { output, seed: Seed::Input }, &wrt)?;
                seed::predicted(&onnx, &self.model.path)?
            }
        } else {
            let taps = [Tap::whole(&self.stage.tensor, LAYER), Tap::whole(&self.scores, SCORES)];
            self.graph().expose(&taps)?
        };
        self.whole = Some(self.runtime.session(&onnx, 0)?);
        Ok(())
    }

    /// Runs the session that knows its classes.
    fn run_whole(&mut self, count: usize, values: &[f32]) -> Result<Outputs, ModelError> {
        self.whole()?;
        let session = self.whole.as_mut().expect("made in the line above");
        let (outputs, notices) = session.run_batch(&self.model.input.name, &self.model.input.shape(count), values)?;
        self.notices.extend(notices);
        Ok(outputs)
    }

    /// Runs the session that is fed its classes.
    fn run_seeded(&mut self, count: usize, values: &[f32], classes: &[usize]) -> Result<Outputs, ModelError> {
        let total = self.class_count()?;
        let mut session = if let Some(session) = self.seeded.take() {
            session
        } else {
            let target = Target { output: self.scores.clone(), seed: Seed::Input };
            let onnx = self.model.graph.gradients(&target, std::slice::from_ref(&self.stage.tensor))?;
            self.runtime.session(&onnx, 0)?
        };
        // A graph of a fixed batch gets pieces of just that size, the last one filled with zeros.
        let piece = self.model.input.batch.unwrap_or(count).max(1);
        let one = self.model.input.shape(1).iter().product::<usize>();
        let mut joined: Outputs = Vec::new();
        for first in (0..count).step_by(piece) {
            let here = piece.min(count - first);
            let mut rows = values[first * one..(first + here) * one].to_vec();
            rows.resize(piece * one, 0.0);
            let mut seeds = vec![0.0; piece * total];
            for (row, &class) in classes[first..first + here].iter().enumerate() {
                seeds[row * total + class] = 1.0;
            }
            let (shape, seeds_shape) = (self.model.input.shape(piece), [piece, total]);
            let name = self.model.input.name.as_str();
            let inputs = [(name, TensorIn::F32(&shape, &rows)), (SEED, TensorIn::F32(&seeds_shape, &seeds))];
            let outputs = session.run(&inputs)?;
            for (at, (name, mut tensor)) in outputs.into_iter().enumerate() {
                let row = tensor.values.len() / piece;
                tensor.values.truncate(row * here);
                match joined.get_mut(at) {
                    Some((_, all)) => all.values.extend(tensor.values),
                    None => joined.push((name, tensor)),
                }
            }
        }
        self.notices.extend(session.take_notices());
        self.seeded = Some(session);
        Ok(joined)
    }

    /// Scores, layer and its gradient.
    fn gradients(&mut self, count: usize, values: &[f32], classes: &Classes) -> Result<Pass, ModelError> {
        let chosen = self.chosen(count, classes)?;
        let outputs = match &chosen {
            Some(classes) if self.direction.is_none() => self.run_seeded(count, values, classes)?,
            _ => self.run_whole(count, values)?,
        };
        let [gradient, layer, scores] = take(outputs)?;
        Ok(self.pass(count, &scores.values, layer.values, gradient.values, chosen.as_deref()))
    }

    /// The classes, where they do not depend on the scores.
    fn chosen(&self, count: usize, classes: &Classes) -> Result<Option<Vec<usize>>, ModelError> {
        if self.direction.is_some() {
            return Ok(None);
        }
        let chosen = match classes {
            // Several classes a picture are taken apart in `run_top`.
            Classes::Predicted | Classes::Top(_) => return Ok(None),
            Classes::One(class) => vec![*class; count],
            Classes::Each(classes) => classes.clone(),
        };
        let total = self.class_count()?;
        if let Some(&beyond) = chosen.iter().find(|&&class| class >= total) {
            let known = format!("0 to {}", total.saturating_sub(1));
            return Err(ModelError::Unknown { what: "class", name: beyond.to_string(), known });
        }
        assert_eq!(chosen.len(), count, "a class for each picture");
        Ok(Some(chosen))
    }

    fn class_count(&self) -> Result<usize, ModelError> {
        self.model.class_count().filter(|&count| count > 0).ok_or_else(|| ModelError::Unusable {
            path: self.model.path.clone(),
            message: "nobody can tell how many classes it has; name its scores in a model card (logits = \"..\")"
                .to_owned(),
        })
    }

    fn pass(
        &self,
        count: usize,
        scores: &[f32],
        layer: Vec<f32>,
        gradient: Vec<f32>,
        chosen: Option<&[usize]>,
    ) -> Pass {
        let each = scores.len() / count.max(1);
        let picked = scores.chunks(each.max(1)).enumerate().map(|(at, scores)| {
            if let Some(direction) = &self.direction {
                let (score, probability) = direction.probability(scores);
                return (0, score, probability);
            }
            let class = chosen.map_or_else(|| first_best(scores), |chosen| chosen[at]);
            let score = scores.get(class).copied().unwrap_or(f32::NAN);
            (class, score, softmax(scores).get(class).copied().unwrap_or(f32::NAN))
        });
        Pass { picked: picked.collect(), layer, gradient }
    }

    /// Makes an explanation of each picture of a pass.
    fn each(
        &self,
        count: usize,
        pass: &Pass,
        map: impl Fn(usize, &Planes, &Planes) -> Map,
    ) -> Result<Vec<Explanation>, ModelError> {
        let one = |values: &[f32], at: usize| {
            let row = values.len() / count.max(1);
            cam::planes(&values[at * row..(at + 1) * row], &self.dims, self.arrangement).ok_or_else(|| self.shapeless())
        };
        let explanation = |(at, &(class, score, probability)): (usize, &(usize, f32, f32))| {
            let layer = one(&pass.layer, at)?;
            let gradient = if pass.gradient.is_empty() { layer.clone() } else { one(&pass.gradient, at)? };
            Ok(Explanation { class, score, probability, map: map(at, &layer, &gradient) })
        };
        pass.picked.iter().enumerate().map(explanation).collect()
    }

    fn shapeless(&self) -> ModelError {
        ModelError::Unusable {
            path: self.model.path.clone(),
            message: format!(
                "the layer \"{}\" is not of the shape {:?} that the graph promises, or no square grid of tokens; choose another",
                self.stage.name, self.dims
            ),
        }
    }

    /// Layer and scores, without gradients.
    fn forward_pass(&mut self, count: usize, values: &[f32], classes: &Classes) -> Result<Pass, ModelError> {
        let chosen = self.chosen(count, classes)?;
        let [layer, scores] = take(self.run_whole(count, values)?)?;
        Ok(self.pass(count, &scores.values, layer.values, Vec::new(), chosen.as_deref()))
    }

    fn forward_cam(&mut self, count: usize, values: &[f32], classes: &Classes) -> Result<Vec<Explanation>, ModelError> {
        let pass = self.forward_pass(count, values, classes)?;
        self.each(count, &pass, |at, layer, _| {
            if self.method == Method::EigenCam {
                return cam::eigen_cam(layer);
            }
            let class = pass.picked[at].0;
            cam::weighted(layer, &self.head[class * layer.channels..(class + 1) * layer.channels])
        })
    }

    /// Pictures a run of Score-CAM's masked pictures.
    const MASKED: usize = 16;

    fn score_cam(&mut self, count: usize, values: &[f32], classes: &Classes) -> Result<Vec<Explanation>, ModelError> {
        let pass = self.forward_pass(count, values, classes)?;
        let one = values.len() / count.max(1);
        let (height, width) = (self.model.input.height, self.model.input.width);
        let pixels_first = self.model.input.layout == Layout::Nhwc;
        let mut found = Vec::with_capacity(count);
        for (at, &(class, score, probability)) in pass.picked.iter().enumerate() {
            let row = pass.layer.len() / count.max(1);
            let layer = cam::planes(&pass.layer[at * row..(at + 1) * row], &self.dims, self.arrangement)
                .ok_or_else(|| self.shapeless())?;
            let picture = &values[at * one..(at + 1) * one];
            let places = layer.places();
            let plane = |channel: usize| Map {
                height: layer.height,
                width: layer.width,
                values: layer.values[channel * places..(channel + 1) * places].to_vec(),
            };
            let mut weights = Vec::with_capacity(layer.channels);
            for first in (0..layer.channels).step_by(Self::MASKED) {
                let channels = first..(first + Self::MASKED).min(layer.channels);
                let mut masked = Vec::with_capacity(channels.len() * one);
                for channel in channels.clone() {
                    // A plane of one value masks all: the picture becomes nothing, as in the reference.
                    let mask = cam::mask(&plane(channel), height, width).unwrap_or_else(|| vec![0.0; height * width]);
                    let channels = self.model.input.channels;
                    masked.extend(picture.iter().enumerate().map(|(i, value)| {
                        value * mask[if pixels_first { i / channels } else { i % (height * width) }]
                    }));
                }
                let scores = self.score(channels.len(), &masked)?;
                let each = scores.len() / channels.len();
                weights.extend(scores.chunks(each.max(1)).map(|scores| scores[class]));
            }
            let map = cam::weighted(&layer, &softmax(&weights));
            found.push(Explanation { class, score, probability, map });
        }
        Ok(found)
    }

    /// The head's weights, where the layer's mean over places is what the head reads.
    fn closed_form(&self) -> Result<Vec<f32>, ModelError> {
        let refuse = |why: String| ModelError::Unusable {
            path: self.model.path.clone(),
            message: format!(
                "cam needs a layer whose mean over places goes straight into the linear layer of the classes ({why}); gradcam works at any layer"
            ),
        };
        let Some(head) = &self.model.head else { return Err(refuse("the model has no such linear layer".to_owned())) };
        let channels =
            if self.arrangement == Arrangement::Planes { self.dims[0] } else { self.dims[self.dims.len() - 1] };
        let wanted =
            || format!("\"{}\" has {channels} channels, the linear layer reads {}", self.stage.name, head.dims);
        if channels != head.dims {
            return Err(refuse(wanted()));
        }
        if !is_mean_of(self.model, &head.features, &self.stage.tensor) {
            return Err(refuse(format!("there is more than a mean between \"{}\" and it", self.stage.name)));
        }
        let (weights, _) =
            self.model.graph.head_weights(head).ok_or_else(|| refuse("its weights cannot be read".to_owned()))?;
        Ok(weights)
    }
}

/// What one run of the graph gave.
struct Pass {
    /// Class, score and probability of each picture.
    picked: Vec<(usize, f32, f32)>,
    layer: Vec<f32>,
    /// Empty where there is none.
    gradient: Vec<f32>,
}

fn take<const N: usize>(outputs: Outputs) -> Result<[Tensor; N], ModelError> {
    let tensors: Vec<Tensor> = outputs.into_iter().map(|(_, tensor)| tensor).collect();
    tensors.try_into().map_err(|tensors: Vec<Tensor>| ModelError::Runtime {
        runtime: "the runtime".to_owned(),
        message: format!("{} outputs came back where {N} were asked for", tensors.len()),
    })
}

/// The first of the highest scores: what `argmax` gives.
fn first_best(scores: &[f32]) -> usize {
    let better = |best: usize, at: usize| if scores[at] > scores[best] { at } else { best };
    (0..scores.len()).fold(0, better)
}

/// The places of the highest scores, highest first.
fn best(scores: &[f32], top: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order.truncate(top);
    order
}
