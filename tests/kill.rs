//! An indexing run killed at any instant, then started again, ends with the rows of an uninterrupted run.

mod shards;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};

/// Instants at which a run is killed.
const KILLS: usize = 50;

fn shopscope(catalogs: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopscope"));
    command.arg("--catalog").arg(catalogs).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// Rows, a count that needs every text, and the tree.
fn everything(catalogs: &Path, data: &Path) -> [String; 3] {
    [
        stdout(shopscope(catalogs).arg("query").arg(data)),
        stdout(shopscope(catalogs).args(["query", "--count", "--search", "cotton NOT green"]).arg(data)),
        stdout(shopscope(catalogs).args(["taxonomy", "--json"]).arg(data)),
    ]
}

#[test]
fn killed_at_any_instant_it_goes_on_to_the_same_rows() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("shop");
    fs::create_dir(&data).expect("a folder");
    for i in 0..8 {
        // Every third shard repeats keys of another one, so that the look for equal keys has work, too.
        shards::write(&data.join(format!("{i}.tar")), &format!("k{}", i % 6), 150);
    }
    let whole = dir.path().join("whole");
    let started = Instant::now();
    stdout(shopscope(&whole).arg("index").arg(&data));
    let span = started.elapsed();
    let expect = everything(&whole, &data);
    assert_eq!(expect[0].lines().count(), 1200);
    assert_eq!(expect[1], "800\n");

    let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(1);
    let mut landed = 0;
    for kill in 0..KILLS {
        // Every second run finds what killed runs before it left behind.
        let catalogs = dir.path().join(format!("killed-{}", kill / 2));
        if kill % 2 == 1 {
            // A new shard time each: the second run has all shards to read again.
            for i in 0..8 {
                let path = data.join(format!("{i}.tar"));
                let bytes = fs::read(&path).expect("read");
                fs::write(&path, bytes).expect("written");
            }
        }
        let mut run = shopscope(&catalogs).arg("index").arg(&data).stdout(Stdio::null()).spawn().expect("it runs");
        std::thread::sleep(Duration::from_secs_f64(span.as_secs_f64() * random.random::<f64>()));
        landed += usize::from(run.try_wait().expect("known").is_none());
        run.kill().expect("killed");
        run.wait().expect("ended");
        assert_eq!(everything(&catalogs, &data), expect, "after kill {kill}");
    }
    assert!(landed > KILLS / 2, "only {landed} of {KILLS} runs were still alive when they were killed");
}
