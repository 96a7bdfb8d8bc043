//! What the map needs where there is nothing to draw, with the one button that gets it.

use egui::{RichText, Ui};

use crate::app::map::MapCommand;
use crate::app::{Action, Command, State};
use crate::views::Commands;
use crate::views::dialogs::primary;
use crate::views::theme::space;
use crate::views::widgets::faint;

/// No features, or none yet; `what` is what they would be for.
pub(in crate::views) fn empty_ui(ui: &mut Ui, state: &State, what: &str, out: &mut Commands) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 3.0).max(24.0));
        let looking = state.map.looked.as_ref().is_none_or(|looked| looked.sources.is_none());
        if state.is_empty() || state.querying() || looking {
            ui.label(faint(ui, "Looking …"));
            return;
        }
        ui.label(RichText::new("No features yet.").heading());
        ui.add_space(space::S4);
        ui.label(faint(ui, what));
        ui.add_space(space::S12);
        if ui.add(primary(ui, "Extract features …")).clicked() {
            out.act(Action::ShowModels);
        }
        ui.add_space(space::S4);
        if ui.button("Look again").clicked() {
            out.push(Command::Map(MapCommand::LookAgain));
        }
    });
}
