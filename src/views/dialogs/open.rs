//! The open dialog: a path (typed, chosen, dropped), what is there, which column is which field.

use std::path::PathBuf;

use egui::{Context, RichText, ScrollArea, Ui, WidgetInfo, accesskit::Role};

use super::{focus_at_start, primary};
use crate::app::Command;
use crate::app::state::{Dialog, OpenDialog};
use crate::base::dirs::expand_home;
use crate::formats::{Field, FieldMap};
use crate::jobs::FoundSource;
use crate::views::theme::{self, space, tokens};
use crate::views::widgets::{faint, field};
use crate::views::{Commands, icons};

/// Opens the system's dialog. Where there is no portal it answers nothing at once; the path field of
/// the open dialog is always there for that.
pub fn pick(_ctx: &Context, folder: bool, out: &mut Commands) {
    let dialog = rfd::FileDialog::new();
    let chosen = if folder { dialog.pick_folder().map(|path| vec![path]) } else { dialog.pick_files() };
    match chosen {
        Some(paths) if paths.len() == 1 => out.push(Command::Look(paths[0].display().to_string())),
        Some(paths) => out.push(Command::Open(paths, FieldMap::default())),
        None => out.push(Command::Dialog(Some(Dialog::Open(OpenDialog::default())))),
    }
}

/// The body of the dialog.
pub fn open_ui(ui: &mut Ui, dialog: &OpenDialog, out: &mut Commands) {
    ui.label(faint(ui, "A folder of shards or images, or a single tar, parquet, JSONL, CSV, TSV or COCO JSON file."));
    ui.add_space(space::S8);
    let mut typed = dialog.path.clone();
    ui.horizontal(|ui| {
        let width = ui.available_width() - 190.0;
        let response = field(ui, &mut typed, "Path", "/data/shards or ~/images", width);
        focus_at_start(ui, &response);
        if ui.button(format!("{}  Folder", icons::FOLDER)).clicked() {
            pick(ui.ctx(), true, out);
        }
        if ui.button(format!("{}  Files", icons::FILES)).clicked() {
            pick(ui.ctx(), false, out);
        }
    });
    if typed != dialog.path {
        out.push(Command::Look(typed));
        return;
    }
    ui.add_space(space::S12);
    let mut ready = false;
    match &dialog.found {
        None if dialog.looking => {
            ui.label(faint(ui, "Looking …"));
        }
        None => {}
        Some(Err(error)) => {
            ui.horizontal_wrapped(|ui| {
                ui.label(RichText::new(icons::WARNING).color(tokens(ui).warning));
                ui.label(error);
            });
        }
        Some(Ok(found)) => {
            ready = !found.is_empty();
            ScrollArea::vertical().max_height(380.0).show(ui, |ui| {
                for source in found {
                    source_ui(ui, dialog, source, found.len() == 1, out);
                }
            });
        }
    }
    ui.add_space(space::S12);
    ui.horizontal(|ui| {
        let entered = ready && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if ui.add_enabled(ready, primary(ui, "Open")).clicked() || entered {
            out.push(Command::Open(vec![expand_home(&dialog.path)], dialog.map.clone()));
        }
        if ui.button("Cancel").clicked() {
            out.push(Command::Dialog(None));
        }
    });
}

fn source_ui(ui: &mut Ui, dialog: &OpenDialog, source: &FoundSource, alone: bool, out: &mut Commands) {
    ui.label(RichText::new(format!("{}  {}", icons::DATABASE, source.summary)).text_style(theme::strong()));
    if !alone || source.columns.is_empty() {
        ui.add_space(space::S4);
        return;
    }
    ui.add_space(space::S8);
    ui.label(faint(ui, "Which column is which field; change what was guessed wrong."));
    ui.add_space(space::S4);
    egui::Grid::new("field map").num_columns(3).spacing([16.0, 4.0]).show(ui, |ui| {
        for field in Field::ALL {
            let guess = source.guess.iter().find(|(other, _)| *other == field).map(|(_, column)| column.as_str());
            let chosen = dialog.map.0.get(&field).map(String::as_str);
            ui.label(field.as_str());
            let text = match (chosen, guess) {
                (Some(column), _) => column.to_owned(),
                (None, Some(column)) => format!("{column}  (guessed)"),
                (None, None) => "—".to_owned(),
            };
            let mut picked: Option<Option<String>> = None;
            let combo =
                egui::ComboBox::from_id_salt(field.as_str()).selected_text(text).width(220.0).show_ui(ui, |ui| {
                    if ui.selectable_label(chosen.is_none(), "as guessed").clicked() {
                        picked = Some(None);
                    }
                    for (column, _) in &source.columns {
                        if ui.selectable_label(chosen == Some(column), column).clicked() {
                            picked = Some(Some(column.clone()));
                        }
                    }
                });
            combo
                .response
                .widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, format!("Column of {}", field.as_str())));
            let column = chosen.or(guess);
            let example =
                source.columns.iter().find(|(name, _)| Some(name.as_str()) == column).map_or("", |(_, text)| text);
            let cut: String = example.chars().take(48).collect();
            ui.label(faint(ui, cut));
            ui.end_row();
            if let Some(column) = picked {
                let mut changed = dialog.clone();
                match column {
                    Some(column) => changed.map.0.insert(field, column),
                    None => changed.map.0.remove(&field),
                };
                out.push(Command::Dialog(Some(Dialog::Open(changed))));
            }
        }
    });
}

/// The file the system's save dialog gives, if there is such a dialog.
#[must_use]
pub fn save_file(name: &str) -> Option<PathBuf> {
    rfd::FileDialog::new().set_file_name(name).save_file()
}
