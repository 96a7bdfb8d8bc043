//! `shopscope neighbours`, `umap` and `compare` as a user runs them: files in, files and documents out.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use shopscope::formats::npy::{Dtype, Writer, read};

fn shopscope(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shopscope")).args(args).output().expect("the program runs")
}

fn document(args: &[&str]) -> Value {
    let output = shopscope(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one document")
}

/// Why a run failed, and its exit code.
fn refused(args: &[&str]) -> (Option<i32>, String) {
    let output = shopscope(args);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Rows in two groups, `apart` from each other; row 3 is NaN where asked for.
fn features(path: &Path, rows: usize, dims: usize, apart: f32, nan: bool) -> String {
    let mut writer = Writer::create(path, rows, dims, Dtype::F32).expect("a file");
    for row in 0..rows {
        let values: Vec<f32> = (0..dims)
            .map(|at| {
                let noise = ((row * 7919 + at * 104_729) % 1009) as f32 / 1009.0;
                if nan && row == 3 { f32::NAN } else { noise + apart * (row % 2) as f32 }
            })
            .collect();
        writer.append(&values).expect("written");
    }
    writer.finish().expect("written");
    path.to_str().expect("a path of text").to_owned()
}

#[test]
fn rows_that_are_not_finite_are_left_out_and_listed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = features(&dir.path().join("f.npy"), 60, 5, 4.0, true);
    let out = dir.path().join("xy.npy");
    let out_text = out.to_str().expect("text");
    let args = ["umap", "--features", &file, "--epochs", "30", "--device", "cpu", "--json", "--out", out_text];
    let said = document(&args);
    assert_eq!((&said["rows"], &said["left_out"], &said["device"]), (&60.into(), &vec![3].into(), &"cpu".into()));
    assert_eq!((&said["neighbours"]["method"], &said["epochs"]), (&"exact".into(), &30.into()));
    let positions = read(&out).expect("positions");
    assert_eq!(positions.shape, [60, 2]);
    for (row, position) in positions.values.chunks(2).enumerate() {
        assert_eq!(position.iter().all(|value| value.is_finite()), row != 3, "{row}: {position:?}");
    }
    // The same again has the same bytes; another seed has not.
    let bytes = std::fs::read(&out).expect("there");
    document(&args);
    assert_eq!(std::fs::read(&out).expect("there"), bytes);
    document(&[&args[..], &["--seed", "1"]].concat());
    assert_ne!(std::fs::read(&out).expect("there"), bytes);

    let npz = dir.path().join("k.npz");
    let said =
        document(&["neighbours", "--features", &file, "-k", "4", "--json", "--out", npz.to_str().expect("text")]);
    assert_eq!((&said["k"], &said["recall"], &said["left_out"]), (&4.into(), &1.0.into(), &vec![3].into()));
    assert_eq!(&std::fs::read(&npz).expect("there")[..4], b"PK\x03\x04");
}

#[test]
fn the_graphics_card_moves_points_as_the_processor_does() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = features(&dir.path().join("f.npy"), 200, 5, 2.0, false);
    let out = dir.path().join("xy.npy");
    let positions = |device: &str, seed: &str| {
        let out_text = out.to_str().expect("text");
        let args = ["umap", "--features", &file, "--epochs", "1", "--device", device, "--seed", seed, "--json"];
        let said = document(&[&args[..], &["--out", out_text]].concat());
        let begins = if device == "gpu" { "gpu: " } else { "cpu" };
        assert!(said["device"].as_str().is_some_and(|said| said.starts_with(begins)), "{said}");
        read(&out).expect("positions").values
    };
    // Sums are taken in another order there, so most points agree closely and a few drift.
    let median_apart = |a: &[f32], b: &[f32]| {
        let mut apart: Vec<f32> = a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect();
        apart.sort_by(f32::total_cmp);
        apart[apart.len() / 2]
    };
    let (card, processor) = (positions("gpu", "0"), positions("cpu", "0"));
    assert_eq!(card, positions("gpu", "0"), "the same bits on every run");
    assert!(median_apart(&card, &processor) < 1e-3, "{}", median_apart(&card, &processor));
    // Negative control: another seed is another layout.
    assert!(median_apart(&card, &positions("cpu", "1")) > 1e-2);
}

/// Writes rows as they are given.
fn given(path: &Path, dims: usize, values: &[f32]) -> String {
    let mut writer = Writer::create(path, values.len() / dims, dims, Dtype::F32).expect("a file");
    writer.append(values).expect("written");
    writer.finish().expect("written");
    path.to_str().expect("a path of text").to_owned()
}

/// Name, values, dimensions, neighbours found of 15, rows left out.
type Odd<'a> = (&'a str, Vec<f32>, usize, usize, &'a [usize]);

#[test]
fn odd_rows_have_a_place_on_both_twins() {
    let noise = |rows: usize, dims: usize| -> Vec<f32> {
        (0..rows * dims).map(|at| ((at * 7919 + at / 13 * 104_729) % 1009) as f32 / 1009.0).collect()
    };
    let mut duplicates = noise(40, 3);
    for row in 1..25 {
        duplicates.copy_within(0..3, row * 3);
    }
    let mut islands = noise(40, 3);
    islands[60..].iter_mut().for_each(|value| *value += 1e7);
    let mut holes = noise(30, 4);
    holes[0] = f32::NAN;
    holes[4 * 29 + 3] = f32::INFINITY;
    holes[4 * 10] = f32::MAX;
    let cases: [Odd; 9] = [
        ("all equal", vec![0.3; 40 * 4], 4, 15, &[]),
        ("duplicates", duplicates, 3, 15, &[]),
        ("two far islands", islands, 3, 15, &[]),
        ("rows that are none", holes, 4, 15, &[0, 10, 29]),
        ("fewer rows than neighbours", noise(6, 3), 3, 6, &[]),
        ("one row", noise(1, 3), 3, 1, &[]),
        ("two rows", noise(2, 3), 3, 2, &[]),
        ("one dimension", noise(40, 1), 1, 15, &[]),
        ("many dimensions", noise(20, 4096), 4096, 15, &[]),
    ];
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| dir.path().join(name).to_str().expect("text").to_owned();
    for (name, values, dims, k, left_out) in &cases {
        let file = given(&dir.path().join("f.npy"), *dims, values);
        for device in ["cpu", "gpu"] {
            let (out, epochs) = (path("xy.npy"), ["--epochs", "10", "--json"]);
            let args = ["umap", "--features", &file, "--device", device, "--out", &out];
            let said = document(&[&args[..], &epochs[..]].concat());
            assert_eq!(
                (&said["neighbours"]["k"], &said["left_out"]),
                (&(*k).into(), &left_out.to_vec().into()),
                "{name}"
            );
            for (row, place) in read(Path::new(&out)).expect("positions").values.chunks(2).enumerate() {
                let is_placed = place.iter().all(|value| value.is_finite());
                assert_eq!(is_placed, !left_out.contains(&row), "{name} on {device}: {row} {place:?}");
            }
        }
        for metric in ["euclidean", "cosine"] {
            let out = path("k.npz");
            let said = document(&["neighbours", "--features", &file, "--metric", metric, "--out", &out, "--json"]);
            assert_eq!((&said["k"], &said["recall"]), (&(*k).into(), &1.0.into()), "{name} {metric}");
        }
    }
}

#[test]
fn several_files_are_one_layout() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let a = features(&dir.path().join("a.npy"), 40, 3, 0.0, false);
    let b = features(&dir.path().join("b.npy"), 30, 3, 5.0, false);
    let wide = features(&dir.path().join("wide.npy"), 30, 4, 5.0, false);
    let out = dir.path().join("xy.npy");
    let out = out.to_str().expect("text");
    let said = document(&["umap", "--features", &a, "--features", &b, "--epochs", "5", "--json", "--out", out]);
    assert_eq!((&said["rows"], &said["files"][1]["rows"]), (&70.into(), &30.into()));
    let (code, why) = refused(&["umap", "--features", &a, "--features", &wide, "--out", out]);
    assert!(code == Some(1) && why.contains("4: ") && why.contains("wide.npy"), "{why}");
}

#[test]
fn datasets_are_compared() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let near = features(&dir.path().join("near.npy"), 80, 4, 0.0, false);
    let far = features(&dir.path().join("far.npy"), 80, 4, 0.0, false);
    // The same rows, moved away as a whole.
    let moved = read(Path::new(&far)).expect("there").values.iter().map(|value| value + 9.0).collect::<Vec<_>>();
    let mut writer = Writer::create(Path::new(&far), 80, 4, Dtype::F32).expect("a file");
    writer.append(&moved).expect("written");
    writer.finish().expect("written");
    let said = document(&["compare", "--features", &near, "--features", &far, "--json"]);
    let layer = &said["layers"][0];
    assert_eq!((&layer["mixing"]["own"], &layer["probe"]["accuracy"]), (&1.0.into(), &1.0.into()), "{layer}");
    assert!(layer["energy"]["p"].as_f64().is_some_and(|p| p <= 0.01) && layer["only_a"][0]["other"] == 0, "{layer}");
    let same = document(&["compare", "--features", &near, "--features", &near, "--json"]);
    assert!(same["layers"][0]["energy"]["p"].as_f64().is_some_and(|p| p > 0.5), "{same}");
    assert_eq!(refused(&["compare", "--features", &near]).0, Some(2));
}

#[test]
fn what_cannot_be_done_is_said_in_one_sentence() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| dir.path().join(name).to_str().expect("text").to_owned();
    let good = features(&dir.path().join("good.npy"), 20, 2, 1.0, false);
    std::fs::write(path("text.npy"), "not an array").expect("written");
    let nothing = features(&dir.path().join("none.npy"), 0, 2, 1.0, false);
    let cases: [(&[&str], i32, &str); 7] = [
        (&["umap", "--features", &path("gone.npy"), "--out", &path("o.npy")], 1, "gone.npy"),
        (&["umap", "--features", &path("text.npy"), "--out", &path("o.npy")], 1, "not a .npy file"),
        (&["umap", "--features", &nothing, "--out", &path("o.npy")], 1, "no features"),
        (&["umap", "--features", &good, "--out", &path("no/o.npy")], 1, "no such folder"),
        (&["umap", "--features", &good, "--out", &path("o.npy"), "--min-dist", "7"], 2, "min-dist"),
        (&["umap", "--features", &good, "--out", &path("o.npy"), "--init", "magic"], 2, "spectral, pca or random"),
        (&["neighbours", "--features", &good, "--out", &path("o.npz"), "-k", "0"], 2, "0"),
    ];
    for (args, code, part) in cases {
        let (got, why) = refused(args);
        assert!(got == Some(code) && why.contains(part), "{args:?}: {got:?} {why}");
    }
}
