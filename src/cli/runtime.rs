//! `shopscope runtime`: what runs models on this machine and why; `shopscope runtime install` gets ONNX Runtime.

use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::CliError;
use crate::base::CancelToken;
use crate::model::runtime::find::managed_dir;
use crate::model::runtime::install::{Platform, Pypi, Step, install};
use crate::model::runtime::{Description, Device, Runtime};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which one to take: auto, cuda, cpu or tract.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: Device,
    /// An ONNX Runtime library (or its folder) that goes before all others.
    #[arg(long, value_name = "FILE")]
    runtime_library: Option<PathBuf>,
    /// Print a JSON document.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Get ONNX Runtime from the Python package index into the program's own folder.
    Install {
        /// The one for NVIDIA cards (needs CUDA 13 and cuDNN 9).
        #[arg(long)]
        cuda: bool,
    },
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    provider: &'a str,
    why: &'a str,
    library: Option<String>,
    managed: String,
    tried: Vec<Place<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    #[serde(rename = "place")]
    name: &'a str,
    outcome: &'a str,
    path: Option<String>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let failed = |error: crate::model::ModelError| CliError::Failed(error.to_string());
    if let Some(Command::Install { cuda }) = args.command {
        get(cuda)?;
    }
    let runtime = Runtime::start(args.device, args.runtime_library.as_deref()).map_err(failed)?;
    let Description { name, provider, why, library, tried } = runtime.describe();
    if args.json {
        let shown = |path: &PathBuf| path.display().to_string();
        let document = Document {
            name,
            provider,
            why,
            library: library.as_ref().map(shown),
            managed: shown(&managed_dir()),
            tried: tried
                .iter()
                .map(|tried| Place {
                    name: &tried.place,
                    outcome: &tried.outcome,
                    path: tried.path.as_ref().map(shown),
                })
                .collect(),
        };
        serde_json::to_writer(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{}: {why}", runtime.describe().label())?;
    if let Some(library) = library {
        writeln!(out, "  {}", library.display())?;
    }
    if !tried.is_empty() {
        writeln!(out, "\nlooked at")?;
    }
    for tried in tried {
        let path = tried.path.as_ref().map(|path| format!(": {}", path.display())).unwrap_or_default();
        writeln!(out, "  {:<24}{}{path}", tried.place, tried.outcome)?;
    }
    Ok(())
}

fn get(cuda: bool) -> Result<(), CliError> {
    let bar = stderr().is_terminal().then(|| {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}  {bytes_per_sec}");
        bar.set_style(style.expect("the template is right"));
        bar
    });
    let say = |text: String| match &bar {
        Some(bar) => bar.println(format!("shopscope: {text}")),
        None => eprintln!("shopscope: {text}"),
    };
    let on_step = &mut |step: Step| match step {
        Step::Chosen(wheel) => {
            say(format!("getting {} ({:.1} MB)", wheel.file, wheel.size as f64 / 1e6));
            if let Some(bar) = &bar {
                bar.set_length(wheel.size);
            }
        }
        Step::Fetched(bytes) => {
            if let Some(bar) = &bar {
                bar.set_position(bytes);
            }
        }
        Step::Pip(why) => say(format!("the package index cannot be reached ({why}); asking pip")),
        Step::Unpacking => say("unpacking".to_owned()),
    };
    let done = install(&Pypi::default(), &managed_dir(), Platform::HERE, cuda, &CancelToken::default(), on_step);
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let installed = done.map_err(|error| CliError::Failed(error.to_string()))?;
    let state = if installed.known { "is installed already" } else { "is installed" };
    eprintln!("shopscope: ONNX Runtime {} {state}: {}", installed.version, installed.library.display());
    Ok(())
}
