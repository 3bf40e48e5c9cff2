//! Against `LogisticRegression(tol=1e-12, solver="newton-cholesky", …)` of scikit-learn 1.9.1 on `made_up(60, 4, 3)`, and
//! the rules that it has no figure for.

use std::collections::BTreeMap;

use ndarray::{Array2, array, s};

use super::*;
use crate::ml::made_up::{gap, made_up, on_any_threads, stored, training};

fn fitted(spec: &LogisticRegression, x: Array2<f64>, y: Vec<u32>) -> LogisticRegressionModel {
    let classes = *y.iter().max().unwrap() as usize + 1;
    let (model, warnings) = spec.fit(&training(x, y, classes), Progress::none()).unwrap();
    assert_eq!(warnings, []);
    model
}

#[test]
fn several_classes_have_the_coefficients_of_scikit_learn() {
    let (x, y) = made_up(60, 4, 3);
    let spec = LogisticRegression::default();
    let model = fitted(&spec, x.clone(), y.clone());
    let coef = [
        0.1271714620788088,
        -0.2905331073505997,
        -0.7132483372044641,
        0.2797866594022206,
        -0.013934545714832245,
        0.024190518557727924,
        0.06124419793389849,
        -0.0737172010364713,
        -0.11323691636397383,
        0.2663425887928688,
        0.6520041392705627,
        -0.2060694583657519,
    ];
    assert!(gap(model.coef(), &coef) < 1e-9, "{}", model.coef());
    assert!(gap(model.intercept(), &[2.6506184886731616, 0.379850047713683, -3.0304685363868447]) < 1e-8);
    let p = model.predict_proba(x.slice(s![..1, ..]));
    assert!(gap(&p, &[0.4019645467925396, 0.42292354895319917, 0.17511190425426115]) < 1e-9);

    let loose = fitted(&LogisticRegression { C: 10.0, ..spec.clone() }, x.clone(), y.clone());
    let coef = [0.13639728396020773, -0.30718927861143014, -0.7688434742609809, 0.3118923633153649];
    assert!(gap(loose.coef().row(0), &coef) < 1e-9, "{}", loose.coef());

    let through_zero = fitted(&LogisticRegression { fit_intercept: false, ..spec.clone() }, x.clone(), y.clone());
    let coef = [0.284737993485824, -0.0807697091082789, -0.48148114683371485, 0.3896817185687544];
    assert!(gap(through_zero.coef().row(0), &coef) < 1e-9, "{}", through_zero.coef());
    assert_eq!(through_zero.intercept().to_vec(), [0.0; 3]);

    let named = [("a", 2.0), ("c", 0.5)].map(|(name, weight)| (name.to_owned(), weight));
    let class_weight = ClassWeight::Map(BTreeMap::from(named));
    let weighted = fitted(&LogisticRegression { class_weight, ..spec }, x, y);
    let coef = [0.17444710666712138, -0.3310078733412115, -0.7428348259179961, 0.3034341359019145];
    assert!(gap(weighted.coef().row(0), &coef) < 1e-9, "{}", weighted.coef());
    assert!(gap(weighted.intercept(), &[3.342807830435777, 0.4040602143970422, -3.746868044832818]) < 1e-8);
}

#[test]
fn two_classes_have_the_one_vector_of_scikit_learn() {
    let (x, y) = made_up(60, 4, 3);
    let y: Vec<u32> = y.iter().map(|&y| u32::from(y == 1)).collect();
    let model = fitted(&LogisticRegression::default(), x.clone(), y.clone());
    let coef = [-0.00940108557454746, 0.05955444119700291, -0.03646702006546143, -0.040308040784711126];
    assert!(gap(model.coef(), &coef) < 1e-9, "{}", model.coef());
    assert!(gap(model.intercept(), &[-0.6003395001077788]) < 1e-9);
    let p = model.predict_proba(x.slice(s![..1, ..]));
    assert!(gap(&p, &[0.7170602262529245, 0.28293977374707546]) < 1e-9);
    let class_weight = ClassWeight::Rule(Balanced::Balanced);
    let model = fitted(&LogisticRegression { class_weight, ..LogisticRegression::default() }, x, y);
    let coef = [-0.009335769066131072, 0.05728718459027896, -0.036580180887259874, -0.038688242356069345];
    assert!(gap(model.coef(), &coef) < 1e-9, "{}", model.coef());
    assert!(gap(model.intercept(), &[0.09641645492201613]) < 1e-9);
}

/// The columns times (1, 1000, 1, 0.01) and plus (0, 5000, 0, 3).
#[test]
fn columns_of_very_different_scales_do_no_harm() {
    let (x, y) = made_up(60, 4, 3);
    let x = x * array![1.0, 1000.0, 1.0, 0.01] + array![0.0, 5000.0, 0.0, 3.0];
    let model = fitted(&LogisticRegression::default(), x, y);
    let coef = [0.15019525188688335, -0.00031628855780155805, -0.583863811475445, 0.0700946667006006];
    assert!(gap(model.coef().row(0), &coef) < 1e-9, "{}", model.coef());
    assert!(gap(model.intercept(), &[4.374457387126407, 0.19214734333766081, -4.566604730464068]) < 1e-7);
    assert!(model.n_iter() < 15, "{}", model.n_iter());
}

#[test]
fn the_same_on_any_threads_after_storing_and_for_each_row_alone() {
    let (x, y) = made_up(3000, 5, 3);
    let data = training(x.clone(), y, 3);
    let (model, all) = on_any_threads(|| {
        let (model, _) = LogisticRegression::default().fit(&data, Progress::none()).unwrap();
        let all = model.predict_proba(x.view());
        (model, all)
    });
    assert_eq!(stored(&model).predict_proba(x.slice(s![300..303, ..])), all.slice(s![300..303, ..]));
    assert!(all.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12));
}

#[test]
fn absent_classes_one_class_one_row_and_constant_columns() {
    let fit = |x, y, classes| LogisticRegression::default().fit(&training(x, y, classes), Progress::none()).unwrap().0;
    let model = fit(array![[0.0, 7.0], [1.0, 7.0], [5.0, 7.0], [6.0, 7.0]], vec![0, 0, 2, 2], 4);
    assert_eq!(model.coef().dim(), (1, 2));
    assert_eq!(model.coef()[[0, 1]], 0.0);
    let p = model.predict_proba(array![[3.0, 7.0], [1e308, 1e308]].view());
    assert!(gap(p.row(0), &[0.5, 0.0, 0.5, 0.0]) < 1e-9, "{p}");
    assert!(gap(p.row(1), &[0.0, 0.0, 1.0, 0.0]) < 1e-9, "{p}");
    let one = fit(array![[2.0, 3.0]], vec![1], 2);
    assert_eq!(one.predict_proba(array![[7.0, 0.0]].view()), array![[0.0, 1.0]]);
}

#[test]
fn a_fit_that_stops_early_says_so() {
    let (x, y) = made_up(60, 4, 3);
    let data = training(x, y, 3);
    let (model, warnings) =
        LogisticRegression { max_iter: 1, ..LogisticRegression::default() }.fit(&data, Progress::none()).unwrap();
    assert_eq!((model.n_iter(), warnings.len(), warnings[0].code), (1, 1, Code::R02));
    let told = |spec: LogisticRegression| spec.fit(&data, Progress::none()).unwrap_err().to_string();
    let none = LogisticRegression { C: 0.0, ..LogisticRegression::default() };
    assert_eq!(told(none), "C: expected a number above 0, got 0");
    let class_weight = ClassWeight::Map(BTreeMap::from([("z".to_owned(), 1.0)]));
    assert!(told(LogisticRegression { class_weight, ..LogisticRegression::default() }).contains("unknown class"));
}
