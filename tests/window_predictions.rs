//! Models and predictions through the window: choose a model, let it work, look at what it says, filter by it.

#[path = "support/stage.rs"]
mod stage;
mod support;

use std::fs;
use std::path::Path;

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use shopscope::app::chips::Facet;
use shopscope::app::models::ModelCommand;
use shopscope::app::panels::predictions::{Guesses, guesses};
use shopscope::app::state::{Dialog, Lens};
use shopscope::app::{Action, Command};
use shopscope::formats::demo::{Dataset, DemoOptions, render_sample};
use stage::Stage;

/// A shard of drawn scenes; number 2 says of itself that it is a vase.
fn scenes(path: &Path) {
    let options = DemoOptions { size: 96, ..DemoOptions::default() };
    let mut tar = Vec::new();
    for index in 0..12 {
        let sample = render_sample(Dataset::Scenes, index, &options);
        let leaf = if index == 2 { "vase" } else { &sample.record.leaf };
        let record = serde_json::json!({ "caption": format!("scene {index}"), "leaf": leaf });
        support::member(&mut tar, &format!("{index:04}.jpg"), &sample.jpeg);
        support::member(&mut tar, &format!("{index:04}.json"), record.to_string().as_bytes());
    }
    tar.extend_from_slice(&[0; 1024]);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, tar).expect("a shard");
}

fn open() -> Stage {
    Stage::open(|dir| {
        scenes(&dir.join("scenes/0.tar"));
        vec![dir.join("scenes")]
    })
}

/// Chooses the bundled model in the dialog and lets it predict.
fn predict(stage: &mut Stage) {
    stage.run(Command::Act(Action::ShowModels));
    assert_eq!(stage.window().state.dialog, Some(Dialog::Models));
    stage.click("demo-scenes");
    assert!(stage.sees("Demo scenes (20 classes)"), "the card's name is shown");
    stage.harness.get_by_role_and_label(Role::Button, "Predict").click();
    stage.settle();
}

#[test]
fn a_model_is_chosen_predicts_and_is_seen_everywhere() {
    let mut stage = open();
    assert!(stage.sees("No predictions yet."), "the inspector says what is missing");
    assert_eq!(guesses(&stage.window().state), Guesses::NoModel(0));
    predict(&mut stage);
    let state = &stage.window().state;
    assert_eq!(state.dialog, None, "work is in the status bar, not in a dialog");
    let active = state.population.predictions.as_ref().expect("a model is active");
    assert_eq!(active.predictor.name, "Demo scenes (20 classes)");
    let counts = state.whole_predictions.clone().expect("they are counted");
    assert_eq!((counts.confusion.predicted, counts.confusion.labelled), (12, 12));
    assert!(counts.facets.correct[0] >= 9, "{:?}", counts.facets.correct);
    assert!(counts.facets.correct[1] >= 1, "the one that says it is a vase: {:?}", counts.facets.correct);
    let Guesses::Best(best) = guesses(state) else { panic!("the inspector has them") };
    assert_eq!(best.len(), 5);
    assert!(best.windows(2).all(|pair| pair[0].probability >= pair[1].probability));
    let (wrong, first) = (u64::from(counts.facets.correct[1]), best[0].name.clone());
    assert!(stage.sees(&format!("Predicted {first}")), "bars in the inspector");
    assert!(stage.sees("Active model Demo scenes (20 classes)"), "its name is in the status bar");

    // Side bar: a class, right and wrong.
    stage.click("another class");
    assert_eq!(stage.matching(), wrong);
    assert_eq!(stage.window().state.chips[0].facet, Facet::Correct);
    stage.run(Command::Act(Action::ClearFilters));
    stage.click(&format!("Predicted {first}"));
    assert!(stage.matching() >= 1 && stage.matching() < 12);
    assert_eq!(stage.window().state.chips[0].expr.to_string(), format!("predicted = \"{first}\""));
    stage.run(Command::FilterText("confidence >= 0.01 and correct = yes".to_owned()));
    assert!(stage.matching() >= 1);
    stage.run(Command::Act(Action::ClearFilters));

    // The statistics page, and a confusion that becomes a filter.
    stage.run(Command::Act(Action::ShowStatistics));
    stage.harness.get_by_role_and_label(Role::Tab, "Predictions").click();
    stage.settle();
    assert!(stage.sees("Show vase"), "the class that is missed");
    stage.harness.get_by_role_and_label(Role::Tab, "Confusions").click();
    stage.settle();
    stage.click("Show vase");
    assert_eq!(stage.window().state.lens, Lens::Grid);
    assert_eq!(stage.matching(), 1);
    assert!(stage.sees("scene 2"));
}

#[test]
fn predictions_are_there_again_and_can_be_put_away() {
    let mut stage = open();
    predict(&mut stage);
    let root = stage.window().state.population.datasets[0].source.root.clone();
    stage.run(Command::Close(root.clone()));
    stage.run(Command::Open(vec![root], shopscope::formats::FieldMap::default()));
    let state = &stage.window().state;
    let key = state.population.predictions.as_ref().expect("they are kept with the catalog").predictor.key.clone();
    stage.run(Command::FilterText("correct = yes".to_owned()));
    let right = stage.matching();
    assert!((9..12).contains(&right), "{right}");
    stage.run(Command::ActivateModel(None));
    assert!(stage.window().state.population.predictions.is_none());
    let said = stage.window().state.log.back().expect("a notice").text.clone();
    assert!(said.contains("no predictions to filter by"), "{said}");
    stage.run(Command::ActivateModel(Some(key)));
    assert_eq!(stage.matching(), right);
}

#[test]
fn the_card_can_be_corrected_and_reset() {
    let mut stage = open();
    predict(&mut stage);
    let first = stage.window().state.population.predictions.clone().expect("predictions");
    stage.run(Command::Act(Action::ShowModels));
    let mut edit = stage.window().state.models.edit.clone();
    edit.mean = "0.5, nothing".to_owned();
    stage.run(Command::Model(ModelCommand::Edit(edit.clone())));
    assert!(stage.sees("mean is three numbers with commas between"));
    stage.run(Command::Model(ModelCommand::Predict));
    assert_eq!(stage.window().state.population.predictions.as_deref(), Some(&*first), "a slip of the pen runs nothing");
    edit.mean = "0.1, 0.9, 0.1".to_owned();
    stage.run(Command::Model(ModelCommand::Edit(edit)));
    stage.run(Command::Model(ModelCommand::Predict));
    let second = stage.window().state.population.predictions.clone().expect("predictions");
    assert_ne!(second.predictor.key, first.predictor.key, "another reading has answers of its own");
    assert_eq!(stage.window().state.population.predictors.len(), 2);
    // It holds until it is reset.
    stage.run(Command::Act(Action::ShowModels));
    assert!(stage.window().state.models.seen().expect("a model").is_edited);
    stage.click("Reset");
    let models = &stage.window().state.models;
    assert!(!models.seen().expect("a model").is_edited);
    assert_eq!(models.edit.mean, "0.5, 0.5, 0.5");
}

#[test]
fn what_is_no_model_gets_a_sentence() {
    let mut stage = open();
    let path = stage.dir.path().join("text.onnx");
    fs::write(&path, "no model").expect("a file");
    stage.run(Command::Act(Action::ShowModels));
    stage.run(Command::Model(ModelCommand::Look(path.display().to_string())));
    let found = stage.window().state.models.found.as_ref().expect("it was looked at").as_ref().map(|_| ());
    let error = found.expect_err("it is no model").clone();
    assert!(error.contains("not a readable ONNX model"), "{error}");
    assert!(stage.sees(&error), "the dialog says it");
    assert!(stage.harness.query_by_role_and_label(Role::Button, "Predict").is_none(), "there is nothing to run");
}

#[test]
fn features_are_extracted_from_the_dialog() {
    let mut stage = open();
    stage.run(Command::Act(Action::ShowModels));
    stage.click("demo-scenes");
    let stages: Vec<_> = stage.window().state.models.layers.iter().cloned().collect();
    assert_eq!(stages.len(), 1, "the deepest is ticked");
    stage.click("Extract features");
    let said = stage.window().state.log.back().expect("a notice").text.clone();
    assert!(said.contains("Features of 12 pictures"), "{said}");
}
