//! Writes the demo datasets once: pictures are drawn on all cores, shards are written in order. A
//! dataset is written under a temporary name and renamed when it is whole, so that a killed run
//! never leaves half a demo where a whole one is looked for.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::base::{CancelToken, Progress, dirs};
use crate::formats::FormatError;
use crate::formats::demo::{self, Dataset, DemoOptions};

/// Pictures drawn together before they are written: bounds memory, keeps all cores busy.
const BATCH: usize = 128;

/// Where `demo` writes if nothing else is said.
#[must_use]
pub fn default_dir() -> PathBuf {
    dirs::cache_dir().join("demo")
}

/// True if `root` is a dataset that [`ensure`] made.
#[must_use]
pub fn is_demo(root: &Path) -> bool {
    let name = root.file_name().and_then(|name| name.to_str());
    name.filter(|name| Dataset::ALL.iter().any(|dataset| dataset.name() == *name))
        .is_some_and(|name| root.with_file_name(format!(".{name}")).is_file())
}

/// Makes both datasets below `dir` where they are missing or were made with other `options`, and
/// returns their roots.
///
/// # Errors
/// Cancelled, or the folder cannot be written.
pub fn ensure(
    dir: &Path,
    options: &DemoOptions,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Vec<PathBuf>, FormatError> {
    fs::create_dir_all(dir).map_err(|error| FormatError::io(dir, error))?;
    // The marker stands beside the datasets, not in them: a dataset's folder holds shards alone.
    let stamp = format!("{} {options:?}", env!("CARGO_PKG_VERSION"));
    let marker = |dataset: Dataset| dir.join(format!(".{}", dataset.name()));
    let missing: Vec<_> = Dataset::ALL
        .into_iter()
        .filter(|&dataset| {
            let whole = fs::read_to_string(marker(dataset)).is_ok_and(|text| text == stamp);
            !(whole && dir.join(dataset.name()).is_dir())
        })
        .collect();
    progress.set_total(missing.len() as u64 * u64::from(options.samples_per_dataset));
    for dataset in missing {
        make(dir, dataset, options, progress, cancel)?;
        let marker = marker(dataset);
        fs::write(&marker, &stamp).map_err(|error| FormatError::io(&marker, error))?;
    }
    Ok(Dataset::ALL.iter().map(|dataset| dir.join(dataset.name())).collect())
}

fn make(
    dir: &Path,
    dataset: Dataset,
    options: &DemoOptions,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<(), FormatError> {
    let scratch =
        tempfile::Builder::new().prefix(".drawing-").tempdir_in(dir).map_err(|error| FormatError::io(dir, error))?;
    let indices: Vec<u32> = (0..options.samples_per_dataset).collect();
    let drawn = indices.chunks(BATCH).flat_map(|batch| {
        batch.par_iter().map(|&index| demo::render_sample(dataset, index, options)).collect::<Vec<_>>()
    });
    demo::write_dataset(scratch.path(), dataset, drawn, progress, cancel)?;
    let root = dir.join(dataset.name());
    if root.exists() {
        fs::remove_dir_all(&root).map_err(|error| FormatError::io(&root, error))?;
    }
    fs::rename(scratch.path().join(dataset.name()), &root).map_err(|error| FormatError::io(&root, error))
}
