//! The filter language: a tokenizer and a recursive-descent parser, `or` below `and` below `not`.

use super::super::search::{SearchQuery, TextColumn};
use super::{Cmp, Expr, FilterError, Flag, NameField, NumberField, split_path};

/// Reads a filter from its text; blank text is [`Expr::All`].
///
/// # Errors
/// The byte position and what was expected there.
pub fn parse(text: &str) -> Result<Expr, FilterError> {
    let tokens = tokenize(text)?;
    if tokens.is_empty() {
        return Ok(Expr::All);
    }
    let mut parser = Parser { tokens, at: 0, end: text.len(), depth: 0 };
    let expr = parser.or()?;
    match parser.tokens.get(parser.at) {
        None => Ok(expr),
        Some((at, Token::Symbol(")"))) => Err(FilterError::new(*at, "there is no ( that this ) closes")),
        Some((at, _)) => Err(FilterError::new(*at, "expected and, or, or the end")),
    }
}

/// Nesting deeper than this is refused: the parser recurses.
const MAX_DEPTH: usize = 100;

const FIELDS: &str = "leaf, brand, dataset, split, taxonomy, words, width, height, side, pixels, aspect, bytes, tag, key, search, \
                      title, caption, description, bullets, predicted, class, confidence, correct, or a flag such as unreadable";

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A bare word or number.
    Word(String),
    /// A quoted value.
    Quoted(String),
    Symbol(&'static str),
}

fn tokenize(text: &str) -> Result<Vec<(usize, Token)>, FilterError> {
    const SYMBOLS: [&str; 11] = ["!=", "<=", ">=", "==", "<", ">", "=", "~", "(", ")", ","];
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c == '"' || c == '\'' {
            let (value, length) =
                quoted(rest, c).ok_or_else(|| FilterError::new(at, "the quotation mark is not closed"))?;
            tokens.push((at, Token::Quoted(value)));
            at += length;
        } else if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            tokens.push((at, Token::Symbol(if symbol == "==" { "=" } else { symbol })));
            at += symbol.len();
        } else {
            let length = rest.find(|c: char| c.is_whitespace() || "\"'()=<>!~,".contains(c)).unwrap_or(rest.len());
            if length == 0 {
                return Err(FilterError::new(at, format!("did not expect {c} here")));
            }
            tokens.push((at, Token::Word(rest[..length].to_owned())));
            at += length;
        }
    }
    Ok(tokens)
}

/// The value of a quoted string at the start of `text`, and the bytes it takes.
fn quoted(text: &str, mark: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.push(chars.next()?.1),
            c if c == mark => return Some((value, at + c.len_utf8())),
            c => value.push(c),
        }
    }
    None
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn position(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(at, _)| *at)
    }

    fn fail<T>(&self, expected: impl Into<String>) -> Result<T, FilterError> {
        Err(FilterError::new(self.position(), expected))
    }

    /// Takes the next token if it is this keyword, in any case.
    fn keyword(&mut self, keyword: &str) -> bool {
        let hit =
            matches!(self.tokens.get(self.at), Some((_, Token::Word(word))) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(hit);
        hit
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let hit = matches!(self.tokens.get(self.at), Some((_, Token::Symbol(s))) if *s == symbol);
        self.at += usize::from(hit);
        hit
    }

    fn or(&mut self) -> Result<Expr, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("the filter is nested too deeply");
        }
        let first = self.and()?;
        let mut list = vec![first];
        while self.keyword("or") {
            list.push(self.and()?);
        }
        self.depth -= 1;
        Ok(if list.len() == 1 { list.remove(0) } else { Expr::Or(list) })
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let first = self.not()?;
        let mut list = vec![first];
        while self.keyword("and") {
            list.push(self.not()?);
        }
        Ok(if list.len() == 1 { list.remove(0) } else { Expr::And(list) })
    }

    fn not(&mut self) -> Result<Expr, FilterError> {
        let mut negations = 0;
        while self.keyword("not") {
            negations += 1;
            if negations > MAX_DEPTH {
                return self.fail("the filter is nested too deeply");
            }
        }
        let mut expr = self.primary()?;
        for _ in 0..negations {
            expr = Expr::Not(Box::new(expr));
        }
        Ok(expr)
    }

    fn primary(&mut self) -> Result<Expr, FilterError> {
        let at = self.position();
        if self.symbol("(") {
            let inner = self.or()?;
            if !self.symbol(")") {
                return Err(FilterError::new(self.position(), "expected ) here"));
            }
            return Ok(inner);
        }
        let word = match self.tokens.get(self.at) {
            Some((_, Token::Word(word))) => word.to_lowercase(),
            Some((_, Token::Quoted(value))) => {
                return self.fail(format!("expected a field before \"{value}\", such as leaf = \"{value}\""));
            }
            _ => return self.fail(format!("expected a field: {FIELDS}")),
        };
        self.at += 1;
        if let Some(field) = NameField::ALL.into_iter().find(|field| field.as_str() == word) {
            return self.name(field);
        }
        if let Some(field) = NumberField::ALL.into_iter().find(|field| field.as_str() == word) {
            return self.number(field);
        }
        match word.as_str() {
            "all" => return Ok(Expr::All),
            "taxonomy" => return self.taxonomy(),
            "tag" => return self.tag(),
            "key" => return self.key(),
            "correct" => return self.correct(),
            "search" | "text" => return self.search(None),
            "title" | "caption" | "description" | "bullets" => return self.search(TextColumn::from_word(&word)),
            "samples" => {
                return Err(FilterError::new(
                    at,
                    "a selection of samples cannot be written as text; select them in the window",
                ));
            }
            _ => {}
        }
        self.flag(&word, at)
    }

    /// A flag of one or two words; its first word is taken already.
    fn flag(&mut self, word: &str, at: usize) -> Result<Expr, FilterError> {
        let second = match self.tokens.get(self.at) {
            Some((_, Token::Word(second))) => second.to_lowercase(),
            _ => String::new(),
        };
        for flag in Flag::ALL {
            match flag.as_str().split_once(' ') {
                None if flag.as_str() == word => return Ok(Expr::Flag(flag)),
                Some((a, b)) if a == word && b == second => {
                    self.at += 1;
                    return Ok(Expr::Flag(flag));
                }
                Some(("has", b)) if word == "no" && b == second => {
                    self.at += 1;
                    return Ok(Expr::Not(Box::new(Expr::Flag(flag))));
                }
                _ => {}
            }
        }
        let flags: Vec<_> = Flag::ALL.iter().map(|flag| flag.as_str()).collect();
        Err(FilterError::new(
            at,
            format!("\"{word}\" is not a field or flag; the fields are {FIELDS}; the flags are {}", flags.join(", ")),
        ))
    }

    /// `is null` and `is not null`, `is` being the next token.
    fn null(&mut self, null: Expr) -> Result<Option<Expr>, FilterError> {
        if !self.keyword("is") {
            return Ok(None);
        }
        let negated = self.keyword("not");
        if !self.keyword("null") {
            return self.fail("expected null here (brand is null)");
        }
        Ok(Some(if negated { Expr::Not(Box::new(null)) } else { null }))
    }

    fn value(&mut self) -> Result<String, FilterError> {
        let value = match self.tokens.get(self.at) {
            Some((_, Token::Word(value) | Token::Quoted(value))) => value.clone(),
            _ => return self.fail("expected a value, such as \"Rings\""),
        };
        self.at += 1;
        Ok(value)
    }

    /// `= a`, `!= a` or `in (a, b)`; `None` if the next token is none of them.
    fn values(&mut self) -> Result<Option<(Vec<String>, bool)>, FilterError> {
        if self.symbol("=") {
            return Ok(Some((vec![self.value()?], false)));
        }
        if self.symbol("!=") {
            return Ok(Some((vec![self.value()?], true)));
        }
        let mark = self.at;
        let negated = self.keyword("not");
        if !self.keyword("in") {
            self.at = mark;
            return Ok(None);
        }
        if !self.symbol("(") {
            return self.fail("expected ( here: in (\"a\", \"b\")");
        }
        let mut values = Vec::new();
        if self.symbol(")") {
            return Ok(Some((values, negated)));
        }
        loop {
            values.push(self.value()?);
            if self.symbol(")") {
                return Ok(Some((values, negated)));
            }
            if !self.symbol(",") {
                return self.fail("expected , or ) here");
            }
        }
    }

    fn name(&mut self, field: NameField) -> Result<Expr, FilterError> {
        if let Some(expr) = self.null(Expr::NameNull(field))? {
            return Ok(expr);
        }
        if self.symbol("~") {
            return Ok(Expr::NameContains(field, self.value()?));
        }
        match self.values()? {
            Some((names, negated)) => Ok(negate(Expr::Name(field, names), negated)),
            None => self.fail(format!("expected =, !=, ~, in or is after {}", field.as_str())),
        }
    }

    fn taxonomy(&mut self) -> Result<Expr, FilterError> {
        if let Some(expr) = self.null(Expr::TaxonomyNull)? {
            return Ok(expr);
        }
        if self.keyword("under") {
            return Ok(Expr::Under(split_path(&self.value()?)));
        }
        if self.symbol("~") {
            return self.search_value(Some(TextColumn::Taxonomy));
        }
        match self.values()? {
            Some((paths, negated)) => {
                Ok(negate(Expr::Taxonomy(paths.iter().map(|path| split_path(path)).collect()), negated))
            }
            None => self.fail("expected under, =, ~, in or is after taxonomy: taxonomy under \"Clothing > Shirts\""),
        }
    }

    fn tag(&mut self) -> Result<Expr, FilterError> {
        if let Some(expr) = self.null(Expr::TagNull)? {
            return Ok(expr);
        }
        match self.values()? {
            Some((tags, negated)) => Ok(negate(Expr::Tag(tags), negated)),
            None => self.fail("expected =, !=, in or is after tag"),
        }
    }

    fn correct(&mut self) -> Result<Expr, FilterError> {
        if let Some(expr) = self.null(Expr::CorrectNull)? {
            return Ok(expr);
        }
        let negated = self.symbol("!=");
        if !negated && !self.symbol("=") {
            return self.fail("expected = or is after correct: correct = no");
        }
        for (word, yes) in [("yes", true), ("no", false), ("true", true), ("false", false)] {
            if self.keyword(word) {
                return Ok(negate(Expr::Correct(yes), negated));
            }
        }
        self.fail("expected yes or no")
    }

    fn key(&mut self) -> Result<Expr, FilterError> {
        if self.symbol("~") {
            return self.search_value(Some(TextColumn::Key));
        }
        match self.values()? {
            Some((keys, negated)) => Ok(negate(Expr::Key(keys), negated)),
            None => self.fail("expected =, !=, ~ or in after key"),
        }
    }

    fn search(&mut self, column: Option<TextColumn>) -> Result<Expr, FilterError> {
        let name = column.map_or("search", TextColumn::as_str);
        // `title is null` reads naturally, and the flags know the answer.
        let flag = match column {
            Some(TextColumn::Title) => Some(Flag::HasTitle),
            Some(TextColumn::Caption) => Some(Flag::HasCaption),
            Some(TextColumn::Description) => Some(Flag::HasDescription),
            _ => None,
        };
        if let Some(flag) = flag
            && let Some(expr) = self.null(Expr::Not(Box::new(Expr::Flag(flag))))?
        {
            return Ok(match expr {
                Expr::Not(inner) if matches!(*inner, Expr::Not(_)) => Expr::Flag(flag),
                expr => expr,
            });
        }
        if !self.symbol("~") {
            return self.fail(format!("expected ~ after {name}: {name} ~ \"red shirt\""));
        }
        self.search_value(column)
    }

    fn search_value(&mut self, column: Option<TextColumn>) -> Result<Expr, FilterError> {
        let at = self.position();
        let text = self.value()?;
        SearchQuery::parse_in(&text, column).map_err(|error| FilterError::new(at, error.message))?;
        Ok(Expr::Search(column, text))
    }

    fn number(&mut self, field: NumberField) -> Result<Expr, FilterError> {
        if let Some(expr) = self.null(Expr::NumberNull(field))? {
            return Ok(expr);
        }
        if self.keyword("between") {
            let low = self.number_value()?;
            if !self.keyword("and") {
                return self.fail(format!("expected and here: {} between 10 and 20", field.as_str()));
            }
            return Ok(Expr::Number(field, Cmp::Between(low, self.number_value()?)));
        }
        for symbol in ["<=", "<", ">=", ">", "=", "!="] {
            if !self.symbol(symbol) {
                continue;
            }
            let value = self.number_value()?;
            let cmp = match symbol {
                "<=" => Cmp::Le(value),
                "<" => Cmp::Lt(value),
                ">=" => Cmp::Ge(value),
                ">" => Cmp::Gt(value),
                _ => Cmp::Eq(value),
            };
            return Ok(negate(Expr::Number(field, cmp), symbol == "!="));
        }
        self.fail(format!("expected <, <=, =, !=, >=, >, between or is after {}", field.as_str()))
    }

    fn number_value(&mut self) -> Result<f64, FilterError> {
        let parsed = match self.tokens.get(self.at) {
            Some((_, Token::Word(word) | Token::Quoted(word))) => word.replace('_', "").parse::<f64>().ok(),
            _ => None,
        };
        match parsed.filter(|value| value.is_finite()) {
            Some(value) => {
                self.at += 1;
                Ok(value)
            }
            None => self.fail("expected a number"),
        }
    }
}

fn negate(expr: Expr, negated: bool) -> Expr {
    if negated { Expr::Not(Box::new(expr)) } else { expr }
}
