//! The map lens: points in the middle, tools at the left, the legend at the right, what it is of below.
//!
//! What is drawn of a layer is prepared once a change ([`prepared::Prepared`]: places, colours, order) and painted in every frame; gestures that are
//! under way and the point under the pointer are the only things that live here and not in the state.

mod canvas;
mod card;
mod crowd;
pub(super) mod empty;
mod export;
mod fields;
mod gestures;
mod legend;
mod params;
mod prepared;
pub(super) mod strip;

use std::collections::BTreeMap;

use egui::{Rect, TextureHandle, Ui, UiBuilder, pos2, vec2};

use super::Commands;
use super::textures::Textures;
use super::theme::{space, tokens};
use crate::app::map::{MapCommand, MapView};
use crate::app::{Command, State};
use crate::base::SampleId;

/// Width of the strip of tools, points.
const TOOLS: f32 = 40.0;
/// Width of the open legend, points.
const LEGEND: f32 = 190.0;
/// Height of the line that says what the map is of, points.
const CAPTION: f32 = 24.0;

/// What the window keeps of the map between frames.
pub struct MapFrame {
    prepared: BTreeMap<String, prepared::Prepared>,
    gesture: Option<gestures::Gesture>,
    hover: Option<Hover>,
    disc: Option<TextureHandle>,
    export_size: [u32; 2],
    card: Option<crowd::Card>,
    filling: bool,
    /// Without rings round points: a picture for others.
    bare: bool,
}

impl Default for MapFrame {
    fn default() -> Self {
        Self {
            prepared: BTreeMap::new(),
            gesture: None,
            hover: None,
            disc: None,
            export_size: [1920, 1200],
            card: None,
            filling: false,
            bare: false,
        }
    }
}

impl MapFrame {
    /// Draws maps of many points with the window's device from here on.
    pub fn set_card(&mut self, device: crate::gpu::Device, render: &egui_wgpu::RenderState) {
        self.card = Some(crowd::Card::new(device, render));
    }

    /// While an area is being drawn, Esc ends it and Enter closes it; then these keys are nobody else's.
    ///
    /// `is_seen`: the map is seen and nothing stands before it. An area that nobody sees any more is no area.
    pub fn keys(&mut self, ctx: &egui::Context, is_seen: bool) {
        if !is_seen {
            self.gesture = None;
        }
        let Some(gesture) = &mut self.gesture else { return };
        if ctx.egui_wants_keyboard_input() {
            return;
        }
        let pressed = |key| ctx.input_mut(|input| input.consume_key(egui::Modifiers::NONE, key));
        if pressed(egui::Key::Escape) {
            self.gesture = None;
        } else if pressed(egui::Key::Enter) {
            gesture.close();
        }
    }

    /// True while a picture of many points fills: what screenshots wait for.
    #[must_use]
    pub fn filling(&self) -> bool {
        self.filling
    }
}

/// The sample under the pointer, and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Hover {
    sample: SampleId,
    since: f64,
}

/// The whole lens.
pub fn map_ui(ui: &mut Ui, state: &State, textures: &mut Textures, frame: &mut MapFrame, out: &mut Commands) {
    let mut view = state.map.view.clone();
    let all = ui.available_rect_before_wrap();
    if state.map.source().is_none() {
        let what = "The map puts pictures that look alike to a model side by side. It needs the model's numbers for each picture.";
        empty::empty_ui(ui, state, what, out);
        return;
    }
    strip::strip_ui(ui, state, frame, &mut view, out);
    strip::lacking_ui(ui, state, out);
    let body = Rect::from_min_max(pos2(all.left(), ui.cursor().top()), pos2(all.right(), all.bottom() - CAPTION));
    let legend_width = if view.legend_open { LEGEND.min(body.width() * 0.35) } else { 0.0 };
    let params_width = if view.params_open { 220.0_f32.min(body.width() * 0.4) } else { 0.0 };
    let tools = Rect::from_min_size(body.min, vec2(TOOLS, body.height()));
    let right = Rect::from_min_max(pos2(body.right() - legend_width, body.top()), body.max);
    let params = Rect::from_min_max(pos2(right.left() - params_width, body.top()), pos2(right.left(), body.bottom()));
    let middle = Rect::from_min_max(pos2(tools.right(), body.top()), pos2(params.left(), body.bottom()));
    let mut part = |rect: Rect, paint: &mut dyn FnMut(&mut Ui)| {
        let mut child = ui.new_child(UiBuilder::new().max_rect(rect));
        child.set_clip_rect(rect.intersect(child.clip_rect()));
        paint(&mut child);
    };
    part(tools, &mut |ui| strip::tools_ui(ui, state, &mut view, out));
    if view.params_open {
        part(params, &mut |ui| params::params_ui(ui, state, &mut view, out));
    }
    if view.legend_open {
        part(right, &mut |ui| legend::legend_ui(ui, state, &mut view));
    }
    part(middle, &mut |ui| canvas::canvases_ui(ui, state, textures, frame, &mut view, out));
    part(Rect::from_min_max(pos2(all.left(), body.bottom()), all.max), &mut |ui| strip::caption_ui(ui, state));
    let line = egui::Stroke::new(1.0, tokens(ui).hairline);
    ui.painter().vline(tools.right(), body.y_range(), line);
    ui.painter().hline(all.x_range(), body.bottom(), line);
    for (rect, is_open) in [(params, view.params_open), (right, view.legend_open)] {
        if is_open {
            ui.painter().vline(rect.left(), body.y_range(), line);
        }
    }
    changed(state, view, out);
}

fn changed(state: &State, view: MapView, out: &mut Commands) {
    if view != state.map.view {
        out.push(Command::Map(MapCommand::View(Box::new(view))));
    }
}

/// Distance of panels from their edges.
const INNER: f32 = space::S8;
