//! The shaders of the map, compiled once for all maps of a window, and the shapes of what they read.

use std::num::NonZeroU64;
use std::sync::OnceLock;

use crate::analysis::scatter::splat::{BLUR_REACH, Exposure, Layer, MOST_PLANES, Style, blur_weights};
use crate::gpu::Device;

/// The picture's format: what egui takes for a texture of one's own.
pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;
/// Bytes between two slices in their uniform buffer: a multiple of every adapter's alignment.
pub(super) const SLICE_STRIDE: u64 = 512;

/// One dispatch's share of a picture; `Slice` of `shaders/shared/slice.wgsl`.
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
    pub first: u32,
    pub end: u32,
    pub level: u32,
    pub level_end: u32,
    pub mark: u32,
    pub radius: f32,
    pub slots: u32,
    pub padding: u32,
    pub plane_of: [[u8; 16]; 16],
}

/// The sizes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Pixels that were asked for.
    pub size: [u32; 2],
    /// Pixels of a counted place, along each side.
    pub grain: u32,
    /// Counted places across and down.
    pub cells: [u32; 2],
    /// Pixels of a pixel of the texture, along each side: the window makes the picture larger by this. Divides `grain`.
    pub step: u32,
    /// Pixels of the texture.
    pub texture: [u32; 2],
    /// Planes of ink.
    pub planes: u32,
    /// Counters of a place: the planes, and one of dim points where there are any.
    pub slots: u32,
}

/// How counters become colours; `Picture` of `shaders/shared/picture.wgsl`.
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
    slots: u32,
    padding: u32,
    weights: [f32; 8],
    dim: [f32; 4],
    inks: [[f32; 4]; MOST_PLANES],
    ramp: [[f32; 4]; 256],
}

impl PictureUniform {
    pub fn new(style: &Style, exposure: &Exposure, shape: &Shape) -> Self {
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
            width: shape.texture[0],
            height: shape.texture[1],
            across: shape.cells[0],
            down: shape.cells[1],
            grain: shape.grain / shape.step,
            planes: style.ink_planes() as u32,
            layer: number(style.layer) as u32,
            factor: exposure.factor,
            totals: exposure.totals,
            slots: shape.slots,
            padding: 0,
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
    resolve_text: wgpu::ShaderModule,
    /// By layer, without and with dim points; made when first drawn.
    resolves: [[OnceLock<wgpu::RenderPipeline>; 2]; 3],
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
            resolve_text: resolve,
            resolves: std::array::from_fn(|_| std::array::from_fn(|_| OnceLock::new())),
            quads: drawing(
                device,
                &quads,
                ["corner", "disc"],
                Some(&quads_layout),
                wgpu::PrimitiveTopology::TriangleStrip,
                &[],
            ),
            quads_layout,
        }
    }

    /// The drawing that makes colours of a layer's counters.
    pub(super) fn resolve(&self, device: &Device, layer: Layer, with_dim: bool) -> &wgpu::RenderPipeline {
        let layer = number(layer);
        self.resolves[layer][usize::from(with_dim)].get_or_init(|| {
            let constants = [("layer", layer as f64), ("with_dim", f64::from(u8::from(with_dim)))];
            let topology = wgpu::PrimitiveTopology::TriangleList;
            drawing(device, &self.resolve_text, ["whole", "resolve"], None, topology, &constants)
        })
    }
}

/// The shaders' number of a layer.
fn number(layer: Layer) -> usize {
    match layer {
        Layer::Density => 0,
        Layer::Classes => 1,
        Layer::Ratio => 2,
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
    constants: &[(&str, f64)],
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
            compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
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
