//! The map through the window: what it says without features, what it shows with them, and that what is drawn on it filters the grid.

#[path = "support/stage.rs"]
mod stage;
mod support;

use std::path::Path;

use egui::{Modifiers, accesskit::Role, vec2};
use egui_kittest::kittest::Queryable;
use shopscope::app::Command;
use shopscope::app::chips::Facet;
use shopscope::app::layout::Layout;
use shopscope::app::map::colour::ColourBy;
use shopscope::app::map::{MapCommand, MapView, Tool};
use shopscope::app::state::Lens;
use shopscope::formats::npy::{Dtype, Writer};
use shopscope::jobs::map::Metric;
use shopscope::model::features::features_dir;
use stage::Stage;
use support::SHOP;

/// Puts features of the stage's only dataset where the window looks: clothes and kitchenware are two heaps in both layers.
fn write_features(stage: &mut Stage) {
    let open = stage.window().state.population.datasets[0].clone();
    let dir = features_dir(&open.catalog, "0123456789abcdef");
    std::fs::create_dir_all(&dir).expect("a folder");
    let layers = [("stem", 3), ("pool", 5)];
    for (layer, dims) in layers {
        let mut writer =
            Writer::create(&dir.join(format!("{layer}.npy")), SHOP.len(), dims, Dtype::F32).expect("a file");
        for (i, sample) in SHOP.iter().enumerate() {
            let heap = if sample.taxonomy[0] == "Clothing" { 5.0 } else { -5.0 };
            let row: Vec<f32> = (0..dims).map(|d| heap + ((i * 7 + d * 3) % 5) as f32 * 0.1).collect();
            writer.append(&row).expect("a row");
        }
        writer.finish().expect("all rows");
    }
    let sidecar = serde_json::json!({
        "version": 1,
        "model": {"name": "tiny", "file": "tiny.onnx", "hash": "0123456789abcdef"},
        "runtime": {"name": "by hand", "provider": "CPU"},
        "dtype": "f32",
        "batch": 1,
        "preprocessing": {"resize": 0, "interpolation": "bilinear", "crop": 8, "channels": "rgb", "layout": "nchw",
                          "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]},
        "layers": layers.map(|(layer, dims)| serde_json::json!({
            "layer": layer, "tensor": layer, "dims": dims, "file": format!("{layer}.npy"), "not_finite": 0})),
        "rows": SHOP.len(),
        "samples": "these eight",
        "datasets": [{"name": "shop", "path": open.source.root, "format": open.source.format.as_str(), "rows": SHOP.len()}],
        "keys": SHOP.iter().map(|sample| sample.key).collect::<Vec<_>>(),
        "labels": SHOP.iter().map(|_| None::<String>).collect::<Vec<_>>(),
        "classes": [],
        "unreadable": [],
    });
    std::fs::write(dir.join("features.json"), sidecar.to_string()).expect("a file");
}

fn with_map() -> Stage {
    let mut stage = Stage::new();
    write_features(&mut stage);
    stage.click("Map");
    assert!(stage.window().state.map.placed.contains_key("pool"), "eight points are laid out at once");
    stage
}

fn look(stage: &mut Stage, change: impl FnOnce(&mut MapView)) {
    let mut view = stage.window().state.map.view.clone();
    change(&mut view);
    stage.run(Command::Map(MapCommand::View(Box::new(view))));
}

/// True if the grid shows a sample: its name may stand in the inspector, too.
fn sees_cell(stage: &Stage, label: &str) -> bool {
    stage.harness.query_by_role_and_label(Role::ListItem, label).is_some()
}

fn isolate(stage: &mut Stage, label: &str) {
    let legend = stage.window().state.map.legend.clone();
    look(stage, |view| view.isolate(label, &legend));
}

/// Draws over the whole canvas of a layer.
fn drag_over(stage: &mut Stage, layer: &str, modifiers: Modifiers) {
    let rect = stage.harness.get_by_role_and_label(Role::Canvas, &format!("Map of {layer}")).rect().shrink(4.0);
    let corners = [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom() + vec2(1.0, 0.0)];
    stage.harness.event(egui::Event::ModifiersChanged(modifiers));
    stage.harness.hover_at(corners[0]);
    stage.harness.step();
    stage.harness.drag_at(corners[0]);
    stage.harness.step();
    for corner in &corners[1..] {
        stage.harness.hover_at(*corner);
        stage.harness.step();
    }
    stage.harness.drop_at(corners[3]);
    stage.harness.event(egui::Event::ModifiersChanged(Modifiers::NONE));
    stage.settle();
}

#[test]
fn without_features_it_says_what_it_needs() {
    let mut stage = Stage::new();
    stage.click("Map");
    assert_eq!(stage.window().state.lens, Lens::Map);
    assert!(stage.sees("No features yet.") && stage.sees("Extract features …"));
    write_features(&mut stage);
    stage.run(Command::Map(MapCommand::LookAgain));
    assert!(!stage.sees("No features yet."));
    assert!(stage.sees("Map of pool"), "the last layer is the one to begin with");
}

#[test]
fn a_legend_entry_hides_its_points_and_a_lasso_filters_the_grid() {
    let mut stage = with_map();
    look(&mut stage, |view| view.colour = ColourBy::Level(0));
    assert!(stage.sees("Legend Clothing") && stage.sees("Legend Kitchen"));
    stage.click("Legend Kitchen");
    assert_eq!(stage.window().state.map.seen.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(stage.matching(), 8, "hiding is a matter of the map alone");
    look(&mut stage, |view| view.tool = Tool::Lasso);
    drag_over(&mut stage, "pool", Modifiers::NONE);
    assert_eq!(stage.selected(), [0, 1, 2, 3], "what is hidden is not caught");
    assert_eq!(stage.matching(), 4, "the lasso is a filter");
    assert!(stage.sees("Filter lasso 4"));
    // The grid follows at once.
    stage.click("Grid");
    assert!(stage.sees("red wool scarf") && !stage.sees("glass mug"));
    // One step of undo brings both back.
    stage.click("Undo");
    assert_eq!((stage.matching(), stage.selected().len()), (8, 0));
}

#[test]
fn modifiers_change_the_lasso_and_isolating_shows_one_entry() {
    let mut stage = with_map();
    look(&mut stage, |view| {
        view.colour = ColourBy::Level(0);
        view.tool = Tool::Rectangle;
    });
    isolate(&mut stage, "Kitchen");
    assert_eq!(stage.window().state.map.seen.iter().collect::<Vec<_>>(), [4, 5, 6, 7]);
    drag_over(&mut stage, "pool", Modifiers::NONE);
    assert_eq!(stage.selected(), [4, 5, 6, 7]);
    // The next one is not limited to the one before.
    isolate(&mut stage, "Kitchen");
    assert!(stage.window().state.map.view.off.is_empty(), "isolating what is isolated shows all");
    stage.click("Legend Kitchen");
    assert_eq!(stage.window().state.map.view.off.len(), 1);
    drag_over(&mut stage, "pool", Modifiers::SHIFT);
    assert_eq!(stage.selected().len(), 8, "Shift adds");
    drag_over(&mut stage, "pool", Modifiers::COMMAND);
    let selected = stage.selected();
    let state = &stage.window().state;
    eprintln!("DEBUG {selected:?} {:?} {:?} {:?}", state.chips, state.map.view.off, state.log);
    assert_eq!(stage.selected(), [4, 5, 6, 7], "Ctrl takes away");
    let chips: Vec<_> = stage.window().state.chips.iter().map(|chip| chip.facet).collect();
    assert_eq!(chips, [Facet::Selection], "there is one lasso");
    drag_over(&mut stage, "pool", Modifiers::NONE);
    assert_eq!(stage.matching(), 4);
    stage.click("Remove filter lasso 4");
    assert_eq!(stage.matching(), 8);
}

#[test]
fn a_filter_dims_the_map_and_is_counted_in_the_legend() {
    let mut stage = with_map();
    look(&mut stage, |view| view.colour = ColourBy::Level(0));
    stage.run(Command::FilterText("leaf = \"Scarves\"".to_owned()));
    let map = &stage.window().state.map;
    assert_eq!((&map.matching[..], map.seen.len()), (&[2, 0][..], 2));
    look(&mut stage, |view| view.tool = Tool::Lasso);
    drag_over(&mut stage, "pool", Modifiers::NONE);
    assert_eq!(stage.selected(), [0, 1], "what is filtered out is not caught");
}

#[test]
fn layers_stand_side_by_side_and_parameters_lay_out_anew() {
    let mut stage = with_map();
    look(&mut stage, |view| view.layers = vec!["pool".to_owned(), "stem".to_owned()]);
    assert!(stage.sees("Map of stem") && stage.sees("Map of pool"));
    let before = stage.window().state.map.placed["pool"].placement.clone();
    assert!(before.done && before.samples.len() == 8);
    stage.click("Parameters of the layout");
    look(&mut stage, |view| {
        view.params.metric = Metric::Cosine;
        view.params.seed = 7;
        view.params.epochs = Some(20);
    });
    stage.click("Compute");
    let after = stage.window().state.map.placed["pool"].placement.clone();
    assert_eq!((after.epoch, after.facts.params.seed, after.cached), ((20, 20), 7, false));
    // The former parameters are read from the cache: the same positions.
    look(&mut stage, |view| view.params = before.facts.params.clone());
    stage.click("Compute");
    let again = stage.window().state.map.placed["pool"].placement.clone();
    assert!(again.cached && again.positions == before.positions);
    stage.click("From here");
    let moved = stage.window().state.map.placed["pool"].placement.clone();
    assert!(!moved.cached && moved.positions != before.positions, "epochs moved the points on from where they were");
}

#[test]
fn tiles_are_divided_and_remembered() {
    let mut stage = with_map();
    let tabs = |lenses: &[Lens]| Layout::Tabs { lenses: lenses.to_vec(), active: 0 };
    let rest: Vec<Lens> = Lens::ALL.into_iter().filter(|lens| *lens != Lens::Map).collect();
    let layout = Layout::Split { down: false, shares: vec![1.0, 1.0], parts: vec![tabs(&rest), tabs(&[Lens::Map])] };
    stage.run(Command::Layout(layout));
    assert!(stage.sees("Map of pool") && sees_cell(&stage, "red wool scarf"), "both are seen");
    look(&mut stage, |view| view.tool = Tool::Lasso);
    drag_over(&mut stage, "pool", Modifiers::NONE);
    assert_eq!(stage.window().state.lens, Lens::Map, "what was touched has the keyboard");
    assert_eq!(stage.selected().len(), 8);
    let remembered = stage.window().state.settings.to_toml();
    assert!(remembered.contains("map"), "{remembered}");
    stage.run(Command::Act(shopscope::app::Action::ResetLayout));
    assert!(!sees_cell(&stage, "red wool scarf"));
    assert_eq!(stage.window().state.settings.layout.visible(), [Lens::Map]);
}

#[test]
fn positions_are_written_with_their_keys() {
    let mut stage = with_map();
    for name in ["map.csv", "map.parquet"] {
        let path = stage.dir.path().join(name);
        stage.run(Command::Map(MapCommand::Export { layer: "pool".to_owned(), path: path.clone() }));
        wait_for(&mut stage, &path);
    }
    let csv = std::fs::read_to_string(stage.dir.path().join("map.csv")).expect("it was written");
    assert_eq!(csv.lines().count(), 9);
    assert!(csv.starts_with("dataset,key,x,y\nshop,0001,"), "{csv}");
}

fn wait_for(stage: &mut Stage, path: &Path) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !path.exists() && std::time::Instant::now() < until {
        stage.settle();
    }
    assert!(path.exists(), "{}", path.display());
}
