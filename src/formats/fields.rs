//! Which column is which field: the usual names, the user's overrides, and the conversion of values.
//!
//! A [`Mapper`] lives as long as one scan. Each reader names its columns to it ([`Mapper::column`], cached), skips those
//! without a role and hands in the others as [`Cell`]s ([`Mapper::put`]); they end in a [`Record`].
//! Where several columns could be one field, the name that stands first in the table wins, row by row, among those that
//! are not null. An override (`--map field=column`) switches the guess off for its field.
//!
//! Values of the wrong type are ignored with one warning per field and shard; texts above
//! [`MAX_TEXT`] are cut.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

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

/// Usual names, best first, in normal form ([`normal`]): lower case without `_`, `-`, spaces and dots.
const NAMES: &[(Slot, &[&str])] = &[
    (
        Slot::Key,
        &[
            // An id of the row stands before an id of what the row is about: five captions share one image id.
            "key",
            "uid",
            "uuid",
            "sampleid",
            "exampleid",
            "captionid",
            "annotationid",
            "id",
            "productid",
            "itemid",
            "asin",
            "sku",
            "imageid",
            "photoid",
            "queryid",
        ],
    ),
    (
        Slot::Title,
        &["title", "producttitle", "productname", "productdisplayname", "itemname", "itemtitle", "name", "headline"],
    ),
    (
        Slot::Description,
        &["description", "productdescription", "itemdescription", "longdescription", "desc", "details", "body"],
    ),
    (
        Slot::Caption,
        &[
            "caption",
            "captions",
            "text",
            "alt",
            "alttext",
            "sentence",
            "sentences",
            "toplevelcaption",
            "prompt",
            "captionreferencedescription",
            "query",
        ],
    ),
    (Slot::Brand, &["brand", "productbrand", "brandname", "manufacturer", "maker", "vendor"]),
    (
        Slot::Bullets,
        &[
            "bullets",
            "bulletpoints",
            "bulletpoint",
            "productbulletpoint",
            "productbulletpoints",
            "featurebullets",
            "highlights",
            "aboutproduct",
            "features",
        ],
    ),
    (Slot::Price, &["price", "productprice", "listprice", "saleprice", "actualprice", "retailprice"]),
    (Slot::Url, &["url", "imageurl", "imgurl", "cocourl", "imagelink", "producturl", "link", "href", "flickrurl"]),
    (Slot::Licence, &["license", "licence", "licensename", "licensetype", "licenseid"]),
    (Slot::Split, &["split", "origsplit", "subset", "partition"]),
    (
        Slot::Taxonomy,
        &[
            "taxonomy",
            "taxonomypath",
            "categorypath",
            "categoriespath",
            "categories",
            "breadcrumbs",
            "breadcrumb",
            "categoryhierarchy",
            "productcategorytree",
            "categorytree",
            "googleproductcategory",
            "productcategory",
            "category",
            "producttype",
        ],
    ),
    (
        Slot::Leaf,
        &["leaf", "leafname", "leafcategory", "classname", "categoryname", "labelname", "labeltext", "class", "label"],
    ),
    (
        Slot::Image,
        &[
            "image",
            "img",
            "jpg",
            "png",
            "webp",
            "imagebytes",
            "picture",
            "photo",
            "imagepath",
            "imgpath",
            "filename",
            "filepath",
            "imagefile",
            "path",
        ],
    ),
    (Slot::Width, &["width", "imagewidth", "imgwidth"]),
    (Slot::Height, &["height", "imageheight", "imgheight"]),
    (Slot::Status, &["status"]),
    (Slot::Wnid, &["wnid", "synset", "synsetid"]),
    (Slot::ClassIndex, &["classindex", "classidx", "classid", "labelid", "cls"]),
    (Slot::Attributes, &["attributes", "attrs", "metadata", "meta", "extra"]),
];

/// Lower case, without `_`, `-`, spaces and dots.
fn normal(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

/// Where a column called `name` goes by its name alone, with its rank (0 = the field's best name).
fn guess(name: &str) -> Option<(Slot, u8)> {
    let name = normal(name);
    NAMES.iter().find_map(|(slot, names)| {
        let rank = names.iter().position(|candidate| *candidate == name)?;
        Some((*slot, rank as u8))
    })
}

/// The field that a column called `name` is guessed to be, with its rank (0 = the best name of the field).
pub(super) fn guess_field(name: &str) -> Option<(Field, u8)> {
    let (slot, rank) = guess(name)?;
    Field::ALL.into_iter().find(|field| Slot::of(*field) == slot).map(|field| (field, rank))
}

/// True where a column of this name makes a table a dataset: it holds a text about a picture or product, or a link.
pub(super) fn is_telling(name: &str) -> bool {
    matches!(guess(name), Some((Slot::Title | Slot::Caption | Slot::Description | Slot::Url, _)))
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
            Self::Null => return Ok(None),
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Int(value) => Cow::Owned(value.to_string()),
            Self::Uint(value) => Cow::Owned(value.to_string()),
            Self::Float(value) if value.is_finite() => Cow::Owned(value.to_string()),
            Self::Float(_) => return Ok(None),
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

    /// Reads one JSON object.
    pub(super) fn read_json(&mut self, json: &[u8]) -> Result<Record, String> {
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

/// Splits a category path at the first of ` > `, `|`, `/` that it contains; without any it is one element.
pub(super) fn split_path(text: &str) -> Vec<String> {
    if let Some(list) = list_in_text(text) {
        // Amazon keeps several paths as strings in a list; a list of one path is that path.
        if let [only] = list.as_slice() {
            return split_path(only);
        }
        return list;
    }
    let separator = ['>', '›', '»', '|', '/'].into_iter().find(|separator| text.contains(*separator));
    let trimmed = |part: &str| {
        let part = part.trim();
        (!part.is_empty()).then(|| part.to_owned())
    };
    match separator {
        Some(separator) => text.split(separator).filter_map(trimmed).collect(),
        None => trimmed(text).into_iter().collect(),
    }
}

/// A list written into a text: JSON (`["a","b"]`) or Python (`['a', 'b']`).
fn list_in_text(text: &str) -> Option<Vec<String>> {
    let trimmed = text.trim();
    if !trimmed.starts_with('[') || !trimmed.ends_with(']') {
        return None;
    }
    if let Ok(list) = serde_json::from_str::<Vec<String>>(trimmed) {
        return Some(list);
    }
    let inner = trimmed[1..trimmed.len() - 1].trim();
    let inner = inner.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.split("', '").map(str::to_owned).collect())
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
pub(super) struct CellSeed;

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
struct AttributesJson(Attributes);

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str, map: &[(Field, &str)]) -> (Record, Vec<Warning>) {
        let map = FieldMap(map.iter().map(|(field, column)| (*field, (*column).to_owned())).collect());
        let mut mapper = Mapper::new(&map);
        let record = mapper.read_json(json.as_bytes()).unwrap();
        (record, mapper.take_warnings())
    }

    /// A record as `field=value` words, in the order of `Fields`.
    fn show(record: &Record) -> String {
        let fields = &record.fields;
        let mut words = Vec::new();
        let texts = [
            ("key", &record.key),
            ("title", &fields.title),
            ("description", &fields.description),
            ("caption", &fields.caption),
            ("brand", &fields.brand),
            ("price", &fields.price),
            ("url", &fields.url),
            ("licence", &fields.licence),
            ("split", &fields.split),
            ("leaf", &fields.leaf),
            ("wnid", &fields.wnid),
            ("image", &record.image),
            ("status", &record.status),
        ];
        words.extend(texts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))));
        for (name, list) in [("bullets", &fields.bullets), ("taxonomy", &fields.taxonomy)] {
            if !list.is_empty() {
                words.push(format!("{name}={}", list.join("+")));
            }
        }
        words.extend(fields.class_index.map(|index| format!("class={index}")));
        words.extend(record.width.zip(record.height).map(|(width, height)| format!("{width}x{height}")));
        words.join(" ")
    }

    #[test]
    fn usual_names_and_types_find_their_fields() {
        let check = |json: &str, expect: &str| assert_eq!(show(&read(json, &[]).0), expect, "{json}");
        check(r#"{"title":"a","description":null,"brand":"b"}"#, "title=a brand=b");
        check(
            r#"{"Product_Title":"a","PRODUCT-BRAND":"b","product description":"c"}"#,
            "title=a description=c brand=b",
        );
        check(r#"{"product_title":"worse","title":"better"}"#, "title=better");
        check(r#"{"title":"better","product_title":"worse"}"#, "title=better");
        check(r#"{"title":null,"product_title":"worse"}"#, "title=worse");
        check(r#"{"title":""}"#, "title=");
        check(r#"{"price":12.5,"url":""}"#, "price=12.5");
        check(r#"{"price":3,"license":"CC0","orig_split":"val"}"#, "price=3 licence=CC0 split=val");
        check(r#"{"taxonomy":["A","B"]}"#, "taxonomy=A+B");
        check(r#"{"taxonomy":"A > B"}"#, "taxonomy=A+B");
        check(r#"{"category":"A/B|C"}"#, "taxonomy=A/B+C");
        check(r#"{"category":"A / B"}"#, "taxonomy=A+B");
        check(r#"{"category":"Shoes"}"#, "taxonomy=Shoes");
        check(r#"{"category":"['A', 'B']"}"#, "taxonomy=A+B");
        check(r#"{"categories":[["A","B"],["C"]]}"#, "taxonomy=A+B");
        check(r#"{"categories":["A > B"]}"#, "taxonomy=A+B");
        check(r#"{"categories":["A/B","C"]}"#, "taxonomy=A/B+C");
        check(r#"{"taxonomy":["A/B"]}"#, "taxonomy=A/B");
        check(r#"{"features":[0.5,1.5],"title":[[["deep"]]],"brand":[null]}"#, "");
        check(r#"{"bullet_points":["x","y",null]}"#, "bullets=x+y");
        check(r#"{"product_bullet_point":"x\n\n y "}"#, "bullets=x+y");
        check(r#"{"captions":["first","second"]}"#, "caption=first bullets=first+second");
        check(r#"{"label":7}"#, "class=7");
        check(r#"{"label":"cat"}"#, "leaf=cat");
        check(r#"{"image_id":1,"caption_id":2}"#, "key=2");
        check(r#"{"__key__":"k","id":"i"}"#, "key=k");
        check(r#"{"width":3,"height":4.0,"status":"success"}"#, "status=success 3x4");
        check(
            r#"{"attributes":"{\"wnid\":\"n01440764\",\"class_index\":0,\"orig_split\":\"train\"}"}"#,
            "split=train wnid=n01440764 class=0",
        );
        check(r#"{"metadata":{"wnid":"n01440764","wnids":[1]}}"#, "wnid=n01440764");
        check(r#"{"wnid":"cat"}"#, "");
        check(r#"{"attributes":"{\"wnid\": broken"}"#, "");
        check(r#"{"title":"\u00fc\n","nothing":{"a":[{}]}}"#, "title=ü\n");
        check("\u{feff}{\"title\":\"a\"}", "title=a");
        check(r#"{"title":"NaN","price":NaN,"x":[-Infinity],"y":"\"NaN"}"#, "title=NaN");
    }

    #[test]
    fn columns_of_known_tables_open_sensibly() {
        let check = |columns: &[&str], expect: &[(Field, &str)]| {
            let columns: Vec<_> = columns.iter().map(|name| ((*name).to_owned(), String::new())).collect();
            let expect: Vec<_> = expect.iter().map(|(field, name)| (*field, (*name).to_owned())).collect();
            assert_eq!(super::super::guess_map(&columns).0.into_iter().collect::<Vec<_>>(), expect);
        };
        // ESCI's products and examples, SQID's links, COCO as lines, img2dataset.
        check(
            &[
                "product_id",
                "product_title",
                "product_description",
                "product_bullet_point",
                "product_brand",
                "product_color",
            ],
            &[
                (Field::Key, "product_id"),
                (Field::Title, "product_title"),
                (Field::Description, "product_description"),
                (Field::Brand, "product_brand"),
                (Field::Bullets, "product_bullet_point"),
            ],
        );
        check(
            &["example_id", "query", "query_id", "product_id", "esci_label", "split"],
            &[(Field::Key, "example_id"), (Field::Caption, "query"), (Field::Split, "split")],
        );
        check(&["product_id", "image_url"], &[(Field::Key, "product_id"), (Field::Url, "image_url")]);
        check(
            &["image_id", "caption_id", "caption", "coco_url", "file_name"],
            &[
                (Field::Key, "caption_id"),
                (Field::Caption, "caption"),
                (Field::Url, "coco_url"),
                (Field::Image, "file_name"),
            ],
        );
        check(&["caption", "key", "sha256"], &[(Field::Key, "key"), (Field::Caption, "caption")]);
    }

    #[test]
    fn overrides_win_and_switch_the_guess_off() {
        let check =
            |json: &str, map: &[(Field, &str)], expect: &str| assert_eq!(show(&read(json, map).0), expect, "{json}");
        let json = r#"{"title":"a","text":"b","thing":"c"}"#;
        check(json, &[(Field::Title, "thing")], "title=c caption=b");
        check(json, &[(Field::Caption, "title")], "title=a caption=a");
        check(json, &[(Field::Title, "absent")], "caption=b");
        check(r#"{"label":7}"#, &[(Field::Leaf, "label")], "leaf=7");
    }

    #[test]
    fn wrong_types_are_told_once_for_each_field() {
        let mut mapper = Mapper::new(&FieldMap::default());
        for _ in 0..3 {
            let record =
                mapper.read_json(br#"{"title":{"en":"a"},"brand":["a","b"],"taxonomy":{"a":1},"bullets":3}"#).unwrap();
            assert_eq!(show(&record), "");
        }
        let warnings = mapper.take_warnings();
        assert_eq!(warnings.len(), 4, "{warnings:?}");
        assert!(warnings.iter().all(|warning| warning.kind == WarningKind::MetadataUnreadable));
        assert!(warnings[0].message.contains("\"title\""), "{warnings:?}");
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let text = "ü".repeat(MAX_TEXT / 2) + "end";
        let (record, warnings) = read(&format!(r#"{{"title":"{text}"}}"#), &[]);
        assert_eq!(record.fields.title.unwrap().len(), MAX_TEXT);
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].kind, WarningKind::ValueCut);
        assert_eq!(cut_text(&("a".to_owned() + &"ü".repeat(MAX_TEXT))).len(), MAX_TEXT - 1);
    }

    #[test]
    fn what_is_no_object_is_an_error_and_depth_is_harmless() {
        let mut mapper = Mapper::new(&FieldMap::default());
        for bad in ["", "[1]", "\"a\"", "{", "{\"title\":\"a\"} x", "{\"title\":\"\\ud800\"}", "null"] {
            assert!(mapper.read_json(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(mapper.read_json(b"{\"title\":\"\xff\"}").is_err());
        for name in ["title", "nobody", "attributes"] {
            let deep = format!("{{\"{name}\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
            // An error or a skipped value, never a stack that runs out.
            let _ = mapper.read_json(deep.as_bytes());
            let deep = format!("{{\"{name}\":{}1{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
            let _ = mapper.read_json(deep.as_bytes());
        }
    }

    #[test]
    fn ids_as_keys_do_not_fill_the_memory() {
        let mut mapper = Mapper::new(&FieldMap::default());
        let json =
            format!("{{{}\"title\":\"a\"}}", (0..20_000).map(|id| format!("\"id{id}x\":1,")).collect::<String>());
        assert_eq!(show(&mapper.read_json(json.as_bytes()).unwrap()), "title=a");
        assert!(mapper.by_name.len() <= MAX_COLUMNS);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_records_or_errors(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Mapper::new(&FieldMap::default()).read_json(&bytes);
        }

        #[test]
        fn any_text_comes_back(text in ".*") {
            let json = serde_json::json!({ "title": text }).to_string();
            prop_assert_eq!(read(&json, &[]).0.fields.title, Some(text));
        }

        #[test]
        fn any_path_splits_into_trimmed_parts(text in "[^\\[]*") {
            for part in split_path(&text) {
                prop_assert!(!part.is_empty() && part.trim() == part);
            }
        }
    }
}
