//! What every model owes, whatever it learns: each kind of [`ModelSpec`] x each check. The kinds are read off the
//! declaration, so a new one is checked from its first day. A model may opt out of a check, with the reason, as long as
//! it really fails it; a panic is never excused.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::{Array2, Axis, concatenate, s};
use runner::digest::Seed;
use runner::ml::random::Rng;
use runner::ml::{Dataset, FittedModel, MlError, ModelSpec, Numerics, Part, Progress, Role, Training};
use runner::param::{Parameter, Variant};
use serde_json::{Value as Json, json};

/// The parameters under which a kind is checked: small, and such that the easy set is easy. A kind that is not here is
/// checked with its defaults.
fn parameters(kind: &str) -> Json {
    match kind {
        "random_forest" | "extra_trees" => json!({"n_estimators": 15}),
        "mlp" => json!({"hidden_layer_sizes": [12], "max_iter": 60, "batch_size": 32, "learning_rate_init": 0.01}),
        "kmeans" => json!({"n_clusters": 3, "n_init": 4}),
        "gaussian_mixture" => json!({"n_components": 3}),
        "dbscan" => json!({"eps": 2.0, "min_samples": 3}),
        _ => json!({}),
    }
}

/// (model, check, why it does not hold). Each must fail, without a panic.
const OPT_OUTS: &[(&str, &str, &str)] = &[
    ("majority", "beats_the_majority_class", "it is the majority class"),
    ("kmeans", "one_row", "three clusters need three rows: anything else is an error that says so"),
    ("gaussian_mixture", "one_row", "three components need three rows: anything else is an error that says so"),
    ("knn", "one_row", "five neighbours need five rows: anything else is an error that says so"),
];

type Check = fn(&ModelSpec) -> Result<(), String>;

const CHECKS: &[(&str, Check)] = &[
    ("same_seed_same_bits", same_seed_same_bits),
    ("threads_change_no_bit", threads_change_no_bit),
    ("refit_forgets", refit_forgets),
    ("input_is_untouched", input_is_untouched),
    ("rows_are_predicted_by_themselves", rows_are_predicted_by_themselves),
    ("no_rows_are_predicted", no_rows_are_predicted),
    ("probabilities_sum_to_one", probabilities_sum_to_one),
    ("prediction_is_the_most_probable_class", prediction_is_the_most_probable_class),
    ("wrong_width_is_an_error", wrong_width_is_an_error),
    ("nan_and_infinity_are_errors", nan_and_infinity_are_errors),
    ("one_class", one_class),
    ("one_row", one_row),
    ("constant_column", constant_column),
    ("nothing_but_constants", nothing_but_constants),
    ("class_missing_from_training", class_missing_from_training),
    ("huge_values_never_panic", huge_values_never_panic),
    ("stored_model_predicts_the_same_bits", stored_model_predicts_the_same_bits),
    ("damaged_model_never_panics", damaged_model_never_panics),
    ("beats_the_majority_class", beats_the_majority_class),
];

#[test]
fn every_model_passes_every_check() {
    let kinds: Vec<ModelSpec> = ModelSpec::choice().variants.iter().map(spec).collect();
    let mut ran = 0;
    let mut faults = Vec::new();
    for (kind, check, _) in OPT_OUTS {
        let known = kinds.iter().any(|k| k.word() == *kind) && CHECKS.iter().any(|(name, _)| name == check);
        if !known {
            faults.push(format!("opt-out {kind}::{check}: there is no such model or check"));
        }
    }
    for spec in &kinds {
        for (name, check) in CHECKS {
            let entry = format!("{}::{name}", spec.word());
            let opt_out = OPT_OUTS.iter().find(|(k, c, _)| *k == spec.word() && c == name);
            ran += 1;
            match (catch_unwind(AssertUnwindSafe(|| check(spec))), opt_out) {
                (Err(_), _) => faults.push(format!("{entry}: panicked")),
                (Ok(Ok(())), None) => eprintln!("{entry}: ok"),
                (Ok(Err(problem)), None) => faults.push(format!("{entry}: {problem}")),
                (Ok(Ok(())), Some(_)) => faults.push(format!("{entry}: opted out, but it holds: check it")),
                (Ok(Err(_)), Some((_, _, reason))) => eprintln!("{entry}: opted out: {reason}"),
            }
        }
    }
    assert!(faults.is_empty(), "{} of {ran} checks failed:\n{}", faults.len(), faults.join("\n"));
    assert_eq!((kinds.len(), CHECKS.len(), ran), (11, 19, 209), "say here how many models and checks there are");
}

fn spec(variant: &Variant) -> ModelSpec {
    let written = json!({variant.name: parameters(variant.name)});
    let read = ModelSpec::shape().read(&written).unwrap();
    serde_json::from_value(read).unwrap()
}

/// Three clouds far from each other in four columns, with 3 : 2 : 1 rows.
fn easy(rows: usize, seed: u64) -> Dataset {
    let mut rng = Rng::new(Seed::new(seed));
    let y: Vec<u32> = (0..rows).map(|i| [0, 0, 0, 1, 1, 2][i % 6]).collect();
    let x = Array2::from_shape_fn((rows, 4), |(i, j)| {
        let center = if j % 2 == 0 { 6.0 } else { -6.0 } * f64::from(y[i]);
        center + 0.5 * rng.normal()
    });
    data_set(x, y, 3)
}

fn data_set(x: Array2<f64>, y: Vec<u32>, n_classes: usize) -> Dataset {
    let names = |prefix: &str, n: usize| (0..n).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
    let (rows, width) = x.dim();
    Dataset::new(x, y, names("class ", n_classes), names("x", width), (0..rows as u64).collect()).unwrap()
}

fn fit(spec: &ModelSpec, data: &Dataset) -> Result<FittedModel, MlError> {
    let train = Training::new(Part::first(Role::Train), data.clone()).unwrap();
    spec.fit(&train, Seed::new(7), Numerics::Portable, Progress::none()).map(|(model, _)| model)
}

fn fitted(spec: &ModelSpec, data: &Dataset) -> Result<FittedModel, String> {
    fit(spec, data).map_err(|e| format!("fit: {e}"))
}

fn probabilities(model: &FittedModel, x: &Array2<f64>) -> Result<Array2<f64>, String> {
    model.predict_proba(x.view()).map_err(|e| format!("predict: {e}"))
}

fn bytes(model: &FittedModel) -> Vec<u8> {
    postcard::to_stdvec(model).unwrap()
}

fn bits(values: &Array2<f64>) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn holds(condition: bool, otherwise: &str) -> Result<(), String> {
    if condition { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn same_seed_same_bits(spec: &ModelSpec) -> Result<(), String> {
    let (train, test) = (easy(120, 1), easy(60, 2));
    let (a, b) = (fitted(spec, &train)?, fitted(spec, &train)?);
    holds(bytes(&a) == bytes(&b), "two fits gave different models")?;
    let (p, q) = (probabilities(&a, test.x())?, probabilities(&b, test.x())?);
    holds(bits(&p) == bits(&q), "two fits predict differently")
}

/// Enough rows for several blocks of every kernel.
fn threads_change_no_bit(spec: &ModelSpec) -> Result<(), String> {
    let (train, test) = (easy(2600, 1), easy(1500, 2));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let model = fitted(spec, &train)?;
            let predicted = probabilities(&model, test.x())?;
            Ok::<_, String>((bytes(&model), bits(&predicted)))
        })
    };
    let one = run(1)?;
    holds(one == run(2)?, "1 and 2 threads differ")?;
    holds(one == run(8)?, "1 and 8 threads differ")
}

fn refit_forgets(spec: &ModelSpec) -> Result<(), String> {
    let (train, other) = (easy(120, 1), easy(90, 3));
    let other = data_set(other.x().slice(s![.., ..3]).to_owned(), other.y().iter().map(|c| (c + 1) % 4).collect(), 4);
    let (untouched, first) = (spec.clone(), bytes(&fitted(spec, &train)?));
    fitted(spec, &other)?;
    holds(bytes(&fitted(spec, &train)?) == first, "a fit remembers the one before")?;
    holds(*spec == untouched, "a fit changed the parameters")
}

fn input_is_untouched(spec: &ModelSpec) -> Result<(), String> {
    let train = Training::new(Part::first(Role::Train), easy(120, 1)).unwrap();
    let (before, test) = (postcard::to_stdvec(train.get()).unwrap(), easy(60, 2));
    let (model, _) = spec.fit(&train, Seed::new(7), Numerics::Portable, Progress::none()).map_err(|e| e.to_string())?;
    let (rows, model_before) = (bits(test.x()), bytes(&model));
    probabilities(&model, test.x())?;
    model.clusters(test.x().view()).map_err(|e| e.to_string())?;
    holds(postcard::to_stdvec(train.get()).unwrap() == before, "the training rows changed")?;
    holds(bits(test.x()) == rows, "the predicted rows changed")?;
    holds(bytes(&model) == model_before, "predicting changed the model")
}

/// Any subset, in any order, in any layout, gives each row what it gets among all.
fn rows_are_predicted_by_themselves(spec: &ModelSpec) -> Result<(), String> {
    let (model, test) = (fitted(spec, &easy(120, 1))?, easy(700, 2));
    let all = probabilities(&model, test.x())?;
    let mut order: Vec<usize> = (0..700).collect();
    Rng::new(Seed::new(5)).shuffle(&mut order);
    for rows in [&order[..], &order[..33], &order[40..41]] {
        let some = probabilities(&model, &test.x().select(Axis(0), rows))?;
        holds(bits(&some) == bits(&all.select(Axis(0), rows)), "a row's prediction depends on other rows")?;
    }
    let mut columns_first = Array2::zeros((4, 700));
    columns_first.assign(&test.x().t());
    let turned = model.predict_proba(columns_first.t()).map_err(|e| e.to_string())?;
    holds(bits(&turned) == bits(&all), "the layout in memory changes the prediction")
}

fn no_rows_are_predicted(spec: &ModelSpec) -> Result<(), String> {
    let model = fitted(spec, &easy(120, 1))?;
    let none = probabilities(&model, &Array2::zeros((0, 4)))?;
    holds(none.dim() == (0, 3), "no rows: expected a shape of (0, 3)")
}

fn probabilities_sum_to_one(spec: &ModelSpec) -> Result<(), String> {
    let (model, mut test) = (fitted(spec, &easy(120, 1))?, easy(300, 2).x().clone());
    test.slice_mut(s![100.., ..]).mapv_inplace(|v| v * 7.0 - 20.0); // far from all training rows
    let p = probabilities(&model, &test)?;
    holds(p.dim() == (300, 3), "expected a shape of (300, 3)")?;
    holds(model.width() == 4 && model.classes() == easy(6, 1).classes(), "it does not know its width or classes")?;
    holds(p.iter().all(|v| (0.0..=1.0).contains(v)), "a probability is not in [0, 1]")?;
    holds(p.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12), "a row does not sum to 1")
}

fn prediction_is_the_most_probable_class(spec: &ModelSpec) -> Result<(), String> {
    let (model, test) = (fitted(spec, &easy(120, 1))?, easy(60, 2));
    let p = probabilities(&model, test.x())?;
    let predicted = model.predict(test.x().view()).map_err(|e| e.to_string())?;
    for (row, &class) in p.outer_iter().zip(&predicted) {
        let best = row.iter().copied().fold(0.0, f64::max);
        let lowest = row.iter().position(|&v| v == best);
        holds(lowest == Some(class as usize), "expected the lowest of the most probable classes")?;
    }
    Ok(())
}

fn wrong_width_is_an_error(spec: &ModelSpec) -> Result<(), String> {
    let model = fitted(spec, &easy(120, 1))?;
    for got in [0, 3, 5] {
        let (x, expected) = (Array2::<f64>::zeros((2, got)), MlError::Width { expected: 4, got });
        holds(model.predict_proba(x.view()) == Err(expected.clone()), "predict_proba takes another width")?;
        holds(model.predict(x.view()) == Err(expected.clone()), "predict takes another width")?;
        holds(model.clusters(x.view()) == Err(expected), "clusters takes another width")?;
    }
    Ok(())
}

/// In the rows to predict. In training rows they cannot be: a `Dataset` refuses them.
fn nan_and_infinity_are_errors(spec: &ModelSpec) -> Result<(), String> {
    let (model, test) = (fitted(spec, &easy(120, 1))?, easy(60, 2));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut x = test.x().clone();
        x[[41, 2]] = bad;
        let expected = MlError::NotFinite { row: 41, column: 2, value: bad.to_string() };
        holds(model.predict_proba(x.view()) == Err(expected.clone()), "predict_proba takes it")?;
        holds(model.predict(x.view()) == Err(expected.clone()), "predict takes it")?;
        holds(model.clusters(x.view()) == Err(expected), "clusters takes it")?;
        let refused =
            Dataset::new(x, test.y().to_vec(), test.classes().to_vec(), test.features().to_vec(), vec![0; 60]);
        holds(refused.is_err(), "a data set takes it")?;
    }
    Ok(())
}

/// Every row gets the only class there is, for sure.
fn only_class(model: &FittedModel, x: &Array2<f64>) -> Result<(), String> {
    holds(probabilities(model, x)?.iter().all(|&p| p == 1.0), "the only class should have probability 1")
}

fn one_class(spec: &ModelSpec) -> Result<(), String> {
    let train = data_set(easy(120, 1).x().clone(), vec![0; 120], 1);
    only_class(&fitted(spec, &train)?, easy(60, 2).x())
}

fn one_row(spec: &ModelSpec) -> Result<(), String> {
    let row = easy(120, 1).x().slice(s![..1, ..]).to_owned();
    only_class(&fitted(spec, &data_set(row, vec![0], 1))?, easy(60, 2).x())
}

fn accuracy(model: &FittedModel, data: &Dataset) -> Result<f64, String> {
    let predicted = model.predict(data.x().view()).map_err(|e| e.to_string())?;
    let right = predicted.iter().zip(data.y()).filter(|(p, t)| p == t).count();
    Ok(right as f64 / data.rows() as f64)
}

/// A column that never varies does no harm.
fn constant_column(spec: &ModelSpec) -> Result<(), String> {
    let with = |data: &Dataset| {
        let constant = Array2::from_elem((data.rows(), 1), 3.25);
        data_set(concatenate(Axis(1), &[data.x().view(), constant.view()]).unwrap(), data.y().to_vec(), 3)
    };
    let (train, test) = (easy(120, 1), easy(60, 2));
    let plain = accuracy(&fitted(spec, &train)?, &test)?;
    let got = accuracy(&fitted(spec, &with(&train))?, &with(&test))?;
    holds((got - plain).abs() < 0.05, &format!("accuracy {got} with a constant column, {plain} without"))
}

/// Nothing to learn from: finite probabilities, each row alike.
fn nothing_but_constants(spec: &ModelSpec) -> Result<(), String> {
    let train = data_set(Array2::from_elem((120, 2), -1.5), easy(120, 1).y().to_vec(), 3);
    let p = probabilities(&fitted(spec, &train)?, train.x())?;
    holds(p.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12), "a row does not sum to 1")?;
    holds(p.outer_iter().all(|row| row == p.row(0)), "equal rows are predicted differently")
}

fn class_missing_from_training(spec: &ModelSpec) -> Result<(), String> {
    let train = easy(120, 1);
    for gone in 0..3 {
        let rows: Vec<usize> = (0..120).filter(|&r| train.y()[r] != gone).collect();
        let model = fitted(spec, &train.take(&rows).unwrap())?;
        let p = probabilities(&model, easy(60, 2).x())?;
        holds(p.ncols() == 3, "the class has no column")?;
        holds(p.column(gone as usize).iter().all(|&v| v == 0.0), "a class without training rows gets a probability")?;
        holds(p.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-12), "a row does not sum to 1")?;
    }
    Ok(())
}

/// Values near the end of f64, in training and at prediction: an error, or probabilities that are some.
fn huge_values_never_panic(spec: &ModelSpec) -> Result<(), String> {
    let proper = |p: &Array2<f64>| p.outer_iter().all(|row| (row.sum() - 1.0).abs() < 1e-9);
    let (train, test) = (easy(120, 1), easy(60, 2));
    let model = fitted(spec, &train)?;
    for scale in [1e30, 1e154, 1e300] {
        let (large_train, large) = (train.x() * scale, test.x() * scale);
        if let Ok(p) = model.predict_proba(large.view()) {
            holds(proper(&p), &format!("rows of {scale:e}: a row does not sum to 1"))?;
        }
        let refitted = fit(spec, &data_set(large_train, train.y().to_vec(), 3));
        if let Ok(p) = refitted.and_then(|model| model.predict_proba(large.view())) {
            holds(proper(&p), &format!("fitted on {scale:e}: a row does not sum to 1"))?;
        }
    }
    Ok(())
}

fn stored_model_predicts_the_same_bits(spec: &ModelSpec) -> Result<(), String> {
    let (model, test) = (fitted(spec, &easy(120, 1))?, easy(60, 2));
    let stored = bytes(&model);
    let again: FittedModel = postcard::from_bytes(&stored).map_err(|e| e.to_string())?;
    holds(again == model && bytes(&again) == stored, "it does not come back as it was stored")?;
    holds(bits(&probabilities(&again, test.x())?) == bits(&probabilities(&model, test.x())?), "it predicts other bits")
}

/// A stored model that was cut short is refused.
fn damaged_model_never_panics(spec: &ModelSpec) -> Result<(), String> {
    let stored = bytes(&fitted(spec, &easy(60, 1))?);
    let step = (stored.len() / 200).max(1);
    for length in (0..stored.len()).step_by(step) {
        holds(postcard::from_bytes::<FittedModel>(&stored[..length]).is_err(), "a model that was cut short is read")?;
    }
    Ok(())
}

fn beats_the_majority_class(spec: &ModelSpec) -> Result<(), String> {
    let test = easy(60, 2);
    let got = accuracy(&fitted(spec, &easy(120, 1))?, &test)?;
    holds(got >= 0.9, &format!("accuracy {got} on an easy set whose largest class has half of the rows"))
}
