//! What each entry of the action list does.

use std::sync::Arc;

use super::{filtered, notify, pick, query};
use crate::app::action::Action;
use crate::app::chips::{Chip, Facet};
use crate::app::command::{Command, Effect, SetOp};
use crate::app::grid::CELL_RANGE;
use crate::app::history::Moment;
use crate::app::layout::Layout;
use crate::app::map::{Camera, MapCommand, MapView, Tool};
use crate::app::settings::ThemeChoice;
use crate::app::state::{Dialog, Lens, OpenDialog, Screen, State};
use crate::base::SampleId;
use crate::catalog::filter::Expr;
use crate::jobs::Level;

/// Does an action; one that is not enabled does nothing.
pub fn act(state: &mut State, action: Action) -> Vec<Effect> {
    if !action.enabled(state) {
        return Vec::new();
    }
    match action {
        Action::OpenDialog => dialog(state, Dialog::Open(OpenDialog::default())),
        Action::OpenDemo => {
            state.dialog = None;
            vec![Effect::OpenDemo]
        }
        Action::ReindexAll => vec![Effect::Reindex],
        Action::CloseAll => vec![Effect::CloseAll],
        Action::ShowWelcome => {
            state.screen = Screen::Welcome;
            Vec::new()
        }
        Action::ExportSelection => {
            let selection_only = !state.selection.is_empty();
            dialog(state, Dialog::Export { path: String::new(), selection_only })
        }
        Action::Quit => {
            state.quit = true;
            Vec::new()
        }
        Action::FocusSearch => {
            state.focus_search = true;
            state.dialog = None;
            Vec::new()
        }
        Action::OpenPalette => dialog(state, Dialog::Palette { text: String::new(), row: 0 }),
        Action::ShowGrid => super::update(state, Command::Lens(Lens::Grid)),
        Action::ShowMap => super::update(state, Command::Lens(Lens::Map)),
        Action::ShowStatistics => super::update(state, Command::Lens(Lens::Statistics)),
        Action::ShowWhy => super::update(state, Command::Lens(Lens::Why)),
        Action::ShowCompare => super::update(state, Command::Lens(Lens::Compare)),
        Action::MapPan => map_view(state, |view| view.tool = Tool::Pan),
        Action::MapLasso => map_view(state, |view| view.tool = Tool::Lasso),
        Action::MapFit => map_view(state, |view| view.camera = Camera::default()),
        Action::ResetLayout => {
            let Layout::Tabs { lenses, .. } = Layout::default() else { return Vec::new() };
            let active = lenses.iter().position(|lens| *lens == state.lens).unwrap_or(0);
            super::update(state, Command::Layout(Layout::Tabs { lenses, active }))
        }
        Action::ToggleFilters => settings(state, |settings| settings.filters_open = !settings.filters_open),
        Action::ToggleInspector => settings(state, |settings| settings.inspector_open = !settings.inspector_open),
        Action::ToggleCaptions => settings(state, |settings| settings.captions = !settings.captions),
        Action::ZoomIn => settings(state, |settings| settings.zoom = (settings.zoom * 1.25).min(CELL_RANGE.1)),
        Action::ZoomOut => settings(state, |settings| settings.zoom = (settings.zoom / 1.25).max(CELL_RANGE.0)),
        Action::ToggleTheme => settings(state, |settings| {
            settings.theme = match settings.theme {
                ThemeChoice::Dark => ThemeChoice::Light,
                ThemeChoice::Light => ThemeChoice::System,
                ThemeChoice::System => ThemeChoice::Dark,
            };
        }),
        Action::FullScreen => {
            state.full_screen = !state.full_screen;
            Vec::new()
        }
        Action::SaveView => dialog(state, Dialog::SaveView(String::new())),
        Action::ManageViews => dialog(state, Dialog::Views),
        Action::SelectAll => {
            let all = Arc::clone(&state.result.matching);
            pick::select(state, &all, SetOp::Replace);
            Vec::new()
        }
        Action::ClearSelection => {
            if state.large {
                state.large = false;
            } else {
                pick::select(state, &roaring::RoaringBitmap::new(), SetOp::Replace);
            }
            Vec::new()
        }
        Action::InvertSelection => {
            let inverted = &*state.result.matching - &*state.selection;
            pick::select(state, &inverted, SetOp::Replace);
            Vec::new()
        }
        Action::FilterToSelection => {
            let chosen = (*state.selection).clone();
            let label = format!("selection of {}", chosen.len());
            filtered(state, |chips| {
                crate::app::chips::set(chips, Facet::Selection, Some(Expr::Samples(chosen, label)));
            })
        }
        Action::ExcludeSelection => {
            let hidden = (*state.selection).clone();
            let label = format!("{} hidden samples", hidden.len());
            let effects = filtered(state, |chips| {
                let expr = Expr::Samples(hidden, label).not();
                chips.push(Chip::new(Facet::Custom, expr));
            });
            state.selection = Arc::default();
            effects
        }
        Action::TagSelection => dialog(state, Dialog::Tag(String::new())),
        Action::CopyKeys => vec![Effect::CopyKeys(Arc::clone(&state.population), Arc::clone(&state.selection))],
        Action::RandomSample => {
            // A step of the golden ratio through the matches: never the same picture twice in a row,
            // no random state to keep.
            let len = state.result.order.len() as u64;
            let now = state.focus.and_then(|sample| state.position_of(sample)).unwrap_or(0) as u64;
            let next = (now + 1 + (len as f64 * 0.618_033_988_75) as u64 + state.generation % 7) % len;
            let sample = SampleId(state.result.order[next as usize]);
            state.selection = Arc::new(roaring::RoaringBitmap::from_iter([sample.0]));
            pick::focus(state, Some(sample), true)
        }
        Action::Inspect => {
            state.large = !state.large;
            Vec::new()
        }
        Action::Undo => {
            let now = state.moment();
            let before = state.history.undo(now);
            restore(state, before)
        }
        Action::Redo => {
            let now = state.moment();
            let after = state.history.redo(now);
            restore(state, after)
        }
        Action::ClearFilters => {
            state.search_text.clear();
            state.search_error = None;
            filtered(state, Vec::clear)
        }
        Action::ShowModels => crate::app::models::show(state),
        Action::ShowProblems => dialog(state, Dialog::Problems),
        Action::ShowLog => dialog(state, Dialog::Log),
        Action::ShowHelp => dialog(state, Dialog::Help),
        Action::ShowAbout => dialog(state, Dialog::About),
    }
}

fn dialog(state: &mut State, dialog: Dialog) -> Vec<Effect> {
    state.dialog = Some(dialog);
    Vec::new()
}

fn map_view(state: &mut State, change: impl FnOnce(&mut MapView)) -> Vec<Effect> {
    let mut changed = state.map.view.clone();
    change(&mut changed);
    super::update(state, Command::Map(MapCommand::View(Box::new(changed))))
}

fn settings(state: &mut State, change: impl FnOnce(&mut crate::app::settings::Settings)) -> Vec<Effect> {
    let mut changed = state.settings.clone();
    change(&mut changed);
    super::update(state, Command::Settings(changed))
}

fn restore(state: &mut State, moment: Option<Moment>) -> Vec<Effect> {
    let Some(moment) = moment else {
        notify(state, Level::Info, "There is nothing more to bring back.");
        return Vec::new();
    };
    state.selection = moment.selection;
    if moment.chips == state.chips {
        return Vec::new();
    }
    state.chips = moment.chips;
    state.search_text = state
        .chips
        .iter()
        .find_map(|chip| if let Expr::Search(None, text) = &chip.expr { Some(text.clone()) } else { None })
        .unwrap_or_default();
    query(state)
}
