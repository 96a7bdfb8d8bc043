//! Random access: the bytes of one picture, the text of one record.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::detect::fingerprint;
use super::folder;
use super::mapped::MappedFile;
use super::parquet::{RowReader, base_dir};
use super::source::{Format, FormatError, Location, ReadOptions, Shard};
use super::webdataset::tar_path;

/// One shard held open for reading pictures and records by their [`Location`].
///
/// It is cheap to keep (a map of the file, or a footer) and is refused, at opening and at each read, when the shard is no
/// longer what its fingerprint says: offsets into another file would show other pictures.
#[derive(Debug)]
pub struct ShardReader {
    path: PathBuf,
    base: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Offsets into a file: a tar (or the copy of a compressed one), or a plain JSONL file.
    Mapped(MappedFile),
    Rows(Box<RowReader>),
    /// Files below the root alone.
    Files,
}

impl ShardReader {
    /// Opens a shard of a source whose root is `source_root`.
    ///
    /// # Errors
    /// [`FormatError::Missing`] where the shard is gone, [`FormatError::Changed`] where it is not as it was indexed.
    pub fn open(source_root: &Path, format: Format, shard: &Shard, opts: &ReadOptions) -> Result<Self, FormatError> {
        let now = fingerprint(format, source_root, &shard.path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => FormatError::Missing(shard.path.clone()),
            _ => FormatError::io(&shard.path, error),
        })?;
        if now != shard.fingerprint {
            return Err(FormatError::Changed(shard.path.clone()));
        }
        let kind = match format {
            Format::Webdataset => Kind::Mapped(MappedFile::open(&tar_path(shard, opts, &mut Vec::new())?)?),
            Format::Parquet => Kind::Rows(Box::new(RowReader::open(&shard.path, opts)?)),
            Format::Jsonl => Kind::Mapped(MappedFile::open(&shard.path)?),
            Format::ImageFolder | Format::Imagenet | Format::Csv | Format::Tsv | Format::CocoCaptions => Kind::Files,
        };
        Ok(Self { path: shard.path.clone(), base: base_dir(source_root), kind })
    }

    /// The encoded bytes of a picture.
    ///
    /// # Errors
    /// [`FormatError::Changed`] if the shard changed since it was opened, [`FormatError::Missing`] if a file is gone.
    pub fn image_bytes(&self, at: &Location) -> Result<Bytes, FormatError> {
        if let Some(path) = &at.path {
            return folder::read_file(&self.base, path, at.length).map(Bytes::from);
        }
        match &self.kind {
            Kind::Mapped(file) => self.slice(file, at).map(Bytes::copy_from_slice),
            Kind::Rows(rows) => rows.image_bytes(&self.path, at.offset).map(Bytes::from),
            Kind::Files => {
                Err(FormatError::corrupt(&self.path, "a picture without a file name cannot be read from this format"))
            }
        }
    }

    /// The text of a record that lies in the shard ([`RawRecord::At`](super::RawRecord::At)); bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// As [`image_bytes`](Self::image_bytes).
    pub fn raw_json(&self, at: &Location) -> Result<String, FormatError> {
        if let Some(path) = &at.path {
            let bytes = folder::read_file(&self.base, path, at.length)?;
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        match &self.kind {
            Kind::Mapped(file) => Ok(String::from_utf8_lossy(self.slice(file, at)?).into_owned()),
            Kind::Rows(_) | Kind::Files => {
                Err(FormatError::corrupt(&self.path, "the records of this format are kept in the catalog"))
            }
        }
    }

    fn slice<'a>(&self, file: &'a MappedFile, at: &Location) -> Result<&'a [u8], FormatError> {
        file.check().map_err(|_| FormatError::Changed(self.path.clone()))?;
        let end = at.offset.checked_add(u64::from(at.length));
        end.and_then(|end| file.bytes().get(usize::try_from(at.offset).ok()?..usize::try_from(end).ok()?))
            .ok_or_else(|| FormatError::Changed(self.path.clone()))
    }
}
