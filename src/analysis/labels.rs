//! Which class of a model a sample is, by what the sample says of itself.
//!
//! The rules, the first that decides wins. Nothing is guessed where a rule does not decide: a sample without a class has no part in accuracy.
//!
//! 1. **wnid.** Where the model's classes are ImageNet-1k (a thousand, named as its synsets in order), the sample's wnid is the
//!    class. A wnid beyond ImageNet-1k means that the sample is of no class. Other models' classes have no wnids.
//! 2. **`class_index`.** An index counts in the dataset's own list, which need not be the model's: it is trusted where the leaf's name is the
//!    model's name for that index, or, where the sample has no leaf and no wnid at all, if the model's classes are ImageNet-1k.
//! 3. **leaf.** The class of the same name. Names are compared in [normal form](normal); a class of several names ("tench, Tinca tinca")
//!    is found by each of them, by the first one first. A name that two classes share ("crane") decides nothing.

use rustc_hash::FxHashMap;

use crate::catalog::ClassFields;
use crate::formats::wordnet;

/// The classes of ImageNet-1k.
const IMAGENET: usize = 1000;

/// Of a thousand names this many must be those of ImageNet's synsets: lists in use differ in a few names.
const IMAGENET_NAMES: usize = 900;

/// Finds classes of one model.
#[derive(Clone, Debug, Default)]
pub struct ClassMap {
    names: Vec<Vec<String>>,
    /// Class by normal form of its first name; `None` where two share it.
    first: FxHashMap<String, Option<u32>>,
    /// The same by the other names.
    other: FxHashMap<String, Option<u32>>,
    imagenet: bool,
}

impl ClassMap {
    /// For a model with these classes, in output order.
    #[must_use]
    pub fn new(classes: &[String]) -> Self {
        let names: Vec<Vec<String>> = classes.iter().map(|name| forms(name)).collect();
        let mut map = Self { imagenet: is_imagenet(&names), ..Self::default() };
        for (class, names) in (0..).zip(&names) {
            for (at, name) in names.iter().enumerate() {
                let table = if at == 0 { &mut map.first } else { &mut map.other };
                let entry = table.entry(name.clone()).or_insert(Some(class));
                if *entry != Some(class) {
                    *entry = None;
                }
            }
        }
        map.names = names;
        map
    }

    /// True if the classes are those of ImageNet-1k in its order.
    #[must_use]
    pub fn is_imagenet(&self) -> bool {
        self.imagenet
    }

    /// The class of a sample, `None` where no rule decides.
    #[must_use]
    pub fn class_of(&self, fields: ClassFields<'_>) -> Option<u32> {
        if self.imagenet
            && let Some(wnid) = fields.wnid
        {
            return wordnet::class_index(wnid);
        }
        let leaf = fields.leaf.map(normal).filter(|leaf| !leaf.is_empty());
        if let Some(index) = fields.class_index
            && let Some(names) = self.names.get(index as usize)
        {
            let agrees = match &leaf {
                Some(leaf) => names.contains(leaf),
                None => self.imagenet && fields.wnid.is_none(),
            };
            if agrees {
                return Some(index);
            }
        }
        let leaf = leaf?;
        match self.first.get(&leaf) {
            Some(class) => *class,
            None => self.other.get(&leaf).copied().flatten(),
        }
    }
}

fn is_imagenet(names: &[Vec<String>]) -> bool {
    if names.len() != IMAGENET {
        return false;
    }
    let fits = |(class, names): (u32, &Vec<String>)| {
        let synset = wordnet::class_wnid(class).and_then(wordnet::synset);
        synset.is_some_and(|synset| synset.lemmas.iter().any(|lemma| names.contains(&normal(lemma))))
    };
    (0..).zip(names).filter(|pair| fits(*pair)).count() >= IMAGENET_NAMES
}

/// The names of a class in normal form: what stands between commas, the first one first, then the whole. What follows in parentheses tells
/// classes of one name apart ("crane (wading bird)") and is part of the whole only.
fn forms(name: &str) -> Vec<String> {
    let mut forms: Vec<String> = Vec::new();
    let names = name.split(" (").next().unwrap_or(name);
    for form in names.split(',').map(normal).chain([normal(name)]) {
        if !form.is_empty() && !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// A name as it is compared: lower case, runs of anything but letters and digits as one blank, and its last word in the singular
/// (`T-Shirts`, `t_shirt` and `T-shirt` are one).
#[must_use]
pub fn normal(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut form = words.collect::<Vec<_>>().join(" ");
    let last = form.rfind(' ').map_or(0, |at| at + 1);
    let one = singular(&form[last..]);
    form.replace_range(last.., &one);
    form
}

/// The singular by the usual rules of English; both sides of a comparison go through it, so that a wrong guess does no harm.
fn singular(word: &str) -> String {
    if word.chars().count() < 4 || word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for end in ["sses", "shes", "ches", "xes", "zes"] {
        if word.ends_with(end) {
            return word[..word.len() - 2].to_owned();
        }
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields<'a>(leaf: Option<&'a str>, wnid: Option<&'a str>, class_index: Option<u32>) -> ClassFields<'a> {
        ClassFields { leaf, wnid, class_index }
    }

    #[test]
    fn names_in_normal_form() {
        let check = |name: &str, expect: &str| assert_eq!(normal(name), expect, "{name}");
        check("T-Shirts", "t shirt");
        check("t_shirt", "t shirt");
        check("Dresses", "dress");
        check("Dress", "dress");
        check("Watches", "watch");
        check("Accessories", "accessory");
        check("Jewelry Boxes", "jewelry box");
        check("bus", "bus");
        check("Sunglasses", "sunglass");
        check("gas", "gas");
        check("iris", "iris");
        check("  ", "");
        check("Café_Tables", "café table");
    }

    fn demo() -> ClassMap {
        ClassMap::new(
            &["cup", "teapot", "T-shirt, tee shirt", "crane (wading bird)", "crane", "dress"].map(str::to_owned),
        )
    }

    #[test]
    fn a_sample_maps_by_name_or_by_an_index_that_its_name_confirms() {
        let map = demo();
        let check = |leaf, wnid, index, expect| {
            assert_eq!(map.class_of(fields(leaf, wnid, index)), expect, "{leaf:?} {wnid:?} {index:?}");
        };
        check(Some("Cups"), None, None, Some(0));
        check(Some("T_Shirts"), None, None, Some(2));
        check(Some("tee shirt"), None, None, Some(2));
        check(Some("Dresses"), None, Some(5), Some(5));
        // Two classes of one name: only the index tells them apart.
        check(Some("crane"), None, None, None);
        check(Some("crane"), None, Some(4), Some(4));
        check(Some("crane"), None, Some(3), Some(3));
        check(Some("Crane (wading bird)"), None, None, Some(3));
        // An index of another list is not believed; the name is.
        check(Some("teapot"), None, Some(0), Some(1));
        check(Some("boat"), None, Some(1), None);
        check(None, None, Some(1), None);
        check(None, Some("n01440764"), Some(1), None);
        check(Some("cup"), Some("n01440764"), None, Some(0));
        check(Some("cup"), None, Some(99), Some(0));
        check(None, None, None, None);
        assert!(!map.is_imagenet());
    }

    fn imagenet() -> Vec<String> {
        let name = |class| wordnet::class_wnid(class).and_then(wordnet::synset).expect("a class").lemmas.join(", ");
        (0..1000).map(name).collect()
    }

    #[test]
    fn the_wnid_decides_where_the_classes_are_those_of_imagenet() {
        let names = imagenet();
        let map = ClassMap::new(&names);
        assert!(map.is_imagenet());
        let check = |leaf, wnid, index, expect| {
            assert_eq!(map.class_of(fields(leaf, wnid, index)), expect, "{leaf:?} {wnid:?} {index:?}");
        };
        check(Some("tench"), Some("n01440764"), Some(0), Some(0));
        check(None, Some("n04065272"), None, Some(757));
        // The wnid is right where the index is of another list.
        check(Some("tench"), Some("n01440764"), Some(7), Some(0));
        // A synset beyond the thousand is none of them, whatever it is called.
        check(Some("tench"), Some("n00001740"), None, None);
        check(None, None, Some(757), Some(757));
        check(Some("recreational vehicles"), None, None, Some(757));
        // Index 3 of the demo is a leaf of its own, not a shark.
        check(Some("fence"), None, Some(3), None);
        check(Some("crane"), None, None, None);
        // The same names in another order are another list.
        let mut turned = names.clone();
        turned.rotate_left(1);
        assert!(!ClassMap::new(&turned).is_imagenet());
        assert!(!ClassMap::new(&names[..999]).is_imagenet());
    }
}
