//! The palette: few colours that go together, with the names that the texts use.

/// An sRGB colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rgb(pub(super) u8, pub(super) u8, pub(super) u8);

impl Rgb {
    pub(super) const fn hex(value: u32) -> Self {
        Self((value >> 16) as u8, (value >> 8) as u8, value as u8)
    }

    /// `self` with `part` of `other` in it.
    pub(super) fn mix(self, other: Self, part: f32) -> Self {
        let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * part + 0.5) as u8;
        Self(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    pub(super) fn light(self, part: f32) -> Self {
        self.mix(WHITE, part)
    }

    pub(super) fn dark(self, part: f32) -> Self {
        self.mix(INK, part)
    }

    /// How different two colours look, 0 to about 765.
    pub(super) fn distance(self, other: Self) -> u32 {
        let part = |a: u8, b: u8| u32::from(a.abs_diff(b));
        part(self.0, other.0) + part(self.1, other.1) + part(self.2, other.2)
    }

    /// Perceived brightness, 0 to 255.
    pub(super) fn luma(self) -> u32 {
        (u32::from(self.0) * 54 + u32::from(self.1) * 183 + u32::from(self.2) * 19) >> 8
    }
}

pub(super) const WHITE: Rgb = Rgb(255, 255, 255);
/// The darkest colour: shadows and outlines are this blue-black, never black.
pub(super) const INK: Rgb = Rgb::hex(0x0026_2238);
pub(super) const CREAM: Rgb = Rgb::hex(0x00F7_F0E3);
pub(super) const WOOD: Rgb = Rgb::hex(0x00C6_9262);
pub(super) const DARK_WOOD: Rgb = Rgb::hex(0x007A_5138);
pub(super) const STEEL: Rgb = Rgb::hex(0x00B9_C2CB);
pub(super) const LEAF: Rgb = Rgb::hex(0x005E_8C5A);

/// A colour that texts can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) rgb: Rgb,
}

const fn named(name: &'static str, value: u32) -> Named {
    Named { name, rgb: Rgb::hex(value) }
}

/// Colours of things.
pub(super) const PALETTE: [Named; 20] = [
    named("Ivory", 0x00F2_E9D8),
    named("Sand", 0x00DC_C39A),
    named("Mustard", 0x00E2_A93B),
    named("Apricot", 0x00F0_A56B),
    named("Terracotta", 0x00C9_6A4A),
    named("Coral", 0x00EC_7160),
    named("Red", 0x00D0_4545),
    named("Burgundy", 0x0088_3347),
    named("Blush", 0x00EC_B4B0),
    named("Pink", 0x00E0_7FA0),
    named("Plum", 0x0079_4A78),
    named("Lilac", 0x00B4_A0D6),
    named("Navy", 0x002E_4172),
    named("Denim", 0x0050_7DB0),
    named("Sky Blue", 0x0086_BFE0),
    named("Teal", 0x002E_8C8C),
    named("Mint", 0x0096_D0B4),
    named("Forest Green", 0x0037_6B52),
    named("Olive", 0x0093_9A4C),
    named("Charcoal", 0x004A_4D5C),
];

/// Plain grounds: calm, light, never the colour of a thing.
pub(super) const GROUNDS: [Rgb; 14] = [
    Rgb::hex(0x00F5_EFE6),
    Rgb::hex(0x00E6_EDF0),
    Rgb::hex(0x00F6_E4DA),
    Rgb::hex(0x00E3_EADB),
    Rgb::hex(0x00E9_E3F1),
    Rgb::hex(0x00D8_E6EF),
    Rgb::hex(0x00F4_E2C0),
    Rgb::hex(0x00EB_D6CE),
    Rgb::hex(0x00D2_DFD3),
    Rgb::hex(0x00F3_F3F4),
    Rgb::hex(0x00C3_D5DD),
    Rgb::hex(0x00E8_C9A8),
    Rgb::hex(0x00C9_CBE0),
    Rgb::hex(0x00F2_CDBF),
];
