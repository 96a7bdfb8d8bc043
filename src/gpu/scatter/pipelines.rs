//! The shaders of the map, compiled once for all maps of a window, and the shapes of what they read.

use std::num::NonZeroU64;

use crate::analysis::scatter::splat::{BLUR_REACH, Exposure, Layer, MOST_PLANES, Style, blur_weights};
use crate::gpu::Device;

/// The picture's format: what egui takes for a texture of one's own.
pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;
/// Bytes between two slices in their uniform buffer: a multiple of every adapter's alignment.
pub(super) const SLICE_STRIDE: u64 = 512;

/// One dispatch's share of a picture; `Slice` of `scatter_splat.wgsl`.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct Slice {
    pub origin: [f32; 2],
    pub scale: f32,
    pub width: u32,
    pub height: u32,
    pub planes: u32,
    pub batches: u32,
    pub seen: u32,
    pub step: u32,
    pub phase: u32,
    pub level: u32,
    pub level_end: u32,
    pub mark: u32,
    pub radius: f32,
    pub padding: [u32; 2],
    pub plane_of: [[u8; 16]; 16],
}

/// How counters become colours; `Picture` of `scatter_resolve.wgsl`.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(super) struct PictureUniform {
    width: u32,
    height: u32,
    across: u32,
    down: u32,
    grain: u32,
    planes: u32,
    layer: u32,
    factor: f32,
    totals: [f32; 2],
    padding: [u32; 2],
    weights: [f32; 8],
    dim: [f32; 4],
    inks: [[f32; 4]; MOST_PLANES],
    ramp: [[f32; 4]; 256],
}

impl PictureUniform {
    pub fn new(style: &Style, exposure: &Exposure, size: [u32; 2], cells: [u32; 2], grain: u32) -> Self {
        let color = |rgb: &[u8; 3]| {
            let [r, g, b] = rgb.map(|value| f32::from(value) / 255.0);
            [r, g, b, 1.0]
        };
        let mut inks = [[0.0; 4]; MOST_PLANES];
        for (to, from) in inks.iter_mut().zip(&style.planes) {
            *to = color(from);
        }
        let mut ramp = [[0.0; 4]; 256];
        for (to, from) in ramp.iter_mut().zip(&style.ramp) {
            *to = color(from);
        }
        let mut weights = [0.0; 8];
        weights[..=BLUR_REACH].copy_from_slice(&blur_weights());
        Self {
            width: size[0],
            height: size[1],
            across: cells[0],
            down: cells[1],
            grain,
            planes: style.ink_planes() as u32,
            layer: match style.layer {
                Layer::Density => 0,
                Layer::Classes => 1,
                Layer::Ratio => 2,
            },
            factor: exposure.factor,
            totals: exposure.totals,
            padding: [0; 2],
            weights,
            dim: color(&style.dim),
            inks,
            ramp,
        }
    }
}

/// The compiled shaders of the map.
pub struct Pipelines {
    pub(super) splat: wgpu::ComputePipeline,
    pub(super) splat_layout: wgpu::BindGroupLayout,
    pub(super) along_x: wgpu::ComputePipeline,
    pub(super) along_y: wgpu::ComputePipeline,
    pub(super) resolve: wgpu::RenderPipeline,
    pub(super) quads: wgpu::RenderPipeline,
    pub(super) quads_layout: wgpu::BindGroupLayout,
}

impl Pipelines {
    /// Compiles them: some tens of milliseconds.
    #[must_use]
    pub fn new(device: &Device) -> Self {
        Self::with_splat(device, include_str!("../../../shaders/scatter_splat.wgsl"))
    }

    /// With another text for counting: tests put a wrong one in.
    pub(super) fn with_splat(device: &Device, splat: &str) -> Self {
        let splat = device.shader("scatter_splat", splat);
        let blur = device.shader("scatter_blur", include_str!("../../../shaders/scatter_blur.wgsl"));
        let resolve = device.shader("scatter_resolve", include_str!("../../../shaders/scatter_resolve.wgsl"));
        let quads = device.shader("scatter_quads", include_str!("../../../shaders/scatter_quads.wgsl"));

        let compute = wgpu::ShaderStages::COMPUTE;
        let mut entries = vec![slice_entry(compute)];
        entries.extend((1..=5).map(|binding| storage_entry(binding, compute, true)));
        entries.extend((6..=7).map(|binding| storage_entry(binding, compute, false)));
        let splat_layout = group_layout(device, &entries);
        let both = wgpu::ShaderStages::VERTEX_FRAGMENT;
        let mut entries = vec![slice_entry(both)];
        entries.extend((1..=5).map(|binding| storage_entry(binding, wgpu::ShaderStages::VERTEX, true)));
        entries.push(wgpu::BindGroupLayoutEntry {
            binding: 6,
            visibility: both,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: false,
                min_binding_size: NonZeroU64::new(size_of::<PictureUniform>() as u64),
            },
            count: None,
        });
        let quads_layout = group_layout(device, &entries);

        let splat = device.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("scatter_splat"),
            layout: Some(&pipeline_layout(device, &splat_layout)),
            module: &splat,
            entry_point: Some("splat"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        Self {
            splat,
            splat_layout,
            along_x: device.kernel(&blur, "along_x"),
            along_y: device.kernel(&blur, "along_y"),
            resolve: drawing(device, &resolve, ["whole", "resolve"], None, wgpu::PrimitiveTopology::TriangleList),
            quads: drawing(
                device,
                &quads,
                ["corner", "disc"],
                Some(&quads_layout),
                wgpu::PrimitiveTopology::TriangleStrip,
            ),
            quads_layout,
        }
    }
}

fn slice_entry(visibility: wgpu::ShaderStages) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding: 0,
        visibility,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: true,
            min_binding_size: NonZeroU64::new(size_of::<Slice>() as u64),
        },
        count: None,
    }
}

fn storage_entry(binding: u32, visibility: wgpu::ShaderStages, read_only: bool) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}

fn group_layout(device: &Device, entries: &[wgpu::BindGroupLayoutEntry]) -> wgpu::BindGroupLayout {
    device.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("scatter"), entries })
}

fn pipeline_layout(device: &Device, group: &wgpu::BindGroupLayout) -> wgpu::PipelineLayout {
    device.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("scatter"),
        bind_group_layouts: &[Some(group)],
        immediate_size: 0,
    })
}

fn drawing(
    device: &Device,
    module: &wgpu::ShaderModule,
    [vertex, fragment]: [&'static str; 2],
    group: Option<&wgpu::BindGroupLayout>,
    topology: wgpu::PrimitiveTopology,
) -> wgpu::RenderPipeline {
    let layout = group.map(|group| pipeline_layout(device, group));
    device.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(fragment),
        layout: layout.as_ref(),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some(vertex),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState { topology, ..wgpu::PrimitiveState::default() },
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(fragment),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format: FORMAT,
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}
