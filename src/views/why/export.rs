//! The lens as files: the matrix as a picture at any scale, raw maps, figures.
//!
//! The picture is painted by the same functions as on the screen, in an egui of its own, by the CPU, with pictures that a job decoded at the size
//! that is wanted.

use std::path::PathBuf;
use std::sync::Arc;

use egui::{
    Color32, Context, DragValue, RawInput, Rect, RichText, Theme, Ui, Vec2, WidgetInfo, accesskit::Role, pos2, vec2,
};

use super::FOOT;
use super::drawn::Maps;
use super::{CAPTION, WhyFrame, bar, paint, title_ui};
use crate::app::panels::text;
use crate::app::scroll::GAP;
use crate::app::state::Dialog;
use crate::app::why::{Export, Of, Page, Waiting, WhyCommand, WhyView};
use crate::app::{Command, State};
use crate::base::SampleId;
use crate::formats::image::png;
use crate::views::dialogs::open;
use crate::views::screenshot::software::Rasterizer;
use crate::views::textures::Textures;
use crate::views::theme::{self, colors_of, space};
use crate::views::widgets::{faint, font};
use crate::views::{Commands, icons};

/// Side of a cell in points: text is as large beside it as in the window.
const SIDE: f32 = 148.0;
/// Most pixels of a picture's side.
const MOST: u32 = 16_384;

/// The export menu.
pub(super) fn export_ui(ui: &mut Ui, state: &State, frame: &mut WhyFrame, view: &mut WhyView, out: &mut Commands) {
    let button = egui::Button::new(RichText::new(icons::EXPORT).size(16.0)).frame_when_inactive(false);
    let config =
        egui::containers::menu::MenuConfig::new().close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    let (response, inner) = egui::containers::menu::MenuButton::from_button(button).config(config).ui(ui, |ui| {
        ui.set_min_width(230.0);
        if state.why.view.page == Page::Local {
            local_menu_ui(ui, state, out);
        } else {
            matrix_menu_ui(ui, state, view, out);
        }
    });
    let is_open = inner.is_some() && state.why.view.page == Page::Matrix;
    if is_open != frame.exporting {
        frame.exporting = is_open;
        out.push(Command::Why(WhyCommand::Exporting(is_open)));
    }
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Export maps and figures"));
    response.on_hover_text("Export maps and figures");
}

fn ask(name: &str, what: Export, out: &mut Commands) {
    out.push(match open::save_file(name) {
        Some(path) => Command::Why(WhyCommand::Export(what, path)),
        None => Command::Dialog(Some(Dialog::SaveWhy { path: format!("~/{name}"), what })),
    });
}

fn matrix_menu_ui(ui: &mut Ui, state: &State, view: &mut WhyView, out: &mut Commands) {
    let why = &state.why;
    ui.horizontal(|ui| {
        ui.label("First");
        let rows = ui.add(DragValue::new(&mut view.export_rows).range(1..=500).speed(0.2));
        rows.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Rows of the export"));
        ui.label("rows, cells of");
        let side = ui.add(DragValue::new(&mut view.export_side).range(32..=2048).speed(4.0));
        side.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Side of an exported cell"));
        ui.label("px");
    });
    let recipes = why.recipes();
    let count = why.view.export_rows.min(why.rows.samples.len());
    let is_there = |id: &&u32| {
        let sample = state.population.sample_ref(SampleId(**id));
        recipes.iter().all(|recipe| !why.is_usable(recipe) || why.cell(recipe, sample).is_some())
    };
    let done = why.rows.samples[..count].iter().filter(is_there).count();
    let is_ready = done == count && count > 0;
    if !is_ready {
        ui.label(faint(ui, format!("maps of {done} of {count} rows are there")));
    }
    let (size, scale) = sheet(count, why.columns.len(), why.view.export_side);
    let [width, height] = [size.x, size.y].map(|side| text::count(u64::from((side * scale).round() as u32)));
    let cells = (SIDE * scale).round() as u32;
    let capped = if cells < why.view.export_side { format!(", the most: cells of {cells} px") } else { String::new() };
    ui.label(faint(ui, format!("the picture has {width} x {height} px{capped}")));
    ui.separator();
    if ui.add_enabled(is_ready, egui::Button::new("Matrix as PNG …")).clicked() {
        ask("why.png", Export::Picture, out);
        ui.close();
    }
    for (what, name) in [("CSV", "why.csv"), ("JSON", "why.json")] {
        if ui.add_enabled(is_ready, egui::Button::new(format!("Figures as {what} …"))).clicked() {
            ask(name, Export::Figures, out);
            ui.close();
        }
    }
    ui.separator();
    for column in why.columns.iter().filter(|column| matches!(column.of, Of::Maps(_))) {
        let title = why.title(column);
        let button = egui::Button::new(format!("Raw maps of {title} as .npy …"));
        if ui.add_enabled(is_ready, button).clicked() {
            let safe: String = title.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
            ask(&format!("maps-{safe}.npy"), Export::Maps(column.id), out);
            ui.close();
        }
    }
}

fn local_menu_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    let is_ready = state.why.local.measured().next().is_some();
    for (what, name) in [("CSV", "how-local.csv"), ("JSON", "how-local.json")] {
        if ui.add_enabled(is_ready, egui::Button::new(format!("Figures as {what} …"))).clicked() {
            ask(name, Export::Local, out);
            ui.close();
        }
    }
}

/// Draws an exported picture whose pictures are decoded, and hands it to be written.
pub fn finish(ctx: &Context, state: &State, out: &mut Commands) {
    if let Some(waiting) = state.why.waiting.as_ref().filter(|waiting| waiting.pictures.is_some()) {
        let dark = ctx.theme() == Theme::Dark;
        let path: PathBuf = waiting.path.clone();
        out.push(Command::WriteFile { path, bytes: Arc::new(png_of(state, waiting, dark)) });
        out.push(Command::Why(WhyCommand::Drawn));
    }
}

/// Size of the picture of so many rows and columns in points, and pixels a point: as wanted, or as many as fit.
fn sheet(rows: usize, columns: usize, side: u32) -> (Vec2, f32) {
    let size = vec2(
        space::S24 + (columns as f32 + 1.0) * (SIDE + space::S8),
        space::S12 + 24.0 + rows as f32 * (SIDE + (FOOT + GAP) as f32) + CAPTION,
    );
    let wanted = side as f32 / SIDE;
    (size, wanted.min(MOST as f32 / size.x).min(MOST as f32 / size.y))
}

/// The matrix as a PNG.
#[must_use]
pub(super) fn png_of(state: &State, waiting: &Waiting, dark: bool) -> Vec<u8> {
    let ctx = Context::default();
    theme::install(&ctx);
    ctx.set_theme(if dark { Theme::Dark } else { Theme::Light });
    let (size, scale) = sheet(waiting.samples.len(), state.why.columns.len(), waiting.side);
    let (width, height) = ((size.x * scale).round() as u32, (size.y * scale).round() as u32);
    let mut textures = Textures::default();
    for (sample, picture) in waiting.pictures.iter().flatten() {
        textures.insert(*sample, 1024, picture.clone());
    }
    let mut maps = Maps::default();
    let mut rasterizer = Rasterizer::default();
    let mut time = 0.0;
    let shapes = loop {
        let viewport = egui::ViewportInfo { native_pixels_per_point: Some(scale), ..egui::ViewportInfo::default() };
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), size)),
            viewports: std::iter::once((egui::ViewportId::ROOT, viewport)).collect(),
            time: Some(time),
            max_texture_side: Some(MOST as usize),
            ..RawInput::default()
        };
        let mut waits = false;
        let mut output = ctx.run_ui(input, |ui| {
            waits = textures.begin_frame(ui.ctx(), u64::MAX);
            maps.begin(ui.ctx());
            let ground = egui::Frame::new().fill(colors_of(dark).window);
            egui::CentralPanel::default().frame(ground).show(ui, |ui| {
                sheet_ui(ui, state, waiting, &mut textures, &mut maps);
            });
        });
        rasterizer.update(&mut output.textures_delta);
        let shapes = std::mem::take(&mut output.shapes);
        output.drop_without_applying_deltas();
        time += 1.0;
        if !waits && !maps.filling && time > 2.0 {
            break shapes;
        }
    };
    let meshes = ctx.tessellate(shapes, scale);
    png(&rasterizer.draw(&meshes, width, height, scale))
}

/// Titles, rows, colour bar.
fn sheet_ui(ui: &mut Ui, state: &State, waiting: &Waiting, textures: &mut Textures, maps: &mut Maps) {
    let all = ui.max_rect();
    let color: Color32 = theme::tokens(ui).text_strong;
    let left = |at: usize| all.left() + space::S12 + at as f32 * (SIDE + space::S8);
    let heads = all.top() + space::S12;
    for (at, column) in state.why.columns.iter().enumerate() {
        let rect = Rect::from_min_size(pos2(left(at + 1), heads), vec2(SIDE, 20.0));
        title_ui(ui, &state.why.title(column), rect, font(ui, theme::strong()), color);
    }
    for (row, id) in waiting.samples.iter().enumerate() {
        let sample = SampleId(*id);
        let top = heads + 24.0 + row as f32 * (SIDE + (FOOT + GAP) as f32);
        let cell = |at: usize| Rect::from_min_size(pos2(left(at), top), vec2(SIDE, SIDE));
        let foot = |at: usize| Rect::from_min_size(pos2(left(at), top + SIDE), vec2(SIDE, FOOT as f32));
        paint::picture(ui, state, textures, sample, cell(0));
        paint::picture_foot(ui, state, textures, sample, foot(0));
        for (at, column) in state.why.columns.iter().enumerate() {
            paint::cell(ui, state, textures, maps, column, sample, cell(at + 1), 0);
            paint::foot(ui, state, column, sample, foot(at + 1));
        }
    }
    bar::bar_ui(ui, state, Rect::from_min_max(pos2(all.left(), all.bottom() - CAPTION), all.max), "");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_cells_as_wanted_or_as_many_pixels_as_fit() {
        let (size, scale) = sheet(2, 3, 296);
        assert!((scale - 2.0).abs() < 1e-6 && size.x > 4.0 * SIDE && size.y > 2.0 * SIDE);
        let (size, scale) = sheet(500, 3, 2048);
        assert!((size.y * scale - MOST as f32).abs() < 1.0 && SIDE * scale < 2048.0);
    }
}
