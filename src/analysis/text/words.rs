//! Words of a caption: how long captions are (the LGS paper's Table 2).
//!
//! **Words of a caption**: the caption split at Unicode white space (the `White_Space` property, which
//! `str::split_whitespace` uses; Python's `str.split()` splits at U+001C..U+001F too and is not the same).
//! Of the numbers of words: min, max, mean, median, population standard deviation, skew = third
//! standardised moment (population), as `scipy.stats.skew(bias=True)`, and a log-binned histogram.
//!
//! A caption that is missing (null) is no caption; an empty one is a caption of 0 words.
//!
//! The partial is the histogram of the lengths itself (at most a few thousand distinct ones): merging is
//! adding counts, so it is exact, associative and commutative, and the moments are taken once at the end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Number of words of a caption: its parts between Unicode white space.
///
/// Captions are mostly ASCII: there a byte starts a word where it is no white space and the byte before it is.
#[must_use]
pub fn count_words(caption: &str) -> u64 {
    if !caption.is_ascii() {
        return caption.split_whitespace().count() as u64;
    }
    let mut words = 0;
    let mut in_word = false;
    for &byte in caption.as_bytes() {
        // ASCII members of White_Space: U+0009..U+000D and U+0020.
        let is_space = byte == b' ' || (9..=13).contains(&byte);
        words += u64::from(!is_space && !in_word);
        in_word = !is_space;
    }
    words
}

/// Counts of caption lengths of some captions; partials of disjoint captions [`merge`](Self::merge).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordsPartial {
    /// Words in a caption -> number of captions with that many.
    lengths: BTreeMap<u64, u64>,
}

impl WordsPartial {
    /// The partial of some captions (missing ones left out by the caller).
    pub fn of<'a>(captions: impl IntoIterator<Item = &'a str>) -> Self {
        let mut partial = Self::default();
        captions.into_iter().for_each(|caption| partial.push(caption));
        partial
    }

    /// Adds one caption.
    pub fn push(&mut self, caption: &str) {
        self.push_length(count_words(caption));
    }

    /// Adds one caption of which the number of words is known.
    pub fn push_length(&mut self, words: u64) {
        *self.lengths.entry(words).or_default() += 1;
    }

    /// Adds another partial: associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        for (&words, &captions) in &other.lengths {
            *self.lengths.entry(words).or_default() += captions;
        }
    }

    /// Number of captions.
    #[must_use]
    pub fn captions(&self) -> u64 {
        self.lengths.values().sum()
    }

    /// The statistics; `None` when there is no caption.
    #[must_use]
    pub fn stats(&self) -> Option<WordsStats> {
        let captions = self.captions();
        let (&min, _) = self.lengths.first_key_value()?;
        let (&max, _) = self.lengths.last_key_value()?;
        let n = captions as f64;
        let total: u64 = self.lengths.iter().map(|(&words, &count)| words * count).sum();
        let mean = total as f64 / n;
        // Central moments in a second pass over the lengths: raw moments would cancel.
        let (mut m2, mut m3) = (0.0, 0.0);
        for (&words, &count) in &self.lengths {
            let d = words as f64 - mean;
            m2 += count as f64 * d * d;
            m3 += count as f64 * d * d * d;
        }
        let (m2, m3) = (m2 / n, m3 / n);
        Some(WordsStats {
            captions,
            min,
            max,
            mean,
            median: self.median(captions),
            std: m2.sqrt(),
            skew: (min < max).then(|| m3 / m2.powf(1.5)),
            total,
        })
    }

    /// The middle length, the mean of the two middle ones for an even number of captions.
    fn median(&self, captions: u64) -> f64 {
        let at = |rank: u64| {
            let mut seen = 0;
            self.lengths.iter().find(|&(_, &count)| {
                seen += count;
                seen > rank
            })
        };
        let value = |rank| at(rank).map_or(0, |(&words, _)| words) as f64;
        f64::midpoint(value((captions - 1) / 2), value(captions / 2))
    }

    /// The log-binned histogram: `per_doubling` bins for each factor of two, the lower edge of bin `k` is
    /// `ceil(2^(k / per_doubling))`; bins that hold no whole number are left out, empty ones inside the range
    /// are kept. Captions of 0 words have a bin of their own, which is there only if there are any.
    #[must_use]
    pub fn histogram(&self, per_doubling: u32) -> Vec<LengthBin> {
        let mut bins = Vec::new();
        if let Some(&captions) = self.lengths.get(&0) {
            bins.push(LengthBin { from: 0, to: 0, captions });
        }
        let Some(&max) = self.lengths.keys().next_back() else { return bins };
        let per_doubling = f64::from(per_doubling.max(1));
        let mut from = 1;
        let mut bin = 1.0;
        while from <= max {
            let next = (bin / per_doubling).exp2().ceil() as u64;
            bin += 1.0;
            if next > from {
                let captions = self.lengths.range(from..next).map(|(_, &count)| count).sum();
                if captions > 0 || bins.iter().any(|b| b.from > 0) {
                    bins.push(LengthBin { from, to: next - 1, captions });
                }
                from = next;
            }
        }
        bins
    }
}

/// Statistics of the number of words of captions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WordsStats {
    /// Number of captions.
    pub captions: u64,
    /// Words of the shortest caption.
    pub min: u64,
    /// Words of the longest caption.
    pub max: u64,
    /// Mean number of words.
    pub mean: f64,
    /// Median number of words (mean of the two middle ones for an even number of captions).
    pub median: f64,
    /// Population standard deviation.
    pub std: f64,
    /// Third standardised moment (population), as `scipy.stats.skew(bias=True)`; `None` if all are equally long.
    pub skew: Option<f64>,
    /// Words of all captions together.
    pub total: u64,
}

/// One bin of the log-binned histogram: captions of `from..=to` words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LengthBin {
    /// Fewest words.
    pub from: u64,
    /// Most words (inclusive).
    pub to: u64,
    /// Number of captions.
    pub captions: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_between_white_space() {
        let check = |caption: &str, expect: u64| assert_eq!(count_words(caption), expect, "{caption:?}");
        check("", 0);
        check(" \t\r\n\u{b}\u{c} ", 0);
        check("a", 1);
        check("  a  b ", 2);
        check("a-b,c", 1);
        check("a\u{1c}b", 1); // no White_Space, though Python's str.split() splits there
        check("a\u{a0}b\u{3000}c\u{2028}d\u{85}e", 5);
        check("zero\u{200b}width", 1);
        check("\u{1F600} \u{1F600}", 2);
    }

    #[test]
    fn statistics_are_those_of_scipy() {
        // numpy and scipy.stats.skew(bias=True) of [1, 2, 2, 9]: mean 3.5, std 3.2015621, skew 1.0970254.
        let stats = WordsPartial::of(["a", "b c", "d e", "1 2 3 4 5 6 7 8 9"]).stats().unwrap();
        assert_eq!((stats.captions, stats.min, stats.max, stats.total), (4, 1, 9, 14));
        assert_eq!((stats.mean, stats.median), (3.5, 2.0));
        assert!((stats.std - 3.201_562_1).abs() < 1e-7, "{}", stats.std);
        assert!((stats.skew.unwrap() - 1.097_025_4).abs() < 1e-6, "{:?}", stats.skew);
        assert_eq!(WordsPartial::default().stats(), None);
        let same = WordsPartial::of(["a b", "c d"]).stats().unwrap();
        assert_eq!((same.std, same.skew), (0.0, None));
    }

    #[test]
    fn merging_is_the_whole() {
        let captions: Vec<String> = (0..200).map(|i| "w ".repeat(i * i % 37)).collect();
        let whole = WordsPartial::of(captions.iter().map(String::as_str));
        let parts: Vec<WordsPartial> =
            captions.chunks(13).map(|part| WordsPartial::of(part.iter().map(String::as_str))).collect();
        let fold = |parts: &mut dyn Iterator<Item = &WordsPartial>| {
            let mut sum = WordsPartial::default();
            parts.for_each(|part| sum.merge(part));
            sum
        };
        assert_eq!(fold(&mut parts.iter()), whole);
        assert_eq!(fold(&mut parts.iter().rev()), whole);
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<WordsPartial>(&text).unwrap(), whole);
    }

    #[test]
    fn bins_cover_every_caption_once() {
        let mut partial = WordsPartial::default();
        for words in [0, 1, 1, 3, 4, 7, 50, 3642] {
            partial.push_length(words);
        }
        let bins = partial.histogram(2);
        assert_eq!(bins.iter().map(|bin| bin.captions).sum::<u64>(), 8);
        assert!(bins.windows(2).skip(1).all(|pair| pair[0].to + 1 == pair[1].from), "{bins:?}");
        assert_eq!(bins[0], LengthBin { from: 0, to: 0, captions: 1 });
        assert_eq!(bins[1], LengthBin { from: 1, to: 1, captions: 2 });
        assert!(bins.last().unwrap().to >= 3642);
    }
}
