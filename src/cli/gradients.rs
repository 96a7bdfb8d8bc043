//! `shopscope gradients`: a model's gradients as an ONNX graph of its own, for any runtime.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::CliError;
use super::models::{OneModel, failed};
use crate::model::onnx::{Seed, Target, gradient};
use crate::model::{Model, ModelError};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: OneModel,
    /// Stages of the model or tensors of its graph (its input too) whose gradients are wanted.
    #[arg(long, required = true, value_name = "NAME..", num_args = 1.., value_delimiter = ',')]
    wrt: Vec<String>,
    /// The class whose score is differentiated, an index or a name (default: weights of the scores become a second input
    /// `shopscope_seed` [N, C], so that each picture has its own class).
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// The tensor of scores (default: the card's).
    #[arg(long, value_name = "TENSOR")]
    of: Option<String>,
    /// The file to write.
    #[arg(long, value_name = "FILE.onnx")]
    out: PathBuf,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

/// What was written: the names of inputs and outputs.
#[derive(Serialize)]
struct Document {
    model: String,
    out: String,
    scores: String,
    class: Option<usize>,
    inputs: Vec<String>,
    outputs: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    layer: String,
    tensor: String,
    gradient: String,
    value: String,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let model = args.model.open()?;
    let document = write(args, &model).map_err(failed)?;
    if args.json {
        serde_json::to_writer(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{}: inputs {}", document.out, document.inputs.join(", "))?;
    for Entry { layer, tensor, gradient, value } in &document.outputs {
        writeln!(out, "{gradient} and {value}: {layer} ({tensor})")?;
    }
    writeln!(out, "{}: {}", gradient::SCORES, document.scores)?;
    Ok(())
}

fn write(args: &Args, model: &Model) -> Result<Document, ModelError> {
    let scores = match &args.of {
        Some(tensor) => model.resolve(tensor)?.tensor,
        None => model.card.logits.clone().ok_or_else(|| ModelError::Unusable {
            path: model.path.clone(),
            message: "no output looks like scores of classes: name the tensor with --of".to_owned(),
        })?,
    };
    let class = args.class.as_deref().map(|class| model.class(class)).transpose()?;
    let layers = args.wrt.iter().map(|name| model.resolve(name)).collect::<Result<Vec<_>, _>>()?;
    let wrt: Vec<String> = layers.iter().map(|stage| stage.tensor.clone()).collect();
    let seed = class.map_or(Seed::Input, Seed::Class);
    let onnx = model.graph.gradients(&Target { output: scores.clone(), seed }, &wrt)?;
    std::fs::write(&args.out, onnx).map_err(|source| ModelError::Io { path: args.out.clone(), source })?;
    let mut inputs = vec![model.input.name.clone()];
    inputs.extend(class.is_none().then(|| gradient::SEED.to_owned()));
    let entry = |(at, layer): (usize, crate::model::Stage)| Entry {
        layer: layer.name,
        tensor: layer.tensor,
        gradient: gradient::gradient_name(at),
        value: gradient::value_name(at),
    };
    Ok(Document {
        model: args.model.model.display().to_string(),
        out: args.out.display().to_string(),
        scores,
        class,
        inputs,
        outputs: layers.into_iter().enumerate().map(entry).collect(),
    })
}
