//! Draws any state of the window without a display: the same panels, an off-screen texture, a PNG.
//!
//! egui runs frame after frame until the jobs are quiet and the picture no longer changes, then the
//! last frame is drawn by wgpu on whatever adapter there is, else by [`software`], a small
//! rasteriser, so that a machine without any graphics driver still gets its pictures.

pub(in crate::views) mod software;

use std::path::Path;
use std::time::{Duration, Instant};

use egui::{Context, Event, FullOutput, Pos2, RawInput, Rect, Vec2};
use egui_wgpu::wgpu;

use super::window::{Window, adapter_name};
use crate::app::launch::{ShotOptions, View, WindowOptions};
use crate::app::map::{Drawn, MapCommand, MapView};
use crate::app::models::ModelCommand;
use crate::app::settings::{Settings, ThemeChoice};
use crate::app::state::{Dialog, Lens, OpenDialog, Screen};
use crate::app::why::{Page, WhyCommand, WhyView};
use crate::app::{Action, Command};
use crate::formats::image::{Picture, write_png};

/// How long opening and indexing may take before the picture is taken anyway.
const PATIENCE: Duration = Duration::from_mins(10);

/// The window without a display.
pub struct Studio {
    ctx: Context,
    window: Window,
    painter: Painter,
    size: Vec2,
    scale: f32,
    started: Instant,
    output: FullOutput,
}

enum Painter {
    Gpu(Box<egui_wgpu::RenderState>),
    Software(software::Rasterizer),
}

impl Studio {
    /// Starts jobs and, where there is an adapter, a device.
    #[must_use]
    pub fn new(options: WindowOptions, shot: &ShotOptions) -> Self {
        let ctx = Context::default();
        let (painter, adapter) = match gpu() {
            Some(render) => {
                let name = adapter_name(&render.adapter.get_info());
                (Painter::Gpu(Box::new(render)), name)
            }
            None => (Painter::Software(software::Rasterizer::default()), "none (drawn by the CPU)".to_owned()),
        };
        let mut window = Window::new(&ctx, WindowOptions { default_settings: true, ..options });
        window.set_adapter(adapter);
        if let Painter::Gpu(render) = &painter {
            window.set_device(render);
        }
        let size = Vec2::new(shot.size.0 as f32, shot.size.1 as f32);
        Self { ctx, window, painter, size, scale: shot.scale, started: Instant::now(), output: FullOutput::default() }
    }

    /// Runs the window until nothing moves.
    pub fn settle(&mut self) {
        let until = Instant::now() + PATIENCE;
        let mut quiet = 0;
        while quiet < 4 && Instant::now() < until {
            self.step();
            if self.window.busy() {
                quiet = 0;
                std::thread::sleep(Duration::from_millis(4));
            } else {
                quiet += 1;
            }
        }
        self.window.clear_toasts();
    }

    fn step(&mut self) {
        let viewport =
            egui::ViewportInfo { native_pixels_per_point: Some(self.scale), ..egui::ViewportInfo::default() };
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, self.size / self.scale)),
            viewports: std::iter::once((egui::ViewportId::ROOT, viewport)).collect(),
            time: Some(self.started.elapsed().as_secs_f64()),
            max_texture_side: Some(8192),
            events: vec![Event::PointerGone],
            focused: true,
            ..RawInput::default()
        };
        let (ctx, window) = (&self.ctx, &mut self.window);
        let mut output = ctx.run_ui(input, |ui| window.frame(ui));
        let mut delta = std::mem::take(&mut output.textures_delta);
        match &mut self.painter {
            Painter::Gpu(render) => {
                let mut renderer = render.renderer.write();
                for (id, images) in delta.set.drain() {
                    for image in images {
                        renderer.update_texture(&render.device, &render.queue, id, &image);
                    }
                }
                for id in delta.free.drain() {
                    renderer.free_texture(&id);
                }
            }
            Painter::Software(rasterizer) => rasterizer.update(&mut delta),
        }
        std::mem::replace(&mut self.output, output).drop_without_applying_deltas();
    }

    /// Puts the window into a state.
    pub fn pose(&mut self, shot: &ShotOptions) {
        let theme = if shot.light { ThemeChoice::Light } else { ThemeChoice::Dark };
        self.window.run(Command::Settings(Settings { theme, less_motion: true, ..Settings::default() }));
        self.window.run(Command::Dialog(None));
        self.window.run(Command::Large(false));
        self.window.run(Command::Lens(Lens::Grid));
        if let Some(filter) = &shot.filter {
            self.window.run(Command::FilterText(filter.clone()));
        }
        if let Some(search) = &shot.search {
            self.window.run(Command::Search(search.clone()));
        }
        self.settle();
        let focus_first = |window: &mut Window| {
            if let Some(&first) = window.state.result.order.first() {
                window.run(Command::Focus(Some(crate::base::SampleId(first))));
            }
        };
        match shot.view {
            View::Grid | View::Filters => {}
            View::Inspector => {
                focus_first(&mut self.window);
                let wide = Settings { zoom: 128.0, ..self.window.state.settings.clone() };
                self.window.run(Command::Settings(wide));
            }
            View::Large => {
                focus_first(&mut self.window);
                self.window.run(Command::Large(true));
            }
            View::Map => {
                let mut view = MapView { layers: shot.layers.clone(), ..MapView::default() };
                view.colour = shot.colour.unwrap_or_default();
                view.label_by = shot.label_by;
                if !shot.drawn.is_empty() {
                    for (word, on) in Drawn::WORDS.iter().zip(view.drawn.all()) {
                        *on = shot.drawn.iter().any(|drawn| drawn == word);
                    }
                }
                self.window.run(Command::Map(MapCommand::View(Box::new(view))));
                self.window.run(Command::Lens(Lens::Map));
                self.settle();
                // Who asks for a picture of a large map wants it computed, too.
                if !self.window.state.map.waiting.is_empty() {
                    self.window.run(Command::Map(MapCommand::Compute { from_present: false }));
                }
            }
            View::Why => {
                focus_first(&mut self.window);
                self.window.run(Command::Lens(Lens::Why));
                for model in &shot.models {
                    self.window.run(Command::Why(WhyCommand::AddModel(model.clone())));
                }
                let page = if shot.local { Page::Local } else { Page::Matrix };
                let view = WhyView { mode: shot.mode, page, ..self.window.state.why.view.clone() };
                self.window.run(Command::Why(WhyCommand::View(Box::new(view))));
                if shot.local {
                    self.window.run(Command::Why(WhyCommand::Measure));
                }
            }
            View::Compare => self.window.run(Command::Lens(Lens::Compare)),
            View::Statistics => {
                if let Some(tab) = shot.tab {
                    let view = self.window.state.statistics.view.clone();
                    self.window.run(Command::Statistics(Box::new(view.on(tab))));
                }
                self.window.run(Command::Lens(Lens::Statistics));
                self.window.run(Command::CountStatistics);
            }
            View::Welcome => self.window.run(Command::Act(Action::ShowWelcome)),
            View::Open => self.window.run(Command::Dialog(Some(Dialog::Open(OpenDialog::default())))),
            View::Models => {
                self.window.run(Command::Act(Action::ShowModels));
                let first = crate::model::bundled::bundled()[0].name.to_owned();
                self.window.run(Command::Model(ModelCommand::Look(first)));
            }
            View::Palette => self.window.run(Command::Act(Action::OpenPalette)),
            View::Help => self.window.run(Command::Act(Action::ShowHelp)),
            View::Problems => self.window.run(Command::Dialog(Some(Dialog::Problems))),
        }
        if shot.view != View::Welcome && !self.window.state.is_empty() && self.window.state.screen == Screen::Welcome {
            self.window.run(Command::BackToGrid);
        }
        self.settle();
    }

    /// Draws the last frame.
    ///
    /// # Errors
    /// A sentence if the adapter fails.
    pub fn picture(&mut self) -> Result<Picture, String> {
        // Toasts that were dismissed above vanish with one more frame.
        self.step();
        let meshes = self.ctx.tessellate(self.output.shapes.clone(), self.scale);
        match &mut self.painter {
            Painter::Gpu(render) => draw_gpu(render, &meshes, self.size, self.scale),
            Painter::Software(rasterizer) => {
                Ok(rasterizer.draw(&meshes, self.size.x as u32, self.size.y as u32, self.scale))
            }
        }
    }

    /// Poses, settles and writes a PNG.
    ///
    /// # Errors
    /// A sentence if drawing or writing fails.
    pub fn shoot(&mut self, shot: &ShotOptions, out: &Path) -> Result<(), String> {
        self.pose(shot);
        let picture = self.picture()?;
        write_png(&picture, out).map_err(|error| format!("cannot write the picture ({error}): {}", out.display()))
    }

    /// The window, for tests.
    pub fn window(&mut self) -> &mut Window {
        &mut self.window
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        std::mem::take(&mut self.output).drop_without_applying_deltas();
    }
}

/// A device on any adapter that can draw, without a surface.
fn gpu() -> Option<egui_wgpu::RenderState> {
    let setup = egui_wgpu::WgpuSetup::CreateNew(egui_wgpu::WgpuSetupCreateNew::without_display_handle());
    let instance = pollster::block_on(setup.new_instance());
    let configuration = egui_wgpu::WgpuConfiguration { wgpu_setup: setup, ..Default::default() };
    pollster::block_on(egui_wgpu::RenderState::create(
        &configuration,
        &instance,
        None,
        egui_wgpu::RendererOptions::PREDICTABLE,
    ))
    .ok()
}

fn draw_gpu(
    render: &egui_wgpu::RenderState,
    meshes: &[egui::ClippedPrimitive],
    size: Vec2,
    scale: f32,
) -> Result<Picture, String> {
    let (width, height) = (size.x as u32, size.y as u32);
    let (device, queue) = (&render.device, &render.queue);
    let mut renderer = render.renderer.write();
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let screen = egui_wgpu::ScreenDescriptor { size_in_pixels: [width, height], pixels_per_point: scale };
    let buffers = renderer.update_buffers(device, queue, &mut encoder, meshes, &screen);
    let extent = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("screenshot"),
        size: extent,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: render.target_format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    {
        let mut pass = encoder
            .begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("screenshot"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                        store: wgpu::StoreOp::Store,
                    },
                    depth_slice: None,
                })],
                ..wgpu::RenderPassDescriptor::default()
            })
            .forget_lifetime();
        renderer.render(&mut pass, meshes, &screen);
    }
    // Rows of a copy must start at multiples of 256 bytes.
    let stride = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("screenshot"),
        size: u64::from(stride) * u64::from(height),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: None },
        },
        extent,
    );
    queue.submit(buffers.into_iter().chain([encoder.finish()]));
    let slice = buffer.slice(..);
    slice.map_async(wgpu::MapMode::Read, |_| {});
    device
        .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_mins(1)) })
        .map_err(|error| format!("the graphics adapter did not finish the picture: {error}"))?;
    let bytes = slice.get_mapped_range().map_err(|error| format!("the picture cannot be read back: {error}"))?;
    let bgra = matches!(render.target_format, wgpu::TextureFormat::Bgra8Unorm | wgpu::TextureFormat::Bgra8UnormSrgb);
    let mut rgba = Vec::with_capacity((width * height * 4) as usize);
    for row in bytes.chunks(stride as usize) {
        for pixel in row[..(width * 4) as usize].chunks_exact(4) {
            let [a, b, c, _] = [pixel[0], pixel[1], pixel[2], pixel[3]];
            rgba.extend_from_slice(&if bgra { [c, b, a, 255] } else { [a, b, c, 255] });
        }
    }
    Ok(Picture { width, height, rgba, truncated: false })
}
