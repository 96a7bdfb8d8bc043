//! Running jobs with progress and cancel; problems; adapter, frame time, memory.

use egui::{RichText, Sense, Ui, WidgetInfo, accesskit::Role, vec2};

use super::theme::{space, tokens};
use super::widgets::{faint, icon_button};
use super::{Commands, icons};
use crate::app::panels::text;
use crate::app::{Action, Command, State};

/// Figures of the machine and of the last frames.
#[derive(Clone, Debug, Default)]
pub struct Vitals {
    /// The graphics adapter: "llvmpipe (software)".
    pub adapter: String,
    /// CPU milliseconds of the last frames, median.
    pub frame_ms: f32,
    /// Resident bytes.
    pub memory: Option<u64>,
    /// Bytes of thumbnails on the GPU.
    pub textures: u64,
}

/// The bar.
pub fn status_bar_ui(ui: &mut Ui, state: &State, vitals: &Vitals, out: &mut Commands) {
    ui.horizontal_centered(|ui| {
        ui.style_mut().override_text_style = Some(egui::TextStyle::Small);
        if state.jobs.is_empty() {
            ui.label(faint(ui, if state.querying() { "Searching …" } else { "Ready" }));
        }
        for job in &state.jobs {
            ui.label(&job.title);
            let (rect, response) = ui.allocate_exact_size(vec2(90.0, 4.0), Sense::hover());
            let share = job.fraction.unwrap_or(0.0);
            response.widget_info(|| {
                let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, &job.title);
                info.value = Some(f64::from(share));
                info
            });
            let colors = tokens(ui);
            ui.painter().rect_filled(rect, 2, colors.bar);
            let mut done = rect;
            done.set_width(rect.width() * share);
            ui.painter().rect_filled(done, 2, colors.accent);
            if let Some(share) = job.fraction {
                ui.label(faint(ui, format!("{:.0} %", share * 100.0)));
            }
            if job.rate > 0 {
                ui.label(faint(ui, format!("{}/s", text::count(job.rate))));
            }
            ui.label(faint(ui, text::clock(job.secs)));
            if icon_button(ui, icons::X, &format!("Cancel: {}", job.title), true).clicked() {
                out.push(Command::Cancel(job.id));
            }
            ui.add_space(space::S8);
        }
        let problems: usize = state.problems.iter().map(|(_, _, all)| all).sum();
        if problems > 0 {
            let label = text::plural(problems as u64, "problem", "problems");
            let text = RichText::new(format!("{}  {label}", icons::WARNING)).color(tokens(ui).warning);
            let response = ui.add(egui::Button::new(text).frame_when_inactive(false));
            if response.on_hover_text(Action::ShowProblems.label()).clicked() {
                out.act(Action::ShowProblems);
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if let Some(memory) = vitals.memory {
                ui.label(faint(ui, text::bytes(memory))).on_hover_text(format!(
                    "Memory of the program; thumbnails on the GPU: {}",
                    text::bytes(vitals.textures)
                ));
                ui.add_space(space::S8);
            }
            ui.label(faint(ui, format!("{:.1} ms", vitals.frame_ms)))
                .on_hover_text("CPU time of a frame, median of the last 60");
            ui.add_space(space::S8);
            if !vitals.adapter.is_empty() {
                ui.label(faint(ui, format!("GPU {}", vitals.adapter)));
                ui.add_space(space::S8);
            }
            model_ui(ui, state, out);
        });
    });
}

/// Whose predictions are shown, and what runs models; a click opens the models.
fn model_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    let runtime = state.models.seen().and_then(|seen| seen.runtime.as_ref().ok());
    if let Some(runtime) = runtime {
        ui.label(faint(ui, runtime.label())).on_hover_text(&runtime.why);
        ui.add_space(space::S8);
    }
    if let Some(active) = &state.population.predictions {
        let name = text::cut(&active.predictor.name, 40);
        let button = egui::Button::new(faint(ui, name)).frame_when_inactive(false);
        let response = ui.add(button);
        let label = format!("Active model {}", active.predictor.name);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
        if response.on_hover_text(label).clicked() {
            out.act(Action::ShowModels);
        }
        ui.add_space(space::S8);
    }
}
