//! Model cards: what a graph cannot say itself (preprocessing, class names, readable stage names).
//!
//! A card is `MODEL.toml` beside `MODEL.onnx`, or the file given by `--card`. Every field may be absent; what is absent
//! is guessed from the graph.

use std::path::Path;

use toml::{Table, Value};

use super::ModelError;
use super::classes;

/// How a picture becomes the model's input: `value = (pixel / 255 - mean) / std`, after torchvision's `Resize` of the
/// short side with antialias and `CenterCrop`.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    /// Short side in pixels after resizing; 0 leaves the size alone.
    pub resize: u32,
    /// How pixels are resampled.
    pub interpolation: Interpolation,
    /// Side of the centre crop in pixels; also the input's height and width.
    pub crop: u32,
    /// Order of the channels.
    pub channels: Channels,
    /// Order of the axes.
    pub layout: Layout,
    /// Per channel, in units of the 0..1 scale, in the order of `channels`.
    pub mean: [f32; 3],
    /// Per channel, in units of the 0..1 scale, in the order of `channels`.
    pub std: [f32; 3],
}

/// Resampling filters of torchvision's `Resize` on PIL pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Interpolation {
    #[default]
    Bilinear,
    Bicubic,
    Lanczos,
    Nearest,
}

/// Order of the colour channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Channels {
    #[default]
    Rgb,
    Bgr,
    Grey,
}

/// Order of the axes of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Batch, channels, height, width.
    #[default]
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
}

/// A tensor of the graph worth looking at, shallow to deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// As shown: "layer1", "block3", "pool".
    pub name: String,
    /// The tensor's name in the graph.
    pub tensor: String,
}

/// What is known of a model beyond its graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// As shown.
    pub name: String,
    /// Class names in output order; empty where the model is no classifier or nobody knows.
    pub classes: Vec<String>,
    /// Output that holds the scores before softmax.
    pub logits: Option<String>,
    /// How pictures become input.
    pub preprocessing: Preprocessing,
    /// Stages, shallow to deep.
    pub stages: Vec<Stage>,
}

/// Where a value of a card comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The card's file says it.
    Sidecar,
    /// The graph says it.
    Graph,
    /// Nothing says it: it is the usual value.
    #[default]
    Guess,
}

/// The origin of each field of a [`Card`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as the fields of the card")]
pub struct Origins {
    pub name: Origin,
    pub classes: Origin,
    pub logits: Origin,
    pub resize: Origin,
    pub interpolation: Origin,
    pub crop: Origin,
    pub channels: Origin,
    pub layout: Origin,
    pub mean: Origin,
    pub std: Origin,
    pub stages: Origin,
}

/// Means of ImageNet's channels, red first.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviations of ImageNet's channels, red first.
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];
/// The same for one channel of grey: their averages.
const GREY: (f32, f32) = (0.449, 0.226);
/// Pictures larger than this are a slip of the pen.
const LARGEST_SIDE: i64 = 8192;

impl Preprocessing {
    /// The usual one for an input of a size: ImageNet's, the short side at 256/224 of the crop.
    #[must_use]
    pub fn usual(crop: u32, channels: Channels, layout: Layout) -> Self {
        let grey = channels == Channels::Grey;
        Self {
            resize: usual_resize(crop),
            interpolation: Interpolation::Bilinear,
            crop,
            channels,
            layout,
            mean: if grey { [GREY.0; 3] } else { IMAGENET_MEAN },
            std: if grey { [GREY.1; 3] } else { IMAGENET_STD },
        }
    }
}

fn usual_resize(crop: u32) -> u32 {
    (f64::from(crop) * 256.0 / 224.0).round() as u32
}

/// Reads a card over what was guessed: fields that the file holds replace those of `card`.
///
/// # Errors
/// If the file cannot be read, is no TOML, or has a key or a value that means nothing; one sentence says which.
pub fn read(path: &Path, card: &mut Card, origins: &mut Origins) -> Result<(), ModelError> {
    let text = std::fs::read_to_string(path).map_err(|source| ModelError::Io { path: path.to_owned(), source })?;
    parse(&text, path, card, origins)
}

/// Reads a card's text; see [`read`]. `path` is what errors name and what class lists are looked for beside.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, path: &Path, card: &mut Card, origins: &mut Origins) -> Result<(), ModelError> {
    let says = |message: String| ModelError::Card { path: path.to_owned(), message };
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        says(format!("something in line {line} that is not TOML ({})", error.message().replace('\n', " ")))
    })?;
    let fields = Fields { path, place: "" };
    for (key, value) in &table {
        match key.as_str() {
            "name" => (card.name, origins.name) = (fields.text(key, value)?, Origin::Sidecar),
            "classes" => (card.classes, origins.classes) = (class_list(&fields, value)?, Origin::Sidecar),
            "logits" => (card.logits, origins.logits) = (Some(fields.text(key, value)?), Origin::Sidecar),
            "preprocessing" => {
                let Value::Table(table) = value else { return Err(fields.wrong(key, value, "a table")) };
                preprocessing(path, table, &mut card.preprocessing, origins)?;
            }
            "stages" => {
                let Value::Table(table) = value else {
                    return Err(fields.wrong(key, value, "a table of names and tensors"));
                };
                let fields = Fields { path, place: "stages." };
                let stage = |(name, tensor): (&String, &Value)| {
                    Ok(Stage { name: name.clone(), tensor: fields.text(name, tensor)? })
                };
                card.stages = in_order(text, table).into_iter().map(stage).collect::<Result<_, ModelError>>()?;
                origins.stages = Origin::Sidecar;
            }
            _ => return Err(fields.stray(key, "name, classes, logits, [preprocessing] and [stages]")),
        }
    }
    Ok(())
}

/// A table's entries as they stand in the text: TOML's tables are sorted by name, stages go from shallow to deep.
fn in_order<'a>(text: &str, table: &'a Table) -> Vec<(&'a String, &'a Value)> {
    let behind = text.find("[stages]").map_or(text, |at| &text[at..]);
    let place = |name: &str| {
        let key = |line: &str| {
            let key = line.split('=').next().unwrap_or_default().trim();
            key.trim_matches(['"', '\'']) == name
        };
        behind.lines().position(key).unwrap_or(usize::MAX)
    };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| place(name));
    entries
}

fn preprocessing(path: &Path, table: &Table, to: &mut Preprocessing, origins: &mut Origins) -> Result<(), ModelError> {
    let fields = Fields { path, place: "preprocessing." };
    let side = |key: &str, value: &Value, least: i64| match value.as_integer() {
        Some(side) if (least..=LARGEST_SIDE).contains(&side) => Ok(side as u32),
        _ => Err(fields.wrong(key, value, &format!("a number of pixels from {least} to {LARGEST_SIDE}"))),
    };
    // First, because the length of mean and std and the usual resize depend on them.
    if let Some(value) = table.get("channels") {
        let grey = to.channels == Channels::Grey;
        to.channels = fields.word(
            "channels",
            value,
            &[("rgb", Channels::Rgb), ("bgr", Channels::Bgr), ("grey", Channels::Grey)],
        )?;
        origins.channels = Origin::Sidecar;
        if to.channels == Channels::Bgr && !grey {
            to.mean.reverse();
            to.std.reverse();
        }
    }
    if let Some(value) = table.get("crop") {
        (to.crop, origins.crop) = (side("crop", value, 1)?, Origin::Sidecar);
        to.resize = usual_resize(to.crop);
    }
    for (key, value) in table {
        match key.as_str() {
            "channels" | "crop" => {}
            "resize" => (to.resize, origins.resize) = (side(key, value, 0)?, Origin::Sidecar),
            "interpolation" => {
                to.interpolation = fields.word(
                    key,
                    value,
                    &[
                        ("bilinear", Interpolation::Bilinear),
                        ("bicubic", Interpolation::Bicubic),
                        ("lanczos", Interpolation::Lanczos),
                        ("nearest", Interpolation::Nearest),
                    ],
                )?;
                origins.interpolation = Origin::Sidecar;
            }
            "layout" => {
                to.layout = fields.word(key, value, &[("nchw", Layout::Nchw), ("nhwc", Layout::Nhwc)])?;
                origins.layout = Origin::Sidecar;
            }
            "mean" => (to.mean, origins.mean) = (fields.three(key, value, to.channels)?, Origin::Sidecar),
            "std" => {
                (to.std, origins.std) = (fields.three(key, value, to.channels)?, Origin::Sidecar);
                if to.std.iter().any(|&std| std <= 0.0) {
                    return Err(fields.wrong(key, value, "numbers above 0"));
                }
            }
            _ => return Err(fields.stray(key, "resize, interpolation, crop, channels, layout, mean and std")),
        }
    }
    if to.resize != 0 && to.resize < to.crop {
        let message =
            format!("resize = {} and crop = {}: a crop cannot be larger than the resized picture", to.resize, to.crop);
        return Err(ModelError::Card { path: path.to_owned(), message });
    }
    Ok(())
}

fn class_list(fields: &Fields<'_>, value: &Value) -> Result<Vec<String>, ModelError> {
    match value {
        Value::String(name) if name == classes::IMAGENET => Ok(classes::imagenet().to_vec()),
        Value::String(file) => {
            let path = fields.path.parent().unwrap_or(Path::new("")).join(file);
            let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => fields.says(format!(
                    "classes = \"{file}\", but that file is not beside it (a bundled list is called \"{}\")",
                    classes::IMAGENET
                )),
                _ => ModelError::Io { path, source },
            })?;
            let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
            while lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
            Ok(lines)
        }
        Value::Array(names) => names
            .iter()
            .map(|name| name.as_str().map(str::to_owned).ok_or_else(|| fields.wrong("classes", name, "a text")))
            .collect(),
        _ => Err(fields.wrong("classes", value, "\"imagenet-1k\", the name of a text file or a list of texts")),
    }
}

/// Where in which card a value stands, for its error.
struct Fields<'a> {
    path: &'a Path,
    place: &'a str,
}

impl Fields<'_> {
    fn says(&self, message: String) -> ModelError {
        ModelError::Card { path: self.path.to_owned(), message }
    }

    fn wrong(&self, key: &str, value: &Value, wanted: &str) -> ModelError {
        self.says(format!("{}{key} = {value}, where {wanted} is expected", self.place))
    }

    fn stray(&self, key: &str, known: &str) -> ModelError {
        self.says(format!("\"{}{key}\", which means nothing here; it can say {known}", self.place))
    }

    fn text(&self, key: &str, value: &Value) -> Result<String, ModelError> {
        value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(key, value, "a text"))
    }

    fn word<T: Copy>(&self, key: &str, value: &Value, words: &[(&str, T)]) -> Result<T, ModelError> {
        let found = words.iter().find(|(word, _)| value.as_str() == Some(word));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.wrong(key, value, &format!("one of {}", words.join(", ")))
        })
    }

    fn three(&self, key: &str, value: &Value, channels: Channels) -> Result<[f32; 3], ModelError> {
        let number = |value: &Value| value.as_float().or(value.as_integer().map(|number| number as f64));
        let numbers = value.as_array().and_then(|list| list.iter().map(number).collect::<Option<Vec<f64>>>());
        let finite = numbers.filter(|numbers| numbers.iter().all(|number| number.is_finite()));
        match finite.as_deref() {
            Some(&[a, b, c]) => Ok([a as f32, b as f32, c as f32]),
            Some(&[one]) if channels == Channels::Grey => Ok([one as f32; 3]),
            _ if channels == Channels::Grey => Err(self.wrong(key, value, "a list of one number")),
            _ => Err(self.wrong(key, value, "a list of three numbers")),
        }
    }
}

impl Card {
    /// The card as the text of a `MODEL.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        use std::fmt::Write as _;
        let quoted = |text: &str| Value::String(text.to_owned()).to_string();
        let mut text = format!("name = {}\n", quoted(&self.name));
        if self.classes == classes::imagenet() {
            let _ = writeln!(text, "classes = {}", quoted(classes::IMAGENET));
        } else if !self.classes.is_empty() {
            text.push_str("classes = [\n");
            for class in &self.classes {
                let _ = writeln!(text, "    {},", quoted(class));
            }
            text.push_str("]\n");
        }
        if let Some(logits) = &self.logits {
            let _ = writeln!(text, "logits = {}", quoted(logits));
        }
        let Preprocessing { resize, interpolation, crop, channels, layout, mean, std } = &self.preprocessing;
        let count = if *channels == Channels::Grey { 1 } else { 3 };
        let interpolation = match interpolation {
            Interpolation::Bilinear => "bilinear",
            Interpolation::Bicubic => "bicubic",
            Interpolation::Lanczos => "lanczos",
            Interpolation::Nearest => "nearest",
        };
        let channels = match channels {
            Channels::Rgb => "rgb",
            Channels::Bgr => "bgr",
            Channels::Grey => "grey",
        };
        let layout = match layout {
            Layout::Nchw => "nchw",
            Layout::Nhwc => "nhwc",
        };
        let _ = write!(
            text,
            "\n[preprocessing]\nresize = {resize}\ninterpolation = \"{interpolation}\"\ncrop = {crop}\n\
             channels = \"{channels}\"\nlayout = \"{layout}\"\nmean = {:?}\nstd = {:?}\n",
            &mean[..count],
            &std[..count]
        );
        if !self.stages.is_empty() {
            text.push_str("\n[stages]\n");
            for stage in &self.stages {
                let _ = writeln!(text, "{} = {}", quoted(&stage.name), quoted(&stage.tensor));
            }
        }
        text
    }
}
