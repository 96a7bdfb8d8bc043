//! The processor's way through a block of vertices: what [`super::layout::moved`] says of one vertex, many at once.
//!
//! How it works: the due entries of the block are listed without branches, their pulls are computed side by side, and
//! summed up vertex by vertex in the contract's order. Then the vertices are sorted by their number of repulsions and
//! taken [`LANES`] at a time, draw after draw: the draws of one vertex wait for each other, those of different vertices
//! do not. Which lane a vertex gets changes nothing of its arithmetic, so the bits are those of the contract.
//!
//! The loops are plain loops over arrays that the compiler turns into vector code; [`pulp`] picks the instruction set
//! at run time. Nothing is reordered by that, and what is fused is written so, hence the bits do not depend on the
//! instruction set either.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined does not become vector code of the instruction set that was picked"
)]

use std::cell::RefCell;

use super::layout::{
    BLOCK, CLIP, Force, HEAD, LayoutGraph, POOL, below, draw, draw_key, due, pcg, pool_key, pull, push,
};

/// Vertices whose draws run side by side.
const LANES: usize = 16;

/// Repulsions of a vertex are counted up to here when vertices are sorted by them; rows beyond are few.
const SORTED: usize = 16;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Buffers that the blocks of one thread share.
#[derive(Debug, Default)]
struct Scratch {
    /// Due entries, by their place in the slice of the block.
    due: Vec<u32>,
    /// Of each due entry: the way from the other end, then the force.
    dx: Vec<f32>,
    dy: Vec<f32>,
}

/// `x` to the power `b` for positive normal `x`, to about 1e-6 of the value: exp2(b log2 x) by polynomials, which
/// vectorise and give the same bits everywhere: fused steps are rounded once, in hardware or (slowly, on processors
/// from before 2013) by a call. The kernel uses its language's `pow`.
#[inline(always)]
pub(super) fn power(x: f32, b: f32) -> f32 {
    // log2: the exponent, and a polynomial in what the mantissa exceeds 1 by, in [sqrt 1/2 - 1, sqrt 2 - 1].
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(0x3f35_04f3) as i32) >> 23;
    let f = f32::from_bits(bits.wrapping_sub((exponent as u32) << 23)) - 1.0;
    let mut p = -0.146_203_53f32;
    for c in [0.234_209_85, -0.248_821_81, 0.287_075_6, -0.360_241_98, 0.480_924_04, -0.721_352_76, 1.442_694_9] {
        p = p.mul_add(f, c);
    }
    let y = (b * p.mul_add(f, exponent as f32)).clamp(-126.0, 126.0);
    // exp2: adding 1.5 x 2^23 rounds to a whole number that then stands in the low bits.
    let shifted = y + 12_582_912.0;
    let f = y - (shifted - 12_582_912.0);
    let mut p = 0.001_340_043_3f32;
    for c in [0.009_676_037, 0.055_503_27, 0.240_221_07, std::f32::consts::LN_2, 1.000_000_1] {
        p = p.mul_add(f, c);
    }
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// One sub-round of the block's vertices: their new positions into `to`.
pub(super) fn block(
    graph: &LayoutGraph,
    force: &Force,
    n: u32,
    s: u32,
    block: u32,
    from: &[[f32; 2]],
    to: &mut [[f32; 2]],
) {
    SCRATCH.with_borrow_mut(|scratch| {
        pulp::Arch::new().dispatch(Block { graph, force, n, s, number: block, from, to, scratch });
    });
}

struct Block<'a> {
    graph: &'a LayoutGraph,
    force: &'a Force,
    n: u32,
    s: u32,
    number: u32,
    from: &'a [[f32; 2]],
    to: &'a mut [[f32; 2]],
    scratch: &'a mut Scratch,
}

impl pulp::WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        self.run();
    }
}

impl Block<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { graph, force, n, s, number: block, from, to, scratch } = self;
        let first = block as usize * BLOCK;
        let row = s as usize * graph.vertices as usize + first;
        let entries = graph.offsets[row] as usize..graph.offsets[row + to.len()] as usize;
        let (others, rates) = (&graph.others[entries.clone()], &graph.rates[entries.clone()]);
        let owners = &graph.owners[entries];
        let own: &[[f32; 2]] = &from[first..first + to.len()];

        // Due entries, listed without a branch that nobody could foresee.
        if scratch.due.len() < rates.len() {
            scratch.due.resize(rates.len(), 0);
        }
        let mut count = 0;
        for (e, &rate) in rates.iter().enumerate() {
            scratch.due[count] = e as u32;
            count += usize::from(due(n, rate));
        }
        let list = &scratch.due[..count];

        // The way from the other end to the owner, then the force.
        scratch.dx.resize(count.max(scratch.dx.len()), 0.0);
        scratch.dy.resize(count.max(scratch.dy.len()), 0.0);
        let (dx, dy) = (&mut scratch.dx[..count], &mut scratch.dy[..count]);
        for ((&e, dx), dy) in list.iter().zip(dx.iter_mut()).zip(dy.iter_mut()) {
            let [x0, y0] = own[owners[e as usize] as usize];
            let [xj, yj] = from[(others[e as usize] & !HEAD) as usize];
            (*dx, *dy) = (x0 - xj, y0 - yj);
        }
        let alpha = force.rate(n);
        let (a, b) = (force.a, force.b);
        for (dx, dy) in dx.iter_mut().zip(dy.iter_mut()) {
            let g = pull(*dx * *dx + *dy * *dy, a, b);
            *dx = alpha * (g * *dx).clamp(-CLIP, CLIP);
            *dy = alpha * (g * *dy).clamp(-CLIP, CLIP);
        }
        let mut pulled = [[0.0f32; 2]; BLOCK];
        let mut heads = [0u32; BLOCK];
        for ((&e, &dx), &dy) in list.iter().zip(dx.iter()).zip(dy.iter()) {
            let owner = owners[e as usize] as usize;
            pulled[owner] = [pulled[owner][0] + dx, pulled[owner][1] + dy];
            heads[owner] += others[e as usize] >> 31;
        }
        for ((to, own), pulled) in to.iter_mut().zip(own).zip(&pulled) {
            *to = [own[0] + pulled[0], own[1] + pulled[1]];
        }

        // Those that draw, listed like the entries, then in order of their numbers of draws, most draws last: a counting
        // sort. The order among equals changes nothing.
        let mut drawing = [0u32; BLOCK];
        let mut count = 0;
        for (v, &heads) in heads[..to.len()].iter().enumerate() {
            drawing[count] = v as u32;
            count += usize::from(heads > 0);
        }
        let drawing = &drawing[..count];
        if drawing.is_empty() {
            return;
        }
        let mut starts = [0u32; SORTED + 1];
        for &v in drawing {
            starts[(heads[v as usize] as usize).min(SORTED - 1) + 1] += 1;
        }
        for at in 1..=SORTED {
            starts[at] += starts[at - 1];
        }
        let mut order = [0u32; BLOCK];
        for &v in drawing {
            let start = &mut starts[(heads[v as usize] as usize).min(SORTED - 1)];
            order[*start as usize] = v;
            *start += 1;
        }
        let order = &order[..count];

        let turn = n.wrapping_mul(graph.rounds).wrapping_add(s);
        let (mut pool, mut pool_x, mut pool_y) = ([0u32; POOL], [0.0f32; POOL], [0.0f32; POOL]);
        let key = pool_key(force.seed, turn, block);
        for (slot, q) in pool.iter_mut().enumerate() {
            *q = below(pcg(key.wrapping_add(slot as u32)), graph.vertices);
        }
        for slot in 0..POOL {
            [pool_x[slot], pool_y[slot]] = from[pool[slot] as usize];
        }
        for group in order.chunks(LANES) {
            let (mut x, mut y, mut key) = ([0.0f32; LANES], [0.0f32; LANES], [0u32; LANES]);
            // An empty lane has no draws, so whatever it holds is moved by nothing.
            let (mut draws, mut vertex) = ([0u32; LANES], [0u32; LANES]);
            for (lane, &v) in group.iter().enumerate() {
                [x[lane], y[lane]] = to[v as usize];
                vertex[lane] = first as u32 + v;
                key[lane] = draw_key(force.seed, turn, vertex[lane]);
                draws[lane] = heads[v as usize] * force.negatives;
            }
            let most = draws.iter().copied().max().unwrap_or(0);
            for p in 0..most {
                // One loop for each kind of work, so that each becomes vector code.
                let mut slots = [0u32; LANES];
                for lane in 0..LANES {
                    slots[lane] = draw(key[lane], p);
                }
                let (mut qx, mut qy, mut moves) = ([0.0f32; LANES], [0.0f32; LANES], [0u32; LANES]);
                for lane in 0..LANES {
                    let slot = slots[lane] as usize & (POOL - 1);
                    (qx[lane], qy[lane], moves[lane]) = (pool_x[slot], pool_y[slot], pool[slot]);
                }
                for lane in 0..LANES {
                    let (dx, dy) = (x[lane] - qx[lane], y[lane] - qy[lane]);
                    let g = push(dx * dx + dy * dy, a, b, force.repulsion);
                    let (mx, my) = (alpha * (g * dx).clamp(-CLIP, CLIP), alpha * (g * dy).clamp(-CLIP, CLIP));
                    let moves = u32::from(p < draws[lane]) & u32::from(moves[lane] != vertex[lane]) != 0;
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
