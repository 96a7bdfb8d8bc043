//! A folder of features: what a model makes of every picture of some datasets, one array a layer.
//!
//! How it works: `LAYER.npy` is `[N, D]` for each layer; `features.json` ([`Sidecar`]) says what the rows are and everything
//! the numbers came from. The sidecar appears last, so a folder with one is whole.
//!
//! While a folder is being filled, the arrays are called `LAYER.npy.part` and a record, `features.part.jsonl`, grows by one line a
//! batch: its first line is the [`Identity`] of what is made, then how many rows stand in the arrays. Rows reach the arrays before
//! the record speaks of them, so whoever goes on ([`FolderWriter::open`]) cuts both back to the last whole line and loses
//! a batch at most. A folder of another identity is refused, never mixed into.

mod folder;
mod rows;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::card::{Channels, Interpolation, Layout, Preprocessing};
use super::error::ModelError;
use crate::base::Cancelled;
use crate::formats::npy::{Dtype, Npy};
use crate::formats::{Fingerprint, FormatError};

pub use folder::{Folder, FolderWriter};
pub use rows::{FoundRows, RowIndex};

/// Name of the sidecar.
pub const SIDECAR: &str = "features.json";

/// Name of the record that a folder has while it is being filled.
pub const RECORD: &str = "features.part.jsonl";

/// Version of the sidecar and of the rules by which numbers are made. 2: the sidecar lists shards.
const VERSION: u32 = 2;

/// Where the features of a dataset by a model are kept when nobody says where: beside the dataset's catalog file.
#[must_use]
pub fn features_dir(catalog: &Path, model_hash: &str) -> PathBuf {
    let stem = catalog.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let short: String = model_hash.chars().take(16).collect();
    catalog.with_file_name("features").join(stem).join(short)
}

/// Why there are no features.
#[derive(Debug, thiserror::Error)]
pub enum FeaturesError {
    /// The model or the runtime.
    #[error(transparent)]
    Model(ModelError),
    /// An array cannot be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The folder cannot be used; the sentence says what would help.
    #[error("{message}: {}", path.display())]
    Folder {
        /// The folder, or a file in it.
        path: PathBuf,
        /// What is the matter and what to do, without a full stop.
        message: String,
    },
    /// The catalog, or the request itself.
    #[error("{0}")]
    Failed(String),
    /// Stopped on request; what was made stays and is gone on from.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<ModelError> for FeaturesError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Model(other),
        }
    }
}

impl FeaturesError {
    fn folder(path: &Path, message: impl Into<String>) -> Self {
        Self::Folder { path: path.to_owned(), message: message.into() }
    }

    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |error| Self::folder(path, format!("cannot write the features ({error})"))
    }
}

/// The model whose features they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSaid {
    /// As its card calls it.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// SHA-256 of the file, hexadecimal.
    pub hash: String,
}

/// What computed them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeSaid {
    /// Name and version: "ONNX Runtime 1.31.1", "tract 0.23".
    pub name: String,
    /// "CUDA", "CPU", "tract".
    pub provider: String,
}

/// How pictures became numbers, in words of the model card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreprocessingSaid {
    /// Short side after resizing, pixels; 0: not resized.
    pub resize: u32,
    /// "bilinear", "bicubic", "lanczos", "nearest"; with antialias.
    pub interpolation: String,
    /// Side of the centre crop, pixels.
    pub crop: u32,
    /// "rgb", "bgr", "grey".
    pub channels: String,
    /// "nchw", "nhwc".
    pub layout: String,
    /// Per channel.
    pub mean: [f32; 3],
    /// Per channel.
    pub std: [f32; 3],
}

impl From<&Preprocessing> for PreprocessingSaid {
    fn from(how: &Preprocessing) -> Self {
        let interpolation = match how.interpolation {
            Interpolation::Bilinear => "bilinear",
            Interpolation::Bicubic => "bicubic",
            Interpolation::Lanczos => "lanczos",
            Interpolation::Nearest => "nearest",
        };
        let channels = match how.channels {
            Channels::Rgb => "rgb",
            Channels::Bgr => "bgr",
            Channels::Grey => "grey",
        };
        let layout = match how.layout {
            Layout::Nchw => "nchw",
            Layout::Nhwc => "nhwc",
        };
        Self {
            resize: how.resize,
            interpolation: interpolation.to_owned(),
            crop: how.crop,
            channels: channels.to_owned(),
            layout: layout.to_owned(),
            mean: how.mean,
            std: how.std,
        }
    }
}

/// A layer as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerSaid {
    /// Name of the stage: "layer4", "pool".
    pub layer: String,
    /// The tensor of the graph, averaged over its positions.
    pub tensor: String,
}

/// All that decides the bytes of the arrays. Folders of two identities are never mixed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the rules.
    pub version: u32,
    /// The model.
    pub model: ModelSaid,
    /// What computes: two runtimes differ in the last digits.
    pub runtime: RuntimeSaid,
    /// How numbers are stored.
    pub dtype: Dtype,
    /// Pictures a run of the model: other sums are grouped otherwise.
    pub batch: usize,
    /// How pictures become numbers.
    pub preprocessing: PreprocessingSaid,
    /// The layers in the order asked for.
    pub layers: Vec<LayerSaid>,
    /// Number of rows.
    pub rows: usize,
    /// SHA-256 over datasets, shards with their fingerprints, and keys in order, hexadecimal.
    pub samples: String,
}

impl Identity {
    /// The identity of these features.
    #[must_use]
    pub fn new(
        model: ModelSaid,
        runtime: RuntimeSaid,
        dtype: Dtype,
        batch: usize,
        how: &Preprocessing,
        layers: Vec<LayerSaid>,
        samples: &Samples,
    ) -> Self {
        let preprocessing = how.into();
        let (rows, samples) = (samples.len(), samples.hash());
        Self { version: VERSION, model, runtime, dtype, batch, preprocessing, layers, rows, samples }
    }

    /// What differs, as it stands in "this folder holds features of another ..".
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let except_layers = self.difference_but_layers(other);
        except_layers.or_else(|| (self.layers != other.layers).then_some("choice of layers"))
    }

    /// As [`difference`](Self::difference), whatever the layers.
    #[must_use]
    pub fn difference_but_layers(&self, other: &Self) -> Option<&'static str> {
        // The same bytes under another name or path are the same model.
        [
            (self.version != other.version, "version of shopscope"),
            (self.model.hash != other.model.hash, "model"),
            (self.samples != other.samples || self.rows != other.rows, "set of samples"),
            (self.preprocessing != other.preprocessing, "preprocessing"),
            (self.dtype != other.dtype, "type of numbers"),
            (self.runtime != other.runtime, "runtime"),
            (self.batch != other.batch, "batch size"),
        ]
        .into_iter()
        .find_map(|(differs, what)| differs.then_some(what))
    }
}

/// The samples of one dataset whose features are made.
#[derive(Clone, Debug, Default)]
pub struct DatasetSamples {
    /// Display name.
    pub name: String,
    /// Its folder or file.
    pub path: PathBuf,
    /// The format's word.
    pub format: String,
    /// All of its shards in order, also those that no sample lies in.
    pub shards: Vec<ShardRows>,
    /// Key of each sample.
    pub keys: Vec<String>,
    /// Leaf name of each sample that has one.
    pub labels: Vec<Option<String>>,
    /// Class index of each sample that has one.
    pub classes: Vec<Option<u32>>,
}

/// All samples in the order of the rows.
#[derive(Clone, Debug, Default)]
pub struct Samples(pub Vec<DatasetSamples>);

impl Samples {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|dataset| dataset.keys.len()).sum()
    }

    /// True without samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SHA-256 over datasets, shards with their fingerprints, and keys in order, hexadecimal: see [`Identity::samples`].
    #[must_use]
    pub fn hash(&self) -> String {
        let mut sha = Sha256::new();
        // Each part with its length before it, so that no two lists run into the same bytes.
        let mut part = |bytes: &[u8]| {
            sha.update((bytes.len() as u64).to_le_bytes());
            sha.update(bytes);
        };
        for dataset in &self.0 {
            part(dataset.path.to_string_lossy().as_bytes());
            // A shard that no row comes from decides nothing.
            let shards: Vec<&ShardRows> = dataset.shards.iter().filter(|shard| shard.rows > 0).collect();
            part(&(shards.len() as u64).to_le_bytes());
            for shard in shards {
                part(shard.name.as_bytes());
                part(&shard.fingerprint.bytes.to_le_bytes());
                part(&shard.fingerprint.modified_ns.to_le_bytes());
            }
            part(&(dataset.keys.len() as u64).to_le_bytes());
            for key in &dataset.keys {
                part(key.as_bytes());
            }
        }
        hex(&sha.finalize())
    }

    fn key(&self, row: usize) -> &str {
        let mut before = 0;
        for dataset in &self.0 {
            if let Some(key) = dataset.keys.get(row - before) {
                return key;
            }
            before += dataset.keys.len();
        }
        ""
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An array of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFile {
    /// Name of the stage.
    pub layer: String,
    /// The tensor of the graph.
    pub tensor: String,
    /// Numbers of a row.
    pub dims: usize,
    /// The array's file in the folder.
    pub file: String,
    /// Rows of readable pictures with a number that is infinite or none.
    pub not_finite: u64,
}

/// A shard as it was when features of its samples were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRows {
    /// Name relative to the dataset's root.
    pub name: String,
    /// Sizes and times of its files then: where they are others now, its rows are stale.
    pub fingerprint: Fingerprint,
    /// Number of rows, after those of the shards before it.
    pub rows: usize,
}

/// One dataset's rows: as many as it says, after those of the datasets before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetRows {
    /// Display name.
    pub name: String,
    /// Its folder or file.
    pub path: PathBuf,
    /// The format's word.
    pub format: String,
    /// Number of rows.
    pub rows: usize,
    /// Its shards in the order of the rows.
    #[serde(default)]
    pub shards: Vec<ShardRows>,
}

/// A row without features.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Its number.
    pub row: usize,
    /// Its key.
    pub key: String,
    /// Why, one sentence.
    pub reason: String,
}

/// What `features.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Version of the rules.
    pub version: u32,
    /// The model.
    pub model: ModelSaid,
    /// What computed them.
    pub runtime: RuntimeSaid,
    /// How numbers are stored.
    pub dtype: Dtype,
    /// Pictures a run of the model.
    pub batch: usize,
    /// How pictures became numbers.
    pub preprocessing: PreprocessingSaid,
    /// The arrays.
    pub layers: Vec<LayerFile>,
    /// Number of rows of each array.
    pub rows: usize,
    /// Hash of the samples, see [`Identity::samples`].
    pub samples: String,
    /// The datasets in the order of the rows.
    pub datasets: Vec<DatasetRows>,
    /// Key of each row.
    pub keys: Vec<String>,
    /// Leaf name of each row.
    pub labels: Vec<Option<String>>,
    /// Class index of each row; empty where no row has one.
    pub classes: Vec<Option<u32>>,
    /// Rows that are NaN because their picture cannot be read, ascending.
    pub unreadable: Vec<Unreadable>,
}

impl Sidecar {
    /// Reads the sidecar of a folder; `None` where there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(dir: &Path) -> Result<Option<Self>, FeaturesError> {
        let path = dir.join(SIDECAR);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(FeaturesError::folder(&path, format!("cannot read what the features are of ({error})")));
            }
            Ok(bytes) => bytes,
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| FeaturesError::folder(&path, format!("this is not a description of features ({error})")))
    }

    /// What the folder's numbers came from.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let layer = |file: &LayerFile| LayerSaid { layer: file.layer.clone(), tensor: file.tensor.clone() };
        Identity {
            version: self.version,
            model: self.model.clone(),
            runtime: self.runtime.clone(),
            dtype: self.dtype,
            batch: self.batch,
            preprocessing: self.preprocessing.clone(),
            layers: self.layers.iter().map(layer).collect(),
            rows: self.rows,
            samples: self.samples.clone(),
        }
    }
}

/// A folder of features, opened for reading.
#[derive(Debug)]
pub struct FeatureSet {
    /// What the rows are, and of what.
    pub sidecar: Sidecar,
    arrays: Vec<Npy>,
}

impl FeatureSet {
    /// Opens a whole folder.
    ///
    /// # Errors
    /// The folder is not whole, or an array does not fit what the sidecar says.
    pub fn open(dir: &Path) -> Result<Self, FeaturesError> {
        let sidecar = Sidecar::read(dir)?.ok_or_else(|| {
            let message = if dir.join(RECORD).exists() {
                "these features are not finished; run the same command again"
            } else {
                "there are no features here"
            };
            FeaturesError::folder(dir, message)
        })?;
        let lists = [sidecar.keys.len(), sidecar.labels.len(), sidecar.datasets.iter().map(|d| d.rows).sum()];
        if lists.iter().any(|&length| length != sidecar.rows) {
            return Err(FeaturesError::folder(&dir.join(SIDECAR), "its lists do not have as many rows as it says"));
        }
        let mut arrays = Vec::with_capacity(sidecar.layers.len());
        for layer in &sidecar.layers {
            let path = dir.join(&layer.file);
            let array = Npy::open(&path)?;
            if array.len() != sidecar.rows || array.dims() != layer.dims {
                return Err(FeaturesError::folder(&path, "the array does not have the shape that features.json says"));
            }
            arrays.push(array);
        }
        Ok(Self { sidecar, arrays })
    }

    /// The array of a layer (`[N, D]`); NaN rows are those of [`Sidecar::unreadable`].
    #[must_use]
    pub fn layer(&self, name: &str) -> Option<&Npy> {
        let at = self.sidecar.layers.iter().position(|layer| layer.layer == name)?;
        self.arrays.get(at)
    }

    /// Some rows of a layer, one after the other.
    ///
    /// # Errors
    /// There is no such layer, or the array changed since it was opened.
    pub fn rows(&self, layer: &str, rows: Range<usize>) -> Result<Vec<f32>, FeaturesError> {
        let array = self.layer(layer).ok_or_else(|| {
            let known: Vec<_> = self.sidecar.layers.iter().map(|layer| layer.layer.as_str()).collect();
            FeaturesError::Failed(format!("there are no features of \"{layer}\"; there are {}", known.join(", ")))
        })?;
        Ok(array.rows(rows)?)
    }
}

/// Folders with features under `dir` (see [`features_dir`]), by model hash as its folder is called.
#[must_use]
pub fn kept_for(catalog: &Path) -> BTreeMap<String, PathBuf> {
    let parent = features_dir(catalog, "");
    let Ok(entries) = fs::read_dir(&parent) else { return BTreeMap::new() };
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.join(SIDECAR).is_file());
    folders.filter_map(|path| Some((path.file_name()?.to_string_lossy().into_owned(), path))).collect()
}
