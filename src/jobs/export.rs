//! Writes records of samples to a file the user chose: JSON lines, or CSV where the name ends in
//! `.csv`. The file appears when it is whole (a temporary name beside it, then a rename).

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use roaring::RoaringBitmap;

use super::reader::DatasetReader;
use super::{Event, Level, Outbox, Population, ReaderCache, Registry, guarded};
use crate::base::{CancelToken, Progress, SampleId};
use crate::catalog::export::{RecordWriter, Row, TableFormat};
use crate::formats::positions::{self, PositionRow};

/// Starts the job.
pub(super) fn start(
    population: Arc<Population>,
    ids: Arc<Vec<u32>>,
    path: PathBuf,
    registry: &Registry,
    outbox: Outbox,
) {
    let running = registry.begin(format!("Exporting {} records", ids.len()));
    thread::spawn(move || {
        guarded(&outbox, "an export", || match write(&population, &ids, &path, &running.progress, &running.cancel) {
            Ok(true) => outbox.notice(Level::Info, format!("Wrote {} records: {}", ids.len(), path.display())),
            Ok(false) => outbox.notice(Level::Info, "Export cancelled; nothing was written."),
            Err(error) => outbox.notice(Level::Error, format!("The export failed ({error}): {}", path.display())),
        });
        drop(running);
    });
}

/// Writes; `Ok(false)` if cancelled. The file is whole or absent.
///
/// # Errors
/// A sentence about the file or a record.
pub fn write(
    population: &Population,
    ids: &[u32],
    path: &Path,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<bool, String> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if population.datasets.iter().any(|open| folder.starts_with(&open.source.root)) {
        return Err("choose a place outside the dataset's folder; nothing is ever written there".to_owned());
    }
    let file = tempfile::NamedTempFile::new_in(folder).map_err(|error| error.to_string())?;
    let out = BufWriter::new(file);
    let format = if path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("csv")) {
        TableFormat::Csv
    } else {
        TableFormat::Jsonl
    };
    progress.set_total(ids.len() as u64);
    let mut writer = RecordWriter::new(out, format).map_err(|error| error.to_string())?;
    let mut readers = ReaderCache::new();
    for &id in ids {
        if cancel.is_cancelled() {
            return Ok(false);
        }
        let sample = SampleId(id);
        let sample_ref = population.sample_ref(sample);
        let record = DatasetReader::of(&mut readers, population, sample_ref)?.record(sample_ref.row)?;
        let dataset = &population.columns.datasets[population.columns.dataset_of(sample).index()].name;
        writer.write(&Row::new(dataset, &record)).map_err(|error| error.to_string())?;
        progress.add(1);
        progress.add_samples(1);
    }
    let mut out = writer.finish().map_err(|error| error.to_string())?;
    out.flush().map_err(|error| error.to_string())?;
    let file: tempfile::NamedTempFile = out.into_inner().map_err(|error| error.to_string())?;
    file.as_file().sync_all().map_err(|error| error.to_string())?;
    let kept: Result<File, _> = file.persist(path);
    kept.map_err(|error| error.to_string())?;
    Ok(true)
}

/// Writes a text (a table, a drawing) to a file the user chose; the file appears when it is whole.
pub(super) fn write_file(population: &Population, path: PathBuf, bytes: Arc<Vec<u8>>, outbox: Outbox) {
    let roots: Vec<PathBuf> = population.datasets.iter().map(|open| open.source.root.clone()).collect();
    thread::spawn(move || {
        guarded(&outbox, "an export", || match write_whole(&roots, &path, &bytes) {
            Ok(()) => outbox.notice(Level::Info, format!("Written: {}", path.display())),
            Err(error) => outbox.notice(Level::Error, format!("The export failed ({error}): {}", path.display())),
        });
    });
}

pub(super) fn write_whole(roots: &[PathBuf], path: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if roots.iter().any(|root| folder.starts_with(root)) {
        return Err("choose a place outside the dataset's folder; nothing is ever written there".to_owned());
    }
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| error.to_string())?;
    file.write_all(bytes).map_err(|error| error.to_string())?;
    file.as_file().sync_all().map_err(|error| error.to_string())?;
    file.persist(path).map_err(|error| error.to_string())?;
    Ok(())
}

/// Writes positions of samples with their keys: Parquet, or CSV where the name ends in `.csv`.
pub(super) fn positions(
    population: Arc<Population>,
    samples: Arc<Vec<u32>>,
    places: Arc<Vec<[f32; 2]>>,
    path: PathBuf,
    registry: &Registry,
    outbox: Outbox,
) {
    let running = registry.begin(format!("Exporting {} positions", samples.len()));
    thread::spawn(move || {
        let work = || {
            running.progress.set_total(samples.len() as u64);
            let mut readers = ReaderCache::new();
            let mut rows = Vec::with_capacity(samples.len());
            let names: Vec<Arc<str>> =
                population.columns.datasets.iter().map(|dataset| Arc::from(dataset.name.as_str())).collect();
            for (&id, &position) in samples.iter().zip(places.iter()) {
                running.cancel.check().map_err(|error| error.to_string())?;
                let sample = SampleId(id);
                let sample_ref = population.sample_ref(sample);
                let key = DatasetReader::of(&mut readers, &population, sample_ref)?.record(sample_ref.row)?.key;
                let dataset = Arc::clone(&names[population.columns.dataset_of(sample).index()]);
                rows.push(PositionRow { dataset, key, position });
                running.progress.add(1);
            }
            let mut bytes = Vec::new();
            if path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("csv")) {
                positions::write_csv(&rows, &mut bytes)?;
            } else {
                positions::write_parquet(&rows, &mut bytes)?;
            }
            let roots: Vec<PathBuf> = population.datasets.iter().map(|open| open.source.root.clone()).collect();
            write_whole(&roots, &path, &bytes)
        };
        guarded(&outbox, "an export", || match work() {
            Ok(()) => outbox.notice(Level::Info, format!("Wrote {} positions: {}", samples.len(), path.display())),
            Err(error) => outbox.notice(Level::Error, format!("The export failed ({error}): {}", path.display())),
        });
    });
}

/// Most keys that are put on the clipboard.
const MOST_KEYS: usize = 100_000;

/// Reads keys for the clipboard, one a line.
pub(super) fn copy_keys(population: Arc<Population>, samples: Arc<RoaringBitmap>, outbox: Outbox) {
    thread::spawn(move || {
        guarded(&outbox, "copying keys", || {
            let mut readers = ReaderCache::new();
            let mut text = String::new();
            let mut copied = 0_usize;
            for id in samples.iter().take(MOST_KEYS) {
                let sample = population.sample_ref(SampleId(id));
                if let Ok(record) =
                    DatasetReader::of(&mut readers, &population, sample).and_then(|reader| reader.record(sample.row))
                {
                    text.push_str(&record.key);
                    text.push('\n');
                    copied += 1;
                }
            }
            let of = if samples.len() > copied as u64 { format!(" of {}", samples.len()) } else { String::new() };
            outbox.send(Event::Clipboard { text, note: format!("Copied {copied}{of} keys.") });
        });
    });
}
