//! Reading model files: what a damaged or foreign file is, and weights that lie in files of their own.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use prost::Message as _;
use rustc_hash::FxHashMap;
use sha2::{Digest as _, Sha256};
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto};

use super::graph::Graph;
use crate::model::ModelError;

/// Reads a model with its external data; the hash covers both.
pub(super) fn read(path: &Path) -> Result<Graph, ModelError> {
    let bytes = load(path)?;
    let damaged = |message: String| ModelError::NotOnnx { path: path.to_owned(), message };
    if let Some(message) = foreign(&bytes) {
        return Err(damaged(message.to_owned()));
    }
    let mut model = ModelProto::decode(&bytes[..]).map_err(|error| damaged(defect(&bytes, &error)))?;
    if model.graph.is_none() || model.opset_import.is_empty() {
        return Err(damaged(match cut_off(&bytes) {
            Some(message) => message,
            None if model.graph.is_some() => {
                "it names no operator set: it is cut off, copy or export it again".to_owned()
            }
            None => "it holds no graph".to_owned(),
        }));
    }
    let mut hash = Sha256::new_with_prefix(&bytes);
    drop(bytes);
    let mut outside = Outside { path, files: FxHashMap::default() };
    if let Some(graph) = model.graph.as_mut() {
        outside.fetch(graph)?;
    }
    let mut files: Vec<_> = outside.files.into_iter().collect();
    files.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for (_, bytes) in files {
        hash.update(&bytes);
    }
    Graph::new(model, path, hex(&hash.finalize()))
}

fn load(path: &Path) -> Result<Vec<u8>, ModelError> {
    if path.is_dir() {
        return Err(ModelError::Unusable {
            path: path.to_owned(),
            message: "this is a folder: name the .onnx file in it".to_owned(),
        });
    }
    fs::read(path).map_err(|source| ModelError::Io { path: path.to_owned(), source })
}

/// SHA-256 of bytes, in hexadecimal digits.
pub(super) fn hex_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a file of another kind is, by its first bytes.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let starts: [(&[u8], &str); 6] = [
        (b"PK\x03\x04", "it is a PyTorch checkpoint or another zip archive: export it with torch.onnx.export"),
        (b"\x80\x02", "it is a Python pickle: export the model with torch.onnx.export"),
        (b"version https://git-lfs", "it is a pointer of Git LFS: run git lfs pull to get the model itself"),
        (b"\x89HDF\r\n", "it is an HDF5 file, perhaps of Keras: convert it with tf2onnx"),
        (b"<", "it is a web page, perhaps of a failed download"),
        (b"{", "it is JSON"),
    ];
    if bytes.is_empty() {
        return Some("it is empty");
    }
    if let Some((_, message)) = starts.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some(message);
    }
    match bytes.get(4..8)? {
        b"TFL3" => Some("it is a TensorFlow Lite model: convert it with tf2onnx"),
        b"ORTM" => Some("it is ONNX Runtime's own format: use the .onnx file it was made of"),
        // The length of a safetensors header, then its JSON.
        _ if bytes.get(8) == Some(&b'{') => Some("it is a safetensors file, weights without a graph: export to ONNX"),
        _ => None,
    }
}

fn defect(bytes: &[u8], error: &prost::DecodeError) -> String {
    cut_off(bytes).unwrap_or_else(|| format!("its bytes make no sense: {error}"))
}

/// Whether a field of the outermost message goes on behind the file's end.
fn cut_off(bytes: &[u8]) -> Option<String> {
    let mut at = 0;
    while at < bytes.len() {
        let key = varint(bytes, &mut at);
        let length = match key? & 7 {
            0 => varint(bytes, &mut at).map(|_| 0),
            1 => Some(8),
            2 => varint(bytes, &mut at),
            5 => Some(4),
            _ => return None,
        };
        let missing = match length {
            Some(length) => at.checked_add(usize::try_from(length).ok()?)?.checked_sub(bytes.len()),
            None => Some(1),
        };
        match missing {
            Some(missing) if missing > 0 => {
                return Some(format!("it is cut off, at least {missing} bytes are missing: copy or export it again"));
            }
            _ => at += usize::try_from(length?).ok()?,
        }
    }
    None
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The files beside the model that hold its weights.
struct Outside<'a> {
    path: &'a Path,
    files: FxHashMap<String, Vec<u8>>,
}

impl Outside<'_> {
    fn fetch(&mut self, graph: &mut GraphProto) -> Result<(), ModelError> {
        for tensor in &mut graph.initializer {
            self.tensor(tensor)?;
        }
        for node in &mut graph.node {
            for attribute in &mut node.attribute {
                for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
                    self.tensor(tensor)?;
                }
                for inner in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                    self.fetch(inner)?;
                }
            }
        }
        Ok(())
    }

    fn tensor(&mut self, tensor: &mut TensorProto) -> Result<(), ModelError> {
        if tensor.data_location != Some(DataLocation::External as i32) {
            return Ok(());
        }
        let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        let damaged = |message: String| ModelError::NotOnnx { path: self.path.to_owned(), message };
        let name = &tensor.name;
        let location = entry("location")
            .ok_or_else(|| damaged(format!("it does not say where the weights \"{name}\" are")))?
            .clone();
        let number = |key: &str| {
            let parse = |value: &String| {
                value.parse::<usize>().map_err(|_| damaged(format!("{key} of \"{name}\" is no number")))
            };
            entry(key).map(parse).transpose()
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        if !self.files.contains_key(&location) {
            let bytes = self.file(&location)?;
            self.files.insert(location.clone(), bytes);
        }
        let bytes = &self.files[&location];
        let end = match length {
            Some(length) => offset.checked_add(length),
            None => Some(bytes.len()),
        };
        let Some(part) = end.and_then(|end| bytes.get(offset..end)) else {
            return Err(ModelError::Unusable {
                path: self.path.to_owned(),
                message: format!("its weights end early: {location} beside it is cut off or belongs to another model"),
            });
        };
        tensor.raw_data = part.to_vec();
        tensor.data_location = None;
        tensor.external_data.clear();
        Ok(())
    }

    fn file(&self, location: &str) -> Result<Vec<u8>, ModelError> {
        let unusable = |message| ModelError::Unusable { path: self.path.to_owned(), message };
        let relative = PathBuf::from(location);
        // A model from elsewhere must not read what it likes.
        if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(unusable(format!(
                "its weights are said to be in {location}, outside its own folder, where they are not looked for: \
                 save it again with the weights beside it"
            )));
        }
        let file = self.path.parent().unwrap_or(Path::new("")).join(relative);
        fs::read(&file).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => {
                unusable(format!("its weights are in a file of their own that is missing: put {location} beside it"))
            }
            _ => ModelError::Io { path: file, source },
        })
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::StringStringEntryProto;

    use super::super::build::{self, Builder};
    use super::super::values;
    use super::*;

    fn model() -> ModelProto {
        Builder::new()
            .input("x", &[0, 2])
            .weights(build::floats("w", &[2], &[1.0, 2.0]))
            .node("Add", &["x", "w"], "y", vec![])
            .output("y")
            .build(13)
    }

    fn outside(location: &str, offset: &str) -> ModelProto {
        let mut model = model();
        let tensor = &mut model.graph.as_mut().unwrap().initializer[0];
        tensor.raw_data.clear();
        tensor.data_location = Some(DataLocation::External as i32);
        let entry = |key: &str, value: &str| StringStringEntryProto { key: key.to_owned(), value: value.to_owned() };
        tensor.external_data = vec![entry("location", location), entry("offset", offset), entry("length", "8")];
        model
    }

    #[test]
    fn files_that_are_no_model_say_what_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.onnx");
        let check = |bytes: &[u8], expect: &str| {
            fs::write(&path, bytes).unwrap();
            let error = Graph::read(&path).unwrap_err().to_string();
            assert!(error.contains(expect) && error.ends_with("m.onnx") && !error.contains('\n'), "{error}");
        };
        check(b"", "it is empty");
        check(b"PK\x03\x04and so on", "torch.onnx.export");
        check(b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull");
        check(b"<!DOCTYPE html>", "web page");
        check(b"\x20\0\0\0TFL3....", "TensorFlow Lite");
        check(b"\x40\0\0\0\0\0\0\0{\"w\":", "safetensors");
        check(b"some text that somebody wrote", "not a readable ONNX model");
        let whole = model().encode_to_vec();
        for end in 1..whole.len() {
            check(&whole[..end], "not a readable ONNX model");
        }
        check(&whole[..whole.len() / 2], "bytes are missing: copy or export it again");
        let folder = Graph::read(dir.path()).unwrap_err().to_string();
        assert!(folder.contains("this is a folder"), "{folder}");
        let absent = Graph::read(&dir.path().join("absent.onnx")).unwrap_err().to_string();
        assert!(absent.starts_with("cannot read"), "{absent}");
    }

    #[test]
    fn weights_beside_the_model_are_taken_in_and_hashed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.onnx");
        let read = |model: &ModelProto| {
            fs::write(&path, model.encode_to_vec()).unwrap();
            Graph::read(&path)
        };
        let data = |first: f32| {
            let bytes: Vec<u8> = [first, 1.0, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
            fs::write(dir.path().join("m.data"), bytes).unwrap();
        };
        let refused = |model: &ModelProto, expect: &str| {
            let error = read(model).unwrap_err().to_string();
            assert!(error.contains(expect) && error.ends_with("m.onnx"), "{error}");
        };
        refused(&outside("m.data", "4"), "put m.data beside it");
        data(0.0);
        let graph = read(&outside("m.data", "4")).unwrap();
        assert_eq!(graph.stored("w").and_then(values::floats), Some(vec![1.0, 2.0]));
        assert_eq!(Graph::from_bytes(&graph.to_bytes().unwrap(), &path).unwrap().proto(), graph.proto());
        let hash = graph.hash().to_owned();
        assert_eq!((hash.len(), read(&outside("m.data", "4")).unwrap().hash()), (64, hash.as_str()));
        data(9.0);
        assert_ne!(read(&outside("m.data", "4")).unwrap().hash(), hash);
        refused(&outside("m.data", "8"), "its weights end early");
        refused(&outside("m.data", "four"), "offset of \"w\" is no number");
        refused(&outside("../m.data", "4"), "outside its own folder");
        refused(&outside("/etc/passwd", "0"), "outside its own folder");
    }
}
