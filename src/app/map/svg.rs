//! The map as a drawing: points, names of regions, the legend and what it is of.

use std::fmt::Write as _;

use super::labels::Label;
use super::{Camera, Placed};

/// One map of the drawing.
pub struct Panel<'a> {
    /// The layer.
    pub title: &'a str,
    /// Its points.
    pub placed: &'a Placed,
    /// Colour and opacity of each row; `None` is not drawn.
    pub inks: Vec<Option<(String, f32)>>,
    /// Rows in the order in which they are painted.
    pub order: &'a [u32],
    /// Names of regions, the most important first.
    pub labels: &'a [Label],
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

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Draws panels side by side in `width` x `height` user units, seen through `camera`.
#[must_use]
pub fn svg(
    panels: &[Panel<'_>],
    legend: &[(String, String, u64)],
    caption: &str,
    camera: Camera,
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
        let radius = ((cell * tall / panel.order.len().max(1) as f32).sqrt() * 0.24).clamp(0.5, 4.0);
        let _ = writeln!(
            out,
            "<clipPath id=\"panel{i}\"><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{cell:.1}\" height=\"{tall:.1}\"/></clipPath>\n\
             <g clip-path=\"url(#panel{i})\">"
        );
        for &row in panel.order {
            let Some((color, opacity)) = &panel.inks[row as usize] else { continue };
            let [x, y] = at(panel.placed.frame.place(panel.placed.placement.positions[row as usize]));
            if x < left - radius || x > left + cell + radius || y < top - radius || y > top + tall + radius {
                continue;
            }
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius:.2}\" fill=\"{color}\" fill-opacity=\"{opacity:.2}\"/>"
            );
        }
        let mut taken: Vec<[f32; 4]> = Vec::new();
        for label in panel.labels {
            let [x, y] = at(label.place);
            let half = label.text.chars().count() as f32 * 3.4 + 6.0;
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
            escaped(label),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::map::Frame;
    use crate::jobs::map::Placement;

    #[test]
    fn draws_what_is_in_sight_and_escapes_names() {
        let positions = vec![[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]];
        let placement = Placement {
            samples: Arc::new(vec![0, 1, 2]),
            positions: Arc::new(positions.clone()),
            ..Placement::default()
        };
        let placed = Placed { frame: Frame::of(&positions), placement: Arc::new(placement) };
        let label = Label { text: "cups & mugs <2>".into(), place: [0.5, 0.5], samples: 3, share: 1.0 };
        let draw = |camera: Camera| {
            let inks = vec![Some(("#ff0000".to_owned(), 1.0)), None, Some(("#00ff00".to_owned(), 0.5))];
            let panel =
                Panel { title: "pool", placed: &placed, inks, order: &[0, 1, 2], labels: std::slice::from_ref(&label) };
            let palette = Palette { ground: "#fff".into(), text: "#000".into(), faint: "#888".into() };
            svg(&[panel], &[("A".into(), "#123456".into(), 7)], "what it is", camera, [900.0, 600.0], &palette)
        };
        let whole = draw(Camera::default());
        assert_eq!(whole.matches("fill-opacity").count(), 2, "a row without ink is not drawn");
        assert!(
            whole.contains("cups &amp; mugs &lt;2&gt;") && whole.contains("#123456") && whole.contains("what it is")
        );
        let near = draw(Camera { centre: [0.5, 0.5], zoom: 50.0 });
        assert_eq!(near.matches("fill-opacity").count(), 1, "what lies outside is left out");
    }
}
