//! COCO's caption annotations: one JSON document with `images` and `annotations`.
//!
//! A sample is one caption (COCO counts captions, five an image); its key is `IMAGE_CAPTION`, both ids. Pictures
//! are linked where they lie beside the file; otherwise a sample is its text. An entry that cannot be used costs itself, and
//! a document that is cut short or damaged keeps what stands before.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

use rustc_hash::FxHashMap;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::fields::cut_text;
use super::gz::{Packing, open_stream, packing};
use super::mapped::open_file;
use super::parquet::base_dir;
use super::report::Reporter;
use super::source::{Fields, FormatError, RawRecord, RawSample, ReadOptions, Shard, Sink};
use crate::base::{Warning, WarningKind};

/// Largest document read; it is held in memory while it is parsed.
const MAX_DOCUMENT: u64 = 1 << 30;

/// What was read of a document, in the order in which it stands there.
#[derive(Default)]
struct Document {
    /// By id, as text: some tools write numbers, some texts.
    images: FxHashMap<String, Image>,
    annotations: Vec<Annotation>,
    licences: FxHashMap<String, String>,
    first_file: Option<String>,
    /// Why annotations were left out.
    odd: Vec<String>,
    /// Images without an id, which no annotation can belong to.
    nameless: u64,
}

struct Image {
    file_name: String,
    url: Option<String>,
    licence: Option<String>,
    width: Option<u64>,
    height: Option<u64>,
}

struct Annotation {
    id: String,
    image_id: String,
    caption: Option<String>,
}

/// An id as text.
fn id(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Document {
    fn image(&mut self, value: &Value) {
        let Some(id) = id(value.get("id")) else {
            self.nameless += 1;
            return;
        };
        let image = Image {
            file_name: text(value, "file_name").unwrap_or_default(),
            url: text(value, "coco_url").or_else(|| text(value, "flickr_url")),
            licence: self::id(value.get("license")),
            width: value.get("width").and_then(Value::as_u64),
            height: value.get("height").and_then(Value::as_u64),
        };
        self.first_file.get_or_insert_with(|| image.file_name.clone());
        self.images.insert(id, image);
    }

    fn annotation(&mut self, at: usize, value: &mut Value) {
        let Some(image_id) = id(value.get("image_id")) else {
            self.odd.push(format!("annotation {at} names no image and is left out"));
            return;
        };
        let caption = match value.get_mut("caption").map(Value::take) {
            None | Some(Value::Null) => None,
            Some(Value::String(caption)) => Some(caption),
            Some(_) => {
                self.odd.push(format!("annotation {at} has a caption that is no text and is left out"));
                return;
            }
        };
        let id = id(value.get("id")).unwrap_or_else(|| format!("#{at}"));
        self.annotations.push(Annotation { id, image_id, caption });
    }

    fn licence(&mut self, value: &Value) {
        if let (Some(id), Some(name)) = (id(value.get("id")), text(value, "name")) {
            self.licences.insert(id, name);
        }
    }

    /// Reads a document as far as it can be read; the error is what ended it early.
    fn parse(json: &[u8]) -> (Self, Option<serde_json::Error>) {
        let mut document = Self::default();
        let mut deserializer = serde_json::Deserializer::from_slice(json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json));
        let read = DocumentSeed(&mut document).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        (document, read.err())
    }
}

/// Reads the document entry by entry, so that damage costs what follows it and nothing before.
struct DocumentSeed<'d>(&'d mut Document);

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let document = &mut *self.0;
            match name.as_ref() {
                "images" => map.next_value_seed(Entries(&mut |_, value| document.image(value)))?,
                "annotations" => map.next_value_seed(Entries(&mut |at, value| document.annotation(at, value)))?,
                "licenses" => map.next_value_seed(Entries(&mut |_, value| document.licence(value)))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Hands out the entries of a list with their places; what is no list has none.
struct Entries<'f>(&'f mut dyn FnMut(usize, &mut Value));

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(mut value) = seq.next_element::<Value>()? {
            (self.0)(at, &mut value);
            at += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// A document, with what ended it early; an error where nothing of it can be used.
fn open(path: &Path) -> Result<(Document, Option<Warning>), FormatError> {
    let text = read(path)?;
    let (document, error) = Document::parse(&text);
    let Some(error) = error else { return Ok((document, None)) };
    if document.annotations.is_empty() {
        return Err(FormatError::corrupt(path, format!("this is not a readable COCO document ({error})")));
    }
    let kind = if error.is_eof() { WarningKind::ShardTruncated } else { WarningKind::ShardCorrupt };
    let warning = Warning::new(kind, format!("the document is damaged ({error}); the captions before that are kept"));
    Ok((document, Some(warning)))
}

fn read(path: &Path) -> Result<Vec<u8>, FormatError> {
    let mut text = Vec::new();
    open_stream(path)?.take(MAX_DOCUMENT + 1).read_to_end(&mut text).map_err(|error| FormatError::io(path, error))?;
    if text.len() as u64 > MAX_DOCUMENT {
        return Err(FormatError::corrupt(path, "the document is larger than 1 GiB; convert it to JSON lines"));
    }
    Ok(text)
}

/// Reads a document from start to end.
pub(super) fn scan(root: &Path, shard: &Shard, opts: &ReadOptions, sink: &mut dyn Sink) -> Result<(), FormatError> {
    let (document, damage) = open(&shard.path)?;
    let mut report = Reporter::new(shard, sink);
    report.warn_all(document.odd.iter().map(|odd| Warning::new(WarningKind::MetadataUnreadable, odd)));
    if document.nameless > 0 {
        let message = format!("{} images of the document have no id and are left out", document.nameless);
        report.warn(Warning::new(WarningKind::MetadataUnreadable, message));
    }
    let base = base_dir(root);
    let mut unknown = 0_u64;
    for annotation in document.annotations {
        opts.cancel.check()?;
        let key = format!("{}_{}", annotation.image_id, annotation.id);
        let image = document.images.get(&annotation.image_id);
        unknown += u64::from(image.is_none());
        let caption = annotation.caption.map(|mut caption| {
            let kept = cut_text(&caption).len();
            if kept < caption.len() {
                let message = format!("the caption has {} bytes; its first {kept} are kept", caption.len());
                report.warn(Warning::new(WarningKind::ValueCut, message).key(&key));
                caption.truncate(kept);
            }
            caption
        });
        let licence = image.and_then(|image| image.licence.as_ref()).and_then(|id| document.licences.get(id));
        let fields = Fields {
            caption,
            url: image.and_then(|image| image.url.clone()),
            licence: licence.cloned(),
            ..Fields::default()
        };
        let entry = image.and_then(|image| super::folder::open_linked(&base, &image.file_name));
        if let Some(entry) = &entry {
            report.image(entry.probe, &key);
        }
        // Ids are texts here; those that were numbers are written as such again.
        let id = |text: &str| text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from);
        let raw = serde_json::json!({
            "id": id(&annotation.id),
            "image_id": id(&annotation.image_id),
            "caption": fields.caption,
            "file_name": image.map(|image| &image.file_name),
            "width": image.and_then(|image| image.width),
            "height": image.and_then(|image| image.height),
        });
        report.sample(RawSample { key, fields, image: entry, raw: RawRecord::Inline(raw.to_string()) })?;
    }
    if unknown > 0 {
        let message =
            format!("{unknown} captions belong to images that the document does not list; they are kept as texts");
        report.warn(Warning::new(WarningKind::MetadataUnreadable, message));
    }
    report.warn_all(damage);
    report.finish();
    Ok(())
}

/// The columns that a caption has.
pub(super) fn columns(path: &Path) -> Result<Vec<(String, String)>, FormatError> {
    let (document, _) = open(path)?;
    let first = document.annotations.first();
    let example = |value: Option<&String>| value.cloned().unwrap_or_default();
    Ok(vec![
        ("id".to_owned(), example(first.map(|first| &first.id))),
        ("image_id".to_owned(), example(first.map(|first| &first.image_id))),
        (
            "caption".to_owned(),
            super::columns::shorten(first.and_then(|first| first.caption.as_deref()).unwrap_or_default()),
        ),
        ("file_name".to_owned(), document.first_file.unwrap_or_default()),
    ])
}

/// True if a `.json` holds COCO captions, by its first and last bytes; the whole of a compressed one is looked through.
pub(super) fn is_document(path: &Path) -> bool {
    let compressed = packing(path).is_ok_and(|packing| packing != Packing::None);
    let (Ok(mut stream), window) = (open_stream(path), 1_u64 << 16) else { return false };
    let mut head = Vec::new();
    if stream.by_ref().take(window).read_to_end(&mut head).is_err() || head.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    let has = |text: &[u8], word: &str| memchr::memmem::find(text, word.as_bytes()).is_some();
    if !(has(&head, "\"images\"") || has(&head, "\"annotations\"")) {
        return false;
    }
    if has(&head, "\"caption\"") {
        return true;
    }
    if !compressed {
        return tail(path, window).is_ok_and(|tail| has(&tail, "\"caption\""));
    }
    // A word may lie across two windows, so the end of one is looked at again with the next.
    let mut buffer = head;
    loop {
        buffer.drain(..buffer.len().saturating_sub(16));
        match stream.by_ref().take(window).read_to_end(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(_) if has(&buffer, "\"caption\"") => return true,
            Ok(_) => {}
        }
    }
}

fn tail(path: &Path, length: u64) -> std::io::Result<Vec<u8>> {
    use std::io::{Seek as _, SeekFrom};
    let mut file = open_file(path).map_err(std::io::Error::other)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(length)))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}
