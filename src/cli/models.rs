//! Arguments that commands with models have in common, and where they may write.

use std::path::{Path, PathBuf};

use super::CliError;
use crate::model::runtime::{Device, Runtime};
use crate::model::{Model, ModelError};

/// One model.
#[derive(Debug, clap::Args)]
pub(super) struct OneModel {
    /// The model, an ONNX file. MODEL.toml beside it is its card.
    #[arg(long, value_name = "MODEL.onnx")]
    pub(super) model: PathBuf,
    /// The model's card: preprocessing, classes, stages (default: MODEL.toml beside MODEL.onnx, else guesses).
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
}

impl OneModel {
    pub(super) fn open(&self) -> Result<Model, CliError> {
        Model::open(&self.model, self.card.as_deref()).map_err(failed)
    }
}

/// What computes.
#[derive(Debug, clap::Args)]
pub(super) struct Computing {
    /// What computes: auto, cuda, cpu, tract.
    #[arg(long, value_name = "DEVICE", default_value_t = Device::Auto)]
    device: Device,
    /// Pictures a run of the model (default: what suits the device).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
}

impl Computing {
    pub(super) fn runtime(&self) -> Result<&'static Runtime, CliError> {
        Runtime::start(self.device, None).map_err(failed)
    }

    /// Pictures a run; 0 where nobody said.
    pub(super) fn batch(&self) -> usize {
        self.batch.map_or(0, |batch| batch as usize)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the end of `map_err`")]
pub(super) fn failed(error: ModelError) -> CliError {
    CliError::Failed(error.to_string())
}

/// Refuses a folder to write into that lies in a dataset's own.
pub(super) fn refuse_inside<'a>(folder: &Path, roots: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), CliError> {
    match roots.into_iter().find(|root| lies_in(folder, root)) {
        None => Ok(()),
        Some(inside) => Err(CliError::Failed(format!(
            "nothing is ever written into a dataset's folder; choose another place for --out: {}",
            inside.display()
        ))),
    }
}

/// Whether a folder that may not exist yet lies in another.
fn lies_in(folder: &Path, root: &Path) -> bool {
    let there = folder.ancestors().find_map(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        folder.canonicalize().ok()
    });
    match (there, root.canonicalize()) {
        (Some(folder), Ok(root)) => root.is_dir() && folder.starts_with(root),
        _ => false,
    }
}
