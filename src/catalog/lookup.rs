//! Answers a filter's questions to the catalogs of a whole population.

use std::cell::RefCell;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::columns::Columns;
use super::dataset::{Catalog, Record};
use super::error::CatalogError;
use super::filter::{self, FilterError, Lookup};
use super::predictions::{Predictions, latest_predictor};
use super::search::SearchQuery;
use crate::base::SampleId;

/// One open [`Catalog`] for each dataset of a population, numbered as the population is. For one thread.
#[derive(Debug)]
pub struct Population<'a> {
    columns: &'a Columns,
    catalogs: Vec<Catalog>,
    tags: RefCell<Option<Vec<(String, RoaringBitmap)>>>,
    predictions: Option<Arc<Predictions>>,
}

impl<'a> Population<'a> {
    /// Opens the catalogs that `columns` was read from.
    ///
    /// # Errors
    /// If one of them cannot be opened.
    pub fn open(columns: &'a Columns) -> Result<Self, CatalogError> {
        let open = |dataset: &super::DatasetInfo| {
            let catalog = Catalog::open_read(&dataset.columns.catalog)?;
            catalog.adopt(&dataset.columns);
            Ok(catalog)
        };
        let catalogs = columns.datasets.iter().map(open).collect::<Result<_, CatalogError>>()?;
        Ok(Self { columns, catalogs, tags: RefCell::default(), predictions: None })
    }

    /// Filters shall ask these predictions, which are over the same population.
    #[must_use]
    pub fn with_predictions(mut self, predictions: Option<Arc<Predictions>>) -> Self {
        self.predictions = predictions;
        self
    }

    /// Filters shall ask the predictions of the model that ran last, where one did.
    ///
    /// # Errors
    /// If a catalog cannot be read.
    pub fn with_latest_predictions(self) -> Result<Self, CatalogError> {
        let found = match latest_predictor(&self.catalogs)? {
            Some(key) => Predictions::load(self.columns, &self.catalogs, &key)?,
            None => None,
        };
        Ok(self.with_predictions(found.map(Arc::new)))
    }

    /// The catalogs in the order of the datasets.
    #[must_use]
    pub fn catalogs(&self) -> &[Catalog] {
        &self.catalogs
    }

    /// Everything about a sample. Its `row` is the row in its dataset.
    ///
    /// # Errors
    /// As [`Catalog::record`].
    pub fn record(&self, sample: SampleId) -> Result<Record, CatalogError> {
        let (dataset, row) = self.columns.local(sample);
        self.catalogs[dataset.index()].record(row)
    }

    /// The samples that a text search finds, over all datasets.
    ///
    /// # Errors
    /// As [`Catalog::search`].
    pub fn find(&self, query: &SearchQuery) -> Result<RoaringBitmap, CatalogError> {
        self.gather(|catalog| catalog.search(query))
    }

    /// All tags over all datasets, by name.
    ///
    /// # Errors
    /// As [`Catalog::tags`].
    pub fn tags(&self) -> Result<Vec<(String, RoaringBitmap)>, CatalogError> {
        if let Some(tags) = &*self.tags.borrow() {
            return Ok(tags.clone());
        }
        let mut merged = std::collections::BTreeMap::<String, RoaringBitmap>::new();
        for (catalog, dataset) in self.catalogs.iter().zip(&self.columns.datasets) {
            for (tag, rows) in catalog.tags()? {
                *merged.entry(tag).or_default() |= shift(&rows, dataset.range.start);
            }
        }
        let tags: Vec<_> = merged.into_iter().collect();
        *self.tags.borrow_mut() = Some(tags.clone());
        Ok(tags)
    }

    /// Gives (`on`) or takes away a tag.
    ///
    /// # Errors
    /// As [`Catalog::set_tag`].
    pub fn set_tag(&self, tag: &str, samples: &RoaringBitmap, on: bool) -> Result<(), CatalogError> {
        *self.tags.borrow_mut() = None;
        for (catalog, dataset) in self.catalogs.iter().zip(&self.columns.datasets) {
            let start = dataset.range.start;
            let rows: RoaringBitmap = samples.range(dataset.range.clone()).map(|id| id - start).collect();
            if !rows.is_empty() {
                catalog.set_tag(tag, &rows, on)?;
            }
        }
        Ok(())
    }

    fn gather(
        &self,
        ask: impl Fn(&Catalog) -> Result<RoaringBitmap, CatalogError>,
    ) -> Result<RoaringBitmap, CatalogError> {
        let mut all = RoaringBitmap::new();
        for (catalog, dataset) in self.catalogs.iter().zip(&self.columns.datasets) {
            let rows = ask(catalog)?;
            if dataset.range.start == 0 {
                all |= rows;
            } else {
                all |= shift(&rows, dataset.range.start);
            }
        }
        Ok(all)
    }
}

/// Moves every row up by `by`.
fn shift(rows: &RoaringBitmap, by: u32) -> RoaringBitmap {
    RoaringBitmap::from_sorted_iter(rows.iter().map(|row| row + by)).expect("a shift keeps the order")
}

fn sentence(error: CatalogError) -> FilterError {
    match error {
        CatalogError::Query(error) => error,
        other => FilterError::general(other.to_string()),
    }
}

impl Lookup for Population<'_> {
    fn search(&self, query: &SearchQuery) -> Result<RoaringBitmap, FilterError> {
        self.find(query).map_err(sentence)
    }

    fn tag(&self, name: &str) -> Result<RoaringBitmap, FilterError> {
        let tags = self.tags().map_err(sentence)?;
        Ok(tags.into_iter().find(|(tag, _)| tag == name).map(|(_, samples)| samples).unwrap_or_default())
    }

    fn tagged(&self) -> Result<RoaringBitmap, FilterError> {
        let tags = self.tags().map_err(sentence)?;
        Ok(tags.into_iter().fold(RoaringBitmap::new(), |all, (_, samples)| all | samples))
    }

    fn predictions(&self) -> Result<&Predictions, FilterError> {
        self.predictions.as_deref().ok_or_else(filter::no_predictions)
    }

    fn with_key(&self, key: &str, candidates: RoaringBitmap) -> Result<RoaringBitmap, FilterError> {
        let mut same = RoaringBitmap::new();
        for id in candidates {
            if self.record(SampleId(id)).map_err(sentence)?.key == key {
                same.insert(id);
            }
        }
        Ok(same)
    }
}
