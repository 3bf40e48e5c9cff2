//! Checks of method from the file to the record: S21, S23, S28.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;

use serde_json::Value as Json;

use super::support::Place;

/// 400 flows of class `normal`, 200 of `dos`, 40 of `rare`; only `dos` can be told from `bytes`, `rare` by nothing.
fn flows() -> String {
    let mut text = String::from("bytes,Protocol,urgent,label\n");
    for i in 0..640 {
        let (class, bytes) = match i % 16 {
            0..10 => ("normal", i % 50),
            10..15 => ("dos", 1000 + i % 70),
            _ => ("rare", i % 50),
        };
        writeln!(text, "{bytes},{},{},{class}", [6, 17, 6, 1][i % 4], usize::from(i % 5 == 0)).unwrap();
    }
    text
}

fn place(yaml: &str) -> Place {
    let place = Place::new();
    place.write("flows.csv", flows());
    place.write("e.yaml", format!("dataset:\n  path: flows.csv\n  target: label\n{yaml}"));
    place
}

/// The warnings of a code, of steps and of the run.
fn warnings(record: &Json, code: &str) -> Vec<String> {
    let of_steps = record["steps"].as_array().unwrap().iter().flat_map(|s| s["notes"]["warnings"].as_array().unwrap());
    of_steps
        .chain(record["warnings"].as_array().unwrap())
        .filter(|w| w["code"] == code)
        .map(|w| format!("{}: {}", w["place"].as_str().unwrap_or_default(), w["message"].as_str().unwrap()))
        .collect()
}

const SMOTE: &str = "prepare: [standardize]\nbalance: smote\nmodels: {decision_tree: {max_depth: 3}}\n";

#[test]
fn rows_between_codes_need_a_waiver_which_stays_in_the_record() {
    let yaml = place(SMOTE);
    let refused = yaml.run(&["run", "--quiet", "e.yaml"]).exits(2);
    let first = refused.stderr.lines().next().unwrap();
    assert_eq!(
        first,
        "error: balance.smote: smote would make rows with values between the codes of \"Protocol\" (1, 6, 17) (check S21)"
    );
    assert!(refused.stderr.contains("dataset.types: {Protocol: category}"), "{}", refused.stderr);

    let allowed = place(&format!("{SMOTE}allow: [{{check: S21, reason: it is a test}}]\n"));
    let shown = allowed.run(&["run", "e.yaml"]).exits(0).stdout;
    assert!(shown.contains("\n      allowed: it is a test\n"), "{shown}");
    let told = warnings(&allowed.record("runs"), "S21");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("balance: smote made rows with values between the codes of \"Protocol\" (1, 6, 17): "));
    assert!(told[1].contains("lie between the two values of a column that has no more: \"urgent\""), "{told:?}");

    // The ways out that the refusal names: words, and rows that are only repeated.
    let words = place(&format!(
        "  types: {{Protocol: category}}\n{}",
        SMOTE.replace("[standardize]", "[one_hot, standardize]")
    ));
    words.run(&["run", "--quiet", "e.yaml"]).exits(0);
    let told = warnings(&words.record("runs"), "S21");
    assert!(told.len() == 1 && told[0].contains("\"Protocol=1\""), "{told:?}");
    let repeated = place(&SMOTE.replace("smote", "random_over"));
    repeated.run(&["run", "--quiet", "e.yaml"]).exits(0);
    assert_eq!(warnings(&repeated.record("runs"), "S21"), Vec::<String>::new());
}

#[test]
fn classes_that_were_thinned_out_and_made_up_again_are_named() {
    let yaml = |clean: &str, balance: &str| {
        let place =
            place(&format!("clean: [{clean}]\nbalance: {balance}\nmodels: {{decision_tree: {{max_depth: 3}}}}\n"));
        place.run(&["run", "--quiet", "e.yaml"]).exits(0);
        warnings(&place.record("runs"), "S23")
    };
    let told = yaml("round: 1, sample: {fraction: 0.5, per_class: true}", "random_over");
    assert_eq!(
        told,
        [
            "clean.1: rows dropped by sample, then made up by random_over: \"dos\" (100 dropped, 80 made up), \"rare\" (20 dropped, 144 made up)"
        ]
    );
    // Small classes that stay whole, or no rows that are made up: nothing to say.
    assert_eq!(yaml("sample: {n: 200, per_class: true}", "random_over"), Vec::<String>::new());
    assert_eq!(yaml("sample: {fraction: 0.5, per_class: true}", "random_under"), Vec::<String>::new());
}

/// The file of arrays has the raw rows only where they are the first of the balanced ones.
#[test]
fn rows_that_balancing_leaves_out_are_no_fault_of_the_published_arrays() {
    let under = place("balance: random_under\nmodels: {decision_tree: {max_depth: 3}}\n");
    under.run(&["run", "--quiet", "e.yaml"]).exits(0);
    let arrays = fs::read(under.runs("runs")[0].join("processed_data.npz")).unwrap();
    let arrays = runner::table::read_npz("processed_data.npz", &arrays).unwrap();
    assert!(arrays.x_train_unsmote.is_none());
    assert_eq!(arrays.y_train.iter().filter(|&&c| c == 0).count() * 3, arrays.y_train.len());
}

#[test]
fn a_class_that_its_group_hides_is_named_with_its_recall() {
    let groups = "  groups: {attack: [dos, rare], benign: [normal]}\n  positive: attack\n";
    let rest = "split: {stratified: {test_size: 0.5}}\nmodels: {decision_tree: {max_depth: 1}, kmeans: {n_clusters: 2}}\nevaluate: {winner: {metric: accuracy, on: test}}\n";
    let place = place(&format!("{groups}  train_on: group\n{rest}"));
    let shown = place.run(&["run", "e.yaml"]).exits(0).stdout;
    let record = place.record("runs");
    let tree = &record["models"][0]["test"];
    let recall = |class: &str| {
        tree["group_recalls"].as_array().unwrap().iter().find(|r| r["class"] == class).unwrap()["recall"]
            .as_f64()
            .unwrap()
    };
    assert_eq!((recall("dos"), recall("rare"), recall("normal")), (1.0, 0.0, 1.0));
    let told = warnings(&record, "S28");
    assert!(told[0].starts_with("models.decision_tree: on test: the group \"attack\" has recall 0."), "{told:?}");
    assert!(told[0].contains("but of its classes \"rare\" 0.00 of "), "{told:?}");
    assert!(
        shown.contains("\n   recall by class, test   group  rows  decision_tree  kmeans  majority\n   rare "),
        "{shown}"
    );
    let folder = place.runs("runs").pop().unwrap();
    let csv = fs::read_to_string(folder.join("binary_label/recall_by_class.csv")).unwrap();
    assert_eq!(csv.lines().next(), Some("model,class,group,support,found,recall,group_recall"));
    assert_eq!(csv.lines().count(), 1 + 3 * 3, "three models, three classes:\n{csv}");
    assert!(csv.contains("\nmajority,normal,benign,"), "{csv}");

    // Where the classes are learnt, the same figures are read off them, and nothing is hidden that needs a warning.
    place.write("classes.yaml", format!("dataset:\n  path: flows.csv\n  target: label\n{groups}{rest}"));
    place.run(&["run", "--quiet", "--runs", "classes", "classes.yaml"]).exits(0);
    let record = place.record("classes");
    assert_eq!(record["models"][0]["test"]["group_recalls"].as_array().unwrap().len(), 3);
    assert_eq!(warnings(&record, "S28"), Vec::<String>::new());
}

#[test]
fn groups_without_a_positive_one_are_judged_too() {
    let place = place("  groups: {attack: [dos, rare], benign: [normal]}\nmodels: {decision_tree: {max_depth: 1}}\n");
    place.run(&["run", "--quiet", "e.yaml"]).exits(0);
    let test = &place.record("runs")["models"][0]["test"]["values"];
    assert!(test["group_accuracy"]["defined"].as_f64().unwrap() > 0.8);
    assert_eq!(test.get("group_recall"), None);
    let folder = place.runs("runs").pop().unwrap();
    let csv = fs::read_to_string(folder.join("binary_label/label_from_type_metrics.csv")).unwrap();
    let row: Vec<&str> = csv.lines().nth(1).unwrap().split(',').collect();
    assert!(row[1].parse::<f64>().unwrap() > 0.8 && row[2].is_empty(), "{csv}");
}
