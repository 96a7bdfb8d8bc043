//! `shopscope explain` and `localise` through the real program, and the real `MobileNet`'s maps against torch.
//!
//! Runs on tract, which needs nothing installed. The reference is made by `tests/explain_reference.py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use image::{Rgb, RgbImage};
use prost::Message;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use serde_json::Value;
use shopscope::formats::npy;
use shopscope::model::explain::{Classes, Explainer, Method};
use shopscope::model::onnx::{Graph, build};
use shopscope::model::runtime::{Device, Runtime};
use shopscope::model::{Model, preprocess};
use tract_onnx::pb::{ModelProto, TensorProto};

/// Side of the small model's input.
const SIDE: u32 = 16;

struct Stage {
    dir: tempfile::TempDir,
}

/// Numbers that look like chance.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 7919 + seed * 104_729) as f32 * 0.618_034).sin()).collect()
}

impl Stage {
    /// Six pictures on white, of which number 4 is broken, and two small models.
    fn new() -> Self {
        let stage = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        for i in 0..6 {
            let class = stage.path("shop").join(["hats", "shoes"][i % 2]);
            fs::create_dir_all(&class).expect("a folder");
            let path = class.join(format!("{i}.png"));
            if i == 4 {
                fs::write(path, b"\x89PNG\r\n\x1a\nnot much of a picture").expect("written");
                continue;
            }
            let inside = |x: u32, y: u32| (6..14 + i as u32).contains(&x) && (5..15).contains(&y);
            let pixel = |x: u32, y: u32| {
                if inside(x, y) { Rgb([(x * 11) as u8, (y * 13) as u8, (i * 40) as u8]) } else { Rgb([255; 3]) }
            };
            RgbImage::from_fn(24, 24, pixel).save(path).expect("a picture");
        }
        stage.write_model("a.onnx", 1);
        stage.write_model("b.onnx", 5);
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_model(&self, name: &str, seed: usize) {
        let model = build::Builder::new()
            .input("x", &[0, 3, SIDE as usize, SIDE as usize])
            .weights(build::floats("w1", &[4, 3, 3, 3], &numbers(108, seed)))
            .weights(build::floats("w2", &[6, 4, 3, 3], &numbers(216, seed + 1)))
            .weights(build::floats("w3", &[6, 3], &numbers(18, seed + 2)))
            .node("Conv", &["x", "w1"], "c1", vec![build::ints("strides", &[2, 2])])
            .node("Relu", &["c1"], "early", vec![])
            .node("Conv", &["early", "w2"], "c2", vec![])
            .node("Relu", &["c2"], "late", vec![])
            .node("GlobalAveragePool", &["late"], "mean", vec![])
            .node("Flatten", &["mean"], "pool", vec![])
            .node("MatMul", &["pool", "w3"], "scores", vec![])
            .output("scores")
            .build(17);
        let path = self.path(name);
        let graph = Graph::new(model, &path, String::new()).expect("a graph");
        fs::write(&path, graph.to_bytes().expect("bytes")).expect("written");
        let card = format!(
            "name = \"small\"\nclasses = [\"hat\", \"shoe\", \"bag\"]\n[preprocessing]\nresize = {SIDE}\ncrop = {SIDE}\n\
             [stages]\nearly = \"early\"\nlate = \"late\"\npool = \"pool\"\n"
        );
        fs::write(path.with_extension("toml"), card).expect("written");
    }

    fn command(&self, name: &str, models: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopscope"));
        command.arg("--catalog").arg(self.path("catalogs")).args([name, "--device", "tract", "--json"]);
        for model in models {
            command.arg("--model").arg(self.path(model));
        }
        command.stdin(Stdio::null());
        command
    }

    fn explain(&self, images: &[&str], more: &[&str]) -> Command {
        let mut command = self.command("explain", &["a.onnx"]);
        command.arg("--out").arg(self.path("out")).args(more).arg("--image");
        command.args(images.iter().map(|image| self.path("shop").join(image)));
        command
    }
}

fn document(command: &mut Command) -> Value {
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a JSON document")
}

/// Exit code and what is said.
fn refusal(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, stdout } = command.output().expect("the program runs");
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

fn map(found: &Value) -> npy::NpyArray {
    npy::read(Path::new(found["map"].as_str().expect("a path"))).expect("an array")
}

/// Euclidean length of the difference over that of the reference.
fn off(got: &[f32], expect: &[f32]) -> f64 {
    assert_eq!(got.len(), expect.len());
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let difference = length(&mut got.iter().zip(expect).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / length(&mut expect.iter().copied().map(f64::from))
}

#[test]
fn pictures_become_maps_overlays_and_figures() {
    let stage = Stage::new();
    let said = document(&mut stage.explain(&["hats/0.png", "hats/4.png", "shoes/1.png"], &[]));
    let found = said["explanations"].as_array().expect("a list");
    assert_eq!((found.len(), said["unreadable"].as_array().map(Vec::len)), (2, Some(1)));
    assert!(said["unreadable"][0]["image"].as_str().is_some_and(|image| image.ends_with("4.png")));
    for (found, name) in found.iter().zip(["0", "1"]) {
        let array = map(found);
        assert_eq!((&array.shape[..], &found["shape"]), (&[5, 5][..], &serde_json::json!([5, 5])));
        assert_eq!((found["layer"].as_str(), found["method"].as_str()), (Some("late"), Some("gradcam")));
        assert!(array.values.iter().any(|&value| value != 0.0));
        assert_eq!(found["scale"], said["explanations"][0]["scale"], "one scale for all");
        let picture = image::open(stage.path("out").join(format!("{name}.png"))).expect("a picture");
        assert_eq!((picture.width(), picture.height()), (384, 384));
        let text = fs::read_to_string(stage.path("out").join(format!("{name}.json"))).expect("a file");
        assert_eq!(&serde_json::from_str::<Value>(&text).expect("JSON"), found);
        let share = |name: &str| found["localisation"][name].as_f64().expect("a number");
        assert!((0.0..=0.5).contains(&share("area50")) && (0.0..=1.0).contains(&share("entropy")));
        // The pictures stand on white.
        assert!((0.0..=1.0).contains(&share("foreground")) && (0.1..0.5).contains(&share("foreground_area")));
    }
    // A class by name is that by number, and another than the other.
    let by = |class: &str| map(&document(&mut stage.explain(&["hats/0.png"], &["--class", class]))["explanations"][0]);
    assert_eq!(by("bag"), by("2"));
    assert!(off(&by("bag").values, &by("hat").values) > 0.1);
    let early = document(&mut stage.explain(&["hats/0.png"], &["--layer", "c1", "--method", "hirescam"]));
    assert_eq!(early["explanations"][0]["shape"], serde_json::json!([7, 7]));
}

#[test]
fn several_models_look_at_a_dataset() {
    let stage = Stage::new();
    let mut command = stage.command("explain", &["a.onnx", "b.onnx"]);
    command.arg("--out").arg(stage.path("out")).arg(stage.path("shop")).args(["--filter", "leaf = \"shoes\""]);
    let said = document(&mut command);
    let found = said["explanations"].as_array().expect("a list");
    assert_eq!(found.len(), 6);
    assert!(map(&found[0]) != map(&found[3]), "models differ");
    assert!(stage.path("out/a").is_dir() && stage.path("out/b").is_dir());

    let mut command = stage.command("localise", &["a.onnx", "b.onnx"]);
    let said = document(command.arg(stage.path("shop")).arg("--out").arg(stage.path("local")));
    assert_eq!((&said["pictures"], &said["unreadable"]), (&6.into(), &1.into()));
    for model in said["models"].as_array().expect("a list") {
        // A map of which nothing is above 0 has no figures, and is told of.
        let counted = |value: &Value| value.as_u64().expect("a number");
        assert_eq!(counted(&model["figures"]["area50"]["n"]) + counted(&model["without_evidence"]), 5);
        assert_eq!(model["plain_background"], 5);
        let of = |key: &str| model["figures"]["area50"][key].as_f64().expect("a number");
        assert!(of("min") <= of("p25") && of("p25") <= of("median") && of("median") <= of("max"));
    }
    let test = &said["pairs"][0]["tests"]["area50"];
    assert!(test["p"].as_f64().is_some_and(|p| (0.0..=1.0).contains(&p)) && test["n"].as_u64() <= Some(5));
    let table = fs::read_to_string(stage.path("local/figures.csv")).expect("a table");
    assert_eq!(table.lines().count(), 11);
    let mean = npy::read(&stage.path("local/b.npy")).expect("an array");
    assert!((mean.values.iter().sum::<f32>() - 1.0).abs() < 1e-4, "each picture's mass is 1");
    // The same model twice: nothing differs.
    let twice = document(stage.command("localise", &["a.onnx", "a.onnx"]).arg(stage.path("shop")));
    assert_eq!((&twice["pairs"][0]["tests"]["spread"]["n"], &twice["pairs"][0]["b"]), (&0.into(), &"a-2".into()));
}

#[test]
fn mistakes_are_told_in_a_sentence() {
    let stage = Stage::new();
    let check = |command: &mut Command, code: i32, expect: &str| {
        let (got, said) = refusal(command);
        assert!(got == Some(code) && said.contains(expect), "{got:?}: {said}");
    };
    let one = |more: &[&str]| stage.explain(&["hats/0.png"], more);
    check(&mut one(&["--layer", "nowhere"]), 1, "no stage or tensor \"nowhere\"; it has early, late, pool");
    check(&mut one(&["--layer", "pool"]), 1, "layers with places are early (7 x 7), late (5 x 5)");
    check(&mut one(&["--class", "horse"]), 1, "no class \"horse\"");
    check(&mut one(&["--class", "3"]), 1, "it has 0 to 2");
    check(&mut one(&["--method", "grad"]), 2, "it is one of gradcam, gradcam++");
    check(&mut one(&["--opacity", "2"]), 2, "a number from 0 to 1");
    check(&mut one(&["--layer", "late", "--layer", "early"]), 2, "2 layers for 1 models");
    check(&mut stage.explain(&["hats/4.png"], &[]), 1, "none of the pictures can be read");
    check(&mut stage.explain(&["hats/none.png"], &[]), 1, "nothing is there");
    let mut inside = stage.command("explain", &["a.onnx"]);
    inside.arg(stage.path("shop")).arg("--out").arg(stage.path("shop/maps"));
    check(&mut inside, 1, "nothing is ever written into a dataset's folder");
    assert!(!stage.path("shop/maps").exists());
}

/// The real `MobileNet`; `None` where it is not here and need not be.
fn mobilenet() -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/models/mobilenet_v1_0.25_128.onnx"));
    if path.exists() {
        return Some(path.to_owned());
    }
    assert!(std::env::var_os("CI").is_none(), "../shared/data is not here, and CI leaves nothing out");
    println!("left out: ../shared/data is not here");
    None
}

/// The picture that the reference script draws, too. Its sides are what the card resizes to: no pixel changes.
fn picture() -> RgbImage {
    RgbImage::from_fn(146, 146, |x, y| {
        let (dx, dy) = (i64::from(x) - 70, i64::from(y) - 60);
        let blue = if dx * dx + dy * dy < 40 * 40 { 210 } else { 30 };
        Rgb([((x * 2 + y) % 256) as u8, ((x * y / 16 + 40) % 256) as u8, blue])
    })
}

#[test]
fn the_real_mobilenets_maps_are_torchs() {
    let Some(model) = mobilenet() else { return };
    let expect: Value = serde_json::from_str(include_str!("fixtures/explain_mobilenet.json")).expect("JSON");
    let dir = tempfile::tempdir().expect("a temporary directory");
    picture().save(dir.path().join("p.png")).expect("a picture");
    let explain = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopscope"));
        command.args(["explain", "--device", "tract", "--json", "--model"]).arg(&model).args(more);
        command.arg("--out").arg(dir.path().join("out")).arg("--image").arg(dir.path().join("p.png"));
        let found = document(&mut command)["explanations"][0].clone();
        (map(&found).values, found)
    };
    let numbers = |value: &Value| -> Vec<f32> {
        value.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number") as f32).collect()
    };
    for class in ["predicted", "207"] {
        let expect = &expect[class];
        for layer in ["block3", "block4"] {
            for method in ["gradcam", "gradcam++", "hirescam", "layercam", "eigencam"] {
                let (got, found) = explain(&["--class", class, "--layer", layer, "--method", method]);
                let expect_map = numbers(&expect[layer][method]);
                let error = off(&got, &expect_map);
                println!("{class} {layer} {method}: {error:.1e}");
                assert!(error <= 1e-4, "{class} {layer} {method}: {error}");
                assert_eq!(found["class"], expect["class"]);
                let near =
                    |key: &str| (found[key].as_f64().unwrap() / expect[key].as_f64().unwrap() - 1.0).abs() < 1e-3;
                assert!(near("score") && near("probability"), "{found}");
                // Negative controls: a map one place further is another, and so is the other class's.
                let mut shifted = got.clone();
                shifted.rotate_right(1);
                assert!(off(&shifted, &expect_map) > 0.01);
            }
        }
    }
    let other = numbers(&expect["207"]["block3"]["gradcam"]);
    assert!(off(&explain(&["--layer", "block3"]).0, &other) > 0.1);
    let (gradient, _) = explain(&["--method", "gradient"]);
    let length = gradient.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let wanted = expect["predicted"]["gradient_length"].as_f64().expect("a number");
    assert!((length / wanted - 1.0).abs() < 1e-3, "{length} {wanted}");
}

/// Adebayo et al. 2018: weights drawn anew from the last layer towards the first must change the map.
#[test]
fn maps_depend_on_the_weights_of_every_depth() {
    let Some(path) = mobilenet() else { return };
    let card = path.with_extension("toml");
    let runtime = Runtime::start(Device::Tract, None).expect("tract");
    let mut proto = ModelProto::decode(&fs::read(&path).expect("a model")[..]).expect("a model");
    let mut values = vec![0.0; 3 * 128 * 128];
    let bytes = shopscope::formats::image::Picture {
        width: 146,
        height: 146,
        rgba: picture().pixels().flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect(),
        truncated: false,
    };
    let map_of = |proto: &ModelProto, values: &mut Vec<f32>| {
        let graph = Graph::from_bytes(&proto.encode_to_vec(), &path).expect("a graph");
        let model = Model::with_graph(graph, Some(card.clone())).expect("a model");
        preprocess::tensor_of(&bytes, &model.card.preprocessing, values).expect("a picture");
        let mut explainer = Explainer::new(runtime, &model, Some("block3"), Method::GradCam).expect("an explainer");
        explainer.run(1, values, &Classes::One(879)).expect("runs").remove(0).map.values
    };
    let original = map_of(&proto, &mut values);
    assert!(off(&map_of(&proto, &mut values), &original) < 1e-6, "the same weights, the same map");
    // Weights of the last layer, of the last block, of a middle block, of the first layer.
    let mut before = original.clone();
    for name in ["w32", "w30", "w20", "w0"] {
        let graph = proto.graph.as_mut().expect("a graph");
        let tensor = graph.initializer.iter_mut().find(|tensor| tensor.name == name).expect("weights");
        shuffle(tensor);
        let now = map_of(&proto, &mut values);
        assert!(off(&now, &before) > 0.05, "{name}: {}", off(&now, &before));
        assert!(off(&now, &original) > 0.2, "{name}: {}", off(&now, &original));
        before = now;
    }
}

/// Deals the values of a stored tensor out anew: their distribution stays, what they know goes.
fn shuffle(tensor: &mut TensorProto) {
    let mut values: Vec<f32> = if tensor.raw_data.is_empty() {
        tensor.float_data.clone()
    } else {
        tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    values.shuffle(&mut rand_pcg::Pcg64Mcg::seed_from_u64(3));
    tensor.float_data.clear();
    tensor.raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
}
