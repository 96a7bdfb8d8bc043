//! A cell: the part of the picture that a model sees, the map over it, and what is said below.

use std::sync::Arc;

use egui::{Align2, Color32, Rect, TextStyle, TextureHandle, Ui, pos2, vec2};

use super::drawn::{Made, Maps};
use crate::analysis::cam::Map;
use crate::analysis::cam::beside::Region;
use crate::app::State;
use crate::app::panels::inspector;
use crate::app::why::{Column, Mode, Of, Said};
use crate::base::SampleId;
use crate::jobs::why::Cell;
use crate::views::icons;
use crate::views::textures::{Textures, Thumb, fit};
use crate::views::theme::{self, radius, space, tokens};
use crate::views::widgets::{elided, font};

/// What there is to show in a cell.
pub(super) enum Shown {
    /// Still being made.
    Waiting,
    /// No map, and why.
    Failed(String),
    /// Maps with their scales, the part of the picture that they cover.
    Maps { made: Made, region: Region },
}

/// Pixels of the picture as displayed: what the catalog says, turned as the texture is.
fn size_of(state: &State, sample: SampleId, texture: Option<&TextureHandle>) -> (u32, u32) {
    let columns = &state.population.columns;
    let (width, height) = (columns.width[sample.index()], columns.height[sample.index()]);
    match texture.map(TextureHandle::size) {
        Some([wide, high]) if width == 0 || height == 0 => (wide as u32, high as u32),
        _ => (width.max(1), height.max(1)),
    }
}

/// Side of the texture for a cell of so many pixels.
fn texture_side(pixels: f32) -> usize {
    [96, 160, 256, 512].into_iter().find(|side| *side as f32 >= pixels * 0.9).unwrap_or(512)
}

/// What a column shows for a picture of `size` pixels.
pub(super) fn shown(state: &State, column: &Column, sample: SampleId, size: (u32, u32), pixels: f32) -> Shown {
    let why = &state.why;
    let sample = state.population.sample_ref(sample);
    let side = texture_side(pixels);
    match &column.of {
        Of::Maps(recipe) => match why.cell(recipe, sample) {
            None => Shown::Waiting,
            Some(Err(error)) => Shown::Failed(error.clone()),
            Some(Ok(cell)) => {
                let signed = why.view.mode == Mode::Signed;
                let scale = why.scale(recipe, Some(&cell.explanation.map), signed);
                let Some(region) = why.region(&recipe.model, size) else { return Shown::Waiting };
                let mode = why.view.mode;
                Shown::Maps { made: Made { cells: vec![Arc::clone(cell)], mode, scales: vec![scale], side }, region }
            }
        },
        Of::Difference(a, b) => {
            let mut cells: Vec<Arc<Cell>> = Vec::new();
            let mut scales = vec![1.0];
            for id in [*a, *b] {
                let Some(recipe) = why.recipe(id) else { return Shown::Failed("its columns are gone".to_owned()) };
                match why.cell(recipe, sample) {
                    None if !why.is_usable(recipe) => {
                        return Shown::Failed("one of the two has no maps".to_owned());
                    }
                    None => return Shown::Waiting,
                    Some(Err(error)) => return Shown::Failed(error.clone()),
                    Some(Ok(cell)) => {
                        scales.push(why.scale(recipe, Some(&cell.explanation.map), false));
                        cells.push(Arc::clone(cell));
                    }
                }
            }
            match why.difference_region(*a, *b, size) {
                Some(region) => Shown::Maps { made: Made { cells, mode: Mode::Signed, scales, side }, region },
                None => Shown::Waiting,
            }
        }
    }
}

/// The map that a texture is made of.
fn map_of(state: &State, column: &Column, sample: SampleId, size: (u32, u32)) -> Map {
    let why = &state.why;
    let sample = state.population.sample_ref(sample);
    match &column.of {
        Of::Maps(recipe) => match why.cell(recipe, sample) {
            Some(Ok(cell)) if why.view.mode == Mode::Signed => cell.explanation.map.clone(),
            Some(Ok(cell)) => recipe.method.evidence(&cell.explanation.map),
            _ => Map::default(),
        },
        Of::Difference(a, b) => why.difference(*a, *b, sample, size).map(|(map, _)| map).unwrap_or_default(),
    }
}

/// Paints the part of a picture that lies in `region` into `rect`; where the part reaches beyond the picture there is nothing.
fn part(ui: &Ui, rect: Rect, texture: &TextureHandle, region: Region) {
    let axis = |low: f32, high: f32, from: f32, to: f32| {
        let span = (high - low).max(1e-6);
        let (first, last) = (low.max(0.0), high.min(1.0));
        let place = |at: f32| from + (at - low) / span * (to - from);
        (first, last, place(first), place(last))
    };
    let (u0, u1, x0, x1) = axis(region.left, region.right, rect.left(), rect.right());
    let (v0, v1, y0, y1) = axis(region.top, region.bottom, rect.top(), rect.bottom());
    let (uv, place) = (Rect::from_min_max(pos2(u0, v0), pos2(u1, v1)), Rect::from_min_max(pos2(x0, y0), pos2(x1, y1)));
    ui.painter().image(texture.id(), place, uv, Color32::WHITE);
}

/// The cell of a column. Gives what stands in the way of a map, if anything does.
#[expect(clippy::too_many_arguments, reason = "which cell, where, and with what it is painted")]
pub(super) fn cell(
    ui: &Ui,
    state: &State,
    textures: &mut Textures,
    maps: &mut Maps,
    column: &Column,
    sample: SampleId,
    rect: Rect,
    place: u8,
) -> Option<String> {
    let colors = tokens(ui);
    let pixels = rect.width() * ui.ctx().pixels_per_point();
    let sample_ref = state.population.sample_ref(sample);
    ui.painter().rect_filled(rect, radius::CONTROL, colors.panel);
    // The part that a model sees is smaller than the picture.
    let thumb = match textures.get(sample, sample_ref, pixels * 1.15) {
        Thumb::Ready(texture) => Some(texture.clone()),
        Thumb::Waiting | Thumb::Failed(_) => None,
    };
    let size = size_of(state, sample, thumb.as_ref());
    match shown(state, column, sample, size, pixels) {
        Shown::Waiting => {
            if let Some(texture) = &thumb {
                part(ui, rect, texture, plain(size));
            }
            ui.painter().rect_filled(rect, radius::CONTROL, colors.panel.gamma_multiply(0.7));
            let icon = egui::FontId::proportional(18.0);
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, icons::SPINNER_GAP, icon, colors.text_faint);
            None
        }
        Shown::Failed(error) => {
            let small = font(ui, TextStyle::Small);
            let galley = elided(ui, &error, small, colors.text_faint, rect.width() - space::S16, 5);
            let icon = egui::FontId::proportional(20.0);
            let top = rect.center().y - galley.size().y / 2.0;
            let at = pos2(rect.center().x, top - space::S8);
            ui.painter().text(at, Align2::CENTER_BOTTOM, icons::IMAGE_BROKEN, icon, colors.text_disabled);
            ui.painter().galley(pos2(rect.left() + space::S8, top), galley, colors.text_faint);
            Some(error)
        }
        Shown::Maps { made, region } => {
            let mode = made.mode;
            if mode != Mode::Heat
                && let Some(texture) = &thumb
            {
                part(ui, rect, texture, region);
            }
            let map = || map_of(state, column, sample, size);
            if let Some(texture) = maps.get(ui.ctx(), (column.id, sample_ref, place), made, &map) {
                let tint = match mode {
                    Mode::Heat => Color32::WHITE,
                    // White multiplied by its alpha is the same factor for all channels.
                    Mode::Contour => Color32::from_white_alpha(255),
                    Mode::Overlay | Mode::Signed => {
                        let alpha = (state.why.view.opacity.clamp(0.0, 1.0) * 255.0).round() as u8;
                        Color32::from_rgba_premultiplied(alpha, alpha, alpha, alpha)
                    }
                };
                let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                ui.painter().image(texture.id(), rect, uv, tint);
            }
            None
        }
    }
}

/// The middle square of a picture: what nearly every model sees.
fn plain((width, height): (u32, u32)) -> Region {
    let (width, height) = (width.max(1) as f32, height.max(1) as f32);
    let side = width.min(height);
    let (across, down) = (side / width / 2.0, side / height / 2.0);
    Region { left: 0.5 - across, top: 0.5 - down, right: 0.5 + across, bottom: 0.5 + down }
}

/// The whole picture.
pub(super) fn picture(ui: &Ui, state: &State, textures: &mut Textures, sample: SampleId, rect: Rect) {
    let colors = tokens(ui);
    ui.painter().rect_filled(rect, radius::CONTROL, colors.panel);
    let pixels = rect.width() * ui.ctx().pixels_per_point();
    match textures.get(sample, state.population.sample_ref(sample), pixels * 1.15) {
        Thumb::Ready(texture) => {
            let size = fit(texture.size_vec2(), rect.size(), f32::INFINITY);
            let place = Rect::from_center_size(rect.center(), size);
            egui::Image::from_texture(texture).corner_radius(radius::CONTROL).paint_at(ui, place);
        }
        Thumb::Waiting => {}
        Thumb::Failed(_) => {
            let icon = egui::FontId::proportional(24.0);
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, icons::IMAGE_BROKEN, icon, colors.text_disabled);
        }
    }
}

/// Two lines below the picture: what it is, and of which dataset and leaf.
pub(super) fn picture_foot(ui: &Ui, state: &State, textures: &mut Textures, sample: SampleId, rect: Rect) {
    let Some(record) = state.records.get(state.population.sample_ref(sample)) else {
        textures.want_record(sample);
        return;
    };
    let colors = tokens(ui);
    let small = font(ui, TextStyle::Small);
    let (first, second) = inspector::grid_lines(record);
    let mut left = rect.left() + 1.0;
    if state.population.datasets.len() > 1 {
        let dataset = state.population.columns.dataset_of(sample);
        ui.painter().circle_filled(pos2(left + 3.0, rect.top() + 11.0), 3.0, theme::dataset_color(dataset.index()));
        left += 11.0;
    }
    let galley = elided(ui, first, small.clone(), colors.text, rect.right() - left, 1);
    ui.painter().galley(pos2(left, rect.top() + 3.0), galley, colors.text);
    let galley = elided(ui, second, small, colors.text_faint, rect.width() - 2.0, 1);
    ui.painter().galley(pos2(rect.left() + 1.0, rect.top() + 18.0), galley, colors.text_faint);
}

/// What is said of a cell.
pub(super) fn said(state: &State, column: &Column, sample: SampleId) -> Option<Said> {
    let Of::Maps(recipe) = &column.of else { return None };
    let sample = state.population.sample_ref(sample);
    match state.why.cell(recipe, sample) {
        Some(Ok(cell)) => Some(state.why.said(recipe, sample, cell)),
        _ => None,
    }
}

/// Two lines below a cell: the class that is explained and its probability; where another is predicted, that one.
pub(super) fn foot(ui: &Ui, state: &State, column: &Column, sample: SampleId, rect: Rect) {
    let Some(said) = said(state, column, sample) else { return };
    line(ui, &said.name, said.probability, said.is_truth, false, pos2(rect.left(), rect.top() + 3.0), rect.width());
    if let Some((name, probability, is_truth)) = &said.predicted {
        let at = pos2(rect.left(), rect.top() + 18.0);
        line(ui, &format!("predicted {name}"), *probability, *is_truth, true, at, rect.width());
    }
}

/// A class with its probability at the right; with a mark where it is the dataset's own.
fn line(ui: &Ui, name: &str, probability: f32, is_truth: bool, is_faint: bool, at: egui::Pos2, width: f32) {
    let colors = tokens(ui);
    let small = font(ui, TextStyle::Small);
    let color = if is_faint { colors.text_faint } else { colors.text };
    let percent = percent(probability);
    let right = ui.painter().layout_no_wrap(percent, small.clone(), color);
    let right_at = at + vec2(width - right.size().x - 1.0, 0.0);
    let room = right_at.x - at.x - space::S8;
    ui.painter().galley(right_at, right, color);
    let mut left = at + vec2(1.0, 0.0);
    if is_truth {
        let icon = egui::FontId::proportional(12.0);
        ui.painter().text(left + vec2(0.0, 7.0), Align2::LEFT_CENTER, icons::CHECK, icon, colors.ok);
        left.x += 16.0;
    }
    let galley = elided(ui, name, small, color, room - (left.x - at.x), 1);
    ui.painter().galley(left, galley, color);
}

/// `93 %`, `0.4 %`.
pub(super) fn percent(share: f32) -> String {
    let percent = share * 100.0;
    if percent >= 9.95 || percent == 0.0 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}
