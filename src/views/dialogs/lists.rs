//! Dialogs that are lists: problems, log, saved views.

use std::collections::BTreeMap;

use egui::{RichText, ScrollArea, Ui};

use crate::app::panels::text;
use crate::app::state::State;
use crate::app::{Action, Command};
use crate::base::WarningKind;
use crate::views::theme::{self, space, tokens};
use crate::views::widgets::{faint, icon_button};
use crate::views::{Commands, icons, toasts};

/// Rows listed a kind before "and N more".
const ROWS_A_KIND: usize = 50;

/// Warnings by dataset and kind.
pub fn problems_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    let total: usize = state.problems.iter().map(|(_, _, all)| all).sum();
    if total == 0 {
        ui.label(faint(ui, "None. Everything that was read so far was in order."));
        return;
    }
    ui.horizontal(|ui| {
        ui.label(faint(ui, format!("{}; all else was read.", text::plural(total as u64, "problem", "problems"))));
        if ui.button(format!("{}  Copy as text", icons::COPY)).clicked() {
            let mut lines = String::new();
            for (dataset, warnings, _) in &state.problems {
                for warning in warnings {
                    let place = [warning.shard.as_deref(), warning.key.as_deref()];
                    let place: Vec<_> = place.into_iter().flatten().collect();
                    lines.extend([dataset.as_str(), "\t", &place.join("\t"), "\t", &warning.message, "\n"]);
                }
            }
            out.push(Command::Copy(lines));
        }
    });
    ui.add_space(space::S8);
    ScrollArea::vertical().max_height(480.0).auto_shrink([false, true]).show(ui, |ui| {
        for (dataset, warnings, all) in &state.problems {
            if *all == 0 {
                continue;
            }
            ui.label(RichText::new(format!("{dataset}: {}", text::count(*all as u64))).text_style(theme::strong()));
            let mut by_kind: BTreeMap<WarningKind, Vec<_>> = BTreeMap::new();
            for warning in warnings {
                by_kind.entry(warning.kind).or_default().push(warning);
            }
            for (kind, list) in by_kind {
                ui.add_space(space::S4);
                let color = if kind.is_notice() { tokens(ui).text_faint } else { tokens(ui).warning };
                ui.label(RichText::new(format!("{}  {}", kind_words(kind), list.len())).color(color));
                for warning in list.iter().take(ROWS_A_KIND) {
                    ui.horizontal_wrapped(|ui| {
                        let place = [warning.shard.as_deref(), warning.key.as_deref()];
                        let place: Vec<_> = place.into_iter().flatten().collect();
                        ui.label(RichText::new(place.join(" · ")).monospace());
                        ui.label(&warning.message);
                    });
                }
                if list.len() > ROWS_A_KIND {
                    ui.label(faint(ui, format!("and {} more of this kind", list.len() - ROWS_A_KIND)));
                }
            }
            ui.add_space(space::S12);
        }
    });
}

/// A kind in words.
fn kind_words(kind: WarningKind) -> String {
    let json = serde_json::to_string(&kind).unwrap_or_default();
    json.trim_matches('"').replace('-', " ")
}

/// Past notices, newest first.
pub fn log_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    if state.log.is_empty() {
        ui.label(faint(ui, "Nothing was said yet."));
        return;
    }
    if ui.button(format!("{}  Copy as text", icons::COPY)).clicked() {
        let lines: Vec<_> =
            state.log.iter().map(|notice| format!("{:.1} s\t{}", notice.at_secs, notice.text)).collect();
        out.push(Command::Copy(lines.join("\n")));
    }
    ui.add_space(space::S8);
    ScrollArea::vertical().max_height(440.0).auto_shrink([false, true]).show(ui, |ui| {
        for notice in state.log.iter().rev() {
            ui.horizontal_wrapped(|ui| {
                let (icon, color) = toasts::face(ui, notice.level);
                ui.label(RichText::new(icon).color(color));
                ui.label(faint(ui, text::clock(notice.at_secs as u64)));
                ui.label(&notice.text);
            });
        }
    });
}

/// Saved views: click applies, the bin deletes.
pub fn views_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    if state.views.is_empty() {
        ui.label(faint(ui, "No view is saved yet. A view keeps filters, order and zoom under a name."));
        ui.add_space(space::S8);
        if ui.button(Action::SaveView.label()).clicked() {
            out.act(Action::SaveView);
        }
        return;
    }
    for view in &state.views {
        ui.horizontal(|ui| {
            let width = ui.available_width() - 36.0;
            if ui
                .add_sized([width, 26.0], egui::Button::new(format!("{}  {}", icons::BOOKMARK_SIMPLE, view.name)))
                .clicked()
            {
                out.push(Command::ApplyView(view.name.clone()));
            }
            if icon_button(ui, icons::TRASH, &format!("Delete the view {}", view.name), true).clicked() {
                out.push(Command::DeleteView(view.name.clone()));
            }
        });
    }
}
