//! `shopscope tag`: tags words that are cut already, and says how often the tagger agrees with the file.
//!
//! The file is CoNLL-U: a word a line, ten columns, an empty line after each sentence. FORM (column 2) is tagged, UPOS (column 4) is what it
//! is compared with. Multi-word ranges (`3-4`) and empty nodes (`8.1`) are left out; a word whose UPOS is `_` is tagged and not compared.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use serde::Serialize;
use serde_json::{Map, Value};

use super::CliError;
use crate::analysis::text::tagger::{Tag, TagWords, Tagger};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file, plain or .gz.
    #[arg(long, value_name = "FILE")]
    conllu: PathBuf,
    /// Print a JSON document.
    #[arg(long)]
    json: bool,
}

/// The sentences of a file: forms, and the tags they have there.
type Sentence = Vec<(String, Option<Tag>)>;

#[derive(Clone, Copy, Default, Serialize)]
struct TagFigures {
    /// Words that have this tag in the file.
    gold: u64,
    /// Those of them that the tagger gave it.
    correct: u64,
    /// Words that the tagger gave this tag, among those compared.
    predicted: u64,
}

fn read(path: &Path) -> Result<Vec<Sentence>, CliError> {
    let cannot = |error: io::Error| CliError::Failed(format!("cannot read this file ({error}): {}", path.display()));
    let file = BufReader::new(File::open(path).map_err(cannot)?);
    let is_gz = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let stream: Box<dyn Read> = if is_gz { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    parse(BufReader::new(stream), path, cannot)
}

fn parse(lines: impl BufRead, path: &Path, cannot: impl Fn(io::Error) -> CliError) -> Result<Vec<Sentence>, CliError> {
    let mut sentences = Vec::new();
    let mut sentence = Sentence::new();
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.map_err(&cannot)?;
        let line = line.trim_start_matches('\u{feff}');
        if line.trim().is_empty() {
            if !sentence.is_empty() {
                sentences.push(std::mem::take(&mut sentence));
            }
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| CliError::Failed(format!("line {number} {what}: {}", path.display()));
        let mut columns = line.split('\t');
        let (Some(id), Some(form), Some(_), Some(gold)) =
            (columns.next(), columns.next(), columns.next(), columns.next())
        else {
            return Err(wrong("is no line of CoNLL-U: it has fewer than four columns, cut by tabs"));
        };
        if id.contains(['-', '.']) {
            continue;
        }
        let gold = match gold {
            "_" => None,
            name => Some(Tag::from_name(name).ok_or_else(|| wrong(&format!("has an unknown UPOS tag ({name})")))?),
        };
        sentence.push((form.to_owned(), gold));
    }
    if !sentence.is_empty() {
        sentences.push(sentence);
    }
    Ok(sentences)
}

/// How long tagging goes on for the sustained rate.
const SUSTAINED_SECS: f64 = 1.0;

pub(super) fn run(args: &Args, out: &mut dyn Write) -> Result<(), CliError> {
    let sentences = read(&args.conllu)?;
    let words: usize = sentences.iter().map(Vec::len).sum();
    let mut session = Tagger::bundled().session();
    let forms: Vec<Vec<&str>> =
        sentences.iter().map(|sentence| sentence.iter().map(|(form, _)| form.as_str()).collect()).collect();
    let mut found: Vec<Vec<Tag>> = vec![Vec::new(); forms.len()];
    // One core; only tagging is timed. The first pass begins with a session that has seen no word; further
    // passes go on with it until a second has gone by, as a session does that tags a dataset.
    let started = Instant::now();
    let mut first_pass = None;
    let mut passes = 0_u64;
    let seconds = loop {
        for (words, tags) in forms.iter().zip(&mut found) {
            session.tag(words, tags);
        }
        passes += 1;
        let seconds = started.elapsed().as_secs_f64();
        first_pass.get_or_insert(seconds);
        if seconds >= SUSTAINED_SECS || words == 0 {
            break seconds;
        }
    };
    let rate = |words: u64, seconds: f64| if words == 0 { 0.0 } else { words as f64 / seconds.max(1e-9) };
    let words_per_second = rate(words as u64 * passes, seconds);
    let words_per_second_cold = rate(words as u64, first_pass.unwrap_or(seconds));
    let mut tags = [TagFigures::default(); Tag::COUNT];
    let (mut compared, mut correct) = (0_u64, 0_u64);
    for ((_, gold), &tag) in sentences.iter().flatten().zip(found.iter().flatten()) {
        let Some(gold) = *gold else { continue };
        compared += 1;
        tags[gold as usize].gold += 1;
        tags[tag as usize].predicted += 1;
        if gold == tag {
            correct += 1;
            tags[gold as usize].correct += 1;
        }
    }
    let accuracy = (compared > 0).then(|| correct as f64 / compared as f64);
    if args.json {
        let tags: Map<String, Value> =
            Tag::ALL.iter().map(|&tag| (tag.name().to_owned(), serde_json::json!(tags[tag as usize]))).collect();
        let document = serde_json::json!({
            "accuracy": accuracy,
            "tags": tags,
            "words": words,
            "words_per_second": words_per_second.round(),
            "words_per_second_cold": words_per_second_cold.round(),
        });
        writeln!(out, "{document}")?;
        return Ok(());
    }
    let share = |part: u64, of: u64| match of {
        0 => "-".to_owned(),
        of => format!("{:.2} %", 100.0 * part as f64 / of as f64),
    };
    writeln!(out, "{:<7}{:>9}{:>9}{:>10}{:>10}{:>11}", "tag", "gold", "correct", "predicted", "recall", "precision")?;
    for tag in Tag::ALL {
        let TagFigures { gold, correct, predicted } = tags[tag as usize];
        let (recall, precision) = (share(correct, gold), share(correct, predicted));
        writeln!(out, "{:<7}{gold:>9}{correct:>9}{predicted:>10}{recall:>10}{precision:>11}", tag.name())?;
    }
    let accuracy = share(correct, compared);
    writeln!(
        out,
        "accuracy {accuracy} of {compared} words; {words_per_second:.0} words a second on one core, {words_per_second_cold:.0} in the first pass"
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_empty_nodes_and_comments_are_left_out() {
        let text = "# text = x\n1-2\tdon't\t_\t_\n1\tdo\tdo\tAUX\n2\tn't\tnot\tPART\n2.1\tx\tx\tVERB\n\n\n1\tGo\tgo\t_";
        let found = parse(text.as_bytes(), Path::new("x"), CliError::from).unwrap();
        let word = |form: &str, tag| (form.to_owned(), tag);
        assert_eq!(found, [vec![word("do", Some(Tag::Aux)), word("n't", Some(Tag::Part))], vec![word("Go", None)]]);
        for wrong in ["1\tdo\tdo", "1\tdo\tdo\tVERBS"] {
            assert!(parse(wrong.as_bytes(), Path::new("x"), CliError::from).is_err(), "{wrong}");
        }
    }
}
