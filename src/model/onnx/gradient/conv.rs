//! Convolutions: the way back of one is a transposed one, with the same weights.
//!
//! Runtimes are tuned for plain convolutions. So where windows move by one place, the transposed convolution is written as
//! the plain one that it is: with weights whose inputs and outputs are swapped and whose places are turned round. And where
//! each channel has its own window (as in `MobileNet`), larger moves are brought to that case by zeros between the gradients:
//! ONNX Runtime takes twenty times as long for the transposed form there. The weights are turned by nodes that every runtime
//! folds when it loads the graph, so that the file does not grow.

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
        let (mut beyond, mut counts) = (Vec::new(), Vec::new());
        for axis in 0..self.rank() {
            let (size, count) = (tape.size(places, axis + 2)? as i64, tape.size(windows, axis + 2)? as i64);
            // What the last window reaches beyond the last place; below zero where no window reaches the last places.
            beyond.push((count - 1) * self.strides[axis] + self.span(axis) - self.before[axis] - size);
            counts.push(count);
        }
        let separate = tape.size(places, 1)? as i64 == group && tape.size(windows, 1)? as i64 == group;
        let single = self.strides.iter().all(|&stride| stride == 1);
        // What a plain convolution must be padded with.
        let before: Vec<i64> = (0..self.rank()).map(|axis| self.span(axis) - 1 - self.before[axis]).collect();
        let behind: Vec<i64> = (0..self.rank()).map(|axis| self.span(axis) - 1 - beyond[axis]).collect();
        if (single || (separate && self.rank() == 2)) && before.iter().chain(&behind).all(|&pad| pad >= 0) {
            let spread = if single { gradient.to_owned() } else { self.spread(tape, gradient, &counts) };
            let turned = self.turned(tape, weights, group, separate)?;
            let attributes = vec![
                build::ints("kernel_shape", &self.kernel),
                build::ints("strides", &vec![1; self.rank()]),
                build::ints("dilations", &self.dilations),
                build::ints("pads", &[before, behind].concat()),
                build::int("group", group),
            ];
            return Ok(tape.op("Conv", &[&spread, &turned], attributes));
        }
        let least = |values: &[i64]| values.iter().map(|&value| value.max(0)).collect::<Vec<i64>>();
        let padding: Vec<i64> = beyond.iter().map(|&beyond| (-beyond).max(0)).collect();
        let attributes = vec![
            build::ints("kernel_shape", &self.kernel),
            build::ints("strides", &self.strides),
            build::ints("dilations", &self.dilations),
            build::ints("pads", &[self.before.clone(), least(&beyond)].concat()),
            build::ints("output_padding", &padding),
            build::int("group", group),
        ];
        Ok(tape.op("ConvTranspose", &[gradient, weights], attributes))
    }

    /// Weights `[M, C / g, ..]` as `[C, M / g, ..]` with their places turned round.
    fn turned(&self, tape: &mut Tape<'_>, weights: &str, group: i64, separate: bool) -> Result<String, String> {
        let rank = self.rank() as i64 + 2;
        let mut current = weights.to_owned();
        if !separate {
            let dims: Vec<i64> = tape.dims(weights)?.iter().map(|&size| size as i64).collect();
            let (outputs, inputs) = (dims[0] / group, dims[1]);
            let apart = tape.longs(&[&[group, outputs, inputs], &dims[2..]].concat());
            let swapped: Vec<i64> = [0, 2, 1].into_iter().chain(3..=rank).collect();
            let together = tape.longs(&[&[group * inputs, outputs], &dims[2..]].concat());
            current = tape.op("Reshape", &[&current, &apart], vec![]);
            current = tape.op("Transpose", &[&current], vec![build::ints("perm", &swapped)]);
            current = tape.op("Reshape", &[&current, &together], vec![]);
        }
        let axes: Vec<i64> = (2..rank).filter(|&axis| self.kernel[axis as usize - 2] > 1).collect();
        if !axes.is_empty() {
            let (start, end) = (tape.longs(&vec![-1; axes.len()]), tape.longs(&vec![i64::MIN; axes.len()]));
            let (steps, axes) = (tape.longs(&vec![-1; axes.len()]), tape.longs(&axes));
            current = tape.op("Slice", &[&current, &start, &end, &axes, &steps], vec![]);
        }
        Ok(current)
    }

    /// `[N, C, h, w]` with zeros between the values, as far apart as the windows: `[N, C, (h - 1) s + 1, (w - 1) s + 1]`.
    fn spread(&self, tape: &mut Tape<'_>, gradient: &str, counts: &[i64]) -> String {
        let (h, w) = (counts[0], counts[1]);
        let (down, right) = (self.strides[0], self.strides[1]);
        // Each value becomes the corner of a tile of zeros; the last tiles are cut to their corners.
        let single = tape.longs(&[0, -1, h, 1, w, 1]);
        let tiles = tape.op("Reshape", &[gradient, &single], vec![]);
        let pads = tape.longs(&[0, 0, 0, 0, 0, 0, 0, 0, 0, down - 1, 0, right - 1]);
        let zero = tape.scalar(0.0);
        let tiles = tape.op("Pad", &[&tiles, &pads, &zero], vec![build::text("mode", "constant")]);
        let whole = tape.longs(&[0, -1, h * down, w * right]);
        let whole = tape.op("Reshape", &[&tiles, &whole], vec![]);
        let (start, axes) = (tape.longs(&[0, 0]), tape.longs(&[2, 3]));
        let end = tape.longs(&[(h - 1) * down + 1, (w - 1) * right + 1]);
        tape.op("Slice", &[&whole, &start, &end, &axes], vec![])
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
