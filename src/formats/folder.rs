//! Images in folders. A shard is one folder; a sample is one image file in it.
//!
//! The folders below the root are the taxonomy, the innermost the leaf; a folder named `train`, `val` or the like directly
//! below the root is the split instead. In ImageNet's layout the innermost folder is a wnid and the taxonomy is WordNet's.
//! A `metadata.csv`, `metadata.jsonl` or `metadata.parquet` in the root or in the image's folder says more by
//! `file_name` (Hugging Face's `ImageFolder`; names are relative to the metadata's own folder), and so do a `.txt` or `.json` with
//! the image's name beside it (what img2dataset writes as files).

use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::captions::each_record;
use super::detect::{is_hidden, is_image_name, split_word};
use super::fields::{Mapper, Record, cut_text};
use super::image::probe;
use super::mapped::{self, MappedFile};
use super::natural::natural_cmp;
use super::parquet::{self, Table};
use super::report::Reporter;
use super::source::{Field, Format, FormatError, ImageEntry, Location, RawRecord, RawSample, ReadOptions, Shard, Sink};
use super::wordnet;
use crate::base::{Warning, WarningKind};

/// Files up to this size are read, larger ones are mapped so that only the pages that the probe looks at are touched.
const READ_WHOLE: u64 = 256 << 10;

/// The metadata files of Hugging Face's `ImageFolder`.
pub(super) const METADATA_NAMES: [&str; 3] = ["metadata.csv", "metadata.jsonl", "metadata.parquet"];

/// The metadata files that say something about the images in `dir`: its own, and the root's.
pub(super) fn metadata_files(root: &Path, dir: &Path) -> Vec<PathBuf> {
    let mut dirs = vec![dir];
    if dir != root {
        dirs.push(root);
    }
    dirs.iter().flat_map(|dir| METADATA_NAMES.iter().map(|name| dir.join(name))).filter(|path| path.is_file()).collect()
}

/// Reads the images of a folder.
pub(super) fn scan(
    root: &Path,
    format: Format,
    shard: &Shard,
    opts: &ReadOptions,
    sink: &mut dyn Sink,
) -> Result<(), FormatError> {
    let dir = &shard.path;
    let mut report = Reporter::new(shard, sink);
    let mut map = opts.map.clone();
    // In metadata the image is named by `file_name`, whatever else looks like one.
    map.0.entry(Field::Image).or_insert_with(|| "file_name".to_owned());
    let mut mapper = Mapper::new(&map);
    let mut metadata = FxHashMap::default();
    for path in metadata_files(root, dir) {
        if let Err(error) = read_metadata(&path, dir, &mut mapper, &mut metadata, &mut report) {
            let message = format!("the metadata beside the images cannot be read and is left out: {error}");
            report.warn(Warning::new(WarningKind::MetadataUnreadable, message));
        }
    }
    report.warn_all(mapper.take_warnings());
    let below = below_root(root, dir);
    let place = Place::of(format, &below);
    if dir.strip_prefix(root).unwrap_or(dir).to_str().is_none() {
        let message = "the folder's name is not UTF-8; its pictures are left out until it is renamed";
        report.warn(Warning::new(WarningKind::BadName, message).key(below));
        report.finish();
        return Ok(());
    }
    let mut names: Vec<String> = Vec::new();
    let mut texts: FxHashMap<String, PathBuf> = FxHashMap::default();
    for entry in std::fs::read_dir(dir).map_err(|error| FormatError::io(dir, error))? {
        opts.cancel.check()?;
        let Ok(entry) = entry else { continue };
        let file_name = entry.file_name();
        let Some(name) = file_name.to_str() else {
            if is_image_name(&file_name.to_string_lossy()) {
                let message = "the file's name is not UTF-8; it is left out";
                report.warn(Warning::new(WarningKind::BadName, message).key(file_name.to_string_lossy()));
            }
            continue;
        };
        // A pipe or a device under the name of a picture is no picture, and opening it might wait for ever.
        let is_file = entry.file_type().is_ok_and(|kind| {
            kind.is_file() || kind.is_symlink() && std::fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file())
        });
        if is_hidden(name) || !is_file {
            continue;
        }
        if is_image_name(name) {
            names.push(name.to_owned());
        } else if [".txt", ".caption", ".json"].iter().any(|ending| name.ends_with(ending)) {
            texts.insert(name.to_owned(), entry.path());
        }
    }
    names.sort_by(|a, b| natural_cmp(a, b));
    for name in names {
        opts.cancel.check()?;
        let key = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let image = match probe_file(&dir.join(&name)) {
            Ok((length, probe)) => {
                report.image(probe, &key);
                ImageEntry { at: Location { offset: 0, length, path: Some(key.clone()) }, probe }
            }
            Err(error) => {
                report.warn(Warning::new(WarningKind::ImageUnreadable, error.to_string()).key(&key));
                continue;
            }
        };
        let (record, mut raw) = metadata
            .remove(&name)
            .map_or((None, RawRecord::None), |(record, json)| (Some(record), RawRecord::Inline(json)));
        let mut record: Record = record.unwrap_or_default();
        if !texts.is_empty() {
            beside(&name, &key, &texts, &mut mapper, &mut record, &mut raw, &mut report);
        }
        place.fill(&mut record);
        record.complete();
        for mut warning in mapper.take_warnings() {
            warning.key = Some(key.clone());
            report.warn(warning);
        }
        report.sample(RawSample { key, fields: record.fields, image: Some(image), raw })?;
    }
    if !metadata.is_empty() {
        let message = format!("{} rows of the metadata name pictures that are not in this folder", metadata.len());
        report.warn(Warning::new(WarningKind::MetadataUnreadable, message));
    }
    report.finish();
    Ok(())
}

/// Reads the `.json` and `.txt` that have the image's name.
fn beside(
    name: &str,
    key: &str,
    texts: &FxHashMap<String, PathBuf>,
    mapper: &mut Mapper,
    record: &mut Record,
    raw: &mut RawRecord,
    report: &mut Reporter<'_>,
) {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if *raw == RawRecord::None
        && let Some(path) = texts.get(&format!("{stem}.json"))
        && let Ok(json) = mapped::read_file(path)
    {
        match mapper.read_json(&json) {
            Ok(read) => {
                *record = read;
                if let Ok(length) = u32::try_from(json.len()) {
                    let path = format!("{}.json", key.rsplit_once('.').map_or(key, |(stem, _)| stem));
                    *raw = RawRecord::At(Location { offset: 0, length, path: Some(path) });
                }
            }
            Err(error) => {
                let message = format!("the .json beside the image cannot be read: {error}");
                report.warn(Warning::new(WarningKind::MetadataUnreadable, message).key(key));
            }
        }
    }
    if record.fields.caption.is_none() {
        let path = texts.get(&format!("{stem}.txt")).or_else(|| texts.get(&format!("{stem}.caption")));
        if let Some(bytes) = path.and_then(|path| mapped::read_file(path).ok()) {
            record.fields.caption = Some(cut_text(&String::from_utf8_lossy(&bytes)).to_owned());
        }
    }
}

/// A folder's path below the root, `/`-separated; empty for the root itself. Bytes that are not UTF-8 are escaped, so that two
/// folders never have one name.
pub(super) fn below_root(root: &Path, dir: &Path) -> String {
    let below = dir.strip_prefix(root).unwrap_or(dir);
    below.components().map(|part| escaped(part.as_os_str().as_encoded_bytes())).collect::<Vec<_>>().join("/")
}

/// A name that may not be UTF-8, with the bytes that are not as `\xNN`.
pub(super) fn escaped(name: &[u8]) -> String {
    name.utf8_chunks().fold(String::new(), |mut text, chunk| {
        use std::fmt::Write as _;
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing into a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
        text
    })
}

/// What the folder says about each image in it.
struct Place {
    split: Option<String>,
    taxonomy: Vec<String>,
    leaf: Option<String>,
    wnid: Option<String>,
    class_index: Option<u32>,
}

impl Place {
    fn of(format: Format, below: &str) -> Self {
        let mut parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
        let split = parts.first().filter(|part| split_word(part)).map(|part| (*part).to_owned());
        if split.is_some() {
            parts.remove(0);
        }
        let mut place = Self { split, taxonomy: Vec::new(), leaf: None, wnid: None, class_index: None };
        if format == Format::Imagenet
            && let Some(wnid) = parts.last()
        {
            place.wnid = Some((*wnid).to_owned());
            place.class_index = wordnet::class_index(wnid);
            match wordnet::synset(wnid) {
                Some(synset) => place.taxonomy = synset.path,
                // A number that WordNet 3.0 does not have is still a class.
                None => place.leaf = Some((*wnid).to_owned()),
            }
        } else {
            place.taxonomy = parts.into_iter().map(str::to_owned).collect();
        }
        place
    }

    fn fill(&self, record: &mut Record) {
        let fields = &mut record.fields;
        if fields.taxonomy.is_empty() {
            fields.taxonomy.clone_from(&self.taxonomy);
        }
        fields.split = fields.split.take().or_else(|| self.split.clone());
        fields.leaf = fields.leaf.take().or_else(|| self.leaf.clone());
        fields.wnid = fields.wnid.take().or_else(|| self.wnid.clone());
        fields.class_index = fields.class_index.or(self.class_index);
    }
}

/// Collects the metadata of the files that lie directly in `dir`, by their names.
fn read_metadata(
    path: &Path,
    dir: &Path,
    mapper: &mut Mapper,
    found: &mut FxHashMap<String, (Record, String)>,
    report: &mut Reporter<'_>,
) -> Result<(), FormatError> {
    let prefix = below_root(path.parent().unwrap_or(dir), dir);
    let mut keep = |record: Record, raw: String| {
        let Some(name) = record.image.as_deref() else { return };
        let name = name.strip_prefix("./").unwrap_or(name);
        let (folder, base) = name.rsplit_once('/').unwrap_or(("", name));
        if folder == prefix {
            found.entry(base.to_owned()).or_insert((record, raw));
        }
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(".parquet") {
        let table = Table::open(path)?;
        return parquet::each_row(&table, mapper, keep).map_err(|error| FormatError::corrupt(path, error));
    }
    let format = if name.ends_with(".csv") { Format::Csv } else { Format::Jsonl };
    each_record(path, format, mapper, &mut |_, _, read| {
        match read {
            Ok((record, raw)) => keep(record, raw),
            Err(message) => report.warn(Warning::new(WarningKind::MetadataUnreadable, message)),
        }
        Ok(())
    })
}

/// What an image file's header says, with the file's length.
fn probe_file(path: &Path) -> Result<(u32, super::image::Probe), FormatError> {
    let meta = std::fs::metadata(path).map_err(|error| FormatError::io(path, error))?;
    if !meta.is_file() {
        return Err(FormatError::io(path, mapped::no_file(&meta)));
    }
    let length = meta.len();
    let short = u32::try_from(length).map_err(|_| FormatError::corrupt(path, "the file is larger than 4 GiB"))?;
    if length <= READ_WHOLE {
        let bytes = mapped::read_file(path)?;
        return Ok((short, probe(&bytes)));
    }
    let file = MappedFile::open(path)?;
    file.check()?;
    Ok((short, probe(file.bytes())))
}

/// The picture that a table names by a path relative to `base`; `None` for links, absent files and paths that lead out.
pub(super) fn open_linked(base: &Path, path: &str) -> Option<ImageEntry> {
    let path = path.strip_prefix("./").unwrap_or(path);
    if path.is_empty() || path.contains("://") || !is_image_name(path) || leads_out(path) {
        return None;
    }
    let (length, probe) = probe_file(&base.join(path)).ok()?;
    Some(ImageEntry { at: Location { offset: 0, length, path: Some(path.to_owned()) }, probe })
}

fn leads_out(path: &str) -> bool {
    Path::new(path)
        .components()
        .any(|part| !matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir))
}

/// Reads a file below `base`; `length` is what it had when it was indexed (0: not known).
pub(super) fn read_file(base: &Path, path: &str, length: u32) -> Result<Vec<u8>, FormatError> {
    let full = base.join(path);
    if leads_out(path) {
        return Err(FormatError::corrupt(full, "the path leads out of the dataset's folder"));
    }
    let bytes = mapped::read_file(&full)?;
    if length != 0 && bytes.len() as u64 != u64::from(length) {
        return Err(FormatError::Changed(full));
    }
    Ok(bytes)
}

/// The columns of the metadata beside the images, for the open dialog.
pub(super) fn columns(root: &Path, shard: &Shard) -> Result<Vec<(String, String)>, FormatError> {
    let mut columns = Vec::new();
    for path in metadata_files(root, &shard.path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        columns.extend(match name.rsplit('.').next() {
            Some("parquet") => parquet::columns(&path)?,
            Some("csv") => super::captions::columns(&path, Format::Csv)?,
            _ => super::captions::columns(&path, Format::Jsonl)?,
        });
    }
    Ok(columns)
}
