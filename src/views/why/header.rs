//! The head of a column: model, layer, method, class.

use egui::{Button, Rect, RichText, ScrollArea, TextStyle, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2};

use super::{WhyFrame, add};
use crate::app::panels::text;
use crate::app::why::{Column, Edit, METHODS, Of, WhyCommand, method_label, short_class};
use crate::app::{Command, State};
use crate::jobs::why::{Aim, ModelFacts, Recipe, Scored};
use crate::views::theme::{self, space, tokens};
use crate::views::widgets::{elided, faint, field, font, icon_button};
use crate::views::{Commands, icons};

/// Height of a head, points.
pub(super) const HEIGHT: f32 = 116.0;
/// Classes in a list.
const LISTED: usize = 400;

fn edit(out: &mut Commands, edit: Edit) {
    out.push(Command::Why(WhyCommand::Edit(edit)));
}

/// The head of a column in `rect`.
pub(super) fn head_ui(
    ui: &mut Ui,
    state: &State,
    frame: &mut WhyFrame,
    column: &Column,
    rect: Rect,
    out: &mut Commands,
) {
    let salt = ("why head", column.id);
    let mut ui = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(salt));
    ui.set_clip_rect(rect.expand(2.0).intersect(ui.clip_rect()));
    ui.spacing_mut().item_spacing = vec2(space::S4, space::S4);
    match &column.of {
        Of::Maps(recipe) => maps_head_ui(&mut ui, state, frame, column, recipe, out),
        Of::Difference(a, b) => difference_head_ui(&mut ui, state, column, (*a, *b), out),
    }
}

fn difference_head_ui(ui: &mut Ui, state: &State, column: &Column, (a, b): (u32, u32), out: &mut Commands) {
    let name = |id: u32| state.why.column(id).map_or_else(String::new, |column| state.why.title(column));
    ui.horizontal(|ui| {
        ui.label(faint(ui, "Difference").size(theme::all().text.small));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if icon_button(ui, icons::X, &format!("Remove {}", state.why.title(column)), true).clicked() {
                edit(out, Edit::Remove(column.id));
            }
            if icon_button(ui, icons::SWAP, "The other way round", true).clicked() {
                edit(out, Edit::Remove(column.id));
                edit(out, Edit::Difference(b, a));
            }
        });
    });
    ui.add(egui::Label::new(RichText::new(name(a)).text_style(theme::strong())).truncate());
    ui.label(faint(ui, "not"));
    ui.add(egui::Label::new(RichText::new(name(b)).text_style(theme::strong())).truncate());
}

fn maps_head_ui(
    ui: &mut Ui,
    state: &State,
    frame: &mut WhyFrame,
    column: &Column,
    recipe: &Recipe,
    out: &mut Commands,
) {
    let width = ui.available_width();
    let change = |out: &mut Commands, changed: Recipe| {
        if changed != *recipe {
            edit(out, Edit::Change(column.id, changed));
        }
    };
    ui.horizontal(|ui| {
        let name = state.why.model_name(&recipe.model);
        let strong = RichText::new(text::cut(&name, 60)).text_style(theme::strong());
        let button = Button::new(strong).truncate().frame_when_inactive(false).min_size(vec2(width - 32.0, 22.0));
        let label = format!("Model of column {}", column.id);
        ui.scope(|ui| {
            ui.set_max_width(width - 32.0);
            add::menu_ui(ui, state, frame, button, (&label, &name), &mut |model| {
                // Layers and numbers of classes belong to a model.
                let aim = match &recipe.aim {
                    Aim::Class(_) => Aim::Predicted,
                    other => other.clone(),
                };
                change(out, Recipe { model, layer: None, aim, ..recipe.clone() });
            });
        });
        more_ui(ui, state, column, out);
    });
    let facts = state.why.facts(&recipe.model).cloned();
    layer_ui(ui, state, column, recipe, facts.as_deref(), width, &mut |changed| change(out, changed));
    let mut method = recipe.method;
    egui::ComboBox::from_id_salt(("why method", column.id))
        .selected_text(method_label(method))
        .width(width)
        .truncate()
        .height(400.0)
        .show_ui(ui, |ui| {
            for other in METHODS {
                let note = if other.needs_gradients() { "" } else { "  (forward only)" };
                ui.selectable_value(&mut method, other, format!("{}{note}", method_label(other)));
            }
        })
        .response
        .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, format!("Method of column {}", column.id)));
    change(out, Recipe { method, ..recipe.clone() });
    class_ui(ui, state, frame, column, recipe, facts.as_deref(), width, out);
}

/// Duplicate, difference, remove.
fn more_ui(ui: &mut Ui, state: &State, column: &Column, out: &mut Commands) {
    let button = Button::new(RichText::new(icons::DOTS_THREE_VERTICAL).size(16.0)).frame_when_inactive(false);
    let (response, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| {
        if ui.button("Duplicate").clicked() {
            edit(out, Edit::Duplicate(column.id));
        }
        let is_first = state.why.columns.first().is_some_and(|first| first.id == column.id);
        if ui.add_enabled(!is_first, Button::new("Move to the left")).clicked() {
            edit(out, Edit::Left(column.id));
        }
        let others: Vec<&Column> =
            state.why.columns.iter().filter(|other| other.id != column.id && matches!(other.of, Of::Maps(_))).collect();
        if !others.is_empty() {
            ui.separator();
            for other in others {
                let label = format!("This, not {}", text::cut(&state.why.title(other), 40));
                if ui.button(label).clicked() {
                    edit(out, Edit::Difference(column.id, other.id));
                }
            }
        }
        ui.separator();
        if ui.button("Remove").clicked() {
            edit(out, Edit::Remove(column.id));
        }
    });
    let name = format!("Column {}", column.id);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    response.on_hover_text("Duplicate, difference, remove");
}

fn layer_ui(
    ui: &mut Ui,
    state: &State,
    column: &Column,
    recipe: &Recipe,
    facts: Option<&ModelFacts>,
    width: f32,
    change: &mut dyn FnMut(Recipe),
) {
    let label = |name: &str, side: usize| format!("{name}  ({side} × {side})");
    let made = state.why.made.iter().find(|(other, _)| ***other == *recipe).and_then(|(_, made)| made.as_ref().ok());
    let shown = match (made, &recipe.layer) {
        (Some(made), _) => format!("{}  ({} × {})", made.layer, made.resolution.0, made.resolution.1),
        (None, Some(layer)) => layer.clone(),
        (None, None) => "last layer".to_owned(),
    };
    let mut layer = recipe.layer.clone();
    ui.add_enabled_ui(!recipe.method.of_input(), |ui| {
        egui::ComboBox::from_id_salt(("why layer", column.id))
            .selected_text(shown)
            .width(width)
            .truncate()
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut layer, None, "last with places");
                for (name, side) in facts.map(|facts| &facts.layers[..]).unwrap_or_default().iter().rev() {
                    ui.selectable_value(&mut layer, Some(name.clone()), label(name, *side));
                }
            })
            .response
            .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, format!("Layer of column {}", column.id)));
    });
    if layer != recipe.layer {
        change(Recipe { layer, ..recipe.clone() });
    }
}

#[expect(clippy::too_many_arguments, reason = "the picker needs column, recipe and model, and what is typed into it")]
fn class_ui(
    ui: &mut Ui,
    state: &State,
    frame: &mut WhyFrame,
    column: &Column,
    recipe: &Recipe,
    facts: Option<&ModelFacts>,
    width: f32,
    out: &mut Commands,
) {
    let label = state.why.aim_label(recipe);
    let button = Button::new(format!("{}  {}", icons::CROSSHAIR_SIMPLE, text::cut(&label, 60)))
        .truncate()
        .min_size(vec2(width, 22.0));
    let config =
        egui::containers::menu::MenuConfig::new().close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    let response = ui
        .scope(|ui| {
            ui.set_max_width(width);
            egui::containers::menu::MenuButton::from_button(button)
                .config(config)
                .ui(ui, |ui| {
                    ui.set_min_width(280.0);
                    class_menu_ui(ui, state, frame, column, recipe, facts, out);
                })
                .0
        })
        .inner;
    let name = format!("Class of column {}", column.id);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Button, true, &name);
        info.current_text_value = Some(label.clone());
        info
    });
    let said = state.why.made.iter().find(|(other, _)| ***other == *recipe).and_then(|(_, made)| made.as_ref().ok());
    match said.and_then(|made| made.head.clone()) {
        Some(head) => response.on_hover_text(head),
        None => response.on_hover_text(format!("Which class is explained: {label}")),
    };
}

fn class_menu_ui(
    ui: &mut Ui,
    state: &State,
    frame: &mut WhyFrame,
    column: &Column,
    recipe: &Recipe,
    facts: Option<&ModelFacts>,
    out: &mut Commands,
) {
    let mut pick = |ui: &mut Ui, label: &str, aim: Aim| {
        if ui.selectable_label(recipe.aim == aim, label).clicked() {
            edit(out, Edit::Change(column.id, Recipe { aim, ..recipe.clone() }));
            ui.close();
        }
    };
    pick(ui, "The predicted class", Aim::Predicted);
    pick(ui, "The class that the dataset names", Aim::Truth);
    let datasets = &state.population.columns.datasets;
    if datasets.len() > 1 {
        ui.separator();
        ui.label(faint(ui, "A cut between datasets, learned from features"));
        for (a, positive) in datasets.iter().enumerate().take(4) {
            for (_, negative) in datasets.iter().enumerate().take(4).filter(|(b, _)| *b != a) {
                let aim = Aim::Head { positive: positive.root.clone(), negative: negative.root.clone() };
                pick(ui, &format!("{}, not {}", positive.name, negative.name), aim);
            }
        }
    }
    ui.separator();
    ui.horizontal(|ui| {
        ui.label(faint(ui, "As columns"));
        for count in [3, 5] {
            if ui.button(format!("top {count}")).clicked() {
                edit(out, Edit::Ranks(column.id, count));
                ui.close();
            }
        }
    });
    let Some(facts) = facts else { return };
    ui.separator();
    field(ui, &mut frame.find, "Find a class", "find a class", 264.0);
    let scored =
        state.focus.and_then(|focus| state.why.scored.get(&(state.population.sample_ref(focus), recipe.model.clone())));
    let listed = listed(facts, scored, &frame.find);
    if listed.is_empty() {
        ui.label(faint(ui, "No class has this name."));
    }
    ScrollArea::vertical().max_height(260.0).auto_shrink(false).show_rows(ui, 22.0, listed.len(), |ui, shown| {
        for (class, probability) in &listed[shown] {
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), egui::Sense::click());
            let name = facts.model.class_name(*class);
            let is_on = recipe.aim == Aim::Class(*class);
            response.widget_info(|| {
                WidgetInfo::selected(Role::Button, true, is_on, format!("Explain {}", short_class(&name)))
            });
            class_line_ui(
                ui,
                rect,
                &response,
                &name,
                *probability,
                is_on,
                scored.and_then(|scored| scored.truth) == Some(*class),
            );
            if response.on_hover_text(&name).clicked() {
                edit(out, Edit::Change(column.id, Recipe { aim: Aim::Class(*class), ..recipe.clone() }));
                ui.close();
            }
        }
    });
}

fn class_line_ui(
    ui: &Ui,
    rect: Rect,
    response: &egui::Response,
    name: &str,
    probability: Option<f32>,
    is_on: bool,
    is_truth: bool,
) {
    let colors = tokens(ui);
    let painter = ui.painter();
    if is_on {
        painter.rect_filled(rect, theme::radius::CONTROL, colors.selection);
    } else if response.hovered() {
        painter.rect_filled(rect, theme::radius::CONTROL, colors.hover);
    }
    let small = font(ui, TextStyle::Small);
    let mut right = rect.right() - space::S12;
    if let Some(probability) = probability {
        let text = super::paint::percent(probability);
        let place = painter.text(pos2(right, rect.center().y), egui::Align2::RIGHT_CENTER, text, small, colors.text);
        let track = Rect::from_min_size(
            pos2(rect.left() + space::S4, rect.bottom() - 2.0),
            vec2(rect.width() - space::S16, 1.5),
        );
        let mut bar = track;
        bar.set_width(track.width() * probability.clamp(0.0, 1.0));
        painter.rect_filled(bar, 1, if is_truth { colors.ok } else { colors.text_faint });
        right = place.left() - space::S8;
    }
    let mut left = rect.left() + space::S4;
    if is_truth {
        let icon = egui::FontId::proportional(12.0);
        painter.text(pos2(left, rect.center().y), egui::Align2::LEFT_CENTER, icons::CHECK, icon, colors.ok);
        left += space::S16;
    }
    let galley = elided(ui, name, font(ui, TextStyle::Body), colors.text, right - left, 1);
    painter.galley(pos2(left, rect.center().y - galley.size().y / 2.0), galley, colors.text);
}

/// Classes that fit what is typed, with the focused picture's probabilities, the most probable first where these are known.
fn listed(facts: &ModelFacts, scored: Option<&Scored>, typed: &str) -> Vec<(usize, Option<f32>)> {
    let count = facts.model.class_count().unwrap_or(facts.model.card.classes.len());
    let wanted = typed.trim().to_lowercase();
    let fits = |class: &usize| {
        wanted.is_empty()
            || class.to_string() == wanted
            || facts.model.card.classes.get(*class).is_some_and(|name| name.to_lowercase().contains(&wanted))
    };
    let probability = |class: usize| scored.and_then(|scored| scored.probabilities.get(class).copied());
    let mut listed: Vec<(usize, Option<f32>)> =
        (0..count).filter(fits).map(|class| (class, probability(class))).collect();
    listed.sort_by(|a, b| b.1.unwrap_or(0.0).total_cmp(&a.1.unwrap_or(0.0)).then(a.0.cmp(&b.0)));
    listed.truncate(LISTED);
    listed
}
