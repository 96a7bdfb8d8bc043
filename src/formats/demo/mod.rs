//! The demo: two datasets that the program draws itself, so that everything can be tried on a fresh machine
//! with no download: `demo-shop` (single things on plain grounds, with titles, brands, bullets and
//! descriptions) and `demo-scenes` (small things in busy scenes, labelled with WordNet ids).
//!
//! How it works: [`render_sample`] is a pure function of dataset, index and options: dice seeded by them choose
//! a class, a look and proportions; `shapes` draws the thing, `ground` what is behind it, `words` tells in
//! text what was drawn. Callers may render in parallel and in any order; [`write_dataset`] takes the samples in
//! order and writes WebDataset shards in img2dataset's layout. The same options give the same bytes on any
//! machine: no clock, no thread, no platform mathematics is involved.
//!
//! A dataset is written to a `.partial` folder that is renamed when it is complete, so that a folder with the
//! dataset's name is never half a dataset.

mod canvas;
mod colour;
mod dice;
mod ground;
mod scenes;
mod shadow;
mod shapes;
mod shop;
mod words;
mod write;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::FormatError;
use crate::base::{CancelToken, Progress};

pub use write::{SHARD_SAMPLES, write_dataset};

/// One of the two datasets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dataset {
    /// Single things on plain grounds; 24 leaves in a three-level taxonomy; long-tailed.
    Shop,
    /// Small things in busy scenes; 20 WordNet classes.
    Scenes,
}

impl Dataset {
    /// Both, in the order in which they are written.
    pub const ALL: [Self; 2] = [Self::Shop, Self::Scenes];

    /// The name of its folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shop => "demo-shop",
            Self::Scenes => "demo-scenes",
        }
    }
}

/// How much is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemoOptions {
    /// Samples in each dataset.
    pub samples_per_dataset: u32,
    /// Width and height of every picture in pixels (at least 16).
    pub size: u32,
    /// Another seed gives other pictures of the same classes.
    pub seed: u64,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { samples_per_dataset: 2000, size: 224, seed: 1 }
    }
}

/// A sample ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedSample {
    /// The picture as a JPEG.
    pub jpeg: Vec<u8>,
    /// Its record, in img2dataset's fields.
    pub record: Record,
}

/// The record of a sample: the `.json` member and a row of the parquet file beside the shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "img2dataset's field names")]
pub struct Record {
    pub url: String,
    pub caption: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub brand: Option<String>,
    pub price: Option<String>,
    pub taxonomy: Vec<String>,
    pub leaf: String,
    pub bullets: Vec<String>,
    pub source: String,
    pub source_path: String,
    pub license: String,
    /// A JSON object as a string: what was drawn, and for scenes `wnid` and `class_index`.
    pub attributes: String,
    pub key: String,
    pub status: String,
    pub error_message: Option<String>,
    pub width: u32,
    pub height: u32,
    pub original_width: u32,
    pub original_height: u32,
    pub exif: String,
}

/// What [`write`] left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoReport {
    /// The folders of the datasets, in the order of [`Dataset::ALL`].
    pub folders: Vec<PathBuf>,
    /// Samples in them.
    pub samples: u64,
    /// Bytes of their shards.
    pub bytes: u64,
}

/// Draws one sample. Pure: the same arguments give the same sample.
#[must_use]
pub fn render_sample(dataset: Dataset, index: u32, options: &DemoOptions) -> RenderedSample {
    match dataset {
        Dataset::Shop => shop::render(index, options),
        Dataset::Scenes => scenes::render(index, options),
    }
}

/// Writes both datasets into `dir`, one sample after the other. The jobs floor renders in parallel
/// with [`render_sample`] and [`write_dataset`] instead; the bytes are the same. Progress counts samples.
///
/// # Errors
/// [`FormatError`] if a folder of that name exists, if something cannot be written, or when cancelled.
pub fn write(
    dir: &Path,
    options: &DemoOptions,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<DemoReport, FormatError> {
    progress.set_total(u64::from(options.samples_per_dataset) * Dataset::ALL.len() as u64);
    let mut report = DemoReport { folders: Vec::new(), samples: 0, bytes: 0 };
    for dataset in Dataset::ALL {
        let samples = (0..options.samples_per_dataset).map(|index| render_sample(dataset, index, options));
        let written = write_dataset(dir, dataset, samples, progress, cancel)?;
        report.folders.extend(written.folders);
        report.samples += written.samples;
        report.bytes += written.bytes;
    }
    Ok(report)
}

/// Which class a sample has, so that class `k` gets a share of `weights[k]` and at least one sample in
/// `floor` of all; samples of a class are spread over the whole dataset.
fn class_of(index: u32, options: &DemoOptions, weights: &[u64], floor: u32) -> usize {
    let n = u64::from(options.samples_per_dataset.max(1));
    let least = n / u64::from(floor);
    let rest = n - (least * weights.len() as u64).min(n);
    let total: u64 = weights.iter().sum();
    // A step that has no common divisor with n visits every place once; near the golden ratio it spreads well.
    let gcd = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let step = (n * 618 / 1000..).find(|&step| gcd(step.max(1), n) == 1).unwrap_or(1).max(1);
    let place = (u64::from(index) * step + dice::mixed(options.seed) % n) % n;
    let mut weight_before = 0;
    for (class, weight) in weights.iter().enumerate() {
        weight_before += weight;
        if place < least * (class as u64 + 1) + rest * weight_before / total {
            return class;
        }
    }
    weights.len() - 1
}

/// Encodes an opaque picture.
fn jpeg(pixmap: &tiny_skia::Pixmap) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 88);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    let (width, height) = (pixmap.width() as u16, pixmap.height() as u16);
    encoder
        .encode(pixmap.data(), width, height, jpeg_encoder::ColorType::Rgba)
        .expect("writing to memory does not fail and the size fits");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::image::decode;

    /// Sheets to look at: `SHEETS=folder cargo test --lib contact_sheets -- --ignored`.
    #[test]
    #[ignore = "writes pictures to look at"]
    fn contact_sheets() {
        let folder = std::env::var_os("SHEETS").map_or_else(std::env::temp_dir, PathBuf::from);
        let options = DemoOptions::default();
        for dataset in Dataset::ALL {
            let mut by_leaf = std::collections::BTreeMap::<String, Vec<Vec<u8>>>::new();
            for index in 0..options.samples_per_dataset {
                let leaf = match dataset {
                    Dataset::Shop => shop::leaf_of(index, &options).path[2],
                    Dataset::Scenes => scenes::class_at(index, &options).lemmas[0],
                };
                let row = by_leaf.entry(leaf.to_owned()).or_default();
                if row.len() < 8 {
                    let sample = render_sample(dataset, index, &options);
                    row.push(decode(&sample.jpeg).expect("decodes").rgba);
                    if row.len() < 3 {
                        println!("{:?}", sample.record);
                    }
                }
            }
            let rows: Vec<_> = by_leaf.into_values().collect();
            for (page, rows) in rows.chunks(6).enumerate() {
                let mut sheet = image::RgbaImage::new(8 * 228, rows.len() as u32 * 228);
                for (y, row) in rows.iter().enumerate() {
                    for (x, picture) in row.iter().enumerate() {
                        let picture = image::RgbaImage::from_raw(224, 224, picture.clone()).expect("fits");
                        image::imageops::replace(&mut sheet, &picture, x as i64 * 228, y as i64 * 228);
                    }
                }
                sheet.save(folder.join(format!("{}-{page}.png", dataset.name()))).expect("writes");
            }
        }
    }
}
