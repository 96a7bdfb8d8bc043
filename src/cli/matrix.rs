//! Arrays of features that several commands read, and positions that they write.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::CliError;
use crate::formats::npy;

/// One file that was read.
#[derive(Debug, Serialize)]
pub(super) struct FileRead {
    pub(super) path: PathBuf,
    pub(super) rows: usize,
}

/// Rows of several files one after the other.
pub(super) struct Matrix {
    pub(super) files: Vec<FileRead>,
    pub(super) dim: usize,
    pub(super) values: Vec<f32>,
}

impl Matrix {
    pub(super) fn rows(&self) -> usize {
        self.files.iter().map(|file| file.rows).sum()
    }
}

/// Reads arrays of equal width.
pub(super) fn read(paths: &[PathBuf]) -> Result<Matrix, CliError> {
    let mut matrix = Matrix { files: Vec::new(), dim: 0, values: Vec::new() };
    for path in paths {
        let array = npy::read(path)?;
        let rows = array.shape.first().copied().unwrap_or(0);
        let dim = array.shape.get(1).copied().unwrap_or(1);
        if !matrix.files.is_empty() && dim != matrix.dim {
            return Err(CliError::Failed(format!(
                "a joint layout needs features of the same layer; the first file has {} values a row, this one {dim}: {}",
                matrix.dim,
                path.display()
            )));
        }
        if matrix.files.is_empty() {
            matrix.values = array.values;
        } else {
            matrix.values.extend(array.values);
        }
        matrix.dim = dim;
        matrix.files.push(FileRead { path: path.clone(), rows });
    }
    if matrix.rows() == 0 || matrix.dim == 0 {
        let path = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
        return Err(CliError::Failed(format!("there are no features in it: {path}")));
    }
    Ok(matrix)
}

/// Fails before the work is done where its result could not be written.
pub(super) fn check_folder(out: &Path) -> Result<(), CliError> {
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(CliError::Failed(format!("there is no such folder to write into: {}", folder.display())))
        }
        _ => Ok(()),
    }
}

/// Says on stderr how many rows were left out.
pub(super) fn note_left_out(left_out: &[u32]) {
    const SHOWN: usize = 8;
    if left_out.is_empty() {
        return;
    }
    let mut numbers: Vec<String> = left_out.iter().take(SHOWN).map(ToString::to_string).collect();
    if left_out.len() > SHOWN {
        numbers.push("..".to_owned());
    }
    let rows = if left_out.len() == 1 { "row is" } else { "rows are" };
    super::note_text(&format!("{} {rows} not finite and left out: {}", left_out.len(), numbers.join(", ")));
}

/// Writes positions as `[N, 2]`.
pub(super) fn write_positions(path: &Path, positions: &[[f32; 2]]) -> Result<(), CliError> {
    let mut writer = npy::Writer::create(path, positions.len(), 2, npy::Dtype::F32)?;
    writer.append(positions.as_flattened())?;
    writer.finish()?;
    Ok(())
}
