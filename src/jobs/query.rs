//! The query lane: filter, sort, count. The newest request wins.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use roaring::RoaringBitmap;

use super::records::Latest;
use super::{Event, Outbox, Population, guarded};
use crate::analysis::facets::{self, Facets, SortBy};
use crate::catalog::filter::{self, Expr, FilterError, Lookup};
use crate::catalog::{Catalog, CatalogError, DatasetInfo, SearchQuery};

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
    /// Why the condition could not be evaluated, if so; then everything matches.
    pub error: Option<String>,
    /// Seconds it took.
    pub secs: f64,
}

/// Asks the catalogs of a population for text hits, tags and keys. Catalogs are opened when first asked.
pub struct PopulationLookup<'a> {
    population: &'a Population,
    catalogs: RefCell<Vec<Option<Catalog>>>,
}

impl<'a> PopulationLookup<'a> {
    /// Nothing is opened yet.
    #[must_use]
    pub fn new(population: &'a Population) -> Self {
        Self { population, catalogs: RefCell::new(population.datasets.iter().map(|_| None).collect()) }
    }

    /// Calls `ask` for each dataset's catalog.
    fn each(
        &self,
        mut ask: impl FnMut(&mut Catalog, &DatasetInfo) -> Result<(), CatalogError>,
    ) -> Result<(), FilterError> {
        let mut catalogs = self.catalogs.borrow_mut();
        for ((open, slot), info) in
            self.population.datasets.iter().zip(catalogs.iter_mut()).zip(&self.population.columns.datasets)
        {
            let opened = match slot {
                Some(catalog) => Ok(catalog),
                slot => Catalog::open_read(&open.catalog).map(|catalog| slot.insert(catalog)),
            };
            opened.and_then(|catalog| ask(catalog, info)).map_err(|error| FilterError::new(0, error.to_string()))?;
        }
        Ok(())
    }
}

impl Lookup for PopulationLookup<'_> {
    fn search(&self, query: &SearchQuery) -> Result<RoaringBitmap, FilterError> {
        let mut found = RoaringBitmap::new();
        self.each(|catalog, info| {
            let rows = catalog.search(query)?;
            // Rows committed after this population was published wait for the next one.
            found.extend(rows.iter().take_while(|&row| row < info.range.len() as u32).map(|row| info.range.start + row));
            Ok(())
        })?;
        Ok(found)
    }

    fn tag(&self, name: &str) -> Result<RoaringBitmap, FilterError> {
        let tagged = self.population.tags.iter().find(|(tag, _)| tag == name);
        Ok(tagged.map(|(_, samples)| (**samples).clone()).unwrap_or_default())
    }

    fn tagged(&self) -> Result<RoaringBitmap, FilterError> {
        Ok(self.population.tags.iter().fold(RoaringBitmap::new(), |all, (_, samples)| all | &**samples))
    }

    fn with_key(&self, key: &str, candidates: RoaringBitmap) -> Result<RoaringBitmap, FilterError> {
        let mut found = RoaringBitmap::new();
        self.each(|catalog, info| {
            for id in candidates.range(info.range.clone()) {
                if catalog.record(id - info.range.start)?.key == key {
                    found.insert(id);
                }
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// Answers one request.
#[must_use]
pub fn answer(request: &QueryRequest) -> QueryResult {
    let started = Instant::now();
    let columns = &request.population.columns;
    let lookup = PopulationLookup::new(&request.population);
    let (matching, error) = match filter::eval(&request.expr, columns, &lookup) {
        Ok(matching) => (matching, None),
        Err(error) => (columns.all(), Some(error.to_string())),
    };
    let order = facets::order(columns, &matching, request.sort, request.descending);
    let facets = Facets::count(columns, &matching);
    QueryResult {
        generation: request.generation,
        matching: Arc::new(matching),
        order: Arc::new(order),
        facets: Arc::new(facets),
        error,
        secs: started.elapsed().as_secs_f64(),
    }
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
