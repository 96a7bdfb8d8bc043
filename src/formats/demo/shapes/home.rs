//! Lamps, seats, vases.

use super::super::canvas::{Canvas, Light, Skin, blob, curve, lathe, mirrored, oval, poly, rect, rounded};
use super::super::colour::{INK, LEAF, PALETTE, Rgb, WHITE};
use super::super::dice::Dice;
use super::{Look, mark};

pub(super) fn table_lamp(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (top, low) = (-0.82, d.range(-0.18, -0.04));
    let (narrow, wide) = (d.range(0.2, 0.36), d.range(0.46, 0.58));
    let foot = look.trim;
    // The foot: a turned column, a ball or a plain pole.
    let column = match d.below(3) {
        0 => lathe(&[(0.05, low - 0.1), (0.06, low + 0.1), (0.24, 0.4), (0.26, 0.62), (0.14, 0.78)]),
        1 => lathe(&[(0.04, low - 0.1), (0.045, low + 0.2), (0.05, 0.66), (0.08, 0.76)]),
        _ => lathe(&[
            (0.05, low - 0.1),
            (0.06, low + 0.06),
            (0.13, low + 0.18),
            (0.07, low + 0.32),
            (0.15, 0.5),
            (0.09, 0.66),
            (0.12, 0.76),
        ]),
    };
    c.solid(&column, foot, Light::Round);
    c.solid(&rounded(-0.28, 0.74, 0.28, 0.84, 0.045), foot.dark(0.1), Light::Round);
    // A chain to pull.
    c.tint_line(&curve(&[(0.2, low - 0.02), (0.2, low + 0.2)]), INK, 0.55, 0.014);
    c.flat(&oval(0.2, low + 0.22, 0.025, 0.03), foot.dark(0.2));
    // Light below the shade, then the shade.
    c.glow(
        &oval(0.0, low, 0.9, 0.5),
        (0.0, low),
        0.7,
        &[(0.0, Rgb::hex(0x00FF_E9B0), 0.6), (1.0, Rgb::hex(0x00FF_E9B0), 0.0)],
    );
    let shade = mirrored(&[(narrow, top), (wide, low)]);
    c.body(&shade, &look.skin, Light::Round, d);
    c.fade(&shade, (0.0, low), (0.0, top), &[(0.0, Rgb::hex(0x00FF_E6A6), 0.55), (0.6, WHITE, 0.0), (1.0, INK, 0.08)]);
    c.flat(&rounded(-wide, low - 0.03, wide, low + 0.012, 0.02), look.skin.main.dark(0.2));
    c.flat(&rounded(-narrow, top - 0.012, narrow, top + 0.03, 0.02), look.skin.main.dark(0.2));
}

/// A leg from (`x0`, `y0`) to (`x1`, `y1`), thinner at the foot.
fn leg(c: &mut Canvas, from: (f32, f32), to: (f32, f32), half: f32, colour: Rgb) {
    let leg = poly(&[
        (from.0 - half, from.1),
        (from.0 + half, from.1),
        (to.0 + half * 0.62, to.1),
        (to.0 - half * 0.62, to.1),
    ]);
    c.solid(&leg, colour, Light::Round);
}

pub(super) fn chair(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let wood = look.trim;
    let (half, top, seat) = (d.range(0.36, 0.44), d.range(-0.9, -0.78), d.range(0.06, 0.14));
    // Legs behind, then the back, then the seat, then legs in front.
    for side in [-1.0, 1.0] {
        leg(c, (side * half * 0.8, seat), (side * half * 0.86, 0.74), 0.045, wood.dark(0.3));
    }
    match d.below(3) {
        0 => {
            // Bars.
            for side in [-1.0, 1.0] {
                c.solid(&rounded(side * half - 0.05, top, side * half + 0.05, seat + 0.08, 0.05), wood, Light::Round);
            }
            let bars = 2 + d.below(3);
            for i in 0..bars {
                let y = top + 0.08 + i as f32 * (seat - top - 0.24) / bars as f32;
                c.body(&rounded(-half, y, half, y + 0.12, 0.04), &look.skin, Light::Soft, d);
            }
        }
        1 => {
            // Upholstered.
            c.body(&rounded(-half, top, half, seat + 0.08, 0.18), &look.skin, Light::Soft, d);
            c.tint_line(&rounded(-half + 0.06, top + 0.06, half - 0.06, seat, 0.14), INK, 0.18, 0.014);
        }
        _ => {
            // A bent frame with spindles.
            for i in 0..5 {
                let x = half * (i as f32 - 2.0) * 0.36;
                c.line(&curve(&[(x, top + 0.08), (x * 0.92, seat)]), wood.dark(0.1), 0.035);
            }
            let frame = curve(&[
                (-half, seat),
                (-half * 0.98, top + 0.25),
                (-half * 0.6, top + 0.03),
                (0.0, top),
                (half * 0.6, top + 0.03),
                (half * 0.98, top + 0.25),
                (half, seat),
            ]);
            c.line(&frame, wood.dark(0.2), 0.085);
            c.line(&frame, wood, 0.06);
        }
    }
    for side in [-1.0, 1.0] {
        leg(c, (side * half * 0.98, seat + 0.1), (side * (half + 0.06), 0.86), 0.055, wood);
    }
    c.line(&curve(&[(-half, 0.5), (half, 0.5)]), wood.dark(0.15), 0.035);
    let cushion =
        poly(&[(-half * 0.92, seat), (half * 0.92, seat), (half * 1.12, seat + 0.16), (-half * 1.12, seat + 0.16)]);
    c.body(&cushion, &Skin { main: look.skin.main.light(0.1), ..look.skin }, Light::Soft, d);
    c.solid(
        &rounded(-half * 1.12, seat + 0.14, half * 1.12, seat + 0.23, 0.04),
        look.skin.main.dark(0.2),
        Light::Round,
    );
}

pub(super) fn stool(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let wood = look.trim;
    let (half, top) = (d.range(0.4, 0.5), d.range(-0.52, -0.28));
    let splay = d.range(0.04, 0.16);
    let bar = d.range(0.35, 0.52);
    for (at, reach, dark) in [(-0.42, 0.4, 0.3), (0.42, 0.4, 0.3)] {
        leg(c, (at * half, top), (at * half + reach * splay, 0.74), 0.05, wood.dark(dark));
    }
    c.line(&oval(0.0, bar, half * 0.86, 0.07), wood.dark(0.25), 0.04);
    for side in [-1.0, 1.0] {
        leg(c, (side * half * 0.8, top + 0.05), (side * (half * 0.8 + splay), 0.86), 0.06, wood);
    }
    let edge = rounded(-half, top - 0.04, half, top + 0.14, 0.08);
    c.solid(&edge, look.skin.main.dark(0.14), Light::Round);
    c.body(&oval(0.0, top - 0.02, half, 0.15), &look.skin, Light::Soft, d);
    c.tint_line(&oval(0.0, top - 0.02, half * 0.84, 0.11), INK, 0.15, 0.014);
}

pub(super) fn sofa(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (half, top, seat) = (d.range(0.82, 0.92), d.range(-0.48, -0.34), 0.08);
    let main = look.skin.main;
    for x in [-half * 0.85, half * 0.85] {
        leg(c, (x, 0.42), (x * 1.03, 0.64), 0.05, look.trim);
    }
    c.body(&rounded(-half * 0.88, top, half * 0.88, 0.3, d.range(0.1, 0.24)), &look.skin, Light::Soft, d);
    let parts = 2 + d.below(2);
    let inner = half * 0.74;
    for i in 0..parts {
        let (x0, x1) =
            (-inner + 2.0 * inner * i as f32 / parts as f32, -inner + 2.0 * inner * (i + 1) as f32 / parts as f32);
        c.tint_line(&rounded(x0 + 0.02, top + 0.07, x1 - 0.02, seat + 0.02, 0.1), INK, 0.16, 0.016);
        c.solid(&rounded(x0 + 0.008, seat, x1 - 0.008, 0.32, 0.07), main.light(0.12), Light::Soft);
    }
    c.solid(&rounded(-half * 0.9, 0.28, half * 0.9, 0.48, 0.05), main.dark(0.12), Light::Round);
    for side in [-1.0, 1.0] {
        let x = side * half * 0.86;
        let arm = rounded(x - 0.13, -0.12, x + 0.13, 0.5, 0.12);
        c.body(&arm, &look.skin, Light::Round, d);
    }
    // Loose cushions in the second colour.
    let accent = if look.skin.accent == main { main.light(0.5) } else { look.skin.accent };
    for _ in 0..=d.below(2) {
        let x = d.range(-0.45, 0.45);
        let (s, tilt) = (d.range(0.12, 0.15), d.range(-0.05, 0.05));
        let cushion = blob(&[(x - s, -0.18 - tilt), (x + s, -0.18 + tilt), (x + s, 0.08 + tilt), (x - s, 0.08 - tilt)]);
        c.solid(&cushion, accent, Light::Soft);
    }
}

pub(super) fn vase(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (neck, belly) = (d.range(0.1, 0.2), d.range(0.3, 0.44));
    let top = d.range(-0.2, 0.0);
    // Stems first.
    if d.chance(0.82) {
        let petals = d.pick(&PALETTE[2..12]).rgb;
        let stems = 3 + d.below(4);
        for i in 0..stems {
            let lean = (i as f32 / (stems - 1) as f32 - 0.5) * 2.0;
            let (x, y) = (lean * d.range(0.3, 0.5), top - d.range(0.36, 0.62) + lean * lean * 0.14);
            c.line(&curve(&[(lean * neck * 0.5, top + 0.1), (lean * neck, top - 0.12), (x, y)]), LEAF.dark(0.1), 0.026);
            match d.below(3) {
                0 => {
                    c.flower(x, y, d.range(0.13, 0.18), petals.light(d.range(0.0, 0.4)), Rgb::hex(0x00F4_D35E));
                }
                1 => {
                    let s = d.range(0.1, 0.15);
                    c.solid(
                        &blob(&[
                            (x, y - s * 1.3),
                            (x + s * 0.75, y - s * 0.1),
                            (x, y + s * 0.5),
                            (x - s * 0.75, y - s * 0.1),
                        ]),
                        petals,
                        Light::Soft,
                    );
                }
                _ => {
                    let (mx, my) = (lean * (neck + 0.1), top - 0.2);
                    for (px, py) in [(x, y), (mx, my)] {
                        let s = if lean < 0.0 { -0.16 } else { 0.16 };
                        c.solid(
                            &blob(&[
                                (px, py),
                                (px + s * 0.7, py - 0.11),
                                (px + s * 1.4, py - 0.05),
                                (px + s * 0.6, py + 0.05),
                            ]),
                            LEAF.light(0.15),
                            Light::Soft,
                        );
                    }
                }
            }
        }
    }
    let belly_y = d.range(0.3, 0.52);
    let body = lathe(&[
        (neck * 1.35, top),
        (neck * 1.02, top + 0.08),
        (neck * 1.1, top + 0.16),
        (belly, belly_y),
        (belly * 0.82, 0.7),
        (belly * d.range(0.5, 0.66), 0.86),
    ]);
    c.body(&body, &look.skin, Light::Round, d);
    c.flat(&oval(0.0, top, neck * 1.35, 0.04), look.skin.main.dark(0.4));
    if d.chance(0.3) {
        c.inside(&body, |c| c.flat(&rect(-1.0, belly_y - 0.02, 1.0, belly_y + 0.03), look.skin.accent));
    }
    mark(c, look, 0.0, 0.66, 0.05);
}
