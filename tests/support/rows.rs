//! Features of a model that is nowhere, written where the window looks for them.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::PathBuf;

use shopscope::formats::npy::{Dtype, Writer};
use shopscope::model::features::features_dir;

use super::stage::Stage;

/// The hash under which features of a model that is nowhere are kept.
pub const TINY: &str = "0123456789abcdef";

/// Where features of a dataset of the stage are kept.
pub fn features_of(stage: &mut Stage, dataset: usize) -> PathBuf {
    let open = stage.window().state.population.datasets[dataset].clone();
    features_dir(&open.catalog, TINY)
}

/// Puts features of a dataset where the window looks: `row` gives the numbers of each sample in a layer of so many numbers.
pub fn write_rows(stage: &mut Stage, dataset: usize, keys: &[String], row: &dyn Fn(usize, usize) -> Vec<f32>) {
    let dir = features_of(stage, dataset);
    let state = &stage.window().state;
    let open = state.population.datasets[dataset].clone();
    let info = &state.population.columns.datasets[dataset];
    let shards: Vec<_> = info
        .columns
        .shards
        .iter()
        .map(|shard| serde_json::json!({"name": shard.name, "fingerprint": shard.fingerprint, "rows": shard.rows}))
        .collect();
    let name = info.name.clone();
    std::fs::create_dir_all(&dir).expect("a folder");
    let layers = [("stem", 3), ("pool", 5)];
    for (layer, dims) in layers {
        let mut writer =
            Writer::create(&dir.join(format!("{layer}.npy")), keys.len(), dims, Dtype::F32).expect("a file");
        for i in 0..keys.len() {
            writer.append(&row(i, dims)).expect("a row");
        }
        writer.finish().expect("all rows");
    }
    let sidecar = serde_json::json!({
        "version": 2,
        "model": {"name": "tiny", "file": "/nowhere/tiny.onnx", "hash": TINY},
        "runtime": {"name": "by hand", "provider": "CPU"},
        "dtype": "f32",
        "batch": 1,
        "preprocessing": {"resize": 0, "interpolation": "bilinear", "crop": 8, "channels": "rgb", "layout": "nchw",
                          "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]},
        "layers": layers.map(|(layer, dims)| serde_json::json!({
            "layer": layer, "tensor": layer, "dims": dims, "file": format!("{layer}.npy"), "not_finite": 0})),
        "rows": keys.len(),
        "samples": "all of them",
        "datasets": [{"name": name, "path": open.source.root, "format": open.source.format.as_str(),
                      "rows": keys.len(), "shards": shards}],
        "keys": keys,
        "labels": keys.iter().map(|_| None::<String>).collect::<Vec<_>>(),
        "classes": [],
        "unreadable": [],
    });
    std::fs::write(dir.join("features.json"), sidecar.to_string()).expect("a file");
}
