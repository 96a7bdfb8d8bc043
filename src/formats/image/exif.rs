//! The one EXIF tag that matters for showing a picture: orientation (0x0112 in the first IFD).
//!
//! Read by hand because it is looked up for every sample while indexing: no allocation, one pass over
//! at most a few dozen 12-byte entries, every offset checked against the block's length.

/// How stored pixels are turned and mirrored for display: EXIF's values 1 to 8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Orientation {
    #[default]
    Upright,
    MirrorX,
    Turn180,
    MirrorY,
    /// Mirrored along the main diagonal.
    Transpose,
    /// To be turned a quarter clockwise for display.
    Turn90,
    /// Mirrored along the other diagonal.
    Transverse,
    /// To be turned a quarter counter-clockwise for display.
    Turn270,
}

impl Orientation {
    pub(super) const fn from_exif(value: u16) -> Self {
        match value {
            2 => Self::MirrorX,
            3 => Self::Turn180,
            4 => Self::MirrorY,
            5 => Self::Transpose,
            6 => Self::Turn90,
            7 => Self::Transverse,
            8 => Self::Turn270,
            _ => Self::Upright,
        }
    }

    /// True where width and height change places for display.
    pub(super) const fn swaps_sides(self) -> bool {
        matches!(self, Self::Transpose | Self::Turn90 | Self::Transverse | Self::Turn270)
    }
}

/// Turns and mirrors pixels of 4 bytes for display. Returns the displayed width, height and pixels.
pub(super) fn upright(orientation: Orientation, width: u32, height: u32, pixels: Vec<u8>) -> (u32, u32, Vec<u8>) {
    if orientation == Orientation::Upright {
        return (width, height, pixels);
    }
    let (w, h) = (width as usize, height as usize);
    let (dw, dh) = if orientation.swaps_sides() { (h, w) } else { (w, h) };
    let mut out = Vec::with_capacity(pixels.len());
    for y in 0..dh {
        for x in 0..dw {
            let (sx, sy) = match orientation {
                Orientation::Upright => (x, y),
                Orientation::MirrorX => (w - 1 - x, y),
                Orientation::Turn180 => (w - 1 - x, h - 1 - y),
                Orientation::MirrorY => (x, h - 1 - y),
                Orientation::Transpose => (y, x),
                Orientation::Turn90 => (y, h - 1 - x),
                Orientation::Transverse => (w - 1 - y, h - 1 - x),
                Orientation::Turn270 => (w - 1 - y, x),
            };
            let at = (sy * w + sx) * 4;
            out.extend_from_slice(&pixels[at..at + 4]);
        }
    }
    (dw as u32, dh as u32, out)
}

/// Reads the orientation from a TIFF block: EXIF's payload after `Exif\0\0`. Anything odd is `Upright`.
pub(super) fn orientation(tiff: &[u8]) -> Orientation {
    find(tiff).map_or(Orientation::Upright, Orientation::from_exif)
}

fn find(tiff: &[u8]) -> Option<u16> {
    let big = match tiff.get(..4)? {
        b"II*\0" => false,
        b"MM\0*" => true,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let u32_at = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let ifd = u32_at(4)? as usize;
    let entries = usize::from(u16_at(ifd)?);
    for entry in 0..entries {
        let at = ifd.checked_add(2 + entry * 12)?;
        if u16_at(at)? == 0x0112 {
            // Type SHORT holds the value in the first two bytes; a few writers use LONG.
            return match u16_at(at + 2)? {
                3 => u16_at(at + 8),
                4 => u16::try_from(u32_at(at + 8)?).ok(),
                _ => None,
            };
        }
    }
    None
}
