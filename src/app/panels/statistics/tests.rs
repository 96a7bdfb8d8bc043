//! Pages of small reports, made by hand.

use std::sync::Arc;

use super::*;
use crate::analysis::text::leaves::LeafCount;
use crate::analysis::text::ngrams::Gram;
use crate::analysis::text::report::{GramLift, LeafHistogram, LengthStats, LiftStats, NgramStats};
use crate::analysis::text::words::LengthBin;
use crate::app::statistics::{Beside, LeafView, StatisticsView};

fn group(name: &str, words: &[(&str, u64)], bins: &[(u64, u64, u64)], leaves: &[(&str, u64)]) -> DatasetStats {
    let top = words.iter().map(|&(gram, count)| Gram { gram: gram.to_owned(), count }).collect();
    let total = words.iter().map(|(_, count)| count).sum();
    let histogram = bins.iter().map(|&(from, to, captions)| LengthBin { from, to, captions }).collect();
    let labelled = leaves.iter().map(|(_, count)| count).sum();
    let count = |&(leaf, count): &(&str, u64)| LeafCount { leaf: leaf.to_owned(), count, share: 0.0, cumulative: 0.0 };
    DatasetStats {
        name: name.to_owned(),
        samples: labelled,
        captions: bins.iter().map(|bin| bin.2).sum(),
        words: LengthStats { histogram, ..LengthStats::default() },
        ngrams: vec![NgramStats { n: 1, total, top, ..NgramStats::default() }],
        leaves: LeafHistogram {
            distinct: leaves.len() as u64,
            labelled,
            none: 0,
            top: leaves.iter().map(count).collect(),
        },
        ..DatasetStats::default()
    }
}

fn counted(datasets: Vec<DatasetStats>, lift: Option<LiftStats>) -> Counted {
    let report = StatsReport { datasets, lift, min_count: 10, ..StatsReport::default() };
    Counted { report: Arc::new(report), facets: Vec::new(), population: Arc::default(), beside: Beside::Whole }
}

fn two() -> Counted {
    let figures = LiftFigures { count_a: 3, count_b: 4, rate_a: 0.3, rate_b: 0.04, log_odds: 1.5, z: 2.0 };
    let words = vec![GramLift { gram: "wool".to_owned(), figures }];
    counted(
        vec![
            group("selection", &[("the", 7), ("wool", 3)], &[(0, 0, 1), (2, 3, 1)], &[("Scarves", 2)]),
            group("shop", &[("the", 90), ("a", 6)], &[(0, 0, 2), (2, 3, 4), (4, 7, 2)], &[("Mugs", 6), ("Scarves", 2)]),
        ],
        Some(LiftStats { words, b: "the rest of shop".to_owned(), ..LiftStats::default() }),
    )
}

fn lines(table: &Table) -> Vec<String> {
    table.tsv(&table.view("", None)).lines().map(str::to_owned).collect()
}

#[test]
fn one_group_is_counted_and_two_are_compared() {
    let view = StatisticsView::default();
    let one = counted(vec![group("shop", &[("the", 90), ("a", 10)], &[(1, 1, 4)], &[])], None);
    assert_eq!(lines(&page(&one, &view).tables[0]), ["word\tcount\tshare", "the\t90\t0.9", "a\t10\t0.1"]);
    // What marks the selection comes first; what a short ranking of a side has not, is not there.
    assert_eq!(
        lines(&page(&two(), &view).tables[0]),
        [
            "word\tselection\tselection, share\tshop\tshop, share\tlift",
            // 4 in the rest and 3 in the selection are 7 in the whole.
            "wool\t3\t0.3\t7\t0.07291666666666667\t1.5",
            "the\t7\t0.7\t90\t0.9375\t",
            "a\t0\t0\t6\t0.0625\t",
        ]
    );
}

#[test]
fn lengths_of_both_groups_share_their_bins() {
    let mut view = StatisticsView::default();
    let chart = page(&two(), &view).chart.unwrap();
    let values: Vec<_> = chart.bars().iter().map(|bar| (bar.label.as_str(), bar.values.clone())).collect();
    assert_eq!(
        values,
        [("0 words", vec![0.5, 0.25]), ("2 – 3 words", vec![0.5, 0.5]), ("4 – 7 words", vec![0.0, 0.25])]
    );
    assert!(chart.bars()[0].span[0] > 0.0, "captions without a word have a place on a logarithmic axis");
    assert_eq!(chart.blocks().len(), 5);
    let expr = Expr::Number(NumberField::Words, Cmp::Between(2.0, 3.0));
    assert_eq!(chart.bars()[1].pick, Some(Pick { facet: Facet::Words, expr }));
    // On a linear axis the area is what counts.
    view.log[Tab::Words as usize][0] = false;
    assert_eq!(page(&two(), &view).chart.unwrap().bars()[2].values, [0.0, 0.0625]);
}

#[test]
fn a_word_is_looked_for_in_the_text_that_was_counted() {
    let check = |text, gram: &str, expect: Option<Expr>| {
        let report = StatsReport { text, ..StatsReport::default() };
        assert_eq!(phrase(&report, gram).map(|pick| pick.expr), expect, "{gram}");
    };
    check(TextField::Caption, "t-shirt", Some(Expr::Search(Some(TextColumn::Caption), "\"t-shirt\"".to_owned())));
    check(TextField::TitleDescription, "a b", Some(Expr::Search(None, "\"a b\"".to_owned())));
    check(TextField::Caption, ",", None);
    check(TextField::Caption, "\"x", None);
}

#[test]
fn leaves_stand_in_the_order_of_the_whole_or_of_a() {
    let mut view = StatisticsView { tab: Tab::Leaves, ..StatisticsView::default() };
    let first = |beside| page(&Counted { beside, ..two() }, &view).tables[0].rows[0].cells[0].plain();
    assert_eq!(first(Beside::Whole), "Mugs");
    assert_eq!(first(Beside::Datasets(0, 1)), "Scarves");
    view.leaf_view = LeafView::Treemap;
    let chart = page(&two(), &view).chart.unwrap();
    let [mugs, scarves] = chart.tiles(4.0, 2.0)[..] else { panic!("a tile a leaf") };
    assert!((mugs[2] * mugs[3] - 3.0 * scarves[2] * scarves[3]).abs() < 1e-9, "areas are those of the whole");
}

#[test]
fn nothing_counted_has_pages_too() {
    let empty = counted(vec![DatasetStats::default()], None);
    for tab in Tab::ALL {
        let page = page(&empty, &StatisticsView::default().on(tab));
        assert!(page.chart.as_ref().is_none_or(Chart::is_empty), "{tab:?}");
        if let Some(chart) = page.chart {
            let [[left, right], [bottom, top]] = chart.bounds();
            assert!(left < right && bottom < top, "{tab:?} can be drawn");
        }
    }
}
