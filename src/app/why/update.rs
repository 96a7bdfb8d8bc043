//! What commands and news do to the why lens.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::local;
use super::{Column, Edit, Export, Most, Of, Page, Waiting, Why, WhyCommand, export, first_models, rows};
use crate::app::command::Effect;
use crate::app::models::remember;
use crate::app::state::{Lens, State};
use crate::app::update::{notify, pick};
use crate::base::SampleId;
use crate::jobs::models::ModelSeen;
use crate::jobs::why::pictures::PicturesAsk;
use crate::jobs::why::{Aim, ModelFacts, Recipe, RowAsk, ScoreAsk, Scored, WhyAsk, WhyEvent};
use crate::jobs::{Level, Population, SampleRef};
use crate::model::explain::Method;
use crate::model::scores::predictor;

/// Rows beyond those that are seen which are made when nothing else is to do.
const AHEAD: usize = 2;
/// Bytes of maps up to which those that are not looked at are kept.
const BUDGET: usize = 96 << 20;

/// The request that is under way.
#[derive(Debug)]
pub struct Asked {
    generation: u64,
    models: HashSet<PathBuf>,
    recipes: HashSet<Arc<Recipe>>,
    cells: HashSet<(Arc<Recipe>, SampleRef)>,
    /// The picture, the model, whether all probabilities.
    scores: HashSet<(SampleRef, PathBuf, bool)>,
}

/// Carries a wish out.
pub fn command(state: &mut State, command: WhyCommand) -> Vec<Effect> {
    let why = &mut state.why;
    match command {
        WhyCommand::View(view) => {
            let view = *view;
            let resorted = view.sorted != why.view.sorted || view.sort_rows != why.view.sort_rows;
            if view.scope != why.view.scope {
                why.scroll = 0.0;
            }
            why.view = view;
            if resorted {
                rows::unsort(state);
            }
        }
        WhyCommand::Visible(visible) => why.visible = visible,
        WhyCommand::Scroll(scroll) => why.scroll = scroll,
        WhyCommand::Revealed => why.reveal = false,
        WhyCommand::Step(by) => return step(state, by),
        WhyCommand::Edit(edit) => {
            edit_columns(why, edit);
            rows::unsort(state);
        }
        WhyCommand::AddModel(path) => {
            let last = why.columns.iter().rev().find_map(|column| why.recipe(column.id)).cloned();
            let method = last.map_or(Method::default(), |recipe| recipe.method);
            edit_columns(why, Edit::Add(Recipe { model: path.clone(), layer: None, method, aim: Aim::Predicted }));
            rows::unsort(state);
            if crate::model::bundled::find(&path.to_string_lossy()).is_none() {
                remember(state, &path);
                return vec![Effect::SaveSettings(state.settings.clone())];
            }
        }
        WhyCommand::Exporting(on) => why.exporting = on,
        WhyCommand::Export(what, path) => return write(state, &what, path),
        WhyCommand::Drawn => why.waiting = None,
        WhyCommand::Measure => return local::measure(state),
    }
    Vec::new()
}

/// Moves the focus along the rows; the selection stays.
fn step(state: &mut State, by: i64) -> Vec<Effect> {
    let rows = &state.why.rows.samples;
    let Some(last) = rows.len().checked_sub(1) else { return Vec::new() };
    let now = state.focus.and_then(|focus| rows.iter().position(|id| *id == focus.0));
    let to = now.map_or(0, |now| (now as i64).saturating_add(by).clamp(0, last as i64) as usize);
    let sample = SampleId(rows[to]);
    state.why.reveal = true;
    pick::focus(state, Some(sample), false)
}

fn new_column(why: &mut Why, of: Of) -> Column {
    why.next_id += 1;
    Column { id: why.next_id, of }
}

fn edit_columns(why: &mut Why, edit: Edit) {
    let place = |why: &Why, id: u32| why.columns.iter().position(|column| column.id == id);
    why.chosen = true;
    match edit {
        Edit::Add(recipe) => {
            let column = new_column(why, Of::Maps(Arc::new(recipe)));
            // Differences stay at the end.
            let at = why.columns.iter().position(|column| matches!(column.of, Of::Difference(..)));
            why.columns.insert(at.unwrap_or(why.columns.len()), column);
        }
        Edit::Change(id, recipe) => {
            if let Some(at) = place(why, id) {
                why.columns[at].of = Of::Maps(Arc::new(recipe));
            }
        }
        Edit::Duplicate(id) => {
            if let Some(at) = place(why, id) {
                let of = why.columns[at].of.clone();
                let column = new_column(why, of);
                why.columns.insert(at + 1, column);
            }
        }
        Edit::Remove(id) => {
            let needs = |column: &Column| matches!(column.of, Of::Difference(a, b) if a == id || b == id);
            why.columns.retain(|column| column.id != id && !needs(column));
        }
        Edit::Difference(a, b) => {
            if a != b && why.recipe(a).is_some() && why.recipe(b).is_some() {
                let column = new_column(why, Of::Difference(a, b));
                why.columns.push(column);
            }
        }
        Edit::Ranks(id, count) => {
            if let (Some(at), Some(recipe)) = (place(why, id), why.recipe(id).cloned()) {
                for rank in (0..count).rev() {
                    let recipe = Arc::new(Recipe { aim: Aim::Rank(rank), ..(*recipe).clone() });
                    if rank == 0 {
                        why.columns[at].of = Of::Maps(recipe);
                    } else {
                        let column = new_column(why, Of::Maps(recipe));
                        why.columns.insert(at + 1, column);
                    }
                }
            }
        }
        Edit::Left(id) => {
            if let Some(at) = place(why, id).filter(|at| *at > 0) {
                why.columns.swap(at - 1, at);
            }
        }
        Edit::Retry(id) => {
            if let Some(recipe) = why.recipe(id).cloned() {
                why.models.retain(|path, found| *path != recipe.model || found.is_ok());
                why.made.remove(&recipe);
                why.cells.retain(|(other, _), outcome| **other != *recipe || outcome.is_ok());
                // What is under way began before: it must not be taken for the new try.
                why.asked = None;
            }
        }
    }
    // Largest values are those of the columns that are there.
    let recipes = why.recipes();
    why.most.retain(|recipe, _| recipes.contains(recipe));
    let back: Vec<Arc<Recipe>> = recipes.into_iter().filter(|recipe| !why.most.contains_key(recipe)).collect();
    for recipe in back {
        let known = why.cells.iter().filter(|((other, _), _)| *other == recipe);
        let maps = known.filter_map(|(_, outcome)| outcome.as_ref().ok());
        let most = maps.map(|cell| Most::of(&recipe, &cell.explanation.map)).reduce(Most::with);
        if let Some(most) = most {
            why.most.insert(recipe, most);
        }
    }
}

/// Rows of the export as they are ordered now.
pub(super) fn export_samples(why: &Why) -> Vec<u32> {
    why.rows.samples.iter().copied().take(why.view.export_rows).collect()
}

fn write(state: &mut State, what: &Export, path: PathBuf) -> Vec<Effect> {
    state.dialog = None;
    let samples = export_samples(&state.why);
    let population = Arc::clone(&state.population);
    match what {
        Export::Picture => {
            state.why.exports += 1;
            let generation = state.why.exports;
            let side = state.why.view.export_side;
            state.why.waiting = Some(Waiting { path, samples: samples.clone(), side, pictures: None, generation });
            let samples = samples.iter().map(|id| population.sample_ref(SampleId(*id))).collect();
            // The cell shows the part that a model sees; the whole picture is somewhat larger.
            let side = side + side / 2;
            vec![Effect::WhyPictures(PicturesAsk { generation, population, samples, side })]
        }
        Export::Maps(id) => match export::maps(state, *id, &samples) {
            Ok(bytes) => vec![Effect::WriteFile { path, bytes: Arc::new(bytes) }],
            Err(sentence) => {
                notify(state, Level::Warning, sentence);
                Vec::new()
            }
        },
        Export::Figures => vec![Effect::WhyTable(export::figures(state, &samples, path))],
        Export::Local => export::local(state, path).map(Effect::WhyTable).into_iter().collect(),
    }
}

/// The columns to begin with.
fn choose(state: &mut State) {
    if state.why.chosen || !state.why.columns.is_empty() {
        return;
    }
    let roots: Vec<PathBuf> = state.population.columns.datasets.iter().map(|dataset| dataset.root.clone()).collect();
    for model in first_models(&roots, &state.settings.models) {
        let recipe = Recipe { model, layer: None, method: Method::GradCam, aim: Aim::Predicted };
        edit_columns(&mut state.why, Edit::Add(recipe));
    }
    // What was no choice of the user's may be made again for other datasets.
    state.why.chosen = false;
}

/// The rows that are wanted, the most wanted first, each once.
fn wanted(state: &State) -> Vec<u32> {
    let why = &state.why;
    let mut wanted: Vec<u32> = Vec::new();
    let samples = &why.rows.samples;
    let range =
        |from: usize, to: usize| samples.get(from.min(samples.len())..to.min(samples.len())).unwrap_or_default();
    wanted.extend(state.focus.map(|focus| focus.0).filter(|_| state.settings.inspector_open || state.large));
    if why.view.page == Page::Matrix {
        wanted.extend(range(why.visible.start, why.visible.end));
        if why.exporting {
            wanted.extend(range(0, why.view.export_rows));
        }
        if why.view.sorted && !why.rows.sorted {
            wanted.extend(range(0, why.view.sort_rows));
        }
        wanted.extend(range(why.visible.end, why.visible.end + AHEAD));
    }
    let mut seen = HashSet::new();
    let columns = &state.population.columns;
    let has_picture =
        |id: u32| columns.flags.get(id as usize).is_some_and(|bits| bits & crate::catalog::flags::HAS_IMAGE != 0);
    wanted.retain(|id| has_picture(*id) && seen.insert(*id));
    wanted
}

/// Follows population, rows and columns: asks for what is missing of what is seen.
pub fn follow(state: &mut State) -> Vec<Effect> {
    if !state.shows(Lens::Why) || state.is_empty() || state.querying() {
        return Vec::new();
    }
    choose(state);
    if rows::follow(state) {
        forget_closed(&mut state.why, &state.population);
        state.why.reveal = true;
    }
    rows::sort(state);
    let why = &state.why;
    let recipes = why.recipes();
    let mut asked = Asked {
        generation: why.generation + 1,
        models: HashSet::new(),
        recipes: HashSet::new(),
        cells: HashSet::new(),
        scores: HashSet::new(),
    };
    for recipe in &recipes {
        if !why.models.contains_key(&recipe.model) {
            asked.models.insert(recipe.model.clone());
        }
        if !why.made.contains_key(recipe) && !matches!(why.models.get(&recipe.model), Some(Err(_))) {
            asked.recipes.insert(Arc::clone(recipe));
        }
    }
    let mut rows: Vec<RowAsk> = Vec::new();
    let mut scores: Vec<ScoreAsk> = Vec::new();
    let mut score_of: HashMap<(SampleRef, PathBuf), usize> = HashMap::new();
    let wanted = wanted(state);
    for id in &wanted {
        let sample = state.population.sample_ref(SampleId(*id));
        let mut row = RowAsk { sample, columns: Vec::new() };
        for (at, recipe) in recipes.iter().enumerate().filter(|(_, recipe)| why.is_usable(recipe)) {
            let key = (Arc::clone(recipe), sample);
            if !why.cells.contains_key(&key) {
                row.columns.push(at);
                asked.cells.insert(key);
            }
            // A forward pass of its own tells all probabilities: for the focused picture, and where another class than the predicted one
            // is explained. Which class is right costs none.
            let key = (sample, recipe.model.clone());
            let in_full =
                state.focus == Some(SampleId(*id)) || !matches!(recipe.aim, Aim::Predicted | Aim::Head { .. });
            let is_known = why.scored.get(&key).is_some_and(|scored| scored.in_full || !in_full);
            if !is_known {
                asked.scores.insert((key.0, key.1.clone(), in_full));
                let at = *score_of.entry(key.clone()).or_insert_with(|| {
                    scores.push(ScoreAsk { sample: key.0, model: key.1, in_full });
                    scores.len() - 1
                });
                scores[at].in_full |= in_full;
            }
        }
        if !row.columns.is_empty() {
            rows.push(row);
        }
    }
    let is_new = match &why.asked {
        None => !(asked.models.is_empty() && asked.recipes.is_empty() && rows.is_empty() && scores.is_empty()),
        // What is missing is on its way already.
        Some(under_way) => {
            !asked.models.is_subset(&under_way.models)
                || !asked.recipes.is_subset(&under_way.recipes)
                || !asked.cells.is_subset(&under_way.cells)
                || !asked.scores.is_subset(&under_way.scores)
        }
    };
    if !is_new {
        return Vec::new();
    }
    let why = &mut state.why;
    why.generation += 1;
    let generation = why.generation;
    why.asked = Some(asked);
    let population = Arc::clone(&state.population);
    vec![Effect::Why(WhyAsk { generation, population, columns: recipes, rows, scores })]
}

/// Forgets what belongs to datasets that are not open any more.
fn forget_closed(why: &mut Why, population: &Population) {
    let is_open = |sample: &SampleRef| population.dataset(*sample).is_some();
    why.cells.retain(|(_, sample), _| is_open(sample));
    why.scored.retain(|(sample, _), _| is_open(sample));
}

/// Forgets maps that nobody looks at once there are too many.
fn forget_old(state: &mut State) {
    let bytes = |outcome: &Result<Arc<crate::jobs::why::Cell>, String>| {
        outcome.as_ref().map_or(64, |cell| cell.explanation.map.values.len() * 4 + 256)
    };
    let total: usize = state.why.cells.values().map(bytes).sum();
    if total <= BUDGET {
        return;
    }
    let seen: HashSet<SampleRef> =
        wanted(state).into_iter().map(|id| state.population.sample_ref(SampleId(id))).collect();
    let recipes = state.why.recipes();
    state.why.cells.retain(|(recipe, sample), _| seen.contains(sample) && recipes.contains(recipe));
    state.why.scored.retain(|(sample, _), _| seen.contains(sample));
}

/// Forgets all that a model said.
fn forget_model(why: &mut Why, path: &Path) {
    why.cells.retain(|(recipe, _), _| recipe.model != path);
    why.made.retain(|recipe, _| recipe.model != path);
    why.most.retain(|recipe, _| recipe.model != path);
    why.scored.retain(|(_, model), _| model != path);
}

/// The models dialog looked at a model: if it is not what it was (another file, an edited card), it is asked again.
pub fn seen(why: &mut Why, path: &Path, found: &Result<Arc<ModelSeen>, String>) {
    let key = found.as_ref().ok().map(|seen| predictor(&seen.model).key);
    let is_other =
        |known: &Result<Arc<ModelFacts>, String>| known.as_ref().ok().map(|facts| &facts.key) != key.as_ref();
    if why.models.get(path).is_some_and(is_other) {
        forget_model(why, path);
        why.models.remove(path);
        why.asked = None;
    }
}

/// Features were extracted: cuts that could not be learned without them are tried again.
pub fn extracted(why: &mut Why) {
    let before = why.made.len();
    why.made.retain(|recipe, made| made.is_ok() || !matches!(recipe.aim, Aim::Head { .. }));
    if why.made.len() < before {
        why.asked = None;
    }
}

/// Takes news in; a sentence to say, if any.
pub fn news(state: &mut State, event: WhyEvent) -> Option<(Level, String)> {
    let why = &mut state.why;
    match event {
        WhyEvent::Model(path, found) => {
            let key = |found: &Result<Arc<crate::jobs::why::ModelFacts>, String>| {
                found.as_ref().ok().map(|facts| facts.key.clone())
            };
            // The model was replaced, or its card was edited: what it said before holds no more.
            if let Some(old) = why.models.get(&path)
                && key(old) != key(&found)
            {
                forget_model(why, &path);
            }
            why.models.insert(path, found);
        }
        WhyEvent::Column(recipe, found) => {
            why.made.insert(recipe, found);
        }
        WhyEvent::Cells(recipe, cells) => {
            for (sample, outcome) in cells {
                if let Ok(cell) = &outcome {
                    let most = Most::of(&recipe, &cell.explanation.map);
                    let known = why.most.get(&recipe).copied().unwrap_or_default();
                    why.most.insert(Arc::clone(&recipe), known.with(most));
                }
                let key = (Arc::clone(&recipe), sample);
                // Answered: if it is forgotten later, it may be asked for again.
                if let Some(asked) = &mut why.asked {
                    asked.cells.remove(&key);
                }
                why.cells.insert(key, outcome);
            }
            forget_old(state);
        }
        WhyEvent::Scored(sample, path, scored) => {
            why.scored.insert((sample, path), scored);
        }
        WhyEvent::Ended(generation, _) => {
            if let Some(asked) = why.asked.take_if(|asked| asked.generation == generation) {
                // Nothing stays open for ever, whatever went wrong.
                for key in asked.cells {
                    let failed = matches!(why.made.get(&key.0), Some(Err(_)) | None);
                    if !failed && !why.cells.contains_key(&key) {
                        why.cells.insert(key, Err("the map could not be made".to_owned()));
                    }
                }
                let none = || Err("the explainer could not be made".to_owned());
                for recipe in asked.recipes {
                    let is_closed = matches!(why.models.get(&recipe.model), Some(Err(_)));
                    if !is_closed {
                        why.made.entry(recipe).or_insert_with(none);
                    }
                }
                for path in asked.models {
                    why.models.entry(path).or_insert_with(|| Err("the model could not be read".to_owned()));
                }
                for (sample, path, _) in asked.scores {
                    let nothing = || Scored { truth: None, in_full: true, probabilities: Arc::default() };
                    why.scored.entry((sample, path)).or_insert_with(nothing);
                }
            }
        }
        WhyEvent::Local(event) => return local::news(state, event),
        WhyEvent::Pictures(generation, pictures) => {
            if let Some(waiting) = why.waiting.as_mut().filter(|waiting| waiting.generation == generation) {
                match pictures {
                    Some(pictures) => waiting.pictures = Some(pictures),
                    None => why.waiting = None,
                }
            }
        }
        WhyEvent::Notice(notice) => return Some((Level::Warning, notice)),
    }
    None
}
