//! Where the layout begins.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::graph::FuzzyGraph;
use super::spectral;
use crate::analysis::linear::{Rows, pca::Pca};
use crate::base::{CancelToken, Cancelled};

/// How the first positions are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Init {
    /// Eigenvectors of the graph's normalised Laplacian, as umap-learn does by default.
    #[default]
    Spectral,
    /// The first two principal components.
    Pca,
    /// Even in a square.
    Random,
}

impl std::str::FromStr for Init {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "spectral" => Ok(Self::Spectral),
            "pca" => Ok(Self::Pca),
            "random" => Ok(Self::Random),
            _ => Err(format!("first positions are spectral, pca or random, not {text}")),
        }
    }
}

impl std::fmt::Display for Init {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Spectral => "spectral",
            Self::Pca => "pca",
            Self::Random => "random",
        })
    }
}

/// Above so many rows the spectral start gives way to the principal components: its basis would take gigabytes.
pub const SPECTRAL_ROWS: usize = 250_000;

/// Side of the square that the first positions fill.
const SIDE: f32 = 10.0;

/// Noise on the first positions, which parts rows that are equal.
const NOISE: f32 = 1e-4;

/// First positions in the square [0, 10]^2, and the way they were made: the spectral start gives way to the principal
/// components where the graph is in parts (its eigenvectors would only tell the parts) or large.
///
/// # Errors
/// [`Cancelled`] on request.
pub fn positions(
    init: Init,
    rows: &Rows,
    graph: &FuzzyGraph,
    seed: u64,
    cancel: &CancelToken,
) -> Result<(Vec<[f32; 2]>, Init), Cancelled> {
    let n = graph.len();
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x57a7);
    let spectral = match init {
        Init::Spectral if (4..=SPECTRAL_ROWS).contains(&n) && graph.parts() == 1 => {
            spectral::coordinates(graph, seed, cancel)?
        }
        _ => None,
    };
    let (mut positions, made) = match (spectral, init) {
        (Some(positions), _) => (positions, Init::Spectral),
        (None, Init::Random) => {
            ((0..n).map(|_| [random.random::<f32>() * SIDE, random.random::<f32>() * SIDE]).collect(), Init::Random)
        }
        (None, _) => (components(rows, seed), Init::Pca),
    };
    if made != Init::Random {
        let greatest = positions.iter().flatten().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
        let scale = if greatest > 0.0 { SIDE / greatest } else { 0.0 };
        for value in positions.iter_mut().flatten() {
            *value = *value * scale + NOISE * normal(&mut random);
        }
    }
    for axis in 0..2 {
        let (low, high) = positions
            .iter()
            .map(|position| position[axis])
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let side = high - low;
        for position in &mut positions {
            position[axis] = if side > 0.0 { SIDE * (position[axis] - low) / side } else { SIDE / 2.0 };
        }
    }
    Ok((positions, made))
}

/// The first two principal components; zeros where there are fewer.
fn components(rows: &Rows, seed: u64) -> Vec<[f32; 2]> {
    let pca = Pca::new(rows, 2, seed);
    let count = pca.len();
    let along = pca.project(rows);
    let at = |row: usize, axis: usize| if axis < count { along[row * count + axis] } else { 0.0 };
    (0..rows.len()).map(|row| [at(row, 0), at(row, 1)]).collect()
}

/// A draw from the normal distribution, by the sum of twelve even ones: near enough for noise.
pub(super) fn normal(random: &mut Pcg64Mcg) -> f32 {
    (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0
}
