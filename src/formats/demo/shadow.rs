//! Soft shadows, made from the outline of what is drawn, and putting layers together.

use tiny_skia::{Pixmap, PixmapPaint, Transform};

use super::colour::{INK, Rgb};

/// Where the opaque pixels of a layer are: left, top, right, bottom (exclusive); `None` if there are none.
pub(super) fn extent(layer: &Pixmap) -> Option<(u32, u32, u32, u32)> {
    let width = layer.width();
    let mut found: Option<(u32, u32, u32, u32)> = None;
    for (i, pixel) in layer.pixels().iter().enumerate() {
        if pixel.alpha() > 40 {
            let (x, y) = (i as u32 % width, i as u32 / width);
            let (l, t, r, b) = found.unwrap_or((x, y, x, y));
            found = Some((l.min(x), t.min(y), r.max(x + 1), b.max(y + 1)));
        }
    }
    found
}

/// Darkens `ground` with the shadow of `layer`, moved by (`dx`, `dy`) pixels and blurred by about `radius`.
pub(super) fn cast(ground: &mut Pixmap, layer: &Pixmap, (dx, dy): (i32, i32), radius: usize, strength: f32) {
    let (w, h) = (layer.width() as usize, layer.height() as usize);
    let mut alpha = vec![0_u16; w * h];
    for y in 0..h {
        let from_y = y as i32 - dy;
        if !(0..h as i32).contains(&from_y) {
            continue;
        }
        for x in 0..w {
            let from_x = x as i32 - dx;
            if (0..w as i32).contains(&from_x) {
                alpha[y * w + x] = u16::from(layer.pixels()[from_y as usize * w + from_x as usize].alpha());
            }
        }
    }
    blur(&mut alpha, w, h, radius);
    darken(ground, &alpha, strength, INK);
}

/// Darkens `ground` by a soft ellipse: the shadow below something that stands.
pub(super) fn contact(ground: &mut Pixmap, (cx, cy): (f32, f32), (rx, ry): (f32, f32), strength: f32) {
    let (w, h) = (ground.width() as usize, ground.height() as usize);
    let mut alpha = vec![0_u16; w * h];
    for (i, alpha) in alpha.iter_mut().enumerate() {
        let (x, y) = (((i % w) as f32 + 0.5 - cx) / rx, ((i / w) as f32 + 0.5 - cy) / ry);
        let inside = 1.0 - (x * x + y * y);
        if inside > 0.0 {
            *alpha = (inside * inside * 255.0) as u16;
        }
    }
    darken(ground, &alpha, strength, INK);
}

/// Three box blurs are close to a Gaussian.
fn blur(alpha: &mut [u16], w: usize, h: usize, radius: usize) {
    let mut line = vec![0_u16; w.max(h)];
    for _ in 0..3 {
        for y in 0..h {
            box_blur(&mut alpha[y * w..(y + 1) * w], 1, w, radius, &mut line);
        }
        for x in 0..w {
            box_blur(&mut alpha[x..], w, h, radius, &mut line);
        }
    }
}

fn box_blur(values: &mut [u16], stride: usize, n: usize, radius: usize, line: &mut [u16]) {
    let window = (2 * radius + 1) as u32;
    let at = |i: isize| if (0..n as isize).contains(&i) { u32::from(values[i as usize * stride]) } else { 0 };
    let mut sum: u32 = (-(radius as isize)..=radius as isize).map(at).sum();
    for (i, out) in line[..n].iter_mut().enumerate() {
        *out = (sum / window) as u16;
        sum = sum + at(i as isize + radius as isize + 1) - at(i as isize - radius as isize);
    }
    for (i, value) in line[..n].iter().enumerate() {
        values[i * stride] = *value;
    }
}

fn darken(ground: &mut Pixmap, alpha: &[u16], strength: f32, Rgb(r, g, b): Rgb) {
    let strength = (strength * 256.0) as u32;
    for (pixel, &alpha) in ground.data_mut().chunks_exact_mut(4).zip(alpha) {
        if alpha == 0 {
            continue;
        }
        let part = u32::from(alpha) * strength / 255;
        for (value, shade) in pixel.iter_mut().zip([r, g, b]) {
            *value = ((u32::from(*value) * (256 - part) + u32::from(shade) * part) >> 8) as u8;
        }
    }
}

/// Puts `layer` on top of `ground`.
pub(super) fn over(ground: &mut Pixmap, layer: &Pixmap) {
    ground.draw_pixmap(0, 0, layer.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
}
