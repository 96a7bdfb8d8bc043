//! The active filters. A chip is one condition; all chips hold together (AND). Clicking a facet
//! replaces that facet's chip, ctrl-clicking widens it (OR), clicking it again takes it away.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;

use crate::catalog::filter::Expr;

/// What a chip is about; there is at most one chip a facet, except for [`Facet::Custom`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the facets' own")]
pub enum Facet {
    Search,
    Dataset,
    Taxonomy,
    Leaf,
    Brand,
    Words,
    Size,
    Tag,
    Flag,
    Predicted,
    Confidence,
    Correct,
    Class,
    Selection,
    Custom,
}

/// One active condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    /// What it is about.
    pub facet: Facet,
    /// The condition.
    pub expr: Expr,
    /// Switched off for a moment (shown faint, kept).
    pub off: bool,
}

impl Chip {
    /// An active chip.
    #[must_use]
    pub fn new(facet: Facet, expr: Expr) -> Self {
        Self { facet, expr, off: false }
    }

    /// What the chip says.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.expr {
            Expr::Search(None, text) => format!("“{text}”"),
            Expr::Samples(_, label) => label.clone(),
            Expr::Or(parts) if parts.len() > 2 => {
                format!("{} or {} more", parts[0], parts.len() - 1)
            }
            expr => expr.to_string(),
        }
    }

    /// Changes sample sets inside (ids move when a dataset grows or closes).
    pub fn remap(&mut self, map: &impl Fn(&RoaringBitmap) -> RoaringBitmap) {
        remap(&mut self.expr, map);
    }
}

fn remap(expr: &mut Expr, map: &impl Fn(&RoaringBitmap) -> RoaringBitmap) {
    match expr {
        Expr::Samples(set, _) => *set = map(set),
        Expr::And(parts) | Expr::Or(parts) => parts.iter_mut().for_each(|part| remap(part, map)),
        Expr::Not(part) => remap(part, map),
        _ => {}
    }
}

/// All active chips as one expression.
#[must_use]
pub fn expr_of(chips: &[Chip]) -> Expr {
    let mut parts: Vec<_> = chips.iter().filter(|chip| !chip.off).map(|chip| chip.expr.clone()).collect();
    match parts.len() {
        0 => Expr::All,
        1 => parts.remove(0),
        _ => Expr::And(parts),
    }
}

/// The alternatives a facet's chip stands for: the parts of an OR, or the one condition.
#[must_use]
pub fn alternatives(chips: &[Chip], facet: Facet) -> Vec<&Expr> {
    match chips.iter().find(|chip| chip.facet == facet).map(|chip| &chip.expr) {
        None => Vec::new(),
        Some(Expr::Or(parts)) => parts.iter().collect(),
        Some(expr) => vec![expr],
    }
}

/// A click on a value of a facet: `expr` becomes the facet's only condition, or goes away if it was
/// that already; with `add` (ctrl) it joins or leaves the alternatives.
pub fn toggle(chips: &mut Vec<Chip>, facet: Facet, expr: Expr, add: bool) {
    let mut parts: Vec<Expr> = alternatives(chips, facet).into_iter().cloned().collect();
    let present = parts.contains(&expr);
    if add {
        if present {
            parts.retain(|part| *part != expr);
        } else {
            parts.push(expr);
        }
    } else if present && parts.len() == 1 {
        parts.clear();
    } else {
        parts = vec![expr];
    }
    let expr = match parts.len() {
        0 => None,
        1 => parts.pop(),
        _ => Some(Expr::Or(parts)),
    };
    set(chips, facet, expr);
}

/// Makes `expr` the facet's condition (`None` takes the chip away). The chip keeps its place in the row.
pub fn set(chips: &mut Vec<Chip>, facet: Facet, expr: Option<Expr>) {
    let place = chips.iter().position(|chip| chip.facet == facet);
    match (place, expr) {
        (Some(i), Some(expr)) => chips[i] = Chip::new(facet, expr),
        (Some(i), None) => {
            chips.remove(i);
        }
        (None, Some(expr)) => chips.push(Chip::new(facet, expr)),
        (None, None) => {}
    }
}

/// The taxonomy paths that are active, for marking tree rows.
#[must_use]
pub fn active_paths(chips: &[Chip]) -> BTreeSet<Vec<String>> {
    alternatives(chips, Facet::Taxonomy)
        .into_iter()
        .filter_map(|expr| match expr {
            Expr::Under(path) => Some(path.clone()),
            _ => None,
        })
        .collect()
}
