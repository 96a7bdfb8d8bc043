//! Finds out what paths hold.
//!
//! The rule, folder by folder (hidden folders are skipped, links that lead back into a visited folder are not followed, at most
//! [`MAX_DEPTH`] levels):
//!
//! - Tar files in a folder are one WebDataset source. Parquet, statistics and index files there belong to the shards, and loose
//!   pictures are previews.
//! - Parquet files in a folder are one source for each set of column names and types.
//! - A JSONL, CSV or TSV file is a source of its own if it has a column of texts or links (title, caption, description, query,
//!   url, ..) or CC12M's form; a JSON file if it is COCO captions. Others (lookup tables, statistics) are not data.
//! - Pictures in folders are one source at the highest folder below which there is nothing else; if every folder with
//!   pictures is named by a wnid it is ImageNet's layout. So a folder that holds only image datasets (`pets/cats/..`,
//!   `cars/vans/..`) is one source whose taxonomy begins with `pets` and `cars`; open those folders to have them as two.
//! - Sub-folders with tars (or with parquet files of one schema) are one source of their parent if all of them are named as splits
//!   (`train`, `val`, ..) or as numbered parts (`00`, `part-3`); under any other names they are sources of their own.
//!
//! Files given one by one are sources of their own, except that several tars, or parquet files, of one folder are one.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustc_hash::FxHasher;

use super::fields::is_wnid;
use super::folder::{METADATA_NAMES, below_root, metadata_files};
use super::mapped::no_file;
use super::natural::natural_cmp;
use super::parquet::Table;
use super::source::{Fingerprint, Format, FormatError, ReadOptions, Shard, Source};
use super::{captions, coco, columns, sidecar};
use crate::base::{Warning, WarningKind};

/// How many levels of folders are looked into.
const MAX_DEPTH: usize = 8;

/// Folders looked into before the search ends with a warning.
const MAX_FOLDERS: usize = 100_000;

/// Finds the datasets that `paths` (folders, files or both) hold, in the order of the paths and with unique names.
///
/// # Errors
/// [`FormatError::Missing`] for a path that is not there, [`FormatError::NothingToOpen`] where one holds no data.
pub fn detect(paths: &[PathBuf], opts: &ReadOptions) -> Result<Vec<Source>, FormatError> {
    let mut search = Search { opts, visited: HashSet::new(), warnings: Vec::new() };
    let mut drafts: Vec<Draft> = Vec::new();
    for path in paths {
        let path = std::path::absolute(path).map_err(|error| FormatError::io(path, error))?;
        let meta = std::fs::metadata(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FormatError::Missing(path.clone()),
            _ => FormatError::io(&path, error),
        })?;
        let found = if meta.is_dir() {
            // A path may be given that an earlier one contains: it is searched again.
            search.visited.clear();
            let found = search.folder(&path, 0)?;
            if let (true, Some((folder, warning))) = (found.is_empty(), search.warnings.first())
                && *folder == path
            {
                return Err(FormatError::Io { path, source: io::Error::other(warning.message.clone()) });
            }
            found
        } else if meta.is_file() {
            file_draft(&path).into_iter().collect()
        } else {
            return Err(FormatError::io(&path, no_file(&meta)));
        };
        if found.is_empty() {
            return Err(FormatError::NothingToOpen(path));
        }
        for draft in found {
            add_draft(&mut drafts, draft, !meta.is_dir());
        }
    }
    let mut sources = Vec::new();
    for draft in drafts {
        opts.cancel.check()?;
        sources.push(draft.source(opts)?);
    }
    for (folder, warning) in search.warnings {
        // A folder that cannot be listed is told with the source that it lies in, else with the first.
        let at = sources.iter().position(|source| folder.starts_with(&source.root)).unwrap_or(0);
        if let Some(source) = sources.get_mut(at) {
            source.warnings.push(warning);
        }
    }
    make_names_unique(&mut sources);
    for source in &mut sources {
        check_map(source, opts);
    }
    Ok(sources)
}

/// A source before its files are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Draft {
    root: PathBuf,
    format: Format,
    shards: Vec<PathBuf>,
    /// For parquet: columns and types.
    schema: Option<String>,
}

impl Draft {
    fn of_file(path: PathBuf, format: Format, schema: Option<String>) -> Self {
        Self { root: path.clone(), format, shards: vec![path], schema }
    }

    fn source(self, opts: &ReadOptions) -> Result<Source, FormatError> {
        let name = if self.root.is_dir() {
            self.root
                .file_name()
                .map_or_else(|| self.root.display().to_string(), |name| name.to_string_lossy().into_owned())
        } else {
            captions::file_stem(&sidecar::stem(&self.root)).trim_end_matches(".parquet").to_owned()
        };
        let mut source =
            Source { name, root: self.root, format: self.format, shards: Vec::new(), warnings: Vec::new() };
        for path in self.shards {
            opts.cancel.check()?;
            let mut shard_name = if path == source.root {
                if path.is_dir() {
                    ".".to_owned()
                } else {
                    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
                }
            } else {
                below_root(
                    if source.root.is_dir() { &source.root } else { source.root.parent().unwrap_or(&source.root) },
                    &path,
                )
            };
            if shard_name.is_empty() {
                ".".clone_into(&mut shard_name);
            }
            match fingerprint(source.format, &source.root, &path) {
                Ok(fingerprint) => source.shards.push(Shard { path, name: shard_name, fingerprint }),
                Err(error) => source.warnings.push(
                    Warning::new(WarningKind::ShardUnreadable, format!("the shard cannot be looked at ({error})"))
                        .shard(shard_name),
                ),
            }
        }
        source.shards.sort_by(|a, b| natural_cmp(&a.name, &b.name));
        Ok(source)
    }
}

/// Adds a draft; files of one folder given one by one become one source.
fn add_draft(drafts: &mut Vec<Draft>, draft: Draft, from_file: bool) {
    if drafts.contains(&draft) {
        return;
    }
    let folder = draft.root.parent().map(Path::to_owned);
    if from_file
        && matches!(draft.format, Format::Webdataset | Format::Parquet)
        && let Some(folder) = folder
        && let Some(other) = drafts.iter_mut().find(|other| {
            let same_place = other.root == folder
                || (other.shards.len() == 1 && other.root == other.shards[0] && other.root.parent() == Some(&folder));
            same_place && other.format == draft.format && other.schema == draft.schema
        })
    {
        other.root = folder;
        for shard in draft.shards {
            if !other.shards.contains(&shard) {
                other.shards.push(shard);
            }
        }
        return;
    }
    drafts.push(draft);
}

/// What a file given by itself is, by its name and, for JSON, its content.
fn file_draft(path: &Path) -> Option<Draft> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    if is_tar_name(&name) {
        return Some(Draft::of_file(path.to_owned(), Format::Webdataset, None));
    }
    if name.ends_with(".parquet") {
        return Some(Draft::of_file(path.to_owned(), Format::Parquet, schema_of(path)));
    }
    let format = text_format(&name)?;
    // A table that was named is opened even if no column looks telling: the user can map them.
    let format = if format == Format::CocoCaptions { json_format(path)? } else { format };
    Some(Draft::of_file(path.to_owned(), format, None))
}

/// COCO captions, or JSON lines under the name of JSON.
fn json_format(path: &Path) -> Option<Format> {
    if coco::is_document(path) {
        return Some(Format::CocoCaptions);
    }
    captions::is_dataset(path, Format::Jsonl).then_some(Format::Jsonl)
}

fn is_tar_name(lower: &str) -> bool {
    [".tar", ".tar.gz", ".tgz"].iter().any(|ending| lower.ends_with(ending))
}

/// The format that a caption file's name says; `CocoCaptions` stands for any JSON.
fn text_format(lower: &str) -> Option<Format> {
    let plain = [".gz", ".zst", ".zstd"].iter().find_map(|ending| lower.strip_suffix(ending)).unwrap_or(lower);
    match plain.rsplit_once('.')?.1 {
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "csv" => Some(Format::Csv),
        "tsv" => Some(Format::Tsv),
        "json" => Some(Format::CocoCaptions),
        _ => None,
    }
}

/// True for `.jpg`, `.png` and the like.
pub(super) fn is_image_name(name: &str) -> bool {
    let Some((_, extension)) = name.rsplit_once('.') else { return false };
    ["jpg", "jpeg", "png", "webp", "gif", "bmp"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

/// True for a folder named as a split: `train`, `val`, `test-00`, ..
pub(super) fn split_word(name: &str) -> bool {
    let word: String = name.chars().take_while(char::is_ascii_alphabetic).flat_map(char::to_lowercase).collect();
    let rest = &name[word.len()..];
    matches!(word.as_str(), "train" | "training" | "val" | "valid" | "validation" | "test" | "testing" | "dev" | "eval")
        && !rest.starts_with(char::is_alphanumeric)
}

/// True for a folder named as a numbered part: `00`, `part-3`, `shard_12`.
fn part_word(name: &str) -> bool {
    let word: String = name.chars().take_while(char::is_ascii_alphabetic).flat_map(char::to_lowercase).collect();
    let rest = name[word.len()..].trim_start_matches(['-', '_']);
    matches!(word.as_str(), "" | "part" | "parts" | "shard" | "shards" | "chunk" | "batch" | "data")
        && rest.bytes().all(|byte| byte.is_ascii_digit())
}

struct Search<'a> {
    opts: &'a ReadOptions,
    visited: HashSet<PathBuf>,
    warnings: Vec<(PathBuf, Warning)>,
}

#[derive(Default)]
struct Listing {
    tars: Vec<PathBuf>,
    parquets: Vec<PathBuf>,
    texts: Vec<(PathBuf, Format)>,
    has_images: bool,
    folders: Vec<PathBuf>,
}

impl Search<'_> {
    fn warn(&mut self, folder: &Path, message: String) {
        self.warnings.push((folder.to_owned(), Warning::new(WarningKind::FolderUnreadable, message)));
    }

    fn list(&mut self, dir: &Path) -> Listing {
        let mut listing = Listing::default();
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => {
                self.warn(dir, format!("the folder cannot be listed ({error}): {}", dir.display()));
                return listing;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.warn(dir, format!("the folder cannot be listed to its end ({error}): {}", dir.display()));
                    break;
                }
            };
            let name = entry.file_name().to_string_lossy().to_lowercase();
            if is_hidden(&name) {
                continue;
            }
            let path = entry.path();
            // Only links need a second look; one to nothing has no kind.
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => std::fs::metadata(&path).map(|meta| meta.file_type()),
                kind => kind,
            };
            let Ok(kind) = kind else { continue };
            if kind.is_dir() {
                listing.folders.push(path);
            } else if !kind.is_file() {
                // A pipe, a socket or a device: whatever its name, it holds no data, and opening it might wait for ever.
            } else if is_tar_name(&name) {
                listing.tars.push(path);
            } else if name.ends_with(".parquet") {
                listing.parquets.push(path);
            } else if is_image_name(&name) {
                listing.has_images = true;
            } else if let Some(format) = text_format(&name) {
                listing.texts.push((path, format));
            }
        }
        let by_name = |a: &PathBuf, b: &PathBuf| natural_cmp(&a.to_string_lossy(), &b.to_string_lossy());
        listing.tars.sort_by(by_name);
        listing.parquets.sort_by(by_name);
        listing.folders.sort_by(by_name);
        listing.texts.sort_by(|a, b| by_name(&a.0, &b.0));
        listing
    }

    fn folder(&mut self, dir: &Path, depth: usize) -> Result<Vec<Draft>, FormatError> {
        self.opts.cancel.check()?;
        let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        if !self.visited.insert(real) {
            return Ok(Vec::new());
        }
        if self.visited.len() == MAX_FOLDERS {
            self.warn(dir, format!("more than {MAX_FOLDERS} folders; the rest is not looked into: {}", dir.display()));
        }
        if depth > MAX_DEPTH || self.visited.len() > MAX_FOLDERS {
            return Ok(Vec::new());
        }
        let mut listing = self.list(dir);
        let is_metadata = |path: &PathBuf| {
            path.file_name().is_some_and(|name| METADATA_NAMES.iter().any(|metadata| name == *metadata))
        };
        let mut below: Vec<(PathBuf, Vec<Draft>)> = Vec::new();
        for folder in std::mem::take(&mut listing.folders) {
            let drafts = self.folder(&folder, depth + 1)?;
            if !drafts.is_empty() {
                below.push((folder, drafts));
            }
        }
        let images_below = below.iter().flat_map(|(_, drafts)| drafts).any(|draft| is_images(draft.format));
        if listing.has_images || images_below {
            listing.parquets.retain(|path| !is_metadata(path));
            listing.texts.retain(|(path, _)| !is_metadata(path));
        }
        let mut drafts = Vec::new();
        if !listing.tars.is_empty() {
            drafts.push(Draft {
                root: dir.to_owned(),
                format: Format::Webdataset,
                shards: listing.tars.clone(),
                schema: None,
            });
        } else if !listing.parquets.is_empty() {
            drafts.extend(parquet_drafts(dir, &listing.parquets));
        }
        let has_shards = !drafts.is_empty();
        // With img2dataset's file output and the like every picture has a .json beside it: those are not documents.
        let texts = listing.texts.iter().filter(|(_, format)| !(listing.has_images && *format == Format::CocoCaptions));
        let mut jsons = 0;
        for (path, format) in texts {
            self.opts.cancel.check()?;
            jsons += usize::from(*format == Format::CocoCaptions);
            let found = match format {
                // A folder full of JSON files is not a folder of documents worth opening one by one.
                Format::CocoCaptions if jsons > 64 => None,
                Format::CocoCaptions => json_format(path),
                format => captions::is_dataset(path, *format).then_some(*format),
            };
            drafts.extend(found.map(|format| Draft::of_file(path.clone(), format, None)));
        }
        if drafts.len() > 1 {
            // A lone table among others is its file, so that a second table does not make it another source.
            for draft in drafts.iter_mut().filter(|draft| draft.format == Format::Parquet && draft.shards.len() == 1) {
                draft.root.clone_from(&draft.shards[0]);
            }
        }
        let images = (listing.has_images && !has_shards).then(|| dir.to_owned());
        Ok(join(dir, drafts, images, below, has_shards))
    }
}

fn is_images(format: Format) -> bool {
    matches!(format, Format::ImageFolder | Format::Imagenet)
}

/// Puts together what a folder and its sub-folders hold.
fn join(
    dir: &Path,
    mut own: Vec<Draft>,
    images: Option<PathBuf>,
    below: Vec<(PathBuf, Vec<Draft>)>,
    has_shards: bool,
) -> Vec<Draft> {
    let only_images = !has_shards && below.iter().flat_map(|(_, drafts)| drafts).all(|draft| is_images(draft.format));
    if only_images {
        let shards: Vec<PathBuf> = images
            .into_iter()
            .chain(below.into_iter().flat_map(|(_, drafts)| drafts).flat_map(|draft| draft.shards))
            .collect();
        if !shards.is_empty() {
            let wnids =
                shards.iter().all(|shard| shard.file_name().is_some_and(|name| is_wnid(&name.to_string_lossy())));
            let format = if wnids { Format::Imagenet } else { Format::ImageFolder };
            own.insert(0, Draft { root: dir.to_owned(), format, shards, schema: None });
        }
        return own;
    }
    own.extend(images.map(|folder| Draft {
        root: folder.clone(),
        format: Format::ImageFolder,
        shards: vec![folder],
        schema: None,
    }));
    // Splits and parts of one dataset.
    let parts = |(folder, drafts): &(PathBuf, Vec<Draft>)| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let [draft] = drafts.as_slice() else { return None };
        let joinable =
            matches!(draft.format, Format::Webdataset | Format::Parquet) && (split_word(&name) || part_word(&name));
        joinable.then(|| (draft.format, draft.schema.clone()))
    };
    let kinds: Vec<_> = below.iter().map(parts).collect();
    if own.is_empty()
        && let Some(Some((format, schema))) = kinds.first().cloned()
        && kinds.iter().all(|kind| kind.as_ref() == Some(&(format, schema.clone())))
    {
        let shards = below.into_iter().flat_map(|(_, drafts)| drafts).flat_map(|draft| draft.shards).collect();
        return vec![Draft { root: dir.to_owned(), format, shards, schema }];
    }
    own.extend(below.into_iter().flat_map(|(_, drafts)| drafts));
    own
}

/// The parquet files of a folder, one draft for each schema. The largest set is the folder's, the others are rooted at
/// their first file, so that no two sources have one root.
fn parquet_drafts(dir: &Path, files: &[PathBuf]) -> Vec<Draft> {
    let mut by_schema: BTreeMap<Option<String>, Vec<PathBuf>> = BTreeMap::new();
    // Files that are named alike except for digits have one schema: a thousand footers need not be read.
    let mut by_pattern: BTreeMap<String, Option<String>> = BTreeMap::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let pattern: String = name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        let schema = by_pattern.entry(pattern).or_insert_with(|| schema_of(file)).clone();
        by_schema.entry(schema).or_default().push(file.clone());
    }
    // An unreadable file goes with the others where there is but one sort of them; its scan tells what is wrong.
    if by_schema.len() == 2
        && let Some(unreadable) = by_schema.remove(&None)
        && let Some(files) = by_schema.values_mut().next()
    {
        files.extend(unreadable);
    }
    let mut groups: Vec<(Option<String>, Vec<PathBuf>)> = by_schema.into_iter().collect();
    groups.sort_by(|a, b| natural_cmp(&a.1[0].to_string_lossy(), &b.1[0].to_string_lossy()));
    let largest = (0..groups.len())
        .rev()
        .max_by_key(|&at| groups[at].1.len())
        .filter(|&at| groups.len() == 1 || groups[at].1.len() > 1);
    let draft = |(at, (schema, shards)): (usize, (Option<String>, Vec<PathBuf>))| {
        let root = if Some(at) == largest { dir.to_owned() } else { shards[0].clone() };
        Draft { root, format: Format::Parquet, shards, schema }
    };
    groups.into_iter().enumerate().map(draft).collect()
}

/// Columns and types of a parquet file in one text; `None` if it cannot be read.
fn schema_of(path: &Path) -> Option<String> {
    let table = Table::open(path).ok()?;
    Some(
        table
            .schema()
            .fields()
            .iter()
            .fold(String::new(), |text, field| text + field.name() + " " + &field.data_type().to_string() + "\n"),
    )
}

/// The fingerprint of a shard as it is now: the file and what lies beside it for it, or the files of a folder.
///
/// # Errors
/// Where the shard cannot be looked at.
pub fn fingerprint(format: Format, root: &Path, shard: &Path) -> io::Result<Fingerprint> {
    if is_images(format) {
        return folder_fingerprint(root, shard);
    }
    let mut print = Fingerprint::default();
    add_file(&mut print, &std::fs::metadata(shard)?);
    if format == Format::Webdataset {
        for beside in sidecar::files(shard) {
            if let Ok(meta) = std::fs::metadata(beside) {
                add_file(&mut print, &meta);
            }
        }
    }
    Ok(print)
}

fn add_file(print: &mut Fingerprint, meta: &std::fs::Metadata) {
    print.bytes += meta.len();
    print.modified_ns = print.modified_ns.max(modified_ns(meta));
}

fn modified_ns(meta: &std::fs::Metadata) -> i64 {
    let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The hash is a sum over files, so that the order in which the folder is listed does not matter.
fn folder_fingerprint(root: &Path, dir: &Path) -> io::Result<Fingerprint> {
    let mut print = Fingerprint::default();
    let mut add = |name: &std::ffi::OsStr, meta: &std::fs::Metadata| {
        let mut hasher = FxHasher::default();
        (name, meta.len(), modified_ns(meta)).hash(&mut hasher);
        print.bytes += meta.len();
        print.modified_ns = print.modified_ns.wrapping_add(hasher.finish().cast_signed());
    };
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        // A link's own time says nothing about its target.
        if let Ok(meta) = std::fs::metadata(entry.path())
            && meta.is_file()
        {
            add(&entry.file_name(), &meta);
        }
    }
    for path in metadata_files(root, dir) {
        if path.parent() != Some(dir)
            && let Ok(meta) = std::fs::metadata(&path)
        {
            add(path.as_os_str(), &meta);
        }
    }
    Ok(print)
}

/// Names that stand twice get their file's full name, then the folder above, then a number.
fn make_names_unique(sources: &mut [Source]) {
    let clash = |sources: &[Source], at: usize| {
        sources.iter().enumerate().any(|(other, source)| other != at && source.name == sources[at].name)
    };
    let file_name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let clashing: Vec<usize> = (0..sources.len()).filter(|&at| clash(sources, at)).collect();
    for at in clashing {
        sources[at].name = file_name(&sources[at].root);
    }
    let clashing: Vec<usize> = (0..sources.len()).filter(|&at| clash(sources, at)).collect();
    for at in clashing {
        let root = &sources[at].root;
        sources[at].name = format!("{}/{}", root.parent().map(file_name).unwrap_or_default(), file_name(root));
    }
    for at in 0..sources.len() {
        let name = sources[at].name.clone();
        let mut number = 2;
        while sources[..at].iter().any(|other| other.name == sources[at].name) {
            sources[at].name = format!("{name} ({number})");
            number += 1;
        }
    }
}

/// Warns about a mapped column that the source does not have.
fn check_map(source: &mut Source, opts: &ReadOptions) {
    if opts.map.0.is_empty() {
        return;
    }
    let Ok(known) = columns::columns(source) else { return };
    for (field, column) in &opts.map.0 {
        if known.iter().all(|(name, _)| name != column) {
            let message =
                format!("there is no column \"{column}\" to take the {} from; the field stays empty", field.as_str());
            source.warnings.push(Warning::new(WarningKind::MetadataUnreadable, message));
        }
    }
}
