//! The catalog from outside: shards in, rows out, whatever happens in between.

mod shards;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use shopscope::base::{CancelToken, Progress, WarningKind};
use shopscope::catalog::filter::{self, Expr};
use shopscope::catalog::predictions::latest_predictor;
use shopscope::catalog::{
    Catalog, CatalogError, Columns, NONE, Population, Prediction, Predictor, SearchQuery, Store, flags,
};
use shopscope::formats::{self, FieldMap, ReadOptions, Source};
use shopscope::jobs::index::{IndexEvent, IndexOptions, IndexReport, index_sources, load_sources};

/// A folder with a dataset of JSONL shards and a catalog directory.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        fs::create_dir(world.data()).expect("a data folder");
        world
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("shop")
    }

    fn catalogs(&self) -> PathBuf {
        self.dir.path().join("catalogs")
    }

    fn store(&self) -> Store {
        let (store, warnings) = Store::open(Some(self.catalogs())).expect("a store");
        assert_eq!(warnings, []);
        store
    }

    /// Writes a tar shard of `n` samples without pictures whose keys start with `prefix`.
    fn shard(&self, name: &str, prefix: &str, n: usize) {
        shards::write(&self.data().join(name), prefix, n);
    }

    fn tar(&self, name: &str, members: impl IntoIterator<Item = (String, String)>) {
        shards::tar(&self.data().join(name), members);
    }

    fn sources(&self) -> Vec<Source> {
        let options = ReadOptions { cache_dir: self.catalogs(), ..ReadOptions::default() };
        formats::detect(&[self.data()], &options).expect("a dataset")
    }

    fn index(&self) -> IndexReport {
        self.index_with(&IndexOptions::default()).expect("an index")
    }

    fn index_with(&self, options: &IndexOptions) -> Result<IndexReport, CatalogError> {
        index_sources(&self.store(), &self.sources(), options, &Progress::default(), &CancelToken::default(), &|_| {})
    }

    fn columns(&self) -> Columns {
        let loaded = load_sources(
            &self.store(),
            &self.sources(),
            &IndexOptions::default(),
            &Progress::default(),
            &CancelToken::default(),
            &|_| {},
        );
        loaded.expect("columns").1
    }

    /// Everything the catalog says, as text: two equal catalogs have equal texts.
    fn dump(&self) -> String {
        let columns = self.columns();
        let population = Population::open(&columns).expect("catalogs");
        let mut text = String::new();
        for id in 0..columns.len() {
            let record = population.record(shopscope::base::SampleId(id)).expect("a record");
            let words = columns.words[id as usize];
            let leaf = columns.leaf_name(shopscope::base::SampleId(id));
            writeln!(text, "{record:?} {words} {leaf:?}").expect("a string takes all");
        }
        text
    }

    fn catalog_file(&self) -> PathBuf {
        self.store().catalog_path(&self.sources()[0])
    }
}

/// Samples that a filter finds.
fn found(columns: &Columns, text: &str) -> Vec<u32> {
    let population = Population::open(columns).expect("catalogs");
    let expr = filter::parse(text).expect("a filter");
    filter::eval(&expr, columns, &population).expect("a result").iter().collect()
}

#[test]
fn what_was_indexed_is_found_again() {
    let world = World::new();
    world.shard("00.tar", "a", 300);
    world.shard("01.tar", "b", 10);
    let report = world.index();
    let dataset = &report.datasets[0];
    assert_eq!((dataset.samples, dataset.shards, dataset.with_image, dataset.read), (310, 2, 0, 2));
    assert_eq!(dataset.warnings, []);

    let columns = world.columns();
    assert_eq!(columns.len(), 310);
    let population = Population::open(&columns).expect("catalogs");
    let record = population.record(shopscope::base::SampleId(301)).expect("a record");
    assert_eq!((record.key.as_str(), record.shard.as_str(), record.shard_row), ("b-1", "01.tar", 1));
    assert_eq!(record.fields.title.as_deref(), Some("blue shirt 1"));
    assert_eq!(record.fields.taxonomy, ["Clothing", "Dresses"]);

    let count = |text: &str| found(&columns, text).len();
    assert_eq!(count("leaf = Dresses"), 155);
    assert_eq!(count(r#"taxonomy under "Clothing""#), 310);
    assert_eq!(count(r#"taxonomy under "Clothing > Shirts""#), 155);
    assert_eq!(count("brand is null"), 75 + 3);
    assert_eq!(count("words = 7"), 310);
    assert_eq!(count(r#"title ~ "red""#), 100 + 4);
    assert_eq!(count(r#"caption ~ "red""#), 0);
    assert_eq!(count(r#"search ~ "\"blue shirt\" NOT dress""#), 51);
    assert_eq!(count(r#"search ~ "cott*""#), 310);
    assert_eq!(count(r#"search ~ "dresses""#), 155, "leaves are found");
    assert_eq!(count(r#"search ~ "b-1""#), 1, "keys are found");
    assert_eq!(count(r#"search ~ "NOT cotton""#), 0);
    assert_eq!(found(&columns, "key = b-3"), [303]);
    assert_eq!(count("no image and has title"), 310);
}

#[test]
fn only_what_changed_is_read_again() {
    let world = World::new();
    for (name, prefix) in [("0.tar", "a"), ("2.tar", "b"), ("10.tar", "c")] {
        world.shard(name, prefix, 20);
    }
    world.index();
    let catalog = world.catalog_file();
    let untouched = world.index();
    assert_eq!((untouched.datasets[0].read, untouched.datasets[0].unchanged), (0, 3));
    let before = world.columns();
    let order: Vec<_> = before.datasets[0].columns.shards.iter().map(|shard| shard.name.clone()).collect();
    assert_eq!(order, ["0.tar", "2.tar", "10.tar"]);

    world.shard("2.tar", "b", 30);
    world.shard("1.tar", "d", 5);
    fs::remove_file(world.data().join("0.tar")).expect("a shard goes");
    let report = world.index();
    let dataset = &report.datasets[0];
    assert_eq!((dataset.read, dataset.unchanged, dataset.removed, dataset.samples), (2, 1, 1, 55));
    let columns = world.columns();
    let order: Vec<_> = columns.datasets[0].columns.shards.iter().map(|shard| shard.name.clone()).collect();
    assert_eq!(order, ["1.tar", "2.tar", "10.tar"]);
    assert!(found(&columns, r#"key ~ "a""#).is_empty(), "text of removed shards is gone");
    assert_eq!(found(&columns, r#"key ~ "b""#).len(), 30);

    // What was selected stays selected, wherever it lies now.
    let old: roaring::RoaringBitmap = (15..45).collect();
    let kept: Vec<u32> = columns.remap(&before, &old).iter().collect();
    assert_eq!(kept, (5..25).chain(35..40).collect::<Vec<_>>(), "20 of b by key, 5 of c by shard; a is gone");

    // The same rows as a catalog made from nothing.
    let grown = world.dump();
    fs::remove_file(catalog).expect("the catalog goes");
    assert_eq!(world.dump(), grown);
}

#[test]
fn equal_keys_are_flagged_and_forgotten_when_they_go() {
    let world = World::new();
    world.shard("0.tar", "same", 5);
    world.shard("1.tar", "same", 3);
    let warnings = world.index().datasets[0].warnings.clone();
    assert_eq!(warnings.len(), 3);
    assert!(warnings.iter().all(|warning| warning.kind == WarningKind::DuplicateKey
        && warning.shard.as_deref() == Some("1.tar")
        && warning.message.contains("0.tar")));
    assert_eq!(found(&world.columns(), "duplicate key"), [5, 6, 7]);
    assert_eq!(found(&world.columns(), "key = same-1"), [1, 6]);
    fs::remove_file(world.data().join("0.tar")).expect("a shard goes");
    assert_eq!(world.index().datasets[0].warnings, []);
    assert!(found(&world.columns(), "duplicate key").is_empty());
}

#[test]
fn a_bad_shard_is_a_warning_and_the_rest_goes_on() {
    let world = World::new();
    world.shard("0.tar", "a", 5);
    let members = [("x.json", "{\"caption\": \"fine\"}"), ("y.json", "not json"), ("y.txt", "still here")];
    world.tar("1.tar", members.map(|(name, data)| (name.to_owned(), data.to_owned())));
    let report = world.index();
    assert_eq!(report.datasets[0].samples, 7);
    assert!(!report.datasets[0].warnings.is_empty());
    let again = world.index();
    assert_eq!(again.datasets[0].warnings, report.datasets[0].warnings, "warnings are kept with the catalog");
}

#[test]
fn a_run_that_is_cancelled_goes_on_later() {
    let world = World::new();
    for i in 0..6 {
        world.shard(&format!("{i}.tar"), &format!("k{i}"), 50);
    }
    let cancel = CancelToken::default();
    let stop = cancel.clone();
    let report = index_sources(
        &world.store(),
        &world.sources(),
        &IndexOptions::default(),
        &Progress::default(),
        &cancel,
        &move |event| {
            if matches!(event, IndexEvent::ShardCommitted { .. }) {
                stop.cancel();
            }
        },
    )
    .expect("a cancel is no error");
    assert!(report.cancelled);
    assert_eq!(report.datasets[0].shards, 1, "the shard that was committed stands");
    let report = world.index();
    assert_eq!((report.datasets[0].unchanged, report.datasets[0].read), (1, 5));
    assert_eq!(found(&world.columns(), "search ~ cotton").len(), 300);
}

#[test]
fn without_the_text_index_samples_are_there_and_text_comes_later() {
    let world = World::new();
    world.shard("0.tar", "a", 40);
    let options = IndexOptions { text_index: false, ..IndexOptions::default() };
    world.index_with(&options).expect("an index");
    let (catalog, _) = Catalog::open(&world.store(), &world.sources()[0]).expect("a catalog");
    let columns = catalog.snapshot().expect("columns");
    assert_eq!((columns.len(), columns.searchable_rows()), (40, 0));
    let red = SearchQuery::parse("red").expect("a query");
    assert_eq!(catalog.search(&red).expect("hits").len(), 0);
    world.index();
    assert_eq!(catalog.snapshot().expect("columns").searchable_rows(), 40);
    assert_eq!(catalog.search(&red).expect("hits").len(), 14);
}

#[test]
fn a_choice_of_fields_is_remembered_and_reads_anew() {
    let world = World::new();
    world.shard("0.tar", "a", 4);
    world.index();
    assert_eq!(found(&world.columns(), "caption ~ red").len(), 0);
    let map = FieldMap(BTreeMap::from([(formats::Field::Caption, "title".to_owned())]));
    let report = world.index_with(&IndexOptions { map: map.clone(), ..IndexOptions::default() }).expect("an index");
    assert_eq!(report.datasets[0].read, 1);
    assert_eq!(found(&world.columns(), "caption ~ red").len(), 2);
    assert_eq!(world.index().datasets[0].read, 0, "the choice is remembered");
    assert_eq!(world.store().field_map(&world.sources()[0]).expect("a map"), map);
}

#[test]
fn tags_stick_to_keys() {
    let world = World::new();
    world.shard("0.tar", "a", 10);
    let columns = world.columns();
    let population = Population::open(&columns).expect("catalogs");
    population.set_tag("best", &[1, 3, 5].into_iter().collect(), true).expect("tagged");
    population.set_tag("worst", &[9].into_iter().collect(), true).expect("tagged");
    population.set_tag("best", &[3].into_iter().collect(), false).expect("untagged");
    assert_eq!(found(&columns, "tag = best"), [1, 5]);
    assert_eq!(found(&columns, "tag in (best, worst)"), [1, 5, 9]);
    assert_eq!(found(&columns, "tag is null").len(), 7);
    assert!(found(&columns, "tag = none").is_empty());
    // A shard before it moves the rows; the catalog may even be built anew.
    world.shard("-1.tar", "z", 2);
    fs::remove_file(world.catalog_file()).expect("the catalog goes");
    assert_eq!(found(&world.columns(), "tag = best"), [3, 7]);
}

#[test]
fn a_damaged_catalog_is_set_aside_and_built_again() {
    let damages: [Damage; 5] = [
        ("garbage", |path| {
            fs::write(path, b"this is not a database, it only looks like a file".repeat(100)).expect("written");
        }),
        ("cut", |path| {
            let bytes = fs::read(path).expect("read");
            fs::write(path, &bytes[..bytes.len() / 2]).expect("written");
        }),
        ("zeros in the middle", |path| {
            let mut bytes = fs::read(path).expect("read");
            let n = bytes.len();
            bytes[n / 4..n * 3 / 4].fill(0);
            fs::write(path, bytes).expect("written");
        }),
        ("another program's", |path| {
            let mut bytes = fs::read(path).expect("read");
            bytes[68..72].copy_from_slice(&[1, 2, 3, 4]);
            fs::write(path, bytes).expect("written");
        }),
        ("a flipped byte in every page", |path| {
            let mut bytes = fs::read(path).expect("read");
            for at in (0..bytes.len()).step_by(4096).skip(4) {
                bytes[at + 2000] ^= 0x55;
            }
            fs::write(path, bytes).expect("written");
        }),
    ];
    for (name, damage) in damages {
        let world = World::new();
        world.shard("0.tar", "a", 2000);
        let whole = world.dump();
        let path = world.catalog_file();
        eprintln!("damage: {name}");
        damage(&path);
        assert_eq!(world.dump_through_damage(), whole, "{name}");
        let kept = fs::read_dir(world.catalogs())
            .expect("listed")
            .filter(|entry| entry.as_ref().expect("an entry").file_name().to_string_lossy().contains(".corrupt-"));
        assert!(kept.count() >= 1, "{name}: the damaged file is kept");
        assert_eq!(found(&world.columns(), "search ~ cotton").len(), 2000, "{name}");
    }
}

/// What it is called and what it does to the file.
type Damage = (&'static str, fn(&Path));

impl World {
    /// As [`dump`](Self::dump); damage that only a record shows is met by indexing again, as the sentence says.
    fn dump_through_damage(&self) -> String {
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.dump()));
        tried.unwrap_or_else(|_| {
            let warnings = self.index().datasets[0].warnings.clone();
            assert!(warnings.iter().any(|warning| warning.kind == WarningKind::CatalogRebuilt), "{warnings:?}");
            self.dump()
        })
    }
}

#[test]
fn a_newer_catalog_is_refused_with_a_sentence() {
    let world = World::new();
    world.shard("0.tar", "a", 5);
    world.index();
    let path = world.catalog_file();
    let mut bytes = fs::read(&path).expect("read");
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&path, &bytes).expect("written");
    let error = world.index_with(&IndexOptions::default()).expect_err("refused").to_string();
    assert!(
        error.contains("newer shopscope (catalog version 99") && error.ends_with(&*path.to_string_lossy()),
        "{error}"
    );
    assert_eq!(fs::read(&path).expect("read"), bytes, "it is not touched");
}

#[test]
fn a_folder_that_cannot_be_written_is_replaced_by_a_temporary_one() {
    // A file in the way keeps even root from making the folder.
    let world = World::new();
    let file = world.dir.path().join("file");
    fs::write(&file, "").expect("written");
    let (store, warnings) = Store::open(Some(file.join("catalogs"))).expect("a store");
    assert_eq!(warnings.iter().map(|warning| warning.kind).collect::<Vec<_>>(), [WarningKind::CatalogTemporary]);
    let dir = store.dir().to_owned();
    assert!(dir.is_dir());
    world.shard("0.tar", "a", 5);
    let options = IndexOptions::default();
    let report =
        index_sources(&store, &world.sources(), &options, &Progress::default(), &CancelToken::default(), &|_| {});
    assert_eq!(report.expect("an index").datasets[0].samples, 5);
    drop(store);
    assert!(!dir.exists(), "it goes with the program");
}

#[test]
fn views_and_recent_sources_are_kept() {
    let world = World::new();
    let store = world.store();
    store.save_view("b", "{\"x\":1}").expect("saved");
    store.save_view("a", "{}").expect("saved");
    store.save_view("b", "{\"x\":2}").expect("saved");
    assert_eq!(
        store.saved_views().expect("views"),
        [("a".to_owned(), "{}".to_owned()), ("b".to_owned(), "{\"x\":2}".to_owned())]
    );
    store.delete_view("a").expect("deleted");
    assert_eq!(store.saved_views().expect("views").len(), 1);
    store.remember(&[world.data()], "shop", 7).expect("remembered");
    let recent = store.recent().expect("recent");
    assert_eq!((recent.len(), recent[0].name.as_str(), recent[0].samples), (1, "shop", 7));
    assert_eq!(recent[0].paths, [world.data()]);
    store.forget(&[world.data()]).expect("forgotten");
    assert_eq!(store.recent().expect("recent"), []);
}

#[test]
fn rows_of_an_old_snapshot_are_never_mistaken() {
    let world = World::new();
    world.shard("0.tar", "a", 10);
    world.shard("1.tar", "b", 10);
    world.index();
    let (catalog, _) = Catalog::open(&world.store(), &world.sources()[0]).expect("a catalog");
    let old = catalog.snapshot().expect("columns");
    world.shard("0.tar", "c", 30);
    world.index();
    catalog.adopt(&old);
    assert_eq!(catalog.record(12).expect("an unchanged shard").key, "b-2");
    assert!(matches!(catalog.record(3), Err(CatalogError::Changed(_))));
    let cotton = SearchQuery::parse("cotton").expect("a query");
    let hits = catalog.search(&cotton).expect("hits");
    assert_eq!(hits.iter().collect::<Vec<_>>(), (10..20).collect::<Vec<_>>());
    for parts in 2..6 {
        assert_eq!(catalog.search_in_parts(&cotton, parts).expect("hits"), hits, "in {parts} parts");
    }
    catalog.refresh().expect("refreshed");
    assert_eq!(catalog.record(3).expect("a record").key, "c-3");
    assert_eq!(catalog.record(32).expect("a record").key, "b-2");
    for parts in 1..6 {
        assert_eq!(catalog.search_in_parts(&cotton, parts).expect("hits").len(), 40, "in {parts} parts");
    }
}

#[test]
fn two_at_once_end_with_one_catalog() {
    let world = World::new();
    for i in 0..4 {
        world.shard(&format!("{i}.tar"), &format!("k{i}"), 200);
    }
    let reports: Vec<IndexReport> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| world.index())).collect();
        runs.into_iter().map(|run| run.join().expect("no panic")).collect()
    });
    assert_eq!(reports.iter().map(|report| report.datasets[0].read).sum::<u64>(), 4, "each shard is read once");
    assert!(reports.iter().all(|report| report.datasets[0].samples == 800));
    assert_eq!(world.columns().len(), 800);
}

#[test]
fn flags_of_texts() {
    let world = World::new();
    let records = ["{\"caption\":\"x\"}", "{\"caption\":\" \",\"title\":\"y\"}", "{\"caption\":null}"];
    world.tar("0.tar", ["a.json", "b.json", "c.json"].map(str::to_owned).into_iter().zip(records.map(str::to_owned)));
    let columns = world.columns();
    assert_eq!(columns.flags, [flags::HAS_CAPTION, flags::HAS_TITLE, flags::NO_TEXT]);
    let expr = Expr::Flag(filter::Flag::NoText);
    assert_eq!(filter::eval(&expr, &columns, &filter::NoLookup).expect("a result").iter().collect::<Vec<_>>(), [2]);
}

/// A predictor over two classes.
fn predictor(key: &str) -> Predictor {
    Predictor {
        key: key.to_owned(),
        model: "00ff".to_owned(),
        name: "Two".to_owned(),
        classes: vec!["cat".to_owned(), "dog".to_owned()],
    }
}

/// Rows of the only dataset, predicted as dog where their number is odd.
fn guesses(rows: impl IntoIterator<Item = u32>) -> Vec<Prediction> {
    let guess = |row: u32| Prediction { row, label: 1, top: vec![(row % 2, 0.75), (1 - row % 2, 0.25)] };
    rows.into_iter().map(guess).collect()
}

#[test]
fn predictions_stand_beside_the_samples_until_their_shard_is_read_again() {
    let world = World::new();
    world.shard("00.tar", "a", 30);
    world.shard("01.tar", "b", 10);
    world.index();
    let catalog = Catalog::open_read(&world.catalog_file()).expect("a catalog");
    assert_eq!(catalog.predictors().expect("a list"), []);
    assert_eq!(catalog.predictions("k").expect("columns").predicted, [NONE; 40]);
    let (two, other) = (predictor("k"), predictor("another reading"));
    catalog.begin_predictions(&two, 1).expect("a predictor");
    catalog.begin_predictions(&other, 2).expect("a predictor");
    // A chunk over both shards, one in the middle, one with a sample that the model gave no numbers for.
    assert_eq!(catalog.store_predictions("k", &guesses(25..35)).expect("stored"), 10);
    assert_eq!(catalog.store_predictions("k", &guesses([3, 7, 11])).expect("stored"), 3);
    assert_eq!(catalog.store_predictions("k", &[Prediction { row: 0, label: NONE, top: vec![] }]).expect("stored"), 1);
    let known: Vec<u32> = catalog.predicted_rows("k").expect("rows").iter().collect();
    assert_eq!(known, [0, 3, 7, 11].into_iter().chain(25..35).collect::<Vec<_>>());
    assert!(catalog.predicted_rows("another reading").expect("rows").is_empty());
    assert_eq!(catalog.prediction("k", 7).expect("read"), guesses([7]).pop());
    assert_eq!(catalog.prediction("k", 33).expect("read"), guesses([33]).pop());
    assert_eq!(catalog.prediction("k", 8).expect("read"), None);
    assert_eq!(catalog.predictions_of("k", &[7, 8, 30].into_iter().collect()).expect("read"), guesses([7, 30]));
    let columns = world.columns();
    let open = || Population::open(&columns).expect("catalogs");
    assert_eq!(latest_predictor(open().catalogs()).expect("read").as_deref(), Some("another reading"));
    catalog.begin_predictions(&two, 3).expect("the same again");
    let latest = open().with_latest_predictions().expect("predictions");
    let find = |text: &str| -> Vec<u32> {
        filter::eval(&filter::parse(text).expect("a filter"), &columns, &latest).expect("a result").iter().collect()
    };
    assert_eq!(find("predicted = dog"), [3, 7, 11, 25, 27, 29, 31, 33]);
    assert_eq!(find("correct = no"), [26, 28, 30, 32, 34]);
    assert_eq!(find("confidence >= 0.75"), [3, 7, 11].into_iter().chain(25..35).collect::<Vec<_>>());
    assert_eq!(find("confidence > 0.75"), [0; 0]);
    assert_eq!(find("predicted is not null and words > 0").len(), 13);
    let [info, _] = &catalog.predictors().expect("a list")[..] else { panic!("two predictors") };
    assert_eq!((&info.predictor, info.samples), (&two, 14));

    // The first shard changes: its samples have no predictions, those of the other one keep theirs, also where their rows moved.
    world.shard("00.tar", "c", 20);
    let stale = catalog.store_predictions("k", &guesses([12])).expect("stored before");
    assert_eq!(stale, 1);
    world.index();
    assert_eq!(catalog.store_predictions("k", &guesses([13, 34])).expect("only what stands"), 1);
    let catalog = Catalog::open_read(&world.catalog_file()).expect("a catalog");
    let known: Vec<u32> = catalog.predicted_rows("k").expect("rows").iter().collect();
    assert_eq!(known, [20, 21, 22, 23, 24]);
    catalog.forget_predictions("k").expect("forgotten");
    assert!(catalog.predicted_rows("k").expect("rows").is_empty());
    assert_eq!(catalog.predictors().expect("a list").len(), 1);
}

#[test]
fn a_catalog_of_version_1_opens_and_has_no_predictions() {
    let world = World::new();
    world.shard("00.tar", "a", 30);
    world.index();
    let before = world.dump();
    let make_old = || {
        let connection = rusqlite::Connection::open(world.catalog_file()).expect("a database");
        let sql = "DROP TABLE predictors; DROP TABLE predictions; PRAGMA user_version = 1;";
        connection.execute_batch(sql).expect("the tables of version 1");
    };
    make_old();
    // A reader that knows only the path, then a writer.
    let catalog = Catalog::open_read(&world.catalog_file()).expect("an old catalog opens");
    assert_eq!(catalog.predictors().expect("a list"), []);
    catalog.begin_predictions(&predictor("k"), 1).expect("a predictor");
    assert_eq!(catalog.store_predictions("k", &guesses(0..3)).expect("stored"), 3);
    drop(catalog);
    assert_eq!(world.dump(), before);
    make_old();
    let report = world.index();
    assert_eq!((report.datasets[0].read, report.datasets[0].unchanged), (0, 1), "nothing is read again");
    assert_eq!(report.datasets[0].warnings, []);
    assert_eq!(world.dump(), before);
}

#[test]
fn damaged_predictions_are_noticed() {
    let world = World::new();
    world.shard("00.tar", "a", 30);
    world.index();
    let catalog = Catalog::open_read(&world.catalog_file()).expect("a catalog");
    catalog.begin_predictions(&predictor("k"), 1).expect("a predictor");
    catalog.store_predictions("k", &guesses(0..30)).expect("stored");
    let connection = rusqlite::Connection::open(world.catalog_file()).expect("a database");
    let data: Vec<u8> = connection.query_row("SELECT data FROM predictions", [], |row| row.get(0)).expect("a chunk");
    for at in (0..data.len()).step_by(101) {
        let mut bad = data.clone();
        bad[at] ^= 1;
        connection.execute("UPDATE predictions SET data = ?1", [bad]).expect("written");
        let error = catalog.predictions("k").expect_err("damage");
        assert!(error.to_string().contains("predictions is not as it was written"), "{error}");
    }
    connection.execute("UPDATE predictions SET data = ?1", [data]).expect("written");
    assert_eq!(catalog.predicted_rows("k").expect("whole again").len(), 30);
}
