//! The rule of danger by hand, and what holds for any input. Against imbalanced-learn: `tests/suite/golden.rs`.

use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::ml::made_up::training;
use crate::ml::random::Rng;
use crate::ml::smote::FIRST_SYNTHETIC_ID;

fn resampled(train: &Training<Dataset>, spec: &BorderlineSmote, seed: u64) -> (Dataset, Vec<Warning>) {
    let (balanced, warnings) = spec.resample(train, Seed::new(seed), Progress::none()).unwrap();
    (balanced.into_inner(), warnings)
}

#[test]
fn danger_is_half_of_the_neighbours_but_not_all() {
    // On a line, m = 2: row 0 has a neighbour of each class, row 1 two of its own class, row 2 one of each; row 3, far
    // among the others, only others.
    let x = array![[0.0], [1.0], [2.0], [20.0], [-1.5], [3.0], [19.0], [21.0], [22.0], [23.0]];
    let train = training(x, vec![0, 0, 0, 0, 1, 1, 1, 1, 1, 1], 2);
    let data = train.get();
    let index = Neighbors::new(data.x().view());
    let rows = [0, 1, 2, 3];
    assert_eq!(foreign(data, &index, &rows, 2), (vec![1, 0, 1, 2], 2));
    assert_eq!(in_danger(data, &index, &rows, 2), [0, 2]);
    // More neighbours than rows: all others count.
    assert_eq!(foreign(data, &index, &rows, 99), (vec![6; 4], 9));
    assert_eq!(in_danger(data, &index, &rows, 99), [0, 1, 2, 3]);
}

#[test]
fn a_class_without_danger_stays_and_small_ones_have_fewer_neighbours() {
    let x = array![[0.0], [0.1], [0.2], [0.3], [50.0], [51.0], [52.0], [0.15], [0.16]];
    let train = training(x, vec![0, 0, 0, 0, 1, 1, 1, 2, 2], 3);
    let spec = BorderlineSmote { m_neighbors: 2, ..BorderlineSmote::default() };
    let (data, warnings) = resampled(&train, &spec, 3);
    assert_eq!(data.class_counts(), [4, 3, 4]);
    let said: Vec<&str> = warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "class \"b\": none of its 3 rows is in danger (at least half of its m_neighbors = 2, but not all, of other \
             classes): it stays as it is",
            "class \"c\" has 2 training rows, too few for k_neighbors = 5: k_neighbors = 1",
        ]
    );
    assert!(warnings.iter().all(|w| w.code == Code::R01));
}

#[test]
fn no_neighbours_are_refused_and_a_stated_seed_wins() {
    let x = array![[0.0], [0.4], [0.2], [0.3], [0.5], [0.1], [0.25]];
    let train = training(x, vec![0, 0, 0, 0, 1, 1, 1], 2);
    let none = Progress::none();
    for (k_neighbors, m_neighbors, name) in [(0, 5, "k_neighbors"), (5, 0, "m_neighbors")] {
        let spec = BorderlineSmote { k_neighbors, m_neighbors, ..BorderlineSmote::default() };
        assert!(spec.resample(&train, Seed::new(0), none).unwrap_err().to_string().starts_with(name));
    }
    let spec = BorderlineSmote { m_neighbors: 3, target: Some(Target::Every(9)), ..BorderlineSmote::default() };
    let stated = BorderlineSmote { random_state: Some(5), ..spec.clone() };
    assert_eq!(resampled(&train, &stated, 1).0, resampled(&train, &spec, 5).0);
    assert_ne!(resampled(&train, &spec, 1).0, resampled(&train, &spec, 5).0);
    assert_eq!(resampled(&train, &spec, 1).0.class_counts(), [9, 9]);
}

fn distance2(x: &Array2<f64>, a: usize, b: usize) -> f64 {
    x.row(a).iter().zip(x.row(b)).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The `k` rows of `among` nearest to `row`, itself left out.
fn nearest(x: &Array2<f64>, row: usize, among: &[usize], k: usize) -> Vec<usize> {
    let mut others: Vec<usize> = among.iter().copied().filter(|&other| other != row).collect();
    others.sort_by(|&a, &b| distance2(x, row, a).total_cmp(&distance2(x, row, b)).then(a.cmp(&b)));
    others.truncate(k);
    others
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn new_rows_start_in_danger_and_end_at_a_neighbour(
        seed in 0_u64..1000, y in prop::collection::vec(0_u32..3, 3..40), k in 1_usize..6, m in 1_usize..9,
        width in 1_usize..4, second in any::<bool>(),
    ) {
        let mut rng = Rng::new(Seed::new(seed));
        let rows = y.len();
        let x = Array2::from_shape_fn((rows, width), |_| rng.below(40) as f64 / 3.0);
        let train = training(x.clone(), y.clone(), 3);
        let kind = if second { BorderlineKind::Borderline2 } else { BorderlineKind::Borderline1 };
        let spec = BorderlineSmote { k_neighbors: k, m_neighbors: m, kind, ..BorderlineSmote::default() };
        let (data, _) = resampled(&train, &spec, seed);

        prop_assert_eq!(data.x().slice(ndarray::s![..rows, ..]), x.view());
        prop_assert_eq!(&data.y()[..rows], &y[..]);
        for (i, &id) in data.row_ids()[rows..].iter().enumerate() {
            prop_assert_eq!(id, FIRST_SYNTHETIC_ID + i as u64);
        }
        let all: Vec<usize> = (0..rows).collect();
        let of = |class: u32| -> Vec<usize> { all.iter().copied().filter(|&row| y[row] == class).collect() };
        let danger = |class: u32| -> Vec<usize> {
            let foreign = |row: usize| {
                let near = nearest(&x, row, &all, m);
                (near.iter().filter(|&&other| y[other] != class).count(), near.len())
            };
            of(class).into_iter().filter(|&row| matches!(foreign(row), (f, m) if 2 * f >= m && f < m)).collect()
        };
        let largest = (0..3).map(|class| of(class).len()).max().unwrap_or(0);
        for class in 0..3 {
            let (before, after) = (of(class).len(), data.class_counts()[class as usize]);
            let raised = before > 0 && !danger(class).is_empty();
            prop_assert_eq!(after, if raised { largest } else { before });
        }
        for made in rows..data.rows() {
            let (point, class) = (data.x().row(made), data.y()[made]);
            let found = danger(class).into_iter().any(|a| {
                let ends = nearest(&x, a, &if second { all.clone() } else { of(class) }, k);
                let ends = if ends.is_empty() { vec![a] } else { ends };
                ends.into_iter().any(|b| {
                    let way: Vec<f64> = x.row(b).iter().zip(x.row(a)).map(|(b, a)| b - a).collect();
                    let length2: f64 = way.iter().map(|w| w * w).sum();
                    let along: f64 = point.iter().zip(x.row(a)).zip(&way).map(|((p, a), w)| (p - a) * w).sum();
                    let step = if length2 > 0.0 { along / length2 } else { 0.0 };
                    let most = if y[b] == class { 1.0 } else { 0.5 };
                    let on_it = |((p, a), w): ((&f64, &f64), &f64)| (p - (a + step * w)).abs() < 1e-9;
                    (-1e-9..=most + 1e-9).contains(&step) && point.iter().zip(x.row(a)).zip(&way).all(on_it)
                })
            });
            prop_assert!(found, "row {} of class {}: {}", made, class, point);
        }
    }
}
