//! Installing from an index that lives in memory.

use zip::write::SimpleFileOptions;

use super::*;

const LINUX: Platform = Platform { os: "linux", arch: "x86_64" };

fn wheel_bytes(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn good() -> Vec<u8> {
    wheel_bytes(&[
        ("onnxruntime/__init__.py", b"python"),
        ("onnxruntime/LICENSE", b"MIT"),
        ("onnxruntime/ThirdPartyNotices.txt", b"others"),
        ("onnxruntime/capi/onnxruntime_pybind11_state.so", b"python's"),
        ("onnxruntime/capi/libonnxruntime.so.1.31.1", b"the library"),
        ("onnxruntime/capi/libonnxruntime_providers_shared.so", b"a provider"),
        ("onnxruntime/capi/../../../libonnxruntime.so.1.0", b"a trap"),
    ])
}

/// An index with one wheel of these bytes.
struct Fake {
    bytes: Vec<u8>,
    sha256: String,
    /// Whether the list and the file can be had.
    reachable: (bool, bool),
    /// What pip does: a file name, or its complaint.
    pip: Result<&'static str, &'static str>,
}

impl Fake {
    fn new(bytes: Vec<u8>) -> Self {
        let sha256 = hex(&Sha256::digest(&bytes));
        Self { bytes, sha256, reachable: (true, true), pip: Err("there is no python3") }
    }
}

impl Index for Fake {
    fn wheels(&self, package: &str) -> Result<Vec<Wheel>, String> {
        if !self.reachable.0 {
            return Err("pypi.org: connection refused".to_owned());
        }
        Ok(vec![Wheel {
            version: "1.31.1".to_owned(),
            file: format!("{}-1.31.1-cp312-cp312-manylinux_2_28_x86_64.whl", package.replace('-', "_")),
            url: "https://example.org/wheel".to_owned(),
            sha256: self.sha256.clone(),
            size: self.bytes.len() as u64,
        }])
    }

    fn open(&self, _: &Wheel) -> Result<Box<dyn Read>, String> {
        if !self.reachable.1 {
            return Err("status 403".to_owned());
        }
        Ok(Box::new(io::Cursor::new(self.bytes.clone())))
    }

    fn other_way(&self, _: &str, folder: &Path) -> Result<PathBuf, String> {
        let path = folder.join(self.pip.map_err(str::to_owned)?);
        fs::write(&path, &self.bytes).unwrap();
        Ok(path)
    }
}

fn run(index: &Fake, managed: &Path, cuda: bool) -> (Result<Installed, String>, Vec<Step>) {
    let mut steps = Vec::new();
    let cancel = CancelToken::default();
    let done = install(index, managed, LINUX, cuda, &cancel, &mut |step| steps.push(step));
    (done.map_err(|error| error.to_string()), steps)
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

#[cfg(target_os = "linux")]
#[test]
fn library_providers_and_licences_arrive_once() {
    let dir = tempfile::tempdir().unwrap();
    let managed = dir.path().join("managed");
    let (done, steps) = run(&Fake::new(good()), &managed, false);
    let installed = done.unwrap();
    assert_eq!((installed.version.as_str(), installed.known), ("1.31.1", false));
    assert_eq!(fs::read(&installed.library).unwrap(), b"the library");
    assert_eq!(files(&managed), ["1.31.1"], "nothing temporary stays");
    assert_eq!(
        files(&installed.folder),
        [
            "LICENSE",
            "SOURCE.txt",
            "ThirdPartyNotices.txt",
            "libonnxruntime.so.1.31.1",
            "libonnxruntime_providers_shared.so"
        ]
    );
    assert!(matches!(steps.as_slice(), [Step::Chosen(_), Step::Fetched(_), Step::Unpacking]), "{steps:?}");

    let (again, steps) = run(&Fake::new(good()), &managed, false);
    assert!(again.unwrap().known && steps.is_empty(), "{steps:?}");
    run(&Fake::new(good()), &managed, true).0.unwrap();
    assert_eq!(files(&managed), ["1.31.1", "1.31.1-cuda"]);
}

#[cfg(target_os = "linux")]
#[test]
fn pip_helps_where_the_index_does_not_answer() {
    for reachable in [(false, false), (true, false)] {
        let dir = tempfile::tempdir().unwrap();
        let pip = Ok("onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl");
        let index = Fake { reachable, pip, ..Fake::new(good()) };
        let (done, steps) = run(&index, dir.path(), false);
        let installed = done.unwrap();
        assert_eq!((installed.version.as_str(), &installed.sha256), ("1.31.1", &index.sha256));
        assert!(steps.iter().any(|step| matches!(step, Step::Pip(why) if !why.is_empty())), "{steps:?}");
    }
}

#[test]
fn what_goes_wrong_is_one_sentence_and_leaves_nothing() {
    let check = |index: Fake, expect: &str| {
        let dir = tempfile::tempdir().unwrap();
        let (done, _) = run(&index, dir.path(), false);
        let error = done.unwrap_err();
        assert!(error.contains(expect) && !error.contains('\n'), "{error}");
        assert_eq!(files(dir.path()), Vec::<String>::new(), "{expect}");
    };
    check(Fake { sha256: "0".repeat(64), ..Fake::new(good()) }, "where the index says 000");
    check(
        Fake { reachable: (false, false), ..Fake::new(good()) },
        "cannot be reached (pypi.org: connection refused), and pip failed (there is no python3)",
    );
    check(Fake { reachable: (true, false), ..Fake::new(good()) }, "(status 403)");
    let old = Ok("onnxruntime-1.20.0-cp39-cp39-manylinux_2_17_x86_64.whl");
    check(Fake { reachable: (false, false), pip: old, ..Fake::new(good()) }, "older than 1.24");
    check(Fake::new(b"no zip at all".to_vec()), "cannot be unpacked");
    let mut cut = good();
    cut.truncate(cut.len() / 2);
    check(Fake::new(cut), "cannot be unpacked");
    // Flipped inside the library's bytes: the archive's own checksum tells.
    let mut flipped = good();
    let at = flipped.len() / 2;
    flipped[at] ^= 0xff;
    let index = Fake::new(flipped);
    let dir = tempfile::tempdir().unwrap();
    if let Err(error) = run(&index, dir.path(), false).0 {
        assert!(error.contains("cannot be unpacked") || error.contains("no ONNX Runtime library"), "{error}");
    }
}

#[test]
fn a_wheel_without_a_library_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (done, _) = run(&Fake::new(wheel_bytes(&[("onnxruntime/LICENSE", b"MIT")])), dir.path(), false);
    assert!(done.unwrap_err().contains("holds no ONNX Runtime library"));
}

#[test]
fn the_newest_wheel_that_fits_is_taken() {
    let wheel = |file: &str| Wheel {
        version: file.split('-').nth(1).unwrap().to_owned(),
        file: file.to_owned(),
        url: String::new(),
        sha256: String::new(),
        size: 0,
    };
    let all = [
        "onnxruntime-1.9.0-cp39-cp39-manylinux_2_17_x86_64.whl",
        "onnxruntime-1.31.1-cp312-cp312-manylinux_2_34_aarch64.whl",
        "onnxruntime-1.31.1-cp312-cp312-manylinux_2_34_x86_64.whl",
        "onnxruntime-1.31.1-cp313-cp313-manylinux_2_28_x86_64.whl",
        "onnxruntime-1.32.0rc1-cp313-cp313-manylinux_2_28_x86_64.whl",
        "onnxruntime-1.31.1-cp312-cp312-macosx_14_0_arm64.whl",
        "onnxruntime-1.30.0-cp312-cp312-macosx_13_0_universal2.whl",
        "onnxruntime-1.31.1-cp312-cp312-win_amd64.whl",
        "onnxruntime-1.31.1-cp312-cp312-win_arm64.whl",
        "onnxruntime-1.31.1-cp312-cp312-musllinux_1_2_x86_64.whl",
    ];
    let check = |os, arch, expect: Option<usize>| {
        let found = choose(all.iter().map(|file| wheel(file)).collect(), Platform { os, arch });
        assert_eq!(found.map(|wheel| wheel.file), expect.map(|at| all[at].to_owned()), "{os} {arch}");
    };
    check("linux", "x86_64", Some(3));
    check("linux", "aarch64", Some(1));
    check("macos", "aarch64", Some(5));
    check("macos", "x86_64", Some(6));
    check("windows", "x86_64", Some(7));
    check("windows", "aarch64", Some(8));
    check("linux", "riscv64", None);
    check("freebsd", "x86_64", None);
}

#[test]
fn the_index_is_read_with_care() {
    let answer = br#"{"info": {"version": "1.31.1"}, "urls": [
        {"filename": "new.whl", "url": "https://x/new.whl", "size": 7, "digests": {"sha256": "ab"}, "yanked": false}],
        "releases": {"1.30.0": [
        {"filename": "a.whl", "url": "https://x/a.whl", "size": 7, "digests": {"sha256": "ab"}, "yanked": false},
        {"filename": "b.whl", "url": "http://x/b.whl", "size": 7, "digests": {"sha256": "ab"}, "yanked": false},
        {"filename": "c.whl", "url": "https://x/c.whl", "size": 7, "digests": {"sha256": "ab"}, "yanked": true},
        {"filename": "d.tar.gz", "url": "https://x/d.tar.gz", "size": 7, "digests": {"sha256": "ab"}, "yanked": false},
        {"filename": "e.whl", "url": "https://x/e.whl", "size": 7, "digests": {}, "yanked": false}]}}"#;
    let files: Vec<String> =
        parse(answer, "https://x/pypi/p/json").unwrap().into_iter().map(|wheel| wheel.file).collect();
    assert_eq!(files, ["new.whl", "a.whl"]);
    assert!(parse(b"<html>", "").is_err() && parse(b"{}", "").is_err());
}

#[test]
fn pip_is_quoted_where_it_complains() {
    let check = |said: &str, expect: &str| assert_eq!(complaint(said), expect);
    check(
        "WARNING: Retrying after 'ProxyError'\nERROR: No matching distribution found for x\n",
        "No matching distribution found for x",
    );
    check("/usr/bin/python3: No module named pip\n", "/usr/bin/python3: No module named pip");
    check("", "no reason given");
}

#[test]
fn links_lead_where_a_browser_would_go() {
    let page = "https://pypi.org/pypi/onnxruntime/json";
    let check = |link: &str, expect: &str| assert_eq!(resolve(page, link), expect);
    check("https://files.example/a.whl", "https://files.example/a.whl");
    check("../../packages/a.whl", "https://pypi.org/packages/a.whl");
    check("../../../../a.whl", "https://pypi.org/a.whl");
    check("/b/a.whl", "https://pypi.org/b/a.whl");
    check("a.whl", "https://pypi.org/pypi/onnxruntime/a.whl");
}
