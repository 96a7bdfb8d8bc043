//! Floor 8: the window. Every function here reads the [`State`](crate::app::State) and emits
//! [`Command`]s; nothing here changes state or does work.
//!
//! [`window`] is the frame: it drains jobs, runs commands, lays the panels out. A panel is one file
//! with one `*_ui` function. Sizes and colours come from [`theme`], pictures from [`textures`].

pub mod chips_bar;
pub mod compare;
pub mod dialogs;
pub mod filters;
pub mod grid;
pub mod histogram;
pub mod icons;
pub mod inspector;
pub mod map;
pub mod picture;
pub mod screenshot;
pub mod shortcuts;
pub mod statistics;
pub mod status_bar;
pub mod textures;
pub mod theme;
pub mod tiles;
pub mod toasts;
pub mod top_bar;
pub mod welcome;
pub mod why;
pub mod widgets;
pub mod window;

use std::io::Write;

use crate::app::launch::{Launch, Target};
use crate::app::{Action, Command};

/// Opens the window and stays until it is closed, or draws its pictures and prints their names.
///
/// # Errors
/// A sentence: no display, no graphics adapter, a file that cannot be written.
pub fn launch(launch: Launch) -> Result<(), String> {
    match launch.target {
        Target::Screen(size) => window::open(launch.options, size),
        Target::Files(shots) => {
            let Some((first, _)) = shots.first() else { return Ok(()) };
            let mut studio = screenshot::Studio::new(launch.options, first);
            for (shot, file) in &shots {
                studio.shoot(shot, file)?;
                // Whoever reads the list may have gone; the pictures are there all the same.
                let _ = writeln!(std::io::stdout(), "{}", file.display());
            }
            Ok(())
        }
    }
}

/// What the views ask for during one frame.
#[derive(Debug, Default)]
pub struct Commands(Vec<Command>);

impl Commands {
    /// Asks for something.
    pub fn push(&mut self, command: Command) {
        self.0.push(command);
    }

    /// Asks for an entry of the action list.
    pub fn act(&mut self, action: Action) {
        self.0.push(Command::Act(action));
    }

    fn take(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.0)
    }
}
