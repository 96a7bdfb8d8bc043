//! Focus and selection.

use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::app::command::{Effect, SetOp};
use crate::app::grid;
use crate::app::state::{Inspector, State};
use crate::base::SampleId;

/// A selection changed by a set.
pub fn combined(selection: &RoaringBitmap, set: &RoaringBitmap, op: SetOp) -> RoaringBitmap {
    match op {
        SetOp::Replace => set.clone(),
        SetOp::Add => selection | set,
        SetOp::Subtract => selection - set,
        SetOp::Intersect => selection & set,
    }
}

/// Changes the selection by a set, with undo.
pub fn select(state: &mut State, set: &RoaringBitmap, op: SetOp) {
    let selection = combined(&state.selection, set, op);
    if selection != *state.selection {
        let before = state.moment();
        state.history.record(before);
        state.selection = Arc::new(selection);
    }
}

/// A click: replaces; with Shift adds the range from the anchor; with Ctrl takes out or puts in; with
/// both keeps only what lies in the range.
pub fn click(state: &mut State, sample: SampleId, shift: bool, ctrl: bool) -> Vec<Effect> {
    let one = RoaringBitmap::from_iter([sample.0]);
    match (shift, ctrl) {
        (false, false) => select(state, &one, SetOp::Replace),
        (true, false) => {
            let range = range(state, sample);
            select(state, &range, SetOp::Add);
        }
        (false, true) => {
            let op = if state.selection.contains(sample.0) { SetOp::Subtract } else { SetOp::Add };
            select(state, &one, op);
        }
        (true, true) => {
            let range = range(state, sample);
            select(state, &range, SetOp::Intersect);
        }
    }
    if !shift {
        state.anchor = Some(sample);
    }
    focus(state, Some(sample), false)
}

/// The samples between the anchor and `sample` in the grid's order.
fn range(state: &State, sample: SampleId) -> RoaringBitmap {
    let anchor = state.anchor.or(state.focus).unwrap_or(sample);
    match (state.position_of(anchor), state.position_of(sample)) {
        (Some(a), Some(b)) => state.result.order[a.min(b)..=a.max(b)].iter().copied().collect(),
        _ => RoaringBitmap::from_iter([sample.0]),
    }
}

/// Moves the focus along the grid.
pub fn step(state: &mut State, right: i64, down: i64, columns: usize, extend: bool) -> Vec<Effect> {
    let len = state.result.order.len();
    if len == 0 {
        return Vec::new();
    }
    let now = state.focus.and_then(|sample| state.position_of(sample));
    let target = now.map_or(0, |position| grid::step(position, right, down, columns, len));
    let sample = SampleId(state.result.order[target]);
    if extend {
        if state.anchor.is_none() {
            state.anchor = state.focus.or(Some(sample));
        }
        let range = range(state, sample);
        select(state, &range, SetOp::Add);
    } else {
        state.anchor = Some(sample);
        // Arrow keys move through pictures; each step is not worth an undo.
        state.selection = Arc::new(RoaringBitmap::from_iter([sample.0]));
    }
    focus(state, Some(sample), true)
}

/// Puts the focus on a sample; the inspector follows.
pub fn focus(state: &mut State, sample: Option<SampleId>, reveal: bool) -> Vec<Effect> {
    state.reveal |= reveal && sample.is_some();
    if state.focus == sample && (sample.is_none() || state.inspector.record.is_some()) {
        return Vec::new();
    }
    state.focus = sample;
    state.focus_is_automatic = false;
    state.inspector = Inspector::default();
    match sample {
        None => {
            state.large = false;
            Vec::new()
        }
        Some(sample) => {
            let sample_ref = state.population.sample_ref(sample);
            // What the grid knows already is shown at once; raw record and full picture follow.
            state.inspector.record = state.records.get(sample_ref).cloned();
            vec![Effect::Inspect(Arc::clone(&state.population), sample_ref)]
        }
    }
}
