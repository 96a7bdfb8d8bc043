//! A chart on the screen: its title and legend, and egui's plot of the same blocks and lines that the SVG has.

use egui::{Align2, Color32, Rect, RichText, Sense, Stroke, TextStyle, Ui, WidgetInfo, accesskit::Role, pos2, vec2};
use egui_plot::{AxisHints, Bar, BarChart, GridInput, GridMark, Line, Plot, PlotBounds, PlotPoints};

use super::{Paint, show};
use crate::app::panels::statistics::chart::{Chart, Marks, Tick};
use crate::views::Commands;
use crate::views::theme::{radius, space, tokens};
use crate::views::widgets::{elided, faint, font};

/// The least height of a bar of a ranking, so that its name can be read.
const BAR_HEIGHT: f32 = 15.0;

/// The chart of the page in the full width; a click on a bar filters.
pub fn chart_ui(ui: &mut Ui, paint: &Paint, height: f32, out: &mut Commands) {
    let Some(chart) = &paint.page.chart else { return };
    head_ui(ui, chart, &paint.colors);
    let height = height - 24.0;
    if chart.is_empty() {
        ui.label(faint(ui, "There is nothing to draw.").text_style(TextStyle::Small));
        return ui.add_space(space::S8);
    }
    let clicked = match &chart.marks {
        Marks::Tiles(_) => tiles_ui(ui, chart, &paint.colors, height),
        Marks::Ranked(bars) => {
            let fit = ((height - 36.0) / BAR_HEIGHT).max(3.0) as usize;
            let shown = Chart { marks: Marks::Ranked(bars.iter().take(fit).cloned().collect()), ..chart.clone() };
            plot_ui(ui, &shown, &paint.colors, height)
        }
        _ => plot_ui(ui, chart, &paint.colors, height),
    };
    if let Some(pick) = clicked.and_then(|bar| chart.bars().get(bar)).and_then(|bar| bar.pick.as_ref()) {
        show(ui, pick, out);
    }
    ui.add_space(space::S8);
}

/// Title and, with two groups, what colour is which.
fn head_ui(ui: &mut Ui, chart: &Chart, colors: &[Color32]) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(&chart.title).text_style(crate::views::theme::strong()));
        if chart.series.len() > 1 {
            ui.add_space(space::S8);
            for (name, color) in chart.series.iter().zip(colors) {
                let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
                ui.painter().rect_filled(rect, 2, *color);
                ui.label(faint(ui, name).text_style(TextStyle::Small));
            }
        }
    });
}

fn marks_of(ticks: &[Tick]) -> Vec<GridMark> {
    // One step size: all lines are equally thin.
    ticks.iter().map(|tick| GridMark { value: tick.at, step_size: 1e9 }).collect()
}

fn label_of(ticks: &[Tick], mark: GridMark) -> String {
    let near = |tick: &&Tick| (tick.at - mark.value).abs() < 1e-9;
    ticks.iter().find(near).map_or(String::new(), |tick| tick.label.clone())
}

/// Bars and lines. Returns the bar that was clicked.
fn plot_ui(ui: &mut Ui, chart: &Chart, colors: &[Color32], height: f32) -> Option<usize> {
    let tokens = tokens(ui);
    let ranked = matches!(chart.marks, Marks::Ranked(_));
    let width = ui.available_width();
    let [x, y] = chart.bounds();
    let x_ticks = chart.x_ticks((width / 90.0) as usize);
    let y_ticks = chart.y_ticks((height / 40.0) as usize);
    let (x_marks, y_marks) = (marks_of(&x_ticks), marks_of(&y_ticks));
    let small = font(ui, TextStyle::Small);
    let spacing = egui::Rangef::new(2.0, 4.0);
    let x_axis = AxisHints::new_x()
        .formatter({
            let x_ticks = x_ticks.clone();
            // A figure at the very edge would be cut.
            let last = x[1] - (x[1] - x[0]) * 0.025;
            move |mark, _| if mark.value > last { String::new() } else { label_of(&x_ticks, mark) }
        })
        .label(RichText::new(&chart.x.label).text_style(TextStyle::Small).color(tokens.text_faint))
        .label_spacing(spacing)
        .tick_label_color(tokens.text_faint)
        .tick_label_font(small.clone());
    let names = if ranked { tokens.text } else { tokens.text_faint };
    let longest =
        y_ticks.iter().map(|tick| ui.painter().layout_no_wrap(tick.label.clone(), small.clone(), names).size().x);
    let thickness = longest.fold(24.0, f32::max).min(width / 3.0) + space::S8;
    let mut y_axis = AxisHints::new_y()
        .formatter({
            let y_ticks = y_ticks.clone();
            move |mark, _| label_of(&y_ticks, mark)
        })
        .label_spacing(spacing)
        .min_thickness(thickness)
        .tick_label_color(names)
        .tick_label_font(small);
    if !ranked {
        y_axis = y_axis.label(RichText::new(&chart.y.label).text_style(TextStyle::Small).color(tokens.text_faint));
    }
    let plot = Plot::new(("chart", &chart.title))
        .height(height)
        .width(width)
        .custom_x_axes(vec![x_axis])
        .custom_y_axes(vec![y_axis])
        .x_grid_spacer(move |_: GridInput| x_marks.clone())
        .y_grid_spacer(move |_: GridInput| y_marks.clone())
        .grid_color(tokens.hairline)
        .grid_fade(0.0)
        .show_grid([true, !ranked])
        .show_background(false)
        .show_crosshair(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        .allow_double_click_reset(false)
        .set_margin_fraction(vec2(0.0, 0.0))
        .sense(Sense::click())
        .label_formatter(|_| None);
    let shown = plot.show(ui, |plot| {
        plot.set_plot_bounds(PlotBounds::from_min_max([x[0], y[0]], [x[1], y[1]]));
        for series in (0..chart.series.len()).rev() {
            let color = colors.get(series).copied().unwrap_or(tokens.accent);
            let bars = chart.blocks().into_iter().filter(|block| block.series == series).map(|block| {
                let (along, across) = if ranked { (block.x, block.y) } else { (block.y, block.x) };
                Bar::new(f64::midpoint(across[0], across[1]), along[1] - along[0])
                    .base_offset(along[0])
                    .width(across[1] - across[0])
                    .fill(color)
                    .stroke(Stroke::NONE)
            });
            let bars: Vec<Bar> = bars.collect();
            if !bars.is_empty() {
                let bars = BarChart::new(format!("bars {series}"), bars).allow_hover(false);
                plot.bar_chart(if ranked { bars.horizontal() } else { bars.vertical() });
            }
        }
        for (series, points) in chart.lines().into_iter().enumerate().rev() {
            let color = colors.get(series).copied().unwrap_or(tokens.accent);
            plot.line(
                Line::new(format!("line {series}"), PlotPoints::from(points))
                    .color(color)
                    .width(1.8)
                    .allow_hover(false),
            );
        }
    });
    let response = shown.response;
    let name = format!("Chart: {}", chart.title);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
    let at = response.hover_pos()?;
    let place = shown.transform.value_from_position(at);
    let Some(bar) = chart.bar_at(place.x, place.y) else {
        if let Some(text) = line_at(chart, place.x) {
            response.on_hover_text_at_pointer(text);
        }
        return None;
    };
    let clicked = response.clicked();
    let can = chart.bars()[bar].pick.is_some();
    let response = response.on_hover_text_at_pointer(chart.say(&chart.bars()[bar]));
    if can {
        response.on_hover_cursor(egui::CursorIcon::PointingHand);
    }
    clicked.then_some(bar)
}

/// The points of the lines nearest to a place on the x axis, in words.
fn line_at(chart: &Chart, x: f64) -> Option<String> {
    let Marks::Lines(lines) = &chart.marks else { return None };
    let mut text = Vec::new();
    for (name, line) in chart.series.iter().zip(lines) {
        let far = |point: &[f64; 2]| chart.x.place(point[0]).map_or(f64::INFINITY, |at| (at - x).abs());
        if let Some([at, value]) = line.iter().min_by(|a, b| far(a).total_cmp(&far(b))) {
            text.push(format!(
                "{name}: {} {}, {} {}",
                chart.x.label,
                chart.x.say(*at),
                chart.y.say(value.round()),
                chart.y.label
            ));
        }
    }
    (!text.is_empty()).then(|| text.join("\n"))
}

/// A treemap; every tile is a button.
fn tiles_ui(ui: &mut Ui, chart: &Chart, colors: &[Color32], height: f32) -> Option<usize> {
    let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Chart: {}", chart.title)));
    let tokens = tokens(ui);
    let fill = tokens.window.lerp_to_gamma(*colors.first()?, 0.26);
    let bright = tokens.window.lerp_to_gamma(*colors.first()?, 0.4);
    let small = font(ui, TextStyle::Small);
    let mut clicked = None;
    for (i, (bar, [x, y, w, h])) in
        chart.bars().iter().zip(chart.tiles(area.width().into(), area.height().into())).enumerate()
    {
        // Below this a tile is a speck; the table has it.
        if w < 3.0 || h < 3.0 {
            continue;
        }
        let rect = Rect::from_min_size(area.min + vec2(x as f32, y as f32), vec2(w as f32, h as f32)).shrink(0.75);
        let id = ui.scope_id().with(("tile", i));
        let tile = ui.interact(rect, id, Sense::click());
        tile.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Tile {}", bar.label)));
        let ground = if tile.hovered() { bright } else { fill };
        ui.painter().rect_filled(rect, radius::CONTROL.min((rect.width().min(rect.height()) / 3.0) as u8), ground);
        if rect.width() > 36.0 && rect.height() > 17.0 {
            let name = elided(ui, &bar.label, small.clone(), tokens.text_strong, rect.width() - 8.0, 1);
            ui.painter().galley(rect.min + vec2(4.0, 2.0), name, tokens.text_strong);
            if rect.height() > 34.0 && rect.width() > 56.0 {
                let value = chart.y.say(bar.values.last().copied().unwrap_or(0.0));
                let at = pos2(rect.left() + 4.0, rect.top() + 17.0);
                ui.painter().text(at, Align2::LEFT_TOP, value, small.clone(), tokens.text);
            }
        }
        if tile.on_hover_text(chart.say(bar)).clicked() {
            clicked = Some(i);
        }
    }
    clicked
}
