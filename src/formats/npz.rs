//! `NumPy`'s `.npz`: several arrays in one file, written as `numpy.savez` does: an uncompressed zip of `.npy` members.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::source::FormatError;

/// Numbers of an array, little-endian in the file.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// `<i4`
    I32(&'a [i32]),
    /// `<f4`
    F32(&'a [f32]),
}

impl Numbers<'_> {
    fn len(&self) -> usize {
        match self {
            Self::I32(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    const fn descr(&self) -> &'static str {
        match self {
            Self::I32(_) => "<i4",
            Self::F32(_) => "<f4",
        }
    }
}

/// Numbers that are turned into bytes at a time.
const STEP: usize = 1 << 14;

/// Writes arrays `(name, shape, numbers)` in row order, over a file that may be there.
///
/// # Errors
/// If it cannot be written.
///
/// # Panics
/// If a shape has another number of elements than there are numbers.
pub fn write(path: &Path, arrays: &[(&str, &[usize], Numbers)]) -> Result<(), FormatError> {
    let io = |error: std::io::Error| FormatError::io(path, error);
    let zipped = |error: zip::result::ZipError| FormatError::io(path, std::io::Error::other(error));
    let mut zip = ZipWriter::new(BufWriter::new(File::create(path).map_err(io)?));
    for (name, shape, numbers) in arrays {
        assert_eq!(shape.iter().product::<usize>(), numbers.len(), "as many numbers as the shape says");
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            // Members may pass 4 GiB; readers know by these fields.
            .large_file(true);
        zip.start_file(format!("{name}.npy"), options).map_err(zipped)?;
        zip.write_all(&header(shape, numbers.descr())).map_err(io)?;
        // Some thousand numbers at a time: bytes are turned without a second copy of the array.
        let mut bytes = Vec::with_capacity(4 * STEP);
        let mut put = |chunk: &mut dyn Iterator<Item = [u8; 4]>| {
            bytes.clear();
            bytes.extend(chunk.flatten());
            zip.write_all(&bytes)
        };
        match numbers {
            Numbers::I32(values) => {
                values.chunks(STEP).try_for_each(|chunk| put(&mut chunk.iter().map(|value| value.to_le_bytes())))
            }
            Numbers::F32(values) => {
                values.chunks(STEP).try_for_each(|chunk| put(&mut chunk.iter().map(|value| value.to_le_bytes())))
            }
        }
        .map_err(io)?;
    }
    let mut file = zip.finish().map_err(zipped)?;
    file.flush().map_err(io)
}

/// The header of a member: version 1.0, padded so that the numbers begin at a multiple of 64.
fn header(shape: &[usize], descr: &str) -> Vec<u8> {
    let sides = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let comma = if shape.len() == 1 { "," } else { "" };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}{comma}), }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn members_are_arrays() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("a.npz");
        let arrays: [(&str, &[usize], Numbers); 2] =
            [("indices", &[2, 3], Numbers::I32(&[0, 1, -1, 3, 4, 5])), ("distances", &[1], Numbers::F32(&[0.5]))];
        write(&path, &arrays).expect("written");
        let mut zip = zip::ZipArchive::new(File::open(&path).expect("there")).expect("a zip");
        let mut member = |name: &str| {
            let mut bytes = Vec::new();
            zip.by_name(name).expect("a member").read_to_end(&mut bytes).expect("read");
            bytes
        };
        let indices = member("indices.npy");
        assert!(String::from_utf8_lossy(&indices).contains("'<i4', 'fortran_order': False, 'shape': (2, 3), }"));
        assert_eq!(indices.len() % 64, 24, "numbers begin at a multiple of 64");
        assert_eq!(indices[indices.len() - 16..][..4], (-1i32).to_le_bytes());
        let distances = member("distances.npy");
        assert!(String::from_utf8_lossy(&distances).contains("'shape': (1,), }"));
        assert_eq!(distances[distances.len() - 4..], 0.5f32.to_le_bytes());
        assert!(write(&dir.path().join("no/such/folder.npz"), &[]).is_err());
    }
}
