//! Predictions through the real binary and the library: how often models are right, what is kept, and what is asked again.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::Value;
use shopscope::base::{CancelToken, Progress};
use shopscope::catalog::{Catalog, NONE, PredictionColumns, Store};
use shopscope::formats::demo::{Dataset, DemoOptions, render_sample};
use shopscope::formats::{self, ReadOptions};
use shopscope::jobs::index::{IndexOptions, load_sources};
use shopscope::jobs::predict::{PredictError, Report, Request, predict};
use shopscope::jobs::{Population, batches};
use shopscope::model::runtime::{Device, Runtime};
use shopscope::model::{Model, bundled};

fn run(catalogs: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopscope"));
    command.arg("--catalog").arg(catalogs).args(args).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("a code"), text(stdout), text(stderr))
}

/// The JSON document of a command that must succeed.
fn document(catalogs: &Path, args: &[&str]) -> Value {
    let (code, out, err) = run(catalogs, args);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).expect("one JSON document")
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn mobilenet_is_as_often_right_on_imagenet_as_it_is() {
    let Some(data) = support::shared_data() else { return };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (images, model) = (data.join("imagenet-mini"), data.join("models/mobilenet_v1_0.25_128.onnx"));
    let (images, model) = (images.to_str().expect("text"), model.to_str().expect("text"));
    let found = document(dir.path(), &["predict", images, "--model", model, "--json"]);
    assert_eq!(keys(&found), ["model", "runtime", "images_per_second", "top1", "top5", "samples"]);
    let share = |name: &str| found[name].as_f64().expect("a share");
    let (top1, top5) = (share("top1"), share("top5"));
    println!("top-1 {top1:.4}, top-5 {top5:.4}, {:.1} images/s on {}", share("images_per_second"), found["runtime"]);
    assert!((0.476..=0.496).contains(&top1) && (0.717..=0.737).contains(&top5), "{top1} {top5}");
    let samples = found["samples"].as_array().expect("a list");
    assert_eq!(samples.len(), 900);
    // The figures are those of the list.
    let is_hit = |sample: &&Value, k: usize| {
        sample["top"].as_array().expect("a list").iter().take(k).any(|guess| guess["index"] == sample["label"])
    };
    let hits = |k: usize| samples.iter().filter(|sample| is_hit(sample, k)).count() as f64 / 900.0;
    assert!((hits(1) - top1).abs() < 1e-12 && (hits(5) - top5).abs() < 1e-12);
    let first = &samples[0];
    assert_eq!(keys(first), ["dataset", "key", "label", "top"]);
    assert_eq!((first["key"].as_str(), first["label"].as_u64()), (Some("00000000"), Some(757)));
    assert_eq!(keys(&first["top"][0]), ["index", "name", "probability"]);
    assert_eq!(first["top"].as_array().expect("a list").len(), 5);

    // All are known now: nothing is run, and the figures are the same. Filters know them, too.
    let again = document(dir.path(), &["predict", images, "--model", model, "--json", "--top", "1"]);
    assert_eq!((again["top1"].as_f64(), again["images_per_second"].as_f64()), (Some(top1), Some(0.0)));
    assert_eq!(again["samples"][7]["top"].as_array().map(Vec::len), Some(1));
    let (_, count, _) = run(dir.path(), &["query", images, "--filter", "correct = yes", "--count"]);
    assert_eq!(count.trim().parse::<f64>().expect("a number") / 900.0, top1);

    // Negative control: red for blue, on a part; its figures leave the band.
    let card = fs::read_to_string(data.join("models/mobilenet_v1_0.25_128.toml")).expect("the card");
    let wrong = dir.path().join("bgr.toml");
    assert!(card.contains("\"rgb\""), "{card}");
    fs::write(&wrong, card.replace("\"rgb\"", "\"bgr\"")).expect("a file");
    let part = ["--filter", "words >= 3", "--card", wrong.to_str().expect("text")];
    let args = [&["predict", images, "--model", model, "--json"][..], &part].concat();
    let wrong = document(dir.path(), &args);
    let count = wrong["samples"].as_array().expect("a list").len();
    println!("red for blue: top-1 {} of {count}", wrong["top1"]);
    assert!(count > 200, "{count}");
    assert!(wrong["top1"].as_f64().expect("a share") < 0.44 && wrong["top5"].as_f64().expect("a share") < 0.70);
}

/// A folder with shards of drawn scenes, its catalogs and the bundled model that knows them.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        fs::create_dir(world.data()).expect("a folder");
        world
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("scenes")
    }

    fn catalogs(&self) -> PathBuf {
        self.dir.path().join("catalogs")
    }

    /// Writes pictures number `from..to` as one shard; `change` may damage a picture or leave it out.
    fn shard(&self, name: &str, from: u32, to: u32, change: impl Fn(u32, Vec<u8>) -> Option<Vec<u8>>) {
        let options = DemoOptions { size: 96, ..DemoOptions::default() };
        let mut tar = Vec::new();
        for index in from..to {
            let sample = render_sample(Dataset::Scenes, index, &options);
            let key = format!("{index:06}");
            if let Some(jpeg) = change(index, sample.jpeg) {
                support::member(&mut tar, &format!("{key}.jpg"), &jpeg);
            }
            let record = serde_json::json!({ "caption": "x", "leaf": sample.record.leaf });
            support::member(&mut tar, &format!("{key}.json"), record.to_string().as_bytes());
        }
        tar.extend_from_slice(&[0; 1024]);
        fs::write(self.data().join(name), tar).expect("a shard");
    }

    fn population(&self) -> Arc<Population> {
        let (store, _) = Store::open(Some(self.catalogs())).expect("a store");
        let options = ReadOptions { cache_dir: self.catalogs(), ..ReadOptions::default() };
        let sources = formats::detect(&[self.data()], &options).expect("a dataset");
        let index = IndexOptions { text_index: false, ..IndexOptions::default() };
        let (_, columns) =
            load_sources(&store, &sources, &index, &Progress::default(), &CancelToken::default(), &|_| {})
                .expect("columns");
        batches::population(&store, sources, columns).expect("a population")
    }

    fn model(&self) -> Model {
        let path = bundled::find("demo-scenes").expect("it is in the program").unpack(self.dir.path());
        Model::open(&path.expect("it is written"), None).expect("it opens")
    }

    fn predict(&self, cancel: &CancelToken, stored: &dyn Fn()) -> Result<Report, PredictError> {
        let (population, model) = (self.population(), self.model());
        let runtime = Runtime::start(Device::Tract, None).expect("tract is always there");
        let ids = population.columns.all();
        let request = Request { population: &population, ids: &ids, model: &model, runtime, batch: 4 };
        predict(&request, &|_| stored(), &Progress::default(), cancel)
    }

    fn predicted(&self, report: &Report) -> PredictionColumns {
        let population = self.population();
        let dataset = &population.columns.datasets[0].columns;
        let catalog = Catalog::open_read(&dataset.catalog).expect("a catalog");
        catalog.predictions(&report.predictor.key).expect("columns")
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one of several ways to alter a picture, and the others may leave it out")]
fn whole(_: u32, jpeg: Vec<u8>) -> Option<Vec<u8>> {
    Some(jpeg)
}

#[test]
fn only_what_is_new_is_asked() {
    let world = World::new();
    world.shard("0.tar", 0, 10, |index, jpeg| match index {
        3 => None,
        5 => Some(jpeg[..jpeg.len() / 40].to_vec()),
        _ => Some(jpeg),
    });
    let go = || world.predict(&CancelToken::default(), &|| {}).expect("predictions");
    let first = go();
    assert_eq!((first.pictures, first.computed, first.unreadable, first.no_numbers), (9, 8, 1, 0));
    let columns = world.predicted(&first);
    let known: Vec<usize> = (0..10).filter(|&row| columns.predicted[row] != NONE).collect();
    assert_eq!(known, [0, 1, 2, 4, 6, 7, 8, 9]);
    let right = known.iter().filter(|&&row| columns.rank[row] == 0).count();
    assert!(right >= 6, "it knows its scenes: {right} of 8");
    assert!(known.iter().all(|&row| columns.label[row] < 20 && columns.confidence[row] > 0.05));
    // What cannot be read is tried again, the rest is known.
    let again = go();
    assert_eq!((again.pictures, again.computed, again.unreadable), (9, 0, 1));
    assert_eq!(world.predicted(&again), columns);
    // More shards: only they are asked. A shard that was read again loses what it had.
    world.shard("1.tar", 10, 14, whole);
    assert_eq!(go().computed, 4);
    std::thread::sleep(std::time::Duration::from_millis(20));
    world.shard("0.tar", 0, 10, whole);
    let last = go();
    assert_eq!((last.pictures, last.computed, last.unreadable), (14, 10, 0));
}

#[test]
fn a_run_that_was_stopped_goes_on_to_the_same() {
    let stopped = World::new();
    stopped.shard("0.tar", 0, 12, whole);
    stopped.shard("1.tar", 12, 18, whole);
    // Stopped before the first batch, and somewhere in the middle by somebody else.
    let cancel = CancelToken::default();
    let ended = stopped.predict(&cancel, &|| cancel.cancel());
    assert!(matches!(ended, Err(PredictError::Cancelled(_))), "{ended:?}");
    let cancel = CancelToken::default();
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(700));
            cancel.cancel();
        });
        stopped.predict(&cancel, &|| {})
    });
    assert!(matches!(ended, Ok(_) | Err(PredictError::Cancelled(_))), "{ended:?}");
    let report = stopped.predict(&CancelToken::default(), &|| {}).expect("the rest");
    assert!(report.computed <= 18);
    let straight = World::new();
    straight.shard("0.tar", 0, 12, whole);
    straight.shard("1.tar", 12, 18, whole);
    let once = straight.predict(&CancelToken::default(), &|| {}).expect("all");
    assert_eq!(once.computed, 18);
    let (a, b) = (stopped.predicted(&report), straight.predicted(&once));
    assert_eq!((&a.predicted, &a.label, &a.rank), (&b.predicted, &b.label, &b.rank));
    // Batches begin elsewhere after a stop: sums in another order, so the last bits of a probability may differ.
    assert!(a.confidence.iter().zip(&b.confidence).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn other_readings_of_a_model_have_answers_of_their_own() {
    let world = World::new();
    world.shard("0.tar", 0, 4, whole);
    let runtime = Runtime::start(Device::Tract, None).expect("tract is always there");
    let population = world.population();
    let ids = population.columns.all();
    let mut model = world.model();
    let go = |model: &Model| {
        let request = Request { population: &population, ids: &ids, model, runtime, batch: 4 };
        predict(&request, &|_| {}, &Progress::default(), &CancelToken::default()).expect("predictions")
    };
    let first = go(&model);
    // Another name, other stages: the same reading.
    "Renamed".clone_into(&mut model.card.name);
    model.card.stages.clear();
    let renamed = go(&model);
    assert_eq!((renamed.computed, &renamed.predictor.key), (0, &first.predictor.key));
    model.card.preprocessing.mean = [0.1, 0.9, 0.1];
    let other = go(&model);
    assert_eq!(other.computed, 4);
    assert_ne!(other.predictor.key, first.predictor.key);
    assert_ne!(world.predicted(&other).confidence, world.predicted(&first).confidence);
}

#[test]
fn bad_wishes_get_one_sentence() {
    let world = World::new();
    world.shard("0.tar", 0, 3, whole);
    let path = bundled::find("demo-scenes").expect("it is in the program").unpack(world.dir.path()).expect("written");
    let (data, model) = (world.data(), path.to_str().expect("text").to_owned());
    let data = data.to_str().expect("text");
    let check = |args: &[&str], code: i32, expect: &str| {
        let found = run(&world.catalogs(), &[&["predict", data], args].concat());
        assert_eq!(found.0, code, "{found:?}");
        assert!(found.2.contains(expect), "{expect}: {}", found.2);
        assert!(code == 2 || found.2.trim().lines().count() == 1, "one sentence: {}", found.2);
    };
    let file = |name: &str, text: &str| {
        let path = world.dir.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("text").to_owned()
    };
    check(&["--model", "nowhere.onnx"], 1, "nowhere.onnx");
    check(&["--model", &file("text.onnx", "no model")], 1, "not a readable ONNX model");
    let two = file("two.toml", "classes = [\"a\", \"b\"]");
    check(&["--model", &model, "--card", &two], 1, "2 classes, but the model has 20 scores");
    check(&["--model", &model, "--top", "6"], 2, "6 is not in 1..=5");
    check(&["--model", &model, "--filter", "colour = red"], 2, "\"colour\" is not a field");
    check(&["--model", &model, "--filter", "correct = yes"], 1, "no predictions to filter by");
    let inside = format!("{data}/out.json");
    check(&["--model", &model, "--out", &inside], 1, "nothing is ever written into a dataset's folder");
    assert!(!Path::new(&inside).exists());
    // And the right wish, for people and as a file.
    let out = world.dir.path().join("out.json");
    let (code, told, err) =
        run(&world.catalogs(), &["predict", data, "--model", "demo-scenes", "--out", out.to_str().expect("text")]);
    assert_eq!(code, 0, "{err}");
    assert!(told.contains("3 pictures, 3 predicted now") && told.contains("top-1"), "{told}");
    let written: Value = serde_json::from_str(&fs::read_to_string(&out).expect("a file")).expect("JSON");
    assert_eq!(written["samples"].as_array().map(Vec::len), Some(3));
}
