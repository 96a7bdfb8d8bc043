//! The look of the window: design tokens, faces and both themes.
//!
//! `assets/tokens.toml` is compiled in and read once into [`Tokens`]; [`install`] turns it into egui's styles for
//! light and dark and hands egui the faces of `assets/fonts/`. Views never write a colour or a size of their own: they
//! take [`space`], [`radius`], [`tokens`] and [`dataset_color`], so that a change of the file changes the window.
//!
//! The look is that of an instrument: grounds differ by a shade, areas are parted by hairlines, hover brightens the
//! ground and moves nothing (no widget expands, and all states have strokes of one width).

use std::sync::{Arc, LazyLock};

use egui::style::{ScrollStyle, Selection, TextCursorStyle, WidgetVisuals, Widgets};
use egui::{
    Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Spacing, Stroke, Style,
    TextStyle, Theme, Visuals, vec2,
};
use serde::{Deserialize, Deserializer};

/// Distances in points. They are those of the token file (a test compares them).
pub mod space {
    /// Between an icon and its word.
    pub const S4: f32 = 4.0;
    /// Between controls of a group.
    pub const S8: f32 = 8.0;
    /// Inside a panel, round its content.
    pub const S12: f32 = 12.0;
    /// Between groups.
    pub const S16: f32 = 16.0;
    /// Between sections.
    pub const S24: f32 = 24.0;
}

/// Corner radii in points. They are those of the token file (a test compares them).
pub mod radius {
    /// Buttons, fields, chips.
    pub const CONTROL: u8 = 4;
    /// Cards, menus, windows.
    pub const CARD: u8 = 6;
}

/// Everything that `assets/tokens.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Distances in points.
    pub space: Space,
    /// Corner radii in points.
    pub radius: Radius,
    /// Text sizes in points.
    pub text: TextSizes,
    /// Durations.
    pub motion: Motion,
    /// Colours of datasets.
    pub datasets: Datasets,
    /// Colours of other names.
    pub categories: Datasets,
    /// Colours of values, from low to high.
    pub scale: Datasets,
    /// The dark theme.
    pub dark: ThemeColors,
    /// The light theme.
    pub light: ThemeColors,
}

/// Distances in points; see [`space`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say the distances")]
pub struct Space {
    pub s4: f32,
    pub s8: f32,
    pub s12: f32,
    pub s16: f32,
    pub s24: f32,
}

/// Corner radii in points; see [`radius`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Radius {
    /// Buttons, fields, chips.
    pub control: u8,
    /// Cards, menus, windows.
    pub card: u8,
}

/// Text sizes in points.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSizes {
    /// Captions in the grid, counts, the status bar.
    pub small: f32,
    /// Everything else.
    pub body: f32,
    /// Names of sections.
    pub heading: f32,
    /// The name of the sample, the welcome screen.
    pub title: f32,
}

/// Durations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Motion {
    /// Length of a fade in seconds.
    pub seconds: f32,
}

/// A list of colours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Datasets {
    /// Of datasets in the order in which they are opened; reused from the start beyond the last.
    #[serde(deserialize_with = "colors")]
    pub colors: Vec<Color32>,
}

/// The colours of one theme.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThemeColors {
    /// What lies behind everything: the ground of the grid, the map and the picture.
    #[serde(deserialize_with = "color")]
    pub window: Color32,
    /// Side bars, top and bottom bar.
    #[serde(deserialize_with = "color")]
    pub panel: Color32,
    /// Controls, cards, menus.
    #[serde(deserialize_with = "color")]
    pub raised: Color32,
    /// What the pointer is on.
    #[serde(deserialize_with = "color")]
    pub hover: Color32,
    /// What is being pressed.
    #[serde(deserialize_with = "color")]
    pub pressed: Color32,
    /// Lines between areas.
    #[serde(deserialize_with = "color")]
    pub hairline: Color32,
    /// Lines round what can be typed into.
    #[serde(deserialize_with = "color")]
    pub outline: Color32,
    /// Text.
    #[serde(deserialize_with = "color")]
    pub text: Color32,
    /// Headings and what the eye is on.
    #[serde(deserialize_with = "color")]
    pub text_strong: Color32,
    /// Captions, whole counts behind filtered ones. Still 4.5:1.
    #[serde(deserialize_with = "color")]
    pub text_faint: Color32,
    /// What cannot be used now. Below 4.5:1 on purpose.
    #[serde(deserialize_with = "color")]
    pub text_disabled: Color32,
    /// Focus ring, links, the brush: lines and text.
    #[serde(deserialize_with = "color")]
    pub accent: Color32,
    /// Ground of the one button that matters.
    #[serde(deserialize_with = "color")]
    pub accent_fill: Color32,
    /// Text on `accent_fill`.
    #[serde(deserialize_with = "color")]
    pub on_accent: Color32,
    /// Ground of what is selected; text on it is `accent` or `text_strong`.
    #[serde(deserialize_with = "color")]
    pub selection: Color32,
    /// Histogram bars and shares of the whole; the filtered part is `accent`.
    #[serde(deserialize_with = "color")]
    pub bar: Color32,
    /// Text and icon of a warning.
    #[serde(deserialize_with = "color")]
    pub warning: Color32,
    /// Text and icon of an error.
    #[serde(deserialize_with = "color")]
    pub error: Color32,
    /// Text and icon of what went well.
    #[serde(deserialize_with = "color")]
    pub ok: Color32,
    /// Alpha of the black under menus and windows.
    pub shadow: u8,
}

fn color<'de, D: Deserializer<'de>>(from: D) -> Result<Color32, D::Error> {
    let text = String::deserialize(from)?;
    Color32::from_hex(&text).map_err(|_| serde::de::Error::custom(format!("\"{text}\" is no colour like \"#15171a\"")))
}

fn colors<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Color32>, D::Error> {
    #[derive(Deserialize)]
    struct One(#[serde(deserialize_with = "color")] Color32);
    Ok(Vec::<One>::deserialize(from)?.into_iter().map(|one| one.0).collect())
}

static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    toml::from_str(include_str!("../../assets/tokens.toml")).expect("the token file is compiled in and tested")
});

/// All tokens.
#[must_use]
pub fn all() -> &'static Tokens {
    &TOKENS
}

/// The colours of the dark or the light theme.
#[must_use]
pub fn colors_of(dark: bool) -> &'static ThemeColors {
    if dark { &TOKENS.dark } else { &TOKENS.light }
}

/// The colours of the theme in which `ui` is drawn.
#[must_use]
pub fn tokens(ui: &egui::Ui) -> &'static ThemeColors {
    colors_of(ui.visuals().dark_mode)
}

/// The colour of the dataset that was opened as number `index` (from 0); the list starts again beyond its end.
#[must_use]
pub fn dataset_color(index: usize) -> Color32 {
    let colors = &TOKENS.datasets.colors;
    colors[index % colors.len()]
}

/// The colour of the name of rank `index` on the map.
#[must_use]
pub fn category_color(index: usize) -> Color32 {
    let colors = &TOKENS.categories.colors;
    colors[index % colors.len()]
}

/// The colour of a value between 0 (low) and 1 (high).
#[must_use]
pub fn scale_color(value: f32) -> Color32 {
    let colors = &TOKENS.scale.colors;
    let at = value.clamp(0.0, 1.0) * (colors.len() - 1) as f32;
    let low = (at as usize).min(colors.len() - 2);
    colors[low].lerp_to_gamma(colors[low + 1], at - low as f32)
}

/// The family of headings and of the row the eye is on.
#[must_use]
pub fn strong_family() -> FontFamily {
    FontFamily::Name("strong".into())
}

/// Body size in the strong face: names of sections in side bars, the filtered count.
#[must_use]
pub fn strong() -> TextStyle {
    TextStyle::Name("strong".into())
}

/// The largest text: the name of a sample, the welcome screen.
#[must_use]
pub fn title() -> TextStyle {
    TextStyle::Name("title".into())
}

/// Gives egui the faces and both styles. Call it once, before the first frame; which of the two themes is shown is
/// egui's own choice (`ctx.set_theme`).
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    ctx.set_style_of(Theme::Dark, style(Theme::Dark));
    ctx.set_style_of(Theme::Light, style(Theme::Light));
}

/// Switches fades off (or on again), for systems and people that ask for less motion.
pub fn set_less_motion(ctx: &egui::Context, less: bool) {
    let seconds = if less { 0.0 } else { TOKENS.motion.seconds };
    ctx.all_styles_mut(|style| {
        style.animation_time = seconds;
        style.scroll_animation = scroll_animation(less);
    });
}

/// Draws a line round the fields that follow in this `ui`, so that what can be typed into is seen on a panel.
pub fn outline_fields(ui: &mut egui::Ui) {
    let line = Stroke::new(1.0, tokens(ui).outline);
    let widgets = &mut ui.visuals_mut().widgets;
    widgets.inactive.bg_stroke = line;
    widgets.hovered.bg_stroke = line;
}

/// The frame of a card: raised ground, rounded, no line.
pub fn card(ui: &egui::Ui) -> egui::Frame {
    egui::Frame::new().fill(tokens(ui).raised).corner_radius(radius::CARD).inner_margin(Margin::same(space::S12 as i8))
}

fn scroll_animation(less: bool) -> egui::style::ScrollAnimation {
    if less {
        egui::style::ScrollAnimation::none()
    } else {
        egui::style::ScrollAnimation::duration(TOKENS.motion.seconds)
    }
}

/// Our faces in front, egui's own behind them for what ours lack (emoji among it).
fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let faces: [(&str, &'static [u8]); 4] = [
        ("Inter", include_bytes!("../../assets/fonts/Inter-Regular.ttf")),
        ("Inter SemiBold", include_bytes!("../../assets/fonts/Inter-SemiBold.ttf")),
        ("JetBrains Mono", include_bytes!("../../assets/fonts/JetBrainsMono-Regular.ttf")),
        ("Icons", include_bytes!("../../assets/fonts/Icons.ttf")),
    ];
    for (name, bytes) in faces {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let rest = fonts.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let rest_mono = fonts.families.get(&FontFamily::Monospace).cloned().unwrap_or_default();
    let chain = |ours: &[&str], rest: &[String]| -> Vec<String> {
        ours.iter().map(|name| (*name).to_owned()).chain(rest.iter().cloned()).collect()
    };
    fonts.families.insert(FontFamily::Proportional, chain(&["Inter", "Icons"], &rest));
    fonts.families.insert(strong_family(), chain(&["Inter SemiBold", "Icons", "Inter"], &rest));
    fonts.families.insert(FontFamily::Monospace, chain(&["JetBrains Mono", "Icons", "Inter"], &rest_mono));
    fonts
}

fn style(theme: Theme) -> Style {
    let tokens = all();
    let text = &tokens.text;
    let body = FontId::proportional(text.body);
    Style {
        text_styles: [
            (TextStyle::Small, FontId::proportional(text.small)),
            (TextStyle::Body, body.clone()),
            (TextStyle::Button, body),
            (TextStyle::Monospace, FontId::monospace(text.small)),
            (TextStyle::Heading, FontId::new(text.heading, strong_family())),
            (strong(), FontId::new(text.body, strong_family())),
            (title(), FontId::new(text.title, strong_family())),
        ]
        .into(),
        spacing: spacing(),
        visuals: visuals(theme),
        animation_time: tokens.motion.seconds,
        scroll_animation: scroll_animation(false),
        ..theme.default_style()
    }
}

fn spacing() -> Spacing {
    Spacing {
        item_spacing: vec2(space::S8, space::S4),
        window_margin: Margin::same(space::S12 as i8),
        menu_margin: Margin::same(space::S4 as i8),
        button_padding: vec2(space::S8, 3.0),
        interact_size: vec2(24.0, 24.0),
        indent: space::S16,
        icon_width: 14.0,
        icon_width_inner: 8.0,
        icon_spacing: 6.0,
        slider_rail_height: 4.0,
        combo_height: 320.0,
        tooltip_width: 360.0,
        menu_spacing: space::S4,
        scroll: ScrollStyle { bar_width: 8.0, floating_width: 4.0, handle_min_length: 24.0, ..ScrollStyle::floating() },
        ..Spacing::default()
    }
}

fn visuals(theme: Theme) -> Visuals {
    let dark = theme == Theme::Dark;
    let c = colors_of(dark);
    let control = CornerRadius::same(radius::CONTROL);
    let card = CornerRadius::same(radius::CARD);
    let base = if dark { Visuals::dark() } else { Visuals::light() };
    // One stroke width and no expansion in every state: a hovered control is brighter, not larger.
    let state = |fill: Color32, weak: Color32, line: Color32, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: weak,
        bg_stroke: Stroke::new(1.0, line),
        fg_stroke: Stroke::new(1.0, text),
        corner_radius: control,
        expansion: 0.0,
    };
    let shadow = |offset: i8, blur: u8| Shadow {
        offset: [0, offset],
        blur,
        spread: 0,
        color: Color32::from_black_alpha(c.shadow),
    };
    Visuals {
        dark_mode: dark,
        weak_text_color: Some(c.text_faint),
        widgets: Widgets {
            noninteractive: state(c.panel, c.panel, c.hairline, c.text),
            inactive: state(c.hover, c.raised, Color32::TRANSPARENT, c.text),
            hovered: state(c.pressed, c.hover, Color32::TRANSPARENT, c.text_strong),
            // egui draws what has the keyboard's focus as active, too: the line is the focus ring.
            active: state(c.pressed, c.pressed, c.accent, c.text_strong),
            open: state(c.hover, c.hover, Color32::TRANSPARENT, c.text_strong),
        },
        selection: Selection { bg_fill: c.selection, stroke: Stroke::new(1.0, c.accent) },
        hyperlink_color: c.accent,
        faint_bg_color: c.panel.lerp_to_gamma(c.raised, 0.5),
        extreme_bg_color: c.window,
        text_edit_bg_color: Some(c.window),
        code_bg_color: c.raised,
        warn_fg_color: c.warning,
        error_fg_color: c.error,
        window_corner_radius: card,
        window_shadow: shadow(8, 24),
        window_fill: if dark { c.raised } else { c.window },
        window_stroke: Stroke::new(1.0, c.outline),
        window_highlight_topmost: false,
        menu_corner_radius: card,
        panel_fill: c.panel,
        popup_shadow: shadow(4, 16),
        text_cursor: TextCursorStyle { stroke: Stroke::new(1.5, c.accent), ..base.text_cursor.clone() },
        indent_has_left_vline: false,
        striped: false,
        slider_trailing_fill: true,
        handle_shape: egui::style::HandleShape::Circle,
        image_loading_spinners: false,
        ..base
    }
}

/// Contrast of two opaque colours by WCAG 2.2 (1.4.3): (lighter + 0.05) / (darker + 0.05) of their relative luminances;
/// from 1 (equal) to 21 (black on white), whichever of the two is the text.
#[must_use]
pub fn contrast(a: Color32, b: Color32) -> f64 {
    fn luminance(color: Color32) -> f64 {
        let [r, g, b] = [color.r(), color.g(), color.b()].map(|byte| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::icons;

    /// WCAG's bound for text; for lines and shapes that mean something it is 3.
    const TEXT: f64 = 4.5;
    const SHAPE: f64 = 3.0;

    /// Names of the pairs of text and ground that are harder to read than `TEXT`.
    fn faint_pairs(c: &ThemeColors) -> Vec<String> {
        let grounds = [("window", c.window), ("panel", c.panel), ("raised", c.raised), ("hover", c.hover)];
        let texts = [
            ("text", c.text),
            ("text_strong", c.text_strong),
            ("text_faint", c.text_faint),
            ("accent", c.accent),
            ("warning", c.warning),
            ("error", c.error),
            ("ok", c.ok),
        ];
        let mut pairs = vec![
            ("text_strong", c.text_strong, "selection", c.selection),
            ("text", c.text, "selection", c.selection),
            ("accent", c.accent, "selection", c.selection),
            ("text_strong", c.text_strong, "pressed", c.pressed),
            ("text", c.text, "bar", c.bar),
            ("on_accent", c.on_accent, "accent_fill", c.accent_fill),
        ];
        for (ground_name, ground) in grounds {
            pairs.extend(texts.map(|(name, text)| (name, text, ground_name, ground)));
        }
        pairs
            .into_iter()
            .filter(|(_, text, _, ground)| contrast(*text, *ground) < TEXT)
            .map(|(text_name, text, ground_name, ground)| {
                format!("{text_name} on {ground_name}: {:.2}", contrast(text, ground))
            })
            .collect()
    }

    #[test]
    fn the_formula_is_wcags() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 1e-9);
        assert!((contrast(Color32::RED, Color32::RED) - 1.0).abs() < 1e-9);
        // Well-known neighbours of the bound: #767676 passes on white, #777777 does not.
        assert!(contrast(Color32::from_gray(0x76), Color32::WHITE) >= TEXT);
        assert!(contrast(Color32::from_gray(0x77), Color32::WHITE) < TEXT);
    }

    #[test]
    fn text_can_be_read_in_both_themes() {
        assert_eq!(faint_pairs(colors_of(true)), Vec::<String>::new(), "dark");
        assert_eq!(faint_pairs(colors_of(false)), Vec::<String>::new(), "light");
    }

    /// The comparison must be able to fail: grey text on a grey panel.
    #[test]
    fn a_faint_pair_is_found() {
        let mut tokens: Tokens = toml::from_str(include_str!("../../assets/tokens.toml")).unwrap();
        tokens.dark.text_faint = Color32::from_gray(0x60);
        assert!(faint_pairs(&tokens.dark).iter().any(|pair| pair.starts_with("text_faint on panel")));
    }

    #[test]
    fn constants_are_the_files() {
        let Tokens { space: s, radius: r, motion, .. } = all();
        assert_eq!([s.s4, s.s8, s.s12, s.s16, s.s24], [space::S4, space::S8, space::S12, space::S16, space::S24]);
        assert_eq!([r.control, r.card], [radius::CONTROL, radius::CARD]);
        assert!(motion.seconds <= 0.12);
    }

    #[test]
    fn an_unknown_or_wrong_token_is_refused() {
        let good = include_str!("../../assets/tokens.toml");
        let refused = |from: &str, to: &str| {
            assert!(good.contains(from));
            toml::from_str::<Tokens>(&good.replacen(from, to, 1)).is_err()
        };
        assert!(refused("s24 = 24.0", "s24 = 24.0\ns32 = 32.0"), "unknown distance");
        assert!(refused("#15171a", "15171a"), "colour without its sign");
        assert!(refused("[light]\n", "[light]\ninvisible = \"#ffffff\"\n"), "unknown colour");
    }

    #[test]
    fn datasets_are_told_apart() {
        let colors = &all().datasets.colors;
        assert_eq!((dataset_color(0), dataset_color(1)), (colors[0], colors[1]));
        assert_eq!(dataset_color(colors.len()), colors[0]);
        for (i, a) in colors.iter().enumerate() {
            for b in &colors[i + 1..] {
                let apart: u32 = [(a.r(), b.r()), (a.g(), b.g()), (a.b(), b.b())]
                    .map(|(x, y)| u32::from(x.abs_diff(y)).pow(2))
                    .iter()
                    .sum();
                assert!(apart > 60 * 60, "{a:?} and {b:?} are close");
            }
            for theme in [true, false] {
                let c = colors_of(theme);
                assert!(![c.accent, c.accent_fill, c.warning, c.error, c.ok].contains(a), "{a:?} is used twice");
            }
        }
        // Points of the first two, which are what most people compare, must be seen on both grounds.
        for dark in [true, false] {
            for color in &colors[..2] {
                assert!(contrast(*color, colors_of(dark).window) >= SHAPE, "{color:?}, dark: {dark}");
            }
        }
    }

    #[test]
    fn hover_moves_nothing() {
        for theme in [Theme::Dark, Theme::Light] {
            let widgets = visuals(theme).widgets;
            for state in [widgets.noninteractive, widgets.inactive, widgets.hovered, widgets.active, widgets.open] {
                assert_eq!((state.expansion, state.bg_stroke.width, state.fg_stroke.width), (0.0, 1.0, 1.0));
            }
        }
    }

    /// Widths of texts in a face after `install`.
    fn widths(ctx: &egui::Context, style: &TextStyle, texts: &[&str]) -> Vec<f32> {
        let font = style.resolve(&ctx.global_style());
        texts
            .iter()
            .map(|text| {
                ctx.fonts_mut(|fonts| fonts.layout_no_wrap((*text).to_owned(), font.clone(), Color32::WHITE)).size().x
            })
            .collect()
    }

    #[test]
    fn figures_are_tabular_and_icons_are_there() {
        let ctx = egui::Context::default();
        install(&ctx);
        // Faces come into use with the first frame, whose textures nobody draws here.
        ctx.run_ui(egui::RawInput::default(), |_| {}).textures_delta.clear();
        for style in [TextStyle::Body, TextStyle::Small, strong(), title(), TextStyle::Monospace] {
            let wide = widths(&ctx, &style, &["1,111", "8,888", "0,740"]);
            assert!(wide.iter().all(|width| (width - wide[0]).abs() < 0.01), "{style:?}: {wide:?}");
            let font = style.resolve(&ctx.global_style());
            for (name, icon) in icons::ALL {
                assert!(ctx.fonts_mut(|fonts| fonts.has_glyphs(&font, icon)), "no glyph for {name} in {style:?}");
            }
            assert!(ctx.fonts_mut(|fonts| fonts.has_glyphs(&font, "Größe Ελληνικά Кириллица → × … – “”")));
            // What no face has is known as such: the check can fail.
            assert!(!ctx.fonts_mut(|fonts| fonts.has_glyphs(&font, "\u{f8ef}")));
        }
        // Letters are not tabular, or the test above would prove nothing.
        let letters = widths(&ctx, &TextStyle::Body, &["iiiii", "mmmmm"]);
        assert!(letters[0] < letters[1]);
    }
}
