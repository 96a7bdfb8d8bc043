use super::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A cloud of side 1 with its first coordinate moved.
fn cloud(n: usize, d: usize, moved: f32, seed: u64) -> Vec<f32> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    (0..n * d).map(|at| random.random::<f32>() + if at % d == 0 { moved } else { 0.0 }).collect()
}

fn figures(a: &[f32], b: &[f32], d: usize) -> Separation {
    let options = Options { pairs: 80, permutations: 99, ..Options::default() };
    separate(&Rows::finite(a, d), &Rows::finite(b, d), &options, &CancelToken::default()).expect("nobody cancels")
}

#[test]
fn one_distribution_is_not_separate() {
    let got = figures(&cloud(200, 4, 0.0, 1), &cloud(100, 4, 0.0, 2), 4);
    assert!((got.mixing.own - got.mixing.chance).abs() < 0.06, "{got:?}");
    assert!((got.mixing.chance - (200.0 * 199.0 + 100.0 * 99.0) / (300.0 * 299.0)).abs() < 1e-12);
    let probe = got.probe.expect("enough rows");
    assert!((probe.balanced_accuracy - 0.5).abs() < 0.15, "{got:?}");
    assert!((probe.majority - 2.0 / 3.0).abs() < 0.01);
    assert!(got.energy.p > 0.05 && got.energy.coefficient < 0.05, "{got:?}");
    assert!(got.silhouette.abs() < 0.05, "{got:?}");
}

#[test]
fn two_islands_are_separate() {
    let got = figures(&cloud(120, 4, 0.0, 1), &cloud(100, 4, 30.0, 2), 4);
    assert_eq!((got.mixing.own, got.mixing.own_a, got.mixing.own_b), (1.0, 1.0, 1.0));
    let probe = got.probe.expect("enough rows");
    assert_eq!((probe.balanced_accuracy, probe.accuracy), (1.0, 1.0));
    assert_eq!(got.energy.p, 0.01, "no permutation is as far apart");
    assert!(got.energy.coefficient > 0.9 && got.silhouette > 0.9, "{got:?}");
    assert!(got.only_a.iter().all(|region| region.other == 0) && !got.only_a.is_empty());
    let mut rows: Vec<u32> = got.only_b.iter().flat_map(|region| region.rows.clone()).collect();
    rows.sort_unstable();
    assert_eq!(rows, (0..100).collect::<Vec<u32>>(), "numbers are those of the side");
    assert_eq!(got, figures(&cloud(120, 4, 0.0, 1), &cloud(100, 4, 30.0, 2), 4), "the same again");
}

#[test]
fn a_part_that_only_one_side_has_is_the_first_region() {
    let (mut a, b) = (cloud(160, 3, 0.0, 1), cloud(200, 3, 0.0, 2));
    a.extend(cloud(60, 3, 9.0, 3));
    let got = figures(&a, &b, 3);
    let first = &got.only_a[0];
    assert_eq!(first.other, 0);
    assert!(first.own >= 15 && first.lift > 5.0, "{first:?}");
    assert!(first.rows.iter().all(|&row| row >= 160), "{first:?}");
    assert!(got.only_b.first().is_none_or(|region| region.surprise < first.surprise));
}

#[test]
fn degenerate_sides_have_figures() {
    let equal = vec![2.0f32; 30];
    let got = figures(&equal, &equal, 3);
    assert_eq!((got.energy.distance, got.energy.p, got.silhouette), (0.0, 1.0, 0.0));
    let got = figures(&[0.0, f32::NAN], &[1.0], 1);
    assert_eq!((got.rows, got.probe), ([1, 1], None));
    assert_eq!(got.mixing.own, 0.0);
}
