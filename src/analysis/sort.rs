//! Orders: a set of samples as a list.

use rayon::slice::ParallelSliceMut;
use roaring::RoaringBitmap;

use crate::catalog::Columns;

/// What a list is ordered by. Ties are broken by the order of the datasets, always ascending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SortBy {
    /// Datasets as opened, then shards, then rows.
    #[default]
    Dataset,
    /// Words of the text.
    Words,
    /// Width times height; samples of unknown size come last either way.
    Pixels,
    /// Bytes of the picture; samples without one come last either way.
    Bytes,
    /// Name of the leaf; samples without one come last either way.
    Leaf,
    /// Name of the brand; samples without one come last either way.
    Brand,
    /// Width divided by height; samples of unknown size come last either way.
    Aspect,
    /// Shuffled, the same for the same seed and the same samples.
    Random(u64),
}

impl SortBy {
    /// What `--sort` and menus offer, with its word.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Dataset, "dataset"),
        (Self::Words, "words"),
        (Self::Pixels, "pixels"),
        (Self::Bytes, "bytes"),
        (Self::Leaf, "leaf"),
        (Self::Brand, "brand"),
        (Self::Aspect, "aspect"),
        (Self::Random(0), "random"),
    ];
}

/// The samples of `samples` in order.
#[must_use]
pub fn order(columns: &Columns, samples: &RoaringBitmap, by: SortBy, descending: bool) -> Vec<u32> {
    // A key is made once a sample; unknown values get the largest key in both directions.
    let known = |unknown: bool, key: u64| {
        if unknown {
            u64::MAX
        } else if descending {
            u64::MAX - 1 - key
        } else {
            key
        }
    };
    let key = |id: u32| {
        let row = id as usize;
        let (width, height) = (columns.width[row], columns.height[row]);
        match by {
            SortBy::Dataset => known(false, u64::from(id)),
            SortBy::Words => known(false, u64::from(columns.words[row])),
            SortBy::Pixels => {
                let pixels = u64::from(width) * u64::from(height);
                known(pixels == 0, pixels)
            }
            SortBy::Bytes => known(columns.bytes[row] == 0, u64::from(columns.bytes[row])),
            SortBy::Leaf => known(columns.leaf[row] == u32::MAX, u64::from(columns.leaf[row])),
            SortBy::Brand => known(columns.brand[row] == u32::MAX, u64::from(columns.brand[row])),
            // 32 fraction bits tell any two ratios of sides under 65,536 apart.
            SortBy::Aspect => {
                known(width == 0 || height == 0, (u64::from(width) << 32).checked_div(u64::from(height)).unwrap_or(0))
            }
            SortBy::Random(seed) => known(false, mix(u64::from(id) ^ mix(seed)) >> 1),
        }
    };
    let inside = samples.range(0..columns.len());
    if by == SortBy::Dataset {
        return if descending { inside.rev().collect() } else { inside.collect() };
    }
    let mut keyed: Vec<(u64, u32)> = inside.map(|id| (key(id), id)).collect();
    keyed.par_sort_unstable();
    keyed.into_iter().map(|(_, id)| id).collect()
}

/// The finaliser of `SplitMix64`.
const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_comes_last_and_ties_keep_the_order_of_the_dataset() {
        let columns = Columns {
            words: vec![3, 1, 3, 2],
            width: vec![10, 0, 20, 10],
            height: vec![10, 0, 10, 10],
            bytes: vec![0; 4],
            leaf: vec![1, u32::MAX, 0, 1],
            brand: vec![u32::MAX; 4],
            flags: vec![0; 4],
            ..Columns::default()
        };
        let all: RoaringBitmap = (0..9).collect();
        let check = |by, descending, expect: [u32; 4]| {
            assert_eq!(order(&columns, &all, by, descending), expect, "{by:?}, descending: {descending}");
        };
        check(SortBy::Dataset, false, [0, 1, 2, 3]);
        check(SortBy::Dataset, true, [3, 2, 1, 0]);
        check(SortBy::Words, false, [1, 3, 0, 2]);
        check(SortBy::Words, true, [0, 2, 3, 1]);
        check(SortBy::Pixels, false, [0, 3, 2, 1]);
        check(SortBy::Pixels, true, [2, 0, 3, 1]);
        check(SortBy::Leaf, false, [2, 0, 3, 1]);
        check(SortBy::Leaf, true, [0, 3, 2, 1]);
        check(SortBy::Aspect, true, [2, 0, 3, 1]);
        check(SortBy::Brand, true, [0, 1, 2, 3]);
        let shuffled = order(&columns, &all, SortBy::Random(7), false);
        assert_eq!(shuffled, order(&columns, &all, SortBy::Random(7), false));
        assert_ne!(shuffled, order(&columns, &all, SortBy::Random(8), false));
    }
}
