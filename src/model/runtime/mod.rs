//! What runs graphs: ONNX Runtime on CUDA or the CPU where there is one, else tract, which is built in.
//!
//! How it works: [`Runtime::start`] looks for a library once ([`find`]), keeps what it found for the life of the process
//! and says how the choice came about ([`Description`]). A [`Runtime`] makes [`Session`]s of ONNX bytes; both backends take
//! and give the same tensors. Only one ONNX Runtime fits into a process; tract is always there beside it.

pub mod find;
pub mod install;
mod onnxruntime;
pub mod session;
mod tract;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::session::{Element, Outputs, Port, Session, Tensor, TensorIn};

use self::find::Surroundings;
use self::onnxruntime::Library;
use self::session::Spare;
use crate::model::ModelError;

/// What a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Device {
    /// The fastest there is.
    #[default]
    Auto,
    /// ONNX Runtime on an NVIDIA card, or an error.
    Cuda,
    /// ONNX Runtime on the CPU, or tract where there is none.
    Cpu,
    /// tract, whatever else is there.
    Tract,
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cuda" => Ok(Self::Cuda),
            "cpu" => Ok(Self::Cpu),
            "tract" => Ok(Self::Tract),
            _ => Err(format!("there is no device \"{text}\"; it is auto, cuda, cpu or tract")),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
            Self::Tract => "tract",
        })
    }
}

/// Where a runtime computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    Cuda,
    Cpu,
    Tract,
}

/// A place that was looked at for a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// As people call it: "`ORT_DYLIB_PATH`", "the managed folder".
    pub place: String,
    /// What came of it: "ONNX Runtime 1.31.1", "not set", "version 1.20.0 is older than 1.24".
    pub outcome: String,
    /// The library, where there was a file.
    pub path: Option<PathBuf>,
}

/// What runs and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// "ONNX Runtime 1.31.1", "tract 0.23".
    pub name: String,
    /// "CUDA", "CPU" or "tract".
    pub provider: &'static str,
    /// One sentence for people, without a full stop.
    pub why: String,
    /// The loaded library; none for tract.
    pub library: Option<PathBuf>,
    /// Places looked at, in order, up to the one that served.
    pub tried: Vec<Tried>,
}

impl Description {
    /// "ONNX Runtime 1.31.1 on CUDA", "tract 0.23".
    #[must_use]
    pub fn label(&self) -> String {
        if self.library.is_some() { format!("{} on {}", self.name, self.provider) } else { self.name.clone() }
    }
}

/// A chosen runtime. Lives as long as the process.
pub struct Runtime {
    library: Option<&'static Library>,
    provider: Provider,
    description: Description,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("description", &self.description).finish_non_exhaustive()
    }
}

/// What this process has loaded and chosen.
struct Chosen {
    library: Option<(&'static Library, Vec<Tried>)>,
    runtimes: Vec<(Device, &'static Runtime)>,
}

static CHOSEN: Mutex<Chosen> = Mutex::new(Chosen { library: None, runtimes: Vec::new() });

impl Runtime {
    /// The runtime for `device`. `library` is the user's own ONNX Runtime (a file or its folder), which goes before all
    /// other places. The first ONNX Runtime that a process loads stays; while there is none every call looks again.
    ///
    /// # Errors
    /// [`ModelError::NoRuntime`]: the named library cannot be used, CUDA was asked for and is not to be had, or another
    /// library runs already.
    pub fn start(device: Device, library: Option<&Path>) -> Result<&'static Self, ModelError> {
        Self::start_in(device, library, &Surroundings::here())
    }

    fn start_in(device: Device, wish: Option<&Path>, around: &Surroundings) -> Result<&'static Self, ModelError> {
        // What another thread left behind when it panicked is sound: entries are pushed whole.
        let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = chosen.runtimes.iter().find(|(of, _)| *of == device).map(|(_, runtime)| *runtime);
        if device == Device::Tract {
            let tract = || Self::tract("it was asked for".to_owned(), Vec::new());
            return Ok(known.unwrap_or_else(|| chosen.keep(device, tract())));
        }
        let mut tried = Vec::new();
        if chosen.library.is_none() {
            let (found, places) = onnxruntime::open(wish, around);
            if let Some(found) = found {
                chosen.library = Some((Box::leak(Box::new(found)), places));
            } else {
                tried = places;
            }
        }
        if let (Some(wish), Some((library, _))) = (wish, &chosen.library) {
            if library.path != wish && library.path.parent() != Some(wish) {
                return Err(ModelError::NoRuntime(format!(
                    "ONNX Runtime {} runs already; start the program anew to use this one: {}",
                    library.version,
                    wish.display()
                )));
            }
        }
        let Some((library, places)) = chosen.library.clone() else {
            if let Some(wish) = wish {
                let said = tried.first().map_or("not found", |first| first.outcome.as_str());
                return Err(ModelError::NoRuntime(format!(
                    "this cannot be used as ONNX Runtime ({said}): {}",
                    wish.display()
                )));
            }
            if device == Device::Cuda {
                return Err(ModelError::NoRuntime(format!(
                    "there is no ONNX Runtime in {} places, which CUDA needs; `shopscope runtime install --cuda` gets it",
                    tried.len()
                )));
            }
            if let Some(known) = known {
                return Ok(known);
            }
            let why = format!(
                "no ONNX Runtime found in {} places; tract runs, about 4 times slower: `shopscope runtime install` gets it",
                tried.len()
            );
            let runtime = chosen.keep(device, Self::tract(why, tried));
            return Ok(runtime);
        };
        // One that was chosen before a library was there is chosen anew.
        if let Some(known) = known.filter(|known| known.library.is_some()) {
            return Ok(known);
        }
        let place = places.last().map_or("", |place| place.place.as_str());
        let cuda = if device == Device::Cpu { None } else { Some(library.probe_cuda(around)) };
        let (provider, why) = match (cuda, device) {
            (Some(Ok(())), _) => (Provider::Cuda, format!("found in {place}, and it runs on the graphics card")),
            (Some(Err(why)), Device::Cuda) => {
                return Err(ModelError::NoRuntime(format!(
                    "ONNX Runtime {} cannot use the graphics card ({why}): {}",
                    library.version,
                    library.path.display()
                )));
            }
            (Some(Err(why)), _) => (Provider::Cpu, format!("found in {place}; no graphics card is used: {why}")),
            (None, _) => (Provider::Cpu, format!("found in {place}; the CPU was asked for")),
        };
        let description = Description {
            name: format!("ONNX Runtime {}", library.version),
            provider: if provider == Provider::Cuda { "CUDA" } else { "CPU" },
            why,
            library: Some(library.path.clone()),
            tried: places,
        };
        let runtime = chosen.keep(device, Self { library: Some(library), provider, description });
        Ok(runtime)
    }

    fn tract(why: String, tried: Vec<Tried>) -> Self {
        let description = Description { name: tract::NAME.to_owned(), provider: "tract", why, library: None, tried };
        Self { library: None, provider: Provider::Tract, description }
    }

    /// What runs and why.
    #[must_use]
    pub fn describe(&self) -> &Description {
        &self.description
    }

    /// Makes a model ready to run. `onnx` holds all weights inside; `threads` 0 takes all cores (tract has one).
    ///
    /// # Errors
    /// [`ModelError::Runtime`] with what the runtime dislikes: an operator it does not know, a damaged graph.
    pub fn session(&self, onnx: &[u8], threads: usize) -> Result<Session, ModelError> {
        let label = self.description.label();
        let refused = |message| ModelError::Runtime { runtime: label.clone(), message };
        let Some(library) = self.library else {
            let (backend, inputs, outputs) = tract::open(onnx).map_err(refused)?;
            return Ok(Session::new(label, inputs, outputs, Box::new(backend), None));
        };
        let on_cpu = format!("{} on CPU", self.description.name);
        if self.provider == Provider::Cuda {
            match library.session(onnx, threads, Provider::Cuda) {
                Ok((backend, inputs, outputs)) => {
                    let onnx: Arc<[u8]> = onnx.into();
                    let spare: Spare = Box::new(move || match library.session(&onnx, threads, Provider::Cpu) {
                        Ok((backend, ..)) => Ok((on_cpu, Box::new(backend) as _)),
                        Err(message) => Err(ModelError::Runtime { runtime: on_cpu, message }),
                    });
                    return Ok(Session::new(label, inputs, outputs, Box::new(backend), Some(spare)));
                }
                Err(message) => {
                    // A graph that is wrong is wrong on the CPU too and says so there.
                    let (backend, inputs, outputs) = library.session(onnx, threads, Provider::Cpu).map_err(refused)?;
                    let notice = format!("{label} refused the model ({message}); going on with {on_cpu}");
                    return Ok(Session::new(on_cpu, inputs, outputs, Box::new(backend), None).with_notice(notice));
                }
            }
        }
        let (backend, inputs, outputs) = library.session(onnx, threads, Provider::Cpu).map_err(refused)?;
        Ok(Session::new(label, inputs, outputs, Box::new(backend), None))
    }
}

impl Chosen {
    /// Remembers a choice for the life of the process.
    fn keep(&mut self, device: Device, runtime: Runtime) -> &'static Runtime {
        let runtime: &'static Runtime = Box::leak(Box::new(runtime));
        self.runtimes.retain(|(of, _)| *of != device);
        self.runtimes.push((device, runtime));
        runtime
    }
}
