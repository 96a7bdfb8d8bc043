//! Real and made models as the `model` floor sees them: cards, stages, and graphs cut down and run on tract.

use std::path::{Path, PathBuf};

use shopscope::model::onnx::Tap;
use shopscope::model::{Model, Stage};
use tract_onnx::prelude::*;

/// The folder of real models; `None` where it is not here and need not be.
fn models() -> Option<PathBuf> {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/models"));
    if dir.is_dir() {
        return Some(dir.to_owned());
    }
    assert!(std::env::var_os("CI").is_none(), "../shared/data is not here");
    println!("left out: ../shared/data is not here");
    None
}

/// What tract computes for one input: (shape, values) of each output.
fn run(onnx: &[u8], shape: &[usize], values: &[f32]) -> Vec<(Vec<usize>, Vec<f32>)> {
    let mut bytes = onnx;
    let model = tract_onnx::onnx().model_for_read(&mut bytes).unwrap();
    let model = model.with_input_fact(0, f32::fact(shape).into()).unwrap().into_optimized().unwrap();
    let input = Tensor::from_shape(shape, values).unwrap();
    let outputs = model.into_runnable().unwrap().run(tvec!(input.into())).unwrap();
    outputs
        .iter()
        .map(|output| {
            let values = output.try_as_plain_ram().unwrap();
            (output.shape().to_vec(), values.as_slice::<f32>().unwrap().to_vec())
        })
        .collect()
}

fn names(stages: &[Stage]) -> String {
    let pairs: Vec<String> = stages.iter().map(|stage| format!("{}={}", stage.name, stage.tensor)).collect();
    pairs.join(" ")
}

#[test]
fn the_real_mobilenet_is_understood() {
    let Some(dir) = models() else { return };
    let model = Model::open(&dir.join("mobilenet_v1_0.25_128.onnx"), None).unwrap();
    assert_eq!(names(&model.card.stages), "block1=block1 block2=block2 block3=block3 block4=block4 pool=features");
    assert_eq!(
        names(&model.graph.stages(Some("logits"))),
        "stem=t64 block1=t69 block2=block2 block3=block3 block4=block4 pool=gap"
    );
    let taps: Vec<Tap> = model.card.stages.iter().map(|stage| Tap::mean(&stage.tensor, &stage.name)).collect();
    let onnx = model.graph.expose(&taps).unwrap();
    let shape = model.input.shape(1);
    let picture: Vec<f32> = (0..shape.iter().product()).map(|at: usize| (at as f32 * 0.37).sin()).collect();
    let pooled = run(&onnx, &shape, &picture);
    let shapes: Vec<&[usize]> = pooled.iter().map(|(shape, _)| &shape[..]).collect();
    assert_eq!(shapes, [[1, 32], [1, 64], [1, 128], [1, 256], [1, 256]]);
    let whole = run(&model.graph.expose(&[Tap::whole("block1", "x")]).unwrap(), &shape, &picture);
    assert_eq!(whole[0].0, [1, 32, 32, 32]);
    for (mean, map) in pooled[0].1.iter().zip(whole[0].1.chunks(32 * 32)) {
        let expect = map.iter().sum::<f32>() / 1024.0;
        assert!((mean - expect).abs() < 1e-5, "{mean} {expect}");
    }
}
