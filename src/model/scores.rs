//! A model as a classifier: its scores before softmax as the only output, and the key under which its answers are kept.

use sha2::{Digest, Sha256};

use super::onnx::Tap;
use super::runtime::{Runtime, Session};
use super::{Card, Model, ModelError};
use crate::catalog::Predictor;

/// Raised when samples map to classes by other rules: what was stored by older ones is not served any more.
const RULES: u32 = 1;

/// Whose predictions those of `model`, read as its card says, are. The key names the model's bytes, preprocessing, output and classes,
/// but neither its name nor its stages, on which no prediction hangs.
#[must_use]
pub fn predictor(model: &Model) -> Predictor {
    let reading = Card { name: String::new(), stages: Vec::new(), ..model.card.clone() };
    let mut hash = Sha256::new();
    for part in [model.hash.as_str(), &reading.to_toml(), &RULES.to_string()] {
        // The length first, so that no part runs into the next.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let key = hash.finalize().iter().fold(String::new(), |mut key, byte| {
        use std::fmt::Write as _;
        let _ = write!(key, "{byte:02x}");
        key
    });
    Predictor { key, model: model.hash.clone(), name: model.card.name.clone(), classes: model.card.classes.clone() }
}

/// A session that gives scores.
#[derive(Debug)]
pub struct Scores {
    session: Session,
    input: String,
    shape: Vec<usize>,
    /// Classes, once a batch was run.
    classes: Option<usize>,
    path: std::path::PathBuf,
    notices: Vec<String>,
}

/// The output's name.
const OUTPUT: &str = "scores";

impl Scores {
    /// Makes a model ready to score pictures.
    ///
    /// # Errors
    /// The model has no scores, or the runtime refuses it; one sentence.
    pub fn start(runtime: &Runtime, model: &Model) -> Result<Self, ModelError> {
        let Some(logits) = &model.card.logits else {
            let message =
                "nothing in it looks like scores of classes; name the output in a model card (logits = \"..\")";
            return Err(ModelError::Unusable { path: model.path.clone(), message: message.to_owned() });
        };
        let onnx = model.graph.expose(&[Tap::whole(logits, OUTPUT)])?;
        Ok(Self {
            session: runtime.session(&onnx, 0)?,
            input: model.input.name.clone(),
            shape: model.input.shape(1),
            classes: (!model.card.classes.is_empty()).then_some(model.card.classes.len()),
            path: model.path.clone(),
            notices: Vec::new(),
        })
    }

    /// The scores of `count` pictures, `[count, classes]`; `values` are the pictures' numbers, one after the other.
    ///
    /// # Errors
    /// The model cannot be run, or gives another number of scores than it has classes.
    pub fn run(&mut self, count: usize, values: &[f32]) -> Result<Vec<f32>, ModelError> {
        self.shape[0] = count;
        let (mut outputs, notices) = self.session.run_batch(&self.input, &self.shape, values)?;
        self.notices.extend(notices);
        let scores = outputs.pop().map(|(_, tensor)| tensor.values).unwrap_or_default();
        let each = scores.len() / count.max(1);
        if each == 0 || each * count != scores.len() || self.classes.is_some_and(|classes| classes != each) {
            let message = match self.classes {
                Some(classes) => format!(
                    "it gives {each} scores a picture, and {classes} classes are known; correct classes or logits in its card"
                ),
                None => {
                    "its output is no list of scores; name the right one in a model card (logits = \"..\")".to_owned()
                }
            };
            return Err(ModelError::Unusable { path: self.path.clone(), message });
        }
        self.classes = Some(each);
        Ok(scores)
    }

    /// Sentences about what happened since the last call: a smaller batch, another device.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}
