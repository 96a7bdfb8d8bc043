//! Overlapping cells: neighbours of more rows than every pair of which can be looked at.
//!
//! How it works: rows are projected to their first principal components where they have many dimensions; k-means cuts
//! a sample of them into cells; each row goes to the cells of its nearest centres. Rows of a cell are compared with
//! each other, and a row's lists from its cells are merged. One pass over the neighbours of neighbours (and of the rows
//! that name it their neighbour) brings what lay across borders. The result is measured against exact searches of some
//! rows; where too little was found, each row goes to more cells, in more dimensions, and all is done again.
//!
//! Nothing depends on the number of threads: a cell writes lists of its own, sums are taken in order, ties go by number.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::pairs::{Lists, Meeting, NOBODY, Packed, Part, meet};
use super::{ENOUGH, MEASURED, Method, Metric, Neighbours, Space, exact, queries, recall};
use crate::analysis::linear::{Rows, pca::Pca, product};
use crate::base::{CancelToken, Cancelled};

/// How cells are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cells {
    /// Rows a cell before the overlap, about.
    pub leaf: usize,
    /// Cells that a row goes to at first.
    pub overlap: usize,
    /// Dimensions in which cells are searched.
    pub dim: usize,
}

impl Default for Cells {
    fn default() -> Self {
        Self { leaf: 2000, overlap: 2, dim: 64 }
    }
}

/// Rows that the centres are found from, a cell.
const SAMPLE: usize = 64;

/// Passes of k-means: the cells need not be the best ones, the overlap covers their borders.
const PASSES: usize = 8;

/// Rows that name a row their neighbour which the last pass looks at.
const NAMED_BY: usize = 15;

/// The widest overlap that is tried.
const WIDEST: usize = 16;

pub(super) fn search(
    space: &Space,
    k: usize,
    seed: u64,
    cells: Cells,
    cancel: &CancelToken,
) -> Result<(Neighbours, Method), Cancelled> {
    let n = space.len();
    let count = n.div_ceil(cells.leaf.max(1)).clamp(1, n);
    let asked = queries(n);
    let truth = exact::search(space, &asked, k, cancel)?;
    let mut overlap = cells.overlap.clamp(1, count);
    let mut dim = cells.dim.max(1);
    loop {
        let projected = (dim < space.dim).then(|| {
            let rows = Rows::finite(space.values.as_slice(), space.dim);
            let values = Pca::new(&rows, dim, seed).project(&rows);
            Space::of(values, dim, space.metric, n)
        });
        let flat = projected.as_ref().unwrap_or(space);
        let centres = centres(flat, count, seed, cancel)?;
        let lists = in_cells(flat, &centres, k, overlap, cancel)?;
        let found = across(space, &lists, k, cancel)?;
        let recall = recall(&found, &truth, &asked, MEASURED);
        let widest = overlap >= WIDEST.min(count) && dim >= space.dim;
        if recall >= ENOUGH || widest {
            return Ok((found, Method::Cells { cells: count, overlap, recall }));
        }
        overlap = (overlap * 2).min(WIDEST.max(cells.overlap)).min(count);
        dim *= 4;
    }
}

/// Rows a task when rows are compared with the centres.
const ROWS: usize = 256;

/// The nearest centres of rows: `overlap` numbers a row, by rising distance.
fn nearest(space: &Space, values: &[f32], centres: &Space, overlap: usize) -> Vec<u32> {
    let (d, count) = (space.dim, centres.len());
    let rows = values.len() / d;
    let numbers: Vec<u32> = (0..count as u32).collect();
    let packed = Packed::new(&Part { values: &centres.values, halves: &centres.halves, numbers: &numbers }, d);
    // No centre is a row's own.
    let nobody = [NOBODY; ROWS];
    let mut out = vec![0u32; rows * overlap];
    out.par_chunks_mut(ROWS * overlap).zip(values.par_chunks(ROWS * d)).for_each(|(out, values)| {
        let rows = values.len() / d;
        // The length of a row orders nothing here.
        let part = Part { values, halves: &[0.0; ROWS][..rows], numbers: &nobody[..rows] };
        let mut lists = Lists::new(rows, overlap);
        meet(&part, &packed, &numbers, d, Meeting::Rows(&mut lists));
        for (row, out) in out.chunks_mut(overlap).enumerate() {
            out.iter_mut().zip(lists.of(row)).for_each(|(to, (_, number))| *to = number);
        }
    });
    out
}

/// Centres of cells by k-means on a sample.
fn centres(space: &Space, count: usize, seed: u64, cancel: &CancelToken) -> Result<Space, Cancelled> {
    let (n, d) = (space.len(), space.dim);
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0xce11);
    // A sample without repeats: a partial shuffle.
    let size = (count * SAMPLE).min(n);
    let mut numbers: Vec<u32> = (0..n as u32).collect();
    for at in 0..size {
        let other = random.random_range(at..n);
        numbers.swap(at, other);
    }
    let sample: Vec<f32> = numbers[..size].iter().flat_map(|&row| space.row(row as usize)).copied().collect();
    let mut centres = Space::of(sample[..count * d].to_vec(), d, space.metric, count);
    for _ in 0..PASSES {
        cancel.check()?;
        let cell = nearest(space, &sample, &centres, 1);
        let (mut sums, mut sizes) = (vec![0.0f64; count * d], vec![0u32; count]);
        for (row, &cell) in sample.chunks(d).zip(&cell) {
            sizes[cell as usize] += 1;
            let sum = &mut sums[cell as usize * d..][..d];
            sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let mut values = centres.values;
        for (cell, &size) in sizes.iter().enumerate() {
            // A centre that nobody is nearest to begins anew from a row of the sample.
            let start = if size == 0 { random.random_range(0..sample.len() / d) * d } else { 0 };
            for at in 0..d {
                values[cell * d + at] = match size {
                    0 => sample[start + at],
                    size => (sums[cell * d + at] / f64::from(size)) as f32,
                };
            }
        }
        centres = Space::of(values, d, space.metric, count);
    }
    Ok(centres)
}

/// Cuts rows into at most `count` cells by k-means: the cell of each row, and the centres (in the metric of features).
///
/// # Errors
/// [`Cancelled`] on request.
pub fn partition(
    rows: &Rows,
    count: usize,
    seed: u64,
    cancel: &CancelToken,
) -> Result<(Vec<u32>, Vec<f32>), Cancelled> {
    let (n, d) = (rows.len(), rows.dim());
    let count = count.min(n);
    if count == 0 || d == 0 {
        return Ok((vec![0; n], Vec::new()));
    }
    let space = Space::of(rows.values().to_vec(), d, Metric::Euclidean, n);
    let centres = centres(&space, count, seed, cancel)?;
    Ok((nearest(&space, &space.values, &centres, 1), centres.values))
}

/// For each row the nearest candidates from its cells: N x room numbers, [`NOBODY`] where there are fewer.
struct Candidates {
    room: usize,
    numbers: Vec<u32>,
}

fn in_cells(
    space: &Space,
    centres: &Space,
    k: usize,
    overlap: usize,
    cancel: &CancelToken,
) -> Result<Candidates, Cancelled> {
    let (n, d, count) = (space.len(), space.dim, centres.len());
    let room = k + exact::SPARE;
    let cell = nearest(space, &space.values, centres, overlap);
    // Members of each cell by rising number, and where each row stands in each of its cells.
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); count];
    let mut places = vec![0u32; cell.len()];
    for (at, (&cell, place)) in cell.iter().zip(&mut places).enumerate() {
        let members = &mut members[cell as usize];
        *place = members.len() as u32;
        members.push((at / overlap) as u32);
    }
    let lists: Vec<Lists> = members
        .par_iter()
        .map(|members| {
            cancel.check()?;
            let values: Vec<f32> = members.iter().flat_map(|&row| space.row(row as usize)).copied().collect();
            let halves: Vec<f32> = members.iter().map(|&row| space.halves[row as usize]).collect();
            let part = Part { values: &values, halves: &halves, numbers: members };
            let mut lists = Lists::new(members.len(), room);
            meet(&part, &Packed::new(&part, d), members, d, Meeting::Own(&mut lists));
            Ok(lists)
        })
        .collect::<Result<_, Cancelled>>()?;
    let mut merged = vec![NOBODY; n * room];
    let cells = cell.par_chunks(overlap).zip(places.par_chunks(overlap));
    merged.par_chunks_mut(room).zip(cells).for_each_init(Vec::new, |all, (merged, (cells, places))| {
        all.clear();
        for (&cell, &place) in cells.iter().zip(places) {
            all.extend(lists[cell as usize].of(place as usize));
        }
        // A pair has the same score in every cell that both lie in.
        all.sort_unstable_by(|a: &(f32, u32), b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.dedup_by_key(|pair| pair.1);
        merged.iter_mut().zip(all.iter()).for_each(|(to, pair)| *to = pair.1);
    });
    Ok(Candidates { room, numbers: merged })
}

/// One pass over neighbours of neighbours, by distances in the full space.
fn across(space: &Space, lists: &Candidates, k: usize, cancel: &CancelToken) -> Result<Neighbours, Cancelled> {
    let (n, room) = (space.len(), lists.room);
    let near = |row: usize| &lists.numbers[row * room..][..k.min(room)];
    // Rows that name a row, the first few by number.
    let mut named = vec![NOBODY; n * NAMED_BY];
    let mut filled = vec![0u8; n];
    for row in 0..n {
        for &other in near(row).iter().filter(|&&other| other != NOBODY) {
            let count = &mut filled[other as usize];
            if usize::from(*count) < NAMED_BY {
                named[other as usize * NAMED_BY + usize::from(*count)] = row as u32;
                *count += 1;
            }
        }
    }
    let mut found = Neighbours { k, indices: vec![0; n * k], distances: vec![0.0; n * k] };
    let keep = k - 1 + exact::SPARE;
    found.indices.par_chunks_mut(ROWS * k).zip(found.distances.par_chunks_mut(ROWS * k)).enumerate().try_for_each(
        |(block, (indices, distances))| {
            cancel.check()?;
            let (mut all, mut candidates) = (Vec::new(), Vec::new());
            for (at, (indices, distances)) in indices.chunks_mut(k).zip(distances.chunks_mut(k)).enumerate() {
                let row = block * ROWS + at;
                all.clear();
                let first = near(row).iter().chain(&named[row * NAMED_BY..][..NAMED_BY]);
                for &other in first.filter(|&&other| other != NOBODY) {
                    all.push(other);
                    all.extend(near(other as usize).iter().filter(|&&other| other != NOBODY));
                }
                all.sort_unstable();
                all.dedup();
                candidates.clear();
                let own = space.row(row);
                candidates.extend(
                    all.iter()
                        .filter(|&&other| other as usize != row)
                        .map(|&other| (product::squared_distance(own, space.row(other as usize)), other)),
                );
                let by = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
                if candidates.len() > keep {
                    candidates.select_nth_unstable_by(keep, by);
                    candidates.truncate(keep);
                }
                space.settle(row as u32, &mut candidates, indices, distances);
                // Fewer candidates than places, which takes a cell smaller than k: the rest is filled by number.
                let mut next = 0u32;
                for place in candidates.len() + 1..k {
                    while indices[..place].contains(&next) {
                        next += 1;
                    }
                    indices[place] = next;
                    let squared = product::squared_distance(space.row(row), space.row(next as usize));
                    distances[place] = space.distance(squared);
                }
            }
            Ok(())
        },
    )?;
    Ok(found)
}
