//! The things the demo draws. Each is a function that draws one thing into the box from -1 to 1 with the
//! look it is given; proportions come from the dice, so that no two are alike.

mod carried;
mod clothes;
mod home;
mod kitchen;
mod outside;
mod play;

use super::canvas::{Canvas, Skin, oval, poly, rounded};
use super::colour::Rgb;
use super::dice::Dice;

/// What a thing is made to look like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Colour and pattern of its main part.
    pub(super) skin: Skin,
    /// Colour of the small parts: handles, soles, metal, wood.
    pub(super) trim: Rgb,
    /// The maker's mark (0 to 5), where it has one.
    pub(super) mark: Option<u8>,
}

/// Everything that can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Mug,
    Bottle,
    WineGlass,
    Teapot,
    Pan,
    TableLamp,
    Chair,
    Stool,
    Sofa,
    Vase,
    TShirt,
    Shirt,
    Hoodie,
    Sneaker,
    Boot,
    Tote,
    Backpack,
    Ring,
    Necklace,
    Watch,
    Sunglasses,
    Umbrella,
    Ball,
    SoccerBall,
    Notebook,
    Goldfish,
    Mushroom,
    Yawl,
    SportsCar,
    Lighthouse,
    Balloon,
    Bike,
    Monarch,
}

impl Thing {
    /// Draws it.
    pub(super) fn draw(self, canvas: &mut Canvas, look: &Look, dice: &mut Dice) {
        let draw = match self {
            Self::Mug => kitchen::mug,
            Self::Bottle => kitchen::bottle,
            Self::WineGlass => kitchen::wine_glass,
            Self::Teapot => kitchen::teapot,
            Self::Pan => kitchen::pan,
            Self::TableLamp => home::table_lamp,
            Self::Chair => home::chair,
            Self::Stool => home::stool,
            Self::Sofa => home::sofa,
            Self::Vase => home::vase,
            Self::TShirt => clothes::t_shirt,
            Self::Shirt => clothes::shirt,
            Self::Hoodie => clothes::hoodie,
            Self::Sneaker => clothes::sneaker,
            Self::Boot => clothes::boot,
            Self::Tote => carried::tote,
            Self::Backpack => carried::backpack,
            Self::Ring => carried::ring,
            Self::Necklace => carried::necklace,
            Self::Watch => carried::watch,
            Self::Sunglasses => carried::sunglasses,
            Self::Umbrella => carried::umbrella,
            Self::Ball => play::ball,
            Self::SoccerBall => play::soccer_ball,
            Self::Notebook => play::notebook,
            Self::Goldfish => outside::goldfish,
            Self::Mushroom => outside::mushroom,
            Self::Yawl => outside::yawl,
            Self::SportsCar => outside::sports_car,
            Self::Lighthouse => outside::lighthouse,
            Self::Balloon => outside::balloon,
            Self::Bike => outside::bike,
            Self::Monarch => outside::monarch,
        };
        draw(canvas, look, dice);
    }

    /// Where its lowest points are, if it stands on something; `None` if it is laid flat or hangs.
    pub(super) const fn stands(self) -> bool {
        !matches!(
            self,
            Self::TShirt
                | Self::Shirt
                | Self::Hoodie
                | Self::Necklace
                | Self::Pan
                | Self::Sunglasses
                | Self::Watch
                | Self::Notebook
                | Self::Umbrella
                | Self::Balloon
                | Self::Goldfish
                | Self::Monarch
        )
    }
}

/// The maker's mark: one of six simple signs.
fn mark(canvas: &mut Canvas, look: &Look, x: f32, y: f32, size: f32) {
    let Some(sign) = look.mark else { return };
    let main = look.skin.main;
    let colour = if main.luma() > 140 { main.dark(0.65) } else { main.light(0.8) };
    sign_at(canvas, sign, x, y, size, colour);
}

fn sign_at(canvas: &mut Canvas, sign: u8, x: f32, y: f32, s: f32, colour: Rgb) {
    match sign % 6 {
        0 => canvas.line(&oval(x, y, s * 0.8, s * 0.8), colour, s * 0.4),
        1 => canvas.flat(&poly(&[(x, y - s), (x + s, y + s * 0.8), (x - s, y + s * 0.8)]), colour),
        2 => {
            canvas.flat(&rounded(x - s, y - s * 0.9, x + s, y - s * 0.25, s * 0.3), colour);
            canvas.flat(&rounded(x - s, y + s * 0.15, x + s * 0.3, y + s * 0.8, s * 0.3), colour);
        }
        3 => canvas.flat(&poly(&[(x, y - s), (x + s, y), (x, y + s), (x - s, y)]), colour),
        4 => {
            canvas.flat(&oval(x - s * 0.5, y, s * 0.5, s * 0.5), colour);
            canvas.flat(&oval(x + s * 0.6, y, s * 0.5, s * 0.5), colour);
        }
        _ => canvas.flat(&rounded(x - s, y - s, x + s, y + s, s * 0.5), colour),
    }
}
