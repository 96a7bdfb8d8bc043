//! The list of running jobs, for the status bar.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::base::{CancelToken, Progress};

/// Names a running job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub u64);

/// A running job as the status bar shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStatus {
    /// Its name.
    pub id: JobId,
    /// What it does: "Indexing lgs-mini".
    pub title: String,
    /// Finished share, `0.0..=1.0`, or `None` while unknown. Rounded to 0.1 % so that an idle job does not repaint.
    pub fraction: Option<f32>,
    /// Samples a second since the start, rounded; 0 where the job counts none.
    pub rate: u64,
    /// Whole seconds since the start.
    pub secs: u64,
}

#[derive(Debug)]
struct Entry {
    id: JobId,
    title: String,
    progress: Progress,
    cancel: CancelToken,
    started: Instant,
}

/// Running jobs. Clones share the list.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    entries: Arc<Mutex<Vec<Entry>>>,
    next: Arc<AtomicU64>,
}

/// Keeps a job in the list until dropped.
#[derive(Debug)]
pub struct Running {
    registry: Registry,
    /// Its name.
    pub id: JobId,
    /// Its progress.
    pub progress: Progress,
    /// Its cancel token.
    pub cancel: CancelToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.registry.lock().retain(|entry| entry.id != self.id);
    }
}

impl Registry {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        // A panic while the list was held cannot have left it half-changed: every change is one call.
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Enters a job.
    #[must_use]
    pub fn begin(&self, title: impl Into<String>) -> Running {
        let id = JobId(self.next.fetch_add(1, Ordering::Relaxed));
        let (progress, cancel) = (Progress::default(), CancelToken::default());
        self.lock().push(Entry {
            id,
            title: title.into(),
            progress: progress.clone(),
            cancel: cancel.clone(),
            started: Instant::now(),
        });
        Running { registry: self.clone(), id, progress, cancel }
    }

    /// The running jobs, oldest first.
    #[must_use]
    pub fn statuses(&self) -> Vec<JobStatus> {
        self.lock()
            .iter()
            .map(|entry| {
                let secs = entry.started.elapsed().as_secs_f64();
                JobStatus {
                    id: entry.id,
                    title: entry.title.clone(),
                    fraction: entry.progress.fraction().map(|share| (share * 1000.0).round() / 1000.0),
                    rate: if secs > 0.2 { (entry.progress.samples() as f64 / secs).round() as u64 } else { 0 },
                    secs: secs as u64,
                }
            })
            .collect()
    }

    /// True if nothing runs.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.lock().is_empty()
    }

    /// Asks one job to stop.
    pub fn cancel(&self, id: JobId) {
        for entry in self.lock().iter().filter(|entry| entry.id == id) {
            entry.cancel.cancel();
        }
    }

    /// Asks all jobs to stop.
    pub fn cancel_all(&self) {
        for entry in self.lock().iter() {
            entry.cancel.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_listed_until_it_is_dropped() {
        let registry = Registry::default();
        let running = registry.begin("Counting");
        running.progress.set_total(3);
        running.progress.add(1);
        let statuses = registry.statuses();
        assert_eq!((statuses.len(), statuses[0].fraction), (1, Some(0.333)));
        registry.cancel(JobId(running.id.0 + 1));
        assert!(!running.cancel.is_cancelled(), "another job's cancel");
        registry.cancel(running.id);
        assert!(running.cancel.is_cancelled());
        drop(running);
        assert!(registry.is_idle());
    }
}
