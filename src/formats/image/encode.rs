//! Writes a picture as PNG.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use image::ImageEncoder;
use image::codecs::png::PngEncoder;

use super::Picture;

/// Writes `picture` to `path`; folders on the way are made.
///
/// # Errors
/// What the file system says.
pub fn write_png(picture: &Picture, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut out = BufWriter::new(File::create(path)?);
    PngEncoder::new(&mut out)
        .write_image(&picture.rgba, picture.width, picture.height, image::ExtendedColorType::Rgba8)
        .map_err(io::Error::other)?;
    out.flush()
}
