//! `shopscope query`: the samples that match, one a line.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use roaring::RoaringBitmap;

use super::{CliError, Loaded, load};
use crate::analysis::sort::{self, SortBy};
use crate::base::SampleId;
use crate::catalog::export::{RecordWriter, Row, TableFormat};
use crate::catalog::filter::{self, Expr};
use crate::catalog::{Columns, Population, SearchQuery};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shards, folders or caption files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Such as: leaf = "Rings" and words >= 20, taxonomy under "Clothing > Shirts", width < 300, brand is
    /// null, tag = x, unreadable, not (..).
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
    /// Words to search for: all of them; "a phrase", pre*, AND, OR, NOT, title:word.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// How to print samples.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Print at most this many samples.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Leave out the first samples.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    offset: usize,
    /// Order: dataset, words, pixels, bytes, leaf, brand, aspect, random or random:SEED; with - before it
    /// the largest come first.
    #[arg(long, value_name = "ORDER", default_value = "dataset", value_parser = order, allow_hyphen_values = true)]
    sort: (SortBy, bool),
    /// Print only how many samples match.
    #[arg(long)]
    count: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
}

fn order(text: &str) -> Result<(SortBy, bool), String> {
    let (word, descending) = text.strip_prefix('-').map_or((text, false), |word| (word, true));
    if let Some(seed) = word.strip_prefix("random:") {
        let seed = seed.parse().map_err(|_| "the seed after random: must be a number")?;
        return Ok((SortBy::Random(seed), descending));
    }
    let known = SortBy::ALL.into_iter().find(|(_, name)| *name == word);
    known.map(|(by, _)| (by, descending)).ok_or_else(|| {
        let names: Vec<_> = SortBy::ALL.iter().map(|(_, name)| *name).collect();
        format!("the orders are {}", names.join(", "))
    })
}

/// The samples that pass the filter and the search.
fn matching(args: &Args, columns: &Columns, population: &Population) -> Result<RoaringBitmap, CliError> {
    let mut expr = match &args.filter {
        Some(text) => filter::parse(text)?,
        None => Expr::All,
    };
    if let Some(text) = &args.search {
        expr = Expr::And(vec![expr, Expr::Search(None, text.clone())]);
    }
    Ok(filter::eval(&expr, columns, population)?)
}

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    // Mistakes in the arguments are told before anything is indexed.
    if let Some(text) = &args.filter {
        filter::parse(text)?;
    }
    if let Some(text) = &args.search {
        SearchQuery::parse(text)?;
    }
    // The store is held: a temporary one goes away with it.
    let Loaded { columns, store: _store, .. } = load(&args.paths, catalog, true)?;
    let population = Population::open(&columns)?.with_latest_predictions()?;
    let found = matching(args, &columns, &population)?;
    if args.count {
        writeln!(out, "{}", found.len())?;
        return Ok(());
    }
    let order = sort::order(&columns, &found, args.sort.0, args.sort.1);
    let shown = order.into_iter().skip(args.offset).take(args.limit.unwrap_or(usize::MAX));
    let format = match args.format {
        Format::Jsonl => TableFormat::Jsonl,
        Format::Csv => TableFormat::Csv,
    };
    let mut table = RecordWriter::new(out, format)?;
    for id in shown {
        let sample = SampleId(id);
        let record = population.record(sample)?;
        table.write(&Row::new(&columns.datasets[columns.dataset_of(sample).index()].name, &record))?;
    }
    table.finish()?;
    Ok(())
}
