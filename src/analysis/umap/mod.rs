//! UMAP: positions in the plane in which the neighbours of a sample stay its neighbours.
//!
//! How it works: the distances to a row's neighbours become memberships, made symmetric ([`graph`]); the curve of
//! nearness in the plane is fitted to `min_dist` and `spread` ([`curve`]); rows begin where [`start`] puts them; then
//! epochs pull neighbours together and push drawn others away ([`layout`]). [`Umap`] holds all of it between epochs, so
//! that a window can show the positions while they move. Parameters and defaults are umap-learn's.

pub mod curve;
pub mod graph;
mod lanes;
pub mod layout;
mod spectral;
pub mod start;

use crate::base::{CancelToken, Cancelled};

use super::linear::Rows;
use super::neighbours::{Metric, Neighbours};

pub use graph::FuzzyGraph;
pub use layout::{Force, LayoutGraph};
pub use start::Init;

/// What a layout is asked for; the defaults are umap-learn's.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// Neighbours a row, the row itself included (`n_neighbors`).
    pub neighbours: usize,
    /// How the neighbours' distances are taken.
    pub metric: Metric,
    /// Least distance in the plane between near rows, in 0..=3 `spread`.
    pub min_dist: f32,
    /// The scale on which rows lie in the plane, above 0.
    pub spread: f32,
    /// Epochs; by default 500 up to 10,000 rows, else 200.
    pub epochs: Option<u32>,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Where rows begin.
    pub init: Init,
    /// Rows pushed away for every pull (`negative_sample_rate`).
    pub negatives: u32,
    /// Strength of a push (`repulsion_strength`).
    pub repulsion: f32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            neighbours: 15,
            metric: Metric::Euclidean,
            min_dist: 0.1,
            spread: 1.0,
            epochs: None,
            seed: 0,
            init: Init::Spectral,
            negatives: 5,
            repulsion: 1.0,
        }
    }
}

impl Params {
    /// Epochs for so many rows.
    #[must_use]
    pub fn epochs_for(&self, rows: usize) -> u32 {
        self.epochs.unwrap_or(if rows <= 10_000 { 500 } else { 200 })
    }

    /// What is wrong with the parameters, as a sentence.
    ///
    /// # Errors
    /// The sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.neighbours < 2 {
            return Err("a layout needs at least 2 neighbours, the sample itself included".to_owned());
        }
        if !(self.spread > 0.0 && self.spread.is_finite()) {
            return Err(format!("spread is a number above 0, not {}", self.spread));
        }
        if !(0.0..=3.0 * self.spread).contains(&self.min_dist) {
            return Err(format!("min-dist lies between 0 and three times the spread, not at {}", self.min_dist));
        }
        if !(self.repulsion >= 0.0 && self.repulsion.is_finite()) {
            return Err(format!("repulsion is a number from 0 on, not {}", self.repulsion));
        }
        Ok(())
    }

    fn force(&self, rows: usize) -> Force {
        let (a, b) = curve::fit(f64::from(self.min_dist), f64::from(self.spread));
        Force {
            a: a as f32,
            b: b as f32,
            repulsion: self.repulsion,
            negatives: self.negatives,
            seed: layout::pcg(self.seed as u32) ^ (self.seed >> 32) as u32,
            epochs: self.epochs_for(rows),
        }
    }
}

/// A layout between two epochs.
#[derive(Clone, Debug)]
pub struct Umap {
    params: Params,
    graph: FuzzyGraph,
    layout: LayoutGraph,
    force: Force,
    init: Init,
    positions: Vec<[f32; 2]>,
    spare: Vec<[f32; 2]>,
    epoch: u32,
}

impl Umap {
    /// Makes the graph and the first positions. `rows` are the rows that `neighbours` are of.
    ///
    /// # Errors
    /// [`Cancelled`] on request.
    ///
    /// # Panics
    /// If `neighbours` are of another number of rows.
    pub fn new(rows: &Rows, neighbours: &Neighbours, params: Params, cancel: &CancelToken) -> Result<Self, Cancelled> {
        assert!(neighbours.k == 0 || rows.len() == neighbours.len(), "the neighbours are of these rows");
        let graph = FuzzyGraph::new(neighbours);
        cancel.check()?;
        let (positions, init) = start::positions(params.init, rows, &graph, params.seed, cancel)?;
        Ok(Self::begin(graph, positions, init, params))
    }

    /// Begins with positions that are there already.
    fn begin(graph: FuzzyGraph, positions: Vec<[f32; 2]>, init: Init, params: Params) -> Self {
        let force = params.force(graph.len());
        let rounds = LayoutGraph::usual_rounds(graph.len());
        let layout = LayoutGraph::new(&graph.offsets, &graph.others, &graph.weights, force.epochs, rounds);
        Self { params, graph, layout, force, init, spare: positions.clone(), positions, epoch: 0 }
    }

    /// Begins anew from the present positions with other parameters, and other neighbours of the same rows where
    /// their number or metric changed. The first epochs move far again, as the learning rate begins anew too.
    ///
    /// # Panics
    /// If `neighbours` are of another number of rows.
    #[must_use]
    pub fn restart(self, params: Params, neighbours: Option<&Neighbours>) -> Self {
        let graph = neighbours.map_or(self.graph, FuzzyGraph::new);
        assert_eq!(graph.len(), self.positions.len(), "the neighbours are of the same rows");
        Self::begin(graph, self.positions, self.init, params)
    }

    /// Runs up to `epochs` more epochs; true while some are left.
    ///
    /// The bits of the positions do not depend on how epochs are shared out over calls, nor on the number of threads.
    pub fn step(&mut self, epochs: u32) -> bool {
        let end = self.epoch.saturating_add(epochs).min(self.force.epochs);
        if end > self.epoch && !self.positions.is_empty() {
            let Self { layout, force, positions, spare, epoch, .. } = self;
            // Inside the pool: the threads stay awake from one sub-round to the next.
            rayon::scope(|_| {
                for n in *epoch + 1..=end {
                    layout::epoch(layout, force, n, positions, spare);
                }
            });
        }
        self.epoch = end;
        self.epoch < self.force.epochs
    }

    /// Positions of the rows, as they are now.
    #[must_use]
    pub fn positions(&self) -> &[[f32; 2]] {
        &self.positions
    }

    /// Epochs that were run.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Epochs in all.
    #[must_use]
    pub fn epochs(&self) -> u32 {
        self.force.epochs
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// How the first positions were made: what was asked for, or what it gave way to.
    #[must_use]
    pub fn init(&self) -> Init {
        self.init
    }

    /// The graph as the epochs read it; with [`force`](Self::force) and [`positions`](Self::positions) all that the
    /// kernel needs.
    #[must_use]
    pub fn layout(&self) -> &LayoutGraph {
        &self.layout
    }

    /// What the epochs need beside the graph.
    #[must_use]
    pub fn force(&self) -> &Force {
        &self.force
    }

    /// The symmetric graph.
    #[must_use]
    pub fn graph(&self) -> &FuzzyGraph {
        &self.graph
    }

    /// Takes positions that were moved elsewhere (by the kernel), and the epoch they are of.
    ///
    /// # Panics
    /// If there are not as many positions as rows.
    pub fn take(&mut self, positions: Vec<[f32; 2]>, epoch: u32) {
        assert_eq!(positions.len(), self.positions.len(), "one position a row");
        self.positions = positions;
        self.epoch = epoch.min(self.force.epochs);
    }
}

#[cfg(test)]
mod tests;
