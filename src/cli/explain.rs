//! `shopscope explain`: which places of a picture speak for a class.
//!
//! Maps are written as they are made. Pictures are drawn afterwards: by then the largest value of all maps is known, which all of them
//! share as their scale.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::maps::{self, Asked, HeadSaid, Lens, Named, Outcome};
use super::models::{failed, refuse_inside};
use super::{CliError, note_text, progress};
use crate::analysis::cam::{Figures, Map, range};
use crate::base::Progress;
use crate::catalog::filter::{self, Expr};
use crate::formats::image;
use crate::formats::npy::{self, Dtype};
use crate::jobs::batches::Reader;
use crate::jobs::explain::{self as job, Explained, Pictures};
use crate::jobs::head::Head;
use crate::model::explain::Classes;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lens: Lens,
    /// Pictures.
    #[arg(long = "image", value_name = "FILE..", num_args = 1.., required_unless_present = "paths", conflicts_with_all = ["paths", "filter"])]
    images: Vec<PathBuf>,
    /// Shards, folders or caption files whose pictures are explained.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only samples that match.
    #[arg(long, value_name = "EXPR", requires = "paths")]
    filter: Option<String>,
    /// The folder for NAME.npy, NAME.png and NAME.json; with several models one folder a model in it.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What the brightest colour stands for: the largest value of all maps (shared), of the model's, or of the map (image).
    #[arg(long, value_name = "SCALE", default_value_t = Scale::Shared, value_enum)]
    scale: Scale,
    /// How much of the picture the brightest colour covers, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, value_parser = share)]
    opacity: f32,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Scale {
    Shared,
    Model,
    Image,
}

fn share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it is a number from 0 to 1".to_owned())
}

/// One map.
#[derive(Serialize)]
struct Found {
    /// The file, or the sample's key.
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    model: PathBuf,
    /// 1 for the most probable class, where several are explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<usize>,
    class: usize,
    class_name: String,
    probability: f32,
    /// Before softmax.
    score: f32,
    layer: String,
    tensor: String,
    method: String,
    /// Rows and columns of the map.
    shape: [usize; 2],
    /// The raw map.
    map: PathBuf,
    /// The picture with the map over it.
    picture: PathBuf,
    /// The value that gets the brightest colour.
    scale: f32,
    localisation: Figures,
    #[serde(skip)]
    place: usize,
    #[serde(skip)]
    most: f32,
}

/// A picture without a map.
#[derive(Serialize)]
struct Unreadable {
    image: String,
    reason: String,
}

#[derive(Serialize)]
struct Document<'a> {
    runtime: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    heads: &'a [HeadSaid],
    explanations: &'a [Found],
    unreadable: &'a [Unreadable],
}

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    // Mistakes in the arguments are told before anything is indexed.
    let expr = match &args.filter {
        Some(text) => filter::parse(text)?,
        None => Expr::All,
    };
    let asked = args.lens.open()?;
    let runtime = args.lens.computing.runtime()?;
    let (pictures, named) = if args.images.is_empty() {
        let (pictures, named, roots) = maps::of_datasets(&args.paths, &expr, catalog)?;
        refuse_inside(&args.out, &roots)?;
        (pictures, named)
    } else {
        maps::of_files(&args.images)
    };
    let learned = args.lens.learn_all(&asked, &pictures)?;
    let names = file_names(&named);
    let progress = Progress::default();
    progress.set_total((pictures.len() * asked.len()) as u64);
    let (mut found, mut unreadable, mut heads) = (Vec::<Found>::new(), Vec::new(), Vec::new());
    progress::drawn(&progress, || -> Result<(), CliError> {
        for (asked, head) in asked.iter().zip(&learned) {
            let folder = if args.lens.models.len() == 1 { args.out.clone() } else { args.out.join(&asked.short) };
            heads.extend(head.as_ref().map(|head| HeadSaid::new(head, asked, &args.lens)));
            let mut explainer = args.lens.explainer(runtime, asked, head.as_ref())?;
            make_folder(&folder)?;
            let stage = explainer.stage().clone();
            let several = matches!(asked.classes, Classes::Top(_));
            let mut each = |place: usize, outcome: Outcome| -> Result<(), CliError> {
                let Named { dataset, key, label } = &named[place];
                let Explained { explanation, figures } = match outcome {
                    Ok((explained, _)) => explained,
                    Err(reason) => {
                        if !unreadable.iter().any(|other: &Unreadable| other.image == *key) {
                            unreadable.push(Unreadable { image: key.clone(), reason });
                        }
                        return Ok(());
                    }
                };
                let class = explanation.class;
                let name = if several { format!("{}.class{class}", names[place]) } else { names[place].clone() };
                let file = |ending: &str| folder.join(format!("{name}.{ending}"));
                let map = file("npy");
                write_map(&map, &explanation.map)?;
                // The classes of a picture come one after the other, the most probable first.
                let before =
                    found.iter().rev().take_while(|found| found.place == place && found.map.starts_with(&folder));
                let rank = several.then(|| before.count() + 1);
                let class_name = head.as_ref().map_or_else(|| asked.model.class_name(class), Head::name);
                found.push(Found {
                    image: key.clone(),
                    dataset: dataset.clone(),
                    label: label.clone(),
                    model: asked.model.path.clone(),
                    rank,
                    class,
                    class_name,
                    probability: explanation.probability,
                    score: explanation.score,
                    layer: stage.name.clone(),
                    tensor: stage.tensor.clone(),
                    method: args.lens.method.to_string(),
                    shape: [explanation.map.height, explanation.map.width],
                    map,
                    picture: file("png"),
                    scale: 0.0,
                    localisation: figures,
                    place,
                    most: range(&args.lens.method.evidence(&explanation.map).values).1.max(0.0),
                });
                Ok(())
            };
            args.lens.look(asked, &mut explainer, &pictures, None, &mut each, &progress)?;
        }
        set_scales(&mut found, args.scale);
        draw(args, &asked, &pictures, &found)
    })?;
    for Unreadable { image, reason } in &unreadable {
        note_text(&format!("there is no map of a picture ({reason}): {image}"));
    }
    if found.is_empty() {
        return Err(CliError::Failed("none of the pictures can be read".to_owned()));
    }
    if args.json {
        let runtime = runtime.describe().label();
        let document = Document { runtime, heads: &heads, explanations: &found, unreadable: &unreadable };
        serde_json::to_writer_pretty(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    for head in &heads {
        writeln!(out, "{}", head.line())?;
    }
    for found in &found {
        tell(found, out)?;
    }
    Ok(())
}

fn tell(found: &Found, out: &mut dyn Write) -> std::io::Result<()> {
    let Found { image, class_name, probability, layer, shape: [height, width], picture, localisation, .. } = found;
    writeln!(out, "{image}: {class_name} ({:.1} %), {layer} {height} x {width}", probability * 100.0)?;
    let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    writeln!(
        out,
        "    half of the mass on {} of the area, entropy {}, spread {}, in the foreground {}: {}",
        percent(localisation.area50),
        percent(localisation.entropy),
        percent(localisation.spread),
        percent(localisation.foreground),
        picture.display()
    )
}

/// What the brightest colour stands for.
fn set_scales(found: &mut [Found], scale: Scale) {
    let most = |of: &dyn Fn(&Found) -> bool, all: &[Found]| {
        all.iter().filter(|found| of(found)).map(|found| found.most).fold(0.0, f32::max)
    };
    let scales: Vec<f32> = found
        .iter()
        .map(|one| match scale {
            Scale::Shared => most(&|_| true, found),
            Scale::Model => most(&|other| other.model == one.model, found),
            Scale::Image => one.most,
        })
        .collect();
    for (found, scale) in found.iter_mut().zip(scales) {
        found.scale = scale;
    }
}

/// Draws the pictures and writes the JSON beside them.
fn draw(args: &Args, asked: &[Asked], pictures: &Pictures, found: &[Found]) -> Result<(), CliError> {
    let Some(mut reader) = pictures.readers().into_iter().next() else { return Ok(()) };
    for found in found {
        let model = asked.iter().find(|asked| asked.model.path == found.model);
        let how = job::preprocessing(&model.expect("maps come from these models").model).map_err(failed)?;
        let failed = |reason: String| CliError::Failed(format!("{reason}: {}", found.image));
        let array = npy::read(&found.map)?;
        let map = Map { height: found.shape[0], width: found.shape[1], values: array.values };
        let bytes = reader.read(found.place).map_err(failed)?;
        let picture =
            job::draw(&bytes, &how, &args.lens.method.evidence(&map), found.scale, args.opacity).map_err(failed)?;
        let written = |error: std::io::Error, path: &Path| {
            CliError::Failed(format!("cannot write ({error}): {}", path.display()))
        };
        image::write_png(&picture, &found.picture).map_err(|error| written(error, &found.picture))?;
        let path = found.map.with_extension("json");
        let text = serde_json::to_string_pretty(found).map_err(std::io::Error::from)?;
        std::fs::write(&path, text + "\n").map_err(|error| written(error, &path))?;
    }
    Ok(())
}

pub(super) fn make_folder(folder: &Path) -> Result<(), CliError> {
    let made = std::fs::create_dir_all(folder);
    made.map_err(|error| CliError::Failed(format!("the folder cannot be made ({error}): {}", folder.display())))
}

/// Writes a map as an array `[h, w]`.
pub(super) fn write_map(path: &Path, map: &Map) -> Result<(), CliError> {
    let mut writer = npy::Writer::create(path, map.height, map.width, Dtype::F32)?;
    writer.append(&map.values)?;
    Ok(writer.flush()?)
}

/// Names of files for the pictures: the file's own without its ending, or the key; each its own.
fn file_names(named: &[Named]) -> Vec<String> {
    let mut taken = std::collections::HashSet::new();
    let name = |Named { dataset, key, .. }: &Named| {
        let stem = || Path::new(key).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = if dataset.is_none() { stem().unwrap_or_default() } else { key.clone() };
        let safe = |letter: char| {
            let odd = letter.is_control() || matches!(letter, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
            if odd { '_' } else { letter }
        };
        let name: String = name.chars().map(safe).collect();
        // A name of dots is a folder.
        if name.trim_matches('.').is_empty() { "picture".to_owned() } else { name }
    };
    let mut unique = |name: String| {
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        names.find(|name| taken.insert(name.to_lowercase())).unwrap_or_default()
    };
    named.iter().map(name).map(&mut unique).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_different_pictures_have_different_names() {
        let file = |path: &str| Named { dataset: None, key: path.to_owned(), label: None };
        let sample = |key: &str| Named { dataset: Some("shop".to_owned()), key: key.to_owned(), label: None };
        let named = [
            file("a/cat.jpg"),
            file("b/cat.jpg"),
            file("b/Cat.png"),
            sample("hats/1.x"),
            sample("hats_1.x"),
            file(".."),
            sample(""),
        ];
        let names = file_names(&named);
        assert_eq!(names, ["cat", "cat-2", "Cat-3", "hats_1.x", "hats_1.x-2", "picture", "picture-2"]);
    }
}
