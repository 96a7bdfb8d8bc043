//! What `explain` and `localise` have in common: which models at which layers, which class, which pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CliError, Loaded, load};
use crate::catalog::Population;
use crate::catalog::filter::{self, Expr};
use crate::jobs::batches;
use crate::jobs::explain::Pictures;
use crate::jobs::features::samples;
use crate::model::explain::{Classes, Method};
use crate::model::runtime::{Device, Runtime};
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
    /// The class that is explained: its index, its name, or the one that the model predicts.
    #[arg(long, value_name = "CLASS", default_value = PREDICTED)]
    class: String,
    /// gradcam, gradcam++, hirescam, layercam, cam, eigencam, scorecam, gradient, gradient-input, smoothgrad,
    /// integrated-gradients.
    #[arg(long, value_name = "METHOD", default_value_t = Method::GradCam)]
    pub(super) method: Method,
    /// What computes: auto, cuda, cpu, tract.
    #[arg(long, value_name = "DEVICE", default_value_t = Device::Auto)]
    device: Device,
    /// Pictures a run of the model (default: 32 on CUDA, else 8).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
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
            let classes = match self.class.as_str() {
                PREDICTED => Classes::Predicted,
                class => Classes::One(model.class(class).map_err(failed)?),
            };
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

    pub(super) fn runtime(&self) -> Result<&'static Runtime, CliError> {
        Runtime::start(self.device, None).map_err(failed)
    }

    /// Pictures a run.
    pub(super) fn batch(&self, runtime: &Runtime, model: &Model) -> usize {
        let asked = self.batch.map(|batch| batch as usize);
        let usual = || crate::jobs::explain::usual_batch(runtime.describe().provider);
        model.input.batch.unwrap_or_else(|| asked.unwrap_or_else(usual))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the end of `map_err`")]
pub(super) fn failed(error: ModelError) -> CliError {
    CliError::Failed(error.to_string())
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

/// Whether a folder that may not exist yet lies in another.
pub(super) fn lies_in(folder: &Path, root: &Path) -> bool {
    let there = folder.ancestors().find_map(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        folder.canonicalize().ok()
    });
    match (there, root.canonicalize()) {
        (Some(folder), Ok(root)) => root.is_dir() && folder.starts_with(root),
        _ => false,
    }
}
