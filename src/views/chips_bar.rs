//! What is filtered, as chips; undo and redo at the right. The bar is always there, so that the grid
//! does not jump when the first chip comes.

use egui::{RichText, Ui, WidgetInfo, accesskit::Role};

use super::theme::{radius, space, tokens};
use super::widgets::{action_button, faint};
use super::{Commands, icons};
use crate::app::{Action, Command, State};

/// The bar.
pub fn chips_bar_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    ui.horizontal_centered(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            action_button(ui, state, out, icons::ARROW_U_UP_RIGHT, Action::Redo);
            action_button(ui, state, out, icons::ARROW_U_UP_LEFT, Action::Undo);
            if !state.chips.is_empty() {
                let clear = ui.add(egui::Button::new("Clear all").frame_when_inactive(false));
                clear.widget_info(|| WidgetInfo::labeled(Role::Button, true, Action::ClearFilters.label()));
                if clear.clicked() {
                    out.act(Action::ClearFilters);
                }
            }
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                if state.chips.is_empty() {
                    ui.label(faint(ui, format!("{}  No filters. Click in the side bar, or search.", icons::FUNNEL)));
                    return;
                }
                egui::ScrollArea::horizontal().id_salt("chips").show(ui, |ui| {
                    for (i, chip) in state.chips.iter().enumerate() {
                        chip_ui(ui, i, &chip.label(), chip.off, out);
                    }
                });
            });
        });
    });
}

fn chip_ui(ui: &mut Ui, i: usize, label: &str, off: bool, out: &mut Commands) {
    let colors = tokens(ui);
    let (fill, color) =
        if off { (colors.raised, colors.text_disabled) } else { (colors.selection, colors.text_strong) };
    egui::Frame::new().fill(fill).corner_radius(radius::CONTROL).inner_margin(egui::Margin::symmetric(6, 1)).show(
        ui,
        |ui| {
            ui.spacing_mut().item_spacing.x = space::S4;
            let shown: String = if label.chars().count() > 60 {
                label.chars().take(59).chain(['…']).collect()
            } else {
                label.to_owned()
            };
            let mut text = RichText::new(shown).color(color);
            if off {
                text = text.strikethrough();
            }
            let body = ui.add(egui::Label::new(text).selectable(false).sense(egui::Sense::click()));
            body.widget_info(|| WidgetInfo::selected(Role::Button, true, !off, format!("Filter {label}")));
            if body.on_hover_text(format!("{label}\nClick to switch it off or on")).clicked() {
                out.push(Command::SwitchChip(i));
            }
            let cross = ui.add(egui::Button::new(RichText::new(icons::X).size(11.0).color(color)).frame(false));
            cross.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Remove filter {label}")));
            if cross.on_hover_text("Remove this filter").clicked() {
                out.push(Command::RemoveChip(i));
            }
        },
    );
}
