//! The layout of the grid: cells in [`ScrollRows`].

pub use super::scroll::GAP;
use super::scroll::ScrollRows;

/// Height of the caption strip below a picture: two lines of small text.
pub const CAPTION_HEIGHT: f64 = 36.0;
/// Smallest and largest picture side, points.
pub const CELL_RANGE: (f32, f32) = (64.0, 512.0);

/// Where cells stand for one width, zoom and number of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridLayout {
    /// Cells a row, at least 1.
    pub columns: usize,
    /// Samples in all.
    pub len: usize,
    /// Picture side in points: the zoom, stretched so that the row fills the width.
    pub side: f64,
    /// The rows.
    pub rows: ScrollRows,
}

impl GridLayout {
    /// Lays `len` cells of about `zoom` points out in a viewport of `width` x `height` points.
    #[must_use]
    pub fn new(len: usize, width: f64, height: f64, zoom: f64, captions: bool) -> Self {
        let columns = (((width - GAP) / (zoom + GAP)).floor() as usize).max(1);
        let side = ((width - GAP) / columns as f64 - GAP).max(16.0);
        let rows = len.div_ceil(columns);
        let row_height = side + GAP + if captions { CAPTION_HEIGHT } else { 0.0 };
        Self { columns, len, side, rows: ScrollRows { rows, row_height, viewport: height } }
    }

    /// The positions (in sort order) of the cells that are at least partly visible.
    #[must_use]
    pub fn visible(&self, scroll: f64) -> std::ops::Range<usize> {
        let rows = self.rows.visible(scroll);
        (rows.start * self.columns).min(self.len)..(rows.end * self.columns).min(self.len)
    }

    /// Left and top of a cell relative to the viewport, points. Subtracting in `f64` before rounding to
    /// `f32` keeps far rows exact.
    #[must_use]
    pub fn cell(&self, position: usize, scroll: f64) -> (f32, f32) {
        let (row, column) = (position / self.columns, position % self.columns);
        let x = GAP + column as f64 * (self.side + GAP);
        (x as f32, self.rows.top(row, scroll))
    }

    /// The cell at a point relative to the viewport, if one is there.
    #[must_use]
    pub fn at(&self, x: f64, y: f64, scroll: f64) -> Option<usize> {
        let column = ((x - GAP / 2.0) / (self.side + GAP)).floor();
        let row = ((y + scroll - GAP / 2.0) / self.rows.row_height).floor();
        if column < 0.0 || row < 0.0 || column as usize >= self.columns {
            return None;
        }
        let position = row as usize * self.columns + column as usize;
        (position < self.len).then_some(position)
    }

    /// The positions whose cells meet a rectangle given in content coordinates (viewport + scroll).
    #[must_use]
    pub fn within(&self, left: f64, top: f64, right: f64, bottom: f64) -> Vec<usize> {
        let clamp_row = |y: f64| ((y - GAP) / self.rows.row_height).floor().max(0.0) as usize;
        let clamp_column = |x: f64| (((x - GAP) / (self.side + GAP)).floor().max(0.0) as usize).min(self.columns - 1);
        let mut found = Vec::new();
        for row in clamp_row(top)..=clamp_row(bottom).min(self.rows.rows.saturating_sub(1)) {
            for column in clamp_column(left)..=clamp_column(right) {
                let position = row * self.columns + column;
                if position < self.len {
                    found.push(position);
                }
            }
        }
        found
    }

    /// The scroll offset nearest to `scroll` at which the cell is wholly visible.
    #[must_use]
    pub fn reveal(&self, position: usize, scroll: f64) -> f64 {
        self.rows.reveal(position / self.columns, scroll)
    }
}

/// Where the focus goes from `position` by `right` cells and `down` rows, in a grid of `len` samples in rows of
/// `columns`: it stays inside; up from the first row stays in its column.
#[must_use]
pub fn step(position: usize, right: i64, down: i64, columns: usize, len: usize) -> usize {
    let columns = columns.max(1);
    let target = (position as i64).saturating_add(right).saturating_add(down.saturating_mul(columns as i64));
    match usize::try_from(target) {
        Ok(target) => target.min(len.saturating_sub(1)),
        Err(_) if down < 0 => position % columns,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_the_width() {
        for (width, zoom, columns) in [(800.0, 160.0, 4), (640.0, 160.0, 3), (100.0, 512.0, 1), (10.0, 64.0, 1)] {
            let layout = GridLayout::new(100, width, 600.0, zoom, true);
            assert_eq!(layout.columns, columns, "{width} {zoom}");
            if width > 100.0 {
                let used = GAP + layout.columns as f64 * (layout.side + GAP);
                assert!((used - width).abs() < 1e-9, "{used} of {width}");
            }
        }
    }

    #[test]
    fn a_far_row_stands_still() {
        let layout = GridLayout::new(15_000_000, 803.0, 600.0, 160.0, true);
        let scroll = layout.rows.max_scroll() - 1234.5;
        let first = layout.visible(scroll).start;
        let (_, a) = layout.cell(first, scroll);
        let (_, b) = layout.cell(first, scroll + 0.25);
        assert!((a - b - 0.25).abs() < 1e-3, "moved by {}", a - b);
    }

    #[test]
    fn finds_what_it_lays_out() {
        let layout = GridLayout::new(1000, 700.0, 500.0, 100.0, false);
        for scroll in [0.0, 333.3, layout.rows.max_scroll()] {
            for position in layout.visible(scroll) {
                let (x, y) = layout.cell(position, scroll);
                let middle = (f64::from(x) + layout.side / 2.0, f64::from(y) + layout.side / 2.0);
                assert_eq!(layout.at(middle.0, middle.1, scroll), Some(position));
            }
        }
        assert_eq!(layout.visible(layout.rows.max_scroll()).end, 1000);
        assert_eq!(GridLayout::new(0, 700.0, 500.0, 100.0, false).visible(0.0), 0..0);
    }

    #[test]
    fn arrows_stay_inside() {
        let layout = GridLayout::new(10, 4.0 * 108.0 + 8.0, 500.0, 100.0, false);
        assert_eq!(layout.columns, 4);
        for (from, columns, rows, to) in
            [(0, -1, 0, 0), (0, 1, 0, 1), (1, 0, -1, 1), (5, 0, -1, 1), (5, 0, 1, 9), (8, 0, 1, 9), (9, 1, 0, 9)]
        {
            assert_eq!(step(from, columns, rows, layout.columns, layout.len), to, "{from} {columns} {rows}");
        }
        let all = i64::from(u32::MAX);
        assert_eq!((step(7, -all, 0, 4, 10), step(7, all, 0, 4, 10)), (0, 9), "Home and End");
    }

    #[test]
    fn reveals_with_the_least_movement() {
        let layout = GridLayout::new(1000, 440.0, 500.0, 100.0, false);
        assert_eq!(layout.reveal(0, 0.0), 0.0);
        let scroll = layout.reveal(100, 0.0);
        let (_, y) = layout.cell(100, scroll);
        assert!(y >= 0.0 && f64::from(y) + layout.side <= 500.0);
        assert_eq!(layout.reveal(100, scroll), scroll);
    }
}
