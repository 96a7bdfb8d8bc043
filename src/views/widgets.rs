//! Small pieces that several panels share.

use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{
    Align, Align2, Color32, FontId, FontSelection, Galley, Id, Rect, Response, RichText, Sense, Stroke, TextStyle, Ui,
    WidgetInfo, WidgetText, accesskit::Role, pos2, vec2,
};

use super::theme::{self, radius, space, tokens};
use super::{Commands, icons};
use crate::app::action::Action;
use crate::app::panels::side_bar::Row;
use crate::app::panels::text;
use crate::app::{Command, State};

/// A button that is an icon; its name is its tooltip and its accessible label.
pub fn icon_button(ui: &mut Ui, icon: &str, name: &str, enabled: bool) -> Response {
    let response =
        ui.add_enabled(enabled, egui::Button::new(RichText::new(icon).size(16.0)).frame_when_inactive(false));
    named(response, Role::Button, name)
}

/// A button that is an icon and stays pressed while `on`.
pub fn icon_toggle(ui: &mut Ui, icon: &str, name: &str, on: bool) -> Response {
    let response = ui.add(egui::Button::new(RichText::new(icon).size(16.0)).frame_when_inactive(on).selected(on));
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, on, name));
    response.on_hover_text(name)
}

/// One of several tabs, of which one is on.
pub fn tab_button(ui: &mut Ui, label: &str, on: bool) -> Response {
    let response = ui.add(egui::Button::new(label).frame_when_inactive(on).selected(on));
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, on, label));
    response
}

/// Gives a widget its accessible name, and the same as a tooltip.
#[must_use]
pub fn named(response: Response, role: Role, name: &str) -> Response {
    let enabled = response.enabled();
    response.widget_info(|| WidgetInfo::labeled(role, enabled, name));
    response.on_hover_text(name).on_disabled_hover_text(name)
}

/// An icon button for an entry of the action list; tooltip with its keys, faint where it could do nothing.
pub fn action_button(ui: &mut Ui, state: &State, out: &mut Commands, icon: &str, action: Action) {
    let response = ui.add_enabled(
        action.enabled(state),
        egui::Button::new(RichText::new(icon).size(16.0)).frame_when_inactive(false),
    );
    let enabled = response.enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, action.label()));
    let tip = match action.shortcuts().first() {
        Some(keys) => format!("{}  ({})", action.label(), keys.label()),
        None => action.label().to_owned(),
    };
    if response.on_hover_text(&tip).on_disabled_hover_text(&tip).clicked() {
        out.act(action);
    }
}

/// A count in tabular figures, faint whole behind the dark filtered one: `310 / 2,912`.
pub fn faint(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).color(tokens(ui).text_faint)
}

/// One or more lines cut with an ellipsis.
#[must_use]
pub fn elided(ui: &Ui, text: &str, font: FontId, color: Color32, width: f32, rows: usize) -> Arc<Galley> {
    // One row never shows more; a longer string would be laid out in full before it is cut.
    let text = if rows == 1 { text::cut(text, 400) } else { text };
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, color));
    job.wrap = TextWrapping { max_width: width, max_rows: rows, break_anywhere: rows == 1, ..TextWrapping::default() };
    job.break_on_newline = rows > 1;
    job.halign = Align::LEFT;
    ui.painter().layout_job(job)
}

/// The font of a text style.
#[must_use]
pub fn font(ui: &Ui, style: TextStyle) -> FontId {
    FontSelection::Style(style).resolve(ui.style())
}

/// A foldable section of a side bar. The body is not built while it is folded.
pub fn section(
    ui: &mut Ui,
    state: &State,
    out: &mut Commands,
    title: &str,
    note: &str,
    body: impl FnOnce(&mut Ui, &mut Commands),
) {
    let folded = state.folded.contains(title);
    ui.add_space(space::S4);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 26.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, !folded, format!("Section {title}")));
    if ui.is_rect_visible(rect) {
        let colors = tokens(ui);
        let color = if response.hovered() { colors.text_strong } else { colors.text_faint };
        let caret = if folded { icons::CARET_RIGHT } else { icons::CARET_DOWN };
        let painter = ui.painter();
        painter.text(
            pos2(rect.left() + 7.0, rect.center().y),
            Align2::CENTER_CENTER,
            caret,
            FontId::proportional(11.0),
            color,
        );
        let mut strong = font(ui, theme::strong());
        strong.size = theme::all().text.small;
        painter.text(pos2(rect.left() + space::S16 + 2.0, rect.center().y), Align2::LEFT_CENTER, title, strong, color);
        painter.text(
            pos2(rect.right() - space::S8, rect.center().y),
            Align2::RIGHT_CENTER,
            note,
            font(ui, TextStyle::Small),
            colors.text_faint,
        );
        focus_ring(ui, &response);
    }
    if response.clicked() {
        out.push(Command::Fold(title.to_owned()));
    }
    if !folded {
        body(ui, out);
        ui.add_space(space::S8);
    }
}

/// Marks the widget that has the keyboard.
pub fn focus_ring(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let line = Stroke::new(1.5, tokens(ui).accent);
        ui.painter().rect_stroke(response.rect.shrink(1.0), radius::CONTROL, line, egui::StrokeKind::Inside);
    }
}

/// What the user did to a facet row.
pub enum RowAction {
    /// Nothing.
    None,
    /// Clicked it; ctrl was held or not.
    Toggle {
        /// Ctrl was held: add to the alternatives.
        add: bool,
    },
    /// Clicked its caret.
    Open(bool),
}

/// The height of a facet row.
pub const ROW_HEIGHT: f32 = 24.0;

/// One value of a facet: caret, name, counts; a bar behind it shows its share of the largest.
pub fn facet_row(ui: &mut Ui, id: Id, row: &Row, mark: Option<Color32>, filtered: bool) -> RowAction {
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), ROW_HEIGHT));
    if !ui.is_rect_visible(rect) {
        return RowAction::None;
    }
    let response = ui.interact(rect, id, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, row.active, &row.label));
    let colors = tokens(ui);
    let painter = ui.painter();
    let inner = rect.shrink2(vec2(space::S4, 1.0));
    if row.active {
        painter.rect_filled(inner, radius::CONTROL, colors.selection);
    } else if response.hovered() {
        painter.rect_filled(inner, radius::CONTROL, colors.hover);
    }
    let mut x = rect.left() + space::S8 + f32::from(row.depth) * 14.0;
    let mut action = RowAction::None;
    if let Some(open) = row.open {
        let caret = Rect::from_center_size(pos2(x + 4.0, rect.center().y), vec2(16.0, ROW_HEIGHT));
        let clicked = ui.interact(caret, id.with("caret"), Sense::click());
        clicked.widget_info(|| {
            let verb = if open { "Close" } else { "Open" };
            WidgetInfo::labeled(Role::Button, true, format!("{verb} {}", row.label))
        });
        let color = if clicked.hovered() { colors.text_strong } else { colors.text_faint };
        let icon = if open { icons::CARET_DOWN } else { icons::CARET_RIGHT };
        painter.text(caret.center(), Align2::CENTER_CENTER, icon, FontId::proportional(10.0), color);
        if clicked.clicked() {
            action = RowAction::Open(!open);
        }
    }
    x += space::S12;
    if let Some(color) = mark {
        painter.circle_filled(pos2(x + 4.0, rect.center().y), 4.0, color);
        x += space::S12 + 2.0;
    }
    // The counts: filtered dark, whole faint; one number where they are the same.
    let small = font(ui, TextStyle::Small);
    let whole = text::count(u64::from(row.whole));
    let right = rect.right() - space::S8;
    let whole_galley = painter.layout_no_wrap(whole, small.clone(), colors.text_faint);
    let mut left_of_counts = right - whole_galley.size().x;
    let y = rect.center().y - whole_galley.size().y / 2.0;
    if filtered && row.count != row.whole {
        painter.galley(pos2(left_of_counts, y), whole_galley, colors.text_faint);
        let color = if row.count == 0 { colors.text_disabled } else { colors.text };
        let count = painter.layout_no_wrap(text::count(u64::from(row.count)), small, color);
        left_of_counts -= space::S8 + count.size().x;
        painter.galley(pos2(left_of_counts, y), count, color);
    } else {
        painter.galley_with_override_text_color(pos2(left_of_counts, y), whole_galley, colors.text);
    }
    let color = if row.active {
        colors.text_strong
    } else if filtered && row.count == 0 {
        colors.text_faint
    } else {
        colors.text
    };
    let width = (left_of_counts - space::S8 - x).max(8.0);
    let galley = elided(ui, &row.label, font(ui, TextStyle::Body), color, width, 1);
    let elided_label = galley.elided;
    painter.galley(pos2(x, rect.center().y - galley.size().y / 2.0), galley, color);
    // The share as a hairline under the row: quiet, but one sees the mass at a glance.
    let track = rect.right() - space::S8 - x;
    let bar = Rect::from_min_size(pos2(x, rect.bottom() - 2.5), vec2((track * row.share).max(1.0), 1.5));
    painter.rect_filled(bar, 1, colors.bar);
    focus_ring(ui, &response);
    let response = if elided_label { response.on_hover_text(&row.label) } else { response };
    if response.clicked() && matches!(action, RowAction::None) {
        let add = ui.input(|input| input.modifiers.command || input.modifiers.ctrl);
        action = RowAction::Toggle { add };
    }
    action
}

/// The bar at the right of rows that scroll by themselves: wide enough to catch, thin to look at, with the place beside it while dragged.
/// `content` and `viewport` are heights in points; `place` says where an offset is. Gives the offset.
pub fn scroll_bar(
    ui: &mut Ui,
    track: Rect,
    content: f64,
    viewport: f64,
    scroll: f64,
    place: &dyn Fn(f64) -> String,
) -> f64 {
    let furthest = content - viewport;
    if furthest <= 0.0 {
        return scroll;
    }
    let response = ui.interact(track, ui.scope_id().with("scroll bar"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::slider(true, scroll, "Scroll"));
    let length = (track.height() * (viewport / content) as f32).max(28.0).min(track.height());
    let free = f64::from(track.height() - length);
    let mut scroll = scroll;
    if let Some(at) = response.interact_pointer_pos()
        && (response.dragged() || response.clicked())
    {
        let top = f64::from(at.y - track.top() - length / 2.0);
        scroll = (top / free.max(1.0)).clamp(0.0, 1.0) * furthest;
    }
    let top = track.top() + (scroll / furthest * free) as f32;
    let active = response.hovered() || response.dragged();
    let width = if active { 8.0 } else { 4.0 };
    let handle = Rect::from_min_size(pos2(track.right() - width - 2.0, top), vec2(width, length));
    let colors = tokens(ui);
    ui.painter().rect_filled(handle, width as u8 / 2, if active { colors.text_faint } else { colors.outline });
    if response.dragged() {
        let galley = ui.painter().layout_no_wrap(place(scroll), font(ui, TextStyle::Small), colors.text);
        let bubble = Rect::from_min_size(
            pos2(track.left() - galley.size().x - 20.0, handle.center().y - 11.0),
            vec2(galley.size().x + 12.0, 22.0),
        );
        let painter = ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Tooltip, Id::unique("scroll place")));
        let line = Stroke::new(1.0, colors.hairline);
        painter.rect(bubble, radius::CONTROL, colors.raised, line, egui::StrokeKind::Inside);
        painter.galley(bubble.center() - galley.size() / 2.0, galley, colors.text);
    }
    scroll
}

/// A sentence where a panel has nothing to show.
pub fn empty_note(ui: &mut Ui, text: &str) {
    ui.horizontal_wrapped(|ui| {
        ui.add_space(space::S16 + 2.0);
        ui.label(faint(ui, text).size(theme::all().text.small));
    });
}

/// A one-line field with a line round it.
pub fn field(ui: &mut Ui, text: &mut String, name: &str, hint: &str, width: f32) -> Response {
    ui.scope(|ui| {
        theme::outline_fields(ui);
        let response = ui.add(
            egui::TextEdit::singleline(text)
                .hint_text(hint.to_owned())
                .desired_width(width)
                .align(egui::Align2::LEFT_CENTER)
                .margin(egui::Margin::symmetric(8, 4)),
        );
        let label: WidgetText = name.into();
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::TextInput, true, label.text());
            info.current_text_value = Some(text.clone());
            info
        });
        response
    })
    .inner
}
