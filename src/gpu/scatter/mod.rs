//! Draws the points of a map into a texture that a window can paint: millions of them, a slice per frame.
//!
//! How it works: positions, classes and marks are uploaded once and stay. A picture of many points is counted: a compute
//! pass adds each point to its pixel's counter (`scatter_splat.wgsl`), a draw turns counters into colours
//! (`scatter_resolve.wgsl`). Few points are drawn one by one as discs (`scatter_quads.wgsl`). Both go through the map in
//! 128 steps of equal size, the first of which (of discs: all) are fair samples of what is seen: a level of an eighth of
//! the batches, see [`Points`](crate::analysis::scatter::Points). A frame does as many steps as fit into its budget, and
//! the next frame goes on. When the camera, the marks or the
//! style change, the picture starts again. Per frame nothing is uploaded but a few hundred bytes that say which steps;
//! per camera, the numbers of the batches that it sees.
//!
//! A software adapter would count at a fifth of the processor's own speed: there the twins of the shaders count and make
//! the colours ([`host`]), and the adapter only gets the picture.

mod host;
mod kit;
mod pipelines;
mod run;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use self::host::Host;
use self::kit::{Kit, Target};
pub use self::pipelines::{FORMAT, Pipelines};
use self::pipelines::{PictureUniform, SLICE_STRIDE, Shape, Slice};
use self::run::{MOST_SLICES, Run, STEPS, totals};
use super::{Device, GpuError};
use crate::analysis::scatter::points::LEVELS;
use crate::analysis::scatter::splat::{Counts, Exposure, Layer, Style};
use crate::analysis::scatter::{Bits, Camera, Points, View};

/// Up to this many points in the picture are drawn one by one on a graphics card.
const FEW: u64 = 250_000;
/// The same on a software adapter, which draws a million discs a second.
const FEW_IN_SOFTWARE: u64 = 30_000;
/// All counters together take no more than this.
const MOST_COUNTER_BYTES: u64 = 256 << 20;
/// The same on a software adapter, which empties and reads them at the speed of the processor's memory.
const MOST_COUNTER_BYTES_IN_SOFTWARE: u64 = 16 << 20;
/// Share of a frame's budget that emptying the counters and making colours of them takes, before it was measured.
const PICTURE_SHARE: f64 = 0.4;

/// How far the present picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Points looked at so far, of those that may be in the picture.
    pub drawn: u64,
    /// Points of the batches that the picture may show, hidden ones left out.
    pub total: u64,
    /// True once the picture is whole: no need for another frame.
    pub complete: bool,
}

/// A picture for a window to paint.
#[derive(Clone, Copy, Debug)]
pub struct Texture<'a> {
    /// [`FORMAT`], premultiplied, gamma space.
    pub view: &'a wgpu::TextureView,
    /// Rises when the texture is another one and must be registered anew.
    pub generation: u64,
    /// Its pixels are larger than the picture's: paint it smoothly.
    pub coarse: bool,
    /// Share of the texture, from the left upper corner, that the picture takes.
    pub share: [f32; 2],
}

/// What the last submitted frame took.
struct Flight {
    points: u64,
    /// Colours were made, too.
    resolved: bool,
    submitted: Instant,
    /// Nanoseconds, 0 while under way.
    took: Arc<AtomicU64>,
    /// Was found unfinished by a later frame.
    late: bool,
}

/// A map of points on a device.
pub struct Scatter {
    device: Device,
    pipelines: Arc<Pipelines>,
    points: Arc<Points>,
    /// Counts in the adapter's place.
    host: Option<Host>,
    batches: wgpu::Buffer,
    positions: wgpu::Buffer,
    classes: wgpu::Buffer,
    groups: wgpu::Buffer,
    marks: wgpu::Buffer,
    visible: wgpu::Buffer,
    slices: wgpu::Buffer,
    picture: wgpu::Buffer,
    style: Style,
    /// What is in `marks`.
    marks_here: Vec<u32>,
    /// Two bits a slot: 1 for dataset A, 2 for B.
    sides: Vec<u32>,
    /// Points of each batch that are drawn, dim or not.
    drawn: Vec<u8>,
    some_dim: bool,
    target: Option<Target>,
    /// Rises when the texture is another one.
    generation: u64,
    run: Option<Run>,
    flight: Option<Flight>,
    /// Points a frame: drawn one by one, counted.
    chunk: [u64; 2],
    /// Points of dataset A and B that are shown, where they were counted since marks, datasets and layer changed.
    totals: Option<[f32; 2]>,
    /// Share of a frame's budget that making a picture's colours takes, whatever the points.
    picture_share: f64,
}

impl Scatter {
    /// Uploads a map: `classes` and `groups` (the number of the dataset, 0 is A, 1 is B) by row. Everything is shown.
    ///
    /// # Errors
    /// [`GpuError::TooLarge`] where positions pass the adapter's binding limit (33 million points at 128 MiB),
    /// [`GpuError::OutOfMemory`].
    pub fn new(
        device: &Device,
        pipelines: &Arc<Pipelines>,
        points: Arc<Points>,
        classes: &[u8],
        groups: &[u8],
        style: Style,
    ) -> Result<Self, GpuError> {
        Self::counting(device, pipelines, points, [classes, groups], style, !device.computes())
    }

    /// As [`Scatter::new`]; `on_host` counts on the processor.
    fn counting(
        device: &Device,
        pipelines: &Arc<Pipelines>,
        points: Arc<Points>,
        [classes, groups]: [&[u8]; 2],
        style: Style,
        on_host: bool,
    ) -> Result<Self, GpuError> {
        let batches = points.batches().len() as u64;
        let bytes = batches * 128;
        let uniform = |what, size| {
            device.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(what),
                size,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let mut scatter = Self {
            batches: device.upload("the map's batches", points.batches())?,
            positions: device.upload("the map's positions", points.positions())?,
            classes: device.storage("the map's classes", bytes)?,
            // Read where datasets are counted, which the host does if it does any.
            groups: device.storage("the map's datasets", if on_host { 16 } else { bytes })?,
            marks: device.storage("the map's marks", bytes / 4)?,
            visible: device.storage("the map's list of batches", batches * 4)?,
            slices: uniform("slices", SLICE_STRIDE * MOST_SLICES as u64),
            picture: uniform("picture", size_of::<PictureUniform>() as u64),
            device: device.clone(),
            pipelines: Arc::clone(pipelines),
            points,
            host: on_host.then(Host::default),
            style,
            marks_here: Vec::new(),
            sides: Vec::new(),
            drawn: Vec::new(),
            some_dim: false,
            target: None,
            generation: 0,
            run: None,
            flight: None,
            chunk: if device.computes() { [100_000, 8_000_000] } else { [8_000, 150_000] },
            totals: None,
            picture_share: PICTURE_SHARE,
        };
        scatter.set_classes(classes);
        scatter.set_groups(groups);
        scatter.set_marks(None, false, None);
        device.check()?;
        Ok(scatter)
    }

    /// The points drawn.
    #[must_use]
    pub fn points(&self) -> &Arc<Points> {
        &self.points
    }

    /// The marks as uploaded: for picking and lassos, which take only what is shown.
    #[must_use]
    pub fn marks(&self) -> &[u32] {
        &self.marks_here
    }

    /// Colours by other classes, by row.
    pub fn set_classes(&mut self, classes: &[u8]) {
        let by_slot = self.points.by_slot(classes);
        self.device.write(&self.classes, &by_slot);
        if let Some(host) = &mut self.host {
            host.classes = by_slot;
        }
        self.run = None;
    }

    /// Datasets of the rows: 0 is A, 1 is B.
    pub fn set_groups(&mut self, groups: &[u8]) {
        let by_slot = self.points.by_slot(groups);
        let side = |group: u8| u32::from(group < 2) * u32::from(group + 1);
        self.sides = by_slot
            .par_chunks(16)
            .map(|groups| groups.iter().zip(0..).fold(0, |word, (&group, at)| word | side(group.min(2)) << (2 * at)))
            .collect();
        self.totals = None;
        if self.host.is_none() {
            self.device.write(&self.groups, &by_slot);
        }
        self.run = None;
    }

    /// Which points are shown, dim and hidden: see [`Points::marks`]. Uploads two bits a point.
    pub fn set_marks(&mut self, filter: Option<&Bits>, keep_dim: bool, selection: Option<&Bits>) {
        self.totals = None;
        self.marks_here = self.points.marks(filter, keep_dim, selection);
        let (marks, batches) = (&self.marks_here, self.points.batches().len());
        let counts: Vec<[u8; 2]> = (0..batches)
            .into_par_iter()
            .map(|batch| {
                let mut counts = [0; 2];
                for level in 0..LEVELS {
                    let cell = level * batches + batch;
                    let lanes = marks[cell / 2] >> (cell % 2 * 16) & 0xffff;
                    counts[0] += (lanes & 0x5555).count_ones() as u8;
                    counts[1] += (lanes & 0xaaaa).count_ones() as u8;
                }
                counts
            })
            .collect();
        self.some_dim = counts.iter().any(|count| count[0] > 0);
        self.drawn = counts.into_iter().map(|[dim, shown]| dim + shown).collect();
        self.device.write(&self.marks, bytemuck::cast_slice(&self.marks_here));
        self.run = None;
    }

    /// Other colours, another layer, or classes switched off.
    pub fn set_style(&mut self, style: Style) {
        if style != self.style {
            self.style = style;
            self.totals = None;
            self.run = None;
        }
    }

    /// Does what fits into `budget` for a picture of `width` x `height` pixels and submits it; does not wait. Call it
    /// again in the next frame until [`Progress::complete`].
    ///
    /// # Errors
    /// What the device had to say since the last call, as a sentence.
    pub fn render(&mut self, camera: &Camera, width: u32, height: u32, budget: Duration) -> Result<Progress, GpuError> {
        // A device that was lost says so through `check`.
        let _ = self.device.device.poll(wgpu::PollType::Poll);
        self.device.check()?;
        let size = [width.max(1), height.max(1)];
        let fresh = self.run.as_ref().is_none_or(|run| run.camera != *camera)
            || self.target.as_ref().is_none_or(|target| target.shape.size != size);
        let mut encoder = self.device.encoder();
        if fresh {
            self.start(camera, size, &mut encoder)?;
        }
        let ready = self.land(budget);
        let (Some(run), Some(target)) = (&mut self.run, &self.target) else {
            return Ok(Progress { drawn: 0, total: 0, complete: true });
        };
        if !fresh && (run.done == run.steps && run.shown == run.steps || !ready) {
            return Ok(run.progress());
        }
        let left = u64::from(run.steps - run.done).max(1);
        let fits = |points: f64| ((points / f64::from(run.seen.max(1))) as u64).clamp(1, left) as u32;
        let chunk = self.chunk[usize::from(run.counted)] as f64;
        let mut amount = fits(chunk);
        if run.counted && run.resolves(run.done + amount) {
            amount = fits(chunk * (1.0 - self.picture_share));
        }
        if run.counted
            && let Some(host) = &mut self.host
        {
            let started = Instant::now();
            let slices = run.take(amount, &self.style, self.points.batches().len() as u32, [target.shape.planes; 2]);
            host.count(&self.points, &self.style, [&self.marks_here, &self.sides], &run.view, &slices);
            let counted = started.elapsed().as_secs_f64();
            if run.resolves(run.done) {
                let of = || totals(&self.marks_here, &self.sides, self.style.layer);
                let totals = *self.totals.get_or_insert_with(of);
                let exposure = Exposure { factor: run.steps as f32 / run.done as f32, totals };
                host.paint(&self.device, &self.style, &exposure, target);
                run.shown = run.done;
                let share = (started.elapsed().as_secs_f64() - counted) / (budget.as_secs_f64() * 0.8);
                self.picture_share += 0.5 * (share.clamp(0.05, 0.9) - self.picture_share);
            }
            let points = u64::from(run.seen) * u64::from(amount);
            let fits = (points as f64 / counted.max(1e-6) * budget.as_secs_f64() * 0.8) as u64;
            let chunk = &mut self.chunk[1];
            *chunk = fits.clamp(*chunk / 2, *chunk * 4).max(4_000);
            return Ok(run.progress());
        }
        let planes = [target.shape.planes, target.shape.slots];
        let slices = run.take(amount, &self.style, self.points.batches().len() as u32, planes);
        let mut bytes = vec![0_u8; SLICE_STRIDE as usize * slices.len()];
        for (to, slice) in bytes.chunks_mut(SLICE_STRIDE as usize).zip(&slices) {
            to[..size_of::<Slice>()].copy_from_slice(bytemuck::bytes_of(slice));
        }
        self.device.queue.write_buffer(&self.slices, 0, &bytes);
        let resolves = run.resolves(run.done);
        if resolves {
            let exposure = Exposure {
                factor: run.steps as f32 / run.done as f32,
                totals: *self.totals.get_or_insert_with(|| totals(&self.marks_here, &self.sides, self.style.layer)),
            };
            let picture = PictureUniform::new(&self.style, &exposure, &target.shape);
            self.device.queue.write_buffer(&self.picture, 0, bytemuck::bytes_of(&picture));
        }
        let kit = Kit { device: &self.device, pipelines: &self.pipelines, target, picture: &self.picture };
        let classes = if self.style.layer == Layer::Ratio { &self.groups } else { &self.classes };
        let map = [&self.batches, &self.visible, &self.positions, classes, &self.marks];
        if run.counted {
            kit.count(&mut encoder, &self.slices, map, &slices);
            if resolves {
                kit.resolve(&mut encoder, self.style.layer, self.some_dim);
            }
        } else {
            kit.quads(&mut encoder, &self.slices, map, &slices, run.shown == 0);
        }
        if resolves {
            run.shown = run.done;
        }
        self.device.queue.submit([encoder.finish()]);
        let took = Arc::new(AtomicU64::new(0));
        let slot = Arc::clone(&took);
        let submitted = Instant::now();
        self.device.queue.on_submitted_work_done(move || {
            slot.store((submitted.elapsed().as_nanos() as u64).max(1), Ordering::Release);
        });
        let points = u64::from(run.seen) * u64::from(amount);
        self.flight = Some(Flight { points, resolved: run.counted && resolves, submitted, took, late: false });
        Ok(run.progress())
    }

    /// Waits for what was submitted: tests, benches and screenshots do, windows never.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub fn wait(&mut self, budget: Duration) -> Result<(), GpuError> {
        self.device.wait()?;
        if let (Some(flight), Some(run)) = (self.flight.take(), &self.run) {
            let seconds = flight.took.load(Ordering::Acquire).max(1) as f64 * 1e-9;
            let chunk = &mut self.chunk[usize::from(run.counted)];
            // Four fifths of the budget, and never more than four times what is known to work.
            let budget = budget.as_secs_f64() * 0.8;
            if flight.resolved {
                let share = (seconds / budget - flight.points as f64 / *chunk as f64).clamp(0.05, 0.9);
                self.picture_share += 0.5 * (share - self.picture_share);
                // Maps that are whole in a frame or two never count without making colours.
                if seconds < 0.5 * budget {
                    *chunk += *chunk / 2;
                }
            } else {
                let fits = flight.points as f64 / seconds * budget;
                *chunk = (fits as u64).clamp(*chunk / 2, *chunk * 4).max(4_000);
            }
        }
        Ok(())
    }

    /// Draws the whole picture and waits for it.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub fn finish(&mut self, camera: &Camera, width: u32, height: u32) -> Result<(), GpuError> {
        // Dispatches stay short, or a driver may take them for hung.
        let budget = Duration::from_millis(50);
        while !self.render(camera, width, height, budget)?.complete {
            self.wait(budget)?;
        }
        self.wait(budget)
    }

    /// The texture last drawn into. `None` before the first [`Scatter::render`].
    #[must_use]
    pub fn texture(&self) -> Option<Texture<'_>> {
        self.target.as_ref().map(|Target { shape, view, .. }| {
            let share = |axis: usize| shape.size[axis] as f32 / (shape.texture[axis] * shape.step) as f32;
            Texture { view, generation: self.generation, coarse: shape.step > 1, share: [share(0), share(1)] }
        })
    }

    /// The texture's pixels, premultiplied RGBA, rows from the top, with its width and height: of a coarse one those of
    /// the picture over its step.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub fn read_back(&self) -> Result<(u32, u32, Vec<[u8; 4]>), GpuError> {
        let Some(target) = &self.target else { return Ok((0, 0, Vec::new())) };
        let [width, height] = target.shape.texture;
        let stride = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let staging = self.device.staging(u64::from(stride) * u64::from(height))?;
        let mut encoder = self.device.encoder();
        encoder.copy_texture_to_buffer(
            target.texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &staging,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(stride),
                    rows_per_image: Some(height),
                },
            },
            wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        );
        self.device.queue.submit([encoder.finish()]);
        let pixels = self.device.map(&staging, |view| {
            view.chunks_exact(stride as usize)
                .flat_map(|row| row[..width as usize * 4].as_chunks::<4>().0.iter().copied())
                .collect()
        })?;
        Ok((width, height, pixels))
    }

    /// The counters of the present picture; `None` where its points are drawn one by one.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub fn counts(&self) -> Result<Option<Counts>, GpuError> {
        let (Some(target), Some(run)) = (&self.target, &self.run) else { return Ok(None) };
        if !run.counted {
            return Ok(None);
        }
        if let Some(host) = &self.host {
            return Ok(host.counts());
        }
        let Shape { cells: [width, height], planes, slots, .. } = target.shape;
        let (planes, slots) = (planes as usize, slots as usize);
        let places = width as usize * height as usize;
        let there: Vec<u32> = self.device.read(&target.counts, (places * slots * 4) as u64)?;
        let peak: Vec<u32> = self.device.read(&target.peak, 4)?;
        // Side by side there, plane after plane here; without dim points there is no plane of them.
        let mut counts = vec![0; places * (planes + 1)];
        for (place, from) in there.chunks_exact(slots).enumerate() {
            for (plane, &count) in from.iter().enumerate() {
                counts[plane * places + place] = count;
            }
        }
        Ok(Some(Counts { width, height, planes, counts, peak: peak[0] }))
    }

    /// Bytes held for the points, here and on the device; pictures not counted.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let here = self.points.bytes() + (self.marks_here.len() + self.sides.len()) * 4 + self.drawn.len();
        let there = [&self.batches, &self.positions, &self.classes, &self.groups, &self.marks, &self.visible];
        let host = self.host.as_ref().map_or(0, |host| host.classes.len() as u64);
        here as u64 + host + there.iter().map(|buffer| buffer.size()).sum::<u64>()
    }

    /// What the frame before says about this one's size. False if it is still under way.
    fn land(&mut self, budget: Duration) -> bool {
        let (Some(flight), Some(run)) = (&mut self.flight, &self.run) else { return true };
        let chunk = &mut self.chunk[usize::from(run.counted)];
        let took = flight.took.load(Ordering::Acquire);
        if took == 0 {
            if !flight.late && flight.submitted.elapsed() > budget {
                flight.late = true;
                *chunk = (*chunk / 2).max(4_000);
            }
            return false;
        }
        // The time was taken when somebody asked, so it is at least that fast.
        if !flight.late && flight.points >= *chunk / 2 {
            let at_least = flight.points as f64 / took as f64 * 1e9 * budget.as_secs_f64() * 0.8;
            *chunk = (*chunk + *chunk / 4).max((at_least as u64).min(*chunk * 4));
        }
        self.flight = None;
        true
    }

    /// Begins a picture: what is seen, how it is drawn, empty counters.
    fn start(
        &mut self,
        camera: &Camera,
        [width, height]: [u32; 2],
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<(), GpuError> {
        let view = self.points.view(camera, width, height);
        let radius = self.style.radius.max(0.5);
        let mut visible = self.points.visible(&view, radius + 1.0);
        let total = visible.iter().map(|&batch| u64::from(self.drawn[batch as usize])).sum();
        let few = if self.device.computes() { FEW } else { FEW_IN_SOFTWARE };
        let counted = self.style.layer != Layer::Classes || total > few;
        let most = if self.device.computes() { MOST_COUNTER_BYTES } else { MOST_COUNTER_BYTES_IN_SOFTWARE };
        let most = most.min(self.device.largest_binding());
        let mut grain = self.style.grain(width, height, most);
        if self.style.layer == Layer::Density {
            // Single pixels of a sparse map cannot be seen.
            grain = grain.max(if total < FEW / 10 {
                4
            } else if total < FEW * 4 {
                2
            } else {
                1
            });
        }
        let grain = if counted { grain } else { 1 };
        // Colours of places are made once a place; what is blurred needs no more pixels than half as many.
        let step = match self.style.layer {
            Layer::Ratio if counted && grain % 2 == 0 => grain / 2,
            Layer::Ratio if counted => 1,
            _ => grain,
        };
        let planes = self.style.ink_planes() as u32;
        let of = |pixels: u32| [width.div_ceil(pixels), height.div_ceil(pixels)];
        let slots = planes + u32::from(self.some_dim);
        let shape = Shape { size: [width, height], grain, cells: of(grain), step, texture: of(step), planes, slots };
        let before = self.target.as_ref().map(|target| target.shape);
        if before.is_none_or(|before| (before.texture, before.step) != (shape.texture, shape.step)) {
            self.generation += 1;
        }
        let on_host = counted && self.host.is_some();
        let target = Target::new(&self.device, self.target.take(), shape, counted && !on_host, self.style.layer)?;
        let target = &*self.target.insert(target);
        let view = if counted {
            View { scale: view.scale / grain as f32, width: shape.cells[0], height: shape.cells[1], ..view }
        } else {
            view
        };
        // Batches with nothing to draw cost as much as others.
        visible.retain(|&batch| self.drawn[batch as usize] > 0);
        let seen = visible.len() as u32;
        if !visible.is_empty() && !on_host {
            self.device.queue.write_buffer(&self.visible, 0, bytemuck::cast_slice(&visible));
        }
        if let Some(host) = &mut self.host
            && counted
        {
            host.start(&view, planes as usize, visible);
        } else if counted {
            encoder.clear_buffer(&target.counts, 0, None);
            encoder.clear_buffer(&target.peak, 0, None);
        }
        let steps = if !counted && self.some_dim { 2 * STEPS } else { STEPS };
        self.run = Some(Run { camera: *camera, view, seen, total, counted, steps, done: 0, shown: 0 });
        Ok(())
    }
}
