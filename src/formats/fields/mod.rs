//! Which column is which field: the usual names, the user's overrides, and the conversion of values.
//!
//! A [`Mapper`] lives as long as one scan. Each reader names its columns to it ([`Mapper::column`], cached), skips those
//! without a role and hands in the others as [`Cell`]s ([`Mapper::put`]); they end in a [`Record`].
//! Where several columns could be one field, the name that stands first in the table wins, row by row, among those that
//! are not null. An override (`--map field=column`) switches the guess off for its field.
//!
//! Values of the wrong type are ignored with one warning per field and shard; texts above
//! [`MAX_TEXT`] are cut.

mod json;
mod names;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use self::json::AttributesJson;
use self::names::{guess, list_in_text};
pub(super) use self::names::{guess_field, is_telling, split_path};
use super::source::{Field, FieldMap, Fields};
use crate::base::{Warning, WarningKind};

/// Longest text kept, in bytes; what is longer is cut at a character boundary.
pub(super) const MAX_TEXT: usize = 1 << 20;

/// Columns remembered by name; a record whose keys are data (ids as keys) must not fill the memory.
const MAX_COLUMNS: usize = 4096;

/// Where a column's value goes: the fields of [`Field`] in their order, then what readers need themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Slot {
    Key,
    Title,
    Description,
    Caption,
    Brand,
    Bullets,
    Price,
    Url,
    Licence,
    Split,
    Taxonomy,
    Leaf,
    Image,
    Width,
    Height,
    Status,
    Wnid,
    ClassIndex,
    Attributes,
}

const SLOTS: usize = Slot::Attributes as usize + 1;

impl Slot {
    const fn of(field: Field) -> Self {
        match field {
            Field::Key => Self::Key,
            Field::Title => Self::Title,
            Field::Description => Self::Description,
            Field::Caption => Self::Caption,
            Field::Brand => Self::Brand,
            Field::Bullets => Self::Bullets,
            Field::Price => Self::Price,
            Field::Url => Self::Url,
            Field::Licence => Self::Licence,
            Field::Split => Self::Split,
            Field::Taxonomy => Self::Taxonomy,
            Field::Leaf => Self::Leaf,
            Field::Image => Self::Image,
        }
    }
}

/// A value on its way from a column to a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(Cow<'a, str>),
    List(Vec<String>),
    Object(Box<Attributes>),
}

/// What an object (or a JSON text) of further attributes may tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub wnid: Option<String>,
    pub class_index: Option<u32>,
    pub split: Option<String>,
}

impl Cell<'_> {
    /// The value as text, `None` for null; lists and objects are no text.
    fn text(&self) -> Result<Option<Cow<'_, str>>, ()> {
        Ok(Some(match self {
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Uint(value) => Cow::Owned(value.to_string()),
            Self::Float(value) if value.is_finite() => Cow::Owned(value.to_string()),
            Self::Null | Self::Float(_) => return Ok(None),
            Self::Text(text) => Cow::Borrowed(text),
            Self::List(_) | Self::Object(_) => return Err(()),
        }))
    }

    fn number(&self) -> Option<u32> {
        match self {
            Self::Int(value) => u32::try_from(*value).ok(),
            Self::Uint(value) => u32::try_from(*value).ok(),
            // Pandas writes integers with gaps as floats.
            Self::Float(value) if *value >= 0.0 && *value <= f64::from(u32::MAX) && value.fract() == 0.0 => {
                Some(*value as u32)
            }
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

/// One row or record, as far as it was asked for.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub fields: Fields,
    pub key: Option<String>,
    pub image: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub status: Option<String>,
    rank: [u8; SLOTS],
}

impl Default for Record {
    fn default() -> Self {
        Self {
            fields: Fields::default(),
            key: None,
            image: None,
            width: None,
            height: None,
            status: None,
            rank: [u8::MAX; SLOTS],
        }
    }
}

impl Record {
    /// Fills what follows from other fields: the leaf from the end of the taxonomy.
    pub(super) fn complete(&mut self) {
        if self.fields.leaf.is_none() {
            self.fields.leaf = self.fields.taxonomy.last().cloned();
        }
    }
}

/// A column that a reader met. `index` is what [`Mapper::put`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ColumnRef(u16);

/// The column that nobody wants.
const IGNORED: ColumnRef = ColumnRef(0);

#[derive(Clone, Debug, Default)]
struct Column {
    name: String,
    roles: Vec<(Slot, u8)>,
}

/// Knows the columns of one scan and what they are.
#[derive(Debug)]
pub(super) struct Mapper {
    map: FieldMap,
    by_name: FxHashMap<String, ColumnRef>,
    columns: Vec<Column>,
    wrong_type: u32,
    pending: Vec<Warning>,
}

impl Mapper {
    pub(super) fn new(map: &FieldMap) -> Self {
        Self {
            map: map.clone(),
            by_name: FxHashMap::default(),
            columns: vec![Column::default()],
            wrong_type: 0,
            pending: Vec::new(),
        }
    }

    /// The column of that name; [`wanted`](Self::wanted) says whether anybody needs its values.
    pub(super) fn column(&mut self, name: &str) -> ColumnRef {
        if let Some(column) = self.by_name.get(name) {
            return *column;
        }
        let roles = self.roles(name);
        if self.columns.len() >= MAX_COLUMNS {
            return IGNORED;
        }
        let column = if roles.is_empty() {
            IGNORED
        } else {
            self.columns.push(Column { name: name.to_owned(), roles });
            ColumnRef((self.columns.len() - 1) as u16)
        };
        if self.by_name.len() < MAX_COLUMNS {
            self.by_name.insert(name.to_owned(), column);
        }
        column
    }

    fn roles(&self, name: &str) -> Vec<(Slot, u8)> {
        let mut roles: Vec<_> =
            self.map.0.iter().filter(|(_, column)| *column == name).map(|(field, _)| (Slot::of(*field), 0)).collect();
        if let Some((slot, rank)) = guess(name)
            && !self.map.0.keys().any(|field| Slot::of(*field) == slot)
        {
            roles.push((slot, rank));
        }
        roles
    }

    /// True where the column's values go somewhere.
    pub(super) fn wanted(column: ColumnRef) -> bool {
        column != IGNORED
    }

    /// True where one of the column's roles is `slot`.
    pub(super) fn has_role(&self, column: ColumnRef, slot: Slot) -> bool {
        self.rank(column, slot).is_some()
    }

    /// The column's rank among those for `slot`.
    pub(super) fn rank(&self, column: ColumnRef, slot: Slot) -> Option<u8> {
        self.columns[column.0 as usize].roles.iter().find(|role| role.0 == slot).map(|role| role.1)
    }

    /// The column that the user mapped to `field`.
    pub(super) fn mapped(&self, field: Field) -> Option<&str> {
        self.map.0.get(&field).map(String::as_str)
    }

    /// Puts a value into the record wherever the column's roles say.
    pub(super) fn put(&mut self, record: &mut Record, column: ColumnRef, cell: &Cell<'_>) {
        if *cell == Cell::Null {
            return;
        }
        for at in 0..self.columns[column.0 as usize].roles.len() {
            let (slot, rank) = self.columns[column.0 as usize].roles[at];
            if record.rank[slot as usize] <= rank {
                continue;
            }
            match self.put_slot(record, column, slot, cell) {
                Ok(true) => record.rank[slot as usize] = rank,
                Ok(false) => {}
                Err(()) => self.warn_type(column, slot),
            }
        }
    }

    /// `Ok(false)`: the value says nothing. `Err`: its type does not fit.
    fn put_slot(&mut self, record: &mut Record, column: ColumnRef, slot: Slot, cell: &Cell<'_>) -> Result<bool, ()> {
        let fields = &mut record.fields;
        match slot {
            Slot::Caption => {
                // Several captions: the first is the caption, all of them are the bullets.
                if let Cell::List(list) = cell {
                    let Some(first) = list.first() else { return Ok(false) };
                    fields.caption = Some(self.cut(column, first));
                    if list.len() > 1 && fields.bullets.is_empty() {
                        fields.bullets = list.iter().map(|text| self.cut(column, text)).collect();
                    }
                    return Ok(true);
                }
                self.text_into(column, cell, &mut fields.caption)
            }
            Slot::Title => self.text_into(column, cell, &mut fields.title),
            Slot::Description => {
                if let Cell::List(list) = cell {
                    // Some shops keep paragraphs as a list.
                    if list.is_empty() {
                        return Ok(false);
                    }
                    fields.description = Some(self.cut(column, &list.join("\n")));
                    return Ok(true);
                }
                self.text_into(column, cell, &mut fields.description)
            }
            Slot::Brand => self.text_into(column, cell, &mut fields.brand),
            Slot::Price => self.text_into(column, cell, &mut fields.price),
            Slot::Licence => self.text_into(column, cell, &mut fields.licence),
            Slot::Split => self.text_into(column, cell, &mut fields.split),
            Slot::Leaf => {
                if let Cell::List(list) = cell {
                    let Some(last) = list.last() else { return Ok(false) };
                    fields.leaf = Some(self.cut(column, last));
                    return Ok(true);
                }
                match cell {
                    Cell::Text(text) if text.is_empty() => Ok(false),
                    // A number is the index of a class, not its name, unless the user said so.
                    Cell::Int(_) | Cell::Uint(_) if self.mapped(Field::Leaf).is_none() => {
                        if record.rank[Slot::ClassIndex as usize] == u8::MAX {
                            fields.class_index = cell.number();
                        }
                        Ok(false)
                    }
                    _ => self.text_into(column, cell, &mut fields.leaf),
                }
            }
            Slot::Url => {
                if let Cell::List(list) = cell {
                    fields.url = list.iter().find(|text| !text.is_empty()).map(|text| self.cut(column, text));
                    return Ok(fields.url.is_some());
                }
                match cell.text()? {
                    Some(text) if !text.is_empty() => {
                        fields.url = Some(self.cut(column, &text));
                        Ok(true)
                    }
                    _ => Ok(false),
                }
            }
            Slot::Key => match cell.text()? {
                Some(text) if !text.is_empty() => {
                    record.key = Some(self.cut(column, &text));
                    Ok(true)
                }
                _ => Ok(false),
            },
            Slot::Image => match cell.text() {
                Ok(Some(text)) if !text.is_empty() => {
                    record.image = Some(self.cut(column, &text));
                    Ok(true)
                }
                // An image column may be anything in a table of captions; it is only wanted as a path here.
                _ => Ok(false),
            },
            Slot::Status => self.text_into(column, cell, &mut record.status),
            Slot::Bullets => {
                let bullets: Vec<String> = match cell {
                    Cell::List(list) => list.iter().map(|text| self.cut(column, text)).collect(),
                    Cell::Text(text) => match list_in_text(text) {
                        Some(list) => list,
                        None => text
                            .lines()
                            .map(str::trim)
                            .filter(|line| !line.is_empty())
                            .map(|line| self.cut(column, line))
                            .collect(),
                    },
                    _ => return Err(()),
                };
                let found = !bullets.is_empty();
                if found {
                    fields.bullets = bullets;
                }
                Ok(found)
            }
            Slot::Taxonomy => {
                let path = match cell {
                    // A path written as one text; names may hold a slash.
                    Cell::List(list) if list.len() == 1 && list[0].contains(" > ") => {
                        split_path(&self.cut(column, &list[0]))
                    }
                    Cell::List(list) => list
                        .iter()
                        .filter(|name| !name.trim().is_empty())
                        .map(|name| self.cut(column, name.trim()))
                        .collect(),
                    Cell::Text(text) => split_path(&self.cut(column, text)),
                    Cell::Int(value) => vec![value.to_string()],
                    Cell::Uint(value) => vec![value.to_string()],
                    _ => return Err(()),
                };
                let found = !path.is_empty();
                if found {
                    fields.taxonomy = path;
                }
                Ok(found)
            }
            Slot::Width => number_into(cell, &mut record.width),
            Slot::Height => number_into(cell, &mut record.height),
            Slot::ClassIndex => number_into(cell, &mut fields.class_index),
            Slot::Wnid => match cell {
                Cell::Text(text) if is_wnid(text) => {
                    fields.wnid = Some(text.clone().into_owned());
                    Ok(true)
                }
                _ => Ok(false),
            },
            Slot::Attributes => {
                let parsed;
                let attributes = match cell {
                    Cell::Object(attributes) => attributes.as_ref(),
                    // A substring search costs a tenth of a parse, and most records have none of the three.
                    Cell::Text(text)
                        if text.contains("wnid") || text.contains("split") || text.contains("class_index") =>
                    {
                        match serde_json::from_str::<AttributesJson>(text) {
                            Ok(attributes) => {
                                parsed = attributes.0;
                                &parsed
                            }
                            Err(_) => return Ok(false),
                        }
                    }
                    _ => return Ok(false),
                };
                // A column of its own says it better (and stands in the rank table).
                if record.rank[Slot::Wnid as usize] == u8::MAX && attributes.wnid.is_some() {
                    fields.wnid.clone_from(&attributes.wnid);
                }
                if record.rank[Slot::ClassIndex as usize] == u8::MAX && attributes.class_index.is_some() {
                    fields.class_index = attributes.class_index;
                }
                if record.rank[Slot::Split as usize] == u8::MAX && attributes.split.is_some() {
                    fields.split.clone_from(&attributes.split);
                }
                Ok(true)
            }
        }
    }

    fn text_into(&mut self, column: ColumnRef, cell: &Cell<'_>, target: &mut Option<String>) -> Result<bool, ()> {
        // A list of one is how some tools write a scalar.
        if let Cell::List(list) = cell {
            let [only] = list.as_slice() else { return if list.is_empty() { Ok(false) } else { Err(()) } };
            *target = Some(self.cut(column, only));
            return Ok(true);
        }
        match cell.text()? {
            Some(text) => {
                *target = Some(self.cut(column, &text));
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// The text, cut at [`MAX_TEXT`] bytes with a warning.
    fn cut(&mut self, column: ColumnRef, text: &str) -> String {
        if text.len() <= MAX_TEXT {
            return text.to_owned();
        }
        let name = &self.columns[column.0 as usize].name;
        self.pending.push(Warning::new(
            WarningKind::ValueCut,
            format!("the value of \"{name}\" has {} bytes; its first {MAX_TEXT} are kept", text.len()),
        ));
        cut_text(text).to_owned()
    }

    fn warn_type(&mut self, column: ColumnRef, slot: Slot) {
        let bit = 1 << slot as u32;
        if self.wrong_type & bit == 0 {
            self.wrong_type |= bit;
            let name = &self.columns[column.0 as usize].name;
            self.pending.push(Warning::new(
                WarningKind::MetadataUnreadable,
                format!("\"{name}\" holds a value whose type does not fit {slot:?}; such values are left out"),
            ));
        }
    }

    /// The warnings since the last call.
    pub(super) fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.pending)
    }
}

fn number_into(cell: &Cell<'_>, target: &mut Option<u32>) -> Result<bool, ()> {
    *target = Some(cell.number().ok_or(())?);
    Ok(true)
}

/// The longest start of `text` of at most [`MAX_TEXT`] bytes.
pub(super) fn cut_text(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

/// True for `n` and eight digits.
pub(super) fn is_wnid(text: &str) -> bool {
    text.len() == 9 && text.starts_with('n') && text.bytes().skip(1).all(|byte| byte.is_ascii_digit())
}
