//! Reads single samples of an open dataset: its catalog for texts, its shards for pictures and raw
//! records. Each worker thread has its own; the shards behind are mapped files and cheap to hold.

use std::sync::Arc;

use super::{OpenDataset, Population, ReaderCache, SampleRef};
use crate::catalog::{Catalog, DatasetColumns, Prediction, Record, flags};
use crate::formats::{RawRecord, Shard, ShardReader};

/// Open shards kept a worker; the least recently used is closed.
const OPEN_SHARDS: usize = 32;

/// One dataset, opened for reading.
pub struct DatasetReader {
    open: Arc<OpenDataset>,
    columns: Arc<DatasetColumns>,
    catalog: Catalog,
    /// Most recently used last.
    shards: Vec<(u32, ShardReader)>,
}

impl DatasetReader {
    /// The reader for a sample's dataset, opened at first use.
    ///
    /// # Errors
    /// A sentence: the dataset was closed, or its catalog cannot be read.
    pub fn of<'a>(
        cache: &'a mut ReaderCache,
        population: &Population,
        sample: SampleRef,
    ) -> Result<&'a mut Self, String> {
        let position = population
            .datasets
            .iter()
            .position(|open| open.uid == sample.dataset)
            .ok_or_else(|| "the dataset was closed or read again meanwhile".to_owned())?;
        let open = &population.datasets[position];
        let columns = &population.columns.datasets[position].columns;
        // Readers of closed datasets go when a new one comes.
        if !cache.contains_key(&open.uid) {
            cache.retain(|uid, _| population.datasets.iter().any(|open| open.uid == *uid));
            let catalog = Catalog::open_read(&open.catalog).map_err(|error| error.to_string())?;
            catalog.adopt(columns);
            let reader = Self { open: Arc::clone(open), columns: Arc::clone(columns), catalog, shards: Vec::new() };
            cache.insert(open.uid, reader);
        }
        let reader = cache.get_mut(&open.uid).ok_or_else(|| "the dataset was closed".to_owned())?;
        if !Arc::ptr_eq(&reader.columns, columns) {
            // The dataset grew: rows stay where they are, new ones are known now.
            reader.catalog.adopt(columns);
            reader.columns = Arc::clone(columns);
        }
        Ok(reader)
    }

    /// The texts of a sample.
    ///
    /// # Errors
    /// A sentence.
    pub fn record(&mut self, row: u32) -> Result<Record, String> {
        self.catalog.record(row).map_err(|error| error.to_string())
    }

    /// What a model said of a sample; nothing where that cannot be read: the record is shown all the same.
    #[must_use]
    pub fn prediction(&self, key: &str, row: u32) -> Option<Prediction> {
        self.catalog
            .prediction(key, row)
            .inspect_err(|error| tracing::warn!(%error, "a prediction cannot be read"))
            .ok()
            .flatten()
    }

    /// True if the shard holds a picture of the sample.
    #[must_use]
    pub fn has_image(&self, row: u32) -> bool {
        self.columns.rows.flags.get(row as usize).is_some_and(|bits| bits & flags::HAS_IMAGE != 0)
    }

    /// The encoded picture of a sample.
    ///
    /// # Errors
    /// A sentence: no picture, the shard is gone or changed.
    pub fn image_bytes(&mut self, row: u32) -> Result<bytes::Bytes, String> {
        if !self.has_image(row) {
            return Err("this sample has no picture".to_owned());
        }
        let location = self.record(row)?.image.ok_or_else(|| "this sample has no picture".to_owned())?;
        self.shard(row)?.image_bytes(&location).map_err(|error| error.to_string())
    }

    /// The record as the data has it, as pretty JSON where it is JSON.
    ///
    /// # Errors
    /// A sentence: there is none, or the shard is gone or changed.
    pub fn raw_json(&mut self, row: u32, record: &Record) -> Result<String, String> {
        let text = match &record.raw {
            RawRecord::None => return Err("this sample has no metadata record".to_owned()),
            RawRecord::Inline(text) => text.clone(),
            RawRecord::At(location) => self.shard(row)?.raw_json(location).map_err(|error| error.to_string())?,
        };
        Ok(match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) => serde_json::to_string_pretty(&value).unwrap_or(text),
            Err(_) => text,
        })
    }

    fn shard(&mut self, row: u32) -> Result<&ShardReader, String> {
        let (shard, _) = self.columns.shard_of(row).ok_or_else(|| "the shard list ends before this row".to_owned())?;
        let key = shard.first_row;
        if let Some(i) = self.shards.iter().position(|(first_row, _)| *first_row == key) {
            let entry = self.shards.remove(i);
            self.shards.push(entry);
        } else {
            let shard = Shard { path: shard.path.clone(), name: shard.name.clone(), fingerprint: shard.fingerprint };
            let source = &self.open.source;
            let reader = ShardReader::open(&source.root, source.format, &shard, &self.open.options)
                .map_err(|error| error.to_string())?;
            if self.shards.len() == OPEN_SHARDS {
                self.shards.remove(0);
            }
            self.shards.push((key, reader));
        }
        self.shards.last().map(|(_, reader)| reader).ok_or_else(|| "no shard".to_owned())
    }
}
