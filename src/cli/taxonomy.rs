//! `shopscope taxonomy`: the merged tree with counts.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::{CliError, Loaded, load};
use crate::catalog::NONE;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Shards, folders or caption files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

/// Counts are over all datasets together; equal paths are one node.
#[derive(Serialize)]
struct Document<'a> {
    datasets: Vec<&'a str>,
    samples: u32,
    without_taxonomy: usize,
    nodes: Vec<Node<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    /// Names from the root.
    path: Vec<&'a str>,
    /// Samples whose path ends here.
    direct: u32,
    /// Samples whose path ends here or below.
    total: u32,
}

pub(super) fn run(args: &Args, catalog: Option<PathBuf>, out: &mut dyn Write) -> Result<(), CliError> {
    let Loaded { columns, .. } = load(&args.paths, catalog, false)?;
    let tree = &columns.taxonomy;
    let without_taxonomy = columns.node.iter().filter(|&&node| node == NONE).count();
    if args.json {
        let nodes = (0..).zip(&tree.nodes).map(|(id, node)| Node {
            path: tree.path(id),
            direct: node.direct,
            total: node.total,
        });
        let document = Document {
            datasets: columns.datasets.iter().map(|dataset| dataset.name.as_str()).collect(),
            samples: columns.len(),
            without_taxonomy,
            nodes: nodes.collect(),
        };
        serde_json::to_writer(&mut *out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{:>10} {:>10}  node", "total", "here")?;
    for node in &tree.nodes {
        let indent = 2 * usize::from(node.depth);
        writeln!(out, "{:>10} {:>10}  {:indent$}{}", node.total, node.direct, "", node.name)?;
    }
    if without_taxonomy > 0 {
        writeln!(out, "{without_taxonomy:>10} {:>10}  (no taxonomy)", "")?;
    }
    Ok(())
}
