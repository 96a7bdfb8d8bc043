//! The only writer of the state. A command comes in, the state changes, effects go out.
//!
//! How it works: `update` dispatches to one small function a subject. A change of filter or selection
//! records the moment before it for undo. A change of anything a query depends on (filter, order,
//! population) numbers a new query; its answer comes back as an event and is dropped if a newer one
//! was asked for meanwhile.

mod act;
mod news;
pub(super) mod pick;

use std::sync::Arc;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::chips::{self, Chip, Facet};
use super::command::{Command, Effect, SetOp};
use super::compare::CompareCommand;
use super::state::{Dialog, Lens, Notice, OpenDialog, Screen, Sort, State};
use super::{compare, map, models, statistics, why};
use crate::analysis::sort::SortBy;
use crate::catalog::filter::{self, Expr};
use crate::jobs::{Event, Level, QueryRequest};

/// Changes the state by one command and says what jobs have to do.
pub fn update(state: &mut State, command: Command) -> Vec<Effect> {
    // Statistics and map follow whatever changes what they are of.
    let follows = matches!(
        &command,
        Command::Act(_)
            | Command::Lens(_)
            | Command::Layout(_)
            | Command::Statistics(_)
            | Command::Select(..)
            | Command::BackToGrid
            | Command::Job(Event::Query(_) | Event::Population(_))
    );
    let maps = follows
        || matches!(&command, Command::Map(_) | Command::Compare(_) | Command::Job(Event::Map(_) | Event::Compare(_)));
    let whys = follows
        || matches!(
            &command,
            Command::Why(_)
                | Command::Focus(_)
                | Command::Click { .. }
                | Command::Move { .. }
                | Command::Settings(_)
                | Command::Job(Event::Why(_) | Event::Model { .. })
        );
    let mut effects = change(state, command);
    if follows {
        effects.extend(statistics::follow(state));
    }
    if maps {
        effects.extend(map::update::follow(state));
        effects.extend(compare::follow(state));
    }
    if whys {
        effects.extend(why::update::follow(state));
    }
    effects
}

fn change(state: &mut State, command: Command) -> Vec<Effect> {
    match command {
        Command::Act(action) => act::act(state, action),
        Command::Open(paths, map) => {
            state.dialog = None;
            if paths.is_empty() { Vec::new() } else { vec![Effect::Open(paths, map)] }
        }
        Command::Close(root) => vec![Effect::Close(root)],
        Command::Dialog(dialog) => {
            state.dialog = dialog;
            Vec::new()
        }
        Command::Look(path) => look(state, path),
        Command::Toggle { facet, expr, add } => {
            let effects = filtered(state, |chips| chips::toggle(chips, facet, expr, add));
            if facet == Facet::Search {
                state.search_text = search_text_of(&state.chips);
                state.search_error = None;
            }
            effects
        }
        Command::SetFacet(facet, expr) => filtered(state, |chips| chips::set(chips, facet, expr)),
        Command::RemoveChip(i) => {
            if state.chips.get(i).is_some_and(|chip| chip.facet == Facet::Search) {
                state.search_text.clear();
                state.search_error = None;
            }
            filtered(state, |chips| {
                if i < chips.len() {
                    chips.remove(i);
                }
            })
        }
        Command::SwitchChip(i) => filtered(state, |chips| {
            if let Some(chip) = chips.get_mut(i) {
                chip.off = !chip.off;
            }
        }),
        Command::Search(text) => search(state, text),
        Command::FilterText(text) => match filter::parse(&text) {
            Ok(expr) => filtered(state, |chips| chips.push(Chip::new(Facet::Custom, expr))),
            Err(error) => {
                notify(state, Level::Warning, error.to_string());
                Vec::new()
            }
        },
        Command::Sort(sort) => {
            state.sort = sort;
            state.scroll = 0.0;
            query(state)
        }
        Command::Select(set, op) => {
            pick::select(state, &set, op);
            Vec::new()
        }
        Command::Click { sample, shift, ctrl } => pick::click(state, sample, shift, ctrl),
        Command::Move { right, down, columns, extend } => pick::step(state, right, down, columns, extend),
        Command::Focus(sample) => pick::focus(state, sample, true),
        Command::Scroll(scroll) => {
            state.scroll = scroll;
            Vec::new()
        }
        Command::Revealed => {
            state.reveal = false;
            Vec::new()
        }
        Command::Expand(path, open) => {
            state.expanded.insert(path, open);
            Vec::new()
        }
        Command::Fold(title) => {
            if !state.folded.remove(&title) {
                state.folded.insert(title);
            }
            Vec::new()
        }
        Command::BrandText(text) => {
            state.brand_text = text;
            Vec::new()
        }
        Command::PredictedText(text) => {
            state.predicted_text = text;
            Vec::new()
        }
        Command::Model(command) => models::model_command(state, command),
        Command::ActivateModel(key) => vec![Effect::Activate(key)],
        Command::TaxonomyText(text) => {
            state.taxonomy_text = text;
            Vec::new()
        }
        Command::Settings(settings) => {
            if settings == state.settings {
                return Vec::new();
            }
            state.settings = settings;
            vec![Effect::SaveSettings(state.settings.clone())]
        }
        Command::PictureView { zoom, pan } => {
            (state.inspector.zoom, state.inspector.pan) = (zoom, pan);
            Vec::new()
        }
        Command::Lens(lens) => {
            state.lens = lens;
            state.large = false;
            if state.settings.layout.show(lens) {
                vec![Effect::SaveSettings(state.settings.clone())]
            } else {
                Vec::new()
            }
        }
        Command::Layout(layout) => {
            let layout = layout.mended();
            if layout == state.settings.layout {
                return Vec::new();
            }
            state.settings.layout = layout;
            let visible = state.settings.layout.visible();
            if !visible.contains(&state.lens) {
                state.lens = visible.first().copied().unwrap_or_default();
            }
            vec![Effect::SaveSettings(state.settings.clone())]
        }
        Command::Map(command) => map_command(state, command),
        Command::Why(command) => why::update::command(state, command),
        Command::Compare(CompareCommand::Region(samples)) => {
            let mut effects = drawn(state, &samples, SetOp::Replace, "region");
            effects.extend(change(state, Command::Lens(Lens::Grid)));
            effects
        }
        Command::Compare(command) => compare::command(state, command),
        Command::Statistics(view) => {
            state.statistics.view = *view;
            Vec::new()
        }
        Command::CountStatistics => statistics::count(state),
        Command::WriteFile { path, bytes } => {
            state.dialog = None;
            vec![Effect::WriteFile { path, bytes }]
        }
        Command::BackToGrid => {
            state.screen = Screen::Explore;
            Vec::new()
        }
        Command::Large(on) => {
            state.large = on && state.focus.is_some();
            Vec::new()
        }
        Command::WantThumbnails(wanted) => {
            let wanted = wanted.into_iter().map(|(id, side)| (state.population.sample_ref(id), side)).collect();
            vec![Effect::Thumbnails(Arc::clone(&state.population), wanted)]
        }
        Command::WantRecords(ids) => {
            let ids = ids.into_iter().map(|id| state.population.sample_ref(id)).collect();
            vec![Effect::Records(Arc::clone(&state.population), ids)]
        }
        Command::Tag { tag, samples, on } => {
            state.dialog = None;
            let tag = tag.trim().to_owned();
            if tag.is_empty() {
                notify(state, Level::Warning, "A tag needs a name.");
                return Vec::new();
            }
            vec![Effect::Tag { population: Arc::clone(&state.population), tag, samples, on }]
        }
        Command::SaveView(name) => {
            state.dialog = None;
            let name = name.trim().to_owned();
            if name.is_empty() {
                notify(state, Level::Warning, "A view needs a name.");
                return Vec::new();
            }
            notify(state, Level::Info, format!("View “{name}” saved."));
            vec![Effect::SaveView { name, json: SavedState::of(state).to_json() }]
        }
        Command::ApplyView(name) => apply_view(state, &name),
        Command::DeleteView(name) => vec![Effect::DeleteView(name)],
        Command::Export { path, selection_only } => {
            state.dialog = None;
            let ids: Vec<u32> = if selection_only {
                state.result.order.iter().copied().filter(|&id| state.selection.contains(id)).collect()
            } else {
                state.result.order.to_vec()
            };
            vec![Effect::Export { population: Arc::clone(&state.population), ids: Arc::new(ids), path }]
        }
        Command::Copy(text) => {
            state.copy = Some(text);
            Vec::new()
        }
        Command::Copied => {
            state.copy = None;
            Vec::new()
        }
        Command::Cancel(id) => vec![Effect::Cancel(id)],
        Command::Notify(notice) => {
            notify(state, notice.level, notice.text);
            Vec::new()
        }
        Command::ToastsShown => {
            state.fresh.clear();
            Vec::new()
        }
        Command::SearchFocused => {
            state.focus_search = false;
            Vec::new()
        }
        Command::Tick { now_secs } => {
            state.now_secs = now_secs;
            Vec::new()
        }
        Command::Job(event) => news::news(state, event),
    }
}

/// Numbers a new query of the present filter and order.
fn query(state: &mut State) -> Vec<Effect> {
    state.generation += 1;
    vec![Effect::Query(QueryRequest {
        generation: state.generation,
        population: Arc::clone(&state.population),
        expr: state.expr(),
        sort: state.sort.by,
        descending: state.sort.descending,
    })]
}

/// Changes the chips, with undo, and asks anew.
fn filtered(state: &mut State, change: impl FnOnce(&mut Vec<Chip>)) -> Vec<Effect> {
    let before = state.moment();
    change(&mut state.chips);
    if state.chips == before.chips {
        return Vec::new();
    }
    state.history.record(before);
    state.scroll = 0.0;
    query(state)
}

/// A wish about the map.
fn map_command(state: &mut State, command: map::MapCommand) -> Vec<Effect> {
    let (wish, mut effects) = map::update::command(state, command);
    if let map::update::Wish::Select(set, op) = wish {
        effects.extend(drawn(state, &set, op, "lasso"));
    }
    effects
}

/// Samples that were pointed out as a whole become the selection, and the filter, in one step of undo.
fn drawn(state: &mut State, set: &RoaringBitmap, op: SetOp, what: &str) -> Vec<Effect> {
    let before = state.moment();
    let selection = pick::combined(&state.selection, set, op);
    let label = format!("{what} {}", super::panels::text::count(selection.len()));
    let expr = (!selection.is_empty()).then(|| Expr::Samples(selection.clone(), label));
    chips::set(&mut state.chips, Facet::Selection, expr);
    state.selection = Arc::new(selection);
    if state.moment() == before {
        return Vec::new();
    }
    let is_refiltered = state.chips != before.chips;
    state.history.record(before);
    if !is_refiltered {
        return Vec::new();
    }
    state.scroll = 0.0;
    query(state)
}

/// What the search field says about these chips.
fn search_text_of(chips: &[Chip]) -> String {
    let text = |chip: &Chip| if let Expr::Search(None, text) = &chip.expr { Some(text.clone()) } else { None };
    chips.iter().find_map(text).unwrap_or_default()
}

/// Follows the search field. Text that cannot be understood yet (an open quote) keeps the last good answer.
fn search(state: &mut State, text: String) -> Vec<Effect> {
    let trimmed = text.trim().to_owned();
    state.search_text = text;
    if trimmed.is_empty() {
        state.search_error = None;
        return filtered(state, |chips| chips::set(chips, Facet::Search, None));
    }
    match crate::catalog::SearchQuery::parse(&trimmed) {
        Ok(_) => {
            state.search_error = None;
            // Typing a word is one step of undo, not one a letter: only the first letter records.
            if state.chips.iter().any(|chip| chip.facet == Facet::Search) {
                chips::set(&mut state.chips, Facet::Search, Some(Expr::Search(None, trimmed)));
                state.scroll = 0.0;
                query(state)
            } else {
                filtered(state, |chips| chips::set(chips, Facet::Search, Some(Expr::Search(None, trimmed))))
            }
        }
        Err(error) => {
            state.search_error = Some(error.to_string());
            Vec::new()
        }
    }
}

/// Asks what a path holds, for the open dialog.
fn look(state: &mut State, path: String) -> Vec<Effect> {
    let wanted = !path.trim().is_empty();
    let map = match &state.dialog {
        Some(Dialog::Open(dialog)) if dialog.path == path => dialog.map.clone(),
        _ => crate::formats::FieldMap::default(),
    };
    state.dialog = Some(Dialog::Open(OpenDialog { path: path.clone(), found: None, looking: wanted, map }));
    if wanted { vec![Effect::Look(path)] } else { Vec::new() }
}

/// Says something: to the log and as a toast.
pub(super) fn notify(state: &mut State, level: Level, text: impl Into<String>) {
    let notice = Notice { level, text: text.into(), at_secs: state.now_secs };
    if state.log.len() == State::LOG_LIMIT {
        state.log.pop_front();
    }
    state.log.push_back(notice.clone());
    state.fresh.push_back(notice);
}

/// What a saved view keeps: words of the filter language, so that it outlives ids and versions.
#[derive(Debug, Serialize, Deserialize)]
struct SavedState {
    filters: Vec<(String, String)>,
    sort: String,
    descending: bool,
    zoom: f32,
    captions: bool,
}

impl SavedState {
    fn of(state: &State) -> Self {
        let filters = state
            .chips
            .iter()
            .filter(|chip| !chip.off && chip.facet != Facet::Selection)
            .map(|chip| (format!("{:?}", chip.facet), chip.expr.to_string()))
            .collect();
        Self {
            filters,
            sort: sort_word(state.sort.by).to_owned(),
            descending: state.sort.descending,
            zoom: state.settings.zoom,
            captions: state.settings.captions,
        }
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn sort_word(by: SortBy) -> &'static str {
    SortBy::ALL.into_iter().find(|(other, _)| *other == by).map_or("dataset", |(_, word)| word)
}

fn facet_of(word: &str) -> Facet {
    [
        Facet::Search,
        Facet::Dataset,
        Facet::Taxonomy,
        Facet::Leaf,
        Facet::Brand,
        Facet::Words,
        Facet::Size,
        Facet::Tag,
        Facet::Flag,
        Facet::Predicted,
        Facet::Confidence,
        Facet::Correct,
        Facet::Class,
    ]
    .into_iter()
    .find(|facet| format!("{facet:?}") == word)
    .unwrap_or(Facet::Custom)
}

fn apply_view(state: &mut State, name: &str) -> Vec<Effect> {
    state.dialog = None;
    let Some(saved) = state
        .views
        .iter()
        .find(|view| view.name == name)
        .and_then(|view| serde_json::from_str::<SavedState>(&view.json).ok())
    else {
        notify(state, Level::Warning, format!("The view “{name}” cannot be read."));
        return Vec::new();
    };
    let mut new_chips = Vec::new();
    for (facet, text) in &saved.filters {
        match filter::parse(text) {
            Ok(expr) => new_chips.push(Chip::new(facet_of(facet), expr)),
            Err(error) => notify(state, Level::Warning, format!("A filter of “{name}” was left out: {error}")),
        }
    }
    let before = state.moment();
    state.history.record(before);
    state.search_text = new_chips
        .iter()
        .find_map(|chip| if let Expr::Search(None, text) = &chip.expr { Some(text.clone()) } else { None })
        .unwrap_or_default();
    state.chips = new_chips;
    state.sort = Sort {
        by: SortBy::ALL.into_iter().find(|(_, word)| *word == saved.sort).map_or(SortBy::Dataset, |(by, _)| by),
        descending: saved.descending,
    };
    state.scroll = 0.0;
    state.screen = if state.is_empty() { Screen::Welcome } else { Screen::Explore };
    state.settings.zoom = saved.zoom;
    state.settings.captions = saved.captions;
    let mut effects = query(state);
    effects.push(Effect::SaveSettings(state.settings.clone()));
    effects
}
