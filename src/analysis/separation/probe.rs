//! The linear probe: how well a plane tells two datasets apart on rows that it was not trained on, and the plane itself.
//!
//! How it works: a seeded part of each side is held back. Logistic regression is trained on the rest, standardised by its own means
//! and deviations, by accelerated descent that starts anew whenever it runs uphill. Then the standardisation is folded into
//! weights and offset, so that the plane takes rows as they are.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

use super::pairs::{sample, shuffle_front};
use crate::analysis::linear::{Rows, product};
use crate::base::{CancelToken, Cancelled};

/// Share of each side that is held back.
const HELD_BACK: f64 = 0.3;

/// Weight of the penalty on the squared length of the weights, on standardised features: `PENALTY / 2 |w|^2` beside the mean
/// loss. In scikit-learn's words `C = 1 / (PENALTY N)` with `class_weight="balanced"`.
const PENALTY: f32 = 1e-2;

/// Steps of descent at most.
const STEPS: usize = 1000;

/// Descent ends where the gradient is this share of what it was at first: with the penalty's curvature no weight is then
/// farther from its end than a thousandth of that.
const ENOUGH: f32 = 1e-5;

/// How well held-out rows were told apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Probe {
    /// Share of held-out rows that were told right, both datasets weighing the same: 0.5 is chance.
    pub balanced_accuracy: f64,
    /// Share of held-out rows that were told right.
    pub accuracy: f64,
    /// Share of the larger dataset among them: the accuracy of always saying the same.
    pub majority: f64,
    /// Rows that the plane was trained on.
    pub trained: usize,
    /// Rows that were held out.
    pub held_out: usize,
}

/// A plane between two sides: `weights . row + bias` is above 0 on the side of A.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// `[D]`, for rows as they are: the standardisation is folded in. 0 for features that never changed in training.
    pub weights: Vec<f32>,
    /// The offset.
    pub bias: f32,
    /// How well it tells held-out rows apart.
    pub probe: Probe,
}

/// The figures of [`learn`] alone.
///
/// # Errors
/// [`Cancelled`] on request.
pub fn train(a: &Rows, b: &Rows, most: usize, seed: u64, cancel: &CancelToken) -> Result<Option<Probe>, Cancelled> {
    Ok(learn(a, b, most, seed, cancel)?.map(|plane| plane.probe))
}

/// Logistic regression on standardised features with a small penalty, datasets weighing the same, from at most `most` rows of
/// each side, of which a seeded 30 % are held back to try it on.
///
/// `None` where a side has fewer than 4 rows.
///
/// # Errors
/// [`Cancelled`] on request.
///
/// # Panics
/// If the sides are of different widths.
pub fn learn(a: &Rows, b: &Rows, most: usize, seed: u64, cancel: &CancelToken) -> Result<Option<Plane>, Cancelled> {
    if a.len() < 4 || b.len() < 4 {
        return Ok(None);
    }
    assert_eq!(a.dim(), b.dim(), "rows of one space");
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x9205);
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (rows, label) in [(a, 1.0f32), (b, -1.0)] {
        let mut chosen = sample(rows.len(), most, &mut random);
        let held = ((chosen.len() as f64 * HELD_BACK).round() as usize).max(1);
        shuffle_front(&mut chosen, held, &mut random);
        test.extend(chosen[..held].iter().map(|&row| (rows.row(row as usize), label)));
        train.extend(chosen[held..].iter().map(|&row| (rows.row(row as usize), label)));
    }
    let (weights, bias) = fit(&train, a.dim(), cancel)?;
    let told = |row: &[f32]| product::dot(row, &weights) + bias;
    let right = [1.0f32, -1.0].map(|side| {
        let of_side = test.iter().filter(|row| row.1 == side);
        // A row on the plane is told as neither.
        of_side.filter(|(row, label)| told(row) * label > 0.0).count()
    });
    let counts = [1.0f32, -1.0].map(|side| test.iter().filter(|row| row.1 == side).count());
    let probe = Probe {
        balanced_accuracy: f64::midpoint(right[0] as f64 / counts[0] as f64, right[1] as f64 / counts[1] as f64),
        accuracy: (right[0] + right[1]) as f64 / test.len() as f64,
        majority: counts[0].max(counts[1]) as f64 / test.len() as f64,
        trained: train.len(),
        held_out: test.len(),
    };
    Ok(Some(Plane { weights, bias, probe }))
}

/// Weights and offset for rows of `d` values with the labels 1 and -1.
pub(super) fn fit(train: &[(&[f32], f32)], d: usize, cancel: &CancelToken) -> Result<(Vec<f32>, f32), Cancelled> {
    // Standardised by the training rows; a feature that never changes there says nothing and is set to 0.
    let n = train.len();
    let (mut mean, mut square) = (vec![0.0f64; d], vec![0.0f64; d]);
    for (row, _) in train {
        for ((mean, square), &value) in mean.iter_mut().zip(&mut square).zip(*row) {
            *mean += f64::from(value) / n as f64;
            *square += f64::from(value) * f64::from(value) / n as f64;
        }
    }
    let scale: Vec<f64> = mean
        .iter()
        .zip(&square)
        .map(|(mean, square)| {
            let variance = square - mean * mean;
            if variance > 1e-10 * square.max(1e-30) { 1.0 / variance.sqrt() } else { 0.0 }
        })
        .collect();
    // A last column of ones is the offset.
    let width = d + 1;
    let standard = |(row, _): &(&[f32], f32)| -> Vec<f32> {
        let values = row.iter().zip(mean.iter().zip(&scale));
        values.map(|(&value, (mean, scale))| ((f64::from(value) - mean) * scale) as f32).chain([1.0]).collect()
    };
    let x: Vec<f32> = train.iter().flat_map(standard).collect();
    let counts = [true, false].map(|side| train.iter().filter(|row| (row.1 > 0.0) == side).count() as f32);
    let share: Vec<f32> = train.iter().map(|row| 0.5 / counts[usize::from(row.1 < 0.0)]).collect();

    // The step: one over the greatest eigenvalue of the Hessian's bound, X^T diag(share) X / 4 + penalty.
    let mut vector = vec![1.0f32 / (width as f32).sqrt(); width];
    let mut greatest = 1.0f32;
    let (mut along, mut back) = (vec![0.0f32; n], vec![0.0f32; width]);
    for _ in 0..12 {
        product::rows_by_columns(&x, &vector, width, 1, &mut along);
        along.iter_mut().zip(&share).for_each(|(value, share)| *value *= share);
        product::columns_by_columns(&x, &along, width, 1, &mut back);
        greatest = product::dot(&back, &back).sqrt().max(1e-20);
        vector.iter_mut().zip(&back).for_each(|(value, back)| *value = back / greatest);
    }
    // Power iteration comes from below.
    let step = 1.0 / (0.25 * 1.2 * greatest + PENALTY);

    let (mut weights, mut ahead) = (vec![0.0f32; width], vec![0.0f32; width]);
    // Steps since the last start: momentum grows with them (Nesterov's scheme).
    let (mut since, mut at_first) = (0, None);
    for _ in 0..STEPS {
        cancel.check()?;
        product::rows_by_columns(&x, &ahead, width, 1, &mut along);
        for ((value, (_, label)), share) in along.iter_mut().zip(train).zip(&share) {
            *value = -label * share / (1.0 + (label * *value).exp());
        }
        product::columns_by_columns(&x, &along, width, 1, &mut back);
        for (at, back) in back.iter_mut().enumerate() {
            *back += if at == d { 0.0 } else { PENALTY * ahead[at] };
        }
        let length = product::dot(&back, &back).sqrt();
        if length <= ENOUGH * *at_first.get_or_insert(length) {
            break;
        }
        // Uphill: what momentum was gathered leads astray (O'Donoghue and Candes 2015).
        let uphill = (0..width).map(|at| back[at] * (ahead[at] - step * back[at] - weights[at])).sum::<f32>() > 0.0;
        since = if uphill { 0 } else { since + 1 };
        let momentum = since as f32 / (since as f32 + 3.0);
        for at in 0..width {
            let next = ahead[at] - step * back[at];
            ahead[at] = next + momentum * (next - weights[at]);
            weights[at] = next;
        }
    }
    let folded: Vec<f64> = weights[..d].iter().zip(&scale).map(|(&weight, scale)| f64::from(weight) * scale).collect();
    let moved: f64 = folded.iter().zip(&mean).map(|(weight, mean)| weight * mean).sum();
    Ok((folded.iter().map(|&weight| weight as f32).collect(), (f64::from(weights[d]) - moved) as f32))
}
