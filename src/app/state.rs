//! Everything the window shows. Views read it, [`update`](super::update) writes it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::chips::{Chip, expr_of};
use super::compare::Compare;
use super::history::{History, Moment};
use super::map::MapLens;
use super::models::Models;
use super::settings::Settings;
use super::statistics::Statistics;
use super::why::{Export, Why};
use crate::analysis::confusion::PredictionCounts;
use crate::analysis::facets::Facets;
use crate::analysis::sort::SortBy;
use crate::base::{SampleId, Warning};
use crate::catalog::filter::Expr;
use crate::catalog::{Prediction, Record};
use crate::formats::FieldMap;
use crate::jobs::{FoundSource, JobStatus, Level, Population, QueryResult, RecentSource, SampleRef, SavedView};

/// What fills the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// Nothing is open, or the user went back to the start page.
    #[default]
    Welcome,
    /// The grid with its panels.
    Explore,
}

/// How the middle of the window looks at the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lens {
    /// As pictures.
    #[default]
    Grid,
    /// As points whose distances are likenesses.
    Map,
    /// As counts: words, parts of speech, n-grams, leaves.
    Statistics,
    /// As models see them: which places speak for a class.
    Why,
    /// As two datasets against each other.
    Compare,
}

impl Lens {
    /// All of them in the order of their tabs.
    pub const ALL: [Self; 5] = [Self::Grid, Self::Map, Self::Statistics, Self::Why, Self::Compare];
}

/// The order of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Largest first.
    pub descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { by: SortBy::Dataset, descending: false }
    }
}

/// One line of the log; new ones are shown as toasts too.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// How loud.
    pub level: Level,
    /// One sentence.
    pub text: String,
    /// Seconds since the start of the program.
    pub at_secs: f64,
}

/// A dialog over the window; one at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Dialog {
    /// Choosing what to open.
    Open(OpenDialog),
    /// Keys and search syntax.
    Help,
    /// Search among all actions, leaves and saved views.
    Palette {
        /// What was typed.
        text: String,
        /// The highlighted row.
        row: usize,
    },
    /// Warnings of all open datasets.
    Problems,
    /// Past notices.
    Log,
    /// Version and licences.
    About,
    /// Models: choose one, let it predict.
    Models,
    /// A name for the present view.
    SaveView(String),
    /// Saved views: apply and delete.
    Views,
    /// A tag for the selection.
    Tag(String),
    /// Where to write a table or a drawing that is ready: asked where the system has no dialog of its own.
    SaveFile {
        /// The file, as typed.
        path: String,
        /// Its content.
        bytes: Arc<Vec<u8>>,
    },
    /// Where to write the positions of a layer's map: asked where the system has no dialog of its own.
    SavePositions {
        /// The file, as typed.
        path: String,
        /// The layer.
        layer: String,
    },
    /// Where to write something of the why lens: asked where the system has no dialog of its own.
    SaveWhy {
        /// The file, as typed.
        path: String,
        /// What.
        what: Export,
    },
    /// Where to write the records, and how.
    Export {
        /// The file, as typed.
        path: String,
        /// The selection instead of all that match.
        selection_only: bool,
    },
}

/// The open dialog: a path, what is there, and which column is which field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenDialog {
    /// The path as typed or chosen.
    pub path: String,
    /// What was found there (filled in by a job).
    pub found: Option<Result<Vec<FoundSource>, String>>,
    /// A look is under way for this path.
    pub looking: bool,
    /// Overrides chosen by the user.
    pub map: FieldMap,
}

/// The inspector's subject.
#[derive(Clone, Debug, Default)]
pub struct Inspector {
    /// The record of the focused sample, once read.
    pub record: Option<Arc<Record>>,
    /// The raw record as pretty JSON, once read; or why it cannot be.
    pub raw: Option<Result<Arc<str>, String>>,
    /// What the active model says of the sample, if anything.
    pub prediction: Option<Prediction>,
    /// Why the picture cannot be shown.
    pub picture_error: Option<String>,
    /// Zoom of the picture: `None` fits it.
    pub zoom: Option<f32>,
    /// Pan of the picture in points.
    pub pan: (f32, f32),
}

/// Captions of samples near the eye. Bounded: cleared as a whole when full, refilled by the next frame.
#[derive(Debug, Default)]
pub struct RecordCache {
    map: HashMap<SampleRef, Arc<Record>>,
}

impl RecordCache {
    const CAPACITY: usize = 8192;

    /// The record, if it was read.
    #[must_use]
    pub fn get(&self, sample: SampleRef) -> Option<&Arc<Record>> {
        self.map.get(&sample)
    }

    pub(super) fn insert(&mut self, sample: SampleRef, record: Arc<Record>) {
        if self.map.len() >= Self::CAPACITY {
            self.map.clear();
        }
        self.map.insert(sample, record);
    }

    pub(super) fn clear(&mut self) {
        self.map.clear();
    }
}

/// The whole state of the application.
#[derive(Debug, Default)]
pub struct State {
    /// What fills the window.
    pub screen: Screen,
    /// The lens that the keyboard is for: the one that was touched last.
    pub lens: Lens,
    /// The compare lens.
    pub compare: Compare,
    /// The map lens.
    pub map: MapLens,
    /// The statistics lens.
    pub statistics: Statistics,
    /// The why lens.
    pub why: Why,
    /// Open datasets as one population.
    pub population: Arc<Population>,
    /// Counts over the whole population (the faint numbers).
    pub whole: Arc<Facets>,
    /// Counts of the active model's predictions over the whole population.
    pub whole_predictions: Option<Arc<PredictionCounts>>,
    /// Active filters.
    pub chips: Vec<Chip>,
    /// What is typed in the search field (it may be ahead of the search chip).
    pub search_text: String,
    /// A sentence about the search text or the filter, if it cannot be understood.
    pub search_error: Option<String>,
    /// What matches, in order, with counts.
    pub result: Arc<QueryResult>,
    /// Number of the newest query; `result.generation` lags behind while one runs.
    pub generation: u64,
    /// Selected samples.
    pub selection: Arc<RoaringBitmap>,
    /// The sample with the focus (inspector, arrows).
    pub focus: Option<SampleId>,
    /// The focus was put on the first sample by the program; it stays on the first one until the user moves it.
    pub focus_is_automatic: bool,
    /// Where a Shift range starts.
    pub anchor: Option<SampleId>,
    /// Grid order.
    pub sort: Sort,
    /// Scroll offset of the grid in points.
    pub scroll: f64,
    /// The focus must be scrolled into view by the next frame.
    pub reveal: bool,
    /// The focused picture fills the middle instead of the grid.
    pub large: bool,
    /// The inspector.
    pub inspector: Inspector,
    /// Captions near the eye.
    pub records: RecordCache,
    /// Taxonomy paths the user opened (`true`) or closed (`false`); the rest opens by itself where it holds most samples.
    pub expanded: BTreeMap<Vec<String>, bool>,
    /// Sections of the side bar that are folded away, by title.
    pub folded: BTreeSet<String>,
    /// What is typed above the brand list.
    pub brand_text: String,
    /// What is typed above the list of predicted classes.
    pub predicted_text: String,
    /// What is typed above the taxonomy tree.
    pub taxonomy_text: String,
    /// The dialog over the window.
    pub dialog: Option<Dialog>,
    /// The models dialog.
    pub models: Models,
    /// Running jobs.
    pub jobs: Vec<JobStatus>,
    /// Toasts that were not shown yet.
    pub fresh: VecDeque<Notice>,
    /// Past notices, oldest first, at most [`State::LOG_LIMIT`].
    pub log: VecDeque<Notice>,
    /// Warnings per open dataset (name, the first warnings, how many in all).
    pub problems: Vec<(String, Vec<Warning>, usize)>,
    /// Recently opened sources.
    pub recent: Vec<RecentSource>,
    /// Saved views.
    pub views: Vec<SavedView>,
    /// Undo and redo.
    pub history: History,
    /// Looks.
    pub settings: Settings,
    /// Seconds since the start of the program, set by each frame.
    pub now_secs: f64,
    /// The search field wants the keyboard.
    pub focus_search: bool,
    /// Text to put on the clipboard.
    pub copy: Option<String>,
    /// Full screen was asked for or left.
    pub full_screen: bool,
    /// The window is asked to close.
    pub quit: bool,
}

impl State {
    /// Lines kept in the log.
    pub const LOG_LIMIT: usize = 1000;

    /// All active filters as one expression.
    #[must_use]
    pub fn expr(&self) -> Expr {
        expr_of(&self.chips)
    }

    /// What undo would bring back.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment { chips: self.chips.clone(), selection: Arc::clone(&self.selection) }
    }

    /// Samples in the population.
    #[must_use]
    pub fn len(&self) -> usize {
        self.population.columns.len() as usize
    }

    /// True if a lens is seen: it has its own place, or is in front of its tabs.
    #[must_use]
    pub fn shows(&self, lens: Lens) -> bool {
        self.settings.layout.visible().contains(&lens)
    }

    /// True while nothing is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True while a newer query is under way than the one shown.
    #[must_use]
    pub fn querying(&self) -> bool {
        self.result.generation != self.generation
    }

    /// The place of a sample in the grid's order, if it matches. Linear, called on user actions only.
    #[must_use]
    pub fn position_of(&self, sample: SampleId) -> Option<usize> {
        if !self.result.matching.contains(sample.0) {
            return None;
        }
        if self.sort == Sort::default() {
            return Some(self.result.matching.rank(sample.0) as usize - 1);
        }
        self.result.order.iter().position(|&id| id == sample.0)
    }
}
