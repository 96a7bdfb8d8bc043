//! Leaves, levels and brands: how often each is, and what marks one side.

use std::collections::HashMap;

use super::chart::{Axis, Bar, Chart, Marks};
use super::table::{Cell, Pick, Table, TableRow};
use super::{Page, merged, names, of_whole, share};
use crate::analysis::text::report::{LiftFigures, StatsReport};
use crate::app::chips::Facet;
use crate::app::statistics::{Beside, Counted, LeafView, StatisticsView};
use crate::catalog::filter::{Expr, NameField};

/// Labels of the groups at the level that is looked at: name, path or nothing, count in each group.
struct Label {
    name: String,
    expr: Expr,
    facet: Facet,
    counts: Vec<u64>,
    /// Steps down from the roots, for the tree.
    depth: u16,
}

/// Nodes of the taxonomy at a level; with `above`, those on the way to them too, in the order of the tree.
fn nodes(counted: &Counted, level: u16, above: bool) -> Vec<Label> {
    let tree = &counted.population.columns.taxonomy;
    let mut path: Vec<String> = Vec::new();
    let mut labels = Vec::new();
    // Nodes stand in pre-order: the path to one is what is left of the path to the one before.
    for (i, node) in tree.nodes.iter().enumerate() {
        path.truncate(usize::from(node.depth));
        path.push(node.name.to_string());
        let is_here = node.depth == level || (node.depth < level && (above || node.children.is_empty()));
        if !is_here {
            continue;
        }
        let counts: Vec<u64> =
            counted.facets.iter().map(|facets| facets.nodes.get(i).copied().unwrap_or(0).into()).collect();
        if counts.iter().any(|&count| count > 0) {
            let expr = Expr::Under(path.clone());
            let name = if above { node.name.to_string() } else { path.join(" > ") };
            labels.push(Label { name, expr, facet: Facet::Taxonomy, counts, depth: node.depth });
        }
    }
    labels
}

/// Levels of the taxonomy; 0 where there is none.
#[must_use]
pub fn levels(counted: &Counted) -> u16 {
    counted.population.columns.taxonomy.nodes.iter().map(|node| node.depth + 1).max().unwrap_or(0)
}

pub(super) fn leaves(counted: &Counted, view: &StatisticsView) -> Page {
    let report = &*counted.report;
    let groups = names(report);
    let beside = groups.len() > 1;
    let totals: Vec<u64> = report.datasets.iter().map(|group| group.leaves.labelled).collect();
    let what = if view.level.is_some() { "node" } else { "leaf" };
    let level = view.level.map(|level| level.min(levels(counted).saturating_sub(1)));
    let tree = view.leaf_view == LeafView::Tree;
    let (mut labels, lifts): (Vec<Label>, Vec<(&str, LiftFigures)>) = match (level, tree) {
        (None, false) => {
            let lifts = report.lift.iter().flat_map(|lift| &lift.leaves);
            let lifts: Vec<_> = lifts.map(|lift| (lift.leaf.as_str(), of_whole(report, lift.figures))).collect();
            let tops = tops(report);
            let labels = merged(&tops, lifts.iter().copied())
                .into_iter()
                .map(|(name, item)| Label {
                    name: name.to_owned(),
                    expr: Expr::Name(NameField::Leaf, vec![name.to_owned()]),
                    facet: Facet::Leaf,
                    counts: (0..groups.len().min(2)).map(|group| item.counts[group].unwrap_or(0)).collect(),
                    depth: 0,
                })
                .collect();
            (labels, lifts)
        }
        (level, tree) => (nodes(counted, level.unwrap_or(u16::MAX), tree), Vec::new()),
    };
    if !tree {
        // By the whole, or by A: bars do not jump while the selection changes.
        let by = usize::from(beside && counted.beside == Beside::Whole);
        labels.sort_by(|a, b| b.counts.get(by).cmp(&a.counts.get(by)).then_with(|| a.name.cmp(&b.name)));
    }
    let [log_x, log_y] = view.log();
    let value = |label: &Label, group: usize| {
        let count = label.counts[group];
        if beside { share(count, totals[group]) } else { count as f64 }
    };
    let bars: Vec<Bar> = labels
        .iter()
        .enumerate()
        .map(|(rank, label)| Bar {
            label: label.name.clone(),
            span: [rank as f64 + 0.5, rank as f64 + 1.5],
            values: (0..label.counts.len()).map(|group| value(label, group)).collect(),
            pick: Some(Pick { facet: label.facet, expr: label.expr.clone() }),
        })
        .collect();
    let title = match level {
        None => "Leaves by frequency".to_owned(),
        Some(level) => format!("Level {level} of the taxonomy by frequency"),
    };
    let chart = (!tree).then(|| Chart {
        title,
        x: Axis { log: log_x, ..Axis::new("rank") },
        y: Axis { label: if beside { "share of samples" } else { "samples" }.to_owned(), log: log_y, share: beside },
        series: groups.clone(),
        nested: counted.beside == Beside::Whole,
        marks: if view.leaf_view == LeafView::Treemap { Marks::Tiles(bars) } else { Marks::Columns(bars) },
    });
    let columns = ["", "samples", "labelled", "without", "distinct leaves"].map(str::to_owned).into();
    let rows = report.datasets.iter().map(|group| {
        let leaves = &group.leaves;
        let counts = [group.samples, leaves.labelled, leaves.none, leaves.distinct].map(Cell::Count);
        TableRow { cells: std::iter::once(Cell::Text(group.name.clone())).chain(counts).collect(), pick: None }
    });
    let facts = Table { title: "Leaves".to_owned(), columns, rows: rows.collect() };
    let table = leaf_table(&groups, &totals, &labels, &lifts, what, tree);
    Page { facts: Some(facts), chart, tables: vec![table] }
}

pub(super) fn tops(report: &StatsReport) -> Vec<Vec<(&str, u64)>> {
    report
        .datasets
        .iter()
        .map(|group| group.leaves.top.iter().map(|leaf| (leaf.leaf.as_str(), leaf.count)).collect())
        .collect()
}

fn leaf_table(
    groups: &[String],
    totals: &[u64],
    labels: &[Label],
    lifts: &[(&str, LiftFigures)],
    what: &str,
    tree: bool,
) -> Table {
    let beside = groups.len() > 1;
    let lift_of: HashMap<&str, LiftFigures> = lifts.iter().copied().collect();
    let mut columns = vec![what.to_owned()];
    if beside {
        for name in groups {
            columns.extend([name.clone(), format!("{name}, share")]);
        }
    } else {
        columns.extend(["samples".to_owned(), "share".to_owned()]);
        if !tree {
            columns.push("cumulative".to_owned());
        }
    }
    if !lift_of.is_empty() {
        columns.push("lift".to_owned());
    }
    let mut sum = 0;
    let rows = labels
        .iter()
        .map(|label| {
            // A tree is read by its indents; they are part of the text so that a copy has them too.
            let indent = if tree { "    ".repeat(usize::from(label.depth)) } else { String::new() };
            let mut cells = vec![Cell::Text(format!("{indent}{}", label.name))];
            for (&count, &total) in label.counts.iter().zip(totals) {
                cells.extend([Cell::Count(count), Cell::Share(share(count, total))]);
            }
            sum += label.counts[0];
            if !beside && !tree {
                cells.push(Cell::Share(share(sum, totals[0])));
            }
            if !lift_of.is_empty() {
                let lift = lift_of.get(label.name.as_str());
                cells.push(lift.map_or(Cell::None, |lift| Cell::Lift { log_odds: lift.log_odds, z: lift.z }));
            }
            TableRow { cells, pick: Some(Pick { facet: label.facet, expr: label.expr.clone() }) }
        })
        .collect();
    Table { title: if tree { "Taxonomy" } else { "Leaves" }.to_owned(), columns, rows }
}
