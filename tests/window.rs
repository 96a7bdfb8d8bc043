//! Flows through the window, found by accessible labels: open, filter, search, select, inspect, tag,
//! undo. The real jobs run behind it; nothing is mocked.

#[path = "support/stage.rs"]
mod stage;
mod support;

use std::time::{Duration, Instant};

use egui::{Key, Modifiers, accesskit::Role, vec2};
use egui_kittest::{Harness, kittest::Queryable};
use shopscope::app::launch::WindowOptions;
use shopscope::app::state::{Dialog, Screen};
use shopscope::app::{Action, Command};
use shopscope::views::window::Window;
use stage::Stage;
use support::{SHOP, write_shard};

#[test]
fn opens_a_folder_and_shows_its_samples() {
    let mut stage = Stage::new();
    assert_eq!(stage.window().state.screen, Screen::Explore);
    assert_eq!(stage.matching(), 8);
    for caption in ["red wool scarf", "glass mug", "a mug nobody photographed"] {
        assert!(stage.sees(caption), "{caption} is in the grid");
    }
    assert!(stage.sees("8 samples"), "the count stands in the top bar");
    assert!(stage.sees("Copy key"), "the inspector shows the first sample");
}

#[test]
fn the_taxonomy_filters_and_ctrl_adds() {
    let mut stage = Stage::new();
    // Clothing and Kitchen hold half each: neither opens by itself.
    stage.click("Open Clothing");
    stage.click("Scarves");
    assert_eq!(stage.matching(), 2);
    assert!(!stage.sees("glass mug"), "what does not match is gone");
    stage.click_with("Kitchen", Modifiers::COMMAND);
    assert_eq!(stage.matching(), 6, "ctrl joins the alternatives");
    stage.click("Kitchen");
    assert_eq!(stage.matching(), 4, "a plain click replaces them");
    stage.click("Kitchen");
    assert_eq!(stage.matching(), 8, "a second click takes the filter away");
}

#[test]
fn search_narrows_and_says_what_it_cannot_read() {
    let mut stage = Stage::new();
    stage.press(Modifiers::COMMAND, Key::F);
    stage.harness.get_by_label("Search captions, leaves, keys").type_text("blue");
    stage.settle();
    assert_eq!(stage.matching(), 2);
    assert!(stage.sees("2 of 8"));
    stage.run(Command::Search("\"wool scarf".to_owned()));
    assert!(stage.window().state.search_error.is_some(), "an open quote is told, not searched");
    assert_eq!(stage.matching(), 2, "the last good answer stays");
    stage.run(Command::Search("\"wool scarf\"".to_owned()));
    assert_eq!(stage.matching(), 2);
    stage.run(Command::Search("mug NOT blue".to_owned()));
    assert_eq!(stage.matching(), 3);
    stage.click("Clear the search");
    assert_eq!(stage.matching(), 8);
}

#[test]
fn clicks_select_as_they_should() {
    let mut stage = Stage::new();
    stage.click_cell("red wool scarf", Modifiers::NONE);
    assert_eq!(stage.selected(), [0]);
    stage.click_cell("leather jacket", Modifiers::SHIFT);
    assert_eq!(stage.selected(), [0, 1, 2, 3], "Shift adds the range");
    stage.click_cell("green rain jacket", Modifiers::COMMAND);
    assert_eq!(stage.selected(), [0, 1, 3], "Ctrl takes out");
    stage.click_cell("blue wool scarf, long", Modifiers::COMMAND | Modifiers::SHIFT);
    assert_eq!(stage.selected(), [1], "both intersect with the range from the last plain or Ctrl click");
    stage.press(Modifiers::NONE, Key::Escape);
    assert!(stage.selected().is_empty());
    stage.press(Modifiers::COMMAND, Key::A);
    assert_eq!(stage.selected().len(), 8);
    stage.press(Modifiers::COMMAND, Key::Z);
    assert!(stage.selected().is_empty(), "undo brings the empty selection back");
}

#[test]
fn arrows_move_and_the_inspector_follows() {
    let mut stage = Stage::new();
    stage.click_cell("red wool scarf", Modifiers::NONE);
    stage.press(Modifiers::NONE, Key::ArrowRight);
    stage.press(Modifiers::NONE, Key::ArrowRight);
    assert_eq!(stage.selected(), [2]);
    assert!(stage.sees("Brand Vela"), "the inspector shows the third sample");
    stage.click("Brand Vela");
    assert_eq!(stage.matching(), 1, "a fact of the inspector is a filter");
    stage.press(Modifiers::COMMAND, Key::Backspace);
    assert_eq!(stage.matching(), 8);
    stage.press(Modifiers::NONE, Key::End);
    assert_eq!(stage.selected(), [7]);
    assert!(stage.sees("Picture"));
}

#[test]
fn chips_can_be_switched_off_removed_and_undone() {
    let mut stage = Stage::new();
    stage.run(Command::FilterText("brand is null".to_owned()));
    assert_eq!(stage.matching(), 3);
    stage.click("Filter brand is null");
    assert_eq!(stage.matching(), 8, "switched off");
    stage.click("Filter brand is null");
    stage.click("Remove filter brand is null");
    assert_eq!(stage.matching(), 8);
    stage.click("Undo");
    assert_eq!(stage.matching(), 3);
    stage.click("Redo");
    assert_eq!(stage.matching(), 8);
}

#[test]
fn tags_are_kept_with_the_catalog() {
    let mut stage = Stage::new();
    stage.click_cell("ceramic mug", Modifiers::NONE);
    stage.press(Modifiers::NONE, Key::T);
    assert!(matches!(stage.window().state.dialog, Some(Dialog::Tag(_))));
    stage.harness.get_by_role_and_label(Role::TextInput, "Tag").type_text("keep");
    stage.settle();
    stage.harness.get_by_role_and_label(Role::Button, "Tag").click();
    stage.settle();
    assert_eq!(stage.window().state.population.tags.len(), 1);
    stage.run(Command::FilterText("tag = keep".to_owned()));
    assert_eq!(stage.matching(), 1);
    let dir = stage.dir.path().to_owned();
    stage.run(Command::Act(Action::CloseAll));
    assert_eq!(stage.window().state.screen, Screen::Welcome);
    stage.run(Command::Open(vec![dir.join("shop")], shopscope::formats::FieldMap::default()));
    assert_eq!(stage.window().state.population.tags[0].0, "keep", "the tag is there when it is opened again");
}

#[test]
fn views_are_saved_and_applied() {
    let mut stage = Stage::new();
    stage.run(Command::FilterText("words >= 3".to_owned()));
    let narrowed = stage.matching();
    assert!(narrowed < 8);
    stage.run(Command::SaveView("long captions".to_owned()));
    stage.press(Modifiers::COMMAND, Key::Backspace);
    assert_eq!(stage.matching(), 8);
    stage.run(Command::Act(Action::ManageViews));
    stage.run(Command::ApplyView("long captions".to_owned()));
    assert_eq!(stage.matching(), narrowed);
}

#[test]
fn two_datasets_are_one_population_and_ids_move_with_them() {
    let mut stage = Stage::open(|dir| {
        write_shard(&dir.join("one/00000.tar"), &SHOP[..5]);
        write_shard(&dir.join("two/00000.tar"), &SHOP[5..]);
        vec![dir.join("one"), dir.join("two")]
    });
    assert_eq!(stage.matching(), 8);
    stage.click_cell("glass mug", Modifiers::NONE);
    assert_eq!(stage.selected(), [6]);
    let root = stage.window().state.population.datasets[0].source.root.clone();
    stage.run(Command::Close(root));
    assert_eq!(stage.matching(), 3);
    assert_eq!(stage.selected(), [1], "the selection follows its sample");
    assert!(stage.sees("glass mug"));
}

#[test]
fn a_changed_shard_is_read_again() {
    let mut stage = Stage::new();
    let shard = stage.dir.path().join("shop/00001.tar");
    std::thread::sleep(Duration::from_millis(20));
    write_shard(&shard, &SHOP[5..7]);
    stage.press(Modifiers::COMMAND, Key::R);
    assert_eq!(stage.matching(), 7);
    assert!(!stage.sees("a mug nobody photographed"));
}

#[test]
fn the_palette_finds_commands_leaves_and_filters() {
    let mut stage = Stage::new();
    stage.press(Modifiers::COMMAND, Key::K);
    stage.harness.get_by_label("Command palette").type_text("Scarv");
    stage.settle();
    stage.press(Modifiers::NONE, Key::Enter);
    assert_eq!(stage.matching(), 2);
    stage.press(Modifiers::COMMAND, Key::K);
    stage.harness.get_by_label("Command palette").type_text("words >= 4");
    stage.settle();
    stage.press(Modifiers::NONE, Key::Enter);
    assert_eq!(stage.matching(), 1, "a filter expression can be typed there");
}

#[test]
fn nothing_matches_has_a_way_out() {
    let mut stage = Stage::new();
    stage.run(Command::FilterText("words > 1000".to_owned()));
    assert_eq!(stage.matching(), 0);
    assert!(stage.sees("Nothing matches."));
    stage.harness.get_all_by_label("Clear all filters").last().expect("the button in the middle").click();
    stage.settle();
    assert_eq!(stage.matching(), 8);
}

#[test]
fn the_open_dialog_says_what_is_there_and_maps_columns() {
    let mut stage = Stage::open(|dir| {
        std::fs::write(dir.join("rows.csv"), "sku,words,maker\na1,red scarf,Nord\na2,blue mug,Kiln\n").expect("a file");
        Vec::new()
    });
    assert_eq!(stage.window().state.screen, Screen::Welcome);
    let file = stage.dir.path().join("rows.csv");
    stage.run(Command::Look(file.display().to_string()));
    let Some(Dialog::Open(dialog)) = &stage.window().state.dialog else { panic!("the open dialog is there") };
    let Some(Ok(found)) = &dialog.found else { panic!("it found {:?}", dialog.found) };
    assert_eq!(found.len(), 1);
    let columns: Vec<_> = found[0].columns.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(columns, ["sku", "words", "maker"]);
    let map = [
        (shopscope::formats::Field::Caption, "words".to_owned()),
        (shopscope::formats::Field::Brand, "maker".to_owned()),
    ];
    stage.run(Command::Open(vec![file], shopscope::formats::FieldMap(map.into_iter().collect())));
    assert_eq!(stage.matching(), 2);
    assert!(stage.sees("red scarf"), "the mapped caption stands on the card");
    stage.run(Command::Look("/nowhere/at/all".to_owned()));
    assert!(stage.harness.query_by_label_contains("nothing is there").is_some(), "a wrong path is told in a sentence");
}

#[test]
fn every_action_does_something_or_is_faint() {
    for action in Action::ALL {
        if matches!(action, Action::Quit | Action::OpenDemo | Action::FullScreen | Action::FocusSearch) {
            // They close the window, draw 4,000 pictures, ask the window system; the search has its own test.
            continue;
        }
        let mut stage = Stage::new();
        stage.click_cell("red wool scarf", Modifiers::NONE);
        stage.run(Command::FilterText("words >= 1".to_owned()));
        stage.run(Command::Act(Action::Undo));
        let before = format!("{:?}", facts(&stage.window().state));
        if !action.enabled(&stage.window().state) {
            continue;
        }
        stage.run(Command::Act(action));
        let after = format!("{:?}", facts(&stage.window().state));
        assert_ne!(before, after, "{action:?} changes nothing that one could see");
    }
}

/// What a user could see of an action's effect.
fn facts(state: &shopscope::app::State) -> impl std::fmt::Debug {
    (
        (state.screen, state.lens, state.dialog.is_some(), state.large, state.focus, state.selection.clone()),
        (state.settings.clone(), state.chips.len(), state.result.matching.clone(), state.generation),
        (state.len(), state.log.len(), state.focus_search, state.population.datasets.first().map(|open| open.uid)),
    )
}

#[test]
fn both_themes_draw_on_the_software_adapter() {
    let Some(data) = support::shared_data() else { return };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let options = WindowOptions {
        paths: vec![data.join("lgs-mini"), data.join("imagenet-mini")],
        catalog_dir: Some(dir.path().to_owned()),
        default_settings: true,
        ..WindowOptions::default()
    };
    let mut harness = Harness::builder()
        .with_size(vec2(1280.0, 800.0))
        .with_context_setup(shopscope::views::theme::install)
        .wgpu()
        .build_ui_state(
            move |ui, window: &mut Option<Window>| {
                window.get_or_insert_with(|| Window::new(ui.ctx(), options.clone())).frame(ui);
            },
            None,
        );
    let mut shots = Vec::new();
    for theme in [egui::Theme::Dark, egui::Theme::Light] {
        let until = Instant::now() + Duration::from_mins(2);
        let mut quiet = 0;
        while quiet < 3 && Instant::now() < until {
            harness.step();
            let window = harness.state_mut().as_mut().expect("a frame was run");
            let choice = match theme {
                egui::Theme::Dark => shopscope::app::settings::ThemeChoice::Dark,
                egui::Theme::Light => shopscope::app::settings::ThemeChoice::Light,
            };
            let settings = shopscope::app::settings::Settings { theme: choice, ..window.state.settings.clone() };
            window.run(Command::Settings(settings));
            quiet = if window.busy() { 0 } else { quiet + 1 };
            std::thread::sleep(Duration::from_millis(3));
        }
        assert_eq!(harness.state().as_ref().map(|window| window.state.len()), Some(4275));
        shots.push(harness.render().expect("the software adapter draws: install mesa-vulkan-drivers"));
    }
    let mean = |image: &image::RgbaImage| {
        image.pixels().map(|pixel| u64::from(pixel[0])).sum::<u64>() as f64 / f64::from(image.width() * image.height())
    };
    let (dark, light) = (mean(&shots[0]), mean(&shots[1]));
    assert!(light > dark + 60.0, "light ({light:.0}) and dark ({dark:.0}) differ");
    // The middle of the grid shows pictures: many colours, not one ground.
    let colors: std::collections::HashSet<_> = (300..900)
        .step_by(3)
        .flat_map(|x| (120..700).step_by(3).map(move |y| (x, y)))
        .map(|(x, y)| shots[0].get_pixel(x, y).0)
        .collect();
    assert!(colors.len() > 2000, "only {} colours in the grid", colors.len());
}
