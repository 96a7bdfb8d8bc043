//! Random access: the picture in a row.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use super::BATCH_BYTES;
use super::cells::image_bytes;
use super::table::{ImageColumn, Table, guarded};
use crate::formats::fields::Mapper;
use crate::formats::source::{FormatError, ReadOptions};

/// Reads pictures by row.
#[derive(Debug)]
pub(in crate::formats) struct RowReader {
    table: Table,
    image: ImageColumn,
    /// The rows read last: a grid asks for neighbours, and without an index of pages each read decodes from the group's start.
    cache: Mutex<(u64, Vec<Option<Vec<u8>>>)>,
}

impl RowReader {
    pub(in crate::formats) fn open(path: &Path, opts: &ReadOptions) -> Result<Self, FormatError> {
        let table = Table::open(path)?;
        let image = ImageColumn::find(&table, &mut Mapper::new(&opts.map));
        Ok(Self { table, image, cache: Mutex::default() })
    }

    /// The bytes of the picture in a row of the file.
    pub(in crate::formats) fn image_bytes(&self, path: &Path, row: u64) -> Result<Vec<u8>, FormatError> {
        let none = || FormatError::corrupt(path, format!("row {row} has no picture"));
        let Some(column) = self.image.bytes_root() else { return Err(none()) };
        if !self.table.is_as_opened() {
            return Err(FormatError::Changed(path.to_owned()));
        }
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = row.checked_sub(cache.0).and_then(|at| cache.1.get_mut(at as usize)).and_then(Option::take)
        {
            return Ok(kept);
        }
        let (group, start) = self.group_of(row).ok_or_else(none)?;
        let count = (BATCH_BYTES / 2 / self.table.bytes_a_row(group, column).max(1)).clamp(1, 32);
        let count = count.min(start + self.table.rows_in(group) - row);
        let rows =
            RowSelection::from(vec![RowSelector::skip((row - start) as usize), RowSelector::select(count as usize)]);
        let mask =
            self.table.projection(|root, below| root == column && below.last().is_none_or(|part| part == "bytes"));
        let damaged = |error: String| FormatError::corrupt(path, format!("row {row} cannot be decoded ({error})"));
        let mut reader = self.table.read(group, mask, count as usize, Some(rows)).map_err(damaged)?;
        let mut read = Vec::new();
        loop {
            match guarded(|| reader.next()) {
                Ok(Some(Ok(batch))) => {
                    let array = batch.column(0);
                    read.extend((0..batch.num_rows()).map(|at| image_bytes(array, at).map(<[u8]>::to_vec)));
                }
                // What was decoded before the damage is good.
                Ok(Some(Err(error))) if read.is_empty() => return Err(damaged(error.to_string())),
                Err(error) if read.is_empty() => return Err(damaged(error)),
                _ => break,
            }
        }
        let wanted = read.first_mut().and_then(Option::take);
        *cache = (row, read);
        wanted.ok_or_else(none)
    }

    fn group_of(&self, row: u64) -> Option<(usize, u64)> {
        let mut start = 0;
        for group in 0..self.table.row_groups() {
            let rows = self.table.rows_in(group);
            if row < start + rows {
                return Some((group, start));
            }
            start += rows;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    /// Readers are shared by the workers that make thumbnails.
    #[test]
    fn readers_can_be_shared() {
        fn check<T: Send + Sync>() {}
        check::<crate::formats::ShardReader>();
    }
}
