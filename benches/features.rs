//! Features end to end (read, decode, preprocess, run, write) beside the bare session on ready tensors: ResNet-50 with random
//! weights, both in one process, one after the other, several times. Where the time went is printed, too.
//!
//! ```text
//! ORT_DYLIB_PATH=.../libonnxruntime.so cargo bench --bench features [-- --pictures 96 --batch 16 --runs 3 --device auto --side 500]
//! ```

mod nets;

use std::fs;
use std::path::Path;
use std::time::Instant;

use jpeg_encoder::{ColorType, Encoder};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shopscope::base::{CancelToken, Progress};
use shopscope::catalog::Store;
use shopscope::formats::npy::Dtype;
use shopscope::formats::{self, ReadOptions};
use shopscope::jobs::batches::population;
use shopscope::jobs::features::{Request, compute};
use shopscope::jobs::index::{IndexOptions, load_sources};
use shopscope::model::Model;
use shopscope::model::onnx::Tap;
use shopscope::model::runtime::Runtime;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let text = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1)).cloned();
    let number = |flag: &str, usual: usize| text(flag).and_then(|value| value.parse().ok()).unwrap_or(usual);
    let (pictures, batch, runs) = (number("--pictures", 96), number("--batch", 16), number("--runs", 3));
    let side = number("--side", 500) as u32;
    let device = text("--device").map_or(Ok(shopscope::model::runtime::Device::Auto), |name| name.parse());
    let runtime = Runtime::start(device.expect("a device"), None).expect("a runtime");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("resnet50.onnx");
    nets::write_resnet50(&path);
    let model = Model::open(&path, None).expect("a model");
    let data = dir.path().join("pictures");
    let bytes = write_pictures(&data, pictures, side);
    println!(
        "ResNet-50, batch {batch}, {} on {}; {pictures} JPEGs of {side} x {} and {} KB; {runs} runs",
        runtime.describe().name,
        runtime.describe().provider,
        side * 3 / 4,
        bytes / pictures / 1024
    );

    let (store, _) = Store::open(Some(dir.path().join("catalogs"))).expect("a catalog folder");
    let options = ReadOptions { cache_dir: store.dir().to_owned(), ..ReadOptions::default() };
    let sources = formats::detect(&[data], &options).expect("a dataset");
    let (progress, cancel) = (Progress::default(), CancelToken::default());
    let options = IndexOptions { text_index: false, ..IndexOptions::default() };
    let (_, columns) = load_sources(&store, &sources, &options, &progress, &cancel, &|_| {}).expect("indexed");
    let ids = columns.all();
    let population = population(&store, sources, columns).expect("a population");

    // The same graph as the job runs.
    let graph = model.graph.expose(&[Tap::mean("pool", "features_0")]).expect("a graph");
    let shape = model.input.shape(batch);
    let mut random = Pcg64Mcg::seed_from_u64(2);
    let ready: Vec<f32> = (0..shape.iter().product()).map(|_| random.random::<f32>() * 4.0 - 2.0).collect();
    let mut bare = Vec::new();
    let mut whole = Vec::new();
    for run in 0..=runs {
        let mut session = runtime.session(&graph, 0).expect("a session");
        session.run_batch(&model.input.name, &shape, &ready).expect("runs");
        let started = Instant::now();
        let batches = pictures / batch;
        for _ in 0..batches {
            session.run_batch(&model.input.name, &shape, &ready).expect("runs");
        }
        let bare_rate = (batches * batch) as f64 / started.elapsed().as_secs_f64();
        drop(session);
        let out = dir.path().join(format!("out-{run}"));
        let layers = ["pool".to_owned()];
        let request = Request {
            population: &population,
            ids: &ids,
            model: &model,
            layers: &layers,
            runtime,
            batch,
            dtype: Dtype::F32,
            out: Some(&out),
            force: false,
        };
        let summary = compute(&request, &progress, &cancel).expect("features").remove(0);
        assert_eq!((summary.computed, summary.unreadable), (pictures, 0));
        // The first round warms caches and clocks.
        if run == 0 {
            continue;
        }
        let seconds = summary.seconds;
        println!(
            "bare {bare_rate:6.1} /s   end to end {:6.1} /s   ratio {:.3}   read {:.2} decode {:.2} preprocess {:.2} (workers)   wait {:.2} run {:.2} write {:.2} of {:.2} s",
            summary.images_per_second,
            summary.images_per_second / bare_rate,
            seconds.read,
            seconds.decode,
            seconds.preprocess,
            seconds.wait,
            seconds.run,
            seconds.write,
            seconds.total
        );
        bare.push(bare_rate);
        whole.push(summary.images_per_second);
    }
    let median = |rates: &mut Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let (bare, whole) = (median(&mut bare), median(&mut whole));
    println!("median: bare {bare:.1} /s, end to end {whole:.1} /s, ratio {:.3}", whole / bare);
}

/// Smooth shapes with texture, so that decoding costs what it costs on photographs.
fn write_pictures(dir: &Path, count: usize, side: u32) -> usize {
    fs::create_dir(dir).expect("a folder");
    let (width, height) = (side, side * 3 / 4);
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let mut bytes = 0;
    for i in 0..count {
        let phase = i as f32;
        let mut pixels = Vec::with_capacity((width * height * 3) as usize);
        for y in 0..height {
            for x in 0..width {
                let (u, v) = (x as f32 / 40.0, y as f32 / 40.0);
                let base = [(u + phase).sin(), (v - phase).cos(), (u * v / 9.0 + phase).sin()];
                let noise = random.random::<f32>() * 24.0;
                pixels.extend(base.map(|value| (value * 90.0 + 110.0 + noise) as u8));
            }
        }
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 88);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
        encoder.encode(&pixels, width as u16, height as u16, ColorType::Rgb).expect("encodes");
        bytes += jpeg.len();
        fs::write(dir.join(format!("{i:04}.jpg")), jpeg).expect("written");
    }
    bytes
}
