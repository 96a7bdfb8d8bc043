//! Universal part-of-speech tags of captions.
//!
//! A greedy linear tagger: from left to right, each word gets the tag with the highest sum of weights of its [`features`]. The weights were
//! trained by `examples/train_tagger.rs` on the English Web Treebank of Universal Dependencies and stand in `assets/pos/`
//! (licence CC BY-SA 4.0, see there). What depends on one word only is summed once per word type and kept by the [`Session`],
//! so that a word costs seven rows of a small cache and some twenty look-ups for its context.
//!
//! Another tagger (an ONNX token classifier, say) takes the place of this one by implementing [`TagWords`].

pub mod features;
pub mod model;
mod split;

use std::collections::HashMap;
use std::sync::LazyLock;

use features::{RADIUS, REACH, Word};
use model::{LANES, Model, Scores};
pub use split::{Sentences, split};

/// The 17 tags of Universal Dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[repr(u8)]
#[expect(missing_docs, reason = "the names of Universal Dependencies are their own documentation")]
pub enum Tag {
    Adj,
    Adp,
    Adv,
    Aux,
    Cconj,
    Det,
    Intj,
    Noun,
    Num,
    Part,
    Pron,
    Propn,
    Punct,
    Sconj,
    Sym,
    Verb,
    X,
}

impl Tag {
    /// Number of tags.
    pub const COUNT: usize = 17;

    /// All of them, in the order of their numbers (alphabetical).
    pub const ALL: [Self; Self::COUNT] = [
        Self::Adj,
        Self::Adp,
        Self::Adv,
        Self::Aux,
        Self::Cconj,
        Self::Det,
        Self::Intj,
        Self::Noun,
        Self::Num,
        Self::Part,
        Self::Pron,
        Self::Propn,
        Self::Punct,
        Self::Sconj,
        Self::Sym,
        Self::Verb,
        Self::X,
    ];

    /// The name as Universal Dependencies write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        [
            "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT",
            "SCONJ", "SYM", "VERB", "X",
        ][self as usize]
    }

    /// The tag of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tag| tag.name() == name)
    }
}

/// Gives each word of a sentence its tag.
pub trait TagWords {
    /// Tags one sentence: `tags` gets one tag for each word, what was in it is replaced.
    fn tag(&mut self, words: &[&str], tags: &mut Vec<Tag>);
}

impl<T: TagWords + ?Sized> TagWords for &mut T {
    fn tag(&mut self, words: &[&str], tags: &mut Vec<Tag>) {
        (**self).tag(words, tags);
    }
}

/// A model's bytes cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the part-of-speech model is damaged or of another version; train it again with examples/train_tagger.rs")]
pub struct BadModel;

/// The tagger: read-only, shared by all threads; each works with a [`Session`] of its own.
pub struct Tagger {
    model: Model,
    edge: Entry,
}

/// A word type.
struct Entry {
    word: Word,
    rows: [Scores; 2 * RADIUS + 1],
}

static BUNDLED: &[u8] = include_bytes!("../../../../assets/pos/tagger.bin");

impl Tagger {
    /// The bundled English tagger; unpacked at first use (some tens of milliseconds).
    #[must_use]
    pub fn bundled() -> &'static Self {
        static TAGGER: LazyLock<Tagger> =
            LazyLock::new(|| Tagger::from_bytes(BUNDLED).expect("the bundled model is tested"));
        &TAGGER
    }

    /// A tagger from the bytes of a model file.
    ///
    /// # Errors
    /// [`BadModel`] if they are damaged or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadModel> {
        let unpacked = zstd::decode_all(bytes).map_err(|_| BadModel)?;
        let model = Model::parse(&unpacked).ok_or(BadModel)?;
        let (word, rows) = model.edge();
        Ok(Self { model, edge: Entry { word, rows } })
    }

    /// A session: what one thread tags with.
    #[must_use]
    pub fn session(&self) -> Session<'_> {
        Session {
            tagger: self,
            ids: HashMap::default(),
            entries: Vec::new(),
            sentence: Vec::new(),
            remembered: REMEMBERED,
        }
    }
}

/// Word types a session remembers; then it starts afresh. 14 MB; a hundred thousand captions share most of theirs.
const REMEMBERED: usize = 1 << 15;

/// A thread's way to tag with a [`Tagger`]: remembers word types. The tags never depend on what was tagged before.
pub struct Session<'a> {
    tagger: &'a Tagger,
    ids: HashMap<Box<str>, u32, rustc_hash::FxBuildHasher>,
    entries: Vec<Entry>,
    sentence: Vec<u32>,
    /// Word types to remember.
    remembered: usize,
}

impl Session<'_> {
    fn entry(&mut self, form: &str) -> u32 {
        if let Some(&id) = self.ids.get(form) {
            return id;
        }
        let (word, rows) = self.tagger.model.word(form);
        self.entries.push(Entry { word, rows });
        let id = self.entries.len() as u32 - 1;
        self.ids.insert(form.into(), id);
        id
    }
}

impl TagWords for Session<'_> {
    fn tag(&mut self, words: &[&str], tags: &mut Vec<Tag>) {
        if self.entries.len() > self.remembered {
            self.ids.clear();
            self.entries.clear();
        }
        let mut sentence = std::mem::take(&mut self.sentence);
        sentence.clear();
        sentence.extend(words.iter().map(|word| self.entry(word)));
        let regime = features::regime(sentence.iter().map(|&id| &self.entries[id as usize].word));
        let at = |i: usize, offset: isize| {
            let id = i.checked_add_signed(offset).and_then(|at| sentence.get(at));
            id.map_or(&self.tagger.edge, |&id| &self.entries[id as usize])
        };
        let (mut tag1, mut tag2) = (Tag::COUNT, Tag::COUNT);
        tags.clear();
        for i in 0..sentence.len() {
            let near: [&Entry; 2 * RADIUS + 1] = std::array::from_fn(|offset| at(i, offset.cast_signed() - REACH));
            let certain = near[RADIUS].word.certain as usize;
            if certain < Tag::COUNT {
                (tag2, tag1) = (tag1, certain);
                tags.push(Tag::ALL[certain]);
                continue;
            }
            let mut scores: Scores = [0; LANES];
            for (offset, entry) in near.iter().enumerate() {
                scores.iter_mut().zip(entry.rows[offset]).for_each(|(score, row)| *score += row);
            }
            features::context(
                |offset| &near[(offset + REACH).cast_unsigned()].word,
                tag1,
                tag2,
                regime,
                |feature| self.tagger.model.add(feature, &mut scores),
            );
            let best = (1..Tag::COUNT).fold(0, |best, tag| if scores[tag] > scores[best] { tag } else { best });
            (tag2, tag1) = (tag1, best);
            tags.push(Tag::ALL[best]);
        }
        self.sentence = sentence;
    }
}

#[cfg(test)]
mod tests;
