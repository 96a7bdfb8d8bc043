//! The in-memory snapshot: dense arrays over all samples of a population.
//!
//! A [`DatasetColumns`] is what one catalog holds, read once and never changed. [`Columns`] lays the
//! datasets one after the other, merges their dictionaries by name (a merged dictionary is sorted, so
//! that the order of ids is the order of names) and is what filters, facets and sorts run over. Both are
//! immutable: when a catalog grows, a new snapshot replaces the old one and [`Columns::remap`] carries
//! selections over.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::taxonomy::{NONE, Taxonomy};
use crate::base::{DatasetId, SampleId};
use crate::formats::{Fingerprint, Format, Location};

/// The bits of [`Columns::flags`].
pub mod flags {
    /// The shard holds a picture for the sample (also when its header cannot be read).
    pub const HAS_IMAGE: u16 = 1;
    /// The picture cannot be decoded whole: its header cannot be read, it has 0 bytes, it is cut short or too
    /// large. The next two bits say which of the latter.
    pub const UNREADABLE: u16 = 1 << 1;
    /// The picture is cut short.
    pub const TRUNCATED: u16 = 1 << 2;
    /// The picture declares more pixels than the limit allows.
    pub const TOO_LARGE: u16 = 1 << 3;
    /// The sample has neither caption nor title nor description (absent or blank).
    pub const NO_TEXT: u16 = 1 << 4;
    /// The sample has a caption that is not blank.
    pub const HAS_CAPTION: u16 = 1 << 5;
    /// The sample has a title that is not blank.
    pub const HAS_TITLE: u16 = 1 << 6;
    /// The sample has a description that is not blank.
    pub const HAS_DESCRIPTION: u16 = 1 << 7;
    /// The picture's longer side is under [`TINY_SIDE`](super::TINY_SIDE) pixels.
    pub const TINY: u16 = 1 << 8;
    /// The picture's longer side is more than 4 times the shorter one.
    pub const EXTREME_ASPECT: u16 = 1 << 9;
    /// An earlier sample of the dataset has the same key.
    pub const DUPLICATE_KEY: u16 = 1 << 10;
    /// Number of bits in use.
    pub const COUNT: usize = 11;
}

/// A picture whose longer side is below this many pixels is [`flags::TINY`].
pub const TINY_SIDE: u32 = 64;

/// A picture is [`flags::EXTREME_ASPECT`] if its longer side is more than this many times the shorter.
pub const EXTREME_RATIO: u32 = 4;

/// The stable 64-bit hash of a key: FNV-1a over its bytes, then `MurmurHash3`'s finaliser. It is stored in
/// catalogs, so it never changes without a new schema version.
#[must_use]
pub fn key_hash(key: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// One shard of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardRow {
    /// Names this reading of the shard for ever: a shard that is read again gets a new id.
    pub id: i64,
    /// Name relative to the dataset's root, `/`-separated.
    pub name: String,
    /// The file or folder.
    pub path: PathBuf,
    /// What it looked like when it was indexed.
    pub fingerprint: Fingerprint,
    /// Row ids `base_rowid..base_rowid + rows` belong to it.
    pub base_rowid: i64,
    /// Its first row in the dataset.
    pub first_row: u32,
    /// Its number of samples.
    pub rows: u32,
    /// How many of them have a picture.
    pub with_image: u32,
    /// How many of the pictures cannot be read.
    pub unreadable: u32,
    /// True once its text can be searched.
    pub searchable: bool,
}

/// The columns of one dataset that are one entry per sample. All have the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the meaning of each is told at `Columns`; here they hold ids of this catalog's dictionaries"
)]
pub struct RowColumns {
    pub leaf: Vec<u32>,
    pub node: Vec<u32>,
    pub brand: Vec<u32>,
    pub split: Vec<u16>,
    pub words: Vec<u16>,
    pub width: Vec<u32>,
    pub height: Vec<u32>,
    pub image_length: Vec<u32>,
    pub image_offset: Vec<u64>,
    pub key_hash: Vec<u64>,
    pub flags: Vec<u16>,
}

impl RowColumns {
    /// Empty columns with room for `n` samples.
    pub(super) fn with_capacity(n: usize) -> Self {
        Self {
            leaf: Vec::with_capacity(n),
            node: Vec::with_capacity(n),
            brand: Vec::with_capacity(n),
            split: Vec::with_capacity(n),
            words: Vec::with_capacity(n),
            width: Vec::with_capacity(n),
            height: Vec::with_capacity(n),
            image_length: Vec::with_capacity(n),
            image_offset: Vec::with_capacity(n),
            key_hash: Vec::with_capacity(n),
            flags: Vec::with_capacity(n),
        }
    }
}

/// One dataset as read from its catalog. Rows are in the order of shard names, then of the shard.
#[derive(Clone, Debug)]
pub struct DatasetColumns {
    /// The catalog file it was read from; two snapshots of one dataset have the same.
    pub catalog: PathBuf,
    /// Display name.
    pub name: String,
    /// The dataset's folder or file.
    pub root: PathBuf,
    /// How its shards are read.
    pub format: Format,
    /// Its shards in dataset order.
    pub shards: Arc<[ShardRow]>,
    /// One entry a sample.
    pub rows: RowColumns,
    /// Leaf names by id.
    pub leaves: Vec<Arc<str>>,
    /// Brand names by id.
    pub brands: Vec<Arc<str>>,
    /// Split names by id.
    pub splits: Vec<Arc<str>>,
    /// Taxonomy nodes by id: parent ([`NONE`] for a root) and name.
    pub nodes: Vec<(u32, Arc<str>)>,
    /// Number of warnings in the catalog.
    pub warnings: u64,
}

impl DatasetColumns {
    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.rows.flags.len() as u32
    }

    /// True if no sample is indexed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.flags.is_empty()
    }

    /// The shard that holds `row`, and the row's number in it.
    #[must_use]
    pub fn shard_of(&self, row: u32) -> Option<(&ShardRow, u32)> {
        let at = self.shards.partition_point(|shard| shard.first_row + shard.rows <= row);
        let shard = self.shards.get(at)?;
        (shard.first_row <= row).then(|| (shard, row - shard.first_row))
    }

    /// How many samples have searchable text.
    #[must_use]
    pub fn searchable_rows(&self) -> u32 {
        self.shards.iter().filter(|shard| shard.searchable).map(|shard| shard.rows).sum()
    }
}

/// One dataset's part of a population.
#[derive(Clone, Debug)]
pub struct DatasetInfo {
    /// Display name, unique in the population.
    pub name: String,
    /// The dataset's folder or file.
    pub root: PathBuf,
    /// How its shards are read.
    pub format: Format,
    /// Its samples.
    pub range: Range<u32>,
    /// How many of them have searchable text.
    pub searchable: u32,
    /// The snapshot it came from.
    pub columns: Arc<DatasetColumns>,
}

/// All open datasets as one population; index of every per-sample vector: [`SampleId`].
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// The datasets in the order in which they were opened.
    pub datasets: Vec<DatasetInfo>,
    /// Leaf id per sample, [`NONE`] without one.
    pub leaf: Vec<u32>,
    /// Id of the taxonomy node at which the sample's path ends, [`NONE`] without one.
    pub node: Vec<u32>,
    /// Brand id per sample, [`NONE`] without one.
    pub brand: Vec<u32>,
    /// Split id per sample, `u16::MAX` without one.
    pub split: Vec<u16>,
    /// Words of the caption (of the title where there is no caption, else of the description), split at
    /// Unicode white space; 0 without text, at most `u16::MAX`.
    pub words: Vec<u16>,
    /// Width in pixels as displayed, 0 if unknown.
    pub width: Vec<u32>,
    /// Height in pixels as displayed, 0 if unknown.
    pub height: Vec<u32>,
    /// Bytes of the picture as stored, 0 without one.
    pub bytes: Vec<u32>,
    /// Bits of [`flags`].
    pub flags: Vec<u16>,
    /// Leaf names, sorted.
    pub leaves: Vec<Arc<str>>,
    /// Brand names, sorted.
    pub brands: Vec<Arc<str>>,
    /// Split names, sorted.
    pub splits: Vec<Arc<str>>,
    /// The merged taxonomy with counts over the whole population.
    pub taxonomy: Taxonomy,
}

impl Columns {
    /// Lays datasets one after the other. Equal display names get ` (2)`, ` (3)`, .. appended.
    ///
    /// # Panics
    /// If the datasets have more than `u32::MAX - 1` samples together.
    #[must_use]
    pub fn concat(parts: &[Arc<DatasetColumns>]) -> Self {
        let total: u64 = parts.iter().map(|part| u64::from(part.len())).sum();
        assert!(total < u64::from(u32::MAX), "a population is at most 2^32 - 2 samples");
        let mut all = Self::default();
        let mut start = 0;
        for part in parts {
            let range = start..start + part.len();
            start = range.end;
            let taken = |name: &str| all.datasets.iter().any(|other| other.name == name);
            let mut name = part.name.clone();
            let mut n = 2;
            while taken(&name) {
                name = format!("{} ({n})", part.name);
                n += 1;
            }
            all.datasets.push(DatasetInfo {
                name,
                root: part.root.clone(),
                format: part.format,
                range,
                searchable: part.searchable_rows(),
                columns: part.clone(),
            });
        }
        (all.leaf, all.leaves) = merge_ids(parts, |part| (&part.rows.leaf, &part.leaves));
        (all.brand, all.brands) = merge_ids(parts, |part| (&part.rows.brand, &part.brands));
        (all.split, all.splits) = merge_splits(parts);
        (all.node, all.taxonomy) = merge_nodes(parts);
        all.words = join(parts, |rows| &rows.words);
        all.width = join(parts, |rows| &rows.width);
        all.height = join(parts, |rows| &rows.height);
        all.bytes = join(parts, |rows| &rows.image_length);
        all.flags = join(parts, |rows| &rows.flags);
        all
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.flags.len() as u32
    }

    /// True if nothing is open or nothing is indexed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    /// The set of all samples.
    #[must_use]
    pub fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.len());
        all
    }

    /// The dataset that owns `sample`.
    ///
    /// # Panics
    /// If `sample` is not in the population.
    #[must_use]
    pub fn dataset_of(&self, sample: SampleId) -> DatasetId {
        let at = self.datasets.partition_point(|dataset| dataset.range.end <= sample.0);
        assert!(at < self.datasets.len(), "sample {} is not in a population of {}", sample.0, self.len());
        DatasetId(at as u16)
    }

    /// The dataset that owns `sample`, and its row there.
    ///
    /// # Panics
    /// If `sample` is not in the population.
    #[must_use]
    pub fn local(&self, sample: SampleId) -> (DatasetId, u32) {
        let dataset = self.dataset_of(sample);
        (dataset, sample.0 - self.datasets[dataset.index()].range.start)
    }

    /// The sample at `row` of `dataset`.
    ///
    /// # Panics
    /// If there is no such dataset.
    #[must_use]
    pub fn sample(&self, dataset: DatasetId, row: u32) -> SampleId {
        SampleId(self.datasets[dataset.index()].range.start + row)
    }

    /// The shard that holds `sample`, and the sample's number in it.
    #[must_use]
    pub fn shard_of(&self, sample: SampleId) -> Option<(&ShardRow, u32)> {
        let (dataset, row) = self.local(sample);
        self.datasets[dataset.index()].columns.shard_of(row)
    }

    /// Offset and length of the sample's picture in its shard (for folder formats the path is in the
    /// record, see [`Catalog::record`](super::Catalog::record)); `None` without a picture.
    #[must_use]
    pub fn image_at(&self, sample: SampleId) -> Option<Location> {
        let (dataset, row) = self.local(sample);
        let rows = &self.datasets[dataset.index()].columns.rows;
        (rows.flags[row as usize] & flags::HAS_IMAGE != 0).then(|| Location {
            offset: rows.image_offset[row as usize],
            length: rows.image_length[row as usize],
            path: None,
        })
    }

    /// A sample's 64-bit [`key_hash`].
    #[must_use]
    pub fn key_hash(&self, sample: SampleId) -> u64 {
        let (dataset, row) = self.local(sample);
        self.datasets[dataset.index()].columns.rows.key_hash[row as usize]
    }

    /// Samples of `dataset` whose key has the hash of `key`, ascending: all with that key, and with a
    /// chance of 2^-64 each a stranger.
    #[must_use]
    pub fn find_key(&self, dataset: DatasetId, key: &str) -> Vec<SampleId> {
        let Some(info) = self.datasets.get(dataset.index()) else { return Vec::new() };
        let hash = key_hash(key);
        let hashes = &info.columns.rows.key_hash;
        (0..info.columns.len())
            .filter(|&row| hashes[row as usize] == hash)
            .map(|row| SampleId(info.range.start + row))
            .collect()
    }

    /// The leaf's name, if the sample has one.
    #[must_use]
    pub fn leaf_name(&self, sample: SampleId) -> Option<&str> {
        self.leaves.get(*self.leaf.get(sample.index())? as usize).map(|name| &**name)
    }

    /// The brand's name, if the sample has one.
    #[must_use]
    pub fn brand_name(&self, sample: SampleId) -> Option<&str> {
        self.brands.get(*self.brand.get(sample.index())? as usize).map(|name| &**name)
    }

    /// Position of the dataset whose root is `root`.
    #[must_use]
    pub fn dataset_at(&self, root: &Path) -> Option<DatasetId> {
        self.datasets.iter().position(|dataset| dataset.root == root).map(|at| DatasetId(at as u16))
    }

    /// Carries `samples` of the older snapshot `old` over to `self`. A sample stays if its dataset is
    /// still open and its shard was not read again, or if a sample with the same key now lies in a shard
    /// that is new since; the others are dropped.
    #[must_use]
    pub fn remap(&self, old: &Self, samples: &RoaringBitmap) -> RoaringBitmap {
        let mut kept = RoaringBitmap::new();
        for before in &old.datasets {
            let Some(now) = self.datasets.iter().find(|now| now.columns.catalog == before.columns.catalog) else {
                continue;
            };
            let new_start: FxHashMap<i64, u32> = now.columns.shards.iter().map(|s| (s.id, s.first_row)).collect();
            let old_ids: FxHashSet<i64> = before.columns.shards.iter().map(|s| s.id).collect();
            let mut homeless = FxHashSet::default();
            for shard in before.columns.shards.iter() {
                let from = before.range.start + shard.first_row;
                let rows = samples.range(from..from + shard.rows);
                match new_start.get(&shard.id) {
                    Some(&first) => kept.extend(rows.map(|row| row - from + now.range.start + first)),
                    None => homeless
                        .extend(rows.map(|row| before.columns.rows.key_hash[(row - before.range.start) as usize])),
                }
            }
            if homeless.is_empty() {
                continue;
            }
            for shard in now.columns.shards.iter().filter(|shard| !old_ids.contains(&shard.id)) {
                for row in shard.first_row..shard.first_row + shard.rows {
                    if homeless.contains(&now.columns.rows.key_hash[row as usize]) {
                        kept.insert(now.range.start + row);
                    }
                }
            }
        }
        kept
    }
}

/// Concatenates one column.
fn join<T: Copy>(parts: &[Arc<DatasetColumns>], column: impl Fn(&RowColumns) -> &Vec<T>) -> Vec<T> {
    let mut all = Vec::with_capacity(parts.iter().map(|part| column(&part.rows).len()).sum());
    for part in parts {
        all.extend_from_slice(column(&part.rows));
    }
    all
}

/// Concatenates an id column and merges its dictionaries: names in use, sorted.
fn merge_ids(
    parts: &[Arc<DatasetColumns>],
    column: impl Fn(&DatasetColumns) -> (&Vec<u32>, &Vec<Arc<str>>),
) -> (Vec<u32>, Vec<Arc<str>>) {
    let mut names: Vec<Arc<str>> = Vec::new();
    for part in parts {
        let (ids, dictionary) = column(part);
        let mut used = vec![false; dictionary.len()];
        for &id in ids {
            if let Some(seen) = used.get_mut(id as usize) {
                *seen = true;
            }
        }
        names.extend(dictionary.iter().zip(used).filter(|(_, used)| *used).map(|(name, _)| name.clone()));
    }
    names.sort_unstable();
    names.dedup();
    let mut merged = Vec::with_capacity(parts.iter().map(|part| part.len() as usize).sum());
    for part in parts {
        let (ids, dictionary) = column(part);
        let new: Vec<u32> =
            dictionary.iter().map(|name| names.binary_search(name).map_or(NONE, |at| at as u32)).collect();
        merged.extend(ids.iter().map(|&id| new.get(id as usize).copied().unwrap_or(NONE)));
    }
    (merged, names)
}

/// As [`merge_ids`] for the narrow split column.
fn merge_splits(parts: &[Arc<DatasetColumns>]) -> (Vec<u16>, Vec<Arc<str>>) {
    let mut names: Vec<Arc<str>> = parts.iter().flat_map(|part| part.splits.iter().cloned()).collect();
    names.sort_unstable();
    names.dedup();
    let mut merged = Vec::with_capacity(parts.iter().map(|part| part.len() as usize).sum());
    for part in parts {
        let new: Vec<u16> =
            part.splits.iter().map(|name| names.binary_search(name).map_or(u16::MAX, |at| at as u16)).collect();
        merged.extend(part.rows.split.iter().map(|&id| new.get(usize::from(id)).copied().unwrap_or(u16::MAX)));
    }
    (merged, names)
}

/// Concatenates the node column and merges the trees by path.
fn merge_nodes(parts: &[Arc<DatasetColumns>]) -> (Vec<u32>, Taxonomy) {
    let mut nodes: Vec<(u32, Arc<str>, u32)> = Vec::new();
    let mut by_name: FxHashMap<(u32, Arc<str>), u32> = FxHashMap::default();
    let mut merged_of = Vec::with_capacity(parts.len());
    for part in parts {
        // Catalogs store a parent before its children, so one pass in order is enough.
        let mut merged = Vec::with_capacity(part.nodes.len());
        for (parent, name) in &part.nodes {
            let parent = merged.get(*parent as usize).copied().unwrap_or(NONE);
            let id = *by_name.entry((parent, name.clone())).or_insert_with(|| {
                nodes.push((parent, name.clone(), 0));
                nodes.len() as u32 - 1
            });
            merged.push(id);
        }
        for &node in &part.rows.node {
            if let Some(&id) = merged.get(node as usize) {
                nodes[id as usize].2 += 1;
            }
        }
        merged_of.push(merged);
    }
    let (taxonomy, final_id) = Taxonomy::build(&nodes);
    let mut column = Vec::with_capacity(parts.iter().map(|part| part.len() as usize).sum());
    for (part, merged) in parts.iter().zip(&merged_of) {
        let new: Vec<u32> = merged.iter().map(|&id| final_id[id as usize]).collect();
        column.extend(part.rows.node.iter().map(|&id| new.get(id as usize).copied().unwrap_or(NONE)));
    }
    (column, taxonomy)
}
