//! The statistics lens through the window: what is counted, what stands beside it, and where clicks lead.

#[path = "support/stage.rs"]
mod stage;
mod support;

use egui::{Key, Modifiers, accesskit::Role};
use egui_kittest::kittest::Queryable;
use shopscope::analysis::text::report::TextField;
use shopscope::app::chips::Facet;
use shopscope::app::panels::statistics::page;
use shopscope::app::panels::statistics::table::Cell;
use shopscope::app::state::{Dialog, Lens};
use shopscope::app::statistics::{Beside, LeafView, Tab};
use shopscope::app::{Action, Command};
use stage::Stage;
use support::{SHOP, write_shard};

impl Stage {
    /// Changes how statistics are looked at.
    fn look(&mut self, change: impl FnOnce(&mut shopscope::app::statistics::StatisticsView)) {
        let mut view = self.window().state.statistics.view.clone();
        change(&mut view);
        self.run(Command::Statistics(Box::new(view)));
    }

    /// The first table of the page, a line a row, as it would be copied.
    fn table(&mut self) -> Vec<String> {
        let statistics = &self.window().state.statistics;
        let counted = statistics.counted.as_ref().expect("something is counted");
        let page = page(counted, &statistics.view);
        let table = &page.tables[0];
        let rows = table.view(&statistics.view.find, statistics.view.sort());
        table.tsv(&rows).lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_word_becomes_a_filter_and_the_grid_shows_its_images() {
    let mut stage = Stage::new();
    stage.click("Statistics");
    assert_eq!(stage.window().state.lens, Lens::Statistics);
    assert!(stage.sees("Chart: Words of a caption"), "a small population is counted at once");
    assert_eq!(
        stage.table()[..3],
        ["word\tcount\tshare", "mug\t4\t0.17391304347826086", "blue\t2\t0.08695652173913043"]
    );
    stage.click("Show mug");
    let state = &stage.window().state;
    assert_eq!(state.lens, Lens::Grid);
    assert_eq!(state.chips.iter().map(|chip| chip.facet).collect::<Vec<_>>(), [Facet::Search]);
    assert_eq!(stage.matching(), 4, "as many captions as the table said");
    assert!(stage.sees("glass mug") && !stage.sees("leather jacket"));
    // Back there, what is filtered stands beside the whole.
    stage.press(Modifiers::COMMAND, Key::Num2);
    assert_eq!(stage.table()[0], "word\tfiltered\tfiltered, share\tshop\tshop, share");
    assert!(
        stage.table().contains(&"mug\t4\t0.36363636363636365\t4\t0.17391304347826086".to_owned()),
        "{:?}",
        stage.table()
    );
}

#[test]
fn a_selection_stands_beside_the_whole() {
    let mut stage = Stage::new();
    stage.click_cell("red wool scarf", Modifiers::NONE);
    stage.click_cell("blue wool scarf, long", Modifiers::COMMAND);
    stage.run(Command::Act(Action::ShowStatistics));
    let report = &stage.window().state.statistics.counted.as_ref().expect("it was counted").report.clone();
    let groups: Vec<_> = report.datasets.iter().map(|group| (group.name.as_str(), group.captions)).collect();
    assert_eq!(groups, [("selection", 2), ("shop", 8)]);
    assert!(stage.sees("Show wool"));
    stage.press(Modifiers::NONE, Key::Escape);
    let report = &stage.window().state.statistics.counted.as_ref().expect("it was counted").report.clone();
    assert_eq!(report.datasets.len(), 1, "without a selection only the whole is left");
}

#[test]
fn datasets_stand_side_by_side() {
    let mut stage = Stage::open(|dir| {
        write_shard(&dir.join("one/00000.tar"), &SHOP[..4]);
        write_shard(&dir.join("two/00000.tar"), &SHOP[4..]);
        vec![dir.join("one"), dir.join("two")]
    });
    stage.run(Command::Lens(Lens::Statistics));
    stage.look(|view| view.beside = Beside::Datasets(1, 0));
    let report = &stage.window().state.statistics.counted.as_ref().expect("it was counted").report.clone();
    let groups: Vec<_> = report.datasets.iter().map(|group| (group.name.as_str(), group.captions)).collect();
    assert_eq!(groups, [("two", 4), ("one", 4)]);
    // The leaves of each level, with the nodes of both.
    stage.look(|view| {
        view.tab = Tab::Leaves;
        view.level = Some(0);
    });
    assert_eq!(stage.table()[1..], ["Kitchen\t4\t1\t0\t0", "Clothing\t0\t0\t4\t1"]);
    let root = stage.window().state.population.datasets[1].source.root.clone();
    stage.run(Command::Close(root));
    let report = &stage.window().state.statistics.counted.as_ref().expect("it was counted").report.clone();
    assert_eq!(report.datasets.len(), 1, "what is left is counted alone");
}

#[test]
fn every_page_has_something_to_click() {
    let mut stage = Stage::new();
    stage.run(Command::Lens(Lens::Statistics));
    for tab in Tab::ALL {
        stage.harness.get_by_role_and_label(Role::Tab, tab.label()).click();
        stage.settle();
        assert_eq!(stage.window().state.statistics.view.tab, tab);
    }
    assert!(stage.sees("LGS in the paper"));
    stage.harness.get_by_role_and_label(Role::Tab, "n-grams").click();
    stage.settle();
    stage.click("3 words");
    assert!(stage.sees("Show blue wool scarf"), "{:?}", stage.table());
    stage.click("2 words");
    stage.click("Show wool scarf");
    assert_eq!(stage.matching(), 2);
    stage.run(Command::Act(Action::ClearFilters));
    stage.run(Command::Lens(Lens::Statistics));
    stage.click("Leaves");
    stage.click("Treemap");
    stage.click("Tile Mugs");
    assert_eq!(stage.matching(), 4);
    assert_eq!(stage.window().state.chips[0].facet, Facet::Leaf);
    stage.run(Command::Act(Action::ClearFilters));
    stage.run(Command::Lens(Lens::Statistics));
    stage.click("Tree");
    assert_eq!(stage.window().state.statistics.view.leaf_view, LeafView::Tree);
    assert_eq!(stage.table()[1..3], ["Clothing\t4\t0.5", "    Jackets\t2\t0.25"]);
    stage.click("Show Jackets");
    assert_eq!(stage.matching(), 2);
}

#[test]
fn tables_sort_find_and_are_copied() {
    let mut stage = Stage::new();
    stage.run(Command::Lens(Lens::Statistics));
    stage.click("Sort by word");
    assert_eq!(stage.table()[1].split('\t').next(), Some("a"));
    stage.click("Sort by word");
    assert_eq!(stage.table()[1].split('\t').next(), Some("wool"));
    stage.click("Find in the table");
    stage.harness.get_by_label("Find in the table").type_text("jack");
    stage.settle();
    assert_eq!(stage.table().len(), 2);
    assert!(stage.sees("Show jacket") && !stage.sees("Show wool"));
    stage.harness.get_by_label("Copy Words as TSV").click();
    // It is copied at the end of the frame in which the click arrives, or of the next.
    let copied = (0..3).find_map(|_| {
        stage.harness.step();
        stage.harness.output().platform_output.commands.iter().find_map(|command| match command {
            egui::OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        })
    });
    assert_eq!(copied.as_deref(), Some("word\tcount\tshare\njacket\t2\t0.08695652173913043\n"));
}

#[test]
fn what_is_missing_is_said_with_a_way_out() {
    let mut stage = Stage::open(|dir| {
        std::fs::write(dir.join("rows.csv"), "id,title\n1,red scarf\n2,blue mug\n").expect("a file");
        vec![dir.join("rows.csv")]
    });
    stage.run(Command::Lens(Lens::Statistics));
    stage.look(|view| view.text = TextField::Bullets);
    assert!(stage.sees("No sample has bullets."));
    assert_eq!(
        stage.window().state.statistics.counted.as_ref().expect("it was counted").report.datasets[0].captions,
        0
    );
    stage.click("Leaves");
    assert!(!stage.sees("No sample has bullets."), "leaves need no text");
    stage.click("Words");
    stage.click("Count captions instead");
    assert_eq!(stage.window().state.statistics.view.text, TextField::Caption);
}

#[test]
fn a_large_population_waits_for_the_button() {
    let mut stage = Stage::new();
    stage.window().state.statistics.automatic_limit = 7;
    stage.run(Command::Lens(Lens::Statistics));
    assert!(stage.sees("Nothing is counted yet."));
    assert!(stage.window().state.statistics.counted.is_none());
    stage.click("Count");
    assert!(stage.sees("Show mug"));
    stage.run(Command::FilterText("taxonomy under \"Kitchen\"".to_owned()));
    assert!(stage.sees("Show wool"), "the old counts stay");
    stage.click("Count again");
    assert_eq!(stage.window().state.statistics.counted.as_ref().expect("it was counted").report.datasets.len(), 2);
    assert!(!stage.sees("Count again"));
}

#[test]
fn a_table_is_written_beside_the_data_but_not_into_it() {
    let mut stage = Stage::new();
    let good = stage.dir.path().join("words.csv");
    let bad = stage.dir.path().join("shop/words.csv");
    for path in [&good, &bad] {
        let bytes = std::sync::Arc::new(b"word,count\n".to_vec());
        stage.run(Command::WriteFile { path: path.clone(), bytes });
    }
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while stage.window().state.log.len() < 2 && std::time::Instant::now() < until {
        stage.settle();
    }
    assert_eq!(std::fs::read_to_string(&good).expect("it was written"), "word,count\n");
    assert!(!bad.exists(), "nothing is written into a dataset");
    let said: Vec<_> = stage.window().state.log.iter().map(|notice| notice.text.clone()).collect();
    assert!(said.iter().any(|text| text.contains("choose a place outside")), "{said:?}");
}

#[test]
fn charts_are_exported_as_drawings_and_pictures() {
    // Where a desktop answers, its own dialog would open and wait for a person.
    if ["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"].iter().any(|name| std::env::var_os(name).is_some()) {
        println!("left out: the desktop would ask for a file");
        return;
    }
    for (entry, ending) in [("Chart as PNG …", "png"), ("Chart as SVG …", "svg"), ("Table as CSV …", "csv")] {
        let mut stage = Stage::new();
        stage.click("Statistics");
        stage.click("Export tables and chart");
        stage.click(entry);
        let Some(Dialog::SaveFile { path, bytes }) = stage.window().state.dialog.clone() else {
            panic!("{entry} asks for a file")
        };
        assert!(path.starts_with("~/words-") && path.ends_with(ending), "{path}");
        let file = stage.dir.path().join(format!("chart.{ending}"));
        let typed = Dialog::SaveFile { path: file.display().to_string(), bytes: bytes.clone() };
        stage.run(Command::Dialog(Some(typed)));
        stage.harness.get_by_role_and_label(Role::Button, "Save").click();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !file.exists() && std::time::Instant::now() < until {
            stage.settle();
        }
        assert_eq!(std::fs::read(&file).expect("the file was written"), *bytes);
        if ending == "png" {
            let picture = image::load_from_memory(&bytes).expect("a PNG").into_rgba8();
            assert_eq!(picture.dimensions(), (1920, 1080));
            let ground = *picture.get_pixel(2, 2);
            let drawn = picture.pixels().filter(|pixel| **pixel != ground).count();
            assert!(drawn > 20_000, "only {drawn} pixels are drawn on the ground");
        }
    }
}

#[test]
fn the_paper_page_has_the_paper_beside_us() {
    let Some(data) = support::shared_data() else { return };
    let mut stage = Stage::open(|_| vec![data.join("lgs-mini")]);
    stage.run(Command::Lens(Lens::Statistics));
    let statistics = &stage.window().state.statistics;
    let counted = statistics.counted.as_ref().expect("it was counted");
    let page = page(counted, &statistics.view.clone().on(Tab::Paper));
    assert_eq!(page.tables.len(), 4);
    let row = |table: usize, row: usize| &page.tables[table].rows[row].cells;
    assert_eq!(row(0, 2)[2..], [Cell::Paper("89.58".into()), Cell::Paper("10.56".into())]);
    assert_eq!(row(0, 1)[1], Cell::Count(96));
    assert!(matches!(&row(3, 0)[1], Cell::Text(five) if five.split(", ").count() == 5));
}
