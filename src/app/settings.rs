//! What the window remembers between runs: looks and sizes, never data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::layout::{self, Layout};

/// Light, dark, or as the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ThemeChoice {
    #[default]
    System,
    Light,
    Dark,
}

/// Remembered settings. Unknown and missing keys are fine: an older or newer file loads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Colours.
    pub theme: ThemeChoice,
    /// The filter side bar is open.
    pub filters_open: bool,
    /// The inspector is open.
    pub inspector_open: bool,
    /// Captions stand below pictures in the grid.
    pub captions: bool,
    /// Picture side in the grid, points.
    pub zoom: f32,
    /// Bytes of thumbnails kept on the GPU.
    pub texture_budget: u64,
    /// No animations.
    pub less_motion: bool,
    /// Models that were used, the latest first.
    pub models: Vec<PathBuf>,
    /// How the middle of the window is divided.
    #[serde(deserialize_with = "layout::lenient")]
    pub layout: Layout,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::System,
            filters_open: true,
            inspector_open: true,
            captions: true,
            zoom: 160.0,
            texture_budget: 384 << 20,
            less_motion: false,
            models: Vec::new(),
            layout: Layout::default(),
        }
    }
}

impl Settings {
    /// Reads settings; a damaged file gives the defaults (it is written anew on the next change).
    #[must_use]
    pub fn from_toml(text: &str) -> Self {
        let mut settings: Self = toml::from_str(text).unwrap_or_default();
        settings.zoom = settings.zoom.clamp(super::grid::CELL_RANGE.0, super::grid::CELL_RANGE.1);
        settings
    }

    /// The file's text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::Lens;

    #[test]
    fn round_trips_and_survives_damage() {
        let settings = Settings { zoom: 200.0, theme: ThemeChoice::Dark, ..Settings::default() };
        assert_eq!(Settings::from_toml(&settings.to_toml()), settings);
        assert_eq!(Settings::from_toml("zoom = 9000\nnew_key = 1").zoom, 512.0);
        assert_eq!(Settings::from_toml("zoom = \"wide"), Settings::default());
        let tabs = |lenses: &[Lens]| Layout::Tabs { lenses: lenses.to_vec(), active: 0 };
        let layout = Layout::Split {
            down: true,
            shares: vec![0.25, 0.75],
            parts: vec![tabs(&Lens::ALL[1..]), tabs(&[Lens::Grid])],
        };
        let settings = Settings { layout, ..settings };
        assert_eq!(Settings::from_toml(&settings.to_toml()), settings);
        let newer = "zoom = 100.0\n[layout.tabs]\nactive = 0\nlenses = [\"hologram\"]";
        assert_eq!(Settings::from_toml(newer), Settings { zoom: 100.0, ..Settings::default() }, "the rest is kept");
    }
}
