//! Where the program keeps its own files. Nothing is ever written into a dataset's folder.

use std::path::PathBuf;

/// The OS cache directory of the program (`$XDG_CACHE_HOME/shopscope` on Linux), or a folder in the
/// temporary directory where the OS names none. `SHOPSCOPE_CACHE` overrides it. Not created here.
#[must_use]
pub fn cache_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("SHOPSCOPE_CACHE") {
        return PathBuf::from(dir);
    }
    directories::ProjectDirs::from("", "", "shopscope")
        .map_or_else(|| std::env::temp_dir().join("shopscope"), |dirs| dirs.cache_dir().to_owned())
}

/// The OS configuration directory of the program (settings, recent sources). `SHOPSCOPE_CONFIG`
/// overrides it. Not created here.
#[must_use]
pub fn config_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("SHOPSCOPE_CONFIG") {
        return PathBuf::from(dir);
    }
    directories::ProjectDirs::from("", "", "shopscope")
        .map_or_else(|| cache_dir().join("config"), |dirs| dirs.config_dir().to_owned())
}

/// `~/x` as people type it.
#[must_use]
pub fn expand_home(typed: &str) -> PathBuf {
    let typed = typed.trim();
    match (typed.strip_prefix("~/"), directories::BaseDirs::new()) {
        (Some(rest), Some(dirs)) => dirs.home_dir().join(rest),
        _ => PathBuf::from(typed),
    }
}
