//! What can go wrong with a catalog, each as one sentence for the user, the path last.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::filter::FilterError;
use crate::base::Cancelled;

/// Why a catalog operation failed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A newer version of the program wrote the catalog.
    #[error(
        "this catalog was written by a newer shopscope (catalog version {found}, this program knows {known}); \
         update the program or choose another folder with --catalog: {}", path.display()
    )]
    Newer {
        /// The catalog file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that this program reads.
        known: i64,
    },
    /// The file is damaged, or no catalog at all.
    #[error("the catalog is damaged ({message}); index the dataset again and it will be set aside and rebuilt: {}", path.display())]
    Corrupt {
        /// The catalog file.
        path: PathBuf,
        /// What was found, without a full stop.
        message: String,
    },
    /// No space is left where the catalog lies. What was committed stands.
    #[error("no space is left for the catalog; free some or choose another folder with --catalog (what was indexed so far is kept): {}", .0.display())]
    Full(PathBuf),
    /// Another process writes the catalog.
    #[error("another shopscope is writing this catalog; try again when it is done: {}", .0.display())]
    Busy(PathBuf),
    /// The file system refused.
    #[error("cannot use the catalog ({source}): {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Reading or writing failed below SQLite.
    #[error("cannot read or write the catalog ({message}); is the disk full or failing? {}", path.display())]
    Disk {
        /// The catalog file.
        path: PathBuf,
        /// What SQLite says.
        message: String,
    },
    /// SQLite refused for another reason.
    #[error("cannot use the catalog ({source}): {}", path.display())]
    Sql {
        /// The catalog file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A row of an older snapshot whose shard was read again since.
    #[error("the shard was indexed again since this list was made; look again: {}", .0.display())]
    Changed(PathBuf),
    /// The search or filter cannot be read.
    #[error(transparent)]
    Query(#[from] FilterError),
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl CatalogError {
    /// Sorts an error of SQLite by what the user can do about it.
    pub(super) fn from_sql(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::corrupt(&path, source.to_string()),
            Some(ErrorCode::SystemIoFailure) => Self::Disk { path, message: source.to_string() },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            _ => Self::Sql { path, source },
        }
    }

    /// Damage inside the file. It is noted beside the file, so that the next writer sets it aside.
    pub(super) fn corrupt(path: &Path, message: impl Into<String>) -> Self {
        let message = message.into();
        super::schema::note_damage(path, &message);
        Self::Corrupt { path: path.to_owned(), message }
    }

    /// An error of the file system.
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::StorageFull {
            return Self::Full(path.to_owned());
        }
        Self::Io { path: path.to_owned(), source }
    }

    /// True if setting the file aside and indexing again helps.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }
}

/// Adds the path to SQLite's errors.
pub(super) trait SqlResult<T> {
    /// The value, or a [`CatalogError`] that names `path`.
    fn at(self, path: &Path) -> Result<T, CatalogError>;
}

impl<T> SqlResult<T> for rusqlite::Result<T> {
    fn at(self, path: &Path) -> Result<T, CatalogError> {
        self.map_err(|error| CatalogError::from_sql(path, error))
    }
}
