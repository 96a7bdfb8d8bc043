//! What can go wrong with a model, each as one sentence for the user, the path last.

use std::path::PathBuf;

use crate::base::Cancelled;

/// Why a model cannot be read, understood or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file system refused.
    #[error("cannot read or write a file of the model ({source}): {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not an ONNX file, or a damaged one.
    #[error("this is not a readable ONNX model ({message}): {}", path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What was found, without a full stop.
        message: String,
    },
    /// The model is sound but cannot be used as asked; the sentence says what would help.
    #[error("{message}: {}", path.display())]
    Unusable {
        /// The model file.
        path: PathBuf,
        /// What is the matter and what to do, without a full stop.
        message: String,
    },
    /// The card contradicts itself or the model.
    #[error("the model card says {message}: {}", path.display())]
    Card {
        /// The card.
        path: PathBuf,
        /// What is wrong, without a full stop.
        message: String,
    },
    /// The runtime refused to load or run the model.
    #[error("{runtime} cannot run the model: {message}")]
    Runtime {
        /// "ONNX Runtime 1.31.1 on CPU", "tract".
        runtime: String,
        /// First line of what it says.
        message: String,
    },
    /// No runtime of the wanted kind could be had.
    #[error("{0}")]
    NoRuntime(String),
    /// A name that the model does not have.
    #[error("the model has no {what} \"{name}\"; it has {known}")]
    Unknown {
        /// "stage or tensor", "class".
        what: &'static str,
        /// As asked.
        name: String,
        /// Some that exist, separated by commas.
        known: String,
    },
    /// A name that several things of the model have.
    #[error("\"{name}\" is the name of several {what}: {known}; give the number")]
    Ambiguous {
        /// "classes".
        what: &'static str,
        /// As asked.
        name: String,
        /// Those that have it, with their numbers, separated by semicolons.
        known: String,
    },
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
