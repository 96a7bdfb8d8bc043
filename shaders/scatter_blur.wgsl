// Blurs the two datasets' counters along one axis. Twin: `analysis::scatter::splat::blur`.
//
// Passes: `along_x` (counters -> half way), then `along_y` (half way -> fields); both are run only for the ratio layer.
// Ownership: a thread owns one cell of one plane of what is written; the grid's z is the plane. No atomics.
// Bounds: cells from `width * height` on leave; taps outside the field count as nothing.

#include "picture.wgsl"

@group(0) @binding(0) var<uniform> picture: Picture;
@group(0) @binding(1) var<storage, read> counts: array<u32>;
@group(0) @binding(2) var<storage, read_write> half_way: array<f32>;
@group(0) @binding(3) var<storage, read_write> fields: array<f32>;

@compute @workgroup_size(64)
fn along_x(@builtin(global_invocation_id) id: vec3<u32>) {
    let cells = picture.across * picture.down;
    if id.x >= cells {
        return;
    }
    let x = id.x % picture.across;
    let at = id.x * picture.slots + id.z;
    var sum = picture.weights[0].x * f32(counts[at]);
    for (var reach = 1u; reach <= 6u; reach++) {
        var before = 0.0;
        var after = 0.0;
        if x >= reach {
            before = f32(counts[at - reach * picture.slots]);
        }
        if x + reach < picture.across {
            after = f32(counts[at + reach * picture.slots]);
        }
        sum += picture.weights[reach >> 2u][reach & 3u] * (before + after);
    }
    half_way[id.z * cells + id.x] = sum;
}

@compute @workgroup_size(64)
fn along_y(@builtin(global_invocation_id) id: vec3<u32>) {
    let cells = picture.across * picture.down;
    if id.x >= cells {
        return;
    }
    let at = id.z * cells + id.x;
    let y = id.x / picture.across;
    var sum = picture.weights[0].x * half_way[at];
    for (var reach = 1u; reach <= 6u; reach++) {
        var before = 0.0;
        var after = 0.0;
        if y >= reach {
            before = half_way[at - reach * picture.across];
        }
        if y + reach < picture.down {
            after = half_way[at + reach * picture.across];
        }
        sum += picture.weights[reach >> 2u][reach & 3u] * (before + after);
    }
    fields[at] = sum;
}
