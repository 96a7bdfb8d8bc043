//! A catalog of 1,000,000 samples: opening it up to the first order of the grid, recounting facets over a
//! random filter, searching text. Medians.
//!
//! ```text
//! cargo bench --bench catalog [-- --samples 1000000]
//! ```
//!
//! The catalog is made once, in the temporary directory, and kept for the next run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use roaring::RoaringBitmap;
use shopscope::analysis::Facets;
use shopscope::analysis::sort::{self, SortBy};
use shopscope::base::CancelToken;
use shopscope::catalog::filter::{self, NoLookup};
use shopscope::catalog::{Catalog, ChunkBuilder, Columns, Population, SearchQuery, Store, Writer};
use shopscope::formats::image::Probe;
use shopscope::formats::{Fields, Fingerprint, Format, ImageEntry, Location, RawRecord, RawSample, Shard, Source};

const SHARD: usize = 10_000;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let at = args.iter().position(|arg| arg == "--samples");
    let samples: usize = at.and_then(|at| args.get(at + 1)).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let dir = std::env::temp_dir().join(format!("shopscope-bench-catalog-3-{samples}"));
    let (store, _) = Store::open(Some(dir)).expect("a store");
    let source = source(samples);
    fill(&store, &source, samples);
    let path = store.catalog_path(&source);
    println!("{samples} samples, catalog of {} MB", std::fs::metadata(&path).expect("a catalog").len() >> 20);

    let mut columns = Columns::default();
    let opened = median(7, || {
        let started = Instant::now();
        let catalog = Catalog::open_read(&path).expect("a catalog");
        columns = Columns::concat(&[Arc::new(catalog.snapshot().expect("columns"))]);
        let order = sort::order(&columns, &columns.all(), SortBy::Dataset, false);
        // The first page of a grid of 24 pictures with their captions.
        let first = catalog.records(&order[..24]).expect("records");
        assert_eq!(first.len(), 24);
        started.elapsed()
    });
    report("open, columns, first order, first 24 records", opened);

    let mut random = Pcg64Mcg::seed_from_u64(3);
    let masks: Vec<RoaringBitmap> = [0.5, 0.1, 0.9]
        .iter()
        .map(|&share| (0..samples as u32).filter(|_| random.random_bool(share)).collect())
        .collect();
    for (share, mask) in ["50 %", "10 %", "90 %"].iter().zip(&masks) {
        let counted = median(15, || {
            let started = Instant::now();
            let facets = Facets::count(&columns, mask);
            assert_eq!(facets.total, mask.len());
            started.elapsed()
        });
        report(&format!("facet recount over a random {share}"), counted);
    }
    for text in ["words >= 60 and width < 500", "leaf = \"leaf 7\"", "taxonomy under \"area 3\" and not brand is null"]
    {
        let expr = filter::parse(text).expect("a filter");
        let evaluated = median(15, || {
            let started = Instant::now();
            let found = filter::eval(&expr, &columns, &NoLookup).expect("a result");
            assert!(!found.is_empty());
            started.elapsed()
        });
        report(&format!("filter: {text}"), evaluated);
    }
    for (name, by) in [("words", SortBy::Words), ("random", SortBy::Random(1))] {
        let sorted = median(7, || {
            let started = Instant::now();
            let order = sort::order(&columns, &columns.all(), by, true);
            assert_eq!(order.len(), samples);
            started.elapsed()
        });
        report(&format!("sort everything by {name}"), sorted);
    }

    let population = Population::open(&columns).expect("catalogs");
    let (rare, common, second) = (word(9000), word(0), word(1));
    let searches = [
        ("rare word", rare.clone()),
        ("word of middling rank", word(200)),
        ("frequent word", word(20)),
        ("commonest word", common.clone()),
        ("phrase of the two commonest", format!("\"{common} {second}\"")),
        ("prefix of two letters", format!("{}*", &rare[..2])),
        ("prefix of three letters", format!("{}*", &rare[..3])),
        ("and, not, column", format!("caption:{} {} NOT {}", word(20), word(100), word(50))),
    ];
    for (name, text) in searches {
        let query = SearchQuery::parse(&text).expect("a search");
        let mut hits = 0;
        let found = median(7, || {
            let started = Instant::now();
            hits = population.find(&query).expect("hits").len();
            started.elapsed()
        });
        report(&format!("search: {name} ({hits} hits)"), found);
    }
    let scattered = sort::order(&columns, &columns.all(), SortBy::Random(2), false);
    let mut page = 0;
    let records = median(7, || {
        page += 1;
        let started = Instant::now();
        population.catalogs()[0].records(&scattered[page * 60..(page + 1) * 60]).expect("records");
        started.elapsed()
    });
    report("60 records from all over", records);
}

fn report(what: &str, time: Duration) {
    println!("{what:60} {:>9.2} ms", time.as_secs_f64() * 1e3);
}

fn median(runs: usize, mut run: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..runs).map(|_| run()).collect();
    times.sort();
    times[runs / 2]
}

fn source(samples: usize) -> Source {
    let shards = (0..samples.div_ceil(SHARD)).map(|i| Shard {
        path: PathBuf::from(format!("/nowhere/{i:05}.tar")),
        name: format!("{i:05}.tar"),
        fingerprint: Fingerprint { bytes: 1, modified_ns: 1 },
    });
    Source {
        name: "million".to_owned(),
        root: PathBuf::from("/nowhere"),
        format: Format::Webdataset,
        shards: shards.collect(),
        warnings: Vec::new(),
    }
}

/// The word of a rank: letters only, no two alike.
fn word(rank: usize) -> String {
    let mut n = (rank as u64 + 7).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let mut word = String::new();
    for _ in 0..4 + rank % 4 {
        word.push(char::from(b'a' + (n % 26) as u8));
        n /= 26;
    }
    word.push(char::from(b'a' + (rank % 26) as u8));
    word.push(char::from(b'a' + (rank / 26 % 26) as u8));
    word.push(char::from(b'a' + (rank / 676 % 26) as u8));
    word
}

/// Makes the catalog, or finishes one that was begun.
fn fill(store: &Store, source: &Source, samples: usize) {
    let (mut writer, _) = Writer::open(store, source).expect("a catalog").expect("nobody else writes it");
    let plan = writer.plan(source).expect("a plan");
    let words: Vec<String> = (0..30_000).map(word).collect();
    for at in plan.to_read {
        let mut random = Pcg64Mcg::seed_from_u64(at as u64);
        writer.begin(at, &source.shards[at]).expect("begun");
        let mut builder = ChunkBuilder::default();
        for row in at * SHARD..samples.min((at + 1) * SHARD) {
            if let Some(chunk) = builder.sample(&sample(row, &words, &mut random)) {
                writer.push(chunk).expect("pushed");
            }
        }
        writer.push(builder.finish()).expect("pushed");
        writer.commit(false).expect("committed");
    }
    for shard in writer.unsearchable().expect("shards") {
        writer.index_text(&shard, &CancelToken::default()).expect("indexed");
    }
    writer.tidy().expect("tidied");
}

/// 71 words of a Zipf vocabulary, as a product caption of 500 bytes has.
fn sample(row: usize, words: &[String], random: &mut Pcg64Mcg) -> RawSample {
    let mut text = |n: usize| {
        let mut text = String::new();
        for _ in 0..n {
            let rank = ((words.len() as f64).powf(random.random::<f64>()) - 1.0) as usize;
            text.push_str(&words[rank.min(words.len() - 1)]);
            text.push(' ');
        }
        text
    };
    let (title, caption) = (text(5), text(66));
    let leaf = random.random_range(0..2000_u32);
    RawSample {
        key: format!("{row:09}"),
        fields: Fields {
            title: Some(title),
            caption: Some(caption),
            brand: (!row.is_multiple_of(3)).then(|| format!("brand {}", (leaf * 7) % 5000)),
            taxonomy: vec![format!("area {}", leaf % 10), format!("group {}", leaf % 100), format!("leaf {leaf}")],
            leaf: Some(format!("leaf {leaf}")),
            ..Fields::default()
        },
        image: Some(ImageEntry {
            at: Location { offset: (row * 20_000) as u64, length: 15_000, path: None },
            probe: Probe {
                width: random.random_range(100..1200),
                height: random.random_range(100..1200),
                ..Probe::default()
            },
        }),
        raw: RawRecord::At(Location { offset: (row * 20_000 + 16_000) as u64, length: 800, path: None }),
    }
}
