//! Products of rows, and what is near among them, in one pass.
//!
//! How it works: the score of a candidate y of a row x is |y|^2 / 2 - x y, which orders candidates as |x - y|^2 does.
//! Candidates are packed into panels as wide as two vectors ([`Packed`]); [`GROUP`] rows at a time meet a panel, their
//! products stay in registers and are compared there with the bars of the lists ([`Lists`]): the worst score that a
//! list still takes. Nearly always none is below, and the products are never written. A product serves both of its
//! rows ([`Meeting::Both`]), so all pairs of a set cost half of what all queries against all candidates would.
//!
//! A product is summed in the order of the values, whatever the block it is computed in, and a list keeps the least by
//! (score, number): so the lists do not depend on the order in which parts meet, nor on the number of threads. The
//! products of processors that fuse a multiplication with its addition differ in the last bits from those of others,
//! which is one reason why lists are longer than what is asked for.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined does not become vector code of the instruction set that was picked"
)]

use pulp::{Simd, WithSimd};

/// What an empty place of a list holds.
pub(super) const NOBODY: u32 = u32::MAX;

/// Rows whose products with a panel are held in registers: with two vectors of candidates 12 sums, as many as hide
/// the latency of the additions of any processor.
const GROUP: usize = 6;

/// Groups that meet a panel before the next panel comes: at 64 values a row they stay in the first cache.
const TILE: usize = 16;

/// Values of a row that are multiplied at a time: the panel's share stays in the first two caches.
const DEPTH: usize = 512;

/// The nearest candidates of rows: for each the least `room` of those it was offered, by (score, number).
#[derive(Debug)]
pub(super) struct Lists {
    room: usize,
    /// Of each row what a new score must not be above; rows that only pad the last vector take nothing.
    bars: Vec<f32>,
    scores: Vec<f32>,
    numbers: Vec<u32>,
}

impl Lists {
    pub(super) fn new(rows: usize, room: usize) -> Self {
        let width = width();
        let mut bars = vec![if room == 0 { f32::NEG_INFINITY } else { f32::INFINITY }; rows];
        bars.resize(rows.next_multiple_of(width), f32::NEG_INFINITY);
        Self { room, bars, scores: vec![f32::INFINITY; rows * room], numbers: vec![NOBODY; rows * room] }
    }

    /// The candidates of a row as (score, number), the nearest first.
    pub(super) fn of(&self, row: usize) -> impl Iterator<Item = (f32, u32)> + '_ {
        let range = row * self.room..(row + 1) * self.room;
        let all = self.scores[range.clone()].iter().copied().zip(self.numbers[range].iter().copied());
        all.take_while(|candidate| candidate.1 != NOBODY)
    }

    /// Offers a candidate.
    fn offer(&mut self, row: usize, score: f32, number: u32) {
        let range = row * self.room..(row + 1) * self.room;
        let (scores, numbers) = (&mut self.scores[range.clone()], &mut self.numbers[range]);
        let Some(last) = scores.len().checked_sub(1) else { return };
        if score > scores[last] || score == scores[last] && number >= numbers[last] {
            return;
        }
        let mut at = last;
        while at > 0 && (score < scores[at - 1] || score == scores[at - 1] && number < numbers[at - 1]) {
            (scores[at], numbers[at]) = (scores[at - 1], numbers[at - 1]);
            at -= 1;
        }
        (scores[at], numbers[at]) = (score, number);
        self.bars[row] = scores[last];
    }
}

/// Rows with their numbers.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    /// M x D.
    pub(super) values: &'a [f32],
    /// Half of each row's squared length.
    pub(super) halves: &'a [f32],
    pub(super) numbers: &'a [u32],
}

/// Rows as the candidates of others: panels of [`width`] rows, value by value.
pub(super) struct Packed {
    values: Vec<f32>,
    /// Padded with NaN, which is never near.
    halves: Vec<f32>,
}

impl Packed {
    pub(super) fn new(part: &Part, d: usize) -> Self {
        let width = width();
        let rows = part.halves.len();
        let mut values = vec![0.0f32; rows.next_multiple_of(width) * d];
        if d > 0 {
            for (panel, rows) in values.chunks_mut(d * width).zip(part.values.chunks(d * width)) {
                for (lane, row) in rows.chunks(d).enumerate() {
                    panel[lane..].iter_mut().step_by(width).zip(row).for_each(|(to, &value)| *to = value);
                }
            }
        }
        let mut halves = part.halves.to_vec();
        halves.resize(rows.next_multiple_of(width), f32::NAN);
        Self { values, halves }
    }
}

/// Whose lists a meeting fills.
pub(super) enum Meeting<'a> {
    /// The rows' only; a candidate with the row's own number is passed over.
    Rows(&'a mut Lists),
    /// The rows' and the candidates', which have no number in common.
    Both(&'a mut Lists, &'a mut Lists),
    /// The candidates are the rows themselves: each pair once.
    Own(&'a mut Lists),
}

/// Offers `candidates` (packed, with their numbers) to the lists of `rows`, and the other way where the meeting says so.
pub(super) fn meet(rows: &Part, candidates: &Packed, numbers: &[u32], d: usize, meeting: Meeting) {
    pulp::Arch::new().dispatch(Meet { rows, candidates, numbers, d, meeting });
}

/// Rows of a panel: two vectors.
fn width() -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            2 * S::F32_LANES
        }
    }
    pulp::Arch::new().dispatch(Width)
}

struct Meet<'a, 'l> {
    rows: &'a Part<'a>,
    candidates: &'a Packed,
    numbers: &'a [u32],
    d: usize,
    meeting: Meeting<'l>,
}

/// Products of a group of rows with a panel.
type Products<S> = [[<S as Simd>::f32s; 2]; GROUP];

impl WithSimd for Meet<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let width = 2 * S::F32_LANES;
        let rows = self.rows.halves.len();
        let own = matches!(self.meeting, Meeting::Own(_));
        let zero: Products<S> = [[simd.splat_f32s(0.0); 2]; GROUP];
        let mut sums = [zero; TILE];
        for tile in (0..rows).step_by(TILE * GROUP) {
            let groups = (rows - tile).div_ceil(GROUP).min(TILE);
            // Of pairs within a part those are taken whose candidate comes after the row.
            let first = if own { tile / width * width } else { 0 };
            for column in (first..self.candidates.halves.len()).step_by(width) {
                let panel = &self.candidates.values[column * self.d..][..width * self.d];
                if self.d <= DEPTH {
                    for group in 0..groups {
                        let row = tile + group * GROUP;
                        if own && row >= column + width {
                            continue;
                        }
                        let mut sums = zero;
                        multiply(simd, self.group(row, 0, self.d), panel, &mut sums);
                        self.look(simd, row, column, &sums);
                    }
                    continue;
                }
                sums.fill(zero);
                for from in (0..self.d).step_by(DEPTH) {
                    let to = self.d.min(from + DEPTH);
                    for (group, sums) in sums.iter_mut().enumerate().take(groups) {
                        let rows = self.group(tile + group * GROUP, from, to);
                        multiply(simd, rows, &panel[from * width..to * width], sums);
                    }
                }
                for (group, sums) in sums.iter().enumerate().take(groups) {
                    self.look(simd, tile + group * GROUP, column, sums);
                }
            }
        }
    }
}

/// Adds the products of some values of the rows and of the panel.
#[inline(always)]
fn multiply<S: Simd>(simd: S, rows: [&[f32]; GROUP], panel: &[f32], sums: &mut Products<S>) {
    let (vectors, _) = S::as_simd_f32s(panel);
    let (pairs, _) = pulp::as_arrays::<2, _>(vectors);
    let mut held = *sums;
    // Walked side by side: an index into each row would be checked at every step.
    let [a, b, c, d, e, f] = rows;
    let values = a.iter().zip(b).zip(c).zip(d).zip(e).zip(f);
    for (&[left, right], (((((a, b), c), d), e), f)) in pairs.iter().zip(values) {
        for (&value, held) in [a, b, c, d, e, f].into_iter().zip(&mut held) {
            let value = simd.splat_f32s(value);
            held[0] = simd.mul_add_e_f32s(value, left, held[0]);
            held[1] = simd.mul_add_e_f32s(value, right, held[1]);
        }
    }
    *sums = held;
}

impl Meet<'_, '_> {
    /// Values `from..to` of the group that begins at `row`; the last row stands for those that are missing.
    #[inline(always)]
    fn group(&self, row: usize, from: usize, to: usize) -> [&[f32]; GROUP] {
        let last = self.rows.halves.len() - 1;
        std::array::from_fn(|at| &self.rows.values[(row + at).min(last) * self.d..][from..to])
    }

    /// Compares the products of a group and a panel with the bars.
    #[inline(always)]
    fn look<S: Simd>(&mut self, simd: S, row: usize, column: usize, products: &Products<S>) {
        let width = 2 * S::F32_LANES;
        let (rows, columns) = match &self.meeting {
            Meeting::Rows(rows) => (&**rows, None),
            Meeting::Both(rows, columns) => (&**rows, Some(&**columns)),
            Meeting::Own(rows) => (&**rows, Some(&**rows)),
        };
        let halves = S::as_simd_f32s(&self.candidates.halves[column..][..width]).0;
        let bars = columns.map(|lists| S::as_simd_f32s(&lists.bars[column..][..width]).0);
        let there = self.rows.halves.len() - row;
        let mut below = simd.less_than_f32s(halves[0], simd.splat_f32s(f32::NEG_INFINITY));
        for (at, products) in products.iter().enumerate().take(there) {
            let bar = simd.splat_f32s(rows.bars[row + at]);
            let half = simd.splat_f32s(self.rows.halves[row + at]);
            for vector in 0..2 {
                let score = simd.sub_f32s(halves[vector], products[vector]);
                below = simd.or_m32s(below, simd.less_than_or_equal_f32s(score, bar));
                if let Some(bars) = bars {
                    let score = simd.sub_f32s(half, products[vector]);
                    below = simd.or_m32s(below, simd.less_than_or_equal_f32s(score, bars[vector]));
                }
            }
        }
        if simd.first_true_m32s(below) < S::F32_LANES {
            let mut scores = [0.0f32; GROUP * MOST];
            for (to, vector) in scores.chunks_mut(S::F32_LANES).zip(products.iter().flatten()) {
                to.copy_from_slice(bytemuck::cast_slice(std::slice::from_ref(vector)));
            }
            for at in 0..there.min(GROUP) {
                self.offer(row + at, column, &scores[at * width..][..width]);
            }
        }
    }

    /// Offers the candidates of a panel that are near a row, and the row to them.
    #[inline(always)]
    fn offer(&mut self, row: usize, column: usize, products: &[f32]) {
        let half = self.rows.halves[row];
        let number = self.rows.numbers[row];
        let halves = &self.candidates.halves[column..][..products.len()];
        let bar = match &self.meeting {
            Meeting::Rows(rows) | Meeting::Both(rows, _) | Meeting::Own(rows) => rows.bars[row],
        };
        let near = lanes(products, halves, |product, other| other - product <= bar);
        let near_them = match &self.meeting {
            Meeting::Rows(_) => 0,
            Meeting::Both(_, lists) | Meeting::Own(lists) => {
                lanes(products, &lists.bars[column..][..products.len()], |product, bar| half - product <= bar)
            }
        };
        let mut either = near | near_them;
        while either != 0 {
            let lane = either.trailing_zeros() as usize;
            either &= either - 1;
            let (score, back) = (halves[lane] - products[lane], half - products[lane]);
            let other = column + lane;
            match &mut self.meeting {
                Meeting::Rows(rows) => {
                    if self.numbers[other] != number {
                        rows.offer(row, score, self.numbers[other]);
                    }
                }
                Meeting::Both(rows, columns) => {
                    if near >> lane & 1 == 1 {
                        rows.offer(row, score, self.numbers[other]);
                    }
                    if near_them >> lane & 1 == 1 {
                        columns.offer(other, back, number);
                    }
                }
                Meeting::Own(rows) => {
                    if other > row && other < self.numbers.len() {
                        rows.offer(row, score, self.numbers[other]);
                        rows.offer(other, back, number);
                    }
                }
            }
        }
    }
}

/// The lanes in which something holds, as bits. By eights, which become one comparison.
#[inline(always)]
fn lanes(a: &[f32], b: &[f32], holds: impl Fn(f32, f32) -> bool) -> u32 {
    const EIGHT: usize = 8;
    let mut bits = 0u32;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<EIGHT>(), b.as_chunks::<EIGHT>());
    for (at, (a, b)) in a.iter().zip(b).enumerate() {
        let mut eight = [0u32; EIGHT];
        for lane in 0..EIGHT {
            eight[lane] = u32::from(holds(a[lane], b[lane])) << lane;
        }
        bits |= eight.iter().fold(0, |all, bit| all | bit) << (EIGHT * at);
    }
    for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        bits |= u32::from(holds(a, b)) << lane;
    }
    bits
}

/// Candidates of a panel on the processors with the widest vectors.
const MOST: usize = 32;
