//! Floor 7: the application without a screen. [`State`](state::State) is everything the window shows;
//! [`update`](update::update) is the only writer; it takes a [`Command`](command::Command) and returns
//! [`Effect`](command::Effect)s for the jobs floor. Events of jobs come back as commands.
//!
//! What is absent: egui, threads, files. A test can drive the whole application by commands.

pub mod action;
pub mod chips;
pub mod command;
pub mod compare;
pub mod grid;
pub mod history;
pub mod launch;
pub mod layout;
pub mod map;
pub mod models;
pub mod panels;
pub mod scroll;
pub mod settings;
pub mod state;
pub mod statistics;
pub mod update;
pub mod why;

pub use action::Action;
pub use command::{Command, Effect};
pub use state::State;
pub use update::update;
