//! Reads JSON straight into records: columns without a role are passed over without being built, and nothing recurses, so that
//! deep nesting costs nothing.

use std::borrow::Cow;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Attributes, Cell, ColumnRef, Mapper, Record, is_wnid};

impl Mapper {
    /// Reads one JSON object.
    pub(in crate::formats) fn read_json(&mut self, json: &[u8]) -> Result<Record, String> {
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        match self.parse_json(json) {
            Ok(record) => Ok(record),
            Err(error) => {
                // Python writes NaN and Infinity, which JSON does not know.
                if let Some(mended) = without_nan(json)
                    && let Ok(record) = self.parse_json(&mended)
                {
                    return Ok(record);
                }
                Err(error.to_string())
            }
        }
    }

    fn parse_json(&mut self, json: &[u8]) -> Result<Record, serde_json::Error> {
        let mut record = Record::default();
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        RecordSeed { mapper: self, record: &mut record }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(record)
    }
}

/// The JSON with `NaN`, `Infinity` and `-Infinity` outside of strings replaced by `null`; `None` if there are none.
fn without_nan(json: &[u8]) -> Option<Vec<u8>> {
    if memchr::memmem::find(json, b"NaN").is_none() && memchr::memmem::find(json, b"Infinity").is_none() {
        return None;
    }
    let mut mended = Vec::with_capacity(json.len() + 8);
    let (mut at, mut in_string) = (0, false);
    while at < json.len() {
        let rest = &json[at..];
        if in_string {
            if rest[0] == b'\\' && rest.len() > 1 {
                mended.extend_from_slice(&rest[..2]);
                at += 2;
                continue;
            }
            in_string = rest[0] != b'"';
        } else if let Some(word) =
            [b"NaN".as_slice(), b"-Infinity", b"Infinity"].into_iter().find(|word| rest.starts_with(word))
        {
            mended.extend_from_slice(b"null");
            at += word.len();
            continue;
        } else {
            in_string = rest[0] == b'"';
        }
        mended.push(rest[0]);
        at += 1;
    }
    Some(mended)
}

/// Reads an object straight into a record: columns without a role are skipped without being built.
struct RecordSeed<'m, 'r> {
    mapper: &'m mut Mapper,
    record: &'r mut Record,
}

impl<'de> DeserializeSeed<'de> for RecordSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(column) = map.next_key_seed(ColumnSeed(self.mapper))? {
            if Mapper::wanted(column) {
                let cell = map.next_value_seed(CellSeed)?;
                self.mapper.put(self.record, column, &cell);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct ColumnSeed<'m>(&'m mut Mapper);

impl<'de> DeserializeSeed<'de> for ColumnSeed<'_> {
    type Value = ColumnRef;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<ColumnRef, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for ColumnSeed<'_> {
    type Value = ColumnRef;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<ColumnRef, E> {
        Ok(self.0.column(name))
    }
}

/// Reads any JSON value as a [`Cell`]; nothing recurses deeper than a list of lists.
struct CellSeed;

impl<'de> DeserializeSeed<'de> for CellSeed {
    type Value = Cell<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Cell<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Cell<'de>, E> {
        Ok(Cell::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Cell<'de>, E> {
        Ok(Cell::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Cell<'de>, E> {
        Ok(Cell::Uint(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Cell<'de>, E> {
        Ok(Cell::Float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell<'de>, A::Error> {
        let mut list = Vec::new();
        let (mut first, mut odd) = (true, false);
        while let Some(element) = seq.next_element_seed(ElementSeed)? {
            match element {
                Element::Text(text) => list.push(text),
                // A list of lists (several category paths): the first stands for all.
                Element::List(inner) if first => list = inner,
                Element::Other => odd = true,
                Element::List(_) | Element::Null => {}
            }
            first = false;
        }
        // A list of numbers or objects fits no field, as an object does.
        if odd && list.is_empty() {
            return Ok(Cell::Object(Box::default()));
        }
        Ok(Cell::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cell<'de>, A::Error> {
        Ok(Cell::Object(Box::new(read_attributes(map)?)))
    }
}

enum Element {
    Null,
    /// A fraction (part of an embedding or a box) or an object.
    Other,
    Text(String),
    List(Vec<String>),
}

struct ElementSeed;

impl<'de> DeserializeSeed<'de> for ElementSeed {
    type Value = Element;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Element, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ElementSeed {
    type Value = Element;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Element, E> {
        Ok(Element::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Element, E> {
        Ok(Element::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Element, E> {
        Ok(Element::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Element, E> {
        Ok(Element::Text(value.to_string()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Element, E> {
        Ok(Element::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Element, E> {
        Ok(Element::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Element, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(InnerSeed)? {
            list.extend(value);
        }
        Ok(if list.is_empty() { Element::Other } else { Element::List(list) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Element, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Element::Other)
    }
}

/// A string two lists deep; anything else there is skipped.
struct InnerSeed;

impl<'de> DeserializeSeed<'de> for InnerSeed {
    type Value = Option<String>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for InnerSeed {
    type Value = Option<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<String>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<String>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// Attributes read from an object at the top of a JSON text.
pub(super) struct AttributesJson(pub(super) Attributes);

impl<'de> de::Deserialize<'de> for AttributesJson {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match CellSeed.deserialize(deserializer)? {
            Cell::Object(attributes) => Ok(Self(*attributes)),
            _ => Err(de::Error::custom("no object")),
        }
    }
}

fn read_attributes<'de, A: MapAccess<'de>>(mut map: A) -> Result<Attributes, A::Error> {
    let mut attributes = Attributes::default();
    while let Some(name) = map.next_key::<Cow<'de, str>>()? {
        match name.as_ref() {
            "wnid" => {
                attributes.wnid = match map.next_value::<serde_json::Value>()? {
                    serde_json::Value::String(text) if is_wnid(&text) => Some(text),
                    _ => None,
                }
            }
            "class_index" => {
                attributes.class_index =
                    map.next_value::<serde_json::Value>()?.as_u64().and_then(|index| u32::try_from(index).ok());
            }
            "split" | "orig_split" => {
                attributes.split = match map.next_value::<serde_json::Value>()? {
                    serde_json::Value::String(text) if !text.is_empty() => Some(text),
                    _ => None,
                }
            }
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
    }
    Ok(attributes)
}
