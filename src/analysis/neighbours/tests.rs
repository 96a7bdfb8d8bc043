use super::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Rows around a few centres, away from the origin.
fn clusters(n: usize, d: usize, count: usize) -> Vec<f32> {
    let mut random = Pcg64Mcg::seed_from_u64(3);
    let centres: Vec<f32> = (0..count * d).map(|_| 20.0 + 4.0 * random.random::<f32>()).collect();
    (0..n)
        .flat_map(|row| {
            let centre = &centres[row % count * d..][..d];
            centre.iter().map(|value| value + random.random::<f32>()).collect::<Vec<_>>()
        })
        .collect()
}

/// The definition, in f64.
fn by_definition(values: &[f32], d: usize, k: usize, metric: Metric) -> Vec<Vec<(f64, u32)>> {
    let row = |at: usize| values[at * d..][..d].iter().map(|&value| f64::from(value));
    let n = values.len() / d;
    (0..n)
        .map(|i| {
            let mut all: Vec<(f64, u32)> = (0..n)
                .map(|j| {
                    let distance = match metric {
                        Metric::Euclidean => row(i).zip(row(j)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
                        Metric::Cosine => {
                            let dot = |a: usize, b: usize| row(a).zip(row(b)).map(|(a, b)| a * b).sum::<f64>();
                            match (dot(i, i) == 0.0, dot(j, j) == 0.0) {
                                (true, true) => 0.0,
                                (false, false) => 1.0 - dot(i, j) / (dot(i, i) * dot(j, j)).sqrt(),
                                _ => 1.0,
                            }
                        }
                    };
                    (if i == j { -1.0 } else { distance }, j as u32)
                })
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            all.truncate(k);
            all
        })
        .collect()
}

fn found(values: &[f32], d: usize, search: &Search) -> (Neighbours, Method) {
    find(&Rows::finite(values, d), search, &CancelToken::default()).expect("nobody cancels")
}

#[test]
fn exact_neighbours_are_those_of_the_definition() {
    for metric in [Metric::Euclidean, Metric::Cosine] {
        for (n, d, k) in [(1, 3, 5), (4, 2, 15), (300, 1, 7), (300, 33, 15), (40, 4096, 5)] {
            let mut values = clusters(n, d, 3);
            if n > 4 {
                // A pair of equal rows, and a row of zeros.
                values.copy_within(0..d, 2 * d);
                values[3 * d..4 * d].fill(0.0);
            }
            let (neighbours, method) = found(&values, d, &Search { k, metric, ..Search::default() });
            let k = k.min(n);
            assert_eq!((method, neighbours.k, neighbours.len()), (Method::Exact, k, n));
            for (row, expect) in by_definition(&values, d, k, metric).iter().enumerate() {
                let distances = &neighbours.distances[row * k..][..k];
                assert_eq!((neighbours.of(row)[0], distances[0]), (row as u32, 0.0));
                for (&(expect, number), (&got, &distance)) in
                    expect.iter().zip(neighbours.of(row).iter().zip(distances))
                {
                    let expect = expect.max(0.0) as f32;
                    // f32 rows of length 1 carry 1e-7 an element into the cosine.
                    assert!(
                        (distance - expect).abs() <= 1e-4 * expect.max(0.01),
                        "{metric} {n}x{d} {row}: {distance} {expect}"
                    );
                    assert!(
                        got == number || d == 1 || metric == Metric::Cosine,
                        "{metric} {n}x{d} {row}: {got} {number}"
                    );
                }
            }
        }
    }
}

#[test]
fn equal_rows_are_neighbours_at_zero_by_rising_number() {
    let values = vec![0.1f32; 50 * 7];
    for metric in [Metric::Euclidean, Metric::Cosine] {
        let (neighbours, _) = found(&values, 7, &Search { k: 5, metric, ..Search::default() });
        assert_eq!(neighbours.of(0), [0, 1, 2, 3, 4]);
        assert_eq!(neighbours.of(1), [1, 0, 2, 3, 4]);
        assert_eq!(neighbours.of(49), [49, 0, 1, 2, 3]);
        assert!(neighbours.distances.iter().all(|&distance| distance == 0.0));
    }
}

#[test]
fn cells_find_nearly_all_and_widen_where_they_do_not() {
    let (n, d) = (2500, 12);
    // One cloud, which has no gaps to cut along.
    let values = clusters(n, d, 1);
    let rows = Rows::finite(values.as_slice(), d);
    let cells = Cells { leaf: 100, overlap: 2, dim: 8 };
    let search = Search { exact_rows: 100, cells, ..Search::default() };
    let (neighbours, method) = found(&values, d, &search);
    let Method::Cells { recall: measured, overlap, .. } = method else { panic!("{method:?}") };
    assert!(measured >= ENOUGH, "{method:?}");
    let asked = queries(n);
    let truth = find_some(&rows, &asked, 15, Metric::Euclidean, &CancelToken::default()).expect("nobody cancels");
    assert_eq!(recall(&neighbours, &truth, &asked, 15), measured, "the measure is of what is returned");
    assert_eq!(found(&values, d, &search).0, neighbours, "the same again");
    // One cell a row loses much: had nothing been widened, the answer would be refused here.
    let narrow = Search { cells: Cells { overlap: 1, leaf: 25, dim: 2 }, ..search };
    let (_, method) = found(&values, d, &narrow);
    let Method::Cells { overlap: widened, .. } = method else { panic!("{method:?}") };
    assert!(widened > 1 && overlap >= 2, "{method:?}");
    // The measure sees wrong neighbours.
    let mut wrong = neighbours.clone();
    wrong.indices.rotate_left(15 * 700);
    wrong.distances.fill(f32::INFINITY);
    assert!(recall(&wrong, &truth, &asked, 15) < 0.2);
}

#[test]
fn cancelled_is_said() {
    let cancel = CancelToken::default();
    cancel.cancel();
    assert!(find(&Rows::finite(clusters(50, 2, 1), 2), &Search::default(), &cancel).is_err());
}
