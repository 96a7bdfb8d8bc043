//! A tiny text model with known weights through tokenizer, runtime and pooling; CLIP's real tokenizer.

use prost::Message;
use tract_onnx::pb::ModelProto;

use super::*;
use crate::model::onnx::build::{self, Builder};
use crate::model::onnx::graph::{Dim, Kind};
use crate::model::runtime::{Device, Element};

/// Words as vectors of three numbers, one row a token: [PAD], red, blue, shirt, [UNK], end.
const ROWS: [[f32; 3]; 6] =
    [[9.0, 9.0, 9.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0], [3.0, 4.0, 0.0]];

fn tokenizer_json(end: bool) -> String {
    let mut vocabulary = serde_json::json!({"[PAD]": 0, "red": 1, "blue": 2, "shirt": 3, "[UNK]": 4});
    let mut processor = serde_json::Value::Null;
    if end {
        vocabulary[CLIP_END] = 5.into();
        processor = serde_json::json!({"type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": CLIP_END, "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {CLIP_END: {"id": CLIP_END, "ids": [5], "tokens": [CLIP_END]}}});
    }
    serde_json::json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": processor,
        "decoder": null, "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}})
    .to_string()
}

/// `output = ROWS[input_ids]`, and with `mean` also their plain mean over all tokens as `text_embeds`.
fn model(inputs: &[&str], dims: &[Dim], mean: bool) -> ModelProto {
    let rows: Vec<f32> = ROWS.iter().flatten().copied().collect();
    let mut builder = Builder::new()
        .weights(build::floats("rows", &[ROWS.len(), 3], &rows))
        .node("Gather", &["rows", "input_ids"], "last_hidden_state", vec![build::int("axis", 0)])
        .output("last_hidden_state");
    if mean {
        let attributes = vec![build::ints("axes", &[1]), build::int("keepdims", 0)];
        builder = builder.node("ReduceMean", &["last_hidden_state"], "text_embeds", attributes).output("text_embeds");
    }
    let mut model = builder.build(17);
    let graph = model.graph.as_mut().unwrap();
    graph.input.extend(inputs.iter().map(|name| build::value(name, Kind::I64, Some(dims))));
    model
}

fn open_dims() -> [Dim; 2] {
    [Dim::Symbol("N".to_owned()), Dim::Symbol("L".to_owned())]
}

fn write(folder: &Path, model: &ModelProto, end: bool) -> PathBuf {
    let path = folder.join("tiny.onnx");
    fs::write(&path, model.encode_to_vec()).unwrap();
    fs::write(folder.join("tokenizer.json"), tokenizer_json(end)).unwrap();
    path
}

fn tract() -> &'static Runtime {
    Runtime::start(Device::Tract, None).unwrap()
}

fn close(found: &[f32], expect: &[f32]) {
    let same = found.len() == expect.len() && found.iter().zip(expect).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(same, "{found:?} {expect:?}");
}

#[test]
fn sentence_encoders_average_what_the_mask_covers() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &model(&["input_ids"], &open_dims(), false), false);
    let mut encoder = OnnxText::open(dir.path(), tract(), 1).unwrap();
    assert_eq!((encoder.dims(), encoder.name()), (3, "tiny"));
    assert_eq!(encoder.said()[0], "the output \"last_hidden_state\" is averaged over the text");
    let long = "red ".repeat(20);
    let vectors = encoder.encode(&["Red shirt", "blue", long.trim(), "blue blue red", "green"]).unwrap();
    // Were the padding (9, 9, 9) counted, none of these would hold.
    close(&vectors[0], &[0.447_213_6, 0.0, 0.894_427_2]);
    close(&vectors[1], &[0.0, 1.0, 0.0]);
    close(&vectors[2], &[1.0, 0.0, 0.0]);
    close(&vectors[3], &[0.447_213_6, 0.894_427_2, 0.0]);
    close(&vectors[4], &[0.0, 0.0, 0.0]);
    assert!(encoder.encode(&[]).unwrap().is_empty());
}

#[test]
fn clip_is_read_at_the_end_of_the_text() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), &model(&["input_ids"], &open_dims(), false), true);
    let mut encoder = OnnxText::open(&path, tract(), 1).unwrap();
    assert_eq!(encoder.said()[0], "the output \"last_hidden_state\" is read at the end of the text");
    assert_eq!(encoder.said()[1], "texts are cut at 77 tokens");
    // Far more words than fit: the end token stays.
    let long = "shirt ".repeat(500);
    for vector in encoder.encode(&["red", long.trim()]).unwrap() {
        close(&vector, &[0.6, 0.8, 0.0]);
    }
}

#[test]
fn a_ready_output_is_taken_and_a_card_overrides() {
    let dir = tempfile::tempdir().unwrap();
    let fixed = [Dim::Fixed(2), Dim::Fixed(4)];
    let path = write(dir.path(), &model(&["input_ids"], &fixed, true), false);
    let mut encoder = OnnxText::open(&path, tract(), 1).unwrap();
    assert_eq!(encoder.said()[0], "the output \"text_embeds\" is the vector");
    // Three texts in a graph of batch two and length four: the plain mean counts the padding.
    let vectors = encoder.encode(&["red red red red", "blue", "shirt shirt shirt shirt shirt"]).unwrap();
    close(&vectors[0], &[1.0, 0.0, 0.0]);
    close(&vectors[2], &[0.0, 0.0, 1.0]);
    let length = (27.0_f32 * 27.0 + 28.0 * 28.0 + 27.0 * 27.0).sqrt();
    close(&vectors[1], &[27.0 / length, 28.0 / length, 27.0 / length]);

    fs::write(path.with_extension("toml"), "[text]\npooling = \"first\"").unwrap();
    let mut encoder = OnnxText::open(&path, tract(), 1).unwrap();
    close(&encoder.encode(&["blue red"]).unwrap()[0], &[0.0, 1.0, 0.0]);
    fs::write(path.with_extension("toml"), "[text]\noutput = \"nothing\"").unwrap();
    assert!(OnnxText::open(&path, tract(), 1).unwrap_err().to_string().contains("names the output \"nothing\""));
}

#[test]
fn what_is_no_text_encoder_is_said() {
    let check = |inputs: &[&str], tokenizer: Option<&str>, expect: &str| {
        let dir = tempfile::tempdir().unwrap();
        let mut model = model(inputs, &open_dims(), false);
        if !inputs.contains(&"input_ids") {
            model.graph.as_mut().unwrap().node[0].input[1] = inputs[0].to_owned();
        }
        let path = write(dir.path(), &model, false);
        match tokenizer {
            Some(text) => fs::write(dir.path().join("tokenizer.json"), text).unwrap(),
            None => fs::remove_file(dir.path().join("tokenizer.json")).unwrap(),
        }
        let error = OnnxText::open(&path, tract(), 1).unwrap_err().to_string();
        assert!(error.contains(expect) && !error.contains('\n'), "{error}");
    };
    check(&["input_ids"], None, "needs its tokenizer.json beside it");
    check(&["input_ids"], Some("{}"), "this is no tokenizer");
    check(&["words"], Some(&tokenizer_json(false)), "it has an input \"words\"");
    check(&["input_ids", "pixel_values"], Some(&tokenizer_json(false)), "wants pictures");
    check(&["attention_mask"], Some(&tokenizer_json(false)), "has no input \"input_ids\"");
    let empty = tempfile::tempdir().unwrap();
    assert!(OnnxText::open(empty.path(), tract(), 1).unwrap_err().to_string().contains("no .onnx file here"));
}

#[test]
fn pooling_follows_the_outputs() {
    let port = |name: &str, rank| Port { name: name.to_owned(), dims: vec![None; rank], element: Element::F32 };
    let check = |outputs: &[Port], clip: bool, expect: (&str, Pooling)| {
        let found = settle(outputs, clip, &TextCard::default()).unwrap();
        assert_eq!((found.0.as_str(), found.1), expect);
    };
    let bert = [port("last_hidden_state", 3), port("pooler_output", 2)];
    check(&bert, false, ("last_hidden_state", Pooling::Mean));
    check(&bert, true, ("pooler_output", Pooling::Ready));
    check(&[port("last_hidden_state", 3), port("text_embeds", 2)], true, ("text_embeds", Pooling::Ready));
    check(&[port("x", 2), port("y", 3)], false, ("y", Pooling::Mean));
    check(&[port("x", 2)], false, ("x", Pooling::Ready));
}

#[test]
fn clip_tokens_are_the_real_ones() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/models/clip-tokenizer.json"));
    if !path.exists() {
        assert!(std::env::var_os("CI").is_none(), "../shared/data is not here");
        println!("left out: ../shared/data is not here");
        return;
    }
    let tokenizer = bare(read_tokenizer(path).unwrap()).unwrap();
    let check = |text: &str, expect: &[u32]| {
        assert_eq!(tokenizer.encode(text, true).unwrap().get_ids(), expect, "{text}");
    };
    check("a photo of a cat", &[49406, 320, 1125, 539, 320, 2368, 49407]);
    check("A  PHOTO of a Cat", &[49406, 320, 1125, 539, 320, 2368, 49407]);
    check("", &[49406, 49407]);
    assert_ne!(tokenizer.encode("a photo of a dog", true).unwrap().get_ids()[5], 2368);
}
