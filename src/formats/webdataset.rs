//! WebDataset tar shards, with what img2dataset lays beside them.
//!
//! A member's name is split at the first dot of its base name into key and extension (`a/1.seg.png` -> `a/1`, `seg.png`);
//! neighbours with one key are one sample. Members of the archive's root named `__x__`, hidden files and names without
//! a dot are no data, as in WebDataset. Where the members of a key do not stand together, WebDataset would make several
//! samples of them; here they are put together where the key first stands, and a warning tells. If a late run of members has
//! an extension that the sample has already, it is a second sample with the same key: the first stays, the whole run is dropped.
//!
//! A first pass over the headers makes a list of the members and finds the keys that stand apart, the second hands out the
//! samples. The image of a sample is its first member with an image's extension (`.jpg` before
//! `.seg.png`), else the first whose bytes begin as an image's do.
//!
//! `SHARD.parquet` tells which rows were not downloaded and stands in for missing `.json` members; `SHARD_stats.json` is
//! compared with what was found. A DALI index (`SHARD.idx`) is checked against the headers: the walk needs no index.

use std::hash::BuildHasher;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::fields::{Mapper, Record, cut_text};
use super::folder::escaped;
use super::gz::{self, Packing};
use super::image::{Codec, probe};
use super::mapped::MappedFile;
use super::report::Reporter;
use super::sidecar;
use super::source::{Field, FormatError, ImageEntry, Location, RawRecord, RawSample, ReadOptions, Shard, Sink};
use super::tar::{Event, Member, Walk};
use crate::base::{Warning, WarningKind};

/// Members, or samples, between two looks at the file's length; a look at each costs a tenth of the scan.
const CHECK_EVERY: usize = 16;

/// Members that one sample can have; a run of more is read as several samples.
const MAX_RUN: usize = 1024;

/// Extensions of images, as the last part of a member's extension.
const IMAGE_EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "bmp"];

/// Extensions of texts paired with the image.
const TEXT_EXTENSIONS: [&str; 3] = ["txt", "caption", "text"];

/// The tar to map for a shard: the shard itself, or the uncompressed copy of a compressed one. The first bytes say which it is:
/// names are often wrong.
pub(super) fn tar_path(shard: &Shard, opts: &ReadOptions, warnings: &mut Vec<Warning>) -> Result<PathBuf, FormatError> {
    match gz::packing(&shard.path)? {
        Packing::None => Ok(shard.path.clone()),
        Packing::Gzip => gz::uncompressed_copy(shard, opts, warnings),
        other => {
            let name = other.name();
            let message = format!(
                "this is compressed with {name}, which is not read for shards; unpack it, or pack it with gzip"
            );
            Err(FormatError::corrupt(&shard.path, message))
        }
    }
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
    let index = Index::build(&file, opts, &mut report)?;
    let mut scan = Scan {
        bytes: file.bytes(),
        mapper: Mapper::new(&opts.map),
        report,
        beside: sidecar::Beside::open(&shard.path),
        emitted: 0,
        fits: sidecar::IndexCheck::open(&shard.path),
    };
    let Index { names, entries, mut late } = index;
    if entries.is_empty() {
        no_samples(&file, &shard.path, &mut scan.report)?;
    }
    let mut released = 0;
    let mut at = 0;
    while at < entries.len() {
        if scan.emitted.is_multiple_of(CHECK_EVERY as u64) {
            file.check()?;
        }
        opts.cancel.check()?;
        released = file.release(released, entries[at].offset);
        // The members of one key that stand together.
        let key = entries[at].key(&names);
        let run = entries[at..].iter().take(MAX_RUN).take_while(|entry| entry.key(&names) == key).count();
        let run = &entries[at..at + run];
        at += run.len();
        // Members that were taken at their key's first place.
        let late = if late.is_empty() { None } else { late.get_mut(&hash(key)) };
        let more = match late.map(|late| std::mem::replace(late, Late::Taken)) {
            Some(Late::Taken) => continue,
            Some(Late::Waiting(runs)) => runs,
            None => Vec::new(),
        };
        scan.fits.sample(run[0].offset);
        let key = scan.readable_key(key);
        let mut parts: Vec<Part> = Vec::with_capacity(run.len());
        scan.add_run(&key, &mut parts, run.iter().map(|entry| entry.part(&names)));
        scan.add_late(&key, &mut parts, more);
        let sample = scan.sample(key, &parts);
        scan.emitted += 1;
        scan.report.sample(sample)?;
    }
    file.check()?;
    scan.finish();
    Ok(())
}

/// The members of a shard in their order: 24 bytes and the name for each.
#[derive(Default)]
struct Index {
    names: Vec<u8>,
    entries: Vec<IndexEntry>,
    late: FxHashMap<u64, Late>,
}

struct IndexEntry {
    offset: usize,
    length: usize,
    /// Where the name starts in `names`, and how long key and extension are; one dot stands between them.
    name: u32,
    key: u16,
    extension: u16,
}

/// The parts of a key that do not stand where the key first stands.
#[derive(Debug)]
enum Late {
    /// Run by run: one may belong to the sample, another be a second sample.
    Waiting(Vec<Vec<Part>>),
    Taken,
}

impl IndexEntry {
    fn key<'n>(&self, names: &'n [u8]) -> &'n [u8] {
        &names[self.name as usize..][..self.key.into()]
    }

    fn part(&self, names: &[u8]) -> Part {
        let extension = &names[self.name as usize + usize::from(self.key) + 1..][..self.extension.into()];
        Part { extension: extension_text(extension), offset: self.offset, length: self.length }
    }
}

impl Index {
    /// Walks the headers and tells what is wrong with them.
    fn build(file: &MappedFile, opts: &ReadOptions, report: &mut Reporter<'_>) -> Result<Self, FormatError> {
        file.check()?;
        let mut index = Self::default();
        let mut seen = FxHashSet::default();
        let (mut last, mut is_late, mut released) = (None, false, 0);
        for (count, event) in Walk::new(file.bytes()).enumerate() {
            if count % CHECK_EVERY == 0 {
                file.check()?;
                opts.cancel.check()?;
            }
            let member = match event {
                Event::Member(member) => member,
                other => {
                    tell(&other, report);
                    continue;
                }
            };
            released = file.release(released, member.header);
            let Some((key, extension)) = split_name(&member.name) else {
                no_data(&member.name, report);
                continue;
            };
            let Some(entry) = index.entry(&member, key.len(), extension.len()) else {
                let message = "the name is too long; the member is left out";
                let start = escaped(&member.name[..member.name.len().min(200)]);
                report.warn(Warning::new(WarningKind::BadName, message).key(start));
                continue;
            };
            let key = hash(key);
            let starts = last != Some(key);
            if starts {
                last = Some(key);
                is_late = !seen.insert(key);
            }
            if is_late {
                let late = index.late.entry(key).or_insert_with(|| Late::Waiting(Vec::new()));
                if let Late::Waiting(runs) = late {
                    let part = entry.part(&index.names);
                    match runs.last_mut() {
                        Some(run) if !starts => run.push(part),
                        _ => runs.push(vec![part]),
                    }
                }
            }
            index.entries.push(entry);
        }
        Ok(index)
    }

    /// Takes a member's name in; `None` where its lengths are beyond any sense.
    fn entry(&mut self, member: &Member<'_>, key: usize, extension: usize) -> Option<IndexEntry> {
        let entry = IndexEntry {
            offset: member.data.start,
            length: member.data.len(),
            name: u32::try_from(self.names.len()).ok()?,
            key: u16::try_from(key).ok()?,
            extension: u16::try_from(extension).ok()?,
        };
        self.names.extend_from_slice(&member.name);
        Some(entry)
    }
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

/// An extension in lower case; most are so already.
fn extension_text(extension: &[u8]) -> String {
    match std::str::from_utf8(extension) {
        Ok(text) if text.is_ascii() => text.to_ascii_lowercase(),
        _ => String::from_utf8_lossy(extension).to_lowercase(),
    }
}

/// What to say of a shard in which no member was found.
fn no_samples(file: &MappedFile, path: &Path, report: &mut Reporter<'_>) -> Result<(), FormatError> {
    file.check()?;
    let message = match Walk::new(file.bytes()).next() {
        Some(Event::Corrupt { at: 0, resumed: None }) => {
            return Err(FormatError::corrupt(path, "this is neither a tar nor gzip; check how it was made"));
        }
        None if file.bytes().iter().any(|&byte| byte != 0) => {
            "the shard begins with the mark of its end; what follows is not read"
        }
        // Cut within the first member, which is told.
        Some(Event::Truncated { .. }) => return Ok(()),
        _ => "the shard holds no samples",
    };
    report.warn(Warning::new(WarningKind::ShardCorrupt, message));
    Ok(())
}

/// Warns about what the walk met that is no member.
fn tell(event: &Event<'_>, report: &mut Reporter<'_>) {
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
    report.warn(warning);
}

/// Warns about a member that has no key, unless it is of a sort that is usually there.
fn no_data(name: &[u8], report: &mut Reporter<'_>) {
    let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
    let meta = !name.contains(&b'/') && name.starts_with(b"__") && name.ends_with(b"__");
    if !meta && !base.starts_with(b".") {
        report.warn(
            Warning::new(WarningKind::BadName, "a member without an extension is no sample and is left out")
                .key(escaped(name)),
        );
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    mapper: Mapper,
    report: Reporter<'a>,
    beside: sidecar::Beside,
    emitted: u64,
    fits: sidecar::IndexCheck,
}

impl Scan<'_> {
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

    /// Adds members that stand together; of two with one extension the first is kept.
    fn add_run(&mut self, key: &str, parts: &mut Vec<Part>, run: impl IntoIterator<Item = Part>) {
        for part in run {
            if parts.iter().any(|other| other.extension == part.extension) {
                let message = format!("a second .{} in one sample is left out; the first is kept", part.extension);
                self.report.warn(Warning::new(WarningKind::DuplicateMember, message).key(key));
            } else {
                parts.push(part);
            }
        }
    }

    /// Adds the parts of a sample that stand further on in the shard, except for runs that are samples of their own.
    fn add_late(&mut self, key: &str, parts: &mut Vec<Part>, late: Vec<Vec<Part>>) {
        let (mut apart, mut second) = (false, false);
        for run in late {
            if run.iter().any(|part| parts.iter().any(|other| other.extension == part.extension)) {
                second = true;
            } else {
                apart = true;
                self.add_run(key, parts, run);
            }
        }
        if apart {
            let message = "members of this sample do not stand together in the shard; they are put together here";
            self.report.warn(Warning::new(WarningKind::MembersApart, message).key(key));
        }
        if second {
            let message = "another sample of the shard has the same key; the first is kept";
            self.report.warn(Warning::new(WarningKind::DuplicateKey, message).key(key));
        }
    }

    /// Tells what is known when all samples are read.
    fn finish(mut self) {
        let index = self.fits.finish();
        self.report.warn_all(index);
        let stats = self.beside.compare(self.emitted);
        self.report.warn_all(stats);
        self.report.finish();
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
        let mut record = if let Some(record) = record {
            record
        } else {
            let (row, raw) = self.beside.row(&key, &mut self.mapper, &mut self.report);
            if sample.raw == RawRecord::None {
                sample.raw = raw;
            }
            row.unwrap_or_default()
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
            if is_class {
                if record.fields.class_index.is_none() {
                    record.fields.class_index = String::from_utf8_lossy(data).trim().parse().ok();
                }
                continue;
            }
            let missing = record.fields.caption.as_ref().is_none_or(String::is_empty);
            if is_mapped || missing {
                let text = String::from_utf8_lossy(data);
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
    if gz::packing(&shard.path)? == Packing::Gzip {
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
