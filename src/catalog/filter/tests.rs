//! The language by example, and two laws: what is printed parses back, and the bitmaps are what a
//! sample-by-sample reading of the definitions gives.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::*;
use crate::catalog::Predictions;
use crate::catalog::columns::{Columns, DatasetColumns, RowColumns, key_hash};
use crate::catalog::taxonomy::NONE;
use crate::formats::Format;

#[track_caller]
fn check(text: &str, expect: Expr) {
    assert_eq!(parse(text), Ok(expect), "{text}");
}

#[track_caller]
fn check_error(text: &str, position: usize, expect: &str) {
    let error = parse(text).expect_err(text);
    assert!(error.message.contains(expect), "{text}: {error}");
    assert_eq!(error.position, Some(position), "{text}: {error}");
}

#[test]
fn filters_by_example() {
    let number = |field, cmp| Expr::Number(field, cmp);
    check("", Expr::All);
    check(r#"leaf = "Rings""#, Expr::leaf("Rings"));
    check("leaf = Rings", Expr::leaf("Rings"));
    check("LEAF='O\\'Neill'", Expr::leaf("O'Neill"));
    check("leaf != Rings", Expr::leaf("Rings").not());
    check(r#"brand in ("a", b)"#, Expr::Name(NameField::Brand, vec!["a".into(), "b".into()]));
    check("brand not in (a)", Expr::brand("a").not());
    check(r#"leaf ~ "ring""#, Expr::NameContains(NameField::Leaf, "ring".into()));
    check("brand is null", Expr::NameNull(NameField::Brand));
    check("brand is not null", Expr::NameNull(NameField::Brand).not());
    check(r#"taxonomy under "Clothing > Shirts""#, Expr::under(&["Clothing", "Shirts"]));
    check(r#"taxonomy under "Clothing>Shirts""#, Expr::under(&["Clothing", "Shirts"]));
    check(r#"taxonomy = "A > B""#, Expr::Taxonomy(vec![vec!["A".into(), "B".into()]]));
    check("words >= 20", number(NumberField::Words, Cmp::Ge(20.0)));
    check("width<300", number(NumberField::Width, Cmp::Lt(300.0)));
    check(
        "width between 1 and 2 and tiny",
        Expr::And(vec![number(NumberField::Width, Cmp::Between(1.0, 2.0)), Expr::Flag(Flag::Tiny)]),
    );
    check("aspect != 1.5", number(NumberField::Aspect, Cmp::Eq(1.5)).not());
    check("predicted = dress", Expr::predicted("dress"));
    check("predicted != dress", Expr::predicted("dress").not());
    check("class = dress", Expr::class("dress"));
    check("predicted is null", Expr::NameNull(NameField::Predicted));
    check("confidence >= 0.5", number(NumberField::Confidence, Cmp::Ge(0.5)));
    check("confidence is null", Expr::NumberNull(NumberField::Confidence));
    check("correct = yes", Expr::Correct(true));
    check("correct = NO", Expr::Correct(false));
    check("correct != no", Expr::Correct(false).not());
    check("correct is null", Expr::CorrectNull);
    check("correct is not null", Expr::CorrectNull.not());
    check("tag = x", Expr::Tag(vec!["x".into()]));
    check("key = 00/a.b", Expr::Key(vec!["00/a.b".into()]));
    check("has image", Expr::Flag(Flag::HasImage));
    check("no image", Expr::Flag(Flag::HasImage).not());
    check("no text", Expr::Flag(Flag::NoText));
    check("title is null", Expr::Flag(Flag::HasTitle).not());
    check("title is not null", Expr::Flag(Flag::HasTitle));
    check(r#"title ~ "red shirt""#, Expr::Search(Some(TextColumn::Title), "red shirt".into()));
    check("search ~ red", Expr::Search(None, "red".into()));
    check(
        "not tiny or words = 1 and (truncated or unreadable)",
        Expr::Or(vec![
            Expr::Flag(Flag::Tiny).not(),
            Expr::And(vec![
                number(NumberField::Words, Cmp::Eq(1.0)),
                Expr::Or(vec![Expr::Flag(Flag::Truncated), Expr::Flag(Flag::Unreadable)]),
            ]),
        ]),
    );
}

#[test]
fn mistakes_say_where_and_what() {
    check_error("leaf", 4, "expected =, !=, ~, in or is after leaf");
    check_error("leaf =", 6, "expected a value");
    check_error("leaf = a b", 9, "expected and, or, or the end");
    check_error("leaf = \"a", 7, "the quotation mark is not closed");
    check_error("colour = red", 0, "\"colour\" is not a field or flag");
    check_error("words >= many", 9, "expected a number");
    check_error("words >= inf", 9, "expected a number");
    check_error("(tiny", 5, "expected )");
    check_error("tiny)", 4, "there is no ( that this ) closes");
    check_error("brand is nothing", 9, "expected null");
    check_error("\"Rings\"", 0, "expected a field before \"Rings\"");
    check_error("title ~ \"(red\"", 8, "the ( is not closed");
    check_error("samples = x", 0, "cannot be written as text");
    check_error(&"(".repeat(10_000), 100, "nested too deeply");
    check_error(&"not ".repeat(10_000), 404, "nested too deeply");
    check_error("correct", 7, "expected = or is after correct");
    check_error("correct = maybe", 10, "expected yes or no");
    check_error("correct > yes", 8, "expected = or is after correct");
    check_error("leaf in (a", 10, "expected , or )");
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z]{1,6}",
        // Anything but control characters, which nobody types into a filter.
        proptest::collection::vec(any::<char>().prop_filter("printable", |c| !c.is_control()), 1..6)
            .prop_map(|chars| chars.into_iter().collect()),
        Just("a > b".to_owned()),
        Just("\\ \"and\" > ".to_owned()),
        Just(" x ".to_owned()),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![(0_u32..2000).prop_map(f64::from), (0_i32..40).prop_map(|n| f64::from(n) / 8.0)]
}

fn leaf_expr() -> impl Strategy<Value = Expr> {
    let names = || proptest::collection::vec(name(), 1..4);
    let field = || proptest::sample::select(&NameField::ALL[..]);
    let numbers = || proptest::sample::select(&NumberField::ALL[..]);
    let cmp = prop_oneof![
        number().prop_map(Cmp::Lt),
        number().prop_map(Cmp::Le),
        number().prop_map(Cmp::Eq),
        number().prop_map(Cmp::Ge),
        number().prop_map(Cmp::Gt),
        (number(), number()).prop_map(|(a, b)| Cmp::Between(a, b)),
    ];
    let column = proptest::option::of(proptest::sample::select(vec![
        TextColumn::Title,
        TextColumn::Caption,
        TextColumn::Description,
        TextColumn::Bullets,
        TextColumn::Key,
        TextColumn::Taxonomy,
    ]));
    prop_oneof![
        Just(Expr::All),
        (field(), names()).prop_map(|(field, names)| Expr::Name(field, names)),
        (field(), name()).prop_map(|(field, name)| Expr::NameContains(field, name)),
        field().prop_map(Expr::NameNull),
        names().prop_map(Expr::Under),
        proptest::collection::vec(names(), 1..3).prop_map(Expr::Taxonomy),
        Just(Expr::TaxonomyNull),
        (numbers(), cmp).prop_map(|(field, cmp)| Expr::Number(field, cmp)),
        numbers().prop_map(Expr::NumberNull),
        names().prop_map(Expr::Tag),
        Just(Expr::TagNull),
        any::<bool>().prop_map(Expr::Correct),
        Just(Expr::CorrectNull),
        proptest::sample::select(&Flag::ALL[..]).prop_map(Expr::Flag),
        names().prop_map(Expr::Key),
        (column, "[a-z]{1,5}( [a-z]{1,5}\\*?)?").prop_map(|(column, text)| Expr::Search(column, text)),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    leaf_expr().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|expr| Expr::Not(Box::new(expr))),
        ]
    })
}

/// A sample as the naive reading sees it.
#[derive(Clone, Debug, Default)]
struct Sample {
    dataset: usize,
    key: String,
    leaf: Option<String>,
    brand: Option<String>,
    split: Option<String>,
    taxonomy: Vec<String>,
    words: u16,
    width: u32,
    height: u32,
    bytes: u32,
    flags: u16,
    tags: Vec<String>,
    /// Class and probability.
    predicted: Option<(u32, f32)>,
    label: Option<u32>,
}

/// The class without a name is called by its number.
const CLASSES: [&str; 3] = ["a", "ab", "A"];

/// Few values each, so that filters hit.
fn small_name() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a", "b", "A", "a > b", "ab"]).prop_map(str::to_owned)
}

fn sample() -> impl Strategy<Value = Sample> {
    (
        (0..2_usize, "[ab]{1,2}", proptest::option::of(small_name()), proptest::option::of(small_name())),
        (proptest::option::of(small_name()), proptest::collection::vec(small_name(), 0..4), 0..30_u16, 0..5_u32),
        (0..5_u32, 0..3_u32, 0..1_u16 << flags::COUNT, proptest::collection::vec(small_name(), 0..2)),
        (
            proptest::option::of((0..4_u32, proptest::sample::select(vec![0.25_f32, 0.5, 0.9]))),
            proptest::option::of(0..4_u32),
        ),
    )
        .prop_map(
            |(
                (dataset, key, leaf, brand),
                (split, taxonomy, words, width),
                (height, bytes, flags, tags),
                (predicted, label),
            )| Sample {
                dataset,
                key,
                leaf,
                brand,
                split,
                taxonomy,
                words,
                width,
                height,
                bytes,
                flags,
                tags,
                predicted,
                label,
            },
        )
}

/// Filters over the small names.
fn small_expr() -> impl Strategy<Value = Expr> {
    let names = || proptest::collection::vec(small_name(), 1..3);
    let field = || proptest::sample::select(&NameField::ALL[..]);
    let numbers = || proptest::sample::select(&NumberField::ALL[..]);
    let value = || prop_oneof![(0..30_u32).prop_map(f64::from), Just(0.5), Just(0.9), Just(1.5)];
    let cmp = prop_oneof![
        value().prop_map(Cmp::Lt),
        value().prop_map(Cmp::Le),
        value().prop_map(Cmp::Eq),
        value().prop_map(Cmp::Ge),
        value().prop_map(Cmp::Gt),
        (value(), value()).prop_map(|(a, b)| Cmp::Between(a, b)),
    ];
    let leaf = prop_oneof![
        (field(), names()).prop_map(|(field, names)| Expr::Name(field, names)),
        (field(), small_name()).prop_map(|(field, name)| Expr::NameContains(field, name)),
        field().prop_map(Expr::NameNull),
        proptest::collection::vec(small_name(), 0..3).prop_map(Expr::Under),
        proptest::collection::vec(names(), 1..3).prop_map(Expr::Taxonomy),
        Just(Expr::TaxonomyNull),
        (numbers(), cmp).prop_map(|(field, cmp)| Expr::Number(field, cmp)),
        numbers().prop_map(Expr::NumberNull),
        names().prop_map(Expr::Tag),
        Just(Expr::TagNull),
        any::<bool>().prop_map(Expr::Correct),
        Just(Expr::CorrectNull),
        proptest::sample::select(&Flag::ALL[..]).prop_map(Expr::Flag),
        proptest::collection::vec("[ab]{1,2}", 1..3).prop_map(Expr::Key),
        proptest::collection::vec(0..60_u32, 0..9)
            .prop_map(|ids| Expr::Samples(ids.into_iter().collect(), "lasso".into())),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Expr::And),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Expr::Or),
            inner.prop_map(|expr| Expr::Not(Box::new(expr))),
        ]
    })
}

const DATASETS: [&str; 2] = ["a", "ab"];

/// The definitions, sample by sample.
fn matches(expr: &Expr, id: u32, sample: &Sample) -> bool {
    let name = |field: NameField| match field {
        NameField::Leaf => sample.leaf.as_deref(),
        NameField::Brand => sample.brand.as_deref(),
        NameField::Split => sample.split.as_deref(),
        NameField::Dataset => Some(DATASETS[sample.dataset]),
        NameField::Predicted => {
            sample.predicted.map(|(class, _)| CLASSES.get(class as usize).copied().unwrap_or("class 3"))
        }
        NameField::Class => sample.label.map(|class| CLASSES.get(class as usize).copied().unwrap_or("class 3")),
    };
    let number = |field: NumberField| {
        let (w, h) = (f64::from(sample.width), f64::from(sample.height));
        match field {
            NumberField::Words => Some(f64::from(sample.words)),
            NumberField::Width => (w > 0.0).then_some(w),
            NumberField::Height => (h > 0.0).then_some(h),
            NumberField::Side => (w.max(h) > 0.0).then_some(w.max(h)),
            NumberField::Pixels => (w * h > 0.0).then_some(w * h),
            NumberField::Aspect => (w * h > 0.0).then(|| w / h),
            NumberField::Bytes => (sample.flags & flags::HAS_IMAGE != 0).then(|| f64::from(sample.bytes)),
            // The decimal of the filter and the stored f32 are one number where they print alike.
            NumberField::Confidence => {
                sample.predicted.map(|(_, confidence)| confidence.to_string().parse().expect("a number"))
            }
        }
    };
    match expr {
        Expr::All => true,
        Expr::And(list) => list.iter().all(|inner| matches(inner, id, sample)),
        Expr::Or(list) => list.iter().any(|inner| matches(inner, id, sample)),
        Expr::Not(inner) => !matches(inner, id, sample),
        Expr::Name(field, names) => name(*field).is_some_and(|name| names.iter().any(|n| n == name)),
        Expr::NameContains(field, text) => {
            name(*field).is_some_and(|name| name.to_lowercase().contains(&text.to_lowercase()))
        }
        Expr::NameNull(field) => name(*field).is_none(),
        Expr::Under(path) => !sample.taxonomy.is_empty() && sample.taxonomy.starts_with(path),
        Expr::Taxonomy(paths) => paths.contains(&sample.taxonomy),
        Expr::TaxonomyNull => sample.taxonomy.is_empty(),
        Expr::Number(field, cmp) => number(*field).is_some_and(|value| cmp.test(value)),
        Expr::NumberNull(field) => number(*field).is_none(),
        Expr::Tag(tags) => tags.iter().any(|tag| sample.tags.contains(tag)),
        Expr::TagNull => sample.tags.is_empty(),
        Expr::Correct(yes) => {
            sample.predicted.zip(sample.label).is_some_and(|((class, _), label)| (class == label) == *yes)
        }
        Expr::CorrectNull => sample.predicted.is_none() || sample.label.is_none(),
        Expr::Flag(flag) => sample.flags & flag.bit() != 0,
        Expr::Key(keys) => keys.contains(&sample.key),
        Expr::Samples(samples, _) => samples.contains(id),
        Expr::Search(..) => unreachable!("not made here"),
    }
}

/// The id of a name; a new name gets the next one.
fn id(name: Option<&String>, names: &mut Vec<Arc<str>>) -> u32 {
    let Some(name) = name else { return NONE };
    let known = names.iter().position(|known| **known == **name);
    known.unwrap_or_else(|| {
        names.push(Arc::from(name.as_str()));
        names.len() - 1
    }) as u32
}

/// Lays samples out as columns; they are sorted by dataset first.
fn columns(samples: &[Sample]) -> Columns {
    let parts = (0..DATASETS.len()).map(|dataset| {
        let (mut rows, mut nodes) = (RowColumns::default(), Vec::<(u32, Arc<str>)>::new());
        let (mut leaves, mut brands, mut splits) = (Vec::new(), Vec::new(), Vec::new());
        for sample in samples.iter().filter(|sample| sample.dataset == dataset) {
            rows.leaf.push(id(sample.leaf.as_ref(), &mut leaves));
            rows.brand.push(id(sample.brand.as_ref(), &mut brands));
            rows.split.push(u16::try_from(id(sample.split.as_ref(), &mut splits)).unwrap_or(u16::MAX));
            let mut node = NONE;
            for name in &sample.taxonomy {
                let known = nodes.iter().position(|(parent, known)| *parent == node && **known == **name);
                node = known.unwrap_or_else(|| {
                    nodes.push((node, Arc::from(name.as_str())));
                    nodes.len() - 1
                }) as u32;
            }
            rows.node.push(node);
            rows.words.push(sample.words);
            rows.width.push(sample.width);
            rows.height.push(sample.height);
            rows.image_length.push(sample.bytes);
            rows.image_offset.push(0);
            rows.key_hash.push(key_hash(&sample.key));
            rows.flags.push(sample.flags);
        }
        Arc::new(DatasetColumns {
            catalog: PathBuf::from(DATASETS[dataset]),
            name: DATASETS[dataset].to_owned(),
            root: PathBuf::from(DATASETS[dataset]),
            format: Format::Jsonl,
            shards: Arc::new([]),
            rows,
            leaves,
            brands,
            splits,
            nodes,
            warnings: 0,
        })
    });
    Columns::concat(&parts.collect::<Vec<_>>())
}

struct Answers {
    tags: BTreeMap<String, RoaringBitmap>,
    predictions: Predictions,
}

impl Lookup for Answers {
    fn search(&self, _: &SearchQuery) -> Result<RoaringBitmap, FilterError> {
        unreachable!("not made here")
    }

    fn tag(&self, name: &str) -> Result<RoaringBitmap, FilterError> {
        Ok(self.tags.get(name).cloned().unwrap_or_default())
    }

    fn tagged(&self) -> Result<RoaringBitmap, FilterError> {
        Ok(self.tags.values().fold(RoaringBitmap::new(), |all, set| all | set))
    }

    fn predictions(&self) -> Result<&Predictions, FilterError> {
        Ok(&self.predictions)
    }
}

fn predictions(samples: &[Sample]) -> Predictions {
    let mut found = Predictions::default();
    found.predictor.classes = CLASSES.map(str::to_owned).to_vec();
    for sample in samples {
        found.columns.predicted.push(sample.predicted.map_or(NONE, |(class, _)| class));
        found.columns.confidence.push(sample.predicted.map_or(f32::NAN, |(_, confidence)| confidence));
        found.columns.label.push(sample.label.unwrap_or(NONE));
        found.columns.rank.push(u8::MAX);
    }
    found
}

#[test]
fn predictions_are_asked_for_and_must_fit() {
    let columns = columns(&[]);
    for (text, asks) in [
        ("predicted = a", true),
        ("not (words > 1 or confidence < 1)", true),
        ("correct is null", true),
        ("leaf = predicted and words > 1", false),
    ] {
        let expr = parse(text).expect("a filter");
        assert_eq!(expr.asks_predictions(), asks, "{text}");
        let found = eval(&expr, &columns, &NoLookup);
        assert_eq!(found.is_err(), asks, "{text}: {found:?}");
    }
    let sample = Sample { dataset: 0, key: "a".into(), predicted: Some((1, 0.5)), ..Sample::default() };
    let two = Answers { tags: BTreeMap::new(), predictions: predictions(&[sample.clone(), sample]) };
    let error = eval(&Expr::Correct(true), &columns, &two).expect_err("two predictions over no sample");
    assert!(error.message.contains("another state"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_parses_back(expr in expr()) {
        let text = expr.to_string();
        prop_assert_eq!(parse(&text), Ok(expr), "{}", text);
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in ".{0,60}", words in proptest::collection::vec(
        proptest::sample::select(vec!["(", ")", "not", "and", "or", "leaf", "=", "\"", "words", "<", "1", "NOT", "AND", "title:", "*", "in", "é"]), 0..12)) {
        let _ = parse(&text);
        let _ = SearchQuery::parse(&text);
        let _ = parse(&words.join(" "));
        let _ = SearchQuery::parse(&words.join(" "));
        let _ = SearchQuery::parse(&words.concat());
    }

    #[test]
    fn bitmaps_are_what_the_definitions_say(
        mut samples in proptest::collection::vec(sample(), 0..60),
        expr in small_expr(),
    ) {
        samples.sort_by_key(|sample| sample.dataset);
        let columns = columns(&samples);
        let mut tags = BTreeMap::<String, RoaringBitmap>::new();
        for (id, sample) in (0..).zip(&samples) {
            for tag in &sample.tags {
                tags.entry(tag.clone()).or_default().insert(id);
            }
        }
        let answers = Answers { tags, predictions: predictions(&samples) };
        let found: Vec<u32> = eval(&expr, &columns, &answers).expect("it evaluates").iter().collect();
        let expect: Vec<u32> =
            (0..).zip(&samples).filter(|(id, sample)| matches(&expr, *id, sample)).map(|(id, _)| id).collect();
        prop_assert_eq!(&found, &expect, "{}", expr);
    }
}
