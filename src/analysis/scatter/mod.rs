//! A map of points, on the processor: their layout, the twin of the drawing shaders, picking, lassos.
//!
//! [`Points`] lays positions out once; [`splat`](mod@splat) counts them into pixels and makes a picture, the same as
//! `shaders/scatter_splat.wgsl` and `scatter_resolve.wgsl` do on a graphics card; it draws where there is none.

pub mod bits;
pub mod discs;
pub mod points;
pub mod select;
pub mod splat;

pub use bits::Bits;
pub use points::{Camera, Points, View};

#[cfg(test)]
pub(crate) mod fixtures {
    /// Rows in five clusters of the unit square and a thin haze, the same on every run.
    pub fn clusters(rows: usize) -> Vec<[f32; 2]> {
        let mut state = 9_u64;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        (0..rows)
            .map(|row| {
                let (x, y) = [(0.2, 0.2), (0.7, 0.3), (0.4, 0.8), (0.9, 0.9), (0.1, 0.7)][row % 5];
                let width = if row % 11 == 0 { 0.5 } else { 0.04 };
                [x + width * (next() + next() - 1.0), y + width * (next() + next() - 1.0)]
            })
            .collect()
    }
}
