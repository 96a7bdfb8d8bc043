//! `shopscope localise`: how local models look, over many pictures.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map as Object, Value, json};

use super::explain::{make_folder, write_map};
use super::maps::{self, HeadSaid, Lens, Named, Outcome};
use super::models::refuse_inside;
use super::{CliError, progress};
use crate::analysis::cam::curve::{Curves, Substrate};
use crate::analysis::cam::local::NAMES;
use crate::analysis::cam::mean::Sum;
use crate::analysis::cam::paired::{Distribution, signed_rank};
use crate::analysis::cam::{Figures, Map};
use crate::base::Progress;
use crate::catalog::filter::{self, Expr};
use crate::jobs::explain::Explained;
use crate::model::explain::Classes;

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
    /// Also measure what each map is worth to the model: deletion and insertion curves against orders at random. Takes some hundred
    /// runs of the model a picture. `--filter 'correct = yes'` after `shopscope predict` takes the pictures that it knows.
    #[arg(long)]
    curves: bool,
    /// What comes in the place of what is deleted: mean (the colour that the preprocessing takes off) or blur.
    #[arg(long, value_name = "SUBSTRATE", default_value_t = Substrate::Mean, requires = "curves")]
    substrate: Substrate,
    /// A folder for figures.csv (one line a picture and model) and MODEL.npy, the mean of each model's maps.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

/// What one model made of a picture.
#[derive(Clone)]
struct Of {
    class: usize,
    probability: f32,
    figures: Figures,
    curves: Option<Curves>,
}

/// What one model made of the pictures.
struct Looked {
    short: String,
    said: Value,
    /// A line about its head.
    head: Option<String>,
    /// For each picture; `None` where it cannot be read.
    figures: Vec<Option<Of>>,
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
    if asked.iter().any(|asked| matches!(asked.classes, Classes::Top(_))) {
        return Err(CliError::Usage("models are compared by one map a picture: name one class, or none".to_owned()));
    }
    let runtime = args.lens.computing.runtime()?;
    let (pictures, named, roots) = maps::of_datasets(&args.paths, &expr, catalog)?;
    if let Some(folder) = &args.out {
        refuse_inside(folder, &roots)?;
        make_folder(folder)?;
    }
    let learned = args.lens.learn_all(&asked, &pictures)?;
    let progress = Progress::default();
    progress.set_total((pictures.len() * asked.len()) as u64);
    let mut looked = Vec::new();
    progress::drawn(&progress, || -> Result<(), CliError> {
        for (asked, head) in asked.iter().zip(&learned) {
            let mut explainer = args.lens.explainer(runtime, asked, head.as_ref())?;
            let (height, width) = explainer.resolution();
            let mut figures = vec![None; pictures.len()];
            let mut sum = Sum::of(height * width);
            let mut each = |place: usize, outcome: Outcome| -> Result<(), CliError> {
                if let Ok((Explained { explanation, figures: of_map }, curves)) = outcome {
                    sum.add(&args.lens.method.evidence(&explanation.map));
                    let (class, probability) = (explanation.class, explanation.probability);
                    figures[place] = Some(Of { class, probability, figures: of_map, curves });
                }
                Ok(())
            };
            let curves = args.curves.then_some(args.substrate);
            args.lens.look(asked, &mut explainer, &pictures, curves, &mut each, &progress)?;
            let mut said = json!({
                "model": asked.model.path,
                "name": asked.model.card.name,
                "layer": explainer.stage().name,
                "tensor": explainer.stage().tensor,
                "method": args.lens.method.to_string(),
                "resolution": [height, width],
            });
            let head = head.as_ref().map(|head| HeadSaid::new(head, asked, &args.lens));
            if let Some(head) = &head {
                said["head"] = json!(head);
            }
            let head = head.map(|head| head.line());
            if args.curves {
                said["substrate"] = json!(args.substrate);
            }
            looked.push(Looked { short: asked.short.clone(), said, head, figures, mean: sum.mean(height, width) });
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
    for Looked { short, head, .. } in &looked {
        if let Some(head) = head {
            writeln!(out, "{short}: {head}")?;
        }
    }
    Ok(tell(&looked, &pairs, out)?)
}

/// The values of a figure over the pictures.
fn of_figure(looked: &Looked, at: usize) -> impl Iterator<Item = Option<f64>> {
    looked.figures.iter().map(move |figures| figures.as_ref().and_then(|of| of.figures.get(at)))
}

/// What the maps of several pictures are worth; means over them.
#[derive(Serialize)]
struct Worth {
    /// Pictures.
    n: usize,
    /// Area under the probability while places go by the falling map.
    deletion: f64,
    /// The same while they come.
    insertion: f64,
    /// The same in an order at random.
    random: f64,
    /// Share of the pictures whose deletion is below the random order's.
    deletion_below_random: f64,
    /// Share of the pictures whose insertion is above the random order's.
    insertion_above_random: f64,
}

impl Worth {
    fn of<'a>(curves: impl Iterator<Item = &'a Curves>) -> Option<Self> {
        let curves: Vec<&Curves> = curves.collect();
        let n = curves.len();
        let mean = |of: &dyn Fn(&Curves) -> f64| curves.iter().map(|curves| of(curves)).sum::<f64>() / n as f64;
        (n > 0).then(|| Self {
            n,
            deletion: mean(&|curves| curves.deletion),
            insertion: mean(&|curves| curves.insertion),
            random: mean(&|curves| curves.random),
            deletion_below_random: mean(&|curves| f64::from(u8::from(curves.deletion < curves.random))),
            insertion_above_random: mean(&|curves| f64::from(u8::from(curves.insertion > curves.random))),
        })
    }
}

/// The curves of the pictures, with the pictures' numbers.
fn curves(looked: &Looked) -> impl Iterator<Item = (usize, &Curves)> {
    looked.figures.iter().enumerate().filter_map(|(at, of)| Some((at, of.as_ref()?.curves.as_ref()?)))
}

fn describe(looked: &Looked) -> Value {
    let mut said = looked.said.clone();
    let mut figures = Object::new();
    for (at, name) in NAMES.iter().enumerate() {
        figures.insert((*name).to_owned(), json!(Distribution::of(of_figure(looked, at).flatten())));
    }
    said["figures"] = Value::Object(figures);
    let read = looked.figures.iter().flatten();
    said["without_evidence"] = json!(read.clone().filter(|of| of.figures.area50.is_none()).count());
    said["plain_background"] = json!(read.filter(|of| of.figures.foreground_area.is_some()).count());
    if let Some(worth) = Worth::of(curves(looked).map(|(_, curves)| curves)) {
        let half = |odd: usize| Worth::of(curves(looked).filter(|(at, _)| at % 2 == odd).map(|(_, curves)| curves));
        said["curves"] = json!(worth);
        // So that a choice made on one half can be told on the other.
        said["curves"]["even_pictures"] = json!(half(0));
        said["curves"]["odd_pictures"] = json!(half(1));
    }
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
    let mut text = format!("dataset,image,label,model,class,probability,{},foreground_area", NAMES.join(","));
    let with_curves = looked.iter().any(|looked| curves(looked).next().is_some());
    text.push_str(if with_curves { ",deletion,insertion,random\n" } else { "\n" });
    for (place, Named { dataset, key, label }) in named.iter().enumerate() {
        for looked in looked {
            let Some(Of { class, probability, figures, curves }) = &looked.figures[place] else { continue };
            let texts =
                [dataset.as_deref().unwrap_or_default(), key, label.as_deref().unwrap_or_default(), &looked.short];
            let mut cells: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            cells.extend([class.to_string(), probability.to_string()]);
            cells.extend((0..NAMES.len()).map(|at| number(figures.get(at))));
            cells.push(number(figures.foreground_area));
            if let Some(Curves { deletion, insertion, random }) = curves {
                cells.extend([deletion, insertion, random].map(ToString::to_string));
            }
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
    for looked in looked {
        let Some(worth) = Worth::of(curves(looked).map(|(_, curves)| curves)) else { continue };
        let Worth { n, deletion, insertion, random, deletion_below_random, insertion_above_random } = worth;
        writeln!(out, "\n{}: area under the probability of the class while places go, {n} pictures", looked.short)?;
        writeln!(
            out,
            "  deletion  {deletion:.3}, random {random:.3}; below it for {:.1} %",
            deletion_below_random * 100.0
        )?;
        writeln!(
            out,
            "  insertion {insertion:.3}, random {random:.3}; above it for {:.1} %",
            insertion_above_random * 100.0
        )?;
    }
    Ok(())
}
