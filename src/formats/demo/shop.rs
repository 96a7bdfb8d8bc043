//! `demo-shop`: 24 leaves, their looks, and one thing on a plain ground.

use super::canvas::{Canvas, Pattern, Skin, oval, rect};
use super::colour::{GROUNDS, INK, Named, PALETTE, Rgb, WHITE};
use super::dice::Dice;
use super::shapes::{Look, Thing};
use super::{Dataset, DemoOptions, RenderedSample, class_of, jpeg, shadow, words};

/// A leaf of the taxonomy and what its things can look like.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Root, group, leaf.
    pub(super) path: [&'static str; 3],
    pub(super) thing: Thing,
    /// One of it, as titles say.
    pub(super) noun: &'static str,
    pub(super) materials: &'static [&'static str],
    pub(super) patterns: &'static [Pattern],
    pub(super) colours: &'static [Named],
    pub(super) trims: &'static [Named],
    /// What the trim is the colour of, for texts (`handle`, `legs`).
    pub(super) trim_of: &'static str,
    pub(super) sizes: &'static [&'static str],
    /// Whole euros, from and to.
    pub(super) price: (u32, u32),
}

/// What was chosen for one sample; texts tell it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    pub(super) leaf: &'static Leaf,
    pub(super) colour: Named,
    pub(super) accent: Option<Named>,
    pub(super) pattern: Pattern,
    pub(super) trim: Named,
    pub(super) material: &'static str,
    pub(super) size: &'static str,
    /// Index into the brands; `None` where the shop names no brand.
    pub(super) brand: Option<usize>,
}

const fn n(name: &'static str, value: u32) -> Named {
    Named { name, rgb: Rgb::hex(value) }
}

const METALS: [Named; 4] =
    [n("Gold", 0x00E0_B04C), n("Silver", 0x00C4_CBD3), n("Rose Gold", 0x00DD_A58C), n("Brass", 0x00C9_A14A)];
const WOODS: [Named; 4] =
    [n("Oak", 0x00CF_A06E), n("Walnut", 0x007E_553C), n("Beech", 0x00E0_BC8C), n("Black", 0x003E_3C46)];
const CAPS: [Named; 4] =
    [n("Steel", 0x00B9_C2CB), n("Black", 0x003E_3C46), n("Bamboo", 0x00D2_AA72), n("White", 0x00F0_EEE8)];
const SOLES: [Named; 4] =
    [n("White", 0x00F2_EFE6), n("Gum", 0x00C0_8A52), n("Black", 0x0034_333C), n("Grey", 0x009C_A1A8)];
const STRAPS: [Named; 3] = [n("Tan", 0x00B5_7F50), n("Black", 0x003E_3C46), n("Grey", 0x0088_8D98)];
const WINES: [Named; 4] =
    [n("Ruby", 0x008E_2440), n("Rosé", 0x00EC_9C94), n("Gold", 0x00EB_CB6A), n("Garnet", 0x006E_2338)];
const GEMS: [Named; 8] = [
    n("Ruby", 0x00C4_2B4C),
    n("Sapphire", 0x002F_58B0),
    n("Emerald", 0x0024_8A62),
    n("Amethyst", 0x008A_5AB8),
    n("Citrine", 0x00EF_B840),
    n("Aquamarine", 0x0074_C6CE),
    n("Rose Quartz", 0x00EB_A6B4),
    n("Onyx", 0x0038_3842),
];
const LEATHERS: [Named; 8] = [
    n("Tan", 0x00B9_7C48),
    n("Chestnut", 0x0093_5136),
    n("Chocolate", 0x005E_3C30),
    n("Black", 0x003E_3C46),
    n("Burgundy", 0x0088_3347),
    n("Forest Green", 0x0037_6B52),
    n("Mustard", 0x00E2_A93B),
    n("Navy", 0x002E_4172),
];
const FRAMES: [Named; 8] = [
    n("Black", 0x0030_2E38),
    n("Tortoise", 0x008A_5634),
    n("Crystal Blue", 0x0074_A8CC),
    n("Red", 0x00D0_4545),
    n("Gold", 0x00D9_AE54),
    n("Forest Green", 0x0037_6B52),
    n("Blush", 0x00E4_A09C),
    n("White", 0x00F0_EEE8),
];
const BALLS: [Named; 7] = [
    n("Orange", 0x00E6_7F3C),
    n("Red", 0x00D0_4545),
    n("Denim", 0x0050_7DB0),
    n("Teal", 0x002E_8C8C),
    n("Mustard", 0x00E2_A93B),
    n("Plum", 0x0079_4A78),
    n("Charcoal", 0x004A_4D5C),
];

use Pattern::{Checked, Floral, Pinstriped, Plain, PolkaDot, Speckled, Striped, TwoTone, Zigzag};

const GLAZES: [Pattern; 8] = [Plain, Plain, Striped, PolkaDot, TwoTone, Speckled, Zigzag, Floral];
const CLOTHS: [Pattern; 8] = [Plain, Plain, Striped, PolkaDot, Checked, Zigzag, Floral, Pinstriped];
const SHIRTINGS: [Pattern; 6] = [Plain, Pinstriped, Checked, Floral, PolkaDot, Striped];

const GLASSWARE: &[&str] = &["Crystal", "Hand-Blown", "Lead-Free Crystal"];

/// The leaves, the commonest first.
pub(super) static LEAVES: [Leaf; 24] = [
    leaf(
        ["Clothing", "Tops", "T-Shirts"],
        Thing::TShirt,
        "T-Shirt",
        &["Cotton", "Organic Cotton", "Jersey", "Linen Blend"],
        &CLOTHS,
        &PALETTE,
        &STRAPS,
        "label",
        &["S", "M", "L", "XL"],
        (12, 45),
    ),
    leaf(
        ["Home & Kitchen", "Drinkware", "Mugs"],
        Thing::Mug,
        "Mug",
        &["Ceramic", "Stoneware", "Porcelain", "Enamel"],
        &GLAZES,
        &PALETTE,
        &CAPS,
        "handle",
        &["250 ml", "350 ml", "400 ml"],
        (8, 28),
    ),
    leaf(
        ["Clothing", "Shoes", "Sneakers"],
        Thing::Sneaker,
        "Sneakers",
        &["Canvas", "Suede", "Mesh", "Leather"],
        &[Plain, Plain, Plain, PolkaDot, Speckled, Checked],
        &PALETTE,
        &SOLES,
        "sole",
        &["EU 38", "EU 40", "EU 42", "EU 44"],
        (39, 129),
    ),
    leaf(
        ["Accessories", "Bags", "Backpacks"],
        Thing::Backpack,
        "Backpack",
        &["Nylon", "Canvas", "Recycled Polyester"],
        &[Plain, Plain, TwoTone, PolkaDot, Checked, Striped],
        &PALETTE,
        &STRAPS,
        "straps",
        &["14 l", "18 l", "22 l"],
        (35, 119),
    ),
    leaf(
        ["Home & Kitchen", "Lighting", "Table Lamps"],
        Thing::TableLamp,
        "Table Lamp",
        &["Linen", "Cotton", "Paper", "Pleated Fabric"],
        &[Plain, Plain, Pinstriped, Striped, Floral, PolkaDot],
        &PALETTE,
        &WOODS,
        "base",
        &["38 cm", "45 cm", "52 cm"],
        (29, 149),
    ),
    leaf(
        ["Clothing", "Tops", "Hoodies"],
        Thing::Hoodie,
        "Hoodie",
        &["Fleece", "Cotton", "French Terry"],
        &[Plain, Plain, Plain, TwoTone, Striped, Speckled],
        &PALETTE,
        &STRAPS,
        "cords",
        &["S", "M", "L", "XL"],
        (35, 89),
    ),
    leaf(
        ["Home & Kitchen", "Furniture", "Chairs"],
        Thing::Chair,
        "Chair",
        &["Wooden", "Solid Wood", "Painted Wood"],
        &[Plain, Plain, Plain, Checked, Striped],
        &PALETTE,
        &WOODS,
        "legs",
        &["45 cm seat", "47 cm seat"],
        (59, 249),
    ),
    leaf(
        ["Accessories", "Jewellery", "Necklaces"],
        Thing::Necklace,
        "Necklace",
        &["Hand-Finished", "Polished", "Recycled Metal"],
        &[Plain, Plain, Speckled],
        &GEMS,
        &METALS,
        "chain",
        &["42 cm", "45 cm", "60 cm"],
        (25, 240),
    ),
    leaf(
        ["Home & Kitchen", "Drinkware", "Water Bottles"],
        Thing::Bottle,
        "Water Bottle",
        &["Stainless Steel", "Tritan", "Aluminium", "Glass"],
        &[Plain, Plain, TwoTone, Striped, Speckled, Zigzag],
        &PALETTE,
        &CAPS,
        "cap",
        &["500 ml", "750 ml", "1 l"],
        (14, 42),
    ),
    leaf(
        ["Accessories", "Bags", "Tote Bags"],
        Thing::Tote,
        "Tote Bag",
        &["Canvas", "Organic Cotton", "Linen", "Jute"],
        &CLOTHS,
        &PALETTE,
        &STRAPS,
        "handles",
        &["36 x 40 cm", "40 x 42 cm"],
        (12, 59),
    ),
    leaf(
        ["Clothing", "Tops", "Shirts"],
        Thing::Shirt,
        "Shirt",
        &["Poplin", "Oxford Cotton", "Linen", "Flannel"],
        &SHIRTINGS,
        &PALETTE,
        &CAPS,
        "buttons",
        &["S", "M", "L", "XL"],
        (29, 95),
    ),
    leaf(
        ["Home & Kitchen", "Decor", "Vases"],
        Thing::Vase,
        "Vase",
        &["Ceramic", "Stoneware", "Porcelain", "Terracotta"],
        &GLAZES,
        &PALETTE,
        &CAPS,
        "rim",
        &["18 cm", "24 cm", "30 cm"],
        (15, 79),
    ),
    leaf(
        ["Accessories", "Eyewear", "Sunglasses"],
        Thing::Sunglasses,
        "Sunglasses",
        &["Acetate", "Metal", "Recycled Plastic"],
        &[Plain],
        &FRAMES,
        &METALS,
        "hinges",
        &["52 mm", "54 mm", "58 mm"],
        (25, 180),
    ),
    leaf(
        ["Home & Kitchen", "Furniture", "Sofas"],
        Thing::Sofa,
        "Sofa",
        &["Velvet", "Bouclé", "Linen", "Corduroy"],
        &[Plain, Plain, Plain, Checked, Pinstriped],
        &PALETTE,
        &WOODS,
        "legs",
        &["2 seats", "3 seats"],
        (390, 1490),
    ),
    leaf(
        ["Home & Kitchen", "Cookware", "Teapots"],
        Thing::Teapot,
        "Teapot",
        &["Ceramic", "Stoneware", "Porcelain", "Enamel"],
        &GLAZES,
        &PALETTE,
        &CAPS,
        "handle",
        &["0.8 l", "1 l", "1.2 l"],
        (19, 75),
    ),
    leaf(
        ["Clothing", "Shoes", "Boots"],
        Thing::Boot,
        "Boots",
        &["Leather", "Suede", "Waxed Leather", "Rubber"],
        &[Plain],
        &LEATHERS,
        &SOLES,
        "sole",
        &["EU 37", "EU 39", "EU 41", "EU 43"],
        (69, 219),
    ),
    leaf(
        ["Accessories", "Jewellery", "Watches"],
        Thing::Watch,
        "Watch",
        &["Leather", "Nylon", "Silicone"],
        &[Plain, Plain, Striped, Checked],
        &PALETTE,
        &METALS,
        "case",
        &["36 mm", "38 mm", "41 mm"],
        (49, 390),
    ),
    leaf(
        ["Stationery & Toys", "Paper", "Notebooks"],
        Thing::Notebook,
        "Notebook",
        &["Hardcover", "Linen-Bound", "Recycled Paper"],
        &[Plain, Plain, Striped, PolkaDot, Zigzag, Floral, Checked, Speckled],
        &PALETTE,
        &CAPS,
        "binding",
        &["A5", "A6", "B5"],
        (6, 24),
    ),
    leaf(
        ["Home & Kitchen", "Drinkware", "Wine Glasses"],
        Thing::WineGlass,
        "Wine Glass",
        GLASSWARE,
        &[Plain],
        &WINES,
        &METALS,
        "rim",
        &["300 ml", "450 ml", "600 ml"],
        (9, 39),
    ),
    leaf(
        ["Accessories", "Rainwear", "Umbrellas"],
        Thing::Umbrella,
        "Umbrella",
        &["Pongee", "Polyester", "Recycled Polyester"],
        &[Plain, Plain, TwoTone, PolkaDot, Striped, Checked],
        &PALETTE,
        &WOODS,
        "handle",
        &["98 cm", "110 cm", "120 cm"],
        (15, 65),
    ),
    leaf(
        ["Stationery & Toys", "Play", "Balls"],
        Thing::Ball,
        "Ball",
        &["Rubber", "Vinyl", "Leather"],
        &[Plain, Striped, PolkaDot, Zigzag],
        &BALLS,
        &CAPS,
        "valve",
        &["15 cm", "22 cm", "24 cm"],
        (6, 39),
    ),
    leaf(
        ["Home & Kitchen", "Cookware", "Frying Pans"],
        Thing::Pan,
        "Frying Pan",
        &["Cast Iron", "Aluminium", "Stainless Steel", "Enamel"],
        &[Plain],
        &PALETTE,
        &WOODS,
        "handle",
        &["20 cm", "24 cm", "28 cm"],
        (19, 89),
    ),
    leaf(
        ["Home & Kitchen", "Furniture", "Stools"],
        Thing::Stool,
        "Stool",
        &["Wooden", "Solid Wood", "Padded"],
        &[Plain, Plain, Checked, Striped],
        &PALETTE,
        &WOODS,
        "legs",
        &["45 cm", "65 cm", "75 cm"],
        (35, 139),
    ),
    leaf(
        ["Accessories", "Jewellery", "Rings"],
        Thing::Ring,
        "Ring",
        &["Hand-Finished", "Polished", "Recycled Metal"],
        &[Plain],
        &GEMS,
        &METALS,
        "band",
        &["50", "52", "54", "56"],
        (39, 490),
    ),
];

#[expect(clippy::too_many_arguments, reason = "a row of the table above")]
const fn leaf(
    path: [&'static str; 3],
    thing: Thing,
    noun: &'static str,
    materials: &'static [&'static str],
    patterns: &'static [Pattern],
    colours: &'static [Named],
    trims: &'static [Named],
    trim_of: &'static str,
    sizes: &'static [&'static str],
    price: (u32, u32),
) -> Leaf {
    Leaf { path, thing, noun, materials, patterns, colours, trims, trim_of, sizes, price }
}

/// Zipf-like: the first leaf has about eleven times as many samples as the last.
fn weights() -> [u64; LEAVES.len()] {
    std::array::from_fn(|rank| 1_000_000 / (2 * rank as u64 + 3))
}

pub(super) fn leaf_of(index: u32, options: &DemoOptions) -> &'static Leaf {
    &LEAVES[class_of(index, options, &weights(), 200)]
}

pub(super) fn render(index: u32, options: &DemoOptions) -> RenderedSample {
    let leaf = leaf_of(index, options);
    let mut dice = Dice::new(options.seed, 1, u64::from(index));
    let product = choose(leaf, &mut dice);
    let look = look_of(&product);
    let pixmap = compose(&product, &look, options.size.max(16), &mut dice);
    let mut dice = Dice::new(options.seed, 2, u64::from(index));
    RenderedSample { jpeg: jpeg(&pixmap), record: words::shop_record(&product, index, options, &mut dice) }
}

fn choose(leaf: &'static Leaf, dice: &mut Dice) -> Product {
    let colour = dice.pick(leaf.colours);
    let pattern = dice.pick(leaf.patterns);
    let needs_accent = pattern != Plain;
    let accent = (needs_accent || dice.chance(0.5)).then(|| accent_for(colour, dice));
    let brand = dice.chance(0.86).then(|| dice.below(words::BRANDS.len()));
    Product {
        leaf,
        colour,
        accent,
        pattern,
        trim: dice.pick(leaf.trims),
        material: dice.pick(leaf.materials),
        size: dice.pick(leaf.sizes),
        brand,
    }
}

/// A second colour that stands out from the first: often a light one on dark and the other way round.
fn accent_for(colour: Named, dice: &mut Dice) -> Named {
    const LIGHT: [Named; 2] = [n("Cream", 0x00F8_F1E2), n("White", 0x00FD_FBF7)];
    loop {
        let accent = if dice.chance(0.45) { dice.pick(&LIGHT) } else { dice.pick(&PALETTE) };
        if accent.rgb.distance(colour.rgb) > 190 {
            return accent;
        }
    }
}

fn look_of(product: &Product) -> Look {
    let main = product.colour.rgb;
    let accent = product.accent.map_or(main, |accent| accent.rgb);
    Look {
        skin: Skin { main, accent, pattern: product.pattern },
        trim: product.trim.rgb,
        mark: product.brand.map(|brand| (brand % 6) as u8),
    }
}

fn compose(product: &Product, look: &Look, size: u32, dice: &mut Dice) -> tiny_skia::Pixmap {
    let thing = product.leaf.thing;
    let side = size as f32;
    let mut ground = Canvas::new(size);
    // Of a few grounds, the one that the thing stands out from best.
    let tones: [Rgb; 3] = std::array::from_fn(|_| dice.pick(&GROUNDS));
    let tone = tones.into_iter().max_by_key(|tone| tone.distance(look.skin.main)).unwrap_or(tones[0]);
    plain_ground(&mut ground, tone, side, thing.stands(), dice);

    let mut layer = Canvas::new(size);
    let scale = side * dice.range(0.36, 0.46);
    let turn = if thing.stands() { 0.04 } else { 0.2 };
    let (x, y) = (side * dice.range(0.46, 0.54), side * dice.range(0.47, 0.53));
    let mirror = dice.chance(0.5);
    layer.place(x, y, scale, dice.range(-turn, turn), mirror);
    thing.draw(&mut layer, look, dice);

    let pixels = |part: f32| (side * part) as i32;
    if thing.stands() {
        if let Some((left, _, right, bottom)) = shadow::extent(&layer.pixmap) {
            let (middle, half) = ((left + right) as f32 / 2.0, (right - left) as f32 / 2.0);
            let at = (middle + side * 0.02, bottom as f32 - side * 0.012);
            shadow::contact(&mut ground.pixmap, at, (half * 1.12, side * 0.055), 0.42);
        }
        shadow::cast(&mut ground.pixmap, &layer.pixmap, (pixels(0.03), pixels(0.012)), pixels(0.03) as usize, 0.13);
    } else {
        shadow::cast(&mut ground.pixmap, &layer.pixmap, (pixels(0.02), pixels(0.035)), pixels(0.024) as usize, 0.34);
    }
    shadow::over(&mut ground.pixmap, &layer.pixmap);
    ground.pixmap
}

fn plain_ground(c: &mut Canvas, tone: Rgb, side: f32, stands: bool, dice: &mut Dice) {
    let all = rect(0.0, 0.0, side, side);
    c.flat(&all, tone);
    match dice.below(if stands { 4 } else { 3 }) {
        0 => c.fade(&all, (0.0, 0.0), (side, side), &[(0.0, WHITE, 0.35), (0.5, WHITE, 0.0), (1.0, INK, 0.08)]),
        1 => c.glow(
            &all,
            (side * 0.45, side * 0.4),
            side * 0.75,
            &[(0.0, WHITE, 0.5), (0.6, WHITE, 0.1), (1.0, INK, 0.07)],
        ),
        2 => {
            // A disc behind the thing.
            c.fade(&all, (0.0, 0.0), (0.0, side), &[(0.0, WHITE, 0.2), (1.0, INK, 0.05)]);
            c.tint(&oval(side * 0.5, side * 0.5, side * 0.42, side * 0.42), WHITE, 0.32);
        }
        _ => {
            // A wall and a table.
            let line = side * dice.range(0.66, 0.76);
            c.fade(&all, (0.0, 0.0), (0.0, line), &[(0.0, WHITE, 0.25), (1.0, WHITE, 0.0)]);
            let table = rect(0.0, line, side, side);
            c.flat(&table, tone.dark(0.09));
            c.fade(&table, (0.0, line), (0.0, side), &[(0.0, INK, 0.07), (0.4, INK, 0.0), (1.0, WHITE, 0.15)]);
        }
    }
}

/// The dataset's name in records.
pub(super) const SOURCE: &str = Dataset::Shop.name();
