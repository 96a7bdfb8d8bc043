//! What an explanation costs beside a forward pass on the same backend.
//!
//! ```text
//! cargo bench --bench explain -- [--devices cpu,tract] [--runs 7] [--batch 1] [--model resnet50.onnx]
//! ```
//!
//! ResNet-50 with numbers of its own for weights, 224 px (or `--model`). Forward passes and maps alternate; each figure is the
//! median of `--runs` rounds, the ratio the median of the rounds' own ratios, so that a machine that slows down meanwhile slows
//! both sides. The bar for a map of the predicted class at the last stage is 3.0 forward passes.

mod nets;

use std::path::PathBuf;
use std::time::Instant;

use shopscope::model::Model;
use shopscope::model::explain::{Classes, Explainer, Method, spatial};
use shopscope::model::onnx::Tap;
use shopscope::model::runtime::{Device, Runtime};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let text = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1)).cloned();
    let number = |flag: &str, usual: usize| text(flag).and_then(|value| value.parse().ok()).unwrap_or(usual);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = text("--model").map_or_else(
        || {
            let path = dir.path().join("resnet50.onnx");
            nets::write_resnet50(&path);
            path
        },
        PathBuf::from,
    );
    let model = Model::open(&path, None).expect("a model");
    for device in text("--devices").unwrap_or_else(|| "auto,tract".to_owned()).split(',') {
        let device: Device = device.parse().expect("a device");
        let runtime = Runtime::start(device, None).expect("a runtime");
        cost(runtime, &model, number("--batch", 1), number("--runs", 7));
    }
}

fn cost(runtime: &'static Runtime, model: &Model, batch: usize, runs: usize) {
    println!("{}, batch {batch}, {}; medians of {runs} rounds", model.card.name, runtime.describe().label());
    let logits = model.card.logits.as_ref().expect("scores");
    let onnx = model.graph.expose(&[Tap::whole(logits, "scores")]).expect("a graph");
    let mut scores = runtime.session(&onnx, 0).expect("a session");
    let shape = model.input.shape(batch);
    let values: Vec<f32> = (0..shape.iter().product()).map(|at: usize| (at as f32 * 0.618).sin()).collect();
    let first = spatial(model).first().map(|(stage, _)| stage.name.clone()).expect("a stage with places");
    let median = |secs: &mut Vec<f64>| {
        secs.sort_by(f64::total_cmp);
        secs[secs.len() / 2]
    };
    for (method, layer, classes) in [
        (Method::GradCam, None, Classes::Predicted),
        (Method::GradCam, None, Classes::One(1)),
        (Method::GradCam, Some(first.as_str()), Classes::Predicted),
        (Method::EigenCam, None, Classes::Predicted),
        (Method::Gradient, None, Classes::Predicted),
    ] {
        let mut explainer = Explainer::new(runtime, model, layer, method).expect("an explainer");
        let (mut plain, mut mapped, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=runs {
            let started = Instant::now();
            scores.run_batch(&model.input.name, &shape, &values).expect("runs");
            let between = Instant::now();
            explainer.run(batch, &values, &classes).expect("runs");
            let (forward, map) = ((between - started).as_secs_f64(), between.elapsed().as_secs_f64());
            // The first round warms caches and clocks.
            if round > 0 {
                plain.push(forward);
                mapped.push(map);
                ratios.push(map / forward);
            }
        }
        let (plain, mapped, ratio) = (median(&mut plain), median(&mut mapped), median(&mut ratios));
        let (stage, class) =
            (&explainer.stage().name, if classes == Classes::Predicted { "predicted" } else { "given" });
        println!(
            "{:10} {stage:8} {class:10} forward {:8.1} ms   map {:8.1} ms   ratio {ratio:.2}",
            method.to_string(),
            plain * 1e3,
            mapped * 1e3
        );
    }
}
