//! Cancelling and progress of background work.
//!
//! A job holds one [`CancelToken`] and one [`Progress`], both cheap handles on shared atomics: the
//! job writes, the window reads, nobody waits. Cancelled is not an error of the user's; it has a type
//! of its own so that no floor mistakes it for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The work was stopped on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped on request")]
pub struct Cancelled;

/// Says whether work should stop. Clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks the work to stop at its next [`check`](Self::check).
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once [`cancel`](Self::cancel) was called on any clone.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// `Err(Cancelled)` once cancelled: called with `?` between chunks of work.
    ///
    /// # Errors
    /// [`Cancelled`] if the token was cancelled.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

/// How far a job is, in units the job chooses (bytes, samples). Clones share the counters.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<ProgressCounters>);

#[derive(Debug, Default)]
struct ProgressCounters {
    done: AtomicU64,
    total: AtomicU64,
    samples: AtomicU64,
}

impl Progress {
    /// Sets the total number of units; 0 means unknown.
    pub fn set_total(&self, units: u64) {
        self.0.total.store(units, Ordering::Relaxed);
    }

    /// Adds finished units.
    pub fn add(&self, units: u64) {
        self.0.done.fetch_add(units, Ordering::Relaxed);
    }

    /// Adds finished samples (shown as a rate beside the fraction).
    pub fn add_samples(&self, n: u64) {
        self.0.samples.fetch_add(n, Ordering::Relaxed);
    }

    /// Finished samples so far.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.0.samples.load(Ordering::Relaxed)
    }

    /// Finished share in `0.0..=1.0`, or `None` while the total is unknown.
    #[must_use]
    pub fn fraction(&self) -> Option<f32> {
        let total = self.0.total.load(Ordering::Relaxed);
        let done = self.0.done.load(Ordering::Relaxed);
        (total > 0).then(|| (done as f64 / total as f64).min(1.0) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_flag_and_the_counters() {
        let (token, progress) = (CancelToken::default(), Progress::default());
        assert_eq!((token.check(), progress.fraction()), (Ok(()), None));
        token.clone().cancel();
        progress.set_total(4);
        progress.clone().add(3);
        assert_eq!((token.check(), progress.fraction()), (Err(Cancelled), Some(0.75)));
        progress.add(3);
        assert_eq!(progress.fraction(), Some(1.0), "never above one");
    }
}
