//! Counting and colours on the processor, for adapters that are software: the twins of the shaders do the work, in the
//! same steps and within the same budget, and the finished picture is copied into the texture.

use super::kit::Target;
use super::pipelines::{Shape, Slice};
use crate::analysis::scatter::splat::{Counted, Counting, Counts, Exposure, Layer, NO_PLANE, Style};
use crate::analysis::scatter::{Points, View};
use crate::gpu::Device;

/// Counters of the present picture, and what the adapter's buffers do not give back.
#[derive(Default)]
pub(super) struct Host {
    /// By slot.
    pub classes: Vec<u8>,
    counting: Option<Counting>,
    /// Numbers of the batches that the picture sees.
    visible: Vec<u32>,
    pixels: Vec<[u8; 4]>,
}

impl Host {
    /// Begins a picture of these batches.
    pub fn start(&mut self, view: &View, planes: usize, visible: Vec<u32>) {
        self.counting = Some(match self.counting.take() {
            Some(counting) => counting.again(view, planes),
            None => Counting::new(view, planes),
        });
        self.visible = visible;
    }

    /// Counts what a frame's slices say. `marks` and `sides` have two bits a slot.
    pub fn count(&self, points: &Points, style: &Style, [marks, sides]: [&[u32]; 2], view: &View, slices: &[Slice]) {
        let Some(counting) = &self.counting else { return };
        let plane_map = &style.plane_map();
        for slice in slices {
            let numbers = &self.visible[slice.first as usize..slice.end as usize];
            let levels = slice.level as usize..slice.level_end as usize;
            if style.layer == Layer::Ratio {
                // 1 is dataset 0, 2 is dataset 1; of others nothing is drawn.
                let class_of = |slot: usize| (sides[slot / 16] >> (slot % 16 * 2) & 3).wrapping_sub(1) as u8;
                let mut plane_map = *plane_map;
                plane_map[255] = NO_PLANE;
                counting.add(&Counted { points, class_of, marks, plane_map: &plane_map }, view, numbers, levels);
            } else {
                let class_of = |slot: usize| self.classes[slot];
                counting.add(&Counted { points, class_of, marks, plane_map }, view, numbers, levels);
            }
        }
    }

    /// What was counted so far of the present picture.
    pub fn counts(&self) -> Option<Counts> {
        self.counting.as_ref().map(Counting::counts)
    }

    /// Makes the picture's colours and copies them into the texture.
    pub fn paint(&mut self, device: &Device, style: &Style, exposure: &Exposure, target: &Target) {
        let Some(counting) = &self.counting else { return };
        let Shape { grain, step, texture: [width, height], .. } = target.shape;
        counting.resolve(style, exposure, grain / step, [width, height], &mut self.pixels);
        device.queue.write_texture(
            target.texture.as_image_copy(),
            self.pixels.as_flattened(),
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(width * 4), rows_per_image: Some(height) },
            wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        );
        // The copy goes out now, not with whatever is submitted next.
        device.queue.submit([]);
    }
}
