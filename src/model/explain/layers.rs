//! Which layers can be explained, and what lies between them and what is read at the end.

use crate::analysis::cam;
use crate::model::card::{Layout, Stage};
use crate::model::onnx::{Graph, Tap};
use crate::model::{Model, ModelError};

/// Stages with more than one place, shallow to deep, each with its side.
#[must_use]
pub fn spatial(model: &Model) -> Vec<(Stage, usize)> {
    let side = |stage: &Stage| match *model.graph.shapes().dims(&stage.tensor)? {
        [_, tokens, _] => Some(cam::token_grid(tokens).1),
        [_, _, height, width] if model.graph.layout(&stage.tensor) == Layout::Nchw => Some(height.min(width)),
        [_, height, width, _] => Some(height.min(width)),
        _ => None,
    };
    let stages = model.card.stages.iter();
    stages.filter_map(|stage| side(stage).filter(|&side| side > 1).map(|side| (stage.clone(), side))).collect()
}

/// What a direction reads, inside what [`average`] makes.
pub(super) const AVERAGED: &str = "shopscope_averaged";

/// The graph up to the mean over places of what a direction reads.
pub(super) fn average(model: &Model, read: &Stage, explained: &Stage) -> Result<Graph, ModelError> {
    let onnx = model.graph.expose(&[Tap::mean(&read.tensor, AVERAGED)])?;
    let mut graph = Graph::from_bytes(&onnx, &model.path)?;
    if !graph.has(&explained.tensor) {
        return Err(ModelError::Unusable {
            path: model.path.clone(),
            message: format!(
                "\"{}\" has no part in \"{}\", which the head reads; choose an earlier layer, or a head on a later one",
                explained.name, read.name
            ),
        });
    }
    graph.assume(&model.input.shape(model.input.batch.unwrap_or(1)));
    Ok(graph)
}

/// The stage that is explained where none is named; where a head reads a stage, none behind that.
pub(super) fn default_stage(model: &Model, read: Option<&Stage>) -> Result<Stage, ModelError> {
    let mut stages = spatial(model);
    let place = |stage: &Stage| model.card.stages.iter().position(|other| other.name == stage.name);
    if let Some(end) = read.and_then(place) {
        stages.retain(|(stage, _)| place(stage) <= Some(end));
    }
    let tokens = |stage: &Stage| match model.graph.shapes().dims(&stage.tensor) {
        Some(&[_, tokens, _]) => cam::token_grid(tokens).0 > 0,
        _ => false,
    };
    // A head that reads the mean of all tokens looks at each of them.
    let all_read = |stage: &Stage| read.is_some_and(|read| read.tensor == stage.tensor);
    let skipped = |(stage, _): &(Stage, usize)| tokens(stage) && !all_read(stage);
    let skip = usize::from(stages.len() > 1 && stages.last().is_some_and(skipped));
    let last = stages.into_iter().rev().nth(skip).map(|(stage, _)| stage);
    last.ok_or_else(|| ModelError::Unusable {
        path: model.path.clone(),
        message: "no stage of it has places; name a layer (--layer) or stages in a model card".to_owned(),
    })
}

/// Whether `features` is the mean of `layer` over its places, and nothing else lies between.
pub(super) fn is_mean_of(model: &Model, features: &str, layer: &str) -> bool {
    let (mut name, mut means) = (features, 0);
    while name != layer {
        let Some(node) = model.graph.maker(name) else { return false };
        match node.op_type.as_str() {
            "GlobalAveragePool" | "ReduceMean" | "AveragePool" => means += 1,
            "Flatten" | "Reshape" | "Squeeze" | "Identity" | "Dropout" => {}
            _ => return false,
        }
        name = &node.input[0];
    }
    means == 1
}
