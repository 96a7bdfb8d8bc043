//! What the lens writes to files: raw maps, and figures as tables whose keys a job adds.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map as Object, Value, json};

use super::local::{charts, model_word};
use super::{Why, folder_name};
use crate::analysis::cam::local::NAMES;
use crate::analysis::cam::paired::Distribution;
use crate::app::state::State;
use crate::base::SampleId;
use crate::formats::npy;
use crate::jobs::why::table::{TableAsk, TableRow};
use crate::jobs::why::{Aim, Recipe};

/// The raw maps of a column as the bytes of an `.npy` file, f32 `[N, h, w]` in the order of `samples`; a row of NaN where there is no map.
///
/// # Errors
/// A sentence: no map is there yet.
pub fn maps(state: &State, id: u32, samples: &[u32]) -> Result<Vec<u8>, String> {
    let why = &state.why;
    let nothing = || "There is no map of this column yet.".to_owned();
    let recipe = why.recipe(id).ok_or_else(nothing)?;
    let cells: Vec<_> = samples
        .iter()
        .map(|sample| {
            why.cell(recipe, state.population.sample_ref(SampleId(*sample))).and_then(|cell| cell.as_ref().ok())
        })
        .collect();
    let shape = |cell: &Arc<crate::jobs::why::Cell>| (cell.explanation.map.height, cell.explanation.map.width);
    let (height, width) = cells.iter().flatten().map(|cell| shape(cell)).next().ok_or_else(nothing)?;
    let mut values = Vec::with_capacity(samples.len() * height * width);
    for cell in &cells {
        match cell.filter(|cell| shape(cell) == (height, width)) {
            Some(cell) => values.extend_from_slice(&cell.explanation.map.values),
            None => values.resize(values.len() + height * width, f32::NAN),
        }
    }
    Ok(npy::bytes(&[samples.len(), height, width], &values))
}

/// The names of a recipe as they stand in tables.
fn recipe_cells(why: &Why, recipe: &Recipe) -> [Value; 4] {
    let aim = match &recipe.aim {
        Aim::Predicted => "predicted".to_owned(),
        Aim::Truth => "own".to_owned(),
        Aim::Class(class) => class.to_string(),
        Aim::Rank(rank) => format!("rank {}", rank + 1),
        Aim::Head { positive, negative } => format!("{} : {}", folder_name(positive), folder_name(negative)),
    };
    [json!(model_word(&recipe.model)), json!(why.layer_name(recipe)), json!(recipe.method.to_string()), json!(aim)]
}

/// Names of the columns of a table, after dataset and key.
fn head() -> Vec<&'static str> {
    let mut head = vec!["model", "layer", "method", "target", "class", "class_name", "probability", "score"];
    head.extend(NAMES);
    head.push("foreground_area");
    head
}

fn class_name(why: &Why, recipe: &Recipe, class: usize) -> String {
    match (&recipe.aim, why.facts(&recipe.model)) {
        (Aim::Head { positive, .. }, _) => folder_name(positive),
        (_, Some(facts)) => facts.model.class_name(class),
        (_, None) => class.to_string(),
    }
}

/// Class, probability and figures of each cell of the rows.
pub(super) fn figures(state: &State, samples: &[u32], path: PathBuf) -> TableAsk {
    let why = &state.why;
    let mut rows = Vec::new();
    for &id in samples {
        let sample = state.population.sample_ref(SampleId(id));
        for recipe in why.recipes() {
            let Some(Ok(cell)) = why.cell(&recipe, sample) else { continue };
            let explanation = &cell.explanation;
            let mut values = recipe_cells(why, &recipe).to_vec();
            values.push(json!(explanation.class));
            values.push(json!(class_name(why, &recipe, explanation.class)));
            values.push(json!(explanation.probability));
            values.push(json!(explanation.score));
            values.extend((0..NAMES.len()).map(|at| json!(cell.figures.get(at))));
            values.push(json!(cell.figures.foreground_area));
            rows.push(TableRow { sample, values });
        }
    }
    let population = Arc::clone(&state.population);
    TableAsk { population, path, head: head(), rows, beside: Value::Null }
}

/// The figures over many pictures, with distributions and tests beside them in JSON.
pub(super) fn local(state: &State, path: PathBuf) -> Option<TableAsk> {
    let why = &state.why;
    let local = &why.local;
    let population = Arc::clone(local.population.as_ref()?);
    let mut head = head();
    head.retain(|name| *name != "score");
    let mut rows = Vec::new();
    let (mut models, mut pairs) = (Vec::new(), Vec::new());
    for (at, &id) in local.samples.iter().enumerate() {
        let sample = population.sample_ref(SampleId(id));
        for column in local.measured() {
            let Some(measured) = column.figures.get(at).copied().flatten() else { continue };
            let mut values = recipe_cells(why, &column.recipe).to_vec();
            values[1] = json!(column.layer);
            values.push(json!(measured.class));
            values.push(json!(class_name(why, &column.recipe, measured.class)));
            values.push(json!(measured.probability));
            values.extend((0..NAMES.len()).map(|at| json!(measured.figures.get(at))));
            values.push(json!(measured.figures.foreground_area));
            rows.push(TableRow { sample, values });
        }
    }
    for column in local.measured() {
        let [model, _, method, target] = recipe_cells(why, &column.recipe);
        let of = |at: usize| {
            let known = column.figures.iter().filter_map(|measured| measured.as_ref()?.figures.get(at));
            json!(Distribution::of(known))
        };
        let figures: Object<String, Value> =
            NAMES.iter().enumerate().map(|(at, name)| ((*name).to_owned(), of(at))).collect();
        let mean = json!({"height": column.mean.height, "width": column.mean.width, "values": column.mean.values});
        models.push(json!({"model": model, "layer": column.layer, "method": method, "target": target,
                           "maps": column.figures.iter().flatten().count(), "figures": figures, "mean_map": mean}));
    }
    for chart in charts(why) {
        for test in &chart.tests {
            let name = |at: usize| &chart.violins[at].name;
            pairs.push(
                json!({"figure": NAMES[chart.figure.at], "a": name(test.a), "b": name(test.b), "test": test.result}),
            );
        }
    }
    let beside = json!({"pictures": local.samples.len(), "of": local.of, "models": models, "pairs": pairs});
    Some(TableAsk { population, path, head, rows, beside })
}
