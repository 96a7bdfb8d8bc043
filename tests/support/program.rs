//! The real program as a child process, and small models for it.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use shopscope::model::onnx::{Graph, build};

/// The program with a catalog folder of its own.
pub fn shopscope(catalogs: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopscope"));
    command.arg("--catalog").arg(catalogs).stdin(Stdio::null());
    command
}

/// The document that a command prints.
pub fn document(command: &mut Command) -> Value {
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a JSON document")
}

/// Exit code of a command that fails, and what is said; nothing is printed.
pub fn refusal(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, stdout } = command.output().expect("the program runs");
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

/// The real `MobileNet`; `None` where the real samples are not here and need not be.
pub fn mobilenet() -> Option<PathBuf> {
    super::support::shared_data().map(|data| data.join("models/mobilenet_v1_0.25_128.onnx"))
}

/// A network of two convolutions, a mean and a linear layer: tensors `x`, `c1`, `early`, `c2`, `late`, `mean`, `pool`, `scores`.
pub struct SmallNet<'a> {
    /// Side of the input in pixels.
    pub side: u32,
    /// How the second convolution moves.
    pub stride: i64,
    /// Weights `[4, 3, 3, 3]`, `[6, 4, 3, 3]`, `[6, C]`.
    pub weights: [Vec<f32>; 3],
    /// More lines of the card: classes, mean, std.
    pub card: &'a str,
}

impl SmallNet<'_> {
    /// Writes the model and its card beside it.
    pub fn write(&self, path: &Path) {
        let side = self.side as usize;
        let [w1, w2, w3] = &self.weights;
        let moved = |by: i64| vec![build::ints("strides", &[by, by])];
        let model = build::Builder::new()
            .input("x", &[0, 3, side, side])
            .weights(build::floats("w1", &[4, 3, 3, 3], w1))
            .weights(build::floats("w2", &[6, 4, 3, 3], w2))
            .weights(build::floats("w3", &[6, w3.len() / 6], w3))
            .node("Conv", &["x", "w1"], "c1", moved(2))
            .node("Relu", &["c1"], "early", vec![])
            .node("Conv", &["early", "w2"], "c2", moved(self.stride))
            .node("Relu", &["c2"], "late", vec![])
            .node("GlobalAveragePool", &["late"], "mean", vec![])
            .node("Flatten", &["mean"], "pool", vec![])
            .node("MatMul", &["pool", "w3"], "scores", vec![])
            .output("scores")
            .build(17);
        let graph = Graph::new(model, path, String::new()).expect("a graph");
        fs::write(path, graph.to_bytes().expect("bytes")).expect("written");
        let card = format!(
            "name = \"small\"\n{}\n[stages]\nearly = \"early\"\nlate = \"late\"\npool = \"pool\"\n",
            self.card.replace("SIDE", &self.side.to_string())
        );
        fs::write(path.with_extension("toml"), card).expect("written");
    }
}

/// Numbers that look like chance.
pub fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 7919 + seed * 104_729) as f32 * 0.618_034).sin()).collect()
}

/// Euclidean length of the difference over that of the reference.
pub fn off(got: &[f32], expect: &[f32]) -> f64 {
    assert_eq!(got.len(), expect.len());
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let difference = length(&mut got.iter().zip(expect).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / length(&mut expect.iter().copied().map(f64::from))
}

/// The JPEGs of a folder of tar shards by key.
pub fn jpegs(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "tar") {
            continue;
        }
        let bytes = fs::read(path).expect("a shard");
        let mut at = 0;
        while at + 512 <= bytes.len() && bytes[at] != 0 {
            let text = |from: usize, to: usize| {
                let field = &bytes[at + from..at + to];
                String::from_utf8_lossy(field.split(|&byte| byte == 0).next().unwrap_or_default()).trim().to_owned()
            };
            let (name, length) = (text(0, 100), usize::from_str_radix(&text(124, 136), 8).expect("a length"));
            if let Some(key) = name.strip_suffix(".jpg") {
                found.insert(key.to_owned(), bytes[at + 512..at + 512 + length].to_vec());
            }
            at += 512 + length.next_multiple_of(512);
        }
    }
    found
}
