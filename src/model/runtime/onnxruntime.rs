//! ONNX Runtime, opened at run time: one library a process, sessions on the graphics card or on the CPU.
//!
//! How it works: [`open`] tries the places of [`find`](super::find) one after the other and keeps the first library that
//! loads and is new enough; it stays for the life of the process, with its environment. A graphics card counts as
//! there when a graph of one node runs on it: that needs the provider, NVIDIA's libraries and a driver alike.

use std::error::Error as _;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::f16;
use ort::ep::{CUDA, ExecutionProvider, cuda};
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Outlet, Tensor as Value, TensorElementType, TensorRef};
use prost::Message;
use tract_onnx::pb;

use super::find::{self, Surroundings};
use super::session::{Backend, Element, Failure, Outputs, Port, Tensor, TensorIn};
use super::{Provider, Tried};

/// The oldest minor version that loads (`api-24` of the manifest).
pub(super) const OLDEST: u32 = ort::MINOR_VERSION;

/// A loaded ONNX Runtime.
pub(super) struct Library {
    env: ort::environment::Environment,
    pub path: PathBuf,
    /// "1.31.1".
    pub version: String,
}

/// Looks through all places; the places and their outcomes come back whether or not one served. A wish that does not
/// serve ends the search: something else in its stead would be a surprise.
pub(super) fn open(wish: Option<&Path>, around: &Surroundings) -> (Option<Library>, Vec<Tried>) {
    let mut tried = Vec::new();
    for place in find::places(wish, around) {
        let mut note = |outcome: String, path: Option<&Path>| {
            tried.push(Tried { place: place.name.to_owned(), outcome, path: path.map(Path::to_owned) });
        };
        if place.libraries.is_empty() {
            note(place.missing.clone(), None);
        }
        for path in &place.libraries {
            match load(path) {
                Ok(library) => {
                    note(format!("ONNX Runtime {}", library.version), Some(path));
                    return (Some(library), tried);
                }
                Err(why) => note(why, Some(path)),
            }
        }
        if wish.is_some() {
            break;
        }
    }
    (None, tried)
}

/// Loads one library. `ort` may be given only a library that will do: after one refusal its cell for the library counts as
/// filled though nothing is in it. So the library is opened and asked for its version before.
fn load(path: &Path) -> Result<Library, String> {
    // Leaves the library open, so that asking it and using it open it only once.
    ort::util::preload_dylib(path).map_err(|error| {
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        dlopen_reason(&cause, path)
    })?;
    // A library that answers nonsense makes the asking panic.
    match catch_unwind(|| ort::util::probe(path)) {
        Ok(Some(minor)) if minor < OLDEST => return Err(format!("version 1.{minor} is older than 1.{OLDEST}")),
        Ok(Some(_)) => {}
        Ok(None) | Err(_) => return Err("it is not ONNX Runtime".to_owned()),
    }
    let builder = ort::init_from(path).map_err(|error| first_line(&error.to_string()))?;
    // The library writes warnings about hardware it does not find to stderr; they belong into the log.
    let log = |_, _: &str, _: &str, _: &str, message: &str| tracing::debug!("onnxruntime: {message}");
    let built = builder.with_name("shopscope").with_telemetry(false).with_logger(Arc::new(log)).build();
    let env = built.map_err(|error| first_line(&error.to_string()))?;
    env.set_log_level(ort::logging::LogLevel::Error);
    Ok(Library { env, path: path.to_owned(), version: version(path) })
}

/// "cannot open shared object file: No such file or directory" and the like, without the path in front.
fn dlopen_reason(error: &str, path: &Path) -> String {
    let line = first_line(error);
    let path = path.display().to_string();
    line.strip_prefix(&path).map_or(line.as_str(), |rest| rest.trim_start_matches([':', ' '])).to_owned()
}

/// The version in the file's name (the build information does not tell it), or what must hold for one that loaded.
fn version(path: &Path) -> String {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let from = name.find("1.").map(|at| &name[at..]);
    let digits = from.map(|rest| rest.trim_end_matches(".dylib").to_owned());
    digits.filter(|text| text.contains('.')).unwrap_or_else(|| {
        ort::util::probe(&real).map_or_else(|| format!("1.{OLDEST} or newer"), |minor| format!("1.{minor}"))
    })
}

impl Library {
    /// Whether graphs run on the graphics card.
    ///
    /// # Errors
    /// Why they do not, without a full stop.
    pub(super) fn probe_cuda(&self, around: &Surroundings) -> Result<(), String> {
        if !CUDA::is_available().unwrap_or(false) {
            return Err("this ONNX Runtime has no CUDA in it".to_owned());
        }
        // NVIDIA's Python packages lie where the system's loader does not look.
        let folders = find::nvidia_folders(&self.path, around);
        for name in cuda::CUDA_DYLIBS.iter().chain(cuda::CUDNN_DYLIBS) {
            if let Some(path) = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()) {
                if let Err(error) = ort::util::preload_dylib(&path) {
                    tracing::debug!("{}: {error}", path.display());
                }
            }
        }
        let (mut session, ..) = self.session(&one_node(), 1, Provider::Cuda)?;
        let input = [("x", TensorIn::F32(&[1], &[1.0]))];
        session.run(&input).map(|_| ()).map_err(|failure| match failure {
            Failure::Memory(message) | Failure::Device(message) | Failure::Model(message) => message,
        })
    }

    pub(super) fn session(
        &self,
        onnx: &[u8],
        threads: usize,
        provider: Provider,
    ) -> Result<(OnnxRuntime, Vec<Port>, Vec<Port>), String> {
        let build = || -> ort::Result<Session> {
            let mut builder = Session::builder(&self.env)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(threads)?;
            if provider == Provider::Cuda {
                // Without this a missing card means the CPU, silently.
                builder = builder.with_execution_providers([CUDA::default().build().error_on_failure()])?;
            }
            builder.commit_from_memory(onnx)
        };
        let session = build().map_err(|error| tidy(error.message()))?;
        let inputs: Vec<Port> = session.inputs().iter().map(port).collect();
        let outputs = session.outputs().iter().map(port).collect();
        Ok((OnnxRuntime { session, inputs: inputs.clone() }, inputs, outputs))
    }
}

pub(super) struct OnnxRuntime {
    session: Session,
    inputs: Vec<Port>,
}

impl Backend for OnnxRuntime {
    fn run(&mut self, inputs: &[(&str, TensorIn)]) -> Result<Outputs, Failure> {
        let values = inputs
            .iter()
            .map(|(name, tensor)| {
                let element =
                    self.inputs.iter().find(|port| port.name == *name).map_or(&Element::F32, |port| &port.element);
                Ok((*name, value(tensor, element)?))
            })
            .collect::<ort::Result<Vec<_>>>()
            .map_err(failure)?;
        let outputs = self.session.run(values).map_err(failure)?;
        outputs
            .iter()
            .map(|(name, value)| {
                tensor(&value).map(|tensor| (name.to_owned(), tensor)).map_err(|error| {
                    Failure::Model(format!(
                        "its output \"{name}\" cannot be read as numbers ({})",
                        tidy(error.message())
                    ))
                })
            })
            .collect()
    }
}

fn failure(error: ort::Error) -> Failure {
    let message = tidy(error.message());
    let lower = error.message().to_lowercase();
    let memory = [
        "failed to allocate",
        "out of memory",
        "out_of_memory",
        "bad_alloc",
        "bad allocation",
        "alloc_failed",
        "std::bad",
    ];
    if memory.iter().any(|sign| lower.contains(sign)) {
        Failure::Memory(message)
    } else if error.code() == ort::ErrorCode::InvalidArgument {
        Failure::Model(message)
    } else {
        Failure::Device(message)
    }
}

fn value<'a>(tensor: &TensorIn<'a>, element: &Element) -> ort::Result<SessionInputValue<'a>> {
    /// Converts and hands over.
    fn made<'a, T, U>(shape: &[usize], values: &[U], convert: impl Fn(U) -> T) -> ort::Result<SessionInputValue<'a>>
    where
        T: ort::value::PrimitiveTensorElementType + Clone + std::fmt::Debug + 'static,
        U: Copy,
    {
        let values: Vec<T> = values.iter().map(|&value| convert(value)).collect();
        Ok(Value::from_array((shape.to_vec(), values))?.into())
    }
    match *tensor {
        TensorIn::F32(shape, values) => match element {
            Element::F16 => made(shape, values, f16::from_f32),
            Element::F64 => made(shape, values, f64::from),
            Element::U8 => made(shape, values, |value| value.round() as u8),
            Element::I32 => made(shape, values, |value| value as i32),
            Element::I64 => made(shape, values, |value| value as i64),
            Element::Bool => made(shape, values, |value| value != 0.0),
            Element::F32 | Element::Other(_) => Ok(TensorRef::from_array_view((shape.to_vec(), values))?.into()),
        },
        TensorIn::I64(shape, values) => match element {
            Element::F16 => made(shape, values, |value| f16::from_f32(value as f32)),
            Element::F32 => made(shape, values, |value| value as f32),
            Element::F64 => made(shape, values, |value| value as f64),
            Element::U8 => made(shape, values, |value| value as u8),
            Element::I32 => made(shape, values, |value| value as i32),
            Element::Bool => made(shape, values, |value| value != 0),
            Element::I64 | Element::Other(_) => Ok(TensorRef::from_array_view((shape.to_vec(), values))?.into()),
        },
    }
}

fn tensor(value: &DynValue) -> ort::Result<Tensor> {
    /// Shape, and values as f32.
    fn read<T: ort::value::PrimitiveTensorElementType + Copy>(
        value: &DynValue,
        convert: impl Fn(T) -> f32,
    ) -> ort::Result<Tensor> {
        let (shape, values) = value.try_extract_tensor::<T>()?;
        let shape = shape.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect();
        Ok(Tensor { shape, values: values.iter().map(|&value| convert(value)).collect() })
    }
    match value.dtype().tensor_type() {
        Some(TensorElementType::Float16) => read(value, f16::to_f32),
        Some(TensorElementType::Float64) => read(value, |value: f64| value as f32),
        Some(TensorElementType::Int64) => read(value, |value: i64| value as f32),
        Some(TensorElementType::Int32) => read(value, |value: i32| value as f32),
        Some(TensorElementType::Uint8) => read(value, |value: u8| f32::from(value)),
        Some(TensorElementType::Int8) => read(value, |value: i8| f32::from(value)),
        Some(TensorElementType::Bool) => read(value, |value: bool| f32::from(u8::from(value))),
        _ => read(value, |value: f32| value),
    }
}

fn port(outlet: &Outlet) -> Port {
    let dtype = outlet.dtype();
    let dims = dtype.tensor_shape().map_or_else(Vec::new, |shape| {
        shape.iter().map(|&dim| usize::try_from(dim).ok().filter(|&size| size > 0)).collect()
    });
    let element = match dtype.tensor_type() {
        Some(TensorElementType::Float32) => Element::F32,
        Some(TensorElementType::Float16) => Element::F16,
        Some(TensorElementType::Float64) => Element::F64,
        Some(TensorElementType::Int64) => Element::I64,
        Some(TensorElementType::Int32) => Element::I32,
        Some(TensorElementType::Uint8) => Element::U8,
        Some(TensorElementType::Bool) => Element::Bool,
        Some(other) => Element::Other(format!("elements of type {other:?}")),
        None => Element::Other("something that is no tensor".to_owned()),
    };
    Port { name: outlet.name().to_owned(), dims, element }
}

/// `y = x`, one number.
fn one_node() -> Vec<u8> {
    use pb::tensor_shape_proto::{Dimension, dimension::Value as Dim};
    let dim = Dimension { denotation: String::new(), value: Some(Dim::DimValue(1)) };
    let tensor = pb::type_proto::Tensor { elem_type: 1, shape: Some(pb::TensorShapeProto { dim: vec![dim] }) };
    let kind = pb::TypeProto { denotation: String::new(), value: Some(pb::type_proto::Value::TensorType(tensor)) };
    let info =
        |name: &str| pb::ValueInfoProto { name: name.to_owned(), r#type: Some(kind.clone()), ..Default::default() };
    let node = pb::NodeProto {
        op_type: "Relu".to_owned(),
        input: vec!["x".to_owned()],
        output: vec!["y".to_owned()],
        ..Default::default()
    };
    let graph = pb::GraphProto {
        name: "probe".to_owned(),
        node: vec![node],
        input: vec![info("x")],
        output: vec![info("y")],
        ..Default::default()
    };
    let opset = pb::OperatorSetIdProto { domain: String::new(), version: 17 };
    pb::ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() }
        .encode_to_vec()
}

/// First line of what ONNX Runtime says, without places in its source code.
fn tidy(message: &str) -> String {
    let line = first_line(message);
    // "Non-zero status code returned while running X node. Name:'y' Status Message: /src/file.cc:12 what happened"
    let tail = line.rsplit_once("Status Message: ").map_or(line.as_str(), |(_, tail)| tail);
    // "onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : what happened"
    let tail = match tail.rsplit_once("[ONNXRuntimeError] : ") {
        Some((_, rest)) => rest.splitn(3, " : ").last().unwrap_or(rest),
        None => tail,
    };
    // "Failed to load library /a/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open .."
    if let Some((_, rest)) = tail.split_once("onnxruntime_providers_cuda").filter(|_| tail.starts_with("Failed to load")) {
        let missing = rest.split_once("with error: ").map_or(rest, |(_, missing)| missing);
        return match missing.split_once(": cannot open shared object") {
            Some((library, _)) => format!("NVIDIA's {library} is missing; CUDA 13 and cuDNN 9 are needed"),
            None => format!("its CUDA part cannot be loaded, which needs CUDA 13 and cuDNN 9 ({missing})"),
        };
    }
    match tail.split_once(' ') {
        Some((place, rest)) if place.contains(".cc:") || place.contains(".h:") => rest.trim().to_owned(),
        _ => tail.trim().to_owned(),
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    line.trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lose_what_nobody_can_use() {
        let check = |given: &str, expect: &str| assert_eq!(tidy(given), expect);
        check("Load model failed.\nmore", "Load model failed");
        check(
            "Non-zero status code returned while running Conv node. Name:'a' Status Message: /b/conv.cc:12 Failed to allocate memory",
            "Failed to allocate memory",
        );
        let get = "onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : ";
        let load = "Failed to load library /a/libonnxruntime_providers_cuda.so with error: ";
        let missing = "libcublasLt.so.13: cannot open shared object file: No such file or directory";
        check(
            &format!("{get}{load}{missing}"),
            "NVIDIA's libcublasLt.so.13 is missing; CUDA 13 and cuDNN 9 are needed",
        );
        check(&format!("{get}the card is gone"), "the card is gone");
        check("", "no reason given");
        let path = Path::new("/a/libonnxruntime.so");
        assert_eq!(dlopen_reason("/a/libonnxruntime.so: invalid ELF header", path), "invalid ELF header");
    }
}
