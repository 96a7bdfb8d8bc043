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

#[test]
fn the_plane_is_scikit_learns() {
    // The same rows in numpy; sklearn.linear_model.LogisticRegression(C=1/(0.01*60), class_weight="balanced", tol=1e-10) on
    // rows standardised by mean and deviation, coefficients divided by the deviations.
    const WEIGHTS: [f64; 6] = [
        1.418_285_273_067_373_8,
        -0.146_890_833_941_037_2,
        23.809_406_946_306_407,
        -0.393_215_014_737_617_5,
        -3.180_935_343_446_217_5,
        52.744_753_097_702_144,
    ];
    // Without class_weight.
    const UNBALANCED: [f64; 2] = [1.343_248_325_378_407_8, 23.457_959_147_090_374];
    let value = |row: usize, column: usize| {
        let value = (((row * 7919 + column * 104_729) % 1009) as f64 * 0.618_034).sin();
        let moved = if row < 40 { [0.7, 0.0, -0.4, 0.0, 0.0][column] } else { 0.0 };
        ((value + moved) * [1.0, 10.0, 0.1, 3.0, 1.0][column] + [0.0, 5.0, -2.0, 0.0, 1.0][column]) as f32
    };
    let rows: Vec<Vec<f32>> = (0..60).map(|row| (0..5).map(|column| value(row, column)).collect()).collect();
    let labelled = |flip: bool| -> Vec<(&[f32], f32)> {
        rows.iter().enumerate().map(|(at, row)| (&row[..], if (at < 40) == flip { -1.0 } else { 1.0 })).collect()
    };
    let (weights, bias) = probe::fit(&labelled(false), 5, &CancelToken::default()).expect("nobody cancels");
    for (at, (got, expect)) in weights.iter().chain([&bias]).zip(WEIGHTS).enumerate() {
        // f32 and an end of the descent at a hundred-thousandth of the first gradient.
        assert!((f64::from(*got) / expect - 1.0).abs() < 2e-3, "{at}: {got} {expect}");
    }
    assert!((f64::from(weights[0]) / UNBALANCED[0] - 1.0).abs() > 0.02, "the sides must weigh the same");
    assert!((f64::from(weights[2]) / UNBALANCED[1] - 1.0).abs() > 0.01, "the sides must weigh the same");
    // The other way round is the other way round.
    let (turned, _) = probe::fit(&labelled(true), 5, &CancelToken::default()).expect("nobody cancels");
    assert!(turned.iter().zip(&weights).all(|(a, b)| (a + b).abs() < 1e-3 * b.abs()), "{turned:?} {weights:?}");
}

#[test]
fn a_plane_tells_the_sides_apart_and_labels_at_random_do_not() {
    let (a, b) = (cloud(300, 6, 0.9, 1), cloud(150, 6, 0.0, 2));
    let learn = |a: &[f32], b: &[f32], seed| {
        let plane = probe::learn(&Rows::finite(a, 6), &Rows::finite(b, 6), 10_000, seed, &CancelToken::default());
        plane.expect("nobody cancels").expect("enough rows")
    };
    let plane = learn(&a, &b, 0);
    assert_eq!((plane.probe.trained, plane.probe.held_out), (210 + 105, 90 + 45));
    assert!(plane.probe.balanced_accuracy > 0.9, "{plane:?}");
    let above = |rows: &[f32]| {
        let score = |row: &[f32]| row.iter().zip(&plane.weights).map(|(x, w)| x * w).sum::<f32>() + plane.bias;
        rows.chunks(6).filter(|row| score(row) > 0.0).count()
    };
    assert!(above(&a) > 270 && above(&b) < 15, "the side of A is above 0: {} {}", above(&a), above(&b));
    assert_eq!(plane, learn(&a, &b, 0), "the same again");
    assert_ne!(plane.weights, learn(&a, &b, 1).weights, "another seed holds other rows back");
    // Negative control: the same rows dealt to the sides as they come.
    let mixed: Vec<&[f32]> = a.chunks(6).chain(b.chunks(6)).collect();
    let dealt = |even: bool| -> Vec<f32> {
        mixed.iter().enumerate().filter(|(at, _)| (at % 3 == 0) == even).flat_map(|(_, row)| row.to_vec()).collect()
    };
    let chance = learn(&dealt(false), &dealt(true), 0).probe;
    // Three standard deviations of 135 coins.
    assert!((chance.balanced_accuracy - 0.5).abs() < 0.14, "{chance:?}");
    // A feature that never changes weighs nothing, whatever it is.
    let still: Vec<f32> = a.iter().enumerate().map(|(at, &value)| if at % 6 == 3 { 7.5 } else { value }).collect();
    let other: Vec<f32> = b.iter().enumerate().map(|(at, &value)| if at % 6 == 3 { 7.5 } else { value }).collect();
    assert_eq!(learn(&still, &other, 0).weights[3], 0.0);
    let few = probe::learn(&Rows::finite(&a[..18], 6), &Rows::finite(&b[..], 6), 9, 0, &CancelToken::default());
    assert_eq!(few.expect("nobody cancels"), None);
}
