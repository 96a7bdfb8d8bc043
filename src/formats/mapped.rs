//! A file under mmap that cannot bring the program down.
//!
//! A mapped file that somebody cuts short kills the reader with SIGBUS when it touches a page behind the new end. So the
//! length and time are asked of the open file before every read ([`MappedFile::check`]); what remains is a window of
//! microseconds between the question and the read.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memmap2::Mmap;

use super::source::FormatError;

/// Pages are given back in pieces of this many bytes.
const RELEASED_AT_ONCE: usize = 16 << 20;

/// Bytes before the place of reading that are kept: the sample being read is not handed out yet.
const KEPT_BEHIND: usize = 1 << 20;

/// An open file, mapped for reading.
#[derive(Debug)]
pub(super) struct MappedFile {
    path: PathBuf,
    file: File,
    map: Option<Mmap>,
    stamp: Stamp,
}

/// Length and time of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl MappedFile {
    pub(super) fn open(path: &Path) -> Result<Self, FormatError> {
        let file = open_file(path)?;
        let stamp = stamp(&file).map_err(|error| FormatError::io(path, error))?;
        let map = if stamp.len == 0 {
            None
        } else {
            #[expect(
                unsafe_code,
                reason = "the map is read only; each use is preceded by a check that the file still has its length"
            )]
            // SAFETY: the file is opened for reading and `bytes` hands out the map only after `check`.
            let map = unsafe { Mmap::map(&file) }.map_err(|error| FormatError::io(path, error))?;
            Some(map)
        };
        Ok(Self { path: path.to_owned(), file, map, stamp })
    }

    /// `Err(Changed)` if the file no longer has the length and time it was opened with.
    pub(super) fn check(&self) -> Result<(), FormatError> {
        match stamp(&self.file) {
            Ok(now) if now == self.stamp => Ok(()),
            _ => Err(FormatError::Changed(self.path.clone())),
        }
    }

    /// Gives back the pages from `from` up to shortly before `to`, once they are many; the result is the next `from`. A scan touches
    /// each page once, and without this a large shard would count as this program's memory until it is closed.
    pub(super) fn release(&self, from: usize, to: usize) -> usize {
        let end = to.saturating_sub(KEPT_BEHIND);
        let (Some(map), true) = (&self.map, end > from + RELEASED_AT_ONCE) else { return from };
        #[cfg(unix)]
        {
            #[expect(
                unsafe_code,
                reason = "giving back pages of a read-only map of a file loses nothing: they are read again"
            )]
            // SAFETY: the map is shared with the file and never written to, so there are no changes to lose.
            let advised = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, from, end - from) };
            // A hint that is not taken costs memory, nothing else.
            let _ = advised;
        }
        let _ = map;
        end
    }

    /// The whole file. Call [`check`](Self::check) before touching it.
    pub(super) fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

/// Opens a file for reading; a missing one has a sentence of its own. Nothing else opens files of a dataset: opening a pipe
/// waits until somebody writes to it, so what is no file is refused before.
pub(super) fn open_file(path: &Path) -> Result<File, FormatError> {
    let opened =
        std::fs::metadata(path).and_then(|meta| if meta.is_file() { File::open(path) } else { Err(no_file(&meta)) });
    opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => FormatError::Missing(path.to_owned()),
        _ => FormatError::io(path, error),
    })
}

/// Why what is no file is not opened.
pub(super) fn no_file(meta: &Metadata) -> std::io::Error {
    let what = if meta.is_dir() { "a folder" } else { "a pipe or a device" };
    std::io::Error::other(format!("this is {what}, not a file"))
}

/// The whole of a small file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, FormatError> {
    let mut bytes = Vec::new();
    open_file(path)?.read_to_end(&mut bytes).map_err(|error| FormatError::io(path, error))?;
    Ok(bytes)
}

pub(super) fn stamp(file: &File) -> std::io::Result<Stamp> {
    let meta = file.metadata()?;
    Ok(Stamp { len: meta.len(), modified: meta.modified().ok() })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_cut_short_is_refused_before_it_is_touched() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[7; 10_000]).unwrap();
        let mapped = MappedFile::open(file.path()).unwrap();
        assert!(mapped.check().is_ok());
        assert_eq!(mapped.bytes().len(), 10_000);
        file.as_file().set_len(10).unwrap();
        let error = mapped.check().unwrap_err();
        assert!(matches!(error, FormatError::Changed(_)), "{error}");
    }

    #[test]
    fn empty_and_missing_files_have_answers() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(MappedFile::open(file.path()).unwrap().bytes().is_empty());
        assert!(matches!(MappedFile::open(Path::new("/nowhere/0.tar")), Err(FormatError::Missing(_))));
    }
}
