//! Operators that work value by value, with broadcasting where there are several inputs.

use std::f32::consts::{FRAC_2_SQRT_PI, PI, SQRT_2};

use tract_onnx::pb::NodeProto;

use super::{Outcome, Tape, input};
use crate::model::onnx::graph::Kind;
use crate::model::onnx::{build, values};

/// Operators of one input; `None` for what is none.
pub(super) fn one(tape: &mut Tape<'_>, node: &NodeProto) -> Option<Outcome> {
    let number = |name: &str, otherwise: f32| values::float(node, name).unwrap_or(otherwise);
    // Before the gradient is asked for: a stranger must not leave nodes behind.
    let known = [
        "Relu",
        "LeakyRelu",
        "Clip",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Gelu",
        "Erf",
        "Tanh",
        "Elu",
        "Softplus",
        "Exp",
        "Log",
        "Sqrt",
        "Reciprocal",
        "Neg",
        "Abs",
        "Sin",
        "Cos",
        "Identity",
        "Dropout",
        "Cast",
        "Mish",
    ];
    if !known.contains(&node.op_type.as_str()) {
        return None;
    }
    let dy = match tape.incoming(node) {
        Ok(dy) => dy,
        Err(reason) => return Some(Err(reason)),
    };
    let (x, y) = (node.input[0].as_str(), node.output[0].as_str());
    let dx = match node.op_type.as_str() {
        "Identity" | "Dropout" => dy,
        "Cast" => match Kind::of(super::attribute_int(node, "to", 1) as i32) {
            Kind::F32 => dy,
            _ => return Some(Err("which leaves the f32 numbers".to_owned())),
        },
        "Relu" => {
            let zero = tape.scalar(0.0);
            let open = tape.op("Greater", &[y, &zero], vec![]);
            tape.masked(&open, &dy)
        }
        "LeakyRelu" => {
            let zero = tape.scalar(0.0);
            let open = tape.op("Greater", &[x, &zero], vec![]);
            let leak = tape.scaled(&dy, number("alpha", 0.01));
            tape.op("Where", &[&open, &dy, &leak], vec![])
        }
        "Clip" => clip(tape, node, &dy),
        "Sigmoid" => {
            let square = tape.mul(y, y);
            let slope = tape.op("Sub", &[y, &square], vec![]);
            tape.mul(&dy, &slope)
        }
        "Tanh" => {
            let slope = one_minus_square(tape, y);
            tape.mul(&dy, &slope)
        }
        "HardSigmoid" => {
            let (zero, one) = (tape.scalar(0.0), tape.scalar(1.0));
            let above = tape.op("Greater", &[y, &zero], vec![]);
            let below = tape.op("Less", &[y, &one], vec![]);
            let open = tape.op("And", &[&above, &below], vec![]);
            let slope = tape.scaled(&dy, number("alpha", 0.2));
            tape.masked(&open, &slope)
        }
        "HardSwish" => {
            // 0 up to -3, x / 3 + 1 / 2 in between, 1 from 3 on.
            let (three, half) = (tape.scalar(3.0), tape.scalar(0.5));
            let (minus, one) = (tape.scalar(-3.0), tape.scalar(1.0));
            let rise = tape.scaled(x, 1.0 / 3.0);
            let rise = tape.add(&rise, &half);
            let full = tape.op("Greater", &[x, &three], vec![]);
            let slope = tape.op("Where", &[&full, &one, &rise], vec![]);
            let open = tape.op("Greater", &[x, &minus], vec![]);
            let slope = tape.masked(&open, &slope);
            tape.mul(&dy, &slope)
        }
        "Gelu" => {
            let slope =
                if values::text(node, "approximate") == Some("tanh") { gelu_by_tanh(tape, x) } else { gelu(tape, x) };
            tape.mul(&dy, &slope)
        }
        "Erf" => {
            let square = tape.mul(x, x);
            let minus = tape.op("Neg", &[&square], vec![]);
            let bell = tape.op("Exp", &[&minus], vec![]);
            let slope = tape.scaled(&bell, FRAC_2_SQRT_PI);
            tape.mul(&dy, &slope)
        }
        "Elu" => {
            let zero = tape.scalar(0.0);
            let alpha = tape.scalar(number("alpha", 1.0));
            let open = tape.op("Greater", &[x, &zero], vec![]);
            let slope = tape.add(y, &alpha);
            let bent = tape.mul(&dy, &slope);
            tape.op("Where", &[&open, &dy, &bent], vec![])
        }
        "Softplus" => {
            let slope = tape.op("Sigmoid", &[x], vec![]);
            tape.mul(&dy, &slope)
        }
        "Mish" => {
            // x tanh(softplus(x)): the tanh, and x times its slope.
            let soft = tape.op("Softplus", &[x], vec![]);
            let tanh = tape.op("Tanh", &[&soft], vec![]);
            let bend = one_minus_square(tape, &tanh);
            let sigmoid = tape.op("Sigmoid", &[x], vec![]);
            let bend = tape.mul(&bend, &sigmoid);
            let bend = tape.mul(&bend, x);
            let slope = tape.add(&tanh, &bend);
            tape.mul(&dy, &slope)
        }
        "Exp" => tape.mul(&dy, y),
        "Log" => tape.op("Div", &[&dy, x], vec![]),
        "Sqrt" => {
            let half = tape.scaled(&dy, 0.5);
            tape.op("Div", &[&half, y], vec![])
        }
        "Reciprocal" => {
            let square = tape.mul(y, y);
            let slope = tape.op("Neg", &[&square], vec![]);
            tape.mul(&dy, &slope)
        }
        "Neg" => tape.op("Neg", &[&dy], vec![]),
        "Abs" => {
            let sign = tape.op("Sign", &[x], vec![]);
            tape.mul(&dy, &sign)
        }
        "Sin" => {
            let slope = tape.op("Cos", &[x], vec![]);
            tape.mul(&dy, &slope)
        }
        "Cos" => {
            let slope = tape.op("Sin", &[x], vec![]);
            let slope = tape.op("Neg", &[&slope], vec![]);
            tape.mul(&dy, &slope)
        }
        _ => return None,
    };
    tape.give(x, dx);
    Some(Ok(()))
}

fn one_minus_square(tape: &mut Tape<'_>, tensor: &str) -> String {
    let square = tape.mul(tensor, tensor);
    let one = tape.scalar(1.0);
    tape.op("Sub", &[&one, &square], vec![])
}

/// Open between the limits; at a limit closed, as torch's `ReLU6` has it. What comes out tells as much as what goes in,
/// and leaves runtimes free to make one step of a convolution and its limits.
fn clip(tape: &mut Tape<'_>, node: &NodeProto, dy: &str) -> String {
    let y = node.output[0].as_str();
    let mut open = Vec::new();
    for (at, operator) in [(1, "Greater"), (2, "Less")] {
        if let Some(limit) = input(node, at) {
            open.push(tape.op(operator, &[y, limit], vec![]));
        }
    }
    match &open[..] {
        [] => dy.to_owned(),
        [only] => tape.masked(only, dy),
        [above, below, ..] => {
            let both = tape.op("And", &[above, below], vec![]);
            tape.masked(&both, dy)
        }
    }
}

/// Slope of `x P(x)`: the normal distribution's `P(x)` and `x` times its density.
fn gelu(tape: &mut Tape<'_>, x: &str) -> String {
    let scaled = tape.scaled(x, 1.0 / SQRT_2);
    let erf = tape.op("Erf", &[&scaled], vec![]);
    let one = tape.scalar(1.0);
    let share = tape.add(&erf, &one);
    let share = tape.scaled(&share, 0.5);
    let square = tape.mul(x, x);
    let exponent = tape.scaled(&square, -0.5);
    let bell = tape.op("Exp", &[&exponent], vec![]);
    let density = tape.scaled(&bell, 1.0 / (2.0 * PI).sqrt());
    let tail = tape.mul(x, &density);
    tape.add(&share, &tail)
}

/// Slope of `x (1 + tanh(c (x + 0.044715 x^3))) / 2`, `c = sqrt(2 / pi)`.
fn gelu_by_tanh(tape: &mut Tape<'_>, x: &str) -> String {
    const CUBIC: f32 = 0.044_715;
    let c = (2.0 / PI).sqrt();
    let one = tape.scalar(1.0);
    let square = tape.mul(x, x);
    let bend = tape.scaled(&square, CUBIC);
    let bend = tape.add(&bend, &one);
    let inner = tape.mul(x, &bend);
    let inner = tape.scaled(&inner, c);
    let tanh = tape.op("Tanh", &[&inner], vec![]);
    let share = tape.add(&tanh, &one);
    let share = tape.scaled(&share, 0.5);
    let rise = tape.scaled(&square, 3.0 * CUBIC);
    let rise = tape.add(&rise, &one);
    let rise = tape.scaled(&rise, 0.5 * c);
    let slope = one_minus_square(tape, &tanh);
    let slope = tape.mul(&slope, &rise);
    let slope = tape.mul(&slope, x);
    tape.add(&share, &slope)
}

/// Operators of several inputs.
pub(super) fn several(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let y = node.output[0].as_str();
    let a = node.input[0].as_str();
    let b = input(node, 1).unwrap_or_default();
    match node.op_type.as_str() {
        "Add" | "Sum" => {
            for tensor in &node.input {
                tape.give_broadcast(tensor, dy.clone(), y)?;
            }
        }
        "Sub" => {
            tape.give_broadcast(a, dy.clone(), y)?;
            if tape.needs(b) {
                let minus = tape.op("Neg", &[&dy], vec![]);
                tape.give_broadcast(b, minus, y)?;
            }
        }
        "Mul" => {
            for (tensor, other) in [(a, b), (b, a)] {
                if tape.needs(tensor) {
                    let gradient = tape.mul(&dy, other);
                    tape.give_broadcast(tensor, gradient, y)?;
                }
            }
        }
        "Div" => {
            let share = tape.op("Div", &[&dy, b], vec![]);
            tape.give_broadcast(a, share.clone(), y)?;
            if tape.needs(b) {
                let minus = tape.op("Neg", &[&share], vec![]);
                let gradient = tape.mul(&minus, y);
                tape.give_broadcast(b, gradient, y)?;
            }
        }
        "Pow" => {
            if tape.needs(b) {
                return Err("whose exponent depends on the picture".to_owned());
            }
            let one = tape.scalar(1.0);
            let exponent = tape.op("Cast", &[b], vec![build::int("to", i64::from(Kind::F32.code()))]);
            let less = tape.op("Sub", &[&exponent, &one], vec![]);
            let power = tape.op("Pow", &[a, &less], vec![]);
            let slope = tape.mul(&power, &exponent);
            let gradient = tape.mul(&dy, &slope);
            tape.give_broadcast(a, gradient, y)?;
        }
        "PRelu" => {
            if tape.needs(b) {
                return Err("whose slope depends on the picture".to_owned());
            }
            let zero = tape.scalar(0.0);
            let open = tape.op("Greater", &[a, &zero], vec![]);
            let leak = tape.mul(&dy, b);
            let gradient = tape.op("Where", &[&open, &dy, &leak], vec![]);
            tape.give_broadcast(a, gradient, y)?;
        }
        "Where" => {
            let c = input(node, 2).ok_or("which lacks an input")?;
            let closed = tape.op("Not", &[a], vec![]);
            for (tensor, condition) in [(b, a), (c, closed.as_str())] {
                if tape.needs(tensor) {
                    let gradient = tape.masked(condition, &dy);
                    tape.give_broadcast(tensor, gradient, y)?;
                }
            }
        }
        // The gradient goes to the input that won; of several equal ones to each.
        _ => {
            for tensor in &node.input {
                if tape.needs(tensor) {
                    let won = tape.op("Equal", &[tensor, y], vec![]);
                    let gradient = tape.masked(&won, &dy);
                    tape.give_broadcast(tensor, gradient, y)?;
                }
            }
        }
    }
    Ok(())
}
