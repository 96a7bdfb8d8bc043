//! The models that are in the program: with them every view works on a fresh machine with no download.
//!
//! How it works: two small residual networks, trained on drawn pictures by `scripts/train_demo_models.py`, lie in
//! `assets/models/` as ONNX files with their cards; the executable holds their bytes. Everything else in the program opens
//! models by path, so [`locate`] writes a model that is asked for by name into the program's cache and gives its path.
//! The cards say how well each does on the demo datasets, none of whose pictures it was trained on.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::ModelError;
use crate::base::dirs;

/// A model in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// "demo-scenes"; also what its file would be called, without `.onnx`.
    pub name: &'static str,
    /// The ONNX file.
    pub onnx: &'static [u8],
    /// The text of its card, in the form of `MODEL.toml`.
    pub card: &'static str,
}

/// All of them, the general one (the role of ImageNet) before the shop's.
#[must_use]
pub fn bundled() -> &'static [Bundled] {
    const MODELS: [Bundled; 2] = [
        Bundled {
            name: "demo-scenes",
            onnx: include_bytes!("../../assets/models/demo-scenes.onnx"),
            card: include_str!("../../assets/models/demo-scenes.toml"),
        },
        Bundled {
            name: "demo-shop",
            onnx: include_bytes!("../../assets/models/demo-shop.onnx"),
            card: include_str!("../../assets/models/demo-shop.toml"),
        },
    ];
    &MODELS
}

/// The one of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Bundled> {
    bundled().iter().find(|model| model.name == name)
}

impl Bundled {
    /// Writes the model and its card into `dir` as NAME.onnx and NAME.toml, unless the same bytes are there, and gives the
    /// path of the first.
    ///
    /// # Errors
    /// If the folder or a file cannot be written.
    pub fn unpack(&self, dir: &Path) -> Result<PathBuf, ModelError> {
        let path = dir.join(format!("{}.onnx", self.name));
        // The card first: where the model is, its card is.
        put(&path.with_extension("toml"), self.card.as_bytes())?;
        put(&path, self.onnx)?;
        Ok(path)
    }
}

/// The path of the model that `asked` means: a bundled one by its name ("demo-shop"), which is then written to the cache
/// where it is not there yet; any other path is given back as it is. A file of that name in the working folder goes first.
///
/// # Errors
/// If the cache cannot be written.
pub fn locate(asked: &Path) -> Result<PathBuf, ModelError> {
    match asked.to_str().and_then(find) {
        Some(model) if !asked.is_file() => model.unpack(&dirs::cache_dir().join("models")),
        _ => Ok(asked.to_owned()),
    }
}

/// Writes a file whole or not at all: another process may be reading it.
fn put(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let failed = |source| ModelError::Io { path: path.to_owned(), source };
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn unpacked_models_open_with_their_cards() {
        let dir = tempfile::tempdir().unwrap();
        let check = |name: &str, classes: usize, first: &str, last: &str| {
            let path = find(name).unwrap().unpack(dir.path()).unwrap();
            let model = Model::open(&path, None).unwrap();
            assert_eq!(model.card.classes.len(), classes, "{name}");
            assert_eq!((model.card.classes[0].as_str(), model.card.classes[classes - 1].as_str()), (first, last));
            let stages: Vec<_> = model.card.stages.iter().map(|stage| stage.name.as_str()).collect();
            assert_eq!(stages, ["stem", "layer1", "layer2", "layer3", "layer4", "pool"], "{name}");
            let maps = |tensor: &str| model.graph.shapes().dims(tensor).map(<[usize]>::to_vec);
            assert_eq!(maps("layer4"), Some(vec![1, 128, 8, 8]), "{name}");
            assert_eq!(maps("pool"), Some(vec![1, 128]), "{name}");
            assert_eq!(model.card.logits.as_deref(), Some("logits"));
            assert_eq!(model.input.batch, None, "{name}: any number of pictures goes");
            assert!(model.head.is_some(), "{name}: heat maps need the linear layer at the end");
        };
        check("demo-scenes", 20, "sports car", "frying pan");
        check("demo-shop", 24, "Backpacks", "Balls");
        assert!(find("resnet50").is_none());
    }

    #[test]
    fn unpacking_twice_writes_once_and_repairs() {
        let dir = tempfile::tempdir().unwrap();
        let model = find("demo-shop").unwrap();
        let path = model.unpack(dir.path()).unwrap();
        let written = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        let first = written(&path);
        model.unpack(dir.path()).unwrap();
        assert_eq!(written(&path), first, "the same bytes are left alone");
        fs::write(&path, b"half").unwrap();
        model.unpack(dir.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), model.onnx);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file stays");
    }

    #[test]
    fn other_paths_are_left_alone() {
        for asked in ["model.onnx", "some/demo-shop", "demo-shop.onnx", ""] {
            assert_eq!(locate(Path::new(asked)).unwrap(), Path::new(asked));
        }
    }

    #[test]
    fn both_cost_less_than_three_megabytes() {
        assert!(bundled().iter().map(|model| model.onnx.len()).sum::<usize>() < 3_000_000);
    }
}
