//! The grid: a virtual list of pictures. Only what is visible is laid out, asked for and painted.
//!
//! Scrolling is our own: egui's scroll area keeps offsets in `f32`, which at a million rows jumps by
//! whole points. The offset is an `f64` in the state; the wheel, the bar at the right, keys and the
//! rubber band all change it through one command.

use egui::{
    Align2, CornerRadius, Id, Rect, Response, Sense, Shape, Stroke, StrokeKind, TextStyle, Ui, UiBuilder, Vec2,
    WidgetInfo, accesskit::Role, pos2, vec2,
};
use roaring::RoaringBitmap;

use super::textures::{Textures, Thumb, fit};
use super::theme::{self, radius, space, tokens};
use super::widgets::{elided, faint, font, icon_toggle, named, scroll_bar};
use super::{Commands, icons};
use crate::analysis::sort::SortBy;
use crate::app::command::SetOp;
use crate::app::grid::{CELL_RANGE, GridLayout};
use crate::app::panels::{inspector, text};
use crate::app::state::Sort;
use crate::app::{Action, Command, State};
use crate::base::SampleId;
use crate::catalog::flags;

/// What the window keeps of the grid between frames: nothing of the state, only how it is laid out.
#[derive(Debug, Default)]
pub struct GridFrame {
    /// Cells a row in the last frame, for the arrow keys.
    pub columns: usize,
    /// Rows that fit into the viewport, for the page keys.
    pub page_rows: usize,
}

/// The grid with its tool strip.
pub fn grid_ui(ui: &mut Ui, state: &State, textures: &mut Textures, frame: &mut GridFrame, out: &mut Commands) {
    strip_ui(ui, state, out);
    let area = ui.available_rect_before_wrap();
    ui.painter().rect_filled(area, 0, tokens(ui).window);
    if state.result.order.is_empty() {
        return nothing_ui(ui, state, out);
    }
    let bar = 12.0;
    let cells = Rect::from_min_max(area.min, pos2(area.right() - bar, area.bottom()));
    let layout = GridLayout::new(
        state.result.order.len(),
        f64::from(cells.width()),
        f64::from(cells.height()),
        f64::from(state.settings.zoom),
        state.settings.captions,
    );
    frame.columns = layout.columns;
    frame.page_rows = ((layout.rows.viewport / layout.rows.row_height).floor() as usize).max(1);

    let mut scroll = state.scroll.min(layout.rows.max_scroll());
    let ground = ui.interact(cells, ui.scope_id().with("grid"), Sense::click_and_drag());
    ground.widget_info(|| WidgetInfo::labeled(Role::List, true, "Samples"));
    if ui.rect_contains_pointer(area) {
        let (wheel, zoom) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
        scroll -= f64::from(wheel);
        if zoom != 1.0 {
            let mut settings = state.settings.clone();
            settings.zoom = (settings.zoom * zoom).clamp(CELL_RANGE.0, CELL_RANGE.1);
            out.push(Command::Settings(settings));
        }
    }
    if state.reveal {
        if let Some(position) = state.focus.and_then(|focus| state.position_of(focus)) {
            scroll = layout.reveal(position, scroll);
        }
        out.push(Command::Revealed);
    }
    let place = |scroll: f64| {
        let first = layout.visible(scroll).start as u64 + 1;
        format!("{} of {}", text::count(first), text::count(layout.len as u64))
    };
    let track = Rect::from_min_max(pos2(cells.right(), area.top()), area.max);
    scroll = scroll_bar(ui, track, layout.rows.content_height(), layout.rows.viewport, scroll, &place);
    scroll = scroll.clamp(0.0, layout.rows.max_scroll());
    scroll = rubber_band(ui, state, &ground, cells, &layout, scroll, out);
    if scroll != state.scroll {
        out.push(Command::Scroll(scroll));
    }

    let visible = layout.visible(scroll);
    let mut painted = ui.new_child(UiBuilder::new().max_rect(cells).id_salt("cells"));
    painted.set_clip_rect(cells.intersect(ui.clip_rect()));
    let pixels = layout.side as f32 * ui.ctx().pixels_per_point();
    for position in visible.clone() {
        let sample = SampleId(state.result.order[position]);
        let (x, y) = layout.cell(position, scroll);
        let rect = Rect::from_min_size(cells.min + vec2(x, y), Vec2::splat(layout.side as f32));
        cell_ui(&mut painted, state, textures, rect, sample, pixels, out);
    }
    // The next screenful in the direction of reading is decoded when the visible one is done.
    let ahead = visible.end..(visible.end + visible.len()).min(layout.len);
    for position in ahead {
        let sample = SampleId(state.result.order[position]);
        if state.population.columns.flags[sample.index()] & flags::HAS_IMAGE != 0 {
            textures.prefetch(sample, state.population.sample_ref(sample), pixels);
        }
    }
}

/// Sort order, captions, zoom.
fn strip_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    egui::Frame::new().fill(tokens(ui).window).inner_margin(egui::Margin::symmetric(8, 4)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().slider_width = 110.0;
            let mut sort = state.sort;
            egui::ComboBox::from_id_salt("sort")
                .selected_text(format!("{}  {}", icons::FUNNEL_SIMPLE, sort_label(sort.by)))
                .width(170.0)
                .show_ui(ui, |ui| {
                    for (by, _) in SortBy::ALL {
                        ui.selectable_value(&mut sort.by, by, sort_label(by));
                    }
                })
                .response
                .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Sort by"));
            let (icon, name) = if sort.descending {
                (icons::SORT_DESCENDING, "Largest first")
            } else {
                (icons::SORT_ASCENDING, "Smallest first")
            };
            let direction = ui.add_enabled(
                sort.by != SortBy::Dataset || sort.descending,
                egui::Button::new(icon).frame_when_inactive(false),
            );
            if named(direction, Role::Button, name).clicked() {
                sort.descending = !sort.descending;
            }
            if sort != state.sort {
                out.push(Command::Sort(Sort { ..sort }));
            }
            if !state.selection.is_empty() {
                ui.add_space(space::S8);
                let chosen = state.selection.len();
                ui.label(faint(ui, format!("{} selected", text::count(chosen))));
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let mut zoom = state.settings.zoom;
                let slider =
                    egui::Slider::new(&mut zoom, CELL_RANGE.0..=CELL_RANGE.1).show_value(false).logarithmic(true);
                let response = ui.add(slider);
                response.widget_info(|| WidgetInfo::slider(true, f64::from(zoom), "Picture size"));
                if response.on_hover_text(format!("Picture size: {zoom:.0} px  (+ and −)")).changed() {
                    let mut settings = state.settings.clone();
                    settings.zoom = zoom;
                    out.push(Command::Settings(settings));
                }
                if icon_toggle(ui, icons::TEXT_AA, "Captions in the grid  (C)", state.settings.captions).clicked() {
                    out.act(Action::ToggleCaptions);
                }
            });
        });
    });
}

/// An order in the words of the menu.
fn sort_label(by: SortBy) -> &'static str {
    match by {
        SortBy::Dataset => "Dataset order",
        SortBy::Words => "Words of the caption",
        SortBy::Pixels => "Pixels",
        SortBy::Bytes => "File size",
        SortBy::Leaf => "Leaf",
        SortBy::Brand => "Brand",
        SortBy::Aspect => "Width to height",
        SortBy::Random(_) => "Shuffled",
    }
}

/// Why there is nothing to see, and the button that changes it.
fn nothing_ui(ui: &mut Ui, state: &State, out: &mut Commands) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() / 3.0).max(24.0));
        if state.querying() || (state.is_empty() && !state.jobs.is_empty()) {
            ui.label(faint(ui, "Looking …"));
            return;
        }
        if state.is_empty() {
            ui.label(egui::RichText::new("These datasets hold no samples yet.").heading());
            ui.add_space(space::S8);
            if ui.button(Action::ShowProblems.label()).clicked() {
                out.act(Action::ShowProblems);
            }
            return;
        }
        ui.label(egui::RichText::new("Nothing matches.").heading());
        ui.add_space(space::S4);
        ui.label(faint(
            ui,
            format!("None of {} meets all filters.", text::plural(state.len() as u64, "sample", "samples")),
        ));
        ui.add_space(space::S12);
        if ui.button(format!("{}  {}", icons::X, Action::ClearFilters.label())).clicked() {
            out.act(Action::ClearFilters);
        }
    });
}

/// Dragging over the grid selects the cells under the rectangle; at the edges the grid scrolls along.
fn rubber_band(
    ui: &mut Ui,
    state: &State,
    ground: &Response,
    cells: Rect,
    layout: &GridLayout,
    scroll: f64,
    out: &mut Commands,
) -> f64 {
    let id = ground.id.with("band");
    if ground.drag_started()
        && let Some(at) = ui.input(|input| input.pointer.press_origin())
    {
        // The start is kept in content coordinates, so that it stays where it was while scrolling.
        let start = (f64::from(at.x - cells.left()), f64::from(at.y - cells.top()) + scroll);
        ui.data_mut(|data| data.insert_temp(id, start));
    }
    let Some(start) = ui.data(|data| data.get_temp::<(f64, f64)>(id)) else {
        if ground.clicked() && !ui.input(|input| input.modifiers.any()) && !state.selection.is_empty() {
            out.act(Action::ClearSelection);
        }
        return scroll;
    };
    let mut scroll = scroll;
    if let Some(at) = ground.interact_pointer_pos() {
        let edge = 24.0;
        if at.y < cells.top() + edge || at.y > cells.bottom() - edge {
            let past = if at.y < cells.top() + edge { at.y - cells.top() - edge } else { at.y - cells.bottom() + edge };
            scroll = (scroll + f64::from(past) * 0.4).clamp(0.0, layout.rows.max_scroll());
            ui.ctx().request_repaint();
        }
        let now = (f64::from(at.x - cells.left()), f64::from(at.y - cells.top()) + scroll);
        let on_screen = |(x, y): (f64, f64)| pos2(cells.left() + x as f32, cells.top() + (y - scroll) as f32);
        let band = Rect::from_two_pos(on_screen(start), on_screen(now)).intersect(cells);
        let colors = tokens(ui);
        let painter = ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Foreground, id)).with_clip_rect(cells);
        let wash = colors.accent.gamma_multiply(0.15);
        painter.rect(band, 2, wash, Stroke::new(1.0, colors.accent), StrokeKind::Inside);
        if ground.drag_stopped() {
            ui.data_mut(|data| data.remove::<(f64, f64)>(id));
            let within = layout.within(start.0.min(now.0), start.1.min(now.1), start.0.max(now.0), start.1.max(now.1));
            let set: RoaringBitmap = within.into_iter().map(|position| state.result.order[position]).collect();
            let op = ui.input(|input| match (input.modifiers.shift, input.modifiers.command) {
                (false, false) => SetOp::Replace,
                (true, false) => SetOp::Add,
                (false, true) => SetOp::Subtract,
                (true, true) => SetOp::Intersect,
            });
            out.push(Command::Select(set.into(), op));
        }
    }
    scroll
}

fn cell_ui(
    ui: &mut Ui,
    state: &State,
    textures: &mut Textures,
    rect: Rect,
    sample: SampleId,
    pixels: f32,
    out: &mut Commands,
) {
    let sample_ref = state.population.sample_ref(sample);
    let record = state.records.get(sample_ref);
    if record.is_none() {
        textures.want_record(sample);
    }
    let response = ui.interact(rect, Id::unique(("cell", sample_ref.dataset, sample_ref.row)), Sense::click());
    let selected = state.selection.contains(sample.0);
    response.widget_info(|| {
        let label =
            record.map_or_else(|| format!("Sample {}", sample.0), |record| inspector::headline(record).to_owned());
        WidgetInfo::selected(Role::ListItem, true, selected, label)
    });
    let colors = tokens(ui);
    let painter = ui.painter();
    let rounding = CornerRadius::same(radius::CONTROL);
    painter.rect_filled(rect, rounding, colors.panel);
    let bits = state.population.columns.flags[sample.index()];
    if bits & flags::HAS_IMAGE == 0 {
        text_card(ui, rect, record.map_or("", |record| card_text(record)));
    } else {
        match textures.get(sample, sample_ref, pixels) {
            Thumb::Ready(texture) => {
                let size = fit(texture.size_vec2(), rect.size(), f32::INFINITY);
                let place = Rect::from_center_size(rect.center(), size);
                egui::Image::from_texture(texture).corner_radius(rounding).paint_at(ui, place);
            }
            Thumb::Waiting => {}
            Thumb::Failed(why) => {
                let center = rect.center();
                let icon = egui::FontId::proportional((rect.width() * 0.25).clamp(16.0, 40.0));
                painter.text(center, Align2::CENTER_CENTER, icons::IMAGE_BROKEN, icon, colors.text_disabled);
                response.clone().on_hover_text(why);
            }
        }
    }
    let painter = ui.painter();
    if bits & (flags::TRUNCATED | flags::UNREADABLE | flags::TOO_LARGE) != 0 {
        let corner = rect.right_top() + vec2(-6.0, 6.0);
        painter.text(corner, Align2::RIGHT_TOP, icons::WARNING, egui::FontId::proportional(14.0), colors.warning);
    }
    if state.settings.captions {
        caption_ui(ui, state, rect, sample, record.map(|record| inspector::grid_lines(record)));
    }
    let painter = ui.painter();
    if response.hovered() {
        // Lifts brightness on dark, dims on light; moves nothing.
        painter.rect_filled(rect, rounding, colors.text.gamma_multiply(0.06));
    }
    if selected {
        painter.rect_stroke(rect, rounding, Stroke::new(2.5, colors.accent), StrokeKind::Outside);
    } else if state.focus == Some(sample) {
        painter.rect_stroke(rect, rounding, Stroke::new(1.5, colors.accent), StrokeKind::Outside);
    }
    if response.clicked() {
        let modifiers = ui.input(|input| input.modifiers);
        out.push(Command::Click { sample, shift: modifiers.shift, ctrl: modifiers.command });
        response.request_focus();
    }
    if response.double_clicked() {
        out.push(Command::Large(true));
    }
    response.context_menu(|ui| {
        if !selected {
            out.push(Command::Click { sample, shift: false, ctrl: false });
        }
        for action in [
            Action::Inspect,
            Action::TagSelection,
            Action::CopyKeys,
            Action::FilterToSelection,
            Action::ExcludeSelection,
            Action::ExportSelection,
        ] {
            if ui.button(action.label()).clicked() {
                out.act(action);
                ui.close();
            }
        }
    });
}

/// Headline, and leaf or brand below; a dot in the dataset's colour where several are open.
fn caption_ui(ui: &Ui, state: &State, rect: Rect, sample: SampleId, lines: Option<(&str, &str)>) {
    let Some((first, second)) = lines else { return };
    let colors = tokens(ui);
    let small = font(ui, TextStyle::Small);
    let mut left = rect.left() + 1.0;
    let top = rect.bottom() + 3.0;
    let painter = ui.painter();
    if state.population.datasets.len() > 1 {
        let dataset = state.population.columns.dataset_of(sample);
        painter.circle_filled(pos2(left + 3.0, top + 8.0), 3.0, theme::dataset_color(dataset.index()));
        left += 11.0;
    }
    let galley = elided(ui, first, small.clone(), colors.text, rect.right() - left, 1);
    painter.galley(pos2(left, top), galley, colors.text);
    let galley = elided(ui, second, small, colors.text_faint, rect.width() - 2.0, 1);
    painter.galley(pos2(rect.left() + 1.0, top + 15.0), galley, colors.text_faint);
}

/// Characters a text card may lay out: more than the largest card shows.
const CARD_CHARS: usize = 1500;

/// The text a sample without a picture shows on its card.
fn card_text(record: &crate::catalog::Record) -> &str {
    let fields = &record.fields;
    [&fields.caption, &fields.description, &fields.title]
        .into_iter()
        .flatten()
        .find(|text| !text.trim().is_empty())
        .map_or(record.key.as_str(), |text| text::cut(text, CARD_CHARS))
}

fn text_card(ui: &Ui, rect: Rect, text: &str) {
    let colors = tokens(ui);
    let painter = ui.painter();
    let mut shape = egui::epaint::RectShape::filled(rect, radius::CONTROL, colors.raised);
    shape.stroke = Stroke::new(1.0, colors.hairline);
    shape.stroke_kind = StrokeKind::Inside;
    painter.add(Shape::Rect(shape));
    let inner = rect.shrink(space::S8);
    let size = if rect.width() < 110.0 { 11.0 } else { theme::all().text.body };
    let rows = ((inner.height() / (size * 1.35)).floor() as usize).max(1);
    let galley = elided(ui, text, egui::FontId::proportional(size), colors.text, inner.width(), rows);
    painter.with_clip_rect(rect.intersect(ui.clip_rect())).galley(inner.min, galley, colors.text);
}
