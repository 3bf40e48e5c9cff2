//! Every kernel of `ml` by itself, on rows made here: `just bench`, or `just bench forest` for those of that name.

#![allow(missing_docs, clippy::expect_used)]

use divan::{Bencher, black_box};
use ndarray::{Array2, ArrayView2};
use runner::digest::Seed;
use runner::ml::dbscan::Dbscan;
use runner::ml::forest::{DecisionTree, RandomForest, SplitMode};
use runner::ml::gaussian_mixture::GaussianMixture;
use runner::ml::gaussian_nb::GaussianNb;
use runner::ml::kmeans::KMeans;
use runner::ml::knn::Knn;
use runner::ml::logistic_regression::LogisticRegression;
use runner::ml::metrics::clustering::{calinski_harabasz, davies_bouldin, silhouette};
use runner::ml::metrics::{ConfusionMatrix, ranking};
use runner::ml::mlp::Mlp;
use runner::ml::random::Rng;
use runner::ml::smote::Smote;
use runner::ml::{Dataset, Numerics, Part, Progress, Role, Training};

const CLASSES: u32 = 5;

fn main() {
    divan::main();
}

/// Classes of very different sizes, each a cloud around three centres of its own; every third column is mostly zeros.
fn data(rows: usize, width: usize) -> Training<Dataset> {
    let mut rng = Rng::new(Seed::new(1));
    let centers = Array2::from_shape_fn((3 * CLASSES as usize, width), |_| 3.0 * rng.normal());
    let y: Vec<u32> = (0..rows).map(|_| (rng.uniform().powi(2) * f64::from(CLASSES)) as u32).collect();
    let mut x = Array2::zeros((rows, width));
    for (mut row, &class) in x.outer_iter_mut().zip(&y) {
        let center = centers.row(3 * class as usize + rng.index(3));
        for (j, (v, c)) in row.iter_mut().zip(center).enumerate() {
            let noise = rng.normal();
            *v = if j % 3 == 2 && rng.uniform() < 0.7 { 0.0 } else { c + noise };
        }
    }
    let names = |n: usize| (0..n).map(|i| i.to_string()).collect();
    let data = Dataset::new(x, y, names(CLASSES as usize), names(width), (0..rows as u64).collect());
    Training::new(Part::first(Role::Train), data.expect("sound rows")).expect("a training part")
}

fn labels(train: &Training<Dataset>) -> Vec<i32> {
    train.get().y().iter().map(|&class| class as i32).collect()
}

fn x(train: &Training<Dataset>) -> ArrayView2<'_, f64> {
    train.get().x().view()
}

mod forest {
    use super::*;

    fn fit(bencher: Bencher, rows: usize, forest: RandomForest) {
        let train = data(rows, 20);
        bencher.bench(|| forest.fit(black_box(&train), Seed::new(1), Progress::none()));
    }

    #[divan::bench(args = [500, 5000])]
    fn exact(bencher: Bencher, rows: usize) {
        fit(bencher, rows, RandomForest { n_estimators: 20, split_mode: SplitMode::Exact, ..RandomForest::default() });
    }

    #[divan::bench(args = [5000, 30_000])]
    fn histogram(bencher: Bencher, rows: usize) {
        fit(
            bencher,
            rows,
            RandomForest { n_estimators: 20, split_mode: SplitMode::Histogram, ..RandomForest::default() },
        );
    }

    #[divan::bench]
    fn decision_tree(bencher: Bencher) {
        let (train, tree) = (data(5000, 20), DecisionTree::default());
        bencher.bench(|| tree.fit(black_box(&train), Seed::new(1), Progress::none()));
    }

    #[divan::bench(args = [1, 5000])]
    fn predict(bencher: Bencher, rows: usize) {
        let (train, forest) = (data(5000, 20), RandomForest::default());
        let (model, _) = forest.fit(&train, Seed::new(1), Progress::none()).expect("a forest");
        let x = x(&train);
        bencher.bench(|| model.predict_proba(black_box(x.slice(ndarray::s![..rows, ..]))));
    }

    #[divan::bench]
    fn predict_row(bencher: Bencher) {
        let (train, forest) = (data(5000, 20), RandomForest::default());
        let (model, _) = forest.fit(&train, Seed::new(1), Progress::none()).expect("a forest");
        let row = x(&train).row(17).to_vec();
        let mut shares = vec![0.0; CLASSES as usize];
        bencher.bench_local(|| model.predict_proba_row(black_box(&row), &mut shares));
    }
}

mod clustering {
    use super::*;

    #[divan::bench]
    fn kmeans(bencher: Bencher) {
        let (train, kind) = (data(10_000, 20), KMeans { n_init: 2, ..KMeans::default() });
        bencher.bench(|| kind.fit(black_box(&train), Seed::new(1), Progress::none()));
    }

    #[divan::bench]
    fn dbscan(bencher: Bencher) {
        let (train, kind) = (data(10_000, 6), Dbscan { eps: 0.8, min_samples: 5 });
        bencher.bench(|| kind.fit(black_box(&train), Progress::none()));
    }

    #[divan::bench]
    fn gaussian_mixture(bencher: Bencher) {
        let (train, kind) = (data(2000, 10), GaussianMixture { n_components: 5, ..GaussianMixture::default() });
        bencher.bench(|| kind.fit(black_box(&train), Seed::new(1), Progress::none()));
    }
}

mod supervised {
    use super::*;

    #[divan::bench]
    fn mlp_five_epochs(bencher: Bencher) {
        let (train, kind) = (data(5000, 20), Mlp { max_iter: 5, ..Mlp::default() });
        bencher.bench(|| kind.fit(black_box(&train), Seed::new(1), Numerics::detect(), Progress::none()));
    }

    #[divan::bench]
    fn knn(bencher: Bencher) {
        let train = data(3000, 10);
        let model = Knn::default().fit(&train).expect("a model");
        bencher.bench(|| model.predict_proba(black_box(x(&train))));
    }

    #[divan::bench]
    fn gaussian_nb(bencher: Bencher) {
        let train = data(5000, 20);
        bencher.bench(|| GaussianNb::default().fit(black_box(&train)));
    }

    #[divan::bench(max_time = 2)]
    fn logistic_regression(bencher: Bencher) {
        let train = data(5000, 20);
        bencher.bench(|| LogisticRegression::default().fit(black_box(&train), Progress::none()));
    }

    #[divan::bench]
    fn smote(bencher: Bencher) {
        let train = data(5000, 20);
        bencher.bench(|| Smote::default().resample(black_box(&train), Seed::new(1), Progress::none()));
    }
}

mod metrics {
    use super::*;

    #[divan::bench]
    fn silhouette_coefficient(bencher: Bencher) {
        let train = data(3000, 20);
        let labels = labels(&train);
        bencher.bench(|| silhouette(black_box(x(&train)), &labels));
    }

    #[divan::bench]
    fn calinski_harabasz_and_davies_bouldin(bencher: Bencher) {
        let train = data(10_000, 20);
        let labels = labels(&train);
        bencher.bench(|| (calinski_harabasz(black_box(x(&train)), &labels), davies_bouldin(x(&train), &labels)));
    }

    #[divan::bench]
    fn roc_auc_one_vs_rest(bencher: Bencher) {
        let train = data(10_000, CLASSES as usize);
        let names: Vec<String> = train.get().classes().to_vec();
        bencher.bench(|| ranking::one_vs_rest(train.get().y(), black_box(x(&train)), &names));
    }

    #[divan::bench]
    fn confusion_matrix(bencher: Bencher) {
        let train = data(10_000, 2);
        let predicted: Vec<u32> = train.get().y().iter().map(|&class| (class + class % 2) % CLASSES).collect();
        bencher.bench(|| ConfusionMatrix::new(black_box(train.get().y()), &predicted, CLASSES as usize));
    }
}
