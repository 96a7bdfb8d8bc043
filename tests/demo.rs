//! The demo and screenshots through the real binary, without a display.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use image::RgbaImage;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program where there is no display.
    fn run(&self, args: &[&str], adapter: bool) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopscope"));
        command
            .args(args)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env("SHOPSCOPE_CACHE", self.path("cache"))
            .env("SHOPSCOPE_CONFIG", self.path("config"));
        if !adapter {
            // No driver at all: what a bare container looks like.
            command.env("VK_DRIVER_FILES", "/nonexistent").env("WGPU_BACKEND", "vulkan");
        }
        command.output().expect("the program runs")
    }

    fn demo(&self, more: &[&str], adapter: bool) -> Output {
        let dir = self.path("demo");
        let mut args = vec!["demo", "--dir", dir.to_str().expect("UTF-8"), "--samples", "24"];
        args.extend(more);
        let output = self.run(&args, adapter);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

/// Every file below `dir` with its bytes.
fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            files.insert(path.display().to_string(), fs::read(&path).expect("a file"));
        }
    }
    files
}

fn picture(path: &Path) -> RgbaImage {
    image::load_from_memory(&fs::read(path).expect("the screenshot was written")).expect("it is a PNG").into_rgba8()
}

/// Mean difference of two pictures of one size, 0 to 255.
fn difference(a: &RgbaImage, b: &RgbaImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn without_a_display_the_demo_goes_the_whole_way() {
    let place = Place::new();
    let output = place.demo(&["--size", "900x600"], true);
    let lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("demo-shop: 24 samples, 0 unreadable"), "{lines:?}");
    assert!(lines[1].starts_with("demo-scenes: 24 samples, 0 unreadable"), "{lines:?}");
    let shots: Vec<_> =
        lines.iter().filter(|line| Path::new(line).extension().is_some_and(|ext| ext == "png")).collect();
    assert!(shots.len() >= 18, "each view in both themes: {shots:?}");
    for shot in shots {
        let picture = picture(Path::new(shot));
        assert_eq!(picture.dimensions(), (900, 600));
        let first = picture.get_pixel(450, 300);
        assert!(picture.pixels().any(|pixel| pixel != first), "{shot} is one colour");
    }
    // Drawn once: a second run finds them and writes nothing into them.
    let before = tree(&place.path("demo/demo-shop"));
    place.demo(&["--no-window", "--screenshot", place.path("again.png").to_str().expect("UTF-8")], true);
    assert_eq!(before, tree(&place.path("demo/demo-shop")), "the dataset's folder is as it was");
}

#[test]
fn the_cpu_draws_what_the_adapter_draws() {
    let place = Place::new();
    let shoot = |name: &str, more: &[&str], adapter| {
        let file = place.path(name);
        let mut args = vec!["--screenshot", file.to_str().expect("UTF-8"), "--size", "1000x640"];
        args.extend(more);
        place.demo(&args, adapter);
        picture(&file)
    };
    let adapter = shoot("adapter.png", &[], true);
    let cpu = shoot("cpu.png", &[], false);
    // The status bar names the adapter and the milliseconds: the lowest strip is left out.
    let above = |picture: &RgbaImage| image::imageops::crop_imm(picture, 0, 0, 1000, 610).to_image();
    let far = difference(&above(&adapter), &above(&cpu));
    assert!(far < 0.6, "the CPU's picture differs by {far:.3} of 255 a channel on average");
    let light = difference(&above(&adapter), &above(&shoot("light.png", &["--light"], false)));
    assert!(light > 20.0, "and the comparison tells light from dark: {light:.1}");
}

#[test]
fn a_window_without_a_display_is_refused_with_a_way_out() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).expect("a folder");
    let empty = place.path("empty");
    let output = place.run(&[empty.to_str().expect("UTF-8")], true);
    assert_eq!(output.status.code(), Some(1));
    let sentence = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(sentence.contains("--screenshot"), "{sentence}");
    for (args, code) in [
        (vec!["--screenshot", "x.png", "--size", "1x1"], 2),
        (vec!["--screenshot", "x.png", "--view", "nowhere"], 2),
        (vec!["/nowhere/at/all"], 1),
        (vec!["demo", "--dir", "/proc/nowhere"], 1),
    ] {
        let output = place.run(&args, true);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stderr.is_empty(), "{args:?} says why");
    }
}
