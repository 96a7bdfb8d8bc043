//! Operators that move values without changing them: the way back moves gradients the other way.

use tract_onnx::pb::NodeProto;

use super::{Outcome, Tape, attribute_int, axis, input};
use crate::model::onnx::{build, values};

pub(super) fn reshape(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let dx = tape.shaped(&dy, &node.input[0]);
    tape.give(&node.input[0], dx);
    Ok(())
}

pub(super) fn transpose(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let rank = tape.rank(&node.input[0])?;
    let order = values::ints(node, "perm").map_or_else(|| (0..rank as i64).rev().collect(), <[i64]>::to_vec);
    let mut back = vec![0; rank];
    for (to, &from) in order.iter().enumerate() {
        back[axis(from, rank)] = to as i64;
    }
    let dx = tape.op("Transpose", &[&dy], vec![build::ints("perm", &back)]);
    tape.give(&node.input[0], dx);
    Ok(())
}

pub(super) fn expand(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    tape.give_broadcast(&node.input[0], dy, &node.output[0])
}

/// The part of a tensor from `start` to `end` along an axis.
fn part(tape: &mut Tape<'_>, tensor: &str, along: usize, start: i64, end: i64) -> String {
    let (start, end, along) = (tape.longs(&[start]), tape.longs(&[end]), tape.longs(&[along as i64]));
    tape.op("Slice", &[tensor, &start, &end, &along], vec![])
}

pub(super) fn concat(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let along = axis(attribute_int(node, "axis", 0), tape.rank(&node.output[0])?);
    let mut start = 0;
    for tensor in &node.input {
        let end = start + tape.size(tensor, along)? as i64;
        if tape.needs(tensor) {
            let gradient = part(tape, &dy, along, start, end);
            tape.give(tensor, gradient);
        }
        start = end;
    }
    Ok(())
}

pub(super) fn split(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let x = node.input[0].as_str();
    let along = axis(attribute_int(node, "axis", 0), tape.rank(x)?);
    let mut parts = Vec::new();
    for output in node.output.iter().filter(|output| !output.is_empty()) {
        parts.push(if let Some(gradient) = tape.gradient(output) {
            gradient
        } else {
            // Nobody reads this part.
            let zero = tape.scalar(0.0);
            tape.expanded(&zero, output)
        });
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let dx = tape.op("Concat", &parts, vec![build::int("axis", along as i64)]);
    tape.give(x, dx);
    Ok(())
}

/// Zeros before and behind a tensor, for each axis.
fn padded(tape: &mut Tape<'_>, tensor: &str, before: &[i64], behind: &[i64]) -> String {
    let pads = tape.longs(&[before, behind].concat());
    let zero = tape.scalar(0.0);
    tape.op("Pad", &[tensor, &pads, &zero], vec![build::text("mode", "constant")])
}

pub(super) fn slice(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let mut dy = tape.incoming(node)?;
    let x = node.input[0].as_str();
    let rank = tape.rank(x)?;
    let list = |at: usize| input(node, at).map(|name| tape.constant(name)).transpose();
    let (Some(starts), Some(ends)) = (list(1)?, list(2)?) else { return Err("which lacks its limits".to_owned()) };
    let axes = list(3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    let (mut before, mut behind) = (vec![0; rank], vec![0; rank]);
    for (at, &along) in axes.iter().enumerate() {
        let along = axis(along, rank);
        let whole = starts[at] == 0 && ends[at] >= i64::from(i32::MAX) && steps[at] == 1;
        if whole {
            continue;
        }
        let size = tape.size(x, along)? as i64;
        let limit = |value: i64| if value < 0 { (value + size).max(0) } else { value.min(size) };
        let step = steps[at];
        if step == 1 {
            let (start, end) = (limit(starts[at]), limit(ends[at]));
            (before[along], behind[along]) = (start, size - end.max(start));
            continue;
        }
        // Every value of the slice came from one place.
        let kept = tape.size(&node.output[0], along)? as i64;
        let first = if step < 0 && starts[at] >= size { size - 1 } else { limit(starts[at]) };
        let places: Vec<i64> = (0..kept).map(|at| first + at * step).collect();
        dy = placed(tape, &dy, along, rank, &places, size)?;
    }
    if before.iter().chain(&behind).any(|&pad| pad != 0) {
        dy = padded(tape, &dy, &before, &behind);
    }
    tape.give(x, dy);
    Ok(())
}

/// Puts the values along an axis to their places among `size`: a product with a matrix of zeros and ones.
fn placed(
    tape: &mut Tape<'_>,
    tensor: &str,
    along: usize,
    rank: usize,
    places: &[i64],
    size: i64,
) -> Result<String, String> {
    let mut matrix = vec![0.0; places.len() * size as usize];
    for (row, &place) in places.iter().enumerate() {
        let place = axis(place, size as usize);
        *matrix.get_mut(row * size as usize + place).ok_or("which reads beyond its input")? = 1.0;
    }
    let matrix = tape.floats(&[places.len(), size as usize], &matrix);
    // The axis goes to the end and back; to swap twice is to do nothing.
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(along, rank - 1);
    let last = tape.op("Transpose", &[tensor], vec![build::ints("perm", &order)]);
    let product = tape.op("MatMul", &[&last, &matrix], vec![]);
    Ok(tape.op("Transpose", &[&product], vec![build::ints("perm", &order)]))
}

pub(super) fn gather(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let (x, indices) = (node.input[0].as_str(), node.input[1].as_str());
    let rank = tape.rank(x)?;
    let along = axis(attribute_int(node, "axis", 0), rank);
    let size = tape.size(x, along)? as i64;
    let places = tape.constant(indices)?;
    let dx = match (tape.rank(indices)?, &places[..]) {
        // A table of indices is a list whose results were laid out in its shape.
        (2.., places) => {
            let mut shape = vec![0; along];
            shape.push(places.len() as i64);
            for axis in along + 1..rank {
                shape.push(tape.size(x, axis)? as i64);
            }
            let shape = tape.longs(&shape);
            let listed = tape.op("Reshape", &[&dy, &shape], vec![]);
            placed(tape, &listed, along, rank, places, size)?
        }
        (0, &[place]) => {
            let place = axis(place, size as usize) as i64;
            let axes = tape.longs(&[along as i64]);
            let single = tape.op("Unsqueeze", &[&dy, &axes], vec![]);
            let (mut before, mut behind) = (vec![0; rank], vec![0; rank]);
            (before[along], behind[along]) = (place, size - 1 - place);
            padded(tape, &single, &before, &behind)
        }
        (1, places) => placed(tape, &dy, along, rank, places, size)?,
        _ => return Err("whose index is no single number".to_owned()),
    };
    tape.give(x, dx);
    Ok(())
}

pub(super) fn pad(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let x = node.input[0].as_str();
    let mode = values::text(node, "mode").unwrap_or("constant");
    let rank = tape.rank(x)?;
    let pads = tape.constant(input(node, 1).ok_or("which lacks its pads")?)?;
    let axes = match input(node, 3) {
        Some(axes) => tape.constant(axes)?,
        None => (0..rank as i64).collect(),
    };
    if pads.iter().any(|&pad| pad < 0) {
        return Err("which cuts instead of padding".to_owned());
    }
    let count = axes.len();
    let mut gradient = dy;
    for (at, &along) in axes.iter().enumerate() {
        let (along, before, behind) = (axis(along, rank), pads[at], pads[at + count]);
        if before == 0 && behind == 0 {
            continue;
        }
        if mode != "constant" {
            // Each value that was added is a copy of one inside: its gradient goes there, too.
            let size = tape.size(x, along)? as i64;
            let places = (-before..size + behind).map(|place| copied(place, size, mode)).collect::<Option<Vec<i64>>>();
            let places = places.ok_or_else(|| format!("which pads by \"{mode}\""))?;
            gradient = placed(tape, &gradient, along, rank, &places, size)?;
            continue;
        }
        let end = if behind == 0 { i64::MAX } else { -behind };
        gradient = part(tape, &gradient, along, before, end);
    }
    tape.give(x, gradient);
    Ok(())
}

/// The place inside an axis of which padding puts a copy at `place`, which may lie outside.
fn copied(place: i64, size: i64, mode: &str) -> Option<i64> {
    match mode {
        "edge" => Some(place.clamp(0, size - 1)),
        // There and back, without the ends twice.
        "reflect" => {
            let period = (2 * (size - 1)).max(1);
            let along = place.rem_euclid(period);
            Some(along.min(period - along).min(size - 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::copied;

    #[test]
    fn padding_copies_from_inside() {
        let check = |mode, expect: [i64; 8]| {
            let got: Vec<i64> = (-3..5).filter_map(|place| copied(place, 3, mode)).collect();
            assert_eq!(got, expect, "{mode}");
        };
        // numpy.pad of [0, 1, 2] by 3 before and 2 behind.
        check("edge", [0, 0, 0, 0, 1, 2, 2, 2]);
        check("reflect", [1, 2, 1, 0, 1, 2, 1, 0]);
        assert_eq!((copied(-2, 1, "reflect"), copied(0, 3, "wrap")), (Some(0), None));
    }
}
