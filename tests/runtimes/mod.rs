//! What both runtimes must do alike: `MobileNet`'s numbers against a Python ONNX Runtime, sentences for what cannot run.
//!
//! The reference: onnxruntime 1.31.1 (`PyPI`) on the same input, whose values are exact in f32:
//! `x[n,c,h,w] = ((7h(c+1) + 3w + 50n) mod 256) / 127.5 - 1`.

use std::fs;
use std::path::PathBuf;

use shopscope::model::runtime::{Outputs, Runtime, Session, Tensor, TensorIn};

/// Places of a row whose values are compared.
const PLACES: [usize; 4] = [0, 1, 100, 500];

/// Logits of three samples at [`PLACES`].
const LOGITS: [[f32; 4]; 3] = [
    [1.224_776_5, 6.617_563, -2.220_952, -2.408_130_6],
    [1.032_111_9, 6.256_303, -2.432_129_6, -2.569_697_1],
    [0.711_944_9, 5.920_340_5, -1.804_470_1, -1.512_232_1],
];

/// Euclidean lengths of the three rows of every output.
const LENGTHS: [(&str, [f64; 3]); 7] = [
    ("logits", [102.381_417, 98.333_631, 94.203_099]),
    ("probs", [0.183_866_065, 0.189_546_254, 0.164_074_616]),
    ("features", [20.381_728, 19.943_477, 19.497_588]),
    ("block1", [530.486_748, 529.174_310, 530.277_233]),
    ("block2", [344.893_486, 344.580_749, 344.154_992]),
    ("block3", [114.147_191, 114.485_527, 113.834_994]),
    ("block4", [92.324_621, 91.133_030, 89.426_692]),
];

/// The model's bytes, or nothing with a line that says so.
pub fn mobilenet() -> Option<Vec<u8>> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/models/mobilenet_v1_0.25_128.onnx"));
    if path.exists() {
        return Some(fs::read(path).unwrap());
    }
    assert!(std::env::var_os("CI").is_none(), "../shared/data is not here, and CI leaves nothing out");
    println!("left out: ../shared/data is not here");
    None
}

/// The input of `samples` samples.
pub fn input(samples: usize) -> (Vec<usize>, Vec<f32>) {
    let mut values = Vec::with_capacity(samples * 3 * 128 * 128);
    for n in 0..samples {
        for c in 0..3 {
            for h in 0..128 {
                for w in 0..128 {
                    values.push(((h * 7 * (c + 1) + w * 3 + n * 50) % 256) as f32 / 127.5 - 1.0);
                }
            }
        }
    }
    (vec![samples, 3, 128, 128], values)
}

/// The output of a name.
pub fn output<'a>(outputs: &'a Outputs, name: &str) -> &'a Tensor {
    &outputs.iter().find(|(of, _)| of == name).unwrap().1
}

/// Largest relative difference from the reference over everything that is compared. 1e-4 is the bar: sums of 1e5 products
/// in another order differ by 1e-6 to 1e-5.
fn worst(outputs: &Outputs) -> f64 {
    let mut worst = 0.0_f64;
    let logits = output(outputs, "logits");
    for (row, expect) in logits.values.chunks(1000).zip(&LOGITS) {
        for (place, expect) in PLACES.into_iter().zip(expect) {
            worst = worst.max((f64::from(row[place]) - f64::from(*expect)).abs() / f64::from(*expect).abs());
        }
    }
    for (name, lengths) in &LENGTHS {
        let tensor = output(outputs, name);
        let row = tensor.values.len() / tensor.shape[0];
        for (values, expect) in tensor.values.chunks(row).zip(lengths) {
            let length = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
            worst = worst.max((length - expect).abs() / expect);
        }
    }
    worst
}

/// The reference's numbers, for any cut of the batch; a wrong input must be seen.
pub fn check_mobilenet(runtime: &Runtime, onnx: &[u8]) {
    fn sent<T: Send>(_: &T) {}
    let mut session = runtime.session(onnx, 2).unwrap();
    assert_eq!(session.inputs()[0].dims, [None, Some(3), Some(128), Some(128)]);
    let names: Vec<&str> = session.outputs().iter().map(|port| port.name.as_str()).collect();
    assert_eq!(names, ["logits", "probs", "features", "block1", "block2", "block3", "block4"]);

    let (shape, mut values) = input(3);
    let (whole, notices) = session.run_batch("input", &shape, &values).unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    let error = worst(&whole);
    println!("largest relative difference from the reference: {error:.1e}");
    assert!(error < 1e-4, "{error}");
    assert_eq!(output(&whole, "block4").shape, [3, 256, 4, 4]);

    // The batch is open: one at a time gives the same.
    let one = shape[1..].iter().product::<usize>();
    for (n, piece) in values.chunks(one).enumerate() {
        let single = session.run(&[("input", TensorIn::F32(&[1, 3, 128, 128], piece))]).unwrap();
        for (a, b) in output(&single, "logits").values.iter().zip(&output(&whole, "logits").values[n * 1000..]) {
            assert!((a - b).abs() < 1e-3, "sample {n}: {a} {b}");
        }
    }

    // Negative control: one changed row of pixels in one sample is more than the tolerance.
    values[one + 64 * 128..one + 65 * 128].fill(1.0);
    let (changed, _) = session.run_batch("input", &shape, &values).unwrap();
    let error = worst(&changed);
    assert!(error > 1e-4, "a changed input must be seen: {error}");

    // Sessions go to other threads.
    sent::<Session>(&session);
}

/// Sentences for what cannot run.
pub fn check_bad_input(runtime: &Runtime, onnx: &[u8]) {
    let mut session = runtime.session(onnx, 1).unwrap();
    let (_, values) = input(1);
    let mut refuse = |name: &str, shape: &[usize], expect: &str| {
        let error = session.run_batch(name, shape, &values).unwrap_err().to_string();
        assert!(error.contains(expect) && !error.contains('\n'), "{error}");
    };
    refuse("input", &[1, 128, 128, 3], "wants the shape [any, 3, 128, 128], not [1, 128, 128, 3] (the channels");
    refuse("pixels", &[1, 3, 128, 128], "no input \"pixels\"; it has input");
    refuse("input", &[1, 3, 64, 64], "does not have 49152 values");

    let label = runtime.describe().label();
    for (what, bytes) in
        [("nothing", &b""[..]), ("text", b"these are no nodes at all"), ("half", &onnx[..onnx.len() / 2])]
    {
        let error = runtime.session(bytes, 1).unwrap_err().to_string();
        assert!(error.starts_with(&label) && !error.contains('\n'), "{what}: {error}");
    }
}
