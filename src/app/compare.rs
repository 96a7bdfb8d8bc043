//! The compare lens: two datasets against each other in each layer of a model.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::command::Effect;
use super::state::{Lens, State};
use crate::jobs::Population;
use crate::jobs::compare::{CompareAsk, CompareEvent, Compared};
use crate::jobs::map::Metric;

/// A wish about the lens.
#[derive(Clone, Debug)]
pub enum CompareCommand {
    /// Compares these two datasets, by their places.
    Pair([usize; 2]),
    /// Shows the regions of a layer.
    Layer(String),
    /// Computes the figures, however long it takes.
    Compute,
    /// Selects the samples of a region, and filters to them.
    Region(Arc<RoaringBitmap>),
}

/// A request, so that it is not made twice.
#[derive(Clone, Debug)]
struct Asked {
    generation: u64,
    population: Arc<Population>,
    model: String,
    pair: [usize; 2],
    /// Which look for features it is of: there may be others by now.
    looks: u64,
    metric: Metric,
}

/// Everything of the lens.
#[derive(Debug, Default)]
pub struct Compare {
    /// The datasets A and B, by their places.
    pub pair: Option<[usize; 2]>,
    /// The layer whose regions are shown; `None` is the last.
    pub layer: Option<String>,
    /// Figures by layer.
    pub found: BTreeMap<String, Arc<Compared>>,
    /// Figures are being computed.
    pub running: bool,
    /// Computing takes long, and waits for a click.
    pub waiting: bool,
    asked: Option<Asked>,
    generation: u64,
}

impl Compare {
    /// The pair that is compared: what was chosen, else the first two.
    #[must_use]
    pub fn pair(&self, datasets: usize) -> Option<[usize; 2]> {
        let chosen = self.pair.filter(|pair| pair.iter().all(|place| *place < datasets) && pair[0] != pair[1]);
        chosen.or((datasets > 1).then_some([0, 1]))
    }
}

/// A figure of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "`label` and `tip` say what each is")]
pub enum Figure {
    Mixing,
    Probe,
    Energy,
    Silhouette,
}

impl Figure {
    /// All of them, from the top of the table.
    pub const ALL: [Self; 4] = [Self::Mixing, Self::Probe, Self::Energy, Self::Silhouette];

    /// Its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Mixing => "Own neighbours",
            Self::Probe => "Linear probe",
            Self::Energy => "Energy distance",
            Self::Silhouette => "Silhouette",
        }
    }

    /// What it means.
    #[must_use]
    pub const fn tip(self) -> &'static str {
        match self {
            Self::Mixing => {
                "Share of the 5 nearest neighbours that come from the picture's own dataset. 1: nothing is mixed; below it what chance would give."
            }
            Self::Probe => {
                "How often a straight cut through the features tells the dataset of a picture it was not trained on, both datasets weighing the same. 0.5 is chance."
            }
            Self::Energy => {
                "Energy distance over twice the mean distance between the datasets: 0 the same distribution, 1 nothing in common. p: share of random relabellings at least as far apart."
            }
            Self::Silhouette => "Mean silhouette of the two datasets as clusters: 1 far apart, 0 one inside the other.",
        }
    }

    /// Its value for a layer; `None` where a side has too few rows.
    #[must_use]
    pub fn value(self, compared: &Compared) -> Option<f64> {
        let separation = &compared.separation;
        match self {
            Self::Mixing => Some(separation.mixing.own),
            Self::Probe => separation.probe.as_ref().map(|probe| probe.balanced_accuracy),
            Self::Energy => Some(separation.energy.coefficient),
            Self::Silhouette => Some(separation.silhouette),
        }
    }

    /// What stands faintly beside it.
    #[must_use]
    pub fn beside(self, compared: &Compared) -> String {
        let separation = &compared.separation;
        match self {
            Self::Mixing => format!("vs {:.2}", separation.mixing.chance),
            Self::Probe => separation.probe.as_ref().map_or(String::new(), |probe| format!("n {}", probe.held_out)),
            Self::Energy => format!("p {:.3}", separation.energy.p),
            Self::Silhouette => String::new(),
        }
    }

    /// What a line over the layers begins at: chance, or nothing.
    #[must_use]
    pub fn floor(self, compared: &Compared) -> f64 {
        match self {
            Self::Mixing => compared.separation.mixing.chance,
            Self::Probe => 0.5,
            Self::Energy | Self::Silhouette => 0.0,
        }
    }
}

/// Rows up to which figures are computed without being asked for.
const AUTOMATIC: u64 = 20_000;

/// Carries a wish out, but for the selection of a region, which is the caller's.
pub fn command(state: &mut State, command: CompareCommand) -> Vec<Effect> {
    match command {
        CompareCommand::Pair(pair) => state.compare.pair = Some(pair),
        CompareCommand::Layer(layer) => state.compare.layer = Some(layer),
        CompareCommand::Compute => return ask(state),
        CompareCommand::Region(_) => {}
    }
    Vec::new()
}

/// Follows population, model and pair.
pub fn follow(state: &mut State) -> Vec<Effect> {
    if !state.shows(Lens::Compare) || state.is_empty() {
        return Vec::new();
    }
    let Some(source) = state.map.source() else { return Vec::new() };
    let Some(pair) = state.compare.pair(state.population.columns.datasets.len()) else { return Vec::new() };
    let is_asked = state.compare.asked.as_ref().is_some_and(|asked| {
        Arc::ptr_eq(&asked.population.columns, &state.population.columns)
            && asked.model == source.model
            && asked.pair == pair
            && asked.looks == state.map.looks
            && asked.metric == state.map.view.params.metric
    });
    if is_asked {
        return Vec::new();
    }
    if source.rows() > AUTOMATIC {
        state.compare.waiting = true;
        state.compare.found.clear();
        return Vec::new();
    }
    ask(state)
}

fn ask(state: &mut State) -> Vec<Effect> {
    let Some(source) = state.map.source() else { return Vec::new() };
    let Some(pair) = state.compare.pair(state.population.columns.datasets.len()) else { return Vec::new() };
    let compare = &mut state.compare;
    compare.generation += 1;
    let (generation, model) = (compare.generation, source.model.clone());
    let layers = source.layers.iter().map(|layer| layer.name.clone()).collect();
    compare.found.clear();
    (compare.running, compare.waiting) = (true, false);
    let population = Arc::clone(&state.population);
    let metric = state.map.view.params.metric;
    compare.asked = Some(Asked {
        generation,
        population: Arc::clone(&population),
        model: model.clone(),
        pair,
        looks: state.map.looks,
        metric,
    });
    vec![Effect::Compare(CompareAsk { generation, population, model, layers, pair, metric })]
}

/// Takes news in; a sentence if something went wrong.
pub fn news(state: &mut State, event: CompareEvent) -> Option<String> {
    let compare = &mut state.compare;
    let newest = compare.asked.as_ref().map(|asked| asked.generation);
    match event {
        CompareEvent::Layer(generation, compared) if newest == Some(generation) => {
            compare.found.insert(compared.layer.clone(), compared);
            None
        }
        CompareEvent::Ended(generation, error) if newest == Some(generation) => {
            compare.running = false;
            error
        }
        CompareEvent::Layer(..) | CompareEvent::Ended(..) => None,
    }
}
