//! The layout's epochs: the antisymmetric gather. This file is the contract; the compute kernel of the graphics card
//! (`shaders/umap.wgsl`) is its twin and reads the same buffers.
//!
//! How it works: stochastic gradient descent on UMAP's edges without atomics, races or state of an edge. An epoch is
//! [`LayoutGraph::rounds`] sub-rounds; a directed edge i -> j belongs to one of them by a hash of (i, j). In a
//! sub-round every vertex is moved by one owner only, which reads the positions at the start of the sub-round (`from`)
//! and writes the vertex's new one (`to`), then the buffers change places. So that the two ends of an edge see
//! opposite forces, vertex i has an entry for each of its two roles: as the head of i -> j and as the tail of j -> i,
//! each in the sub-round of its directed edge. The contract of one vertex in one sub-round is [`moved`]:
//!
//! 1. **Due.** An entry is due in epoch n (counted from 1) when the multiple n x rate passes a whole number. Rates are
//!    fixed point with 31 bits after the point, so this is one integer product, equal everywhere ([`due`]).
//! 2. **Attraction.** Every due entry pulls, at the start-of-round positions of both ends; the pulls are summed in the
//!    order of the entries and added to the position. A due head entry also counts `negatives` repulsions.
//! 3. **Repulsion.** The counted repulsions follow one after the other, each from the running position of the vertex
//!    against the start-of-round position of a vertex drawn from the pool. Only the drawing vertex moves.
//!
//! The pool: the [`BLOCK`] vertices of a block (a workgroup) share [`POOL`] vertices drawn anew in every sub-round
//! ([`pool_vertex`]); their positions lie in the cache (in workgroup memory). A vertex walks through it from a slot of its
//! own: its draw number p is slot [`draw`]`(key, p)`. A vertex that draws itself is not moved by it.
//!
//! Random numbers are hashes ([`pcg`]) of (seed, epoch, sub-round, vertex or block, count): the same bits on every
//! run, whatever the number of threads and however the vertices are split.
//!
//! Source: `umap/layouts.py` of umap-learn 0.5 (schedule, gradients, clipping, learning rate); the sub-rounds are ours.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined does not become vector code of the instruction set that was picked"
)]

use rayon::prelude::*;

use super::lanes;

/// Vertices that share a pool: block `b` is the vertices `b * BLOCK .. (b + 1) * BLOCK`.
pub const BLOCK: usize = 256;

/// Blocks that one thread takes at a time.
const PIECE: usize = 4;

/// Slots of a pool.
pub const POOL: usize = 256;

/// One in the fixed point of [`LayoutGraph::rates`].
pub const ONE: u32 = 1 << 31;

/// Set in [`LayoutGraph::others`] where the owner is the head of the directed edge.
pub const HEAD: u32 = 1 << 31;

/// The graph as the epochs read it: for each sub-round a compressed sparse row block over all vertices, one after the
/// other, so that a sub-round reads one slice from start to end.
///
/// The entries of vertex `i` in sub-round `s` are `offsets[s * vertices + i] .. offsets[s * vertices + i + 1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayoutGraph {
    /// Number of vertices, N; at most 2^31.
    pub vertices: u32,
    /// Sub-rounds of an epoch, S; a power of two.
    pub rounds: u32,
    /// S x N + 1 positions in `others` and `rates`, ascending.
    pub offsets: Vec<u32>,
    /// The other end; the top bit ([`HEAD`]) says that the owner is the head (and draws negatives), else it is the tail.
    pub others: Vec<u32>,
    /// How often an epoch samples the edge: its weight over the greatest weight, in fixed point, in `1..=ONE`.
    pub rates: Vec<u32>,
    /// The owner of each entry within its block (vertex modulo [`BLOCK`]): follows from `offsets`, spares the processor
    /// the walk over them. The kernel does not need it.
    pub owners: Vec<u8>,
}

/// What the epochs need beside the graph; 32 bits each, in this order, as the kernel's uniform block has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Force {
    /// `a` of the curve 1 / (1 + a d^(2b)).
    pub a: f32,
    /// `b` of the curve.
    pub b: f32,
    /// Strength of repulsion (umap-learn's `repulsion_strength`), 1 by default.
    pub repulsion: f32,
    /// Repulsions a sampled edge, 5 by default.
    pub negatives: u32,
    /// Seed of the draws.
    pub seed: u32,
    /// Epochs in all, E: the learning rate of epoch n is 1 - (n - 1) / E.
    pub epochs: u32,
}

impl Force {
    /// Learning rate of epoch `n`, counted from 1; 0 after the last.
    #[must_use]
    pub fn rate(&self, n: u32) -> f32 {
        let passed = n.saturating_sub(1).min(self.epochs) as f32;
        1.0 - passed / self.epochs.max(1) as f32
    }
}

/// The hash behind all draws: PCG's output permutation over one step of a linear congruential generator
/// (Jarzynski and Olano, "Hash Functions for GPU Rendering", 2020).
#[inline(always)]
#[must_use]
pub fn pcg(x: u32) -> u32 {
    let state = x.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let word = ((state >> ((state >> 28) + 4)) ^ state).wrapping_mul(277_803_737);
    (word >> 22) ^ word
}

/// The sub-round of the directed edge `head -> tail`.
#[inline]
#[must_use]
pub fn sub_round(head: u32, tail: u32, rounds: u32) -> u32 {
    pcg(tail.wrapping_add(pcg(head))) & (rounds - 1)
}

/// Whether an edge of this rate is sampled in epoch `n` (from 1): floor(n rate) > floor((n - 1) rate).
#[inline(always)]
#[must_use]
pub fn due(n: u32, rate: u32) -> bool {
    n.wrapping_mul(rate) & (ONE - 1) < rate
}

/// The key of the pool of a block in a turn; `turn` is `n * rounds + s`.
#[inline(always)]
#[must_use]
pub fn pool_key(seed: u32, turn: u32, block: u32) -> u32 {
    pcg(seed ^ pcg(block.wrapping_add(pcg(turn))))
}

/// A hash brought below `count`: the high half of their product, even to count / 2^32.
#[inline(always)]
#[must_use]
pub fn below(hash: u32, count: u32) -> u32 {
    ((u64::from(hash) * u64::from(count)) >> 32) as u32
}

/// The vertex in slot `slot` of the pool of block `block`.
#[inline]
#[must_use]
pub fn pool_vertex(seed: u32, turn: u32, block: u32, slot: u32, vertices: u32) -> u32 {
    below(pcg(pool_key(seed, turn, block).wrapping_add(slot)), vertices)
}

/// The key of the draws of a vertex in a turn. The sum with a constant keeps it apart from the key of a block.
#[inline(always)]
#[must_use]
pub fn draw_key(seed: u32, turn: u32, vertex: u32) -> u32 {
    pcg(seed.wrapping_add(0x9e37_79b9) ^ pcg(vertex.wrapping_add(pcg(turn))))
}

/// The slot of the pool that draw number `p` takes: one after the other, since what lies in them is drawn already.
#[inline(always)]
#[must_use]
pub fn draw(key: u32, p: u32) -> u32 {
    key.wrapping_add(p) & (POOL as u32 - 1)
}

/// Both gradients are cut to this, per component.
pub const CLIP: f32 = 4.0;

#[inline(always)]
fn clip(g: f32) -> f32 {
    g.clamp(-CLIP, CLIP)
}

/// Coefficient of the pull of an edge at squared distance `d2`: -2 a b d2^(b - 1) / (1 + a d2^b); 0 at distance 0.
#[inline(always)]
#[must_use]
pub fn pull(d2: f32, a: f32, b: f32) -> f32 {
    let safe = d2.max(1e-30);
    let pb = lanes::power(safe, b);
    let g = -2.0 * a * b * pb / (safe * (a * pb + 1.0));
    if d2 > 0.0 { g } else { 0.0 }
}

/// Coefficient of the push of a draw at squared distance `d2`: 2 b / ((0.001 + d2) (1 + a d2^b)); 0 at distance 0.
#[inline(always)]
#[must_use]
pub fn push(d2: f32, a: f32, b: f32, repulsion: f32) -> f32 {
    let safe = d2.max(1e-30);
    let pb = lanes::power(safe, b);
    let g = 2.0 * repulsion * b / ((0.001 + safe) * (a * pb + 1.0));
    if d2 > 0.0 { g } else { 0.0 }
}

/// Where vertex `i` is after sub-round `s` of epoch `n`: the contract, written for one vertex. `from` are the positions
/// at the start of the sub-round.
#[must_use]
pub fn moved(graph: &LayoutGraph, force: &Force, n: u32, s: u32, i: u32, from: &[[f32; 2]]) -> [f32; 2] {
    let alpha = force.rate(n);
    let turn = n.wrapping_mul(graph.rounds).wrapping_add(s);
    let [x0, y0] = from[i as usize];
    let row = s as usize * graph.vertices as usize + i as usize;
    let (mut ax, mut ay, mut draws) = (0.0f32, 0.0f32, 0u32);
    for e in graph.offsets[row] as usize..graph.offsets[row + 1] as usize {
        if !due(n, graph.rates[e]) {
            continue;
        }
        let [xj, yj] = from[(graph.others[e] & !HEAD) as usize];
        let (dx, dy) = (x0 - xj, y0 - yj);
        let g = pull(dx * dx + dy * dy, force.a, force.b);
        ax += alpha * clip(g * dx);
        ay += alpha * clip(g * dy);
        draws += (graph.others[e] >> 31) * force.negatives;
    }
    let (mut x, mut y) = (x0 + ax, y0 + ay);
    let key = draw_key(force.seed, turn, i);
    let block = i / BLOCK as u32;
    for p in 0..draws {
        let q = pool_vertex(force.seed, turn, block, draw(key, p), graph.vertices);
        if q == i {
            continue;
        }
        let [xq, yq] = from[q as usize];
        let (dx, dy) = (x - xq, y - yq);
        let g = push(dx * dx + dy * dy, force.a, force.b, force.repulsion);
        x += alpha * clip(g * dx);
        y += alpha * clip(g * dy);
    }
    [x, y]
}

/// Runs epoch `n` (from 1) over all vertices. The positions are in `positions` before and after; `spare` is the other
/// buffer, of the same length, and holds nothing of use afterwards.
///
/// The bits are those of [`moved`] on every vertex, on any number of threads.
///
/// # Panics
/// If a buffer is not [`LayoutGraph::vertices`] long.
pub fn epoch(graph: &LayoutGraph, force: &Force, n: u32, positions: &mut Vec<[f32; 2]>, spare: &mut Vec<[f32; 2]>) {
    let vertices = graph.vertices as usize;
    assert!(positions.len() == vertices && spare.len() == vertices, "one position a vertex");
    for s in 0..graph.rounds {
        let from: &[[f32; 2]] = positions;
        // Small pieces, so that no thread waits long for the last one: a sub-round is half a millisecond.
        spare.par_chunks_mut(BLOCK).enumerate().with_max_len(PIECE).for_each(|(block, to)| {
            lanes::block(graph, force, n, s, block as u32, from, to);
        });
        std::mem::swap(positions, spare);
    }
}

impl LayoutGraph {
    /// Sub-rounds for so many vertices: more for fewer, where one vertex's moves weigh more on the others'.
    #[must_use]
    pub fn usual_rounds(vertices: usize) -> u32 {
        match vertices {
            0..16_384 => 16,
            16_384..1_000_000 => 8,
            _ => 4,
        }
    }

    /// Sorts the edges of a symmetric graph by sub-round. `offsets`, `others` and `weights` are its rows (both
    /// directions of an edge present, with equal weights); edges that `epochs` epochs would not sample once are left out.
    ///
    /// # Panics
    /// If `rounds` is no power of two, or the entries do not fit 32 bits.
    #[must_use]
    pub fn new(offsets: &[u32], others: &[u32], weights: &[f32], epochs: u32, rounds: u32) -> Self {
        assert!(rounds.is_power_of_two(), "sub-rounds are a power of two");
        let vertices = offsets.len().saturating_sub(1);
        let greatest = weights.iter().copied().fold(0.0f32, f32::max);
        let least = greatest / epochs.max(1) as f32;
        let kept = |e: usize| weights[e] > 0.0 && weights[e] >= least;
        let edges = || {
            (0..vertices).flat_map(move |i| {
                (offsets[i] as usize..offsets[i + 1] as usize).filter(move |&e| kept(e)).map(move |e| (i as u32, e))
            })
        };
        let row = |s: u32, i: u32| s as usize * vertices + i as usize;
        let mut ends = vec![0u32; rounds as usize * vertices + 1];
        let mut total = 0u64;
        for (i, e) in edges() {
            let j = others[e];
            ends[row(sub_round(i, j, rounds), i) + 1] += 1;
            ends[row(sub_round(j, i, rounds), i) + 1] += 1;
            total += 2;
        }
        let total = u32::try_from(total).expect("fewer than 2^32 entries") as usize;
        for at in 1..ends.len() {
            ends[at] += ends[at - 1];
        }
        // Filled from the starts; afterwards each start stands at its row's end, which is the next row's start.
        let mut next = ends.clone();
        let (mut to, mut rates, mut owners) = (vec![0u32; total], vec![0u32; total], vec![0u8; total]);
        for (i, e) in edges() {
            let j = others[e];
            let rate =
                (f64::from(weights[e]) / f64::from(greatest) * f64::from(ONE)).round().clamp(1.0, f64::from(ONE));
            for (s, role) in [(sub_round(i, j, rounds), HEAD), (sub_round(j, i, rounds), 0)] {
                let at = &mut next[row(s, i)];
                to[*at as usize] = j | role;
                rates[*at as usize] = rate as u32;
                owners[*at as usize] = (i % BLOCK as u32) as u8;
                *at += 1;
            }
        }
        Self { vertices: vertices as u32, rounds, offsets: ends, others: to, rates, owners }
    }

    /// Bytes that the graph takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        4 * (self.offsets.len() + self.others.len() + self.rates.len()) + self.owners.len()
    }
}
