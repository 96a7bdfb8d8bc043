//! Names of regions: where the samples of one name lie close together and few others lie between them.
//!
//! How it works: the unit square is cut into [`SIDE`] x [`SIDE`] cells, and the samples of every name are counted a cell. A region of a name is a
//! peak of its counts (smoothed over the 3 x 3 cells around), its weight is how many of the name are there times their share of all samples there:
//! a name that is everywhere marks nothing. The heaviest regions come first; the view leaves out those that would overlap, so that more of them
//! appear as one zooms in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Placed;
use crate::catalog::{Columns, NONE};

/// Cells a side.
const SIDE: usize = 96;

/// Most regions that are kept.
const MOST: usize = 400;

/// Share of a name among all samples of its region from which on it is worth its label.
const SHARE: f32 = 0.35;

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The name.
    pub text: Arc<str>,
    /// Its place in the unit square: the mean of its samples there.
    pub place: [f32; 2],
    /// Samples of the name there.
    pub samples: u32,
    /// Their share of all samples there.
    pub share: f32,
}

/// The regions of a map, heaviest first, by leaf.
#[must_use]
pub fn labels(placed: &Placed, columns: &Columns) -> Vec<Label> {
    let placement = &placed.placement;
    let mut all = vec![0_u32; SIDE * SIDE];
    let mut names: BTreeMap<u32, BTreeMap<u32, (u32, [f32; 2])>> = BTreeMap::new();
    for (sample, position) in placement.samples.iter().zip(placement.positions.iter()) {
        let place = placed.frame.place(*position);
        if !(place[0].is_finite() && place[1].is_finite()) {
            continue;
        }
        let [x, y] = place.map(|value| ((value * SIDE as f32) as usize).min(SIDE - 1));
        let cell = y * SIDE + x;
        all[cell] += 1;
        let leaf = columns.leaf.get(*sample as usize).copied().unwrap_or(NONE);
        if leaf != NONE {
            let (count, sum) = names.entry(leaf).or_default().entry(cell as u32).or_default();
            *count += 1;
            *sum = [sum[0] + place[0], sum[1] + place[1]];
        }
    }
    let around = |cell: usize| {
        let (x, y) = (cell % SIDE, cell / SIDE);
        (y.saturating_sub(1)..=(y + 1).min(SIDE - 1))
            .flat_map(move |y| (x.saturating_sub(1)..=(x + 1).min(SIDE - 1)).map(move |x| y * SIDE + x))
    };
    let mut found: Vec<(f32, Label)> = Vec::new();
    for (leaf, cells) in &names {
        let smooth: BTreeMap<u32, (u32, [f32; 2])> = cells
            .keys()
            .map(|cell| {
                let mut sum = (0, [0.0; 2]);
                for near in around(*cell as usize) {
                    if let Some((count, place)) = cells.get(&(near as u32)) {
                        sum = (sum.0 + count, [sum.1[0] + place[0], sum.1[1] + place[1]]);
                    }
                }
                (*cell, sum)
            })
            .collect();
        for (cell, (count, place)) in &smooth {
            // A peak: no neighbour has more; of equals the first.
            let is_peak = around(*cell as usize)
                .filter_map(|near| Some((near as u32, smooth.get(&(near as u32))?.0)))
                .all(|(near, other)| other < *count || (other == *count && near >= *cell));
            if !is_peak || *count < 3 {
                continue;
            }
            let here: u32 = around(*cell as usize).map(|near| all[near]).sum();
            let share = *count as f32 / here as f32;
            if share >= SHARE {
                let place = [place[0] / *count as f32, place[1] / *count as f32];
                let text = Arc::clone(&columns.leaves[*leaf as usize]);
                found.push((*count as f32 * share, Label { text, place, samples: *count, share }));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    // Two peaks of one name in one heap are one region.
    let mut kept: Vec<Label> = Vec::new();
    for (_, label) in found {
        let near = |other: &Label| {
            other.text == label.text && (other.place[0] - label.place[0]).hypot(other.place[1] - label.place[1]) < 0.06
        };
        if kept.len() < MOST && !kept.iter().any(near) {
            kept.push(label);
        }
    }
    kept
}
