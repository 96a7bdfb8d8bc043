//! Real and made models as the `model` floor sees them: cards, stages, and graphs cut down and run on tract.

use std::path::{Path, PathBuf};

use shopscope::model::onnx::{Seed, Tap, Target};
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

fn plan(onnx: &[u8], shape: &[usize]) -> std::sync::Arc<TypedRunnableModel> {
    let mut bytes = onnx;
    let model = tract_onnx::onnx().model_for_read(&mut bytes).unwrap();
    let model = model.with_input_fact(0, f32::fact(shape).into()).unwrap().into_optimized().unwrap();
    model.into_runnable().unwrap()
}

/// What tract computes for one input: (shape, values) of each output.
fn run(onnx: &[u8], shape: &[usize], values: &[f32]) -> Vec<(Vec<usize>, Vec<f32>)> {
    let runnable = plan(onnx, shape);
    let input = Tensor::from_shape(shape, values).unwrap();
    let outputs = runnable.run(tvec!(input.into())).unwrap();
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

/// How far the score of `class` rises along `direction` from `picture`, by differences and by the gradient of `of`.
fn slopes(model: &Model, picture: &[f32], direction: &[f32], class: usize, of: usize) -> (f64, f64) {
    const STEP: f32 = 2e-3;
    let shape = model.input.shape(1);
    let logits = model.card.logits.clone().unwrap();
    let forward = plan(&model.graph.expose(&[Tap::whole(&logits, "scores")]).unwrap(), &shape);
    let score = |step: f32| {
        let moved: Vec<f32> = picture.iter().zip(direction).map(|(value, way)| value + step * way).collect();
        let input = Tensor::from_shape(&shape, &moved).unwrap();
        let outputs = forward.run(tvec!(input.into())).unwrap();
        let scores = outputs[0].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap()[class];
        f64::from(scores)
    };
    let target = Target { output: logits, seed: Seed::Class(of) };
    let onnx = model.graph.gradients(&target, std::slice::from_ref(&model.input.name)).unwrap();
    let gradient = &run(&onnx, &shape, picture)[0].1;
    let along = gradient.iter().zip(direction).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    ((score(STEP) - score(-STEP)) / f64::from(2.0 * STEP), along)
}

#[test]
fn gradients_of_real_models_are_their_slopes() {
    let Some(dir) = models() else { return };
    for (file, classes) in [("mobilenet_v1_0.25_128.onnx", [207, 13]), ("mnist.onnx", [3, 8])] {
        let model = Model::open(&dir.join(file), None).unwrap();
        let count: usize = model.input.shape(1).iter().product();
        let picture: Vec<f32> = (0..count).map(|at| (at as f32 * 0.37).sin() * 0.7).collect();
        // Along the gradient itself the slope is large, so that rounding and kinks weigh little.
        let target = |class| Target { output: model.card.logits.clone().unwrap(), seed: Seed::Class(class) };
        let [class, other] = classes;
        let onnx = model.graph.gradients(&target(class), std::slice::from_ref(&model.input.name)).unwrap();
        let gradient = run(&onnx, &model.input.shape(1), &picture)[0].1.clone();
        let length = gradient.iter().map(|value| value * value).sum::<f32>().sqrt();
        let direction: Vec<f32> = gradient.iter().map(|value| value / length).collect();
        let (differences, along) = slopes(&model, &picture, &direction, class, class);
        // The kinks of ReLU within a step bend the differences a little.
        assert!((differences - along).abs() < 0.02 * along.abs(), "{file}: {differences} {along}");
        let (differences, along) = slopes(&model, &picture, &direction, class, other);
        assert!(
            (differences - along).abs() > 0.2 * differences.abs(),
            "{file}: the wrong class passes: {differences} {along}"
        );
    }
}
