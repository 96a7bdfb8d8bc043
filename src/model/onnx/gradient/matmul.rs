//! Matrix products.

use tract_onnx::pb::NodeProto;

use super::{Outcome, Tape, attribute_int, input};
use crate::model::onnx::{build, values};

/// `y = alpha a' b' + beta c`, where `'` transposes if asked.
pub(super) fn gemm(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let (a, b, y) = (node.input[0].as_str(), node.input[1].as_str(), node.output[0].as_str());
    let number = |name| values::float(node, name).unwrap_or(1.0);
    let (turned_a, turned_b) = (attribute_int(node, "transA", 0) != 0, attribute_int(node, "transB", 0) != 0);
    let product = |tape: &mut Tape<'_>, (a, turned_a): (&str, bool), (b, turned_b): (&str, bool)| {
        let attributes = vec![
            build::float("alpha", number("alpha")),
            build::int("transA", i64::from(turned_a)),
            build::int("transB", i64::from(turned_b)),
        ];
        tape.op("Gemm", &[a, b], attributes)
    };
    if tape.needs(a) {
        let da = if turned_a {
            product(tape, (b, turned_b), (&dy, true))
        } else {
            product(tape, (&dy, false), (b, !turned_b))
        };
        tape.give(a, da);
    }
    if tape.needs(b) {
        let db = if turned_b {
            product(tape, (&dy, true), (a, turned_a))
        } else {
            product(tape, (a, !turned_a), (&dy, false))
        };
        tape.give(b, db);
    }
    if let Some(c) = input(node, 2).filter(|c| tape.needs(c)) {
        let dc = tape.scaled(&dy, number("beta"));
        tape.give_broadcast(c, dc, y)?;
    }
    Ok(())
}

/// Stacks of matrices, broadcast over the axes before the last two.
pub(super) fn matmul(tape: &mut Tape<'_>, node: &NodeProto) -> Outcome {
    let dy = tape.incoming(node)?;
    let (a, b, y) = (node.input[0].as_str(), node.input[1].as_str(), node.output[0].as_str());
    if tape.rank(a)? < 2 || tape.rank(b)? < 2 {
        return Err("one of whose inputs is no matrix".to_owned());
    }
    if tape.needs(a) {
        let turned = turned(tape, b)?;
        let da = tape.op("MatMul", &[&dy, &turned], vec![]);
        give(tape, a, da, b, y)?;
    }
    if tape.needs(b) {
        let turned = turned(tape, a)?;
        let db = tape.op("MatMul", &[&turned, &dy], vec![]);
        give(tape, b, db, a, y)?;
    }
    Ok(())
}

fn turned(tape: &mut Tape<'_>, tensor: &str) -> Result<String, String> {
    let rank = tape.rank(tensor)?;
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(rank - 2, rank - 1);
    Ok(tape.op("Transpose", &[tensor], vec![build::ints("perm", &order)]))
}

/// Sums the gradient over the stacks along which a matrix was repeated.
fn give(tape: &mut Tape<'_>, tensor: &str, gradient: String, other: &str, y: &str) -> Outcome {
    let (small, other, full) = (tape.dims(tensor)?, tape.dims(other)?, tape.dims(y)?);
    let more = full.len() - small.len();
    let stacks = full.len() - 2;
    let repeated = |&axis: &usize| {
        let of_other = (axis + other.len()).checked_sub(full.len()).map_or(1, |axis| other[axis]);
        axis < more || (small[axis - more] == 1 && of_other != 1)
    };
    let axes: Vec<i64> = (0..stacks).filter(repeated).map(|axis| axis as i64).collect();
    if axes.is_empty() {
        tape.give(tensor, gradient);
        return Ok(());
    }
    let summed = tape.sum(&gradient, &axes, true);
    let shaped = if more > 0 { tape.shaped(&summed, tensor) } else { summed };
    tape.give(tensor, shaped);
    Ok(())
}
