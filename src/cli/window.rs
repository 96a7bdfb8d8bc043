//! `shopscope PATH..`, `shopscope demo`: what window to open, or which pictures of it to draw where there
//! is no display. The views carry it out; here arguments become a [`Launch`].

use std::io::Write;
use std::path::{Path, PathBuf};

use super::index::mapping;
use super::progress;
use super::umap::Device;
use super::{CliError, load, load_mapped};
use crate::app::launch::{Launch, ShotOptions, Target, View, WindowOptions};
use crate::app::map::Drawn;
use crate::app::map::colour::ColourBy;
use crate::app::statistics::Tab;
use crate::app::why::Mode;
use crate::base::{CancelToken, Progress};
use crate::catalog::SearchQuery;
use crate::catalog::filter;
use crate::formats::demo::DemoOptions;
use crate::formats::{Field, FieldMap};
use crate::jobs::demo;
use crate::jobs::map::Compute;
use crate::jobs::map::LabelBy;

/// What everything that opens a window takes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ScreenArgs {
    /// Draw the window off-screen into this PNG instead of opening it.
    #[arg(long, value_name = "OUT.png")]
    screenshot: Option<PathBuf>,
    /// Width and height in pixels.
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(u32, u32)>,
    /// What computes maps: the graphics card where there is one (auto), the adapter that draws (gpu), the processor (cpu).
    #[arg(long, value_name = "DEVICE", value_enum, default_value_t = Device::Auto, hide_default_value = true)]
    device: Device,
    /// What the screenshot shows: grid, inspector, large, map, statistics, why, compare, filters, welcome, open, palette, help, problems.
    #[arg(long, value_name = "VIEW", value_parser = view, default_value = "grid", hide_default_value = true)]
    view: View,
    /// Pixels a point in the screenshot.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, hide_default_value = true)]
    scale: f32,
    /// Light colours in the screenshot; dark without it.
    #[arg(long)]
    light: bool,
    /// A filter to apply before the screenshot.
    #[arg(long, value_name = "EXPR", requires = "screenshot")]
    filter: Option<String>,
    /// A search to apply before the screenshot.
    #[arg(long, value_name = "TEXT", requires = "screenshot")]
    search: Option<String>,
    /// The tab of the statistics: words, parts-of-speech, n-grams, leaves, vocabulary, predictions, paper.
    #[arg(long, value_name = "TAB", requires = "screenshot", value_parser = tab, hide = true)]
    tab: Option<Tab>,
    /// Layers of the map, side by side.
    #[arg(long, value_name = "NAME,..", requires = "screenshot", value_delimiter = ',', hide = true)]
    layers: Vec<String>,
    /// What colours on the map say: dataset, leaf, level1, brand, tag, words, quality, predicted, confidence, correct.
    #[arg(long, value_name = "WHAT", requires = "screenshot", value_parser = colour, hide = true)]
    colour: Option<ColourBy>,
    /// What is drawn on the map: points, density, contours, ratio, labels, thumbnails.
    #[arg(long, value_name = "WHAT,..", requires = "screenshot", value_delimiter = ',', value_parser = Drawn::WORDS, hide = true)]
    drawn: Vec<String>,
    /// Models of the why lens: files, or demo-scenes and demo-shop.
    #[arg(long, value_name = "MODEL,..", requires = "screenshot", value_delimiter = ',', hide = true)]
    models: Vec<PathBuf>,
    /// How maps are shown: overlay, heat, contour, signed.
    #[arg(long, value_name = "MODE", requires = "screenshot", value_parser = mode, hide = true)]
    mode: Option<Mode>,
    /// Show how local the maps are, over many pictures.
    #[arg(long, requires = "screenshot", hide = true)]
    local: bool,
    /// What regions of the map are called by: leaf, level1, level2, brand, words.
    #[arg(long, value_name = "WHAT", requires = "screenshot", value_parser = regions, hide = true)]
    regions: Option<LabelBy>,
}

/// What opens a window: paths without a command.
#[derive(Debug, clap::Args)]
pub(super) struct WindowArgs {
    /// Shards, folders or caption files to open in a window.
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Which column is which field, for the given paths: --map caption=text
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = mapping)]
    map: Vec<(Field, String)>,
    #[command(flatten)]
    screen: ScreenArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// Folder for the two demo datasets (default: in the cache directory of the system).
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Make and index the datasets and draw each view into a PNG, without a window.
    #[arg(long)]
    no_window: bool,
    /// Samples of each dataset.
    #[arg(long, value_name = "N", default_value_t = 2000, hide = true)]
    samples: u32,
    #[command(flatten)]
    screen: ScreenArgs,
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("\"{text}\" is not a size such as 1280x800");
    let (width, height) = text.split_once(['x', 'X', '×']).ok_or_else(wrong)?;
    let side = |text: &str| text.trim().parse().ok().filter(|side| (64..=8192).contains(side));
    match (side(width), side(height)) {
        (Some(width), Some(height)) => Ok((width, height)),
        (None, _) | (_, None) if width.trim().parse::<u32>().is_ok() && height.trim().parse::<u32>().is_ok() => {
            Err("a side is 64 to 8192 pixels".to_owned())
        }
        _ => Err(wrong()),
    }
}

fn view(word: &str) -> Result<View, String> {
    View::from_word(word).ok_or_else(|| {
        let words: Vec<_> = View::ALL.iter().map(|(_, word)| *word).collect();
        format!("the views are {}", words.join(", "))
    })
}

fn tab(word: &str) -> Result<Tab, String> {
    Tab::ALL.into_iter().find(|tab| tab.word() == word).ok_or_else(|| {
        let words: Vec<_> = Tab::ALL.iter().map(|tab| tab.word()).collect();
        format!("the tabs are {}", words.join(", "))
    })
}

fn colour(word: &str) -> Result<ColourBy, String> {
    ColourBy::from_word(word).ok_or_else(|| format!("points are not coloured by \"{word}\""))
}

fn mode(word: &str) -> Result<Mode, String> {
    Mode::ALL.into_iter().find(|mode| mode.word() == word).ok_or_else(|| {
        let words: Vec<_> = Mode::ALL.iter().map(|mode| mode.word()).collect();
        format!("maps are shown as {}", words.join(", "))
    })
}

fn regions(word: &str) -> Result<LabelBy, String> {
    LabelBy::from_word(word).ok_or_else(|| format!("regions are not called by \"{word}\""))
}

impl ScreenArgs {
    fn shot(&self) -> ShotOptions {
        ShotOptions {
            size: self.size.unwrap_or((1280, 800)),
            scale: self.scale.clamp(0.5, 4.0),
            view: self.view,
            light: self.light,
            filter: self.filter.clone(),
            search: self.search.clone(),
            tab: self.tab,
            layers: self.layers.clone(),
            colour: self.colour,
            drawn: self.drawn.clone(),
            models: self.models.clone(),
            mode: self.mode.unwrap_or_default(),
            local: self.local,
            label_by: self.regions,
        }
    }

    /// A filter or search that cannot be read would leave the picture unfiltered without a word.
    fn check(&self) -> Result<(), CliError> {
        if let Some(text) = &self.filter {
            filter::parse(text)?;
        }
        if let Some(text) = &self.search {
            SearchQuery::parse(text)?;
        }
        Ok(())
    }

    fn compute(&self) -> Compute {
        match self.device {
            Device::Auto => Compute::Auto,
            Device::Gpu => Compute::Gpu,
            Device::Cpu => Compute::Cpu,
        }
    }

    fn target(&self) -> Target {
        match &self.screenshot {
            Some(file) => Target::Files(vec![(self.shot(), file.clone())]),
            None => Target::Screen(self.size.map(|(width, height)| (width as f32, height as f32))),
        }
    }
}

/// True if there is a display to open a window on.
fn has_display() -> bool {
    if cfg!(any(target_os = "windows", target_os = "macos")) {
        return true;
    }
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

pub(super) fn run(args: WindowArgs, catalog_dir: Option<PathBuf>) -> Result<Launch, CliError> {
    args.screen.check()?;
    let map = FieldMap(args.map.into_iter().collect());
    if let Some(missing) = args.paths.iter().find(|path| !path.exists()) {
        return Err(crate::formats::FormatError::Missing(missing.clone()).into());
    }
    if args.screen.screenshot.is_none() && !has_display() {
        return Err(CliError::Failed(
            "there is no display; draw the window into a file with --screenshot OUT.png, or use a command (shopscope --help)"
                .to_owned(),
        ));
    }
    if args.screen.screenshot.is_some() && !args.paths.is_empty() {
        // Indexed first, so that the picture shows everything and failures are told on stderr.
        load_mapped(&args.paths, catalog_dir.clone(), true, map.clone())?;
    }
    let compute = args.screen.compute();
    let options = WindowOptions { paths: args.paths, map, catalog_dir, compute, ..WindowOptions::default() };
    Ok(Launch { options, target: args.screen.target() })
}

pub(super) fn run_demo(args: &DemoArgs, catalog_dir: Option<PathBuf>, out: &mut dyn Write) -> Result<Launch, CliError> {
    args.screen.check()?;
    let dir = args.dir.clone().unwrap_or_else(demo::default_dir);
    let demo_options = DemoOptions { samples_per_dataset: args.samples, ..DemoOptions::default() };
    let begun = std::time::Instant::now();
    let progress = Progress::default();
    let roots = progress::drawn(&progress, || demo::ensure(&dir, &demo_options, &progress, &CancelToken::default()))?;
    eprintln!("shopscope: the demo datasets are in {} ({:.1} s)", dir.display(), begun.elapsed().as_secs_f64());
    let windowless = args.no_window || (args.screen.screenshot.is_none() && !has_display());
    if !windowless {
        let compute = args.screen.compute();
        let options = WindowOptions { paths: roots, catalog_dir, compute, ..WindowOptions::default() };
        return Ok(Launch { options, target: args.screen.target() });
    }
    let loaded = load(&roots, catalog_dir.clone(), true)?;
    for dataset in &loaded.report.datasets {
        writeln!(
            out,
            "{}: {} samples, {} unreadable: {}",
            dataset.name,
            dataset.samples,
            dataset.unreadable,
            dataset.root.display()
        )?;
    }
    let shots = match &args.screen.screenshot {
        Some(file) => vec![(args.screen.shot(), file.clone())],
        None => every_view(&dir.join("screenshots"), &args.screen),
    };
    let compute = args.screen.compute();
    let options = WindowOptions { paths: roots, catalog_dir, compute, ..WindowOptions::default() };
    Ok(Launch { options, target: Target::Files(shots) })
}

/// A picture of each view in both themes.
fn every_view(dir: &Path, screen: &ScreenArgs) -> Vec<(ShotOptions, PathBuf)> {
    View::ALL
        .into_iter()
        .flat_map(|(view, word)| {
            [(false, "dark"), (true, "light")].map(|(light, theme)| {
                (ShotOptions { view, light, ..screen.shot() }, dir.join(format!("{word}-{theme}.png")))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, expect) in [
            ("1280x800", Some((1280, 800))),
            ("2560X1440", Some((2560, 1440))),
            ("1280", None),
            ("0x800", None),
            ("99999x10", None),
            ("axb", None),
        ] {
            assert_eq!(size(text).ok(), expect, "{text}");
        }
    }
}
