//! The tables of the LGS paper (arXiv 2401.04575) with the figures of what is open, and the paper's own beside them.

use super::table::{Cell, Table, TableRow};
use crate::analysis::text::report::{DatasetStats, StatsReport};
use crate::analysis::text::tagger::Tag;

/// Table 2: words a caption.
const LENGTHS: [(&str, &str, &str); 5] = [
    ("min", "2", "5"),
    ("max", "3,642", "50"),
    ("mean", "89.58", "10.56"),
    ("median", "67", "10"),
    ("skew", "3.44", "2.76"),
];

/// Table 3: distinct words with 10 occurrences or more.
const PARTS: [(Tag, &str, &str, &str); 4] = [
    (Tag::Noun, "common nouns", "158,479", "10,403"),
    (Tag::Propn, "proper nouns", "139,174", "1,655"),
    (Tag::Adj, "adjectives", "48,907", "3,053"),
    (Tag::Verb, "verbs", "57,481", "4,961"),
];

/// Table Supp-1: distinct n-grams with 10 occurrences or more, and the five most frequent.
const GRAMS: [(&str, &str, &str); 3] = [
    ("words", "364,802", "17,009"),
    ("pairs of words", "4,054,418", "184,882"),
    ("three words in a row", "8,900,084", "462,653"),
];

const FREQUENT: [(&str, &str, &str); 3] = [
    ("words", "and, the, a, to, with", "a, of, on, the, i"),
    ("pairs of words", "with a, in the, of the, is a, for a", "on a, in a, a man, of a, with a"),
    (
        "three words in a row",
        "true to size, made to order, this is a, this item is, machine wash cold",
        "a group of, group of people, in front of, next to a, on top of",
    ),
];

/// Tables 2, 3 and Supp-1 of the paper.
pub fn tables(report: &StatsReport) -> Vec<Table> {
    let table = |title: &str, what: &str, rows: Vec<TableRow>| {
        let mut columns = vec![what.to_owned()];
        columns.extend(report.datasets.iter().map(|group| group.name.clone()));
        columns.extend(["LGS in the paper".to_owned(), "COCO in the paper".to_owned()]);
        Table { title: title.to_owned(), columns, rows }
    };
    let row = |name: &str, value: &dyn Fn(&DatasetStats) -> Cell, lgs: &str, coco: &str| {
        let mut cells = vec![Cell::Text(name.to_owned())];
        cells.extend(report.datasets.iter().map(value));
        cells.extend([lgs, coco].map(|figure| Cell::Paper(figure.to_owned())));
        TableRow { cells, pick: None }
    };
    let lengths = LENGTHS.iter().map(|(name, lgs, coco)| {
        let value = |group: &DatasetStats| {
            let words = &group.words;
            let count = |value: Option<u64>| value.map_or(Cell::None, Cell::Count);
            let number = |value: Option<f64>| value.map_or(Cell::None, Cell::Number);
            match *name {
                "min" => count(words.min),
                "max" => count(words.max),
                "mean" => number(words.mean),
                "median" => number(words.median),
                _ => number(words.skew),
            }
        };
        row(name, &value, lgs, coco)
    });
    let parts = PARTS.iter().map(|(tag, name, lgs, coco)| {
        let value = |group: &DatasetStats| {
            group.pos.iter().find(|pos| pos.tag == *tag).map_or(Cell::None, |pos| Cell::Count(pos.at_least_min))
        };
        row(name, &value, lgs, coco)
    });
    let order = |group: &DatasetStats, n: usize| group.ngrams.iter().find(|order| order.n == n).cloned();
    let grams = GRAMS.iter().zip(1..).map(|((name, lgs, coco), n)| {
        row(name, &|group| order(group, n).map_or(Cell::None, |order| Cell::Count(order.at_least_min)), lgs, coco)
    });
    let frequent = FREQUENT.iter().zip(1..).map(|((name, lgs, coco), n)| {
        let value = |group: &DatasetStats| {
            order(group, n).map_or(Cell::None, |order| {
                let top: Vec<&str> = order.top.iter().take(5).map(|gram| gram.gram.as_str()).collect();
                Cell::Text(top.join(", "))
            })
        };
        row(name, &value, lgs, coco)
    });
    let min = report.min_count;
    vec![
        table("Table 2: words a caption", "measure", lengths.collect()),
        table(&format!("Table 3: distinct words, {min} times or more"), "part of speech", parts.collect()),
        table(&format!("Table Supp-1: distinct n-grams, {min} times or more"), "n-grams", grams.collect()),
        table("Table Supp-1: the five most frequent", "n-grams", frequent.collect()),
    ]
}
