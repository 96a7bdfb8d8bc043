//! What maps are worth to the model, by `predict` and `localise --curves` as a user runs them, on pictures that the real `MobileNet`
//! knows. The figures over all of them are in `docs/explanations.md`; here are as many as a test has time for.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::program::{document, mobilenet, refusal, shopscope};

#[test]
fn deleting_by_the_map_takes_the_class_away_faster_than_by_chance() {
    let Some(model) = mobilenet() else { return };
    let data = model.ancestors().nth(2).expect("a folder").join("imagenet-mini/00000.tar");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let command = |name: &str, more: &[&str]| {
        let mut command = shopscope(&dir.path().join("catalogs"));
        command.arg(name).arg(&data).arg("--model").arg(&model).args(more);
        command
    };
    document(&mut command("predict", &["--json", "--filter", "width < 171"]));
    let out = dir.path().join("out");
    let localise = |more: &[&str]| {
        let some = ["--curves", "--json", "--filter", "width < 171 and correct = yes"];
        let mut command = command("localise", &[&some[..], more].concat());
        document(command.arg("--out").arg(&out))["models"][0]["curves"].clone()
    };
    let curves = localise(&[]);
    let number = |curves: &Value, key: &str| curves[key].as_f64().expect("a number");
    println!("{curves}");
    let count = number(&curves, "n");
    assert!(count >= 8.0, "{curves}");
    let [deletion, insertion, random] = ["deletion", "insertion", "random"].map(|key| number(&curves, key));
    // Deleting by the reversed map is inserting by the map: the negative control that must lose.
    assert!(deletion < random && random < insertion, "{curves}");
    assert!(
        number(&curves, "deletion_below_random") > 0.5 && number(&curves, "insertion_above_random") > 0.5,
        "{curves}"
    );
    let half = |which: &str| number(&curves[which], "n");
    assert_eq!(half("even_pictures") + half("odd_pictures"), count);
    // The figures of each picture stand in the table, and are those of the means.
    let table = fs::read_to_string(out.join("figures.csv")).expect("a table");
    assert!(table.lines().next().is_some_and(|line| line.ends_with(",deletion,insertion,random")), "{table}");
    let column = |line: &str| line.rsplit(',').nth(2).expect("a cell").parse::<f64>().expect("a number");
    let sum: f64 = table.lines().skip(1).map(column).sum();
    assert!((sum / count - deletion).abs() < 1e-9, "{sum} {deletion}");
    // What comes in the place of what goes matters.
    assert_ne!(localise(&["--substrate", "blur"])["deletion"], curves["deletion"]);

    let wrong: PathBuf = dir.path().join("nothing");
    let (code, said) = refusal(command("localise", &["--substrate", "blur"]).arg("--out").arg(&wrong));
    assert!(code == Some(2) && said.contains("--curves"), "{said}");
    let (code, said) = refusal(&mut command("localise", &["--curves", "--substrate", "noise"]));
    assert!(code == Some(2) && said.contains("it is one of mean, blur"), "{said}");
}
