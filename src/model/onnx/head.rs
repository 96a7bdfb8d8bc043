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
