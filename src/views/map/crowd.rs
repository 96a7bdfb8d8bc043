//! Maps of many points: counted into pixels instead of drawn one by one.
//!
//! With a device the picture is a texture of [`Scatter`], filled over several frames; without one its twin on the processor counts into a picture
//! that goes up like any other. Either way nothing is made anew while neither camera nor styles change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Color32, ColorImage, Rect, TextureHandle, TextureId, TextureOptions, Ui, pos2};
use egui_wgpu::RenderState;
use egui_wgpu::wgpu::FilterMode;

use crate::analysis::scatter::points::LEVELS;
use crate::analysis::scatter::splat::{Exposure, Layer, NO_PLANE, Style, resolve, splat};
use crate::analysis::scatter::{Bits, Camera, Points};
use crate::app::State;
use crate::app::map::Placed;
use crate::gpu::Device;
use crate::gpu::scatter::{Pipelines, Scatter};
use crate::views::theme::tokens;

/// From so many points on they are counted.
pub(super) const MANY: usize = 20_000;

/// What a frame may take of the device.
const BUDGET: Duration = Duration::from_millis(8);

/// The window's device, for drawing points.
pub struct Card {
    device: Device,
    pipelines: Arc<Pipelines>,
    render: RenderState,
}

impl Card {
    /// Compiles the shaders.
    #[must_use]
    pub fn new(device: Device, render: &RenderState) -> Self {
        Self { pipelines: Arc::new(Pipelines::new(&device)), device, render: render.clone() }
    }
}

/// How points are painted: what [`Crowd::follow`] compares.
#[derive(Clone, PartialEq)]
struct Marks {
    legend: usize,
    matching: usize,
    selection: usize,
    hidden: Vec<bool>,
}

/// The points of one layer.
pub(super) struct Crowd {
    placed: Arc<Placed>,
    points: Arc<Points>,
    /// Seconds that laying the points out took.
    cost: f64,
    made: Instant,
    marks: Option<Marks>,
    style: Option<Style>,
    /// On the device.
    scatter: Option<Scatter>,
    registered: Option<(TextureId, u64)>,
    render: Option<RenderState>,
    /// On the processor.
    by_slot: (Vec<u8>, Vec<u32>),
    twin: Option<(Camera, [u32; 2], TextureHandle)>,
    /// The picture is not whole yet.
    pub(super) filling: bool,
}

impl Drop for Crowd {
    fn drop(&mut self) {
        if let (Some(render), Some((id, _))) = (&self.render, self.registered) {
            render.renderer.write().free_texture(&id);
        }
    }
}

impl Crowd {
    /// Follows positions and styles; `None` where there are few points, or the old one where laying out again has to wait.
    pub(super) fn follow(
        old: Option<Self>,
        placed: &Arc<Placed>,
        state: &State,
        card: Option<&Card>,
        style: Style,
        kept: impl Fn() -> (Bits, Bits),
    ) -> Option<Self> {
        if placed.placement.positions.len() < MANY {
            return None;
        }
        let mut crowd = match old {
            Some(old) if Arc::ptr_eq(&old.placed, placed) => old,
            // Positions that move are laid out again in a part of the time only.
            Some(old) if !placed.placement.done && old.made.elapsed().as_secs_f64() < 8.0 * old.cost => old,
            _ => Self::new(placed, card, &style),
        };
        let hidden = state.map.legend.hidden(&state.map.view.off);
        let marks = Marks {
            legend: Arc::as_ptr(&state.map.legend) as usize,
            matching: Arc::as_ptr(&state.result.matching) as usize,
            selection: Arc::as_ptr(&state.selection) as usize,
            hidden,
        };
        if crowd.marks.as_ref() != Some(&marks) {
            let samples = &crowd.placed.placement.samples;
            let entry = |sample: &u32| state.map.legend.of.get(*sample as usize).copied().unwrap_or(u8::MAX);
            let classes: Vec<u8> = samples.iter().map(entry).collect();
            let (matching, selection) = kept();
            let chosen = (selection.count() > 0).then_some(&selection);
            if let Some(scatter) = &mut crowd.scatter {
                scatter.set_classes(&classes);
                scatter.set_marks(Some(&matching), true, chosen);
                crowd.by_slot.1 = scatter.marks().to_vec();
            } else {
                crowd.by_slot = (crowd.points.by_slot(&classes), crowd.points.marks(Some(&matching), true, chosen));
            }
            crowd.marks = Some(marks);
            crowd.twin = None;
        }
        if crowd.style.as_ref() != Some(&style) {
            if let Some(scatter) = &mut crowd.scatter {
                scatter.set_style(style.clone());
            }
            crowd.style = Some(style);
            crowd.twin = None;
        }
        Some(crowd)
    }

    fn new(placed: &Arc<Placed>, card: Option<&Card>, style: &Style) -> Self {
        let begun = Instant::now();
        let points = Arc::new(Points::new(&placed.placement.positions));
        let rows = points.rows();
        let scatter = card.and_then(|card| {
            let made = Scatter::new(
                &card.device,
                &card.pipelines,
                Arc::clone(&points),
                &vec![0; rows],
                &vec![0; rows],
                style.clone(),
            );
            made.map_err(|error| tracing::warn!("points are drawn by the processor: {error}")).ok()
        });
        Self {
            placed: Arc::clone(placed),
            points,
            cost: begun.elapsed().as_secs_f64(),
            made: Instant::now(),
            marks: None,
            style: None,
            scatter,
            registered: None,
            render: card.map(|card| card.render.clone()),
            by_slot: (Vec::new(), Vec::new()),
            twin: None,
            filling: true,
        }
    }

    /// The positions that are shown, which may be a little older than the newest: whoever looks into [`Self::points`] goes by
    /// their frame.
    pub(super) fn placed(&self) -> &Placed {
        &self.placed
    }

    /// Rows under the pointer and in boxes are found among these.
    pub(super) fn points(&self) -> (&Points, &[u32]) {
        (&self.points, &self.by_slot.1)
    }

    /// Paints the picture; asks for another frame while it fills.
    pub(super) fn show(&mut self, ui: &Ui, rect: Rect, camera: Camera) {
        let pixels = ui.ctx().pixels_per_point();
        let size = [rect.width(), rect.height()].map(|side| ((side * pixels).round() as u32).clamp(1, 8192));
        let camera = Camera { scale: camera.scale * f64::from(pixels), ..camera };
        let (id, share) = match self.texture(&camera, size) {
            Some(drawn) => drawn,
            None => (self.drawn_here(ui, &camera, size), [1.0, 1.0]),
        };
        let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(share[0], share[1]));
        ui.painter().image(id, rect, uv, Color32::WHITE);
        if self.filling {
            ui.ctx().request_repaint();
        }
    }

    /// The device's texture, and the share of it that is the picture. A device that fails is not asked again.
    fn texture(&mut self, camera: &Camera, size: [u32; 2]) -> Option<(TextureId, [f32; 2])> {
        let (scatter, render) = (self.scatter.as_mut()?, self.render.as_ref()?);
        let drawn = scatter.render(camera, size[0], size[1], BUDGET);
        let progress = match drawn {
            Ok(progress) => progress,
            Err(error) => {
                tracing::warn!("points are drawn by the processor from here on: {error}");
                self.scatter = None;
                self.marks = None;
                return None;
            }
        };
        self.filling = !progress.complete;
        let texture = scatter.texture()?;
        let filter = if texture.coarse { FilterMode::Linear } else { FilterMode::Nearest };
        let mut renderer = render.renderer.write();
        let id = match self.registered {
            Some((id, old)) if old == texture.generation => id,
            Some((id, _)) => {
                renderer.update_egui_texture_from_wgpu_texture(&render.device, texture.view, filter, id);
                id
            }
            None => renderer.register_native_texture(&render.device, texture.view, filter),
        };
        self.registered = Some((id, texture.generation));
        Some((id, texture.share))
    }

    /// The same by the processor.
    fn drawn_here(&mut self, ui: &Ui, camera: &Camera, size: [u32; 2]) -> TextureId {
        self.filling = false;
        if let Some((of, at, texture)) = &self.twin
            && (of, *at) == (camera, size)
        {
            return texture.id();
        }
        let (width, height) = (size[0], size[1]);
        let view = self.points.view(camera, width, height);
        let (classes, marks) = &self.by_slot;
        let image = match &self.style {
            Some(style) if classes.len() == self.points.positions().len() => {
                let planes = style.ink_planes();
                let counts = splat(&self.points, classes, marks, &style.plane_map(), planes, &view, LEVELS);
                let pixels = resolve(&counts, style, &Exposure { factor: 1.0, totals: [1.0; 2] }, 1, width, height);
                let pixels =
                    pixels.into_iter().map(|[r, g, b, a]| Color32::from_rgba_premultiplied(r, g, b, a)).collect();
                ColorImage::new([width as usize, height as usize], pixels)
            }
            // A device failed in this frame: the next one draws.
            _ => {
                self.filling = true;
                ColorImage::new([1, 1], vec![Color32::TRANSPARENT])
            }
        };
        let texture = ui.ctx().load_texture("map points", image, TextureOptions::NEAREST);
        let id = texture.id();
        self.twin = Some((*camera, size, texture));
        id
    }
}

/// Colours of the legend's lines as planes of ink.
pub(super) fn style(ui: &Ui, inks: &[Color32], hidden: &[bool], radius: f32) -> Style {
    let rgb = |color: Color32| [color.r(), color.g(), color.b()];
    let mut plane_of = [NO_PLANE; 256];
    for (entry, plane) in plane_of.iter_mut().take(inks.len()).enumerate() {
        if !hidden.get(entry).copied().unwrap_or(false) {
            *plane = entry.min(31) as u8;
        }
    }
    let colors = tokens(ui);
    Style {
        layer: Layer::Classes,
        plane_of,
        planes: inks.iter().take(32).map(|color| rgb(*color)).collect(),
        ramp: vec![[255; 3]; 256],
        dim: rgb(colors.window.lerp_to_gamma(colors.text_faint, 0.4)),
        radius,
    }
}
