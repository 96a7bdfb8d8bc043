//! A picture in the making, and its way through the map in steps.

use rayon::prelude::*;

use super::Progress;
use super::pipelines::Slice;
use crate::analysis::scatter::points::{self, LEVELS, mark};
use crate::analysis::scatter::splat::{Layer, Style};
use crate::analysis::scatter::{Camera, View};

/// An eighth of the batches that are seen makes a phase.
const PHASES: u32 = points::PHASES as u32;
/// Steps of a picture.
pub(super) const STEPS: u32 = LEVELS as u32 * PHASES;
/// The steps of a counted picture that are samples to look at; the rest is counted in the order of memory.
pub(super) const SAMPLED: u32 = 2 * PHASES;
/// Most dispatches of a frame: single phases before whole levels, levels, phases after.
pub(super) const MOST_SLICES: usize = 2 * PHASES as usize;

/// A picture in the making.
pub(super) struct Run {
    pub camera: Camera,
    /// In counters where points are counted, in pixels where they are drawn.
    pub view: View,
    pub seen: u32,
    pub total: u64,
    pub counted: bool,
    /// Steps to do: twice [`STEPS`] where dim discs go first.
    pub steps: u32,
    pub done: u32,
    /// Steps in the texture.
    pub shown: u32,
}

impl Run {
    pub fn progress(&self) -> Progress {
        let complete = self.done == self.steps && self.shown == self.steps;
        Progress { drawn: self.total * u64::from(self.done) / u64::from(self.steps), total: self.total, complete }
    }

    /// True if the picture is shown when `done` steps are: a sample that has not doubled looks the same; past the samples
    /// some places are ahead of others.
    pub fn resolves(&self, done: u32) -> bool {
        let is_new = self.shown == 0 || done >= 2 * self.shown && done <= SAMPLED;
        !self.counted || done == self.steps || is_new
    }

    /// The next `amount` steps as dispatches: single phases up to a whole level, whole levels, single phases, the rest.
    pub fn take(&mut self, amount: u32, style: &Style, batches: u32, [planes, slots]: [u32; 2]) -> Vec<Slice> {
        let plane_map = style.plane_map();
        let (rows, _) = plane_map.as_chunks::<16>();
        let part = |part: u32, of: u32| (u64::from(self.seen) * u64::from(part) / u64::from(of)) as u32;
        let mut slices = Vec::new();
        let end = (self.done + amount).min(self.steps);
        while self.done < end && slices.len() < MOST_SLICES {
            let left = end - self.done;
            // Dim discs are the first round of two.
            let round = self.done / STEPS;
            let at = self.done % STEPS;
            let (level, phase) = (at / PHASES, at % PHASES);
            let (levels, range, taken) = if self.counted && at >= SAMPLED {
                // The rest, batch by batch: all its points fall into few counters, which stay in the cache.
                let (tail, taken) = (STEPS - SAMPLED, left.min(STEPS - at));
                let range = part(at - SAMPLED, tail)..part(at - SAMPLED + taken, tail);
                (SAMPLED / PHASES..LEVELS as u32, range, taken)
            } else if phase == 0 && left >= PHASES {
                let most = if self.counted { SAMPLED / PHASES } else { LEVELS as u32 };
                let levels = (left / PHASES).min(most - level);
                (level..level + levels, 0..self.seen, levels * PHASES)
            } else {
                (level..level + 1, part(phase, PHASES)..part(phase + 1, PHASES), 1)
            };
            let dim = self.steps > STEPS && round == 0;
            slices.push(Slice {
                origin: self.view.origin,
                scale: self.view.scale,
                width: self.view.width,
                height: self.view.height,
                planes,
                batches,
                seen: self.seen,
                first: range.start,
                end: range.end,
                level: levels.start,
                level_end: levels.end,
                mark: if dim { mark::DIM } else { mark::SHOWN },
                radius: style.radius.max(0.5),
                slots,
                padding: 0,
                plane_of: std::array::from_fn(|row| rows[row]),
            });
            self.done += taken;
        }
        slices
    }
}

/// Points of dataset A and B that are shown, in the whole map.
pub(super) fn totals(marks: &[u32], sides: &[u32], layer: Layer) -> [f32; 2] {
    if layer != Layer::Ratio {
        return [0.0; 2];
    }
    let count = |side: u32| -> u32 {
        marks
            .par_iter()
            .zip(sides)
            .map(|(marks, sides)| ((marks >> 1) & (sides >> side) & 0x5555_5555).count_ones())
            .sum()
    };
    [count(0) as f32, count(1) as f32]
}
