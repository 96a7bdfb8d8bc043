//! The query lane: filter, sort, count. The newest request wins.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use roaring::RoaringBitmap;

use super::records::Latest;
use super::{Event, Outbox, Population, guarded};
use crate::analysis::confusion::PredictionCounts;
use crate::analysis::facets::Facets;
use crate::analysis::sort::{self, SortBy};
use crate::catalog::{
    self, Predictions,
    filter::{self, Expr},
};

/// What to find.
#[derive(Clone, Debug)]
pub struct QueryRequest {
    /// Number of the request; the answer carries it.
    pub generation: u64,
    /// Over what.
    pub population: Arc<Population>,
    /// The condition.
    pub expr: Expr,
    /// The order.
    pub sort: SortBy,
    /// Largest first.
    pub descending: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct QueryResult {
    /// Number of the request.
    pub generation: u64,
    /// The samples that match.
    pub matching: Arc<RoaringBitmap>,
    /// The same in order.
    pub order: Arc<Vec<u32>>,
    /// Counts over the matching samples.
    pub facets: Arc<Facets>,
    /// Counts of the active model's predictions over them.
    pub predictions: Option<Arc<PredictionCounts>>,
    /// Why the condition could not be evaluated, if so; then everything matches.
    pub error: Option<String>,
    /// Seconds it took.
    pub secs: f64,
}

/// Answers one request.
#[must_use]
pub fn answer(request: &QueryRequest) -> QueryResult {
    let started = Instant::now();
    let columns = &request.population.columns;
    let predictions = &request.population.predictions;
    let found = catalog::Population::open(columns)
        .map(|catalogs| catalogs.with_predictions(predictions.clone()))
        .map_err(|error| error.to_string())
        .and_then(|catalogs| filter::eval(&request.expr, columns, &catalogs).map_err(|error| error.to_string()));
    let (matching, error) = match found {
        Ok(matching) => (matching, None),
        Err(error) => (columns.all(), Some(error)),
    };
    let order = sort::order(columns, &matching, request.sort, request.descending);
    let facets = Facets::count(columns, &matching);
    let predictions = predictions.as_ref().map(|predictions| Arc::new(counts(predictions, &matching)));
    QueryResult {
        generation: request.generation,
        matching: Arc::new(matching),
        order: Arc::new(order),
        facets: Arc::new(facets),
        predictions,
        error,
        secs: started.elapsed().as_secs_f64(),
    }
}

/// Counts predictions over `samples`.
#[must_use]
pub fn counts(predictions: &Predictions, samples: &RoaringBitmap) -> PredictionCounts {
    PredictionCounts::count(&predictions.columns, predictions.predictor.classes.len(), samples)
}

/// The lane.
pub struct QueryLane(Arc<Latest<QueryRequest>>);

impl QueryLane {
    pub(super) fn start(outbox: Outbox) -> Self {
        let lane = Latest::new();
        let requests = Arc::clone(&lane);
        thread::Builder::new()
            .name("query".to_owned())
            .spawn(move || {
                while let Some(request) = requests.take() {
                    if let Some(result) = guarded(&outbox, "a search", || answer(&request))
                        && !requests.has_newer()
                    {
                        outbox.send(Event::Query(Arc::new(result)));
                    }
                    requests.done();
                }
            })
            .expect("the system gives a thread at start");
        Self(lane)
    }

    pub(super) fn ask(&self, request: QueryRequest) {
        self.0.put(request);
    }

    pub(super) fn busy(&self) -> bool {
        self.0.busy()
    }
}

impl Drop for QueryLane {
    fn drop(&mut self) {
        self.0.stop();
    }
}
