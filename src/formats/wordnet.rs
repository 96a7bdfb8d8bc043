//! WordNet's nouns, for folders that are named by wnid: names of a class and its path from the root.
//!
//! `assets/wordnet/nouns.txt.zst` (built by a script of this repository) holds one line a noun synset of WordNet 3.0 in
//! the order of offsets: `OFFSET<TAB>lemma|lemma<TAB>hypernym[,hypernym]`, offsets of eight digits, hypernyms before instance
//! hypernyms, each in the order of `data.noun`. It is unpacked once, when a wnid is first asked for.
//!
//! A synset with several hypernyms has several paths to the root. The one here is the longest, and among those of one length
//! the one whose offsets, read from the root down, are the largest (the rule behind the paths of published ImageNet tables).

use std::sync::OnceLock;

/// A noun synset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synset {
    /// Its words, the usual one first.
    pub lemmas: Vec<String>,
    /// The first words of the synsets from the root (`entity`) down to this one.
    pub path: Vec<String>,
}

static NOUNS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/wordnet/nouns.txt.zst"));
static CLASSES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/wordnet/imagenet1k.txt"));

/// The unpacked table with the place of each line.
struct Table {
    text: String,
    /// Offset of the synset and start of its line, in order of offsets.
    lines: Vec<(u32, u32)>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let bytes = zstd::stream::decode_all(NOUNS).expect("the table is part of the program");
        Table::new(String::from_utf8(bytes).expect("the table is UTF-8"))
    })
}

impl Table {
    fn new(text: String) -> Self {
        let mut lines = Vec::with_capacity(82_200);
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if let Some(offset) = line.get(..8).and_then(|offset| offset.parse().ok()) {
                lines.push((offset, start as u32));
            }
            start += line.len();
        }
        Self { text, lines }
    }

    /// Lemmas and hypernyms of a synset.
    fn line(&self, offset: u32) -> Option<(&str, &str)> {
        let at = self.lines.binary_search_by_key(&offset, |line| line.0).ok()?;
        let line = self.text[self.lines[at].1 as usize..].lines().next()?;
        let mut columns = line.split('\t').skip(1);
        Some((columns.next()?, columns.next().unwrap_or_default()))
    }

    fn synset(&self, offset: u32) -> Option<Synset> {
        let (lemmas, _) = self.line(offset)?;
        let first = |offset: &u32| Some(self.line(*offset)?.0.split('|').next()?.to_owned());
        let path = self.path(offset, 0).iter().filter_map(first).collect();
        Some(Synset { lemmas: lemmas.split('|').map(str::to_owned).collect(), path })
    }

    /// The offsets from the root down to a synset.
    fn path(&self, offset: u32, depth: usize) -> Vec<u32> {
        let hypernyms = self.line(offset).map_or("", |line| line.1);
        let above = hypernyms.split(',').filter_map(|hypernym| hypernym.parse().ok());
        // WordNet is at most 20 deep; a damaged table must not turn in a circle.
        let paths = above.filter(|_| depth < 40).map(|hypernym| self.path(hypernym, depth + 1));
        let mut path = paths.max_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b))).unwrap_or_default();
        path.push(offset);
        path
    }
}

/// The synset of a WordNet id such as `n01440764`; `None` for what is no noun of WordNet 3.0.
#[must_use]
pub fn synset(wnid: &str) -> Option<Synset> {
    table().synset(offset(wnid)?)
}

/// The wnids of ImageNet-1k's thousand classes, in the order of class indices (sorted).
#[must_use]
pub fn classes() -> &'static [&'static str] {
    static INDEX: OnceLock<Vec<&str>> = OnceLock::new();
    INDEX.get_or_init(|| CLASSES.lines().collect())
}

/// The class index of a wnid in ImageNet-1k: its position in sorted order. `None` for other synsets.
#[must_use]
pub fn class_index(wnid: &str) -> Option<u32> {
    classes().binary_search(&wnid).ok().map(|at| at as u32)
}

/// The wnid of a class of ImageNet-1k: the reverse of [`class_index`].
#[must_use]
pub fn class_wnid(class: u32) -> Option<&'static str> {
    classes().get(class as usize).copied()
}

fn offset(wnid: &str) -> Option<u32> {
    super::fields::is_wnid(wnid).then(|| wnid[1..].parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_is_taken_and_of_equals_the_largest() {
        let check = |lines: &str, expect: &str| {
            let table = Table::new(lines.to_owned());
            assert_eq!(table.synset(9).unwrap().path.join(" "), expect);
        };
        check("00000001\troot\t\n00000009\tleaf|other\t00000001\n", "root leaf");
        check("00000001\troot\t\n00000002\tmid\t00000001\n00000009\tleaf\t00000001,00000002\n", "root mid leaf");
        check(
            "00000001\troot\t\n00000002\ta\t00000001\n00000003\tb\t00000001\n00000009\tleaf\t00000003,00000002\n",
            "root b leaf",
        );
        check("00000009\tleaf\t00000009\n", &["leaf"; 41].join(" "));
    }

    #[test]
    fn the_table_knows_its_nouns_and_classes() {
        let tench = synset("n01440764").unwrap();
        assert_eq!(tench.lemmas, ["tench", "Tinca tinca"]);
        assert_eq!((tench.path.first().unwrap().as_str(), tench.path.last().unwrap().as_str()), ("entity", "tench"));
        let check =
            |wnid, index, known| assert_eq!((class_index(wnid), synset(wnid).is_some()), (index, known), "{wnid}");
        check("n01440764", Some(0), true);
        check("n15075141", Some(999), true);
        check("n00001740", None, true);
        check("n00000001", None, false);
        check("1440764", None, false);
        check("", None, false);
    }
}
