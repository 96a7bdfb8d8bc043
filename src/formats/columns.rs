//! What columns a source has, for the open dialog: names with an example, and the guess of what is which.

use serde_json::Value;

use super::fields::guess_field;
use super::source::{Field, FieldMap, Format, FormatError, Source};
use super::{captions, coco, folder, parquet, webdataset};

/// Longest example shown, in characters.
const MAX_EXAMPLE: usize = 80;

/// The columns (JSON keys, table columns, member extensions) of a source's first readable shard, each with a short
/// example value, or with its type where there is no value to show.
///
/// # Errors
/// What kept the first shard from being read.
pub fn columns(source: &Source) -> Result<Vec<(String, String)>, FormatError> {
    let mut result = Err(FormatError::NothingToOpen(source.root.clone()));
    for shard in source.shards.iter().take(3) {
        result = match source.format {
            Format::Webdataset => webdataset::columns(shard),
            Format::Parquet => parquet::columns(&shard.path),
            Format::ImageFolder | Format::Imagenet => folder::columns(&source.root, shard),
            Format::Jsonl | Format::Csv | Format::Tsv => captions::columns(&shard.path, source.format),
            Format::CocoCaptions => coco::columns(&shard.path),
        };
        if result.is_ok() {
            break;
        }
    }
    result
}

/// The guess which of `columns` is which field, as [`scan`](super::scan) makes it without overrides.
#[must_use]
pub fn guess_map(columns: &[(String, String)]) -> FieldMap {
    let mut map = FieldMap::default();
    let mut ranks = [u8::MAX; Field::ALL.len()];
    for (name, _) in columns {
        if let Some((field, rank)) = guess_field(name)
            && rank < ranks[field as usize]
        {
            ranks[field as usize] = rank;
            map.0.insert(field, name.clone());
        }
    }
    map
}

/// Adds the keys of a JSON object; a key seen with null takes a later example.
pub(super) fn add_json(columns: &mut Vec<(String, String)>, json: &[u8]) {
    let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(json) else { return };
    for (name, value) in object {
        match columns.iter_mut().find(|(known, _)| *known == name) {
            Some((_, example)) if example == "null" => *example = shorten_json(&value),
            Some(_) => {}
            None => columns.push((name, shorten_json(&value))),
        }
    }
}

/// A value as an example: texts without quotes, everything on one line.
pub(super) fn shorten_json(value: &Value) -> String {
    match value {
        Value::String(text) => shorten(text),
        other => shorten(&other.to_string()),
    }
}

/// The start of a text on one line.
pub(super) fn shorten(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = line.clone().take(MAX_EXAMPLE).collect();
    if line.count() > MAX_EXAMPLE {
        short.push('…');
    }
    short
}
