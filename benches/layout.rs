//! Neighbours and layout of seeded clusters with heavy tails, on one core and on two, beside umap-learn in the same run
//! (its JIT warm), and the peak of memory of a large set.
//!
//! ```text
//! cargo bench --bench layout [-- --rows 20000 --dims 64 --large 100000]
//! ```
//!
//! The peer needs `SHOPSCOPE_BENCH_PYTHON`, the path of a Python with `pip install umap-learn`; without it the peer is
//! left out, which is said. Ratios against it are of CPU seconds for the optimiser alone (both on one thread) and by the
//! clock for the whole.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shopscope::analysis::linear::Rows;
use shopscope::analysis::neighbours::{Search, find};
use shopscope::analysis::umap::{Params, Umap};
use shopscope::base::CancelToken;
use shopscope::formats::npy::{Dtype, Writer, read};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    // Each measurement is a process of its own: the number of threads and the peak of memory are a process's.
    if let [command, file, threads] = args.as_slice()
        && command == "child"
    {
        return child(Path::new(file), threads.parse().expect("a number of threads"));
    }
    let number = |flag: &str, usual: usize| {
        let at = args.iter().position(|arg| arg == flag);
        at.and_then(|at| args.get(at + 1)).and_then(|value| value.parse().ok()).unwrap_or(usual)
    };
    let (rows, dims, large) = (number("--rows", 20_000), number("--dims", 64), number("--large", 100_000));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("features.npy");
    write(&file, rows, dims);
    println!("{rows} x {dims}, {} epochs, 15 neighbours", epochs(rows));
    let one = measured(&file, 1, "one core");
    let two = measured(&file, 2, "two cores");
    println!(
        "two cores against one: neighbours {:.2} x, layout {:.2} x, whole {:.2} x",
        one.neighbours / two.neighbours,
        one.layout / two.layout,
        one.whole / two.whole
    );
    match std::env::var_os("SHOPSCOPE_BENCH_PYTHON") {
        None => println!("left out: SHOPSCOPE_BENCH_PYTHON names no Python with umap-learn"),
        Some(python) => {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/bench_umap.py");
            let output = Command::new(python)
                .arg(script)
                .arg(&file)
                .arg(epochs(rows).to_string())
                .output()
                .expect("Python runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let line = String::from_utf8(output.stdout).expect("text");
            let mut words = line.split_whitespace().map(|word| word.parse::<f64>().expect("a number"));
            let (whole, optimiser) = (words.next().expect("the whole"), words.next().expect("the optimiser"));
            println!("umap-learn               whole {whole:>7.2} s   optimiser {optimiser:>7.2} s of CPU");
            println!(
                "against it: optimiser {:.1} x a second of CPU, whole on two cores {:.1} x by the clock",
                optimiser / one.layout_cpu,
                whole / two.whole
            );
        }
    }
    if large > 0 {
        let file = dir.path().join("large.npy");
        write(&file, large, dims);
        println!("{large} x {dims}, {} epochs", epochs(large));
        measured(&file, 2, "two cores");
    }
}

fn epochs(rows: usize) -> u32 {
    Params::default().epochs_for(rows)
}

/// Clusters of very different sizes, with heavy tails along a few directions of their own.
fn write(path: &Path, rows: usize, dims: usize) {
    const CLUSTERS: usize = 40;
    const WITHIN: usize = 6;
    let mut random = Pcg64Mcg::seed_from_u64(7);
    let mut even = move || random.random::<f32>();
    let mut normal = move || (0..12).map(|_| even()).sum::<f32>() - 6.0;
    let centres: Vec<f32> = (0..CLUSTERS * dims).map(|_| 2.2 * normal()).collect();
    let directions: Vec<f32> = (0..CLUSTERS * WITHIN * dims).map(|_| 0.6 * normal()).collect();
    // Sizes fall as 1 / rank.
    let total: f64 = (1..=CLUSTERS).map(|rank| 1.0 / rank as f64).sum();
    let mut writer = Writer::create(path, rows, dims, Dtype::F32).expect("a file");
    for row in 0..rows {
        let mut place = (row as f64 * 0.618_033_988_749_895).fract() * total;
        let cluster = (0..CLUSTERS)
            .find(|&cluster| {
                place -= 1.0 / (cluster + 1) as f64;
                place <= 0.0
            })
            .unwrap_or(CLUSTERS - 1);
        let mut values: Vec<f32> =
            centres[cluster * dims..][..dims].iter().map(|centre| centre + 0.5 * normal()).collect();
        for direction in 0..WITHIN {
            // A normal over the size of another: tails as of Student's t with few degrees of freedom.
            let along = normal() / (normal().abs().max(normal().abs()) + 0.3);
            let direction = &directions[(cluster * WITHIN + direction) * dims..][..dims];
            values.iter_mut().zip(direction).for_each(|(value, step)| *value += along * step);
        }
        writer.append(&values).expect("written");
    }
    writer.finish().expect("written");
}

struct Measured {
    neighbours: f64,
    layout: f64,
    layout_cpu: f64,
    whole: f64,
}

fn measured(file: &Path, threads: usize, name: &str) -> Measured {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["child".as_ref(), file.as_os_str(), threads.to_string().as_ref()])
        .env("RAYON_NUM_THREADS", threads.to_string())
        .output()
        .expect("this program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = String::from_utf8(output.stdout).expect("text");
    let numbers: Vec<f64> = line.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    let [neighbours, neighbours_cpu, start, layout, layout_cpu, whole, peak] = numbers[..] else { panic!("{line}") };
    println!(
        "{name:12} neighbours {neighbours:>7.2} s ({neighbours_cpu:.2} of CPU)   graph and start {start:>6.2} s   layout \
         {layout:>7.2} s ({layout_cpu:.2} of CPU)   whole {whole:>7.2} s   peak memory {:.0} MB",
        peak / 1e6
    );
    Measured { neighbours, layout, layout_cpu, whole }
}

fn child(file: &Path, threads: usize) {
    assert_eq!(std::env::var("RAYON_NUM_THREADS").ok(), Some(threads.to_string()), "set by the parent");
    let started = Instant::now();
    let elapsed = || started.elapsed().as_secs_f64();
    let array = read(file).expect("features");
    let rows = Rows::finite(array.values, array.shape[1]);
    let cancel = CancelToken::default();
    let (before, cpu) = (elapsed(), cpu_seconds());
    let (neighbours, _) = find(&rows, &Search::default(), &cancel).expect("nobody cancels");
    let (searched, searched_cpu) = (elapsed(), cpu_seconds());
    let mut umap = Umap::new(&rows, &neighbours, Params::default(), &cancel).expect("nobody cancels");
    let (begun, begun_cpu) = (elapsed(), cpu_seconds());
    while umap.step(50) {}
    let whole = elapsed();
    println!(
        "{} {} {} {} {} {whole} {}",
        searched - before,
        searched_cpu - cpu,
        begun - searched,
        whole - begun,
        cpu_seconds() - begun_cpu,
        peak_bytes()
    );
}

/// User and system seconds of this process, on Linux.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    // Fields 14 and 15 of the file, counted in hundredths of a second.
    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The most memory that this process held, on Linux.
fn peak_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<f64>().ok()).unwrap_or(0.0) * 1024.0
}
