//! `sample`, `replace`, `clip` and `derive`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::ml::{Column, Severity};
use crate::param::Parameter;
use crate::spec::dataset::TrainOn;

const NAN: f64 = f64::NAN;

fn dataset() -> DatasetSpec {
    DatasetSpec { target: Some(Name("y".into())), keep_aside: vec![Name("port".into())], ..DatasetSpec::default() }
}

/// 12 rows: 8 of class `a`, 3 of `b`, 1 of `c`.
fn table() -> Table {
    let classes = ["a", "b", "a", "a", "c", "a", "b", "a", "a", "b", "a", "a"];
    Table {
        row_ids: (0..12).collect(),
        columns: vec![
            Column::number("Protocol", vec![6.0, 17.0, 6.0, 0.0, 6.0, 17.0, 6.0, 6.0, 17.0, NAN, 6.0, -0.0]),
            Column::number("Flow Bytes", (0..12).map(|i| f64::from(i * i)).collect()),
            Column::number("packets", (0..12).map(|i| f64::from(i % 4)).collect()),
            Column::category("flag", &[Some("yes"), Some("no")].repeat(6)),
            Column::number("port", (0..12).map(f64::from).collect()),
            Column::category("y", &classes.map(Some)),
        ],
        roles: None,
    }
}

fn read(steps: Json) -> Vec<CleanStep> {
    let read = Vec::<CleanStep>::shape().read(&steps).unwrap_or_else(|faults| panic!("{steps}: {faults:?}"));
    let steps: Vec<CleanStep> = serde_json::from_value(read).unwrap();
    steps.iter().for_each(|step| step.check().unwrap());
    steps
}

fn cleaned(steps: Json) -> Result<(Frame, Vec<LedgerEntry>, Vec<Warning>), TableError> {
    clean(table(), &dataset(), &read(steps))
}

fn column(steps: Json, name: &str) -> Column {
    cleaned(steps).unwrap().0.columns.into_iter().find(|c| c.name == name).unwrap()
}

fn counts(entry: &LedgerEntry) -> Vec<(&str, u64)> {
    entry.counts.iter().map(|(name, n)| (name.as_str(), *n)).collect()
}

fn fault(steps: Json) -> TableError {
    cleaned(steps).unwrap_err()
}

fn texts(column: &Column) -> Vec<String> {
    (0..column.len()).map(|r| column.text(r).unwrap_or_else(|| "-".into())).collect()
}

#[test]
fn samples_keep_the_order_and_are_counted_by_class() {
    let (frame, ledger, _) = cleaned(json!([{"sample": {"n": 7, "seed": 3}}])).unwrap();
    assert_eq!(frame.rows(), 7);
    assert!(frame.row_ids.is_sorted());
    assert_eq!(ledger[0].note.as_deref(), Some("n: 7"));
    assert_eq!(ledger[0].counts.iter().map(|(_, n)| n).sum::<u64>(), 5);
    let (frame, ledger, _) = cleaned(json!([{"sample": {"n": 2, "per_class": true}}])).unwrap();
    assert_eq!(frame.class_counts(), [2, 2, 1]);
    assert_eq!(counts(&ledger[0]), [("rows of a dropped", 6), ("rows of b dropped", 1)]);
    assert_eq!(ledger[0].note.as_deref(), Some("n: 2, per class"));
    // A quarter of each class, at least one row of it.
    let (frame, ..) = cleaned(json!([{"sample": {"fraction": 0.25, "per_class": true}}])).unwrap();
    assert_eq!(frame.class_counts(), [2, 1, 1]);
    assert_eq!(cleaned(json!([{"sample": 100}])).unwrap().0.rows(), 12);
}

#[test]
fn a_smaller_sample_is_part_of_a_larger_one_and_the_seed_decides() {
    let rows = |n: usize, seed: u64, each: bool| {
        cleaned(json!([{"sample": {"n": n, "seed": seed, "per_class": each}}])).unwrap().0.row_ids
    };
    for each in [false, true] {
        for n in 2..7 {
            let (small, large) = (rows(n, 5, each), rows(n + 1, 5, each));
            assert!(small.iter().all(|row| large.contains(row)), "{small:?} is not in {large:?}");
            assert_eq!(small, rows(n, 5, each));
        }
    }
    assert!((0..10).any(|seed| rows(6, seed, false) != rows(6, 99, false)));
}

#[test]
fn only_training_rows_are_thinned_out_where_the_parts_are_fixed() {
    let mut table = table();
    table.roles = Some((0..12).map(|i| if i < 8 { Role::Train } else { Role::Test }).collect());
    let steps = read(json!([{"sample": {"n": 2, "per_class": true}}]));
    let (frame, ledger, _) = clean(table, &dataset(), &steps).unwrap();
    let roles = frame.roles.as_ref().unwrap();
    assert_eq!(roles.iter().filter(|r| **r == Role::Test).count(), 4, "no test row goes");
    assert_eq!(frame.rows(), 9);
    assert_eq!(counts(&ledger[0]), [("rows of a dropped", 3), ("train rows dropped", 3), ("test rows dropped", 0)]);
}

#[test]
fn what_was_sampled_away_is_told_by_what_is_learnt() {
    let (_, ledger, _) = cleaned(json!([{"sample": {"n": 2, "per_class": true}}, {"round": 1}])).unwrap();
    let mut dataset = dataset();
    let map = |list: &[(&str, u64)]| list.iter().map(|(c, n)| ((*c).to_owned(), *n)).collect::<BTreeMap<_, _>>();
    assert_eq!(sampled_away(&ledger, &dataset), map(&[("a", 6), ("b", 1)]));
    dataset.train_on = TrainOn::Group;
    dataset.groups = [("good", vec!["c"]), ("bad", vec!["a", "b"])]
        .map(|(g, list)| (g.to_owned(), list.into_iter().map(|n| Name(n.to_owned())).collect()))
        .into();
    assert_eq!(sampled_away(&ledger, &dataset), map(&[("bad", 7)]));
}

#[test]
fn numbers_are_replaced_by_numbers_words_and_nothing() {
    let replace = |values: Json| json!([{"replace": {"columns": "Protocol", "values": values}}]);
    let numbers = column(replace(json!({"6.0": 1, "17": null})), "Protocol");
    assert_eq!(texts(&numbers), ["1", "-", "1", "0", "1", "-", "1", "1", "-", "-", "1", "-0"]);
    assert!(Table::is_numeric(&numbers));
    let words = column(replace(json!({"6": "tcp", "17": "udp", "0": null})), "Protocol");
    assert_eq!(texts(&words), ["tcp", "udp", "tcp", "-", "tcp", "udp", "tcp", "tcp", "udp", "-", "tcp", "-"]);
    // What is not replaced is kept as a word.
    let mixed = column(replace(json!({"6": "tcp"})), "Protocol");
    assert_eq!((texts(&mixed)[1].as_str(), texts(&mixed)[11].as_str()), ("17", "0"));
    let (_, ledger, warnings) = cleaned(replace(json!({"6": "tcp", "47": "gre"}))).unwrap();
    assert_eq!(counts(&ledger[0]), [("replaced cells", 6), ("47 -> gre in Protocol", 0), ("6 -> tcp in Protocol", 6)]);
    assert_eq!(warnings[0].message, "replace found no cell with \"47\": is it spelt as in the data?");
    assert_eq!((warnings[0].code, warnings[0].place.as_deref()), (Code::S20, Some("clean.0")));
    assert_eq!(warnings[0].severity, Severity::Warning);
}

#[test]
fn words_become_numbers_where_every_one_is_replaced_by_one() {
    let replace = |values: Json| json!([{"replace": {"columns": ["flag"], "values": values}}]);
    let numbers = column(replace(json!({"yes": 1, "no": 0})), "flag");
    assert_eq!(numbers, Column::number("flag", [1.0, 0.0].repeat(6)));
    assert!(!Table::is_numeric(&column(replace(json!({"yes": 1})), "flag")));
    assert_eq!(texts(&column(replace(json!({"yes": null})), "flag"))[..2], ["-", "no"]);
    // The target stays words, and several classes can become one.
    let (frame, ..) = cleaned(json!([{"replace": {"columns": "y", "values": {"b": 2, "c": 2, "a": 10}}}])).unwrap();
    assert_eq!((frame.labels.classes.as_slice(), frame.class_counts()), (&["2".into(), "10".into()][..], vec![4, 8]));
    assert_eq!(
        fault(json!([{"replace": {"columns": "Protocl", "values": {"6": 1}}}])).hints,
        ["did you mean \"Protocol\"?"]
    );
}

#[test]
fn values_are_held_to_limits_given_or_found() {
    let (frame, ledger, warnings) = cleaned(json!([{"clip": {"min": 1, "max": 50}}])).unwrap();
    let of = |name: &str| texts(frame.columns.iter().find(|c| c.name == name).unwrap()).join(" ");
    assert_eq!(of("Protocol"), "6 17 6 1 6 17 6 6 17 - 6 1");
    assert_eq!(of("Flow Bytes"), "1 1 4 9 16 25 36 49 50 50 50 50");
    assert_eq!(frame.aside[0], table().columns[4], "columns kept aside are left alone unless named");
    assert_eq!(
        counts(&ledger[0]),
        [
            ("clipped cells", 10),
            ("clipped cells in Protocol", 2),
            ("clipped cells in Flow Bytes", 5),
            ("clipped cells in packets", 3)
        ]
    );
    assert_eq!((ledger[0].note.as_deref(), warnings.len()), (Some("min 1, max 50"), 0));
    // numpy.quantile(numpy.arange(12) ** 2, [0.1, 0.75]) is [1.3, 68.25].
    let steps = json!([{"clip": {"quantiles": [0.1, 0.75], "columns": "Flow Bytes"}}]);
    let (frame, _, warnings) = cleaned(steps.clone()).unwrap();
    let Values::Number(values) = &frame.columns[1].values else { unreachable!() };
    assert!((values[0] - 1.3).abs() < 1e-12 && (values[11] - 68.25).abs() < 1e-12 && values[5] == 25.0);
    assert_eq!(
        (warnings[0].code, warnings[0].message.as_str()),
        (Code::S03, "clip took the limits of 1 column from all rows, test rows included")
    );
    // Where the parts are fixed, over the training rows.
    let mut fixed = table();
    fixed.roles = Some((0..12).map(|i| if i < 5 { Role::Train } else { Role::Test }).collect());
    let (frame, _, warnings) = clean(fixed, &dataset(), &read(steps)).unwrap();
    let Values::Number(values) = &frame.columns[1].values else { unreachable!() };
    assert!(values.iter().all(|v| (0.4..=9.0).contains(v)) && warnings.is_empty());
    assert!(fault(json!([{"clip": {"min": 0, "columns": "flag"}}])).message.contains("holds words"));
}

#[test]
fn derived_columns_are_worked_out_row_by_row_and_gaps_are_counted() {
    let steps = json!([{"derive": {"per packet": "`Flow Bytes` / packets", "tcp": "Protocol == 6"}}]);
    let (frame, ledger, _) = cleaned(steps).unwrap();
    let names: Vec<&str> = frame.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["Protocol", "Flow Bytes", "packets", "flag", "per packet", "tcp"]);
    assert_eq!(texts(&frame.columns[4])[..6], ["-", "1", "2", "3", "-", "25"]);
    assert_eq!(texts(&frame.columns[5]).join(""), "10101011".to_owned() + "0-10");
    assert_eq!(
        counts(&ledger[0]),
        [("missing results", 4), ("divisions by zero in per packet", 3), ("rows with a missing operand in tcp", 1)]
    );
    assert_eq!(ledger[0].note.as_deref(), Some("per packet = `Flow Bytes` / packets; tcp = Protocol == 6"));
    assert_eq!((ledger[0].columns_before, ledger[0].columns_after), (6, 8));
    // A later step sees them; spelt out it is the same.
    let twice = json!([{"derive": {"columns": {"a": "packets + 1"}}}, {"derive": {"b": "a * 2"}}]);
    assert_eq!(texts(&column(twice, "b"))[..4], ["2", "4", "6", "8"]);
}

#[test]
fn features_are_made_of_features_only() {
    let derive = |text: &str| fault(json!([{"round": 1}, {"derive": {"new": text}}]));
    assert_eq!(derive("packts + 1").message, "column \"packts\" is not in the table");
    assert_eq!(derive("packts + 1").hints, ["did you mean \"packets\"?"]);
    assert_eq!(derive("packts + 1").place.as_deref(), Some("clean.1.derive.new"));
    assert!(derive("y + 1").message.contains("is the target"));
    assert!(derive("port < 1024").message.contains("kept aside"));
    assert!(derive("flag + 1").message.contains("holds words"));
    assert!(derive("new + 1").message.contains("made by this same step"));
    let taken = fault(json!([{"derive": {"packets": "packets + 1"}}]));
    assert_eq!(taken.message, "there is a column \"packets\" already");
    let gone = fault(json!([{"drop_columns": "packets"}, {"derive": {"new": "packets"}}]));
    assert_eq!(gone.message, "column \"packets\" is gone: clean.0 (drop_columns) dropped it");
}

#[test]
fn parameters_that_do_not_go_together_are_found_without_data() {
    let check = |step: Json| {
        let step: CleanStep = serde_json::from_value(CleanStep::shape().read(&step).unwrap()).unwrap();
        let fault = step.check().unwrap_err();
        (fault.parameter.unwrap_or_default(), fault.message)
    };
    assert_eq!(check(json!("sample")).1, "how many rows to keep is missing");
    assert_eq!(check(json!({"sample": {"n": 3, "fraction": 0.5}})).0, "fraction");
    assert_eq!(check(json!("clip")).1, "no limit");
    assert_eq!(check(json!({"clip": {"min": 3, "max": 1}})).1, "expected at least the `min` of 3, got 1");
    assert_eq!(check(json!({"clip": {"min": 3, "quantiles": [0, 1]}})).0, "quantiles");
    for bad in [json!([0.5]), json!([0.9, 0.1]), json!([-0.1, 0.5]), json!([0.1, 1.5]), json!([0.1, 0.2, 0.3])] {
        assert_eq!(check(json!({"clip": {"quantiles": bad}})).0, "quantiles");
    }
    assert_eq!(check(json!({"replace": {"columns": "a", "values": {}}})).0, "values");
    assert_eq!(check(json!({"replace": {"columns": "a", "values": {"1": "inf"}}})).0, "values");
    assert_eq!(check(json!({"derive": {}})).1, "no column to derive");
    assert_eq!(check(json!({"derive": {" ": "a"}})).1, "a derived column has no name");
    let faults = CleanStep::shape().read(&json!({"derive": {"ratio": "a / / b"}})).unwrap_err();
    assert!(faults[0].message.ends_with("got \"/\", at character 5"), "{}", faults[0].message);
    assert_eq!(faults[0].path.len(), 2, "the fault is at the expression");
}

proptest! {
    #[test]
    fn clipping_twice_is_clipping_once(values in prop::collection::vec(prop::num::f64::ANY, 0..50), a in -5.0..5.0, b in -5.0..5.0) {
        let values: Vec<f64> = values.into_iter().filter(|v| !v.is_infinite()).collect();
        let (low, high) = (f64::min(a, b), f64::max(a, b));
        let mut once = values.clone();
        let changed = values::clip(&mut once, Some(low), Some(high));
        prop_assert!(once.iter().all(|v| v.is_nan() || (low..=high).contains(v)));
        prop_assert_eq!(changed as usize, values.iter().filter(|v| **v < low || **v > high).count());
        let mut twice = once.clone();
        prop_assert_eq!(values::clip(&mut twice, Some(low), Some(high)), 0);
    }
}
