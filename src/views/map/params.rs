//! The parameters of the layout, under umap-learn's names.

use egui::{DragValue, RichText, Ui, WidgetInfo, accesskit::Role};

use super::INNER;
use crate::app::map::{MapCommand, MapView};
use crate::app::{Command, State};
use crate::jobs::map::{Init, MapParams, Metric};
use crate::views::Commands;
use crate::views::dialogs::primary;
use crate::views::theme::{self, space};
use crate::views::widgets::faint;

/// The panel.
pub(super) fn params_ui(ui: &mut Ui, state: &State, view: &mut MapView, out: &mut Commands) {
    egui::Frame::new().inner_margin(egui::Margin::same(INNER as i8)).show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        ui.label(RichText::new("Layout (UMAP)").text_style(theme::strong()).size(theme::all().text.small));
        ui.add_space(space::S8);
        let rows = state.map.source().map_or(0, |source| source.rows() as usize);
        let params = &mut view.params;
        egui::Grid::new("map parameters").num_columns(2).spacing([space::S8, space::S8]).show(ui, |ui| {
            line(
                ui,
                "n_neighbors",
                "Neighbours a point, itself included: few show fine structure, many the large shape",
                |ui| ui.add(DragValue::new(&mut params.n_neighbors).range(2..=200).speed(0.2)),
            );
            line(ui, "min_dist", "How close points may lie", |ui| {
                ui.add(DragValue::new(&mut params.min_dist).range(0.0..=2.0).speed(0.005).max_decimals(3))
            });
            line(ui, "spread", "Scale of the distances between points", |ui| {
                ui.add(DragValue::new(&mut params.spread).range(0.1..=10.0).speed(0.01).max_decimals(2))
            });
            line(ui, "metric", "What near means among features", |ui| {
                choice(
                    ui,
                    "metric",
                    &mut params.metric,
                    &[(Metric::Euclidean, "euclidean"), (Metric::Cosine, "cosine")],
                )
            });
            line(ui, "n_epochs", "0 is 500 up to 10,000 rows, else 200", |ui| {
                let mut epochs = params.epochs.unwrap_or(0);
                let response =
                    ui.add(DragValue::new(&mut epochs).range(0..=5000).speed(2.0).custom_formatter(|value, _| {
                        if value == 0.0 { "automatic".to_owned() } else { format!("{value:.0}") }
                    }));
                params.epochs = (epochs > 0).then_some(epochs);
                response
            });
            line(ui, "seed", "The same seed gives the same map", |ui| {
                ui.add(DragValue::new(&mut params.seed).speed(0.2))
            });
            line(ui, "init", "Where points begin", |ui| {
                let choices = [(Init::Spectral, "spectral"), (Init::Pca, "pca"), (Init::Random, "random")];
                choice(ui, "init", &mut params.init, &choices)
            });
        });
        ui.add_space(space::S12);
        ui.horizontal_wrapped(|ui| {
            if ui
                .add(primary(ui, "Compute"))
                .on_hover_text("From the start; a layout that was computed before is read")
                .clicked()
            {
                out.push(Command::Map(MapCommand::View(Box::new(view.clone()))));
                out.push(Command::Map(MapCommand::Compute { from_present: false }));
            }
            let has_positions = !state.map.placed.is_empty();
            let go_on = ui.add_enabled(has_positions, egui::Button::new("From here"));
            if go_on.on_hover_text("With these parameters, from where the points are now").clicked() {
                out.push(Command::Map(MapCommand::View(Box::new(view.clone()))));
                out.push(Command::Map(MapCommand::Compute { from_present: true }));
            }
            if view.params != MapParams::default() && ui.button("Defaults").clicked() {
                view.params = MapParams::default();
            }
        });
        ui.add_space(space::S8);
        let epochs = view.params.epochs_for(rows);
        ui.label(faint(ui, format!("{epochs} epochs")).size(theme::all().text.small));
    });
}

fn line(ui: &mut Ui, name: &str, tip: &str, value: impl FnOnce(&mut Ui) -> egui::Response) {
    ui.label(name).on_hover_text(tip);
    let response = value(ui);
    response.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, name));
    response.on_hover_text(tip);
    ui.end_row();
}

fn choice<T: Copy + PartialEq>(ui: &mut Ui, salt: &str, value: &mut T, choices: &[(T, &str)]) -> egui::Response {
    let shown = choices.iter().find(|(other, _)| other == value).map_or("", |(_, name)| name);
    egui::ComboBox::from_id_salt(salt)
        .selected_text(shown)
        .width(90.0)
        .show_ui(ui, |ui| {
            for (other, name) in choices {
                ui.selectable_value(value, *other, *name);
            }
        })
        .response
}
