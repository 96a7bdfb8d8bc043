//! COCO's caption annotations: one JSON document with `images` and `annotations`.
//!
//! A sample is one caption (COCO counts captions, five an image); its key is `IMAGE_CAPTION`, both ids. Pictures
//! are linked where they lie beside the file; otherwise a sample is its text.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::fields::cut_text;
use super::gz::{Packing, open_stream, packing};
use super::mapped::open_file;
use super::parquet::base_dir;
use super::report::Reporter;
use super::source::{Fields, FormatError, RawRecord, RawSample, ReadOptions, Shard, Sink};
use crate::base::{Warning, WarningKind};

/// Largest document read; it is held in memory while it is parsed.
const MAX_DOCUMENT: u64 = 1 << 30;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    images: Vec<Image<'a>>,
    #[serde(borrow, default)]
    annotations: Vec<Annotation<'a>>,
    #[serde(default)]
    licenses: Vec<Licence>,
}

#[derive(Deserialize)]
struct Image<'a> {
    id: u64,
    #[serde(borrow, default)]
    file_name: Cow<'a, str>,
    #[serde(borrow, default)]
    coco_url: Cow<'a, str>,
    #[serde(borrow, default)]
    flickr_url: Cow<'a, str>,
    license: Option<u64>,
    width: Option<u32>,
    height: Option<u32>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    id: u64,
    image_id: u64,
    #[serde(borrow, default)]
    caption: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Licence {
    id: u64,
    #[serde(default)]
    name: String,
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
    let text = read(&shard.path)?;
    let document: Document<'_> = serde_json::from_slice(&text).map_err(|error| {
        FormatError::corrupt(&shard.path, format!("this is not a readable COCO document ({error})"))
    })?;
    let mut report = Reporter::new(shard, sink);
    let base = base_dir(root);
    let images: FxHashMap<u64, &Image<'_>> = document.images.iter().map(|image| (image.id, image)).collect();
    let mut unknown = 0_u64;
    for annotation in &document.annotations {
        opts.cancel.check()?;
        let key = format!("{}_{}", annotation.image_id, annotation.id);
        let image = images.get(&annotation.image_id);
        unknown += u64::from(image.is_none());
        let caption = annotation.caption.as_deref().map(|caption| {
            let kept = cut_text(caption);
            if kept.len() < caption.len() {
                let message = format!("the caption has {} bytes; its first {} are kept", caption.len(), kept.len());
                report.warn(Warning::new(WarningKind::ValueCut, message).key(&key));
            }
            kept.to_owned()
        });
        let url = image.map(|image| if image.coco_url.is_empty() { &image.flickr_url } else { &image.coco_url });
        let licence = image
            .and_then(|image| image.license)
            .and_then(|id| document.licenses.iter().find(|licence| licence.id == id));
        let fields = Fields {
            caption,
            url: url.filter(|url| !url.is_empty()).map(|url| url.clone().into_owned()),
            licence: licence.map(|licence| licence.name.clone()),
            ..Fields::default()
        };
        let entry = image.and_then(|image| super::folder::open_linked(&base, &image.file_name));
        if let Some(entry) = &entry {
            report.image(entry.probe, &key);
        }
        let raw = serde_json::json!({
            "id": annotation.id,
            "image_id": annotation.image_id,
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
    report.finish();
    Ok(())
}

/// The columns that a caption has.
pub(super) fn columns(path: &Path) -> Result<Vec<(String, String)>, FormatError> {
    let text = read(path)?;
    let document: Document<'_> = serde_json::from_slice(&text)
        .map_err(|error| FormatError::corrupt(path, format!("this is not a readable COCO document ({error})")))?;
    let first = document.annotations.first();
    let example = |value: Option<String>| value.unwrap_or_default();
    Ok(vec![
        ("id".to_owned(), example(first.map(|first| first.id.to_string()))),
        ("image_id".to_owned(), example(first.map(|first| first.image_id.to_string()))),
        (
            "caption".to_owned(),
            super::columns::shorten(first.and_then(|first| first.caption.as_deref()).unwrap_or_default()),
        ),
        ("file_name".to_owned(), example(document.images.first().map(|image| image.file_name.clone().into_owned()))),
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
