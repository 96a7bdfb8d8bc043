//! Text search: what a user types, made into a query that FTS5 runs.
//!
//! Words side by side must all occur, `"a phrase"` must occur as it stands, `pre*` matches beginnings,
//! `title:word` looks into one column, and `AND`, `OR`, `NOT` and parentheses combine. The text is parsed
//! here and written again with every word quoted, so that FTS5 never sees what the user typed and
//! never complains in its own words. Matching ignores case and accents (tokenizer `unicode61`).

use std::fmt::Write as _;

use super::filter::FilterError;

/// A column of the text index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the fields' own names")]
pub enum TextColumn {
    Title,
    Description,
    Caption,
    Brand,
    Bullets,
    Taxonomy,
    Key,
}

impl TextColumn {
    /// All columns in the order of the index.
    pub const ALL: [Self; 7] =
        [Self::Title, Self::Description, Self::Caption, Self::Brand, Self::Bullets, Self::Taxonomy, Self::Key];

    /// The word before the colon.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::Caption => "caption",
            Self::Brand => "brand",
            Self::Bullets => "bullets",
            Self::Taxonomy => "taxonomy",
            Self::Key => "key",
        }
    }

    /// The column called `word` (`leaf` is part of `taxonomy`).
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        if word == "leaf" {
            return Some(Self::Taxonomy);
        }
        Self::ALL.into_iter().find(|column| column.as_str() == word)
    }
}

/// A parsed search, ready to run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchQuery {
    text: String,
    column: Option<TextColumn>,
    fts: String,
    negated: bool,
}

impl SearchQuery {
    /// Parses what the user typed; all columns are searched where the text names none.
    ///
    /// # Errors
    /// One sentence with the position (in bytes of `text`) and what was expected there.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Self::parse_in(text, None)
    }

    /// As [`parse`](Self::parse), looking into one column only (`title ~ "..."` in filters).
    ///
    /// # Errors
    /// One sentence with the position (in bytes of `text`) and what was expected there.
    pub fn parse_in(text: &str, column: Option<TextColumn>) -> Result<Self, FilterError> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let node = parser.or()?;
        parser.space();
        if parser.at < text.len() {
            return Err(FilterError::new(parser.at, "there is no ( that this ) closes"));
        }
        let Some(node) = node else {
            return Err(FilterError::new(0, "type a word to search for"));
        };
        let (node, negated) = match node {
            Node::Not(inner) => (*inner, true),
            node => (node, false),
        };
        let mut fts = String::new();
        if let Some(column) = column {
            let _ = write!(fts, "{} : (", column.as_str());
        }
        node.write(&mut fts)?;
        if column.is_some() {
            fts.push(')');
        }
        Ok(Self { text: text.to_owned(), column, fts, negated })
    }

    /// The text as typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The column it is limited to.
    #[must_use]
    pub fn column(&self) -> Option<TextColumn> {
        self.column
    }

    /// The query in FTS5's language.
    pub(super) fn fts(&self) -> &str {
        &self.fts
    }

    /// True if the samples that do **not** match [`fts`](Self::fts) are wanted.
    pub(super) fn is_negated(&self) -> bool {
        self.negated
    }
}

/// What the parser makes; `Not` stands only at the top or inside `And`.
enum Node {
    /// A word or phrase as typed; `prefix` matches beginnings of its last word.
    Text {
        words: String,
        prefix: bool,
        at: usize,
    },
    /// One column.
    In(TextColumn, Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
}

impl Node {
    fn write(&self, out: &mut String) -> Result<(), FilterError> {
        match self {
            Self::Text { words, prefix, .. } => {
                let _ = write!(out, "\"{}\"", words.replace('"', "\"\""));
                if *prefix {
                    out.push_str(" *");
                }
            }
            Self::In(column, inner) => {
                let _ = write!(out, "{} : (", column.as_str());
                inner.write(out)?;
                out.push(')');
            }
            Self::And(all) => {
                let (negative, positive): (Vec<_>, Vec<_>) = all.iter().partition(|node| matches!(node, Self::Not(_)));
                // FTS5's NOT is binary: everything wanted, then everything unwanted.
                out.push('(');
                Self::write_list(&positive, " AND ", out)?;
                for node in negative {
                    if let Self::Not(inner) = node {
                        out.push_str(") NOT (");
                        inner.write(out)?;
                    }
                }
                out.push(')');
                // `(a) NOT (b) NOT (c)` groups from the left, which is what is meant.
            }
            Self::Or(any) => {
                out.push('(');
                Self::write_list(&any.iter().collect::<Vec<_>>(), " OR ", out)?;
                out.push(')');
            }
            Self::Not(inner) => {
                return Err(FilterError::new(
                    inner.position(),
                    "NOT needs a word beside it that is wanted: write shirt NOT red",
                ));
            }
        }
        Ok(())
    }

    fn write_list(nodes: &[&Self], between: &str, out: &mut String) -> Result<(), FilterError> {
        for (i, node) in nodes.iter().enumerate() {
            if i > 0 {
                out.push_str(between);
            }
            node.write(out)?;
        }
        Ok(())
    }

    fn position(&self) -> usize {
        match self {
            Self::Text { at, .. } => *at,
            Self::In(_, inner) | Self::Not(inner) => inner.position(),
            Self::And(list) | Self::Or(list) => list.first().map_or(0, Self::position),
        }
    }
}

/// Nesting deeper than this is refused: it is not typed by anybody, and both parsers recurse.
const MAX_DEPTH: usize = 50;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The next word if it is exactly `operator`, consumed.
    fn take(&mut self, operator: &str) -> bool {
        self.space();
        let rest = &self.text[self.at..];
        let ends = |after: &str| after.chars().next().is_none_or(|c| c.is_whitespace() || "()\"".contains(c));
        if rest.strip_prefix(operator).is_some_and(ends) {
            self.at += operator.len();
            return true;
        }
        false
    }

    fn peek(&mut self) -> Option<char> {
        self.space();
        self.text[self.at..].chars().next()
    }

    fn or(&mut self) -> Result<Option<Node>, FilterError> {
        let start = self.at;
        let mut any = Vec::new();
        let first = self.and()?;
        let mut wanted = first.is_some();
        any.extend(first);
        loop {
            let at = self.at;
            if !self.take("OR") {
                break;
            }
            if !wanted {
                return Err(FilterError::new(start.max(at), "OR needs a word before it"));
            }
            match self.and()? {
                Some(node) => any.push(node),
                None => return Err(FilterError::new(self.at, "OR needs a word after it")),
            }
            wanted = true;
        }
        Ok(match any.len() {
            0 => None,
            1 => any.pop(),
            _ => {
                if let Some(Node::Not(inner)) = any.iter().find(|node| matches!(node, Node::Not(_))) {
                    return Err(FilterError::new(
                        inner.position(),
                        "NOT cannot stand alone beside OR: write (shirt NOT red) OR dress",
                    ));
                }
                Some(Node::Or(any))
            }
        })
    }

    fn and(&mut self) -> Result<Option<Node>, FilterError> {
        let mut all: Vec<Node> = Vec::new();
        loop {
            self.space();
            let at = self.at;
            if self.take("AND") {
                if all.is_empty() {
                    return Err(FilterError::new(at, "AND needs a word before it"));
                }
                self.space();
                match self.unary()? {
                    Some(node) => all.push(node),
                    None => return Err(FilterError::new(self.at, "AND needs a word after it")),
                }
                continue;
            }
            match self.unary()? {
                Some(node) => all.push(node),
                None => break,
            }
        }
        Ok(match all.len() {
            0 => None,
            1 => all.pop(),
            _ if all.iter().all(|node| matches!(node, Node::Not(_))) => {
                // NOT a NOT b = NOT (a OR b)
                let inner =
                    all.into_iter().filter_map(|node| if let Node::Not(inner) = node { Some(*inner) } else { None });
                Some(Node::Not(Box::new(Node::Or(inner.collect()))))
            }
            _ => Some(Node::And(all)),
        })
    }

    fn unary(&mut self) -> Result<Option<Node>, FilterError> {
        self.space();
        let at = self.at;
        if self.take("NOT") {
            self.deeper(at)?;
            let inner = self.unary()?;
            self.depth -= 1;
            return match inner {
                Some(Node::Not(inner)) => Ok(Some(*inner)),
                Some(node) => Ok(Some(Node::Not(Box::new(node)))),
                None => Err(FilterError::new(self.at, "NOT needs a word after it")),
            };
        }
        let mark = self.at;
        if self.take("OR") {
            self.at = mark;
            return Ok(None);
        }
        self.primary()
    }

    fn deeper(&mut self, at: usize) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(FilterError::new(at, "the search is nested too deeply")) } else { Ok(()) }
    }

    fn primary(&mut self) -> Result<Option<Node>, FilterError> {
        let Some(next) = self.peek() else { return Ok(None) };
        let at = self.at;
        match next {
            ')' => {
                if self.depth == 0 {
                    return Err(FilterError::new(at, "there is no ( that this ) closes"));
                }
                Ok(None)
            }
            '(' => {
                self.deeper(at)?;
                self.at += 1;
                let inner = self.or()?;
                self.depth -= 1;
                if self.peek() != Some(')') {
                    return Err(FilterError::new(at, "the ( is not closed"));
                }
                self.at += 1;
                inner.map(Some).ok_or_else(|| FilterError::new(at, "there is nothing between ( and )"))
            }
            '"' => self.phrase().map(Some),
            _ => self.word().map(Some),
        }
    }

    fn phrase(&mut self) -> Result<Node, FilterError> {
        let at = self.at;
        let rest = &self.text[at + 1..];
        let Some(end) = rest.find('"') else {
            return Err(FilterError::new(at, "the quotation mark is not closed"));
        };
        self.at = at + 1 + end + 1;
        let prefix = self.text[self.at..].starts_with('*');
        self.at += usize::from(prefix);
        text_node(&rest[..end], prefix, at)
    }

    fn word(&mut self) -> Result<Node, FilterError> {
        let at = self.at;
        let rest = &self.text[at..];
        let end = rest.find(|c: char| c.is_whitespace() || "()\"".contains(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        if let Some((name, after)) = word.split_once(':')
            && let Some(column) = TextColumn::from_word(name)
        {
            self.at = at + name.len() + 1;
            if after.is_empty() && !matches!(self.text[self.at..].chars().next(), Some('"' | '(')) {
                return Err(FilterError::new(self.at, format!("{name}: needs a word right after the colon")));
            }
            self.deeper(at)?;
            let inner = self.primary();
            self.depth -= 1;
            return match inner? {
                Some(Node::Not(inner)) => Err(FilterError::new(
                    inner.position(),
                    "NOT cannot stand alone inside a column: write NOT title:(red)",
                )),
                Some(node) => Ok(Node::In(column, Box::new(node))),
                None => Err(FilterError::new(self.at, format!("{name}: needs a word after the colon"))),
            };
        }
        self.at = at + end;
        match word.strip_suffix('*') {
            Some(stem) => text_node(stem, true, at),
            None => text_node(word, false, at),
        }
    }
}

/// A word or phrase, which must hold at least one letter or digit (FTS5 would silently match nothing).
fn text_node(words: &str, prefix: bool, at: usize) -> Result<Node, FilterError> {
    if !words.chars().any(char::is_alphanumeric) {
        return Err(FilterError::new(at, format!("\"{words}\" has no letters or digits to search for")));
    }
    // NUL would end the string inside SQLite.
    Ok(Node::Text { words: words.replace('\0', " "), prefix, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expect: Result<&str, &str>) {
        let got = SearchQuery::parse(input)
            .map(|query| format!("{}{}", if query.is_negated() { "!" } else { "" }, query.fts()))
            .map_err(|error| error.to_string());
        assert_eq!(got, expect.map(str::to_owned).map_err(str::to_owned), "{input}");
    }

    #[test]
    fn what_is_typed_becomes_a_safe_query() {
        check("red", Ok(r#""red""#));
        check("red shirt", Ok(r#"("red" AND "shirt")"#));
        check("red AND shirt", Ok(r#"("red" AND "shirt")"#));
        check("red OR blue shirt", Ok(r#"("red" OR ("blue" AND "shirt"))"#));
        check("\"red shirt\" dre*", Ok(r#"("red shirt" AND "dre" *)"#));
        check("title:red caption:\"mini dress\"", Ok(r#"(title : ("red") AND caption : ("mini dress"))"#));
        check("title:(red OR blue)", Ok(r#"title : (("red" OR "blue"))"#));
        check("leaf:rings", Ok(r#"taxonomy : ("rings")"#));
        check("shirt NOT red NOT blue", Ok(r#"("shirt") NOT ("red") NOT ("blue")"#));
        check("NOT red shirt", Ok(r#"("shirt") NOT ("red")"#));
        check("NOT red", Ok(r#"!"red""#));
        check("NOT red NOT blue", Ok(r#"!("red" OR "blue")"#));
        check("NOT NOT red", Ok(r#""red""#));
        check("size:10 it's 50%", Ok(r#"("size:10" AND "it's" AND "50%")"#));
        check("near and or not", Ok(r#"("near" AND "and" AND "or" AND "not")"#));
        check("ORDER NOTE", Ok(r#"("ORDER" AND "NOTE")"#));
    }

    #[test]
    fn mistakes_are_sentences_with_a_position() {
        check("", Err("type a word to search for (at position 1)"));
        check("red OR", Err("OR needs a word after it (at position 7)"));
        check("AND red", Err("AND needs a word before it (at position 1)"));
        check("(red", Err("the ( is not closed (at position 1)"));
        check("red)", Err("there is no ( that this ) closes (at position 4)"));
        check("\"red", Err("the quotation mark is not closed (at position 1)"));
        check("red -- blue", Err("\"--\" has no letters or digits to search for (at position 5)"));
        check(
            "red OR NOT blue",
            Err("NOT cannot stand alone beside OR: write (shirt NOT red) OR dress (at position 12)"),
        );
        check("title: red", Err("title: needs a word right after the colon (at position 7)"));
        check("()", Err("there is nothing between ( and ) (at position 1)"));
        check(&"(".repeat(5000), Err("the search is nested too deeply (at position 51)"));
    }
}
