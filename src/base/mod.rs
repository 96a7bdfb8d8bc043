//! Floor 0: what every other floor needs and nothing more: ids, warnings, cancel and progress,
//! where files live, logging. It imports no other floor.

pub mod cancel;
pub mod dirs;
pub mod ids;
pub mod logging;
pub mod memory;
pub mod warning;

pub use cancel::{CancelToken, Cancelled, Progress};
pub use ids::{DatasetId, SampleId};
pub use warning::{Warning, WarningKind};
