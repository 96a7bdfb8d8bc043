// Nearest neighbours by looking at every pair. Twin: `analysis::neighbours::exact`.
//
// Passes: one dispatch for each group of query tiles and run of candidate tiles (`gpu/neighbours.rs` keeps them short);
//   lists stay in memory between them. Candidates come in ascending order, so equal scores are kept by number.
// Ownership: a workgroup of 64 threads owns 64 queries. For each tile of 64 candidates every thread sums an 8 x 8 block of
//   the products, 16 values of a row at a time; then thread t owns query t and its list. No atomics, no locks.
// Bounds: rows are padded with zeros to 64 and to a multiple of 16 values; padded candidates are not taken, padded
//   queries have lists of their own that nobody reads. 12 KiB of workgroup memory.
// The score of a candidate y is |y|^2 / 2 - x y: the order of |x - y|^2, to rounding only. The lists are longer than what
//   is wanted, and the processor settles the order by sums of (x - y)^2.

struct Work {
    query_tile: u32,       // the first of this dispatch, in the chunk of queries
    query_tiles: u32,      // how many
    query_base: u32,       // number of the chunk's first query
    tile: u32,             // candidate tiles of this dispatch
    tile_end: u32,
    base: u32,             // number of the chunk's first candidate
    candidates: u32,       // candidates in the chunk
    quads: u32,            // values of a row, in fours: a multiple of 4
    kept: u32,             // length of a list
    fresh: u32,            // 1: lists begin empty
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> work: Work;
@group(0) @binding(1) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> halves: array<f32>;
@group(0) @binding(4) var<storage, read_write> scores: array<f32>;
@group(0) @binding(5) var<storage, read_write> numbers: array<u32>;

var<workgroup> left: array<f32, 1024>;    // [16 values][64 queries]; then [64 queries][16 scores]
var<workgroup> right: array<f32, 1024>;   // [16 values][64 candidates]

@compute @workgroup_size(64)
fn nearest(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let number = group.y * groups.x + group.x;
    if number >= work.query_tiles {
        return;
    }
    let query = (work.query_tile + number) * 64u + thread;
    let list = query * work.kept;
    let far = 3.0e38;
    if work.fresh == 1u {
        for (var at = 0u; at < work.kept; at++) {
            scores[list + at] = far;
            numbers[list + at] = 0xffffffffu;
        }
    }
    var furthest = scores[list + work.kept - 1u];
    let down = thread / 8u;      // my 8 queries
    let across = thread % 8u;    // my 8 candidates

    for (var tile = work.tile; tile < work.tile_end; tile++) {
        var sums: array<vec4<f32>, 16>;
        for (var i = 0u; i < 16u; i++) {
            sums[i] = vec4<f32>(0.0);
        }
        for (var step = 0u; step < work.quads; step += 4u) {
            workgroupBarrier();
            for (var quad = 0u; quad < 4u; quad++) {
                let x = queries[query * work.quads + step + quad];
                let y = values[(tile * 64u + thread) * work.quads + step + quad];
                for (var i = 0u; i < 4u; i++) {
                    left[(quad * 4u + i) * 64u + thread] = x[i];
                    right[(quad * 4u + i) * 64u + thread] = y[i];
                }
            }
            workgroupBarrier();
            for (var k = 0u; k < 16u; k++) {
                let row = k * 64u + across * 8u;
                let y0 = vec4<f32>(right[row], right[row + 1u], right[row + 2u], right[row + 3u]);
                let y1 = vec4<f32>(right[row + 4u], right[row + 5u], right[row + 6u], right[row + 7u]);
                for (var i = 0u; i < 8u; i++) {
                    let x = left[k * 64u + down * 8u + i];
                    sums[i * 2u] += x * y0;
                    sums[i * 2u + 1u] += x * y1;
                }
            }
        }
        // Sixteen columns at a time: two of the eight threads of a row of blocks write, then each thread reads its query's.
        for (var part = 0u; part < 4u; part++) {
            workgroupBarrier();
            if across / 2u == part {
                for (var i = 0u; i < 8u; i++) {
                    let to = (down * 8u + i) * 16u + across % 2u * 8u;
                    for (var j = 0u; j < 8u; j++) {
                        left[to + j] = sums[i * 2u + j / 4u][j % 4u];
                    }
                }
            }
            workgroupBarrier();
            for (var column = 0u; column < 16u; column++) {
                let place = tile * 64u + part * 16u + column;
                let score = halves[place] - left[thread * 16u + column];
                let other = work.base + place;
                if place < work.candidates && score < furthest && other != work.query_base + query {
                    var at = work.kept - 1u;
                    while at > 0u && scores[list + at - 1u] > score {
                        scores[list + at] = scores[list + at - 1u];
                        numbers[list + at] = numbers[list + at - 1u];
                        at--;
                    }
                    scores[list + at] = score;
                    numbers[list + at] = other;
                    furthest = scores[list + work.kept - 1u];
                }
            }
        }
    }
}
