//! Few points drawn one by one: the twin of `shaders/scatter_quads.wgsl`, for pictures without a graphics card.
//!
//! Dim points lie under the others; within each kind, points of higher priority lie under those of lower. Rows of the
//! picture are painted by bands in parallel, each by all points, so the split changes nothing.

use rayon::prelude::*;

use super::points::{LANES, LEVELS, mark};
use super::splat::{NO_PLANE, Style};
use super::{Points, View};

/// Rows of a band.
const BAND: usize = 32;

/// Draws the shown and dim points as discs of the style's radius with soft edges: premultiplied RGBA in gamma space,
/// rows from the top. `classes` and `marks` come from [`Points::by_slot`] and [`Points::marks`].
#[must_use]
pub fn discs(points: &Points, classes: &[u8], marks: &[u32], style: &Style, view: &View) -> Vec<[u8; 4]> {
    let (width, height) = (view.width as usize, view.height as usize);
    let radius = style.radius.max(0.5);
    let plane_map = style.plane_map();
    let visible = points.visible(view, radius + 1.0);
    let batches = points.batches();
    let mut discs: Vec<([f32; 2], [f32; 4])> = Vec::new();
    for wanted in [mark::DIM, mark::SHOWN] {
        for level in 0..LEVELS {
            for &number in &visible {
                let first = (level * batches.len() + number as usize) * LANES;
                for slot in first..first + LANES {
                    let plane = plane_map[classes[slot] as usize];
                    if marks[slot / 16] >> (slot % 16 * 2) & 3 != wanted || plane == NO_PLANE {
                        continue;
                    }
                    let (rgb, alpha) = if wanted == mark::DIM {
                        (style.dim, 0.35)
                    } else {
                        (style.planes.get(plane as usize).copied().unwrap_or_default(), 0.8)
                    };
                    let [r, g, b] = rgb.map(|value| f32::from(value) / 255.0);
                    discs.push((view.position(&batches[number as usize], points.positions()[slot]), [r, g, b, alpha]));
                }
            }
        }
    }
    let mut picture = vec![[0_u8; 4]; width * height];
    picture.par_chunks_mut((width * BAND).max(1)).enumerate().for_each(|(band, pixels)| {
        let top = band * BAND;
        let rows = pixels.len() / width;
        for &([x, y], [r, g, b, alpha]) in &discs {
            let reach = radius + 1.0;
            let span = |middle: f32, from: usize, to: usize| {
                let low = (middle - reach).floor().max(from as f32) as usize;
                let high = (middle + reach).ceil().clamp(0.0, to as f32) as usize;
                low..high
            };
            for row in span(y, top, top + rows) {
                for column in span(x, 0, width) {
                    let away = (column as f32 + 0.5 - x).hypot(row as f32 + 0.5 - y);
                    let alpha = alpha * (radius + 0.5 - away).clamp(0.0, 1.0);
                    if alpha > 0.0 {
                        let pixel = &mut pixels[(row - top) * width + column];
                        // After every disc a card's texture holds bytes, too.
                        for (to, ink) in pixel.iter_mut().zip([r, g, b, 1.0]) {
                            *to = (ink * alpha * 255.0 + f32::from(*to) * (1.0 - alpha) + 0.5) as u8;
                        }
                    }
                }
            }
        }
    });
    picture
}
