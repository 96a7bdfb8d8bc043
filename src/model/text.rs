//! Texts as vectors: a tokenizer (`tokenizer.json`) and a text model in ONNX, CLIP's or a sentence encoder.
//!
//! How it works: [`OnnxText::open`] finds both files, looks at the graph's inputs and outputs and settles how a text
//! becomes one vector ([`Pooling`]): a ready embedding output is taken as it is; CLIP's hidden states are read at the
//! end-of-text token; other hidden states are averaged over the attention mask. Texts are sorted by length, cut into
//! batches padded to one length each, and the vectors are brought to length one and back into the given order. A
//! `[text]` table in the model's card overrides what was guessed.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use super::ModelError;
use super::onnx::Graph;
use super::runtime::{Outputs, Port, Runtime, Session, Tensor, TensorIn};

/// Makes vectors of texts.
pub trait TextEncoder {
    /// One vector of [`dims`](Self::dims) numbers and length 1 for each text, in order.
    ///
    /// # Errors
    /// If the model cannot run.
    fn encode(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError>;

    /// Length of the vectors.
    fn dims(&self) -> usize;

    /// As shown.
    fn name(&self) -> &str;
}

/// How the outputs of a text model become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The output is one vector a text already.
    Ready,
    /// The hidden state at the first end-of-text token (CLIP).
    Eos,
    /// The mean of the hidden states over the attention mask (sentence encoders).
    Mean,
    /// The hidden state of the first token (`[CLS]`).
    First,
}

/// The `[text]` table of a card; everything may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TextCard {
    pooling: Option<Pooling>,
    output: Option<String>,
    length: Option<usize>,
}

/// Texts in one run of the model.
const BATCH: usize = 32;
/// Padded lengths are multiples of this, so that a runtime which plans for shapes meets few of them.
const STEP: usize = 8;
/// Longest text of an encoder that does not say its own limit, tokens.
const LONGEST: usize = 512;
/// CLIP's context, tokens.
const CLIP_LENGTH: usize = 77;
/// Ends a text in CLIP's vocabulary.
const CLIP_END: &str = "<|endoftext|>";

/// A text encoder in ONNX.
#[derive(Debug)]
pub struct OnnxText {
    name: String,
    path: PathBuf,
    hash: String,
    tokenizer: Tokenizer,
    session: Session,
    output: String,
    pooling: Pooling,
    /// Longest text, tokens; longer ones are cut, keeping the last token.
    length: usize,
    /// Every text is padded to `length`: the graph is fixed to it.
    fixed_length: bool,
    fixed_batch: Option<usize>,
    pad: i64,
    end: Option<i64>,
    dims: usize,
    said: Vec<String>,
}

impl OnnxText {
    /// Opens a model file with `tokenizer.json` beside it (or one folder up), or a folder with both.
    ///
    /// # Errors
    /// One sentence: a file is missing or damaged, the graph is no text encoder, the runtime refuses it.
    pub fn open(path: &Path, runtime: &Runtime, threads: usize) -> Result<Self, ModelError> {
        let path = model_file(path)?;
        let unusable = |message: String| ModelError::Unusable { path: path.clone(), message };
        let tokenizer_path = tokenizer_file(&path)
            .ok_or_else(|| unusable("a text model needs its tokenizer.json beside it".to_owned()))?;
        let tokenizer = read_tokenizer(&tokenizer_path)?;
        let card = read_card(&path)?;
        let graph = Graph::read(&path)?;
        let session = runtime.session(&graph.to_bytes()?, threads)?;

        for port in session.inputs() {
            match port.name.as_str() {
                "input_ids" | "attention_mask" | "token_type_ids" | "position_ids" => {}
                "pixel_values" => {
                    return Err(unusable(
                        "the model wants pictures beside texts; export its text part on its own".to_owned(),
                    ));
                }
                other => return Err(unusable(format!("this is no text encoder: it has an input \"{other}\""))),
            }
        }
        let Some(ids) = session.inputs().iter().find(|port| port.name == "input_ids") else {
            return Err(unusable("this is no text encoder: it has no input \"input_ids\"".to_owned()));
        };
        let fixed_batch = ids.dims.first().copied().flatten();
        let graph_length = ids.dims.get(1).copied().flatten();
        let end = tokenizer.token_to_id(CLIP_END).map(i64::from);
        let (output, pooling) = settle(session.outputs(), end.is_some(), &card).map_err(unusable)?;
        if pooling == Pooling::Eos && end.is_none() {
            return Err(unusable(format!("its tokenizer has no {CLIP_END}, where the vector is to be read")));
        }
        let own = tokenizer.get_truncation().map(|truncation| truncation.max_length);
        let known = if end.is_some() { CLIP_LENGTH } else { own.unwrap_or(LONGEST) };
        let length = graph_length.or(card.length).unwrap_or(known).max(2);
        let pad = tokenizer.get_padding().map(|padding| padding.pad_id);
        let pad = pad.or_else(|| [CLIP_END, "[PAD]", "<pad>"].iter().find_map(|token| tokenizer.token_to_id(token)));

        let how = match pooling {
            Pooling::Ready => "is the vector",
            Pooling::Eos => "is read at the end of the text",
            Pooling::Mean => "is averaged over the text",
            Pooling::First => "is read at the first token",
        };
        let said = vec![format!("the output \"{output}\" {how}"), format!("texts are cut at {length} tokens")];
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let mut encoder = Self {
            name: stem,
            hash: graph.hash().to_owned(),
            path,
            tokenizer: bare(tokenizer)?,
            session,
            output,
            pooling,
            length,
            fixed_length: graph_length.is_some(),
            fixed_batch,
            pad: pad.map_or(0, i64::from),
            end,
            dims: 0,
            said,
        };
        // One text shows that everything fits, and how long the vectors are.
        encoder.dims = encoder.encode(&["a"])?[0].len();
        Ok(encoder)
    }

    /// What was settled on, as sentences without full stops.
    #[must_use]
    pub fn said(&self) -> &[String] {
        &self.said
    }

    /// SHA-256 of the model's bytes, hex.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// A file name for the vectors of these texts: it changes with the model, its pooling and every text.
    #[must_use]
    pub fn cache_name(&self, texts: &[&str]) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{}\n{:?} {} {}\n", self.hash, self.pooling, self.output, self.length));
        for text in texts {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let mut number = [0; 16];
        number.copy_from_slice(&hash.finalize()[..16]);
        format!("{:032x}.npy", u128::from_be_bytes(number))
    }

    /// What runs the model.
    #[must_use]
    pub fn runtime(&self) -> &str {
        self.session.label()
    }

    /// Token numbers of a text with the special ones, cut at the model's length.
    ///
    /// # Errors
    /// If the tokenizer does not know what to do with the text.
    fn ids(&self, text: &str) -> Result<Vec<i64>, ModelError> {
        let encoding = self.tokenizer.encode(text, true).map_err(|error| ModelError::Unusable {
            path: self.path.clone(),
            message: format!("its tokenizer cannot read \"{}\" ({error})", text.chars().take(40).collect::<String>()),
        })?;
        let mut ids: Vec<i64> = encoding.get_ids().iter().map(|&id| i64::from(id)).collect();
        if ids.len() > self.length {
            // The last token ends the text ([SEP], <|endoftext|>) and stays the last.
            let last = ids[ids.len() - 1];
            ids.truncate(self.length);
            ids[self.length - 1] = last;
        }
        if ids.is_empty() {
            ids.push(self.pad);
        }
        Ok(ids)
    }

    /// Runs texts of similar length; `rows` is the batch of the graph, at least as many as texts.
    fn run(&mut self, texts: &[Vec<i64>], rows: usize) -> Result<Vec<Vec<f32>>, ModelError> {
        let longest = texts.iter().map(Vec::len).max().unwrap_or(1);
        let width = if self.fixed_length { self.length } else { longest.next_multiple_of(STEP).min(self.length) };
        let mut ids = vec![self.pad; rows * width];
        let mut mask = vec![0; rows * width];
        for (row, text) in texts.iter().enumerate() {
            ids[row * width..][..text.len()].copy_from_slice(text);
            mask[row * width..][..text.len()].fill(1);
        }
        // An all-zero mask makes attention divide by nothing; rows that only fill up have one token.
        for row in texts.len()..rows {
            mask[row * width] = 1;
        }
        let zeros = vec![0; rows * width];
        let positions: Vec<i64> = (0..rows * width).map(|at| (at % width) as i64).collect();
        let shape = [rows, width];
        let names: Vec<String> = self.session.inputs().iter().map(|port| port.name.clone()).collect();
        let inputs: Vec<(&str, TensorIn)> = names
            .iter()
            .map(|name| {
                let values = match name.as_str() {
                    "input_ids" => &ids,
                    "attention_mask" => &mask,
                    "position_ids" => &positions,
                    _ => &zeros,
                };
                (name.as_str(), TensorIn::I64(&shape, values))
            })
            .collect();
        let outputs = self.session.run(&inputs)?;
        self.pool(&outputs, texts, rows, width)
    }

    fn pool(
        &self,
        outputs: &Outputs,
        texts: &[Vec<i64>],
        rows: usize,
        width: usize,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let tensor = outputs.iter().find(|(name, _)| *name == self.output).map(|(_, tensor)| tensor);
        let wrong = |shape: &[usize]| ModelError::Unusable {
            path: self.path.clone(),
            message: format!(
                "its output \"{}\" has the shape {shape:?} for {rows} texts of {width} tokens, which is no vector a text",
                self.output
            ),
        };
        let Some(Tensor { shape, values }) = tensor else { return Err(wrong(&[])) };
        let dims = match (self.pooling, shape.as_slice()) {
            (Pooling::Ready, [n, dims]) if *n == rows => *dims,
            (Pooling::Eos | Pooling::Mean | Pooling::First, [n, w, dims]) if (*n, *w) == (rows, width) => *dims,
            _ => return Err(wrong(shape)),
        };
        let state = |row: usize, token: usize| &values[(row * width + token) * dims..][..dims];
        let vectors = texts.iter().enumerate().map(|(row, text)| {
            let mut vector = match self.pooling {
                Pooling::Ready => values[row * dims..][..dims].to_vec(),
                Pooling::First => state(row, 0).to_vec(),
                Pooling::Eos => {
                    let end = text.iter().position(|&id| Some(id) == self.end).unwrap_or(text.len() - 1);
                    state(row, end).to_vec()
                }
                Pooling::Mean => {
                    let mut mean = vec![0.0; dims];
                    for token in 0..text.len() {
                        for (sum, value) in mean.iter_mut().zip(state(row, token)) {
                            *sum += value / text.len() as f32;
                        }
                    }
                    mean
                }
            };
            normalise(&mut vector);
            vector
        });
        Ok(vectors.collect())
    }
}

impl TextEncoder for OnnxText {
    fn encode(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut tokens: Vec<(usize, Vec<i64>)> = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            tokens.push((at, self.ids(text)?));
        }
        tokens.sort_by_key(|(at, ids)| (ids.len(), *at));
        let mut vectors = vec![Vec::new(); texts.len()];
        for batch in tokens.chunks(self.fixed_batch.unwrap_or(BATCH)) {
            let ids: Vec<Vec<i64>> = batch.iter().map(|(_, ids)| ids.clone()).collect();
            let made = self.run(&ids, self.fixed_batch.unwrap_or(batch.len()))?;
            for ((at, _), vector) in batch.iter().zip(made) {
                vectors[*at] = vector;
            }
        }
        Ok(vectors)
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// To length 1; zeros stay zeros.
fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt() as f32;
    if length > 0.0 {
        for value in vector {
            *value /= length;
        }
    }
}

/// Which output is read and how; the card goes before guesses.
fn settle(outputs: &[Port], clip: bool, card: &TextCard) -> Result<(String, Pooling), String> {
    let named = |names: &[&str]| {
        names.iter().find_map(|name| outputs.iter().find(|port| port.name == *name)).map(|port| port.name.clone())
    };
    let of_rank = |rank: usize| outputs.iter().find(|port| port.dims.len() == rank).map(|port| port.name.clone());
    let hidden = if clip { Pooling::Eos } else { Pooling::Mean };
    let ready = || named(&["text_embeds", "sentence_embedding", "embeddings"]);
    let clip_pooled = || if clip { named(&["pooler_output"]) } else { None };
    let (output, pooling) = if let Some(output) = &card.output {
        let port = outputs.iter().find(|port| port.name == *output);
        let port = port.ok_or_else(|| format!("the card names the output \"{output}\", which the model has not"))?;
        (output.clone(), if port.dims.len() == 3 { hidden } else { Pooling::Ready })
    } else if card.pooling.is_none_or(|pooling| pooling == Pooling::Ready)
        && let Some(output) = ready().or_else(clip_pooled)
    {
        (output, Pooling::Ready)
    } else if let Some(output) = named(&["last_hidden_state", "token_embeddings"]).or_else(|| of_rank(3)) {
        (output, hidden)
    } else if let Some(output) = of_rank(2).or_else(|| outputs.first().map(|port| port.name.clone())) {
        (output, Pooling::Ready)
    } else {
        return Err("this is no text encoder: it has no outputs".to_owned());
    };
    Ok((output, card.pooling.unwrap_or(pooling)))
}

/// The model of a folder, or the file itself.
fn model_file(path: &Path) -> Result<PathBuf, ModelError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let usual = ["text_model.onnx", "model.onnx", "onnx/text_model.onnx", "onnx/model.onnx"];
    if let Some(found) = usual.iter().map(|name| path.join(name)).find(|file| file.is_file()) {
        return Ok(found);
    }
    let entries = fs::read_dir(path).map_err(|source| ModelError::Io { path: path.to_owned(), source })?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut models: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "onnx")).collect();
    models.sort();
    match models.len() {
        1 => Ok(models.remove(0)),
        0 => Err(ModelError::Unusable { path: path.to_owned(), message: "there is no .onnx file here".to_owned() }),
        n => Err(ModelError::Unusable {
            path: path.to_owned(),
            message: format!("there are {n} .onnx files here; name one of them"),
        }),
    }
}

fn tokenizer_file(model: &Path) -> Option<PathBuf> {
    let folder = model.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let above = folder.canonicalize().ok().and_then(|folder| folder.parent().map(Path::to_owned));
    let named = model.with_extension("tokenizer.json");
    let places = [Some(named), Some(folder.join("tokenizer.json")), above.map(|folder| folder.join("tokenizer.json"))];
    places.into_iter().flatten().find(|file| file.is_file())
}

/// Reads a `tokenizer.json` of the Hugging Face kind.
///
/// # Errors
/// If the file cannot be read or is no tokenizer.
pub fn read_tokenizer(path: &Path) -> Result<Tokenizer, ModelError> {
    let bytes = fs::read(path).map_err(|source| ModelError::Io { path: path.to_owned(), source })?;
    Tokenizer::from_bytes(&bytes).map_err(|error| {
        let said = error.to_string();
        ModelError::Unusable {
            path: path.to_owned(),
            message: format!("this is no tokenizer ({})", said.lines().next().unwrap_or_default()),
        }
    })
}

/// Without padding and truncation of its own: both are done here.
fn bare(mut tokenizer: Tokenizer) -> Result<Tokenizer, ModelError> {
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| ModelError::NoRuntime(error.to_string()))?;
    Ok(tokenizer)
}

fn read_card(model: &Path) -> Result<TextCard, ModelError> {
    #[derive(Deserialize)]
    struct Card {
        #[serde(default)]
        text: TextCard,
    }
    let path = model.with_extension("toml");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(TextCard::default()),
        Err(source) => return Err(ModelError::Io { path, source }),
    };
    let card: Card = toml::from_str(&text)
        .map_err(|error| ModelError::Card { path, message: error.message().trim_end_matches('.').to_owned() })?;
    Ok(card.text)
}

#[cfg(test)]
mod tests;
