//! A layout being computed: neighbours, the first positions, then epoch after epoch, with a look at the clock between them.

use std::sync::Arc;
use std::time::Instant;

use super::source::Rows;
use super::{Control, FRAMES, Facts, Init, MapError, MapParams, Placement};
use crate::analysis::linear;
use crate::analysis::neighbours::{self, Method, Search};
use crate::analysis::umap::{self, Params, Umap};
use crate::jobs::status::Running;

/// Share of the progress bar that neighbours take.
const NEIGHBOURS: u64 = 40;

/// One layout.
pub(super) struct Layout<'a> {
    pub(super) rows: &'a Rows,
    pub(super) params: &'a MapParams,
    /// Where points begin, if not where the parameters say.
    pub(super) from: Option<&'a Placement>,
    pub(super) control: &'a Control,
    pub(super) job: &'a Running,
}

impl MapParams {
    fn umap(&self) -> Params {
        Params {
            neighbours: self.n_neighbors.max(2) as usize,
            metric: self.metric.into(),
            min_dist: self.min_dist,
            spread: self.spread,
            epochs: self.epochs,
            seed: u64::from(self.seed),
            init: match self.init {
                Init::Pca => umap::Init::Pca,
                Init::Spectral => umap::Init::Spectral,
                Init::Random => umap::Init::Random,
            },
            ..Params::default()
        }
    }
}

impl Layout<'_> {
    /// Computes it; `publish` gets positions that still move.
    pub(super) fn compute(&self, publish: &dyn Fn(Placement)) -> Result<Placement, MapError> {
        let started = Instant::now();
        let cancel = &self.job.cancel;
        let params = self.params.umap();
        params.check().map_err(MapError::Failed)?;
        let epochs = self.params.epochs_for(self.rows.samples.len());
        self.job.progress.set_total(NEIGHBOURS + u64::from(epochs));
        let rows = linear::Rows::finite(&self.rows.values[..], self.rows.dims);
        if rows.len() != self.rows.samples.len() {
            return Err(MapError::Failed(
                "some features are larger than distances can be taken of; extract them again".to_owned(),
            ));
        }
        let search = Search {
            k: params.neighbours,
            metric: params.metric,
            seed: u64::from(self.params.seed),
            ..Search::default()
        };
        let (found, method) = neighbours::find(&rows, &search, cancel)?;
        self.job.progress.add(NEIGHBOURS);
        // Where points begin by hand, what the start would cost is saved.
        let start = if self.from.is_some() { umap::Init::Random } else { params.init };
        let mut umap = Umap::new(&rows, &found, Params { init: start, ..params }, cancel)?;
        if let Some(from) = self.from {
            umap.take(self.present(from, umap.positions()), 0);
        }
        let placement = |umap: &Umap, done: bool| Placement {
            samples: Arc::clone(&self.rows.samples),
            positions: Arc::new(umap.positions().to_vec()),
            facts: Facts {
                model: self.rows.model.clone(),
                dims: self.rows.dims,
                params: self.params.clone(),
                device: "CPU".to_owned(),
                seconds: started.elapsed().as_secs_f64(),
                recall: match method {
                    Method::Exact => Some(1.0),
                    Method::Cells { recall, .. } => Some(recall),
                },
                left_out: self.rows.left_out,
            },
            epoch: (umap.epoch(), umap.epochs()),
            done,
            cached: false,
        };
        publish(placement(&umap, false));
        let mut shown = Instant::now();
        loop {
            self.control.wait(cancel)?;
            let more = umap.step(1);
            self.job.progress.add(1);
            if !more {
                return Ok(placement(&umap, true));
            }
            if shown.elapsed().as_secs_f64() >= 1.0 / FRAMES {
                publish(placement(&umap, false));
                shown = Instant::now();
            }
        }
    }

    /// The present place of each row; rows that have none begin where the start put them.
    fn present(&self, from: &Placement, start: &[[f32; 2]]) -> Vec<[f32; 2]> {
        if Arc::ptr_eq(&from.samples, &self.rows.samples) || from.samples == self.rows.samples {
            return from.positions.to_vec();
        }
        let places: std::collections::HashMap<u32, [f32; 2]> =
            from.samples.iter().copied().zip(from.positions.iter().copied()).collect();
        self.rows
            .samples
            .iter()
            .zip(start)
            .map(|(sample, start)| places.get(sample).copied().unwrap_or(*start))
            .collect()
    }
}
