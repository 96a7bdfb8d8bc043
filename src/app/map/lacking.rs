//! What the map says where pictures have no usable features, and what can be done about it.

use super::MapLens;
use crate::app::panels::text;
use crate::app::state::State;
use crate::jobs::JobStatus;
use crate::jobs::map::{Lacking, ModelFile, Why};

/// What the button beside the sentence does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Extract what is missing.
    Extract,
    /// Extract again what is stale.
    ExtractAgain,
    /// The model has to be found first.
    Models,
}

impl Remedy {
    /// What its button says.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Extract => "Extract",
            Self::ExtractAgain => "Extract again",
            Self::Models => "Models …",
        }
    }
}

/// The job that extracts features, if one runs.
#[must_use]
pub fn extracting(state: &State) -> Option<&JobStatus> {
    state.jobs.iter().find(|job| job.title.starts_with("Features of "))
}

/// One or more sentences about what is missing from the map, and the way out; `None` where nothing is.
#[must_use]
pub fn notice(state: &State) -> Option<(String, Remedy)> {
    let source = state.map.source()?;
    if source.lacking.is_empty() {
        return None;
    }
    let datasets = &state.population.columns.datasets;
    let name = |lacking: &Lacking| datasets.get(lacking.dataset).map_or("a dataset", |dataset| &*dataset.name);
    let mut sentences: Vec<String> = source.lacking.iter().map(|lacking| sentence(lacking, name(lacking))).collect();
    let remedy = match source.model_file {
        ModelFile::Same if source.lacking.iter().all(|lacking| lacking.why == Why::Never) => Remedy::Extract,
        ModelFile::Same => Remedy::ExtractAgain,
        ModelFile::Replaced => {
            sentences.push(format!("Another model is in the file of {} now.", source.name));
            Remedy::Models
        }
        ModelFile::Gone => {
            sentences.push(format!("The file of {} is gone.", source.name));
            Remedy::Models
        }
    };
    Some((sentences.join(" "), remedy))
}

fn sentence(lacking: &Lacking, dataset: &str) -> String {
    let samples = lacking.samples.len();
    let pictures = text::plural(samples, "picture", "pictures");
    let are = if samples == 1 { "is" } else { "are" };
    match lacking.why {
        Why::Never => format!("{dataset} has no features by this model yet ({pictures})."),
        Why::Changed => format!("{pictures} of {dataset} {are} new or changed since and left out."),
        Why::Damaged => format!("The features of {dataset} are damaged and left out ({pictures})."),
    }
}

impl MapLens {
    /// Why there are features, but none that can be shown; `None` where some can.
    #[must_use]
    pub fn unusable(&self) -> Option<&'static str> {
        let source = self.source().filter(|source| source.rows() == 0)?;
        let is_damaged = source.lacking.iter().any(|lacking| lacking.why == Why::Damaged);
        Some(if is_damaged {
            "The features that were there are damaged."
        } else {
            "All pictures changed since their features were made."
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn sentences_count_and_name() {
        let lacking = |why, samples: std::ops::Range<u32>| Lacking {
            dataset: 0,
            why,
            samples: Arc::new(samples.clone().collect()),
            extract: Arc::new(samples.collect()),
        };
        for (lacking, expect) in [
            (lacking(Why::Never, 0..2000), "shop has no features by this model yet (2,000 pictures)."),
            (lacking(Why::Changed, 0..312), "312 pictures of shop are new or changed since and left out."),
            (lacking(Why::Changed, 0..1), "1 picture of shop is new or changed since and left out."),
            (lacking(Why::Damaged, 0..7), "The features of shop are damaged and left out (7 pictures)."),
        ] {
            assert_eq!(sentence(&lacking, "shop"), expect);
        }
    }
}
