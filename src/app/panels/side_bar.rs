//! The rows of the filter side bar.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::analysis::facets::Facets;
use crate::app::chips::{Facet, active_paths, alternatives};
use crate::app::state::State;
use crate::catalog::filter::{Expr, Flag, NameField};
use crate::catalog::{Taxonomy, TaxonomyNode};
use crate::jobs::{Population, QueryResult};

/// One value of a facet, with its counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is called.
    pub label: String,
    /// Steps to the right.
    pub depth: u16,
    /// Samples under the active filters.
    pub count: u32,
    /// Samples in all.
    pub whole: u32,
    /// Share of the largest row of the list, `0.0..=1.0`: the bar behind it.
    pub share: f32,
    /// It is part of the active filter.
    pub active: bool,
    /// It has rows below it, and they are shown (`Some(true)`) or not.
    pub open: Option<bool>,
    /// The condition a click sets.
    pub expr: Expr,
    /// The path in the taxonomy, for opening and closing.
    pub path: Vec<String>,
}

/// A tree node opens by itself if it holds at least this share of what is above it: one sees at once where
/// the mass is, and a WordNet chain (entity > physical entity > object ..) is not clicked through.
const OPENS_BY_ITSELF: f64 = 0.6;

/// Predicted classes listed before "more".
const CLASSES_SHOWN: usize = 12;

/// Brands listed before "more": the field above the list finds the others.
const BRANDS_SHOWN: usize = 40;

/// All rows, made when what they show changes and not in every frame: a population may have a million brands.
#[derive(Debug, Default)]
pub struct SideBar {
    made_from: Option<MadeFrom>,
    /// The datasets.
    pub datasets: Vec<Row>,
    /// The visible rows of the tree.
    pub taxonomy: Vec<Row>,
    /// The most frequent brands, and how many more there are.
    pub brands: (Vec<Row>, usize),
    /// The tags.
    pub tags: Vec<Row>,
    /// The classes that the active model predicts most, and how many more there are.
    pub predicted: (Vec<Row>, usize),
    /// Right and wrong predictions.
    pub correct: Vec<Row>,
    /// The quality flags.
    pub quality: Vec<Row>,
}

/// What rows depend on. Chips are told by the number of the query that every change of them asks.
#[derive(Debug)]
struct MadeFrom {
    generation: u64,
    result: Arc<QueryResult>,
    population: Arc<Population>,
    whole: Arc<Facets>,
    texts: [String; 3],
    expanded: BTreeMap<Vec<String>, bool>,
}

impl SideBar {
    /// Makes the rows anew if something they show changed.
    pub fn refresh(&mut self, state: &State) {
        let fresh = self.made_from.as_ref().is_some_and(|from| {
            from.generation == state.generation
                && Arc::ptr_eq(&from.result, &state.result)
                && Arc::ptr_eq(&from.population, &state.population)
                && Arc::ptr_eq(&from.whole, &state.whole)
                && from.texts == [&*state.taxonomy_text, &*state.brand_text, &*state.predicted_text]
                && from.expanded == state.expanded
        });
        if fresh {
            return;
        }
        *self = Self {
            made_from: Some(MadeFrom {
                generation: state.generation,
                result: Arc::clone(&state.result),
                population: Arc::clone(&state.population),
                whole: Arc::clone(&state.whole),
                texts: [state.taxonomy_text.clone(), state.brand_text.clone(), state.predicted_text.clone()],
                expanded: state.expanded.clone(),
            }),
            datasets: datasets(state),
            taxonomy: taxonomy(state),
            brands: brands(state, BRANDS_SHOWN),
            tags: tags(state),
            predicted: predicted(state, CLASSES_SHOWN),
            correct: correct(state),
            quality: quality(state),
        };
    }
}

/// The datasets.
#[must_use]
pub fn datasets(state: &State) -> Vec<Row> {
    let active = alternatives(&state.chips, Facet::Dataset);
    let most = state.whole.datasets.iter().copied().max().unwrap_or(0);
    state
        .population
        .columns
        .datasets
        .iter()
        .enumerate()
        .map(|(i, info)| {
            let expr = Expr::dataset(&*info.name);
            let whole = state.whole.datasets.get(i).copied().unwrap_or(0);
            Row {
                label: info.name.clone(),
                depth: 0,
                count: state.result.facets.datasets.get(i).copied().unwrap_or(0),
                whole,
                share: share(whole, most),
                active: active.contains(&&expr),
                open: None,
                expr,
                path: Vec::new(),
            }
        })
        .collect()
}

fn share(n: u32, most: u32) -> f32 {
    if most == 0 { 0.0 } else { n as f32 / most as f32 }
}

/// The visible rows of the taxonomy tree: open nodes with their children, largest first. A text keeps
/// the nodes whose name contains it, with the way down to them.
#[must_use]
pub fn taxonomy(state: &State) -> Vec<Row> {
    let tree = &state.population.columns.taxonomy;
    let needle = state.taxonomy_text.trim().to_lowercase();
    let keep = (!needle.is_empty()).then(|| {
        let mut keep = vec![false; tree.nodes.len()];
        for (i, node) in tree.nodes.iter().enumerate() {
            if node.name.to_lowercase().contains(&needle) {
                let mut up = i as u32;
                while let Some(node) = tree.nodes.get(up as usize)
                    && !keep[up as usize]
                {
                    keep[up as usize] = true;
                    up = node.parent;
                }
            }
        }
        keep
    });
    let walk = Walk {
        state,
        tree,
        keep,
        active: active_paths(&state.chips),
        most: tree.roots.iter().map(|&root| tree.nodes[root as usize].total).max().unwrap_or(0),
    };
    let mut rows = Vec::new();
    walk.children(&tree.roots, &mut Vec::new(), &mut rows);
    rows
}

struct Walk<'a> {
    state: &'a State,
    tree: &'a Taxonomy,
    keep: Option<Vec<bool>>,
    active: std::collections::BTreeSet<Vec<String>>,
    most: u32,
}

impl Walk<'_> {
    fn children(&self, children: &[u32], path: &mut Vec<String>, rows: &mut Vec<Row>) {
        let mut order: Vec<u32> = children
            .iter()
            .copied()
            .filter(|&child| self.keep.as_ref().is_none_or(|keep| keep[child as usize]))
            .collect();
        // By the whole count, so that rows do not jump while filters change.
        order.sort_by(|&a, &b| {
            let (a, b) = (&self.tree.nodes[a as usize], &self.tree.nodes[b as usize]);
            b.total.cmp(&a.total).then_with(|| a.name.cmp(&b.name))
        });
        for child in order {
            let node = &self.tree.nodes[child as usize];
            path.push(node.name.to_string());
            let open = (!node.children.is_empty()).then(|| self.is_open(node, path));
            rows.push(Row {
                label: node.name.to_string(),
                depth: node.depth,
                count: self.state.result.facets.nodes.get(child as usize).copied().unwrap_or(0),
                whole: node.total,
                share: share(node.total, self.most),
                active: self.active.contains(path),
                open,
                expr: Expr::Under(path.clone()),
                path: path.clone(),
            });
            if open == Some(true) {
                self.children(&node.children, path, rows);
            }
            path.pop();
        }
    }

    fn is_open(&self, node: &TaxonomyNode, path: &[String]) -> bool {
        if self.keep.is_some() {
            return true;
        }
        self.state.expanded.get(path).copied().unwrap_or_else(|| {
            let above =
                self.tree.nodes.get(node.parent as usize).map_or(self.state.len() as f64, |up| f64::from(up.total));
            f64::from(node.total) >= OPENS_BY_ITSELF * above && node.children.len() <= 40
        })
    }
}

/// The brands, most frequent first, at most `limit`; and how many more there are.
#[must_use]
pub fn brands(state: &State, limit: usize) -> (Vec<Row>, usize) {
    let names = &state.population.columns.brands;
    let needle = state.brand_text.trim().to_lowercase();
    let active: Vec<_> = alternatives(&state.chips, Facet::Brand).into_iter().cloned().collect();
    let is_active = |name: &str| {
        active.iter().any(|expr| matches!(expr, Expr::Name(NameField::Brand, names) if names.iter().any(|n| n == name)))
    };
    let mut order: Vec<usize> =
        (0..names.len()).filter(|&i| needle.is_empty() || names[i].to_lowercase().contains(&needle)).collect();
    let whole = |i: usize| state.whole.brands.get(i).copied().unwrap_or(0);
    let total = order.len();
    let by_count = |&a: &usize, &b: &usize| {
        is_active(&names[b])
            .cmp(&is_active(&names[a]))
            .then_with(|| whole(b).cmp(&whole(a)))
            .then_with(|| names[a].cmp(&names[b]))
    };
    if total > limit && limit > 0 {
        order.select_nth_unstable_by(limit - 1, by_count);
        order.truncate(limit);
    }
    order.sort_by(by_count);
    let most = order.iter().map(|&i| whole(i)).max().unwrap_or(0);
    let rows = order
        .iter()
        .map(|&i| Row {
            label: names[i].to_string(),
            depth: 0,
            count: state.result.facets.brands.get(i).copied().unwrap_or(0),
            whole: whole(i),
            share: share(whole(i), most),
            active: is_active(&names[i]),
            open: None,
            expr: Expr::brand(&*names[i]),
            path: Vec::new(),
        })
        .collect();
    (rows, total.saturating_sub(limit))
}

/// The tags.
#[must_use]
pub fn tags(state: &State) -> Vec<Row> {
    let active = alternatives(&state.chips, Facet::Tag);
    let most = state.population.tags.iter().map(|(_, samples)| samples.len()).max().unwrap_or(0) as u32;
    state
        .population
        .tags
        .iter()
        .map(|(tag, samples)| {
            let expr = Expr::Tag(vec![tag.clone()]);
            Row {
                label: tag.clone(),
                depth: 0,
                count: samples.intersection_len(&state.result.matching) as u32,
                whole: samples.len() as u32,
                share: share(samples.len() as u32, most),
                active: active.contains(&&expr),
                open: None,
                expr,
                path: Vec::new(),
            }
        })
        .collect()
}

/// The predicted classes, most frequent first, at most `limit`; and how many more there are.
#[must_use]
pub fn predicted(state: &State, limit: usize) -> (Vec<Row>, usize) {
    let (Some(active), Some(whole)) = (&state.population.predictions, &state.whole_predictions) else {
        return (Vec::new(), 0);
    };
    let chips = alternatives(&state.chips, Facet::Predicted);
    let needle = state.predicted_text.trim().to_lowercase();
    let mut rows: Vec<Row> = (0..)
        .zip(&whole.facets.classes)
        .filter(|(_, n)| **n > 0)
        .map(|(class, &n)| (class, n, active.class_name(class)))
        .filter(|(_, _, name)| needle.is_empty() || name.to_lowercase().contains(&needle))
        .map(|(class, n, name)| {
            let expr = Expr::predicted(name.clone());
            let counted = state.result.predictions.as_ref().and_then(|of| of.facets.classes.get(class as usize));
            Row {
                label: name,
                depth: 0,
                count: counted.copied().unwrap_or(0),
                whole: n,
                share: 0.0,
                active: chips.contains(&&expr),
                open: None,
                expr,
                path: Vec::new(),
            }
        })
        .collect();
    let total = rows.len();
    rows.sort_by(|a, b| {
        b.active.cmp(&a.active).then_with(|| b.whole.cmp(&a.whole)).then_with(|| a.label.cmp(&b.label))
    });
    rows.truncate(limit);
    let most = rows.iter().map(|row| row.whole).max().unwrap_or(0);
    for row in &mut rows {
        row.share = share(row.whole, most);
    }
    (rows, total.saturating_sub(limit))
}

/// Predictions that agree with the sample's own class, and those that do not; nothing where no sample has one.
#[must_use]
pub fn correct(state: &State) -> Vec<Row> {
    let Some(whole) = &state.whole_predictions else { return Vec::new() };
    let chips = alternatives(&state.chips, Facet::Correct);
    let total = whole.facets.correct.iter().sum::<u32>();
    let row = |(at, label): (usize, &str)| {
        let expr = Expr::Correct(at == 0);
        Row {
            label: label.to_owned(),
            depth: 0,
            count: state.result.predictions.as_ref().map_or(0, |of| of.facets.correct[at]),
            whole: whole.facets.correct[at],
            share: share(whole.facets.correct[at], total),
            active: chips.contains(&&expr),
            open: None,
            expr,
            path: Vec::new(),
        }
    };
    if total == 0 { Vec::new() } else { [(0, "own class"), (1, "another class")].map(row).into() }
}

/// Quality flags that at least one sample has, in words that say what is wrong.
#[must_use]
pub fn quality(state: &State) -> Vec<Row> {
    let active = alternatives(&state.chips, Facet::Flag);
    let total = state.len() as u32;
    let matching = state.result.matching.len() as u32;
    let mut rows = Vec::new();
    let mut row = |label: &str, expr: Expr, count: u32, whole: u32| {
        if whole > 0 {
            let active = active.contains(&&expr);
            rows.push(Row {
                label: label.to_owned(),
                depth: 0,
                count,
                whole,
                share: share(whole, total),
                active,
                open: None,
                expr,
                path: Vec::new(),
            });
        }
    };
    let counts = |flag: Flag| {
        let i = Flag::ALL.iter().position(|&other| other == flag).unwrap_or(0);
        let of = |facets: &crate::analysis::facets::Facets| facets.flags.get(i).copied().unwrap_or(0);
        (of(&state.result.facets), of(&state.whole))
    };
    for (flag, label) in [
        (Flag::Unreadable, "picture is damaged"),
        (Flag::Truncated, "picture is cut short"),
        (Flag::TooLarge, "picture is too large"),
        (Flag::Tiny, "picture is tiny"),
        (Flag::ExtremeAspect, "very wide or tall"),
        (Flag::DuplicateKey, "key appears twice"),
        (Flag::NoText, "no text at all"),
    ] {
        let (count, whole) = counts(flag);
        row(label, Expr::Flag(flag), count, whole);
    }
    for (flag, label) in
        [(Flag::HasImage, "no picture"), (Flag::HasCaption, "no caption"), (Flag::HasDescription, "no description")]
    {
        let (count, whole) = counts(flag);
        row(label, Expr::Flag(flag).not(), matching.saturating_sub(count), total - whole);
    }
    rows
}
