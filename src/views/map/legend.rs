//! What the colours mean, with counts: a click hides, a double click leaves only one.

use egui::{
    Align2, Color32, Rect, RichText, ScrollArea, Sense, TextStyle, Ui, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::INNER;
use crate::app::State;
use crate::app::map::MapView;
use crate::app::map::colour::{Entry, Ink, Legend};
use crate::app::panels::text;
use crate::views::icons;
use crate::views::theme::{self, radius, space, tokens};
use crate::views::widgets::{elided, focus_ring, font};

/// The colour of an entry.
pub(super) fn color_of(ui: &Ui, ink: Ink) -> Color32 {
    let colors = tokens(ui);
    match ink {
        Ink::Dataset(place) => theme::dataset_color(place),
        Ink::Name(rank) => theme::category_color(rank),
        Ink::Value(value) => theme::scale_color(value),
        Ink::Other => colors.text_faint,
        Ink::None => colors.text_disabled,
    }
}

/// The panel.
pub(super) fn legend_ui(ui: &mut Ui, state: &State, view: &mut MapView) {
    let map = &state.map;
    egui::Frame::new().inner_margin(egui::Margin::same(INNER as i8)).show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        ui.horizontal(|ui| {
            ui.label(RichText::new(map.view.colour.label()).text_style(theme::strong()).size(theme::all().text.small));
            if !map.view.off.is_empty() {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let all = ui.add(
                        egui::Button::new(RichText::new("Show all").text_style(TextStyle::Small))
                            .frame_when_inactive(false),
                    );
                    if all.clicked() {
                        view.off.clear();
                    }
                });
            }
        });
        ui.add_space(space::S4);
        ScrollArea::vertical().id_salt("legend").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let legend = &map.legend;
            for (i, entry) in legend.entries.iter().enumerate() {
                let matching = map.matching.get(i).copied().unwrap_or(entry.samples);
                entry_ui(ui, entry, matching, map.view.off.contains(&entry.label), legend, view);
            }
        });
    });
}

fn entry_ui(ui: &mut Ui, entry: &Entry, matching: u64, off: bool, legend: &Legend, view: &mut MapView) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, !off, format!("Legend {}", entry.label)));
    let colors = tokens(ui);
    if response.hovered() {
        ui.painter().rect_filled(rect, radius::CONTROL, colors.hover);
    }
    let color = color_of(ui, entry.ink);
    let dot = pos2(rect.left() + 9.0, rect.center().y);
    if off {
        ui.painter().circle_stroke(dot, 4.0, egui::Stroke::new(1.5, colors.text_disabled));
    } else {
        ui.painter().circle_filled(dot, 5.0, color);
    }
    let count = if matching == entry.samples {
        text::count(matching)
    } else {
        format!("{} / {}", text::count(matching), text::count(entry.samples))
    };
    let small = font(ui, TextStyle::Small);
    let counted = ui.painter().text(
        pos2(rect.right() - space::S4, rect.center().y),
        Align2::RIGHT_CENTER,
        count,
        small.clone(),
        if off { colors.text_disabled } else { colors.text_faint },
    );
    let text_color = if off { colors.text_disabled } else { colors.text };
    let left = rect.left() + 20.0;
    let galley = elided(ui, &entry.label, small, text_color, (counted.left() - space::S8 - left).max(8.0), 1);
    let place = Rect::from_min_size(pos2(left, rect.center().y - galley.size().y / 2.0), galley.size());
    ui.painter().galley(place.min, galley, text_color);
    focus_ring(ui, &response);
    let eye = if off { icons::EYE_SLASH } else { icons::EYE };
    let response =
        response.on_hover_text(format!("{}\n{eye}  Click hides or shows, double click leaves only this", entry.label));
    // The second click of a double click has hidden and shown it again by then.
    if response.double_clicked() {
        view.isolate(&entry.label, legend);
    } else if response.clicked() {
        view.toggle(&entry.label);
    }
}
