//! The why lens through the window: real models over drawn pictures, driven by accessible labels; what is written is read back.

#[path = "support/stage.rs"]
mod stage;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{Key, Modifiers, accesskit::Role};
use egui_kittest::kittest::Queryable;
use shopscope::app::models::ModelCommand;
use shopscope::app::state::{Dialog, Lens};
use shopscope::app::why::{Edit, Export, Mode, Page, Scope, WhyCommand, WhyView};
use shopscope::app::{Action, Command};
use shopscope::formats::demo::{Dataset, DemoOptions, render_sample};
use shopscope::jobs::why::{Aim, Recipe};
use shopscope::model::explain::Method;
use stage::Stage;

fn shard(path: &Path, dataset: Dataset, count: u32) {
    let options = DemoOptions { size: 96, ..DemoOptions::default() };
    let mut tar = Vec::new();
    for index in 0..count {
        let sample = render_sample(dataset, index, &options);
        let record =
            serde_json::json!({ "caption": format!("{} {index}", dataset.name()), "leaf": sample.record.leaf });
        support::member(&mut tar, &format!("{index:04}.jpg"), &sample.jpeg);
        support::member(&mut tar, &format!("{index:04}.json"), record.to_string().as_bytes());
    }
    tar.extend_from_slice(&[0; 1024]);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, tar).expect("a shard");
}

/// Both demo datasets, small.
fn demo() -> Stage {
    Stage::open(|dir| {
        let make = |dataset: Dataset| {
            shard(&dir.join(dataset.name()).join("0.tar"), dataset, 8);
            dir.join(dataset.name())
        };
        vec![make(Dataset::Scenes), make(Dataset::Shop)]
    })
}

fn opened() -> Stage {
    let mut stage = demo();
    stage.run(Command::Act(Action::ShowWhy));
    stage
}

fn look(stage: &mut Stage, change: impl FnOnce(&mut WhyView)) {
    let mut view = stage.window().state.why.view.clone();
    change(&mut view);
    stage.run(Command::Why(WhyCommand::View(Box::new(view))));
}

fn edit(stage: &mut Stage, edit: Edit) {
    stage.run(Command::Why(WhyCommand::Edit(edit)));
}

fn recipe(stage: &mut Stage, id: u32) -> Recipe {
    (**stage.window().state.why.recipe(id).expect("a column of maps")).clone()
}

/// Cells that have a map, and those that have none.
fn cells(stage: &mut Stage) -> (usize, usize) {
    let cells = &stage.window().state.why.cells;
    (cells.values().filter(|cell| cell.is_ok()).count(), cells.values().filter(|cell| cell.is_err()).count())
}

fn wait_for(stage: &mut Stage, path: &Path) {
    let until = Instant::now() + Duration::from_mins(1);
    while !path.exists() && Instant::now() < until {
        stage.settle();
    }
    assert!(path.exists(), "{}", path.display());
}

#[test]
fn the_demo_explains_itself_without_a_click() {
    let mut stage = opened();
    assert_eq!(stage.window().state.lens, Lens::Why);
    let titles: Vec<String> = {
        let why = &stage.window().state.why;
        why.columns.iter().map(|column| why.title(column)).collect()
    };
    assert_eq!(titles, ["Demo scenes (20 classes)", "Demo shop (24 leaves)"]);
    assert!(stage.sees("Map by Demo scenes (20 classes) of sample 0"));
    assert!(stage.sees("Map by Demo shop (24 leaves) of sample 0"));
    let (made, failed) = cells(&mut stage);
    assert!(made >= 4 && failed == 0, "{made} maps, {failed} failures");
    assert!(made < 2 * 16, "rows that nobody sees are not made");
    // The bar says what the brightest colour stands for.
    let why = &stage.window().state.why;
    let recipes = why.recipes();
    let scale = why.scale(&recipes[0], None, false);
    assert!(scale > 0.0 && scale == why.scale(&recipes[1], None, false), "both share it");
    assert!(stage.harness.query_all_by_label_contains("Colour bar: 0 to ").next().is_some());
    // Own classes are marked: these models know these pictures.
    let state = &stage.window().state;
    let marked = state.why.cells.iter().filter(|((recipe, sample), cell)| {
        cell.as_ref().is_ok_and(|cell| state.why.said(recipe, *sample, cell).is_truth)
    });
    assert!(marked.count() >= 2);
    // The inspector shows the same.
    assert!(stage.sees("Section WHY"));
}

#[test]
fn columns_layers_methods_and_classes_are_chosen() {
    let mut stage = opened();
    stage.click("Column 2");
    stage.click("Remove");
    assert_eq!(stage.window().state.why.columns.len(), 1);
    stage.click("Column 1");
    stage.click("Duplicate");
    stage.harness.get_by_role_and_label(Role::ComboBox, "Layer of column 3").click();
    stage.settle();
    stage.click("layer2  (16 × 16)");
    assert_eq!(recipe(&mut stage, 3).layer.as_deref(), Some("layer2"));
    stage.harness.get_by_role_and_label(Role::ComboBox, "Method of column 3").click();
    stage.settle();
    stage.click("LayerCAM");
    let why = &stage.window().state.why;
    let third = why.recipe(3).expect("maps").clone();
    let made = why.made[&third].clone().expect("an explainer");
    assert_eq!((made.layer.as_str(), made.resolution, third.method), ("layer2", (16, 16), Method::LayerCam));
    assert!(stage.sees("Map by Demo scenes (20 classes), layer2, LayerCAM of sample 0"));
    // A class by its name, with the focused picture's probabilities.
    stage.click("Class of column 1");
    assert!(stage.sees("Explain sports car") && stage.sees("Explain vase"));
    stage.harness.get_by_label("Find a class").focus();
    stage.harness.get_by_label("Find a class").type_text("vas");
    stage.settle();
    assert!(!stage.sees("Explain sports car"));
    stage.click("Explain vase");
    let Aim::Class(class) = recipe(&mut stage, 1).aim else { panic!("a class") };
    let why = &stage.window().state.why;
    let first = why.recipe(1).expect("maps").clone();
    let facts = why.facts(&first.model).expect("an open model");
    assert_eq!(facts.model.class_name(class), "vase");
    let explained = why.cells.iter().filter(|((recipe, _), _)| **recipe == *first);
    let classes: Vec<usize> =
        explained.filter_map(|(_, cell)| cell.as_ref().ok()).map(|cell| cell.explanation.class).collect();
    assert!(!classes.is_empty() && classes.iter().all(|other| *other == class));
    // The best three instead.
    edit(&mut stage, Edit::Ranks(1, 3));
    assert_eq!(stage.window().state.why.columns.len(), 4);
    let state = &stage.window().state;
    let sample = state.population.sample_ref(shopscope::base::SampleId(0));
    let probability = |id: u32| {
        let recipe = state.why.recipe(id).expect("maps");
        state.why.cell(recipe, sample).expect("an answer").as_ref().expect("a map").explanation.probability
    };
    let ranked: Vec<f32> = state.why.columns.iter().take(3).map(|column| probability(column.id)).collect();
    assert!(ranked.windows(2).all(|pair| pair[0] >= pair[1]), "{ranked:?}");
}

#[test]
fn a_broken_column_says_so_and_leaves_the_others_alone() {
    let mut stage = opened();
    let broken = stage.dir.path().join("broken.onnx");
    fs::write(&broken, "no model").expect("a file");
    stage.run(Command::Why(WhyCommand::AddModel(broken)));
    let said = stage.harness.query_all_by_label_contains("not a readable ONNX model").count();
    assert!(said >= 1, "the sentence stands in its column");
    let (made, failed) = cells(&mut stage);
    assert!(made >= 4 && failed == 0);
    // CAM in closed form does not go at an early layer: the sentence names it, and what goes is offered.
    let mut changed = recipe(&mut stage, 1);
    (changed.method, changed.layer) = (Method::Cam, Some("layer1".to_owned()));
    edit(&mut stage, Edit::Change(1, changed));
    assert!(stage.harness.query_all_by_label_contains("cam needs a layer").next().is_some());
    let mut changed = recipe(&mut stage, 1);
    changed.layer = Some("pool".to_owned());
    changed.method = Method::GradCam;
    edit(&mut stage, Edit::Change(1, changed));
    assert!(stage.harness.query_all_by_label_contains("has no places").next().is_some());
    assert!(stage.sees("Eigen-CAM") && stage.sees("Score-CAM"), "methods without gradients are offered");
}

#[test]
fn rows_follow_selection_focus_and_keys() {
    let mut stage = opened();
    let rows = |stage: &mut Stage| stage.window().state.why.rows.samples.to_vec();
    assert_eq!(rows(&mut stage).len(), 16);
    stage.harness.get_by_role_and_label(Role::ListItem, "demo-scenes 1").click();
    stage.settle();
    assert_eq!((stage.selected(), rows(&mut stage).len()), (vec![1], 16), "one is a focus, no selection of rows");
    stage.press(Modifiers::NONE, Key::ArrowDown);
    assert_eq!(stage.window().state.focus.map(|focus| focus.0), Some(2));
    stage.run(Command::Select(
        std::sync::Arc::new([3, 9, 12].into_iter().collect()),
        shopscope::app::command::SetOp::Replace,
    ));
    assert_eq!(rows(&mut stage), [3, 9, 12]);
    stage.harness.get_by_role_and_label(Role::ListItem, "demo-shop 1").click();
    stage.settle();
    assert_eq!((stage.selected().len(), stage.window().state.focus.map(|focus| focus.0)), (3, Some(9)));
    look(&mut stage, |view| view.scope = Scope::Matching);
    assert_eq!(rows(&mut stage).len(), 16);
    stage.run(Command::FilterText("dataset = \"demo-shop\"".to_owned()));
    assert_eq!(rows(&mut stage).len(), 8);
    // Large: all columns for the focused picture.
    stage.run(Command::Act(Action::Inspect));
    assert!(stage.window().state.large && stage.sees("Map by Demo shop (24 leaves) of sample 9"));
}

#[test]
fn disagreement_sorts_and_differences_are_shown() {
    let mut stage = opened();
    edit(&mut stage, Edit::Difference(1, 2));
    assert!(stage.sees("Map by Demo scenes (20 classes) not Demo shop (24 leaves) of sample 0"));
    stage.click("Sort by disagreement of the columns");
    let why = &stage.window().state.why;
    assert!(why.rows.sorted);
    assert_eq!(why.rows.samples.len(), 16);
    let apart: Vec<f64> = why.rows.disagreement.iter().map(|apart| apart.expect("all have maps")).collect();
    assert!(apart.windows(2).all(|pair| pair[0] >= pair[1]) && apart[0] > apart[15], "{apart:?}");
    for mode in Mode::ALL {
        look(&mut stage, |view| view.mode = mode);
        assert!(!stage.window().busy());
    }
}

#[test]
fn maps_figures_and_the_matrix_are_written() {
    let mut stage = opened();
    look(&mut stage, |view| (view.export_rows, view.export_side) = (3, 64));
    stage.click("Export maps and figures");
    assert!(stage.window().state.why.exporting, "its rows are made while the menu is open");
    let dir = stage.dir.path().to_owned();
    let mut write = |what: Export, name: &str| -> PathBuf {
        let path = dir.join(name);
        stage.run(Command::Why(WhyCommand::Export(what, path.clone())));
        wait_for(&mut stage, &path);
        path
    };
    let png = write(Export::Picture, "why.png");
    let picture = shopscope::formats::image::decode(&fs::read(png).expect("a file")).expect("a picture");
    // Three cells and their gaps across.
    assert!(picture.width > 3 * 64 && picture.width < 3 * 80, "{} x {}", picture.width, picture.height);
    let colours: std::collections::HashSet<[u8; 3]> =
        picture.rgba.chunks_exact(4).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    assert!(colours.len() > 500, "pictures and maps are in it, not a ground alone: {}", colours.len());
    let npy = fs::read(write(Export::Maps(1), "maps.npy")).expect("a file");
    assert!(String::from_utf8_lossy(&npy[..128]).contains("'shape': (3, 8, 8)"));
    let csv = fs::read_to_string(write(Export::Figures, "why.csv")).expect("a file");
    assert!(
        csv.starts_with("dataset,key,model,layer,method,target,class,class_name,probability,score,area50,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 1 + 3 * 2);
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(write(Export::Figures, "why.json")).expect("a file")).expect("JSON");
    let maps = json["maps"].as_array().expect("a list");
    assert_eq!((maps.len(), maps[0]["key"].as_str(), maps[0]["method"].as_str()), (6, Some("0000"), Some("gradcam")));
    assert!(maps[0]["area50"].as_f64().is_some_and(|area| area > 0.0 && area <= 0.5));
    // Nothing is written into a dataset.
    let inside = stage.window().state.population.datasets[0].source.root.join("why.csv");
    stage.run(Command::Why(WhyCommand::Export(Export::Figures, inside.clone())));
    let until = Instant::now() + Duration::from_secs(20);
    let refused =
        |stage: &mut Stage| stage.window().state.log.iter().any(|notice| notice.text.contains("outside the dataset"));
    while !refused(&mut stage) && Instant::now() < until {
        stage.settle();
    }
    assert!(refused(&mut stage) && !inside.exists());
}

#[test]
fn how_local_is_measured_over_the_rows() {
    let mut stage = opened();
    stage.harness.get_by_role_and_label(Role::Tab, "How local?").click();
    stage.settle();
    assert!(stage.sees("How local are these models?"));
    look(&mut stage, |view| view.local_samples = 6);
    stage.click("Measure 6 pictures");
    let local = &stage.window().state.why.local;
    assert_eq!((local.samples.len(), local.of, local.measured().count(), local.running), (6, 16, 2, false));
    assert!(
        local.measured().all(|column| column.figures.iter().flatten().count() == 6 && column.mean.values.len() == 64)
    );
    // The mean of maps of mass 1 has mass 1.
    let mass: f32 = local.measured().next().expect("a column").mean.values.iter().sum();
    assert!((mass - 1.0).abs() < 1e-4, "{mass}");
    assert!(stage.harness.query_all_by_label_contains("Area of half the mass: Demo scenes").next().is_some());
    assert!(stage.sees("Mean map of Demo shop (24 leaves)"));
    let path = stage.dir.path().join("local.json");
    stage.run(Command::Why(WhyCommand::Export(Export::Local, path.clone())));
    wait_for(&mut stage, &path);
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).expect("a file")).expect("JSON");
    assert_eq!((json["pictures"].as_u64(), json["of"].as_u64()), (Some(6), Some(16)));
    assert_eq!(json["maps"].as_array().map(Vec::len), Some(12));
    assert_eq!(json["models"][0]["figures"]["area50"]["n"].as_u64(), Some(6));
    let pair = &json["pairs"][0];
    assert_eq!((pair["figure"].as_str(), pair["test"]["n"].as_u64()), (Some("area50"), Some(6)));
    // A run can be stopped, and what was there is not taken for whole.
    look(&mut stage, |view| view.local_samples = 16);
    stage.window().run(Command::Why(WhyCommand::Measure));
    let mut job = None;
    for _ in 0..500 {
        stage.harness.step();
        job = stage.window().state.jobs.iter().find(|job| job.title.starts_with("Measuring")).map(|job| job.id);
        if job.is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    stage.run(Command::Cancel(job.expect("the job is on the list")));
    stage.settle();
    let local = &stage.window().state.why.local;
    assert!(!local.running && local.stopped && local.measured().count() < 2);
}

#[test]
fn without_a_model_it_asks_for_one() {
    let mut stage = Stage::new();
    stage.run(Command::Act(Action::ShowWhy));
    assert!(stage.sees("Which model shall explain itself?"));
    stage.click("Choose a model");
    stage.click("demo-shop");
    assert_eq!(stage.window().state.why.columns.len(), 1);
    assert!(stage.sees("Map by Demo shop (24 leaves) of sample 0"));
    // Seven of the eight have a picture.
    assert_eq!(stage.window().state.why.rows.samples.len(), 7);
    assert_eq!(stage.window().state.why.view.page, Page::Matrix);
    // Where the system has no dialog of its own, the path is typed.
    stage.run(Command::Dialog(Some(Dialog::SaveWhy { path: "~/x.npy".to_owned(), what: Export::Maps(1) })));
    assert!(stage.sees("The raw maps as an array of f32, [rows, height, width]."));
}

#[test]
fn moving_on_leaves_stale_maps_undone() {
    let mut stage = opened();
    let before = cells(&mut stage).0;
    // Many requests at once: each replaces the one before, and only the last one's rows have to be there in the end.
    for first in 0..14 {
        stage.window().run(Command::Why(WhyCommand::Visible(first..first + 2)));
    }
    stage.settle();
    let state = &stage.window().state;
    let last: Vec<_> =
        [13, 14].map(|id| state.population.sample_ref(shopscope::base::SampleId(id))).into_iter().collect();
    for recipe in state.why.recipes() {
        assert!(last.iter().all(|sample| matches!(state.why.cell(&recipe, *sample), Some(Ok(_)))));
    }
    assert!(cells(&mut stage).0 > before);
}

#[test]
fn a_cut_between_datasets_is_learned_once_there_are_features() {
    let mut stage = opened();
    let roots: Vec<PathBuf> =
        stage.window().state.population.datasets.iter().map(|open| open.source.root.clone()).collect();
    let aim = Aim::Head { positive: roots[1].clone(), negative: roots[0].clone() };
    let mut changed = recipe(&mut stage, 2);
    changed.aim = aim;
    edit(&mut stage, Edit::Change(2, changed));
    assert!(stage.harness.query_all_by_label_contains("there are no features").next().is_some());
    stage.click("Extract features …");
    assert_eq!(stage.window().state.dialog, Some(Dialog::Models));
    stage.run(Command::Model(ModelCommand::Look("demo-shop".to_owned())));
    stage.run(Command::Model(ModelCommand::Extract));
    let why = &stage.window().state.why;
    let recipe = why.recipe(2).expect("maps").clone();
    let head = why.made[&recipe].clone().expect("an explainer").head.expect("it was learned");
    assert!(head.starts_with("demo-shop, not demo-scenes: a straight cut"), "{head}");
    // The two are told apart: most pictures of the shop lie on its side.
    let state = &stage.window().state;
    let on_side = |dataset: u32| {
        let cells = state.why.cells.iter().filter(|((other, sample), _)| *other == recipe && sample.dataset == dataset);
        cells.filter_map(|(_, cell)| cell.as_ref().ok()).map(|cell| cell.explanation.probability).collect::<Vec<f32>>()
    };
    let scenes = on_side(state.population.datasets[0].uid);
    assert!(!scenes.is_empty() && scenes.iter().filter(|p| **p < 0.5).count() * 2 > scenes.len(), "{scenes:?}");
}
