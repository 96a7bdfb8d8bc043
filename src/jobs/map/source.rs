//! Which features there are of the open datasets, and their rows.
//!
//! Features lie beside the catalogs, a folder a dataset and model ([`features_dir`]). A model can be looked at as soon as one open dataset has
//! features by it; a layer as soon as every such folder has it. Rows are joined in the order of the datasets; a row with a number that is
//! infinite or none (its picture cannot be read) has no place on a map and is left out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{MapLayer, MapSource};
use crate::jobs::Population;
use crate::model::features::{FeatureSet, Sidecar, features_dir};

/// Rows read at once.
const CHUNK: usize = 1 << 14;

/// Folders of features of the open datasets, whole ones only.
fn folders(population: &Population) -> Vec<(PathBuf, Sidecar)> {
    let mut found = Vec::new();
    for open in &population.datasets {
        // The folder of some model; its parent holds those of all models.
        let some = features_dir(&open.catalog, "model");
        let Some(parent) = some.parent() else { continue };
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        let mut dirs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        dirs.sort();
        for dir in dirs {
            match Sidecar::read(&dir) {
                Ok(Some(sidecar)) => found.push((dir, sidecar)),
                Ok(None) => {}
                Err(error) => tracing::warn!("{error}"),
            }
        }
    }
    found
}

/// The models whose features exist, the one with most rows first.
pub(in crate::jobs) fn find(population: &Population) -> Vec<MapSource> {
    let mut sources: Vec<(MapSource, usize)> = Vec::new();
    for (_, sidecar) in folders(population) {
        let place = sources.iter().position(|(source, _)| source.model == sidecar.model.hash);
        let layers = sidecar.layers.iter().map(|layer| MapLayer {
            name: layer.layer.clone(),
            dims: layer.dims,
            rows: (sidecar.rows - sidecar.unreadable.len().min(sidecar.rows)) as u64,
        });
        match place {
            None => {
                let (model, name) = (sidecar.model.hash.clone(), sidecar.model.name.clone());
                sources.push((MapSource { model, name, layers: layers.collect() }, 1));
            }
            Some(place) => {
                let (source, folders) = &mut sources[place];
                *folders += 1;
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
            }
        }
    }
    let mut sources: Vec<MapSource> =
        sources.into_iter().map(|(source, _)| source).filter(|source| !source.layers.is_empty()).collect();
    sources.sort_by_key(|source| std::cmp::Reverse(source.rows()));
    sources
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
    for (dir, sidecar) in folders(population) {
        if sidecar.model.hash == model {
            said += &serde_json::to_string(&sidecar.identity()).map_err(|error| error.to_string())?;
            rows.model.clone_from(&sidecar.model.name);
            append(&dir, layer, population, &mut samples, &mut rows)?;
        }
    }
    if samples.is_empty() {
        return Err(format!("there are no features of the layer {layer} any more; extract them again"));
    }
    // The identity of a folder has a hash of its keys; which of them are open is told by how many were found.
    rows.hash = super::cache::fingerprint(&format!("{said} {}", samples.len()));
    rows.samples = Arc::new(samples);
    Ok(rows)
}

fn append(
    dir: &Path,
    layer: &str,
    population: &Population,
    samples: &mut Vec<u32>,
    rows: &mut Rows,
) -> Result<(), String> {
    let set = FeatureSet::open(dir).map_err(|error| error.to_string())?;
    let Some(array) = set.layer(layer) else { return Ok(()) };
    if rows.dims != 0 && rows.dims != array.dims() {
        return Err(format!(
            "the features of {layer} have {} numbers a row here and {} there; extract them again",
            rows.dims,
            array.dims()
        ));
    }
    rows.dims = array.dims();
    let places = set.samples_in(&population.columns);
    for first in (0..array.len()).step_by(CHUNK) {
        let range = first..(first + CHUNK).min(array.len());
        let values = set.rows(layer, range.clone()).map_err(|error| error.to_string())?;
        for (place, row) in places[range].iter().zip(values.chunks_exact(rows.dims.max(1))) {
            let Some(sample) = place else { continue };
            if row.iter().all(|value| value.is_finite()) {
                samples.push(sample.0);
                rows.values.extend_from_slice(row);
            } else {
                rows.left_out += 1;
            }
        }
    }
    Ok(())
}
