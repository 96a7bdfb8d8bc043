//! Texts of the demo: they tell what was drawn, in the varied wording of a shop.

use serde_json::json;

use super::canvas::Pattern;
use super::dice::Dice;
use super::scenes::{self, Class};
use super::shop::{self, Product};
use super::{DemoOptions, Record, write};

/// Invented makers.
pub(super) const BRANDS: [&str; 40] = [
    "Nordvik",
    "Lumen & Pine",
    "Halle Studio",
    "Ostra",
    "Piccolina",
    "Marlowe",
    "Tindra",
    "Casa Verano",
    "Bergholm",
    "Kito",
    "Fernweh",
    "Solenne",
    "Brindle",
    "Atelier Roux",
    "Maple Row",
    "Vantaa",
    "Ombra",
    "Quillon",
    "Sable & Sage",
    "Tern",
    "Hazel Court",
    "Linnea",
    "Porto Azul",
    "Grayling",
    "Mira Lund",
    "Okapi",
    "Juniper Lane",
    "Velden",
    "Caldera",
    "Pomelo",
    "Westerly",
    "Arno",
    "Brisa",
    "Dovetail",
    "Elmstead",
    "Foxglove",
    "Isla",
    "Kestrel",
    "Larkspur",
    "Moss & Co",
];

/// The pattern as titles say it; empty for plain.
const fn pattern_word(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Plain => "",
        Pattern::Striped => "Striped",
        Pattern::Pinstriped => "Pinstriped",
        Pattern::PolkaDot => "Polka Dot",
        Pattern::Checked => "Checked",
        Pattern::Zigzag => "Zigzag",
        Pattern::TwoTone => "Two-Tone",
        Pattern::Speckled => "Speckled",
        Pattern::Floral => "Floral",
    }
}

/// The parts that are not empty, with spaces between.
fn join(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) { "an" } else { "a" }
}

fn is_pair(noun: &str) -> bool {
    noun.ends_with('s') && !noun.ends_with("ss")
}

pub(super) fn shop_record(product: &Product, index: u32, options: &DemoOptions, dice: &mut Dice) -> Record {
    let (leaf, colour) = (product.leaf, product.colour.name);
    let (noun, material, pattern) = (leaf.noun, product.material, pattern_word(product.pattern));
    let brand = product.brand.map(|brand| BRANDS[brand]);
    let maker = brand.unwrap_or("");
    let title = match dice.below(5) {
        0 | 1 => format!("{}, {colour}", join(&[maker, pattern, material, noun])),
        2 => join(&[maker, colour, pattern, noun]),
        3 => format!("{} ({})", join(&[maker, material, noun]), join(&[colour, pattern])),
        _ => format!("{} {noun}, {}, {}", join(&[colour, pattern]), material, product.size),
    };
    let title = if dice.chance(0.04) { title.to_lowercase() } else { title };

    let plain = join(&[colour, pattern, material]).to_lowercase();
    let lower = if noun == "T-Shirt" { noun.to_owned() } else { noun.to_lowercase() };
    let thing = if is_pair(noun) {
        format!("a pair of {plain} {lower}")
    } else {
        format!("{} {plain} {lower}", article(&plain))
    };
    let accent = product.accent.filter(|_| product.pattern != Pattern::Plain);
    let with = accent.map_or(String::new(), |accent| {
        format!(" with {} {}", accent.name.to_lowercase(), pattern_noun(product.pattern))
    });
    let caption = match dice.below(4) {
        0 => thing.clone() + &with,
        1 => format!("{thing}{with} on a plain background"),
        2 => format!("product photo of {thing}"),
        _ => title.clone(),
    };

    let bullets = bullets(product, dice);
    let description = dice.chance(0.68).then(|| description(product, &lower, maker, dice));
    let price = dice.chance(0.8).then(|| {
        let (from, to) = leaf.price;
        // Cheap ones are commoner.
        let part = dice.unit() * dice.unit();
        let whole = from + ((to - from) as f32 * part) as u32;
        let cents = dice.pick(&["00", "50", "90", "95", "99"]);
        format!("{whole}.{cents} EUR")
    });
    let attributes = json!({
        "colour": colour,
        "accent": product.accent.map(|accent| accent.name),
        "pattern": if pattern.is_empty() { "Plain" } else { pattern },
        "material": material,
        "size": product.size,
    });
    Record {
        caption,
        title: Some(title),
        description,
        brand: brand.map(str::to_owned),
        price,
        taxonomy: leaf.path.iter().map(|&part| part.to_owned()).collect(),
        leaf: leaf.path[2].to_owned(),
        bullets,
        attributes: attributes.to_string(),
        ..common(shop::SOURCE, index, options)
    }
}

const fn pattern_noun(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Plain => "details",
        Pattern::Striped | Pattern::Pinstriped => "stripes",
        Pattern::PolkaDot => "dots",
        Pattern::Checked => "checks",
        Pattern::Zigzag => "zigzags",
        Pattern::TwoTone => "contrast",
        Pattern::Speckled => "speckles",
        Pattern::Floral => "flowers",
    }
}

fn bullets(product: &Product, dice: &mut Dice) -> Vec<String> {
    if dice.chance(0.1) {
        return Vec::new();
    }
    let leaf = product.leaf;
    let pattern = pattern_word(product.pattern);
    let mut all = vec![
        format!(
            "Colour: {}",
            product.accent.map_or_else(
                || product.colour.name.to_owned(),
                |accent| format!("{} with {}", product.colour.name, accent.name)
            )
        ),
        format!("Material: {}", product.material),
        format!("Size: {}", product.size),
        format!("{} {}", product.trim.name, leaf.trim_of),
    ];
    if !pattern.is_empty() {
        all.push(format!("{pattern} design"));
    }
    let keep = 2 + dice.below(3);
    while all.len() > keep {
        all.remove(dice.below(all.len()));
    }
    all
}

fn description(product: &Product, noun: &str, maker: &str, dice: &mut Dice) -> String {
    let leaf = product.leaf;
    let (colour, material) = (product.colour.name.to_lowercase(), product.material.to_lowercase());
    let plural = is_pair(noun);
    let (this, is) = if plural { ("These", "are") } else { ("This", "is") };
    let (it, has) = if plural { ("They", "have") } else { ("It", "has") };
    let mut sentences = vec![match dice.below(4) {
        0 => format!("{this} {noun} {is} made of {material} in {colour}."),
        1 if !maker.is_empty() => {
            format!("{maker} makes {} for people who use things every day.", capital_kept(leaf.path[2]))
        }
        2 => format!("{} {noun} in {colour}, simple and sturdy.", capital(&material)),
        _ => format!("A quiet design in {colour} that goes with almost anything."),
    }];
    sentences.push(match product.accent {
        Some(accent) if product.pattern != Pattern::Plain => {
            format!("{it} {has} {} in {}.", pattern_noun(product.pattern), accent.name.to_lowercase())
        }
        Some(accent) => format!("Details in {} set it off.", accent.name.to_lowercase()),
        None => format!("One colour throughout: {colour}."),
    });
    if dice.chance(0.6) {
        sentences.push(format!(
            "The {} {} {}.",
            leaf.trim_of,
            if leaf.trim_of.ends_with('s') { "are" } else { "is" },
            product.trim.name.to_lowercase()
        ));
    }
    if dice.chance(0.5) {
        sentences.push(match dice.below(4) {
            0 => format!("Size {}.", product.size),
            1 => "Packed without plastic.".to_owned(),
            2 => format!("Part of our {} range.", leaf.path[1].to_lowercase()),
            _ => "A gift that will be used.".to_owned(),
        });
    }
    sentences.join(" ")
}

/// A leaf's name within a sentence: small letters, but for the T of a T-shirt.
fn capital_kept(leaf: &str) -> String {
    leaf.to_lowercase().replace("t-shirt", "T-shirt")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

pub(super) fn scene_record(class: &Class, index: u32, options: &DemoOptions) -> Record {
    let attributes = json!({
        "wnid": class.path.last().expect("a path has a class").0,
        "class_index": scenes::CLASSES.iter().position(|other| std::ptr::eq(other, class)),
        "lemmas": class.lemmas,
        "taxonomy_wnids": class.path.iter().map(|node| node.0).collect::<Vec<_>>(),
    });
    Record {
        caption: class.lemmas.join(", "),
        title: Some(class.lemmas[0].to_owned()),
        taxonomy: class.path.iter().map(|node| node.1.to_owned()).collect(),
        leaf: class.lemmas[0].to_owned(),
        attributes: attributes.to_string(),
        ..common(scenes::SOURCE, index, options)
    }
}

/// The fields that every sample has in common.
fn common(source: &str, index: u32, options: &DemoOptions) -> Record {
    let size = options.size.max(16);
    let key = write::key(index);
    Record {
        url: String::new(),
        caption: String::new(),
        title: None,
        description: None,
        brand: None,
        price: None,
        taxonomy: Vec::new(),
        leaf: String::new(),
        bullets: Vec::new(),
        source: format!("shopscope {source}"),
        source_path: format!("{source}/{key}.jpg"),
        license: "CC0-1.0".to_owned(),
        attributes: String::new(),
        key,
        status: "success".to_owned(),
        error_message: None,
        width: size,
        height: size,
        original_width: size,
        original_height: size,
        exif: "{}".to_owned(),
    }
}
