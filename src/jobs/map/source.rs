//! Which features there are of the open datasets, and their rows.
//!
//! Features lie beside the catalogs, a folder a dataset and model ([`features_dir`]). A model can be looked at as soon as one open dataset has
//! features by it; a layer as soon as every such folder has it. Rows are joined in the order of the datasets; a row with a number that is
//! infinite or none (its picture cannot be read) has no place on a map and is left out.
//!
//! Nothing stale is served: rows of a shard that changed since are left out ([`RowIndex`]), what lies in it now is told as lacking, and a folder
//! whose arrays are not whole any more has no rows and is told of. What is known of a folder is kept until its sidecar is another file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use roaring::RoaringBitmap;

use super::{Lacking, MapLayer, MapSource, ModelFile, Why};
use crate::analysis::linear;
use crate::catalog::{Columns, flags};
use crate::formats::npy::Npy;
use crate::jobs::{Population, demo};
use crate::model::bundled;
use crate::model::features::{FoundRows, LayerFile, RowIndex, SIDECAR, Sidecar, features_dir};
use crate::model::onnx::Graph;

/// Rows read at once.
const CHUNK: usize = 1 << 14;

/// Size and time of a file: another file under the same name has others.
type Stamp = (u64, Option<SystemTime>);

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.len(), meta.modified().ok()))
}

/// What is kept of a folder of features.
struct Folder {
    dir: PathBuf,
    stamp: Stamp,
    model: String,
    name: String,
    file: PathBuf,
    layers: Vec<LayerFile>,
    rows: usize,
    /// Rows of pictures that cannot be read.
    unreadable: BTreeSet<usize>,
    index: RowIndex,
    /// Hash of all that decided its numbers.
    identity: String,
}

/// Folders that were read, by their paths: a sidecar lists the keys of all rows, which takes a second for a million.
static FOLDERS: Mutex<BTreeMap<PathBuf, Arc<Folder>>> = Mutex::new(BTreeMap::new());

/// Hashes of model files, for as long as the file is the same.
static HASHES: Mutex<BTreeMap<PathBuf, (Stamp, Option<String>)>> = Mutex::new(BTreeMap::new());

fn folder(dir: PathBuf) -> Option<Arc<Folder>> {
    let stamp = stamp(&dir.join(SIDECAR))?;
    let kept = || FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(folder) = kept().get(&dir).filter(|folder| folder.stamp == stamp) {
        return Some(Arc::clone(folder));
    }
    let sidecar = match Sidecar::read(&dir) {
        Ok(sidecar) => sidecar?,
        Err(error) => {
            tracing::warn!("{error}");
            return None;
        }
    };
    let identity = super::cache::fingerprint(&serde_json::to_string(&sidecar.identity()).ok()?);
    let index = RowIndex::new(&sidecar);
    let folder = Arc::new(Folder {
        stamp,
        model: sidecar.model.hash,
        name: sidecar.model.name,
        file: sidecar.model.file,
        layers: sidecar.layers,
        rows: sidecar.rows,
        unreadable: sidecar.unreadable.iter().map(|unreadable| unreadable.row).collect(),
        index,
        identity,
        dir: dir.clone(),
    });
    kept().insert(dir, Arc::clone(&folder));
    Some(folder)
}

impl Folder {
    /// The array of a layer, if it is whole.
    fn array(&self, layer: &LayerFile) -> Result<Npy, String> {
        let path = self.dir.join(&layer.file);
        let array = Npy::open(&path).map_err(|error| error.to_string())?;
        if array.len() != self.rows || array.dims() != layer.dims {
            return Err(format!("these features are not as they were written; extract them again: {}", path.display()));
        }
        Ok(array)
    }

    fn is_whole(&self) -> bool {
        self.layers.iter().all(|layer| self.array(layer).is_ok())
    }
}

/// Folders of features of the open datasets, each with the place of its dataset.
fn folders(population: &Population) -> Vec<(usize, Arc<Folder>)> {
    let mut found = Vec::new();
    for (place, open) in population.datasets.iter().enumerate() {
        // The folder of some model; its parent holds those of all models.
        let some = features_dir(&open.catalog, "model");
        let Some(parent) = some.parent() else { continue };
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        let mut dirs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        dirs.sort();
        found.extend(dirs.into_iter().filter_map(|dir| Some((place, folder(dir)?))));
    }
    found
}

/// Where the model is now, and whether it is the one whose features these are.
fn model_file(file: &Path, hash: &str) -> (PathBuf, ModelFile) {
    // A model of the program is written to the cache again where it went away.
    let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let bundled = bundled::find(name).filter(|_| !file.is_file());
    let file = bundled.and_then(|model| bundled::locate(Path::new(model.name)).ok()).unwrap_or_else(|| file.to_owned());
    let Some(stamp) = stamp(&file) else { return (file, ModelFile::Gone) };
    let hashes = || HASHES.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = hashes().get(&file).filter(|(then, _)| *then == stamp).map(|(_, hash)| hash.clone());
    let found = kept.unwrap_or_else(|| {
        let found = Graph::read(&file).ok().map(|graph| graph.hash().to_owned());
        hashes().insert(file.clone(), (stamp, found.clone()));
        found
    });
    let state = if found.as_deref() == Some(hash) { ModelFile::Same } else { ModelFile::Replaced };
    (file, state)
}

/// Pictures of a dataset.
fn pictures(columns: &Columns, place: usize) -> RoaringBitmap {
    let Some(dataset) = columns.datasets.get(place) else { return RoaringBitmap::new() };
    dataset.range.clone().filter(|sample| columns.flags[*sample as usize] & flags::HAS_IMAGE != 0).collect()
}

/// A model's part of the answer while it is put together.
struct Found {
    source: MapSource,
    /// Places of datasets that have a folder.
    seen: Vec<usize>,
    /// One of the folders is whole: layers are known.
    is_known: bool,
}

/// The models whose features exist, the one with most rows first.
pub(in crate::jobs) fn find(population: &Population) -> Vec<MapSource> {
    let columns = &population.columns;
    let mut all: Vec<Found> = Vec::new();
    for (place, folder) in folders(population) {
        let at = all.iter().position(|found| found.source.model == folder.model).unwrap_or_else(|| {
            let (file, model_file) = model_file(&folder.file, &folder.model);
            let source = MapSource {
                model: folder.model.clone(),
                name: folder.name.clone(),
                file,
                model_file,
                layers: Vec::new(),
                lacking: Vec::new(),
            };
            all.push(Found { source, seen: Vec::new(), is_known: false });
            all.len() - 1
        });
        let Found { source, seen, is_known } = &mut all[at];
        seen.push(place);
        let FoundRows { samples, changed } = folder.index.find(columns);
        let rows: RoaringBitmap = samples.iter().flatten().map(|sample| sample.0).collect();
        let lacking = |why: Why, samples: RoaringBitmap, extract: RoaringBitmap| Lacking {
            dataset: place,
            why,
            samples: Arc::new(samples),
            extract: Arc::new(extract),
        };
        if !folder.is_whole() {
            let samples = &rows | &changed;
            source.lacking.push(lacking(Why::Damaged, samples.clone(), samples));
            if !*is_known {
                // So that it is said, and extracted again in the layers that were there.
                let none = |layer: &LayerFile| MapLayer { name: layer.layer.clone(), dims: layer.dims, rows: 0 };
                source.layers = folder.layers.iter().map(none).collect();
            }
            continue;
        }
        if !changed.is_empty() {
            let extract = &rows | &changed;
            source.lacking.push(lacking(Why::Changed, changed, extract));
        }
        let is_usable = |(row, sample): (usize, &Option<_>)| sample.is_some() && !folder.unreadable.contains(&row);
        let known = samples.iter().enumerate().filter(|&at| is_usable(at)).count() as u64;
        let layers =
            folder.layers.iter().map(|layer| MapLayer { name: layer.layer.clone(), dims: layer.dims, rows: known });
        if std::mem::replace(is_known, true) {
            // Where a layer is missing in one of the folders, half of the points would be missing on its map.
            let more: Vec<MapLayer> = layers.collect();
            source.layers.retain_mut(|layer| {
                match more.iter().find(|other| other.name == layer.name && other.dims == layer.dims) {
                    Some(other) => {
                        layer.rows += other.rows;
                        true
                    }
                    None => false,
                }
            });
        } else {
            source.layers = layers.collect();
        }
    }
    for Found { source, seen, .. } in &mut all {
        for place in (0..population.datasets.len()).filter(|place| !seen.contains(place)) {
            let samples = Arc::new(pictures(columns, place));
            if !samples.is_empty() {
                let extract = Arc::clone(&samples);
                source.lacking.push(Lacking { dataset: place, why: Why::Never, samples, extract });
            }
        }
    }
    let mut sources: Vec<MapSource> =
        all.into_iter().map(|found| found.source).filter(|source| !source.layers.is_empty()).collect();
    sources.sort_by_key(|source| std::cmp::Reverse(source.rows()));
    sources
}

/// True if all open datasets are those that the program draws itself.
pub(super) fn is_demo(population: &Population) -> bool {
    !population.datasets.is_empty() && population.datasets.iter().all(|open| demo::is_demo(&open.source.root))
}

/// Rows of features with the samples they are of.
pub(in crate::jobs) struct Rows {
    /// What the model is called.
    pub(in crate::jobs) model: String,
    /// The sample of each row.
    pub(in crate::jobs) samples: Arc<Vec<u32>>,
    /// `[N, D]`, all finite.
    pub(in crate::jobs) values: Vec<f32>,
    /// D.
    pub(in crate::jobs) dims: usize,
    /// Rows that were left out.
    pub(in crate::jobs) left_out: usize,
    /// Hash of what the rows came from: model, layer, samples in order.
    pub(in crate::jobs) hash: String,
}

/// The rows of a layer, of all open datasets that have it.
///
/// # Errors
/// A sentence.
pub(in crate::jobs) fn read(population: &Population, model: &str, layer: &str) -> Result<Rows, String> {
    let mut rows = Rows {
        model: String::new(),
        samples: Arc::default(),
        values: Vec::new(),
        dims: 0,
        left_out: 0,
        hash: String::new(),
    };
    let mut samples = Vec::new();
    let mut said = layer.to_owned();
    for (_, folder) in folders(population) {
        if folder.model == model && folder.is_whole() {
            said += &folder.identity;
            rows.model.clone_from(&folder.name);
            append(&folder, layer, &population.columns, &mut samples, &mut rows)?;
        }
    }
    if samples.is_empty() {
        return Err(format!("there are no usable features of the layer {layer} any more; extract them again"));
    }
    // Which of the rows are used depends on what is open and what changed since.
    let keys = samples.iter().fold(0_u64, |hash, sample| {
        let key = population.columns.key_hash(crate::base::SampleId(*sample));
        (hash.rotate_left(5) ^ key).wrapping_mul(0x517c_c1b7_2722_0a95)
    });
    rows.hash = super::cache::fingerprint(&format!("{said} {} {keys:016x}", samples.len()));
    rows.samples = Arc::new(samples);
    Ok(rows)
}

fn append(
    folder: &Folder,
    layer: &str,
    columns: &Columns,
    samples: &mut Vec<u32>,
    rows: &mut Rows,
) -> Result<(), String> {
    let Some(file) = folder.layers.iter().find(|file| file.layer == layer) else { return Ok(()) };
    let array = folder.array(file)?;
    if rows.dims != 0 && rows.dims != array.dims() {
        return Err(format!(
            "the features of {layer} have {} numbers a row here and {} there; extract them again",
            rows.dims,
            array.dims()
        ));
    }
    rows.dims = array.dims();
    let places = folder.index.find(columns).samples;
    for first in (0..array.len()).step_by(CHUNK) {
        let range = first..(first + CHUNK).min(array.len());
        let values = array.rows(range.clone()).map_err(|error| error.to_string())?;
        for (place, row) in places[range].iter().zip(values.chunks_exact(rows.dims.max(1))) {
            let Some(sample) = place else { continue };
            if linear::Rows::is_usable(row) {
                samples.push(sample.0);
                rows.values.extend_from_slice(row);
            } else {
                rows.left_out += 1;
            }
        }
    }
    Ok(())
}
