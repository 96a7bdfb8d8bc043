//! A run of samples on its way into the catalog. Parser threads build chunks (columns filled, records
//! compressed, names in shard-local dictionaries), so that the one writer only renumbers ids and stores blobs.

use rustc_hash::FxHashMap;

use super::columns::{EXTREME_RATIO, RowColumns, TINY_SIDE, flags, key_hash};
use super::record;
use super::taxonomy::NONE;
use crate::base::{Warning, WarningKind};
use crate::formats::{Fields, RawSample};

/// Samples of one chunk.
pub(super) const CHUNK_ROWS: usize = 2048;

/// A chunk is closed early when its compressed records are longer than this together.
const CHUNK_BYTES: usize = 1 << 20;

/// A compressed block of records.
#[derive(Debug)]
pub(super) struct TextBlock {
    /// First row in the shard.
    pub first_row: u32,
    pub rows: u32,
    pub raw_bytes: u32,
    pub data: Vec<u8>,
}

/// A run of samples of one shard with ids of the shard's own dictionaries.
#[derive(Debug, Default)]
pub struct Chunk {
    /// First row in the shard.
    pub(super) first_row: u32,
    pub(super) rows: RowColumns,
    pub(super) texts: Vec<TextBlock>,
    /// Names that appeared first in this chunk, in the order of their local ids.
    pub(super) leaves: Vec<String>,
    pub(super) brands: Vec<String>,
    pub(super) splits: Vec<String>,
    /// As above: parent (local id, [`NONE`] for a root) and name.
    pub(super) nodes: Vec<(u32, String)>,
    pub(super) warnings: Vec<Warning>,
}

impl Chunk {
    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.flags.len()
    }

    /// True if it holds no sample (it may still hold warnings).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.flags.is_empty()
    }
}

/// Numbers names in the order in which they come.
#[derive(Debug, Default)]
struct Dictionary {
    ids: FxHashMap<String, u32>,
    new: Vec<String>,
}

impl Dictionary {
    fn id(&mut self, name: Option<&str>) -> u32 {
        let Some(name) = name else { return NONE };
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id = self.ids.len() as u32;
        self.ids.insert(name.to_owned(), id);
        self.new.push(name.to_owned());
        id
    }
}

/// Builds the chunks of one shard.
#[derive(Debug)]
pub struct ChunkBuilder {
    chunk: Chunk,
    records: Vec<u8>,
    record_rows: u32,
    compressed: usize,
    next_row: u32,
    leaves: Dictionary,
    brands: Dictionary,
    splits: Dictionary,
    nodes: FxHashMap<u32, FxHashMap<String, u32>>,
    node_count: u32,
}

impl Default for ChunkBuilder {
    fn default() -> Self {
        Self {
            chunk: Chunk::default(),
            records: Vec::with_capacity(record::BLOCK_BYTES),
            record_rows: 0,
            compressed: 0,
            next_row: 0,
            leaves: Dictionary::default(),
            brands: Dictionary::default(),
            splits: Dictionary::default(),
            nodes: FxHashMap::default(),
            node_count: 0,
        }
    }
}

impl ChunkBuilder {
    /// Adds a sample; returns a chunk when one is full.
    pub fn sample(&mut self, sample: &RawSample) -> Option<Chunk> {
        let rows = &mut self.chunk.rows;
        let fields = &sample.fields;
        let (width, height, length, offset, mut bits) = match &sample.image {
            None => (0, 0, 0, 0, 0),
            Some(image) => {
                (image.probe.width, image.probe.height, image.at.length, image.at.offset, image_flags(image.probe))
            }
        };
        bits |= text_flags(fields);
        rows.leaf.push(self.leaves.id(fields.leaf.as_deref()));
        rows.brand.push(self.brands.id(fields.brand.as_deref()));
        // A split column with thousands of values is an id, not a split: those beyond the range are unnamed.
        let split = self.splits.id(fields.split.as_deref());
        rows.split.push(u16::try_from(split).unwrap_or(u16::MAX));
        let mut node = NONE;
        for name in &fields.taxonomy {
            let children = self.nodes.entry(node).or_default();
            node = if let Some(&id) = children.get(name) {
                id
            } else {
                children.insert(name.clone(), self.node_count);
                self.chunk.nodes.push((node, name.clone()));
                self.node_count += 1;
                self.node_count - 1
            };
        }
        rows.node.push(node);
        rows.words.push(word_count(fields));
        rows.width.push(width);
        rows.height.push(height);
        rows.image_length.push(length);
        rows.image_offset.push(offset);
        rows.key_hash.push(key_hash(&sample.key));
        rows.flags.push(bits);
        record::encode(sample, &mut self.records);
        self.record_rows += 1;
        self.next_row += 1;
        if self.record_rows as usize >= record::BLOCK_ROWS || self.records.len() >= record::BLOCK_BYTES {
            self.close_block();
        }
        (self.chunk.len() >= CHUNK_ROWS || self.compressed >= CHUNK_BYTES).then(|| self.close_chunk())
    }

    /// Adds a warning to the running chunk.
    pub fn warn(&mut self, warning: Warning) -> Option<Chunk> {
        self.chunk.warnings.push(warning);
        (self.chunk.warnings.len() >= CHUNK_ROWS).then(|| self.close_chunk())
    }

    /// The last chunk; it may be empty.
    #[must_use]
    pub fn finish(mut self) -> Chunk {
        self.close_chunk()
    }

    fn close_block(&mut self) {
        if self.record_rows == 0 {
            return;
        }
        let mut compressor = zstd::bulk::Compressor::new(1).expect("level 1 exists");
        compressor.include_checksum(true).expect("checksums exist");
        let data = compressor.compress(&self.records).expect("compressing into memory cannot fail");
        self.compressed += data.len();
        self.chunk.texts.push(TextBlock {
            first_row: self.next_row - self.record_rows,
            rows: self.record_rows,
            raw_bytes: self.records.len() as u32,
            data,
        });
        self.record_rows = 0;
        self.records.clear();
        self.records.shrink_to(4 * record::BLOCK_BYTES);
    }

    fn close_chunk(&mut self) -> Chunk {
        self.close_block();
        self.compressed = 0;
        let mut chunk = std::mem::take(&mut self.chunk);
        self.chunk.first_row = self.next_row;
        chunk.leaves = std::mem::take(&mut self.leaves.new);
        chunk.brands = std::mem::take(&mut self.brands.new);
        chunk.splits = std::mem::take(&mut self.splits.new);
        chunk
    }
}

/// Words of the caption (where it is absent or blank: of the title, then of the description), split at
/// Unicode white space; at most `u16::MAX`.
fn word_count(fields: &Fields) -> u16 {
    let texts = [&fields.caption, &fields.title, &fields.description];
    let words = texts.into_iter().flatten().map(|text| text.split_whitespace().take(usize::from(u16::MAX)).count());
    words.into_iter().find(|&n| n > 0).unwrap_or(0) as u16
}

fn text_flags(fields: &Fields) -> u16 {
    let present = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim_start().is_empty());
    let mut bits = 0;
    for (text, bit) in [
        (&fields.caption, flags::HAS_CAPTION),
        (&fields.title, flags::HAS_TITLE),
        (&fields.description, flags::HAS_DESCRIPTION),
    ] {
        if present(text) {
            bits |= bit;
        }
    }
    if bits == 0 { flags::NO_TEXT } else { bits }
}

fn image_flags(probe: crate::formats::image::Probe) -> u16 {
    let mut bits = flags::HAS_IMAGE;
    match probe.problem {
        None => {}
        Some(WarningKind::ImageTruncated) => bits |= flags::UNREADABLE | flags::TRUNCATED,
        Some(WarningKind::ImageTooLarge) => bits |= flags::UNREADABLE | flags::TOO_LARGE,
        Some(_) => bits |= flags::UNREADABLE,
    }
    let (long, short) = (probe.width.max(probe.height), probe.width.min(probe.height));
    if short == 0 && bits & flags::TOO_LARGE == 0 {
        bits |= flags::UNREADABLE;
    }
    if long > 0 && long < TINY_SIDE {
        bits |= flags::TINY;
    }
    if short > 0 && u64::from(long) > u64::from(EXTREME_RATIO) * u64::from(short) {
        bits |= flags::EXTREME_ASPECT;
    }
    bits
}

/// Dense little-endian arrays, column after column, and a checksum over them.
pub(super) fn encode_columns(rows: &RowColumns) -> Vec<u8> {
    let n = rows.flags.len();
    let mut out = Vec::with_capacity(n * ROW_BYTES + 8);
    for column in [&rows.leaf, &rows.node, &rows.brand, &rows.width, &rows.height, &rows.image_length] {
        out.extend(column.iter().flat_map(|value| value.to_le_bytes()));
    }
    for column in [&rows.image_offset, &rows.key_hash] {
        out.extend(column.iter().flat_map(|value| value.to_le_bytes()));
    }
    for column in [&rows.split, &rows.words, &rows.flags] {
        out.extend(column.iter().flat_map(|value| value.to_le_bytes()));
    }
    let sum = checksum(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// Bytes of one sample over all columns.
const ROW_BYTES: usize = 6 * 4 + 2 * 8 + 3 * 2;

/// Appends what [`encode_columns`] wrote for `n` samples. `None` if the bytes are damaged.
pub(super) fn decode_columns(data: &[u8], n: usize, rows: &mut RowColumns) -> Option<()> {
    let (mut data, sum) = data.split_last_chunk::<8>()?;
    if data.len() != n * ROW_BYTES || checksum(data) != u64::from_le_bytes(*sum) {
        return None;
    }
    for column in
        [&mut rows.leaf, &mut rows.node, &mut rows.brand, &mut rows.width, &mut rows.height, &mut rows.image_length]
    {
        let (head, rest) = data.split_at(n * 4);
        column.extend(head.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().expect("four bytes"))));
        data = rest;
    }
    for column in [&mut rows.image_offset, &mut rows.key_hash] {
        let (head, rest) = data.split_at(n * 8);
        column.extend(head.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().expect("eight bytes"))));
        data = rest;
    }
    for column in [&mut rows.split, &mut rows.words, &mut rows.flags] {
        let (head, rest) = data.split_at(n * 2);
        column.extend(head.chunks_exact(2).map(|b| u16::from_le_bytes(b.try_into().expect("two bytes"))));
        data = rest;
    }
    Some(())
}

/// A fast sum that notices flipped bits and moved pages: four multiplied lanes over 8-byte words.
pub(super) fn checksum(data: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [1_u64, 2, 3, 4];
    let mut chunks = data.chunks_exact(32);
    for chunk in &mut chunks {
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
            *lane = (lane.rotate_left(29) ^ word).wrapping_mul(K);
        }
    }
    for &byte in chunks.remainder() {
        lanes[0] = (lanes[0].rotate_left(29) ^ u64::from(byte)).wrapping_mul(K);
    }
    lanes.iter().fold(data.len() as u64, |sum, lane| (sum ^ lane ^ (lane >> 31)).wrapping_mul(K))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back_and_flipped_bits_are_noticed() {
        let mut builder = ChunkBuilder::default();
        for i in 0..77 {
            let fields = Fields {
                leaf: (i % 3 > 0).then(|| format!("leaf {}", i % 5)),
                taxonomy: vec!["a".into(), format!("b{}", i % 4)],
                caption: Some("one two\u{a0}three\u{2003}four".into()),
                ..Fields::default()
            };
            assert!(builder.sample(&RawSample { key: i.to_string(), fields, ..RawSample::default() }).is_none());
        }
        let chunk = builder.finish();
        assert_eq!((chunk.len(), chunk.texts.len(), chunk.nodes.len(), chunk.rows.words[0]), (77, 1, 5, 4));
        let bytes = encode_columns(&chunk.rows);
        let mut back = RowColumns::default();
        decode_columns(&bytes, 77, &mut back).expect("undamaged");
        assert_eq!(back, chunk.rows);
        for at in (0..bytes.len()).step_by(5) {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            assert!(decode_columns(&bad, 77, &mut RowColumns::default()).is_none(), "byte {at}");
        }
        assert!(decode_columns(&bytes, 76, &mut RowColumns::default()).is_none());
    }

    #[test]
    fn words_are_of_the_first_text_that_has_any() {
        let check = |caption: Option<&str>, title: Option<&str>, description: Option<&str>, expect| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let fields =
                Fields { caption: own(caption), title: own(title), description: own(description), ..Fields::default() };
            assert_eq!(word_count(&fields), expect, "{fields:?}");
        };
        check(None, None, None, 0);
        check(Some("a b"), Some("c"), None, 2);
        check(Some(" \t"), Some("c"), None, 1);
        check(None, None, Some("d e f"), 3);
        check(Some("a\u{200b}b"), None, None, 1);
        check(Some(&"w ".repeat(70_000)), None, None, u16::MAX);
    }
}
