//! What img2dataset and DALI lay beside a tar shard: `SHARD.parquet`, `SHARD_stats.json`, `SHARD.idx`.

use std::path::{Path, PathBuf};

use super::fields::{Mapper, Record};
use super::mapped::read_file;
use super::parquet::{KeyedRows, Table, count_failed, not_downloaded, rows_by_key};
use super::report::Reporter;
use super::source::RawRecord;
use crate::base::{Warning, WarningKind};

/// The shard's name without `.tar`, `.tar.gz` or `.tgz`.
pub(super) fn stem(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lower = name.to_lowercase();
    let end = [".tar.gz", ".tgz", ".tar"]
        .into_iter()
        .find(|ending| lower.ends_with(ending))
        .map_or(name.len(), |ending| name.len() - ending.len());
    path.with_file_name(&name[..end])
}

/// The files beside a shard that belong to it.
pub(super) fn files(path: &Path) -> [PathBuf; 3] {
    let stem = stem(path);
    let with = |ending: &str| {
        let mut name = stem.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    [with(".parquet"), with("_stats.json"), with(".idx")]
}

/// The table and the statistics beside a shard, opened when they are asked.
pub(super) struct Beside {
    table: Option<Table>,
    rows: Option<KeyedRows>,
    failed: u64,
    successes: Option<u64>,
    warnings: Vec<Warning>,
}

impl Beside {
    pub(super) fn open(shard: &Path) -> Self {
        let [table, stats, _] = files(shard);
        let mut beside = Self { table: None, rows: None, failed: 0, successes: None, warnings: Vec::new() };
        if table.is_file() {
            let opened = Table::open(&table).map_err(|error| error.to_string());
            match opened.and_then(|table| count_failed(&table).map(|failed| (table, failed))) {
                Ok((table, failed)) => (beside.table, beside.failed) = (Some(table), failed),
                Err(error) => beside.unreadable(&error),
            }
        }
        if let Ok(text) = read_file(&stats) {
            match serde_json::from_slice::<serde_json::Value>(&text) {
                Ok(value) => beside.successes = value.get("successes").and_then(serde_json::Value::as_u64),
                Err(error) => beside.warnings.push(Warning::new(
                    WarningKind::MetadataUnreadable,
                    format!("the _stats.json beside the shard cannot be read: {error}"),
                )),
            }
        }
        beside
    }

    fn unreadable(&mut self, error: &str) {
        let message = format!("the parquet beside the shard cannot be read and is left out: {error}");
        self.warnings.push(Warning::new(WarningKind::MetadataUnreadable, message));
        self.table = None;
    }

    /// The table's row for a sample that has no record in the shard.
    pub(super) fn row(
        &mut self,
        key: &str,
        mapper: &mut Mapper,
        report: &mut Reporter<'_>,
    ) -> (Option<Record>, RawRecord) {
        if self.rows.is_none()
            && let Some(table) = &self.table
        {
            match rows_by_key(table, mapper) {
                Ok(rows) => self.rows = Some(rows),
                Err(error) => self.unreadable(&error),
            }
            report.warn_all(self.warnings.drain(..));
        }
        // Keys in a folder of the tar have its path before them; the table knows the last part.
        let rows = self.rows.as_mut().map(|rows| &mut rows.rows);
        let found =
            rows.and_then(|rows| rows.remove(key).or_else(|| rows.remove(key.rsplit('/').next().unwrap_or(key))));
        found.map_or((None, RawRecord::None), |(record, json)| (Some(record), RawRecord::Inline(json)))
    }

    /// What the table and the statistics say against `found` samples in the shard.
    pub(super) fn compare(&mut self, found: u64) -> Vec<Warning> {
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.extend(not_downloaded(self.failed));
        if let Some(successes) = self.successes
            && successes != found
        {
            let message =
                format!("the _stats.json beside the shard counts {successes} samples, but the shard holds {found}");
            warnings.push(Warning::new(WarningKind::MetadataUnreadable, message));
        }
        warnings
    }
}

/// Compares a DALI index (`wds2idx`) with the shard while it is walked.
///
/// Its first line is `v1.2 SAMPLES`, then one line a sample: `ext offset size name ..` (`v1.1` has no names). The walk over the
/// headers is as fast as reading an index, so a fitting index changes nothing; one that does not fit is told.
pub(super) struct IndexCheck {
    /// The first data offset of each sample by the index; `None` where there is no index.
    offsets: Option<Vec<u64>>,
    at: usize,
    wrong: Option<String>,
}

impl IndexCheck {
    pub(super) fn open(shard: &Path) -> Self {
        let [_, _, index] = files(shard);
        let mut check = Self { offsets: None, at: 0, wrong: None };
        if let Ok(text) = read_file(&index) {
            match std::str::from_utf8(&text).ok().and_then(parse_index) {
                Some(offsets) => check.offsets = Some(offsets),
                None => check.wrong = Some("it is not in a form that is known".to_owned()),
            }
        }
        check
    }

    /// A sample whose first member's bytes start at `offset`.
    pub(super) fn sample(&mut self, offset: usize) {
        let Some(offsets) = &self.offsets else { return };
        if self.wrong.is_none() && offsets.get(self.at) != Some(&(offset as u64)) {
            self.wrong = Some(format!("sample {} does not stand where it says", self.at));
        }
        self.at += 1;
    }

    /// The notice, if the index does not fit.
    pub(super) fn finish(&mut self) -> Option<Warning> {
        if let Some(offsets) = &self.offsets
            && self.wrong.is_none()
            && offsets.len() != self.at
        {
            self.wrong = Some(format!("it lists {} samples, the shard holds {}", offsets.len(), self.at));
        }
        let wrong = self.wrong.take()?;
        Some(Warning::new(
            WarningKind::IndexIgnored,
            format!("the .idx beside the shard does not fit it and is ignored: {wrong}"),
        ))
    }
}

fn parse_index(text: &str) -> Option<Vec<u64>> {
    let mut lines = text.lines();
    let (version, count) = lines.next()?.split_once(' ')?;
    if !matches!(version, "v1.1" | "v1.2") {
        return None;
    }
    let offsets: Vec<u64> = lines
        .filter(|line| !line.is_empty())
        .map(|line| line.split(' ').nth(1)?.parse().ok())
        .collect::<Option<_>>()?;
    (offsets.len() == count.trim().parse::<usize>().ok()?).then_some(offsets)
}
