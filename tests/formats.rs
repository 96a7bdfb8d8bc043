//! Opening, scanning and reading again, for every container, with good and with damaged files that the tests write.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Float32Array, Int32Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field as ArrowField, Float32Type, Schema};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use shopscope::base::{Cancelled, Warning, WarningKind};
use shopscope::formats::image::Codec;
use shopscope::formats::{
    self, Field, FieldMap, Format, FormatError, RawRecord, RawSample, ReadOptions, Shard, ShardReader, Sink, Source,
};

/// A picture of the given size; the shade makes its bytes its own.
fn jpeg(width: u16, height: u16, shade: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = vec![shade; usize::from(width) * usize::from(height) * 3];
    jpeg_encoder::Encoder::new(&mut bytes, 80).encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(width, height).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A tar of plain members with its end mark.
fn tar(members: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, data) in members {
        let mut block = [0; 512];
        block[..name.len()].copy_from_slice(name);
        block[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend_from_slice(&block);
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

#[derive(Default)]
struct Collect {
    samples: Vec<RawSample>,
    warnings: Vec<Warning>,
}

impl Sink for Collect {
    fn sample(&mut self, sample: RawSample) -> Result<(), Cancelled> {
        self.samples.push(sample);
        Ok(())
    }

    fn warn(&mut self, warning: Warning) {
        assert!(warning.shard.is_some(), "{warning:?}");
        self.warnings.push(warning);
    }
}

impl Collect {
    /// `key title|caption WxH`, with `-` for what is absent.
    fn lines(&self) -> Vec<String> {
        self.samples
            .iter()
            .map(|sample| {
                let text = sample.fields.title.as_ref().or(sample.fields.caption.as_ref());
                let size = sample
                    .image
                    .as_ref()
                    .map_or("-".to_owned(), |image| format!("{}x{}", image.probe.width, image.probe.height));
                format!("{} {} {size}", sample.key, text.map_or("-", |text| text))
            })
            .collect()
    }

    /// `kind key` of each warning.
    fn kinds(&self) -> Vec<String> {
        let word = |warning: &Warning| serde_json::to_value(warning.kind).unwrap().as_str().unwrap().to_owned();
        self.warnings
            .iter()
            .map(|warning| format!("{} {}", word(warning), warning.key.as_deref().unwrap_or("-")))
            .collect()
    }
}

/// A folder for one test.
struct Place {
    dir: tempfile::TempDir,
    opts: ReadOptions,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let opts = ReadOptions { cache_dir: dir.path().join(".cache"), ..ReadOptions::default() };
        Self { dir, opts }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn detect(&self, name: &str) -> Vec<Source> {
        formats::detect(&[self.path(name)], &self.opts).unwrap()
    }

    fn open(&self, name: &str) -> Source {
        let mut sources = self.detect(name);
        assert_eq!(sources.len(), 1, "{sources:?}");
        sources.remove(0)
    }

    fn read(&self, name: &str) -> Collect {
        let source = self.open(name);
        let mut found = Collect::default();
        for shard in &source.shards {
            formats::scan(&source, shard, &self.opts, &mut found).unwrap();
        }
        found
    }

    /// Writes one shard and reads it.
    fn read_tar(&self, members: &[(&[u8], &[u8])]) -> Collect {
        self.write("0.tar", tar(members));
        self.read("0.tar")
    }

    fn reader(&self, source: &Source) -> Result<ShardReader, FormatError> {
        ShardReader::open(&source.root, source.format, &source.shards[0], &self.opts)
    }

    fn write_parquet(&self, name: &str, rows_a_group: usize, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
        let fields: Vec<_> =
            columns.iter().map(|(name, array)| ArrowField::new(*name, array.data_type().clone(), true)).collect();
        let batch =
            RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|column| column.1).collect())
                .unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_a_group)).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        self.write(name, writer.into_inner().unwrap())
    }
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn image_struct(bytes: &[Option<&[u8]>], paths: &[Option<&str>]) -> ArrayRef {
    Arc::new(StructArray::from(vec![
        (
            Arc::new(ArrowField::new("bytes", DataType::Binary, true)),
            Arc::new(BinaryArray::from(bytes.to_vec())) as ArrayRef,
        ),
        (Arc::new(ArrowField::new("path", DataType::Utf8, true)), texts(paths)),
    ]))
}

// ---- WebDataset -----------------------------------------------------------------------------------------------

#[test]
fn tar_samples_follow_webdatasets_rules() {
    let check = |members: &[(&[u8], &[u8])], lines: &[&str], kinds: &[&str]| {
        let found = Place::new().read_tar(members);
        assert_eq!(found.lines(), lines);
        assert_eq!(found.kinds(), kinds, "{:?}", found.warnings);
    };
    let jpg: &[u8] = &jpeg(6, 4, 1);
    let png: &[u8] = &png(3, 2);
    check(
        &[(b"a.jpg", jpg), (b"a.json", br#"{"title":"t"}"#), (b"a.txt", b"c"), (b"b.txt", b"c")],
        &["a t 6x4", "b c -"],
        &[],
    );
    // Keys and extensions split at the first dot of the base name; extensions are lower-cased.
    check(&[(b"v1.0/a.x.y.JPG", jpg), (b"v1.0/a.txt", b"c")], &["v1.0/a c 6x4"], &[]);
    check(&[(b"a.seg.png", png), (b"a.jpg", jpg)], &["a - 6x4"], &[]);
    check(&[(b"a.seg.png", png)], &["a - 3x2"], &[]);
    // Wrong and unknown extensions go by the first bytes.
    check(&[(b"a.jpg", png)], &["a - 3x2"], &[]);
    check(&[(b"a.bin", png)], &["a - 3x2"], &[]);
    check(&[(b"a.bin", b"abc")], &["a - -"], &[]);
    check(&[(b"__index__", b"x"), (b".hidden", b"x"), (b"._a.jpg", b"x"), (b"a.jpg", jpg)], &["a - 6x4"], &[]);
    check(&[(b"README", b"x"), (b"a.jpg", jpg)], &["a - 6x4"], &["bad-name README"]);
    check(&[(b"a.jpg", jpg), (b"a.JPG", png)], &["a - 6x4"], &["duplicate-member a"]);
    check(&[(b"\xff.jpg", jpg)], &["\\xff - 6x4"], &["bad-name \\xff"]);
    check(
        &[(b"../../x.jpg", jpg), (b"/y.jpg", jpg)],
        &["../../x - 6x4", "/y - 6x4"],
        &["bad-name ../../x", "bad-name /y"],
    );
    check(&[(b"a.jpg", b""), (b"a.txt", b"")], &["a  0x0"], &["empty-member a"]);
    check(&[(b"a.jpg", jpg), (b"a.json", b"")], &["a - 6x4"], &["empty-member a"]);
    check(&[(b"a.jpg", jpg), (b"a.json", b"{oh"), (b"a.txt", b"c")], &["a c 6x4"], &["metadata-unreadable a"]);
    check(&[(b"a.jpg", &jpg[..jpg.len() - 9])], &["a - 6x4"], &["image-truncated a"]);
    check(&[(b"a.jpg", b"not an image")], &["a - 0x0"], &["image-unreadable a"]);
    // Members apart are put together; a second sample of the same key is left out.
    let parts: &[(&[u8], &[u8])] = &[(b"a.jpg", jpg), (b"b.jpg", jpg), (b"a.txt", b"c"), (b"b.txt", b"d")];
    check(parts, &["a c 6x4", "b d 6x4"], &["members-apart a", "members-apart b"]);
    let twice: &[(&[u8], &[u8])] =
        &[(b"a.jpg", jpg), (b"a.txt", b"c"), (b"b.txt", b"d"), (b"a.jpg", png), (b"a.txt", b"e")];
    check(twice, &["a c 6x4", "b d -"], &["duplicate-key a"]);
}

#[test]
fn tar_fields_come_from_json_then_from_text_members() {
    let found = Place::new().read_tar(&[
        (b"a.txt", b"from the text"),
        (b"a.cls", b"7\n"),
        (b"a.json", br#"{"caption":null,"taxonomy":"A > B","url":"","price":9}"#),
        (b"b.json", br#"{"caption":"from the record","leaf":"L"}"#),
        (b"b.txt", b"from the text"),
    ]);
    let [a, b] = [&found.samples[0].fields, &found.samples[1].fields];
    assert_eq!((a.caption.as_deref(), a.class_index, a.url.as_deref()), (Some("from the text"), Some(7), None));
    assert_eq!((a.taxonomy.join("+"), a.leaf.as_deref(), a.price.as_deref()), ("A+B".to_owned(), Some("B"), Some("9")));
    assert_eq!((b.caption.as_deref(), b.leaf.as_deref()), (Some("from the record"), Some("L")));
}

#[test]
fn a_tar_cut_at_every_byte_keeps_what_stands_before_the_cut() {
    let place = Place::new();
    let picture = jpeg(6, 4, 1);
    let whole = tar(&[(b"a.jpg", &picture), (b"a.txt", b"c"), (b"b.txt", b"d")]);
    // Where the data of each member ends.
    let first = 512 + picture.len();
    let second = first.next_multiple_of(512) + 512 + 1;
    let third = second.next_multiple_of(512) + 512 + 1;
    let mark = third.next_multiple_of(512) + 512;
    let path = place.write("0.tar", &whole);
    let source = place.open("0.tar");
    for cut in (0..whole.len()).rev() {
        fs::File::options().write(true).open(&path).unwrap().set_len(cut as u64).unwrap();
        let mut found = Collect::default();
        formats::scan(&source, &source.shards[0], &place.opts, &mut found).unwrap();
        let expect: &[&str] = match cut {
            cut if cut >= third => &["a c 6x4", "b d -"],
            cut if cut >= second => &["a c 6x4"],
            cut if cut >= first => &["a - 6x4"],
            _ => &[],
        };
        assert_eq!(found.lines(), expect, "{cut}");
        let told = found.warnings.iter().any(|warning| warning.kind == WarningKind::ShardTruncated);
        assert_eq!(told, cut < mark, "{cut}");
    }
}

#[test]
fn a_damaged_header_costs_its_member_alone() {
    let place = Place::new();
    let mut bytes = tar(&[(b"a.txt", b"1"), (b"b.txt", b"2"), (b"c.txt", b"3")]);
    bytes[1024 + 3] ^= 0x10;
    place.write("0.tar", &bytes);
    let found = place.read("0.tar");
    assert_eq!(found.lines(), ["a 1 -", "c 3 -"]);
    assert_eq!(found.kinds(), ["shard-corrupt -"]);
}

#[test]
fn what_lies_beside_a_tar_is_used_and_checked() {
    let place = Place::new();
    let picture = jpeg(6, 4, 1);
    place.write(
        "d/0.tar",
        tar(&[(b"00.jpg", &picture), (b"00.json", br#"{"title":"from the record"}"#), (b"02.jpg", &picture)]),
    );
    place.write_parquet(
        "d/0.parquet",
        10,
        vec![
            ("key", texts(&[Some("00"), Some("01"), Some("02")])),
            ("title", texts(&[Some("a"), Some("b"), Some("from the table")])),
            ("status", texts(&[Some("success"), Some("failed_to_download"), Some("success")])),
        ],
    );
    place.write("d/0_stats.json", r#"{"count":3,"successes":2}"#);
    let second = 2048 + picture.len().next_multiple_of(512);
    let index = format!("v1.2 2\njpg 512 {0} 00.jpg\njpg {second} {0} 02.jpg\n", picture.len());
    place.write("d/0.idx", index);
    let found = place.read("d");
    assert_eq!(found.lines(), ["00 from the record 6x4", "02 from the table 6x4"]);
    assert_eq!(found.kinds(), ["not-downloaded -"], "{:?}", found.warnings);
    assert!(found.warnings.iter().any(|warning| warning.message.contains("1 rows")), "{:?}", found.warnings);
    assert!(matches!(&found.samples[1].raw, RawRecord::Inline(json) if json.contains("from the table")));

    place.write("d/0.idx", "v1.2 2\njpg 512 1 00.jpg\njpg 700 1 02.jpg\n");
    place.write("d/0_stats.json", r#"{"successes":5}"#);
    place.write("d/0.parquet", "no table");
    assert_eq!(place.read("d").kinds(), ["index-ignored -", "metadata-unreadable -", "metadata-unreadable -"]);
}

#[test]
fn a_compressed_tar_is_copied_once_and_read_like_a_plain_one() {
    let place = Place::new();
    let picture = jpeg(6, 4, 9);
    let bytes = tar(&[(b"a.jpg", &picture), (b"a.json", br#"{"title":"t"}"#)]);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, &bytes).unwrap();
    let packed = packer.finish().unwrap();
    for name in ["0.tar.gz", "1.tgz"] {
        place.write(name, &packed);
        let found = place.read(name);
        assert_eq!((found.lines(), found.kinds()), (vec!["a t 6x4".to_owned()], vec!["cache-copy -".to_owned()]));
        assert!(found.warnings[0].message.contains("MB"), "{:?}", found.warnings);
        assert_eq!(place.read(name).kinds(), Vec::<String>::new(), "the copy is used again");
        let source = place.open(name);
        assert_eq!(
            place.reader(&source).unwrap().image_bytes(&found.samples[0].image.as_ref().unwrap().at).unwrap(),
            picture
        );
    }
    assert!(formats::columns(&place.open("0.tar.gz")).unwrap().contains(&("title".to_owned(), "t".to_owned())));
    // Cut short: what can be unpacked is kept.
    place.write("cut.tar.gz", &packed[..packed.len() - 12]);
    let kinds = place.read("cut.tar.gz").kinds();
    assert!(kinds.contains(&"shard-truncated -".to_owned()), "{kinds:?}");
    // A cache directory that cannot be written is a sentence.
    let opts = ReadOptions { cache_dir: place.write("file", "x"), ..ReadOptions::default() };
    let source = place.open("0.tar.gz");
    let error = formats::scan(&source, &source.shards[0], &opts, &mut Collect::default()).unwrap_err();
    assert!(error.to_string().contains("choose another cache directory"), "{error}");
}

#[test]
fn a_shard_that_changes_or_vanishes_is_refused() {
    let place = Place::new();
    let picture = jpeg(6, 4, 1);
    let path = place.write("0.tar", tar(&[(b"a.jpg", &picture), (b"b.jpg", &picture)]));
    let source = place.open("0.tar");
    let found = place.read("0.tar");
    let at = found.samples[1].image.clone().unwrap().at;
    let reader = place.reader(&source).unwrap();
    assert_eq!(reader.image_bytes(&at).unwrap(), picture);
    // Cut short under an open map: refused, not a crash.
    fs::File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
    assert!(matches!(reader.image_bytes(&at), Err(FormatError::Changed(_))));
    assert!(matches!(place.reader(&source), Err(FormatError::Changed(_))));
    fs::remove_file(&path).unwrap();
    let error = place.reader(&source).unwrap_err().to_string();
    assert!(error.starts_with("nothing is there; check the path"), "{error}");
}

#[test]
fn a_shard_cut_while_it_is_scanned_ends_the_scan() {
    struct Cutter(PathBuf, usize);
    impl Sink for Cutter {
        fn sample(&mut self, _: RawSample) -> Result<(), Cancelled> {
            self.1 += 1;
            if self.1 == 20 {
                fs::File::options().write(true).open(&self.0).unwrap().set_len(100_000).unwrap();
            }
            Ok(())
        }

        fn warn(&mut self, _: Warning) {}
    }
    let place = Place::new();
    let names: Vec<String> = (0..2000).map(|number| format!("{number}.txt")).collect();
    let members: Vec<(&[u8], &[u8])> = names.iter().map(|name| (name.as_bytes(), b"x".as_slice())).collect();
    let path = place.write("0.tar", tar(&members));
    let source = place.open("0.tar");
    let mut sink = Cutter(path, 0);
    let result = formats::scan(&source, &source.shards[0], &place.opts, &mut sink);
    assert!(matches!(result, Err(FormatError::Changed(_))), "{result:?}");
    assert!(sink.1 < 100, "{}", sink.1);
}

#[test]
fn a_sink_that_wants_no_more_ends_the_scan() {
    struct Full;
    impl Sink for Full {
        fn sample(&mut self, _: RawSample) -> Result<(), Cancelled> {
            Err(Cancelled)
        }

        fn warn(&mut self, _: Warning) {}
    }
    let place = Place::new();
    place.write("0.tar", tar(&[(b"a.txt", b"1")]));
    place.write("a.jsonl", "{\"title\":\"a\"}\n");
    place.write_parquet("a.parquet", 1, vec![("title", texts(&[Some("a")]))]);
    place.write("i/a.jpg", jpeg(6, 4, 1));
    for name in ["0.tar", "a.jsonl", "a.parquet", "i"] {
        let source = place.open(name);
        let result = formats::scan(&source, &source.shards[0], &place.opts, &mut Full);
        assert!(matches!(result, Err(FormatError::Cancelled(_))), "{name}: {result:?}");
    }
}

#[test]
fn mapped_columns_win_and_absent_ones_are_told_once() {
    let place = Place::new();
    place.write("d/0.tar", tar(&[(b"a.json", br#"{"title":"t","x":"mine"}"#), (b"a.alt", b"alternative")]));
    place.write("d/1.tar", tar(&[(b"b.json", br#"{"title":"t","x":"mine"}"#)]));
    let map = [(Field::Title, "x"), (Field::Caption, "alt"), (Field::Brand, "absent")];
    let opts = ReadOptions {
        map: FieldMap(map.iter().map(|(field, name)| (*field, (*name).to_owned())).collect()),
        ..ReadOptions::default()
    };
    let sources = formats::detect(&[place.path("d")], &opts).unwrap();
    let warnings: Vec<_> = sources[0].warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings, ["there is no column \"absent\" to take the brand from; the field stays empty"]);
    let mut found = Collect::default();
    for shard in &sources[0].shards {
        formats::scan(&sources[0], shard, &opts, &mut found).unwrap();
    }
    assert_eq!(found.samples[0].fields.title.as_deref(), Some("mine"));
    assert_eq!(found.samples[0].fields.caption.as_deref(), Some("alternative"));
    assert_eq!(found.kinds(), Vec::<String>::new());
}

// ---- Parquet --------------------------------------------------------------------------------------------------

#[test]
fn parquet_image_columns_are_found_by_type_and_read_by_row() {
    let place = Place::new();
    let pictures: Vec<Vec<u8>> = (0..50).map(|number| jpeg(6 + number, 4, number as u8)).collect();
    let mut bytes: Vec<Option<&[u8]>> = pictures.iter().map(|picture| Some(picture.as_slice())).collect();
    bytes[7] = None;
    let titles: Vec<String> = (0..50).map(|number| format!("t{number}")).collect();
    let titles = || texts(&titles.iter().map(|title| Some(title.as_str())).collect::<Vec<_>>());
    place.write_parquet("s.parquet", 8, vec![("odd name", image_struct(&bytes, &[None; 50])), ("title", titles())]);
    place.write_parquet("b.parquet", 8, vec![("jpg", Arc::new(BinaryArray::from(bytes.clone()))), ("title", titles())]);
    place.write_parquet(
        "u.parquet",
        8,
        vec![("content", Arc::new(BinaryArray::from(bytes.clone()))), ("title", titles())],
    );
    for name in ["s.parquet", "b.parquet", "u.parquet"] {
        let source = place.open(name);
        let found = place.read(name);
        assert_eq!((source.format, found.samples.len(), found.warnings.len()), (Format::Parquet, 50, 0), "{name}");
        let reader = place.reader(&source).unwrap();
        for at in (0..50).chain([49, 3, 20]) {
            let sample = &found.samples[at];
            assert_eq!(sample.fields.title.as_deref(), Some(format!("t{at}").as_str()));
            let Some(image) = &sample.image else {
                assert_eq!(at, 7);
                continue;
            };
            assert_eq!(
                (image.probe.codec, image.probe.width, image.at.offset),
                (Codec::Jpeg, 6 + at as u32, at as u64),
                "{name}"
            );
            assert_eq!(image.at.length as usize, pictures[at].len());
            assert_eq!(reader.image_bytes(&image.at).unwrap(), pictures[at], "{name} {at}");
            let RawRecord::Inline(json) = &sample.raw else { panic!() };
            assert!(json.contains(&format!("\"title\":\"t{at}\"")) && json.len() < 100, "{json}");
        }
    }
}

#[test]
fn stated_sizes_spare_the_picture_bytes() {
    let place = Place::new();
    // Bytes that are no picture would be told if they were looked at.
    let bytes: Vec<Option<&[u8]>> = vec![Some(b"xx"), Some(b"yy")];
    place.write_parquet(
        "s.parquet",
        8,
        vec![
            ("image", image_struct(&bytes, &[None; 2])),
            ("width", Arc::new(Int32Array::from(vec![30, 40]))),
            ("height", Arc::new(Int32Array::from(vec![3, 4]))),
        ],
    );
    let found = place.read("s.parquet");
    assert_eq!((found.lines(), found.kinds()), (vec!["s:0 - 30x3".to_owned(), "s:1 - 40x4".to_owned()], vec![]));
    let reader = place.reader(&place.open("s.parquet")).unwrap();
    assert_eq!(reader.image_bytes(&found.samples[1].image.as_ref().unwrap().at).unwrap(), b"yy".as_slice());
}

#[test]
fn parquet_rows_of_every_type_become_fields() {
    let place = Place::new();
    let embedding = ListArray::from_iter_primitive::<Float32Type, _, _>([Some(vec![Some(0.5); 64]), None]);
    place.write_parquet(
        "p.parquet",
        8,
        vec![
            ("product_id", texts(&[Some("p1"), Some("p1")])),
            ("product_title", texts(&[Some("t"), None])),
            ("price", Arc::new(Float32Array::from(vec![12.3, 4.0]))),
            ("embedding", Arc::new(embedding)),
            ("status", texts(&[Some("active"), Some("sold")])),
            ("image", texts(&[Some("pics/a.jpg"), Some("https://x/y.jpg")])),
        ],
    );
    place.write("pics/a.jpg", jpeg(6, 4, 1));
    let found = place.read("p.parquet");
    assert_eq!(found.lines(), ["p1 t 6x4", "p1#1 - -"]);
    assert_eq!(found.kinds(), ["duplicate-key p1"]);
    assert_eq!(found.samples[0].fields.price.as_deref(), Some("12.3"));
    let RawRecord::Inline(json) = &found.samples[0].raw else { panic!() };
    assert!(json.contains("(64 numbers)"), "{json}");
    let reader = place.reader(&place.open("p.parquet")).unwrap();
    assert_eq!(reader.image_bytes(&found.samples[0].image.as_ref().unwrap().at).unwrap(), jpeg(6, 4, 1));
}

#[test]
fn img2datasets_parquet_alone_leaves_failed_rows_out() {
    let place = Place::new();
    let picture = jpeg(6, 4, 1);
    place.write_parquet(
        "00000.parquet",
        8,
        vec![
            ("jpg", Arc::new(BinaryArray::from(vec![Some(picture.as_slice()), None]))),
            ("caption", texts(&[Some("c"), Some("d")])),
            ("key", texts(&[Some("000000000"), Some("000000001")])),
            ("status", texts(&[Some("success"), Some("failed_to_download")])),
            ("width", Arc::new(Int32Array::from(vec![Some(6), None]))),
            ("height", Arc::new(Int32Array::from(vec![Some(4), None]))),
        ],
    );
    let found = place.read("00000.parquet");
    assert_eq!(
        (found.lines(), found.kinds()),
        (vec!["000000000 c 6x4".to_owned()], vec!["not-downloaded -".to_owned()])
    );
}

#[test]
fn a_damaged_page_costs_its_row_group() {
    let place = Place::new();
    let titles: Vec<String> =
        (0..30).map(|number| format!("a title of some length {number} {}", number * 7919)).collect();
    let titles = texts(&titles.iter().map(|title| Some(title.as_str())).collect::<Vec<_>>());
    let path = place.write_parquet("p.parquet", 10, vec![("title", titles)]);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(9).position(|window| window == b"length 15").unwrap();
    // The page's header stands before its data: without it nothing of the group can be decoded.
    bytes[at - 400..at].fill(0xff);
    fs::write(&path, &bytes).unwrap();
    let found = place.read("p.parquet");
    assert_eq!(found.kinds().iter().filter(|kind| kind.starts_with("shard-corrupt")).count(), found.warnings.len());
    assert!(
        !found.warnings.is_empty() && found.samples.len() < 30 && found.samples.len() >= 10,
        "{}",
        found.samples.len()
    );
    assert!(found.samples.iter().any(|sample| sample.key == "p:29"), "the group after the damage is read");
    // No footer at all.
    fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    let source = place.open("p.parquet");
    let error = formats::scan(&source, &source.shards[0], &place.opts, &mut Collect::default()).unwrap_err();
    assert!(error.to_string().starts_with("this is not a readable parquet file"), "{error}");
}

// ---- Folders --------------------------------------------------------------------------------------------------

#[test]
fn class_folders_are_a_taxonomy() {
    let place = Place::new();
    let picture = jpeg(6, 4, 1);
    for name in ["d/train/Shoes/Boots/10.jpg", "d/train/Shoes/Boots/2.jpg", "d/val/Hats/a.PNG", "d/top.jpg"] {
        place.write(name, &picture);
    }
    place.write("d/val/Hats/a.txt", "a hat");
    place.write("d/val/Hats/.hidden.jpg", "x");
    let source = place.open("d");
    let names: Vec<_> = source.shards.iter().map(|shard| shard.name.as_str()).collect();
    assert_eq!((source.format, names), (Format::ImageFolder, vec![".", "train/Shoes/Boots", "val/Hats"]));
    let found = place.read("d");
    assert_eq!(
        found.lines(),
        [
            "top.jpg - 6x4",
            "train/Shoes/Boots/2.jpg - 6x4",
            "train/Shoes/Boots/10.jpg - 6x4",
            "val/Hats/a.PNG a hat 6x4"
        ]
    );
    let boots = &found.samples[1].fields;
    assert_eq!(
        (boots.taxonomy.join("+"), boots.leaf.as_deref(), boots.split.as_deref()),
        ("Shoes+Boots".to_owned(), Some("Boots"), Some("train"))
    );
    let reader = ShardReader::open(&source.root, source.format, &source.shards[2], &place.opts).unwrap();
    assert_eq!(reader.image_bytes(&found.samples[3].image.as_ref().unwrap().at).unwrap(), picture);
    // A file more in the folder is a changed shard.
    place.write("d/val/Hats/b.jpg", &picture);
    assert!(matches!(
        ShardReader::open(&source.root, source.format, &source.shards[2], &place.opts),
        Err(FormatError::Changed(_))
    ));
}

#[test]
fn metadata_files_describe_their_images() {
    let check = |name: &str, write: &dyn Fn(&Place, &str)| {
        let place = Place::new();
        place.write("d/a.jpg", jpeg(6, 4, 1));
        place.write("d/sub/b.jpg", jpeg(8, 4, 1));
        place.write("d/c.jpg", jpeg(9, 4, 1));
        write(&place, &format!("d/{name}"));
        let source = place.open("d");
        assert_eq!(source.format, Format::ImageFolder, "{name}");
        assert_eq!(place.read("d").lines(), ["a.jpg one 6x4", "c.jpg - 9x4", "sub/b.jpg two 8x4"], "{name}");
        assert!(formats::columns(&source).unwrap().iter().any(|column| column.0 == "title"), "{name}");
    };
    check("metadata.csv", &|place, name| {
        place.write(name, "file_name,title\na.jpg,one\nsub/b.jpg,two\n");
    });
    check("metadata.jsonl", &|place, name| {
        place.write(
            name,
            "{\"file_name\":\"a.jpg\",\"title\":\"one\"}\n{\"file_name\":\"sub/b.jpg\",\"title\":\"two\"}\n",
        );
    });
    check("metadata.parquet", &|place, name| {
        place.write_parquet(
            name,
            9,
            vec![
                ("file_name", texts(&[Some("a.jpg"), Some("sub/b.jpg")])),
                ("title", texts(&[Some("one"), Some("two")])),
            ],
        );
    });
}

#[test]
fn wnid_folders_are_imagenet() {
    let place = Place::new();
    place.write("d/train/n01440764/n01440764_1.JPEG", jpeg(6, 4, 1));
    place.write("d/val/n15075141/x.JPEG", jpeg(6, 4, 1));
    place.write("d/val/n00000009/x.JPEG", jpeg(6, 4, 1));
    let source = place.open("d");
    assert_eq!(source.format, Format::Imagenet);
    let found = place.read("d");
    let tench = &found.samples[0].fields;
    assert_eq!(
        (tench.wnid.as_deref(), tench.class_index, tench.leaf.as_deref()),
        (Some("n01440764"), Some(0), Some("tench"))
    );
    assert_eq!(
        (tench.taxonomy.len(), tench.taxonomy[0].as_str(), tench.split.as_deref()),
        (17, "entity", Some("train"))
    );
    // A number that is no noun is still a class.
    assert_eq!(found.samples[1].fields.leaf.as_deref(), Some("n00000009"));
    assert_eq!(found.samples[2].fields.class_index, Some(999));
}

// ---- Caption files --------------------------------------------------------------------------------------------

#[test]
fn caption_files_are_read_line_by_line() {
    let check = |name: &str, text: &str, lines: &[&str], kinds: &[&str]| {
        let place = Place::new();
        let gz = {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut packer, text.as_bytes()).unwrap();
            packer.finish().unwrap()
        };
        let zst = zstd::stream::encode_all(text.as_bytes(), 1).unwrap();
        for (ending, bytes) in [("", text.as_bytes()), (".gz", &gz), (".zst", &zst)] {
            let name = format!("{name}{ending}");
            place.write(&name, bytes);
            let found = place.read(&name);
            assert_eq!(found.lines(), lines, "{name}");
            assert_eq!(found.kinds(), kinds, "{name}: {:?}", found.warnings);
        }
    };
    check("c.jsonl", "{\"title\":\"a\"}\n\n{\"id\":\"x\",\"caption\":\"b\"}", &["c:0 a -", "x b -"], &[]);
    check(
        "c.jsonl",
        "\u{feff}{\"title\":\"a\"}\r\n{broken\n[1]\n{\"title\":\"c\"}\n",
        &["c:0 a -", "c:3 c -"],
        &["metadata-unreadable -"; 2],
    );
    check("c.csv", "id,Title\n1,\"a, b\"\n2,\n", &["1 a, b -", "2 - -"], &[]);
    check("c.csv", "id;title\n1;a\n", &["1 a -"], &[]);
    check("c.csv", "id,title\n1,a,b\n2,\"multi\nline\"\n", &["2 multi\nline -"], &["metadata-unreadable -"]);
    check(
        "c.tsv",
        "id\ttitle\n1\tsays \"hi\" to\n2\t\"quoted \"\"so\"\"\"\n",
        &["1 says \"hi\" to -", "2 quoted \"so\" -"],
        &[],
    );
    check(
        "c.tsv",
        "https://x/a.jpg\ta \"caption\nhttps://x/b.jpg\tanother\n",
        &["c:0 a \"caption -", "c:1 another -"],
        &[],
    );
    check("c.csv", "", &[], &[]);
}

#[test]
fn damaged_caption_files_name_the_line() {
    let place = Place::new();
    place.write(
        "c.jsonl",
        format!(
            "{{\"title\":\"a\"}}\n{{\"title\":{}1{}}}\n{{\"title\":\"{}\"}}\n",
            "[".repeat(9999),
            "]".repeat(9999),
            "x".repeat(10 << 20)
        ),
    );
    let found = place.read("c.jsonl");
    assert_eq!(
        (found.samples.len(), found.kinds()),
        (3, vec!["metadata-unreadable c:1".to_owned(), "value-cut c:2".to_owned()])
    );
    assert_eq!(found.samples[2].fields.title.as_ref().unwrap().len(), 1 << 20);
    // So many damaged lines that listing them all would help nobody.
    place.write("c.jsonl", "{\n".repeat(5000));
    let found = place.read("c.jsonl");
    assert_eq!(found.warnings.len(), 1001);
    assert!(found.warnings[1000].message.starts_with("4000 more"), "{:?}", found.warnings[1000]);
    // A compressed file cut short.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let text: String =
        (0..5000).map(|number| format!("{{\"title\":\"{}\"}}\n", number * 7919)).collect::<Vec<_>>().concat();
    std::io::Write::write_all(&mut packer, text.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    place.write("c.jsonl.gz", &packed[..packed.len() / 2]);
    let found = place.read("c.jsonl.gz");
    assert!(found.samples.len() > 1000, "{}", found.samples.len());
    assert_eq!(found.kinds(), ["shard-truncated -"]);
}

#[test]
fn plain_json_lines_are_read_again_where_they_stand() {
    let place = Place::new();
    place.write("c.jsonl", "\u{feff}{\"title\":\"ü\"}\r\n\n{\"title\":\"b\"}\n");
    let source = place.open("c.jsonl");
    let reader = place.reader(&source).unwrap();
    for sample in place.read("c.jsonl").samples {
        let RawRecord::At(at) = &sample.raw else { panic!() };
        let json = reader.raw_json(at).unwrap();
        let value: serde_json::Value = serde_json::from_str(json.trim_start_matches('\u{feff}')).unwrap();
        assert_eq!(value["title"].as_str(), sample.fields.title.as_deref());
    }
}

#[test]
fn coco_captions_are_one_sample_each() {
    let place = Place::new();
    let document = serde_json::json!({
        "info": {"year": 2017},
        "images": [{"id": 5, "file_name": "a.jpg", "width": 6, "height": 4, "coco_url": "http://x/a.jpg", "license": 1}],
        "licenses": [{"id": 1, "name": "CC", "url": "u"}],
        "annotations": [{"id": 1, "image_id": 5, "caption": "one"}, {"id": 2, "image_id": 5, "caption": "two"}, {"id": 3, "image_id": 9, "caption": "x"}],
    });
    place.write("captions_val.json", document.to_string());
    assert_eq!(place.open("captions_val.json").format, Format::CocoCaptions);
    let found = place.read("captions_val.json");
    assert_eq!(found.lines(), ["5_1 one -", "5_2 two -", "9_3 x -"]);
    assert_eq!(found.kinds(), ["metadata-unreadable -"]);
    let fields = &found.samples[0].fields;
    assert_eq!((fields.url.as_deref(), fields.licence.as_deref()), (Some("http://x/a.jpg"), Some("CC")));
    // Instances without captions, settings and lists are no captions.
    place.write("instances.json", r#"{"images":[],"annotations":[{"bbox":[]}]}"#);
    place.write("config.json", r#"{"a":1}"#);
    for name in ["instances.json", "config.json"] {
        assert!(
            matches!(formats::detect(&[place.path(name)], &place.opts), Err(FormatError::NothingToOpen(_))),
            "{name}"
        );
    }
}

// ---- Finding datasets -----------------------------------------------------------------------------------------

/// `name format root: shards` of each source, the root relative to the opened folder.
fn tree(files: &[&str]) -> Vec<String> {
    let place = Place::new();
    for file in files {
        let (name, content) = file.split_once('=').unwrap_or((file, ""));
        let name = format!("r/{name}");
        match name.rsplit('.').next().unwrap() {
            "tar" => drop(place.write(&name, tar(&[(b"a.txt", b"1")]))),
            "parquet" => drop(place.write_parquet(
                &name,
                9,
                vec![(if content.is_empty() { "title" } else { content }, texts(&[Some("a")]))],
            )),
            "jpg" => drop(place.write(&name, jpeg(6, 4, 1))),
            _ => drop(place.write(&name, content)),
        }
    }
    let sources = match formats::detect(&[place.path("r")], &place.opts) {
        Ok(sources) => sources,
        Err(error) => return vec![error.to_string().split(':').next().unwrap().to_owned()],
    };
    let line = |source: &Source| {
        let root = source.root.strip_prefix(place.dir.path()).unwrap().display();
        let shards: Vec<_> = source.shards.iter().map(|shard: &Shard| shard.name.as_str()).collect();
        format!("{} {} {root}: {}", source.name, source.format, shards.join(" "))
    };
    sources.iter().map(line).collect()
}

#[test]
fn folders_become_sources_by_the_rule() {
    let check = |files: &[&str], expect: &[&str]| assert_eq!(tree(files), expect, "{files:?}");
    check(
        &["10.tar", "2.tar", "2.parquet", "2_stats.json={}", "2.idx=v", "README.md", "preview.jpg"],
        &["r webdataset r: 2.tar 10.tar"],
    );
    check(&["train/0.tar", "train/1.tar", "val/0.tar"], &["r webdataset r: train/0.tar train/1.tar val/0.tar"]);
    check(&["00/0.tar", "01/0.tar"], &["r webdataset r: 00/0.tar 01/0.tar"]);
    check(&["lgs/0.tar", "imagenet/0.tar"], &["imagenet webdataset r/imagenet: 0.tar", "lgs webdataset r/lgs: 0.tar"]);
    check(&["train/0.tar", "other/0.tar"], &["other webdataset r/other: 0.tar", "train webdataset r/train: 0.tar"]);
    check(&["x/y/z/0.tar"], &["z webdataset r/x/y/z: 0.tar"]);
    check(&[".git/0.tar", "0.tar"], &["r webdataset r: 0.tar"]);
    check(&["train-00.parquet", "test-00.parquet"], &["r parquet r: test-00.parquet train-00.parquet"]);
    check(
        &["examples.parquet=query", "products.parquet=product_title"],
        &[
            "examples parquet r/examples.parquet: examples.parquet",
            "products parquet r/products.parquet: products.parquet",
        ],
    );
    check(
        &["a.parquet", "a.jsonl={\"title\":\"a\"}"],
        &["a.parquet parquet r/a.parquet: a.parquet", "a.jsonl jsonl r/a.jsonl: a.jsonl"],
    );
    check(&["cats/a.jpg", "dogs/b.jpg"], &["r image-folder r: cats dogs"]);
    check(&["train/n01440764/a.jpg"], &["r imagenet r: train/n01440764"]);
    check(&["pets/cats/a.jpg", "shop/0.tar"], &["pets image-folder r/pets: cats", "shop webdataset r/shop: 0.tar"]);
    check(&["a.jpg", "metadata.csv=file_name,title\n"], &["r image-folder r: ."]);
    check(
        &["synsets.tsv=index\twnid\n0\tn01440764\n", "classes.csv=a,b\n1,2\n", "b.jsonl={\"x\":1}", "c.json={}"],
        &["found no tar shards, parquet files, images or caption files here"],
    );
    check(&["cc.tsv=https://x/a.jpg\ta\n"], &["cc tsv r/cc.tsv: cc.tsv"]);
    check(&["q.csv=query_id,query\n1,a\n"], &["q csv r/q.csv: q.csv"]);
    check(&["a/0.tar", "b/a/0.tar"], &["r/a webdataset r/a: 0.tar", "b/a webdataset r/b/a: 0.tar"]);
    check(&["README.md"], &["found no tar shards, parquet files, images or caption files here"]);
}

#[test]
fn paths_may_be_files_and_folders_together() {
    let place = Place::new();
    for name in ["a/0.tar", "a/1.tar", "a/2.tar", "b/0.tar"] {
        place.write(name, tar(&[(b"a.txt", b"1")]));
    }
    let open = |names: &[&str]| {
        let paths: Vec<_> = names.iter().map(|name| place.path(name)).collect();
        let sources = formats::detect(&paths, &place.opts).unwrap();
        sources.iter().map(|source| format!("{} {}", source.name, source.shards.len())).collect::<Vec<_>>()
    };
    assert_eq!(open(&["a/0.tar", "a/1.tar"]), ["a 2"]);
    assert_eq!(open(&["a/0.tar"]), ["0 1"]);
    assert_eq!(open(&["a", "b/0.tar"]), ["a 3", "0 1"]);
    assert_eq!(open(&["a", "a"]), ["a 3"]);
    assert!(matches!(formats::detect(&[place.path("absent")], &place.opts), Err(FormatError::Missing(_))));
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end() {
    let place = Place::new();
    place.write("r/x/0.tar", tar(&[(b"a.txt", b"1")]));
    std::os::unix::fs::symlink(place.path("r"), place.path("r/x/up")).unwrap();
    std::os::unix::fs::symlink(place.path("r/x"), place.path("r/y")).unwrap();
    std::os::unix::fs::symlink(Path::new("nowhere"), place.path("r/dangling.tar")).unwrap();
    let sources = place.detect("r");
    assert_eq!(sources.len(), 1, "{sources:?}");
}

#[test]
fn columns_come_with_examples() {
    let place = Place::new();
    place.write(
        "0.tar",
        tar(&[
            (b"a.jpg", &jpeg(6, 4, 1)),
            (b"a.json", br#"{"title":null,"x":[1]}"#),
            (b"a.txt", b"c"),
            (b"b.json", br#"{"title":"t"}"#),
        ]),
    );
    place.write("c.csv", "title,y\nt,1\n");
    place.write_parquet(
        "p.parquet",
        8,
        vec![
            ("title", texts(&[None, Some("t")])),
            ("jpg", Arc::new(BinaryArray::from(vec![Some(b"x".as_slice()), None]))),
        ],
    );
    let check = |name: &str, expect: &[(&str, &str)]| {
        let columns = formats::columns(&place.open(name)).unwrap();
        assert_eq!(
            columns.iter().map(|(name, example)| (name.as_str(), example.as_str())).collect::<Vec<_>>(),
            expect,
            "{name}"
        );
        assert_eq!(formats::guess_map(&columns).0.get(&Field::Title).map(String::as_str), Some("title"), "{name}");
    };
    check("0.tar", &[("jpg", "jpeg image"), ("title", "t"), ("x", "[1]"), ("txt", "c")]);
    check("c.csv", &[("title", "t"), ("y", "1")]);
    check("p.parquet", &[("title", "t"), ("jpg", "binary")]);
}

// ---- Input that was found to be read wrongly ---------------------------------------------------------------------

/// Opening a pipe that nobody writes to waits for ever, so this runs on a thread that can be given up.
#[cfg(unix)]
#[test]
fn pipes_under_the_names_of_data_are_passed_over() {
    let place = Place::new();
    let pipe = |name: &str| {
        let path = place.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    };
    let picture = jpeg(6, 4, 1);
    place.write("d/a.tar", tar(&[(b"a.jpg", &picture)]));
    place.write("i/a.jpg", &picture);
    for name in ["p.jpg", "p.tar", "p.tar.gz", "p.jsonl", "p.jsonl.gz", "p.csv", "p.tsv", "p.json", "p.parquet"] {
        pipe(&format!("d/{name}"));
        pipe(&format!("i/{name}"));
        pipe(&format!("alone/{name}"));
    }
    for name in ["d/a.parquet", "d/a_stats.json", "d/a.idx", "i/a.json", "i/a.txt", "i/metadata.csv", "l/sub/x.jpg"] {
        pipe(name);
    }
    std::os::unix::fs::symlink(place.path("i/p.jpg"), place.path("i/link.jpg")).unwrap();
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut told = Vec::new();
        for name in ["d", "i"] {
            told.push(place.read(name).lines().join(","));
        }
        for name in ["alone", "l", "alone/p.jpg", "alone/p.tar", "alone/p.json", "alone/p.parquet", "alone/p.csv"] {
            let error = formats::detect(&[place.path(name)], &place.opts).unwrap_err().to_string();
            told.push(error.split(" (").next().unwrap().split(':').next().unwrap().to_owned());
        }
        // A file that became a pipe after it was found.
        let source = place.open("d/a.tar");
        fs::rename(place.path("d/p.tar"), place.path("d/a.tar")).unwrap();
        let error = formats::scan(&source, &source.shards[0], &place.opts, &mut Collect::default()).unwrap_err();
        told.push(error.to_string().split(':').next().unwrap().to_owned());
        done.send(told).unwrap();
    });
    let told = wait.recv_timeout(std::time::Duration::from_secs(20)).expect("nothing waits for a pipe");
    let nothing = "found no tar shards, parquet files, images or caption files here";
    let pipe = "cannot read it (this is a pipe or a device, not a file)";
    assert_eq!(told[..4], ["a - 6x4", "a.jpg - 6x4", nothing, nothing]);
    assert!(told[4..9].iter().all(|error| error == "cannot read it"), "{told:?}");
    assert_eq!(told[9], pipe);
}

#[test]
fn a_second_sample_of_a_key_gives_nothing_to_the_first() {
    let check = |members: &[(&[u8], &[u8])], lines: &[&str], kinds: &[&str]| {
        let found = Place::new().read_tar(members);
        assert_eq!(
            (found.lines(), found.kinds()),
            (lines.iter().map(|&line| line.to_owned()).collect(), kinds.iter().map(|&kind| kind.to_owned()).collect())
        );
    };
    let (jpg, png): (&[u8], &[u8]) = (&jpeg(6, 4, 1), &png(3, 2));
    let json: &[u8] = br#"{"title":"of the second"}"#;
    check(
        &[(b"a.jpg", jpg), (b"b.jpg", jpg), (b"a.jpg", png), (b"a.json", json)],
        &["a - 6x4", "b - 6x4"],
        &["duplicate-key a"],
    );
    check(
        &[(b"a.jpg", jpg), (b"b.jpg", jpg), (b"a.json", json), (b"a.jpg", png)],
        &["a - 6x4", "b - 6x4"],
        &["duplicate-key a"],
    );
    // Each late run counts for itself.
    check(
        &[(b"a.jpg", jpg), (b"b.txt", b"b"), (b"a.txt", b"t"), (b"c.txt", b"c"), (b"a.json", json), (b"a.jpg", png)],
        &["a t 6x4", "b b -", "c c -"],
        &["members-apart a", "duplicate-key a"],
    );
    check(
        &[(b"a.jpg", jpg), (b"b.txt", b"b"), (b"a.txt", b"t"), (b"a.txt", b"u")],
        &["a t 6x4", "b b -"],
        &["duplicate-member a", "members-apart a"],
    );
}

#[test]
fn parquet_texts_typed_as_plain_bytes_are_texts() {
    let place = Place::new();
    let bytes = |values: &[Option<&[u8]>]| Arc::new(BinaryArray::from(values.to_vec())) as ArrayRef;
    let picture = jpeg(6, 4, 1);
    place.write_parquet(
        "p.parquet",
        2,
        vec![
            ("product_id", bytes(&[Some(b"p1"), Some(b"p2"), Some(b"p3")])),
            ("title", bytes(&[Some("größe".as_bytes()), None, Some(b"caf\xe9")])),
            ("thumb", bytes(&[Some(&picture), Some(&picture), None])),
            ("hash", bytes(&[Some(b"\x00\xff\xfe"), None, None])),
        ],
    );
    let found = place.read("p.parquet");
    assert_eq!(found.lines(), ["p1 größe 6x4", "p2 - 6x4", "p3 caf\u{fffd} -"]);
    let RawRecord::Inline(json) = &found.samples[0].raw else { panic!() };
    assert_eq!(json, r#"{"product_id":"p1","title":"größe"}"#);
    let columns = formats::columns(&place.open("p.parquet")).unwrap();
    assert_eq!(columns[1], ("title".to_owned(), "größe".to_owned()));
    // Paths may be typed so too.
    place.write("pics/a.jpg", &picture);
    place.write_parquet(
        "q.parquet",
        2,
        vec![("title", bytes(&[Some(b"t")])), ("image", bytes(&[Some(b"pics/a.jpg")]))],
    );
    assert_eq!(place.read("q.parquet").lines(), ["q:0 t 6x4"]);
}

#[test]
fn compression_is_seen_in_the_bytes_not_in_the_name() {
    let place = Place::new();
    let picture = jpeg(6, 4, 9);
    let bytes = tar(&[(b"a.jpg", &picture), (b"a.json", br#"{"title":"t"}"#)]);
    let gz = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packer, bytes).unwrap();
        packer.finish().unwrap()
    };
    for (name, bytes) in [("0.tar", gz(&bytes)), ("1.tar.gz", bytes.clone()), ("2.tgz", bytes.clone())] {
        place.write(name, &bytes);
        let found = place.read(name);
        assert_eq!(found.lines(), ["a t 6x4"], "{name}");
        let source = place.open(name);
        let at = &found.samples[0].image.as_ref().unwrap().at;
        assert_eq!(place.reader(&source).unwrap().image_bytes(at).unwrap(), picture, "{name}");
        assert!(formats::columns(&source).unwrap().contains(&("title".to_owned(), "t".to_owned())), "{name}");
    }
    place.write("lines.jsonl", gz(b"{\"title\":\"t\"}\n"));
    place.write("lines.jsonl.gz", "{\"title\":\"t\"}\n");
    for name in ["lines.jsonl", "lines.jsonl.gz"] {
        assert_eq!(place.read(name).lines(), ["lines:0 t -"], "{name}");
    }
    let check = |name: &str, bytes: &[u8], expect: &str| {
        place.write(name, bytes);
        let source = place.open(name);
        let error = formats::scan(&source, &source.shards[0], &place.opts, &mut Collect::default()).unwrap_err();
        assert!(error.to_string().starts_with(expect), "{name}: {error}");
    };
    check("n.tar.gz", &[b'x'; 2000], "this is neither a tar nor gzip; check how it was made");
    check("n.tar", &[b'x'; 2000], "this is neither a tar nor gzip; check how it was made");
    check("z.tar", &zstd::stream::encode_all(&bytes[..], 1).unwrap(), "this is compressed with zstd");
    check("x.tar", b"\xfd7zXZ\0abc", "this is compressed with xz");
}

#[test]
fn one_odd_coco_annotation_costs_itself() {
    let check = |text: &str, lines: &[&str], kinds: &[&str]| {
        let place = Place::new();
        place.write("c.json", text);
        let found = place.read("c.json");
        assert_eq!(found.lines(), lines, "{text}");
        assert_eq!(found.kinds(), kinds, "{:?}", found.warnings);
    };
    let bad = "metadata-unreadable -";
    check(
        r#"{"images":[{"id":"5","file_name":"a.jpg"}],"annotations":[{"id":1,"image_id":"5","caption":"one"},
            {"id":"x","image_id":5,"caption":"two"},{"id":3,"caption":"nowhere"},7,{"id":4,"image_id":5,"caption":[1]},
            {"image_id":5,"caption":"no id"},{"id":6,"image_id":5,"caption":null}]}"#,
        &["5_1 one -", "5_x two -", "5_#5 no id -", "5_6 - -"],
        &[bad, bad, bad],
    );
    check(
        r#"{"annotations":[{"id":1,"image_id":5,"caption":"one"}],"images":[{"id":5,"width":"wide"},"x",{}],"licenses":"none"}"#,
        &["5_1 one -"],
        &[bad],
    );
    // Damage keeps what stands before it.
    check(
        r#"{"images":[{"id":5}],"annotations":[{"id":1,"image_id":5,"caption":"one"},{"id":2,"image_id":5,"cap"#,
        &["5_1 one -"],
        &["shard-truncated -"],
    );
    check(
        r#"{"images":[{"id":5}],"annotations":[{"id":1,"image_id":5,"caption":"one"},{"id":2 "image_id":5}]}"#,
        &["5_1 one -"],
        &["shard-corrupt -"],
    );
}

#[test]
fn a_tar_without_samples_is_told() {
    let check = |bytes: &[u8], expect: &str| {
        let place = Place::new();
        place.write("0.tar", bytes);
        let found = place.read("0.tar");
        assert_eq!(found.kinds(), ["shard-corrupt -"], "{:?}", found.warnings);
        assert!(found.warnings[0].message.contains(expect), "{:?}", found.warnings);
    };
    check(&[0; 10240], "the shard holds no samples");
    let mut late = vec![0; 512];
    late.extend(tar(&[(b"a.txt", b"1")]));
    check(&late, "begins with the mark of its end");
    check(&tar(&[(b"__index__", b"1")]), "the shard holds no samples");
}

#[cfg(target_os = "linux")]
#[test]
fn folders_whose_names_are_not_utf8_are_read_or_told() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    let odd = |byte: u8| place.dir.path().join("r").join(std::ffi::OsStr::from_bytes(&[b'x', byte]));
    let picture = jpeg(6, 4, 1);
    for byte in [0xfe, 0xff] {
        fs::create_dir_all(odd(byte)).unwrap();
        fs::write(odd(byte).join("0.tar"), tar(&[(b"a.jpg", &picture)])).unwrap();
    }
    let sources = place.detect("r");
    assert_eq!(sources.len(), 2);
    for source in &sources {
        let mut found = Collect::default();
        formats::scan(source, &source.shards[0], &place.opts, &mut found).unwrap();
        assert_eq!(found.lines(), ["a - 6x4"]);
        let at = &found.samples[0].image.as_ref().unwrap().at;
        assert_eq!(place.reader(source).unwrap().image_bytes(at).unwrap(), picture);
    }
    // Pictures are found again by their path below the root, which is a text.
    for byte in [0xfe, 0xff] {
        fs::remove_file(odd(byte).join("0.tar")).unwrap();
        fs::write(odd(byte).join("a.jpg"), &picture).unwrap();
    }
    place.write("r/fine/b.jpg", &picture);
    let source = place.open("r");
    let names: Vec<_> = source.shards.iter().map(|shard| shard.name.as_str()).collect();
    assert_eq!(names, ["fine", "x\\xfe", "x\\xff"]);
    let found = place.read("r");
    assert_eq!(found.lines(), ["fine/b.jpg - 6x4"]);
    assert_eq!(found.kinds(), ["bad-name x\\xfe", "bad-name x\\xff"]);
}

#[test]
fn metadata_rows_without_their_file_are_counted() {
    let place = Place::new();
    place.write("d/a.jpg", jpeg(6, 4, 1));
    place.write("d/metadata.csv", "file_name,title\na.jpg,one\ngone.jpg,two\nlost.jpg,three\n");
    let found = place.read("d");
    assert_eq!(
        (found.lines(), found.kinds()),
        (vec!["a.jpg one 6x4".to_owned()], vec!["metadata-unreadable -".to_owned()])
    );
    assert!(found.warnings[0].message.starts_with("2 rows of the metadata"), "{:?}", found.warnings);
}

#[test]
fn brotli_is_told_with_what_to_do() {
    let place = Place::new();
    let path = place.write_parquet("p.parquet", 9, vec![("title", texts(&[Some("a")]))]);
    let mut bytes = fs::read(&path).unwrap();
    // The codec stands behind the column's path in the footer: 0 is none, 8 is Brotli (4, zigzag).
    let at = bytes.windows(7).rposition(|window| window == b"title\x15\x00").unwrap();
    bytes[at + 6] = 8;
    fs::write(&path, bytes).unwrap();
    let source = place.open("p.parquet");
    let error = formats::scan(&source, &source.shards[0], &place.opts, &mut Collect::default()).unwrap_err();
    let expect = "it is compressed with brotli, which this build does not read; rewrite it with zstd or snappy: ";
    assert!(error.to_string().starts_with(expect), "{error}");
}

#[test]
fn of_a_list_of_pictures_the_first_is_shown() {
    use arrow::array::Array as _;
    use arrow::buffer::OffsetBuffer;
    let place = Place::new();
    let pictures = [jpeg(6, 4, 1), jpeg(7, 4, 2), jpeg(8, 4, 3)];
    let bytes: Vec<Option<&[u8]>> = pictures.iter().map(|picture| Some(picture.as_slice())).collect();
    let inner = image_struct(&bytes, &[Some("x.jpg"); 3]);
    let item = Arc::new(ArrowField::new("item", inner.data_type().clone(), true));
    let lists = ListArray::new(item, OffsetBuffer::from_lengths([2, 0, 1]), inner, None);
    let titles = || texts(&[Some("a"), Some("b"), Some("c")]);
    place.write_parquet("p.parquet", 2, vec![("images", Arc::new(lists.clone())), ("title", titles())]);
    let sizes = |values: Vec<i32>| Arc::new(Int32Array::from(values)) as ArrayRef;
    place.write_parquet(
        "sized.parquet",
        2,
        vec![
            ("images", Arc::new(lists)),
            ("title", titles()),
            ("width", sizes(vec![6, 0, 8])),
            ("height", sizes(vec![4, 0, 4])),
        ],
    );
    for name in ["p.parquet", "sized.parquet"] {
        let found = place.read(name);
        let stem = name.split('.').next().unwrap();
        let expect = [format!("{stem}:0 a 6x4"), format!("{stem}:1 b -"), format!("{stem}:2 c 8x4")];
        assert_eq!((found.lines(), found.kinds()), (expect.to_vec(), vec![]));
        let reader = place.reader(&place.open(name)).unwrap();
        for (row, picture) in [(0, 0), (2, 2)] {
            let at = &found.samples[row].image.as_ref().unwrap().at;
            assert_eq!(reader.image_bytes(at).unwrap(), pictures[picture], "{name} {row}");
        }
    }
}

#[test]
fn a_quote_that_is_never_closed_costs_its_line() {
    let place = Place::new();
    let rows =
        |from: usize, to: usize| (from..to).map(|row| format!("{row},\"row, {row}\"\n")).collect::<Vec<_>>().concat();
    let check = |text: String, samples: usize, line: usize| {
        place.write("c.csv", text);
        let found = place.read("c.csv");
        assert_eq!(found.samples.len(), samples);
        assert_eq!(found.kinds(), ["metadata-unreadable -"], "{:?}", found.warnings);
        let expect = format!("line {line} cannot be read: a quote opens in it that is never closed");
        assert!(found.warnings[0].message.starts_with(&expect), "{:?}", found.warnings);
    };
    let plain =
        |from: usize, to: usize| (from..to).map(|row| format!("{row},row {row}\n")).collect::<Vec<_>>().concat();
    check(format!("id,title\n{}2,\"open\n{}", rows(0, 2), plain(3, 100)), 99, 4);
    check(format!("id,title\n{}2,\"open", rows(0, 2)), 2, 4);
    // So long that holding the rest of the file would fill the memory.
    check(format!("id,title\n{}2,\"open\n{}", rows(0, 2), plain(3, 200_000)), 199_999, 4);
    // A text of several lines that is cut off is no row, nor are its lines.
    check(format!("id,title\n{}2,\"several\nlines, of\ntext\n", rows(0, 2)), 2, 4);
}
