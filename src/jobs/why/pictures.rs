//! Pictures for an export: decoded at the size that is wanted, which the window's thumbnails need not have.

use std::sync::Arc;
use std::thread;

use super::WhyEvent;
use crate::formats::image::{self, Picture};
use crate::jobs::reader::DatasetReader;
use crate::jobs::{Event, Level, Outbox, Population, ReaderCache, Registry, SampleRef, guarded};

/// What to decode.
#[derive(Clone, Debug)]
pub struct PicturesAsk {
    /// Number of the request; the answer carries it.
    pub generation: u64,
    /// Over what.
    pub population: Arc<Population>,
    /// The pictures.
    pub samples: Vec<SampleRef>,
    /// Longest side, pixels.
    pub side: u32,
}

/// A picture, or why there is none.
pub type Decoded = (SampleRef, Result<Picture, String>);

/// Starts the job.
pub(in crate::jobs) fn start(ask: PicturesAsk, registry: &Registry, outbox: Outbox) {
    let running = registry.begin(format!("Reading {} pictures for the export", ask.samples.len()));
    thread::spawn(move || {
        let decoded = guarded(&outbox, "an export", || {
            running.progress.set_total(ask.samples.len() as u64);
            let mut readers = ReaderCache::new();
            let mut decoded = Vec::with_capacity(ask.samples.len());
            for &sample in &ask.samples {
                if running.cancel.is_cancelled() {
                    outbox.notice(Level::Info, "Export cancelled; nothing was written.");
                    return None;
                }
                let bytes = DatasetReader::of(&mut readers, &ask.population, sample)
                    .and_then(|reader| reader.image_bytes(sample.row));
                let picture =
                    bytes.and_then(|bytes| image::thumbnail(&bytes, ask.side).map_err(|error| error.to_string()));
                decoded.push((sample, picture));
                running.progress.add(1);
            }
            Some(decoded)
        });
        // Whoever waits is told in any case.
        outbox.send(Event::Why(WhyEvent::Pictures(ask.generation, decoded.flatten())));
    });
}
