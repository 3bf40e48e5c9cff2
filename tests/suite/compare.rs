//! `runner compare`, `runner report` and `runner show --format` as a user sees them. How the pages look and work is
//! tried in a browser: tests/browser.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use runner::table::{PlainValues, read_predictions_parquet};
use serde_json::{Value as Json, json};

use super::support::{Place, snapshot};

/// Two classes that overlap, so that models differ; names that would be tags and formulas.
const HOSTILE: [&str; 2] = ["<script>alert(1)</script>", "=1+1"];

fn table() -> String {
    let mut csv = String::from("a,b,label\n");
    for i in 0..240 {
        let class = usize::from((i * 7) % 11 > 5);
        let shift = if class == 1 { 4 } else { 0 };
        csv.push_str(&format!("{},{},{}\n", (i * 13) % 17 + shift, (i * 5) % 19, HOSTILE[class]));
    }
    csv
}

fn experiment(models: &str, seed: u64, clean: &str) -> String {
    format!(
        "name: tried\nseed: {seed}\ndataset: {{path: flows.csv, target: label}}\n{clean}\n\
         split: {{stratified: {{test_size: 0.4}}}}\nprepare: [standardize]\nmodels:\n{models}\n\
         evaluate: {{winner: accuracy}}\n"
    )
}

const MODELS: &str = "  knn: {n_neighbors: 3}\n  decision_tree: {max_depth: 2}";

fn with_runs(files: &[String]) -> Place {
    let place = Place::new();
    place.write("flows.csv", table());
    for (i, text) in files.iter().enumerate() {
        let name = format!("{i}.yaml");
        place.write(&name, text);
        place.run(&["run", &name, "--quiet"]).exits(0);
    }
    place
}

fn two() -> Place {
    with_runs(&[
        experiment(MODELS, 1, ""),
        experiment("  knn: {n_neighbors: 9}\n  decision_tree: {max_depth: 2}", 1, ""),
    ])
}

/// True and predicted classes by row id.
fn said(run: &Path, model: &str) -> BTreeMap<u64, (String, String)> {
    let columns =
        read_predictions_parquet(&fs::read(run.join(format!("predictions/{model}.parquet"))).unwrap()).unwrap();
    let of = |name: &str| &columns.iter().find(|c| c.name == name).unwrap().values;
    let (PlainValues::U64(ids), PlainValues::Text(t), PlainValues::Text(p)) =
        (of("row_id"), of("y_true"), of("y_pred"))
    else {
        unreachable!("columns of other types")
    };
    ids.iter().zip(t.iter().zip(p)).map(|(id, (t, p))| (*id, (t.clone(), p.clone()))).collect()
}

#[test]
fn the_tests_count_what_the_predictions_say() {
    let place = two();
    let json = place.run(&["compare", "--last", "2", "--output", "json"]).exits(0).json();
    let fields: Vec<&str> = json["config"].as_array().unwrap().iter().map(|v| v["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["models.knn.n_neighbors"]);
    assert_eq!(json["config"][0]["values"], json!([3, 9]));
    let entries = json["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 6, "three models of two runs");
    let folder = |e: &Json| place.path("runs").join(e["run"].as_str().unwrap());
    let pairs = json["pairs"].as_array().unwrap();
    // All within a run, winners, and those of one name: of 15 pairs those that compare like with like.
    assert!(pairs.len() >= 9, "{}", pairs.len());
    for pair in pairs {
        let (a, b) =
            (&entries[pair["first"].as_u64().unwrap() as usize], &entries[pair["second"].as_u64().unwrap() as usize]);
        let (x, y) = (said(&folder(a), a["model"].as_str().unwrap()), said(&folder(b), b["model"].as_str().unwrap()));
        assert_eq!(x.keys().collect::<Vec<_>>(), y.keys().collect::<Vec<_>>());
        let right = |row: &(String, String)| row.0 == row.1;
        let only = |x: &BTreeMap<u64, (String, String)>, y: &BTreeMap<u64, (String, String)>| {
            x.iter().filter(|(id, row)| right(row) && !right(&y[*id])).count() as u64
        };
        assert_eq!(pair["mcnemar"]["only_first"], json!(only(&x, &y)));
        assert_eq!(pair["mcnemar"]["only_second"], json!(only(&y, &x)));
        assert!(pair["p_adjusted"].as_f64() >= pair["mcnemar"]["p_value"].as_f64());
        let value = |e: &Json| e["values"]["accuracy"].as_f64().unwrap();
        let [difference, low, high] =
            ["/0", "/1/0", "/1/1"].map(|at| pair["differences"]["accuracy"].pointer(at).unwrap().as_f64().unwrap());
        assert!((difference - (value(b) - value(a))).abs() < 1e-12);
        assert!(low <= difference && difference <= high);
        let verdict = pair["verdict"].as_str().unwrap();
        assert_eq!(verdict != "same", (low > 0.0 || high < 0.0) && pair["p_adjusted"].as_f64().unwrap() < 0.05);
    }
    assert!(json["cautions"].as_array().unwrap().iter().all(|c| !c.as_str().unwrap().contains("rows")));
}

#[test]
fn the_same_runs_give_the_same_page_and_names_are_text() {
    let place = two();
    let page = |name: &str, threads: &str| {
        let args = ["compare", "latest", "-o", name];
        let done = place.run_with(&args, &[("RAYON_NUM_THREADS", threads)]).exits(0);
        (fs::read_to_string(place.path(name)).unwrap(), done.stdout.replace(name, "<page>"))
    };
    let one = page("one.html", "1");
    assert_eq!(one, page("eight.html", "8"));
    assert!(one.0.contains("&lt;script&gt;alert(1)&lt;"), "class names are in the page");
    assert!(!one.0.contains("<script>alert"));
    assert_eq!(one.0.matches("<script").count(), 1, "the page's own script alone");
    assert!(!one.0.contains("http:") && !one.0.contains("https:"), "nothing from outside");
}

#[test]
fn other_rows_and_other_data_are_said() {
    let clean = "clean: [{drop_duplicates: {}}]";
    let place = with_runs(&[experiment(MODELS, 1, ""), experiment(MODELS, 2, ""), experiment(MODELS, 1, clean)]);
    let cautions = |args: &[&str]| {
        let json = place.run(&[&["compare", "--output", "json"], args].concat()).exits(0).json();
        json["cautions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let names: Vec<String> =
        place.runs("runs").iter().map(|r| r.file_name().unwrap().to_string_lossy().into_owned()).collect();
    let text = cautions(&["--all"]);
    assert!(text.contains("different sets of test rows"), "{text}");
    assert!(text.contains("S09"), "{text}");
    place.write("flows.csv", table().replace("\n3,", "\n4,"));
    place.run(&["run", "0.yaml", "--quiet"]).exits(0);
    let text = cautions(&["latest", &names[0]]);
    assert!(text.contains("2 different data sets"), "{text}");
    // A run that was killed has no record; the others are compared.
    fs::remove_file(place.path("runs").join(&names[1]).join("record.json")).unwrap();
    let text = cautions(&["--all"]);
    assert!(text.contains(&format!("{} is left out", names[1])), "{text}");
    let done = place.run(&["compare", &names[1]]).exits(2);
    assert!(done.stderr.contains("none of these runs has a record"), "{}", done.stderr);
}

#[test]
fn a_pair_without_its_predictions_is_not_tested() {
    let place = two();
    for run in place.runs("runs") {
        fs::write(run.join("predictions/knn.parquet"), b"PAR1 changed by somebody").unwrap();
        fs::remove_file(run.join("predictions/decision_tree.parquet")).unwrap();
        fs::remove_file(run.join("predictions/majority.parquet")).unwrap();
    }
    let json = place.run(&["compare", "--all", "--output", "json"]).exits(0).json();
    assert_eq!(json["pairs"], json!([]));
    assert!(json["untested"].as_str().unwrap().contains("predictions"), "{}", json["untested"]);
    assert!(json["verdict"].as_str().unwrap().ends_with("not tested"), "{}", json["verdict"]);
}

#[test]
fn runs_are_named_by_id_beginning_experiment_pattern_and_number() {
    let place = two();
    place.run(&["run", "0.yaml", "--quiet", "--set", "name=other"]).exits(0);
    let runs = |args: &[&str]| {
        let json = place.run(&[&["compare", "--output", "json"], args].concat()).exits(0).json();
        json["runs"].as_array().unwrap().len()
    };
    assert_eq!(runs(&["tried"]), 2);
    assert_eq!(runs(&["*-other-*"]), 1);
    assert_eq!(runs(&["other", "latest", "*-tried-*"]), 3, "each once");
    assert_eq!(runs(&["--last", "2"]), 2);
    assert_eq!(runs(&["--all"]), 3);
    assert_eq!(runs(&[]), 3);
    let mut messages = String::new();
    for args in [
        &["compare", "nobody"][..],
        &["compare", "*nobody*"],
        &["compare", "[a"],
        &["compare", "--last", "0"],
        &["compare", "tried", "--baseline", "latest"],
        &["compare", "--templates", "nowhere"],
        &["show", "--format", "csv", "--part", "validation"],
    ] {
        let done = place.run(args).exits(2);
        messages.push_str(&format!("$ runner {}\n{}", args.join(" "), place.redact(&done.stderr)));
    }
    place.write(
        "own/compare.html",
        "{% extends \"base.html\" %}\n{% block content %}\n{{ nobody }}\n{% endblock content %}",
    );
    place.write("broken/base.html", "<p>\n{% if %}\n");
    for folder in ["own", "broken"] {
        let done = place.run(&["compare", "--templates", folder]).exits(2);
        messages.push_str(&format!("$ runner compare --templates {folder}\n{}", done.stderr));
    }
    snapshot("compare-wrong.stderr", &messages);
}

#[test]
fn the_index_lists_every_run_and_leads_to_the_comparison() {
    let place = two();
    let done = place.run(&["report"]).exits(0);
    assert_eq!(done.stdout.lines().last(), Some("runs/index.html"));
    let page = fs::read_to_string(place.path("runs/index.html")).unwrap();
    for run in place.runs("runs") {
        assert!(page.contains(&*run.file_name().unwrap().to_string_lossy()));
    }
    assert!(page.contains("href=\"compare.html\""));
    assert!(place.path("runs/compare.html").is_file());
    assert_eq!(place.runs("runs").len(), 2, "pages are no runs");
    place.run(&["ls"]).exits(0);
}

#[test]
fn metrics_come_in_four_formats() {
    let place = two();
    let mut all = String::new();
    for format in ["csv", "json", "markdown", "latex"] {
        let done = place.run(&["show", "--format", format]).exits(0);
        all.push_str(&format!("$ runner show --format {format}\n{}", place.redact(&done.stdout)));
    }
    snapshot("show-formats.txt", &all);
    let csv = place.run(&["show", "--format", "csv", "--all-metrics"]).exits(0).stdout;
    assert!(csv.lines().next().unwrap().contains("log_loss"), "{csv}");
    let record: Json =
        serde_json::from_slice(&fs::read(place.latest("runs").unwrap().join("record.json")).unwrap()).unwrap();
    let json = place.run(&["show", "--format", "json"]).exits(0).json();
    assert_eq!(json["models"][0]["metrics"]["accuracy"], record["models"][0]["test"]["values"]["accuracy"]["defined"]);
}
