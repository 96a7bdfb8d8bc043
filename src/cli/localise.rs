//! `shopscope localise`: how local models look, over many pictures.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map as Object, Value, json};

use super::explain::{Stop, make_folder, write_map};
use super::maps::{self, Lens, Named, failed};
use super::{CliError, note_text, progress};
use crate::analysis::cam::local::NAMES;
use crate::analysis::cam::paired::{Distribution, signed_rank};
use crate::analysis::cam::{Figures, Map};
use crate::base::{CancelToken, Progress};
use crate::catalog::filter::{self, Expr};
use crate::jobs::explain::{self as job, Explained};
use crate::model::explain::Explainer;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shards, folders or caption files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    lens: Lens,
    /// Only samples that match.
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
    /// A folder for figures.csv (one line a picture and model) and MODEL.npy, the mean of each model's maps.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

/// What one model made of the pictures.
struct Looked {
    short: String,
    said: Value,
    /// For each picture; `None` where it cannot be read.
    figures: Vec<Option<(usize, f32, Figures)>>,
    mean: Map,
}

#[derive(Serialize)]
struct Pair<'a> {
    a: &'a str,
    b: &'a str,
    /// Of each figure, Wilcoxon's test on a - b.
    tests: Object<String, Value>,
}

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    let expr = match &args.filter {
        Some(text) => filter::parse(text)?,
        None => Expr::All,
    };
    let asked = args.lens.open()?;
    let runtime = args.lens.runtime()?;
    let (pictures, named, roots) = maps::of_datasets(&args.paths, &expr, catalog)?;
    if let Some(folder) = &args.out {
        if let Some(inside) = roots.iter().find(|root| maps::lies_in(folder, root)) {
            return Err(CliError::Failed(format!(
                "nothing is ever written into a dataset's folder; choose another place for --out: {}",
                inside.display()
            )));
        }
        make_folder(folder)?;
    }
    let progress = Progress::default();
    progress.set_total((pictures.len() * asked.len()) as u64);
    let mut looked = Vec::new();
    progress::drawn(&progress, || -> Result<(), CliError> {
        for asked in &asked {
            let mut explainer =
                Explainer::new(runtime, &asked.model, asked.layer.as_deref(), args.lens.method).map_err(failed)?;
            let how = job::preprocessing(&asked.model).map_err(failed)?;
            let (height, width) = explainer.resolution();
            let mut figures = vec![None; pictures.len()];
            let mut sum = Sum { map: vec![0.0; height * width], count: 0 };
            let mut each = |place: usize, outcome: Result<Explained, String>| -> Result<(), Stop> {
                if let Ok(Explained { explanation, figures: of_map }) = outcome {
                    sum.add(&args.lens.method.evidence(&explanation.map));
                    figures[place] = Some((explanation.class, explanation.probability, of_map));
                }
                Ok(())
            };
            let size = (pictures.len(), args.lens.batch(runtime, &asked.model));
            let ran = job::explain(
                pictures.readers(),
                size,
                &mut explainer,
                &asked.classes,
                &how,
                &mut each,
                &progress,
                &CancelToken::default(),
            );
            explainer.take_notices().iter().for_each(|notice| note_text(notice));
            ran?;
            let said = json!({
                "model": asked.model.path,
                "name": asked.model.card.name,
                "layer": explainer.stage().name,
                "tensor": explainer.stage().tensor,
                "method": args.lens.method.to_string(),
                "resolution": [height, width],
            });
            looked.push(Looked { short: asked.short.clone(), said, figures, mean: sum.mean(height, width) });
        }
        Ok(())
    })?;
    let readable = looked.first().map_or(0, |looked| looked.figures.iter().flatten().count());
    if readable == 0 {
        return Err(CliError::Failed("none of the pictures can be read".to_owned()));
    }
    if let Some(folder) = &args.out {
        for looked in &looked {
            write_map(&folder.join(format!("{}.npy", looked.short)), &looked.mean)?;
        }
        let file = folder.join("figures.csv");
        let written = std::fs::write(&file, table(&named, &looked));
        written.map_err(|error| CliError::Failed(format!("cannot write ({error}): {}", file.display())))?;
    }
    let pairs = pairs(&looked);
    if args.json {
        let models: Vec<Value> = looked.iter().map(describe).collect();
        let document = json!({
            "runtime": runtime.describe().label(),
            "pictures": pictures.len(),
            "unreadable": pictures.len() - readable,
            "models": models,
            "pairs": pairs,
        });
        serde_json::to_writer_pretty(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{readable} pictures, {} unreadable", pictures.len() - readable)?;
    Ok(tell(&looked, &pairs, out)?)
}

/// A sum of maps, each with its positive part as mass 1, so that no picture outweighs the others.
struct Sum {
    map: Vec<f64>,
    count: usize,
}

impl Sum {
    fn add(&mut self, map: &Map) {
        let total: f64 = map.values.iter().map(|&value| f64::from(value.max(0.0))).sum();
        if total > 0.0 && total.is_finite() && map.values.len() == self.map.len() {
            self.count += 1;
            for (sum, &value) in self.map.iter_mut().zip(&map.values) {
                *sum += f64::from(value.max(0.0)) / total;
            }
        }
    }

    fn mean(&self, height: usize, width: usize) -> Map {
        let count = self.count.max(1) as f64;
        Map { height, width, values: self.map.iter().map(|sum| (sum / count) as f32).collect() }
    }
}

/// The values of a figure over the pictures.
fn of_figure(looked: &Looked, at: usize) -> impl Iterator<Item = Option<f64>> {
    looked.figures.iter().map(move |figures| figures.as_ref().and_then(|(.., figures)| figures.get(at)))
}

fn describe(looked: &Looked) -> Value {
    let mut said = looked.said.clone();
    let mut figures = Object::new();
    for (at, name) in NAMES.iter().enumerate() {
        figures.insert((*name).to_owned(), json!(Distribution::of(of_figure(looked, at).flatten())));
    }
    said["figures"] = Value::Object(figures);
    let read = looked.figures.iter().flatten();
    said["without_evidence"] = json!(read.clone().filter(|(.., figures)| figures.area50.is_none()).count());
    said["plain_background"] = json!(read.filter(|(.., figures)| figures.foreground_area.is_some()).count());
    said
}

fn pairs(looked: &[Looked]) -> Vec<Pair<'_>> {
    let mut pairs = Vec::new();
    for (first, a) in looked.iter().enumerate() {
        for b in &looked[first + 1..] {
            let mut tests = Object::new();
            for (at, name) in NAMES.iter().enumerate() {
                let both = of_figure(a, at).zip(of_figure(b, at)).filter_map(|(a, b)| Some((a?, b?)));
                tests.insert((*name).to_owned(), json!(signed_rank(both)));
            }
            pairs.push(Pair { a: &a.short, b: &b.short, tests });
        }
    }
    pairs
}

/// A line for each picture and model.
fn table(named: &[Named], looked: &[Looked]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let mut text = format!("dataset,image,label,model,class,probability,{},foreground_area\n", NAMES.join(","));
    for (place, Named { dataset, key, label }) in named.iter().enumerate() {
        for looked in looked {
            let Some((class, probability, figures)) = &looked.figures[place] else { continue };
            let texts =
                [dataset.as_deref().unwrap_or_default(), key, label.as_deref().unwrap_or_default(), &looked.short];
            let mut cells: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            cells.extend([class.to_string(), probability.to_string()]);
            cells.extend((0..NAMES.len()).map(|at| number(figures.get(at))));
            cells.push(number(figures.foreground_area));
            text.push_str(&cells.join(","));
            text.push('\n');
        }
    }
    text
}

fn tell(looked: &[Looked], pairs: &[Pair<'_>], out: &mut dyn Write) -> std::io::Result<()> {
    let words = ["area of half the mass", "entropy", "spread", "mass in the foreground"];
    for (at, word) in words.iter().enumerate() {
        writeln!(out, "\n{word} (median, quartiles)")?;
        for looked in looked {
            match Distribution::of(of_figure(looked, at).flatten()) {
                Some(Distribution { n, median, p25, p75, .. }) => writeln!(
                    out,
                    "  {:24} {:5.1} %  {:5.1} to {:5.1} %  of {n} pictures",
                    looked.short,
                    median * 100.0,
                    p25 * 100.0,
                    p75 * 100.0
                )?,
                None => writeln!(out, "  {:24} no picture has it", looked.short)?,
            }
        }
        for Pair { a, b, tests } in pairs {
            let of = |key: &str| tests[NAMES[at]][key].as_f64();
            if let (Some(difference), Some(effect), Some(p)) = (of("median_difference"), of("effect"), of("p")) {
                writeln!(out, "  {a} less {b}: {:+.2} %, effect {effect:+.2}, p = {p:.2e}", difference * 100.0)?;
            }
        }
    }
    Ok(())
}
