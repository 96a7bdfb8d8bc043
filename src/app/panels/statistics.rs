//! The pages of the statistics lens as charts and tables, made of a report and of how it is looked at.
//!
//! A report has one group of samples or two. With two, charts draw shares (the groups differ in size), tables have both counts
//! and the lift, and what marks the first group most comes first; with one, charts draw counts and the most frequent comes first.

pub mod chart;
mod leaves;
mod paper;
pub mod svg;
pub mod table;
pub mod treemap;

use std::collections::HashMap;

use self::chart::{Axis, Bar, Chart, Marks};
use self::leaves::leaves;
pub use self::leaves::levels;
use self::table::{Cell, Pick, Table, TableRow};
use super::text::count;
use crate::analysis::text::report::{DatasetStats, LiftFigures, StatsReport, TextField};
use crate::app::chips::Facet;
use crate::app::statistics::{Beside, Counted, RANKING, StatisticsView, Tab};
use crate::catalog::TextColumn;
use crate::catalog::filter::{Cmp, Expr, NumberField};

/// Bars of a ranking that are drawn at most; a low window shows fewer.
pub const RANKED: usize = 20;

/// What a page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// A few figures in one line a group.
    pub facts: Option<Table>,
    /// The chart.
    pub chart: Option<Chart>,
    /// The tables.
    pub tables: Vec<Table>,
}

/// The page a view asks for.
#[must_use]
pub fn page(counted: &Counted, view: &StatisticsView) -> Page {
    let report = &*counted.report;
    match view.tab {
        Tab::Words => words(counted, view),
        Tab::PartsOfSpeech => parts_of_speech(report, view),
        Tab::Ngrams => ngrams(report, view),
        Tab::Leaves => leaves(counted, view),
        Tab::Vocabulary => vocabulary(report, view),
        // Made of predictions, not of this report: `panels::predictions`.
        Tab::Predictions => Page::default(),
        Tab::Paper => Page { tables: paper::tables(report), ..Page::default() },
    }
}

fn names(report: &StatsReport) -> Vec<String> {
    report.datasets.iter().map(|group| group.name.clone()).collect()
}

fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}

/// A selection beside the whole is compared with the rest of it; the column of the whole says how often something is in the
/// whole all the same.
fn of_whole(report: &StatsReport, figures: LiftFigures) -> LiftFigures {
    let is_part = match (&report.lift, report.datasets.get(1)) {
        (Some(lift), Some(second)) => lift.b != second.name,
        _ => false,
    };
    LiftFigures { count_b: figures.count_b + if is_part { figures.count_a } else { 0 }, ..figures }
}

/// What a click on a word or an n-gram filters to: the phrase in the text that was counted.
fn phrase(report: &StatsReport, gram: &str) -> Option<Pick> {
    let column = match report.text {
        TextField::Caption => Some(TextColumn::Caption),
        TextField::Title => Some(TextColumn::Title),
        TextField::Description => Some(TextColumn::Description),
        TextField::Bullets => Some(TextColumn::Bullets),
        TextField::TitleDescription => None,
    };
    let is_searchable = gram.chars().any(char::is_alphanumeric) && !gram.contains('"');
    is_searchable.then(|| Pick { facet: Facet::Search, expr: Expr::Search(column, format!("\"{gram}\"")) })
}

/// Something that was counted in each group.
#[derive(Default)]
struct Item {
    counts: [Option<u64>; 2],
    lift: Option<LiftFigures>,
}

/// Counts of both groups side by side, in the order of the page: by lift where there is one, else by count.
fn merged<'a>(
    tops: &[Vec<(&'a str, u64)>],
    lifts: impl Iterator<Item = (&'a str, LiftFigures)>,
) -> Vec<(&'a str, Item)> {
    let mut items: HashMap<&str, Item> = HashMap::new();
    for (group, top) in tops.iter().enumerate().take(2) {
        for &(name, count) in top {
            items.entry(name).or_default().counts[group] = Some(count);
        }
    }
    for (name, lift) in lifts {
        let item = items.entry(name).or_default();
        item.counts = [Some(lift.count_a), Some(lift.count_b)];
        item.lift = Some(lift);
    }
    for (group, top) in tops.iter().enumerate().take(2) {
        // A ranking that is not full has everything: what is not in it does not occur.
        if top.len() < RANKING {
            for item in items.values_mut() {
                item.counts[group] = item.counts[group].or(Some(0));
            }
        }
    }
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort_by(|(a_name, a), (b_name, b)| {
        let z = |item: &Item| item.lift.map_or(f64::NEG_INFINITY, |lift| lift.z);
        z(b).total_cmp(&z(a)).then_with(|| b.counts.cmp(&a.counts)).then_with(|| a_name.cmp(b_name))
    });
    items
}

/// A table of things by count, share and lift.
fn counts_table<'a>(
    title: String,
    what: &str,
    groups: &[String],
    totals: &[u64],
    tops: &[Vec<(&'a str, u64)>],
    lifts: impl Iterator<Item = (&'a str, LiftFigures)>,
    pick: impl Fn(&str) -> Option<Pick>,
) -> Table {
    let mut columns = vec![what.to_owned()];
    let items = merged(tops, lifts);
    let has_lift = items.iter().any(|(_, item)| item.lift.is_some());
    if let [_] = groups {
        columns.extend(["count".to_owned(), "share".to_owned()]);
    } else {
        for name in groups {
            columns.extend([name.clone(), format!("{name}, share")]);
        }
        if has_lift {
            columns.push("lift".to_owned());
        }
    }
    let rows = items
        .into_iter()
        .map(|(name, item)| {
            let mut cells = vec![Cell::Text(name.to_owned())];
            for (group, &total) in totals.iter().enumerate().take(2) {
                match item.counts[group] {
                    Some(count) => cells.extend([Cell::Count(count), Cell::Share(share(count, total))]),
                    None => cells.extend([Cell::None, Cell::None]),
                }
            }
            if has_lift {
                cells.push(item.lift.map_or(Cell::None, |lift| Cell::Lift { log_odds: lift.log_odds, z: lift.z }));
            }
            TableRow { cells, pick: pick(name) }
        })
        .collect();
    Table { title, columns, rows }
}

/// The most frequent things as bars: those of both groups together, by their larger share.
#[expect(clippy::too_many_arguments, reason = "what tells one ranking from another")]
fn ranked<'a>(
    title: String,
    what: &str,
    view: &StatisticsView,
    groups: &[String],
    totals: &[u64],
    tops: &[Vec<(&'a str, u64)>],
    lifts: impl Iterator<Item = (&'a str, LiftFigures)>,
    pick: impl Fn(&str) -> Option<Pick>,
) -> Chart {
    let beside = groups.len() > 1;
    let value = |count: Option<u64>, group: usize| {
        let count = count.unwrap_or(0);
        if beside { share(count, totals[group]) } else { count as f64 }
    };
    let mut bars: Vec<Bar> = merged(tops, lifts)
        .into_iter()
        .map(|(name, item)| Bar {
            label: name.to_owned(),
            span: [0.0, 0.0],
            values: (0..groups.len().min(2)).map(|group| value(item.counts[group], group)).collect(),
            pick: pick(name),
        })
        .collect();
    let most = |bar: &Bar| bar.values.iter().copied().fold(0.0, f64::max);
    bars.sort_by(|a, b| most(b).total_cmp(&most(a)).then_with(|| a.label.cmp(&b.label)));
    bars.truncate(RANKED);
    Chart {
        title,
        x: Axis {
            label: if beside { format!("share of {what}") } else { "occurrences".to_owned() },
            log: view.log()[0],
            share: beside,
        },
        y: Axis::new(""),
        series: groups.to_vec(),
        nested: false,
        marks: Marks::Ranked(bars),
    }
}

fn words(counted: &Counted, view: &StatisticsView) -> Page {
    let report = &*counted.report;
    let groups = names(report);
    let beside = groups.len() > 1;
    let [log_x, log_y] = view.log();
    let mut bins: Vec<(u64, u64)> =
        report.datasets.iter().flat_map(|group| &group.words.histogram).map(|bin| (bin.from, bin.to)).collect();
    bins.sort_unstable();
    bins.dedup();
    let bars = bins
        .into_iter()
        .map(|(from, to)| {
            // A bin holds whole numbers: it reaches from half below its first to half above its last.
            let span = [from as f64 - 0.5, to as f64 + 0.5].map(|edge: f64| if log_x { edge.max(0.25) } else { edge });
            let values = report.datasets.iter().map(|group| {
                let bin = group.words.histogram.iter().find(|bin| bin.from == from);
                let captions = bin.map_or(0, |bin| bin.captions);
                let value = if beside { share(captions, group.captions) } else { captions as f64 };
                // On a linear axis the area is what counts: bins differ in width.
                if log_x { value } else { value / (to - from + 1) as f64 }
            });
            let label =
                if from == to { plural_words(from) } else { format!("{} – {} words", count(from), count(to)) };
            let expr = Expr::Number(NumberField::Words, Cmp::Between(from as f64, to as f64));
            // Only captions have their length in the filter.
            let pick = (report.text == TextField::Caption).then_some(Pick { facet: Facet::Words, expr });
            Bar { label, span, values: values.collect(), pick }
        })
        .collect();
    let per = if log_x { "" } else { " a word of length" };
    let chart = Chart {
        title: format!("Words of a {}", report.text.name()),
        x: Axis { log: log_x, ..Axis::new(format!("words of a {}", report.text.name())) },
        y: Axis {
            label: format!("{}{per}", if beside { "share of captions" } else { "captions" }),
            log: log_y,
            share: beside,
        },
        series: groups.clone(),
        nested: counted.beside == Beside::Whole,
        marks: Marks::Columns(bars),
    };
    let columns = ["", "captions", "min", "max", "mean", "median", "std", "skew", "words"].map(str::to_owned).into();
    let number = |value: Option<f64>| value.map_or(Cell::None, Cell::Number);
    let rows = report
        .datasets
        .iter()
        .map(|group| {
            let words = &group.words;
            let whole = |value: Option<u64>| value.map_or(Cell::None, Cell::Count);
            let cells = vec![
                Cell::Text(group.name.clone()),
                Cell::Count(group.captions),
                whole(words.min),
                whole(words.max),
                number(words.mean),
                number(words.median),
                number(words.std),
                number(words.skew),
                Cell::Count(words.total),
            ];
            TableRow { cells, pick: None }
        })
        .collect();
    let facts = Table { title: "Length of captions".to_owned(), columns, rows };
    Page { facts: Some(facts), chart: Some(chart), tables: vec![gram_table(report, 1)] }
}

fn plural_words(n: u64) -> String {
    if n == 1 { "1 word".to_owned() } else { format!("{} words", count(n)) }
}

fn order(group: &DatasetStats, n: usize) -> (u64, Vec<(&str, u64)>) {
    group.ngrams.iter().find(|order| order.n == n).map_or((0, Vec::new()), |order| {
        (order.total, order.top.iter().map(|gram| (gram.gram.as_str(), gram.count)).collect())
    })
}

fn gram_lifts(report: &StatsReport, n: usize) -> impl Iterator<Item = (&str, LiftFigures)> {
    let lifts = report.lift.as_ref().map_or(&[][..], |lift| match n {
        1 => &lift.words[..],
        2 => &lift.bigrams[..],
        _ => &[],
    });
    lifts.iter().map(|lift| (lift.gram.as_str(), of_whole(report, lift.figures)))
}

fn order_name(n: usize) -> String {
    match n {
        1 => "Words".to_owned(),
        2 => "Pairs of words".to_owned(),
        3 => "Three words in a row".to_owned(),
        n => format!("{n} words in a row"),
    }
}

fn gram_table(report: &StatsReport, n: usize) -> Table {
    let (totals, tops): (Vec<_>, Vec<_>) = report.datasets.iter().map(|group| order(group, n)).unzip();
    let what = if n == 1 { "word" } else { "n-gram" };
    let pick = |gram: &str| phrase(report, gram);
    counts_table(order_name(n), what, &names(report), &totals, &tops, gram_lifts(report, n), pick)
}

fn ngrams(report: &StatsReport, view: &StatisticsView) -> Page {
    let n = view.order;
    let (totals, tops): (Vec<_>, Vec<_>) = report.datasets.iter().map(|group| order(group, n)).unzip();
    let title = format!("{}, the most frequent", order_name(n));
    let pick = |gram: &str| phrase(report, gram);
    let chart = ranked(title, "all", view, &names(report), &totals, &tops, gram_lifts(report, n), pick);
    let mut columns = vec![String::new(), "in all".to_owned()];
    // Distinct ones are counted for single words only.
    let has_distinct =
        report.datasets.iter().flat_map(|group| &group.ngrams).any(|order| order.n == n && order.distinct.is_some());
    if has_distinct {
        columns.push("distinct".to_owned());
    }
    columns.push(format!("distinct, {}+ times", report.min_count));
    let rows = report.datasets.iter().filter_map(|group| {
        let order = group.ngrams.iter().find(|order| order.n == n)?;
        let mut cells = vec![Cell::Text(group.name.clone()), Cell::Count(order.total)];
        if has_distinct {
            cells.push(order.distinct.map_or(Cell::None, Cell::Count));
        }
        cells.push(Cell::Count(order.at_least_min));
        Some(TableRow { cells, pick: None })
    });
    let facts = Table { title: order_name(n), columns, rows: rows.collect() };
    Page { facts: Some(facts), chart: Some(chart), tables: vec![gram_table(report, n)] }
}

fn parts_of_speech(report: &StatsReport, view: &StatisticsView) -> Page {
    let of = |group: &'_ DatasetStats| group.pos.iter().position(|pos| pos.tag == view.tag);
    let groups = names(report);
    let mut totals = Vec::new();
    let mut tops: Vec<Vec<(&str, u64)>> = Vec::new();
    let mut rows = Vec::new();
    for group in &report.datasets {
        let Some(pos) = of(group).map(|i| &group.pos[i]) else {
            totals.push(0);
            tops.push(Vec::new());
            continue;
        };
        totals.push(pos.tokens);
        tops.push(pos.top.iter().map(|word| (word.word.as_str(), word.count)).collect());
        let cells = vec![
            Cell::Text(group.name.clone()),
            Cell::Count(pos.tokens),
            Cell::Share(pos.share),
            Cell::Count(pos.distinct),
            Cell::Count(pos.at_least_min),
        ];
        rows.push(TableRow { cells, pick: None });
    }
    let what = tag_name(view.tag);
    let columns = ["", "occurrences", "share of words", "distinct"].map(str::to_owned);
    let columns = columns.into_iter().chain([format!("distinct, {}+ times", report.min_count)]).collect();
    let facts = Table { title: what.to_owned(), columns, rows };
    let pick = |word: &str| phrase(report, word);
    let chart =
        ranked(format!("{what}, the most frequent"), "these", view, &groups, &totals, &tops, std::iter::empty(), pick);
    let table = counts_table(what.to_owned(), "word", &groups, &totals, &tops, std::iter::empty(), pick);
    Page { facts: Some(facts), chart: Some(chart), tables: vec![table] }
}

/// A part of speech in words.
#[must_use]
pub const fn tag_name(tag: crate::analysis::text::tagger::Tag) -> &'static str {
    use crate::analysis::text::tagger::Tag;
    match tag {
        Tag::Adj => "Adjectives",
        Tag::Adp => "Adpositions",
        Tag::Adv => "Adverbs",
        Tag::Aux => "Auxiliaries",
        Tag::Cconj => "Coordinating conjunctions",
        Tag::Det => "Determiners",
        Tag::Intj => "Interjections",
        Tag::Noun => "Nouns",
        Tag::Num => "Numerals",
        Tag::Part => "Particles",
        Tag::Pron => "Pronouns",
        Tag::Propn => "Proper nouns",
        Tag::Punct => "Punctuation",
        Tag::Sconj => "Subordinating conjunctions",
        Tag::Sym => "Symbols",
        Tag::Verb => "Verbs",
        Tag::X => "Other",
    }
}

fn vocabulary(report: &StatsReport, view: &StatisticsView) -> Page {
    let [log_x, log_y] = view.log();
    let groups = names(report);
    let lines = report.datasets.iter().map(|group| {
        let shape = &group.vocabulary;
        if view.growth {
            shape.heaps.iter().map(|point| [point.tokens as f64, point.distinct]).collect()
        } else {
            shape.zipf.iter().map(|point| [point.rank as f64, point.count as f64]).collect()
        }
    });
    let (title, x, y) = if view.growth {
        ("Growth of the vocabulary", "words", "distinct words")
    } else {
        ("Frequency by rank", "rank", "occurrences")
    };
    let chart = Chart {
        title: title.to_owned(),
        x: Axis { log: log_x, ..Axis::new(x) },
        y: Axis { log: log_y, ..Axis::new(y) },
        series: groups.clone(),
        nested: false,
        marks: Marks::Lines(lines.collect()),
    };
    let mut rows: Vec<TableRow> = Vec::new();
    let mut line = |name: String, value: &dyn Fn(&DatasetStats) -> Cell| {
        let cells = std::iter::once(Cell::Text(name)).chain(report.datasets.iter().map(value)).collect();
        rows.push(TableRow { cells, pick: None });
    };
    let number = |value: Option<f64>| value.map_or(Cell::None, Cell::Number);
    let first = |group: &DatasetStats| group.ngrams.iter().find(|order| order.n == 1).cloned();
    line("captions".to_owned(), &|group| Cell::Count(group.captions));
    line("words in all".to_owned(), &|group| first(group).map_or(Cell::None, |words| Cell::Count(words.total)));
    line("distinct words".to_owned(), &|group| {
        first(group).and_then(|words| words.distinct).map_or(Cell::None, Cell::Count)
    });
    line("distinct words to words".to_owned(), &|group| {
        let ratio = first(group).and_then(|words| Some(share(words.distinct?, words.total)));
        ratio.map_or(Cell::None, Cell::Share)
    });
    line("exponent of Zipf's law".to_owned(), &|group| number(group.vocabulary.zipf_law.map(|law| law.exponent)));
    line("exponent of Heaps' law".to_owned(), &|group| number(group.vocabulary.heaps_law.map(|law| law.exponent)));
    if groups.len() > 1 {
        let orders = report.datasets.iter().flat_map(|group| &group.ngrams).map(|order| order.n).max().unwrap_or(0);
        for n in 1..=orders {
            let of = |group: &DatasetStats| group.ngrams.iter().find(|order| order.n == n).cloned();
            let what = if n == 1 { "words".to_owned() } else { format!("{n}-grams") };
            line(format!("{what} ({}+ times) that the other side has too", report.min_count), &|group| {
                of(group).and_then(|order| order.shared).map_or(Cell::None, Cell::Share)
            });
            line(format!("the same, by occurrences of {what}"), &|group| {
                of(group).and_then(|order| order.shared_tokens).map_or(Cell::None, Cell::Share)
            });
        }
    }
    let columns = std::iter::once("measure".to_owned()).chain(groups).collect();
    let table = Table { title: "Vocabulary".to_owned(), columns, rows };
    Page { facts: None, chart: Some(chart), tables: vec![table] }
}

#[cfg(test)]
mod tests;
