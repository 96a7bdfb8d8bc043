//! Each rule against finite differences of what tract computes.

use std::path::Path;

use tract_onnx::pb::NodeProto;

use super::*;
use crate::model::onnx::Tap;
use crate::model::onnx::build::{Builder, float, floats, int, ints, longs, node, text};
use crate::model::onnx::testing::{self, Numbers};

/// Inputs lie this far apart, and half of it from multiples of a quarter, where the operators here have their kinks.
const APART: f32 = 0.25;
/// Step of the differences: twice that is less than the way to the next kink.
const STEP: f32 = 0.05;
/// Differences of f32 results over five points: cancellation leaves about 1e-5, truncation less.
const TOLERANCE: f64 = 2e-4;

/// Different numbers `APART` apart around 0, in no order; `count` and `salt` say which.
fn mixed(count: usize, salt: usize) -> Vec<f32> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = 12_345 + salt * 7919;
    for at in (1..count).rev() {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        order.swap(at, (state >> 8) % (at + 1));
    }
    order
        .iter()
        .map(|&at| (at as f32 - count as f32 / 2.0 + 0.5) * APART + if count % 2 == 1 { APART / 2.0 } else { 0.0 })
        .collect()
}

/// Weights between -1 and 1.
fn weights(count: usize, salt: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 37 + salt * 101) as f32 * 0.731).sin()).collect()
}

fn graph(builder: Builder, opset: i64) -> Graph {
    let builder = builder.node("Flatten", &["y"], "s", vec![]).output("s");
    Graph::new(builder.build(opset), Path::new("x.onnx"), String::new()).unwrap()
}

/// Relative distance of two lists, in the L2 norm.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let apart = norm(&mut a.iter().zip(b).map(|(a, b)| a - b));
    apart / norm(&mut b.iter().copied()).max(1e-12)
}

/// The gradient by rule and by differences for two pictures of the shape `dims`, `scale` times the mixed numbers.
fn both(graph: &Graph, dims: &[usize], scale: f32) -> (Vec<f64>, Vec<f64>) {
    let count: usize = dims.iter().product();
    let shape = |batch: usize| [&[batch], dims].concat();
    let x: Vec<f32> = [mixed(count, 1), mixed(count, 2)].concat().iter().map(|value| value * scale).collect();
    let forward = graph.expose(&[Tap::whole("s", "s")]).unwrap();
    let classes = testing::run(&forward, &[(shape(2), x.clone())])[0].0[1];
    let seed = weights(2 * classes, 3);
    let target = Target { output: "s".to_owned(), seed: Seed::Input };
    let onnx = graph.gradients(&target, &["x".to_owned()]).unwrap();
    let outputs = testing::run(&onnx, &[(shape(2), x.clone()), (vec![2, classes], seed.clone())]);
    assert_eq!((&outputs[0].0, &outputs[1].1), (&shape(2), &x), "the gradient has the tensor's shape");
    let gradient = outputs[0].1.iter().map(|&value| f64::from(value)).collect();
    // All the steps of a picture as one batch.
    let mut differences = Vec::new();
    for picture in 0..2 {
        let at = &x[picture * count..(picture + 1) * count];
        let mut batch = Vec::new();
        for place in 0..count {
            for steps in [-2.0, -1.0, 1.0, 2.0] {
                let mut moved = at.to_vec();
                moved[place] += steps * STEP * scale;
                batch.extend(moved);
            }
        }
        let found: Numbers = testing::run(&forward, &[(shape(4 * count), batch)]).remove(0);
        let value = |row: usize| {
            let products = found.1[row * classes..(row + 1) * classes].iter().zip(&seed[picture * classes..]);
            products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
        };
        for place in 0..count {
            let [a, b, c, d] = [0, 1, 2, 3].map(|step| value(4 * place + step));
            differences.push((a - 8.0 * b + 8.0 * c - d) / (12.0 * f64::from(STEP * scale)));
        }
    }
    (gradient, differences)
}

fn check_scaled(what: &str, opset: i64, dims: &[usize], scale: f32, build: impl Fn(Builder) -> Builder) {
    let input = [&[0], dims].concat();
    let graph = graph(build(Builder::new().input("x", &input)), opset);
    let (gradient, differences) = both(&graph, dims, scale);
    let apart = distance(&gradient, &differences);
    assert!(apart < TOLERANCE, "{what}: {apart:e}\n{gradient:?}\n{differences:?}");
    assert!(differences.iter().any(|value| value.abs() > 1e-3), "{what}: nothing to compare");
    // The comparison must see a gradient that is a place off.
    let mut turned = gradient;
    turned.rotate_left(1);
    assert!(distance(&turned, &differences) > TOLERANCE * 10.0 || turned.len() < 3, "{what}: blind");
}

fn check(what: &str, dims: &[usize], build: impl Fn(Builder) -> Builder) {
    check_scaled(what, 18, dims, 1.0, build);
}

fn one(operator: &str, attributes: &[AttributeProto]) -> NodeProto {
    node(operator, &["x"], &["y"], attributes.to_vec())
}

#[test]
fn operators_of_one_input() {
    let check = |operator: &str, attributes: &[AttributeProto]| {
        check_scaled(operator, 20, &[3, 2, 5], 1.0, |b| b.with(one(operator, attributes)));
    };
    check("Relu", &[]);
    check("LeakyRelu", &[float("alpha", 0.2)]);
    check("Sigmoid", &[]);
    check("HardSigmoid", &[]);
    check("HardSigmoid", &[float("alpha", 1.0 / 6.0), float("beta", 0.5)]);
    check("HardSwish", &[]);
    check("Gelu", &[]);
    check("Gelu", &[text("approximate", "tanh")]);
    check("Erf", &[]);
    check("Tanh", &[]);
    check("Elu", &[float("alpha", 1.5)]);
    check("Softplus", &[]);
    check("Mish", &[]);
    check("Sin", &[]);
    check("Cos", &[]);
    check("Exp", &[]);
    check("Neg", &[]);
    check("Abs", &[]);
    check("Identity", &[]);
    check("Dropout", &[]);
    check("Cast", &[int("to", 1)]);
    check("Softmax", &[int("axis", 1)]);
    check("Softmax", &[int("axis", -1)]);
    check("LogSoftmax", &[int("axis", 2)]);
}

#[test]
fn operators_of_one_positive_input() {
    for operator in ["Sqrt", "Log", "Reciprocal"] {
        check(operator, &[2, 3], |b| {
            let b = b.weights(floats("up", &[], &[4.0])).node("Add", &["x", "up"], "p", vec![]);
            b.node(operator, &["p"], "y", vec![])
        });
    }
}

#[test]
fn operators_of_several_inputs_with_broadcasting() {
    let number = |b: Builder| b.weights(floats("w", &[3, 1], &[2.0, -1.5, 0.75]));
    for operator in ["Add", "Sub", "Mul", "Div"] {
        check(operator, &[3, 2], |b| number(b).node(operator, &["x", "w"], "y", vec![]));
        check(operator, &[3, 1], |b| {
            // The constant makes the result larger than the input, and comes first.
            let b = b.weights(floats("w", &[3, 4], &weights(12, 5)));
            let b = b.weights(floats("up", &[], &[3.0])).node("Add", &["x", "up"], "p", vec![]);
            b.node(operator, &["w", "p"], "y", vec![])
        });
        check(operator, &[2, 3], |b| {
            // Both sides depend on the picture, one is repeated over an axis that it has and one that it lacks.
            let b = b.weights(longs("axes", &[1], &[2])).weights(floats("up", &[], &[3.0]));
            let b = b.node("ReduceMean", &["x", "axes"], "m", vec![int("keepdims", 1)]);
            let b = b.node("Add", &["m", "up"], "p", vec![]);
            b.node(operator, &["x", "p"], "y", vec![])
        });
    }
    check("Sum", &[4], |b| b.weights(floats("w", &[1, 4], &weights(4, 1))).node("Sum", &["x", "w", "x"], "y", vec![]));
    for operator in ["Max", "Min"] {
        check(operator, &[6], |b| b.weights(floats("w", &[1], &[0.25])).node(operator, &["x", "w"], "y", vec![]));
    }
    check("Pow", &[5], |b| b.weights(floats("e", &[], &[3.0])).node("Pow", &["x", "e"], "y", vec![]));
    check("Pow", &[5], |b| b.weights(longs("e", &[], &[2])).node("Pow", &["x", "e"], "y", vec![]));
    check("PRelu", &[3, 2], |b| {
        b.weights(floats("w", &[3, 1], &[0.1, 0.2, 0.3])).node("PRelu", &["x", "w"], "y", vec![])
    });
    check("Clip", &[10], |b| {
        let b = b.weights(floats("low", &[], &[-0.75])).weights(floats("high", &[], &[1.0]));
        b.node("Clip", &["x", "low", "high"], "y", vec![])
    });
    check("Clip from above", &[10], |b| {
        b.weights(floats("high", &[], &[0.5])).node("Clip", &["x", "", "high"], "y", vec![])
    });
    check("Clip without limits", &[6], |b| b.node("Clip", &["x"], "y", vec![]));
    check("Max of three", &[6], |b| {
        let b = b.weights(floats("low", &[1], &[-0.5])).node("Neg", &["x"], "n", vec![]);
        b.node("Max", &["x", "low", "n"], "y", vec![])
    });
    check("Where with broadcasting", &[3, 2], |b| {
        let b = b.weights(floats("zero", &[3, 1], &[0.5, -0.25, 1.0])).node("Greater", &["x", "zero"], "c", vec![]);
        let b = b.weights(longs("axes", &[1], &[2])).node("ReduceMean", &["x", "axes"], "m", vec![int("keepdims", 1)]);
        b.node("Where", &["c", "m", "x"], "y", vec![])
    });
    check("Clip from below", &[10], |b| b.weights(floats("low", &[], &[0.0])).node("Clip", &["x", "low"], "y", vec![]));
    check("Where", &[6], |b| {
        let b = b.weights(floats("zero", &[], &[0.5])).node("Greater", &["x", "zero"], "c", vec![]);
        let b = b.node("Mul", &["x", "x"], "q", vec![]);
        b.node("Where", &["c", "q", "x"], "y", vec![])
    });
}

#[test]
fn convolutions() {
    let conv = |dims: &[usize], kernel: &[usize], attributes: Vec<AttributeProto>| {
        let what = format!("Conv {kernel:?} {attributes:?}");
        check(&what, dims, |b| {
            let b = b.weights(floats("w", kernel, &weights(kernel.iter().product(), 2)));
            let b = b.weights(floats("b", &[kernel[0]], &weights(kernel[0], 4)));
            b.node("Conv", &["x", "w", "b"], "y", attributes.clone())
        });
    };
    conv(&[2, 5, 4], &[3, 2, 3, 3], vec![]);
    conv(&[2, 5, 4], &[3, 2, 3, 3], vec![ints("pads", &[1, 1, 1, 1])]);
    conv(&[2, 5, 6], &[3, 2, 3, 3], vec![ints("pads", &[1, 1, 1, 1]), ints("strides", &[2, 2])]);
    conv(&[2, 6, 5], &[3, 2, 3, 2], vec![ints("pads", &[0, 1, 2, 0]), ints("strides", &[2, 1])]);
    conv(&[2, 6, 7], &[3, 2, 1, 1], vec![ints("strides", &[2, 2])]);
    conv(&[2, 7, 6], &[3, 2, 1, 1], vec![ints("strides", &[3, 3])]);
    conv(&[2, 7, 7], &[2, 2, 3, 3], vec![ints("dilations", &[2, 2]), ints("pads", &[2, 2, 2, 2])]);
    conv(&[2, 8, 7], &[2, 2, 2, 3], vec![ints("dilations", &[3, 2]), ints("strides", &[2, 2])]);
    conv(&[4, 5, 5], &[4, 1, 3, 3], vec![int("group", 4), ints("pads", &[1, 1, 1, 1])]);
    conv(&[4, 5, 5], &[6, 2, 3, 3], vec![int("group", 2)]);
    conv(&[4, 5, 5], &[4, 1, 3, 3], vec![int("group", 4), ints("pads", &[1, 1, 1, 1]), ints("strides", &[2, 2])]);
    conv(&[4, 6, 5], &[4, 1, 3, 3], vec![int("group", 4), ints("pads", &[1, 0, 1, 1]), ints("strides", &[2, 3])]);
    conv(&[3, 6, 7], &[3, 1, 5, 5], vec![int("group", 3), ints("pads", &[2, 2, 2, 2]), ints("strides", &[2, 2])]);
    conv(&[3, 7, 6], &[3, 1, 3, 3], vec![int("group", 3), text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])]);
    conv(&[3, 5, 5], &[3, 1, 1, 1], vec![int("group", 3), ints("strides", &[3, 3])]);
    conv(&[3, 5, 5], &[3, 1, 1, 1], vec![int("group", 3), ints("pads", &[1, 1, 1, 1])]);
    conv(&[2, 6, 5], &[3, 2, 4, 3], vec![ints("dilations", &[1, 2]), ints("pads", &[1, 2, 2, 1])]);
    conv(&[4, 6, 6], &[6, 2, 3, 3], vec![int("group", 2), ints("pads", &[1, 1, 1, 1]), ints("strides", &[2, 2])]);
    conv(&[2, 6, 5], &[3, 2, 3, 3], vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])]);
    conv(&[2, 6, 5], &[3, 2, 3, 3], vec![text("auto_pad", "SAME_LOWER"), ints("strides", &[2, 2])]);
    conv(&[2, 6, 5], &[3, 2, 4, 4], vec![text("auto_pad", "SAME_UPPER")]);
    conv(&[2, 6, 5], &[3, 2, 3, 3], vec![text("auto_pad", "VALID")]);
    conv(&[2, 9], &[3, 2, 3], vec![ints("pads", &[1, 1]), ints("strides", &[2])]);
}

#[test]
fn transposed_convolutions() {
    let conv = |dims: &[usize], kernel: &[usize], attributes: Vec<AttributeProto>| {
        let what = format!("ConvTranspose {kernel:?} {attributes:?}");
        check(&what, dims, |b| {
            let b = b.weights(floats("w", kernel, &weights(kernel.iter().product(), 2)));
            b.node("ConvTranspose", &["x", "w"], "y", attributes.clone())
        });
    };
    conv(&[2, 3, 4], &[2, 3, 3, 3], vec![]);
    conv(&[2, 3, 4], &[2, 3, 3, 3], vec![ints("strides", &[2, 2]), ints("pads", &[1, 1, 1, 1])]);
    conv(
        &[2, 3, 4],
        &[2, 3, 3, 3],
        vec![ints("strides", &[2, 2]), ints("pads", &[1, 0, 0, 1]), ints("output_padding", &[1, 1])],
    );
    conv(&[4, 3, 3], &[4, 1, 2, 2], vec![ints("strides", &[2, 2]), int("group", 2)]);
    conv(&[2, 4, 3], &[2, 2, 3, 3], vec![ints("dilations", &[2, 1])]);
    // tract itself refuses larger steps between places together with those between windows, unless each channel is on its own.
    let all = [ints("dilations", &[2, 1]), ints("strides", &[2, 3]), ints("output_padding", &[1, 2])];
    conv(&[4, 3, 3], &[4, 2, 2, 3], [&all[1..], &[int("group", 2)]].concat());
    conv(&[4, 3, 3], &[4, 2, 2, 3], vec![all[0].clone(), int("group", 2)]);
    conv(&[4, 3, 3], &[4, 1, 2, 3], [&all[..], &[int("group", 4), ints("pads", &[1, 0, 0, 1])]].concat());
    for same in ["SAME_UPPER", "SAME_LOWER"] {
        conv(&[2, 3, 4], &[2, 3, 3, 3], vec![text("auto_pad", same), ints("strides", &[2, 2])]);
        conv(&[2, 3, 4], &[2, 3, 4, 3], vec![text("auto_pad", same), ints("strides", &[1, 2])]);
    }
    conv(&[2, 5], &[2, 3, 3], vec![ints("strides", &[2])]);
}

#[test]
fn pools() {
    let pool = |operator: &str, dims: &[usize], attributes: &[AttributeProto]| {
        check(&format!("{operator} {attributes:?}"), dims, |b| b.with(one(operator, attributes)));
    };
    let three = ints("kernel_shape", &[3, 3]);
    let two = ints("kernel_shape", &[2, 2]);
    for operator in ["MaxPool", "AveragePool"] {
        pool(operator, &[2, 4, 6], &[two.clone(), ints("strides", &[2, 2])]);
        pool(operator, &[2, 5, 5], &[three.clone(), ints("strides", &[2, 2]), ints("pads", &[1, 1, 1, 1])]);
        pool(operator, &[2, 4, 4], std::slice::from_ref(&three));
        pool(operator, &[2, 5, 4], &[two.clone(), ints("strides", &[2, 2]), int("ceil_mode", 1)]);
        pool(operator, &[2, 5, 4], &[three.clone(), ints("strides", &[2, 2]), text("auto_pad", "SAME_UPPER")]);
        pool(operator, &[2, 5, 5], &[two.clone(), ints("strides", &[3, 3])]);
        pool(operator, &[2, 5, 4], &[three.clone(), ints("strides", &[2, 2]), text("auto_pad", "SAME_LOWER")]);
        let odd = [ints("strides", &[2, 2]), ints("pads", &[0, 1, 1, 0])];
        pool(operator, &[2, 6, 5], &[&odd[..], std::slice::from_ref(&three), &[int("ceil_mode", 1)]].concat());
        pool(operator, &[2, 9], &[ints("kernel_shape", &[3]), ints("strides", &[2]), ints("pads", &[1, 0])]);
    }
    pool("MaxPool", &[2, 7, 6], &[two.clone(), ints("dilations", &[2, 3])]);
    pool(
        "MaxPool",
        &[2, 7, 6],
        &[three.clone(), ints("dilations", &[2, 1]), ints("strides", &[2, 1]), int("ceil_mode", 1)],
    );
    pool("AveragePool", &[2, 5, 4], &[three.clone(), text("auto_pad", "SAME_UPPER"), int("count_include_pad", 1)]);
    pool("AveragePool", &[2, 5, 5], &[three.clone(), ints("pads", &[1, 1, 1, 1]), int("count_include_pad", 1)]);
    pool("AveragePool", &[2, 5, 4], &[three, ints("strides", &[2, 2]), ints("pads", &[0, 1, 1, 0])]);
    pool("GlobalAveragePool", &[3, 4, 5], &[]);
    pool("GlobalMaxPool", &[3, 4, 5], &[]);
}

#[test]
fn reductions() {
    let reduce = |operator: &str, axes: &[i64], keep: i64| {
        check(&format!("{operator} {axes:?} {keep}"), &[3, 2, 4], |b| {
            let b = b.weights(longs("axes", &[axes.len()], axes));
            b.node(operator, &["x", "axes"], "y", vec![int("keepdims", keep)])
        });
    };
    for operator in ["ReduceMean", "ReduceSum", "ReduceL2", "ReduceSumSquare", "ReduceMax", "ReduceMin"] {
        reduce(operator, &[2, 3], 1);
        reduce(operator, &[-1], 0);
        reduce(operator, &[1, -1], 0);
    }
}

#[test]
fn normalisations() {
    check("BatchNormalization", &[3, 2, 2], |b| {
        let b = b.weights(floats("scale", &[3], &[1.5, -0.5, 2.0])).weights(floats("b", &[3], &[0.1, 0.2, 0.3]));
        let b = b.weights(floats("m", &[3], &[0.5, 0.0, -1.0])).weights(floats("v", &[3], &[1.0, 0.25, 4.0]));
        b.node("BatchNormalization", &["x", "scale", "b", "m", "v"], "y", vec![float("epsilon", 1e-3)])
    });
    for (axis, scale) in [(-1, vec![4]), (2, vec![2, 4]), (1, vec![3, 2, 4])] {
        check(&format!("LayerNormalization {axis}"), &[3, 2, 4], |b| {
            let count = scale.iter().product();
            let b =
                b.weights(floats("scale", &scale, &weights(count, 1))).weights(floats("b", &scale, &weights(count, 2)));
            b.node("LayerNormalization", &["x", "scale", "b"], "y", vec![int("axis", axis), float("epsilon", 1e-2)])
        });
    }
    check("InstanceNormalization", &[3, 2, 3], |b| {
        let b = b.weights(floats("scale", &[3], &[1.5, -0.5, 2.0])).weights(floats("b", &[3], &[0.1, 0.2, 0.3]));
        b.node("InstanceNormalization", &["x", "scale", "b"], "y", vec![float("epsilon", 1e-2)])
    });
}

#[test]
fn matrix_products() {
    for (a, b) in [(0, 0), (0, 1)] {
        check(&format!("Gemm {a} {b}"), &[3], |g| {
            let dims = if b == 1 { [4, 3] } else { [3, 4] };
            let g = g.weights(floats("w", &dims, &weights(12, 1))).weights(floats("c", &[4], &weights(4, 2)));
            g.node("Gemm", &["x", "w", "c"], "y", vec![int("transA", a), int("transB", b), float("alpha", 0.5)])
        });
    }
    let matmul = |what: &str, dims: &[usize], weight: &[usize], first: bool| {
        check(what, dims, |b| {
            let b = b.weights(floats("w", weight, &weights(weight.iter().product(), 1)));
            b.node("MatMul", if first { &["w", "x"] } else { &["x", "w"] }, "y", vec![])
        });
    };
    matmul("MatMul by a matrix", &[2, 3], &[3, 4], false);
    matmul("MatMul from the left", &[2, 3], &[4, 2], true);
    matmul("MatMul of stacks", &[2, 4, 3], &[2, 3, 5], false);
    matmul("MatMul repeated", &[1, 4, 3], &[2, 3, 5], false);
    matmul("MatMul repeated, from the left", &[1, 4, 3], &[2, 5, 4], true);
    check("MatMul with itself", &[2, 3, 4], |b| {
        let b = b.node("Transpose", &["x"], "t", vec![ints("perm", &[0, 1, 3, 2])]);
        b.node("MatMul", &["x", "t"], "y", vec![])
    });
    check("Gemm of two parts of the picture", &[1], |b| {
        // Over the batch, which here is only scaled: both sides get their gradients.
        let b = b.weights(floats("w", &[1, 1], &[2.0])).weights(floats("c", &[1], &[1.0]));
        b.node("Gemm", &["x", "w", "x"], "y", vec![float("beta", 3.0)])
    });
}

#[test]
fn moved_values() {
    let with = |what: &str, dims: &[usize], constants: &[(&str, &[i64])], add: NodeProto| {
        check(what, dims, |b| {
            let b = constants.iter().fold(b, |b, (name, values)| b.weights(longs(name, &[values.len()], values)));
            // So that the gradient depends on the place.
            let b = b.node("Mul", &["x", "x"], "q", vec![]);
            b.with(add.clone())
        });
    };
    with("Reshape", &[2, 6], &[("to", &[0, -1, 3])], node("Reshape", &["q", "to"], &["y"], vec![]));
    with("Flatten", &[2, 3], &[], node("Flatten", &["q"], &["y"], vec![]));
    with("Squeeze", &[1, 3], &[("a", &[1])], node("Squeeze", &["q", "a"], &["y"], vec![]));
    with("Unsqueeze", &[2, 3], &[("a", &[1, -1])], node("Unsqueeze", &["q", "a"], &["y"], vec![]));
    with("Transpose", &[2, 3, 4], &[], node("Transpose", &["q"], &["y"], vec![ints("perm", &[0, 3, 1, 2])]));
    with("Expand", &[1, 3], &[("to", &[1, 2, 1])], node("Expand", &["q", "to"], &["y"], vec![]));
    with("Concat", &[2, 3], &[], node("Concat", &["q", "x", "q"], &["y"], vec![int("axis", 1)]));
    with("Concat from behind", &[2, 3], &[], node("Concat", &["q", "x"], &["y"], vec![int("axis", -1)]));
    let slice = |what: &str, starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]| {
        let constants: [(&str, &[i64]); 4] = [("from", starts), ("to", ends), ("axes", axes), ("steps", steps)];
        with(what, &[4, 5], &constants, node("Slice", &["q", "from", "to", "axes", "steps"], &["y"], vec![]));
    };
    slice("Slice", &[1], &[3], &[1], &[1]);
    slice("Slice to the end", &[-3, 1], &[i64::MAX, -1], &[2, 1], &[1, 1]);
    slice("Slice by twos", &[1], &[5], &[2], &[2]);
    slice("Slice backwards", &[-1], &[i64::MIN], &[1], &[-1]);
    slice("Slice backwards by twos", &[3], &[0], &[-1], &[-2]);
    slice("Slice backwards from beyond", &[i64::from(i32::MAX), 4], &[-5, 1], &[1, 2], &[-1, -1]);
    slice("Slice from before the start", &[-9], &[-2], &[2], &[1]);
    with("Gather", &[4, 2], &[("i", &[2, 0, 2])], node("Gather", &["q", "i"], &["y"], vec![int("axis", 1)]));
    with("Gather from behind", &[4, 3], &[("i", &[-1, 1])], node("Gather", &["q", "i"], &["y"], vec![int("axis", 2)]));
    check("Gather of one", &[4, 2], |b| {
        let b = b.weights(longs("i", &[], &[-2])).node("Mul", &["x", "x"], "q", vec![]);
        b.node("Gather", &["q", "i"], "y", vec![int("axis", 1)])
    });
    check("Gather by a table", &[4, 2], |b| {
        let b = b.weights(longs("i", &[2, 2], &[3, 0, -1, 3])).node("Mul", &["x", "x"], "q", vec![]);
        b.node("Gather", &["q", "i"], "y", vec![int("axis", 1)])
    });
    let pad = |mode: &str, dims: &[usize], pads: &[i64]| {
        let add = node("Pad", &["q", "p"], &["y"], vec![text("mode", mode)]);
        with(&format!("Pad {mode} {pads:?}"), dims, &[("p", pads)], add);
    };
    pad("constant", &[2, 3], &[0, 1, 2, 0, 0, 1]);
    pad("edge", &[2, 3], &[0, 1, 2, 0, 0, 1]);
    pad("edge", &[3, 3], &[0, 0, 4, 0, 2, 0]);
    pad("reflect", &[3, 4], &[0, 1, 2, 0, 2, 3]);
    with(
        "Pad of some axes",
        &[2, 3],
        &[("p", &[1, 2]), ("axes", &[-1])],
        node("Pad", &["q", "p", "", "axes"], &["y"], vec![]),
    );
    check("Split", &[5, 2], |b| {
        let b = b.weights(longs("sizes", &[3], &[2, 1, 2])).node("Mul", &["x", "x"], "q", vec![]);
        let b = b.with(node("Split", &["q", "sizes"], &["a", "unread", "c"], vec![int("axis", 1)]));
        b.node("Concat", &["c", "a"], "y", vec![int("axis", 1)])
    });
    check("Split into equal parts and a rest", &[2, 7], |b| {
        let b = b.node("Mul", &["x", "x"], "q", vec![]);
        let b = b.with(node("Split", &["q"], &["a", "b", "c"], vec![int("axis", -1), int("num_outputs", 3)]));
        b.node("Concat", &["c", "b", "a"], "y", vec![int("axis", 2)])
    });
    with("Flatten further on", &[2, 3, 2], &[], node("Flatten", &["q"], &["y"], vec![int("axis", 1)]));
    with("Squeeze of all", &[1, 3, 1], &[("a", &[1, -1])], node("Squeeze", &["q", "a"], &["y"], vec![]));
}

#[test]
fn older_operator_sets_are_brought_up() {
    let check = |what: &str, opset: i64, dims: &[usize], build: &dyn Fn(Builder) -> Builder| {
        check_scaled(&format!("{what} of {opset}"), opset, dims, 1.0, build);
    };
    for opset in [9, 11] {
        check("Squeeze", opset, &[1, 3], &|b| b.with(one("Squeeze", &[ints("axes", &[1])])));
        check("Unsqueeze", opset, &[3], &|b| b.with(one("Unsqueeze", &[ints("axes", &[1])])));
        check("ReduceSum", opset, &[2, 3], &|b| b.with(one("ReduceSum", &[ints("axes", &[2]), int("keepdims", 0)])));
        check("Softmax", opset, &[2, 3], &|b| b.with(one("Softmax", &[])));
        check("Softmax", opset, &[2, 3], &|b| b.with(one("Softmax", &[int("axis", 2)])));
        check("Split", opset, &[4, 2], &|b| {
            let b = b.with(node("Split", &["x"], &["a", "b"], vec![int("axis", 1), ints("split", &[1, 3])]));
            b.node("Concat", &["b", "a"], "y", vec![int("axis", 1)])
        });
        check("Dropout", opset, &[4], &|b| b.with(one("Dropout", &[float("ratio", 0.5)])));
    }
    for opset in [13, 17] {
        check("ReduceMean", opset, &[2, 3], &|b| b.with(one("ReduceMean", &[ints("axes", &[-1])])));
        check("Split", opset, &[4, 2], &|b| {
            let b = b.with(node("Split", &["x"], &["a", "b"], vec![int("axis", 1)]));
            b.node("Sub", &["b", "a"], "y", vec![])
        });
    }
    check("Clip", 9, &[10], &|b| b.with(one("Clip", &[float("min", 0.0), float("max", 0.75)])));
    check("Pad", 9, &[2, 3], &|b| b.with(one("Pad", &[ints("pads", &[0, 1, 0, 0, 0, 1]), float("value", 1.0)])));
    check("Slice", 9, &[4, 3], &|b| {
        b.with(one("Slice", &[ints("starts", &[1]), ints("ends", &[3]), ints("axes", &[1])]))
    });
}

#[test]
fn inner_tensors_and_fixed_seeds() {
    // x -> relu a -> square b -> flat s; names of outputs are taken inside.
    let builder = Builder::new()
        .input("x", &[0, 3])
        .node("Relu", &["x"], "grad_0", vec![])
        .node("Mul", &["grad_0", "grad_0"], "scores", vec![])
        .node("Mul", &["scores", "grad_0"], "y", vec![])
        .node("Relu", &["y"], "aside", vec![]);
    let graph = graph(builder, 13);
    let x = (vec![2, 3], vec![1.0, 2.0, -1.0, 3.0, 0.5, 1.0]);
    let run = |seed: Seed, wrt: &[&str]| {
        let wrt: Vec<String> = wrt.iter().map(|&name| name.to_owned()).collect();
        testing::run(
            &graph.gradients(&Target { output: "s".to_owned(), seed }, &wrt).unwrap(),
            std::slice::from_ref(&x),
        )
    };
    // s = a^3: 3 a^2 for a, a for b = a^2 where only the product with a is counted.
    let class = run(Seed::Class(1), &["grad_0", "scores"]);
    assert_eq!(class[0].1, [0.0, 12.0, 0.0, 0.0, 0.75, 0.0]);
    assert_eq!(class[1].1, [1.0, 2.0, 0.0, 3.0, 0.5, 1.0]);
    assert_eq!(class[2].1, [0.0, 2.0, 0.0, 0.0, 0.5, 0.0]);
    assert_eq!(class[3].1, [1.0, 4.0, 0.0, 9.0, 0.25, 1.0]);
    assert_eq!(class[4].1, [1.0, 8.0, 0.0, 27.0, 0.125, 1.0]);
    let weights = run(Seed::Weights(vec![1.0, -1.0, 0.0]), &["x"]);
    assert_eq!(weights[0].1, [3.0, -12.0, 0.0, 27.0, -0.75, 0.0]);
}

#[test]
fn what_cannot_be_differentiated_is_named() {
    let of = |builder: Builder, output: &str, seed: Seed, wrt: &str| {
        let target = Target { output: output.to_owned(), seed };
        graph(builder, 18).gradients(&target, &[wrt.to_owned()]).unwrap_err().to_string()
    };
    let check = |error: String, expect: &str| assert!(error.contains(expect) && error.ends_with(": x.onnx"), "{error}");
    let x = || Builder::new().input("x", &[0, 4]);
    let unknown = of(x().node("Round", &["x"], "y", vec![]), "s", Seed::Input, "x");
    check(unknown.clone(), "there is no gradient for the operator Round (node \"y\"); Eigen-CAM, Score-CAM");
    let mut foreign = node("FusedGelu", &["x"], &["y"], vec![]);
    foreign.domain = "com.example".to_owned();
    check(of(x().with(foreign), "s", Seed::Input, "x"), "FusedGelu of com.example");
    let relu = || x().node("Relu", &["x"], "y", vec![]);
    check(of(relu(), "y", Seed::Input, "s"), "\"s\" has no part in \"y\"");
    check(of(relu(), "s", Seed::Class(4), "x"), "has 4 values a picture, so there is no class 4");
    check(of(relu(), "s", Seed::Weights(vec![1.0]), "x"), "has 4 values a picture, not 1");
    let batch = x().weights(longs("a", &[1], &[0])).node("ReduceMean", &["x", "a"], "y", vec![int("keepdims", 1)]);
    check(of(batch, "s", Seed::Input, "x"), "mixes the pictures of a batch");
    let strange =
        x().weights(longs("p", &[4], &[0, 1, 0, 1])).node("Pad", &["x", "p"], "y", vec![text("mode", "wrap")]);
    check(of(strange, "s", Seed::Input, "x"), "which pads by \"wrap\"");
    let cut = x().weights(longs("p", &[4], &[0, -1, 0, 1])).node("Pad", &["x", "p"], "y", vec![]);
    check(of(cut, "s", Seed::Input, "x"), "which cuts instead of padding");
    let absent = graph(relu(), 18).gradients(&Target { output: "z".to_owned(), seed: Seed::Input }, &[]).unwrap_err();
    assert!(absent.to_string().contains("no tensor \"z\""), "{absent}");
}
