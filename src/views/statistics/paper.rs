//! The tables of the LGS paper, with its own figures in faint columns beside those of what is open.

use egui::{Label, RichText, ScrollArea, Ui, vec2};

use super::{Paint, copy_button};
use crate::app::panels::statistics::table::Cell;
use crate::views::Commands;
use crate::views::theme::{self, space, tokens};
use crate::views::widgets::faint;

/// The page.
pub fn paper_ui(ui: &mut Ui, paint: &Paint, out: &mut Commands) {
    ScrollArea::vertical().id_salt("paper").auto_shrink(false).show(ui, |ui| {
        let small = theme::all().text.small;
        for table in &paint.page.tables {
            ui.horizontal(|ui| {
                ui.label(RichText::new(&table.title).text_style(theme::strong()));
                let rows: Vec<usize> = (0..table.rows.len()).collect();
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    copy_button(ui, table, &rows, out)
                });
            });
            let first = 130.0;
            let others = (table.columns.len() - 1).max(1) as f32;
            let width = ((ui.available_width() - first) / others - space::S16).clamp(80.0, 240.0);
            let wide = |column: usize| if column == 0 { first } else { width };
            // Figures stand under each other at the right, lists of n-grams read from the left.
            let listed =
                table.rows.iter().flat_map(|row| row.cells.iter().skip(1)).any(|cell| matches!(cell, Cell::Text(_)));
            egui::Grid::new(&table.title).spacing([space::S16, space::S4]).show(ui, |ui| {
                let line = |ui: &mut Ui, column: usize, text: RichText| {
                    let align = if column == 0 || listed { egui::Align::Min } else { egui::Align::Max };
                    ui.allocate_ui_with_layout(vec2(wide(column), 18.0), egui::Layout::top_down(align), |ui| {
                        ui.set_width(wide(column));
                        ui.add(Label::new(text.size(small)).wrap());
                    });
                };
                for (column, name) in table.columns.iter().enumerate() {
                    line(ui, column, faint(ui, name));
                }
                ui.end_row();
                for row in &table.rows {
                    for (column, cell) in row.cells.iter().enumerate() {
                        let color =
                            if matches!(cell, Cell::Paper(_)) { tokens(ui).text_faint } else { tokens(ui).text };
                        line(ui, column, RichText::new(cell.shown()).color(color));
                    }
                    ui.end_row();
                }
            });
            ui.add_space(space::S16);
        }
    });
}
