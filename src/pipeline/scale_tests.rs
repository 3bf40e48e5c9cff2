//! `min_max`, `robust`, `log1p`, `quantile`, `pca`, and `select` without a forest. Figures come from scikit-learn 1.9.1 with NumPy 2.4.6, run once on
//! the same arrays (`MinMaxScaler`, `RobustScaler`, `QuantileTransformer(subsample=None)`, `PCA(svd_solver="full")`).

use serde_json::json;

use super::table::Table;
use super::*;
use crate::ml::{Column, Part, Role};
use crate::param::Parameter;

const NAN: f64 = f64::NAN;

fn frame(columns: Vec<Column>) -> Frame {
    let rows = columns.first().map_or(0, Column::len);
    Frame {
        row_ids: (0..rows as u64).collect(),
        columns,
        aside: Vec::new(),
        labels: Labels { codes: (0..rows as u32).map(|i| i % 2).collect(), classes: vec!["a".into(), "b".into()] },
        grouping: None,
        roles: None,
    }
}

fn read(steps: serde_json::Value) -> Vec<PrepareStep> {
    serde_json::from_value(Vec::<PrepareStep>::shape().read(&steps).unwrap()).unwrap()
}

fn fit(steps: serde_json::Value, frame: &Frame) -> Result<Pipeline, MlError> {
    let train = Training::new(Part::first(Role::Train), frame.clone()).unwrap();
    Pipeline::fit(&read(steps), &train, Seed::new(1), Progress::none()).map(|(p, _)| p)
}

fn message(steps: serde_json::Value, frame: &Frame) -> String {
    fit(steps, frame).unwrap_err().to_string()
}

/// The numbers that one step makes of `new`, fitted on `train`; missing values allowed.
fn mapped(step: serde_json::Value, train: &[f64], new: &[f64]) -> Vec<f64> {
    let (train, new) =
        (frame(vec![Column::number("x", train.to_vec())]), frame(vec![Column::number("x", new.to_vec())]));
    let none = Progress::none();
    let (fitted, _) =
        read(json!([step]))[0].fit(&Table::of(&train).unwrap(), &train.labels, Seed::new(1), none).unwrap();
    let mut table = Table::of(&new).unwrap();
    fitted.apply(&mut table, &mut Applied::default()).unwrap();
    table.columns[0].numbers().unwrap().to_vec()
}

#[track_caller]
fn close(got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= tolerance || g.is_nan() && w.is_nan(), "{got:?} instead of {want:?}");
    }
}

const TRAIN: [f64; 6] = [1.5, 2.25, NAN, -4.0, 10.0, 2.25];
const NEW: [f64; 9] = [1.5, 2.25, NAN, -4.0, 10.0, 2.25, -9.0, 20.0, 3.0];

#[test]
fn min_max_and_robust_agree_with_scikit_learn() {
    let want = [
        0.1785714285714285,
        0.3392857142857142,
        NAN,
        -1.0,
        2.0,
        0.3392857142857142,
        -2.071428571428571,
        4.142857142857142,
        0.4999999999999999,
    ];
    close(&mapped(json!({"min_max": {"feature_range": [-1, 2]}}), &TRAIN, &NEW), &want, 1e-14);
    let held: Vec<f64> = want.iter().map(|v| if v.is_nan() { *v } else { v.clamp(-1.0, 2.0) }).collect();
    close(&mapped(json!({"min_max": {"feature_range": [-1, 2], "clip": true}}), &TRAIN, &NEW), &held, 1e-14);
    let want = [-1.0, 0.0, NAN, -8.333333333333334, 10.333333333333334, 0.0, -15.0, 23.666666666666668, 1.0];
    close(&mapped(json!("robust"), &TRAIN, &NEW), &want, 1e-14);
    let want: Vec<f64> = NEW.iter().map(|v| (v - 2.25) / 5.600000000000001).collect();
    close(&mapped(json!({"robust": {"quantile_range": [10, 80]}}), &TRAIN, &NEW), &want, 1e-14);
    let plain = json!({"robust": {"with_centering": false, "with_scaling": false}});
    close(&mapped(plain, &TRAIN, &NEW), &NEW, 0.0);
    // Constant and empty columns come through.
    close(&mapped(json!("min_max"), &[7.0; 3], &[7.0, 8.0]), &[0.0, 1.0], 0.0);
    close(&mapped(json!("robust"), &[NAN; 3], &[7.0, NAN]), &[7.0, NAN], 0.0);
}

#[test]
fn quantile_agrees_with_scikit_learn_with_ties_and_beyond_the_range() {
    let smooth: Vec<f64> = (0..200_u32).map(|i| f64::from(i * i % 97) / 7.0 + f64::from(i % 13)).collect();
    let ties: Vec<f64> = (0..200_i32).map(|i| f64::from((i * 37 % 101 - 60).max(0)) / 3.0).collect();
    let new = [-1.0, 0.0, 0.1, 1.0, 2.5, 7.0, 9.3, 13.0, 20.0, 30.0];
    let step = |out: &str| json!({"quantile": {"n_quantiles": 17, "output_distribution": out}});
    let want = [
        0.0,
        0.0,
        0.0018666666666666645,
        0.018666666666666665,
        0.04666666666666667,
        0.19598765432098764,
        0.2986754966887417,
        0.5347222222222222,
        0.8892463235294117,
        1.0,
    ];
    close(&mapped(step("uniform"), &smooth, &new), &want, 1e-12);
    let want = [
        -5.199337582605575,
        -5.199337582605575,
        -2.8998566679051465,
        -2.0821000352593475,
        -1.678070518220909,
        -0.8560406254038082,
        -0.5282137407930256,
        0.08714588195686,
        1.2225297704117786,
        5.19933758270342,
    ];
    close(&mapped(step("normal"), &smooth, &new), &want, 1e-9);
    let want = [
        0.0,
        0.0,
        0.5703947368421053,
        0.6308962264150944,
        0.6733490566037735,
        0.8058252427184466,
        0.874009900990099,
        0.9895833333333333,
        1.0,
        1.0,
    ];
    close(&mapped(step("uniform"), &ties, &new), &want, 1e-12);
    let want = [
        -5.199337582605575,
        -5.199337582605575,
        0.17737922282756638,
        0.33422795967673896,
        0.449179898848214,
        0.8626143923773018,
        1.1455528932368924,
        2.3109913382574163,
        5.19933758270342,
        5.19933758270342,
    ];
    close(&mapped(step("normal"), &ties, &new), &want, 1e-9);
    let want =
        [0.3419354838709677, 0.6000000000000001, NAN, 0.0, 1.0, 0.6000000000000001, 0.0, 1.0, 0.6967741935483871];
    close(&mapped(json!("quantile"), &TRAIN, &NEW), &want, 1e-12);
}

#[test]
fn log1p_refuses_negative_training_values_and_takes_later_ones_as_0() {
    let data = frame(vec![Column::number("bytes", vec![0.0, 1.0, 99.0, 3.0])]);
    let pipeline = fit(json!(["log1p"]), &data).unwrap();
    let new = frame(vec![Column::number("bytes", vec![-7.0, -0.5, 1.0, 99.0])]);
    let (x, applied) = pipeline.transform(&new).unwrap();
    close(&x.column(0).to_vec(), &[0.0, 0.0, 2_f64.ln(), 100_f64.ln()], 1e-15);
    assert_eq!(applied.out_of_range, [("bytes".to_owned(), 2)]);
    assert_eq!(
        message(json!(["log1p"]), &new),
        "log1p: column \"bytes\" holds negative numbers, down to -7: `clip` it in `clean`, or name it in `except`"
    );
}

fn four() -> Frame {
    let column = |name: &str, f: fn(i32) -> f64| Column::number(name, (0..60).map(f).collect());
    frame(vec![
        column("a", |i| f64::from(i * i % 97) / 7.0),
        column("b", |i| f64::from(i * 7 % 31) + f64::from(i * i % 97) / 11.0),
        column("c", |i| f64::from(i * 13 % 17) * 1.5),
        column("d", |i| f64::from(i * i * i % 23) - f64::from(i * 7 % 31) / 3.0),
    ])
}

#[test]
fn pca_agrees_with_scikit_learn() {
    let pipeline = fit(json!(["pca"]), &four()).unwrap();
    assert_eq!(pipeline.features(), ["pca0", "pca1", "pca2", "pca3"]);
    let [FittedStep::Pca(pca)] = pipeline.steps() else { unreachable!() };
    let variance = [115.54323755435513, 55.1738151819511, 42.33568471882743, 12.993519899499214];
    close(&pca.explained_variance, &variance, 1e-10);
    let ratio = [0.5111486423466194, 0.24408196723819944, 0.18728770480109766, 0.05748168561408348];
    close(&pca.explained_variance_ratio, &ratio, 1e-12);
    let components = [
        0.2376777377057194,
        0.9402047426894602,
        0.04258391509198935,
        -0.24023102422205025,
        -0.0036826785443784286,
        -0.04023411492510207,
        0.9990556202060031,
        0.015985043313384455,
        0.13977082881561415,
        0.21208193333578956,
        -0.006418874101931738,
        0.9671836263192286,
        0.9612283008162142,
        -0.2634720314815088,
        -0.005768532352350316,
        -0.0811749122049442,
    ];
    close(&pca.components.concat(), &components, 1e-10);
    let (x, _) = pipeline.transform(&four()).unwrap();
    let rows = [
        -18.982383978944693,
        -10.977285982119254,
        -10.642834490059897,
        -1.2045469356711724,
        -11.13082928257291,
        8.197162672591299,
        -10.533759733105505,
        -2.939737994813231,
    ];
    close(&x.slice(ndarray::s![..2, ..]).iter().copied().collect::<Vec<_>>(), &rows, 1e-8);
    let pipeline = fit(json!([{"pca": {"n_components": 0.8, "whiten": true}}]), &four()).unwrap();
    let (x, _) = pipeline.transform(&four()).unwrap();
    let white = [
        -1.7659503449971465,
        -1.4778435850969054,
        -1.6357013579607627,
        -1.0355122851516965,
        1.1035627833161477,
        -1.6189376162868532,
    ];
    close(&x.slice(ndarray::s![..2, ..]).iter().copied().collect::<Vec<_>>(), &white, 1e-8);
    let some = fit(json!([{"pca": {"n_components": 1, "except": "c"}}]), &four()).unwrap();
    assert_eq!(some.features(), ["c", "pca0"]);
    assert!(some.inputs().iter().all(|i| i.used));
}

#[test]
fn faults_name_the_parameter_and_what_is_allowed() {
    let data = four();
    assert_eq!(
        message(json!([{"min_max": {"feature_range": [1, 1]}}]), &data),
        "feature_range: expected two numbers, the lower first, got [1, 1]"
    );
    assert!(read(json!([{"min_max": {"feature_range": [1]}}]))[0].check().is_err());
    let out = message(json!([{"robust": {"quantile_range": [5, 120]}}]), &data);
    assert_eq!(out, "quantile_range: expected percentages from 0 to 100, got [5, 120]");
    assert!(message(json!([{"pca": 5}]), &data).contains("expected at most 4"));
    assert!(read(json!([{"pca": 1.5}]))[0].check().is_err());
    assert!(Vec::<PrepareStep>::shape().read(&json!([{"pca": 0}])).is_err());
    assert!(Vec::<PrepareStep>::shape().read(&json!([{"quantile": {"n_quantiles": 1}}])).is_err());
    let huge = frame(vec![Column::number("huge", vec![1.7e308, -1.7e308])]);
    for step in ["min_max", "robust", "quantile", "pca"] {
        assert!(fit(json!([step]), &huge).is_err(), "{step}");
    }
    let gap = frame(vec![Column::number("x", TRAIN.to_vec())]);
    assert!(message(json!(["pca"]), &gap).contains("missing values are left before `pca`"));
}

fn all_steps() -> serde_json::Value {
    json!([{"min_max": {"columns": "c"}}, {"robust": {"columns": "d"}}, {"log1p": {"columns": ["a", "b"]}},
           {"quantile": {"columns": "b", "output_distribution": "normal"}}, {"pca": {"n_components": 2, "except": "d"}}])
}

#[test]
fn rows_are_worked_out_alone_and_stored_pipelines_do_the_same() {
    let pipeline = fit(all_steps(), &four()).unwrap();
    let again = Pipeline::from_bytes(&pipeline.to_bytes().unwrap()).unwrap();
    assert_eq!(again, pipeline);
    let (all, _) = pipeline.transform(&four()).unwrap();
    let rows = [59, 3, 3, 17];
    let (some, _) = again.transform(&four().take(&rows)).unwrap();
    assert_eq!(some, all.select(ndarray::Axis(0), &rows));
    assert_eq!(pipeline.transform(&four().take(&[])).unwrap().0.dim(), (0, 3));
    let bytes = pipeline.to_bytes().unwrap();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] = bad[at].wrapping_add(1);
        if let Ok(bad) = Pipeline::from_bytes(&bad) {
            let _ = bad.transform(&four());
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let rows: Vec<usize> = (0..70_000).map(|i| (i * 31 + i / 60) % 60).collect();
    let data = four().take(&rows);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let pipeline = fit(all_steps(), &data).unwrap();
            (pipeline.to_bytes().unwrap(), pipeline.transform(&data).unwrap())
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(8));
}

#[test]
fn select_without_a_forest_is_fitted_on_the_training_rows() {
    let mut data = four();
    data.labels.codes = (0..60).map(|i| u32::from(i * 13 % 17 > 8)).collect();
    let told = fit(json!([{"select": {"by": "mutual_information", "top": 1}}]), &data).unwrap();
    assert_eq!(told.features(), ["c"]);
    assert_eq!(told.importances().unwrap().len(), 4);
    // NumPy: the population variances are 19.0, 103.3, 54.4 and 45.6.
    let varied = fit(json!([{"select": {"by": "variance", "threshold": 50}}]), &data).unwrap();
    assert_eq!(varied.features(), ["b", "c"]);
    assert!(varied.importances().is_none());
    let mut twice = data.clone();
    twice.columns.push(Column::number(
        "b again",
        (0..60).map(|i| -f64::from(i * 7 % 31) - f64::from(i * i % 97) / 11.0).collect(),
    ));
    let steps = |absolute: bool| json!([{"select": {"by": "correlation", "above": 0.95, "absolute": absolute}}]);
    assert_eq!(fit(steps(true), &twice).unwrap().changes()[0].dropped, ["b again"]);
    assert_eq!(fit(steps(false), &twice).unwrap().features().len(), 5);
    // Held-out rows have no say.
    let rows: Vec<usize> = (0..40).collect();
    let mut other = twice.clone();
    if let crate::ml::Values::Number(values) = &mut other.columns[4].values {
        values[50] = 1e9;
    }
    assert_eq!(fit(steps(true), &twice.take(&rows)).unwrap(), fit(steps(true), &other.take(&rows)).unwrap());
}

#[test]
fn select_says_which_parameters_go_together() {
    let fault = |step: serde_json::Value| read(json!([step]))[0].check().unwrap_err().to_string();
    assert_eq!(fault(json!("select")), "top: select: say how many columns to keep, at least 1");
    assert!(fault(json!({"select": {"by": "mutual_information"}})).starts_with("top: "));
    assert!(fault(json!({"select": {"by": "correlation"}})).starts_with("above: "));
    let other = fault(json!({"select": {"by": "variance", "top": 3}}));
    assert_eq!(other, "top: select: it does not go with `by: variance`");
    assert!(fault(json!({"select": {"by": "correlation", "above": 0.9, "n_estimators": 7}})).contains("n_estimators"));
    assert!(fault(json!({"select": {"top": 3, "above": 0.9}})).starts_with("above: "));
    assert!(read(json!([{"select": {"by": "variance"}}]))[0].check().is_ok());
}
