//! Class activation maps: what a layer held and what its gradient says of it become one map.
//!
//! How it works: [`Planes`] are a layer's values for one picture as `[C, h, w]`, whatever the graph's layout ([`planes`]
//! turns channels-last and tokens round). Each method sums channels with its own weights. Maps stay signed and unscaled:
//! what lies below 0 speaks against the class, and only [`colour`] cuts it off when a map is shown. [`local`] measures how local
//! a map is, [`foreground`] finds what stands before a plain background, [`paired`] compares models over the same pictures, [`curve`] says what
//! a map is worth to the model itself.

pub mod beside;
pub mod colour;
pub mod curve;
pub mod foreground;
pub mod local;
pub mod mean;
pub mod paired;

pub use foreground::Mask;
pub use local::Figures;

/// A map over a picture: one number a place, signed and unscaled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Row after row, from the top left corner.
    pub values: Vec<f32>,
}

/// How a layer's values of one picture lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// `[C, h, w]`.
    Planes,
    /// `[h, w, C]`.
    Pixels,
    /// `[T, C]`: so many tokens without a place (class, registers), then a square grid row after row.
    Tokens {
        /// Tokens left out.
        lead: usize,
    },
}

/// Tokens that stand before the largest square grid that fits into `tokens`: (lead, side). `ViT`'s 197 are 1 and 14, with
/// four registers 201 are 5 and 14.
#[must_use]
pub fn token_grid(tokens: usize) -> (usize, usize) {
    let side = tokens.isqrt();
    (tokens - side * side, side)
}

/// A layer's values for one picture, `[C, h, w]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Planes {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channel after channel, row after row.
    pub values: Vec<f32>,
}

impl Planes {
    /// Places of a plane.
    #[must_use]
    pub fn places(&self) -> usize {
        self.height * self.width
    }

    fn each(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.places().max(1))
    }

    fn map(&self) -> Map {
        Map { height: self.height, width: self.width, values: vec![0.0; self.places()] }
    }
}

/// Brings a layer's values of one picture into the order `[C, h, w]`. `dims` are the layer's axes without the batch.
///
/// `None` where the values are not as many as the axes say, or the axes are of another rank than the arrangement.
#[must_use]
pub fn planes(values: &[f32], dims: &[usize], arrangement: Arrangement) -> Option<Planes> {
    if values.len() != dims.iter().product::<usize>() {
        return None;
    }
    let (channels, height, width, from) = match (arrangement, dims) {
        (Arrangement::Planes, &[channels, height, width]) => {
            return Some(Planes { channels, height, width, values: values.to_vec() });
        }
        (Arrangement::Pixels, &[height, width, channels]) => (channels, height, width, 0),
        (Arrangement::Tokens { lead }, &[tokens, channels]) if lead <= tokens => {
            let side = (tokens - lead).isqrt();
            if side * side != tokens - lead {
                return None;
            }
            (channels, side, side, lead * channels)
        }
        _ => return None,
    };
    let (places, from) = (height * width, &values[from..]);
    let mut turned = vec![0.0; channels * places];
    for (place, pixel) in from.chunks_exact(channels.max(1)).enumerate() {
        for (channel, &value) in pixel.iter().enumerate() {
            turned[channel * places + place] = value;
        }
    }
    Some(Planes { channels, height, width, values: turned })
}

/// Sum of the channels, each with a weight: CAM with the weights of the linear layer (Zhou et al. 2016), Score-CAM with
/// those of [`softmax`].
///
/// # Panics
/// If there are not as many weights as channels.
#[must_use]
pub fn weighted(layer: &Planes, weights: &[f32]) -> Map {
    assert_eq!(weights.len(), layer.channels, "one weight a channel");
    let mut map = layer.map();
    for (plane, &weight) in layer.each().zip(weights) {
        for (sum, &value) in map.values.iter_mut().zip(plane) {
            *sum += weight * value;
        }
    }
    map
}

/// Grad-CAM (Selvaraju et al. 2017) before its `ReLU`: channels weighted with the mean of their gradient.
///
/// # Panics
/// If the gradient is of another shape than the layer; so do the three functions below.
#[must_use]
pub fn grad_cam(layer: &Planes, gradient: &Planes) -> Map {
    check(layer, gradient);
    let places = layer.places().max(1) as f64;
    let mean = |plane: &[f32]| (plane.iter().copied().map(f64::from).sum::<f64>() / places) as f32;
    let weights: Vec<f32> = gradient.each().map(mean).collect();
    weighted(layer, &weights)
}

/// Grad-CAM++ (Chattopadhyay et al. 2018) before its `ReLU`, as `pytorch-grad-cam` computes it: the second and third derivatives of
/// exp(score) by powers of the gradient, 1e-6 in the denominator, and only channels' positive gradients.
#[must_use]
pub fn grad_cam_plus_plus(layer: &Planes, gradient: &Planes) -> Map {
    check(layer, gradient);
    let weight = |(plane, gradient): (&[f32], &[f32])| {
        let sum: f32 = plane.iter().sum();
        let part = |&g: &f32| {
            let alpha = if g == 0.0 { 0.0 } else { g * g / (2.0 * g * g + sum * g * g * g + 1e-6) };
            alpha * g.max(0.0)
        };
        gradient.iter().map(part).sum()
    };
    let weights: Vec<f32> = layer.each().zip(gradient.each()).map(weight).collect();
    weighted(layer, &weights)
}

/// `HiResCAM` (Draelos and Carin 2020): values times their own gradients, summed over channels.
#[must_use]
pub fn hires_cam(layer: &Planes, gradient: &Planes) -> Map {
    pointwise(layer, gradient, |value, gradient| value * gradient)
}

/// `LayerCAM` (Jiang et al. 2021) before its `ReLU`: values times the positive part of their own gradients.
#[must_use]
pub fn layer_cam(layer: &Planes, gradient: &Planes) -> Map {
    pointwise(layer, gradient, |value, gradient| value * gradient.max(0.0))
}

fn pointwise(layer: &Planes, gradient: &Planes, of: impl Fn(f32, f32) -> f32) -> Map {
    check(layer, gradient);
    let mut map = layer.map();
    for (plane, gradient) in layer.each().zip(gradient.each()) {
        for ((sum, &value), &gradient) in map.values.iter_mut().zip(plane).zip(gradient) {
            *sum += of(value, gradient);
        }
    }
    map
}

fn check(layer: &Planes, gradient: &Planes) {
    assert_eq!(
        (layer.channels, layer.height, layer.width),
        (gradient.channels, gradient.height, gradient.width),
        "a gradient has the shape of its layer"
    );
}

/// Rounds of power iteration at most.
const ROUNDS: usize = 1000;

/// Eigen-CAM (Muhammad and Yeasin 2020): the places' projection on the first principal axis of the channels, each channel
/// centred over the places as `pytorch-grad-cam` centres it.
///
/// The sign of an axis is anyone's guess; here it is the one with which the map goes along with the sum of the channels.
/// Power iteration on the smaller of the two Gram matrices, until the direction moves by less than 1e-7.
#[must_use]
pub fn eigen_cam(layer: &Planes) -> Map {
    let (places, channels) = (layer.places(), layer.channels);
    let mut map = layer.map();
    if places == 0 || channels == 0 {
        return map;
    }
    let mut centred = layer.values.clone();
    for plane in centred.chunks_exact_mut(places) {
        let mean = plane.iter().copied().map(f64::from).sum::<f64>() / places as f64;
        for value in plane {
            *value = (f64::from(*value) - mean) as f32;
        }
    }
    let rows: Vec<&[f32]> = centred.chunks_exact(places).collect();
    // Multiplies by the centred matrix, [C, places], from either side.
    let along = |by_place: &[f64]| -> Vec<f64> {
        let dot = |row: &&[f32]| row.iter().zip(by_place).map(|(&a, b)| f64::from(a) * b).sum();
        rows.iter().map(dot).collect()
    };
    let back = |by_channel: &[f64]| -> Vec<f64> {
        let mut sum = vec![0.0; places];
        for (row, &by) in rows.iter().zip(by_channel) {
            for (sum, &value) in sum.iter_mut().zip(*row) {
                *sum += by * f64::from(value);
            }
        }
        sum
    };
    // Starts at the channel with the most variance: it is never at right angles to all that matters.
    let length = |vector: &[f64]| vector.iter().map(|v| v * v).sum::<f64>().sqrt();
    let Some(strongest) = rows.iter().max_by(|a, b| squares(a).total_cmp(&squares(b))) else { return map };
    let mut axis: Vec<f64> = strongest.iter().copied().map(f64::from).collect();
    let start = length(&axis);
    if start == 0.0 || !start.is_finite() {
        return map;
    }
    for value in &mut axis {
        *value /= start;
    }
    // The matrix [places, places] is made once where it is small.
    let gram = (places <= channels).then(|| {
        let mut gram = vec![0.0_f64; places * places];
        for row in &rows {
            for (i, &a) in row.iter().enumerate().filter(|(_, a)| **a != 0.0) {
                let a = f64::from(a);
                for (sum, &b) in gram[i * places..(i + 1) * places].iter_mut().zip(*row) {
                    *sum += a * f64::from(b);
                }
            }
        }
        gram
    });
    let mut strength = 0.0;
    for _ in 0..ROUNDS {
        let mut next = match &gram {
            Some(gram) => {
                gram.chunks_exact(places).map(|row| row.iter().zip(&axis).map(|(a, b)| a * b).sum()).collect()
            }
            None => back(&along(&axis)),
        };
        strength = length(&next);
        if strength == 0.0 {
            break;
        }
        for value in &mut next {
            *value /= strength;
        }
        let moved = next.iter().zip(&axis).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        axis = next;
        if moved < 1e-7 {
            break;
        }
    }
    let total = weighted(layer, &vec![1.0; channels]);
    let mean = total.values.iter().copied().map(f64::from).sum::<f64>() / places as f64;
    let with = total.values.iter().zip(&axis).map(|(&sum, axis)| (f64::from(sum) - mean) * axis).sum::<f64>();
    // Projections on the axis of unit length are the left vector times the singular value.
    let scale = strength.sqrt() * if with < 0.0 { -1.0 } else { 1.0 };
    for (to, from) in map.values.iter_mut().zip(&axis) {
        *to = (from * scale) as f32;
    }
    map
}

fn squares(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value).powi(2)).sum()
}

/// The mask of Score-CAM (Wang et al. 2020): a plane enlarged to `height` x `width` and scaled to 0..=1; `None` for a plane of
/// one value, which masks nothing.
#[must_use]
pub fn mask(plane: &Map, height: usize, width: usize) -> Option<Vec<f32>> {
    let mut large = upsample(plane, height, width).values;
    let (least, most) = range(&large);
    let span = most - least;
    if !(span.is_finite() && span > 1e-12) {
        return None;
    }
    for value in &mut large {
        *value = (*value - least) / span;
    }
    Some(large)
}

/// Least and greatest value; infinities the wrong way round where there are none.
#[must_use]
pub fn range(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), &v| (least.min(v), most.max(v)))
}

/// Softmax: scores of classes as probabilities, or Score-CAM's weights of the channels.
#[must_use]
pub fn softmax(scores: &[f32]) -> Vec<f32> {
    let (_, most) = range(scores);
    let powers: Vec<f64> = scores.iter().map(|&score| f64::from(score - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / sum) as f32).collect()
}

/// A map at another size, bilinear between the centres of its places (`align_corners=False`), constant outside them.
#[must_use]
pub fn upsample(map: &Map, height: usize, width: usize) -> Map {
    let steps = |from: usize, to: usize| -> Vec<(usize, usize, f32)> {
        let step = |at: usize| {
            let place = ((at as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, from.max(1) as f32 - 1.0);
            let first = place as usize;
            (first, (first + 1).min(from.saturating_sub(1)), place - first as f32)
        };
        (0..to).map(step).collect()
    };
    let mut large = Map { height, width, values: Vec::with_capacity(height * width) };
    if map.values.is_empty() {
        large.values.resize(height * width, 0.0);
        return large;
    }
    let columns = steps(map.width, width);
    for (upper, lower, down) in steps(map.height, height) {
        let (upper, lower) = (&map.values[upper * map.width..], &map.values[lower * map.width..]);
        for &(left, right, by) in &columns {
            let top = upper[left] * (1.0 - by) + upper[right] * by;
            let bottom = lower[left] * (1.0 - by) + lower[right] * by;
            large.values.push(top * (1.0 - down) + bottom * down);
        }
    }
    large
}

#[cfg(test)]
mod tests;
