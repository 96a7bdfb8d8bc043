//! `shopscope stats`: how long captions are, their n-grams, parts of speech, labels; what marks one dataset against another.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{CliError, Loaded, detect, load_found, open_store, progress};
use crate::analysis::text::report::{
    DatasetStats, GramLift, Labels, LiftFigures, StatsReport, StatsRequest, TextField, Work,
};
use crate::base::{CancelToken, Progress};
use crate::catalog::filter::{self, Expr};
use crate::catalog::{Columns, Population, flags};
use crate::formats::{FieldMap, Source};
use crate::jobs::stats::{Group, compute};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shards, folders or caption files. Each dataset is described by itself; two are also compared.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Compare with these: all paths before are one side, all of these the other.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    against: Vec<PathBuf>,
    /// Only samples that match, on both sides. One dataset alone is then compared with the rest of itself.
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
    /// Which text: caption, title, description, bullets, title+description (default: caption; title where no sample has a caption).
    #[arg(long, value_name = "FIELD", value_parser = text)]
    text: Option<TextField>,
    /// Words and n-grams that occur so often or more are counted as frequent.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    min_count: u64,
    /// Length of the rankings (default: 20, and 80 for leaves).
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Count n-grams of so many words at most, 1 to 5.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=5))]
    ngrams: u8,
    /// Memory that counting n-grams may use, such as 64MiB; temporary files take the rest. The numbers are the same.
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = bytes)]
    memory: u64,
    /// What the leaf histogram counts: leaf, brand, or level:N of the taxonomy (0 is the root).
    #[arg(long, value_name = "WHAT", default_value = "leaf", value_parser = labels)]
    labels: Labels,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

fn text(name: &str) -> Result<TextField, String> {
    TextField::from_name(name).ok_or_else(|| {
        let names: Vec<_> = TextField::ALL.iter().map(|field| field.name()).collect();
        format!("the texts are {}", names.join(", "))
    })
}

fn labels(name: &str) -> Result<Labels, String> {
    match name {
        "leaf" => Ok(Labels::Leaf),
        "brand" => Ok(Labels::Brand),
        _ => name
            .strip_prefix("level:")
            .and_then(|level| level.parse().ok())
            .map(Labels::Level)
            .ok_or_else(|| "it is leaf, brand or level:N with N from 0".to_owned()),
    }
}

/// `64MiB`, `2 GB`, `1.5G`, `1048576`: powers of 1024 with or without the `i`, which is what people mean by memory.
fn bytes(size: &str) -> Result<u64, String> {
    let wrong = || "a size is a number with B, KiB, MiB, GiB or TiB behind it, such as 64MiB".to_owned();
    let size = size.trim();
    let end = size.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(size.len());
    let (number, unit) = size.split_at(end);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let exponent = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return Err(wrong()),
    };
    let found = (number * 1024_f64.powi(exponent)) as u64;
    if found < 1 << 20 { Err("it has to be 1MiB at least".to_owned()) } else { Ok(found) }
}

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    // Mistakes in the arguments are told before anything is indexed.
    let expr = match &args.filter {
        Some(text) => filter::parse(text)?,
        None => Expr::All,
    };
    let (store, _) = open_store(catalog)?;
    let map = FieldMap::default();
    let mut sources = detect(&args.paths, &store, &map)?;
    let against = if args.against.is_empty() { Vec::new() } else { detect(&args.against, &store, &map)? };
    // Positions of the sources of each side; a dataset that stands on both is read once.
    let here: Vec<usize> = (0..sources.len()).collect();
    let mut there = Vec::new();
    for source in against {
        let same = |other: &Source| other.root == source.root && other.format == source.format;
        let at = sources.iter().position(same).unwrap_or(sources.len());
        if at == sources.len() {
            sources.push(source);
        }
        there.push(at);
    }
    // Only a filter can search the text.
    // The store is held: a temporary one goes away with it.
    let Loaded { columns, store: _store, .. } = load_found(store, sources, args.filter.is_some(), map)?;
    let matching = filter::eval(&expr, &columns, &Population::open(&columns)?.with_latest_predictions()?)?;
    let mut groups = if there.is_empty() {
        here.iter().map(|&at| group(&columns, &[at], &matching)).collect()
    } else {
        vec![group(&columns, &here, &matching), group(&columns, &there, &matching)]
    };
    // A selection of one dataset is compared with the rest; of which nothing else is told.
    let is_selection = args.filter.is_some() && groups.len() == 1;
    if is_selection {
        groups.push(group(&columns, &here, &columns.all()));
    }
    let request = StatsRequest {
        text: args.text.unwrap_or_else(|| text_there_is(&columns, &groups)),
        min_count: args.min_count,
        top: args.top.unwrap_or(20),
        top_leaves: args.top.unwrap_or(80),
        ngrams: usize::from(args.ngrams),
        memory_bytes: args.memory,
        labels: args.labels,
    };
    let progress = Progress::default();
    let mut report =
        progress::drawn(&progress, || compute(&columns, &groups, &request, &progress, &CancelToken::default()))
            .map_err(|error| CliError::Failed(error.to_string()))?;
    if is_selection {
        report.datasets.truncate(1);
    }
    for dataset in report.datasets.iter().filter(|dataset| dataset.captions == 0 && dataset.samples > 0) {
        eprintln!(
            "shopscope: no sample of {} has a {}; choose another text with --text",
            dataset.name,
            request.text.name()
        );
    }
    if args.json {
        serde_json::to_writer(&mut *out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    print(&report, out)
}

/// The samples of some datasets that match, under the names of the datasets.
fn group(columns: &Columns, datasets: &[usize], matching: &RoaringBitmap) -> Group {
    let mut samples = RoaringBitmap::new();
    let mut names: Vec<&str> = Vec::new();
    for &at in datasets {
        let info = &columns.datasets[at];
        samples.insert_range(info.range.clone());
        names.push(&info.name);
    }
    samples &= matching;
    Group { name: names.join(" + "), samples: Arc::new(samples) }
}

/// The caption; where no sample has one, the first text that any sample has.
fn text_there_is(columns: &Columns, groups: &[Group]) -> TextField {
    let all = groups.iter().fold(RoaringBitmap::new(), |all, group| all | &*group.samples);
    let bits = all.iter().fold(0, |bits, id| bits | columns.flags[id as usize]);
    let known = [
        (flags::HAS_CAPTION, TextField::Caption),
        (flags::HAS_TITLE, TextField::Title),
        (flags::HAS_DESCRIPTION, TextField::Description),
    ];
    match known.into_iter().find(|(bit, _)| bits & bit != 0) {
        None | Some((_, TextField::Caption)) => TextField::Caption,
        Some((_, other)) => {
            eprintln!("shopscope: no sample has a caption; counting the {} (choose with --text)", other.name());
            other
        }
    }
}

/// Tables for people.
fn print(report: &StatsReport, out: &mut dyn Write) -> Result<(), CliError> {
    for dataset in &report.datasets {
        print_dataset(dataset, report.min_count, out)?;
    }
    if let Some(lift) = &report.lift {
        for (title, grams) in [("words", &lift.words), ("bigrams", &lift.bigrams)] {
            let line = |gram: &GramLift| (gram.gram.clone(), gram.figures);
            print_lift(title, &lift.a, &lift.b, grams.iter().map(line).collect(), out)?;
        }
        let leaves = lift.leaves.iter().map(|leaf| (leaf.leaf.clone(), leaf.figures)).collect();
        print_lift("leaves", &lift.a, &lift.b, leaves, out)?;
    }
    let Work { pieces_cached, pieces_read, texts_read, bytes_read, spilled_bytes, seconds, .. } = report.work;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    eprintln!(
        "shopscope: {texts_read} texts ({:.1} MB, {:.1} MB/s) read in {seconds:.1} s; {pieces_read} pieces counted, {pieces_cached} known \
         before; {:.0} MiB put aside",
        bytes_read as f64 / 1e6,
        bytes_read as f64 / 1e6 / seconds.max(1e-3),
        mib(spilled_bytes),
    );
    Ok(())
}

/// A number that may be unknown, with two decimals.
fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn print_dataset(dataset: &DatasetStats, min_count: u64, out: &mut dyn Write) -> Result<(), CliError> {
    let DatasetStats { name, samples, captions, words, .. } = dataset;
    writeln!(out, "{name}: {captions} captions of {samples} samples")?;
    let whole = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    writeln!(out, "\n  words a caption")?;
    for (what, value) in [
        ("min", whole(words.min)),
        ("max", whole(words.max)),
        ("mean", figure(words.mean)),
        ("median", words.median.map_or_else(|| "-".to_owned(), |median| median.to_string())),
        ("std", figure(words.std)),
        ("skew", figure(words.skew)),
        ("total", words.total.to_string()),
    ] {
        writeln!(out, "    {what:<8}{value:>12}")?;
    }
    writeln!(out, "\n  {:<8}{:>12}{:>12}{:>12}", "n-grams", "total", "distinct", format!(">= {min_count}"))?;
    for order in &dataset.ngrams {
        let distinct = order.distinct.map(|n| n.to_string()).unwrap_or_default();
        writeln!(out, "    {:<6}{:>12}{distinct:>12}{:>12}", order.n, order.total, order.at_least_min)?;
    }
    for order in dataset.ngrams.iter().filter(|order| !order.top.is_empty()) {
        let title = if order.n == 1 { "words".to_owned() } else { format!("{}-grams", order.n) };
        writeln!(out, "\n  most frequent {title}")?;
        for gram in &order.top {
            writeln!(out, "    {:>10}  {}", gram.count, gram.gram)?;
        }
    }
    let rank = format!(">= {min_count}");
    writeln!(out, "\n  {:<8}{:>12}{:>12}{rank:>12}{:>9}  most frequent", "pos", "tokens", "distinct", "share")?;
    for pos in dataset.pos.iter().filter(|pos| pos.tokens > 0) {
        let top: Vec<&str> = pos.top.iter().take(8).map(|word| word.word.as_str()).collect();
        writeln!(
            out,
            "    {:<6}{:>12}{:>12}{:>12}{:>7.1} %  {}",
            pos.tag.name(),
            pos.tokens,
            pos.distinct,
            pos.at_least_min,
            pos.share * 100.0,
            top.join(" ")
        )?;
    }
    let leaves = &dataset.leaves;
    writeln!(out, "\n  labels: {} distinct, {} samples have none", leaves.distinct, leaves.none)?;
    if !leaves.top.is_empty() {
        writeln!(out, "    {:>10}{:>9}{:>12}", "count", "share", "cumulative")?;
    }
    for leaf in &leaves.top {
        let (share, cumulative) = (leaf.share * 100.0, leaf.cumulative * 100.0);
        writeln!(out, "    {:>10}{share:>7.1} %{cumulative:>10.1} %  {}", leaf.count, leaf.leaf)?;
    }
    writeln!(out)?;
    Ok(())
}

fn print_lift(
    title: &str,
    a: &str,
    b: &str,
    items: Vec<(String, LiftFigures)>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "{title} that mark A ({a}, above 0) and B ({b}, below)")?;
    writeln!(out, "  {:>9}{:>10}{:>12}{:>12}", "z", "log-odds", "count A", "count B")?;
    for (item, figures) in items {
        let LiftFigures { count_a, count_b, log_odds, z, .. } = figures;
        writeln!(out, "  {z:>9.2}{log_odds:>10.2}{count_a:>12}{count_b:>12}  {item}")?;
    }
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(bytes(text).ok(), expect, "{text}");
        check("64MiB", Some(64 << 20));
        check("2GiB", Some(2 << 30));
        check("1.5 g", Some(3 << 29));
        check("8388608", Some(8 << 20));
        check("64MB", Some(64 << 20));
        for wrong in ["", "x", "64 miles", "-1GiB", "1KiB", "GiB", "1..5G"] {
            check(wrong, None);
        }
    }

    #[test]
    fn labels_are_read() {
        assert_eq!(labels("level:2"), Ok(Labels::Level(2)));
        assert_eq!(labels("brand"), Ok(Labels::Brand));
        assert!(labels("level:").is_err() && labels("shop").is_err());
    }
}
