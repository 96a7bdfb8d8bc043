//! Writes shards in img2dataset's layout: `00000.tar` with KEY.jpg, KEY.json and KEY.txt a sample,
//! `00000.parquet` with one row a sample, `00000_stats.json`.
//!
//! Everything that could differ between two runs is fixed: times, owners, the parquet file's maker.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::{Dataset, DemoReport, Record, RenderedSample};
use crate::base::{CancelToken, Progress};
use crate::formats::FormatError;

/// Samples in a shard (the last may have fewer).
pub const SHARD_SAMPLES: u32 = 500;

/// Every member's modification time.
const TIME: u64 = 1_700_000_000;

/// The key of a sample: its shard and its place in it.
pub(super) fn key(index: u32) -> String {
    format!("{:05}{:03}", index / SHARD_SAMPLES, index % SHARD_SAMPLES)
}

/// Writes one dataset into `dir`, from its samples in order. Progress counts samples.
///
/// # Errors
/// [`FormatError`] if the folder exists, if something cannot be written, or when cancelled; then nothing
/// of it stays.
pub fn write_dataset(
    dir: &Path,
    dataset: Dataset,
    samples: impl Iterator<Item = RenderedSample>,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<DemoReport, FormatError> {
    let folder = dir.join(dataset.name());
    let partial = dir.join(format!("{}.partial", dataset.name()));
    if folder.exists() {
        return Err(FormatError::io(folder, std::io::ErrorKind::AlreadyExists.into()));
    }
    // A partial folder is what an interrupted run left.
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(|e| FormatError::io(&partial, e))?;
    }
    fs::create_dir_all(&partial).map_err(|e| FormatError::io(&partial, e))?;
    let written = write_shards(&partial, samples, progress, cancel)
        .and_then(|written| fs::rename(&partial, &folder).map(|()| written).map_err(|e| FormatError::io(&folder, e)));
    if written.is_err() {
        // The reason for failing says more than that tidying up failed too.
        let _ = fs::remove_dir_all(&partial);
    }
    let (samples, bytes) = written?;
    Ok(DemoReport { folders: vec![folder], samples, bytes })
}

fn write_shards(
    folder: &Path,
    mut samples: impl Iterator<Item = RenderedSample>,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<(u64, u64), FormatError> {
    let (mut written, mut bytes) = (0, 0);
    for shard in 0.. {
        let Some(first) = samples.next() else { break };
        let path = folder.join(format!("{shard:05}.tar"));
        let mut tar = TarWriter::create(&path).map_err(|e| FormatError::io(&path, e))?;
        let mut records = Vec::with_capacity(SHARD_SAMPLES as usize);
        for sample in std::iter::once(first).chain(samples.by_ref()).take(SHARD_SAMPLES as usize) {
            cancel.check()?;
            let RenderedSample { jpeg, record } = sample;
            let key = &record.key;
            let json = pretty(&record).map_err(|e| FormatError::io(&path, e))?;
            for (extension, data) in [("jpg", jpeg.as_slice()), ("json", &json), ("txt", record.caption.as_bytes())] {
                tar.member(&format!("{key}.{extension}"), data).map_err(|e| FormatError::io(&path, e))?;
            }
            records.push(record);
            progress.add(1);
            progress.add_samples(1);
        }
        bytes += tar.finish().map_err(|e| FormatError::io(&path, e))?;
        written += records.len() as u64;
        write_parquet(&path.with_extension("parquet"), &records)?;
        write_stats(&folder.join(format!("{shard:05}_stats.json")), records.len())?;
    }
    Ok((written, bytes))
}

/// JSON as img2dataset writes it.
fn pretty(record: &Record) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    record.serialize(&mut Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"    ")))?;
    Ok(out)
}

/// A POSIX ustar archive.
struct TarWriter {
    out: BufWriter<File>,
    written: u64,
}

impl TarWriter {
    fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self { out: BufWriter::new(File::create(path)?), written: 0 })
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn member(&mut self, name: &str, data: &[u8]) -> std::io::Result<()> {
        let mut header = [0_u8; 512];
        let mut field = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        field(0, name);
        field(100, "0000644\0");
        field(108, "0000000\0");
        field(116, "0000000\0");
        field(124, &format!("{:011o}\0", data.len()));
        field(136, &format!("{TIME:011o}\0"));
        field(148, "        ");
        field(156, "0");
        field(257, "ustar\x0000");
        field(265, "demo");
        field(297, "demo");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.put(&header)?;
        self.put(data)?;
        self.put(&[0; 512][..(512 - data.len() % 512) % 512])
    }

    /// Writes the end: two empty blocks, filled up to a record of 20 blocks as tar does.
    fn finish(mut self) -> std::io::Result<u64> {
        self.put(&[0; 1024])?;
        while !self.written.is_multiple_of(10_240) {
            self.put(&[0; 512])?;
        }
        self.out.flush()?;
        Ok(self.written)
    }
}

fn write_parquet(path: &Path, records: &[Record]) -> Result<(), FormatError> {
    let broken = |e: &dyn std::fmt::Display| FormatError::corrupt(path, format!("cannot write the table ({e})"));
    let text = |get: &dyn Fn(&Record) -> Option<&str>| -> ArrayRef {
        Arc::new(records.iter().map(get).collect::<StringArray>())
    };
    let number = |get: &dyn Fn(&Record) -> u32| -> ArrayRef {
        Arc::new(records.iter().map(|record| Some(get(record) as i32)).collect::<Int32Array>())
    };
    let item = Arc::new(Field::new("element", DataType::Utf8, true));
    let list = |get: &dyn Fn(&Record) -> &[String]| -> ArrayRef {
        let mut builder = ListBuilder::new(StringBuilder::new()).with_field(item.clone());
        for record in records {
            builder.append_value(get(record).iter().map(Some));
        }
        Arc::new(builder.finish())
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("url", text(&|r| Some(&r.url))),
        ("caption", text(&|r| Some(&r.caption))),
        ("title", text(&|r| r.title.as_deref())),
        ("description", text(&|r| r.description.as_deref())),
        ("brand", text(&|r| r.brand.as_deref())),
        ("price", text(&|r| r.price.as_deref())),
        ("taxonomy", list(&|r| &r.taxonomy)),
        ("leaf", text(&|r| Some(&r.leaf))),
        ("bullets", list(&|r| &r.bullets)),
        ("source", text(&|r| Some(&r.source))),
        ("source_path", text(&|r| Some(&r.source_path))),
        ("license", text(&|r| Some(&r.license))),
        ("attributes", text(&|r| Some(&r.attributes))),
        ("key", text(&|r| Some(&r.key))),
        ("status", text(&|r| Some(&r.status))),
        ("error_message", text(&|r| r.error_message.as_deref())),
        ("width", number(&|r| r.width)),
        ("height", number(&|r| r.height)),
        ("original_width", number(&|r| r.original_width)),
        ("original_height", number(&|r| r.original_height)),
        ("exif", text(&|r| Some(&r.exif))),
    ];
    let fields: Vec<_> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(|e| broken(&e))?;
    let properties = WriterProperties::builder()
        .set_created_by("shopscope demo".to_owned())
        .set_compression(Compression::SNAPPY)
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let file = File::create(path).map_err(|e| FormatError::io(path, e))?;
    let mut writer = ArrowWriter::try_new_with_options(file, schema, options).map_err(|e| broken(&e))?;
    writer.write(&batch).map_err(|e| broken(&e))?;
    writer.close().map_err(|e| broken(&e))?;
    Ok(())
}

fn write_stats(path: &Path, count: usize) -> Result<(), FormatError> {
    let text = format!(
        "{{\n    \"count\": {count},\n    \"successes\": {count},\n    \"failed_to_download\": 0,\n    \"failed_to_resize\": 0,\n    \
         \"duration\": 1.0,\n    \"start_time\": {TIME}.0,\n    \"end_time\": {}.0,\n    \"status_dict\": {{\n        \"success\": {count}\n    }}\n}}",
        TIME + 1
    );
    fs::write(path, text).map_err(|e| FormatError::io(path, e))
}
