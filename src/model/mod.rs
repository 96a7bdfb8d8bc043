//! Floor 4: ONNX models: what a graph says, what a card adds, and how it is run.
//!
//! How it works: [`Model::open`](model::Model::open) reads the graph and its [`Card`](card::Card) (sidecar first, guesses
//! for the rest). A runtime (ONNX Runtime where there is one, tract else) turns the graph's bytes into a session.
//! Pictures become tensors by the card's [`Preprocessing`](card::Preprocessing). What runs over whole datasets lives in
//! `jobs`: this floor starts no threads.

pub mod bundled;
pub mod card;
pub mod classes;
pub mod error;
pub mod features;
#[expect(clippy::module_inception, reason = "the floor is named after what it is about")]
pub mod model;
pub mod onnx;
pub mod preprocess;
pub mod runtime;
pub mod scores;
pub mod text;

pub use card::{Card, Interpolation, Preprocessing, Stage};
pub use error::ModelError;
pub use model::{InputSpec, Model};
