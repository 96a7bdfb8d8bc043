//! The thumbnail lane: a pool of decoders over one list of wanted pictures.
//!
//! A request replaces the list, nearest to the eye first; a picture that is being decoded when the eye
//! moves on is finished (milliseconds), one that waits is forgotten.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::reader::DatasetReader;
use super::{Event, Outbox, Population, ReaderCache, SampleRef, guarded};
use crate::formats::image;

type Wanted = (SampleRef, u32);

#[derive(Default)]
struct Queue {
    population: Arc<Population>,
    waiting: VecDeque<Wanted>,
    /// Being decoded now: not queued again by the next frame.
    decoding: HashSet<Wanted>,
    stop: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    working: AtomicUsize,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lane. Dropping it stops the pool.
pub struct ThumbLane(Arc<Shared>);

impl ThumbLane {
    pub(super) fn start(outbox: &Outbox) -> Self {
        let shared =
            Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new(), working: AtomicUsize::new(0) });
        let workers = thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        for i in 0..workers {
            let (shared, outbox) = (Arc::clone(&shared), outbox.clone());
            thread::Builder::new()
                .name(format!("thumbs {i}"))
                .spawn(move || work(&shared, &outbox))
                .expect("the system gives a thread at start");
        }
        Self(shared)
    }

    /// Replaces the list.
    pub(super) fn want(&self, population: Arc<Population>, wanted: Vec<Wanted>) {
        let mut queue = self.0.lock();
        queue.population = population;
        let decoding = std::mem::take(&mut queue.decoding);
        queue.waiting = wanted.into_iter().filter(|one| !decoding.contains(one)).collect();
        queue.decoding = decoding;
        drop(queue);
        self.0.changed.notify_all();
    }

    pub(super) fn busy(&self) -> bool {
        // In this order: a worker takes from the list and counts itself under one lock.
        !self.0.lock().waiting.is_empty() || self.0.working.load(Ordering::Acquire) > 0
    }
}

impl Drop for ThumbLane {
    fn drop(&mut self) {
        self.0.lock().stop = true;
        self.0.changed.notify_all();
    }
}

fn work(shared: &Shared, outbox: &Outbox) {
    let mut readers = ReaderCache::new();
    loop {
        let (population, wanted) = {
            let mut queue = shared.lock();
            loop {
                if queue.stop {
                    return;
                }
                if let Some(wanted) = queue.waiting.pop_front() {
                    queue.decoding.insert(wanted);
                    shared.working.fetch_add(1, Ordering::AcqRel);
                    break (Arc::clone(&queue.population), wanted);
                }
                queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        };
        let (sample, side) = wanted;
        let picture = guarded(outbox, "making a thumbnail", || thumbnail(&mut readers, &population, sample, side))
            .unwrap_or_else(|| Err("the decoder failed on this picture".to_owned()));
        outbox.send(Event::Thumbnail { sample, side, picture });
        shared.lock().decoding.remove(&wanted);
        shared.working.fetch_sub(1, Ordering::AcqRel);
    }
}

fn thumbnail(
    readers: &mut ReaderCache,
    population: &Population,
    sample: SampleRef,
    side: u32,
) -> Result<image::Picture, String> {
    let bytes = DatasetReader::of(readers, population, sample)?.image_bytes(sample.row)?;
    image::thumbnail(&bytes, side).map_err(|error| error.to_string())
}
