//! Pools: the gradient goes to where a maximum was, or evenly over a window.

use tract_onnx::pb::NodeProto;

use super::conv::Window;
use super::{Outcome, Tape, attribute_int};
use crate::model::onnx::build;

/// The second output of `MaxPool` says where each maximum was, counted over the whole tensor.
pub(super) fn max(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    if attribute_int(node, "storage_order", 0) != 0 {
        return Err("which counts by columns".to_owned());
    }
    let x = node.input[0].as_str();
    let places = match node.output.get(1).filter(|name| !name.is_empty()) {
        Some(places) => places.clone(),
        None => tape.side_output(&node.output[0], "places")?,
    };
    let (all, one) = (tape.longs(&[-1]), tape.longs(&[1]));
    let size = tape.op("Size", &[x], vec![]);
    let size = tape.op("Reshape", &[&size, &one], vec![]);
    let zero = build::tensor("value", build::floats("", &[1], &[0.0]));
    let empty = tape.op("ConstantOfShape", &[&size], vec![zero]);
    let places = tape.op("Reshape", &[&places, &all], vec![]);
    let flat = tape.op("Reshape", &[&dy, &all], vec![]);
    // Windows overlap: a place can be the maximum of several.
    let attributes = vec![build::int("axis", 0), build::text("reduction", "add")];
    let scattered = tape.op("ScatterElements", &[&empty, &places, &flat], attributes);
    let dx = tape.shaped(&scattered, x);
    tape.give(x, dx);
    Ok(())
}

pub(super) fn average(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let mut dy = tape.incoming(node)?;
    let (x, y) = (node.input[0].as_str(), node.output[0].as_str());
    let window = Window::of(tape, node, None)?;
    let padded = attribute_int(node, "count_include_pad", 0) != 0;
    // How many places each window averages, for each axis; the windows at the border may have fewer.
    let mut counts = Vec::new();
    for axis in 0..window.rank() {
        let (size, windows) = (tape.size(x, axis + 2)? as i64, tape.size(y, axis + 2)? as i64);
        let (least, most) = if padded { (-window.before[axis], size + window.behind[axis]) } else { (0, size) };
        let count = |at: i64| {
            let start = at * window.strides[axis] - window.before[axis];
            let inside = |step: &i64| (least..most).contains(&(start + step * window.dilations[axis]));
            (0..window.kernel[axis]).filter(inside).count()
        };
        counts.push((0..windows).map(count).collect::<Vec<usize>>());
    }
    for (axis, counts) in counts.iter().enumerate() {
        let mut dims = vec![1; window.rank() + 2];
        dims[axis + 2] = counts.len();
        let shares: Vec<f32> = counts.iter().map(|&count| 1.0 / count.max(1) as f32).collect();
        let same = shares.iter().all(|&share| share == shares[0]);
        let shares = if same { tape.scalar(shares[0]) } else { tape.floats(&dims, &shares) };
        dy = tape.mul(&dy, &shares);
    }
    let channels = tape.size(x, 1)?;
    let mut dims = vec![channels, 1];
    dims.extend(window.kernel.iter().map(|&size| size as usize));
    let ones = tape.floats(&dims, &vec![1.0; dims.iter().product()]);
    let dx = window.scatter(tape, &dy, &ones, channels as i64, [x, y])?;
    tape.give(x, dx);
    Ok(())
}

pub(super) fn global_average(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let x = node.input[0].as_str();
    let mut places = 1;
    for axis in 2..tape.rank(x)? {
        places *= tape.size(x, axis)?;
    }
    let share = tape.scaled(&dy, 1.0 / places as f32);
    let dx = tape.expanded(&share, x);
    tape.give(x, dx);
    Ok(())
}
