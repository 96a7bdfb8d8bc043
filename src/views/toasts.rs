//! Notices at the lower right: they come, can be closed, and go; the log keeps them.

use egui::{Align2, Area, Context, Id, Order, RichText, Ui, vec2};

use super::theme::{self, radius, space};
use super::widgets::icon_button;
use super::{Commands, icons};
use crate::app::state::{Notice, State};
use crate::app::{Action, Command};
use crate::jobs::Level;

/// Most toasts at a time; older ones give way.
const MOST: usize = 4;

/// What is on the screen.
#[derive(Debug, Default)]
pub struct Toasts(Vec<Notice>);

impl Toasts {
    /// Takes all of them away.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes fresh notices in and draws.
    pub fn show(&mut self, ctx: &Context, state: &State, out: &mut Commands) {
        if !state.fresh.is_empty() {
            self.0.extend(state.fresh.iter().cloned());
            out.push(Command::ToastsShown);
        }
        let now = state.now_secs;
        self.0.retain(|notice| now - notice.at_secs < secs(notice.level));
        if self.0.len() > MOST {
            self.0.drain(..self.0.len() - MOST);
        }
        if self.0.is_empty() {
            return;
        }
        ctx.request_repaint_after(std::time::Duration::from_millis(500));
        let mut closed = None;
        Area::new(Id::unique("toasts")).order(Order::Foreground).anchor(Align2::RIGHT_BOTTOM, vec2(-16.0, -40.0)).show(
            ctx,
            |ui| {
                ui.set_max_width(380.0);
                for (i, notice) in self.0.iter().enumerate() {
                    if toast_ui(ui, notice, out) {
                        closed = Some(i);
                    }
                    ui.add_space(space::S8);
                }
            },
        );
        if let Some(i) = closed {
            self.0.remove(i);
        }
    }
}

/// How long a notice stays.
fn secs(level: Level) -> f64 {
    match level {
        Level::Info => 4.0,
        Level::Warning => 8.0,
        Level::Error => 15.0,
    }
}

/// The icon and colour of a level.
#[must_use]
pub fn face(ui: &Ui, level: Level) -> (&'static str, egui::Color32) {
    let colors = theme::tokens(ui);
    match level {
        Level::Info => (icons::INFO, colors.text_faint),
        Level::Warning => (icons::WARNING, colors.warning),
        Level::Error => (icons::WARNING_CIRCLE, colors.error),
    }
}

fn toast_ui(ui: &mut Ui, notice: &Notice, out: &mut Commands) -> bool {
    let colors = theme::tokens(ui);
    let mut close = false;
    egui::Frame::new()
        .fill(colors.raised)
        .stroke(egui::Stroke::new(1.0, colors.hairline))
        .corner_radius(radius::CARD)
        .inner_margin(egui::Margin::symmetric(12, 8))
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                let (icon, color) = face(ui, notice.level);
                ui.label(RichText::new(icon).color(color).size(16.0));
                ui.vertical(|ui| {
                    ui.set_max_width(290.0);
                    ui.add(egui::Label::new(&notice.text).wrap());
                    if notice.level != Level::Info
                        && ui.add(egui::Button::new("Show the log").frame_when_inactive(false)).clicked()
                    {
                        out.act(Action::ShowLog);
                        close = true;
                    }
                });
                close |= icon_button(ui, icons::X, "Close this notice", true).clicked();
            });
        });
    close
}
