//! Where to write records, and of which samples.

use std::path::PathBuf;

use egui::Ui;

use super::{focus_at_start, open, primary};
use crate::app::Command;
use crate::app::panels::text;
use crate::app::state::{Dialog, State};
use crate::base::dirs::expand_home;
use crate::views::theme::space;
use crate::views::widgets::{faint, field};
use crate::views::{Commands, icons};

/// The body of the dialog.
pub fn export_ui(ui: &mut Ui, state: &State, path: &str, selection_only: bool, out: &mut Commands) {
    ui.label(faint(ui, "One record a sample, in the order of the grid: JSON lines, or CSV if the name ends in .csv."));
    ui.add_space(space::S8);
    let mut typed = path.to_owned();
    let mut chosen_only = selection_only;
    ui.horizontal(|ui| {
        let width = ui.available_width() - 110.0;
        let response = field(ui, &mut typed, "File", "~/samples.jsonl", width);
        focus_at_start(ui, &response);
        if ui.button(format!("{}  Choose", icons::FOLDER_OPEN)).clicked()
            && let Some(file) = open::save_file("samples.jsonl")
        {
            typed = file.display().to_string();
        }
    });
    ui.add_space(space::S8);
    let matching = text::plural(state.result.matching.len(), "sample that matches", "samples that match");
    ui.radio_value(&mut chosen_only, false, format!("All {matching}"));
    let chosen = state.selection.intersection_len(&state.result.matching);
    ui.add_enabled_ui(chosen > 0, |ui| {
        ui.radio_value(&mut chosen_only, true, format!("The selection ({})", text::count(chosen)));
    });
    ui.add_space(space::S12);
    let ready = !typed.trim().is_empty();
    if ui.add_enabled(ready, primary(ui, "Write")).clicked() {
        let file: PathBuf = expand_home(&typed);
        out.push(Command::Export { path: file, selection_only: chosen_only });
    } else if typed != path || chosen_only != selection_only {
        out.push(Command::Dialog(Some(Dialog::Export { path: typed, selection_only: chosen_only })));
    }
}
