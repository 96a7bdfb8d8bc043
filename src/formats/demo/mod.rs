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
    let step = (n * 618 / 1000..=n).find(|&step| gcd(step.max(1), n) == 1).unwrap_or(1).max(1);
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

    const SMALL: DemoOptions = DemoOptions { samples_per_dataset: 30, size: 96, seed: 7 };

    /// FNV-1a, which needs no crate and is the same everywhere.
    fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
        bytes
            .into_iter()
            .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
    }

    fn written(options: &DemoOptions) -> (tempfile::TempDir, DemoReport) {
        let dir = tempfile::tempdir().expect("a folder");
        let report = write(dir.path(), options, &Progress::default(), &CancelToken::default()).expect("writes");
        (dir, report)
    }

    fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("lists")
            .map(|entry| entry.expect("an entry"))
            .map(|entry| (entry.file_name().into_string().expect("UTF-8"), std::fs::read(entry.path()).expect("reads")))
            .collect();
        files.sort();
        files
    }

    #[test]
    fn the_same_options_give_the_same_bytes_on_any_machine() {
        let (_first, report) = written(&SMALL);
        let hashes: Vec<_> = report
            .folders
            .iter()
            .flat_map(|folder| files(folder))
            .map(|(name, bytes)| format!("{name} {:016x}", hash(bytes)))
            .collect();
        // When a drawing or a text is changed on purpose, these change with it: look at the contact sheets.
        insta::assert_snapshot!(hashes.join("\n"), @r"
        00000.parquet a751b729c75b5171
        00000.tar d9e497f7cbf570d7
        00000_stats.json 8240539ddd6f9831
        00000.parquet fe097af15accc830
        00000.tar d9bd49eebd57838d
        00000_stats.json 8240539ddd6f9831
        ");
        let other = DemoOptions { seed: 8, ..SMALL };
        for dataset in Dataset::ALL {
            assert_ne!(render_sample(dataset, 3, &SMALL).jpeg, render_sample(dataset, 3, &other).jpeg, "another seed");
            assert_eq!(render_sample(dataset, 3, &SMALL), render_sample(dataset, 3, &SMALL), "pure");
        }
    }

    #[test]
    fn every_class_is_there_with_a_long_tail() {
        let options = DemoOptions::default();
        let check = |name: &str, of: &dyn Fn(u32) -> String, classes: usize, least: usize, ratio: usize| {
            let mut counts = std::collections::BTreeMap::<String, usize>::new();
            for index in 0..options.samples_per_dataset {
                *counts.entry(of(index)).or_default() += 1;
            }
            let (min, max) = (counts.values().min().expect("some"), counts.values().max().expect("some"));
            assert_eq!(counts.len(), classes, "{name}");
            assert!(*min >= least && max / min >= ratio, "{name}: from {min} to {max}");
        };
        check("shop", &|index| shop::leaf_of(index, &options).path.join(" > "), 24, 20, 8);
        check(
            "scenes",
            &|index| {
                scenes::class_at(index, &options).path[scenes::class_at(index, &options).path.len() - 1].0.to_owned()
            },
            20,
            40,
            3,
        );
        // Each tenth of a dataset has nearly every leaf: shards are alike.
        let tenth: std::collections::BTreeSet<_> =
            (0..200).map(|index| shop::leaf_of(index, &options).path[2]).collect();
        assert!(tenth.len() >= 22, "{}", tenth.len());
    }

    #[test]
    fn pictures_decode_and_records_tell_the_truth() {
        for dataset in Dataset::ALL {
            for index in 0..60 {
                let options = DemoOptions { samples_per_dataset: 60, size: 64, seed: 3 };
                let RenderedSample { jpeg, record } = render_sample(dataset, index, &options);
                let picture = decode(&jpeg).expect("decodes");
                assert_eq!((picture.width, picture.height, picture.truncated), (64, 64, false));
                assert_eq!((record.width, record.height), (64, 64));
                assert_eq!(record.key, format!("{index:08}"));
                let attributes: serde_json::Value = serde_json::from_str(&record.attributes).expect("JSON");
                match dataset {
                    Dataset::Shop => {
                        assert_eq!((record.taxonomy.len(), record.taxonomy.last()), (3, Some(&record.leaf)));
                        let title = record.title.expect("a title").to_lowercase();
                        let colour = attributes["colour"].as_str().expect("a colour").to_lowercase();
                        assert!(title.contains(&colour) || title.contains('('), "{title} / {colour}");
                        assert!(record.bullets.len() <= 4);
                    }
                    Dataset::Scenes => {
                        let wnid = attributes["wnid"].as_str().expect("a wnid");
                        let path = attributes["taxonomy_wnids"].as_array().expect("a path");
                        assert_eq!(path.last().and_then(|last| last.as_str()), Some(wnid));
                        assert_eq!(path.len(), record.taxonomy.len());
                        assert_eq!(record.taxonomy[0], "entity");
                        assert!(attributes["class_index"].as_u64().is_some_and(|class| class < 20));
                    }
                }
            }
        }
    }

    #[test]
    fn shards_are_split_and_named_as_img2dataset_does() {
        let options = DemoOptions { samples_per_dataset: SHARD_SAMPLES + 3, size: 16, seed: 1 };
        let dir = tempfile::tempdir().expect("a folder");
        let sample = render_sample(Dataset::Scenes, 0, &options);
        let samples = (0..SHARD_SAMPLES + 3).map(|index| {
            let record = Record { key: write::key(index), ..sample.record.clone() };
            RenderedSample { record, ..sample.clone() }
        });
        let progress = Progress::default();
        let report =
            write_dataset(dir.path(), Dataset::Scenes, samples, &progress, &CancelToken::default()).expect("writes");
        assert_eq!((report.samples, progress.samples()), (503, 503));
        let files = files(&report.folders[0]);
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        let expect =
            ["00000.parquet", "00000.tar", "00000_stats.json", "00001.parquet", "00001.tar", "00001_stats.json"];
        assert_eq!(names, expect);
        assert_eq!(report.bytes, (files[1].1.len() + files[4].1.len()) as u64);
        let tar = &files[4].1;
        assert_eq!((&tar[..12], &tar[257..262]), (b"00001000.jpg".as_slice(), b"ustar".as_slice()));
        let stats: serde_json::Value = serde_json::from_slice(&files[5].1).expect("JSON");
        assert_eq!((&stats["count"], &stats["successes"]), (&3.into(), &3.into()));
    }

    #[test]
    fn nothing_half_written_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let cancel = CancelToken::default();
        let samples = (0..9).map(|index| {
            if index == 4 {
                cancel.cancel();
            }
            render_sample(Dataset::Shop, index, &SMALL)
        });
        let got = write_dataset(dir.path(), Dataset::Shop, samples, &Progress::default(), &cancel);
        assert!(matches!(got, Err(FormatError::Cancelled(_))), "{got:?}");
        assert_eq!(std::fs::read_dir(dir.path()).expect("lists").count(), 0);
        // A folder of that name is somebody's: it is never overwritten. What a kill left is.
        std::fs::create_dir_all(dir.path().join("demo-shop.partial/rest")).expect("makes");
        let one = || std::iter::once(render_sample(Dataset::Shop, 0, &SMALL));
        let write = || write_dataset(dir.path(), Dataset::Shop, one(), &Progress::default(), &CancelToken::default());
        assert!(write().is_ok());
        assert!(matches!(write(), Err(FormatError::Io { .. })));
        assert_eq!(files(&dir.path().join("demo-shop")).len(), 3);
    }

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
