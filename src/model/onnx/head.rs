//! The end of a classifier: the scores before softmax and the linear layer that makes them.

use tract_onnx::pb::NodeProto;

use super::graph::Graph;
use super::values;

/// The linear layer `scores = weights · features + bias` at the end of a classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The tensor it reads: `[N, D]`, or `[N, D, 1, 1]` where the layer is a 1x1 convolution.
    pub features: String,
    /// The tensor of its weights.
    pub weights: String,
    /// The tensor of its bias.
    pub bias: Option<String>,
    /// How many scores it makes (C).
    pub classes: usize,
    /// How many features it reads (D).
    pub dims: usize,
    /// Whether the weights lie as `[C, D]`; else as `[D, C]`.
    pub rows_are_classes: bool,
}

impl Graph {
    /// The tensor of scores before softmax: the first output that a linear layer makes, else the first output `[N, C]`.
    #[must_use]
    pub fn logits(&self) -> Option<String> {
        let outputs = self.outputs();
        let scores: Vec<String> = outputs.iter().map(|output| self.before_softmax(&output.name).to_owned()).collect();
        let flat = |tensor: &&String| self.shapes().dims(tensor).is_some_and(|dims| dims.len() == 2);
        let linear = scores.iter().find(|tensor| self.head(tensor).is_some());
        linear.or_else(|| scores.iter().find(flat)).cloned()
    }

    /// How many classes the scores have.
    #[must_use]
    pub fn class_count(&self, logits: &str) -> Option<usize> {
        let dims = self.shapes().dims(logits)?;
        if dims.len() < 2 { None } else { Some(dims[1..].iter().product()) }
    }

    fn before_softmax<'a>(&'a self, output: &'a str) -> &'a str {
        let mut name = output;
        let mut below = None;
        while let Some(node) = self.maker(name) {
            match node.op_type.as_str() {
                "Softmax" | "LogSoftmax" => {
                    below = Some(node.input[0].as_str());
                    break;
                }
                "Identity" | "Cast" | "Flatten" | "Squeeze" | "Reshape" => name = &node.input[0],
                _ => break,
            }
        }
        below.unwrap_or(output)
    }

    /// The linear layer that makes `logits`, if one does.
    #[must_use]
    pub fn head(&self, logits: &str) -> Option<Head> {
        let mut name = logits;
        loop {
            let node = self.maker(name)?;
            match node.op_type.as_str() {
                "Identity" | "Cast" | "Flatten" | "Squeeze" | "Reshape" | "Dropout" => name = node.input.first()?,
                "Gemm" => return self.gemm(node),
                "MatMul" => return self.matmul(node, None),
                "Add" => {
                    let (product, bias) = match self.stored(&node.input[0]) {
                        Some(_) => (&node.input[1], &node.input[0]),
                        None => (&node.input[0], &node.input[1]),
                    };
                    self.stored(bias)?;
                    let product = self.maker(product).filter(|node| node.op_type == "MatMul")?;
                    return self.matmul(product, Some(bias.clone()));
                }
                "Conv" => return self.pointwise(node),
                _ => return None,
            }
        }
    }

    /// Weights behind nodes that only pass them on, or turn them round: (stored tensor, turned).
    fn weights<'a>(&'a self, name: &'a str) -> Option<(&'a str, bool)> {
        let (mut name, mut turned) = (name, false);
        while self.stored(name).is_none() {
            let node = self.maker(name)?;
            match node.op_type.as_str() {
                "Identity" => {}
                "Transpose" => turned = !turned,
                _ => return None,
            }
            name = &node.input[0];
        }
        Some((name, turned))
    }

    fn linear(&self, features: &str, weights: &str, bias: Option<String>, rows_are_classes: bool) -> Option<Head> {
        let (weights, turned) = self.weights(weights)?;
        let dims = values::dims(self.stored(weights)?);
        let &[rows, columns] = &dims[..] else { return None };
        let rows_are_classes = rows_are_classes != turned;
        let (classes, dims) = if rows_are_classes { (rows, columns) } else { (columns, rows) };
        Some(Head { features: features.to_owned(), weights: weights.to_owned(), bias, classes, dims, rows_are_classes })
    }

    fn gemm(&self, node: &NodeProto) -> Option<Head> {
        let plain = |name| values::float(node, name).is_none_or(|value| value == 1.0);
        if !plain("alpha") || !plain("beta") || values::int(node, "transA") == Some(1) {
            return None;
        }
        let bias = node.input.get(2).filter(|name| self.stored(name).is_some()).cloned();
        self.linear(&node.input[0], &node.input[1], bias, values::int(node, "transB") == Some(1))
    }

    fn matmul(&self, node: &NodeProto, bias: Option<String>) -> Option<Head> {
        self.linear(&node.input[0], &node.input[1], bias, false)
    }

    fn pointwise(&self, node: &NodeProto) -> Option<Head> {
        let dims = values::dims(self.stored(&node.input[1])?);
        let &[classes, inputs, 1, 1] = &dims[..] else { return None };
        // A convolution over more than one place is no head: its scores are averaged afterwards.
        let places = self.shapes().dims(&node.input[0])?;
        let single = places.len() == 4 && places[2..] == [1, 1];
        let bias = node.input.get(2).filter(|name| !name.is_empty()).cloned();
        (single && values::int(node, "group").unwrap_or(1) == 1).then(|| Head {
            features: node.input[0].clone(),
            weights: node.input[1].clone(),
            bias,
            classes,
            dims: inputs,
            rows_are_classes: true,
        })
    }

    /// The numbers of a head: weights `[C, D]` row-major, and the bias `[C]` (zeros where there is none).
    #[must_use]
    pub fn head_weights(&self, head: &Head) -> Option<(Vec<f32>, Vec<f32>)> {
        let stored = values::floats(self.stored(&head.weights)?)?;
        let weights = if head.rows_are_classes {
            stored
        } else {
            let at = |class: usize, dim: usize| stored[dim * head.classes + class];
            (0..head.classes).flat_map(|class| (0..head.dims).map(move |dim| at(class, dim))).collect()
        };
        let bias = match &head.bias {
            Some(bias) => values::floats(self.stored(bias)?)?,
            None => Vec::new(),
        };
        let bias = match bias.len() {
            0 => vec![0.0; head.classes],
            1 => vec![bias[0]; head.classes],
            _ => bias,
        };
        Some((weights, bias))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::build::{self, Builder};
    use super::*;

    /// Features `f [N, 2]` behind which `build` puts an end with weights `w` and bias `b`.
    fn graph(dims: &[usize], build: impl FnOnce(Builder) -> Builder) -> Graph {
        let builder = Builder::new()
            .input("x", &[0, 2, 1, 1])
            .weights(build::floats("w", dims, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
            .weights(build::floats("b", &[3], &[7.0, 8.0, 9.0]))
            .node("Flatten", &["x"], "f", vec![]);
        Graph::new(build(builder).build(13), Path::new("x.onnx"), String::new()).unwrap()
    }

    #[test]
    fn linear_ends_are_found_in_all_their_forms() {
        let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let columns = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
        let check = |graph: Graph, logits: &str, features: &str, weights: [f32; 6], bias: [f32; 3]| {
            assert_eq!(graph.logits().as_deref(), Some(logits));
            let head = graph.head(logits).unwrap();
            assert_eq!((head.features.as_str(), head.classes, head.dims), (features, 3, 2));
            assert_eq!(graph.head_weights(&head), Some((weights.to_vec(), bias.to_vec())));
        };
        let turned = || vec![build::int("transB", 1)];
        let with = [7.0, 8.0, 9.0];
        let gemm = |b: Builder| b.node("Gemm", &["f", "w", "b"], "y", turned()).output("y");
        check(graph(&[3, 2], gemm), "y", "f", rows, with);
        let softmax = |b: Builder| {
            b.node("Gemm", &["f", "w", "b"], "y", turned()).node("Softmax", &["y"], "p", vec![]).output("p")
        };
        check(graph(&[3, 2], softmax), "y", "f", rows, with);
        let features_first = |b: Builder| {
            b.node("Gemm", &["f", "w", "b"], "y", turned()).node("Softmax", &["y"], "p", vec![]).output("f").output("p")
        };
        check(graph(&[3, 2], features_first), "y", "f", rows, with);
        let gemm = |b: Builder| b.node("Gemm", &["f", "w", "b"], "y", vec![]).output("y");
        check(graph(&[2, 3], gemm), "y", "f", columns, with);
        let sum =
            |b: Builder| b.node("MatMul", &["f", "w"], "m", vec![]).node("Add", &["b", "m"], "y", vec![]).output("y");
        check(graph(&[2, 3], sum), "y", "f", columns, with);
        let product = |b: Builder| b.node("MatMul", &["f", "w"], "y", vec![]).output("y");
        check(graph(&[2, 3], product), "y", "f", columns, [0.0; 3]);
        let transposed =
            |b: Builder| b.node("Transpose", &["w"], "t", vec![]).node("MatMul", &["f", "t"], "y", vec![]).output("y");
        check(graph(&[3, 2], transposed), "y", "f", rows, [0.0; 3]);
        let pointwise =
            |b: Builder| b.node("Conv", &["x", "w", "b"], "c", vec![]).node("Flatten", &["c"], "y", vec![]).output("y");
        check(graph(&[3, 2, 1, 1], pointwise), "y", "x", rows, with);
    }

    #[test]
    fn what_is_no_linear_end_is_none() {
        let relu = graph(&[3, 2], |b| b.node("Relu", &["f"], "y", vec![]).output("y"));
        assert_eq!((relu.logits().as_deref(), relu.head("y")), (Some("y"), None));
        let scaled = |b: Builder| b.node("Gemm", &["f", "w", "b"], "y", vec![build::float("alpha", 2.0)]).output("y");
        assert_eq!(graph(&[2, 3], scaled).head("y"), None);
    }
}
