//! Generated captions, for benches and tests at a size that no bundled data has.
//!
//! The words follow Zipf's law (the word of rank `r` has a share of about `1 / r`), the lengths are log-normal with the LGS paper's
//! median of 67 and mean of about 90 words, cut to `2..=3642`. So that n-grams repeat as they do in text, a word is often determined
//! by the one before it. Same seed, same captions, on every machine.

/// Makes captions.
#[derive(Clone, Debug)]
pub struct Generator {
    state: u64,
    log_words: f64,
    words: u32,
}

impl Generator {
    /// A generator over `words` distinct words (at least 2).
    #[must_use]
    pub fn new(seed: u64, words: u32) -> Self {
        let words = words.max(2);
        Self { state: seed, log_words: f64::from(words).ln(), words }
    }

    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In `0.0..1.0`.
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The ranks of the words of the next caption, from 1 (the most frequent) to the number of words.
    pub fn ranks(&mut self, into: &mut Vec<u32>) {
        into.clear();
        // The sum of twelve uniform numbers is normal enough; no library of another version changes it.
        let normal = (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0;
        let length = (67.0 * libm::exp(0.77 * normal)).clamp(2.0, 3642.0) as usize;
        let mut before = 0_u32;
        for _ in 0..length {
            let rank = if before > 0 && self.next() % 20 < 9 {
                // One of three followers of the word before.
                let follower = u64::from(before) * 3 + self.next() % 3;
                let spread = (follower.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64 / (1_u64 << 53) as f64;
                self.zipf(spread * 0.75)
            } else {
                let u = self.uniform();
                self.zipf(u)
            };
            into.push(rank);
            before = rank;
        }
    }

    fn zipf(&self, u: f64) -> u32 {
        (libm::exp(u * self.log_words) as u32).clamp(1, self.words)
    }

    /// The next caption as text: each word is one token; some are capitalised, some are followed by a comma or a full stop.
    pub fn caption(&mut self, ranks: &mut Vec<u32>, into: &mut String) {
        self.ranks(ranks);
        into.clear();
        let mut starts = true;
        for &rank in &*ranks {
            if !into.is_empty() {
                into.push(' ');
            }
            let at = into.len();
            word_into(rank, into);
            let draw = self.next() % 64;
            if starts || draw < 4 {
                into[at..=at].make_ascii_uppercase();
            }
            starts = (4..8).contains(&draw);
            match draw {
                4..8 => into.push('.'),
                8..13 => into.push(','),
                _ => {}
            }
        }
    }
}

/// The word of a rank: consonants and vowels in turn, longer for rarer words; different ranks give different words.
pub fn word_into(rank: u32, into: &mut String) {
    const CONSONANTS: &[u8; 16] = b"bcdfghklmnprstvw";
    const VOWELS: &[u8; 4] = b"aeio";
    let mut rest = rank;
    let mut consonant = rank.is_multiple_of(2);
    loop {
        // The last letter says how the word began, so that no two ranks meet.
        let letters: &[u8] = if consonant { CONSONANTS } else { VOWELS };
        into.push(letters[rest as usize % letters.len()] as char);
        rest /= letters.len() as u32;
        consonant = !consonant;
        if rest == 0 {
            break;
        }
    }
    into.push(if rank.is_multiple_of(2) { 'y' } else { 'n' });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_distinct_tokens() {
        let mut seen = std::collections::HashSet::new();
        for rank in 1..100_000 {
            let mut word = String::new();
            word_into(rank, &mut word);
            assert_eq!(super::super::tokens::tokens(&word), [word.clone()]);
            assert!(seen.insert(word), "{rank}");
        }
    }

    #[test]
    fn captions_are_as_long_as_those_of_the_paper() {
        let mut generator = Generator::new(7, 400_000);
        let (mut ranks, mut caption) = (Vec::new(), String::new());
        let mut words = super::super::words::WordsPartial::default();
        for _ in 0..4000 {
            generator.caption(&mut ranks, &mut caption);
            words.push(&caption);
            assert_eq!(super::super::words::count_words(&caption), ranks.len() as u64);
        }
        let stats = words.stats().unwrap();
        assert!((80.0..100.0).contains(&stats.mean), "{stats:?}");
        assert!((60.0..74.0).contains(&stats.median), "{stats:?}");
    }
}
