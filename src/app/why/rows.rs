//! Which pictures are rows, and in which order.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::Scope;
use crate::app::state::State;
use crate::catalog::{Columns, flags};

/// The rows and what they were made of.
#[derive(Debug, Default)]
pub struct Rows {
    /// Samples in order, those without a picture left out; the first ones alone while they are sorted.
    pub samples: Arc<Vec<u32>>,
    /// All of them, unsorted.
    pub all: Arc<Vec<u32>>,
    /// How much the columns disagree about each of the first rows, while they are sorted by it; `None` where that is not known.
    pub disagreement: Vec<Option<f64>>,
    /// Rows that are sorted, once all of them are known.
    pub sorted: bool,
    of: Option<RowsOf>,
}

#[derive(Debug)]
struct RowsOf {
    columns: Arc<Columns>,
    order: Arc<Vec<u32>>,
    selection: Arc<RoaringBitmap>,
    scope: Scope,
}

/// True if the selection is what the lens is about.
#[must_use]
pub fn by_selection(state: &State) -> bool {
    state.why.view.scope == Scope::Auto && state.selection.len() > 1
}

/// Makes the rows anew if what they depend on changed. True if they did.
pub fn follow(state: &mut State) -> bool {
    let selects = by_selection(state);
    let scope = &state.why.view.scope;
    let is_old = state.why.rows.of.as_ref().is_none_or(|of| {
        let same_order = Arc::ptr_eq(&of.order, &state.result.order);
        let is_same = || Arc::ptr_eq(&of.selection, &state.selection) || of.selection == state.selection;
        let same_selection = if selects { is_same() } else { of.selection.len() <= 1 };
        !Arc::ptr_eq(&of.columns, &state.population.columns) || !same_order || !same_selection || of.scope != *scope
    });
    if !is_old {
        return false;
    }
    let columns = Arc::clone(&state.population.columns);
    let has_picture = |id: &u32| columns.flags.get(*id as usize).is_some_and(|bits| bits & flags::HAS_IMAGE != 0);
    let order = &state.result.order;
    let samples: Vec<u32> = match scope {
        Scope::Auto if selects => {
            let mut samples: Vec<u32> = order.iter().copied().filter(|id| state.selection.contains(*id)).collect();
            // What is selected and filtered out comes last.
            samples.extend(state.selection.iter().filter(|id| !state.result.matching.contains(*id)));
            samples
        }
        Scope::Auto | Scope::Matching => order.to_vec(),
        Scope::Leaf(name) => match columns.leaves.iter().position(|leaf| **leaf == **name) {
            Some(leaf) => (0..columns.len()).filter(|id| columns.leaf[*id as usize] == leaf as u32).collect(),
            None => Vec::new(),
        },
    };
    let samples: Vec<u32> = samples.into_iter().filter(has_picture).collect();
    let selection = if selects { Arc::clone(&state.selection) } else { Arc::default() };
    let of = RowsOf { columns, order: Arc::clone(order), selection, scope: scope.clone() };
    let all = Arc::new(samples);
    state.why.rows = Rows { samples: Arc::clone(&all), all, of: Some(of), disagreement: Vec::new(), sorted: false };
    true
}

/// Puts the first rows in the order of disagreement, the largest first, once all of them are known; rows about which nothing can be said come
/// last. The others are left out: nobody knows where they belong.
pub fn sort(state: &mut State) {
    let why = &mut state.why;
    if !why.view.sorted || why.rows.sorted {
        return;
    }
    let count = why.view.sort_rows.min(why.rows.samples.len());
    let first = &why.rows.samples[..count];
    let recipes = why.recipes();
    let usable: Vec<_> = recipes.iter().filter(|recipe| why.is_usable(recipe)).collect();
    let is_answered = |id: &u32| {
        let sample = state.population.sample_ref(crate::base::SampleId(*id));
        usable.iter().all(|recipe| why.cell(recipe, sample).is_some())
    };
    // One column disagrees with nobody.
    if count == 0 || usable.len() < 2 || !first.iter().all(is_answered) {
        return;
    }
    let columns = &state.population.columns;
    let mut keyed: Vec<(u32, Option<f64>)> = first
        .iter()
        .map(|&id| {
            let size = (columns.width[id as usize], columns.height[id as usize]);
            (id, why.disagreement(state.population.sample_ref(crate::base::SampleId(id)), size))
        })
        .collect();
    keyed.sort_by(|a, b| b.1.unwrap_or(-1.0).total_cmp(&a.1.unwrap_or(-1.0)));
    why.rows.samples = Arc::new(keyed.iter().map(|(id, _)| *id).collect());
    why.rows.disagreement = keyed.into_iter().map(|(_, apart)| apart).collect();
    why.rows.sorted = true;
    why.scroll = 0.0;
}

/// Forgets the order by disagreement: the rows are made anew.
pub fn unsort(state: &mut State) {
    if state.why.rows.sorted {
        state.why.rows.of = None;
    }
}
