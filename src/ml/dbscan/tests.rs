//! Against the definition written out, on made-up rows with ties and distances of exactly `eps`.

use ndarray::array;

use super::*;
use crate::digest::Seed;
use crate::ml::random::Rng;
use crate::ml::{Part, Role};

fn training(x: Array2<f64>) -> Training<Dataset> {
    let (rows, width) = x.dim();
    let features = (0..width).map(|i| format!("f{i}")).collect();
    let data = Dataset::new(x, vec![0; rows], vec!["a".into()], features, (0..rows as u64).collect()).unwrap();
    Training::new(Part::first(Role::Train), data).unwrap()
}

fn fitted(x: Array2<f64>, eps: f64, min_samples: usize) -> DbscanModel {
    Dbscan { eps, min_samples }.fit(&training(x), Progress::none()).unwrap().0
}

/// The definition, written out: all neighbourhoods, then clusters grown from the lowest core row.
fn by_definition(x: &Array2<f64>, eps: f64, min_samples: usize) -> Vec<i32> {
    let near =
        |a: usize, b: usize| x.row(a).iter().zip(x.row(b)).map(|(p, q)| (p - q) * (p - q)).sum::<f64>() <= eps * eps;
    let rows = x.nrows();
    let around: Vec<Vec<usize>> = (0..rows).map(|a| (0..rows).filter(|&b| near(a, b)).collect()).collect();
    let mut labels = vec![NOISE; rows];
    let mut next = 0;
    for start in 0..rows {
        if labels[start] != NOISE || around[start].len() < min_samples {
            continue;
        }
        let mut stack = vec![start];
        while let Some(row) = stack.pop() {
            if labels[row] == NOISE {
                labels[row] = next;
                if around[row].len() >= min_samples {
                    stack.extend(&around[row]);
                }
            }
        }
        next += 1;
    }
    labels
}

#[test]
fn agrees_with_the_definition_on_grids_and_clouds() {
    let mut rng = Rng::new(Seed::new(5));
    for (rows, width, eps, min_samples) in
        [(1, 1, 0.5, 1), (60, 2, 0.5, 3), (300, 2, 0.5, 5), (700, 3, 1.0, 12), (900, 2, 0.05, 4), (500, 5, 0.6, 3)]
    {
        let coarse = Array2::from_shape_fn((rows, width), |_| rng.below(12) as f64 * 0.5);
        let cloud = Array2::from_shape_fn((rows, width), |_| rng.normal());
        for x in [coarse, cloud] {
            let expected = by_definition(&x, eps, min_samples);
            let found = Dbscan { eps, min_samples }.labels(x.view());
            assert_eq!(found, expected, "{rows} x {width}, eps {eps}, min_samples {min_samples}");
        }
    }
}

#[test]
fn a_distance_of_exactly_eps_is_within_and_a_border_row_takes_the_lowest_cluster() {
    // Row 6, at 1.5 from both, is in reach of a core row of either cluster, and no core row itself.
    let model = fitted(array![[8.0], [8.0], [7.5], [4.5], [4.0], [4.0], [6.0], [20.0]], 1.5, 4);
    assert_eq!(model.labels(), [0, 0, 0, 1, 1, 1, 0, -1]);
    assert_eq!((model.n_clusters(), model.n_noise()), (2, 1));
    // Cores 7.5 (row 2) and 4.5 (row 3) are equally near to 6: the lower core row.
    assert_eq!(model.assign(array![[6.0], [5.9], [6.1], [3.0], [2.99], [20.0]].view()), [0, 1, 0, 1, -1, -1]);
}

#[test]
fn no_core_row_means_all_noise() {
    let model = fitted(array![[0.0, 0.0], [5.0, 5.0]], 0.5, 2);
    assert_eq!(model.labels(), [-1, -1]);
    assert_eq!(model.n_clusters(), 0);
    assert_eq!(model.assign(array![[0.0, 0.0]].view()), [-1]);
    let back: DbscanModel = postcard::from_bytes(&postcard::to_stdvec(&model).unwrap()).unwrap();
    assert_eq!(back, model);
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let x = training(array![[0.0]]);
    for (eps, min_samples, name) in [(0.0, 5, "eps"), (f64::NAN, 5, "eps"), (0.5, 0, "min_samples")] {
        let error = Dbscan { eps, min_samples }.fit(&x, Progress::none()).unwrap_err();
        assert!(error.to_string().starts_with(name), "{error}");
    }
}

#[test]
fn the_same_labels_on_any_number_of_threads_and_after_storing() {
    let mut rng = Rng::new(Seed::new(11));
    let x = Array2::from_shape_fn((3000, 3), |_| rng.normal());
    let one = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| postcard::to_stdvec(&fitted(x.clone(), 0.3, 6)).unwrap())
    };
    let bytes = one(1);
    assert_eq!(bytes, one(2));
    assert_eq!(bytes, one(8));
    let model: DbscanModel = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(model, fitted(x.clone(), 0.3, 6));
    let core: Vec<i32> = model.assign(model.core().view());
    assert_eq!(core, model.core_labels);
}
