//! What the map needs where there is nothing to draw, with the one button that gets it.

use std::path::PathBuf;

use egui::{ProgressBar, RichText, Ui};

use crate::app::map::MapCommand;
use crate::app::map::lacking::extracting;
use crate::app::{Action, Command, State};
use crate::model::bundled;
use crate::views::Commands;
use crate::views::dialogs::primary;
use crate::views::theme::space;
use crate::views::widgets::faint;

/// No features, or none yet; `what` is what they would be for.
pub(in crate::views) fn empty_ui(ui: &mut Ui, state: &State, what: &str, out: &mut Commands) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 3.0).max(24.0));
        if let Some(job) = extracting(state) {
            ui.label(RichText::new("Looking at every picture …").heading());
            ui.add_space(space::S4);
            ui.label(faint(ui, what));
            ui.add_space(space::S12);
            let share = job.fraction.unwrap_or(0.0);
            ui.add(ProgressBar::new(share).desired_width(280.0).desired_height(6.0));
            ui.add_space(space::S4);
            ui.label(faint(ui, format!("{}, {:.0} %", job.title, share * 100.0)));
            return;
        }
        let looking = state.map.looked.as_ref().is_none_or(|looked| looked.sources.is_none());
        if state.is_empty() || state.querying() || looking {
            ui.label(faint(ui, "Looking …"));
            return;
        }
        ui.label(RichText::new("No features yet.").heading());
        ui.add_space(space::S4);
        ui.label(faint(ui, what));
        ui.add_space(space::S12);
        if let Some(model) = state.settings.models.first() {
            // The model that was used last.
            let name = model.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            if ui.add(primary(ui, &format!("Extract with {name}"))).clicked() {
                out.push(Command::Map(MapCommand::ExtractWith(model.clone())));
            }
        } else if let Some(model) = bundled::bundled().last()
            && ui.add(primary(ui, &format!("Extract with {}", model.name))).clicked()
        {
            out.push(Command::Map(MapCommand::ExtractWith(PathBuf::from(model.name))));
        }
        ui.add_space(space::S4);
        if ui.button("Choose a model …").clicked() {
            out.act(Action::ShowModels);
        }
        ui.add_space(space::S4);
        if ui.button("Look again").clicked() {
            out.push(Command::Map(MapCommand::LookAgain));
        }
    });
}
