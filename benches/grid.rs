//! CPU time of a frame while a grid of 1,000,000 samples scrolls: layout, panels and tessellation,
//! without the driver. Prints the median and the 95th percentile over 300 frames at two zooms.
//!
//! The peer in the same run is the same window over 1,000 samples: what a frame costs must not depend
//! on how many samples there are. The bar: below 4 ms.

use std::hint::black_box;
use std::time::{Duration, Instant};

use egui::{Context, Event, Modifiers, Pos2, RawInput, Rect, pos2, vec2};
use shopscope::app::Command;
use shopscope::app::launch::WindowOptions;
use shopscope::views::window::Window;

/// Writes `n` captions without pictures as JSON lines: a catalog of a million is made in seconds.
fn captions(dir: &std::path::Path, n: usize) -> std::path::PathBuf {
    use std::io::Write;
    let path = dir.join(format!("captions-{n}.jsonl"));
    let mut out = std::io::BufWriter::new(std::fs::File::create(&path).expect("a temporary file"));
    for i in 0..n {
        writeln!(
            out,
            r#"{{"id":"{i:08}","caption":"sample {i}: a {} {} with a {} strap, size {}","brand":"maker {}","taxonomy":["Shop","Section {}","Leaf {}"]}}"#,
            ["red", "blue", "green", "black"][i % 4],
            ["bag", "shoe", "scarf", "watch", "ring"][i % 5],
            ["leather", "cotton", "steel"][i % 3],
            i % 50,
            i * i % 997,
            i % 20,
            i % 400
        )
        .expect("a temporary file");
    }
    path
}

struct Stage {
    ctx: Context,
    window: Window,
    time: f64,
}

impl Stage {
    fn new(dir: &std::path::Path, n: usize) -> Self {
        let ctx = Context::default();
        let options = WindowOptions {
            paths: vec![captions(dir, n)],
            catalog_dir: Some(dir.join("catalogs")),
            default_settings: true,
            ..WindowOptions::default()
        };
        let window = Window::new(&ctx, options);
        let mut stage = Self { ctx, window, time: 0.0 };
        let mut quiet = 0;
        while quiet < 5 {
            stage.frame(vec![]);
            quiet = if stage.window.busy() { 0 } else { quiet + 1 };
            std::thread::sleep(Duration::from_millis(5));
        }
        stage
    }

    /// One frame; returns its CPU time.
    fn frame(&mut self, events: Vec<Event>) -> Duration {
        self.time += 1.0 / 60.0;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1920.0, 1080.0))),
            time: Some(self.time),
            max_texture_side: Some(8192),
            events,
            focused: true,
            ..RawInput::default()
        };
        let begun = Instant::now();
        let window = &mut self.window;
        let mut output = self.ctx.run_ui(input, |ui| window.frame(ui));
        let shapes = std::mem::take(&mut output.shapes);
        black_box(self.ctx.tessellate(shapes, 1.0));
        let took = begun.elapsed();
        output.drop_without_applying_deltas();
        took
    }

    /// Scrolls 300 frames and returns their times, sorted.
    fn scroll(&mut self, zoom: f32) -> Vec<Duration> {
        let settings = shopscope::app::settings::Settings { zoom, ..self.window.state.settings.clone() };
        self.window.run(Command::Settings(settings));
        self.window.run(Command::Scroll(1000.0));
        let over_grid = Event::PointerMoved(pos2(900.0, 600.0));
        let wheel = || Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: vec2(0.0, -90.0),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        };
        let mut times: Vec<_> = (0..320).map(|_| self.frame(vec![over_grid.clone(), wheel()])).skip(20).collect();
        times.sort_unstable();
        times
    }
}

fn main() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let mut small = Stage::new(dir.path(), 1_000);
    let mut large = Stage::new(dir.path(), 1_000_000);
    println!("frame of a scrolling grid, 1920 x 1080, CPU ms        median     p95");
    for zoom in [160.0, 64.0] {
        let (a, b) = (small.scroll(zoom), large.scroll(zoom));
        let report = |name: &str, times: &[Duration]| {
            println!("  {name:<48} {:>8.2} {:>7.2}", ms(times[times.len() / 2]), ms(times[times.len() * 95 / 100]));
        };
        report(&format!("1,000 samples, {zoom} px"), &a);
        report(&format!("1,000,000 samples, {zoom} px"), &b);
        println!(
            "  ratio of the medians {:.2}; bar 4 ms: {}",
            ms(b[b.len() / 2]) / ms(a[a.len() / 2]),
            if ms(b[b.len() / 2]) < 4.0 { "met" } else { "MISSED" }
        );
    }
}
