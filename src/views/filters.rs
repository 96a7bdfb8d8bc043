//! The filter side bar: every facet with live counts.

use egui::{Id, ScrollArea, Ui};

use super::histogram::{Brush, Histogram};
use super::theme::{self, space};
use super::widgets::{RowAction, empty_note, facet_row, field, icon_button, section};
use super::{Commands, icons};
use crate::analysis::confusion::{confidence_bin, confidence_start};
use crate::analysis::facets::{bin, bin_start};
use crate::app::chips::{Facet, alternatives};
use crate::app::panels::side_bar::{Row, SideBar};
use crate::app::panels::{predictions, text};
use crate::app::{Action, Command, State};
use crate::catalog::filter::{Cmp, Expr, NumberField};

/// The whole side bar.
pub fn filters_ui(ui: &mut Ui, state: &State, rows: &SideBar, out: &mut Commands) {
    ScrollArea::vertical().id_salt("filters").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        datasets_ui(ui, state, rows, out);
        taxonomy_ui(ui, state, rows, out);
        words_ui(ui, state, out);
        size_ui(ui, state, out);
        predicted_ui(ui, state, rows, out);
        brands_ui(ui, state, rows, out);
        tags_ui(ui, state, rows, out);
        quality_ui(ui, state, rows, out);
    });
}

fn rows_ui(
    ui: &mut Ui,
    state: &State,
    out: &mut Commands,
    facet: Facet,
    rows: &[Row],
    mark: impl Fn(usize) -> Option<egui::Color32>,
) {
    let filtered = !state.chips.is_empty();
    for (i, row) in rows.iter().enumerate() {
        let id = Id::unique((facet, &row.path, &row.label));
        match facet_row(ui, id, row, mark(i), filtered) {
            RowAction::None => {}
            RowAction::Toggle { add } => out.push(Command::Toggle { facet, expr: row.expr.clone(), add }),
            RowAction::Open(open) => out.push(Command::Expand(row.path.clone(), open)),
        }
    }
}

fn datasets_ui(ui: &mut Ui, state: &State, bar: &SideBar, out: &mut Commands) {
    section(ui, state, out, "DATASETS", "", |ui, out| {
        let rows = &bar.datasets;
        let filtered = !state.chips.is_empty();
        for (i, row) in rows.iter().enumerate() {
            let id = Id::unique((Facet::Dataset, &row.label));
            let top = ui.cursor().top();
            let left = ui.max_rect().left();
            let right = ui.max_rect().right();
            let place =
                egui::Rect::from_min_max(egui::pos2(left, top), egui::pos2(right, top + super::widgets::ROW_HEIGHT));
            if let RowAction::Toggle { add } = facet_row(ui, id, row, Some(theme::dataset_color(i)), filtered) {
                out.push(Command::Toggle { facet: Facet::Dataset, expr: row.expr.clone(), add });
            }
            // Closing is rare: it lives in the row's context menu.
            let root = state.population.columns.datasets[i].root.clone();
            ui.interact(place, id.with("menu"), egui::Sense::hover()).on_hover_text(root.display().to_string());
            let response = ui.ctx().read_response(id);
            if let Some(response) = response {
                response.context_menu(|ui| {
                    if ui.button("Close this dataset").clicked() {
                        out.push(Command::Close(root.clone()));
                        ui.close();
                    }
                    if ui.button("Copy its path").clicked() {
                        out.push(Command::Copy(root.display().to_string()));
                        ui.close();
                    }
                });
            }
        }
        ui.horizontal(|ui| {
            ui.add_space(space::S12);
            if ui.add(egui::Button::new(format!("{}  Open …", icons::PLUS)).frame_when_inactive(false)).clicked() {
                out.act(Action::OpenDialog);
            }
        });
    });
}

fn taxonomy_ui(ui: &mut Ui, state: &State, bar: &SideBar, out: &mut Commands) {
    let tree = &state.population.columns.taxonomy;
    let note = if tree.is_empty() { String::new() } else { text::plural(tree.len() as u64, "node", "nodes") };
    section(ui, state, out, "TAXONOMY", &note, |ui, out| {
        if tree.is_empty() {
            return empty_note(ui, "No taxonomy among the fields.");
        }
        if tree.len() > 12 {
            search_ui(ui, &state.taxonomy_text, "Find in the taxonomy", |text| out.push(Command::TaxonomyText(text)));
        }
        let rows = &bar.taxonomy;
        if rows.is_empty() {
            empty_note(ui, "No node has this in its name.");
        }
        rows_ui(ui, state, out, Facet::Taxonomy, rows, |_| None);
    });
}

fn search_ui(ui: &mut Ui, text: &str, name: &str, mut changed: impl FnMut(String)) {
    ui.horizontal(|ui| {
        ui.add_space(space::S16 + 2.0);
        let width = ui.available_width() - space::S8;
        let mut typed = text.to_owned();
        if field(ui, &mut typed, name, name, width - 18.0).changed() {
            changed(typed);
        }
    });
    ui.add_space(space::S4);
}

fn words_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    section(ui, state, out, "WORDS A CAPTION", "", |ui, out| {
        let range = range_of(state, Facet::Words, NumberField::Words);
        histogram_ui(ui, state, out, "Words a caption", Facet::Words, NumberField::Words, range);
    });
}

fn size_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    section(ui, state, out, "LONGER SIDE, PIXELS", "", |ui, out| {
        let range = range_of(state, Facet::Size, NumberField::Side);
        histogram_ui(ui, state, out, "Longer side in pixels", Facet::Size, NumberField::Side, range);
    });
}

/// The range the facet's chip covers.
fn range_of(state: &State, facet: Facet, field: NumberField) -> Option<(f64, f64)> {
    alternatives(&state.chips, facet).into_iter().find_map(|expr| match expr {
        Expr::Number(number, Cmp::Between(low, high)) if *number == field => Some((*low, *high)),
        Expr::Number(number, Cmp::Ge(low)) if *number == field => Some((*low, f64::INFINITY)),
        _ => None,
    })
}

fn histogram_ui(
    ui: &mut Ui,
    state: &State,
    out: &mut Commands,
    name: &str,
    facet: Facet,
    number: NumberField,
    range: Option<(f64, f64)>,
) {
    let (whole, count) = match number {
        NumberField::Words => (&state.whole.words, &state.result.facets.words),
        _ => (&state.whole.sizes, &state.result.facets.sizes),
    };
    // Empty bins at both ends are left out, so that the bars use the width.
    let (Some(first), Some(last)) = (whole.iter().position(|&n| n > 0), whole.iter().rposition(|&n| n > 0)) else {
        return empty_note(ui, "Nothing to count.");
    };
    let edges: Vec<String> = (first..=last + 1).map(|bin| text::count(bin_start(bin))).collect();
    let active = range.map(|(low, high)| {
        let place = |value: f64| bin(value.min(f64::from(u32::MAX)) as u32).clamp(first, last) - first;
        (place(low), place(high))
    });
    let histogram = Histogram {
        name,
        whole: &whole[first..=last],
        count: count.get(first..=last).unwrap_or(&[]),
        edges: &edges,
        active,
    };
    match histogram.ui(ui) {
        Brush::None => {}
        Brush::Clear => out.push(Command::SetFacet(facet, None)),
        Brush::Bins(a, b) => {
            let (low, high) = (bin_start(a + first) as f64, bin_start(b + first + 1) as f64 - 1.0);
            let cmp = Cmp::Between(low, high);
            out.push(Command::SetFacet(facet, Some(Expr::Number(number, cmp))));
        }
    }
}

fn brands_ui(ui: &mut Ui, state: &State, bar: &SideBar, out: &mut Commands) {
    let total = state.population.columns.brands.len();
    let note = if total == 0 { String::new() } else { text::count(total as u64) };
    section(ui, state, out, "BRAND", &note, |ui, out| {
        if total == 0 {
            return empty_note(ui, "No brand among the fields.");
        }
        if total > 12 {
            search_ui(ui, &state.brand_text, "Find a brand", |text| out.push(Command::BrandText(text)));
        }
        let (rows, more) = &bar.brands;
        rows_ui(ui, state, out, Facet::Brand, rows, |_| None);
        if *more > 0 {
            empty_note(ui, &format!("and {} more: type to find them", text::count(*more as u64)));
        }
    });
}

fn tags_ui(ui: &mut Ui, state: &State, bar: &SideBar, out: &mut Commands) {
    section(ui, state, out, "TAGS", "", |ui, out| {
        let rows = &bar.tags;
        if rows.is_empty() {
            ui.horizontal(|ui| {
                ui.add_space(space::S12);
                let enabled = !state.selection.is_empty();
                if icon_button(ui, icons::TAG, "Tag the selection", enabled).clicked() {
                    out.act(Action::TagSelection);
                }
                ui.label(super::widgets::faint(ui, "Select pictures and press T.").size(theme::all().text.small));
            });
        }
        rows_ui(ui, state, out, Facet::Tag, rows, |_| None);
    });
}

/// What the active model says: classes, right and wrong, and a brush over the probabilities.
fn predicted_ui(ui: &mut Ui, state: &State, bar: &SideBar, out: &mut Commands) {
    let active = state.population.predictions.as_ref();
    let note = active.map_or("", |active| active.predictor.name.as_str());
    let note = if note.chars().count() > 24 { format!("{}…", text::cut(note, 23)) } else { note.to_owned() };
    section(ui, state, out, "PREDICTED", &note, |ui, out| {
        let Some(whole) = state.whole_predictions.as_ref().filter(|_| active.is_some()) else {
            ui.horizontal(|ui| {
                ui.add_space(space::S12);
                let button = egui::Button::new(format!("{}  Predict …", icons::PLUS)).frame_when_inactive(false);
                if ui.add(button).on_hover_text("Let a model say what it sees").clicked() {
                    out.act(Action::ShowModels);
                }
            });
            return;
        };
        let (rows, more) = &bar.predicted;
        if *more > 0 || !state.predicted_text.is_empty() {
            search_ui(ui, &state.predicted_text, "Find a predicted class", |text| {
                out.push(Command::PredictedText(text));
            });
        }
        rows_ui(ui, state, out, Facet::Predicted, rows, |_| None);
        if *more > 0 {
            empty_note(ui, &format!("and {} more: type to find them", text::count(*more as u64)));
        }
        ui.add_space(space::S4);
        rows_ui(ui, state, out, Facet::Correct, &bar.correct, |_| None);
        ui.add_space(space::S8);
        confidence_ui(ui, state, &whole.facets.confidence, out);
    });
}

fn confidence_ui(ui: &mut Ui, state: &State, whole: &[u32], out: &mut Commands) {
    let bins = whole.len();
    let edges: Vec<String> = (0..=bins).map(|bin| format!("{:.2}", confidence_start(bin))).collect();
    let place = |value: f64| confidence_bin(value as f32);
    let active = alternatives(&state.chips, Facet::Confidence)
        .into_iter()
        .find_map(predictions::confidence_range)
        // The upper edge belongs to the next bin.
        .map(|(low, high)| (place(low), if high >= 1.0 { bins - 1 } else { place(high).saturating_sub(1) }));
    let empty = Vec::new();
    let count = state.result.predictions.as_ref().map_or(&empty, |counts| &counts.facets.confidence);
    let histogram = Histogram { name: "Confidence of the prediction", whole, count, edges: &edges, active };
    match histogram.ui(ui) {
        Brush::None => {}
        Brush::Clear => out.push(Command::SetFacet(Facet::Confidence, None)),
        Brush::Bins(first, last) => {
            let expr = predictions::confidence_filter(first, last, bins);
            out.push(Command::SetFacet(Facet::Confidence, Some(expr)));
        }
    }
}

fn quality_ui(ui: &mut Ui, state: &State, bar: &SideBar, out: &mut Commands) {
    section(ui, state, out, "QUALITY", "", |ui, out| {
        let rows = &bar.quality;
        if rows.is_empty() {
            empty_note(ui, "Nothing stands out.");
        }
        rows_ui(ui, state, out, Facet::Flag, rows, |_| None);
    });
}
