//! What views and jobs ask of the state ([`Command`]), and what the state asks of jobs ([`Effect`]).

use std::path::PathBuf;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::action::Action;
use super::chips::Facet;
use super::compare::CompareCommand;
use super::layout::Layout;
use super::map::MapCommand;
use super::models::ModelCommand;
use super::settings::Settings;
use super::state::{Dialog, Lens, Notice, Sort};
use super::statistics::{Group, StatisticsView};
use super::why::WhyCommand;
use crate::analysis::text::report::StatsRequest;
use crate::base::SampleId;
use crate::catalog::filter::Expr;
use crate::formats::FieldMap;
use crate::jobs::compare::CompareAsk;
use crate::jobs::map::{LabelAsk, MapOrder};
use crate::jobs::models::ModelAsk;
use crate::jobs::why::WhyAsk;
use crate::jobs::why::local::LocalAsk;
use crate::jobs::why::pictures::PicturesAsk;
use crate::jobs::why::table::TableAsk;
use crate::jobs::{Event, JobId, Population, QueryRequest, SampleRef};

/// How a click changes a set (style.md: click replaces, Shift adds, Ctrl subtracts, both intersect).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SetOp {
    Replace,
    Add,
    Subtract,
    Intersect,
}

/// A wish of the user or news from a job. The only way to change the state.
#[derive(Debug)]
pub enum Command {
    /// An entry of the action list.
    Act(Action),
    /// Opens paths, beside what is open already.
    Open(Vec<PathBuf>, FieldMap),
    /// Closes one dataset.
    Close(PathBuf),
    /// Shows or hides a dialog.
    Dialog(Option<Dialog>),
    /// Looks at what the open dialog's path holds.
    Look(String),
    /// A click on a facet value; `add` joins alternatives.
    Toggle {
        /// Which facet.
        facet: Facet,
        /// The condition.
        expr: Expr,
        /// Ctrl was held.
        add: bool,
    },
    /// Sets or clears a facet's condition.
    SetFacet(Facet, Option<Expr>),
    /// Takes chip `i` away.
    RemoveChip(usize),
    /// Switches chip `i` off or on.
    SwitchChip(usize),
    /// The search field's text changed.
    Search(String),
    /// A filter expression in the words of the filter language.
    FilterText(String),
    /// Changes the order of the grid.
    Sort(Sort),
    /// Changes the selection by a set of samples.
    Select(Arc<RoaringBitmap>, SetOp),
    /// A click on a sample.
    Click {
        /// The sample.
        sample: SampleId,
        /// Shift was held: adds the range from the anchor.
        shift: bool,
        /// Ctrl was held: takes it out, or puts it in.
        ctrl: bool,
    },
    /// Moves the focus by columns and rows of the grid (`columns` cells a row).
    Move {
        /// To the right.
        right: i64,
        /// Down.
        down: i64,
        /// Cells a row.
        columns: usize,
        /// Shift was held: extends the selection.
        extend: bool,
    },
    /// Focus on a sample and show it.
    Focus(Option<SampleId>),
    /// The grid was scrolled.
    Scroll(f64),
    /// The focus was scrolled into view.
    Revealed,
    /// Opens or closes a taxonomy node.
    Expand(Vec<String>, bool),
    /// Folds a section of the side bar away, or back.
    Fold(String),
    /// The text above the brand list.
    BrandText(String),
    /// A wish of the models dialog.
    Model(ModelCommand),
    /// The text above the list of predicted classes.
    PredictedText(String),
    /// Shows the predictions of another model (its key), or of none.
    ActivateModel(Option<String>),
    /// The text above the taxonomy tree.
    TaxonomyText(String),
    /// Changes looks.
    Settings(Settings),
    /// Zoom and pan of the inspected picture.
    PictureView {
        /// `None` fits.
        zoom: Option<f32>,
        /// Points.
        pan: (f32, f32),
    },
    /// Looks at the samples in another way: brings the lens to the front and gives it the keyboard.
    Lens(Lens),
    /// Divides the middle of the window in another way.
    Layout(Layout),
    /// A wish about the comparison of two datasets.
    Compare(CompareCommand),
    /// A wish about the map.
    Map(MapCommand),
    /// A wish about maps of what speaks for a class.
    Why(WhyCommand),
    /// Changes how statistics are shown, or of what they are.
    Statistics(Box<StatisticsView>),
    /// Counts what the statistics lens shows.
    CountStatistics,
    /// Writes a text (a table, a drawing) to a file.
    WriteFile {
        /// Where to; a place inside a dataset is refused.
        path: PathBuf,
        /// What.
        bytes: Arc<Vec<u8>>,
    },
    /// Leaves the start page for what is open.
    BackToGrid,
    /// Leaves or enters the large picture.
    Large(bool),
    /// Thumbnails the eye is on, nearest first.
    WantThumbnails(Vec<(SampleId, u32)>),
    /// Captions the eye is on.
    WantRecords(Vec<SampleId>),
    /// Puts a tag on the selection, or takes it off.
    Tag {
        /// The tag.
        tag: String,
        /// The samples.
        samples: Arc<RoaringBitmap>,
        /// On or off.
        on: bool,
    },
    /// Saves the present view under a name.
    SaveView(String),
    /// Applies a saved view.
    ApplyView(String),
    /// Deletes a saved view.
    DeleteView(String),
    /// Writes records to a file.
    Export {
        /// Where to.
        path: PathBuf,
        /// The selection instead of all that match.
        selection_only: bool,
    },
    /// Puts text on the clipboard.
    Copy(String),
    /// The text was put there.
    Copied,
    /// Stops a job.
    Cancel(JobId),
    /// Says something to the user.
    Notify(Notice),
    /// Toasts were shown.
    ToastsShown,
    /// The search field got the keyboard.
    SearchFocused,
    /// A frame begins.
    Tick {
        /// Seconds since the start.
        now_secs: f64,
    },
    /// News from a job.
    Job(Event),
}

/// Work for the jobs floor.
#[derive(Debug)]
pub enum Effect {
    /// Open and index paths.
    Open(Vec<PathBuf>, FieldMap),
    /// Close a dataset.
    Close(PathBuf),
    /// Close all.
    CloseAll,
    /// Read changed shards again.
    Reindex,
    /// Make (once) and open the demo.
    OpenDemo,
    /// Look at what a path holds.
    Look(String),
    /// Filter, sort and count. The newest wins.
    Query(QueryRequest),
    /// Decode thumbnails: sample, texture side in pixels; nearest first. The newest list wins.
    Thumbnails(Arc<Population>, Vec<(SampleRef, u32)>),
    /// Read records.
    Records(Arc<Population>, Vec<SampleRef>),
    /// Read the record, raw JSON and full picture of one sample. The newest wins.
    Inspect(Arc<Population>, SampleRef),
    /// Tag samples.
    Tag {
        /// The population the ids are of.
        population: Arc<Population>,
        /// The tag.
        tag: String,
        /// The samples.
        samples: Arc<RoaringBitmap>,
        /// On or off.
        on: bool,
    },
    /// Save a view.
    SaveView {
        /// Name.
        name: String,
        /// Filter, sort and zoom as JSON.
        json: String,
    },
    /// Delete a view.
    DeleteView(String),
    /// Write records to a file.
    Export {
        /// The population the ids are of.
        population: Arc<Population>,
        /// Samples in order.
        ids: Arc<Vec<u32>>,
        /// `.csv` writes CSV, all else JSON lines.
        path: PathBuf,
    },
    /// Read a model and its card.
    LookModel(PathBuf),
    /// Forget what was edited of the card of the model with this file and hash.
    ResetCard(PathBuf, String),
    /// Predict, or extract features.
    RunModel(ModelAsk),
    /// Show the predictions of another model, or of none.
    Activate(Option<String>),
    /// Count words, n-grams, parts of speech and leaves of groups of samples. The newest wins.
    Stats {
        /// Number of the request.
        generation: u64,
        /// The population the ids are of.
        population: Arc<Population>,
        /// The groups.
        groups: Vec<Group>,
        /// What to count.
        request: StatsRequest,
    },
    /// Write positions with keys to a file.
    ExportPositions {
        /// The population the ids are of.
        population: Arc<Population>,
        /// Samples in order.
        samples: Arc<Vec<u32>>,
        /// One a sample.
        places: Arc<Vec<[f32; 2]>>,
        /// `.csv` writes CSV, all else Parquet.
        path: PathBuf,
    },
    /// Compare two datasets. The newest wins.
    Compare(CompareAsk),
    /// Look for features, compute or hold a map.
    Map(MapOrder),
    /// Make maps of what speaks for a class. The newest wins.
    Why(WhyAsk),
    /// Measure such maps over many pictures. The newest wins.
    WhyLocal(LocalAsk),
    /// Decode pictures for an export.
    WhyPictures(PicturesAsk),
    /// Write figures of maps to a file.
    WhyTable(TableAsk),
    /// Name the regions of a map. The newest wins.
    Label(LabelAsk),
    /// Write a text to a file.
    WriteFile {
        /// Where to; a place inside a dataset is refused.
        path: PathBuf,
        /// What.
        bytes: Arc<Vec<u8>>,
    },
    /// Read keys of samples and put them on the clipboard.
    CopyKeys(Arc<Population>, Arc<RoaringBitmap>),
    /// Remember settings.
    SaveSettings(Settings),
    /// Stop a job.
    Cancel(JobId),
}
