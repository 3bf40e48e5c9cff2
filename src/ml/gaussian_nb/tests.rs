//! Against `GaussianNB` of scikit-learn 1.9.1, and the rules that it has no figure for.

use ndarray::{Array2, array, s};

use super::*;
use crate::ml::made_up::{gap, made_up, on_any_threads, stored, training};

/// Every thirteenth row of the 60, moved by 0.1.
fn asked() -> Array2<f64> {
    made_up(60, 4, 3).0.slice(s![..;13, ..]).to_owned() + 0.1
}

fn fitted(spec: &GaussianNb) -> GaussianNbModel {
    let (x, y) = made_up(60, 4, 3);
    spec.fit(&training(x, y, 3)).unwrap()
}

/// `GaussianNB(…).fit(x, y).predict_proba(asked)` on `made_up(60, 4, 3)`, `var_[1]` and `theta_[1]`.
#[test]
fn probabilities_are_those_of_scikit_learn() {
    let model = fitted(&GaussianNb::default());
    let expected = [
        0.22690366615474822,
        0.4948484178943574,
        0.27824791595089426,
        0.43591478802609945,
        0.45371044879588207,
        0.11037476317801836,
        0.0006565101235498832,
        0.14293058248727977,
        0.8564129073891702,
        0.5479801284159737,
        0.4132118915064766,
        0.038807980077549126,
        0.11821406672391552,
        0.47965187432807377,
        0.4021340589480115,
    ];
    assert!(gap(&model.predict_proba(asked().view()), &expected) < 1e-12);
    let variances = [3.166389496125108, 2.857385444825108, 3.069207835725107, 2.870844170825108];
    assert!(gap(model.variances().row(1), &variances) < 1e-12);
    assert!(gap(model.means().row(1), &[2.86234, 3.6484699999999988, 4.3471, 2.8457300000000005]) < 1e-12);

    let smooth = fitted(&GaussianNb { var_smoothing: 0.01, ..GaussianNb::default() });
    let expected = [0.230493163416637, 0.48975320666584454, 0.2797536299175191, 0.4361198858927107];
    assert!(gap(smooth.predict_proba(asked().view()).iter().take(4), &expected) < 1e-12);

    let told = fitted(&GaussianNb { priors: Some(vec![0.2, 0.5, 0.3]), ..GaussianNb::default() });
    let expected = [0.12060384715581952, 0.6575546350618235, 0.2218415177823563, 0.2511387128629533];
    assert!(gap(told.predict_proba(asked().view()).iter().take(4), &expected) < 1e-12);
}

#[test]
fn the_same_on_any_threads_after_storing_and_for_each_row_alone() {
    let (x, y) = made_up(700, 5, 3);
    let data = training(x.clone(), y, 3);
    let (model, all) = on_any_threads(|| {
        let model = GaussianNb::default().fit(&data).unwrap();
        let all = model.predict_proba(x.view());
        (model, all)
    });
    let model = stored(&model);
    assert_eq!(model.predict_proba(x.slice(s![300..303, ..])), all.slice(s![300..303, ..]));
    assert!(all.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12));
}

#[test]
fn a_class_without_a_row_has_probability_0() {
    let data = training(array![[0.0], [1.0], [5.0], [6.0]], vec![0, 0, 2, 2], 4);
    let priors = Some(vec![0.25; 4]);
    for spec in [GaussianNb::default(), GaussianNb { priors, ..GaussianNb::default() }] {
        let p = spec.fit(&data).unwrap().predict_proba(array![[3.0]].view());
        assert_eq!(p, array![[0.5, 0.0, 0.5, 0.0]]);
    }
}

#[test]
fn one_row_one_class_and_constant_columns_are_judged() {
    let one = GaussianNb::default().fit(&training(array![[2.0, 3.0]], vec![1], 2)).unwrap();
    assert_eq!(one.predict_proba(array![[7.0, 0.0]].view()), array![[0.0, 1.0]]);
    // 0.1 has no exact sum: its mean is corrected, and the column says nothing
    let x = Array2::from_shape_fn((30, 2), |(i, j)| if j == 0 { 0.1 } else { (i % 7) as f64 });
    let y: Vec<u32> = (0..30).map(|i| u32::from(i % 7 > 3)).collect();
    let model = GaussianNb::default().fit(&training(x.clone(), y, 2)).unwrap();
    assert_eq!(model.means().column(0).to_vec(), [0.1, 0.1]);
    let p = model.predict_proba(x.view());
    assert!(p.row(0)[0] > 0.5 && p.row(6)[1] > 0.5);
    // no density can be told from 0: the priors
    let far = model.predict_proba(array![[1e200, 1e200]].view());
    assert!(gap(&far, &[18.0 / 30.0, 12.0 / 30.0]) < 1e-12);
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let data = training(array![[0.0, 1.0], [1.0, 1.0], [2.0, 5.0]], vec![0, 0, 1], 2);
    let told = |spec: GaussianNb| spec.fit(&data).unwrap_err().to_string();
    let priors = |priors: &[f64]| told(GaussianNb { priors: Some(priors.to_vec()), ..GaussianNb::default() });
    assert_eq!(priors(&[1.0]), "priors: expected 2 numbers, one per class, got 1");
    assert_eq!(priors(&[0.5, 0.6]), "priors: expected numbers that add up to 1, got a sum of 1.1");
    assert_eq!(priors(&[1.5, -0.5]), "priors: expected numbers of at least 0, got -0.5");
    assert_eq!(
        told(GaussianNb { var_smoothing: 0.0, priors: None }),
        "var_smoothing: expected a number above 0, as column f1 is constant in class a, got 0"
    );
    let huge = training(array![[1e200], [-1e200]], vec![0, 0], 1);
    assert!(GaussianNb::default().fit(&huge).unwrap_err().to_string().contains("scale the columns"));
}
