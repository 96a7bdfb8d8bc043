use std::cell::Cell as Flag;
use std::collections::BTreeSet;

use super::*;
use crate::analysis::cam::Map;

/// Counts what it is asked for instead of running models.
#[derive(Default)]
struct Counting {
    batches: usize,
    kept: BTreeSet<u32>,
    /// After so many batches a newer request is there.
    newer_after: Option<usize>,
    newer: std::rc::Rc<Flag<bool>>,
    broken: Option<&'static str>,
}

fn recipe(model: &str) -> Arc<Recipe> {
    Arc::new(Recipe { model: model.into(), layer: None, method: Method::GradCam, aim: Aim::Predicted })
}

fn cell() -> Arc<Cell> {
    let map = Map { height: 1, width: 1, values: vec![1.0] };
    let explanation = Explanation { class: 3, score: 1.0, probability: 0.5, map };
    Arc::new(Cell { explanation, figures: Figures::default() })
}

impl Maker for Counting {
    fn model(&mut self, path: &Path) -> Result<Arc<ModelFacts>, String> {
        let path = crate::model::bundled::locate(path).map_err(|error| error.to_string())?;
        let model = Arc::new(Model::open(&path, None).map_err(|error| error.to_string())?);
        let how = model.card.preprocessing.clone();
        Ok(Arc::new(ModelFacts { model, key: "key".to_owned(), layers: Vec::new(), how, runtime: String::new() }))
    }

    fn column(&mut self, _: &Arc<Population>, recipe: &Arc<Recipe>) -> Result<ColumnFacts, String> {
        match self.broken {
            Some(model) if recipe.model == Path::new(model) => Err("no rule for the operator Foo".to_owned()),
            _ => Ok(ColumnFacts { layer: "layer4".to_owned(), resolution: (1, 1), head: None }),
        }
    }

    fn kept(&mut self, _: &Arc<Recipe>, sample: SampleRef) -> Option<Arc<Cell>> {
        self.kept.contains(&sample.row).then(cell)
    }

    fn cells(&mut self, _: &Arc<Population>, _: &Arc<Recipe>, samples: &[SampleRef]) -> Vec<Answer> {
        assert!(samples.len() <= BATCH);
        self.batches += 1;
        if self.newer_after == Some(self.batches) {
            self.newer.set(true);
        }
        samples.iter().map(|sample| (*sample, Ok(cell()))).collect()
    }

    fn scored(&mut self, _: &Population, ask: &ScoreAsk) -> Scored {
        Scored { truth: None, in_full: ask.in_full, probabilities: vec![1.0].into() }
    }

    fn notices(&mut self) -> Vec<String> {
        Vec::new()
    }
}

fn ask(generation: u64, rows: std::ops::Range<u32>) -> WhyAsk {
    WhyAsk {
        generation,
        population: Arc::default(),
        columns: vec![recipe("demo-scenes"), recipe("demo-shop")],
        rows: rows.map(|row| RowAsk { sample: SampleRef { dataset: 0, row }, columns: vec![0, 1] }).collect(),
        scores: vec![ScoreAsk { sample: SampleRef { dataset: 0, row: 0 }, model: "demo-shop".into(), in_full: true }],
    }
}

/// Rows that were answered in each column, and the end if it was told.
fn answered(maker: &mut Counting, ask: &WhyAsk) -> ([BTreeSet<u32>; 2], Option<usize>) {
    let (mut rows, mut ended) = (<[BTreeSet<u32>; 2]>::default(), None);
    let newer = std::rc::Rc::clone(&maker.newer);
    let whole = answer(ask, maker, &|| newer.get(), &mut |event| match event {
        WhyEvent::Cells(recipe, cells) => {
            let column = ask.columns.iter().position(|other| *other == recipe).expect("one of the columns");
            for (sample, outcome) in cells {
                assert!(outcome.is_ok() && rows[column].insert(sample.row), "each cell is answered once");
            }
        }
        WhyEvent::Ended(generation, computed) => {
            assert_eq!(generation, ask.generation);
            ended = Some(computed);
        }
        _ => {}
    });
    assert_eq!(whole, ended.is_some());
    (rows, ended)
}

#[test]
fn a_stale_request_ends_between_batches_and_the_newest_is_answered() {
    let mut maker = Counting { newer_after: Some(3), ..Counting::default() };
    let (rows, ended) = answered(&mut maker, &ask(1, 0..100));
    assert_eq!((maker.batches, ended), (3, None), "of 50 batches");
    assert_eq!(rows.map(|rows| rows.len()), [8, 4], "rows fill from the top, over all columns");
    maker.newer.set(false);
    maker.newer_after = None;
    let (rows, ended) = answered(&mut maker, &ask(2, 40..47));
    assert_eq!((maker.batches, ended), (3 + 4, Some(14)));
    assert!(rows.iter().all(|rows| rows.iter().copied().eq(40..47)));
}

#[test]
fn what_was_made_before_is_not_made_again() {
    let mut maker = Counting { kept: (0..6).collect(), ..Counting::default() };
    let (rows, ended) = answered(&mut maker, &ask(1, 0..8));
    assert_eq!((maker.batches, ended), (2, Some(4)), "two rows in two columns");
    assert!(rows.iter().all(|rows| rows.len() == 8));
}

#[test]
fn one_broken_column_leaves_the_others_alone() {
    let mut maker = Counting { broken: Some("demo-scenes"), ..Counting::default() };
    let (rows, ended) = answered(&mut maker, &ask(1, 0..4));
    assert_eq!((rows[0].len(), rows[1].len(), ended), (0, 4, Some(4)));
}
