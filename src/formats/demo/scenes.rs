//! `demo-scenes`: 20 WordNet classes, each thing small in a busy scene.

use super::canvas::{Canvas, Pattern, Skin};
use super::colour::{CREAM, DARK_WOOD, Named, PALETTE, Rgb, STEEL, WOOD};
use super::dice::Dice;
use super::shapes::{Look, Thing};
use super::{Dataset, DemoOptions, RenderedSample, class_of, ground, jpeg, shadow, words};

/// A WordNet noun and its way down from `entity` (WordNet 3.0, first hypernyms).
#[derive(Debug)]
pub(super) struct Class {
    pub(super) thing: Thing,
    pub(super) lemmas: &'static [&'static str],
    /// wnid and first lemma, root first; the class is the last.
    pub(super) path: &'static [(&'static str, &'static str)],
}

/// The classes, the commonest first. A class's place here is its `class_index`.
#[rustfmt::skip]
pub(super) static CLASSES: [Class; 20] = [
    Class { thing: Thing::SportsCar, lemmas: &["sports car", "sport car"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03100490", "conveyance"), ("n04524313", "vehicle"), ("n04576211", "wheeled vehicle"), ("n04170037", "self-propelled vehicle"), ("n03791235", "motor vehicle"), ("n02958343", "car"), ("n04285008", "sports car")] },
    Class { thing: Thing::Mug, lemmas: &["coffee mug"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03094503", "container"), ("n04531098", "vessel"), ("n03241496", "drinking vessel"), ("n03797390", "mug"), ("n03063599", "coffee mug")] },
    Class { thing: Thing::TShirt, lemmas: &["jersey", "T-shirt", "tee shirt"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03076708", "commodity"), ("n03093574", "consumer goods"), ("n03051540", "clothing"), ("n03419014", "garment"), ("n04197391", "shirt"), ("n03595614", "jersey")] },
    Class { thing: Thing::Sneaker, lemmas: &["running shoe"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03122748", "covering"), ("n03380867", "footwear"), ("n04199027", "shoe"), ("n04120489", "running shoe")] },
    Class { thing: Thing::Bike, lemmas: &["mountain bike", "all-terrain bike", "off-roader"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03100490", "conveyance"), ("n04524313", "vehicle"), ("n04576211", "wheeled vehicle"), ("n02834778", "bicycle"), ("n03792782", "mountain bike")] },
    Class { thing: Thing::Backpack, lemmas: &["backpack", "back pack", "knapsack", "packsack", "rucksack", "haversack"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03094503", "container"), ("n02773037", "bag"), ("n02769748", "backpack")] },
    Class { thing: Thing::Umbrella, lemmas: &["umbrella"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03122748", "covering"), ("n04014297", "protective covering"), ("n04191943", "shelter"), ("n02951843", "canopy"), ("n04507155", "umbrella")] },
    Class { thing: Thing::SoccerBall, lemmas: &["soccer ball"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03294048", "equipment"), ("n03414162", "game equipment"), ("n02778669", "ball"), ("n04254680", "soccer ball")] },
    Class { thing: Thing::TableLamp, lemmas: &["table lamp"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03405265", "furnishing"), ("n03405725", "furniture"), ("n03636649", "lamp"), ("n04380533", "table lamp")] },
    Class { thing: Thing::Sunglasses, lemmas: &["sunglasses", "dark glasses", "shades"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03183080", "device"), ("n03574816", "instrument"), ("n03852280", "optical instrument"), ("n04272054", "spectacles"), ("n04356056", "sunglasses")] },
    Class { thing: Thing::Yawl, lemmas: &["yawl"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03100490", "conveyance"), ("n04524313", "vehicle"), ("n03125870", "craft"), ("n04530566", "vessel"), ("n02858304", "boat"), ("n04244997", "small boat"), ("n04612504", "yawl")] },
    Class { thing: Thing::Teapot, lemmas: &["teapot"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03563967", "implement"), ("n04516672", "utensil"), ("n03621049", "kitchen utensil"), ("n03101986", "cooking utensil"), ("n03990474", "pot"), ("n04398044", "teapot")] },
    Class { thing: Thing::Mushroom, lemmas: &["mushroom"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00004258", "living thing"), ("n00004475", "organism"), ("n12992868", "fungus"), ("n12997654", "basidiomycete"), ("n12998815", "agaric"), ("n13001041", "mushroom")] },
    Class { thing: Thing::Goldfish, lemmas: &["goldfish", "Carassius auratus"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00004258", "living thing"), ("n00004475", "organism"), ("n00015388", "animal"), ("n01466257", "chordate"), ("n01471682", "vertebrate"), ("n01473806", "aquatic vertebrate"), ("n02512053", "fish"), ("n02514825", "bony fish"), ("n02528163", "teleost fish"), ("n01428580", "soft-finned fish"), ("n01438208", "cypriniform fish"), ("n01439121", "cyprinid"), ("n01443537", "goldfish")] },
    Class { thing: Thing::Monarch, lemmas: &["monarch", "monarch butterfly", "milkweed butterfly", "Danaus plexippus"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00004258", "living thing"), ("n00004475", "organism"), ("n00015388", "animal"), ("n01905661", "invertebrate"), ("n01767661", "arthropod"), ("n02159955", "insect"), ("n02274024", "lepidopterous insect"), ("n02274259", "butterfly"), ("n02279637", "danaid"), ("n02279972", "monarch")] },
    Class { thing: Thing::Bottle, lemmas: &["water bottle"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03094503", "container"), ("n04531098", "vessel"), ("n02876657", "bottle"), ("n04557648", "water bottle")] },
    Class { thing: Thing::Balloon, lemmas: &["balloon"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03100490", "conveyance"), ("n04524313", "vehicle"), ("n03125870", "craft"), ("n02686568", "aircraft"), ("n03666917", "lighter-than-air craft"), ("n02782093", "balloon")] },
    Class { thing: Thing::Vase, lemmas: &["vase"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03094503", "container"), ("n04531098", "vessel"), ("n03593526", "jar"), ("n04522168", "vase")] },
    Class { thing: Thing::Lighthouse, lemmas: &["beacon", "lighthouse", "beacon light", "pharos"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n04341686", "structure"), ("n04460130", "tower"), ("n02814860", "beacon")] },
    Class { thing: Thing::Pan, lemmas: &["frying pan", "frypan", "skillet"], path: &[("n00001740", "entity"), ("n00001930", "physical entity"), ("n00002684", "object"), ("n00003553", "whole"), ("n00021939", "artifact"), ("n03575240", "instrumentality"), ("n03563967", "implement"), ("n04516672", "utensil"), ("n03621049", "kitchen utensil"), ("n03101986", "cooking utensil"), ("n03880531", "pan"), ("n03400231", "frying pan")] },
];

/// A mild long tail: the first class has about four times as many samples as the last.
fn weights() -> [u64; CLASSES.len()] {
    std::array::from_fn(|rank| 1_000_000 / (rank as u64 + 6))
}

pub(super) fn class_at(index: u32, options: &DemoOptions) -> &'static Class {
    &CLASSES[class_of(index, options, &weights(), 200)]
}

pub(super) fn render(index: u32, options: &DemoOptions) -> RenderedSample {
    let class = class_at(index, options);
    let mut dice = Dice::new(options.seed, 3, u64::from(index));
    let pixmap = compose(class.thing, options.size.max(16), &mut dice);
    RenderedSample { jpeg: jpeg(&pixmap), record: words::scene_record(class, index, options) }
}

fn compose(thing: Thing, size: u32, dice: &mut Dice) -> tiny_skia::Pixmap {
    let side = size as f32;
    let mut scene = Canvas::new(size);
    ground::busy(&mut scene, side, dice);

    // Small: 26 to 45 % of the picture's side.
    let part = dice.range(0.26, 0.45);
    let scale = side * part / 1.7;
    let reach = side * part * 0.56;
    let (x, y) = (dice.range(reach, side - reach), dice.range(reach, side - reach));
    let mut layer = Canvas::new(size);
    let mirror = dice.chance(0.5);
    layer.place(x, y, scale, dice.range(-0.2, 0.2), mirror);
    let look = look(thing, dice);
    thing.draw(&mut layer, &look, dice);

    let pixels = |part: f32| (side * part) as i32;
    let radius = (pixels(0.018) as usize).max(1);
    shadow::cast(&mut scene.pixmap, &layer.pixmap, (pixels(0.012), pixels(0.022)), radius, 0.5);
    shadow::over(&mut scene.pixmap, &layer.pixmap);
    ground::in_front(&mut scene, side, (x, y), reach, dice);
    ground::grain(&mut scene.pixmap, dice);
    scene.pixmap
}

fn look(thing: Thing, dice: &mut Dice) -> Look {
    let main = dice.pick(&PALETTE).rgb;
    let accent = loop {
        let accent: Named = dice.pick(&PALETTE);
        if accent.rgb.distance(main) > 170 {
            break accent.rgb;
        }
    };
    let patterns: &[Pattern] = match thing {
        Thing::TShirt | Thing::Vase | Thing::Mug | Thing::Teapot | Thing::Umbrella => {
            &[Pattern::Plain, Pattern::Plain, Pattern::Striped, Pattern::PolkaDot, Pattern::TwoTone, Pattern::Zigzag]
        }
        _ => &[Pattern::Plain],
    };
    let pattern = dice.pick(patterns);
    let accent = if pattern == Pattern::Plain && dice.chance(0.4) { main } else { accent };
    let trim = dice.pick(&[WOOD, DARK_WOOD, STEEL, CREAM, Rgb::hex(0x003E_3C46)]);
    let mark = dice.chance(0.5).then(|| dice.below(6) as u8);
    Look { skin: Skin { main, accent, pattern }, trim, mark }
}

/// The dataset's name in records.
pub(super) const SOURCE: &str = Dataset::Scenes.name();
