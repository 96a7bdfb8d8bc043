//! The why lens: pictures as rows, models as columns, and in each cell which places of the picture speak for a class.
//!
//! How it works: a column is a [`Recipe`] (model, layer, method, class) or the difference of two columns. The view tells which rows it sees; what is
//! missing of them is asked of the why job, the newest request winning ([`update`]). Maps are kept signed and unscaled; what the brightest colour
//! stands for is decided when they are shown ([`Why::scale`]), so that all cells can share it. Figures over many pictures are [`local`].

pub mod export;
pub mod local;
mod names;
pub mod rows;
pub mod update;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use names::{METHODS, Said, folder_name, method_label, short_class};

use crate::analysis::cam::beside::{self, Region};
use crate::analysis::cam::{Map, range};
use crate::formats::demo;
use crate::jobs::SampleRef;
use crate::jobs::why::{Cell, ColumnFacts, ModelFacts, Recipe, Scored};
use crate::model::card::Preprocessing;
use crate::model::{bundled, preprocess};

/// What the lens shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// Pictures by models.
    #[default]
    Matrix,
    /// Figures over many pictures.
    Local,
}

/// Which pictures are rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The selection where it holds more than one sample, else all that match.
    #[default]
    Auto,
    /// All that match, in the order of the grid.
    Matching,
    /// All of one leaf, whatever the filters say.
    Leaf(String),
}

/// How a map is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Over the picture, as strong as the map.
    #[default]
    Overlay,
    /// The map alone.
    Heat,
    /// A line round the fifth of the picture where the map is highest.
    Contour,
    /// What speaks for the class in red, what speaks against it in blue.
    Signed,
}

impl Mode {
    /// All of them, in the order of their buttons.
    pub const ALL: [Self; 4] = [Self::Overlay, Self::Heat, Self::Contour, Self::Signed];

    /// What its button says.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Overlay => "Overlay",
            Self::Heat => "Heat map",
            Self::Contour => "Top 20 %",
            Self::Signed => "Signed",
        }
    }

    /// Its word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Heat => "heat",
            Self::Contour => "contour",
            Self::Signed => "signed",
        }
    }
}

/// What the brightest colour stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScaleBy {
    /// The largest value of all maps.
    #[default]
    Shared,
    /// The largest value of the model's maps.
    Model,
    /// The largest value of each map.
    Image,
}

impl ScaleBy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Shared, Self::Model, Self::Image];

    /// What the menu says.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Shared => "One scale for all",
            Self::Model => "A scale for each model",
            Self::Image => "A scale for each map",
        }
    }
}

/// How the lens is looked at; a view changes a copy and asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct WhyView {
    /// Matrix or figures.
    pub page: Page,
    /// Which rows.
    pub scope: Scope,
    /// How maps are shown.
    pub mode: Mode,
    /// How much of the picture the brightest colour covers, 0 to 1.
    pub opacity: f32,
    /// What the brightest colour stands for.
    pub scale: ScaleBy,
    /// Sort so many rows by how much the columns disagree.
    pub sorted: bool,
    /// Rows that are sorted.
    pub sort_rows: usize,
    /// Side of a cell, points; `None`: as large as all columns fit beside each other.
    pub side: Option<f32>,
    /// Pictures that figures are measured over, at most.
    pub local_samples: usize,
    /// Rows of an exported picture.
    pub export_rows: usize,
    /// Side of a cell of an exported picture, pixels.
    pub export_side: u32,
}

impl Default for WhyView {
    fn default() -> Self {
        Self {
            page: Page::Matrix,
            scope: Scope::Auto,
            mode: Mode::Overlay,
            opacity: 0.8,
            scale: ScaleBy::Shared,
            sorted: false,
            sort_rows: 60,
            side: None,
            local_samples: 200,
            export_rows: 6,
            export_side: 256,
        }
    }
}

impl WhyView {
    /// Smallest and largest side of a cell.
    pub const SIDES: (f32, f32) = (84.0, 384.0);
}

/// What a column shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Of {
    /// Maps.
    Maps(Arc<Recipe>),
    /// Maps of one column less those of another, by their numbers.
    Difference(u32, u32),
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its number; never given twice.
    pub id: u32,
    /// What it shows.
    pub of: Of,
}

/// A change of the columns.
#[derive(Clone, Debug)]
pub enum Edit {
    /// One more, at the end.
    Add(Recipe),
    /// Another recipe for a column.
    Change(u32, Recipe),
    /// The same once more, beside it.
    Duplicate(u32),
    /// Away with it, and with differences of it.
    Remove(u32),
    /// The first less the second, at the end.
    Difference(u32, u32),
    /// In place of a column one for each of so many most probable classes.
    Ranks(u32, usize),
    /// One place to the left.
    Left(u32),
    /// Asks again for what failed.
    Retry(u32),
}

/// What is written to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Export {
    /// The matrix as a PNG.
    Picture,
    /// The raw maps of a column, `[N, h, w]`.
    Maps(u32),
    /// Class, probability and figures of each cell: CSV or JSON by the name's ending.
    Figures,
    /// The figures over many pictures: CSV or JSON.
    Local,
}

/// A wish about the lens.
#[derive(Clone, Debug)]
pub enum WhyCommand {
    /// Looks at it in another way.
    View(Box<WhyView>),
    /// The rows that are seen.
    Visible(std::ops::Range<usize>),
    /// The matrix was scrolled.
    Scroll(f64),
    /// The focused row was scrolled into view.
    Revealed,
    /// Moves the focus by so many rows.
    Step(i64),
    /// Changes columns.
    Edit(Edit),
    /// One more column, of this model.
    AddModel(PathBuf),
    /// The export menu is open: its rows are made, whether they are seen or not.
    Exporting(bool),
    /// Writes a file.
    Export(Export, PathBuf),
    /// The picture was drawn.
    Drawn,
    /// Measures figures over the rows.
    Measure,
}

/// An exported picture that waits to be drawn.
#[derive(Debug)]
pub struct Waiting {
    /// Where to.
    pub path: PathBuf,
    /// Rows.
    pub samples: Vec<u32>,
    /// Pixels a cell.
    pub side: u32,
    /// The pictures, once they are decoded.
    pub pictures: Option<Vec<crate::jobs::why::pictures::Decoded>>,
    pub(super) generation: u64,
}

/// Largest values of a column's maps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Most {
    /// Of what speaks for the class.
    pub evidence: f32,
    /// Of both signs.
    pub size: f32,
}

impl Most {
    fn of(recipe: &Recipe, map: &Map) -> Self {
        let (least, most) = range(&map.values);
        let size = least.abs().max(most.abs());
        let evidence = range(&recipe.method.evidence(map).values).1.max(0.0);
        let finite = |value: f32| if value.is_finite() { value } else { 0.0 };
        Self { evidence: finite(evidence), size: finite(size) }
    }

    fn value(self, signed: bool) -> f32 {
        if signed { self.size } else { self.evidence }
    }

    fn with(self, other: Self) -> Self {
        Self { evidence: self.evidence.max(other.evidence), size: self.size.max(other.size) }
    }
}

type Key = (Arc<Recipe>, SampleRef);

/// Everything of the lens.
#[derive(Debug, Default)]
pub struct Why {
    /// How it is looked at.
    pub view: WhyView,
    /// The columns, from the left.
    pub columns: Vec<Column>,
    /// Columns were chosen once: what the user removes does not come back.
    pub(super) chosen: bool,
    pub(super) next_id: u32,
    /// What is known of models, by the path that recipes name.
    pub models: BTreeMap<PathBuf, Result<Arc<ModelFacts>, String>>,
    /// What is known of columns.
    pub made: HashMap<Arc<Recipe>, Result<ColumnFacts, String>>,
    /// Maps, or why there is none.
    pub cells: HashMap<Key, Result<Arc<Cell>, String>>,
    /// Largest values a column.
    pub most: HashMap<Arc<Recipe>, Most>,
    /// What models say of pictures.
    pub scored: HashMap<(SampleRef, PathBuf), Scored>,
    /// The rows.
    pub rows: rows::Rows,
    /// Rows that are seen.
    pub visible: std::ops::Range<usize>,
    /// Scroll offset of the rows in points.
    pub scroll: f64,
    /// The focus must be scrolled into view by the next frame.
    pub reveal: bool,
    /// The export menu is open.
    pub exporting: bool,
    /// A picture on its way to a file.
    pub waiting: Option<Waiting>,
    /// Figures over many pictures.
    pub local: local::Local,
    pub(super) asked: Option<update::Asked>,
    pub(super) generation: u64,
    /// Pictures that were exported, for their numbers.
    pub(super) exports: u64,
}

impl Why {
    /// What outlives the datasets: how the lens is looked at, and columns that the user chose.
    pub(super) fn closed(self) -> Self {
        let columns = if self.chosen { self.columns } else { Vec::new() };
        let Self { view, chosen, next_id, models, generation, exports, local, .. } = self;
        // Numbers of requests go on: an answer to an old one must not pass for a new one's.
        let local = local.closed();
        let view = WhyView { scope: Scope::Auto, ..view };
        Self { view, columns, chosen, next_id, models, local, generation, exports, ..Self::default() }
    }

    /// A column by its number.
    #[must_use]
    pub fn column(&self, id: u32) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// How a column's maps are made; `None` for a difference.
    #[must_use]
    pub fn recipe(&self, id: u32) -> Option<&Arc<Recipe>> {
        match &self.column(id)?.of {
            Of::Maps(recipe) => Some(recipe),
            Of::Difference(..) => None,
        }
    }

    /// The recipes of all columns, each once.
    #[must_use]
    pub fn recipes(&self) -> Vec<Arc<Recipe>> {
        let mut recipes: Vec<Arc<Recipe>> = Vec::new();
        for column in &self.columns {
            if let Of::Maps(recipe) = &column.of
                && !recipes.contains(recipe)
            {
                recipes.push(Arc::clone(recipe));
            }
        }
        recipes
    }

    /// What is known of a model.
    #[must_use]
    pub fn facts(&self, model: &Path) -> Option<&Arc<ModelFacts>> {
        self.models.get(model)?.as_ref().ok()
    }

    /// False once it is known that there will be no maps: the model cannot be opened, or the explainer not be made.
    #[must_use]
    pub fn is_usable(&self, recipe: &Arc<Recipe>) -> bool {
        !matches!(self.made.get(recipe), Some(Err(_))) && !matches!(self.models.get(&recipe.model), Some(Err(_)))
    }

    /// A map; `None` until it is answered.
    #[must_use]
    pub fn cell(&self, recipe: &Arc<Recipe>, sample: SampleRef) -> Option<&Result<Arc<Cell>, String>> {
        self.cells.get(&(Arc::clone(recipe), sample))
    }

    /// What the brightest colour stands for in a cell: of what speaks for the class, or of both signs. 0 where nothing is known.
    #[must_use]
    pub fn scale(&self, recipe: &Arc<Recipe>, map: Option<&Map>, signed: bool) -> f32 {
        match (self.view.scale, map) {
            (ScaleBy::Image, Some(map)) => Most::of(recipe, map).value(signed),
            (ScaleBy::Shared, _) => self.largest(|_| true).value(signed),
            (ScaleBy::Model | ScaleBy::Image, _) => self.largest(|other| other.model == recipe.model).value(signed),
        }
    }

    fn largest(&self, fits: impl Fn(&Recipe) -> bool) -> Most {
        self.recipes()
            .iter()
            .filter(|other| fits(other))
            .filter_map(|other| self.most.get(other))
            .fold(Most::default(), |all, most| all.with(*most))
    }

    /// The model whose maps are hardly seen on the one scale that all share, and the largest value they have. Scores of different
    /// models have different units: what is faint beside another's need not be empty.
    #[must_use]
    pub fn faint(&self, signed: bool) -> Option<(PathBuf, f32)> {
        const HARDLY: f32 = 0.2;
        if self.view.scale != ScaleBy::Shared {
            return None;
        }
        let scale = self.largest(|_| true).value(signed);
        let models: BTreeSet<PathBuf> = self.recipes().iter().map(|recipe| recipe.model.clone()).collect();
        models
            .into_iter()
            .map(|model| {
                let value = self.largest(|other| other.model == model).value(signed);
                (model, value)
            })
            .filter(|(_, value)| *value > 0.0 && *value < HARDLY * scale)
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The part of a picture of `size` pixels that a model sees.
    #[must_use]
    pub fn region(&self, model: &Path, size: (u32, u32)) -> Option<Region> {
        Some(region(&self.facts(model)?.how, size))
    }

    /// The part of a picture of `size` pixels that the difference of two columns covers.
    #[must_use]
    pub fn difference_region(&self, a: u32, b: u32, size: (u32, u32)) -> Option<Region> {
        let side = |id: u32| self.region(&self.recipe(id)?.model, size);
        Some(side(a)?.with(side(b)?))
    }

    /// The difference of two columns for a picture of `size` pixels, each over its scale, -1 to 1, with the part of the picture that it covers.
    /// `None` until both maps are there.
    #[must_use]
    pub fn difference(&self, a: u32, b: u32, sample: SampleRef, size: (u32, u32)) -> Option<(Map, Region)> {
        let side = |id: u32| {
            let recipe = self.recipe(id)?;
            let cell = self.cell(recipe, sample)?.as_ref().ok()?;
            let region = self.region(&recipe.model, size)?;
            let scale = self.scale(recipe, Some(&cell.explanation.map), false).max(f32::MIN_POSITIVE);
            let mut map = recipe.method.evidence(&cell.explanation.map);
            map.values.iter_mut().for_each(|value| *value = value.max(0.0) / scale);
            Some((map, region))
        };
        let ((a, a_region), (b, b_region)) = (side(a)?, side(b)?);
        let whole = a_region.with(b_region);
        let (height, width) = grid(&a, &b);
        let place = |map: &Map, from: Region| beside::placed(map, from, whole, height, width);
        Some((beside::difference(&place(&a, a_region), &place(&b, b_region)), whole))
    }

    /// How much the columns disagree about a picture: the mean over all pairs of recipes; `None` until all maps are there or where none has
    /// anything that speaks for its class.
    #[must_use]
    pub fn disagreement(&self, sample: SampleRef, size: (u32, u32)) -> Option<f64> {
        let recipes = self.recipes();
        let mut placed = Vec::with_capacity(recipes.len());
        for recipe in &recipes {
            if !self.is_usable(recipe) {
                continue;
            }
            match self.cell(recipe, sample)? {
                Ok(cell) => {
                    placed.push((recipe.method.evidence(&cell.explanation.map), self.region(&recipe.model, size)?));
                }
                Err(_) => return None,
            }
        }
        let mut apart = Vec::new();
        for (at, (a, a_region)) in placed.iter().enumerate() {
            for (b, b_region) in &placed[at + 1..] {
                let whole = a_region.with(*b_region);
                let (height, width) = grid(a, b);
                let place = |map: &Map, from: Region| beside::placed(map, from, whole, height, width);
                apart.extend(beside::disagreement(&place(a, *a_region), &place(b, *b_region)));
            }
        }
        (!apart.is_empty()).then(|| apart.iter().sum::<f64>() / apart.len() as f64)
    }
}

/// Rows and columns of a grid that is fine enough for both maps, and not so fine that comparing takes long.
fn grid(a: &Map, b: &Map) -> (usize, usize) {
    (a.height.max(b.height).clamp(14, 112), a.width.max(b.width).clamp(14, 112))
}

/// The part of a picture of `size` pixels that becomes a model's input.
#[must_use]
pub fn region(how: &Preprocessing, (width, height): (u32, u32)) -> Region {
    let cut = preprocess::placement(width.max(1), height.max(1), how);
    let (wide, high) = (cut.size.0.max(1) as f32, cut.size.1.max(1) as f32);
    Region {
        left: cut.left as f32 / wide,
        top: cut.top as f32 / high,
        right: (cut.left + i64::from(cut.side.0)) as f32 / wide,
        bottom: (cut.top + i64::from(cut.side.1)) as f32 / high,
    }
}

/// The models that the lens begins with: those in the program for the datasets in the program, else the ones used last.
#[must_use]
pub fn first_models(roots: &[PathBuf], used: &[PathBuf]) -> Vec<PathBuf> {
    let is_demo = |root: &PathBuf| {
        let name = root.file_name().map(|name| name.to_string_lossy().into_owned());
        demo::Dataset::ALL.into_iter().any(|dataset| name.as_deref() == Some(dataset.name()))
    };
    if !roots.is_empty() && roots.iter().all(is_demo) {
        return bundled::bundled().iter().map(|model| PathBuf::from(model.name)).collect();
    }
    used.iter().take(2).cloned().collect()
}

#[cfg(test)]
mod tests;
