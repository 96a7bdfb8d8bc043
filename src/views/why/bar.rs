//! The one colour bar of the matrix: which colour stands for how much.

use egui::{Align2, Color32, Rect, TextStyle, Ui, WidgetInfo, accesskit::Role, pos2, vec2};

use crate::analysis::cam::colour::{diverging, inferno};
use crate::app::State;
use crate::app::why::{Mode, Of, ScaleBy};
use crate::views::theme::{space, tokens};
use crate::views::widgets::{elided, font};

/// Width of the bar, points.
const WIDTH: f32 = 150.0;
/// Width of the bar of differences, points.
const DIFFERENCE: f32 = 90.0;

/// A number as the bar says it: three digits that matter.
#[must_use]
pub(super) fn number(value: f32) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if (0.01..1000.0).contains(&size) {
        let digits = (2 - size.log10().floor() as i32).clamp(0, 4) as usize;
        format!("{value:.digits$}").replace('-', "−")
    } else {
        format!("{value:.1e}").replace('-', "−")
    }
}

/// What stands at the ends of the bar, and what they mean.
pub(super) fn legend(state: &State) -> (String, String, String) {
    let why = &state.why;
    let signed = why.view.mode == Mode::Signed;
    let recipes = why.recipes();
    let (least, most, text) = match why.view.scale {
        ScaleBy::Shared => {
            let scale = recipes.first().map_or(0.0, |recipe| why.scale(recipe, None, signed));
            let text = "largest of all maps seen so far".to_owned();
            (if signed { number(-scale) } else { "0".to_owned() }, number(scale), text)
        }
        ScaleBy::Model => {
            let mut said: Vec<String> = Vec::new();
            for recipe in &recipes {
                let text = format!("{} {}", why.model_name(&recipe.model), number(why.scale(recipe, None, signed)));
                if !said.contains(&text) {
                    said.push(text);
                }
            }
            let text = format!("of the largest of each model:  {}", said.join(",  "));
            (if signed { "−1".to_owned() } else { "0".to_owned() }, "1".to_owned(), text)
        }
        ScaleBy::Image => {
            let text = "of the largest of each map: not to be compared between cells".to_owned();
            (if signed { "−1".to_owned() } else { "0".to_owned() }, "1".to_owned(), text)
        }
    };
    (least, most, text)
}

/// The line below the matrix, with a way out where a model is hardly seen.
pub(super) fn caption_ui(ui: &mut Ui, state: &State) {
    let rect = ui.max_rect();
    let why = &state.why;
    let hint = why.faint(why.view.mode == Mode::Signed).map(|(model, value)| {
        let (name, way) = (why.model_name(&model), ScaleBy::Model.label());
        format!("{name} reaches {}: choose \"{way}\";  ", number(value))
    });
    bar_ui(ui, state, rect, &hint.unwrap_or_default());
}

/// The bar in a line; `hint` goes before what it means, so that it is not what narrow windows leave out.
pub(super) fn bar_ui(ui: &mut Ui, state: &State, rect: Rect, hint: &str) {
    let colors = tokens(ui);
    let small = font(ui, TextStyle::Small);
    let y = rect.center().y;
    let mut x = rect.left() + space::S12;
    let mode = state.why.view.mode;
    let (least, most, mut text) = legend(state);
    text.insert_str(0, hint);
    let label = |ui: &Ui, x: f32, text: &str, color: Color32| {
        ui.painter().text(pos2(x, y), Align2::LEFT_CENTER, text, small.clone(), color).right()
    };
    let ramp = |ui: &Ui, x: f32, width: f32, signed: bool| {
        let bar = Rect::from_min_size(pos2(x, y - 5.0), vec2(width, 10.0));
        let steps = 64;
        for step in 0..steps {
            let share = (step as f32 + 0.5) / steps as f32;
            let [r, g, b] = if signed { diverging(share * 2.0 - 1.0) } else { inferno(share) };
            let part = Rect::from_min_max(
                pos2(bar.left() + width * step as f32 / steps as f32, bar.top()),
                pos2(bar.left() + width * (step + 1) as f32 / steps as f32 + 0.5, bar.bottom()),
            );
            ui.painter().rect_filled(part, 0, Color32::from_rgb(r, g, b));
        }
        ui.painter().rect_stroke(bar, 0, egui::Stroke::new(1.0, colors.outline), egui::StrokeKind::Outside);
        bar.right()
    };
    let mut said = String::new();
    let has_difference = state.why.columns.iter().any(|column| matches!(column.of, Of::Difference(..)));
    let (second, first) = ("second", "first; −1 to 1 of the scale");
    let wide = |text: &str| ui.painter().layout_no_wrap(text.to_owned(), small.clone(), colors.text).size().x;
    let beside = wide(second) + wide(first) + DIFFERENCE + 2.0 * space::S8 + space::S16;
    if mode == Mode::Contour {
        let text = "the line encloses the fifth of the picture where the map is highest";
        x = label(ui, x, text, colors.text_faint) + space::S16;
        said.push_str(text);
    } else {
        let signed = mode == Mode::Signed;
        x = label(ui, x, &least, colors.text) + space::S8;
        x = ramp(ui, x, WIDTH, signed) + space::S8;
        x = label(ui, x, &most, colors.text) + space::S8;
        let room = rect.right() - x - space::S12;
        let room = if has_difference { room - beside } else { room };
        let galley = elided(ui, &text, small.clone(), colors.text_faint, room.max(40.0), 1);
        let width = galley.size().x;
        ui.painter().galley(pos2(x, y - galley.size().y / 2.0), galley, colors.text_faint);
        x += width + space::S16;
        said = format!("{least} to {most}, {text}");
    }
    if has_difference {
        x = label(ui, x, second, colors.text_faint) + space::S8;
        x = ramp(ui, x, DIFFERENCE, true) + space::S8;
        label(ui, x, first, colors.text_faint);
        said.push_str("; differences −1 to 1 of the scale");
    }
    let response = ui.interact(rect, ui.scope_id().with("colour bar"), egui::Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("Colour bar: {said}")));
    response.on_hover_text(said);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in
            [(0.0, "0"), (12.345, "12.3"), (-0.5, "−0.500"), (456.7, "457"), (0.0123, "0.0123"), (1.0e-5, "1.0e−5")]
        {
            assert_eq!(number(value), text);
        }
    }
}
