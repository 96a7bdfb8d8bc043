//! A folder of temporary files for what does not fit into a memory budget ([`SpillStore`]).
//!
//! Each [`SpillFolder`] is a folder `spill-*` of its own under the folder that is given, with a locked file `lock` in it. The folder is
//! removed when it is dropped: on success, failure and panic alike. A killed process leaves its folder behind, but not its lock:
//! the next [`SpillFolder::new`] removes the folders whose lock nobody holds.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::analysis::text::ngrams::SpillStore;

const PREFIX: &str = "spill-";
const LOCK: &str = "lock";

/// Temporary files of one job.
#[derive(Debug)]
pub struct SpillFolder {
    // Dropped in this order: files are closed and the lock is given back before the folder goes (Windows insists).
    files: Mutex<Vec<Arc<SpillFile>>>,
    lock: Option<File>,
    folder: tempfile::TempDir,
    bytes: AtomicU64,
}

#[derive(Debug)]
struct SpillFile {
    file: File,
    /// Bytes appended so far; held while appending.
    length: Mutex<u64>,
}

impl SpillFolder {
    /// A new folder under `parent` (made if it is not there; the cache directory, usually). What killed processes left there is removed first.
    ///
    /// # Errors
    /// The folder or its lock cannot be made.
    pub fn new(parent: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(parent)?;
        remove_abandoned(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { files: Mutex::new(Vec::new()), lock: Some(lock), folder, bytes: AtomicU64::new(0) })
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn files(&self) -> MutexGuard<'_, Vec<Arc<SpillFile>>> {
        // A panic elsewhere leaves the list whole: files are only ever pushed.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, store: u32) -> io::Result<Arc<SpillFile>> {
        self.files().get(store as usize).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        self.files().clear();
        self.lock = None;
        // The folder removes itself after this.
    }
}

/// The folder that [`SpillFolder`]s are made in, beside the catalogs.
#[must_use]
pub fn parent(catalogs: &Path) -> PathBuf {
    catalogs.join("tmp")
}

/// Removes what killed processes left beside the catalogs: called once when the program starts.
pub fn clean(catalogs: &Path) {
    remove_abandoned(&parent(catalogs));
}

/// Removes the folders whose process has gone. One that is just being made has no lock file yet and is left alone for an hour.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let path = entry.path();
        let is_abandoned = match OpenOptions::new().write(true).open(path.join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(_) => entry
                .metadata()
                .and_then(|found| found.modified())
                .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age.as_secs() > 3600)),
        };
        if is_abandoned && let Err(error) = std::fs::remove_dir_all(&path) {
            // The next start tries again.
            tracing::debug!(%error, path = %path.display(), "temporary files of a killed process stay");
        }
    }
}

impl SpillStore for SpillFolder {
    fn create(&self) -> io::Result<u32> {
        let mut files = self.files();
        let number = files.len() as u32;
        let path = self.folder.path().join(format!("{number}.bin"));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        files.push(Arc::new(SpillFile { file, length: Mutex::new(0) }));
        Ok(number)
    }

    fn append(&self, store: u32, bytes: &[u8]) -> io::Result<u64> {
        let file = self.file(store)?;
        let mut length = file.length.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = *length;
        write_at(&file.file, bytes, offset)?;
        *length += bytes.len() as u64;
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(offset)
    }

    fn read_at(&self, store: u32, offset: u64, into: &mut [u8]) -> io::Result<()> {
        read_at(&self.file(store)?.file, into, offset)
    }
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[n..];
        offset += n as u64;
    }
    Ok(())
}

#[cfg(windows)]
fn read_at(file: &File, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !into.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_read(file, into, offset)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        into = &mut into[n..];
        offset += n as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read_back() {
        let parent = tempfile::tempdir().unwrap();
        let folder = SpillFolder::new(parent.path()).unwrap();
        let (a, b) = (folder.create().unwrap(), folder.create().unwrap());
        assert_eq!((folder.append(a, b"hello").unwrap(), folder.append(b, b"x").unwrap()), (0, 0));
        assert_eq!(folder.append(a, b" world").unwrap(), 5);
        let mut into = [0; 8];
        folder.read_at(a, 3, &mut into).unwrap();
        assert_eq!((&into, folder.bytes()), (b"lo world", 12));
        assert_eq!(folder.read_at(a, 4, &mut into).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(folder.read_at(7, 0, &mut into).is_err());
    }

    #[test]
    fn folders_vanish_and_those_of_the_living_stay() {
        let parent = tempfile::tempdir().unwrap();
        let entries = || std::fs::read_dir(parent.path()).unwrap().count();
        // Left behind by a kill: a folder with a lock that nobody holds; a stranger's folder.
        for name in ["spill-gone", "other"] {
            std::fs::create_dir(parent.path().join(name)).unwrap();
            std::fs::write(parent.path().join(name).join(LOCK), "").unwrap();
        }
        let first = SpillFolder::new(parent.path()).unwrap();
        let second = SpillFolder::new(parent.path()).unwrap();
        assert_eq!(entries(), 3, "two live folders and the stranger's");
        first.append(first.create().unwrap(), b"still there").unwrap();
        drop(second);
        drop(first);
        assert_eq!(entries(), 1);
    }
}
