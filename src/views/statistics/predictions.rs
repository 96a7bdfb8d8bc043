//! Predictions: how often the active model is right, which classes it misses, and what it takes for what.

use std::sync::Arc;

use egui::{RichText, Ui, WidgetInfo, accesskit::Role};

use super::{Paint, chart_height, colors, export_ui, facts_ui, lens_tabs_ui, plot, strip, table_ui, tabs_ui};
use crate::analysis::confusion::PredictionCounts;
use crate::app::panels::predictions::{Group, page};
use crate::app::panels::statistics::Page;
use crate::app::statistics::{Counted, StatisticsView, Tab, groups};
use crate::app::{Action, Command, State};
use crate::jobs::{Population, QueryResult, query};
use crate::views::Commands;
use crate::views::dialogs::primary;
use crate::views::theme::space;
use crate::views::widgets::{faint, tab_button};

/// The page of the last frame: made again when what it shows changes.
#[derive(Debug, Default)]
pub struct PredictionsFrame {
    made: Option<Made>,
}

#[derive(Debug)]
struct Made {
    population: Arc<Population>,
    result: Arc<QueryResult>,
    selection: Arc<roaring::RoaringBitmap>,
    view: StatisticsView,
    page: Page,
    rows: Vec<usize>,
    /// Without counts of its own: painting asks it for the number of groups.
    counted: Counted,
}

impl PredictionsFrame {
    fn made(&mut self, state: &State, view: &StatisticsView) -> Option<&Made> {
        let active = state.population.predictions.as_ref()?;
        let is_new = |made: &Made| {
            !Arc::ptr_eq(&made.population, &state.population)
                || !Arc::ptr_eq(&made.result, &state.result)
                || made.selection != state.selection
                || made.view != *view
        };
        if self.made.as_ref().is_none_or(is_new) {
            let groups = groups(state);
            let counted: Vec<(&str, Arc<PredictionCounts>)> = groups
                .iter()
                .map(|group| {
                    // The window has counted these two already.
                    let known = if *group.samples == *state.result.matching {
                        state.result.predictions.clone()
                    } else if group.samples.len() as usize == state.len() {
                        state.whole_predictions.clone()
                    } else {
                        None
                    };
                    let counts = known.unwrap_or_else(|| Arc::new(query::counts(active, &group.samples)));
                    (group.name.as_str(), counts)
                })
                .collect();
            let figures: Vec<Group<'_>> =
                counted.iter().map(|(name, counts)| Group { name, confusion: &counts.confusion }).collect();
            let page = page(&active.predictor, &figures, view.pairs);
            let rows = page.tables.first().map_or(Vec::new(), |table| table.view(&view.find, view.sort()));
            self.made = Some(Made {
                population: Arc::clone(&state.population),
                result: Arc::clone(&state.result),
                selection: Arc::clone(&state.selection),
                view: view.clone(),
                page,
                rows,
                counted: Counted {
                    report: Arc::default(),
                    facets: Vec::new(),
                    population: Arc::clone(&state.population),
                    beside: view.beside,
                },
            });
        }
        self.made.as_ref()
    }
}

/// The page.
pub fn predictions_ui(
    ui: &mut Ui,
    state: &State,
    frame: &mut PredictionsFrame,
    view: &mut StatisticsView,
    out: &mut Commands,
) {
    let made = frame.made(state, view);
    strip(ui, |ui| {
        ui.horizontal(|ui| {
            lens_tabs_ui(ui, state, out);
            model_ui(ui, state, out);
            if let Some(made) = made {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    export_ui(ui, view, &made.counted, &made.page, &made.rows, out);
                });
            }
        });
    });
    strip(ui, |ui| tabs_ui(ui, made.map(|made| &made.page), view));
    if view.tab != Tab::Predictions {
        return;
    }
    let Some(made) = made else { return empty_ui(ui, state, out) };
    let paint = Paint { counted: &made.counted, page: &made.page, rows: &made.rows, colors: colors(ui, &made.counted) };
    egui::Frame::new().inner_margin(egui::Margin { left: 12, right: 12, top: 4, bottom: 8 }).show(ui, |ui| {
        ui.horizontal(|ui| {
            for (pairs, name) in [(false, "Classes"), (true, "Confusions")] {
                if tab_button(ui, name, view.pairs == pairs).clicked() && view.pairs != pairs {
                    view.pairs = pairs;
                    // Its columns are others.
                    view.sort[Tab::Predictions as usize] = None;
                }
            }
        });
        facts_ui(ui, &paint);
        if made.page.tables.iter().all(|table| table.rows.is_empty()) {
            ui.add_space(space::S8);
            ui.label(faint(ui, note(state, view.pairs)));
            return;
        }
        plot::chart_ui(ui, &paint, chart_height(ui), out);
        table_ui(ui, &paint, view, out);
    });
}

/// Why a table is empty.
fn note(state: &State, pairs: bool) -> &'static str {
    let counted = state.result.predictions.as_ref().map_or(0, |counts| counts.confusion.labelled);
    if counted == 0 {
        "None of these samples has a class that the model knows (by wnid or class_index among its fields, or by its leaf’s name)."
    } else if pairs {
        "Nothing is taken for something else here."
    } else {
        "Nothing is predicted here."
    }
}

/// Whose predictions are shown, and whose could be.
fn model_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    let active = state.population.predictions.as_ref().map(|found| &found.predictor);
    if !state.population.predictors.is_empty() {
        let shown = active.map_or("no model", |predictor| predictor.name.as_str());
        let combo = egui::ComboBox::from_id_salt("predictor").selected_text(shown).width(220.0).truncate();
        let response = combo
            .show_ui(ui, |ui| {
                for predictor in &state.population.predictors {
                    let on = active.is_some_and(|active| active.key == predictor.key);
                    if ui.selectable_label(on, &predictor.name).clicked() && !on {
                        out.push(Command::ActivateModel(Some(predictor.key.clone())));
                    }
                }
                if ui.selectable_label(active.is_none(), "no model").clicked() {
                    out.push(Command::ActivateModel(None));
                }
            })
            .response;
        response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Model whose predictions are shown"));
    }
    if ui.button(Action::ShowModels.label()).clicked() {
        out.act(Action::ShowModels);
    }
}

/// What is needed, with the one button that does it.
fn empty_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 3.0).max(24.0));
        ui.label(RichText::new("No predictions yet.").heading());
        ui.add_space(space::S4);
        let note = if state.population.predictors.is_empty() {
            "A model has to look at the pictures once; what it says is kept with the catalog."
        } else {
            "No model is active; choose one above, or let another one look at the pictures."
        };
        ui.label(faint(ui, note));
        ui.add_space(space::S12);
        if ui.add(primary(ui, "Predict …")).clicked() {
            out.act(Action::ShowModels);
        }
    });
}
