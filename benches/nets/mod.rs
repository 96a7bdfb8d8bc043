//! Networks with made-up weights for benches: what they cost does not depend on what they know.

use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shopscope::model::onnx::{Graph, build};

/// The architecture of ResNet-50 with batch norms folded; weights by He's rule, halved to keep sums small.
pub fn write_resnet50(path: &Path) {
    let mut net = Net {
        builder: build::Builder::new().input("x", &[0, 3, 224, 224]),
        random: Pcg64Mcg::seed_from_u64(0),
        next: 0,
    };
    let mut x = net.conv("x", 3, 64, 7, 2, true, None);
    let pool =
        vec![build::ints("kernel_shape", &[3, 3]), build::ints("strides", &[2, 2]), build::ints("pads", &[1, 1, 1, 1])];
    x = net.node("MaxPool", &[&x], pool);
    let mut channels = 64;
    for (stage, (middle, blocks)) in [(64, 3), (128, 4), (256, 6), (512, 3)].into_iter().enumerate() {
        for block in 0..blocks {
            let stride = if block == 0 && stage > 0 { 2 } else { 1 };
            let wide = middle * 4;
            let short = if block > 0 { x.clone() } else { net.conv(&x, channels, wide, 1, stride, false, None) };
            let y = net.conv(&x, channels, middle, 1, 1, true, None);
            let y = net.conv(&y, middle, middle, 3, stride, true, None);
            x = net.conv(&y, middle, wide, 1, 1, true, Some(&short));
            channels = wide;
        }
    }
    let mean = net.node("GlobalAveragePool", &[&x], vec![]);
    let head = {
        let values: Vec<f32> = (0..2048 * 1000).map(|_| (net.random.random::<f32>() - 0.5) * 0.04).collect();
        build::floats("head", &[2048, 1000], &values)
    };
    let model = net
        .builder
        .weights(head)
        .node("Flatten", &[&mean], "pool", vec![])
        .node("MatMul", &["pool", "head"], "scores", vec![])
        .output("scores")
        .build(17);
    let graph = Graph::new(model, path, String::new()).expect("a graph");
    fs::write(path, graph.to_bytes().expect("bytes")).expect("written");
}

struct Net {
    builder: build::Builder,
    random: Pcg64Mcg,
    next: usize,
}

impl Net {
    fn name(&mut self) -> String {
        self.next += 1;
        format!("v{}", self.next)
    }

    fn node(&mut self, operator: &str, inputs: &[&str], attributes: Vec<tract_onnx::pb::AttributeProto>) -> String {
        let output = self.name();
        self.builder = std::mem::take(&mut self.builder).node(operator, inputs, &output, attributes);
        output
    }

    #[expect(clippy::too_many_arguments, reason = "a convolution has that many")]
    fn conv(
        &mut self,
        x: &str,
        from: usize,
        to: usize,
        kernel: usize,
        stride: i64,
        relu: bool,
        add: Option<&str>,
    ) -> String {
        let (weight, bias) = (self.name(), self.name());
        // A sum of uniform numbers stands in for a normal one.
        let scale = (2.0 / (from * kernel * kernel) as f32).sqrt() * 0.5;
        let normal = |random: &mut Pcg64Mcg| ((0..3).map(|_| random.random::<f32>() * 2.0 - 1.0).sum::<f32>()) * scale;
        let values: Vec<f32> = (0..to * from * kernel * kernel).map(|_| normal(&mut self.random)).collect();
        self.builder = std::mem::take(&mut self.builder)
            .weights(build::floats(&weight, &[to, from, kernel, kernel], &values))
            .weights(build::floats(&bias, &[to], &vec![0.0; to]));
        let (kernel, pad) = (kernel as i64, kernel as i64 / 2);
        let attributes = vec![
            build::ints("kernel_shape", &[kernel, kernel]),
            build::ints("strides", &[stride, stride]),
            build::ints("pads", &[pad, pad, pad, pad]),
        ];
        let mut y = self.node("Conv", &[x, &weight, &bias], attributes);
        if let Some(other) = add {
            y = self.node("Add", &[&y, other], vec![]);
        }
        if relu { self.node("Relu", &[&y], vec![]) } else { y }
    }
}
