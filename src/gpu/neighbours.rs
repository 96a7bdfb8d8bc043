//! Exact nearest neighbours on a graphics card: `shaders/neighbours.wgsl`, the twin of `analysis::neighbours`' exact
//! search.
//!
//! How it works: prepared rows are uploaded in chunks that fit a binding. Every chunk of queries meets every chunk of
//! candidates, in dispatches of a few milliseconds each so that a window beside it stays smooth; a query's list of the
//! nearest stays on the card meanwhile. The lists are a little longer than asked for; the processor settles their order
//! by sums of (x - y)^2, so the answer is the twin's, ties by number included.

use super::device::grid;
use super::{Device, GpuError};
use crate::analysis::linear::Rows;
use crate::analysis::neighbours::{Metric, Neighbours, Prepared};
use crate::base::CancelToken;

/// Queries and candidates of a tile.
const TILE: usize = 64;
/// Rows are padded to a multiple of this many values.
const DEPTH: usize = 16;
/// Neighbours kept beyond those asked for: products are exact to rounding only.
const SPARE: usize = 16;
/// A chunk of rows takes no more than this.
const CHUNK_BYTES: u64 = 64 << 20;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Work {
    query_tile: u32,
    query_tiles: u32,
    query_base: u32,
    tile: u32,
    tile_end: u32,
    base: u32,
    candidates: u32,
    quads: u32,
    kept: u32,
    fresh: u32,
    padding: [u32; 2],
}

struct Chunk {
    base: usize,
    rows: usize,
    values: wgpu::Buffer,
    halves: wgpu::Buffer,
}

/// The `k` nearest rows of every row, the row itself first: what `analysis::neighbours::find` gives up to its
/// `exact_rows`. `done` is called with the share of the work that is done, from 0 to 1.
///
/// # Errors
/// [`GpuError::Cancelled`] on request; what the device had to say; a row or list that passes the adapter's limits.
pub fn search(
    device: &Device,
    rows: &Rows,
    k: usize,
    metric: Metric,
    cancel: &CancelToken,
    done: impl FnMut(f64),
) -> Result<Neighbours, GpuError> {
    let chunk = CHUNK_BYTES.min(device.largest_binding());
    run(device, &kernel(device, include_str!("../../shaders/neighbours.wgsl")), rows, k, metric, chunk, cancel, done)
}

fn kernel(device: &Device, text: &str) -> wgpu::ComputePipeline {
    device.kernel(&device.shader("neighbours", text), "nearest")
}

#[expect(
    clippy::too_many_arguments,
    reason = "the search's arguments, and what tests change: the kernel and the chunks"
)]
fn run(
    device: &Device,
    kernel: &wgpu::ComputePipeline,
    rows: &Rows,
    k: usize,
    metric: Metric,
    chunk_bytes: u64,
    cancel: &CancelToken,
    mut done: impl FnMut(f64),
) -> Result<Neighbours, GpuError> {
    let space = Prepared::new(rows, metric);
    let (n, k) = (space.len(), k.min(space.len()));
    if k <= 1 {
        return Ok(space.settle(&[], 0, k));
    }
    let kept = (k - 1 + SPARE).min(n - 1);
    let depth = space.dim().next_multiple_of(DEPTH).max(DEPTH);
    let row_bytes = (depth * 4).max(kept * 4) as u64;
    let chunk_rows = (chunk_bytes / row_bytes) as usize / TILE * TILE;
    if chunk_rows == 0 {
        let needed = row_bytes * TILE as u64;
        return Err(GpuError::TooLarge { what: "a tile of rows", needed, allowed: chunk_bytes });
    }
    let chunk_rows = chunk_rows.min(n.next_multiple_of(TILE));
    let mut chunks = Vec::new();
    for base in (0..n).step_by(chunk_rows) {
        cancel.check()?;
        let rows = chunk_rows.min(n - base);
        let padded = rows.next_multiple_of(TILE);
        let mut values = vec![0.0_f32; padded * depth];
        for (to, row) in values.chunks_mut(depth).zip(base..base + rows) {
            to[..space.dim()].copy_from_slice(space.row(row));
        }
        let mut halves = space.halves()[base..base + rows].to_vec();
        halves.resize(padded, 0.0);
        chunks.push(Chunk {
            base,
            rows,
            values: device.upload("rows", &values)?,
            halves: device.upload("lengths of rows", &halves)?,
        });
    }
    let layout = kernel.get_bind_group_layout(0);
    let lists = (chunk_rows * kept * 4) as u64;
    let scores = device.storage("scores", lists)?;
    let numbers = device.storage("neighbours", lists)?;

    // A few milliseconds: a card does 10^12 operations in a second at the very least, a software adapter 10^9.
    let most: u64 = if device.computes() { 5_000_000_000 } else { 20_000_000 };
    let tile_cost = (2 * TILE * TILE * depth) as u64;
    let query_step = (most / tile_cost).clamp(1, 16_384) as usize;
    let all = (n.div_ceil(TILE) as f64).powi(2);
    let mut passed = 0.0;
    let mut answer = vec![u32::MAX; n * kept];
    for queries in &chunks {
        let query_tiles = queries.rows.div_ceil(TILE);
        for first in (0..query_tiles).step_by(query_step) {
            let count = query_step.min(query_tiles - first);
            let tile_step = (most / (tile_cost * count as u64)).max(1) as usize;
            for (number, candidates) in chunks.iter().enumerate() {
                let tiles = candidates.rows.div_ceil(TILE);
                for tile in (0..tiles).step_by(tile_step) {
                    cancel.check()?;
                    let tile_end = tiles.min(tile + tile_step);
                    let work = Work {
                        query_tile: first as u32,
                        query_tiles: count as u32,
                        query_base: queries.base as u32,
                        tile: tile as u32,
                        tile_end: tile_end as u32,
                        base: candidates.base as u32,
                        candidates: candidates.rows as u32,
                        quads: (depth / 4) as u32,
                        kept: kept as u32,
                        fresh: u32::from(number == 0 && tile == 0),
                        padding: [0; 2],
                    };
                    let uniform = device.uniform("work", &work);
                    let group = device.bind(
                        &layout,
                        &[&uniform, &queries.values, &candidates.values, &candidates.halves, &scores, &numbers],
                    );
                    let mut encoder = device.encoder();
                    {
                        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                        pass.set_pipeline(kernel);
                        pass.set_bind_group(0, &group, &[]);
                        let (x, y) = grid(count as u64);
                        pass.dispatch_workgroups(x, y, 1);
                    }
                    // One at a time: a picture of the window finds its place between two of them.
                    device.queue.submit([encoder.finish()]);
                    device.wait()?;
                    passed += (count * (tile_end - tile)) as f64;
                    done(passed / all);
                }
            }
        }
        let list: Vec<u32> = device.read(&numbers, (queries.rows * kept * 4) as u64)?;
        answer[queries.base * kept..(queries.base + queries.rows) * kept].copy_from_slice(&list);
    }
    Ok(space.settle(&answer, kept, k))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::neighbours::{Search, find};

    const TEXT: &str = include_str!("../../shaders/neighbours.wgsl");

    fn values(rows: usize, dim: usize) -> Vec<f32> {
        let mut state = 5_u64;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        (0..rows * dim).map(|at| next() + ((at / dim) % 4) as f32).collect()
    }

    type Kernel = wgpu::ComputePipeline;

    fn compare(device: &Device, by: &Kernel, values: &[f32], dim: usize, k: usize, metric: Metric, chunk: u64) -> bool {
        let rows = Rows::finite(values, dim);
        let cancel = CancelToken::default();
        let mut last = 0.0;
        let found = run(device, by, &rows, k, metric, chunk, &cancel, |share| last = share).unwrap();
        assert!(k.min(rows.len()) <= 1 || last == 1.0, "{last}");
        let (expect, _) = find(&rows, &Search { k, metric, ..Search::default() }, &cancel).unwrap();
        found == expect
    }

    #[test]
    fn neighbours_equal_the_twins() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        let by = kernel(&device, TEXT);
        let check = |name: &str, values: &[f32], dim: usize, k: usize, chunk: u64| {
            for metric in [Metric::Euclidean, Metric::Cosine] {
                assert!(compare(&device, &by, values, dim, k, metric, chunk), "{name}: {metric}");
            }
        };
        check("several tiles", &values(300, 20), 20, 15, 1 << 20);
        check("several chunks", &values(300, 20), 20, 15, 64 * 32 * 4);
        check("one dimension", &values(130, 1), 1, 5, 1 << 20);
        check("long rows", &values(70, 257), 257, 4, 1 << 20);
        check("fewer rows than k", &values(6, 3), 3, 15, 1 << 20);
        check("two rows", &values(2, 3), 3, 2, 1 << 20);
        check("one row", &values(1, 3), 3, 5, 1 << 20);
        check("no rows", &[], 3, 5, 1 << 20);
        check("all equal", &vec![0.5; 200 * 4], 4, 6, 1 << 20);
        let mut twice = values(90, 8);
        twice.extend(values(90, 8));
        check("duplicates", &twice, 8, 7, 1 << 20);
        let mut zeros = values(80, 5);
        zeros[100..150].fill(0.0);
        zeros[7] = f32::NAN;
        check("rows of zeros and one without a value", &zeros, 5, 6, 1 << 20);
    }

    #[test]
    fn wrong_twins_are_rejected() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        let values = values(200, 20);
        for (from, to) in [
            ("halves[place] - left", "halves[place] + left"),
            ("halves[place] -", "0.9 * halves[place] -"),
            ("step += 4u", "step += 8u"),
            ("column < 16u", "column < 15u"),
            ("scores[list + at - 1u] > score", "scores[list + at - 1u] < score"),
            ("part < 4u", "part < 3u"),
        ] {
            let text = TEXT.replacen(from, to, 1);
            assert_ne!(text, TEXT, "{from}");
            let by = kernel(&device, &text);
            assert!(!compare(&device, &by, &values, 20, 15, Metric::Euclidean, 1 << 20), "{from} -> {to}");
        }
    }

    #[test]
    fn limits_and_requests_to_stop_are_errors() {
        let device = Device::open().expect("tests need a graphics adapter; a software one will do");
        let values = values(10, 20);
        let rows = Rows::finite(values, 20);
        let cancel = CancelToken::default();
        let result = run(&device, &kernel(&device, TEXT), &rows, 5, Metric::Euclidean, 1000, &cancel, |_| {});
        assert!(matches!(result, Err(GpuError::TooLarge { .. })));
        cancel.cancel();
        let result = search(&device, &rows, 5, Metric::Euclidean, &cancel, |_| {});
        assert!(matches!(result, Err(GpuError::Cancelled(_))));
    }
}
