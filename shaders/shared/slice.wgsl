// One dispatch's share of a picture; `Slice` of `gpu/scatter/pipelines.rs`.
struct Slice {
    origin: vec2<f32>,   // grid position of the left upper corner
    scale: f32,          // counters (of discs: pixels) of one grid step
    width: u32,          // counters (pixels) from left to right
    height: u32,
    planes: u32,         // planes of ink; the plane of dim points follows
    batches: u32,        // all batches
    seen: u32,           // batches in `visible`
    first: u32,          // of them this one ..
    end: u32,            // .. up to before this one
    level: u32,
    level_end: u32,
    mark: u32,           // of discs: the mark that is drawn, 1 dim, 2 shown
    radius: f32,         // of discs, pixels
    slots: u32,          // counters of one place: its planes side by side
    pad0: u32,
    plane_of: array<vec4<u32>, 16>,  // class -> plane, a byte each; 255: not drawn
}
