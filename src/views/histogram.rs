//! A small histogram with a brush: drag over bars to filter to their range, click the ground to clear.

use egui::{Align2, CursorIcon, Rect, Sense, TextStyle, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use super::theme::{space, tokens};
use super::widgets::font;

/// What to draw: one bar a bin.
pub struct Histogram<'a> {
    /// Accessible name.
    pub name: &'a str,
    /// Counts over the whole population.
    pub whole: &'a [u32],
    /// Counts under the active filters.
    pub count: &'a [u32],
    /// The label of the lower edge of each bin, and of the upper edge of the last: `bins + 1` values.
    pub edges: &'a [String],
    /// The bins the active filter covers, if any.
    pub active: Option<(usize, usize)>,
}

/// What the user did.
pub enum Brush {
    /// Nothing, or still dragging.
    None,
    /// Chose bins `first..=last`.
    Bins(usize, usize),
    /// Took the filter away.
    Clear,
}

impl Histogram<'_> {
    /// Draws it in the full width.
    pub fn ui(self, ui: &mut Ui) -> Brush {
        let id = ui.scope_id().with(self.name);
        let bins = self.whole.len();
        let (outer, _) = ui.allocate_exact_size(vec2(ui.available_width(), 62.0), Sense::hover());
        if bins == 0 || !ui.is_rect_visible(outer) {
            return Brush::None;
        }
        let area = Rect::from_min_max(
            pos2(outer.left() + space::S16 + 2.0, outer.top()),
            pos2(outer.right() - space::S8, outer.bottom() - 16.0),
        );
        let response = ui.interact(area, id, Sense::click_and_drag()).on_hover_cursor(CursorIcon::Crosshair);
        response.widget_info(|| WidgetInfo::labeled(Role::Slider, true, self.name));
        let colors = tokens(ui);
        let painter = ui.painter();
        let most = self.whole.iter().copied().max().unwrap_or(0).max(1) as f32;
        let step = area.width() / bins as f32;
        let bin_at = |x: f32| (((x - area.left()) / step).floor().max(0.0) as usize).min(bins - 1);

        // A drag lives in egui's memory until the button is let go.
        let origin: Option<f32> = ui.data(|data| data.get_temp(id));
        let pointer = response.interact_pointer_pos();
        let mut brush = Brush::None;
        let mut live = None;
        if response.drag_started()
            && let Some(at) = ui.input(|input| input.pointer.press_origin())
        {
            ui.data_mut(|data| data.insert_temp(id, at.x));
        } else if let (Some(from), Some(at)) = (origin, pointer) {
            let (a, b) = (bin_at(from), bin_at(at.x));
            live = Some((a.min(b), a.max(b)));
            if response.drag_stopped() {
                brush = Brush::Bins(a.min(b), a.max(b));
                ui.data_mut(|data| data.remove::<f32>(id));
            }
        }
        if response.clicked()
            && let Some(at) = pointer
        {
            let bin = bin_at(at.x);
            brush = if self.active.is_some() { Brush::Clear } else { Brush::Bins(bin, bin) };
        }

        let shown = live.or(self.active);
        if let Some((first, last)) = shown {
            let span = Rect::from_min_max(
                pos2(area.left() + first as f32 * step, area.top()),
                pos2(area.left() + (last + 1) as f32 * step, area.bottom()),
            );
            painter.rect_filled(span, 2, colors.selection);
        }
        // Square root of the count: long tails stay visible without a second axis.
        let height = |n: u32| if n == 0 { 0.0 } else { ((n as f32 / most).sqrt() * (area.height() - 2.0)).max(1.5) };
        for bin in 0..bins {
            let left = area.left() + bin as f32 * step;
            let bar = |n: u32| {
                Rect::from_min_max(pos2(left + 0.5, area.bottom() - height(n)), pos2(left + step - 0.5, area.bottom()))
            };
            painter.rect_filled(bar(self.whole[bin]), 1, colors.bar);
            let count = self.count.get(bin).copied().unwrap_or(0);
            if count > 0 {
                painter.rect_filled(bar(count), 1, colors.text_faint);
            }
        }
        painter.hline(area.x_range(), area.bottom(), egui::Stroke::new(1.0, colors.hairline));
        let small = font(ui, TextStyle::Small);
        let edge = |i: usize| self.edges.get(i).map_or("", String::as_str);
        let y = area.bottom() + 2.0;
        if let Some((first, last)) = shown {
            let text = format!("{} – {}", edge(first), edge(last + 1));
            painter.text(pos2(area.center().x, y), Align2::CENTER_TOP, text, small, colors.text);
        } else {
            painter.text(pos2(area.left(), y), Align2::LEFT_TOP, edge(0), small.clone(), colors.text_faint);
            painter.text(
                pos2(area.center().x, y),
                Align2::CENTER_TOP,
                edge(bins / 2),
                small.clone(),
                colors.text_faint,
            );
            painter.text(pos2(area.right(), y), Align2::RIGHT_TOP, edge(bins), small, colors.text_faint);
        }
        if let Some(at) = response.hover_pos()
            && live.is_none()
        {
            let bin = bin_at(at.x);
            let count = self.count.get(bin).copied().unwrap_or(0);
            let whole = self.whole[bin];
            response.on_hover_text_at_pointer(format!("{} – {}: {count} of {whole} samples", edge(bin), edge(bin + 1)));
        }
        brush
    }
}
