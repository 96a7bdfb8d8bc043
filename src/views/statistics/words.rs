//! Words: how long captions are, and which words they are made of.

use egui::Ui;

use super::{Paint, chart_height, facts_ui, plot, table_ui};
use crate::app::statistics::StatisticsView;
use crate::views::Commands;

/// The page.
pub fn words_ui(ui: &mut Ui, paint: &Paint, view: &mut StatisticsView, out: &mut Commands) {
    facts_ui(ui, paint);
    plot::chart_ui(ui, paint, chart_height(ui), out);
    table_ui(ui, paint, view, out);
}
