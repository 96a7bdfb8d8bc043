//! `NumPy`'s `.npy`: arrays of `[N]` or `[N, D]` numbers, read whole or by rows, written row by row.
//!
//! How it works: a file is a short header (a Python dictionary as text) and the numbers. [`Npy`] maps the file, so a
//! large one costs only the rows that are asked for. [`Writer`] puts the final shape into a header of fixed length first
//! and then appends whole rows; what was written up to some row can be taken up again there ([`Writer::resume`]), and
//! the bytes do not depend on how often that happened. Numbers are little-endian `f32` or `f16`.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::{Deserialize, Serialize};

use super::mapped::MappedFile;
use super::source::FormatError;

/// How a number is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 4 bytes.
    #[default]
    F32,
    /// 2 bytes, rounded to the nearest; beyond 65,504 infinite.
    F16,
}

impl Dtype {
    /// Bytes of a number.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    const fn descr(self) -> &'static str {
        match self {
            Self::F32 => "<f4",
            Self::F16 => "<f2",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

impl FromStr for Dtype {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            _ => Err(format!("\"{word}\" is not a type of numbers; they are f32 and f16")),
        }
    }
}

/// A whole array in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct NpyArray {
    /// `[N]` or `[N, D]`.
    pub shape: Vec<usize>,
    /// Row after row.
    pub values: Vec<f32>,
}

/// Reads a whole array.
///
/// # Errors
/// As [`Npy::open`].
pub fn read(path: &Path) -> Result<NpyArray, FormatError> {
    let file = Npy::open(path)?;
    let values = file.rows(0..file.len())?;
    Ok(NpyArray { shape: file.shape.clone(), values })
}

/// An open array; its rows are read when they are asked for.
#[derive(Debug)]
pub struct Npy {
    path: PathBuf,
    file: MappedFile,
    /// First byte of the numbers.
    start: usize,
    shape: Vec<usize>,
    dtype: Dtype,
}

impl Npy {
    /// Opens an array of `f32` or `f16`, little-endian, in C order, with one or two axes.
    ///
    /// # Errors
    /// A sentence: the file is gone, is no `.npy`, holds something else than such numbers, or ends early.
    pub fn open(path: &Path) -> Result<Self, FormatError> {
        let file = MappedFile::open(path)?;
        file.check()?;
        let corrupt = |message: String| FormatError::corrupt(path, message);
        let (start, header) = header_text(file.bytes()).ok_or_else(|| corrupt("this is not a .npy file".to_owned()))?;
        let (dtype, shape) = parse_header(header).map_err(corrupt)?;
        let numbers = shape.iter().try_fold(1_usize, |all, &side| all.checked_mul(side));
        let end = numbers.and_then(|n| n.checked_mul(dtype.bytes())).and_then(|bytes| bytes.checked_add(start));
        if end.is_none_or(|end| file.bytes().len() < end) {
            return Err(corrupt(format!(
                "the .npy file ends early: its header promises {} numbers",
                shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
            )));
        }
        Ok(Self { path: path.to_owned(), file, start, shape, dtype })
    }

    /// `[N]` or `[N, D]`.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of a row; 1 for `[N]`.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.shape.get(1).copied().unwrap_or(1)
    }

    /// How numbers are stored.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Some rows, one after the other.
    ///
    /// # Errors
    /// The rows are not there, or the file changed since it was opened.
    pub fn rows(&self, rows: Range<usize>) -> Result<Vec<f32>, FormatError> {
        if rows.start > rows.end || rows.end > self.len() {
            return Err(FormatError::corrupt(&self.path, format!("the .npy file has only {} rows", self.len())));
        }
        self.file.check()?;
        let row = self.dims() * self.dtype.bytes();
        let bytes = &self.file.bytes()[self.start + rows.start * row..self.start + rows.end * row];
        Ok(match self.dtype {
            Dtype::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            Dtype::F16 => bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        })
    }
}

/// Where the numbers begin, and the dictionary before them.
fn header_text(bytes: &[u8]) -> Option<(usize, &str)> {
    let version = bytes.strip_prefix(b"\x93NUMPY")?.first()?;
    let (from, length): (usize, usize) = match version {
        1 => (10, usize::from(u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?))),
        2 | 3 => (12, u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize),
        _ => return None,
    };
    let text = bytes.get(from..from.checked_add(length)?)?;
    Some((from + length, std::str::from_utf8(text).ok()?))
}

/// Reads what `repr` of Python's dictionary gives: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn parse_header(text: &str) -> Result<(Dtype, Vec<usize>), String> {
    let odd = || "the header of the .npy file cannot be read".to_owned();
    let value = |key: &str| {
        ['\'', '"'].into_iter().find_map(|quote| {
            let quoted = format!("{quote}{key}{quote}");
            Some(text[text.find(&quoted)? + quoted.len()..].trim_start().strip_prefix(':')?.trim_start())
        })
    };
    let descr = value("descr").ok_or_else(odd)?;
    if descr.starts_with('[') {
        return Err("the .npy file holds records; arrays of f32 or f16 are read".to_owned());
    }
    let descr = descr.split(['\'', '"']).nth(1).ok_or_else(odd)?;
    let dtype = match descr {
        "<f4" => Dtype::F32,
        "<f2" => Dtype::F16,
        ">f4" | ">f2" => {
            return Err("the numbers of the .npy file are big-endian; save it with .astype('<f4')".to_owned());
        }
        "<f8" | ">f8" => return Err("the .npy file holds f64; save it with .astype('<f4')".to_owned()),
        _ => return Err(format!("the .npy file holds \"{descr}\"; arrays of f32 or f16 are read")),
    };
    let order = value("fortran_order").ok_or_else(odd)?;
    let shape = value("shape").and_then(|rest| rest.strip_prefix('(')).and_then(|rest| rest.split(')').next());
    let shape = shape.ok_or_else(odd)?.split(',').map(str::trim).filter(|side| !side.is_empty());
    let shape: Vec<usize> =
        shape.map(|side| side.trim_end_matches('L').parse().map_err(|_| odd())).collect::<Result<_, _>>()?;
    if !(1..=2).contains(&shape.len()) {
        return Err(format!("the .npy file has {} axes; [N] and [N, D] are read", shape.len()));
    }
    // With one axis both orders are one.
    if order.starts_with("True") && shape.len() == 2 && shape.iter().all(|&side| side > 1) {
        return Err("the .npy file is in Fortran order; save it with numpy.ascontiguousarray".to_owned());
    }
    Ok((dtype, shape))
}

/// The header that `NumPy` itself writes for the array: version 1.0, padded to a multiple of 64 bytes.
fn header(shape: &[usize], dtype: Dtype) -> Vec<u8> {
    let sides: Vec<_> = shape.iter().map(ToString::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let sides = format!("({}{comma})", sides.join(", "));
    let text = format!("{{'descr': '{}', 'fortran_order': False, 'shape': {sides}, }}", dtype.descr());
    // `NumPy` leaves room so that the first axis can grow to 21 digits.
    let room = 21 - shape.first().map_or(0, |side| side.to_string().len());
    let used = 10 + text.len() + room + 1;
    let length = used.next_multiple_of(64) - 10;
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((length as u16).to_le_bytes());
    out.extend(text.bytes());
    out.resize(10 + length - 1, b' ');
    out.push(b'\n');
    out
}

/// A whole file of f32 with any number of axes.
///
/// # Panics
/// If there are not as many values as the axes say.
#[must_use]
pub fn bytes(shape: &[usize], values: &[f32]) -> Vec<u8> {
    assert_eq!(values.len(), shape.iter().product::<usize>(), "as many values as the axes say");
    let mut out = header(shape, Dtype::F32);
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    out
}

/// Writes `[rows, dims]` (`[rows]` where `dims` is 0) row by row.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    shape: Vec<usize>,
    dtype: Dtype,
    written: usize,
    buffer: Vec<u8>,
}

impl Writer {
    /// Starts a file, over one that may be there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(path: &Path, rows: usize, dims: usize, dtype: Dtype) -> Result<Self, FormatError> {
        let file = File::create(path).map_err(|error| FormatError::io(path, error))?;
        let mut writer = Self::with(path, file, rows, dims, dtype);
        let header = header(&writer.shape, dtype);
        writer.file.write_all(&header).map_err(|error| FormatError::io(path, error))?;
        Ok(writer)
    }

    /// Goes on after the first `written` rows of a file that was begun with the same arguments; what it holds beyond is
    /// dropped.
    ///
    /// # Errors
    /// If it cannot be written, was begun otherwise, or holds fewer rows.
    pub fn resume(path: &Path, rows: usize, dims: usize, dtype: Dtype, written: usize) -> Result<Self, FormatError> {
        let io = |error: io::Error| FormatError::io(path, error);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
        let mut writer = Self::with(path, file, rows, dims, dtype);
        let header = header(&writer.shape, dtype);
        let end = (header.len() + written * writer.row_bytes()) as u64;
        let is_same = {
            use io::Read as _;
            let mut found = vec![0; header.len()];
            let file = writer.file.get_mut();
            file.read_exact(&mut found).is_ok() && found == header && file.metadata().map_err(io)?.len() >= end
        };
        if !is_same || written > rows {
            return Err(FormatError::corrupt(path, "this is not the beginning of the array that was to be continued"));
        }
        writer.file.get_mut().set_len(end).map_err(io)?;
        writer.file.get_mut().seek(SeekFrom::End(0)).map_err(io)?;
        writer.written = written;
        Ok(writer)
    }

    fn with(path: &Path, file: File, rows: usize, dims: usize, dtype: Dtype) -> Self {
        let shape = if dims == 0 { vec![rows] } else { vec![rows, dims] };
        Self { path: path.to_owned(), file: BufWriter::new(file), shape, dtype, written: 0, buffer: Vec::new() }
    }

    fn row_bytes(&self) -> usize {
        self.shape.get(1).copied().unwrap_or(1) * self.dtype.bytes()
    }

    /// Rows so far.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written
    }

    /// Appends whole rows.
    ///
    /// # Errors
    /// If they cannot be written, are no whole rows, or are more than the header promises.
    pub fn append(&mut self, values: &[f32]) -> Result<(), FormatError> {
        let dims = self.shape.get(1).copied().unwrap_or(1).max(1);
        let rows = values.len() / dims;
        if !values.len().is_multiple_of(dims) || self.written + rows > self.shape[0] {
            return Err(FormatError::corrupt(
                &self.path,
                format!("{} numbers more do not fit an array of {:?}", values.len(), self.shape),
            ));
        }
        self.buffer.clear();
        match self.dtype {
            Dtype::F32 => self.buffer.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Dtype::F16 => {
                let mut halves = vec![f16::ZERO; values.len()];
                halves.convert_from_f32_slice(values);
                self.buffer.extend(halves.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
        self.file.write_all(&self.buffer).map_err(|error| FormatError::io(&self.path, error))?;
        self.written += rows;
        Ok(())
    }

    /// Hands the rows so far to the system: they outlive this program, though not a power cut.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn flush(&mut self) -> Result<(), FormatError> {
        self.file.flush().map_err(|error| FormatError::io(&self.path, error))
    }

    /// Brings the rows so far onto the disk.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn sync(&mut self) -> Result<(), FormatError> {
        self.flush()?;
        self.file.get_ref().sync_data().map_err(|error| FormatError::io(&self.path, error))
    }

    /// Brings all of it onto the disk.
    ///
    /// # Errors
    /// If it cannot be written, or rows are missing.
    pub fn finish(mut self) -> Result<(), FormatError> {
        if self.written != self.shape[0] {
            let message = format!("only {} of {} rows were written", self.written, self.shape[0]);
            return Err(FormatError::corrupt(&self.path, message));
        }
        self.flush()?;
        self.file.get_ref().sync_all().map_err(|error| FormatError::io(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(rows: usize, dims: usize, dtype: Dtype) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        let mut writer = Writer::create(&path, rows, dims, dtype).unwrap();
        for row in 0..rows {
            let values: Vec<f32> = (0..dims.max(1)).map(|at| (row * dims + at) as f32 * 0.5 - 1.0).collect();
            writer.append(&values).unwrap();
        }
        writer.finish().unwrap();
        (dir, path)
    }

    #[test]
    fn headers_are_those_that_numpy_writes() {
        // numpy 2: np.lib.format.write_array_header_1_0 of the same arrays.
        let check = |shape: &[usize], dtype, text: &str, length: usize| {
            let got = header(shape, dtype);
            assert_eq!(got.len(), length, "{shape:?}");
            assert_eq!(&got[..8], b"\x93NUMPY\x01\x00");
            assert_eq!(usize::from(u16::from_le_bytes([got[8], got[9]])) + 10, length);
            let dictionary = std::str::from_utf8(&got[10..]).unwrap();
            assert!(dictionary.ends_with('\n'));
            assert_eq!(dictionary.trim_end(), text);
        };
        check(&[3, 4], Dtype::F32, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 128);
        check(&[7], Dtype::F16, "{'descr': '<f2', 'fortran_order': False, 'shape': (7,), }", 128);
        check(&[0, 5], Dtype::F32, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 5), }", 128);
    }

    #[test]
    fn what_is_written_is_read() {
        for dtype in [Dtype::F32, Dtype::F16] {
            for (rows, dims) in [(5, 3), (4, 0), (1, 1), (0, 6)] {
                let (_dir, path) = whole(rows, dims, dtype);
                let got = read(&path).unwrap();
                let expect: Vec<f32> =
                    (0..rows * dims.max(1)).map(|at| if dims == 0 { -1.0 } else { at as f32 * 0.5 - 1.0 }).collect();
                assert_eq!(got.shape, if dims == 0 { vec![rows] } else { vec![rows, dims] });
                assert_eq!(got.values, expect, "{rows} {dims} {dtype}");
                let file = Npy::open(&path).unwrap();
                assert_eq!((file.len(), file.dims(), file.dtype()), (rows, dims.max(1), dtype));
                if rows > 3 {
                    assert_eq!(file.rows(1..3).unwrap(), expect[dims.max(1)..3 * dims.max(1)]);
                }
                assert!(file.rows(0..rows + 1).is_err());
            }
        }
    }

    #[test]
    fn not_a_number_stays_one() {
        for dtype in [Dtype::F32, Dtype::F16] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.npy");
            let mut writer = Writer::create(&path, 1, 3, dtype).unwrap();
            writer.append(&[f32::NAN, f32::INFINITY, 1e6]).unwrap();
            writer.finish().unwrap();
            let got = read(&path).unwrap().values;
            assert!(got[0].is_nan() && got[1] == f32::INFINITY);
            assert_eq!(got[2], if dtype == Dtype::F32 { 1e6 } else { f32::INFINITY });
        }
    }

    #[test]
    fn a_resumed_file_has_the_same_bytes() {
        let (dir, path) = whole(6, 2, Dtype::F32);
        let expect = std::fs::read(&path).unwrap();
        for stop in 0..=6_usize {
            let path = dir.path().join("b.npy");
            let values = read(&dir.path().join("a.npy")).unwrap().values;
            let mut writer = Writer::create(&path, 6, 2, Dtype::F32).unwrap();
            // Two rows more than are known of, and a torn one.
            writer.append(&values[..(stop + 2).min(6) * 2]).unwrap();
            writer.flush().unwrap();
            drop(writer);
            OpenOptions::new().append(true).open(&path).unwrap().write_all(&[1, 2, 3]).unwrap();
            let mut writer = Writer::resume(&path, 6, 2, Dtype::F32, stop).unwrap();
            assert!(writer.append(&values).is_err() || stop == 0, "more rows than the header promises");
            if stop == 0 {
                continue;
            }
            writer.append(&values[stop * 2..]).unwrap();
            writer.finish().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), expect, "stopped after {stop}");
        }
        for (rows, dims, dtype, written) in
            [(7, 2, Dtype::F32, 1), (6, 3, Dtype::F32, 1), (6, 2, Dtype::F16, 1), (6, 2, Dtype::F32, 7)]
        {
            let error = Writer::resume(&path, rows, dims, dtype, written).unwrap_err().to_string();
            assert!(error.contains("not the beginning"), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), expect, "a refusal changes nothing");
    }

    #[test]
    fn other_files_are_refused_with_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        let file = |version: u8, text: &str, data: usize| {
            let mut bytes = b"\x93NUMPY".to_vec();
            bytes.extend([version, 0]);
            if version == 1 {
                bytes.extend((text.len() as u16).to_le_bytes());
            } else {
                bytes.extend((text.len() as u32).to_le_bytes());
            }
            bytes.extend(text.bytes());
            bytes.resize(bytes.len() + data, 0);
            bytes
        };
        let dictionary = |descr: &str, order: &str, shape: &str| {
            format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n")
        };
        let check = |bytes: &[u8], expect: &str| {
            std::fs::write(&path, bytes).unwrap();
            match read(&path) {
                Ok(array) => assert_eq!(format!("{:?}", array.shape), expect),
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.contains(expect) && error.ends_with("a.npy"), "\"{error}\" should say \"{expect}\"");
                }
            }
        };
        for version in 1..=3 {
            check(&file(version, &dictionary("'<f4'", "False", "(2, 3)"), 24), "[2, 3]");
        }
        check(&file(1, "{\"shape\": (2,), \"fortran_order\": False, \"descr\": \"<f2\"}", 4), "[2]");
        check(&file(1, &dictionary("'<f4'", "True", "(4, 1)"), 16), "[4, 1]");
        check(&file(1, &dictionary("'<f4'", "True", "(2, 3)"), 24), "Fortran order");
        check(&file(1, &dictionary("'<f8'", "False", "(2, 3)"), 48), "f64");
        check(&file(1, &dictionary("'>f4'", "False", "(2, 3)"), 24), "big-endian");
        check(&file(1, &dictionary("'|u1'", "False", "(2, 3)"), 6), "\"|u1\"");
        check(&file(1, &dictionary("[('a', '<f4')]", "False", "(2,)"), 8), "records");
        check(&file(1, &dictionary("'<f4'", "False", "(2, 3, 4)"), 96), "3 axes");
        check(&file(1, &dictionary("'<f4'", "False", "()"), 4), "0 axes");
        check(&file(1, &dictionary("'<f4'", "False", "(2, 3)"), 23), "ends early");
        check(&file(1, &dictionary("'<f4'", "False", "(99999999999999, 99999999999999)"), 9), "ends early");
        check(&file(1, &dictionary("'<f4'", "False", "(2, x)"), 24), "cannot be read");
        check(&file(1, "{'shape': (2,)}", 8), "cannot be read");
        check(&file(4, &dictionary("'<f4'", "False", "(2, 3)"), 24), "not a .npy file");
        check(b"\x93NUM", "not a .npy file");
        check(b"", "not a .npy file");
        assert!(read(&dir.path().join("none.npy")).unwrap_err().to_string().contains("nothing is there"));
    }
}
