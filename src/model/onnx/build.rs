//! Pieces of ONNX graphs: nodes, attributes, tensors. What is written here is read by ONNX Runtime and by tract.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

use super::graph::{Dim, Kind};

/// A node of the default operator set; its name is the name of its first output.
#[must_use]
pub fn node(operator: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: operator.to_owned(),
        name: outputs.first().copied().unwrap_or_default().to_owned(),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: outputs.iter().map(|&name| name.to_owned()).collect(),
        attribute: attributes,
        ..NodeProto::default()
    }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: kind as i32, ..AttributeProto::default() }
}

/// An attribute of one whole number.
#[must_use]
pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: value, ..attribute(name, AttributeType::Int) }
}

/// An attribute of whole numbers.
#[must_use]
pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..attribute(name, AttributeType::Ints) }
}

/// An attribute of one number.
#[must_use]
pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: value, ..attribute(name, AttributeType::Float) }
}

/// An attribute of one text.
#[must_use]
pub fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: value.as_bytes().to_vec(), ..attribute(name, AttributeType::String) }
}

/// An attribute of one tensor.
#[must_use]
pub fn tensor(name: &str, value: TensorProto) -> AttributeProto {
    AttributeProto { t: Some(value), ..attribute(name, AttributeType::Tensor) }
}

/// A tensor of f32, row-major.
#[must_use]
pub fn floats(name: &str, dims: &[usize], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.iter().map(|&dim| dim as i64).collect(),
        data_type: Kind::F32.code(),
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

/// A tensor of i64, row-major.
#[must_use]
pub fn longs(name: &str, dims: &[usize], values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.iter().map(|&dim| dim as i64).collect(),
        data_type: Kind::I64.code(),
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

/// The declaration of an input or output; `None` leaves its rank open.
#[must_use]
pub fn value(name: &str, kind: Kind, dims: Option<&[Dim]>) -> ValueInfoProto {
    let dim = |dim: &Dim| Dimension {
        denotation: String::new(),
        value: match dim {
            Dim::Fixed(size) => Some(dimension::Value::DimValue(*size as i64)),
            Dim::Symbol(symbol) => Some(dimension::Value::DimParam(symbol.clone())),
            Dim::Unknown => None,
        },
    };
    let shape = dims.map(|dims| TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: kind.code(), shape };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { denotation: String::new(), value: Some(type_proto::Value::TensorType(tensor)) }),
        doc_string: String::new(),
    }
}

/// A model made by hand: inputs `[N, ..]` of f32, weights, nodes, outputs.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    graph: GraphProto,
}

impl Builder {
    /// An empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self { graph: GraphProto { name: "graph".to_owned(), ..GraphProto::default() } }
    }

    /// Adds an input of f32; a size of 0 is the batch `N`.
    #[must_use]
    pub fn input(mut self, name: &str, dims: &[usize]) -> Self {
        let dim = |&size: &usize| if size == 0 { Dim::Symbol("N".to_owned()) } else { Dim::Fixed(size) };
        let dims: Vec<Dim> = dims.iter().map(dim).collect();
        self.graph.input.push(value(name, Kind::F32, Some(&dims)));
        self
    }

    /// Adds weights.
    #[must_use]
    pub fn weights(mut self, tensor: TensorProto) -> Self {
        self.graph.initializer.push(tensor);
        self
    }

    /// Adds a node with one output of the name `output`.
    #[must_use]
    pub fn node(self, operator: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) -> Self {
        self.with(node(operator, inputs, &[output], attributes))
    }

    /// Adds a node.
    #[must_use]
    pub fn with(mut self, node: NodeProto) -> Self {
        self.graph.node.push(node);
        self
    }

    /// Adds an output.
    #[must_use]
    pub fn output(mut self, name: &str) -> Self {
        self.graph.output.push(value(name, Kind::F32, None));
        self
    }

    /// The model for an operator set.
    #[must_use]
    pub fn build(self, opset: i64) -> ModelProto {
        ModelProto {
            ir_version: 8,
            producer_name: "shopscope".to_owned(),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
            graph: Some(self.graph),
            ..ModelProto::default()
        }
    }
}
