//! The real binary in a real window: a bare X server in memory, Mesa's software Vulkan, a small folder of pictures.
//!
//! The X server writes its screen into a file (XWD, X11/XWDFile.h), so that the test sees what a person would see.
//! Everything else about the window is tested without one, by accessible labels.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A debug build on two busy cores, drawing in software, takes seconds for its first frame; a minute means it hangs.
const PATIENCE: Duration = Duration::from_secs(90);
/// The pictures have thousands of vivid colours; the window itself is grey, with an accent or two.
const COLOURS: usize = 200;

/// An X server without a screen; it ends with the value.
struct Xvfb {
    server: Child,
    display: String,
    frame_buffer: TempDir,
}

impl Xvfb {
    /// `None` where there is no Xvfb and nobody insists on it.
    fn start() -> Option<Self> {
        let frame_buffer = tempfile::tempdir().expect("a temporary folder");
        let started = Command::new("Xvfb")
            // It takes a free number by itself and says it on standard output when it is ready.
            .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset", "-fbdir"])
            .arg(frame_buffer.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut server = match started {
            Ok(server) => server,
            Err(error) if std::env::var_os("CI").is_none() => {
                println!("left out: no Xvfb ({error}); scripts/test installs or names it");
                return None;
            }
            Err(error) => panic!("the window test needs Xvfb ({error}); scripts/test installs it"),
        };
        let mut number = String::new();
        let stdout = server.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut number).expect("the number of the display");
        let number = number.trim();
        assert!(!number.is_empty(), "Xvfb ended before it was ready");
        Some(Self { display: format!(":{number}"), server, frame_buffer })
    }

    /// The pixels of the screen as 0xRRGGBB, or `None` while the server is still writing its header.
    fn screen(&self) -> Option<Vec<u32>> {
        let bytes = fs::read(self.frame_buffer.path().join("Xvfb_screen0")).ok()?;
        let word = |at: usize| bytes.get(at * 4..at * 4 + 4).map(|b| u32::from_be_bytes(b.try_into().expect("four")));
        let [header, width, height, stride, colours] = [word(0)?, word(4)?, word(5)?, word(12)?, word(19)?];
        let (bits, most_significant_first) = (word(11)?, word(7)? == 1);
        assert_eq!(bits, 32, "a screen of depth 24 has 32 bits a pixel");
        let start = (header + colours * 12) as usize;
        let mut pixels = Vec::with_capacity((width * height) as usize);
        for row in 0..height as usize {
            let line = bytes.get(start + row * stride as usize..)?.get(..width as usize * 4)?;
            pixels.extend(line.chunks_exact(4).map(|pixel| {
                let pixel = pixel.try_into().expect("four");
                0x00ff_ffff & if most_significant_first { u32::from_be_bytes(pixel) } else { u32::from_le_bytes(pixel) }
            }));
        }
        Some(pixels)
    }

    /// How many vivid colours the screen shows; greys and soft tints, which the window is made of, do not count.
    fn colours(&self) -> usize {
        let is_vivid = |pixel: &u32| {
            let [_, r, g, b] = pixel.to_be_bytes();
            r.max(g).max(b) - r.min(g).min(b) > 80
        };
        self.screen().map_or(0, |pixels| pixels.into_iter().filter(is_vivid).collect::<BTreeSet<_>>().len())
    }
}

impl Drop for Xvfb {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The running program; it ends with the value.
struct Window {
    program: Child,
    scratch: TempDir,
}

impl Window {
    fn open(display: &str, change: impl FnOnce(&mut Command)) -> Self {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| scratch.path().join(name);
        write_pictures(&at("pictures"));
        fs::create_dir(at("runtime")).expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopscope"));
        command
            .arg(at("pictures"))
            .env("DISPLAY", display)
            .env("WGPU_BACKEND", "vulkan")
            .env("XDG_RUNTIME_DIR", at("runtime"))
            .env("SHOPSCOPE_CACHE", at("cache"))
            .env("SHOPSCOPE_CONFIG", at("config"))
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(at("stderr")).expect("a file"));
        change(&mut command);
        let program = command.spawn().expect("the program starts");
        Self { program, scratch }
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.scratch.path().join("stderr")).unwrap_or_default()
    }

    /// How it ended, or `None` if `until` became true first.
    fn wait(&mut self, mut until: impl FnMut() -> bool) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.program.try_wait().expect("it can be asked") {
                return Some(status);
            }
            if until() {
                return None;
            }
            assert!(start.elapsed() < PATIENCE, "nothing happened in {PATIENCE:?}; it said:\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Three classes of eight pictures, each a colour ramp of its own.
fn write_pictures(folder: &Path) {
    for (class, name) in ["caps", "mugs", "shoes"].iter().enumerate() {
        let class_folder = folder.join(name);
        fs::create_dir_all(&class_folder).expect("a folder");
        for number in 0..8_u8 {
            let picture = image::RgbImage::from_fn(96, 96, |x, y| {
                let mut pixel = [x as u8 * 2, y as u8 * 2, number * 30];
                pixel.rotate_left(class);
                image::Rgb(pixel)
            });
            picture.save(class_folder.join(format!("{number}.png"))).expect("a picture");
        }
    }
}

#[test]
fn a_window_opens_and_shows_the_pictures() {
    let Some(screen) = Xvfb::start() else { return };
    assert!(screen.colours() < COLOURS, "the empty screen is not empty");
    let mut window = Window::open(&screen.display, |_| {});
    if let Some(status) = window.wait(|| screen.colours() >= COLOURS) {
        panic!("it ended ({status}) before it showed anything; it said:\n{}", window.stderr());
    }
    assert!(!window.stderr().contains("panicked"), "{}", window.stderr());
}

#[test]
fn it_closes_by_itself_and_well() {
    let Some(screen) = Xvfb::start() else { return };
    let mut window = Window::open(&screen.display, |command| {
        command.env("SHOPSCOPE_EXIT_AFTER_FRAMES", "10");
    });
    let status = window.wait(|| false).expect("only its end is waited for");
    assert!(status.success(), "it ended with {status}; it said:\n{}", window.stderr());
    assert!(!window.stderr().contains("panicked"), "{}", window.stderr());
}

/// Where nothing can be drawn the program says so in a sentence and fails, so that the tests above cannot pass there.
#[test]
fn without_a_screen_or_a_driver_it_fails_with_a_sentence() {
    let Some(screen) = Xvfb::start() else { return };
    let no_driver = Window::open(&screen.display, |command| {
        command.env("VK_DRIVER_FILES", "/nowhere.json").env("VK_ICD_FILENAMES", "/nowhere.json");
        command.env("SHOPSCOPE_EXIT_AFTER_FRAMES", "10");
    });
    let no_screen = Window::open("", |command| {
        command.env_remove("DISPLAY").env("SHOPSCOPE_EXIT_AFTER_FRAMES", "10");
    });
    for (mut window, what) in [(no_driver, "driver"), (no_screen, "screen")] {
        let status = window.wait(|| false).expect("only its end is waited for");
        let said = window.stderr();
        assert_eq!(status.code(), Some(1), "without a {what} it ended with {status}; it said:\n{said}");
        assert!(!said.contains("panicked") && said.trim().contains(' '), "without a {what} it said:\n{said}");
    }
}
