//! Parquet files: Hugging Face image structs, plain binary image columns, paths or links, captions alone.
//!
//! A scan reads one row group after the other with a projection: the image column's bytes are only read
//! where width and height do not stand in columns of their own, and then in batches of about [`BATCH_BYTES`]. A row group
//! that cannot be decoded costs its remaining rows and one warning. A picture is read again by its row
//! ([`RowReader`]), a few rows at a time, because a grid asks for neighbours.

mod cells;
mod rows;
mod table;

use std::path::{Path, PathBuf};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use rustc_hash::FxHashMap;

use self::cells::{cell, first_in_list, image_bytes, is_binary, is_embedding, json, row_json, struct_path};
pub(super) use self::table::Table;
use self::table::{ImageColumn, class_names, guarded, has_bytes};
use super::fields::{Cell, ColumnRef, Mapper, Record, Slot};
use super::image::{Codec, Probe, probe};
use super::keys::Keys;
use super::report::Reporter;
use super::source::{FormatError, ImageEntry, Location, RawRecord, RawSample, ReadOptions, Shard, Sink};
use crate::base::{Warning, WarningKind};

pub(super) use self::rows::RowReader;

/// Image bytes that a batch of rows is meant to hold.
const BATCH_BYTES: u64 = 8 << 20;

/// Rows of a batch without images.
const BATCH_ROWS: usize = 2048;

/// Values that are looked at to see whether a column of bytes holds texts.
const FIRST_VALUES: usize = 16;

/// Reads a file from start to end.
pub(super) fn scan(root: &Path, shard: &Shard, opts: &ReadOptions, sink: &mut dyn Sink) -> Result<(), FormatError> {
    let table = Table::open(&shard.path)?;
    let mut mapper = Mapper::new(&opts.map);
    let image = ImageColumn::find(&table, &mut mapper);
    let has = |mapper: &mut Mapper, slot| {
        table.schema().fields().iter().any(|field| {
            let column = mapper.column(field.name());
            mapper.has_role(column, slot)
        })
    };
    let sized = has(&mut mapper, Slot::Width) && has(&mut mapper, Slot::Height);
    let mut rows = Rows {
        root: base_dir(root),
        stem: shard.name.strip_suffix(".parquet").unwrap_or(&shard.name).to_owned(),
        classes: class_names(table.schema()),
        keys: Keys::default(),
        report: Reporter::new(shard, sink),
        not_downloaded: 0,
        mapper,
        image: image.clone(),
        sized,
    };
    let mut first_row = 0;
    let schema_types: FxHashMap<&str, &DataType> =
        table.schema().fields().iter().map(|field| (field.name().as_str(), field.data_type())).collect();
    for group in 0..table.row_groups() {
        let mask = table.projection(|column, below| {
            if image.bytes_root() == Some(column) {
                // The bytes stay where they are if the size of the picture is known without them.
                return !sized || below.last().is_some_and(|part| part != "bytes");
            }
            schema_types.get(column).is_none_or(|kind| !is_binary(kind))
        });
        let batch = match image.bytes_root() {
            Some(column) if !sized => {
                (BATCH_BYTES / table.bytes_a_row(group, column).max(1)).clamp(1, BATCH_ROWS as u64) as usize
            }
            _ => BATCH_ROWS,
        };
        let read = table.each_batch(group, first_row, mask, batch, |batch, row| {
            opts.cancel.check()?;
            rows.take(batch, row)
        })?;
        if let Err(error) = read {
            let message = format!(
                "row group {group} is damaged ({error}); its remaining rows are left out, the other row groups are kept"
            );
            rows.report.warn(Warning::new(WarningKind::ShardCorrupt, message));
        }
        first_row += table.rows_in(group);
    }
    rows.finish();
    Ok(())
}

/// The folder that relative paths in a table belong to.
pub(super) fn base_dir(root: &Path) -> PathBuf {
    if root.is_file() { root.parent().unwrap_or(root).to_owned() } else { root.to_owned() }
}

struct Rows<'a> {
    root: PathBuf,
    stem: String,
    classes: FxHashMap<String, Vec<String>>,
    keys: Keys,
    report: Reporter<'a>,
    not_downloaded: u64,
    mapper: Mapper,
    image: ImageColumn,
    sized: bool,
}

impl Rows<'_> {
    fn take(&mut self, batch: &RecordBatch, first_row: u64) -> Result<(), FormatError> {
        let schema = batch.schema();
        let columns: Vec<(ColumnRef, Option<Vec<String>>)> = schema
            .fields()
            .iter()
            .map(|field| (self.mapper.column(field.name()), self.classes.get(field.name()).cloned()))
            .collect();
        for at in 0..batch.num_rows() {
            let mut record = read_row(batch, at, &columns, &mut self.mapper);
            if record.status.as_deref().is_some_and(is_failed) {
                self.not_downloaded += 1;
                continue;
            }
            let row = first_row + at as u64;
            let (key, warning) = self.keys.of_row(&self.stem, row, record.key.take());
            self.report.warn_all(warning);
            for mut warning in self.mapper.take_warnings() {
                warning.key = Some(key.clone());
                self.report.warn(warning);
            }
            record.complete();
            let image = self.image(batch, at, row, &record, &key);
            let raw = RawRecord::Inline(row_json(batch, at));
            self.report.sample(RawSample { key, fields: record.fields, image, raw })?;
        }
        Ok(())
    }

    fn image(&mut self, batch: &RecordBatch, at: usize, row: u64, record: &Record, key: &str) -> Option<ImageEntry> {
        let stated = |codec| Probe {
            codec,
            width: record.width.unwrap_or(0),
            height: record.height.unwrap_or(0),
            problem: None,
        };
        match &self.image {
            ImageColumn::None => None,
            ImageColumn::Path(_) => {
                let path = record.image.as_deref()?;
                let entry = super::folder::open_linked(&self.root, path)?;
                self.report.image(entry.probe, key);
                Some(entry)
            }
            ImageColumn::Struct(name) | ImageColumn::Binary(name) => {
                let column = batch.column_by_name(name);
                if self.sized && record.width.is_some() && record.height.is_some() {
                    // A null picture shows in the rest of its struct; of a binary column nothing was read at all.
                    if column
                        .is_some_and(|column| column.is_null(at) || matches!(first_in_list(column, at), (true, None)))
                    {
                        return None;
                    }
                    return Some(ImageEntry {
                        at: Location { offset: row, length: 0, path: None },
                        probe: stated(Codec::Unknown),
                    });
                }
                let column = column?;
                if let Some(bytes) = image_bytes(column, at) {
                    let probe = probe(bytes);
                    self.report.image(probe, key);
                    let length = u32::try_from(bytes.len()).ok()?;
                    return Some(ImageEntry { at: Location { offset: row, length, path: None }, probe });
                }
                // `bytes` is null where the dataset was saved with paths alone.
                let path = struct_path(column, at)?;
                let entry = super::folder::open_linked(&self.root, &path)?;
                self.report.image(entry.probe, key);
                Some(entry)
            }
        }
    }

    fn finish(mut self) {
        self.report.warn_all(not_downloaded(self.not_downloaded));
        self.report.warn_all(self.keys.finish());
        self.report.finish();
    }
}

/// True for the status that img2dataset writes for rows without a picture.
fn is_failed(status: &str) -> bool {
    status.starts_with("failed_to")
}

/// The notice about rows that have no picture because it could not be fetched.
pub(super) fn not_downloaded(rows: u64) -> Option<Warning> {
    (rows > 0).then(|| {
        let message =
            format!("{rows} rows of the table have no picture because it could not be downloaded; they are left out");
        Warning::new(WarningKind::NotDownloaded, message)
    })
}

fn read_row(
    batch: &RecordBatch,
    at: usize,
    columns: &[(ColumnRef, Option<Vec<String>>)],
    mapper: &mut Mapper,
) -> Record {
    let mut record = Record::default();
    for (index, (column, classes)) in columns.iter().enumerate() {
        let array = batch.column(index);
        if !Mapper::wanted(*column)
            || array.is_null(at)
            || is_binary(array.data_type())
            || is_embedding(array.data_type())
        {
            continue;
        }
        let value = cell(array, at);
        if let Some(names) = classes
            && let Cell::Int(class) = value
        {
            if let Some(name) = usize::try_from(class).ok().and_then(|class| names.get(class)) {
                record.fields.class_index = u32::try_from(class).ok();
                mapper.put(&mut record, *column, &Cell::Text(name.as_str().into()));
            }
            continue;
        }
        mapper.put(&mut record, *column, &value);
    }
    record
}

/// Rows of img2dataset's table by key, with how many have no picture.
pub(super) struct KeyedRows {
    pub rows: FxHashMap<String, (Record, String)>,
}

/// Counts the rows whose picture was not fetched; only the `status` column is read.
pub(super) fn count_failed(table: &Table) -> Result<u64, String> {
    let is_text = table.schema().field_with_name("status").is_ok_and(|field| field.data_type().is_string());
    if !is_text {
        return Ok(0);
    }
    let mask = || table.projection(|root, _| root == "status");
    let mut failed = 0;
    for group in 0..table.row_groups() {
        let read = table.each_batch(group, 0, mask(), 8192, |batch, _| {
            let column = batch.column(0);
            failed += (0..batch.num_rows())
                .filter(|&at| !column.is_null(at) && matches!(cell(column, at), Cell::Text(text) if is_failed(&text)))
                .count() as u64;
            Ok(())
        });
        read.map_err(|error| error.to_string())??;
    }
    Ok(failed)
}

/// All rows by their `key` column, without binary columns.
pub(super) fn rows_by_key(table: &Table, mapper: &mut Mapper) -> Result<KeyedRows, String> {
    let mut rows = FxHashMap::default();
    each_row(table, mapper, |record, raw| {
        if let Some(key) = &record.key {
            let key = key.clone();
            rows.insert(key, (record, raw));
        }
    })?;
    Ok(KeyedRows { rows })
}

/// Hands out each row with its record as JSON, without binary columns.
pub(super) fn each_row(table: &Table, mapper: &mut Mapper, mut take: impl FnMut(Record, String)) -> Result<(), String> {
    let binaries: Vec<&str> = table
        .schema()
        .fields()
        .iter()
        .filter(|field| is_binary(field.data_type()))
        .map(|field| field.name().as_str())
        .collect();
    for group in 0..table.row_groups() {
        let mask = table.projection(|root, _| !binaries.contains(&root));
        let read = table.each_batch(group, 0, mask, BATCH_ROWS, |batch, _| {
            let columns: Vec<_> =
                batch.schema().fields().iter().map(|field| (mapper.column(field.name()), None)).collect();
            for at in 0..batch.num_rows() {
                take(read_row(batch, at, &columns, mapper), row_json(batch, at));
            }
            Ok(())
        });
        read.map_err(|error| error.to_string())??;
    }
    Ok(())
}

/// The columns with an example each, for the open dialog.
pub(super) fn columns(path: &Path) -> Result<Vec<(String, String)>, FormatError> {
    let table = Table::open(path)?;
    let schema = table.schema();
    let mut columns: Vec<(String, String)> =
        schema.fields().iter().map(|field| (field.name().clone(), type_name(field.data_type()))).collect();
    if table.row_groups() > 0 {
        let binaries: Vec<String> = schema
            .fields()
            .iter()
            .filter(|field| !matches!(ImageColumn::of(field), ImageColumn::None | ImageColumn::Path(_)))
            .map(|field| field.name().clone())
            .collect();
        let mask = table.projection(|root, _| !binaries.iter().any(|name| name == root));
        let rows = RowSelection::from(vec![RowSelector::select(20.min(table.rows_in(0) as usize))]);
        if let Ok(mut reader) = table.read(0, mask, 20, Some(rows))
            && let Ok(Some(Ok(batch))) = guarded(|| reader.next())
        {
            let batch = table.as_texts(batch);
            for (name, example) in &mut columns {
                let Some(column) = batch.column_by_name(name) else { continue };
                let value = (0..batch.num_rows()).filter(|&at| !column.is_null(at)).find_map(|at| json(column, at));
                if let Some(value) = value {
                    *example = super::columns::shorten_json(&value);
                }
            }
        }
    }
    Ok(columns)
}

fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Struct(_) => "image".to_owned(),
        DataType::List(item) | DataType::LargeList(item) if has_bytes(item.data_type()) => "images".to_owned(),
        kind if is_binary(kind) => "binary".to_owned(),
        kind => kind.to_string().to_lowercase(),
    }
}
