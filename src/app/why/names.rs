//! What things are called: columns, models, classes, methods; and what stands below a cell.

use std::path::Path;
use std::sync::Arc;

use super::{Column, Of, Why};
use crate::jobs::SampleRef;
use crate::jobs::why::{Aim, Cell, Recipe};
use crate::model::explain::Method;

impl Why {
    /// The class that a cell is of, its probability, and whether it is the one that the dataset names.
    #[must_use]
    pub fn said(&self, recipe: &Recipe, sample: SampleRef, cell: &Cell) -> Said {
        let explanation = &cell.explanation;
        let scored = self.scored.get(&(sample, recipe.model.clone()));
        let name = match (&recipe.aim, self.facts(&recipe.model)) {
            (Aim::Head { positive, .. }, _) => folder_name(positive),
            (_, Some(facts)) => short_class(&facts.model.class_name(explanation.class)).to_owned(),
            (_, None) => explanation.class.to_string(),
        };
        let is_head = matches!(recipe.aim, Aim::Head { .. });
        let is_truth = !is_head && scored.and_then(|scored| scored.truth) == Some(explanation.class);
        // Where another class is explained, the predicted one is said beside it.
        let predicted = scored.filter(|scored| !is_head && !scored.probabilities.is_empty()).and_then(|scored| {
            let best = (0..scored.probabilities.len())
                .max_by(|&a, &b| scored.probabilities[a].total_cmp(&scored.probabilities[b]).then(b.cmp(&a)))?;
            let facts = self.facts(&recipe.model)?;
            let name = short_class(&facts.model.class_name(best)).to_owned();
            (best != explanation.class).then_some((name, scored.probabilities[best], scored.truth == Some(best)))
        });
        Said { name, probability: explanation.probability, is_truth, predicted }
    }

    /// What tells the columns apart, shortest first: the model's name, and layer, method and class where these differ.
    #[must_use]
    pub fn title(&self, column: &Column) -> String {
        match &column.of {
            Of::Maps(recipe) => self.recipe_title(recipe, &self.recipes()),
            Of::Difference(a, b) => {
                let name = |id: &u32| self.column(*id).map_or_else(|| "?".to_owned(), |column| self.title(column));
                format!("{} not {}", name(a), name(b))
            }
        }
    }

    /// As [`Why::title`], among other recipes.
    #[must_use]
    pub fn recipe_title(&self, recipe: &Recipe, among: &[Arc<Recipe>]) -> String {
        let differs = |of: &dyn Fn(&Recipe) -> bool| among.iter().any(|other| !of(other));
        let mut parts = vec![self.model_name(&recipe.model)];
        let same_model = |other: &Recipe| other.model != recipe.model;
        if differs(&|other| same_model(other) || other.layer == recipe.layer) {
            parts.push(self.layer_name(recipe));
        }
        if differs(&|other| other.method == recipe.method) {
            parts.push(method_label(recipe.method).to_owned());
        }
        if differs(&|other| same_model(other) || other.aim == recipe.aim) {
            parts.push(self.aim_label(recipe));
        }
        parts.join(", ")
    }

    /// What a model is called.
    #[must_use]
    pub fn model_name(&self, model: &Path) -> String {
        self.facts(model).map_or_else(|| folder_name(model), |facts| facts.model.card.name.clone())
    }

    /// What the layer of a recipe is called.
    #[must_use]
    pub fn layer_name(&self, recipe: &Recipe) -> String {
        let found = || match self.made.iter().find(|(other, _)| ***other == *recipe) {
            Some((_, Ok(facts))) => facts.layer.clone(),
            _ => "last layer".to_owned(),
        };
        recipe.layer.clone().unwrap_or_else(found)
    }

    /// Which class a recipe is of, in words.
    #[must_use]
    pub fn aim_label(&self, recipe: &Recipe) -> String {
        match &recipe.aim {
            Aim::Predicted => "predicted".to_owned(),
            Aim::Truth => "own class".to_owned(),
            Aim::Class(class) => {
                let name = self.facts(&recipe.model).map(|facts| facts.model.class_name(*class));
                name.map_or_else(|| format!("class {class}"), |name| short_class(&name).to_owned())
            }
            Aim::Rank(rank) => format!("rank {}", rank + 1),
            Aim::Head { positive, negative } => format!("{} or {}", folder_name(positive), folder_name(negative)),
        }
    }
}

/// What stands below a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The class that is explained.
    pub name: String,
    /// Its probability.
    pub probability: f32,
    /// It is the one that the dataset names.
    pub is_truth: bool,
    /// The predicted class where that is another: name, probability, whether it is the dataset's.
    pub predicted: Option<(String, f32, bool)>,
}

/// The first of a class's names.
#[must_use]
pub fn short_class(name: &str) -> &str {
    name.split(',').next().unwrap_or(name).trim()
}

/// A file's or folder's name without its ending.
#[must_use]
pub fn folder_name(path: &Path) -> String {
    path.file_stem().map_or_else(|| path.display().to_string(), |stem| stem.to_string_lossy().into_owned())
}

/// A method as people write it.
#[must_use]
pub const fn method_label(method: Method) -> &'static str {
    match method {
        Method::GradCam => "Grad-CAM",
        Method::GradCamPlusPlus => "Grad-CAM++",
        Method::HiResCam => "HiResCAM",
        Method::LayerCam => "LayerCAM",
        Method::Cam => "CAM",
        Method::EigenCam => "Eigen-CAM",
        Method::ScoreCam => "Score-CAM",
        Method::Gradient => "Gradient",
        Method::GradientInput => "Gradient × input",
        Method::SmoothGrad => "SmoothGrad",
        Method::IntegratedGradients => "Integrated gradients",
    }
}

/// All methods in the order of the menu.
pub const METHODS: [Method; 11] = [
    Method::GradCam,
    Method::GradCamPlusPlus,
    Method::HiResCam,
    Method::LayerCam,
    Method::Cam,
    Method::EigenCam,
    Method::ScoreCam,
    Method::Gradient,
    Method::GradientInput,
    Method::SmoothGrad,
    Method::IntegratedGradients,
];
