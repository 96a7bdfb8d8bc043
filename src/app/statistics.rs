//! The statistics lens: how it is looked at, what was counted, and when it has to be counted again.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::command::Effect;
use super::state::{Lens, State};
use crate::analysis::facets::Facets;
use crate::analysis::text::report::{StatsReport, StatsRequest, TextField};
use crate::analysis::text::tagger::Tag;
use crate::jobs::Population;

/// A page of the statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`label` says what each shows")]
pub enum Tab {
    #[default]
    Words,
    PartsOfSpeech,
    Ngrams,
    Leaves,
    Vocabulary,
    Predictions,
    Paper,
}

impl Tab {
    /// All of them, left to right.
    pub const ALL: [Self; 7] = [
        Self::Words,
        Self::PartsOfSpeech,
        Self::Ngrams,
        Self::Leaves,
        Self::Vocabulary,
        Self::Predictions,
        Self::Paper,
    ];

    /// What the tab says.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Words => "Words",
            Self::PartsOfSpeech => "Parts of speech",
            Self::Ngrams => "n-grams",
            Self::Leaves => "Leaves",
            Self::Vocabulary => "Vocabulary",
            Self::Predictions => "Predictions",
            Self::Paper => "Paper",
        }
    }

    /// Its word on the command line and in names of files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::PartsOfSpeech => "parts-of-speech",
            Self::Ngrams => "n-grams",
            Self::Leaves => "leaves",
            Self::Vocabulary => "vocabulary",
            Self::Predictions => "predictions",
            Self::Paper => "paper",
        }
    }
}

/// What stands beside what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Beside {
    /// The selection (or what the filters leave) beside the whole; only the whole while nothing is narrowed down.
    #[default]
    Whole,
    /// One open dataset beside another, by their places.
    Datasets(usize, usize),
}

/// How leaves are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LeafView {
    #[default]
    Histogram,
    Treemap,
    Tree,
}

/// How statistics are shown; a view changes a copy and asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StatisticsView {
    /// The page.
    pub tab: Tab,
    /// What stands beside what.
    pub beside: Beside,
    /// Which text is counted.
    pub text: TextField,
    /// Logarithmic axes, `[x, y]` a page, in the order of [`Tab::ALL`].
    pub log: [[bool; 2]; Tab::ALL.len()],
    /// Column the table of a page is sorted by, and whether from the largest; `None` is the order of the count.
    pub sort: [Option<(usize, bool)>; Tab::ALL.len()],
    /// What is typed above the table.
    pub find: String,
    /// Words of an n-gram.
    pub order: usize,
    /// The part of speech.
    pub tag: Tag,
    /// The growth of the vocabulary (Heaps) instead of its ranks (Zipf).
    pub growth: bool,
    /// How leaves are drawn.
    pub leaf_view: LeafView,
    /// Level of the taxonomy, 0 for the roots; `None` for end leaves.
    pub level: Option<u16>,
    /// Of predictions: confusions instead of classes.
    pub pairs: bool,
}

impl Default for StatisticsView {
    fn default() -> Self {
        let mut log = [[false; 2]; Tab::ALL.len()];
        // Lengths come in bins that grow; Zipf's and Heaps' laws are straight lines on two such axes.
        log[Tab::Words as usize][0] = true;
        log[Tab::Vocabulary as usize] = [true; 2];
        Self {
            tab: Tab::Words,
            beside: Beside::Whole,
            text: TextField::Caption,
            log,
            sort: [None; Tab::ALL.len()],
            find: String::new(),
            order: 2,
            tag: Tag::Noun,
            growth: false,
            leaf_view: LeafView::Histogram,
            level: None,
            pairs: false,
        }
    }
}

impl StatisticsView {
    /// The same on another page. What was typed above the table of the last one is forgotten.
    #[must_use]
    pub fn on(mut self, tab: Tab) -> Self {
        if tab != self.tab {
            self.find.clear();
        }
        self.tab = tab;
        self
    }

    /// Logarithmic axes of the page, `[x, y]`.
    #[must_use]
    pub fn log(&self) -> [bool; 2] {
        self.log[self.tab as usize]
    }

    /// How the table of the page is sorted.
    #[must_use]
    pub fn sort(&self) -> Option<(usize, bool)> {
        self.sort[self.tab as usize]
    }
}

/// Samples that are counted together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What to call them.
    pub name: String,
    /// Which they are.
    pub samples: Arc<RoaringBitmap>,
}

/// What was asked for, so that it is not asked twice.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Number of the request; an answer to an older one is dropped.
    pub generation: u64,
    population: Arc<Population>,
    groups: Vec<Group>,
    text: TextField,
    beside: Beside,
}

/// An answer with what it is about.
#[derive(Debug)]
pub struct Counted {
    /// The counts.
    pub report: Arc<StatsReport>,
    /// Samples a node of the taxonomy, one entry a group, in the order of the report.
    pub facets: Vec<Arc<Facets>>,
    /// The population that the nodes are of.
    pub population: Arc<Population>,
    /// What stands beside what in it.
    pub beside: Beside,
}

/// Everything of the lens.
#[derive(Debug)]
pub struct Statistics {
    /// How it is looked at.
    pub view: StatisticsView,
    /// The newest answer.
    pub counted: Option<Arc<Counted>>,
    /// The newest request.
    pub asked: Option<Asked>,
    /// The request is under way.
    pub counting: bool,
    /// The answer is of other samples than those that are looked at, and counting waits for a click.
    pub stale: bool,
    /// Up to so many samples are counted without being asked to.
    pub automatic_limit: u64,
    /// The newest request was cancelled or failed: it is asked again by a click only.
    failed: bool,
    generation: u64,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            view: StatisticsView::default(),
            counted: None,
            asked: None,
            counting: false,
            stale: false,
            // A few seconds on a slow machine when nothing is known yet.
            automatic_limit: 200_000,
            failed: false,
            generation: 0,
        }
    }
}

/// Lengths of the rankings: what a table scrolls through.
pub const RANKING: usize = 1000;

/// What would be counted now: one group, or two of which the first is the one that is looked at.
#[must_use]
pub fn groups(state: &State) -> Vec<Group> {
    let columns = &state.population.columns;
    let all = columns.all();
    let is_narrow = *state.result.matching != all;
    let view = &state.statistics.view;
    if let Beside::Datasets(a, b) = view.beside
        && let (Some(a), Some(b)) = (columns.datasets.get(a), columns.datasets.get(b))
    {
        return [a, b]
            .map(|dataset| {
                let mut samples = RoaringBitmap::new();
                samples.insert_range(dataset.range.clone());
                if is_narrow {
                    samples &= &*state.result.matching;
                }
                Group { name: dataset.name.clone(), samples: Arc::new(samples) }
            })
            .into();
    }
    let name = match &*columns.datasets {
        [only] => only.name.clone(),
        several => format!("all {} datasets", several.len()),
    };
    let mut groups = Vec::new();
    if !state.selection.is_empty() && *state.selection != all {
        groups.push(Group { name: "selection".to_owned(), samples: Arc::clone(&state.selection) });
    } else if is_narrow && !state.result.matching.is_empty() {
        groups.push(Group { name: "filtered".to_owned(), samples: Arc::clone(&state.result.matching) });
    }
    groups.push(Group { name, samples: Arc::new(all) });
    groups
}

/// Follows what the lens looks at: asks for a new count where that is quick, else says that the old one is stale.
pub(super) fn follow(state: &mut State) -> Vec<Effect> {
    if state.lens != Lens::Statistics || state.querying() || state.is_empty() {
        return Vec::new();
    }
    let groups = groups(state);
    if is_asked(state, &groups) {
        state.statistics.stale = state.statistics.failed;
        return Vec::new();
    }
    let most = groups.iter().map(|group| group.samples.len()).max().unwrap_or(0);
    if most <= state.statistics.automatic_limit {
        return ask(state, groups);
    }
    state.statistics.stale = true;
    Vec::new()
}

/// Asks for a count of what the lens looks at, unless that is known or under way.
pub(super) fn count(state: &mut State) -> Vec<Effect> {
    if state.is_empty() {
        return Vec::new();
    }
    let groups = groups(state);
    if is_asked(state, &groups) && !state.statistics.failed { Vec::new() } else { ask(state, groups) }
}

fn is_asked(state: &State, groups: &[Group]) -> bool {
    let statistics = &state.statistics;
    statistics.asked.as_ref().is_some_and(|asked| {
        Arc::ptr_eq(&asked.population.columns, &state.population.columns)
            && asked.text == statistics.view.text
            && asked.groups == groups
    })
}

fn ask(state: &mut State, groups: Vec<Group>) -> Vec<Effect> {
    let statistics = &mut state.statistics;
    statistics.generation += 1;
    statistics.counting = true;
    (statistics.stale, statistics.failed) = (false, false);
    let (generation, text, beside) = (statistics.generation, statistics.view.text, statistics.view.beside);
    let population = Arc::clone(&state.population);
    statistics.asked =
        Some(Asked { generation, population: Arc::clone(&population), groups: groups.clone(), text, beside });
    let request = StatsRequest { text, top: RANKING, top_leaves: RANKING, ..StatsRequest::default() };
    vec![Effect::Stats { generation, population, groups, request }]
}

/// Takes an answer in; `None` if counting was cancelled or failed.
pub(super) fn answered(state: &mut State, generation: u64, report: Option<Arc<StatsReport>>) {
    let Some(asked) = state.statistics.asked.as_ref().filter(|asked| asked.generation == generation) else { return };
    state.statistics.counting = false;
    let Some(report) = report else {
        (state.statistics.stale, state.statistics.failed) = (true, true);
        return;
    };
    let columns = &asked.population.columns;
    let facets = asked
        .groups
        .iter()
        .map(|group| {
            let is = |other: &RoaringBitmap| *group.samples == *other;
            // The window has counted these two already.
            let is_same = Arc::ptr_eq(&asked.population.columns, &state.population.columns);
            if is_same && is(&state.result.matching) {
                Arc::clone(&state.result.facets)
            } else if is_same && group.samples.len() == u64::from(columns.len()) {
                Arc::clone(&state.whole)
            } else {
                Arc::new(Facets::count(columns, &group.samples))
            }
        })
        .collect();
    let population = Arc::clone(&asked.population);
    state.statistics.counted = Some(Arc::new(Counted { report, facets, population, beside: asked.beside }));
}
