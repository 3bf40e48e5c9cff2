//! Shares by hand, and what holds for any input. Against imbalanced-learn: `tests/suite/golden.rs`.

use ndarray::{Array2, array};
use proptest::prelude::*;

use super::*;
use crate::ml::made_up::training;
use crate::ml::random::Rng;
use crate::ml::smote::FIRST_SYNTHETIC_ID;

fn resampled(train: &Training<Dataset>, spec: &Adasyn, seed: u64) -> (Dataset, Vec<Warning>) {
    let (balanced, warnings) = spec.resample(train, Seed::new(seed), Progress::none()).unwrap();
    (balanced.into_inner(), warnings)
}

#[test]
fn shares_follow_the_neighbours_of_other_classes() {
    // With two neighbours: none, one, two of the other class.
    let x = array![[0.0], [1.0], [2.0], [10.0], [3.1], [10.5], [11.0], [12.0]];
    let train = training(x, vec![0, 0, 0, 0, 1, 1, 1, 1], 2);
    let data = train.get();
    let index = Neighbors::new(data.x().view());
    assert_eq!(foreign(data, &index, &[0, 1, 2, 3], 2), (vec![0, 0, 1, 2], 2));
    assert_eq!(amounts(data, &index, &[0, 1, 2, 3], 2, 6), [0, 0, 2, 4]);
    assert_eq!(amounts(data, &index, &[0, 1, 2, 3], 2, 0), [0; 4]);
    let made = draws(&[2, 0, 1], &[1, 0, 1], &[0.25, 0.5, 0.75]);
    let parts: Vec<(usize, usize, f64, f64)> = made.iter().map(|d| (d.row, d.neighbour, d.step, d.shrink)).collect();
    assert_eq!(parts, [(0, 1, 0.25, 1.0), (0, 0, 0.5, 1.0), (2, 1, 0.75, 1.0)]);
}

#[test]
fn a_class_apart_stays_and_a_small_one_has_fewer_neighbours() {
    let x = array![[0.0], [0.1], [0.2], [0.3], [50.0], [51.0], [52.0], [0.15], [0.05]];
    let train = training(x, vec![0, 0, 0, 0, 1, 1, 1, 2, 2], 3);
    let (data, warnings) = resampled(&train, &Adasyn { n_neighbors: 2, ..Adasyn::default() }, 3);
    assert_eq!(data.class_counts(), [4, 3, 4]);
    let said: Vec<&str> = warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "class \"b\": ADASYN makes no rows, since too few of its 3 rows have a neighbour of another class among \
             n_neighbors = 2: it stays as it is; `smote` would raise it",
            "class \"c\" has 2 training rows, too few for n_neighbors = 2: n_neighbors = 1",
        ]
    );
}

#[test]
fn no_neighbours_are_refused_and_a_stated_seed_wins() {
    let x = array![[0.0], [0.4], [0.2], [0.3], [0.5], [0.1], [0.25]];
    let train = training(x, vec![0, 0, 0, 0, 1, 1, 1], 2);
    let spec = |n_neighbors, random_state| Adasyn { n_neighbors, random_state, target: Some(Target::Every(30)) };
    let error = spec(0, None).resample(&train, Seed::new(0), Progress::none()).unwrap_err();
    assert!(error.to_string().starts_with("n_neighbors"));
    assert_eq!(resampled(&train, &spec(3, Some(5)), 1).0, resampled(&train, &spec(3, None), 5).0);
    assert_ne!(resampled(&train, &spec(3, None), 1).0, resampled(&train, &spec(3, None), 5).0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn originals_stay_and_sizes_are_near_the_target(
        seed in 0_u64..1000, y in prop::collection::vec(0_u32..3, 3..50), n in 1_usize..7, width in 1_usize..4,
    ) {
        let mut rng = Rng::new(Seed::new(seed));
        let rows = y.len();
        let x = Array2::from_shape_fn((rows, width), |_| rng.below(40) as f64 / 3.0);
        let train = training(x.clone(), y.clone(), 3);
        let (data, _) = resampled(&train, &Adasyn { n_neighbors: n, ..Adasyn::default() }, seed);
        prop_assert_eq!(data.x().slice(ndarray::s![..rows, ..]), x.view());
        prop_assert_eq!(&data.y()[..rows], &y[..]);
        let ids = data.row_ids()[rows..].iter().copied();
        prop_assert!(ids.eq((FIRST_SYNTHETIC_ID..).take(data.rows() - rows)));
        let before = train.get().class_counts();
        let largest = before.iter().copied().max().unwrap_or(0);
        for (&before, &after) in before.iter().zip(&data.class_counts()) {
            // Each row's share is rounded by at most a half.
            let off = (after as f64 - largest as f64).abs();
            prop_assert!(after == before || (after > before && off <= before as f64 / 2.0), "{} to {}", before, after);
        }
        // In the box of its class.
        for made in rows..data.rows() {
            let own: Vec<usize> = (0..rows).filter(|&row| y[row] == data.y()[made]).collect();
            for (j, value) in data.x().row(made).iter().enumerate() {
                let (low, high) = own.iter().map(|&r| x[[r, j]]).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
                prop_assert!((low - 1e-9..=high + 1e-9).contains(value));
            }
        }
    }
}
