//! The command palette: actions, taxonomy nodes, brands, saved views, and any filter expression.

use egui::{Align2, Area, Context, Id, Key, Modal, RichText, ScrollArea, WidgetInfo, accesskit::Role, vec2};

use crate::app::chips::Facet;
use crate::app::state::{Dialog, State};
use crate::app::{Action, Command};
use crate::catalog::filter::{self, Expr};
use crate::views::theme::{self, radius, space, tokens};
use crate::views::widgets::{faint, field};
use crate::views::{Commands, icons};

/// Rows at most.
const MOST: usize = 40;

/// A row: what it says, a faint note, and what it does.
struct Entry {
    icon: &'static str,
    text: String,
    note: String,
    command: Command,
}

/// The rows for what was typed.
fn entries(state: &State, typed: &str) -> Vec<Entry> {
    let needle = typed.trim().to_lowercase();
    let mut rows = Vec::new();
    let matches = |text: &str| needle.is_empty() || text.to_lowercase().contains(&needle);
    for action in Action::ALL {
        if action != Action::OpenPalette && action.enabled(state) && matches(action.label()) {
            let note = action.shortcuts().first().map(|keys| keys.label()).unwrap_or_default();
            rows.push(Entry {
                icon: icons::COMMAND,
                text: action.label().to_owned(),
                note,
                command: Command::Act(action),
            });
        }
    }
    for view in state.views.iter().filter(|view| matches(&view.name)) {
        let command = Command::ApplyView(view.name.clone());
        rows.push(Entry {
            icon: icons::BOOKMARK_SIMPLE,
            text: view.name.clone(),
            note: "saved view".to_owned(),
            command,
        });
    }
    if needle.is_empty() {
        return rows;
    }
    let columns = &state.population.columns;
    for (i, node) in columns.taxonomy.nodes.iter().enumerate() {
        if rows.len() >= MOST {
            break;
        }
        if matches(&node.name) {
            let path = columns.taxonomy.path(i as u32);
            let expr = Expr::under(&path);
            let note = path[..path.len() - 1].join(" > ");
            let command = Command::Toggle { facet: Facet::Taxonomy, expr, add: false };
            rows.push(Entry { icon: icons::TREE_STRUCTURE, text: node.name.to_string(), note, command });
        }
    }
    for brand in columns.brands.iter().filter(|brand| matches(brand)).take(MOST.saturating_sub(rows.len())) {
        let command = Command::Toggle { facet: Facet::Brand, expr: Expr::brand(&**brand), add: false };
        rows.push(Entry { icon: icons::TAG, text: brand.to_string(), note: "brand".to_owned(), command });
    }
    if !state.is_empty() && filter::parse(typed.trim()).is_ok() {
        let command = Command::FilterText(typed.trim().to_owned());
        rows.insert(
            0,
            Entry { icon: icons::FUNNEL, text: typed.trim().to_owned(), note: "filter".to_owned(), command },
        );
    }
    rows
}

/// Draws the palette.
pub fn palette_ui(ctx: &Context, state: &State, typed: &str, row: usize, out: &mut Commands) {
    let colors = theme::colors_of(ctx.theme() == egui::Theme::Dark);
    let id = Id::unique("palette");
    let area = Area::new(id).anchor(Align2::CENTER_TOP, vec2(0.0, 72.0)).order(egui::Order::Foreground);
    let frame = egui::Frame::new()
        .fill(colors.panel)
        .stroke(egui::Stroke::new(1.0, colors.hairline))
        .corner_radius(radius::CARD)
        .inner_margin(egui::Margin::same(8))
        .shadow(egui::Shadow {
            offset: [0, 8],
            blur: 32,
            spread: 0,
            color: egui::Color32::from_black_alpha(colors.shadow),
        });
    let modal = Modal::new(id).area(area).frame(frame).backdrop_color(egui::Color32::from_black_alpha(60));
    let rows = entries(state, typed);
    let row = row.min(rows.len().saturating_sub(1));
    let (down, up, enter) = ctx.input(|input| {
        (input.key_pressed(Key::ArrowDown), input.key_pressed(Key::ArrowUp), input.key_pressed(Key::Enter))
    });
    let response = modal.show(ctx, |ui| {
        ui.set_width(560.0_f32.min(ctx.content_rect().width() - 48.0));
        let mut text = typed.to_owned();
        let hint = "A command, a leaf, a brand, or a filter such as  words >= 20";
        let response = field(ui, &mut text, "Command palette", hint, ui.available_width());
        super::focus_at_start(ui, &response);
        ui.add_space(space::S4);
        let mut chosen = None;
        ScrollArea::vertical().max_height(380.0).auto_shrink([false, true]).show(ui, |ui| {
            if rows.is_empty() {
                ui.label(faint(ui, "Nothing is called that."));
            }
            for (i, entry) in rows.iter().enumerate() {
                let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 26.0), egui::Sense::click());
                response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, i == row, &entry.text));
                let colors = tokens(ui);
                if i == row || response.hovered() {
                    let fill = if i == row { colors.selection } else { colors.hover };
                    ui.painter().rect_filled(rect, radius::CONTROL, fill);
                }
                let left = rect.left_center() + vec2(8.0, 0.0);
                let body = theme::all().text.body;
                let icon = egui::FontId::proportional(body + 1.0);
                ui.painter().text(left, Align2::LEFT_CENTER, entry.icon, icon, colors.text_faint);
                let text = crate::views::widgets::elided(
                    ui,
                    &entry.text,
                    egui::FontId::proportional(body),
                    colors.text,
                    rect.width() * 0.55,
                    1,
                );
                ui.painter().galley(left + vec2(24.0, -text.size().y / 2.0), text, colors.text);
                let small = egui::FontId::proportional(theme::all().text.small);
                let note =
                    crate::views::widgets::elided(ui, &entry.note, small, colors.text_faint, rect.width() * 0.35, 1);
                let place = rect.right_center() - vec2(note.size().x + 8.0, note.size().y / 2.0);
                ui.painter().galley(place, note, colors.text_faint);
                if i == row && (down || up) {
                    response.scroll_to_me(None);
                }
                if response.clicked() {
                    chosen = Some(i);
                }
            }
        });
        ui.label(RichText::new("↑ ↓ to move, Enter to do it, Esc to close").small().color(tokens(ui).text_faint));
        (text, chosen)
    });
    let should_close = response.should_close();
    let (text, mut chosen) = response.inner;
    if enter && !rows.is_empty() {
        chosen = Some(row);
    }
    if let Some(i) = chosen {
        out.push(Command::Dialog(None));
        if let Some(entry) = rows.into_iter().nth(i) {
            out.push(entry.command);
        }
    } else if should_close {
        out.push(Command::Dialog(None));
    } else {
        let moved = if down {
            (row + 1).min(rows.len().saturating_sub(1))
        } else if up {
            row.saturating_sub(1)
        } else {
            row
        };
        let row = if text == typed { moved } else { 0 };
        if text != typed || row != moved || down || up {
            out.push(Command::Dialog(Some(Dialog::Palette { text, row })));
        }
    }
}
