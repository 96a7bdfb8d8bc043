//! `shopscope features`: what a model makes of every picture, as arrays that NumPy opens.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::{CliError, Loaded, load, note_text, progress};
use crate::base::{CancelToken, Progress};
use crate::catalog::Population;
use crate::catalog::filter::{self, Expr};
use crate::formats::npy::Dtype;
use crate::jobs::batches;
use crate::jobs::features::{Request, Summary, compute};
use crate::model::Model;
use crate::model::runtime::{Device, Runtime};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shards, folders or caption files; several become the rows of one folder in this order.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The model, an ONNX file. MODEL.toml beside it is its card.
    #[arg(long, value_name = "MODEL.onnx")]
    model: PathBuf,
    /// The model's card: preprocessing, classes, stages (default: MODEL.toml beside MODEL.onnx, else guesses).
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Stages of the model or tensors of its graph, averaged over places (default: all stages).
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    layers: Vec<String>,
    /// What computes: auto, cuda, cpu, tract.
    #[arg(long, value_name = "DEVICE", default_value_t = Device::Auto)]
    device: Device,
    /// Pictures a run of the model (default: 64 on CUDA, else 16).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch: Option<u32>,
    /// How numbers are stored: f32 or f16.
    #[arg(long, value_name = "TYPE", default_value_t = Dtype::F32)]
    dtype: Dtype,
    /// Only samples that match; needs --out.
    #[arg(long, value_name = "EXPR", requires = "out")]
    filter: Option<String>,
    /// The folder for LAYER.npy and features.json (default: one a dataset in the cache directory, where the window looks).
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace other features in --out.
    #[arg(long)]
    force: bool,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints: the summary of the folder, or a list where there are several.
#[derive(Serialize)]
#[serde(untagged)]
enum Document {
    One(Box<Summary>),
    Several { folders: Vec<Summary> },
}

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    // Mistakes in the arguments are told before anything is indexed.
    let expr = match &args.filter {
        Some(text) => filter::parse(text)?,
        None => Expr::All,
    };
    let failed = |error: &dyn std::error::Error| CliError::Failed(error.to_string());
    let model = Model::open(&args.model, args.card.as_deref()).map_err(|error| failed(&error))?;
    for layer in &args.layers {
        model.resolve(layer).map_err(|error| failed(&error))?;
    }
    let runtime = Runtime::start(args.device, None).map_err(|error| failed(&error))?;
    let Loaded { store, sources, columns, .. } = load(&args.paths, catalog, args.filter.is_some())?;
    let ids = filter::eval(&expr, &columns, &Population::open(&columns)?)?;
    let population = batches::population(&store, sources, columns)?;
    let request = Request {
        population: &population,
        ids: &ids,
        model: &model,
        layers: &args.layers,
        runtime,
        batch: args.batch.map_or(0, |batch| batch as usize),
        dtype: args.dtype,
        out: args.out.as_deref(),
        force: args.force,
    };
    let progress = Progress::default();
    let summaries = progress::rated(&progress, ids.len(), || compute(&request, &progress, &CancelToken::default()))
        .map_err(|error| failed(&error))?;
    for notice in summaries.iter().flat_map(|summary| &summary.notices) {
        note_text(notice);
    }
    if args.json {
        let mut summaries = summaries;
        let document = match summaries.pop() {
            Some(only) if summaries.is_empty() => Document::One(Box::new(only)),
            last => Document::Several { folders: summaries.into_iter().chain(last).collect() },
        };
        serde_json::to_writer(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    for summary in &summaries {
        print(summary, out)?;
    }
    Ok(())
}

fn print(summary: &Summary, out: &mut dyn Write) -> Result<(), CliError> {
    let Summary { samples, computed, unreadable, not_finite, seconds, runtime, .. } = summary;
    writeln!(out, "{samples} pictures, {computed} computed now, {unreadable} unreadable (rows of NaN)")?;
    if *not_finite > 0 {
        writeln!(
            out,
            "{not_finite} readable pictures have infinite or missing numbers; mind the model or --dtype f32"
        )?;
    }
    if *computed > 0 {
        writeln!(
            out,
            "{:.1} pictures a second on {} ({}): read {:.1} s, decode {:.1} s, preprocess {:.1} s, run {:.1} s, write {:.1} s",
            summary.images_per_second,
            runtime.name,
            runtime.provider,
            seconds.read,
            seconds.decode,
            seconds.preprocess,
            seconds.run,
            seconds.write
        )?;
    }
    for layer in &summary.layers {
        let path = summary.out.join(&layer.file);
        writeln!(out, "{:12} [{samples}, {}]  {}", layer.layer, layer.dims, path.display())?;
    }
    Ok(())
}
