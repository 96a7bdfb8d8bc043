//! The house rules that a compiler does not know: which module may import which, which crate lives on which floor,
//! where threads, files and `unsafe` may be.
//!
//! Each source is cut into tokens (so comments and texts do not count), every path in it is collected (`use` trees
//! opened, `super` and `self` resolved, macro arguments included), and each path is held against the tables below. A
//! name that a `use` or `mod` of the same file binds is judged where it is bound, not at every use.
//! The second half of the file breaks each rule on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// Module -> floor. Imports go to lower numbers only; modules of one number do not know each other.
const FLOORS: &[(&str, u8)] = &[
    ("base", 0),
    ("formats", 1),
    ("catalog", 2),
    ("analysis", 3),
    ("model", 4),
    ("gpu", 5),
    ("jobs", 6),
    ("app", 7),
    ("cli", 8),
    ("views", 8),
];

/// What `src/main.rs` may import of the library.
const MAIN_MAY: &[&str] = &["base", "cli", "views"];

/// Library name of a third-party crate -> its modules ("main" is `src/main.rs`).
const HOMES: &[(&[&str], &[&str])] = &[
    (&["rusqlite", "libsqlite3_sys"], &["catalog"]),
    (
        &["accesskit", "eframe", "egui", "egui_extras", "egui_notify", "egui_plot", "egui_tiles", "egui_wgpu", "rfd"],
        &["views"],
    ),
    (&["wgpu", "naga", "pollster"], &["gpu", "views"]),
    (&["clap", "indicatif"], &["cli"]),
    (
        &[
            "arrow",
            "exif",
            "fast_image_resize",
            "image",
            "jpeg_decoder",
            "jpeg_encoder",
            "memmap2",
            "parquet",
            "png",
            "tiny_skia",
            "turbojpeg",
            "zune_core",
            "zune_jpeg",
        ],
        &["formats"],
    ),
    (&["rayon"], &["analysis", "catalog", "gpu", "jobs"]),
    (&["crossbeam_channel"], &["jobs", "app", "cli", "views"]),
    (&["ort", "ort_tract", "tract_onnx", "prost", "sha2", "tokenizers", "ureq"], &["model"]),
    (&["zip"], &["formats", "model"]),
    (&["gemm", "pulp"], &["analysis"]),
    (&["anyhow"], &["cli", "views", "main"]),
    (&["directories"], &["base"]),
    (&["tracing_subscriber"], &["base"]),
];

/// Crates that every floor may use: containers, numbers, errors, texts.
const FREE: &[&str] = &[
    "bytemuck",
    "bytes",
    "csv",
    "flate2",
    "half",
    "libm",
    "memchr",
    "ndarray",
    "ndarray_npy",
    "rand",
    "rand_pcg",
    "roaring",
    "unicode_properties",
    "rustc_hash",
    "serde",
    "serde_json",
    "tempfile",
    "thiserror",
    "toml",
    "tracing",
    "unicode_segmentation",
    "zstd",
];

/// The only home of threads; waiting, and asking how many cores there are, starts none.
const THREADS: &str = "jobs";
const HARMLESS: &[&[&str]] = &[&["std", "thread", "available_parallelism"], &["std", "thread", "sleep"]];

/// Floors that compute and never read or write.
const NO_IO: &[&str] = &["analysis", "app"];
const IO: &[&[&str]] = &[
    &["std", "fs"],
    &["std", "net"],
    &["std", "os"],
    &["std", "process"],
    &["std", "io", "stdin"],
    &["std", "io", "stdout"],
    &["std", "io", "stderr"],
    &["tempfile"],
];

/// Where `unsafe` may be: a map of a file that another program may change needs it, and matrix products take pointers.
const UNSAFE: &[&str] = &["analysis/linear/product.rs", "formats/mapped.rs"];

/// A path as written, resolved to where it starts.
#[derive(Clone, Debug, PartialEq)]
enum Root {
    /// `crate::..`, `shopscope::..`, `super::..` that left its floor: the segments below the crate's root.
    Ours,
    /// Anything else: a crate, or a name of the file's own.
    Other,
}

#[derive(Clone, Debug)]
struct Found {
    line: usize,
    root: Root,
    path: Vec<String>,
    /// `use` binds it, under this name; `None` where the path is only used.
    binds: Option<String>,
    glob: bool,
    /// Inside `#[cfg(test)]`, where files and threads are allowed.
    test: bool,
}

#[derive(Default)]
struct Scan {
    paths: Vec<Found>,
    /// Names that `mod` declares.
    mods: BTreeSet<String>,
    /// Lines of `unsafe`.
    unsafes: Vec<usize>,
    /// What gets round this test.
    tricks: Vec<(usize, String)>,
}

fn punct(token: Option<&TokenTree>, symbol: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == symbol)
}

/// `::` at `at`.
fn colons(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':' && p.spacing() == Spacing::Joint)
        && punct(tokens.get(at + 1), ':')
}

fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string().trim_start_matches("r#").to_owned()),
        _ => None,
    }
}

fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<TokenStream> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group.stream()),
        _ => None,
    }
}

impl Scan {
    fn of(source: &str, module: &[String], test: bool) -> Result<Self, String> {
        let tokens: TokenStream = source.parse().map_err(|error| format!("cannot be cut into tokens: {error}"))?;
        let mut scan = Self::default();
        scan.tokens(tokens, module, test);
        Ok(scan)
    }

    fn tokens(&mut self, stream: TokenStream, module: &[String], test: bool) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        // Set by `#[cfg(test)]`, used by the `mod` that follows it.
        let mut test_item = false;
        while at < tokens.len() {
            let line = tokens[at].span().start().line;
            match &tokens[at] {
                TokenTree::Group(group) => {
                    if group.delimiter() == Delimiter::Bracket && punct(at.checked_sub(1).map(|i| &tokens[i]), '#') {
                        let text = group.stream().to_string().replace(' ', "");
                        test_item |= text == "cfg(test)";
                        if text.starts_with("path=") {
                            self.tricks.push((line, "#[path] hides which file a module is".to_owned()));
                        }
                    }
                    self.tokens(group.stream(), module, test);
                    at += 1;
                }
                TokenTree::Ident(_) => {
                    let name = ident(tokens.get(at)).expect("just matched");
                    // A lifetime, a field or method, a macro's own variable.
                    let before = at.checked_sub(1).map(|i| &tokens[i]);
                    let is_member = punct(before, '.') && !punct(at.checked_sub(2).map(|i| &tokens[i]), '.');
                    if punct(before, '\'') || is_member {
                        at += 1;
                        continue;
                    }
                    match name.as_str() {
                        "unsafe" => self.unsafes.push(line),
                        "include" if punct(tokens.get(at + 1), '!') => {
                            self.tricks.push((line, "include! hides source from this test".to_owned()));
                        }
                        _ => {}
                    }
                    if name == "mod" && ident(tokens.get(at + 1)).is_some() {
                        let child = ident(tokens.get(at + 1)).expect("just seen");
                        self.mods.insert(child.clone());
                        if let Some(body) = group(tokens.get(at + 2), Delimiter::Brace) {
                            let inner: Vec<String> = module.iter().cloned().chain([child]).collect();
                            self.tokens(body, &inner, test || test_item);
                        }
                        test_item = false;
                        at += 3;
                    } else if name == "use" && !punct(tokens.get(at + 1), '<') {
                        let end = (at..tokens.len()).find(|&i| punct(tokens.get(i), ';')).unwrap_or(tokens.len());
                        self.use_tree(&tokens[at + 1..end], &[], module, test || test_item);
                        test_item = false;
                        at = end + 1;
                    } else if name == "extern" && ident(tokens.get(at + 1)).as_deref() == Some("crate") {
                        let krate = ident(tokens.get(at + 2)).unwrap_or_default();
                        self.path(line, &[krate], None, false, module, test);
                        at += 3;
                    } else {
                        let mut path = vec![name];
                        let mut next = at + 1;
                        while colons(&tokens, next) {
                            let Some(segment) = ident(tokens.get(next + 2)) else { break };
                            path.push(segment);
                            next += 3;
                        }
                        // One segment is a local name, a keyword or a macro's word; `pub(crate)` is one of these.
                        if path.len() > 1 {
                            self.path(line, &path, None, false, module, test || test_item);
                        }
                        if matches!(path[0].as_str(), "fn" | "struct" | "impl" | "enum" | "const" | "static" | "type") {
                            // `#[cfg(test)]` on an item other than a module: its body is not told apart.
                            test_item = false;
                        }
                        at = next;
                    }
                }
                _ => at += 1,
            }
        }
    }

    fn use_tree(&mut self, tokens: &[TokenTree], prefix: &[String], module: &[String], test: bool) {
        let mut path = prefix.to_vec();
        let mut at = 0;
        let line = tokens.first().map_or(0, |token| token.span().start().line);
        while at < tokens.len() {
            if colons(tokens, at) {
                at += 2;
            } else if let Some(body) = group(tokens.get(at), Delimiter::Brace) {
                let body: Vec<TokenTree> = body.into_iter().collect();
                for part in body.split(|token| punct(Some(token), ',')).filter(|part| !part.is_empty()) {
                    self.use_tree(part, &path, module, test);
                }
                return;
            } else if punct(tokens.get(at), '*') {
                self.path(line, &path, None, true, module, test);
                return;
            } else if let Some(name) = ident(tokens.get(at)) {
                if name == "as" {
                    let alias = ident(tokens.get(at + 1)).unwrap_or_default();
                    self.path(line, &path, Some(alias), false, module, test);
                    return;
                }
                if name != "self" || path.is_empty() {
                    path.push(name);
                }
                at += 1;
            } else {
                at += 1;
            }
        }
        let name = path.last().cloned().unwrap_or_default();
        self.path(line, &path, Some(name), false, module, test);
    }

    fn path(&mut self, line: usize, path: &[String], binds: Option<String>, glob: bool, module: &[String], test: bool) {
        let (root, path) = match path.first().map(String::as_str) {
            Some("crate" | "shopscope") => (Root::Ours, path[1..].to_vec()),
            Some("self" | "super") => {
                let ups = path.iter().take_while(|segment| *segment == "super" || *segment == "self").count();
                let climbed = path[..ups].iter().filter(|segment| *segment == "super").count();
                let base = &module[..module.len().saturating_sub(climbed)];
                (Root::Ours, base.iter().chain(&path[ups..]).cloned().collect())
            }
            Some("Self") | None => return,
            Some(_) => (Root::Other, path.to_vec()),
        };
        self.paths.push(Found { line, root, path, binds, glob, test });
    }
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

fn starts(path: &[String], with: &[&str]) -> bool {
    path.len() >= with.len() && path.iter().zip(with).all(|(a, b)| a == b)
}

/// The breaches of one source. `name` is its path below `src/`, `/`-separated.
fn breaches(name: &str, source: &str) -> Vec<String> {
    let stem = name.trim_end_matches(".rs").trim_end_matches("/mod");
    let module: Vec<String> =
        if stem == "lib" || stem == "main" { Vec::new() } else { stem.split('/').map(str::to_owned).collect() };
    let home = module.first().map_or(stem, String::as_str);
    let is_test_file = stem.ends_with("/tests") || stem.contains("/tests/");
    let mut found = Vec::new();
    let mut breach = |line: usize, what: String| found.push(format!("src/{name}:{line}: {what}"));

    let own_floor = match home {
        "lib" | "main" => u8::MAX,
        _ => match floor(home) {
            Some(floor) => floor,
            None => return vec![format!("src/{name}:1: {home} has no floor; give it one in tests/floors.rs")],
        },
    };
    let scan = match Scan::of(source, &module, is_test_file) {
        Ok(scan) => scan,
        Err(error) => return vec![format!("src/{name}:1: {error}")],
    };
    let bound: BTreeSet<&String> =
        scan.mods.iter().chain(scan.paths.iter().filter_map(|found| found.binds.as_ref())).collect();

    for (line, trick) in &scan.tricks {
        breach(*line, trick.clone());
    }
    if !UNSAFE.contains(&name) {
        for line in &scan.unsafes {
            breach(*line, "unsafe is for the files listed in tests/floors.rs".to_owned());
        }
    }
    if home == "lib" {
        for Found { line, path, .. } in &scan.paths {
            breach(*line, format!("src/lib.rs is the map of the floors and uses nothing, not {}", path.join("::")));
        }
        return found;
    }
    if home == "main" && !scan.mods.is_empty() {
        breach(1, "src/main.rs has no modules of its own".to_owned());
    }

    for Found { line, root, path, binds, glob, test } in &scan.paths {
        let line = *line;
        let shown = path.join("::");
        if *root == Root::Ours {
            let Some(target) = path.first() else {
                breach(line, "names the crate's root, so that imports cannot be followed".to_owned());
                continue;
            };
            if target == home {
                continue;
            }
            match floor(target) {
                _ if home == "main" => {
                    if !MAIN_MAY.contains(&target.as_str()) {
                        breach(line, format!("main imports {target}; it may import {}", MAIN_MAY.join(", ")));
                    }
                }
                None => breach(line, format!("{shown} is on no floor")),
                Some(other) if other >= own_floor => {
                    breach(line, format!("{home} (floor {own_floor}) imports {target} (floor {other}): {shown}"));
                }
                Some(_) => {}
            }
            continue;
        }

        // A name bound in this file was judged where it was bound.
        if binds.is_none() && !glob && path.first().is_some_and(|first| bound.contains(first)) {
            continue;
        }
        if path.as_slice() == ["std"] {
            breach(line, "std under another name cannot be followed".to_owned());
        }
        let first = path[0].as_str();
        if let Some((_, homes)) = HOMES.iter().find(|(crates, _)| crates.contains(&first))
            && !homes.contains(&home)
        {
            breach(line, format!("{first} is for {}, not for {home}: {shown}", homes.join(", ")));
        }
        let is_thread = starts(path, &["std", "thread"]) || starts(path, &["rayon", "spawn"]);
        if is_thread && home != THREADS && !test && !HARMLESS.iter().any(|harmless| starts(path, harmless)) {
            breach(line, format!("threads are for {THREADS}: {shown}"));
        }
        if NO_IO.contains(&home) && !test && IO.iter().any(|io| starts(path, io)) {
            breach(line, format!("{home} neither reads nor writes: {shown}"));
        }
    }
    found
}

/// Library names of the dependencies in a `Cargo.toml` that are in neither table.
fn homeless(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
    let dependencies = manifest["dependencies"].as_table().expect("a table of dependencies");
    let known: BTreeSet<&str> =
        HOMES.iter().flat_map(|(crates, _)| crates.iter()).chain(FREE.iter()).copied().collect();
    // Packages whose library has another name.
    let renamed = BTreeMap::from([("kamadak-exif", "exif")]);
    dependencies
        .keys()
        .map(|package| renamed.get(package.as_str()).map_or_else(|| package.replace('-', "_"), |name| (*name).into()))
        .filter(|library| !known.contains(library.as_str()))
        .collect()
}

fn sources(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be listed") {
        let path = entry.expect("src can be listed").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn the_house_stands() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    files.sort();
    assert!(files.len() >= FLOORS.len(), "only {} sources found", files.len());
    let mut all = Vec::new();
    for file in files {
        let name: Vec<_> =
            file.strip_prefix(&src).expect("below src").iter().map(|part| part.to_string_lossy()).collect();
        all.extend(breaches(&name.join("/"), &fs::read_to_string(&file).expect("source is UTF-8")));
    }
    assert!(all.is_empty(), "{} breaches of the floors:\n{}", all.len(), all.join("\n"));
}

#[test]
fn every_dependency_has_a_home() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("Cargo.toml");
    assert_eq!(homeless(&manifest), Vec::<String>::new(), "say in tests/floors.rs which floor these live on");
    assert_eq!(homeless("[dependencies]\nserde = \"1\"\nkamadak-exif = \"1\"\nleft-pad = \"1\""), ["left_pad"]);
}

/// What must be refused, each with a word of the reason. Without these the test above could pass by finding nothing.
#[test]
fn each_rule_refuses() {
    let cases: &[(&str, &str, &str)] = &[
        // Imports upward, in every spelling.
        ("formats/tar.rs", "use crate::catalog::Columns;", "formats (floor 1) imports catalog (floor 2)"),
        ("formats/tar.rs", "use crate::{base::Warning, jobs};", "imports jobs"),
        ("formats/tar.rs", "use super::super::catalog::Columns;", "imports catalog"),
        ("formats/tar/walk.rs", "use super::super::super::catalog;", "imports catalog"),
        ("formats/mod.rs", "use super::catalog;", "imports catalog"),
        ("formats/mod.rs", "fn f() { crate::views::paint(); }", "imports views"),
        ("formats/mod.rs", "fn f() { let x = vec![crate::app::State::new()]; }", "imports app"),
        ("formats/mod.rs", "mod inner { use super::super::super::catalog; use super::super::app; }", "imports app"),
        ("formats/mod.rs", "use shopscope::model::Model;", "imports model"),
        ("base/mod.rs", "use crate::formats;", "imports formats"),
        ("catalog/mod.rs", "pub use crate::analysis::text as words;", "imports analysis"),
        ("analysis/mod.rs", "macro_rules! m { () => { $crate::gpu::run() } }", "imports gpu"),
        ("app/mod.rs", "fn f(x: &crate::cli::Arguments) {}", "imports cli"),
        // Neighbours.
        ("cli/mod.rs", "use crate::views::theme;", "cli (floor 8) imports views (floor 8)"),
        ("views/mod.rs", "use crate::cli;", "views (floor 8) imports cli (floor 8)"),
        // Round the back.
        ("formats/mod.rs", "use crate as house;", "names the crate's root"),
        ("formats/mod.rs", "use crate::*;", "names the crate's root"),
        ("formats/mod.rs", "use super::*;", "names the crate's root"),
        ("formats/mod.rs", "use std as s;", "std under another name"),
        ("formats/mod.rs", "use std::*;", "std under another name"),
        ("formats/mod.rs", "#[path = \"../views/theme.rs\"] mod theme;", "#[path]"),
        ("formats/mod.rs", "include!(\"../views/theme.rs\");", "include!"),
        ("plugins/mod.rs", "", "plugins has no floor"),
        ("app/mod.rs", "use crate::plugins::x;", "on no floor"),
        ("app/mod.rs", "fn broken( {", "cannot be cut"),
        // Root files.
        ("main.rs", "use shopscope::jobs::Jobs;", "main imports jobs"),
        ("main.rs", "mod extra;", "no modules of its own"),
        ("lib.rs", "pub use base::ids;\npub mod base;", "map of the floors"),
        // Crates away from home.
        ("app/mod.rs", "use rusqlite::Connection;", "rusqlite is for catalog, not for app"),
        ("jobs/mod.rs", "fn f() { ::rusqlite::Connection::open(\"x\"); }", "rusqlite is for catalog"),
        ("app/mod.rs", "fn f(c: egui::Color32) {}", "egui is for views, not for app"),
        ("cli/mod.rs", "use eframe::NativeOptions;", "eframe is for views"),
        ("cli/mod.rs", "use egui_wgpu as w;", "egui_wgpu is for views"),
        ("jobs/mod.rs", "use rfd::FileDialog;", "rfd is for views"),
        ("jobs/mod.rs", "use {serde::Serialize, wgpu::Device};", "wgpu is for gpu, views"),
        ("views/mod.rs", "#[derive(clap::Parser)] struct A;", "clap is for cli"),
        ("jobs/mod.rs", "use indicatif::ProgressBar;", "indicatif is for cli"),
        ("catalog/mod.rs", "use image::DynamicImage;", "image is for formats"),
        ("views/mod.rs", "fn f() { zune_jpeg::JpegDecoder::new(x); }", "zune_jpeg is for formats"),
        ("views/mod.rs", "use tiny_skia::Pixmap;", "tiny_skia is for formats"),
        ("catalog/mod.rs", "use parquet::file;", "parquet is for formats"),
        ("catalog/mod.rs", "use arrow::array;", "arrow is for formats"),
        ("catalog/mod.rs", "extern crate memmap2;", "memmap2 is for formats"),
        ("views/mod.rs", "use fast_image_resize::Resizer;", "fast_image_resize is for formats"),
        ("formats/mod.rs", "use rayon::prelude::*;", "rayon is for analysis, catalog, gpu, jobs"),
        ("formats/mod.rs", "use crossbeam_channel::bounded;", "crossbeam_channel is for"),
        ("analysis/mod.rs", "use ort::Session;", "ort is for model"),
        ("formats/mod.rs", "use anyhow::Result;", "anyhow is for"),
        ("views/mod.rs", "use directories::ProjectDirs;", "directories is for base"),
        ("jobs/mod.rs", "use tracing_subscriber::fmt;", "tracing_subscriber is for base"),
        // Threads, files, unsafe.
        ("catalog/mod.rs", "use std::thread;", "threads are for jobs"),
        ("views/mod.rs", "fn f() { std::thread::spawn(|| {}); }", "threads are for jobs"),
        ("gpu/mod.rs", "use std::{sync::Arc, thread::{self, Builder}};", "threads are for jobs"),
        ("formats/mod.rs", "fn f() { std::thread::scope(|s| {}); }", "threads are for jobs"),
        ("analysis/mod.rs", "fn f() { rayon::spawn(|| {}); }", "threads are for jobs"),
        ("analysis/mod.rs", "use std::fs::File;", "analysis neither reads nor writes"),
        ("analysis/mod.rs", "fn f() { std::fs::read(\"x\"); }", "analysis neither reads nor writes"),
        ("app/mod.rs", "use std::{fs, sync::Arc};", "app neither reads nor writes"),
        ("app/mod.rs", "use std::net::TcpStream;", "app neither reads nor writes"),
        ("app/mod.rs", "fn f() { std::process::exit(1) }", "app neither reads nor writes"),
        ("jobs/mod.rs", "fn f() { unsafe { g() } }", "unsafe is for"),
        ("views/mod.rs", "unsafe impl Send for X {}", "unsafe is for"),
    ];
    for (name, source, reason) in cases {
        let found = breaches(name, source);
        assert!(
            found.iter().any(|breach| breach.contains(reason)),
            "{name}: {source}\nwanted: {reason}\nfound: {found:?}"
        );
    }
    // Every crate that has a home is refused away from it, without being written out above.
    for (crates, homes) in HOMES {
        let stranger = ["base", "formats", "app"].into_iter().find(|floor| !homes.contains(floor)).expect("one is not");
        for name in *crates {
            let found = breaches(&format!("{stranger}/mod.rs"), &format!("use {name}::x;"));
            assert_eq!(found.len(), 1, "{name} in {stranger}: {found:?}");
        }
    }
    // So is every import that does not go down.
    for (from, own) in FLOORS {
        for (to, other) in FLOORS.iter().filter(|(to, _)| to != from) {
            let found = breaches(&format!("{from}/mod.rs"), &format!("use crate::{to}::x;"));
            assert_eq!(found.is_empty(), other < own, "{from} -> {to}: {found:?}");
        }
    }
}

/// What must pass: the test refuses breaches, not words.
#[test]
fn good_sources_pass() {
    let cases: &[(&str, &str)] = &[
        ("formats/tar.rs", "//! See crate::catalog.\n/* use crate::views; */ // unsafe\nuse crate::base::Warning;"),
        ("formats/tar.rs", "fn f() { let s = \"use rusqlite::Connection; unsafe\"; let r = r#\"egui::Ui\"#; }"),
        ("formats/mod.rs", "pub mod image; pub use image::Probe; fn f() { image::probe(); }"),
        ("formats/tar.rs", "use super::image::Probe; use super::super::base; mod tests { use super::*; }"),
        ("catalog/mod.rs", "use crate::formats::image; fn f() { image::probe(); }"),
        ("catalog/mod.rs", "fn f(x: &X) { x.image.len(); let egui = 1; match y { wgpu => {} } }"),
        ("catalog/mod.rs", "fn f() -> impl Iterator<Item = u8> + use<> {} fn g<'image>(x: &'image u8) {}"),
        ("catalog/mod.rs", "pub(crate) fn f() {} pub(in crate::catalog) fn g() {} pub(super) struct X;"),
        ("jobs/mod.rs", "use std::thread; fn f() { thread::spawn(|| {}); }"),
        ("gpu/mod.rs", "fn f() { std::thread::available_parallelism(); std::thread::sleep(pause); }"),
        ("catalog/mod.rs", "#[cfg(test)] mod tests { use std::thread; fn f() { thread::spawn(|| {}); } }"),
        ("analysis/mod.rs", "#[cfg(test)] mod tests { fn f() { std::fs::read(\"x\"); tempfile::tempdir(); } }"),
        ("app/tests.rs", "fn f() { std::fs::read(\"x\"); }"),
        ("formats/mapped.rs", "fn f() { unsafe { memmap2::Mmap::map(&file) } }"),
        ("main.rs", "fn main() -> std::process::ExitCode { shopscope::cli::run(); shopscope::views::run() }"),
        ("lib.rs", "//! crate::views\npub mod base;\npub mod views;"),
    ];
    for (name, source) in cases {
        assert_eq!(breaches(name, source), Vec::<String>::new(), "{name}: {source}");
    }
    // Being inside a test frees no import of a floor or crate.
    let test =
        "#[cfg(test)] mod tests { use crate::views; use rusqlite::Connection; } fn f() { std::thread::spawn(g); }";
    assert_eq!(breaches("formats/mod.rs", test).len(), 3);
}
