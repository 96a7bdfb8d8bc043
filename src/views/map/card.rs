//! The card of the point under the pointer: its picture and what it is.

use egui::{Rect, Sense, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use crate::app::State;
use crate::app::panels::inspector;
use crate::base::SampleId;
use crate::views::textures::{Textures, Thumb, fit};
use crate::views::theme::{self, radius, space, tokens};
use crate::views::widgets::{elided, font};

/// Side of the picture, points.
const SIDE: f32 = 148.0;

/// Paints the card beside `at`, inside `bounds`.
pub(super) fn card_ui(ui: &Ui, state: &State, textures: &mut Textures, sample: SampleId, at: egui::Pos2, bounds: Rect) {
    let colors = tokens(ui);
    let sample_ref = state.population.sample_ref(sample);
    let record = state.records.get(sample_ref);
    if record.is_none() {
        textures.want_record(sample);
    }
    let (first, second) = record.map_or(("…", ""), |record| inspector::grid_lines(record));
    let name = &state.population.columns.datasets[state.population.columns.dataset_of(sample).index()].name;
    let small = font(ui, TextStyle::Small);
    let title = elided(ui, first, font(ui, TextStyle::Body), colors.text, SIDE + 24.0, 2);
    let below = if second.is_empty() { name.clone() } else { format!("{second},  {name}") };
    let below = elided(ui, &below, small, colors.text_faint, SIDE + 12.0, 1);
    let size =
        vec2(SIDE + 24.0 + 2.0 * space::S8, SIDE + title.size().y + below.size().y + 2.0 * space::S8 + space::S8);
    // Beside the point, on the side where there is room.
    let x = if at.x + 16.0 + size.x < bounds.right() { at.x + 16.0 } else { at.x - 16.0 - size.x };
    let y =
        (at.y - size.y / 2.0).clamp(bounds.top() + space::S4, (bounds.bottom() - size.y - space::S4).max(bounds.top()));
    let rect = Rect::from_min_size(pos2(x.max(bounds.left()), y), size);
    let layer = egui::LayerId::new(egui::Order::Tooltip, egui::Id::unique("map card"));
    let painter = ui.ctx().layer_painter(layer);
    painter.rect(rect, radius::CARD, colors.raised, Stroke::new(1.0, colors.outline), StrokeKind::Inside);
    // It is told, but never in the pointer's way.
    let told = ui.interact(Rect::from_min_size(rect.min, vec2(0.0, 0.0)), egui::Id::unique("map card"), Sense::hover());
    told.widget_info(|| WidgetInfo::labeled(Role::Tooltip, true, format!("Under the pointer: {first}")));
    let inner = rect.shrink(space::S8);
    let picture = Rect::from_min_size(inner.min, vec2(inner.width(), SIDE));
    let pixels = SIDE * ui.ctx().pixels_per_point();
    match textures.get(sample, sample_ref, pixels) {
        Thumb::Ready(texture) => {
            let place = Rect::from_center_size(picture.center(), fit(texture.size_vec2(), picture.size(), 4.0));
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            painter.image(texture.id(), place, uv, egui::Color32::WHITE);
        }
        Thumb::Waiting => {
            painter.rect_filled(picture, radius::CONTROL, colors.panel);
        }
        Thumb::Failed(_) => {
            painter.rect_filled(picture, radius::CONTROL, colors.panel);
            let icon = egui::FontId::proportional(28.0);
            painter.text(
                picture.center(),
                egui::Align2::CENTER_CENTER,
                crate::views::icons::IMAGE_BROKEN,
                icon,
                colors.text_disabled,
            );
        }
    }
    let mut y = picture.bottom() + space::S4;
    let height = title.size().y;
    painter.galley(pos2(inner.left(), y), title, colors.text);
    y += height + 2.0;
    let dataset = state.population.columns.dataset_of(sample).index();
    painter.circle_filled(pos2(inner.left() + 4.0, y + below.size().y / 2.0), 3.0, theme::dataset_color(dataset));
    painter.galley(pos2(inner.left() + 12.0, y), below, colors.text_faint);
}
