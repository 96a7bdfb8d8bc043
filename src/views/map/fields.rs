//! Densities under the points: shades, contours a dataset, the ratio of two datasets.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Color32, ColorImage, Pos2, Rect, Shape, Stroke, TextureHandle, TextureOptions, Ui, pos2};
use roaring::RoaringBitmap;

use crate::analysis::plane::density::{Field, MARGIN, SIDE, ratio};
use crate::app::State;
use crate::app::map::{Drawn, Placed};
use crate::formats::image::Picture;
use crate::views::theme;

/// Shares of a dataset inside its contours.
const MASSES: [f32; 4] = [0.9, 0.7, 0.45, 0.2];

/// Where the first dataset is denser.
pub(super) const DENSER_A: Color32 = Color32::from_rgb(0xd0, 0x3a, 0x36);
/// Where the second dataset is denser.
pub(super) const DENSER_B: Color32 = Color32::from_rgb(0x35, 0x74, 0xd0);

/// Closed lines in the unit square.
pub(super) type Lines = Vec<Vec<[f32; 2]>>;

/// What was made, and of what.
pub(super) struct Fields {
    placed: Arc<Placed>,
    seen: Arc<RoaringBitmap>,
    drawn: (bool, bool, bool),
    dark: bool,
    /// Shades of density or ratio, and the picture they were made of.
    shades: Option<(TextureHandle, ColorImage)>,
    /// A dataset: its colour, and its lines from the outermost.
    contours: Vec<(Color32, Vec<Lines>)>,
}

impl Fields {
    /// Makes what is switched on, where it changed.
    pub(super) fn follow(
        old: Option<Self>,
        placed: &Arc<Placed>,
        state: &State,
        drawn: Drawn,
        ui: &Ui,
    ) -> Option<Self> {
        let wanted = (drawn.density, drawn.contours, drawn.ratio);
        let dark = ui.visuals().dark_mode;
        if wanted == (false, false, false) {
            return None;
        }
        if let Some(old) = old
            && Arc::ptr_eq(&old.placed, placed)
            && Arc::ptr_eq(&old.seen, &state.map.seen)
            && (old.drawn, old.dark) == (wanted, dark)
        {
            return Some(old);
        }
        let seen = &state.map.seen;
        let placement = &placed.placement;
        let field = |range: std::ops::Range<u32>| {
            let rows = placement.samples.iter().zip(placement.positions.iter());
            Field::of(
                rows.filter(|(sample, _)| range.contains(sample) && seen.contains(**sample))
                    .map(|(_, position)| placed.frame.place(*position)),
            )
        };
        let datasets: Vec<Field> =
            state.population.columns.datasets.iter().map(|dataset| field(dataset.range.clone())).collect();
        let present: BTreeSet<usize> = (0..datasets.len()).filter(|i| datasets[*i].points > 0).collect();
        let mut shades = None;
        if drawn.ratio
            && let [a, b, ..] = &datasets[..]
            && present.contains(&0)
            && present.contains(&1)
        {
            shades = Some(ratio_image(&ratio(a, b)));
        } else if drawn.density {
            shades = Some(density_image(&field(0..u32::MAX), dark));
        }
        let contours = if drawn.contours {
            present
                .iter()
                .map(|&i| {
                    let levels = datasets[i].levels(&MASSES);
                    (theme::dataset_color(i), levels.into_iter().map(|level| datasets[i].contour(level)).collect())
                })
                .collect()
        } else {
            Vec::new()
        };
        Some(Self {
            placed: Arc::clone(placed),
            seen: Arc::clone(seen),
            drawn: wanted,
            dark,
            shades: shades
                .map(|image| (ui.ctx().load_texture("map field", image.clone(), TextureOptions::LINEAR), image)),
            contours,
        })
    }

    /// What lies under the points.
    pub(super) fn shades_ui(&self, ui: &Ui, screen: &dyn Fn([f32; 2]) -> Pos2) {
        if let Some((texture, _)) = &self.shades {
            let rect = Rect::from_two_pos(screen([-MARGIN; 2]), screen([1.0 + MARGIN; 2]));
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
        }
    }

    /// The shades as a picture of the square from [`-MARGIN`](MARGIN) to `1 + MARGIN`, for drawings.
    pub(super) fn picture(&self) -> Option<Picture> {
        let (_, image) = self.shades.as_ref()?;
        let rgba = image.pixels.iter().flat_map(Color32::to_srgba_unmultiplied).collect();
        Some(Picture { width: SIDE as u32, height: SIDE as u32, rgba, truncated: false })
    }

    /// Each set of contours with its stroke, in the order in which they are painted.
    pub(super) fn contours(&self) -> impl Iterator<Item = (Stroke, &Lines)> {
        self.contours.iter().flat_map(|(color, levels)| {
            levels.iter().enumerate().map(|(i, lines)| {
                let strength = 0.45 + 0.55 * i as f32 / levels.len() as f32;
                (Stroke::new(1.0 + 0.35 * i as f32, color.gamma_multiply(strength)), lines)
            })
        })
    }

    /// What lies over them.
    pub(super) fn lines_ui(&self, ui: &Ui, screen: &dyn Fn([f32; 2]) -> Pos2) {
        for (stroke, lines) in self.contours() {
            let line = |corners: &Vec<[f32; 2]>| {
                Shape::closed_line(corners.iter().map(|corner| screen(*corner)).collect(), stroke)
            };
            ui.painter().extend(lines.iter().map(line));
        }
    }
}

/// From the bottom row to the top row of the picture.
fn image(pixel: impl Fn(usize) -> Color32) -> ColorImage {
    let pixels = (0..SIDE).rev().flat_map(|row| (0..SIDE).map(move |column| row * SIDE + column)).map(pixel).collect();
    ColorImage::new([SIDE, SIDE], pixels)
}

/// On a logarithmic scale over two decades: the far edge of a heap is seen beside its middle.
fn density_image(field: &Field, dark: bool) -> ColorImage {
    let peak = field.peak().max(f32::MIN_POSITIVE);
    image(|cell| {
        let share = field.values[cell] / peak;
        let height = (1.0 + share.max(1e-6).log10() / 2.0).clamp(0.0, 1.0);
        let color = theme::scale_color(height);
        color.gamma_multiply(height * if dark { 0.75 } else { 0.6 })
    })
}

/// Red where the first dataset is denser, blue where the second is; nothing where they are alike.
fn ratio_image(ratio: &[f32]) -> ColorImage {
    image(|cell| {
        let value = ratio[cell] / 3.0;
        let color = if value > 0.0 { DENSER_A } else { DENSER_B };
        color.gamma_multiply(value.abs().powf(0.7) * 0.55)
    })
}
