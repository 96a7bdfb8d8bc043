//! Which samples rows of features are of, and which of them are stale.
//!
//! How it works: a sidecar lists the shards of each dataset with their fingerprints and how many rows come from each. A shard that looks as it did
//! then has the same samples in the same order, so its rows are found by walking keys and samples side by side. Rows of a shard that changed, or
//! is gone, are of pictures that may be others now: they have no sample, and what lies in that shard now counts as changed.

use roaring::RoaringBitmap;

use super::{DatasetRows, Sidecar};
use crate::base::SampleId;
use crate::catalog::{Columns, flags, key_hash};

/// What of a sidecar is needed to find its rows again: 8 bytes a row, none of its texts.
#[derive(Clone, Debug, Default)]
pub struct RowIndex {
    datasets: Vec<DatasetRows>,
    /// Hash of the key of each row.
    keys: Vec<u64>,
}

/// Rows found in a population.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundRows {
    /// The sample of each row; `None` where its dataset is not open or its shard changed since.
    pub samples: Vec<Option<SampleId>>,
    /// Samples with a picture that lie in shards that are new, or changed since: whatever is known of them is stale.
    pub changed: RoaringBitmap,
}

impl RowIndex {
    /// The index of a sidecar.
    #[must_use]
    pub fn new(sidecar: &Sidecar) -> Self {
        let keys = sidecar.keys.iter().map(|key| key_hash(key)).collect();
        Self { datasets: sidecar.datasets.clone(), keys }
    }

    /// Finds the rows in a population. Samples with equal keys are told apart by their order.
    #[must_use]
    pub fn find(&self, columns: &Columns) -> FoundRows {
        let mut found = FoundRows { samples: vec![None; self.keys.len()], changed: RoaringBitmap::new() };
        let mut first = 0;
        for dataset in &self.datasets {
            let end = (first + dataset.rows).min(self.keys.len());
            let mut row = first;
            first = end;
            let open = columns
                .datasets
                .iter()
                .find(|open| open.root == dataset.path && open.format.as_str() == dataset.format);
            let Some(open) = open else { continue };
            let mut changed: Vec<bool> = vec![true; open.columns.shards.len()];
            for then in &dataset.shards {
                let keys = row..(row + then.rows).min(end);
                row = keys.end;
                let now = open
                    .columns
                    .shards
                    .iter()
                    .position(|now| now.name == then.name && now.fingerprint == then.fingerprint);
                let Some(at) = now else { continue };
                let now = &open.columns.shards[at];
                let hashes = &open.columns.rows.key_hash[now.first_row as usize..][..now.rows as usize];
                let mut place = 0;
                let places: Option<Vec<u32>> = self.keys[keys.clone()]
                    .iter()
                    .map(|key| {
                        place += hashes[place..].iter().position(|hash| hash == key)? + 1;
                        Some(now.first_row + place as u32 - 1)
                    })
                    .collect();
                // Keys that are not there in this order are those of another reading of the same files.
                let Some(places) = places else { continue };
                changed[at] = false;
                for (sample, place) in found.samples[keys].iter_mut().zip(places) {
                    *sample = Some(SampleId(open.range.start + place));
                }
            }
            for (shard, _) in open.columns.shards.iter().zip(changed).filter(|(_, changed)| *changed) {
                let samples = open.range.start + shard.first_row..open.range.start + shard.first_row + shard.rows;
                found.changed.extend(samples.filter(|sample| columns.flags[*sample as usize] & flags::HAS_IMAGE != 0));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::super::ShardRows;
    use super::*;
    use crate::catalog::{DatasetColumns, NONE, RowColumns, ShardRow};
    use crate::formats::{Fingerprint, Format};

    /// A dataset whose shards are (name, time, keys); keys that begin with `-` have no picture.
    fn columns(shards: &[(&str, i64, &[&str])]) -> Columns {
        let mut rows = RowColumns::default();
        let mut listed = Vec::new();
        for (name, time, keys) in shards {
            listed.push(ShardRow {
                id: 0,
                name: (*name).to_owned(),
                path: PathBuf::from(name),
                fingerprint: Fingerprint { bytes: 1, modified_ns: *time },
                base_rowid: 0,
                first_row: rows.flags.len() as u32,
                rows: keys.len() as u32,
                with_image: keys.len() as u32,
                unreadable: 0,
                searchable: true,
            });
            for key in *keys {
                rows.key_hash.push(key_hash(key));
                rows.flags.push(if key.starts_with('-') { 0 } else { flags::HAS_IMAGE });
                rows.leaf.push(NONE);
                rows.node.push(NONE);
                rows.brand.push(NONE);
                rows.split.push(u16::MAX);
                rows.words.push(0);
                rows.width.push(0);
                rows.height.push(0);
                rows.image_length.push(0);
                rows.image_offset.push(0);
            }
        }
        Columns::concat(&[Arc::new(DatasetColumns {
            catalog: PathBuf::from("/c"),
            name: "shop".to_owned(),
            root: PathBuf::from("/shop"),
            format: Format::Webdataset,
            shards: listed.into(),
            rows,
            leaves: Vec::new(),
            brands: Vec::new(),
            splits: Vec::new(),
            nodes: Vec::new(),
            warnings: 0,
        })])
    }

    fn index(shards: &[(&str, i64, &[&str])]) -> RowIndex {
        let keys: Vec<u64> = shards.iter().flat_map(|(.., keys)| keys.iter().map(|key| key_hash(key))).collect();
        let dataset = DatasetRows {
            name: "shop".to_owned(),
            path: PathBuf::from("/shop"),
            format: Format::Webdataset.as_str().to_owned(),
            rows: keys.len(),
            shards: shards
                .iter()
                .map(|(name, time, keys)| ShardRows {
                    name: (*name).to_owned(),
                    fingerprint: Fingerprint { bytes: 1, modified_ns: *time },
                    rows: keys.len(),
                })
                .collect(),
        };
        RowIndex { datasets: vec![dataset], keys }
    }

    #[test]
    fn rows_of_shards_that_changed_have_no_sample() {
        let then = index(&[("0", 5, &["a", "b"]), ("1", 5, &["c", "c", "d"]), ("2", 5, &[])]);
        let check = |now: &[(&str, i64, &[&str])], samples: &[i64], changed: &[u32]| {
            let found = then.find(&columns(now));
            let got: Vec<i64> = found.samples.iter().map(|s| s.map_or(-1, |sample| i64::from(sample.0))).collect();
            assert_eq!((&got[..], &found.changed.iter().collect::<Vec<_>>()[..]), (samples, changed), "{now:?}");
        };
        // As it was; one sample was not asked for, another has no picture.
        check(&[("0", 5, &["a", "x", "b"]), ("1", 5, &["-", "c", "c", "d"]), ("2", 5, &["y"])], &[0, 2, 4, 5, 6], &[]);
        // A shard was written again, though its keys are the same.
        check(&[("0", 6, &["a", "b"]), ("1", 5, &["c", "c", "d"])], &[-1, -1, 2, 3, 4], &[0, 1]);
        // One is gone, one is new; the pictureless sample is not missed.
        check(&[("1", 5, &["c", "c", "d"]), ("3", 5, &["-", "z"])], &[-1, -1, 0, 1, 2], &[4]);
        // The same file read in another way: its keys are others.
        check(&[("0", 5, &["b", "a"]), ("1", 5, &["c", "c", "d"])], &[-1, -1, 2, 3, 4], &[0, 1]);
    }

    #[test]
    fn a_dataset_that_is_not_open_is_passed_over() {
        let mut then = index(&[("0", 5, &["a", "b"])]);
        then.datasets[0].path = PathBuf::from("/elsewhere");
        let found = then.find(&columns(&[("0", 5, &["a", "b"])]));
        assert_eq!(found, FoundRows { samples: vec![None, None], changed: RoaringBitmap::new() });
        // A sidecar that lists no shards vouches for nothing.
        let mut silent = index(&[("0", 5, &["a", "b"])]);
        silent.datasets[0].shards.clear();
        assert_eq!(silent.find(&columns(&[("0", 5, &["a", "b"])])).changed.len(), 2);
    }
}
