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
    Samples, Sidecar,
};

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
            if next > at {
                dataset.shards.push((shard.name.clone(), shard.fingerprint));
            }
            at = next;
        }
        listed.push(dataset);
    }
    if refs.is_empty() {
        return Err(FeaturesError::Failed("none of these samples has a picture".to_owned()));
    }
    Ok((Samples(listed), refs))
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
    progress.set_total(rows as u64);
    let mut folder = match FolderWriter::open(out, identity, force)? {
        Folder::Whole(sidecar) => {
            progress.add(rows as u64);
            return Ok(Summary::new(out, *sidecar, 0, Seconds::default(), Vec::new()));
        }
        Folder::Unfinished(folder) => folder,
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
