//! `shopscope show`: one sample with everything that is known of it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::{CliError, Loaded, load};
use crate::base::{DatasetId, SampleId};
use crate::catalog::export::Row;
use crate::catalog::filter::Flag;
use crate::catalog::{Population, Record};
use crate::formats::{RawRecord, ReadOptions, ShardReader};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A shard, folder or caption file.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// The sample's key.
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    key: String,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
    /// Write the picture to this file, byte for byte as it is stored.
    #[arg(long, value_name = "OUT")]
    image: Option<PathBuf>,
}

/// What `--json` prints: the keys of `query`, then the rest.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    bullets: &'a [String],
    price: Option<&'a str>,
    url: Option<&'a str>,
    licence: Option<&'a str>,
    split: Option<&'a str>,
    wnid: Option<&'a str>,
    class_index: Option<u32>,
    /// The picture's file below the dataset's root, for folder formats.
    path: Option<&'a str>,
    flags: Vec<&'static str>,
    tags: Vec<String>,
    /// The record as the data has it; a string if it is not JSON.
    raw: serde_json::Value,
}

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    let Loaded { store, sources, report, columns } = load(std::slice::from_ref(&args.path), catalog, false)?;
    let population = Population::open(&columns)?;
    let mut found = Vec::new();
    for dataset in 0..columns.datasets.len() {
        let id = DatasetId(dataset as u16);
        for sample in columns.find_key(id, &args.key) {
            let record = population.record(sample)?;
            if record.key == args.key {
                found.push((id, sample, record));
            }
        }
    }
    if found.len() > 1 {
        eprintln!("shopscope: {} samples have this key; the first is shown", found.len());
    }
    let Some((dataset, sample, record)) = found.into_iter().next() else {
        return Err(CliError::Failed(format!("no sample has the key \"{}\": {}", args.key, args.path.display())));
    };
    let (source, info) = (&sources[dataset.index()], &columns.datasets[dataset.index()]);
    let options = ReadOptions { cache_dir: store.dir().to_owned(), ..ReadOptions::default() };
    let reader = || {
        let shard = source.shards.iter().find(|shard| shard.name == record.shard);
        let shard =
            shard.ok_or_else(|| CliError::Failed(format!("its shard is gone: {}", record.shard_path.display())))?;
        Ok::<_, CliError>(ShardReader::open(&source.root, source.format, shard, &options)?)
    };
    if let Some(path) = &args.image {
        let at = record.image.as_ref();
        let at = at.ok_or_else(|| CliError::Failed(format!("the sample \"{}\" has no picture", record.key)))?;
        let bytes = reader()?.image_bytes(at)?;
        fs::write(path, &bytes)
            .map_err(|error| CliError::Failed(format!("cannot write the picture ({error}): {}", path.display())))?;
        if !args.json {
            eprintln!("shopscope: wrote {} bytes: {}", bytes.len(), path.display());
        }
    }
    let raw = match &record.raw {
        RawRecord::None => None,
        RawRecord::Inline(text) => Some(text.clone()),
        RawRecord::At(at) => Some(reader()?.raw_json(at)?),
    };
    debug_assert_eq!(report.datasets.len(), columns.datasets.len());
    let tags = population.tags()?.into_iter().filter(|(_, samples)| samples.contains(sample.0));
    let tags: Vec<String> = tags.map(|(tag, _)| tag).collect();
    let bits = columns.flags[SampleId::index(sample)];
    let flags: Vec<&str> = Flag::ALL.iter().filter(|flag| bits & flag.bit() != 0).map(|flag| flag.as_str()).collect();
    if args.json {
        let raw = raw.map_or(serde_json::Value::Null, |text| serde_json::from_str(&text).unwrap_or(text.into()));
        let fields = &record.fields;
        let document = Document {
            row: Row::new(&info.name, &record),
            bullets: &fields.bullets,
            price: fields.price.as_deref(),
            url: fields.url.as_deref(),
            licence: fields.licence.as_deref(),
            split: fields.split.as_deref(),
            wnid: fields.wnid.as_deref(),
            class_index: fields.class_index,
            path: record.image.as_ref().and_then(|at| at.path.as_deref()),
            flags,
            tags,
            raw,
        };
        serde_json::to_writer(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    print(&info.name, &record, &flags, &tags, raw.as_deref(), out)
}

fn print(
    dataset: &str,
    record: &Record,
    flags: &[&str],
    tags: &[String],
    raw: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let fields = &record.fields;
    let class = fields.class_index.map(|index| index.to_string());
    let size = (record.width > 0).then(|| format!("{} x {}", record.width, record.height));
    let place = record.image.as_ref().map(|at| match &at.path {
        Some(path) => format!("{path}, {} bytes", at.length),
        None => format!("{}, offset {}, {} bytes", record.shard, at.offset, at.length),
    });
    let (taxonomy, flags, tags) = (fields.taxonomy.join(" > "), flags.join(", "), tags.join(", "));
    let some = |text: String| (!text.is_empty()).then_some(text);
    let lines = [
        ("dataset", Some(dataset.to_owned())),
        ("key", Some(record.key.clone())),
        ("title", fields.title.clone()),
        ("caption", fields.caption.clone()),
        ("description", fields.description.clone()),
        ("brand", fields.brand.clone()),
        ("taxonomy", some(taxonomy)),
        ("leaf", fields.leaf.clone()),
        ("price", fields.price.clone()),
        ("url", fields.url.clone()),
        ("licence", fields.licence.clone()),
        ("split", fields.split.clone()),
        ("wnid", fields.wnid.clone()),
        ("class", class),
        ("size", size),
        ("picture", place),
        ("shard", Some(record.shard.clone())),
        ("flags", some(flags)),
        ("tags", some(tags)),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            writeln!(out, "{name:12} {}", value.replace('\n', "\n             "))?;
        }
    }
    for bullet in &fields.bullets {
        writeln!(out, "{:12} - {}", "", bullet.replace('\n', "\n               "))?;
    }
    if let Some(raw) = raw {
        writeln!(out, "\n{raw}")?;
    }
    Ok(())
}
