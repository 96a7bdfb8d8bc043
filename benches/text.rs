//! Caption statistics at the size of a large dataset: `cargo bench --bench text`.
//!
//! Uni-, bi- and trigrams of 1,000,000 generated captions (about 90 million tokens), text in, all three orders out, on as many threads as
//! there are cores (`RAYON_NUM_THREADS` limits them); then `DuckDB` counting the three orders from ready integer ids in the same run, if
//! `SHOPSCOPE_BENCH_PYTHON` names a Python that has duckdb, numpy and pyarrow; its tables must equal ours. Then the same counts at a
//! budget of 64 MiB in a process of its own, whose peak memory is reported. Then the tagger.
//! `SHOPSCOPE_BENCH_CAPTIONS` changes the number of captions. Shared machines are noisy: trust the ratios of one run.

use std::io::Write;
use std::process::Command;
use std::time::Instant;

use rayon::prelude::*;
use shopscope::analysis::text::generate::{Generator, word_into};
use shopscope::analysis::text::ngrams::{self, Encoder, NgramError, Options, Partial};
use shopscope::analysis::text::tagger::{TagWords, Tagger, split};
use shopscope::base::CancelToken;
use shopscope::jobs::spill::SpillFolder;

const WORDS: u32 = 400_000;
const BITS: u32 = 19;
const CHILD: &str = "SHOPSCOPE_BENCH_CHILD";

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Processor time of this process so far in seconds, all threads; on a busy machine the better clock. `None` where `/proc` is not.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Fields 14 and 15, user and system time in hundredths of a second; the name in field 2 may hold spaces.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let ticks: f64 = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

fn number_of_captions() -> usize {
    std::env::var("SHOPSCOPE_BENCH_CAPTIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000)
}

fn main() {
    let captions = number_of_captions();
    if std::env::var_os(CHILD).is_some() {
        child(captions);
        return;
    }
    let threads = rayon::current_num_threads();
    let mut generator = Generator::new(1, WORDS);
    let (mut ranks, mut caption, mut ids) = (Vec::new(), String::new(), Vec::new());
    let mut texts = Vec::with_capacity(captions);
    for _ in 0..captions {
        generator.caption(&mut ranks, &mut caption);
        texts.push(caption.as_str().to_owned());
        ids.extend_from_slice(&ranks);
        ids.push(0_u32);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SpillFolder::new(folder.path()).expect("a temporary folder");
    let cancel = CancelToken::default();
    let run = |table: bool| {
        let options = Options { table, memory: 8 << 30, ..Options::default() };
        let partial = ngrams::encode(&texts, options.memory, &store, &cancel)?;
        ngrams::count(partial, None, &options, &store, &cancel)
    };
    let (mut seconds, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (start, cpu_start) = (Instant::now(), cpu_seconds());
        run(false).expect("counting works");
        seconds.push(start.elapsed().as_secs_f64());
        cpu.extend(cpu_seconds().zip(cpu_start).map(|(end, start)| end - start));
    }
    let ours = median(seconds.clone());
    let counts = run(true).expect("counting works");
    let tokens = counts.orders[0].sides[0].total as f64;
    let bytes: usize = texts.iter().map(String::len).sum();
    println!(
        "{captions} captions, {:.0} MB, {:.1} million tokens, {threads} threads",
        bytes as f64 / 1e6,
        tokens / 1e6
    );
    for order in &counts.orders {
        println!("  n = {}: {} with 10 or more of {}", order.n, order.sides[0].at_least_min, order.sides[0].total);
    }
    println!(
        "shopscope, text in: {ours:.2} s (of {seconds:.2?}), {:.2} million tokens/s a core",
        tokens / ours / threads as f64 / 1e6
    );
    let cpu = (!cpu.is_empty()).then(|| median(cpu));
    if let Some(cpu) = cpu {
        println!("  {cpu:.2} s of processor time, {:.2} million tokens per second of it", tokens / cpu / 1e6);
    }

    if let Ok(python) = std::env::var("SHOPSCOPE_BENCH_PYTHON") {
        let rank_of: std::collections::HashMap<String, u32> = (1..=WORDS)
            .map(|rank| {
                let mut word = String::new();
                word_into(rank, &mut word);
                (word, rank)
            })
            .collect();
        let path = |name: &str| folder.path().join(name);
        let mut arguments = vec![path("ids.u32"), BITS.to_string().into(), threads.to_string().into()];
        std::fs::write(path("ids.u32"), bytemuck::cast_slice::<u32, u8>(&ids)).expect("room for the ids");
        for order in &counts.orders {
            let mut table: Vec<[u64; 2]> = order
                .table
                .iter()
                .map(|gram| {
                    let text = counts.text(gram);
                    [text.split(' ').fold(0, |key, word| key << BITS | u64::from(rank_of[word])), gram.counts[0]]
                })
                .collect();
            table.sort_unstable();
            let name = path(&format!("table{}.u64", order.n));
            std::fs::write(&name, bytemuck::cast_slice::<[u64; 2], u8>(&table)).expect("room for a table");
            arguments.push(name);
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/text_duckdb.py");
        let output = Command::new(python).arg(script).args(arguments).output().expect("python starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(found["equal"], true, "the full tables of 10 or more differ");
        println!("duckdb, ids in: {found}; tables equal");
        for (how, key, cpu_key) in [
            ("columns of ids", "columns_seconds", "columns_cpu_seconds"),
            ("ready packed keys", "seconds", "cpu_seconds"),
        ] {
            let theirs: f64 =
                found[key].as_array().expect("three orders").iter().filter_map(serde_json::Value::as_f64).sum();
            print!("  from {how}: {theirs:.2} s, {:.2} times ours", theirs / ours);
            match cpu.zip(found[cpu_key].as_f64()) {
                Some((cpu, theirs)) => println!("; {theirs:.2} s of processor time, {:.2} times ours", theirs / cpu),
                None => println!(),
            }
        }
    } else {
        println!("left out: DuckDB (SHOPSCOPE_BENCH_PYTHON is not set)");
    }
    let expect: Vec<u64> = counts.orders.iter().map(|order| order.sides[0].at_least_min).collect();
    drop((counts, texts, ids));

    let output =
        Command::new(std::env::current_exe().expect("a path")).env(CHILD, "1").output().expect("a child starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(&format!("{expect:?}")), "other numbers at 64 MiB: {text}, not {expect:?}");
    print!("{text}");
    tagger();
}

/// The counts at 64 MiB, captions made as they are needed, so that the peak is that of counting.
fn child(captions: usize) {
    const BUDGET: usize = 64 << 20;
    let parent = tempfile::tempdir().expect("a temporary folder");
    let store = SpillFolder::new(parent.path()).expect("a temporary folder");
    let threads = rayon::current_num_threads();
    let start = Instant::now();
    // The generator is one sequence: each thread skips the captions of the others.
    let runs: Vec<_> = (0..threads)
        .into_par_iter()
        .map(|thread| {
            let mut encoder = Encoder::spilling(&store, BUDGET / 2 / threads)?;
            let mut generator = Generator::new(1, WORDS);
            let (mut ranks, mut caption) = (Vec::new(), String::new());
            for i in 0..captions {
                generator.caption(&mut ranks, &mut caption);
                if i % threads == thread {
                    encoder.push(&caption)?;
                }
            }
            encoder.finish()
        })
        .collect::<Result<_, NgramError>>()
        .expect("encoding works");
    let runs: Vec<_> = runs.into_iter().flatten().collect();
    let n_runs = runs.len();
    let encoded = start.elapsed().as_secs_f64();
    let options = Options { memory: BUDGET, ..Options::default() };
    let counts = ngrams::count(Partial::from_runs(runs), None, &options, &store, &CancelToken::default())
        .expect("counting works");
    let at_least: Vec<u64> = counts.orders.iter().map(|order| order.sides[0].at_least_min).collect();
    let scans: Vec<usize> = counts.orders.iter().map(|order| order.scans).collect();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown on this system");
    println!(
        "at 64 MiB: {at_least:?} with 10 or more; {n_runs} runs, {:.0} MB spilled, scans {scans:?}; {encoded:.1} s to encode (captions are made in it), {:.1} s to count; {peak}",
        store.bytes() as f64 / 1e6,
        start.elapsed().as_secs_f64() - encoded,
    );
}

/// Words a second of the tagger, one core, on sentences of the kind it was made for.
fn tagger() {
    const CAPTIONS: [&str; 6] = [
        "This men's slim-fit shirt is made of soft organic cotton and features a button-down collar.",
        "vintage style leather handbag with adjustable strap, handmade in italy",
        "Set of 4 Stainless Steel Mixing Bowls With Lids - Dishwasher Safe!",
        "The item ships within 3 days. Please check the size chart before you order, it runs small.",
        "Apple iPhone 8 Plus 64GB Silver Unlocked Smartphone",
        "She'll love these sparkling earrings: a perfect gift for her birthday, don't miss it.",
    ];
    let tagger = Tagger::bundled();
    let mut tags = Vec::new();
    let mut rates = Vec::new();
    for _ in 0..5 {
        let mut session = tagger.session();
        let mut words = 0;
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < 0.4 {
            for caption in CAPTIONS {
                for sentence in split(caption).iter() {
                    session.tag(sentence, &mut tags);
                    words += tags.len();
                }
            }
        }
        rates.push(words as f64 / start.elapsed().as_secs_f64() / 1e6);
    }
    println!("tagger, captions in: {:.2} million words/s on one core", median(rates));
    std::io::stdout().flush().ok();
}
