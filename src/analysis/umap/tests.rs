use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::layout::{HEAD, ONE, due, epoch, moved};
use super::*;
use crate::analysis::neighbours::{Search, find};

/// Clouds of side 1 in `d` dimensions, their middles `apart` from each other along the first.
fn clouds(n: usize, d: usize, count: usize, apart: f32) -> Vec<f32> {
    let mut random = Pcg64Mcg::seed_from_u64(11);
    (0..n * d)
        .map(|at| random.random::<f32>() + if at % d == 0 { apart * (at / d % count) as f32 } else { 0.0 })
        .collect()
}

fn begun(values: &[f32], d: usize, params: Params) -> Umap {
    let rows = Rows::finite(values, d);
    let search = Search { k: params.neighbours, metric: params.metric, ..Search::default() };
    let cancel = CancelToken::default();
    let (neighbours, _) = find(&rows, &search, &cancel).expect("nobody cancels");
    Umap::new(&rows, &neighbours, params, &cancel).expect("nobody cancels")
}

fn laid(values: &[f32], d: usize, epochs: u32) -> Umap {
    let mut umap = begun(values, d, Params { epochs: Some(epochs), ..Params::default() });
    assert!(!umap.step(u32::MAX));
    umap
}

/// The epoch by the contract, vertex by vertex.
fn by_contract(graph: &LayoutGraph, force: &Force, n: u32, positions: &[[f32; 2]]) -> Vec<[f32; 2]> {
    (0..graph.rounds)
        .fold(positions.to_vec(), |from, s| (0..graph.vertices).map(|i| moved(graph, force, n, s, i, &from)).collect())
}

#[test]
fn epochs_have_the_bits_of_the_contract_on_any_number_of_threads() {
    // More than one block, the last not full.
    let umap = begun(&clouds(600, 3, 4, 2.0), 3, Params { epochs: Some(40), ..Params::default() });
    let (graph, force) = (umap.layout(), umap.force());
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let (mut positions, mut spare) = (umap.positions().to_vec(), umap.positions().to_vec());
        for n in [1, 2, 17] {
            let expect = by_contract(graph, force, n, &positions);
            pool.install(|| epoch(graph, force, n, &mut positions, &mut spare));
            assert!(positions == expect, "{threads} threads, epoch {n}");
        }
    }
    // The comparison sees a twin that is wrong in its draws, or takes the clip for the force.
    for wrong in [Force { seed: force.seed + 1, ..*force }, Force { repulsion: 1.01, ..*force }] {
        assert_ne!(by_contract(graph, &wrong, 2, umap.positions()), by_contract(graph, force, 2, umap.positions()));
    }
}

#[test]
fn steps_may_be_cut_anywhere() {
    let values = clouds(200, 3, 2, 3.0);
    let whole = laid(&values, 3, 20);
    let mut cut = begun(&values, 3, Params { epochs: Some(20), ..Params::default() });
    assert!(cut.step(1) && cut.step(0) && cut.step(12) && !cut.step(100));
    assert_eq!(whole.positions(), cut.positions());
    assert_eq!((cut.epoch(), cut.epochs()), (20, 20));
    let other = begun(&values, 3, Params { epochs: Some(20), seed: 1, ..Params::default() });
    assert_ne!(other.force().seed, whole.force().seed);
}

#[test]
fn a_restart_goes_on_from_the_present_positions() {
    let values = clouds(150, 3, 2, 3.0);
    let umap = laid(&values, 3, 30);
    let before = umap.positions().to_vec();
    let mut again = umap.restart(Params { min_dist: 0.8, epochs: Some(15), ..Params::default() }, None);
    assert_eq!((again.positions(), again.epoch(), again.epochs()), (before.as_slice(), 0, 15));
    assert!(again.force().a < 0.5, "the curve is that of the new distance: {:?}", again.force());
    again.step(15);
    assert_ne!(again.positions(), before);
}

#[test]
fn edges_are_sampled_as_often_as_their_weight_says() {
    for (rate, epochs) in [(ONE, 100), (ONE / 2, 100), (ONE / 3, 100), (ONE / 100, 99), (1, 500)] {
        let count = (1..=epochs).filter(|&n| due(n, rate)).count() as u64;
        assert_eq!(count, (u64::from(epochs) * u64::from(rate)) >> 31, "{rate} {epochs}");
    }
}

#[test]
fn both_roles_of_each_edge_are_in_its_sub_round() {
    let umap = begun(&clouds(300, 4, 3, 1.0), 4, Params { epochs: Some(100), ..Params::default() });
    let graph = umap.layout();
    let mut roles = [BTreeSet::new(), BTreeSet::new()];
    for s in 0..graph.rounds {
        for i in 0..graph.vertices {
            let row = (s * graph.vertices + i) as usize;
            for e in graph.offsets[row] as usize..graph.offsets[row + 1] as usize {
                let (other, is_head) = (graph.others[e] & !HEAD, graph.others[e] & HEAD != 0);
                let edge = if is_head { (s, i, other) } else { (s, other, i) };
                assert!(roles[usize::from(is_head)].insert((edge, graph.rates[e])), "twice: {edge:?}");
                assert_eq!(usize::from(graph.owners[e]), i as usize % layout::BLOCK);
            }
        }
    }
    assert_eq!(roles[0], roles[1], "each edge has its head and its tail, in one sub-round, at one rate");
    let all = umap.graph().others.len();
    assert!(roles[0].len() > all / 2 && roles[0].len() <= all);
}

#[test]
fn pulls_are_opposite_so_the_middle_stays() {
    let umap = begun(&clouds(300, 4, 3, 1.0), 4, Params { negatives: 0, ..Params::default() });
    let middle = |positions: &[[f32; 2]]| -> f64 { positions.iter().map(|position| f64::from(position[0])).sum() };
    let drift = |graph: &LayoutGraph| {
        let (mut positions, mut spare) = (umap.positions().to_vec(), umap.positions().to_vec());
        epoch(graph, umap.force(), 1, &mut positions, &mut spare);
        assert_ne!(positions, umap.positions());
        (middle(&positions) - middle(umap.positions())).abs()
    };
    assert!(drift(umap.layout()) < 1e-2, "{}", drift(umap.layout()));
    // Were tails left where they are, the middle would move.
    let mut one_sided = umap.layout().clone();
    for (other, rate) in one_sided.others.iter().zip(&mut one_sided.rates) {
        if other & HEAD == 0 && other % 2 == 0 {
            *rate = 1;
        }
    }
    assert!(drift(&one_sided) > 0.1, "{}", drift(&one_sided));
}

#[test]
fn a_hub_with_thousands_of_neighbours_is_moved() {
    let n = 5001usize;
    // A star, both directions of every edge.
    let offsets: Vec<u32> = std::iter::once(0).chain((0..n as u32).map(|row| n as u32 - 1 + row)).collect();
    let others: Vec<u32> = (1..n as u32).chain((1..n).map(|_| 0)).collect();
    let weights = vec![1.0f32; others.len()];
    let graph = LayoutGraph::new(&offsets, &others, &weights, 10, 8);
    let force = Params { epochs: Some(10), ..Params::default() }.force(n);
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let mut positions: Vec<[f32; 2]> =
        (0..n).map(|_| [random.random::<f32>() * 10.0, random.random::<f32>() * 10.0]).collect();
    let mut spare = positions.clone();
    let expect = moved(&graph, &force, 1, 0, 0, &positions);
    let before = positions.clone();
    lanes::block(&graph, &force, 1, 0, 0, &before, &mut spare[..layout::BLOCK]);
    assert_eq!(spare[0], expect);
    epoch(&graph, &force, 1, &mut positions, &mut spare);
    assert!(positions.iter().flatten().all(|value| value.is_finite()));
}

#[test]
fn islands_stay_apart_and_their_rows_together() {
    let umap = laid(&clouds(120, 5, 2, 1000.0), 5, 100);
    let side = |which: usize| umap.positions().iter().skip(which).step_by(2);
    let middle = |which: usize| {
        let sum = side(which).fold([0.0f32; 2], |sum, position| [sum[0] + position[0], sum[1] + position[1]]);
        [sum[0] / 60.0, sum[1] / 60.0]
    };
    let away = |position: &[f32; 2], from: [f32; 2]| (position[0] - from[0]).hypot(position[1] - from[1]);
    for which in 0..2 {
        for position in side(which) {
            assert!(away(position, middle(which)) < away(position, middle(1 - which)), "{position:?}");
        }
    }
    assert!(umap.graph().parts() >= 2);
}

#[test]
fn degenerate_rows_have_finite_positions() {
    let mut duplicates = clouds(60, 3, 2, 4.0);
    for row in 1..20 {
        duplicates.copy_within(0..3, row * 3);
    }
    let cases: [(&str, Vec<f32>, usize); 8] = [
        ("all rows equal", vec![0.3; 40 * 4], 4),
        ("duplicates", duplicates, 3),
        ("fewer rows than neighbours", clouds(6, 3, 1, 0.0), 3),
        ("one row", vec![1.0, 2.0], 2),
        ("two rows", vec![1.0, 2.0], 1),
        ("one dimension", clouds(50, 1, 2, 9.0), 1),
        ("many dimensions", clouds(30, 4096, 1, 0.0), 4096),
        ("a row far away", clouds(40, 2, 1, 0.0).into_iter().chain([1e9, 1e9]).collect(), 2),
    ];
    for (name, values, d) in cases {
        for init in [Init::Spectral, Init::Pca, Init::Random] {
            let mut umap = begun(&values, d, Params { epochs: Some(20), init, ..Params::default() });
            umap.step(20);
            assert_eq!(umap.positions().len(), values.len() / d);
            assert!(umap.positions().iter().flatten().all(|value| value.is_finite()), "{name} {init}");
        }
    }
    assert!(laid(&[], 3, 10).positions().is_empty());
}

#[test]
fn parameters_that_mean_nothing_are_refused() {
    let usual = Params::default();
    assert_eq!((usual.check(), usual.epochs_for(10_000), usual.epochs_for(10_001)), (Ok(()), 500, 200));
    let wrong = [
        Params { neighbours: 1, ..usual.clone() },
        Params { min_dist: -0.1, ..usual.clone() },
        Params { min_dist: 3.1, ..usual.clone() },
        Params { spread: 0.0, ..usual.clone() },
        Params { spread: f32::NAN, ..usual.clone() },
        Params { repulsion: -1.0, ..usual },
    ];
    for params in wrong {
        assert!(params.check().is_err(), "{params:?}");
    }
}
