//! The maps themselves: points, labels, thumbnails, and what lies under the pointer.
//!
//! Each layer has a canvas; all share one camera, one selection and one hover. A point is a quad with a small disc as its texture, so that it looks
//! the same on a graphics card, on a software adapter and in a picture that is drawn without any adapter.

use egui::epaint::{Mesh, Vertex};
use std::sync::Arc;

use egui::{
    Align2, Color32, ColorImage, Pos2, Rect, Sense, Shape, Stroke, TextStyle, TextureOptions, Ui, Vec2, WidgetInfo,
    accesskit::Role, pos2, vec2,
};

use super::gestures::{gestures, navigate};
use super::prepared::{Kind, Prepared};
use super::{Hover, MapFrame, card, legend};
use crate::analysis::plane::regions::Label;
use crate::analysis::scatter::{Camera as WorldCamera, select};
use crate::app::map::{Camera, MapCommand, MapView, Placed, point_radius};
use crate::app::{Command, State};
use crate::base::SampleId;
use crate::catalog::{NONE, flags};
use crate::views::Commands;
use crate::views::textures::{Textures, Thumb, fit};
use crate::views::theme::{self, radius, space, tokens};
use crate::views::widgets::{faint, font};

/// How far from a point the pointer may be, points.
const PICK: f32 = 14.0;
/// How long the pointer rests before the card comes, seconds.
const REST: f64 = 0.125;
/// Side of a thumbnail on the map, points.
const THUMB: f32 = 52.0;
/// How far the name of a region stands above its place, points.
const LIFT: f32 = 5.0;
/// Thumbnails stand on the map where no more points than this are in sight.
const FEW: usize = 300;

/// From the unit square to the screen and back. Up is up.
#[derive(Clone, Copy)]
pub(super) struct View {
    camera: Camera,
    rect: Rect,
    pub(super) side: f32,
}

impl View {
    pub(super) fn new(camera: Camera, rect: Rect) -> Self {
        let side = (rect.width().min(rect.height()) - 2.0 * space::S24).max(32.0) * camera.zoom;
        Self { camera, rect, side }
    }

    pub(super) fn screen(&self, place: [f32; 2]) -> Pos2 {
        let [x, y] = self.camera.centre;
        self.rect.center() + vec2(place[0] - x, y - place[1]) * self.side
    }

    /// The same in the positions of a layout, pixels being points.
    fn world(&self, placed: &Placed) -> WorldCamera {
        let [from, to] = [0.0, 1.0].map(|x| f64::from(placed.frame.position([x, 0.0])[0]));
        let center = placed.frame.position(self.camera.centre).map(f64::from);
        WorldCamera { center, scale: f64::from(self.side) / (to - from) }
    }

    pub(super) fn place(&self, at: Pos2) -> [f32; 2] {
        let from = (at - self.rect.center()) / self.side;
        [self.camera.centre[0] + from.x, self.camera.centre[1] - from.y]
    }
}

/// All layers that are looked at, side by side.
pub(super) fn canvases_ui(
    ui: &mut Ui,
    state: &State,
    textures: &mut Textures,
    frame: &mut MapFrame,
    view: &mut MapView,
    out: &mut Commands,
) {
    let layers = state.map.layers();
    frame.prepared.retain(|layer, _| layers.contains(layer));
    frame.filling = false;
    let all = ui.max_rect();
    // As many columns as make the canvases most square.
    let columns = (1..=layers.len())
        .max_by(|a, b| {
            let side = |columns: &usize| {
                let rows = layers.len().div_ceil(*columns);
                (all.width() / *columns as f32).min(all.height() / rows as f32)
            };
            side(a).total_cmp(&side(b))
        })
        .unwrap_or(1);
    let rows = layers.len().div_ceil(columns).max(1);
    let size = vec2(all.width() / columns as f32, all.height() / rows as f32);
    let mut hovered = None;
    for (i, layer) in layers.iter().enumerate() {
        let corner = all.min + vec2((i % columns) as f32 * size.x, (i / columns) as f32 * size.y);
        let rect = Rect::from_min_size(corner, size);
        let line = Stroke::new(1.0, tokens(ui).hairline);
        if i % columns > 0 {
            ui.painter().vline(rect.left(), rect.y_range(), line);
        }
        if i / columns > 0 {
            ui.painter().hline(rect.x_range(), rect.top(), line);
        }
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(rect.shrink(1.0)).id_salt(layer));
        child.set_clip_rect(rect.shrink(1.0).intersect(ui.clip_rect()));
        if let Some(found) = canvas_ui(&mut child, state, textures, frame, view, layer, layers.len() > 1, out) {
            hovered = Some(found);
        }
    }
    let now = ui.input(|input| input.time);
    frame.hover = hovered.map(|(sample, _)| match frame.hover {
        Some(hover) if hover.sample == sample => hover,
        _ => Hover { sample, since: now },
    });
    if let (Some(hover), Some((sample, at))) = (frame.hover, hovered) {
        let rested = now - hover.since;
        if rested >= REST {
            card::card_ui(ui, state, textures, sample, at, all);
        } else {
            ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(REST - rested));
        }
    }
}

/// One layer. Returns the sample under the pointer and where it is.
#[expect(clippy::too_many_arguments, reason = "one canvas needs what the lens has; a struct would only rename it")]
fn canvas_ui(
    ui: &mut Ui,
    state: &State,
    textures: &mut Textures,
    frame: &mut MapFrame,
    view: &mut MapView,
    layer: &str,
    several: bool,
    out: &mut Commands,
) -> Option<(SampleId, Pos2)> {
    let rect = ui.max_rect();
    let response = ui.interact(rect, ui.scope_id().with("canvas"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, format!("Map of {layer}")));
    let Some(placed) = state.map.placed.get(layer) else {
        waiting_ui(ui, state, layer, out);
        return None;
    };
    if !frame.prepared.contains_key(layer) {
        frame.prepared.insert(layer.to_owned(), Prepared::new(placed, state));
    }
    let disc = disc(ui, frame);
    let hover_sample = frame.hover.map(|hover| hover.sample);
    let prepared = frame.prepared.get_mut(layer)?;
    prepared.follow(placed, state, frame.card.as_ref(), ui);
    navigate(ui, &response, view);
    let screen = View::new(view.camera, rect);
    if let Some(fields) = &prepared.fields {
        fields.shades_ui(ui, &|place| screen.screen(place));
    }
    if view.drawn.points {
        match &mut prepared.crowd {
            Some(crowd) => {
                let world = screen.world(crowd.placed());
                crowd.show(ui, rect, world);
                frame.filling |= crowd.filling;
            }
            None => points(ui, prepared, &screen, view, disc),
        }
    }
    if let Some(fields) = &prepared.fields {
        fields.lines_ui(ui, &|place| screen.screen(place));
    }
    let found = response
        .hover_pos()
        .filter(|_| frame.gesture.is_none() && !response.dragged())
        .and_then(|at| pick(prepared, &screen, at));
    if view.drawn.thumbnails {
        thumbnails(ui, state, textures, prepared, &screen);
    }
    if view.drawn.labels {
        labels_ui(ui, state.map.labels_of(layer), &screen);
    }
    let found =
        found.map(|row| (SampleId(prepared.placed.placement.samples[row]), screen.screen(prepared.places[row])));
    if !frame.bare {
        marks(ui, state, prepared, &screen, found.map(|found| found.0).or(hover_sample));
    }
    if several {
        let label = egui::RichText::new(layer).text_style(theme::strong()).size(theme::all().text.small);
        ui.put(Rect::from_min_size(rect.min + vec2(space::S12, space::S4), vec2(160.0, 20.0)), |ui: &mut Ui| {
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| ui.label(label)).response
        });
    }
    gestures(ui, state, &response, frame, view, &screen, layer, found.map(|found| found.0), out);
    found
}

/// What stands where a layer has no positions yet.
fn waiting_ui(ui: &mut Ui, state: &State, layer: &str, out: &mut Commands) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 2.0 - 40.0).max(16.0));
        if let Some(why) = state.map.unusable() {
            ui.label(faint(ui, why));
            return;
        }
        if !state.map.waiting.contains(layer) {
            ui.label(faint(ui, format!("{layer}: finding neighbours …")));
            return;
        }
        ui.label(faint(ui, format!("The map of {layer} is not computed yet.")));
        ui.add_space(space::S8);
        let button = crate::views::dialogs::primary(ui, "Compute the map");
        if ui.add(button).clicked() {
            out.push(Command::Map(MapCommand::Compute { from_present: false }));
        }
    });
}

/// A white disc with a soft edge.
fn disc(ui: &Ui, frame: &mut MapFrame) -> egui::TextureId {
    const SIDE: usize = 16;
    frame
        .disc
        .get_or_insert_with(|| {
            let middle = SIDE as f32 / 2.0;
            let pixels = (0..SIDE * SIDE).map(|i| {
                let (x, y) = ((i % SIDE) as f32 + 0.5 - middle, (i / SIDE) as f32 + 0.5 - middle);
                let cover = (middle - 0.5 - x.hypot(y)).clamp(0.0, 1.0);
                Color32::WHITE.gamma_multiply(cover)
            });
            let image = ColorImage::new([SIDE, SIDE], pixels.collect());
            ui.ctx().load_texture("map point", image, TextureOptions::LINEAR)
        })
        .id()
}

fn quad(mesh: &mut Mesh, centre: Pos2, radius: f32, color: Color32) {
    let first = mesh.vertices.len() as u32;
    for (x, y) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)] {
        let pos = centre + vec2(x - 0.5, y - 0.5) * (2.0 * radius);
        mesh.vertices.push(Vertex { pos, uv: pos2(x, y), color });
    }
    mesh.indices.extend([first, first + 1, first + 2, first, first + 2, first + 3]);
}

fn points(ui: &Ui, prepared: &Prepared, screen: &View, view: &MapView, disc: egui::TextureId) {
    let Some(styled) = &prepared.styled else { return };
    let size = [screen.rect.width(), screen.rect.height()];
    let radius = point_radius(size, styled.order.len(), view.camera.zoom, view.point);
    let colors = tokens(ui);
    let visible = screen.rect.expand(radius + 3.0);
    let mut mesh = Mesh::with_texture(disc);
    for &row in &styled.order {
        let row = row as usize;
        let at = screen.screen(prepared.places[row]);
        if !visible.contains(at) {
            continue;
        }
        match styled.kinds[row] {
            Kind::Chosen => {
                quad(&mut mesh, at, radius + 1.8, colors.text_strong);
                quad(&mut mesh, at, radius + 0.4, styled.colors[row].to_opaque());
            }
            Kind::Dim => quad(&mut mesh, at, (radius * 0.8).max(0.6), styled.colors[row]),
            Kind::Plain => quad(&mut mesh, at, radius, styled.colors[row]),
            Kind::Hidden => {}
        }
    }
    ui.painter().add(Shape::mesh(mesh));
}

/// The row nearest to the pointer, of those that are neither hidden nor filtered out.
fn pick(prepared: &Prepared, screen: &View, at: Pos2) -> Option<usize> {
    let place = screen.place(at);
    let reach = PICK / screen.side;
    if let Some(crowd) = &prepared.crowd {
        let (points, marks) = crowd.points();
        let world = screen.world(crowd.placed());
        let at = crowd.placed().frame.position(place).map(f64::from);
        return select::pick(points, marks, at, f64::from(PICK) / world.scale).map(|row| row as usize);
    }
    let mut best = (reach * reach, None);
    for (row, other) in prepared.places.iter().enumerate() {
        let (dx, dy) = (other[0] - place[0], other[1] - place[1]);
        let distance = dx * dx + dy * dy;
        if distance < best.0 && prepared.kind(row) >= Kind::Plain {
            best = (distance, Some(row));
        }
    }
    best.1
}

/// Rings round the focused sample and the one under the pointer.
fn marks(ui: &Ui, state: &State, prepared: &Prepared, screen: &View, hovered: Option<SampleId>) {
    let colors = tokens(ui);
    let at = |sample: SampleId| {
        let row = *prepared.rows.get(sample.index())?;
        (row != NONE && prepared.kind(row as usize) >= Kind::Plain)
            .then(|| screen.screen(prepared.places[row as usize]))
    };
    if let Some(at) = state.focus.filter(|_| !state.focus_is_automatic).and_then(at) {
        ui.painter().circle_stroke(at, 8.0, Stroke::new(3.5, colors.window));
        ui.painter().circle_stroke(at, 8.0, Stroke::new(2.0, colors.accent));
    }
    if let Some(at) = hovered.and_then(at) {
        ui.painter().circle_stroke(at, 7.0, Stroke::new(3.5, colors.window));
        ui.painter().circle_stroke(at, 7.0, Stroke::new(1.5, colors.text_strong));
    }
}

/// Rows in sight; of too many, one more than are shown.
fn near(prepared: &Prepared, screen: &View) -> Vec<usize> {
    if let Some(crowd) = &prepared.crowd {
        let (points, marks) = crowd.points();
        let corner = |at: Pos2| crowd.placed().frame.position(screen.place(at)).map(f64::from);
        let shape = select::Shape::Rectangle(corner(screen.rect.left_top()), corner(screen.rect.right_bottom()));
        return select::inside(points, marks, &shape).iter().take(FEW + 1).map(|row| row as usize).collect();
    }
    (0..prepared.places.len())
        .filter(|row| prepared.kind(*row) >= Kind::Plain)
        .filter(|row| screen.rect.contains(screen.screen(prepared.places[*row])))
        .take(FEW + 1)
        .collect()
}

/// Pictures instead of points where there is room for them.
fn thumbnails(ui: &Ui, state: &State, textures: &mut Textures, prepared: &mut Prepared, screen: &View) {
    if screen.camera.zoom < 2.0 {
        return;
    }
    if prepared.near.as_ref().is_none_or(|(camera, rect, _)| (*camera, *rect) != (screen.camera, screen.rect)) {
        prepared.near = Some((screen.camera, screen.rect, near(prepared, screen)));
    }
    let Some((.., near)) = &prepared.near else { return };
    if near.len() > FEW {
        return;
    }
    let colors = tokens(ui);
    let pixels = THUMB * ui.ctx().pixels_per_point();
    let mut taken: Vec<Rect> = Vec::new();
    for &row in near {
        let at = screen.screen(prepared.places[row]);
        let cell = Rect::from_center_size(at, Vec2::splat(THUMB));
        if taken.iter().any(|other| other.intersects(cell)) {
            continue;
        }
        let sample = SampleId(prepared.placed.placement.samples[row]);
        if state.population.columns.flags[sample.index()] & flags::HAS_IMAGE == 0 {
            continue;
        }
        taken.push(cell);
        if let Thumb::Ready(texture) = textures.get(sample, state.population.sample_ref(sample), pixels) {
            let place = Rect::from_center_size(at, fit(texture.size_vec2(), cell.size(), 2.0));
            let entry = state.map.legend.of.get(sample.index()).copied().map_or(usize::MAX, usize::from);
            let ink =
                state.map.legend.entries.get(entry).map_or(colors.outline, |entry| legend::color_of(ui, entry.ink));
            ui.painter().rect_filled(place.expand(2.0), radius::CONTROL, ink);
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(texture.id(), place, uv, Color32::WHITE);
            if prepared.kind(row) == Kind::Chosen {
                let stroke = Stroke::new(2.0, colors.text_strong);
                ui.painter().rect_stroke(place.expand(2.0), radius::CONTROL, stroke, egui::StrokeKind::Outside);
            }
        }
    }
}

/// Names of regions, the heaviest first, none over another.
fn labels_ui(ui: &Ui, labels: &[Label], screen: &View) {
    let colors = tokens(ui);
    let font = font(ui, TextStyle::Small);
    let mut taken: Vec<Rect> = Vec::new();
    // So many that the points are still seen.
    let most = (screen.rect.area() / 14_000.0).clamp(4.0, 60.0) as usize;
    for label in labels {
        if taken.len() >= most {
            break;
        }
        let at = screen.screen(label.place);
        if !screen.rect.shrink(8.0).contains(at) {
            continue;
        }
        let galley = ui.painter().layout_no_wrap(label.text.to_string(), font.clone(), colors.text_strong);
        // A little above its place: a small heap is seen below its name.
        let rect = Align2::CENTER_BOTTOM.anchor_size(at - vec2(0.0, LIFT), galley.size());
        if !screen.rect.contains_rect(rect) || taken.iter().any(|other| other.intersects(rect.expand2(vec2(10.0, 6.0))))
        {
            continue;
        }
        taken.push(rect);
        // A rim in the colour of the ground keeps letters legible over points of any colour.
        let rim = colors.window.gamma_multiply(0.85);
        for (x, y) in
            [(-1.5, 0.0), (1.5, 0.0), (0.0, -1.5), (0.0, 1.5), (-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)]
        {
            ui.painter().galley_with_override_text_color(rect.min + vec2(x, y), Arc::clone(&galley), rim);
        }
        ui.painter().galley(rect.min, galley, colors.text_strong);
    }
}
