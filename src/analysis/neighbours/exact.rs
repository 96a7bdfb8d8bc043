//! Every pair.

use rayon::prelude::*;

use super::pairs::{Lists, Meeting, Packed, Part, meet};
use super::{Neighbours, Space};
use crate::base::{CancelToken, Cancelled};

/// Candidates beyond those asked for: products are exact to rounding only, so the last places could be swapped.
pub(super) const SPARE: usize = 8;

/// Most parts that the rows are cut into; even.
const PARTS: usize = 32;

/// Rows of a part, at least: below, packing them costs more than it saves.
const LEAST: usize = 128;

/// Places of a list for `k` neighbours of `n` rows.
fn room(k: usize, n: usize) -> usize {
    (k - 1 + SPARE).min(n.saturating_sub(1)).max(1)
}

/// Rows in parts of nearly equal size.
struct Parts<'a> {
    space: &'a Space,
    numbers: Vec<u32>,
    size: usize,
}

impl<'a> Parts<'a> {
    fn new(space: &'a Space) -> Self {
        let n = space.len();
        let size = n.div_ceil(PARTS).max(LEAST);
        Self { space, numbers: (0..n as u32).collect(), size }
    }

    fn count(&self) -> usize {
        self.space.len().div_ceil(self.size)
    }

    fn part(&self, part: usize) -> Part<'_> {
        let n = self.space.len();
        let (from, to) = (n.min(part * self.size), n.min((part + 1) * self.size));
        Part {
            values: &self.space.values[from * self.space.dim..to * self.space.dim],
            halves: &self.space.halves[from..to],
            numbers: &self.numbers[from..to],
        }
    }
}

/// The exact neighbours of all rows.
///
/// The parts play a tournament: first each by itself, then in every round each meets one other, so that a list belongs
/// to one task at a time.
pub(super) fn search_all(space: &Space, k: usize, cancel: &CancelToken) -> Result<Neighbours, Cancelled> {
    let (n, d) = (space.len(), space.dim);
    let mut found = Neighbours { k, indices: vec![0; n * k], distances: vec![0.0; n * k] };
    if k == 0 {
        return Ok(found);
    }
    let parts = Parts::new(space);
    let room = room(k, n);
    let mut lists: Vec<Lists> = (0..parts.count())
        .into_par_iter()
        .map(|number| {
            cancel.check()?;
            let part = parts.part(number);
            let mut lists = Lists::new(part.halves.len(), room);
            meet(&part, &Packed::new(&part, d), part.numbers, d, Meeting::Own(&mut lists));
            Ok(lists)
        })
        .collect::<Result<_, Cancelled>>()?;
    for round in rounds(lists.len()) {
        let mut free: Vec<Option<Lists>> = lists.into_iter().map(Some).collect();
        let mut pairs: Vec<(usize, usize, Lists, Lists)> = Vec::with_capacity(round.len());
        for (a, b) in round {
            pairs.extend(free[a].take().zip(free[b].take()).map(|(left, right)| (a, b, left, right)));
        }
        pairs.par_iter_mut().with_max_len(1).try_for_each(|(a, b, left, right)| {
            cancel.check()?;
            let (a, b) = (parts.part(*a), parts.part(*b));
            meet(&a, &Packed::new(&b, d), b.numbers, d, Meeting::Both(left, right));
            Ok(())
        })?;
        for (a, b, left, right) in pairs {
            (free[a], free[b]) = (Some(left), Some(right));
        }
        lists = free.into_iter().flatten().collect();
    }
    found.indices.par_chunks_mut(k).zip(found.distances.par_chunks_mut(k)).enumerate().for_each_init(
        Vec::new,
        |candidates, (row, (indices, distances))| {
            candidates.clear();
            candidates.extend(lists[row / parts.size].of(row % parts.size));
            space.settle(row as u32, candidates, indices, distances);
        },
    );
    Ok(found)
}

/// The rounds of a tournament in which each of `count` meets every other once: one stays, the others go round.
fn rounds(count: usize) -> Vec<Vec<(usize, usize)>> {
    let even = count.next_multiple_of(2);
    if count < 2 {
        return Vec::new();
    }
    let turning = even - 1;
    (0..turning)
        .map(|round| {
            let first = std::iter::once((round, turning));
            let others = (1..even / 2).map(|at| ((round + at) % turning, (round + turning - at) % turning));
            first.chain(others).filter(|&(a, b)| a < count && b < count).collect()
        })
        .collect()
}

/// The exact neighbours of rows `queries` among all rows.
pub(super) fn search(space: &Space, queries: &[u32], k: usize, cancel: &CancelToken) -> Result<Neighbours, Cancelled> {
    let d = space.dim;
    let mut found = Neighbours { k, indices: vec![0; queries.len() * k], distances: vec![0.0; queries.len() * k] };
    if k == 0 {
        return Ok(found);
    }
    let room = room(k, space.len());
    let values: Vec<f32> = queries.iter().flat_map(|&query| space.row(query as usize)).copied().collect();
    let halves: Vec<f32> = queries.iter().map(|&query| space.halves[query as usize]).collect();
    let asked = Part { values: &values, halves: &halves, numbers: queries };
    let parts = Parts::new(space);
    let lists: Vec<Lists> = (0..parts.count())
        .into_par_iter()
        .map(|number| {
            cancel.check()?;
            let part = parts.part(number);
            let mut lists = Lists::new(queries.len(), room);
            meet(&asked, &Packed::new(&part, d), part.numbers, d, Meeting::Rows(&mut lists));
            Ok(lists)
        })
        .collect::<Result<_, Cancelled>>()?;
    found.indices.par_chunks_mut(k).zip(found.distances.par_chunks_mut(k)).enumerate().for_each(
        |(at, (indices, distances))| {
            let mut candidates: Vec<(f32, u32)> = lists.iter().flat_map(|lists| lists.of(at)).collect();
            candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            candidates.truncate(room);
            space.settle(queries[at], &mut candidates, indices, distances);
        },
    );
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_meets_everybody_once_and_nobody_two_at_a_time() {
        for count in [0, 1, 2, 3, 4, 7, 32] {
            let mut met = vec![0; count * count];
            for round in rounds(count) {
                let mut busy = vec![false; count];
                for (a, b) in round {
                    assert!(a != b && !busy[a] && !busy[b], "{count}: {a} {b}");
                    (busy[a], busy[b]) = (true, true);
                    met[a.min(b) * count + a.max(b)] += 1;
                }
            }
            for (at, times) in met.into_iter().enumerate() {
                assert_eq!(times, usize::from(at / count < at % count), "{count}: {at}");
            }
        }
    }
}
