//! How local? Figures over many pictures: a violin a column, the test of each pair below, the mean map of each column.

use std::sync::Arc;

use egui::{
    Align2, DragValue, Mesh, Rect, RichText, ScrollArea, Sense, Shape, Stroke, TextStyle, Ui, WidgetInfo,
    accesskit::Role, pos2, vec2,
};

use super::WhyFrame;
use super::drawn;
use crate::analysis::cam::{Figures, Map, range};
use crate::app::panels::text;
use crate::app::why::local::{FIGURES, LocalChart, charts, test_text};
use crate::app::why::{Mode, WhyCommand, rows};
use crate::app::{Command, State};
use crate::jobs::why::local::{LocalColumn, TITLE};
use crate::views::Commands;
use crate::views::dialogs::primary;
use crate::views::theme::{self, radius, space, tokens};
use crate::views::widgets::{elided, faint, font};

/// Height of a chart, points.
const CHART: f32 = 210.0;
/// Side of a mean map, points.
const MEAN: f32 = 132.0;

/// What is kept between frames: charts are made when the figures change.
#[derive(Default)]
pub(super) struct LocalFrame {
    charts: Vec<LocalChart>,
    of: Vec<Arc<LocalColumn>>,
    means: Vec<egui::TextureHandle>,
    dark: bool,
}

impl LocalFrame {
    fn follow(&mut self, ui: &Ui, state: &State) {
        let measured: Vec<Arc<LocalColumn>> = state.why.local.measured().cloned().collect();
        let is_same = self.of.len() == measured.len() && self.of.iter().zip(&measured).all(|(a, b)| Arc::ptr_eq(a, b));
        if is_same && self.dark == ui.visuals().dark_mode {
            return;
        }
        self.dark = ui.visuals().dark_mode;
        self.charts = charts(&state.why);
        // All mean maps share a scale: mass a place, as if all had the same number of places.
        let dense = |map: &Map| Map {
            values: map.values.iter().map(|value| value * map.values.len() as f32).collect(),
            ..*map
        };
        let maps: Vec<Map> = measured.iter().map(|column| dense(&column.mean)).collect();
        let most = maps.iter().map(|map| range(&map.values).1).fold(0.0, f32::max);
        let texture = |map: &Map| {
            ui.ctx().load_texture("mean", drawn::image(map, Mode::Heat, most, 160), egui::TextureOptions::LINEAR)
        };
        self.means = maps.iter().map(texture).collect();
        self.of = measured;
    }
}

/// A map's figures in words.
pub(super) fn figures_text(figures: &Figures) -> Vec<(&'static str, String)> {
    let percent = |value: Option<f64>| value.map_or("—".to_owned(), |value| format!("{:.1} %", value * 100.0));
    FIGURES.iter().map(|figure| (figure.label, percent(figures.get(figure.at)))).collect()
}

/// The whole page.
pub(super) fn local_ui(ui: &mut Ui, state: &State, frame: &mut WhyFrame, out: &mut Commands) {
    let local = &state.why.local;
    frame.local.follow(ui, state);
    egui::Frame::new().inner_margin(egui::Margin::symmetric(12, 8)).show(ui, |ui| {
        tools_ui(ui, state, out);
        if local.found.is_empty() {
            return empty_ui(ui, state);
        }
        ScrollArea::vertical().id_salt("how local").auto_shrink(false).show(ui, |ui| {
            for (recipe, found) in &local.found {
                if let Err(error) = found {
                    ui.horizontal_wrapped(|ui| {
                        ui.label(RichText::new(crate::views::icons::WARNING).color(tokens(ui).warning));
                        ui.label(format!("{}: {error}", state.why.recipe_title(recipe, &local.columns)));
                    });
                }
            }
            let width = ui.available_width();
            let across = if width > 2.0 * 380.0 { 2 } else { 1 };
            let each = (width - space::S24 * (across - 1) as f32) / across as f32;
            for pair in frame.local.charts.chunks(across) {
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = space::S24;
                    for chart in pair {
                        ui.allocate_ui_with_layout(
                            vec2(each, CHART),
                            egui::Layout::top_down(egui::Align::LEFT),
                            |ui| chart_ui(ui, chart, each),
                        );
                    }
                });
                ui.add_space(space::S16);
            }
            means_ui(ui, state, frame);
        });
    });
}

/// How many pictures, start and stop, what was measured.
fn tools_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    let why = &state.why;
    let mut view = why.view.clone();
    ui.horizontal_wrapped(|ui| {
        ui.label(faint(ui, "at most"));
        let most = ui.add(DragValue::new(&mut view.local_samples).range(2..=1_000_000).speed(5.0));
        most.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Pictures at most"));
        most.on_hover_text("So many pictures are measured, evenly spaced over the rows");
        ui.label(faint(ui, "pictures"));
        let job = state.jobs.iter().find(|job| job.title == TITLE);
        if why.local.running {
            if let Some(job) = job {
                let done = job.fraction.map_or(String::new(), |share| format!("  {:.0} %", share * 100.0));
                if ui.button(format!("Stop{done}")).clicked() {
                    out.push(Command::Cancel(job.id));
                }
            } else {
                ui.label(faint(ui, "starting …"));
            }
        } else {
            let rows = why.rows.samples.len().min(why.view.local_samples) as u64;
            let label = format!("Measure {}", text::plural(rows, "picture", "pictures"));
            if ui.add_enabled(rows > 0, primary(ui, &label)).clicked() {
                out.push(Command::Why(WhyCommand::Measure));
            }
        }
        let local = &why.local;
        if !local.found.is_empty() {
            let sampled = local.samples.len();
            let mut said = if sampled < local.of {
                format!("{} of {} pictures, evenly spaced", text::count(sampled as u64), text::count(local.of as u64))
            } else {
                text::plural(sampled as u64, "picture", "pictures")
            };
            if local.stopped {
                said.push_str("; stopped before the end");
            }
            ui.label(faint(ui, said).size(theme::all().text.small));
        }
    });
    if view != why.view {
        out.push(Command::Why(WhyCommand::View(Box::new(view))));
    }
    ui.add_space(space::S8);
}

fn empty_ui(ui: &mut Ui, state: &State) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 4.0).max(24.0));
        let what = if state.why.local.running { "Measuring …" } else { "How local are these models?" };
        ui.label(RichText::new(what).heading());
        ui.add_space(space::S4);
        let of = if rows::by_selection(state) { "the selection" } else { "the rows of the matrix" };
        ui.label(faint(
            ui,
            format!("Over {of} each column's maps become figures: how small a part of the picture holds half of what speaks for the class."),
        ));
    });
}

/// One figure: violins side by side, tests below.
fn chart_ui(ui: &mut Ui, chart: &LocalChart, width: f32) {
    let colors = tokens(ui);
    let title = ui.label(RichText::new(chart.figure.label).text_style(theme::strong()));
    title.on_hover_text(chart.figure.tip);
    let (rect, response) = ui.allocate_exact_size(vec2(width, CHART), Sense::hover());
    let small = font(ui, TextStyle::Small);
    let plot = Rect::from_min_max(pos2(rect.left() + 44.0, rect.top() + 8.0), pos2(rect.right(), rect.bottom() - 40.0));
    let y = |value: f64| plot.bottom() - (value / chart.high) as f32 * plot.height();
    for step in 0..=4 {
        let value = chart.high * f64::from(step) / 4.0;
        ui.painter().hline(plot.x_range(), y(value), Stroke::new(1.0, colors.hairline));
        let percent = value * 100.0;
        let label = if percent.fract().abs() < 1e-6 { format!("{percent:.0} %") } else { format!("{percent:.1} %") };
        let at = pos2(plot.left() - space::S8, y(value));
        ui.painter().text(at, Align2::RIGHT_CENTER, label, small.clone(), colors.text_faint);
    }
    let each = plot.width() / chart.violins.len().max(1) as f32;
    let mut said = Vec::new();
    for (at, violin) in chart.violins.iter().enumerate() {
        let x = plot.left() + each * (at as f32 + 0.5);
        let name = elided(ui, &violin.name, small.clone(), colors.text, each - space::S8, 1);
        ui.painter().galley(pos2(x - name.size().x / 2.0, plot.bottom() + 4.0), name, colors.text);
        let below = pos2(x, plot.bottom() + 28.0);
        let Some(of) = &violin.distribution else {
            ui.painter().text(below, Align2::CENTER_CENTER, "no picture has it", small.clone(), colors.text_faint);
            said.push(format!("{}: none", violin.name));
            continue;
        };
        let color = theme::category_color(at);
        let half = (each * 0.38).min(56.0);
        let right = violin.outline.iter().map(|(value, share)| pos2(x + half * *share as f32, y(*value)));
        let left = violin.outline.iter().rev().map(|(value, share)| pos2(x - half * *share as f32, y(*value)));
        // A mesh and no polygons: neighbours share corners, so that no seams are seen.
        let mut mesh = Mesh::default();
        let ink = color.gamma_multiply(0.35);
        for (value, share) in &violin.outline {
            let reach = half * *share as f32;
            mesh.colored_vertex(pos2(x - reach, y(*value)), ink);
            mesh.colored_vertex(pos2(x + reach, y(*value)), ink);
        }
        for slice in 1..violin.outline.len() as u32 {
            let first = slice * 2 - 2;
            mesh.add_triangle(first, first + 1, first + 2);
            mesh.add_triangle(first + 1, first + 2, first + 3);
        }
        ui.painter().add(mesh);
        if !violin.outline.is_empty() {
            ui.painter().add(Shape::closed_line(right.chain(left).collect(), Stroke::new(1.0, color)));
        }
        // The box: quartiles and median.
        let quartiles = Rect::from_min_max(pos2(x - 4.0, y(of.p75)), pos2(x + 4.0, y(of.p25)));
        ui.painter().rect_filled(quartiles, 2, color);
        ui.painter().vline(x, y(of.p95)..=y(of.p05), Stroke::new(1.0, color));
        ui.painter().circle(pos2(x, y(of.median)), 4.0, colors.window, Stroke::new(2.0, colors.text_strong));
        let label = format!("{:.1} %", of.median * 100.0);
        let beside = pos2(x + half + space::S4, y(of.median));
        ui.painter().text(beside, Align2::LEFT_CENTER, &label, font(ui, theme::strong()), colors.text_strong);
        let counted = format!("N = {}", text::count(of.n as u64));
        ui.painter().text(below, Align2::CENTER_CENTER, counted, small.clone(), colors.text_faint);
        said.push(format!("{}: median {label} of {}", violin.name, of.n));
    }
    let label = format!("{}: {}", chart.figure.label, said.join(", "));
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &label));
    for test in chart.tests.iter().take(6) {
        let name = |at: usize| chart.violins[at].name.as_str();
        let line = test_text(&test.result, name(test.a), name(test.b));
        let is_sure = test.result.p < 0.05;
        let color = if is_sure { colors.text } else { colors.text_faint };
        ui.add(egui::Label::new(RichText::new(&line).size(theme::all().text.small).color(color)).wrap())
            .on_hover_text("Wilcoxon's signed-rank test on the same pictures, two-sided");
    }
    if chart.tests.len() > 6 {
        ui.label(
            faint(ui, format!("and {} pairs more in the export", chart.tests.len() - 6)).size(theme::all().text.small),
        );
    }
}

/// The mean map of each column, on one scale.
fn means_ui(ui: &mut Ui, state: &State, frame: &WhyFrame) {
    if frame.local.means.is_empty() {
        return;
    }
    let title = ui.label(RichText::new("Mean maps").text_style(theme::strong()));
    title.on_hover_text(
        "The mean of all maps, each with its positive part as mass 1, on one scale: where a model looks on average.",
    );
    ui.add_space(space::S4);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(space::S16, space::S8);
        for (column, texture) in frame.local.of.iter().zip(&frame.local.means) {
            let (rect, response) = ui.allocate_exact_size(vec2(MEAN, MEAN + 36.0), Sense::hover());
            let map = Rect::from_min_size(rect.min, vec2(MEAN, MEAN));
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(texture.id(), map, uv, egui::Color32::WHITE);
            ui.painter().rect_stroke(
                map,
                radius::CONTROL,
                Stroke::new(1.0, tokens(ui).hairline),
                egui::StrokeKind::Outside,
            );
            let name = state.why.recipe_title(&column.recipe, &state.why.local.columns);
            let colors = tokens(ui);
            let small = font(ui, TextStyle::Small);
            let galley = elided(ui, &name, small.clone(), colors.text, MEAN, 1);
            ui.painter().galley(map.left_bottom() + vec2(0.0, 4.0), galley, colors.text);
            let (height, width) = (column.mean.height, column.mean.width);
            let said = format!("{}, {height} × {width}", column.layer);
            ui.painter().text(map.left_bottom() + vec2(0.0, 20.0), Align2::LEFT_TOP, said, small, colors.text_faint);
            response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Mean map of {name}")));
        }
    });
}
