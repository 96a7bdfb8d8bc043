//! The strips round the map: what it shows above, tools at the left, what it is of below.

use egui::{RichText, Ui, WidgetInfo, accesskit::Role, vec2};

use super::{MapFrame, export};
use crate::app::action::Action;
use crate::app::map::colour::ColourBy;
use crate::app::map::lacking::{self, Remedy};
use crate::app::map::{Camera, Drawn, MapCommand, MapView, Tool};
use crate::app::panels::text;
use crate::app::state::Lens;
use crate::app::statistics::{Beside, Tab};
use crate::app::{Command, State};
use crate::jobs::map::LabelBy;
use crate::views::theme::{self, space, tokens};
use crate::views::widgets::{faint, icon_button, icon_toggle};
use crate::views::{Commands, icons};

/// Model, layers, colours; pause and parameters at the right.
pub(super) fn strip_ui(ui: &mut Ui, state: &State, frame: &mut MapFrame, view: &mut MapView, out: &mut Commands) {
    egui::Frame::new().inner_margin(egui::Margin::symmetric(8, 4)).show(ui, |ui| {
        ui.horizontal(|ui| {
            model_ui(ui, state, view);
            layers_ui(ui, state, view);
            colour_ui(ui, state, view);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if icon_toggle(ui, icons::PALETTE, "Legend", view.legend_open).clicked() {
                    view.legend_open = !view.legend_open;
                }
                if icon_toggle(ui, icons::SLIDERS_HORIZONTAL, "Parameters of the layout", view.params_open).clicked() {
                    view.params_open = !view.params_open;
                }
                export::export_ui(ui, state, frame, out);
                running_ui(ui, state, out);
            });
        });
    });
}

fn model_ui(ui: &mut Ui, state: &State, view: &mut MapView) {
    let Some(source) = state.map.source() else { return };
    egui::ComboBox::from_id_salt("map model")
        // The whole name stands in the caption; the strip has to leave room for the layout's buttons.
        .selected_text(short(&source.name))
        .width(100.0)
        .show_ui(ui, |ui| {
            for other in state.map.sources() {
                if ui.selectable_label(other.model == source.model, &other.name).clicked() {
                    view.model = Some(other.model.clone());
                }
            }
        })
        .response
        .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Model of the map"));
}

/// A name of at most so many characters as the strip has room for.
fn short(name: &str) -> String {
    const MOST: usize = 16;
    if name.chars().count() <= MOST { name.to_owned() } else { name.chars().take(MOST - 1).chain(['…']).collect() }
}

/// One layer by a click, several side by side by their boxes.
fn layers_ui(ui: &mut Ui, state: &State, view: &mut MapView) {
    let Some(source) = state.map.source() else { return };
    let shown = state.map.layers();
    let label = if shown.len() > 3 { format!("{} layers", shown.len()) } else { shown.join(" | ") };
    let button = egui::Button::new(format!("{}  {label}", icons::STACK));
    let config =
        egui::containers::menu::MenuConfig::new().close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = egui::containers::menu::MenuButton::from_button(button).config(config).ui(ui, |ui| {
        ui.set_min_width(170.0);
        for layer in &source.layers {
            let on = shown.contains(&layer.name);
            ui.horizontal(|ui| {
                let mut checked = on;
                let check = ui.checkbox(&mut checked, "");
                check.widget_info(|| {
                    WidgetInfo::selected(Role::CheckBox, true, on, format!("Side by side {}", layer.name))
                });
                if check.on_hover_text("Side by side with the others").changed() {
                    view.layers.clone_from(&shown);
                    if checked {
                        view.layers.push(layer.name.clone());
                    } else if shown.len() > 1 {
                        view.layers.retain(|name| *name != layer.name);
                    }
                }
                let only =
                    ui.add(egui::Button::new(&layer.name).frame_when_inactive(false).selected(on && shown.len() == 1));
                if only.on_hover_text("Only this layer").clicked() {
                    view.layers = vec![layer.name.clone()];
                    ui.close();
                }
                ui.label(faint(ui, format!("{} numbers", layer.dims)).size(theme::all().text.small));
            });
        }
        ui.separator();
        if ui.button("All side by side").clicked() {
            view.layers = source.layers.iter().map(|layer| layer.name.clone()).collect();
            ui.close();
        }
    });
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Layers of the map"));
    response.on_hover_text("Layers of the model: one, or several side by side");
}

fn colour_ui(ui: &mut Ui, state: &State, view: &mut MapView) {
    egui::ComboBox::from_id_salt("map colour")
        .selected_text(view.colour.label())
        .width(120.0)
        .truncate()
        .show_ui(ui, |ui| {
            for by in ColourBy::choices(&state.population) {
                ui.selectable_value(&mut view.colour, by, by.label());
            }
        })
        .response
        .on_hover_text("Colour by")
        .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Colour by"));
}

/// How far the layout is, and the buttons that hold and end it.
fn running_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    if !state.map.running() {
        return;
    }
    if icon_button(ui, icons::STOP, "Stop the layout", true).clicked() {
        out.push(Command::Map(MapCommand::Stop));
    }
    let (icon, name) =
        if state.map.paused { (icons::PLAY, "Go on with the layout") } else { (icons::PAUSE, "Pause the layout") };
    if icon_button(ui, icon, name, true).clicked() {
        out.push(Command::Map(MapCommand::Pause(!state.map.paused)));
    }
    // The status bar has the share, too; here it stands where there is room.
    if ui.available_width() < 140.0 {
        return;
    }
    let moving = state.map.placed.values().find(|placed| !placed.placement.done);
    let text = match moving.map(|placed| placed.placement.epoch) {
        Some((epoch, epochs)) => {
            format!("epoch {} of {}", text::count(u64::from(epoch)), text::count(u64::from(epochs)))
        }
        None => "finding neighbours …".to_owned(),
    };
    ui.label(faint(ui, text).size(theme::all().text.small));
}

/// The tools, one below the other.
pub(super) fn tools_ui(ui: &mut Ui, state: &State, view: &mut MapView, out: &mut Commands) {
    ui.add_space(space::S8);
    ui.vertical_centered(|ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, space::S4);
        for (tool, icon, keys) in [
            (Tool::Pan, icons::HAND, "  (G)"),
            (Tool::Lasso, icons::LASSO, "  (S)"),
            (Tool::Rectangle, icons::RECTANGLE_DASHED, ""),
            (Tool::Polygon, icons::PATH, ""),
        ] {
            let on = view.tool == tool;
            let response =
                ui.add(egui::Button::new(RichText::new(icon).size(16.0)).frame_when_inactive(on).selected(on));
            response.widget_info(|| WidgetInfo::selected(Role::Button, true, on, tool.label()));
            let tip = match tool {
                Tool::Pan => "drag moves, the wheel zooms, a click selects",
                _ => "what is inside is selected and filtered; Shift adds, Ctrl takes away, both intersect",
            };
            if response.on_hover_text(format!("{}{keys}: {tip}", tool.label())).clicked() {
                view.tool = tool;
            }
        }
        ui.add_space(space::S8);
        let fits = view.camera == Camera::default();
        if icon_button(ui, icons::FRAME_CORNERS, Action::MapFit.label(), !fits).clicked() {
            out.act(Action::MapFit);
        }
        let marks = icon_button(ui, icons::TEXT_AA, MARKS, !state.selection.is_empty());
        if marks.on_hover_text("Words that the captions of the selection hold more often than all others").clicked() {
            marks_of_selection(state, out);
        }
        if icon_toggle(ui, icons::TEXT_T, "Region labels", view.drawn.labels).clicked() {
            view.drawn.labels = !view.drawn.labels;
        }
        drawn_ui(ui, state, view);
    });
}

/// What the button that leads to the words of the selection is called.
const MARKS: &str = "What words mark the selection";

/// Opens the statistics where the words of the selection stand beside all, those that mark it first.
fn marks_of_selection(state: &State, out: &mut Commands) {
    let mut view = state.statistics.view.clone().on(Tab::Ngrams);
    (view.order, view.beside) = (1, Beside::Whole);
    view.sort[Tab::Ngrams as usize] = None;
    view.find.clear();
    out.push(Command::Statistics(Box::new(view)));
    out.push(Command::Lens(Lens::Statistics));
}

/// What is missing from the map, with the button that gets it.
pub(in crate::views) fn lacking_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    let Some((text, remedy)) = lacking::notice(state) else { return };
    let colors = tokens(ui);
    egui::Frame::new().fill(colors.raised).inner_margin(egui::Margin::symmetric(12, 4)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new(icons::WARNING).color(colors.warning));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if let Some(job) = lacking::extracting(state) {
                    let share = job.fraction.map_or(String::new(), |share| format!(" {:.0} %", share * 100.0));
                    ui.label(faint(ui, format!("extracting …{share}")));
                } else if ui.button(remedy.label()).clicked() {
                    match remedy {
                        Remedy::Extract | Remedy::ExtractAgain => out.push(Command::Map(MapCommand::Extract)),
                        Remedy::Models => out.act(Action::ShowModels),
                    }
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    ui.add(egui::Label::new(&text).truncate()).on_hover_text(&text);
                });
            });
        });
    });
}

fn drawn_ui(ui: &mut Ui, state: &State, view: &mut MapView) {
    let button = egui::Button::new(RichText::new(icons::STACK).size(16.0)).frame_when_inactive(false);
    let config =
        egui::containers::menu::MenuConfig::new().close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = egui::containers::menu::MenuButton::from_button(button).config(config).ui(ui, |ui| {
        ui.set_min_width(190.0);
        let has_two = state.population.columns.datasets.len() > 1;
        for (name, on) in Drawn::LABELS.iter().zip(view.drawn.all()) {
            let usable = has_two || *name != Drawn::LABELS[3];
            ui.add_enabled(usable, egui::Checkbox::new(on, *name));
        }
        ui.separator();
        ui.label(faint(ui, "Regions are called by").size(theme::all().text.small));
        let columns = &state.population.columns;
        let by = state.map.label_by(columns);
        for choice in LabelBy::choices(columns) {
            let radio = ui.radio(by == choice, choice.label());
            radio.widget_info(|| {
                WidgetInfo::selected(Role::RadioButton, true, by == choice, format!("Regions by {}", choice.label()))
            });
            if radio.clicked() {
                view.label_by = Some(choice);
                view.drawn.labels = true;
            }
        }
        ui.separator();
        ui.horizontal(|ui| {
            ui.label(faint(ui, "Point size"));
            ui.spacing_mut().slider_width = 90.0;
            let slider = ui.add(egui::Slider::new(&mut view.point, 0.3..=3.0).logarithmic(true).show_value(false));
            slider.widget_info(|| WidgetInfo::slider(true, f64::from(view.point), "Point size"));
        });
    });
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "What is drawn"));
    response.on_hover_text("What is drawn");
}

/// What the map is of, in one line.
pub(super) fn caption_ui(ui: &mut Ui, state: &State) {
    let line = caption(state);
    let rect = ui.max_rect().shrink2(vec2(space::S12, 0.0));
    let font = crate::views::widgets::font(ui, egui::TextStyle::Small);
    let galley = crate::views::widgets::elided(ui, &line, font, tokens(ui).text_faint, rect.width(), 1);
    let place = egui::pos2(rect.left(), rect.center().y - galley.size().y / 2.0);
    let response = ui.interact(rect, egui::Id::unique("map caption"), egui::Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &line));
    ui.painter().galley(place, galley, tokens(ui).text_faint);
    response.on_hover_text(line);
}

/// `demo-shop, pool (128), 4,275 points, n_neighbors 15, min_dist 0.1, cosine, 500 epochs, seed 42, 3.1 s on CPU, recall 1.00`.
pub(super) fn caption(state: &State) -> String {
    let map = &state.map;
    let layers = map.layers();
    let Some(source) = map.source() else { return String::new() };
    let mut parts = vec![source.name.clone()];
    for layer in &layers {
        let dims = source.layers.iter().find(|other| other.name == *layer).map_or(0, |layer| layer.dims);
        parts.push(format!("{layer} ({dims})"));
    }
    if let Some(placed) = layers.iter().find_map(|layer| map.placed.get(layer)) {
        let facts = &placed.placement.facts;
        let params = &facts.params;
        parts.push(text::plural(placed.placement.samples.len() as u64, "point", "points"));
        if facts.left_out > 0 {
            parts.push(format!("{} left out", text::count(facts.left_out as u64)));
        }
        parts.push(format!("n_neighbors {}", params.n_neighbors));
        parts.push(format!("min_dist {}", params.min_dist));
        parts.push(format!("{:?}", params.metric).to_lowercase());
        parts.push(format!("{} epochs", text::count(u64::from(placed.placement.epoch.1))));
        parts.push(format!("seed {}", params.seed));
        if placed.placement.done {
            parts.push(format!("{:.1} s on {}", facts.seconds, facts.device));
        }
        if let Some(recall) = facts.recall {
            parts.push(format!("recall {recall:.3}"));
        }
        if placed.placement.cached {
            parts.push("computed before".to_owned());
        }
    }
    parts.join(",  ")
}
