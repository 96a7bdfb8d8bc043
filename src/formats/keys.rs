//! Keys of rows: an id column's value, else the file's stem and the row number, always unique within a file.

use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashSet};

use crate::base::{Warning, WarningKind};

/// Keys remembered to see repeats (16 MB of hashes); behind that many rows repeats pass unseen.
const MAX_REMEMBERED: usize = 1 << 20;

/// Gives each row of a file its key.
#[derive(Debug, Default)]
pub(super) struct Keys {
    seen: FxHashSet<u64>,
    repeated: u64,
}

impl Keys {
    /// The key of a row (from 0) with the id that its record states. A repeated id gets `#ROW`, and the first repeat a warning.
    pub(super) fn of_row(&mut self, stem: &str, row: u64, id: Option<String>) -> (String, Option<Warning>) {
        let Some(id) = id else { return (format!("{stem}:{row}"), None) };
        let hash = FxBuildHasher.hash_one(&id);
        let known = if self.seen.len() < MAX_REMEMBERED { !self.seen.insert(hash) } else { self.seen.contains(&hash) };
        if !known {
            return (id, None);
        }
        self.repeated += 1;
        let message = "the id stands in several rows; each further one is kept with its row number added";
        let warning = (self.repeated == 1).then(|| Warning::new(WarningKind::DuplicateKey, message).key(&id));
        (format!("{id}#{row}"), warning)
    }

    /// The number of repeats, where there was more than the one that was told.
    pub(super) fn finish(&self) -> Option<Warning> {
        (self.repeated > 1).then(|| {
            Warning::new(WarningKind::DuplicateKey, format!("{} rows repeat the id of an earlier row", self.repeated))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_within_a_file() {
        let mut keys = Keys::default();
        let mut check = |row, id: Option<&str>, expect: &str, warns: bool| {
            let (key, warning) = keys.of_row("t", row, id.map(str::to_owned));
            assert_eq!((key.as_str(), warning.is_some()), (expect, warns));
        };
        check(0, Some("a"), "a", false);
        check(1, None, "t:1", false);
        check(2, Some("a"), "a#2", true);
        check(3, Some("a"), "a#3", false);
        assert!(keys.finish().is_some_and(|warning| warning.message.starts_with("2 rows")));
    }
}
