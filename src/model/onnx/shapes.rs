//! The shape of every tensor for one shape of the input.
//!
//! tract's inference does the work, with its folding of `Shape -> Gather -> Concat -> Reshape` chains. Weights are shown to
//! it by shape only, so that nothing large is copied.

use std::panic::{self, AssertUnwindSafe};

use rustc_hash::FxHashMap;
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto};
use tract_onnx::prelude::{Datum as _, DatumType, Framework as _, InferenceModel};
use tract_onnx::tract_hir::infer::{Factoid as _, InferenceModelExt as _};
use tract_onnx::tract_hir::internal::DimLike as _;

use super::build;
use super::graph::{Dim, Graph, Kind};
use super::values;

/// Stored tensors with at most so many values are shown to the inference by value: shapes, axes, scales.
const SMALL: usize = 4096;

/// Height and width where nothing says them.
const USUAL_SIDE: usize = 224;

/// Shape and kind of one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Sizes, batch first.
    pub dims: Vec<usize>,
    /// What it holds.
    pub kind: Kind,
}

/// Shapes of a graph's tensors; absent where nobody can tell.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    shapes: FxHashMap<String, Shape>,
    /// Values of tensors of whole numbers that do not depend on the picture.
    longs: FxHashMap<String, Vec<i64>>,
}

impl Shapes {
    /// The shapes where the first input has the shape `input`.
    #[must_use]
    pub fn of(graph: &Graph, input: &[usize]) -> Self {
        let mut shapes = Self::default();
        for (at, declared) in graph.inputs().into_iter().enumerate() {
            let fixed = |dims: Vec<Dim>| dims.iter().map(Dim::fixed).collect::<Option<Vec<usize>>>();
            let dims = if at == 0 { Some(input.to_vec()) } else { declared.dims.and_then(fixed) };
            if let Some(dims) = dims {
                shapes.shapes.insert(declared.name, Shape { dims, kind: declared.kind });
            }
        }
        for tensor in &graph.proto().initializer {
            shapes
                .shapes
                .insert(tensor.name.clone(), Shape { dims: values::dims(tensor), kind: Kind::of(tensor.data_type) });
            if let Some(longs) = values::longs(tensor).filter(|longs| longs.len() <= SMALL) {
                shapes.longs.insert(tensor.name.clone(), longs);
            }
        }
        // The inference is not written for hostile graphs; what it cannot tell is absent.
        match panic::catch_unwind(AssertUnwindSafe(|| shapes.infer(graph, input))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("shapes of {}: {error:#}", graph.path().display()),
            Err(_) => tracing::debug!("shapes of {}: the inference panicked", graph.path().display()),
        }
        shapes
    }

    /// Shape and kind of a tensor.
    #[must_use]
    pub fn get(&self, tensor: &str) -> Option<&Shape> {
        self.shapes.get(tensor)
    }

    /// The sizes of a tensor.
    #[must_use]
    pub fn dims(&self, tensor: &str) -> Option<&[usize]> {
        self.shapes.get(tensor).map(|shape| shape.dims.as_slice())
    }

    /// The values of a tensor of whole numbers that are the same for every picture.
    #[must_use]
    pub fn longs(&self, tensor: &str) -> Option<&[i64]> {
        self.longs.get(tensor).map(Vec::as_slice)
    }

    fn infer(&mut self, graph: &Graph, input: &[usize]) -> tract_onnx::prelude::TractResult<()> {
        let mut inference =
            tract_onnx::onnx().with_ignore_value_info(true).model_for_proto_model(&light(graph, input))?;
        // Goes on behind what it does not know, and returns the first complaint.
        let outcome = inference.analyse(true);
        self.collect(&inference);
        outcome.map(|_| ())
    }

    fn collect(&mut self, inference: &InferenceModel) {
        for (outlet, name) in &inference.outlet_labels {
            let Ok(fact) = inference.outlet_fact(*outlet) else { continue };
            let kind = fact.datum_type.concretize().map_or(Kind::Other, kind_of);
            let Some(dims) = fact.shape.concretize() else { continue };
            let Some(dims) = dims.iter().map(|dim| dim.to_usize().ok()).collect::<Option<Vec<usize>>>() else {
                continue;
            };
            self.shapes.insert(name.clone(), Shape { dims, kind });
            let value = fact.value.concretize().filter(|value| value.len() <= SMALL);
            let longs = value.and_then(|value| {
                let value = value.cast_to_dt(i64::datum_type()).ok()?;
                Some(value.try_as_plain_ram().ok()?.as_slice::<i64>().ok()?.to_vec())
            });
            if let (Some(longs), Kind::I64 | Kind::I32 | Kind::Other) = (longs, kind) {
                self.longs.insert(name.clone(), longs);
            }
        }
    }
}

fn kind_of(datum: DatumType) -> Kind {
    match datum {
        DatumType::F32 => Kind::F32,
        DatumType::F64 => Kind::F64,
        DatumType::F16 => Kind::F16,
        DatumType::I64 | DatumType::TDim => Kind::I64,
        DatumType::I32 => Kind::I32,
        DatumType::U8 => Kind::U8,
        DatumType::I8 => Kind::I8,
        DatumType::Bool => Kind::Bool,
        _ => Kind::Other,
    }
}

/// The graph for inference: inputs with fixed shapes, large weights as further inputs.
fn light(graph: &Graph, input: &[usize]) -> ModelProto {
    let proto = graph.proto();
    let fixed = |dims: &[usize]| dims.iter().map(|&size| Dim::Fixed(size)).collect::<Vec<_>>();
    let mut inputs = Vec::new();
    for (at, declared) in graph.inputs().iter().enumerate() {
        let dims = if at == 0 { Some(fixed(input)) } else { declared.dims.clone() };
        inputs.push(build::value(&declared.name, declared.kind, dims.as_deref()));
    }
    let (small, large): (Vec<&TensorProto>, Vec<&TensorProto>) =
        proto.initializer.iter().partition(|tensor| values::count(tensor).is_some_and(|count| count <= SMALL));
    for tensor in large {
        inputs.push(build::value(&tensor.name, Kind::of(tensor.data_type), Some(&fixed(&values::dims(tensor)))));
    }
    ModelProto {
        ir_version: graph.model.ir_version,
        opset_import: graph.model.opset_import.clone(),
        graph: Some(GraphProto {
            name: proto.name.clone(),
            node: proto.node.clone(),
            initializer: small.into_iter().cloned().collect(),
            input: inputs,
            output: proto.output.clone(),
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

/// The shape of the first input as declared, with the usual sizes where it is open.
pub(super) fn declared_input(graph: &Graph) -> Vec<usize> {
    let inputs = graph.inputs();
    let dims = inputs.first().and_then(|input| input.dims.clone()).unwrap_or_else(|| vec![Dim::Unknown; 4]);
    let channels = if channels_last(&dims) { 3 } else { 1 };
    let size = |(axis, dim): (usize, &Dim)| {
        dim.fixed().unwrap_or(match axis {
            0 => 1,
            axis if axis == channels => 3,
            _ => USUAL_SIDE,
        })
    };
    dims.iter().enumerate().map(size).collect()
}

/// Whether a declared input is `[N, H, W, C]`: three channels or one at the end, and not where they usually are.
pub(in crate::model) fn channels_last(dims: &[Dim]) -> bool {
    let few = |axis: usize| matches!(dims.get(axis), Some(Dim::Fixed(1 | 3)));
    dims.len() == 4 && few(3) && !few(1)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn graph(model: ModelProto) -> Graph {
        Graph::new(model, Path::new("x.onnx"), String::new()).unwrap()
    }

    #[test]
    fn a_shape_that_is_computed_in_the_graph_is_known() {
        // Flattening as PyTorch writes it for open axes: Shape -> Gather -> Unsqueeze -> Concat -> Reshape.
        let model = build::Builder::new()
            .input("x", &[0, 3, 0, 0])
            .weights(build::floats("w", &[8, 3, 3, 3], &[0.0; 216]))
            .weights(build::longs("first", &[], &[0]))
            .weights(build::longs("rest", &[1], &[-1]))
            .weights(build::longs("axis", &[1], &[0]))
            .node("Conv", &["x", "w"], "c", vec![build::ints("strides", &[2, 2])])
            .node("Shape", &["c"], "s", vec![])
            .node("Gather", &["s", "first"], "n", vec![build::int("axis", 0)])
            .node("Unsqueeze", &["n", "axis"], "u", vec![])
            .node("Concat", &["u", "rest"], "to", vec![build::int("axis", 0)])
            .node("Reshape", &["c", "to"], "y", vec![])
            .output("y")
            .build(13);
        let graph = graph(model);
        let check = |input: &[usize], tensor, expect: &[usize]| {
            assert_eq!(Shapes::of(&graph, input).dims(tensor), Some(expect), "{tensor}");
        };
        check(&[1, 3, 9, 9], "c", &[1, 8, 4, 4]);
        check(&[1, 3, 9, 9], "y", &[1, 128]);
        check(&[2, 3, 9, 13], "y", &[2, 192]);
        check(&[2, 3, 9, 13], "x", &[2, 3, 9, 13]);
        check(&[2, 3, 9, 13], "w", &[8, 3, 3, 3]);
        assert_eq!(Shapes::of(&graph, &[2, 3, 9, 9]).longs("to"), Some(&[2, -1][..]));
        // What cannot be is absent, not wrong.
        assert_eq!(Shapes::of(&graph, &[1, 4, 9, 9]).dims("y"), None);
        assert_eq!(declared_input(&graph), [1, 3, 224, 224]);
    }

    #[test]
    fn three_channels_at_the_end_are_the_last_axis() {
        let check = |dims: &[usize], expect| {
            let dims: Vec<Dim> =
                dims.iter().map(|&size| if size == 0 { Dim::Unknown } else { Dim::Fixed(size) }).collect();
            assert_eq!(channels_last(&dims), expect, "{dims:?}");
        };
        check(&[0, 3, 224, 224], false);
        check(&[0, 224, 224, 3], true);
        check(&[0, 0, 0, 3], true);
        check(&[1, 28, 28, 1], true);
        check(&[1, 1, 28, 28], false);
        check(&[0, 3, 3, 3], false);
        check(&[0, 0, 0, 0], false);
    }
}
