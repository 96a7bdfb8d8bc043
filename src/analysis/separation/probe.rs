//! The linear probe: how well a plane tells two datasets apart on rows that it was not trained on.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

use super::pairs::{sample, shuffle_front};
use crate::analysis::linear::{Rows, product};
use crate::base::{CancelToken, Cancelled};

/// Share of each side that is held back.
const HELD_BACK: f64 = 0.3;

/// Weight of the penalty on the squared length of the weights, on standardised features.
const PENALTY: f32 = 1e-2;

/// Steps of descent.
const STEPS: usize = 200;

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

/// Logistic regression on standardised features with a small penalty, datasets weighing the same, by accelerated
/// descent (Nesterov's, for a smooth strictly convex sum) with the step from the greatest eigenvalue.
///
/// `None` where a side has fewer than 4 rows.
///
/// # Errors
/// [`Cancelled`] on request.
pub fn train(a: &Rows, b: &Rows, most: usize, seed: u64, cancel: &CancelToken) -> Result<Option<Probe>, Cancelled> {
    if a.len() < 4 || b.len() < 4 {
        return Ok(None);
    }
    let d = a.dim();
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x9205);
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (rows, label) in [(a, 1.0f32), (b, -1.0)] {
        let mut chosen = sample(rows.len(), most, &mut random);
        let held = ((chosen.len() as f64 * HELD_BACK).round() as usize).max(1);
        shuffle_front(&mut chosen, held, &mut random);
        test.extend(chosen[..held].iter().map(|&row| (rows.row(row as usize), label)));
        train.extend(chosen[held..].iter().map(|&row| (rows.row(row as usize), label)));
    }
    // Standardised by the training rows; a feature that never changes there says nothing and is set to 0.
    let n = train.len();
    let (mut mean, mut square) = (vec![0.0f64; d], vec![0.0f64; d]);
    for (row, _) in &train {
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
    let standard = |rows: &[(&[f32], f32)]| -> Vec<f32> {
        rows.iter()
            .flat_map(|(row, _)| {
                let values = row.iter().zip(mean.iter().zip(&scale));
                values.map(|(&value, (mean, scale))| ((f64::from(value) - mean) * scale) as f32).chain([1.0])
            })
            .collect()
    };
    let x = standard(&train);
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
    for round in 0..STEPS {
        cancel.check()?;
        product::rows_by_columns(&x, &ahead, width, 1, &mut along);
        for ((value, (_, label)), share) in along.iter_mut().zip(&train).zip(&share) {
            *value = -label * share / (1.0 + (label * *value).exp());
        }
        product::columns_by_columns(&x, &along, width, 1, &mut back);
        let momentum = round as f32 / (round as f32 + 3.0);
        for at in 0..width {
            let penalty = if at == d { 0.0 } else { PENALTY };
            let next = ahead[at] - step * (back[at] + penalty * ahead[at]);
            ahead[at] = next + momentum * (next - weights[at]);
            weights[at] = next;
        }
    }
    let held = standard(&test);
    let mut told = vec![0.0f32; test.len()];
    product::rows_by_columns(&held, &weights, width, 1, &mut told);
    let right = [1.0f32, -1.0].map(|side| {
        let of_side = told.iter().zip(&test).filter(|(_, row)| row.1 == side);
        // A row on the plane is told as neither.
        of_side.filter(|(told, row)| **told * row.1 > 0.0).count()
    });
    let counts = [1.0f32, -1.0].map(|side| test.iter().filter(|row| row.1 == side).count());
    Ok(Some(Probe {
        balanced_accuracy: f64::midpoint(right[0] as f64 / counts[0] as f64, right[1] as f64 / counts[1] as f64),
        accuracy: (right[0] + right[1]) as f64 / test.len() as f64,
        majority: counts[0].max(counts[1]) as f64 / test.len() as f64,
        trained: n,
        held_out: test.len(),
    }))
}
