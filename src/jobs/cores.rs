//! The processor's cores for work that takes seconds.
//!
//! Rayon's own pool counts the points of the frame that is drawn, filters and searches. A search over all pairs of rows or a count
//! of all words there would let them wait until it ends, so such work runs in a pool of its own, and the system shares the
//! cores between both.

/// A pool of as many threads as there are cores.
pub(super) struct Cores(Option<rayon::ThreadPool>);

impl Cores {
    /// `name` is that of the threads.
    pub(super) fn new(name: &'static str) -> Self {
        let pool = rayon::ThreadPoolBuilder::new().thread_name(move |at| format!("{name} {at}")).build();
        Self(pool.map_err(|error| tracing::warn!("no threads for {name}: {error}")).ok())
    }

    /// Runs work whose parallel parts go to these threads.
    pub(super) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.0 {
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
        assert_eq!(Cores(None).run(|| 7), 7);
    }
}
