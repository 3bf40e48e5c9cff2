//! Every model, metric and scaling step beside scikit-learn on six public data sets: `tests/golden/models.json`, written by
//! `scripts/golden_models.py`, which says how the sets are cut. Models with one answer give it: labels and predictions are
//! equal, coefficients agree to 1e-5, everything else to 1e-9. What depends on chance is compared as a mean over seeds.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis};
use runner::digest::{Digest, Seed};
use runner::ml::dbscan::Dbscan;
use runner::ml::gaussian_mixture::GaussianMixture;
use runner::ml::gaussian_nb::GaussianNb;
use runner::ml::kmeans::KMeans;
use runner::ml::knn::Knn;
use runner::ml::logistic_regression::LogisticRegression;
use runner::ml::metrics::{Judged, Judgement, Metric, judge};
use runner::ml::{Dataset, Frame, Grouping, Labels, ModelSpec, Numerics, Progress, argmax};
use runner::param::{Name, Parameter};
use runner::pipeline::{FittedStep, Pipeline};
use runner::spec::dataset::DatasetSpec;
use runner::table::{Input, clean, read_table};
use serde_json::{Value as Json, json};

use super::data::file;
use super::golden::{close_to, data_set, fitted, golden, list, number, numbers, same, texts, training, whole};

/// The tolerance of all figures but coefficients.
const CLOSE: f64 = 1e-9;

/// A data set, cut as the script cuts it.
struct Cut {
    name: String,
    raw: Dataset,
    raw_test: Dataset,
    /// The training rows before any step.
    frame: Frame,
    test_frame: Frame,
    /// Standardised.
    x: Dataset,
    x_test: Dataset,
    want: Json,
}

/// All sets whose file is there.
fn cuts() -> Vec<Cut> {
    let golden = golden("models");
    let sets = golden["sets"].as_object().unwrap();
    assert_eq!(sets.len(), 6);
    sets.iter().filter_map(|(name, want)| cut(name, want)).collect()
}

fn cut(name: &str, want: &Json) -> Option<Cut> {
    let path = want["file"].as_str().unwrap();
    let bytes = file(path)?;
    let dataset = DatasetSpec {
        target: Some(Name(want["target"].as_str().unwrap().into())),
        keep_aside: texts(&want["keep_aside"]).into_iter().map(Name).collect(),
        ..DatasetSpec::default()
    };
    let (table, ..) = read_table(&[Input { name: path, bytes: &bytes, role: None }], &dataset).unwrap();
    let (frame, ..) = clean(table, &dataset, &[]).unwrap();
    let stride = whole::<usize>(&json!([want["stride"]]))[0];
    let some = frame.take(&(0..frame.rows()).step_by(stride).collect::<Vec<_>>());
    let counts = some.class_counts();
    let rows: Vec<usize> = (0..some.rows()).filter(|&r| counts[some.labels.codes[r] as usize] >= 6).collect();
    let mut frame = some.take(&rows);
    let left: Vec<usize> = (0..counts.len()).filter(|&c| counts[c] >= 6).collect();
    let class = |code: u32| left.iter().position(|&c| c == code as usize).unwrap() as u32;
    frame.labels = Labels {
        codes: frame.labels.codes.iter().map(|&c| class(c)).collect(),
        classes: left.iter().map(|&c| frame.labels.classes[c].clone()).collect(),
    };
    assert_eq!(frame.labels.classes, texts(&want["classes"]), "{name}");
    let part = |test: bool| frame.take(&(0..frame.rows()).filter(|r| (r % 3 == 2) == test).collect::<Vec<_>>());
    let (frame, test_frame) = (part(false), part(true));
    let (plain, scaled) = (fitted(json!([]), &frame), fitted(json!(["drop_constant", "standardize"]), &frame));
    let of = |pipeline: &Pipeline, frame: &Frame| pipeline.apply(frame).unwrap().0;
    let cut = Cut {
        name: name.to_owned(),
        raw: of(&plain, &frame),
        raw_test: of(&plain, &test_frame),
        x: of(&scaled, &frame),
        x_test: of(&scaled, &test_frame),
        frame,
        test_frame,
        want: want.clone(),
    };
    assert_eq!(json!([cut.raw.rows(), cut.raw_test.rows()]), want["rows"], "{name}");
    assert_eq!(json!([cut.raw.width(), cut.x.width()]), want["columns"], "{name}");
    Some(cut)
}

/// One character per row, 0-9 then a-z.
fn characters<T: TryInto<u32>>(labels: impl IntoIterator<Item = T>) -> Json {
    let digit = |label: T| label.try_into().ok().and_then(|l| char::from_digit(l, 36)).unwrap();
    labels.into_iter().map(digit).collect::<String>().into()
}

/// For each column the sum of value * weight, where row i has the weight 1 + i % 7.
fn checksums(x: ArrayView2<'_, f64>) -> Vec<f64> {
    let weight = |i: usize| (1 + i % 7) as f64;
    x.columns().into_iter().map(|c| c.iter().enumerate().map(|(i, v)| weight(i) * v).sum()).collect()
}

#[track_caller]
fn near(what: &str, got: &[f64], want: &Json, tolerance: f64) {
    let want = numbers(want);
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        close_to(&format!("{what}, {i}"), *got, want, tolerance);
    }
}

#[test]
fn logistic_regression_has_the_coefficients_of_scikit_learn() {
    for cut in cuts() {
        let (name, want) = (&cut.name, &cut.want["logistic_regression"]);
        let (model, warnings) = LogisticRegression::default().fit(&training(cut.x.clone()), Progress::none()).unwrap();
        assert!(warnings.is_empty(), "{name}: {warnings:?}");
        let mut worst = 0.0_f64;
        for (got, want) in model.coef().outer_iter().zip(list(&want["coef"])) {
            for (got, want) in got.iter().zip(numbers(want)) {
                worst = worst.max((got - want).abs());
            }
        }
        for (got, want) in model.intercept().iter().zip(numbers(&want["intercept"])) {
            worst = worst.max((got - want).abs());
        }
        eprintln!("{name}: coefficients within {worst:.1e}, {} iterations", model.n_iter());
        assert!(worst <= 1e-5, "{name}: a coefficient differs by {worst:e}");
        let proba = model.predict_proba(cut.x_test.x().view());
        assert_eq!(characters(argmax(&proba)), want["predicted"], "{name}");
        near(&format!("{name}: probabilities"), &checksums(proba.view()), &want["proba"], 1e-5);
    }
}

#[test]
fn naive_bayes_has_the_probabilities_of_scikit_learn() {
    for cut in cuts() {
        let (name, want) = (&cut.name, &cut.want["gaussian_nb"]);
        let model = GaussianNb::default().fit(&training(cut.x.clone())).unwrap();
        near(&format!("{name}: means"), &checksums(model.means().view()), &want["theta"], CLOSE);
        near(&format!("{name}: variances"), &checksums(model.variances().view()), &want["var"], CLOSE);
        let proba = model.predict_proba(cut.x_test.x().view());
        assert_eq!(characters(argmax(&proba)), want["predicted"], "{name}");
        near(&format!("{name}: probabilities"), &checksums(proba.view()), &want["proba"], CLOSE);
        for (row, want) in whole::<usize>(&want["rows"]).into_iter().zip(list(&want["proba_of_rows"])) {
            near(&format!("{name}: probabilities of row {row}"), &proba.row(row).to_vec(), want, CLOSE);
        }
    }
}

/// The nearest neighbours of the test rows with their probabilities; ties go to the lowest row.
fn neighbours(cut: &Cut, weights: &str) -> Array2<f64> {
    let spec: Knn = serde_json::from_value(Knn::shape().read(&json!({"weights": weights})).unwrap()).unwrap();
    spec.fit(&training(cut.raw.clone())).unwrap().predict_proba(cut.raw_test.x().view())
}

#[test]
fn nearest_neighbours_are_exact_and_every_metric_follows() {
    let mut seen: BTreeMap<Metric, usize> = BTreeMap::new();
    let mut doubtful = 0;
    for cut in cuts() {
        for weights in ["uniform", "distance"] {
            let what = format!("{}, {weights}", cut.name);
            let want = &cut.want["knn"][weights];
            let proba = neighbours(&cut, weights);
            let y_pred = argmax(&proba);
            assert_eq!(characters(y_pred.iter().copied()), want["predicted"], "{what}");
            near(&format!("{what}: probabilities"), &checksums(proba.view()), &want["proba"], 1e-12);
            doubtful += want["doubtful"].as_u64().unwrap();
            let said = Judged {
                y_pred: &y_pred,
                probabilities: Some(proba.view()),
                clusters: None,
                cluster_classes: None,
                inertia: None,
            };
            check_metrics(&what, &cut.raw_test, &said, &cut.want["metrics"][weights], &mut seen);
        }
    }
    if seen.values().any(|&n| n == 12) {
        assert!(doubtful > 100, "rows with neighbours that are equally far");
        // Every metric that needs no clusters was compared.
        let cluster = ["silhouette", "calinski_harabasz", "davies_bouldin", "inertia"];
        let left: Vec<&str> = Metric::ALL
            .iter()
            .filter(|m| !seen.contains_key(m))
            .map(|m| m.word())
            .filter(|w| !cluster.contains(w) && !OF_CLUSTERS.iter().any(|(word, _)| word == w))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Classes of odd numbers are positive.
fn odd(classes: usize) -> Grouping {
    let of_class = (0..classes as u32).map(|c| c % 2).collect();
    Grouping { names: vec!["even".into(), "odd".into()], of_class, positive: Some(1) }
}

/// All figures that the golden file names are those of the judgement.
fn check_metrics(what: &str, data: &Dataset, said: &Judged<'_>, want: &Json, seen: &mut BTreeMap<Metric, usize>) {
    let (judgement, _): (Judgement, _) = judge(data, Some(&odd(data.n_classes())), said).unwrap();
    for (word, want) in want.as_object().unwrap().iter().filter(|(word, _)| *word != "group_recalls") {
        let metric = Metric::ALL.iter().find(|m| m.word() == word).unwrap();
        same(&format!("{what}: {word}"), &judgement.values[metric], want);
        *seen.entry(*metric).or_default() += 1;
    }
    for (class, want) in data.classes().iter().zip(list(&want["group_recalls"])) {
        let got = judgement.group_recalls.iter().find(|r| r.class == *class).map_or(f64::NAN, |r| r.recall);
        close_to(&format!("{what}: recall of {class} in its group"), got, number(want), 1e-12);
    }
}

const OF_CLUSTERS: [(&str, &str); 5] = [
    ("adjusted_rand_score", "adjusted_rand"),
    ("normalized_mutual_info_score", "normalized_mutual_info"),
    ("homogeneity_score", "homogeneity_score"),
    ("completeness_score", "completeness_score"),
    ("v_measure_score", "v_measure_score"),
];

#[test]
fn clusterings_from_the_same_beginning_end_alike() {
    for cut in cuts() {
        let (name, want, train) = (&cut.name, &cut.want["kmeans"], training(cut.x.clone()));
        let k = cut.x.n_classes();
        let init = cut.x.x().select(Axis(0), &whole::<usize>(&want["init_rows"]));
        let (model, _) = KMeans { n_clusters: k, ..KMeans::default() }.fit_from(&train, init.view()).unwrap();
        let clusters = model.assign(cut.x.x().view());
        assert_eq!(model.n_iter() as u64, want["n_iter"].as_u64().unwrap(), "{name}");
        assert_eq!(characters(clusters.iter().copied()), want["labels"], "{name}");
        close_to(&format!("{name}: inertia"), model.inertia(), number(&want["inertia"]), CLOSE);
        near(&format!("{name}: centers"), &checksums(model.centers().view()), &want["centers"], CLOSE);
        let of_test = model.assign(cut.x_test.x().view());
        assert_eq!(characters(of_test.iter().copied()), want["test_labels"], "{name}");

        // Its metrics, with the classes as predictions: only the clusters matter.
        let said = Judged {
            y_pred: cut.x_test.y(),
            probabilities: None,
            clusters: Some(&of_test),
            cluster_classes: None,
            inertia: None,
        };
        let (judgement, _) = judge(&cut.x_test, None, &said).unwrap();
        let indices = ["silhouette", "calinski_harabasz", "davies_bouldin"].map(|word| (word, word));
        for (word, key) in indices.into_iter().chain(OF_CLUSTERS) {
            let metric = Metric::ALL.iter().find(|m| m.word() == word).unwrap();
            let got = judgement.get(*metric).unwrap();
            close_to(&format!("{name}: {word}"), got, number(&cut.want["cluster_metrics"][key]), CLOSE);
        }

        // The mixture begins with these clusters.
        let want = &cut.want["gaussian_mixture"];
        let parameters = json!({"n_components": k, "max_iter": 200, "covariance_type": want["covariance_type"]});
        let spec: GaussianMixture =
            serde_json::from_value(GaussianMixture::shape().read(&parameters).unwrap()).unwrap();
        let begun: Vec<u32> = clusters.iter().map(|&c| c as u32).collect();
        let (model, _) = spec.fit_from(&train, &begun).unwrap();
        assert_eq!(model.n_iter() as u64, want["n_iter"].as_u64().unwrap(), "{name}");
        close_to(&format!("{name}: lower bound"), model.lower_bound(), number(&want["lower_bound"]), CLOSE);
        near(&format!("{name}: weights"), model.weights(), &want["weights"], CLOSE);
        near(&format!("{name}: means"), &checksums(model.means().view()), &want["means"], CLOSE);
        assert_eq!(characters(model.assign(cut.x.x().view())), want["labels"], "{name}");
        assert_eq!(characters(model.assign(cut.x_test.x().view())), want["test_labels"], "{name}");
        assert!(spec.fit_from(&train, &begun[1..]).is_err());

        let want = &cut.want["dbscan"];
        let dbscan = Dbscan { eps: number(&want["eps"]), min_samples: 5 };
        let labels = dbscan.labels(cut.x.x().view());
        let text = labels.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
        assert_eq!(Digest::of(text.as_bytes()).to_string(), want["labels"].as_str().unwrap(), "{name}: DBSCAN");
    }
}

#[test]
fn components_are_those_of_scikit_learn_up_to_their_sign() {
    for cut in cuts() {
        let (name, want) = (&cut.name, &cut.want["pca"]);
        let pipeline = fitted(json!(["drop_constant", "standardize", "pca"]), &cut.frame);
        let FittedStep::Pca(pca) = &pipeline.steps()[2] else { unreachable!() };
        let variances = numbers(&want["explained_variance"]);
        for (i, (got, want)) in pca.explained_variance.iter().zip(&variances).enumerate() {
            // Relative to the greatest: the least ones are differences of large sums.
            assert!((got - want).abs() <= CLOSE * variances[0], "{name}: variance {i} is {got}, not {want}");
        }
        let apart = whole::<usize>(&json!([want["apart"]]))[0];
        let size = |values: &[f64]| values.iter().map(|v| v.abs()).sum::<f64>();
        let components: Vec<f64> = pca.components[..apart].iter().map(|c| size(c)).collect();
        near(&format!("{name}: components"), &components, &want["components"], 1e-8);
        let (x, _) = pipeline.transform(&cut.test_frame).unwrap();
        let moved: Vec<f64> = (0..apart).map(|k| size(&x.column(k).to_vec())).collect();
        near(&format!("{name}: transformed rows"), &moved, &want["transformed"], 1e-8);
    }
}

/// Fits on the training rows and gives the accuracy on the test rows.
fn accuracy(spec: Json, train: &Dataset, test: &Dataset, seed: u64) -> f64 {
    let spec: ModelSpec = serde_json::from_value(ModelSpec::shape().read(&spec).unwrap()).unwrap();
    let (model, _) = spec.fit(&training(train.clone()), Seed::new(seed), Numerics::detect(), Progress::none()).unwrap();
    let predicted = model.predict(test.x().view()).unwrap();
    predicted.iter().zip(test.y()).filter(|(p, t)| p == t).count() as f64 / test.rows() as f64
}

#[test]
fn what_depends_on_chance_is_as_accurate() {
    for cut in cuts() {
        for (kind, parameters, standard) in [
            ("decision_tree", json!({}), false),
            ("random_forest", json!({"n_estimators": 50}), false),
            ("mlp", json!({"hidden_layer_sizes": [32], "max_iter": 60}), true),
        ] {
            let want = &cut.want["by_chance"][kind];
            let (train, test) = if standard { (&cut.x, &cut.x_test) } else { (&cut.raw, &cut.raw_test) };
            let seeds = want["seeds"].as_u64().unwrap();
            let runs: Vec<f64> = (0..seeds).map(|s| accuracy(json!({kind: parameters}), train, test, s)).collect();
            let mean = runs.iter().sum::<f64>() / seeds as f64;
            let (theirs, std) = (number(&want["mean"]), number(&want["std"]));
            // Two rows of the test part, and three standard errors of the difference of two means.
            let allowed = 2.0 / test.rows() as f64 + 3.0 * std * (2.0 / seeds as f64).sqrt();
            eprintln!("{}: {kind} {mean:.4}, scikit-learn {theirs:.4} (within {allowed:.4})", cut.name);
            assert!(mean >= theirs - allowed, "{}: {kind} {mean} instead of {theirs}", cut.name);
            assert!(mean <= theirs + allowed + 0.03, "{}: {kind} {mean} is too good beside {theirs}", cut.name);
        }
        let largest = cut.want["majority"].as_u64().unwrap() as u32;
        let rows = cut.raw_test.y().iter().filter(|&&c| c == largest).count();
        let share = rows as f64 / cut.raw_test.rows() as f64;
        close_to("majority", accuracy(json!("majority"), &cut.raw, &cut.raw_test, 1), share, 0.0);
    }
}

#[test]
fn scaling_steps_give_the_columns_of_scikit_learn() {
    for cut in cuts() {
        let (name, want) = (&cut.name, &cut.want["prepared"]);
        let of = |step: Json| {
            let pipeline = fitted(json!([step]), &cut.frame);
            checksums(pipeline.transform(&cut.test_frame).unwrap().0.view())
        };
        let normal = json!({"n_quantiles": 100, "output_distribution": "normal"});
        for (key, step) in [
            ("min_max", json!("min_max")),
            ("robust", json!("robust")),
            ("quantile", json!({"quantile": {"n_quantiles": 100}})),
            ("quantile_normal", json!({"quantile": normal})),
        ] {
            near(&format!("{name}: {key}"), &of(step), &want[key], CLOSE);
        }
        let columns = whole::<usize>(&want["log1p"]["columns"]);
        let names: Vec<&str> = columns.iter().map(|&c| cut.frame.columns[c].name.as_str()).collect();
        let logs = of(json!({"log1p": {"columns": names}}));
        let logs: Vec<f64> = columns.iter().map(|&c| logs[c]).collect();
        near(&format!("{name}: log1p"), &logs, &want["log1p"]["checksums"], CLOSE);

        let judged = |step: Json| {
            let pipeline = fitted(json!([step]), &cut.frame);
            let FittedStep::Select(select) = &pipeline.steps()[0] else { unreachable!() };
            (select.importances.iter().map(|i| i.importance).collect::<Vec<f64>>(), select.dropped.clone())
        };
        let (variances, _) = judged(json!({"select": {"by": "variance"}}));
        near(&format!("{name}: variances"), &variances, &want["variances"], CLOSE);
        let (_, dropped) = judged(json!({"select": {"by": "correlation", "above": 0.9}}));
        assert_eq!(dropped, whole::<u32>(&want["correlated_above_0.9"]), "{name}: correlated columns");
        if let Some(want) = want.get("mutual_information") {
            let all = cut.raw.width();
            let (shared, _) = judged(json!({"select": {"by": "mutual_information", "top": all, "n_bins": 20}}));
            near(&format!("{name}: mutual information"), &shared, want, CLOSE);
        }
    }
}

#[test]
fn a_set_is_cut_as_the_script_cuts_it() {
    // Rows that are kept, and which of them are test rows, do not depend on the data being there.
    let x = data_set(Array2::from_shape_fn((9, 1), |(i, _)| i as f64), vec![0; 9], vec!["a".into()]);
    assert_eq!(checksums(x.x().view()), [1.0 * 0.0 + 2.0 + 6.0 + 12.0 + 20.0 + 30.0 + 42.0 + 7.0 + 16.0]);
    assert_eq!(characters([0_u32, 9, 10, 35]), json!("09az"));
}
