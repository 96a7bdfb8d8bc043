//! How the window is asked for: what the command line says and the views carry out.

use std::path::PathBuf;

use super::map::colour::ColourBy;
use super::statistics::Tab;
use super::why::Mode;
use crate::formats::FieldMap;
use crate::jobs::map::Compute;
use crate::jobs::map::LabelBy;

/// A window to open, or pictures of it to draw.
#[derive(Clone, Debug)]
pub struct Launch {
    /// What is in it.
    pub options: WindowOptions,
    /// On the screen or in files.
    pub target: Target,
}

/// Where the window appears.
#[derive(Clone, Debug)]
pub enum Target {
    /// On the screen, of this size in points.
    Screen(Option<(f32, f32)>),
    /// Off-screen, each state in a PNG.
    Files(Vec<(ShotOptions, PathBuf)>),
}

/// What to open the window with.
#[derive(Clone, Debug, Default)]
pub struct WindowOptions {
    /// Paths to open at once.
    pub paths: Vec<PathBuf>,
    /// Overrides of the field guess for these paths.
    pub map: FieldMap,
    /// Open the demo, in this folder or in the cache.
    pub demo: Option<Option<PathBuf>>,
    /// The catalog directory.
    pub catalog_dir: Option<PathBuf>,
    /// Leave the user's settings alone: neither read nor written (screenshots, tests).
    pub default_settings: bool,
    /// What computes layouts.
    pub compute: Compute,
}

/// What the window shows in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the views' own")]
pub enum View {
    Grid,
    Inspector,
    Large,
    Map,
    Statistics,
    Why,
    Compare,
    Filters,
    Welcome,
    Open,
    Palette,
    Models,
    Help,
    Problems,
}

impl View {
    /// All of them with their words on the command line.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Grid, "grid"),
        (Self::Inspector, "inspector"),
        (Self::Large, "large"),
        (Self::Map, "map"),
        (Self::Statistics, "statistics"),
        (Self::Why, "why"),
        (Self::Compare, "compare"),
        (Self::Filters, "filters"),
        (Self::Welcome, "welcome"),
        (Self::Open, "open"),
        (Self::Palette, "palette"),
        (Self::Models, "models"),
        (Self::Help, "help"),
        (Self::Problems, "problems"),
    ];

    /// The view of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, name)| *name == word).map(|(view, _)| view)
    }
}

/// How to take a picture.
#[derive(Clone, Debug)]
pub struct ShotOptions {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Pixels a point.
    pub scale: f32,
    /// What to show.
    pub view: View,
    /// Light instead of dark.
    pub light: bool,
    /// A filter expression to apply first.
    pub filter: Option<String>,
    /// A search to apply first.
    pub search: Option<String>,
    /// The tab of the statistics.
    pub tab: Option<Tab>,
    /// The layers of the map; empty shows the last.
    pub layers: Vec<String>,
    /// What colours on the map say.
    pub colour: Option<ColourBy>,
    /// What is drawn on the map, by the names of [`Drawn::WORDS`](crate::app::map::Drawn::WORDS); empty draws the usual.
    pub drawn: Vec<String>,
    /// The models of the why lens; empty takes those that it begins with.
    pub models: Vec<PathBuf>,
    /// How maps are shown.
    pub mode: Mode,
    /// The page of figures over many pictures, measured.
    pub local: bool,
    /// What regions of the map are called by.
    pub label_by: Option<LabelBy>,
}

impl Default for ShotOptions {
    fn default() -> Self {
        Self {
            size: (1280, 800),
            scale: 1.0,
            view: View::Grid,
            light: false,
            filter: None,
            search: None,
            tab: None,
            layers: Vec::new(),
            colour: None,
            drawn: Vec::new(),
            models: Vec::new(),
            mode: Mode::Overlay,
            local: false,
            label_by: None,
        }
    }
}
