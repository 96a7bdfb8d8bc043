//! Floor 5: the graphics card: one device, kernels, scatter pipelines; `shaders/*.wgsl` are their text.
//!
//! How it works: nothing here opens a device of its own while a window is open: [`wgpu`]'s device of the window computes
//! and draws. Every kernel has a twin of the same name in `analysis` that runs on the processor.

pub mod device;
mod error;
pub mod neighbours;
pub mod scatter;
pub mod umap;

pub use device::Device;
pub use error::GpuError;
