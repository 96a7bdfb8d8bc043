//! Compressed files: a stream for caption files, an uncompressed copy in the cache directory for tars.
//!
//! Compression is seen in the first bytes, whatever the name says. A `.tar.gz` has no random access, so it is unpacked once into `cache/tar-copies/PATHHASH-FINGERPRINT.tar`. The name
//! holds the fingerprint: a copy of an older state is not found again, and is removed when the new one is made.

use std::fs::File;
use std::hash::BuildHasher;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rustc_hash::FxBuildHasher;

use super::mapped::open_file;
use super::source::{FormatError, ReadOptions, Shard};
use crate::base::{Warning, WarningKind};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Packing {
    /// The program's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }

    fn of(start: &[u8]) -> Self {
        let magics: [(&[u8], Self); 4] = [
            (b"\x1f\x8b", Self::Gzip),
            (b"\x28\xb5\x2f\xfd", Self::Zstd),
            (b"\xfd7zXZ\0", Self::Xz),
            (b"BZh", Self::Bzip2),
        ];
        magics.into_iter().find(|(magic, _)| start.starts_with(magic)).map_or(Self::None, |(_, packing)| packing)
    }
}

/// How a file is compressed, by its first bytes.
pub(super) fn packing(path: &Path) -> Result<Packing, FormatError> {
    let mut start = Vec::new();
    open_file(path)?.take(8).read_to_end(&mut start).map_err(|error| FormatError::io(path, error))?;
    Ok(Packing::of(&start))
}

/// Opens a file for reading as a stream, decompressed by what its first bytes say (gzip, zstd).
pub(super) fn open_stream(path: &Path) -> Result<Box<dyn Read>, FormatError> {
    let mut file = BufReader::with_capacity(1 << 16, open_file(path)?);
    let start = file.fill_buf().map_err(|error| FormatError::io(path, error))?;
    Ok(match Packing::of(start) {
        Packing::Gzip => Box::new(MultiGzDecoder::new(file)),
        Packing::Zstd => {
            Box::new(zstd::stream::read::Decoder::with_buffer(file).map_err(|error| FormatError::io(path, error))?)
        }
        _ => Box::new(file),
    })
}

/// The path of the uncompressed copy of a shard, which is made if it is not there.
pub(super) fn uncompressed_copy(
    shard: &Shard,
    opts: &ReadOptions,
    warnings: &mut Vec<Warning>,
) -> Result<PathBuf, FormatError> {
    let dir = opts.cache_dir.join("tar-copies");
    let prefix = format!("{:016x}-", FxBuildHasher.hash_one(&shard.path));
    let copy = dir.join(format!("{prefix}{:x}-{:x}.tar", shard.fingerprint.bytes, shard.fingerprint.modified_ns));
    if copy.is_file() {
        return Ok(copy);
    }
    std::fs::create_dir_all(&dir).map_err(|error| no_copy(&dir, &error))?;
    for old in std::fs::read_dir(&dir).map_err(|error| no_copy(&dir, &error))?.flatten() {
        if old.file_name().to_string_lossy().starts_with(&prefix) {
            // A copy of an older state; one that cannot be removed only takes room.
            let _ = std::fs::remove_file(old.path());
        }
    }
    let mut temporary = tempfile::Builder::new()
        .prefix("part-")
        .suffix(".tmp")
        .tempfile_in(&dir)
        .map_err(|error| no_copy(&dir, &error))?;
    let (bytes, cut) = decompress(&shard.path, temporary.as_file_mut(), opts).map_err(|error| match error {
        CopyError::Source(error) => error,
        CopyError::Write(error) => no_copy(&dir, &error),
    })?;
    warnings.push(Warning::new(
        WarningKind::CacheCopy,
        format!("made an uncompressed copy of {} in the cache directory", megabytes(bytes)),
    ));
    if let Some(error) = cut {
        warnings.push(Warning::new(
            WarningKind::ShardTruncated,
            format!("decompression stopped after {} ({error}); the samples before it are kept", megabytes(bytes)),
        ));
    }
    temporary.persist(&copy).map_err(|error| no_copy(&dir, &error.error))?;
    Ok(copy)
}

enum CopyError {
    Source(FormatError),
    Write(std::io::Error),
}

/// Decompresses as much as can be; the error that ended it early, if one did, comes back beside the number of bytes.
fn decompress(path: &Path, target: &mut File, opts: &ReadOptions) -> Result<(u64, Option<std::io::Error>), CopyError> {
    // `.tgz` and `.tar.gz` alike are gzip.
    let file = open_file(path).map_err(CopyError::Source)?;
    let mut stream = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file));
    let mut buffer = vec![0; 1 << 18];
    let mut total = 0;
    loop {
        opts.cancel.check().map_err(|cancelled| CopyError::Source(cancelled.into()))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok((total, None)),
            Ok(count) => {
                target.write_all(&buffer[..count]).map_err(CopyError::Write)?;
                total += count as u64;
            }
            Err(error) if total == 0 => return Err(CopyError::Source(FormatError::io(path, error))),
            Err(error) => return Ok((total, Some(error))),
        }
    }
}

fn no_copy(dir: &Path, error: &std::io::Error) -> FormatError {
    let message = format!(
        "a compressed shard needs an uncompressed copy, which cannot be written ({error}); free some space or choose another cache directory"
    );
    FormatError::corrupt(dir, message)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
