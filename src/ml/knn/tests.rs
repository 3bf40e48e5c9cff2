//! Against `KNeighborsClassifier` of scikit-learn 1.9.1, a full sort, and the rules that neither has a figure for.

use ndarray::{Array2, array, s};

use super::*;
use crate::ml::made_up::{gap, made_up, on_any_threads, stored, training};
use crate::ml::neighbors::NARROW;

fn with(weights: Weights) -> Knn {
    Knn { weights, ..Knn::default() }
}

/// `KNeighborsClassifier(5, weights=…, algorithm="kd_tree").fit(x, y).predict_proba(asked)` on `made_up(60, 4, 3)`, where
/// asked is every thirteenth row moved by 0.1, and `x[7]` itself; and `kneighbors`.
#[test]
fn neighbours_and_probabilities_are_those_of_scikit_learn() {
    let (x, y) = made_up(60, 4, 3);
    let asked = x.slice(s![..;13, ..]).to_owned() + 0.1;
    let asked = ndarray::concatenate![ndarray::Axis(0), asked, x.slice(s![7..8, ..])];
    let data = training(x, y, 3);
    let model = with(Weights::Uniform).fit(&data).unwrap();
    let expected = [0.4, 0.4, 0.2, 0.4, 0.4, 0.2, 0.0, 0.4, 0.6, 0.4, 0.6, 0.0, 0.2, 0.2, 0.6, 0.4, 0.4, 0.2];
    assert_eq!(model.predict_proba(asked.view()).iter().copied().collect::<Vec<_>>(), expected);
    let nearest =
        [[0, 46, 7, 30, 8], [13, 19, 59, 36, 3], [26, 32, 49, 38, 55], [39, 22, 45, 16, 28], [52, 29, 6, 59, 2]];
    for (found, expected) in model.neighbors(asked.view()).iter().zip(nearest) {
        assert_eq!(found.iter().map(|n| n.1).collect::<Vec<u32>>(), expected);
    }
    let model = with(Weights::Distance).fit(&data).unwrap();
    let expected = [
        0.8239729936226364,
        0.13229495041730965,
        0.043732055960053855,
        0.1361354763245717,
        0.7791942427742716,
        0.08467028090115662,
        0.0,
        0.1236370279355092,
        0.8763629720644908,
        0.7692943036095913,
        0.23070569639040867,
        0.0,
        0.08070369756761875,
        0.7418532760930209,
        0.1774430263393605,
        0.0,
        1.0,
        0.0,
    ];
    assert!(gap(&model.predict_proba(asked.view()), &expected) < 1e-14);
}

#[test]
fn narrow_and_wide_rows_find_what_a_full_sort_finds() {
    for width in [2, NARROW, NARROW + 1, 49] {
        // few values: many equal distances
        let x = Array2::from_shape_fn((301, width), |(i, j)| ((i * (j + 3) + i * i * j) % 3) as f64 * 0.5);
        let model = Knn { n_neighbors: 7, ..Knn::default() }.fit(&training(x.clone(), vec![0; 301], 1)).unwrap();
        let asked = &x + 0.25;
        for (row, found) in asked.outer_iter().zip(model.neighbors(asked.view())).step_by(10) {
            let mut all: Vec<(f64, u32)> = x
                .outer_iter()
                .zip(0..)
                .map(|(other, i)| (other.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum(), i))
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            assert_eq!(found, all[..7], "{width} columns");
        }
    }
}

#[test]
fn rows_at_distance_0_alone_decide_where_distance_weighs() {
    let data = training(array![[1.0], [1.0], [1.5], [1.0], [9.0]], vec![0, 1, 2, 1, 2], 3);
    let model = with(Weights::Distance).fit(&data).unwrap();
    assert!(gap(&model.predict_proba(array![[1.0]].view()), &[1.0 / 3.0, 2.0 / 3.0, 0.0]) < 1e-15);
    // infinitely far from all: all count the same
    let far = model.predict_proba(array![[1e200]].view());
    assert!(gap(&far, &[0.2, 0.4, 0.4]) < 1e-15);
}

#[test]
fn the_same_on_any_threads_after_storing_and_for_each_row_alone() {
    for width in [3, NARROW + 4] {
        let (x, y) = made_up(700, width, 3);
        let data = training(x.clone(), y, 3);
        let (model, all) = on_any_threads(|| {
            let model = with(Weights::Distance).fit(&data).unwrap();
            let all = model.predict_proba((&x + 0.05).view());
            (model, all)
        });
        let moved = &x + 0.05;
        assert_eq!(stored(&model).predict_proba(moved.slice(s![300..303, ..])), all.slice(s![300..303, ..]));
        assert!(all.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12));
    }
}

#[test]
fn small_and_uneven_training_parts() {
    let one = Knn { n_neighbors: 1, ..Knn::default() }.fit(&training(array![[2.0, 3.0]], vec![1], 3)).unwrap();
    assert_eq!(one.predict_proba(array![[7.0, 0.0]].view()), array![[0.0, 1.0, 0.0]]);
    let few = training(array![[2.0], [3.0]], vec![0, 0], 1);
    assert_eq!(
        Knn::default().fit(&few).unwrap_err().to_string(),
        "n_neighbors: expected 1 to 2 neighbours for as many training rows, got 5"
    );
    assert!(Knn { n_neighbors: 0, ..Knn::default() }.fit(&few).is_err());
    let constant = training(Array2::from_elem((9, 2), 4.0), vec![2, 0, 0, 2, 2, 1, 1, 1, 1], 3);
    let p = Knn::default().fit(&constant).unwrap().predict_proba(array![[4.0, 4.0]].view());
    assert!(gap(&p, &[0.4, 0.0, 0.6]) < 1e-15); // the five lowest rows
}

#[test]
fn a_broken_file_is_refused() {
    let spec = Knn { n_neighbors: 3, ..Knn::default() };
    let stored = postcard::to_stdvec(&(spec, array![[1.0], [2.0]], vec![0_u32, 1], 2_usize)).unwrap();
    assert!(postcard::from_bytes::<KnnModel>(&stored).is_err());
}
