//! `shopscope predict`: what a model says of every picture, and how often it is right.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use roaring::RoaringBitmap;
use serde::Serialize;

use super::models::{self, Computing, OneModel};
use super::{CliError, Loaded, load, progress};
use crate::analysis::confusion::{Confusion, Counts};
use crate::analysis::labels::ClassMap;
use crate::base::{CancelToken, Progress, SampleId};
use crate::catalog::filter::{self, Expr};
use crate::catalog::predictions::TOP;
use crate::catalog::{ClassFields, Population, Prediction, Predictions, Predictor};
use crate::jobs::batches;
use crate::jobs::predict::{PredictError, Report, Request, predict};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shards, folders or caption files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    model: OneModel,
    /// Classes printed a sample, most probable first; 5 are kept.
    #[arg(long, value_name = "N", default_value_t = TOP as u8, value_parser = clap::value_parser!(u8).range(1..=TOP as i64))]
    top: u8,
    #[command(flatten)]
    computing: Computing,
    /// Only samples that match.
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
    /// Print a JSON document with every sample.
    #[arg(long)]
    json: bool,
    /// Write the JSON document to a file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// One class of a sample in the JSON document.
#[derive(Serialize)]
struct Guess<'a> {
    index: u32,
    name: &'a str,
    probability: f32,
}

/// One sample of the JSON document.
#[derive(Serialize)]
struct Sample<'a> {
    dataset: &'a str,
    key: &'a str,
    label: Option<u32>,
    top: Vec<Guess<'a>>,
}

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    // Mistakes in the arguments are told before anything is indexed.
    let expr = match &args.filter {
        Some(text) => filter::parse(text)?,
        None => Expr::All,
    };
    let model = args.model.open()?;
    let runtime = args.computing.runtime()?;
    let Loaded { store, sources, columns, .. } = load(&args.paths, catalog, args.filter.is_some())?;
    let ids = {
        let catalogs = Population::open(&columns)?;
        // A filter may ask what a model said before; predictions of other samples are not missed.
        let catalogs = if expr.asks_predictions() { catalogs.with_latest_predictions()? } else { catalogs };
        filter::eval(&expr, &columns, &catalogs)?
    };
    if let Some(file) = &args.out {
        // The folder, not the file: a link in a dataset would be replaced where it lies.
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        models::refuse_inside(folder, sources.iter().map(|source| &source.root))?;
    }
    let population = batches::population(&store, sources, columns)?;
    let request = Request { population: &population, ids: &ids, model: &model, runtime, batch: args.computing.batch() };
    let progress = Progress::default();
    let report = progress::drawn(&progress, || predict(&request, &|_| {}, &progress, &CancelToken::default()))
        .map_err(|error: PredictError| CliError::Failed(error.to_string()))?;
    for notice in &report.notices {
        eprintln!("shopscope: {notice}");
    }
    let columns = &population.columns;
    let catalogs = Population::open(columns)?;
    let predictions = Predictions::load(columns, catalogs.catalogs(), &report.predictor.key)?.unwrap_or_default();
    let confusion = Counts::count(&predictions.columns, &ids).finish();
    let document = Document {
        args,
        predictor: &report.predictor,
        runtime: runtime.describe().label(),
        report: &report,
        confusion: &confusion,
        ids: &ids,
    };
    if let Some(file) = &args.out {
        let written = write_whole(file, |out| document.write(&catalogs, columns, out));
        return written.and_then(|()| Ok(document.tell(out)?));
    }
    if args.json { document.write(&catalogs, columns, out) } else { Ok(document.tell(out)?) }
}

/// Writes a file that appears when it is whole.
fn write_whole(file: &Path, write: impl FnOnce(&mut dyn Write) -> Result<(), CliError>) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::Failed(format!("cannot write ({error}): {}", file.display()));
    let part = file.with_added_extension("part");
    let mut out = BufWriter::new(File::create(&part).map_err(failed)?);
    let done = write(&mut out).and_then(|()| out.flush().map_err(failed)).and_then(|()| {
        drop(out);
        std::fs::rename(&part, file).map_err(failed)
    });
    if done.is_err() {
        // The failure itself is what is told.
        let _ = std::fs::remove_file(&part);
    }
    done
}

/// Everything there is to tell.
struct Document<'a> {
    args: &'a Args,
    predictor: &'a Predictor,
    runtime: String,
    report: &'a Report,
    confusion: &'a Confusion,
    ids: &'a RoaringBitmap,
}

impl Document<'_> {
    /// The JSON document, sample after sample as they are read.
    fn write(
        &self,
        catalogs: &Population<'_>,
        columns: &crate::catalog::Columns,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        let json = |value: serde_json::Value| value.to_string();
        write!(
            out,
            "{{\"model\":{},\"runtime\":{},\"images_per_second\":{},\"top1\":{},\"top5\":{},\"samples\":[",
            json(self.predictor.name.as_str().into()),
            json(self.runtime.as_str().into()),
            json(self.report.images_per_second.into()),
            json(self.confusion.top1.into()),
            json(self.confusion.top5.into()),
        )?;
        let map = ClassMap::new(&self.predictor.classes);
        let mut is_first = true;
        for (info, catalog) in columns.datasets.iter().zip(catalogs.catalogs()) {
            let rows: RoaringBitmap = self.ids.range(info.range.clone()).map(|id| id - info.range.start).collect();
            let mut known = catalog.predictions_of(&self.predictor.key, &rows)?.into_iter().peekable();
            for row in &rows {
                let record = catalogs.record(SampleId(info.range.start + row))?;
                let prediction = known.next_if(|prediction| prediction.row == row);
                let fields = ClassFields {
                    leaf: record.fields.leaf.as_deref(),
                    wnid: record.fields.wnid.as_deref(),
                    class_index: record.fields.class_index,
                };
                let sample = Sample {
                    dataset: &info.name,
                    key: &record.key,
                    label: map.class_of(fields),
                    top: prediction.as_ref().map_or(Vec::new(), |prediction| self.guesses(prediction)),
                };
                out.write_all(if is_first { b"\n" } else { b",\n" })?;
                is_first = false;
                serde_json::to_writer(&mut *out, &sample).map_err(std::io::Error::from)?;
            }
        }
        out.write_all(b"\n]}\n")?;
        Ok(())
    }

    fn guesses(&self, prediction: &Prediction) -> Vec<Guess<'_>> {
        let name = |class: u32| self.predictor.classes.get(class as usize).map_or("", String::as_str);
        let guess = |&(index, probability): &(u32, f32)| Guess { index, name: name(index), probability };
        prediction.top.iter().take(usize::from(self.args.top)).map(guess).collect()
    }

    /// The same for people: accuracy and the worst classes.
    fn tell(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let Report { pictures, computed, unreadable, no_numbers, images_per_second, .. } = self.report;
        writeln!(out, "{} on {}", self.predictor.name, self.runtime)?;
        write!(out, "{pictures} pictures, {computed} predicted now")?;
        if *computed > 0 {
            write!(out, " ({images_per_second:.1} a second)")?;
        }
        writeln!(out)?;
        if *unreadable > 0 {
            writeln!(out, "{unreadable} pictures cannot be read")?;
        }
        if *no_numbers > 0 {
            writeln!(out, "{no_numbers} pictures the model gave no numbers for")?;
        }
        let (Some(top1), Some(top5), Some(recall)) =
            (self.confusion.top1, self.confusion.top5, self.confusion.macro_recall)
        else {
            return writeln!(
                out,
                "no sample has a class that the model knows, so it cannot be said how often it is right"
            );
        };
        writeln!(
            out,
            "top-1 {:.1} %, top-5 {:.1} %, macro recall {:.1} % (of {} samples with a class that the model knows)",
            top1 * 100.0,
            top5 * 100.0,
            recall * 100.0,
            self.confusion.labelled
        )?;
        // Of classes with one sample each a list of the worst says nothing.
        let worst = self.confusion.classes.iter().filter(|class| class.n > 1 && class.hits < class.n).take(10);
        for (at, class) in worst.enumerate() {
            if at == 0 {
                writeln!(out, "\nlowest recall:")?;
            }
            let recall = class.recall.unwrap_or(0.0) * 100.0;
            let name = self.predictor.class_name(class.class);
            writeln!(out, "{recall:6.1} %  {:4} of {:4}  {name}", class.hits, class.n)?;
        }
        for (at, pair) in self.confusion.pairs.iter().take(10).enumerate() {
            if at == 0 {
                writeln!(out, "\nmost frequent confusions:")?;
            }
            let (truth, predicted) = (self.predictor.class_name(pair.truth), self.predictor.class_name(pair.predicted));
            writeln!(
                out,
                "{:6}  {truth} taken for {predicted} ({:.1} % of the class)",
                pair.count,
                pair.share * 100.0
            )?;
        }
        Ok(())
    }
}
