//! `shopscope explain` and `localise` through the real program, and the real `MobileNet`'s maps against torch.
//!
//! Runs on tract, which needs nothing installed. The reference is made by `tests/explain_reference.py`.

mod curves;
mod head;
#[path = "../support/program.rs"]
mod program;
mod sanity;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::{Rgb, RgbImage};
use prost::Message;
use serde_json::Value;
use shopscope::formats::npy;
use shopscope::model::onnx::build::{self, Builder};

use program::{SmallNet, document, mobilenet, numbers, off, refusal, shopscope};

/// Side of the small model's input.
const SIDE: u32 = 16;

struct Stage {
    dir: tempfile::TempDir,
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
        let net = SmallNet {
            side: SIDE,
            stride: 1,
            weights: [numbers(108, seed), numbers(216, seed + 1), numbers(18, seed + 2)],
            card: "classes = [\"hat\", \"shoe\", \"bag\"]\n[preprocessing]\nresize = SIDE\ncrop = SIDE",
        };
        net.write(&self.path(name));
    }

    fn command(&self, name: &str, models: &[&str]) -> Command {
        let mut command = shopscope(&self.path("catalogs"));
        command.args([name, "--device", "tract", "--json"]);
        for model in models {
            command.arg("--model").arg(self.path(model));
        }
        command
    }

    fn explain(&self, images: &[&str], more: &[&str]) -> Command {
        let mut command = self.command("explain", &["a.onnx"]);
        command.arg("--out").arg(self.path("out")).args(more).arg("--image");
        command.args(images.iter().map(|image| self.path("shop").join(image)));
        command
    }
}

fn map(found: &Value) -> npy::NpyArray {
    npy::read(Path::new(found["map"].as_str().expect("a path"))).expect("an array")
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
fn several_classes_of_a_picture_have_a_map_each() {
    let stage = Stage::new();
    let said = document(&mut stage.explain(&["hats/0.png", "hats/4.png", "shoes/1.png"], &["--class", "top2"]));
    let found = said["explanations"].as_array().expect("a list");
    assert_eq!((found.len(), said["unreadable"].as_array().map(Vec::len)), (4, Some(1)));
    let ranks: Vec<&Value> = found.iter().map(|found| &found["rank"]).collect();
    assert_eq!(ranks, [1, 2, 1, 2]);
    for (at, name) in [(0, "0"), (2, "1")] {
        let number = |at: usize, key: &str| found[at][key].as_f64().expect("a number");
        assert!(number(at, "probability") >= number(at + 1, "probability"));
        assert_ne!(found[at]["class"], found[at + 1]["class"]);
        for found in &found[at..at + 2] {
            let class = found["class"].to_string();
            for ending in ["npy", "png", "json"] {
                assert!(stage.path("out").join(format!("{name}.class{class}.{ending}")).is_file(), "{name} {class}");
            }
        }
    }
    // Each map is that of its class.
    let class = found[1]["class"].to_string();
    let alone = document(&mut stage.explain(&["hats/0.png"], &["--class", &class]));
    assert!(off(&map(&alone["explanations"][0]).values, &map(&found[1]).values) < 1e-6);
    assert!(off(&map(&found[0]).values, &map(&found[1]).values) > 0.1, "another class, another map");
    assert_eq!(alone["explanations"][0]["rank"], Value::Null);
    let all = document(&mut stage.explain(&["hats/0.png"], &["--class", "top9"]));
    assert_eq!(all["explanations"].as_array().map(Vec::len), Some(3), "no more than the model has");
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
    check(&mut one(&["--class", "top0"]), 2, "top1 is the most probable one");
    let mut several = stage.command("localise", &["a.onnx"]);
    check(several.arg(stage.path("shop")).args(["--class", "top2"]), 2, "compared by one map a picture");
    let mut none = stage.command("localise", &["a.onnx"]);
    check(none.arg(stage.path("shop")).args(["--filter", "leaf = gloves"]), 1, "none of these samples has a picture");
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

/// Models that cannot be explained, or only in part, each with what is said of it.
#[test]
fn odd_models_are_told_of_in_a_sentence() {
    let stage = Stage::new();
    let explain = |builder: Builder, opset: i64, more: &[&str]| {
        let path = stage.path("odd.onnx");
        fs::write(&path, builder.build(opset).encode_to_vec()).expect("written");
        fs::write(path.with_extension("toml"), "[preprocessing]\nresize = 16\ncrop = 16\n").expect("written");
        let mut command = stage.command("explain", &["odd.onnx"]);
        command.arg("--out").arg(stage.path("odd")).args(more).arg("--image").arg(stage.path("shop/hats/0.png"));
        command.output().expect("the program runs")
    };
    let check = |builder: Builder, opset: i64, more: &[&str], expect: &str| {
        let output = explain(builder, opset, more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(expect) && said.lines().count() == 1, "{said}");
    };
    let side = SIDE as usize;
    let small = |input: &[usize], head: f32| {
        Builder::new()
            .input("x", input)
            .weights(build::floats("w", &[4, 3, 3, 3], &numbers(108, 1)))
            .weights(build::floats("h", &[4, 3], &[&[head], &numbers(11, 2)[..]].concat()))
            .node("Conv", &["x", "w"], "c", vec![])
            .node("Relu", &["c"], "late", vec![])
            .node("GlobalAveragePool", &["late"], "mean", vec![])
            .node("Flatten", &["mean"], "pool", vec![])
            .node("MatMul", &["pool", "h"], "y", vec![])
    };
    let usual = [0, 3, side, side];
    // No scores: what comes out is a picture again.
    let bare = Builder::new().input("x", &usual).node("Relu", &["x"], "late", vec![]).output("late");
    check(
        bare,
        17,
        &["--layer", "late"],
        "nothing in it looks like scores of classes; name the output in a model card",
    );
    check(small(&usual, 0.5).input("z", &[0, 3]).output("y"), 17, &[], "the model has 2 inputs (x, z)");
    check(small(&usual, 0.5).output("y"), 99, &[], "operator set 99, newer than 25");
    // An operator without a rule is named, and what still works works.
    let round = || small(&usual, 0.5).node("Round", &["late"], "late2", vec![]);
    let rounded = || {
        round()
            .node("GlobalAveragePool", &["late2"], "mean2", vec![])
            .node("Flatten", &["mean2"], "pool2", vec![])
            .node("MatMul", &["pool2", "h"], "y2", vec![])
            .output("y2")
    };
    let layer = ["--layer", "late"];
    check(rounded(), 17, &layer, "no gradient for the operator Round (node \"late2\"); Eigen-CAM, Score-CAM");
    let forward = explain(rounded(), 17, &["--layer", "late", "--method", "eigencam"]);
    assert!(forward.status.success(), "{}", String::from_utf8_lossy(&forward.stderr));
    // All sizes open: the card tells them.
    let open = explain(small(&[0, 0, 0, 0], 0.5).output("y"), 17, &layer);
    assert!(open.status.success(), "{}", String::from_utf8_lossy(&open.stderr));
    // Weights that are no numbers.
    let odd = explain(small(&usual, f32::NAN).output("y"), 17, &layer);
    let said = String::from_utf8_lossy(&odd.stderr);
    assert!(odd.status.success() && said.contains("scores of some pictures are not finite numbers"), "{said}");
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
    let expect: Value = serde_json::from_str(include_str!("../fixtures/explain_mobilenet.json")).expect("JSON");
    let dir = tempfile::tempdir().expect("a temporary directory");
    picture().save(dir.path().join("p.png")).expect("a picture");
    let explain = |more: &[&str]| {
        let mut command = shopscope(&dir.path().join("catalogs"));
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
