//! The job with a model and pictures that are made up.

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
    let readers = (0..3).map(|_| Grays(rows)).collect();
    let done = fill(filling, readers, || Ok(&mut fake), &progress, &cancel);
    (done, fake.batches)
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap())).collect()
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
            last.replace("\"rows\":20", "\"rows\":22")
                .replace("\"dims\"", "\"unreadable\":[[2,\"number 2 is gone\"],[21,\"number 21 is gone\"]],\"dims\"")
        )
    };
    fs::remove_file(dir.path().join(SIDECAR)).unwrap();
    fs::write(dir.path().join(RECORD), record).unwrap();
    assert_eq!(go(dir.path(), 22, 0, usize::MAX).0.unwrap().computed, 0);
    assert_eq!(files(dir.path()), expect);
}

#[test]
fn shards_without_rows_are_kept_up_to_date() {
    use crate::formats::Fingerprint;
    use crate::model::features::ShardRows;
    let dir = tempfile::tempdir().unwrap();
    let with = |times: [i64; 2]| {
        let mut samples = list(22);
        let shard = |(name, modified_ns, rows): (&str, i64, usize)| ShardRows {
            name: name.to_owned(),
            fingerprint: Fingerprint { bytes: 1, modified_ns },
            rows,
        };
        samples.0[0].shards = [("0", times[0], 22), ("1", times[1], 0)].map(shard).to_vec();
        samples
    };
    let go = |samples: &Samples| {
        let how = how();
        let filling =
            Filling { out: dir.path(), identity: identity(samples, Dtype::F32), samples, how: &how, force: true };
        let cancel = CancelToken::default();
        let mut fake = Fake { batches: Vec::new(), fail_at: usize::MAX, cancel_at: usize::MAX, cancel: cancel.clone() };
        let done = fill(filling, vec![Grays(22)], || Ok(&mut fake), &Progress::default(), &cancel).unwrap();
        (done.computed, Sidecar::read(dir.path()).unwrap().unwrap().datasets[0].shards[1].fingerprint.modified_ns)
    };
    assert_eq!(go(&with([5, 5])), (22, 5));
    // A filter leaves the second shard out; that it is another now changes no number, but is not told of again and again.
    assert_eq!(go(&with([5, 6])), (0, 6));
    assert_eq!(go(&with([5, 6])), (0, 6));
    // A shard with rows is read again.
    assert_eq!(go(&with([6, 6])), (22, 6));
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
