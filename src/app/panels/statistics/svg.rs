//! A chart as an SVG file: the same blocks, lines, tiles and ticks as in the window, in the colours of its theme.

use std::fmt::Write;

use super::chart::{Chart, Marks};

/// Colours as `#rrggbb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub ground: String,
    /// Words.
    pub text: String,
    /// Figures on axes.
    pub faint: String,
    /// Lines of the grid.
    pub hairline: String,
    /// One colour a series.
    pub series: Vec<String>,
}

const FONT: &str = "Inter, Helvetica, Arial, sans-serif";

/// The chart in an area of `width` by `height` points.
#[must_use]
pub fn svg(chart: &Chart, width: f64, height: f64, palette: &Palette) -> String {
    let mut out = String::new();
    let Palette { ground, text, faint, hairline, .. } = palette;
    let color = |series: usize| palette.series.get(series).map_or(text.as_str(), String::as_str);
    let mut line = |content: String| {
        out.push_str(&content);
        out.push('\n');
    };
    line(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"{FONT}\" font-size=\"12\">"
    ));
    line(format!("<title>{}</title>", escape(&chart.title)));
    line(format!("<rect width=\"{width}\" height=\"{height}\" fill=\"{ground}\"/>"));
    line(format!(
        "<text x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"600\" fill=\"{text}\">{}</text>",
        escape(&chart.title)
    ));
    if chart.series.len() > 1 {
        let mut x = 16.0;
        for (i, name) in chart.series.iter().enumerate() {
            line(format!("<rect x=\"{x}\" y=\"38\" width=\"10\" height=\"10\" rx=\"2\" fill=\"{}\"/>", color(i)));
            line(format!("<text x=\"{}\" y=\"47\" fill=\"{text}\">{}</text>", x + 16.0, escape(name)));
            x += 32.0 + 7.0 * name.chars().count() as f64;
        }
    }
    let ranked = matches!(chart.marks, Marks::Ranked(_));
    let names = chart.y_ticks(6);
    let longest = names.iter().map(|tick| tick.label.chars().count()).max().unwrap_or(0) as f64;
    let (left, right) =
        (24.0 + (7.0 * longest).clamp(24.0, width / 3.0) + if ranked { 0.0 } else { 16.0 }, width - 16.0);
    let (top, bottom) = (if chart.series.len() > 1 { 60.0 } else { 40.0 }, height - 44.0);
    if let Marks::Tiles(bars) = &chart.marks {
        let (left, bottom) = (16.0, height - 16.0);
        for (bar, [x, y, w, h]) in bars.iter().zip(chart.tiles(right - left, bottom - top)) {
            if w <= 0.0 || h <= 0.0 {
                continue;
            }
            let (x, y) = (left + x, top + y);
            line(format!(
                "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{w:.2}\" height=\"{h:.2}\" fill=\"{}\" stroke=\"{ground}\"><title>{}</title></rect>",
                color(chart.series.len().saturating_sub(1)),
                escape(&chart.say(bar))
            ));
            if w > 7.0 * bar.label.chars().count() as f64 && h > 18.0 {
                line(format!(
                    "<text x=\"{:.2}\" y=\"{:.2}\" fill=\"{text}\">{}</text>",
                    x + 4.0,
                    y + 14.0,
                    escape(&bar.label)
                ));
            }
        }
        out.push_str("</svg>\n");
        return out;
    }
    let [[x_from, x_to], [y_from, y_to]] = chart.bounds();
    let px = |x: f64| left + (x - x_from) / (x_to - x_from) * (right - left);
    let py = |y: f64| bottom - (y - y_from) / (y_to - y_from) * (bottom - top);
    for tick in chart.x_ticks(8) {
        let x = px(tick.at);
        line(format!("<path d=\"M{x:.2} {top:.2}V{bottom:.2}\" stroke=\"{hairline}\"/>"));
        line(format!(
            "<text x=\"{x:.2}\" y=\"{:.2}\" text-anchor=\"middle\" fill=\"{faint}\">{}</text>",
            bottom + 16.0,
            escape(&tick.label)
        ));
    }
    for tick in &names {
        let y = py(tick.at);
        if !ranked {
            line(format!("<path d=\"M{left:.2} {y:.2}H{right:.2}\" stroke=\"{hairline}\"/>"));
        }
        line(format!(
            "<text x=\"{:.2}\" y=\"{:.2}\" text-anchor=\"end\" fill=\"{}\">{}</text>",
            left - 8.0,
            y + 4.0,
            if ranked { text } else { faint },
            escape(&tick.label)
        ));
    }
    for block in chart.blocks() {
        let (x, y) = (px(block.x[0]), py(block.y[1]));
        line(format!(
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{}\"><title>{}</title></rect>",
            (px(block.x[1]) - x).max(0.5),
            (py(block.y[0]) - y).max(0.5),
            color(block.series),
            escape(&chart.say(&chart.bars()[block.bar]))
        ));
    }
    for (series, points) in chart.lines().iter().enumerate() {
        let mut path = String::new();
        for (i, [x, y]) in points.iter().enumerate() {
            let _ = write!(path, "{}{:.2} {:.2}", if i == 0 { 'M' } else { 'L' }, px(*x), py(*y));
        }
        line(format!("<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>", color(series)));
    }
    let (middle, low) = (f64::midpoint(left, right), height - 10.0);
    line(format!(
        "<text x=\"{middle:.2}\" y=\"{low:.2}\" text-anchor=\"middle\" fill=\"{faint}\">{}</text>",
        escape(&chart.x.label)
    ));
    if !ranked {
        let y = f64::midpoint(top, bottom);
        line(format!(
            "<text transform=\"translate(14 {y:.2}) rotate(-90)\" text-anchor=\"middle\" fill=\"{faint}\">{}</text>",
            escape(&chart.y.label)
        ));
    }
    out.push_str("</svg>\n");
    out
}

/// Text as XML takes it; characters that XML has no place for become the replacement character.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::chart::{Axis, Bar};
    use super::*;

    fn palette() -> Palette {
        let color = |text: &str| text.to_owned();
        Palette {
            ground: color("#ffffff"),
            text: color("#111111"),
            faint: color("#555555"),
            hairline: color("#eeeeee"),
            series: vec![color("#4b4bc4"), color("#b0b0e8")],
        }
    }

    fn chart(marks: impl Fn(Vec<Bar>) -> Marks) -> Chart {
        let bar = |label: &str, at: f64, values: [f64; 2]| Bar {
            label: label.to_owned(),
            span: [at, at + 1.0],
            values: values.to_vec(),
            pick: None,
        };
        Chart {
            title: "A & B".to_owned(),
            x: Axis::new("count"),
            y: Axis::new("word"),
            series: vec!["selection".to_owned(), "whole".to_owned()],
            nested: true,
            marks: marks(vec![bar("<b>\u{1}", 0.0, [1.0, 2.0]), bar("wool", 1.0, [0.0, 4.0])]),
        }
    }

    /// Tags are closed in the order they were opened, and nothing stands between tags that is no entity.
    fn is_well_formed(svg: &str) -> bool {
        let mut open = Vec::new();
        for part in svg.split('<').skip(1) {
            let Some((tag, text)) = part.split_once('>') else { return false };
            let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or("");
            if tag.starts_with('/') {
                if open.pop() != Some(name) {
                    return false;
                }
            } else if !tag.ends_with('/') {
                open.push(name);
            }
            let bare = text
                .match_indices('&')
                .any(|(i, _)| !["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|e| text[i..].starts_with(e)));
            if bare || text.chars().any(|c| c < ' ' && c != '\n') {
                return false;
            }
        }
        open.is_empty()
    }

    #[test]
    fn every_kind_of_chart_is_a_drawing() {
        let lines = |_| Marks::Lines(vec![vec![[1.0, 2.0], [3.0, 4.0]], vec![]]);
        for (drawn, blocks) in [
            (svg(&chart(Marks::Columns), 640.0, 360.0, &palette()), 3),
            (svg(&chart(Marks::Ranked), 640.0, 360.0, &palette()), 3),
            (svg(&chart(Marks::Tiles), 640.0, 360.0, &palette()), 2),
            (svg(&chart(lines), 640.0, 360.0, &palette()), 0),
        ] {
            assert!(is_well_formed(&drawn), "{drawn}");
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
            // Besides ground and legend, each block is a rectangle.
            assert_eq!(drawn.matches("<rect").count(), 3 + blocks, "{drawn}");
            assert!(drawn.contains("A &amp; B"));
        }
        assert!(!is_well_formed("<svg><rect></svg>"), "the check finds a tag that is left open");
        assert!(!is_well_formed("<svg>a & b</svg>"));
    }

    #[test]
    fn longer_bars_are_wider() {
        let drawn = svg(&chart(Marks::Ranked), 640.0, 360.0, &palette());
        let width = |title: &str| {
            let line = drawn.lines().find(|line| line.contains("fill=\"#b0b0e8\"") && line.contains(title)).unwrap();
            let from = line.find("width=\"").unwrap() + 7;
            line[from..].split('"').next().unwrap().parse::<f64>().unwrap()
        };
        assert!((width("wool") / width("&lt;b&gt;") - 2.0).abs() < 0.01);
    }
}
