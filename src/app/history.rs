//! Undo and redo of filter and selection: whole states, cheap because bitmaps and chips are shared.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::chips::Chip;

/// What undo brings back.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The active filters.
    pub chips: Vec<Chip>,
    /// The selected samples.
    pub selection: Arc<RoaringBitmap>,
}

/// Two stacks of moments. The oldest moment is dropped at [`History::LIMIT`].
#[derive(Debug, Default)]
pub struct History {
    past: Vec<Moment>,
    future: Vec<Moment>,
}

impl History {
    /// How many steps can be undone.
    pub const LIMIT: usize = 200;

    /// Remembers `before`, the state that a change is about to replace. Forgets what was undone.
    pub fn record(&mut self, before: Moment) {
        self.future.clear();
        if self.past.last() == Some(&before) {
            return;
        }
        if self.past.len() == Self::LIMIT {
            self.past.remove(0);
        }
        self.past.push(before);
    }

    /// Goes one step back from `now`.
    pub fn undo(&mut self, now: Moment) -> Option<Moment> {
        let before = self.past.pop()?;
        self.future.push(now);
        Some(before)
    }

    /// Goes one step forward from `now`.
    pub fn redo(&mut self, now: Moment) -> Option<Moment> {
        let after = self.future.pop()?;
        self.past.push(now);
        Some(after)
    }

    /// True if [`undo`](Self::undo) would change something.
    #[must_use]
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// True if [`redo`](Self::redo) would change something.
    #[must_use]
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// Changes every remembered selection (ids move when a dataset grows or closes).
    pub fn remap(&mut self, map: impl Fn(&RoaringBitmap) -> RoaringBitmap) {
        for moment in self.past.iter_mut().chain(&mut self.future) {
            moment.selection = Arc::new(map(&moment.selection));
            for chip in &mut moment.chips {
                chip.remap(&map);
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.past.clear();
        self.future.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(id: u32) -> Moment {
        Moment { chips: Vec::new(), selection: Arc::new(RoaringBitmap::from_iter([id])) }
    }

    #[test]
    fn goes_back_and_forth_and_forgets_the_future_on_a_change() {
        let mut history = History::default();
        history.record(moment(1));
        history.record(moment(2));
        assert_eq!(history.undo(moment(3)), Some(moment(2)));
        assert_eq!(history.undo(moment(2)), Some(moment(1)));
        assert_eq!(history.undo(moment(1)), None);
        assert_eq!(history.redo(moment(1)), Some(moment(2)));
        history.record(moment(2));
        assert!(!history.can_redo(), "a new change forgets what was undone");
        assert_eq!(history.undo(moment(9)), Some(moment(2)));
    }

    #[test]
    fn is_bounded_and_drops_repeats() {
        let mut history = History::default();
        for id in 0..=History::LIMIT as u32 {
            history.record(moment(id));
            history.record(moment(id));
        }
        let mut steps = 0;
        let mut last = moment(u32::MAX);
        while let Some(before) = history.undo(last.clone()) {
            last = before;
            steps += 1;
        }
        assert_eq!((steps, last), (History::LIMIT, moment(1)), "the oldest of LIMIT + 1 is gone");
    }
}
