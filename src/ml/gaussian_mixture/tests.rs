//! Against `GaussianMixture(3, …)` of scikit-learn 1.9.1 on the first three columns of `made_up(60, 4, 3)`, its
//! `_initialize` called with the shares of [`start`], and the rules that it has no figure for.

use ndarray::{Array2, array, s};

use super::*;
use crate::ml::made_up::{gap, made_up, on_any_threads, stored, training};

fn rows() -> Array2<f64> {
    made_up(60, 4, 3).0.slice(s![.., ..3]).as_standard_layout().into_owned()
}

/// Rows 0 to 19 in the first component, 20 to 39 in the second, the others in the third.
fn start() -> Array2<f64> {
    Array2::from_shape_fn((60, 3), |(i, k)| f64::from(u8::from(i / 20 == k)))
}

fn three(covariance_type: CovarianceType) -> GaussianMixture {
    GaussianMixture { n_components: 3, covariance_type, ..GaussianMixture::default() }
}

#[test]
fn parameters_from_the_same_start_are_those_of_scikit_learn() {
    let x = rows();
    let cases = [
        (
            CovarianceType::Full,
            31,
            -5.833743927799711,
            [0.2268554380793323, 0.4688495309773436, 0.30429503094332405],
            [3.6278953602047586, 4.435241699907512, 2.517217912452668],
            vec![
                1.8807117237884976,
                -0.600245555939023,
                0.1742790874987129,
                -0.600245555939023,
                2.0295944997512687,
                0.6321730795636026,
                0.17427908749871288,
                0.6321730795636025,
                1.176470181735971,
            ],
            [2, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 0, 0, 0, 1, 0, 2, 0, 1],
        ),
        (
            CovarianceType::Diag,
            34,
            -5.92756373232863,
            [0.44780245794619594, 0.3130002321805061, 0.239197309873298],
            [2.7637200991931703, 3.0479975402121537, 2.700153767616871],
            vec![1.759524567094031, 3.236916493556154, 1.4724272095698951],
            [2, 2, 0, 1, 2, 0, 1, 2, 0, 1, 0, 0, 1, 1, 0, 0, 1, 2, 0, 0],
        ),
        (
            CovarianceType::Spherical,
            28,
            -6.044831670058119,
            [0.3269635115161818, 0.29611619549892554, 0.37692029298489255],
            [2.5003150066389046, 2.083764666071055, 2.930879924331782],
            vec![2.1045776673481154],
            [0, 2, 1, 1, 0, 1, 0, 2, 0, 1, 0, 1, 1, 1, 1, 0, 1, 2, 1, 1],
        ),
    ];
    for (kind, n_iter, bound, weights, mean, covariance, labels) in cases {
        let (model, converged) = three(kind).iterate(&x, start()).unwrap();
        assert!(converged);
        assert_eq!(model.n_iter(), n_iter);
        assert!((model.lower_bound() - bound).abs() < 1e-10, "{}", model.lower_bound());
        assert!(gap(model.weights(), &weights) < 1e-8, "{:?}", model.weights());
        assert!(gap(model.means().row(0), &mean) < 1e-8, "{}", model.means());
        assert!(gap(&model.covariances()[0], &covariance) < 1e-8, "{:?}", model.covariances()[0]);
        assert_eq!(model.assign(x.slice(s![..20, ..])), labels);
    }
    let spec = GaussianMixture { max_iter: 3, tol: 0.0, ..three(CovarianceType::Full) };
    let (model, converged) = spec.iterate(&x, start()).unwrap();
    assert!(!converged);
    assert!((model.lower_bound() + 6.068772432549481).abs() < 1e-12);
    assert!(gap(model.means().row(0), &[3.045377683562352, 3.712778613188783, 3.740151400794885]) < 1e-12);
}

#[test]
fn the_same_on_any_threads_after_storing_and_for_each_row_alone() {
    let (x, y) = made_up(1500, 4, 3);
    let data = training(x.clone(), y, 3);
    for kind in [CovarianceType::Full, CovarianceType::Diag, CovarianceType::Spherical] {
        let (model, all) = on_any_threads(|| {
            let spec = GaussianMixture { n_init: 2, max_iter: 20, ..three(kind) };
            let (model, _) = spec.fit(&data, Seed::new(5), Progress::none()).unwrap();
            let all = model.shares(x.view());
            (model, all)
        });
        let model = stored(&model);
        assert_eq!(model.shares(x.slice(s![300..303, ..])), all.slice(s![300..303, ..]));
        assert_eq!(model.assign(x.slice(s![300..303, ..])), model.assign(x.view())[300..303]);
        assert!(all.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12));
    }
}

#[test]
fn separate_clouds_one_row_and_constant_columns() {
    let (x, _) = made_up(90, 2, 1);
    let x = Array2::from_shape_fn((90, 3), |(i, j)| if j < 2 { x[[i, j]] + (i % 3) as f64 * 100.0 } else { 0.1 });
    let data = training(x.clone(), vec![0; 90], 1);
    for kind in [CovarianceType::Full, CovarianceType::Diag] {
        let (model, warnings) = three(kind).fit(&data, Seed::new(1), Progress::none()).unwrap();
        assert_eq!(warnings, []);
        let labels = model.assign(x.view());
        assert!((0..90).all(|i| labels[i] == labels[i % 3]));
        assert_ne!(labels[0], labels[1]);
        assert_ne!(labels[1], labels[2]);
        let far = model.shares(array![[1e200, 0.0, 0.0]].view());
        assert!(gap(&far, model.weights()) < 1e-15);
    }
    let one = training(array![[2.0, 3.0]], vec![0], 1);
    let (model, _) = GaussianMixture::default().fit(&one, Seed::new(1), Progress::none()).unwrap();
    assert!(gap(model.means(), &[2.0, 3.0]) < 1e-13);
    assert_eq!(model.assign(array![[9.0, 9.0]].view()), [0]);
    let told = |spec: GaussianMixture| spec.fit(&one, Seed::new(1), Progress::none()).unwrap_err().to_string();
    assert_eq!(
        told(three(CovarianceType::Full)),
        "n_components: expected at most 1 components for 1 training rows, got 3"
    );
    let flat = training(array![[1.0, 0.0], [2.0, 0.0], [4.0, 0.0]], vec![0; 3], 1);
    let none = GaussianMixture { reg_covar: 0.0, ..GaussianMixture::default() };
    let error = none.fit(&flat, Seed::new(1), Progress::none()).unwrap_err().to_string();
    assert!(error.contains("raise reg_covar"), "{error}");
}

#[test]
fn a_fit_that_stops_early_says_so() {
    let data = training(rows(), vec![0; 60], 1);
    let spec = GaussianMixture { max_iter: 2, tol: 0.0, ..three(CovarianceType::Full) };
    let (model, warnings) = spec.fit(&data, Seed::new(1), Progress::none()).unwrap();
    assert_eq!((model.n_iter(), warnings.len(), warnings[0].code), (2, 1, Code::R02));
}
