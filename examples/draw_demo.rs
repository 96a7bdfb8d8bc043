//! Draws demo datasets with other seeds and counts than `shopscope demo` does: what the demo models are trained on.
//!
//! ```text
//! cargo run --release --example draw_demo -- OUT [--samples 2000] [--seed 1] [--size 224]
//! ```
//!
//! Writes OUT/demo-shop and OUT/demo-scenes as WebDataset shards, drawn on all cores. Seed 1 with the other defaults gives the
//! datasets that the program shows; any other seed gives other pictures of the same classes. Same options, same bytes.

use std::error::Error;
use std::path::Path;

use shopscope::base::{CancelToken, Progress};
use shopscope::formats::demo::DemoOptions;
use shopscope::jobs::demo;

const USAGE: &str = "usage: draw_demo OUT [--samples 2000] [--seed 1] [--size 224]";

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let out = words.next().filter(|word| !word.starts_with('-')).ok_or(USAGE)?;
    let mut options = DemoOptions::default();
    while let Some(flag) = words.next() {
        let value: u64 = words.next().ok_or(USAGE)?.parse().map_err(|error| format!("{flag}: {error}"))?;
        match flag.as_str() {
            "--samples" => options.samples_per_dataset = u32::try_from(value)?,
            "--seed" => options.seed = value,
            "--size" => options.size = u32::try_from(value)?,
            _ => return Err(USAGE.into()),
        }
    }
    for root in demo::ensure(Path::new(&out), &options, &Progress::default(), &CancelToken::default())? {
        println!("{}", root.display());
    }
    Ok(())
}
