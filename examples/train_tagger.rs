//! Trains the part-of-speech tagger that is bundled in `assets/pos/`.
//!
//! ```text
//! cargo run --release --example train_tagger -- TRAIN.conllu[.gz] OUT.bin [--dev DEV.conllu[.gz]] [--seeds 4] [--passes 14]
//! ```
//!
//! A linear classifier (softmax over the 17 tags, `AdaGrad`) is trained sentence by sentence, tagging from left to right with
//! its own guesses as history, as it will be used. What keeps it from learning the training text by heart: features are
//! dropped at random, a word's lexicon class is taken from the other folds of the text, features seen once are left out,
//! and the weights are averaged over passes and over several seeds (a sum of linear models is a linear model). Some
//! sentences are shown in lower case, in title case or in capitals, because product captions are written so. Same input,
//! same flags: same bytes. `--hold-out` leaves a tenth of the training text out and measures on it: by that the options were
//! chosen. `--dev` only measures.

use std::collections::HashMap;
use std::error::Error;
use std::io::Read;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use shopscope::analysis::text::tagger::features::{self, RADIUS, REACH, Regime, Word};
use shopscope::analysis::text::tagger::{Tag, model};

type Row = [f32; Tag::COUNT];
const NO_TAG: usize = Tag::COUNT;
/// Folds of the lexicon: a word's class is taken from the sentences outside its own fold.
const FOLDS: usize = 10;

struct Sentence {
    forms: Vec<String>,
    tags: Vec<u8>,
}

/// The sentences of a CoNLL-U file: FORM and UPOS of its words; ranges and empty nodes are left out.
fn read(path: &str) -> Result<Vec<Sentence>, Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read the CoNLL-U file: {error}: {path}"))?;
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(bytes)?;
    }
    let mut sentences = Vec::new();
    let mut sentence = Sentence { forms: Vec::new(), tags: Vec::new() };
    for line in text.lines().chain([""]) {
        if line.is_empty() {
            if !sentence.forms.is_empty() {
                sentences.push(std::mem::replace(&mut sentence, Sentence { forms: Vec::new(), tags: Vec::new() }));
            }
            continue;
        }
        let mut fields = line.split('\t');
        let (Some(id), Some(form), _, Some(tag)) = (fields.next(), fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if id.bytes().all(|b| b.is_ascii_digit()) {
            sentence.forms.push(form.to_owned());
            sentence.tags.push(Tag::from_name(tag).ok_or_else(|| format!("unknown tag {tag}: {path}"))? as u8);
        }
    }
    Ok(sentences)
}

/// How often the text gives each tag to each lower-cased word.
#[derive(Clone, Default)]
struct Counts(HashMap<u64, [u32; Tag::COUNT]>);

impl Counts {
    fn add(&mut self, sentence: &Sentence, n: i32) {
        for (form, &tag) in sentence.forms.iter().zip(&sentence.tags) {
            let count = &mut self.0.entry(features::lower_hash(form)).or_default()[tag as usize];
            *count = count.wrapping_add_signed(n);
        }
    }
    fn class(&self, lower: u64) -> Option<u32> {
        model::lexicon_class(self.0.get(&lower)?)
    }
}

/// A word type with the indices of its features.
struct Type {
    word: Word,
    rows: [Vec<u32>; 2 * RADIUS + 1],
}

/// Word types met so far, by form and fold, and the features that are kept.
struct Types {
    by_form: HashMap<(String, u8), u32>,
    all: Vec<Type>,
    index: HashMap<u32, u32>,
}

impl Types {
    fn edges(index: HashMap<u32, u32>) -> Self {
        let mut types = Self { by_form: HashMap::new(), all: Vec::new(), index };
        let mut rows: [Vec<u32>; 2 * RADIUS + 1] = Default::default();
        features::edge(|offset, feature| {
            if let Some(&row) = types.index.get(&feature) {
                rows[offset].push(row);
            }
        });
        types.all.push(Type { word: Word::edge(), rows });
        types
    }

    fn id(&mut self, form: &str, fold: u8, lexicon: &Counts) -> u32 {
        if let Some(&id) = self.by_form.get(&(form.to_owned(), fold)) {
            return id;
        }
        let mut rows: [Vec<u32>; 2 * RADIUS + 1] = Default::default();
        let word = features::word(
            form,
            |lower| lexicon.class(lower),
            |offset, feature| {
                if let Some(&row) = self.index.get(&feature) {
                    rows[offset].push(row);
                }
            },
        );
        let id = self.all.len() as u32;
        self.all.push(Type { word, rows });
        self.by_form.insert((form.to_owned(), fold), id);
        id
    }
}

/// A sentence as it is shown: as written, or with other capitals.
#[derive(Clone, Copy, PartialEq)]
enum Dress {
    AsWritten,
    Lower,
    Title,
    Upper,
}

fn dressed(form: &str, dress: Dress) -> String {
    let mut chars = form.chars();
    match dress {
        Dress::AsWritten => form.to_owned(),
        Dress::Lower => form.to_lowercase(),
        Dress::Upper => form.to_uppercase(),
        Dress::Title => match chars.next() {
            // Small words of titles usually stay small.
            Some(_)
                if matches!(
                    form,
                    "a" | "an" | "the" | "of" | "and" | "in" | "to" | "for" | "on" | "with" | "'s" | "or" | "at" | "by"
                ) =>
            {
                form.to_owned()
            }
            Some(first) => first.to_uppercase().chain(chars).collect(),
            None => String::new(),
        },
    }
}

fn at(types: &[Type], ids: &[u32], i: usize, offset: isize) -> usize {
    i.checked_add_signed(offset).and_then(|at| ids.get(at)).map_or(0, |&id| id as usize).min(types.len() - 1)
}

/// The features of one word: those of the types around it, then those of its context.
fn rows_of(types: &Types, ids: &[u32], i: usize, tag1: usize, tag2: usize, regime: Regime, rows: &mut Vec<u32>) {
    rows.clear();
    for offset in 0..=2 * RADIUS {
        let id = at(&types.all, ids, i, offset.cast_signed() - REACH);
        rows.extend_from_slice(&types.all[id].rows[offset]);
    }
    features::context(
        |offset| &types.all[at(&types.all, ids, i, offset)].word,
        tag1,
        tag2,
        regime,
        |feature| {
            if let Some(&row) = types.index.get(&feature) {
                rows.push(row);
            }
        },
    );
}

fn argmax(scores: &Row) -> usize {
    (1..Tag::COUNT).fold(0, |best, tag| if scores[tag] > scores[best] { tag } else { best })
}

fn tag(types: &Types, weights: &[Row], ids: &[u32], guesses: &mut Vec<u8>) {
    let regime = features::regime(ids.iter().map(|&id| &types.all[id as usize].word));
    let (mut tag1, mut tag2) = (NO_TAG, NO_TAG);
    let mut rows = Vec::new();
    guesses.clear();
    for i in 0..ids.len() {
        let certain = types.all[ids[i] as usize].word.certain;
        if (certain as usize) < Tag::COUNT {
            (tag2, tag1) = (tag1, certain as usize);
            guesses.push(certain);
            continue;
        }
        rows_of(types, ids, i, tag1, tag2, regime, &mut rows);
        let mut scores = [0.0; Tag::COUNT];
        for &row in &rows {
            for (score, weight) in scores.iter_mut().zip(&weights[row as usize]) {
                *score += weight;
            }
        }
        (tag2, tag1) = (tag1, argmax(&scores));
        guesses.push(tag1 as u8);
    }
}

#[derive(Clone)]
struct Options {
    passes: usize,
    seeds: u64,
    augment: f64,
    dropout: f64,
    rate: f32,
    cutoff: u32,
    gold_history: f64,
    levels: i8,
}

/// One model of one seed: the weights averaged over the passes of the second half.
fn train(sentences: &[Sentence], index: &HashMap<u32, u32>, full: &Counts, options: &Options, seed: u64) -> Vec<Row> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let folds: Vec<Counts> = (0..FOLDS)
        .map(|fold| {
            let mut counts = full.clone();
            sentences.iter().enumerate().filter(|(i, _)| i % FOLDS == fold).for_each(|(_, s)| counts.add(s, -1));
            counts
        })
        .collect();
    let mut types = Types::edges(index.clone());
    let n = index.len();
    let mut weights: Vec<Row> = vec![[0.0; Tag::COUNT]; n];
    let mut squares: Vec<Row> = vec![[1e-4; Tag::COUNT]; n];
    let mut sums: Vec<Row> = vec![[0.0; Tag::COUNT]; n];
    let mut order: Vec<usize> = (0..sentences.len()).collect();
    let (mut rows, mut ids) = (Vec::new(), Vec::new());
    let threshold = (options.dropout * f64::from(u32::MAX)) as u32;
    for pass in 0..options.passes {
        for i in (1..order.len()).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        let (mut wrong, mut seen) = (0, 0);
        for &s in &order {
            let sentence = &sentences[s];
            let fold = s % FOLDS;
            let draw: f64 = rng.random();
            let dress = match draw / options.augment.max(1e-9) {
                x if x < 0.45 => Dress::Lower,
                x if x < 0.9 => Dress::Title,
                x if x < 1.0 => Dress::Upper,
                _ => Dress::AsWritten,
            };
            ids.clear();
            for form in &sentence.forms {
                ids.push(if dress == Dress::AsWritten {
                    types.id(form, fold as u8, &folds[fold])
                } else {
                    types.id(&dressed(form, dress), fold as u8, &folds[fold])
                });
            }
            let regime = features::regime(ids.iter().map(|&id| &types.all[id as usize].word));
            let (mut tag1, mut tag2) = (NO_TAG, NO_TAG);
            for i in 0..ids.len() {
                let certain = types.all[ids[i] as usize].word.certain as usize;
                if certain < Tag::COUNT {
                    (tag2, tag1) = (tag1, certain);
                    continue;
                }
                rows_of(&types, &ids, i, tag1, tag2, regime, &mut rows);
                rows.retain(|_| rng.random::<u32>() >= threshold);
                let mut scores = [0.0_f32; Tag::COUNT];
                for &row in &rows {
                    for (score, weight) in scores.iter_mut().zip(&weights[row as usize]) {
                        *score += weight;
                    }
                }
                let gold = sentence.tags[i] as usize;
                let guess = argmax(&scores);
                wrong += usize::from(guess != gold);
                seen += 1;
                let top = scores[guess];
                let mut gradient = scores.map(|score| (score - top).exp());
                let sum: f32 = gradient.iter().sum();
                gradient = gradient.map(|g| g / sum);
                gradient[gold] -= 1.0;
                if gradient[gold] < -0.01 {
                    for &row in &rows {
                        let (w, q) = (&mut weights[row as usize], &mut squares[row as usize]);
                        for tag in 0..Tag::COUNT {
                            q[tag] += gradient[tag] * gradient[tag];
                            w[tag] -= options.rate * gradient[tag] / q[tag].sqrt();
                        }
                    }
                }
                let history = if rng.random::<f64>() < options.gold_history { gold } else { guess };
                (tag2, tag1) = (tag1, history);
            }
        }
        if pass >= options.passes / 2 {
            sums.iter_mut().zip(&weights).for_each(|(sum, row)| sum.iter_mut().zip(row).for_each(|(s, w)| *s += w));
        }
        eprintln!("seed {seed} pass {pass}: {:.4} of {seen} right", 1.0 - wrong as f64 / seen as f64);
    }
    let kept = (options.passes - options.passes / 2) as f32;
    sums.into_iter().map(|row| row.map(|sum| sum / kept)).collect()
}

fn accuracy(name: &str, sentences: &[Sentence], index: &HashMap<u32, u32>, full: &Counts, weights: &[Row]) {
    let mut types = Types::edges(index.clone());
    for dress in [Dress::AsWritten, Dress::Lower, Dress::Title] {
        let (mut right, mut total, mut guesses) = (0, 0, Vec::new());
        for sentence in sentences {
            let ids: Vec<u32> = sentence.forms.iter().map(|form| types.id(&dressed(form, dress), 0, full)).collect();
            tag(&types, weights, &ids, &mut guesses);
            right += guesses.iter().zip(&sentence.tags).filter(|(a, b)| a == b).count();
            total += guesses.len();
        }
        let how = match dress {
            Dress::AsWritten => "as written",
            Dress::Lower => "lower case",
            _ => "title case",
        };
        eprintln!("{name}, {how}: {:.5} of {total}", right as f64 / total as f64);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options {
        passes: 14,
        seeds: 4,
        augment: 0.2,
        dropout: 0.2,
        rate: 0.05,
        cutoff: 2,
        gold_history: 0.0,
        levels: 30,
    };
    let (mut paths, mut dev, mut hold_out) = (Vec::new(), None, false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--dev" => dev = Some(value()?),
            "--passes" => options.passes = value()?.parse()?,
            "--seeds" => options.seeds = value()?.parse()?,
            "--augment" => options.augment = value()?.parse()?,
            "--dropout" => options.dropout = value()?.parse()?,
            "--rate" => options.rate = value()?.parse()?,
            "--cutoff" => options.cutoff = value()?.parse()?,
            "--levels" => options.levels = value()?.parse()?,
            "--hold-out" => hold_out = true,
            "--gold-history" => options.gold_history = value()?.parse()?,
            _ => paths.push(arg),
        }
    }
    let [train_path, out] = &paths[..] else {
        return Err("usage: train_tagger TRAIN.conllu[.gz] OUT.bin [--dev DEV.conllu[.gz]]".into());
    };
    let mut sentences = read(train_path)?;
    let mut held_out = Vec::new();
    if hold_out {
        // A tenth of the text in blocks of 60 sentences, so that most documents are on one side.
        let mut i = 0;
        let (kept, out) = sentences.into_iter().partition(|_| {
            i += 1;
            (i - 1) / 60 % 10 != 7
        });
        (sentences, held_out) = (kept, out);
    }
    let mut full = Counts::default();
    for sentence in &sentences {
        full.add(sentence, 1);
    }

    // Features seen often enough, as written and in every dress that will be shown.
    let mut seen: HashMap<u32, u32> = HashMap::new();
    let dresses: &[Dress] =
        if options.augment > 0.0 { &[Dress::AsWritten, Dress::Lower, Dress::Title] } else { &[Dress::AsWritten] };
    for &dress in dresses {
        let mut here: HashMap<u32, u32> = HashMap::new();
        let mut words: HashMap<String, (Word, Vec<u32>)> = HashMap::new();
        for sentence in &sentences {
            let forms: Vec<String> = sentence.forms.iter().map(|form| dressed(form, dress)).collect();
            let edge = Word::edge();
            for form in &forms {
                let (_, all) = words.entry(form.clone()).or_insert_with(|| {
                    let mut all = Vec::new();
                    let word = features::word(form, |lower| full.class(lower), |_, feature| all.push(feature));
                    (word, all)
                });
                for &feature in &*all {
                    *here.entry(feature).or_default() += 1;
                }
            }
            features::edge(|_, feature| *here.entry(feature).or_default() += 1);
            let look: Vec<&Word> = forms.iter().map(|form| &words[form].0).collect();
            let regime = features::regime(look.iter().copied());
            let (mut tag1, mut tag2) = (NO_TAG, NO_TAG);
            for i in 0..forms.len() {
                let at =
                    |offset: isize| i.checked_add_signed(offset).and_then(|at| look.get(at).copied()).unwrap_or(&edge);
                features::context(at, tag1, tag2, regime, |feature| *here.entry(feature).or_default() += 1);
                (tag2, tag1) = (tag1, sentence.tags[i] as usize);
            }
        }
        for (feature, count) in here {
            let most = seen.entry(feature).or_default();
            *most = (*most).max(count);
        }
    }
    let mut kept: Vec<u32> =
        seen.into_iter().filter(|&(_, count)| count >= options.cutoff).map(|(feature, _)| feature).collect();
    kept.sort_unstable();
    let index: HashMap<u32, u32> = kept.iter().enumerate().map(|(i, &feature)| (feature, i as u32)).collect();
    eprintln!("{} sentences, {} features kept", sentences.len(), kept.len());

    let models: Vec<Vec<Row>> =
        (1..=options.seeds).into_par_iter().map(|seed| train(&sentences, &index, &full, &options, seed)).collect();
    let dev = dev.as_deref().map(read).transpose()?;
    if hold_out {
        accuracy("seed 1 on the part held out", &held_out, &index, &full, &models[0]);
    }
    if let Some(dev) = &dev {
        accuracy("seed 1 on dev", dev, &index, &full, &models[0]);
    }
    let mut weights = vec![[0.0; Tag::COUNT]; kept.len()];
    for model in &models {
        weights
            .iter_mut()
            .zip(model)
            .for_each(|(sum, row)| sum.iter_mut().zip(row).for_each(|(s, w)| *s += w / options.seeds as f32));
    }
    if hold_out {
        accuracy("mean of seeds on the part held out", &held_out, &index, &full, &weights);
    }
    if let Some(dev) = &dev {
        accuracy("mean of seeds on dev", dev, &index, &full, &weights);
    }
    let bytes = model::pack(&kept, &weights, full.0.iter().map(|(&lower, counts)| (lower, counts)), options.levels);
    let bytes = zstd::encode_all(&bytes[..], 22)?;
    std::fs::write(out, &bytes).map_err(|error| format!("cannot write the model: {error}: {out}"))?;
    eprintln!("{} bytes written", bytes.len());
    Ok(())
}
