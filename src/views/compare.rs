//! The compare lens: figures by layer above, regions where one dataset is alone below.

use std::sync::Arc;

use egui::{
    Align2, Pos2, Rect, RichText, ScrollArea, Sense, Stroke, TextStyle, Ui, Vec2, WidgetInfo, accesskit::Role, pos2,
    vec2,
};

use super::Commands;
use super::dialogs::primary;
use super::map::empty;
use super::map::strip::lacking_ui;
use super::textures::{Textures, Thumb, fit};
use super::theme::{self, radius, space, tokens};
use super::widgets::{faint, focus_ring, font, tab_button};
use crate::app::compare::{CompareCommand, Figure};
use crate::app::map::{MapCommand, MapView};
use crate::app::panels::text;
use crate::app::state::Lens;
use crate::app::{Command, State};
use crate::base::SampleId;
use crate::jobs::compare::{Compared, Found};

/// Pictures a region.
const SHOWN: usize = 12;
/// Side of a picture, points.
const SIDE: f32 = 60.0;

/// The whole lens.
pub fn compare_ui(ui: &mut Ui, state: &State, textures: &mut Textures, out: &mut Commands) {
    let datasets = &state.population.columns.datasets;
    let Some(pair) = state.compare.pair(datasets.len()) else {
        note(
            ui,
            "Two datasets are needed.",
            "Open a second one beside this one; then both stand against each other here.",
        );
        return;
    };
    let Some(source) = state.map.source() else {
        let what = "Two datasets are compared by what a model makes of their pictures. It needs the model's numbers for each picture.";
        empty::empty_ui(ui, state, what, out);
        return;
    };
    egui::Frame::new().inner_margin(egui::Margin::symmetric(12, 6)).show(ui, |ui| {
        strip_ui(ui, state, pair, out);
        lacking_ui(ui, state, out);
        let layers: Vec<&str> = source.layers.iter().map(|layer| layer.name.as_str()).collect();
        if state.compare.waiting {
            ui.add_space(space::S24);
            ui.label(faint(
                ui,
                format!("{} are compared in {} layers.", text::plural(source.rows(), "row", "rows"), layers.len()),
            ));
            ui.add_space(space::S8);
            if ui.add(primary(ui, "Compare")).clicked() {
                out.push(Command::Compare(CompareCommand::Compute));
            }
            return;
        }
        ScrollArea::vertical().id_salt("compare").auto_shrink(false).show(ui, |ui| {
            table_ui(ui, state, &layers, out);
            let chosen =
                state.compare.layer.as_deref().filter(|layer| layers.contains(layer)).or(layers.last().copied());
            if let Some(compared) = chosen.and_then(|layer| state.compare.found.get(layer)) {
                ui.add_space(space::S16);
                layers_ui(ui, state, &layers, &compared.layer, out);
                for side in 0..2 {
                    regions_ui(ui, state, textures, compared, pair, side, out);
                }
            }
        });
    });
}

fn note(ui: &mut Ui, title: &str, text: &str) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 3.0).max(24.0));
        ui.label(RichText::new(title).heading());
        ui.add_space(space::S4);
        ui.label(faint(ui, text));
    });
}

/// Which two, by which model.
fn strip_ui(ui: &mut Ui, state: &State, pair: [usize; 2], out: &mut Commands) {
    let datasets = &state.population.columns.datasets;
    ui.horizontal(|ui| {
        for side in 0..2 {
            let mut chosen = pair[side];
            let (dot, _) = ui.allocate_exact_size(vec2(10.0, 24.0), Sense::hover());
            ui.painter().circle_filled(dot.center(), 4.0, theme::dataset_color(pair[side]));
            egui::ComboBox::from_id_salt(("compare", side))
                .selected_text(&datasets[pair[side]].name)
                .width(110.0)
                .truncate()
                .show_ui(ui, |ui| {
                    for (i, dataset) in datasets.iter().enumerate().filter(|(i, _)| *i != pair[1 - side]) {
                        ui.selectable_value(&mut chosen, i, &dataset.name);
                    }
                })
                .response
                .widget_info(|| {
                    WidgetInfo::labeled(Role::ComboBox, true, if side == 0 { "Dataset A" } else { "Dataset B" })
                });
            if chosen != pair[side] {
                let mut changed = pair;
                changed[side] = chosen;
                out.push(Command::Compare(CompareCommand::Pair(changed)));
            }
            if side == 0 {
                ui.label(faint(ui, "against"));
            }
        }
        if let Some(source) = state.map.source() {
            let metric = format!("{:?}", state.map.view.params.metric).to_lowercase();
            let by = faint(ui, format!("by {}, {metric}", source.name)).size(theme::all().text.small);
            ui.add(egui::Label::new(by).truncate());
        }
        if state.compare.running {
            ui.label(faint(ui, "comparing …").size(theme::all().text.small));
        }
    });
    ui.add_space(space::S8);
}

/// Figures as rows, layers as columns, and a line over the layers at the end of each row.
fn table_ui(ui: &mut Ui, state: &State, layers: &[&str], out: &mut Commands) {
    let colors = tokens(ui);
    let small = font(ui, TextStyle::Small);
    let name_width = 130.0_f32.min(ui.available_width() * 0.3);
    let line_width = 110.0_f32.min(ui.available_width() * 0.2);
    let column =
        ((ui.available_width() - name_width - line_width - 16.0) / layers.len().max(1) as f32).clamp(56.0, 130.0);
    let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
    for (i, layer) in layers.iter().enumerate() {
        let rect =
            Rect::from_min_size(pos2(head.left() + name_width + i as f32 * column, head.top()), vec2(column, 24.0));
        let response = ui.interact(rect, ui.scope_id().with(("layer", *layer)), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Open the map of {layer}")));
        let color = if response.hovered() { colors.accent } else { colors.text_strong };
        ui.painter().text(
            pos2(rect.right() - space::S8, rect.center().y),
            Align2::RIGHT_CENTER,
            layer,
            small.clone(),
            color,
        );
        focus_ring(ui, &response);
        if response.on_hover_text(format!("Open the map of {layer}")).clicked() {
            open_map(state, vec![(*layer).to_owned()], out);
        }
    }
    for figure in Figure::ALL {
        let (row, response) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{} over the layers", figure.label())));
        if response.hovered() {
            ui.painter().rect_filled(row, radius::CONTROL, colors.hover);
        }
        ui.painter().hline(row.x_range(), row.top(), Stroke::new(1.0, colors.hairline));
        let body = font(ui, TextStyle::Body);
        ui.painter().text(
            pos2(row.left() + space::S4, row.center().y),
            Align2::LEFT_CENTER,
            figure.label(),
            body.clone(),
            colors.text,
        );
        // The line shows how a figure changes from layer to layer: from chance to the row's largest.
        let found = || layers.iter().filter_map(|layer| state.compare.found.get(*layer));
        let low = found().next().map_or(0.0, |compared| figure.floor(compared));
        let high = found().filter_map(|compared| figure.value(compared)).fold(low + 1e-3, f64::max);
        let share = |value: f64| (((value - low) / (high - low)).clamp(0.0, 1.0)) as f32;
        let mut line: Vec<Pos2> = Vec::new();
        let chart = Rect::from_min_max(
            pos2(row.left() + name_width + layers.len() as f32 * column + 16.0, row.top() + 8.0),
            pos2(row.right() - space::S8, row.bottom() - 8.0),
        );
        for (i, layer) in layers.iter().enumerate() {
            let right = row.left() + name_width + (i + 1) as f32 * column - space::S8;
            let Some(compared) = state.compare.found.get(*layer) else { continue };
            let Some(value) = figure.value(compared) else {
                ui.painter().text(
                    pos2(right, row.center().y),
                    Align2::RIGHT_CENTER,
                    "—",
                    small.clone(),
                    colors.text_disabled,
                );
                continue;
            };
            let shown = format!("{value:.3}");
            ui.painter().text(
                pos2(right, row.center().y - 7.0),
                Align2::RIGHT_CENTER,
                shown,
                body.clone(),
                colors.text_strong,
            );
            let beside = figure.beside(compared);
            ui.painter().text(
                pos2(right, row.center().y + 9.0),
                Align2::RIGHT_CENTER,
                beside,
                small.clone(),
                colors.text_faint,
            );
            let x = if layers.len() > 1 { i as f32 / (layers.len() - 1) as f32 } else { 0.5 };
            line.push(pos2(chart.left() + x * chart.width(), chart.bottom() - share(value) * chart.height()));
        }
        if chart.width() > 20.0 {
            ui.painter().hline(chart.x_range(), chart.bottom(), Stroke::new(1.0, colors.hairline));
            for point in &line {
                ui.painter().circle_filled(*point, 2.5, colors.accent);
            }
            ui.painter().line(line, Stroke::new(1.5, colors.accent));
        }
        focus_ring(ui, &response);
        if response
            .on_hover_text(format!("{}\nClick opens the maps of all layers side by side", figure.tip()))
            .clicked()
        {
            open_map(state, layers.iter().map(|layer| (*layer).to_owned()).collect(), out);
        }
    }
}

fn open_map(state: &State, layers: Vec<String>, out: &mut Commands) {
    let view = MapView { layers, ..state.map.view.clone() };
    out.push(Command::Map(MapCommand::View(Box::new(view))));
    out.push(Command::Lens(Lens::Map));
}

/// The layer whose regions are shown.
fn layers_ui(ui: &mut Ui, _state: &State, layers: &[&str], chosen: &str, out: &mut Commands) {
    ui.horizontal_wrapped(|ui| {
        ui.label(faint(ui, "Regions in"));
        for layer in layers {
            if tab_button(ui, layer, *layer == chosen).clicked() {
                out.push(Command::Compare(CompareCommand::Layer((*layer).to_owned())));
            }
        }
    });
    ui.add_space(space::S4);
}

fn regions_ui(
    ui: &mut Ui,
    state: &State,
    textures: &mut Textures,
    compared: &Compared,
    pair: [usize; 2],
    side: usize,
    out: &mut Commands,
) {
    let name = |side: usize| &state.population.columns.datasets[pair[side]].name;
    ui.add_space(space::S8);
    ui.horizontal(|ui| {
        let (dot, _) = ui.allocate_exact_size(vec2(10.0, 20.0), Sense::hover());
        ui.painter().circle_filled(dot.center(), 4.0, theme::dataset_color(pair[side]));
        ui.label(RichText::new(format!("Only in {}", name(side))).text_style(theme::strong()));
    });
    let found = &compared.regions[side];
    if found.is_empty() {
        ui.label(faint(ui, format!("No region holds more of {} than its share.", name(side))));
    }
    for (rank, found) in found.iter().enumerate() {
        region_ui(ui, state, textures, found, rank, name(side), name(1 - side), out);
    }
}

#[expect(clippy::too_many_arguments, reason = "one row needs what the lens has; a struct would only rename it")]
fn region_ui(
    ui: &mut Ui,
    state: &State,
    textures: &mut Textures,
    found: &Found,
    rank: usize,
    own: &str,
    other: &str,
    out: &mut Commands,
) {
    let colors = tokens(ui);
    let (row, response) = ui.allocate_exact_size(vec2(ui.available_width(), SIDE + 12.0), Sense::click());
    let label = format!("Region {} of {own}", rank + 1);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
    if !ui.is_rect_visible(row) {
        return;
    }
    if response.hovered() {
        ui.painter().rect_filled(row, radius::CONTROL, colors.hover);
    }
    let region = &found.region;
    let (body, small) = (font(ui, TextStyle::Body), font(ui, TextStyle::Small));
    let left = row.left() + space::S4;
    let first = format!("{} : {}", text::count(region.own as u64), text::count(region.other as u64));
    ui.painter().text(pos2(left, row.center().y - 9.0), Align2::LEFT_CENTER, first, body, colors.text_strong);
    let second = format!("{:.0} x its share", region.lift);
    ui.painter().text(pos2(left, row.center().y + 9.0), Align2::LEFT_CENTER, second, small, colors.text_faint);
    let pixels = SIDE * ui.ctx().pixels_per_point();
    let mut x = left + 96.0;
    for sample in found.samples.iter().take(SHOWN) {
        if x + SIDE > row.right() - space::S4 {
            break;
        }
        let sample = SampleId(*sample);
        let cell = Rect::from_min_size(pos2(x, row.top() + 6.0), Vec2::splat(SIDE));
        ui.painter().rect_filled(cell, radius::CONTROL, colors.panel);
        if sample.index() < state.len()
            && let Thumb::Ready(texture) = textures.get(sample, state.population.sample_ref(sample), pixels)
        {
            let place = Rect::from_center_size(cell.center(), fit(texture.size_vec2(), cell.size(), 2.0));
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(texture.id(), place, uv, egui::Color32::WHITE);
        }
        x += SIDE + space::S4;
    }
    focus_ring(ui, &response);
    let tip = format!(
        "{} of {own} and {} of {other} lie here. Click shows those of {own}.",
        text::count(region.own as u64),
        text::count(region.other as u64)
    );
    if response.on_hover_text(tip).clicked() {
        out.push(Command::Compare(CompareCommand::Region(Arc::new(found.samples.iter().copied().collect()))));
    }
}
