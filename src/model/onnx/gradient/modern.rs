//! Brings a graph to operator set 18, f32 and inference, the only form that the rules know.
//!
//! What changed between operator sets 7 and 18 for the operators of image models is mostly that attributes became inputs.

use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto};

use crate::model::onnx::graph::{Graph, Kind};
use crate::model::onnx::{build, values};

/// The oldest operator set that is brought to the new one: in those before, broadcasting was another.
const OLDEST: i64 = 7;
/// What it is brought to.
const MODERN: i64 = 18;

/// Rewrites `model`, cut from `graph`; the error is a sentence without full stop.
pub(super) fn modernise(model: &mut ModelProto, graph: &Graph) -> Result<(), String> {
    let opset = graph.opset();
    if opset < OLDEST {
        return Err(format!("gradients need operator set {OLDEST} or newer, this model has {opset}: export it again"));
    }
    if opset < MODERN {
        model.opset_import.retain(|set| !set.domain.is_empty() && set.domain != "ai.onnx");
        model.opset_import.push(OperatorSetIdProto { domain: String::new(), version: MODERN });
    }
    model.ir_version = model.ir_version.max(8);
    let proto = model.graph.as_mut().expect("a cut has a graph");
    let mut change = Change { graph, opset, stored: Vec::new(), nodes: Vec::new(), count: 0 };
    for node in std::mem::take(&mut proto.node) {
        change.node(node)?;
    }
    proto.node = change.nodes;
    proto.initializer.append(&mut change.stored);
    single_precision(proto)
}

struct Change<'a> {
    graph: &'a Graph,
    opset: i64,
    stored: Vec<TensorProto>,
    nodes: Vec<NodeProto>,
    count: usize,
}

impl Change<'_> {
    fn fresh(&mut self) -> String {
        self.count += 1;
        format!("gradient/modern_{}", self.count)
    }

    fn longs(&mut self, values: &[i64]) -> String {
        let name = self.fresh();
        self.stored.push(build::longs(&name, &[values.len()], values));
        name
    }

    /// Takes an attribute away from a node.
    fn take(node: &mut NodeProto, name: &str) -> Option<AttributeProto> {
        let at = node.attribute.iter().position(|attribute| attribute.name == name)?;
        Some(node.attribute.remove(at))
    }

    /// Turns an attribute of whole numbers into the input at a place.
    fn move_to_input(&mut self, node: &mut NodeProto, name: &str, at: usize) {
        if let Some(attribute) = Self::take(node, name) {
            let input = self.longs(&attribute.ints);
            node.input.resize(node.input.len().max(at + 1), String::new());
            node.input[at] = input;
        }
    }

    /// Turns an attribute of one number into the input at a place.
    fn number_to_input(&mut self, node: &mut NodeProto, name: &str, at: usize) {
        if let Some(attribute) = Self::take(node, name) {
            let input = self.fresh();
            self.stored.push(build::floats(&input, &[], &[attribute.f]));
            node.input.resize(node.input.len().max(at + 1), String::new());
            node.input[at] = input;
        }
    }

    fn node(&mut self, mut node: NodeProto) -> Result<(), String> {
        if !node.domain.is_empty() && node.domain != "ai.onnx" {
            self.nodes.push(node);
            return Ok(());
        }
        match node.op_type.as_str() {
            // At inference both only pass their input on; a mask or statistics nobody reads.
            "Dropout" => {
                "Identity".clone_into(&mut node.op_type);
                node.attribute.clear();
                node.input.truncate(1);
                node.output.truncate(1);
            }
            "BatchNormalization" => {
                node.output.truncate(1);
                Self::take(&mut node, "spatial");
            }
            _ => {}
        }
        if self.opset < MODERN {
            match node.op_type.as_str() {
                "Squeeze" | "Unsqueeze" | "ReduceSum" if self.opset < 13 => self.move_to_input(&mut node, "axes", 1),
                "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2" | "ReduceLogSum"
                | "ReduceLogSumExp" | "ReduceSumSquare" => self.move_to_input(&mut node, "axes", 1),
                "Split" => {
                    self.move_to_input(&mut node, "split", 1);
                    if node.input.len() < 2 {
                        node.attribute.push(build::int("num_outputs", node.output.len() as i64));
                    }
                }
                "Slice" if self.opset < 10 => {
                    for (at, name) in ["starts", "ends", "axes"].into_iter().enumerate() {
                        self.move_to_input(&mut node, name, at + 1);
                    }
                }
                "Pad" if self.opset < 11 => {
                    self.move_to_input(&mut node, "pads", 1);
                    self.number_to_input(&mut node, "value", 2);
                }
                "Clip" if self.opset < 11 => {
                    self.number_to_input(&mut node, "min", 1);
                    self.number_to_input(&mut node, "max", 2);
                }
                "Softmax" | "LogSoftmax" if self.opset < 13 => return self.old_softmax(node),
                "Scatter" => "ScatterElements".clone_into(&mut node.op_type),
                "Upsample" | "Resize" if self.opset < 11 => {
                    return Err(format!(
                        "gradients do not pass the {} of operator set {} (node \"{}\"): export with opset_version=18",
                        node.op_type, self.opset, node.name
                    ));
                }
                _ => {}
            }
        }
        self.nodes.push(node);
        Ok(())
    }

    /// Before operator set 13 softmax ran over all axes from `axis` (1 where absent) on.
    fn old_softmax(&mut self, mut node: NodeProto) -> Result<(), String> {
        let input = node.input[0].clone();
        let rank = self.graph.shapes().dims(&input).map(<[usize]>::len);
        let rank = rank.ok_or_else(|| format!("the shape of \"{input}\" is not known, which its softmax needs"))?;
        let said = Self::take(&mut node, "axis").map_or(1, |axis| axis.i);
        let axis = if said < 0 { said + rank as i64 } else { said };
        if axis + 1 == rank as i64 {
            node.attribute.push(build::int("axis", -1));
            self.nodes.push(node);
            return Ok(());
        }
        let (flat, soft, shape) = (self.fresh(), self.fresh(), self.fresh());
        let output = std::mem::replace(&mut node.output[0], soft.clone());
        node.input[0].clone_from(&flat);
        node.attribute.push(build::int("axis", -1));
        self.nodes.push(build::node("Flatten", &[&input], &[&flat], vec![build::int("axis", axis)]));
        self.nodes.push(node);
        self.nodes.push(build::node("Shape", &[&input], &[&shape], vec![]));
        self.nodes.push(build::node("Reshape", &[&soft, &shape], &[&output], vec![]));
        Ok(())
    }
}

/// Half and double precision become f32: gradients of half precision under- and overflow.
fn single_precision(graph: &mut GraphProto) -> Result<(), String> {
    let other = |kind: Kind| matches!(kind, Kind::F16 | Kind::Bf16 | Kind::F64);
    for tensor in &mut graph.initializer {
        if other(Kind::of(tensor.data_type)) {
            let numbers = values::floats(tensor)
                .ok_or_else(|| format!("the weights \"{}\" do not hold what they say", tensor.name))?;
            *tensor = build::floats(&tensor.name, &values::dims(tensor), &numbers);
        }
    }
    for node in &mut graph.node {
        for attribute in &mut node.attribute {
            if node.op_type == "Cast" && attribute.name == "to" && other(Kind::of(attribute.i as i32)) {
                attribute.i = i64::from(Kind::F32.code());
            }
            if let Some(tensor) = attribute.t.as_mut().filter(|tensor| other(Kind::of(tensor.data_type)))
                && let Some(numbers) = values::floats(tensor)
            {
                *tensor = build::floats(&tensor.name, &values::dims(tensor), &numbers);
            }
        }
    }
    for input in &mut graph.input {
        let declared = crate::model::onnx::graph::ValueInfo::of(input);
        if other(declared.kind) {
            *input = build::value(&declared.name, Kind::F32, declared.dims.as_deref());
        }
    }
    Ok(())
}
