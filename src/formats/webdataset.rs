//! WebDataset tar shards, with what img2dataset lays beside them.
//!
//! A member's name is split at the first dot of its base name into key and extension (`a/1.seg.png` -> `a/1`, `seg.png`);
//! neighbours with one key are one sample. Members of the archive's root named `__x__`, hidden files and names without
//! a dot are no data, as in WebDataset. Where the members of a key do not stand together, WebDataset would make several
//! samples of them; here they are put together where the key first stands, and a warning tells. If such a late member has
//! an extension that the sample has already, it is a second sample with the same key: the first stays, the late ones are dropped.
//!
//! A first pass over the headers finds the keys that stand apart, the second hands out the samples, so that
//! memory holds one number a sample. The image of a sample is its first member with an image's extension (`.jpg` before
//! `.seg.png`), else the first whose bytes begin as an image's do.
//!
//! `SHARD.parquet` tells which rows were not downloaded and stands in for missing `.json` members; `SHARD_stats.json` is
//! compared with what was found. A DALI index (`SHARD.idx`) is checked against the headers: the walk needs no index.

use std::collections::hash_map::Entry;
use std::hash::BuildHasher;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::fields::{Mapper, Record, cut_text};
use super::image::{Codec, probe};
use super::mapped::MappedFile;
use super::report::Reporter;
use super::source::{Field, FormatError, ImageEntry, Location, RawRecord, RawSample, ReadOptions, Shard, Sink};
use super::tar::{Event, Member, Walk};
use super::{gz, sidecar};
use crate::base::{Warning, WarningKind};

/// Members between two looks at the file's length.
const CHECK_EVERY: usize = 16;

/// Extensions of images, as the last part of a member's extension.
const IMAGE_EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "bmp"];

/// Extensions of texts paired with the image.
const TEXT_EXTENSIONS: [&str; 3] = ["txt", "caption", "text"];

/// The tar to map for a shard: the shard itself, or the uncompressed copy of a compressed one.
pub(super) fn tar_path(shard: &Shard, opts: &ReadOptions, warnings: &mut Vec<Warning>) -> Result<PathBuf, FormatError> {
    if is_compressed(&shard.path) { gz::uncompressed_copy(shard, opts, warnings) } else { Ok(shard.path.clone()) }
}

/// True for `.tar.gz` and `.tgz`.
pub(super) fn is_compressed(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.ends_with(".gz") || name.ends_with(".tgz")
}

/// A member that belongs to a sample.
#[derive(Clone, Debug)]
struct Part {
    extension: String,
    offset: usize,
    length: usize,
}

/// Reads a shard from start to end.
pub(super) fn scan(shard: &Shard, opts: &ReadOptions, sink: &mut dyn Sink) -> Result<(), FormatError> {
    let mut report = Reporter::new(shard, sink);
    let mut warnings = Vec::new();
    let path = tar_path(shard, opts, &mut warnings);
    for warning in warnings {
        report.warn(warning);
    }
    let file = MappedFile::open(&path?)?;
    file.check()?;
    let bytes = file.bytes();
    let mut scan = Scan {
        bytes,
        mapper: Mapper::new(&opts.map),
        report,
        beside: sidecar::Beside::open(&shard.path),
        late: find_late(&file, opts)?,
        emitted: 0,
        first_parts: sidecar::IndexCheck::open(&shard.path),
    };
    let mut current: Option<(String, u64, Vec<Part>)> = None;
    for (count, event) in Walk::new(bytes).enumerate() {
        if count % CHECK_EVERY == 0 {
            file.check()?;
            opts.cancel.check()?;
        }
        let member = match event {
            Event::Member(member) => member,
            other => {
                scan.tell(&other);
                continue;
            }
        };
        let Some((key, extension)) = split_name(&member.name) else {
            scan.no_data(&member.name);
            continue;
        };
        let key_hash = hash(key);
        if current.as_ref().is_none_or(|(_, hash, _)| *hash != key_hash) {
            if let Some((key, hash, parts)) = current.take() {
                scan.finish(key, hash, parts)?;
            }
            // Members that were taken at their key's first place.
            if matches!(scan.late.get(&key_hash), Some(Late::Taken)) {
                continue;
            }
            scan.first_parts.sample(member.data.start);
            current = Some((scan.readable_key(key), key_hash, Vec::with_capacity(3)));
        }
        let Some((key, _, parts)) = &mut current else { continue };
        let part = Part { extension: extension_text(extension), offset: member.data.start, length: member.data.len() };
        if parts.iter().any(|other| other.extension == part.extension) {
            let message = format!("a second .{} in one sample is left out; the first is kept", part.extension);
            let warning = Warning::new(WarningKind::DuplicateMember, message).key(key.as_str());
            scan.report.warn(warning);
        } else {
            parts.push(part);
        }
    }
    file.check()?;
    if let Some((key, hash, parts)) = current.take() {
        scan.finish(key, hash, parts)?;
    }
    let (emitted, index) = (scan.emitted, scan.first_parts.finish());
    scan.report.warn_all(index);
    let stats = scan.beside.compare(emitted);
    scan.report.warn_all(stats);
    scan.report.finish();
    Ok(())
}

/// The parts of a key that do not stand where the key first stands.
#[derive(Clone, Debug)]
enum Late {
    Waiting(Vec<Part>),
    Taken,
}

/// Finds the keys whose members stand apart.
fn find_late(file: &MappedFile, opts: &ReadOptions) -> Result<FxHashMap<u64, Late>, FormatError> {
    let mut late: FxHashMap<u64, Late> = FxHashMap::default();
    let mut seen = rustc_hash::FxHashSet::default();
    let (mut last, mut is_late) = (None, false);
    for (count, event) in Walk::new(file.bytes()).enumerate() {
        if count % CHECK_EVERY == 0 {
            file.check()?;
            opts.cancel.check()?;
        }
        let Event::Member(member) = event else { continue };
        let Some((key, extension)) = split_name(&member.name) else { continue };
        let key = hash(key);
        if last != Some(key) {
            last = Some(key);
            is_late = !seen.insert(key);
        }
        if is_late {
            let part =
                Part { extension: extension_text(extension), offset: member.data.start, length: member.data.len() };
            match late.entry(key) {
                Entry::Occupied(mut entry) => {
                    if let Late::Waiting(parts) = entry.get_mut() {
                        parts.push(part);
                    }
                }
                Entry::Vacant(entry) => {
                    entry.insert(Late::Waiting(vec![part]));
                }
            }
        }
    }
    Ok(late)
}

fn hash(key: &[u8]) -> u64 {
    FxBuildHasher.hash_one(key)
}

/// Key and extension of a member by the first dot of its base name; `None` for members that are no data.
fn split_name(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let base = memchr::memrchr(b'/', name).map_or(0, |slash| slash + 1);
    let dot = base + memchr::memchr(b'.', &name[base..])?;
    (dot > base).then(|| (&name[..dot], &name[dot + 1..]))
}

fn extension_text(extension: &[u8]) -> String {
    String::from_utf8_lossy(extension).to_lowercase()
}

/// A name that may not be UTF-8, with the bytes that are not as `\xNN`.
fn escaped(name: &[u8]) -> String {
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

struct Scan<'a> {
    bytes: &'a [u8],
    mapper: Mapper,
    report: Reporter<'a>,
    beside: sidecar::Beside,
    late: FxHashMap<u64, Late>,
    emitted: u64,
    first_parts: sidecar::IndexCheck,
}

impl Scan<'_> {
    fn tell(&mut self, event: &Event<'_>) {
        let warning = match event {
            Event::Member(_) => return,
            Event::Sparse(name) => {
                Warning::new(WarningKind::BadName, "a sparse file cannot be read from within a tar and is left out")
                    .key(escaped(name))
            }
            Event::Corrupt { at, resumed: Some(next) } => Warning::new(
                WarningKind::ShardCorrupt,
                format!("the header at byte {at} is damaged; reading went on at byte {next}"),
            ),
            Event::Corrupt { at, resumed: None } => Warning::new(
                WarningKind::ShardCorrupt,
                format!("the header at byte {at} is damaged and no other follows; the samples before it are kept"),
            ),
            Event::Truncated { at, name: Some(name) } => Warning::new(
                WarningKind::ShardTruncated,
                format!("the shard ends at byte {at} within a member; the samples before the cut are kept"),
            )
            .key(escaped(name)),
            Event::Truncated { at, name: None } => Warning::new(
                WarningKind::ShardTruncated,
                format!("the shard ends at byte {at} without its end mark; the samples before it are kept"),
            ),
        };
        self.report.warn(warning);
    }

    /// Warns about a member that has no key, unless it is of a sort that is usually there.
    fn no_data(&mut self, name: &[u8]) {
        let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
        let meta = !name.contains(&b'/') && name.starts_with(b"__") && name.ends_with(b"__");
        if !meta && !base.starts_with(b".") {
            self.report.warn(
                Warning::new(WarningKind::BadName, "a member without an extension is no sample and is left out")
                    .key(escaped(name)),
            );
        }
    }

    /// The key as text, with warnings about what is odd in it.
    fn readable_key(&mut self, key: &[u8]) -> String {
        if let Ok(text) = std::str::from_utf8(key) {
            if text.starts_with('/') || text.split('/').any(|part| part == "..") {
                let message = "the name leads out of the shard; nothing is unpacked, so it is kept as a key only";
                self.report.warn(Warning::new(WarningKind::BadName, message).key(text));
            }
            return text.to_owned();
        }
        let text = escaped(key);
        self.report.warn(
            Warning::new(WarningKind::BadName, "the name is not UTF-8; the odd bytes are shown as \\xNN").key(&text),
        );
        text
    }

    /// Hands out a sample, with what belongs to its key further on.
    fn finish(&mut self, key: String, key_hash: u64, mut parts: Vec<Part>) -> Result<(), FormatError> {
        if let Some(late) = self.late.get_mut(&key_hash)
            && let Late::Waiting(more) = std::mem::replace(late, Late::Taken)
        {
            let (fresh, twice): (Vec<_>, Vec<_>) =
                more.into_iter().partition(|part| parts.iter().all(|other| other.extension != part.extension));
            let warning = if twice.is_empty() {
                let message = "members of this sample do not stand together in the shard; they are put together here";
                Warning::new(WarningKind::MembersApart, message)
            } else {
                let message = "another sample of the shard has the same key; the first is kept";
                Warning::new(WarningKind::DuplicateKey, message)
            };
            self.report.warn(warning.key(&key));
            for part in fresh {
                if parts.iter().all(|other| other.extension != part.extension) {
                    parts.push(part);
                }
            }
        }
        let sample = self.sample(key, &parts);
        self.emitted += 1;
        self.report.sample(sample)
    }

    fn sample(&mut self, key: String, parts: &[Part]) -> RawSample {
        let mut sample = RawSample::default();
        let image = self.image_part(parts);
        let mut record = None;
        for part in parts {
            if part.length == 0
                && !TEXT_EXTENSIONS.contains(&part.extension.as_str())
                && image.is_none_or(|image| !std::ptr::eq(image, part))
            {
                let message = format!("the member .{} has 0 bytes", part.extension);
                self.report.warn(Warning::new(WarningKind::EmptyMember, message).key(&key));
                continue;
            }
            if part.extension == "json" && record.is_none() {
                let data = &self.bytes[part.offset..part.offset + part.length];
                match self.mapper.read_json(data) {
                    Ok(read) => record = Some(read),
                    Err(error) => {
                        let message = format!("the .json member cannot be read: {error}");
                        self.report.warn(Warning::new(WarningKind::MetadataUnreadable, message).key(&key));
                    }
                }
                if let Some(at) = location(part) {
                    sample.raw = RawRecord::At(at);
                }
            }
        }
        let mut record = match record {
            Some(record) => record,
            None => {
                let (row, raw) = self.beside.row(&key, &mut self.mapper, &mut self.report);
                if sample.raw == RawRecord::None {
                    sample.raw = raw;
                }
                row.unwrap_or_default()
            }
        };
        self.texts(parts, &key, &mut record);
        for mut warning in self.mapper.take_warnings() {
            warning.key = Some(key.clone());
            self.report.warn(warning);
        }
        record.complete();
        sample.fields = record.fields;
        if let Some(part) = image {
            sample.image = self.image(part, &key);
        }
        sample.key = key;
        sample
    }

    /// Puts the text members where the record has nothing.
    fn texts(&mut self, parts: &[Part], key: &str, record: &mut Record) {
        let mapped = self.mapper.mapped(Field::Caption);
        for part in parts {
            let is_mapped = mapped == Some(part.extension.as_str());
            let is_text = TEXT_EXTENSIONS.contains(&part.extension.as_str());
            let is_class = part.extension == "cls";
            if !is_mapped && !is_text && !is_class {
                continue;
            }
            let data = &self.bytes[part.offset..part.offset + part.length];
            let text = String::from_utf8_lossy(data);
            if is_class {
                if record.fields.class_index.is_none() {
                    record.fields.class_index = text.trim().parse().ok();
                }
                continue;
            }
            let missing = record.fields.caption.as_ref().is_none_or(String::is_empty);
            if is_mapped || missing {
                let kept = cut_text(&text);
                if kept.len() < text.len() {
                    let message = format!(
                        "the .{} member has {} bytes; its first {} are kept",
                        part.extension,
                        text.len(),
                        kept.len()
                    );
                    self.report.warn(Warning::new(WarningKind::ValueCut, message).key(key));
                }
                record.fields.caption = Some(kept.to_owned());
            }
        }
    }

    /// The part that is the sample's image.
    fn image_part<'p>(&self, parts: &'p [Part]) -> Option<&'p Part> {
        if let Some(mapped) = self.mapper.mapped(Field::Image)
            && let Some(part) = parts.iter().find(|part| part.extension == mapped)
        {
            return Some(part);
        }
        let plain = |part: &&Part| IMAGE_EXTENSIONS.contains(&part.extension.as_str());
        let ending =
            |part: &&Part| part.extension.rsplit('.').next().is_some_and(|last| IMAGE_EXTENSIONS.contains(&last));
        parts.iter().find(plain).or_else(|| parts.iter().find(ending)).or_else(|| {
            parts.iter().find(|part| {
                let text = TEXT_EXTENSIONS.contains(&part.extension.as_str()) || part.extension == "json";
                !text && starts_as_image(&self.bytes[part.offset..part.offset + part.length])
            })
        })
    }

    fn image(&mut self, part: &Part, key: &str) -> Option<ImageEntry> {
        let Some(at) = location(part) else {
            let message = format!("the member .{} is larger than 4 GiB and is left out", part.extension);
            self.report.warn(Warning::new(WarningKind::ImageTooLarge, message).key(key));
            return None;
        };
        let probe = probe(&self.bytes[part.offset..part.offset + part.length]);
        self.report.image(probe, key);
        Some(ImageEntry { at, probe })
    }
}

fn location(part: &Part) -> Option<Location> {
    Some(Location { offset: part.offset as u64, length: u32::try_from(part.length).ok()?, path: None })
}

/// True if the bytes begin as an image's do.
pub(super) fn starts_as_image(bytes: &[u8]) -> bool {
    let webp = bytes.len() >= 12 && bytes.starts_with(b"RIFF") && &bytes[8..12] == b"WEBP";
    // `BM` alone is too short a sign: the size of the bitmap's second header must be a known one.
    let bmp = bytes.len() >= 18
        && bytes.starts_with(b"BM")
        && matches!(bytes[14], 12 | 40 | 52 | 56 | 64 | 108 | 124)
        && bytes[15..18] == [0; 3];
    webp || bmp
        || [b"\xff\xd8\xff".as_slice(), b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"]
            .iter()
            .any(|magic| bytes.starts_with(magic))
}

/// Uncompressed bytes of a compressed shard that are looked at for its columns.
const PEEK: u64 = 4 << 20;

/// What a member's name and first bytes say about columns: the extension with an example, for the open dialog.
pub(super) fn columns(shard: &Shard) -> Result<Vec<(String, String)>, FormatError> {
    if is_compressed(&shard.path) {
        let mut start = Vec::new();
        let read = gz::open_stream(&shard.path)?.take(PEEK).read_to_end(&mut start);
        // A stream that breaks off has told what it could.
        return read.map(|_| columns_of(&start)).map_err(|error| FormatError::io(&shard.path, error));
    }
    let file = MappedFile::open(&shard.path)?;
    file.check()?;
    Ok(columns_of(file.bytes()))
}

fn columns_of(bytes: &[u8]) -> Vec<(String, String)> {
    let mut columns: Vec<(String, String)> = Vec::new();
    let mut first_key = None;
    // Later samples may have columns that the first lacks; a few are enough to see them.
    let mut samples = 0;
    for event in Walk::new(bytes) {
        let Event::Member(Member { name, data, .. }) = event else { continue };
        let Some((key, extension)) = split_name(&name) else { continue };
        if first_key.as_deref() != Some(key) {
            first_key = Some(key.to_vec());
            samples += 1;
            if samples > 20 {
                break;
            }
        }
        let extension = extension_text(extension);
        let content = &bytes[data];
        if extension == "json" {
            super::columns::add_json(&mut columns, content);
        } else if columns.iter().all(|(name, _)| *name != extension) {
            let example = if TEXT_EXTENSIONS.contains(&extension.as_str()) || extension == "cls" {
                super::columns::shorten(&String::from_utf8_lossy(&content[..content.len().min(400)]))
            } else {
                match probe(content).codec {
                    Codec::Unknown => format!("{} bytes", content.len()),
                    codec => format!("{codec:?} image").to_lowercase(),
                }
            };
            columns.push((extension, example));
        }
    }
    columns
}
