//! The latest maps, up to a number of bytes.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Cell;
use crate::jobs::SampleRef;

/// Bytes of maps that are kept: some three hundred maps of an input of 224 pixels, hundreds of thousands of a last layer.
const BUDGET: usize = 64 << 20;

/// What a map hangs on: model and card by their key, layer, method, class (and what a learned cut was learned from), the picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) column: Arc<str>,
    pub(super) sample: SampleRef,
}

/// Maps by what they are of; the ones not looked at for longest go first.
pub(super) struct Kept {
    cells: FxHashMap<Key, (Arc<Cell>, u64)>,
    bytes: usize,
    budget: usize,
    clock: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Self { cells: FxHashMap::default(), bytes: 0, budget: BUDGET, clock: 0 }
    }
}

fn bytes(cell: &Cell) -> usize {
    cell.explanation.map.values.len() * 4 + 256
}

impl Kept {
    pub(super) fn get(&mut self, key: &Key) -> Option<Arc<Cell>> {
        self.clock += 1;
        let (cell, used) = self.cells.get_mut(key)?;
        *used = self.clock;
        Some(Arc::clone(cell))
    }

    pub(super) fn put(&mut self, key: Key, cell: Arc<Cell>) {
        self.clock += 1;
        self.bytes += bytes(&cell);
        if let Some((old, _)) = self.cells.insert(key, (cell, self.clock)) {
            self.bytes -= bytes(&old);
        }
        if self.bytes <= self.budget {
            return;
        }
        // A quarter more than needed, so that not every new map sorts them all.
        let mut by_age: Vec<(u64, Key)> = self.cells.iter().map(|(key, (_, used))| (*used, key.clone())).collect();
        by_age.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_age {
            if self.bytes <= self.budget - self.budget / 4 {
                break;
            }
            if let Some((old, _)) = self.cells.remove(&key) {
                self.bytes -= bytes(&old);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cam::{Figures, Map};
    use crate::model::explain::Explanation;

    fn cell(places: usize) -> Arc<Cell> {
        let map = Map { height: 1, width: places, values: vec![0.0; places] };
        let explanation = Explanation { class: 0, score: 0.0, probability: 0.0, map };
        Arc::new(Cell { explanation, figures: Figures::default() })
    }

    fn key(column: &str, row: u32) -> Key {
        Key { column: column.into(), sample: SampleRef { dataset: 0, row } }
    }

    #[test]
    fn stays_within_its_budget_and_keeps_what_was_looked_at() {
        let mut kept = Kept { budget: 10 * (400 + 256), ..Kept::default() };
        for row in 0..10 {
            kept.put(key("a", row), cell(100));
        }
        assert!(kept.get(&key("a", 0)).is_some());
        assert!(kept.get(&key("b", 0)).is_none(), "another column's");
        kept.put(key("a", 10), cell(100));
        assert!(kept.bytes <= kept.budget);
        assert!(kept.get(&key("a", 0)).is_some(), "it was looked at");
        assert!(kept.get(&key("a", 1)).is_none(), "the oldest is gone");
        assert!(kept.get(&key("a", 10)).is_some());
        // The same one again is no more.
        let before = kept.bytes;
        kept.put(key("a", 10), cell(100));
        assert_eq!(kept.bytes, before);
    }
}
