//! Where an ONNX Runtime library may lie on this machine, in the order of looking.
//!
//! How it works: [`places`] lists folders and names of the surroundings it is given ([`Surroundings::here`] are the real
//! ones) and what lies in each; nothing is loaded here, so that the order can be tested with made-up folders.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::base::dirs;

/// What decides where a library is looked for.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `ORT_DYLIB_PATH`.
    pub variable: Option<OsString>,
    /// Folder of the program.
    pub program: Option<PathBuf>,
    /// Folder that `shopscope runtime install` fills.
    pub managed: PathBuf,
    /// Roots of active Python environments, `VIRTUAL_ENV` before `CONDA_PREFIX`.
    pub python: Vec<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn here() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            variable: set("ORT_DYLIB_PATH"),
            program: env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)),
            managed: managed_dir(),
            python: ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(set).map(PathBuf::from).collect(),
        }
    }
}

/// The folder that holds installed libraries, one folder a version.
#[must_use]
pub fn managed_dir() -> PathBuf {
    dirs::cache_dir().join("onnxruntime")
}

/// A place that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As people call it: "the setting", "`ORT_DYLIB_PATH`", "beside the program".
    pub name: &'static str,
    /// Libraries there, best first; empty where there is none.
    pub libraries: Vec<PathBuf>,
    /// Why there is none, without a full stop.
    pub missing: String,
}

/// All places in the order of looking; `wish` is the user's own setting.
#[must_use]
pub fn places(wish: Option<&Path>, around: &Surroundings) -> Vec<Place> {
    let mut places = Vec::new();
    if let Some(wish) = wish {
        places.push(given("the setting", wish));
    }
    match &around.variable {
        Some(value) => places.push(given("ORT_DYLIB_PATH", Path::new(value))),
        None => places.push(empty("ORT_DYLIB_PATH", "not set")),
    }
    match &around.program {
        Some(folder) => places.push(in_folders("beside the program", std::slice::from_ref(folder))),
        None => places.push(empty("beside the program", "the program does not know where it lies")),
    }
    places.push(in_folders("the managed folder", &newest_first(subfolders(&around.managed))));
    if around.python.is_empty() {
        places.push(empty("the Python environment", "none is active"));
    } else {
        let capi = site_packages(&around.python).into_iter().map(|site| site.join("onnxruntime").join("capi"));
        places.push(in_folders("the Python environment", &capi.collect::<Vec<_>>()));
    }
    places.push(Place {
        name: "the system",
        libraries: vec![PathBuf::from(system_name(env::consts::OS))],
        missing: String::new(),
    });
    places
}

/// `lib/python3*/site-packages` (`Lib\site-packages` on Windows) of environments.
#[must_use]
pub fn site_packages(environments: &[PathBuf]) -> Vec<PathBuf> {
    let mut sites = Vec::new();
    for root in environments {
        for versioned in newest_first(subfolders(&root.join("lib"))) {
            if versioned.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3")) {
                sites.push(versioned.join("site-packages"));
            }
        }
        sites.push(root.join("Lib").join("site-packages"));
    }
    sites.retain(|site| site.is_dir());
    sites
}

/// Folders with NVIDIA's own libraries (`nvidia/*/lib` of Python packages) near a library and in active environments.
#[must_use]
pub fn nvidia_folders(library: &Path, around: &Surroundings) -> Vec<PathBuf> {
    let mut roots = Vec::new();
    // site-packages/onnxruntime/capi/libonnxruntime.so
    if let Some(site) = library.ancestors().nth(3) {
        roots.push(site.join("nvidia"));
    }
    if let Some(folder) = library.parent() {
        roots.push(folder.join("nvidia"));
    }
    roots.extend(site_packages(&around.python).into_iter().map(|site| site.join("nvidia")));
    let mut folders = Vec::new();
    for package in roots.iter().flat_map(|root| subfolders(root)) {
        for inner in ["lib", "bin", "lib64"] {
            let folder = package.join(inner);
            if folder.is_dir() && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    folders
}

fn empty(name: &'static str, why: &str) -> Place {
    Place { name, libraries: Vec::new(), missing: why.to_owned() }
}

/// A path that a person wrote: the library itself or its folder.
fn given(name: &'static str, path: &Path) -> Place {
    if path.is_dir() {
        return in_folders(name, &[path.to_owned()]);
    }
    // A bare file name is the system loader's business.
    if path.components().count() == 1 || path.exists() {
        return Place { name, libraries: vec![path.to_owned()], missing: String::new() };
    }
    empty(name, &format!("there is no such file: {}", path.display()))
}

fn in_folders(name: &'static str, folders: &[PathBuf]) -> Place {
    let libraries: Vec<PathBuf> = folders.iter().flat_map(|folder| libraries_in(folder)).collect();
    let missing = match folders {
        _ if !libraries.is_empty() => String::new(),
        [] => "empty".to_owned(),
        [first, ..] => format!("no library in {}", first.display()),
    };
    Place { name, libraries, missing }
}

fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let found = files.filter(|path| {
        path.file_name().is_some_and(|name| is_library(&name.to_string_lossy(), env::consts::OS)) && path.is_file()
    });
    newest_first(found.collect())
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    // Half-made installations begin with a dot.
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    entries.filter(|path| path.is_dir() && !hidden(path)).collect()
}

/// True for the library itself, not its providers. `os` is of [`env::consts::OS`].
#[must_use]
pub fn is_library(name: &str, os: &str) -> bool {
    match os {
        "windows" => name.eq_ignore_ascii_case("onnxruntime.dll"),
        "macos" => {
            name == "libonnxruntime.dylib"
                || (name.strip_suffix(".dylib").is_some_and(|stem| stem.starts_with("libonnxruntime.1.")))
        }
        _ => name == "libonnxruntime.so" || name.starts_with("libonnxruntime.so.1"),
    }
}

fn system_name(os: &str) -> &'static str {
    match os {
        "windows" => "onnxruntime.dll",
        "macos" => "libonnxruntime.dylib",
        _ => "libonnxruntime.so",
    }
}

/// Sorts by the numbers in the last component, greatest first: 1.31 before 1.9; ties by name (so "-cuda" goes first).
fn newest_first(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let key = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let numbers: Vec<u64> =
            name.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
        (numbers, name)
    };
    paths.sort_by_key(|path| std::cmp::Reverse(key(path)));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_from_their_providers() {
        let check = |name: &str, os: &str, expect: bool| assert_eq!(is_library(name, os), expect, "{name} on {os}");
        check("libonnxruntime.so.1.31.1", "linux", true);
        check("libonnxruntime.so", "linux", true);
        check("libonnxruntime_providers_shared.so", "linux", false);
        check("onnxruntime_pybind11_state.so", "linux", false);
        check("libonnxruntime.1.24.0.dylib", "macos", true);
        check("libonnxruntime.so", "macos", false);
        check("onnxruntime.dll", "windows", true);
        check("onnxruntime_providers_shared.dll", "windows", false);
    }

    #[test]
    fn places_come_in_order_and_newest_versions_first() {
        let dir = tempfile::tempdir().unwrap();
        let library = system_name(env::consts::OS);
        let make = |path: &str| {
            let folder = dir.path().join(path);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(library), "x").unwrap();
            folder.join(library)
        };
        let program = make("program");
        let old = make("managed/1.9.0");
        let new = make("managed/1.31.1");
        let cuda = make("managed/1.31.1-cuda");
        make("managed/.half");
        let python = make("venv/lib/python3.11/site-packages/onnxruntime/capi");
        let around = Surroundings {
            variable: Some(dir.path().join("nowhere.so").into()),
            program: Some(dir.path().join("program")),
            managed: dir.path().join("managed"),
            python: vec![dir.path().join("venv")],
        };
        let found = places(Some(&dir.path().join("program")), &around);
        let names: Vec<&str> = found.iter().map(|place| place.name).collect();
        assert_eq!(
            names,
            [
                "the setting",
                "ORT_DYLIB_PATH",
                "beside the program",
                "the managed folder",
                "the Python environment",
                "the system"
            ]
        );
        let libraries: Vec<Vec<PathBuf>> = found.iter().map(|place| place.libraries.clone()).collect();
        assert_eq!(libraries[0], std::slice::from_ref(&program), "a folder will do");
        assert!(libraries[1].is_empty() && found[1].missing.contains("nowhere.so"), "{}", found[1].missing);
        assert_eq!(libraries[2], [program]);
        assert_eq!(libraries[3], [cuda, new, old]);
        assert_eq!(libraries[4], [python]);

        let bare = places(None, &Surroundings { managed: dir.path().join("none"), ..Surroundings::default() });
        assert!(bare.iter().all(|place| place.name == "the system" || place.libraries.is_empty()), "{bare:?}");
    }

    #[test]
    fn nvidia_packages_are_found_beside_the_wheel() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["nvidia/cu13/lib", "nvidia/cudnn/lib", "nvidia/empty", "onnxruntime/capi"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let library = dir.path().join("onnxruntime/capi/libonnxruntime.so.1.31.1");
        let mut found = nvidia_folders(&library, &Surroundings::default());
        found.sort();
        assert_eq!(found, [dir.path().join("nvidia/cu13/lib"), dir.path().join("nvidia/cudnn/lib")]);
    }
}
