//! Normalisations: with stored statistics (batch) they are a factor, with the picture's own they are more.

use tract_onnx::pb::NodeProto;

use super::{Outcome, Tape, attribute_int, axis, input};
use crate::model::onnx::values;

fn epsilon(node: &NodeProto) -> f32 {
    values::float(node, "epsilon").unwrap_or(1e-5)
}

/// `[C]` in the place of the channels of a tensor of a rank.
fn per_channel(tape: &mut Tape<'_>, tensor: &str, rank: usize) -> String {
    let mut shape = vec![1; rank.max(2)];
    shape[1] = -1;
    let shape = tape.longs(&shape);
    tape.op("Reshape", &[tensor, &shape], vec![])
}

pub(super) fn batch(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    if attribute_int(node, "training_mode", 0) != 0 {
        return Err("which is in training mode: export the model with model.eval()".to_owned());
    }
    let x = node.input[0].as_str();
    let (Some(scale), Some(variance)) = (input(node, 1), input(node, 4)) else {
        return Err("which lacks its statistics".to_owned());
    };
    let epsilon = tape.scalar(epsilon(node));
    let sum = tape.add(variance, &epsilon);
    let deviation = tape.op("Sqrt", &[&sum], vec![]);
    let factor = tape.op("Div", &[scale, &deviation], vec![]);
    let factor = per_channel(tape, &factor, tape.rank(x)?);
    let dx = tape.mul(&dy, &factor);
    tape.give(x, dx);
    Ok(())
}

/// The gradient of `(x - mean) / deviation` over axes, where `dn` is that of the normalised values.
fn normalised(tape: &mut Tape<'_>, x: &str, dn: &str, axes: &[i64], epsilon: f32) -> String {
    let epsilon = tape.scalar(epsilon);
    let mean = tape.mean(x, axes);
    let centred = tape.op("Sub", &[x, &mean], vec![]);
    let squares = tape.mul(&centred, &centred);
    let variance = tape.mean(&squares, axes);
    let variance = tape.add(&variance, &epsilon);
    let deviation = tape.op("Sqrt", &[&variance], vec![]);
    let n = tape.op("Div", &[&centred, &deviation], vec![]);
    let level = tape.mean(dn, axes);
    let along = tape.mul(dn, &n);
    let along = tape.mean(&along, axes);
    let along = tape.mul(&n, &along);
    let rest = tape.op("Sub", &[dn, &level], vec![]);
    let rest = tape.op("Sub", &[&rest, &along], vec![]);
    tape.op("Div", &[&rest, &deviation], vec![])
}

pub(super) fn layer(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let x = node.input[0].as_str();
    let rank = tape.rank(x)?;
    let first = axis(attribute_int(node, "axis", -1), rank);
    let axes: Vec<i64> = (first..rank).map(|axis| axis as i64).collect();
    let dn = match input(node, 1) {
        Some(scale) => tape.mul(&dy, scale),
        None => dy,
    };
    let dx = normalised(tape, x, &dn, &axes, epsilon(node));
    tape.give(x, dx);
    Ok(())
}

pub(super) fn instance(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let x = node.input[0].as_str();
    let rank = tape.rank(x)?;
    let scale = per_channel(tape, &node.input[1], rank);
    let dn = tape.mul(&dy, &scale);
    let axes: Vec<i64> = (2..rank).map(|axis| axis as i64).collect();
    let dx = normalised(tape, x, &dn, &axes, epsilon(node));
    tape.give(x, dx);
    Ok(())
}
