//! Names of classes: ImageNet-1k's are in the program, others come from a list.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use crate::formats::wordnet;

/// What a card calls the bundled list.
pub const IMAGENET: &str = "imagenet-1k";

/// The thousand classes of ImageNet-1k in output order, each with all its words ("tench, Tinca tinca").
///
/// Where two classes have the same words, the class above is added: "crane (wading bird)".
#[must_use]
pub fn imagenet() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let synsets: Vec<_> = wordnet::classes().iter().filter_map(|wnid| wordnet::synset(wnid)).collect();
        let words: Vec<String> = synsets.iter().map(|synset| synset.lemmas.join(", ")).collect();
        let mut uses: FxHashMap<&str, usize> = FxHashMap::default();
        for words in &words {
            *uses.entry(words).or_default() += 1;
        }
        let name = |(words, synset): (&String, &wordnet::Synset)| match synset.path.iter().rev().nth(1) {
            Some(above) if uses[words.as_str()] > 1 => format!("{words} ({above})"),
            _ => words.clone(),
        };
        words.iter().zip(&synsets).map(name).collect()
    })
}

/// The classes that a text means: by their name, else by one of the words in their name ("tench" of "tench, Tinca tinca");
/// the case of letters does not count.
#[must_use]
pub fn find(classes: &[String], text: &str) -> Vec<usize> {
    let text = text.trim().to_lowercase();
    if text.is_empty() {
        return Vec::new();
    }
    let same = |name: &str| name.trim().to_lowercase() == text;
    let all = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
        classes.iter().enumerate().filter(|(_, name)| fits(name)).map(|(at, _)| at).collect()
    };
    let whole = all(&same);
    if !whole.is_empty() {
        return whole;
    }
    all(&|name| name.split(" (").next().unwrap_or(name).split(',').any(same))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imagenet_has_a_thousand_different_names() {
        let names = imagenet();
        assert_eq!(names.len(), 1000);
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), 1000);
        assert_eq!(
            (names[0].as_str(), names[999].as_str()),
            ("tench, Tinca tinca", "toilet tissue, toilet paper, bathroom tissue")
        );
    }

    #[test]
    fn classes_are_found_by_name_or_word() {
        let classes =
            ["tench, Tinca tinca", "crane (wading bird)", "crane (lifting device)", "Tench"].map(str::to_owned);
        let check = |text, expect: &[usize]| assert_eq!(find(&classes, text), expect, "{text}");
        // A whole name goes before a word of another.
        check("tench", &[3]);
        check("tinca TINCA", &[0]);
        check(" crane ", &[1, 2]);
        check("crane (lifting device)", &[2]);
        check("fish", &[]);
        check("", &[]);
    }
}
