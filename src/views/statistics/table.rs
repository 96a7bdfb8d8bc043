//! A table of which only the visible rows are laid out; its head sorts, its rows filter the grid.

use egui::{Align2, Color32, FontId, Rect, ScrollArea, Sense, TextStyle, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use super::{Paint, show};
use crate::app::panels::statistics::table::{Cell, Table};
use crate::app::statistics::StatisticsView;
use crate::views::theme::{radius, space, tokens};
use crate::views::widgets::{elided, focus_ring, font};
use crate::views::{Commands, icons};

/// The height of a row.
const ROW: f32 = 22.0;

/// The width of a lift: its bar and its number.
const LIFT: f32 = 132.0;

/// Log-odds at which a bar is full, fifty to one: a few words that one side never has must not make all others dots.
const LIFT_MOST: f64 = 4.0;

/// Where a lift's number begins.
const LIFT_NUMBER: f32 = 44.0;

/// Head and rows, in all the room there is.
pub fn table_ui(ui: &mut Ui, paint: &Paint, table: &Table, view: &mut StatisticsView, out: &mut Commands) {
    let small = font(ui, TextStyle::Small);
    let widths = widths(ui, table, paint.rows, &small);
    head_ui(ui, table, view, &widths, &small);
    let most_lift = table
        .rows
        .iter()
        .flat_map(|row| &row.cells)
        .filter_map(|cell| if let Cell::Lift { log_odds, .. } = cell { Some(log_odds.abs()) } else { None })
        .fold(0.0, f64::max)
        .min(LIFT_MOST);
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().id_salt(("table", &table.title)).auto_shrink(false).show_rows(
        ui,
        ROW,
        paint.rows.len(),
        |ui, range| {
            for &row in &paint.rows[range] {
                row_ui(ui, paint, table, row, &widths, &small, most_lift, out);
            }
        },
    );
}

/// The first column takes what the others leave.
fn widths(ui: &Ui, table: &Table, rows: &[usize], font: &FontId) -> Vec<f32> {
    let measure = |text: String| ui.painter().layout_no_wrap(text, font.clone(), Color32::PLACEHOLDER).size().x;
    let mut widths: Vec<f32> = table
        .columns
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let cells = rows.iter().take(40).filter_map(|&row| table.rows[row].cells.get(column));
            let lift = cells.clone().any(|cell| matches!(cell, Cell::Lift { .. }));
            let widest = cells.map(|cell| measure(cell.shown())).fold(measure(name.clone()) + 16.0, f32::max);
            if lift { LIFT } else { widest.clamp(48.0, 112.0) + space::S12 }
        })
        .collect();
    let others: f32 = widths.iter().skip(1).sum();
    if let Some(first) = widths.first_mut() {
        *first = (ui.available_width() - others - space::S12).max(90.0);
    }
    widths
}

fn head_ui(ui: &mut Ui, table: &Table, view: &mut StatisticsView, widths: &[f32], font: &FontId) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let colors = tokens(ui);
    let sort = view.sort();
    let mut x = rect.left();
    for (column, (name, &width)) in table.columns.iter().zip(widths).enumerate() {
        let cell = Rect::from_min_size(pos2(x, rect.top()), vec2(width, ROW));
        x += width;
        let response = ui.interact(cell, ui.scope_id().with(("head", column)), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::ColumnHeader, true, format!("Sort by {name}")));
        let color = if response.hovered() || sort.is_some_and(|(by, _)| by == column) {
            colors.text_strong
        } else {
            colors.text_faint
        };
        let arrow = match sort {
            Some((by, descending)) if by == column => {
                if descending {
                    icons::ARROW_DOWN
                } else {
                    icons::ARROW_UP
                }
            }
            _ => "",
        };
        let label = elided(ui, name, font.clone(), color, width - space::S16 - 6.0, 1);
        let y = cell.center().y - label.size().y / 2.0;
        if column == 0 {
            ui.painter().galley(pos2(cell.left() + space::S8, y), label.clone(), color);
            let at = pos2(cell.left() + space::S12 + label.size().x, cell.center().y);
            ui.painter().text(at, Align2::LEFT_CENTER, arrow, font.clone(), color);
        } else {
            let at = pos2(cell.right() - space::S8 - label.size().x, y);
            ui.painter().text(pos2(at.x - 4.0, cell.center().y), Align2::RIGHT_CENTER, arrow, font.clone(), color);
            ui.painter().galley(at, label, color);
        }
        focus_ring(ui, &response);
        if response.clicked() {
            // First the largest (words: from A), then the other way, then the table's own order again.
            let first = column > 0;
            view.sort[view.tab as usize] = match sort {
                Some((by, descending)) if by == column => (descending == first).then_some((column, !first)),
                _ => Some((column, first)),
            };
        }
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, colors.hairline));
}

#[expect(clippy::too_many_arguments, reason = "what all rows share is measured once")]
fn row_ui(
    ui: &mut Ui,
    paint: &Paint,
    table: &Table,
    index: usize,
    widths: &[f32],
    font: &FontId,
    most_lift: f64,
    out: &mut Commands,
) {
    let row = &table.rows[index];
    let (_, rect) = ui.allocate_space(vec2(ui.available_width(), ROW));
    let sense = if row.pick.is_some() { Sense::click() } else { Sense::hover() };
    let response = ui.interact(rect, ui.scope_id().with(("row", index)), sense);
    let name = row.cells.first().map_or(String::new(), Cell::plain);
    response.widget_info(|| {
        let said: Vec<String> = row.cells.iter().skip(1).map(Cell::shown).collect();
        let role = if row.pick.is_some() { Role::Button } else { Role::Row };
        let label = if row.pick.is_some() { format!("Show {}", name.trim()) } else { name.trim().to_owned() };
        let mut info = WidgetInfo::labeled(role, true, label);
        info.current_text_value = Some(said.join(", "));
        info
    });
    let colors = tokens(ui);
    if response.hovered() && row.pick.is_some() {
        ui.painter().rect_filled(rect, radius::CONTROL, colors.hover);
    }
    let mut x = rect.left();
    let mut elided_text = None;
    let mut tip = None;
    for (column, (cell, &width)) in row.cells.iter().zip(widths).enumerate() {
        let place = Rect::from_min_size(pos2(x, rect.top()), vec2(width, ROW));
        x += width;
        match cell {
            Cell::Lift { log_odds, z } => {
                lift_ui(ui, paint, place, *log_odds, most_lift, font);
                tip = Some(format!("log-odds {log_odds:+.2}, z {z:+.1}"));
            }
            cell => {
                let color = match cell {
                    Cell::Paper(_) | Cell::None | Cell::Share(_) => colors.text_faint,
                    _ => colors.text,
                };
                let galley = elided(ui, &cell.shown(), font.clone(), color, width - space::S12, 1);
                if galley.elided {
                    elided_text = Some(cell.shown());
                }
                let left =
                    if column == 0 { place.left() + space::S8 } else { place.right() - space::S8 - galley.size().x };
                ui.painter().galley(pos2(left, place.center().y - galley.size().y / 2.0), galley, color);
            }
        }
    }
    focus_ring(ui, &response);
    let clicked = response.clicked();
    let tips: Vec<String> = elided_text.into_iter().chain(tip).collect();
    let response = if tips.is_empty() { response } else { response.on_hover_text(tips.join("\n")) };
    if let Some(pick) = &row.pick {
        response.on_hover_cursor(egui::CursorIcon::PointingHand);
        if clicked {
            show(ui, pick, out);
        }
    }
}

/// A bar from the middle: to the right where the row marks the first group, to the left where the second.
fn lift_ui(ui: &Ui, paint: &Paint, place: Rect, log_odds: f64, most: f64, font: &FontId) {
    let colors = tokens(ui);
    let bars = Rect::from_min_max(
        pos2(place.left() + space::S8, place.top() + 7.0),
        pos2(place.right() - LIFT_NUMBER - space::S4, place.bottom() - 7.0),
    );
    let middle = bars.center().x;
    let reach = if most > 0.0 { (log_odds / most).clamp(-1.0, 1.0) as f32 * bars.width() / 2.0 } else { 0.0 };
    let side = usize::from(log_odds < 0.0);
    let color = paint.colors.get(side).copied().unwrap_or(colors.accent);
    let bar = Rect::from_min_max(
        pos2(middle.min(middle + reach), bars.top()),
        pos2(middle.max(middle + reach), bars.bottom()),
    );
    ui.painter().rect_filled(bar, 1, color);
    ui.painter().vline(middle, place.top() + 4.0..=place.bottom() - 4.0, egui::Stroke::new(1.0, colors.outline));
    let at = pos2(place.right() - space::S8, place.center().y);
    ui.painter().text(at, Align2::RIGHT_CENTER, format!("{log_odds:+.2}"), font.clone(), colors.text);
}
