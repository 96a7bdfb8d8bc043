//! Thumbnails on the GPU: a least-recently-used cache with a budget in bytes.
//!
//! Pictures decoded by jobs wait in a queue and go up a few megabytes a frame, so that a burst of
//! thumbnails does not make a frame long. What a frame asked for and did not find is the wanted list;
//! it goes to the thumbnail lane when it differs from the one sent before. egui keeps a texture until
//! its handle is dropped, so eviction is dropping the handle.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;

use egui::{ColorImage, Context, TextureHandle, TextureOptions, Vec2};

use crate::base::SampleId;
use crate::formats::image::Picture;
use crate::jobs::SampleRef;

/// Bytes that go up in one frame at most (at least one picture always does).
const UPLOAD_BYTES: usize = 12 << 20;

/// Longer sides a texture may have, pixels; the next larger one than the cell is decoded.
const SIDES: [u32; 4] = [128, 256, 512, 1024];

struct Entry {
    texture: TextureHandle,
    /// The side that was asked for; the picture itself may be smaller.
    side: u32,
    bytes: u64,
    used: u64,
}

/// The cache.
#[derive(Default)]
pub struct Textures {
    entries: HashMap<SampleRef, Entry>,
    failed: HashMap<SampleRef, String>,
    waiting: VecDeque<(SampleRef, u32, Picture)>,
    bytes: u64,
    frame: u64,
    wanted: Vec<(SampleId, u32)>,
    sent: Vec<(SampleId, u32)>,
    records: Vec<SampleId>,
    records_sent: Vec<SampleId>,
    full: Option<(SampleRef, TextureHandle)>,
    recent: HashMap<PathBuf, TextureHandle>,
}

/// What there is to paint for a sample.
pub enum Thumb<'a> {
    /// A texture and its size in pixels; it may be coarser than asked for.
    Ready(&'a TextureHandle),
    /// It is being decoded.
    Waiting,
    /// It cannot be decoded, and why.
    Failed(&'a str),
}

impl Textures {
    /// Begins a frame: puts waiting pictures on the GPU, evicts what is over `budget` bytes.
    /// Returns true if pictures still wait (the caller asks for another frame).
    pub fn begin_frame(&mut self, ctx: &Context, budget: u64) -> bool {
        self.frame += 1;
        self.wanted.clear();
        self.records.clear();
        let mut uploaded = 0;
        while uploaded < UPLOAD_BYTES
            && let Some((sample, side, picture)) = self.waiting.pop_front()
        {
            uploaded += picture.rgba.len();
            let bytes = picture.rgba.len() as u64;
            let texture = upload(ctx, "thumb", &picture);
            let used = self.frame;
            if let Some(old) = self.entries.insert(sample, Entry { texture, side, bytes, used }) {
                self.bytes -= old.bytes;
            }
            self.bytes += bytes;
        }
        if self.bytes > budget {
            let mut by_age: Vec<_> = self.entries.iter().map(|(&sample, entry)| (entry.used, sample)).collect();
            by_age.sort_unstable_by_key(|&(used, _)| used);
            for (used, sample) in by_age {
                // What the last frame painted stays, whatever the budget.
                if self.bytes <= budget || used + 1 >= self.frame {
                    break;
                }
                if let Some(entry) = self.entries.remove(&sample) {
                    self.bytes -= entry.bytes;
                }
            }
        }
        !self.waiting.is_empty()
    }

    /// The texture for a sample whose cell is `pixels` wide; asks for a better one where it is missing.
    pub fn get(&mut self, id: SampleId, sample: SampleRef, pixels: f32) -> Thumb<'_> {
        let side = side_for(pixels);
        if self.failed.contains_key(&sample) {
            return Thumb::Failed(&self.failed[&sample]);
        }
        if let Some(entry) = self.entries.get_mut(&sample) {
            entry.used = self.frame;
            if entry.side < side {
                self.wanted.push((id, side));
            }
            Thumb::Ready(&entry.texture)
        } else {
            self.wanted.push((id, side));
            Thumb::Waiting
        }
    }

    /// Asks for a picture that is not visible yet.
    pub fn prefetch(&mut self, id: SampleId, sample: SampleRef, pixels: f32) {
        if !self.failed.contains_key(&sample) && !self.entries.contains_key(&sample) {
            self.wanted.push((id, side_for(pixels)));
        }
    }

    /// Asks for the record of a sample that is looked at.
    pub fn want_record(&mut self, id: SampleId) {
        self.records.push(id);
    }

    /// The records that are missing in this frame, if it is not the list that was sent before.
    pub fn take_records(&mut self) -> Option<Vec<SampleId>> {
        if self.records.is_empty() || self.records == self.records_sent {
            return None;
        }
        self.records_sent.clone_from(&self.records);
        Some(self.records.clone())
    }

    /// The wanted list of this frame, if it is not the one that was sent before. An empty list is sent
    /// too: it stops the decoding of pictures that were scrolled away.
    pub fn take_wanted(&mut self) -> Option<Vec<(SampleId, u32)>> {
        // Pictures that are decoded and wait for their upload are not wanted again.
        if self.wanted == self.sent {
            return None;
        }
        self.sent.clone_from(&self.wanted);
        Some(self.wanted.clone())
    }

    /// Takes a decoded thumbnail in.
    pub fn insert(&mut self, sample: SampleRef, side: u32, picture: Result<Picture, String>) {
        match picture {
            Ok(picture) => self.waiting.push_back((sample, side, picture)),
            Err(error) => {
                self.failed.insert(sample, error);
            }
        }
    }

    /// Takes the focused sample's full picture in.
    pub fn insert_full(&mut self, ctx: &Context, sample: SampleRef, picture: &Picture) {
        let limit = ctx.input(|input| input.max_texture_side) as u32;
        // A picture larger than the GPU takes is shown by its thumbnail.
        if picture.width <= limit && picture.height <= limit {
            self.full = Some((sample, upload(ctx, "full", picture)));
        }
    }

    /// The focused sample's full picture, else its thumbnail.
    #[must_use]
    pub fn best(&self, sample: SampleRef) -> Option<&TextureHandle> {
        match &self.full {
            Some((full, texture)) if *full == sample => Some(texture),
            _ => self.entries.get(&sample).map(|entry| &entry.texture),
        }
    }

    /// True if the focused sample's full picture is here.
    #[must_use]
    pub fn has_full(&self, sample: SampleRef) -> bool {
        self.full.as_ref().is_some_and(|(full, _)| *full == sample)
    }

    /// Takes a recent source's picture in.
    pub fn insert_recent(&mut self, ctx: &Context, path: PathBuf, picture: &Picture) {
        self.recent.insert(path, upload(ctx, "recent", picture));
    }

    /// A recent source's picture.
    #[must_use]
    pub fn recent(&self, path: &std::path::Path) -> Option<&TextureHandle> {
        self.recent.get(path)
    }

    /// Bytes on the GPU.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Forgets what belongs to datasets that are not open (any more).
    pub fn retain(&mut self, open: impl Fn(u32) -> bool) {
        self.entries.retain(|sample, _| open(sample.dataset));
        self.bytes = self.entries.values().map(|entry| entry.bytes).sum();
        self.failed.retain(|sample, _| open(sample.dataset));
        self.waiting.retain(|(sample, ..)| open(sample.dataset));
        // Ids may mean other samples now: the next frame's list is always sent.
        self.sent.clear();
        self.sent.push((SampleId(u32::MAX), 0));
        self.records_sent.clear();
    }
}

fn side_for(pixels: f32) -> u32 {
    SIDES.into_iter().find(|&side| side as f32 >= pixels * 0.9).unwrap_or(SIDES[SIDES.len() - 1])
}

fn upload(ctx: &Context, name: &str, picture: &Picture) -> TextureHandle {
    let size = [picture.width as usize, picture.height as usize];
    ctx.load_texture(name, ColorImage::from_rgba_unmultiplied(size, &picture.rgba), TextureOptions::LINEAR)
}

/// The size at which a picture of `pixels` fits into `space`, enlarged to at most `enlarge` times.
#[must_use]
pub fn fit(pixels: Vec2, space: Vec2, enlarge: f32) -> Vec2 {
    if pixels.x <= 0.0 || pixels.y <= 0.0 {
        return Vec2::ZERO;
    }
    pixels * (space.x / pixels.x).min(space.y / pixels.y).min(enlarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(side: u32) -> Picture {
        Picture { width: side, height: side, rgba: vec![200; (side * side * 4) as usize], truncated: false }
    }

    fn sample(row: u32) -> SampleRef {
        SampleRef { dataset: 0, row }
    }

    #[test]
    fn stays_within_its_budget_and_keeps_what_was_just_painted() {
        let ctx = Context::default();
        let mut textures = Textures::default();
        for row in 0..10 {
            textures.insert(sample(row), 128, Ok(picture(64)));
        }
        textures.begin_frame(&ctx, u64::MAX);
        assert_eq!(textures.bytes(), 10 * 64 * 64 * 4);
        // Three frames on, only sample 3 is looked at.
        for _ in 0..3 {
            textures.begin_frame(&ctx, u64::MAX);
            assert!(matches!(textures.get(SampleId(3), sample(3), 100.0), Thumb::Ready(_)));
        }
        textures.begin_frame(&ctx, 2 * 64 * 64 * 4);
        assert_eq!(textures.bytes(), 2 * 64 * 64 * 4);
        assert!(matches!(textures.get(SampleId(3), sample(3), 100.0), Thumb::Ready(_)), "the one in use stays");
        textures.begin_frame(&ctx, 0);
        assert!(matches!(textures.get(SampleId(3), sample(3), 100.0), Thumb::Ready(_)), "painted in the last frame");
    }

    #[test]
    fn asks_once_and_asks_again_for_a_larger_cell() {
        let ctx = Context::default();
        let mut textures = Textures::default();
        textures.begin_frame(&ctx, u64::MAX);
        assert!(matches!(textures.get(SampleId(7), sample(7), 100.0), Thumb::Waiting));
        assert_eq!(textures.take_wanted(), Some(vec![(SampleId(7), 128)]));
        textures.begin_frame(&ctx, u64::MAX);
        let _ = textures.get(SampleId(7), sample(7), 100.0);
        assert_eq!(textures.take_wanted(), None, "the same list is not sent twice");
        textures.insert(sample(7), 128, Ok(picture(64)));
        textures.begin_frame(&ctx, u64::MAX);
        let _ = textures.get(SampleId(7), sample(7), 100.0);
        assert_eq!(textures.take_wanted(), Some(vec![]), "nothing is wanted any more");
        textures.begin_frame(&ctx, u64::MAX);
        assert!(matches!(textures.get(SampleId(7), sample(7), 300.0), Thumb::Ready(_)), "the coarse one meanwhile");
        assert_eq!(textures.take_wanted(), Some(vec![(SampleId(7), 512)]));
    }

    #[test]
    fn fits_without_stretching() {
        assert_eq!(fit(Vec2::new(200.0, 100.0), Vec2::new(100.0, 100.0), 1.0), Vec2::new(100.0, 50.0));
        assert_eq!(fit(Vec2::new(20.0, 10.0), Vec2::new(100.0, 100.0), 2.0), Vec2::new(40.0, 20.0));
        assert_eq!(fit(Vec2::ZERO, Vec2::new(100.0, 100.0), 2.0), Vec2::ZERO);
    }
}
