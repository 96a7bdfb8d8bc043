// How counters become colours; `PictureUniform` of `gpu/scatter/pipelines.rs`.
struct Picture {
    width: u32,          // of the picture
    height: u32,
    across: u32,         // places from left to right
    down: u32,
    grain: u32,          // pixels of a place
    planes: u32,
    layer: u32,          // 0 density, 1 classes, 2 ratio
    factor: f32,         // all points over those counted
    totals: vec2<f32>,   // points of A and of B
    slots: u32,          // counters of one place: its planes side by side
    pad0: u32,
    weights: array<vec4<f32>, 2>,
    dim: vec4<f32>,
    inks: array<vec4<f32>, 32>,
    ramp: array<vec4<f32>, 256>,
}
