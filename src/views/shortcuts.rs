//! Keys. The action list says which key does what; plain keys wait while a field has the keyboard.

use egui::{Context, Key, Modifiers};

use super::Commands;
use super::grid::GridFrame;
use crate::app::state::{Lens, Screen};
use crate::app::why::WhyCommand;
use crate::app::{Action, Command, State};

/// Reads the keys of this frame.
pub fn shortcuts(ctx: &Context, state: &State, frame: &GridFrame, out: &mut Commands) {
    let typing = ctx.text_edit_focused();
    if state.dialog.is_some() {
        return;
    }
    for action in Action::ALL {
        for keys in action.shortcuts() {
            if typing && !keys.ctrl {
                continue;
            }
            // In a field, these belong to the text.
            if typing && matches!(action, Action::SelectAll | Action::Undo | Action::Redo | Action::ClearFilters) {
                continue;
            }
            let Some(key) = Key::from_name(keys.key) else { continue };
            let pressed = ctx.input_mut(|input| {
                let wanted = Modifiers { command: keys.ctrl, shift: keys.shift, ..Modifiers::NONE };
                let held = input.modifiers;
                // `?` and `+` need Shift on most keyboards; the key itself says what is meant.
                let shift_free = matches!(key, Key::Questionmark | Key::Plus);
                let matches = held.command == wanted.command && (shift_free || held.shift == wanted.shift) && !held.alt;
                matches && input.key_pressed(key) && input.consume_key(held, key)
            });
            if pressed {
                out.act(action);
            }
        }
    }
    if !typing && state.screen == Screen::Explore && state.lens == Lens::Grid {
        arrows(ctx, frame, out);
    }
    if !typing && state.screen == Screen::Explore && state.lens == Lens::Why {
        for (key, by) in [(Key::ArrowUp, -1), (Key::ArrowDown, 1), (Key::PageUp, -5), (Key::PageDown, 5)] {
            let is_free = ctx.memory(|memory| memory.focused().is_none());
            if is_free && ctx.input(|input| input.key_pressed(key) && !input.modifiers.command) {
                out.push(Command::Why(WhyCommand::Step(by)));
            }
        }
    }
}

fn arrows(ctx: &Context, frame: &GridFrame, out: &mut Commands) {
    let page = frame.page_rows.max(1) as i64;
    let all = i64::from(u32::MAX);
    for (key, right, down) in [
        (Key::ArrowLeft, -1, 0),
        (Key::ArrowRight, 1, 0),
        (Key::ArrowUp, 0, -1),
        (Key::ArrowDown, 0, 1),
        (Key::PageUp, 0, -page),
        (Key::PageDown, 0, page),
        (Key::Home, -all, 0),
        (Key::End, all, 0),
    ] {
        let (pressed, extend) =
            ctx.input(|input| (input.key_pressed(key) && !input.modifiers.command, input.modifiers.shift));
        if pressed {
            out.push(Command::Move { right, down, columns: frame.columns, extend });
        }
    }
}
