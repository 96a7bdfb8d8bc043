//! What only the scenes have: animals, vehicles, buildings, a mushroom.

use super::super::canvas::{
    Canvas, Light, Skin, blob, curve, mirrored, mirrored_blob, open, oval, poly, rect, rounded,
};
use super::super::colour::{CREAM, DARK_WOOD, INK, Rgb, STEEL, WHITE};
use super::super::dice::Dice;
use super::Look;

pub(super) fn goldfish(c: &mut Canvas, _: &Look, d: &mut Dice) {
    let orange = d.pick(&[Rgb::hex(0x00F2_8C28), Rgb::hex(0x00EF_7A32), Rgb::hex(0x00F5_A534), Rgb::hex(0x00E9_6A3C)]);
    let fin = orange.light(0.25);
    let tail = d.range(0.34, 0.46);
    for side in [-1.0, 1.0] {
        let lobe = blob(&[
            (0.42, 0.0),
            (0.62, side * tail * 0.6),
            (0.96, side * tail),
            (0.86, side * tail * 0.4),
            (0.72, 0.02),
        ]);
        c.solid(&lobe, fin, Light::Soft);
        c.tint_line(&curve(&[(0.5, side * 0.06), (0.88, side * tail * 0.75)]), orange.dark(0.2), 0.5, 0.016);
    }
    let (tall, length) = (d.range(0.32, 0.4), 0.78);
    c.solid(
        &blob(&[
            (-0.3, -tall * 0.8),
            (-0.1, -tall - 0.26),
            (0.26, -tall - 0.14),
            (0.34, -tall * 0.5),
            (0.0, -tall * 0.7),
        ]),
        fin,
        Light::Soft,
    );
    c.solid(
        &blob(&[(-0.1, tall * 0.7), (0.1, tall + 0.22), (0.26, tall + 0.16), (0.24, tall * 0.6)]),
        fin,
        Light::Soft,
    );
    let body = blob(&[
        (-length, 0.02),
        (-0.5, -tall * 0.78),
        (-0.12, -tall),
        (0.3, -tall * 0.62),
        (0.56, -0.08),
        (0.56, 0.1),
        (0.3, tall * 0.62),
        (-0.12, tall),
        (-0.5, tall * 0.82),
    ]);
    c.flat(&body, orange);
    c.inside(&body, |c| {
        c.tint(&oval(-0.1, tall * 1.1, 0.7, tall * 0.8), CREAM, 0.55);
        for i in 0..4 {
            for j in 0..3 {
                let (x, y) = (-0.16 + i as f32 * 0.16, -0.16 + j as f32 * 0.15 + (i % 2) as f32 * 0.07);
                c.tint_line(&curve(&[(x, y - 0.07), (x + 0.07, y), (x, y + 0.07)]), orange.dark(0.3), 0.5, 0.018);
            }
        }
        c.tint_line(&curve(&[(-0.36, -tall), (-0.28, 0.0), (-0.38, tall)]), orange.dark(0.35), 0.6, 0.022);
    });
    c.light(&body, Light::Soft);
    c.solid(&blob(&[(-0.2, 0.08), (0.04, 0.02), (0.16, 0.2), (-0.06, 0.24)]), fin.light(0.1), Light::Soft);
    c.flat(&oval(-0.53, -0.08, 0.095, 0.095), WHITE);
    c.flat(&oval(-0.55, -0.08, 0.052, 0.056), INK);
    c.flat(&oval(-0.565, -0.1, 0.018, 0.018), WHITE);
    c.tint_line(&curve(&[(-0.78, 0.06), (-0.71, 0.1), (-0.67, 0.08)]), INK, 0.6, 0.022);
}

pub(super) fn mushroom(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let cap_colour = d.pick(&[
        Rgb::hex(0x00D2_4545),
        Rgb::hex(0x00C8_5A3A),
        Rgb::hex(0x00B0_7446),
        Rgb::hex(0x00D9_8A4A),
        look.skin.main,
    ]);
    let (half, top, rim) = (d.range(0.58, 0.74), d.range(-0.78, -0.6), d.range(-0.06, 0.06));
    let stem = d.range(0.15, 0.22);
    let stalk = mirrored_blob(&[
        (stem * 0.6, rim - 0.1),
        (stem, rim + 0.1),
        (stem * 0.92, 0.45),
        (stem * 1.35, 0.8),
        (0.1, 0.86),
    ]);
    c.solid(&stalk, CREAM, Light::Round);
    // Gills below the cap.
    let gills = oval(0.0, rim, half * 0.94, 0.12);
    c.flat(&gills, CREAM.dark(0.22));
    c.inside(&gills, |c| {
        for i in 0..15 {
            let x = (i as f32 - 7.0) / 7.0;
            c.tint_line(&open(&[(x * stem, rim - 0.05), (x * half, rim + 0.14)]), INK, 0.22, 0.016);
        }
    });
    c.solid(
        &blob(&[
            (-stem * 1.3, rim + 0.13),
            (0.0, rim + 0.09),
            (stem * 1.3, rim + 0.13),
            (stem * 0.9, rim + 0.24),
            (-stem * 0.9, rim + 0.24),
        ]),
        CREAM.light(0.3),
        Light::Soft,
    );
    let mut p = tiny_skia::PathBuilder::new();
    p.move_to(-half, rim + 0.03);
    p.cubic_to(-half * 1.02, top * 0.7, -half * 0.5, top, 0.0, top);
    p.cubic_to(half * 0.5, top, half * 1.02, top * 0.7, half, rim + 0.03);
    p.cubic_to(half * 0.6, rim - 0.08, -half * 0.6, rim - 0.08, -half, rim + 0.03);
    p.close();
    let cap = p.finish().expect("a cap has an outline");
    c.flat(&cap, cap_colour);
    c.inside(&cap, |c| {
        for (x, y, s) in [
            (-0.5, 0.3, 0.09),
            (-0.2, 0.62, 0.12),
            (0.15, 0.3, 0.13),
            (0.45, 0.58, 0.1),
            (0.62, 0.18, 0.08),
            (-0.14, 0.12, 0.08),
            (0.1, 0.88, 0.07),
        ] {
            let size = s * d.range(0.8, 1.2);
            c.flat(&oval(x * half * 1.2, rim + (top - rim) * y, size, size * 0.8), CREAM.light(0.4));
        }
    });
    c.light(&cap, Light::Soft);
}

pub(super) fn yawl(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let hull_colour = look.skin.main;
    let sail = d.pick(&[CREAM.light(0.6), CREAM, WHITE, Rgb::hex(0x00F4_D9C0)]);
    let deck = 0.5;
    c.line(&open(&[(0.02, deck), (0.02, -0.94)]), DARK_WOOD, 0.035);
    c.line(&open(&[(0.62, deck), (0.62, -0.2)]), DARK_WOOD, 0.028);
    // Jib, mainsail, the small mizzen of a yawl.
    c.solid(&poly(&[(-0.04, -0.82), (-0.04, 0.36), (-0.78, 0.38)]), sail.dark(0.06), Light::Soft);
    let main = {
        let mut p = tiny_skia::PathBuilder::new();
        p.move_to(0.06, -0.88);
        p.quad_to(0.5, -0.2, 0.54, 0.34);
        p.line_to(0.06, 0.36);
        p.close();
        p.finish().expect("a sail has an outline")
    };
    c.body(&main, &Skin { main: sail, ..look.skin }, Light::Soft, d);
    c.solid(&poly(&[(0.65, -0.14), (0.92, 0.36), (0.65, 0.38)]), look.skin.accent.mix(sail, 0.3), Light::Soft);
    c.line(&open(&[(0.02, 0.4), (0.58, 0.38)]), DARK_WOOD, 0.03);
    let hull = poly(&[(-0.92, 0.46), (0.94, 0.46), (0.78, 0.76), (0.6, 0.82), (-0.52, 0.82), (-0.76, 0.66)]);
    c.solid(&hull, hull_colour, Light::Soft);
    c.inside(&hull, |c| {
        c.flat(&rect(-1.0, 0.46, 1.0, 0.53), CREAM);
        c.flat(&rect(-1.0, 0.74, 1.0, 0.9), hull_colour.dark(0.4));
    });
    c.flat(&poly(&[(0.02, -0.94), (-0.18, -0.88), (0.02, -0.82)]), look.skin.accent);
}

fn wheel(c: &mut Canvas, x: f32, y: f32, r: f32) {
    c.flat(&oval(x, y, r, r), Rgb::hex(0x002D_2C36));
    c.solid(&oval(x, y, r * 0.62, r * 0.62), STEEL, Light::Soft);
    for i in 0..5 {
        let angle = i as f32 * std::f32::consts::TAU / 5.0 + 0.3;
        c.line(
            &open(&[(x, y), (x + libm::cosf(angle) * r * 0.5, y + libm::sinf(angle) * r * 0.5)]),
            STEEL.dark(0.5),
            r * 0.13,
        );
    }
    c.flat(&oval(x, y, r * 0.14, r * 0.14), INK);
}

pub(super) fn sports_car(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let main = look.skin.main;
    let roof = d.range(-0.34, -0.22);
    let cabin = poly(&[(-0.42, 0.08), (-0.16, roof), (0.26, roof - 0.01), (0.6, 0.08)]);
    c.solid(&cabin, main.dark(0.1), Light::Soft);
    let glass = Rgb::hex(0x00B9_DCE8);
    c.fade(
        &poly(&[(-0.32, 0.07), (-0.12, roof + 0.06), (0.04, roof + 0.06), (0.04, 0.07)]),
        (0.0, roof),
        (0.0, 0.08),
        &[(0.0, glass.dark(0.2), 1.0), (1.0, glass.light(0.4), 1.0)],
    );
    c.fade(
        &poly(&[(0.09, 0.07), (0.09, roof + 0.06), (0.24, roof + 0.06), (0.46, 0.07)]),
        (0.0, roof),
        (0.0, 0.08),
        &[(0.0, glass.dark(0.3), 1.0), (1.0, glass.light(0.2), 1.0)],
    );
    let body = blob(&[
        (-0.96, 0.34),
        (-0.9, 0.16),
        (-0.44, 0.05),
        (0.1, 0.04),
        (0.62, 0.04),
        (0.92, 0.08),
        (0.97, 0.34),
        (0.9, 0.44),
        (-0.88, 0.44),
    ]);
    c.flat(&body, main);
    c.inside(&body, |c| {
        if look.skin.accent != main {
            c.flat(&rect(-1.0, 0.24, 1.0, 0.3), look.skin.accent);
        }
        c.tint_line(&open(&[(-0.9, 0.2), (0.9, 0.17)]), WHITE, 0.4, 0.02);
    });
    c.light(&body, Light::Soft);
    // A spoiler, lights, a door.
    if d.chance(0.6) {
        c.line(&open(&[(0.8, 0.08), (0.84, -0.06)]), main.dark(0.4), 0.04);
        c.flat(&rounded(0.66, -0.11, 0.98, -0.05, 0.02), main.dark(0.25));
    }
    c.flat(&oval(-0.87, 0.21, 0.07, 0.045), Rgb::hex(0x00FF_F0B8));
    c.flat(&rounded(0.88, 0.14, 0.96, 0.22, 0.02), Rgb::hex(0x00D0_3A3A));
    c.tint_line(&open(&[(0.06, 0.08), (0.08, 0.4)]), INK, 0.35, 0.014);
    c.line(&open(&[(0.14, 0.18), (0.22, 0.18)]), STEEL, 0.025);
    c.flat(&rect(-0.9, 0.42, 0.9, 0.47), INK.light(0.15));
    for x in [-0.56, 0.58] {
        c.flat(&oval(x, 0.4, 0.235, 0.215), INK.light(0.08));
        wheel(c, x, 0.43, 0.19);
    }
}

pub(super) fn lighthouse(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let band = if look.skin.main.luma() > 170 { Rgb::hex(0x00C9_4A45) } else { look.skin.main };
    let (top, narrow, wide) = (-0.44, d.range(0.17, 0.21), d.range(0.3, 0.36));
    c.solid(
        &blob(&[(-0.62, 0.84), (-0.44, 0.7), (0.1, 0.66), (0.5, 0.72), (0.66, 0.86)]),
        Rgb::hex(0x0083_807C),
        Light::Soft,
    );
    let tower = mirrored(&[(narrow, top), (wide, 0.8)]);
    c.flat(&tower, CREAM.light(0.6));
    let bands = 2 + d.below(2);
    c.inside(&tower, |c| {
        let pitch = (0.8 - top) / (bands * 2 + 1) as f32;
        for i in 0..bands {
            let y = top + pitch * (i * 2 + 1) as f32;
            c.flat(&rect(-1.0, y, 1.0, y + pitch), band);
        }
    });
    c.light(&tower, Light::Round);
    c.flat(&rounded(-0.06, 0.56, 0.08, 0.8, 0.06), INK.light(0.15));
    c.flat(&rounded(-0.03, -0.1, 0.05, 0.04, 0.04), INK.light(0.2));
    // The gallery, the lantern, the roof.
    c.flat(&rect(-narrow - 0.1, top - 0.05, narrow + 0.1, top + 0.02), INK.light(0.2));
    for i in 0..7 {
        let x = (narrow + 0.08) * (i as f32 - 3.0) / 3.0;
        c.line(&open(&[(x, top - 0.05), (x, top - 0.14)]), INK.light(0.2), 0.014);
    }
    c.line(&open(&[(-narrow - 0.08, top - 0.14), (narrow + 0.08, top - 0.14)]), INK.light(0.2), 0.016);
    let lantern = rect(-narrow * 0.72, top - 0.3, narrow * 0.72, top - 0.05);
    c.flat(&lantern, Rgb::hex(0x00FF_E08A));
    c.glow(
        &oval(0.0, top - 0.18, 0.5, 0.4),
        (0.0, top - 0.18),
        0.42,
        &[(0.0, Rgb::hex(0x00FF_F0B0), 0.7), (1.0, Rgb::hex(0x00FF_F0B0), 0.0)],
    );
    for x in [-narrow * 0.72, 0.0, narrow * 0.72] {
        c.line(&open(&[(x, top - 0.3), (x, top - 0.05)]), INK.light(0.15), 0.018);
    }
    c.solid(&mirrored(&[(0.0, top - 0.5), (narrow * 0.95, top - 0.28)]), band.dark(0.1), Light::Round);
    c.line(&open(&[(0.0, top - 0.5), (0.0, top - 0.56)]), INK, 0.02);
}

pub(super) fn balloon(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (half, y) = (d.range(0.56, 0.64), -0.3);
    let accent = if look.skin.accent == look.skin.main { CREAM } else { look.skin.accent };
    // Ropes and the basket.
    for x in [-0.12, -0.04, 0.04, 0.12] {
        c.line(&open(&[(x * 1.5, y + half * 1.05), (x, 0.66)]), DARK_WOOD, 0.014);
    }
    let basket = mirrored(&[(0.15, 0.64), (0.12, 0.88)]);
    c.solid(&basket, Rgb::hex(0x00B0_7A48), Light::Round);
    c.tint_line(&open(&[(-0.14, 0.72), (0.14, 0.72)]), INK, 0.3, 0.012);
    c.tint_line(&open(&[(-0.13, 0.8), (0.13, 0.8)]), INK, 0.3, 0.012);
    c.flat(&rounded(-0.16, 0.62, 0.16, 0.66, 0.02), DARK_WOOD);
    let envelope = mirrored_blob(&[
        (0.02, y - half),
        (half * 0.7, y - half * 0.74),
        (half, y - 0.02),
        (half * 0.78, y + half * 0.6),
        (0.2, y + half * 1.16),
        (0.05, y + half * 1.2),
    ]);
    c.flat(&envelope, look.skin.main);
    c.inside(&envelope, |c| {
        // Gores: ellipses seen from outside in.
        for (i, k) in [0.78, 0.52, 0.2].into_iter().enumerate() {
            let gore = mirrored_blob(&[
                (0.01, y - half),
                (half * 0.7 * k, y - half * 0.74),
                (half * k, y - 0.02),
                (half * 0.78 * k, y + half * 0.6),
                (0.2 * k, y + half * 1.2),
            ]);
            c.flat(&gore, if i % 2 == 0 { accent } else { look.skin.main });
        }
    });
    c.light(&envelope, Light::Ball);
    c.flat(&rounded(-0.17, y + half * 1.1, 0.17, y + half * 1.18, 0.02), look.skin.main.dark(0.35));
}

pub(super) fn bike(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let main = look.skin.main.dark(0.05);
    let (r, y) = (d.range(0.34, 0.39), 0.42);
    let (back, front) = ((-0.55, y), (0.57, y));
    let tyre = Rgb::hex(0x002D_2C36);
    for (x, y) in [back, front] {
        for i in 0..8 {
            let angle = i as f32 * std::f32::consts::TAU / 16.0;
            let (dx, dy) = (libm::cosf(angle) * r, libm::sinf(angle) * r);
            c.tint_line(&open(&[(x - dx, y - dy), (x + dx, y + dy)]), STEEL.dark(0.1), 0.9, 0.012);
        }
        c.line(&oval(x, y, r, r), tyre, 0.085);
        c.line(&oval(x, y, r * 0.86, r * 0.86), STEEL.light(0.3), 0.02);
        c.flat(&oval(x, y, 0.05, 0.05), tyre);
    }
    let (crank, seat, head) = ((-0.08, y + 0.02), (-0.24, -0.24), (0.38, -0.26));
    let tube = 0.075;
    for (from, to) in [(back, crank), (back, seat), (crank, seat), (crank, head), (seat, head)] {
        c.line(&open(&[from, to]), main.dark(0.25), tube);
    }
    for (from, to) in [(back, crank), (back, seat), (crank, seat), (crank, head), (seat, head)] {
        c.line(&open(&[from, to]), main, tube * 0.66);
    }
    c.line(&open(&[head, front]), look.trim.dark(0.3), 0.07);
    c.line(&open(&[(0.38, -0.26), (0.33, -0.46)]), look.trim.dark(0.3), 0.055);
    c.line(&curve(&[(0.2, -0.54), (0.33, -0.47), (0.46, -0.5)]), tyre, 0.065);
    c.line(&open(&[seat, (-0.28, -0.38)]), STEEL.dark(0.3), 0.045);
    c.flat(&blob(&[(-0.46, -0.44), (-0.28, -0.46), (-0.08, -0.4), (-0.26, -0.36), (-0.44, -0.36)]), tyre);
    c.line(&oval(crank.0, crank.1, 0.11, 0.11), STEEL.dark(0.35), 0.035);
    c.line(&open(&[crank, (crank.0 + 0.12, crank.1 + 0.14)]), STEEL.dark(0.5), 0.035);
    c.line(&open(&[(crank.0 + 0.06, crank.1 + 0.16), (crank.0 + 0.2, crank.1 + 0.15)]), tyre, 0.04);
}

pub(super) fn monarch(c: &mut Canvas, _: &Look, d: &mut Dice) {
    let orange = d.pick(&[Rgb::hex(0x00EE_8A2C), Rgb::hex(0x00E8_7630), Rgb::hex(0x00F2_9B38)]);
    let black = Rgb::hex(0x0028_2228);
    let (span, droop) = (d.range(0.84, 0.94), d.range(0.6, 0.76));
    for side in [-1.0, 1.0] {
        let low = [
            (side * 0.05, 0.06),
            (side * 0.42, 0.06),
            (side * 0.64, 0.3),
            (side * 0.5, droop),
            (side * 0.2, droop - 0.08),
            (side * 0.05, 0.3),
        ];
        let high = [
            (side * 0.05, -0.1),
            (side * 0.3, -0.5),
            (side * span, -0.72),
            (side * (span + 0.02), -0.4),
            (side * 0.68, 0.04),
            (side * 0.3, 0.12),
            (side * 0.05, 0.1),
        ];
        for wing in [low.as_slice(), high.as_slice()] {
            let outline = blob(wing);
            c.flat(&outline, black);
            let n = wing.len() as f32;
            let middle = (wing.iter().map(|p| p.0).sum::<f32>() / n, wing.iter().map(|p| p.1).sum::<f32>() / n);
            let inner: Vec<_> =
                wing.iter().map(|p| (middle.0 + (p.0 - middle.0) * 0.76, middle.1 + (p.1 - middle.1) * 0.76)).collect();
            let inner = blob(&inner);
            c.flat(&inner, orange);
            c.light(&inner, Light::Soft);
            c.inside(&inner, |c| {
                for p in wing.iter().skip(1) {
                    c.line(&open(&[(side * 0.06, middle.1 * 0.4), *p]), black, 0.035);
                }
            });
            // White dots along the edge.
            c.inside(&outline, |c| {
                for pair in wing.windows(2).skip(1) {
                    for t in [0.15, 0.5, 0.85] {
                        let p = (pair[0].0 + (pair[1].0 - pair[0].0) * t, pair[0].1 + (pair[1].1 - pair[0].1) * t);
                        let (x, y) = (middle.0 + (p.0 - middle.0) * 0.93, middle.1 + (p.1 - middle.1) * 0.93);
                        c.flat(&oval(x, y, 0.022, 0.022), WHITE);
                    }
                }
            });
        }
        c.line(&curve(&[(side * 0.02, -0.28), (side * 0.1, -0.5), (side * 0.2, -0.58)]), black, 0.02);
        c.flat(&oval(side * 0.2, -0.58, 0.028, 0.028), black);
    }
    c.flat(&oval(0.0, 0.06, 0.06, 0.34), black);
    c.flat(&oval(0.0, -0.28, 0.065, 0.065), black);
}
