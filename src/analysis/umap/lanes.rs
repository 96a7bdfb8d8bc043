//! The processor's way through a block of vertices: what [`super::layout::moved`] says of one vertex, many at once.
//!
//! How it works: the due entries of the block are listed without branches, their pulls are computed side by side, and
//! summed up vertex by vertex in the contract's order. Then the vertices are sorted by their number of repulsions and
//! taken [`LANES`] at a time, draw after draw: the draws of one vertex wait for each other, those of different vertices
//! do not. Which lane a vertex gets changes nothing of its arithmetic, so the bits are those of the contract.
//!
//! The loops are plain loops over arrays that the compiler turns into vector code; [`pulp`] picks the instruction set
//! at run time. Nothing is fused or reordered by that, so the bits do not depend on the instruction set either.

use super::layout::{BLOCK, CLIP, Force, HEAD, LayoutGraph, POOL, draw, draw_key, due, pool_vertex, pull, push};

/// Vertices whose draws run side by side.
const LANES: usize = 32;

/// Buffers that the blocks of one thread share.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Due entries, by their place in the graph.
    due: Vec<u32>,
    /// Of each due entry: the way from the other end, then the force.
    dx: Vec<f32>,
    dy: Vec<f32>,
    /// Repulsions of each vertex, and the vertices in the order of them.
    draws: Vec<u32>,
    order: Vec<u32>,
}

/// `x` to the power `b` for positive normal `x`, to about 1e-6 of the value: exp2(b log2 x) by polynomials of plain
/// products and sums, which vectorise and give the same bits everywhere. The kernel uses its language's `pow`.
#[inline(always)]
pub(super) fn power(x: f32, b: f32) -> f32 {
    // log2: the exponent, and a polynomial in what the mantissa exceeds 1 by, in [sqrt 1/2 - 1, sqrt 2 - 1].
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(0x3f35_04f3) as i32) >> 23;
    let f = f32::from_bits(bits.wrapping_sub((exponent as u32) << 23)) - 1.0;
    let mut p = -0.146_203_53f32;
    for c in [0.234_209_85, -0.248_821_81, 0.287_075_6, -0.360_241_98, 0.480_924_04, -0.721_352_76, 1.442_694_9] {
        p = p * f + c;
    }
    let y = (b * (exponent as f32 + p * f)).clamp(-126.0, 126.0);
    // exp2: adding 1.5 x 2^23 rounds to a whole number that then stands in the low bits.
    let shifted = y + 12_582_912.0;
    let f = y - (shifted - 12_582_912.0);
    let mut p = 0.001_340_043_3f32;
    for c in [0.009_676_037, 0.055_503_27, 0.240_221_07, 0.693_147_2, 1.000_000_1] {
        p = p * f + c;
    }
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// One sub-round of the block's vertices: their new positions into `to`.
#[expect(clippy::too_many_arguments, reason = "the turn, its data and its buffers; a struct would only rename them")]
pub(super) fn block(
    graph: &LayoutGraph,
    force: &Force,
    n: u32,
    s: u32,
    block: u32,
    from: &[[f32; 2]],
    to: &mut [[f32; 2]],
    scratch: &mut Scratch,
) {
    pulp::Arch::new().dispatch(Block { graph, force, n, s, block, from, to, scratch });
}

struct Block<'a> {
    graph: &'a LayoutGraph,
    force: &'a Force,
    n: u32,
    s: u32,
    block: u32,
    from: &'a [[f32; 2]],
    to: &'a mut [[f32; 2]],
    scratch: &'a mut Scratch,
}

impl pulp::WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        self.attract();
    }
}

impl Block<'_> {
    #[inline(always)]
    fn attract(self) {
        let Self { graph, force, n, s, block, from, to, scratch } = self;
        let first = block as usize * BLOCK;
        let row = s as usize * graph.vertices as usize + first;
        let offsets = &graph.offsets[row..=row + to.len()];
        let (start, end) = (offsets[0] as usize, offsets[to.len()] as usize);

        // Due entries, listed without a branch that nobody could foresee.
        let Scratch { due: list, dx, dy, draws, order } = scratch;
        if list.len() < end - start {
            list.resize(end - start, 0);
        }
        let mut count = 0;
        for (e, &rate) in graph.rates[start..end].iter().enumerate() {
            list[count] = (start + e) as u32;
            count += usize::from(due(n, rate));
        }
        let list = &list[..count];

        // The way from the other end to the owner.
        dx.resize(count, 0.0);
        dy.resize(count, 0.0);
        let mut at = 0;
        for (v, &end) in offsets[1..].iter().enumerate() {
            let [x0, y0] = from[first + v];
            while at < count && list[at] < end {
                let [xj, yj] = from[(graph.others[list[at] as usize] & !HEAD) as usize];
                (dx[at], dy[at]) = (x0 - xj, y0 - yj);
                at += 1;
            }
        }

        let alpha = force.rate(n);
        let (a, b) = (force.a, force.b);
        for (dx, dy) in dx[..count].iter_mut().zip(&mut dy[..count]) {
            let g = pull(*dx * *dx + *dy * *dy, a, b);
            *dx = alpha * (g * *dx).clamp(-CLIP, CLIP);
            *dy = alpha * (g * *dy).clamp(-CLIP, CLIP);
        }

        draws.clear();
        let mut at = 0;
        for (v, &end) in offsets[1..].iter().enumerate() {
            let (mut ax, mut ay, mut own) = (0.0f32, 0.0f32, 0);
            while at < count && list[at] < end {
                ax += dx[at];
                ay += dy[at];
                own += (graph.others[list[at] as usize] >> 31) * force.negatives;
                at += 1;
            }
            let [x0, y0] = from[first + v];
            to[v] = [x0 + ax, y0 + ay];
            draws.push(own);
        }

        // Lanes of like numbers of draws; the order among equals changes nothing.
        order.clear();
        order.extend((0..to.len() as u32).filter(|&v| draws[v as usize] > 0));
        order.sort_unstable_by_key(|&v| draws[v as usize]);

        let turn = n.wrapping_mul(graph.rounds).wrapping_add(s);
        let mut pool = ([0u32; POOL], [0.0f32; POOL], [0.0f32; POOL]);
        for slot in 0..POOL {
            pool.0[slot] = pool_vertex(force.seed, turn, block, slot as u32, graph.vertices);
        }
        for slot in 0..POOL {
            [pool.1[slot], pool.2[slot]] = from[pool.0[slot] as usize];
        }
        for group in order.chunks(LANES) {
            let (mut x, mut y, mut key) = ([0.0f32; LANES], [0.0f32; LANES], [0u32; LANES]);
            // An empty lane has no draws, so whatever it holds is moved by nothing.
            let (mut own, mut vertex) = ([0u32; LANES], [0u32; LANES]);
            for (lane, &v) in group.iter().enumerate() {
                [x[lane], y[lane]] = to[v as usize];
                vertex[lane] = first as u32 + v;
                key[lane] = draw_key(force.seed, turn, vertex[lane]);
                own[lane] = draws[v as usize];
            }
            let most = group.last().map_or(0, |&v| draws[v as usize]);
            for p in 0..most {
                for lane in 0..LANES {
                    let slot = (draw(key[lane], p) as usize) & (POOL - 1);
                    let (dx, dy) = (x[lane] - pool.1[slot], y[lane] - pool.2[slot]);
                    let g = push(dx * dx + dy * dy, a, b, force.repulsion);
                    let moves = (p < own[lane]) & (pool.0[slot] != vertex[lane]);
                    let (mx, my) = (alpha * (g * dx).clamp(-CLIP, CLIP), alpha * (g * dy).clamp(-CLIP, CLIP));
                    x[lane] = if moves { x[lane] + mx } else { x[lane] };
                    y[lane] = if moves { y[lane] + my } else { y[lane] };
                }
            }
            for (lane, &v) in group.iter().enumerate() {
                to[v as usize] = [x[lane], y[lane]];
            }
        }
    }
}
