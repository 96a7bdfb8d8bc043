//! A chart as a PNG: the same paint function as on the screen, in an egui of its own, drawn by the CPU at
//! twice the pixels, so that it needs neither the window's size nor its adapter.

use egui::{Context, FullOutput, RawInput, Rect, Theme, pos2, vec2};

use super::{Paint, plot};
use crate::formats::image::png;
use crate::views::Commands;
use crate::views::screenshot::software::Rasterizer;
use crate::views::theme::{self, colors_of, space};

/// Width and height in points; two pixels each.
const SIZE: (f32, f32) = (960.0, 540.0);
const SCALE: f32 = 2.0;

/// Draws the chart of `paint` with its title and legend.
pub(super) fn chart_png(paint: &Paint<'_>, dark: bool) -> Vec<u8> {
    let ctx = Context::default();
    theme::install(&ctx);
    ctx.set_theme(if dark { Theme::Dark } else { Theme::Light });
    let mut rasterizer = Rasterizer::default();
    let mut shapes = Vec::new();
    // The first frame measures text and axes, the second one stands.
    for frame in 0..3 {
        let viewport = egui::ViewportInfo { native_pixels_per_point: Some(SCALE), ..egui::ViewportInfo::default() };
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), vec2(SIZE.0, SIZE.1))),
            viewports: std::iter::once((egui::ViewportId::ROOT, viewport)).collect(),
            time: Some(f64::from(frame)),
            ..RawInput::default()
        };
        let mut output: FullOutput = ctx.run_ui(input, |ui| {
            let ground = egui::Frame::new().fill(colors_of(dark).window).inner_margin(space::S16);
            egui::CentralPanel::default().frame(ground).show(ui, |ui| {
                // What a click would ask for goes nowhere: nobody clicks here.
                plot::chart_ui(ui, paint, ui.available_height(), &mut Commands::default());
            });
        });
        rasterizer.update(&mut output.textures_delta);
        shapes = std::mem::take(&mut output.shapes);
        output.drop_without_applying_deltas();
    }
    let meshes = ctx.tessellate(shapes, SCALE);
    png(&rasterizer.draw(&meshes, (SIZE.0 * SCALE) as u32, (SIZE.1 * SCALE) as u32, SCALE))
}
