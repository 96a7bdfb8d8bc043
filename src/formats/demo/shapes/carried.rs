//! Bags, jewellery, glasses, umbrellas.

use super::super::canvas::{Canvas, Light, Pattern, Skin, blob, curve, mirrored, open, oval, poly, rect, rounded};
use super::super::colour::{CREAM, DARK_WOOD, INK, Rgb, STEEL, WHITE};
use super::super::dice::Dice;
use super::{Look, mark, sign_at};

pub(super) fn tote(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (top_half, low_half, top) = (d.range(0.5, 0.58), d.range(0.5, 0.66), d.range(-0.22, -0.1));
    let main = look.skin.main;
    let handle = if look.skin.accent == main { look.trim } else { look.skin.accent };
    let (at, rise) = (d.range(0.2, 0.28), d.range(-0.84, -0.7));
    c.line(
        &curve(&[
            (-at + 0.03, top),
            (-at * 0.86, rise + 0.16),
            (0.03, rise + 0.03),
            (at * 0.9, rise + 0.16),
            (at + 0.03, top),
        ]),
        handle.dark(0.35),
        0.07,
    );
    let bag = mirrored(&[(top_half, top), (low_half, 0.78), (low_half * 0.94, 0.84)]);
    c.body(&bag, &look.skin, Light::Soft, d);
    c.inside(&bag, |c| {
        c.tint(&rect(-1.0, top, 1.0, top + 0.09), main.dark(0.16), 0.8);
        c.tint_line(&curve(&[(-low_half * 0.8, 0.84), (-low_half * 0.6, 0.6)]), INK, 0.12, 0.02);
        c.tint_line(&curve(&[(low_half * 0.82, 0.84), (low_half * 0.66, 0.56)]), INK, 0.12, 0.02);
    });
    c.line(
        &curve(&[
            (-at, top + 0.16),
            (-at, top),
            (-at * 0.9, rise + 0.22),
            (0.0, rise + 0.08),
            (at * 0.9, rise + 0.22),
            (at, top),
            (at, top + 0.16),
        ]),
        handle,
        0.07,
    );
    for side in [-1.0, 1.0] {
        c.solid(&rounded(side * at - 0.055, top + 0.08, side * at + 0.055, top + 0.21, 0.02), handle, Light::Soft);
    }
    if look.skin.pattern == Pattern::Plain {
        let print = if look.skin.accent == main { main.dark(0.5) } else { look.skin.accent };
        c.line(&oval(0.0, 0.36, 0.24, 0.24), print, 0.03);
        sign_at(c, d.below(6) as u8, 0.0, 0.36, 0.12, print);
    } else {
        mark(c, look, low_half - 0.16, 0.7, 0.05);
    }
}

pub(super) fn backpack(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let main = look.skin.main;
    let (half, top) = (d.range(0.5, 0.58), d.range(-0.72, -0.62));
    // Straps at the sides, the loop on top.
    for side in [-1.0, 1.0] {
        c.line(
            &curve(&[
                (side * half * 0.5, top + 0.08),
                (side * (half + 0.14), -0.16),
                (side * (half + 0.12), 0.4),
                (side * half * 0.8, 0.72),
            ]),
            look.trim.dark(0.2),
            0.09,
        );
    }
    c.line(
        &curve(&[(-0.13, top + 0.06), (-0.11, top - 0.12), (0.11, top - 0.12), (0.13, top + 0.06)]),
        look.trim.dark(0.1),
        0.055,
    );
    for side in [-1.0, 1.0] {
        c.solid(&rounded(side * half - 0.12, 0.24, side * half + 0.12, 0.74, 0.1), main.dark(0.2), Light::Round);
    }
    let bag = blob(&[
        (0.0, top),
        (half * 0.72, top + 0.07),
        (half, top + 0.42),
        (half * 1.02, 0.3),
        (half * 0.96, 0.8),
        (0.0, 0.86),
        (-half * 0.96, 0.8),
        (-half * 1.02, 0.3),
        (-half, top + 0.42),
        (-half * 0.72, top + 0.07),
    ]);
    c.body(&bag, &look.skin, Light::Soft, d);
    // The zip of the main part, an arch.
    c.tint_line(
        &curve(&[
            (-half * 0.84, 0.02),
            (-half * 0.78, top + 0.36),
            (0.0, top + 0.2),
            (half * 0.78, top + 0.36),
            (half * 0.84, 0.02),
        ]),
        INK,
        0.4,
        0.025,
    );
    // The front pocket.
    let pocket_top = d.range(0.04, 0.16);
    let front =
        Skin { main: if look.skin.accent == main { main.light(0.12) } else { look.skin.accent }, ..Skin::plain(main) };
    let pocket = rounded(-half * 0.76, pocket_top, half * 0.76, 0.76, 0.14);
    c.tint(&rounded(-half * 0.78, pocket_top + 0.02, half * 0.78, 0.79, 0.14), INK, 0.25);
    c.body(&pocket, &Skin::plain(front.main), Light::Soft, d);
    c.line(&open(&[(-half * 0.6, pocket_top + 0.12), (half * 0.6, pocket_top + 0.12)]), front.main.dark(0.4), 0.03);
    c.line(&open(&[(half * 0.5, pocket_top + 0.12), (half * 0.5, pocket_top + 0.22)]), look.trim.light(0.2), 0.035);
    if d.chance(0.45) {
        // A flap with two buckles.
        let flap = blob(&[
            (-half * 0.86, top + 0.3),
            (0.0, top + 0.22),
            (half * 0.86, top + 0.3),
            (half * 0.84, -0.02),
            (0.0, 0.08),
            (-half * 0.84, -0.02),
        ]);
        c.solid(&flap, main.light(0.1), Light::Soft);
        for side in [-1.0, 1.0] {
            let x = side * half * 0.42;
            c.flat(&rounded(x - 0.035, -0.16, x + 0.035, 0.2, 0.02), look.trim.dark(0.15));
            c.line(&rounded(x - 0.05, 0.02, x + 0.05, 0.12, 0.02), STEEL, 0.02);
        }
    } else {
        mark(c, look, 0.0, -0.2, 0.09);
    }
}

pub(super) fn ring(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let metal = look.trim;
    let (rx, ry) = (d.range(0.46, 0.52), d.range(0.48, 0.56));
    let y = 0.24;
    let width = d.range(0.1, 0.16);
    let band = oval(0.0, y, rx, ry);
    c.line(&band, metal.dark(0.45), width + 0.03);
    c.line(&band, metal, width);
    c.tint_line(&curve(&[(-rx * 0.86, y - ry * 0.5), (-rx, y), (-rx * 0.86, y + ry * 0.5)]), WHITE, 0.75, width * 0.35);
    c.tint_line(&curve(&[(rx * 0.7, y + ry * 0.72), (rx * 0.92, y + ry * 0.38), (rx, y)]), INK, 0.25, width * 0.4);
    c.tint_line(
        &curve(&[(-rx * 0.4, y + ry * 0.93), (0.0, y + ry), (rx * 0.3, y + ry * 0.95)]),
        WHITE,
        0.5,
        width * 0.25,
    );
    // The setting and the stone.
    let gem = look.skin.main;
    let (gx, top, s) = (0.0, y - ry - 0.04, d.range(0.2, 0.3));
    c.solid(
        &poly(&[(-s * 0.6, top + 0.1), (s * 0.6, top + 0.1), (s * 0.36, top - s * 0.25), (-s * 0.36, top - s * 0.25)]),
        metal.dark(0.1),
        Light::Round,
    );
    match d.below(3) {
        0 => {
            // A brilliant seen from the side.
            let (t, m, b) = (top - s * 1.25, top - s * 0.75, top + s * 0.12);
            c.flat(&poly(&[(gx - s * 0.6, t), (gx + s * 0.6, t), (gx + s, m), (gx, b), (gx - s, m)]), gem);
            c.tint(&poly(&[(gx - s * 0.6, t), (gx - s * 0.2, t), (gx - s * 0.35, m), (gx - s, m)]), WHITE, 0.55);
            c.tint(&poly(&[(gx - s * 0.2, t), (gx + s * 0.25, t), (gx + s * 0.35, m), (gx - s * 0.35, m)]), WHITE, 0.3);
            c.tint(&poly(&[(gx + s * 0.35, m), (gx + s, m), (gx, b)]), INK, 0.3);
            c.tint(&poly(&[(gx - s * 0.35, m), (gx + s * 0.35, m), (gx, b)]), WHITE, 0.16);
        }
        1 => {
            // A cabochon.
            let stone = oval(gx, top - s * 0.5, s * 0.85, s * 0.75);
            c.line(&stone, metal.dark(0.2), 0.05);
            c.solid(&stone, gem, Light::Ball);
            c.tint(&oval(gx - s * 0.3, top - s * 0.78, s * 0.2, s * 0.14), WHITE, 0.75);
        }
        _ => {
            // An emerald cut from above.
            let (w, h) = (s * 0.8, s * 0.95);
            let cy = top - s * 0.5;
            let cut = |k: f32| {
                poly(&[
                    (gx - w * k, cy - h * k * 0.55),
                    (gx - w * k * 0.6, cy - h * k),
                    (gx + w * k * 0.6, cy - h * k),
                    (gx + w * k, cy - h * k * 0.55),
                    (gx + w * k, cy + h * k * 0.55),
                    (gx + w * k * 0.6, cy + h * k),
                    (gx - w * k * 0.6, cy + h * k),
                    (gx - w * k, cy + h * k * 0.55),
                ])
            };
            c.line(&cut(1.0), metal.dark(0.15), 0.04);
            c.solid(&cut(1.0), gem.dark(0.1), Light::Soft);
            c.tint(&cut(0.66), WHITE, 0.25);
            c.solid(&cut(0.4), gem.light(0.25), Light::Soft);
        }
    }
    for x in [-s * 0.62, s * 0.62] {
        c.line(&open(&[(x, top + 0.02), (x * 1.1, top - s * 0.45)]), metal.light(0.15), 0.05);
    }
}

pub(super) fn necklace(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let metal = look.trim;
    let (half, low) = (d.range(0.56, 0.7), d.range(0.3, 0.48));
    let top = -0.8;
    // A hanging chain is close to a parabola that steepens at the sides.
    let n = 44;
    let at = |i: usize| {
        let t = i as f32 / n as f32 * 2.0 - 1.0;
        let steep = t * t;
        (t * half * (1.0 - 0.12 * steep * steep), low + (top - low) * (0.62 * steep + 0.38 * steep * steep * steep))
    };
    let points: Vec<_> = (0..=n).map(at).collect();
    let beads = look.skin.pattern != Pattern::Plain || d.chance(0.35);
    if beads {
        c.line(&curve(&points), metal.dark(0.2), 0.02);
        let size = d.range(0.042, 0.058);
        for (i, &(x, y)) in points.iter().enumerate() {
            let middle = 1.0 + 0.5 * (1.0 - (i as f32 / n as f32 * 2.0 - 1.0).abs());
            let colour = if i % 3 == 1 { look.skin.accent } else { look.skin.main };
            c.solid(&oval(x, y, size * middle, size * middle), colour, Light::Ball);
        }
    } else {
        c.line(&curve(&points), metal.dark(0.35), 0.05);
        for pair in points.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            c.line(&oval(f32::midpoint(x0, x1), f32::midpoint(y0, y1), 0.026, 0.026), metal, 0.02);
        }
    }
    // The pendant.
    let (y, s) = (low + 0.06, d.range(0.17, 0.24));
    c.line(&oval(0.0, y, 0.045, 0.05), metal, 0.025);
    let gem = look.skin.main;
    match d.below(4) {
        0 => {
            let drop = blob(&[(0.0, y + 0.05), (s * 0.7, y + s * 1.1), (0.0, y + s * 1.9), (-s * 0.7, y + s * 1.1)]);
            c.line(&drop, metal, 0.05);
            c.solid(&drop, gem, Light::Ball);
            c.tint(&oval(-s * 0.22, y + s * 0.95, s * 0.12, s * 0.2), WHITE, 0.7);
        }
        1 => {
            let disc = oval(0.0, y + s * 1.05, s, s);
            c.solid(&disc, metal, Light::Ball);
            c.line(&oval(0.0, y + s * 1.05, s * 0.82, s * 0.82), metal.dark(0.25), 0.02);
            sign_at(c, d.below(6) as u8, 0.0, y + s * 1.05, s * 0.42, metal.dark(0.45));
        }
        2 => {
            let heart = blob(&[
                (0.0, y + s * 0.45),
                (s * 0.55, y + s * 0.12),
                (s, y + s * 0.6),
                (s * 0.55, y + s * 1.3),
                (0.0, y + s * 1.9),
                (-s * 0.55, y + s * 1.3),
                (-s, y + s * 0.6),
                (-s * 0.55, y + s * 0.12),
            ]);
            c.line(&heart, metal, 0.04);
            c.solid(&heart, gem, Light::Soft);
        }
        _ => {
            let stone = poly(&[(0.0, y + 0.04), (s * 0.7, y + s * 0.8), (0.0, y + s * 2.0), (-s * 0.7, y + s * 0.8)]);
            c.line(&stone, metal, 0.04);
            c.flat(&stone, gem);
            c.tint(&poly(&[(0.0, y + 0.04), (0.0, y + s * 2.0), (-s * 0.7, y + s * 0.8)]), WHITE, 0.3);
        }
    }
}

pub(super) fn watch(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let strap = look.skin;
    let metal = look.trim;
    let (half, size) = (d.range(0.2, 0.26), d.range(0.38, 0.45));
    for side in [-1.0, 1.0] {
        let band = mirrored(&[(half, side * 0.2), (half * 0.82, side * 0.92), (half * 0.5, side * 0.98)]);
        c.body(&band, &strap, Light::Round, d);
        c.tint_line(&open(&[(-half * 0.72, side * 0.5), (-half * 0.62, side * 0.9)]), WHITE, 0.4, 0.012);
        c.tint_line(&open(&[(half * 0.72, side * 0.5), (half * 0.62, side * 0.9)]), WHITE, 0.4, 0.012);
    }
    for i in 0..3 {
        c.flat(&oval(0.0, 0.66 + i as f32 * 0.1, 0.022, 0.022), strap.main.dark(0.6));
    }
    c.flat(&rounded(size - 0.02, -0.06, size + 0.08, 0.06, 0.02), metal.dark(0.2));
    let square = d.chance(0.3);
    let case = |k: f32| {
        if square {
            rounded(-size * k, -size * k, size * k, size * k, size * 0.35)
        } else {
            oval(0.0, 0.0, size * k, size * k)
        }
    };
    c.solid(&case(1.0), metal, Light::Soft);
    c.flat(&case(0.88), metal.dark(0.35));
    let dial = d.pick(&[CREAM, WHITE, Rgb::hex(0x0028_3046), Rgb::hex(0x0033_3338), look.skin.accent.light(0.5)]);
    let on = if dial.luma() > 120 { INK } else { CREAM };
    c.flat(&case(0.82), dial);
    for i in 0..12 {
        let angle = i as f32 * std::f32::consts::TAU / 12.0;
        let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
        let (from, to) = (size * if i % 3 == 0 { 0.58 } else { 0.65 }, size * 0.74);
        c.line(&open(&[(sin * from, -cos * from), (sin * to, -cos * to)]), on, if i % 3 == 0 { 0.03 } else { 0.014 });
    }
    let hour = d.unit() * std::f32::consts::TAU;
    let minute = d.below(12) as f32 / 12.0 * std::f32::consts::TAU;
    for (angle, reach, width) in [(hour, 0.4, 0.035), (minute, 0.6, 0.025)] {
        c.line(&open(&[(0.0, 0.0), (libm::sinf(angle) * size * reach, -libm::cosf(angle) * size * reach)]), on, width);
    }
    c.flat(&oval(0.0, 0.0, 0.03, 0.03), Rgb::hex(0x00EC_7160));
    c.tint(
        &blob(&[
            (-size * 0.55, -size * 0.4),
            (-size * 0.1, -size * 0.7),
            (0.0, -size * 0.6),
            (-size * 0.5, -size * 0.15),
        ]),
        WHITE,
        0.3,
    );
}

pub(super) fn sunglasses(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let frame = look.skin.main;
    let lens = if look.skin.accent == frame { Rgb::hex(0x0045_4A5A) } else { look.skin.accent.dark(0.25) };
    let (gap, w, h) = (d.range(0.1, 0.14), d.range(0.3, 0.36), d.range(0.22, 0.3));
    let shape = d.below(4);
    let thick = d.range(0.055, 0.09);
    // The temples, folded behind.
    for side in [-1.0, 1.0] {
        let x = side * (gap + w * 2.0);
        c.line(&curve(&[(x, -h * 0.6), (x * 0.94, -h - 0.14), (side * 0.3, -h - 0.2)]), frame.dark(0.3), 0.06);
    }
    for side in [-1.0_f32, 1.0] {
        let x = side * (gap + w);
        let outline = match shape {
            0 => oval(x, 0.02, w * 0.92, w * 0.92),
            1 => rounded(x - w, -h, x + w, h, 0.12),
            // Aviators droop outwards, cat eyes rise.
            2 => blob(&[
                (x - side * w * 0.9, -h * 0.8),
                (x + side * w * 0.95, -h * 0.85),
                (x + side * w * 0.9, h * 0.4),
                (x + side * w * 0.2, h * 1.25),
                (x - side * w * 0.7, h * 0.5),
            ]),
            _ => blob(&[
                (x - side * w * 0.95, -h * 0.55),
                (x + side * w * 0.3, -h * 0.85),
                (x + side * w * 1.2, -h * 1.25),
                (x + side * w * 0.9, h * 0.2),
                (x + side * w * 0.1, h * 0.95),
                (x - side * w * 0.8, h * 0.5),
            ]),
        };
        let b = outline.bounds();
        c.fade(
            &outline,
            (0.0, b.top()),
            (0.0, b.bottom()),
            &[(0.0, lens.dark(0.45), 0.96), (1.0, lens.light(0.3), 0.88)],
        );
        c.inside(&outline, |c| {
            c.tint(
                &poly(&[(x - w * 0.5, -0.6), (x - w * 0.1, -0.6), (x - w * 0.7, 0.6), (x - w * 1.1, 0.6)]),
                WHITE,
                0.28,
            );
            c.tint(
                &poly(&[(x + w * 0.1, -0.6), (x + w * 0.22, -0.6), (x - w * 0.38, 0.6), (x - w * 0.5, 0.6)]),
                WHITE,
                0.22,
            );
        });
        c.line(&outline, frame.dark(0.12), thick);
        c.tint_line(&outline, WHITE, 0.14, thick * 0.3);
    }
    c.line(&curve(&[(-gap - 0.04, -0.05), (0.0, -0.13), (gap + 0.04, -0.05)]), frame, thick);
    if shape == 2 {
        c.line(&open(&[(-gap - 0.1, -h * 0.86), (gap + 0.1, -h * 0.86)]), frame, thick * 0.7);
    }
}

pub(super) fn umbrella(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let main = look.skin.main;
    let (half, top, low) = (d.range(0.82, 0.92), d.range(-0.72, -0.62), 0.02);
    // The stick and its crook.
    let handle = if d.chance(0.6) { DARK_WOOD } else { look.trim };
    c.line(&open(&[(0.0, top), (0.0, 0.5)]), STEEL.dark(0.25), 0.035);
    let hook = d.range(0.13, 0.18);
    c.line(&curve(&[(0.0, 0.42), (0.0, 0.78), (hook * 0.5, 0.9), (hook, 0.88), (hook * 1.4, 0.74)]), handle, 0.075);
    c.line(&open(&[(0.0, top), (0.0, top - 0.12)]), STEEL.dark(0.25), 0.04);
    // The canopy: a dome whose lower edge hangs in arcs between the ribs.
    let panels = 6;
    let edge = |i: usize| {
        let t = i as f32 / panels as f32 * 2.0 - 1.0;
        (t * half * (1.0 + 0.06 * (1.0 - t * t)), low + 0.05 * (1.0 - t * t))
    };
    let mut p = tiny_skia::PathBuilder::new();
    p.move_to(-half, low);
    p.cubic_to(-half * 0.94, top + 0.3, -half * 0.5, top, 0.0, top);
    p.cubic_to(half * 0.5, top, half * 0.94, top + 0.3, half, low);
    for i in (0..panels).rev() {
        let ((x0, y0), (x1, y1)) = (edge(i + 1), edge(i));
        p.quad_to(f32::midpoint(x0, x1), f32::midpoint(y0, y1) - 0.13, x1, y1);
    }
    p.close();
    let dome = p.finish().expect("an umbrella has an outline");
    let two =
        look.skin.pattern == Pattern::TwoTone || (look.skin.pattern == Pattern::Plain && look.skin.accent != main);
    c.body(&dome, &if two { Skin::plain(main) } else { look.skin }, Light::Soft, d);
    c.inside(&dome, |c| {
        for i in 0..panels {
            let ((x0, y0), (x1, y1)) = (edge(i), edge(i + 1));
            let rib = |x: f32, y: f32| [(0.0, top), (x * 0.62, top + (y - top) * 0.3), (x, y + 0.1)];
            if two && i % 2 == 1 {
                let [a, b, e] = rib(x0, y0);
                let [_, f, g] = rib(x1, y1);
                let mut q = tiny_skia::PathBuilder::new();
                q.move_to(a.0, a.1);
                q.quad_to(b.0 * 1.12, b.1 * 1.02, e.0, e.1);
                q.line_to(g.0, g.1);
                q.quad_to(f.0 * 1.12, f.1 * 1.02, a.0, a.1);
                q.close();
                if let Some(panel) = q.finish() {
                    c.flat(&panel, look.skin.accent);
                }
            }
            if i > 0 {
                let [a, b, e] = rib(x0, y0);
                c.tint_line(&curve(&[a, (b.0 * 1.06, b.1), e]), INK, 0.22, 0.016);
            }
        }
        c.fade(
            &rect(-1.0, -1.0, 1.0, 0.3),
            (-half, 0.0),
            (half, 0.0),
            &[(0.0, WHITE, 0.14), (0.4, WHITE, 0.08), (0.6, INK, 0.0), (1.0, INK, 0.28)],
        );
    });
}
