//! What an explanation costs beside a forward pass on the same backend, and what it is worth: deletion and insertion curves.
//!
//! ```text
//! cargo bench --bench explain -- [--device auto] [--runs 7] [--batch 1] [--model resnet50.onnx]
//! cargo bench --bench explain -- --curves ../shared/data/imagenet-mini --model ../shared/data/models/mobilenet_v1_0.25_128.onnx
//! ```
//!
//! Cost: ResNet-50 with numbers of its own for weights (or `--model`); medians of `--runs` alternating runs. The bar for Grad-CAM of the
//! predicted class at the last stage is 3.0 forward passes.
//!
//! Curves: pixels are taken away (blurred: a grey hole has edges of its own, which models see) or put back in 16 steps by falling map, and the probability of the class
//! is followed. The random order shuffles the places of the same map, so that pieces of the same size and smoothness go.

mod nets;

use std::path::{Path, PathBuf};
use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use shopscope::analysis::cam::{Map, softmax, upsample};
use shopscope::base::{CancelToken, Progress};
use shopscope::catalog::{Catalog, Store};
use shopscope::formats::{self, ReadOptions};
use shopscope::jobs::batches::{self, PictureReader, Reader};
use shopscope::jobs::explain::preprocessing;
use shopscope::jobs::features::samples;
use shopscope::jobs::index::{IndexOptions, load_sources};
use shopscope::model::explain::{Classes, Explainer, Method};
use shopscope::model::onnx::Tap;
use shopscope::model::runtime::{Runtime, Session};
use shopscope::model::{Model, preprocess};

/// Steps of a curve.
const STEPS: usize = 16;
/// Shuffles of a map.
const SHUFFLES: usize = 4;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let text = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1)).cloned();
    let number = |flag: &str, usual: usize| text(flag).and_then(|value| value.parse().ok()).unwrap_or(usual);
    let device = text("--device").map_or(Ok(shopscope::model::runtime::Device::Auto), |name| name.parse());
    let runtime = Runtime::start(device.expect("a device"), None).expect("a runtime");
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
    match text("--curves") {
        Some(data) => curves(runtime, &model, Path::new(&data), dir.path(), number("--pictures", usize::MAX)),
        None => cost(runtime, &model, number("--batch", 1), number("--runs", 7)),
    }
}

fn cost(runtime: &'static Runtime, model: &Model, batch: usize, runs: usize) {
    println!("{}, batch {batch}, {}; medians of {runs} runs", model.card.name, runtime.describe().label());
    let mut scores = forward(runtime, model);
    let shape = model.input.shape(batch);
    let values: Vec<f32> = (0..shape.iter().product()).map(|at: usize| (at as f32 * 0.618).sin()).collect();
    let stages = shopscope::model::explain::spatial(model);
    let first = stages.first().map(|(stage, _)| stage.name.clone()).expect("a stage with places");
    let median = |mut secs: Vec<f64>| {
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
        let (mut plain, mut mapped) = (Vec::new(), Vec::new());
        for run in 0..=runs {
            let started = Instant::now();
            scores.run_batch(&model.input.name, &shape, &values).expect("runs");
            let between = Instant::now();
            explainer.run(batch, &values, &classes).expect("runs");
            // The first round warms caches and clocks.
            if run > 0 {
                plain.push((between - started).as_secs_f64());
                mapped.push(between.elapsed().as_secs_f64());
            }
        }
        let (plain, mapped) = (median(plain), median(mapped));
        let (stage, class) =
            (&explainer.stage().name, if classes == Classes::Predicted { "predicted" } else { "given" });
        println!(
            "{:16} {stage:8} {class:10} forward {:8.2} ms   map {:8.2} ms   ratio {:.2}",
            method.to_string(),
            plain * 1e3,
            mapped * 1e3,
            mapped / plain
        );
    }
}

fn forward(runtime: &'static Runtime, model: &Model) -> Session {
    let logits = model.card.logits.as_ref().expect("scores");
    runtime.session(&model.graph.expose(&[Tap::whole(logits, "scores")]).expect("a graph"), 0).expect("a session")
}

fn curves(runtime: &'static Runtime, model: &Model, data: &Path, dir: &Path, most: usize) {
    let (store, _) = Store::open(Some(dir.join("catalogs"))).expect("a catalog folder");
    let options = ReadOptions { cache_dir: store.dir().to_owned(), ..ReadOptions::default() };
    let sources = formats::detect(&[data.to_owned()], &options).expect("a dataset");
    let options = IndexOptions { text_index: false, ..IndexOptions::default() };
    let (progress, cancel) = (Progress::default(), CancelToken::default());
    let (_, columns) = load_sources(&store, &sources, &options, &progress, &cancel, &|_| {}).expect("indexed");
    let ids = columns.all();
    let population = batches::population(&store, sources, columns).expect("a population");
    let (_, refs) = samples(&population, &ids).expect("samples");
    let refs = std::sync::Arc::new(refs);
    let mut reader = PictureReader::several(&population, &refs).remove(0);
    let catalog = Catalog::open_read(&population.datasets[0].catalog).expect("a catalog");
    let how = preprocessing(model).expect("a card that fits");
    let mut explainer = Explainer::new(runtime, model, None, Method::GradCam).expect("an explainer");
    let mut scores = forward(runtime, model);
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let (mut seen, mut deleted, mut inserted) = (0, 0, 0);
    let mut sums = [0.0; 4];
    for (at, sample) in refs.iter().enumerate().take(most) {
        let Ok(bytes) = reader.read(at) else { continue };
        let Ok(picture) = preprocess::decode(&bytes, &how) else { continue };
        let mut values = vec![0.0; preprocess::len(&how)];
        preprocess::tensor(&picture, &how, &mut values).expect("a picture");
        let explanation = explainer.run(1, &values, &Classes::Predicted).expect("runs").remove(0);
        let class = catalog.record(sample.row).expect("a record").fields.class_index;
        if class != Some(explanation.class as u32) {
            continue;
        }
        let mut area = |map: &Map, insert: bool| curve(&mut scores, model, &values, map, explanation.class, insert);
        let (own, own_in) = (area(&explanation.map, false), area(&explanation.map, true));
        let (mut chance, mut chance_in) = (0.0, 0.0);
        for _ in 0..SHUFFLES {
            let mut shuffled = explanation.map.clone();
            shuffled.values.shuffle(&mut random);
            chance += area(&shuffled, false) / SHUFFLES as f32;
            chance_in += area(&shuffled, true) / SHUFFLES as f32;
        }
        seen += 1;
        deleted += usize::from(own < chance);
        inserted += usize::from(own_in > chance_in);
        for (sum, value) in sums.iter_mut().zip([own, chance, own_in, chance_in]) {
            *sum += value;
        }
    }
    let share = |count: usize| count as f64 / f64::from(seen.max(1)) * 100.0;
    let [own, chance, own_in, chance_in] = sums.map(|sum| f64::from(sum) / f64::from(seen.max(1)));
    println!("{seen} correctly classified pictures, layer {}", explainer.stage().name);
    println!("deletion: {own:.3} by the map, {chance:.3} by chance; below chance for {:.1} %", share(deleted));
    println!("insertion: {own_in:.3} by the map, {chance_in:.3} by chance; above chance for {:.1} %", share(inserted));
}

/// Area under the probability of a class while pixels go (or come) by falling map.
fn curve(scores: &mut Session, model: &Model, values: &[f32], map: &Map, class: usize, insert: bool) -> f32 {
    let (height, width) = (model.input.height, model.input.width);
    let large = upsample(map, height, width).values;
    let mut order: Vec<usize> = (0..large.len()).collect();
    order.sort_by(|&a, &b| large[b].total_cmp(&large[a]));
    let blurred: Vec<f32> = values.chunks_exact(height * width).flat_map(|plane| blur(plane, width)).collect();
    let mut batch = Vec::with_capacity((STEPS + 1) * values.len());
    for step in 0..=STEPS {
        let (first, rest) = order.split_at(order.len() * step / STEPS);
        let gone = if insert { rest } else { first };
        let start = batch.len();
        batch.extend_from_slice(values);
        for &pixel in gone {
            for plane in 0..model.input.channels {
                let at = plane * height * width + pixel;
                batch[start + at] = blurred[at];
            }
        }
    }
    let (outputs, _) = scores.run_batch(&model.input.name, &model.input.shape(STEPS + 1), &batch).expect("runs");
    let rows = outputs[0].1.values.chunks(outputs[0].1.values.len() / (STEPS + 1));
    let probabilities: Vec<f32> = rows.map(|row| softmax(row)[class]).collect();
    let ends = f32::midpoint(probabilities[0], probabilities[STEPS]);
    (probabilities.iter().sum::<f32>() - ends) / STEPS as f32
}

/// A plane blurred by three boxes each way: near a Gaussian of a sixteenth of the side.
fn blur(plane: &[f32], width: usize) -> Vec<f32> {
    let radius = width / 16;
    let height = plane.len() / width;
    let mut from = plane.to_vec();
    for (count, length, step, stride) in [(height, width, 1, width), (width, height, width, 1)].repeat(3) {
        let mut to = from.clone();
        for line in 0..count {
            for at in 0..length {
                let near = at.saturating_sub(radius)..(at + radius + 1).min(length);
                let sum: f32 = near.clone().map(|other| from[line * stride + other * step]).sum();
                to[line * stride + at * step] = sum / near.len() as f32;
            }
        }
        from = to;
    }
    from
}
