//! The matrix: heads above, the picture at the left, maps to the right of it. Only rows that are seen are painted and asked for.

use egui::{
    Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextStyle, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2,
    vec2,
};

use super::FOOT;
use super::{WhyFrame, cell_ui, header, paint};
use crate::app::scroll::{GAP, ScrollRows};
use crate::app::why::{Column, Edit, Of, WhyCommand, method_label, rows};
use crate::app::{Action, Command, State};
use crate::base::SampleId;
use crate::jobs::why::{Aim, Recipe};
use crate::model::explain::Method;
use crate::views::Commands;
use crate::views::textures::Textures;
use crate::views::theme::{self, radius, space, tokens};
use crate::views::widgets::{elided, faint, font, scroll_bar};

/// Least width of a column: what its pickers need.
const NARROWEST: f32 = 132.0;
/// Width of the scroll bar's track.
const BAR: f32 = 12.0;

/// The side at which all columns fit beside each other and two rows below each other, within what is good to look at.
fn fitting(room: egui::Vec2, columns: usize) -> f32 {
    let wide = (room.x - BAR - space::S24) / (columns + 1) as f32 - space::S8;
    let high = (room.y - header::HEIGHT - space::S8) / 2.0 - (FOOT + GAP) as f32 - space::S4;
    wide.min(high).clamp(NARROWEST, 280.0)
}

/// The matrix in the whole of `ui`.
pub(super) fn matrix_ui(ui: &mut Ui, state: &State, textures: &mut Textures, frame: &mut WhyFrame, out: &mut Commands) {
    let why = &state.why;
    let area = ui.max_rect();
    let side = why.view.side.unwrap_or_else(|| fitting(area.size(), why.columns.len()));
    frame.side = side;
    let width = side.max(NARROWEST);
    let heads = area.top() + header::HEIGHT + space::S8;
    let body = Rect::from_min_max(pos2(area.left(), heads), pos2(area.right() - BAR, area.bottom()));
    let layout = ScrollRows {
        rows: why.rows.samples.len(),
        row_height: f64::from(side) + FOOT + GAP,
        viewport: f64::from(body.height()),
    };
    let mut scroll = why.scroll.clamp(0.0, layout.max_scroll());
    if ui.rect_contains_pointer(body) {
        let wheel = ui.input(|input| input.smooth_scroll_delta().y);
        scroll -= f64::from(wheel);
    }
    if why.reveal {
        let row = state.focus.and_then(|focus| why.rows.samples.iter().position(|id| *id == focus.0));
        if let Some(row) = row {
            scroll = layout.reveal(row, scroll);
        }
        out.push(Command::Why(WhyCommand::Revealed));
    }
    let track = Rect::from_min_max(pos2(body.right(), body.top()), area.max);
    let place = |scroll: f64| format!("{} of {}", layout.visible(scroll).start + 1, layout.rows);
    scroll = scroll_bar(ui, track, layout.content_height(), layout.viewport, scroll, &place);
    scroll = scroll.clamp(0.0, layout.max_scroll());
    if scroll != why.scroll {
        out.push(Command::Why(WhyCommand::Scroll(scroll)));
    }
    let visible = layout.visible(scroll);
    if visible != why.visible {
        out.push(Command::Why(WhyCommand::Visible(visible.clone())));
    }
    // The picture stays where it is while the columns are scrolled sideways.
    let left = Rect::from_min_max(area.min, pos2(area.left() + space::S12 + side + space::S8, area.bottom()));
    let right = Rect::from_min_max(pos2(left.right(), area.top()), pos2(body.right(), area.bottom()));
    let lines = Lines { layout, scroll, visible, top: body.top(), side };
    let mut child = ui.new_child(UiBuilder::new().max_rect(left).id_salt("pictures"));
    child.set_clip_rect(left.intersect(ui.clip_rect()));
    pictures_ui(&mut child, state, textures, &lines, left, out);
    let mut child = ui.new_child(UiBuilder::new().max_rect(right).id_salt("columns"));
    child.set_clip_rect(right.intersect(ui.clip_rect()));
    ScrollArea::horizontal().id_salt("why columns").auto_shrink(false).show(&mut child, |ui| {
        let total = why.columns.len() as f32 * (width + space::S8) + space::S8;
        let (ground, _) = ui.allocate_exact_size(vec2(total, right.height()), Sense::hover());
        for (at, column) in why.columns.iter().enumerate() {
            let x = ground.left() + at as f32 * (width + space::S8);
            let head = Rect::from_min_size(pos2(x, area.top() + space::S8), vec2(width, header::HEIGHT - space::S4));
            header::head_ui(ui, state, frame, column, head, out);
            let cells = Rect::from_min_max(pos2(x, body.top()), pos2(x + width, area.bottom()));
            let mut child = ui.new_child(UiBuilder::new().max_rect(cells).id_salt(("why cells", column.id)));
            child.set_clip_rect(cells.expand2(vec2(3.0, 0.0)).intersect(ui.clip_rect()));
            match failure(state, column) {
                Some((problem, recipe)) => failed_ui(&mut child, column, recipe, &problem, out),
                None => column_ui(&mut child, state, textures, frame, column, &lines, cells, out),
            }
        }
    });
    ui.painter().hline(area.x_range(), body.top(), Stroke::new(1.0, tokens(ui).hairline));
}

/// Which rows stand where.
struct Lines {
    layout: ScrollRows,
    scroll: f64,
    visible: std::ops::Range<usize>,
    top: f32,
    side: f32,
}

impl Lines {
    /// Top of a row on the screen.
    fn top(&self, row: usize) -> f32 {
        self.top + self.layout.top(row, self.scroll)
    }
}

fn pictures_ui(ui: &mut Ui, state: &State, textures: &mut Textures, lines: &Lines, left: Rect, out: &mut Commands) {
    let head = Rect::from_min_max(left.min, pos2(left.right(), lines.top));
    let small = font(ui, TextStyle::Small);
    let colors = tokens(ui);
    ui.painter().text(
        pos2(left.left() + space::S12, head.bottom() - space::S12),
        egui::Align2::LEFT_BOTTOM,
        "Picture",
        small,
        colors.text_faint,
    );
    let cells = Rect::from_min_max(pos2(left.left(), lines.top), left.max);
    ui.set_clip_rect(cells.intersect(ui.clip_rect()));
    for row in lines.visible.clone() {
        let sample = SampleId(state.why.rows.samples[row]);
        let corner = pos2(left.left() + space::S12, lines.top(row));
        let rect = Rect::from_min_size(corner, vec2(lines.side, lines.side));
        paint::picture(ui, state, textures, sample, rect);
        let foot = Rect::from_min_size(rect.left_bottom(), vec2(lines.side, FOOT as f32));
        paint::picture_foot(ui, state, textures, sample, foot);
        let sample_ref = state.population.sample_ref(sample);
        let id = egui::Id::unique(("why row", sample_ref.dataset, sample_ref.row));
        let response = ui.interact(rect.union(foot), id, Sense::click());
        let is_selected = state.selection.contains(sample.0);
        response.widget_info(|| {
            let name = state.records.get(sample_ref).map(|record| crate::app::panels::inspector::headline(record));
            let name = name.map_or_else(|| format!("Sample {}", sample.0), str::to_owned);
            WidgetInfo::selected(Role::ListItem, true, is_selected, name)
        });
        if is_selected || state.focus == Some(sample) {
            let width = if is_selected { 2.5 } else { 1.5 };
            ui.painter().rect_stroke(rect, radius::CONTROL, Stroke::new(width, colors.accent), StrokeKind::Outside);
        }
        if let Some(Some(apart)) = state.why.rows.disagreement.get(row).filter(|_| state.why.rows.sorted) {
            badge_ui(ui, rect, &format!("{:.0} % apart", apart * 100.0));
        }
        picked(state, &response, sample, out);
    }
}

/// A word on a picture's corner.
fn badge_ui(ui: &Ui, rect: Rect, text: &str) {
    let colors = tokens(ui);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font(ui, TextStyle::Small), colors.text);
    let size = galley.size() + vec2(space::S8, 4.0);
    let badge = Rect::from_min_size(rect.left_top() + vec2(4.0, 4.0), size);
    ui.painter().rect_filled(badge, radius::CONTROL, colors.raised);
    ui.painter().galley(badge.min + vec2(space::S4, 2.0), galley, colors.text);
}

/// A click on a row: focus, and selection where the rows do not hang on it.
fn picked(state: &State, response: &egui::Response, sample: SampleId, out: &mut Commands) {
    if response.double_clicked() {
        out.push(Command::Large(true));
    } else if response.clicked() {
        let modifiers = response.ctx.input(|input| input.modifiers);
        let plain = !modifiers.shift && !modifiers.command;
        if plain && rows::by_selection(state) {
            out.push(Command::Focus(Some(sample)));
        } else {
            out.push(Command::Click { sample, shift: modifiers.shift, ctrl: modifiers.command });
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one column of the matrix, and what it is painted with")]
fn column_ui(
    ui: &mut Ui,
    state: &State,
    textures: &mut Textures,
    frame: &mut WhyFrame,
    column: &Column,
    lines: &Lines,
    cells: Rect,
    out: &mut Commands,
) {
    for row in lines.visible.clone() {
        let sample = SampleId(state.why.rows.samples[row]);
        let rect = Rect::from_min_size(pos2(cells.left(), lines.top(row)), vec2(lines.side, lines.side));
        let response = cell_ui(ui, state, textures, frame, column, sample, rect, 0);
        if response.hovered() {
            ui.painter().rect_stroke(rect, radius::CONTROL, Stroke::new(1.0, tokens(ui).outline), StrokeKind::Outside);
        }
        let foot = Rect::from_min_size(rect.left_bottom(), vec2(cells.width().min(lines.side), FOOT as f32));
        paint::foot(ui, state, column, sample, foot);
        picked(state, &response, sample, out);
    }
}

/// Why a column has no maps at all.
fn failure<'a>(state: &'a State, column: &'a Column) -> Option<(String, &'a Recipe)> {
    let Of::Maps(recipe) = &column.of else { return None };
    if let Some(Err(error)) = state.why.models.get(&recipe.model) {
        return Some((error.clone(), recipe));
    }
    match state.why.made.get(recipe) {
        Some(Err(error)) => Some((error.clone(), recipe)),
        _ => None,
    }
}

/// The sentence of a column that cannot be made, and what can still be done.
fn failed_ui(ui: &mut Ui, column: &Column, recipe: &Recipe, problem: &str, out: &mut Commands) {
    let colors = tokens(ui);
    ui.add_space(space::S12);
    ui.label(RichText::new(crate::views::icons::WARNING).color(colors.warning).size(20.0));
    ui.add_space(space::S4);
    let width = ui.available_width();
    let galley = elided(ui, problem, font(ui, TextStyle::Small), colors.text, width, 16);
    let (rect, response) = ui.allocate_exact_size(vec2(width, galley.size().y), Sense::hover());
    ui.painter().galley(rect.min, galley, colors.text);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, problem));
    response.on_hover_text(problem);
    ui.add_space(space::S8);
    let edit = |out: &mut Commands, edit: Edit| out.push(Command::Why(WhyCommand::Edit(edit)));
    if matches!(recipe.aim, Aim::Head { .. }) {
        if ui.button("Extract features …").clicked() {
            out.act(Action::ShowModels);
        }
        ui.add_space(space::S4);
    } else if recipe.method.needs_gradients() {
        ui.label(faint(ui, "Without gradients").size(theme::all().text.small));
        for method in [Method::EigenCam, Method::ScoreCam] {
            if ui.button(method_label(method)).clicked() {
                edit(out, Edit::Change(column.id, Recipe { method, ..recipe.clone() }));
            }
        }
        ui.add_space(space::S4);
    }
    if ui.button("Try again").clicked() {
        edit(out, Edit::Retry(column.id));
    }
}
