//! How local models look: figures over many pictures as distributions, with tests on pairs.

use std::path::Path;
use std::sync::Arc;

use super::Why;
use crate::analysis::cam::local::NAMES;
use crate::analysis::cam::paired::{Distribution, SignedRank, signed_rank};
use crate::app::command::Effect;
use crate::app::panels::text;
use crate::app::state::State;
use crate::base::SampleId;
use crate::jobs::why::Recipe;
use crate::jobs::why::local::{LocalAsk, LocalColumn, LocalEvent};
use crate::jobs::{Level, Population};

/// A column and what came of it.
pub type Found = (Arc<Recipe>, Result<Arc<LocalColumn>, String>);

/// What was measured, or is being measured.
#[derive(Debug, Default)]
pub struct Local {
    /// The samples, in the order of the figures.
    pub samples: Arc<Vec<u32>>,
    /// Of so many that were rows.
    pub of: usize,
    /// The columns that were asked for.
    pub columns: Vec<Arc<Recipe>>,
    /// What came of them.
    pub found: Vec<Found>,
    /// It is under way.
    pub running: bool,
    /// It was stopped: some columns are missing.
    pub stopped: bool,
    /// The population that the samples are of.
    pub population: Option<Arc<Population>>,
    generation: u64,
}

impl Local {
    /// Nothing measured; the number of the last request is kept.
    pub(super) fn closed(self) -> Self {
        Self { generation: self.generation, ..Self::default() }
    }

    /// The columns that were measured.
    pub fn measured(&self) -> impl Iterator<Item = &Arc<LocalColumn>> {
        self.found.iter().filter_map(|(_, found)| found.as_ref().ok())
    }
}

/// So many of the rows, evenly spaced: the same ones every time, whatever the order of the rows begins with.
#[must_use]
pub fn sampled(rows: &[u32], most: usize) -> Vec<u32> {
    if rows.len() <= most {
        return rows.to_vec();
    }
    (0..most).map(|at| rows[at * rows.len() / most]).collect()
}

/// Asks for the figures.
pub(super) fn measure(state: &mut State) -> Vec<Effect> {
    let why = &mut state.why;
    // All rows, in whatever order the first ones stand.
    let samples = sampled(&why.rows.all, why.view.local_samples);
    let columns = why.recipes();
    if samples.is_empty() || columns.is_empty() {
        return Vec::new();
    }
    let generation = why.local.generation + 1;
    let population = Arc::clone(&state.population);
    let refs = samples.iter().map(|id| population.sample_ref(SampleId(*id))).collect();
    why.local = Local {
        samples: Arc::new(samples),
        of: why.rows.all.len(),
        columns: columns.clone(),
        found: Vec::new(),
        running: true,
        stopped: false,
        population: Some(Arc::clone(&population)),
        generation,
    };
    vec![Effect::WhyLocal(LocalAsk { generation, population, samples: Arc::new(refs), columns })]
}

/// Takes news in.
pub(super) fn news(state: &mut State, event: LocalEvent) -> Option<(Level, String)> {
    let local = &mut state.why.local;
    match event {
        LocalEvent::Column(generation, recipe, found) if generation == local.generation => {
            local.found.push((recipe, found));
        }
        LocalEvent::Ended(generation, stopped) if generation == local.generation => {
            (local.running, local.stopped) = (false, stopped);
        }
        LocalEvent::Column(..) | LocalEvent::Ended(..) => {}
    }
    None
}

/// A figure with its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its place in [`NAMES`].
    pub at: usize,
    /// Its title.
    pub label: &'static str,
    /// What it means.
    pub tip: &'static str,
}

/// The figures in the order of the page.
pub const FIGURES: [Figure; NAMES.len()] = [
    Figure {
        at: 0,
        label: "Area of half the mass",
        tip: "Smallest share of the picture that holds half of what speaks for the class. Smaller is more local; an even map has 50 %.",
    },
    Figure {
        at: 1,
        label: "Entropy",
        tip: "Entropy of what speaks for the class over the places, as a share of the largest possible. Smaller is more local.",
    },
    Figure {
        at: 2,
        label: "Spread",
        tip: "Mean distance of what speaks for the class from its centre, in sides of the picture. Smaller is more local; an even map has about 40 %.",
    },
    Figure {
        at: 3,
        label: "Mass in the foreground",
        tip: "Share of what speaks for the class that lies on the thing before a plain background. Only pictures with a plain background have it.",
    },
];

/// One column's distribution of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Violin {
    /// The column.
    pub name: String,
    /// `None` where no picture has the figure.
    pub distribution: Option<Distribution>,
    /// Where the outline is how wide: the value, and a share of the widest place. Empty for a handful of numbers.
    pub outline: Vec<(f64, f64)>,
}

/// A test between two columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The first, by its place.
    pub a: usize,
    /// The second.
    pub b: usize,
    /// The test on a - b.
    pub result: SignedRank,
}

/// A figure over all columns.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalChart {
    /// Which figure.
    pub figure: Figure,
    /// Upper end of the axis; the lower one is 0.
    pub high: f64,
    /// One a column.
    pub violins: Vec<Violin>,
    /// One a pair of columns.
    pub tests: Vec<Test>,
}

/// Numbers below which an outline says more than is known.
const FEWEST: usize = 5;
/// Points of an outline.
const OUTLINE: usize = 48;

/// The density of numbers between the least and the largest: a Gaussian kernel with Silverman's width.
fn outline(values: &[f64], distribution: &Distribution) -> Vec<(f64, f64)> {
    if values.len() < FEWEST {
        return Vec::new();
    }
    let n = values.len() as f64;
    let mean = distribution.mean;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n.max(1.0);
    let quartiles = (distribution.p75 - distribution.p25) / 1.34;
    let narrow = if quartiles > 0.0 { variance.sqrt().min(quartiles) } else { variance.sqrt() };
    let span = distribution.max - distribution.min;
    if span <= 0.0 || narrow <= 0.0 {
        return vec![(distribution.min, 1.0), (distribution.max, 1.0)];
    }
    let width = (0.9 * narrow * n.powf(-0.2)).max(span / 200.0);
    let density = |at: f64| values.iter().map(|value| (-((value - at) / width).powi(2) / 2.0).exp()).sum::<f64>();
    let points: Vec<(f64, f64)> = (0..OUTLINE)
        .map(|i| distribution.min + span * i as f64 / (OUTLINE - 1) as f64)
        .map(|at| (at, density(at)))
        .collect();
    let widest = points.iter().map(|(_, density)| *density).fold(f64::MIN_POSITIVE, f64::max);
    points.into_iter().map(|(at, density)| (at, density / widest)).collect()
}

/// Of a column's pictures the values of a figure.
fn values(column: &LocalColumn, at: usize) -> impl Iterator<Item = Option<f64>> {
    column.figures.iter().map(move |measured| measured.and_then(|measured| measured.figures.get(at)))
}

/// The charts of what was measured.
#[must_use]
pub fn charts(why: &Why) -> Vec<LocalChart> {
    let measured: Vec<&Arc<LocalColumn>> = why.local.measured().collect();
    let chart = |figure: Figure| {
        let violins = measured.iter().map(|column| {
            let known: Vec<f64> = values(column, figure.at).flatten().filter(|value| value.is_finite()).collect();
            let distribution = Distribution::of(known.iter().copied());
            let outline = distribution.as_ref().map_or(Vec::new(), |distribution| outline(&known, distribution));
            Violin { name: why.recipe_title(&column.recipe, &why.local.columns), distribution, outline }
        });
        let violins: Vec<Violin> = violins.collect();
        let mut tests = Vec::new();
        for (a, first) in measured.iter().enumerate() {
            for (b, second) in measured.iter().enumerate().skip(a + 1) {
                let pairs = values(first, figure.at).zip(values(second, figure.at)).filter_map(|(a, b)| Some((a?, b?)));
                tests.extend(signed_rank(pairs).map(|result| Test { a, b, result }));
            }
        }
        let most = violins.iter().filter_map(|violin| violin.distribution).map(|of| of.max).fold(0.0, f64::max);
        LocalChart { figure, high: round_up(most), violins, tests }
    };
    FIGURES.into_iter().map(chart).collect()
}

/// The next of 5, 10, 20, 25, 50, 100 % and so on.
fn round_up(most: f64) -> f64 {
    [0.05, 0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.8, 1.0].into_iter().find(|step| most <= *step + 1e-9).unwrap_or(1.0)
}

/// A test in words: which is the smaller, by how much, how sure.
#[must_use]
pub fn test_text(test: &SignedRank, a: &str, b: &str) -> String {
    let p = if test.p < 1e-4 { format!("{:.0e}", test.p) } else { format!("{:.4}", test.p) };
    let difference = format!("{:+.1}", test.median_difference * 100.0);
    let effect = format!("{:+.2}", test.effect);
    // A true minus in numbers; names keep their hyphens.
    let [p, difference, effect] = [p, difference, effect].map(|number| number.replace('-', "−"));
    let (smaller, pairs) = (text::count(test.smaller as u64), text::plural(test.n as u64, "pair", "pairs"));
    format!("{a} − {b}: median {difference} points, smaller in {smaller} of {pairs}, effect {effect}, p = {p}")
}

/// A name that is the same for a model wherever it lies.
#[must_use]
pub(super) fn model_word(model: &Path) -> String {
    super::folder_name(model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::cam::{Figures, Map};
    use crate::jobs::why::Aim;
    use crate::jobs::why::local::Measured;
    use crate::model::explain::Method;

    fn column(model: &str, areas: &[Option<f64>]) -> Arc<LocalColumn> {
        let recipe = Recipe { model: model.into(), layer: None, method: Method::GradCam, aim: Aim::Predicted };
        let measured = |area: &Option<f64>| {
            area.map(|area| Measured {
                class: 0,
                probability: 0.5,
                figures: Figures { area50: Some(area), ..Figures::default() },
            })
        };
        Arc::new(LocalColumn {
            recipe: Arc::new(recipe),
            layer: "last".to_owned(),
            figures: areas.iter().map(measured).collect(),
            mean: Map::default(),
            problem: None,
        })
    }

    #[test]
    fn rows_are_sampled_evenly() {
        let rows: Vec<u32> = (0..1000).collect();
        assert_eq!(sampled(&rows, 4), [0, 250, 500, 750]);
        assert_eq!(sampled(&rows[..3], 4), [0, 1, 2]);
        assert_eq!(sampled(&[], 4), Vec::<u32>::new());
    }

    #[test]
    fn charts_have_a_violin_a_column_and_a_test_a_pair() {
        let a: Vec<Option<f64>> = (0..20).map(|i| (i != 7).then_some(0.10 + f64::from(i) * 0.001)).collect();
        let b: Vec<Option<f64>> = (0..20).map(|i| Some(0.15 + f64::from(i) * 0.002)).collect();
        let mut why = Why::default();
        for column in [column("a.onnx", &a), column("b.onnx", &b)] {
            why.local.columns.push(Arc::clone(&column.recipe));
            why.local.found.push((Arc::clone(&column.recipe), Ok(column)));
        }
        let charts = charts(&why);
        assert_eq!(charts.len(), 4);
        let area = &charts[0];
        assert_eq!(area.violins.iter().map(|violin| violin.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let n: Vec<usize> = area.violins.iter().map(|violin| violin.distribution.expect("numbers").n).collect();
        assert_eq!((n, area.high), (vec![19, 20], 0.2));
        for violin in &area.violins {
            let of = violin.distribution.expect("numbers");
            assert_eq!((violin.outline[0].0, violin.outline[OUTLINE - 1].0), (of.min, of.max));
            assert!(violin.outline.iter().all(|(_, width)| (0.0..=1.0).contains(width)));
        }
        let test = &area.tests[0].result;
        assert_eq!((area.tests.len(), test.n, test.smaller), (1, 19, 19));
        assert!(test.p < 1e-3 && test.effect == -1.0);
        let said = test_text(test, "a-1", "b");
        assert!(said.starts_with("a-1 − b: median −6.") && said.contains("smaller in 19 of 19 pairs"), "{said}");
        // Nothing before a plain background: no violin, no test, and no panic.
        let foreground = &charts[3];
        assert!(foreground.violins.iter().all(|violin| violin.distribution.is_none()) && foreground.tests.is_empty());
    }

    #[test]
    fn numbers_that_are_all_the_same_have_a_flat_violin() {
        let mut why = Why::default();
        let column = column("a.onnx", &[Some(0.3); 5]);
        why.local.found.push((Arc::clone(&column.recipe), Ok(column)));
        let violin = &charts(&why)[0].violins[0];
        assert_eq!(violin.outline, [(0.3, 1.0), (0.3, 1.0)]);
    }
}
