//! Records as rows of a table: JSON lines or CSV, with the same columns everywhere a record leaves the
//! program (`query`, the window's export).

use std::io::{self, Write};

use serde::Serialize;

use super::Record;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated with a header; lists are joined by ` > ` (taxonomy).
    Csv,
}

/// One row; the names of the fields are the stable keys and column titles.
#[derive(Clone, Debug, Serialize)]
pub struct Row<'a> {
    dataset: &'a str,
    key: &'a str,
    title: Option<&'a str>,
    description: Option<&'a str>,
    caption: Option<&'a str>,
    brand: Option<&'a str>,
    taxonomy: &'a [String],
    leaf: Option<&'a str>,
    /// Pixels as displayed; null if unknown.
    width: Option<u32>,
    /// Pixels as displayed; null if unknown.
    height: Option<u32>,
    shard: &'a str,
    /// Byte offset of the picture in the shard (row, for parquet); null without a picture.
    offset: Option<u64>,
    /// Bytes of the picture; null without one.
    length: Option<u32>,
}

impl<'a> Row<'a> {
    /// The row of a record in the dataset of this name.
    #[must_use]
    pub fn new(dataset: &'a str, record: &'a Record) -> Self {
        let fields = &record.fields;
        let known = |pixels: u32| (pixels > 0).then_some(pixels);
        Self {
            dataset,
            key: &record.key,
            title: fields.title.as_deref(),
            description: fields.description.as_deref(),
            caption: fields.caption.as_deref(),
            brand: fields.brand.as_deref(),
            taxonomy: &fields.taxonomy,
            leaf: fields.leaf.as_deref(),
            width: known(record.width),
            height: known(record.height),
            shard: &record.shard,
            offset: record.image.as_ref().map(|image| image.offset),
            length: record.image.as_ref().map(|image| image.length),
        }
    }
}

const TITLES: [&str; 13] = [
    "dataset",
    "key",
    "title",
    "description",
    "caption",
    "brand",
    "taxonomy",
    "leaf",
    "width",
    "height",
    "shard",
    "offset",
    "length",
];

/// Writes records one after the other.
pub struct RecordWriter<W: Write>(Kind<W>);

enum Kind<W: Write> {
    Jsonl(W),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> RecordWriter<W> {
    /// Begins a table; CSV writes its header.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn new(out: W, format: TableFormat) -> io::Result<Self> {
        Ok(Self(match format {
            TableFormat::Jsonl => Kind::Jsonl(out),
            TableFormat::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(TITLES)?;
                Kind::Csv(Box::new(writer))
            }
        }))
    }

    /// Writes one record.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        match &mut self.0 {
            Kind::Jsonl(out) => {
                serde_json::to_writer(&mut *out, row)?;
                out.write_all(b"\n")
            }
            Kind::Csv(out) => {
                let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
                let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
                out.write_record([
                    row.dataset.to_owned(),
                    row.key.to_owned(),
                    text(row.title),
                    text(row.description),
                    text(row.caption),
                    text(row.brand),
                    row.taxonomy.join(" > "),
                    text(row.leaf),
                    number(row.width.map(u64::from)),
                    number(row.height.map(u64::from)),
                    row.shard.to_owned(),
                    number(row.offset),
                    number(row.length.map(u64::from)),
                ])?;
                Ok(())
            }
        }
    }

    /// Ends the table and gives the stream back.
    ///
    /// # Errors
    /// If what was buffered cannot be written.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Kind::Jsonl(mut out) => {
                out.flush()?;
                Ok(out)
            }
            Kind::Csv(writer) => writer.into_inner().map_err(|error| io::Error::other(error.to_string())),
        }
    }
}
