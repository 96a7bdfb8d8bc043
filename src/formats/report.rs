//! What a scan tells its [`Sink`]: samples, and warnings with the shard's name, bounded in number.

use std::collections::BTreeMap;

use super::image::Probe;
use super::source::{FormatError, RawSample, Shard, Sink};
use crate::base::{Warning, WarningKind};

/// Warnings of one kind told one by one; those after it are counted and told in one sentence.
pub(super) const MAX_OF_A_KIND: u64 = 1000;

/// Wraps the sink of one scan.
pub(super) struct Reporter<'a> {
    shard: &'a str,
    sink: &'a mut dyn Sink,
    counts: BTreeMap<WarningKind, u64>,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(shard: &'a Shard, sink: &'a mut dyn Sink) -> Self {
        Self { shard: &shard.name, sink, counts: BTreeMap::new() }
    }

    pub(super) fn sample(&mut self, sample: RawSample) -> Result<(), FormatError> {
        Ok(self.sink.sample(sample)?)
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        let count = self.counts.entry(warning.kind).or_default();
        *count += 1;
        if *count <= MAX_OF_A_KIND {
            self.sink.warn(warning.shard(self.shard));
        }
    }

    pub(super) fn warn_all(&mut self, warnings: impl IntoIterator<Item = Warning>) {
        for warning in warnings {
            self.warn(warning);
        }
    }

    /// Warns about what is wrong with a picture, if anything.
    pub(super) fn image(&mut self, probe: Probe, key: &str) {
        let Some(kind) = probe.problem else { return };
        let message = match kind {
            WarningKind::ImageTruncated => "the picture is cut short",
            WarningKind::ImageTooLarge => "the picture declares more pixels than can be opened",
            WarningKind::EmptyMember => "the picture has 0 bytes",
            _ => "the picture's header cannot be read",
        };
        self.warn(Warning::new(kind, message).key(key));
    }

    /// Tells how many warnings were held back.
    pub(super) fn finish(self) {
        for (kind, count) in self.counts {
            if count > MAX_OF_A_KIND {
                let message = format!("{} more of this kind in this shard are not listed", count - MAX_OF_A_KIND);
                self.sink.warn(Warning::new(kind, message).shard(self.shard));
            }
        }
    }
}
