//! Explanations of many pictures: files through a model into maps.
//!
//! How it works: pictures go through [`batches`](super::batches), as for features; the runner is an
//! [`Explainer`], so a batch of pictures is one run of the gradient graph. Beside each map stand its figures; the foreground is
//! found in the picture as the model sees it, from the same numbers.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use super::batches::{self, Batch, PictureReader, Reader, Runner, Work};
use super::{Population, SampleRef};
use crate::analysis::cam::curve::{Curves, Substrate};
use crate::analysis::cam::{Figures, Map, Mask};
use crate::base::{CancelToken, Cancelled, Progress};
use crate::formats::image::{self, Filter, Picture};
use crate::model::card::{Channels, Layout, Preprocessing};
use crate::model::explain::{Classes, Explainer, Explanation};
use crate::model::{Model, ModelError, preprocess};

/// An explanation with its figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Class, score, probability and map.
    pub explanation: Explanation,
    /// How local the map is.
    pub figures: Figures,
}

/// Reads pictures from files.
#[derive(Clone, Debug)]
pub struct FileReader(pub Arc<Vec<PathBuf>>);

impl Reader for FileReader {
    fn read(&mut self, at: usize) -> Result<bytes::Bytes, String> {
        let read = std::fs::read(&self.0[at]).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "nothing is there".to_owned(),
            _ => format!("it cannot be read ({error})"),
        });
        read.map(bytes::Bytes::from)
    }
}

/// Pictures to explain: files, or samples of datasets.
#[derive(Clone, Debug)]
pub enum Pictures {
    /// Files of pictures.
    Files(Arc<Vec<PathBuf>>),
    /// Samples with a picture.
    Samples(Arc<Population>, Arc<Vec<SampleRef>>),
}

impl Pictures {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Files(files) => files.len(),
            Self::Samples(_, samples) => samples.len(),
        }
    }

    /// True where there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As many readers as there should be workers.
    #[must_use]
    pub fn readers(&self) -> Vec<AnyReader> {
        match self {
            Self::Files(files) => {
                let workers = batches::workers().min(files.len()).max(1);
                (0..workers).map(|_| AnyReader::File(FileReader(Arc::clone(files)))).collect()
            }
            Self::Samples(population, samples) => {
                PictureReader::several(population, samples).into_iter().map(AnyReader::Sample).collect()
            }
        }
    }
}

/// A reader of [`Pictures`].
pub enum AnyReader {
    /// Of files.
    File(FileReader),
    /// Of samples.
    Sample(PictureReader),
}

impl Reader for AnyReader {
    fn read(&mut self, at: usize) -> Result<bytes::Bytes, String> {
        match self {
            Self::File(reader) => reader.read(at),
            Self::Sample(reader) => reader.read(at),
        }
    }
}

/// How pictures become the model's input.
///
/// # Errors
/// The card's preprocessing does not fit the input.
pub fn preprocessing(model: &Model) -> Result<Preprocessing, ModelError> {
    let how = Preprocessing { layout: model.input.layout, ..model.card.preprocessing.clone() };
    if preprocess::len(&how) == model.input.shape(1).iter().product::<usize>() {
        return Ok(how);
    }
    let message = format!(
        "its input takes {:?} and the preprocessing gives {:?}; put the right crop and channels into a model card",
        model.input.shape(1),
        preprocess::shape(&how)
    );
    Err(ModelError::Unusable { path: model.path.clone(), message })
}

/// Pictures a run, where nobody says: maps of the input keep all layers in memory.
#[must_use]
pub fn usual_batch(provider: &str) -> usize {
    if provider == "CUDA" { 32 } else { 8 }
}

/// Makes something of an explanation: the explainer, the picture's numbers, the explanation, the picture's number.
type Make<'m, T> = dyn Fn(&mut Explainer<'m>, &[f32], Explained, usize) -> Result<T, ModelError> + 'm;

/// An explanation and what its map is worth to the model.
pub type Measured = (Explained, Curves);

/// Runs an explainer and keeps what `make` turns its findings into for whoever gets the batch.
struct Keeper<'a, 'm, T> {
    explainer: &'a mut Explainer<'m>,
    classes: &'a Classes,
    how: &'a Preprocessing,
    make: &'a Make<'m, T>,
    /// Pictures before this batch.
    before: usize,
    /// Of each picture of the batch.
    found: &'a RefCell<Vec<Vec<T>>>,
}

impl<T> Runner for Keeper<'_, '_, T> {
    fn run(&mut self, count: usize, values: &[f32]) -> Result<Vec<Vec<f32>>, ModelError> {
        let explanations = self.explainer.run(count, values, self.classes)?;
        let method = self.explainer.method();
        let each = (explanations.len() / count.max(1)).max(1);
        let mut found = Vec::with_capacity(count);
        let mut explanations = explanations.into_iter();
        for (place, values) in values.chunks_exact(preprocess::len(self.how)).take(count).enumerate() {
            let mask = Mask::of(&pixels(values, self.how), self.how.crop as usize);
            let mut of_picture = Vec::with_capacity(each);
            for explanation in explanations.by_ref().take(each) {
                let figures = Figures::of(&method.evidence(&explanation.map), mask.as_ref());
                let explained = Explained { explanation, figures };
                of_picture.push((self.make)(self.explainer, values, explained, self.before + place)?);
            }
            found.push(of_picture);
        }
        self.before += count;
        *self.found.borrow_mut() = found;
        Ok(Vec::new())
    }
}

/// Explains `count` pictures in order and hands each to `each` with its number: a map, or why there is none. With
/// [`Classes::Top`] a picture comes once for each of its classes, most probable first.
///
/// # Errors
/// Cancelled (asked for once a batch), the model cannot be run, or `each` fails.
#[expect(clippy::too_many_arguments, reason = "what, how, and whom to tell")]
pub fn explain<R: Reader, E: From<ModelError> + From<Cancelled>>(
    readers: Vec<R>,
    size: (usize, usize),
    explainer: &mut Explainer<'_>,
    classes: &Classes,
    how: &Preprocessing,
    each: &mut dyn FnMut(usize, Result<Explained, String>) -> Result<(), E>,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<(), E> {
    let make = |_: &mut Explainer<'_>, _: &[f32], explained, _| Ok(explained);
    over(readers, size, (explainer, classes, &make), how, each, progress, cancel)
}

/// As [`explain`], with the deletion and insertion curves of each map: many more runs of the model. The orders at random that
/// a map is held against are seeded by the picture's number.
///
/// # Errors
/// As [`explain`].
#[expect(clippy::too_many_arguments, reason = "what, how, and whom to tell")]
pub fn explain_with_curves<R: Reader, E: From<ModelError> + From<Cancelled>>(
    readers: Vec<R>,
    size: (usize, usize),
    explainer: &mut Explainer<'_>,
    (classes, substrate): (&Classes, Substrate),
    how: &Preprocessing,
    each: &mut dyn FnMut(usize, Result<Measured, String>) -> Result<(), E>,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<(), E> {
    let make = move |explainer: &mut Explainer<'_>, values: &[f32], explained: Explained, place: usize| {
        let curves = explainer.curves(values, &explained.explanation, substrate, place as u64)?;
        Ok((explained, curves))
    };
    over(readers, size, (explainer, classes, &make), how, each, progress, cancel)
}

/// What explains, what is explained, and what is made of it.
type Making<'a, 'm, T> = (&'a mut Explainer<'m>, &'a Classes, &'a Make<'m, T>);

fn over<R: Reader, T, E: From<ModelError> + From<Cancelled>>(
    readers: Vec<R>,
    (count, batch): (usize, usize),
    (explainer, classes, make): Making<'_, '_, T>,
    how: &Preprocessing,
    each: &mut dyn FnMut(usize, Result<T, String>) -> Result<(), E>,
    progress: &Progress,
    cancel: &CancelToken,
) -> Result<(), E> {
    let found = RefCell::new(Vec::new());
    let mut keeper = Keeper { explainer, classes, how, make, before: 0, found: &found };
    let work = Work { rows: 0..count, batch, how };
    let mut deal = |batch: Batch| -> Result<(), E> {
        let mut unreadable = batch.unreadable.into_iter().peekable();
        for (at, of_picture) in found.take().into_iter().enumerate() {
            if let Some((_, reason)) = unreadable.next_if(|(place, _)| *place == at) {
                each(batch.first + at, Err(reason))?;
                continue;
            }
            for made in of_picture {
                each(batch.first + at, Ok(made))?;
            }
        }
        Ok(())
    };
    batches::run(&work, readers, &mut keeper, &mut deal, progress, cancel).map(|_| ())
}

/// The picture that a model's numbers stand for, three bytes a pixel.
pub(super) fn pixels(values: &[f32], how: &Preprocessing) -> Vec<u8> {
    let area = how.crop as usize * how.crop as usize;
    let byte = |at: usize, channel: usize| {
        ((values[at] * how.std[channel] + how.mean[channel]) * 255.0).round().clamp(0.0, 255.0) as u8
    };
    let pixel = |place: usize| match (how.channels, how.layout) {
        (Channels::Grey, _) => [byte(place, 0); 3],
        (_, Layout::Nchw) => [0, 1, 2].map(|channel| byte(channel * area + place, channel)),
        (_, Layout::Nhwc) => [0, 1, 2].map(|channel| byte(place * 3 + channel, channel)),
    };
    (0..area).flat_map(pixel).collect()
}

/// Least side in pixels of a drawn overlay.
const DRAWN: u32 = 384;

/// The part of a picture that a model sees, at a size that is good to look at, with a map over it; `scale` is the value that gets
/// the brightest colour.
///
/// # Errors
/// A sentence: the picture cannot be decoded.
pub fn draw(bytes: &[u8], how: &Preprocessing, map: &Map, scale: f32, opacity: f32) -> Result<Picture, String> {
    let said = |error: image::ImageError| error.to_string();
    let larger = DRAWN.div_ceil(how.crop.max(1)).max(1);
    let picture = image::decode_rgb(bytes, how.resize * larger).map_err(said)?;
    let mut cut = preprocess::placement(picture.width, picture.height, how);
    let by = i64::from(larger);
    (cut.size, cut.side) = ((cut.size.0 * larger, cut.size.1 * larger), (cut.side.0 * larger, cut.side.1 * larger));
    (cut.left, cut.top) = (cut.left * by, cut.top * by);
    let pixels = image::cut(&picture, &cut, Filter::Bilinear).map_err(said)?;
    let byte = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    let rgba = pixels.chunks_exact(3).flat_map(|p| [byte(p[0]), byte(p[1]), byte(p[2]), 255]);
    let mut rgba: Vec<u8> = rgba.collect();
    let (width, height) = cut.side;
    crate::analysis::cam::colour::overlay(&mut rgba, width as usize, map, scale, opacity);
    Ok(Picture { width, height, rgba, truncated: picture.truncated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_comes_back_from_its_numbers() {
        let check = |channels, layout, expect: [u8; 3]| {
            let how = Preprocessing { resize: 0, crop: 2, ..Preprocessing::usual(2, channels, layout) };
            let picture = Picture { width: 2, height: 2, rgba: [9, 100, 200, 255].repeat(4), truncated: false };
            let mut values = vec![0.0; preprocess::len(&how)];
            preprocess::tensor_of(&picture, &how, &mut values).unwrap();
            assert_eq!(pixels(&values, &how), expect.repeat(4), "{channels:?} {layout:?}");
        };
        check(Channels::Rgb, Layout::Nchw, [9, 100, 200]);
        check(Channels::Rgb, Layout::Nhwc, [9, 100, 200]);
        check(Channels::Bgr, Layout::Nchw, [200, 100, 9]);
        check(Channels::Grey, Layout::Nchw, [84; 3]);
    }

    #[test]
    fn a_small_input_is_drawn_large() {
        let how = Preprocessing { resize: 4, crop: 4, ..Preprocessing::usual(4, Channels::Rgb, Layout::Nchw) };
        let png = image::png(&Picture { width: 8, height: 4, rgba: vec![128; 128], truncated: false });
        let map = Map { height: 1, width: 2, values: vec![0.0, 2.0] };
        let drawn = draw(&png, &how, &map, 2.0, 1.0).unwrap();
        assert_eq!((drawn.width, drawn.height), (384, 384));
        assert_eq!(
            (drawn.rgba[0], &drawn.rgba[383 * 4..383 * 4 + 3]),
            (128, &crate::analysis::cam::colour::inferno(1.0)[..])
        );
        assert!(draw(b"no picture", &how, &map, 2.0, 1.0).is_err());
    }
}
