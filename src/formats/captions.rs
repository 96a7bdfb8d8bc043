//! Caption files: JSON lines, CSV and TSV, plain or compressed, read as a stream.
//!
//! A line that cannot be read costs itself and one warning with its number. TSV is read without quoting (captions from the
//! web hold lone quotes), except that a field that is quoted as a whole loses its quotes. CC12M's files have no header:
//! a first line of two fields, the first a link, is a row.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use super::columns::{add_json, shorten};
use super::fields::{Cell, MAX_TEXT, Mapper, Record, is_telling};
use super::gz::{Packing, open_stream, packing};
use super::keys::Keys;
use super::parquet::base_dir;
use super::report::Reporter;
use super::separated::{Records, Row};
use super::source::{Format, FormatError, Location, RawRecord, RawSample, ReadOptions, Shard, Sink};
use crate::base::{Warning, WarningKind};

/// Longest line read; a longer one is passed over with a warning.
const MAX_LINE: u64 = 64 << 20;

/// Names of the columns of a table without a header.
const HEADERLESS: [&str; 2] = ["url", "caption"];

/// Where a record stands: its line (from 1) and, for lines, the byte offset and length in the uncompressed text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    line: u64,
    offset: u64,
    length: u64,
}

/// A record with its JSON, or why its line cannot be read.
type Read = Result<(Record, String), String>;

/// Takes each line, or why it cannot be read.
type TakeLine<'a> = dyn FnMut(Place, Result<&[u8], String>) -> Result<(), FormatError> + 'a;

/// Reads a caption file from start to end.
pub(super) fn scan(
    root: &Path,
    format: Format,
    shard: &Shard,
    opts: &ReadOptions,
    sink: &mut dyn Sink,
) -> Result<(), FormatError> {
    let mut report = Reporter::new(shard, sink);
    let mut mapper = Mapper::new(&opts.map);
    let base = base_dir(root);
    let stem = file_stem(&shard.path);
    let mut keys = Keys::default();
    let mut row = 0;
    // The records of a plain JSONL file are read again where they stand.
    let in_place = format == Format::Jsonl && packing(&shard.path)? == Packing::None;
    each_record(&shard.path, format, &mut mapper, &mut |mapper, place, read| {
        opts.cancel.check()?;
        let (mut record, json) = match read {
            Ok(read) => read,
            Err(message) => {
                let kind = if message.contains("ends early") {
                    WarningKind::ShardTruncated
                } else {
                    WarningKind::MetadataUnreadable
                };
                report.warn(Warning::new(kind, message));
                row += 1;
                return Ok(());
            }
        };
        let (key, repeated) = keys.of_row(&stem, row, record.key.take());
        row += 1;
        report.warn_all(repeated);
        for mut warning in mapper.take_warnings() {
            warning.key = Some(key.clone());
            report.warn(warning);
        }
        record.complete();
        let image = record.image.take().and_then(|path| super::folder::open_linked(&base, &path));
        if let Some(image) = &image {
            report.image(image.probe, &key);
        }
        let raw = match u32::try_from(place.length) {
            Ok(length) if in_place => RawRecord::At(Location { offset: place.offset, length, path: None }),
            _ if json.len() <= MAX_TEXT => RawRecord::Inline(json),
            // The fields were cut and told; a record of that size is not kept twice.
            _ => RawRecord::None,
        };
        report.sample(RawSample { key, fields: record.fields, image, raw })
    })?;
    report.warn_all(keys.finish());
    report.finish();
    Ok(())
}

/// The file's name without its extensions.
pub(super) fn file_stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut stem = name.as_ref();
    for ending in [".gz", ".zst", ".zstd", ".jsonl", ".ndjson", ".json", ".csv", ".tsv"] {
        if stem.len() > ending.len() && stem.is_char_boundary(stem.len() - ending.len()) {
            let (start, end) = stem.split_at(stem.len() - ending.len());
            if end.eq_ignore_ascii_case(ending) {
                stem = start;
            }
        }
    }
    stem.to_owned()
}

/// Hands each record of a caption file to `take`, in order.
pub(super) fn each_record(
    path: &Path,
    format: Format,
    mapper: &mut Mapper,
    take: &mut dyn FnMut(&mut Mapper, Place, Read) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    match format {
        Format::Jsonl => each_line(path, &mut |place, line| {
            let read = match line {
                Ok(line) => mapper
                    .read_json(line)
                    .map(|record| (record, String::from_utf8_lossy(line).into_owned()))
                    .map_err(|error| format!("line {} cannot be read: {error}", place.line)),
                Err(message) => Err(message),
            };
            take(mapper, place, read)
        }),
        Format::Tsv => each_tsv(path, mapper, take),
        _ => each_csv(path, mapper, take),
    }
}

/// Hands out the lines of a text that are not blank.
fn each_line(path: &Path, take: &mut TakeLine<'_>) -> Result<(), FormatError> {
    let mut stream = BufReader::with_capacity(1 << 17, open_stream(path)?);
    let mut line = Vec::new();
    let mut place = Place { line: 0, offset: 0, length: 0 };
    loop {
        line.clear();
        place.offset += place.length;
        place.line += 1;
        let read = stream.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        place.length = line.len() as u64;
        match read {
            Ok(0) => return Ok(()),
            Ok(count) if count as u64 == MAX_LINE && line.last() != Some(&b'\n') => {
                place.length += skip_line(&mut stream).map_err(|error| FormatError::io(path, error))?;
                take(place, Err(format!("line {} is longer than {MAX_LINE} bytes and is left out", place.line)))?;
            }
            Ok(_) => {
                let text = line.trim_ascii_end();
                let text = if place.line == 1 { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) } else { text };
                if !text.is_empty() {
                    take(place, Ok(text))?;
                }
            }
            Err(error) if place.line == 1 => return Err(FormatError::io(path, error)),
            Err(error) => {
                return take(
                    place,
                    Err(format!("the file ends early, in line {} ({error}); the lines before it are kept", place.line)),
                );
            }
        }
    }
}

/// Passes over the rest of a line.
fn skip_line(stream: &mut impl BufRead) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = stream.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let (used, found) = memchr::memchr(b'\n', buffer).map_or((buffer.len(), false), |at| (at + 1, true));
        stream.consume(used);
        skipped += used as u64;
        if found {
            return Ok(skipped);
        }
    }
}

fn each_tsv(
    path: &Path,
    mapper: &mut Mapper,
    take: &mut dyn FnMut(&mut Mapper, Place, Read) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let mut header: Option<Vec<String>> = None;
    each_line(path, &mut |place, line| {
        let line = match line {
            Ok(line) => line,
            Err(message) => return take(mapper, place, Err(message)),
        };
        let text = String::from_utf8_lossy(line);
        let values: Vec<Cow<'_, str>> = text.split('\t').map(unquoted).collect();
        let Some(names) = &header else {
            if is_headerless(&values) {
                let names: Vec<String> = HEADERLESS.iter().map(|name| (*name).to_owned()).collect();
                let read = table_row(mapper, &names, &values, place.line);
                header = Some(names);
                return take(mapper, place, read);
            }
            header = Some(values.into_iter().map(Cow::into_owned).collect());
            return Ok(());
        };
        let read = table_row(mapper, names, &values, place.line);
        take(mapper, place, read)
    })
}

/// CC12M's form: a link and a text.
fn is_headerless<T: AsRef<str>>(values: &[T]) -> bool {
    values.len() == 2 && ["http://", "https://"].iter().any(|scheme| values[0].as_ref().starts_with(scheme))
}

/// A field without the quotes around all of it; others stay as they are.
fn unquoted(field: &str) -> Cow<'_, str> {
    match field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if !inner.replace("\"\"", "").contains('"') => Cow::Owned(inner.replace("\"\"", "\"")),
        _ => Cow::Borrowed(field),
    }
}

fn each_csv(
    path: &Path,
    mapper: &mut Mapper,
    take: &mut dyn FnMut(&mut Mapper, Place, Read) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let mut stream = BufReader::with_capacity(1 << 17, open_stream(path)?);
    let start = stream.fill_buf().map_err(|error| FormatError::io(path, error))?;
    if start.starts_with(b"\xef\xbb\xbf") {
        stream.consume(3);
    }
    let start = stream.fill_buf().map_err(|error| FormatError::io(path, error))?;
    let separator = delimiter(start);
    let mut records = Records::new(stream, separator);
    let mut header: Option<Vec<String>> = None;
    loop {
        let place = |line| Place { line, offset: 0, length: u64::MAX };
        let started = records.line();
        let (line, fields) = match records.next() {
            Ok(Row::End) => return Ok(()),
            Ok(Row::Fields { line, fields }) => (line, fields),
            Ok(Row::Unclosed { line, goes_on }) => {
                let then =
                    if goes_on { "reading went on in the line after it" } else { "the rest of the file is left out" };
                let message = format!("line {line} cannot be read: a quote opens in it that is never closed; {then}");
                take(mapper, place(line), Err(message))?;
                continue;
            }
            Ok(Row::TooLong { line }) => {
                take(mapper, place(line), Err(format!("line {line} is longer than {MAX_LINE} bytes and is left out")))?;
                continue;
            }
            Err(error) if header.is_none() => {
                return Err(FormatError::corrupt(path, format!("the table cannot be read ({error})")));
            }
            Err(error) => {
                let message = format!("the file ends early, in line {started} ({error}); the rows before it are kept");
                return take(mapper, place(started), Err(message));
            }
        };
        let values: Vec<Cow<'_, str>> = fields.iter().map(|field| String::from_utf8_lossy(field)).collect();
        let Some(names) = &header else {
            if is_headerless(&values) {
                let names: Vec<String> = HEADERLESS.iter().map(|name| (*name).to_owned()).collect();
                let read = table_row(mapper, &names, &values, line);
                take(mapper, place(line), read)?;
                header = Some(names);
            } else {
                header = Some(values.into_iter().map(|name| name.trim().to_owned()).collect());
            }
            continue;
        };
        let read = table_row(mapper, names, &values, line);
        take(mapper, place(line), read)?;
    }
}

/// The separator that stands most often in the first line: comma, semicolon or tab.
fn delimiter(start: &[u8]) -> u8 {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| memchr::memchr_iter(separator, line).count();
    [b';', b'\t'].into_iter().fold(b',', |best, other| if count(other) > count(best) { other } else { best })
}

/// A row of a table as a record and as JSON.
fn table_row(mapper: &mut Mapper, names: &[String], values: &[Cow<'_, str>], line: u64) -> Read {
    if values.len() != names.len() {
        return Err(format!(
            "line {line} cannot be read: it has {} fields, the header has {}",
            values.len(),
            names.len()
        ));
    }
    let mut record = Record::default();
    let mut object = serde_json::Map::new();
    for (name, value) in names.iter().zip(values) {
        let column = mapper.column(name);
        if Mapper::wanted(column) && !value.is_empty() {
            mapper.put(&mut record, column, &Cell::Text(Cow::Borrowed(value)));
        }
        object.insert(name.clone(), super::fields::cut_text(value).into());
    }
    Ok((record, serde_json::Value::Object(object).to_string()))
}

/// Collects the first records' columns.
pub(super) fn columns(path: &Path, format: Format) -> Result<Vec<(String, String)>, FormatError> {
    let mut columns = Vec::new();
    let mut mapper = Mapper::new(&super::source::FieldMap::default());
    let mut records = 0;
    // A cancel is how the reading is ended early; it never reaches the caller.
    let ended = each_record(path, format, &mut mapper, &mut |_, _, read| {
        if let Ok((_, json)) = read {
            add_json(&mut columns, json.as_bytes());
        }
        records += 1;
        if records >= 20 { Err(crate::base::Cancelled.into()) } else { Ok(()) }
    });
    match ended {
        Ok(()) | Err(FormatError::Cancelled(_)) => {}
        Err(error) => return Err(error),
    }
    for (_, example) in &mut columns {
        *example = shorten(example);
    }
    Ok(columns)
}

/// True if the file's first records have a column that makes it a dataset of texts or links.
pub(super) fn is_dataset(path: &Path, format: Format) -> bool {
    columns(path, format).is_ok_and(|columns| columns.iter().any(|(name, _)| is_telling(name)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(name: &str, format: Format, bytes: &[u8]) -> Vec<Result<String, String>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut found = Vec::new();
        let mut mapper = Mapper::new(&super::super::source::FieldMap::default());
        each_record(&path, format, &mut mapper, &mut |_, _, read| {
            found.push(read.map(|(_, json)| json));
            Ok(())
        })
        .unwrap();
        found
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_rows_or_messages(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (name, format) in [("a.csv", Format::Csv), ("a.tsv", Format::Tsv), ("a.jsonl", Format::Jsonl)] {
                // Bytes that happen to begin as a packed file are another matter.
                let bytes = [b" ", bytes.as_slice()].concat();
                prop_assert!(read(name, format, &bytes).len() <= bytes.len());
            }
        }

        #[test]
        fn texts_come_back_from_tables(texts in proptest::collection::vec("[^\t\r\n\"]*", 1..6)) {
            let rows: Vec<String> = texts.iter().enumerate().map(|(at, text)| format!("k{at}\t{text}x\n")).collect();
            let rows = rows.concat();
            let found = read("a.tsv", Format::Tsv, format!("id\ttitle\n{rows}").as_bytes());
            prop_assert_eq!(found.len(), texts.len());
            for (at, (row, text)) in found.into_iter().zip(&texts).enumerate() {
                let row: serde_json::Value = serde_json::from_str(&row.unwrap()).unwrap();
                prop_assert_eq!(&row, &serde_json::json!({"id": format!("k{at}"), "title": format!("{text}x")}));
            }
        }
    }
}
