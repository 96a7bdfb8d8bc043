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
        Self { placed: Arc::clone(placed), places, styled: None, rows, fields: None, crowd: None, near: None }
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
            // Many points are not painted one by one.
            let samples = &placed.placement.samples;
            self.styled = Some(Styled::new(samples, state, ui, samples.len() >= crowd::MANY));
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
    /// `kinds_only`: without the colours and the order of single points.
    fn new(samples: &[u32], state: &State, ui: &Ui, kinds_only: bool) -> Self {
        let map = &state.map;
        let colors = tokens(ui);
        let hidden = map.legend.hidden(&map.view.off);
        let inks: Vec<Color32> = map.legend.entries.iter().map(|entry| legend::color_of(ui, entry.ink)).collect();
        let dim = colors.text_faint.gamma_multiply(0.22);
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
            if kinds_only {
                continue;
            }
            points.push(if kind == Kind::Dim {
                dim
            } else {
                inks.get(entry).copied().unwrap_or(dim).gamma_multiply(0.9)
            });
        }
        let rows = if kinds_only { 0 } else { samples.len() as u32 };
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

/// Rows as drawings want them.
pub(super) struct Inked {
    /// Rows in the order in which they are painted; hidden ones are left out.
    pub(super) order: Vec<u32>,
    /// The colours.
    pub(super) palette: Vec<Color32>,
    /// The colour of each row by its number in the palette.
    pub(super) inks: Vec<u16>,
}

/// Colours and order of all rows, of many as of few.
pub(super) fn inked(samples: &[u32], state: &State, ui: &Ui) -> Inked {
    let styled = Styled::new(samples, state, ui, false);
    let mut palette: Vec<Color32> = Vec::new();
    let mut number = |color: &Color32| {
        let at = palette.iter().position(|other| other == color).unwrap_or_else(|| {
            palette.push(*color);
            palette.len() - 1
        });
        at as u16
    };
    let inks = styled.colors.iter().map(&mut number).collect();
    Inked { order: styled.order, palette, inks }
}
