//! The layout's epochs on a graphics card: `shaders/umap.wgsl`, the twin of `analysis::umap::layout`.
//!
//! How it works: the graph lies in memory sub-round by sub-round, so each sub-round has buffers of its own, cut into
//! pieces of whole blocks of vertices where one would pass the adapter's binding limit. An epoch is a dispatch for each
//! sub-round and piece, the two buffers of positions changing places after each sub-round; in one submission, or in
//! several where it takes longer than [`SHORT`], so that frames of a window find their place between. No atomics,
//! a fixed order everywhere: the same bits on every run on one adapter. Another adapter, or the twin, rounds its powers
//! otherwise, and layouts drift apart as those of two seeds do.

use std::num::NonZeroU64;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::device::grid;
use super::{Device, GpuError};
use crate::analysis::umap::layout::BLOCK;
use crate::analysis::umap::{Force, LayoutGraph};

/// What a submission may take; those that take longer are cut in two from then on.
const SHORT: Duration = Duration::from_millis(8);

/// Bytes between two turns in their uniform buffer: a multiple of every adapter's alignment.
const TURN_STRIDE: usize = 256;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Turn {
    a: f32,
    b: f32,
    repulsion: f32,
    negatives: u32,
    seed: u32,
    alpha: f32,
    epoch: u32,
    moment: u32,
    vertices: u32,
    first: u32,
    count: u32,
    padding: u32,
}

/// Vertices of one sub-round.
struct Piece {
    round: u32,
    first: u32,
    count: u32,
    /// Reading from the first buffer of positions and from the second.
    groups: [wgpu::BindGroup; 2],
}

/// A layout on a device between two epochs.
pub struct Epochs {
    device: Device,
    kernel: wgpu::ComputePipeline,
    pieces: Vec<Piece>,
    turns: wgpu::Buffer,
    positions: [wgpu::Buffer; 2],
    /// Which of them holds the positions.
    here: usize,
    force: Force,
    vertices: u32,
    rounds: u32,
    epoch: u32,
    /// Dispatches of a submission.
    at_once: usize,
}

impl Epochs {
    /// Uploads a graph, and positions as they are after `epoch` epochs.
    ///
    /// # Errors
    /// [`GpuError::TooLarge`] where the positions pass the adapter's binding limit (16 million vertices at 128 MiB),
    /// [`GpuError::OutOfMemory`], what else the device had to say.
    ///
    /// # Panics
    /// If there is not one position a vertex.
    pub fn new(
        device: &Device,
        graph: &LayoutGraph,
        force: &Force,
        positions: &[[f32; 2]],
        epoch: u32,
    ) -> Result<Self, GpuError> {
        let text = include_str!("../../shaders/umap.wgsl");
        Self::with_text(device, text, graph, force, positions, epoch, device.largest_binding())
    }

    fn with_text(
        device: &Device,
        text: &str,
        graph: &LayoutGraph,
        force: &Force,
        positions: &[[f32; 2]],
        epoch: u32,
        largest: u64,
    ) -> Result<Self, GpuError> {
        assert_eq!(positions.len(), graph.vertices as usize, "one position a vertex");
        let storage = |binding: u32, read_only: bool| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let mut entries = vec![wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: true,
                min_binding_size: NonZeroU64::new(size_of::<Turn>() as u64),
            },
            count: None,
        }];
        entries.extend((1..=5).map(|binding| storage(binding, binding < 5)));
        let layout = device
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("umap"), entries: &entries });
        let pipeline_layout = device.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("umap"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let kernel = device.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("umap"),
            layout: Some(&pipeline_layout),
            module: &device.shader("umap", text),
            entry_point: Some("sub_round"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });

        let cuts = cuts(graph, largest)?;
        let turns = device.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("turns"),
            size: (cuts.len().max(1) * TURN_STRIDE) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let both = [device.upload("positions", positions)?, device.upload("positions", positions)?];
        let mut pieces = Vec::with_capacity(cuts.len());
        for (round, first, count) in cuts {
            let row = round as usize * graph.vertices as usize + first as usize;
            let rows = &graph.offsets[row..=row + count as usize];
            let begin = rows[0];
            let offsets: Vec<u32> = rows.iter().map(|offset| offset - begin).collect();
            let entries = begin as usize..rows[count as usize] as usize;
            let buffers = [
                device.upload("offsets", &offsets)?,
                device.upload("edges", &graph.others[entries.clone()])?,
                device.upload("rates", &graph.rates[entries])?,
            ];
            let groups = [0, 1].map(|from| {
                let turn =
                    wgpu::BufferBinding { buffer: &turns, offset: 0, size: NonZeroU64::new(size_of::<Turn>() as u64) };
                let all = [&buffers[0], &buffers[1], &buffers[2], &both[from], &both[1 - from]];
                let mut entries =
                    vec![wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(turn) }];
                entries.extend(
                    (1..).zip(all).map(|(binding, buffer)| wgpu::BindGroupEntry {
                        binding,
                        resource: buffer.as_entire_binding(),
                    }),
                );
                device.device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some("umap"),
                    layout: &layout,
                    entries: &entries,
                })
            });
            pieces.push(Piece { round, first, count, groups });
        }
        device.check()?;
        Ok(Self {
            at_once: pieces.len().max(1),
            device: device.clone(),
            kernel,
            pieces,
            turns,
            positions: both,
            here: 0,
            force: *force,
            vertices: graph.vertices,
            rounds: graph.rounds,
            epoch,
        })
    }

    /// Runs up to `epochs` more epochs and waits for them; true while some are left.
    ///
    /// # Errors
    /// What the device had to say; the positions are lost then.
    pub fn step(&mut self, epochs: u32) -> Result<bool, GpuError> {
        let end = self.epoch.saturating_add(epochs).min(self.force.epochs);
        while self.epoch < end {
            self.epoch += 1;
            if self.vertices > 0 {
                self.run(self.epoch)?;
            }
        }
        Ok(self.epoch < self.force.epochs)
    }

    fn run(&mut self, n: u32) -> Result<(), GpuError> {
        let Force { a, b, repulsion, negatives, seed, .. } = self.force;
        let mut bytes = vec![0_u8; self.pieces.len() * TURN_STRIDE];
        for (to, piece) in bytes.chunks_mut(TURN_STRIDE).zip(&self.pieces) {
            let turn = Turn {
                a,
                b,
                repulsion,
                negatives,
                seed,
                alpha: self.force.rate(n),
                epoch: n,
                moment: n.wrapping_mul(self.rounds).wrapping_add(piece.round),
                vertices: self.vertices,
                first: piece.first,
                count: piece.count,
                padding: 0,
            };
            to[..size_of::<Turn>()].copy_from_slice(bytemuck::bytes_of(&turn));
        }
        self.device.queue.write_buffer(&self.turns, 0, &bytes);
        let mut next = 0;
        while next < self.pieces.len() {
            let end = self.pieces.len().min(next + self.at_once);
            let submitted = Instant::now();
            self.submit(next..end);
            self.device.wait()?;
            if submitted.elapsed() > SHORT {
                self.at_once = self.at_once.div_ceil(2);
            }
            next = end;
        }
        self.here = (self.here + self.rounds as usize) % 2;
        Ok(())
    }

    /// Submits some dispatches of an epoch, whose turns are written.
    fn submit(&self, pieces: Range<usize>) {
        let mut encoder = self.device.encoder();
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&self.kernel);
            for number in pieces {
                let piece = &self.pieces[number];
                let from = (self.here + piece.round as usize) % 2;
                pass.set_bind_group(0, &piece.groups[from], &[(number * TURN_STRIDE) as u32]);
                let (x, y) = grid(u64::from(piece.count).div_ceil(BLOCK as u64));
                pass.dispatch_workgroups(x, y, 1);
            }
        }
        self.device.queue.submit([encoder.finish()]);
    }

    /// Epochs that were run, those before the upload included.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The positions, copied back: for [`Umap::take`](crate::analysis::umap::Umap::take).
    ///
    /// # Errors
    /// What the device had to say.
    pub fn positions(&self) -> Result<Vec<[f32; 2]>, GpuError> {
        self.device.read(&self.positions[self.here], u64::from(self.vertices) * 8)
    }
}

/// (sub-round, first vertex, vertices) of each dispatch of an epoch: whole blocks, and no more entries than a binding
/// of `largest` bytes holds.
fn cuts(graph: &LayoutGraph, largest: u64) -> Result<Vec<(u32, u32, u32)>, GpuError> {
    let mut cuts = Vec::new();
    for round in 0..graph.rounds {
        let row = |vertex: u32| round as usize * graph.vertices as usize + vertex as usize;
        let mut first = 0;
        while first < graph.vertices {
            let bytes = |end: u32| {
                let entries = graph.offsets[row(end)] - graph.offsets[row(first)];
                u64::from(entries.max(end - first + 1)) * 4
            };
            let mut end = graph.vertices.min(first + BLOCK as u32);
            if bytes(end) > largest {
                return Err(GpuError::TooLarge { what: "a block of the graph", needed: bytes(end), allowed: largest });
            }
            while end < graph.vertices && bytes(graph.vertices.min(end + BLOCK as u32)) <= largest {
                end = graph.vertices.min(end + BLOCK as u32);
            }
            cuts.push((round, first, end - first));
            first = end;
        }
    }
    Ok(cuts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::umap::layout::{epoch, moved};

    const TEXT: &str = include_str!("../../shaders/umap.wgsl");

    /// Powers differ by some 1e-6 of their value. A coefficient is at most 1,800, of ways of at most 0.05 before it is
    /// cut to 4; a hub sums hundreds of pulls; a later sub-round starts from the differences of those before it. In four
    /// sub-rounds 1e-4 was seen.
    const TOLERANCE: f32 = 1e-3;

    /// A ring with chords and one hub, both directions of every edge, and positions on a spiral.
    fn fixture(vertices: u32, rounds: u32) -> (LayoutGraph, Force, Vec<[f32; 2]>) {
        let mut rows: Vec<Vec<(u32, f32)>> = vec![Vec::new(); vertices as usize];
        let mut join = |a: u32, b: u32, weight: f32| {
            if a != b && !rows[a as usize].iter().any(|&(other, _)| other == b) {
                rows[a as usize].push((b, weight));
                rows[b as usize].push((a, weight));
            }
        };
        for i in 0..vertices {
            for (by, weight) in [(1, 1.0), (2, 0.8), (7, 0.35), (31, 0.05)] {
                join(i, (i + by) % vertices, weight);
            }
            if i % 3 == 0 {
                join(i, 5 % vertices, 0.5);
            }
        }
        let mut offsets = vec![0];
        let (mut others, mut weights) = (Vec::new(), Vec::new());
        for row in &rows {
            others.extend(row.iter().map(|&(other, _)| other));
            weights.extend(row.iter().map(|&(_, weight)| weight));
            offsets.push(others.len() as u32);
        }
        let force = Force { a: 1.577, b: 0.895, repulsion: 1.0, negatives: 5, seed: 7, epochs: 200 };
        let graph = LayoutGraph::new(&offsets, &others, &weights, force.epochs, rounds);
        let positions = (0..vertices)
            .map(|i| {
                let (turn, radius) = (i as f32 * 0.7, 1.0 + 9.0 * i as f32 / vertices as f32);
                [radius * turn.cos(), radius * turn.sin()]
            })
            .collect();
        (graph, force, positions)
    }

    /// The share of vertices further than `tolerance` from where the twin has them.
    fn apart(one: &[[f32; 2]], other: &[[f32; 2]], tolerance: f32) -> f64 {
        let far = one
            .iter()
            .zip(other)
            .filter(|(a, b)| !(((a[0] - b[0]).abs() <= tolerance) && ((a[1] - b[1]).abs() <= tolerance)));
        far.count() as f64 / one.len().max(1) as f64
    }

    fn run(
        device: &Device,
        text: &str,
        vertices: u32,
        rounds: u32,
        n: u32,
        largest: u64,
    ) -> (Vec<[f32; 2]>, Vec<[f32; 2]>) {
        let (graph, force, start) = fixture(vertices, rounds);
        let mut here = Epochs::with_text(device, text, &graph, &force, &start, n - 1, largest).unwrap();
        here.step(1).unwrap();
        assert_eq!(here.epoch(), n);
        let mut twin = start.clone();
        let mut spare = start;
        epoch(&graph, &force, n, &mut twin, &mut spare);
        (here.positions().unwrap(), twin)
    }

    #[test]
    fn an_epoch_equals_the_twins() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        for (vertices, rounds, n, largest) in [
            (700, 1, 3, 1 << 20),
            (700, 1, 3, 20_000),
            (700, 4, 1, 1 << 20),
            (700, 4, 50, 1 << 20),
            (700, 4, 200, 6000),
            (256, 4, 2, 1 << 20),
            (3, 1, 3, 1 << 20),
        ] {
            let (here, twin) = run(&device, TEXT, vertices, rounds, n, largest);
            assert_eq!(apart(&here, &twin, TOLERANCE), 0.0, "{vertices} {rounds} {n}");
        }
        // In sixteen sub-rounds some differences grow on: a vertex beside another is pushed by 1,800 times the way to
        // it, and moves those that draw it. Where most vertices are says whether the schedule is the same.
        let other_draws = TEXT.replacen("747796405u", "747796407u", 1);
        for n in [1, 2, 50, 200] {
            let share = |text: &str| {
                let (here, twin) = run(&device, text, 700, 16, n, 1 << 20);
                // The moves shrink with the learning rate, and the differences with them.
                apart(&here, &twin, 50.0 * TOLERANCE * (1.0 - (n - 1) as f32 / 200.0))
            };
            let (same, other) = (share(TEXT), share(&other_draws));
            assert!(same < 0.6 && same + 0.3 < other, "{n}: {same} of the twin, {other} with other draws");
        }
    }

    #[test]
    fn wrong_twins_are_rejected() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        for (from, to) in [
            ("at - start[other & ~HEAD]", "start[other & ~HEAD] - at"),
            ("747796405u", "747796407u"),
            ("if !due(turn.epoch, rates[e])", "if false"),
            ("(other >> 31u) * turn.negatives", "turn.negatives"),
            ("pool[slot] == i", "false && pool[slot] == i + 1u"),
            ("at += pulled", "at += 0.99 * pulled"),
            ("0.001 + safe", "0.01 + safe"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT, "{from}");
            let (here, twin) = run(&device, &text, 700, 4, 1, 1 << 20);
            assert!(apart(&here, &twin, TOLERANCE) > 0.0, "{from} -> {to} was not noticed");
        }
    }

    #[test]
    fn the_bits_are_the_same_on_every_run_and_over_any_pieces() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        let (graph, force, start) = fixture(700, 4);
        let ran = |largest: u64, steps: &[u32]| {
            let mut epochs = Epochs::with_text(&device, TEXT, &graph, &force, &start, 0, largest).unwrap();
            for &step in steps {
                epochs.step(step).unwrap();
            }
            epochs.positions().unwrap()
        };
        let once = ran(1 << 20, &[12]);
        assert_eq!(once, ran(1 << 20, &[12]));
        assert_eq!(once, ran(6000, &[5, 7]), "pieces and pauses change nothing");
        assert_ne!(once, ran(1 << 20, &[11]));
        assert!(once.iter().flatten().all(|value| value.is_finite()));
    }

    #[test]
    fn a_sub_round_follows_the_contract_vertex_by_vertex() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        let (graph, force, start) = fixture(300, 1);
        let mut here = Epochs::new(&device, &graph, &force, &start, 8).unwrap();
        here.step(1).unwrap();
        for (i, at) in here.positions().unwrap().into_iter().enumerate() {
            let expect = moved(&graph, &force, 9, 0, i as u32, &start);
            assert_eq!(apart(&[at], &[expect], TOLERANCE), 0.0, "{i}: {at:?} {expect:?}");
        }
    }

    #[test]
    fn a_hub_with_thousands_of_neighbours_is_moved_as_the_twins() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        let n = 5001_u32;
        // A star, both directions of every edge.
        let offsets: Vec<u32> = std::iter::once(0).chain((0..n).map(|row| n - 1 + row)).collect();
        let others: Vec<u32> = (1..n).chain((1..n).map(|_| 0)).collect();
        let (_, force, _) = fixture(3, 1);
        let graph = LayoutGraph::new(&offsets, &others, &vec![1.0; others.len()], force.epochs, 1);
        let start: Vec<[f32; 2]> =
            (0..n).map(|i| [(i as f32 * 0.7).cos() * 9.0, (i as f32 * 0.31).sin() * 9.0]).collect();
        let mut here = Epochs::new(&device, &graph, &force, &start, 0).unwrap();
        here.step(1).unwrap();
        let (mut twin, mut spare) = (start.clone(), start.clone());
        epoch(&graph, &force, 1, &mut twin, &mut spare);
        let here = here.positions().unwrap();
        assert_eq!(apart(&here[1..], &twin[1..], TOLERANCE), 0.0);
        // The hub sums 10,000 pulls of up to 4, each off by some 1e-6 of itself.
        assert_eq!(apart(&here[..1], &twin[..1], 0.05), 0.0, "{:?} {:?}", here[0], twin[0]);
        assert!(apart(&here[..1], &start[..1], 1.0) > 0.0, "it was moved");
    }

    #[test]
    fn nothing_to_lay_out_and_nothing_left_to_do() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        let (_, force, _) = fixture(3, 1);
        let graph = LayoutGraph::new(&[0], &[], &[], 200, 4);
        let mut epochs = Epochs::new(&device, &graph, &force, &[], 0).unwrap();
        assert!(epochs.step(1).unwrap());
        assert!(!epochs.step(1000).unwrap());
        assert_eq!((epochs.epoch(), epochs.positions().unwrap()), (200, vec![]));
        let (graph, force, start) = fixture(700, 1);
        let result = Epochs::with_text(&device, TEXT, &graph, &force, &start, 0, 512).map(|_| ());
        assert!(matches!(result, Err(GpuError::TooLarge { .. })), "{result:?}");
    }
}
