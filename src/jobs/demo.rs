//! Writes the demo datasets once: pictures are drawn on all cores, shards written in order. A marker
//! file says that a dataset is whole, so a killed run starts over instead of opening half a demo.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::base::{CancelToken, Progress, dirs};
use crate::formats::demo::{self, DemoDataset, DemoOptions};
use crate::formats::FormatError;

/// Where `demo` writes if nothing else is said.
#[must_use]
pub fn default_dir() -> PathBuf {
    dirs::cache_dir().join("demo")
}

/// Makes both datasets below `dir` unless they are there, and returns their roots.
///
/// # Errors
/// Cancelled, or the folder cannot be written.
pub fn ensure(dir: &Path, progress: &Progress, cancel: &CancelToken) -> Result<Vec<PathBuf>, FormatError> {
    ensure_with(dir, &DemoOptions::default(), progress, cancel)
}

/// [`ensure`] with other sizes or another seed.
///
/// # Errors
/// Cancelled, or the folder cannot be written.
pub fn ensure_with(
    dir: &Path,
    options: &DemoOptions,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Vec<PathBuf>, FormatError> {
    let roots: Vec<_> = DemoDataset::ALL.iter().map(|dataset| dir.join(dataset.name())).collect();
    let stamp = format!("{options:?} {}", env!("CARGO_PKG_VERSION"));
    // The marker stands beside the datasets, not in them: a dataset's folder holds shards alone.
    let marker = |dataset: DemoDataset| dir.join(format!(".{}.done", dataset.name()));
    let missing: Vec<_> = DemoDataset::ALL
        .into_iter()
        .filter(|&dataset| fs::read_to_string(marker(dataset)).is_ok_and(|text| text == stamp) == false)
        .collect();
    progress.set_total(missing.len() as u64 * u64::from(options.samples_per_dataset));
    for dataset in missing {
        let root = dir.join(dataset.name());
        fs::create_dir_all(&root).map_err(|error| FormatError::io(&root, error))?;
        let mut writer = demo::DatasetWriter::create(&root, dataset, options)?;
        // Drawn in parallel a chunk at a time, written in order: the bytes do not depend on the number of cores.
        let indices: Vec<u32> = (0..options.samples_per_dataset).collect();
        for chunk in indices.chunks(128) {
            cancel.check()?;
            let drawn: Vec<_> =
                chunk.par_iter().map(|&index| demo::render_sample(dataset, index, options)).collect();
            for sample in drawn {
                writer.push(sample)?;
            }
            progress.add(chunk.len() as u64);
            progress.add_samples(chunk.len() as u64);
        }
        writer.finish()?;
        let marker = marker(dataset);
        fs::write(&marker, &stamp).map_err(|error| FormatError::io(&marker, error))?;
    }
    Ok(roots)
}
