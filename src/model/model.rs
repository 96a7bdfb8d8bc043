//! A model as the rest of the program sees it: graph, card, input, head.

use std::path::{Path, PathBuf};

use super::ModelError;
use super::card::{self, Card, Channels, Layout, Origin, Origins, Preprocessing, Stage};
use super::classes;
use super::onnx::{Dim, Graph, Head, Kind};

/// What must be fed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// The input's name in the graph.
    pub name: String,
    /// Order of its axes.
    pub layout: Layout,
    /// 3, or 1 for grey.
    pub channels: usize,
    /// Pixels.
    pub height: usize,
    /// Pixels.
    pub width: usize,
    /// How many pictures at once, where the graph takes just so many; `None` where any number goes.
    pub batch: Option<usize>,
}

impl InputSpec {
    /// The shape of a batch.
    #[must_use]
    pub fn shape(&self, batch: usize) -> Vec<usize> {
        match self.layout {
            Layout::Nchw => vec![batch, self.channels, self.height, self.width],
            Layout::Nhwc => vec![batch, self.height, self.width, self.channels],
        }
    }
}

/// An image model with all that is known of it.
#[derive(Debug)]
pub struct Model {
    /// The `.onnx` file.
    pub path: PathBuf,
    /// SHA-256 of the file and its external data, in hexadecimal digits.
    pub hash: String,
    /// The graph with all weights.
    pub graph: Graph,
    /// What is known beyond the graph, guesses included.
    pub card: Card,
    /// Where each field of the card comes from.
    pub origins: Origins,
    /// The card's file, where there is one.
    pub card_path: Option<PathBuf>,
    /// What must be fed.
    pub input: InputSpec,
    /// The linear layer at the end, where there is one.
    pub head: Option<Head>,
}

impl Model {
    /// Reads a model and its card: the file `card`, else `MODEL.toml` beside `MODEL.onnx`, else guesses.
    ///
    /// # Errors
    /// If a file cannot be read, the model is no image model of one input, or the card contradicts it; one sentence.
    pub fn open(path: &Path, card: Option<&Path>) -> Result<Self, ModelError> {
        let beside = path.with_extension("toml");
        let card_path = card.map(Path::to_owned).or_else(|| beside.is_file().then_some(beside));
        Self::with_graph(Graph::read(path)?, card_path)
    }

    /// A model from a graph that is read already.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn with_graph(mut graph: Graph, card_path: Option<PathBuf>) -> Result<Self, ModelError> {
        let declared = Declared::of(&graph)?;
        let path = graph.path().to_owned();
        let crop = declared.side.unwrap_or(224) as u32;
        let grey = declared.channels == 1;
        let mut card = Card {
            name: path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
            classes: Vec::new(),
            logits: None,
            preprocessing: Preprocessing::usual(
                crop,
                if grey { Channels::Grey } else { Channels::Rgb },
                declared.layout,
            ),
            stages: Vec::new(),
        };
        let from_graph = |known: bool| if known { Origin::Graph } else { Origin::Guess };
        let mut origins = Origins {
            crop: from_graph(declared.side.is_some()),
            channels: from_graph(grey),
            layout: from_graph(declared.layout_known),
            ..Origins::default()
        };
        if let Some(path) = &card_path {
            card::read(path, &mut card, &mut origins)?;
        }
        let input = declared.input(&graph, &card, card_path.as_deref())?;
        graph.assume(&input.shape(input.batch.unwrap_or(1)));
        let mut model =
            Self { hash: graph.hash().to_owned(), path, graph, card, origins, card_path, input, head: None };
        model.complete()?;
        Ok(model)
    }

    /// Fills in what the card leaves open, and holds what it says against the graph.
    fn complete(&mut self) -> Result<(), ModelError> {
        if let Some(logits) = &self.card.logits {
            if !self.graph.has(logits) {
                return Err(self.card_says(format!("logits = \"{logits}\", which the graph does not have")));
            }
        } else if let Some(logits) = self.graph.logits() {
            (self.card.logits, self.origins.logits) = (Some(logits), Origin::Graph);
        }
        self.head = self.card.logits.as_ref().and_then(|logits| self.graph.head(logits));
        let outputs = self.class_count();
        if self.origins.classes == Origin::Sidecar {
            let count = self.card.classes.len();
            if let Some(outputs) = outputs.filter(|&outputs| outputs != count) {
                return Err(self.card_says(format!("{count} classes, but the model has {outputs} scores")));
            }
        } else if outputs == Some(1000) {
            self.card.classes = classes::imagenet().to_vec();
        }
        if self.origins.stages == Origin::Sidecar {
            if let Some(stage) = self.card.stages.iter().find(|stage| !self.graph.has(&stage.tensor)) {
                let (name, tensor) = (&stage.name, &stage.tensor);
                return Err(self.card_says(format!("stages.{name} = \"{tensor}\", which the graph does not have")));
            }
        } else {
            self.card.stages = self.graph.stages(self.card.logits.as_deref());
            self.origins.stages = Origin::Graph;
        }
        Ok(())
    }

    fn card_says(&self, message: String) -> ModelError {
        ModelError::Card { path: self.card_path.clone().unwrap_or_else(|| self.path.clone()), message }
    }

    /// How many scores come out (C); `None` where the graph does not tell.
    #[must_use]
    pub fn class_count(&self) -> Option<usize> {
        let logits = self.card.logits.as_ref()?;
        self.head.as_ref().map(|head| head.classes).or_else(|| self.graph.class_count(logits))
    }

    /// The stage of a name, or any tensor of the graph as a stage of its own name.
    ///
    /// # Errors
    /// If the model has neither.
    pub fn resolve(&self, name: &str) -> Result<Stage, ModelError> {
        if let Some(stage) = self.card.stages.iter().find(|stage| stage.name == name) {
            return Ok(stage.clone());
        }
        if self.graph.has(name) && self.graph.stored(name).is_none() {
            return Ok(Stage { name: name.to_owned(), tensor: name.to_owned() });
        }
        let stages: Vec<&str> = self.card.stages.iter().map(|stage| stage.name.as_str()).collect();
        Err(ModelError::Unknown { what: "stage or tensor", name: name.to_owned(), known: stages.join(", ") })
    }

    /// The class that a text means: an index, or a name of the card's list.
    ///
    /// # Errors
    /// If the model has no such class.
    pub fn class(&self, text: &str) -> Result<usize, ModelError> {
        let count = self.class_count().unwrap_or(self.card.classes.len());
        let index = text.parse().ok().filter(|&index: &usize| index < count);
        index.or_else(|| classes::find(&self.card.classes, text)).ok_or_else(|| ModelError::Unknown {
            what: "class",
            name: text.to_owned(),
            known: if count == 0 { "none".to_owned() } else { format!("0 to {}", count - 1) },
        })
    }

    /// The name of a class; its number where nobody knows one.
    #[must_use]
    pub fn class_name(&self, class: usize) -> String {
        self.card.classes.get(class).cloned().unwrap_or_else(|| class.to_string())
    }
}

/// The input as the graph declares it.
struct Declared {
    name: String,
    layout: Layout,
    layout_known: bool,
    channels: usize,
    /// Height and width, where they are fixed.
    side: Option<usize>,
    batch: Option<usize>,
}

impl Declared {
    fn of(graph: &Graph) -> Result<Self, ModelError> {
        let unusable = |message: String| ModelError::Unusable { path: graph.path().to_owned(), message };
        let inputs = graph.inputs();
        let input = match &inputs[..] {
            [input] => input,
            [] => return Err(unusable("the model has no input, so there is nothing to show it".to_owned())),
            several => {
                let names: Vec<&str> = several.iter().map(|input| input.name.as_str()).collect();
                return Err(unusable(format!(
                    "the model has {} inputs ({}), and an image model has one: export the image part alone",
                    several.len(),
                    names.join(", ")
                )));
            }
        };
        let name = &input.name;
        if !matches!(input.kind, Kind::F32 | Kind::F16) {
            return Err(unusable(format!(
                "the input \"{name}\" does not take floating point numbers: export the model with f32 input"
            )));
        }
        let dims = input.dims.clone().unwrap_or_else(|| vec![Dim::Unknown; 4]);
        if dims.len() != 4 {
            return Err(unusable(format!(
                "the input \"{name}\" has {} axes, and pictures come as [N, C, H, W] or [N, H, W, C]",
                dims.len()
            )));
        }
        let last = super::onnx::shapes::channels_last(&dims);
        let (layout, [channels, height, width]) =
            if last { (Layout::Nhwc, [3, 1, 2]) } else { (Layout::Nchw, [1, 2, 3]) };
        if let Some(channels) = dims[channels].fixed().filter(|channels| !matches!(channels, 1 | 3)) {
            return Err(unusable(format!("the input \"{name}\" has {channels} channels, and pictures have 3 or 1")));
        }
        let side = match (dims[height].fixed(), dims[width].fixed()) {
            (Some(height), Some(width)) if height != width => {
                return Err(unusable(format!(
                    "the input \"{name}\" is {width} x {height} pixels, and only square ones are supported"
                )));
            }
            (height, width) => height.or(width),
        };
        Ok(Self {
            name: name.clone(),
            layout,
            layout_known: dims[channels].fixed().is_some(),
            channels: dims[channels].fixed().unwrap_or(3),
            side,
            batch: dims[0].fixed(),
        })
    }

    /// The input as the card and the graph agree on it.
    fn input(&self, graph: &Graph, card: &Card, path: Option<&Path>) -> Result<InputSpec, ModelError> {
        let path = path.unwrap_or(graph.path()).to_owned();
        let says = |message: String| ModelError::Card { path, message };
        let of = |layout| match layout {
            Layout::Nchw => "nchw, [N, C, H, W]",
            Layout::Nhwc => "nhwc, [N, H, W, C]",
        };
        let Preprocessing { crop, channels, layout, .. } = &card.preprocessing;
        if self.layout_known && *layout != self.layout {
            return Err(says(format!(
                "layout is {}, but the graph's input is {}: correct the card",
                of(*layout),
                of(self.layout)
            )));
        }
        if let Some(side) = self.side.filter(|&side| side != *crop as usize) {
            return Err(says(format!("crop = {crop}, but the graph takes {side} x {side} pixels")));
        }
        let wanted = if *channels == Channels::Grey { 1 } else { 3 };
        if self.layout_known && wanted != self.channels {
            return Err(says(format!("{wanted} channels, but the graph takes {}", self.channels)));
        }
        Ok(InputSpec {
            name: self.name.clone(),
            layout: *layout,
            channels: wanted,
            height: *crop as usize,
            width: *crop as usize,
            batch: self.batch,
        })
    }
}
