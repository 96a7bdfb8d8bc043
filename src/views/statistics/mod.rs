//! The statistics lens: pages with a chart above and a table below.
//!
//! What stands on a page is made by [`panels::statistics`](crate::app::panels::statistics) and kept until the counts or the way they
//! are looked at change; here it is only painted. Every word, bar and leaf is a button that filters the grid.

mod leaves;
mod ngrams;
mod paper;
mod picture;
mod plot;
mod pos;
mod predictions;
mod table;
mod vocabulary;
mod words;

use std::sync::Arc;

use egui::{Color32, RichText, TextStyle, Ui, WidgetInfo, accesskit::Role};

use super::dialogs::{open, primary};
use super::theme::{self, space, tokens};
use super::widgets::{faint, field, icon_button, tab_button};
use super::{Commands, icons};
use crate::analysis::text::report::TextField;
use crate::app::panels::statistics::chart::{Chart, Marks};
use crate::app::panels::statistics::svg::{self, Palette};
use crate::app::panels::statistics::table::{Pick, Table};
use crate::app::panels::statistics::{self, Page};
use crate::app::panels::text;
use crate::app::state::{Dialog, Lens};
use crate::app::statistics::{Beside, Counted, StatisticsView, Tab, groups};
use crate::app::{Action, Command, State};

/// The page of the last frame: made again when counts or view change, not with every frame.
#[derive(Debug, Default)]
pub struct StatisticsFrame {
    made: Option<Made>,
    predictions: predictions::PredictionsFrame,
}

#[derive(Debug)]
struct Made {
    counted: Arc<Counted>,
    view: StatisticsView,
    page: Arc<Page>,
    /// Rows of the first table as the view sorts and filters them.
    rows: Arc<[usize]>,
}

/// What a page is painted with.
pub(super) struct Paint<'a> {
    counted: &'a Counted,
    page: &'a Page,
    rows: &'a [usize],
    /// One colour a group.
    colors: Vec<Color32>,
}

/// The tabs that choose the lens, at the left of its tool strip.
pub fn lens_tabs_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    for (lens, action) in [(Lens::Grid, Action::ShowGrid), (Lens::Statistics, Action::ShowStatistics)] {
        let on = state.lens == lens;
        let tip = action.shortcuts().first().map_or(String::new(), |keys| keys.label());
        if tab_button(ui, action.label(), on).on_hover_text(tip).clicked() && !on {
            out.push(Command::Lens(lens));
        }
    }
    ui.add_space(space::S4);
    ui.separator();
    ui.add_space(space::S4);
}

/// The whole lens.
pub fn statistics_ui(ui: &mut Ui, state: &State, frame: &mut StatisticsFrame, out: &mut Commands) {
    let mut view = state.statistics.view.clone();
    if view.tab == Tab::Predictions {
        // Made of predictions: no text has to be counted for it.
        predictions::predictions_ui(ui, state, &mut frame.predictions, &mut view, out);
        return changed(state, view, out);
    }
    let made = state.statistics.counted.as_ref().map(|counted| frame.page(counted, &view));
    let has_text = made.is_some_and(|made| made.counted.report.datasets.iter().any(|group| group.captions > 0));
    strip(ui, |ui| strip_ui(ui, state, &mut view, made, out));
    let Some(made) = made else {
        strip(ui, |ui| tabs_ui(ui, None, &mut view));
        changed(state, view, out);
        return empty_ui(ui, state, out);
    };
    strip(ui, |ui| tabs_ui(ui, Some(&made.page), &mut view));
    if state.statistics.stale {
        strip(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(faint(ui, "These counts are of other samples than those that are shown now."));
                if ui.button("Count again").clicked() {
                    out.push(Command::CountStatistics);
                }
            });
        });
    }
    if has_text || view.tab == Tab::Leaves {
        let paint =
            Paint { counted: &made.counted, page: &made.page, rows: &made.rows, colors: colors(ui, &made.counted) };
        egui::Frame::new().inner_margin(egui::Margin { left: 12, right: 12, top: 4, bottom: 8 }).show(ui, |ui| {
            match made.view.tab {
                Tab::Words => words::words_ui(ui, &paint, &mut view, out),
                Tab::PartsOfSpeech => pos::pos_ui(ui, &paint, &mut view, out),
                Tab::Ngrams => ngrams::ngrams_ui(ui, &paint, &mut view, out),
                Tab::Leaves => leaves::leaves_ui(ui, &paint, &mut view, out),
                Tab::Vocabulary => vocabulary::vocabulary_ui(ui, &paint, &mut view, out),
                // Dealt with above.
                Tab::Predictions => {}
                Tab::Paper => paper::paper_ui(ui, &paint, out),
            }
        });
    } else {
        textless_ui(ui, state, &mut view);
    }
    changed(state, view, out);
}

fn changed(state: &State, view: StatisticsView, out: &mut Commands) {
    if view != state.statistics.view {
        out.push(Command::Statistics(Box::new(view)));
    }
}

impl StatisticsFrame {
    fn page(&mut self, counted: &Arc<Counted>, view: &StatisticsView) -> &Made {
        let is_new = |made: &Made| !Arc::ptr_eq(&made.counted, counted) || made.view != *view;
        if self.made.as_ref().is_none_or(is_new) {
            let page = statistics::page(counted, view);
            let rows = page.tables.first().map_or(Vec::new(), |table| table.view(&view.find, view.sort()));
            self.made = Some(Made {
                counted: Arc::clone(counted),
                view: view.clone(),
                page: Arc::new(page),
                rows: rows.into(),
            });
        }
        self.made.as_ref().expect("it was made above")
    }
}

/// Datasets have their own colours; all else is two tones of the accent, the whole paler.
fn colors(ui: &Ui, counted: &Counted) -> Vec<Color32> {
    let colors = tokens(ui);
    let groups = counted.report.datasets.len();
    match counted.beside {
        Beside::Datasets(a, b) if groups == 2 => vec![theme::dataset_color(a), theme::dataset_color(b)],
        _ if groups == 2 => vec![colors.accent, colors.window.lerp_to_gamma(colors.accent, 0.42)],
        _ => vec![colors.window.lerp_to_gamma(colors.accent, 0.7); groups],
    }
}

fn strip(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    egui::Frame::new().fill(tokens(ui).window).inner_margin(egui::Margin::symmetric(8, 4)).show(ui, content);
}

/// Lens, groups, text, export.
fn strip_ui(ui: &mut Ui, state: &State, view: &mut StatisticsView, made: Option<&Made>, out: &mut Commands) {
    ui.horizontal(|ui| {
        lens_tabs_ui(ui, state, out);
        let datasets = &state.population.columns.datasets;
        if datasets.len() > 1 {
            let name = |beside: Beside| match beside {
                Beside::Datasets(a, b) if a < datasets.len() && b < datasets.len() => {
                    format!("{} | {}", datasets[a].name, datasets[b].name)
                }
                _ => "Whole and selection".to_owned(),
            };
            egui::ComboBox::from_id_salt("beside")
                .selected_text(name(view.beside))
                .width(150.0)
                .truncate()
                .show_ui(ui, |ui| {
                    ui.selectable_value(&mut view.beside, Beside::Whole, name(Beside::Whole));
                    // Each against each; the first few are what a menu can hold.
                    let most = datasets.len().min(5);
                    for a in 0..most {
                        for b in (0..most).filter(|&b| b != a) {
                            let beside = Beside::Datasets(a, b);
                            ui.selectable_value(&mut view.beside, beside, name(beside));
                        }
                    }
                })
                .response
                .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Side by side"));
        }
        egui::ComboBox::from_id_salt("text")
            .selected_text(format!("{}  {}", icons::TEXT_T, text_label(view.text)))
            .width(120.0)
            .show_ui(ui, |ui| {
                for text in TextField::ALL {
                    ui.selectable_value(&mut view.text, text, text_label(text));
                }
            })
            .response
            .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Text that is counted"));
        if state.statistics.counting && made.is_some() {
            ui.label(faint(ui, "Counting …"));
        }
        if let Some(made) = made {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                export_ui(ui, view, &made.counted, &made.page, &made.rows, out);
            });
        }
    });
}

fn text_label(text: TextField) -> &'static str {
    match text {
        TextField::Caption => "Captions",
        TextField::Title => "Titles",
        TextField::Description => "Descriptions",
        TextField::Bullets => "Bullets",
        TextField::TitleDescription => "Titles and descriptions",
    }
}

/// Tables to CSV and JSON, the chart to SVG and PNG.
fn export_ui(ui: &mut Ui, view: &StatisticsView, counted: &Counted, page: &Page, shown: &[usize], out: &mut Commands) {
    let button = egui::Button::new(RichText::new(icons::EXPORT).size(16.0)).frame_when_inactive(false);
    let (response, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| {
        ui.set_min_width(200.0);
        for table in &page.tables {
            let rows: Vec<usize> = if page.tables.len() == 1 { shown.to_vec() } else { table.view("", None) };
            let named = if page.tables.len() == 1 { "Table".to_owned() } else { table.title.clone() };
            for (kind, ending) in [("CSV", "csv"), ("JSON", "json")] {
                if ui.button(format!("{named} as {kind} …")).clicked() {
                    let text = if ending == "csv" { table.csv(&rows) } else { table.json(&rows) };
                    save(view, &table.title, ending, text.into_bytes(), out);
                    ui.close();
                }
            }
        }
        if let Some(chart) = &page.chart {
            if ui.button("Chart as SVG …").clicked() {
                let drawn = svg::svg(chart, 960.0, 540.0, &palette(ui, counted));
                save(view, &chart.title, "svg", drawn.into_bytes(), out);
                ui.close();
            }
            if ui.button("Chart as PNG …").clicked() {
                let colors = colors(ui, counted);
                let paint = Paint { counted, page, rows: shown, colors };
                save(view, &chart.title, "png", picture::chart_png(&paint, ui.visuals().dark_mode), out);
                ui.close();
            }
        }
    });
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Export tables and chart"));
    response.on_hover_text("Export tables and chart");
}

fn palette(ui: &Ui, counted: &Counted) -> Palette {
    let hex = |color: Color32| format!("#{:02x}{:02x}{:02x}", color.r(), color.g(), color.b());
    let c = tokens(ui);
    Palette {
        ground: hex(c.window),
        text: hex(c.text),
        faint: hex(c.text_faint),
        hairline: hex(c.hairline),
        series: colors(ui, counted).into_iter().map(hex).collect(),
    }
}

fn save(view: &StatisticsView, title: &str, ending: &str, bytes: Vec<u8>, out: &mut Commands) {
    let slug: String = title.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = format!("{}-{}.{ending}", view.tab.word(), slug.trim_matches('-'));
    let bytes = Arc::new(bytes);
    // Where the system has no dialog (it answers nothing, as for a cancel), the name can be typed.
    out.push(match open::save_file(&name) {
        Some(path) => Command::WriteFile { path, bytes },
        None => Command::Dialog(Some(Dialog::SaveFile { path: format!("~/{name}"), bytes })),
    });
}

/// The pages, and the axes of the chart.
fn tabs_ui(ui: &mut Ui, page: Option<&Page>, view: &mut StatisticsView) {
    ui.horizontal(|ui| {
        for tab in Tab::ALL {
            if tab_button(ui, tab.label(), view.tab == tab).clicked() {
                *view = std::mem::take(view).on(tab);
            }
        }
        let tab = view.tab;
        // Recalls, which end at one, have no use for a logarithmic axis.
        let has_axes = |chart: &&Chart| !matches!(chart.marks, Marks::Tiles(_)) && tab != Tab::Predictions;
        if let Some(chart) = page.and_then(|page| page.chart.as_ref()).filter(has_axes) {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let ranked = matches!(chart.marks, Marks::Ranked(_));
                let axes = &mut view.log[tab as usize];
                for (axis, name, label) in [(1, "Logarithmic y axis", "log y"), (0, "Logarithmic x axis", "log x")] {
                    // A list of names has no second axis.
                    if axis == 1 && ranked {
                        continue;
                    }
                    let on = axes[axis];
                    let button = egui::Button::new(RichText::new(label).text_style(TextStyle::Small));
                    let response = ui.add(button.frame_when_inactive(on).selected(on));
                    response.widget_info(|| WidgetInfo::selected(Role::Button, true, on, name));
                    if response.on_hover_text(name).clicked() {
                        axes[axis] = !on;
                    }
                }
            });
        }
    });
}

/// What is needed, with the one button that does it.
fn empty_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 3.0).max(24.0));
        if state.is_empty() || state.querying() {
            ui.label(faint(ui, "Looking …"));
            return;
        }
        let samples: u64 = groups(state).last().map_or(0, |group| group.samples.len());
        if state.statistics.counting {
            ui.label(RichText::new("Counting …").heading());
            ui.add_space(space::S4);
            ui.label(faint(ui, "Progress stands in the status bar; the grid can be used meanwhile."));
            return;
        }
        ui.label(RichText::new("Nothing is counted yet.").heading());
        ui.add_space(space::S4);
        ui.label(faint(
            ui,
            format!(
                "Words, parts of speech, n-grams and leaves of {} have to be read once; what was read is kept.",
                text::plural(samples, "sample", "samples")
            ),
        ));
        ui.add_space(space::S12);
        if ui.add(primary(ui, "Count")).clicked() {
            out.push(Command::CountStatistics);
        }
    });
}

/// No sample has the text that was asked for.
fn textless_ui(ui: &mut Ui, state: &State, view: &mut StatisticsView) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 3.0).max(24.0));
        ui.label(
            RichText::new(format!("No sample has {}.", text_label(state.statistics.view.text).to_lowercase()))
                .heading(),
        );
        ui.add_space(space::S12);
        let other = if view.text == TextField::Caption { TextField::Title } else { TextField::Caption };
        if ui.add(primary(ui, &format!("Count {} instead", text_label(other).to_lowercase()))).clicked() {
            view.text = other;
        }
    });
}

/// A click on a word, a bar or a leaf: it becomes the filter, and the grid shows what has it.
pub(super) fn show(ui: &Ui, pick: &Pick, out: &mut Commands) {
    let add = ui.input(|input| input.modifiers.command);
    out.push(Command::Toggle { facet: pick.facet, expr: pick.expr.clone(), add });
    if !add {
        out.push(Command::Lens(Lens::Grid));
    }
}

/// Figures in one line a group.
pub(super) fn facts_ui(ui: &mut Ui, paint: &Paint) {
    let Some(facts) = &paint.page.facts else { return };
    egui::ScrollArea::horizontal().id_salt("facts").show(ui, |ui| {
        egui::Grid::new("facts").spacing([space::S16, 2.0]).show(ui, |ui| {
            for name in &facts.columns {
                ui.label(faint(ui, name).size(theme::all().text.small));
            }
            ui.end_row();
            for row in &facts.rows {
                for cell in &row.cells {
                    ui.label(RichText::new(cell.shown()).size(theme::all().text.small));
                }
                ui.end_row();
            }
        });
    });
    ui.add_space(space::S4);
}

/// The field above a table, how many rows it leaves, and the copy button; below it the table.
pub(super) fn table_ui(ui: &mut Ui, paint: &Paint, view: &mut StatisticsView, out: &mut Commands) {
    let Some(table) = paint.page.tables.first() else { return };
    ui.horizontal(|ui| {
        let what = table.columns.first().map_or("row", String::as_str);
        field(ui, &mut view.find, "Find in the table", &format!("Find a {what}"), 180.0);
        let note = if paint.rows.len() == table.rows.len() {
            text::plural(table.rows.len() as u64, "row", "rows")
        } else {
            format!("{} of {} rows", text::count(paint.rows.len() as u64), text::count(table.rows.len() as u64))
        };
        ui.label(faint(ui, note).size(theme::all().text.small));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| copy_button(ui, table, paint.rows, out));
    });
    ui.add_space(space::S4);
    table::table_ui(ui, paint, table, view, out);
}

/// Copies a table as tab-separated values.
pub(super) fn copy_button(ui: &mut Ui, table: &Table, rows: &[usize], out: &mut Commands) {
    if icon_button(ui, icons::COPY, &format!("Copy {} as TSV", table.title), true).clicked() {
        out.push(Command::Copy(table.tsv(rows)));
    }
}

/// The height of the chart: what is above the table, at most so much that bars stay bars.
pub(super) fn chart_height(ui: &Ui) -> f32 {
    (ui.available_height() * 0.45).clamp(150.0, 460.0)
}
