//! Raw captions to sentences of words, as the training text (UD English Web Treebank) is cut, with two differences that suit captions:
//! hyphenated words stay whole (`t-shirt`, `long-sleeve`), and a line break ends a sentence.
//!
//! A caption is cut at white space. From each piece:
//! - opening and closing punctuation comes off, each mark a word of its own, repeated marks (`...`, `!!`, `--`) together;
//! - a full stop stays with abbreviations (`U.S.`, `e.g.`, single letters, a short list such as `Dr.`, `oz.`);
//! - `$`, `€`, `£`, `#` come off numbers in front, `%` behind; `5"` gives `5` and `"`;
//! - clitics come off: `'s`, `'re`, `'ve`, `'ll`, `'d`, `'m`, `n't` (straight or curly apostrophe);
//! - what stands around `/`, `|`, `+`, `*`, `;`, `:`, brackets, dashes, `…` and inside quotation marks is cut there, except in addresses (`http:`, `www.`,
//!   `@`) and between digits (`1/2`, `10:30`).
//!
//! A sentence ends after `.`, `!`, `?` (or several of them) that a piece ends with, and at a line break.

/// Words of a caption and where its sentences end.
#[derive(Clone, Debug, Default)]
pub struct Sentences<'a> {
    words: Vec<&'a str>,
    /// Numbers of words up to the end of each sentence.
    ends: Vec<usize>,
}

impl<'a> Sentences<'a> {
    /// All words.
    #[must_use]
    pub fn words(&self) -> &[&'a str] {
        &self.words
    }

    /// The sentences, none of them empty.
    pub fn iter(&self) -> impl Iterator<Item = &[&'a str]> {
        let mut from = 0;
        self.ends.iter().map(move |&to| {
            let sentence = &self.words[from..to];
            from = to;
            sentence
        })
    }

    fn end(&mut self) {
        if self.words.len() > self.ends.last().copied().unwrap_or(0) {
            self.ends.push(self.words.len());
        }
    }
}

const ABBREVIATIONS: [&str; 24] = [
    "dr", "mr", "mrs", "ms", "st", "vs", "etc", "inc", "co", "corp", "ltd", "no", "oz", "lb", "lbs", "ft", "in",
    "approx", "jr", "sr", "fl", "dept", "est", "qty",
];

/// Cuts a caption into sentences of words.
#[must_use]
pub fn split(caption: &str) -> Sentences<'_> {
    let mut out = Sentences::default();
    for line in caption.split(['\n', '\r', '\u{2028}', '\u{2029}']) {
        for piece in line.split_whitespace() {
            piece_into(piece, &mut out);
        }
        out.end();
    }
    out
}

/// Comes off in front.
fn opens(c: char) -> bool {
    closes(c) || matches!(c, '$' | '€' | '£' | '¥' | '#' | '~' | '•' | '·' | '¡' | '¿' | '&' | '=' | '<')
}

/// Comes off behind.
fn closes(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '"'
            | '\''
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '…'
            | '“'
            | '”'
            | '‘'
            | '’'
            | '«'
            | '»'
            | '„'
            | '*'
            | '|'
            | '/'
            | '\\'
            | '-'
            | '–'
            | '—'
            | '%'
            | '™'
            | '®'
            | '©'
            | '+'
            | '='
            | '>'
            | '″'
            | '′'
            | '。'
            | '，'
            | '、'
            | '！'
            | '？'
    )
}

/// Cuts a word in two even in its middle.
fn cuts(c: char) -> bool {
    matches!(
        c,
        '/' | '|'
            | '+'
            | '*'
            | ';'
            | ':'
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '–'
            | '—'
            | '…'
            | '"'
            | '“'
            | '”'
            | ','
            | '®'
            | '™'
    )
}

fn piece_into<'a>(piece: &'a str, out: &mut Sentences<'a>) {
    // The common case first: nothing but letters and digits.
    if piece.bytes().all(|b| b.is_ascii_alphanumeric()) {
        clitics_into(piece, out);
        return;
    }
    let mut rest = piece;
    while let Some(first) = rest.chars().next().filter(|&c| opens(c)) {
        // `'s` on its own, `.5`, `-5`, a lone mark: the mark belongs to what follows.
        let after = &rest[first.len_utf8()..];
        if matches!(first, '.' | '-' | '+') && after.starts_with(|c: char| c.is_ascii_digit())
            || matches!(first, '\'' | '’') && is_clitic(after)
        {
            break;
        }
        let run = rest.len() - rest.trim_start_matches(first).len();
        out.words.push(&rest[..run]);
        rest = &rest[run..];
    }
    // From behind: marks are collected, the first to come off is the last word.
    let mut behind: Vec<&str> = Vec::new();
    while let Some(last) = rest.chars().next_back().filter(|&c| closes(c)) {
        let body = rest.trim_end_matches(last);
        if last == '.' && rest.len() - body.len() == 1 && keeps_stop(body) {
            break;
        }
        behind.push(&rest[body.len()..]);
        rest = body;
    }
    if !rest.is_empty() {
        body_into(rest, out);
    }
    let stops = |mark: &&str| mark.chars().all(|c| matches!(c, '.' | '!' | '?' | '。' | '！' | '？'));
    let ends = if behind.is_empty() { out.words.last().is_some_and(stops) } else { behind.iter().any(stops) };
    out.words.extend(behind.iter().rev());
    if ends {
        out.end();
    }
}

/// True if a full stop after `body` belongs to it.
fn keeps_stop(body: &str) -> bool {
    let is_letter = |part: &str| part.len() == 1 && part.bytes().all(|b| b.is_ascii_alphabetic());
    // `U.S`, `e.g`, `J`
    (!body.is_empty() && body.split('.').all(is_letter))
        || ABBREVIATIONS.iter().any(|word| body.eq_ignore_ascii_case(word))
}

fn is_clitic(text: &str) -> bool {
    ["s", "re", "ve", "ll", "d", "m"].iter().any(|clitic| text.eq_ignore_ascii_case(clitic))
}

/// Cuts a piece without punctuation at its ends.
fn body_into<'a>(body: &'a str, out: &mut Sentences<'a>) {
    if body.contains("://") || body.starts_with("www.") || body.contains('@') {
        out.words.push(body);
        return;
    }
    let mut from = 0;
    let mut before = None;
    let mut chars = body.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if cuts(c) {
            let between_digits = matches!(c, '/' | ':' | ',' | '+')
                && before.is_some_and(|c: char| c.is_ascii_digit())
                && chars.peek().is_some_and(|(_, c)| c.is_ascii_digit());
            // `w/o`
            let is_short = c == '/' && body.len() <= 3;
            if !between_digits && !is_short {
                clitics_into(&body[from..at], out);
                let to = at + c.len_utf8();
                out.words.push(&body[at..to]);
                from = to;
            }
        }
        before = Some(c);
    }
    clitics_into(&body[from..], out);
}

/// Cuts clitics off a word.
fn clitics_into<'a>(word: &'a str, out: &mut Sentences<'a>) {
    if word.is_empty() {
        return;
    }
    if let Some(at) = word.rfind(['\'', '’']) {
        let apostrophe = word[at..].chars().next().map_or(1, char::len_utf8);
        let after = &word[at + apostrophe..];
        if at > 0 && is_clitic(after) {
            out.words.extend([&word[..at], &word[at..]]);
            return;
        }
        if after.eq_ignore_ascii_case("t") && at > 1 && word[..at].ends_with(['n', 'N']) {
            out.words.extend([&word[..at - 1], &word[at - 1..]]);
            return;
        }
    }
    out.words.push(word);
}
