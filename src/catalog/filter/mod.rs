//! Filters: what narrows a population down, as a tree, as text and as a bitmap.
//!
//! An [`Expr`] is built by clicks or [parsed](parse) from text; its `Display` is text that parses back
//! to it; [`eval`] turns it into the bitmap of matching samples over [`Columns`] without asking SQL,
//! except for text search, tags and predictions, which a [`Lookup`] supplies.
//!
//! ```text
//! leaf = "Rings"                      leaf, brand, dataset, split, key:  =  !=  in ("a", "b")  is null
//! leaf ~ "ring"                       leaf, brand, dataset, split: contains, ignoring case
//! taxonomy under "Clothing > Shirts"  taxonomy = ".." is that node alone
//! title ~ "red NOT blue"              title, caption, description, bullets, key: text search in one column
//! search ~ "red shirt"                text search in all columns
//! words >= 20                         words, width, height, pixels, aspect, bytes:  <  <=  =  !=  >=  >  between a and b
//! tag = best                          tag in (a, b), tag is null
//! predicted = "dress"                 what the active model says: predicted (as leaf), confidence (as words);
//! class = "dress"                     the sample's own class among the model's (as leaf)
//! correct = no                        whether it agrees with the sample's own class: yes, no, is null
//! unreadable                          flags: has image, has title, truncated, tiny, ..
//! and  or  not  ( )
//! ```
//!
//! What a sample does not have never matches: `width < 300` leaves samples without a known width out, and
//! so does `width >= 300`. `!=` is `not =`, so `brand != "x"` keeps samples without a brand.

mod eval;
mod parse;
#[cfg(test)]
mod tests;

pub(super) use eval::no_predictions;
pub use eval::{Lookup, NoLookup, eval};
pub use parse::parse;

use std::fmt;

use roaring::RoaringBitmap;

use super::columns::flags;
use super::search::{SearchQuery, TextColumn};

/// What is wrong with a filter or a search, where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .position.map_or_else(String::new, |at| format!(" (at position {})", at + 1)))]
pub struct FilterError {
    /// Byte offset in the text; `None` if the text is not to blame.
    pub position: Option<usize>,
    /// What was expected, without a full stop.
    pub message: String,
}

impl FilterError {
    /// An error at byte `position`.
    pub fn new(position: usize, message: impl Into<String>) -> Self {
        Self { position: Some(position), message: message.into() }
    }

    /// An error that is not the text's fault.
    pub fn general(message: impl Into<String>) -> Self {
        Self { position: None, message: message.into() }
    }
}

/// A column of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the columns' own names")]
pub enum NameField {
    Leaf,
    Brand,
    Dataset,
    Split,
    Predicted,
    /// The sample's own class among those of the active model.
    Class,
}

impl NameField {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Leaf, Self::Brand, Self::Dataset, Self::Split, Self::Predicted, Self::Class];

    /// Its word in a filter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leaf => "leaf",
            Self::Brand => "brand",
            Self::Dataset => "dataset",
            Self::Split => "split",
            Self::Predicted => "predicted",
            Self::Class => "class",
        }
    }
}

/// A column of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberField {
    /// Words of the text, see [`Columns::words`](super::Columns::words); always known.
    Words,
    /// Pixels; unknown if 0.
    Width,
    /// Pixels; unknown if 0.
    Height,
    /// Longer side in pixels; unknown if 0.
    Side,
    /// Width times height; unknown if 0.
    Pixels,
    /// Width divided by height; unknown if either is 0.
    Aspect,
    /// Bytes of the picture as stored; unknown without a picture.
    Bytes,
    /// Probability of the predicted class, 0 to 1; unknown without a prediction.
    Confidence,
}

impl NumberField {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Words, Self::Width, Self::Height, Self::Side, Self::Pixels, Self::Aspect, Self::Bytes, Self::Confidence];

    /// Its word in a filter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Width => "width",
            Self::Height => "height",
            Self::Side => "side",
            Self::Pixels => "pixels",
            Self::Aspect => "aspect",
            Self::Bytes => "bytes",
            Self::Confidence => "confidence",
        }
    }
}

/// A comparison with a number. `!=` is written as `Not(Eq)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cmp {
    /// `<`
    Lt(f64),
    /// `<=`
    Le(f64),
    /// `=`
    Eq(f64),
    /// `>=`
    Ge(f64),
    /// `>`
    Gt(f64),
    /// `between a and b`, both included.
    Between(f64, f64),
}

impl Cmp {
    /// The same comparison with other numbers.
    #[must_use]
    pub(super) fn map(self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Lt(x) => Self::Lt(f(x)),
            Self::Le(x) => Self::Le(f(x)),
            Self::Eq(x) => Self::Eq(f(x)),
            Self::Ge(x) => Self::Ge(f(x)),
            Self::Gt(x) => Self::Gt(f(x)),
            Self::Between(low, high) => Self::Between(f(low), f(high)),
        }
    }

    /// True if `value` passes.
    #[must_use]
    pub fn test(self, value: f64) -> bool {
        match self {
            Self::Lt(x) => value < x,
            Self::Le(x) => value <= x,
            Self::Eq(x) => value == x,
            Self::Ge(x) => value >= x,
            Self::Gt(x) => value > x,
            Self::Between(low, high) => low <= value && value <= high,
        }
    }
}

/// A quality flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is one bit of `columns::flags`, explained there")]
pub enum Flag {
    HasImage,
    Unreadable,
    Truncated,
    TooLarge,
    NoText,
    HasCaption,
    HasTitle,
    HasDescription,
    Tiny,
    ExtremeAspect,
    DuplicateKey,
}

impl Flag {
    /// All flags in the order of their bits.
    pub const ALL: [Self; flags::COUNT] = [
        Self::HasImage,
        Self::Unreadable,
        Self::Truncated,
        Self::TooLarge,
        Self::NoText,
        Self::HasCaption,
        Self::HasTitle,
        Self::HasDescription,
        Self::Tiny,
        Self::ExtremeAspect,
        Self::DuplicateKey,
    ];

    /// Its bit in [`Columns::flags`](super::Columns::flags).
    #[must_use]
    pub const fn bit(self) -> u16 {
        match self {
            Self::HasImage => flags::HAS_IMAGE,
            Self::Unreadable => flags::UNREADABLE,
            Self::Truncated => flags::TRUNCATED,
            Self::TooLarge => flags::TOO_LARGE,
            Self::NoText => flags::NO_TEXT,
            Self::HasCaption => flags::HAS_CAPTION,
            Self::HasTitle => flags::HAS_TITLE,
            Self::HasDescription => flags::HAS_DESCRIPTION,
            Self::Tiny => flags::TINY,
            Self::ExtremeAspect => flags::EXTREME_ASPECT,
            Self::DuplicateKey => flags::DUPLICATE_KEY,
        }
    }

    /// Its words in a filter. `no image`, `no caption`, `no title` and `no description` are read as `not has ..`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HasImage => "has image",
            Self::Unreadable => "unreadable",
            Self::Truncated => "truncated",
            Self::TooLarge => "too large",
            Self::NoText => "no text",
            Self::HasCaption => "has caption",
            Self::HasTitle => "has title",
            Self::HasDescription => "has description",
            Self::Tiny => "tiny",
            Self::ExtremeAspect => "extreme aspect",
            Self::DuplicateKey => "duplicate key",
        }
    }
}

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Everything.
    All,
    /// All of them; empty: everything.
    And(Vec<Expr>),
    /// Any of them; empty: nothing.
    Or(Vec<Expr>),
    /// The rest.
    Not(Box<Expr>),
    /// The name is one of these.
    Name(NameField, Vec<String>),
    /// The name contains this text, ignoring case.
    NameContains(NameField, String),
    /// The sample has no such name.
    NameNull(NameField),
    /// The taxonomy path starts with this one; an empty path: the sample has any taxonomy.
    Under(Vec<String>),
    /// The taxonomy path is exactly one of these.
    Taxonomy(Vec<Vec<String>>),
    /// The sample has no taxonomy.
    TaxonomyNull,
    /// The number passes; unknown numbers never do.
    Number(NumberField, Cmp),
    /// The number is unknown.
    NumberNull(NumberField),
    /// The sample has one of these tags.
    Tag(Vec<String>),
    /// The sample has no tag.
    TagNull,
    /// The predicted class is (`true`) or is not (`false`) the sample's own; neither without a prediction or a class of its own.
    Correct(bool),
    /// The sample has no prediction, or no class of its own that the model knows.
    CorrectNull,
    /// The flag is set.
    Flag(Flag),
    /// The key is one of these.
    Key(Vec<String>),
    /// The text matches, in one column or in any.
    Search(Option<TextColumn>, String),
    /// These samples (a lasso, a selection), with what a chip says. It is tied to one population and its
    /// text does not parse back.
    Samples(RoaringBitmap, String),
}

impl Expr {
    /// `leaf = name`.
    #[must_use]
    pub fn leaf(name: impl Into<String>) -> Self {
        Self::Name(NameField::Leaf, vec![name.into()])
    }

    /// `brand = name`.
    #[must_use]
    pub fn brand(name: impl Into<String>) -> Self {
        Self::Name(NameField::Brand, vec![name.into()])
    }

    /// `dataset = name`.
    #[must_use]
    pub fn dataset(name: impl Into<String>) -> Self {
        Self::Name(NameField::Dataset, vec![name.into()])
    }

    /// `taxonomy under path`.
    #[must_use]
    pub fn under<S: AsRef<str>>(path: &[S]) -> Self {
        Self::Under(path.iter().map(|name| name.as_ref().to_owned()).collect())
    }

    /// `predicted = name`.
    #[must_use]
    pub fn predicted(name: impl Into<String>) -> Self {
        Self::Name(NameField::Predicted, vec![name.into()])
    }

    /// `class = name`.
    #[must_use]
    pub fn class(name: impl Into<String>) -> Self {
        Self::Name(NameField::Class, vec![name.into()])
    }

    /// True if [`eval`] will ask its [`Lookup`] for predictions.
    #[must_use]
    pub fn asks_predictions(&self) -> bool {
        let mut asks = false;
        self.visit(&mut |expr| {
            asks |= match expr {
                Self::Name(field, _) | Self::NameContains(field, _) | Self::NameNull(field) => {
                    matches!(field, NameField::Predicted | NameField::Class)
                }
                Self::Number(field, _) | Self::NumberNull(field) => *field == NumberField::Confidence,
                Self::Correct(_) | Self::CorrectNull => true,
                _ => false,
            };
        });
        asks
    }

    /// `not self`; a double negation cancels.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "it is the word of the filter language")]
    pub fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// The searches that [`eval`] will ask its [`Lookup`] for. One that does not parse is skipped: `eval`
    /// reports it.
    #[must_use]
    pub fn searches(&self) -> Vec<SearchQuery> {
        let mut found = Vec::new();
        self.visit(&mut |expr| {
            if let Self::Search(column, text) = expr
                && let Ok(query) = SearchQuery::parse_in(text, *column)
            {
                found.push(query);
            }
        });
        found
    }

    /// Calls `f` with `self` and everything inside it, outermost first.
    pub fn visit(&self, f: &mut impl FnMut(&Self)) {
        f(self);
        match self {
            Self::And(list) | Self::Or(list) => list.iter().for_each(|inner| inner.visit(f)),
            Self::Not(inner) => inner.visit(f),
            _ => {}
        }
    }
}

/// What stands between the names of a path in filters.
pub(super) const PATH_SEPARATOR: &str = " > ";

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::And(list) => write_joined(f, list, " and ", "all"),
            Self::Or(list) => write_joined(f, list, " or ", "not all"),
            Self::Not(inner) => match &**inner {
                Self::Name(field, names) if names.len() == 1 => {
                    write!(f, "{} != {}", field.as_str(), Quoted(&names[0]))
                }
                Self::Key(keys) if keys.len() == 1 => write!(f, "key != {}", Quoted(&keys[0])),
                Self::Tag(tags) if tags.len() == 1 => write!(f, "tag != {}", Quoted(&tags[0])),
                Self::Number(field, Cmp::Eq(value)) => write!(f, "{} != {value}", field.as_str()),
                Self::NameNull(field) => write!(f, "{} is not null", field.as_str()),
                Self::NumberNull(field) => write!(f, "{} is not null", field.as_str()),
                Self::TaxonomyNull => f.write_str("taxonomy is not null"),
                Self::TagNull => f.write_str("tag is not null"),
                Self::Correct(yes) => write!(f, "correct != {}", if *yes { "yes" } else { "no" }),
                Self::CorrectNull => f.write_str("correct is not null"),
                inner @ (Self::And(_) | Self::Or(_)) => write!(f, "not ({inner})"),
                inner => write!(f, "not {inner}"),
            },
            Self::Name(field, names) => write_names(f, field.as_str(), names),
            Self::NameContains(field, text) => write!(f, "{} ~ {}", field.as_str(), Quoted(text)),
            Self::NameNull(field) => write!(f, "{} is null", field.as_str()),
            Self::Under(path) => write!(f, "taxonomy under {}", Quoted(&join_path(path))),
            Self::Taxonomy(paths) => {
                write_names(f, "taxonomy", &paths.iter().map(|path| join_path(path)).collect::<Vec<_>>())
            }
            Self::TaxonomyNull => f.write_str("taxonomy is null"),
            Self::Number(field, cmp) => match cmp {
                Cmp::Lt(x) => write!(f, "{} < {x}", field.as_str()),
                Cmp::Le(x) => write!(f, "{} <= {x}", field.as_str()),
                Cmp::Eq(x) => write!(f, "{} = {x}", field.as_str()),
                Cmp::Ge(x) => write!(f, "{} >= {x}", field.as_str()),
                Cmp::Gt(x) => write!(f, "{} > {x}", field.as_str()),
                Cmp::Between(low, high) => write!(f, "{} between {low} and {high}", field.as_str()),
            },
            Self::NumberNull(field) => write!(f, "{} is null", field.as_str()),
            Self::Tag(tags) => write_names(f, "tag", tags),
            Self::TagNull => f.write_str("tag is null"),
            Self::Correct(yes) => write!(f, "correct = {}", if *yes { "yes" } else { "no" }),
            Self::CorrectNull => f.write_str("correct is null"),
            Self::Flag(flag) => f.write_str(flag.as_str()),
            Self::Key(keys) => write_names(f, "key", keys),
            Self::Search(column, text) => {
                write!(f, "{} ~ {}", column.map_or("search", TextColumn::as_str), Quoted(text))
            }
            Self::Samples(_, label) => write!(f, "samples {}", Quoted(label)),
        }
    }
}

/// `a and b`; a list inside a list in parentheses; one element as a list of one is the element itself.
fn write_joined(f: &mut fmt::Formatter<'_>, list: &[Expr], between: &str, empty: &str) -> fmt::Result {
    if list.is_empty() {
        return f.write_str(empty);
    }
    for (i, expr) in list.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        match expr {
            Expr::And(inner) | Expr::Or(inner) if inner.len() != 1 && list.len() > 1 && !inner.is_empty() => {
                write!(f, "({expr})")?;
            }
            _ => write!(f, "{expr}")?,
        }
    }
    Ok(())
}

fn write_names(f: &mut fmt::Formatter<'_>, field: &str, names: &[String]) -> fmt::Result {
    if let [name] = names {
        return write!(f, "{field} = {}", Quoted(name));
    }
    write!(f, "{field} in (")?;
    for (i, name) in names.iter().enumerate() {
        write!(f, "{}{}", if i > 0 { ", " } else { "" }, Quoted(name))?;
    }
    f.write_str(")")
}

/// A path as text: `>` and `\` inside a name, and blanks around it, are escaped by a backslash.
fn join_path(path: &[String]) -> String {
    let escaped = path.iter().map(|name| {
        let inner = name.trim();
        let lead = name.len() - name.trim_start().len();
        let mut out = String::with_capacity(name.len());
        for (at, c) in name.char_indices() {
            let outside = at < lead || at >= lead + inner.len();
            if c == '\\' || c == '>' || outside {
                out.push('\\');
            }
            out.push(c);
        }
        out
    });
    escaped.collect::<Vec<_>>().join(PATH_SEPARATOR)
}

/// The reverse of [`join_path`]: split at unescaped `>`, unescaped blanks around names and empty names dropped.
fn split_path(text: &str) -> Vec<String> {
    let mut path = Vec::new();
    let (mut name, mut keep) = (String::new(), 0);
    let mut chars = text.chars();
    loop {
        match chars.next() {
            Some('\\') => {
                name.extend(chars.next());
                keep = name.len();
            }
            end @ (Some('>') | None) => {
                name.truncate(keep);
                if !name.is_empty() {
                    path.push(std::mem::take(&mut name));
                }
                keep = 0;
                if end.is_none() {
                    return path;
                }
            }
            Some(c) if c.is_whitespace() && name.is_empty() => {}
            Some(c) => {
                name.push(c);
                if !c.is_whitespace() {
                    keep = name.len();
                }
            }
        }
    }
}

/// A quoted value: `"` and `\` are escaped by a backslash.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
