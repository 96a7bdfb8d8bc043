//! The middle of the window: lenses as tabs that can be dragged beside and below each other.
//!
//! `egui_tiles` does the dragging. Its tree lives here and is made anew whenever the [`Layout`] of the settings is another one than the tree
//! was made of; what the user drags goes back as a [`Command::Layout`] once the pointer is let go.

use egui::{
    Color32, Id, Response, Sense, Stroke, TextStyle, Ui, Visuals, WidgetInfo, WidgetText, accesskit::Role, vec2,
};
use egui_tiles::{
    Behavior, Container, Linear, LinearDir, SimplificationOptions, TabState, Tabs, Tile, TileId, Tree, UiResponse,
};

use super::Commands;
use super::theme::{self, radius, space};
use super::widgets::focus_ring;
use crate::app::layout::Layout;
use crate::app::state::Lens;
use crate::app::{Action, Command, State};

/// Height of a bar of tabs, points.
const BAR: f32 = 30.0;

/// The tree and what it was made of.
pub struct Tiles {
    tree: Tree<Lens>,
    layout: Option<Layout>,
}

impl Default for Tiles {
    fn default() -> Self {
        Self { tree: Tree::empty(Id::unique("lenses")), layout: None }
    }
}

impl Tiles {
    /// Paints the lenses that are seen with `paint`.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        state: &State,
        out: &mut Commands,
        paint: &mut dyn FnMut(&mut Ui, Lens, &mut Commands),
    ) {
        if self.layout.as_ref() != Some(&state.settings.layout) {
            self.tree = tree(&state.settings.layout);
            self.layout = Some(state.settings.layout.clone());
        }
        let mut behavior = Lenses { state, out, paint };
        self.tree.ui(&mut behavior, ui);
        // A drag in the middle is not worth remembering; where it ends is.
        if !ui.input(|input| input.pointer.any_down())
            && let Some(layout) = self.tree.root().and_then(|root| layout(&self.tree, root))
            && Some(&layout) != self.layout.as_ref()
        {
            self.layout = Some(layout.clone().mended());
            out.push(Command::Layout(layout));
        }
    }
}

fn tree(from: &Layout) -> Tree<Lens> {
    fn insert(tiles: &mut egui_tiles::Tiles<Lens>, layout: &Layout) -> TileId {
        match layout {
            Layout::Tabs { lenses, active } => {
                let panes: Vec<TileId> = lenses.iter().map(|lens| tiles.insert_pane(*lens)).collect();
                let mut tabs = Tabs::new(panes.clone());
                if let Some(pane) = panes.get(*active) {
                    tabs.set_active(*pane);
                }
                tiles.insert_container(tabs)
            }
            Layout::Split { down, shares, parts } => {
                let children: Vec<TileId> = parts.iter().map(|part| insert(tiles, part)).collect();
                let mut linear =
                    Linear::new(if *down { LinearDir::Vertical } else { LinearDir::Horizontal }, children.clone());
                for (child, share) in children.into_iter().zip(shares) {
                    linear.shares.set_share(child, *share);
                }
                tiles.insert_container(linear)
            }
        }
    }
    let mut tiles = egui_tiles::Tiles::default();
    let root = insert(&mut tiles, from);
    Tree::new(Id::unique("lenses"), root, tiles)
}

fn layout(tree: &Tree<Lens>, tile: TileId) -> Option<Layout> {
    match tree.tiles.get(tile)? {
        Tile::Pane(lens) => Some(Layout::Tabs { lenses: vec![*lens], active: 0 }),
        Tile::Container(Container::Tabs(tabs)) => {
            let panes: Vec<(TileId, Lens)> =
                tabs.children.iter().filter_map(|child| Some((*child, *tree.tiles.get_pane(child)?))).collect();
            let active = panes.iter().position(|(child, _)| Some(*child) == tabs.active).unwrap_or(0);
            Some(Layout::Tabs { lenses: panes.into_iter().map(|(_, lens)| lens).collect(), active })
        }
        Tile::Container(Container::Linear(linear)) => Some(Layout::Split {
            down: linear.dir == LinearDir::Vertical,
            shares: linear
                .children
                .iter()
                .map(|child| linear.shares.iter().find(|(id, _)| *id == child).map_or(1.0, |(_, share)| *share))
                .collect(),
            parts: linear.children.iter().filter_map(|child| layout(tree, *child)).collect(),
        }),
        // Nothing offers a grid of tiles; one that egui_tiles makes by itself becomes rows.
        Tile::Container(Container::Grid(grid)) => {
            let parts: Vec<Layout> = grid.children().filter_map(|child| layout(tree, *child)).collect();
            Some(Layout::Split { down: true, shares: vec![1.0; parts.len()], parts })
        }
    }
}

/// What a lens is called and what brings it to the front.
fn action(lens: Lens) -> Action {
    match lens {
        Lens::Grid => Action::ShowGrid,
        Lens::Map => Action::ShowMap,
        Lens::Statistics => Action::ShowStatistics,
        Lens::Why => Action::ShowWhy,
        Lens::Compare => Action::ShowCompare,
    }
}

struct Lenses<'a> {
    state: &'a State,
    out: &'a mut Commands,
    paint: &'a mut dyn FnMut(&mut Ui, Lens, &mut Commands),
}

impl Behavior<Lens> for Lenses<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, lens: &mut Lens) -> UiResponse {
        let rect = ui.max_rect();
        ui.painter().rect_filled(rect, 0, theme::tokens(ui).window);
        (self.paint)(ui, *lens, self.out);
        let pressed = ui.input(|input| input.pointer.any_pressed().then(|| input.pointer.press_origin()).flatten());
        let is_free = self.state.dialog.is_none();
        if is_free && self.state.lens != *lens && pressed.is_some_and(|at| rect.contains(at)) {
            self.out.push(Command::Lens(*lens));
        }
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, lens: &Lens) -> WidgetText {
        action(*lens).label().into()
    }

    fn tab_ui(
        &mut self,
        tiles: &mut egui_tiles::Tiles<Lens>,
        ui: &mut Ui,
        id: Id,
        tile: TileId,
        state: &TabState,
    ) -> Response {
        let Some(lens) = tiles.get_pane(&tile).copied() else {
            return ui.allocate_response(vec2(1.0, 1.0), Sense::hover());
        };
        let label = action(lens).label();
        let colors = theme::tokens(ui);
        let font = TextStyle::Button.resolve(ui.style());
        let color = if state.active { colors.text_strong } else { colors.text_faint };
        let galley = ui.painter().layout_no_wrap(label.to_owned(), font, color);
        let (_, rect) = ui.allocate_space(vec2(galley.size().x + 2.0 * space::S12, ui.available_height()));
        let response = ui.interact(rect, id, Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::selected(Role::Tab, true, state.active, label));
        if ui.is_rect_visible(rect) && !state.is_being_dragged {
            let ground = rect.shrink2(vec2(2.0, 4.0));
            if state.active {
                ui.painter().rect_filled(ground, radius::CONTROL, colors.selection);
            } else if response.hovered() {
                ui.painter().rect_filled(ground, radius::CONTROL, colors.hover);
            }
            ui.painter().galley(rect.center() - galley.size() / 2.0, galley, color);
            focus_ring(ui, &response);
        }
        if response.clicked() && self.state.lens != lens {
            self.out.push(Command::Lens(lens));
        }
        let keys = action(lens).shortcuts().first().map_or(String::new(), |keys| keys.label());
        response.on_hover_text(format!("{label}  ({keys})\nDrag it to stand beside or below the others"))
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        BAR
    }

    fn tab_bar_color(&self, visuals: &Visuals) -> Color32 {
        theme::colors_of(visuals.dark_mode).panel
    }

    fn tab_bar_hline_stroke(&self, visuals: &Visuals) -> Stroke {
        Stroke::new(1.0, theme::colors_of(visuals.dark_mode).hairline)
    }

    fn drag_preview_color(&self, visuals: &Visuals) -> Color32 {
        visuals.selection.stroke.color.gamma_multiply(0.15)
    }

    fn resize_stroke(&self, style: &egui::Style, state: egui_tiles::ResizeState) -> Stroke {
        let colors = theme::colors_of(style.visuals.dark_mode);
        match state {
            egui_tiles::ResizeState::Idle => Stroke::new(1.0, colors.hairline),
            egui_tiles::ResizeState::Hovering => Stroke::new(1.0, colors.outline),
            egui_tiles::ResizeState::Dragging => Stroke::new(1.0, colors.accent),
        }
    }

    fn min_size(&self) -> f32 {
        180.0
    }

    /// Ctrl+Tab belongs to the keyboard's focus.
    fn cycle_tabs_with_keyboard(&self) -> bool {
        false
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }
}
