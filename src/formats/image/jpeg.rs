//! JPEG: full decode by zune-jpeg (fast, forgiving with cut files), scaled decode by jpeg-decoder, which
//! reconstructs each 8 x 8 block at 1/8, 1/4 or 1/2 of its size and so skips most of the work, or by
//! libjpeg-turbo with the feature `turbojpeg`.
//!
//! Four-component files are CMYK or YCCK. Both decoders are asked for inks and one function here
//! turns them into RGB. Adobe's files (those with an Adobe segment) store inks inverted, others do not.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::probe::{Header, MAX_SIDE};
use super::raster::{Layout, Raster};

/// Decodes all of it. What a cut file lacks stays gray.
pub(super) fn full(bytes: &[u8], header: &Header) -> Result<Raster, String> {
    // jpeg-decoder reads a few kinds that zune-jpeg does not (lossless).
    by_zune(bytes, header).or_else(|reason| by_jpeg_decoder(bytes, header, 8).map_err(|_| reason))
}

fn by_zune(bytes: &[u8], header: &Header) -> Result<Raster, String> {
    let wanted = match (header.components, header.adobe) {
        (4, Some(2)) => ColorSpace::YCCK,
        (4, _) => ColorSpace::CMYK,
        _ => ColorSpace::RGB,
    };
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(MAX_SIDE as usize)
        .set_max_height(MAX_SIDE as usize)
        .jpeg_set_out_colorspace(wanted);
    let mut pixels = JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode().map_err(|e| e.to_string())?;
    if header.components == 4 {
        if wanted == ColorSpace::YCCK {
            for pixel in pixels.chunks_exact_mut(4) {
                let [r, g, b] = ycc_to_rgb(pixel[0], pixel[1], pixel[2]);
                pixel[..3].copy_from_slice(&[255 - r, 255 - g, 255 - b]);
            }
        }
        pixels = stored_inks_to_rgb(&pixels, header.adobe.is_some());
    }
    Raster::new(header.width, header.height, Layout::Rgb, pixels).ok_or_else(|| "unusual colour components".to_owned())
}

/// Decodes at `eighths` / 8 of the size (1, 2 or 4).
pub(super) fn scaled(bytes: &[u8], header: &Header, eighths: u32) -> Result<Raster, String> {
    #[cfg(feature = "turbojpeg")]
    if header.components != 4 {
        return by_turbojpeg(bytes, header, eighths);
    }
    by_jpeg_decoder(bytes, header, eighths)
}

/// The size of `side` pixels at `eighths` / 8: a started block counts.
pub(super) const fn scaled_side(side: u32, eighths: u32) -> u32 {
    (side * eighths).div_ceil(8)
}

fn by_jpeg_decoder(bytes: &[u8], header: &Header, eighths: u32) -> Result<Raster, String> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let (width, height) = (scaled_side(header.width, eighths), scaled_side(header.height, eighths));
    decoder.set_max_decoding_buffer_size(width as usize * height as usize * 4);
    // Its rule is "large enough in either direction": asked for the longer side alone, it takes our scale.
    let request = if width >= height { (width as u16, u16::MAX) } else { (u16::MAX, height as u16) };
    let got = decoder.scale(request.0, request.1).map_err(|e| e.to_string())?;
    if (u32::from(got.0), u32::from(got.1)) != (width, height) {
        return Err("cannot be scaled while decoding".to_owned());
    }
    let pixels = decoder.decode().map_err(|e| e.to_string())?;
    let info = decoder.info().ok_or("no header")?;
    let (layout, pixels) = match info.pixel_format {
        jpeg_decoder::PixelFormat::L8 => (Layout::Gray, pixels),
        jpeg_decoder::PixelFormat::RGB24 => (Layout::Rgb, pixels),
        jpeg_decoder::PixelFormat::CMYK32 => {
            // It hands out 255 - stored.
            let stored: Vec<u8> = pixels.iter().map(|v| 255 - v).collect();
            (Layout::Rgb, stored_inks_to_rgb(&stored, header.adobe.is_some()))
        }
        jpeg_decoder::PixelFormat::L16 => return Err("16 bits a sample".to_owned()),
    };
    let raster = Raster::new(width, height, layout, pixels).ok_or("unusual colour components")?;
    Ok(covering(raster, header, eighths))
}

fn covering(raster: Raster, header: &Header, eighths: u32) -> Raster {
    let part = |side: u32| f64::from(side * eighths) / 8.0;
    Raster { covers: (part(header.width), part(header.height)), ..raster }
}

#[cfg(feature = "turbojpeg")]
fn by_turbojpeg(bytes: &[u8], header: &Header, eighths: u32) -> Result<Raster, String> {
    use turbojpeg::{Decompressor, Image, PixelFormat, ScalingFactor};

    let mut decompressor = Decompressor::new().map_err(|e| e.to_string())?;
    let (width, height) = (scaled_side(header.width, eighths), scaled_side(header.height, eighths));
    decompressor.set_scaling_factor(ScalingFactor::new(eighths as usize, 8)).map_err(|e| e.to_string())?;
    let mut pixels = vec![0; width as usize * height as usize * 3];
    let image = Image {
        pixels: pixels.as_mut_slice(),
        width: width as usize,
        pitch: width as usize * 3,
        height: height as usize,
        format: PixelFormat::RGB,
    };
    decompressor.read_header(bytes).map_err(|e| e.to_string())?;
    decompressor.decompress(bytes, image).map_err(|e| e.to_string())?;
    let raster = Raster::new(width, height, Layout::Rgb, pixels).ok_or("unusual colour components")?;
    Ok(covering(raster, header, eighths))
}

/// Inks as stored in the file, 4 bytes a pixel, to RGB.
fn stored_inks_to_rgb(inks: &[u8], inverted: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(inks.len() / 4 * 3);
    for pixel in inks.chunks_exact(4) {
        let white = |ink: u8| u16::from(if inverted { ink } else { 255 - ink });
        let key = white(pixel[3]);
        out.extend(pixel[..3].iter().map(|&ink| ((white(ink) * key + 127) / 255) as u8));
    }
    out
}

/// JFIF's full-range BT.601.
fn ycc_to_rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|v| v.round().clamp(0.0, 255.0) as u8)
}
