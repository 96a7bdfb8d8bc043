//! The window on a stage: driven by accessible labels, with real jobs behind it.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{Key, Modifiers, accesskit::Role, vec2};
use egui_kittest::{Harness, kittest::Queryable};
use shopscope::app::Command;
use shopscope::app::launch::WindowOptions;
use shopscope::views::window::Window;

use super::support::{SHOP, write_shard};

/// A window over a folder of its own, with a catalog of its own.
pub struct Stage {
    pub harness: Harness<'static, Option<Window>>,
    pub dir: tempfile::TempDir,
}

impl Stage {
    pub fn new() -> Self {
        Self::open(|dir| {
            write_shard(&dir.join("shop/00000.tar"), &SHOP[..5]);
            write_shard(&dir.join("shop/00001.tar"), &SHOP[5..]);
            vec![dir.join("shop")]
        })
    }

    pub fn open(make: impl FnOnce(&Path) -> Vec<PathBuf>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (paths, catalogs) = (make(dir.path()), dir.path().join("catalogs"));
        Self::over(dir, paths, catalogs)
    }

    /// A window over these paths with the catalogs of a folder.
    pub fn over(dir: tempfile::TempDir, paths: Vec<PathBuf>, catalogs: PathBuf) -> Self {
        let catalog_dir = Some(catalogs);
        let options = WindowOptions { paths, catalog_dir, default_settings: true, ..WindowOptions::default() };
        let mut options = Some(options);
        let harness = Harness::builder()
            .with_size(vec2(1280.0, 800.0))
            .with_context_setup(shopscope::views::theme::install)
            .build_ui_state(
                move |ui, window: &mut Option<Window>| {
                    let window = window
                        .get_or_insert_with(|| Window::new(ui.ctx(), options.take().expect("the window is made once")));
                    window.frame(ui);
                },
                None,
            );
        let mut stage = Self { harness, dir };
        stage.settle();
        stage
    }

    /// Runs frames until jobs and queries are quiet.
    pub fn settle(&mut self) {
        let until = Instant::now() + Duration::from_mins(2);
        let mut quiet = 0;
        while quiet < 3 {
            assert!(Instant::now() < until, "the window did not become quiet");
            self.harness.step();
            if self.window().busy() {
                quiet = 0;
                std::thread::sleep(Duration::from_millis(3));
            } else {
                quiet += 1;
            }
        }
    }

    pub fn window(&mut self) -> &mut Window {
        self.harness.state_mut().as_mut().expect("a frame was run")
    }

    pub fn run(&mut self, command: Command) {
        self.window().run(command);
        self.settle();
    }

    pub fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.settle();
    }

    /// Clicks a picture in the grid.
    pub fn click_cell(&mut self, label: &str, modifiers: Modifiers) {
        self.harness.get_by_role_and_label(Role::ListItem, label).click_modifiers(modifiers);
        self.settle();
    }

    pub fn click_with(&mut self, label: &str, modifiers: Modifiers) {
        self.harness.get_by_label(label).click_modifiers(modifiers);
        self.settle();
    }

    pub fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.settle();
    }

    pub fn matching(&mut self) -> u64 {
        self.window().state.result.matching.len()
    }

    pub fn selected(&mut self) -> Vec<u32> {
        self.window().state.selection.iter().collect()
    }

    /// True if some label contains a text.
    pub fn sees_part(&self, text: &str) -> bool {
        self.harness.query_all_by_label_contains(text).next().is_some()
    }

    pub fn sees(&self, label: &str) -> bool {
        self.harness.query_all_by_label(label).next().is_some()
    }
}
