//! Keys and the search and filter languages on one page.

use egui::{RichText, ScrollArea, Ui};

use crate::app::Action;
use crate::app::action::Menu;
use crate::views::Commands;
use crate::views::theme::{self, space};
use crate::views::widgets::faint;

const MOUSE: [(&str, &str); 6] = [
    ("Click", "select one picture"),
    ("Shift + click", "add up to the clicked one"),
    ("Ctrl + click", "take out, or put in"),
    ("Drag", "select by rectangle; Shift adds, Ctrl subtracts, both intersect"),
    ("Double click", "large picture; wheel zooms, drag pans"),
    ("Ctrl + wheel", "picture size in the grid"),
];

const SEARCH: [(&str, &str); 5] = [
    ("red dress", "both words, anywhere in the texts"),
    ("\"little black dress\"", "the phrase"),
    ("sneak*", "words that begin so"),
    ("boots NOT leather", "AND, OR, NOT, ( )"),
    ("title:linen", "one column: title, description, caption, brand, bullets, taxonomy, key"),
];

const FILTER: [(&str, &str); 6] = [
    ("leaf = \"Rings\"", "also brand, dataset, split; != and in (\"a\", \"b\"); ~ contains"),
    ("taxonomy under \"Clothing > Shirts\"", "a node and all below it"),
    ("words >= 20 and width < 300", "also height, side, pixels, aspect, bytes"),
    ("brand is null", "or is not null"),
    ("predicted = \"dress\" and confidence >= 0.5", "the active model; class = \"dress\" is its own, correct = no"),
    ("tag = keep or not (unreadable)", "tags and quality flags"),
];

/// The body of the dialog.
pub fn help_ui(ui: &mut Ui, _out: &mut Commands) {
    ScrollArea::vertical().max_height(560.0).show(ui, |ui| {
        ui.columns(2, |columns| {
            let ui = &mut columns[0];
            for menu in Menu::ALL {
                let actions: Vec<_> = Action::ALL
                    .into_iter()
                    .filter(|action| action.menu() == menu && !action.shortcuts().is_empty())
                    .map(|action| {
                        let keys: Vec<_> = action.shortcuts().iter().map(|keys| keys.label()).collect();
                        (keys.join(" or "), action.label())
                    })
                    .collect();
                if !actions.is_empty() {
                    table(ui, menu.label(), 150.0, actions.iter().map(|(keys, what)| (keys.as_str(), *what)));
                }
            }
            let ui = &mut columns[1];
            let arrows = [("Arrows, Page, Home, End", "move through the pictures; Shift extends the selection")];
            table(ui, "Grid", 120.0, arrows.into_iter());
            table(ui, "Mouse", 120.0, MOUSE.into_iter());
            table(ui, "Search field", 160.0, SEARCH.into_iter());
            table(ui, "Filter language (Ctrl+K, then type it)", 190.0, FILTER.into_iter());
        });
    });
}

fn table<'a>(ui: &mut Ui, title: &str, left_width: f32, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    ui.label(RichText::new(title).text_style(theme::strong()));
    ui.add_space(space::S4);
    for (left, right) in rows {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::S12;
            let keys = egui::Label::new(RichText::new(left).monospace()).wrap();
            ui.scope(|ui| {
                ui.set_width(left_width);
                ui.add(keys);
            });
            ui.add(egui::Label::new(faint(ui, right)).wrap());
        });
    }
    ui.add_space(space::S12);
}
