//! Partial failures. A bad shard, member or sample becomes a [`Warning`]; the rest goes on.

use serde::{Deserialize, Serialize};

/// What went wrong, as a stable word: the `kind` of a warning in JSON, and what notices group by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// A shard cannot be opened or read at all.
    ShardUnreadable,
    /// A shard ends early; the samples before the cut were kept.
    ShardTruncated,
    /// A shard's structure is broken (bad checksum, corrupt page); what could be read was kept.
    ShardCorrupt,
    /// A shard changed or vanished while it was being read.
    ShardChanged,
    /// A folder cannot be listed.
    FolderUnreadable,
    /// Two members of one sample have the same extension; the first was kept.
    DuplicateMember,
    /// Two samples of a dataset have the same key.
    DuplicateKey,
    /// Members of one sample do not stand next to each other (another sample in between).
    MembersApart,
    /// A member's name is unusable (not UTF-8, path traversal, no extension); shown in escaped form.
    BadName,
    /// A member has 0 bytes.
    EmptyMember,
    /// A picture's header cannot be read.
    ImageUnreadable,
    /// A picture is cut short.
    ImageTruncated,
    /// A picture declares more pixels than the limit allows.
    ImageTooLarge,
    /// A metadata record is not valid JSON, CSV or parquet, or has an unusable type.
    MetadataUnreadable,
    /// A value is too long and was cut.
    ValueCut,
    /// An index file beside a shard does not fit it and was ignored.
    IndexIgnored,
    /// The sample failed to download (img2dataset's parquet lists it; the shard has no picture).
    NotDownloaded,
    /// The catalog could not be used and was set aside and rebuilt.
    CatalogRebuilt,
    /// The catalog directory cannot be written; a temporary one is used.
    CatalogTemporary,
    /// A copy was made or is needed in the cache directory (its size is in the message).
    CacheCopy,
}

impl WarningKind {
    /// True for kinds that tell of something done on the user's behalf, not of damaged data.
    #[must_use]
    pub const fn is_notice(self) -> bool {
        matches!(
            self,
            Self::CatalogRebuilt | Self::CatalogTemporary | Self::CacheCopy | Self::NotDownloaded | Self::IndexIgnored
        )
    }
}

/// One partial failure, with where it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What went wrong.
    pub kind: WarningKind,
    /// The shard's name relative to the dataset's root, `/`-separated.
    pub shard: Option<String>,
    /// The sample's key, or the member's name where there is no key.
    pub key: Option<String>,
    /// One sentence for the user.
    pub message: String,
}

impl Warning {
    /// A warning about a dataset as a whole; narrow it with [`shard`](Self::shard) and [`key`](Self::key).
    pub fn new(kind: WarningKind, message: impl Into<String>) -> Self {
        Self { kind, shard: None, key: None, message: message.into() }
    }

    /// Names the shard.
    #[must_use]
    pub fn shard(mut self, shard: impl Into<String>) -> Self {
        self.shard = Some(shard.into());
        self
    }

    /// Names the sample or member.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}
