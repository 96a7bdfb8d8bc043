//! The map as a drawing: points, densities and contours, names of regions, the legend and what it is of.

use std::fmt::Write as _;

use super::{Camera, Placed, point_radius};
use crate::analysis::plane::density::MARGIN;
use crate::analysis::plane::regions::Label;

/// A colour as `#rrggbb` and its opacity, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Ink {
    /// The colour.
    pub color: String,
    /// The opacity.
    pub opacity: f32,
}

/// Closed lines of one stroke, in the unit square.
pub struct Contours<'a> {
    /// Their colour.
    pub ink: Ink,
    /// Their width in user units.
    pub width: f32,
    /// The lines.
    pub lines: &'a [Vec<[f32; 2]>],
}

/// One map of the drawing.
pub struct Panel<'a> {
    /// The layer.
    pub title: &'a str,
    /// Its points.
    pub placed: &'a Placed,
    /// Colours of points.
    pub palette: Vec<Ink>,
    /// The colour of each row by its number in the palette.
    pub inks: Vec<u16>,
    /// Rows in the order in which they are painted; the others are not.
    pub order: Vec<u32>,
    /// Names of regions, the most important first.
    pub labels: &'a [Label],
    /// What lies under the points, as a PNG of the square from [`-MARGIN`](MARGIN) to `1 + MARGIN`.
    pub shades: Option<Vec<u8>>,
    /// What lies over them.
    pub contours: Vec<Contours<'a>>,
}

/// Colours of what is no point, as `#rrggbb`.
pub struct Palette {
    /// The ground.
    pub ground: String,
    /// Text.
    pub text: String,
    /// The caption, lines between maps.
    pub faint: String,
}

/// Width of the legend in user units.
const LEGEND: f32 = 180.0;
/// Height of the line below.
const CAPTION: f32 = 28.0;

/// Points up to which each is a circle of its own. More are dots of a few paths: 10 bytes a point instead of 70.
const CIRCLES: usize = 20_000;

/// Paths of dots are painted in so many rounds, so that no colour lies always on top of another.
const ROUNDS: usize = 32;

/// Letters of a legend's label that have room beside its count.
const LETTERS: usize = 18;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Draws panels side by side in `width` x `height` user units, seen through `camera`, points of the size `point` times the usual.
#[must_use]
pub fn svg(
    panels: &[Panel<'_>],
    legend: &[(String, String, String)],
    caption: &str,
    camera: Camera,
    point: f32,
    [width, height]: [f32; 2],
    palette: &Palette,
) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"Inter, Helvetica, Arial, sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
        palette.ground
    );
    let (plot, high) = ((width - LEGEND).max(40.0), (height - CAPTION).max(40.0));
    let columns = (1..=panels.len().max(1))
        .max_by(|a, b| {
            let side = |n: &usize| (plot / *n as f32).min(high / panels.len().max(1).div_ceil(*n) as f32);
            side(a).total_cmp(&side(b))
        })
        .unwrap_or(1);
    let rows = panels.len().max(1).div_ceil(columns);
    let (cell, tall) = (plot / columns as f32, high / rows as f32);
    for (i, panel) in panels.iter().enumerate() {
        let (left, top) = ((i % columns) as f32 * cell, (i / columns) as f32 * tall);
        let side = (cell.min(tall) - 48.0).max(16.0) * camera.zoom;
        let at = |place: [f32; 2]| {
            [
                left + cell / 2.0 + (place[0] - camera.centre[0]) * side,
                top + tall / 2.0 - (place[1] - camera.centre[1]) * side,
            ]
        };
        let radius = point_radius([cell, tall], panel.order.len(), camera.zoom, point);
        let _ = writeln!(
            out,
            "<clipPath id=\"panel{i}\"><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{cell:.1}\" height=\"{tall:.1}\"/></clipPath>\n\
             <g clip-path=\"url(#panel{i})\">"
        );
        if let Some(png) = &panel.shades {
            let ([x, bottom], [right, y]) = (at([-MARGIN; 2]), at([1.0 + MARGIN; 2]));
            let _ = writeln!(
                out,
                "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" href=\"data:image/png;base64,{}\"/>",
                right - x,
                bottom - y,
                base64(png)
            );
        }
        points(&mut out, panel, radius, [left, top, left + cell, top + tall], &at);
        for contours in &panel.contours {
            let mut path = String::new();
            for line in contours.lines {
                for (i, corner) in line.iter().enumerate() {
                    let [x, y] = at(*corner);
                    let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
                }
                path.push('Z');
            }
            let _ = writeln!(
                out,
                "<path class=\"contour\" d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-opacity=\"{:.2}\" stroke-width=\"{:.2}\"/>",
                contours.ink.color, contours.ink.opacity, contours.width
            );
        }
        let mut taken: Vec<[f32; 4]> = Vec::new();
        for label in panel.labels {
            let [x, y] = at(label.place);
            let half = label.text.chars().count() as f32 * 3.4 + 6.0;
            // A little above its place, as on the screen.
            let y = y - 13.0;
            let own = [x - half, y - 9.0, x + half, y + 9.0];
            let is_inside = own[0] > left && own[1] > top && own[2] < left + cell && own[3] < top + tall;
            let meets =
                |other: &[f32; 4]| own[0] < other[2] && other[0] < own[2] && own[1] < other[3] && other[1] < own[3];
            if !is_inside || taken.len() >= 40 || taken.iter().any(meets) {
                continue;
            }
            taken.push(own);
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{}\" stroke=\"{}\" stroke-width=\"3\" paint-order=\"stroke\">{}</text>",
                y + 4.0,
                palette.text,
                palette.ground,
                escaped(&label.text)
            );
        }
        let _ = writeln!(out, "</g>");
        if panels.len() > 1 {
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"600\" fill=\"{}\">{}</text>",
                left + 12.0,
                top + 18.0,
                palette.text,
                escaped(panel.title)
            );
        }
    }
    for (i, (label, color, samples)) in legend.iter().enumerate() {
        let y = 24.0 + i as f32 * 20.0;
        let _ = writeln!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"{color}\"/><text x=\"{:.1}\" y=\"{y:.1}\" fill=\"{}\">{}</text>\
             <text x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"end\" fill=\"{}\">{samples}</text>",
            plot + 10.0,
            y - 4.0,
            plot + 22.0,
            palette.text,
            escaped(&elided(label)),
            width - 10.0,
            palette.faint,
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"12\" y=\"{:.1}\" fill=\"{}\">{}</text>\n</svg>",
        height - 10.0,
        palette.faint,
        escaped(caption)
    );
    out
}

/// A label that leaves room for its count.
fn elided(label: &str) -> String {
    if label.chars().count() <= LETTERS {
        return label.to_owned();
    }
    label.chars().take(LETTERS - 1).chain(['…']).collect()
}

/// The points of a panel that lie in `[left, top, right, bottom]`.
fn points(
    out: &mut String,
    panel: &Panel<'_>,
    radius: f32,
    [left, top, right, bottom]: [f32; 4],
    at: &dyn Fn([f32; 2]) -> [f32; 2],
) {
    let seen = |row: u32| {
        let [x, y] = at(panel.placed.frame.place(panel.placed.placement.positions[row as usize]));
        let is_in = x > left - radius && x < right + radius && y > top - radius && y < bottom + radius;
        is_in.then_some([x, y])
    };
    if panel.order.len() <= CIRCLES {
        for &row in &panel.order {
            let Some([x, y]) = seen(row) else { continue };
            let Some(Ink { color, opacity }) = panel.palette.get(usize::from(panel.inks[row as usize])) else {
                continue;
            };
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius:.2}\" fill=\"{color}\" fill-opacity=\"{opacity:.2}\"/>"
            );
        }
        return;
    }
    for rows in panel.order.chunks(panel.order.len().div_ceil(ROUNDS)) {
        let mut dots: Vec<String> = vec![String::new(); panel.palette.len()];
        for &row in rows {
            if let (Some([x, y]), Some(dots)) = (seen(row), dots.get_mut(usize::from(panel.inks[row as usize]))) {
                let _ = write!(dots, "M{x:.1} {y:.1}h0");
            }
        }
        for (Ink { color, opacity }, dots) in panel.palette.iter().zip(dots).filter(|(_, dots)| !dots.is_empty()) {
            let _ = writeln!(
                out,
                "<path d=\"{dots}\" stroke=\"{color}\" stroke-opacity=\"{opacity:.2}\" stroke-width=\"{:.2}\" stroke-linecap=\"round\"/>",
                2.0 * radius
            );
        }
    }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let byte = |at: usize| u32::from(part.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]);
            out.push(if at <= part.len() { letter } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::map::Frame;
    use crate::jobs::map::Placement;

    fn placed(positions: &[[f32; 2]]) -> Placed {
        let placement = Placement {
            samples: Arc::new((0..positions.len() as u32).collect()),
            positions: Arc::new(positions.to_vec()),
            ..Placement::default()
        };
        Placed { frame: Frame::of(positions), placement: Arc::new(placement) }
    }

    fn draw(panel: Panel<'_>, camera: Camera) -> String {
        sized(panel, camera, 1.0)
    }

    fn sized(panel: Panel<'_>, camera: Camera, point: f32) -> String {
        let palette = Palette { ground: "#fff".into(), text: "#000".into(), faint: "#888".into() };
        let legend = [("a rather long name of a dataset".into(), "#123456".into(), "1,234".into())];
        svg(&[panel], &legend, "what it is", camera, point, [900.0, 600.0], &palette)
    }

    fn ink(color: &str, opacity: f32) -> Ink {
        Ink { color: color.to_owned(), opacity }
    }

    #[test]
    fn draws_what_is_in_sight_and_escapes_names() {
        let placed = placed(&[[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]]);
        let label = Label { text: "cups & mugs <2>".into(), place: [0.5, 0.5], samples: 3, share: 1.0 };
        let line = [vec![[0.2, 0.2], [0.4, 0.2], [0.3, 0.4]]];
        let drawn = |camera: Camera| {
            let panel = Panel {
                title: "pool",
                placed: &placed,
                palette: vec![ink("#ff0000", 1.0), ink("#00ff00", 0.5)],
                inks: vec![0, 0, 1],
                // The second row is hidden.
                order: vec![0, 2],
                labels: std::slice::from_ref(&label),
                shades: Some(b"\x89PNG".to_vec()),
                contours: vec![Contours { ink: ink("#0000ff", 0.7), width: 1.5, lines: &line }],
            };
            draw(panel, camera)
        };
        let whole = drawn(Camera::default());
        assert_eq!(whole.matches("<circle cx").count(), 3, "two points and the legend's dot");
        assert!(whole.contains("cups &amp; mugs &lt;2&gt;") && whole.contains("what it is"));
        assert!(whole.contains("a rather long nam…") && whole.contains(">1,234<"), "{whole}");
        assert!(whole.contains("base64,iVBORw==\"/>"), "{whole}");
        assert_eq!(whole.matches("class=\"contour\"").count(), 1);
        let near = drawn(Camera { centre: [0.5, 0.5], zoom: 50.0 });
        assert_eq!(near.matches("fill-opacity").count(), 1, "what lies outside is left out");
    }

    #[test]
    fn points_are_as_large_as_the_slider_says() {
        let placed = placed(&[[0.0, 0.0], [1.0, 1.0]]);
        let radius = |point: f32| -> f32 {
            let panel = Panel {
                title: "pool",
                placed: &placed,
                palette: vec![ink("#ff0000", 1.0)],
                inks: vec![0, 0],
                order: vec![0, 1],
                labels: &[],
                shades: None,
                contours: Vec::new(),
            };
            let drawn = sized(panel, Camera::default(), point);
            let after = drawn.split(" r=\"").nth(1).expect("a circle");
            after.split('"').next().expect("its radius").parse().expect("a number")
        };
        assert!((radius(2.0) - 2.0 * radius(1.0)).abs() < 0.11, "{} {}", radius(1.0), radius(2.0));
    }

    #[test]
    fn many_points_are_a_few_paths() {
        let n = CIRCLES + 5000;
        let positions: Vec<[f32; 2]> = (0..n).map(|i| [(i % 200) as f32, (i / 200) as f32]).collect();
        let placed = placed(&positions);
        let panel = Panel {
            title: "pool",
            placed: &placed,
            palette: vec![ink("#ff0000", 1.0), ink("#00ff00", 0.5)],
            inks: (0..n).map(|i| (i % 2) as u16).collect(),
            order: (0..n as u32).collect(),
            labels: &[],
            shades: None,
            contours: Vec::new(),
        };
        let drawn = draw(panel, Camera::default());
        assert_eq!(drawn.matches("h0").count(), n, "no point is lost");
        assert_eq!(drawn.matches("<path").count(), 2 * ROUNDS);
        assert!(drawn.len() < 20 * n, "{} bytes", drawn.len());
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, expect) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), expect);
        }
    }
}
