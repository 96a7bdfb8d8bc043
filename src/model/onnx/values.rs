//! Numbers of the tensors and attributes that are stored in a graph.

use half::{bf16, f16};
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

use super::graph::Kind;

/// A node's attribute.
#[must_use]
pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// A whole number of a node.
#[must_use]
pub fn int(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).map(|attribute| attribute.i)
}

/// Whole numbers of a node.
#[must_use]
pub fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    attribute(node, name).map(|attribute| attribute.ints.as_slice())
}

/// A number of a node.
#[must_use]
pub fn float(node: &NodeProto, name: &str) -> Option<f32> {
    attribute(node, name).map(|attribute| attribute.f)
}

/// A text of a node.
#[must_use]
pub fn text<'a>(node: &'a NodeProto, name: &str) -> Option<&'a str> {
    attribute(node, name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok())
}

/// The sizes of a stored tensor.
#[must_use]
pub fn dims(tensor: &TensorProto) -> Vec<usize> {
    tensor.dims.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect()
}

/// How many values a stored tensor says it holds; `None` where the sizes are negative or absurd.
#[must_use]
pub fn count(tensor: &TensorProto) -> Option<usize> {
    tensor.dims.iter().try_fold(1_usize, |count, &dim| count.checked_mul(usize::try_from(dim).ok()?))
}

fn chunks<const N: usize, T>(bytes: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| from(chunk)).collect()
}

/// The values of a stored tensor of floating point numbers; `None` where it holds something else or too few.
#[must_use]
pub fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    let raw = &tensor.raw_data[..];
    let values = match (Kind::of(tensor.data_type), raw.is_empty()) {
        (Kind::F32, false) => chunks(raw, f32::from_le_bytes),
        (Kind::F32, true) => tensor.float_data.clone(),
        (Kind::F64, false) => chunks(raw, |bytes| f64::from_le_bytes(bytes) as f32),
        (Kind::F64, true) => tensor.double_data.iter().map(|&value| value as f32).collect(),
        (Kind::F16, false) => chunks(raw, |bytes| f16::from_le_bytes(bytes).to_f32()),
        (Kind::F16, true) => tensor.int32_data.iter().map(|&bits| f16::from_bits(bits as u16).to_f32()).collect(),
        (Kind::Bf16, false) => chunks(raw, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        (Kind::Bf16, true) => tensor.int32_data.iter().map(|&bits| bf16::from_bits(bits as u16).to_f32()).collect(),
        _ => return None,
    };
    (Some(values.len()) == count(tensor)).then_some(values)
}

/// The values of a stored tensor of whole numbers; `None` where it holds something else or too few.
#[must_use]
pub fn longs(tensor: &TensorProto) -> Option<Vec<i64>> {
    let raw = &tensor.raw_data[..];
    let values = match (Kind::of(tensor.data_type), raw.is_empty()) {
        (Kind::I64, false) => chunks(raw, i64::from_le_bytes),
        (Kind::I64, true) => tensor.int64_data.clone(),
        (Kind::I32, false) => chunks(raw, |bytes| i64::from(i32::from_le_bytes(bytes))),
        (Kind::I32, true) => tensor.int32_data.iter().map(|&value| i64::from(value)).collect(),
        _ => return None,
    };
    (Some(values.len()) == count(tensor)).then_some(values)
}
