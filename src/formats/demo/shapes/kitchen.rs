//! Mugs, bottles, glasses, teapots, pans.

use super::super::canvas::{Canvas, Light, blob, curve, lathe, oval, poly, rect, rounded};
use super::super::colour::{CREAM, INK, Rgb, STEEL, WHITE};
use super::super::dice::Dice;
use super::{Look, mark};

pub(super) fn mug(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (half, top, taper) = (d.range(0.42, 0.52), d.range(-0.62, -0.42), d.range(0.84, 1.0));
    let (x, low) = (-0.14, 0.66);
    let main = look.skin.main;
    // The handle first: the body covers its ends.
    let (hx, hy, reach) = (x + half * 0.95, f32::midpoint(top, low) - 0.03, d.range(0.26, 0.34));
    let tall = d.range(0.26, 0.33);
    let handle = if d.chance(0.7) {
        oval(hx, hy, reach, tall)
    } else {
        rounded(hx - reach, hy - tall, hx + reach, hy + tall, 0.12)
    };
    c.line(&handle, main.dark(0.22), 0.15);
    c.line(&handle, main.dark(0.06), 0.1);
    let foot = half * taper;
    let body = blob_cup(x, half, foot, top, low);
    c.body(&body, &look.skin, Light::Round, d);
    if look.skin.main == look.skin.accent || d.chance(0.3) {
        c.inside(&body, |c| c.tint(&rect(-1.0, top - 0.1, 1.0, top + 0.14), look.skin.accent.light(0.5), 0.5));
    }
    // The opening, with coffee or tea in it.
    c.flat(&oval(x, top, half, 0.1), main.light(0.35));
    c.flat(&oval(x, top + 0.012, half * 0.9, 0.075), main.dark(0.35));
    let drink = d.pick(&[Rgb::hex(0x005A_3A2A), Rgb::hex(0x009A_5B30), Rgb::hex(0x00B9_8A5E)]);
    c.inside(&oval(x, top + 0.012, half * 0.9, 0.075), |c| c.flat(&oval(x, top + 0.05, half * 0.86, 0.07), drink));
    mark(c, look, x, f32::midpoint(top, low) + 0.05, 0.09);
}

/// A cup: straight walls, rounded at the foot.
fn blob_cup(x: f32, top_half: f32, foot_half: f32, top: f32, low: f32) -> tiny_skia::Path {
    let mut p = tiny_skia::PathBuilder::new();
    let r = 0.16;
    p.move_to(x - top_half, top);
    p.line_to(x - foot_half, low - r);
    p.quad_to(x - foot_half, low, x - foot_half + r, low);
    p.quad_to(x, low + 0.04, x + foot_half - r, low);
    p.quad_to(x + foot_half, low, x + foot_half, low - r);
    p.line_to(x + top_half, top);
    p.close();
    p.finish().expect("a cup has an outline")
}

pub(super) fn bottle(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (half, shoulder, neck) = (d.range(0.25, 0.33), d.range(-0.42, -0.22), d.range(0.11, 0.15));
    let main = look.skin.main;
    let neck_top = shoulder - d.range(0.2, 0.3);
    let sport = d.chance(0.4);
    let body = lathe(&[
        (neck, neck_top),
        (neck, neck_top + 0.05),
        (neck * 1.25, shoulder - 0.12),
        (half * 0.96, shoulder + 0.05),
        (half, shoulder + 0.2),
        (half, 0.3),
        (half, 0.72),
        (half * 0.9, 0.82),
    ]);
    c.body(&body, &look.skin, Light::Round, d);
    let cap_top = neck_top - d.range(0.14, 0.2);
    if sport {
        c.line(&oval(0.0, cap_top - 0.02, 0.1, 0.12), look.trim.dark(0.15), 0.05);
    }
    c.solid(&rounded(-neck * 1.3, cap_top, neck * 1.3, neck_top + 0.03, 0.05), look.trim, Light::Round);
    c.tint(&rect(-neck * 1.3, neck_top - 0.02, neck * 1.3, neck_top + 0.03), INK, 0.2);
    c.inside(&body, |c| {
        c.tint(&rect(-1.0, 0.7, 1.0, 0.73), INK, 0.15);
        c.tint(&rounded(-half * 0.62, shoulder + 0.12, -half * 0.45, 0.6, 0.03), WHITE, 0.35);
    });
    if main == look.skin.accent {
        c.inside(&body, |c| c.tint(&rect(-1.0, 0.25, 1.0, 0.42), look.trim, 0.85));
    }
    mark(c, look, 0.04, 0.05, 0.1);
}

pub(super) fn wine_glass(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let (half, top, bowl) = (d.range(0.32, 0.42), d.range(-0.86, -0.76), d.range(0.0, 0.12));
    let glass = Rgb::hex(0x00BF_D8E2).mix(look.skin.main, 0.12);
    let edge = glass.dark(0.45);
    // Foot and stem.
    c.flat(&oval(0.0, 0.78, half * 0.92, 0.075), glass.dark(0.12));
    c.tint(&oval(0.0, 0.768, half * 0.86, 0.055), WHITE, 0.55);
    c.flat(&lathe(&[(0.05, bowl), (0.03, bowl + 0.12), (0.026, 0.5), (0.04, 0.68), (0.14, 0.77)]), glass.dark(0.18));
    c.tint(&rect(-0.014, bowl + 0.1, 0.006, 0.68), WHITE, 0.6);
    // The bowl: tinted air, wine, light.
    let lip = half * d.range(0.74, 0.98);
    let middle = top + (bowl - top) * 0.55;
    let shape = lathe(&[
        (lip, top),
        (half * 0.98, top + (middle - top) * 0.6),
        (half, middle),
        (half * 0.72, bowl - 0.12),
        (0.09, bowl + 0.02),
        (0.04, bowl + 0.06),
    ]);
    c.tint(&shape, glass.light(0.3), 0.62);
    let wine = look.skin.main;
    let level = top + (bowl - top) * d.range(0.36, 0.56);
    c.inside(&shape, |c| {
        c.fade(
            &rect(-1.0, level, 1.0, 0.2),
            (-half, 0.0),
            (half, 0.0),
            &[(0.0, wine.dark(0.1), 0.95), (0.35, wine.light(0.12), 0.95), (1.0, wine.dark(0.35), 0.97)],
        );
        c.flat(&oval(0.0, level, half * 0.99, 0.055), wine.light(0.25));
        c.tint(
            &blob(&[
                (-half * 0.72, top + 0.12),
                (-half * 0.5, top + 0.1),
                (-half * 0.56, middle),
                (-half * 0.4, bowl - 0.2),
                (-half * 0.72, middle + 0.04),
            ]),
            WHITE,
            0.5,
        );
    });
    c.tint_line(&shape, edge, 0.75, 0.018);
    c.line(&oval(0.0, top, lip, 0.05), edge.light(0.35), 0.02);
    if look.skin.accent != look.skin.main {
        c.line(&oval(0.0, top, lip, 0.05), look.trim, 0.03);
    }
}

pub(super) fn teapot(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let main = look.skin.main;
    let (half, tall) = (d.range(0.46, 0.56), d.range(0.4, 0.52));
    let y = 0.72 - tall;
    // Handle on the left, spout on the right.
    let handle = curve(&[
        (-half * 0.72, y - tall * 0.62),
        (-half - 0.22, y - tall * 0.66),
        (-half - 0.3, y - 0.02),
        (-half - 0.12, y + tall * 0.42),
        (-half * 0.78, y + tall * 0.5),
    ]);
    let grip = if d.chance(0.4) { look.trim } else { main.dark(0.12) };
    c.line(&handle, grip.dark(0.2), 0.13);
    c.line(&handle, grip, 0.09);
    let spout = blob(&[
        (half * 0.6, y + tall * 0.5),
        (half * 0.7, y - 0.05),
        (half + 0.12, y - tall * 0.35),
        (half + 0.22, y - tall * 0.82),
        (half + 0.36, y - tall * 0.86),
        (half + 0.3, y - tall * 0.2),
        (half + 0.04, y + tall * 0.5),
    ]);
    c.solid(&spout, main.dark(0.08), Light::Soft);
    let body = blob(&[
        (0.0, y - tall),
        (half * 0.72, y - tall * 0.78),
        (half, y - 0.02),
        (half * 0.8, y + tall * 0.78),
        (0.0, y + tall * 1.02),
        (-half * 0.8, y + tall * 0.78),
        (-half, y - 0.02),
        (-half * 0.72, y - tall * 0.78),
    ]);
    c.flat(&rounded(-half * 0.55, 0.62, half * 0.55, 0.78, 0.06), main.dark(0.3));
    c.body(&body, &look.skin, Light::Ball, d);
    // The lid.
    let lid_y = y - tall * 0.8;
    c.tint(&oval(0.0, lid_y, half * 0.6, 0.07), INK, 0.35);
    let lid = lathe(&[
        (0.03, lid_y - 0.2),
        (half * 0.34, lid_y - 0.15),
        (half * 0.54, lid_y - 0.03),
        (half * 0.54, lid_y + 0.02),
    ]);
    c.solid(&lid, look.skin.accent.mix(main, 0.25), Light::Round);
    c.solid(&oval(0.0, lid_y - 0.25, 0.085, 0.08), grip, Light::Ball);
    mark(c, look, 0.0, y + 0.08, 0.09);
}

pub(super) fn pan(c: &mut Canvas, look: &Look, d: &mut Dice) {
    let radius = d.range(0.54, 0.62);
    let (x, y) = (-0.32, -0.02);
    let main = look.skin.main;
    // The handle, from the rim to the right.
    let (from, to, half) = (x + radius * 0.9, 0.96, d.range(0.06, 0.085));
    c.flat(
        &poly(&[(from, y - 0.055), (from + 0.2, y - 0.045), (from + 0.2, y + 0.045), (from, y + 0.055)]),
        STEEL.dark(0.2),
    );
    c.solid(&rounded(from + 0.12, y - half, to, y + half, half), look.trim, Light::Soft);
    c.flat(&oval(to - 0.1, y, 0.035, 0.03), look.trim.dark(0.7));
    c.tint(&rounded(from + 0.16, y - half * 0.6, to - 0.18, y - half * 0.25, 0.02), WHITE, 0.3);
    // Two lips for pouring.
    if d.chance(0.5) {
        c.flat(
            &poly(&[(x - 0.09, y - radius - 0.05), (x + 0.09, y - radius - 0.05), (x + 0.16, y), (x - 0.16, y)]),
            main.dark(0.1),
        );
    }
    c.solid(&oval(x, y, radius, radius), main, Light::Soft);
    c.flat(&oval(x, y, radius * 0.9, radius * 0.9), main.dark(0.55));
    let inner = oval(x, y + 0.01, radius * 0.8, radius * 0.8);
    c.flat(&inner, Rgb::hex(0x0044_4650).mix(main, 0.12));
    c.light(&inner, Light::Soft);
    c.tint_line(&oval(x, y + 0.01, radius * 0.6, radius * 0.6), WHITE, 0.07, 0.03);
    c.tint_line(&oval(x, y + 0.01, radius * 0.4, radius * 0.4), WHITE, 0.07, 0.03);
    if d.chance(0.3) {
        // A fried egg.
        let (ex, ey) = (x + d.range(-0.08, 0.08), y + d.range(-0.08, 0.1));
        c.flat(
            &blob(&[
                (ex - 0.2, ey),
                (ex - 0.1, ey - 0.16),
                (ex + 0.08, ey - 0.13),
                (ex + 0.21, ey),
                (ex + 0.12, ey + 0.16),
                (ex - 0.06, ey + 0.13),
            ]),
            CREAM.light(0.6),
        );
        c.solid(&oval(ex, ey, 0.085, 0.08), Rgb::hex(0x00F4_B73A), Light::Ball);
    }
}
