//! Dense ids. A population is all open datasets one after the other; a sample's id is its row in it.

/// The row of a sample in the population, `0..population.len()`. A dataset owns one contiguous range.
/// Ids are dense so that a set of samples is a roaring bitmap and a column is a plain array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SampleId(pub u32);

impl SampleId {
    /// The id as an array index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The position of a dataset in the population, `0..n_datasets`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatasetId(pub u16);

impl DatasetId {
    /// The id as an array index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
