//! The tokens that n-grams are made of.
//!
//! **n-gram tokens**: lower-case (Unicode, simple per character); a token is `[\p{L}\p{M}\p{N}]+`, parts joined
//! by a single `'`, `’`, `-` or `‐` (U+2010) between them, or by `.` or `,` between digits (`t-shirt`, `women's`,
//! `8.25`). As one expression on the lower-cased text, `\d` being `\p{Nd}`:
//!
//! ```text
//! [\p{L}\p{M}\p{N}]+(?:(?:['’\-‐]|(?<=\d)[.,](?=\d))[\p{L}\p{M}\p{N}]+)*
//! ```
//!
//! Lower-casing takes one character to one (`İ` becomes `i`, a final `Σ` becomes `σ`), as the field
//! `Simple_Lowercase_Mapping` of the Unicode character database does.
//!
//! A caption is lower-cased into a buffer first (one vectorised pass where it is ASCII), then scanned by a
//! table of 256 byte classes; bytes of longer characters go through a table of the general categories of
//! the Basic Multilingual Plane that is made once. Tokens are slices of the buffer.

use std::sync::LazyLock;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// What a character does to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    /// Ends a token.
    Other = 0,
    /// `\p{L}`, `\p{M}` and the numbers that are no digits.
    Letter = 1,
    /// `\p{Nd}`: what `.` and `,` may stand between.
    Digit = 2,
    /// `'`, `’`, `-`, `‐`: joins two parts.
    Joiner = 3,
    /// `.` and `,`: join two digits.
    Point = 4,
    /// First byte of a longer character, to be decoded (only in the table of bytes).
    Long = 5,
}

/// The class of a character, from its general category.
fn class_of(c: char) -> Class {
    match c {
        '\'' | '\u{2019}' | '-' | '\u{2010}' => Class::Joiner,
        '.' | ',' => Class::Point,
        _ if c.general_category() == GeneralCategory::DecimalNumber => Class::Digit,
        _ => match c.general_category_group() {
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark | GeneralCategoryGroup::Number => Class::Letter,
            _ => Class::Other,
        },
    }
}

/// Classes of the 256 bytes; those of longer characters are [`Class::Long`].
static BYTES: [Class; 256] = {
    let mut table = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b'\'' | b'-' => Class::Joiner,
            b'.' | b',' => Class::Point,
            0x80.. => Class::Long,
            _ => Class::Other,
        };
        byte += 1;
    }
    table
};

/// Classes of the Basic Multilingual Plane (64 KiB), made at first use.
static PLANE: LazyLock<Vec<Class>> =
    LazyLock::new(|| (0..=0xFFFF_u32).map(|code| char::from_u32(code).map_or(Class::Other, class_of)).collect());

/// The class of any character, by table.
#[inline]
fn class(c: char) -> Class {
    PLANE.get(c as usize).copied().unwrap_or_else(|| class_of(c))
}

/// Appends the text in lower case, one character for one.
pub fn lower_into(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        out[start..].make_ascii_lowercase();
        return;
    }
    out.reserve(text.len());
    for c in text.chars() {
        out.push(if c.is_ascii() {
            c.to_ascii_lowercase()
        } else {
            // The full mapping is longer than one character only for U+0130, whose simple one is its first.
            c.to_lowercase().next().unwrap_or(c)
        });
    }
}

/// The text in lower case, one character for one.
#[must_use]
pub fn lower(text: &str) -> String {
    let mut out = String::new();
    lower_into(text, &mut out);
    out
}

/// Calls `found` with the byte range of every token of a text that is lower-cased already, in order.
#[inline]
pub fn token_ranges(lowered: &str, mut found: impl FnMut(usize, usize)) {
    let bytes = lowered.as_bytes();
    let is_ascii = lowered.is_ascii();
    let mut at = 0;
    while at < bytes.len() {
        // To the first character of a token.
        let first = BYTES[bytes[at] as usize];
        let start = at;
        let mut last;
        match first {
            Class::Letter | Class::Digit => {
                at += 1;
                last = first;
            }
            Class::Long => {
                let (c, length) = decode(lowered, at);
                at += length;
                last = class(c);
                if !matches!(last, Class::Letter | Class::Digit) {
                    continue;
                }
            }
            _ => {
                at += 1;
                continue;
            }
        }
        // To its end.
        loop {
            if is_ascii {
                while at < bytes.len() && matches!(BYTES[bytes[at] as usize], Class::Letter | Class::Digit) {
                    at += 1;
                }
                last = BYTES[bytes[at - 1] as usize];
            }
            let (next, length) = class_at(lowered, at);
            match next {
                Class::Letter | Class::Digit => {
                    last = next;
                    at += length;
                }
                Class::Joiner | Class::Point => {
                    let (after, after_length) = class_at(lowered, at + length);
                    let joins = if next == Class::Joiner {
                        matches!(after, Class::Letter | Class::Digit)
                    } else {
                        last == Class::Digit && after == Class::Digit
                    };
                    if !joins {
                        break;
                    }
                    last = after;
                    at += length + after_length;
                }
                _ => break,
            }
        }
        found(start, at);
    }
}

/// The character that begins at a byte, and its length in bytes.
#[inline]
fn decode(text: &str, at: usize) -> (char, usize) {
    let c = text[at..].chars().next().unwrap_or('\0');
    (c, c.len_utf8())
}

/// The class of the character that begins at a byte, and its length; `(Other, 0)` at the end.
#[inline]
fn class_at(text: &str, at: usize) -> (Class, usize) {
    match text.as_bytes().get(at) {
        None => (Class::Other, 0),
        Some(&byte) => match BYTES[byte as usize] {
            Class::Long => {
                let (c, length) = decode(text, at);
                (class(c), length)
            }
            found => (found, 1),
        },
    }
}

/// The tokens of a caption, lower-cased: for tests and single captions; see [`token_ranges`] for many.
#[must_use]
pub fn tokens(caption: &str) -> Vec<String> {
    let lowered = lower(caption);
    let mut found = Vec::new();
    token_ranges(&lowered, |from, to| found.push(lowered[from..to].to_owned()));
    found
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn check(caption: &str, expect: &[&str]) {
        assert_eq!(tokens(caption), expect, "{caption:?}");
    }

    #[test]
    fn tokens_by_the_definition() {
        check("", &[]);
        check(" -.,' ", &[]);
        check("A T-Shirt, women's; size 8.25!", &["a", "t-shirt", "women's", "size", "8.25"]);
        check("rock-'n'-roll 'tis dogs' --x--", &["rock", "n", "roll", "tis", "dogs", "x"]);
        check(
            "women\u{2019}s x\u{2010}large a\u{2011}b a\u{2013}b",
            &["women\u{2019}s", "x\u{2010}large", "a", "b", "a", "b"],
        );
        check(
            "1,000.50 1,,2 .5 5. a.5 5.a 1.2.3 v1.2",
            &["1,000.50", "1", "2", "5", "5", "a", "5", "5", "a", "1.2.3", "v1.2"],
        );
        check("8.25-inch 12-pack,3", &["8.25-inch", "12-pack", "3"]);
        check("under_score a/b c&d 5% #tag @x", &["under", "score", "a", "b", "c", "d", "5", "tag", "x"]);
    }

    #[test]
    fn tokens_beyond_ascii() {
        check("CAFÉ Ärmel ΣΑΣ İstanbul", &["café", "ärmel", "σασ", "istanbul"]);
        check("e\u{301}tude", &["e\u{301}tude"]); // a combining mark belongs to the token
        check("\u{301}a", &["\u{301}a"]);
        check("红色连衣裙 2件", &["红色连衣裙", "2件"]);
        check("قميص ١٢٫٥ ١٢.٥", &["قميص", "١٢", "٥", "١٢.٥"]); // U+066B joins nothing, a point between digits does
        check("a\u{200b}b\u{ad}c\u{200d}d", &["a", "b", "c", "d"]); // zero width: Cf
        check("shirt👕red❤\u{fe0f}x", &["shirt", "red", "\u{fe0f}x"]); // U+FE0F is \p{M}
        check("x² ½ Ⅳ ①", &["x²", "½", "ⅳ", "①"]);
        check("½.5 5.½", &["½", "5", "5", "½"]); // ½ is no digit
        check("a\0b\u{7f}c", &["a", "b", "c"]);
        check("𝐀𝟏.𝟐 𞤀", &["𝐀𝟏.𝟐", "𞤢"]); // beyond the plane
    }

    /// The definition as the regex crate spells it: no look-around there, so parts and joins are walked by hand.
    fn slow(caption: &str) -> Vec<String> {
        static PART: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[\p{L}\p{M}\p{N}]+").unwrap());
        static DIGIT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{Nd}$").unwrap());
        let lowered: String = caption.chars().map(|c| c.to_lowercase().next().unwrap()).collect();
        let is_digit = |c: Option<char>| c.is_some_and(|c| DIGIT.is_match(&c.to_string()));
        let mut found: Vec<(usize, usize)> = Vec::new();
        for part in PART.find_iter(&lowered) {
            if let Some(last) = found.last_mut() {
                let joined = match &lowered[last.1..part.start()] {
                    "'" | "\u{2019}" | "-" | "\u{2010}" => true,
                    "." | "," => {
                        is_digit(lowered[..last.1].chars().next_back()) && is_digit(part.as_str().chars().next())
                    }
                    _ => false,
                };
                if joined {
                    last.1 = part.end();
                    continue;
                }
            }
            found.push((part.start(), part.end()));
        }
        found.into_iter().map(|(from, to)| lowered[from..to].to_owned()).collect()
    }

    #[test]
    fn classes_are_those_of_the_regex_crate_where_both_know_the_character() {
        let word = Regex::new(r"^[\p{L}\p{M}\p{N}]$").unwrap();
        // Planes 0 and 1 but not their newest characters: the tables may be of different Unicode versions.
        let assigned = Regex::new(r"^\p{Age=15.0}$").unwrap();
        let mut text = String::new();
        for c in ('\0'..='\u{1ffff}').filter(|c| !"'\u{2019}-\u{2010}.,".contains(*c)) {
            text.clear();
            text.push(c);
            if assigned.is_match(&text) {
                assert_eq!(word.is_match(&text), matches!(class(c), Class::Letter | Class::Digit), "{c:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn fast_equals_slow_on_any_text(caption in "[\\p{Age=15.0}]{0,40}") {
            prop_assert_eq!(tokens(&caption), slow(&caption));
        }

        #[test]
        fn fast_equals_slow_where_it_is_dense(caption in "[aZ1é’‐'.,٣½\u{301}👕\u{200d} -]{0,40}") {
            prop_assert_eq!(tokens(&caption), slow(&caption));
        }
    }
}
