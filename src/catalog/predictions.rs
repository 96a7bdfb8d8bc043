//! What models say of the samples: the best classes of each, kept in the dataset's catalog.
//!
//! A [`Predictor`] is a model read in one way; its key names everything that its answers hang on (the model's hash,
//! preprocessing, output, classes), so an answer of another model or another reading is never served. Predictions
//! come in chunks of a few hundred samples of one shard, each by one transaction: what a killed run had stored
//! is not asked again. A chunk goes with its shard when that is read again, so a sample whose shard changed has no prediction until the next
//! run. Chunks are addressed by row id, which is never given twice.
//!
//! [`Catalog::predictions`] reads one dense column set a dataset; [`Predictions`] lays those of all open datasets one
//! after the other, in memory only while a model is active. Filters ask it through their
//! [`Lookup`](super::filter::Lookup).

use roaring::RoaringBitmap;
use rusqlite::{OptionalExtension, params};

use super::chunk::checksum;
use super::columns::{Columns, ShardRow};
use super::dataset::Catalog;
use super::error::{CatalogError, SqlResult};
use super::taxonomy::NONE;

/// Classes kept a sample, best first.
pub const TOP: usize = 5;

/// [`PredictionColumns::rank`] where the sample's own class is not among the best [`TOP`], or has none.
pub const NO_RANK: u8 = u8::MAX;

/// A model as it was read: whose predictions these are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Predictor {
    /// Names all that the answers hang on; equal keys, equal answers.
    pub key: String,
    /// SHA-256 of the model file, hexadecimal.
    pub model: String,
    /// The model's name, as shown.
    pub name: String,
    /// Class names in output order.
    pub classes: Vec<String>,
}

/// The best classes of one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The sample's row in the dataset.
    pub row: u32,
    /// The class that the sample has by its fields, [`NONE`] without one.
    pub label: u32,
    /// Class and probability, most probable first, at most [`TOP`]; empty where the model gave no numbers for the sample.
    pub top: Vec<(u32, f32)>,
}

/// A predictor and how far it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictorInfo {
    /// Which.
    pub predictor: Predictor,
    /// Samples it has answered for.
    pub samples: u64,
    /// Raised at each run: the largest is the latest.
    pub order: i64,
}

/// The predictions of one dataset, one entry a sample.
#[derive(Clone, Debug, Default)]
pub struct PredictionColumns {
    /// The most probable class, [`NONE`] without a prediction.
    pub predicted: Vec<u32>,
    /// Its probability, NaN without a prediction.
    pub confidence: Vec<f32>,
    /// The sample's own class by its fields, [`NONE`] without one, and where no prediction was asked for.
    pub label: Vec<u32>,
    /// Place of the sample's own class among the best (0: it is the best), [`NO_RANK`] where it is not among them.
    pub rank: Vec<u8>,
}

impl PartialEq for PredictionColumns {
    /// Missing probabilities are equal.
    fn eq(&self, other: &Self) -> bool {
        let bits = |columns: &Self| columns.confidence.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        self.predicted == other.predicted
            && self.label == other.label
            && self.rank == other.rank
            && bits(self) == bits(other)
    }
}

impl PredictionColumns {
    /// No prediction for any of `rows` samples.
    #[must_use]
    pub fn empty(rows: usize) -> Self {
        Self {
            predicted: vec![NONE; rows],
            confidence: vec![f32::NAN; rows],
            label: vec![NONE; rows],
            rank: vec![NO_RANK; rows],
        }
    }

    /// Puts the entries of `other` behind these.
    pub fn append(&mut self, other: &Self) {
        self.predicted.extend_from_slice(&other.predicted);
        self.confidence.extend_from_slice(&other.confidence);
        self.label.extend_from_slice(&other.label);
        self.rank.extend_from_slice(&other.rank);
    }
}

/// The predictions of one model over a population; index of each vector: [`SampleId`](crate::base::SampleId).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// Whose.
    pub predictor: Predictor,
    /// The columns, as long as the population.
    pub columns: PredictionColumns,
}

impl Predictions {
    /// Reads what `key` predicted over the population of `columns`. `catalogs` are those of its datasets, in order and with its
    /// numbering. `None` where no dataset knows the predictor.
    ///
    /// # Errors
    /// If a catalog cannot be read or is damaged.
    pub fn load(columns: &Columns, catalogs: &[Catalog], key: &str) -> Result<Option<Self>, CatalogError> {
        let mut predictor = None;
        let mut all = PredictionColumns::default();
        for (catalog, dataset) in catalogs.iter().zip(&columns.datasets) {
            if predictor.is_none() {
                predictor = catalog.predictors()?.into_iter().map(|info| info.predictor).find(|found| found.key == key);
            }
            let part = catalog.predictions(key)?;
            let n = (dataset.range.end - dataset.range.start) as usize;
            all.append(if part.predicted.len() == n { &part } else { return Ok(None) });
        }
        Ok(predictor.map(|predictor| Self { predictor, columns: all }))
    }

    /// The name of a class, or its number where the model has no names.
    #[must_use]
    pub fn class_name(&self, class: u32) -> String {
        self.predictor.class_name(class)
    }

    /// True if nothing is predicted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.predicted.iter().all(|&class| class == NONE)
    }
}

impl Predictor {
    /// The name of a class, or its number where the model has no names.
    #[must_use]
    pub fn class_name(&self, class: u32) -> String {
        self.classes.get(class as usize).cloned().unwrap_or_else(|| format!("class {class}"))
    }
}

/// The key of the predictor that ran last over any of the catalogs.
///
/// # Errors
/// If a catalog cannot be read.
pub fn latest_predictor(catalogs: &[Catalog]) -> Result<Option<String>, CatalogError> {
    let mut latest: Option<(i64, String)> = None;
    for catalog in catalogs {
        for info in catalog.predictors()? {
            if latest.as_ref().is_none_or(|(order, _)| info.order > *order) {
                latest = Some((info.order, info.predictor.key));
            }
        }
    }
    Ok(latest.map(|(_, key)| key))
}

/// Bytes of one sample in a chunk: offset, label, and class and probability of the best.
const ROW_BYTES: usize = 4 + 4 + TOP * 8;

/// Samples of one shard as a blob: for each its offset from the first, its label and its best classes ([`NONE`] and 0 behind the last),
/// little-endian, and a checksum.
fn encode(first: u32, predictions: &[&Prediction]) -> Vec<u8> {
    let mut out = Vec::with_capacity(predictions.len() * ROW_BYTES + 8);
    for prediction in predictions {
        out.extend_from_slice(&(prediction.row - first).to_le_bytes());
        out.extend_from_slice(&prediction.label.to_le_bytes());
        for at in 0..TOP {
            let (class, probability) = prediction.top.get(at).copied().unwrap_or((NONE, 0.0));
            out.extend_from_slice(&class.to_le_bytes());
            out.extend_from_slice(&probability.to_le_bytes());
        }
    }
    let sum = checksum(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// What [`encode`] wrote; `row` of each is the offset from the chunk's first sample. `None` if the bytes are damaged.
fn decode(data: &[u8]) -> Option<impl Iterator<Item = Prediction>> {
    let (data, sum) = data.split_last_chunk::<8>()?;
    if data.len() % ROW_BYTES != 0 || checksum(data) != u64::from_le_bytes(*sum) {
        return None;
    }
    let word = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().expect("four bytes are four bytes"))
    };
    Some(data.chunks_exact(ROW_BYTES).map(move |row| {
        Prediction {
            row: word(row, 0),
            label: word(row, 1),
            top: (0..TOP)
                .map(|at| (word(row, 2 + 2 * at), f32::from_bits(word(row, 3 + 2 * at))))
                .take_while(|(class, _)| *class != NONE)
                .collect(),
        }
    }))
}

impl Catalog {
    /// Whose predictions the catalog holds, the latest run first.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn predictors(&self) -> Result<Vec<PredictorInfo>, CatalogError> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT key, model, name, classes, run, \
                 (SELECT coalesce(sum(rows), 0) FROM predictions WHERE predictor = predictors.id) \
                 FROM predictors ORDER BY run DESC, id DESC",
            )
            .at(&self.path)?;
        let rows = statement.query_map([], |row| {
            let classes: String = row.get(3)?;
            Ok(PredictorInfo {
                predictor: Predictor {
                    key: row.get(0)?,
                    model: row.get(1)?,
                    name: row.get(2)?,
                    classes: serde_json::from_str(&classes).unwrap_or_default(),
                },
                order: row.get(4)?,
                samples: row.get::<_, i64>(5)? as u64,
            })
        });
        rows.at(&self.path)?.collect::<Result<_, _>>().at(&self.path)
    }

    /// Enters a predictor, or makes a known one the latest and takes over its name. `order` is what [`PredictorInfo::order`] says afterwards:
    /// seconds since the epoch will do.
    ///
    /// # Errors
    /// If the catalog cannot be written.
    pub fn begin_predictions(&self, predictor: &Predictor, order: i64) -> Result<(), CatalogError> {
        let classes = serde_json::Value::from(predictor.classes.clone()).to_string();
        self.connection
            .execute(
                "INSERT INTO predictors(key, model, name, classes, run) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT(key) DO UPDATE SET name = excluded.name, run = excluded.run",
                params![predictor.key, predictor.model, predictor.name, classes, order],
            )
            .at(&self.path)?;
        Ok(())
    }

    fn predictor_id(&self, key: &str) -> Result<Option<i64>, CatalogError> {
        self.connection
            .prepare_cached("SELECT id FROM predictors WHERE key = ?1")
            .at(&self.path)?
            .query_row([key], |row| row.get(0))
            .optional()
            .at(&self.path)
    }

    /// Stores predictions (rows of the current numbering, ascending) in one transaction. Those whose shard was read again since the
    /// numbering was taken are left out; returns how many were stored.
    ///
    /// # Errors
    /// If the catalog cannot be written.
    ///
    /// # Panics
    /// If the predictor was not [begun](Self::begin_predictions).
    pub fn store_predictions(&self, key: &str, predictions: &[Prediction]) -> Result<usize, CatalogError> {
        let path = &self.path;
        let shards = self.shards();
        let transaction =
            rusqlite::Transaction::new_unchecked(&self.connection, rusqlite::TransactionBehavior::Immediate)
                .at(path)?;
        let predictor = self.predictor_id(key)?.expect("`begin_predictions` comes first");
        let mut stored = 0;
        for shard in shards.iter() {
            let own: Vec<&Prediction> = predictions
                .iter()
                .filter(|prediction| (shard.first_row..shard.first_row + shard.rows).contains(&prediction.row))
                .collect();
            let Some(first) = own.iter().map(|prediction| prediction.row).min() else { continue };
            let stands = transaction
                .prepare_cached("SELECT 1 FROM shards WHERE id = ?1 AND base_rowid = ?2")
                .at(path)?
                .exists(params![shard.id, shard.base_rowid])
                .at(path)?;
            if !stands {
                continue;
            }
            transaction
                .prepare_cached("INSERT INTO predictions(predictor, first_rowid, rows, data) VALUES (?1, ?2, ?3, ?4)")
                .at(path)?
                .execute(params![predictor, rowid(shard, first), own.len() as i64, encode(first, &own)])
                .at(path)?;
            stored += own.len();
        }
        transaction.commit().at(path)?;
        Ok(stored)
    }

    /// Calls `f` with every stored prediction of `key` in the current numbering.
    fn each_prediction(&self, key: &str, mut f: impl FnMut(Prediction)) -> Result<(), CatalogError> {
        let Some(predictor) = self.predictor_id(key)? else { return Ok(()) };
        let shards = self.shards();
        let mut statement = self
            .connection
            .prepare_cached("SELECT first_rowid, data FROM predictions WHERE predictor = ?1 AND first_rowid >= ?2 AND first_rowid < ?3 ORDER BY id")
            .at(&self.path)?;
        for shard in shards.iter() {
            let range = params![predictor, shard.base_rowid, shard.base_rowid + i64::from(shard.rows)];
            let mut found = statement.query(range).at(&self.path)?;
            while let Some(row) = found.next().at(&self.path)? {
                let first: i64 = row.get(0).at(&self.path)?;
                let data = row.get_ref(1).at(&self.path)?.as_blob().map_err(rusqlite::Error::from).at(&self.path)?;
                let start = shard.first_row + (first - shard.base_rowid) as u32;
                let end = shard.first_row + shard.rows;
                for prediction in decode(data).ok_or_else(|| self.damaged_predictions())? {
                    let row = start.checked_add(prediction.row).filter(|&row| row < end);
                    f(Prediction { row: row.ok_or_else(|| self.damaged_predictions())?, ..prediction });
                }
            }
        }
        Ok(())
    }

    fn damaged_predictions(&self) -> CatalogError {
        CatalogError::corrupt(&self.path, "a chunk of predictions is not as it was written")
    }

    /// Rows of the current numbering that `key` has answered for (also those for which the model gave no numbers).
    ///
    /// # Errors
    /// If the catalog cannot be read or is damaged.
    pub fn predicted_rows(&self, key: &str) -> Result<RoaringBitmap, CatalogError> {
        let mut rows = RoaringBitmap::new();
        self.each_prediction(key, |prediction| {
            rows.insert(prediction.row);
        })?;
        Ok(rows)
    }

    /// What `key` predicted, an entry for each row of the current numbering; all empty for an unknown key.
    ///
    /// # Errors
    /// If the catalog cannot be read or is damaged.
    pub fn predictions(&self, key: &str) -> Result<PredictionColumns, CatalogError> {
        let rows = self.shards().iter().map(|shard| shard.rows as usize).sum();
        let mut columns = PredictionColumns::empty(rows);
        self.each_prediction(key, |prediction| {
            let row = prediction.row as usize;
            let (class, probability) = prediction.top.first().copied().unwrap_or((NONE, f32::NAN));
            columns.predicted[row] = class;
            columns.confidence[row] = probability;
            columns.label[row] = prediction.label;
            let place = prediction.top.iter().position(|(class, _)| *class == prediction.label);
            columns.rank[row] = place.map_or(NO_RANK, |place| place as u8);
        })?;
        Ok(columns)
    }

    /// What `key` predicted for `rows` (of the current numbering), ascending.
    ///
    /// # Errors
    /// If the catalog cannot be read or is damaged.
    pub fn predictions_of(&self, key: &str, rows: &RoaringBitmap) -> Result<Vec<Prediction>, CatalogError> {
        let mut found = std::collections::BTreeMap::new();
        self.each_prediction(key, |prediction| {
            if rows.contains(prediction.row) {
                found.insert(prediction.row, prediction);
            }
        })?;
        Ok(found.into_values().collect())
    }

    /// What `key` predicted for the sample at `row`, reading no more than the chunks around it.
    ///
    /// # Errors
    /// If the catalog cannot be read or is damaged.
    pub fn prediction(&self, key: &str, row: u32) -> Result<Option<Prediction>, CatalogError> {
        let Some(predictor) = self.predictor_id(key)? else { return Ok(None) };
        let shards = self.shards();
        let at = shards.partition_point(|shard| shard.first_row + shard.rows <= row);
        let Some(shard) = shards.get(at) else { return Ok(None) };
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT first_rowid, data FROM predictions \
                 WHERE predictor = ?1 AND first_rowid >= ?2 AND first_rowid <= ?3 ORDER BY first_rowid DESC",
            )
            .at(&self.path)?;
        let mut found = statement.query(params![predictor, shard.base_rowid, rowid(shard, row)]).at(&self.path)?;
        while let Some(chunk) = found.next().at(&self.path)? {
            let first: i64 = chunk.get(0).at(&self.path)?;
            let data = chunk.get_ref(1).at(&self.path)?.as_blob().map_err(rusqlite::Error::from).at(&self.path)?;
            let offset = (rowid(shard, row) - first) as u32;
            let mut chunk = decode(data).ok_or_else(|| self.damaged_predictions())?;
            if let Some(prediction) = chunk.find(|prediction| prediction.row == offset) {
                return Ok(Some(Prediction { row, ..prediction }));
            }
        }
        Ok(None)
    }

    /// Forgets what `key` predicted.
    ///
    /// # Errors
    /// If the catalog cannot be written.
    pub fn forget_predictions(&self, key: &str) -> Result<(), CatalogError> {
        let Some(predictor) = self.predictor_id(key)? else { return Ok(()) };
        let transaction =
            rusqlite::Transaction::new_unchecked(&self.connection, rusqlite::TransactionBehavior::Immediate)
                .at(&self.path)?;
        transaction.execute("DELETE FROM predictions WHERE predictor = ?1", [predictor]).at(&self.path)?;
        transaction.execute("DELETE FROM predictors WHERE id = ?1", [predictor]).at(&self.path)?;
        transaction.commit().at(&self.path)
    }
}

/// The row id of a row of `shard`.
fn rowid(shard: &ShardRow, row: u32) -> i64 {
    shard.base_rowid + i64::from(row - shard.first_row)
}
