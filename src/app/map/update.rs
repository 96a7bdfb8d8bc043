//! What commands and news do to the map lens.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::area::Area;
use super::colour::Legend;
use super::{Asked, Frame, Looked, MapCommand, Placed};
use crate::app::chips::Facet;
use crate::app::command::{Effect, SetOp};
use crate::app::state::{Lens, State};
use crate::jobs::map::{MapAsk, MapEvent, MapOrder};

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
            if view.colour != map.view.colour {
                map.view.off.clear();
                let off = std::mem::take(&mut map.view.off);
                map.view = super::MapView { off, ..*view };
            } else {
                map.view = *view;
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
    }
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
        map.looked = Some(Looked { population: Arc::clone(&population), sources: None });
        effects.push(Effect::Map(MapOrder::Look(Arc::clone(&population))));
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
    if !wanted.iter().all(is_known) && !map.running() {
        effects.extend(ask(state, false, false));
    }
    effects
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
        MapEvent::Sources { population, sources } => {
            if let Some(looked) = &mut map.looked
                && Arc::ptr_eq(&looked.population, &population)
            {
                looked.sources = Some(sources);
            }
            None
        }
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
