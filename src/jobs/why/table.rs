//! Writes figures of maps with dataset and key of each picture: CSV, or JSON where the name ends in `.json`.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use serde_json::{Map as Object, Value};

use crate::jobs::export::write_whole;
use crate::jobs::reader::DatasetReader;
use crate::jobs::{Level, Outbox, Population, ReaderCache, SampleRef, guarded};

/// A line.
#[derive(Clone, Debug)]
pub struct TableRow {
    /// The picture.
    pub sample: SampleRef,
    /// One a name of the head.
    pub values: Vec<Value>,
}

/// What to write.
#[derive(Clone, Debug)]
pub struct TableAsk {
    /// The population that the samples are of.
    pub population: Arc<Population>,
    /// Where to.
    pub path: PathBuf,
    /// Names of the values.
    pub head: Vec<&'static str>,
    /// The lines.
    pub rows: Vec<TableRow>,
    /// An object of what JSON has beside the lines.
    pub beside: Value,
}

/// Starts the job.
pub(in crate::jobs) fn start(ask: TableAsk, outbox: Outbox) {
    thread::spawn(move || {
        let path = ask.path.clone();
        guarded(&outbox, "an export", || match write(&ask) {
            Ok(()) => outbox.notice(Level::Info, format!("Written: {}", path.display())),
            Err(error) => outbox.notice(Level::Error, format!("The export failed ({error}): {}", path.display())),
        });
    });
}

fn write(ask: &TableAsk) -> Result<(), String> {
    let roots: Vec<PathBuf> = ask.population.datasets.iter().map(|open| open.source.root.clone()).collect();
    let mut readers = ReaderCache::new();
    let mut named = Vec::with_capacity(ask.rows.len());
    for row in &ask.rows {
        let key = DatasetReader::of(&mut readers, &ask.population, row.sample)?.record(row.sample.row)?.key;
        let place = ask.population.datasets.iter().position(|open| open.uid == row.sample.dataset);
        let dataset = place.map_or("", |place| ask.population.columns.datasets[place].name.as_str());
        named.push((dataset, key, &row.values));
    }
    let is_json = ask.path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let bytes = if is_json { json(ask, &named)? } else { csv(ask, &named)? };
    write_whole(&roots, &ask.path, &bytes)
}

type Named<'a> = (&'a str, String, &'a Vec<Value>);

fn json(ask: &TableAsk, named: &[Named<'_>]) -> Result<Vec<u8>, String> {
    let line = |(dataset, key, values): &Named<'_>| {
        let mut object = Object::new();
        object.insert("dataset".to_owned(), Value::from(*dataset));
        object.insert("key".to_owned(), Value::from(key.as_str()));
        for (name, value) in ask.head.iter().zip(*values) {
            object.insert((*name).to_owned(), value.clone());
        }
        Value::Object(object)
    };
    let mut document = match &ask.beside {
        Value::Object(beside) => beside.clone(),
        _ => Object::new(),
    };
    document.insert("maps".to_owned(), Value::Array(named.iter().map(line).collect()));
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn csv(ask: &TableAsk, named: &[Named<'_>]) -> Result<Vec<u8>, String> {
    let said = |error: csv::Error| error.to_string();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["dataset", "key"].into_iter().chain(ask.head.iter().copied())).map_err(said)?;
    for (dataset, key, values) in named {
        let cell = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let cells = [(*dataset).to_owned(), key.clone()].into_iter().chain(values.iter().map(cell));
        writer.write_record(cells).map_err(said)?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}
