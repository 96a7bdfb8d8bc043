//! Deletion and insertion curves of a map: the model's own answer to what the map says; see [`curve`].

use super::{Explainer, Explanation};
use crate::analysis::cam::curve::{self, Curves, Substrate};
use crate::analysis::cam::softmax;
use crate::model::ModelError;
use crate::model::card::Layout;

/// Changed pictures a run of the model.
const BATCH: usize = 32;

impl Explainer<'_> {
    /// The curves of an explanation of one picture, whose numbers are `values`; `seed` deals the orders at random.
    ///
    /// # Errors
    /// The model cannot be run.
    pub fn curves(
        &mut self,
        values: &[f32],
        explanation: &Explanation,
        substrate: Substrate,
        seed: u64,
    ) -> Result<Curves, ModelError> {
        let map = &explanation.map;
        let falling = curve::falling(map);
        let rising: Vec<usize> = falling.iter().rev().copied().collect();
        let behind = self.substrate(values, substrate);
        let mut area = |order: &[usize]| self.area(values, &behind, explanation, order);
        let (deletion, insertion) = (area(&falling)?, area(&rising)?);
        let mut random = 0.0;
        for order in curve::at_random(map.values.len(), seed) {
            random += area(&order)? / curve::RANDOM as f64;
        }
        Ok(Curves { deletion, insertion, random })
    }

    /// What stands behind a picture where it is deleted.
    pub(super) fn substrate(&self, values: &[f32], substrate: Substrate) -> Vec<f32> {
        let input = &self.model.input;
        match (substrate, input.layout) {
            // The mean colour is 0 for the model.
            (Substrate::Mean, _) => vec![0.0; values.len()],
            (Substrate::Blur, Layout::Nchw) => values
                .chunks_exact(input.height * input.width)
                .flat_map(|plane| curve::blurred(plane, input.width))
                .collect(),
            (Substrate::Blur, Layout::Nhwc) => {
                let mut behind = vec![0.0; values.len()];
                for channel in 0..input.channels {
                    let plane: Vec<f32> = values.iter().skip(channel).step_by(input.channels).copied().collect();
                    let places = behind.iter_mut().skip(channel).step_by(input.channels);
                    places.zip(curve::blurred(&plane, input.width)).for_each(|(to, value)| *to = value);
                }
                behind
            }
        }
    }

    /// Area under the probability while places go in an order.
    fn area(
        &mut self,
        values: &[f32],
        behind: &[f32],
        explanation: &Explanation,
        order: &[usize],
    ) -> Result<f64, ModelError> {
        let (height, width) = (self.model.input.height, self.model.input.width);
        let (channels, layout) = (self.model.input.channels, self.model.input.layout);
        let masks: Vec<Vec<f32>> = curve::gone(&explanation.map, order, (height, width)).collect();
        let mut probabilities = Vec::with_capacity(masks.len());
        for masks in masks.chunks(BATCH) {
            let mut batch = Vec::with_capacity(masks.len() * values.len());
            for mask in masks {
                batch.extend(values.iter().zip(behind).enumerate().map(|(at, (value, behind))| {
                    let gone = mask[if layout == Layout::Nhwc { at / channels } else { at % (height * width) }];
                    value + gone * (behind - value)
                }));
            }
            let scores = self.score(masks.len(), &batch)?;
            let each = scores.len() / masks.len();
            probabilities.extend(scores.chunks(each.max(1)).map(|scores| match &self.direction {
                Some(direction) => direction.probability(scores).1,
                None => softmax(scores).get(explanation.class).copied().unwrap_or(f32::NAN),
            }));
        }
        Ok(curve::area(&probabilities))
    }
}
