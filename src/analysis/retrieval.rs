//! The nearest of many vectors by cosine, exactly.
//!
//! How it works: items are taken in blocks; each block times all queries is one matrix product, whose scores go
//! through a small sorted list of the best for each query. Nothing of the size of items x queries is ever held.

use std::cmp::Ordering;

use ndarray::{ArrayView2, Axis};

/// An item and its cosine to the query, -1 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Row among the items.
    pub item: u32,
    /// Cosine.
    pub score: f32,
}

/// Items in one product.
const BLOCK: usize = 4096;

/// The `top` items `[N, dims]` with the greatest cosine to `query`, best first; ties by row. Items that hold a NaN or only
/// zeros are left out.
#[must_use]
pub fn rank(query: &[f32], items: &[f32], dims: usize, top: usize) -> Vec<Hit> {
    rank_many(query, items, dims, top).pop().unwrap_or_default()
}

/// As [`rank`], for queries `[Q, dims]`.
///
/// # Panics
/// If the lengths are no multiples of `dims`.
#[must_use]
pub fn rank_many(queries: &[f32], items: &[f32], dims: usize, top: usize) -> Vec<Vec<Hit>> {
    if dims == 0 || queries.is_empty() {
        return Vec::new();
    }
    let whole = "whole rows of this many numbers";
    let queries = ArrayView2::from_shape((queries.len() / dims, dims), queries).expect(whole);
    let items = ArrayView2::from_shape((items.len() / dims, dims), items).expect(whole);
    let length = |row: ndarray::ArrayView1<f32>| row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt() as f32;
    let query_lengths: Vec<f32> = queries.axis_iter(Axis(0)).map(length).collect();
    let mut best: Vec<Vec<Hit>> = vec![Vec::with_capacity(top + 1); queries.nrows()];
    for (block, rows) in items.axis_chunks_iter(Axis(0), BLOCK).enumerate() {
        let scores = rows.dot(&queries.t());
        for ((at, row), scores) in rows.axis_iter(Axis(0)).enumerate().zip(scores.axis_iter(Axis(0))) {
            let item = (block * BLOCK + at) as u32;
            let row_length = length(row);
            for ((&dot, &query_length), best) in scores.iter().zip(&query_lengths).zip(&mut best) {
                let score = dot / (row_length * query_length);
                if score.is_finite() {
                    keep(best, Hit { item, score }, top);
                }
            }
        }
    }
    best
}

/// Puts a hit into its place among the best.
fn keep(best: &mut Vec<Hit>, hit: Hit, top: usize) {
    if best.len() == top && best.last().is_none_or(|last| last.score >= hit.score) {
        return;
    }
    let order = |a: &Hit| b_first(hit.score, a.score).then(a.item.cmp(&hit.item));
    let at = best.binary_search_by(order).unwrap_or_else(|at| at);
    best.insert(at, hit);
    best.truncate(top);
}

/// Greater scores first; none is NaN.
fn b_first(a: f32, b: f32) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_ties_by_row() {
        let items =
            [[1.0, 0.0], [0.0, 5.0], [3.0, 3.0], [2.0, 0.0], [-1.0, 0.0], [f32::NAN, 1.0], [0.0, 0.0], [1.0, 1.0]];
        let check = |query: [f32; 2], top: usize, expect: &[u32]| {
            let found: Vec<u32> = rank(&query, items.as_flattened(), 2, top).iter().map(|hit| hit.item).collect();
            assert_eq!(found, expect, "{query:?}");
        };
        check([2.0, 0.0], 3, &[0, 3, 2]);
        check([2.0, 0.0], 1, &[0]);
        check([0.0, 1.0], 9, &[1, 2, 7, 0, 3, 4]);
        check([1.0, 1.0], 0, &[]);
        check([0.0, 0.0], 5, &[]);
        assert!((rank(&[1.0, 1.0], items.as_flattened(), 2, 1)[0].score - 1.0).abs() < 1e-6);
    }

    #[test]
    fn blocks_give_what_one_by_one_gives() {
        use rand::RngExt as _;
        use rand::SeedableRng as _;
        let mut random = rand_pcg::Pcg32::seed_from_u64(1);
        let mut numbers = |n: usize| -> Vec<f32> { (0..n).map(|_| random.random::<f32>() - 0.5).collect() };
        let dims = 5;
        let (items, queries) = (numbers(dims * (2 * BLOCK + 17)), numbers(dims * 3));
        let many = rank_many(&queries, &items, dims, 10);
        for (query, found) in queries.chunks(dims).zip(many) {
            let cosine = |item: &[f32]| {
                let dot: f32 = item.iter().zip(query).map(|(a, b)| a * b).sum();
                let length = |v: &[f32]| v.iter().map(|v| v * v).sum::<f32>().sqrt();
                dot / length(item) / length(query)
            };
            let mut all: Vec<(u32, f32)> = (0..).zip(items.chunks(dims).map(cosine)).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let expect: Vec<u32> = all.iter().take(10).map(|(item, _)| *item).collect();
            assert_eq!(found.iter().map(|hit| hit.item).collect::<Vec<_>>(), expect);
            assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
        }
    }
}
