//! What the window says of a model's predictions: the best classes of one sample, and the pages of recall and confusions.

use super::statistics::Page;
use super::statistics::chart::{Axis, Bar, Chart, Marks};
use super::statistics::table::{Cell, Pick, Table, TableRow};
use crate::analysis::confusion::{Confusion, confidence_start};
use crate::app::chips::Facet;
use crate::app::state::State;
use crate::catalog::filter::{Cmp, Expr, NumberField};
use crate::catalog::{NONE, Prediction, Predictor};

/// One of the best classes of a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// The class.
    pub name: String,
    /// Its probability.
    pub probability: f32,
    /// It is the sample's own class.
    pub is_own: bool,
    /// What a click filters to.
    pub filter: Expr,
}

/// What the inspector says of the focused sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Guesses {
    /// No model is active; the catalogs know the predictions of so many.
    NoModel(usize),
    /// The active model was not asked about this sample, or could not read its picture.
    NotAsked,
    /// The model gave no numbers for it.
    NoNumbers,
    /// The best classes, most probable first.
    Best(Vec<Guess>),
}

/// What the active model says of the focused sample.
#[must_use]
pub fn guesses(state: &State) -> Guesses {
    let Some(active) = &state.population.predictions else {
        return Guesses::NoModel(state.population.predictors.len());
    };
    match &state.inspector.prediction {
        None => Guesses::NotAsked,
        Some(prediction) if prediction.top.is_empty() => Guesses::NoNumbers,
        Some(prediction) => Guesses::Best(best(&active.predictor, prediction)),
    }
}

fn best(predictor: &Predictor, prediction: &Prediction) -> Vec<Guess> {
    let guess = |&(class, probability): &(u32, f32)| {
        let name = predictor.class_name(class);
        Guess { filter: Expr::predicted(&*name), name, probability, is_own: class == prediction.label }
    };
    prediction.top.iter().map(guess).collect()
}

/// The sample's own class where it is not among the best ones, to be said beside them.
#[must_use]
pub fn own_class(state: &State) -> Option<String> {
    let (active, prediction) = (state.population.predictions.as_ref()?, state.inspector.prediction.as_ref()?);
    let is_shown = prediction.top.iter().any(|(class, _)| *class == prediction.label);
    (prediction.label != NONE && !is_shown).then(|| active.class_name(prediction.label))
}

/// The condition of a brush over bins `first..=last` of the probabilities; `bins` in all.
#[must_use]
pub fn confidence_filter(first: usize, last: usize, bins: usize) -> Expr {
    let number = |cmp| Expr::Number(NumberField::Confidence, cmp);
    let from = number(Cmp::Ge(confidence_start(first)));
    // The upper edge belongs to the next bin; the last bin has none above it.
    if last + 1 >= bins { from } else { Expr::And(vec![from, number(Cmp::Lt(confidence_start(last + 1)))]) }
}

/// The probabilities that a condition of [`confidence_filter`] covers.
#[must_use]
pub fn confidence_range(expr: &Expr) -> Option<(f64, f64)> {
    let bound = |expr: &Expr| match expr {
        Expr::Number(NumberField::Confidence, Cmp::Ge(from)) => Some((*from, 1.0)),
        Expr::Number(NumberField::Confidence, Cmp::Lt(to)) => Some((0.0, *to)),
        Expr::Number(NumberField::Confidence, Cmp::Between(from, to)) => Some((*from, *to)),
        _ => None,
    };
    match expr {
        Expr::And(both) => {
            let bounds: Option<Vec<_>> = both.iter().map(bound).collect();
            let bounds = bounds?;
            let from = bounds.iter().map(|bound| bound.0).fold(0.0, f64::max);
            Some((from, bounds.iter().map(|bound| bound.1).fold(1.0, f64::min)))
        }
        one => bound(one),
    }
}

/// A group of samples with its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<'a> {
    /// What to call it.
    pub name: &'a str,
    /// Its figures.
    pub confusion: &'a Confusion,
}

/// The page of one group, or of one beside the whole: what is looked at comes first. `pairs`: confusions instead of classes.
#[must_use]
pub fn page(predictor: &Predictor, groups: &[Group<'_>], pairs: bool) -> Page {
    let Some(first) = groups.first() else { return Page::default() };
    let (chart, table) = if pairs {
        (pairs_chart(predictor, first), pairs_table(predictor, first))
    } else {
        (recall_chart(predictor, first), classes_table(predictor, first))
    };
    Page { facts: Some(facts(groups)), chart: Some(chart), tables: vec![table] }
}

fn share(value: Option<f64>) -> Cell {
    value.map_or(Cell::None, Cell::Share)
}

fn facts(groups: &[Group<'_>]) -> Table {
    let columns = ["", "samples", "predicted", "with a class", "top-1", "top-5", "macro recall"];
    let row = |group: &Group<'_>| {
        let of = group.confusion;
        let counts = [of.samples, of.predicted, of.labelled].map(Cell::Count);
        let shares = [of.top1, of.top5, of.macro_recall].map(share);
        let cells = std::iter::once(Cell::Text(group.name.to_owned())).chain(counts).chain(shares).collect();
        TableRow { cells, pick: None }
    };
    Table {
        title: "Accuracy".to_owned(),
        columns: columns.map(str::to_owned).into(),
        rows: groups.iter().map(row).collect(),
    }
}

fn class_pick(name: &str) -> Pick {
    Pick { facet: Facet::Class, expr: Expr::class(name) }
}

fn classes_table(predictor: &Predictor, group: &Group<'_>) -> Table {
    let columns = ["class", "samples", "right", "recall", "in best 5", "predicted", "precision"];
    let rows = group.confusion.classes.iter().map(|class| {
        let name = predictor.class_name(class.class);
        let in_top5 = (class.n > 0).then(|| class.hits5 as f64 / class.n as f64);
        let pick = if class.n > 0 {
            class_pick(&name)
        } else {
            Pick { facet: Facet::Predicted, expr: Expr::predicted(&*name) }
        };
        let cells = vec![
            Cell::Text(name),
            Cell::Count(class.n),
            Cell::Count(class.hits),
            share(class.recall),
            share(in_top5),
            Cell::Count(class.predicted),
            share(class.precision),
        ];
        TableRow { cells, pick: Some(pick) }
    });
    Table { title: "Classes".to_owned(), columns: columns.map(str::to_owned).into(), rows: rows.collect() }
}

/// The samples of class `truth` that were predicted as `predicted`.
fn pair_pick(truth: &str, predicted: &str) -> Pick {
    Pick { facet: Facet::Predicted, expr: Expr::And(vec![Expr::predicted(predicted), Expr::class(truth)]) }
}

fn pairs_table(predictor: &Predictor, group: &Group<'_>) -> Table {
    let columns = ["is", "predicted as", "samples", "share of the class"];
    let rows = group.confusion.pairs.iter().map(|pair| {
        let (truth, predicted) = (predictor.class_name(pair.truth), predictor.class_name(pair.predicted));
        let pick = pair_pick(&truth, &predicted);
        let cells = vec![Cell::Text(truth), Cell::Text(predicted), Cell::Count(pair.count), Cell::Share(pair.share)];
        TableRow { cells, pick: Some(pick) }
    });
    Table { title: "Confusions".to_owned(), columns: columns.map(str::to_owned).into(), rows: rows.collect() }
}

/// Recall of every class that occurs, the highest first: how far the curve reaches is seen at once.
fn recall_chart(predictor: &Predictor, group: &Group<'_>) -> Chart {
    let known = group.confusion.classes.iter().rev().filter_map(|class| class.recall.map(|recall| (class, recall)));
    let bars = known.enumerate().map(|(rank, (class, recall))| {
        let name = predictor.class_name(class.class);
        Bar {
            span: [rank as f64 + 0.5, rank as f64 + 1.5],
            values: vec![recall],
            pick: Some(class_pick(&name)),
            label: name,
        }
    });
    Chart {
        title: "Recall of the classes, the highest first".to_owned(),
        x: Axis::new("class"),
        y: Axis { share: true, ..Axis::new("recall") },
        series: vec![group.name.to_owned()],
        nested: false,
        marks: Marks::Columns(bars.collect()),
    }
}

/// The most frequent confusions.
fn pairs_chart(predictor: &Predictor, group: &Group<'_>) -> Chart {
    let bars = group.confusion.pairs.iter().take(super::statistics::RANKED).enumerate().map(|(rank, pair)| {
        let (truth, predicted) = (predictor.class_name(pair.truth), predictor.class_name(pair.predicted));
        Bar {
            span: [rank as f64 + 0.5, rank as f64 + 1.5],
            values: vec![pair.count as f64],
            pick: Some(pair_pick(&truth, &predicted)),
            label: format!("{} → {}", short(&truth), short(&predicted)),
        }
    });
    Chart {
        title: "The most frequent confusions".to_owned(),
        x: Axis::new("samples"),
        y: Axis::default(),
        series: vec![group.name.to_owned()],
        nested: false,
        marks: Marks::Ranked(bars.collect()),
    }
}

/// The first of several names.
fn short(name: &str) -> &str {
    name.split(',').next().unwrap_or(name).trim()
}

#[cfg(test)]
mod tests {
    use roaring::RoaringBitmap;

    use super::*;
    use crate::analysis::confusion::{CONFIDENCE_BINS, Counts};
    use crate::catalog::PredictionColumns;

    fn predictor() -> Predictor {
        let classes = ["cat, house cat", "dog", "fox"].map(str::to_owned).to_vec();
        Predictor { classes, ..Predictor::default() }
    }

    fn confusion(rows: &[(u32, u32)]) -> Confusion {
        let columns = PredictionColumns {
            predicted: rows.iter().map(|row| row.1).collect(),
            confidence: vec![0.5; rows.len()],
            label: rows.iter().map(|row| row.0).collect(),
            rank: rows.iter().map(|row| u8::from(row.0 != row.1)).collect(),
        };
        Counts::count(&columns, &RoaringBitmap::full()).finish()
    }

    fn lines(table: &Table) -> Vec<String> {
        table.tsv(&table.view("", None)).lines().map(str::to_owned).collect()
    }

    #[test]
    fn pages_of_a_small_model() {
        let all = confusion(&[(0, 0), (0, 1), (1, 1), (1, 1), (0, 1), (1, 2)]);
        let some = confusion(&[(1, 2)]);
        let groups = [Group { name: "filtered", confusion: &some }, Group { name: "shop", confusion: &all }];
        let classes = page(&predictor(), &groups[1..], false);
        assert_eq!(
            lines(&classes.tables[0]),
            [
                "class\tsamples\tright\trecall\tin best 5\tpredicted\tprecision",
                "cat, house cat\t3\t1\t0.3333333333333333\t1\t1\t1",
                "dog\t3\t2\t0.6666666666666666\t1\t4\t0.5",
                "fox\t0\t0\t\t\t1\t0",
            ]
        );
        let pairs = page(&predictor(), &groups[1..], true);
        assert_eq!(
            lines(&pairs.tables[0]),
            [
                "is\tpredicted as\tsamples\tshare of the class",
                "cat, house cat\tdog\t2\t0.6666666666666666",
                "dog\tfox\t1\t0.3333333333333333",
            ]
        );
        let pick = pairs.tables[0].rows[0].pick.as_ref().expect("a pair is a filter");
        assert_eq!(pick.expr.to_string(), "predicted = \"dog\" and class = \"cat, house cat\"");
        assert_eq!(pairs.chart.expect("a chart").bars()[0].label, "cat → dog");
        // What is looked at comes first, the whole beside it.
        let both = page(&predictor(), &groups, true);
        assert_eq!(
            lines(&both.facts.expect("figures")),
            [
                "\tsamples\tpredicted\twith a class\ttop-1\ttop-5\tmacro recall",
                "filtered\t1\t1\t1\t0\t1\t0",
                "shop\t6\t6\t6\t0.5\t1\t0.5",
            ]
        );
        assert_eq!(both.tables[0].rows.len(), 1);
    }

    #[test]
    fn brushes_are_filters_and_back() {
        let check = |first, last, text: &str, range| {
            let expr = confidence_filter(first, last, CONFIDENCE_BINS);
            assert_eq!(expr.to_string(), text);
            assert_eq!(confidence_range(&expr), Some(range));
        };
        check(7, 9, "confidence >= 0.35 and confidence < 0.5", (0.35, 0.5));
        check(18, 19, "confidence >= 0.9", (0.9, 1.0));
        check(0, 0, "confidence >= 0 and confidence < 0.05", (0.0, 0.05));
        assert_eq!(confidence_range(&Expr::leaf("x")), None);
    }
}
