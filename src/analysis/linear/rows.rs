//! Rows of features as the analyses take them: finite, and known by their number before any was left out.

use std::borrow::Cow;

use rayon::prelude::*;

/// An N x D matrix of finite values in row order, with the numbers of its rows in the matrix it was made from.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    values: Cow<'a, [f32]>,
    dim: usize,
    len: usize,
    /// Numbers of the rows that stayed, where some were left out.
    kept: Option<Vec<u32>>,
    left_out: Vec<u32>,
}

impl<'a> Rows<'a> {
    /// True if distances can be taken of a row: all of it is finite, and its squares are.
    #[must_use]
    pub fn is_usable(row: &[f32]) -> bool {
        const GREATEST: f32 = 1e15;
        row.iter().all(|value| value.abs() < GREATEST)
    }

    /// Takes `values` (N x `dim`) as rows; rows with a value that is not finite are left out and listed.
    ///
    /// Values so large that their squares overflow are not finite for a distance, and are left out too.
    ///
    /// # Panics
    /// If the number of values is no multiple of `dim`, or there are 2^31 rows or more.
    #[must_use]
    pub fn finite(values: impl Into<Cow<'a, [f32]>>, dim: usize) -> Self {
        let values = values.into();
        assert!(if dim == 0 { values.is_empty() } else { values.len() % dim == 0 }, "whole rows");
        let len = values.len().checked_div(dim).unwrap_or(0);
        assert!(len < 1 << 31, "fewer than 2^31 rows");
        if dim == 0 {
            return Self { values, dim, len, kept: None, left_out: Vec::new() };
        }
        let bad: Vec<u32> = values
            .par_chunks(dim)
            .enumerate()
            .filter(|(_, row)| !Self::is_usable(row))
            .map(|(row, _)| row as u32)
            .collect();
        if bad.is_empty() {
            return Self { values, dim, len, kept: None, left_out: bad };
        }
        let mut next = bad.iter().copied().peekable();
        let kept: Vec<u32> = (0..len as u32).filter(|row| next.next_if_eq(row).is_none()).collect();
        let mut finite = Vec::with_capacity(kept.len() * dim);
        for &row in &kept {
            finite.extend_from_slice(&values[row as usize * dim..][..dim]);
        }
        Self { values: finite.into(), dim, len: kept.len(), kept: Some(kept), left_out: bad }
    }

    /// Number of rows, N.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True where no row stayed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Values a row, D.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All values, row after row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// One row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..][..self.dim]
    }

    /// The number that row `row` had before rows were left out.
    #[must_use]
    pub fn original(&self, row: u32) -> u32 {
        self.kept.as_ref().map_or(row, |kept| kept[row as usize])
    }

    /// Numbers of the rows that were left out, ascending.
    #[must_use]
    pub fn left_out(&self) -> &[u32] {
        &self.left_out
    }

    /// The same rows with other values, for instance scaled or projected.
    ///
    /// # Panics
    /// If `values` is not as long as rows of `dim` values are.
    #[must_use]
    pub fn with_values(&self, values: Vec<f32>, dim: usize) -> Rows<'static> {
        assert_eq!(values.len(), self.len * dim, "as many rows");
        Rows { values: values.into(), dim, len: self.len, kept: self.kept.clone(), left_out: self.left_out.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_not_finite_are_left_out_and_listed() {
        let check = |values: &[f32], dim, kept: &[u32], left_out: &[u32]| {
            let rows = Rows::finite(values, dim);
            let numbers: Vec<u32> = (0..rows.len() as u32).map(|row| rows.original(row)).collect();
            assert_eq!((numbers.as_slice(), rows.left_out()), (kept, left_out), "{values:?}");
            for row in 0..rows.len() {
                assert_eq!(rows.row(row), &values[numbers[row] as usize * dim..][..dim]);
            }
        };
        check(&[], 0, &[], &[]);
        check(&[], 3, &[], &[]);
        check(&[1.0, 2.0, 3.0, 4.0], 2, &[0, 1], &[]);
        check(&[1.0, f32::NAN, 3.0, 4.0, f32::INFINITY, 0.0], 2, &[1], &[0, 2]);
        check(&[f32::MAX, 1.0], 1, &[1], &[0]);
        check(&[f32::NAN], 1, &[], &[0]);
    }
}
