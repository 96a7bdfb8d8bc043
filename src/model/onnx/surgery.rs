//! Cutting a graph down to the tensors that are wanted, each an output, averaged over its places where asked.

use rustc_hash::{FxHashMap, FxHashSet};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use super::build;
use super::graph::{self, Dim, Graph, Kind};
use super::values;
use crate::model::ModelError;
use crate::model::card::Layout;

/// How a tensor is made small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooling {
    /// As it is.
    #[default]
    None,
    /// Mean over height and width, or over tokens: `[N, D]`.
    Mean,
}

/// A tensor of the graph that becomes an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// The tensor's name in the graph.
    pub tensor: String,
    /// The output's name.
    pub output: String,
    /// How it is made small inside the graph.
    pub pooling: Pooling,
}

impl Tap {
    /// A tensor averaged to `[N, D]`, as an output of the name `output`.
    pub fn mean(tensor: impl Into<String>, output: impl Into<String>) -> Self {
        Self { tensor: tensor.into(), output: output.into(), pooling: Pooling::Mean }
    }

    /// A tensor as it is, as an output of the name `output`.
    pub fn whole(tensor: impl Into<String>, output: impl Into<String>) -> Self {
        Self { tensor: tensor.into(), output: output.into(), pooling: Pooling::None }
    }
}

impl Graph {
    /// The bytes of an ONNX file whose outputs are the taps, in order, and which holds only what they need.
    ///
    /// Outputs are f32 whatever the tensors are. The batch stays open where it is open.
    ///
    /// # Errors
    /// If the graph has no such tensor, or one is asked to be averaged that has no places.
    pub fn expose(&self, taps: &[Tap]) -> Result<Vec<u8>, ModelError> {
        let mut outputs = FxHashSet::default();
        for tap in taps {
            if !self.has(&tap.tensor) {
                return Err(self.unknown(&tap.tensor));
            }
            if self.proto().input.iter().any(|input| input.name == tap.output) {
                return Err(self.unusable(format!("the output \"{}\" would have the name of an input", tap.output)));
            }
            if !outputs.insert(tap.output.as_str()) {
                return Err(self.unusable(format!("two outputs would have the name \"{}\"", tap.output)));
            }
        }
        let wanted: Vec<&str> = taps.iter().map(|tap| tap.tensor.as_str()).collect();
        let mut cut = self.cut(&wanted);
        let graph = cut.graph.get_or_insert_default();
        // An output may have the name that some other tensor has inside.
        let mut renames: FxHashMap<String, String> =
            outputs.iter().filter(|&&name| self.has(name)).map(|&name| (name.to_owned(), self.free(name))).collect();
        // Half precision is the graph's own affair: what is fed is f32.
        for input in self.inputs().into_iter().filter(|input| input.kind == Kind::F16) {
            renames.insert(input.name.clone(), self.free(&input.name));
        }
        rename(graph, &renames);
        for input in &mut graph.input {
            if let Some(inside) = renames.get(&input.name) {
                let declared = graph::ValueInfo::of(input);
                *input = build::value(&declared.name, Kind::F32, declared.dims.as_deref());
                let to = vec![build::int("to", i64::from(Kind::F16.code()))];
                graph.node.insert(0, build::node("Cast", &[&declared.name], &[inside], to));
            }
        }
        let mut pieces = Pieces { graph, opset: self.opset() };
        for tap in taps {
            let tensor = renames.get(&tap.tensor).unwrap_or(&tap.tensor).clone();
            self.tap(&mut pieces, tap, tensor)?;
        }
        name_nodes(graph);
        graph::encode(&cut, self.path())
    }

    /// The nodes and stored tensors that `wanted` needs, with the inputs, and without outputs.
    pub(super) fn cut(&self, wanted: &[&str]) -> ModelProto {
        let proto = self.proto();
        let mut needed: FxHashSet<&str> = wanted.iter().copied().collect();
        let mut keep = vec![false; proto.node.len()];
        for (at, node) in proto.node.iter().enumerate().rev() {
            if node.output.iter().any(|output| needed.contains(output.as_str())) {
                keep[at] = true;
                needed.extend(node.input.iter().map(String::as_str));
                needed.extend(graph::captured(node));
            }
        }
        let node = proto.node.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(node, _)| node.clone()).collect();
        let stored = proto.initializer.iter().filter(|tensor| needed.contains(tensor.name.as_str()));
        let inputs = proto.input.iter().filter(|input| needed.contains(input.name.as_str()));
        let sparse = |name: Option<&str>| name.is_some_and(|name| needed.contains(name));
        ModelProto {
            graph: Some(GraphProto {
                name: proto.name.clone(),
                node,
                initializer: stored.cloned().collect(),
                sparse_initializer: proto
                    .sparse_initializer
                    .iter()
                    .filter(|tensor| sparse(tensor.values.as_ref().map(|values| values.name.as_str())))
                    .cloned()
                    .collect(),
                input: inputs.cloned().collect(),
                ..GraphProto::default()
            }),
            ..self.without_graph()
        }
    }

    /// The model without its graph: versions, operator sets, producer.
    fn without_graph(&self) -> ModelProto {
        ModelProto {
            ir_version: self.model.ir_version,
            opset_import: self.model.opset_import.clone(),
            producer_name: self.model.producer_name.clone(),
            producer_version: self.model.producer_version.clone(),
            ..ModelProto::default()
        }
    }

    /// A name like `name` that the graph does not use.
    pub(super) fn free(&self, name: &str) -> String {
        let mut free = format!("{name}__inside");
        while self.has(&free) {
            free.push('_');
        }
        free
    }

    fn tap(&self, pieces: &mut Pieces<'_>, tap: &Tap, tensor: String) -> Result<(), ModelError> {
        let shape = self.shapes().get(&tap.tensor);
        let kind = shape.map_or(Kind::F32, |shape| shape.kind);
        let mut current = tensor;
        let float = matches!(kind, Kind::F32 | Kind::Other);
        if !float {
            let cast = format!("{}__f32", tap.output);
            pieces.node("Cast", &[&current], &cast, vec![build::int("to", i64::from(Kind::F32.code()))]);
            current = cast;
        }
        match tap.pooling {
            Pooling::None => pieces.node("Identity", &[&current], &tap.output, vec![]),
            Pooling::Mean => {
                let dims = shape.map(|shape| shape.dims.as_slice()).ok_or_else(|| {
                    self.unusable(format!("nobody can tell the shape of \"{}\", so it cannot be averaged", tap.tensor))
                })?;
                match (dims.len(), self.layout(&tap.tensor)) {
                    (4, Layout::Nchw) => {
                        let pooled = format!("{}__pooled", tap.output);
                        pieces.node("GlobalAveragePool", &[&current], &pooled, vec![]);
                        pieces.node("Flatten", &[&pooled], &tap.output, vec![build::int("axis", 1)]);
                    }
                    (4, Layout::Nhwc) => pieces.mean(&current, &[1, 2], &tap.output),
                    (3, _) => pieces.mean(&current, &[1], &tap.output),
                    (2, _) => pieces.node("Identity", &[&current], &tap.output, vec![]),
                    (rank, _) => {
                        return Err(self.unusable(format!(
                            "\"{}\" has {rank} axes, and only [N, D], [N, T, D] and [N, C, H, W] can be averaged",
                            tap.tensor
                        )));
                    }
                }
            }
        }
        pieces.graph.output.push(build::value(&tap.output, Kind::F32, None::<&[Dim]>));
        Ok(())
    }

    /// Where the channels of a tensor `[N, ?, ?, ?]` are: convolutions and pools make `[N, C, H, W]`, a transpose moves the
    /// axes, what works value by value keeps them.
    #[must_use]
    pub fn layout(&self, tensor: &str) -> Layout {
        let mut name = tensor;
        // The transposes met on the way up, the lowest first.
        let mut turns = Vec::new();
        let mut channels = 1;
        loop {
            let Some(node) = self.maker(name) else {
                let input = self.inputs().into_iter().find(|input| input.name == name);
                let dims = input.and_then(|input| input.dims).unwrap_or_default();
                if dims.len() == 4 && super::shapes::channels_last(&dims) {
                    channels = 3;
                }
                break;
            };
            match node.op_type.as_str() {
                "Conv"
                | "ConvTranspose"
                | "MaxPool"
                | "AveragePool"
                | "GlobalAveragePool"
                | "GlobalMaxPool"
                | "BatchNormalization"
                | "InstanceNormalization" => break,
                "Transpose" => turns.extend(values::ints(node, "perm")),
                _ => {}
            }
            // Each step goes to an earlier node, so this ends.
            let rank = |input: &str| self.shapes().dims(input).map(<[usize]>::len);
            match node.input.iter().find(|input| self.stored(input).is_none() && rank(input) == Some(4)) {
                Some(up) => name = up,
                None => break,
            }
        }
        for turn in turns.iter().rev() {
            channels = turn.iter().position(|&axis| axis == channels).unwrap_or(1) as i64;
        }
        if channels == 3 { Layout::Nhwc } else { Layout::Nchw }
    }
}

/// Gives every node a name of its own, other than those of stored tensors and inputs: tract refuses a name twice.
pub(super) fn name_nodes(graph: &mut GraphProto) {
    let mut taken: FxHashSet<String> = graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
    taken.extend(graph.input.iter().map(|input| input.name.clone()));
    for node in &mut graph.node {
        if node.name.is_empty() {
            node.name = node.output.iter().find(|name| !name.is_empty()).cloned().unwrap_or_default();
        }
        while !taken.insert(node.name.clone()) {
            node.name.push('_');
        }
    }
}

/// A graph that nodes are added to.
struct Pieces<'a> {
    graph: &'a mut GraphProto,
    opset: i64,
}

impl Pieces<'_> {
    fn node(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: Vec<tract_onnx::pb::AttributeProto>) {
        self.graph.node.push(build::node(operator, inputs, &[output], attributes));
    }

    /// The mean over axes, which go away.
    fn mean(&mut self, tensor: &str, axes: &[i64], output: &str) {
        if self.opset < 18 {
            self.node("ReduceMean", &[tensor], output, vec![build::ints("axes", axes), build::int("keepdims", 0)]);
        } else {
            let name = format!("{output}__axes");
            self.graph.initializer.push(build::longs(&name, &[axes.len()], axes));
            self.node("ReduceMean", &[tensor, &name], output, vec![build::int("keepdims", 0)]);
        }
    }
}

/// Gives tensors of a graph other names; its inputs keep theirs.
pub(super) fn rename(graph: &mut GraphProto, renames: &FxHashMap<String, String>) {
    if renames.is_empty() {
        return;
    }
    let change = |name: &mut String| {
        if let Some(new) = renames.get(name) {
            name.clone_from(new);
        }
    };
    graph.initializer.iter_mut().for_each(|tensor| change(&mut tensor.name));
    rename_nodes(&mut graph.node, &change);
}

/// Renames in nodes and in the graphs inside them.
fn rename_nodes(nodes: &mut [NodeProto], change: &impl Fn(&mut String)) {
    for node in nodes {
        node.input.iter_mut().chain(&mut node.output).for_each(change);
        for attribute in &mut node.attribute {
            for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                rename_nodes(&mut inner.node, change);
                inner.output.iter_mut().for_each(|output| change(&mut output.name));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::build::Builder;
    use super::super::testing;
    use super::*;

    fn run(onnx: &[u8], shape: &[usize], values: &[f32]) -> Vec<(Vec<usize>, Vec<f32>)> {
        testing::run(onnx, &[(shape.to_vec(), values.to_vec())])
    }

    /// `x [N, 2, 1, 2] -> relu r -> [N, H, W, C] t -> doubled d -> tokens k [N, 2, 2] -> flat f [N, 4]`.
    fn graph(opset: i64) -> Graph {
        let model = Builder::new()
            .input("x", &[0, 2, 1, 2])
            .weights(build::floats("two", &[], &[2.0]))
            .weights(build::longs("tokens", &[3], &[0, 2, 2]))
            .node("Relu", &["x"], "c", vec![])
            .node("AveragePool", &["c"], "r", vec![build::ints("kernel_shape", &[1, 1])])
            .node("Transpose", &["r"], "t", vec![build::ints("perm", &[0, 2, 3, 1])])
            .node("Mul", &["t", "two"], "d", vec![])
            .node("Reshape", &["d", "tokens"], "k", vec![])
            .node("Flatten", &["k"], "f", vec![])
            .node("Sigmoid", &["f"], "unneeded", vec![])
            .output("unneeded")
            .output("f")
            .build(opset);
        Graph::new(model, Path::new("x.onnx"), String::new()).unwrap()
    }

    #[test]
    fn any_tensor_becomes_an_output_pooled_over_its_places() {
        for opset in [9, 13, 18, 21] {
            let graph = graph(opset);
            let check = |tap: Tap, shape: &[usize], expect: &[f32]| {
                let tensor = tap.tensor.clone();
                let onnx = graph.expose(&[tap]).unwrap();
                let found = run(&onnx, &[1, 2, 1, 2], &[1.0, 3.0, -1.0, 4.0]);
                assert_eq!(found, [(shape.to_vec(), expect.to_vec())], "{tensor} in operator set {opset}");
            };
            check(Tap::whole("r", "y"), &[1, 2, 1, 2], &[1.0, 3.0, 0.0, 4.0]);
            check(Tap::mean("r", "y"), &[1, 2], &[2.0, 2.0]);
            check(Tap::whole("d", "y"), &[1, 1, 2, 2], &[2.0, 0.0, 6.0, 8.0]);
            // Channels last: over height and width, not over channels, which would give [1, 7].
            check(Tap::mean("d", "y"), &[1, 2], &[4.0, 4.0]);
            check(Tap::mean("k", "y"), &[1, 2], &[4.0, 4.0]);
            check(Tap::mean("f", "y"), &[1, 4], &[2.0, 0.0, 6.0, 8.0]);
            check(Tap::mean("x", "y"), &[1, 2], &[2.0, 1.5]);
            // Names that are taken inside.
            check(Tap::mean("r", "r"), &[1, 2], &[2.0, 2.0]);
            check(Tap::mean("d", "r"), &[1, 2], &[4.0, 4.0]);
            check(Tap::mean("d", "two"), &[1, 2], &[4.0, 4.0]);
        }
    }

    #[test]
    fn what_no_output_needs_is_gone_and_the_batch_stays_open() {
        let onnx = graph(13).expose(&[Tap::mean("r", "a"), Tap::whole("c", "b")]).unwrap();
        let cut = Graph::from_bytes(&onnx, Path::new("y.onnx")).unwrap();
        let operators: Vec<&str> = cut.nodes().iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(operators, ["Relu", "AveragePool", "GlobalAveragePool", "Flatten", "Identity"]);
        assert_eq!(cut.proto().initializer, []);
        assert_eq!(cut.inputs()[0].dims.as_ref().unwrap()[0], Dim::Symbol("N".to_owned()));
        let found = run(&onnx, &[2, 2, 1, 2], &[1.0, 3.0, -1.0, 4.0, 5.0, 7.0, 2.0, 2.0]);
        assert_eq!(found[0], (vec![2, 2], vec![2.0, 2.0, 6.0, 2.0]));
    }

    #[test]
    fn taps_that_cannot_be_are_one_sentence() {
        let check = |taps: &[Tap], expect: &str| {
            let error = graph(13).expose(taps).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(&[Tap::mean("gone", "y")], "no tensor \"gone\"");
        check(&[Tap::mean("r", "x")], "name of an input");
        check(&[Tap::mean("r", "y"), Tap::mean("c", "y")], "two outputs would have the name \"y\"");
    }

    #[test]
    fn half_precision_is_fed_and_answers_in_f32() {
        let mut model =
            Builder::new().input("x", &[0, 3, 1, 1]).node("Relu", &["x"], "y", vec![]).output("y").build(13);
        let proto = model.graph.as_mut().unwrap();
        let dims = [Dim::Symbol("N".to_owned()), Dim::Fixed(3), Dim::Fixed(1), Dim::Fixed(1)];
        proto.input[0] = build::value("x", Kind::F16, Some(&dims));
        proto.output[0] = build::value("y", Kind::F16, None);
        let graph = Graph::new(model, Path::new("x.onnx"), String::new()).unwrap();
        let onnx = graph.expose(&[Tap::mean("y", "y")]).unwrap();
        assert_eq!(run(&onnx, &[1, 3, 1, 1], &[0.5, -2.0, 1.0]), [(vec![1, 3], vec![0.5, 0.0, 1.0])]);
    }
}
