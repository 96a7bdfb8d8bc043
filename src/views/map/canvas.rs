//! The maps themselves: points, labels, thumbnails; panning, zooming, picking, drawing areas.
//!
//! Each layer has a canvas; all share one camera, one selection and one hover. A point is a quad with a small disc as its texture, so that it looks
//! the same on a graphics card, on a software adapter and in a picture that is drawn without any adapter.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::epaint::{Mesh, Vertex};
use egui::{
    Align2, Color32, ColorImage, CursorIcon, PointerButton, Pos2, Rect, Response, Sense, Shape, Stroke, TextStyle,
    TextureOptions, Ui, Vec2, WidgetInfo, accesskit::Role, pos2, vec2,
};
use roaring::RoaringBitmap;

use super::crowd::{self, Card, Crowd};
use super::fields::Fields;
use super::{Hover, MapFrame, card, legend};
use crate::analysis::scatter::{Bits, Camera as WorldCamera, select};
use crate::app::command::SetOp;
use crate::app::map::colour::Legend;
use crate::app::map::labels::{Label, labels};
use crate::app::map::{Camera, MapCommand, MapView, Placed, Tool};
use crate::app::{Action, Command, State};
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
/// Thumbnails stand on the map where no more points than this are in sight.
const FEW: usize = 300;

/// How a row is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Hidden,
    Dim,
    Plain,
    Chosen,
}

/// A layer ready to be painted.
pub(super) struct Prepared {
    placed: Arc<Placed>,
    places: Vec<[f32; 2]>,
    styled: Option<Styled>,
    /// The row of each sample of the population, [`NONE`] without one.
    rows: Vec<u32>,
    labels: Vec<Label>,
    fields: Option<Fields>,
    crowd: Option<Crowd>,
    /// Rows in sight where there are few enough for pictures, and the camera they were found for.
    near: Option<(Camera, Rect, Vec<usize>)>,
}

/// Colours and order, and what they were made of.
struct Styled {
    legend: Arc<Legend>,
    matching: Arc<RoaringBitmap>,
    selection: Arc<RoaringBitmap>,
    off: BTreeSet<String>,
    dark: bool,
    /// Rows in the order in which they are painted.
    order: Vec<u32>,
    colors: Vec<Color32>,
    kinds: Vec<Kind>,
}

/// An area that is being drawn, in the unit square.
#[derive(Clone, Debug)]
pub(super) struct Gesture {
    layer: String,
    tool: Tool,
    corners: Vec<[f32; 2]>,
}

impl Prepared {
    fn new(placed: &Arc<Placed>, state: &State) -> Self {
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
    fn follow(&mut self, placed: &Arc<Placed>, state: &State, card: Option<&Card>, ui: &Ui) {
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
        let radius = (1.2 * map.view.point * ui.ctx().pixels_per_point()).max(0.75);
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

    fn kind(&self, row: usize) -> Kind {
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

/// From the unit square to the screen and back. Up is up.
#[derive(Clone, Copy)]
struct View {
    camera: Camera,
    rect: Rect,
    side: f32,
}

impl View {
    fn new(camera: Camera, rect: Rect) -> Self {
        let side = (rect.width().min(rect.height()) - 2.0 * space::S24).max(32.0) * camera.zoom;
        Self { camera, rect, side }
    }

    fn screen(&self, place: [f32; 2]) -> Pos2 {
        let [x, y] = self.camera.centre;
        self.rect.center() + vec2(place[0] - x, y - place[1]) * self.side
    }

    /// The same in the positions of a layout, pixels being points.
    fn world(&self, placed: &Placed) -> WorldCamera {
        let [from, to] = [0.0, 1.0].map(|x| f64::from(placed.frame.position([x, 0.0])[0]));
        let center = placed.frame.position(self.camera.centre).map(f64::from);
        WorldCamera { center, scale: f64::from(self.side) / (to - from) }
    }

    fn place(&self, at: Pos2) -> [f32; 2] {
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
    if frame.prepared.get(layer).is_none() {
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
                crowd.show(ui, rect, screen.world(placed));
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
        labels_ui(ui, prepared, &screen);
    }
    let found =
        found.map(|row| (SampleId(prepared.placed.placement.samples[row]), screen.screen(prepared.places[row])));
    marks(ui, state, prepared, &screen, found.map(|found| found.0).or(hover_sample));
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

/// Radius of a point: few are larger, and they grow a little as one zooms in.
fn point_radius(screen: &View, n: usize, view: &MapView) -> f32 {
    let whole = screen.rect.width() * screen.rect.height();
    let apart = (whole / n.max(1) as f32).sqrt();
    ((apart * 0.24).clamp(0.9, 4.0) * view.camera.zoom.powf(0.3) * view.point).clamp(0.6, 9.0)
}

fn points(ui: &Ui, prepared: &Prepared, screen: &View, view: &MapView, disc: egui::TextureId) {
    let Some(styled) = &prepared.styled else { return };
    let radius = point_radius(screen, styled.order.len(), view);
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
        let world = screen.world(&prepared.placed);
        let at = prepared.placed.frame.position(place).map(f64::from);
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
        let corner = |at: Pos2| prepared.placed.frame.position(screen.place(at)).map(f64::from);
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
fn labels_ui(ui: &Ui, prepared: &Prepared, screen: &View) {
    let colors = tokens(ui);
    let font = font(ui, TextStyle::Small);
    let mut taken: Vec<Rect> = Vec::new();
    // So many that the points are still seen.
    let most = (screen.rect.area() / 22_000.0).clamp(4.0, 60.0) as usize;
    for label in &prepared.labels {
        if taken.len() >= most {
            break;
        }
        let at = screen.screen(label.place);
        if !screen.rect.shrink(8.0).contains(at) {
            continue;
        }
        let galley = ui.painter().layout_no_wrap(label.text.to_string(), font.clone(), colors.text_strong);
        let rect = Align2::CENTER_CENTER.anchor_size(at, galley.size());
        if !screen.rect.contains_rect(rect) || taken.iter().any(|other| other.intersects(rect.expand2(vec2(10.0, 6.0))))
        {
            continue;
        }
        taken.push(rect);
        ui.painter().rect_filled(rect.expand2(vec2(4.0, 1.0)), radius::CONTROL, colors.window.gamma_multiply(0.72));
        ui.painter().galley(rect.min, galley, colors.text_strong);
    }
}

/// Dragging moves, the wheel zooms at the pointer.
fn navigate(ui: &Ui, response: &Response, view: &mut MapView) {
    let rect = response.rect;
    let screen = View::new(view.camera, rect);
    let moves = view.tool == Tool::Pan && response.dragged_by(PointerButton::Primary)
        || response.dragged_by(PointerButton::Middle)
        || response.dragged_by(PointerButton::Secondary);
    if moves {
        let delta = response.drag_delta() / screen.side;
        view.camera.centre[0] -= delta.x;
        view.camera.centre[1] += delta.y;
    }
    if let Some(at) = response.hover_pos() {
        let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
        let factor = (wheel * 0.004).exp() * pinch;
        if factor != 1.0 {
            view.camera = view.camera.zoomed(factor, screen.place(at));
        }
    }
    let cursor = match view.tool {
        Tool::Pan if response.dragged() => CursorIcon::Grabbing,
        Tool::Pan => CursorIcon::Default,
        _ => CursorIcon::Crosshair,
    };
    if response.hovered() || response.dragged() {
        ui.ctx().set_cursor_icon(cursor);
    }
}

fn set_op(ui: &Ui) -> SetOp {
    ui.input(|input| match (input.modifiers.shift, input.modifiers.command) {
        (false, false) => SetOp::Replace,
        (true, false) => SetOp::Add,
        (false, true) => SetOp::Subtract,
        (true, true) => SetOp::Intersect,
    })
}

/// Clicks choose, areas are drawn and sent when they are closed.
#[expect(clippy::too_many_arguments, reason = "one canvas needs what the lens has; a struct would only rename it")]
fn gestures(
    ui: &Ui,
    state: &State,
    response: &Response,
    frame: &mut MapFrame,
    view: &MapView,
    screen: &View,
    layer: &str,
    hovered: Option<SampleId>,
    out: &mut Commands,
) {
    let at = response.interact_pointer_pos().or(response.hover_pos()).map(|at| screen.place(at));
    let begun = |place: Option<Pos2>| place.map(|at| vec![screen.place(at)]).unwrap_or_default();
    match view.tool {
        Tool::Lasso | Tool::Rectangle if response.drag_started_by(PointerButton::Primary) => {
            let origin = ui.input(|input| input.pointer.press_origin());
            frame.gesture = Some(Gesture { layer: layer.to_owned(), tool: view.tool, corners: begun(origin) });
        }
        Tool::Polygon if response.clicked() => {
            let place = response.interact_pointer_pos();
            match &mut frame.gesture {
                Some(gesture) if gesture.layer == layer => gesture.corners.extend(begun(place)),
                gesture => {
                    *gesture = Some(Gesture { layer: layer.to_owned(), tool: Tool::Polygon, corners: begun(place) })
                }
            }
        }
        _ => {}
    }
    if frame.gesture.as_ref().is_some_and(|gesture| gesture.tool != view.tool) {
        frame.gesture = None;
    }
    let Some(gesture) = frame.gesture.as_mut().filter(|gesture| gesture.layer == layer) else {
        if response.clicked() && view.tool != Tool::Polygon {
            match hovered {
                Some(sample) => {
                    out.push(Command::Select(Arc::new(RoaringBitmap::from_iter([sample.0])), set_op(ui)));
                    out.push(Command::Focus(Some(sample)));
                }
                None if !state.selection.is_empty() && set_op(ui) == SetOp::Replace => out.act(Action::ClearSelection),
                None => {}
            }
        }
        if response.double_clicked() && hovered.is_some() {
            out.push(Command::Large(true));
        }
        return;
    };
    let mut outline = gesture.corners.clone();
    match (gesture.tool, at) {
        (Tool::Lasso, Some(at)) => {
            let last = gesture.corners.last().map(|last| screen.screen(*last));
            if last.is_none_or(|last| last.distance(screen.screen(at)) > 3.0) {
                gesture.corners.push(at);
            }
            outline.clone_from(&gesture.corners);
        }
        (Tool::Rectangle, Some([x, y])) => {
            if let Some(&[left, top]) = gesture.corners.first() {
                outline = vec![[left, top], [x, top], [x, y], [left, y]];
            }
        }
        (Tool::Polygon, Some(at)) => outline.push(at),
        _ => {}
    }
    let colors = tokens(ui);
    let line: Vec<Pos2> = outline.iter().map(|corner| screen.screen(*corner)).collect();
    ui.painter().add(Shape::closed_line(line.clone(), Stroke::new(3.0, colors.window.gamma_multiply(0.6))));
    ui.painter().add(Shape::closed_line(line, Stroke::new(1.5, colors.accent)));
    let (enter, escape) = ui.input(|input| (input.key_pressed(egui::Key::Enter), input.key_pressed(egui::Key::Escape)));
    let closed = match gesture.tool {
        Tool::Polygon => {
            let on_start = gesture.corners.len() > 2
                && response.clicked()
                && screen
                    .screen(gesture.corners[0])
                    .distance(screen.screen(gesture.corners[gesture.corners.len() - 1]))
                    < 10.0;
            outline.clone_from(&gesture.corners);
            response.double_clicked() || on_start || enter
        }
        _ => response.drag_stopped(),
    };
    if escape {
        frame.gesture = None;
    } else if closed {
        let layer = layer.to_owned();
        out.push(Command::Map(MapCommand::Area { layer, corners: outline, op: set_op(ui) }));
        frame.gesture = None;
    } else {
        ui.ctx().request_repaint();
    }
}
