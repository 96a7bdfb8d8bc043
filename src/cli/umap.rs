//! `shopscope umap`: features to positions in the plane.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use super::matrix::{self, FileRead};
use super::neighbours::Found;
use super::{CliError, note_text};
use crate::analysis::linear::Rows;
use crate::analysis::neighbours::{self, Method, Metric, Search};
use crate::analysis::umap::{Init, Params, Umap};
use crate::base::CancelToken;
use crate::gpu;

/// What computes layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Device {
    /// The graphics card where there is one that computes, else the processor.
    Auto,
    /// The graphics card, or fail.
    Gpu,
    /// The processor.
    Cpu,
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Features, an .npy array of f32 or f16 [N, D]; given several times: one joint layout of all rows, in this order.
    #[arg(long, required = true, value_name = "F.npy")]
    features: Vec<PathBuf>,
    /// Neighbours a row, the row itself included: few show details, many the whole.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(2..=1000))]
    neighbours: u32,
    /// Least distance of near rows in the plane.
    #[arg(long, default_value_t = 0.1)]
    min_dist: f32,
    /// Scale on which rows lie in the plane.
    #[arg(long, default_value_t = 1.0)]
    spread: f32,
    /// Epochs (default: 500 up to 10,000 rows, else 200).
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    epochs: Option<u32>,
    /// Seed: the same seed gives the same positions.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How far rows are apart: euclidean or cosine.
    #[arg(long, default_value_t = Metric::Euclidean)]
    metric: Metric,
    /// Where rows begin: spectral, pca or random.
    #[arg(long, default_value_t = Init::Spectral)]
    init: Init,
    /// What computes.
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    device: Device,
    /// The .npy file for the positions, float32 [N, 2]; NaN in rows that are left out.
    #[arg(long, value_name = "XY.npy")]
    out: PathBuf,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    out: &'a PathBuf,
    files: &'a [FileRead],
    rows: usize,
    dims: usize,
    left_out: &'a [u32],
    neighbours: NeighboursSaid,
    min_dist: f32,
    spread: f32,
    a: f32,
    b: f32,
    epochs: u32,
    seed: u64,
    /// What was asked for, and what was done: in parts of a graph the spectral start gives way to the components.
    init_asked: String,
    init: String,
    device: &'a str,
    seconds: Seconds,
}

#[derive(Serialize)]
struct NeighboursSaid {
    k: usize,
    metric: String,
    #[serde(flatten)]
    found: Found,
}

#[derive(Serialize)]
struct Seconds {
    read: f64,
    neighbours: f64,
    /// The graph and the first positions.
    start: f64,
    /// The epochs.
    layout: f64,
    write: f64,
    total: f64,
}

/// Rows below which nobody looks for a card: the processor is done before a driver has started.
const FEW_ROWS: usize = 2000;

/// The card that the epochs of so many rows run on; none where the processor is asked for, or is the faster one.
fn graphics_card(device: Device, rows: usize) -> Result<Option<gpu::Device>, CliError> {
    match device {
        Device::Cpu => Ok(None),
        Device::Auto if rows < FEW_ROWS => Ok(None),
        // A software adapter draws; to compute, the processor's own way is faster.
        Device::Auto => Ok(gpu::Device::open().ok().filter(gpu::Device::computes)),
        Device::Gpu => gpu::Device::open().map(Some).map_err(|error| CliError::Failed(error.to_string())),
    }
}

/// All epochs on the card: the positions, and the epoch they are of.
fn on_the_card(card: &gpu::Device, umap: &Umap) -> Result<(Vec<[f32; 2]>, u32), gpu::GpuError> {
    let mut epochs = gpu::umap::Epochs::new(card, umap.layout(), umap.force(), umap.positions(), umap.epoch())?;
    while epochs.step(10)? {}
    Ok((epochs.positions()?, epochs.epoch()))
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let params = Params {
        neighbours: args.neighbours as usize,
        metric: args.metric,
        min_dist: args.min_dist,
        spread: args.spread,
        epochs: args.epochs,
        seed: args.seed,
        init: args.init,
        ..Params::default()
    };
    params.check().map_err(CliError::Usage)?;
    matrix::check_folder(&args.out)?;
    let started = Instant::now();
    let elapsed = || started.elapsed().as_secs_f64();
    let matrix = matrix::read(&args.features)?;
    let read = elapsed();
    let rows = Rows::finite(matrix.values.as_slice(), matrix.dim);
    matrix::note_left_out(rows.left_out());
    if rows.is_empty() {
        return Err(CliError::Failed(format!(
            "no row of the features is finite, so there is nothing to lay out: {}",
            args.features[0].display()
        )));
    }
    let mut card = graphics_card(args.device, rows.len())?;
    let cancel = CancelToken::default();
    let stopped = |cancelled: crate::base::Cancelled| CliError::Failed(cancelled.to_string());
    let search = Search { k: params.neighbours, metric: params.metric, seed: params.seed, ..Search::default() };
    let on_card = card.as_ref().filter(|_| rows.len() <= search.exact_rows);
    let found = on_card.map(|card| gpu::neighbours::search(card, &rows, search.k, search.metric, &cancel, |_| {}));
    let (neighbours, method) = match found {
        Some(Ok(neighbours)) => (neighbours, Method::Exact),
        Some(Err(error)) if args.device == Device::Gpu => return Err(CliError::Failed(error.to_string())),
        failed => {
            if let Some(Err(error)) = failed {
                note_text(&format!("the graphics card gave up ({error}); the processor goes on"));
                card = None;
            }
            neighbours::find(&rows, &search, &cancel).map_err(stopped)?
        }
    };
    let searched = elapsed();
    let k = neighbours.k;
    let mut umap = Umap::new(&rows, &neighbours, params, &cancel).map_err(stopped)?;
    drop(neighbours);
    let begun = elapsed();
    let mut device = "cpu".to_owned();
    match card.as_ref().map(|card| on_the_card(card, &umap)) {
        Some(Ok((positions, epoch))) => {
            umap.take(positions, epoch);
            device = card.as_ref().map_or(device, |card| format!("gpu: {}", card.name()));
        }
        Some(Err(error)) if args.device == Device::Gpu => return Err(CliError::Failed(error.to_string())),
        Some(Err(error)) => note_text(&format!("the graphics card gave up ({error}); the processor goes on")),
        None => {}
    }
    // Nothing is left to do after the card.
    while umap.step(50) {}
    let laid = elapsed();
    let mut positions = vec![[f32::NAN; 2]; matrix.rows()];
    for (row, &position) in umap.positions().iter().enumerate() {
        positions[rows.original(row as u32) as usize] = position;
    }
    matrix::write_positions(&args.out, &positions)?;
    let total = elapsed();
    let seconds = Seconds {
        read,
        neighbours: searched - read,
        start: begun - searched,
        layout: laid - begun,
        write: total - laid,
        total,
    };
    let found = Found::from(method);
    if args.json {
        let document = Document {
            out: &args.out,
            files: &matrix.files,
            rows: matrix.rows(),
            dims: matrix.dim,
            left_out: rows.left_out(),
            neighbours: NeighboursSaid { k, metric: args.metric.to_string(), found },
            min_dist: args.min_dist,
            spread: args.spread,
            a: umap.force().a,
            b: umap.force().b,
            epochs: umap.epochs(),
            seed: args.seed,
            init_asked: args.init.to_string(),
            init: umap.init().to_string(),
            device: &device,
            seconds,
        };
        serde_json::to_writer(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{} rows of {} values; {k} neighbours ({}): {}; begun {}, {} epochs on {device}",
        matrix.rows(),
        matrix.dim,
        args.metric,
        found.words(),
        umap.init(),
        umap.epochs()
    )?;
    writeln!(
        out,
        "read {:.2} s, neighbours {:.2} s, graph and start {:.2} s, layout {:.2} s, write {:.2} s",
        seconds.read, seconds.neighbours, seconds.start, seconds.layout, seconds.write
    )?;
    Ok(())
}
