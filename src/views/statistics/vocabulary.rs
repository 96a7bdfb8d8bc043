//! The shape of the vocabulary: Zipf's and Heaps' laws, and what two sides share.

use egui::Ui;

use super::{Paint, chart_height, plot, table_ui};
use crate::app::statistics::StatisticsView;
use crate::views::Commands;
use crate::views::widgets::tab_button;

/// The page.
pub fn vocabulary_ui(ui: &mut Ui, paint: &Paint, view: &mut StatisticsView, out: &mut Commands) {
    ui.horizontal(|ui| {
        for (growth, name) in [(false, "Frequency by rank"), (true, "Growth")] {
            if tab_button(ui, name, view.growth == growth).clicked() {
                view.growth = growth;
            }
        }
    });
    plot::chart_ui(ui, paint, chart_height(ui), out);
    table_ui(ui, paint, view, out);
}
