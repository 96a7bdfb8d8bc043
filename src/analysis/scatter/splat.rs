//! Points counted into pixels, pixels made into colours: the twin of `shaders/scatter_splat.wgsl`, `scatter_blur.wgsl`
//! and `scatter_resolve.wgsl`, function by function.
//!
//! Counts are whole numbers and equal the shader's exactly. Colours differ by at most one step of 255, because a card's
//! logarithm may be off in its last bits.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use super::points::{LANES, LEVELS, mark};
use super::{Points, View};

/// The plane of a class that is not drawn.
pub const NO_PLANE: u8 = 255;
/// Most planes of ink: classes beyond share one ("other").
pub const MOST_PLANES: usize = 32;
/// A pixel of the ratio layer's fields is this many pixels wide in a picture of a million pixels, and in larger ones
/// such a share of the picture: it is blurred anyway.
pub const RATIO_GRAIN: u32 = 4;
/// Taps to each side of the ratio layer's blur.
pub const BLUR_REACH: usize = 6;
/// The blur's width in pixels of the field.
const BLUR_SIGMA: f64 = 2.0;

/// What the colour of a pixel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// How many points, on a logarithmic scale.
    Density,
    /// Which classes: the mean of their colours, brighter where there are more points.
    Classes,
    /// Of which of two datasets there are more than its share: the logarithm of the ratio of their blurred densities.
    Ratio,
}

/// How counts become colours.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// What the colour says.
    pub layer: Layer,
    /// Class -> plane; [`NO_PLANE`] hides the class. In the ratio layer the class is the dataset: plane 0 is A, 1 is B.
    pub plane_of: [u8; 256],
    /// Colours of the planes ([`Layer::Classes`]); at most [`MOST_PLANES`].
    pub planes: Vec<[u8; 3]>,
    /// 256 colours: from few to many points, or from B through neutral to A.
    pub ramp: Vec<[u8; 3]>,
    /// The colour of dim points.
    pub dim: [u8; 3],
    /// The radius of a point in pixels where points are drawn one by one.
    pub radius: f32,
}

impl Style {
    /// Number of planes of ink; the plane of dim points comes after them.
    #[must_use]
    pub fn ink_planes(&self) -> usize {
        match self.layer {
            Layer::Density => 1,
            Layer::Classes => self.planes.len().clamp(1, MOST_PLANES),
            Layer::Ratio => 2,
        }
    }

    /// Class -> plane as drawn: no plane beyond the last.
    #[must_use]
    pub fn plane_map(&self) -> [u8; 256] {
        let last = self.ink_planes() as u8 - 1;
        self.plane_of.map(|plane| match (plane, self.layer) {
            (NO_PLANE, _) => NO_PLANE,
            (_, Layer::Density) => 0,
            (plane, Layer::Ratio) if plane > 1 => NO_PLANE,
            (plane, _) => plane.min(last),
        })
    }

    /// How many pixels wide a counter is in a picture of `width` x `height` pixels when all counters may take
    /// `most_bytes`.
    #[must_use]
    pub fn grain(&self, width: u32, height: u32, most_bytes: u64) -> u32 {
        let millions = f64::from(width) * f64::from(height) / 1_024_000.0;
        let mut grain = match self.layer {
            // Even, so that colours can be made for half of it.
            Layer::Ratio => (millions.sqrt() * f64::from(RATIO_GRAIN / 2)).round().max(2.0) as u32 * 2,
            _ => 1,
        };
        let planes = self.ink_planes() as u64 + 1;
        while u64::from(width.div_ceil(grain)) * u64::from(height.div_ceil(grain)) * planes * 4 > most_bytes {
            grain += 1;
        }
        grain
    }
}

/// Points counted into pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Counters from left to right.
    pub width: u32,
    /// Counters from top to bottom.
    pub height: u32,
    /// Planes of ink; one plane of dim points follows them.
    pub planes: usize,
    /// `[planes + 1][height][width]`.
    pub counts: Vec<u32>,
    /// The largest count of a plane of ink.
    pub peak: u32,
}

impl Counts {
    /// The sum over all planes and pixels: the number of points drawn.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }
}

/// Counters that fill: the twin of a dispatch of `shaders/scatter_splat.wgsl`, share by share.
#[derive(Debug)]
pub struct Counting {
    width: u32,
    height: u32,
    planes: usize,
    /// As [`Counts::counts`].
    counts: Vec<AtomicU32>,
    peak: AtomicU32,
}

/// What is counted: the points, and by slot what they are of.
#[derive(Clone, Copy)]
pub struct Counted<'a, C> {
    /// The points.
    pub points: &'a Points,
    /// Slot -> class.
    pub class_of: C,
    /// Of [`Points::marks`].
    pub marks: &'a [u32],
    /// Of [`Style::plane_map`].
    pub plane_map: &'a [u8; 256],
}

impl Counting {
    /// Empty counters for a view and so many planes of ink.
    #[must_use]
    pub fn new(view: &View, planes: usize) -> Self {
        let pixels = view.width as usize * view.height as usize;
        let counts = (0..pixels * (planes + 1)).into_par_iter().map(|_| AtomicU32::new(0)).collect();
        Self { width: view.width, height: view.height, planes, counts, peak: AtomicU32::new(0) }
    }

    /// Empties the counters for another view; their memory is kept where there are as many.
    #[must_use]
    pub fn again(self, view: &View, planes: usize) -> Self {
        if self.counts.len() != view.width as usize * view.height as usize * (planes + 1) {
            return Self::new(view, planes);
        }
        self.counts.par_iter().with_min_len(1 << 16).for_each(|count| count.store(0, Ordering::Relaxed));
        Self { width: view.width, height: view.height, planes, counts: self.counts, peak: AtomicU32::new(0) }
    }

    /// Counts the points of some levels of some batches (their numbers).
    pub fn add<C: Fn(usize) -> u8 + Sync>(
        &self,
        of: &Counted<'_, C>,
        view: &View,
        numbers: &[u32],
        levels: Range<usize>,
    ) {
        let pixels = self.width as usize * self.height as usize;
        let (batches, positions) = (of.points.batches(), of.points.positions());
        numbers.par_chunks(256).for_each(|numbers| {
            let mut most = 0;
            for level in levels.clone() {
                for &number in numbers {
                    let batch = &batches[number as usize];
                    let first = (level * batches.len() + number as usize) * LANES;
                    for (slot, &packed) in (first..).zip(&positions[first..first + LANES]) {
                        let mark = of.marks[slot / 16] >> (slot % 16 * 2) & 3;
                        let plane = of.plane_map[(of.class_of)(slot) as usize];
                        if mark == mark::HIDDEN || plane == NO_PLANE {
                            continue;
                        }
                        if let Some((x, y)) = view.pixel(batch, packed) {
                            let plane = if mark == mark::DIM { self.planes } else { plane as usize };
                            let at = plane * pixels + (y * view.width + x) as usize;
                            let before = self.counts[at].fetch_add(1, Ordering::Relaxed);
                            if mark == mark::SHOWN {
                                most = most.max(before + 1);
                            }
                        }
                    }
                }
            }
            self.peak.fetch_max(most, Ordering::Relaxed);
        });
    }

    /// As [`resolve`] of [`Counting::counts`], into `pixels`.
    pub fn resolve(&self, style: &Style, exposure: &Exposure, grain: u32, size: [u32; 2], pixels: &mut Vec<[u8; 4]>) {
        let field = Field {
            width: self.width,
            height: self.height,
            planes: self.planes,
            peak: self.peak.load(Ordering::Relaxed),
            count: |at: usize| self.counts[at].load(Ordering::Relaxed),
        };
        field.paint(style, exposure, grain, size, pixels);
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let counts = self.counts.par_iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let peak = self.peak.load(Ordering::Relaxed);
        Counts { width: self.width, height: self.height, planes: self.planes, counts, peak }
    }
}

/// Counts the points of the first `levels` levels of all batches that the view sees. `classes` and `marks` come from
/// [`Points::by_slot`] and [`Points::marks`], `planes` is the style's number of planes of ink.
#[must_use]
pub fn splat(
    points: &Points,
    classes: &[u8],
    marks: &[u32],
    plane_map: &[u8; 256],
    planes: usize,
    view: &View,
    levels: usize,
) -> Counts {
    let counting = Counting::new(view, planes);
    let of = Counted { points, class_of: |slot: usize| classes[slot], marks, plane_map };
    counting.add(&of, view, &points.visible(view, 0.0), 0..levels.min(LEVELS));
    counting.counts()
}

/// What [`resolve`] needs beside the counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exposure {
    /// All points over those counted so far: keeps the picture's brightness while it fills.
    pub factor: f32,
    /// Points of dataset A and of B that pass the filter, in the whole map; for the ratio layer.
    pub totals: [f32; 2],
}

/// The weights of the ratio layer's blur: the middle and [`BLUR_REACH`] to one side; all taps sum to 1.
#[must_use]
pub fn blur_weights() -> [f32; BLUR_REACH + 1] {
    let bell = |at: usize| (-((at * at) as f64) / (2.0 * BLUR_SIGMA * BLUR_SIGMA)).exp();
    let sum: f64 = bell(0) + 2.0 * (1..=BLUR_REACH).map(bell).sum::<f64>();
    std::array::from_fn(|at| (bell(at) / sum) as f32)
}

/// Blurs one plane of `width` x `height` numbers along both axes; outside it there is nothing.
#[must_use]
pub fn blur(plane: &[f32], width: usize, height: usize) -> Vec<f32> {
    let weights = blur_weights();
    let along = |from: &[f32], horizontal: bool| -> Vec<f32> {
        let mut to = vec![0.0; width * height];
        to.par_chunks_mut(width.max(1)).enumerate().for_each(|(y, row)| {
            for (x, to) in row.iter_mut().enumerate() {
                let at = y * width + x;
                let (place, length, stride) = if horizontal { (x, width, 1) } else { (y, height, width) };
                let mut sum = weights[0] * from[at];
                for (reach, weight) in weights.iter().enumerate().skip(1) {
                    let before = if place >= reach { from[at - reach * stride] } else { 0.0 };
                    let after = if place + reach < length { from[at + reach * stride] } else { 0.0 };
                    sum += weight * (before + after);
                }
                *to = sum;
            }
        });
        to
    };
    along(&along(plane, true), false)
}

/// Colours of a picture of `width` x `height` pixels, each counter being `grain` pixels wide: premultiplied RGBA in
/// gamma space, as egui blends it.
#[must_use]
pub fn resolve(
    counts: &Counts,
    style: &Style,
    exposure: &Exposure,
    grain: u32,
    width: u32,
    height: u32,
) -> Vec<[u8; 4]> {
    let &Counts { width: across, height: down, planes, ref counts, peak } = counts;
    let field = Field { width: across, height: down, planes, peak, count: |at: usize| counts[at] };
    let mut pixels = Vec::new();
    field.paint(style, exposure, grain, [width, height], &mut pixels);
    pixels
}

/// Counters to make colours of, full or still filling.
struct Field<C> {
    width: u32,
    height: u32,
    planes: usize,
    peak: u32,
    /// As [`Counts::counts`], by place.
    count: C,
}

impl<C: Fn(usize) -> u32 + Sync> Field<C> {
    /// See [`resolve`].
    fn paint(
        &self,
        style: &Style,
        exposure: &Exposure,
        grain: u32,
        [width, height]: [u32; 2],
        pixels: &mut Vec<[u8; 4]>,
    ) {
        let counts = self;
        let cells = counts.width as usize * counts.height as usize;
        let fields: Vec<Vec<f32>> = if style.layer == Layer::Ratio {
            (0..2)
                .map(|plane| {
                    let values: Vec<f32> =
                        (plane * cells..(plane + 1) * cells).map(|at| (self.count)(at) as f32).collect();
                    blur(&values, counts.width as usize, counts.height as usize)
                })
                .collect()
        } else {
            Vec::new()
        };
        let color = |rgb: [u8; 3]| rgb.map(|value| f32::from(value) / 255.0);
        let top = (1.0 + counts.peak as f32 * exposure.factor).log2().max(1.0);
        let level = |count: f32| ((1.0 + count * exposure.factor).log2() / top).clamp(0.0, 1.0);
        let pixel = |x: u32, y: u32| -> [u8; 4] {
            let cell = (y / grain * counts.width + x / grain) as usize;
            let mut rgb = [0.0_f32; 3];
            let mut alpha = 0.0_f32;
            match style.layer {
                Layer::Density => {
                    let count = (self.count)(cell) as f32;
                    if count > 0.0 {
                        let level = level(count);
                        rgb = color(style.ramp[(level * 255.0 + 0.5) as usize]);
                        alpha = 0.35 + 0.65 * level;
                    } else if (self.count)(counts.planes * cells + cell) == 0 {
                        return [0; 4];
                    }
                }
                Layer::Classes => {
                    let mut total = 0.0;
                    for (plane, &ink) in style.planes.iter().take(counts.planes).enumerate() {
                        let count = (self.count)(plane * cells + cell) as f32;
                        total += count;
                        let ink = color(ink);
                        for channel in 0..3 {
                            rgb[channel] += count * ink[channel];
                        }
                    }
                    if total > 0.0 {
                        rgb = rgb.map(|sum| sum / total);
                        alpha = 0.65 + 0.35 * level(total);
                    }
                }
                Layer::Ratio => {
                    // Between the middles of four cells.
                    let place = |pixel: u32, cells: u32| {
                        let at = ((pixel as f32 + 0.5) / grain as f32 - 0.5).clamp(0.0, (cells - 1) as f32);
                        let low = at as u32;
                        (low, (low + 1).min(cells - 1), at - low as f32)
                    };
                    let (x0, x1, u) = place(x, counts.width);
                    let (y0, y1, v) = place(y, counts.height);
                    let sample = |field: &[f32]| {
                        let at = |x: u32, y: u32| field[(y * counts.width + x) as usize];
                        let upper = at(x0, y0) * (1.0 - u) + at(x1, y0) * u;
                        let lower = at(x0, y1) * (1.0 - u) + at(x1, y1) * u;
                        upper * (1.0 - v) + lower * v
                    };
                    let (a, b) = (sample(&fields[0]) * exposure.factor, sample(&fields[1]) * exposure.factor);
                    let [all_a, all_b] = exposure.totals.map(|total| total.max(1.0));
                    // A tenth of a point of each: nothing against nothing is 1, and a single point is no verdict.
                    let least = 0.1 / all_a + 0.1 / all_b;
                    let ratio = ((a / all_a + least) / (b / all_b + least)).log2();
                    let at = (ratio / 4.0).clamp(-1.0, 1.0) * 0.5 + 0.5;
                    rgb = color(style.ramp[(at * 255.0 + 0.5) as usize]);
                    alpha = (1.6 * (1.0 + 8.0 * (a + b)).log2() / (3.0 + top)).clamp(0.0, 0.95);
                }
            }
            let dim = (self.count)(counts.planes * cells + cell) as f32;
            let under = if dim > 0.0 { (0.3 + 0.3 * level(dim)) * (1.0 - alpha) } else { 0.0 };
            let gray = color(style.dim);
            let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
            [
                byte(rgb[0] * alpha + gray[0] * under),
                byte(rgb[1] * alpha + gray[1] * under),
                byte(rgb[2] * alpha + gray[2] * under),
                byte(alpha + under),
            ]
        };
        pixels.resize(width as usize * height as usize, [0; 4]);
        pixels.par_chunks_mut(width.max(1) as usize).zip(0..height).for_each(|(row, y)| {
            for (to, x) in row.iter_mut().zip(0..width) {
                *to = pixel(x, y);
            }
        });
    }
}
