//! The bundled models do on the demo datasets what their cards say: through the program's own drawing, preprocessing and
//! embedded runtime.

use shopscope::formats::demo::{Dataset, DemoOptions, render_sample};
use shopscope::model::runtime::{Device, Runtime};
use shopscope::model::scores::Scores;
use shopscope::model::{Model, bundled, classes, preprocess};

/// Of each dataset; classes are spread over a dataset evenly, so the first ones are a fair sample.
const PICTURES: u32 = 160;

/// What is done to a picture's numbers before the model sees them, to see that it matters.
type Change = fn(&mut [f32]);

/// The share of the first [`PICTURES`] pictures of `dataset`, as `shopscope demo` draws them, whose best class is the right
/// one, for each of `changes`.
fn right(model: &str, dataset: Dataset, changes: &[Change]) -> Vec<f64> {
    let dir = tempfile::tempdir().unwrap();
    let path = bundled::find(model).unwrap().unpack(dir.path()).unwrap();
    let model = Model::open(&path, None).unwrap();
    let mut scores = Scores::start(Runtime::start(Device::Tract, None).unwrap(), &model).unwrap();
    let how = &model.card.preprocessing;
    let size = preprocess::len(how);
    let mut hits = vec![0; changes.len()];
    let (mut batch, mut truths) = (Vec::new(), Vec::new());
    for index in 0..PICTURES {
        let sample = render_sample(dataset, index, &DemoOptions::default());
        truths.push(classes::find(&model.card.classes, &sample.record.leaf));
        let picture = preprocess::decode(&sample.jpeg, how).unwrap();
        batch.resize(batch.len() + size, 0.0);
        let from = batch.len() - size;
        preprocess::tensor(&picture, how, &mut batch[from..]).unwrap();
    }
    for (change, hits) in changes.iter().zip(&mut hits) {
        let mut changed = batch.clone();
        changed.chunks_exact_mut(size).for_each(change);
        for (pictures, truths) in changed.chunks(16 * size).zip(truths.chunks(16)) {
            let rows = scores.run(truths.len(), pictures).unwrap();
            for (row, truth) in rows.chunks_exact(model.card.classes.len()).zip(truths) {
                let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
                *hits += i32::from(best.is_some_and(|best| *truth == [best]));
            }
        }
    }
    hits.into_iter().map(|hits| f64::from(hits) / f64::from(PICTURES)).collect()
}

fn as_is(_: &mut [f32]) {}

/// Red for blue.
fn swap_channels(numbers: &mut [f32]) {
    let plane = numbers.len() / 3;
    let (red, rest) = numbers.split_at_mut(plane);
    red.swap_with_slice(&mut rest[plane..]);
}

/// The order of NHWC, as if it were NCHW.
fn interleave(numbers: &mut [f32]) {
    let plane = numbers.len() / 3;
    let mixed: Vec<f32> = (0..numbers.len()).map(|at| numbers[at % 3 * plane + at / 3]).collect();
    numbers.copy_from_slice(&mixed);
}

#[test]
fn the_scenes_model_knows_scenes() {
    let right = right("demo-scenes", Dataset::Scenes, &[as_is, swap_channels, interleave]);
    println!("demo-scenes: as it is {:.3}, red for blue {:.3}, axes mixed up {:.3}", right[0], right[1], right[2]);
    assert!(right[0] >= 0.9, "{right:?}");
    assert!(right[2] < 0.5, "axes mixed up must be seen: {right:?}");
}

#[test]
fn the_shop_model_knows_the_shop() {
    let right = right("demo-shop", Dataset::Shop, &[as_is, swap_channels, interleave]);
    println!("demo-shop: as it is {:.3}, red for blue {:.3}, axes mixed up {:.3}", right[0], right[1], right[2]);
    assert!(right[0] >= 0.9, "{right:?}");
    assert!(right[2] < 0.5, "axes mixed up must be seen: {right:?}");
}
