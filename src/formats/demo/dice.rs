//! Random numbers of the demo: PCG, seeded per sample, with own conversions, so that neither the order of
//! drawing samples nor a new version of a random-number crate changes a byte.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

/// A stream of random choices.
#[derive(Clone, Debug)]
pub(super) struct Dice(Pcg32);

impl Dice {
    /// The stream of one sample: another `seed`, `stream` or `index` gives unrelated numbers.
    pub(super) fn new(seed: u64, stream: u64, index: u64) -> Self {
        Self(Pcg32::new(mixed(seed ^ mixed(index)), mixed(stream)))
    }

    pub(super) fn next(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// In `0.0..1.0`, on a grid of 2^-24.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next() >> 8) as f32 / 16_777_216.0
    }

    pub(super) fn range(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }

    /// In `0..n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.next()) * n as u64) >> 32) as usize
    }

    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// `SplitMix64`'s finaliser.
pub(super) const fn mixed(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
