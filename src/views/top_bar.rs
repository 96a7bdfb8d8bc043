//! Menus, the search field, how many match, the theme.

use egui::{Key, RichText, Ui, WidgetInfo, accesskit::Role, vec2};

use super::theme::{self, space, tokens};
use super::widgets::{action_button, faint, icon_button};
use super::{Commands, icons};
use crate::app::action::Menu;
use crate::app::panels::text;
use crate::app::settings::ThemeChoice;
use crate::app::state::Screen;
use crate::app::{Action, Command, State};

/// The bar.
pub fn top_bar_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    ui.horizontal_centered(|ui| {
        menus_ui(ui, state, out);
        if state.screen == Screen::Explore {
            ui.add_space(space::S8);
            let right = 270.0;
            let width = (ui.available_width() - right).clamp(160.0, 560.0);
            search_ui(ui, state, out, width);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            theme_ui(ui, state, out);
            if state.screen == Screen::Explore {
                action_button(ui, state, out, icons::EXPORT, Action::ExportSelection);
                ui.separator();
                matches_ui(ui, state);
            }
        });
    });
}

fn menus_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    // In a space of its own width: a menu bar takes all there is.
    ui.allocate_ui_with_layout(vec2(236.0, 40.0), egui::Layout::left_to_right(egui::Align::Center), |ui| {
        egui::containers::menu::menu_style(ui.style_mut());
        for menu in Menu::ALL {
            ui.menu_button(menu.label(), |ui| {
                ui.set_min_width(230.0);
                for action in Action::ALL.into_iter().filter(|action| action.menu() == menu) {
                    let mut button = egui::Button::new(action.label());
                    if let Some(keys) = action.shortcuts().first() {
                        button = button.shortcut_text(keys.label());
                    }
                    if ui.add_enabled(action.enabled(state), button).clicked() {
                        out.act(action);
                        ui.close();
                    }
                }
            });
        }
    });
}

fn search_ui(ui: &mut Ui, state: &State, out: &mut Commands, width: f32) {
    theme::outline_fields(ui);
    let mut typed = state.search_text.clone();
    let wrong = state.search_error.is_some();
    let id = egui::Id::unique("search field");
    let edit = egui::TextEdit::singleline(&mut typed)
        .id(id)
        .hint_text(format!("{}  Search captions, leaves, keys      Ctrl+F", icons::MAGNIFYING_GLASS))
        .text_color(if wrong { tokens(ui).error } else { tokens(ui).text })
        .align(egui::Align2::LEFT_CENTER)
        .margin(egui::Margin::symmetric(8, 4));
    let response = ui.add_sized(vec2(width, 28.0), edit);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::SearchInput, true, "Search captions, leaves, keys");
        info.current_text_value = Some(typed.clone());
        info
    });
    if state.focus_search {
        response.request_focus();
        out.push(Command::SearchFocused);
    }
    if response.changed() {
        out.push(Command::Search(typed));
    }
    if response.has_focus() && ui.input(|input| input.key_pressed(Key::Escape)) {
        response.surrender_focus();
    }
    if let Some(error) = &state.search_error {
        response.on_hover_text(error);
    }
    if !state.search_text.is_empty() && icon_button(ui, icons::X, "Clear the search", true).clicked() {
        out.push(Command::Search(String::new()));
    }
}

/// `3,412 of 4,275`.
fn matches_ui(ui: &mut Ui, state: &State) {
    let (matching, whole) = (state.result.matching.len(), state.len() as u64);
    let label = if matching == whole {
        text::plural(whole, "sample", "samples")
    } else {
        format!("{} of {}", text::count(matching), text::count(whole))
    };
    // Right to left: the faint part first.
    if matching == whole {
        ui.label(RichText::new(label).text_style(theme::strong()));
    } else {
        ui.label(faint(ui, format!("of {}", text::count(whole))));
        let response = ui.label(RichText::new(text::count(matching)).text_style(theme::strong()));
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &label));
        response.on_hover_text(format!("{label} match, found in {:.0} ms", state.result.secs * 1e3));
    }
    if state.querying() {
        ui.label(faint(ui, icons::SPINNER_GAP));
    }
}

fn theme_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    let (icon, name) = match state.settings.theme {
        ThemeChoice::System => (icons::MONITOR, "Colours: as the system"),
        ThemeChoice::Light => (icons::SUN, "Colours: light"),
        ThemeChoice::Dark => (icons::MOON, "Colours: dark"),
    };
    if icon_button(ui, icon, name, true).clicked() {
        out.act(Action::ToggleTheme);
    }
}
