//! Busy backgrounds of the scenes: landscapes, walls, tables, foliage, with clutter and grain over them.
//!
//! They are drawn in pixels, a little hazier than the things, so that a thing can be found in them.

use std::f32::consts::TAU;

use tiny_skia::Pixmap;

use super::canvas::{Canvas, Light, blob, curve, open, oval, poly, rect, rounded};
use super::colour::{CREAM, DARK_WOOD, GROUNDS, INK, LEAF, PALETTE, Rgb, WHITE, WOOD};
use super::dice::{Dice, mixed};

/// Fills the canvas with a scene.
pub(super) fn busy(c: &mut Canvas, s: f32, d: &mut Dice) {
    match d.below(11) {
        0 => hills(c, s, d),
        1 => forest(c, s, d),
        2 => bricks(c, s, d),
        3 => tiles(c, s, d),
        4 => wallpaper(c, s, d),
        5 => beach(c, s, d),
        6 => city(c, s, d),
        7 => bokeh(c, s, d),
        8 => table(c, s, d),
        9 => meadow(c, s, d),
        _ => confetti(c, s, d),
    }
}

fn all(s: f32) -> tiny_skia::Path {
    rect(0.0, 0.0, s, s)
}

/// A muted colour of the palette.
fn muted(d: &mut Dice, part: f32) -> Rgb {
    d.pick(&PALETTE).rgb.mix(d.pick(&GROUNDS), part)
}

fn sky(c: &mut Canvas, s: f32, d: &mut Dice) {
    let (high, low) = d.pick(&[
        (0x007F_B4DC, 0x00DC_ECF2),
        (0x00F0_B08C, 0x00F8_E4C8),
        (0x006E_8FC4, 0x00F2_D3C6),
        (0x009C_C9C8, 0x00EE_F2E2),
    ]);
    c.fade(&all(s), (0.0, 0.0), (0.0, s * 0.8), &[(0.0, Rgb::hex(high), 1.0), (1.0, Rgb::hex(low), 1.0)]);
    if d.chance(0.5) {
        let (x, y, r) = (d.range(0.1, 0.9) * s, d.range(0.08, 0.3) * s, d.range(0.04, 0.08) * s);
        c.tint(&oval(x, y, r * 1.6, r * 1.6), CREAM, 0.25);
        c.flat(&oval(x, y, r, r), Rgb::hex(0x00FF_F1C9));
    }
    for _ in 0..d.below(5) {
        let (x, y, w) = (d.range(0.0, 1.0) * s, d.range(0.05, 0.4) * s, d.range(0.06, 0.14) * s);
        for (dx, dy, k) in [(-0.6, 0.05, 0.35), (0.0, -0.12, 0.48), (0.6, 0.06, 0.38), (0.0, 0.12, 0.4)] {
            c.tint(&oval(x + dx * w, y + dy * w, w * k * 1.3, w * k * 0.8), WHITE, 0.75);
        }
    }
}

fn ridge(c: &mut Canvas, s: f32, y: f32, rough: f32, colour: Rgb, d: &mut Dice) {
    let mut points = vec![(-0.1 * s, s * 1.1)];
    for i in 0..9 {
        points.push(((i as f32 - 0.5) / 7.5 * s, y + d.range(-rough, rough)));
    }
    points.push((1.1 * s, s * 1.1));
    c.flat(&blob(&points), colour);
}

fn blades(c: &mut Canvas, s: f32, from: f32, count: u32, colour: Rgb, d: &mut Dice) {
    for _ in 0..count {
        let (x, y, h) = (d.range(0.0, s), d.range(from, s), d.range(0.02, 0.06) * s);
        let lean = d.range(-0.4, 0.4) * h;
        let shade = if d.chance(0.5) { colour.dark(d.range(0.05, 0.3)) } else { colour.light(d.range(0.05, 0.3)) };
        c.line(&open(&[(x, y), (x + lean, y - h)]), shade, s * 0.007);
    }
}

fn hills(c: &mut Canvas, s: f32, d: &mut Dice) {
    sky(c, s, d);
    let base = d.pick(&[Rgb::hex(0x0086_A86C), Rgb::hex(0x00A9_A765), Rgb::hex(0x006F_9A84), Rgb::hex(0x00C0_A878)]);
    for i in 0..4 {
        let y = s * (0.42 + i as f32 * 0.15);
        ridge(c, s, y, s * 0.07, base.light(0.42 - i as f32 * 0.14), d);
    }
    for _ in 0..4 + d.below(9) {
        let (x, y) = (d.range(0.0, s), d.range(0.55, 0.95) * s);
        let h = s * d.range(0.05, 0.12);
        let green = LEAF.mix(base, d.range(0.0, 0.6));
        c.line(&open(&[(x, y), (x, y - h * 0.4)]), DARK_WOOD, s * 0.01);
        c.solid(&oval(x, y - h * 0.7, h * 0.36, h * 0.45), green, Light::Soft);
    }
    blades(c, s, s * 0.75, 60, base.dark(0.1), d);
}

fn leaf(c: &mut Canvas, x: f32, y: f32, size: f32, angle: f32, colour: Rgb) {
    let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
    let at = |u: f32, v: f32| (x + (u * cos - v * sin) * size, y + (u * sin + v * cos) * size);
    c.flat(&blob(&[at(-1.0, 0.0), at(-0.2, -0.42), at(0.6, -0.3), at(1.0, 0.0), at(0.6, 0.3), at(-0.2, 0.42)]), colour);
    c.tint_line(&open(&[at(-0.9, 0.0), at(0.9, 0.0)]), colour.dark(0.3), 0.7, size * 0.08);
}

fn forest(c: &mut Canvas, s: f32, d: &mut Dice) {
    let base = d.pick(&[Rgb::hex(0x0040_6B50), Rgb::hex(0x0058_7A48), Rgb::hex(0x003E_6A6A), Rgb::hex(0x0094_6A3C)]);
    c.fade(&all(s), (0.0, 0.0), (0.0, s), &[(0.0, base.light(0.35), 1.0), (1.0, base.dark(0.35), 1.0)]);
    for _ in 0..3 + d.below(4) {
        let (x, w) = (d.range(0.0, s), s * d.range(0.02, 0.05));
        c.solid(
            &poly(&[(x - w * 0.7, 0.0), (x + w * 0.7, 0.0), (x + w, s), (x - w, s)]),
            DARK_WOOD.mix(base, 0.35),
            Light::Round,
        );
    }
    for _ in 0..120 {
        let colour = base.mix(
            d.pick(&[LEAF, Rgb::hex(0x0092_B060), Rgb::hex(0x002E_5844), Rgb::hex(0x00BF_C070)]),
            d.range(0.2, 0.8),
        );
        let (x, y, size, angle) = (d.range(0.0, s), d.range(0.0, s), s * d.range(0.025, 0.06), d.range(0.0, TAU));
        leaf(c, x, y, size, angle, colour);
    }
}

fn bricks(c: &mut Canvas, s: f32, d: &mut Dice) {
    let base = d.pick(&[Rgb::hex(0x00B8_6A50), Rgb::hex(0x00C9_A28A), Rgb::hex(0x0090_8078), Rgb::hex(0x00D8_CFC2)]);
    c.flat(&all(s), base.mix(CREAM, 0.55));
    let h = s * d.range(0.06, 0.1);
    let w = h * 2.3;
    let rows = (s / h) as u32 + 2;
    for row in 0..rows {
        let shift = if row % 2 == 0 { 0.0 } else { w * 0.5 };
        for column in 0..(s / w) as u32 + 3 {
            let (x, y) = (column as f32 * w - shift - w * 0.5, row as f32 * h);
            let colour = if d.chance(0.5) { base.dark(d.range(0.0, 0.22)) } else { base.light(d.range(0.0, 0.2)) };
            c.flat(&rounded(x, y, x + w * 0.94, y + h * 0.87, h * 0.08), colour);
        }
    }
    c.fade(&all(s), (0.0, 0.0), (s, s), &[(0.0, WHITE, 0.12), (0.5, WHITE, 0.0), (1.0, INK, 0.2)]);
    if d.chance(0.5) {
        ivy(c, s, d);
    }
}

fn ivy(c: &mut Canvas, s: f32, d: &mut Dice) {
    let corner = if d.chance(0.5) { 0.0 } else { s };
    for _ in 0..40 {
        let reach = d.unit() * d.unit();
        let x = corner + if corner > 0.0 { -1.0 } else { 1.0 } * reach * s * 0.5;
        let (y, size, angle) = (d.unit() * d.unit() * s * 0.8, s * d.range(0.018, 0.04), d.range(0.0, TAU));
        leaf(c, x, y, size, angle, LEAF.dark(d.range(0.0, 0.3)).light(d.range(0.0, 0.2)));
    }
}

fn tiles(c: &mut Canvas, s: f32, d: &mut Dice) {
    let (one, two) = (muted(d, 0.55), muted(d, 0.7));
    let size = s * d.range(0.09, 0.15);
    c.flat(&all(s), one.light(0.6));
    let fancy = d.below(3);
    let n = (s / size) as i32 + 2;
    for row in 0..n {
        for column in 0..n {
            let (x, y) = (column as f32 * size, row as f32 * size);
            let colour = if (row + column) % 2 == 0 { one } else { two };
            c.flat(&rect(x, y, x + size * 0.95, y + size * 0.95), colour.dark(d.range(0.0, 0.08)));
            let (mx, my) = (x + size * 0.475, y + size * 0.475);
            let other = if (row + column) % 2 == 0 { two } else { one };
            match fancy {
                0 => c.flat(
                    &poly(&[
                        (mx, y + size * 0.12),
                        (x + size * 0.83, my),
                        (mx, y + size * 0.83),
                        (x + size * 0.12, my),
                    ]),
                    other,
                ),
                1 => c.line(&oval(mx, my, size * 0.3, size * 0.3), other, size * 0.08),
                _ => {}
            }
        }
    }
    c.fade(&all(s), (0.0, 0.0), (0.0, s), &[(0.0, INK, 0.14), (0.5, INK, 0.0), (1.0, WHITE, 0.12)]);
}

fn wallpaper(c: &mut Canvas, s: f32, d: &mut Dice) {
    let (one, two) = (muted(d, 0.6), muted(d, 0.5));
    c.flat(&all(s), one);
    let pitch = s * d.range(0.08, 0.16);
    let mut x = -pitch;
    while x < s + pitch {
        c.flat(&rect(x, 0.0, x + pitch * 0.5, s), two.mix(one, 0.3));
        let mut y = pitch * 0.4;
        while y < s {
            c.flower(x + pitch * 0.75, y, pitch * 0.26, two.light(0.3), one.dark(0.2));
            y += pitch;
        }
        x += pitch;
    }
    // A skirting board and a floor of planks.
    let line = s * d.range(0.72, 0.86);
    c.flat(&rect(0.0, line, s, line + s * 0.04), CREAM);
    planks(c, s, line + s * 0.04, d);
}

fn planks(c: &mut Canvas, s: f32, top: f32, d: &mut Dice) {
    let base = d.pick(&[WOOD, DARK_WOOD.light(0.25), Rgb::hex(0x00B0_8F70), Rgb::hex(0x00D8_BE9A)]);
    c.flat(&rect(0.0, top, s, s), base.dark(0.4));
    let h = s * d.range(0.05, 0.11);
    let mut y = top;
    while y < s {
        let colour = if d.chance(0.5) { base.dark(d.range(0.0, 0.14)) } else { base.light(d.range(0.0, 0.14)) };
        c.flat(&rect(0.0, y, s, y + h * 0.95), colour);
        for _ in 0..4 {
            let (gx, gy, w) = (d.range(-0.1, 0.9) * s, y + h * d.range(0.15, 0.8), d.range(0.1, 0.5) * s);
            c.tint_line(
                &curve(&[(gx, gy), (gx + w * 0.5, gy + h * d.range(-0.1, 0.1)), (gx + w, gy)]),
                colour.dark(0.35),
                0.5,
                s * 0.004,
            );
        }
        if d.chance(0.3) {
            c.tint(&oval(d.range(0.0, s), y + h * 0.5, h * 0.2, h * 0.12), colour.dark(0.5), 0.6);
        }
        y += h;
    }
}

fn beach(c: &mut Canvas, s: f32, d: &mut Dice) {
    sky(c, s, d);
    let (sea, sand) = (s * d.range(0.3, 0.42), s * d.range(0.52, 0.66));
    let water = d.pick(&[Rgb::hex(0x003F_8FA8), Rgb::hex(0x0058_AFB4), Rgb::hex(0x004A_78B0)]);
    c.fade(&rect(0.0, sea, s, s), (0.0, sea), (0.0, sand), &[(0.0, water, 1.0), (1.0, water.light(0.45), 1.0)]);
    for _ in 0..26 {
        let (x, y, w) = (d.range(-0.1, 1.0) * s, d.range(sea + 2.0, sand), s * d.range(0.04, 0.16));
        c.tint_line(&curve(&[(x, y), (x + w * 0.5, y - s * 0.008), (x + w, y)]), WHITE, 0.5, s * 0.006);
    }
    let tone = Rgb::hex(0x00EA_D4A6);
    ridge(c, s, sand, s * 0.02, tone.light(0.5), d);
    ridge(c, s, sand + s * 0.03, s * 0.02, tone, d);
    for _ in 0..260 {
        let (x, y) = (d.range(0.0, s), d.range(sand + s * 0.04, s));
        let shade = if d.chance(0.6) { tone.dark(0.25) } else { WHITE };
        c.tint(&rect(x, y, x + s * 0.007, y + s * 0.005), shade, 0.6);
    }
    for _ in 0..3 + d.below(5) {
        let (x, y, r) = (d.range(0.0, s), d.range(sand + s * 0.06, s), s * d.range(0.012, 0.03));
        c.solid(&oval(x, y, r * 1.2, r), muted(d, 0.5), Light::Soft);
    }
}

fn city(c: &mut Canvas, s: f32, d: &mut Dice) {
    sky(c, s, d);
    let street = s * d.range(0.72, 0.84);
    for layer in 0..2 {
        let mut x = -s * 0.05;
        while x < s {
            let (w, top) = (s * d.range(0.1, 0.2), s * d.range(0.15, 0.45) + layer as f32 * s * 0.14);
            let colour = muted(d, 0.35).dark(0.15).mix(Rgb::hex(0x00A8_B4C8), 0.5 - layer as f32 * 0.3);
            c.flat(&rect(x, top, x + w, street), colour);
            c.fade(&rect(x, top, x + w, street), (x, 0.0), (x + w, 0.0), &[(0.0, WHITE, 0.12), (1.0, INK, 0.18)]);
            let step = s * 0.035;
            let mut y = top + step * 0.6;
            while y < street - step {
                let mut wx = x + step * 0.5;
                while wx < x + w - step * 0.6 {
                    let lit = if d.chance(0.35) { Rgb::hex(0x00FB_E2A0) } else { colour.dark(0.35) };
                    c.flat(&rect(wx, y, wx + step * 0.5, y + step * 0.6), lit);
                    wx += step;
                }
                y += step;
            }
            x += w + s * d.range(0.0, 0.02);
        }
    }
    c.flat(&rect(0.0, street, s, s), Rgb::hex(0x0078_7A86));
    c.flat(&rect(0.0, street, s, street + s * 0.025), Rgb::hex(0x00B8_B4AC));
    for i in 0..6 {
        let x = (i as f32 + 0.2) * s / 5.5;
        c.flat(&rect(x, street + s * 0.09, x + s * 0.09, street + s * 0.105), CREAM);
    }
}

fn bokeh(c: &mut Canvas, s: f32, d: &mut Dice) {
    let base = d.pick(&[Rgb::hex(0x0046_4A72), Rgb::hex(0x0074_4E5C), Rgb::hex(0x0040_6464), Rgb::hex(0x0086_6A4C)]);
    c.fade(&all(s), (0.0, 0.0), (s, s), &[(0.0, base.light(0.25), 1.0), (1.0, base.dark(0.3), 1.0)]);
    for _ in 0..46 {
        let (x, y, r) = (d.range(0.0, s), d.range(0.0, s), s * d.range(0.02, 0.1));
        let colour = d.pick(&PALETTE).rgb.mix(base, 0.35).light(0.25);
        c.tint(&oval(x, y, r, r), colour, d.range(0.15, 0.45));
        c.tint_line(&oval(x, y, r, r), WHITE, 0.2, s * 0.005);
    }
}

fn table(c: &mut Canvas, s: f32, d: &mut Dice) {
    planks(c, s, 0.0, d);
    clutter(c, s, 10, d);
}

fn meadow(c: &mut Canvas, s: f32, d: &mut Dice) {
    let base = d.pick(&[Rgb::hex(0x0082_A858), Rgb::hex(0x0096_B46C), Rgb::hex(0x006A_9A6E)]);
    c.fade(&all(s), (0.0, 0.0), (0.0, s), &[(0.0, base.light(0.35), 1.0), (1.0, base.dark(0.15), 1.0)]);
    blades(c, s, 0.0, 330, base, d);
    for _ in 0..22 + d.below(16) {
        let (x, y) = (d.range(0.0, s), d.range(0.0, s));
        let size = s * d.range(0.014, 0.032) * (0.6 + 0.6 * y / s);
        let petals = d.pick(&PALETTE[2..12]).rgb.light(d.range(0.1, 0.6));
        c.flower(x, y, size, petals, Rgb::hex(0x00F4_D35E));
    }
}

fn confetti(c: &mut Canvas, s: f32, d: &mut Dice) {
    let base = muted(d, 0.65);
    c.fade(&all(s), (0.0, 0.0), (s, s), &[(0.0, base.light(0.2), 1.0), (1.0, base.dark(0.12), 1.0)]);
    clutter(c, s, 54, d);
}

/// Small flat shapes: sticks, discs, rings, scraps of paper, leaves.
fn clutter(c: &mut Canvas, s: f32, count: u32, d: &mut Dice) {
    for _ in 0..count {
        let (x, y, r) = (d.range(0.0, s), d.range(0.0, s), s * d.range(0.015, 0.05));
        let colour = muted(d, 0.4);
        let (dx, dy) = (d.range(-1.0, 1.0) * r, d.range(-1.0, 1.0) * r);
        match d.below(6) {
            0 => c.line(&open(&[(x - dx, y - dy), (x + dx, y + dy)]), colour, s * 0.014),
            1 => c.solid(&oval(x, y, r * 0.7, r * 0.7), colour, Light::Soft),
            2 => c.line(&oval(x, y, r * 0.7, r * 0.7), colour, s * 0.012),
            3 => c.flat(&poly(&[(x + dx, y + dy), (x - dy, y + dx), (x - dx, y - dy), (x + dy, y - dx)]), colour),
            4 => c.flat(&poly(&[(x + dx, y + dy), (x - dy, y + dx), (x - dx * 0.6, y - r)]), colour),
            _ => {
                let angle = d.range(0.0, TAU);
                leaf(c, x, y, r, angle, LEAF.mix(colour, 0.4));
            }
        }
    }
}

/// A few leaves or blades at the edges, before the thing but not on it.
pub(super) fn in_front(c: &mut Canvas, s: f32, thing: (f32, f32), reach: f32, d: &mut Dice) {
    for _ in 0..d.below(7) {
        let (x, y, size, angle) = (d.range(0.0, s), d.range(0.0, s), s * d.range(0.03, 0.07), d.range(0.0, TAU));
        let green = LEAF.mix(d.pick(&PALETTE).rgb, 0.2).dark(d.range(0.0, 0.3));
        let (dx, dy) = (x - thing.0, y - thing.1);
        if dx * dx + dy * dy > (reach + size) * (reach + size) * 1.3 {
            leaf(c, x, y, size, angle, green);
        }
    }
}

/// Grain like a photograph's: smooth unevenness and fine noise.
pub(super) fn grain(pixmap: &mut Pixmap, d: &mut Dice) {
    let seed = u64::from(d.next());
    let width = pixmap.width() as usize;
    let cell = 16;
    let across = width / cell + 2;
    let lattice: Vec<i32> =
        (0..across * across).map(|i| (mixed(seed ^ (i as u64) << 20) >> 32) as u8 as i32 - 128).collect();
    let mut noise = seed as u32 | 1;
    for (i, pixel) in pixmap.data_mut().chunks_exact_mut(4).enumerate() {
        let (x, y) = (i % width, i / width);
        let (cx, cy, fx, fy) = (x / cell, y / cell, (x % cell) as i32, (y % cell) as i32);
        let at = |dx: usize, dy: usize| lattice[(cy + dy) * across + cx + dx];
        let n = cell as i32;
        let top = at(0, 0) * (n - fx) + at(1, 0) * fx;
        let low = at(0, 1) * (n - fx) + at(1, 1) * fx;
        let smooth = (top * (n - fy) + low * fy) / (n * n);
        // Xorshift: fast, and good enough for grain.
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let fine = (noise >> 24) as i32 - 128;
        let shift = smooth / 14 + fine / 20;
        for value in &mut pixel[..3] {
            *value = (i32::from(*value) + shift).clamp(0, 255) as u8;
        }
    }
}
