//! Floor 1: containers. Finds out what a path holds ([`detect`]), reads it shard by shard into
//! [`RawSample`]s ([`scan`]) and hands out single pictures and records later ([`ShardReader`]);
//! decodes pictures and makes thumbnails ([`image`]); draws and writes the demo datasets ([`demo`]).
//!
//! How it works: a [`Source`] is one dataset: a root, a format and its shards. `scan` walks one shard
//! from start to end, hands each sample to a [`Sink`] and turns every local failure into a warning.
//! Pictures are never unpacked: a sample carries the [`Location`] of its picture in its shard.
//!
//! What is absent: SQL, threads, user interface. Nothing here writes into a dataset's folder.

pub mod demo;
pub mod image;
mod source;

pub use source::{
    Field, FieldMap, Fields, Fingerprint, Format, FormatError, ImageEntry, Location, RawRecord, RawSample, ReadOptions,
    Shard, Sink, Source,
};
