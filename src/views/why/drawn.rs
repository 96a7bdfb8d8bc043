//! Maps as textures: made when a map, the way it is shown or its scale changes, and kept while it is looked at.
//!
//! Strength and colour are in the texture, the opacity is the tint with which it is painted: moving the slider makes nothing anew.

use std::collections::HashMap;
use std::sync::Arc;

use egui::{ColorImage, Context, TextureHandle, TextureOptions};

use crate::analysis::cam::beside::top_level;
use crate::analysis::cam::colour::{diverging, inferno};
use crate::analysis::cam::{Map, upsample};
use crate::app::why::Mode;
use crate::jobs::SampleRef;
use crate::jobs::why::Cell;

/// Textures made in one frame at most: a scale that changes makes all of them anew.
const A_FRAME: usize = 24;
/// Frames after which a texture that nobody painted goes.
const IDLE: u64 = 90;
/// Share of the picture inside the contour.
pub(super) const TOP: f64 = 0.2;

/// What a texture was made of.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// The maps it shows: one, or the two of a difference.
    pub(super) cells: Vec<Arc<Cell>>,
    pub(super) mode: Mode,
    /// What the brightest colour stands for; of each map of a difference.
    pub(super) scales: Vec<f32>,
    /// Pixels a side.
    pub(super) side: usize,
}

impl Made {
    fn is(&self, other: &Self) -> bool {
        self.mode == other.mode
            && self.side == other.side
            && self.scales == other.scales
            && self.cells.len() == other.cells.len()
            && self.cells.iter().zip(&other.cells).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

struct Entry {
    texture: TextureHandle,
    made: Made,
    used: u64,
}

/// The textures, by column, picture and place (matrix, inspector, large).
#[derive(Default)]
pub(super) struct Maps {
    entries: HashMap<(u32, SampleRef, u8), Entry>,
    frame: u64,
    made: usize,
    /// Some waited for the next frame.
    pub(super) filling: bool,
}

impl Maps {
    /// Begins a frame.
    pub(super) fn begin(&mut self, ctx: &Context) {
        if self.filling {
            ctx.request_repaint();
        }
        self.frame += 1;
        (self.made, self.filling) = (0, false);
        let frame = self.frame;
        self.entries.retain(|_, entry| entry.used + IDLE >= frame);
    }

    /// The texture for a cell; an older one while too many are made at once.
    pub(super) fn get(
        &mut self,
        ctx: &Context,
        key: (u32, SampleRef, u8),
        made: Made,
        map: &dyn Fn() -> Map,
    ) -> Option<&TextureHandle> {
        let frame = self.frame;
        let is_new = self.entries.get(&key).is_none_or(|entry| !entry.made.is(&made));
        if is_new && self.made >= A_FRAME {
            self.filling = true;
        } else if is_new {
            self.made += 1;
            let image = image(&map(), made.mode, made.scales[0], made.side);
            let texture = ctx.load_texture("map", image, TextureOptions::LINEAR);
            self.entries.insert(key, Entry { texture, made, used: frame });
        }
        let entry = self.entries.get_mut(&key)?;
        entry.used = frame;
        Some(&entry.texture)
    }
}

/// The pixels of a map: colour, and how much of the picture it covers at full opacity. `map` is what speaks for the class, or both signs where
/// the mode is [`Mode::Signed`].
pub(super) fn image(map: &Map, mode: Mode, scale: f32, side: usize) -> ColorImage {
    let large = upsample(map, side, side);
    let mut rgba = Vec::with_capacity(side * side * 4);
    let strength = |value: f32| if scale > 0.0 { (value / scale).clamp(-1.0, 1.0) } else { 0.0 };
    match mode {
        Mode::Overlay => {
            for &value in &large.values {
                let value = strength(value).max(0.0);
                let [r, g, b] = inferno(value);
                rgba.extend([r, g, b, (value * 255.0) as u8]);
            }
        }
        Mode::Heat => {
            for &value in &large.values {
                let [r, g, b] = inferno(strength(value));
                rgba.extend([r, g, b, 255]);
            }
        }
        Mode::Signed => {
            for &value in &large.values {
                let value = strength(value);
                let [r, g, b] = diverging(value);
                // White at 0 covers, too: colours of the picture must not be taken for those of the map.
                rgba.extend([r, g, b, ((0.5 + 0.5 * value.abs().sqrt()) * 255.0) as u8]);
            }
        }
        Mode::Contour => contour(&large, side, &mut rgba),
    }
    ColorImage::from_rgba_unmultiplied([side, side], &rgba)
}

/// A line where the map falls below the level that a fifth of the picture reaches, and a shadow over the rest.
fn contour(map: &Map, side: usize, rgba: &mut Vec<u8>) {
    let Some(level) = top_level(map, TOP) else {
        rgba.resize(side * side * 4, 0);
        return;
    };
    let value = |x: usize, y: usize| map.values[y.min(side - 1) * side + x.min(side - 1)];
    // The line is as wide on a large texture as on a small one, in shares of the cell.
    let half = (side as f32 / 200.0).max(0.8);
    for y in 0..side {
        for x in 0..side {
            let here = value(x, y);
            let right = value(x + 1, y) - value(x.saturating_sub(1), y);
            let down = value(x, y + 1) - value(x, y.saturating_sub(1));
            let slope = (right * right + down * down).sqrt() / 2.0;
            let away = if slope > 0.0 { (here - level).abs() / slope } else { f32::INFINITY };
            let line = (half + 0.5 - away).clamp(0.0, 1.0);
            if line > 0.0 {
                rgba.extend([255, 214, 64, (line * 255.0) as u8]);
            } else if here < level {
                rgba.extend([0, 0, 0, 110]);
            } else {
                rgba.extend([0, 0, 0, 0]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[f32]) -> Map {
        Map { height: 1, width: values.len(), values: values.to_vec() }
    }

    #[test]
    fn colours_say_what_the_mode_promises() {
        let check = |mode, values: &[f32], scale, expect: [[u8; 4]; 2]| {
            let image = image(&map(values), mode, scale, 2);
            let got = [image.pixels[0], image.pixels[1]].map(|pixel| pixel.to_srgba_unmultiplied());
            for (got, expect) in got.iter().zip(expect) {
                // Colours are kept multiplied with their alpha, in bytes.
                let near = got.iter().zip(expect).all(|(a, b)| a.abs_diff(b) <= 2);
                assert!(near, "{mode:?}: {got:?}, expected {expect:?}");
            }
        };
        let [r, g, b] = inferno(1.0);
        check(Mode::Overlay, &[4.0, -4.0], 4.0, [[r, g, b, 255], [0, 0, 0, 0]]);
        let [r0, g0, b0] = inferno(0.0);
        check(Mode::Heat, &[4.0, -4.0], 4.0, [[r, g, b, 255], [r0, g0, b0, 255]]);
        let ([r, g, b], [r0, g0, b0]) = (diverging(1.0), diverging(-1.0));
        check(Mode::Signed, &[4.0, -9.0], 4.0, [[r, g, b, 255], [r0, g0, b0, 255]]);
        // A scale of nothing is no division by zero, and a flat map has no contour.
        check(Mode::Overlay, &[0.0, 0.0], 0.0, [[0; 4]; 2]);
        check(Mode::Contour, &[1.0, 1.0], 1.0, [[0; 4]; 2]);
    }

    #[test]
    fn the_contour_leaves_a_fifth_in_the_light() {
        let values: Vec<f32> = (0..10).map(|value| value as f32).collect();
        let image = image(&map(&values), Mode::Contour, 1.0, 100);
        let alpha = |x: usize| image.pixels[50 * 100 + x].a();
        assert_eq!((alpha(10), alpha(60), alpha(95)), (110, 110, 0));
        let line = (75..85).map(alpha).max();
        assert!(line > Some(180), "the line is where the fifth begins: {line:?}");
    }
}
