// Turns counters into colours. Twin: `analysis::scatter::splat::resolve`.
//
// Passes: one triangle over the whole picture. Ownership: a fragment owns its pixel and writes nothing else.
// Bounds: the picture is at most `across * grain` x `down * grain` pixels, so `cell` is always inside.
// Colours are premultiplied, in gamma space, as the window blends them.

#include "picture.wgsl"

// Set when the pipeline is made: a software adapter walks through every branch that it cannot rule out.
override layer: u32 = 0u;    // 0 density, 1 classes, 2 ratio
override with_dim: bool = true;

@group(0) @binding(0) var<uniform> picture: Picture;
@group(0) @binding(1) var<storage, read> counts: array<u32>;
@group(0) @binding(2) var<storage, read> peak: array<u32>;
@group(0) @binding(3) var<storage, read> fields: array<f32>;

@vertex
fn whole(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    return vec4<f32>(f32(index & 1u) * 4.0 - 1.0, f32(index >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

fn brightness(count: f32, top: f32) -> f32 {
    return clamp(log2(1.0 + count * picture.factor) / top, 0.0, 1.0);
}

// Between the middles of four cells: a field of A (0) or of B (1).
fn sample(plane: u32, pixel: vec2<f32>) -> f32 {
    let most = vec2<f32>(f32(picture.across - 1u), f32(picture.down - 1u));
    let at = clamp((pixel + 0.5) / f32(picture.grain) - 0.5, vec2<f32>(0.0), most);
    let low = vec2<u32>(at);
    let high = min(low + 1u, vec2<u32>(picture.across - 1u, picture.down - 1u));
    let part = at - vec2<f32>(low);
    let first = plane * picture.across * picture.down;
    let upper = fields[first + low.y * picture.across + low.x] * (1.0 - part.x)
        + fields[first + low.y * picture.across + high.x] * part.x;
    let lower = fields[first + high.y * picture.across + low.x] * (1.0 - part.x)
        + fields[first + high.y * picture.across + high.x] * part.x;
    return upper * (1.0 - part.y) + lower * part.y;
}

@fragment
fn resolve(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = vec2<u32>(position.xy);
    let cell = (pixel.y / picture.grain * picture.across + pixel.x / picture.grain) * picture.slots;
    let top = max(log2(1.0 + f32(peak[0]) * picture.factor), 1.0);
    var rgb = vec3<f32>(0.0);
    var alpha = 0.0;
    if layer == 0u {
        let count = f32(counts[cell]);
        if count > 0.0 {
            let bright = brightness(count, top);
            rgb = picture.ramp[u32(bright * 255.0 + 0.5)].rgb;
            alpha = 0.35 + 0.65 * bright;
        }
    } else if layer == 1u {
        var total = 0.0;
        for (var plane = 0u; plane < picture.planes; plane++) {
            let count = f32(counts[cell + plane]);
            total += count;
            rgb += count * picture.inks[plane].rgb;
        }
        if total > 0.0 {
            rgb /= total;
            alpha = 0.65 + 0.35 * brightness(total, top);
        }
    } else {
        let a = sample(0u, vec2<f32>(pixel)) * picture.factor;
        let b = sample(1u, vec2<f32>(pixel)) * picture.factor;
        let all = max(picture.totals, vec2<f32>(1.0));
        // A tenth of a point of each: nothing against nothing is 1, and a single point is no verdict.
        let least = 0.1 / all.x + 0.1 / all.y;
        let ratio = log2((a / all.x + least) / (b / all.y + least));
        let at = clamp(ratio / 4.0, -1.0, 1.0) * 0.5 + 0.5;
        rgb = picture.ramp[u32(at * 255.0 + 0.5)].rgb;
        alpha = clamp(1.6 * log2(1.0 + 8.0 * (a + b)) / (3.0 + top), 0.0, 0.95);
    }
    if !with_dim {
        return vec4<f32>(rgb * alpha, alpha);
    }
    let dim = f32(counts[cell + picture.planes]);
    var under = 0.0;
    if dim > 0.0 {
        under = (0.3 + 0.3 * brightness(dim, top)) * (1.0 - alpha);
    }
    return vec4<f32>(rgb * alpha + picture.dim.rgb * under, alpha + under);
}
