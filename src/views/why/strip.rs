//! The strip above: page, rows, how maps are shown, export.

use egui::{Button, DragValue, RichText, Slider, Ui, WidgetInfo, accesskit::Role};

use super::{WhyFrame, add, export};
use crate::app::panels::text;
use crate::app::why::{Mode, Page, ScaleBy, Scope, WhyCommand, WhyView, rows};
use crate::app::{Command, State};
use crate::base::SampleId;
use crate::views::theme::{self, space, tokens};
use crate::views::widgets::{faint, icon_button, icon_toggle, tab_button};
use crate::views::{Commands, icons};

/// The whole strip.
pub(super) fn strip_ui(ui: &mut Ui, state: &State, frame: &mut WhyFrame, out: &mut Commands) {
    let mut view = state.why.view.clone();
    egui::Frame::new().fill(tokens(ui).window).inner_margin(egui::Margin::symmetric(8, 4)).show(ui, |ui| {
        ui.horizontal(|ui| {
            for (page, label) in [(Page::Matrix, "Matrix"), (Page::Local, "How local?")] {
                if tab_button(ui, label, view.page == page).clicked() {
                    view.page = page;
                }
            }
            ui.add_space(space::S8);
            scope_ui(ui, state, &mut view);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                export::export_ui(ui, state, frame, &mut view, out);
                let button = Button::new(RichText::new(icons::PLUS).size(16.0)).frame_when_inactive(false);
                add::menu_ui(
                    ui,
                    state,
                    frame,
                    button,
                    ("Add a model", "Add a column for another model"),
                    &mut |path| {
                        out.push(Command::Why(WhyCommand::AddModel(path)));
                    },
                );
                if view.page == Page::Matrix {
                    size_ui(ui, frame.side, &mut view);
                }
                count_ui(ui, state);
            });
        });
        if view.page == Page::Matrix {
            ui.horizontal(|ui| matrix_tools_ui(ui, state, &mut view));
        }
    });
    if view != state.why.view {
        out.push(Command::Why(WhyCommand::View(Box::new(view))));
    }
}

/// Which rows.
fn scope_ui(ui: &mut Ui, state: &State, view: &mut WhyView) {
    let shown = match &view.scope {
        Scope::Auto if rows::by_selection(state) => "Selection".to_owned(),
        Scope::Auto | Scope::Matching => "What matches".to_owned(),
        Scope::Leaf(leaf) => leaf.clone(),
    };
    egui::ComboBox::from_id_salt("why rows")
        .selected_text(shown)
        .width(130.0)
        .truncate()
        .show_ui(ui, |ui| {
            ui.selectable_value(&mut view.scope, Scope::Auto, "Selection, else what matches");
            ui.selectable_value(&mut view.scope, Scope::Matching, "What matches");
            let columns = &state.population.columns;
            let focused = state.focus.and_then(|focus| columns.leaf_name(focus)).map(str::to_owned);
            if let Some(leaf) = focused {
                ui.separator();
                ui.label(faint(ui, "The focused picture's leaf"));
                let of = Scope::Leaf(leaf.clone());
                ui.selectable_value(&mut view.scope, of, leaf);
            }
            ui.separator();
            ui.label(faint(ui, "All of a leaf"));
            for leaf in columns.leaves.iter().take(200) {
                ui.selectable_value(&mut view.scope, Scope::Leaf(leaf.to_string()), &**leaf);
            }
        })
        .response
        .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Rows"));
}

/// How many rows there are; what runs the models under the pointer.
fn count_ui(ui: &mut Ui, state: &State) {
    let count = text::plural(state.why.rows.samples.len() as u64, "picture", "pictures");
    let small = faint(ui, count).size(theme::all().text.small);
    let response = ui.add(egui::Label::new(small).truncate());
    if let Some(facts) = state.why.models.values().find_map(|found| found.as_ref().ok()) {
        response.on_hover_text(format!("Maps are made by {}", facts.runtime));
    }
}

/// How maps are shown, and in which order.
fn matrix_tools_ui(ui: &mut Ui, state: &State, view: &mut WhyView) {
    for mode in Mode::ALL {
        if tab_button(ui, mode.label(), view.mode == mode).clicked() {
            view.mode = mode;
        }
    }
    ui.spacing_mut().slider_width = 70.0;
    if matches!(view.mode, Mode::Overlay | Mode::Signed) {
        let opacity = view.opacity;
        let slider = ui.add(Slider::new(&mut view.opacity, 0.0..=1.0).show_value(false));
        slider.widget_info(|| WidgetInfo::slider(true, f64::from(opacity), "Opacity"));
        slider.on_hover_text(format!("Opacity: {:.0} %", opacity * 100.0));
    }
    if view.mode != Mode::Contour {
        egui::ComboBox::from_id_salt("why scale")
            .selected_text(view.scale.label())
            .width(150.0)
            .show_ui(ui, |ui| {
                for scale in ScaleBy::ALL {
                    ui.selectable_value(&mut view.scale, scale, scale.label());
                }
            })
            .response
            .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "What the brightest colour stands for"));
    }
    let several = state.why.recipes().len() > 1;
    // Whatever is on can be put off.
    let offered = several || view.sorted;
    if offered && icon_toggle(ui, icons::SORT_DESCENDING, "Sort by disagreement of the columns", view.sorted).clicked()
    {
        view.sorted = !view.sorted;
    }
    if view.sorted {
        let rows = ui.add(DragValue::new(&mut view.sort_rows).range(2..=2000).speed(1.0).suffix(" rows"));
        rows.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Rows that are sorted"));
        rows.on_hover_text("So many rows from the top are compared and sorted");
        if !state.why.rows.sorted && several {
            let (done, all) = sorted(state);
            ui.label(faint(ui, format!("comparing {done} of {all}")).size(theme::all().text.small));
        }
    }
}

/// How large cells are.
fn size_ui(ui: &mut Ui, shown: f32, view: &mut WhyView) {
    ui.spacing_mut().slider_width = 70.0;
    let mut side = view.side.unwrap_or(shown).clamp(WhyView::SIDES.0, WhyView::SIDES.1);
    let slider = Slider::new(&mut side, WhyView::SIDES.0..=WhyView::SIDES.1).show_value(false).logarithmic(true);
    let response = ui.add(slider);
    response.widget_info(|| WidgetInfo::slider(true, f64::from(side), "Cell size"));
    if response.on_hover_text(format!("Cell size: {side:.0} px")).changed() {
        view.side = Some(side);
    }
    if view.side.is_some() && icon_button(ui, icons::FRAME_CORNERS, "Fit the columns into the window", true).clicked() {
        view.side = None;
    }
}

/// Rows whose maps are all there, of those that shall be sorted.
fn sorted(state: &State) -> (usize, usize) {
    let why = &state.why;
    let count = why.view.sort_rows.min(why.rows.samples.len());
    let recipes: Vec<_> = why.recipes().into_iter().filter(|recipe| why.is_usable(recipe)).collect();
    let is_there = |id: &&u32| {
        let sample = state.population.sample_ref(SampleId(**id));
        recipes.iter().all(|recipe| why.cell(recipe, sample).is_some())
    };
    (why.rows.samples[..count].iter().filter(is_there).count(), count)
}
