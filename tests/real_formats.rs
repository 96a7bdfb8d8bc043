//! The readers on the real samples in `../shared/data`, whose figures are known.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use shopscope::base::{Cancelled, Warning};
use shopscope::formats::{self, Format, RawRecord, RawSample, ReadOptions, ShardReader, Sink, Source, wordnet};

/// The folder of real samples; `None` where it is not here and need not be.
fn data() -> Option<PathBuf> {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if dir.is_dir() {
        return Some(dir.to_owned());
    }
    assert!(std::env::var_os("CI").is_none(), "../shared/data is not here");
    println!("left out: ../shared/data is not here");
    None
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
        self.warnings.push(warning);
    }
}

fn read(source: &Source) -> Collect {
    let mut found = Collect::default();
    for shard in &source.shards {
        formats::scan(source, shard, &ReadOptions::default(), &mut found).unwrap();
    }
    found
}

fn open(path: PathBuf) -> Source {
    let mut sources = formats::detect(&[path], &ReadOptions::default()).unwrap();
    assert_eq!(sources.len(), 1, "{sources:?}");
    sources.remove(0)
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<BTreeSet<_>>().len()
}

#[test]
fn lgs_mini_has_its_figures() {
    let Some(data) = data() else { return };
    let source = open(data.join("lgs-mini"));
    assert_eq!((source.format, source.shards.len(), source.name.as_str()), (Format::Webdataset, 7, "lgs-mini"));
    let found = read(&source);
    let samples = &found.samples;
    assert_eq!(found.warnings, []);
    assert_eq!(samples.len(), 3375);
    assert_eq!(distinct(samples.iter().filter_map(|sample| sample.fields.leaf.clone())), 128);
    assert_eq!(distinct(samples.iter().map(|sample| sample.fields.taxonomy.clone())), 138);
    assert_eq!(samples.iter().filter(|sample| sample.fields.description.is_some()).count(), 1921);
    assert_eq!(distinct(samples.iter().filter_map(|sample| sample.fields.brand.clone())), 467);
    assert!(samples.iter().all(|sample| sample.image.is_some() && sample.fields.url.as_deref() != Some("")));
    assert_eq!(samples.iter().filter_map(|sample| sample.image.as_ref()?.probe.problem).count(), 0, "unreadable");
}

#[test]
fn pictures_and_records_are_read_again_where_they_stand() {
    let Some(data) = data() else { return };
    let source = open(data.join("lgs-mini"));
    let shard = &source.shards[6];
    let mut found = Collect::default();
    formats::scan(&source, shard, &ReadOptions::default(), &mut found).unwrap();
    let reader = ShardReader::open(&source.root, source.format, shard, &ReadOptions::default()).unwrap();
    for sample in &found.samples {
        let image = sample.image.as_ref().unwrap();
        let bytes = reader.image_bytes(&image.at).unwrap();
        assert!(bytes.starts_with(b"\xff\xd8") && bytes.ends_with(b"\xff\xd9"), "{}", sample.key);
        let RawRecord::At(at) = &sample.raw else { panic!("{:?}", sample.raw) };
        let json: serde_json::Value = serde_json::from_str(&reader.raw_json(at).unwrap()).unwrap();
        assert_eq!(json["key"], sample.key.as_str());
        assert_eq!(json["width"], image.probe.width);
    }
}

#[test]
fn imagenet_mini_has_its_figures_and_wordnet_gives_the_same_paths() {
    let Some(data) = data() else { return };
    let found = read(&open(data.join("imagenet-mini")));
    let samples = &found.samples;
    assert_eq!(found.warnings, []);
    assert_eq!(samples.len(), 900);
    assert_eq!(distinct(samples.iter().map(|sample| sample.fields.taxonomy.clone())), 900);
    assert_eq!(distinct(samples.iter().filter_map(|sample| sample.fields.leaf.clone())), 899);
    for sample in samples {
        let wnid = sample.fields.wnid.as_deref().unwrap();
        assert_eq!(wordnet::synset(wnid).unwrap().path, sample.fields.taxonomy, "{wnid}");
        assert_eq!(wordnet::class_index(wnid), sample.fields.class_index, "{wnid}");
    }
}

#[test]
fn caption_files_have_their_figures() {
    let Some(data) = data() else { return };
    let check = |path: &str, format, samples, leaves| {
        let source = open(data.join(path));
        assert_eq!(source.format, format, "{path}");
        let found = read(&source);
        assert_eq!(found.warnings, [], "{path}");
        assert_eq!(found.samples.len(), samples, "{path}");
        assert_eq!(distinct(found.samples.iter().map(|sample| &sample.key)), samples, "{path}: keys");
        assert_eq!(
            distinct(found.samples.iter().filter_map(|sample| sample.fields.leaf.as_ref())),
            leaves,
            "{path}: leaves"
        );
        found
    };
    let lines = check("captions/product_captions.jsonl.gz", Format::Jsonl, 69_496, 0);
    let rows = check("captions/product_captions.parquet", Format::Parquet, 69_496, 0);
    for (line, row) in lines.samples.iter().zip(&rows.samples) {
        assert_eq!((&line.key, &line.fields), (&row.key, &row.fields));
    }
    let captions = check("coco-captions.jsonl.gz", Format::Jsonl, 25_014, 0);
    assert!(captions.samples.iter().all(|sample| sample.fields.caption.is_some() && sample.fields.url.is_some()));
}

#[test]
fn a_folder_of_datasets_gives_each_of_them_and_nothing_else() {
    let Some(data) = data() else { return };
    let sources = formats::detect(&[data], &ReadOptions::default()).unwrap();
    let found: Vec<_> =
        sources.iter().map(|source| (source.name.as_str(), source.format, source.shards.len())).collect();
    assert_eq!(
        found,
        [
            ("coco-captions", Format::Jsonl, 1),
            ("product_captions.parquet", Format::Parquet, 1),
            ("product_captions.jsonl.gz", Format::Jsonl, 1),
            ("imagenet-mini", Format::Webdataset, 2),
            ("lgs-mini", Format::Webdataset, 7),
            ("wands_query", Format::Csv, 1),
        ]
    );
}
