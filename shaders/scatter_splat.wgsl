// Counts points into pixels. Twin: `analysis::scatter::splat::splat`.
//
// Passes: one dispatch per slice of the picture (see `gpu/scatter/mod.rs`); counters add up over dispatches until the
//   camera, the filter or the style changes, when they are cleared.
// Ownership: a thread owns one lane (0..8) of one batch and walks the levels `level..level_end` of it. Counters belong to
//   nobody: one atomicAdd a point. The sum of all counters is the number of points drawn. The planes of a place lie side
//   by side: points of a batch are near each other, so whatever their classes they meet in few lines of the cache.
// Bounds: `number < end` is checked; `visible` holds numbers of batches; every array is padded to whole batches, and
//   padding has mark 0. Memory is ordered level by level, so that a dispatch reads streams.
// Exactness: corners, offsets and the origin are whole numbers below 2^24 and step is a power of two, so the only
//   roundings are those of one subtraction and one multiplication: counts equal the twin's.

#include "slice.wgsl"

@group(0) @binding(0) var<uniform> slice: Slice;
@group(0) @binding(1) var<storage, read> batches: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> visible: array<u32>;
@group(0) @binding(3) var<storage, read> positions: array<u32>;
@group(0) @binding(4) var<storage, read> classes: array<u32>;
@group(0) @binding(5) var<storage, read> marks: array<u32>;
@group(0) @binding(6) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(7) var<storage, read_write> peak: array<atomic<u32>>;

@compute @workgroup_size(256)
fn splat(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = (group.y * groups.x + group.x) * 32u + local / 8u + slice.first;
    if number >= slice.end {
        return;
    }
    let lane = local % 8u;
    let batch = visible[number];
    let place = batches[batch];
    let corner = place.xy - slice.origin;
    let size = vec2<f32>(f32(slice.width), f32(slice.height));
    var most = 0u;
    for (var level = slice.level; level < slice.level_end; level++) {
        let cell = level * slice.batches + batch;
        let slot = cell * 8u + lane;
        let mark = (marks[cell >> 1u] >> (((cell & 1u) * 8u + lane) * 2u)) & 3u;
        let packed = positions[slot];
        let at = (vec2<f32>(f32(packed & 0xffffu), f32(packed >> 16u)) * place.z + corner) * slice.scale;
        if mark != 0u && at.x >= 0.0 && at.y >= 0.0 && at.x < size.x && at.y < size.y {
            let class_ = (classes[slot >> 2u] >> ((slot & 3u) * 8u)) & 255u;
            var plane = (slice.plane_of[class_ >> 4u][(class_ >> 2u) & 3u] >> ((class_ & 3u) * 8u)) & 255u;
            if plane != 255u {
                if mark == 1u {
                    plane = slice.planes;
                }
                let before = atomicAdd(&counts[(u32(at.y) * slice.width + u32(at.x)) * slice.slots + plane], 1u);
                if mark == 2u {
                    most = max(most, before + 1u);
                }
            }
        }
    }
    // One thread in a thousand has anything to say.
    if most > atomicLoad(&peak[0]) {
        atomicMax(&peak[0], most);
    }
}
