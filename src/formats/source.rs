//! The types that every container shares: what a dataset is, what a sample is, where its bytes lie.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::image::Probe;
use crate::base::{CancelToken, Cancelled, Warning};

/// A container format, found by looking at a path. Its word (`webdataset`, `parquet`, ..) is in JSON output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Tar shards by WebDataset's rules, with or without img2dataset's parquet beside them.
    Webdataset,
    /// Parquet files with Hugging Face image structs, or with a path or URL column, or captions alone.
    Parquet,
    /// Image files in folders; a folder is a class unless a `metadata.*` file says more.
    ImageFolder,
    /// ImageNet-1k's layout: one folder per wnid.
    Imagenet,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values, with a header or as CC12M's `url<TAB>caption`.
    Tsv,
    /// COCO's caption annotations (one JSON document).
    CocoCaptions,
}

impl Format {
    /// The stable word used in JSON output and in catalogs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webdataset => "webdataset",
            Self::Parquet => "parquet",
            Self::ImageFolder => "image-folder",
            Self::Imagenet => "imagenet",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::CocoCaptions => "coco-captions",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says whether a shard changed since it was indexed: total size and newest modification time over the
/// shard and the files that belong to it (`.parquet`, `_stats.json`, `.idx`, `metadata.*`; for a folder
/// shard: a hash over names, sizes and times of its files is folded into `modified_ns`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Sum of file sizes in bytes.
    pub bytes: u64,
    /// Newest modification time, nanoseconds since the epoch (a hash for folder shards).
    pub modified_ns: i64,
}

/// One unit of reading, indexing and caching: a tar, a parquet file, a caption file, or one folder of images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// The file or folder.
    pub path: PathBuf,
    /// Its name relative to the source's root, `/`-separated; unique within the source.
    pub name: String,
    /// What it looked like when it was found.
    pub fingerprint: Fingerprint,
}

/// One dataset: what a path turned out to hold.
#[derive(Clone, Debug)]
pub struct Source {
    /// Display name: the root's last path component (made unique by the caller when two are equal).
    pub name: String,
    /// Absolute path of the folder, or of the file where a single file was opened.
    pub root: PathBuf,
    /// How its shards are read.
    pub format: Format,
    /// The shards in natural order of their names (`2.tar` before `10.tar`).
    pub shards: Vec<Shard>,
    /// What could not be listed or was ignored while looking.
    pub warnings: Vec<Warning>,
}

/// A field of a sample that a column of the data can be mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the fields' own names; the issue of meaning is in `Fields`")]
pub enum Field {
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
}

impl Field {
    /// All fields in the order in which dialogs list them.
    pub const ALL: [Self; 13] = [
        Self::Key,
        Self::Title,
        Self::Description,
        Self::Caption,
        Self::Brand,
        Self::Bullets,
        Self::Price,
        Self::Url,
        Self::Licence,
        Self::Split,
        Self::Taxonomy,
        Self::Leaf,
        Self::Image,
    ];

    /// The word used in `--map` and in dialogs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Title => "title",
            Self::Description => "description",
            Self::Caption => "caption",
            Self::Brand => "brand",
            Self::Bullets => "bullets",
            Self::Price => "price",
            Self::Url => "url",
            Self::Licence => "licence",
            Self::Split => "split",
            Self::Taxonomy => "taxonomy",
            Self::Leaf => "leaf",
            Self::Image => "image",
        }
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let word = if word == "license" { "licence" } else { word };
        Self::ALL.into_iter().find(|field| field.as_str() == word).ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|field| field.as_str()).collect();
            format!("\"{word}\" is not a field; the fields are {}", all.join(", "))
        })
    }
}

/// Overrides of the guess which column is which field: field -> column name (`--map field=column`).
/// Fields that are not in the map are guessed by [usual names and types](super).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldMap(pub BTreeMap<Field, String>);

/// The texts of a sample. `None` (and an empty list) means absent or null; an empty string is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Short name of what is shown.
    pub title: Option<String>,
    /// Long text, usually the shop's.
    pub description: Option<String>,
    /// The text paired with the picture; falls back to the `.txt` member in tar shards.
    pub caption: Option<String>,
    /// Maker or shop label.
    pub brand: Option<String>,
    /// Bullet points in order.
    pub bullets: Vec<String>,
    /// Price as written.
    pub price: Option<String>,
    /// Where the picture or the product came from; empty strings become `None`.
    pub url: Option<String>,
    /// Licence as written.
    pub licence: Option<String>,
    /// `train`, `val`, ..
    pub split: Option<String>,
    /// Path from the root of the taxonomy to the sample's node, root first; empty where there is none.
    pub taxonomy: Vec<String>,
    /// Name of the class; falls back to the last element of `taxonomy`.
    pub leaf: Option<String>,
    /// WordNet id (`n01440764`) where the data has one.
    pub wnid: Option<String>,
    /// Class index where the data has one.
    pub class_index: Option<u32>,
}

/// Where bytes lie in a shard. For tar (and the uncompressed copy of a `.tar.gz`): byte offset and
/// length. For parquet: `offset` is the row in the file, `length` the number of image bytes. For
/// folders: `path` names the file relative to the dataset's root, `length` is its size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Location {
    /// Byte offset, or row.
    pub offset: u64,
    /// Length in bytes.
    pub length: u32,
    /// File below the dataset's root, for folder formats.
    pub path: Option<String>,
}

/// A sample's picture: where it is and what its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageEntry {
    /// Where its bytes are.
    pub at: Location,
    /// What its header says, or why it cannot be read.
    pub probe: Probe,
}

/// The sample's record as the data has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RawRecord {
    /// No metadata at all.
    #[default]
    None,
    /// The record as JSON, kept with the catalog (formats without cheap random access).
    Inline(String),
    /// The bytes of a `.json` member in the shard, read again when somebody looks.
    At(Location),
}

/// One sample as read from a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawSample {
    /// Unique within the dataset by the format's rules (WebDataset: the member path up to the first dot
    /// of the base name; folders: the path below the root; rows: an id column, else the row number).
    pub key: String,
    /// Texts.
    pub fields: Fields,
    /// Picture, if the shard holds one (also when its header cannot be read).
    pub image: Option<ImageEntry>,
    /// The whole record.
    pub raw: RawRecord,
}

/// What a reader needs besides the shard.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Overrides of the field guess.
    pub map: FieldMap,
    /// Where uncompressed copies of `.tar.gz` shards may be put (created when needed).
    pub cache_dir: PathBuf,
    /// Stops a scan between samples.
    pub cancel: CancelToken,
}

/// Takes what a scan finds.
pub trait Sink {
    /// Takes one sample.
    ///
    /// # Errors
    /// [`Cancelled`] when the taker wants no more; the scan ends with it.
    fn sample(&mut self, sample: RawSample) -> Result<(), Cancelled>;

    /// Takes one warning. `shard` is filled in by the scan.
    fn warn(&mut self, warning: Warning);
}

/// Why a path or shard cannot be read at all. Each is one sentence for the user, the path last.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The path does not exist.
    #[error("nothing is there; check the path: {}", .0.display())]
    Missing(PathBuf),
    /// The path exists but holds nothing that can be opened.
    #[error("found no tar shards, parquet files, images or caption files here: {}", .0.display())]
    NothingToOpen(PathBuf),
    /// Reading failed.
    #[error("cannot read it ({source}): {}", path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The shard is not what it should be.
    #[error("{message}: {}", path.display())]
    Corrupt {
        /// The shard.
        path: PathBuf,
        /// What is wrong, without a full stop.
        message: String,
    },
    /// The shard is not as it was when it was indexed.
    #[error("the shard changed since it was indexed; index it again: {}", .0.display())]
    Changed(PathBuf),
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl FormatError {
    /// An I/O error with its path.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    /// A structural error with its path.
    pub fn corrupt(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self::Corrupt { path: path.into(), message: message.into() }
    }
}
