use std::path::Path;

use super::*;
use crate::analysis::cam::curve::{self, Substrate};
use crate::model::card::Layout;
use crate::model::onnx::Graph;
use crate::model::onnx::build::{self, Builder};
use crate::model::runtime::Device;

const SIDE: usize = 12;

/// Numbers that look like chance.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 7919 + seed * 104_729) as f32 * 0.618_034).sin()).collect()
}

fn open(builder: Builder) -> Model {
    let graph = Graph::new(builder.build(17), Path::new("small.onnx"), String::new()).unwrap();
    let mut model = Model::with_graph(graph, None).unwrap();
    model.card.stages = ["early", "late", "pool"]
        .into_iter()
        .filter(|name| model.graph.has(name))
        .map(|name| Stage { name: name.to_owned(), tensor: name.to_owned() })
        .collect();
    model
}

/// Two convolutions, a mean, a linear layer of five classes; `batch` 0 is open.
fn small(batch: usize) -> Model {
    open(
        Builder::new()
            .input("x", &[batch, 3, SIDE, SIDE])
            .weights(build::floats("w1", &[4, 3, 3, 3], &numbers(108, 1)))
            .weights(build::floats("w2", &[6, 4, 3, 3], &numbers(216, 2)))
            .weights(build::floats("w3", &[6, 5], &numbers(30, 3)))
            .node("Conv", &["x", "w1"], "c1", vec![build::ints("strides", &[2, 2])])
            .node("Relu", &["c1"], "early", vec![])
            .node("Conv", &["early", "w2"], "c2", vec![])
            .node("Relu", &["c2"], "late", vec![])
            .node("GlobalAveragePool", &["late"], "mean", vec![])
            .node("Flatten", &["mean"], "pool", vec![])
            .node("MatMul", &["pool", "w3"], "scores", vec![])
            .output("scores"),
    )
}

fn runtime() -> &'static Runtime {
    Runtime::start(Device::Tract, None).unwrap()
}

fn pictures(count: usize) -> Vec<f32> {
    numbers(count * 3 * SIDE * SIDE, 9)
}

fn explain(model: &Model, layer: &str, method: Method, count: usize, classes: &Classes) -> Vec<Explanation> {
    let mut explainer = Explainer::new(runtime(), model, Some(layer), method).unwrap();
    explainer.run(count, &pictures(count), classes).unwrap()
}

fn close(a: &[f32], b: &[f32]) -> bool {
    let off: f32 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    a.len() == b.len() && off.sqrt() <= 1e-4 * b.iter().map(|b| b * b).sum::<f32>().sqrt().max(1e-6)
}

#[test]
fn behind_a_mean_gradients_are_the_linear_layers_weights() {
    let model = small(0);
    for class in [0, 3] {
        let classes = Classes::One(class);
        let closed = explain(&model, "late", Method::Cam, 2, &classes);
        let maps = explain(&model, "late", Method::GradCam, 2, &classes);
        let products = explain(&model, "late", Method::HiResCam, 2, &classes);
        for ((closed, map), product) in closed.iter().zip(&maps).zip(&products) {
            let places = closed.map.values.len() as f32;
            assert_eq!((map.map.height, map.map.width, map.class), (3, 3, class));
            let scaled: Vec<f32> = closed.map.values.iter().map(|value| value / places).collect();
            assert!(close(&map.map.values, &scaled) && close(&product.map.values, &scaled));
            // There is no bias: the map's sum is the score.
            assert!((map.map.values.iter().sum::<f32>() - map.score).abs() < 1e-4 * (1.0 + map.score.abs()));
            // Negative control: the map shifted by one place is no such map.
            let mut shifted = scaled.clone();
            shifted.rotate_right(1);
            assert!(!close(&map.map.values, &shifted));
        }
    }
    // Another class, another map.
    let other = explain(&model, "late", Method::GradCam, 1, &Classes::One(1));
    assert!(!close(&other[0].map.values, &explain(&model, "late", Method::GradCam, 1, &Classes::One(2))[0].map.values));
}

#[test]
fn the_predicted_class_is_found_inside_the_graph() {
    let model = small(0);
    for method in [Method::GradCam, Method::LayerCam, Method::EigenCam, Method::Gradient] {
        let predicted = explain(&model, "early", method, 3, &Classes::Predicted);
        let best: Vec<usize> = predicted.iter().map(|explanation| explanation.class).collect();
        let chosen = explain(&model, "early", method, 3, &Classes::Each(best));
        for (predicted, chosen) in predicted.iter().zip(&chosen) {
            assert_eq!((predicted.class, predicted.probability), (chosen.class, chosen.probability));
            assert!(close(&predicted.map.values, &chosen.map.values), "{method}");
        }
        // Pictures of a batch do not know each other.
        let mut explainer = Explainer::new(runtime(), &model, Some("early"), method).unwrap();
        let all = pictures(3);
        for (picture, explanation) in all.chunks(all.len() / 3).zip(&predicted) {
            let alone = explainer.run(1, picture, &Classes::Predicted).unwrap();
            assert!(close(&alone[0].map.values, &explanation.map.values), "{method}");
        }
    }
    let top = Explainer::new(runtime(), &model, None, Method::GradCam).unwrap().run_top(2, &pictures(2), 3).unwrap();
    for top in &top {
        assert_eq!(top.len(), 3);
        assert!(top[0].probability >= top[1].probability && top[1].probability >= top[2].probability);
    }
    // The same as a list, each map that of its class; more classes than there are give all there are.
    for method in [Method::GradCam, Method::Cam] {
        let found = explain(&model, "late", method, 2, &Classes::Top(3));
        let second = Classes::Each(vec![found[1].class, found[4].class]);
        let alone = explain(&model, "late", method, 2, &second);
        assert_eq!(found.len(), 6);
        assert!(close(&found[1].map.values, &alone[0].map.values) && close(&found[4].map.values, &alone[1].map.values));
        assert!(!close(&found[1].map.values, &found[0].map.values));
        assert_eq!(explain(&model, "late", method, 2, &Classes::Top(9)).len(), 10);
    }
}

#[test]
fn curves_say_what_the_places_of_a_map_are_worth() {
    let model = small(0);
    let picture = pictures(1);
    let mut explainer = Explainer::new(runtime(), &model, Some("late"), Method::GradCam).unwrap();
    let explanation = explainer.run(1, &picture, &Classes::Predicted).unwrap().remove(0);
    for substrate in [Substrate::Mean, Substrate::Blur] {
        // The best map there is for a single place: what its deletion alone costs.
        let mut ideal = explanation.clone();
        let masks = |order: &[usize]| curve::gone(&explanation.map, order, (SIDE, SIDE)).nth(1).unwrap();
        let behind = explainer.substrate(&picture, substrate);
        for place in 0..9 {
            let mut order: Vec<usize> = (0..9).collect();
            order.swap(0, place);
            let mask = masks(&order);
            let gone: Vec<f32> = (0..picture.len())
                .map(|at| picture[at] + mask[at % (SIDE * SIDE)] * (behind[at] - picture[at]))
                .collect();
            let scores = explainer.score(1, &gone).unwrap();
            ideal.map.values[place] = -softmax(&scores)[explanation.class];
        }
        let curves = explainer.curves(&picture, &ideal, substrate, 0).unwrap();
        assert!(curves.deletion < curves.random && curves.random < curves.insertion, "{substrate}: {curves:?}");
        // Negative control: the opposite map loses by as much.
        let mut opposite = ideal.clone();
        opposite.map.values.iter_mut().for_each(|value| *value = -*value);
        let turned = explainer.curves(&picture, &opposite, substrate, 0).unwrap();
        assert!((turned.deletion - curves.insertion).abs() < 1e-6 && (turned.insertion - curves.deletion).abs() < 1e-6);
        assert_eq!(curves, explainer.curves(&picture, &ideal, substrate, 0).unwrap(), "the same again");
        assert_ne!(curves.random, explainer.curves(&picture, &ideal, substrate, 1).unwrap().random);
    }
}

#[test]
fn pictures_lie_channels_last_where_the_input_does() {
    // The same network behind a transpose: the same maps, the same curves.
    let first = small(0);
    let mut turned = open(
        Builder::new()
            .input("x", &[0, SIDE, SIDE, 3])
            .weights(build::floats("w1", &[4, 3, 3, 3], &numbers(108, 1)))
            .weights(build::floats("w2", &[6, 4, 3, 3], &numbers(216, 2)))
            .weights(build::floats("w3", &[6, 5], &numbers(30, 3)))
            .node("Transpose", &["x"], "planes", vec![build::ints("perm", &[0, 3, 1, 2])])
            .node("Conv", &["planes", "w1"], "c1", vec![build::ints("strides", &[2, 2])])
            .node("Relu", &["c1"], "early", vec![])
            .node("Conv", &["early", "w2"], "c2", vec![])
            .node("Relu", &["c2"], "late", vec![])
            .node("GlobalAveragePool", &["late"], "mean", vec![])
            .node("Flatten", &["mean"], "pool", vec![])
            .node("MatMul", &["pool", "w3"], "scores", vec![])
            .output("scores"),
    );
    turned.input.layout = Layout::Nhwc;
    let picture = pictures(1);
    let plane = SIDE * SIDE;
    let pixels: Vec<f32> = (0..picture.len()).map(|at| picture[at % 3 * plane + at / 3]).collect();
    for substrate in [Substrate::Mean, Substrate::Blur] {
        let curves = [(&first, &picture), (&turned, &pixels)].map(|(model, values)| {
            let mut explainer = Explainer::new(runtime(), model, Some("late"), Method::GradCam).unwrap();
            let explanation = explainer.run(1, values, &Classes::One(2)).unwrap().remove(0);
            explainer.curves(values, &explanation, substrate, 3).unwrap()
        });
        assert!((curves[0].deletion - curves[1].deletion).abs() < 1e-5, "{substrate}: {curves:?}");
        assert!((curves[0].random - curves[1].random).abs() < 1e-5, "{substrate}: {curves:?}");
    }
}

#[test]
fn graphs_of_a_fixed_batch_are_filled_up() {
    let (open, mut fixed) = (small(0), small(0));
    fixed.input.batch = Some(2);
    for classes in [Classes::One(2), Classes::Predicted] {
        let expect = explain(&open, "late", Method::GradCam, 3, &classes);
        let got = explain(&fixed, "late", Method::GradCam, 3, &classes);
        assert_eq!(got.len(), 3);
        assert!(got.iter().zip(&expect).all(|(got, expect)| close(&got.map.values, &expect.map.values)));
    }
}

#[test]
fn a_learned_direction_is_explained_as_a_class_is() {
    let model = small(0);
    let (weights, _) = model.graph.head_weights(model.head.as_ref().unwrap()).unwrap();
    let direction = Direction { features: "pool".to_owned(), weights: weights[6..12].to_vec(), bias: 0.5 };
    let mut explainer =
        Explainer::along(runtime(), &model, Some("early"), Method::GradCam, Some(direction.clone())).unwrap();
    let got = explainer.run(2, &pictures(2), &Classes::Predicted).unwrap();
    let expect = explain(&model, "early", Method::GradCam, 2, &Classes::One(1));
    for (got, expect) in got.iter().zip(&expect) {
        assert!(close(&got.map.values, &expect.map.values));
        assert!((got.score - expect.score - 0.5).abs() < 1e-4);
        assert!((got.probability - 1.0 / (1.0 + (-got.score).exp())).abs() < 1e-6);
    }
    // One that reads a layer with places reads its mean: here the same numbers, so the same maps.
    let mean = Direction { features: "late".to_owned(), ..direction.clone() };
    let mut explainer = Explainer::along(runtime(), &model, Some("early"), Method::GradCam, Some(mean)).unwrap();
    let by_mean = explainer.run(2, &pictures(2), &Classes::Predicted).unwrap();
    assert!(
        by_mean.iter().zip(&got).all(|(a, b)| close(&a.map.values, &b.map.values) && (a.score - b.score).abs() < 1e-4)
    );
    // The stage that is explained lies before what the head reads.
    let stage = |features: &str, weights: usize| {
        let direction = Direction { features: features.to_owned(), weights: vec![1.0; weights], bias: 0.0 };
        Explainer::along(runtime(), &model, None, Method::HiResCam, Some(direction)).unwrap().stage().name.clone()
    };
    assert_eq!((stage("early", 4), stage("late", 6), stage("pool", 6)), ("early".into(), "late".into(), "late".into()));
    let refused = |layer: Option<&str>, method: Method, features: &str| {
        let direction = Direction { features: features.to_owned(), ..direction.clone() };
        Explainer::along(runtime(), &model, layer, method, Some(direction)).unwrap_err().to_string()
    };
    let error = refused(None, Method::ScoreCam, "pool");
    assert!(error.contains("scorecam explains the model's own classes only"), "{error}");
    let error = refused(Some("late"), Method::GradCam, "early");
    assert!(error.contains("\"late\" has no part in \"early\", which the head reads"), "{error}");
}

#[test]
fn the_integral_of_gradients_is_what_the_score_gained() {
    let model = small(0);
    let mut explainer = Explainer::new(runtime(), &model, None, Method::IntegratedGradients).unwrap();
    let found = explainer.run(2, &pictures(2), &Classes::One(3)).unwrap();
    let black = explainer.black(2 * 3 * SIDE * SIDE);
    let start = explainer.run(2, &black, &Classes::One(3)).unwrap();
    for (found, start) in found.iter().zip(&start) {
        let (gained, sum) = (found.score - start.score, found.map.values.iter().sum::<f32>());
        assert!((gained - sum).abs() < 0.02 * gained.abs() + 0.01, "{gained} {sum}");
        assert!(start.map.values.iter().all(|&value| value == 0.0));
    }
    let smooth = explain(&model, "x", Method::SmoothGrad, 2, &Classes::Predicted);
    assert_eq!(smooth, explain(&model, "x", Method::SmoothGrad, 2, &Classes::Predicted));
    let plain = explain(&model, "x", Method::Gradient, 2, &Classes::Predicted);
    assert!(smooth[0].class == plain[0].class && !close(&smooth[0].map.values, &plain[0].map.values));
}

#[test]
fn score_cam_weighs_channels_by_what_their_masks_leave() {
    let model = small(0);
    let picture = pictures(1);
    let got = explain(&model, "late", Method::ScoreCam, 1, &Classes::One(4)).remove(0);
    let mut forward = Explainer::new(runtime(), &model, Some("late"), Method::EigenCam).unwrap();
    let pass = forward.forward_pass(1, &picture, &Classes::One(4)).unwrap();
    let mut scores = Vec::new();
    for plane in pass.layer.chunks(9) {
        let plane = Map { height: 3, width: 3, values: plane.to_vec() };
        let mask = cam::mask(&plane, SIDE, SIDE).unwrap_or_else(|| vec![0.0; SIDE * SIDE]);
        let masked: Vec<f32> = picture.iter().zip(mask.iter().cycle()).map(|(value, mask)| value * mask).collect();
        scores.push(forward.score(1, &masked).unwrap()[4]);
    }
    let layer = Planes { channels: 6, height: 3, width: 3, values: pass.layer };
    assert!(close(&got.map.values, &cam::weighted(&layer, &softmax(&scores)).values));
}

#[test]
fn tokens_are_laid_out_as_the_patches_lay() {
    // The same sums as planes and as tokens, with a token in front that has no place.
    let model = open(
        Builder::new()
            .input("x", &[0, 3, SIDE, SIDE])
            .weights(build::floats("w1", &[4, 3, 4, 4], &numbers(192, 1)))
            .weights(build::longs("shape", &[3], &[0, 4, 9]))
            .weights(build::longs("one", &[1], &[1]))
            .weights(build::longs("zero", &[1], &[0]))
            .weights(build::longs("axis", &[1], &[2]))
            .weights(build::floats("w3", &[4, 3], &numbers(12, 3)))
            .node("Conv", &["x", "w1"], "early", vec![build::ints("strides", &[4, 4])])
            .node("Reshape", &["early", "shape"], "flat", vec![])
            .node("Slice", &["flat", "zero", "one", "axis"], "first", vec![])
            .node("Concat", &["first", "flat"], "ten", vec![build::int("axis", 2)])
            .node("Transpose", &["ten"], "late", vec![build::ints("perm", &[0, 2, 1])])
            .node("Tanh", &["late"], "bent", vec![])
            .node("ReduceMean", &["bent"], "pool", vec![build::ints("axes", &[1]), build::int("keepdims", 0)])
            .node("MatMul", &["pool", "w3"], "scores", vec![])
            .output("scores"),
    );
    let tokens = Explainer::new(runtime(), &model, Some("late"), Method::HiResCam).unwrap();
    assert_eq!((tokens.resolution(), tokens.arrangement), ((3, 3), Arrangement::Tokens { lead: 1 }));
    // A class token in front: the stage before is the default.
    assert_eq!(Explainer::new(runtime(), &model, None, Method::GradCam).unwrap().stage().name, "early");
    let planes = explain(&model, "early", Method::HiResCam, 1, &Classes::One(1)).remove(0);
    let tokens = explain(&model, "late", Method::HiResCam, 1, &Classes::One(1)).remove(0);
    // The first patch counts twice in the planes.
    assert!(close(&tokens.map.values[1..], &planes.map.values[1..]), "{tokens:?} {planes:?}");
    assert!((tokens.map.values[0] * 2.0 - planes.map.values[0]).abs() < 1e-5);
}

#[test]
fn what_cannot_be_explained_is_told_in_a_sentence() {
    let model = small(0);
    let refused =
        |layer: &str, method: Method| Explainer::new(runtime(), &model, Some(layer), method).unwrap_err().to_string();
    let check = |error: String, expect: &str| assert!(error.contains(expect) && !error.contains('\n'), "{error}");
    check(
        refused("pool", Method::GradCam),
        "has no places, so there is no map of it; layers with places are early (5 x 5), late (3 x 3)",
    );
    check(refused("nowhere", Method::GradCam), "has no stage or tensor \"nowhere\"; it has early, late, pool");
    check(refused("early", Method::Cam), "\"early\" has 4 channels, the linear layer reads 6");
    check(refused("c2", Method::Cam), "there is more than a mean between");
    let mut explainer = Explainer::new(runtime(), &model, None, Method::GradCam).unwrap();
    check(explainer.run(1, &pictures(1), &Classes::One(5)).unwrap_err().to_string(), "no class \"5\"; it has 0 to 4");
    check("grad".parse::<Method>().unwrap_err(), "it is one of gradcam, gradcam++, hirescam");
    for (method, name) in method::METHODS {
        assert_eq!((name.parse(), method.to_string()), (Ok(method), name.to_owned()));
    }
}
