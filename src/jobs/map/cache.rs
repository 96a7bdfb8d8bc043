//! Finished layouts on disk: positions as `.npy`, what they are of as JSON beside them.
//!
//! The name is a hash of everything the positions depend on (features, parameters, the version of the computation), so that a stale one is never
//! found; the sidecar says it in words. The JSON appears last: a layout with one is whole.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source::Rows;
use super::{Facts, MapParams, Placement};
use crate::base::dirs;
use crate::catalog::key_hash;
use crate::formats::npy;
use crate::jobs::Population;

/// Goes up whenever the same features and parameters would give other positions.
const VERSION: u32 = 3;

/// Where a layout is kept.
pub(super) struct Key {
    positions: PathBuf,
    sidecar: PathBuf,
}

impl Key {
    /// `on_card`: a graphics card rounds otherwise, so its positions are others.
    pub(super) fn new(population: &Population, rows: &Rows, params: &MapParams, on_card: bool) -> Self {
        let beside = population.datasets.first().and_then(|open| open.catalog.parent().map(Path::to_owned));
        let folder = beside.unwrap_or_else(dirs::cache_dir).join("maps");
        let said = serde_json::to_string(params).unwrap_or_default();
        let name = fingerprint(&format!("layout {VERSION} {} {said}{}", rows.hash, if on_card { " card" } else { "" }));
        Self { positions: folder.join(format!("{name}.npy")), sidecar: folder.join(format!("{name}.json")) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.positions
    }
}

/// 128 bits of a text, hexadecimal: two of the catalog's stable hashes.
pub(super) fn fingerprint(text: &str) -> String {
    format!("{:016x}{:016x}", key_hash(text), key_hash(&format!("{text}.")))
}

/// The layout of these rows, if it was computed before. One that cannot be read is computed again.
pub(super) fn load(key: &Key, rows: &Rows) -> Option<Placement> {
    let facts: Facts = serde_json::from_slice(&std::fs::read(&key.sidecar).ok()?).ok()?;
    let array = npy::read(&key.positions).ok()?;
    let positions: Vec<[f32; 2]> = array.values.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    if array.shape != [rows.samples.len(), 2] || positions.len() != rows.samples.len() {
        return None;
    }
    let epochs = facts.params.epochs_for(positions.len());
    Some(Placement {
        samples: Arc::clone(&rows.samples),
        positions: Arc::new(positions),
        facts,
        epoch: (epochs, epochs),
        done: true,
        cached: true,
    })
}

/// Keeps a finished layout.
pub(super) fn store(key: &Key, placement: &Placement) -> io::Result<()> {
    let folder = key.positions.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let _ = std::fs::remove_file(&key.sidecar);
    let mut writer =
        npy::Writer::create(&key.positions, placement.positions.len(), 2, npy::Dtype::F32).map_err(io::Error::other)?;
    writer.append(placement.positions.as_flattened()).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, &placement.facts)?;
    file.persist(&key.sidecar)?;
    Ok(())
}
