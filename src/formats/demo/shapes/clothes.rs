//! Shirts, hoodies, shoes.

use super::super::canvas::{Canvas, Light, Pattern, Skin, blob, curve, mirrored, open, oval, poly, rect, rounded};
use super::super::colour::{CREAM, INK, Rgb, WHITE};
use super::super::dice::Dice;
use super::{Look, mark, sign_at};

/// Thin folds from the armpits and at the hem.
fn folds(c: &mut Canvas, d: &mut Dice, half: f32) {
    for side in [-1.0, 1.0] {
        let y = d.range(-0.1, 0.1);
        c.tint_line(
            &curve(&[(side * half * 0.96, y), (side * half * 0.7, y + 0.1), (side * half * 0.5, y + 0.12)]),
            INK,
            0.13,
            0.02,
        );
        c.tint_line(&curve(&[(side * half * 0.5, 0.72), (side * half * 0.44, 0.5)]), INK, 0.1, 0.02);
    }
}

pub(super) fn t_shirt(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (half, low, sleeve) = (d.range(0.44, 0.5), d.range(0.72, 0.82), d.range(-0.2, -0.06));
    let main = look.skin.main;
    let outline = mirrored(&[
        (0.2, -0.7),
        (half, -0.6),
        (0.92, sleeve - 0.06),
        (0.72, sleeve + 0.16),
        (half, -0.16),
        (half * 1.02, low),
    ]);
    c.flat(&poly(&[(-0.22, -0.7), (0.22, -0.7), (0.16, -0.52), (-0.16, -0.52)]), main.dark(0.45));
    // A print on plain cloth, or patterned cloth.
    c.body(&outline, &look.skin, Light::Soft, d);
    let neck = oval(0.0, -0.71, 0.2, d.range(0.13, 0.2));
    c.inside(&outline, |c| {
        c.flat(&neck, main.dark(0.5));
        c.line(&neck, look.skin.accent.mix(main, 0.4).dark(0.08), 0.05);
        for side in [-1.0, 1.0] {
            c.tint_line(&open(&[(side * half, -0.58), (side * half, -0.14)]), INK, 0.22, 0.016);
            c.tint_line(
                &open(&[(side * 0.93, sleeve - 0.1), (side * 0.69, sleeve + 0.14)]),
                look.skin.accent.dark(0.1),
                0.8,
                0.05,
            );
        }
        c.tint(&rect(-1.0, low - 0.05, 1.0, low - 0.035), INK, 0.2);
        folds(c, d, half);
    });
    if look.skin.pattern == Pattern::Plain {
        let print = if main == look.skin.accent { main.light(0.7) } else { look.skin.accent };
        if d.chance(0.75) {
            let sign = d.below(6) as u8;
            c.line(&oval(0.0, -0.08, 0.23, 0.23), print, 0.035);
            sign_at(c, sign, 0.0, -0.08, 0.11, print);
        }
    } else {
        mark(c, look, half * 0.5, -0.3, 0.05);
    }
}

/// Sleeves down to the hem, then the trunk over them. Returns the trunk's outline.
fn long_sleeves(c: &mut Canvas, look: &Look, d: &mut Dice, half: f32, low: f32) -> tiny_skia::Path {
    let reach = d.range(0.84, 0.93);
    for side in [-1.0, 1.0] {
        let sleeve = poly(&[
            (side * half * 0.74, -0.62),
            (side * (half + 0.1), -0.44),
            (side * reach, low - 0.16),
            (side * (reach - 0.22), low - 0.1),
            (side * half * 0.8, 0.05),
        ]);
        c.body(&sleeve, &Skin { main: look.skin.main.dark(0.06), ..look.skin }, Light::Soft, d);
        let cuff = poly(&[
            (side * reach, low - 0.2),
            (side * (reach - 0.23), low - 0.13),
            (side * (reach - 0.215), low - 0.02),
            (side * (reach + 0.01), low - 0.08),
        ]);
        c.solid(&cuff, look.skin.main.dark(0.16), Light::Soft);
    }
    let trunk = mirrored(&[(0.18, -0.72), (half, -0.58), (half * 0.94, -0.1), (half * 1.0, low)]);
    c.body(&trunk, &look.skin, Light::Soft, d);
    trunk
}

pub(super) fn shirt(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (half, low) = (d.range(0.44, 0.5), d.range(0.74, 0.84));
    let main = look.skin.main;
    let trunk = long_sleeves(c, look, d, half, low);
    let button = if main.luma() > 150 { main.dark(0.55) } else { CREAM };
    c.inside(&trunk, |c| {
        folds(c, d, half);
        c.flat(&rect(-0.05, -0.6, 0.05, 1.0), main.light(0.12));
        c.tint_line(&open(&[(0.05, -0.6), (0.05, 1.0)]), INK, 0.3, 0.012);
        for i in 0..6 {
            c.flat(&oval(0.0, -0.42 + i as f32 * 0.22, 0.026, 0.026), button);
        }
    });
    // A pocket on the left of the wearer.
    let pocket = poly(&[(0.15, -0.3), (0.37, -0.3), (0.37, -0.08), (0.26, -0.02), (0.15, -0.08)]);
    c.tint(&pocket, main.dark(0.12), 0.7);
    c.tint_line(&pocket, INK, 0.3, 0.012);
    // The collar.
    c.flat(&poly(&[(-0.17, -0.76), (0.17, -0.76), (0.0, -0.56)]), main.dark(0.5));
    for side in [-1.0, 1.0] {
        let wing = poly(&[(side * 0.19, -0.8), (side * 0.27, -0.66), (side * 0.13, -0.46), (0.0, -0.6)]);
        c.solid(&wing, main.light(0.22), Light::Soft);
        c.tint_line(&wing, INK, 0.3, 0.012);
    }
    mark(c, look, 0.26, -0.2, 0.04);
}

pub(super) fn hoodie(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (half, low) = (d.range(0.47, 0.53), d.range(0.72, 0.8));
    let main = look.skin.main;
    let trunk = long_sleeves(c, look, d, half, low);
    c.inside(&trunk, |c| {
        folds(c, d, half);
        c.flat(&rect(-1.0, low - 0.11, 1.0, 1.0), main.dark(0.18));
    });
    // The pocket in front.
    let pocket = mirrored(&[(0.2, 0.2), (0.34, 0.44), (0.34, low - 0.13)]);
    c.flat(&pocket, main.dark(0.1));
    c.tint_line(&pocket, INK, 0.35, 0.016);
    if d.chance(0.35) {
        // A zip all the way.
        c.line(&open(&[(0.0, -0.4), (0.0, low)]), main.dark(0.4), 0.04);
        c.line(&open(&[(0.0, -0.4), (0.0, low)]), CREAM.dark(0.1), 0.014);
    } else {
        mark(c, look, 0.0, -0.08, 0.1);
    }
    // The hood, up and open, with its lining in the second colour.
    let lining = if look.skin.accent == main { main.dark(0.35) } else { look.skin.accent.dark(0.15) };
    let hood = blob(&[
        (0.0, -0.98),
        (0.26, -0.9),
        (0.36, -0.64),
        (0.25, -0.42),
        (0.0, -0.32),
        (-0.25, -0.42),
        (-0.36, -0.64),
        (-0.26, -0.9),
    ]);
    c.solid(&hood, main.light(0.06), Light::Soft);
    c.flat(&blob(&[(0.0, -0.86), (0.17, -0.8), (0.22, -0.62), (0.0, -0.38), (-0.22, -0.62), (-0.17, -0.8)]), lining);
    c.tint(&blob(&[(0.0, -0.86), (0.17, -0.8), (0.18, -0.72), (0.0, -0.74), (-0.18, -0.72), (-0.17, -0.8)]), INK, 0.35);
    for side in [-1.0, 1.0] {
        let end = d.range(-0.12, 0.02);
        c.line(&curve(&[(side * 0.1, -0.44), (side * 0.13, -0.3), (side * 0.11, end)]), CREAM, 0.026);
        c.flat(&rounded(side * 0.11 - 0.018, end, side * 0.11 + 0.018, end + 0.07, 0.01), CREAM.dark(0.25));
    }
}

pub(super) fn sneaker(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let main = look.skin.main;
    let (collar, sole) = (d.range(-0.34, -0.2), d.range(0.12, 0.2));
    let sole_y = 0.42;
    let upper = blob(&[
        (-0.86, sole_y),
        (-0.9, 0.1),
        (-0.84, collar + 0.02),
        (-0.6, collar - 0.04),
        (-0.3, collar + 0.03),
        (-0.06, 0.0),
        (0.3, 0.14),
        (0.68, 0.2),
        (0.86, 0.32),
        (0.87, sole_y),
        (0.6, sole_y + 0.06),
        (-0.6, sole_y + 0.06),
    ]);
    // The tongue and the opening.
    c.solid(
        &blob(&[(-0.36, collar + 0.04), (-0.24, collar - 0.12), (-0.1, collar - 0.04), (0.1, 0.02), (-0.1, 0.12)]),
        main.dark(0.2),
        Light::Soft,
    );
    c.flat(&oval(-0.56, collar + 0.01, 0.27, 0.07), main.dark(0.55));
    c.body(&upper, &look.skin, Light::Soft, d);
    c.inside(&upper, |c| {
        // Heel counter and toe cap.
        c.tint(
            &blob(&[(-1.0, collar - 0.1), (-0.66, collar), (-0.6, 0.2), (-0.5, 0.6), (-1.0, 0.6)]),
            look.skin.accent.dark(0.08),
            0.92,
        );
        c.tint(&blob(&[(0.62, 0.1), (1.0, 0.2), (1.0, 0.6), (0.46, 0.6), (0.5, 0.34)]), main.light(0.35), 0.92);
        // A swoosh of stripes on the side.
        let accent = if look.skin.accent == main { CREAM } else { look.skin.accent };
        match d.below(3) {
            0 => {
                for i in 0..3 {
                    let x = -0.36 + i as f32 * 0.17;
                    c.line(&open(&[(x, 0.46), (x + 0.17, 0.02)]), accent, 0.075);
                }
            }
            1 => c.flat(&blob(&[(-0.5, 0.1), (-0.2, 0.26), (0.34, 0.2), (0.0, 0.36), (-0.4, 0.32)]), accent),
            _ => c.line(&curve(&[(-0.5, 0.36), (-0.2, 0.14), (0.1, 0.34), (0.4, 0.24)]), accent, 0.08),
        }
    });
    // Laces.
    for i in 0..4 {
        let (x, y) = (-0.2 + i as f32 * 0.12, collar + 0.13 + i as f32 * 0.06);
        c.line(&open(&[(x - 0.05, y + 0.06), (x + 0.09, y - 0.03)]), CREAM.light(0.5), 0.035);
    }
    let white = if d.chance(0.75) { CREAM.light(0.4) } else { look.trim.light(0.2) };
    let bottom = rounded(-0.93, sole_y - 0.04, 0.97, sole_y + sole, 0.1);
    c.solid(&bottom, white, Light::Soft);
    c.inside(&bottom, |c| c.flat(&rect(-1.0, sole_y + sole - 0.06, 1.0, sole_y + sole), look.trim.dark(0.25)));
    c.tint_line(&open(&[(-0.86, sole_y + 0.05), (0.9, sole_y + 0.05)]), INK, 0.2, 0.014);
}

pub(super) fn boot(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let main = look.skin.main;
    let (top, shaft) = (d.range(-0.86, -0.62), d.range(0.27, 0.33));
    let x = -0.26;
    let rubber = d.chance(0.3);
    let dark = Rgb::hex(0x003A_3030).mix(look.trim, 0.35);
    let upper = {
        let mut p = tiny_skia::PathBuilder::new();
        p.move_to(x - shaft, top);
        p.cubic_to(x - shaft * 0.9, -0.1, x - shaft * 1.15, 0.3, x - shaft * 1.1, 0.7);
        p.line_to(0.8, 0.7);
        p.cubic_to(0.82, 0.36, 0.56, 0.28, 0.3, 0.2);
        p.cubic_to(0.1, 0.12, x + shaft * 0.9, -0.02, x + shaft, top);
        p.close();
        p.finish().expect("a boot has an outline")
    };
    c.flat(&oval(x, top, shaft, 0.06), main.dark(0.55));
    c.body(&upper, &look.skin, Light::Soft, d);
    c.inside(&upper, |c| {
        c.tint(&blob(&[(0.44, 0.16), (1.0, 0.2), (1.0, 0.8), (0.3, 0.8), (0.36, 0.4)]), main.dark(0.22), 0.9);
        c.tint(&rect(-1.0, top, 1.0, top + 0.09), look.skin.accent.mix(main, 0.3).dark(0.1), 0.95);
        if !rubber {
            c.tint_line(&curve(&[(x - shaft, 0.24), (x, 0.3), (0.3, 0.2)]), INK, 0.3, 0.02);
        }
    });
    if rubber {
        c.flat(&rounded(x - 0.06, top + 0.1, x + 0.06, top + 0.22, 0.03), CREAM);
        c.tint(
            &blob(&[
                (x - shaft * 0.6, top + 0.2),
                (x - shaft * 0.4, top + 0.2),
                (x - shaft * 0.42, 0.3),
                (x - shaft * 0.68, 0.3),
            ]),
            WHITE,
            0.4,
        );
    } else {
        for i in 0..5 {
            let y = top + 0.18 + i as f32 * (0.2 - top) * 0.16;
            let at = x + shaft * 0.62;
            c.line(&open(&[(at - 0.12, y + 0.03), (at + 0.08, y - 0.03)]), CREAM, 0.03);
        }
        c.line(
            &curve(&[(x - shaft * 0.9, top + 0.02), (x - shaft * 1.05, top - 0.1), (x - shaft * 0.8, top - 0.02)]),
            look.trim,
            0.03,
        );
    }
    c.flat(&rounded(x - shaft * 1.14, 0.66, 0.84, 0.76, 0.04), dark);
    c.flat(&poly(&[(x - shaft * 1.12, 0.72), (x + 0.14, 0.72), (x + 0.08, 0.86), (x - shaft * 1.08, 0.86)]), dark);
    c.flat(&poly(&[(x + 0.3, 0.74), (0.82, 0.74), (0.74, 0.82), (0.3, 0.82)]), dark);
}
