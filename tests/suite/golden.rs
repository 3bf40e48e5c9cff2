//! Against scikit-learn, imbalanced-learn and pandas: `tests/golden/*.json`, written by `scripts/golden.py` with the
//! versions that each file names. Labels and counts are equal, figures to 1e-12 (relative above one).

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array2, ArrayView2, Axis};
use runner::digest::Seed;
use runner::ml::adasyn;
use runner::ml::borderline_smote;
use runner::ml::dbscan::Dbscan;
use runner::ml::kmeans::KMeans;
use runner::ml::metrics::classification::{AverageScores, binary_scores};
use runner::ml::metrics::ranking::{log_loss, one_vs_rest, roc_auc};
use runner::ml::metrics::{ConfusionMatrix, Judged, Judgement, Metric, Value, clustering, judge};
use runner::ml::neighbors::{KdTree, Neighbors};
use runner::ml::smote::{Draw, synthesise};
use runner::ml::{Column, Dataset, Frame, Grouping, Labels, Part, Progress, Role, Training, Values, Votes};
use runner::param::{Name, Parameter};
use runner::pipeline::{Applied, Fill, FittedStep, Pipeline, PrepareStep};
use runner::spec::dataset::{CleanStep, DatasetSpec};
use runner::table::{Input, NpzArrays, clean, read_npz, read_table};
use serde_json::{Value as Json, json};

use super::data::{ARRAYS, TII, file};

const CLOSE: f64 = 1e-12;

pub fn golden(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub fn list(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_else(|| unreachable!("expected a list, got {json}"))
}

/// `null` is NaN.
pub fn number(json: &Json) -> f64 {
    json.as_f64().unwrap_or(f64::NAN)
}

pub fn numbers(json: &Json) -> Vec<f64> {
    list(json).iter().map(number).collect()
}

pub fn texts(json: &Json) -> Vec<String> {
    list(json).iter().map(|t| t.as_str().unwrap().to_owned()).collect()
}

/// scikit-learn writes some counts as `12.0`.
pub fn whole<T: TryFrom<i64, Error: std::fmt::Debug>>(json: &Json) -> Vec<T> {
    let integer = |n: &Json| n.as_i64().or_else(|| n.as_f64().filter(|f| f.fract() == 0.0).map(|f| f as i64)).unwrap();
    list(json).iter().map(|n| T::try_from(integer(n)).unwrap()).collect()
}

fn matrix(json: &Json) -> Array2<f64> {
    let rows = list(json);
    let width = rows.first().map_or(0, |r| list(r).len());
    Array2::from_shape_vec((rows.len(), width), rows.iter().flat_map(numbers).collect()).unwrap()
}

pub fn close_to(what: &str, got: f64, want: f64, tolerance: f64) {
    let near = (got - want).abs() <= tolerance * want.abs().max(1.0) || (got.is_nan() && want.is_nan());
    assert!(near, "{what}: {got:?} instead of {want:?}");
}

fn close(what: &str, got: f64, want: &Json) {
    close_to(what, got, number(want), CLOSE);
}

/// A metric that scikit-learn refuses is undefined here, and the other way round.
pub fn same(what: &str, got: &Value, want: &Json) {
    match got {
        Value::Defined(got) => close(what, *got, want),
        Value::Undefined(reason) => assert!(want.is_null(), "{what}: undefined ({reason}) instead of {want}"),
    }
}

fn all_close(what: &str, got: ArrayView2<'_, f64>, want: &Json) {
    let want = matrix(want);
    assert_eq!(got.dim(), want.dim(), "{what}");
    for ((at, got), want) in got.indexed_iter().zip(&want) {
        close_to(&format!("{what} {at:?}"), *got, *want, CLOSE);
    }
}

fn average(what: &str, got: &AverageScores, want: &Json) {
    close(&format!("{what} precision"), got.precision, &want["precision"]);
    close(&format!("{what} recall"), got.recall, &want["recall"]);
    close(&format!("{what} f1"), got.f1, &want["f1"]);
}

pub fn class_names(k: usize) -> Vec<String> {
    (0..k).map(|c| format!("class {c}")).collect()
}

pub fn data_set(x: Array2<f64>, y: Vec<u32>, classes: Vec<String>) -> Dataset {
    let (rows, width) = x.dim();
    let features = (0..width).map(|i| format!("x{i}")).collect();
    Dataset::new(x, y, classes, features, (0..rows as u64).collect()).unwrap()
}

pub fn training<T>(value: T) -> Training<T> {
    Training::new(Part::first(Role::Train), value).unwrap()
}

/// Confusion counts exact, everything that follows from them to 1e-12. scikit-learn's macro averages are compared as it
/// gives them by default, over the classes that occur in the labels or the predictions.
fn check_classes(name: &str, y_true: &[u32], y_pred: &[u32], k: usize, want: &Json) {
    let confusion = ConfusionMatrix::new(y_true, y_pred, k).unwrap();
    let counts: Vec<Vec<u64>> = list(&want["confusion_matrix"]).iter().map(whole).collect();
    assert_eq!(confusion.counts, counts, "{name}");
    let got = confusion.classification();
    close(&format!("{name}: accuracy"), got.accuracy, &want["accuracy"]);
    close(&format!("{name}: balanced accuracy"), got.balanced_accuracy, &want["balanced_accuracy"]);
    close(&format!("{name}: mcc"), got.mcc, &want["mcc"]);
    average(&format!("{name}: macro"), &got.macro_average, &want["macro_present"]);
    average(&format!("{name}: micro"), &got.micro_average, &want["micro"]);
    average(&format!("{name}: weighted"), &got.weighted_average, &want["weighted"]);
    let per_class = &want["per_class"];
    assert_eq!(got.per_class.iter().map(|s| s.support).collect::<Vec<_>>(), whole::<u64>(&per_class["support"]));
    for (c, scores) in got.per_class.iter().enumerate() {
        close(&format!("{name}: precision of {c}"), scores.precision, &per_class["precision"][c]);
        close(&format!("{name}: recall of {c}"), scores.recall, &per_class["recall"][c]);
        close(&format!("{name}: f1 of {c}"), scores.f1, &per_class["f1"][c]);
    }
}

#[test]
fn classification_metrics_are_those_of_scikit_learn() {
    let golden = golden("metrics");
    let cases = list(&golden["classification"]);
    assert_eq!(cases.len(), 14);
    for case in cases {
        let (name, want) = (case["name"].as_str().unwrap(), &case["scores"]);
        let (y_true, y_pred) = (whole::<u32>(&case["y_true"]), whole::<u32>(&case["y_pred"]));
        let k = case["n_classes"].as_u64().unwrap() as usize;
        check_classes(name, &y_true, &y_pred, k, want);
        let proba = (!case["proba"].is_null()).then(|| matrix(&case["proba"]));
        if let Some(proba) = &proba {
            same(&format!("{name}: log loss"), &log_loss(&y_true, proba.view()), &want["log_loss"]);
            let auc = one_vs_rest(&y_true, proba.view(), &class_names(k)).roc_auc;
            for (c, (got, want)) in auc.per_class.iter().zip(list(&want["roc_auc_per_class"])).enumerate() {
                same(&format!("{name}: roc auc of {c}"), got, want);
            }
            same(&format!("{name}: macro roc auc"), &auc.macro_average, &want["roc_auc_ovr_macro"]);
            same(&format!("{name}: weighted roc auc"), &auc.weighted_average, &want["roc_auc_ovr_weighted"]);
        }
        if let Some(want) = case.get("positive_1") {
            let mask = |y: &[u32]| y.iter().map(|&c| c == 1).collect::<Vec<_>>();
            let scores = proba.as_ref().map(|p| p.column(1).to_vec());
            let got = binary_scores(&mask(&y_true), &mask(&y_pred), scores.as_deref()).unwrap();
            close(&format!("{name}: binary accuracy"), got.accuracy, &want["accuracy"]);
            close(&format!("{name}: binary precision"), got.precision, &want["precision"]);
            close(&format!("{name}: binary recall"), got.recall, &want["recall"]);
            close(&format!("{name}: binary f1"), got.f1, &want["f1"]);
            same(&format!("{name}: false-positive rate"), &got.false_positive_rate, &want["false_positive_rate"]);
            same(&format!("{name}: binary roc auc"), &got.roc_auc, &want["roc_auc"]);
            let scores = scores.unwrap_or_default();
            same(&format!("{name}: roc auc"), &roc_auc(&mask(&y_true), &scores), &want["roc_auc"]);
        }
    }
}

fn check_indices(name: &str, x: ArrayView2<'_, f64>, labels: &[i32], y: &[u32], want: &Json) {
    same(&format!("{name}: silhouette"), &clustering::silhouette(x, labels), &want["silhouette"]);
    same(&format!("{name}: calinski"), &clustering::calinski_harabasz(x, labels), &want["calinski_harabasz"]);
    same(&format!("{name}: davies"), &clustering::davies_bouldin(x, labels), &want["davies_bouldin"]);
    same(&format!("{name}: ari"), &clustering::adjusted_rand(y, labels), &want["adjusted_rand"]);
    same(&format!("{name}: nmi"), &clustering::normalized_mutual_info(y, labels), &want["normalized_mutual_info"]);
}

#[test]
fn clustering_metrics_are_those_of_scikit_learn() {
    let golden = golden("metrics");
    let cases = list(&golden["clustering"]);
    assert_eq!(cases.len(), 11);
    for case in cases {
        let (labels, y) = (whole::<i32>(&case["labels"]), whole::<u32>(&case["y_true"]));
        check_indices(case["name"].as_str().unwrap(), matrix(&case["X"]).view(), &labels, &y, &case["scores"]);
    }
}

#[test]
fn k_means_iterates_as_scikit_learn_from_the_same_centers() {
    let golden = golden("kmeans");
    let cases = list(&golden["cases"]);
    assert_eq!(cases.len(), 9);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (x, init) = (matrix(&case["X"]), matrix(&case["init"]));
        let kmeans = KMeans {
            n_clusters: init.nrows(),
            max_iter: case["parameters"]["max_iter"].as_u64().unwrap() as usize,
            tol: number(&case["parameters"]["tol"]),
            ..KMeans::default()
        };
        let train = training(data_set(x.clone(), vec![0; x.nrows()], class_names(1)));
        let (model, _) = kmeans.fit_from(&train, init.view()).unwrap();
        assert_eq!(model.assign(x.view()), whole::<i32>(&case["labels"]), "{name}");
        assert_eq!(model.n_iter() as u64, case["n_iter"].as_u64().unwrap(), "{name}");
        all_close(&format!("{name}: centers"), model.centers().view(), &case["centers"]);
        close(&format!("{name}: inertia"), model.inertia(), &case["inertia"]);
        let labels = model.assign(x.view());
        let inertia = clustering::inertia(x.view(), model.centers().view(), &labels);
        same(&format!("{name}: inertia of the labels"), &inertia, &case["inertia"]);
        if !list(&case["new"]).is_empty() {
            let new = matrix(&case["new"]);
            assert_eq!(model.assign(new.view()), whole::<i32>(&case["new_labels"]), "{name}");
        }
    }
}

#[test]
fn dbscan_labels_are_those_of_scikit_learn() {
    let golden = golden("dbscan");
    let cases = list(&golden["cases"]);
    assert_eq!(cases.len(), 9);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let dbscan = Dbscan { eps: number(&case["eps"]), min_samples: case["min_samples"].as_u64().unwrap() as usize };
        let (x, labels) = (matrix(&case["X"]), whole::<i32>(&case["labels"]));
        assert_eq!(dbscan.labels(x.view()), labels, "{name}");
        let train = training(data_set(x.clone(), vec![0; x.nrows()], class_names(1)));
        let (model, _) = dbscan.fit(&train, Progress::none()).unwrap();
        assert_eq!(model.labels(), labels, "{name}");
        let cores = x.select(Axis(0), &whole::<usize>(&case["core_sample_indices"]));
        assert_eq!(model.core(), &cores, "{name}");
        if !list(&case["new"]).is_empty() {
            let new = matrix(&case["new"]);
            assert_eq!(model.assign(new.view()), whole::<i32>(&case["new_labels"]), "{name}");
        }
    }
}

/// imbalanced-learn's neighbours, and its rows, bit for bit, from its own draws. Where rows are equal it may take
/// another one of them for the row itself, so there only the rows are compared.
#[test]
fn smote_makes_the_rows_of_imbalanced_learn_from_its_draws() {
    let golden = golden("smote");
    let mut searched = 0;
    for case in list(&golden["cases"]) {
        let (name, x) = (case["name"].as_str().unwrap(), matrix(&case["X"]));
        let k = case["k_neighbors"].as_u64().unwrap() as usize;
        for class in list(&case["classes"]) {
            let rows = x.select(Axis(0), &whole::<usize>(&class["rows"]));
            let theirs: Vec<u32> = list(&class["neighbours"]).iter().flat_map(whole::<u32>).collect();
            let (ours, found) = KdTree::new(rows.view()).k_nearest_of_own(k);
            assert_eq!(found, k, "{name}");
            if name != "equal rows" {
                assert_eq!(ours, theirs, "{name}");
                searched += 1;
            }
            let draws: Vec<Draw> = whole::<usize>(&class["indices"])
                .into_iter()
                .zip(numbers(&class["steps"]))
                .map(|(pair, step)| Draw { row: pair / k, neighbour: pair % k, step, shrink: 1.0 })
                .collect();
            let made = synthesise(rows.view(), rows.view(), &theirs, k, &draws);
            assert_eq!(made, matrix(&class["made"]).into_raw_vec_and_offset().0, "{name}");
        }
    }
    assert_eq!(searched, 3);
}

/// Which rows are in danger or get how many new ones, their neighbours, and the new rows, bit for bit, from
/// imbalanced-learn's own draws.
#[test]
fn smote_variants_make_the_rows_of_imbalanced_learn_from_its_draws() {
    let golden = golden("smote_variants");
    let cases = list(&golden["cases"]);
    assert_eq!(cases.len(), 7);
    for case in cases {
        let (name, x) = (case["name"].as_str().unwrap(), matrix(&case["X"]));
        let y = whole::<u32>(&case["y"]);
        let data = data_set(x.clone(), y.clone(), class_names(3));
        let index = Neighbors::new(x.view());
        for class in list(&case["classes"]) {
            let rows = whole::<usize>(&class["rows"]);
            let own = x.select(Axis(0), &rows);
            let theirs: Vec<u32> =
                class["neighbours"].as_array().map(|n| n.iter().flat_map(whole::<u32>).collect()).unwrap_or_default();
            let (from, to, (ours, k), draws) = if case["method"] == "adasyn" {
                let k = case["n_neighbors"].as_u64().unwrap() as usize;
                let missing = (0..3).map(|c| y.iter().filter(|&&v| v == c).count()).max().unwrap() - rows.len();
                let amounts = whole::<usize>(&class["amounts"]);
                assert_eq!(adasyn::amounts(&data, &index, &rows, k, missing), amounts, "{name}");
                let draws = adasyn::draws(&amounts, &whole::<usize>(&class["columns"]), &numbers(&class["steps"]));
                (own.clone(), own.clone(), Neighbors::new(own.view()).k_nearest_of_own(k), draws)
            } else {
                let [k, m] = ["k_neighbors", "m_neighbors"].map(|n| case[n].as_u64().unwrap() as usize);
                let danger = whole::<usize>(&class["danger"]);
                assert_eq!(borderline_smote::in_danger(&data, &index, &rows, m), danger, "{name}");
                if danger.is_empty() {
                    assert_eq!(name, "no row in danger");
                    continue;
                }
                let from = own.select(Axis(0), &danger);
                let (to, found) = if case["kind"] == "borderline-2" {
                    let of_all: Vec<usize> = danger.iter().map(|&at| rows[at]).collect();
                    (x.clone(), index.k_nearest_of_some(from.view(), &of_all, k))
                } else {
                    (own.clone(), Neighbors::new(own.view()).k_nearest_of_some(from.view(), &danger, k))
                };
                let draws = whole::<usize>(&class["indices"])
                    .into_iter()
                    .zip(numbers(&class["steps"]).into_iter().zip(numbers(&class["shrink"])))
                    .map(|(pair, (step, shrink))| Draw { row: pair / k, neighbour: pair % k, step, shrink })
                    .collect();
                (from, to, found, draws)
            };
            assert_eq!(ours, theirs, "{name}");
            let made = synthesise(from.view(), to.view(), &ours, k, &draws);
            assert_eq!(made, matrix(&class["made"]).into_raw_vec_and_offset().0, "{name}");
        }
    }
}

fn frame(columns: Vec<Column>) -> Frame {
    let rows = columns[0].len();
    Frame {
        row_ids: (0..rows as u64).collect(),
        columns,
        aside: Vec::new(),
        labels: Labels { codes: vec![0; rows], classes: class_names(1) },
        grouping: None,
        roles: None,
    }
}

fn number_columns(names: &Json, rows: &Json) -> Frame {
    let rows = matrix(rows);
    frame(texts(names).into_iter().zip(rows.columns()).map(|(n, v)| Column::number(n, v.to_vec())).collect())
}

fn word_columns(names: &Json, rows: &Json) -> Frame {
    let cell = |row: &Json, i: usize| row[i].as_str().map(str::to_owned);
    let column = |(i, name)| Column::category(name, &list(rows).iter().map(|r| cell(r, i)).collect::<Vec<_>>());
    frame(texts(names).into_iter().enumerate().map(column).collect())
}

pub fn fitted(steps: Json, train: &Frame) -> Pipeline {
    let steps: Vec<PrepareStep> = serde_json::from_value(Vec::<PrepareStep>::shape().read(&steps).unwrap()).unwrap();
    Pipeline::fit(&steps, &training(train.clone()), Seed::new(1), Progress::none()).unwrap().0
}

fn transformed(pipeline: &Pipeline, frame: &Frame) -> (Array2<f64>, Applied) {
    pipeline.transform(frame).unwrap()
}

#[test]
fn impute_fills_what_scikit_learn_fills() {
    let golden = golden("prepare");
    let train = number_columns(&golden["columns"], &golden["train"]);
    let new = number_columns(&golden["columns"], &golden["new"]);
    for (strategy, want) in golden["impute_numeric"].as_object().unwrap() {
        let pipeline = fitted(json!([{"impute": {"numeric": strategy}}]), &train);
        let [FittedStep::Impute(step)] = pipeline.steps() else { unreachable!() };
        for (column, want) in step.columns.iter().zip(list(&want["statistics"])) {
            let Fill::Number(got) = column.fill else { unreachable!() };
            close(&format!("{strategy} of {}", column.name), got, want);
        }
        all_close(strategy, transformed(&pipeline, &train).0.view(), &want["train"]);
        all_close(strategy, transformed(&pipeline, &new).0.view(), &want["new"]);
    }
    let want = &golden["impute_words"];
    let pipeline = fitted(json!(["impute", "ordinal"]), &word_columns(&golden["words"], &golden["train_words"]));
    let FittedStep::Impute(step) = &pipeline.steps()[0] else { unreachable!() };
    let fills: Vec<Fill> = step.columns.iter().map(|c| c.fill.clone()).collect();
    assert_eq!(fills, texts(&want["statistics"]).into_iter().map(Fill::Word).collect::<Vec<_>>());
}

#[test]
fn standardize_scales_as_scikit_learn() {
    let golden = golden("prepare");
    let want = &golden["standardize_after_mean"];
    let train = number_columns(&golden["columns"], &golden["train"]);
    let pipeline = fitted(json!(["impute", "standardize"]), &train);
    let FittedStep::Standardize(step) = &pipeline.steps()[1] else { unreachable!() };
    for (i, column) in step.columns.iter().enumerate() {
        close(&format!("mean of {}", column.name), column.mean, &want["mean"][i]);
        close(&format!("scale of {}", column.name), column.scale, &want["scale"][i]);
    }
    // A mean of 1e9 is known to 1e-7, so the scaled values of that column are known to that share of its scale only.
    for part in ["train", "new"] {
        let got = transformed(&pipeline, &number_columns(&golden["columns"], &golden[part])).0;
        for ((at, got), want) in got.indexed_iter().zip(&matrix(&want[part])) {
            let column = &step.columns[at.1];
            let last_place = 4.0 * f64::EPSILON * column.mean.abs() / column.scale;
            let allowed = CLOSE * want.abs().max(1.0) + last_place;
            assert!((got - want).abs() <= allowed, "{part} {at:?}: {got:?} instead of {want:?}");
        }
    }
}

#[test]
fn words_become_the_numbers_of_scikit_learn() {
    let golden = golden("prepare");
    let train = word_columns(&golden["words"], &golden["train_words"]);
    let new = word_columns(&golden["words"], &golden["new_words"]);
    for (step, unknown) in [("one_hot", 2), ("ordinal", 2)] {
        let want = &golden[step];
        let pipeline = fitted(json!(["impute", step]), &train);
        all_close(step, transformed(&pipeline, &train).0.view(), &want["train"]);
        let (got, applied) = transformed(&pipeline, &new);
        all_close(step, got.view(), &want["new"]);
        assert_eq!(applied.unknown_categories.iter().map(|(_, n)| n).sum::<usize>(), unknown, "sctp and RSTO");
        let levels: Vec<Vec<String>> = match &pipeline.steps()[1] {
            FittedStep::OneHot(s) => s.columns.iter().map(|c| c.levels.clone()).collect(),
            FittedStep::Ordinal(s) => s.columns.iter().map(|c| c.levels.clone()).collect(),
            _ => unreachable!(),
        };
        assert_eq!(levels, list(&want["categories"]).iter().map(texts).collect::<Vec<_>>());
        if step == "one_hot" {
            let names: Vec<String> = pipeline.features().iter().map(|f| f.replace('=', "_")).collect();
            assert_eq!(names, texts(&want["names"]));
        }
    }
}

fn named(json: &Json) -> Vec<Name> {
    texts(json).into_iter().map(Name).collect()
}

#[test]
fn the_published_cleaning_is_that_of_pandas() {
    let Some(bytes) = file(TII) else { return };
    let golden = golden("correlated");
    let dataset = DatasetSpec {
        target: Some(Name("Traffic Type".into())),
        keep_aside: named(&golden["kept_aside"]),
        ..DatasetSpec::default()
    };
    let (table, ..) = read_table(&[Input { name: TII, bytes: &bytes, role: None }], &dataset).unwrap();
    assert_eq!(table.rows() as u64, golden["rows_read"].as_u64().unwrap());
    let steps = json!([
        {"drop_correlated": {"above": 0.8, "absolute": false}},
        {"round": 3},
        {"drop_duplicates": {"except": golden["identifiers"]}},
    ]);
    let steps: Vec<CleanStep> = serde_json::from_value(Vec::<CleanStep>::shape().read(&steps).unwrap()).unwrap();
    let (frame, ledger, _) = clean(table, &dataset, &steps).unwrap();
    let of = |step: &str| ledger.iter().find(|l| l.step == step).unwrap();
    assert_eq!(of("drop_correlated").dropped_columns, texts(&golden["dropped"]));
    assert_eq!(frame.rows() as u64, golden["rows"].as_u64().unwrap());
    let gone: Vec<u64> = (0..5301).filter(|id| frame.row_ids.binary_search(id).is_err()).collect();
    assert_eq!(gone, whole::<u64>(&golden["dropped_row_positions"]));
    let counts: BTreeMap<&str, usize> =
        frame.labels.classes.iter().map(String::as_str).zip(frame.class_counts()).collect();
    assert_eq!(json!(counts), golden["class_counts"]);
    for (name, want) in golden["sums"].as_object().unwrap() {
        let column = frame.columns.iter().find(|c| c.name == *name).unwrap();
        let Values::Number(values) = &column.values else { unreachable!() };
        // The order of the sum is ours, so the last places are.
        close_to(&format!("sum of {name}"), values.iter().sum(), number(want), CLOSE);
    }
    let pipeline = fitted(json!(["drop_constant"]), &frame);
    assert_eq!(pipeline.features(), texts(&golden["prepared"]));
    assert_eq!(pipeline.changes()[0].dropped, texts(&golden["constant"]));
}

/// The published arrays with their golden figures.
pub struct Arrays {
    /// The raw training rows.
    pub train: Dataset,
    /// The test rows.
    pub test: Dataset,
    /// Benign and malicious.
    pub grouping: Grouping,
    /// `published_arrays.json`.
    pub golden: Json,
}

/// `None`, with the reason printed, where the data is missing.
pub fn arrays() -> Option<Arrays> {
    let NpzArrays { y_train, x_test, y_test, x_train_unsmote, .. } = read_npz(ARRAYS, &file(ARRAYS)?).unwrap();
    let golden = golden("published_arrays");
    let x_train = x_train_unsmote.unwrap();
    let y = |labels: &[i64]| labels.iter().map(|&l| u32::try_from(l).unwrap()).collect::<Vec<_>>();
    let (y_train, y_test) = (y(&y_train.to_vec()[..x_train.nrows()]), y(&y_test.to_vec()));
    let classes = texts(&golden["classes"]);
    let benign = whole::<u32>(&golden["benign"]);
    let of_class = (0..8).map(|c| u32::from(!benign.contains(&c))).collect();
    let grouping = Grouping { names: vec!["benign".into(), "malicious".into()], of_class, positive: Some(1) };
    let (train, test) = (data_set(x_train, y_train, classes.clone()), data_set(x_test, y_test, classes));
    assert_eq!(train.class_counts(), whole::<usize>(&golden["train_counts"]));
    assert_eq!(test.class_counts(), whole::<usize>(&golden["test_counts"]));
    Some(Arrays { train, test, grouping, golden })
}

/// Clusters as classifiers: who predicts what, and every metric of the classes and of the coarse label.
fn check_votes(what: &str, on: &Arrays, clusters: &[i32], votes: &Votes, want: &Json) {
    for pair in list(&want["cluster_classes"]) {
        let [cluster, class]: [i64; 2] = whole(pair).try_into().unwrap();
        assert_eq!(i64::from(votes.class_of(i32::try_from(cluster).unwrap())), class, "{what}: cluster {cluster}");
    }
    let y_pred: Vec<u32> = clusters.iter().map(|&c| votes.class_of(c)).collect();
    check_classes(what, on.test.y(), &y_pred, 8, &want["multiclass"]);
    let said =
        Judged { y_pred: &y_pred, probabilities: None, clusters: Some(clusters), cluster_classes: None, inertia: None };
    let (judgement, _): (Judgement, _) = judge(&on.test, Some(&on.grouping), &said).unwrap();
    for (metric, name) in [
        (Metric::GroupAccuracy, "accuracy"),
        (Metric::GroupPrecision, "precision"),
        (Metric::GroupRecall, "recall"),
        (Metric::GroupF1, "f1"),
        (Metric::GroupFalsePositiveRate, "false_positive_rate"),
    ] {
        same(&format!("{what}: group {name}"), &judgement.values[&metric], &want["binary"][name]);
    }
}

#[test]
fn dbscan_on_the_published_arrays_is_that_of_scikit_learn() {
    let Some(on) = arrays() else { return };
    let dbscan = Dbscan { eps: 0.5, min_samples: 5 };
    let (x, y) = (on.test.x().view(), on.test.y());

    let want = &on.golden["dbscan_on_test"];
    let labels = dbscan.labels(x);
    assert_eq!(labels, whole::<i32>(&want["labels"]));
    check_indices("fitted on test", x, &labels, y, &want["scores"]);
    check_votes("fitted on test", &on, &labels, &Votes::count(&labels, y, 8), &want["votes_from_test"]);

    let want = &on.golden["dbscan_on_train"];
    let (model, _) = dbscan.fit(&training(on.train.clone()), Progress::none()).unwrap();
    assert_eq!(model.labels(), whole::<i32>(&want["train"]["labels"]));
    let counts = json!([model.n_clusters(), model.n_noise(), model.core().nrows()]);
    assert_eq!(counts, json!([want["train"]["clusters"], want["train"]["noise"], want["train"]["cores"]]));
    let clusters = model.assign(x);
    assert_eq!(clusters, whole::<i32>(&want["test"]["labels"]));
    check_indices("fitted on train", x, &clusters, y, &want["scores"]);
    let from_train = Votes::count(model.labels(), on.train.y(), 8);
    check_votes("votes from train", &on, &clusters, &from_train, &want["votes_from_train"]);
    check_votes("votes from test", &on, &clusters, &Votes::count(&clusters, y, 8), &want["votes_from_test"]);
}

#[test]
fn k_means_on_the_published_arrays_is_that_of_scikit_learn() {
    let Some(on) = arrays() else { return };
    let (x, y) = (on.test.x().view(), on.test.y());
    let train = training(on.train.clone());

    // Its own partition: nothing is fitted, only judged.
    for case in ["kmeans", "kmeans_from_rows"] {
        let want = &on.golden[case];
        let (voters, clusters) = (whole::<i32>(&want["train_labels"]), whole::<i32>(&want["test_labels"]));
        check_indices(case, x, &clusters, y, &want["scores"]);
        check_votes(case, &on, &clusters, &Votes::count(&clusters, y, 8), &want["votes_from_test"]);
        check_votes(case, &on, &clusters, &Votes::count(&voters, on.train.y(), 8), &want["votes_from_train"]);
        let centers = matrix(&want["centers"]);
        let inertia = |x, labels: &[i32]| clustering::inertia(x, centers.view(), labels);
        same(case, &inertia(on.train.x().view(), &voters), &want["inertia"]);
        same(case, &inertia(x, &clusters), &want["inertia_test"]);
        // Its centers are at rest: from there, one more iteration changes nothing but last places.
        let kmeans = KMeans { n_clusters: 8, max_iter: 1, ..KMeans::default() };
        let (model, _) = kmeans.fit_from(&train, centers.view()).unwrap();
        assert_eq!(model.assign(x), clusters, "{case}");
        assert_eq!(model.assign(on.train.x().view()), voters, "{case}");
    }

    let want = &on.golden["kmeans_from_rows"];
    let first = on.train.x().select(Axis(0), &whole::<usize>(&want["parameters"]["init_rows"]));
    let kmeans = KMeans { n_clusters: 8, ..KMeans::default() };
    let (model, _) = kmeans.fit_from(&train, first.view()).unwrap();
    assert_eq!(model.n_iter() as u64, want["n_iter"].as_u64().unwrap());
    assert_eq!(model.assign(on.train.x().view()), whole::<i32>(&want["train_labels"]));
    assert_eq!(model.assign(x), whole::<i32>(&want["test_labels"]));
    all_close("centers", model.centers().view(), &want["centers"]);
    close("inertia", model.inertia(), &want["inertia"]);
}
