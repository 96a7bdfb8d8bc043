//! `shopscope query`: the samples that match, one a line.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use roaring::RoaringBitmap;
use serde::Serialize;

use super::{CliError, Loaded, load};
use crate::analysis::sort::{self, SortBy};
use crate::base::SampleId;
use crate::catalog::filter::{self, Expr};
use crate::catalog::{Columns, Population, Record, SearchQuery};

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

/// A sample as it is printed. The keys are stable.
#[derive(Debug, Serialize)]
pub(super) struct Row<'a> {
    dataset: &'a str,
    key: &'a str,
    title: Option<&'a str>,
    description: Option<&'a str>,
    caption: Option<&'a str>,
    brand: Option<&'a str>,
    taxonomy: &'a [String],
    leaf: Option<&'a str>,
    /// Pixels; null if unknown.
    width: Option<u32>,
    height: Option<u32>,
    shard: &'a str,
    /// Where the picture lies in the shard; null without one.
    offset: Option<u64>,
    length: Option<u32>,
}

impl<'a> Row<'a> {
    pub(super) fn new(dataset: &'a str, record: &'a Record) -> Self {
        let fields = &record.fields;
        Self {
            dataset,
            key: &record.key,
            title: fields.title.as_deref(),
            description: fields.description.as_deref(),
            caption: fields.caption.as_deref(),
            brand: fields.brand.as_deref(),
            taxonomy: &fields.taxonomy,
            leaf: fields.leaf.as_deref(),
            width: (record.width > 0).then_some(record.width),
            height: (record.height > 0).then_some(record.height),
            shard: &record.shard,
            offset: record.image.as_ref().map(|at| at.offset),
            length: record.image.as_ref().map(|at| at.length),
        }
    }

    const HEADER: [&'static str; 13] = [
        "dataset",
        "key",
        "title",
        "description",
        "caption",
        "brand",
        "taxonomy",
        "leaf",
        "width",
        "height",
        "shard",
        "offset",
        "length",
    ];

    fn csv(&self) -> [String; 13] {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let number = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        [
            self.dataset.to_owned(),
            self.key.to_owned(),
            text(self.title),
            text(self.description),
            text(self.caption),
            text(self.brand),
            self.taxonomy.join(" > "),
            text(self.leaf),
            number(self.width.map(u64::from)),
            number(self.height.map(u64::from)),
            self.shard.to_owned(),
            number(self.offset),
            number(self.length.map(u64::from)),
        ]
    }
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
    // The store stays until the end: a temporary one is deleted with it.
    let Loaded { columns, store: _store, .. } = load(&args.paths, catalog, true)?;
    let population = Population::open(&columns)?;
    let found = matching(args, &columns, &population)?;
    if args.count {
        writeln!(out, "{}", found.len())?;
        return Ok(());
    }
    let order = sort::order(&columns, &found, args.sort.0, args.sort.1);
    let shown = order.into_iter().skip(args.offset).take(args.limit.unwrap_or(usize::MAX));
    let mut row_out: Printer = match args.format {
        Format::Csv => {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(Row::HEADER).map_err(output)?;
            Box::new(move |row| csv.write_record(row.csv()).map_err(output))
        }
        Format::Jsonl => Box::new(move |row| {
            serde_json::to_writer(&mut *out, row).map_err(std::io::Error::from)?;
            Ok(out.write_all(b"\n")?)
        }),
    };
    for id in shown {
        let sample = SampleId(id);
        let record = population.record(sample)?;
        row_out(&Row::new(&columns.datasets[columns.dataset_of(sample).index()].name, &record))?;
    }
    Ok(())
}

/// Prints one sample.
type Printer<'a> = Box<dyn FnMut(&Row) -> Result<(), CliError> + 'a>;

fn output(error: csv::Error) -> CliError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => CliError::Output(error),
        other => CliError::Failed(format!("cannot write CSV ({other:?})")),
    }
}
