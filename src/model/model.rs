//! A model as the rest of the program sees it: graph, card, input, head.

use std::path::{Path, PathBuf};

use super::ModelError;
use super::bundled;
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
    /// Reads a model and its card: the file `card`, else `MODEL.toml` beside `MODEL.onnx`, else guesses. A bundled model
    /// goes by its name ("demo-shop").
    ///
    /// # Errors
    /// If a file cannot be read, the model is no image model of one input, or the card contradicts it; one sentence.
    pub fn open(path: &Path, card: Option<&Path>) -> Result<Self, ModelError> {
        let path = &bundled::locate(path)?;
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
        let mut input = declared.input(&graph, &card, card_path.as_deref())?;
        if input.batch.is_some_and(|batch| graph.open_batch(&input.shape(batch))) {
            input.batch = None;
        }
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
    /// If the model has no such class, or several of that name.
    pub fn class(&self, text: &str) -> Result<usize, ModelError> {
        const LISTED: usize = 5;
        let count = self.class_count().unwrap_or(self.card.classes.len());
        if let Some(index) = text.parse().ok().filter(|&index: &usize| index < count) {
            return Ok(index);
        }
        match classes::find(&self.card.classes, text)[..] {
            [] => Err(ModelError::Unknown {
                what: "class",
                name: text.to_owned(),
                known: if count == 0 { "none".to_owned() } else { format!("0 to {}", count - 1) },
            }),
            [class] => Ok(class),
            ref several => {
                let listed = several.iter().take(LISTED).map(|&class| format!("{class} {}", self.card.classes[class]));
                let mut listed: Vec<String> = listed.collect();
                if several.len() > LISTED {
                    listed.push("..".to_owned());
                }
                Err(ModelError::Ambiguous { what: "classes", name: text.to_owned(), known: listed.join("; ") })
            }
        }
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

#[cfg(test)]
mod tests {
    use super::super::onnx::build::{self, Builder};
    use super::*;

    /// A classifier of three classes for pictures of `[N, 3, 32, 32]`, or as `input` says.
    fn classifier(input: &[usize]) -> tract_onnx::pb::ModelProto {
        Builder::new()
            .input("x", input)
            .weights(build::floats("k", &[4, input[1].clamp(1, 3), 1, 1], &vec![0.5; 4 * input[1].clamp(1, 3)]))
            .weights(build::floats("w", &[4, 3], &[0.5; 12]))
            .node("Conv", &["x", "k"], "c", vec![build::ints("strides", &[2, 2])])
            .node("GlobalAveragePool", &["c"], "g", vec![])
            .node("Flatten", &["g"], "f", vec![])
            .node("MatMul", &["f", "w"], "y", vec![])
            .output("y")
            .build(13)
    }

    fn open(model: tract_onnx::pb::ModelProto, card: Option<&str>) -> Result<Model, ModelError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("net.onnx");
        std::fs::write(dir.path().join("two.txt"), "cat\ndog\n").unwrap();
        std::fs::write(dir.path().join("three.txt"), "cat\ndog\nolm\n\n").unwrap();
        let card = card.map(|text| {
            let card = dir.path().join("net.toml");
            std::fs::write(&card, text).unwrap();
            card
        });
        Model::with_graph(Graph::new(model, &path, String::new())?, card)
    }

    #[test]
    fn without_a_card_the_graph_and_custom_say_everything() {
        let model = open(classifier(&[0, 3, 32, 32]), None).unwrap();
        assert_eq!(model.input.shape(5), [5, 3, 32, 32]);
        assert_eq!(model.card.preprocessing, Preprocessing::usual(32, Channels::Rgb, Layout::Nchw));
        assert_eq!((model.card.preprocessing.resize, model.card.name.as_str()), (37, "net"));
        assert_eq!((model.card.logits.as_deref(), model.class_count()), (Some("y"), Some(3)));
        assert_eq!((model.origins.crop, model.origins.mean), (Origin::Graph, Origin::Guess));
        let open_size = open(classifier(&[0, 3, 0, 0]), None).unwrap();
        assert_eq!(open_size.input.shape(1), [1, 3, 224, 224]);
        assert_eq!((open_size.origins.crop, open_size.card.preprocessing.resize), (Origin::Guess, 256));
        let grey = open(classifier(&[1, 1, 28, 28]), None).unwrap();
        assert_eq!((grey.card.preprocessing.channels, grey.input.batch), (Channels::Grey, None));
    }

    #[test]
    fn a_card_goes_before_guesses_and_comes_back_from_its_text() {
        let text = "name = \"Net\"\nclasses = \"three.txt\"\nlogits = \"y\"\n\n[preprocessing]\nresize = 40\n\
                    interpolation = \"bicubic\"\ncrop = 32\nchannels = \"bgr\"\nlayout = \"nchw\"\n\
                    mean = [0.5, 0.25, 0]\nstd = [1, 0.5, 0.1]\n\n[stages]\nzero = \"c\"\nalpha = \"f\"\n";
        let model = open(classifier(&[0, 3, 32, 32]), Some(text)).unwrap();
        let card = &model.card;
        assert_eq!((card.name.as_str(), &card.classes[..]), ("Net", &["cat", "dog", "olm"].map(str::to_owned)[..]));
        let Preprocessing { resize, interpolation, channels, mean, std, .. } = card.preprocessing;
        assert_eq!((resize, interpolation, channels), (40, card::Interpolation::Bicubic, Channels::Bgr));
        assert_eq!((mean, std), ([0.5, 0.25, 0.0], [1.0, 0.5, 0.1]));
        let stages: Vec<&str> = card.stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!(stages, ["zero", "alpha"]);
        let all = [model.origins.name, model.origins.classes, model.origins.std, model.origins.stages];
        assert_eq!(all, [Origin::Sidecar; 4]);
        assert_eq!(open(classifier(&[0, 3, 32, 32]), Some(&card.to_toml())).unwrap().card, *card);
        // A card may say one thing only.
        let some = open(classifier(&[0, 3, 0, 0]), Some("[preprocessing]\ncrop = 64\n")).unwrap();
        assert_eq!((some.input.height, some.card.preprocessing.resize), (64, 73));
        assert_eq!((some.origins.crop, some.origins.resize), (Origin::Sidecar, Origin::Guess));
    }

    #[test]
    fn cards_that_contradict_are_one_sentence() {
        let check = |card: &str, expect: &str| {
            let error = open(classifier(&[0, 3, 32, 32]), Some(card)).unwrap_err().to_string();
            assert!(error.contains(expect) && error.ends_with("net.toml") && !error.contains('\n'), "{error}");
        };
        check("name = ", "something in line 1 that is not TOML");
        check("name = 5", "name = 5, where a text is expected");
        check("nmae = \"x\"", "\"nmae\", which means nothing here; it can say name, classes");
        check("classes = \"two.txt\"", "2 classes, but the model has 3 scores");
        check("classes = \"imagenet-1k\"", "1000 classes, but the model has 3 scores");
        check("classes = \"gone.txt\"", "that file is not beside it");
        check("classes = [1, 2, 3]", "classes = 1, where a text is expected");
        check("logits = \"z\"", "logits = \"z\", which the graph does not have");
        check("stages = [\"c\"]", "where a table of names and tensors is expected");
        check("[stages]\na = \"z\"", "stages.a = \"z\", which the graph does not have");
        check("[preprocessing]\nsize = 3", "\"preprocessing.size\", which means nothing here");
        check("[preprocessing]\ncrop = 64", "crop = 64, but the graph takes 32 x 32 pixels");
        check("[preprocessing]\ncrop = \"64\"", "where a number of pixels from 1 to 8192 is expected");
        check("[preprocessing]\nresize = -1", "where a number of pixels from 0 to 8192 is expected");
        check("[preprocessing]\nresize = 16", "a crop cannot be larger than the resized picture");
        check("[preprocessing]\nchannels = \"grey\"", "1 channels, but the graph takes 3");
        check("[preprocessing]\nchannels = \"cmyk\"", "one of \"rgb\", \"bgr\", \"grey\"");
        check("[preprocessing]\nlayout = \"nhwc\"", "but the graph's input is nchw, [N, C, H, W]: correct the card");
        check("[preprocessing]\nmean = [0.5]", "where a list of three numbers is expected");
        check("[preprocessing]\nmean = [0.5, 0.5, nan]", "where a list of three numbers is expected");
        check("[preprocessing]\nstd = [0.5, 0, 0.5]", "where numbers above 0 is expected");
    }

    #[test]
    fn models_that_take_no_pictures_say_so() {
        let check = |model, expect: &str| {
            let error = open(model, None).unwrap_err().to_string();
            assert!(error.contains(expect) && error.ends_with("net.onnx"), "{error}");
        };
        let two = || Builder::new().input("a", &[0, 3, 8, 8]).input("b", &[0, 3, 8, 8]);
        check(two().node("Add", &["a", "b"], "y", vec![]).output("y").build(13), "has 2 inputs (a, b)");
        let fixed = Builder::new().weights(build::floats("w", &[1], &[1.0])).node("Relu", &["w"], "y", vec![]);
        check(fixed.output("y").build(13), "has no input");
        let relu =
            |dims: &[usize]| Builder::new().input("x", dims).node("Relu", &["x"], "y", vec![]).output("y").build(13);
        check(relu(&[0, 5]), "has 2 axes");
        check(relu(&[0, 3, 64, 32]), "is 32 x 64 pixels, and only square ones are supported");
        check(relu(&[0, 4, 32, 32]), "has 4 channels");
    }

    #[test]
    fn stages_tensors_and_classes_are_found_by_name() {
        let text = "classes = [\"tench, Tinca\", \"dog\", \"2\"]\n[stages]\nfirst = \"c\"\n";
        let mut model = open(classifier(&[0, 3, 32, 32]), Some(text)).unwrap();
        assert_eq!(model.resolve("first").unwrap().tensor, "c");
        assert_eq!(model.resolve("f").unwrap().tensor, "f");
        let error = model.resolve("w").unwrap_err().to_string();
        assert_eq!(error, "the model has no stage or tensor \"w\"; it has first");
        assert_eq!((model.class("tinca").unwrap(), model.class("1").unwrap()), (0, 1));
        assert!(model.class("3").unwrap_err().to_string().contains("0 to 2"));
        model.card.classes = ["crane (wading bird)", "olm", "crane (lifting device)"].map(str::to_owned).to_vec();
        let error = model.class("Crane").unwrap_err().to_string();
        let expect = "0 crane (wading bird); 2 crane (lifting device); give the number";
        assert_eq!(error, format!("\"Crane\" is the name of several classes: {expect}"));
        assert_eq!(model.class("crane (wading bird)").unwrap(), 0);
    }
}
