//! Samples a second of indexing warm tar shards, without and with the text index, beside Python `webdataset`
//! iterating the same shards with JSON decode (the ratio is taken in one run on one machine), and the peak
//! of memory.
//!
//! ```text
//! cargo bench --bench index [-- --shards 20 --samples 5000]
//! ```
//!
//! The peer needs `SHOPSCOPE_BENCH_PYTHON`, the path of a Python with `pip install webdataset`; without it
//! the peer is left out, which is said.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shopscope::base::{CancelToken, Progress};
use shopscope::catalog::Store;
use shopscope::formats::{self, ReadOptions};
use shopscope::jobs::index::{IndexOptions, index_sources};

fn main() {
    // Each measurement is a process of its own, so that its peak of memory is its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [command, data, catalogs, text] = args.as_slice()
        && command == "child"
    {
        return child(Path::new(data), Path::new(catalogs), text == "text");
    }
    let number = |flag: &str, usual: usize| {
        let at = args.iter().position(|arg| arg == flag);
        at.and_then(|at| args.get(at + 1)).and_then(|value| value.parse().ok()).unwrap_or(usual)
    };
    let (shards, samples) = (number("--shards", 20), number("--samples", 5000));
    let runs = number("--runs", 3);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("shards");
    fs::create_dir(&data).expect("a folder");
    let bytes = write_shards(&data, shards, samples);
    let total = shards * samples;
    println!("{total} samples in {shards} shards, {} MB, captions of 500 bytes; median of {runs} runs", bytes >> 20);

    let ours = |text: &str| {
        let mut rates: Vec<(f64, u64, f64)> = (0..runs)
            .map(|run| {
                let catalogs = dir.path().join(format!("catalogs-{text}-{run}"));
                let output = Command::new(std::env::current_exe().expect("this program"))
                    .args(["child".as_ref(), data.as_os_str(), catalogs.as_os_str(), text.as_ref()])
                    .output()
                    .expect("this program runs");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                fs::remove_dir_all(&catalogs).expect("removed");
                let line = String::from_utf8(output.stdout).expect("text");
                let mut words = line.split_whitespace();
                let mut number = || words.next().and_then(|word| word.parse::<f64>().ok()).expect("a number");
                let (seconds, peak, cpu) = (number(), number(), number());
                (total as f64 / seconds, peak as u64, total as f64 / cpu)
            })
            .collect();
        rates.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (rate, _, by_cpu) = rates[runs / 2];
        let peak = rates.iter().map(|(_, peak, _)| *peak).max().unwrap_or(0);
        let name = format!("shopscope index ({text})");
        println!("{name:32} {rate:>10.0} samples/s {by_cpu:>10.0} a second of CPU   peak memory {} MB", peak >> 20);
        rate
    };
    ours("no-text");
    let with_text = ours("text");

    match std::env::var_os("SHOPSCOPE_BENCH_PYTHON") {
        None => println!("left out: SHOPSCOPE_BENCH_PYTHON names no Python with webdataset"),
        Some(python) => {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/bench_webdataset.py");
            let output = Command::new(python).arg(script).args(shard_paths(&data)).output().expect("Python runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let line = String::from_utf8(output.stdout).expect("text");
            let mut words = line.split_whitespace();
            assert_eq!(words.next().and_then(|word| word.parse().ok()), Some(total), "the peer read every sample");
            let seconds: f64 = words.next().and_then(|word| word.parse().ok()).expect("seconds");
            let rate = total as f64 / seconds;
            println!("{:32} {rate:>10.0} samples/s", "Python webdataset, JSON decode");
            println!("{:32} {:>10.1} x", "shopscope with text / webdataset", with_text / rate);
        }
    }
}

/// Indexes and prints seconds, peak bytes and seconds of CPU.
fn child(data: &Path, catalogs: &Path, text_index: bool) {
    let (store, _) = Store::open(Some(catalogs.to_owned())).expect("a store");
    let started = Instant::now();
    let options = ReadOptions { cache_dir: catalogs.to_owned(), ..ReadOptions::default() };
    let sources = formats::detect(&[data.to_owned()], &options).expect("shards");
    let options = IndexOptions { text_index, ..IndexOptions::default() };
    let report = index_sources(&store, &sources, &options, &Progress::default(), &CancelToken::default(), &|_| {})
        .expect("an index");
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(report.datasets[0].unreadable, 0);
    println!("{seconds} {} {}", peak_bytes(), cpu_seconds());
}

/// Peak of resident memory. It counts mapped pages of the shards, too, which the system may take back.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) << 10
    };
    field("VmHWM:")
}

/// Seconds of CPU of this process over all threads: what a busy machine does not change.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted after the name, which may hold blanks; 100 ticks a second.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

fn shard_paths(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir).expect("listed").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// Shards of a JPEG of a few kilobytes, a record and a caption each. Words follow Zipf's law over 30,000.
fn write_shards(dir: &Path, shards: usize, samples: usize) -> u64 {
    let mut random = Pcg64Mcg::seed_from_u64(7);
    let words: Vec<String> = (0..30_000)
        .map(|_| (0..random.random_range(3..9)).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect())
        .collect();
    let jpegs: Vec<Vec<u8>> = (0..16)
        .map(|seed| {
            let pixels: Vec<u8> = (0..64 * 64 * 3).map(|i| ((i * (seed + 3)) ^ (i / 64)) as u8).collect();
            let mut jpeg = Vec::new();
            jpeg_encoder::Encoder::new(&mut jpeg, 70)
                .encode(&pixels, 64, 64, jpeg_encoder::ColorType::Rgb)
                .expect("a JPEG");
            jpeg
        })
        .collect();
    let mut total = 0;
    for shard in 0..shards {
        let path = dir.join(format!("{shard:05}.tar"));
        let mut out = BufWriter::new(File::create(&path).expect("a shard"));
        for i in 0..samples {
            let key = format!("{:09}", shard * samples + i);
            let mut caption = String::new();
            while caption.len() < 500 {
                // The inverse of the cumulative distribution of 1 / rank.
                let rank = ((words.len() as f64).powf(random.random::<f64>()) - 1.0) as usize;
                caption.push_str(&words[rank.min(words.len() - 1)]);
                caption.push(' ');
            }
            caption.truncate(500);
            let leaf = random.random_range(0..200_u32);
            let record = serde_json::json!({
                "url": format!("https://example.org/{key}.jpg"),
                "caption": caption,
                "title": format!("{} {}", words[random.random_range(0..500)], words[random.random_range(0..500)]),
                "brand": if i % 3 == 0 { None } else { Some(format!("brand {}", random.random_range(0..400_u32))) },
                "taxonomy": [format!("area {}", leaf % 10), format!("group {}", leaf % 40), format!("leaf {leaf}")],
                "leaf": format!("leaf {leaf}"),
                "key": key,
                "width": 64,
                "height": 64,
            });
            let record = record.to_string();
            for (extension, data) in
                [("jpg", &jpegs[i % jpegs.len()][..]), ("json", record.as_bytes()), ("txt", caption.as_bytes())]
            {
                write_member(&mut out, &format!("{key}.{extension}"), data);
            }
        }
        out.write_all(&[0; 1024]).expect("written");
        out.flush().expect("written");
        total += fs::metadata(&path).expect("a shard").len();
    }
    total
}

fn write_member(out: &mut impl Write, name: &str, data: &[u8]) {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].fill(b' ');
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.write_all(&header).expect("written");
    out.write_all(data).expect("written");
    out.write_all(&vec![0; data.len().next_multiple_of(512) - data.len()]).expect("written");
}
