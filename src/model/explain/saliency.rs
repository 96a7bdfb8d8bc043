//! Saliency over several runs: `SmoothGrad` and integrated gradients.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::method::extreme;
use super::{Classes, Explainer, Explanation};
use crate::analysis::cam::hires_cam;
use crate::model::ModelError;
use crate::model::card::{Channels, Layout};

/// Noisy copies of a picture.
const COPIES: usize = 16;
/// Standard deviation of the noise as a share of the picture's range (Smilkov et al. 2017: 10 to 20 %).
const NOISE: f32 = 0.15;
/// Seed of the noise: the same picture has the same map.
const NOISE_SEED: u64 = 0x5a11;
/// Steps of the integral, taken in their middles.
const STEPS: usize = 32;

impl Explainer<'_> {
    /// The classes of a batch, fixed by the pictures as they are: noise must not change what is explained.
    fn settled(
        &mut self,
        count: usize,
        values: &[f32],
        classes: &Classes,
    ) -> Result<(Classes, super::Pass), ModelError> {
        let pass = self.gradients(count, values, classes)?;
        let settled = if self.direction.is_some() {
            Classes::Predicted
        } else {
            Classes::Each(pass.picked.iter().map(|(class, ..)| *class).collect())
        };
        Ok((settled, pass))
    }

    /// The sum of gradients at several changed batches, in the place of `pass`'s own.
    fn summed(
        &mut self,
        count: usize,
        settled: &Classes,
        runs: usize,
        mut changed: impl FnMut(usize, &mut Vec<f32>),
    ) -> Result<Vec<f32>, ModelError> {
        let (mut sum, mut batch): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
        for run in 0..runs {
            batch.clear();
            changed(run, &mut batch);
            let gradient = self.gradients(count, &batch, settled)?.gradient;
            sum.resize(gradient.len(), 0.0);
            sum.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value / runs as f32);
        }
        Ok(sum)
    }

    pub(super) fn smooth(
        &mut self,
        count: usize,
        values: &[f32],
        classes: &Classes,
    ) -> Result<Vec<Explanation>, ModelError> {
        let (settled, mut pass) = self.settled(count, values, classes)?;
        let one = values.len() / count.max(1);
        pass.gradient = self.summed(count, &settled, COPIES, |run, batch| {
            for picture in values.chunks_exact(one.max(1)) {
                // Each picture has its noise, whatever it shares a batch with.
                let mut random = Pcg64Mcg::seed_from_u64(NOISE_SEED + run as u64);
                let (least, most) = crate::analysis::cam::range(picture);
                let deviation = NOISE * (most - least);
                batch.extend(picture.iter().map(|value| value + deviation * normal(&mut random)));
            }
        })?;
        self.each(count, &pass, |_, _, gradient| extreme(gradient))
    }

    pub(super) fn integrated(
        &mut self,
        count: usize,
        values: &[f32],
        classes: &Classes,
    ) -> Result<Vec<Explanation>, ModelError> {
        let (settled, mut pass) = self.settled(count, values, classes)?;
        let black = self.black(values.len());
        pass.gradient = self.summed(count, &settled, STEPS, |run, batch| {
            let share = (run as f32 + 0.5) / STEPS as f32;
            batch.extend(values.iter().zip(&black).map(|(value, black)| black + share * (value - black)));
        })?;
        // The layer is the input: the way from black takes its place.
        pass.layer = values.iter().zip(&black).map(|(value, black)| value - black).collect();
        self.each(count, &pass, |_, way, gradient| hires_cam(way, gradient))
    }

    /// Black pictures as the model takes them.
    pub(super) fn black(&self, len: usize) -> Vec<f32> {
        let how = &self.model.card.preprocessing;
        let input = &self.model.input;
        let plane = input.height * input.width;
        let black = |at: usize| {
            let channel = match (input.layout, how.channels) {
                (_, Channels::Grey) => 0,
                (Layout::Nchw, _) => at / plane % input.channels,
                (Layout::Nhwc, _) => at % input.channels,
            };
            -how.mean[channel] / how.std[channel]
        };
        (0..len).map(black).collect()
    }
}

/// A draw from the normal distribution (Box and Muller).
fn normal(random: &mut Pcg64Mcg) -> f32 {
    let (a, b): (f32, f32) = (random.random(), random.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f32::consts::TAU * b).cos()
}
