//! A layout being computed: neighbours, the first positions, then epoch after epoch, with a look at the clock between them.

use std::sync::Arc;
use std::time::Instant;

use super::card::Runner;
use super::source::Rows;
use super::{Control, FRAMES, Facts, Init, MapError, MapParams, Placement};
use crate::analysis::linear;
use crate::analysis::neighbours::{self, Method, Neighbours, Search};
use crate::analysis::umap::{self, Params, Umap};
use crate::gpu::{self, Device, GpuError};
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
    /// What computes it, if not the processor.
    pub(super) card: Option<Device>,
    /// Hears a sentence where the card gives up.
    pub(super) notice: &'a dyn Fn(String),
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
        debug_assert_eq!(
            rows.len(),
            self.rows.samples.len(),
            "rows that are of no use were left out when they were read"
        );
        let search = Search {
            k: params.neighbours,
            metric: params.metric,
            seed: u64::from(self.params.seed),
            ..Search::default()
        };
        let mut card = self.card.clone();
        let (found, method) = self.neighbours(&rows, &search, &mut card)?;
        // Where points begin by hand, what the start would cost is saved.
        let start = if self.from.is_some() { umap::Init::Random } else { params.init };
        let mut umap = Umap::new(&rows, &found, Params { init: start, ..params }, cancel)?;
        if let Some(from) = self.from {
            umap.take(self.present(from, umap.positions()), 0);
        }
        let gave_up = |error: &GpuError| self.gave_up(error);
        let placement = |umap: &Umap, device: &str, done: bool| Placement {
            samples: Arc::clone(&self.rows.samples),
            positions: Arc::new(umap.positions().to_vec()),
            facts: Facts {
                model: self.rows.model.clone(),
                dims: self.rows.dims,
                params: self.params.clone(),
                device: device.to_owned(),
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
        let mut runner = Runner::new(card.as_ref(), &umap, &gave_up);
        publish(placement(&umap, runner.device(), false));
        let mut shown = Instant::now();
        let mut told = 0;
        loop {
            self.control.wait(cancel)?;
            let more = runner.step(&mut umap, &gave_up);
            // A card that gave up takes some epochs with it, which are not counted again.
            told += 1;
            if told <= epochs {
                self.job.progress.add(1);
            }
            if !more && runner.fetch(&mut umap, &gave_up) {
                return Ok(placement(&umap, runner.device(), true));
            }
            if shown.elapsed().as_secs_f64() >= 1.0 / FRAMES {
                runner.fetch(&mut umap, &gave_up);
                publish(placement(&umap, runner.device(), false));
                shown = Instant::now();
            }
        }
    }

    /// Neighbours, on the card where all pairs are looked at; `card` is none after one that gave up.
    fn neighbours(
        &self,
        rows: &linear::Rows,
        search: &Search,
        card: &mut Option<Device>,
    ) -> Result<(Neighbours, Method), MapError> {
        let cancel = &self.job.cancel;
        if let Some(device) = card.as_ref().filter(|_| rows.len() <= search.exact_rows) {
            let mut told = 0;
            let found = gpu::neighbours::search(device, rows, search.k, search.metric, cancel, |share| {
                let done = (share * NEIGHBOURS as f64) as u64;
                self.job.progress.add(done.saturating_sub(told));
                told = told.max(done);
            });
            self.job.progress.add(NEIGHBOURS - told.min(NEIGHBOURS));
            match found {
                Ok(found) => return Ok((found, Method::Exact)),
                Err(GpuError::Cancelled(cancelled)) => return Err(cancelled.into()),
                Err(error) => {
                    self.gave_up(&error);
                    *card = None;
                }
            }
            return Ok(neighbours::find(rows, search, cancel)?);
        }
        let found = neighbours::find(rows, search, cancel)?;
        self.job.progress.add(NEIGHBOURS);
        Ok(found)
    }

    fn gave_up(&self, error: &GpuError) {
        (self.notice)(format!("The graphics card gave up on a map, the processor goes on: {error}"));
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::card::{Cards, Compute};
    use super::*;
    use crate::jobs::status::Registry;

    /// Two heaps of rows, alternating.
    fn rows() -> Rows {
        let noise = |at: usize| ((at * 7919 + at / 13 * 104_729) % 1009) as f32 / 1009.0;
        let values: Vec<f32> = (0..120 * 3).map(|at| (at / 3 % 2) as f32 * 9.0 + noise(at)).collect();
        Rows {
            model: "tiny".to_owned(),
            samples: Arc::new((0..120).collect()),
            values,
            dims: 3,
            left_out: 0,
            hash: String::new(),
        }
    }

    fn compute(card: Option<Device>, notices: &RefCell<Vec<String>>) -> Result<Placement, MapError> {
        let rows = rows();
        let params = MapParams { epochs: Some(40), init: Init::Pca, ..MapParams::default() };
        let (control, registry) = (Control::default(), Registry::default());
        let job = registry.begin("a map");
        control.begin(&job.cancel);
        let notice = |text| notices.borrow_mut().push(text);
        let layout =
            Layout { rows: &rows, params: &params, from: None, control: &control, job: &job, card, notice: &notice };
        let seen = RefCell::new(Vec::new());
        let placement = layout.compute(&|placement| seen.borrow_mut().push(placement.epoch.0))?;
        assert!(seen.borrow().is_sorted() && seen.borrow().first() == Some(&0), "{seen:?}");
        Ok(placement)
    }

    fn device() -> Device {
        Device::open().expect("tests need a graphics adapter; a software one will do")
    }

    /// The nearest place to each row's is of its own heap.
    fn parted(placement: &Placement) -> bool {
        let places = &placement.positions;
        (0..places.len()).all(|row| {
            let away = |other: &usize| (places[*other][0] - places[row][0]).hypot(places[*other][1] - places[row][1]);
            let nearest = (0..places.len())
                .filter(|other| *other != row)
                .min_by(|a, b| away(a).total_cmp(&away(b)))
                .expect("more than one row");
            nearest % 2 == row % 2
        })
    }

    #[test]
    fn the_device_that_is_lent_computes_where_it_is_asked_for() {
        let device = device();
        for (compute, expect) in [(Compute::Auto, device.computes()), (Compute::Gpu, true), (Compute::Cpu, false)] {
            let cards = Cards::new(compute);
            assert!(cards.pick().is_none(), "nothing is lent yet");
            cards.lend(device.clone());
            assert_eq!(cards.pick().is_some(), expect, "{compute:?}");
        }
    }

    #[test]
    fn a_layout_on_the_card_is_as_good_as_one_on_the_processor() {
        let device = device();
        let notices = RefCell::default();
        let here = compute(None, &notices).expect("computed");
        let there = compute(Some(device.clone()), &notices).expect("computed");
        assert_eq!((here.facts.device.as_str(), there.facts.device.as_str()), ("CPU", device.name()));
        for placement in [&here, &there] {
            assert!(placement.done && placement.epoch == (40, 40) && placement.facts.recall == Some(1.0));
            assert!(parted(placement));
        }
        assert!(notices.borrow().is_empty(), "{notices:?}");
        let mut mixed = here.clone();
        Arc::make_mut(&mut mixed.positions)[..60].rotate_left(1);
        assert!(!parted(&mixed), "the measure sees rows in the wrong heap");
    }

    #[test]
    fn the_processor_goes_on_where_the_card_gives_up() {
        let device = device();
        device.device.destroy();
        let notices = RefCell::default();
        let placement = compute(Some(device), &notices).expect("computed");
        assert!(placement.done && parted(&placement) && placement.facts.device == "CPU");
        let notices = notices.borrow();
        assert!(!notices.is_empty() && notices.iter().all(|text| text.contains("gave up")), "{notices:?}");
    }
}
