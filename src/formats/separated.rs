//! Separated values (CSV): records out of a stream, by the rules of RFC 4180 as programs really follow them.
//!
//! A field is quoted if it begins with a quote; a doubled quote in it is one quote, and what follows its closing quote is
//! taken as it stands. Records end at a line feed, a carriage return or both; blank lines are none. The `csv` crate does the same,
//! except for what this module is there for: a quote that is never closed would swallow the rest of the file. It is
//! noticed at the end of the file or after [`MAX_QUOTED`] bytes, and reading goes on behind its line if the lines there look like records.

use std::borrow::Cow;
use std::io::{self, BufRead};

/// Longest record with an open quote, in bytes.
const MAX_QUOTED: usize = 16 << 20;

/// Longest record at all, in bytes.
const MAX_RECORD: usize = 64 << 20;

/// Lines behind an open quote that are looked at, and how many of them there must be at least for reading to go on there.
const LOOK_AHEAD: usize = 20;
const LEAST_LINES: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a field.
    Start,
    Plain,
    Quoted,
    /// Behind a quote within a quoted field.
    Closing,
}

/// What stands next in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row<'a> {
    /// The fields of the record that starts in `line` (from 1).
    Fields {
        line: u64,
        fields: Vec<Cow<'a, [u8]>>,
    },
    /// A quote that opens in `line` is never closed. `goes_on`: the lines behind it are read.
    Unclosed {
        line: u64,
        goes_on: bool,
    },
    /// The record that starts in `line` is too long and is left out.
    TooLong {
        line: u64,
    },
    End,
}

/// Reads records.
pub(super) struct Records<R> {
    stream: R,
    separator: u8,
    max_quoted: usize,
    buffer: Vec<u8>,
    /// Where in the buffer the next record starts, and its line.
    at: usize,
    line: u64,
    ended: bool,
    /// Fields of the first record.
    width: usize,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(stream: R, separator: u8) -> Self {
        Self { stream, separator, max_quoted: MAX_QUOTED, buffer: Vec::new(), at: 0, line: 1, ended: false, width: 0 }
    }

    /// Reads more; false at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        let read = loop {
            match self.stream.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        let count = read.len();
        self.buffer.extend_from_slice(read);
        self.stream.consume(count);
        self.ended = count == 0;
        Ok(count > 0)
    }

    /// The line that the next record starts in.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next record.
    pub(super) fn next(&mut self) -> io::Result<Row<'_>> {
        // Blank lines.
        loop {
            match self.buffer.get(self.at).copied() {
                Some(b'\n') => (self.at, self.line) = (self.at + 1, self.line + 1),
                Some(b'\r') => self.at += 1,
                Some(_) => break,
                None if self.ended || !self.fill()? => return Ok(Row::End),
                None => {}
            }
        }
        // Places are counted from the record's start, which moves when more is read.
        let (mut place, mut state, mut opened) = (0, State::Start, 0);
        let mut ends = Vec::with_capacity(self.width);
        let length = loop {
            let rest = &self.buffer[self.at + place..];
            if rest.is_empty() {
                if !self.ended && place < MAX_RECORD && !(state == State::Quoted && place > self.max_quoted) {
                    self.fill()?;
                    continue;
                }
                if state == State::Quoted {
                    return Ok(self.unclosed(opened));
                }
                if !self.ended {
                    return self.too_long();
                }
                break place;
            }
            match (state, rest[0]) {
                (State::Start, b'"') => {
                    opened = place;
                    state = State::Quoted;
                    place += 1;
                }
                (State::Quoted, _) => match memchr::memchr(b'"', rest) {
                    Some(quote) => {
                        state = State::Closing;
                        place += quote + 1;
                    }
                    None => place += rest.len(),
                },
                (State::Closing, b'"') => {
                    state = State::Quoted;
                    place += 1;
                }
                _ => match memchr::memchr3(self.separator, b'\n', b'\r', rest) {
                    Some(end) if rest[end] == self.separator => {
                        ends.push(place + end);
                        state = State::Start;
                        place += end + 1;
                    }
                    Some(end) => break place + end,
                    None => {
                        state = State::Plain;
                        place += rest.len();
                    }
                },
            }
        };
        ends.push(length);
        if self.width == 0 {
            self.width = ends.len();
        }
        let line = self.line;
        let record = &self.buffer[self.at..self.at + length];
        self.at += length;
        self.line += memchr::memchr_iter(b'\n', record).count() as u64;
        let mut start = 0;
        let fields = ends.into_iter().map(|end| {
            let field = &record[start..end];
            start = end + 1;
            unquoted(field)
        });
        Ok(Row::Fields { line, fields: fields.collect() })
    }

    /// Gives up on a record with a quote that opens at `opened` and does not close.
    fn unclosed(&mut self, opened: usize) -> Row<'static> {
        let line = self.line + memchr::memchr_iter(b'\n', &self.buffer[self.at..self.at + opened]).count() as u64;
        let rest = &self.buffer[self.at + opened..];
        let next = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        // The last line may have been read in part.
        let mut lines = rest[next..].split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let (mut like_records, mut others) = (0, 0);
        for line in lines.by_ref().take(LOOK_AHEAD) {
            let count = memchr::memchr_iter(self.separator, line).count() + 1;
            // Separators within quotes make more of them.
            let fits = count == self.width || (count > self.width && line.contains(&b'"'));
            *(if fits { &mut like_records } else { &mut others }) += 1;
        }
        let goes_on = like_records >= LEAST_LINES && others == 0;
        if goes_on {
            self.at += opened + next;
            self.line = line + 1;
        } else {
            self.at = self.buffer.len();
            self.ended = true;
        }
        Row::Unclosed { line, goes_on }
    }

    /// Passes over a record to the end of the line.
    fn too_long(&mut self) -> io::Result<Row<'static>> {
        let line = self.line;
        self.line += memchr::memchr_iter(b'\n', &self.buffer[self.at..]).count() as u64;
        loop {
            self.at = self.buffer.len();
            if !self.fill()? {
                break;
            }
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                self.at = end;
                break;
            }
        }
        Ok(Row::TooLong { line })
    }
}

/// A field without its quotes.
fn unquoted(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(mut rest) = field.strip_prefix(b"\"") else { return Cow::Borrowed(field) };
    let mut text = Vec::with_capacity(rest.len());
    while let Some(quote) = memchr::memchr(b'"', rest) {
        text.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        if rest.first() != Some(&b'"') {
            break;
        }
        text.push(b'"');
        rest = &rest[1..];
    }
    text.extend_from_slice(rest);
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// Records as `line:field|field`, read in pieces of a few bytes so that every place is once a border.
    fn read(text: &[u8], piece: usize, max_quoted: usize) -> Vec<String> {
        let mut records = Records::new(BufReader::with_capacity(piece, text), b',');
        records.max_quoted = max_quoted;
        let mut found = Vec::new();
        loop {
            match records.next().unwrap() {
                Row::Fields { line, fields } => {
                    let fields: Vec<_> = fields.iter().map(|field| String::from_utf8_lossy(field)).collect();
                    found.push(format!("{line}:{}", fields.join("|")));
                }
                Row::Unclosed { line, goes_on } => found.push(format!("unclosed {line} {goes_on}")),
                Row::TooLong { line } => found.push(format!("long {line}")),
                Row::End => return found,
            }
        }
    }

    #[test]
    fn records_are_found() {
        let check = |text: &str, expect: &[&str]| {
            for piece in [1, 2, 3, 1000] {
                assert_eq!(read(text.as_bytes(), piece, MAX_QUOTED), expect, "{text:?} by {piece}");
            }
        };
        check("", &[]);
        check("\n\r\n", &[]);
        check("a,b\n1,2", &["1:a|b", "2:1|2"]);
        check("a,b\r\n\r\n1,2\r\n", &["1:a|b", "3:1|2"]);
        check("a,b\r1,2\r", &["1:a|b", "1:1|2"]);
        check("a,\n,\n", &["1:a|", "2:|"]);
        check("\"a,b\",\"c\"\"d\"\n\"x\ny\",z\nq,r", &["1:a,b|c\"d", "2:x\ny|z", "4:q|r"]);
        check("a\"b,\"c\"d\"e\n", &["1:a\"b|cd\"e"]);
        check("\"\",\"\"\"\"\n", &["1:|\""]);
        // Never closed: at the end of the file, and after too many bytes.
        check("a,b\n1,\"x\n2,y\n", &["1:a|b", "unclosed 2 false"]);
        check("a,b\n1,\"x\n2,y\n3,y\n4,y\n", &["1:a|b", "unclosed 2 true", "3:2|y", "4:3|y", "5:4|y"]);
        check("a,b\n1,\"x\ny\nz\nx,\n", &["1:a|b", "unclosed 2 false"]);
        check("a,b\n\"1\n1\",\"x", &["1:a|b", "unclosed 3 false"]);
    }

    #[test]
    fn an_open_quote_does_not_hold_the_file() {
        let text = format!("a,b\n1,\"x\n{}3,\"y\"\n", "2,y\n".repeat(1000));
        let found = read(text.as_bytes(), 64, 100);
        assert_eq!((found[1].as_str(), found[2].as_str(), found.len()), ("unclosed 2 true", "3:2|y", 1003));
        assert_eq!(found[1002], "1003:3|y");
    }

    proptest! {
        /// What has no open quote is read as the `csv` crate reads it.
        #[test]
        fn as_the_csv_crate(text in "[ab,\"\n\r]{0,40}", piece in 1_usize..9) {
            let found = read(text.as_bytes(), piece, MAX_QUOTED);
            if !found.iter().any(|row| row.starts_with("unclosed")) {
                let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
                let expect: Vec<String> =
                    reader.records().map(|record| record.unwrap().iter().collect::<Vec<_>>().join("|")).collect();
                let found: Vec<&str> = found.iter().map(|row| row.split_once(':').unwrap().1).collect();
                prop_assert_eq!(found, expect);
            }
        }

        #[test]
        fn rows_come_back(rows in proptest::collection::vec(proptest::collection::vec(".*", 3), 1..8)) {
            let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let expect: Vec<String> = rows.iter().map(|row| row.join("|")).collect();
            let found = read(&text, 7, MAX_QUOTED);
            let found: Vec<&str> = found.iter().map(|row| row.split_once(':').unwrap().1).collect();
            prop_assert_eq!(found, expect);
        }

        #[test]
        fn arbitrary_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300), max in 1_usize..50) {
            prop_assert!(read(&bytes, 5, max).len() <= bytes.len());
        }
    }
}
