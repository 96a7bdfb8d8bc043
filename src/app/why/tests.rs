use std::collections::HashSet;

use roaring::RoaringBitmap;

use super::update::{command, follow, news};
use super::*;
use crate::analysis::cam::Figures;
use crate::app::command::Effect;
use crate::app::state::{Lens, State};
use crate::catalog::{Columns, DatasetColumns, RowColumns, flags};
use crate::jobs::why::{Aim, WhyAsk, WhyEvent};
use crate::jobs::{Population, QueryResult};
use crate::model::Model;
use crate::model::card::{Channels, Layout};
use crate::model::explain::{Explanation, Method};

/// A population of `n` square pictures; the last one has no picture.
fn state(n: u32) -> State {
    let mut rows = RowColumns {
        leaf: vec![u32::MAX; n as usize],
        node: vec![u32::MAX; n as usize],
        brand: vec![u32::MAX; n as usize],
        split: vec![u16::MAX; n as usize],
        words: vec![0; n as usize],
        width: vec![100; n as usize],
        height: vec![100; n as usize],
        image_length: vec![1; n as usize],
        image_offset: vec![0; n as usize],
        key_hash: (0..u64::from(n)).collect(),
        flags: vec![flags::HAS_IMAGE; n as usize],
    };
    rows.flags[n as usize - 1] = 0;
    let dataset = DatasetColumns {
        catalog: "c".into(),
        name: "set".to_owned(),
        root: "/set".into(),
        format: crate::formats::Format::ImageFolder,
        shards: [].into(),
        rows,
        leaves: Vec::new(),
        brands: Vec::new(),
        splits: Vec::new(),
        nodes: Vec::new(),
        warnings: 0,
    };
    let columns = Arc::new(Columns::concat(&[Arc::new(dataset)]));
    let all = columns.all();
    let mut state = State {
        population: Arc::new(Population { columns, ..Population::default() }),
        result: Arc::new(QueryResult {
            order: Arc::new(all.iter().collect()),
            matching: Arc::new(all),
            ..QueryResult::default()
        }),
        ..State::default()
    };
    state.settings.layout.show(Lens::Why);
    state.settings.inspector_open = false;
    state
}

fn recipe(model: &str) -> Recipe {
    Recipe { model: model.into(), layer: None, method: Method::GradCam, aim: Aim::Predicted }
}

fn cell(values: &[f32]) -> Arc<Cell> {
    let map = Map { height: 1, width: values.len(), values: values.to_vec() };
    Arc::new(Cell {
        explanation: Explanation { class: 0, score: 1.0, probability: 0.5, map },
        figures: Figures::default(),
    })
}

fn facts() -> Arc<ModelFacts> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = bundled::find("demo-shop").expect("it is in the program").unpack(dir.path()).expect("a file");
    let model = Arc::new(Model::open(&path, None).expect("a model"));
    let how = Preprocessing::usual(128, Channels::Rgb, Layout::Nchw);
    Arc::new(ModelFacts { model, key: "k".to_owned(), layers: Vec::new(), how, runtime: "tract".to_owned() })
}

fn sample(row: u32) -> SampleRef {
    SampleRef { dataset: u32::MAX, row }
}

fn asked(effects: Vec<Effect>) -> Option<WhyAsk> {
    effects.into_iter().find_map(|effect| if let Effect::Why(ask) = effect { Some(ask) } else { None })
}

/// A state with two columns whose models are open, and the request for the rows 0..2.
fn with_columns() -> (State, WhyAsk) {
    let mut state = state(9);
    for model in ["a.onnx", "b.onnx"] {
        command(&mut state, WhyCommand::Edit(Edit::Add(recipe(model))));
    }
    command(&mut state, WhyCommand::Visible(0..2));
    let ask = asked(follow(&mut state)).expect("everything is missing");
    (state, ask)
}

fn answer(state: &mut State, ask: &WhyAsk, values: [&[f32]; 2]) {
    for (recipe, values) in ask.columns.iter().zip(values) {
        news(state, WhyEvent::Model(recipe.model.clone(), Ok(facts())));
        let made = ColumnFacts { layer: "layer4".to_owned(), resolution: (1, 2), head: None };
        news(state, WhyEvent::Column(Arc::clone(recipe), Ok(made)));
        let cells = ask.rows.iter().map(|row| (row.sample, Ok(cell(values)))).collect();
        news(state, WhyEvent::Cells(Arc::clone(recipe), cells));
    }
    news(state, WhyEvent::Ended(ask.generation, 0));
}

#[test]
fn what_is_seen_is_asked_once() {
    let (mut state, ask) = with_columns();
    // Two rows that are seen, two ahead.
    let rows: Vec<u32> = ask.rows.iter().map(|row| row.sample.row).collect();
    assert_eq!((rows, &ask.rows[0].columns[..]), (vec![0, 1, 2, 3], &[0, 1][..]));
    assert!(follow(&mut state).is_empty(), "it is on its way");
    answer(&mut state, &ask, [&[1.0, 2.0], &[4.0, 0.0]]);
    assert!(follow(&mut state).is_empty(), "all of it is there");
    command(&mut state, WhyCommand::Visible(3..5));
    let next = asked(follow(&mut state)).expect("rows came into view");
    let rows: Vec<u32> = next.rows.iter().map(|row| row.sample.row).collect();
    assert_eq!(rows, [4, 5, 6], "what is there is not asked again");
    assert!(next.generation > ask.generation);
    // A model that fails is asked no more, and the other column goes on.
    news(&mut state, WhyEvent::Column(Arc::clone(&next.columns[0]), Err("no rule for Foo".to_owned())));
    news(&mut state, WhyEvent::Ended(next.generation, 0));
    command(&mut state, WhyCommand::Visible(6..8));
    let last = asked(follow(&mut state)).expect("more rows");
    assert!(last.rows.iter().all(|row| row.columns == [1]), "{:?}", last.rows);
    command(&mut state, WhyCommand::Edit(Edit::Retry(1)));
    let again = asked(follow(&mut state)).expect("it is tried again");
    assert!(again.rows.iter().any(|row| row.columns.contains(&0)));
}

#[test]
fn what_never_came_does_not_stay_open() {
    let (mut state, ask) = with_columns();
    news(&mut state, WhyEvent::Ended(ask.generation, 0));
    assert!(follow(&mut state).is_empty(), "no request is repeated for ever");
    assert!(state.why.models.values().all(Result::is_err));
    // News of an older request changes nothing.
    let (mut state, ask) = with_columns();
    news(&mut state, WhyEvent::Ended(ask.generation - 1, 0));
    assert!(state.why.models.is_empty());
}

#[test]
fn the_scale_is_shared_by_a_model_or_by_nobody() {
    let (mut state, ask) = with_columns();
    answer(&mut state, &ask, [&[1.0, -6.0], &[4.0, 0.5]]);
    let recipes = state.why.recipes();
    let map = cell(&[0.25, -0.5]).explanation.map.clone();
    let mut check = |scale, signed, expect: [f32; 2]| {
        state.why.view.scale = scale;
        let got = [0, 1].map(|at: usize| state.why.scale(&recipes[at], Some(&map), signed));
        assert_eq!(got, expect, "{scale:?}");
    };
    check(ScaleBy::Shared, false, [4.0, 4.0]);
    check(ScaleBy::Shared, true, [6.0, 6.0]);
    check(ScaleBy::Model, false, [1.0, 4.0]);
    check(ScaleBy::Image, false, [0.25, 0.25]);
    check(ScaleBy::Image, true, [0.5, 0.5]);
    // What was removed has no part in it.
    state.why.view.scale = ScaleBy::Shared;
    command(&mut state, WhyCommand::Edit(Edit::Remove(2)));
    assert_eq!(state.why.scale(&recipes[0], None, false), 1.0);
    command(&mut state, WhyCommand::Edit(Edit::Add(recipe("b.onnx"))));
    assert_eq!(state.why.scale(&recipes[0], None, false), 4.0, "and has it again with its column");
}

#[test]
fn columns_are_edited() {
    let mut state = state(3);
    let mut edit = |edit: Edit| {
        command(&mut state, WhyCommand::Edit(edit));
        state.why.columns.iter().map(|column| column.id).collect::<Vec<_>>()
    };
    assert_eq!(edit(Edit::Add(recipe("a.onnx"))), [1]);
    assert_eq!(edit(Edit::Duplicate(1)), [1, 2]);
    assert_eq!(edit(Edit::Change(2, recipe("b.onnx"))), [1, 2]);
    assert_eq!(edit(Edit::Difference(1, 2)), [1, 2, 3]);
    assert_eq!(edit(Edit::Difference(1, 1)), [1, 2, 3], "less itself is nothing");
    assert_eq!(edit(Edit::Difference(1, 3)), [1, 2, 3], "a difference has no maps of its own");
    assert_eq!(edit(Edit::Add(recipe("c.onnx"))), [1, 2, 4, 3], "differences stay at the end");
    assert_eq!(edit(Edit::Left(2)), [2, 1, 4, 3]);
    assert_eq!(edit(Edit::Ranks(4, 3)), [2, 1, 4, 6, 5, 3]);
    assert_eq!(edit(Edit::Remove(2)), [1, 4, 6, 5], "the difference goes with it");
    let ranks: Vec<_> = [4, 6, 5].map(|id| state.why.recipe(id).map(|recipe| recipe.aim.clone())).into();
    assert_eq!(ranks, [0, 1, 2].map(|rank| Some(Aim::Rank(rank))));
    let titles: Vec<_> = state.why.columns.iter().map(|column| state.why.title(column)).collect();
    assert_eq!(titles, ["a", "c, rank 1", "c, rank 2", "c, rank 3"]);
}

#[test]
fn rows_are_the_selection_or_what_matches() {
    let (mut state, _) = with_columns();
    let rows = |state: &mut State| {
        follow(state);
        state.why.rows.samples.to_vec()
    };
    assert_eq!(rows(&mut state), [0, 1, 2, 3, 4, 5, 6, 7], "the last has no picture");
    state.selection = Arc::new(RoaringBitmap::from_iter([5]));
    assert_eq!(rows(&mut state).len(), 8, "a focus is no selection");
    state.selection = Arc::new(RoaringBitmap::from_iter([5, 2, 8]));
    assert_eq!(rows(&mut state), [2, 5]);
    state.why.view.scope = Scope::Matching;
    assert_eq!(rows(&mut state).len(), 8);
    state.why.view.scope = Scope::Leaf("Mugs".to_owned());
    assert_eq!(rows(&mut state), Vec::<u32>::new());
}

#[test]
fn rows_are_sorted_by_disagreement_once_all_are_known() {
    let (mut state, ask) = with_columns();
    answer(&mut state, &ask, [&[1.0, 0.0], &[1.0, 0.0]]);
    command(&mut state, WhyCommand::View(Box::new(WhyView { sorted: true, sort_rows: 6, ..WhyView::default() })));
    let more = asked(follow(&mut state)).expect("rows beyond those that are seen");
    assert_eq!(more.rows.iter().map(|row| row.sample.row).collect::<Vec<_>>(), [4, 5]);
    assert!(!state.why.rows.sorted);
    // Row 4 is seen differently, row 5 half so.
    for (recipe, values) in more.columns.iter().zip([[[1.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]) {
        let cells = [4, 5].into_iter().zip(values).map(|(row, values)| (sample(row), Ok(cell(&values))));
        news(&mut state, WhyEvent::Cells(Arc::clone(recipe), cells.collect()));
    }
    news(&mut state, WhyEvent::Ended(more.generation, 4));
    follow(&mut state);
    assert!(state.why.rows.sorted);
    assert_eq!(state.why.rows.samples[..], [4, 5, 0, 1, 2, 3]);
    let apart = &state.why.rows.disagreement;
    assert!(apart[0] > apart[1] && apart[1] > Some(0.1) && apart[2] == Some(0.0), "{apart:?}");
    command(&mut state, WhyCommand::View(Box::default()));
    follow(&mut state);
    assert_eq!(state.why.rows.samples.len(), 8, "the usual order again");
}

#[test]
fn a_difference_is_red_where_the_first_sees_more() {
    let (mut state, ask) = with_columns();
    answer(&mut state, &ask, [&[2.0, -1.0], &[0.0, 4.0]]);
    command(&mut state, WhyCommand::Edit(Edit::Difference(1, 2)));
    let (map, region) = state.why.difference(1, 2, sample(0), (100, 100)).expect("both maps are there");
    assert!(region.left >= 0.0 && region.right <= 1.0, "{region:?}");
    // Each over the shared scale of 4: 0.5 at the left, -1 at the right.
    assert!((map.values[0] - 0.5).abs() < 0.05, "{:?}", &map.values[..3]);
    assert!((map.values[map.width - 1] + 1.0).abs() < 0.05);
    state.why.view.scale = ScaleBy::Model;
    let (map, _) = state.why.difference(1, 2, sample(0), (100, 100)).expect("both maps are there");
    assert!((map.values[0] - 1.0).abs() < 0.05, "over its own model's largest");
    assert!(state.why.difference(1, 2, sample(7), (100, 100)).is_none(), "not asked for yet");
}

#[test]
fn an_edited_card_makes_its_maps_anew() {
    let (mut state, ask) = with_columns();
    answer(&mut state, &ask, [&[1.0, 0.0], &[1.0, 0.0]]);
    let other = Arc::new(ModelFacts {
        model: Arc::clone(&facts().model),
        key: "another".to_owned(),
        layers: Vec::new(),
        how: Preprocessing::usual(128, Channels::Rgb, Layout::Nchw),
        runtime: String::new(),
    });
    news(&mut state, WhyEvent::Model("a.onnx".into(), Ok(other)));
    let left: HashSet<PathBuf> = state.why.cells.keys().map(|(recipe, _)| recipe.model.clone()).collect();
    assert_eq!(left, HashSet::from([PathBuf::from("b.onnx")]));
    assert!(asked(follow(&mut state)).is_some());
}

#[test]
fn raw_maps_are_arrays_in_the_order_of_the_rows() {
    let (mut state, ask) = with_columns();
    answer(&mut state, &ask, [&[1.0, -2.5], &[0.0, 4.0]]);
    let bytes = export::maps(&state, 1, &[3, 7]).expect("one of them is there");
    let header = String::from_utf8_lossy(&bytes[10..]).into_owned();
    assert!(header.contains("'<f4'") && header.contains("'shape': (2, 1, 2)"), "{header}");
    let numbers: Vec<f32> = bytes[bytes.len() - 16..]
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four")))
        .collect();
    assert_eq!(numbers[..2], [1.0, -2.5], "signed and unscaled");
    assert!(numbers[2].is_nan() && numbers[3].is_nan(), "a picture without a map");
    assert!(export::maps(&state, 1, &[7]).is_err());
    assert!(export::maps(&state, 9, &[3]).is_err());
}

#[test]
fn the_lens_begins_with_models_that_know_the_pictures() {
    let check = |roots: &[&str], used: &[&str], expect: &[&str]| {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(first_models(&paths(roots), &paths(used)), paths(expect), "{roots:?}");
    };
    check(&["/c/demo-shop", "/c/demo-scenes"], &["/m/a.onnx"], &["demo-scenes", "demo-shop"]);
    check(&["/c/demo-shop", "/data/own"], &["/m/a.onnx", "/m/b.onnx", "/m/c.onnx"], &["/m/a.onnx", "/m/b.onnx"]);
    check(&["/data/own"], &[], &[]);
    check(&[], &[], &[]);
}

#[test]
fn a_model_that_cannot_be_opened_holds_nothing_up() {
    let (mut state, ask) = with_columns();
    command(&mut state, WhyCommand::Edit(Edit::Add(recipe("c.onnx"))));
    let view = WhyView { sorted: true, ..state.why.view.clone() };
    command(&mut state, WhyCommand::View(Box::new(view)));
    let all = asked(follow(&mut state)).expect("all rows are compared");
    assert!(all.rows.len() > ask.rows.len());
    news(&mut state, WhyEvent::Model("c.onnx".into(), Err("nothing is there".to_owned())));
    for (recipe, values) in all.columns.iter().zip([&[1.0, 0.0], &[0.0, 1.0]]) {
        news(&mut state, WhyEvent::Model(recipe.model.clone(), Ok(facts())));
        let made = ColumnFacts { layer: "layer4".to_owned(), resolution: (1, 2), head: None };
        news(&mut state, WhyEvent::Column(Arc::clone(recipe), Ok(made)));
        let cells = all.rows.iter().map(|row| (row.sample, Ok(cell(values)))).collect();
        news(&mut state, WhyEvent::Cells(Arc::clone(recipe), cells));
    }
    news(&mut state, WhyEvent::Ended(all.generation, 0));
    follow(&mut state);
    assert!(state.why.rows.sorted && !state.why.is_usable(&all.columns[2]));
    // One column left: there is nothing to sort by, and all rows are back.
    let ids: Vec<u32> = state.why.columns.iter().skip(1).map(|column| column.id).collect();
    for id in ids {
        command(&mut state, WhyCommand::Edit(Edit::Remove(id)));
    }
    follow(&mut state);
    assert!(!state.why.rows.sorted);
    assert_eq!(state.why.rows.samples, state.why.rows.all);
}

#[test]
fn another_try_is_not_taken_for_the_one_under_way() {
    let (mut state, ask) = with_columns();
    news(&mut state, WhyEvent::Model("a.onnx".into(), Err("a cut file".to_owned())));
    let id = state.why.columns[0].id;
    command(&mut state, WhyCommand::Edit(Edit::Retry(id)));
    let again = asked(follow(&mut state)).expect("it is asked at once");
    assert!(again.generation > ask.generation);
    // The old request's end says nothing of the new one.
    news(&mut state, WhyEvent::Ended(ask.generation, 0));
    assert!(!state.why.models.contains_key(Path::new("a.onnx")));
}

#[test]
fn a_map_that_was_forgotten_may_be_asked_for_again() {
    let (mut state, ask) = with_columns();
    let key = (Arc::clone(&ask.columns[0]), ask.rows[0].sample);
    let made = ColumnFacts { layer: "layer4".to_owned(), resolution: (1, 2), head: None };
    news(&mut state, WhyEvent::Model(key.0.model.clone(), Ok(facts())));
    news(&mut state, WhyEvent::Column(Arc::clone(&key.0), Ok(made)));
    news(&mut state, WhyEvent::Cells(Arc::clone(&key.0), vec![(key.1, Ok(cell(&[1.0])))]));
    state.why.cells.remove(&key);
    news(&mut state, WhyEvent::Ended(ask.generation, 0));
    assert!(!state.why.cells.contains_key(&key), "it was made, so it is no failure");
}

#[test]
fn a_model_that_is_faint_beside_another_is_told_of() {
    let (mut state, ask) = with_columns();
    let faint = |state: &State| state.why.faint(false).map(|(model, _)| model);
    answer(&mut state, &ask, [&[10.0, 0.0], &[0.0, 5.0]]);
    assert_eq!(faint(&state), None, "half is seen well");
    let (mut state, ask) = with_columns();
    answer(&mut state, &ask, [&[10.0, 0.0], &[0.0, 0.5]]);
    assert_eq!(faint(&state), Some("b.onnx".into()));
    let view = WhyView { scale: ScaleBy::Model, ..state.why.view.clone() };
    command(&mut state, WhyCommand::View(Box::new(view)));
    assert_eq!(faint(&state), None, "each has its own scale");
}
