//! What maps are worth to the model, by `localise --curves`, on pictures that the real `MobileNet` knows.

use super::program::{document, mobilenet, shopscope};

#[test]
fn deleting_by_the_map_takes_the_class_away_faster_than_by_chance() {
    let Some(model) = mobilenet() else { return };
    let data = model.ancestors().nth(2).expect("a folder").join("imagenet-mini/00000.tar");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let run = |name: &str, more: &[&str]| {
        let mut command = shopscope(&dir.path().join("catalogs"));
        command.arg(name).arg(&data).arg("--model").arg(&model).args(["--device", "tract", "--json"]).args(more);
        document(&mut command)
    };
    let some = "leaf:a and correct = true";
    run("predict", &[]);
    let found = run("localise", &["--curves", "--filter", some]);
    let curves = &found["models"][0]["curves"];
    println!("{curves}");
}
