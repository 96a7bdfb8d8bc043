//! `shopscope index`: read datasets into their catalogs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::{CliError, detect, note, open_store, progress};
use crate::base::{CancelToken, Progress, Warning, WarningKind};
use crate::formats::{Field, FieldMap};
use crate::jobs::index::{DatasetReport, IndexOptions, index_sources};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shards, folders or caption files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Take a field from this column instead of guessing; remembered with the catalog.
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = mapping)]
    map: Vec<(Field, String)>,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
    /// Leave the text index for later.
    #[arg(long)]
    no_text: bool,
    /// Parser threads (default: one a core).
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N")]
    jobs: usize,
}

pub(super) fn mapping(text: &str) -> Result<(Field, String), String> {
    let (field, column) = text.split_once('=').ok_or("write FIELD=COLUMN, such as caption=text")?;
    if column.is_empty() {
        return Err("the name of the column is missing after =".to_owned());
    }
    Ok((field.trim().parse()?, column.to_owned()))
}

#[derive(Serialize)]
struct Document<'a> {
    datasets: Vec<Dataset<'a>>,
    warnings: &'a [Warning],
    seconds: f64,
}

#[derive(Serialize)]
struct Dataset<'a> {
    #[serde(flatten)]
    report: &'a DatasetReport,
}

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    let (store, warnings) = open_store(catalog)?;
    let map = FieldMap(args.map.iter().cloned().collect());
    let sources = detect(&args.paths, &store, &map)?;
    let options = IndexOptions { map, text_index: !args.no_text, jobs: args.jobs };
    let progress = Progress::default();
    let report = progress::shown(&progress, |on_event| {
        index_sources(&store, &sources, &options, &progress, &CancelToken::default(), on_event)
    })?;
    if args.json {
        let datasets = report.datasets.iter().map(|report| Dataset { report }).collect();
        let document = Document { datasets, warnings: &warnings, seconds: report.seconds };
        serde_json::to_writer(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    for dataset in &report.datasets {
        writeln!(
            out,
            "{}: {} samples in {} shards ({}), {} with a picture, {} unreadable",
            dataset.name, dataset.samples, dataset.shards, dataset.format, dataset.with_image, dataset.unreadable
        )?;
        let mut kinds: BTreeMap<WarningKind, (usize, &Warning)> = BTreeMap::new();
        for warning in &dataset.warnings {
            kinds.entry(warning.kind).or_insert((0, warning)).0 += 1;
        }
        for (n, first) in kinds.values() {
            let place: Vec<&str> = [&first.shard, &first.key].into_iter().flatten().map(String::as_str).collect();
            let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
            let more = if *n > 1 { format!(" - and {} more like it", n - 1) } else { String::new() };
            note(&Warning::new(first.kind, format!("{}: {}{place}{more}", dataset.name, first.message)));
        }
    }
    writeln!(out, "{:.2} s", report.seconds)?;
    Ok(())
}
