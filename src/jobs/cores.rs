//! The processor's cores for work that takes seconds.
//!
//! Rayon's own pool counts the points of the frame that is drawn, filters and searches. A search over all pairs of rows or a count
//! of all words there would let them wait until it ends, so each lane of such work has a pool of its own, and the system shares
//! the cores between them. One pool for several lanes would not do: whatever a lane runs keeps one of the threads until it ends, and
//! on few cores the others would wait for it.

use std::sync::OnceLock;

/// A pool of as many threads as there are cores, started by the first work.
pub(super) struct Cores {
    name: &'static str,
    pool: OnceLock<Option<rayon::ThreadPool>>,
}

impl Cores {
    /// `name` is that of the threads.
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, pool: OnceLock::new() }
    }

    /// Runs work whose parallel parts go to these threads; where the system gives none, to those of everyone.
    pub(super) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let name = self.name;
        let start = || {
            let pool = rayon::ThreadPoolBuilder::new().thread_name(move |at| format!("{name} {at}")).build();
            pool.map_err(|error| tracing::warn!("no threads for {name}: {error}")).ok()
        };
        match self.pool.get_or_init(start) {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_does_not_run_in_the_pool_of_everyone() {
        let name = || std::thread::current().name().map(str::to_owned);
        assert_eq!(
            Cores::new("slow").run(|| rayon::join(name, name).0).as_deref().map(|name| &name[..4]),
            Some("slow")
        );
        let none = Cores { name: "none", pool: OnceLock::from(None) };
        assert_eq!(none.run(|| 7), 7);
    }
}
