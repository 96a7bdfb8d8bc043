//! Names of regions for the map: by a column of the samples, or by the words of their captions, which are read from the catalogs.
//!
//! The newest request wins. Layers are answered one by one; captions are read once for all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{MapEvent, Placement};
use crate::analysis::plane::Frame;
use crate::analysis::plane::regions::{self, Captions, Label};
use crate::analysis::text::tokens::{lower_into, token_ranges};
use crate::base::{CancelToken, Cancelled, SampleId};
use crate::catalog::{Catalog, CatalogError, Columns, NONE};
use crate::jobs::newest::Answering;
use crate::jobs::status::Running;
use crate::jobs::{Event, Outbox, Population};

/// Captions that are read at most: of more samples every n-th.
const MOST: usize = 200_000;

/// What regions are called by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "`label` says what each shows")]
pub enum LabelBy {
    #[default]
    Leaf,
    /// A level of the taxonomy, 0 for the roots.
    Level(u16),
    Brand,
    /// Words that are more frequent in the captions of a region than elsewhere.
    Words,
}

impl LabelBy {
    /// Its name in the menu.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Leaf => "Leaf".to_owned(),
            Self::Level(level) => format!("Taxonomy, level {}", level + 1),
            Self::Brand => "Brand".to_owned(),
            Self::Words => "Words of titles or captions".to_owned(),
        }
    }

    /// What a population can be called by, in the order of the menu.
    #[must_use]
    pub fn choices(columns: &Columns) -> Vec<Self> {
        let depth = columns.taxonomy.nodes.iter().map(|node| node.depth + 1).max().unwrap_or(0);
        let leaves = (!columns.leaves.is_empty()).then_some(Self::Leaf);
        let brands = (!columns.brands.is_empty()).then_some(Self::Brand);
        let levels = (0..depth.min(6)).map(Self::Level);
        leaves.into_iter().chain(levels).chain(brands).chain([Self::Words]).collect()
    }

    /// What a word of the command line means: leaf, level1, level2, .., brand, words.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "leaf" => Self::Leaf,
            "brand" => Self::Brand,
            "words" => Self::Words,
            _ => Self::Level(word.strip_prefix("level")?.parse::<u16>().ok()?.checked_sub(1)?),
        })
    }
}

/// Regions to name.
#[derive(Clone, Debug)]
pub struct LabelAsk {
    /// Over what.
    pub population: Arc<Population>,
    /// The layers with their positions.
    pub layers: Vec<(String, Arc<Placement>)>,
    /// By what.
    pub by: LabelBy,
}

/// The regions of a layer.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// The positions they are of.
    pub placement: Arc<Placement>,
    /// By what they are called.
    pub by: LabelBy,
    /// The heaviest first; in the unit square.
    pub labels: Vec<Label>,
}

/// The lane's way to an answer: each layer is sent when it is done.
pub(in crate::jobs) const LABELLING: Answering<LabelAsk, Option<String>> = Answering {
    name: "labels",
    doing: "naming regions",
    title: "Naming regions",
    work,
    tell: |_, error, _, outbox| {
        if let Some(error) = error.flatten() {
            outbox.send(Event::Map(MapEvent::Unlabelled(error)));
        }
    },
};

enum Failed {
    Cancelled,
    Catalog(CatalogError),
}

impl From<Cancelled> for Failed {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<CatalogError> for Failed {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

fn work(ask: &LabelAsk, job: &Running, outbox: &Outbox) -> Option<String> {
    job.progress.set_total(ask.layers.len() as u64 + 1);
    let words = match (ask.by == LabelBy::Words).then(|| Words::read(ask, &job.cancel)).transpose() {
        Ok(words) => words,
        Err(Failed::Cancelled) => return None,
        Err(Failed::Catalog(error)) => return Some(format!("The words of captions cannot be read: {error}")),
    };
    job.progress.add(1);
    for (layer, placement) in &ask.layers {
        let frame = Frame::of(&placement.positions);
        let labels = if let Some(words) = &words {
            let (places, captions) = words.of(placement, &frame);
            let Ok(labels) = regions::by_words(&places, &captions, &job.cancel) else { return None };
            labels
        } else {
            let places: Vec<[f32; 2]> = placement.positions.iter().map(|position| frame.place(*position)).collect();
            by_names(&places, &placement.samples, &ask.population.columns, ask.by)
        };
        let labelled = Labelled { placement: Arc::clone(placement), by: ask.by, labels };
        outbox.send(Event::Map(MapEvent::Labelled(layer.clone(), Arc::new(labelled))));
        job.progress.add(1);
    }
    None
}

fn by_names(places: &[[f32; 2]], samples: &[u32], columns: &Columns, by: LabelBy) -> Vec<Label> {
    let ids = |of: &dyn Fn(usize) -> u32| samples.iter().map(|sample| of(*sample as usize)).collect::<Vec<u32>>();
    let at = |column: &[u32], sample: usize| column.get(sample).copied().unwrap_or(NONE);
    match by {
        LabelBy::Brand => regions::by_names(places, &ids(&|sample| at(&columns.brand, sample)), |id| {
            Arc::clone(&columns.brands[id as usize])
        }),
        LabelBy::Level(level) => {
            let ancestors = columns.taxonomy.at_level(level);
            let ids = ids(&|sample| at(&ancestors, at(&columns.node, sample) as usize));
            regions::by_names(places, &ids, |id| Arc::clone(&columns.taxonomy.nodes[id as usize].name))
        }
        LabelBy::Leaf | LabelBy::Words => regions::by_names(places, &ids(&|sample| at(&columns.leaf, sample)), |id| {
            Arc::clone(&columns.leaves[id as usize])
        }),
    }
}

/// The words of the captions of samples.
struct Words {
    captions: BTreeMap<u32, String>,
}

impl Words {
    /// Reads the texts of the samples of all layers: the title, which names the thing; where there is none the caption, else the description.
    fn read(ask: &LabelAsk, cancel: &CancelToken) -> Result<Self, Failed> {
        let samples: RoaringBitmap =
            ask.layers.iter().flat_map(|(_, placement)| placement.samples.iter().copied()).collect();
        let step = (samples.len() as usize).div_ceil(MOST).max(1);
        let mut captions = BTreeMap::new();
        for dataset in &ask.population.columns.datasets {
            let rows: RoaringBitmap =
                samples.range(dataset.range.clone()).step_by(step).map(|sample| sample - dataset.range.start).collect();
            if rows.is_empty() {
                continue;
            }
            let catalog = Catalog::open_read(&dataset.columns.catalog)?;
            catalog.adopt(&dataset.columns);
            let mut row = rows.iter();
            catalog.each_text(&rows, |texts| {
                cancel.check()?;
                if let Some(row) = row.next() {
                    let text = texts.title.or(texts.caption).or(texts.description).unwrap_or_default();
                    let mut lowered = String::new();
                    lower_into(text, &mut lowered);
                    captions.insert(SampleId(dataset.range.start + row).0, lowered);
                }
                Ok::<(), Failed>(())
            })?;
        }
        Ok(Self { captions })
    }

    /// Captions of a layer with their places.
    fn of(&self, placement: &Placement, frame: &Frame) -> (Vec<[f32; 2]>, Captions) {
        let (mut places, mut captions) = (Vec::new(), Captions::new());
        for (sample, position) in placement.samples.iter().zip(placement.positions.iter()) {
            let Some(text) = self.captions.get(sample) else { continue };
            let mut words = Vec::new();
            token_ranges(text, |from, to| words.push(&text[from..to]));
            captions.push(words);
            places.push(frame.place(*position));
        }
        (places, captions)
    }
}
