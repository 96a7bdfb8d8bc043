//! The models dialog: choose a file, read what its card says, correct it, let the model work.

use egui::{Label, RichText, ScrollArea, Ui, WidgetInfo, accesskit::Role};

use super::{focus_at_start, primary};
use crate::app::models::{CardEdit, ModelCommand, facts, wanted};
use crate::app::panels::text;
use crate::app::{Command, State};
use crate::jobs::models::ModelSeen;
use crate::model::Model;
use crate::model::card::{Channels, Interpolation, Origin};
use crate::views::theme::{self, space, tokens};
use crate::views::widgets::{faint, field};
use crate::views::{Commands, icons};

/// Width of the names at the left.
const NAMES: f32 = 104.0;

/// The body of the dialog.
pub fn models_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    ui.label(faint(ui, "An image classifier as an ONNX file; MODEL.toml beside MODEL.onnx is its card."));
    ui.add_space(space::S8);
    file_ui(ui, state, out);
    recent_ui(ui, state, out);
    ui.add_space(space::S12);
    match &state.models.found {
        None if state.models.looking => {
            ui.label(faint(ui, "Reading the model …"));
        }
        None => {}
        Some(Err(error)) => {
            ui.horizontal_wrapped(|ui| {
                ui.label(RichText::new(icons::WARNING).color(tokens(ui).warning));
                ui.label(error);
            });
        }
        Some(Ok(seen)) => {
            let room = (ui.available_height() - 112.0).max(160.0);
            ScrollArea::vertical().max_height(room).show(ui, |ui| {
                ui.set_width(ui.available_width() - space::S12);
                card_ui(ui, state, seen, out);
            });
            ui.add_space(space::S8);
            runtime_ui(ui, seen);
            ui.add_space(space::S12);
            buttons_ui(ui, state, &seen.model, out);
        }
    }
}

fn file_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    let mut typed = state.models.path.clone();
    ui.horizontal(|ui| {
        let width = ui.available_width() - 110.0;
        let response = field(ui, &mut typed, "Model file", "/models/resnet50.onnx or ~/model.onnx", width);
        if state.models.path.is_empty() {
            focus_at_start(ui, &response);
        }
        if ui.button(format!("{}  File …", icons::FILE)).clicked() {
            let chosen = rfd::FileDialog::new().add_filter("ONNX models", &["onnx"]).pick_file();
            if let Some(path) = chosen {
                typed = path.display().to_string();
            }
        }
    });
    if typed != state.models.path {
        out.push(Command::Model(ModelCommand::Look(typed)));
    }
}

/// Models that were used before.
fn recent_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    if state.settings.models.is_empty() {
        return;
    }
    ui.add_space(space::S4);
    ui.horizontal_wrapped(|ui| {
        ui.label(faint(ui, "Used before").size(theme::all().text.small));
        for path in &state.settings.models {
            let full = path.display().to_string();
            let name = path.file_name().map_or_else(|| full.clone(), |name| name.to_string_lossy().into_owned());
            let on = full == state.models.path;
            let response = ui.add(egui::Button::new(text::cut(&name, 40)).frame_when_inactive(false).selected(on));
            if response.on_hover_text(&full).clicked() && !on {
                out.push(Command::Model(ModelCommand::Look(full)));
            }
        }
    });
}

fn name_ui(ui: &mut Ui, name: &str) {
    ui.allocate_ui_with_layout(egui::vec2(NAMES, 20.0), egui::Layout::left_to_right(egui::Align::Center), |ui| {
        ui.set_min_width(NAMES);
        ui.label(faint(ui, name).size(theme::all().text.small));
    });
}

fn guess_ui(ui: &mut Ui, is_guess: bool) {
    if is_guess {
        let text = RichText::new("guessed").size(theme::all().text.small).color(tokens(ui).warning);
        ui.label(text).on_hover_text("Neither the graph nor a card says it: this is the usual value.");
    }
}

fn card_ui(ui: &mut Ui, state: &State, seen: &ModelSeen, out: &mut Commands) {
    let model = &seen.model;
    ui.label(RichText::new(&model.card.name).text_style(theme::strong()));
    ui.add_space(space::S4);
    for fact in facts(model) {
        ui.horizontal(|ui| {
            name_ui(ui, fact.name);
            ui.add(Label::new(&fact.value).truncate()).on_hover_text(&fact.value);
            guess_ui(ui, fact.is_guess);
        });
    }
    ui.add_space(space::S12);
    ui.horizontal(|ui| {
        ui.label(faint(ui, "How pictures become its input").size(theme::all().text.small));
        if seen.is_edited || state.models.is_changed() {
            let note = if state.models.is_changed() { "changed" } else { "changed before" };
            ui.label(RichText::new(note).size(theme::all().text.small).color(tokens(ui).accent));
            if ui
                .small_button("Reset")
                .on_hover_text("Back to what the graph and the card beside the file say")
                .clicked()
            {
                out.push(Command::Model(ModelCommand::Reset));
            }
        }
    });
    ui.add_space(space::S4);
    edit_ui(ui, &state.models.edit, seen, out);
    if let Err(error) = state.models.edit.read(&model.card.preprocessing) {
        ui.horizontal(|ui| {
            ui.label(RichText::new(icons::WARNING).color(tokens(ui).warning));
            ui.label(error);
        });
    }
    ui.add_space(space::S12);
    stages_ui(ui, state, model, out);
}

fn edit_ui(ui: &mut Ui, now: &CardEdit, seen: &ModelSeen, out: &mut Commands) {
    let mut edit = now.clone();
    let origins = &seen.model.origins;
    // A card that was written by this dialog says everything; guessed is what was guessed before.
    let guess = |origin: Origin| origin == Origin::Guess && !seen.is_edited;
    let line = |ui: &mut Ui, name: &str, text: &mut String, width: f32, is_guess: bool| {
        ui.horizontal(|ui| {
            name_ui(ui, name);
            field(ui, text, name, "", width);
            guess_ui(ui, is_guess);
        });
    };
    line(ui, "Resize", &mut edit.resize, 80.0, guess(origins.resize));
    line(ui, "Crop", &mut edit.crop, 80.0, guess(origins.crop));
    line(ui, "Mean", &mut edit.mean, 220.0, guess(origins.mean));
    line(ui, "Std", &mut edit.std, 220.0, guess(origins.std));
    ui.horizontal(|ui| {
        name_ui(ui, "Interpolation");
        let ways = [Interpolation::Bilinear, Interpolation::Bicubic, Interpolation::Lanczos, Interpolation::Nearest];
        combo(ui, "Interpolation", &mut edit.interpolation, &ways);
        guess_ui(ui, guess(origins.interpolation));
    });
    ui.horizontal(|ui| {
        name_ui(ui, "Channels");
        combo(ui, "Channels", &mut edit.channels, &[Channels::Rgb, Channels::Bgr, Channels::Grey]);
        guess_ui(ui, guess(origins.channels));
    });
    if edit != *now {
        out.push(Command::Model(ModelCommand::Edit(edit)));
    }
}

fn combo<T: Copy + PartialEq + std::fmt::Debug>(ui: &mut Ui, name: &str, value: &mut T, all: &[T]) {
    let word = |value: T| format!("{value:?}").to_lowercase();
    let combo = egui::ComboBox::from_id_salt(name).selected_text(word(*value)).width(110.0);
    let response = combo
        .show_ui(ui, |ui| {
            for &one in all {
                ui.selectable_value(value, one, word(one));
            }
        })
        .response;
    response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, name));
}

fn stages_ui(ui: &mut Ui, state: &State, model: &Model, out: &mut Commands) {
    ui.label(faint(ui, "Stages, shallow to deep; ticked ones are extracted").size(theme::all().text.small));
    ui.add_space(space::S4);
    if model.card.stages.is_empty() {
        ui.label(faint(ui, "No stages are known; a card can name them."));
        return;
    }
    ui.horizontal_wrapped(|ui| {
        for stage in &model.card.stages {
            let mut on = state.models.layers.contains(&stage.name);
            let response = ui.checkbox(&mut on, &stage.name);
            if response.on_hover_text(format!("tensor {}", stage.tensor)).changed() {
                out.push(Command::Model(ModelCommand::Layer(stage.name.clone(), on)));
            }
        }
    });
}

/// What would run it, and why.
fn runtime_ui(ui: &mut Ui, seen: &ModelSeen) {
    ui.horizontal_wrapped(|ui| match &seen.runtime {
        Ok(runtime) => {
            ui.label(RichText::new(runtime.label()).size(theme::all().text.small));
            ui.label(faint(ui, &runtime.why).size(theme::all().text.small));
        }
        Err(error) => {
            ui.label(RichText::new(icons::WARNING).color(tokens(ui).warning));
            ui.label(error);
        }
    });
}

fn buttons_ui(ui: &mut Ui, state: &State, model: &Model, out: &mut Commands) {
    let shown = if state.selection.is_empty() { state.result.matching.len() } else { state.selection.len() };
    let narrowed = shown < state.len() as u64 && shown > 0;
    if narrowed {
        let mut only = state.models.only_shown;
        let what = if state.selection.is_empty() { "what the filters leave" } else { "the selection" };
        let label = format!("Only {what}: {}", text::plural(shown, "sample", "samples"));
        if ui.checkbox(&mut only, label).changed() {
            out.push(Command::Model(ModelCommand::OnlyShown(only)));
        }
        ui.add_space(space::S4);
    }
    let samples = wanted(state).len();
    let readable = state.models.edit.read(&model.card.preprocessing).is_ok();
    let open = samples > 0 && readable;
    ui.horizontal(|ui| {
        let scores = model.card.logits.is_some();
        let predict = ui.add_enabled(open && scores, primary(ui, "Predict"));
        let tip = if samples == 0 {
            "Open a dataset first.".to_owned()
        } else {
            format!(
                "Let it say what it sees in {}; what it said before is kept",
                text::plural(samples, "sample", "samples")
            )
        };
        if predict.on_hover_text(&tip).on_disabled_hover_text(tip).clicked() {
            out.push(Command::Model(ModelCommand::Predict));
        }
        let ticked = !state.models.layers.is_empty();
        let extract = ui.add_enabled(open && ticked, egui::Button::new("Extract features"));
        if extract.on_hover_text("The model's numbers at the ticked stages, for the map").clicked() {
            out.push(Command::Model(ModelCommand::Extract));
        }
        if ui.button("Close").clicked() {
            out.push(Command::Dialog(None));
        }
    });
}
