//! Two lanes that read texts: *records* for the captions of visible samples, *inspect* for everything
//! about the focused one. Both are newest-wins: a request replaces the one that waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::reader::DatasetReader;
use super::{Event, Outbox, Population, ReaderCache, SampleRef, guarded};
use crate::formats::image;

/// A slot that holds at most one request, the newest.
pub(super) struct Latest<T> {
    slot: Mutex<(Option<T>, bool)>,
    changed: Condvar,
    working: AtomicUsize,
}

impl<T> Latest<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { slot: Mutex::new((None, false)), changed: Condvar::new(), working: AtomicUsize::new(0) })
    }

    /// Replaces what waits.
    pub(super) fn put(&self, request: T) {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(request);
        self.changed.notify_one();
    }

    /// Waits for a request; `None` when the lane stops. [`done`](Self::done) must follow each `Some`.
    pub(super) fn take(&self) -> Option<T> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if slot.1 {
                return None;
            }
            if let Some(request) = slot.0.take() {
                self.working.fetch_add(1, Ordering::AcqRel);
                return Some(request);
            }
            slot = self.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn done(&self) {
        self.working.fetch_sub(1, Ordering::AcqRel);
    }

    /// True if a newer request waits: long work looks at this between steps.
    pub(super) fn has_newer(&self) -> bool {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).0.is_some()
    }

    pub(super) fn busy(&self) -> bool {
        self.has_newer() || self.working.load(Ordering::Acquire) > 0
    }

    pub(super) fn stop(&self) {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.changed.notify_all();
    }
}

type RecordsRequest = (Arc<Population>, Vec<SampleRef>);
type InspectRequest = (Arc<Population>, SampleRef);

/// Both lanes.
pub struct RecordLanes {
    records: Arc<Latest<RecordsRequest>>,
    inspect: Arc<Latest<InspectRequest>>,
}

impl RecordLanes {
    pub(super) fn start(outbox: Outbox) -> Self {
        let (records, inspect) = (Latest::new(), Latest::new());
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(run).expect("the system gives a thread at start");
        };
        let (lane, out) = (Arc::clone(&records), outbox.clone());
        spawn("records", Box::new(move || run_records(&lane, &out)));
        let lane = Arc::clone(&inspect);
        spawn("inspect", Box::new(move || run_inspect(&lane, &outbox)));
        Self { records, inspect }
    }

    pub(super) fn want(&self, population: Arc<Population>, wanted: Vec<SampleRef>) {
        self.records.put((population, wanted));
    }

    pub(super) fn inspect(&self, population: Arc<Population>, sample: SampleRef) {
        self.inspect.put((population, sample));
    }

    pub(super) fn busy(&self) -> bool {
        self.records.busy() || self.inspect.busy()
    }
}

impl Drop for RecordLanes {
    fn drop(&mut self) {
        self.records.stop();
        self.inspect.stop();
    }
}

fn run_records(lane: &Latest<RecordsRequest>, outbox: &Outbox) {
    let mut readers = ReaderCache::new();
    while let Some((population, wanted)) = lane.take() {
        guarded(outbox, "reading captions", || {
            // In small batches, so that captions appear while a long list is read and a newer list
            // is not kept waiting.
            for batch in wanted.chunks(64) {
                let mut found = Vec::with_capacity(batch.len());
                for &sample in batch {
                    // A sample whose record cannot be read keeps an empty caption here; the inspector
                    // says why when somebody looks at it.
                    if let Ok(record) = DatasetReader::of(&mut readers, &population, sample)
                        .and_then(|reader| reader.record(sample.row))
                    {
                        found.push((sample, Arc::new(record)));
                    }
                }
                if !found.is_empty() {
                    outbox.send(Event::Records(found));
                }
                if lane.has_newer() {
                    break;
                }
            }
        });
        lane.done();
    }
}

fn run_inspect(lane: &Latest<InspectRequest>, outbox: &Outbox) {
    let mut readers = ReaderCache::new();
    while let Some((population, sample)) = lane.take() {
        guarded(outbox, "reading a sample", || {
            let reader = match DatasetReader::of(&mut readers, &population, sample) {
                Ok(reader) => reader,
                Err(error) => return outbox.send(Event::PictureFailed { sample, error }),
            };
            match reader.record(sample.row) {
                Ok(record) => {
                    let raw = reader.raw_json(sample.row, &record).map(Arc::from);
                    let prediction = population
                        .predictions
                        .as_ref()
                        .and_then(|active| reader.prediction(&active.predictor.key, sample.row));
                    outbox.send(Event::Inspected { sample, record: Arc::new(record), raw, prediction });
                }
                Err(error) => return outbox.send(Event::PictureFailed { sample, error }),
            }
            if lane.has_newer() || !reader.has_image(sample.row) {
                return;
            }
            let decoded = reader
                .image_bytes(sample.row)
                .and_then(|bytes| image::decode(&bytes).map_err(|error| error.to_string()));
            match decoded {
                Ok(picture) => outbox.send(Event::Picture { sample, picture }),
                Err(error) => outbox.send(Event::PictureFailed { sample, error }),
            }
        });
        lane.done();
    }
}
