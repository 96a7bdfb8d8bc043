//! Leaves of the taxonomy, or a level above them: histogram, treemap, tree.

use egui::{Ui, WidgetInfo};

use super::{Paint, chart_height, facts_ui, plot, table_ui};
use crate::app::panels::statistics::levels;
use crate::app::statistics::{LeafView, StatisticsView};
use crate::views::Commands;
use crate::views::theme::space;
use crate::views::widgets::{faint, tab_button};

/// The page.
pub fn leaves_ui(ui: &mut Ui, paint: &Paint, view: &mut StatisticsView, out: &mut Commands) {
    let levels = levels(paint.counted);
    ui.horizontal(|ui| {
        let views = [(LeafView::Histogram, "Histogram"), (LeafView::Treemap, "Treemap"), (LeafView::Tree, "Tree")];
        for (leaf_view, name) in views {
            // A tree needs a taxonomy.
            if leaf_view == LeafView::Tree && levels == 0 {
                continue;
            }
            if tab_button(ui, name, view.leaf_view == leaf_view).clicked() {
                view.leaf_view = leaf_view;
            }
        }
        if levels > 1 {
            ui.add_space(space::S12);
            ui.label(faint(ui, "Level"));
            let mut level = view.level.map_or(levels, |level| level.min(levels));
            let before = level;
            let slider = egui::Slider::new(&mut level, 0..=levels).custom_formatter(move |value, _| {
                if value as u16 >= levels { "leaves".to_owned() } else { format!("{value:.0}") }
            });
            let response = ui.add(slider);
            response.widget_info(|| WidgetInfo::slider(true, f64::from(level), "Level of the taxonomy"));
            if level != before {
                view.level = (level < levels).then_some(level);
            }
        }
    });
    facts_ui(ui, paint);
    plot::chart_ui(ui, paint, chart_height(ui), out);
    table_ui(ui, paint, view, out);
}
