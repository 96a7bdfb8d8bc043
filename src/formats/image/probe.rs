//! Reads what a picture's header says, without decoding it: called for every sample while indexing,
//! so it must cost well under a microsecond on usual files.

use crate::base::WarningKind;

/// How a picture is compressed, by its first bytes (never by its name).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the formats' own")]
pub enum Codec {
    Jpeg,
    Png,
    Webp,
    Gif,
    Bmp,
    #[default]
    Unknown,
}

/// What a header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Compression.
    pub codec: Codec,
    /// Width in pixels as displayed (after EXIF orientation); 0 if unreadable.
    pub width: u32,
    /// Height in pixels as displayed (after EXIF orientation); 0 if unreadable.
    pub height: u32,
    /// `ImageUnreadable`, `ImageTruncated`, `ImageTooLarge` or `EmptyMember`; `None` if nothing is wrong.
    pub problem: Option<WarningKind>,
}

/// Reads the header of `bytes` (the whole file: the end is looked at to see whether it is cut short).
#[must_use]
pub fn probe(bytes: &[u8]) -> Probe {
    // Filled in by the image floor's owner.
    let _ = bytes;
    Probe::default()
}
