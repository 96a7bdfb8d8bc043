//! Parquet files: Hugging Face image structs, plain binary image columns, paths or links, captions alone.
//!
//! A scan reads one row group after the other with a projection: the image column's bytes are only read
//! where width and height do not stand in columns of their own, and then in batches of about [`BATCH_BYTES`]. A row group
//! that cannot be decoded costs its remaining rows and one warning. A picture is read again by its row
//! ([`RowReader`]), a few rows at a time, because a grid asks for neighbours.

mod cells;
mod rows;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use parquet::basic::Compression;
use parquet::file::metadata::PageIndexPolicy;
use rustc_hash::FxHashMap;
use serde_json::Value;

use self::cells::{binary, cell, first_in_list, image_bytes, is_binary, is_embedding, json, row_json, struct_path};
pub(super) use self::rows::RowReader;
use super::detect::is_image_name;
use super::fields::{Cell, ColumnRef, Mapper, Record, Slot, guess_field};
use super::image::{Codec, Probe, probe};
use super::keys::Keys;
use super::mapped::{Stamp, open_file, stamp};
use super::report::Reporter;
use super::source::{Field, FormatError, ImageEntry, Location, RawRecord, RawSample, ReadOptions, Shard, Sink};
use super::webdataset::starts_as_image;
use crate::base::{Warning, WarningKind};

/// Image bytes that a batch of rows is meant to hold.
const BATCH_BYTES: u64 = 8 << 20;

/// Rows of a batch without images.
const BATCH_ROWS: usize = 2048;

/// Values that are looked at to see whether a column of bytes holds texts.
const FIRST_VALUES: usize = 16;

/// An open parquet file with its footer.
#[derive(Debug)]
pub(super) struct Table {
    file: File,
    metadata: ArrowReaderMetadata,
    /// The file's columns, with those of bytes that hold texts as texts (old Spark and Impala write them so).
    schema: Arc<Schema>,
    stamp: Option<Stamp>,
}

impl Table {
    pub(super) fn open(path: &Path) -> Result<Self, FormatError> {
        let file = open_file(path)?;
        let load = || {
            // The index of pages makes random access read one page instead of a column; old files have none.
            let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
            ArrowReaderMetadata::load(&file, options)
                // A damaged index, or a schema hint that does not fit, must not keep the rows away.
                .or_else(|_| ArrowReaderMetadata::load(&file, ArrowReaderOptions::new().with_skip_arrow_metadata(true)))
        };
        match guarded(load) {
            Ok(Ok(metadata)) => {
                if let Some(codec) = unsupported_compression(&metadata) {
                    let message = format!(
                        "it is compressed with {codec}, which this build does not read; rewrite it with zstd or snappy"
                    );
                    return Err(FormatError::corrupt(path, message));
                }
                let stamp = stamp(&file).ok();
                let schema = Arc::clone(metadata.schema());
                let mut table = Self { file, metadata, schema, stamp };
                table.schema = Arc::new(table.with_texts());
                Ok(table)
            }
            Ok(Err(error)) => Err(FormatError::corrupt(path, format!("this is not a readable parquet file ({error})"))),
            Err(error) => Err(FormatError::corrupt(path, format!("this is not a readable parquet file ({error})"))),
        }
    }

    /// True if the file has the length and time that it was opened with.
    fn is_as_opened(&self) -> bool {
        stamp(&self.file).ok() == self.stamp
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The schema with the columns of bytes that hold texts as texts.
    fn with_texts(&self) -> Schema {
        let fields = self.schema.fields().iter().map(|field| {
            let is_text = is_binary(field.data_type()) && self.holds_texts(field.name());
            if is_text { Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)) } else { Arc::clone(field) }
        });
        Schema::new_with_metadata(fields.collect::<Vec<_>>(), self.schema.metadata().clone())
    }

    /// True where the first values of a column of bytes are UTF-8 (one odd letter in Latin-1 makes no bytes of a text) and no
    /// pictures. What is named as pictures are must look like a path or a link.
    fn holds_texts(&self, name: &str) -> bool {
        let named = matches!(guess_field(name), Some((Field::Image, _)));
        let (mut texts, mut others) = (0, 0);
        for group in 0..self.row_groups().min(4) {
            let mask = self.projection(|root, _| root == name);
            let rows = RowSelection::from(vec![RowSelector::select(FIRST_VALUES.min(self.rows_in(group) as usize))]);
            let Ok(mut reader) = self.read(group, mask, FIRST_VALUES, Some(rows)) else { return false };
            let Ok(Some(Ok(batch))) = guarded(|| reader.next()) else { continue };
            for bytes in (0..batch.num_rows()).filter_map(|at| binary(batch.column(0), at)) {
                if starts_as_image(bytes) || bytes.contains(&0) {
                    return false;
                }
                match std::str::from_utf8(bytes) {
                    Ok(text) if named && !is_image_name(text) && !text.contains("://") => return false,
                    Ok(text) => texts += usize::from(!text.is_empty()),
                    Err(_) => others += 1,
                }
            }
            if texts + others > 0 {
                break;
            }
        }
        texts > others
    }

    /// The batch with the columns of bytes that hold texts as texts; what is not UTF-8 in them is replaced.
    fn as_texts(&self, batch: RecordBatch) -> RecordBatch {
        let schema = batch.schema();
        let is_text = |field: &ArrowField| {
            is_binary(field.data_type())
                && self.schema.field_with_name(field.name()).is_ok_and(|known| known.data_type().is_string())
        };
        if !schema.fields().iter().any(|field| is_text(field)) {
            return batch;
        }
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
            if !is_text(field) {
                return (Arc::clone(field), Arc::clone(column));
            }
            let texts: StringArray =
                (0..column.len()).map(|at| binary(column, at).map(String::from_utf8_lossy)).collect();
            let field = field.as_ref().clone().with_data_type(DataType::Utf8).with_nullable(true);
            (Arc::new(field), Arc::new(texts) as ArrayRef)
        });
        let (fields, columns): (Vec<_>, Vec<_>) = columns.unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap_or(batch)
    }

    fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    fn rows_in(&self, group: usize) -> u64 {
        self.metadata.metadata().row_group(group).num_rows().max(0) as u64
    }

    /// A projection to the leaves for which `keep(root name, path below the root)` holds.
    fn projection(&self, keep: impl Fn(&str, &[String]) -> bool) -> ProjectionMask {
        let schema = self.metadata.parquet_schema();
        let leaves = (0..schema.num_columns()).filter(|&leaf| {
            let column = schema.column(leaf);
            let parts = column.path().parts();
            parts.first().is_some_and(|root| keep(root, &parts[1..]))
        });
        ProjectionMask::leaves(schema, leaves)
    }

    /// The mean uncompressed bytes a row of the leaves that `keep` in a group.
    fn bytes_a_row(&self, group: usize, root: &str) -> u64 {
        let group = self.metadata.metadata().row_group(group);
        let bytes: i64 = group
            .columns()
            .iter()
            .filter(|column| column.column_path().parts().first().is_some_and(|part| part == root))
            .map(|column| column.uncompressed_size().max(0))
            .sum();
        bytes as u64 / group.num_rows().max(1) as u64
    }

    fn read(
        &self,
        group: usize,
        mask: ProjectionMask,
        batch: usize,
        rows: Option<RowSelection>,
    ) -> Result<ParquetRecordBatchReader, String> {
        let file = self.file.try_clone().map_err(|error| error.to_string())?;
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(batch);
        if let Some(rows) = rows {
            builder = builder.with_row_selection(rows);
        }
        guarded(|| builder.build())?.map_err(|error| error.to_string())
    }

    /// Hands each batch of a group to `take` with the row in the file that it starts at.
    fn each_batch(
        &self,
        group: usize,
        first_row: u64,
        mask: ProjectionMask,
        batch: usize,
        mut take: impl FnMut(&RecordBatch, u64) -> Result<(), FormatError>,
    ) -> Result<Result<(), String>, FormatError> {
        let mut reader = match self.read(group, mask, batch, None) {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error)),
        };
        let mut row = first_row;
        loop {
            match guarded(|| reader.next()) {
                Ok(None) => return Ok(Ok(())),
                Ok(Some(Ok(batch))) => {
                    let batch = self.as_texts(batch);
                    take(&batch, row)?;
                    row += batch.num_rows() as u64;
                }
                Ok(Some(Err(error))) => return Ok(Err(error.to_string())),
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}

/// The name of a compression that is not built in (Brotli and LZO are rare and large).
fn unsupported_compression(metadata: &ArrowReaderMetadata) -> Option<&'static str> {
    let columns =
        metadata.metadata().row_groups().iter().take(1).flat_map(parquet::file::metadata::RowGroupMetaData::columns);
    columns.map(parquet::file::metadata::ColumnChunkMetaData::compression).find_map(|codec| match codec {
        Compression::BROTLI(_) => Some("brotli"),
        Compression::LZO => Some("LZO"),
        _ => None,
    })
}

/// Runs a decoder that may panic on damaged pages.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        format!("the decoder gave up: {}", text.unwrap_or("no reason given"))
    })
}

/// How pictures stand in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ImageColumn {
    /// `struct{bytes, path}`, or a list of such.
    Struct(String),
    /// A binary column.
    Binary(String),
    /// Paths of files below the root (or links, which give no picture).
    Path(String),
    None,
}

impl ImageColumn {
    /// Finds the image column by the user's word, by type and by name.
    fn find(table: &Table, mapper: &mut Mapper) -> Self {
        let fields = table.schema().fields();
        if let Some(name) = mapper.mapped(Field::Image) {
            return fields.iter().find(|field| field.name() == name).map_or(Self::None, |field| Self::of(field));
        }
        let mut best: Option<(u8, Self)> = None;
        for field in fields {
            let column = Self::of(field);
            let named = {
                let reference = mapper.column(field.name());
                mapper.rank(reference, Slot::Image)
            };
            // A struct with bytes is an image by its type, a binary by its name or first value, a text by its name alone.
            let rank = match (&column, named) {
                (Self::Struct(_), rank) => rank.unwrap_or(30),
                (Self::Binary(_), Some(rank)) => 40 + rank,
                (Self::Binary(name), None) if table.first_value_is_image(name) => 80,
                (Self::Path(_), Some(rank)) => 100 + rank,
                (Self::Binary(_) | Self::Path(_), None) | (Self::None, _) => continue,
            };
            if best.as_ref().is_none_or(|(other, _)| rank < *other) {
                best = Some((rank, column));
            }
        }
        best.map_or(Self::None, |(_, column)| column)
    }

    fn of(field: &ArrowField) -> Self {
        match field.data_type() {
            kind if has_bytes(kind) => Self::Struct(field.name().clone()),
            // Several pictures a row: the first is shown.
            DataType::List(item) | DataType::LargeList(item) if has_bytes(item.data_type()) => {
                Self::Struct(field.name().clone())
            }
            kind if is_binary(kind) => Self::Binary(field.name().clone()),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Path(field.name().clone()),
            _ => Self::None,
        }
    }

    fn bytes_root(&self) -> Option<&str> {
        match self {
            Self::Struct(name) | Self::Binary(name) => Some(name),
            Self::Path(_) | Self::None => None,
        }
    }
}

impl Table {
    fn first_value_is_image(&self, name: &str) -> bool {
        if self.row_groups() == 0 {
            return false;
        }
        let rows = RowSelection::from(vec![RowSelector::select(1)]);
        let Ok(mut reader) = self.read(0, self.projection(|root, _| root == name), 1, Some(rows)) else { return false };
        match guarded(|| reader.next()) {
            Ok(Some(Ok(batch))) => batch.num_rows() > 0 && binary(batch.column(0), 0).is_some_and(starts_as_image),
            _ => false,
        }
    }
}

/// True for `struct{bytes, ..}`.
fn has_bytes(kind: &DataType) -> bool {
    matches!(kind, DataType::Struct(parts)
        if parts.iter().any(|part| part.name() == "bytes" && is_binary(part.data_type())))
}

/// Class names of integer columns, as Hugging Face keeps them in the file's metadata.
fn class_names(schema: &Schema) -> FxHashMap<String, Vec<String>> {
    let mut names = FxHashMap::default();
    let Some(json) = schema.metadata().get("huggingface") else { return names };
    let Ok(value) = serde_json::from_str::<Value>(json) else { return names };
    let Some(features) = value.pointer("/info/features").and_then(Value::as_object) else { return names };
    for (column, feature) in features {
        if let Some(list) = feature.get("names").and_then(Value::as_array) {
            names
                .insert(column.clone(), list.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect());
        }
    }
    names
}

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
