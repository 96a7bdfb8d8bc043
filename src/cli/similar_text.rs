//! `shopscope similar-text`: captions or leaf names nearest in meaning to a text.
//!
//! How it works: distinct texts are encoded once by a text model and kept as `.npy` beside the catalogs, under a name that
//! changes with the model and with every text; the query's vector is compared with all of them.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use roaring::RoaringBitmap;
use serde::Serialize;

use super::{CliError, Loaded, load, progress};
use crate::analysis::retrieval;
use crate::base::{DatasetId, Progress, SampleId};
use crate::catalog::{CatalogError, Columns, NONE, Population};
use crate::formats::npy;
use crate::model::ModelError;
use crate::model::runtime::{Device, Runtime};
use crate::model::text::{OnnxText, TextEncoder};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shards, folders or caption files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The text model, with tokenizer.json beside it; or the folder of both.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// What to look for.
    #[arg(long, value_name = "TEXT")]
    query: String,
    /// Which texts are compared.
    #[arg(long, value_enum, default_value_t = Of::Captions)]
    of: Of,
    /// Print this many.
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// What runs the model: auto, cuda, cpu or tract.
    #[arg(long, default_value = "auto")]
    device: Device,
    /// An ONNX Runtime library (or its folder) that goes before all others.
    #[arg(long, value_name = "FILE")]
    runtime_library: Option<PathBuf>,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Of {
    /// The captions of samples; equal ones count once.
    Captions,
    /// The names of leaves.
    Leaves,
}

#[derive(Serialize)]
struct Document<'a> {
    model: &'a str,
    runtime: &'a str,
    query: &'a str,
    of: Of,
    /// Distinct texts.
    texts: usize,
    /// Their vectors were known before.
    cached: bool,
    hits: Vec<Hit<'a>>,
}

#[derive(Serialize)]
struct Hit<'a> {
    score: f32,
    text: &'a str,
    /// Samples with this text.
    samples: u32,
    /// The first of them.
    dataset: &'a str,
    key: String,
}

/// A distinct text: its first sample and how many have it.
struct Entry {
    first: SampleId,
    samples: u32,
}

/// Texts encoded between two steps of the bar.
const STEP: usize = 256;

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    let runtime = Runtime::start(args.device, args.runtime_library.as_deref()).map_err(failed)?;
    let mut encoder = OnnxText::open(&args.model, runtime, 0).map_err(failed)?;
    for said in encoder.said() {
        eprintln!("shopscope: {said}");
    }
    let Loaded { columns, store, .. } = load(&args.paths, catalog, false)?;
    let population = Population::open(&columns)?;
    let (texts, entries) = match args.of {
        Of::Captions => captions(&columns, &population)?,
        Of::Leaves => leaves(&columns),
    };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    if texts.is_empty() {
        let what = if args.of == Of::Captions { "captions" } else { "leaves" };
        return Err(CliError::Failed(format!("the samples have no {what} to look through")));
    }
    let (vectors, cached) = vectors(&mut encoder, &texts, &store.dir().join("texts"))?;
    let query = encoder.encode(&[&args.query]).map_err(failed)?.remove(0);
    let found = retrieval::rank(&query, &vectors, encoder.dims(), args.top);
    let mut hits = Vec::with_capacity(found.len());
    for hit in found {
        let Entry { first, samples } = entries[hit.item as usize];
        let dataset = &columns.datasets[columns.dataset_of(first).index()].name;
        let key = population.record(first)?.key;
        hits.push(Hit { score: hit.score, text: texts[hit.item as usize], samples, dataset, key });
    }
    if args.json {
        let document = Document {
            model: encoder.name(),
            runtime: encoder.runtime(),
            query: &args.query,
            of: args.of,
            texts: texts.len(),
            cached,
            hits,
        };
        serde_json::to_writer(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    for hit in hits {
        writeln!(out, "{:>7.3}{:>8}  {}  ({}, {})", hit.score, hit.samples, hit.text, hit.dataset, hit.key)?;
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn failed(error: ModelError) -> CliError {
    CliError::Failed(error.to_string())
}

/// Distinct captions in the order of their first samples.
fn captions(columns: &Columns, population: &Population) -> Result<(Vec<String>, Vec<Entry>), CliError> {
    let (mut texts, mut entries) = (Vec::new(), Vec::<Entry>::new());
    let mut known: HashMap<String, usize> = HashMap::new();
    for (at, catalog) in population.catalogs().iter().enumerate() {
        let rows: RoaringBitmap = (0..columns.datasets[at].columns.len()).collect();
        let mut row = 0;
        catalog.each_text(&rows, |text| -> Result<(), CatalogError> {
            if let Some(caption) = text.caption.filter(|caption| !caption.trim().is_empty()) {
                if let Some(&entry) = known.get(caption) {
                    entries[entry].samples += 1;
                } else {
                    known.insert(caption.to_owned(), entries.len());
                    texts.push(caption.to_owned());
                    entries.push(Entry { first: columns.sample(DatasetId(at as u16), row), samples: 1 });
                }
            }
            row += 1;
            Ok(())
        })?;
    }
    Ok((texts, entries))
}

/// Leaves that samples have, in the order of their first samples.
fn leaves(columns: &Columns) -> (Vec<String>, Vec<Entry>) {
    let (mut texts, mut entries) = (Vec::new(), Vec::<Entry>::new());
    let mut known: HashMap<u32, usize> = HashMap::new();
    for (row, &leaf) in (0..).zip(&columns.leaf) {
        if leaf == NONE {
            continue;
        }
        let entry = *known.entry(leaf).or_insert_with(|| {
            texts.push(columns.leaves[leaf as usize].to_string());
            entries.push(Entry { first: SampleId(row), samples: 0 });
            entries.len() - 1
        });
        entries[entry].samples += 1;
    }
    (texts, entries)
}

/// Vectors of the texts, row by row; from the file of an earlier run where there is one.
fn vectors(encoder: &mut OnnxText, texts: &[&str], folder: &Path) -> Result<(Vec<f32>, bool), CliError> {
    let path = folder.join(encoder.cache_name(texts));
    if let Ok(known) = npy::read(&path)
        && known.shape == [texts.len(), encoder.dims()]
    {
        return Ok((known.values, true));
    }
    let progress = Progress::default();
    progress.set_total(texts.len() as u64);
    let values = progress::drawn(&progress, || -> Result<Vec<f32>, ModelError> {
        let mut values = Vec::with_capacity(texts.len() * encoder.dims());
        for texts in texts.chunks(STEP) {
            values.extend(encoder.encode(texts)?.into_iter().flatten());
            progress.add(texts.len() as u64);
            progress.add_samples(texts.len() as u64);
        }
        Ok(values)
    })
    .map_err(failed)?;
    // Renamed when it is whole: a killed run leaves nothing that is served.
    let disk = |source| failed(ModelError::Io { path: path.clone(), source });
    fs::create_dir_all(folder).map_err(disk)?;
    let part = path.with_extension(format!("part{}", std::process::id()));
    let mut writer = npy::Writer::create(&part, texts.len(), encoder.dims(), npy::Dtype::F32)?;
    writer.append(&values)?;
    writer.finish()?;
    fs::rename(&part, &path).map_err(disk)?;
    Ok((values, false))
}
