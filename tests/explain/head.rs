//! `shopscope explain --head` through the real program: a linear head between two datasets, and maps along it.
//!
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use shopscope::analysis::linear::Rows;
use shopscope::analysis::separation::probe;
use shopscope::base::CancelToken;
use shopscope::formats::npy;

use super::map;
use super::program::{SmallNet, document, jpegs, mobilenet, numbers, off, refusal, shopscope};

/// Runs the command that a refusal names, with this program in the place of "shopscope".
fn do_as_told(said: &str) {
    let told = said.split("make them with: shopscope ").nth(1).expect("a command").trim();
    let line = format!("'{}' {told}", env!("CARGO_BIN_EXE_shopscope"));
    let output = Command::new("sh").args(["-c", &line]).output().expect("a shell");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_head_between_real_datasets_is_as_good_as_scikit_learns() {
    // sklearn.linear_model.LogisticRegression(C=1/(0.01 n), class_weight="balanced") on the standardised `pool` features of
    // the same pictures, 30 % held out: mean and standard deviation of the balanced accuracy over 100 splits, by
    // `tests/head_reference.py`.
    const BALANCED: f64 = 0.850;
    const DEVIATION: f64 = 0.034;
    /// Pictures of each dataset, the first by key.
    const PICTURES: usize = 150;
    let Some(model) = mobilenet() else { return };
    let data = model.ancestors().nth(2).expect("a folder").to_owned();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let catalogs = dir.path().join("catalogs");
    let sets = ["imagenet-mini", "lgs-mini"].map(|name| {
        let folder = dir.path().join(name);
        fs::create_dir(&folder).expect("a folder");
        for (key, bytes) in jpegs(&data.join(name)).into_iter().take(PICTURES) {
            fs::write(folder.join(format!("{key}.jpg")), bytes).expect("written");
        }
        folder
    });
    let explain = |head: &str, more: &[&str]| {
        let mut command = shopscope(&catalogs);
        command.arg("explain").args(&sets).arg("--model").arg(&model).arg("--json");
        command.arg("--out").arg(dir.path().join("out")).args(["--head", head]).args(more);
        command
    };
    let few = ["--filter", "width < 186"];
    let (code, said) = refusal(&mut explain("1:2", &few));
    assert!(
        code == Some(1) && said.contains("there are no features of \"pool\" for imagenet-mini; make them with"),
        "{said}"
    );
    do_as_told(&said);

    let found = document(&mut explain("1:2", &few));
    // Read at once: the next run writes to the same files.
    let maps = |found: &Value| map(&found["explanations"][0]).values;
    let along = maps(&found);
    let head = &found["heads"][0];
    assert_eq!((&head["positive"], &head["negative"]), (&"imagenet-mini".into(), &"lgs-mini".into()));
    assert_eq!((&head["layer"], &head["tensor"]), (&"pool".into(), &"features".into()));
    let number = |head: &Value, key: &str| head[key].as_f64().expect("a number");
    let accuracy = number(head, "balanced_accuracy");
    println!("balanced accuracy {accuracy}, scikit-learn {BALANCED} +- {DEVIATION}");
    // One split of ours against the spread of theirs.
    assert!((accuracy - BALANCED).abs() < 3.0 * DEVIATION, "{accuracy}");
    assert_eq!(document(&mut explain("1:2", &few)), found, "the same again");
    let other = document(&mut explain("1:2", &["--filter", "width < 186", "--head-seed", "1"]));
    assert_ne!(other["heads"][0], *head, "another seed holds other rows back");

    // Pictures of the first dataset are on the side of the first: most are right, trained on or not.
    let explanations = found["explanations"].as_array().expect("a list");
    let right = |of: &Value| (of["probability"].as_f64() > Some(0.5)) == (of["dataset"] == "imagenet-mini");
    assert!(explanations.len() >= 4, "{}", explanations.len());
    assert!(explanations.iter().filter(|of| right(of)).count() * 4 > explanations.len() * 3);
    assert_eq!(explanations[0]["class_name"], "imagenet-mini, not lgs-mini");
    // The head the other way round says the opposite.
    let turned = document(&mut explain("lgs-mini:imagenet-mini", &few));
    let against = maps(&turned);
    let cosine = |a: &[f32], b: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    // Other rows are held back, so it is not the same plane turned round, but nearly.
    assert!(cosine(&along, &against) < -0.5, "{along:?} {against:?}");
    // Negative control: the same features dealt to the sides as they come are told apart as coins are.
    let catalog =
        fs::read_dir(catalogs.join("features")).expect("features").map(|entry| entry.expect("an entry").path());
    let arrays: Vec<npy::NpyArray> = catalog.map(|dataset| features(&dataset)).collect();
    let rows: Vec<&[f32]> = arrays.iter().flat_map(|array| array.values.chunks(array.shape[1])).collect();
    let dealt = |side: usize| -> Vec<f32> {
        rows.iter()
            .enumerate()
            .filter(|(at, _)| at * 7919 % 1009 % 2 == side)
            .flat_map(|(_, row)| row.to_vec())
            .collect()
    };
    let (a, b) = (dealt(0), dealt(1));
    let width = arrays[0].shape[1];
    let chance = probe::train(&Rows::finite(a, width), &Rows::finite(b, width), 10_000, 0, &CancelToken::default());
    let chance = chance.expect("nobody cancels").expect("enough rows");
    // Three standard deviations of as many coins.
    let spread = 3.0 * 0.5 / (chance.held_out as f64).sqrt();
    assert!((chance.balanced_accuracy - 0.5).abs() < spread, "{chance:?}");
    assert!(accuracy - 0.5 > spread, "the head is better than coins");
}

/// The `pool` features of a dataset's only model.
fn features(dataset: &Path) -> npy::NpyArray {
    let model = fs::read_dir(dataset).expect("a folder").next().expect("a model").expect("an entry").path();
    npy::read(&model.join("pool.npy")).expect("an array")
}

/// Two folders of small pictures, told apart by a tint, and a small model.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        for (name, count, tint) in [("warm shop", 16, 200), ("cold", 12, 40), ("few", 2, 120)] {
            fs::create_dir_all(stage.path(name)).expect("a folder");
            for i in 0..count {
                let pixel = |x: u32, y: u32| image::Rgb([tint + (x + i) as u8, (y * 9 + i * 5) as u8, 220 - tint]);
                let file = stage.path(name).join(format!("{i}.png"));
                image::RgbImage::from_fn(20, 20, pixel).save(file).expect("a picture");
            }
        }
        stage.write_model(0.5);
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_model(&self, mean: f32) {
        let card = format!("[preprocessing]\nresize = SIDE\ncrop = SIDE\nmean = [{mean}, 0.5, 0.5]");
        let weights = [numbers(108, 1), numbers(216, 2), numbers(18, 3)];
        SmallNet { side: 16, stride: 1, weights, card: &card }.write(&self.path("m.onnx"));
    }

    fn command(&self, name: &str, datasets: &[&str], more: &[&str]) -> Command {
        let mut command = shopscope(&self.path("catalogs"));
        command.arg(name).args(datasets.iter().map(|dataset| self.path(dataset)));
        command.arg("--model").arg(self.path("m.onnx")).args(["--device", "tract", "--json"]).args(more);
        if name == "explain" {
            command.arg("--out").arg(self.path("out"));
        }
        command
    }
}

#[test]
fn heads_read_any_layer_and_refuse_what_is_stale() {
    let stage = Stage::new();
    let both = ["warm shop", "cold"];
    let check = |command: &mut Command, code: i32, expect: &str| {
        let (got, said) = refusal(command);
        assert!(got == Some(code) && said.contains(expect), "{got:?}: {said}");
        assert!(code == 2 || said.lines().count() == 1, "{said}");
        said
    };
    check(&mut stage.command("explain", &both, &["--head", "warm shop"]), 2, "not of these: warm shop, cold");
    check(&mut stage.command("explain", &both, &["--head", "1:3"]), 2, "not of these: warm shop, cold");
    check(&mut stage.command("explain", &both, &["--head", "2:cold"]), 2, "names one twice");
    check(&mut stage.command("explain", &both, &["--head", "1:2", "--class", "1"]), 2, "cannot be used with");
    check(&mut stage.command("explain", &both, &["--head", "1:2", "--head-layer", "x y"]), 1, "no stage or tensor");
    let mut files = stage.command("explain", &[], &["--head", "1:2"]);
    check(files.arg("--image").arg(stage.path("cold/1.png")), 2, "give their paths in place of --image");

    // A path with a space is quoted in the command that is told.
    let said =
        check(&mut stage.command("explain", &both, &["--head", "1:2"]), 1, "no features of \"pool\" for warm shop");
    do_as_told(&said);
    let pooled = document(&mut stage.command("explain", &both, &["--head", "warm shop:cold"]));
    assert_eq!(pooled["heads"][0]["balanced_accuracy"], 1.0, "a tint is easy");
    assert_eq!((&pooled["heads"][0]["trained"], &pooled["heads"][0]["held_out"]), (&19.into(), &9.into()));
    // "late" is averaged to the same numbers as "pool", inside the graph: the same head, the same maps.
    let late = document(&mut stage.command("explain", &both, &["--head", "1:2", "--head-layer", "late"]));
    for (a, b) in [0, 9].map(|at| (map(&pooled["explanations"][at]).values, map(&late["explanations"][at]).values)) {
        assert!(off(&a, &b) < 1e-3, "{}", off(&a, &b));
    }
    // A head on an early layer explains that layer unless told otherwise, and cannot explain a later one.
    let early = document(&mut stage.command("explain", &both, &["--head", "1:2", "--head-layer", "early"]));
    assert_eq!(early["explanations"][0]["layer"], "early");
    let later = ["--head", "1:2", "--head-layer", "early", "--layer", "late"];
    check(&mut stage.command("explain", &both, &later), 1, "\"late\" has no part in \"early\", which the head reads");
    let forward = ["--head", "1:2", "--method", "scorecam"];
    check(&mut stage.command("explain", &both, &forward), 1, "scorecam explains the model's own classes only");
    let local = document(&mut stage.command("localise", &both, &["--head", "1:2"]));
    assert_eq!(local["models"][0]["head"]["positive"], "warm shop");

    let few = ["warm shop", "few"];
    let said = check(&mut stage.command("explain", &few, &["--head", "1:2"]), 1, "no features of \"pool\" for few");
    do_as_told(&said);
    check(&mut stage.command("explain", &few, &["--head", "1:2"]), 1, "at least 4 pictures with features on each side");

    // Another preprocessing, another picture: features of before are not served.
    stage.write_model(0.25);
    check(&mut stage.command("explain", &both, &["--head", "1:2"]), 1, "preprocessing is another than that");
    stage.write_model(0.5);
    fs::copy(stage.path("cold/3.png"), stage.path("cold/new.png")).expect("copied");
    let said = check(&mut stage.command("explain", &both, &["--head", "1:2"]), 1, "changed since there were features");
    do_as_told(&said);
    assert!(document(&mut stage.command("explain", &both, &["--head", "1:2"]))["heads"].is_array());
}
