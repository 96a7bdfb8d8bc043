//! The fuzzy graph: how strongly each row belongs to each of its neighbours, made symmetric.
//!
//! Matches `smooth_knn_dist`, `compute_membership_strengths` and `fuzzy_simplicial_set` of umap-learn 0.5 with
//! `local_connectivity = 1` and `set_op_mix_ratio = 1`.

use rayon::prelude::*;

use crate::analysis::neighbours::Neighbours;

/// A symmetric graph with weights in (0, 1], as compressed sparse rows; both directions of an edge are present.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FuzzyGraph {
    /// N + 1 positions in `others` and `weights`.
    pub offsets: Vec<u32>,
    /// The other ends, ascending in each row; never the row itself.
    pub others: Vec<u32>,
    /// Weight of each edge.
    pub weights: Vec<f32>,
}

/// Where bisection stops: the sum is this near its target.
const NEAR: f64 = 1e-5;

/// Steps of bisection.
const STEPS: usize = 64;

/// Rows a task.
const ROWS: usize = 4096;

/// The least scale of a row, as a share of the mean distance.
const LEAST: f64 = 1e-3;

/// Scale and offset of a row's distances: `sigma`, `rho`.
///
/// `rho` is the first distance that is not 0 (0 where all are). `sigma` makes the memberships of the neighbours after
/// the first place sum up to log2(k), found by bisection, and is at least a thousandth of the mean distance: of the row,
/// or of all rows (`mean_of_all`) where `rho` is 0. `distances` begin with the row itself.
#[must_use]
pub fn smooth(distances: &[f32], mean_of_all: f64) -> (f64, f64) {
    let target = (distances.len() as f64).log2();
    let rho = distances.iter().copied().find(|&distance| distance > 0.0).map_or(0.0, f64::from);
    let (mut low, mut high, mut sigma) = (0.0f64, f64::INFINITY, 1.0f64);
    for _ in 0..STEPS {
        let sum: f64 = distances[1.min(distances.len())..]
            .iter()
            .map(|&distance| {
                let beyond = f64::from(distance) - rho;
                if beyond > 0.0 { (-beyond / sigma).exp() } else { 1.0 }
            })
            .sum();
        if (sum - target).abs() < NEAR {
            break;
        }
        if sum > target {
            high = sigma;
            sigma = f64::midpoint(low, high);
        } else {
            low = sigma;
            sigma = if high.is_infinite() { sigma * 2.0 } else { f64::midpoint(low, high) };
        }
    }
    let mean = if rho > 0.0 { mean(distances) } else { mean_of_all };
    (sigma.max(LEAST * mean), rho)
}

fn mean(distances: &[f32]) -> f64 {
    distances.iter().copied().map(f64::from).sum::<f64>() / distances.len().max(1) as f64
}

/// Membership of a neighbour at this distance, in [0, 1].
#[must_use]
pub fn membership(distance: f32, sigma: f64, rho: f64) -> f32 {
    let beyond = f64::from(distance) - rho;
    if beyond <= 0.0 || sigma == 0.0 { 1.0 } else { (-beyond / sigma).exp() as f32 }
}

impl FuzzyGraph {
    /// The graph of the neighbours: memberships A of each row's neighbours, then A + A^T - A A^T, element by element.
    ///
    /// # Panics
    /// If the entries do not fit 32 bits.
    #[must_use]
    pub fn new(neighbours: &Neighbours) -> Self {
        let (n, k) = (neighbours.len(), neighbours.k);
        if n == 0 || k < 2 {
            return Self { offsets: vec![0; n + 1], others: Vec::new(), weights: Vec::new() };
        }
        assert!(n.saturating_mul(2 * (k - 1)) < u32::MAX as usize, "entries are counted in 32 bits");
        // Block by block and in order, so that the mean is one whatever the threads.
        let sums: Vec<f64> = neighbours
            .distances
            .par_chunks(1 << 16)
            .map(|part| part.iter().copied().map(f64::from).sum::<f64>())
            .collect();
        let mean_of_all = sums.iter().sum::<f64>() / neighbours.distances.len() as f64;
        // Each row by rising number of the neighbour, the row itself left out.
        let width = k - 1;
        let mut heads = vec![(0u32, 0.0f32); n * width];
        heads.par_chunks_mut(width).enumerate().for_each(|(row, to)| {
            let distances = &neighbours.distances[row * k..][..k];
            let (sigma, rho) = smooth(distances, mean_of_all);
            for (to, (&other, &distance)) in to.iter_mut().zip(neighbours.of(row).iter().zip(distances).skip(1)) {
                *to = (other, membership(distance, sigma, rho));
            }
            to.sort_unstable_by_key(|entry| entry.0);
        });
        // The transpose, by counting; its rows ascend as rows are taken in order.
        let mut starts = vec![0u32; n + 1];
        for &(other, _) in &heads {
            starts[other as usize + 1] += 1;
        }
        for at in 0..n {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut tails = vec![(0u32, 0.0f32); heads.len()];
        for (at, &(other, weight)) in heads.iter().enumerate() {
            let place = &mut next[other as usize];
            tails[*place as usize] = ((at / width) as u32, weight);
            *place += 1;
        }
        // Rows of the union, block by block.
        let parts: Vec<(Vec<u32>, Vec<u32>, Vec<f32>)> = (0..n)
            .into_par_iter()
            .step_by(ROWS)
            .map(|first| {
                let (mut counts, mut others, mut weights) = (Vec::new(), Vec::new(), Vec::new());
                for row in first..(first + ROWS).min(n) {
                    let before = others.len();
                    let mut a = heads[row * width..][..width].iter().copied().peekable();
                    let mut b = tails[starts[row] as usize..starts[row + 1] as usize].iter().copied().peekable();
                    loop {
                        let other = match (a.peek(), b.peek()) {
                            (Some(a), Some(b)) => a.0.min(b.0),
                            (Some(one), None) | (None, Some(one)) => one.0,
                            (None, None) => break,
                        };
                        let there = a.next_if(|entry| entry.0 == other).map_or(0.0, |entry| entry.1);
                        let back = b.next_if(|entry| entry.0 == other).map_or(0.0, |entry| entry.1);
                        let weight = (there + back) - there * back;
                        if weight > 0.0 && other as usize != row {
                            others.push(other);
                            weights.push(weight);
                        }
                    }
                    counts.push((others.len() - before) as u32);
                }
                (counts, others, weights)
            })
            .collect();
        let total = parts.iter().map(|part| part.1.len()).sum();
        let mut graph = Self {
            offsets: Vec::with_capacity(n + 1),
            others: Vec::with_capacity(total),
            weights: Vec::with_capacity(total),
        };
        graph.offsets.push(0);
        for (counts, others, weights) in parts {
            for count in counts {
                graph.offsets.push(graph.offsets.last().copied().unwrap_or(0) + count);
            }
            graph.others.extend(others);
            graph.weights.extend(weights);
        }
        graph
    }

    /// Number of rows, N.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Others and weights of a row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let range = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        self.others[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }

    /// The number of connected parts.
    #[must_use]
    pub fn parts(&self) -> usize {
        let mut seen = vec![false; self.len()];
        let mut stack = Vec::new();
        let mut parts = 0;
        for start in 0..self.len() {
            if seen[start] {
                continue;
            }
            parts += 1;
            seen[start] = true;
            stack.push(start as u32);
            while let Some(row) = stack.pop() {
                for (other, _) in self.row(row as usize) {
                    if !seen[other as usize] {
                        seen[other as usize] = true;
                        stack.push(other);
                    }
                }
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_and_offset_are_those_of_umap_learn() {
        // umap.umap_.smooth_knn_dist of umap-learn 0.5.12, k = 5.
        let check = |distances: [f32; 5], sigma: f64, rho: f64| {
            let got = smooth(&distances, 1.0);
            assert!((got.0 - sigma).abs() < 2e-4 * sigma && (got.1 - rho).abs() < 1e-6, "{distances:?}: {got:?}");
        };
        check([0.0, 1.0, 2.0, 3.0, 4.0], 2.263_610_8, 1.0);
        check([0.0, 0.0, 0.5, 0.5, 9.0], 0.002, 0.5);
        // All equal: the scale is the least, a thousandth of the mean of all.
        check([0.0; 5], 0.001, 0.0);
    }

    #[test]
    fn the_union_is_symmetric_and_without_the_row_itself() {
        let neighbours = Neighbours {
            k: 3,
            indices: vec![0, 1, 2, 1, 0, 2, 2, 1, 3, 3, 2, 1],
            distances: vec![0.0, 1.0, 2.0, 0.0, 1.0, 1.5, 0.0, 1.5, 3.0, 0.0, 3.0, 4.0],
        };
        let graph = FuzzyGraph::new(&neighbours);
        assert_eq!((graph.len(), graph.parts()), (4, 1));
        for row in 0..4 {
            for (other, weight) in graph.row(row) {
                assert_ne!(other as usize, row);
                assert!(weight > 0.0 && weight <= 1.0);
                let back = graph.row(other as usize).find(|entry| entry.0 as usize == row);
                assert_eq!(back.map(|entry| entry.1.to_bits()), Some(weight.to_bits()), "{row} {other}");
            }
        }
        // A nearest neighbour has membership 1, so the union is 1.
        assert_eq!(graph.row(0).next(), Some((1, 1.0)));
        assert_eq!(FuzzyGraph::new(&Neighbours::default()).parts(), 0);
        let single = Neighbours { k: 1, indices: vec![0, 1], distances: vec![0.0; 2] };
        assert_eq!((FuzzyGraph::new(&single).len(), FuzzyGraph::new(&single).parts()), (2, 2));
    }
}
