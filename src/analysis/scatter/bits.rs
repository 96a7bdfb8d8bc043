//! One bit a row: which points pass a filter or lie in a lasso.

/// A set of rows `0..len`, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// The empty set of `len` rows.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// All of `len` rows.
    #[must_use]
    pub fn full(len: usize) -> Self {
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        if let (Some(last), rest @ 1..) = (words.last_mut(), len % 64) {
            *last = (1 << rest) - 1;
        }
        Self { words, len }
    }

    /// The set of these rows; rows from `len` on are left out.
    #[must_use]
    pub fn of(len: usize, rows: impl IntoIterator<Item = u32>) -> Self {
        let mut bits = Self::new(len);
        for row in rows {
            bits.insert(row);
        }
        bits
    }

    /// How many rows there could be.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if no row is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// How many rows are in it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// True if the row is in it.
    #[must_use]
    pub fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Puts a row in; one from `len` on is left out.
    pub fn insert(&mut self, row: u32) {
        if (row as usize) < self.len {
            self.words[row as usize / 64] |= 1 << (row % 64);
        }
    }

    /// The rows, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().zip(0_u32..).flat_map(|(&word, at)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_in_and_come_out() {
        let check = |len: usize, rows: &[u32], expect: &[u32]| {
            let bits = Bits::of(len, rows.iter().copied());
            assert_eq!(bits.iter().collect::<Vec<_>>(), expect, "{len} {rows:?}");
            assert_eq!(bits.count(), expect.len());
            assert_eq!(bits.is_empty(), expect.is_empty());
            assert!((0..200).all(|row| bits.contains(row) == expect.contains(&row)));
        };
        check(0, &[0], &[]);
        check(64, &[63, 0, 64], &[0, 63]);
        check(130, &[129, 64, 64, 5], &[5, 64, 129]);
        for len in [0, 1, 63, 64, 65, 128, 130] {
            assert_eq!(Bits::full(len), Bits::of(len, 0..len as u32), "{len}");
        }
    }
}
