//! Paired tests and intervals against SciPy: `tests/golden/paired.json`.

#![allow(clippy::unwrap_used)]

use runner::ml::metrics::paired::{Bootstrap, Pairs, interval, mcnemar, wilson};
use runner::ml::metrics::{ConfusionMatrix, Metric};
use serde_json::Value as Json;

use super::golden::{golden, list, number, numbers, whole};

#[track_caller]
fn near(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-10 * want.abs(), "got {got}, want {want}");
}

#[test]
fn mcnemar_is_scipys() {
    let golden = golden("paired");
    for (kind, exact) in [("exact", true), ("corrected", false)] {
        for case in list(&golden["mcnemar"][kind]) {
            let test = mcnemar(case["only_first"].as_u64().unwrap(), case["only_second"].as_u64().unwrap());
            assert_eq!(test.exact, exact, "{case}");
            near(test.p_value, number(&case["p"]));
        }
    }
}

#[test]
fn wilson_is_scipys() {
    for case in list(&golden("paired")["wilson"]) {
        let got = wilson(case["part"].as_u64().unwrap(), case["whole"].as_u64().unwrap());
        for (got, want) in got.into_iter().zip(numbers(&case["interval"])) {
            near(got, want);
        }
    }
}

/// Both draw 20,000 resamples of their own, so ends agree as far as chance lets them: the standard error of an end is
/// about 0.7 % of the width, and two of them differ by less than 4 %. A metric of few rows moves in steps besides.
#[track_caller]
fn overlap(got: [f64; 2], want: &Json, step: f64) {
    let want = numbers(want);
    let room = 0.04 * (want[1] - want[0]) + step;
    for (got, want) in got.into_iter().zip(want) {
        assert!((got - want).abs() <= room, "got {got}, want {want} within {room}");
    }
}

#[test]
fn bootstrap_intervals_are_scipys() {
    let golden = golden("paired");
    let b = &golden["bootstrap"];
    let classes = b["classes"].as_u64().unwrap() as usize;
    let column = |name: &str| whole::<u32>(&b[name]);
    let (y_true, first, second) = (column("y_true"), column("first"), column("second"));
    let pairs = Pairs::new(classes, &y_true, &first, &second);
    let confusion = ConfusionMatrix::new(&y_true, &first, classes).unwrap();
    let many = Bootstrap { resamples: 20_000, ..Bootstrap::default() };
    for case in list(&b["metrics"]) {
        let (metric, step) = match case["metric"].as_str().unwrap() {
            "accuracy" => (Metric::Accuracy, 1.0 / y_true.len() as f64),
            _ => (Metric::F1Macro, 0.0),
        };
        overlap(interval(&confusion, metric, &many).unwrap(), &case["first"], step);
        let (difference, ends) = pairs.difference(metric, &many).unwrap();
        near(difference, number(&case["difference"]));
        overlap(ends, &case["difference_interval"], step);
    }
}
