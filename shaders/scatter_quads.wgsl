// Draws points one by one as discs with soft edges, for pictures of few points. Twin: `analysis::scatter::discs`.
//
// Passes: one instanced draw per slice (see `scatter_splat.wgsl`), dim points first, on top of what is there already.
// Ownership: an instance is one lane of one batch on one level; points that are not drawn become triangles of no size.
// Bounds: instances are exactly those of the slice, so `number` stays below `end`.

#include "slice.wgsl"

#include "picture.wgsl"

@group(0) @binding(0) var<uniform> slice: Slice;
@group(0) @binding(1) var<storage, read> batches: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> visible: array<u32>;
@group(0) @binding(3) var<storage, read> positions: array<u32>;
@group(0) @binding(4) var<storage, read> classes: array<u32>;
@group(0) @binding(5) var<storage, read> marks: array<u32>;
@group(0) @binding(6) var<uniform> picture: Picture;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) away: vec2<f32>,            // pixels from the middle
    @location(1) @interpolate(flat) color: vec4<f32>,
}

@vertex
fn corner(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Corner {
    let lane = instance % 8u;
    let share = slice.end - slice.first;
    let number = instance / 8u % share + slice.first;
    let level = slice.level + instance / 8u / share;
    let batch = visible[number];
    let place = batches[batch];
    let cell = level * slice.batches + batch;
    let slot = cell * 8u + lane;
    let mark = (marks[cell >> 1u] >> (((cell & 1u) * 8u + lane) * 2u)) & 3u;
    let packed = positions[slot];
    let at = (vec2<f32>(f32(packed & 0xffffu), f32(packed >> 16u)) * place.z + (place.xy - slice.origin)) * slice.scale;
    let class_ = (classes[slot >> 2u] >> ((slot & 3u) * 8u)) & 255u;
    let plane = (slice.plane_of[class_ >> 4u][(class_ >> 2u) & 3u] >> ((class_ & 3u) * 8u)) & 255u;

    var out: Corner;
    out.position = vec4<f32>(2.0, 2.0, 0.0, 1.0);
    out.away = vec2<f32>(0.0);
    out.color = vec4<f32>(0.0);
    if mark != slice.mark || plane == 255u {
        return out;
    }
    let reach = slice.radius + 1.0;
    out.away = (vec2<f32>(f32(index & 1u), f32(index >> 1u)) * 2.0 - 1.0) * reach;
    let pixel = at + out.away;
    let size = vec2<f32>(f32(slice.width), f32(slice.height));
    out.position = vec4<f32>(pixel.x / size.x * 2.0 - 1.0, 1.0 - pixel.y / size.y * 2.0, 0.0, 1.0);
    if mark == 1u {
        out.color = vec4<f32>(picture.dim.rgb, 0.35);
    } else {
        out.color = vec4<f32>(picture.inks[min(plane, 31u)].rgb, 0.8);
    }
    return out;
}

@fragment
fn disc(point: Corner) -> @location(0) vec4<f32> {
    let cover = clamp(slice.radius + 0.5 - length(point.away), 0.0, 1.0);
    let alpha = point.color.a * cover;
    return vec4<f32>(point.color.rgb * alpha, alpha);
}
