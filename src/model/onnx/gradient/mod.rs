//! Reverse-mode differentiation: a graph becomes a graph that also computes gradients, in plain ONNX.
//!
//! The graph is cut down to what the target needs, brought to operator set 18 ([`modern`]), and walked backwards. Each
//! node's rule reads the gradient of what the node makes and adds nodes that compute the gradients of what it reads
//! (the files beside this one, a family of operators each). Sizes that do not depend on the batch are known from
//! [`Shapes`]; where a batch size is needed, the graph asks at run time, so any batch can be fed.

mod conv;
mod elementwise;
mod matmul;
mod modern;
mod norm;
mod pool;
mod reduce;
mod shape;
#[cfg(test)]
mod tests;

use rustc_hash::{FxHashMap, FxHashSet};
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto, TensorProto};

use super::build;
use super::graph::{self, Dim, Graph, Kind};
use super::shapes::Shapes;
use super::surgery;
use super::values;
use crate::model::ModelError;

/// The input of weights where [`Seed::Input`] is asked for: `[N, C]`, one row a picture.
pub const SEED: &str = "shopscope_seed";
/// The output of the target tensor itself.
pub const SCORES: &str = "scores";

/// Which number is differentiated: a weighted sum of a tensor's values, for each picture its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The tensor `[N, C]` (or `[N, C, 1, 1]`): scores before softmax, or features under a linear head learned here.
    pub output: String,
    /// The weights of its values.
    pub seed: Seed,
}

/// Weights of the values of a [`Target`].
#[derive(Clone, Debug, PartialEq)]
pub enum Seed {
    /// Fed at run time as the input [`SEED`], f32 `[N, C]`: one-hot rows give the gradients of single classes.
    Input,
    /// One value, the same for every picture.
    Class(usize),
    /// Weights `[C]`, the same for every picture.
    Weights(Vec<f32>),
}

/// The name of the output that holds the gradient for the tensor at a place of `wrt`.
#[must_use]
pub fn gradient_name(at: usize) -> String {
    format!("grad_{at}")
}

/// The name of the output that holds the tensor itself at a place of `wrt`.
#[must_use]
pub fn value_name(at: usize) -> String {
    format!("value_{at}")
}

impl Graph {
    /// The bytes of an ONNX file (operator set 18 or newer) that computes, for each tensor of `wrt`, its values
    /// ([`value_name`]) and the gradient of the target with respect to them ([`gradient_name`]), both of the tensor's
    /// shape, and the target tensor ([`SCORES`]). Outputs come in the order `grad_0`, `value_0`, `grad_1`, ..., `scores`.
    ///
    /// Models of half precision are computed in f32. The batch stays open where it is open.
    ///
    /// # Errors
    /// If a tensor does not exist or has no part in the target, or if a node's operator has no rule; the sentence names it
    /// and what can be done without gradients.
    pub fn gradients(&self, target: &Target, wrt: &[String]) -> Result<Vec<u8>, ModelError> {
        if let Some(absent) = wrt.iter().chain([&target.output]).find(|name| !self.has(name)) {
            return Err(self.unknown(absent));
        }
        let graph = self.modern(target, wrt)?;
        let input = self.shapes().dims(&self.inputs()[0].name).unwrap_or_default().to_vec();
        let mut tape = Tape::new(&graph, &input, target, wrt)?;
        tape.seed(target)?;
        for node in graph.nodes().iter().rev() {
            let made = node.output.iter().any(|output| tape.pending.contains_key(output));
            if made && node.input.iter().any(|input| tape.needs(input)) {
                rule(&mut tape, node)?;
            }
        }
        tape.finish(target, wrt)
    }

    /// What the target and `wrt` need, in the operators that the rules know.
    fn modern(&self, target: &Target, wrt: &[String]) -> Result<Graph, ModelError> {
        let mut wanted: Vec<&str> = wrt.iter().map(String::as_str).collect();
        wanted.push(&target.output);
        let mut model = self.cut(&wanted);
        modern::modernise(&mut model, self).map_err(|message| self.unusable(message))?;
        let graph = model.graph.as_mut().expect("a cut has a graph");
        graph.output.push(build::value(&target.output, Kind::F32, None));
        Graph::new(model, self.path(), self.hash().to_owned())
    }
}

/// Adds the nodes that carry the gradient of a node's outputs to its inputs.
fn rule(tape: &mut Tape<'_>, node: &NodeProto) -> Result<(), ModelError> {
    let known = node.domain.is_empty() || node.domain == "ai.onnx";
    let outcome = match node.op_type.as_str() {
        _ if !known => return Err(tape.unknown_operator(node)),
        "Conv" => conv::conv(tape, node),
        "ConvTranspose" => conv::conv_transpose(tape, node),
        "MaxPool" => pool::max(tape, node),
        "AveragePool" => pool::average(tape, node),
        "GlobalAveragePool" => pool::global_average(tape, node),
        "GlobalMaxPool" | "ReduceMax" | "ReduceMin" => reduce::extreme(tape, node),
        "ReduceMean" | "ReduceSum" => reduce::sum(tape, node),
        "ReduceL2" => reduce::length(tape, node),
        "ReduceSumSquare" => reduce::sum_of_squares(tape, node),
        "Softmax" | "LogSoftmax" => reduce::softmax(tape, node),
        "BatchNormalization" => norm::batch(tape, node),
        "LayerNormalization" => norm::layer(tape, node),
        "InstanceNormalization" => norm::instance(tape, node),
        "Gemm" => matmul::gemm(tape, node),
        "MatMul" => matmul::matmul(tape, node),
        "Add" | "Sub" | "Mul" | "Div" | "Sum" | "Max" | "Min" | "Where" | "Pow" | "PRelu" => {
            elementwise::several(tape, node)
        }
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => shape::reshape(tape, node),
        "Transpose" => shape::transpose(tape, node),
        "Expand" => shape::expand(tape, node),
        "Concat" => shape::concat(tape, node),
        "Split" => shape::split(tape, node),
        "Slice" => shape::slice(tape, node),
        "Gather" => shape::gather(tape, node),
        "Pad" => shape::pad(tape, node),
        _ => match elementwise::one(tape, node) {
            Some(outcome) => outcome,
            None => return Err(tape.unknown_operator(node)),
        },
    };
    outcome.map_err(|reason| {
        let (operator, name) = (&node.op_type, called(node));
        tape.graph.unusable(format!("gradients do not pass the {operator} node \"{name}\", {reason}; {FORWARD_ONLY}"))
    })
}

/// What remains where there are no gradients.
const FORWARD_ONLY: &str = "Eigen-CAM, Score-CAM and features need no gradients and still work";

/// Why a rule does not cover a node, as half a sentence.
type Outcome = Result<(), String>;

/// The nodes of the way back, as they are added.
struct Tape<'a> {
    graph: &'a Graph,
    shapes: Shapes,
    /// For another batch: sizes that differ depend on it.
    other: Shapes,
    nodes: Vec<NodeProto>,
    stored: Vec<TensorProto>,
    scalars: FxHashMap<u32, String>,
    /// Tensors that depend on one of `wrt`.
    needed: FxHashSet<String>,
    /// Gradients of tensors, still to be summed.
    pending: FxHashMap<String, Vec<String>>,
    /// Further outputs that forward nodes must have: place of the node, output.
    extra: Vec<(usize, String)>,
    count: usize,
}

impl<'a> Tape<'a> {
    fn new(graph: &'a Graph, input: &[usize], target: &Target, wrt: &[String]) -> Result<Self, ModelError> {
        let at = |batch: usize| Shapes::of(graph, &[&[batch], &input[1..]].concat());
        let (mut shapes, mut other) = (at(2), at(3));
        let fixed = graph.inputs().first().and_then(|input| input.dims.as_ref()?.first()?.fixed());
        if let Some(batch) = fixed {
            (shapes, other) = (at(batch), at(batch));
        } else if shapes.dims(&target.output).is_none() {
            (shapes, other) = (at(1), at(1));
        }
        let mut needed: FxHashSet<String> = wrt.iter().cloned().collect();
        for node in graph.nodes() {
            let constant = matches!(node.op_type.as_str(), "Shape" | "Size" | "ArgMax" | "ArgMin" | "ConstantOfShape");
            let float = |output: &String| {
                shapes.get(output).is_none_or(|shape| matches!(shape.kind, Kind::F32 | Kind::F64 | Kind::Other))
            };
            if !constant && node.input.iter().any(|input| needed.contains(input)) {
                needed.extend(node.output.iter().filter(|output| !output.is_empty() && float(output)).cloned());
            }
        }
        let tape = Self {
            graph,
            shapes,
            other,
            nodes: Vec::new(),
            stored: Vec::new(),
            scalars: FxHashMap::default(),
            needed,
            pending: FxHashMap::default(),
            extra: Vec::new(),
            count: 0,
        };
        if tape.needed.contains(&target.output) { Ok(tape) } else { Err(tape.apart(&wrt[0], target)) }
    }

    fn apart(&self, tensor: &str, target: &Target) -> ModelError {
        self.graph.unusable(format!(
            "\"{tensor}\" has no part in \"{}\", so there is no gradient: choose an earlier layer",
            target.output
        ))
    }

    fn unknown_operator(&self, node: &NodeProto) -> ModelError {
        let NodeProto { op_type, domain, .. } = node;
        let name = called(node);
        let domain = if domain.is_empty() { String::new() } else { format!(" of {domain}") };
        self.graph.unusable(format!(
            "there is no gradient for the operator {op_type}{domain} (node \"{name}\"); {FORWARD_ONLY}"
        ))
    }

    /// Whether the gradient of a tensor leads to one of `wrt`.
    fn needs(&self, tensor: &str) -> bool {
        self.needed.contains(tensor)
    }

    fn fresh(&mut self, what: &str) -> String {
        self.count += 1;
        format!("gradient/{what}_{}", self.count)
    }

    /// Adds a node and returns what it makes.
    fn op(&mut self, operator: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let output = self.fresh(operator);
        self.nodes.push(build::node(operator, inputs, &[&output], attributes));
        output
    }

    /// A stored number.
    fn scalar(&mut self, value: f32) -> String {
        if let Some(name) = self.scalars.get(&value.to_bits()) {
            return name.clone();
        }
        let name = self.fresh("number");
        self.stored.push(build::floats(&name, &[], &[value]));
        self.scalars.insert(value.to_bits(), name.clone());
        name
    }

    /// Stored numbers, row-major.
    fn floats(&mut self, dims: &[usize], values: &[f32]) -> String {
        let name = self.fresh("numbers");
        self.stored.push(build::floats(&name, dims, values));
        name
    }

    /// Stored whole numbers.
    fn longs(&mut self, values: &[i64]) -> String {
        let name = self.fresh("sizes");
        self.stored.push(build::longs(&name, &[values.len()], values));
        name
    }

    fn mul(&mut self, a: &str, b: &str) -> String {
        self.op("Mul", &[a, b], vec![])
    }

    fn add(&mut self, a: &str, b: &str) -> String {
        self.op("Add", &[a, b], vec![])
    }

    fn scaled(&mut self, a: &str, by: f32) -> String {
        let by = self.scalar(by);
        self.mul(a, &by)
    }

    /// The gradient where a condition holds, 0 elsewhere.
    fn masked(&mut self, condition: &str, gradient: &str) -> String {
        let zero = self.scalar(0.0);
        self.op("Where", &[condition, gradient, &zero], vec![])
    }

    /// Sums over axes that stay, with size 1.
    fn sum(&mut self, tensor: &str, axes: &[i64], keep: bool) -> String {
        let axes = self.longs(axes);
        self.op("ReduceSum", &[tensor, &axes], vec![build::int("keepdims", i64::from(keep))])
    }

    /// The mean over axes that stay, with size 1.
    fn mean(&mut self, tensor: &str, axes: &[i64]) -> String {
        let axes = self.longs(axes);
        self.op("ReduceMean", &[tensor, &axes], vec![build::int("keepdims", 1)])
    }

    /// A tensor in the shape of another.
    fn shaped(&mut self, tensor: &str, like: &str) -> String {
        let shape = self.op("Shape", &[like], vec![]);
        self.op("Reshape", &[tensor, &shape], vec![])
    }

    fn expanded(&mut self, tensor: &str, like: &str) -> String {
        let shape = self.op("Shape", &[like], vec![]);
        self.op("Expand", &[tensor, &shape], vec![])
    }

    /// The sizes of a tensor, for some batch.
    fn dims(&self, tensor: &str) -> Result<Vec<usize>, String> {
        self.shapes
            .dims(tensor)
            .map(<[usize]>::to_vec)
            .ok_or_else(|| format!("whose tensor \"{tensor}\" has no known shape"))
    }

    fn rank(&self, tensor: &str) -> Result<usize, String> {
        self.dims(tensor).map(|dims| dims.len())
    }

    /// A size that does not depend on the batch.
    fn size(&self, tensor: &str, axis: usize) -> Result<usize, String> {
        let size = |shapes: &Shapes| shapes.dims(tensor).and_then(|dims| dims.get(axis).copied());
        match (size(&self.shapes), size(&self.other)) {
            (Some(a), Some(b)) if a == b => Ok(a),
            (Some(_), Some(_)) => Err("which mixes the pictures of a batch".to_owned()),
            _ => Err(format!("whose tensor \"{tensor}\" has no known shape")),
        }
    }

    /// The values of a tensor of whole numbers that every picture shares.
    fn constant(&self, tensor: &str) -> Result<Vec<i64>, String> {
        let values = self.shapes.longs(tensor).filter(|&values| self.other.longs(tensor) == Some(values));
        values.map(<[i64]>::to_vec).ok_or_else(|| format!("whose \"{tensor}\" is computed from the picture"))
    }

    /// The gradient of what a node makes: the sum of what its readers gave.
    fn gradient(&mut self, tensor: &str) -> Option<String> {
        let parts = self.pending.get(tensor)?.clone();
        let mut parts = parts.into_iter();
        let mut sum = parts.next()?;
        for part in parts {
            sum = self.add(&sum, &part);
        }
        self.pending.insert(tensor.to_owned(), vec![sum.clone()]);
        Some(sum)
    }

    /// The gradient of a node's first output.
    fn incoming(&mut self, node: &NodeProto) -> Result<String, String> {
        self.gradient(&node.output[0]).ok_or_else(|| "of which only a side output is used".to_owned())
    }

    /// Hands a gradient on to a tensor.
    fn give(&mut self, tensor: &str, gradient: String) {
        if self.needs(tensor) {
            self.pending.entry(tensor.to_owned()).or_default().push(gradient);
        }
    }

    /// Hands a gradient on to a tensor that was broadcast: summed over the axes along which it was repeated.
    fn give_broadcast(&mut self, tensor: &str, gradient: String, full: &str) -> Outcome {
        if !self.needs(tensor) {
            return Ok(());
        }
        let (small, full) = (self.dims(tensor)?, self.dims(full)?);
        let more = full.len() - small.len().min(full.len());
        let repeated = |&axis: &usize| axis < more || (small[axis - more] == 1 && full[axis] != 1);
        let axes: Vec<i64> = (0..full.len()).filter(repeated).map(|axis| axis as i64).collect();
        if axes.is_empty() {
            self.give(tensor, gradient);
            return Ok(());
        }
        let mut summed = self.sum(&gradient, &axes, true);
        if more > 0 {
            summed = self.shaped(&summed, tensor);
        }
        self.give(tensor, summed);
        Ok(())
    }

    /// A further output of the node that makes `tensor`.
    fn side_output(&mut self, tensor: &str, what: &str) -> Result<String, String> {
        let at = self.graph.place(tensor).ok_or("which nothing makes")?;
        let name = self.fresh(what);
        self.extra.push((at, name.clone()));
        Ok(name)
    }

    /// Starts the way back.
    fn seed(&mut self, target: &Target) -> Result<(), ModelError> {
        let output = &target.output;
        let dims = self.dims(output).unwrap_or_default();
        let count: usize = dims.iter().skip(1).product();
        let wrong = |message: String| Err(self.graph.unusable(message));
        let weights = match &target.seed {
            Seed::Input if dims.len() == 2 => SEED.to_owned(),
            Seed::Input => self.shaped(SEED, output),
            Seed::Class(class) if *class >= count => {
                return wrong(format!("\"{output}\" has {count} values a picture, so there is no class {class}"));
            }
            Seed::Weights(weights) if weights.len() != count => {
                return wrong(format!("\"{output}\" has {count} values a picture, not {}", weights.len()));
            }
            Seed::Class(class) => {
                let mut weights = vec![0.0; count];
                weights[*class] = 1.0;
                self.constant_seed(&weights, &dims, output)
            }
            Seed::Weights(weights) => self.constant_seed(weights, &dims, output),
        };
        self.pending.insert(output.clone(), vec![weights]);
        Ok(())
    }

    fn constant_seed(&mut self, weights: &[f32], dims: &[usize], output: &str) -> String {
        let dims: Vec<usize> = [1].into_iter().chain(dims.iter().skip(1).copied()).collect();
        let weights = self.floats(&dims, weights);
        self.expanded(&weights, output)
    }

    /// Forward graph and way back together.
    fn finish(mut self, target: &Target, wrt: &[String]) -> Result<Vec<u8>, ModelError> {
        let mut outputs = Vec::new();
        for (at, tensor) in wrt.iter().enumerate() {
            let Some(gradient) = self.gradient(tensor) else { return Err(self.apart(tensor, target)) };
            let (gradient_name, value_name) = (gradient_name(at), value_name(at));
            self.nodes.push(build::node("Identity", &[&gradient], &[&gradient_name], vec![]));
            outputs.push(gradient_name);
            self.nodes.push(build::node("Identity", &[tensor], &[&value_name], vec![]));
            outputs.push(value_name);
        }
        self.nodes.push(build::node("Identity", &[&target.output], &[SCORES], vec![]));
        outputs.push(SCORES.to_owned());
        let seeded = target.seed == Seed::Input;
        let classes = self.dims(&target.output).unwrap_or_default().iter().skip(1).product();
        let mut model: ModelProto = self.graph.model.clone();
        let graph = model.graph.as_mut().expect("checked when it was made");
        for (at, output) in self.extra {
            graph.node[at].output.push(output);
        }
        // Tensors of the graph that have the names of the outputs make room.
        let taken = outputs.iter().filter(|name| self.graph.has(name));
        let renames: FxHashMap<String, String> = taken.map(|name| (name.clone(), self.graph.free(name))).collect();
        surgery::rename(graph, &renames);
        for input in self.nodes.iter_mut().flat_map(|node| &mut node.input) {
            if let Some(new) = renames.get(input) {
                input.clone_from(new);
            }
        }
        graph.node.append(&mut self.nodes);
        graph.initializer.append(&mut self.stored);
        if seeded {
            let batch = self.graph.inputs()[0].dims.as_ref().and_then(|dims| dims.first().cloned());
            let dims = [batch.unwrap_or(Dim::Unknown), Dim::Fixed(classes)];
            graph.input.push(build::value(SEED, Kind::F32, Some(&dims)));
        }
        graph.output = outputs.iter().map(|output| build::value(output, Kind::F32, None)).collect();
        surgery::name_nodes(graph);
        graph::encode(&model, self.graph.path())
    }
}

/// A node's name, or that of what it makes where it has none.
fn called(node: &NodeProto) -> &str {
    if node.name.is_empty() { node.output.first().map_or("", String::as_str) } else { &node.name }
}

/// An axis counted from the front.
fn axis(axis: i64, rank: usize) -> usize {
    if axis < 0 { (axis + rank as i64) as usize } else { axis as usize }
}

/// A node's input, where it has one there.
fn input(node: &NodeProto, at: usize) -> Option<&str> {
    node.input.get(at).map(String::as_str).filter(|name| !name.is_empty())
}

fn attribute_int(node: &NodeProto, name: &str, otherwise: i64) -> i64 {
    values::int(node, name).unwrap_or(otherwise)
}
