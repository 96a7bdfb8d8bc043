//! The start page: open, recent sources, the demo.

use egui::{
    Align, Align2, Layout, Rect, RichText, Sense, Stroke, StrokeKind, TextStyle, Ui, UiBuilder, WidgetInfo,
    accesskit::Role, pos2, vec2,
};

use super::textures::{Textures, fit};
use super::theme::{self, radius, space, tokens};
use super::widgets::{elided, faint, font};
use super::{Commands, icons};
use crate::app::panels::text;
use crate::app::{Action, Command, State};
use crate::formats::FieldMap;
use crate::jobs::RecentSource;

/// The page.
pub fn welcome_ui(ui: &mut Ui, state: &State, textures: &Textures, now_unix: i64, out: &mut Commands) {
    let area = ui.available_rect_before_wrap();
    ui.painter().rect_filled(area, 0, tokens(ui).window);
    let width = 620.0_f32.min(area.width() - 48.0);
    let recent_rows = state.recent.len().min(6).div_ceil(2) as f32;
    let height = 250.0 + if recent_rows > 0.0 { 40.0 + recent_rows * 72.0 } else { 0.0 };
    let top = area.top() + ((area.height() - height) * 0.4).max(24.0);
    let column = Rect::from_min_size(pos2(area.center().x - width / 2.0, top), vec2(width, area.bottom() - top));
    ui.scope_builder(UiBuilder::new().max_rect(column).layout(Layout::top_down(Align::Min)), |ui| {
        ui.label(RichText::new("Shopscope").text_style(theme::title()).size(30.0));
        ui.add_space(space::S4);
        ui.label(
            faint(ui, "Explore image-text datasets: pictures, captions, taxonomies.").size(theme::all().text.heading),
        );
        ui.add_space(space::S24);
        drop_target_ui(ui, width, out, state);
        ui.add_space(space::S16);
        ui.label(
            faint(
                ui,
                "WebDataset and img2dataset tars, parquet, image folders, ImageNet, COCO captions, JSONL, CSV, TSV",
            )
            .size(theme::all().text.small),
        );
        if state.screen == crate::app::state::Screen::Welcome && !state.is_empty() {
            ui.add_space(space::S8);
            let back = format!(
                "{}  Back to {}",
                icons::ARROW_LEFT,
                text::plural(state.len() as u64, "open sample", "open samples")
            );
            if ui.add(egui::Button::new(back).frame_when_inactive(false)).clicked() {
                out.push(Command::BackToGrid);
            }
        }
        if !state.recent.is_empty() {
            ui.add_space(space::S24);
            ui.label(RichText::new("Recent").text_style(theme::strong()));
            ui.add_space(space::S8);
            recent_ui(ui, state, textures, now_unix, width, out);
        }
    });
}

fn drop_target_ui(ui: &mut Ui, width: f32, out: &mut Commands, state: &State) {
    let colors = tokens(ui);
    let hovering = ui.input(|input| !input.raw.hovered_files.is_empty());
    let (rect, _) = ui.allocate_exact_size(vec2(width, 116.0), Sense::hover());
    let stroke = Stroke::new(if hovering { 2.0 } else { 1.0 }, if hovering { colors.accent } else { colors.outline });
    let fill = if hovering { colors.selection } else { colors.panel };
    ui.painter().rect(rect, radius::CARD, fill, stroke, StrokeKind::Inside);
    ui.painter().text(
        rect.center_top() + vec2(0.0, 32.0),
        Align2::CENTER_CENTER,
        "Drop a folder or files here",
        font(ui, TextStyle::Body),
        colors.text,
    );
    let buttons = Rect::from_min_max(pos2(rect.left(), rect.top() + 58.0), rect.max - vec2(0.0, 16.0));
    ui.scope_builder(UiBuilder::new().max_rect(buttons).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().button_padding = vec2(14.0, 6.0);
        ui.spacing_mut().item_spacing.x = space::S8;
        // Centred by hand: the widths are known after the first frame.
        let id = ui.scope_id().with("buttons width");
        let known: f32 = ui.data(|data| data.get_temp(id)).unwrap_or(360.0);
        ui.add_space(((width - known) / 2.0).max(0.0));
        let start = ui.cursor().left();
        let primary =
            egui::Button::new(RichText::new(format!("{}  Open folder", icons::FOLDER_OPEN)).color(colors.on_accent))
                .fill(colors.accent_fill);
        if ui.add(primary).clicked() {
            super::dialogs::open::pick(ui.ctx(), true, out);
        }
        if ui.button(format!("{}  Open files", icons::FILES)).clicked() {
            super::dialogs::open::pick(ui.ctx(), false, out);
        }
        if ui
            .add_enabled(
                Action::OpenDemo.enabled(state),
                egui::Button::new(format!("{}  Try the demo", icons::STOREFRONT)),
            )
            .clicked()
        {
            out.act(Action::OpenDemo);
        }
        let used = ui.min_rect().right() - start;
        if (used - known).abs() > 0.5 {
            ui.data_mut(|data| data.insert_temp(id, used));
            ui.ctx().request_repaint();
        }
    });
}

fn recent_ui(ui: &mut Ui, state: &State, textures: &Textures, now_unix: i64, width: f32, out: &mut Commands) {
    let card_width = (width - space::S8) / 2.0;
    for pair in state.recent.iter().take(6).collect::<Vec<_>>().chunks(2) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::S8;
            for recent in pair {
                card_ui(ui, recent, textures, now_unix, card_width, out);
            }
        });
        ui.add_space(space::S4);
    }
}

fn card_ui(ui: &mut Ui, recent: &RecentSource, textures: &Textures, now_unix: i64, width: f32, out: &mut Commands) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, 60.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Open {}", recent.name)));
    let colors = tokens(ui);
    let fill = if response.hovered() { colors.hover } else { colors.panel };
    ui.painter().rect_filled(rect, radius::CARD, fill);
    let thumb = Rect::from_min_size(rect.min + vec2(6.0, 6.0), vec2(48.0, 48.0));
    ui.painter().rect_filled(thumb, radius::CONTROL, colors.raised);
    if let Some(texture) = recent.paths.first().and_then(|path| textures.recent(path)) {
        let place = Rect::from_center_size(thumb.center(), fit(texture.size_vec2(), thumb.size(), 8.0));
        egui::Image::from_texture(texture).corner_radius(radius::CONTROL).paint_at(ui, place);
    } else {
        let icon = egui::FontId::proportional(20.0);
        ui.painter().text(thumb.center(), Align2::CENTER_CENTER, icons::DATABASE, icon, colors.text_disabled);
    }
    let left = thumb.right() + space::S12;
    let room = rect.right() - left - space::S8;
    let line = |y: f32, text: &str, style: TextStyle, color| {
        let galley = elided(ui, text, font(ui, style), color, room, 1);
        ui.painter().galley(pos2(left, rect.top() + y), galley, color);
    };
    line(6.0, &recent.name, theme::strong(), colors.text);
    let counts = format!(
        "{}  ·  {}",
        text::plural(recent.samples, "sample", "samples"),
        text::ago(now_unix - recent.opened_unix)
    );
    line(24.0, &counts, TextStyle::Small, colors.text_faint);
    let place = recent.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
    line(40.0, &place, TextStyle::Small, colors.text_faint);
    super::widgets::focus_ring(ui, &response);
    if response.on_hover_text(&place).clicked() {
        out.push(Command::Open(recent.paths.clone(), FieldMap::default()));
    }
}

/// Tells that files hang over the window.
pub fn drop_overlay_ui(ctx: &egui::Context) {
    let hovering = ctx.input(|input| !input.raw.hovered_files.is_empty());
    if !hovering {
        return;
    }
    let painter = ctx.layer_painter(egui::LayerId::new(egui::Order::Tooltip, egui::Id::unique("drop overlay")));
    let rect = ctx.content_rect();
    let dark = ctx.theme() == egui::Theme::Dark;
    let colors = theme::colors_of(dark);
    painter.rect_filled(rect, 0, colors.window.gamma_multiply(0.85));
    painter.rect_stroke(rect.shrink(12.0), radius::CARD, Stroke::new(2.0, colors.accent), StrokeKind::Inside);
    let text = "Drop to open";
    painter.text(rect.center(), Align2::CENTER_CENTER, text, egui::FontId::proportional(20.0), colors.text);
}
