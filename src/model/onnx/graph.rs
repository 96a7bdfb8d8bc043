//! A checked graph: every tensor that is read is made somewhere, and constants are stored in one place.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use prost::Message as _;
use rustc_hash::{FxHashMap, FxHashSet};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto};

use super::shapes::Shapes;
use super::values;
use crate::model::ModelError;

/// The newest operator set whose operators this program knows.
pub const NEWEST_OPSET: i64 = 25;

/// Protobuf, and so an ONNX file, ends at two gigabytes.
const LONGEST: usize = i32::MAX as usize;

/// What a tensor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    F32,
    F64,
    F16,
    Bf16,
    I64,
    I32,
    U8,
    I8,
    Bool,
    Other,
}

impl Kind {
    /// From ONNX's number of a data type.
    #[must_use]
    pub fn of(code: i32) -> Self {
        match DataType::try_from(code) {
            Ok(DataType::Float) => Self::F32,
            Ok(DataType::Double) => Self::F64,
            Ok(DataType::Float16) => Self::F16,
            Ok(DataType::Bfloat16) => Self::Bf16,
            Ok(DataType::Int64) => Self::I64,
            Ok(DataType::Int32) => Self::I32,
            Ok(DataType::Uint8) => Self::U8,
            Ok(DataType::Int8) => Self::I8,
            Ok(DataType::Bool) => Self::Bool,
            _ => Self::Other,
        }
    }

    /// ONNX's number of the data type; 0 (undefined) for [`Kind::Other`].
    #[must_use]
    pub fn code(self) -> i32 {
        (match self {
            Self::F32 => DataType::Float,
            Self::F64 => DataType::Double,
            Self::F16 => DataType::Float16,
            Self::Bf16 => DataType::Bfloat16,
            Self::I64 => DataType::Int64,
            Self::I32 => DataType::Int32,
            Self::U8 => DataType::Uint8,
            Self::I8 => DataType::Int8,
            Self::Bool => DataType::Bool,
            Self::Other => DataType::Undefined,
        }) as i32
    }
}

/// One size of a declared shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Always this many.
    Fixed(usize),
    /// Any number, by this name.
    Symbol(String),
    /// Any number.
    Unknown,
}

impl Dim {
    /// The size, where it is fixed.
    #[must_use]
    pub fn fixed(&self) -> Option<usize> {
        if let Self::Fixed(size) = self { Some(*size) } else { None }
    }
}

/// An input or output as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueInfo {
    /// Its name in the graph.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Its sizes; `None` where not even the rank is declared.
    pub dims: Option<Vec<Dim>>,
}

impl ValueInfo {
    pub(in crate::model) fn of(info: &ValueInfoProto) -> Self {
        let tensor = info.r#type.as_ref().and_then(|kind| kind.value.as_ref()).map(|value| match value {
            type_proto::Value::TensorType(tensor) => tensor,
        });
        let dim = |value: &Option<dimension::Value>| match value {
            // Some exporters write -1 or 0 where any size is meant.
            Some(dimension::Value::DimValue(size)) if *size > 0 => Dim::Fixed(*size as usize),
            Some(dimension::Value::DimParam(symbol)) if !symbol.is_empty() => Dim::Symbol(symbol.clone()),
            _ => Dim::Unknown,
        };
        let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
        Self {
            name: info.name.clone(),
            kind: tensor.map_or(Kind::Other, |tensor| Kind::of(tensor.elem_type)),
            dims: shape.map(|shape| shape.dim.iter().map(|entry| dim(&entry.value)).collect()),
        }
    }
}

/// A model's graph with all its weights.
#[derive(Debug)]
pub struct Graph {
    pub(super) model: ModelProto,
    path: PathBuf,
    hash: String,
    /// Tensor -> the node that makes it.
    makers: FxHashMap<String, usize>,
    /// Tensor -> its place among the stored ones.
    stored: FxHashMap<String, usize>,
    /// Shapes for the shape of the input that was last asked for in [`Graph::assume`].
    shapes: OnceLock<Shapes>,
    assumed: Option<Vec<usize>>,
}

impl Graph {
    /// Reads a model file, with the files of external data it names.
    ///
    /// # Errors
    /// If the file cannot be read, is no ONNX or a damaged one, or comes from a future operator set; the sentence says
    /// what to do.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        super::read::read(path)
    }

    /// Checks a model that is in memory already; `path` is what errors name, `hash` stands for the bytes it came from.
    ///
    /// # Errors
    /// If the graph is contradictory.
    pub fn new(mut model: ModelProto, path: &Path, hash: String) -> Result<Self, ModelError> {
        let damaged = |message: String| ModelError::NotOnnx { path: path.to_owned(), message };
        let opset = opset(&model);
        let Some(graph) = model.graph.as_mut() else {
            return Err(damaged("it holds no graph: it is cut off or of another kind".to_owned()));
        };
        if opset == 0 {
            return Err(damaged("it names no operator set: it is cut off, copy or export it again".to_owned()));
        }
        if opset > NEWEST_OPSET {
            return Err(ModelError::Unusable {
                path: path.to_owned(),
                message: format!(
                    "the model uses operator set {opset}, newer than {NEWEST_OPSET}, the newest this program knows: \
                     export it with opset_version=18"
                ),
            });
        }
        if !model.functions.is_empty() {
            inline_nothing(&model.functions, graph)
                .map_err(|message| ModelError::Unusable { path: path.to_owned(), message })?;
        }
        store_constants(graph);
        // From version 4 on stored tensors need not be inputs too, and runtimes fold those that are not.
        let stored: FxHashMap<String, usize> =
            graph.initializer.iter().enumerate().map(|(at, tensor)| (tensor.name.clone(), at)).collect();
        graph.input.retain(|input| !stored.contains_key(&input.name));
        model.ir_version = model.ir_version.max(4);
        check(graph).map_err(damaged)?;
        let mut makers = FxHashMap::default();
        for (at, node) in graph.node.iter().enumerate() {
            for output in node.output.iter().filter(|name| !name.is_empty()) {
                let fed = graph.input.iter().any(|input| input.name == *output);
                if makers.insert(output.clone(), at).is_some() || stored.contains_key(output) || fed {
                    return Err(damaged(format!("the tensor \"{output}\" is made twice")));
                }
            }
        }
        Ok(Self { model, path: path.to_owned(), hash, makers, stored, shapes: OnceLock::new(), assumed: None })
    }

    /// A graph from bytes in memory, such as [`Graph::to_bytes`] gives.
    ///
    /// # Errors
    /// As [`Graph::read`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        let model = ModelProto::decode(bytes)
            .map_err(|error| ModelError::NotOnnx { path: path.to_owned(), message: error.to_string() })?;
        Self::new(model, path, super::read::hex_of(bytes))
    }

    /// The file it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of the file's bytes and of its external data, in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The version of the default operator set.
    #[must_use]
    pub fn opset(&self) -> i64 {
        opset(&self.model)
    }

    pub(super) fn proto(&self) -> &GraphProto {
        self.model.graph.as_ref().expect("checked when it was made")
    }

    /// The nodes, each after those whose outputs it reads.
    #[must_use]
    pub fn nodes(&self) -> &[NodeProto] {
        &self.proto().node
    }

    /// What must be fed: inputs without stored values.
    #[must_use]
    pub fn inputs(&self) -> Vec<ValueInfo> {
        self.proto().input.iter().map(ValueInfo::of).collect()
    }

    /// What comes out.
    #[must_use]
    pub fn outputs(&self) -> Vec<ValueInfo> {
        self.proto().output.iter().map(ValueInfo::of).collect()
    }

    /// The node that makes a tensor.
    #[must_use]
    pub fn maker(&self, tensor: &str) -> Option<&NodeProto> {
        self.makers.get(tensor).map(|&at| &self.nodes()[at])
    }

    /// The place in [`Graph::nodes`] of the node that makes a tensor.
    #[must_use]
    pub fn place(&self, tensor: &str) -> Option<usize> {
        self.makers.get(tensor).copied()
    }

    /// The stored tensor (weights, constants) of a name.
    #[must_use]
    pub fn stored(&self, tensor: &str) -> Option<&TensorProto> {
        self.stored.get(tensor).map(|&at| &self.proto().initializer[at])
    }

    /// Whether the graph has a tensor of this name, made, fed or stored.
    #[must_use]
    pub fn has(&self, tensor: &str) -> bool {
        self.makers.contains_key(tensor)
            || self.stored.contains_key(tensor)
            || self.proto().input.iter().any(|input| input.name == tensor)
    }

    /// The places of the nodes that read a tensor.
    #[must_use]
    pub fn readers(&self, tensor: &str) -> Vec<usize> {
        let reads = |node: &NodeProto| node.input.iter().any(|input| input == tensor);
        self.nodes().iter().enumerate().filter(|(_, node)| reads(node)).map(|(at, _)| at).collect()
    }

    /// Fixes the shape of the first input for which [`Graph::shapes`] answers.
    pub fn assume(&mut self, input: &[usize]) {
        self.assumed = Some(input.to_vec());
        self.shapes = OnceLock::new();
    }

    /// The shapes of all tensors for the assumed shape of the input (as declared where none was assumed: 1 for the batch,
    /// 224 for an open height or width, 3 for open channels).
    pub fn shapes(&self) -> &Shapes {
        self.shapes.get_or_init(|| {
            let input = self.assumed.clone().unwrap_or_else(|| super::shapes::declared_input(self));
            Shapes::of(self, &input)
        })
    }

    /// Opens the first axis of the one input, if all outputs then follow it: many exports fix a batch of 1 by accident.
    ///
    /// `input` is the input's shape as it is. Returns whether the batch is open now.
    pub fn open_batch(&mut self, input: &[usize]) -> bool {
        let batch = |size: usize| [&[size], &input[1..]].concat();
        let shapes = [Shapes::of(self, &batch(2)), Shapes::of(self, &batch(3))];
        let follows = |output: &ValueInfo| {
            let first = |shapes: &Shapes| shapes.dims(&output.name).and_then(|dims| dims.first().copied());
            first(&shapes[0]) == Some(2) && first(&shapes[1]) == Some(3)
        };
        if input.is_empty() || !self.outputs().iter().all(follows) {
            return false;
        }
        let Some(graph) = self.model.graph.as_mut() else { return false };
        for info in graph.input.iter_mut().take(1).chain(&mut graph.output) {
            let mut open = ValueInfo::of(info);
            if let Some(first) = open.dims.as_mut().and_then(|dims| dims.first_mut()) {
                *first = Dim::Symbol("N".to_owned());
            }
            *info = super::build::value(&open.name, open.kind, open.dims.as_deref());
        }
        graph.value_info.clear();
        true
    }

    /// The whole graph as the bytes of an ONNX file.
    ///
    /// # Errors
    /// If it would be longer than ONNX files can be.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        encode(&self.model, &self.path)
    }

    pub(super) fn unusable(&self, message: impl Into<String>) -> ModelError {
        ModelError::Unusable { path: self.path.clone(), message: message.into() }
    }

    /// "the model has no tensor ..", with some that exist and look alike.
    pub(super) fn unknown(&self, name: &str) -> ModelError {
        let wanted = name.to_lowercase();
        let alike = |tensor: &&String| tensor.to_lowercase().contains(&wanted);
        let made = || self.nodes().iter().flat_map(|node| &node.output).filter(|name| !name.is_empty());
        let mut known: Vec<&str> = made().filter(alike).take(8).map(String::as_str).collect();
        if known.is_empty() {
            known = self.proto().output.iter().map(|output| output.name.as_str()).take(8).collect();
        }
        ModelError::Unknown { what: "tensor", name: name.to_owned(), known: known.join(", ") }
    }
}

/// The bytes of a model.
pub(super) fn encode(model: &ModelProto, path: &Path) -> Result<Vec<u8>, ModelError> {
    if model.encoded_len() > LONGEST {
        return Err(ModelError::Unusable {
            path: path.to_owned(),
            message:
                "with its weights the model is over 2 GB, more than one ONNX file holds: export it in half precision"
                    .to_owned(),
        });
    }
    Ok(model.encode_to_vec())
}

fn opset(model: &ModelProto) -> i64 {
    let default = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    model.opset_import.iter().filter(|set| default(&set.domain)).map(|set| set.version).max().unwrap_or(0)
}

/// Operators that the file itself defines are not opened: neither tract nor the rewriting here knows them.
fn inline_nothing(functions: &[tract_onnx::pb::FunctionProto], graph: &GraphProto) -> Result<(), String> {
    let names: FxHashSet<(&str, &str)> = functions
        .iter()
        .map(|function| (function.domain.as_deref().unwrap_or_default(), function.name.as_deref().unwrap_or_default()))
        .collect();
    match graph.node.iter().find(|node| names.contains(&(node.domain.as_str(), node.op_type.as_str()))) {
        Some(node) => Err(format!(
            "the model defines an operator of its own (\"{}\"), which is not supported: inline it with \
             onnx.inliner.inline_local_functions",
            node.op_type
        )),
        None => Ok(()),
    }
}

/// Turns `Constant` nodes into stored tensors, so that there is one place to look.
fn store_constants(graph: &mut GraphProto) {
    let mut stored = Vec::new();
    graph.node.retain(|node| {
        let tensor = (node.op_type == "Constant").then(|| constant(node)).flatten();
        let keep = tensor.is_none();
        stored.extend(tensor);
        keep
    });
    graph.initializer.extend(stored);
}

fn constant(node: &NodeProto) -> Option<TensorProto> {
    let (name, attribute) = (node.output.first()?, node.attribute.first()?);
    let mut tensor = match attribute.name.as_str() {
        "value" => attribute.t.clone()?,
        "value_float" => super::build::floats("", &[], &[attribute.f]),
        "value_floats" => super::build::floats("", &[attribute.floats.len()], &attribute.floats),
        "value_int" => super::build::longs("", &[], &[attribute.i]),
        "value_ints" => super::build::longs("", &[attribute.ints.len()], &attribute.ints),
        _ => return None,
    };
    tensor.name.clone_from(name);
    Some(tensor)
}

/// Names that the graphs inside a node (branches, loop bodies) may take from outside.
pub(super) fn captured(node: &NodeProto) -> Vec<&str> {
    let mut names = Vec::new();
    for attribute in &node.attribute {
        for inner in attribute.g.iter().chain(&attribute.graphs) {
            for node in &inner.node {
                names.extend(node.input.iter().map(String::as_str).filter(|name| !name.is_empty()));
                names.extend(captured(node));
            }
            names.extend(inner.output.iter().map(|output| output.name.as_str()));
        }
    }
    names
}

/// Every tensor is made before it is read, stored tensors hold what they say.
fn check(graph: &GraphProto) -> Result<(), String> {
    let mut known: FxHashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    known.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
    known.extend(graph.sparse_initializer.iter().filter_map(|tensor| Some(tensor.values.as_ref()?.name.as_str())));
    for tensor in &graph.initializer {
        let count = values::count(tensor).ok_or_else(|| format!("the size of \"{}\" is absurd", tensor.name))?;
        let width = match Kind::of(tensor.data_type) {
            Kind::F64 | Kind::I64 => 8,
            Kind::F32 | Kind::I32 => 4,
            Kind::F16 | Kind::Bf16 => 2,
            Kind::U8 | Kind::I8 | Kind::Bool => 1,
            Kind::Other => continue,
        };
        let bytes = tensor.raw_data.len();
        if bytes > 0 && Some(bytes) != count.checked_mul(width) {
            return Err(format!("\"{}\" holds {bytes} bytes for {count} values of {width}", tensor.name));
        }
    }
    for node in &graph.node {
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            if !known.contains(input.as_str()) {
                return Err(format!(
                    "the {} node \"{}\" reads the tensor \"{input}\", which nothing makes before it",
                    node.op_type, node.name
                ));
            }
        }
        known.extend(node.output.iter().map(String::as_str).filter(|name| !name.is_empty()));
    }
    match graph.output.iter().find(|output| !known.contains(output.name.as_str())) {
        Some(output) => Err(format!("nothing makes its output \"{}\"", output.name)),
        None if graph.output.is_empty() => Err("it has no output".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::{self, Builder};
    use super::*;

    fn error(model: ModelProto) -> String {
        Graph::new(model, Path::new("x.onnx"), String::new()).unwrap_err().to_string()
    }

    fn plain() -> Builder {
        Builder::new().input("x", &[0, 3]).node("Relu", &["x"], "y", vec![]).output("y")
    }

    #[test]
    fn contradictory_graphs_are_refused_in_one_sentence() {
        let check = |model: ModelProto, expect: &str| {
            let error = error(model);
            assert!(error.contains(expect) && error.ends_with(": x.onnx"), "{error}");
        };
        check(plain().build(0), "it names no operator set");
        check(plain().build(99), "newer than 25");
        check(ModelProto { graph: None, ..plain().build(13) }, "it holds no graph");
        check(Builder::new().input("x", &[0]).build(13), "no output");
        check(plain().output("z").build(13), "nothing makes its output \"z\"");
        check(plain().node("Add", &["y", "gone"], "z", vec![]).build(13), "reads the tensor \"gone\"");
        check(plain().node("Relu", &["x"], "y", vec![]).build(13), "\"y\" is made twice");
        check(plain().weights(build::floats("y", &[], &[1.0])).build(13), "\"y\" is made twice");
        let mut short = build::floats("w", &[2, 2], &[0.0; 4]);
        short.raw_data.pop();
        check(plain().weights(short).build(13), "15 bytes for 4 values");
        let mut absurd = build::floats("w", &[], &[]);
        absurd.dims = vec![i64::MAX, i64::MAX];
        check(plain().weights(absurd).build(13), "absurd");
        let mut custom = plain().build(13);
        custom.functions.push(tract_onnx::pb::FunctionProto { name: Some("Relu".to_owned()), ..Default::default() });
        check(custom, "inline_local_functions");
        assert!(Graph::new(plain().build(13), Path::new("x.onnx"), String::new()).is_ok());
    }

    #[test]
    fn constants_are_stored_tensors_and_no_inputs() {
        let model = Builder::new()
            .input("x", &[0, 2])
            .input("w", &[2])
            .weights(build::floats("w", &[2], &[1.0, 2.0]))
            .node("Constant", &[], "c", vec![build::tensor("value", build::floats("", &[2], &[3.0, 4.0]))])
            .node("Constant", &[], "i", vec![build::ints("value_ints", &[5, 6])])
            .node("Add", &["x", "w"], "a", vec![])
            .node("Mul", &["a", "c"], "y", vec![])
            .output("y")
            .build(13);
        let graph = Graph::new(model, Path::new("x.onnx"), String::new()).unwrap();
        let inputs: Vec<String> = graph.inputs().into_iter().map(|input| input.name).collect();
        assert_eq!(inputs, ["x"]);
        assert_eq!(graph.stored("c").and_then(values::floats), Some(vec![3.0, 4.0]));
        assert_eq!(graph.stored("i").and_then(values::longs), Some(vec![5, 6]));
        assert_eq!(graph.nodes().len(), 2);
        assert_eq!(graph.readers("a"), [1]);
        let again = Graph::from_bytes(&graph.to_bytes().unwrap(), Path::new("y.onnx")).unwrap();
        assert_eq!(again.proto(), graph.proto());
    }

    #[test]
    fn a_fixed_batch_is_opened_where_outputs_follow_it() {
        let check = |shape: &[i64], expect: bool| {
            let model = Builder::new()
                .input("x", &[1, 3, 2, 2])
                .weights(build::longs("to", &[shape.len()], shape))
                .node("Reshape", &["x", "to"], "y", vec![])
                .output("y")
                .build(13);
            let mut graph = Graph::new(model, Path::new("x.onnx"), String::new()).unwrap();
            assert_eq!(graph.open_batch(&[1, 3, 2, 2]), expect, "{shape:?}");
            let first = graph.inputs()[0].dims.as_ref().unwrap()[0].clone();
            assert_eq!(first, if expect { Dim::Symbol("N".to_owned()) } else { Dim::Fixed(1) });
        };
        check(&[-1, 12], true);
        check(&[0, 12], true);
        check(&[1, 12], false);
        check(&[1, -1], false);
        check(&[12], false);
    }
}
