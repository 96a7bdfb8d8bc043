//! The map lens: samples as points, of which near ones look alike to a model.
//!
//! How it works: features of the open datasets are looked for whenever the population changes ([`Looked`]); what exists decides which models and
//! layers can be chosen. The layers that are looked at are asked of the map job, which answers with [`Placement`]s: from the cache at once, else
//! again and again while they are computed. Colours are one byte a sample ([`colour`]); what is hidden, dimmed or chosen are the same bitmaps that
//! all other lenses look at, so that a lasso filters the grid and a filter dims the map.

pub mod area;
pub mod colour;
pub mod lacking;
pub mod svg;
pub mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::command::SetOp;
pub use crate::analysis::plane::Frame;
use crate::analysis::plane::regions::Label;
use crate::catalog::Columns;
use crate::jobs::Population;
use crate::jobs::map::{LabelBy, Labelled, MapParams, MapSource, Placement};
use colour::{ColourBy, Legend};

/// What a drag on the map does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "`label` says what each does")]
pub enum Tool {
    #[default]
    Pan,
    Lasso,
    Rectangle,
    Polygon,
}

impl Tool {
    /// All of them, from the top of the strip.
    pub const ALL: [Self; 4] = [Self::Pan, Self::Lasso, Self::Rectangle, Self::Polygon];

    /// What its button says.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pan => "Pan",
            Self::Lasso => "Lasso",
            Self::Rectangle => "Rectangle",
            Self::Polygon => "Polygon",
        }
    }
}

/// What is drawn over each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "`LABELS` says what each draws")]
pub struct Drawn {
    pub points: bool,
    pub density: bool,
    pub contours: bool,
    pub ratio: bool,
    pub labels: bool,
    pub thumbnails: bool,
}

impl Default for Drawn {
    fn default() -> Self {
        Self { points: true, density: false, contours: false, ratio: false, labels: true, thumbnails: true }
    }
}

impl Drawn {
    /// Names of the layers, in the order of [`Drawn::all`].
    pub const LABELS: [&str; 6] =
        ["Points", "Density", "Contours", "Ratio of two datasets", "Region labels", "Thumbnails when zoomed in"];

    /// Their words on the command line, in the same order.
    pub const WORDS: [&str; 6] = ["points", "density", "contours", "ratio", "labels", "thumbnails"];

    /// All switches, in the order of [`Drawn::LABELS`].
    pub fn all(&mut self) -> [&mut bool; 6] {
        [
            &mut self.points,
            &mut self.density,
            &mut self.contours,
            &mut self.ratio,
            &mut self.labels,
            &mut self.thumbnails,
        ]
    }
}

/// Where the eye is. All maps share it: each is scaled to the unit square first ([`Frame`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// What stands in the middle, in the unit square.
    pub centre: [f32; 2],
    /// 1 shows the whole square.
    pub zoom: f32,
}

impl Default for Camera {
    fn default() -> Self {
        Self { centre: [0.5, 0.5], zoom: 1.0 }
    }
}

/// Radius of a point on a map of `size` that shows `n` of them, in the units of `size`, `factor` times the usual
/// ([`MapView::point`]): few are larger, and they grow a little as one zooms in.
#[must_use]
pub fn point_radius(size: [f32; 2], n: usize, zoom: f32, factor: f32) -> f32 {
    let apart = (size[0] * size[1] / n.max(1) as f32).sqrt();
    ((apart * 0.24).clamp(0.9, 4.0) * zoom.powf(0.3) * factor).clamp(0.6, 9.0)
}

impl Camera {
    /// Smallest and largest zoom.
    pub const RANGE: (f32, f32) = (0.2, 2000.0);

    /// The camera after a zoom by `factor` about a point of the unit square that stays where it is.
    #[must_use]
    pub fn zoomed(self, factor: f32, about: [f32; 2]) -> Self {
        let zoom = (self.zoom * factor).clamp(Self::RANGE.0, Self::RANGE.1);
        let kept = self.zoom / zoom;
        let centre = [0, 1].map(|axis: usize| about[axis] + (self.centre[axis] - about[axis]) * kept);
        Self { centre, zoom }
    }
}

/// How the map is looked at; a view changes a copy and asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct MapView {
    /// The model, by the hash of its file; `None` takes the one with the most features.
    pub model: Option<String>,
    /// The layers side by side, in the model's order; empty takes the last.
    pub layers: Vec<String>,
    /// What the next layout is computed with.
    pub params: MapParams,
    /// What colours say.
    pub colour: ColourBy,
    /// Entries of the legend that are hidden, by their labels.
    pub off: BTreeSet<String>,
    /// What is drawn.
    pub drawn: Drawn,
    /// What a drag does.
    pub tool: Tool,
    /// Where the eye is.
    pub camera: Camera,
    /// The legend is open.
    pub legend_open: bool,
    /// The parameters are open.
    pub params_open: bool,
    /// Size of a point: 1 is as large as fits the number of points.
    pub point: f32,
    /// What regions are called by; `None` takes leaves, and words of captions where there are none.
    pub label_by: Option<LabelBy>,
}

impl Default for MapView {
    fn default() -> Self {
        Self {
            model: None,
            layers: Vec::new(),
            params: MapParams::default(),
            colour: ColourBy::Dataset,
            off: BTreeSet::new(),
            drawn: Drawn::default(),
            tool: Tool::Pan,
            camera: Camera::default(),
            legend_open: true,
            params_open: false,
            point: 1.0,
            label_by: None,
        }
    }
}

impl MapView {
    /// Hides an entry of the legend, or shows it.
    pub fn toggle(&mut self, label: &str) {
        if !self.off.remove(label) {
            self.off.insert(label.to_owned());
        }
    }

    /// Shows one entry of the legend only; once more shows all.
    pub fn isolate(&mut self, label: &str, legend: &Legend) {
        let labels = legend.entries.iter().map(|entry| &entry.label);
        let others: BTreeSet<String> = labels.filter(|other| *other != label).cloned().collect();
        self.off = if self.off == others { BTreeSet::new() } else { others };
    }
}

/// A wish about the map.
#[derive(Clone, Debug)]
pub enum MapCommand {
    /// Looks at it in another way.
    View(Box<MapView>),
    /// Computes the layers that are looked at with the parameters of the view, from the present positions where there are any.
    Compute {
        /// Start where the points are now.
        from_present: bool,
    },
    /// Holds the running layout, or lets it go on.
    Pause(bool),
    /// Ends the running layout where it is.
    Stop,
    /// An area was drawn on the map of a layer: corners in the unit square.
    Area {
        /// Which map.
        layer: String,
        /// The outline.
        corners: Vec<[f32; 2]>,
        /// How it changes the selection.
        op: SetOp,
    },
    /// Writes the positions of a layer with keys; `.csv` writes CSV, all else Parquet.
    Export {
        /// Which layer.
        layer: String,
        /// Where to.
        path: std::path::PathBuf,
    },
    /// Looks for features again: some were extracted.
    LookAgain,
    /// Extracts what the model that is looked at lacks.
    Extract,
    /// Extracts features of all pictures by this model (a file, or the name of a model of the program), all of its stages.
    ExtractWith(std::path::PathBuf),
}

/// A layout with what is needed to draw it.
#[derive(Debug)]
pub struct Placed {
    /// The job's answer.
    pub placement: Arc<Placement>,
    /// Its place in the unit square.
    pub frame: Frame,
}

/// A layout that was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Number of the request.
    pub generation: u64,
    /// The model.
    pub model: String,
    /// The layers.
    pub layers: Vec<String>,
    /// With what.
    pub params: MapParams,
    /// Layers that are not answered in full yet.
    pub open: BTreeSet<String>,
}

/// What was found when features were looked for.
#[derive(Debug)]
pub struct Looked {
    /// The population whose samples were looked for.
    pub population: Arc<Population>,
    /// What there is; `None` while the look is under way.
    pub sources: Option<Vec<MapSource>>,
    /// All open datasets are those that the program draws itself.
    pub is_demo: bool,
}

/// Everything of the lens.
#[derive(Debug)]
pub struct MapLens {
    /// How it is looked at.
    pub view: MapView,
    /// Which features there are.
    pub looked: Option<Looked>,
    /// The newest positions of each layer.
    pub placed: BTreeMap<String, Arc<Placed>>,
    /// The newest request.
    pub asked: Option<Asked>,
    /// The running layout is held.
    pub paused: bool,
    /// Layers whose layout is not computed yet and waits for a click, because it takes long.
    pub waiting: BTreeSet<String>,
    /// Names of the regions of each layer.
    pub labels: BTreeMap<String, Arc<Labelled>>,
    /// What the colours say.
    pub legend: Arc<Legend>,
    /// Matching samples a line of the legend.
    pub matching: Arc<Vec<u64>>,
    /// Samples that are neither filtered out nor hidden by the legend.
    pub seen: Arc<RoaringBitmap>,
    /// Layouts of up to so many rows are computed without being asked for.
    pub automatic_limit: u64,
    /// How often features were looked for: what was made of older ones may be stale.
    pub looks: u64,
    /// The demo's features were asked for once; a user who stopped that is not asked against.
    demo_asked: bool,
    labels_asked: Option<(LabelBy, Vec<Arc<Placement>>)>,
    legend_of: Option<(Arc<Population>, ColourBy)>,
    seen_of: Option<(Arc<RoaringBitmap>, BTreeSet<String>)>,
    generation: u64,
}

impl Default for MapLens {
    fn default() -> Self {
        Self {
            view: MapView::default(),
            looked: None,
            placed: BTreeMap::new(),
            asked: None,
            paused: false,
            waiting: BTreeSet::new(),
            labels: BTreeMap::new(),
            legend: Arc::default(),
            matching: Arc::default(),
            seen: Arc::default(),
            // About ten seconds on two slow cores.
            automatic_limit: 20_000,
            looks: 0,
            demo_asked: false,
            labels_asked: None,
            legend_of: None,
            seen_of: None,
            generation: 0,
        }
    }
}

impl MapLens {
    /// What was found; nothing while it is looked for.
    #[must_use]
    pub fn sources(&self) -> &[MapSource] {
        self.looked.as_ref().and_then(|looked| looked.sources.as_deref()).unwrap_or_default()
    }

    /// The model that is looked at.
    #[must_use]
    pub fn source(&self) -> Option<&MapSource> {
        let sources = self.sources();
        let chosen = self.view.model.as_ref().and_then(|hash| sources.iter().find(|source| source.model == *hash));
        chosen.or_else(|| sources.iter().max_by_key(|source| source.rows()))
    }

    /// The layers that are looked at, of those that exist.
    #[must_use]
    pub fn layers(&self) -> Vec<String> {
        let Some(source) = self.source() else { return Vec::new() };
        let chosen: Vec<String> = source
            .layers
            .iter()
            .map(|layer| layer.name.clone())
            .filter(|name| self.view.layers.contains(name))
            .collect();
        if chosen.is_empty() {
            source.layers.last().map(|layer| layer.name.clone()).into_iter().collect()
        } else {
            chosen
        }
    }

    /// What regions are called by.
    #[must_use]
    pub fn label_by(&self, columns: &Columns) -> LabelBy {
        let usual = if columns.leaves.is_empty() { LabelBy::Words } else { LabelBy::Leaf };
        self.view.label_by.unwrap_or(usual)
    }

    /// The names of a layer's regions; none while they are of other positions.
    #[must_use]
    pub fn labels_of(&self, layer: &str) -> &[Label] {
        let labelled = self.labels.get(layer).filter(|labelled| {
            self.placed.get(layer).is_some_and(|placed| Arc::ptr_eq(&placed.placement, &labelled.placement))
        });
        labelled.map_or(&[], |labelled| &labelled.labels)
    }

    /// True while a layout is computed or read.
    #[must_use]
    pub fn running(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| !asked.open.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zoom_keeps_what_is_under_the_pointer() {
        let camera = Camera { centre: [0.3, 0.6], zoom: 2.0 };
        let about = [0.8, 0.1];
        let after = camera.zoomed(3.0, about);
        assert_eq!(after.zoom, 6.0);
        for (axis, about) in about.into_iter().enumerate() {
            let on_screen = |camera: Camera| (about - camera.centre[axis]) * camera.zoom;
            assert!((on_screen(camera) - on_screen(after)).abs() < 1e-5);
        }
        assert_eq!(camera.zoomed(1e9, about).zoom, Camera::RANGE.1);
    }
}
