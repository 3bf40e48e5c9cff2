//! Against scikit-learn 1.9.1 from the same first centres, and the rules that it has no figure for.

use ndarray::{Array2, array, s};

use super::*;
use crate::ml::{Part, Role};

fn training(x: Array2<f64>) -> Training<Dataset> {
    let (rows, width) = x.dim();
    let features = (0..width).map(|i| format!("f{i}")).collect();
    let data = Dataset::new(x, vec![0; rows], vec!["a".into()], features, (0..rows as u64).collect()).unwrap();
    Training::new(Part::first(Role::Train), data).unwrap()
}

/// 60 rows on a lattice, 23 of them different.
fn lattice() -> Array2<f64> {
    Array2::from_shape_fn((60, 3), |(i, j)| ((i * (7 + 4 * j) + j * j * 5) % 23) as f64 * 0.25)
}

/// [`lattice`] with its rows moved a little, so that no row is equally near to two centres.
fn uneven() -> Array2<f64> {
    lattice() + Array2::from_shape_fn((60, 3), |(i, j)| ((i * i * (j + 3)) % 17) as f64 * 0.0137)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

fn from(x: &Array2<f64>, centers: Array2<f64>, max_iter: usize, tol: f64) -> Restart {
    let rows = Rows::new(x);
    lloyd(Level::best(), &rows, centers, max_iter, tol * rows.mean_variance())
}

/// `KMeans(k, init=X[:k], n_init=1, max_iter=…, tol=…).fit(X)` of scikit-learn 1.9.1 on [`uneven`].
#[test]
fn iterations_inertia_and_labels_are_those_of_scikit_learn() {
    let x = uneven();
    for (k, max_iter, tol, n_iter, inertia, labels) in [
        (4, 300, 0.0001, 4, 202.55028373827685, [0, 1, 2, 3, 0, 2, 3, 1, 2, 3, 0, 2, 3, 3, 1, 3, 3, 0, 1, 2]),
        (4, 2, 0.0, 2, 205.05783907139974, [0, 1, 2, 3, 0, 2, 3, 1, 2, 3, 0, 2, 3, 3, 1, 3, 3, 0, 1, 2]),
        (9, 300, 0.0, 4, 83.09260499062302, [0, 1, 8, 3, 4, 5, 6, 7, 8, 3, 4, 5, 3, 2, 5, 6, 5, 0, 1, 2]),
        (11, 300, 0.01, 5, 65.87674795809524, [0, 1, 8, 3, 4, 5, 6, 7, 8, 9, 10, 5, 3, 2, 5, 9, 5, 0, 1, 2]),
    ] {
        let run = from(&x, x.slice(s![..k, ..]).to_owned(), max_iter, tol);
        assert_eq!(run.n_iter, n_iter, "k = {k}");
        assert!(close(run.inertia, inertia), "k = {k}: {} {inertia}", run.inertia);
        let model = KMeansModel { centers: run.centers, inertia: run.inertia, n_iter };
        assert_eq!(model.assign(x.view())[..20], labels, "k = {k}");
    }
}

/// The same with `init` = the first three rows, (100, 100, 100) and (200, 200, 200), `tol=0`, after one iteration and
/// at the end.
#[test]
fn empty_clusters_take_the_farthest_rows_as_in_scikit_learn() {
    let x = lattice();
    let mut first = Array2::from_elem((5, 3), 100.0);
    first.slice_mut(s![..3, ..]).assign(&x.slice(s![..3, ..]));
    first.row_mut(4).fill(200.0);
    let run = from(&x, first.clone(), 1, 0.0);
    assert!(close(run.inertia, 243.3365156776094), "{}", run.inertia);
    assert_eq!(run.clusters_with_rows, 4); // two equal rows were the farthest
    assert_eq!(run.centers.row(3), array![5.25, 3.75, 4.75]);
    assert_eq!(run.centers.row(4), array![5.25, 3.75, 4.75]);
    let run = from(&x, first, 300, 0.0);
    assert_eq!(run.n_iter, 4);
    assert!(close(run.inertia, 183.76028383381328), "{}", run.inertia);
    let model = KMeansModel { centers: run.centers, inertia: run.inertia, n_iter: 4 };
    assert_eq!(model.assign(x.view())[..20], [0, 1, 2, 3, 0, 2, 3, 1, 2, 3, 0, 2, 1, 2, 4, 3, 1, 0, 1, 2]);
}

#[test]
fn separate_clouds_are_found_from_either_start() {
    let mut rng = Rng::new(Seed::new(3));
    let x = Array2::from_shape_fn((3000, 2), |(i, _)| (i % 5) as f64 * 20.0 + rng.normal());
    for init in [KMeansInit::PlusPlus, KMeansInit::Random] {
        let (model, warnings) = KMeans { n_clusters: 5, init, ..KMeans::default() }
            .fit(&training(x.clone()), Seed::new(1), Progress::none())
            .unwrap();
        assert_eq!(warnings, []);
        let labels = model.assign(x.view());
        assert!((0..3000).all(|i| labels[i] == labels[i % 5]));
        assert!((1.9..2.1).contains(&(model.inertia / 3000.0)), "{}", model.inertia);
    }
}

#[test]
fn greedy_seeding_takes_every_distinct_row_before_any_twice() {
    let x = Array2::from_shape_fn((40, 2), |(i, j)| ((i % 8) * (j + 1)) as f64);
    for seed in 0..20 {
        let rows = start::plus_plus(Level::best(), &Rows::new(&x), 8, &mut Rng::new(Seed::new(seed)));
        let mut kinds: Vec<usize> = rows.iter().map(|row| row % 8).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, (0..8).collect::<Vec<_>>());
    }
}

#[test]
fn more_clusters_than_rows_is_refused_with_both_numbers() {
    let train = training(array![[0.0], [1.0], [2.0]]);
    let error = KMeans { n_clusters: 4, ..KMeans::default() }.fit(&train, Seed::new(0), Progress::none()).unwrap_err();
    assert_eq!(error.to_string(), "n_clusters: expected at most 3 clusters for 3 training rows, got 4");
    for wrong in [
        KMeans { n_clusters: 0, ..KMeans::default() },
        KMeans { n_init: 0, ..KMeans::default() },
        KMeans { max_iter: 0, ..KMeans::default() },
        KMeans { tol: f64::NAN, ..KMeans::default() },
    ] {
        assert!(matches!(wrong.fit(&train, Seed::new(0), Progress::none()), Err(MlError::Parameter { .. })));
    }
}

#[test]
fn too_few_different_rows_and_no_convergence_are_warned_of() {
    let same = training(array![[1.0], [1.0], [5.0], [5.0], [5.0]]);
    let (model, warnings) =
        KMeans { n_clusters: 4, ..KMeans::default() }.fit(&same, Seed::new(0), Progress::none()).unwrap();
    assert_eq!(model.inertia, 0.0);
    assert_eq!(model.centers.dim(), (4, 1));
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, Code::R02);
    assert!(warnings[0].message.contains("found 2 clusters with a row, not the 4"), "{}", warnings[0].message);

    let short = KMeans { n_clusters: 4, max_iter: 1, tol: 0.0, ..KMeans::default() };
    let (_, warnings) = short.fit(&training(lattice()), Seed::new(0), Progress::none()).unwrap();
    assert!(warnings[0].message.contains("max_iter = 1"), "{warnings:?}");
}

#[test]
fn ties_go_to_the_lowest_centre_also_past_a_group_of_lanes() {
    let centers = Array2::from_shape_fn((19, 1), |(i, _)| [4.0, 0.0, 2.0][i % 3]);
    let model = KMeansModel { centers, inertia: 0.0, n_iter: 1 };
    assert_eq!(model.assign(array![[2.0], [1.0], [3.0], [9.0], [-1.0]].view()), [2, 1, 0, 0, 1]);
    let wide = KMeansModel { centers: Array2::from_shape_fn((19, 1), |(i, _)| i as f64), inertia: 0.0, n_iter: 1 };
    assert_eq!(wide.assign(array![[17.2], [8.5], [30.0]].view()), [17, 8, 18]);
    let columns = array![[17.2, 8.5, 30.0]]; // a view that is not row-major
    assert_eq!(wide.assign(columns.t()), [17, 8, 18]);
}

#[test]
fn the_same_bytes_on_any_number_of_threads_and_a_stated_seed_wins() {
    let mut rng = Rng::new(Seed::new(8));
    let train = training(Array2::from_shape_fn((5000, 4), |_| rng.normal()));
    let fit = |threads, params: &KMeans, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (model, _) = pool.install(|| params.fit(&train, Seed::new(seed), Progress::none()).unwrap());
        postcard::to_stdvec(&model).unwrap()
    };
    let derived = KMeans { n_clusters: 11, n_init: 3, ..KMeans::default() };
    let bytes = fit(1, &derived, 4);
    assert_eq!(bytes, fit(2, &derived, 4));
    assert_eq!(bytes, fit(8, &derived, 4));
    assert_ne!(bytes, fit(2, &derived, 5));
    assert_eq!(bytes, fit(2, &KMeans { random_state: Some(4), ..derived }, 5));
    let model: KMeansModel = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(postcard::to_stdvec(&model).unwrap(), bytes);
}
