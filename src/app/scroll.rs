//! Where rows of one height stand: pure arithmetic in `f64`, so that row 5,000,000 stands as still as row 5
//! (`f32` pixel positions jump by 4 px there).

/// Space between cells and around them, points.
pub const GAP: f64 = 8.0;

/// Rows of one height in a viewport.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScrollRows {
    /// Rows in all.
    pub rows: usize,
    /// Height of a row, its gap included, points.
    pub row_height: f64,
    /// Height of the viewport, points.
    pub viewport: f64,
}

impl ScrollRows {
    /// Height of everything, points.
    #[must_use]
    pub fn content_height(&self) -> f64 {
        self.rows as f64 * self.row_height + GAP
    }

    /// The largest scroll offset.
    #[must_use]
    pub fn max_scroll(&self) -> f64 {
        (self.content_height() - self.viewport).max(0.0)
    }

    /// Rows that are at least partly seen.
    #[must_use]
    pub fn visible(&self, scroll: f64) -> std::ops::Range<usize> {
        let first = ((scroll - GAP) / self.row_height).floor().max(0.0) as usize;
        let last = ((scroll + self.viewport - GAP) / self.row_height).ceil().max(0.0) as usize;
        first.min(self.rows)..last.min(self.rows)
    }

    /// Top of a row relative to the viewport.
    #[must_use]
    pub fn top(&self, row: usize, scroll: f64) -> f32 {
        (GAP + row as f64 * self.row_height - scroll) as f32
    }

    /// The offset nearest to `scroll` at which a row is wholly seen.
    #[must_use]
    pub fn reveal(&self, row: usize, scroll: f64) -> f64 {
        let top = row as f64 * self.row_height;
        let bottom = top + self.row_height + GAP;
        let offset = if top < scroll {
            top
        } else if bottom > scroll + self.viewport {
            bottom - self.viewport
        } else {
            scroll
        };
        offset.clamp(0.0, self.max_scroll())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: usize, viewport: f64) -> ScrollRows {
        ScrollRows { rows, row_height: 142.0, viewport }
    }

    #[test]
    fn only_what_is_seen_is_laid_out() {
        let layout = rows(1_000_000, 400.0);
        assert_eq!(layout.visible(0.0), 0..3);
        assert_eq!(layout.top(0, 0.0), 8.0);
        let end = layout.max_scroll();
        assert_eq!(layout.visible(end).end, 1_000_000);
        assert!((layout.top(999_999, end) + 142.0 - 400.0).abs() < 1e-3, "the last row ends at the edge");
        assert_eq!(rows(0, 400.0).visible(0.0), 0..0);
        assert_eq!(rows(2, 4000.0).visible(0.0), 0..2);
    }

    #[test]
    fn a_row_is_brought_into_view_by_the_shortest_way() {
        let layout = rows(100, 400.0);
        assert_eq!(layout.reveal(1, 0.0), 0.0);
        assert_eq!(layout.reveal(0, 900.0), 0.0);
        let scroll = layout.reveal(50, 0.0);
        assert!((layout.top(50, scroll) + layout.row_height as f32 - 400.0).abs() < 1e-3);
        assert_eq!(layout.reveal(99, 0.0), layout.max_scroll());
    }
}
