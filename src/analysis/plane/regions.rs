//! Names of regions of a map: what lies close together there and hardly anywhere else.
//!
//! **By a name a sample** ([`by_names`]; leaf, level of the taxonomy, brand): the unit square is cut into [`SIDE`] x [`SIDE`] cells, and the samples
//! of every name are counted a cell. A region of a name is a peak of its counts (smoothed over the 3 x 3 cells around), its weight is how many of the
//! name are in the 9 x 9 cells around (a large heap is no lighter than a dense one) times their share of all samples at the peak: a name that is
//! everywhere marks nothing.
//!
//! **By words** ([`by_words`]): at four scales, from an eighth of the square to a sixty-fourth, a region is a peak of the density with the 3 x 3 cells
//! around it. Its words are those whose share of captions there exceeds their share elsewhere by most standard deviations (the smoothed log-odds of
//! [`lift`]); large regions come before small ones.
//!
//! Either way the heaviest come first, and the view leaves out those that would overlap, so that more of them appear as one zooms in.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::analysis::text::lift::lift;
use crate::base::{CancelToken, Cancelled};
use crate::catalog::NONE;

/// Cells a side for names.
const SIDE: usize = 96;

/// Cells a side for words, from the coarsest.
const SCALES: [usize; 4] = [8, 16, 32, 64];

/// Most regions that are kept.
const MOST: usize = 400;

/// Share of a name among all samples of its region from which on it is worth its label.
const SHARE: f32 = 0.35;

/// Captions of a region for which words are worth saying.
const LEAST: usize = 12;

/// Share of the captions of a region that hold a word that stands for it.
const WORD_SHARE: f64 = 0.2;

/// Share of the captions with a region's first word that hold the second, too.
const TOGETHER: f64 = 0.35;

/// Standard deviations by which a word's log-odds exceed 0 in a region that it stands for.
const WORD_Z: f64 = 3.0;

/// English words that only join others, sorted: long captions hold more of them than short ones, which would make them marks of a region.
const JOINING: [&str; 96] = [
    "about", "after", "all", "also", "always", "and", "any", "are", "back", "because", "been", "before", "best",
    "between", "both", "but", "can", "comes", "could", "does", "each", "etc", "even", "every", "for", "from", "get",
    "gets", "give", "has", "have", "her", "here", "him", "his", "how", "into", "its", "just", "like", "made", "make",
    "makes", "many", "may", "more", "most", "much", "must", "need", "not", "off", "one", "ones", "only", "other",
    "our", "out", "over", "per", "same", "she", "should", "some", "such", "than", "that", "the", "their", "them",
    "then", "there", "these", "they", "this", "those", "through", "too", "under", "until", "use", "used", "very",
    "was", "well", "were", "what", "when", "where", "which", "while", "who", "will", "with", "without", "your",
];

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The name.
    pub text: Arc<str>,
    /// Its place in the unit square: the mean of its samples there.
    pub place: [f32; 2],
    /// Samples of the name there.
    pub samples: u32,
    /// Their share of all samples there, 0 to 1.
    pub share: f32,
}

fn cell_of(place: [f32; 2], side: usize) -> Option<usize> {
    if !(place[0].is_finite() && place[1].is_finite()) {
        return None;
    }
    let [x, y] = place.map(|value| ((value * side as f32) as usize).min(side - 1));
    Some(y * side + x)
}

/// The cells round one, itself included.
fn around(cell: usize, side: usize) -> impl Iterator<Item = usize> {
    within(cell, side, 1)
}

/// The cells up to `reach` from one, itself included.
fn within(cell: usize, side: usize, reach: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (cell % side, cell / side);
    (y.saturating_sub(reach)..=(y + reach).min(side - 1))
        .flat_map(move |y| (x.saturating_sub(reach)..=(x + reach).min(side - 1)).map(move |x| y * side + x))
}

/// Keeps labels that do not say again, nearby, what a heavier one says; at most [`MOST`].
fn kept(found: impl IntoIterator<Item = (Label, f32)>) -> Vec<Label> {
    let mut kept: Vec<Label> = Vec::new();
    for (label, reach) in found {
        let near = |other: &Label| {
            other.text == label.text && (other.place[0] - label.place[0]).hypot(other.place[1] - label.place[1]) < reach
        };
        if kept.len() == MOST {
            break;
        }
        if !kept.iter().any(near) {
            kept.push(label);
        }
    }
    kept
}

/// Samples of a name in a cell, and the sum of their places.
type Heap = (u32, [f32; 2]);

/// The regions of names, heaviest first. `ids` gives the name of each row ([`NONE`] without one), `name` its text.
#[must_use]
pub fn by_names(places: &[[f32; 2]], ids: &[u32], name: impl Fn(u32) -> Arc<str>) -> Vec<Label> {
    let mut all = vec![0_u32; SIDE * SIDE];
    let mut names: BTreeMap<u32, BTreeMap<u32, Heap>> = BTreeMap::new();
    for (place, id) in places.iter().zip(ids) {
        let Some(cell) = cell_of(*place, SIDE) else { continue };
        all[cell] += 1;
        if *id != NONE {
            let (count, sum) = names.entry(*id).or_default().entry(cell as u32).or_default();
            *count += 1;
            *sum = [sum[0] + place[0], sum[1] + place[1]];
        }
    }
    let mut found: Vec<(f32, Label)> = Vec::new();
    for (id, cells) in &names {
        let smooth: BTreeMap<u32, Heap> = cells
            .keys()
            .map(|cell| {
                let mut sum = (0, [0.0; 2]);
                for near in around(*cell as usize, SIDE) {
                    if let Some((count, place)) = cells.get(&(near as u32)) {
                        sum = (sum.0 + count, [sum.1[0] + place[0], sum.1[1] + place[1]]);
                    }
                }
                (*cell, sum)
            })
            .collect();
        for (cell, (count, place)) in &smooth {
            // A peak: no neighbour has more; of equals the first.
            let is_peak = around(*cell as usize, SIDE)
                .filter_map(|near| Some((near as u32, smooth.get(&(near as u32))?.0)))
                .all(|(near, other)| other < *count || (other == *count && near >= *cell));
            if !is_peak || *count < 3 {
                continue;
            }
            let here: u32 = around(*cell as usize, SIDE).map(|near| all[near]).sum();
            let share = *count as f32 / here as f32;
            if share >= SHARE {
                let place = [place[0] / *count as f32, place[1] / *count as f32];
                let heap: u32 = within(*cell as usize, SIDE, 4)
                    .filter_map(|near| cells.get(&(near as u32)))
                    .map(|(count, _)| count)
                    .sum();
                found.push((heap as f32 * share, Label { text: name(*id), place, samples: *count, share }));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    // Two peaks of one name in one heap are one region.
    kept(found.into_iter().map(|(_, label)| (label, 0.06)))
}

/// The words of some captions: each caption's distinct words as ascending numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Captions {
    /// The words by number.
    pub words: Vec<Arc<str>>,
    /// Where each caption's words begin, and the end of the last.
    starts: Vec<usize>,
    ids: Vec<u32>,
    numbers: FxHashMap<Arc<str>, u32>,
}

impl Captions {
    /// Without captions.
    #[must_use]
    pub fn new() -> Self {
        Self { starts: vec![0], ..Self::default() }
    }

    /// Adds the next caption by its words in lower case; numbers, those of fewer than three letters and those that only join others name nothing
    /// and are left out.
    pub fn push<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) {
        let first = self.ids.len();
        for word in words {
            let is_short = word.chars().count() < 3;
            if is_short || !word.chars().any(char::is_alphabetic) || JOINING.binary_search(&word).is_ok() {
                continue;
            }
            let id = if let Some(id) = self.numbers.get(word) {
                *id
            } else {
                let (id, word) = (self.words.len() as u32, Arc::<str>::from(word));
                self.words.push(Arc::clone(&word));
                self.numbers.insert(word, id);
                id
            };
            self.ids.push(id);
        }
        let own = &mut self.ids[first..];
        own.sort_unstable();
        let mut kept = first;
        for at in first..self.ids.len() {
            if at == first || self.ids[at] != self.ids[at - 1] {
                self.ids[kept] = self.ids[at];
                kept += 1;
            }
        }
        self.ids.truncate(kept);
        self.starts.push(kept);
    }

    /// Number of captions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// True without captions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of(&self, caption: usize) -> &[u32] {
        &self.ids[self.starts[caption]..self.starts[caption + 1]]
    }
}

/// The regions by their words, large ones first. `places` are those of the captions.
///
/// # Errors
/// [`Cancelled`] on request.
pub fn by_words(places: &[[f32; 2]], captions: &Captions, cancel: &CancelToken) -> Result<Vec<Label>, Cancelled> {
    let mut whole = vec![0_u64; captions.words.len()];
    for caption in 0..captions.len() {
        for word in captions.of(caption) {
            whole[*word as usize] += 1;
        }
    }
    let all: u64 = whole.iter().sum();
    let mut found: Vec<(Label, f32)> = Vec::new();
    for side in SCALES {
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); side * side];
        for (row, place) in places.iter().enumerate().take(captions.len()) {
            if let Some(cell) = cell_of(*place, side) {
                members[cell].push(row as u32);
            }
        }
        let heights: Vec<usize> =
            (0..side * side).map(|cell| around(cell, side).map(|near| members[near].len()).sum()).collect();
        let mut here: Vec<(f64, Label)> = Vec::new();
        for cell in 0..side * side {
            let is_peak = around(cell, side)
                .all(|near| heights[near] < heights[cell] || (heights[near] == heights[cell] && near >= cell));
            if !is_peak || heights[cell] < LEAST {
                continue;
            }
            cancel.check()?;
            let rows: Vec<u32> = around(cell, side).flat_map(|near| members[near].iter().copied()).collect();
            here.extend(region(&rows, places, captions, &whole, all));
        }
        here.sort_by(|a, b| b.0.total_cmp(&a.0));
        // A word that stands for the large region is not said again inside it.
        found.extend(here.into_iter().map(|(_, label)| (label, 2.0 / side as f32)));
    }
    Ok(kept(found))
}

/// The words that mark some rows against all others, with how strongly.
fn region(rows: &[u32], places: &[[f32; 2]], captions: &Captions, whole: &[u64], all: u64) -> Option<(f64, Label)> {
    let mut counts: FxHashMap<u32, u64> = FxHashMap::default();
    let mut own = 0;
    for row in rows {
        for word in captions.of(*row as usize) {
            *counts.entry(*word).or_default() += 1;
            own += 1;
        }
    }
    let least = (rows.len() as f64 * WORD_SHARE).max(3.0);
    let items = counts
        .iter()
        .filter(|(_, count)| **count as f64 >= least)
        .map(|(word, count)| (&captions.words[*word as usize], *word, *count))
        .map(|(text, word, count)| ((text, word), [count, whole[word as usize] - count]));
    // A prior of a tenth of the region: small regions are not marked by two captions alike.
    let marks = lift(items, [own, all - own], (own as f64 * 0.1).max(10.0));
    let first = marks.first().filter(|mark| mark.z >= WORD_Z)?;
    let holds = |row: u32, word: u32| captions.of(row as usize).binary_search(&word).is_ok();
    let own_rows: Vec<u32> = rows.iter().copied().filter(|row| holds(*row, first.item.1)).collect();
    // The second word says more of the same captions; one of others would be another region's.
    let is_with = |word: u32| {
        let both = own_rows.iter().filter(|row| holds(**row, word)).count();
        both as f64 >= TOGETHER * own_rows.len() as f64
    };
    let is_other = |text: &str| !text.starts_with(&first.item.0[..]) && !first.item.0.starts_with(text);
    let strong = marks[1..].iter().take_while(|mark| mark.z >= WORD_Z);
    let second = strong.take(12).find(|mark| is_other(mark.item.0) && is_with(mark.item.1));
    let text = std::iter::once(first).chain(second).map(|mark| &**mark.item.0).collect::<Vec<_>>().join(" ");
    // The label stands among the captions that hold its first word.
    let (mut count, mut sum) = (0_u32, [0.0_f32; 2]);
    for row in &own_rows {
        let place = places[*row as usize];
        count += 1;
        sum = [sum[0] + place[0], sum[1] + place[1]];
    }
    let place = sum.map(|sum| sum / count.max(1) as f32);
    let share = count as f32 / rows.len().max(1) as f32;
    Some((first.z, Label { text: text.into(), place, samples: count, share }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three heaps of thirty in a row, and a haze of ten.
    fn places() -> Vec<[f32; 2]> {
        (0..100)
            .map(|i| {
                let (heap, at) = (i / 30, (i % 30) as f32);
                if heap == 3 {
                    return [0.05 + at * 0.09, 0.05];
                }
                [0.2 + 0.3 * heap as f32 + 0.01 * (at / 6.0).floor(), 0.5 + 0.01 * (at % 6.0)]
            })
            .collect()
    }

    #[test]
    fn names_stand_where_they_are_and_those_that_are_everywhere_mark_nothing() {
        // Two heaps of one name each, one mixed evenly of both and a third; the haze has none.
        let ids: Vec<u32> = (0..100)
            .map(|i| {
                if i < 30 {
                    0
                } else if i < 60 {
                    1
                } else if i < 90 {
                    i % 3
                } else {
                    NONE
                }
            })
            .collect();
        let labels = by_names(&places(), &ids, |id| format!("name {id}").into());
        let mut said: Vec<&str> = labels.iter().take(2).map(|label| &*label.text).collect();
        said.sort_unstable();
        assert_eq!(said, ["name 0", "name 1"], "the heaviest first");
        let first = labels.iter().find(|label| &*label.text == "name 0").unwrap();
        assert!((first.place[0] - 0.22).abs() < 0.03 && first.share > 0.9, "{first:?}");
        let mixed: u32 = labels.iter().filter(|label| label.place[0] > 0.7).map(|label| label.samples).sum();
        assert!(mixed <= 6, "a third each is hardly a region: {labels:?}");
        assert!(by_names(&[[f32::NAN, 0.5]; 9], &[0; 9], |_| "x".into()).is_empty(), "what has no place has no region");
    }

    #[test]
    fn a_large_heap_comes_before_a_dense_one() {
        // 200 samples over some eight cells a side, and 60 in one cell.
        let wide = (0..200).map(|i| [0.2 + 0.008 * (i % 10) as f32, 0.2 + 0.004 * (i / 10) as f32]);
        let places: Vec<[f32; 2]> = wide.chain((0..60).map(|_| [0.705, 0.705])).collect();
        let ids: Vec<u32> = (0..260).map(|i| u32::from(i >= 200)).collect();
        let labels = by_names(&places, &ids, |id| format!("name {id}").into());
        assert_eq!(&*labels[0].text, "name 0", "{labels:?}");
        assert!(labels.iter().any(|label| &*label.text == "name 1" && label.samples == 60));
    }

    #[test]
    fn joining_words_are_sorted() {
        assert!(JOINING.is_sorted());
    }

    #[test]
    fn words_stand_where_they_are_over_represented() {
        let mut captions = Captions::new();
        for i in 0..100 {
            let own = ["red wool scarf", "blue glass vase 12", "the green chair", ""][i / 30];
            let text = format!("the {own} of a shop");
            captions.push(text.split(' '));
        }
        assert_eq!(captions.len(), 100);
        let labels = by_words(&places(), &captions, &CancelToken::default()).unwrap();
        let near = |x: f32| {
            labels.iter().find(|label| (label.place[0] - x).abs() < 0.08).map_or("", |label| &label.text).to_owned()
        };
        for (x, words) in [(0.22, "red scarf wool"), (0.52, "blue glass vase"), (0.82, "chair green")] {
            let found = near(x);
            assert!(!found.is_empty() && found.split(' ').all(|word| words.contains(word)), "{x}: {found}");
        }
        assert!(!labels.iter().any(|label| label.text.contains("the") || label.text.contains("shop")), "{labels:?}");
        // The same words everywhere mark no region.
        let mut same = Captions::new();
        for _ in 0..100 {
            same.push(["red", "blue", "green"]);
        }
        assert_eq!(by_words(&places(), &same, &CancelToken::default()), Ok(Vec::new()));
        let cancelled = CancelToken::default();
        cancelled.cancel();
        assert_eq!(by_words(&places(), &captions, &cancelled), Err(Cancelled));
    }
}
