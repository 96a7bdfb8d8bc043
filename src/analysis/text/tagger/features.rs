//! What the tagger looks at. The trainer and the tagger call the same functions, so they cannot disagree.
//!
//! Two kinds of features. Those of **one word type** at an offset from the word to be tagged (`-3..=3`): its
//! lower-cased form, affixes, shape, what tags the training text gave it. Whatever their number, they cost nothing
//! when tagging: their sum over a word type is one row per offset, made once a type. Those of the **context**: tags
//! given so far, pairs of neighbours, how the sentence is capitalised; each of them is a look-up per word.
//!
//! A feature is the 32-bit hash of its template and value; nothing else of it is kept in the model. The highest bit is set for features of
//! the context, so that those, which are looked up for every word, stand together in the table.
//!
//! Frequent words that always get the same tag (`the`, `,`) are *certain*: nothing is looked at for them.

use super::Tag;

/// Offsets of the words whose types are looked at: `-RADIUS..=RADIUS`.
pub const RADIUS: usize = 3;
/// The same, signed.
pub const REACH: isize = RADIUS.cast_signed();

/// A 64-bit hash of a string (FNV-1a, then mixed): stable across machines and versions, it is part of the model.
#[must_use]
pub fn hash_str(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for &byte in text.as_bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(hash)
}

/// Spreads the bits of a hash.
#[inline]
const fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash ^ (hash >> 29)
}

/// Set in features of the context.
pub const CONTEXT: u32 = 1 << 31;
/// Set in the lexicon's class of a certain word, whose tag stands in the lowest five bits.
pub const CERTAIN: u32 = 1 << 31;

/// The feature of a template of word types with one value.
#[inline]
const fn feature(template: u64, value: u64) -> u32 {
    (mix(value ^ template.wrapping_mul(0xD6E8_FEB8_6659_FD93)) >> 33) as u32
}

/// Two values as one.
#[inline]
const fn both(a: u64, b: u64) -> u64 {
    mix(a).wrapping_add(b).wrapping_mul(0xA076_1D64_78BD_642F)
}

/// How a word is capitalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Case {
    /// No letter at all.
    None,
    /// No capital.
    Lower,
    /// First letter only.
    Title,
    /// All of them (two or more).
    Upper,
    /// Anything else (`iPhone`, `McDonald`).
    Mixed,
}

/// How the words of a sentence are capitalised: a capital says little in a title, a small letter little in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Regime {
    /// Some words are capitalised.
    Usual,
    /// No capital anywhere.
    Lower,
    /// Most of the words are capitalised.
    Title,
    /// Most of the words are in capitals.
    Upper,
}

/// What is known of a word by itself.
#[derive(Clone, Debug)]
pub struct Word {
    /// Hash of the form.
    pub form: u64,
    /// Hash of the form in lower case.
    pub lower: u64,
    /// How it is capitalised.
    pub case: Case,
    /// More than three letters (short words of titles stay small).
    pub is_long: bool,
    /// The tags that the training text gave it, or a class of unknown words by their look (see [`class_of`]).
    pub class: u64,
    /// Hash of the last three letters in lower case.
    pub suffix3: u64,
    /// Hash of the last two letters in lower case.
    pub suffix2: u64,
    /// Hash of the shape: `Xxx-dd`, runs shortened to two.
    pub shape: u64,
    /// The tag of a certain word, else `Tag::COUNT`.
    pub certain: u8,
}

impl Word {
    /// What stands before the first and behind the last word.
    #[must_use]
    pub const fn edge() -> Self {
        Self {
            form: 1,
            lower: 1,
            case: Case::None,
            is_long: false,
            class: 1,
            suffix3: 1,
            suffix2: 1,
            shape: 1,
            certain: Tag::COUNT as u8,
        }
    }
}

/// The class of a word that the lexicon does not know, by its look.
fn class_of(lower: &str, case: Case) -> u64 {
    const ENDINGS: [&str; 14] =
        ["ing", "ed", "ly", "ness", "tion", "er", "est", "able", "al", "ous", "ies", "ss", "s", "y"];
    let has_digit = lower.bytes().any(|b| b.is_ascii_digit());
    let has_hyphen = lower.len() > 1 && lower.contains('-');
    let ending = ENDINGS.iter().position(|ending| lower.ends_with(ending)).unwrap_or(ENDINGS.len());
    1 << 40 | (case as u64) << 32 | u64::from(has_digit) << 31 | u64::from(has_hyphen) << 30 | ending as u64
}

/// Hash of a form in lower case, the curly apostrophe made straight: what the lexicon is asked for.
#[must_use]
pub fn lower_hash(form: &str) -> u64 {
    hash_str(&lower(form))
}

fn lower(form: &str) -> String {
    form.chars().flat_map(char::to_lowercase).map(|c| if c == '’' { '\'' } else { c }).collect()
}

/// The features of what stands before the first and behind the last word, as [`word`] calls `found`.
pub fn edge(mut found: impl FnMut(usize, u32)) {
    (0..=2 * RADIUS).for_each(|offset| found(offset, feature(offset as u64 * 64, 1)));
}

/// Looks at a word. `lexicon` gives the class of a lower-cased form by its hash, where the training text had it often
/// enough. Calls `found` with `(offset + RADIUS, feature)` for every feature of the type.
pub fn word(form: &str, lexicon: impl FnOnce(u64) -> Option<u32>, mut found: impl FnMut(usize, u32)) -> Word {
    let lower = lower(form);
    let (mut uppers, mut letters, mut first_upper) = (0, 0, false);
    for (i, c) in form.chars().enumerate() {
        letters += usize::from(c.is_alphabetic());
        uppers += usize::from(c.is_uppercase());
        first_upper |= i == 0 && c.is_uppercase();
    }
    let case = match uppers {
        _ if letters == 0 => Case::None,
        0 => Case::Lower,
        _ if uppers == letters && letters > 1 => Case::Upper,
        1 if first_upper => Case::Title,
        _ => Case::Mixed,
    };
    let shape = shape(form);
    let lower_hash = hash_str(&lower);
    let known = lexicon(lower_hash);
    let class = known.map_or_else(|| class_of(&lower, case), |class| u64::from(class & !CERTAIN));
    let certain = known.filter(|class| class & CERTAIN != 0).map_or(Tag::COUNT as u8, |class| (class & 31) as u8);
    let chars: Vec<(usize, char)> = lower.char_indices().collect();
    let suffix = |n: usize| if chars.len() > n { &lower[chars[chars.len() - n].0..] } else { &lower[..] };
    let prefix = |n: usize| if chars.len() > n { &lower[..chars[n].0] } else { &lower[..] };
    let word = Word {
        form: hash_str(form),
        lower: lower_hash,
        case,
        is_long: chars.len() > 3,
        class,
        suffix3: hash_str(suffix(3)),
        suffix2: hash_str(suffix(2)),
        shape: hash_str(&shape),
        certain,
    };
    for offset in 0..=2 * RADIUS {
        let distance = offset.abs_diff(RADIUS);
        let at = offset as u64 * 64;
        let mut add = |template: u64, value: u64| found(offset, feature(at + template, value));
        add(0, word.lower);
        add(1, word.class);
        if distance <= 2 {
            add(2, word.suffix3);
            add(3, word.shape);
        }
        if distance <= 1 {
            add(4, word.suffix2);
            add(5, word.form);
            add(6, hash_str(suffix(1)));
            add(7, hash_str(suffix(4)));
            add(8, hash_str(prefix(3)));
        }
        if distance == 0 {
            add(9, 0);
            add(10, hash_str(prefix(1)));
            add(11, hash_str(prefix(2)));
            add(12, hash_str(prefix(4)));
            add(13, hash_str(prefix(5)));
            add(14, hash_str(suffix(5)));
            add(15, both(word.case as u64, word.suffix3));
            add(16, chars.len().min(12) as u64);
            add(17, both(word.case as u64, word.class));
            add(18, both(word.shape, word.suffix2));
            add(19, hash_str(suffix(6)));
            if let Some(cut) = lower.rfind(['-', '/']).filter(|&cut| cut > 0 && cut + 1 < lower.len()) {
                add(20, hash_str(&lower[cut + 1..]));
                add(21, hash_str(&lower[..cut]));
            }
            // Simple stems: what the word would be without its ending is often a word of the training text.
            for (template, ending) in
                [(22, "s"), (23, "ed"), (24, "ing"), (25, "er"), (26, "ly"), (27, "es"), (28, "d")]
            {
                if let Some(stem) = lower.strip_suffix(ending).filter(|stem| stem.len() > 2) {
                    add(template, hash_str(stem));
                }
            }
            // Every run of three letters; of a word without end only the first ones.
            for triple in chars.windows(3).take(24) {
                let end = triple[2].0 + triple[2].1.len_utf8();
                add(29, hash_str(&lower[triple[0].0..end]));
            }
        }
    }
    word
}

/// `X` for a capital, `x` for a letter, `d` for a digit, else the character; runs shortened to two.
fn shape(form: &str) -> String {
    let mut shape = String::new();
    let mut run = 0;
    let mut last = '\0';
    for c in form.chars() {
        let kind = match c {
            _ if c.is_uppercase() => 'X',
            _ if c.is_alphabetic() => 'x',
            _ if c.is_numeric() => 'd',
            _ => c,
        };
        run = if kind == last { run + 1 } else { 1 };
        last = kind;
        if run <= 2 {
            shape.push(kind);
        }
    }
    shape
}

/// How a sentence is capitalised.
pub fn regime<'a>(words: impl Iterator<Item = &'a Word>) -> Regime {
    let (mut lower, mut title, mut upper, mut long, mut long_title) = (0, 0, 0, 0, 0);
    for word in words {
        let is_title = matches!(word.case, Case::Title | Case::Mixed);
        lower += usize::from(word.case == Case::Lower);
        title += usize::from(is_title);
        upper += usize::from(word.case == Case::Upper);
        if word.is_long && word.case != Case::None {
            long += 1;
            long_title += usize::from(word.case != Case::Lower);
        }
    }
    let words = lower + title + upper;
    if title + upper == 0 {
        Regime::Lower
    } else if words >= 3 && upper * 3 >= words * 2 {
        Regime::Upper
    } else if long >= 2 && long_title * 4 >= long * 3 {
        Regime::Title
    } else {
        Regime::Usual
    }
}

/// The features of a word's context. `at(offset)` gives the word at an offset from `-2` to `2`; `tag1` is the tag of the word
/// before, `tag2` of the one before that (`Tag::COUNT` at the edge).
#[inline]
pub fn context<'a>(
    at: impl Fn(isize) -> &'a Word,
    tag1: usize,
    tag2: usize,
    regime: Regime,
    mut found: impl FnMut(u32),
) {
    debug_assert!(tag1 <= Tag::COUNT && tag2 <= Tag::COUNT);
    let (before2, before, word, next, next2) = (at(-2), at(-1), at(0), at(1), at(2));
    let t1 = tag1 as u64 + 1;
    let t12 = t1 * 32 + tag2 as u64 + 1;
    let mut add = |template: u64, value: u64| found(feature(1024 + template, value) | CONTEXT);
    add(0, t1);
    add(1, t12);
    add(2, both(t1, word.lower));
    add(3, both(t12, word.class));
    add(4, both(t1, word.suffix3));
    add(5, both(t1, next.lower));
    add(6, both(t1, both(word.class, next.class)));
    add(7, both(before.lower, word.lower));
    add(8, both(word.lower, next.lower));
    add(9, both(before.lower, next.lower));
    add(10, both(before.class, both(word.class, next.class)));
    add(11, both(word.lower, next.class));
    add(12, both(next.class, next2.class));
    add(13, both(word.class, both(next.class, next2.class)));
    add(14, both(word.suffix3, next.class));
    add(15, both(before.class, word.lower));
    add(16, both(t12, next.class));
    add(17, both(before2.class, both(before.class, word.class)));
    let look = (regime as u64) << 8 | word.case as u64;
    add(18, both(look, word.class));
    add(19, both(look << 1 | u64::from(before.form == 1), t1));
    add(20, both(look, word.suffix3));
    add(21, both(look << 16 | (before.case as u64) << 4 | next.case as u64, word.class));
    add(22, both(before.lower, both(before2.lower, 7)));
    add(23, both(next.lower, both(next2.lower, 7)));
    add(24, both(t1, both(word.lower, next.class)));
}
