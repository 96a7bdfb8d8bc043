//! Sums, means and extremes over axes, and softmax.

use tract_onnx::pb::NodeProto;

use super::{Outcome, Tape, attribute_int, axis, input};
use crate::model::onnx::build;

/// The axes a node works over, from the front; all where it says none.
fn axes(tape: &Tape<'_>, node: &NodeProto) -> Result<Vec<usize>, String> {
    let rank = tape.rank(&node.input[0])?;
    if node.op_type.starts_with("Global") {
        return Ok((2..rank).collect());
    }
    let said = match input(node, 1) {
        Some(axes) => tape.constant(axes)?,
        None => Vec::new(),
    };
    if said.is_empty() {
        let none = attribute_int(node, "noop_with_empty_axes", 0) != 0;
        return Ok(if none { Vec::new() } else { (0..rank).collect() });
    }
    Ok(said.iter().map(|&at| axis(at, rank)).collect())
}

/// A reduced tensor with its axes back, of size 1.
fn restored(tape: &mut Tape<'_>, node: &NodeProto, tensor: &str, axes: &[usize]) -> String {
    if attribute_int(node, "keepdims", 1) != 0 || axes.is_empty() {
        return tensor.to_owned();
    }
    let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
    let axes = tape.longs(&axes);
    tape.op("Unsqueeze", &[tensor, &axes], vec![])
}

pub(super) fn sum(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let x = node.input[0].as_str();
    let axes = axes(tape, node)?;
    let mut dy = restored(tape, node, &dy, &axes);
    // Over the batch too is refused: a picture's gradient must not depend on its neighbours.
    let count = axes.iter().map(|&axis| tape.size(x, axis)).product::<Result<usize, String>>()?;
    if node.op_type == "ReduceMean" {
        dy = tape.scaled(&dy, 1.0 / count.max(1) as f32);
    }
    let dx = tape.expanded(&dy, x);
    tape.give(x, dx);
    Ok(())
}

/// The gradient goes to the place of the extreme; of several equal ones to each its share.
pub(super) fn extreme(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let x = node.input[0].as_str();
    let axes = axes(tape, node)?;
    let y = restored(tape, node, &node.output[0], &axes);
    let dy = restored(tape, node, &dy, &axes);
    let won = tape.op("Equal", &[x, &y], vec![]);
    let won = tape.op("Cast", &[&won], vec![build::int("to", 1)]);
    let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
    let winners = tape.sum(&won, &axes, true);
    let share = tape.op("Div", &[&dy, &winners], vec![]);
    let dx = tape.mul(&won, &share);
    tape.give(x, dx);
    Ok(())
}

/// `y = sqrt(sum x^2)`: `x / y`.
pub(super) fn length(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let x = node.input[0].as_str();
    let axes = axes(tape, node)?;
    let share = tape.op("Div", &[&dy, &node.output[0]], vec![]);
    let share = restored(tape, node, &share, &axes);
    let dx = tape.mul(x, &share);
    tape.give(x, dx);
    Ok(())
}

pub(super) fn sum_of_squares(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let x = node.input[0].as_str();
    let axes = axes(tape, node)?;
    let dy = restored(tape, node, &dy, &axes);
    let twice = tape.scaled(x, 2.0);
    let dx = tape.mul(&twice, &dy);
    tape.give(x, dx);
    Ok(())
}

pub(super) fn softmax(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let (x, y) = (node.input[0].as_str(), node.output[0].as_str());
    let along = [attribute_int(node, "axis", -1)];
    let along = [axis(along[0], tape.rank(x)?) as i64];
    let dx = if node.op_type == "Softmax" {
        let weighted = tape.mul(&dy, y);
        let total = tape.sum(&weighted, &along, true);
        let rest = tape.op("Sub", &[&dy, &total], vec![]);
        tape.mul(&rest, y)
    } else {
        let total = tape.sum(&dy, &along, true);
        let shares = tape.op("Exp", &[y], vec![]);
        let taken = tape.mul(&shares, &total);
        tape.op("Sub", &[&dy, &taken], vec![])
    };
    tape.give(x, dx);
    Ok(())
}
