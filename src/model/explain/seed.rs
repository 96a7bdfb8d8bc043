//! The seed of the predicted class, made inside the graph: one run instead of two.

use std::path::Path;

use prost::Message;
use tract_onnx::pb::ModelProto;

use crate::model::ModelError;
use crate::model::onnx::build;
use crate::model::onnx::gradient::{SCORES, SEED};
use crate::model::onnx::graph::{Kind, ValueInfo};

/// Turns a graph that is fed its seed into one that takes the class with the highest score (the first of equals).
///
/// Score, place of the highest, comparison with 0, 1, 2 ..: `ArgMax`, `Equal` and `Cast` exist on all backends.
pub(super) fn predicted(onnx: &[u8], path: &Path) -> Result<Vec<u8>, ModelError> {
    let damaged = |message: &str| ModelError::NotOnnx { path: path.to_owned(), message: message.to_owned() };
    let mut model = ModelProto::decode(onnx).map_err(|error| damaged(&error.to_string()))?;
    let graph = model.graph.as_mut().ok_or_else(|| damaged("its gradient has no graph"))?;
    let at =
        graph.input.iter().position(|input| input.name == SEED).ok_or_else(|| damaged("its gradient has no seed"))?;
    let seed = graph.input.remove(at);
    let classes = ValueInfo::of(&seed)
        .dims
        .and_then(|dims| dims.last()?.fixed())
        .ok_or_else(|| damaged("nobody can tell how many classes it has"))?;
    // The tensor behind the output `scores`, which is made last.
    let scores = graph.node.iter().find(|node| node.output.iter().any(|output| output == SCORES));
    let scores =
        scores.and_then(|node| node.input.first().cloned()).ok_or_else(|| damaged("its gradient has no scores"))?;
    let own = |what: &str| format!("shopscope_predicted/{what}");
    let (flat, place, numbers, same) = (own("flat"), own("place"), own("numbers"), own("same"));
    let numbered: Vec<i64> = (0..classes as i64).collect();
    graph.initializer.push(build::longs(&numbers, &[1, classes], &numbered));
    let nodes = [
        build::node("Flatten", &[&scores], &[&flat], vec![build::int("axis", 1)]),
        build::node("ArgMax", &[&flat], &[&place], vec![build::int("axis", 1), build::int("keepdims", 1)]),
        build::node("Equal", &[&place, &numbers], &[&same], vec![]),
        build::node("Cast", &[&same], &[SEED], vec![build::int("to", i64::from(Kind::F32.code()))]),
    ];
    let reader = graph.node.iter().position(|node| node.input.iter().any(|input| input == SEED));
    let reader = reader.unwrap_or(graph.node.len());
    graph.node.splice(reader..reader, nodes);
    Ok(model.encode_to_vec())
}
