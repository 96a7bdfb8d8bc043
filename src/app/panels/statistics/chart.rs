//! Charts as data: what the window paints and what is written as SVG come from the same rectangles, lines and ticks.
//!
//! A chart is laid out in *scaled* coordinates: on a logarithmic axis these are decimal logarithms, so that a painter that
//! knows only linear axes draws it right.

use super::table::{Pick, percent};
use super::treemap;
use crate::app::panels::text;

/// One axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// Logarithmic.
    pub log: bool,
    /// Values are shares of one.
    pub share: bool,
}

impl Axis {
    /// A linear axis.
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// The place of a value on the axis; `None` where a logarithmic axis has no place for it.
    #[must_use]
    pub fn place(&self, value: f64) -> Option<f64> {
        if !self.log {
            Some(value)
        } else if value > 0.0 {
            Some(value.log10())
        } else {
            None
        }
    }

    /// A value as the axis says it.
    #[must_use]
    pub fn say(&self, value: f64) -> String {
        if self.share {
            percent(value)
        } else if value.abs() >= 1e6 {
            let (value, unit) = if value.abs() >= 1e9 { (value / 1e9, "G") } else { (value / 1e6, "M") };
            format!("{} {unit}", trim(value))
        } else if value >= 0.0 && value.fract() == 0.0 {
            text::count(value as u64)
        } else {
            trim(value)
        }
    }

    /// Ticks between two places, at round values.
    #[must_use]
    pub fn ticks(&self, from: f64, to: f64, most: usize) -> Vec<Tick> {
        if to <= from || !from.is_finite() || !to.is_finite() {
            return Vec::new();
        }
        let most = most.max(2) as f64;
        let step = if self.log { ((to - from) / most).ceil().max(1.0) } else { round_step((to - from) / most) };
        let slack = step * 1e-9;
        let (first, last) = (((from - slack) / step).ceil() as i64, ((to + slack) / step).floor() as i64);
        (first..=last)
            .map(|i| {
                let at = i as f64 * step;
                Tick { at, label: self.say(if self.log { 10_f64.powf(at) } else { at }) }
            })
            .collect()
    }
}

fn trim(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let lead = step / power;
    power
        * if lead <= 1.0 {
            1.0
        } else if lead <= 2.0 {
            2.0
        } else if lead <= 5.0 {
            5.0
        } else {
            10.0
        }
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where, in scaled coordinates.
    pub at: f64,
    /// What stands there.
    pub label: String,
}

/// A category or a bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What it is called.
    pub label: String,
    /// The bin on the x axis, for [`Marks::Columns`].
    pub span: [f64; 2],
    /// One value a series.
    pub values: Vec<f64>,
    /// What a click filters to.
    pub pick: Option<Pick>,
}

/// What a chart draws.
#[derive(Clone, Debug, PartialEq)]
pub enum Marks {
    /// Horizontal bars from the top, the series side by side; the y axis is the list of names.
    Ranked(Vec<Bar>),
    /// Vertical bars over bins of the x axis, the first series before the last.
    Columns(Vec<Bar>),
    /// One line of points a series.
    Lines(Vec<Vec<[f64; 2]>>),
    /// Areas by the value of the last series.
    Tiles(Vec<Bar>),
}

/// A chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it shows; part of the name of an exported file.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Names of the series.
    pub series: Vec<String>,
    /// The first series is a part of the last: columns stand inside each other, not side by side.
    pub nested: bool,
    /// What is drawn.
    pub marks: Marks,
}

/// A rectangle of a bar, scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// Which series.
    pub series: usize,
    /// Which bar.
    pub bar: usize,
    /// Left and right.
    pub x: [f64; 2],
    /// Bottom and top.
    pub y: [f64; 2],
}

impl Chart {
    /// True where there is nothing to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_nothing = |bar: &Bar| bar.values.iter().all(|value| *value <= 0.0);
        if let Marks::Lines(lines) = &self.marks {
            lines.iter().all(Vec::is_empty)
        } else {
            self.bars().iter().all(is_nothing)
        }
    }

    /// The bars, where the chart has any.
    #[must_use]
    pub fn bars(&self) -> &[Bar] {
        match &self.marks {
            Marks::Ranked(bars) | Marks::Columns(bars) | Marks::Tiles(bars) => bars,
            Marks::Lines(_) => &[],
        }
    }

    /// The axis of the values of bars.
    fn value_axis(&self) -> &Axis {
        if matches!(self.marks, Marks::Ranked(_)) { &self.x } else { &self.y }
    }

    /// Where bars stand: 0, or on a logarithmic axis a little below the least value.
    fn floor(&self) -> f64 {
        if !self.value_axis().log {
            return 0.0;
        }
        let values = self.bars().iter().flat_map(|bar| &bar.values).copied().filter(|value| *value > 0.0);
        let least = values.fold(f64::INFINITY, f64::min);
        if least.is_finite() {
            least.log10().floor() - if least.log10().fract() == 0.0 { 0.3 } else { 0.0 }
        } else {
            0.0
        }
    }

    /// The rectangles of bars, those of one bar in the order of painting.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let floor = self.floor();
        let series = self.series.len().max(1);
        let mut blocks = Vec::new();
        for (i, bar) in self.bars().iter().enumerate() {
            // The whole stands behind the selection: last series first.
            for (s, &value) in bar.values.iter().enumerate().rev() {
                let Some(end) = self.value_axis().place(value).filter(|_| value > 0.0) else { continue };
                match self.marks {
                    Marks::Ranked(_) => {
                        let thickness = 0.78 / series as f64;
                        let top = -(i as f64) - 0.11 - thickness * s as f64;
                        blocks.push(Block { series: s, bar: i, x: [floor, end], y: [top - thickness, top] });
                    }
                    Marks::Columns(_) => {
                        let [Some(left), Some(right)] = bar.span.map(|edge| self.x.place(edge)) else { continue };
                        let width = right - left;
                        let x = if self.nested || series == 1 {
                            let inset = width * if s + 1 < series { 0.25 } else { 0.06 };
                            [left + inset, right - inset]
                        } else {
                            let one = width * 0.88 / series as f64;
                            let from = left + width * 0.06 + one * s as f64;
                            [from, from + one]
                        };
                        blocks.push(Block { series: s, bar: i, x, y: [floor, end] });
                    }
                    Marks::Tiles(_) | Marks::Lines(_) => {}
                }
            }
        }
        blocks
    }

    /// The lines, scaled; points that a logarithmic axis has no place for are left out.
    #[must_use]
    pub fn lines(&self) -> Vec<Vec<[f64; 2]>> {
        let Marks::Lines(lines) = &self.marks else { return Vec::new() };
        let place = |&[x, y]: &[f64; 2]| Some([self.x.place(x)?, self.y.place(y)?]);
        lines.iter().map(|line| line.iter().filter_map(place).collect()).collect()
    }

    /// Tiles of a treemap in an area of this size, one a bar.
    #[must_use]
    pub fn tiles(&self, width: f64, height: f64) -> Vec<treemap::Tile> {
        let values: Vec<f64> = self.bars().iter().map(|bar| bar.values.last().copied().unwrap_or(0.0)).collect();
        treemap::squarify(&values, width, height)
    }

    /// `[[left, right], [bottom, top]]` of everything, scaled, with a little room.
    #[must_use]
    pub fn bounds(&self) -> [[f64; 2]; 2] {
        let mut bounds = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
        let mut grow = |axis: usize, value: f64| {
            bounds[axis] = [bounds[axis][0].min(value), bounds[axis][1].max(value)];
        };
        for block in self.blocks() {
            block.x.into_iter().for_each(|x| grow(0, x));
            block.y.into_iter().for_each(|y| grow(1, y));
        }
        if let Marks::Columns(bars) = &self.marks {
            // Columns of nothing are not drawn, and have their place at the end all the same.
            if let Some(end) = bars.last().and_then(|bar| self.x.place(bar.span[1])) {
                grow(0, end);
            }
        }
        for [x, y] in self.lines().into_iter().flatten() {
            grow(0, x);
            grow(1, y);
        }
        for bounds in &mut bounds {
            if bounds[0] > bounds[1] {
                *bounds = [0.0, 1.0];
            } else if bounds[0] == bounds[1] {
                bounds[1] += 1.0;
            }
        }
        let room = |[from, to]: [f64; 2]| (to - from) * 0.04;
        match &self.marks {
            Marks::Ranked(bars) => {
                bounds[0][1] += room(bounds[0]);
                bounds[1] = [-(bars.len().max(1) as f64), 0.0];
            }
            Marks::Columns(_) => bounds[1][1] += room(bounds[1]),
            Marks::Lines(_) => {
                for bounds in &mut bounds {
                    let room = room(*bounds);
                    *bounds = [bounds[0] - room, bounds[1] + room];
                }
            }
            Marks::Tiles(_) => {}
        }
        bounds
    }

    /// Ticks of the x axis.
    #[must_use]
    pub fn x_ticks(&self, most: usize) -> Vec<Tick> {
        let [from, to] = self.bounds()[0];
        self.x.ticks(from, to, most)
    }

    /// Ticks of the y axis: the names of the bars where they are a list.
    #[must_use]
    pub fn y_ticks(&self, most: usize) -> Vec<Tick> {
        if let Marks::Ranked(bars) = &self.marks {
            let name = |(i, bar): (usize, &Bar)| Tick { at: -(i as f64) - 0.5, label: bar.label.clone() };
            return bars.iter().enumerate().map(name).collect();
        }
        let [from, to] = self.bounds()[1];
        self.y.ticks(from, to, most)
    }

    /// The bar at a scaled place, whether the pointer is on its rectangle or beside it in its row or bin.
    #[must_use]
    pub fn bar_at(&self, x: f64, y: f64) -> Option<usize> {
        match &self.marks {
            Marks::Ranked(bars) => {
                let row = (-y).floor();
                (row >= 0.0 && (row as usize) < bars.len()).then_some(row as usize)
            }
            Marks::Columns(bars) => {
                let value = if self.x.log { 10_f64.powf(x) } else { x };
                bars.iter().position(|bar| bar.span[0] <= value && value < bar.span[1])
            }
            Marks::Lines(_) | Marks::Tiles(_) => None,
        }
    }

    /// A bar in words: its name and the value of each series.
    #[must_use]
    pub fn say(&self, bar: &Bar) -> String {
        let mut out = bar.label.clone();
        for (name, value) in self.series.iter().zip(&bar.values) {
            out.push('\n');
            if self.series.len() > 1 {
                out.push_str(name);
                out.push_str(": ");
            }
            out.push_str(&self.value_axis().say(*value));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn columns(log: bool) -> Chart {
        let bar = |span, values: &[f64]| Bar { label: format!("{span:?}"), span, values: values.to_vec(), pick: None };
        Chart {
            title: "Words a caption".to_owned(),
            x: Axis { log, ..Axis::new("words") },
            y: Axis::new("captions"),
            series: vec!["selection".to_owned(), "whole".to_owned()],
            nested: true,
            marks: Marks::Columns(vec![
                bar([0.0, 1.0], &[1.0, 2.0]),
                bar([1.0, 2.0], &[0.0, 4.0]),
                bar([2.0, 4.0], &[3.0, 8.0]),
            ]),
        }
    }

    #[test]
    fn ticks_stand_at_round_values() {
        let check = |log, from: f64, to: f64, expect: &[&str]| {
            let axis = Axis { log, ..Axis::new("") };
            let labels: Vec<String> = axis.ticks(from, to, 5).into_iter().map(|tick| tick.label).collect();
            assert_eq!(labels, expect, "{from} to {to}");
        };
        check(false, 0.0, 10.0, &["0", "2", "4", "6", "8", "10"]);
        check(false, 0.0, 0.7, &["0", "0.2", "0.4", "0.6"]);
        check(false, 0.0, 4_100_000.0, &["0", "1 M", "2 M", "3 M", "4 M"]);
        check(true, -0.2, 3.1, &["1", "10", "100", "1,000"]);
        check(false, 1.0, 1.0, &[]);
        check(false, 0.0, f64::NAN, &[]);
        let share = Axis { share: true, ..Axis::new("") };
        assert_eq!(share.ticks(0.0, 0.2, 2)[1].label, "10.0 %");
    }

    #[test]
    fn columns_stand_over_their_bins() {
        let chart = columns(false);
        let blocks = chart.blocks();
        assert_eq!(blocks.len(), 5, "a value of 0 has no block");
        assert_eq!((blocks[0].series, blocks[0].y), (1, [0.0, 2.0]), "the whole is painted first");
        assert!(blocks[1].x[0] > blocks[0].x[0] && blocks[1].x[1] < blocks[0].x[1], "the selection stands inside it");
        assert_eq!(chart.bar_at(2.5, 100.0), Some(2));
        let beside = Chart { nested: false, ..chart }.blocks();
        assert!(beside[1].x[1] <= beside[0].x[0], "two that are no part of each other stand side by side");
        let chart = columns(false);
        assert_eq!(chart.bar_at(4.0, 0.0), None);
        // A logarithmic axis has no place for the bin at 0.
        let chart = columns(true);
        assert!(chart.blocks().iter().all(|block| block.bar > 0));
        assert_eq!(chart.bar_at(0.4, 1.0), Some(2));
        assert_eq!(chart.bounds()[0][0], 0.06 * 2_f64.log10());
    }

    #[test]
    fn ranks_go_down_from_the_top() {
        let mut chart = columns(false);
        let Marks::Columns(bars) = chart.marks else { unreachable!() };
        chart.marks = Marks::Ranked(bars);
        (chart.x, chart.y) = (Axis { log: true, ..Axis::new("count") }, Axis::new("word"));
        let blocks = chart.blocks();
        assert!(blocks.iter().all(|block| block.x[0] < block.x[1]), "a bar of the least value is seen: {blocks:?}");
        assert!(blocks[0].y[1] > blocks.last().unwrap().y[1]);
        assert_eq!(chart.bar_at(0.0, -1.5), Some(1));
        assert_eq!(chart.bar_at(0.0, 0.5), None);
        assert_eq!(chart.bar_at(0.0, -3.5), None);
        assert_eq!(chart.y_ticks(3).len(), 3);
        assert_eq!(chart.say(&chart.bars()[0]), "[0.0, 1.0]\nselection: 1\nwhole: 2");
    }

    #[test]
    fn lines_leave_out_what_has_no_place() {
        let chart = Chart {
            marks: Marks::Lines(vec![vec![[0.0, 1.0], [10.0, 100.0]], Vec::new()]),
            x: Axis { log: true, ..Axis::default() },
            y: Axis { log: true, ..Axis::default() },
            ..columns(false)
        };
        assert_eq!(chart.lines(), [vec![[1.0, 2.0]], Vec::new()]);
        assert!(!chart.is_empty());
        let [[left, right], [bottom, top]] = chart.bounds();
        assert!(left < right && bottom < top, "one point has room around it");
    }
}
