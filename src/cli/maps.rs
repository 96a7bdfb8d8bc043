//! What `explain` and `localise` have in common: which models at which layers, which class or head, which pictures, and the
//! run of an explainer over them.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::models::{Computing, failed};
use super::{CliError, Loaded, load, note_text};
use crate::analysis::cam::curve::{Curves, Substrate};
use crate::analysis::separation::Probe;
use crate::base::{CancelToken, Cancelled, Progress};
use crate::catalog::Population;
use crate::catalog::filter::{self, Expr};
use crate::jobs::batches;
use crate::jobs::explain::{self as job, Explained, Pictures};
use crate::jobs::features::samples;
use crate::jobs::head::{self, Head};
use crate::model::explain::{Classes, Explainer, Method};
use crate::model::runtime::Runtime;
use crate::model::{Model, ModelError};

#[derive(Debug, clap::Args)]
pub(super) struct Lens {
    /// A model, an ONNX file; several are compared. MODEL.toml beside it is its card.
    #[arg(long = "model", required = true, value_name = "MODEL.onnx")]
    pub(super) models: Vec<PathBuf>,
    /// The models' cards, one a model in their order (default: MODEL.toml beside MODEL.onnx, else guesses).
    #[arg(long = "card", value_name = "FILE")]
    cards: Vec<PathBuf>,
    /// A stage of the card or a tensor of the graph: one for all models, or one a model (default: the last stage with places).
    #[arg(long = "layer", value_name = "LAYER")]
    layers: Vec<String>,
    /// The class that is explained: its index, its name, or the one that the model predicts; explain also takes top3 and the like:
    /// a map for each of the most probable classes.
    #[arg(long, value_name = "CLASS", default_value = PREDICTED)]
    class: String,
    /// In place of a class: what speaks for dataset A against dataset B. A linear head is learned on their features, which
    /// `shopscope features` must have made. Datasets go by name or by their number from 1 on.
    #[arg(long, value_name = "A:B", conflicts_with = "class")]
    head: Option<String>,
    /// The layer that the head reads, averaged over places (default: the last stage).
    #[arg(long, value_name = "LAYER", requires = "head")]
    head_layer: Option<String>,
    /// Seed of the rows that the head is trained and tried on.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "head")]
    head_seed: u64,
    /// gradcam, gradcam++, hirescam, layercam, cam, eigencam, scorecam, gradient, gradient-input, smoothgrad,
    /// integrated-gradients.
    #[arg(long, value_name = "METHOD", default_value_t = Method::GradCam)]
    pub(super) method: Method,
    #[command(flatten)]
    pub(super) computing: Computing,
}

const PREDICTED: &str = "predicted";

/// A model and what is asked of it.
pub(super) struct Asked {
    pub(super) model: Model,
    pub(super) layer: Option<String>,
    pub(super) classes: Classes,
    /// A name that no other of the models has, fit for a folder.
    pub(super) short: String,
}

impl Lens {
    /// The models with their layers and classes. Nothing is indexed before this is known to be right.
    pub(super) fn open(&self) -> Result<Vec<Asked>, CliError> {
        let count = self.models.len();
        if !self.cards.is_empty() && self.cards.len() != count {
            return Err(CliError::Usage(format!(
                "{} cards for {count} models; give one a model, or none",
                self.cards.len()
            )));
        }
        if self.layers.len() > 1 && self.layers.len() != count {
            return Err(CliError::Usage(format!(
                "{} layers for {count} models; give one for all, or one a model",
                self.layers.len()
            )));
        }
        let mut shorts: Vec<String> = Vec::new();
        let mut asked = Vec::new();
        for (at, path) in self.models.iter().enumerate() {
            let model = Model::open(path, self.cards.get(at).map(PathBuf::as_path)).map_err(failed)?;
            let classes = classes(&model, &self.class)?;
            if let Some(layer) = &self.head_layer {
                model.resolve(layer).map_err(failed)?;
            }
            let layer = self.layers.get(if self.layers.len() == 1 { 0 } else { at }).cloned();
            if let Some(layer) = &layer {
                model.resolve(layer).map_err(failed)?;
            }
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let short = free(&stem, &shorts);
            shorts.push(short.clone());
            asked.push(Asked { model, layer, classes, short });
        }
        Ok(asked)
    }

    /// Learns a model's head, where one is asked for.
    fn learn(&self, asked: &Asked, pictures: &Pictures) -> Result<Option<Head>, CliError> {
        let Some(text) = &self.head else { return Ok(None) };
        let Pictures::Samples(population, _) = pictures else {
            return Err(CliError::Usage(
                "a head tells two datasets apart: give their paths in place of --image".to_owned(),
            ));
        };
        let ask = head::Ask {
            population,
            model: &asked.model,
            layer: self.head_layer.as_deref(),
            pair: head::pair(population, text).map_err(CliError::Usage)?,
            seed: self.head_seed,
        };
        let head = head::learn(&ask, &CancelToken::default());
        head.map(Some).map_err(|error| CliError::Failed(error.to_string()))
    }

    /// The heads of all models, before any of them runs: a mistake of the last one must not cost the work of the first.
    pub(super) fn learn_all(&self, asked: &[Asked], pictures: &Pictures) -> Result<Vec<Option<Head>>, CliError> {
        asked.iter().map(|asked| self.learn(asked, pictures)).collect()
    }

    /// What makes the maps of a model.
    pub(super) fn explainer<'a>(
        &self,
        runtime: &'static Runtime,
        asked: &'a Asked,
        head: Option<&Head>,
    ) -> Result<Explainer<'a>, CliError> {
        let direction = head.map(|head| head.direction.clone());
        Explainer::along(runtime, &asked.model, asked.layer.as_deref(), self.method, direction).map_err(failed)
    }

    /// Runs an explainer over pictures, with curves where a substrate is given, and hands what it finds to `each`; what else
    /// happened goes to stderr.
    pub(super) fn look(
        &self,
        asked: &Asked,
        explainer: &mut Explainer<'_>,
        pictures: &Pictures,
        curves: Option<Substrate>,
        each: &mut dyn FnMut(usize, Outcome) -> Result<(), CliError>,
        progress: &Progress,
    ) -> Result<(), CliError> {
        let how = job::preprocessing(&asked.model).map_err(failed)?;
        let usual = || job::usual_batch(explainer.runtime().describe().provider);
        let wished = Some(self.computing.batch()).filter(|&batch| batch > 0);
        let batch = asked.model.input.batch.unwrap_or_else(|| wished.unwrap_or_else(usual));
        let (readers, size, cancel) = (pictures.readers(), (pictures.len(), batch), CancelToken::default());
        let classes = &asked.classes;
        let ran: Result<(), Stop> = match curves {
            None => {
                let mut each = |place, outcome: Result<Explained, String>| {
                    each(place, outcome.map(|explained| (explained, None))).map_err(Stop::Cli)
                };
                job::explain(readers, size, explainer, classes, &how, &mut each, progress, &cancel)
            }
            Some(substrate) => {
                let mut each = |place, outcome: Result<job::Measured, String>| {
                    each(place, outcome.map(|(explained, curves)| (explained, Some(curves)))).map_err(Stop::Cli)
                };
                let asked = (classes, substrate);
                job::explain_with_curves(readers, size, explainer, asked, &how, &mut each, progress, &cancel)
            }
        };
        explainer.take_notices().iter().for_each(|notice| note_text(notice));
        Ok(ran?)
    }
}

/// What came of a picture; a sentence where there is no map of it.
pub(super) type Outcome = Result<(Explained, Option<Curves>), String>;

/// Why a run over pictures ends early.
enum Stop {
    Model(ModelError),
    Cli(CliError),
}

impl From<ModelError> for Stop {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

impl From<Cancelled> for Stop {
    fn from(cancelled: Cancelled) -> Self {
        Self::Model(cancelled.into())
    }
}

impl From<Stop> for CliError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Model(error) => failed(error),
            Stop::Cli(error) => error,
        }
    }
}

/// The classes that a text means: "predicted", a class, or "top" and a number.
fn classes(model: &Model, text: &str) -> Result<Classes, CliError> {
    if text == PREDICTED {
        return Ok(Classes::Predicted);
    }
    match (model.class(text), text.strip_prefix("top").and_then(|count| count.parse().ok())) {
        // A class that is called so goes first.
        (Ok(class), _) => Ok(Classes::One(class)),
        (Err(_), Some(0)) => Err(CliError::Usage("top0 are no classes; top1 is the most probable one".to_owned())),
        (Err(_), Some(count)) => Ok(Classes::Top(count)),
        (Err(error), None) => Err(failed(error)),
    }
}

/// What a document says of a head.
#[derive(Serialize)]
pub(super) struct HeadSaid {
    model: PathBuf,
    /// The dataset whose side is above 0.
    positive: String,
    negative: String,
    layer: String,
    tensor: String,
    seed: u64,
    #[serde(flatten)]
    probe: Probe,
    /// Rows of either dataset without finite features.
    left_out: [usize; 2],
}

impl HeadSaid {
    pub(super) fn new(head: &Head, asked: &Asked, lens: &Lens) -> Self {
        let Head { direction, layer, names: [positive, negative], left_out, probe } = head.clone();
        Self {
            model: asked.model.path.clone(),
            positive,
            negative,
            layer,
            tensor: direction.features,
            seed: lens.head_seed,
            probe,
            left_out,
        }
    }

    /// One line for people.
    pub(super) fn line(&self) -> String {
        let Self { positive, negative, layer, probe, .. } = self;
        format!(
            "head on {layer}: {positive} against {negative}, {:.1} % of {} held-out pictures told right (datasets weighing the same: {:.1} %, chance 50 %), learned on {}",
            probe.accuracy * 100.0,
            probe.held_out,
            probe.balanced_accuracy * 100.0,
            probe.trained
        )
    }
}

/// A name that is not among those taken: "a", "a-2", "a-3".
pub(super) fn free(name: &str, taken: &[String]) -> String {
    let is_free = |name: &String| !taken.contains(name);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(is_free).expect("numbers do not end")
}

/// A picture among others.
pub(super) struct Named {
    /// Its dataset; none for a file.
    pub(super) dataset: Option<String>,
    /// The sample's key, or the file.
    pub(super) key: String,
    /// What the dataset says it is.
    pub(super) label: Option<String>,
}

/// The pictures of datasets that match a filter.
pub(super) fn of_datasets(
    paths: &[PathBuf],
    expr: &Expr,
    catalog: Option<PathBuf>,
) -> Result<(Pictures, Vec<Named>, Vec<PathBuf>), CliError> {
    let asks = !matches!(expr, Expr::All);
    let Loaded { store, sources, columns, .. } = load(paths, catalog, asks)?;
    let roots = sources.iter().map(|source| source.root.clone()).collect();
    let ids = {
        let catalogs = Population::open(&columns)?;
        let catalogs = if expr.asks_predictions() { catalogs.with_latest_predictions()? } else { catalogs };
        filter::eval(expr, &columns, &catalogs)?
    };
    let population = batches::population(&store, sources, columns)?;
    let (listed, refs) = samples(&population, &ids).map_err(|error| CliError::Failed(error.to_string()))?;
    let mut named = Vec::with_capacity(refs.len());
    for dataset in listed.0 {
        for (key, label) in dataset.keys.into_iter().zip(dataset.labels) {
            named.push(Named { dataset: Some(dataset.name.clone()), key, label });
        }
    }
    Ok((Pictures::Samples(population, Arc::new(refs)), named, roots))
}

/// Pictures that are files.
pub(super) fn of_files(files: &[PathBuf]) -> (Pictures, Vec<Named>) {
    let named = |file: &PathBuf| Named { dataset: None, key: file.display().to_string(), label: None };
    (Pictures::Files(Arc::new(files.to_vec())), files.iter().map(named).collect())
}
