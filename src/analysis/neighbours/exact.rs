//! Every pair: tiles of products on each core, the nearest candidates of a row kept in a short list.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined does not become vector code of the instruction set that was picked"
)]

use rayon::prelude::*;

use crate::base::{CancelToken, Cancelled};

use super::short::{NOBODY, Shortlist};
use super::{Neighbours, Space};
use crate::analysis::linear::product;

/// Rows of a task; with [`TILE`] columns the products stay in the second cache.
const QUERY_TILE: usize = 128;
const TILE: usize = 1024;

/// Candidates beyond those asked for: products are exact to rounding only, so the last places could be swapped.
pub(super) const SPARE: usize = 8;

/// The exact neighbours of rows `queries` among all rows.
pub(super) fn search(space: &Space, queries: &[u32], k: usize, cancel: &CancelToken) -> Result<Neighbours, Cancelled> {
    let (n, d) = (space.len(), space.dim);
    let mut found = Neighbours { k, indices: vec![0; queries.len() * k], distances: vec![0.0; queries.len() * k] };
    if k == 0 {
        return Ok(found);
    }
    let room = (k - 1 + SPARE).min(n.saturating_sub(1)).max(1);
    let in_order = queries.iter().enumerate().all(|(at, &query)| at as u32 == query);
    found
        .indices
        .par_chunks_mut(QUERY_TILE * k)
        .zip(found.distances.par_chunks_mut(QUERY_TILE * k))
        .zip(queries.par_chunks(QUERY_TILE))
        .try_for_each(|((indices, distances), queries)| {
            cancel.check()?;
            let gathered: Vec<f32>;
            let left = if in_order && d > 0 {
                &space.values[queries[0] as usize * d..][..queries.len() * d]
            } else {
                gathered = queries.iter().flat_map(|&query| space.row(query as usize)).copied().collect();
                &gathered
            };
            let mut products = vec![0.0f32; queries.len() * TILE.min(n)];
            let (mut scores, mut numbers) =
                (vec![f32::INFINITY; queries.len() * room], vec![NOBODY; queries.len() * room]);
            for start in (0..n).step_by(TILE) {
                let width = TILE.min(n - start);
                let products = &mut products[..queries.len() * width];
                product::rows_by_rows(left, &space.values[start * d..][..width * d], d, products);
                if d == 0 {
                    products.fill(0.0);
                }
                let halves = &space.halves[start..][..width];
                pulp::Arch::new().dispatch(Scan {
                    products,
                    halves,
                    queries,
                    start,
                    scores: &mut scores,
                    numbers: &mut numbers,
                    room,
                });
            }
            let mut candidates = Vec::with_capacity(room);
            for (at, &query) in queries.iter().enumerate() {
                candidates.clear();
                let listed = numbers[at * room..][..room].iter().filter(|&&number| number != NOBODY);
                candidates.extend(listed.map(|&number| (0.0, number)));
                space.settle(query, &mut candidates, &mut indices[at * k..][..k], &mut distances[at * k..][..k]);
            }
            Ok(())
        })?;
    Ok(found)
}

/// A tile's products, looked through row by row.
struct Scan<'a> {
    products: &'a [f32],
    halves: &'a [f32],
    queries: &'a [u32],
    start: usize,
    scores: &'a mut [f32],
    numbers: &'a mut [u32],
    room: usize,
}

impl pulp::WithSimd for Scan<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { products, halves, queries, start, scores, numbers, room } = self;
        let lists = scores.chunks_mut(room).zip(numbers.chunks_mut(room));
        for ((products, &own), (scores, numbers)) in products.chunks(halves.len()).zip(queries).zip(lists) {
            Shortlist::new(scores, numbers).scan(products, halves, |at| (start + at) as u32, own);
        }
    }
}
