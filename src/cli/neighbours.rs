//! `shopscope neighbours`: the nearest rows of every row of features.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

use super::CliError;
use super::matrix::{self, FileRead};
use crate::analysis::linear::Rows;
use crate::analysis::neighbours::{self, Method, Metric, Search};
use crate::base::CancelToken;
use crate::formats::npz::{self, Numbers};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Features, an .npy array of f32 or f16 [N, D]; given several times: the rows of all, in this order.
    #[arg(long, required = true, value_name = "F.npy")]
    features: Vec<PathBuf>,
    /// Neighbours a row; the first is the row itself.
    #[arg(short, long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    k: u32,
    /// How far rows are apart: euclidean or cosine.
    #[arg(long, default_value_t = Metric::Euclidean)]
    metric: Metric,
    /// Seed of the cells, which more than 100,000 rows are searched in.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The .npz file for `indices` (int32 [N, k], -1 in rows that are left out) and `distances` (float32 [N, k]).
    #[arg(long, value_name = "K.npz")]
    out: PathBuf,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

/// How neighbours were found, as documents name it.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    /// `exact` or `cells`.
    method: &'static str,
    cells: Option<usize>,
    overlap: Option<usize>,
    /// Share of 15 exact neighbours that were found, measured on 1,000 rows; 1 where every pair was looked at.
    recall: f64,
}

impl From<Method> for Found {
    fn from(method: Method) -> Self {
        match method {
            Method::Exact => Self { method: "exact", cells: None, overlap: None, recall: 1.0 },
            Method::Cells { cells, overlap, recall } => {
                Self { method: "cells", cells: Some(cells), overlap: Some(overlap), recall }
            }
        }
    }
}

impl Found {
    /// A few words for a person.
    pub(super) fn words(&self) -> String {
        match (self.cells, self.overlap) {
            (Some(cells), Some(overlap)) => format!(
                "{cells} cells, each row in {overlap}, {:.2} % of the exact neighbours found",
                100.0 * self.recall
            ),
            _ => "exact".to_owned(),
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    out: &'a PathBuf,
    files: &'a [FileRead],
    rows: usize,
    dims: usize,
    k: usize,
    metric: String,
    left_out: &'a [u32],
    #[serde(flatten)]
    found: Found,
    seconds: Seconds,
}

#[derive(Serialize)]
struct Seconds {
    read: f64,
    neighbours: f64,
    write: f64,
    total: f64,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    matrix::check_folder(&args.out)?;
    let started = Instant::now();
    let matrix = matrix::read(&args.features)?;
    let read = started.elapsed().as_secs_f64();
    let count = matrix.rows();
    let rows = Rows::finite(matrix.values.as_slice(), matrix.dim);
    matrix::note_left_out(rows.left_out());
    let search = Search { k: args.k as usize, metric: args.metric, seed: args.seed, ..Search::default() };
    let (found, method) = neighbours::find(&rows, &search, &CancelToken::default())
        .map_err(|cancelled| CliError::Failed(cancelled.to_string()))?;
    let searched = started.elapsed().as_secs_f64();
    let k = found.k;
    // Back to the numbers of the files.
    let (mut indices, mut distances) = (vec![-1i32; count * k], vec![f32::NAN; count * k]);
    for row in 0..found.len() {
        let to = rows.original(row as u32) as usize * k;
        for at in 0..k {
            indices[to + at] = rows.original(found.indices[row * k + at]) as i32;
            distances[to + at] = found.distances[row * k + at];
        }
    }
    let shape = [count, k];
    let arrays: [(&str, &[usize], Numbers); 2] =
        [("indices", &shape, Numbers::I32(&indices)), ("distances", &shape, Numbers::F32(&distances))];
    npz::write(&args.out, &arrays)?;
    let total = started.elapsed().as_secs_f64();
    let seconds = Seconds { read, neighbours: searched - read, write: total - searched, total };
    let found = Found::from(method);
    if args.json {
        let document = Document {
            out: &args.out,
            files: &matrix.files,
            rows: count,
            dims: matrix.dim,
            k,
            metric: args.metric.to_string(),
            left_out: rows.left_out(),
            found,
            seconds,
        };
        serde_json::to_writer(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{count} rows of {} values, {k} neighbours each ({}): {}", matrix.dim, args.metric, found.words())?;
    writeln!(out, "read {:.2} s, neighbours {:.2} s, write {:.2} s", seconds.read, seconds.neighbours, seconds.write)?;
    Ok(())
}
