// Draws points one by one as discs with soft edges, for pictures of few points. Twin: `analysis::scatter::discs`.
//
// Passes: one instanced draw per slice (see `scatter_splat.wgsl`), dim points first, on top of what is there already.
// Ownership: an instance is one lane of one batch on one level; points that are not drawn become triangles of no size.
// Bounds: instances are exactly those of the slice, so `number` stays below `seen`.

struct Slice {
    origin: vec2<f32>,   // grid position of the left upper corner
    scale: f32,          // pixels of one grid step
    width: u32,          // pixels from left to right
    height: u32,
    planes: u32,         // planes of ink
    batches: u32,        // all batches
    seen: u32,           // batches in `visible`
    step: u32,           // every step-th of them ..
    phase: u32,          // .. from this one on
    level: u32,
    level_end: u32,
    mark: u32,           // the mark that is drawn: 1 dim, 2 shown
    radius: f32,         // pixels
    pad0: u32,
    pad1: u32,
    plane_of: array<vec4<u32>, 16>,  // class -> plane, a byte each; 255: not drawn
}

struct Picture {
    width: u32,
    height: u32,
    across: u32,
    down: u32,
    grain: u32,
    planes: u32,
    layer: u32,
    factor: f32,
    totals: vec2<f32>,
    pad0: u32,
    pad1: u32,
    weights: array<vec4<f32>, 2>,
    dim: vec4<f32>,
    inks: array<vec4<f32>, 32>,
    ramp: array<vec4<f32>, 256>,
}

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
    let share = (slice.seen - slice.phase + slice.step - 1u) / slice.step;
    let number = (instance / 8u) % share * slice.step + slice.phase;
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
