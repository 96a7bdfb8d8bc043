//! The commands index, query, show and taxonomy through the real binary.

mod shards;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

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

/// Stdout of a command that must succeed without a word on stderr.
fn stdout(command: &mut Command) -> String {
    let (code, out, err) = output(command);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    out
}

/// The real data beside the repository, or `None` where it is allowed to be missing.
fn real(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "../shared/data must be there in CI");
    eprintln!("left out: ../shared/data is not here");
    None
}

fn shop() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (data, catalogs) = (dir.path().join("shop"), dir.path().join("catalogs"));
    fs::create_dir(&data).expect("a folder");
    shards::write(&data.join("0.tar"), "a", 12);
    shards::write(&data.join("1.tar"), "b", 8);
    (dir, data, catalogs)
}

#[test]
fn real_data_has_its_known_figures() {
    let (Some(lgs), Some(imagenet)) = (real("lgs-mini"), real("imagenet-mini")) else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let report: Value =
        serde_json::from_str(&stdout(shopscope(dir.path()).args(["index", "--json"]).args([&lgs, &imagenet])))
            .expect("one document");
    let figures = |at: usize| {
        let dataset = &report["datasets"][at];
        (
            dataset["name"].clone(),
            dataset["samples"].clone(),
            dataset["shards"].clone(),
            dataset["unreadable"].clone(),
            dataset["with_image"].clone(),
        )
    };
    assert_eq!(figures(0), ("lgs-mini".into(), 3375.into(), 7.into(), 0.into(), 3375.into()));
    assert_eq!(figures(1), ("imagenet-mini".into(), 900.into(), 2.into(), 0.into(), 900.into()));

    let check = |path: &Path, samples: usize, leaves: usize, paths: usize| {
        let rows: Vec<Value> = stdout(shopscope(dir.path()).arg("query").arg(path))
            .lines()
            .map(|line| serde_json::from_str(line).expect("an object a line"))
            .collect();
        assert_eq!(rows.len(), samples);
        let distinct = |key: &str| rows.iter().map(|row| row[key].to_string()).collect::<BTreeSet<_>>().len();
        assert_eq!((distinct("leaf"), distinct("taxonomy")), (leaves, paths));
        let tree: Value = serde_json::from_str(&stdout(shopscope(dir.path()).args(["taxonomy", "--json"]).arg(path)))
            .expect("one document");
        let nodes = tree["nodes"].as_array().expect("nodes");
        assert_eq!(nodes.iter().filter(|node| node["direct"] != 0).count(), paths);
        // Counts of the tree are those of the rows.
        let mut direct: BTreeMap<String, u64> = BTreeMap::new();
        let mut total: BTreeMap<String, u64> = BTreeMap::new();
        for row in &rows {
            let path = row["taxonomy"].as_array().expect("a path");
            *direct.entry(row["taxonomy"].to_string()).or_default() += 1;
            for depth in 1..=path.len() {
                *total.entry(Value::from(&path[..depth]).to_string()).or_default() += 1;
            }
        }
        assert_eq!(nodes.len(), total.len());
        for node in nodes {
            let path = node["path"].to_string();
            assert_eq!(node["total"].as_u64(), total.get(&path).copied(), "{path}");
            assert_eq!(node["direct"].as_u64().unwrap_or(0), direct.get(&path).copied().unwrap_or(0), "{path}");
        }
        rows
    };
    let rows = check(&lgs, 3375, 128, 138);
    assert_eq!(rows.iter().filter(|row| !row["description"].is_null()).count(), 1921);
    assert_eq!(rows.iter().filter(|row| !row["brand"].is_null()).count(), 467);
    check(&imagenet, 900, 899, 900);

    let count = |args: &[&str]| -> usize {
        stdout(shopscope(dir.path()).args(["query", "--count"]).args(args).args([&lgs, &imagenet]))
            .trim()
            .parse()
            .expect("a number")
    };
    let by_hand = |test: &dyn Fn(&Value) -> bool| rows.iter().filter(|row| test(row)).count();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(count(&[]), 4275);
    assert_eq!(count(&["--filter", "dataset = imagenet-mini"]), 900);
    assert_eq!(count(&["--filter", "dataset = lgs-mini and brand is null"]), by_hand(&|row| row["brand"].is_null()));
    assert_eq!(
        count(&["--filter", "dataset = lgs-mini and words >= 20"]),
        by_hand(&|row| {
            let caption = text(row, "caption");
            caption.split_whitespace().count() >= 20
        })
    );
    assert_eq!(
        count(&["--filter", "dataset = lgs-mini and taxonomy under \"Clothing > Shirts\""]),
        by_hand(&|row| row["taxonomy"][0] == "Clothing" && row["taxonomy"][1] == "Shirts")
    );
    assert_eq!(
        count(&["--filter", "dataset = lgs-mini and width < 300"]),
        by_hand(&|row| row["width"].as_u64().is_some_and(|w| w < 300))
    );

    // A picture comes out as it lies in the shard.
    let row = &rows[3000];
    let file = dir.path().join("out.jpg");
    let key = row["key"].as_str().expect("a key");
    let shown: Value = serde_json::from_str(&stdout(
        shopscope(dir.path()).args(["show", "--json", "--image"]).arg(&file).arg(&lgs).arg(key),
    ))
    .expect("one document");
    assert_eq!((&shown["key"], &shown["caption"]), (&row["key"], &row["caption"]));
    assert_eq!(shown["raw"]["caption"], row["caption"], "the raw record is the shard's");
    let bytes = fs::read(&file).expect("a picture");
    let shard = fs::read(lgs.join(row["shard"].as_str().expect("a shard"))).expect("a shard");
    let at = row["offset"].as_u64().expect("an offset") as usize;
    assert_eq!(bytes, shard[at..at + row["length"].as_u64().expect("a length") as usize]);
    assert_eq!(bytes[..2], [0xff, 0xd8]);
}

#[test]
fn rows_come_in_the_order_of_shards_and_in_other_orders() {
    let (_dir, data, catalogs) = shop();
    let keys = |args: &[&str]| -> Vec<String> {
        stdout(shopscope(&catalogs).arg("query").args(args).arg(&data))
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).expect("an object")["key"].as_str().expect("a key").to_owned()
            })
            .collect()
    };
    let all: Vec<String> = (0..12).map(|i| format!("a-{i}")).chain((0..8).map(|i| format!("b-{i}"))).collect();
    assert_eq!(keys(&[]), all);
    assert_eq!(keys(&["--limit", "3", "--offset", "11"]), ["a-11", "b-0", "b-1"]);
    assert_eq!(keys(&["--sort", "-dataset", "--limit", "1"]), ["b-7"]);
    assert_eq!(keys(&["--sort", "leaf", "--limit", "2"]), ["a-1", "a-3"], "Dresses before Shirts");
    assert_eq!(keys(&["--search", "\"green shirt\" key:b"]), ["b-2", "b-5"]);
    let shuffled = keys(&["--sort", "random:4"]);
    assert_ne!(shuffled, all);
    assert_eq!(shuffled, keys(&["--sort", "random:4"]));
    assert_eq!(BTreeSet::from_iter(&shuffled), BTreeSet::from_iter(&all));
}

#[test]
fn csv_has_a_header_and_quotes() {
    let (_dir, data, catalogs) = shop();
    let csv = stdout(shopscope(&catalogs).args(["query", "--format", "csv", "--limit", "1"]).arg(&data));
    assert_eq!(
        csv,
        "dataset,key,title,description,caption,brand,taxonomy,leaf,width,height,shard,offset,length\n\
         shop,a-0,red shirt 0,,\"a shirt made of cotton, number 0\",,Clothing > Shirts,Shirts,,,0.tar,,\n"
    );
    let row: Value = serde_json::from_str(&stdout(shopscope(&catalogs).args(["query", "--limit", "1"]).arg(&data)))
        .expect("an object");
    let keys: Vec<&String> = row.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "dataset",
            "key",
            "title",
            "description",
            "caption",
            "brand",
            "taxonomy",
            "leaf",
            "width",
            "height",
            "shard",
            "offset",
            "length"
        ]
    );
}

#[test]
fn mistakes_are_one_sentence_and_a_code() {
    let (_dir, data, catalogs) = shop();
    let data = data.to_str().expect("text");
    let check = |args: &[&str], code: i32, says: &str| {
        let (got, out, err) = output(shopscope(&catalogs).args(args));
        assert_eq!((got, out.as_str()), (code, ""), "{args:?}: {err}");
        assert!(err.contains(says), "{args:?}: {err}");
        if code == 1 {
            assert_eq!(err.lines().count(), 1, "{err}");
        }
    };
    check(&["query", data, "--filter", "leaf ="], 2, "expected a value");
    check(&["query", data, "--search", "(red"], 2, "the ( is not closed");
    check(&["query", data, "--sort", "colour"], 2, "the orders are dataset, words");
    check(&["query", "/nowhere/at/all"], 1, "/nowhere/at/all");
    check(&["index", data, "--map", "caption"], 2, "FIELD=COLUMN");
    check(&["index", data, "--map", "colour=x"], 2, "is not a field");
    check(&["index"], 2, "PATH");
    check(&["show", data, "nobody"], 1, "no sample has the key \"nobody\"");
    check(&["show", data, "a-1", "--image", "/nowhere/x.jpg"], 1, "has no picture");
    check(&[data, "index", data], 2, "a command comes before its paths");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let (_dir, data, catalogs) = shop();
    shards::write(&data.join("2.tar"), "c", 3000);
    stdout(shopscope(&catalogs).arg("index").arg(&data));
    let mut child = shopscope(&catalogs)
        .arg("query")
        .arg(&data)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut pipe = child.stdout.take().expect("a pipe");
    let mut first = [0; 10];
    pipe.read_exact(&mut first).expect("it prints");
    drop(pipe);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn a_full_disk_is_a_sentence_and_what_was_committed_stands() {
    let (_dir, data, catalogs) = shop();
    stdout(shopscope(&catalogs).arg("index").arg(&data));
    shards::write(&data.join("2.tar"), "c", 20_000);
    let (code, out, err) = output(shopscope(&catalogs).arg("index").arg(&data).env("SHOPSCOPE_TEST_MAX_PAGES", "40"));
    assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
    assert!(err.contains("no space is left for the catalog"), "{err}");
    fs::remove_file(data.join("2.tar")).expect("the large shard goes");
    let count = |text: &str| stdout(shopscope(&catalogs).args(["query", "--count", "--search", text]).arg(&data));
    assert_eq!(count("cotton"), "20\n");
    // With room again the run goes on.
    shards::write(&data.join("2.tar"), "c", 3000);
    assert_eq!(count("cotton"), "3020\n");
}

#[test]
fn a_catalog_folder_that_cannot_be_written_is_told_and_replaced() {
    let (dir, data, _) = shop();
    // A file in the way keeps even root from making the folder.
    fs::write(dir.path().join("file"), "").expect("written");
    let catalogs = dir.path().join("file").join("catalogs");
    let check = |args: &[&str], expect: &str| {
        let (code, out, err) = output(shopscope(&catalogs).args(args).arg(&data));
        assert_eq!((code, err.lines().count()), (0, 1), "{err}");
        assert!(err.contains("a temporary one is used"), "{err}");
        assert!(out.contains(expect), "{out}");
    };
    check(&["query", "--count", "--search", "cotton"], "20\n");
    check(&["taxonomy"], "Dresses");
    check(&["index", "--json"], "catalog-temporary");
}

#[test]
fn two_processes_share_a_catalog() {
    let (_dir, data, catalogs) = shop();
    for i in 2..8 {
        shards::write(&data.join(format!("{i}.tar")), &format!("k{i}"), 400);
    }
    let run = || {
        shopscope(&catalogs).args(["query", "--count", "--search", "cotton"]).arg(&data).stdout(Stdio::piped()).spawn()
    };
    let runs: Vec<_> = (0..4).map(|_| run().expect("the program runs")).collect();
    for run in runs {
        let output = run.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"2420\n"[..]));
    }
}

#[test]
fn a_damaged_catalog_is_told_and_built_again() {
    let (_dir, data, catalogs) = shop();
    stdout(shopscope(&catalogs).arg("index").arg(&data));
    let file = fs::read_dir(&catalogs)
        .expect("listed")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|e| e == "sqlite") && path.to_string_lossy().contains("shop-"))
        .expect("a catalog");
    fs::write(&file, "garbage").expect("written");
    let (code, out, err) = output(shopscope(&catalogs).args(["query", "--count"]).arg(&data));
    assert_eq!((code, out.as_str()), (0, "20\n"));
    assert!(err.contains("was damaged") && err.contains(".corrupt-"), "{err}");
    assert_eq!(stdout(shopscope(&catalogs).args(["query", "--count"]).arg(&data)), "20\n", "told once");
}
