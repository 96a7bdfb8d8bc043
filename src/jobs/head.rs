//! A linear head between two open datasets: does this picture look like one of A, or of B?
//!
//! How it works: features of both datasets lie beside their catalogs ([`features_dir`]). A seeded choice of their rows trains the
//! linear probe of `analysis::separation`, whose plane, with the standardisation folded in, is a [`Direction`] over the
//! pooled layer: an explainer goes along it as along a class. Features of another state of the dataset, or of another
//! preprocessing, are refused with the command that makes them anew.

use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::Population;
use super::explain::preprocessing;
use crate::analysis::linear::Rows;
use crate::analysis::separation::{Options, Probe, probe};
use crate::base::{CancelToken, dirs};
use crate::model::explain::Direction;
use crate::model::features::{FeatureSet, FeaturesError, PreprocessingSaid, RECORD, RowIndex, SIDECAR, features_dir};
use crate::model::{Model, Stage};

/// Which head to learn.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The open datasets.
    pub population: &'a Population,
    /// The model whose features are read.
    pub model: &'a Model,
    /// A stage of its card or a tensor of its graph, averaged over places; `None`: the last stage.
    pub layer: Option<&'a str>,
    /// Places of the datasets A (the positive side) and B.
    pub pair: [usize; 2],
    /// Seed of the choice of rows and of those held back.
    pub seed: u64,
}

/// A head and how good it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// What an explainer goes along: above 0 on the side of A.
    pub direction: Direction,
    /// The layer by name.
    pub layer: String,
    /// The datasets A and B by name.
    pub names: [String; 2],
    /// Rows of A and B that are left out because a number of theirs is infinite or missing.
    pub left_out: [usize; 2],
    /// Accuracy on rows that it was not trained on.
    pub probe: Probe,
}

impl Head {
    /// What it speaks for: "A, not B".
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}, not {}", self.names[0], self.names[1])
    }
}

/// The datasets that a text like `A:B` means, by name or by their number from 1 on; A comes first.
///
/// # Errors
/// A sentence with the names that there are.
pub fn pair(population: &Population, text: &str) -> Result<[usize; 2], String> {
    let datasets = &population.columns.datasets;
    let find = |word: &str| {
        let by_name = datasets.iter().position(|dataset| dataset.name == word);
        let numbered = || word.parse::<usize>().ok()?.checked_sub(1).filter(|&at| at < datasets.len());
        by_name.or_else(numbered)
    };
    // A name may hold a colon itself.
    let cuts = text.match_indices(':').map(|(at, _)| (&text[..at], &text[at + 1..]));
    let mut pairs = cuts.filter_map(|(a, b)| Some([find(a.trim())?, find(b.trim())?]));
    match pairs.next() {
        Some([a, b]) if a == b => Err(format!("a head tells two datasets apart, and \"{text}\" names one twice")),
        Some(pair) => Ok(pair),
        None => {
            let names: Vec<&str> = datasets.iter().map(|dataset| dataset.name.as_str()).collect();
            Err(format!(
                "a head is asked for as A:B, two datasets by name or number, and \"{text}\" is not of these: {}",
                names.join(", ")
            ))
        }
    }
}

/// Learns a head.
///
/// # Errors
/// One sentence: no features of a side (with the command that makes them), features of another state of the dataset, too
/// few rows, or cancelled.
pub fn learn(ask: &Ask<'_>, cancel: &CancelToken) -> Result<Head, FeaturesError> {
    let Ask { population, model, pair, seed, .. } = *ask;
    let stage = match ask.layer {
        Some(layer) => model.resolve(layer)?,
        None => model.card.stages.last().cloned().ok_or_else(|| {
            FeaturesError::Failed("no stages are known of the model; name the layer of the head".to_owned())
        })?,
    };
    let most = Options::default().probe;
    let (a, b) = (side(ask, pair[0], &stage, most, cancel)?, side(ask, pair[1], &stage, most, cancel)?);
    cancel.check()?;
    if a.dims != b.dims {
        return Err(FeaturesError::Failed(format!(
            "the features of {} have {} numbers a row in one dataset and {} in the other; {}",
            stage.name,
            a.dims,
            b.dims,
            command(ask, &stage.name)
        )));
    }
    let (rows_a, rows_b) = (Rows::finite(a.values, a.dims), Rows::finite(b.values, b.dims));
    let left_out = [rows_a.left_out().len(), rows_b.left_out().len()];
    let names = pair.map(|place| population.columns.datasets[place].name.clone());
    let plane = probe::learn(&rows_a, &rows_b, most, seed, cancel)?.ok_or_else(|| {
        FeaturesError::Failed(format!(
            "a head needs at least 4 pictures with features on each side, and there are {} of {} and {} of {}",
            rows_a.len(),
            names[0],
            rows_b.len(),
            names[1]
        ))
    })?;
    let direction = Direction { features: stage.tensor, weights: plane.weights, bias: plane.bias };
    Ok(Head { direction, layer: stage.name, names, left_out, probe: plane.probe })
}

/// Rows of one dataset.
struct Side {
    dims: usize,
    /// `[N, D]`.
    values: Vec<f32>,
}

/// Rows read at once.
const CHUNK: usize = 1 << 14;

/// At most `most` rows of a layer of a dataset, a seeded choice.
fn side(
    ask: &Ask<'_>,
    place: usize,
    Stage { name: layer, tensor }: &Stage,
    most: usize,
    cancel: &CancelToken,
) -> Result<Side, FeaturesError> {
    let Ask { population, model, .. } = *ask;
    let (open, info) = (&population.datasets[place], &population.columns.datasets[place]);
    let refused =
        |what: &str| FeaturesError::Failed(format!("{what} of \"{layer}\" for {}; {}", info.name, command(ask, layer)));
    let dir = features_dir(&open.catalog, &model.hash);
    if !dir.join(SIDECAR).exists() {
        let unfinished = dir.join(RECORD).exists();
        return Err(refused(if unfinished { "there are not yet all features" } else { "there are no features" }));
    }
    let set = FeatureSet::open(&dir)?;
    // Rows are read by the layer's name, so the first of that name is the one that counts.
    let named = set.sidecar.layers.iter().find(|file| file.layer == *layer);
    let known = named.is_some_and(|file| file.tensor == *tensor);
    let Some(array) = set.layer(layer).filter(|_| known) else { return Err(refused("there are no features")) };
    let found = RowIndex::new(&set.sidecar).find(&population.columns);
    if !found.changed.is_empty() || found.samples.len() != array.len() {
        return Err(refused("the dataset changed since there were features"));
    }
    if set.sidecar.preprocessing != PreprocessingSaid::from(&preprocessing(model)?) {
        return Err(refused("the model card's preprocessing is another than that of the features"));
    }
    let (dims, len) = (array.dims(), array.len());
    let mut left = found.samples.iter().flatten().count();
    let mut random = Pcg64Mcg::seed_from_u64(ask.seed ^ place as u64);
    let mut wanted = most.min(left);
    let mut values = Vec::with_capacity(wanted * dims);
    for first in (0..len).step_by(CHUNK) {
        cancel.check()?;
        let rows = first..(first + CHUNK).min(len);
        let chunk = set.rows(layer, rows.clone())?;
        for (row, numbers) in rows.zip(chunk.chunks_exact(dims.max(1))) {
            // Each of the rows that are left is as likely as any other (Knuth's algorithm S).
            if found.samples[row].is_none() {
                continue;
            }
            left -= 1;
            if random.random_range(0..=left) < wanted {
                values.extend_from_slice(numbers);
                wanted -= 1;
            }
        }
    }
    Ok(Side { dims, values })
}

/// "make them with: shopscope features .." for the two datasets of a request.
fn command(ask: &Ask<'_>, layer: &str) -> String {
    let Ask { population, model, pair, .. } = *ask;
    let mut words = vec!["shopscope".to_owned()];
    let catalogs = population.datasets[pair[0]].catalog.parent().unwrap_or(Path::new("")).to_owned();
    let usual = dirs::cache_dir().join("catalogs");
    if catalogs != usual.canonicalize().unwrap_or(usual) {
        words.extend(["--catalog".to_owned(), quoted(&catalogs)]);
    }
    words.push("features".to_owned());
    words.extend(pair.map(|place| quoted(&population.columns.datasets[place].root)));
    words.extend(["--model".to_owned(), quoted(&model.path)]);
    if let Some(card) = model.card_path.as_ref().filter(|&card| *card != model.path.with_extension("toml")) {
        words.extend(["--card".to_owned(), quoted(card)]);
    }
    if model.card.stages.iter().all(|stage| stage.name != layer) {
        words.extend(["--layers".to_owned(), quoted(&PathBuf::from(layer))]);
    }
    format!("make them with: {}", words.join(" "))
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_alphanumeric() || "-_./:\\@%+=,".contains(letter);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
