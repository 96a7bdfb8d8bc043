//! Writes a picture as PNG.

use std::io;
use std::path::Path;

use image::ImageEncoder;
use image::codecs::png::PngEncoder;

use super::Picture;

/// The PNG of a picture.
///
/// # Panics
/// If `rgba` is not `width * height * 4` bytes long.
#[must_use]
pub fn png(picture: &Picture) -> Vec<u8> {
    let mut out = Vec::new();
    PngEncoder::new(&mut out)
        .write_image(&picture.rgba, picture.width, picture.height, image::ExtendedColorType::Rgba8)
        .expect("memory can be written and the size fits");
    out
}

/// Writes `picture` to `path`; folders on the way are made.
///
/// # Errors
/// What the file system says.
pub fn write_png(picture: &Picture, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, png(picture))
}
