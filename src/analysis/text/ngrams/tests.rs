//! Counts against the definition: a map of strings.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::tokens::tokens;
use super::*;

/// Counts of one order by the definition.
fn slow(captions: &[String], n: usize) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for caption in captions {
        for gram in tokens(caption).windows(n) {
            *counts.entry(gram.join(" ")).or_default() += 1;
        }
    }
    counts
}

fn slow_side(captions: &[String], other: &[String], n: usize, options: &Options) -> Side {
    let (counts, there) = (slow(captions, n), slow(other, n));
    let mut ranked: Vec<(&String, &u64)> = counts.iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let often = || counts.iter().filter(|(_, count)| **count >= options.min_count);
    let shared = || often().filter(|(gram, _)| there.contains_key(*gram));
    Side {
        total: counts.values().sum(),
        distinct: Some(counts.len() as u64),
        at_least_min: often().count() as u64,
        at_least_min_total: often().map(|(_, count)| count).sum(),
        shared: shared().count() as u64,
        shared_total: shared().map(|(_, count)| count).sum(),
        top: ranked.into_iter().take(options.top).map(|(gram, &count)| Gram { gram: gram.clone(), count }).collect(),
    }
}

fn check(a: &[String], b: &[String], counts: &Counts, options: &Options) {
    assert_eq!(counts.captions, [a.len() as u64, b.len() as u64]);
    for order in &counts.orders {
        for (side, (here, there)) in [(a, b), (b, a)].into_iter().enumerate() {
            let mut expect = slow_side(here, there, order.n, options);
            if order.sides[side].distinct.is_none() {
                expect.distinct = None;
            }
            assert_eq!(order.sides[side], expect, "n = {}, side {side}", order.n);
        }
        if options.table {
            let (in_a, in_b) = (slow(a, order.n), slow(b, order.n));
            let mut table: Vec<(String, u64, u64)> =
                order.table.iter().map(|gram| (counts.text(gram), gram.counts[0], gram.counts[1])).collect();
            table.sort();
            let mut expect: BTreeMap<&String, (u64, u64)> = BTreeMap::new();
            for (gram, count) in &in_a {
                expect.entry(gram).or_default().0 = *count;
            }
            for (gram, count) in &in_b {
                expect.entry(gram).or_default().1 = *count;
            }
            let expect: Vec<(String, u64, u64)> = expect
                .into_iter()
                .filter(|(_, (a, b))| a + b >= options.min_count)
                .map(|(gram, (a, b))| (gram.clone(), a, b))
                .collect();
            assert_eq!(table, expect, "table of n = {}", order.n);
        }
    }
}

/// Captions of a skewed vocabulary with words on both sides of eight bytes.
fn captions(n: usize, seed: u64) -> Vec<String> {
    let mut state = seed;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..n)
        .map(|_| {
            let words = random(14);
            (0..words)
                .map(|_| {
                    let bound = random(60) + 1;
                    let word = random(bound);
                    if word % 7 == 3 { format!("Extraordinarily-{word}") } else { format!("w{word}é") }
                })
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

fn run(a: &[String], b: Option<&[String]>, options: &Options, encoders: usize, spill: Option<usize>) -> Counts {
    let store = MemoryStore::default();
    let side = |captions: &[String]| {
        let mut partial = Partial::default();
        for part in captions.chunks(captions.len().div_ceil(encoders).max(1)) {
            let mut encoder = match spill {
                Some(budget) => Encoder::spilling(&store, budget).unwrap(),
                None => Encoder::in_memory(),
            };
            for caption in part {
                encoder.push(caption).unwrap();
            }
            partial.merge(Partial::from_runs(encoder.finish().unwrap()));
        }
        partial
    };
    count(side(a), b.map(side), options, &store, &CancelToken::default()).unwrap()
}

#[test]
fn counts_are_those_of_the_definition() {
    let a = captions(4000, 1);
    let options = Options { max_n: 5, table: true, top: 30, ..Options::default() };
    check(&a, &[], &run(&a, None, &options, 1, None), &options);
    check(&a, &[], &run(&a, None, &options, 3, None), &options);
}

#[test]
fn two_sides_at_once() {
    let (a, b) = (captions(2000, 1), captions(3000, 2));
    let options = Options { max_n: 4, table: true, min_count: 3, ..Options::default() };
    check(&a, &b, &run(&a, Some(&b), &options, 2, None), &options);
    check(&[], &b, &run(&[], Some(&b), &options, 2, None), &options);
}

#[test]
fn a_small_budget_gives_the_same_numbers() {
    let a = captions(9000, 3);
    let options = Options { max_n: 4, table: true, memory: 1, ..Options::default() };
    // So little that vocabularies end runs too.
    let counts = run(&a, None, &options, 2, Some(1 << 10));
    assert!(counts.orders[3].scans > 2, "several groups of buckets: {}", counts.orders[3].scans);
    check(&a, &[], &counts, &options);
}

#[test]
fn rare_words_are_left_out_only_where_that_changes_nothing() {
    // Fewer frequent trigrams than the long ranking asks for, none at all at the high threshold.
    let mut a = captions(3000, 4);
    a.extend((0..1500).map(|i| format!("rare{i} rare{} rare{} x y", i % 90, i * 7 % 500)));
    for (top, min_count) in [(3, 4), (100_000, 4), (3, 100_000)] {
        let options = Options { min_count, top, ..Options::default() };
        let store = MemoryStore::default();
        let partial = Partial::of(a.iter().map(String::as_str));
        let counts = count_small(partial, None, &options, &store, &CancelToken::default(), 0).unwrap();
        // Rare words were left out exactly where the ranking was long enough without them.
        assert_eq!(counts.orders[2].sides[0].distinct.is_none(), (top, min_count) == (3, 4));
        check(&a, &[], &counts, &options);
    }
}

#[test]
fn nothing_gives_nothing() {
    for a in [vec![], vec![String::new()], vec!["-".to_owned(), "x".to_owned()]] {
        let options = Options { max_n: 5, table: true, ..Options::default() };
        check(&a, &[], &run(&a, None, &options, 1, None), &options);
        check(&a, &[], &run(&a, None, &options, 1, Some(0)), &options);
    }
}

#[test]
fn cancelled_is_said() {
    let cancel = CancelToken::default();
    cancel.cancel();
    let store = MemoryStore::default();
    let found = count(Partial::of(["a b c"]), None, &Options::default(), &store, &cancel);
    assert!(matches!(found, Err(NgramError::Cancelled(_))));
    assert!(matches!(encode(&["a"], 1, &store, &cancel), Err(NgramError::Cancelled(_))));
}

#[test]
fn runs_survive_a_cache_and_damage_is_noticed() {
    let a = captions(500, 5);
    let partial = Partial::of(a.iter().map(String::as_str));
    let bytes = partial.runs[0].to_bytes().unwrap();
    let again = Partial::from_runs(vec![Run::from_bytes(&bytes).unwrap()]);
    let options = Options { table: true, ..Options::default() };
    check(&a, &[], &count(again, None, &options, &MemoryStore::default(), &CancelToken::default()).unwrap(), &options);
    for cut in 0..bytes.len() {
        assert!(Run::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        // Some flips give another valid run (a letter of a word); none may panic, here or in counting.
        if let Ok(run) = Run::from_bytes(&damaged) {
            let _ = count(
                Partial::from_runs(vec![run]),
                None,
                &Options::default(),
                &MemoryStore::default(),
                &CancelToken::default(),
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn merging_in_any_order_is_the_whole(a in prop::collection::vec("[ab1é'. -]{0,12}", 0..40), cut in 0..40_usize) {
        let options = Options { min_count: 2, top: 5, table: true, max_n: 3, ..Options::default() };
        let cut = cut.min(a.len());
        let (left, right) = a.split_at(cut);
        let part = |captions: &[String]| Partial::of(captions.iter().map(String::as_str));
        for (first, second) in [(left, right), (right, left)] {
            let mut partial = part(first);
            partial.merge(part(second));
            let counts = count(partial, None, &options, &MemoryStore::default(), &CancelToken::default()).unwrap();
            check(&a, &[], &counts, &options);
        }
    }
}
