//! Do maps say something of the model at all? Adebayo et al. 2018: weights drawn anew, from the head down to the first layer, must
//! change them; so must another class.

use std::fs;
use std::path::Path;

use prost::Message;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use shopscope::model::explain::{Classes, Explainer, Method};
use shopscope::model::onnx::Graph;
use shopscope::model::runtime::{Device, Runtime};
use shopscope::model::{Model, preprocess};
use tract_onnx::pb::{ModelProto, TensorProto};

use super::program::{jpegs, mobilenet};

/// Pictures that are looked at.
const PICTURES: usize = 12;

/// Ranks from 0 on, equal values sharing the mean of theirs.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let equal = order[first..].iter().take_while(|&&at| values[at] == values[order[first]]).count();
        for &at in &order[first..first + equal] {
            ranks[at] = first as f64 + (equal - 1) as f64 / 2.0;
        }
        first += equal;
    }
    ranks
}

/// Spearman's rank correlation of two maps; 0 where one of them is the same everywhere.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let centred = |values: &[f32]| -> Vec<f64> {
        let ranks = ranks(values);
        let mean = ranks.iter().sum::<f64>() / ranks.len() as f64;
        ranks.iter().map(|rank| rank - mean).collect()
    };
    let (a, b) = (centred(a), centred(b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let size = (dot(&a, &a) * dot(&b, &b)).sqrt();
    if size > 0.0 { dot(&a, &b) / size } else { 0.0 }
}

/// Mean correlation of the maps of the same pictures.
fn agreement(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    a.iter().zip(b).map(|(a, b)| correlation(a, b)).sum::<f64>() / a.len() as f64
}

fn open(proto: &ModelProto, path: &Path) -> Model {
    let graph = Graph::from_bytes(&proto.encode_to_vec(), path).expect("a graph");
    Model::with_graph(graph, Some(path.with_extension("toml"))).expect("a model")
}

/// Maps at block3 (8 x 8) of one class a picture, and the classes that are predicted.
fn maps(proto: &ModelProto, path: &Path, values: &[f32], classes: &Classes) -> (Vec<Vec<f32>>, Vec<usize>) {
    let model = open(proto, path);
    let runtime = Runtime::start(Device::Tract, None).expect("tract");
    let mut explainer = Explainer::new(runtime, &model, Some("block3"), Method::GradCam).expect("an explainer");
    let found = explainer.run(PICTURES, values, classes).expect("runs");
    found.into_iter().map(|explanation| (explanation.map.values, explanation.class)).unzip()
}

#[test]
fn the_comparison_sees_what_it_must() {
    let a = [3.0, 1.0, 2.0, 2.0, 9.0, -4.0];
    assert_eq!(ranks(&a), [4.0, 1.0, 2.5, 2.5, 5.0, 0.0]);
    assert!((correlation(&a, &a.map(|value| value * 7.0 - 3.0)) - 1.0).abs() < 1e-12, "ranks know no scale");
    assert!((correlation(&a, &a.map(|value| -value)) + 1.0).abs() < 1e-12);
    assert_eq!(correlation(&a, &[1.0; 6]), 0.0);
}

#[test]
fn maps_depend_on_the_weights_of_every_depth_and_on_the_class() {
    let Some(path) = mobilenet() else { return };
    let mut proto = ModelProto::decode(&fs::read(&path).expect("a model")[..]).expect("a model");
    let how = open(&proto, &path).card.preprocessing;
    let shards = path.ancestors().nth(2).expect("a folder").join("imagenet-mini");
    let pictures = jpegs(&shards);
    let mut values = Vec::new();
    // From all over the dataset.
    for bytes in pictures.values().step_by(pictures.len() / PICTURES).take(PICTURES) {
        let mut one = vec![0.0; preprocess::len(&how)];
        let picture = preprocess::decode(bytes, &how).expect("a picture");
        preprocess::tensor(&picture, &how, &mut one).expect("numbers");
        values.extend(one);
    }
    let (original, predicted) = maps(&proto, &path, &values, &Classes::Predicted);
    let classes = Classes::Each(predicted.clone());

    // Controls: the same weights give the same maps, and the comparison sees a map that is a place off.
    let (again, _) = maps(&proto, &path, &values, &classes);
    assert!(agreement(&original, &again) > 1.0 - 1e-6);
    let shifted: Vec<Vec<f32>> =
        original.iter().map(|map| map.chunks(8).flat_map(|row| [&row[7..], &row[..7]].concat()).collect()).collect();
    let blind = agreement(&original, &shifted);
    assert!(blind < 0.9, "a shifted map passes: {blind}");
    // Another class, another map.
    let others = Classes::Each(predicted.iter().map(|class| (class + 500) % 1000).collect());
    let (other, _) = maps(&proto, &path, &values, &others);
    println!("shifted by a place {blind:.3}, another class {:.3}", agreement(&original, &other));
    assert!(agreement(&original, &other) < 0.7, "{}", agreement(&original, &other));

    // One layer alone, the others as they were: each depth counts for itself, which the cascade below cannot tell.
    let alone: Vec<(&str, f64)> = ["w32", "w20", "w10", "w0"]
        .into_iter()
        .map(|name| {
            let mut one = proto.clone();
            deal(&mut one, name).expect("the model has the layer");
            (name, agreement(&original, &maps(&one, &path, &values, &classes).0))
        })
        .collect();
    println!("one layer alone: {alone:.2?}");
    for (name, rank) in &alone {
        assert!(*rank < 0.9, "{name} alone does not matter: {alone:.2?}");
    }

    // From the head (w32) down to the first convolution (w0), each layer's weights and biases dealt out anew, what was
    // dealt before staying so.
    let names: Vec<String> = (0..=32).rev().map(|layer| format!("w{layer}")).collect();
    let mut steps = Vec::new();
    for name in names {
        if deal(&mut proto, &name).is_none() {
            continue;
        }
        let (now, _) = maps(&proto, &path, &values, &classes);
        steps.push((name, agreement(&original, &now)));
    }
    let told: Vec<String> = steps.iter().map(|(name, rank)| format!("{name} {rank:.2}")).collect();
    println!("rank correlation with the model's own maps: {}", told.join(", "));
    assert!(steps.len() > 20, "all layers were dealt out: {told:?}");
    for (name, rank) in &steps {
        assert!(*rank < 0.7, "{name}: the map does not depend on what was dealt out anew: {told:?}");
    }
    let last: f64 = steps.iter().rev().take(5).map(|(_, rank)| rank.abs()).sum::<f64>() / 5.0;
    assert!(last < 0.3, "nothing of the model is left, and its maps are: {told:?}");
}

/// Deals out a layer's weights and biases anew; `None` where the model has no such layer.
fn deal(proto: &mut ModelProto, weights: &str) -> Option<()> {
    let stored = &mut proto.graph.as_mut().expect("a graph").initializer;
    shuffle(stored.iter_mut().find(|tensor| tensor.name == weights)?);
    let bias = weights.replace('w', "b");
    if let Some(tensor) = stored.iter_mut().find(|tensor| tensor.name == bias) {
        shuffle(tensor);
    }
    Some(())
}

/// Deals the values of a stored tensor out anew: their distribution stays, what they know goes.
fn shuffle(tensor: &mut TensorProto) {
    let mut values: Vec<f32> = if tensor.raw_data.is_empty() {
        tensor.float_data.clone()
    } else {
        tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    values.shuffle(&mut rand_pcg::Pcg64Mcg::seed_from_u64(3));
    tensor.float_data.clear();
    tensor.raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
}
