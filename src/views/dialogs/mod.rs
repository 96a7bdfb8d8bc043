//! Dialogs over the window. One at a time; Esc closes; the frame is the same for all.

mod about;
mod export;
mod help;
mod lists;
mod models;
pub mod open;
mod palette;

use egui::{Align2, Area, Context, Id, Modal, RichText, Ui, vec2};

use super::Commands;
use super::theme::{self, radius, space, tokens};
use crate::app::Command;
use crate::app::map::MapCommand;
use crate::app::state::{Dialog, State};
use crate::app::why::{Export, WhyCommand};
use crate::base::dirs::expand_home;

/// Draws the open dialog, if any.
pub fn dialogs_ui(ctx: &Context, state: &State, out: &mut Commands) {
    let Some(dialog) = &state.dialog else { return };
    match dialog {
        Dialog::Open(open) => frame(ctx, "Open", 640.0, out, |ui, out| open::open_ui(ui, open, out)),
        Dialog::Help => frame(ctx, "Keyboard and search", 920.0, out, help::help_ui),
        Dialog::Palette { text, row } => palette::palette_ui(ctx, state, text, *row, out),
        Dialog::Problems => {
            frame(ctx, "Problems found while reading", 860.0, out, |ui, out| lists::problems_ui(ui, state, out));
        }
        Dialog::Log => frame(ctx, "Log", 720.0, out, |ui, out| lists::log_ui(ui, state, out)),
        Dialog::Models => frame(ctx, "Models", 640.0, out, |ui, out| models::models_ui(ui, state, out)),
        Dialog::About => frame(ctx, "About Shopscope", 520.0, out, about::about_ui),
        Dialog::SaveView(name) => {
            let note = "Filters, order, zoom and captions are kept under this name.";
            frame(ctx, "Save this view", 420.0, out, |ui, out| {
                name_ui(ui, "Name of the view", note, name, "Save", out, Dialog::SaveView, Command::SaveView);
            });
        }
        Dialog::Views => frame(ctx, "Saved views", 460.0, out, |ui, out| lists::views_ui(ui, state, out)),
        Dialog::Tag(tag) => {
            let samples = std::sync::Arc::clone(&state.selection);
            let note = format!("Puts the tag on {} selected samples.", samples.len());
            frame(ctx, "Tag the selection", 420.0, out, |ui, out| {
                let tag_all = |tag| Command::Tag { tag, samples, on: true };
                name_ui(ui, "Tag", &note, tag, "Tag", out, Dialog::Tag, tag_all);
            });
        }
        Dialog::SaveFile { path, bytes } => {
            let size = crate::app::panels::text::bytes(bytes.len() as u64);
            let note = format!("{size} are ready; the file appears when it is whole.");
            let (kept, written) = (std::sync::Arc::clone(bytes), std::sync::Arc::clone(bytes));
            frame(ctx, "Save", 520.0, out, |ui, out| {
                let again = |path| Dialog::SaveFile { path, bytes: kept };
                let done = |path: String| Command::WriteFile { path: expand_home(&path), bytes: written };
                name_ui(ui, "File", &note, path, "Save", out, again, done);
            });
        }
        Dialog::SavePositions { path, layer } => {
            let note = "Dataset, key, x and y of every point: Parquet, or CSV if the name ends in .csv.";
            frame(ctx, "Save positions", 520.0, out, |ui, out| {
                let (again, of) = (layer.clone(), layer.clone());
                let again = |path| Dialog::SavePositions { path, layer: again };
                let done = |path: String| Command::Map(MapCommand::Export { layer: of, path: expand_home(&path) });
                name_ui(ui, "File", note, path, "Save", out, again, done);
            });
        }
        Dialog::SaveWhy { path, what } => {
            let note = match what {
                Export::Picture => "The matrix as a PNG.",
                Export::Maps(_) => "The raw maps as an array of f32, [rows, height, width].",
                Export::Figures | Export::Local => {
                    "Dataset, key and figures of every map: CSV, or JSON if the name ends in .json."
                }
            };
            frame(ctx, "Save", 520.0, out, |ui, out| {
                let (again, of) = (what.clone(), what.clone());
                let again = |path| Dialog::SaveWhy { path, what: again };
                let done = |path: String| Command::Why(WhyCommand::Export(of, expand_home(&path)));
                name_ui(ui, "File", note, path, "Save", out, again, done);
            });
        }
        Dialog::Export { path, selection_only } => {
            frame(ctx, "Export records", 560.0, out, |ui, out| {
                export::export_ui(ui, state, path, *selection_only, out);
            });
        }
    }
}

/// The frame of a dialog: title, body, Esc and a click outside close.
fn frame(ctx: &Context, title: &str, width: f32, out: &mut Commands, body: impl FnOnce(&mut Ui, &mut Commands)) {
    let colors = theme::colors_of(ctx.theme() == egui::Theme::Dark);
    let id = Id::unique("dialog");
    let area = Area::new(id).anchor(Align2::CENTER_CENTER, vec2(0.0, -24.0)).order(egui::Order::Foreground);
    let frame = egui::Frame::new()
        .fill(colors.panel)
        .stroke(egui::Stroke::new(1.0, colors.hairline))
        .corner_radius(radius::CARD)
        .inner_margin(egui::Margin::same(20))
        .shadow(egui::Shadow {
            offset: [0, 8],
            blur: 32,
            spread: 0,
            color: egui::Color32::from_black_alpha(colors.shadow),
        });
    let modal = Modal::new(id).area(area).frame(frame).backdrop_color(egui::Color32::from_black_alpha(90));
    let response = modal.show(ctx, |ui| {
        let room = ctx.content_rect().size();
        ui.set_width(width.min(room.x - 64.0));
        ui.set_max_height(room.y - 120.0);
        ui.horizontal(|ui| {
            ui.label(RichText::new(title).text_style(egui::TextStyle::Heading));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if super::widgets::icon_button(ui, super::icons::X, "Close this dialog", true).clicked() {
                    out.push(Command::Dialog(None));
                }
            });
        });
        ui.add_space(space::S12);
        body(ui, out);
    });
    if response.should_close() {
        out.push(Command::Dialog(None));
    }
}

/// A dialog that asks for one name.
#[expect(clippy::too_many_arguments, reason = "two dialogs differ in just these")]
fn name_ui(
    ui: &mut Ui,
    label: &str,
    note: &str,
    name: &str,
    verb: &str,
    out: &mut Commands,
    again: impl FnOnce(String) -> Dialog,
    done: impl FnOnce(String) -> Command,
) {
    ui.label(RichText::new(note).color(tokens(ui).text_faint));
    ui.add_space(space::S8);
    let mut typed = name.to_owned();
    let response = super::widgets::field(ui, &mut typed, label, label, ui.available_width());
    focus_at_start(ui, &response);
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
    ui.add_space(space::S12);
    let clicked = ui.add_enabled(!typed.trim().is_empty(), primary(ui, verb)).clicked();
    if (entered || clicked) && !typed.trim().is_empty() {
        out.push(done(typed));
    } else if typed != name {
        out.push(Command::Dialog(Some(again(typed))));
    }
}

/// The field of a dialog has the keyboard when the dialog appears.
fn focus_at_start(ui: &Ui, response: &egui::Response) {
    let nobody = ui.memory(|memory| memory.focused().is_none());
    if nobody {
        response.request_focus();
    }
}

/// The one button that matters.
pub(super) fn primary(ui: &Ui, text: &str) -> egui::Button<'static> {
    let colors = tokens(ui);
    egui::Button::new(RichText::new(text.to_owned()).color(colors.on_accent)).fill(colors.accent_fill)
}
