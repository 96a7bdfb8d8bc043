//! Counts of the n-grams of one order: packed keys, scattered into buckets by hash, counted bucket by bucket in the cache.
//!
//! An n-gram seen `keep` times consists of two shorter ones seen `keep` times: while an order is counted, the hashes of its frequent
//! n-grams are marked in a [`Filter`], and n-grams of the next order whose halves are not both marked are never made. A wrong mark
//! (two hashes that meet) lets a rare n-gram through to be counted, nothing more.
//!
//! 1. The token streams are scanned once for the number of keys of each bucket.
//! 2. Buckets are taken in groups whose keys fit into the budget. For each group the streams are scanned again, the keys of
//!    the group go to their places (through small write buffers, so that a page is touched once for eight keys).
//! 3. Each bucket, small enough for the second-level cache, is counted in an open-addressing table.
//!
//! A tighter budget means more scans, never other numbers. Nothing but the token streams has to be spilled.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::run::{Run, Scratch};
use super::store::SpillStore;
use super::top::{Ranked, Top};
use super::vocabulary::Union;
use super::{GramCount, MAX_N, NgramError, Options, SIDES, Side};
use crate::base::CancelToken;

/// Keys that a bucket should hold, at most: its table then stays in the second-level cache.
const BUCKET: u64 = 1 << 14;
/// Keys that wait in a write buffer.
const WAIT: usize = 8;

/// A packed n-gram: ids of `bits` bits each, first word highest, then one bit for the side.
pub(super) trait Key: Copy + Default + Eq + Send + Sync {
    fn push(self, id: u32, bits: u32, mask: Self) -> Self;
    fn with_side(self, side: u8) -> Self;
    fn side(self) -> usize;
    fn other_side(self) -> Self;
    /// A hash of the n-gram whose top bits are good; both sides of an n-gram have the same.
    fn hash(self) -> u64;
    fn mask(bits: u32) -> Self;
    fn and(self, mask: Self) -> Self;
    fn unpack(self, n: usize, bits: u32) -> [u32; MAX_N];
}

macro_rules! key {
    ($type:ty, $fold:expr) => {
        impl Key for $type {
            #[inline]
            fn push(self, id: u32, bits: u32, mask: Self) -> Self {
                (self << bits | Self::from(id)) & mask
            }
            #[inline]
            fn with_side(self, side: u8) -> Self {
                self << 1 | Self::from(side)
            }
            #[inline]
            fn side(self) -> usize {
                (self & 1) as usize
            }
            #[inline]
            fn other_side(self) -> Self {
                self ^ 1
            }
            #[inline]
            fn hash(self) -> u64 {
                let fold: fn(Self) -> u64 = $fold;
                let folded = fold(self >> 1);
                (folded ^ folded >> 31).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            }
            fn mask(bits: u32) -> Self {
                if bits >= <$type>::BITS { Self::MAX } else { (1 << bits) - 1 }
            }
            #[inline]
            fn and(self, mask: Self) -> Self {
                self & mask
            }
            fn unpack(self, n: usize, bits: u32) -> [u32; MAX_N] {
                let mut ids = [0; MAX_N];
                let mut rest = self >> 1;
                for id in ids[..n].iter_mut().rev() {
                    *id = (rest & Self::mask(bits)) as u32;
                    rest >>= bits;
                }
                ids
            }
        }
    };
}
// A key that fits into both hashes to the same: a filter made with one is asked with the other.
key!(u64, |key| key);
key!(u128, |key| (key as u64) ^ ((key >> 64) as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93));

/// What is found of one order.
pub(super) struct Found {
    pub(super) sides: [Side; SIDES],
    /// Best n-grams by the alphabetical places of their words, and their ids.
    pub(super) tops: [Vec<Ranked<Alphabetical>>; SIDES],
    pub(super) table: Vec<GramCount>,
    /// Times the token streams were scanned, the scan for the sizes included.
    pub(super) scans: usize,
    /// Marks of the n-grams seen `keep` times or more, if the next order has a use for them.
    pub(super) filter: Option<Filter>,
}

/// Marks of n-grams by hash: all that were put in are there, few others.
pub(super) struct Filter {
    words: Vec<AtomicU64>,
    shift: u32,
}

impl Filter {
    /// For an order of `total` n-grams, within an eighth of the budget.
    fn new(total: u64, memory: usize) -> Self {
        let bits = (total / 4).min(memory as u64 / 2).next_power_of_two().clamp(1 << 10, 1 << 28);
        Self { words: (0..bits / 64).map(|_| AtomicU64::new(0)).collect(), shift: 64 - bits.trailing_zeros() }
    }

    /// Marking is a set union: threads may do it in any order.
    fn mark(&self, hash: u64) {
        let bit = hash >> self.shift;
        self.words[(bit / 64) as usize].fetch_or(1 << (bit % 64), Ordering::Relaxed);
    }

    #[inline]
    fn has(&self, hash: u64) -> bool {
        let bit = hash >> self.shift;
        self.words[(bit / 64) as usize].load(Ordering::Relaxed) >> (bit % 64) & 1 != 0
    }
}

/// Compares like the n-gram's text: alphabetical places of its words; then the ids, which follow from them.
pub(super) type Alphabetical = ([u32; MAX_N], [u32; MAX_N]);

/// What stays the same while the n-grams of one order are counted.
struct Order<'a> {
    n: usize,
    bits: u32,
    runs: &'a [Run],
    sides: &'a [u8],
    union: &'a Union,
    store: &'a dyn SpillStore,
    cancel: &'a CancelToken,
    options: &'a Options,
    /// Hash >> shift is the bucket.
    shift: u32,
    /// Marks of the frequent n-grams of the order before.
    before: Option<&'a Filter>,
    /// Where to mark those of this order.
    marks: Option<Filter>,
    /// n-grams seen less often over both sides may be left out.
    keep: u64,
}

/// Counts one order.
#[expect(clippy::too_many_arguments, reason = "called at one place")]
pub(super) fn count<K: Key>(
    n: usize,
    bits: u32,
    runs: &[Run],
    sides: &[u8],
    union: &Union,
    store: &dyn SpillStore,
    cancel: &CancelToken,
    options: &Options,
    before: Option<&Filter>,
    keep: u64,
) -> Result<Found, NgramError> {
    let total: u64 = runs.iter().map(|run| run.totals[n - 1]).sum();
    let buckets = (total / BUCKET).next_power_of_two().clamp(2, 1 << 13) as usize;
    let order = Order {
        n,
        bits,
        runs,
        sides,
        union,
        store,
        cancel,
        options,
        shift: 64 - buckets.trailing_zeros(),
        before,
        marks: (keep > 1 && n < options.max_n).then(|| Filter::new(total, options.memory)),
        keep,
    };
    let threads = rayon::current_num_threads();
    let chunks = order.chunks(if threads == 1 { 1 } else { threads * 2 });

    let sizes: Vec<Vec<u32>> =
        chunks.par_iter().map(|chunk| order.sizes::<K>(chunk, buckets)).collect::<Result<_, _>>()?;
    let of_bucket = |bucket: usize| sizes.iter().map(|sizes| u64::from(sizes[bucket])).sum::<u64>();

    // Half of the budget for keys; the write buffers and the tables have the rest.
    let room = (options.memory as u64 / 2 / size_of::<K>() as u64).max(1 << 12);
    let mut found =
        Found { sides: Default::default(), tops: Default::default(), table: Vec::new(), scans: 1, filter: None };
    let mut tops: [Top<Alphabetical>; SIDES] = [Top::new(options.top), Top::new(options.top)];
    let mut keys: Vec<K> = Vec::new();
    let mut from = 0;
    while from < buckets {
        let mut to = from;
        let mut here = 0;
        while to < buckets && (to == from || here + of_bucket(to) <= room) {
            here += of_bucket(to);
            to += 1;
        }
        if here > 0 {
            keys.resize(here as usize, K::default());
            order.scatter(&chunks, &sizes, from..to, &mut keys)?;
            found.scans += 1;
            let mut slices = Vec::with_capacity(to - from);
            let mut rest = &keys[..];
            for bucket in from..to {
                let (slice, tail) = rest.split_at(of_bucket(bucket) as usize);
                slices.push(slice);
                rest = tail;
            }
            let counted = slices
                .par_iter()
                .with_min_len((slices.len() / (threads * 8)).max(1))
                .fold(
                    || Ok(Tally::new(options.top)),
                    |tally: Result<Tally<K>, NgramError>, slice| {
                        let mut tally = tally?;
                        cancel.check()?;
                        tally.bucket(slice, &order);
                        Ok(tally)
                    },
                )
                .try_reduce(|| Tally::new(options.top), |a, b| Ok(a.merge(b)))?;
            found.sides.iter_mut().zip(&counted.sides).for_each(|(sum, side)| sum.merge(side));
            tops = merge_tops(tops, counted.tops);
            found.table.extend(counted.table);
        }
        from = to;
    }
    found.tops = tops.map(Top::into_sorted);
    found.filter = order.marks;
    Ok(found)
}

fn merge_tops(a: [Top<Alphabetical>; SIDES], b: [Top<Alphabetical>; SIDES]) -> [Top<Alphabetical>; SIDES] {
    let mut b = b.into_iter();
    a.map(|top| match b.next() {
        Some(other) => top.merge(other),
        None => top,
    })
}

/// Blocks of runs that one task scans: `(run, block)`.
type Chunk = Vec<(usize, usize)>;

impl Order<'_> {
    /// All blocks in about `n` chunks of about the same number of ids.
    fn chunks(&self, n: usize) -> Vec<Chunk> {
        let blocks: Vec<(usize, usize)> =
            self.runs.iter().enumerate().flat_map(|(r, run)| (0..run.blocks.len()).map(move |b| (r, b))).collect();
        let ids: usize = self.runs.iter().map(Run::ids).sum();
        let share = ids / n.max(1) + 1;
        let (mut chunks, mut chunk, mut held) = (Vec::new(), Vec::new(), 0);
        for (r, b) in blocks {
            chunk.push((r, b));
            held += self.runs[r].blocks[b].len();
            if held >= share {
                chunks.push(std::mem::take(&mut chunk));
                held = 0;
            }
        }
        if !chunk.is_empty() {
            chunks.push(chunk);
        }
        chunks
    }

    /// Calls `found` with the key of every n-gram in a chunk, but for those of which it is known that they are rare.
    #[inline]
    fn scan<K: Key>(&self, chunk: &Chunk, mut found: impl FnMut(K)) -> Result<(), NgramError> {
        let mut scratch = Scratch::default();
        let mask = K::mask(self.bits * self.n as u32);
        let shorter = K::mask(self.bits * (self.n as u32 - 1));
        for &(r, b) in chunk {
            self.cancel.check()?;
            let (ids, side) = (&self.union.ids[r][..], self.sides[r]);
            let mut key = K::default();
            let mut held = 0;
            let block = self.runs[r].blocks[b].ids(self.store, &mut scratch)?;
            if let Some(before) = self.before {
                // Shorter n-grams in a row, up to here, that are frequent: two of them overlap in one of this order.
                let mut frequent = 0;
                for &local in block {
                    let id = ids[local as usize];
                    if id == 0 {
                        (held, frequent) = (0, 0);
                        continue;
                    }
                    key = key.push(id, self.bits, mask);
                    held += 1;
                    if held >= self.n - 1 {
                        let is_frequent = before.has(key.and(shorter).with_side(0).hash());
                        frequent = if is_frequent { frequent + 1 } else { 0 };
                        if frequent >= 2 {
                            found(key.with_side(side));
                        }
                    }
                }
            } else {
                for &local in block {
                    let id = ids[local as usize];
                    if id == 0 {
                        held = 0;
                        continue;
                    }
                    key = key.push(id, self.bits, mask);
                    held += 1;
                    if held >= self.n {
                        found(key.with_side(side));
                    }
                }
            }
        }
        Ok(())
    }

    /// Number of keys of each bucket in a chunk.
    fn sizes<K: Key>(&self, chunk: &Chunk, buckets: usize) -> Result<Vec<u32>, NgramError> {
        let mut sizes = vec![0_u32; buckets];
        self.scan::<K>(chunk, |key| sizes[(key.hash() >> self.shift) as usize] += 1)?;
        Ok(sizes)
    }

    /// Puts the keys of some buckets into `keys`, bucket after bucket, within a bucket chunk after chunk.
    fn scatter<K: Key>(
        &self,
        chunks: &[Chunk],
        sizes: &[Vec<u32>],
        buckets: std::ops::Range<usize>,
        keys: &mut [K],
    ) -> Result<(), NgramError> {
        let mut places: Vec<Vec<&mut [K]>> = chunks.iter().map(|_| Vec::with_capacity(buckets.len())).collect();
        let mut rest = keys;
        for bucket in buckets.clone() {
            for (places, sizes) in places.iter_mut().zip(sizes) {
                let (place, tail) = rest.split_at_mut(sizes[bucket] as usize);
                places.push(place);
                rest = tail;
            }
        }
        chunks.par_iter().zip(places).try_for_each(|(chunk, mut places)| {
            let mut waiting = vec![[K::default(); WAIT]; places.len()];
            let mut held = vec![0_u8; places.len()];
            self.scan::<K>(chunk, |key| {
                let at = ((key.hash() >> self.shift) as usize).wrapping_sub(buckets.start);
                if at < places.len() {
                    let n = held[at] as usize;
                    waiting[at][n & (WAIT - 1)] = key;
                    if n == WAIT - 1 {
                        write(&mut places[at], &waiting[at]);
                        held[at] = 0;
                    } else {
                        held[at] += 1;
                    }
                }
            })?;
            places
                .iter_mut()
                .zip(&waiting)
                .zip(&held)
                .for_each(|((place, keys), &n)| write(place, &keys[..n as usize]));
            Ok(())
        })
    }
}

/// Writes keys to the beginning of a place and shortens it.
#[inline]
#[expect(clippy::mut_mut, reason = "the place itself is moved on")]
fn write<K: Key>(place: &mut &mut [K], keys: &[K]) {
    let (head, tail) = std::mem::take(place).split_at_mut(keys.len());
    head.copy_from_slice(keys);
    *place = tail;
}

/// Counts buckets one after the other in the same table.
struct Tally<K> {
    slots: Vec<(K, u32)>,
    sides: [Side; SIDES],
    tops: [Top<Alphabetical>; SIDES],
    table: Vec<GramCount>,
}

impl<K: Key> Tally<K> {
    fn new(top: usize) -> Self {
        Self { slots: Vec::new(), sides: Default::default(), tops: [Top::new(top), Top::new(top)], table: Vec::new() }
    }

    fn merge(mut self, other: Self) -> Self {
        self.sides.iter_mut().zip(&other.sides).for_each(|(sum, side)| sum.merge(side));
        self.tops = merge_tops(self.tops, other.tops);
        self.table.extend(other.table);
        self
    }

    /// Counts a bucket and takes what is asked for from it.
    fn bucket(&mut self, keys: &[K], order: &Order) {
        if keys.is_empty() {
            return;
        }
        // Most n-grams come more than once, and a bucket of one very frequent n-gram needs no large table.
        let mut bits = keys.len().next_power_of_two().trailing_zeros().clamp(4, 14);
        // The top bits chose the bucket, so they are the same in all of its keys.
        let skip = 64 - order.shift;
        self.slots.clear();
        self.slots.resize(1 << bits, (K::default(), 0));
        let mut used = 0;
        for &key in keys {
            let at = find(&self.slots, key, skip, bits);
            let slot = &mut self.slots[at];
            used += usize::from(slot.1 == 0);
            *slot = (key, slot.1 + 1);
            if used * 4 > self.slots.len() * 3 {
                bits += 1;
                let old = std::mem::replace(&mut self.slots, vec![(K::default(), 0); 1 << bits]);
                for (key, count) in old.into_iter().filter(|slot| slot.1 > 0) {
                    let at = find(&self.slots, key, skip, bits);
                    self.slots[at] = (key, count);
                }
            }
        }
        let slots = std::mem::take(&mut self.slots);
        if order.sides.contains(&1) {
            for &(key, count) in slots.iter().filter(|slot| slot.1 > 0) {
                let (_, other) = slots[find(&slots, key.other_side(), skip, bits)];
                let counts = match key.side() {
                    0 => [count, other],
                    // Seen on the second side only; else it was taken with the first.
                    _ if other == 0 => [0, count],
                    _ => continue,
                }
                .map(u64::from);
                self.sides[0].add(counts[0], counts[1], order.options.min_count);
                self.sides[1].add(counts[1], counts[0], order.options.min_count);
                self.gram(key, counts, order);
            }
        } else {
            // The sums are known already; only n-grams that are frequent or may come into the ranking are looked at.
            let side = &mut self.sides[0];
            side.total += keys.len() as u64;
            *side.distinct.get_or_insert(0) += used as u64;
            let min_count = order.options.min_count.min(order.keep);
            for &(key, count) in slots.iter().filter(|slot| slot.1 > 0) {
                let count = u64::from(count);
                if count >= min_count || self.tops[0].wants(count) {
                    self.sides[0].add_frequent(count, 0, order.options.min_count);
                    self.gram(key, [count, 0], order);
                }
            }
        }
        self.slots = slots;
    }

    /// Takes an n-gram into rankings, table and marks.
    #[inline]
    fn gram(&mut self, key: K, counts: [u64; SIDES], order: &Order) {
        for (top, &count) in self.tops.iter_mut().zip(&counts) {
            if count > 0 && top.wants(count) {
                let ids = key.unpack(order.n, order.bits);
                let places = ids.map(|id| if id == 0 { 0 } else { order.union.alphabetical[id as usize - 1] + 1 });
                top.push(Ranked { count, key: (places, ids) });
            }
        }
        let both = counts[0] + counts[1];
        if order.options.table && both >= order.options.min_count {
            self.table.push(GramCount { ids: key.unpack(order.n, order.bits), counts });
        }
        if let Some(marks) = &order.marks
            && both >= order.keep
        {
            marks.mark(key.hash());
        }
    }
}

/// The slot of a key: its own, or the free one where it belongs.
#[inline]
fn find<K: Key>(slots: &[(K, u32)], key: K, skip: u32, bits: u32) -> usize {
    let mask = slots.len() - 1;
    let mut at = ((key.hash() << skip) >> (64 - bits)) as usize;
    loop {
        let slot = &slots[at & mask];
        if slot.1 == 0 || slot.0 == key {
            return at & mask;
        }
        at += 1;
    }
}
