//! How the middle of the window is divided: tabs of lenses, side by side or one above the other.
//!
//! Plain data, so that it can be remembered and tested; the views turn it into tiles and tell back what the user dragged.

use serde::{Deserialize, Serialize};

use super::state::Lens;

/// A part of the middle of the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Lenses behind each other, of which one is seen.
    Tabs {
        /// From the left.
        lenses: Vec<Lens>,
        /// The one that is seen, by its place.
        active: usize,
    },
    /// Parts beside each other or below each other.
    Split {
        /// One below the other instead of side by side.
        down: bool,
        /// What each part has of the width or height; only ratios count.
        shares: Vec<f32>,
        /// The parts, from the left or the top.
        parts: Vec<Layout>,
    },
}

impl Default for Layout {
    fn default() -> Self {
        Self::Tabs { lenses: Lens::ALL.to_vec(), active: 0 }
    }
}

impl Layout {
    /// The lenses that are seen, in reading order.
    #[must_use]
    pub fn visible(&self) -> Vec<Lens> {
        match self {
            Self::Tabs { lenses, active } => lenses.get(*active).copied().into_iter().collect(),
            Self::Split { parts, .. } => parts.iter().flat_map(Self::visible).collect(),
        }
    }

    /// Brings a lens to the front of its tabs. True if that changed anything.
    pub fn show(&mut self, lens: Lens) -> bool {
        match self {
            Self::Tabs { lenses, active } => match lenses.iter().position(|other| *other == lens) {
                Some(place) => std::mem::replace(active, place) != place,
                None => false,
            },
            Self::Split { parts, .. } => parts.iter_mut().any(|part| part.show(lens)),
        }
    }

    /// Every lens stands exactly once, no part is empty and every part has a share: what an older or newer program remembered becomes what
    /// this one can show.
    #[must_use]
    pub fn mended(self) -> Self {
        let mut seen = Vec::new();
        let mut mended = self.cleaned(&mut seen).unwrap_or_else(|| Self::Tabs { lenses: Vec::new(), active: 0 });
        for lens in Lens::ALL {
            if !seen.contains(&lens) {
                mended.first_tabs().push(lens);
            }
        }
        mended
    }

    fn cleaned(self, seen: &mut Vec<Lens>) -> Option<Self> {
        match self {
            Self::Tabs { lenses, active } => {
                let front = lenses.get(active).copied();
                let mut kept = Vec::new();
                for lens in lenses {
                    if !seen.contains(&lens) {
                        seen.push(lens);
                        kept.push(lens);
                    }
                }
                let active = kept.iter().position(|lens| Some(*lens) == front).unwrap_or(0);
                (!kept.is_empty()).then_some(Self::Tabs { lenses: kept, active })
            }
            Self::Split { down, shares, parts } => {
                let share = |i: usize| shares.get(i).copied().filter(|s| s.is_finite() && *s > 0.0).unwrap_or(1.0);
                let mut kept: Vec<(f32, Self)> = Vec::new();
                for (i, part) in parts.into_iter().enumerate() {
                    if let Some(part) = part.cleaned(seen) {
                        kept.push((share(i), part));
                    }
                }
                if kept.len() < 2 {
                    return kept.pop().map(|(_, part)| part);
                }
                let (shares, parts) = kept.into_iter().unzip();
                Some(Self::Split { down, shares, parts })
            }
        }
    }

    fn first_tabs(&mut self) -> &mut Vec<Lens> {
        match self {
            Self::Tabs { lenses, .. } => lenses,
            Self::Split { parts, .. } => parts[0].first_tabs(),
        }
    }
}

/// Reads a layout; one that this program cannot read (a lens it has not, a damaged file) is the usual one, and the other settings stay.
pub(super) fn lenient<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Layout, D::Error> {
    let value = toml::Value::deserialize(from)?;
    Ok(value.try_into::<Layout>().unwrap_or_default().mended())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tabs(lenses: &[Lens], active: usize) -> Layout {
        Layout::Tabs { lenses: lenses.to_vec(), active }
    }

    #[test]
    fn a_lens_comes_to_the_front_of_its_own_tabs() {
        let rest: Vec<Lens> = Lens::ALL.into_iter().filter(|lens| *lens != Lens::Map).collect();
        let mut layout =
            Layout::Split { down: false, shares: vec![1.0, 2.0], parts: vec![tabs(&rest, 0), tabs(&[Lens::Map], 0)] };
        assert_eq!(layout.visible(), [Lens::Grid, Lens::Map]);
        assert!(layout.show(Lens::Statistics));
        assert!(!layout.show(Lens::Map), "it is seen already");
        assert_eq!(layout.visible(), [Lens::Statistics, Lens::Map]);
    }

    #[test]
    fn what_cannot_be_shown_is_mended() {
        let odd = Layout::Split {
            down: true,
            shares: vec![f32::NAN],
            parts: vec![
                tabs(&[], 3),
                tabs(&[Lens::Map, Lens::Map], 9),
                Layout::Split { down: true, shares: vec![], parts: vec![] },
            ],
        };
        let mended = odd.mended();
        let Layout::Tabs { lenses, active } = &mended else { panic!("one part is no split: {mended:?}") };
        assert_eq!((lenses[0], *active, lenses.len()), (Lens::Map, 0, Lens::ALL.len()));
        assert_eq!(Layout::default().mended(), Layout::default());
    }
}
