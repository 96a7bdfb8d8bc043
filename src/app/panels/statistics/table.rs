//! A table that sorts, filters and is copied: rows of cells, each row with what a click on it filters to.

use std::cmp::Ordering;

use crate::app::chips::Facet;
use crate::app::panels::text;
use crate::catalog::filter::Expr;

/// What a click on a word, an n-gram, a bar or a leaf filters to.
#[derive(Clone, Debug, PartialEq)]
pub struct Pick {
    /// Which facet it sets.
    pub facet: Facet,
    /// The condition.
    pub expr: Expr,
}

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number of things.
    Count(u64),
    /// A share, `0.0..=1.0`.
    Share(f64),
    /// Any other number, with two decimals on the screen.
    Number(f64),
    /// Log-odds (natural logarithm) with their z-score: drawn as a bar from the middle.
    Lift {
        /// Above 0 where the item marks the first side.
        log_odds: f64,
        /// Log-odds over their standard deviation.
        z: f64,
    },
    /// A figure from a paper: drawn faint, said as it is printed there.
    Paper(String),
    /// Nothing is known.
    None,
}

impl Cell {
    /// As the screen shows it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) | Self::Paper(text) => text.clone(),
            Self::Count(n) => text::count(*n),
            Self::Share(share) => percent(*share),
            Self::Number(number) => format!("{number:.2}"),
            Self::Lift { log_odds, .. } => format!("{log_odds:+.2}"),
            Self::None => "–".to_owned(),
        }
    }

    /// As a spreadsheet reads it: no separators, all digits.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) | Self::Paper(text) => text.clone(),
            Self::Count(n) => n.to_string(),
            Self::Share(number) | Self::Number(number) | Self::Lift { log_odds: number, .. } => number.to_string(),
            Self::None => String::new(),
        }
    }

    fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) | Self::Paper(text) => text.clone().into(),
            Self::Count(n) => (*n).into(),
            Self::Share(number) | Self::Number(number) => (*number).into(),
            Self::Lift { log_odds, z } => serde_json::json!({ "log_odds": log_odds, "z": z }),
            Self::None => serde_json::Value::Null,
        }
    }

    /// What it is sorted by. Lift sorts by its z-score, so that rare words do not come first.
    fn number(&self) -> Option<f64> {
        match self {
            Self::Count(n) => Some(*n as f64),
            Self::Share(number) | Self::Number(number) | Self::Lift { z: number, .. } => Some(*number),
            Self::Text(_) | Self::Paper(_) | Self::None => None,
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            // What is not known stands below everything.
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (None, None) => self.plain().cmp(&other.plain()),
        }
    }
}

/// `12.3 %`, with more digits where the share is small.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        p if p < 0.1 => format!("{p:.3} %"),
        p if p < 10.0 => format!("{p:.2} %"),
        p => format!("{p:.1} %"),
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRow {
    /// One cell a column.
    pub cells: Vec<Cell>,
    /// What a click filters to.
    pub pick: Option<Pick>,
}

/// Columns and rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it shows; part of the name of an exported file.
    pub title: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows in their own order.
    pub rows: Vec<TableRow>,
}

impl Table {
    /// The places of the rows that hold `find` (ignoring case) in any text cell, sorted by a column; `None` is the table's
    /// own order. Ties keep that order.
    #[must_use]
    pub fn view(&self, find: &str, sort: Option<(usize, bool)>) -> Vec<usize> {
        let needle = find.trim().to_lowercase();
        let holds = |row: &TableRow| {
            row.cells.iter().any(|cell| matches!(cell, Cell::Text(text) if text.to_lowercase().contains(&needle)))
        };
        let mut view: Vec<usize> =
            (0..self.rows.len()).filter(|&i| needle.is_empty() || holds(&self.rows[i])).collect();
        if let Some((column, descending)) = sort.filter(|(column, _)| *column < self.columns.len()) {
            view.sort_by(|&a, &b| {
                let order = self.rows[a].cells[column].order(&self.rows[b].cells[column]);
                if descending { order.reverse() } else { order }
            });
        }
        view
    }

    /// The rows of a view as tab-separated values with a head line, for the clipboard.
    #[must_use]
    pub fn tsv(&self, view: &[usize]) -> String {
        let clean = |text: &str| text.replace(['\t', '\n', '\r'], " ");
        self.lines(view, "\t", clean)
    }

    /// The rows of a view as CSV (RFC 4180, lines end in LF).
    #[must_use]
    pub fn csv(&self, view: &[usize]) -> String {
        let quote = |text: &str| {
            if text.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.to_owned()
            }
        };
        self.lines(view, ",", quote)
    }

    fn lines(&self, view: &[usize], separator: &str, write: impl Fn(&str) -> String) -> String {
        let head: Vec<String> = self.columns.iter().map(|name| write(name)).collect();
        let mut out = head.join(separator);
        out.push('\n');
        for &row in view {
            let cells: Vec<String> = self.rows[row].cells.iter().map(|cell| write(&cell.plain())).collect();
            out.push_str(&cells.join(separator));
            out.push('\n');
        }
        out
    }

    /// The rows of a view as a JSON array of objects.
    #[must_use]
    pub fn json(&self, view: &[usize]) -> String {
        let rows: Vec<serde_json::Value> = view
            .iter()
            .map(|&row| {
                let cells = self.columns.iter().zip(&self.rows[row].cells);
                serde_json::Value::Object(cells.map(|(name, cell)| (name.clone(), cell.json())).collect())
            })
            .collect();
        let mut out = serde_json::to_string_pretty(&rows).unwrap_or_default();
        out.push('\n');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = |word: &str, count, log_odds, z| TableRow {
            cells: vec![Cell::Text(word.to_owned()), Cell::Count(count), Cell::Lift { log_odds, z }],
            pick: None,
        };
        Table {
            title: "Words".to_owned(),
            columns: vec!["word".to_owned(), "count".to_owned(), "lift".to_owned()],
            rows: vec![row("wool, red", 9, 0.5, 8.0), row("Silk", 10, 2.0, 1.0), row("a \"b\"", 2, -1.0, -3.0)],
        }
    }

    #[test]
    fn sorts_and_finds() {
        let check =
            |find: &str, sort, expect: &[usize]| assert_eq!(table().view(find, sort), expect, "{find} {sort:?}");
        check("", None, &[0, 1, 2]);
        check("SILK", None, &[1]);
        check("", Some((1, false)), &[2, 0, 1]);
        check("", Some((1, true)), &[1, 0, 2]);
        check("", Some((2, true)), &[0, 1, 2]); // by z, not by log-odds
        check("", Some((9, true)), &[0, 1, 2]); // a column that is gone
        check("nothing", None, &[]);
    }

    #[test]
    fn is_written_for_other_programs() {
        let table = table();
        let view = table.view("", None);
        assert_eq!(table.tsv(&view[..1]), "word\tcount\tlift\nwool, red\t9\t0.5\n");
        assert_eq!(table.csv(&view), "word,count,lift\n\"wool, red\",9,0.5\nSilk,10,2\n\"a \"\"b\"\"\",2,-1\n");
        let json: serde_json::Value = serde_json::from_str(&table.json(&[1])).unwrap();
        assert_eq!(json, serde_json::json!([{ "word": "Silk", "count": 10, "lift": { "log_odds": 2.0, "z": 1.0 } }]));
    }

    #[test]
    fn shares_are_readable() {
        for (share, text) in
            [(0.0, "0 %"), (0.00012, "0.012 %"), (0.0123, "1.23 %"), (0.1623, "16.2 %"), (1.0, "100.0 %")]
        {
            assert_eq!(percent(share), text);
        }
    }
}
