//! One file: its schema, the columns that hold pictures, and batches of rows.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
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

use super::FIRST_VALUES;
use super::cells::{binary, is_binary};
use crate::formats::detect::is_image_name;
use crate::formats::fields::{Mapper, Slot, guess_field};
use crate::formats::mapped::{Stamp, open_file, stamp};
use crate::formats::source::{Field, FormatError};
use crate::formats::webdataset::starts_as_image;

/// An open parquet file with its footer.
#[derive(Debug)]
pub(in crate::formats) struct Table {
    file: File,
    metadata: ArrowReaderMetadata,
    /// The file's columns, with those of bytes that hold texts as texts (old Spark and Impala write them so).
    schema: Arc<Schema>,
    stamp: Option<Stamp>,
}

impl Table {
    pub(in crate::formats) fn open(path: &Path) -> Result<Self, FormatError> {
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
    pub(super) fn is_as_opened(&self) -> bool {
        stamp(&self.file).ok() == self.stamp
    }

    pub(in crate::formats) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The schema with the columns of bytes that hold texts as texts.
    pub(super) fn with_texts(&self) -> Schema {
        let fields = self.schema.fields().iter().map(|field| {
            let is_text = is_binary(field.data_type()) && self.holds_texts(field.name());
            if is_text { Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)) } else { Arc::clone(field) }
        });
        Schema::new_with_metadata(fields.collect::<Vec<_>>(), self.schema.metadata().clone())
    }

    /// True where the first values of a column of bytes are UTF-8 (one odd letter in Latin-1 makes no bytes of a text) and no
    /// pictures. What is named as pictures are must look like a path or a link.
    pub(super) fn holds_texts(&self, name: &str) -> bool {
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
    pub(super) fn as_texts(&self, batch: RecordBatch) -> RecordBatch {
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

    pub(super) fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    pub(super) fn rows_in(&self, group: usize) -> u64 {
        self.metadata.metadata().row_group(group).num_rows().max(0) as u64
    }

    /// A projection to the leaves for which `keep(root name, path below the root)` holds.
    pub(super) fn projection(&self, keep: impl Fn(&str, &[String]) -> bool) -> ProjectionMask {
        let schema = self.metadata.parquet_schema();
        let leaves = (0..schema.num_columns()).filter(|&leaf| {
            let column = schema.column(leaf);
            let parts = column.path().parts();
            parts.first().is_some_and(|root| keep(root, &parts[1..]))
        });
        ProjectionMask::leaves(schema, leaves)
    }

    /// The mean uncompressed bytes a row of the leaves that `keep` in a group.
    pub(super) fn bytes_a_row(&self, group: usize, root: &str) -> u64 {
        let group = self.metadata.metadata().row_group(group);
        let bytes: i64 = group
            .columns()
            .iter()
            .filter(|column| column.column_path().parts().first().is_some_and(|part| part == root))
            .map(|column| column.uncompressed_size().max(0))
            .sum();
        bytes as u64 / group.num_rows().max(1) as u64
    }

    pub(super) fn read(
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
    pub(super) fn each_batch(
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
pub(super) fn unsupported_compression(metadata: &ArrowReaderMetadata) -> Option<&'static str> {
    let columns =
        metadata.metadata().row_groups().iter().take(1).flat_map(parquet::file::metadata::RowGroupMetaData::columns);
    columns.map(parquet::file::metadata::ColumnChunkMetaData::compression).find_map(|codec| match codec {
        Compression::BROTLI(_) => Some("brotli"),
        Compression::LZO => Some("LZO"),
        _ => None,
    })
}

/// Runs a decoder that may panic on damaged pages.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        format!("the decoder gave up: {}", text.unwrap_or("no reason given"))
    })
}

/// How pictures stand in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::formats) enum ImageColumn {
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
    pub(super) fn find(table: &Table, mapper: &mut Mapper) -> Self {
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

    pub(super) fn of(field: &ArrowField) -> Self {
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

    pub(super) fn bytes_root(&self) -> Option<&str> {
        match self {
            Self::Struct(name) | Self::Binary(name) => Some(name),
            Self::Path(_) | Self::None => None,
        }
    }
}

impl Table {
    pub(super) fn first_value_is_image(&self, name: &str) -> bool {
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
pub(super) fn has_bytes(kind: &DataType) -> bool {
    matches!(kind, DataType::Struct(parts)
        if parts.iter().any(|part| part.name() == "bytes" && is_binary(part.data_type())))
}

/// Class names of integer columns, as Hugging Face keeps them in the file's metadata.
pub(super) fn class_names(schema: &Schema) -> FxHashMap<String, Vec<String>> {
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
