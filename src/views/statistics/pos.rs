//! Words by part of speech.

use egui::{Ui, WidgetInfo, accesskit::Role};

use super::{Paint, chart_height, facts_ui, plot, table_ui};
use crate::analysis::text::tagger::Tag;
use crate::app::panels::statistics::tag_name;
use crate::app::statistics::StatisticsView;
use crate::views::Commands;
use crate::views::widgets::tab_button;

/// The four of the paper's Table 3; the rest is in a menu.
const FIRST: [Tag; 4] = [Tag::Noun, Tag::Propn, Tag::Adj, Tag::Verb];

/// The page.
pub fn pos_ui(ui: &mut Ui, paint: &Paint, view: &mut StatisticsView, out: &mut Commands) {
    ui.horizontal(|ui| {
        for tag in FIRST {
            if tab_button(ui, tag_name(tag), view.tag == tag).clicked() {
                view.tag = tag;
            }
        }
        let other = if FIRST.contains(&view.tag) { "Others" } else { tag_name(view.tag) };
        egui::ComboBox::from_id_salt("tag")
            .selected_text(other)
            .width(120.0)
            .show_ui(ui, |ui| {
                for tag in Tag::ALL.into_iter().filter(|tag| !FIRST.contains(tag)) {
                    ui.selectable_value(&mut view.tag, tag, tag_name(tag));
                }
            })
            .response
            .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Other parts of speech"));
    });
    facts_ui(ui, paint);
    plot::chart_ui(ui, paint, chart_height(ui), out);
    table_ui(ui, paint, view, out);
}
