//! Version, licence, and where files live.

use egui::Ui;

use crate::base::dirs;
use crate::views::Commands;
use crate::views::theme::space;
use crate::views::widgets::faint;

/// The body of the dialog.
pub fn about_ui(ui: &mut Ui, _out: &mut Commands) {
    ui.label(format!("Shopscope {}, an explorer for image-text datasets.", env!("CARGO_PKG_VERSION")));
    ui.label(faint(ui, "MIT or Apache-2.0, at your choice."));
    ui.add_space(space::S12);
    ui.label("Nothing is ever written into a dataset's folder. Files of the program:");
    for (what, path) in [("Catalogs, demo, copies", dirs::cache_dir()), ("Settings", dirs::config_dir())] {
        ui.horizontal_wrapped(|ui| {
            ui.label(faint(ui, what));
            ui.monospace(path.display().to_string());
        });
    }
    ui.add_space(space::S12);
    ui.label(faint(
        ui,
        "Inter and JetBrains Mono (SIL Open Font License 1.1), Phosphor Icons (MIT), WordNet 3.0 nouns \
         (WordNet licence). The full texts stand beside the files in assets/.",
    ));
}
