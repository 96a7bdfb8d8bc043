//! `shopscope features` through the real program: arrays as they should be, killed and cancelled runs that go on to the same
//! bytes, refusals. On tract, which needs nothing installed; on ONNX Runtime, too, where `ORT_DYLIB_PATH` names one.

mod support;

#[path = "support/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use shopscope::formats::npy;
use shopscope::model::features::FeatureSet;
use shopscope::model::onnx::Tap;
use shopscope::model::runtime::{Device, Runtime};
use shopscope::model::{Model, preprocess};

use program::{SmallNet, document, jpegs, refusal, shopscope};

/// Side of the small model's input.
const SIDE: u32 = 16;

/// Instants at which a run is killed.
const KILLS: usize = 12;

/// Folder, model and catalogs of one test.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    /// `count` pictures in two classes; numbers 3 and 8 are no pictures although they are called so.
    fn new(count: usize) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let stage = Self { dir };
        for i in 0..count {
            let class = stage.path("shop").join(["hats", "shoes"][i % 2]);
            fs::create_dir_all(&class).expect("a folder");
            let path = class.join(format!("{i:03}.png"));
            if i == 3 || i == 8 {
                fs::write(path, b"\x89PNG\r\n\x1a\nnot much of a picture").expect("written");
            } else {
                picture(i).save(path).expect("a picture");
            }
        }
        stage.write_model("m.onnx", 1.0);
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Two convolutions, a mean, a linear head; `scale` makes it another model.
    fn write_model(&self, name: &str, scale: f32) {
        let weights = |count: usize, seed: u64| -> Vec<f32> {
            let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
            (0..count).map(|_| (random.random::<f32>() - 0.5) * scale).collect()
        };
        let net = SmallNet {
            side: SIDE,
            stride: 2,
            weights: [weights(108, 1), weights(216, 2), weights(12, 3)],
            card: "[preprocessing]\nresize = SIDE\ncrop = SIDE\nmean = [0.5, 0.5, 0.5]\nstd = [0.25, 0.25, 0.25]",
        };
        net.write(&self.path(name));
    }

    fn features(&self, out: &str, more: &[&str]) -> Command {
        self.features_on("tract", out, more)
    }

    fn features_on(&self, device: &str, out: &str, more: &[&str]) -> Command {
        let mut command = shopscope(&self.path("catalogs"));
        command.arg("features").arg(self.path("shop"));
        command.arg("--model").arg(self.path("m.onnx")).args(["--device", device, "--json"]);
        if !more.contains(&"--batch") {
            command.args(["--batch", "4"]);
        }
        if !out.is_empty() {
            command.arg("--out").arg(self.path(out));
        }
        command.args(more);
        command
    }
}

/// A picture that is like no other.
fn picture(i: usize) -> RgbImage {
    let (width, height) = (20 + i as u32 % 7, 18 + i as u32 % 5);
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 9 + i as u32 * 5) as u8, (y * 11 + i as u32 * 3) as u8, (x * y + i as u32) as u8])
    })
}

/// Names and bytes of the files of a folder.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry"));
    entries.map(|e| (e.file_name().to_string_lossy().into_owned(), fs::read(e.path()).expect("read"))).collect()
}

/// Largest difference of two rows over the largest number of the second.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    worst / b.iter().fold(1e-12_f32, |most, b| most.max(b.abs()))
}

#[test]
fn a_folder_of_features_is_what_the_model_makes_of_each_picture() {
    let stage = Stage::new(23);
    let summary = document(&mut stage.features("out", &["--layers", "early,pool,late"]));
    assert_eq!(
        (&summary["samples"], &summary["computed"], &summary["unreadable"]),
        (&23.into(), &23.into(), &2.into())
    );
    for stage in ["read", "decode", "preprocess", "run", "write", "wait", "total"] {
        assert!(summary["seconds"][stage].as_f64().is_some_and(|secs| secs > 0.0), "{stage}: {summary}");
    }
    assert!(summary["images_per_second"].as_f64().is_some_and(|rate| rate > 0.0));
    assert_eq!(summary["runtime"]["provider"], "tract");
    let found = files(&stage.path("out"));
    assert_eq!(found.keys().collect::<Vec<_>>(), ["early.npy", "features.json", "late.npy", "pool.npy"]);
    let sidecar: Value = serde_json::from_slice(&found["features.json"]).expect("JSON");
    assert_eq!((&sidecar["rows"], &sidecar["model"]["name"]), (&23.into(), &"small".into()));
    assert_eq!(sidecar["model"]["hash"].as_str().map(str::len), Some(64));
    assert_eq!(sidecar["preprocessing"]["interpolation"], "bilinear");
    let keys: Vec<&str> = sidecar["keys"].as_array().expect("keys").iter().filter_map(Value::as_str).collect();
    let labels: Vec<&str> = sidecar["labels"].as_array().expect("labels").iter().filter_map(Value::as_str).collect();
    assert_eq!((keys.len(), labels.len()), (23, 23));
    let bad: Vec<&str> =
        sidecar["unreadable"].as_array().expect("a list").iter().filter_map(|row| row["key"].as_str()).collect();
    assert_eq!(bad.len(), 2, "{sidecar}");
    let number = |key: &str| -> usize {
        let digits: String = key.chars().filter(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    assert!(bad.iter().all(|key| [3, 8].contains(&number(key))), "{bad:?}");
    let arrays: Vec<npy::NpyArray> = ["early", "late", "pool"]
        .map(|layer| npy::read(&stage.path("out").join(format!("{layer}.npy"))).expect("an array"))
        .into();
    assert_eq!(arrays.iter().map(|array| array.shape.clone()).collect::<Vec<_>>(), [[23, 4], [23, 6], [23, 6]]);
    for (row, key) in keys.iter().enumerate() {
        let values = |at: usize, dims: usize| &arrays[at].values[row * dims..(row + 1) * dims];
        if bad.contains(key) {
            assert!(values(0, 4).iter().chain(values(1, 6)).chain(values(2, 6)).all(|v| v.is_nan()), "{key}");
            continue;
        }
        // The mean over places of the last stage is what the pool gives.
        assert!(values(2, 6).iter().all(|v| v.is_finite()), "{key}");
        assert!(difference(values(1, 6), values(2, 6)) < 1e-5, "{key}");
        let label = if number(key).is_multiple_of(2) { "hats" } else { "shoes" };
        assert_eq!(labels[row], label, "{key}");
    }
    // Rows are told apart: features of another picture are far off.
    let row = |at: usize| &arrays[2].values[at * 6..(at + 1) * 6];
    assert!(difference(row(0), row(1)) > 1e-3, "{:?} {:?}", row(0), row(1));

    // Nothing is done twice, nor for fewer layers.
    let again = document(&mut stage.features("out", &["--layers", "pool"]));
    assert_eq!((&again["computed"], &again["samples"], &again["unreadable"]), (&0.into(), &23.into(), &2.into()));
    assert_eq!(files(&stage.path("out")), found);

    // One picture at a time gives the same numbers but for rounding; halves are halves of them.
    document(&mut stage.features("single", &["--layers", "pool", "--batch", "1"]));
    let single = npy::read(&stage.path("single").join("pool.npy")).expect("an array");
    document(&mut stage.features("half", &["--layers", "pool", "--dtype", "f16"]));
    let half = npy::read(&stage.path("half").join("pool.npy")).expect("an array");
    for row in (0..23).filter(|row| !bad.contains(&keys[*row])) {
        let of = |array: &npy::NpyArray| array.values[row * 6..(row + 1) * 6].to_vec();
        assert!(difference(&of(&single), &of(&arrays[2])) < 1e-5, "{}", keys[row]);
        assert!(difference(&of(&half), &of(&arrays[2])) < 1e-3, "{}", keys[row]);
    }

    // A filter's folder has its samples alone; without --out the cache keeps what a later run for other layers finds.
    let filtered = document(&mut stage.features("hats", &["--layers", "pool", "--filter", "leaf = hats"]));
    assert_eq!(filtered["samples"], 12);
    let kept = document(&mut stage.features("", &["--layers", "pool"]));
    let kept_dir = PathBuf::from(kept["out"].as_str().expect("a path"));
    assert!(kept_dir.starts_with(fs::canonicalize(stage.path("catalogs")).expect("there")), "{kept_dir:?}");
    let both = document(&mut stage.features("", &["--layers", "early"]));
    assert_eq!(both["layers"].as_array().map(Vec::len), Some(2), "{both}");
    assert_eq!(files(&kept_dir)["pool.npy"], found["pool.npy"]);
}

#[test]
fn killed_at_any_instant_it_goes_on_to_the_same_bytes() {
    let stage = Stage::new(160);
    let layers = ["--layers", "early,pool"];
    document(&mut stage.features("whole", &layers));
    let expect = files(&stage.path("whole"));
    let started = Instant::now();
    document(&mut stage.features("timed", &layers));
    let span = started.elapsed();
    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(4);
    let (mut landed, mut resumed) = (0, 0);
    for kill in 0..KILLS {
        // Every second run is killed twice before it may end.
        let out = format!("killed-{kill}");
        for _ in 0..=kill % 2 {
            let mut run =
                stage.features(&out, &layers).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
            std::thread::sleep(Duration::from_secs_f64(span.as_secs_f64() * random.random::<f64>()));
            landed += usize::from(run.try_wait().expect("known").is_none());
            run.kill().expect("killed");
            run.wait().expect("ended");
        }
        let summary = document(&mut stage.features(&out, &layers));
        let computed = summary["computed"].as_u64().expect("a number");
        resumed += usize::from(computed > 0 && computed < 160);
        assert_eq!(files(&stage.path(&out)), expect, "after kill {kill}, which left {computed} to do");
    }
    assert!(landed > KILLS / 3, "only {landed} runs were still alive when they were killed");
    assert!(resumed > 0, "no run found the beginning of another");
}

#[test]
fn other_features_are_refused_and_left_alone() {
    let stage = Stage::new(10);
    document(&mut stage.features("out", &["--layers", "pool"]));
    let before = files(&stage.path("out"));
    let check = |more: &[&str], expect: &str| {
        let (code, said) = refusal(&mut stage.features("out", more));
        assert!(said.contains(expect) && said.trim_end().ends_with("out"), "\"{said}\" should say \"{expect}\"");
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
        assert_eq!(files(&stage.path("out")), before, "{expect}");
    };
    check(&["--layers", "early"], "another choice of layers; choose another --out, or --force");
    check(&["--layers", "pool", "--dtype", "f16"], "another type of numbers");
    check(&["--layers", "pool", "--batch", "8"], "another batch size");
    check(&["--layers", "pool", "--filter", "leaf = hats"], "another set of samples");
    stage.write_model("m.onnx", 0.5);
    check(&["--layers", "pool"], "another model");
    let forced = document(&mut stage.features("out", &["--layers", "pool", "--force"]));
    assert_eq!(forced["computed"], 10);
    assert_ne!(files(&stage.path("out"))["pool.npy"], before["pool.npy"]);

    let (code, said) = refusal(&mut stage.features("out", &["--layers", "nowhere"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("nowhere") && said.contains("pool"), "{said}");
    let (code, said) = refusal(&mut stage.features("shop/features", &["--layers", "pool"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("outside the dataset's folder"), "{said}");
    let (code, _) = refusal(&mut stage.features("", &["--filter", "leaf = hats"]));
    assert_eq!(code, Some(2), "a filter needs --out");
}

#[test]
fn real_pictures_stand_in_the_rows_of_their_keys() {
    let Some(data) = support::shared_data() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (out, model) = (dir.path().join("out"), data.join("models/mobilenet_v1_0.25_128.onnx"));
    let mut command = shopscope(&dir.path().join("catalogs"));
    command.arg("features").args([data.join("imagenet-mini"), data.join("lgs-mini")]).arg("--model").arg(&model);
    // A few of each, so that the test is short.
    command.args(["--layers", "block2,pool", "--device", "tract", "--json", "--filter", "width < 150"]);
    let summary = document(command.arg("--out").arg(&out));
    assert_eq!(summary["unreadable"], 0);

    let set = FeatureSet::open(&out).expect("features");
    let names: Vec<&str> = set.sidecar.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    assert_eq!(names, ["imagenet-mini", "lgs-mini"]);
    assert!(set.sidecar.datasets.iter().all(|dataset| dataset.rows > 2), "{:?}", set.sidecar.datasets);
    let model = Model::open(&model, None).expect("a model");
    let graph = model.graph.expose(&[Tap::mean("block2", "a"), Tap::mean("features", "b")]).expect("a graph");
    let mut session = Runtime::start(Device::Tract, None).expect("tract").session(&graph, 0).expect("a session");
    let how = &model.card.preprocessing;
    let mut first = 0;
    for dataset in &set.sidecar.datasets {
        let pictures = jpegs(&dataset.path);
        // The first and the last of each dataset.
        for row in [first, first + 1, first + dataset.rows - 1] {
            let bytes = &pictures[&set.sidecar.keys[row]];
            let mut values = vec![0.0; preprocess::len(how)];
            let picture = preprocess::decode(bytes, how).expect("a picture");
            preprocess::tensor(&picture, how, &mut values).expect("numbers");
            let (outputs, _) = session.run_batch(&model.input.name, &model.input.shape(1), &values).expect("runs");
            for ((_, expect), layer) in outputs.iter().zip(["block2", "pool"]) {
                let got = set.rows(layer, row..row + 1).expect("a row");
                assert!(difference(&got, &expect.values) < 1e-4, "{layer} of {}", set.sidecar.keys[row]);
                let other =
                    set.rows(layer, (row + 2) % set.sidecar.rows..(row + 2) % set.sidecar.rows + 1).expect("a row");
                assert!(difference(&other, &expect.values) > 1e-2, "another picture's {layer} is far off");
            }
        }
        first += dataset.rows;
    }
}

#[test]
fn onnx_runtime_and_tract_agree() {
    if std::env::var_os("ORT_DYLIB_PATH").is_none() {
        println!("left out: ORT_DYLIB_PATH names no ONNX Runtime");
        return;
    }
    let stage = Stage::new(12);
    let first = document(&mut stage.features_on("cpu", "ort", &["--layers", "early,pool"]));
    assert!(first["runtime"]["name"].as_str().is_some_and(|name| name.starts_with("ONNX Runtime")), "{first}");
    document(&mut stage.features("tract", &["--layers", "early,pool"]));
    for layer in ["early.npy", "pool.npy"] {
        let [a, b] = ["ort", "tract"].map(|out| npy::read(&stage.path(out).join(layer)).expect("an array"));
        let finite = |array: &npy::NpyArray| array.values.iter().copied().filter(|v| v.is_finite()).collect::<Vec<_>>();
        assert!(difference(&finite(&a), &finite(&b)) < 1e-4, "{layer}");
    }
    // A run that one runtime began is not ended by the other.
    let (_, said) = refusal(&mut stage.features_on("cpu", "tract", &["--layers", "early,pool"]));
    assert!(said.contains("another runtime"), "{said}");
}
