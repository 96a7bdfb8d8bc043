//! Thumbnails at 128 px from 1024 px JPEGs against the plain way: full decode and resize by the `image` crate,
//! in the same run. Prints the ratio; the bar is 2.
//!
//! `cargo bench --bench thumbnails`

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use image::imageops::{self, FilterType};
use shopscope::formats::demo::{Dataset, DemoOptions, render_sample};
use shopscope::formats::image::{probe, thumbnail};

const SIDE: u32 = 128;

/// Pictures of 1024 px drawn by the demo, half of them plain, half busy.
fn pictures() -> Vec<Vec<u8>> {
    let options = DemoOptions { samples_per_dataset: 100, size: 1024, seed: 5 };
    Dataset::ALL.iter().flat_map(|&set| (0..8).map(move |i| render_sample(set, i * 11, &options).jpeg)).collect()
}

fn plain_way(bytes: &[u8], filter: FilterType) -> image::RgbImage {
    let picture = image::load_from_memory(bytes).expect("decodes").into_rgb8();
    imageops::resize(&picture, SIDE, SIDE, filter)
}

/// Best of several passes over all pictures.
fn best(pictures: &[Vec<u8>], work: impl Fn(&[u8])) -> Duration {
    let pass = || {
        let start = Instant::now();
        for bytes in pictures {
            work(bytes);
        }
        start.elapsed()
    };
    (0..7).map(|_| pass()).min().expect("several passes")
}

fn main() {
    let pictures = pictures();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("thumbnails of 1024 px JPEGs at 128 px");
    group.throughput(Throughput::Elements(pictures.len() as u64)).sample_size(10);
    group.bench_function("scaled decode", |b| {
        b.iter(|| pictures.iter().for_each(|bytes| drop(black_box(thumbnail(bytes, SIDE)))));
    });
    for (name, filter) in [("triangle", FilterType::Triangle), ("lanczos", FilterType::Lanczos3)] {
        group.bench_function(format!("full decode, {name}"), |b| {
            b.iter(|| pictures.iter().for_each(|bytes| drop(black_box(plain_way(bytes, filter)))));
        });
    }
    group.bench_function("headers alone", |b| {
        b.iter(|| pictures.iter().map(|bytes| black_box(probe(bytes)).width).sum::<u32>());
    });
    group.finish();

    let ours = best(&pictures, |bytes| drop(black_box(thumbnail(bytes, SIDE))));
    let peer = |filter| best(&pictures, move |bytes| drop(black_box(plain_way(bytes, filter))));
    let ratio = |peer: Duration| peer.as_secs_f64() / ours.as_secs_f64();
    println!(
        "thumbnails: {:.0}/s; {:.2}x full decode + triangle, {:.2}x full decode + Lanczos (bar: 2)",
        pictures.len() as f64 / ours.as_secs_f64(),
        ratio(peer(FilterType::Triangle)),
        ratio(peer(FilterType::Lanczos3)),
    );
    with_pillow(&pictures, ours);
}

/// Pillow's `thumbnail` (scaled decode by libjpeg-turbo), where `python3`, or the Python that `PYTHON` names, has it.
fn with_pillow(pictures: &[Vec<u8>], ours: Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    for (i, bytes) in pictures.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{i}.jpg")), bytes).expect("writes");
    }
    let script = "import sys, io, glob, time\nfrom PIL import Image\n\
                  data = [open(p, 'rb').read() for p in glob.glob(sys.argv[1] + '/*.jpg')]\n\
                  def once():\n    t = time.perf_counter()\n    for d in data:\n        i = Image.open(io.BytesIO(d)); i.thumbnail((128, 128), Image.LANCZOS)\n\
                  \x20   return time.perf_counter() - t\n\
                  print(min(once() for _ in range(7)))";
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let output = std::process::Command::new(python).arg("-c").arg(script).arg(folder.path()).output();
    match output.ok().and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse::<f64>().ok()) {
        Some(seconds) => println!("Pillow's draft + Lanczos: {:.2}x our time", seconds / ours.as_secs_f64()),
        None => println!("left out: no Python with Pillow (set PYTHON)"),
    }
}
