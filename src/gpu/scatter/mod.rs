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

mod pipelines;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;

pub use self::pipelines::{FORMAT, Pipelines};
use self::pipelines::{PictureUniform, SLICE_STRIDE, Slice};
use super::device::grid;
use super::{Device, GpuError};
use crate::analysis::scatter::points::{self, LANES, LEVELS, mark};
use crate::analysis::scatter::splat::{Counts, Exposure, Layer, Style};
use crate::analysis::scatter::{Bits, Camera, Points, View};

/// Up to this many points in the picture are drawn one by one on a graphics card.
const FEW: u64 = 250_000;
/// The same on a software adapter, which draws a million discs a second.
const FEW_IN_SOFTWARE: u64 = 30_000;
/// An eighth of the batches that are seen makes a phase.
const PHASES: u32 = points::PHASES as u32;
/// Steps of a picture.
const STEPS: u32 = LEVELS as u32 * PHASES;
/// The steps of a counted picture that are samples to look at; the rest is counted in the order of memory.
const SAMPLED: u32 = 2 * PHASES;
/// Most dispatches of a frame: single phases before whole levels, levels, phases after.
const MOST_SLICES: usize = 2 * PHASES as usize;
/// All counters together take no more than this.
const MOST_COUNTER_BYTES: u64 = 256 << 20;

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

/// The texture and the buffers of one picture size.
struct Target {
    size: [u32; 2],
    grain: u32,
    /// Counters across and down.
    cells: [u32; 2],
    planes: u32,
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    counts: wgpu::Buffer,
    peak: wgpu::Buffer,
    half_way: wgpu::Buffer,
    fields: wgpu::Buffer,
}

/// A picture in the making.
struct Run {
    camera: Camera,
    /// In counters where points are counted, in pixels where they are drawn.
    view: View,
    seen: u32,
    total: u64,
    counted: bool,
    /// Steps to do: twice [`STEPS`] where dim discs go first.
    steps: u32,
    done: u32,
    /// Steps in the texture.
    shown: u32,
}

/// What the last submitted frame took.
struct Flight {
    points: u64,
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
            groups: device.storage("the map's datasets", bytes)?,
            marks: device.storage("the map's marks", bytes / 4)?,
            visible: device.storage("the map's list of batches", batches * 4)?,
            slices: uniform("slices", SLICE_STRIDE * MOST_SLICES as u64),
            picture: uniform("picture", size_of::<PictureUniform>() as u64),
            device: device.clone(),
            pipelines: Arc::clone(pipelines),
            points,
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
        self.device.write(&self.classes, &self.points.by_slot(classes));
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
        self.device.write(&self.groups, &by_slot);
        self.run = None;
    }

    /// Which points are shown, dim and hidden: see [`Points::marks`]. Uploads two bits a point.
    pub fn set_marks(&mut self, filter: Option<&Bits>, keep_dim: bool, selection: Option<&Bits>) {
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
            || self.target.as_ref().is_none_or(|target| target.size != size);
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
        let chunk = self.chunk[usize::from(run.counted)];
        let amount = (chunk / u64::from(run.seen.max(1))).clamp(1, u64::from(run.steps - run.done).max(1)) as u32;
        let slices = run.take(amount, &self.style, self.points.batches().len() as u32, target.planes);
        let mut bytes = vec![0_u8; SLICE_STRIDE as usize * slices.len()];
        for (to, slice) in bytes.chunks_mut(SLICE_STRIDE as usize).zip(&slices) {
            to[..size_of::<Slice>()].copy_from_slice(bytemuck::bytes_of(slice));
        }
        self.device.queue.write_buffer(&self.slices, 0, &bytes);
        // A sample that has not doubled looks the same; past the samples some places are ahead of others.
        let complete = run.done == run.steps;
        let resolves = !run.counted || complete || run.shown == 0 || run.done >= 2 * run.shown && run.done <= SAMPLED;
        if resolves {
            let exposure = Exposure {
                factor: run.steps as f32 / run.done as f32,
                totals: totals(&self.marks_here, &self.sides, self.style.layer),
            };
            let picture = PictureUniform::new(&self.style, &exposure, target.size, target.cells, target.grain);
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
        self.flight = Some(Flight { points, submitted, took, late: false });
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
            let fits = flight.points as f64 / seconds * budget.as_secs_f64() * 0.8;
            *chunk = (fits as u64).clamp(*chunk / 2, *chunk * 4).max(4_000);
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

    /// The texture last drawn into ([`FORMAT`], premultiplied, gamma space), and a number that rises when it is another
    /// one and must be registered anew. `None` before the first [`Scatter::render`].
    #[must_use]
    pub fn texture(&self) -> Option<(&wgpu::TextureView, u64)> {
        self.target.as_ref().map(|target| (&target.view, self.generation))
    }

    /// The texture's pixels, premultiplied RGBA, rows from the top, with its width and height.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub fn read_back(&self) -> Result<(u32, u32, Vec<[u8; 4]>), GpuError> {
        let Some(target) = &self.target else { return Ok((0, 0, Vec::new())) };
        let [width, height] = target.size;
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
        let [width, height] = target.cells;
        let cells = u64::from(width) * u64::from(height);
        let planes = u64::from(target.planes) + u64::from(self.some_dim);
        let mut counts = self.device.read(&target.counts, cells * planes * 4)?;
        // Without dim points nobody clears their plane.
        counts.resize(cells as usize * (target.planes as usize + 1), 0);
        let peak: Vec<u32> = self.device.read(&target.peak, 4)?;
        Ok(Some(Counts { width, height, planes: target.planes as usize, counts, peak: peak[0] }))
    }

    /// Bytes held for the points, here and on the device; pictures not counted.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let here = self.points.bytes() + (self.marks_here.len() + self.sides.len()) * 4 + self.drawn.len();
        let there = [&self.batches, &self.positions, &self.classes, &self.groups, &self.marks, &self.visible];
        here as u64 + there.iter().map(|buffer| buffer.size()).sum::<u64>()
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
        let most = MOST_COUNTER_BYTES.min(self.device.largest_binding());
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
        let planes = self.style.ink_planes() as u32;
        self.ready([width, height], grain, planes, counted)?;
        let Some(target) = &self.target else { return Ok(()) };
        let view = if counted {
            View { scale: view.scale / grain as f32, width: target.cells[0], height: target.cells[1], ..view }
        } else {
            view
        };
        // Batches with nothing to draw cost as much as others.
        visible.retain(|&batch| self.drawn[batch as usize] > 0);
        if !visible.is_empty() {
            self.device.queue.write_buffer(&self.visible, 0, bytemuck::cast_slice(&visible));
        }
        if counted {
            let pixels = u64::from(target.cells[0]) * u64::from(target.cells[1]);
            let inks = u64::from(planes) + u64::from(self.some_dim);
            encoder.clear_buffer(&target.counts, 0, Some(pixels * inks * 4));
            encoder.clear_buffer(&target.peak, 0, None);
        }
        let steps = if !counted && self.some_dim { 2 * STEPS } else { STEPS };
        let seen = visible.len() as u32;
        self.run = Some(Run { camera: *camera, view, seen, total, counted, steps, done: 0, shown: 0 });
        Ok(())
    }

    /// Makes texture and counters of the right sizes, or keeps them.
    fn ready(&mut self, size: [u32; 2], grain: u32, planes: u32, counted: bool) -> Result<(), GpuError> {
        let cells = [size[0].div_ceil(grain), size[1].div_ceil(grain)];
        let pixels = u64::from(cells[0]) * u64::from(cells[1]);
        let counter_bytes = if counted { pixels * u64::from(planes + 1) * 4 } else { 16 };
        let field_bytes = if counted && self.style.layer == Layer::Ratio { pixels * 2 * 4 } else { 16 };
        let old = self.target.take();
        let device = &self.device;
        let keep = |buffer: Option<wgpu::Buffer>, what: &'static str, bytes: u64| match buffer {
            Some(buffer) if buffer.size() == bytes.max(16) => Ok(buffer),
            _ => device.storage(what, bytes),
        };
        let (texture, view, old) = match old {
            Some(old) if old.size == size => (old.texture, old.view, Some((old.counts, old.half_way, old.fields))),
            old => {
                let limit = device.device.limits().max_texture_dimension_2d;
                if size[0] > limit || size[1] > limit {
                    let needed = u64::from(size[0].max(size[1])) * 4;
                    return Err(GpuError::TooLarge {
                        what: "a row of the picture",
                        needed,
                        allowed: u64::from(limit) * 4,
                    });
                }
                let texture = device.device.create_texture(&wgpu::TextureDescriptor {
                    label: Some("map"),
                    size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
                    mip_level_count: 1,
                    sample_count: 1,
                    dimension: wgpu::TextureDimension::D2,
                    format: FORMAT,
                    usage: wgpu::TextureUsages::RENDER_ATTACHMENT
                        | wgpu::TextureUsages::TEXTURE_BINDING
                        | wgpu::TextureUsages::COPY_SRC,
                    view_formats: &[],
                });
                let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
                self.generation += 1;
                (texture, view, old.map(|old| (old.counts, old.half_way, old.fields)))
            }
        };
        let (counts, half_way, fields) = match old {
            Some((counts, half_way, fields)) => (Some(counts), Some(half_way), Some(fields)),
            None => (None, None, None),
        };
        self.target = Some(Target {
            size,
            grain,
            cells,
            planes,
            texture,
            view,
            counts: keep(counts, "the picture's counters", counter_bytes)?,
            peak: device.storage("the largest count", 4)?,
            half_way: keep(half_way, "the picture's fields", field_bytes)?,
            fields: keep(fields, "the picture's fields", field_bytes)?,
        });
        Ok(())
    }
}

impl Run {
    fn progress(&self) -> Progress {
        let complete = self.done == self.steps && self.shown == self.steps;
        Progress { drawn: self.total * u64::from(self.done) / u64::from(self.steps), total: self.total, complete }
    }

    /// The next `amount` steps as dispatches: single phases up to a whole level, whole levels, single phases, the rest.
    fn take(&mut self, amount: u32, style: &Style, batches: u32, planes: u32) -> Vec<Slice> {
        let plane_map = style.plane_map();
        let (rows, _) = plane_map.as_chunks::<16>();
        let part = |part: u32, of: u32| (u64::from(self.seen) * u64::from(part) / u64::from(of)) as u32;
        let mut slices = Vec::new();
        let end = (self.done + amount).min(self.steps);
        while self.done < end && slices.len() < MOST_SLICES {
            let left = end - self.done;
            // Dim discs are the first round of two.
            let round = self.done / STEPS;
            let at = self.done % STEPS;
            let (level, phase) = (at / PHASES, at % PHASES);
            let (levels, range, taken) = if self.counted && at >= SAMPLED {
                // The rest, batch by batch: all its points fall into few counters, which stay in the cache.
                let (tail, taken) = (STEPS - SAMPLED, left.min(STEPS - at));
                let range = part(at - SAMPLED, tail)..part(at - SAMPLED + taken, tail);
                (SAMPLED / PHASES..LEVELS as u32, range, taken)
            } else if phase == 0 && left >= PHASES {
                let most = if self.counted { SAMPLED / PHASES } else { LEVELS as u32 };
                let levels = (left / PHASES).min(most - level);
                (level..level + levels, 0..self.seen, levels * PHASES)
            } else {
                (level..level + 1, part(phase, PHASES)..part(phase + 1, PHASES), 1)
            };
            let dim = self.steps > STEPS && round == 0;
            slices.push(Slice {
                origin: self.view.origin,
                scale: self.view.scale,
                width: self.view.width,
                height: self.view.height,
                planes,
                batches,
                seen: self.seen,
                first: range.start,
                end: range.end,
                level: levels.start,
                level_end: levels.end,
                mark: if dim { mark::DIM } else { mark::SHOWN },
                radius: style.radius.max(0.5),
                padding: [0; 2],
                plane_of: std::array::from_fn(|row| rows[row]),
            });
            self.done += taken;
        }
        slices
    }
}

/// Points of dataset A and B that are shown, in the whole map.
fn totals(marks: &[u32], sides: &[u32], layer: Layer) -> [f32; 2] {
    if layer != Layer::Ratio {
        return [0.0; 2];
    }
    let count = |side: u32| -> u32 {
        marks
            .par_iter()
            .zip(sides)
            .map(|(marks, sides)| ((marks >> 1) & (sides >> side) & 0x5555_5555).count_ones())
            .sum()
    };
    [count(0) as f32, count(1) as f32]
}

/// What the passes of a frame share.
struct Kit<'a> {
    device: &'a Device,
    pipelines: &'a Pipelines,
    target: &'a Target,
    picture: &'a wgpu::Buffer,
}

impl Kit<'_> {
    fn bind(&self, layout: &wgpu::BindGroupLayout, entries: &[(u32, wgpu::BindingResource<'_>)]) -> wgpu::BindGroup {
        let entries: Vec<wgpu::BindGroupEntry<'_>> = entries
            .iter()
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding: *binding, resource: resource.clone() })
            .collect();
        self.device.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
    }

    fn map<'b>(slices: &'b wgpu::Buffer, map: [&'b wgpu::Buffer; 5]) -> Vec<(u32, wgpu::BindingResource<'b>)> {
        let slice = wgpu::BufferBinding {
            buffer: slices,
            offset: 0,
            size: std::num::NonZeroU64::new(size_of::<Slice>() as u64),
        };
        std::iter::once(wgpu::BindingResource::Buffer(slice))
            .chain(map.into_iter().map(wgpu::Buffer::as_entire_binding))
            .zip(0..)
            .map(|(resource, binding)| (binding, resource))
            .collect()
    }

    fn count(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        buffer: &wgpu::Buffer,
        map: [&wgpu::Buffer; 5],
        slices: &[Slice],
    ) {
        let mut entries = Self::map(buffer, map);
        entries.push((6, self.target.counts.as_entire_binding()));
        entries.push((7, self.target.peak.as_entire_binding()));
        let group = self.bind(&self.pipelines.splat_layout, &entries);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&self.pipelines.splat);
        for (slice, offset) in slices.iter().zip((0..).step_by(SLICE_STRIDE as usize)) {
            let share = u64::from(slice.end - slice.first);
            if share > 0 {
                let (x, y) = grid((share * LANES as u64).div_ceil(256));
                pass.set_bind_group(0, &group, &[offset]);
                pass.dispatch_workgroups(x, y, 1);
            }
        }
    }

    fn resolve(&self, encoder: &mut wgpu::CommandEncoder, layer: Layer, with_dim: bool) {
        let target = self.target;
        let picture = || self.picture.as_entire_binding();
        if layer == Layer::Ratio {
            let (x, y) = (&self.pipelines.along_x, &self.pipelines.along_y);
            let half_way = || target.half_way.as_entire_binding();
            let first = self.bind(
                &x.get_bind_group_layout(0),
                &[(0, picture()), (1, target.counts.as_entire_binding()), (2, half_way())],
            );
            let second = self.bind(
                &y.get_bind_group_layout(0),
                &[(0, picture()), (2, half_way()), (3, target.fields.as_entire_binding())],
            );
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for (pipeline, group) in [(x, first), (y, second)] {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.dispatch_workgroups((target.cells[0] * target.cells[1]).div_ceil(64), 1, 2);
            }
        }
        let pipeline = self.pipelines.resolve(self.device, layer, with_dim);
        let entries = [
            (0, picture()),
            (1, target.counts.as_entire_binding()),
            (2, target.peak.as_entire_binding()),
            (3, target.fields.as_entire_binding()),
        ];
        // A layout holds what its layer reads.
        let group = self.bind(&pipeline.get_bind_group_layout(0), &entries);
        let mut pass = self.draw(encoder, true);
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.draw(0..3, 0..1);
    }

    fn quads(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        buffer: &wgpu::Buffer,
        map: [&wgpu::Buffer; 5],
        slices: &[Slice],
        first: bool,
    ) {
        let mut entries = Self::map(buffer, map);
        entries.push((6, self.picture.as_entire_binding()));
        let group = self.bind(&self.pipelines.quads_layout, &entries);
        let mut pass = self.draw(encoder, first);
        pass.set_pipeline(&self.pipelines.quads);
        for (slice, offset) in slices.iter().zip((0..).step_by(SLICE_STRIDE as usize)) {
            let share = slice.end - slice.first;
            if share > 0 {
                pass.set_bind_group(0, &group, &[offset]);
                pass.draw(0..4, 0..share * LANES as u32 * (slice.level_end - slice.level));
            }
        }
    }

    fn draw(&self, encoder: &mut wgpu::CommandEncoder, clear: bool) -> wgpu::RenderPass<'static> {
        let load = if clear { wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT) } else { wgpu::LoadOp::Load };
        encoder
            .begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("map"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &self.target.view,
                    resolve_target: None,
                    ops: wgpu::Operations { load, store: wgpu::StoreOp::Store },
                    depth_slice: None,
                })],
                ..wgpu::RenderPassDescriptor::default()
            })
            .forget_lifetime()
    }
}
