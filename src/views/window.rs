//! The window: one frame of it, and how it is opened.
//!
//! A frame: drain the jobs' events (pictures to the textures, all else to the state), lay the panels
//! out while they collect commands, run the commands, hand their effects to the jobs. Nothing is
//! repainted while nothing moves: jobs wake the window when they have news.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use eframe::egui_wgpu;
use egui::{CentralPanel, Context, Frame, Margin, Panel, Ui, ViewportCommand, vec2};

use super::compare::compare_ui;
use super::grid::{GridFrame, grid_ui};
use super::map::{MapFrame, map_ui};
use super::statistics::{StatisticsFrame, statistics_ui};
use super::status_bar::{Vitals, status_bar_ui};
use super::textures::Textures;
use super::theme::{self, tokens};
use super::tiles::Tiles;
use super::toasts::Toasts;
use super::why::{self, WhyFrame, why_ui};
use super::{Commands, chips_bar, dialogs, filters, inspector, picture, shortcuts, top_bar, welcome};
use crate::app::launch::WindowOptions;
use crate::app::panels::side_bar::SideBar;
use crate::app::settings::{Settings, ThemeChoice};
use crate::app::state::{Lens, Screen};
use crate::app::{Action, Command, Effect, State, update};
use crate::base::{dirs, memory};
use crate::formats::FieldMap;
use crate::gpu::Device;
use crate::jobs::{Event, Group, Jobs, JobsOptions, StatsAsk};

/// The application behind the window; also driven without one by tests and screenshots.
pub struct Window {
    /// What is shown.
    pub state: State,
    jobs: Jobs,
    textures: Textures,
    toasts: Toasts,
    grid: GridFrame,
    side_bar: SideBar,
    statistics: StatisticsFrame,
    tiles: Tiles,
    map: MapFrame,
    why: WhyFrame,
    commands: Commands,
    started: Instant,
    vitals: Vitals,
    frame_times: Vec<f32>,
    settings_file: Option<PathBuf>,
    applied: Option<Settings>,
    full_screen: bool,
    frames: u64,
    exit_after: Option<u64>,
}

impl Window {
    /// Starts the jobs, opens what `options` name.
    #[must_use]
    pub fn new(ctx: &Context, options: WindowOptions) -> Self {
        theme::install(ctx);
        let wake = ctx.clone();
        let jobs_options =
            JobsOptions { catalog_dir: options.catalog_dir, compute: options.compute, ..JobsOptions::default() };
        let jobs = Jobs::start(jobs_options, Arc::new(move || wake.request_repaint()));
        let settings_file = (!options.default_settings).then(|| dirs::config_dir().join("settings.toml"));
        let settings = settings_file
            .as_ref()
            .and_then(|file| std::fs::read_to_string(file).ok())
            .map_or_else(Settings::default, |text| Settings::from_toml(&text));
        let mut window = Self {
            state: State {
                lens: settings.layout.visible().first().copied().unwrap_or_default(),
                settings,
                ..State::default()
            },
            jobs,
            textures: Textures::default(),
            toasts: Toasts::default(),
            grid: GridFrame::default(),
            side_bar: SideBar::default(),
            statistics: StatisticsFrame::default(),
            tiles: Tiles::default(),
            map: MapFrame::default(),
            why: WhyFrame::default(),
            commands: Commands::default(),
            started: Instant::now(),
            vitals: Vitals::default(),
            frame_times: Vec::new(),
            settings_file,
            applied: None,
            full_screen: false,
            frames: 0,
            // For tests of the real window: it closes by itself after this many frames.
            exit_after: std::env::var("SHOPSCOPE_EXIT_AFTER_FRAMES").ok().and_then(|frames| frames.parse().ok()),
        };
        if !options.paths.is_empty() {
            window.run(Command::Open(options.paths, options.map));
        }
        if let Some(dir) = options.demo {
            window.jobs.open_demo(dir);
        }
        window
    }

    /// Says which adapter draws, for the status bar.
    pub fn set_adapter(&mut self, name: String) {
        self.vitals.adapter = name;
    }

    /// Draws with the window's own device where that is quicker than by egui, and computes on it where it is a card.
    pub fn set_device(&mut self, render: &egui_wgpu::RenderState) {
        let device = Device::wrap(render.device.clone(), render.queue.clone(), render.adapter.get_info());
        self.jobs.lend(device.clone());
        self.map.set_card(device, render);
    }

    /// True while jobs run or events wait: what screenshots and tests wait for.
    #[must_use]
    pub fn busy(&self) -> bool {
        self.jobs.busy()
            || self.state.querying()
            || self.map.filling()
            || self.why.filling()
            || self.state.why.waiting.is_some()
    }

    /// Takes toasts away: a picture is cleaner without.
    pub fn clear_toasts(&mut self) {
        self.toasts.clear();
        self.run(Command::ToastsShown);
    }

    /// Runs one command and its effects.
    pub fn run(&mut self, command: Command) {
        for effect in update(&mut self.state, command) {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Open(paths, map) => self.jobs.open(paths, map),
            Effect::Close(root) => self.jobs.close(root),
            Effect::CloseAll => self.jobs.close_all(),
            Effect::Reindex => self.jobs.reindex(),
            Effect::OpenDemo => self.jobs.open_demo(None),
            Effect::Look(path) => self.jobs.look(path),
            Effect::LookModel(path) => self.jobs.look_model(path),
            Effect::ResetCard(path, hash) => self.jobs.reset_card(path, &hash),
            Effect::RunModel(ask) => self.jobs.run_model(ask),
            Effect::Activate(key) => self.jobs.activate(key),
            Effect::Query(request) => self.jobs.query(request),
            Effect::Thumbnails(population, wanted) => self.jobs.thumbnails(population, wanted),
            Effect::Records(population, wanted) => self.jobs.records(population, wanted),
            Effect::Inspect(population, sample) => self.jobs.inspect(population, sample),
            Effect::Tag { population, tag, samples, on } => self.jobs.tag(&population, tag, samples, on),
            Effect::SaveView { name, json } => self.jobs.save_view(name, Some(json)),
            Effect::DeleteView(name) => self.jobs.save_view(name, None),
            Effect::Export { population, ids, path } => self.jobs.export(population, ids, path),
            Effect::Stats { generation, population, groups, request } => {
                let groups =
                    groups.into_iter().map(|group| Group { name: group.name, samples: group.samples }).collect();
                self.jobs.stats(StatsAsk { generation, population, groups, request });
            }
            Effect::ExportPositions { population, samples, places, path } => {
                self.jobs.export_positions(population, samples, places, path);
            }
            Effect::Compare(ask) => self.jobs.compare(ask),
            Effect::Map(order) => self.jobs.map(order),
            Effect::Why(ask) => self.jobs.explain(ask),
            Effect::WhyLocal(ask) => self.jobs.localise(ask),
            Effect::WhyPictures(ask) => self.jobs.export_pictures(ask),
            Effect::WhyTable(ask) => self.jobs.export_figures(ask),
            Effect::Label(ask) => self.jobs.label(ask),
            Effect::WriteFile { path, bytes } => self.jobs.write_file(&self.state.population, path, bytes),
            Effect::CopyKeys(population, samples) => self.jobs.copy_keys(population, samples),
            Effect::SaveSettings(settings) => self.save_settings(&settings),
            Effect::Cancel(id) => self.jobs.cancel(id),
        }
    }

    /// Settings are a convenience: if they cannot be written, the log says so and the work goes on.
    fn save_settings(&self, settings: &Settings) {
        let Some(file) = &self.settings_file else { return };
        let written = file
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(file, settings.to_toml()));
        if let Err(error) = written {
            tracing::warn!("settings were not saved ({error}): {}", file.display());
        }
    }

    /// News from jobs: pictures to the textures, the rest to the state.
    fn drain(&mut self, ctx: &Context) {
        for event in self.jobs.poll() {
            match event {
                Event::Thumbnail { sample, side, picture } => self.textures.insert(sample, side, picture),
                Event::Picture { sample, picture } => self.textures.insert_full(ctx, sample, &picture),
                Event::RecentPicture { path, picture } => self.textures.insert_recent(ctx, path, &picture),
                event => {
                    let opened_or_closed = matches!(event, Event::Population(_));
                    self.run(Command::Job(event));
                    if opened_or_closed {
                        let open: Vec<u32> = self.state.population.datasets.iter().map(|open| open.uid).collect();
                        self.textures.retain(|dataset| open.contains(&dataset));
                    }
                }
            }
        }
    }

    /// One frame.
    pub fn frame(&mut self, ui: &mut Ui) {
        let begun = Instant::now();
        let ctx = ui.ctx().clone();
        let now_secs = self.started.elapsed().as_secs_f64();
        self.run(Command::Tick { now_secs });
        self.drain(&ctx);
        self.apply_settings(&ctx);
        if self.textures.begin_frame(&ctx, self.state.settings.texture_budget) {
            ctx.request_repaint();
        }
        let mut out = std::mem::take(&mut self.commands);
        self.why.begin(&ctx);
        why::finish(&ctx, &self.state, &mut out);
        let dropped: Vec<PathBuf> =
            ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        if !dropped.is_empty() {
            out.push(Command::Open(dropped, FieldMap::default()));
        }
        self.map.keys(&ctx, self.state.shows(Lens::Map) && self.state.dialog.is_none());
        shortcuts::shortcuts(&ctx, &self.state, &self.grid, &mut out);
        self.panels(ui, &mut out);
        dialogs::dialogs_ui(&ctx, &self.state, &mut out);
        welcome::drop_overlay_ui(&ctx);
        self.toasts.show(&ctx, &self.state, &mut out);
        for command in out.take() {
            self.run(command);
        }
        self.after(&ctx, begun);
    }

    fn panels(&mut self, ui: &mut Ui, out: &mut Commands) {
        let state = &self.state;
        let colors = tokens(ui);
        let bar = |x: i8, y: i8| Frame::new().fill(colors.panel).inner_margin(Margin::symmetric(x, y));
        Panel::top("top bar").exact_size(40.0).frame(bar(8, 0)).show(ui, |ui| top_bar::top_bar_ui(ui, state, out));
        Panel::bottom("status bar")
            .exact_size(26.0)
            .frame(bar(12, 0))
            .show(ui, |ui| status_bar_ui(ui, state, &self.vitals, out));
        if state.screen == Screen::Welcome {
            let now_unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs() as i64);
            CentralPanel::default()
                .frame(Frame::new())
                .show(ui, |ui| welcome::welcome_ui(ui, state, &self.textures, now_unix, out));
            return;
        }
        Panel::top("chips").exact_size(32.0).frame(bar(12, 0)).show(ui, |ui| chips_bar::chips_bar_ui(ui, state, out));
        if state.settings.filters_open {
            self.side_bar.refresh(state);
            Panel::left("filters")
                .default_size(264.0)
                .size_range(200.0..=460.0)
                .frame(bar(0, 0))
                .show(ui, |ui| filters::filters_ui(ui, state, &self.side_bar, out));
        }
        if state.settings.inspector_open && !state.large {
            let (textures, why) = (&mut self.textures, &mut self.why);
            Panel::right("inspector")
                .default_size(340.0)
                .size_range(260.0..=720.0)
                .frame(bar(12, 12))
                .show(ui, |ui| inspector::inspector_ui(ui, state, textures, why, out));
        }
        CentralPanel::default().frame(Frame::new().fill(colors.window)).show(ui, |ui| {
            if let Some(sample) = state.focus.filter(|_| state.large) {
                Frame::new().inner_margin(Margin::symmetric(8, 4)).show(ui, |ui| {
                    ui.horizontal(|ui| {
                        super::widgets::action_button(ui, state, out, super::icons::ARROW_LEFT, Action::Inspect);
                        picture::picture_tools_ui(ui, state, out);
                        if let Some(record) = &state.inspector.record {
                            ui.label(crate::app::panels::inspector::headline(record));
                        }
                    });
                });
                let rect = ui.available_rect_before_wrap();
                if state.lens == Lens::Why && !state.why.columns.is_empty() {
                    why::large_ui(ui, state, &mut self.textures, &mut self.why, sample, rect);
                } else {
                    picture::picture_ui(ui, state, &self.textures, out, sample, rect, "large");
                }
            } else {
                let (textures, grid, statistics) = (&mut self.textures, &mut self.grid, &mut self.statistics);
                let (map, why) = (&mut self.map, &mut self.why);
                self.tiles.show(ui, state, out, &mut |ui, lens, out| match lens {
                    Lens::Grid => grid_ui(ui, state, textures, grid, out),
                    Lens::Map => map_ui(ui, state, textures, map, out),
                    Lens::Why => why_ui(ui, state, textures, why, out),
                    Lens::Compare => compare_ui(ui, state, textures, out),
                    Lens::Statistics => statistics_ui(ui, state, statistics, out),
                });
            }
        });
        // What all lenses want, in one list: a new list replaces the one before.
        if let Some(wanted) = self.textures.take_records() {
            out.push(Command::WantRecords(wanted));
        }
        if let Some(wanted) = self.textures.take_wanted() {
            out.push(Command::WantThumbnails(wanted));
        }
    }

    fn apply_settings(&mut self, ctx: &Context) {
        let settings = &self.state.settings;
        if self.applied.as_ref() == Some(settings) {
            return;
        }
        ctx.set_theme(match settings.theme {
            ThemeChoice::System => egui::ThemePreference::System,
            ThemeChoice::Light => egui::ThemePreference::Light,
            ThemeChoice::Dark => egui::ThemePreference::Dark,
        });
        theme::set_less_motion(ctx, settings.less_motion);
        self.applied = Some(settings.clone());
    }

    fn after(&mut self, ctx: &Context, begun: Instant) {
        if let Some(text) = self.state.copy.take() {
            ctx.copy_text(text);
            self.run(Command::Copied);
        }
        if self.full_screen != self.state.full_screen {
            self.full_screen = self.state.full_screen;
            ctx.send_viewport_cmd(ViewportCommand::Fullscreen(self.full_screen));
        }
        self.frames += 1;
        if self.state.quit || self.exit_after.is_some_and(|frames| self.frames >= frames) {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        } else if self.exit_after.is_some() {
            ctx.request_repaint();
        }
        self.frame_times.push(begun.elapsed().as_secs_f32() * 1e3);
        if self.frame_times.len() >= 60 || self.frames < 10 {
            let mut sorted = self.frame_times.clone();
            sorted.sort_by(f32::total_cmp);
            self.vitals.frame_ms = sorted[sorted.len() / 2];
            self.vitals.memory = memory::resident_bytes();
            self.vitals.textures = self.textures.bytes();
            if self.frame_times.len() >= 60 {
                self.frame_times.clear();
            }
        }
        // Progress moves while jobs run, though no event comes.
        if self.jobs.has_running() {
            ctx.request_repaint_after(Duration::from_millis(200));
        }
    }
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.frame(ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

/// The name of an adapter for people.
#[must_use]
pub fn adapter_name(info: &wgpu::AdapterInfo) -> String {
    let name = info.name.split(" (").next().unwrap_or(&info.name);
    if info.device_type == wgpu::DeviceType::Cpu { format!("{name} (software)") } else { name.to_owned() }
}

/// Asks for the adapter's own limits: eframe's defaults would refuse large storage buffers on adapters
/// that have them.
fn wgpu_options() -> egui_wgpu::WgpuConfiguration {
    let mut configuration = egui_wgpu::WgpuConfiguration::default();
    if let egui_wgpu::WgpuSetup::CreateNew(setup) = &mut configuration.wgpu_setup {
        setup.device_descriptor = Arc::new(|adapter| wgpu::DeviceDescriptor {
            label: Some("shopscope"),
            required_limits: adapter.limits(),
            ..wgpu::DeviceDescriptor::default()
        });
    }
    configuration
}

/// Opens the window and stays until it is closed.
///
/// # Errors
/// A sentence: no display, or no graphics adapter.
pub fn open(options: WindowOptions, size: Option<(f32, f32)>) -> Result<(), String> {
    let (width, height) = size.unwrap_or((1280.0, 800.0));
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Shopscope")
            .with_app_id("shopscope")
            .with_inner_size(vec2(width, height))
            .with_min_inner_size(vec2(760.0, 480.0)),
        wgpu_options: wgpu_options(),
        ..eframe::NativeOptions::default()
    };
    eframe::run_native(
        "shopscope",
        native,
        Box::new(move |creation| {
            let mut window = Window::new(&creation.egui_ctx, options);
            if let Some(render) = &creation.wgpu_render_state {
                window.set_adapter(adapter_name(&render.adapter.get_info()));
                window.set_device(render);
            }
            Ok(Box::new(window))
        }),
    )
    .map_err(|error| {
        format!("the window cannot open ({error}); on a machine without a display use --screenshot OUT.png")
    })
}
