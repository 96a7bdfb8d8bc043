//! `shopscope compare`: how separate two datasets are, layer by layer of a model, or in features that are there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use super::{CliError, Loaded, load, matrix, note_text, progress};
use crate::analysis::linear::Rows;
use crate::analysis::neighbours::Metric;
use crate::analysis::separation::{Options, Region, Separation, separate};
use crate::base::{CancelToken, Progress};
use crate::catalog::Population;
use crate::catalog::filter::{self, Expr};
use crate::formats::npy::Dtype;
use crate::jobs::batches;
use crate::jobs::features::{Request, compute};
use crate::model::Model;
use crate::model::features::Sidecar;
use crate::model::runtime::{Device, Runtime};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Two datasets, A and B: shards, folders or caption files.
    #[arg(value_name = "PATH", num_args = 0..=2, required_unless_present = "features", requires = "model", conflicts_with = "features")]
    paths: Vec<PathBuf>,
    /// The model, an ONNX file: both datasets' features are made where they are not there yet.
    #[arg(long, value_name = "MODEL.onnx")]
    model: Option<PathBuf>,
    /// The model's card (default: MODEL.toml beside MODEL.onnx, else guesses).
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Stages of the model or tensors of its graph (default: all stages).
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    layers: Vec<String>,
    /// What runs the model: auto, cuda, cpu, tract.
    #[arg(long, value_name = "DEVICE", default_value_t = Device::Auto)]
    device: Device,
    /// Features instead of datasets: .npy arrays [N, D], one of A and then one of B.
    #[arg(long, value_name = "F.npy")]
    features: Vec<PathBuf>,
    /// How far rows are apart when neighbours are counted: euclidean or cosine.
    #[arg(long, default_value_t = Metric::Euclidean)]
    metric: Metric,
    /// Seed of samples, split and permutations.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Regions of each side to list.
    #[arg(long, default_value_t = 5)]
    regions: usize,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    a: Side,
    b: Side,
    metric: String,
    seed: u64,
    layers: Vec<Layer>,
    seconds: f64,
}

#[derive(Serialize)]
struct Side {
    name: String,
    path: PathBuf,
}

#[derive(Serialize)]
struct Layer {
    layer: String,
    dims: usize,
    /// Rows of A and B that are not finite and left out.
    left_out: [usize; 2],
    #[serde(flatten)]
    separation: Separation,
    /// Keys of the most typical samples of each region, in the order of `only_a`; empty without datasets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys_a: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys_b: Vec<Vec<String>>,
}

/// Keys of a region that are named.
const KEYS: usize = 8;

/// What of one dataset or file is compared.
struct Input {
    side: Side,
    /// Layers and their files.
    files: Vec<(String, PathBuf)>,
    keys: Vec<String>,
}

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    let started = Instant::now();
    let [a, b] = match &args.model {
        Some(model) if args.features.is_empty() => of_datasets(args, model, catalog)?,
        _ => of_files(&args.features)?,
    };
    let options = Options { metric: args.metric, seed: args.seed, regions: args.regions, ..Options::default() };
    let mut layers = Vec::new();
    for ((layer, file_a), (_, file_b)) in a.files.iter().zip(&b.files) {
        layers.push(measured(layer, (&a, file_a), (&b, file_b), &options)?);
    }
    let seconds = started.elapsed().as_secs_f64();
    let document = Document { a: a.side, b: b.side, metric: args.metric.to_string(), seed: args.seed, layers, seconds };
    if args.json {
        serde_json::to_writer(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    print(&document, out)
}

fn measured(layer: &str, a: (&Input, &Path), b: (&Input, &Path), options: &Options) -> Result<Layer, CliError> {
    let (of_a, of_b) = (matrix::read(&[a.1.to_owned()])?, matrix::read(&[b.1.to_owned()])?);
    if of_a.dim != of_b.dim {
        return Err(CliError::Failed(format!(
            "these features are of different layers: A has {} values a row, B has {}: {}",
            of_a.dim,
            of_b.dim,
            b.1.display()
        )));
    }
    let dims = of_a.dim;
    let (rows_a, rows_b) = (Rows::finite(of_a.values, dims), Rows::finite(of_b.values, dims));
    for (rows, (_, path)) in [(&rows_a, a), (&rows_b, b)] {
        if rows.is_empty() {
            return Err(CliError::Failed(format!("no row of the features is finite: {}", path.display())));
        }
    }
    let separation = separate(&rows_a, &rows_b, options, &CancelToken::default())
        .map_err(|cancelled| CliError::Failed(cancelled.to_string()))?;
    let keys = |regions: &[Region], input: &Input| -> Vec<Vec<String>> {
        if input.keys.is_empty() {
            return Vec::new();
        }
        let key = |&row: &u32| input.keys.get(row as usize).cloned();
        regions.iter().map(|region| region.rows.iter().take(KEYS).filter_map(key).collect()).collect()
    };
    Ok(Layer {
        layer: layer.to_owned(),
        dims,
        left_out: [rows_a.left_out().len(), rows_b.left_out().len()],
        keys_a: keys(&separation.only_a, a.0),
        keys_b: keys(&separation.only_b, b.0),
        separation,
    })
}

fn of_files(files: &[PathBuf]) -> Result<[Input; 2], CliError> {
    let [a, b] = files else {
        return Err(CliError::Usage(
            "two datasets are compared: give PATH_A PATH_B --model MODEL.onnx, or --features twice".to_owned(),
        ));
    };
    let input = |path: &PathBuf| {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Input {
            side: Side { name, path: path.clone() },
            files: vec![("features".to_owned(), path.clone())],
            keys: Vec::new(),
        }
    };
    Ok([input(a), input(b)])
}

fn of_datasets(args: &Args, model: &Path, catalog: Option<PathBuf>) -> Result<[Input; 2], CliError> {
    let failed = |error: &dyn std::error::Error| CliError::Failed(error.to_string());
    let model = Model::open(model, args.card.as_deref()).map_err(|error| failed(&error))?;
    for layer in &args.layers {
        model.resolve(layer).map_err(|error| failed(&error))?;
    }
    let runtime = Runtime::start(args.device, None).map_err(|error| failed(&error))?;
    let Loaded { store, sources, columns, .. } = load(&args.paths, catalog, false)?;
    if sources.len() != 2 {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        return Err(CliError::Usage(format!(
            "two datasets are compared, and these paths hold {}: {}",
            sources.len(),
            names.join(", ")
        )));
    }
    let ids = filter::eval(&Expr::All, &columns, &Population::open(&columns)?)?;
    let population = batches::population(&store, sources, columns)?;
    let request = Request {
        population: &population,
        ids: &ids,
        model: &model,
        layers: &args.layers,
        runtime,
        batch: 0,
        dtype: Dtype::F32,
        out: None,
        force: false,
    };
    let progress = Progress::default();
    let summaries = progress::rated(&progress, ids.len(), || compute(&request, &progress, &CancelToken::default()))
        .map_err(|error| failed(&error))?;
    for notice in summaries.iter().flat_map(|summary| &summary.notices) {
        note_text(notice);
    }
    let mut inputs = Vec::new();
    for summary in &summaries {
        let sidecar = Sidecar::read(&summary.out)
            .map_err(|error| failed(&error))?
            .ok_or_else(|| CliError::Failed(format!("features went away: {}", summary.out.display())))?;
        let dataset = sidecar
            .datasets
            .first()
            .ok_or_else(|| CliError::Failed(format!("these features are of no dataset: {}", summary.out.display())))?;
        let asked = |layer: &str| args.layers.is_empty() || args.layers.iter().any(|asked| asked == layer);
        inputs.push(Input {
            side: Side { name: dataset.name.clone(), path: dataset.path.clone() },
            files: summary
                .layers
                .iter()
                .filter(|file| asked(&file.layer))
                .map(|file| (file.layer.clone(), summary.out.join(&file.file)))
                .collect(),
            keys: sidecar.keys,
        });
    }
    let count = inputs.len();
    <[Input; 2]>::try_from(inputs)
        .map_err(|_| CliError::Failed(format!("only {count} of the two datasets has pictures to compare")))
}

fn print(document: &Document, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "A {}: {}", document.a.name, document.a.path.display())?;
    writeln!(out, "B {}: {}", document.b.name, document.b.path.display())?;
    writeln!(
        out,
        "{:12} {:>6} {:>9} {:>7} {:>7} {:>9} {:>7} {:>6} {:>10}",
        "layer", "dims", "own of 5", "chance", "probe", "energy", "share", "p", "silhouette"
    )?;
    for Layer { layer, dims, separation, .. } in &document.layers {
        let probe = separation.probe.map_or_else(|| "-".to_owned(), |probe| format!("{:.3}", probe.balanced_accuracy));
        writeln!(
            out,
            "{layer:12} {dims:>6} {:>9.3} {:>7.3} {probe:>7} {:>9.4} {:>7.3} {:>6.3} {:>10.3}",
            separation.mixing.own,
            separation.mixing.chance,
            separation.energy.distance,
            separation.energy.coefficient,
            separation.energy.p,
            separation.silhouette
        )?;
    }
    let Some(last) = document.layers.last() else { return Ok(()) };
    let sides = [("A", &last.separation.only_a, &last.keys_a), ("B", &last.separation.only_b, &last.keys_b)];
    for (side, regions, keys) in sides {
        if !regions.is_empty() {
            writeln!(out, "regions of {}, where {side} is more than its share:", last.layer)?;
        }
        for (at, region) in regions.iter().enumerate() {
            let samples = match keys.get(at) {
                Some(keys) => keys.join(" "),
                None => region.rows.iter().take(KEYS).map(ToString::to_string).collect::<Vec<_>>().join(" "),
            };
            writeln!(out, "{:>6} against {:>5}  {:>6.1} x  {samples}", region.own, region.other, region.lift)?;
        }
    }
    Ok(())
}
