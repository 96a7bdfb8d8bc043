//! The map as a file: a picture or a drawing of any size, or the positions with their keys.
//!
//! A picture is painted by the same functions as on the screen, in an egui of its own, by the CPU: it needs neither the window's size nor an
//! adapter.

use std::sync::Arc;

use egui::{
    Color32, Context, DragValue, RawInput, Rect, RichText, Theme, Ui, UiBuilder, WidgetInfo, accesskit::Role, pos2,
    vec2,
};

use super::canvas::canvases_ui;
use super::fields::Fields;
use super::{CAPTION, LEGEND, MapFrame, legend, prepared, strip};
use crate::app::map::svg::{Contours, Ink, Palette, Panel, svg};
use crate::app::map::{MapCommand, MapView};
use crate::app::panels::text;
use crate::app::state::Dialog;
use crate::app::{Command, State};
use crate::formats::image::png;
use crate::views::dialogs::open;
use crate::views::screenshot::software::Rasterizer;
use crate::views::textures::Textures;
use crate::views::theme::{self, colors_of, space, tokens};
use crate::views::{Commands, icons};

/// The export menu.
pub(super) fn export_ui(ui: &mut Ui, state: &State, frame: &mut MapFrame, out: &mut Commands) {
    let button = egui::Button::new(RichText::new(icons::EXPORT).size(16.0)).frame_when_inactive(false);
    let config =
        egui::containers::menu::MenuConfig::new().close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = egui::containers::menu::MenuButton::from_button(button).config(config).ui(ui, |ui| {
        ui.set_min_width(210.0);
        ui.horizontal(|ui| {
            for (side, name) in frame.export_size.iter_mut().zip(["Width in pixels", "Height in pixels"]) {
                let field = ui.add(DragValue::new(side).range(320..=16_384).speed(8.0));
                field.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, name));
                field.on_hover_text(name);
            }
            ui.label("px");
        });
        let size = frame.export_size;
        if ui.button("Map as PNG …").clicked() {
            save(state, "png", png_of(state, size, ui.visuals().dark_mode), out);
            ui.close();
        }
        if ui.button("Map as SVG …").clicked() {
            save(state, "svg", svg_of(ui, state, frame, size).into_bytes(), out);
            ui.close();
        }
        ui.separator();
        for layer in state.map.layers() {
            for (kind, ending) in [("Parquet", "parquet"), ("CSV", "csv")] {
                let is_placed = state.map.placed.contains_key(&layer);
                let button = egui::Button::new(format!("Positions of {layer} as {kind} …"));
                if ui.add_enabled(is_placed, button).clicked() {
                    let name = format!("map-{layer}.{ending}");
                    let layer = layer.clone();
                    out.push(match open::save_file(&name) {
                        Some(path) => Command::Map(MapCommand::Export { layer, path }),
                        None => Command::Dialog(Some(Dialog::SavePositions { path: format!("~/{name}"), layer })),
                    });
                    ui.close();
                }
            }
        }
    });
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Export the map"));
    response.on_hover_text("Export the map");
}

fn save(state: &State, ending: &str, bytes: Vec<u8>, out: &mut Commands) {
    let name = format!("map-{}.{ending}", state.map.layers().join("-"));
    let bytes = Arc::new(bytes);
    out.push(match open::save_file(&name) {
        Some(path) => Command::WriteFile { path, bytes },
        None => Command::Dialog(Some(Dialog::SaveFile { path: format!("~/{name}"), bytes })),
    });
}

/// The maps that are looked at, with legend and caption.
#[must_use]
pub(super) fn png_of(state: &State, [width, height]: [u32; 2], dark: bool) -> Vec<u8> {
    let ctx = Context::default();
    theme::install(&ctx);
    ctx.set_theme(if dark { Theme::Dark } else { Theme::Light });
    // Text and points keep their share of the picture: about as on a window of 1280 x 800.
    let scale = (width as f32 / 1280.0).min(height as f32 / 800.0).clamp(0.5, 8.0);
    let size = vec2(width as f32, height as f32) / scale;
    let mut rasterizer = Rasterizer::default();
    let mut shapes = Vec::new();
    let mut frame = MapFrame { bare: true, ..MapFrame::default() };
    for time in 0..3 {
        let viewport = egui::ViewportInfo { native_pixels_per_point: Some(scale), ..egui::ViewportInfo::default() };
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), size)),
            viewports: std::iter::once((egui::ViewportId::ROOT, viewport)).collect(),
            time: Some(f64::from(time)),
            ..RawInput::default()
        };
        let mut output = ctx.run_ui(input, |ui| {
            let ground = egui::Frame::new().fill(colors_of(dark).window);
            egui::CentralPanel::default().frame(ground).show(ui, |ui| picture_ui(ui, state, &mut frame));
        });
        rasterizer.update(&mut output.textures_delta);
        shapes = std::mem::take(&mut output.shapes);
        output.drop_without_applying_deltas();
    }
    let meshes = ctx.tessellate(shapes, scale);
    png(&rasterizer.draw(&meshes, width, height, scale))
}

fn picture_ui(ui: &mut Ui, state: &State, frame: &mut MapFrame) {
    let all = ui.max_rect();
    let body = Rect::from_min_max(all.min, pos2(all.right(), all.bottom() - CAPTION));
    let split = body.right() - LEGEND;
    // Thumbnails are left out: a picture is made at once, and they are read later.
    let mut view = MapView {
        drawn: crate::app::map::Drawn { thumbnails: false, ..state.map.view.drawn },
        ..state.map.view.clone()
    };
    // Nobody clicks here.
    let mut out = Commands::default();
    let mut textures = Textures::default();
    let mut part = |rect: Rect, paint: &mut dyn FnMut(&mut Ui)| {
        let mut child = ui.new_child(UiBuilder::new().max_rect(rect));
        child.set_clip_rect(rect);
        paint(&mut child);
    };
    part(Rect::from_min_max(body.min, pos2(split, body.bottom())), &mut |ui| {
        canvases_ui(ui, state, &mut textures, frame, &mut view, &mut out);
    });
    part(Rect::from_min_max(pos2(split, body.top() + space::S8), body.max), &mut |ui| {
        legend::legend_ui(ui, state, &mut view);
    });
    part(Rect::from_min_max(pos2(all.left(), body.bottom()), all.max), &mut |ui| strip::caption_ui(ui, state));
}

fn hex(color: Color32) -> String {
    format!("#{:02x}{:02x}{:02x}", color.r(), color.g(), color.b())
}

fn svg_of(ui: &Ui, state: &State, frame: &MapFrame, size: [u32; 2]) -> String {
    let map = &state.map;
    let colors = tokens(ui);
    let layers = map.layers();
    let ink = |color: Color32| {
        let [r, g, b, a] = color.to_srgba_unmultiplied();
        Ink { color: hex(Color32::from_rgb(r, g, b)), opacity: f32::from(a) / 255.0 }
    };
    let panels: Vec<Panel<'_>> = layers
        .iter()
        .filter_map(|layer| Some((layer, map.placed.get(layer)?)))
        .map(|(layer, placed)| {
            let inked = prepared::inked(&placed.placement.samples, state, ui);
            let fields = frame.prepared.get(layer).and_then(|ready| ready.fields.as_ref());
            let contours = fields.into_iter().flat_map(Fields::contours);
            Panel {
                title: layer,
                placed,
                palette: inked.palette.into_iter().map(ink).collect(),
                inks: inked.inks,
                order: if map.view.drawn.points { inked.order } else { Vec::new() },
                labels: if map.view.drawn.labels { map.labels_of(layer) } else { &[] },
                shades: fields.and_then(Fields::picture).map(|picture| png(&picture)),
                contours: contours
                    .map(|(stroke, lines)| Contours { ink: ink(stroke.color), width: stroke.width, lines })
                    .collect(),
            }
        })
        .collect();
    let legend: Vec<(String, String, String)> = map
        .legend
        .entries
        .iter()
        .zip(map.matching.iter())
        .filter(|(entry, _)| !map.view.off.contains(&entry.label))
        .map(|(entry, count)| (entry.label.clone(), hex(legend::color_of(ui, entry.ink)), text::count(*count)))
        .collect();
    let palette = Palette { ground: hex(colors.window), text: hex(colors.text), faint: hex(colors.text_faint) };
    let scale = (size[0] as f32 / 1280.0).min(size[1] as f32 / 800.0).max(0.1);
    // The same sizes of text and points as in the picture of that many pixels.
    let drawn = [size[0] as f32 / scale, size[1] as f32 / scale];
    svg(&panels, &legend, &strip::caption(state), map.view.camera, map.view.point, drawn, &palette)
}
