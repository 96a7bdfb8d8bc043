//! Convolutions: the way back of one is the other, with the same weights.

use tract_onnx::pb::NodeProto;

use super::{Outcome, Tape, attribute_int};
use crate::model::onnx::{build, values};

/// How a window moves over the spatial axes.
pub(super) struct Window {
    pub kernel: Vec<i64>,
    pub strides: Vec<i64>,
    pub dilations: Vec<i64>,
    /// Added before the first place.
    pub before: Vec<i64>,
    /// Added behind the last place, as said.
    pub behind: Vec<i64>,
}

impl Window {
    /// Reads a node's attributes; `kernel` where the weights tell it.
    pub(super) fn of(tape: &Tape<'_>, node: &NodeProto, kernel: Option<Vec<i64>>) -> Result<Self, String> {
        let kernel =
            values::ints(node, "kernel_shape").filter(|kernel| !kernel.is_empty()).map(<[i64]>::to_vec).or(kernel);
        let kernel = kernel.ok_or("whose kernel has no known shape")?;
        let rank = kernel.len();
        let list = |name: &str, count: usize, otherwise: i64| match values::ints(node, name) {
            Some(list) if list.len() == count => list.to_vec(),
            _ => vec![otherwise; count],
        };
        let (strides, dilations) = (list("strides", rank, 1), list("dilations", rank, 1));
        let mut pads = list("pads", 2 * rank, 0);
        let same = values::text(node, "auto_pad").filter(|kind| kind.starts_with("SAME"));
        if let Some(same) = same {
            for axis in 0..rank {
                let size = tape.size(&node.input[0], axis + 2)? as i64;
                let span = dilations[axis] * (kernel[axis] - 1) + 1;
                let steps = (size + strides[axis] - 1) / strides[axis];
                let total = ((steps - 1) * strides[axis] + span - size).max(0);
                let small = total / 2;
                (pads[axis], pads[axis + rank]) =
                    if same == "SAME_UPPER" { (small, total - small) } else { (total - small, small) };
            }
        }
        let behind = pads.split_off(rank);
        Ok(Self { kernel, strides, dilations, before: pads, behind })
    }

    pub(super) fn rank(&self) -> usize {
        self.kernel.len()
    }

    /// How many places a window spans.
    pub(super) fn span(&self, axis: usize) -> i64 {
        self.dilations[axis] * (self.kernel[axis] - 1) + 1
    }

    /// Scatters `gradient` (of windows) back over places of the size of `places`: a transposed convolution.
    pub(super) fn scatter(
        &self,
        tape: &mut Tape<'_>,
        gradient: &str,
        weights: &str,
        group: i64,
        [places, windows]: [&str; 2],
    ) -> Result<String, String> {
        let (mut pads, mut behind, mut padding) = (self.before.clone(), Vec::new(), Vec::new());
        for axis in 0..self.rank() {
            let (size, count) = (tape.size(places, axis + 2)? as i64, tape.size(windows, axis + 2)? as i64);
            // What the last window reaches beyond the last place; places that no window reaches are added as zeros.
            let beyond = (count - 1) * self.strides[axis] + self.span(axis) - self.before[axis] - size;
            behind.push(beyond.max(0));
            padding.push((-beyond).max(0));
        }
        pads.append(&mut behind);
        let attributes = vec![
            build::ints("kernel_shape", &self.kernel),
            build::ints("strides", &self.strides),
            build::ints("dilations", &self.dilations),
            build::ints("pads", &pads),
            build::ints("output_padding", &padding),
            build::int("group", group),
        ];
        Ok(tape.op("ConvTranspose", &[gradient, weights], attributes))
    }
}

fn weights<'a>(tape: &Tape<'_>, node: &'a NodeProto) -> Result<(&'a str, Vec<i64>), String> {
    let weights = node.input[1].as_str();
    if tape.needs(weights) || super::input(node, 2).is_some_and(|bias| tape.needs(bias)) {
        return Err("whose weights depend on the picture".to_owned());
    }
    Ok((weights, tape.dims(weights)?.iter().skip(2).map(|&size| size as i64).collect()))
}

pub(super) fn conv(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let (weights, kernel) = weights(tape, node)?;
    let window = Window::of(tape, node, Some(kernel))?;
    let (x, y) = (node.input[0].as_str(), node.output[0].as_str());
    let dx = window.scatter(tape, &dy, weights, attribute_int(node, "group", 1), [x, y])?;
    tape.give(x, dx);
    Ok(())
}

pub(super) fn conv_transpose(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let (weights, kernel) = weights(tape, node)?;
    let window = Window::of(tape, node, Some(kernel))?;
    let (x, y) = (node.input[0].as_str(), node.output[0].as_str());
    let rank = window.rank();
    let (mut before, mut behind) = (Vec::new(), Vec::new());
    let automatic = values::text(node, "auto_pad").is_some_and(|kind| kind.starts_with("SAME"))
        || values::attribute(node, "output_shape").is_some();
    for axis in 0..rank {
        let (places, count) = (tape.size(y, axis + 2)? as i64, tape.size(x, axis + 2)? as i64);
        let reach = (count - 1) * window.strides[axis] + window.span(axis);
        let first = if automatic {
            let extra = values::ints(node, "output_padding").and_then(|list| list.get(axis).copied()).unwrap_or(0);
            let total = (reach + extra - places).max(0);
            let upper = values::text(node, "auto_pad") == Some("SAME_UPPER");
            if upper { total / 2 } else { total - total / 2 }
        } else {
            window.before[axis]
        };
        before.push(first);
        // So that there are just as many windows as there were places.
        behind.push((reach - first - places).max(0));
    }
    before.append(&mut behind);
    let attributes = vec![
        build::ints("kernel_shape", &window.kernel),
        build::ints("strides", &window.strides),
        build::ints("dilations", &window.dilations),
        build::ints("pads", &before),
        build::int("group", attribute_int(node, "group", 1)),
    ];
    let dx = tape.op("Conv", &[&dy, weights], attributes);
    tape.give(x, dx);
    Ok(())
}
