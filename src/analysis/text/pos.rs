//! Words by part of speech (the LGS paper's Table 3, Figures Supp-5 and Supp-6).
//!
//! **Part of speech**: Universal POS tags of each caption by the tagger ([`tagger`](super::tagger)); per tag: number of distinct
//! lower-cased words with `min_count` (10) occurrences or more, the top 20 (ties alphabetical), token share. A word is what
//! [`split`] makes of the caption, lower-cased one character for one.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::intern::{Interner, Words};
use super::ngrams::top::{Ranked, Top};
use super::tagger::{Tag, TagWords, split};
use super::tokens::lower_into;

/// Counts words by tag: belongs to one worker.
pub struct PosCounter<T> {
    tagger: T,
    tags: Vec<Tag>,
    interner: Interner,
    buffer: String,
    captions: u64,
    tokens: [u64; Tag::COUNT],
}

impl<T: TagWords> PosCounter<T> {
    /// A counter that tags with `tagger` (a [`Session`](super::tagger::Session), usually).
    #[must_use]
    pub fn new(tagger: T) -> Self {
        Self {
            tagger,
            tags: Vec::new(),
            interner: Interner::new(),
            buffer: String::new(),
            captions: 0,
            tokens: [0; Tag::COUNT],
        }
    }

    /// Adds one caption.
    pub fn push(&mut self, caption: &str) {
        self.captions += 1;
        for sentence in split(caption).iter() {
            self.tagger.tag(sentence, &mut self.tags);
            for (word, &tag) in sentence.iter().zip(&self.tags) {
                self.tokens[tag as usize] += 1;
                // One table for all tags: a word begins with the letter of its tag.
                self.buffer.clear();
                self.buffer.push(letter(tag));
                lower_into(word, &mut self.buffer);
                let length = self.buffer.len();
                // The table reads eight bytes from the beginning of a word; zero bytes are what it fills short ones with.
                self.buffer.push_str("        ");
                let text = self.buffer.as_bytes();
                if text[..length].contains(&0) {
                    let clean: Vec<u8> = text.iter().map(|&byte| if byte == 0 { b' ' } else { byte }).collect();
                    self.interner.id(&clean, 0, length);
                } else {
                    self.interner.id(text, 0, length);
                }
            }
        }
    }

    /// The counts of everything pushed.
    #[must_use]
    pub fn finish(self) -> PosPartial {
        let (words, counts) = self.interner.finish();
        let mut partial = PosPartial { captions: self.captions, tokens: self.tokens, ..PosPartial::default() };
        for index in words.sorted() {
            partial.words.push(words.get(index));
            partial.counts.push(u64::from(counts[index as usize]));
        }
        partial
    }
}

fn letter(tag: Tag) -> char {
    char::from(b'A' + tag as u8)
}

/// Counts of words by tag; partials of disjoint captions [`merge`](Self::merge).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Plain", try_from = "Plain")]
pub struct PosPartial {
    captions: u64,
    tokens: [u64; Tag::COUNT],
    /// Letter of the tag and word, ascending.
    words: Words,
    counts: Vec<u64>,
}

/// What a [`PosPartial`] is written as.
#[derive(Serialize, Deserialize)]
struct Plain {
    captions: u64,
    tokens: [u64; Tag::COUNT],
    words: Vec<(String, u64)>,
}

impl From<PosPartial> for Plain {
    fn from(partial: PosPartial) -> Self {
        let words = partial.counts.iter().enumerate();
        Self {
            captions: partial.captions,
            tokens: partial.tokens,
            words: words.map(|(i, &count)| (partial.words.word(i as u32).to_owned(), count)).collect(),
        }
    }
}

impl TryFrom<Plain> for PosPartial {
    type Error = &'static str;

    fn try_from(plain: Plain) -> Result<Self, Self::Error> {
        let is_ascending = plain.words.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !is_ascending || plain.words.iter().any(|(word, _)| !word.starts_with(|c| ('A'..='Q').contains(&c))) {
            return Err("the cached words by part of speech are damaged; they have to be counted again");
        }
        let mut partial = Self { captions: plain.captions, tokens: plain.tokens, ..Self::default() };
        for (word, count) in plain.words {
            partial.words.push(word.as_bytes());
            partial.counts.push(count);
        }
        Ok(partial)
    }
}

impl PosPartial {
    /// Both partials together: associative and commutative.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let mut sum = Self { captions: self.captions + other.captions, ..Self::default() };
        sum.tokens.iter_mut().enumerate().for_each(|(tag, n)| *n = self.tokens[tag] + other.tokens[tag]);
        let (mut a, mut b) = (0, 0);
        while a < self.counts.len() || b < other.counts.len() {
            let order = if a == self.counts.len() {
                Ordering::Greater
            } else if b == other.counts.len() {
                Ordering::Less
            } else {
                self.words.get(a as u32).cmp(other.words.get(b as u32))
            };
            let mut count = 0;
            sum.words.push(if order.is_le() { self.words.get(a as u32) } else { other.words.get(b as u32) });
            if order.is_le() {
                count += self.counts[a];
                a += 1;
            }
            if order.is_ge() {
                count += other.counts[b];
                b += 1;
            }
            sum.counts.push(count);
        }
        sum
    }

    /// Number of captions.
    #[must_use]
    pub fn captions(&self) -> u64 {
        self.captions
    }

    /// The statistics of every tag, in the order of [`Tag::ALL`].
    #[must_use]
    pub fn stats(&self, min_count: u64, top: usize) -> Vec<PosStats> {
        let all: u64 = self.tokens.iter().sum();
        let mut stats: Vec<PosStats> = Tag::ALL
            .into_iter()
            .map(|tag| PosStats {
                tag,
                distinct: 0,
                at_least_min: 0,
                tokens: self.tokens[tag as usize],
                share: self.tokens[tag as usize] as f64 / all.max(1) as f64,
                top: Vec::new(),
            })
            .collect();
        let mut tops: Vec<Top<&str>> = Tag::ALL.iter().map(|_| Top::new(top)).collect();
        for (i, &count) in self.counts.iter().enumerate() {
            let (letter, word) = self.words.word(i as u32).split_at(1);
            let tag = usize::from(letter.as_bytes()[0] - b'A');
            stats[tag].distinct += 1;
            stats[tag].at_least_min += u64::from(count >= min_count);
            if tops[tag].wants(count) {
                tops[tag].push(Ranked { count, key: word });
            }
        }
        for (stats, top) in stats.iter_mut().zip(tops) {
            stats.top = top
                .into_sorted()
                .into_iter()
                .map(|ranked| WordCount { word: ranked.key.into(), count: ranked.count })
                .collect();
        }
        stats
    }
}

/// A word and how often it was seen with a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordCount {
    /// The word, lower-cased.
    pub word: String,
    /// Number of occurrences.
    pub count: u64,
}

/// Statistics of one tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PosStats {
    /// The tag.
    pub tag: Tag,
    /// Distinct lower-cased words with this tag.
    pub distinct: u64,
    /// Those with `min_count` occurrences or more.
    pub at_least_min: u64,
    /// Occurrences of the tag.
    pub tokens: u64,
    /// Share of those in all words, `0.0..=1.0`.
    pub share: f64,
    /// The most frequent words, ties alphabetical.
    pub top: Vec<WordCount>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tags a word by its first letter: small `n` is a noun, all else other.
    struct ByLetter;

    impl TagWords for ByLetter {
        fn tag(&mut self, words: &[&str], tags: &mut Vec<Tag>) {
            tags.clear();
            tags.extend(words.iter().map(|word| if word.starts_with(['n', 'N']) { Tag::Noun } else { Tag::X }));
        }
    }

    fn partial(captions: &[&str]) -> PosPartial {
        let mut counter = PosCounter::new(ByLetter);
        for caption in captions {
            counter.push(caption);
        }
        counter.finish()
    }

    #[test]
    fn words_are_counted_by_tag() {
        let stats = partial(&["Nut nut b", "", "a nap b NIP nip", "a\0b"]).stats(2, 2);
        let noun = &stats[Tag::Noun as usize];
        let word = |word: &str, count| WordCount { word: word.into(), count };
        assert_eq!((noun.distinct, noun.at_least_min, noun.tokens), (3, 2, 5));
        assert_eq!(noun.top, [word("nip", 2), word("nut", 2)]);
        assert_eq!(noun.share, 5.0 / 9.0);
        assert_eq!(stats[Tag::X as usize].distinct, 3);
        assert_eq!(stats[Tag::Verb as usize].tokens, 0);
    }

    #[test]
    fn merging_is_the_whole_in_any_order() {
        let parts = [
            partial(&["nut b c"]),
            partial(&["a nut", "zebra-crossing nougatines"]),
            partial(&[]),
            partial(&["b c d"]),
        ];
        let whole = partial(&["nut b c", "a nut", "zebra-crossing nougatines", "b c d"]);
        let forward = parts.iter().fold(PosPartial::default(), |sum, part| sum.merge(part));
        let backward = parts.iter().rev().fold(PosPartial::default(), |sum, part| part.merge(&sum));
        assert_eq!(forward, whole);
        assert_eq!(backward, whole);
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<PosPartial>(&text).unwrap(), whole);
        assert!(serde_json::from_str::<PosPartial>(&text.replace("Hnut", "?nut")).is_err());
    }
}
