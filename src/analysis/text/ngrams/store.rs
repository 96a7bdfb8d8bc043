//! Where n-gram counting puts what does not fit into its memory budget.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Append-only byte stores outside the memory budget: files, usually (`jobs::spill`), or [`MemoryStore`] in tests.
/// The analysis floor does no I/O of its own. All methods may be called from several threads at once.
pub trait SpillStore: Sync {
    /// Opens a new, empty store and gives its number.
    ///
    /// # Errors
    /// The I/O error of the medium.
    fn create(&self) -> io::Result<u32>;

    /// Appends bytes to a store and gives the offset at which they begin.
    ///
    /// # Errors
    /// The I/O error of the medium (no space left, mostly).
    fn append(&self, store: u32, bytes: &[u8]) -> io::Result<u64>;

    /// Fills `into` from `offset` on.
    ///
    /// # Errors
    /// The I/O error of the medium; `UnexpectedEof` if fewer bytes are there.
    fn read_at(&self, store: u32, offset: u64, into: &mut [u8]) -> io::Result<()>;
}

/// A [`SpillStore`] in memory: for tests, and for callers whose budget is the memory itself.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Vec<Vec<u8>>>);

impl MemoryStore {
    fn stores(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // A panic elsewhere leaves whole appends behind: the bytes are usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.stores().iter().map(|store| store.len() as u64).sum()
    }
}

impl SpillStore for MemoryStore {
    fn create(&self) -> io::Result<u32> {
        let mut stores = self.stores();
        stores.push(Vec::new());
        Ok(stores.len() as u32 - 1)
    }

    fn append(&self, store: u32, bytes: &[u8]) -> io::Result<u64> {
        let mut stores = self.stores();
        let store = stores.get_mut(store as usize).ok_or(io::ErrorKind::NotFound)?;
        let offset = store.len() as u64;
        store.extend_from_slice(bytes);
        Ok(offset)
    }

    fn read_at(&self, store: u32, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let stores = self.stores();
        let store = stores.get(store as usize).ok_or(io::ErrorKind::NotFound)?;
        let from = offset as usize;
        let bytes = store.get(from..from + into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}
