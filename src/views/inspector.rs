//! The inspector: everything about the focused sample.

use egui::{Label, RichText, ScrollArea, Sense, TextStyle, Ui, WidgetInfo, accesskit::Role, vec2};

use super::picture::{picture_tools_ui, picture_ui};
use super::textures::Textures;
use super::theme::{self, space, tokens};
use super::why::{WhyFrame, inspected_ui};
use super::widgets::{action_button, faint, icon_button, section};
use super::{Commands, icons};
use crate::app::chips::Facet;
use crate::app::panels::predictions::{self, Guess, Guesses};
use crate::app::panels::{inspector, text};
use crate::app::state::Lens;
use crate::app::{Action, Command, State};
use crate::base::SampleId;
use crate::catalog::Record;
use crate::catalog::filter::Expr;

/// The whole panel.
pub fn inspector_ui(ui: &mut Ui, state: &State, textures: &mut Textures, why: &mut WhyFrame, out: &mut Commands) {
    let Some(sample) = state.focus.filter(|sample| sample.index() < state.len()) else {
        ui.vertical_centered(|ui| {
            ui.add_space(96.0);
            ui.label(faint(ui, icons::CURSOR).size(28.0));
            ui.add_space(space::S8);
            ui.label(faint(ui, "Click a picture to read its record."));
        });
        return;
    };
    let width = ui.available_width();
    let height = (width * 0.86).min(ui.available_height() * 0.42).max(120.0);
    let (rect, _) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    picture_ui(ui, state, textures, out, sample, rect, "inspector");
    ui.horizontal(|ui| {
        picture_tools_ui(ui, state, out);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            action_button(ui, state, out, icons::ARROWS_OUT, Action::Inspect);
        });
    });
    ScrollArea::vertical().id_salt("inspector").auto_shrink(false).show(ui, |ui| {
        ui.set_width(ui.available_width() - space::S4);
        if state.shows(Lens::Why) && !state.why.columns.is_empty() {
            section(ui, state, out, "WHY", "", |ui, _| inspected_ui(ui, state, textures, why, sample));
        }
        if let Some(record) = state.inspector.record.clone() {
            record_ui(ui, state, sample, &record, out);
        } else {
            let text = state.inspector.picture_error.clone().unwrap_or_else(|| "Reading …".to_owned());
            ui.label(faint(ui, text));
        }
    });
}

fn record_ui(ui: &mut Ui, state: &State, sample: SampleId, record: &Record, out: &mut Commands) {
    let fields = &record.fields;
    let headline = inspector::headline(record);
    ui.add_space(space::S4);
    ui.add(Label::new(RichText::new(headline).text_style(TextStyle::Heading)).wrap());
    path_ui(ui, record, out);
    ui.add_space(space::S4);
    guesses_ui(ui, state, out);
    if let Some(caption) = fields.caption.as_deref().filter(|caption| caption.trim() != headline) {
        text_ui(ui, "Caption", caption, out);
    }
    if let Some(title) = fields.title.as_deref().filter(|title| title.trim() != headline) {
        text_ui(ui, "Title", title, out);
    }
    if let Some(description) =
        fields.description.as_deref().filter(|text| !text.trim().is_empty() && text.trim() != headline)
    {
        text_ui(ui, "Description", description, out);
    }
    if !fields.bullets.is_empty() {
        head_ui(ui, "Bullets", &fields.bullets.join("\n"), out);
        for bullet in fields.bullets.iter().take(100) {
            ui.horizontal_top(|ui| {
                ui.label(faint(ui, "•"));
                ui.add(Label::new(text::cut(bullet, 1000)).wrap());
            });
        }
        ui.add_space(space::S8);
    }
    facts_ui(ui, state, sample, record, out);
    tags_ui(ui, state, sample, out);
    raw_ui(ui, state, out);
}

/// The taxonomy path; each name filters to what is under it.
fn path_ui(ui: &mut Ui, record: &Record, out: &mut Commands) {
    let path = inspector::path(record);
    if path.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::S4;
        let last = path.len() - 1;
        for (i, (name, to_here)) in path.into_iter().enumerate() {
            let color = tokens(ui).accent;
            let text = RichText::new(&name).small().color(color);
            let response =
                ui.add(Label::new(text).sense(Sense::click())).on_hover_cursor(egui::CursorIcon::PointingHand);
            response.widget_info(|| WidgetInfo::labeled(Role::Link, true, format!("Taxonomy {name}")));
            if response.on_hover_text("Show what is under this").clicked() {
                let add = ui.input(|input| input.modifiers.command);
                out.push(Command::Toggle { facet: Facet::Taxonomy, expr: Expr::Under(to_here), add });
            }
            if i < last {
                ui.label(faint(ui, icons::CARET_RIGHT).size(9.0));
            }
        }
    });
}

/// What the active model says: a bar a class, the sample's own class marked.
fn guesses_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    let guesses = predictions::guesses(state);
    let name = state.population.predictions.as_ref().map(|active| active.predictor.name.as_str());
    ui.horizontal(|ui| {
        ui.label(faint(ui, "Predictions").size(theme::all().text.small));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if let Some(name) = name {
                let name_text = faint(ui, name).size(theme::all().text.small);
                ui.add(Label::new(name_text).truncate()).on_hover_text(name);
            }
        });
    });
    let mut ask = |ui: &mut Ui, text: &str| {
        ui.horizontal(|ui| {
            ui.label(faint(ui, text));
            if ui.button("Predict …").clicked() {
                out.act(Action::ShowModels);
            }
        });
    };
    match guesses {
        Guesses::NoModel(0) => ask(ui, "No predictions yet."),
        Guesses::NoModel(_) => ask(ui, "No model is active."),
        Guesses::NotAsked => ask(ui, "Not predicted by this model."),
        Guesses::NoNumbers => {
            ui.label(faint(ui, "The model gave no numbers for this picture."));
        }
        Guesses::Best(best) => {
            for guess in &best {
                guess_ui(ui, guess, out);
            }
            if let Some(own) = predictions::own_class(state) {
                ui.label(faint(ui, format!("Its own class is not among them: {own}")).size(theme::all().text.small));
            }
        }
    }
    ui.add_space(space::S8);
}

/// One class: name over a bar, probability at the right; green with a mark where it is the sample's own.
fn guess_ui(ui: &mut Ui, guess: &Guess, out: &mut Commands) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 21.0), Sense::click());
    let percent = format!("{:.1} %", guess.probability * 100.0);
    response.widget_info(|| {
        let own = if guess.is_own { ", its own class" } else { "" };
        let mut info = WidgetInfo::labeled(Role::Button, true, format!("Predicted {}", guess.name));
        info.current_text_value = Some(format!("{percent}{own}"));
        info
    });
    let colors = tokens(ui);
    let painter = ui.painter();
    if response.hovered() {
        painter.rect_filled(rect, theme::radius::CONTROL, colors.hover);
    }
    let (color, mark) = if guess.is_own { (colors.ok, icons::CHECK) } else { (colors.text_faint, "") };
    let track = egui::Rect::from_min_size(egui::pos2(rect.left(), rect.bottom() - 3.0), vec2(rect.width(), 2.0));
    painter.rect_filled(track, 1, colors.bar);
    let mut bar = track;
    bar.set_width((rect.width() * guess.probability.clamp(0.0, 1.0)).max(1.0));
    painter.rect_filled(bar, 1, color);
    let y = rect.center().y - 1.0;
    let small = super::widgets::font(ui, TextStyle::Small);
    let right = painter.text(egui::pos2(rect.right(), y), egui::Align2::RIGHT_CENTER, &percent, small, colors.text);
    let mut left = rect.left();
    if !mark.is_empty() {
        let at = egui::pos2(left, y);
        painter.text(at, egui::Align2::LEFT_CENTER, mark, egui::FontId::proportional(12.0), color);
        left += space::S16;
    }
    let font = super::widgets::font(ui, TextStyle::Body);
    let galley = super::widgets::elided(ui, &guess.name, font, colors.text, right.left() - left - space::S8, 1);
    let is_cut = galley.elided;
    painter.galley(egui::pos2(left, y - galley.size().y / 2.0), galley, colors.text);
    super::widgets::focus_ring(ui, &response);
    let tip = if is_cut { format!("{}: filter by this", guess.name) } else { "Filter by this".to_owned() };
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(tip);
    if response.clicked() {
        let add = ui.input(|input| input.modifiers.command);
        out.push(Command::Toggle { facet: Facet::Predicted, expr: guess.filter.clone(), add });
    }
}

fn head_ui(ui: &mut Ui, name: &str, text: &str, out: &mut Commands) {
    ui.horizontal(|ui| {
        ui.label(faint(ui, name).size(theme::all().text.small));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if icon_button(ui, icons::COPY, &format!("Copy the {}", name.to_lowercase()), true).clicked() {
                out.push(Command::Copy(text.to_owned()));
            }
        });
    });
}

fn text_ui(ui: &mut Ui, name: &str, text: &str, out: &mut Commands) {
    head_ui(ui, name, text, out);
    // A text of megabytes is cut here; copy and raw record have it whole.
    let shown = text::cut(text, 4000);
    ui.add(Label::new(shown).wrap());
    if shown.len() < text.len() {
        ui.label(faint(ui, format!("… and {} bytes more", text.len() - shown.len())));
    }
    ui.add_space(space::S8);
}

fn facts_ui(ui: &mut Ui, state: &State, sample: SampleId, record: &Record, out: &mut Commands) {
    let mut line = |ui: &mut Ui, name: &str, value: &str, filter: Option<(Facet, Expr)>, link: bool| {
        ui.horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(78.0, 20.0), Sense::hover());
            let small = super::widgets::font(ui, TextStyle::Small);
            ui.painter().text(rect.left_center(), egui::Align2::LEFT_CENTER, name, small, tokens(ui).text_faint);
            let space_for_copy = 28.0;
            let width = (ui.available_width() - space_for_copy).max(40.0);
            ui.allocate_ui_with_layout(vec2(width, 20.0), egui::Layout::left_to_right(egui::Align::Center), |ui| {
                if link && (value.starts_with("https://") || value.starts_with("http://")) {
                    ui.add(egui::Hyperlink::from_label_and_url(value, value).open_in_new_tab(true))
                        .on_hover_text(value);
                } else if let Some((facet, expr)) = filter {
                    let text = RichText::new(value).color(tokens(ui).accent);
                    let response = ui
                        .add(Label::new(text).truncate().sense(Sense::click()))
                        .on_hover_cursor(egui::CursorIcon::PointingHand);
                    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, format!("{name} {value}")));
                    if response.on_hover_text("Filter by this").clicked() {
                        let add = ui.input(|input| input.modifiers.command);
                        out.push(Command::Toggle { facet, expr, add });
                    }
                } else {
                    ui.add(Label::new(value).truncate()).on_hover_text(value);
                }
            });
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let text = RichText::new(icons::COPY).size(13.0).color(tokens(ui).text_faint);
                let copy = ui.add(egui::Button::new(text).frame_when_inactive(false));
                if super::widgets::named(copy, Role::Button, &format!("Copy {}", name.to_lowercase())).clicked() {
                    out.push(Command::Copy(value.to_owned()));
                }
            });
        });
    };
    line(ui, "Key", &record.key, None, false);
    for fact in inspector::facts(state, sample, record) {
        line(ui, fact.name, &fact.value, fact.filter, fact.link);
    }
    ui.add_space(space::S8);
}

/// The sample's tags, each with a cross, and a button for one more.
fn tags_ui(ui: &mut Ui, state: &State, sample: SampleId, out: &mut Commands) {
    ui.horizontal_wrapped(|ui| {
        for (tag, samples) in &state.population.tags {
            if samples.contains(sample.0) {
                let response = ui.button(format!("{tag}  {}", icons::X));
                response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Remove tag {tag}")));
                if response.on_hover_text("Take this tag off the sample").clicked() {
                    let samples = roaring::RoaringBitmap::from_iter([sample.0]);
                    out.push(Command::Tag { tag: tag.clone(), samples: samples.into(), on: false });
                }
            }
        }
        let response = ui.add(egui::Button::new(format!("{}  Tag", icons::PLUS)).frame_when_inactive(false));
        if super::widgets::named(response, Role::Button, "Tag this sample").clicked() {
            if !state.selection.contains(sample.0) {
                out.push(Command::Click { sample, shift: false, ctrl: false });
            }
            out.act(Action::TagSelection);
        }
    });
}

fn raw_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    section(ui, state, out, "RAW RECORD", "", |ui, out| match &state.inspector.raw {
        None => {
            ui.label(faint(ui, "Reading …"));
        }
        Some(Err(why)) => {
            ui.label(faint(ui, why));
        }
        Some(Ok(json)) => {
            if ui.button(format!("{}  Copy as JSON", icons::COPY)).clicked() {
                out.push(Command::Copy(json.to_string()));
            }
            ui.add_space(space::S4);
            let shown = text::cut(json, 20_000);
            ui.add(Label::new(RichText::new(shown).monospace()).wrap());
            if shown.len() < json.len() {
                ui.label(faint(ui, "… the rest is in the copy"));
            }
        }
    });
}
