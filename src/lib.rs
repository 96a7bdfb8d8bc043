//! Shopscope: a desktop explorer for image-text datasets.
//!
//! The crate is a house of floors; a module imports only from floors below its own
//! (`tests/floors.rs` reads the imports and fails on a breach):
//!
//! ```text
//! 8 cli, views   commands of the terminal; egui panels      (clap; egui, eframe, rfd)
//! 7 app          state, Command, update(state, command) -> effects; no egui, no threads
//! 6 jobs         background work; the only home of threads
//! 5 gpu          wgpu: device, kernels, scatter pipelines; shaders/*.wgsl are their text
//! 4 model        ONNX: graphs, cards, runtimes, preprocessing, features, explanations
//! 3 analysis     pure numbers; no I/O, no SQL
//! 2 catalog      SQLite: schema, ingest, queries, search, tags; Columns, the in-memory snapshot
//! 1 formats      containers: detect, read, write; image decode and thumbnails
//! 0 base         ids, warnings, progress and cancel, configuration, logging
//! ```
//!
//! Data goes up (shard bytes -> `RawSample` -> catalog -> `Columns` -> lenses), one thing comes back:
//! a `Command`.

pub mod analysis;
pub mod app;
pub mod base;
pub mod catalog;
pub mod cli;
pub mod formats;
pub mod gpu;
pub mod jobs;
pub mod model;
pub mod views;
