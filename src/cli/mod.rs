//! Floor 8: the commands of the terminal.
//!
//! Each command is a file with its arguments and one function that runs it. Stdout carries one document (or
//! lines, one a sample) and nothing else; progress and notes go to stderr. Exit codes: 0 done, 1 failed
//! with one sentence on stderr, 2 arguments that cannot be read. A reader that closes stdout early
//! (`| head`) ends the command quietly.

mod compare;
mod explain;
mod features;
mod gradients;
mod index;
mod localise;
mod maps;
mod matrix;
mod models;
mod neighbours;
mod predict;
mod progress;
mod query;
mod runtime;
mod show;
mod similar_text;
mod stats;
mod tag;
mod taxonomy;
mod umap;
mod window;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::app::launch::Launch;
use crate::base::{CancelToken, Progress, Warning, logging};
use crate::catalog::filter::FilterError;
use crate::catalog::{CatalogError, Columns, Store};
use crate::formats::{self, FieldMap, FormatError, ReadOptions, Source};
use crate::jobs::index::{IndexOptions, IndexReport, load_sources};

#[derive(Debug, Parser)]
#[command(name = "shopscope", version, about)]
struct Args {
    /// Folder of the catalogs (default: in the cache directory of the system).
    #[arg(long, global = true, value_name = "DIR")]
    catalog: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    window: window::WindowArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read datasets into their catalogs; only what changed since the last time.
    Index(index::Args),
    /// Print the samples that match a filter and a search.
    Query(query::Args),
    /// Print everything about one sample, or write its picture to a file.
    Show(show::Args),
    /// Print the taxonomy with the number of samples at and below each node, all datasets merged.
    Taxonomy(taxonomy::Args),
    /// Describe the texts and labels of datasets: lengths, n-grams, parts of speech, leaves; what marks one against another.
    Stats(stats::Args),
    /// Tag words by part of speech and compare with the tags of a file.
    Tag(tag::Args),
    /// Let a model say what it sees in every picture, keep it in the catalogs, and tell how often it is right.
    Predict(predict::Args),
    /// Print what runs models on this machine and why, or install ONNX Runtime.
    Runtime(runtime::Args),
    /// Run a model over pictures and write what its layers give as `.npy` arrays.
    Features(features::Args),
    /// Write the gradients of a model's scores as an ONNX graph that any runtime runs.
    Gradients(gradients::Args),
    /// Show which places of pictures speak for a class: maps, pictures with the map over them, and how local each map is.
    Explain(explain::Args),
    /// Measure how local models look at the pictures of a dataset, and compare models over the same pictures.
    Localise(localise::Args),
    /// Find captions or leaf names by meaning, with a text model in ONNX.
    SimilarText(similar_text::Args),
    /// Find the nearest rows of every row of features.
    Neighbours(neighbours::Args),
    /// Lay features out in the plane (UMAP); several files give one joint layout.
    Umap(umap::Args),
    /// Measure how separate two datasets are in a model's layers, and where one of them is alone.
    Compare(compare::Args),
    /// Make the two demo datasets (once) and open them.
    Demo(window::DemoArgs),
}

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Catalog(CatalogError),
    /// One sentence.
    #[error("{0}")]
    Failed(String),
    /// Arguments that cannot be read.
    #[error("{0}")]
    Usage(String),
    /// Stdout cannot be written.
    #[error("cannot write the output ({0})")]
    Output(#[from] io::Error),
}

impl From<CatalogError> for CliError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Query(error) => error.into(),
            other => Self::Catalog(other),
        }
    }
}

impl From<FilterError> for CliError {
    fn from(error: FilterError) -> Self {
        match error.position {
            Some(_) => Self::Usage(format!("cannot read the filter or search: {error}")),
            None => Self::Failed(error.to_string()),
        }
    }
}

/// What is left to do after the arguments were read.
#[derive(Debug)]
pub enum Next {
    /// Nothing: a command ran, or failed with its sentence.
    Exit(ExitCode),
    /// A window, which is the views' business.
    Launch(Box<Launch>),
}

/// Runs a command with its arguments (the first is the program's own name), or says which window to open.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> Next {
    logging::init();
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no errors: clap prints them to stdout and says 0.
            let code = error.exit_code();
            let _ = error.print();
            return Next::Exit(ExitCode::from(u8::try_from(code).unwrap_or(2)));
        }
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = dispatch(args, &mut out).and_then(|launch| {
        out.flush()?;
        Ok(launch)
    });
    Next::Exit(match done {
        Ok(Some(launch)) => return Next::Launch(Box::new(launch)),
        Ok(None) => ExitCode::SUCCESS,
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            // The buffer cannot be flushed any more; dropping it would try.
            let _ = out.into_parts();
            ExitCode::SUCCESS
        }
        Err(error) => {
            // What was printed before stands.
            let _ = out.flush();
            let code = if matches!(error, CliError::Usage(_)) { 2 } else { 1 };
            eprintln!("shopscope: {error}");
            ExitCode::from(code)
        }
    })
}

fn dispatch(args: Args, out: &mut dyn Write) -> Result<Option<Launch>, CliError> {
    let Args { catalog, command, window } = args;
    if command.is_some() && !window.paths.is_empty() {
        let first = window.paths[0].display();
        return Err(CliError::Usage(format!("a command comes before its paths; what is this: {first}")));
    }
    let is_command = |word: &std::ffi::OsStr| Args::command().get_subcommands().any(|known| known.get_name() == word);
    if let (None, Some(late)) = (&command, window.paths.iter().skip(1).find(|path| is_command(path.as_os_str())))
        && !late.exists()
    {
        return Err(CliError::Usage(format!(
            "a command comes before its paths; write shopscope {} first",
            late.display()
        )));
    }
    match command {
        Some(Command::Index(args)) => index::run(&args, catalog, out)?,
        Some(Command::Query(args)) => query::run(&args, catalog, out)?,
        Some(Command::Show(args)) => show::run(&args, catalog, out)?,
        Some(Command::Taxonomy(args)) => taxonomy::run(&args, catalog, out)?,
        Some(Command::Stats(args)) => stats::run(&args, catalog, out)?,
        Some(Command::Tag(args)) => tag::run(&args, out)?,
        Some(Command::Predict(args)) => predict::run(&args, catalog, out)?,
        Some(Command::Runtime(args)) => runtime::run(&args, out)?,
        Some(Command::Features(args)) => features::run(&args, catalog, out)?,
        Some(Command::Gradients(args)) => gradients::run(&args, out)?,
        Some(Command::Explain(args)) => explain::run(&args, catalog, out)?,
        Some(Command::Localise(args)) => localise::run(&args, catalog, out)?,
        Some(Command::SimilarText(args)) => similar_text::run(&args, catalog, out)?,
        Some(Command::Neighbours(args)) => neighbours::run(&args, out)?,
        Some(Command::Umap(args)) => umap::run(&args, out)?,
        Some(Command::Compare(args)) => compare::run(&args, catalog, out)?,
        Some(Command::Demo(args)) => return window::run_demo(&args, catalog, out).map(Some),
        None => return window::run(window, catalog).map(Some),
    }
    Ok(None)
}

/// Opens the catalogs; notes go to stderr.
fn open_store(catalog: Option<PathBuf>) -> Result<(Store, Vec<Warning>), CliError> {
    let (store, warnings) = Store::open(catalog)?;
    crate::jobs::spill::clean(store.dir());
    warnings.iter().for_each(note);
    Ok((store, warnings))
}

fn note(warning: &Warning) {
    note_text(&warning.message);
}

fn note_text(text: &str) {
    eprintln!("shopscope: {text}");
}

/// What the paths hold, with names that are unique.
fn detect(paths: &[PathBuf], store: &Store, map: &FieldMap) -> Result<Vec<Source>, CliError> {
    let options = ReadOptions { map: map.clone(), cache_dir: store.dir().to_owned(), ..ReadOptions::default() };
    let mut sources = formats::detect(paths, &options)?;
    for at in 1..sources.len() {
        let name = sources[at].name.clone();
        let taken = |name: &str| sources[..at].iter().any(|other| other.name == name);
        if let Some(unique) = (2..usize::MAX).map(|n| format!("{name} ({n})")).find(|unique| !taken(unique))
            && taken(&name)
        {
            sources[at].name = unique;
        }
    }
    Ok(sources)
}

/// What most commands begin with: index what changed, then read the columns.
struct Loaded {
    store: Store,
    sources: Vec<Source>,
    report: IndexReport,
    columns: Columns,
}

fn load(paths: &[PathBuf], catalog: Option<PathBuf>, text_index: bool) -> Result<Loaded, CliError> {
    load_mapped(paths, catalog, text_index, FieldMap::default())
}

fn load_mapped(
    paths: &[PathBuf],
    catalog: Option<PathBuf>,
    text_index: bool,
    map: FieldMap,
) -> Result<Loaded, CliError> {
    let (store, _) = open_store(catalog)?;
    let sources = detect(paths, &store, &map)?;
    load_found(store, sources, text_index, map)
}

/// As [`load`], of what was detected before.
fn load_found(store: Store, sources: Vec<Source>, text_index: bool, map: FieldMap) -> Result<Loaded, CliError> {
    let options = IndexOptions { map, text_index, ..IndexOptions::default() };
    let progress = Progress::default();
    let (report, columns) = progress::shown(&progress, |on_event| {
        load_sources(&store, &sources, &options, &progress, &CancelToken::default(), on_event)
    })?;
    for warning in report.datasets.iter().flat_map(|dataset| &dataset.warnings) {
        if warning.kind == crate::base::WarningKind::CatalogRebuilt {
            note(warning);
        }
    }
    Ok(Loaded { store, sources, report, columns })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// clap hands the value of a global argument to every command above it, where an argument of the same name and another
    /// type would be read as the wrong one, and panic.
    #[test]
    fn no_global_argument_bears_the_name_of_another() {
        fn walk(command: &clap::Command, above: &[(String, bool)], clashes: &mut Vec<String>) {
            let own: Vec<_> =
                command.get_arguments().map(|arg| (arg.get_id().to_string(), arg.is_global_set())).collect();
            for (id, is_global) in &own {
                // A global one from above is in its commands, too.
                let is_clash = |(other, other_is_global): &(String, bool)| other == id && !other_is_global;
                if *is_global && above.iter().any(is_clash) {
                    clashes.push(format!("{} --{id}", command.get_name()));
                }
            }
            let above: Vec<_> = above.iter().cloned().chain(own).collect();
            command.get_subcommands().for_each(|below| walk(below, &above, clashes));
        }
        let found = |mut command: clap::Command| {
            command.build();
            let mut clashes = Vec::new();
            walk(&command, &[], &mut clashes);
            clashes
        };
        assert_eq!(found(Args::command()), Vec::<String>::new());
        let bad = clap::Command::new("probe")
            .arg(clap::Arg::new("device").long("device"))
            .subcommand(clap::Command::new("below").arg(clap::Arg::new("device").long("device").global(true)));
        assert_eq!(found(bad), ["below --device"], "the check sees what it is for");
    }

    #[test]
    fn a_picture_is_not_drawn_unfiltered_because_its_filter_cannot_be_read() {
        let check = |flag: &str, value: &str, expect: &str| {
            let args = Args::try_parse_from(["shopscope", "--screenshot", "out.png", flag, value]).expect("arguments");
            let error = window::run(args.window, None).expect_err(value).to_string();
            assert!(error.contains(expect), "{error}");
        };
        check("--filter", "dataset:beta", "is not a field or flag");
        check("--search", "red )", "that this ) closes");
    }

    #[test]
    fn lines_as_users_write_them_are_read() {
        let check = |line: &str| {
            Args::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
        };
        check("shopscope");
        check("shopscope a b --device cpu --screenshot out.png --view map");
        check("shopscope demo --device cpu");
        check("shopscope index a");
        check("shopscope query a --filter leaf:x");
        check("shopscope runtime");
        check("shopscope runtime --device tract --json");
        check("shopscope runtime install --json");
        check("shopscope runtime install --cuda");
        check("shopscope umap --features f.npy --device cpu --out xy.npy");
        check("shopscope compare a b --model demo-shop --device tract");
        check("shopscope features a --model demo-shop --device tract");
    }
}
