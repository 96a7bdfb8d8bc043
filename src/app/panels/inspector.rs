//! What the inspector says about a sample, top to bottom.

use super::text;
use crate::app::chips::Facet;
use crate::app::state::State;
use crate::base::SampleId;
use crate::catalog::filter::Expr;
use crate::catalog::{Record, flags};

/// A name and a value in the list of facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// The filter a click on the value sets.
    pub filter: Option<(Facet, Expr)>,
    /// The value is a link.
    pub link: bool,
}

/// A headline is cut here; the whole text stands below it.
const HEADLINE_CHARS: usize = 300;

/// The headline: title, else caption, else key.
#[must_use]
pub fn headline(record: &Record) -> &str {
    let fields = &record.fields;
    [&fields.title, &fields.caption, &fields.description]
        .into_iter()
        .flatten()
        .map(|text| text::cut(text, HEADLINE_CHARS).trim())
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| text::cut(&record.key, HEADLINE_CHARS))
}

/// The text under a picture in the grid: headline, and a faint second line (leaf, else brand).
#[must_use]
pub fn grid_lines(record: &Record) -> (&str, &str) {
    let second = record.fields.leaf.as_deref().or(record.fields.brand.as_deref()).unwrap_or("");
    (headline(record), text::cut(second, HEADLINE_CHARS))
}

/// The taxonomy path: each name with the path down to it.
#[must_use]
pub fn path(record: &Record) -> Vec<(String, Vec<String>)> {
    let names = &record.fields.taxonomy;
    let shown = |name: &String| text::cut(name, HEADLINE_CHARS).to_owned();
    names.iter().enumerate().map(|(i, name)| (shown(name), names[..=i].to_vec())).collect()
}

/// The facts.
#[must_use]
pub fn facts(state: &State, sample: SampleId, record: &Record) -> Vec<Fact> {
    let columns = &state.population.columns;
    let i = sample.index();
    let fields = &record.fields;
    let mut facts = Vec::new();
    let mut fact = |name, value: String, filter: Option<(Facet, Expr)>, link| {
        if !value.trim().is_empty() {
            let value = text::cut(&value, 2000).to_owned();
            facts.push(Fact { name, value, filter, link });
        }
    };
    let dataset = &columns.datasets[columns.dataset_of(sample).index()].name;
    fact("Dataset", dataset.clone(), Some((Facet::Dataset, Expr::dataset(dataset.clone()))), false);
    if let Some(leaf) = &fields.leaf {
        fact("Leaf", leaf.clone(), Some((Facet::Leaf, Expr::leaf(leaf.clone()))), false);
    }
    if let Some(brand) = &fields.brand {
        fact("Brand", brand.clone(), Some((Facet::Brand, Expr::brand(brand.clone()))), false);
    }
    fact("Price", fields.price.clone().unwrap_or_default(), None, false);
    fact("Split", fields.split.clone().unwrap_or_default(), None, false);
    fact("Licence", fields.licence.clone().unwrap_or_default(), None, false);
    fact("URL", fields.url.clone().unwrap_or_default(), None, true);
    fact("WordNet id", fields.wnid.clone().unwrap_or_default(), None, false);
    fact("Class index", fields.class_index.map(|index| index.to_string()).unwrap_or_default(), None, false);
    if columns.width[i] > 0 {
        fact(
            "Size",
            format!("{} × {} px, {}", columns.width[i], columns.height[i], text::bytes(u64::from(columns.bytes[i]))),
            None,
            false,
        );
    }
    fact("Words", text::count(u64::from(columns.words[i])), None, false);
    if let Some((shard, row)) = columns.shard_of(sample) {
        let place = match &record.image {
            Some(at) if at.path.is_none() => format!("{}:{}", shard.name, at.offset),
            Some(at) => at.path.clone().unwrap_or_default(),
            None => format!("{}, row {row}", shard.name),
        };
        fact("Shard", place, None, false);
    }
    facts
}

/// What is wrong with the picture, if anything, as a sentence.
#[must_use]
pub fn picture_problem(state: &State, sample: SampleId) -> Option<&'static str> {
    let bits = state.population.columns.flags[sample.index()];
    if bits & flags::TOO_LARGE != 0 {
        Some("The picture declares more pixels than are safe to decode.")
    } else if bits & flags::TRUNCATED != 0 {
        Some("The picture is cut short; what is left is shown.")
    } else if bits & flags::UNREADABLE != 0 {
        Some("The picture cannot be read.")
    } else {
        None
    }
}
