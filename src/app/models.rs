//! The models dialog: which model, what its card says, what was edited of it, and what it shall do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::command::Effect;
use super::state::{Dialog, State};
use super::update::notify;
use crate::base::dirs::expand_home;
use crate::jobs::Level;
use crate::jobs::models::{ModelAsk, ModelSeen};
use crate::model::card::{Channels, Interpolation, Origin, Preprocessing};
use crate::model::{Card, Model, bundled};

/// Models that settings remember.
pub const REMEMBERED: usize = 8;

/// The dialog's state; it outlives the dialog.
#[derive(Debug, Default)]
pub struct Models {
    /// The file as typed or chosen.
    pub path: String,
    /// A look at it is under way.
    pub looking: bool,
    /// What was found there.
    pub found: Option<Result<Arc<ModelSeen>, String>>,
    /// The preprocessing as the fields say it.
    pub edit: CardEdit,
    /// Stages whose features are wanted, by name.
    pub layers: BTreeSet<String>,
    /// Only what the filters leave (or the selection, where there is one), not all samples.
    pub only_shown: bool,
}

/// The preprocessing as text, as it is typed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CardEdit {
    /// Pixels of the short side.
    pub resize: String,
    /// Pixels of the crop.
    pub crop: String,
    /// How pixels are resampled.
    pub interpolation: Interpolation,
    /// Order of the channels.
    pub channels: Channels,
    /// Three numbers, or one for grey, separated by commas.
    pub mean: String,
    /// As `mean`.
    pub std: String,
}

/// What the dialog asks for.
#[derive(Debug)]
pub enum ModelCommand {
    /// Another file.
    Look(String),
    /// The fields changed.
    Edit(CardEdit),
    /// A stage was ticked or not.
    Layer(String, bool),
    /// Only what is shown, or all.
    OnlyShown(bool),
    /// Forget what was edited.
    Reset,
    /// Let the model predict.
    Predict,
    /// Extract features of the ticked stages.
    Extract,
}

impl CardEdit {
    /// The fields of a card.
    #[must_use]
    pub fn of(how: &Preprocessing) -> Self {
        let list = |numbers: &[f32; 3]| {
            let count = if how.channels == Channels::Grey { 1 } else { 3 };
            numbers[..count].iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        Self {
            resize: how.resize.to_string(),
            crop: how.crop.to_string(),
            interpolation: how.interpolation,
            channels: how.channels,
            mean: list(&how.mean),
            std: list(&how.std),
        }
    }

    /// The preprocessing that the fields say; what they do not speak of comes from `base`.
    ///
    /// # Errors
    /// A sentence about the first field that cannot be read.
    pub fn read(&self, base: &Preprocessing) -> Result<Preprocessing, String> {
        let side = |name: &str, text: &str, least: u32| {
            let side = text.trim().parse().ok().filter(|side| (least..=8192).contains(side));
            side.ok_or_else(|| format!("{name} is a number of pixels from {least} to 8192"))
        };
        let (resize, crop) = (side("resize", &self.resize, 0)?, side("crop", &self.crop, 1)?);
        if resize != 0 && resize < crop {
            return Err("the crop cannot be larger than the resized picture".to_owned());
        }
        let list = |name: &str, text: &str| {
            let numbers: Option<Vec<f32>> =
                text.split(',').map(|number| number.trim().parse().ok().filter(|n: &f32| n.is_finite())).collect();
            match numbers.as_deref() {
                Some(&[a, b, c]) if self.channels != Channels::Grey || (a == b && b == c) => Ok([a, b, c]),
                Some(&[one]) if self.channels == Channels::Grey => Ok([one; 3]),
                _ if self.channels == Channels::Grey => Err(format!("{name} is one number")),
                _ => Err(format!("{name} is three numbers with commas between")),
            }
        };
        let (mean, std) = (list("mean", &self.mean)?, list("std", &self.std)?);
        if std.iter().any(|&std| std <= 0.0) {
            return Err("std is above 0".to_owned());
        }
        Ok(Preprocessing {
            resize,
            crop,
            interpolation: self.interpolation,
            channels: self.channels,
            mean,
            std,
            ..base.clone()
        })
    }
}

impl Models {
    /// The model that is looked at, once it was read.
    #[must_use]
    pub fn seen(&self) -> Option<&Arc<ModelSeen>> {
        self.found.as_ref()?.as_ref().ok()
    }

    /// True if the fields say something else than the card.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.seen().is_some_and(|seen| self.edit != CardEdit::of(&seen.model.card.preprocessing))
    }
}

/// A line of what is known of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFact {
    /// What about.
    pub name: &'static str,
    /// What is known.
    pub value: String,
    /// Nothing says it: it is the usual value.
    pub is_guess: bool,
}

/// What is known of a model beside its preprocessing.
#[must_use]
pub fn facts(model: &Model) -> Vec<ModelFact> {
    let guess = |origin: Origin| origin == Origin::Guess;
    let input = &model.input;
    let mut shape: Vec<String> = input.shape(1).iter().map(ToString::to_string).collect();
    shape[0] = input.batch.map_or_else(|| "N".to_owned(), |batch| batch.to_string());
    let classes = match (model.card.classes.len(), model.class_count()) {
        (0, Some(count)) => format!("{count} without names"),
        (0, None) => "none: it cannot predict".to_owned(),
        (count, _) => {
            let first: Vec<&str> =
                model.card.classes.iter().take(3).map(|name| name.split(',').next().unwrap_or(name)).collect();
            format!("{count}: {}, …", first.join(", "))
        }
    };
    let fact = |name, value, is_guess| ModelFact { name, value, is_guess };
    vec![
        fact("File", model.path.display().to_string(), false),
        fact("Input", format!("{} [{}]", input.name, shape.join(", ")), false),
        fact("Classes", classes, guess(model.origins.classes) && !model.card.classes.is_empty()),
        fact(
            "Scores",
            model.card.logits.clone().unwrap_or_else(|| "no output looks like scores".to_owned()),
            guess(model.origins.logits) && model.card.logits.is_some(),
        ),
    ]
}

/// The samples that a job would be over.
#[must_use]
pub fn wanted(state: &State) -> Arc<RoaringBitmap> {
    if !state.models.only_shown {
        return Arc::new(state.population.columns.all());
    }
    if state.selection.is_empty() { Arc::clone(&state.result.matching) } else { Arc::clone(&state.selection) }
}

/// Does what the dialog asks.
pub(super) fn model_command(state: &mut State, command: ModelCommand) -> Vec<Effect> {
    match command {
        ModelCommand::Look(path) => {
            let models = &mut state.models;
            let wanted =
                std::path::Path::new(path.trim()).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"))
                    || bundled::find(path.trim()).is_some();
            (models.looking, models.found) = (wanted, None);
            models.path = path;
            models.layers.clear();
            if wanted { vec![Effect::LookModel(expand_home(&models.path))] } else { Vec::new() }
        }
        ModelCommand::Edit(edit) => {
            state.models.edit = edit;
            Vec::new()
        }
        ModelCommand::Layer(name, on) => {
            if on {
                state.models.layers.insert(name);
            } else {
                state.models.layers.remove(&name);
            }
            Vec::new()
        }
        ModelCommand::OnlyShown(on) => {
            state.models.only_shown = on;
            Vec::new()
        }
        ModelCommand::Reset => match state.models.seen() {
            Some(seen) => {
                let effect = Effect::ResetCard(expand_home(&state.models.path), seen.model.hash.clone());
                state.models.looking = true;
                vec![effect]
            }
            None => Vec::new(),
        },
        ModelCommand::Predict => ask(state, false),
        ModelCommand::Extract => ask(state, true),
    }
}

fn ask(state: &mut State, features: bool) -> Vec<Effect> {
    let Some(seen) = state.models.seen().cloned() else { return Vec::new() };
    let model = &seen.model;
    let card = if state.models.is_changed() {
        match state.models.edit.read(&model.card.preprocessing) {
            Ok(preprocessing) => Some(Card { preprocessing, ..model.card.clone() }),
            Err(error) => {
                notify(state, Level::Warning, format!("The preprocessing cannot be read: {error}."));
                return Vec::new();
            }
        }
    } else {
        None
    };
    let layers = features.then(|| {
        let ticked = |stage: &crate::model::Stage| state.models.layers.contains(&stage.name);
        model.card.stages.iter().filter(|stage| ticked(stage)).map(|stage| stage.name.clone()).collect()
    });
    let ids = wanted(state);
    state.dialog = None;
    let path = expand_home(&state.models.path);
    remember(state, &path);
    let population = Arc::clone(&state.population);
    vec![
        Effect::RunModel(ModelAsk { population, ids, path, card, layers }),
        Effect::SaveSettings(state.settings.clone()),
    ]
}

/// Puts a model first in the list that settings keep.
pub(super) fn remember(state: &mut State, path: &Path) {
    let models = &mut state.settings.models;
    models.retain(|other| other != path);
    models.insert(0, path.to_owned());
    models.truncate(REMEMBERED);
}

/// Takes in what a look found.
pub(super) fn found(state: &mut State, path: &Path, found: Result<Arc<ModelSeen>, String>) {
    let models = &mut state.models;
    if expand_home(&models.path) != path {
        return;
    }
    models.looking = false;
    if let Ok(seen) = &found {
        models.edit = CardEdit::of(&seen.model.card.preprocessing);
        let known = |name: &String| seen.model.card.stages.iter().any(|stage| stage.name == *name);
        models.layers.retain(known);
        if models.layers.is_empty() {
            // The last one says most of what the model sees.
            models.layers.extend(seen.model.card.stages.last().map(|stage| stage.name.clone()));
        }
    }
    models.found = Some(found);
}

/// Opens the dialog, with the model that was used last.
pub(super) fn show(state: &mut State) -> Vec<Effect> {
    state.dialog = Some(Dialog::Models);
    let is_open = !state.models.path.is_empty();
    match state.settings.models.first().filter(|_| !is_open) {
        Some(last) => {
            let last: PathBuf = last.clone();
            model_command(state, ModelCommand::Look(last.display().to_string()))
        }
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::card::Layout;

    fn how() -> Preprocessing {
        Preprocessing {
            resize: 146,
            interpolation: Interpolation::Bilinear,
            crop: 128,
            channels: Channels::Rgb,
            layout: Layout::Nchw,
            mean: [0.5, 0.25, 0.125],
            std: [0.5; 3],
        }
    }

    #[test]
    fn fields_say_what_the_card_says() {
        for how in [how(), Preprocessing { channels: Channels::Grey, mean: [0.5; 3], ..how() }] {
            assert_eq!(CardEdit::of(&how).read(&how), Ok(how));
        }
    }

    #[test]
    fn slips_of_the_pen_are_told() {
        let check = |change: fn(&mut CardEdit), expect: &str| {
            let mut edit = CardEdit::of(&how());
            change(&mut edit);
            let error = edit.read(&how()).expect_err(expect);
            assert!(error.contains(expect), "{error}");
        };
        check(|edit| edit.resize = "many".to_owned(), "resize is a number of pixels");
        check(|edit| edit.crop = "0".to_owned(), "crop is a number of pixels");
        check(|edit| edit.resize = "100".to_owned(), "crop cannot be larger");
        check(|edit| edit.mean = "0.5, 0.5".to_owned(), "mean is three numbers");
        check(|edit| edit.mean = "0.5, 0.5, NaN".to_owned(), "mean is three numbers");
        check(|edit| edit.std = "0.5, 0, 0.5".to_owned(), "std is above 0");
        let two_greys = |edit: &mut CardEdit| {
            edit.channels = Channels::Grey;
            "0.5, 0.5".clone_into(&mut edit.mean);
        };
        check(two_greys, "mean is one number");
    }
}
