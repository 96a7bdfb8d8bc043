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

/// The class that a text means: its index, its name, or one of the words in its name ("tench" of "tench, Tinca tinca");
/// the case of letters does not count. Of several the first, whole names before single words.
#[must_use]
pub fn find(classes: &[String], text: &str) -> Option<usize> {
    let text = text.trim();
    let same = |name: &str| name.trim().to_lowercase() == text.to_lowercase();
    let whole = classes.iter().position(|name| same(name));
    let word = || classes.iter().position(|name| name.split(" (").next().unwrap_or(name).split(',').any(same));
    whole.or_else(word)
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
        let check = |text, expect| assert_eq!(find(&classes, text), expect, "{text}");
        check("tench", Some(3));
        check("tinca TINCA", Some(0));
        check(" crane ", Some(1));
        check("crane (lifting device)", Some(2));
        check("fish", None);
        check("", None);
    }
}
