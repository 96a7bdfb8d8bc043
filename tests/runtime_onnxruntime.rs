//! ONNX Runtime, in a process of its own. `ORT_DYLIB_PATH` names the library (`scripts/test` gets one); where it is not
//! set these tests are left out, except in CI.

mod runtimes;

use std::fs;
use std::path::{Path, PathBuf};

use shopscope::model::runtime::{Device, Runtime};

/// The library of `ORT_DYLIB_PATH`, or nothing with a line that says so.
fn library() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    assert!(std::env::var_os("CI").is_none(), "ORT_DYLIB_PATH is not set, and CI leaves nothing out");
    println!("left out: ORT_DYLIB_PATH names no ONNX Runtime");
    None
}

#[test]
fn mobilenet_runs_on_onnx_runtime() {
    let (Some(library), Some(onnx)) = (library(), runtimes::mobilenet()) else { return };
    // What was refused before must not stand in the way.
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("libonnxruntime.so");
    fs::write(&text, b"a text file").unwrap();
    Runtime::start(Device::Cpu, Some(&text)).unwrap_err();
    let runtime = Runtime::start(Device::Cpu, None).unwrap();
    let said = runtime.describe();
    assert_eq!(said.provider, "CPU");
    assert!(said.name.starts_with("ONNX Runtime 1."), "{said:?}");
    let found = said.library.as_deref().unwrap();
    assert!(found == library || found.parent() == Some(&library), "{said:?}");
    runtimes::check_mobilenet(runtime, &onnx);
    runtimes::check_bad_input(runtime, &onnx);

    // Not-a-numbers come out as such (tract's ReLU makes zeros of them).
    let (shape, values) = runtimes::input(1);
    let mut session = runtime.session(&onnx, 1).unwrap();
    let (outputs, _) = session.run_batch("input", &shape, &vec![f32::NAN; values.len()]).unwrap();
    assert!(runtimes::output(&outputs, "logits").values.iter().all(|value| value.is_nan()));

    // tract stays at hand beside it.
    let tract = Runtime::start(Device::Tract, None).unwrap();
    assert_eq!(tract.describe().provider, "tract");

    // The first library of a process stays.
    let error = Runtime::start(Device::Cpu, Some(Path::new("/elsewhere/libonnxruntime.so"))).unwrap_err().to_string();
    assert!(error.contains("runs already") && error.ends_with("/elsewhere/libonnxruntime.so"), "{error}");
    assert!(std::ptr::eq(Runtime::start(Device::Cpu, Some(found)).unwrap(), runtime));
}
