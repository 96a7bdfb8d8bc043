//! A lane of one thread for long answers: the newest request wins, and stops the one that runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::cores::Cores;
use super::records::Latest;
use super::status::{Registry, Running};
use super::{Outbox, guarded};
use crate::base::CancelToken;

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
    /// Hands the result over when the job is off the list, `None` after a panic, which was told of: whoever waits has to
    /// know. True where a newer request waits by then.
    pub tell: fn(&T, Option<R>, bool, &Outbox),
}

impl<T: Send + Sync + 'static> NewestLane<T> {
    pub(super) fn start<R: Send + 'static>(how: Answering<T, R>, registry: Registry, outbox: Outbox) -> Self {
        let asked = Latest::new();
        let running = Arc::new(Mutex::new(None));
        let (requests, current) = (Arc::clone(&asked), Arc::clone(&running));
        thread::Builder::new()
            .name(how.name.to_owned())
            .spawn(move || {
                let cores = Cores::new(how.name);
                while let Some(ask) = requests.take() {
                    answer((&how, &cores), &ask, &requests, &current, &registry, &outbox);
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
    (how, cores): (&Answering<T, R>, &Cores),
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
    let result = guarded(outbox, how.doing, || cores.run(|| (how.work)(ask, &job, outbox)));
    *current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    drop(job);
    (how.tell)(ask, result, requests.has_newer(), outbox);
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::jobs::Event;

    #[test]
    fn who_waits_is_told_when_the_work_breaks_off() {
        let (sender, events) = unbounded();
        let outbox = Outbox { events: sender, wake: Arc::new(|| {}) };
        let how = Answering {
            name: "probe",
            doing: "a probe",
            title: "Probing",
            work: |number: &u32, _, _| {
                assert!(*number != 1, "one is no good");
                number * 2
            },
            tell: |number, doubled, _, outbox| {
                outbox.notice(crate::jobs::Level::Info, format!("{number}: {doubled:?}"));
            },
        };
        let lane = NewestLane::start(how, Registry::default(), outbox);
        let mut told = Vec::new();
        for number in [1, 4] {
            lane.ask(number);
            let answer = format!("{number}: ");
            while !told.last().is_some_and(|said: &String| said.starts_with(&answer)) {
                let event = events.recv_timeout(std::time::Duration::from_secs(20)).expect("an answer");
                if let Event::Notice { text, .. } = event {
                    told.push(text);
                }
            }
        }
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("stopped a probe") && told[0].contains("one is no good"), "{told:?}");
        assert_eq!(told[1..], ["1: None", "4: Some(8)"]);
    }
}
