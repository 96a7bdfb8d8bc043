//! The map at its largest: `cargo bench --bench scatter -- --points 15000000`.
//!
//! Synthetic positions in 60 clusters, 12 classes, two datasets, a picture of 1280 x 800. For each layer: the time from a
//! new camera to the first picture and to the whole one, frame after frame in a budget of 16 ms, waiting for each; and
//! that the counters sum to the visible points. Then a filter, a pick, and the lasso of the first 1,000,000 points.
//! Best of several runs: shared machines are noisy. Seconds of CPU are those of all threads of the program, a software
//! adapter's included; they tell more where other programs run.
//!
//! `--size 2560x1440` draws another size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shopscope::analysis::scatter::select::{self, Shape};
use shopscope::analysis::scatter::splat::{Layer, Style, splat};
use shopscope::analysis::scatter::{Bits, Camera, Points};
use shopscope::gpu::Device;
use shopscope::gpu::scatter::{Pipelines, Scatter};

const BUDGET: Duration = Duration::from_millis(16);
const RUNS: usize = 7;

fn argument(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn size() -> (u32, u32) {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--size").skip(1);
    let asked = arguments.next().and_then(|text| {
        let (width, height) = text.split_once('x')?;
        Some((width.parse().ok()?, height.parse().ok()?))
    });
    asked.unwrap_or((1280, 800))
}

/// CPU seconds of all threads, on Linux.
fn cpu() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let of = |task: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    tasks.filter_map(of).sum::<f64>() * 1e-9
}

fn clusters(rows: usize) -> Vec<[f32; 2]> {
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let centers: Vec<[f32; 2]> = (0..60).map(|_| [next() * 20.0, next() * 12.0]).collect();
    (0..rows)
        .map(|_| {
            let [x, y] = centers[(next() * 59.99) as usize];
            // A sum of three is near enough to a bell.
            [x + next() + next() + next() - 1.5, y + next() + next() + next() - 1.5]
        })
        .collect()
}

fn style(layer: Layer) -> Style {
    Style {
        layer,
        plane_of: std::array::from_fn(|class| class.min(11) as u8),
        planes: (0..12).map(|at| [at * 20, 255 - at * 20, 128]).collect(),
        ramp: (0..=255).map(|at| [at, 128, 255 - at]).collect(),
        dim: [90; 3],
        radius: 2.0,
    }
}

fn ms(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1e3)
}

fn best(run: impl FnMut() -> f64) -> f64 {
    std::iter::repeat_with(run).take(RUNS).fold(f64::INFINITY, f64::min)
}

fn main() {
    let size = size();
    let rows = argument("--points", 1_000_000);
    let device = match Device::open() {
        Ok(device) => device,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    println!("{} points, {}x{}, {}", rows, size.0, size.1, device.name());
    let world = clusters(rows);
    let classes: Vec<u8> = (0..rows).map(|row| (row % 12) as u8).collect();
    let groups: Vec<u8> = (0..rows).map(|row| (row % 2) as u8).collect();

    let started = Instant::now();
    let points = Arc::new(Points::new(&world));
    println!("laid out in {}", ms(started.elapsed().as_secs_f64()));
    let pipelines = Arc::new(Pipelines::new(&device));
    let started = Instant::now();
    let mut scatter = Scatter::new(&device, &pipelines, Arc::clone(&points), &classes, &groups, style(Layer::Density))
        .expect("the map fits");
    device.wait().expect("uploaded");
    println!(
        "uploaded in {}, {:.2} bytes a point here and there",
        ms(started.elapsed().as_secs_f64()),
        scatter.bytes() as f64 / rows as f64
    );

    let whole = points.fit([f64::from(size.0), f64::from(size.1)]);
    for (name, layer) in [("density", Layer::Density), ("classes", Layer::Classes), ("ratio", Layer::Ratio)] {
        scatter.set_style(style(layer));
        scatter.finish(&whole, size.0, size.1).expect("drawn");
        let (mut first, mut complete, mut frames, mut longest) = (f64::INFINITY, f64::INFINITY, 0, f64::INFINITY);
        let (mut first_cpu, mut complete_cpu) = (f64::INFINITY, f64::INFINITY);
        for run in 0..RUNS {
            // Another camera each time, all points in it.
            let camera = Camera { scale: whole.scale * (1.0 - 0.001 * (run + 1) as f64), ..whole };
            let (started, before) = (Instant::now(), cpu());
            let (mut count, mut worst, mut first_here) = (0, 0.0_f64, 0.0);
            loop {
                let frame = Instant::now();
                let progress = scatter.render(&camera, size.0, size.1, BUDGET).expect("drawn");
                scatter.wait(BUDGET).expect("drawn");
                worst = worst.max(frame.elapsed().as_secs_f64());
                count += 1;
                if count == 1 {
                    first_here = started.elapsed().as_secs_f64();
                    first_cpu = first_cpu.min(cpu() - before);
                }
                if progress.complete {
                    break;
                }
            }
            first = first.min(first_here);
            complete_cpu = complete_cpu.min(cpu() - before);
            longest = longest.min(worst);
            if started.elapsed().as_secs_f64() < complete {
                (complete, frames) = (started.elapsed().as_secs_f64(), count);
            }
        }
        let sum = scatter.counts().expect("read back").map_or(0, |counts| counts.sum());
        println!(
            "{name}: first picture {} ({} of CPU), complete {} ({} of CPU) in {frames} frames (longest {}), counters sum \
             to {sum} of {rows}",
            ms(first),
            ms(first_cpu),
            ms(complete),
            ms(complete_cpu),
            ms(longest)
        );
        assert!(sum == rows as u64 || rows < 300_000, "every point is counted once");
    }

    let half = Bits::of(rows, (0..rows as u32).filter(|row| row % 2 == 0));
    println!(
        "filter: {} to mark and upload",
        ms(best(|| {
            let started = Instant::now();
            scatter.set_marks(Some(&half), false, None);
            device.wait().expect("uploaded");
            started.elapsed().as_secs_f64()
        }))
    );
    scatter.set_marks(None, false, None);

    let marks = scatter.marks();
    let by_slot = points.by_slot(&classes);
    let map = style(Layer::Density).plane_map();
    println!(
        "twin on the processor: {} for all",
        ms(best(|| {
            let view = points.view(&whole, size.0, size.1);
            let started = Instant::now();
            let counts = splat(&points, &by_slot, marks, &map, 1, &view, 16);
            assert_eq!(counts.sum(), rows as u64);
            started.elapsed().as_secs_f64()
        }))
    );
    println!(
        "pick: {}",
        ms(best(|| {
            let started = Instant::now();
            assert!(select::pick(&points, marks, whole.center, 14.0 / whole.scale).is_some());
            started.elapsed().as_secs_f64()
        }))
    );

    let few = rows.min(1_000_000);
    let points = Points::new(&world[..few]);
    let marks = points.marks(None, false, None);
    // A hand-drawn loop: 400 corners on a wavy circle.
    let lasso: Vec<[f64; 2]> = (0..400)
        .map(|at| {
            let angle = f64::from(at) * std::f64::consts::TAU / 400.0;
            let radius = 5.0 + (angle * 9.0).sin();
            [10.0 + 1.6 * radius * angle.cos(), 6.0 + radius * angle.sin()]
        })
        .collect();
    let mut taken = 0;
    let seconds = best(|| {
        let started = Instant::now();
        taken = select::inside(&points, &marks, &Shape::Polygon(&lasso)).count();
        started.elapsed().as_secs_f64()
    });
    println!("lasso of 400 corners over {few} points: {}, {taken} inside", ms(seconds));
}
