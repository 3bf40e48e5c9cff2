//! Whole pipelines. Figures marked "scikit-learn" come from scikit-learn 1.9.1 with NumPy 2.4.6, run once on the
//! same arrays (`SimpleImputer`, `StandardScaler`, `OneHotEncoder(handle_unknown="ignore")`, `OrdinalEncoder(
//! handle_unknown="use_encoded_value", unknown_value=-1)`).

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ml::random::Rng;
use crate::ml::{Column, Part, Role};
use crate::param::Parameter;

const NAN: f64 = f64::NAN;

fn frame(columns: Vec<Column>) -> Frame {
    let rows = columns.first().map_or(0, Column::len);
    Frame {
        row_ids: (0..rows as u64).map(|i| 100 + i).collect(),
        columns,
        aside: Vec::new(),
        labels: Labels { codes: (0..rows as u32).map(|i| i % 2).collect(), classes: vec!["a".into(), "b".into()] },
        grouping: None,
        roles: None,
    }
}

fn training(frame: Frame) -> Training<Frame> {
    Training::new(Part::first(Role::Train), frame).unwrap()
}

fn read(steps: serde_json::Value) -> Vec<PrepareStep> {
    let shape = Vec::<PrepareStep>::shape();
    serde_json::from_value(shape.read(&steps).unwrap()).unwrap()
}

fn fit(steps: serde_json::Value, frame: &Frame) -> Result<Pipeline, MlError> {
    Pipeline::fit(&read(steps), &training(frame.clone()), Seed::new(1), Progress::none()).map(|(p, _)| p)
}

/// The array of the scikit-learn figures.
fn numbers() -> Frame {
    frame(vec![
        Column::number("x", vec![1.5, 2.25, NAN, -4.0, 10.0, 2.25]),
        Column::number("y", vec![1e6, 1e6 + 3.0, 1e6 - 7.5, 1e6 + 0.125, NAN, 1e6 + 3.0]),
        Column::number("flat", vec![0.1; 6]),
    ])
}

fn words() -> Column {
    Column::category("proto", &[Some("udp"), Some("tcp"), Some("icmp"), Some("tcp"), None, Some("udp")])
}

/// `numbers` with a column of words and two that decide the class.
fn mixed() -> Frame {
    let mut out = numbers();
    out.columns.insert(1, words());
    out.columns.push(Column::number("same as the class", vec![0.0, 1.0, 0.0, 1.0, 0.0, 1.0]));
    out
}

fn full() -> serde_json::Value {
    json!([{"impute": {"numeric": "median"}}, "drop_constant", "one_hot", {"standardize": {"except": "proto=tcp"}},
           {"select": {"top": 4, "n_estimators": 20}}])
}

fn close(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-12 * want.abs().max(1.0), "{got} instead of {want}");
}

#[test]
fn standardize_ignores_missing_values_as_scikit_learn_does() {
    let data = numbers();
    let steps = read(json!(["standardize"]));
    let table = Table::of(&data).unwrap();
    let (FittedStep::Standardize(fitted), _) =
        steps[0].fit(&table, &data.labels, Seed::new(1), Progress::none()).unwrap()
    else {
        unreachable!()
    };
    // scikit-learn: mean_ and scale_. (It has 0.09999999999999999 for the mean of the constant 0.1.)
    let want = [(2.4, 4.462622547336935), (999999.725, 3.844151401805085), (0.1, 1.0)];
    for (column, (mean, scale)) in fitted.columns.iter().zip(want) {
        close(column.mean, mean);
        close(column.scale, scale);
    }
    let mut table = table;
    fitted.apply(&mut table).unwrap();
    let x = table.columns[0].numbers().unwrap();
    close(x[0], -0.20167513394944725);
    close(x[4], 1.703034464461999);
    assert!(x[2].is_nan());
}

#[test]
fn standardize_agrees_with_scikit_learn_over_many_rows() {
    // x_i = (i^2 mod 97) / 7 + 1e4 for i in 0..=2000; scikit-learn: mean_, scale_.
    let values = (0..=2000_u32).map(|i| f64::from(i * i % 97) / 7.0 + 1e4).collect();
    let pipeline = fit(json!(["standardize"]), &frame(vec![Column::number("x", values)])).unwrap();
    let [FittedStep::Standardize(fitted)] = pipeline.steps() else { unreachable!() };
    close(fitted.columns[0].mean, 10006.86228314414);
    close(fitted.columns[0].scale, 4.334737124464181);
}

#[test]
fn impute_and_standardize_in_a_row_agree_with_scikit_learn() {
    let data = numbers();
    let pipeline = fit(json!(["impute", "standardize"]), &data).unwrap();
    let (out, applied) = pipeline.apply(&data).unwrap();
    // scikit-learn: StandardScaler on the output of SimpleImputer.
    let want = [
        [-0.22092404030397636, 0.07836512539851864],
        [-0.03682067338399604, 0.9332574024008874],
        [0.0, -2.058865567107403],
        [-1.5710153977171655, 0.113985636940284],
        [1.8655807847891337, 0.0],
        [-0.03682067338399604, 0.9332574024008874],
    ];
    for (row, want) in out.x().outer_iter().zip(want) {
        // One unit in the last place of 1e6 is 3e-11 standard deviations here.
        assert!((row[0] - want[0]).abs() < 1e-12 && (row[1] - want[1]).abs() < 1e-10, "{row} {want:?}");
        assert_eq!(row[2], 0.0);
    }
    assert_eq!(applied.filled, [("x".to_owned(), 1), ("y".to_owned(), 1)]);
    assert_eq!(out.row_ids(), [100, 101, 102, 103, 104, 105]);
}

#[test]
fn impute_knows_four_rules_for_numbers_and_two_for_words() {
    // scikit-learn: statistics_ of each strategy.
    for (rule, want) in [("mean", 2.4), ("median", 2.25), ("most_frequent", 2.25), ("constant", -9.5)] {
        let steps = json!([{"impute": {"numeric": rule, "fill_value": -9.5}}]);
        let (out, _) = fit(steps, &numbers()).unwrap().apply(&numbers()).unwrap();
        close(out.x()[[2, 0]], want);
    }
    let data = frame(vec![words()]);
    let likeliest = fit(json!(["impute", "one_hot"]), &data).unwrap();
    assert_eq!(likeliest.features(), ["proto=icmp", "proto=tcp", "proto=udp"]);
    let constant = fit(json!([{"impute": {"categorical": "constant"}}, "one_hot"]), &data).unwrap();
    assert_eq!(constant.features(), ["proto=icmp", "proto=missing", "proto=tcp", "proto=udp"]);
    let (out, _) = constant.apply(&data).unwrap();
    assert_eq!(out.x().row(4).to_vec(), [0.0, 1.0, 0.0, 0.0]);
    let hollow = frame(vec![Column::number("hollow", vec![NAN, NAN])]);
    let error = fit(json!(["impute"]), &hollow).unwrap_err().to_string();
    assert!(error.contains("\"hollow\" has no value in the training rows"), "{error}");
}

#[test]
fn one_hot_and_ordinal_agree_with_scikit_learn_and_count_unknown_words() {
    let data = frame(vec![words()]);
    let hot = fit(json!(["impute", "one_hot"]), &data).unwrap();
    let (out, _) = hot.apply(&data).unwrap();
    // scikit-learn: OneHotEncoder on the output of SimpleImputer(strategy="most_frequent").
    let want = [[0., 0., 1.], [0., 1., 0.], [1., 0., 0.], [0., 1., 0.], [0., 1., 0.], [0., 0., 1.]];
    assert!(out.x().outer_iter().zip(want).all(|(row, want)| row.to_vec() == want));
    let codes = fit(json!(["impute", "ordinal"]), &data).unwrap();
    let (out, _) = codes.apply(&data).unwrap();
    assert_eq!(out.x().column(0).to_vec(), [2.0, 1.0, 0.0, 1.0, 1.0, 2.0]);

    // Other levels, in another order, one of them new.
    let fresh = frame(vec![Column::category("proto", &[Some("udp"), Some("gre"), Some("arp"), Some("icmp")])]);
    let (out, applied) = hot.apply(&fresh).unwrap();
    assert_eq!(out.x().column(0).to_vec(), [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(out.x().column(2).to_vec(), [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(applied.unknown_categories, [("proto".to_owned(), 2)]);
    assert_eq!(applied.warnings()[0].code, Code::R04);
    let (out, applied) = codes.apply(&fresh).unwrap();
    assert_eq!(out.x().column(0).to_vec(), [2.0, -1.0, -1.0, 0.0]);
    assert_eq!(applied.unknown_categories, [("proto".to_owned(), 2)]);
    assert!(Applied::default().warnings().is_empty());
}

#[test]
fn levels_are_those_of_the_training_rows_not_of_the_table() {
    let all = frame(vec![Column::category("proto", &[Some("udp"), Some("tcp"), Some("gre"), Some("tcp")])]);
    let pipeline = fit(json!(["one_hot"]), &all.take(&[0, 1, 3])).unwrap();
    assert_eq!(pipeline.features(), ["proto=tcp", "proto=udp"]);
    assert_eq!(pipeline.inputs()[0].kind, InputKind::Category { levels: vec!["tcp".into(), "udp".into()] });
    let (_, applied) = pipeline.apply(&all).unwrap();
    assert_eq!(applied.unknown_categories, [("proto".to_owned(), 1)]);
}

#[test]
fn drop_constant_passes_over_missing_values() {
    let data = frame(vec![
        Column::number("flat", vec![1.0, NAN, 1.0]),
        Column::number("empty", vec![NAN; 3]),
        Column::number("kept", vec![1.0, 1.0, 2.0]),
        Column::category("word", &[Some("a"), None, Some("a")]),
        Column::number("zero", vec![0.0, -0.0, 0.0]),
    ]);
    let pipeline = fit(json!(["drop_constant"]), &data).unwrap();
    assert_eq!(pipeline.features(), ["kept"]);
    assert_eq!(pipeline.changes()[0].dropped, ["flat", "empty", "word", "zero"]);
    assert_eq!((pipeline.changes()[0].columns_before, pipeline.changes()[0].columns_after), (5, 1));
    let kept = fit(json!([{"drop_constant": {"except": ["zero"]}}]), &data).unwrap();
    assert_eq!(kept.features(), ["kept", "zero"]);
    // A later step may name what this one dropped: whether it does is up to the data.
    let later = json!(["drop_constant", {"standardize": {"columns": ["flat", "kept"]}}]);
    assert_eq!(fit(later, &data).unwrap().features(), ["kept"]);
}

#[test]
fn select_keeps_the_columns_that_matter_in_the_order_of_the_table() {
    let mut rng = Rng::new(Seed::new(5));
    let rows = 400;
    let labels: Vec<u32> = (0..rows).map(|i| i % 2).collect();
    let noise = |rng: &mut Rng| (0..rows).map(|_| rng.normal()).collect::<Vec<_>>();
    let signal = |rng: &mut Rng| labels.iter().map(|&c| 2.0 * f64::from(c) + rng.normal()).collect::<Vec<_>>();
    let columns = vec![
        Column::number("noise 1", noise(&mut rng)),
        Column::number("signal 1", signal(&mut rng)),
        Column::number("noise 2", noise(&mut rng)),
        Column::number("signal 2", signal(&mut rng)),
    ];
    let mut data = frame(columns);
    data.labels.codes = labels;
    let steps = json!([{"select": {"top": 2, "n_estimators": 20, "class_weight": "balanced"}}]);
    let pipeline = fit(steps.clone(), &data).unwrap();
    assert_eq!(pipeline.features(), ["signal 1", "signal 2"]);
    let importances = pipeline.importances().unwrap();
    assert_eq!(importances.len(), 4);
    assert_eq!(importances.iter().map(|i| i.selected).collect::<Vec<_>>(), [false, true, false, true]);
    close(importances.iter().map(|i| i.importance).sum(), 1.0);
    // Columns that no feature is made of are not asked for.
    assert_eq!(pipeline.inputs().iter().map(|i| i.used).collect::<Vec<_>>(), [false, true, false, true]);
    let mut fewer = data.clone();
    fewer.columns.retain(|c| c.name.starts_with("signal"));
    assert_eq!(pipeline.apply(&fewer).unwrap(), pipeline.apply(&data).unwrap());

    let kept = fit(json!([{"select": {"top": 1, "n_estimators": 20, "except": "noise 1"}}]), &data).unwrap();
    assert_eq!(kept.features().len(), 2);
    assert_eq!(kept.features()[0], "noise 1");
    assert_eq!(kept.importances().unwrap().len(), 3);
    let error = fit(json!([{"select": 5}]), &data).unwrap_err().to_string();
    assert_eq!(error, "top: select: expected at most the 4 columns there are, got 5");
    // The draws do not depend on the steps around it, and the experiment may fix them.
    let after =
        fit(json!(["drop_constant", {"select": {"top": 2, "n_estimators": 20, "class_weight": "balanced"}}]), &data);
    assert_eq!(after.unwrap().importances().unwrap(), importances);
    let fixed = read(json!([{"select": {"top": 2, "n_estimators": 20, "random_state": 7}}]));
    let with = |seed| Pipeline::fit(&fixed, &training(data.clone()), Seed::new(seed), Progress::none()).unwrap().0;
    assert_eq!(with(1), with(2));
}

#[test]
fn only_training_rows_are_learned_from() {
    let all = mixed();
    let pipeline = fit(json!(["impute", "one_hot", "standardize"]), &all.take(&[0, 1, 2, 3])).unwrap();
    let mut other = all.clone();
    if let crate::ml::Values::Number(values) = &mut other.columns[0].values {
        values[4] = 1e9;
    }
    let again = fit(json!(["impute", "one_hot", "standardize"]), &other.take(&[0, 1, 2, 3])).unwrap();
    assert_eq!(pipeline, again);
    let (_, applied) = pipeline.apply(&other).unwrap();
    assert_eq!(applied.out_of_range, [("x".to_owned(), 1)]);
    let (train, _) = pipeline.apply_training(&training(all.take(&[0, 1, 2, 3]))).unwrap();
    assert_eq!(train.get(), &pipeline.apply(&all.take(&[0, 1, 2, 3])).unwrap().0);
}

#[test]
fn columns_are_found_by_name() {
    let data = mixed();
    let pipeline = fit(full(), &data).unwrap();
    let mut turned = data.clone();
    turned.columns.reverse();
    turned.columns.insert(2, Column::number("extra", vec![NAN; 6]));
    assert_eq!(pipeline.apply(&turned).unwrap(), pipeline.apply(&data).unwrap());

    let mut without = data.clone();
    without.columns.remove(0);
    without.columns.push(Column::number("X", vec![0.0; 6]));
    let error = pipeline.apply(&without).unwrap_err().to_string();
    assert_eq!(error, "missing columns: \"x\": is \"X\" meant to be \"x\"?");

    let mut wrong = data.clone();
    wrong.columns[0] = Column::category("x", &[Some("many"); 6]);
    let error = pipeline.apply(&wrong).unwrap_err().to_string();
    assert!(error.contains("column \"x\": expected numbers as in training, got words such as \"many\""), "{error}");
    // A column without any value is of no type, so it fits both.
    wrong.columns[0] = Column::category("x", &[None::<&str>; 6]);
    assert_eq!(pipeline.apply(&wrong).unwrap().1.filled, [("x".to_owned(), 6), ("proto".into(), 1), ("y".into(), 1)]);
}

#[test]
fn what_no_model_can_take_is_an_error_that_says_the_next_move() {
    let message = |steps, frame: &Frame| fit(steps, frame).unwrap_err().to_string();
    let missing = message(json!([]), &numbers());
    assert_eq!(
        missing,
        "missing values are left after `prepare`: \"x\" (1), \"y\" (1): add `impute` to `prepare`, or drop those rows"
    );
    let word = message(json!([]), &mixed());
    assert!(word.contains("\"proto\"") && word.contains("`one_hot` or `ordinal`"), "{word}");
    let hot = message(json!(["one_hot"]), &mixed());
    assert!(hot.contains("column \"proto\" has 1 missing values: put `impute` before"), "{hot}");
    let none = message(json!(["drop_constant"]), &frame(vec![Column::number("flat", vec![1.0; 3])]));
    assert!(none.contains("no column is left after `prepare`"), "{none}");
    let before = message(json!([{"select": 2}]), &mixed());
    assert!(before.contains("words are left before `select`"), "{before}");
    let empty = message(json!([]), &numbers().take(&[]));
    assert!(empty.contains("at least one training row"), "{empty}");
    // Missing only in the rows that come later.
    let pipeline = fit(json!([]), &numbers().take(&[0, 1])).unwrap();
    assert!(pipeline.apply(&numbers()).unwrap_err().to_string().contains("\"x\" (1)"));
    let huge = frame(vec![Column::number("huge", vec![1e308, -1e308])]);
    assert!(message(json!(["standardize"]), &huge).contains("\"huge\" is too large to scale"));
}

#[test]
fn columns_and_except_are_checked() {
    let message = |steps, frame: &Frame| fit(steps, frame).unwrap_err().to_string();
    let both = json!([{"impute": {"columns": "x", "except": "y"}}]);
    assert!(read(both.clone())[0].check().is_err());
    assert_eq!(message(both, &numbers()), "except: impute: give `columns` or `except`, not both");
    let typo = message(json!([{"impute": {"columns": ["flatt"]}}]), &numbers());
    assert_eq!(typo, "columns: impute: no column \"flatt\" here: did you mean \"flat\"?");
    let typo = message(json!([{"standardize": {"except": ["bytes"]}}]), &numbers());
    assert_eq!(typo, "except: standardize: no column \"bytes\" among the 3 columns here");
    let words = message(json!(["impute", {"standardize": {"columns": ["x", "proto"]}}]), &mixed());
    assert!(words.contains("column \"proto\" holds words: put `one_hot`"), "{words}");
    let numeric = message(json!([{"one_hot": {"columns": "x"}}]), &mixed());
    assert!(numeric.contains("column \"x\" holds numbers") && numeric.contains("dataset.types"), "{numeric}");
    let many = message(json!(["impute", {"one_hot": {"max_levels": 2}}]), &mixed());
    assert!(many.contains("\"proto\" has 3 different words, at most 2"), "{many}");

    let some = fit(json!(["impute", {"standardize": {"columns": "y"}}, "ordinal"]), &mixed()).unwrap();
    let (out, _) = some.apply(&mixed()).unwrap();
    assert_eq!(out.x()[[0, 0]], 1.5);
    assert_eq!(some.features()[1], "proto");
    let mut twice = numbers();
    twice.columns[1].name = "x".into();
    assert!(message(json!(["impute"]), &twice).contains("two columns are named \"x\""));
    let mut clash = mixed();
    clash.columns.push(Column::number("proto=tcp", vec![0.0; 6]));
    assert!(message(json!(["impute", "one_hot"]), &clash).contains("two columns are named \"proto=tcp\""));
}

#[test]
fn the_language_is_strict() {
    let shape = Vec::<PrepareStep>::shape();
    for bad in [
        json!([{"impute": {"numeric": "average"}}]),
        json!([{"standardize": {"with_mea": true}}]),
        json!([{"select": {"top": 0}}]),
        json!(["scale"]),
        json!([{"one_hot": {"columns": []}}]),
    ] {
        assert!(shape.read(&bad).is_err(), "{bad}");
    }
    let PrepareStep::Select(select) = &read(json!([{"select": 15}]))[0] else { unreachable!() };
    assert_eq!((select.top, select.n_estimators), (Some(15), 100));
}

#[test]
fn a_stored_pipeline_does_the_same() {
    let data = mixed();
    let pipeline = fit(full(), &data).unwrap();
    let bytes = pipeline.to_bytes().unwrap();
    let again = Pipeline::from_bytes(&bytes).unwrap();
    assert_eq!(again, pipeline);
    assert_eq!(again.to_bytes().unwrap(), bytes);
    assert_eq!(again.apply(&data).unwrap(), pipeline.apply(&data).unwrap());
    let mut newer = bytes.clone();
    newer[0] = 3;
    let error = Pipeline::from_bytes(&newer).unwrap_err().to_string();
    assert_eq!(error, "expected a pipeline of version 2, got version 3: fit it again");
    for length in 0..bytes.len() {
        assert!(Pipeline::from_bytes(&bytes[..length]).is_err());
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let data = mixed();
    let bytes = fit(full(), &data).unwrap().to_bytes().unwrap();
    let mut rng = Rng::new(Seed::new(9));
    for _ in 0..3000 {
        let mut bad = bytes.clone();
        let at = rng.index(bad.len());
        bad[at] = rng.bits() as u8;
        if let Ok(pipeline) = Pipeline::from_bytes(&bad) {
            let _ = pipeline.apply(&data);
        }
    }
}

#[test]
fn classes_are_matched_by_name() {
    let data = numbers();
    let pipeline = fit(json!(["impute"]), &data).unwrap();
    let mut other = data.clone();
    other.labels = Labels { codes: vec![0; 6], classes: vec!["b".into()] };
    let (out, _) = pipeline.apply(&other).unwrap();
    assert_eq!((out.y(), out.classes()), (&[1; 6][..], &["a".to_owned(), "b".into()][..]));
    other.labels.classes = vec!["c".into()];
    assert!(pipeline.apply(&other).unwrap_err().to_string().contains("class \"c\" is not known"));
    let (x, _) = pipeline.transform(&data.take(&[])).unwrap();
    assert_eq!(x.dim(), (0, 3));
    assert!(pipeline.apply(&data.take(&[])).is_err());
}

fn large(rows: usize) -> Frame {
    let mut rng = Rng::new(Seed::new(3));
    let mut columns: Vec<Column> = (0..11)
        .map(|j| {
            let value = |rng: &mut Rng| if rng.below(50) == 0 { NAN } else { rng.normal() * 10_f64.powi(j) };
            Column::number(format!("n{j}"), (0..rows).map(|_| value(&mut rng)).collect())
        })
        .collect();
    let word = |rng: &mut Rng| (rng.below(9) > 0).then(|| format!("w{}", rng.below(5)));
    columns.push(Column::category("word", &(0..rows).map(|_| word(&mut rng)).collect::<Vec<_>>()));
    frame(columns)
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let data = large(7001);
    let steps = json!(["impute", "drop_constant", "one_hot", "standardize", {"select": {"top": 6, "n_estimators": 8}}]);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let pipeline = fit(steps.clone(), &data).unwrap();
            (pipeline.to_bytes().unwrap(), pipeline.apply(&data).unwrap())
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(8));
}

#[test]
fn progress_ends_at_one() {
    let last = std::sync::Mutex::new(0.0);
    let listener = |share: f64| {
        if let Ok(mut last) = last.lock() {
            assert!((0.0..=1.0).contains(&share));
            *last = share;
        }
    };
    let steps = read(full());
    Pipeline::fit(&steps, &training(mixed()), Seed::new(1), Progress::new(&listener)).unwrap();
    assert_eq!(*last.lock().unwrap(), 1.0);
}

proptest! {
    #[test]
    fn every_row_is_worked_out_by_itself(rows in prop::collection::vec(0_usize..300, 1..40)) {
        let data = large(300);
        let pipeline = fit(json!(["impute", "one_hot", "standardize"]), &data.take(&(0..200).collect::<Vec<_>>())).unwrap();
        let (all, _) = pipeline.apply(&data).unwrap();
        let (some, _) = pipeline.apply(&data.take(&rows)).unwrap();
        prop_assert_eq!(some, all.take(&rows).unwrap());
    }
}
