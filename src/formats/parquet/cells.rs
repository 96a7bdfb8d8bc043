//! Values of arrow columns: as cells for fields, as JSON for the raw record, as the bytes of a picture.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray, RecordBatch,
    StructArray,
};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow::datatypes::{UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow::util::display::array_value_to_string;
use serde_json::Value;

use crate::formats::fields::{Attributes, Cell, cut_text, is_wnid};

/// Longest list of numbers that goes into a raw record; longer ones are embeddings.
const MAX_NUMBERS: usize = 32;

/// True for lists of fractions.
pub(super) fn is_embedding(kind: &DataType) -> bool {
    match kind {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            item.data_type().is_floating()
        }
        _ => false,
    }
}

pub(super) fn is_binary(kind: &DataType) -> bool {
    matches!(kind, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

/// The value of a column in a row.
pub(super) fn cell(array: &ArrayRef, at: usize) -> Cell<'_> {
    if array.is_null(at) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Null => Cell::Null,
        DataType::Boolean => Cell::Bool(array.as_boolean().value(at)),
        DataType::Int8 => Cell::Int(array.as_primitive::<Int8Type>().value(at).into()),
        DataType::Int16 => Cell::Int(array.as_primitive::<Int16Type>().value(at).into()),
        DataType::Int32 => Cell::Int(array.as_primitive::<Int32Type>().value(at).into()),
        DataType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(at)),
        DataType::UInt8 => Cell::Int(array.as_primitive::<UInt8Type>().value(at).into()),
        DataType::UInt16 => Cell::Int(array.as_primitive::<UInt16Type>().value(at).into()),
        DataType::UInt32 => Cell::Int(array.as_primitive::<UInt32Type>().value(at).into()),
        DataType::UInt64 => Cell::Uint(array.as_primitive::<UInt64Type>().value(at)),
        DataType::Float32 => Cell::Float(short_float(array.as_primitive::<Float32Type>().value(at))),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(at)),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(at).into()),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(at).into()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(at).into()),
        DataType::List(_) => Cell::List(texts(&array.as_list::<i32>().value(at))),
        DataType::LargeList(_) => Cell::List(texts(&array.as_list::<i64>().value(at))),
        DataType::FixedSizeList(..) => Cell::List(texts(&array.as_fixed_size_list().value(at))),
        DataType::Struct(_) => {
            let parts = array.as_struct();
            let text = |name: &str| {
                parts.column_by_name(name).and_then(|column| match cell(column, at) {
                    Cell::Text(text) => Some(text.into_owned()),
                    _ => None,
                })
            };
            Cell::Object(Box::new(Attributes {
                wnid: text("wnid").filter(|text| is_wnid(text)),
                class_index: None,
                split: text("split").or_else(|| text("orig_split")),
            }))
        }
        DataType::Map(..) | DataType::Union(..) => Cell::Object(Box::default()),
        // Dictionaries, decimals, dates and the like read well as arrow prints them.
        _ => array_value_to_string(array, at).map_or(Cell::Null, |text| Cell::Text(text.into())),
    }
}

/// The shortest decimal that reads back as this number, so that 12.3 does not become 12.300000190734863.
fn short_float(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// The elements of a list as texts; of a list of lists the first.
fn texts(list: &ArrayRef) -> Vec<String> {
    if list.is_empty() {
        return Vec::new();
    }
    if matches!(list.data_type(), DataType::List(_) | DataType::LargeList(_)) {
        return match cell(list, 0) {
            Cell::List(first) => first,
            _ => Vec::new(),
        };
    }
    (0..list.len())
        .filter_map(|at| match cell(list, at) {
            Cell::Text(text) => Some(text.into_owned()),
            Cell::Int(value) => Some(value.to_string()),
            Cell::Float(value) => Some(value.to_string()),
            _ => None,
        })
        .collect()
}

/// A row as a JSON object without binary values and long lists of numbers.
pub(super) fn row_json(batch: &RecordBatch, at: usize) -> String {
    let mut object = serde_json::Map::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if let Some(value) = json(column, at) {
            object.insert(field.name().clone(), value);
        }
    }
    Value::Object(object).to_string()
}

/// A value as JSON; `None` for what is left out.
pub(super) fn json(array: &ArrayRef, at: usize) -> Option<Value> {
    if is_binary(array.data_type()) || matches!(array.data_type(), DataType::FixedSizeBinary(_)) {
        return None;
    }
    if array.is_null(at) {
        return Some(Value::Null);
    }
    let list = match array.data_type() {
        DataType::List(_) => Some(array.as_list::<i32>().value(at)),
        DataType::LargeList(_) => Some(array.as_list::<i64>().value(at)),
        DataType::FixedSizeList(..) => Some(array.as_fixed_size_list().value(at)),
        _ => None,
    };
    if let Some(list) = list {
        if list.data_type().is_numeric() && list.len() > MAX_NUMBERS {
            return Some(Value::String(format!("({} numbers)", list.len())));
        }
        return Some(Value::Array((0..list.len()).filter_map(|at| json(&list, at)).collect()));
    }
    if let DataType::Struct(fields) = array.data_type() {
        let parts = array.as_struct();
        let object = fields
            .iter()
            .zip(parts.columns())
            .filter_map(|(field, column)| Some((field.name().clone(), json(column, at)?)));
        return Some(Value::Object(object.collect()));
    }
    Some(match cell(array, at) {
        Cell::Null | Cell::List(_) => Value::Null,
        Cell::Bool(value) => value.into(),
        Cell::Int(value) => value.into(),
        Cell::Uint(value) => value.into(),
        Cell::Float(value) => serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number),
        Cell::Text(text) => cut_text(&text).into(),
        Cell::Object(_) => array_value_to_string(array, at).map_or(Value::Null, Value::String),
    })
}

/// The bytes of a binary column in a row.
pub(super) fn binary(array: &ArrayRef, at: usize) -> Option<&[u8]> {
    if array.is_null(at) {
        return None;
    }
    let any = array.as_any();
    if let Some(array) = any.downcast_ref::<BinaryArray>() {
        return Some(array.value(at));
    }
    if let Some(array) = any.downcast_ref::<LargeBinaryArray>() {
        return Some(array.value(at));
    }
    if let Some(array) = any.downcast_ref::<BinaryViewArray>() {
        return Some(array.value(at));
    }
    any.downcast_ref::<FixedSizeBinaryArray>().map(|array| array.value(at))
}

/// Whether the column is a list, with its elements and where among them a row's first stands (`None` where the row has none).
pub(super) fn first_in_list(array: &ArrayRef, at: usize) -> (bool, Option<(&ArrayRef, usize)>) {
    if let Some(list) = array.as_list_opt::<i32>() {
        let filled = !list.is_null(at) && list.value_length(at) > 0;
        return (true, filled.then(|| (list.values(), list.value_offsets()[at] as usize)));
    }
    let Some(list) = array.as_list_opt::<i64>() else { return (false, None) };
    let filled = !list.is_null(at) && list.value_length(at) > 0;
    (true, filled.then(|| (list.values(), list.value_offsets()[at] as usize)))
}

/// The picture's bytes of an image column in a row.
pub(super) fn image_bytes(array: &ArrayRef, at: usize) -> Option<&[u8]> {
    if let (true, first) = first_in_list(array, at) {
        let (elements, at) = first?;
        return image_bytes(elements, at);
    }
    match array.as_any().downcast_ref::<StructArray>() {
        Some(parts) if parts.is_null(at) => None,
        Some(parts) => binary(parts.column_by_name("bytes")?, at),
        None => binary(array, at),
    }
}

pub(super) fn struct_path(array: &ArrayRef, at: usize) -> Option<String> {
    if let (true, first) = first_in_list(array, at) {
        let (elements, at) = first?;
        return struct_path(elements, at);
    }
    let parts = array.as_any().downcast_ref::<StructArray>()?;
    match cell(parts.column_by_name("path")?, at) {
        Cell::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}
