//! A short list of the nearest candidates of one row.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined does not become vector code of the instruction set that was picked"
)]

/// The nearest `room` candidates, by (score, number) ascending.
///
/// Candidates come in rising order of their numbers, so a new one with the score of the last loses to it.
pub(super) struct Shortlist<'a> {
    scores: &'a mut [f32],
    numbers: &'a mut [u32],
}

/// What an empty place holds.
pub(super) const NOBODY: u32 = u32::MAX;

impl<'a> Shortlist<'a> {
    pub(super) fn new(scores: &'a mut [f32], numbers: &'a mut [u32]) -> Self {
        Self { scores, numbers }
    }

    /// The score that a new candidate must be below.
    #[inline(always)]
    pub(super) fn bar(&self) -> f32 {
        self.scores[self.scores.len() - 1]
    }

    /// Takes a candidate whose score is below the bar.
    pub(super) fn take(&mut self, score: f32, number: u32) {
        let mut at = self.scores.len() - 1;
        while at > 0 && self.scores[at - 1] > score {
            self.scores[at] = self.scores[at - 1];
            self.numbers[at] = self.numbers[at - 1];
            at -= 1;
        }
        self.scores[at] = score;
        self.numbers[at] = number;
    }

    /// Looks through the candidates `first ..` whose scores are `halves[j] - products[j]`: half of the squared distance,
    /// but for the row's own part. `own` is skipped.
    #[inline(always)]
    pub(super) fn scan(&mut self, products: &[f32], halves: &[f32], numbers: impl Fn(usize) -> u32, own: u32) {
        const STEP: usize = 32;
        let mut start = 0;
        for (p, h) in products.chunks(STEP).zip(halves.chunks(STEP)) {
            // Nearly always no candidate of the step is below the bar, which one comparison over all finds.
            let bar = self.bar();
            let mut below = false;
            if let (Ok(p), Ok(h)) = (<&[f32; STEP]>::try_from(p), <&[f32; STEP]>::try_from(h)) {
                for lane in 0..STEP {
                    below |= h[lane] - p[lane] < bar;
                }
            } else {
                below = true;
            }
            if below {
                for (at, (&p, &h)) in p.iter().zip(h).enumerate() {
                    let score = h - p;
                    if score < self.bar() {
                        let number = numbers(start + at);
                        if number != own {
                            self.take(score, number);
                        }
                    }
                }
            }
            start += STEP;
        }
    }
}
