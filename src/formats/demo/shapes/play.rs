//! Balls and notebooks.

use super::super::canvas::{Canvas, Light, curve, open, oval, poly, rect, rounded};
use super::super::colour::{CREAM, INK, Rgb, WHITE};
use super::super::dice::Dice;
use super::{Look, mark};

const RADIUS: f32 = 0.66;

pub(super) fn ball(c: &mut Canvas, look: &Look, d: &mut Dice) {
    match d.below(4) {
        0 => soccer_ball(c, look, d),
        1 => beach_ball(c, look, d),
        2 => basketball(c, look),
        _ => {
            let outline = oval(0.0, 0.1, RADIUS, RADIUS);
            c.body(&outline, &look.skin, Light::Ball, d);
            mark(c, look, 0.0, 0.12, 0.14);
        }
    }
}

fn beach_ball(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let outline = oval(0.0, 0.1, RADIUS, RADIUS);
    c.flat(&outline, CREAM.light(0.5));
    let accent = if look.skin.accent == look.skin.main { Rgb::hex(0x00E2_A93B) } else { look.skin.accent };
    let (px, py) = (d.range(-0.2, 0.2), 0.1 + d.range(-0.3, -0.1));
    let start = d.unit();
    c.inside(&outline, |c| {
        for i in 0..6 {
            if i % 2 == 1 {
                continue;
            }
            let corner = |k: f32| {
                let angle = (start + (i as f32 + k) / 6.0) * std::f32::consts::TAU;
                (px + libm::cosf(angle) * 2.0, py + libm::sinf(angle) * 2.0)
            };
            c.flat(&poly(&[(px, py), corner(0.0), corner(1.0)]), if i % 4 == 0 { look.skin.main } else { accent });
        }
        c.flat(&oval(px, py, 0.1, 0.09), CREAM);
    });
    c.light(&outline, Light::Ball);
}

fn basketball(c: &mut Canvas, look: &Look) {
    let outline = oval(0.0, 0.1, RADIUS, RADIUS);
    let main = look.skin.main;
    c.flat(&outline, main);
    let seam = main.dark(0.65);
    c.inside(&outline, |c| {
        c.line(&open(&[(-1.0, 0.1), (1.0, 0.1)]), seam, 0.03);
        c.line(&open(&[(0.0, -1.0), (0.0, 1.0)]), seam, 0.03);
        for side in [-1.0, 1.0] {
            c.line(
                &curve(&[
                    (side * 0.56, -0.5),
                    (side * 0.26, -0.2),
                    (side * 0.22, 0.1),
                    (side * 0.26, 0.4),
                    (side * 0.56, 0.7),
                ]),
                seam,
                0.03,
            );
        }
    });
    c.light(&outline, Light::Ball);
}

pub(super) fn soccer_ball(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let outline = oval(0.0, 0.1, RADIUS, RADIUS);
    let (cx, cy) = (d.range(-0.1, 0.1), 0.1 + d.range(-0.1, 0.1));
    let patch = if look.skin.main.luma() > 150 { look.skin.main.dark(0.7) } else { look.skin.main };
    c.flat(&outline, CREAM.light(0.7));
    let start = d.unit();
    let at = |angle: f32, reach: f32| {
        let angle = (start + angle) * std::f32::consts::TAU;
        (cx + libm::cosf(angle) * reach, cy + libm::sinf(angle) * reach)
    };
    c.inside(&outline, |c| {
        let middle: Vec<_> = (0..5).map(|i| at(i as f32 / 5.0, 0.22)).collect();
        c.flat(&poly(&middle), patch);
        for i in 0..5 {
            let a = i as f32 / 5.0;
            c.line(&open(&[at(a, 0.22), at(a, 0.42)]), patch, 0.028);
            // Patches at the rim and the seams to them.
            let b = a + 0.1;
            c.flat(&poly(&[at(a, 0.6), at(a + 0.045, 0.48), at(a - 0.045, 0.48)].map(|p| p)), patch);
            c.flat(
                &poly(&[at(a - 0.06, 0.55), at(a, 0.44), at(a + 0.06, 0.55), at(a + 0.05, 0.9), at(a - 0.05, 0.9)]),
                patch,
            );
            c.line(&open(&[at(a + 0.06, 0.55), at(b, 0.5), at(a + 0.14, 0.55)]), patch, 0.024);
            c.line(&open(&[at(b, 0.5), at(b, 0.9)]), patch, 0.024);
        }
    });
    c.light(&outline, Light::Ball);
}

pub(super) fn notebook(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let main = look.skin.main;
    let (half, tall) = (d.range(0.5, 0.58), d.range(0.7, 0.78));
    // Pages show at the right and below.
    c.flat(&rounded(-half + 0.05, -tall + 0.05, half + 0.06, tall + 0.06, 0.05), main.dark(0.45));
    c.flat(&rounded(-half + 0.05, -tall + 0.04, half + 0.04, tall + 0.04, 0.04), CREAM.light(0.5));
    for i in 0..3 {
        let k = 0.012 + i as f32 * 0.012;
        c.tint_line(
            &open(&[(half + k, -tall + 0.06), (half + k, tall + k), (-half + 0.06, tall + k)]),
            INK,
            0.16,
            0.006,
        );
    }
    let cover = rounded(-half, -tall, half, tall, 0.07);
    c.body(&cover, &look.skin, Light::Soft, d);
    let accent = if look.skin.accent == main { main.dark(0.4) } else { look.skin.accent };
    if d.chance(0.4) {
        // Bound by rings.
        for i in 0..11 {
            let y = -tall + 0.12 + i as f32 * (tall * 2.0 - 0.24) / 10.0;
            c.flat(&oval(-half + 0.07, y, 0.028, 0.028), main.dark(0.6));
            c.line(
                &curve(&[(-half + 0.07, y), (-half - 0.02, y - 0.04), (-half - 0.05, y + 0.01)]),
                look.trim.light(0.15),
                0.026,
            );
        }
    } else {
        c.inside(&cover, |c| c.tint(&rect(-half, -1.0, -half + 0.13, 1.0), accent, 0.92));
        c.tint_line(&open(&[(-half + 0.13, -tall), (-half + 0.13, tall)]), INK, 0.25, 0.012);
        // An elastic band.
        if d.chance(0.6) {
            c.line(&open(&[(half - 0.12, -tall), (half - 0.12, tall)]), accent.dark(0.2), 0.035);
        }
    }
    // A label with lines of writing.
    if d.chance(0.7) {
        let y = d.range(-0.42, -0.2);
        c.flat(&rounded(-0.26, y - 0.15, 0.32, y + 0.15, 0.04), CREAM.light(0.4));
        c.tint_line(&open(&[(-0.17, y - 0.04), (0.22, y - 0.04)]), INK, 0.55, 0.024);
        c.tint_line(&open(&[(-0.17, y + 0.05), (0.1, y + 0.05)]), INK, 0.35, 0.02);
    } else {
        mark(c, look, 0.06, 0.0, 0.12);
    }
    c.tint(&rounded(-half + 0.17, -tall + 0.05, -half + 0.2, tall - 0.05, 0.01), WHITE, 0.18);
}
