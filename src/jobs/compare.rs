//! The compare lane: how separate two datasets are in each layer of a model, and where one of them is alone.
//!
//! The newest request wins and ends the one that runs. Layers are answered one by one, so that the table fills while it is computed.

use std::sync::Arc;

use super::map::{self, source};
use super::newest::Answering;
use super::status::Running;
use super::{Event, Outbox, Population};
use crate::analysis::linear::Rows;
use crate::analysis::separation::{self, Options, Region, Separation};
use crate::base::{CancelToken, Cancelled};

/// What to compare.
#[derive(Clone, Debug)]
pub struct CompareAsk {
    /// Number of the request; answers carry it.
    pub generation: u64,
    /// Over what.
    pub population: Arc<Population>,
    /// Hash of the model.
    pub model: String,
    /// Its layers.
    pub layers: Vec<String>,
    /// The datasets A and B, by their places.
    pub pair: [usize; 2],
    /// How features are compared.
    pub metric: map::Metric,
}

/// A region with the samples it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its figures.
    pub region: Region,
    /// The dataset's samples in it, the most typical first.
    pub samples: Vec<u32>,
}

/// The figures of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Which layer.
    pub layer: String,
    /// All figures.
    pub separation: Separation,
    /// Where A is and B is not, and the other way round.
    pub regions: [Vec<Found>; 2],
}

/// News of the lane.
#[derive(Debug)]
pub enum CompareEvent {
    /// A layer is compared.
    Layer(u64, Arc<Compared>),
    /// Nothing more comes; a sentence if something went wrong.
    Ended(u64, Option<String>),
}

/// The lane's way to an answer: each layer is sent when it is done, then the end.
pub(super) const ANSWERING: Answering<CompareAsk, Option<String>> = Answering {
    name: "compare",
    doing: "comparing datasets",
    title: "Comparing datasets",
    work,
    tell: |ask, error, _, outbox| {
        let error = error.unwrap_or_else(|| Some("the comparison broke off; the problems list says why".to_owned()));
        outbox.send(Event::Compare(CompareEvent::Ended(ask.generation, error)));
    },
};

fn work(ask: &CompareAsk, job: &Running, outbox: &Outbox) -> Option<String> {
    job.progress.set_total(ask.layers.len() as u64);
    for layer in &ask.layers {
        match compare(ask, layer, &job.cancel) {
            Ok(compared) => outbox.send(Event::Compare(CompareEvent::Layer(ask.generation, Arc::new(compared)))),
            Err(Failed::Cancelled(_)) => break,
            Err(Failed::Sentence(sentence)) => return Some(sentence),
        }
        job.progress.add(1);
    }
    None
}

enum Failed {
    Cancelled(Cancelled),
    Sentence(String),
}

impl From<Cancelled> for Failed {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

fn compare(ask: &CompareAsk, layer: &str, cancel: &CancelToken) -> Result<Compared, Failed> {
    let rows = source::read(&ask.population, &ask.model, layer).map_err(Failed::Sentence)?;
    cancel.check()?;
    let datasets = &ask.population.columns.datasets;
    let mut sides: [(Vec<f32>, Vec<u32>); 2] = Default::default();
    for (row, sample) in rows.values.chunks_exact(rows.dims.max(1)).zip(rows.samples.iter()) {
        for (side, place) in sides.iter_mut().zip(ask.pair) {
            if datasets.get(place).is_some_and(|dataset| dataset.range.contains(sample)) {
                side.0.extend_from_slice(row);
                side.1.push(*sample);
            }
        }
    }
    for (side, place) in sides.iter().zip(ask.pair) {
        if side.1.is_empty() {
            let name = datasets.get(place).map_or("a dataset", |dataset| &dataset.name);
            return Err(Failed::Sentence(format!(
                "there are no features of {layer} for {name} yet; extract them first"
            )));
        }
    }
    let [a, b] = &sides;
    let options = Options { metric: ask.metric.into(), ..Options::default() };
    let (a_rows, b_rows) = (Rows::finite(&a.0[..], rows.dims), Rows::finite(&b.0[..], rows.dims));
    if a_rows.is_empty() || b_rows.is_empty() {
        return Err(Failed::Sentence(format!("the features of {layer} hold no usable row; extract them again")));
    }
    let separation = separation::separate(&a_rows, &b_rows, &options, cancel)?;
    let found = |regions: &[Region], samples: &[u32]| {
        let found = |region: &Region| Found {
            samples: region.rows.iter().filter_map(|row| samples.get(*row as usize).copied()).collect(),
            region: region.clone(),
        };
        regions.iter().map(found).collect()
    };
    let regions = [found(&separation.only_a, &a.1), found(&separation.only_b, &b.1)];
    Ok(Compared { layer: layer.to_owned(), separation, regions })
}
