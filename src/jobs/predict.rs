//! Predictions of whole datasets: pictures through a model into the catalogs.
//!
//! How it works: what a catalog already has of this model (read in this way, see [`predictor`](crate::model::scores::predictor)) is left
//! out; the rest goes through [`batches`](super::batches), dataset after dataset. Every few hundred samples their best classes and the
//! classes that their fields name are stored by one transaction: a run that was killed goes on behind the last of them. A picture
//! that cannot be read is told and tried again by the next run; one for which the model gives no numbers (NaN) is stored as such.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use roaring::RoaringBitmap;

use super::batches::{self, Batch, PictureReader, Runner, Seconds, Work};
use super::{Population, SampleRef};
use crate::analysis::confusion::top_k;
use crate::analysis::labels::ClassMap;
use crate::base::{CancelToken, Cancelled, Progress};
use crate::catalog::predictions::TOP;
use crate::catalog::{Catalog, CatalogError, NONE, Prediction, Predictor, flags};
use crate::model::card::Preprocessing;
use crate::model::runtime::Runtime;
use crate::model::scores::{Scores, predictor};
use crate::model::{Model, ModelError, preprocess};

/// Samples stored together, unless they take longer than [`STORE_AFTER`].
const STORE_ROWS: usize = 512;

/// What is not stored after this time is.
const STORE_AFTER: Duration = Duration::from_secs(2);

/// What to predict.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The open datasets.
    pub population: &'a Arc<Population>,
    /// The samples; those without a picture are left out.
    pub ids: &'a RoaringBitmap,
    /// The model.
    pub model: &'a Model,
    /// What computes.
    pub runtime: &'static Runtime,
    /// Pictures a run of the model; 0: what suits the device.
    pub batch: usize,
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Whose predictions they are.
    pub predictor: Predictor,
    /// Samples with a picture that were asked about.
    pub pictures: u64,
    /// Predicted by this run; the others were known.
    pub computed: u64,
    /// Pictures that cannot be read.
    pub unreadable: u64,
    /// Pictures that the model gave no numbers for, of this run.
    pub no_numbers: u64,
    /// Samples whose shard was read again meanwhile: the next run predicts them.
    pub moved: u64,
    /// Of this run, by the clock; 0 where nothing was to do.
    pub images_per_second: f64,
    /// Where the time of this run went.
    pub seconds: Seconds,
    /// What went differently than wished.
    pub notices: Vec<String>,
}

/// Why a run ended early. What was stored stands.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The model cannot be run.
    #[error(transparent)]
    Model(ModelError),
    /// A catalog cannot be read or written.
    #[error(transparent)]
    Catalog(CatalogError),
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<ModelError> for PredictError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Model(other),
        }
    }
}

impl From<CatalogError> for PredictError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Catalog(other),
        }
    }
}

impl Runner for Scores {
    fn run(&mut self, count: usize, values: &[f32]) -> Result<Vec<Vec<f32>>, ModelError> {
        Ok(vec![Scores::run(self, count, values)?])
    }

    fn take_notices(&mut self) -> Vec<String> {
        Scores::take_notices(self)
    }
}

/// Predicts what the catalogs do not know yet. `stored` is called whenever something was stored.
///
/// # Errors
/// The model cannot be run, a catalog cannot be written, or cancelled: then what was stored stands and the same request goes on from there.
pub fn predict(
    request: &Request,
    stored: &dyn Fn(&Predictor),
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<Report, PredictError> {
    let Request { population, ids, model, runtime, .. } = *request;
    let how = Preprocessing { layout: model.input.layout, ..model.card.preprocessing.clone() };
    if preprocess::len(&how) != model.input.shape(1).iter().product::<usize>() {
        let message = format!(
            "its input takes {:?} and the preprocessing gives {:?}; put the right crop and channels into a model card",
            model.input.shape(1),
            preprocess::shape(&how)
        );
        return Err(ModelError::Unusable { path: model.path.clone(), message }.into());
    }
    let predictor = predictor(model);
    let usual = if runtime.describe().provider == "CUDA" { 64 } else { 16 };
    let batch = model.input.batch.unwrap_or(if request.batch == 0 { usual } else { request.batch });
    let mut report = Report { predictor: predictor.clone(), ..Report::default() };
    let mut parts = Vec::new();
    let (columns, mut known) = (&population.columns, 0);
    for (info, open) in columns.datasets.iter().zip(&population.datasets) {
        let has_picture = |id: &u32| columns.flags[*id as usize] & flags::HAS_IMAGE != 0;
        let rows: RoaringBitmap =
            ids.range(info.range.clone()).filter(has_picture).map(|id| id - info.range.start).collect();
        if rows.is_empty() {
            continue;
        }
        let catalog = Catalog::open_read(&open.catalog)?;
        catalog.adopt(&info.columns);
        let todo = &rows - &catalog.predicted_rows(&predictor.key)?;
        report.pictures += rows.len();
        known += rows.len() - todo.len();
        parts.push((catalog, open.uid, todo));
    }
    progress.set_total(report.pictures);
    progress.add(known);
    // The model is read into the runtime only where there is something to ask it, and once.
    let mut scores = None;
    let map = ClassMap::new(&predictor.classes);
    for (catalog, uid, todo) in parts {
        catalog.begin_predictions(&predictor, now())?;
        stored(&predictor);
        if todo.is_empty() {
            continue;
        }
        let scores = match &mut scores {
            Some(scores) => scores,
            none => none.insert(Scores::start(runtime, model)?),
        };
        let samples: Arc<Vec<SampleRef>> = Arc::new(todo.iter().map(|row| SampleRef { dataset: uid, row }).collect());
        let mut shelf = Shelf {
            catalog: &catalog,
            map: &map,
            predictor: &predictor,
            waiting: Vec::new(),
            since: Instant::now(),
            report: &mut report,
        };
        let work = Work { rows: 0..samples.len(), batch, how: &how };
        let readers = PictureReader::several(population, &samples);
        let mut each = |batch: Batch| -> Result<(), PredictError> {
            shelf.put(&samples, &batch);
            if shelf.is_due() {
                shelf.store()?;
                stored(&predictor);
            }
            Ok(())
        };
        let ran = batches::run(&work, readers, scores, &mut each, progress, cancel);
        // Whatever ended it: what was computed is kept. The first failure is the one that is told.
        let kept = shelf.store();
        let seconds = ran?;
        kept?;
        stored(&predictor);
        report.notices.extend(Runner::take_notices(scores));
        add(&mut report.seconds, &seconds);
    }
    if report.computed > 0 {
        report.images_per_second = report.computed as f64 / report.seconds.total.max(1e-9);
    }
    if report.moved > 0 {
        report.notices.push(format!(
            "{} samples were indexed again meanwhile and have no prediction yet; run it again",
            report.moved
        ));
    }
    Ok(report)
}

fn add(sum: &mut Seconds, more: &Seconds) {
    sum.read += more.read;
    sum.decode += more.decode;
    sum.preprocess += more.preprocess;
    sum.wait += more.wait;
    sum.run += more.run;
    sum.write += more.write;
    sum.total += more.total;
}

/// What orders runs: the time in milliseconds.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64)
}

/// Predictions of one dataset on their way into its catalog.
struct Shelf<'a> {
    catalog: &'a Catalog,
    map: &'a ClassMap,
    predictor: &'a Predictor,
    waiting: Vec<Prediction>,
    since: Instant,
    report: &'a mut Report,
}

impl Shelf<'_> {
    fn put(&mut self, samples: &[SampleRef], batch: &Batch) {
        let scores = &batch.outputs[0];
        let each = scores.len() / batch.count;
        let mut unreadable = batch.unreadable.iter().map(|(at, _)| *at).peekable();
        for at in 0..batch.count {
            if unreadable.next_if_eq(&at).is_some() {
                self.report.unreadable += 1;
                continue;
            }
            let top = top_k(&scores[at * each..(at + 1) * each], TOP);
            self.report.no_numbers += u64::from(top.is_empty());
            self.report.computed += 1;
            self.waiting.push(Prediction { row: samples[batch.first + at].row, label: NONE, top });
        }
    }

    fn is_due(&self) -> bool {
        self.waiting.len() >= STORE_ROWS || (!self.waiting.is_empty() && self.since.elapsed() >= STORE_AFTER)
    }

    /// Adds what the samples say of their class, and stores.
    fn store(&mut self) -> Result<(), CatalogError> {
        self.since = Instant::now();
        if self.waiting.is_empty() {
            return Ok(());
        }
        let rows: RoaringBitmap = self.waiting.iter().map(|prediction| prediction.row).collect();
        let mut labels = Vec::with_capacity(self.waiting.len());
        let read = self.catalog.each_text(&rows, |texts| -> Result<(), CatalogError> {
            labels.push(self.map.class_of(texts.class).unwrap_or(NONE));
            Ok(())
        });
        match read {
            Ok(()) => {}
            // Stored are only those that still stand; the classes of the others are not needed.
            Err(CatalogError::Changed(_)) => {
                self.report.moved += self.waiting.len() as u64;
                self.report.computed -= self.waiting.len() as u64;
                self.waiting.clear();
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        for (prediction, label) in self.waiting.iter_mut().zip(labels) {
            prediction.label = label;
        }
        let stored = self.catalog.store_predictions(&self.predictor.key, &self.waiting)? as u64;
        let moved = self.waiting.len() as u64 - stored;
        self.report.moved += moved;
        self.report.computed -= moved;
        self.waiting.clear();
        Ok(())
    }
}
