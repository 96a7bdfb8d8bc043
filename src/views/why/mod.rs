//! The why lens: pictures as rows, models as columns, maps in the cells; and how local those maps are.
//!
//! What is shown is decided in [`app::why`](crate::app::why); here it is painted. Textures of maps live in [`drawn`], a cell is painted by [`paint`],
//! in the matrix, in the inspector, large, and in an exported picture alike.

mod add;
mod bar;
mod drawn;
mod export;
mod header;
mod local;
mod matrix;
mod paint;
mod strip;

use egui::{Context, Id, Rect, RichText, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2, vec2};

use super::Commands;
use super::theme::{self, space, tokens};
use super::widgets::{faint, tab_button};
use crate::app::State;
use crate::app::panels::text;
use crate::app::why::{Column, Of, Page};
use crate::base::SampleId;
use crate::views::dialogs::primary;
use crate::views::textures::Textures;

pub use export::finish;

/// Height of the two lines below a cell, points.
const FOOT: f64 = 34.0;

/// Height of the line with the colour bar, points.
const CAPTION: f32 = 30.0;

/// What the window keeps of the lens between frames.
#[derive(Default)]
pub struct WhyFrame {
    maps: drawn::Maps,
    /// A model's file as it is typed.
    typed: String,
    /// What is typed above a list of classes.
    find: String,
    /// The column that the inspector shows.
    inspected: Option<u32>,
    /// Side of a cell in the last frame, points.
    side: f32,
    local: local::LocalFrame,
    /// The export menu was open in the last frame.
    exporting: bool,
}

impl WhyFrame {
    /// Begins a frame.
    pub fn begin(&mut self, ctx: &Context) {
        self.maps.begin(ctx);
    }

    /// True while textures wait for the next frame: what screenshots wait for.
    #[must_use]
    pub fn filling(&self) -> bool {
        self.maps.filling
    }
}

/// The whole lens.
pub fn why_ui(ui: &mut Ui, state: &State, textures: &mut Textures, frame: &mut WhyFrame, out: &mut Commands) {
    if state.is_empty() || state.querying() && state.why.rows.samples.is_empty() {
        return note_ui(ui, "", "Looking …");
    }
    if state.why.columns.is_empty() {
        return empty_ui(ui, state, frame, out);
    }
    let whole = ui.max_rect();
    strip::strip_ui(ui, state, frame, out);
    let all = Rect::from_min_max(pos2(whole.left(), ui.cursor().top()), whole.max);
    let body = Rect::from_min_max(all.min, pos2(all.right(), all.bottom() - CAPTION));
    ui.painter().hline(all.x_range(), all.top(), egui::Stroke::new(1.0, tokens(ui).hairline));
    let mut part = |rect: Rect, salt: &str, paint: &mut dyn FnMut(&mut Ui)| {
        let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(salt));
        child.set_clip_rect(rect.intersect(child.clip_rect()));
        paint(&mut child);
    };
    match state.why.view.page {
        Page::Matrix if state.why.rows.samples.is_empty() => {
            part(body, "nothing", &mut |ui| note_ui(ui, "No pictures here.", "No sample of these rows has a picture."));
        }
        Page::Matrix => part(body, "matrix", &mut |ui| matrix::matrix_ui(ui, state, textures, frame, out)),
        Page::Local => part(all, "local", &mut |ui| local::local_ui(ui, state, frame, out)),
    }
    if state.why.view.page == Page::Matrix {
        let caption = Rect::from_min_max(pos2(all.left(), body.bottom()), all.max);
        part(caption, "caption", &mut |ui| bar::caption_ui(ui, state));
        ui.painter().hline(all.x_range(), body.bottom(), egui::Stroke::new(1.0, tokens(ui).hairline));
    }
}

fn note_ui(ui: &mut Ui, title: &str, text: &str) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 3.0).max(24.0));
        if !title.is_empty() {
            ui.label(RichText::new(title).heading());
            ui.add_space(space::S4);
        }
        ui.label(faint(ui, text));
    });
}

/// No model yet: a sentence and the button.
fn empty_ui(ui: &mut Ui, state: &State, frame: &mut WhyFrame, out: &mut Commands) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 3.0).max(24.0));
        ui.label(RichText::new("Which model shall explain itself?").heading());
        ui.add_space(space::S4);
        ui.label(faint(
            ui,
            "Maps show which places of a picture speak for a class, for one model or several side by side.",
        ));
        ui.add_space(space::S12);
        add::menu_ui(
            ui,
            state,
            frame,
            primary(ui, "Choose a model …"),
            ("Choose a model", "Choose a model"),
            &mut |path| {
                out.push(crate::app::Command::Why(crate::app::why::WhyCommand::AddModel(path)));
            },
        );
    });
}

/// All columns for one picture, as large as they fit.
pub fn large_ui(
    ui: &mut Ui,
    state: &State,
    textures: &mut Textures,
    frame: &mut WhyFrame,
    sample: SampleId,
    rect: Rect,
) {
    let count = state.why.columns.len() + 1;
    let inner = rect.shrink(space::S12);
    let foot = 58.0;
    // As many in a line as make the cells largest.
    let side = |across: usize| {
        let lines = count.div_ceil(across) as f32;
        let wide = (inner.width() - space::S12 * (across - 1) as f32) / across as f32;
        let high = (inner.height() - (foot + space::S12) * lines) / lines;
        wide.min(high)
    };
    let across = (1..=count).max_by(|a, b| side(*a).total_cmp(&side(*b))).unwrap_or(1);
    let side = side(across).max(32.0);
    for at in 0..count {
        let (x, y) = ((at % across) as f32, (at / across) as f32);
        let corner = inner.min + vec2(x * (side + space::S12), y * (side + foot + space::S12));
        let cell = Rect::from_min_size(corner + vec2(0.0, 22.0), vec2(side, side));
        let below = Rect::from_min_size(cell.left_bottom(), vec2(side, foot - 22.0));
        let title = Rect::from_min_size(corner, vec2(side, 22.0));
        let body = super::widgets::font(ui, theme::strong());
        let color = tokens(ui).text;
        match at.checked_sub(1).and_then(|at| state.why.columns.get(at)) {
            None => {
                title_ui(ui, "Picture", title, body, color);
                paint::picture(ui, state, textures, sample, cell);
                paint::picture_foot(ui, state, textures, sample, below);
            }
            Some(column) => {
                title_ui(ui, &state.why.title(column), title, body, color);
                cell_ui(ui, state, textures, frame, column, sample, cell, 2);
                paint::foot(ui, state, column, sample, below);
            }
        }
    }
}

fn title_ui(ui: &Ui, title: &str, rect: Rect, font: egui::FontId, color: egui::Color32) {
    let galley = super::widgets::elided(ui, title, font, color, rect.width(), 1);
    ui.painter().galley(pos2(rect.left(), rect.center().y - galley.size().y / 2.0), galley, color);
}

/// A cell that says what it is to those who cannot see it, and its figures under the pointer.
#[expect(clippy::too_many_arguments, reason = "which cell, where, and with what it is painted")]
fn cell_ui(
    ui: &mut Ui,
    state: &State,
    textures: &mut Textures,
    frame: &mut WhyFrame,
    column: &Column,
    sample: SampleId,
    rect: Rect,
    place: u8,
) -> egui::Response {
    let problem = paint::cell(ui, state, textures, &mut frame.maps, column, sample, rect, place);
    let sample_ref = state.population.sample_ref(sample);
    let id = Id::unique(("why cell", place, column.id, sample_ref.dataset, sample_ref.row));
    let response = ui.interact(rect, id, egui::Sense::click());
    let said = paint::said(state, column, sample);
    let title = state.why.title(column);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Image, true, format!("Map by {title} of sample {}", sample.0));
        info.current_text_value = Some(match (&said, &problem) {
            (Some(said), _) => format!("{} {}", said.name, paint::percent(said.probability)),
            (None, Some(problem)) => problem.clone(),
            (None, None) => String::new(),
        });
        info
    });
    let tip = tip(state, column, sample, problem);
    if tip.is_empty() { response } else { response.on_hover_text(tip) }
}

/// What a cell says of itself in full.
fn tip(state: &State, column: &Column, sample: SampleId, problem: Option<String>) -> String {
    if let Some(problem) = problem {
        return problem;
    }
    let Of::Maps(recipe) = &column.of else {
        return format!("{}: red where the first sees more, blue where the second does", state.why.title(column));
    };
    let sample = state.population.sample_ref(sample);
    let Some(Ok(cell)) = state.why.cell(recipe, sample) else { return String::new() };
    let said = state.why.said(recipe, sample, cell);
    let mut lines = vec![
        format!("{}, {}", said.name, paint::percent(said.probability)),
        format!("score {:.2}", cell.explanation.score),
    ];
    let figures = local::figures_text(&cell.figures);
    lines.extend(figures.into_iter().map(|(name, value)| format!("{name} {value}")));
    lines.join("\n")
}

/// The section of the inspector: one column's map of the focused picture as wide as the panel, with its figures.
pub fn inspected_ui(ui: &mut Ui, state: &State, textures: &mut Textures, frame: &mut WhyFrame, sample: SampleId) {
    let columns = &state.why.columns;
    let chosen = frame.inspected.and_then(|id| state.why.column(id)).or(columns.first());
    let Some(column) = chosen.cloned() else { return };
    ui.horizontal_wrapped(|ui| {
        for other in columns {
            let title = state.why.title(other);
            let cut = text::cut(&title, 44);
            let label = if cut.len() < title.len() { format!("{cut}…") } else { title.clone() };
            if tab_button(ui, &label, other.id == column.id).clicked() {
                frame.inspected = Some(other.id);
            }
        }
    });
    ui.add_space(space::S4);
    let side = ui.available_width().min(640.0);
    let (rect, _) = ui.allocate_exact_size(vec2(side, side), egui::Sense::hover());
    cell_ui(ui, state, textures, frame, &column, sample, rect, 1);
    let (foot, _) = ui.allocate_exact_size(vec2(side, 34.0), egui::Sense::hover());
    paint::foot(ui, state, &column, sample, foot);
    let Of::Maps(recipe) = &column.of else { return };
    let sample = state.population.sample_ref(sample);
    if let Some(Ok(cell)) = state.why.cell(recipe, sample) {
        for (name, value) in local::figures_text(&cell.figures) {
            ui.horizontal(|ui| {
                ui.label(faint(ui, name).size(theme::all().text.small));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.label(RichText::new(value).size(theme::all().text.small));
                });
            });
        }
    }
    ui.add_space(space::S8);
}
