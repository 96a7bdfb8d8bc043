//! Getting ONNX Runtime from the Python package index into the managed folder.
//!
//! How it works: a wheel is a zip file that holds the shared library which Python's module uses. [`install`] asks an
//! [`Index`] for the wheels of a package, takes the newest that fits this machine, fetches it to a temporary file while
//! hashing it, compares with the hash of the index, unpacks library, providers and licences into a temporary folder
//! and renames that into place: a broken run leaves nothing that is found. Where the index cannot be reached (a company
//! that only lets `pip` through), `pip download` is asked; it verifies hashes itself.

use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{find, onnxruntime};
use crate::base::CancelToken;
use crate::model::ModelError;

/// A file of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel {
    /// "1.31.1".
    pub version: String,
    /// "onnxruntime-1.31.1-cp312-cp312-manylinux_2_28_x86_64.whl".
    pub file: String,
    /// Where it lies.
    pub url: String,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// Where wheels come from.
pub trait Index {
    /// The wheels of a package, of all versions.
    ///
    /// # Errors
    /// Why they cannot be had, without a full stop.
    fn wheels(&self, package: &str) -> Result<Vec<Wheel>, String>;

    /// Opens a wheel for reading.
    ///
    /// # Errors
    /// Why it cannot be had, without a full stop.
    fn open(&self, wheel: &Wheel) -> Result<Box<dyn Read>, String>;

    /// Another way, where this index cannot be reached: puts a wheel of the package into `folder` and gives its path.
    ///
    /// # Errors
    /// Why it cannot be had, without a full stop.
    fn other_way(&self, package: &str, folder: &Path) -> Result<PathBuf, String>;
}

/// What happens, for people who wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A wheel was chosen.
    Chosen(Wheel),
    /// Bytes fetched of the wheel's size.
    Fetched(u64),
    /// The index cannot be reached, for this reason; `pip` is asked.
    Pip(String),
    /// Everything is here and sound.
    Unpacking,
}

/// What was installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Folder in the managed folder.
    pub folder: PathBuf,
    /// The library.
    pub library: PathBuf,
    /// "1.31.1".
    pub version: String,
    /// SHA-256 of the wheel in hex.
    pub sha256: String,
    /// It was there before and nothing was fetched.
    pub known: bool,
}

/// Operating system and processor as Rust names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Of [`std::env::consts::OS`].
    pub os: &'static str,
    /// Of [`std::env::consts::ARCH`].
    pub arch: &'static str,
}

impl Platform {
    /// This machine.
    pub const HERE: Self = Self { os: std::env::consts::OS, arch: std::env::consts::ARCH };

    /// Whether a wheel's platform tag fits; less is a better fit (the oldest system that it wants).
    fn fits(self, file: &str) -> Option<u32> {
        let tag = file.strip_suffix(".whl")?.rsplit('-').next()?;
        let arch = match (self.os, self.arch) {
            ("windows", "x86_64") => "amd64",
            ("windows" | "macos", "aarch64") => "arm64",
            (_, arch) => arch,
        };
        let fits = match self.os {
            "linux" => tag.starts_with("manylinux") && tag.ends_with(arch),
            "macos" => tag.starts_with("macosx") && (tag.ends_with(arch) || tag.ends_with("universal2")),
            "windows" => tag == format!("win_{arch}"),
            _ => false,
        };
        fits.then(|| numbers(tag.trim_end_matches(arch)).get(1).copied().unwrap_or(0))
    }
}

/// The newest wheel that fits and is not older than what loads.
fn choose(wheels: Vec<Wheel>, platform: Platform) -> Option<Wheel> {
    let fitting = wheels.into_iter().filter_map(|wheel| {
        let version = numbers(&wheel.version);
        // Previews have letters in their version.
        let released = wheel.version.chars().all(|c| c.is_ascii_digit() || c == '.');
        let enough = version.as_slice() >= [1, onnxruntime::OLDEST].as_slice();
        let wants = platform.fits(&wheel.file)?;
        (released && enough).then_some((Reverse(version), wants, wheel))
    });
    // The library is the same for every Python; the file's name only makes the choice definite.
    fitting.min_by(|a, b| (&a.0, a.1, &a.2.file).cmp(&(&b.0, b.1, &b.2.file))).map(|(.., wheel)| wheel)
}

fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// Installs the newest ONNX Runtime (the one with CUDA if `cuda`) into `managed`, if it is not there already.
///
/// # Errors
/// One sentence: no network, no wheel for this machine, a wrong hash, a full disk; or cancelled.
pub fn install(
    index: &dyn Index,
    managed: &Path,
    platform: Platform,
    cuda: bool,
    cancel: &CancelToken,
    on_step: &mut dyn FnMut(Step),
) -> Result<Installed, ModelError> {
    let package = if cuda { "onnxruntime-gpu" } else { "onnxruntime" };
    let disk = |source: io::Error| disk_error(managed, source);
    fs::create_dir_all(managed).map_err(disk)?;
    let suffix = if cuda { "-cuda" } else { "" };
    let scratch = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(managed).map_err(disk)?;

    let wheels = index.wheels(package);
    let (path, version, sha256) = match wheels {
        Ok(wheels) => {
            let wheel = choose(wheels, platform).ok_or_else(|| {
                failed(&format!(
                    "the index has no {package} 1.{} or newer for {} on {}",
                    onnxruntime::OLDEST,
                    platform.os,
                    platform.arch
                ))
            })?;
            let folder = managed.join(format!("{}{suffix}", wheel.version));
            if let Some(library) = library_in(&folder) {
                let Wheel { version, sha256, .. } = wheel;
                return Ok(Installed { folder, library, version, sha256, known: true });
            }
            on_step(Step::Chosen(wheel.clone()));
            let path = scratch.path().join("wheel");
            match fetch(index, &wheel, &path, cancel, on_step) {
                Ok(()) => (path, wheel.version, wheel.sha256),
                Err(Fetching::Network(why)) => pip(index, package, scratch.path(), &why, on_step)?,
                Err(Fetching::Other(error)) => return Err(error),
            }
        }
        Err(why) => pip(index, package, scratch.path(), &why, on_step)?,
    };
    cancel.check()?;
    on_step(Step::Unpacking);
    let unpacked = scratch.path().join("unpacked");
    fs::create_dir(&unpacked).map_err(disk)?;
    unpack(&path, &unpacked, platform.os)?;
    let note = format!("{package} {version} from the Python package index\nsha256 of the wheel: {sha256}\n");
    fs::write(unpacked.join("SOURCE.txt"), note).map_err(disk)?;
    let folder = managed.join(format!("{version}{suffix}"));
    if folder.exists() && library_in(&folder).is_none() {
        fs::remove_dir_all(&folder).map_err(disk)?;
    }
    if !folder.exists() {
        fs::rename(&unpacked, &folder).map_err(disk)?;
    }
    let library =
        library_in(&folder).ok_or_else(|| failed("the wheel holds no ONNX Runtime library for this machine"))?;
    Ok(Installed { folder, library, version, sha256, known: false })
}

fn library_in(folder: &Path) -> Option<PathBuf> {
    let around = find::Surroundings { variable: Some(folder.into()), ..find::Surroundings::default() };
    find::places(None, &around).into_iter().next()?.libraries.into_iter().next().filter(|path| path.is_file())
}

fn failed(why: &str) -> ModelError {
    ModelError::NoRuntime(format!("cannot install ONNX Runtime: {why}"))
}

fn disk_error(path: &Path, source: io::Error) -> ModelError {
    if source.kind() == io::ErrorKind::StorageFull {
        return failed(&format!("the disk is full: {}", path.display()));
    }
    ModelError::Io { path: path.to_owned(), source }
}

/// Why a wheel was not fetched.
enum Fetching {
    /// The network, where another way may do.
    Network(String),
    /// Anything else.
    Other(ModelError),
}

fn fetch(
    index: &dyn Index,
    wheel: &Wheel,
    path: &Path,
    cancel: &CancelToken,
    on_step: &mut dyn FnMut(Step),
) -> Result<(), Fetching> {
    let disk = |source| Fetching::Other(disk_error(path, source));
    let mut from = index.open(wheel).map_err(Fetching::Network)?;
    let mut file = File::create(path).map_err(disk)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut fetched = 0;
    loop {
        cancel.check().map_err(|cancelled| Fetching::Other(cancelled.into()))?;
        let n = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fetching::Network(format!("the download broke off ({error})"))),
        };
        hash.update(&buffer[..n]);
        file.write_all(&buffer[..n]).map_err(disk)?;
        fetched += n as u64;
        on_step(Step::Fetched(fetched));
    }
    file.sync_all().map_err(disk)?;
    let found = hex(&hash.finalize());
    if found != wheel.sha256 {
        return Err(Fetching::Other(failed(&format!(
            "{} has the checksum {found} where the index says {}; nothing was installed",
            wheel.file, wheel.sha256
        ))));
    }
    Ok(())
}

/// The other way; gives the wheel's path, version and hash.
fn pip(
    index: &dyn Index,
    package: &str,
    folder: &Path,
    why: &str,
    on_step: &mut dyn FnMut(Step),
) -> Result<(PathBuf, String, String), ModelError> {
    on_step(Step::Pip(why.to_owned()));
    let path = index
        .other_way(package, folder)
        .map_err(|pip| failed(&format!("the package index cannot be reached ({why}), and pip failed ({pip})")))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let version = name.split('-').nth(1).unwrap_or_default().to_owned();
    if numbers(&version).as_slice() < [1, onnxruntime::OLDEST].as_slice() {
        return Err(failed(&format!("pip gave {name}, which is older than 1.{}", onnxruntime::OLDEST)));
    }
    let mut hash = Sha256::new();
    let mut file = File::open(&path).map_err(|source| disk_error(&path, source))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(|source| disk_error(&path, source))? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok((path, version, hex(&hash.finalize())))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Takes library, providers and licences out of a wheel; all into one folder.
fn unpack(wheel: &Path, into: &Path, os: &str) -> Result<(), ModelError> {
    let damaged = |why: &dyn std::fmt::Display| failed(&format!("the wheel cannot be unpacked ({why})"));
    let file = File::open(wheel).map_err(|source| disk_error(wheel, source))?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(|error| damaged(&error))?;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(|error| damaged(&error))?;
        let name = entry.name().map_err(|error| damaged(&error))?.into_owned();
        // Only the last component is used: a path in an archive leads nowhere else.
        let Some(last) = wanted(&name, os) else { continue };
        let path = into.join(last);
        let mut file = File::create(&path).map_err(|source| disk_error(&path, source))?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            // Reading tells of damage (the checksum of the archive), writing of the disk.
            let n = entry.read(&mut buffer).map_err(|error| damaged(&error))?;
            if n == 0 {
                break;
            }
            file.write_all(&buffer[..n]).map_err(|source| disk_error(&path, source))?;
        }
        file.sync_all().map_err(|source| disk_error(&path, source))?;
    }
    Ok(())
}

/// The file name under which a member of the wheel is kept, or nothing.
fn wanted<'a>(member: &'a str, os: &str) -> Option<&'a str> {
    let (folder, last) = member.rsplit_once('/')?;
    let lower = last.to_lowercase();
    let licence = ["license", "thirdpartynotices", "privacy"].iter().any(|word| lower.starts_with(word))
        && !last.ends_with(".py");
    let provider = match os {
        "windows" => lower.starts_with("onnxruntime_providers") && lower.ends_with(".dll"),
        _ => last.starts_with("libonnxruntime_providers"),
    };
    let library = folder == "onnxruntime/capi" && (provider || find::is_library(last, os));
    (library || (licence && matches!(folder.split('/').next(), Some(top) if top.starts_with("onnxruntime"))))
        .then_some(last)
}

/// The Python package index over HTTPS; proxies and certificates are those of the system.
#[derive(Debug)]
pub struct Pypi {
    agent: ureq::Agent,
}

impl Default for Pypi {
    fn default() -> Self {
        // Companies that open TLS have their own root certificate in the system's store.
        let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_connect(Some(Duration::from_secs(15)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .user_agent(concat!("shopscope/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into() }
    }
}

/// Longest answer about a package that is read, bytes. Today it is under two million.
const LONGEST_ANSWER: u64 = 64 << 20;

impl Index for Pypi {
    fn wheels(&self, package: &str) -> Result<Vec<Wheel>, String> {
        let url = format!("https://pypi.org/pypi/{package}/json");
        let why = |error: ureq::Error| format!("pypi.org: {error}");
        let mut response = self.agent.get(&url).call().map_err(why)?;
        let bytes = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec().map_err(why)?;
        parse(&bytes, &url)
    }

    fn open(&self, wheel: &Wheel) -> Result<Box<dyn Read>, String> {
        let response = self.agent.get(&wheel.url).call().map_err(|error| error.to_string())?;
        Ok(Box::new(response.into_body().into_with_config().limit(u64::MAX).reader()))
    }

    fn other_way(&self, package: &str, folder: &Path) -> Result<PathBuf, String> {
        let mut said = "there is no python3".to_owned();
        for python in ["python3", "python"] {
            let mut command = Command::new(python);
            command.args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]);
            command.args(["--retries", "1", "--dest"]);
            command.arg(folder).arg(format!("{package}>=1.{}", onnxruntime::OLDEST));
            match command.stdin(Stdio::null()).output() {
                Ok(output) if output.status.success() => {
                    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
                    return files
                        .into_iter()
                        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
                        .ok_or_else(|| "it gave no wheel".to_owned());
                }
                Ok(output) => {
                    let text = String::from_utf8_lossy(&output.stderr).into_owned();
                    complaint(&text).clone_into(&mut said);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => said = error.to_string(),
            }
        }
        Err(said)
    }
}

/// The line of pip's that says what is the matter.
fn complaint(text: &str) -> &str {
    let line = text.lines().rev().find(|line| line.starts_with("ERROR") || line.contains("No module"));
    let line = line.or(text.lines().next_back()).unwrap_or("no reason given").trim();
    line.strip_prefix("ERROR: ").unwrap_or(line).trim_end_matches('.')
}

/// Reads the index's answer: `{"info": {"version"}, "urls": [FILE], "releases": {VERSION: [FILE]}}` where a file is
/// `{filename, url, size, digests: {sha256}, yanked}`. `urls` are the newest version's; `releases` may be left empty.
fn parse(bytes: &[u8], page: &str) -> Result<Vec<Wheel>, String> {
    let odd = || "the package index answers in a way that is not understood".to_owned();
    let answer: Value = serde_json::from_slice(bytes).map_err(|_| odd())?;
    let newest = answer["info"]["version"].as_str().ok_or_else(odd)?;
    let older = answer["releases"].as_object();
    let versions = older.into_iter().flatten().map(|(version, files)| (version.as_str(), files));
    let mut wheels: Vec<Wheel> = Vec::new();
    for (version, files) in std::iter::once((newest, &answer["urls"])).chain(versions) {
        for file in files.as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let (Some(name), Some(url), Some(sha256)) =
                (text(&file["filename"]), text(&file["url"]), text(&file["digests"]["sha256"]))
            else {
                continue;
            };
            let url = resolve(page, &url);
            // Not more than HTTPS promises is trusted, and withdrawn files are left alone.
            if name.ends_with(".whl") && url.starts_with("https://") && file["yanked"] != Value::Bool(true) {
                let size = file["size"].as_u64().unwrap_or(0);
                wheels.push(Wheel { version: version.to_owned(), file: name, url, sha256, size });
            }
        }
    }
    Ok(wheels)
}

/// The address that a link of a page leads to: companies' mirrors write `../../packages/..`.
fn resolve(page: &str, link: &str) -> String {
    if link.contains("://") {
        return link.to_owned();
    }
    let (scheme, rest) = page.split_once("://").unwrap_or(("https", page));
    let mut parts: Vec<&str> = rest.split('/').collect();
    parts.truncate(if link.starts_with('/') { 1 } else { parts.len().saturating_sub(1).max(1) });
    for part in link.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            parts.push(part);
        } else if parts.len() > 1 {
            parts.pop();
        }
    }
    format!("{scheme}://{}", parts.join("/"))
}

#[cfg(test)]
mod tests;
