//! The map through the window: what it says without features, what it shows with them, and that what is drawn on it filters the grid.

#[path = "support/rows.rs"]
mod rows;
#[path = "support/stage.rs"]
mod stage;
mod support;

use std::path::{Path, PathBuf};

use egui::{Key, Modifiers, Pos2, accesskit::Role, vec2};
use egui_kittest::kittest::Queryable;
use rows::{features_of, write_rows};
use shopscope::app::chips::Facet;
use shopscope::app::layout::Layout;
use shopscope::app::map::colour::ColourBy;
use shopscope::app::map::{MapCommand, MapView, Tool};
use shopscope::app::state::{Dialog, Lens};
use shopscope::app::{Action, Command};
use shopscope::jobs::map::{LabelBy, Metric};
use stage::Stage;
use support::{SHOP, Sample, write_shard};

/// Clothes and kitchenware of the stage's first dataset are two heaps in both layers.
fn write_features(stage: &mut Stage) {
    let keys: Vec<String> = SHOP.iter().map(|sample| sample.key.to_owned()).collect();
    write_rows(stage, 0, &keys, &|i, dims| {
        let heap = if SHOP[i].taxonomy[0] == "Clothing" { 5.0 } else { -5.0 };
        (0..dims).map(|d| heap + ((i * 7 + d * 3) % 5) as f32 * 0.1).collect()
    });
}

fn with_map() -> Stage {
    let mut stage = Stage::new();
    write_features(&mut stage);
    stage.click("Map");
    assert!(stage.window().state.map.placed.contains_key("pool"), "eight points are laid out at once");
    stage
}

/// The samples that a layer's map shows.
fn shown(stage: &mut Stage, layer: &str) -> Vec<u32> {
    stage.window().state.map.placed.get(layer).map(|placed| placed.placement.samples.to_vec()).unwrap_or_default()
}

/// Where a sample stands on the screen.
fn screen_of(stage: &mut Stage, layer: &str, sample: u32) -> Pos2 {
    let rect = stage.harness.get_by_role_and_label(Role::Canvas, &format!("Map of {layer}")).rect();
    let map = &stage.window().state.map;
    let placed = map.placed[layer].clone();
    let row = placed.placement.samples.iter().position(|other| *other == sample).expect("the sample is on the map");
    let [x, y] = placed.frame.place(placed.placement.positions[row]);
    let camera = map.view.camera;
    let side = (rect.width().min(rect.height()) - 48.0) * camera.zoom;
    rect.center() + vec2(x - camera.centre[0], camera.centre[1] - y) * side
}

fn click_at(stage: &mut Stage, at: Pos2) {
    stage.harness.hover_at(at);
    stage.harness.step();
    stage.harness.drag_at(at);
    stage.harness.step();
    stage.harness.drop_at(at);
    stage.settle();
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
    let mut corners = vec![rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom() + vec2(1.0, 0.0)];
    if stage.window().state.map.view.tool == Tool::Rectangle {
        corners.truncate(3);
    }
    stage.harness.event(egui::Event::ModifiersChanged(modifiers));
    stage.harness.hover_at(corners[0]);
    stage.harness.step();
    stage.harness.drag_at(corners[0]);
    stage.harness.step();
    for corner in &corners[1..] {
        stage.harness.hover_at(*corner);
        stage.harness.step();
    }
    stage.harness.drop_at(corners[corners.len() - 1]);
    stage.harness.event(egui::Event::ModifiersChanged(Modifiers::NONE));
    stage.settle();
}

#[test]
fn without_features_it_says_what_it_needs() {
    let mut stage = Stage::new();
    stage.click("Map");
    assert_eq!(stage.window().state.lens, Lens::Map);
    assert!(stage.sees("No features yet.") && stage.sees("Extract with demo-shop") && stage.sees("Choose a model …"));
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

#[test]
fn comparing_needs_two_datasets() {
    let mut stage = with_map();
    stage.click("Compare");
    assert!(stage.sees("Two datasets are needed."));
    assert_eq!(stage.window().state.lens, Lens::Compare);
}

#[test]
fn pictures_that_changed_are_left_out_and_said() {
    let mut stage = with_map();
    assert_eq!(shown(&mut stage, "pool").len(), 8);
    assert!(!stage.sees_part("are new or changed"));
    // The same keys, other pictures: keys alone would not tell.
    let changed: Vec<Sample<'_>> = SHOP[5..].iter().map(|sample| Sample { side: sample.side / 2, ..*sample }).collect();
    write_shard(&stage.dir.path().join("shop/00001.tar"), &changed);
    stage.run(Command::Act(Action::ReindexAll));
    assert_eq!(stage.window().state.len(), 8, "the catalog follows");
    assert_eq!(shown(&mut stage, "pool"), [0, 1, 2, 3, 4], "what is stale is not served");
    // One of the three never had a picture.
    assert!(stage.sees_part("2 pictures of shop are new or changed since and left out."));
    // The model is gone: it cannot be extracted again by a click.
    assert!(stage.sees_part("The file of tiny is gone.") && stage.sees("Models …") && !stage.sees("Extract again"));
    // A layout of all eight lies in the cache under another name.
    assert!(!stage.window().state.map.placed["pool"].placement.cached);
}

#[test]
fn what_is_stale_is_extracted_again_by_one_click() {
    let mut stage = Stage::new();
    stage.click("Map");
    stage.click("Extract with demo-shop");
    assert_eq!(shown(&mut stage, "pool").len(), 7, "all that have a picture");
    let before = stage.window().state.map.placed["pool"].placement.clone();
    let changed: Vec<Sample<'_>> = SHOP[5..].iter().map(|sample| Sample { side: 72, ..*sample }).collect();
    write_shard(&stage.dir.path().join("shop/00001.tar"), &changed);
    stage.run(Command::Act(Action::ReindexAll));
    assert_eq!(shown(&mut stage, "pool").len(), 5);
    stage.click("Extract again");
    // Now all three of the second shard have pictures.
    assert_eq!(shown(&mut stage, "pool").len(), 8);
    assert!(!stage.sees_part("new or changed"));
    assert!(before.positions.len() == 7 && !stage.window().state.map.placed["pool"].placement.cached);
}

/// Cuts the end off the array of the first features there are, and looks again; the file, and what it held.
fn cut_short(stage: &mut Stage) -> (std::path::PathBuf, Vec<u8>) {
    let catalog = stage.window().state.population.datasets[0].catalog.clone();
    let dir = shopscope::model::features::kept_for(&catalog).into_values().next().expect("a folder of features");
    let pool = dir.join("pool.npy");
    let bytes = std::fs::read(&pool).expect("it was written");
    std::fs::write(&pool, &bytes[..bytes.len() - 20]).expect("it can be cut");
    stage.run(Command::Map(MapCommand::LookAgain));
    (pool, bytes)
}

#[test]
fn features_that_were_cut_short_are_not_served() {
    let mut stage = with_map();
    let (pool, bytes) = cut_short(&mut stage);
    assert!(stage.sees_part("are damaged and left out (8 pictures)"), "the only features there were are damaged");
    assert!(stage.sees("The features that were there are damaged."));
    std::fs::write(&pool, &bytes).expect("it can be mended");
    stage.run(Command::Map(MapCommand::LookAgain));
    assert_eq!(shown(&mut stage, "pool").len(), 8);
}

#[test]
fn features_that_are_damaged_are_extracted_again_by_one_click() {
    let mut stage = Stage::new();
    stage.click("Map");
    stage.click("Extract with demo-shop");
    assert_eq!(shown(&mut stage, "pool").len(), 7);
    cut_short(&mut stage);
    assert!(stage.sees_part("are damaged and left out"));
    stage.click("Extract again");
    assert_eq!(shown(&mut stage, "pool").len(), 7);
    assert!(!stage.sees_part("damaged"));
}

#[test]
fn the_point_under_the_pointer_has_a_card_and_a_click_selects_it() {
    let mut stage = with_map();
    let at = screen_of(&mut stage, "pool", 2);
    stage.harness.hover_at(at);
    stage.harness.step();
    assert!(!stage.sees_part("Under the pointer"), "the card waits for the pointer to rest");
    // kittest's clock goes on by a quarter of a second a frame.
    for _ in 0..3 {
        stage.harness.step();
    }
    stage.settle();
    assert!(stage.sees("Under the pointer: green rain jacket"));
    click_at(&mut stage, at);
    assert_eq!(stage.selected(), [2]);
    assert_eq!(stage.window().state.focus.map(|focus| focus.0), Some(2), "the inspector follows");
    // Beside all points a click lets go.
    let rect = stage.harness.get_by_role_and_label(Role::Canvas, "Map of pool").rect();
    click_at(&mut stage, rect.left_top() + vec2(6.0, 30.0));
    assert_eq!(stage.selected(), [0_u32; 0]);
}

#[test]
fn a_polygon_closes_by_enter_and_ends_by_escape() {
    let mut stage = with_map();
    stage.click("Polygon");
    let rect = stage.harness.get_by_role_and_label(Role::Canvas, "Map of pool").rect().shrink(3.0);
    let corners = [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom()];
    for corner in corners {
        click_at(&mut stage, corner);
    }
    assert_eq!(stage.selected().len(), 0, "it is open yet");
    stage.press(Modifiers::NONE, Key::Enter);
    assert_eq!(stage.selected().len(), 8);
    assert!(!stage.window().state.large, "Enter was the polygon's");
    for corner in &corners[..2] {
        click_at(&mut stage, *corner);
    }
    stage.press(Modifiers::NONE, Key::Escape);
    assert_eq!(stage.selected().len(), 8, "Escape was the polygon's, too");
    stage.press(Modifiers::NONE, Key::Escape);
    assert_eq!(stage.selected().len(), 0, "the next one is not");
}

/// Two heaps of forty with captions of their own.
fn two_heaps() -> Stage {
    let captions: Vec<String> =
        (0..80).map(|i| if i < 40 { format!("warm wool scarf {i}") } else { format!("tall glass vase {i}") }).collect();
    let keys: Vec<String> = (0..80).map(|i| format!("{i:04}")).collect();
    let mut stage = Stage::open(|dir| {
        let samples: Vec<Sample<'_>> = keys
            .iter()
            .zip(&captions)
            .map(|(key, caption)| Sample { key, caption, taxonomy: &[], brand: None, side: 16 })
            .collect();
        write_shard(&dir.join("heaps/00000.tar"), &samples);
        vec![dir.join("heaps")]
    });
    write_rows(&mut stage, 0, &keys, &|i, dims| {
        let heap = if i < 40 { 9.0 } else { -9.0 };
        (0..dims).map(|d| heap + ((i * 31 + d * 17) % 23) as f32 * 0.05).collect()
    });
    stage.click("Map");
    stage
}

#[test]
fn words_that_mark_a_cluster_are_one_click_away() {
    let mut stage = two_heaps();
    look(&mut stage, |view| view.tool = Tool::Lasso);
    // Only the scarves are left to be caught.
    stage.run(Command::Search("scarf".to_owned()));
    drag_over(&mut stage, "pool", Modifiers::NONE);
    assert_eq!(stage.selected(), (0..40).collect::<Vec<_>>());
    stage.click("What words mark the selection");
    assert_eq!(stage.window().state.lens, Lens::Statistics);
    let counted = stage.window().state.statistics.counted.clone().expect("a few captions are counted at once");
    let lift = counted.report.lift.as_ref().expect("the selection stands beside all");
    let first: Vec<&str> = lift.words.iter().take(3).map(|word| &*word.gram).collect();
    assert!(["warm", "wool", "scarf"].iter().all(|word| first.contains(word)), "{first:?}");
}

#[test]
fn regions_are_called_by_words_where_there_are_no_leaves() {
    let mut stage = two_heaps();
    let map = &stage.window().state.map;
    let labels: Vec<String> = map.labels_of("pool").iter().map(|label| label.text.to_string()).collect();
    let both = labels.join(" ");
    assert!(["warm", "wool", "scarf"].iter().any(|word| both.contains(word)), "{labels:?}");
    assert!(["tall", "glass", "vase"].iter().any(|word| both.contains(word)), "{labels:?}");
    // Switched off, they are asked for no more; by leaf there are none.
    look(&mut stage, |view| view.label_by = Some(LabelBy::Leaf));
    assert!(stage.window().state.map.labels_of("pool").is_empty());
}

#[test]
fn bad_numbers_have_no_place_and_equal_ones_do_no_harm() {
    let keys: Vec<String> = SHOP.iter().map(|sample| sample.key.to_owned()).collect();
    let mut stage = Stage::new();
    write_rows(&mut stage, 0, &keys, &|i, dims| match i {
        1 => vec![f32::NAN; dims],
        2 => vec![f32::INFINITY; dims],
        _ => vec![0.5; dims],
    });
    stage.click("Map");
    assert_eq!(shown(&mut stage, "pool"), [0, 3, 4, 5, 6, 7]);
    let placement = stage.window().state.map.placed["pool"].placement.clone();
    assert_eq!(placement.facts.left_out, 2);
    assert!(placement.positions.iter().flatten().all(|value| value.is_finite()));
    assert!(stage.sees_part("2 left out"));
    // A single row, too.
    write_rows(&mut stage, 0, &keys, &|i, dims| vec![if i == 4 { 1.0 } else { f32::NAN }; dims]);
    stage.run(Command::Map(MapCommand::LookAgain));
    assert_eq!(shown(&mut stage, "pool"), [4]);
    // None at all: a sentence, not an empty plane.
    write_rows(&mut stage, 0, &keys, &|_, dims| vec![f32::NAN; dims]);
    stage.run(Command::Map(MapCommand::LookAgain));
    assert_eq!(shown(&mut stage, "pool"), [0_u32; 0]);
    let said = stage.window().state.log.iter().any(|notice| notice.text.contains("no usable features"));
    assert!(said, "{:?}", stage.window().state.log);
}

/// Two datasets of forty, one heap each in the pool, mixed in the stem.
fn two_datasets() -> Stage {
    let keys: Vec<String> = (0..40).map(|i| format!("{i:04}")).collect();
    let mut stage = Stage::open(|dir| {
        for (name, caption) in [("lamps", "a lamp"), ("chairs", "a chair")] {
            let samples: Vec<Sample<'_>> =
                keys.iter().map(|key| Sample { key, caption, taxonomy: &[], brand: None, side: 16 }).collect();
            write_shard(&dir.join(name).join("00000.tar"), &samples);
        }
        vec![dir.join("lamps"), dir.join("chairs")]
    });
    for dataset in 0..2 {
        write_rows(&mut stage, dataset, &keys, &|i, dims| {
            let heap = if dims == 5 && dataset == 1 { 6.0 } else { 0.0 };
            (0..dims).map(|d| heap + ((i * 31 + d * 17 + dataset * 11) % 23) as f32 * 0.1).collect()
        });
    }
    stage
}

#[test]
fn two_datasets_are_compared_layer_by_layer() {
    let mut stage = two_datasets();
    stage.click("Compare");
    let found = &stage.window().state.compare.found;
    let own = |layer: &str| found[layer].separation.mixing.own;
    assert!(own("pool") > 0.99 && own("stem") < 0.7, "{} {}", own("pool"), own("stem"));
    let probe = found["pool"].separation.probe.as_ref().expect("forty rows a side").balanced_accuracy;
    assert!(probe > 0.99, "{probe}");
    // A region filters the grid to its pictures.
    stage.click("Region 1 of lamps");
    assert_eq!(stage.window().state.lens, Lens::Grid);
    let matching: Vec<u32> = stage.window().state.result.matching.iter().collect();
    assert!(!matching.is_empty() && matching.iter().all(|sample| *sample < 40), "{matching:?}");
    // A layer opens its map, with both datasets on it.
    stage.click("Remove filter region 40");
    stage.click("Compare");
    stage.click("Open the map of stem");
    assert_eq!(stage.window().state.map.layers(), ["stem"]);
    assert_eq!(shown(&mut stage, "stem").len(), 80);
    // A figure opens all layers side by side.
    stage.click("Compare");
    stage.click("Linear probe over the layers");
    assert!(stage.sees("Map of stem") && stage.sees("Map of pool"));
}

#[test]
fn a_dataset_without_features_is_named() {
    let mut stage = two_datasets();
    let dir = features_of(&mut stage, 1);
    std::fs::remove_dir_all(&dir).expect("it can be removed");
    stage.click("Map");
    assert_eq!(shown(&mut stage, "pool").len(), 40);
    assert!(stage.sees_part("chairs has no features by this model yet (40 pictures)."));
    stage.click("Compare");
    assert!(stage.sees_part("chairs has no features by this model yet (40 pictures)."));
    assert!(stage.window().state.compare.found.is_empty(), "nothing to compare with");
}

#[test]
fn a_map_is_written_as_picture_and_drawing() {
    let mut stage = two_datasets();
    stage.click("Map");
    look(&mut stage, |view| {
        view.layers = vec!["stem".to_owned(), "pool".to_owned()];
        view.drawn.contours = true;
        view.drawn.density = true;
    });
    let mut export = |what: &str| {
        stage.click("Export the map");
        stage.click(what);
        let Some(Dialog::SaveFile { bytes, path }) = stage.window().state.dialog.clone() else {
            panic!("without a file dialog of the system the window asks for the path")
        };
        let file = stage.dir.path().join(path.rsplit('/').next().expect("a name"));
        stage.run(Command::WriteFile { path: file.clone(), bytes: bytes.clone() });
        wait_for(&mut stage, &file);
        std::fs::read(&file).expect("it was written")
    };
    let png = export("Map as PNG …");
    let picture = shopscope::formats::image::decode(&png).expect("a picture");
    assert_eq!((picture.width, picture.height), (1920, 1200));
    let svg = String::from_utf8(export("Map as SVG …")).expect("text");
    // 160 points and two dots of the legend.
    assert_eq!(svg.matches("<circle cx").count(), 162);
    assert!(svg.matches("class=\"contour\"").count() >= 4 && svg.matches("<image ").count() == 2);
    for said in [">stem<", ">pool<", ">lamps<", ">chairs<", "n_neighbors 15"] {
        assert!(svg.contains(said), "{said}");
    }
}

/// Writes what the window shows into the folder of pictures.
fn shoot(stage: &mut Stage, name: &str) {
    let dir = PathBuf::from(std::env::var_os("SHOPSCOPE_PICTURES").expect("SHOPSCOPE_PICTURES names a folder"));
    let picture = stage.harness.render().expect("a picture");
    picture.save(dir.join(format!("{name}.png"))).expect("it can be written");
}

#[test]
#[ignore = "writes pictures for people to look at: SHOPSCOPE_PICTURES=DIR SHOPSCOPE_CATALOGS=DIR, with features by a model in the catalogs"]
fn pictures_for_people() {
    let Some(data) = support::shared_data() else { return };
    let catalogs = PathBuf::from(std::env::var_os("SHOPSCOPE_CATALOGS").expect("SHOPSCOPE_CATALOGS names a folder"));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut stage = Stage::over(dir, vec![data.join("imagenet-mini"), data.join("lgs-mini")], catalogs);
    stage.click("Map");
    let rect = stage.harness.get_by_role_and_label(Role::Canvas, "Map of pool").rect();
    let sample = stage.window().state.map.placed["pool"].placement.samples[1500];
    let at = screen_of(&mut stage, "pool", sample);
    stage.harness.hover_at(at);
    for _ in 0..6 {
        stage.harness.step();
        stage.settle();
    }
    shoot(&mut stage, "hover");
    click_at(&mut stage, at);
    shoot(&mut stage, "click");
    look(&mut stage, |view| view.tool = Tool::Polygon);
    for (x, y) in [(0.3, 0.3), (0.6, 0.25), (0.7, 0.6)] {
        click_at(&mut stage, rect.min + vec2(rect.width() * x, rect.height() * y));
    }
    shoot(&mut stage, "polygon");
    stage.press(Modifiers::NONE, Key::Enter);
    shoot(&mut stage, "polygon-closed");
    stage.click("What words mark the selection");
    shoot(&mut stage, "marks");
    stage.click("Map");
    stage.run(Command::Act(Action::ClearFilters));
    stage.run(Command::Act(Action::ClearSelection));
    look(&mut stage, |view| {
        view.tool = Tool::Pan;
        view.camera = view.camera.zoomed(9.0, [0.5, 0.5]);
    });
    stage.settle();
    shoot(&mut stage, "thumbnails");
    look(&mut stage, |view| {
        view.camera = shopscope::app::map::Camera::default();
        view.layers = vec!["block1".to_owned(), "pool".to_owned()];
    });
    let tabs = |lenses: &[Lens]| Layout::Tabs { lenses: lenses.to_vec(), active: 0 };
    let rest: Vec<Lens> = Lens::ALL.into_iter().filter(|lens| *lens != Lens::Map).collect();
    let layout = Layout::Split { down: true, shares: vec![1.0, 1.4], parts: vec![tabs(&rest), tabs(&[Lens::Map])] };
    stage.run(Command::Layout(layout));
    shoot(&mut stage, "tiles");
    stage.run(Command::Act(Action::ResetLayout));
    stage.click("Map");
    let pictures = PathBuf::from(std::env::var_os("SHOPSCOPE_PICTURES").expect("SHOPSCOPE_PICTURES names a folder"));
    for what in ["Map as PNG …", "Map as SVG …"] {
        stage.click("Export the map");
        stage.click(what);
        if let Some(Dialog::SaveFile { bytes, .. }) = stage.window().state.dialog.clone() {
            let ending = if what.contains("PNG") { "png" } else { "svg" };
            std::fs::write(pictures.join(format!("exported.{ending}")), &**bytes).expect("it can be written");
        }
        stage.run(Command::Dialog(None));
    }
    stage.click("Parameters of the layout");
    look(&mut stage, |view| view.params.seed = 9);
    stage.harness.get_by_label("Compute").click();
    for _ in 0..400 {
        stage.harness.step();
        if stage.window().state.map.placed.values().any(|placed| !placed.placement.done) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    stage.run(Command::Map(MapCommand::Pause(true)));
    shoot(&mut stage, "paused");
    stage.run(Command::Map(MapCommand::Stop));
    stage.click("What is drawn");
    shoot(&mut stage, "drawn-menu");
}
