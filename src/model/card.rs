//! Model cards: what a graph cannot say itself (preprocessing, class names, readable stage names).
//!
//! A card is `MODEL.toml` beside `MODEL.onnx`, or the file given by `--card`. Every field may be absent; what is absent
//! is guessed from the graph.

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
