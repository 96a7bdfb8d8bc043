//! What commands and news do to the map lens.

use std::path::PathBuf;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::area::Area;
use super::colour::Legend;
use super::{Asked, Frame, Looked, MapCommand, Placed};
use crate::app::chips::Facet;
use crate::app::command::{Effect, SetOp};
use crate::app::state::{Lens, State};
use crate::jobs::map::{LabelAsk, MapAsk, MapEvent, MapOrder, ModelFile, Placement};
use crate::jobs::models::ModelAsk;
use crate::model::bundled;

/// What a command asks the caller to do beside: the shared selection and the chips are not the map's own.
pub enum Wish {
    /// Nothing.
    None,
    /// Change the selection, and filter to it.
    Select(RoaringBitmap, SetOp),
}

/// Carries a wish out.
pub fn command(state: &mut State, command: MapCommand) -> (Wish, Vec<Effect>) {
    let map = &mut state.map;
    match command {
        MapCommand::View(view) => {
            let is_recoloured = view.colour != map.view.colour;
            map.view = *view;
            if is_recoloured {
                // Its labels are those of another legend.
                map.view.off.clear();
            }
            (Wish::None, Vec::new())
        }
        MapCommand::Compute { from_present } => (Wish::None, ask(state, from_present, true)),
        MapCommand::Pause(paused) => {
            map.paused = paused && map.running();
            (Wish::None, vec![Effect::Map(MapOrder::Pause(map.paused))])
        }
        MapCommand::Stop => {
            map.paused = false;
            (Wish::None, vec![Effect::Map(MapOrder::Stop)])
        }
        MapCommand::Area { layer, corners, op } => match inside(state, &layer, &corners) {
            Some(inside) => (Wish::Select(inside, op), Vec::new()),
            None => (Wish::None, Vec::new()),
        },
        MapCommand::Export { layer, path } => {
            state.dialog = None;
            let Some(placed) = map.placed.get(&layer) else { return (Wish::None, Vec::new()) };
            let effect = Effect::ExportPositions {
                population: Arc::clone(&state.population),
                samples: Arc::clone(&placed.placement.samples),
                places: Arc::clone(&placed.placement.positions),
                path,
            };
            (Wish::None, vec![effect])
        }
        MapCommand::LookAgain => {
            map.looked = None;
            (Wish::None, Vec::new())
        }
        MapCommand::Extract => (Wish::None, extract(state)),
        MapCommand::ExtractWith(path) => (Wish::None, extract_with(state, path)),
    }
}

/// Extracts what the model that is looked at lacks, in the layers that are there.
fn extract(state: &State) -> Vec<Effect> {
    let Some(source) = state.map.source().filter(|source| source.model_file == ModelFile::Same) else {
        return Vec::new();
    };
    let mut ids = RoaringBitmap::new();
    for lacking in &source.lacking {
        ids |= &*lacking.extract;
    }
    let layers = source.layers.iter().map(|layer| layer.name.clone()).collect();
    vec![Effect::RunModel(ModelAsk {
        population: Arc::clone(&state.population),
        ids: Arc::new(ids),
        path: source.file.clone(),
        card: None,
        layers: Some(layers),
    })]
}

fn extract_with(state: &State, path: PathBuf) -> Vec<Effect> {
    vec![Effect::RunModel(ModelAsk {
        population: Arc::clone(&state.population),
        ids: Arc::new(state.population.columns.all()),
        path,
        card: None,
        // No names: all stages of the card.
        layers: Some(Vec::new()),
    })]
}

/// The samples of a layer inside an outline. Those that the legend hides or a filter leaves out are not meant; but a former lasso is no
/// reason to leave anything out of the next one.
fn inside(state: &State, layer: &str, corners: &[[f32; 2]]) -> Option<RoaringBitmap> {
    let placed = state.map.placed.get(layer)?;
    let area = Area::new(corners)?;
    let has_lasso = state.chips.iter().any(|chip| chip.facet == Facet::Selection && !chip.off);
    let candidates = if has_lasso {
        state.map.legend.seen(&state.map.view.off, &state.population.columns.all())
    } else {
        (*state.map.seen).clone()
    };
    let placement = &placed.placement;
    let found = placement.samples.iter().zip(placement.positions.iter());
    Some(
        found
            .filter(|(_, position)| area.holds(placed.frame.place(**position)))
            .map(|(sample, _)| *sample)
            .filter(|sample| candidates.contains(*sample))
            .collect(),
    )
}

/// Follows population, filters and what is looked at: looks for features, asks for layouts, makes legends.
pub fn follow(state: &mut State) -> Vec<Effect> {
    // Both lenses need to know which features there are.
    let lenses = [Lens::Map, Lens::Compare];
    if !lenses.into_iter().any(|lens| state.shows(lens)) || state.is_empty() {
        return Vec::new();
    }
    let mut effects = Vec::new();
    let population = Arc::clone(&state.population);
    let map = &mut state.map;
    if map.looked.as_ref().is_none_or(|looked| !Arc::ptr_eq(&looked.population.columns, &population.columns)) {
        // Ids may mean other samples now; the cache brings the positions back.
        map.placed.clear();
        map.waiting.clear();
        map.asked = None;
        map.paused = false;
        map.labels.clear();
        map.labels_asked = None;
        map.looked = Some(Looked { population: Arc::clone(&population), sources: None, is_demo: false });
        effects.push(Effect::Map(MapOrder::Look(Arc::clone(&population))));
    }
    let map = &mut state.map;
    if map.looked.as_ref().is_some_and(|looked| looked.is_demo && looked.sources.as_ref().is_some_and(Vec::is_empty))
        && !std::mem::replace(&mut map.demo_asked, true)
    {
        // A stranger sees points without having to know what features are. The shop's model went the paper's way: scenes first, then products.
        let model = bundled::bundled().last().map(|model| PathBuf::from(model.name));
        effects.extend(model.map(|model| extract_with(state, model)).unwrap_or_default());
    }
    if !state.shows(Lens::Map) {
        return effects;
    }
    let map = &mut state.map;
    let by = map.view.colour;
    if map.legend_of.as_ref().is_none_or(|(of, colour)| !Arc::ptr_eq(of, &population) || *colour != by) {
        map.legend = Arc::new(Legend::new(&population, by));
        map.legend_of = Some((population, by));
        map.seen_of = None;
    }
    if state.querying() {
        return effects;
    }
    let map = &mut state.map;
    let matching = &state.result.matching;
    let is_old = |(of, off): &(Arc<RoaringBitmap>, _)| !Arc::ptr_eq(of, matching) || *off != map.view.off;
    if map.seen_of.as_ref().is_none_or(is_old) {
        map.matching = Arc::new(map.legend.counts(matching.iter()));
        map.seen = Arc::new(map.legend.seen(&map.view.off, matching));
        map.seen_of = Some((Arc::clone(matching), map.view.off.clone()));
    }
    let wanted = map.layers();
    let model = map.source().map(|source| source.model.clone());
    if map.asked.as_ref().is_some_and(|asked| Some(&asked.model) != model.as_ref()) {
        map.placed.clear();
        map.waiting.clear();
        map.asked = None;
    }
    let is_known = |layer: &String| {
        map.placed.contains_key(layer)
            || map.waiting.contains(layer)
            || map.asked.as_ref().is_some_and(|asked| asked.layers.contains(layer))
    };
    let has_rows = map.source().is_some_and(|source| source.rows() > 0);
    if has_rows && !wanted.iter().all(is_known) && !map.running() {
        effects.extend(ask(state, false, false));
    }
    effects.extend(label(state));
    effects
}

/// Asks for names of regions where they are wanted and of other positions. Names of points that move would jump about; they come when the layout
/// rests.
fn label(state: &mut State) -> Option<Effect> {
    let population = Arc::clone(&state.population);
    let map = &mut state.map;
    if !map.view.drawn.labels || map.running() && !map.paused {
        return None;
    }
    let by = map.label_by(&population.columns);
    let resting = |layer: String| Some((layer.clone(), Arc::clone(&map.placed.get(&layer)?.placement)));
    let layers: Vec<_> = map.layers().into_iter().filter_map(resting).collect();
    let is_known = |(layer, placement): &(String, Arc<Placement>)| {
        map.labels.get(layer).is_some_and(|found| found.by == by && Arc::ptr_eq(&found.placement, placement))
    };
    if layers.iter().all(is_known) {
        return None;
    }
    let asked: Vec<_> = layers.iter().map(|(_, placement)| Arc::clone(placement)).collect();
    let is_asked = map.labels_asked.as_ref().is_some_and(|(asked_by, of)| {
        *asked_by == by && of.len() == asked.len() && of.iter().zip(&asked).all(|(a, b)| Arc::ptr_eq(a, b))
    });
    if is_asked {
        return None;
    }
    map.labels_asked = Some((by, asked));
    Some(Effect::Label(LabelAsk { population, layers, by }))
}

/// Asks for the layers that are looked at: all of them where the user wants it computed, else those that are missing.
fn ask(state: &mut State, from_present: bool, by_hand: bool) -> Vec<Effect> {
    let population = Arc::clone(&state.population);
    let map = &mut state.map;
    let Some(source) = map.source() else { return Vec::new() };
    let rows = source.rows();
    let model = source.model.clone();
    let layers: Vec<String> =
        map.layers().into_iter().filter(|layer| by_hand || !map.placed.contains_key(layer)).collect();
    if layers.is_empty() {
        return Vec::new();
    }
    map.generation += 1;
    map.paused = false;
    map.waiting.clear();
    let params = if by_hand {
        map.view.params.clone()
    } else {
        map.asked.as_ref().map_or(&map.view.params, |asked| &asked.params).clone()
    };
    let from = layers
        .iter()
        .filter_map(|layer| Some((layer.clone(), Arc::clone(&map.placed.get(layer)?.placement))))
        .filter(|_| from_present)
        .collect();
    map.asked = Some(Asked {
        generation: map.generation,
        model: model.clone(),
        layers: layers.clone(),
        params: params.clone(),
        open: layers.iter().cloned().collect(),
    });
    let only_cached = !by_hand && rows > map.automatic_limit;
    vec![Effect::Map(MapOrder::Run(MapAsk {
        generation: map.generation,
        population,
        model,
        layers,
        params,
        from,
        only_cached,
    }))]
}

/// Takes news of the map job in; a sentence if something went wrong.
pub fn news(state: &mut State, event: MapEvent) -> Option<String> {
    let map = &mut state.map;
    match event {
        MapEvent::Sources { population, sources, is_demo } => {
            if let Some(looked) = &mut map.looked
                && Arc::ptr_eq(&looked.population, &population)
            {
                (looked.sources, looked.is_demo) = (Some(sources), is_demo);
                map.looks += 1;
            }
            None
        }
        MapEvent::Labelled(layer, labelled) => {
            map.labels.insert(layer, labelled);
            None
        }
        MapEvent::Unlabelled(error) => Some(error),
        MapEvent::Placed { generation, layer, placement } => {
            let asked = map.asked.as_mut().filter(|asked| asked.generation == generation)?;
            if placement.done {
                asked.open.remove(&layer);
            }
            let frame = Frame::of(&placement.positions);
            map.placed.insert(layer, Arc::new(Placed { placement, frame }));
            None
        }
        MapEvent::Ended { generation, layer, error } => {
            let asked = map.asked.as_mut().filter(|asked| asked.generation == generation)?;
            asked.open.remove(&layer);
            if asked.open.is_empty() {
                map.paused = false;
            }
            if !map.placed.contains_key(&layer) {
                map.waiting.insert(layer);
            }
            error
        }
    }
}
