//! A filter over [`Columns`], as a bitmap.
//!
//! A comparison is one pass over one column that sets bits, 65,536 samples at a time on all cores
//! (rayon: pure data parallelism, nothing waits). Names and taxonomy paths become ids first, so the
//! pass compares integers. Only text search, tags and the verification of keys leave memory, through
//! the [`Lookup`].

use std::sync::Arc;

use rayon::prelude::*;
use roaring::RoaringBitmap;

use super::super::columns::{Columns, key_hash};
use super::super::predictions::Predictions;
use super::super::search::SearchQuery;
use super::super::taxonomy::NONE;
use super::{Cmp, Expr, FilterError, NameField, NumberField};

/// Answers what columns cannot: all sets are in the population's numbering.
pub trait Lookup {
    /// Samples that a text search finds.
    ///
    /// # Errors
    /// One sentence if the search cannot run.
    fn search(&self, query: &SearchQuery) -> Result<RoaringBitmap, FilterError>;

    /// Samples with the tag; empty if there is no such tag.
    ///
    /// # Errors
    /// One sentence if tags cannot be read.
    fn tag(&self, name: &str) -> Result<RoaringBitmap, FilterError>;

    /// Samples with any tag.
    ///
    /// # Errors
    /// One sentence if tags cannot be read.
    fn tagged(&self) -> Result<RoaringBitmap, FilterError>;

    /// Keeps of `candidates` (equal 64-bit hashes) those whose key is `key`.
    ///
    /// # Errors
    /// One sentence if records cannot be read.
    fn with_key(&self, key: &str, candidates: RoaringBitmap) -> Result<RoaringBitmap, FilterError> {
        let _ = key;
        Ok(candidates)
    }

    /// What the active model says, an entry for each sample of the population.
    ///
    /// # Errors
    /// One sentence if no model is active.
    fn predictions(&self) -> Result<&Predictions, FilterError> {
        Err(no_predictions())
    }
}

/// Why a filter by predictions cannot be evaluated where no model is active.
pub(in crate::catalog) fn no_predictions() -> FilterError {
    FilterError::general(
        "there are no predictions to filter by; let a model predict first (Tools > Models, or shopscope predict)",
    )
}

/// Refuses searches and tags: for filters that need neither.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLookup;

impl Lookup for NoLookup {
    fn search(&self, query: &SearchQuery) -> Result<RoaringBitmap, FilterError> {
        Err(FilterError::general(format!("text search for \"{}\" needs an open catalog", query.text())))
    }

    fn tag(&self, name: &str) -> Result<RoaringBitmap, FilterError> {
        Err(FilterError::general(format!("the tag \"{name}\" needs an open catalog")))
    }

    fn tagged(&self) -> Result<RoaringBitmap, FilterError> {
        Err(FilterError::general("tags need an open catalog"))
    }
}

/// The samples of `columns` that match `expr`.
///
/// # Errors
/// What the lookup reports, or a search text that does not parse.
pub fn eval(expr: &Expr, columns: &Columns, lookup: &dyn Lookup) -> Result<RoaringBitmap, FilterError> {
    let n = columns.flags.len();
    Ok(match expr {
        Expr::All => columns.all(),
        Expr::And(list) => {
            // Cheap comparisons first would not change the sum much: each is a pass over one column.
            let mut all = columns.all();
            for expr in list {
                if all.is_empty() {
                    break;
                }
                all &= eval(expr, columns, lookup)?;
            }
            all
        }
        Expr::Or(list) => {
            let mut any = RoaringBitmap::new();
            for expr in list {
                any |= eval(expr, columns, lookup)?;
            }
            any
        }
        Expr::Not(inner) => columns.all() - eval(inner, columns, lookup)?,
        Expr::Name(NameField::Dataset, names) => datasets(columns, |name| names.iter().any(|n| n == name)),
        Expr::NameContains(NameField::Dataset, text) => {
            let text = text.to_lowercase();
            datasets(columns, |name| name.to_lowercase().contains(&text))
        }
        Expr::NameNull(NameField::Dataset) => RoaringBitmap::new(),
        Expr::Name(field @ (NameField::Predicted | NameField::Class), names) => {
            classes(n, predictions(n, lookup)?, *field, |name| names.iter().any(|n| n == name))
        }
        Expr::NameContains(field @ (NameField::Predicted | NameField::Class), text) => {
            let text = text.to_lowercase();
            classes(n, predictions(n, lookup)?, *field, |name| name.to_lowercase().contains(&text))
        }
        Expr::NameNull(field @ (NameField::Predicted | NameField::Class)) => {
            let ids = class_ids(predictions(n, lookup)?, *field);
            scan(n, |row| ids[row] == NONE)
        }
        Expr::Number(NumberField::Confidence, cmp) => {
            // NaN, where nothing is predicted, passes no comparison. The text of a filter is decimal: `= 0.9` means the nearest f32.
            let confidence = &predictions(n, lookup)?.columns.confidence;
            let cmp = cmp.map(|value| f64::from(value as f32));
            scan(n, |row| cmp.test(f64::from(confidence[row])))
        }
        Expr::NumberNull(NumberField::Confidence) => {
            let predicted = &predictions(n, lookup)?.columns.predicted;
            scan(n, |row| predicted[row] == NONE)
        }
        Expr::Correct(yes) => {
            let columns = &predictions(n, lookup)?.columns;
            scan(n, |row| {
                let (predicted, label) = (columns.predicted[row], columns.label[row]);
                predicted != NONE && label != NONE && (predicted == label) == *yes
            })
        }
        Expr::CorrectNull => {
            let columns = &predictions(n, lookup)?.columns;
            scan(n, |row| columns.predicted[row] == NONE || columns.label[row] == NONE)
        }
        Expr::Name(field, names) => name_ids(columns, *field, |name| names.iter().any(|n| n == name)),
        Expr::NameContains(field, text) => {
            let text = text.to_lowercase();
            name_ids(columns, *field, |name| name.to_lowercase().contains(&text))
        }
        Expr::NameNull(NameField::Leaf) => scan(n, |row| columns.leaf[row] == NONE),
        Expr::NameNull(NameField::Brand) => scan(n, |row| columns.brand[row] == NONE),
        Expr::NameNull(NameField::Split) => scan(n, |row| columns.split[row] == u16::MAX),
        Expr::Under(path) if path.is_empty() => scan(n, |row| columns.node[row] != NONE),
        Expr::Under(path) => match columns.taxonomy.find(path) {
            None => RoaringBitmap::new(),
            Some(node) => {
                let subtree = node..columns.taxonomy.nodes[node as usize].end;
                scan(n, |row| subtree.contains(&columns.node[row]))
            }
        },
        Expr::Taxonomy(paths) => {
            let mut wanted = vec![false; columns.taxonomy.len()];
            for node in paths.iter().filter_map(|path| columns.taxonomy.find(path)) {
                wanted[node as usize] = true;
            }
            scan(n, |row| wanted.get(columns.node[row] as usize) == Some(&true))
        }
        Expr::TaxonomyNull => scan(n, |row| columns.node[row] == NONE),
        Expr::Number(field, cmp) => number(columns, *field, *cmp),
        Expr::NumberNull(field) => unknown(columns, *field),
        Expr::Tag(tags) => {
            let mut any = RoaringBitmap::new();
            for tag in tags {
                any |= lookup.tag(tag)?;
            }
            any
        }
        Expr::TagNull => columns.all() - lookup.tagged()?,
        Expr::Flag(flag) => {
            let bit = flag.bit();
            scan(n, |row| columns.flags[row] & bit != 0)
        }
        Expr::Key(keys) => {
            let mut any = RoaringBitmap::new();
            for key in keys {
                let hash = key_hash(key);
                let mut candidates = RoaringBitmap::new();
                for dataset in &columns.datasets {
                    let hashes = &dataset.columns.rows.key_hash;
                    let start = dataset.range.start;
                    candidates.extend((0..hashes.len()).filter(|&r| hashes[r] == hash).map(|r| start + r as u32));
                }
                if !candidates.is_empty() {
                    any |= lookup.with_key(key, candidates)?;
                }
            }
            any
        }
        Expr::Search(column, text) => lookup.search(&SearchQuery::parse_in(text, *column)?)?,
        Expr::Samples(samples, _) => samples & columns.all(),
    })
}

/// The predictions, as long as the population.
fn predictions(n: usize, lookup: &dyn Lookup) -> Result<&Predictions, FilterError> {
    let found = lookup.predictions()?;
    if found.columns.predicted.len() == n {
        Ok(found)
    } else {
        Err(FilterError::general("the predictions are of another state of the datasets; try again in a moment"))
    }
}

/// The predicted class of each sample, or its own.
fn class_ids(found: &Predictions, field: NameField) -> &[u32] {
    if field == NameField::Class { &found.columns.label } else { &found.columns.predicted }
}

/// Samples whose predicted or own class has a name that passes.
fn classes(n: usize, found: &Predictions, field: NameField, test: impl Fn(&str) -> bool) -> RoaringBitmap {
    let ids = class_ids(found, field);
    let known = ids.iter().filter(|&&class| class != NONE).max().map_or(0, |&class| class as usize + 1);
    let wanted: Vec<bool> = (0..known as u32).map(|class| test(&found.predictor.class_name(class))).collect();
    scan(n, |row| wanted.get(ids[row] as usize) == Some(&true))
}

/// Samples of the datasets whose display name passes.
fn datasets(columns: &Columns, test: impl Fn(&str) -> bool) -> RoaringBitmap {
    let mut found = RoaringBitmap::new();
    for dataset in columns.datasets.iter().filter(|dataset| test(&dataset.name)) {
        found.insert_range(dataset.range.clone());
    }
    found
}

/// Samples whose name in a dictionary passes.
fn name_ids(columns: &Columns, field: NameField, test: impl Fn(&str) -> bool) -> RoaringBitmap {
    let wanted = |names: &[Arc<str>]| names.iter().map(|name| test(name)).collect::<Vec<bool>>();
    let by_id = |ids: &[u32], names: &[Arc<str>]| {
        let wanted = wanted(names);
        let mut hits = wanted.iter().enumerate().filter(|(_, hit)| **hit).map(|(id, _)| id as u32);
        match (hits.next(), hits.next()) {
            (None, _) => RoaringBitmap::new(),
            (Some(one), None) => scan(ids.len(), |row| ids[row] == one),
            _ => scan(ids.len(), |row| wanted.get(ids[row] as usize) == Some(&true)),
        }
    };
    match field {
        NameField::Leaf => by_id(&columns.leaf, &columns.leaves),
        NameField::Brand => by_id(&columns.brand, &columns.brands),
        NameField::Split => {
            let wanted = wanted(&columns.splits);
            scan(columns.split.len(), |row| wanted.get(usize::from(columns.split[row])) == Some(&true))
        }
        NameField::Dataset => unreachable!("datasets are ranges, evaluated by `datasets`"),
        NameField::Predicted | NameField::Class => {
            unreachable!("predictions come from the lookup, evaluated by `classes`")
        }
    }
}

/// Samples whose number is known and passes.
fn number(columns: &Columns, field: NumberField, cmp: Cmp) -> RoaringBitmap {
    let n = columns.flags.len();
    let (width, height) = (&columns.width, &columns.height);
    match field {
        NumberField::Words => scan(n, |row| cmp.test(f64::from(columns.words[row]))),
        NumberField::Width => scan(n, |row| width[row] != 0 && cmp.test(f64::from(width[row]))),
        NumberField::Height => scan(n, |row| height[row] != 0 && cmp.test(f64::from(height[row]))),
        NumberField::Side => scan(n, |row| {
            let side = width[row].max(height[row]);
            side != 0 && cmp.test(f64::from(side))
        }),
        NumberField::Pixels => scan(n, |row| {
            let pixels = f64::from(width[row]) * f64::from(height[row]);
            pixels != 0.0 && cmp.test(pixels)
        }),
        NumberField::Aspect => scan(n, |row| {
            width[row] != 0 && height[row] != 0 && cmp.test(f64::from(width[row]) / f64::from(height[row]))
        }),
        NumberField::Bytes => {
            scan(n, |row| columns.flags[row] & super::flags::HAS_IMAGE != 0 && cmp.test(f64::from(columns.bytes[row])))
        }
        NumberField::Confidence => unreachable!("predictions come from the lookup, evaluated by `eval`"),
    }
}

/// Samples whose number is not known.
fn unknown(columns: &Columns, field: NumberField) -> RoaringBitmap {
    let n = columns.flags.len();
    let (width, height) = (&columns.width, &columns.height);
    match field {
        NumberField::Words => RoaringBitmap::new(),
        NumberField::Width => scan(n, |row| width[row] == 0),
        NumberField::Height => scan(n, |row| height[row] == 0),
        NumberField::Side => scan(n, |row| width[row].max(height[row]) == 0),
        NumberField::Pixels | NumberField::Aspect => scan(n, |row| width[row] == 0 || height[row] == 0),
        NumberField::Bytes => scan(n, |row| columns.flags[row] & super::flags::HAS_IMAGE == 0),
        NumberField::Confidence => unreachable!("predictions come from the lookup, evaluated by `eval`"),
    }
}

/// Rows of one roaring container.
const BLOCK: usize = 1 << 16;

/// The rows in `0..n` that pass, tested in blocks on all cores.
fn scan(n: usize, test: impl Fn(usize) -> bool + Sync) -> RoaringBitmap {
    let blocks: Vec<RoaringBitmap> = (0..n.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let start = block * BLOCK;
            let end = (start + BLOCK).min(n);
            let mut bits = vec![0_u8; (end - start).div_ceil(8)];
            for (byte, first) in bits.iter_mut().zip((start..end).step_by(8)) {
                for row in first..(first + 8).min(end) {
                    *byte |= u8::from(test(row)) << (row - first);
                }
            }
            RoaringBitmap::from_lsb0_bytes(start as u32, &bits)
        })
        .collect();
    // Blocks are disjoint and ascending: the union only moves their containers.
    blocks.into_iter().fold(RoaringBitmap::new(), |all, block| all | block)
}
