//! One picture with zoom and pan: fit, 1:1, the wheel zooms at the pointer, dragging pans.

use egui::{Align2, CursorIcon, FontId, Rect, Sense, Ui, Vec2, WidgetInfo, accesskit::Role, pos2, vec2};

use super::textures::{Textures, fit};
use super::theme::{radius, tokens};
use super::widgets::{icon_button, icon_toggle};
use super::{Commands, icons};
use crate::app::panels::inspector;
use crate::app::{Command, State};
use crate::base::SampleId;
use crate::catalog::flags;

/// Largest zoom, screen pixels a picture pixel.
const MOST_ZOOM: f32 = 32.0;

/// The focused sample's picture in `rect`.
pub fn picture_ui(
    ui: &mut Ui,
    state: &State,
    textures: &Textures,
    out: &mut Commands,
    sample: SampleId,
    rect: Rect,
    salt: &str,
) {
    let colors = tokens(ui);
    let id = ui.scope_id().with(("picture", salt));
    let response = ui.interact(rect, id, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, "Picture"));
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, radius::CARD, colors.window);
    let message = |text: &str, icon: &str| {
        painter.text(
            rect.center() - vec2(0.0, 14.0),
            Align2::CENTER_CENTER,
            icon,
            FontId::proportional(28.0),
            colors.text_disabled,
        );
        let galley =
            painter.layout(text.to_owned(), FontId::proportional(12.0), colors.text_faint, rect.width() - 24.0);
        painter.galley(pos2(rect.center().x - galley.size().x / 2.0, rect.center().y + 8.0), galley, colors.text_faint);
    };
    let sample_ref = state.population.sample_ref(sample);
    if state.population.columns.flags[sample.index()] & flags::HAS_IMAGE == 0 {
        return message("This sample has no picture.", icons::TEXT_T);
    }
    let Some(texture) = textures.best(sample_ref) else {
        return match &state.inspector.picture_error {
            Some(error) => message(error, icons::IMAGE_BROKEN),
            None => message("", icons::IMAGE),
        };
    };
    // Sizes in picture pixels: those of the file, also while only the thumbnail is there.
    let i = sample.index();
    let columns = &state.population.columns;
    let pixels = if columns.width[i] > 0 {
        vec2(columns.width[i] as f32, columns.height[i] as f32)
    } else {
        texture.size_vec2()
    };
    let scale = ui.ctx().pixels_per_point();
    let fitted = fit(pixels, rect.size(), MOST_ZOOM).x / pixels.x.max(1.0);
    let zoom = state.inspector.zoom.map_or(fitted, |zoom| zoom / scale);
    let mut pan = Vec2::from(state.inspector.pan);
    let mut new_zoom = zoom;
    if response.dragged() {
        pan += response.drag_delta();
    }
    if response.double_clicked() {
        let next = if state.inspector.zoom.is_none() { Some(1.0) } else { None };
        out.push(Command::PictureView { zoom: next, pan: (0.0, 0.0) });
        return;
    }
    if let Some(at) = response.hover_pos() {
        let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
        let factor = pinch * (wheel / 240.0).exp();
        if factor != 1.0 {
            new_zoom = (zoom * factor).clamp(fitted.min(1.0 / scale) * 0.5, MOST_ZOOM);
            // The point under the pointer stays there.
            let from_center = at - rect.center() - pan;
            pan += from_center * (1.0 - new_zoom / zoom);
        }
    }
    let size = pixels * new_zoom;
    let slack = ((size - rect.size()) / 2.0).max(Vec2::ZERO);
    pan = pan.clamp(-slack, slack);
    if response.dragged() || new_zoom != zoom {
        let zoom = if (new_zoom - fitted).abs() < 1e-4 { None } else { Some(new_zoom * scale) };
        out.push(Command::PictureView { zoom, pan: pan.into() });
    }
    let place = Rect::from_center_size(rect.center() + pan, size);
    painter.image(texture.id(), place, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)), egui::Color32::WHITE);
    if slack != Vec2::ZERO {
        response.on_hover_cursor(CursorIcon::Grab);
    }
    if let Some(problem) = inspector::picture_problem(state, sample) {
        let strip = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 24.0), rect.max);
        painter.rect_filled(strip, 0, colors.raised);
        let text = format!("{}  {problem}", icons::WARNING);
        painter.text(
            strip.left_center() + vec2(8.0, 0.0),
            Align2::LEFT_CENTER,
            text,
            FontId::proportional(12.0),
            colors.warning,
        );
    }
}

/// Fit, 1:1 and the zoom as a number.
pub fn picture_tools_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    let zoom = state.inspector.zoom;
    let set = |zoom: Option<f32>| Command::PictureView { zoom, pan: (0.0, 0.0) };
    if icon_toggle(ui, icons::FRAME_CORNERS, "Fit the picture", zoom.is_none()).clicked() {
        out.push(set(None));
    }
    let actual = ui.add(egui::Button::new("1:1").frame_when_inactive(zoom == Some(1.0)).selected(zoom == Some(1.0)));
    actual.widget_info(|| WidgetInfo::selected(Role::Button, true, zoom == Some(1.0), "Actual pixels"));
    if actual.on_hover_text("Actual pixels").clicked() {
        out.push(set(Some(1.0)));
    }
    if icon_button(ui, icons::MAGNIFYING_GLASS_MINUS, "Zoom the picture out", true).clicked() {
        out.push(set(Some((zoom.unwrap_or(1.0) / 1.5).max(0.05))));
    }
    if icon_button(ui, icons::MAGNIFYING_GLASS_PLUS, "Zoom the picture in", true).clicked() {
        out.push(set(Some((zoom.unwrap_or(1.0) * 1.5).min(MOST_ZOOM))));
    }
}
