//! Drawing: paths, flat fills, soft light and patterns, on tiny-skia.
//!
//! Things are drawn in a box from -1 to 1, y down; the canvas carries the transform to pixels. A body is
//! painted in three steps: its colour, its pattern clipped to its outline, and light over both, so that
//! a pattern follows the light. Only `+ - * /`, square roots and `libm` are used, so that every machine
//! computes the same coordinates.

use tiny_skia::{
    Color, FillRule, GradientStop, LineCap, LineJoin, LinearGradient, Mask, Paint, Path, PathBuilder, Pixmap, Point,
    RadialGradient, Rect, Shader, SpreadMode, Stroke, Transform,
};

use super::colour::{INK, Rgb, WHITE};
use super::dice::Dice;

/// What is printed, woven or glazed onto a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Plain,
    Striped,
    Pinstriped,
    PolkaDot,
    Checked,
    Zigzag,
    TwoTone,
    Speckled,
    Floral,
}

/// Colour and pattern of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skin {
    pub(super) main: Rgb,
    pub(super) accent: Rgb,
    pub(super) pattern: Pattern,
}

impl Skin {
    pub(super) const fn plain(main: Rgb) -> Self {
        Self { main, accent: main, pattern: Pattern::Plain }
    }
}

/// How light falls on a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Light {
    /// On something round about a vertical axis: a bright band on the left, dark at the right edge.
    Round,
    /// On something flat or cushioned: from the upper left.
    Soft,
    /// On a ball.
    Ball,
}

/// A colour at a place of a gradient: offset, colour, opacity.
pub(super) type Stop = (f32, Rgb, f32);

pub(super) struct Canvas {
    pub(super) pixmap: Pixmap,
    place: Transform,
    clip: Option<Mask>,
}

impl Canvas {
    /// A transparent canvas of `size` x `size` pixels on which things are drawn in pixels.
    pub(super) fn new(size: u32) -> Self {
        let pixmap = Pixmap::new(size.max(1), size.max(1)).expect("a side is at least 1 and bounded by the options");
        Self { pixmap, place: Transform::identity(), clip: None }
    }

    /// From now on the box from -1 to 1 has its centre at (`x`, `y`), is `scale` pixels a unit and turned
    /// clockwise by `angle` (radians).
    pub(super) fn place(&mut self, x: f32, y: f32, scale: f32, angle: f32, mirror: bool) {
        let (sin, cos) = (libm::sinf(angle) * scale, libm::cosf(angle) * scale);
        let flip = if mirror { -1.0 } else { 1.0 };
        self.place = Transform::from_row(cos * flip, sin * flip, -sin, cos, x, y);
    }

    fn paint(&mut self, path: &Path, shader: Shader) {
        let paint = Paint { shader, anti_alias: true, ..Paint::default() };
        self.pixmap.fill_path(path, &paint, FillRule::Winding, self.place, self.clip.as_ref());
    }

    pub(super) fn flat(&mut self, path: &Path, colour: Rgb) {
        self.tint(path, colour, 1.0);
    }

    pub(super) fn tint(&mut self, path: &Path, colour: Rgb, alpha: f32) {
        self.paint(path, Shader::SolidColor(with_alpha(colour, alpha)));
    }

    /// A linear gradient between two points.
    pub(super) fn fade(&mut self, path: &Path, from: (f32, f32), to: (f32, f32), stops: &[Stop]) {
        let (from, to) = (Point::from_xy(from.0, from.1), Point::from_xy(to.0, to.1));
        if let Some(shader) = LinearGradient::new(from, to, gradient(stops), SpreadMode::Pad, Transform::identity()) {
            self.paint(path, shader);
        }
    }

    /// A radial gradient from `centre` out to `radius`.
    pub(super) fn glow(&mut self, path: &Path, centre: (f32, f32), radius: f32, stops: &[Stop]) {
        let centre = Point::from_xy(centre.0, centre.1);
        let stops = gradient(stops);
        if let Some(shader) =
            RadialGradient::new(centre, 0.0, centre, radius, stops, SpreadMode::Pad, Transform::identity())
        {
            self.paint(path, shader);
        }
    }

    pub(super) fn line(&mut self, path: &Path, colour: Rgb, width: f32) {
        self.tint_line(path, colour, 1.0, width);
    }

    pub(super) fn tint_line(&mut self, path: &Path, colour: Rgb, alpha: f32, width: f32) {
        let paint = Paint { shader: Shader::SolidColor(with_alpha(colour, alpha)), ..Paint::default() };
        let stroke = Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
        self.pixmap.stroke_path(path, &paint, &stroke, self.place, self.clip.as_ref());
    }

    /// Draws inside `path` only.
    pub(super) fn inside(&mut self, path: &Path, draw: impl FnOnce(&mut Self)) {
        let outer = self.clip.take();
        let mut mask = outer.clone();
        if let Some(mask) = &mut mask {
            mask.intersect_path(path, FillRule::Winding, true, self.place);
        } else {
            mask = Mask::new(self.pixmap.width(), self.pixmap.height());
            if let Some(mask) = &mut mask {
                mask.fill_path(path, FillRule::Winding, true, self.place);
            }
        }
        self.clip = mask;
        draw(self);
        self.clip = outer;
    }

    /// Colour, pattern and light.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "a skin is a description that may grow; callers borrow it from a look"
    )]
    pub(super) fn body(&mut self, path: &Path, skin: &Skin, light: Light, dice: &mut Dice) {
        self.flat(path, skin.main);
        if skin.pattern != Pattern::Plain {
            self.inside(path, |canvas| canvas.pattern(path.bounds(), skin, dice));
        }
        self.light(path, light);
    }

    /// A plain body.
    pub(super) fn solid(&mut self, path: &Path, colour: Rgb, light: Light) {
        self.flat(path, colour);
        self.light(path, light);
    }

    /// Light and shade over what is there.
    pub(super) fn light(&mut self, path: &Path, light: Light) {
        let b = path.bounds();
        let middle = (f32::midpoint(b.left(), b.right()), f32::midpoint(b.top(), b.bottom()));
        match light {
            Light::Round => self.fade(
                path,
                (b.left(), middle.1),
                (b.right(), middle.1),
                &[
                    (0.0, INK, 0.16),
                    (0.14, INK, 0.0),
                    (0.2, WHITE, 0.0),
                    (0.3, WHITE, 0.26),
                    (0.42, WHITE, 0.0),
                    (0.6, INK, 0.0),
                    (1.0, INK, 0.32),
                ],
            ),
            Light::Soft => self.fade(
                path,
                (b.left(), b.top()),
                (b.right(), b.bottom()),
                &[(0.0, WHITE, 0.2), (0.45, WHITE, 0.0), (0.55, INK, 0.0), (1.0, INK, 0.22)],
            ),
            Light::Ball => {
                let radius = b.width().max(b.height()) / 2.0;
                let centre = (middle.0 - radius * 0.35, middle.1 - radius * 0.4);
                self.glow(
                    path,
                    centre,
                    radius * 1.55,
                    &[(0.0, WHITE, 0.42), (0.3, WHITE, 0.05), (0.5, INK, 0.0), (1.0, INK, 0.42)],
                );
            }
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as `body`, which hands it on")]
    fn pattern(&mut self, bounds: Rect, skin: &Skin, dice: &mut Dice) {
        let (l, t, r, b) = (bounds.left(), bounds.top(), bounds.right(), bounds.bottom());
        let (w, h) = (r - l, b - t);
        let colour = skin.accent;
        match skin.pattern {
            Pattern::Plain => {}
            Pattern::Striped => {
                let pitch = dice.range(0.16, 0.28);
                let mut y = t + dice.range(0.0, pitch);
                while y < b {
                    self.flat(&rect(l, y, r, y + pitch * 0.45), colour);
                    y += pitch;
                }
            }
            Pattern::Pinstriped => {
                let pitch = dice.range(0.1, 0.18);
                let mut x = l + dice.range(0.02, pitch);
                while x < r {
                    self.flat(&rect(x, t, x + pitch * 0.28, b), colour);
                    x += pitch;
                }
            }
            Pattern::PolkaDot => {
                let pitch = dice.range(0.17, 0.26);
                let radius = pitch * dice.range(0.2, 0.3);
                let (mut y, mut odd) = (t + pitch * 0.3, false);
                while y < b + pitch {
                    let mut x = l + if odd { pitch * 0.5 } else { 0.0 };
                    while x < r + pitch {
                        self.flat(&oval(x, y, radius, radius), colour);
                        x += pitch;
                    }
                    y += pitch * 0.866;
                    odd = !odd;
                }
            }
            Pattern::Checked => {
                let pitch = dice.range(0.16, 0.26);
                for (vertical, from, to) in [(true, l, r), (false, t, b)] {
                    let mut at = from;
                    while at < to {
                        let band =
                            if vertical { rect(at, t, at + pitch * 0.5, b) } else { rect(l, at, r, at + pitch * 0.5) };
                        self.tint(&band, colour, 0.5);
                        at += pitch;
                    }
                }
            }
            Pattern::Zigzag => {
                let pitch = dice.range(0.22, 0.34);
                let step = pitch * 0.5;
                let mut y = t - pitch * 0.3;
                while y < b + pitch {
                    let mut points = Vec::new();
                    let (mut x, mut up) = (l - step, false);
                    while x < r + step * 2.0 {
                        points.push((x, if up { y - step * 0.5 } else { y + step * 0.5 }));
                        x += step;
                        up = !up;
                    }
                    self.line(&open(&points), colour, pitch * 0.26);
                    y += pitch;
                }
            }
            Pattern::TwoTone => self.flat(&rect(l, t + h * dice.range(0.5, 0.68), r, b), colour),
            Pattern::Speckled => {
                for _ in 0..(w * h * 60.0) as u32 + 14 {
                    let (x, y, size) = (dice.range(l, r), dice.range(t, b), dice.range(0.008, 0.024));
                    self.flat(&oval(x, y, size, size), colour);
                }
            }
            Pattern::Floral => {
                let pitch = dice.range(0.26, 0.36);
                let (mut y, mut odd) = (t + pitch * 0.35, false);
                while y < b + pitch * 0.5 {
                    let mut x = l + if odd { pitch * 0.5 } else { pitch * 0.1 };
                    while x < r + pitch * 0.5 {
                        self.flower(x, y, pitch * 0.3, colour, skin.main.mix(WHITE, 0.6));
                        x += pitch;
                    }
                    y += pitch * 0.8;
                    odd = !odd;
                }
            }
        }
    }

    /// Five petals around a middle.
    pub(super) fn flower(&mut self, x: f32, y: f32, size: f32, petals: Rgb, middle: Rgb) {
        for (dx, dy) in [(0.0, -1.0), (0.951, -0.309), (0.588, 0.809), (-0.588, 0.809), (-0.951, -0.309)] {
            self.flat(&oval(x + dx * size * 0.55, y + dy * size * 0.55, size * 0.45, size * 0.45), petals);
        }
        self.flat(&oval(x, y, size * 0.32, size * 0.32), middle);
    }
}

fn with_alpha(Rgb(r, g, b): Rgb, alpha: f32) -> Color {
    Color::from_rgba8(r, g, b, (alpha.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
}

fn gradient(stops: &[Stop]) -> Vec<GradientStop> {
    stops.iter().map(|&(at, colour, alpha)| GradientStop::new(at, with_alpha(colour, alpha))).collect()
}

/// A path of nothing but a dot, for outlines that turn out empty.
fn finished(builder: PathBuilder) -> Path {
    builder
        .finish()
        .unwrap_or_else(|| PathBuilder::from_rect(Rect::from_xywh(0.0, 0.0, 1e-3, 1e-3).expect("a valid rectangle")))
}

pub(super) fn rect(x0: f32, y0: f32, x1: f32, y1: f32) -> Path {
    poly(&[(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
}

/// A rectangle with rounded corners.
pub(super) fn rounded(x0: f32, y0: f32, x1: f32, y1: f32, radius: f32) -> Path {
    let r = radius.min((x1 - x0) / 2.0).min((y1 - y0) / 2.0);
    // A cubic that is close to a quarter circle.
    let k = r * 0.448;
    let mut p = PathBuilder::new();
    p.move_to(x0 + r, y0);
    p.line_to(x1 - r, y0);
    p.cubic_to(x1 - k, y0, x1, y0 + k, x1, y0 + r);
    p.line_to(x1, y1 - r);
    p.cubic_to(x1, y1 - k, x1 - k, y1, x1 - r, y1);
    p.line_to(x0 + r, y1);
    p.cubic_to(x0 + k, y1, x0, y1 - k, x0, y1 - r);
    p.line_to(x0, y0 + r);
    p.cubic_to(x0, y0 + k, x0 + k, y0, x0 + r, y0);
    p.close();
    finished(p)
}

pub(super) fn oval(x: f32, y: f32, rx: f32, ry: f32) -> Path {
    let (kx, ky) = (rx * 0.552, ry * 0.552);
    let mut p = PathBuilder::new();
    p.move_to(x + rx, y);
    p.cubic_to(x + rx, y + ky, x + kx, y + ry, x, y + ry);
    p.cubic_to(x - kx, y + ry, x - rx, y + ky, x - rx, y);
    p.cubic_to(x - rx, y - ky, x - kx, y - ry, x, y - ry);
    p.cubic_to(x + kx, y - ry, x + rx, y - ky, x + rx, y);
    p.close();
    finished(p)
}

/// Straight lines, closed.
pub(super) fn poly(points: &[(f32, f32)]) -> Path {
    let mut p = PathBuilder::new();
    straight(&mut p, points);
    p.close();
    finished(p)
}

/// Straight lines, open.
pub(super) fn open(points: &[(f32, f32)]) -> Path {
    let mut p = PathBuilder::new();
    straight(&mut p, points);
    finished(p)
}

fn straight(p: &mut PathBuilder, points: &[(f32, f32)]) {
    for (i, &(x, y)) in points.iter().enumerate() {
        if i == 0 {
            p.move_to(x, y);
        } else {
            p.line_to(x, y);
        }
    }
}

/// A smooth closed curve through the points (Catmull-Rom).
pub(super) fn blob(points: &[(f32, f32)]) -> Path {
    let n = points.len();
    let mut p = PathBuilder::new();
    p.move_to(points[0].0, points[0].1);
    for i in 0..n {
        spline(&mut p, points[(i + n - 1) % n], points[i], points[(i + 1) % n], points[(i + 2) % n]);
    }
    p.close();
    finished(p)
}

/// A smooth open curve through the points.
pub(super) fn curve(points: &[(f32, f32)]) -> Path {
    let mut p = PathBuilder::new();
    p.move_to(points[0].0, points[0].1);
    smooth_on(&mut p, points);
    finished(p)
}

/// Goes on through `points[1..]` smoothly.
fn smooth_on(p: &mut PathBuilder, points: &[(f32, f32)]) {
    let last = points.len() - 1;
    for i in 0..last {
        spline(p, points[i.saturating_sub(1)], points[i], points[i + 1], points[(i + 2).min(last)]);
    }
}

fn spline(p: &mut PathBuilder, a: (f32, f32), b: (f32, f32), c: (f32, f32), d: (f32, f32)) {
    p.cubic_to(
        b.0 + (c.0 - a.0) / 6.0,
        b.1 + (c.1 - a.1) / 6.0,
        c.0 - (d.0 - b.0) / 6.0,
        c.1 - (d.1 - b.1) / 6.0,
        c.0,
        c.1,
    );
}

/// Something turned on a lathe: half widths at heights from top to bottom, mirrored; smooth at the sides,
/// straight at the top and the bottom.
pub(super) fn lathe(profile: &[(f32, f32)]) -> Path {
    let left: Vec<_> = profile.iter().rev().map(|&(x, y)| (-x, y)).collect();
    let mut p = PathBuilder::new();
    p.move_to(profile[0].0, profile[0].1);
    smooth_on(&mut p, profile);
    p.line_to(left[0].0, left[0].1);
    smooth_on(&mut p, &left);
    p.close();
    finished(p)
}

/// Points on the right half (top to bottom), mirrored to a closed outline of straight lines.
pub(super) fn mirrored(right: &[(f32, f32)]) -> Path {
    let all: Vec<_> = right.iter().copied().chain(right.iter().rev().map(|&(x, y)| (-x, y))).collect();
    poly(&all)
}

/// Points on the right half (top to bottom), mirrored to a closed smooth outline.
pub(super) fn mirrored_blob(right: &[(f32, f32)]) -> Path {
    let all: Vec<_> = right.iter().copied().chain(right.iter().rev().map(|&(x, y)| (-x, y))).collect();
    blob(&all)
}
