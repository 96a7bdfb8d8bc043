//! ONNX files as data: read, understood, rewritten, never run here.
//!
//! [`Graph`] is a checked `ModelProto` with all weights inside. [`shapes`] knows every tensor's shape, [`stages`] finds the
//! tensors worth looking at and the linear head, [`surgery`] cuts a graph down to the outputs that are wanted,
//! [`gradient`] adds the way back. Everything that is written is plain ONNX again, so that every runtime takes it.

pub mod build;
pub mod gradient;
pub mod graph;
pub mod head;
mod read;
pub mod shapes;
pub mod stages;
pub mod surgery;
#[cfg(test)]
mod testing;
pub mod values;

pub use gradient::{Seed, Target};
pub use graph::{Dim, Graph, Kind, ValueInfo};
pub use head::Head;
pub use shapes::{Shape, Shapes};
pub use surgery::{Pooling, Tap};
