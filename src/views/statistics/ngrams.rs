//! n-grams of one to three words.

use egui::Ui;

use super::{Paint, chart_height, facts_ui, plot, table_ui};
use crate::app::statistics::StatisticsView;
use crate::views::Commands;
use crate::views::widgets::tab_button;

/// The page.
pub fn ngrams_ui(ui: &mut Ui, paint: &Paint, view: &mut StatisticsView, out: &mut Commands) {
    let orders = paint.counted.report.datasets.first().map_or(0, |group| group.ngrams.len());
    ui.horizontal(|ui| {
        for n in 1..=orders {
            let name = if n == 1 { "1 word".to_owned() } else { format!("{n} words") };
            if tab_button(ui, &name, view.order == n).clicked() {
                view.order = n;
            }
        }
    });
    facts_ui(ui, paint);
    plot::chart_ui(ui, paint, chart_height(ui), out);
    table_ui(ui, paint, view, out);
}
