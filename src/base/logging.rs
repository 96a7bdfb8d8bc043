//! Logging goes to stderr, so that stdout holds one JSON document or nothing.

use tracing_subscriber::EnvFilter;

/// Installs the subscriber once. `SHOPSCOPE_LOG` (as `RUST_LOG`) sets the level; default: warnings of
/// this crate, errors of others.
pub fn init() {
    let filter = EnvFilter::try_from_env("SHOPSCOPE_LOG").unwrap_or_else(|_| EnvFilter::new("error,shopscope=warn"));
    // A second call (tests) keeps the first subscriber: that is what is wanted.
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).try_init();
}
