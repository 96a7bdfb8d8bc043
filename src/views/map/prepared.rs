//! A layer ready to be painted: places, colours, order; made anew only where positions or styles change.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::{Color32, Rect, Ui};
use roaring::RoaringBitmap;

use super::crowd::{self, Card, Crowd};
use super::fields::Fields;
use super::legend;
use crate::analysis::scatter::Bits;
use crate::app::State;
use crate::app::map::colour::Legend;
use crate::app::map::labels::{Label, labels};
use crate::app::map::{Camera, Placed};
use crate::catalog::NONE;
use crate::views::theme::tokens;

/// How a row is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Hidden,
    Dim,
    Plain,
    Chosen,
}

/// A layer ready to be painted.
pub(super) struct Prepared {
    pub(super) placed: Arc<Placed>,
    pub(super) places: Vec<[f32; 2]>,
    pub(super) styled: Option<Styled>,
    /// The row of each sample of the population, [`NONE`] without one.
    pub(super) rows: Vec<u32>,
    pub(super) labels: Vec<Label>,
    pub(super) fields: Option<Fields>,
    pub(super) crowd: Option<Crowd>,
    /// Rows in sight where there are few enough for pictures, and the camera they were found for.
    pub(super) near: Option<(Camera, Rect, Vec<usize>)>,
}

/// Colours and order, and what they were made of.
pub(super) struct Styled {
    pub(super) legend: Arc<Legend>,
    pub(super) matching: Arc<RoaringBitmap>,
    pub(super) selection: Arc<RoaringBitmap>,
    pub(super) off: BTreeSet<String>,
    pub(super) dark: bool,
    /// Rows in the order in which they are painted.
    pub(super) order: Vec<u32>,
    pub(super) colors: Vec<Color32>,
    pub(super) kinds: Vec<Kind>,
}

impl Prepared {
    pub(super) fn new(placed: &Arc<Placed>, state: &State) -> Self {
        let placement = &placed.placement;
        let mut rows = vec![NONE; state.len()];
        for (row, sample) in placement.samples.iter().enumerate() {
            if let Some(place) = rows.get_mut(*sample as usize) {
                *place = row as u32;
            }
        }
        let places = placement.positions.iter().map(|position| placed.frame.place(*position)).collect();
        Self {
            placed: Arc::clone(placed),
            places,
            styled: None,
            rows,
            labels: Vec::new(),
            fields: None,
            crowd: None,
            near: None,
        }
    }

    /// Follows positions and styles; what did not change stays.
    pub(super) fn follow(&mut self, placed: &Arc<Placed>, state: &State, card: Option<&Card>, ui: &Ui) {
        if !Arc::ptr_eq(&self.placed, placed) {
            let is_same = Arc::ptr_eq(&self.placed.placement.samples, &placed.placement.samples);
            let old = std::mem::replace(self, Self::new(placed, state));
            if is_same {
                self.styled = old.styled;
                self.fields = old.fields;
                self.crowd = old.crowd;
            }
        }
        // Labels of points that move would jump about; they come when the layout rests.
        if self.labels.is_empty() && (placed.placement.done || !state.map.running()) {
            self.labels = labels(placed, &state.population.columns);
        }
        let map = &state.map;
        let dark = ui.visuals().dark_mode;
        let is_new = self.styled.as_ref().is_none_or(|styled| {
            !Arc::ptr_eq(&styled.legend, &map.legend)
                || !Arc::ptr_eq(&styled.matching, &state.result.matching)
                || !Arc::ptr_eq(&styled.selection, &state.selection)
                || styled.off != map.view.off
                || styled.dark != dark
        });
        if is_new {
            self.styled = Some(Styled::new(&placed.placement.samples, state, ui));
            self.near = None;
        }
        let Some(styled) = &self.styled else { return };
        let inks: Vec<Color32> = map.legend.entries.iter().map(|entry| legend::color_of(ui, entry.ink)).collect();
        // As points do that are drawn one by one, they grow a little as one zooms in.
        let radius =
            (1.2 * map.view.camera.zoom.powf(0.3) * map.view.point).clamp(0.75, 6.0) * ui.ctx().pixels_per_point();
        let style = crowd::style(ui, &inks, &map.legend.hidden(&map.view.off), radius);
        self.crowd = Crowd::follow(self.crowd.take(), placed, state, card, style, || {
            let rows = |least: Kind| {
                let is = |(row, kind): (u32, &Kind)| (*kind >= least).then_some(row);
                Bits::of(styled.kinds.len(), (0..).zip(&styled.kinds).filter_map(is))
            };
            (rows(Kind::Plain), rows(Kind::Chosen))
        });
        self.fields = Fields::follow(self.fields.take(), placed, state, map.view.drawn, ui);
    }

    pub(super) fn kind(&self, row: usize) -> Kind {
        self.styled.as_ref().map_or(Kind::Hidden, |styled| styled.kinds[row])
    }
}

impl Styled {
    fn new(samples: &[u32], state: &State, ui: &Ui) -> Self {
        let map = &state.map;
        let colors = tokens(ui);
        let hidden = map.legend.hidden(&map.view.off);
        let inks: Vec<Color32> = map.legend.entries.iter().map(|entry| legend::color_of(ui, entry.ink)).collect();
        let dim = colors.text_faint.gamma_multiply(0.22);
        // Many points are not painted one by one.
        let is_many = samples.len() >= crowd::MANY;
        let mut kinds = Vec::with_capacity(samples.len());
        let mut points = Vec::with_capacity(samples.len());
        for sample in samples {
            let entry = map.legend.of.get(*sample as usize).copied().map_or(usize::MAX, usize::from);
            let kind = if hidden.get(entry).copied().unwrap_or(true) {
                Kind::Hidden
            } else if state.selection.contains(*sample) {
                Kind::Chosen
            } else if state.result.matching.contains(*sample) {
                Kind::Plain
            } else {
                Kind::Dim
            };
            kinds.push(kind);
            if is_many {
                continue;
            }
            points.push(if kind == Kind::Dim {
                dim
            } else {
                inks.get(entry).copied().unwrap_or(dim).gamma_multiply(0.9)
            });
        }
        let rows = if is_many { 0 } else { samples.len() as u32 };
        let mut order: Vec<u32> = (0..rows).filter(|row| kinds[*row as usize] != Kind::Hidden).collect();
        // Neither dataset lies always on top of the other: a fixed shuffle. What is dimmed lies below, what is chosen above.
        order.sort_by_key(|row| (kinds[*row as usize], row.wrapping_mul(0x9e37_79b9).rotate_left(15)));
        Self {
            legend: Arc::clone(&map.legend),
            matching: Arc::clone(&state.result.matching),
            selection: Arc::clone(&state.selection),
            off: map.view.off.clone(),
            dark: ui.visuals().dark_mode,
            order,
            colors: points,
            kinds,
        }
    }
}

/// Colour and opacity of each row, for drawings.
pub(super) fn inks(prepared: &Prepared, hex: &dyn Fn(Color32) -> String) -> Vec<Option<(String, f32)>> {
    let Some(styled) = &prepared.styled else { return vec![None; prepared.places.len()] };
    let ink = |(kind, color): (&Kind, &Color32)| {
        let [r, g, b, a] = color.to_srgba_unmultiplied();
        (*kind != Kind::Hidden).then(|| (hex(Color32::from_rgb(r, g, b)), f32::from(a) / 255.0))
    };
    styled.kinds.iter().zip(&styled.colors).map(ink).collect()
}

/// Rows in the order in which they are painted.
pub(super) fn order(prepared: &Prepared) -> &[u32] {
    prepared.styled.as_ref().map_or(&[], |styled| &styled.order)
}

/// Names of regions.
pub(super) fn region_labels(prepared: &Prepared) -> &[Label] {
    &prepared.labels
}
