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
    Samples, Sidecar, features_dir,
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
    let mut layers = layers(model, request.layers)?;
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
    for (out, ids) in parts {
        let (samples, refs) = samples(population, &ids)?;
        let refs = Arc::new(refs);
        let identity = |layers: &[LayerSaid]| {
            Identity::new(model_said.clone(), said.clone(), request.dtype, batch, &how, layers.to_vec(), &samples)
        };
        if request.out.is_none()
            && let Ok(Some(there)) = Sidecar::read(&out)
        {
            // What another run made for other layers is made again with these, not lost.
            let there = there.identity();
            if there.difference_but_layers(&identity(&layers)).is_none() {
                let asked = std::mem::replace(&mut layers, there.layers);
                let new: Vec<_> = asked.into_iter().filter(|layer| !layers.contains(layer)).collect();
                layers.extend(new);
            }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::formats::image;
    use crate::formats::npy;
    use crate::model::card::{Channels, Interpolation, Layout};
    use crate::model::features::{FeatureSet, RECORD, SIDECAR};

    fn how() -> Preprocessing {
        Preprocessing {
            resize: 0,
            interpolation: Interpolation::Bilinear,
            crop: 2,
            channels: Channels::Grey,
            layout: Layout::Nchw,
            mean: [0.0; 3],
            std: [1.0; 3],
        }
    }

    /// Pictures of one gray each; number 2 and the last one are none.
    struct Grays(usize);

    impl Reader for Grays {
        fn read(&mut self, at: usize) -> Result<bytes::Bytes, String> {
            if at == 2 || at + 1 == self.0 {
                return Err(format!("number {at} is gone"));
            }
            // Later ones are ready earlier.
            std::thread::sleep(Duration::from_micros(((at * 7) % 5) as u64 * 200));
            let value = at as u8;
            let rgba = [value, value, value, 255].repeat(4);
            Ok(image::png(&image::Picture { width: 2, height: 2, rgba, truncated: false }).into())
        }
    }

    /// Gives the gray of each picture, and its square; fails or stops at a batch if told to.
    struct Fake {
        batches: Vec<usize>,
        fail_at: usize,
        cancel_at: usize,
        cancel: CancelToken,
    }

    impl Runner for Fake {
        fn run(&mut self, count: usize, values: &[f32]) -> Result<Vec<Vec<f32>>, ModelError> {
            if self.batches.len() == self.fail_at {
                return Err(ModelError::Runtime { runtime: "fake".to_owned(), message: "no more".to_owned() });
            }
            if self.batches.len() == self.cancel_at {
                self.cancel.cancel();
            }
            self.batches.push(count);
            let gray = |picture: &[f32]| picture[0] * 255.0;
            let grays: Vec<f32> = values.chunks_exact(4).map(gray).collect();
            assert_eq!(grays.len(), count);
            let first = grays[0];
            // What a picture gives depends on what it shares a batch with, as rounding does in a real model.
            let pairs = grays.iter().flat_map(|gray| [*gray, first]).collect();
            // Number 5 overflows.
            Ok(vec![grays.iter().map(|&gray| if gray == 5.0 { f32::INFINITY } else { gray }).collect(), pairs])
        }
    }

    fn list(rows: usize) -> Samples {
        let keys: Vec<String> = (0..rows).map(|row| format!("k{row}")).collect();
        let labels = vec![Some("hats".to_owned()); rows];
        Samples(vec![DatasetSamples {
            name: "shop".to_owned(),
            keys,
            labels,
            classes: vec![None; rows],
            ..DatasetSamples::default()
        }])
    }

    fn identity(samples: &Samples, dtype: Dtype) -> Identity {
        let said = |name: &str| LayerSaid { layer: name.to_owned(), tensor: name.to_owned() };
        Identity::new(
            ModelSaid { name: "fake".to_owned(), file: PathBuf::new(), hash: "00".to_owned() },
            RuntimeSaid { name: "fake".to_owned(), provider: "CPU".to_owned() },
            dtype,
            4,
            &how(),
            vec![said("a/b"), said("a:b")],
            samples,
        )
    }

    fn go(out: &Path, rows: usize, fail_at: usize, cancel_at: usize) -> (Result<Summary, FeaturesError>, Vec<usize>) {
        let samples = list(rows);
        let (how, identity) = (how(), identity(&samples, Dtype::F32));
        let filling = Filling { out, identity, samples: &samples, how: &how, force: false };
        let (progress, cancel) = (Progress::default(), CancelToken::default());
        let mut fake = Fake { batches: Vec::new(), fail_at, cancel_at, cancel: cancel.clone() };
        struct Borrowed<'a>(&'a mut Fake);
        impl Runner for Borrowed<'_> {
            fn run(&mut self, count: usize, values: &[f32]) -> Result<Vec<Vec<f32>>, ModelError> {
                self.0.run(count, values)
            }
        }
        let readers = (0..3).map(|_| Grays(rows)).collect();
        let done = fill(filling, readers, || Ok(Borrowed(&mut fake)), &progress, &cancel);
        (done, fake.batches)
    }

    fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
        entries
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
            .collect()
    }

    #[test]
    fn rows_are_in_order_and_unreadable_ones_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let (summary, batches) = go(dir.path(), 14, usize::MAX, usize::MAX);
        let summary = summary.unwrap();
        assert_eq!(batches, [4, 4, 4, 2]);
        assert_eq!((summary.samples, summary.computed, summary.unreadable, summary.not_finite), (14, 14, 2, 1));
        let set = FeatureSet::open(dir.path()).unwrap();
        assert_eq!(
            set.sidecar.layers.iter().map(|layer| layer.file.as_str()).collect::<Vec<_>>(),
            ["a_b.npy", "a_b-2.npy"]
        );
        assert_eq!(
            set.sidecar.layers.iter().map(|layer| (layer.dims, layer.not_finite)).collect::<Vec<_>>(),
            [(1, 1), (2, 0)]
        );
        let bad: Vec<_> =
            set.sidecar.unreadable.iter().map(|row| (row.row, row.key.as_str(), row.reason.as_str())).collect();
        assert_eq!(bad, [(2, "k2", "number 2 is gone"), (13, "k13", "number 13 is gone")]);
        let pairs = set.rows("a:b", 0..14).unwrap();
        for row in 0..14_usize {
            let expect = [row as f32, (row / 4 * 4) as f32];
            if row == 2 || row == 13 {
                assert!(pairs[row * 2..row * 2 + 2].iter().all(|value| value.is_nan()), "{row}");
            } else {
                assert_eq!(pairs[row * 2..row * 2 + 2], expect, "{row}");
            }
        }
        assert_eq!(set.rows("a/b", 4..6).unwrap(), [4.0, f32::INFINITY]);
        assert!(set.rows("c", 0..1).unwrap_err().to_string().contains("\"c\"; there are a/b, a:b"));
        // Nothing is left to do.
        let (again, batches) = go(dir.path(), 14, 0, 0);
        assert_eq!((again.unwrap().computed, batches.len()), (0, 0));
    }

    #[test]
    fn a_run_that_ended_early_is_gone_on_with_to_the_same_bytes() {
        let whole = tempfile::tempdir().unwrap();
        go(whole.path(), 22, usize::MAX, usize::MAX).0.unwrap();
        let expect = files(whole.path());
        for at in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let (failed, _) = go(dir.path(), 22, at, usize::MAX);
            assert!(failed.unwrap_err().to_string().contains("no more"));
            assert!(FeatureSet::open(dir.path()).unwrap_err().to_string().contains("not finished"));
            // A line that was being written, and rows that the record does not know.
            let mut record = fs::read(dir.path().join(RECORD)).unwrap();
            record.extend(b"{\"rows\":2");
            fs::write(dir.path().join(RECORD), record).unwrap();
            if at > 0 {
                let part = dir.path().join("a_b.npy.part");
                let mut bytes = fs::read(&part).unwrap();
                bytes.extend([9; 7]);
                fs::write(&part, bytes).unwrap();
            }
            // Cancelled at the next batch, which is kept; then on to the end.
            let (cancelled, batches) = go(dir.path(), 22, usize::MAX, 0);
            assert!(matches!(cancelled, Err(FeaturesError::Cancelled(_))), "{cancelled:?}");
            assert_eq!(batches, [4], "cancelled within one batch");
            let (done, batches) = go(dir.path(), 22, usize::MAX, usize::MAX);
            assert_eq!((done.unwrap().computed, batches.len()), (22 - 4 * (at + 1), 5 - at));
            assert_eq!(files(dir.path()), expect, "failed at batch {at}");
        }
        // An array that is not there any more: all of it is made again.
        let dir = tempfile::tempdir().unwrap();
        go(dir.path(), 22, 3, usize::MAX).0.unwrap_err();
        fs::remove_file(dir.path().join("a_b-2.npy.part")).unwrap();
        assert_eq!(go(dir.path(), 22, usize::MAX, usize::MAX).0.unwrap().computed, 22);
        assert_eq!(files(dir.path()), expect);
        // Killed after the arrays had their names and before the sidecar stood.
        let record = {
            let dir = tempfile::tempdir().unwrap();
            go(dir.path(), 22, 5, usize::MAX).0.unwrap_err();
            let text = fs::read_to_string(dir.path().join(RECORD)).unwrap();
            let (first, last) = (text.lines().next().unwrap().to_owned(), text.lines().last().unwrap().to_owned());
            format!(
                "{first}\n{}\n",
                last.replace("\"rows\":20", "\"rows\":22").replace(
                    "\"dims\"",
                    "\"unreadable\":[[2,\"number 2 is gone\"],[21,\"number 21 is gone\"]],\"dims\""
                )
            )
        };
        fs::remove_file(dir.path().join(SIDECAR)).unwrap();
        fs::write(dir.path().join(RECORD), record).unwrap();
        assert_eq!(go(dir.path(), 22, 0, usize::MAX).0.unwrap().computed, 0);
        assert_eq!(files(dir.path()), expect);
    }

    #[test]
    fn other_features_are_not_mixed_in() {
        let dir = tempfile::tempdir().unwrap();
        go(dir.path(), 22, 2, usize::MAX).0.unwrap_err();
        let before = files(dir.path());
        let same = identity(&list(22), Dtype::F32);
        let check = |identity: Identity, expect: &str| {
            let error = FolderWriter::open(dir.path(), identity, false).unwrap_err().to_string();
            assert!(error.contains(expect) && error.contains("--force"), "\"{error}\" should say \"{expect}\"");
            assert_eq!(files(dir.path()), before, "{expect}");
        };
        check(identity(&list(21), Dtype::F32), "another set of samples");
        check(identity(&list(22), Dtype::F16), "another type of numbers");
        check(Identity { batch: 8, ..same.clone() }, "another batch size");
        let model = ModelSaid { hash: "01".to_owned(), ..same.model.clone() };
        check(Identity { model, ..same.clone() }, "another model");
        let runtime = RuntimeSaid { provider: "CUDA".to_owned(), ..same.runtime.clone() };
        check(Identity { runtime, ..same.clone() }, "another runtime");
        let preprocessing = (&Preprocessing { resize: 3, ..how() }).into();
        check(Identity { preprocessing, ..same.clone() }, "another preprocessing");
        check(Identity { layers: same.layers[..1].to_vec(), ..same.clone() }, "another choice of layers");
        // The same file under another name is the same model.
        let model = ModelSaid { name: "copy".to_owned(), file: "elsewhere".into(), ..same.model.clone() };
        let Ok(Folder::Unfinished(writer)) = FolderWriter::open(dir.path(), Identity { model, ..same.clone() }, false)
        else {
            panic!("goes on")
        };
        assert_eq!((writer.rows(), writer.unreadable()), (8, 1));
        let error = FolderWriter::open(dir.path(), same.clone(), false).unwrap_err().to_string();
        assert!(error.contains("another shopscope"), "{error}");
        drop(writer);
        let Ok(Folder::Unfinished(writer)) = FolderWriter::open(dir.path(), Identity { batch: 8, ..same }, true) else {
            panic!("starts anew")
        };
        assert_eq!(writer.rows(), 0);
    }

    #[test]
    fn halves_say_what_does_not_fit() {
        let dir = tempfile::tempdir().unwrap();
        let samples = list(2);
        let Ok(Folder::Unfinished(mut writer)) = FolderWriter::open(dir.path(), identity(&samples, Dtype::F16), false)
        else {
            panic!("a new folder")
        };
        writer.append(2, vec![vec![1.0, 70_000.0], vec![1.0; 4]], &[]).unwrap();
        let sidecar = writer.finish(&samples).unwrap();
        assert_eq!(sidecar.layers.iter().map(|layer| layer.not_finite).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(npy::read(&dir.path().join("a_b.npy")).unwrap().values, [1.0, f32::INFINITY]);
    }
}
