//! Floor 1: containers. Finds out what a path holds ([`detect`]), reads it shard by shard into
//! [`RawSample`]s ([`scan`]) and hands out single pictures and records later ([`ShardReader`]);
//! decodes pictures and makes thumbnails ([`image`]); reads and writes arrays ([`npy`]); draws and writes the demo datasets ([`demo`]).
//!
//! How it works: a [`Source`] is one dataset: a root, a format and its shards. `scan` walks one shard
//! from start to end, hands each sample to a [`Sink`] and turns every local failure into a warning.
//! Pictures are never unpacked: a sample carries the [`Location`] of its picture in its shard.
//!
//! What is absent: SQL, threads, user interface. Nothing here writes into a dataset's folder.

mod captions;
mod coco;
mod columns;
pub mod demo;
mod detect;
mod fields;
mod folder;
mod gz;
pub mod image;
mod keys;
mod mapped;
mod natural;
pub mod npy;
pub mod npz;
mod parquet;
pub mod positions;
mod reader;
mod report;
mod separated;
mod sidecar;
mod source;
mod tar;
mod webdataset;
pub mod wordnet;

pub use columns::{columns, guess_map};
pub use detect::{detect, fingerprint};
pub use natural::natural_cmp;
pub use reader::ShardReader;
pub use source::{
    Field, FieldMap, Fields, Fingerprint, Format, FormatError, ImageEntry, Location, RawRecord, RawSample, ReadOptions,
    Shard, Sink, Source,
};

/// Reads one shard of a source from start to end and hands what it finds to `sink`.
///
/// Local failures become warnings and the rest goes on; samples that were handed out before an error stay good.
///
/// # Errors
/// Where the shard cannot be read at all, changed while it was read, or the scan was cancelled.
pub fn scan(source: &Source, shard: &Shard, opts: &ReadOptions, sink: &mut dyn Sink) -> Result<(), FormatError> {
    opts.cancel.check()?;
    match source.format {
        Format::Webdataset => webdataset::scan(shard, opts, sink),
        Format::Parquet => parquet::scan(&source.root, shard, opts, sink),
        Format::ImageFolder | Format::Imagenet => folder::scan(&source.root, source.format, shard, opts, sink),
        Format::Jsonl | Format::Csv | Format::Tsv => captions::scan(&source.root, source.format, shard, opts, sink),
        Format::CocoCaptions => coco::scan(&source.root, shard, opts, sink),
    }
}
