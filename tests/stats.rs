//! The commands stats and tag through the real binary, and the lane that the window asks.

#[path = "support/captions.rs"]
mod captions;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shopscope::analysis::text::report::StatsRequest;
use shopscope::base::{CancelToken, Progress};
use shopscope::catalog::Store;
use shopscope::formats::{self, FieldMap, ReadOptions};
use shopscope::jobs::index::{IndexOptions, load_sources};
use shopscope::jobs::stats::{Group, PIECE_ROWS, StatsAsk, StatsError, compute};
use shopscope::jobs::{Event, Jobs, JobsOptions};
use support::{SHOP, shared_data, write_shard};

fn shopscope(catalogs: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopscope"));
    command.arg("--catalog").arg(catalogs).stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("a code"), text(stdout), text(stderr))
}

/// The report of `stats --json` with these arguments.
fn stats(catalogs: &Path, args: &[&str]) -> Value {
    let (code, out, err) = output(shopscope(catalogs).args(["stats", "--json"]).args(args));
    assert_eq!(code, 0, "{args:?}: {err}");
    serde_json::from_str(&out).expect("one document")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}

fn write_captions(path: &Path, captions: &[Option<String>]) {
    let lines: Vec<String> = captions
        .iter()
        .enumerate()
        .map(|(i, caption)| json!({ "id": format!("{i:06}"), "caption": caption }).to_string())
        .collect();
    fs::write(path, lines.join("\n") + "\n").expect("temporary files can be written");
}

/// What the reference in Python tells of, taken out of a dataset's entry.
fn comparable(dataset: &Value) -> Value {
    let mut words = dataset["words"].clone();
    words.as_object_mut().unwrap().remove("histogram");
    words["captions"] = dataset["captions"].clone();
    let ngrams: Vec<Value> = dataset["ngrams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| {
            json!({ "n": order["n"], "total": order["total"], "at_least_min": order["at_least_min"], "top": order["top"],
                    "distinct": if order["n"] == 1 { order["distinct"].clone() } else { Value::Null } })
        })
        .collect();
    json!({ "words": words, "ngrams": ngrams })
}

/// The same of the reference.
fn expected() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/text_expected.json");
    let mut expect: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for order in expect["ngrams"].as_array_mut().unwrap() {
        let order = order.as_object_mut().unwrap();
        order.remove("table");
        if order["n"] != 1 {
            order["distinct"] = Value::Null;
        }
    }
    expect
}

/// Equal but for the last digits of what is no whole number: sums are taken in another order.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, value)| y.get(key).is_some_and(|other| is_same(value, other)))
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| is_same(x, y)),
        (Value::Number(x), Value::Number(y)) => {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            (x - y).abs() <= 1e-9 * x.abs().max(1.0)
        }
        _ => a == b,
    }
}

#[test]
fn strange_captions_equal_the_reference_at_any_budget() {
    let dir = tempfile::tempdir().unwrap();
    let (data, catalogs) = (dir.path().join("captions.jsonl"), dir.path().join("catalogs"));
    let captions = captions::generated();
    write_captions(&data, &captions);
    let whole = stats(&catalogs, &[text(&data)]);
    let (found, expect) = (comparable(&whole["datasets"][0]), expected());
    assert!(is_same(&found, &expect), "{found}\n{expect}");
    // From the cache and with temporary files: the same, parts of speech and curves included.
    let small = stats(&catalogs, &[text(&data), "--memory", "1MiB"]);
    assert_eq!(small["datasets"], whole["datasets"]);
    assert_eq!(small["work"]["texts_read"], 0);
    assert!(small["work"]["spilled_bytes"].as_u64().unwrap() > 0, "{}", small["work"]);
    // Without a cache.
    let again = stats(&dir.path().join("other"), &[text(&data), "--memory", "64MiB"]);
    assert_eq!(again["datasets"], whole["datasets"]);
    // And the comparison can fail: one word less.
    let mut fewer = captions;
    *fewer.iter_mut().flatten().nth(2).unwrap() = String::new();
    write_captions(&data, &fewer);
    let other = comparable(&stats(&catalogs, &[text(&data)])["datasets"][0]);
    assert!(!is_same(&other, &expect));
    // Nothing is left behind.
    assert_eq!(fs::read_dir(catalogs.join("tmp")).unwrap().count(), 0);
}

#[test]
fn coco_is_as_the_paper_says() {
    let Some(shared) = shared_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let coco = shared.join("coco-captions.jsonl.gz");
    let report = stats(dir.path(), &[text(&coco), "--top", "5"]);
    let dataset = &report["datasets"][0];
    assert_eq!(dataset["captions"], 25_014);
    let words = &dataset["words"];
    assert_eq!((words["max"].as_u64(), words["median"].as_f64()), (Some(50), Some(10.0)));
    assert_eq!((words["mean"].as_f64().unwrap() * 10.0).round(), 104.0);
    assert_eq!(dataset["ngrams"][0]["top"][0], json!({ "gram": "a", "count": 41_143 }));
    let tags: Vec<&str> = dataset["pos"].as_array().unwrap().iter().map(|pos| pos["tag"].as_str().unwrap()).collect();
    assert_eq!((&tags[..4], tags.len()), (&["NOUN", "PROPN", "ADJ", "VERB"][..], 17));
    assert_eq!(dataset["pos"][0]["top"][0]["word"], "man");
}

fn shop(dir: &Path) -> PathBuf {
    let data = dir.join("shop");
    write_shard(&data.join("0.tar"), &SHOP[..4]);
    write_shard(&data.join("1.tar"), &SHOP[4..]);
    data
}

#[test]
fn a_second_answer_reads_nothing_and_a_changed_shard_is_read_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (data, catalogs) = (shop(dir.path()), dir.path().join("catalogs"));
    let work = |report: &Value| {
        ["pieces_read", "pieces_cached", "texts_read"].map(|key| report["work"][key].as_u64().unwrap())
    };
    let first = stats(&catalogs, &[text(&data), "--min-count", "1"]);
    assert_eq!(work(&first), [2, 0, 8]);
    let second = stats(&catalogs, &[text(&data), "--min-count", "1"]);
    assert_eq!(work(&second), [0, 2, 0]);
    assert_eq!(second["datasets"], first["datasets"]);
    // Another threshold needs no text either, another text does.
    assert_eq!(work(&stats(&catalogs, &[text(&data), "--min-count", "3", "--ngrams", "2"])), [0, 2, 0]);
    assert_eq!(work(&stats(&catalogs, &[text(&data), "--text", "title"])), [2, 0, 8]);
    // A selection that has all of a shard takes it from the cache, of the other it reads what it needs.
    let some = stats(&catalogs, &[text(&data), text(&data.join("1.tar")), "--filter", "not (leaf = \"Scarves\")"]);
    assert_eq!(some["datasets"][0]["captions"], 6);
    write_shard(&data.join("1.tar"), &SHOP[5..]);
    let changed = stats(&catalogs, &[text(&data), "--min-count", "1"]);
    assert_eq!(work(&changed), [1, 1, 3]);
    let fresh = stats(&dir.path().join("other"), &[text(&data), "--min-count", "1"]);
    assert_eq!(changed["datasets"], fresh["datasets"]);
    assert_ne!(changed["datasets"], first["datasets"]);
}

#[test]
fn selections_and_sides_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let (data, catalogs) = (shop(dir.path()), dir.path().join("catalogs"));
    let args = [text(&data), "--min-count", "1", "--filter", "taxonomy under \"Kitchen\""];
    let report = stats(&catalogs, &args);
    let kitchen = &report["datasets"][0];
    assert_eq!((report["datasets"].as_array().unwrap().len(), &kitchen["captions"]), (1, &json!(4)));
    assert_eq!(kitchen["ngrams"][0]["top"][0], json!({ "gram": "mug", "count": 4 }));
    assert_eq!(kitchen["leaves"]["top"], json!([{ "leaf": "Mugs", "count": 4, "share": 1.0, "cumulative": 1.0 }]));
    // Against the rest: what stands in the selection only has no occurrences on the other side.
    let lift = &report["lift"];
    assert_eq!(lift["b"], "the rest of shop");
    let mug = &lift["words"][0];
    assert_eq!((&mug["gram"], &mug["count_a"], &mug["count_b"]), (&json!("mug"), &json!(4), &json!(0)));
    assert!(mug["z"].as_f64().unwrap() > 0.0 && mug["log_odds"].as_f64().unwrap() > 0.0);
    let last = lift["words"].as_array().unwrap().last().unwrap();
    assert!(last["z"].as_f64().unwrap() < 0.0, "{last}");
    assert_eq!(lift["leaves"][0]["leaf"], "Mugs");
    // The other way round by paths: a side is all its paths.
    let other = dir.path().join("other.jsonl");
    write_captions(&other, &["a red wool hat", "a wool hat"].map(|caption| Some(caption.to_owned())));
    let report = stats(&catalogs, &[text(&data), "--against", text(&other), "--min-count", "1", "--ngrams", "2"]);
    let sides = report["datasets"].as_array().unwrap();
    assert_eq!((&sides[0]["name"], &sides[1]["name"]), (&json!("shop"), &json!("other")));
    assert_eq!(sides[0]["ngrams"].as_array().unwrap().len(), 2);
    let z: Vec<f64> =
        report["lift"]["words"].as_array().unwrap().iter().map(|row| row["z"].as_f64().unwrap()).collect();
    assert!(z.is_sorted_by(|a, b| a >= b) && z[0] > 0.0 && z[z.len() - 1] < 0.0, "{z:?}");
    assert_eq!(report["lift"]["words"].as_array().unwrap().last().unwrap()["gram"], "hat");
    assert_eq!(report["lift"]["leaves"], json!([]), "one side has no leaves");
    // Two of the four distinct words of B (a, red, wool, hat) stand in A; a and wool and red do: three.
    assert_eq!(report["datasets"][1]["ngrams"][0]["shared"], 0.75);
    // Nothing marks a dataset against itself.
    let same = stats(&catalogs, &[text(&data), "--against", text(&data), "--min-count", "1"]);
    for list in ["words", "bigrams", "leaves"] {
        let rows = same["lift"][list].as_array().unwrap();
        assert!(rows.iter().all(|row| row["z"].as_f64().unwrap().abs() < 1e-6), "{rows:?}");
    }
    // Levels and brands.
    let level = stats(&catalogs, &[text(&data), "--labels", "level:0"]);
    assert_eq!(level["datasets"][0]["leaves"]["top"][0]["leaf"], "Clothing");
    let brand = stats(&catalogs, &[text(&data), "--labels", "brand", "--top", "1"]);
    assert_eq!(brand["datasets"][0]["leaves"]["distinct"], 3);
    assert_eq!(brand["datasets"][0]["leaves"]["top"].as_array().unwrap().len(), 1);
}

#[test]
fn arguments_and_empty_sets() {
    let dir = tempfile::tempdir().unwrap();
    let (data, catalogs) = (shop(dir.path()), dir.path().join("catalogs"));
    let code = |args: &[&str]| output(shopscope(&catalogs).arg("stats").args(args)).0;
    for wrong in [
        &["--text", "smell"][..],
        &["--memory", "lots"],
        &["--ngrams", "0"],
        &["--ngrams", "6"],
        &["--min-count", "0"],
        &["--filter", "leaf ="],
        &["--labels", "level"],
    ] {
        assert_eq!(code(&[&[text(&data)], wrong].concat()), 2, "{wrong:?}");
    }
    assert_eq!(code(&[]), 2);
    assert_eq!(code(&[text(&dir.path().join("nowhere"))]), 1);
    let none = stats(&catalogs, &[text(&data), "--filter", "words > 1000"]);
    assert_eq!((&none["datasets"][0]["captions"], &none["datasets"][0]["words"]["mean"]), (&json!(0), &Value::Null));
    let (code, out, err) = output(shopscope(&catalogs).arg("stats").arg(&data).args(["--text", "bullets"]));
    assert!(code == 0 && out.contains("0 captions of 8 samples") && err.contains("--text"), "{out}{err}");
    // Tables hold what the document holds.
    let (code, out, _) = output(shopscope(&catalogs).arg("stats").arg(&data).args(["--min-count", "1"]));
    assert!(code == 0 && out.contains("8 captions of 8 samples") && out.contains("Mugs"), "{out}");
    // Captions are missing: titles are counted, and that is said.
    let titles = dir.path().join("titles.jsonl");
    fs::write(&titles, "{\"title\": \"a mug\"}\n{\"title\": \"a red hat\"}\n").unwrap();
    let (code, out, err) = output(shopscope(&catalogs).args(["stats", "--json"]).arg(&titles));
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["text"], &report["datasets"][0]["words"]["total"]), (0, &json!("title"), &json!(5)));
    assert!(err.contains("no sample has a caption"), "{err}");
}

#[test]
fn what_a_killed_process_left_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (data, catalogs) = (shop(dir.path()), dir.path().join("catalogs"));
    let left = catalogs.join("tmp/spill-left");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("lock"), "").unwrap();
    fs::write(left.join("0.bin"), "tokens").unwrap();
    assert_eq!(output(shopscope(&catalogs).arg("index").arg(&data)).0, 0);
    assert!(!left.exists(), "any command cleans up");
}

#[test]
fn tagging_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("small.conllu");
    let lines = "# text = The dogs don't bark.\n1\tThe\tthe\tDET\t_\t_\t_\t_\t_\t_\n2\tdogs\tdog\tNOUN\t_\t_\t_\t_\t_\t_\n\
                 3-4\tdon't\t_\t_\t_\t_\t_\t_\t_\t_\n3\tdo\tdo\tAUX\t_\t_\t_\t_\t_\t_\n4\tn't\tnot\tPART\t_\t_\t_\t_\t_\t_\n\
                 5\tbark\tbark\tVERB\t_\t_\t_\t_\t_\t_\n5.1\tbark\tbark\tVERB\t_\t_\t_\t_\t_\t_\n6\t.\t.\tNUM\t_\t_\t_\t_\t_\t_\n";
    fs::write(&file, lines).unwrap();
    let tag = |file: &Path| {
        let (code, out, err) = output(shopscope(dir.path()).args(["tag", "--json", "--conllu"]).arg(file));
        assert_eq!(code, 0, "{err}");
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let found = tag(&file);
    // The file lies about its last word.
    assert_eq!((&found["words"], found["accuracy"].as_f64()), (&json!(6), Some(5.0 / 6.0)));
    assert_eq!(found["tags"]["NUM"], json!({ "gold": 1, "correct": 0, "predicted": 0 }));
    assert_eq!(found["tags"]["PUNCT"], json!({ "gold": 0, "correct": 0, "predicted": 1 }));
    assert!(found["words_per_second"].as_f64().unwrap() > 0.0);
    fs::write(&file, "").unwrap();
    assert_eq!((&tag(&file)["words"], &tag(&file)["accuracy"]), (&json!(0), &Value::Null));
    for bad in ["one two", "1\ta\ta\tNOPE\n"] {
        fs::write(&file, bad).unwrap();
        let (code, _, err) = output(shopscope(dir.path()).args(["tag", "--conllu"]).arg(&file));
        assert!(code == 1 && err.contains("line 1"), "{err}");
    }
    if let Some(shared) = shared_data() {
        let dev = tag(&shared.join("pos/en_ewt-ud-dev.conllu.gz"));
        assert_eq!(dev["words"], 25_147);
        assert!(dev["accuracy"].as_f64().unwrap() > 0.945, "{}", dev["accuracy"]);
    }
}

/// Many long captions, so that counting takes a while.
fn long_captions(dir: &Path) -> PathBuf {
    let path = dir.join("long.jsonl");
    let captions: Vec<Option<String>> = (0..PIECE_ROWS + 2000)
        .map(|i| {
            Some((0..60).map(|word| format!("word{} ", (i * 31 + word * word) % 5000)).collect::<Vec<_>>().concat())
        })
        .collect();
    write_captions(&path, &captions);
    path
}

#[test]
fn counting_stops_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = long_captions(dir.path());
    let store = Store::open(Some(dir.path().join("catalogs"))).unwrap().0;
    let sources = formats::detect(&[path], &ReadOptions::default()).unwrap();
    let options = IndexOptions { text_index: false, ..IndexOptions::default() };
    let progress = Progress::default();
    let (_, columns) = load_sources(&store, &sources, &options, &progress, &CancelToken::default(), &|_| {}).unwrap();
    let group = Group { name: "long".to_owned(), samples: Arc::new(columns.all()) };
    let (progress, cancel) = (Progress::default(), CancelToken::default());
    let (asked, result) = std::thread::scope(|scope| {
        let stop = scope.spawn(|| {
            while progress.samples() < 200 {
                std::thread::sleep(Duration::from_millis(2));
            }
            cancel.cancel();
            Instant::now()
        });
        let result = compute(&columns, &[group], &StatsRequest::default(), &progress, &cancel).map(|_| ());
        (stop.join().unwrap(), result)
    });
    assert!(matches!(result, Err(StatsError::Cancelled(_))), "{result:?}");
    assert!(asked.elapsed() < Duration::from_millis(200), "{:?}", asked.elapsed());
    assert_eq!(fs::read_dir(dir.path().join("catalogs/tmp")).unwrap().count(), 0, "temporary files stay");
}

#[test]
fn the_newest_question_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = long_captions(dir.path());
    let options = JobsOptions {
        catalog_dir: Some(dir.path().join("catalogs")),
        without_text_index: true,
        ..JobsOptions::default()
    };
    let mut jobs = Jobs::start(options, Arc::new(|| {}));
    jobs.open(vec![path], FieldMap::default());
    let until = Instant::now() + Duration::from_mins(2);
    let mut population = None;
    while jobs.busy() || population.is_none() {
        assert!(Instant::now() < until, "indexing takes too long");
        for event in jobs.poll() {
            if let Event::Population(update) = event {
                population = Some(update.population);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let population = population.unwrap();
    let few: roaring::RoaringBitmap = (0..20).collect();
    let ask = |generation, samples: roaring::RoaringBitmap| StatsAsk {
        generation,
        population: Arc::clone(&population),
        groups: vec![Group { name: "x".to_owned(), samples: Arc::new(samples) }],
        request: StatsRequest::default(),
    };
    jobs.stats(ask(1, population.columns.all()));
    std::thread::sleep(Duration::from_millis(100));
    jobs.stats(ask(2, population.columns.all()));
    jobs.stats(ask(3, few));
    let mut answers = Vec::new();
    while jobs.busy() {
        assert!(Instant::now() < until, "counting takes too long");
        for event in jobs.poll() {
            if let Event::Stats { generation, report } = event {
                answers.push((generation, report.unwrap().datasets[0].captions));
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(answers, [(3, 20)], "those that were replaced are not answered");
}
