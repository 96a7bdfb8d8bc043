//! Features of whole datasets: pictures through a model into a folder of arrays.
//!
//! How it works: [`Request`] says what; [`compute`] lists the samples, opens the folder
//! ([`FolderWriter`](crate::model::features::FolderWriter)) and lets [`batches`](super::batches) run what the folder lacks. A batch is
//! written whole, and the record of the folder speaks of whole batches: a run that was killed goes on at the start of a batch, so that each picture
//! shares a batch with the same others whatever happened, and the bytes are those of an uninterrupted run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use roaring::RoaringBitmap;
use serde::Serialize;

use super::batches::{self, Batch, PictureReader, Reader, Runner, Seconds, Work};
use super::{Population, SampleRef};
use crate::base::{CancelToken, Progress, SampleId};
use crate::catalog::{Catalog, flags};
use crate::formats::npy::Dtype;
use crate::model::card::Preprocessing;
use crate::model::features::{
    DatasetSamples, FeaturesError, Folder, FolderWriter, Identity, LayerFile, LayerSaid, ModelSaid, RuntimeSaid,
    Samples, ShardRows, Sidecar, features_dir,
};
use crate::model::onnx::Tap;
use crate::model::runtime::{Runtime, Session};
use crate::model::{Model, ModelError, preprocess};

/// What a run did.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The folder.
    pub out: PathBuf,
    /// Rows in it.
    pub samples: usize,
    /// Rows made by this run; the others were there.
    pub computed: usize,
    /// Rows that are NaN because their picture cannot be read.
    pub unreadable: usize,
    /// Rows of readable pictures with a number that is infinite or none, in any layer at most.
    pub not_finite: u64,
    /// Of this run, by the clock; 0 where nothing was to do.
    pub images_per_second: f64,
    /// Where the time of this run went.
    pub seconds: Seconds,
    /// What computed.
    pub runtime: RuntimeSaid,
    /// The model.
    pub model: ModelSaid,
    /// The arrays.
    pub layers: Vec<LayerFile>,
    /// What went differently than wished: a smaller batch, another device, a model file that was replaced.
    pub notices: Vec<String>,
}

impl Summary {
    fn new(out: &Path, sidecar: Sidecar, computed: usize, seconds: Seconds, notices: Vec<String>) -> Self {
        let rate = if computed > 0 { computed as f64 / seconds.total.max(1e-9) } else { 0.0 };
        Self {
            out: out.to_owned(),
            samples: sidecar.rows,
            computed,
            unreadable: sidecar.unreadable.len(),
            not_finite: sidecar.layers.iter().map(|layer| layer.not_finite).max().unwrap_or(0),
            images_per_second: rate,
            seconds,
            runtime: sidecar.runtime,
            model: sidecar.model,
            layers: sidecar.layers,
            notices,
        }
    }
}

/// The samples among `ids` that have a picture, as the folder lists them and as workers read them.
///
/// # Errors
/// A sentence: a catalog cannot be read.
pub fn samples(population: &Population, ids: &RoaringBitmap) -> Result<(Samples, Vec<SampleRef>), FeaturesError> {
    let failed = |error: crate::catalog::CatalogError| FeaturesError::Failed(error.to_string());
    let columns = &population.columns;
    let (mut listed, mut refs) = (Vec::new(), Vec::new());
    for (info, open) in columns.datasets.iter().zip(&population.datasets) {
        let with_picture = |id: &u32| columns.flags[*id as usize] & flags::HAS_IMAGE != 0;
        let rows: Vec<u32> =
            ids.range(info.range.clone()).filter(with_picture).map(|id| id - info.range.start).collect();
        if rows.is_empty() {
            continue;
        }
        let catalog = Catalog::open_read(&open.catalog).map_err(failed)?;
        catalog.adopt(&info.columns);
        let mut dataset = DatasetSamples {
            name: info.name.clone(),
            path: info.root.clone(),
            format: info.format.as_str().to_owned(),
            ..DatasetSamples::default()
        };
        for &row in &rows {
            let record = catalog.record(row).map_err(failed)?;
            dataset.keys.push(record.key);
            dataset.labels.push(columns.leaf_name(SampleId(info.range.start + row)).map(str::to_owned));
            dataset.classes.push(record.fields.class_index);
            refs.push(SampleRef { dataset: open.uid, row });
        }
        let mut at = 0;
        for shard in info.columns.shards.iter() {
            let end = shard.first_row + shard.rows;
            let next = at + rows[at..].partition_point(|&row| row < end);
            dataset.shards.push(ShardRows {
                name: shard.name.clone(),
                fingerprint: shard.fingerprint,
                rows: next - at,
            });
            at = next;
        }
        listed.push(dataset);
    }
    if refs.is_empty() {
        return Err(FeaturesError::Failed("none of these samples has a picture".to_owned()));
    }
    Ok((Samples(listed), refs))
}

/// Features to make.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The open datasets.
    pub population: &'a Arc<Population>,
    /// The samples; those without a picture are left out.
    pub ids: &'a RoaringBitmap,
    /// The model.
    pub model: &'a Model,
    /// Names of stages or tensors; empty: all stages of the card.
    pub layers: &'a [String],
    /// What computes.
    pub runtime: &'static Runtime,
    /// Pictures a run of the model; 0: what suits the device.
    pub batch: usize,
    /// How numbers are stored.
    pub dtype: Dtype,
    /// The folder for all samples; `None`: one for each dataset in the cache directory ([`features_dir`]), where stale ones are
    /// replaced and layers that are there are kept.
    pub out: Option<&'a Path>,
    /// Throw away other features that `out` holds.
    pub force: bool,
}

/// Makes features; a folder that has them already is left as it is. One summary a folder.
///
/// # Errors
/// The model has no such layer or cannot be run, a folder holds other features or cannot be written, or cancelled: then what was
/// made stays and the same request goes on from there.
pub fn compute(request: &Request, progress: &Progress, cancel: &CancelToken) -> Result<Vec<Summary>, FeaturesError> {
    let Request { population, ids, model, runtime, .. } = *request;
    let layers = layers(model, request.layers)?;
    let how = Preprocessing { layout: model.input.layout, ..model.card.preprocessing.clone() };
    if preprocess::len(&how) != model.input.shape(1).iter().product::<usize>() {
        let message = format!(
            "its input takes {:?} and the preprocessing gives {:?}; put the right crop and channels into a model card",
            model.input.shape(1),
            preprocess::shape(&how)
        );
        return Err(ModelError::Unusable { path: model.path.clone(), message }.into());
    }
    let describe = runtime.describe();
    let said = RuntimeSaid { name: describe.name.clone(), provider: describe.provider.to_owned() };
    let usual = if describe.provider == "CUDA" { 64 } else { 16 };
    let batch = model.input.batch.unwrap_or(if request.batch == 0 { usual } else { request.batch });
    let model_said = ModelSaid {
        name: model.card.name.clone(),
        file: std::path::absolute(&model.path).unwrap_or_else(|_| model.path.clone()),
        hash: model.hash.clone(),
    };
    let parts: Vec<(PathBuf, RoaringBitmap)> = match request.out {
        Some(out) => vec![(out.to_owned(), ids.clone())],
        None => population
            .columns
            .datasets
            .iter()
            .map(|dataset| {
                let out = features_dir(&dataset.columns.catalog, &model.hash);
                (out, ids.range(dataset.range.clone()).collect::<RoaringBitmap>())
            })
            .filter(|(_, ids)| !ids.is_empty())
            .collect(),
    };
    if let Some(inside) =
        population.datasets.iter().map(|open| &open.source.root).find(|root| parts[0].0.starts_with(root))
    {
        let message = "choose a place outside the dataset's folder; nothing is ever written there".to_owned();
        return Err(FeaturesError::Folder { path: inside.clone(), message });
    }
    let flags_of = &population.columns.flags;
    progress.set_total(ids.iter().filter(|&id| flags_of[id as usize] & flags::HAS_IMAGE != 0).count() as u64);
    let mut summaries = Vec::with_capacity(parts.len());
    let asked = layers;
    for (out, ids) in parts {
        let mut layers = asked.clone();
        let (samples, refs) = samples(population, &ids)?;
        let refs = Arc::new(refs);
        let identity = |layers: &[LayerSaid]| {
            Identity::new(model_said.clone(), said.clone(), request.dtype, batch, &how, layers.to_vec(), &samples)
        };
        if request.out.is_none()
            && let Ok(Some(there)) = Sidecar::read(&out)
            && there.model.hash == model_said.hash
        {
            // What another run made for other layers is made again with these, not lost; a name that means another tensor now
            // is no other layer.
            let is_other = |old: &LayerSaid| asked.iter().all(|new| new.layer != old.layer) || asked.contains(old);
            layers = there.identity().layers.into_iter().filter(is_other).collect();
            let new: Vec<LayerSaid> = asked.iter().filter(|layer| !layers.contains(layer)).cloned().collect();
            layers.extend(new);
        }
        let filling = Filling {
            out: &out,
            identity: identity(&layers),
            samples: &samples,
            how: &how,
            force: request.force || request.out.is_none(),
        };
        let start = || SessionRunner::start(runtime, model, &layers);
        summaries.push(fill(filling, PictureReader::several(population, &refs), start, progress, cancel)?);
    }
    Ok(summaries)
}

/// The layers of these names, each once.
fn layers(model: &Model, names: &[String]) -> Result<Vec<LayerSaid>, FeaturesError> {
    let mut found = Vec::<LayerSaid>::new();
    let stages = if names.is_empty() {
        model.card.stages.clone()
    } else {
        names.iter().map(|name| model.resolve(name)).collect::<Result<_, _>>()?
    };
    for stage in stages {
        if found.iter().all(|layer| layer.layer != stage.name) {
            found.push(LayerSaid { layer: stage.name, tensor: stage.tensor });
        }
    }
    if found.is_empty() {
        let message = "no stages are known of it; name tensors of the graph with --layers".to_owned();
        return Err(ModelError::Unusable { path: model.path.clone(), message }.into());
    }
    Ok(found)
}

/// A model whose outputs are the layers, averaged over places.
struct SessionRunner {
    session: Session,
    input: String,
    shape: Vec<usize>,
    outputs: Vec<String>,
    notices: Vec<String>,
}

impl SessionRunner {
    fn start(runtime: &Runtime, model: &Model, layers: &[LayerSaid]) -> Result<Self, FeaturesError> {
        let outputs: Vec<String> = (0..layers.len()).map(|at| format!("features_{at}")).collect();
        let taps: Vec<Tap> =
            layers.iter().zip(&outputs).map(|(layer, output)| Tap::mean(&layer.tensor, output)).collect();
        let session = runtime.session(&model.graph.expose(&taps)?, 0)?;
        let shape = model.input.shape(1);
        Ok(Self { session, input: model.input.name.clone(), shape, outputs, notices: Vec::new() })
    }
}

impl Runner for SessionRunner {
    fn run(&mut self, count: usize, values: &[f32]) -> Result<Vec<Vec<f32>>, ModelError> {
        self.shape[0] = count;
        let (mut outputs, notices) = self.session.run_batch(&self.input, &self.shape, values)?;
        self.notices.extend(notices);
        let take = |name: &String| {
            let at = outputs.iter().position(|(found, _)| found == name);
            at.map(|at| outputs.swap_remove(at).1.values).ok_or_else(|| ModelError::Runtime {
                runtime: self.session.label().to_owned(),
                message: "it gave another output than was asked for".to_owned(),
            })
        };
        self.outputs.iter().map(take).collect()
    }

    fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}

/// What to fill a folder with.
#[derive(Debug)]
pub struct Filling<'a> {
    /// The folder.
    pub out: &'a Path,
    /// What decides its bytes.
    pub identity: Identity,
    /// The samples in the order of the rows.
    pub samples: &'a Samples,
    /// How pictures become numbers.
    pub how: &'a Preprocessing,
    /// Throw away other features that the folder holds.
    pub force: bool,
}

/// Fills a folder, or goes on filling it. `start` makes the runner, if there is anything to run.
///
/// # Errors
/// As [`FolderWriter::open`]; the model cannot be run; cancelled, where what was made stays.
pub fn fill<R: Reader, M: Runner>(
    filling: Filling,
    readers: Vec<R>,
    start: impl FnOnce() -> Result<M, FeaturesError>,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Summary, FeaturesError> {
    let Filling { out, identity, samples, how, force } = filling;
    let (rows, batch, model) = (identity.rows, identity.batch, identity.model.file.clone());
    let mut folder = match FolderWriter::open(out, identity, force)? {
        Folder::Whole(mut sidecar) => {
            sidecar.refresh(out, samples)?;
            progress.add(rows as u64);
            return Ok(Summary::new(out, *sidecar, 0, Seconds::default(), Vec::new()));
        }
        Folder::Unfinished(folder) => *folder,
    };
    let done = folder.rows();
    progress.add(done as u64);
    let (mut seconds, mut notices) = (Seconds::default(), Vec::new());
    if done < rows {
        let before = stamp(&model);
        let mut runner = start()?;
        let work = Work { rows: done..rows, batch, how };
        let mut recorded = Instant::now();
        let mut cost = Duration::ZERO;
        let mut write = |batch: Batch| -> Result<(), FeaturesError> {
            folder.append(batch.count, batch.outputs, &batch.unreadable)?;
            // As often as it costs next to nothing: a twentieth of the time at most.
            if recorded.elapsed() >= cost * 20 {
                let started = Instant::now();
                folder.checkpoint(true)?;
                recorded = Instant::now();
                cost = recorded - started;
            }
            Ok(())
        };
        let ran = batches::run(&work, readers, &mut runner, &mut write, progress, cancel);
        if ran.is_err() {
            // What is there is worth keeping, whatever the reason; that one is told, not a second one.
            let _ = folder.checkpoint(true);
        }
        seconds = ran?;
        notices.extend(runner.take_notices());
        if stamp(&model) != before {
            notices.push(format!(
                "the model file was replaced meanwhile; these features are those of the file as it was: {}",
                model.display()
            ));
        }
    }
    let sidecar = folder.finish(samples)?;
    Ok(Summary::new(out, sidecar, rows - done, seconds, notices))
}

fn stamp(path: &Path) -> Option<(u64, Option<SystemTime>)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.len(), meta.modified().ok()))
}

#[cfg(test)]
mod tests;
