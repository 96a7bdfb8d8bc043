//! Statistics of texts and labels for sets of samples: [`compute`], and the lane that the window asks.
//!
//! How it works: every shard is cut into pieces of [`PIECE_ROWS`] rows. A *partial* of a piece is its caption lengths, its words by part of
//! speech and its numbered tokens (a [`Run`]); partials merge, whatever the order. Workers, one a core, take piece after piece: if all rows of a
//! piece are asked for, its partial comes from the catalog (table `partials`, under the id of this reading of the shard, the text field and the
//! first row) or is made and put there; if only some are asked for (a selection), it is made of those and not kept. So a second answer
//! over the same data reads no text, other thresholds and rankings included, and a shard that changed is the only one that is read again.
//! Then [`ngrams::count`] counts the n-grams of all runs at once; that part is not cached, because counts of n-grams would be
//! larger than the tokens they come from.
//!
//! Memory: a piece's partial is at most a few dozen megabytes; runs stay in memory up to a quarter of the budget and go to
//! temporary files ([`SpillFolder`], beside the catalogs) beyond. A piece with more than [`PIECE_BYTES`] of text is not cached and spills
//! while it is read. Labels are counted from the columns in memory.

mod read;
mod report;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use roaring::RoaringBitmap;

use super::newest::Answering;
use super::spill::SpillFolder;
use super::status::Running;
use super::{Event, Outbox, Population, spill};
use crate::analysis::text::ngrams::NgramError;
use crate::analysis::text::report::{StatsReport, StatsRequest};
use crate::base::{CancelToken, Cancelled, Progress};
use crate::catalog::{CatalogError, Columns};

/// Rows of a piece, from the first row of its shard on.
pub const PIECE_ROWS: u32 = 1 << 14;

/// A piece with more text than this is not cached: what is read from a cache stands in memory at once.
pub const PIECE_BYTES: u64 = 24 << 20;

/// Name of the partials in the catalog, and the version of their definitions: one more whenever a definition or the tagger changes.
const KIND: &str = "text statistics 1";

/// A set of samples to describe.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name in the report.
    pub name: String,
    /// The samples.
    pub samples: Arc<RoaringBitmap>,
}

/// Why there are no statistics.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The n-grams cannot be counted.
    #[error(transparent)]
    Ngrams(NgramError),
    /// There is no place for temporary files.
    #[error("cannot make a folder for temporary files ({source}): {}", path.display())]
    Spill {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A worker stopped by a defect.
    #[error("a defect of the program stopped counting; nothing was changed")]
    Defect,
}

impl From<NgramError> for StatsError {
    fn from(error: NgramError) -> Self {
        match error {
            NgramError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Ngrams(other),
        }
    }
}

/// Statistics of `groups`: sets of samples of the population that `columns` describes. Two groups are counted side by side, with lift;
/// more are counted one after the other, without. `progress` counts samples.
///
/// # Errors
/// Cancelled; the catalog or the temporary files cannot be used.
pub fn compute(
    columns: &Columns,
    groups: &[Group],
    request: &StatsRequest,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<StatsReport, StatsError> {
    let started = Instant::now();
    progress.set_total(groups.iter().map(|group| group.samples.len()).sum());
    let mut report = StatsReport { text: request.text, min_count: request.min_count.max(1), ..StatsReport::default() };
    let folder = spill_folder(columns)?;
    let counting = Counting { columns, request, spill: &folder, progress, cancel };
    if let [a, b] = groups {
        let (a_texts, b_texts) = (counting.texts(a, &mut report.work)?, counting.texts(b, &mut report.work)?);
        counting.finish_two([a, b], a_texts, b_texts, &mut report)?;
    } else {
        for group in groups {
            let texts = counting.texts(group, &mut report.work)?;
            counting.finish_one(group, texts, &mut report)?;
        }
    }
    report.work.spilled_bytes = folder.bytes();
    report.work.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// Beside the catalogs, where there is room for what was read from the data.
fn spill_folder(columns: &Columns) -> Result<SpillFolder, StatsError> {
    let beside = columns.datasets.first().and_then(|dataset| dataset.columns.catalog.parent());
    let parent = spill::parent(&beside.map_or_else(crate::base::dirs::cache_dir, Path::to_owned));
    SpillFolder::new(&parent).map_err(|source| StatsError::Spill { path: parent, source })
}

/// One answer being made.
struct Counting<'a> {
    columns: &'a Columns,
    request: &'a StatsRequest,
    spill: &'a SpillFolder,
    progress: &'a Progress,
    cancel: &'a CancelToken,
}

/// What the window asks: the answer is an [`Event::Stats`].
#[derive(Clone, Debug)]
pub struct StatsAsk {
    /// Number of the request; the answer carries it.
    pub generation: u64,
    /// Over what.
    pub population: Arc<Population>,
    /// The sets to describe; two are put side by side.
    pub groups: Vec<Group>,
    /// What to count.
    pub request: StatsRequest,
}

/// The lane's way to an answer.
pub(super) const ANSWERING: Answering<StatsAsk, Result<StatsReport, StatsError>> =
    Answering { name: "stats", doing: "counting words", title: "Counting words", work, tell };

fn work(ask: &StatsAsk, job: &Running, _: &Outbox) -> Result<StatsReport, StatsError> {
    compute(&ask.population.columns, &ask.groups, &ask.request, &job.progress, &job.cancel)
}

fn tell(ask: &StatsAsk, report: Option<Result<StatsReport, StatsError>>, is_late: bool, outbox: &Outbox) {
    let report = match report {
        // Whoever asked again waits for no answer; where it was stopped by hand, the window has to know.
        Some(Err(StatsError::Cancelled(_))) if is_late => return,
        Some(Ok(report)) => Ok(Arc::new(report)),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("the count broke off; the list of problems says why".to_owned()),
    };
    outbox.send(Event::Stats { generation: ask.generation, report });
}
