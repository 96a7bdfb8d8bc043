//! Filling a folder of features, and going on where a run ended; see [`super`] for what lies in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read as _, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    DatasetRows, DatasetSamples, FeatureSet, FeaturesError, Identity, LayerFile, LayerSaid, RECORD, SIDECAR, Samples,
    Sidecar, Unreadable,
};
use crate::formats::npy::{self, Dtype};

/// A line of the record after the first.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    /// Rows that stand in the arrays.
    rows: usize,
    /// Numbers of a row of each layer.
    dims: Vec<usize>,
    /// Rows since the line before that are unreadable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<(usize, String)>,
    /// Of each layer, all rows so far.
    not_finite: Vec<u64>,
}

/// What a folder turned out to be.
#[derive(Debug)]
pub enum Folder {
    /// Whole, with these features and maybe more layers.
    Whole(Box<Sidecar>),
    /// New, or begun earlier.
    Unfinished(Box<FolderWriter>),
}

/// Fills a folder.
#[derive(Debug)]
pub struct FolderWriter {
    dir: PathBuf,
    identity: Identity,
    /// Held, and locked, as long as this lives.
    record: File,
    files: Vec<String>,
    arrays: Vec<npy::Writer>,
    dims: Vec<usize>,
    rows: usize,
    unreadable: Vec<(usize, String)>,
    not_finite: Vec<u64>,
    /// How many of `unreadable` the record knows.
    recorded: usize,
}

/// One name a layer that any file system takes, distinct.
fn file_names(layers: &[LayerSaid]) -> Vec<String> {
    let mut taken = Vec::<String>::new();
    for layer in layers {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let stem: String = layer.layer.trim_matches(['/', '.']).chars().map(plain).take(100).collect();
        let stem = if stem.is_empty() { "layer".to_owned() } else { stem };
        let mut name = format!("{stem}.npy");
        let mut n = 2;
        // Some file systems do not tell capitals.
        while taken.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
            name = format!("{stem}-{n}.npy");
            n += 1;
        }
        taken.push(name);
    }
    taken
}

impl FolderWriter {
    /// Opens a folder to fill it, or to go on. With `force`, whatever features it holds are thrown away where they are others.
    ///
    /// # Errors
    /// It holds other features, another process fills it, or it cannot be written.
    pub fn open(dir: &Path, identity: Identity, force: bool) -> Result<Folder, FeaturesError> {
        fs::create_dir_all(dir).map_err(FeaturesError::io(dir))?;
        let mut options = OpenOptions::new();
        let record_path = dir.join(RECORD);
        let sidecar = match Sidecar::read(dir) {
            Err(_) if force => None,
            read => read?,
        };
        if let Some(sidecar) = sidecar {
            let found = sidecar.identity();
            let has_all = identity.layers.iter().all(|layer| found.layers.contains(layer));
            // Arrays that were cut short since are not taken for whole.
            let is_sound = || FeatureSet::open(dir).is_ok();
            match identity.difference_but_layers(&found).or((!has_all).then_some("choice of layers")) {
                None if is_sound() => {
                    // A run that was killed at its very end left its record.
                    remove(&record_path)?;
                    return Ok(Folder::Whole(Box::new(sidecar)));
                }
                Some(what) if !force => return Err(mismatch(dir, what)),
                // What is damaged is made again without being asked: nothing is lost by it.
                _ => {
                    // The sidecar goes first: without it no array is taken for whole.
                    remove(&dir.join(SIDECAR))?;
                    for layer in &sidecar.layers {
                        // A name from the sidecar is only followed inside the folder.
                        if Path::new(&layer.file).file_name().is_some_and(|name| name == layer.file.as_str()) {
                            remove(&dir.join(&layer.file))?;
                        }
                    }
                }
            }
        }
        let mut record = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&record_path)
            .map_err(FeaturesError::io(&record_path))?;
        // On a file system without locks going on is better than not working at all.
        if let Err(TryLockError::WouldBlock) = record.try_lock() {
            return Err(FeaturesError::folder(dir, "another shopscope is filling this folder; wait for it"));
        }
        let mut text = String::new();
        let bytes = {
            let mut bytes = Vec::new();
            record.read_to_end(&mut bytes).map_err(FeaturesError::io(&record_path))?;
            bytes
        };
        // What follows the last line break was being written when the program died.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        text.push_str(&String::from_utf8_lossy(&bytes[..whole]));
        let mut lines = text.lines();
        let files = file_names(&identity.layers);
        let begun: Option<Identity> = lines.next().and_then(|line| serde_json::from_str(line).ok());
        let mut writer = Self {
            dir: dir.to_owned(),
            identity,
            record,
            not_finite: vec![0; files.len()],
            files,
            arrays: Vec::new(),
            dims: Vec::new(),
            rows: 0,
            unreadable: Vec::new(),
            recorded: 0,
        };
        match begun {
            None if whole > 0 && !force => {
                return Err(mismatch(dir, "kind"));
            }
            Some(found) if !force && writer.identity.difference(&found).is_some() => {
                return Err(mismatch(dir, writer.identity.difference(&found).unwrap_or_default()));
            }
            Some(found) if writer.identity.difference(&found).is_none() => {
                // The model under another name is told by the name it has now.
                let mut end = text.find('\n').map_or(0, |at| at + 1);
                for line in lines {
                    let Ok(read) = serde_json::from_str::<Line>(line) else { break };
                    end += line.len() + 1;
                    writer.rows = read.rows;
                    writer.dims = read.dims;
                    writer.unreadable.extend(read.unreadable);
                    writer.not_finite = read.not_finite;
                }
                writer.recorded = writer.unreadable.len();
                if writer.take_up(end as u64)? {
                    return Ok(Folder::Unfinished(Box::new(writer)));
                }
            }
            _ => {}
        }
        writer.start_anew()?;
        Ok(Folder::Unfinished(Box::new(writer)))
    }

    fn record_io(&self) -> impl FnOnce(io::Error) -> FeaturesError + use<> {
        let path = self.dir.join(RECORD);
        move |error| FeaturesError::io(&path)(error)
    }

    fn start_anew(&mut self) -> Result<(), FeaturesError> {
        (self.rows, self.recorded) = (0, 0);
        self.dims.clear();
        self.unreadable.clear();
        self.not_finite = vec![0; self.files.len()];
        self.record.set_len(0).map_err(self.record_io())?;
        self.record.seek(SeekFrom::Start(0)).map_err(self.record_io())?;
        let line = serde_json::to_string(&self.identity).map_err(|error| self.record_io()(error.into()))?;
        self.record.write_all(format!("{line}\n").as_bytes()).map_err(self.record_io())?;
        self.record.sync_data().map_err(self.record_io())
    }

    /// Goes on where the record ends; false if an array is not there as recorded.
    fn take_up(&mut self, record_end: u64) -> Result<bool, FeaturesError> {
        if self.dims.len() == self.files.len() {
            for (file, &dims) in self.files.iter().zip(&self.dims) {
                let (part, whole) = (self.dir.join(format!("{file}.part")), self.dir.join(file));
                // Killed while the arrays got their names: all rows were there.
                if !part.exists() && whole.exists() && self.rows == self.identity.rows {
                    fs::rename(&whole, &part).map_err(FeaturesError::io(&whole))?;
                }
                let resumed = npy::Writer::resume(&part, self.identity.rows, dims, self.identity.dtype, self.rows);
                let Ok(array) = resumed else {
                    self.arrays.clear();
                    return Ok(false);
                };
                self.arrays.push(array);
            }
        } else if self.rows > 0 {
            return Ok(false);
        }
        self.record.set_len(record_end).map_err(self.record_io())?;
        self.record.seek(SeekFrom::Start(record_end)).map_err(self.record_io())?;
        Ok(true)
    }

    /// Rows that are there: where to go on.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows so far whose picture cannot be read.
    #[must_use]
    pub fn unreadable(&self) -> usize {
        self.unreadable.len()
    }

    /// Appends the next rows: of each layer all its numbers, row after row. `unreadable` are numbers of rows, counted from the first of
    /// these, with the reason; their numbers become NaN.
    ///
    /// # Errors
    /// If they cannot be written, or the layers do not have the sizes of the rows before.
    pub fn append(
        &mut self,
        count: usize,
        mut layers: Vec<Vec<f32>>,
        unreadable: &[(usize, String)],
    ) -> Result<(), FeaturesError> {
        let dims: Vec<usize> = layers.iter().map(|values| values.len() / count.max(1)).collect();
        if self.dims.is_empty() && layers.len() == self.files.len() {
            self.dims.clone_from(&dims);
            self.arrays.clear();
            for (file, &dims) in self.files.iter().zip(&dims) {
                let part = self.dir.join(format!("{file}.part"));
                self.arrays.push(npy::Writer::create(&part, self.identity.rows, dims, self.identity.dtype)?);
            }
        }
        if dims != self.dims || layers.iter().zip(&dims).any(|(values, dims)| values.len() != dims * count) {
            return Err(FeaturesError::folder(
                &self.dir,
                format!("the model gave {dims:?} numbers a picture where it gave {:?} before", self.dims),
            ));
        }
        let most = if self.identity.dtype == Dtype::F16 { 65_504.0 } else { f32::MAX };
        for ((values, array), not_finite) in layers.iter_mut().zip(&mut self.arrays).zip(&mut self.not_finite) {
            let dims = values.len() / count.max(1);
            for (row, values) in values.chunks_exact_mut(dims.max(1)).enumerate() {
                if unreadable.iter().any(|(bad, _)| *bad == row) {
                    values.fill(f32::NAN);
                } else if values.iter().any(|value| value.is_nan() || value.abs() > most) {
                    *not_finite += 1;
                }
            }
            array.append(values)?;
        }
        self.unreadable.extend(unreadable.iter().map(|(row, reason)| (self.rows + row, reason.clone())));
        self.rows += count;
        Ok(())
    }

    /// Records the rows so far: a run that is killed after this goes on from here. With `sync` they outlive a power cut, too.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn checkpoint(&mut self, sync: bool) -> Result<(), FeaturesError> {
        if self.dims.is_empty() {
            return Ok(());
        }
        for array in &mut self.arrays {
            if sync {
                array.sync()?;
            } else {
                array.flush()?;
            }
        }
        let line = Line {
            rows: self.rows,
            dims: self.dims.clone(),
            unreadable: self.unreadable[self.recorded..].to_vec(),
            not_finite: self.not_finite.clone(),
        };
        let line = serde_json::to_string(&line).map_err(|error| self.record_io()(error.into()))?;
        self.record.write_all(format!("{line}\n").as_bytes()).map_err(self.record_io())?;
        if sync {
            self.record.sync_data().map_err(self.record_io())?;
        }
        self.recorded = self.unreadable.len();
        Ok(())
    }

    /// Gives the arrays their names and writes the sidecar.
    ///
    /// # Errors
    /// If rows are missing or a file cannot be written.
    pub fn finish(mut self, samples: &Samples) -> Result<Sidecar, FeaturesError> {
        self.checkpoint(true)?;
        for array in std::mem::take(&mut self.arrays) {
            array.finish()?;
        }
        for file in &self.files {
            let whole = self.dir.join(file);
            fs::rename(self.dir.join(format!("{file}.part")), &whole).map_err(FeaturesError::io(&whole))?;
        }
        let sidecar = self.sidecar(samples);
        // The names are on the disk before the record that could make them again goes.
        sidecar.write(&self.dir)?;
        remove(&self.dir.join(RECORD))?;
        Ok(sidecar)
    }

    fn sidecar(&self, samples: &Samples) -> Sidecar {
        let identity = self.identity.clone();
        let layers = identity.layers.into_iter().enumerate().map(|(at, said)| LayerFile {
            layer: said.layer,
            tensor: said.tensor,
            dims: self.dims[at],
            file: self.files[at].clone(),
            not_finite: self.not_finite[at],
        });
        let classes: Vec<_> = samples.0.iter().flat_map(|dataset| dataset.classes.iter().copied()).collect();
        Sidecar {
            version: identity.version,
            model: identity.model,
            runtime: identity.runtime,
            dtype: identity.dtype,
            batch: identity.batch,
            preprocessing: identity.preprocessing,
            layers: layers.collect(),
            rows: identity.rows,
            samples: identity.samples,
            datasets: samples.datasets(),
            keys: samples.0.iter().flat_map(|dataset| dataset.keys.iter().cloned()).collect(),
            labels: samples.0.iter().flat_map(|dataset| dataset.labels.iter().cloned()).collect(),
            classes: if classes.iter().all(Option::is_none) { Vec::new() } else { classes },
            unreadable: self
                .unreadable
                .iter()
                .map(|(row, reason)| Unreadable {
                    row: *row,
                    key: samples.key(*row).to_owned(),
                    reason: reason.clone(),
                })
                .collect(),
        }
    }
}

impl Sidecar {
    /// Puts the sidecar beside the arrays.
    fn write(&self, dir: &Path) -> Result<(), FeaturesError> {
        let path = dir.join(SIDECAR);
        // One name for all runs, so that a killed one leaves nothing that the next does not write over.
        let part = dir.join(format!("{SIDECAR}.part"));
        let file = File::create(&part).map_err(FeaturesError::io(&part))?;
        let mut out = BufWriter::new(file);
        serde_json::to_writer(&mut out, self).map_err(|error| FeaturesError::io(&path)(error.into()))?;
        out.write_all(b"\n").map_err(FeaturesError::io(&path))?;
        let file = out.into_inner().map_err(|error| FeaturesError::io(&path)(error.into_error()))?;
        file.sync_all().map_err(FeaturesError::io(&path))?;
        fs::rename(&part, &path).map_err(FeaturesError::io(&path))?;
        if let Ok(dir) = File::open(dir) {
            let _ = dir.sync_all();
        }
        Ok(())
    }

    /// Takes note of the datasets as they are now, where the same rows were asked for again: shards that no row comes from
    /// may be others, and they decide nothing of the numbers.
    ///
    /// # Errors
    /// If the sidecar cannot be written.
    pub fn refresh(&mut self, dir: &Path, samples: &Samples) -> Result<(), FeaturesError> {
        let datasets = samples.datasets();
        if self.datasets == datasets {
            return Ok(());
        }
        self.datasets = datasets;
        self.write(dir)
    }
}

impl Samples {
    fn datasets(&self) -> Vec<DatasetRows> {
        let dataset = |dataset: &DatasetSamples| DatasetRows {
            name: dataset.name.clone(),
            path: dataset.path.clone(),
            format: dataset.format.clone(),
            rows: dataset.keys.len(),
            shards: dataset.shards.clone(),
        };
        self.0.iter().map(dataset).collect()
    }
}

fn mismatch(dir: &Path, what: &str) -> FeaturesError {
    FeaturesError::folder(
        dir,
        format!("this folder holds features of another {what}; choose another --out, or --force to replace them"),
    )
}

fn remove(path: &Path) -> Result<(), FeaturesError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FeaturesError::io(path)(error)),
        _ => Ok(()),
    }
}
