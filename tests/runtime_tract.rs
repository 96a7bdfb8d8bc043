//! tract, the embedded runtime, in a process where nothing else is loaded.

mod runtimes;

use std::fs;
use std::path::Path;

use shopscope::model::runtime::{Device, Runtime};

#[test]
fn mobilenet_runs_on_tract() {
    let Some(onnx) = runtimes::mobilenet() else { return };
    let runtime = Runtime::start(Device::Tract, None).unwrap();
    let said = runtime.describe();
    assert_eq!((said.provider, said.library.as_ref()), ("tract", None));
    runtimes::check_mobilenet(runtime, &onnx);
    runtimes::check_bad_input(runtime, &onnx);
}

#[test]
fn what_only_looks_like_a_library_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let check = |path: &Path, expect: &str| {
        let error = Runtime::start(Device::Auto, Some(path)).unwrap_err().to_string();
        assert!(error.contains(expect) && !error.contains('\n'), "{error}");
        assert!(error.ends_with(&path.display().to_string()), "the path comes last: {error}");
    };
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    check(&write("libonnxruntime.so", b"a text file"), "cannot be used as ONNX Runtime");
    check(&write("empty.so", b""), "cannot be used as ONNX Runtime");
    // The head of a library for a processor that nobody has.
    let mut foreign = fs::read(std::env::current_exe().unwrap()).unwrap();
    foreign.truncate(4096);
    foreign[18] = 0xfe;
    foreign[19] = 0xca;
    check(&write("foreign.so", &foreign), "cannot be used as ONNX Runtime");
    check(&dir.path().join("nowhere.so"), "there is no such file");
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    check(&folder, "no library in");
    #[cfg(target_os = "linux")]
    check(Path::new("libc.so.6"), "it is not ONNX Runtime");
}
