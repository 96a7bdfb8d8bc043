//! Draws egui's triangles on the CPU: for screenshots where there is no graphics driver at all.
//!
//! egui paints textured triangles with premultiplied colours, blended in gamma space:
//! `out = source + destination * (1 - source alpha)`. That is all there is to it. A triangle covers a
//! pixel if the pixel's centre lies inside it, with the top-left rule, as GPUs do it.

use std::collections::HashMap;

use egui::epaint::{ClippedPrimitive, ImageData, Mesh, Primitive, Vertex};
use egui::{Color32, TextureFilter, TextureId, TexturesDelta};

use crate::formats::image::Picture;

struct Texture {
    width: usize,
    height: usize,
    pixels: Vec<Color32>,
    linear: bool,
}

/// Textures and the way to draw with them.
#[derive(Default)]
pub struct Rasterizer {
    textures: HashMap<TextureId, Texture>,
}

impl Rasterizer {
    /// Follows egui's texture changes.
    pub fn update(&mut self, delta: &mut TexturesDelta) {
        for (id, images) in delta.set.drain() {
            for image in images {
                let ImageData::Color(color) = &image.image;
                let [width, height] = color.size;
                if let (Some([x, y]), Some(texture)) = (image.pos, self.textures.get_mut(&id)) {
                    for row in 0..height {
                        let to = (y + row) * texture.width + x;
                        texture.pixels[to..to + width].copy_from_slice(&color.pixels[row * width..(row + 1) * width]);
                    }
                } else {
                    let linear = image.options.magnification == TextureFilter::Linear;
                    let pixels = color.pixels.clone();
                    self.textures.insert(id, Texture { width, height, pixels, linear });
                }
            }
        }
        for id in delta.free.drain() {
            self.textures.remove(&id);
        }
    }

    /// Draws all primitives on black.
    pub fn draw(&self, primitives: &[ClippedPrimitive], width: u32, height: u32, scale: f32) -> Picture {
        let mut canvas =
            Canvas { width: width as usize, height: height as usize, rgb: vec![[0.0; 3]; (width * height) as usize] };
        for primitive in primitives {
            // Paint callbacks belong to the GPU; no panel of the window uses one without a GPU.
            let Primitive::Mesh(mesh) = &primitive.primitive else { continue };
            let clip = primitive.clip_rect * scale;
            let bounds = [
                clip.min.x.round().max(0.0) as usize,
                clip.min.y.round().max(0.0) as usize,
                (clip.max.x.round().max(0.0) as usize).min(canvas.width),
                (clip.max.y.round().max(0.0) as usize).min(canvas.height),
            ];
            if let Some(texture) = self.textures.get(&mesh.texture_id) {
                canvas.mesh(mesh, texture, bounds, scale);
            }
        }
        let rgba = canvas
            .rgb
            .iter()
            .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255.0].map(|value| value.round().clamp(0.0, 255.0) as u8))
            .collect();
        Picture { width, height, rgba, truncated: false }
    }
}

struct Canvas {
    width: usize,
    height: usize,
    rgb: Vec<[f32; 3]>,
}

impl Canvas {
    fn mesh(&mut self, mesh: &Mesh, texture: &Texture, bounds: [usize; 4], scale: f32) {
        for corner in mesh.indices.chunks_exact(3) {
            let [a, b, c] = [corner[0], corner[1], corner[2]].map(|i| mesh.vertices[i as usize]);
            self.triangle([a, b, c], texture, bounds, scale);
        }
    }

    fn triangle(&mut self, mut v: [Vertex; 3], texture: &Texture, bounds: [usize; 4], scale: f32) {
        for vertex in &mut v {
            vertex.pos *= scale;
        }
        let edge = |a: egui::Pos2, b: egui::Pos2, x: f32, y: f32| (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x);
        let mut area = edge(v[0].pos, v[1].pos, v[2].pos.x, v[2].pos.y);
        if area < 0.0 {
            v.swap(1, 2);
            area = -area;
        }
        if area < 1e-6 {
            return;
        }
        let min_max = |pick: fn(&Vertex) -> f32| {
            let values = v.each_ref().map(pick);
            (values.iter().copied().fold(f32::MAX, f32::min), values.iter().copied().fold(f32::MIN, f32::max))
        };
        let ((left, right), (top, bottom)) = (min_max(|v| v.pos.x), min_max(|v| v.pos.y));
        let columns = (left.floor().max(0.0) as usize).max(bounds[0])..(right.ceil().max(0.0) as usize).min(bounds[2]);
        let rows = (top.floor().max(0.0) as usize).max(bounds[1])..(bottom.ceil().max(0.0) as usize).min(bounds[3]);
        // The top-left rule: a pixel on an edge shared by two triangles belongs to one of them.
        let owns = [(1, 2), (2, 0), (0, 1)].map(|(i, j)| {
            let (a, b) = (v[i].pos, v[j].pos);
            (a.y == b.y && b.x > a.x) || b.y < a.y
        });
        for y in rows {
            for x in columns.clone() {
                let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
                let weights = [
                    edge(v[1].pos, v[2].pos, px, py),
                    edge(v[2].pos, v[0].pos, px, py),
                    edge(v[0].pos, v[1].pos, px, py),
                ];
                if (0..3).any(|i| weights[i] < 0.0 || (weights[i] == 0.0 && !owns[i])) {
                    continue;
                }
                let w = weights.map(|weight| weight / area);
                let mix = |pick: &dyn Fn(&Vertex) -> f32| w[0] * pick(&v[0]) + w[1] * pick(&v[1]) + w[2] * pick(&v[2]);
                let texel = texture.sample(mix(&|v| v.uv.x), mix(&|v| v.uv.y));
                let color: [f32; 4] =
                    std::array::from_fn(|i| mix(&|v| f32::from(v.color.to_array()[i])) * texel[i] / 255.0);
                let below = &mut self.rgb[y * self.width + x];
                for i in 0..3 {
                    below[i] = color[i] + below[i] * (1.0 - color[3] / 255.0);
                }
            }
        }
        debug_assert!(bounds[3] <= self.height);
    }
}

impl Texture {
    /// The colour at `u, v` in `0..=1`, 0 to 255 a channel, premultiplied.
    fn sample(&self, u: f32, v: f32) -> [f32; 4] {
        let at = |x: i64, y: i64| {
            let x = x.clamp(0, self.width as i64 - 1) as usize;
            let y = y.clamp(0, self.height as i64 - 1) as usize;
            self.pixels[y * self.width + x].to_array().map(f32::from)
        };
        let (x, y) = (u * self.width as f32 - 0.5, v * self.height as f32 - 0.5);
        if !self.linear {
            return at(x.round() as i64, y.round() as i64);
        }
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = (x - x0, y - y0);
        let (x0, y0) = (x0 as i64, y0 as i64);
        let (a, b, c, d) = (at(x0, y0), at(x0 + 1, y0), at(x0, y0 + 1), at(x0 + 1, y0 + 1));
        std::array::from_fn(|i| (a[i] * (1.0 - fx) + b[i] * fx) * (1.0 - fy) + (c[i] * (1.0 - fx) + d[i] * fx) * fy)
    }
}

#[cfg(test)]
mod tests {
    use egui::{Rect, pos2};

    use super::*;

    fn white() -> Rasterizer {
        let texture = Texture { width: 1, height: 1, pixels: vec![Color32::WHITE], linear: false };
        Rasterizer { textures: HashMap::from([(TextureId::default(), texture)]) }
    }

    fn quad(rect: Rect, color: Color32) -> ClippedPrimitive {
        let mut mesh = Mesh::default();
        mesh.add_colored_rect(rect, color);
        ClippedPrimitive {
            clip_rect: Rect::from_min_max(pos2(0.0, 0.0), pos2(6.0, 8.0)),
            primitive: Primitive::Mesh(mesh),
        }
    }

    #[test]
    fn covers_each_pixel_once_and_clips() {
        // Half-transparent: a pixel covered by both triangles of the quad would be brighter.
        let color = Color32::from_rgba_premultiplied(100, 0, 0, 128);
        let picture = white().draw(&[quad(Rect::from_min_max(pos2(1.0, 1.0), pos2(8.0, 5.0)), color)], 8, 8, 1.0);
        let red: Vec<u8> = picture.rgba.chunks(4).map(|pixel| pixel[0]).collect();
        for y in 0..8 {
            for x in 0..8 {
                let inside = (1..6).contains(&x) && (1..5).contains(&y);
                assert_eq!(red[y * 8 + x], if inside { 100 } else { 0 }, "{x} {y}");
            }
        }
    }

    #[test]
    fn blends_premultiplied() {
        let full = Rect::from_min_max(pos2(0.0, 0.0), pos2(8.0, 8.0));
        let below = quad(full, Color32::from_rgb(200, 100, 0));
        let above = quad(full, Color32::from_rgba_premultiplied(0, 0, 51, 51));
        let picture = white().draw(&[below, above], 8, 8, 1.0);
        assert_eq!(picture.rgba[..4], [160, 80, 51, 255]);
    }
}
