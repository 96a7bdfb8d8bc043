//! News from jobs.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{notify, pick, query};
use crate::analysis::facets::Facets;
use crate::app::command::{Command, Effect};
use crate::app::map::MapCommand;
use crate::app::state::{Dialog, Inspector, Screen, State};
use crate::app::{compare, map, models, statistics, why};
use crate::base::SampleId;
use crate::jobs::map::MapOrder;
use crate::jobs::query::counts;
use crate::jobs::{Event, Level, Population, PopulationUpdate, QueryResult};

/// Takes one event in. Pictures do not come here: they go straight to the views' textures.
pub fn news(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::Population(update) => population(state, update),
        Event::Query(result) => {
            if result.generation == state.generation {
                if let Some(error) = &result.error {
                    notify(state, Level::Warning, error.clone());
                }
                state.result = result;
            }
            Vec::new()
        }
        Event::Stats { generation, report } => {
            let report = report.map_err(|error| notify(state, Level::Error, error)).ok();
            statistics::answered(state, generation, report);
            Vec::new()
        }
        Event::Compare(event) => {
            if let Some(error) = compare::news(state, event) {
                notify(state, Level::Error, error);
            }
            Vec::new()
        }
        Event::Map(event) => {
            if let Some(error) = map::update::news(state, event) {
                notify(state, Level::Error, error);
            }
            Vec::new()
        }
        Event::Why(event) => {
            if let Some((level, text)) = why::update::news(state, event) {
                notify(state, level, text);
            }
            Vec::new()
        }
        Event::Records(records) => {
            for (sample, record) in records {
                state.records.insert(sample, record);
            }
            Vec::new()
        }
        Event::Inspected { sample, record, raw, prediction } => {
            if state.focus.map(|focus| state.population.sample_ref(focus)) == Some(sample) {
                state.inspector.record = Some(Arc::clone(&record));
                state.inspector.raw = Some(raw);
                state.inspector.prediction = prediction;
            }
            state.records.insert(sample, record);
            Vec::new()
        }
        Event::PictureFailed { sample, error } => {
            if state.focus.map(|focus| state.population.sample_ref(focus)) == Some(sample) {
                state.inspector.picture_error = Some(error);
            }
            Vec::new()
        }
        Event::Found { path, found } => {
            if let Some(Dialog::Open(dialog)) = &mut state.dialog
                && dialog.path == path
            {
                dialog.looking = false;
                dialog.found = Some(found);
            }
            Vec::new()
        }
        Event::Model { path, found } => {
            why::update::seen(&mut state.why, &path, &found);
            models::found(state, &path, found);
            Vec::new()
        }
        Event::Extracted => {
            why::update::extracted(&mut state.why);
            let mut effects = super::update(state, Command::Map(MapCommand::LookAgain));
            effects.extend(why::update::follow(state));
            effects
        }
        Event::Recent(recent) => {
            state.recent = recent;
            Vec::new()
        }
        Event::Views(views) => {
            state.views = views;
            Vec::new()
        }
        Event::Jobs(jobs) => {
            state.jobs = jobs;
            Vec::new()
        }
        Event::Clipboard { text, note } => {
            state.copy = Some(text);
            notify(state, Level::Info, note);
            Vec::new()
        }
        Event::Notice { level, text } => {
            notify(state, level, text);
            Vec::new()
        }
        // Textures are the views' business.
        Event::Thumbnail { .. } | Event::Picture { .. } | Event::RecentPicture { .. } => Vec::new(),
    }
}

/// The answer shown until the query over the new population is answered: the same samples under their
/// new ids, counted with the new dictionaries, so that nothing points beside its name for a frame.
fn carried(state: &State, new: &Population, remap: &impl Fn(&RoaringBitmap) -> RoaringBitmap) -> QueryResult {
    let unfiltered = state.chips.iter().all(|chip| chip.off);
    let matching = if unfiltered { new.columns.all() } else { remap(&state.result.matching) };
    let facets = if unfiltered { Arc::clone(&state.whole) } else { Arc::new(Facets::count(&new.columns, &matching)) };
    QueryResult {
        generation: state.result.generation,
        order: Arc::new(matching.iter().collect()),
        predictions: new.predictions.as_ref().map(|found| Arc::new(counts(found, &matching))),
        matching: Arc::new(matching),
        facets,
        error: None,
        secs: state.result.secs,
    }
}

/// The samples are the same: only tags, or what a model says of them, changed.
fn beside(state: &mut State, old: &Population, new: Arc<Population>) -> Vec<Effect> {
    let is_same = match (&old.predictions, &new.predictions) {
        (None, None) => true,
        (Some(old), Some(new)) => old == new,
        _ => false,
    };
    state.population = new;
    let mut effects = query(state);
    if !is_same && let Some(focus) = state.focus {
        // What stands there stays until it is read again.
        effects.push(Effect::Inspect(Arc::clone(&state.population), state.population.sample_ref(focus)));
    }
    effects
}

/// A dataset was opened, closed, or grew: ids move, and everything that holds ids moves with them.
fn population(state: &mut State, update: PopulationUpdate) -> Vec<Effect> {
    let old = Arc::clone(&state.population);
    let new = Arc::clone(&update.population);
    state.whole = update.whole;
    state.whole_predictions = update.predictions;
    state.problems = update.problems;
    if old.columns.is_empty() && !new.columns.is_empty() || new.datasets.len() > old.datasets.len() {
        state.screen = Screen::Explore;
    }
    if new.datasets.is_empty() {
        let settings = std::mem::take(&mut state.settings);
        let (log, fresh, recent, views, jobs) = (
            std::mem::take(&mut state.log),
            std::mem::take(&mut state.fresh),
            std::mem::take(&mut state.recent),
            std::mem::take(&mut state.views),
            std::mem::take(&mut state.jobs),
        );
        let (generation, now_secs, dialog) = (state.generation, state.now_secs, state.dialog.take());
        let models = std::mem::take(&mut state.models);
        let why = std::mem::take(&mut state.why).closed();
        *state = State {
            settings,
            log,
            fresh,
            recent,
            views,
            jobs,
            generation,
            now_secs,
            dialog,
            models,
            why,
            population: new,
            ..State::default()
        };
        let mut effects = query(state);
        effects.push(Effect::Map(MapOrder::Stop));
        return effects;
    }
    if Arc::ptr_eq(&old.columns, &new.columns) && old.datasets.len() == new.datasets.len() {
        return beside(state, &old, new);
    }
    let remap = |set: &RoaringBitmap| new.columns.remap(&old.columns, set);
    state.selection = Arc::new(remap(&state.selection));
    state.history.remap(remap);
    for chip in &mut state.chips {
        chip.remap(&remap);
    }
    let moved = |sample: Option<SampleId>| {
        sample.and_then(|sample| remap(&RoaringBitmap::from_iter([sample.0])).min()).map(SampleId)
    };
    let (focus, anchor) = (moved(state.focus), moved(state.anchor));
    state.anchor = anchor;
    if focus.is_none() && state.focus.is_some() {
        state.inspector = Inspector::default();
        state.large = false;
    }
    state.focus = focus;
    if new.datasets.iter().map(|dataset| dataset.uid).ne(old.datasets.iter().map(|dataset| dataset.uid)) {
        state.records.clear();
    }
    state.result = Arc::new(carried(state, &new, &remap));
    state.population = new;
    let mut effects = query(state);
    let untouched = state.focus.is_none() || state.focus_is_automatic;
    if untouched && !state.is_empty() && state.focus != Some(SampleId(0)) {
        // The inspector shows the first sample rather than an empty panel.
        effects.extend(pick::focus(state, Some(SampleId(0)), false));
        state.focus_is_automatic = true;
    }
    effects
}
