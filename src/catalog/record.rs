//! Records as bytes: everything of a sample that is not a number. A block is a few dozen records, each
//! with its length before it, compressed together (zstd, level 1, with checksum): captions of one shard
//! resemble each other, and a grid row decodes a handful of blocks.

use crate::formats::{Fields, Location, RawRecord, RawSample};

/// Samples of one block.
pub(super) const BLOCK_ROWS: usize = 128;

/// A block is closed early when its records are longer than this together.
pub(super) const BLOCK_BYTES: usize = 256 << 10;

/// A sample's texts as the catalog keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TextRecord {
    pub key: String,
    pub fields: Fields,
    /// For folder formats: the picture's file below the root.
    pub image_path: Option<String>,
    pub raw: RawRecord,
}

/// Appends the record of `sample` with its length before it.
pub(super) fn encode(sample: &RawSample, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    put_text(&sample.key, out);
    let fields = &sample.fields;
    for text in [&fields.title, &fields.description, &fields.caption, &fields.brand, &fields.price, &fields.url] {
        put_option(text.as_deref(), out);
    }
    for text in [&fields.licence, &fields.split, &fields.leaf, &fields.wnid] {
        put_option(text.as_deref(), out);
    }
    put_list(&fields.bullets, out);
    put_list(&fields.taxonomy, out);
    put_number(fields.class_index.map_or(0, |index| u64::from(index) + 1), out);
    put_option(sample.image.as_ref().and_then(|image| image.at.path.as_deref()), out);
    match &sample.raw {
        RawRecord::None => out.push(0),
        RawRecord::Inline(json) => {
            out.push(1);
            put_text(json, out);
        }
        RawRecord::At(at) => {
            out.push(2);
            put_number(at.offset, out);
            put_number(u64::from(at.length), out);
            put_option(at.path.as_deref(), out);
        }
    }
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Reads one record (without the length before it). `None` if the bytes are not a record.
pub(super) fn decode(bytes: &[u8]) -> Option<TextRecord> {
    let mut reader = Reader(bytes);
    let key = reader.text()?.to_owned();
    let mut option = || Some(reader.option()?.map(str::to_owned));
    let (title, description, caption) = (option()?, option()?, option()?);
    let (brand, price, url) = (option()?, option()?, option()?);
    let (licence, split, leaf, wnid) = (option()?, option()?, option()?, option()?);
    let (bullets, taxonomy) = (reader.list()?, reader.list()?);
    let class_index = reader.number()?.checked_sub(1).map(|index| index as u32);
    let image_path = reader.option()?.map(str::to_owned);
    let raw = match reader.byte()? {
        0 => RawRecord::None,
        1 => RawRecord::Inline(reader.text()?.to_owned()),
        2 => {
            let (offset, length) = (reader.number()?, reader.number()? as u32);
            RawRecord::At(Location { offset, length, path: reader.option()?.map(str::to_owned) })
        }
        _ => return None,
    };
    let fields = Fields {
        title,
        description,
        caption,
        brand,
        bullets,
        price,
        url,
        licence,
        split,
        taxonomy,
        leaf,
        wnid,
        class_index,
    };
    Some(TextRecord { key, fields, image_path, raw })
}

/// The texts of a record that are searched, borrowed from the block.
#[derive(Debug, Default)]
pub(super) struct SearchTexts<'a> {
    pub key: &'a str,
    pub title: Option<&'a str>,
    pub description: Option<&'a str>,
    pub caption: Option<&'a str>,
    pub brand: Option<&'a str>,
    pub leaf: Option<&'a str>,
    pub wnid: Option<&'a str>,
    pub class_index: Option<u32>,
}

/// Reads what the text index needs; `bullets` and `taxonomy` are joined into the buffers.
pub(super) fn search_texts<'a>(
    bytes: &'a [u8],
    bullets: &mut String,
    taxonomy: &mut String,
) -> Option<SearchTexts<'a>> {
    let mut reader = Reader(bytes);
    let key = reader.text()?;
    let (title, description, caption) = (reader.option()?, reader.option()?, reader.option()?);
    let brand = reader.option()?;
    for _ in ["price", "url", "licence", "split"] {
        reader.option()?;
    }
    let (leaf, wnid) = (reader.option()?, reader.option()?);
    bullets.clear();
    taxonomy.clear();
    for (out, between) in [(bullets, "\n"), (taxonomy, " > ")] {
        for i in 0..reader.number()? {
            if i > 0 {
                out.push_str(between);
            }
            out.push_str(reader.text()?);
        }
    }
    let class_index = reader.number()?.checked_sub(1).map(|index| index as u32);
    Some(SearchTexts { key, title, description, caption, brand, leaf, wnid, class_index })
}

/// Splits a decompressed block into its records.
pub(super) fn split_block(block: &[u8]) -> Option<Vec<std::ops::Range<usize>>> {
    let mut ranges = Vec::with_capacity(BLOCK_ROWS);
    let mut at = 0;
    while at < block.len() {
        let length = u32::from_le_bytes(block.get(at..at + 4)?.try_into().ok()?) as usize;
        at += 4;
        if at + length > block.len() {
            return None;
        }
        ranges.push(at..at + length);
        at += length;
    }
    Some(ranges)
}

/// LEB128.
fn put_number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// 0 for none, else the length plus one and the text.
fn put_option(text: Option<&str>, out: &mut Vec<u8>) {
    put_number(text.map_or(0, |text| text.len() as u64 + 1), out);
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

fn put_list(list: &[String], out: &mut Vec<u8>) {
    put_number(list.len() as u64, out);
    for text in list {
        put_text(text, out);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self, length: u64) -> Option<&'a str> {
        let length = usize::try_from(length).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.number()?;
        self.bytes(length)
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one says whether the bytes hold a value, the inner one is the value"
    )]
    fn option(&mut self) -> Option<Option<&'a str>> {
        match self.number()? {
            0 => Some(None),
            n => self.bytes(n - 1).map(Some),
        }
    }

    fn list(&mut self) -> Option<Vec<String>> {
        let n = self.number()?;
        // A count cannot be trusted before the texts were there.
        let mut list = Vec::new();
        for _ in 0..n {
            list.push(self.text()?.to_owned());
        }
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::ImageEntry;
    use crate::formats::image::Probe;

    fn sample() -> RawSample {
        let text = |s: &str| Some(s.to_owned());
        RawSample {
            key: "a/ü.b".into(),
            fields: Fields {
                title: text(""),
                description: None,
                caption: text(&"long ".repeat(100)),
                brand: text("B"),
                bullets: vec!["one".into(), String::new()],
                price: text("9,99 €"),
                url: None,
                licence: text("CC0"),
                split: text("val"),
                taxonomy: vec!["Clothing".into(), "Shirts > more".into()],
                leaf: text("Shirts"),
                wnid: text("n01440764"),
                class_index: Some(0),
            },
            image: Some(ImageEntry {
                at: Location { offset: 7, length: 9, path: text("c/ü.jpg") },
                probe: Probe::default(),
            }),
            raw: RawRecord::At(Location { offset: 1 << 40, length: 12, path: None }),
        }
    }

    #[test]
    fn records_come_back_and_cut_ones_do_not() {
        let samples = [sample(), RawSample::default(), RawSample { raw: RawRecord::Inline("{}".into()), ..sample() }];
        let mut block = Vec::new();
        for sample in &samples {
            encode(sample, &mut block);
        }
        let ranges = split_block(&block).expect("a block splits");
        assert_eq!(ranges.len(), 3);
        for (sample, range) in samples.iter().zip(ranges) {
            let record = decode(&block[range.clone()]).expect("a record decodes");
            assert_eq!((&record.key, &record.fields, &record.raw), (&sample.key, &sample.fields, &sample.raw));
            assert_eq!(record.image_path, sample.image.as_ref().and_then(|image| image.at.path.clone()));
            for cut in 0..range.len() {
                assert_eq!(decode(&block[range.start..range.start + cut]), None, "cut after {cut} bytes");
            }
        }
        assert_eq!(split_block(&block[..block.len() - 1]), None);
    }

    #[test]
    fn the_text_index_reads_the_same_record() {
        let mut block = Vec::new();
        encode(&sample(), &mut block);
        let (mut bullets, mut taxonomy) = (String::new(), String::new());
        let texts = search_texts(&block[4..], &mut bullets, &mut taxonomy).expect("a record decodes");
        assert_eq!(
            (texts.key, texts.title, texts.leaf, texts.wnid),
            ("a/ü.b", Some(""), Some("Shirts"), Some("n01440764"))
        );
        assert_eq!((bullets.as_str(), taxonomy.as_str()), ("one\n", "Clothing > Shirts > more"));
    }
}
