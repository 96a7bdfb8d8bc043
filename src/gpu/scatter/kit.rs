//! The texture and the buffers of a picture, and the passes of a frame over them.

use super::pipelines::{FORMAT, Pipelines, SLICE_STRIDE, Shape, Slice};
use crate::analysis::scatter::points::LANES;
use crate::analysis::scatter::splat::Layer;
use crate::gpu::device::grid;
use crate::gpu::{Device, GpuError};

/// The texture and the buffers of one picture size.
pub(super) struct Target {
    pub shape: Shape,
    pub texture: wgpu::Texture,
    pub view: wgpu::TextureView,
    pub counts: wgpu::Buffer,
    pub peak: wgpu::Buffer,
    half_way: wgpu::Buffer,
    fields: wgpu::Buffer,
}

impl Target {
    /// Makes texture and counters of the right sizes, or keeps those of the picture before.
    pub fn new(
        device: &Device,
        old: Option<Self>,
        shape: Shape,
        counted: bool,
        layer: Layer,
    ) -> Result<Self, GpuError> {
        let places = u64::from(shape.cells[0]) * u64::from(shape.cells[1]);
        let counter_bytes = if counted { places * u64::from(shape.slots) * 4 } else { 16 };
        let field_bytes = if counted && layer == Layer::Ratio { places * 2 * 4 } else { 16 };
        let keep = |buffer: Option<wgpu::Buffer>, what: &'static str, bytes: u64| match buffer {
            Some(buffer) if buffer.size() == bytes.next_multiple_of(4).max(16) => Ok(buffer),
            _ => device.storage(what, bytes),
        };
        let (mut drawn, mut buffers) = (None, [None, None, None, None]);
        if let Some(old) = old {
            drawn = (old.shape.texture == shape.texture).then_some((old.texture, old.view));
            buffers = [old.counts, old.peak, old.half_way, old.fields].map(Some);
        }
        let (texture, view) = match drawn {
            Some(drawn) => drawn,
            None => texture(device, shape.texture)?,
        };
        let [counts, peak, half_way, fields] = buffers;
        Ok(Self {
            shape,
            texture,
            view,
            counts: keep(counts, "the picture's counters", counter_bytes)?,
            peak: keep(peak, "the largest count", 4)?,
            half_way: keep(half_way, "the picture's fields", field_bytes)?,
            fields: keep(fields, "the picture's fields", field_bytes)?,
        })
    }
}

fn texture(device: &Device, [width, height]: [u32; 2]) -> Result<(wgpu::Texture, wgpu::TextureView), GpuError> {
    let limit = device.device.limits().max_texture_dimension_2d;
    if width > limit || height > limit {
        let needed = u64::from(width.max(height)) * 4;
        return Err(GpuError::TooLarge { what: "a row of the picture", needed, allowed: u64::from(limit) * 4 });
    }
    let texture = device.device.create_texture(&wgpu::TextureDescriptor {
        label: Some("map"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT
            | wgpu::TextureUsages::TEXTURE_BINDING
            | wgpu::TextureUsages::COPY_SRC
            | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    Ok((texture, view))
}

/// What the passes of a frame share.
pub(super) struct Kit<'a> {
    pub device: &'a Device,
    pub pipelines: &'a Pipelines,
    pub target: &'a Target,
    pub picture: &'a wgpu::Buffer,
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

    pub fn count(
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

    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder, layer: Layer, with_dim: bool) {
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
                pass.dispatch_workgroups((target.shape.cells[0] * target.shape.cells[1]).div_ceil(64), 1, 2);
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

    pub fn quads(
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
