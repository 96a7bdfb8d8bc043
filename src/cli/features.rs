//! `shopscope features`: what a model makes of every picture, as arrays that `NumPy` opens.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::models::{Computing, OneModel, failed};
use super::{CliError, Loaded, load, note_text, progress};
use crate::base::{CancelToken, Progress};
use crate::catalog::Population;
use crate::catalog::filter::{self, Expr};
use crate::formats::npy::Dtype;
use crate::jobs::batches;
use crate::jobs::features::{Request, Summary, compute};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shards, folders or caption files; several become the rows of one folder in this order.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    model: OneModel,
    /// Stages of the model or tensors of its graph, averaged over places (default: all stages).
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    layers: Vec<String>,
    #[command(flatten)]
    computing: Computing,
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
    let model = args.model.open()?;
    for layer in &args.layers {
        model.resolve(layer).map_err(failed)?;
    }
    let runtime = args.computing.runtime()?;
    let Loaded { store, sources, columns, .. } = load(&args.paths, catalog, args.filter.is_some())?;
    let ids = filter::eval(&expr, &columns, &Population::open(&columns)?)?;
    let population = batches::population(&store, sources, columns)?;
    let request = Request {
        population: &population,
        ids: &ids,
        model: &model,
        layers: &args.layers,
        runtime,
        batch: args.computing.batch(),
        dtype: args.dtype,
        out: args.out.as_deref(),
        force: args.force,
    };
    let progress = Progress::default();
    let summaries = progress::rated(&progress, ids.len(), || compute(&request, &progress, &CancelToken::default()))
        .map_err(|error| CliError::Failed(error.to_string()))?;
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
