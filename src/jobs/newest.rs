//! A lane of one thread for long answers: the newest request wins, and stops the one that runs.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use super::cores::Cores;
use super::records::Latest;
use super::status::{Registry, Running};
use super::{Outbox, guarded};
use crate::base::CancelToken;

/// Where all such lanes compute.
static CORES: LazyLock<Cores> = LazyLock::new(|| Cores::new("answer"));

/// The lane.
pub(super) struct NewestLane<T> {
    asked: Arc<Latest<T>>,
    running: Arc<Mutex<Option<CancelToken>>>,
}

/// How requests of a lane are answered.
pub(super) struct Answering<T, R> {
    /// The thread's name.
    pub name: &'static str,
    /// For the sentence after a panic: "counting words".
    pub doing: &'static str,
    /// For the status bar: "Counting words".
    pub title: &'static str,
    /// The work, which looks at the job's token.
    pub work: fn(&T, &Running, &Outbox) -> R,
    /// Hands the result over when the job is off the list; true where a newer request waits by then.
    pub tell: fn(&T, R, bool, &Outbox),
}

impl<T: Send + Sync + 'static> NewestLane<T> {
    pub(super) fn start<R: Send + 'static>(how: Answering<T, R>, registry: Registry, outbox: Outbox) -> Self {
        let asked = Latest::new();
        let running = Arc::new(Mutex::new(None));
        let (requests, current) = (Arc::clone(&asked), Arc::clone(&running));
        thread::Builder::new()
            .name(how.name.to_owned())
            .spawn(move || {
                while let Some(ask) = requests.take() {
                    guarded(&outbox, how.doing, || answer(&how, &ask, &requests, &current, &registry, &outbox));
                    requests.done();
                }
            })
            .expect("the system gives a thread at start");
        Self { asked, running }
    }

    pub(super) fn ask(&self, ask: T) {
        // Held until both are done, so that the token that is cancelled is never that of this request.
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        self.asked.put(ask);
        if let Some(cancel) = &*running {
            cancel.cancel();
        }
    }

    pub(super) fn busy(&self) -> bool {
        self.asked.busy()
    }
}

impl<T> Drop for NewestLane<T> {
    fn drop(&mut self) {
        self.asked.stop();
        if let Some(cancel) = &*self.running.lock().unwrap_or_else(PoisonError::into_inner) {
            cancel.cancel();
        }
    }
}

fn answer<T: Sync, R: Send>(
    how: &Answering<T, R>,
    ask: &T,
    requests: &Latest<T>,
    current: &Mutex<Option<CancelToken>>,
    registry: &Registry,
    outbox: &Outbox,
) {
    let job = registry.begin(how.title);
    {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.has_newer() {
            return;
        }
        *current = Some(job.cancel.clone());
    }
    let result = CORES.run(|| (how.work)(ask, &job, outbox));
    *current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    drop(job);
    (how.tell)(ask, result, requests.has_newer(), outbox);
}
