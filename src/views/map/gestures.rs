//! What the pointer does on a map: moving, zooming, choosing, drawing areas.

use std::sync::Arc;

use egui::{CursorIcon, PointerButton, Pos2, Response, Shape, Stroke, Ui};
use roaring::RoaringBitmap;

use super::MapFrame;
use super::canvas::View;
use crate::app::command::SetOp;
use crate::app::map::{MapCommand, MapView, Tool};
use crate::app::{Action, Command, State};
use crate::base::SampleId;
use crate::views::Commands;
use crate::views::theme::tokens;

/// An area that is being drawn, in the unit square.
#[derive(Clone, Debug)]
pub(super) struct Gesture {
    layer: String,
    tool: Tool,
    corners: Vec<[f32; 2]>,
    is_closed: bool,
}

impl Gesture {
    /// The last corner is joined to the first with the next frame.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }
}

/// Dragging moves, the wheel zooms at the pointer.
pub(super) fn navigate(ui: &Ui, response: &Response, view: &mut MapView) {
    let rect = response.rect;
    let screen = View::new(view.camera, rect);
    let moves = view.tool == Tool::Pan && response.dragged_by(PointerButton::Primary)
        || response.dragged_by(PointerButton::Middle)
        || response.dragged_by(PointerButton::Secondary);
    if moves {
        let delta = response.drag_delta() / screen.side;
        view.camera.centre[0] -= delta.x;
        view.camera.centre[1] += delta.y;
    }
    if let Some(at) = response.hover_pos() {
        let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
        let factor = (wheel * 0.004).exp() * pinch;
        if factor != 1.0 {
            view.camera = view.camera.zoomed(factor, screen.place(at));
        }
    }
    let cursor = match view.tool {
        Tool::Pan if response.dragged() => CursorIcon::Grabbing,
        Tool::Pan => CursorIcon::Default,
        _ => CursorIcon::Crosshair,
    };
    if response.hovered() || response.dragged() {
        ui.ctx().set_cursor_icon(cursor);
    }
}

fn set_op(ui: &Ui) -> SetOp {
    ui.input(|input| match (input.modifiers.shift, input.modifiers.command) {
        (false, false) => SetOp::Replace,
        (true, false) => SetOp::Add,
        (false, true) => SetOp::Subtract,
        (true, true) => SetOp::Intersect,
    })
}

/// Clicks choose, areas are drawn and sent when they are closed.
#[expect(clippy::too_many_arguments, reason = "one canvas needs what the lens has; a struct would only rename it")]
pub(super) fn gestures(
    ui: &Ui,
    state: &State,
    response: &Response,
    frame: &mut MapFrame,
    view: &MapView,
    screen: &View,
    layer: &str,
    hovered: Option<SampleId>,
    out: &mut Commands,
) {
    let at = response.interact_pointer_pos().or(response.hover_pos()).map(|at| screen.place(at));
    let begun = |place: Option<Pos2>| place.map(|at| vec![screen.place(at)]).unwrap_or_default();
    let new = |tool, corners| Some(Gesture { layer: layer.to_owned(), tool, corners, is_closed: false });
    match view.tool {
        Tool::Lasso | Tool::Rectangle if response.drag_started_by(PointerButton::Primary) => {
            let origin = ui.input(|input| input.pointer.press_origin());
            frame.gesture = new(view.tool, begun(origin));
        }
        Tool::Polygon if response.clicked() => {
            let place = response.interact_pointer_pos();
            match &mut frame.gesture {
                Some(gesture) if gesture.layer == layer => gesture.corners.extend(begun(place)),
                gesture => *gesture = new(Tool::Polygon, begun(place)),
            }
        }
        _ => {}
    }
    if frame.gesture.as_ref().is_some_and(|gesture| gesture.tool != view.tool) {
        frame.gesture = None;
    }
    let Some(gesture) = frame.gesture.as_mut().filter(|gesture| gesture.layer == layer) else {
        if response.clicked() && view.tool != Tool::Polygon {
            match hovered {
                Some(sample) => {
                    out.push(Command::Select(Arc::new(RoaringBitmap::from_iter([sample.0])), set_op(ui)));
                    out.push(Command::Focus(Some(sample)));
                }
                None if !state.selection.is_empty() && set_op(ui) == SetOp::Replace => out.act(Action::ClearSelection),
                None => {}
            }
        }
        if response.double_clicked() && hovered.is_some() {
            out.push(Command::Large(true));
        }
        return;
    };
    let mut outline = gesture.corners.clone();
    match (gesture.tool, at) {
        (Tool::Lasso, Some(at)) => {
            let last = gesture.corners.last().map(|last| screen.screen(*last));
            if last.is_none_or(|last| last.distance(screen.screen(at)) > 3.0) {
                gesture.corners.push(at);
            }
            outline.clone_from(&gesture.corners);
        }
        (Tool::Rectangle, Some([x, y])) => {
            if let Some(&[left, top]) = gesture.corners.first() {
                outline = vec![[left, top], [x, top], [x, y], [left, y]];
            }
        }
        (Tool::Polygon, Some(at)) => outline.push(at),
        _ => {}
    }
    let colors = tokens(ui);
    let line: Vec<Pos2> = outline.iter().map(|corner| screen.screen(*corner)).collect();
    ui.painter().add(Shape::closed_line(line.clone(), Stroke::new(3.0, colors.window.gamma_multiply(0.6))));
    ui.painter().add(Shape::closed_line(line, Stroke::new(1.5, colors.accent)));
    let closed = match gesture.tool {
        Tool::Polygon => {
            let on_start = gesture.corners.len() > 2
                && response.clicked()
                && screen
                    .screen(gesture.corners[0])
                    .distance(screen.screen(gesture.corners[gesture.corners.len() - 1]))
                    < 10.0;
            outline.clone_from(&gesture.corners);
            response.double_clicked() || on_start || gesture.is_closed
        }
        _ => response.drag_stopped(),
    };
    if closed {
        let layer = layer.to_owned();
        out.push(Command::Map(MapCommand::Area { layer, corners: outline, op: set_op(ui) }));
        frame.gesture = None;
    } else {
        ui.ctx().request_repaint();
    }
}
