// One sub-round of the layout's antisymmetric gather. Twin: `analysis::umap::layout::moved`, line by line.
//
// Passes: one dispatch for each sub-round of an epoch and each piece of the vertices (`gpu/umap.rs`); between
//   sub-rounds the buffers `start` and `result` change places.
// Ownership: a thread owns one vertex, reads positions at the start of the sub-round and writes its own new one. No
//   atomics: the two ends of an edge see opposite forces because both read `start`. Sums are taken in the order of the
//   entries, draws in the order of their numbers, so the bits are the same on every run on one adapter.
// Bounds: threads past the last vertex fill the pool and leave; entries lie in `offsets[row] .. offsets[row + 1]`, and
//   other ends are below `vertices`. A workgroup is a block of 256 vertices with a pool of 256: 3 KiB of its memory.

struct Turn {
    a: f32,
    b: f32,
    repulsion: f32,
    negatives: u32,
    seed: u32,
    alpha: f32,            // learning rate of the epoch
    epoch: u32,            // from 1
    moment: u32,           // epoch * rounds + sub-round
    vertices: u32,         // all
    first: u32,            // the piece's first vertex, a multiple of 256
    count: u32,            // vertices of the piece
    pad0: u32,
}

@group(0) @binding(0) var<uniform> turn: Turn;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;   // count + 1, from the piece's first entry on
@group(0) @binding(2) var<storage, read> others: array<u32>;    // top bit: the owner is the head
@group(0) @binding(3) var<storage, read> rates: array<u32>;     // 31 bits after the point
@group(0) @binding(4) var<storage, read> start: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> result: array<vec2<f32>>;

const ONE: u32 = 0x80000000u;
const HEAD: u32 = 0x80000000u;
const POOL: u32 = 256u;
const CLIP: f32 = 4.0;

var<workgroup> pool: array<u32, 256>;
var<workgroup> pool_at: array<vec2<f32>, 256>;

fn pcg(x: u32) -> u32 {
    let state = x * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
}

fn due(n: u32, rate: u32) -> bool {
    return ((n * rate) & (ONE - 1u)) < rate;
}

fn pool_key(block: u32) -> u32 {
    return pcg(turn.seed ^ pcg(block + pcg(turn.moment)));
}

fn draw_key(vertex: u32) -> u32 {
    return pcg((turn.seed + 0x9e3779b9u) ^ pcg(vertex + pcg(turn.moment)));
}

fn draw(key: u32, p: u32) -> u32 {
    return (key + p) & (POOL - 1u);
}

// The high half of hash x count, by their halves: there are no products of 64 bits.
fn below(hash: u32, count: u32) -> u32 {
    let low = (hash & 0xffffu) * (count & 0xffffu);
    let left = (hash >> 16u) * (count & 0xffffu) + (low >> 16u);
    let right = (hash & 0xffffu) * (count >> 16u) + (left & 0xffffu);
    return (hash >> 16u) * (count >> 16u) + (left >> 16u) + (right >> 16u);
}

fn clip(g: vec2<f32>) -> vec2<f32> {
    return clamp(g, vec2<f32>(-CLIP), vec2<f32>(CLIP));
}

fn pull(d2: f32) -> f32 {
    let safe = max(d2, 1e-30);
    let pb = pow(safe, turn.b);
    let g = -2.0 * turn.a * turn.b * pb / (safe * (turn.a * pb + 1.0));
    return select(0.0, g, d2 > 0.0);
}

fn push(d2: f32) -> f32 {
    let safe = max(d2, 1e-30);
    let pb = pow(safe, turn.b);
    let g = 2.0 * turn.repulsion * turn.b / ((0.001 + safe) * (turn.a * pb + 1.0));
    return select(0.0, g, d2 > 0.0);
}

@compute @workgroup_size(256)
fn sub_round(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = group.y * groups.x + group.x;
    let row = number * 256u + local;
    let i = turn.first + row;
    let block = turn.first / 256u + number;
    let drawn = below(pcg(pool_key(block) + local), turn.vertices);
    pool[local] = drawn;
    pool_at[local] = start[drawn];
    workgroupBarrier();
    if row >= turn.count {
        return;
    }

    var at = start[i];
    var pulled = vec2<f32>(0.0);
    var draws = 0u;
    for (var e = offsets[row]; e < offsets[row + 1u]; e++) {
        if !due(turn.epoch, rates[e]) {
            continue;
        }
        let other = others[e];
        let away = at - start[other & ~HEAD];
        let g = pull(away.x * away.x + away.y * away.y);
        pulled += turn.alpha * clip(g * away);
        draws += (other >> 31u) * turn.negatives;
    }
    at += pulled;
    let key = draw_key(i);
    for (var p = 0u; p < draws; p++) {
        let slot = draw(key, p);
        if pool[slot] == i {
            continue;
        }
        let away = at - pool_at[slot];
        let g = push(away.x * away.x + away.y * away.y);
        at += turn.alpha * clip(g * away);
    }
    result[i] = at;
}
