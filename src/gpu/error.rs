//! What can go wrong on a graphics card, as sentences.

/// Why the graphics card did not do it. Nothing in here needs a restart of the program: every kernel has a twin that
/// runs on the processor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// No adapter at all, not even a software one.
    #[error(
        "no graphics adapter was found ({0}); install a driver, or a software one such as Mesa's (mesa-vulkan-drivers)"
    )]
    NoAdapter(String),
    /// There is an adapter, but it gave no device.
    #[error("the graphics adapter {name} cannot be opened ({why})")]
    NoDevice {
        /// The adapter's name.
        name: String,
        /// The driver's words.
        why: String,
    },
    /// The driver was reset, updated or unplugged.
    #[error("the graphics driver stopped ({0}); the processor goes on in its place, restart to use the card again")]
    Lost(String),
    /// A buffer or texture did not fit.
    #[error("the graphics card's memory is full ({0}); close other programs that use it, or show fewer points")]
    OutOfMemory(String),
    /// Larger than the adapter's limits.
    #[error("{what} needs {needed} bytes in one piece, the graphics adapter allows {allowed}")]
    TooLarge {
        /// What was to be made.
        what: &'static str,
        /// How large it would be.
        needed: u64,
        /// What the adapter allows.
        allowed: u64,
    },
    /// The driver or its checks refused; a fault of this program.
    #[error("the graphics driver refused the work ({0})")]
    Refused(String),
    /// Stopped on request.
    #[error(transparent)]
    Cancelled(#[from] crate::base::Cancelled),
}
