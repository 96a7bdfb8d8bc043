//! Choosing a model: one in the program, one that was used before, any file.

use std::path::{Path, PathBuf};

use egui::{Button, PopupCloseBehavior, Ui, WidgetInfo, accesskit::Role};

use super::WhyFrame;
use crate::app::State;
use crate::app::panels::text;
use crate::base::dirs::expand_home;
use crate::model::bundled;
use crate::views::icons;
use crate::views::theme::space;
use crate::views::widgets::{faint, field};

/// A button with a menu of models; `chosen` gets the one that is chosen.
pub(super) fn menu_ui(
    ui: &mut Ui,
    state: &State,
    frame: &mut WhyFrame,
    button: Button<'_>,
    (name, tip): (&str, &str),
    chosen: &mut dyn FnMut(PathBuf),
) {
    let config = egui::containers::menu::MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = egui::containers::menu::MenuButton::from_button(button).config(config).ui(ui, |ui| {
        ui.set_min_width(260.0);
        ui.label(faint(ui, "In the program"));
        for model in bundled::bundled() {
            if ui.button(model.name).clicked() {
                chosen(PathBuf::from(model.name));
                ui.close();
            }
        }
        let used: Vec<&PathBuf> =
            state.settings.models.iter().filter(|path| bundled::find(&path.to_string_lossy()).is_none()).collect();
        if !used.is_empty() {
            ui.add_space(space::S4);
            ui.label(faint(ui, "Used before"));
            for path in used {
                let shown = path
                    .file_name()
                    .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
                if ui.button(text::cut(&shown, 48)).on_hover_text(path.display().to_string()).clicked() {
                    chosen(path.clone());
                    ui.close();
                }
            }
        }
        ui.add_space(space::S4);
        ui.label(faint(ui, "Another ONNX file"));
        ui.horizontal(|ui| {
            let response = field(ui, &mut frame.typed, "Model file", "/models/resnet50.onnx", 170.0);
            let entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            if ui.button(icons::FOLDER_OPEN).on_hover_text("Choose a file").clicked()
                && let Some(path) = rfd::FileDialog::new().add_filter("ONNX models", &["onnx"]).pick_file()
            {
                frame.typed = path.display().to_string();
            }
            let is_file = is_model(&frame.typed);
            if (ui.add_enabled(is_file, Button::new("Add")).clicked() || entered) && is_file {
                chosen(expand_home(frame.typed.trim()));
                frame.typed.clear();
                ui.close();
            }
        });
    });
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    response.on_hover_text(tip);
}

fn is_model(typed: &str) -> bool {
    Path::new(typed.trim()).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"))
}
