//! The commands as a user sees them. What they print is kept in `snapshots/`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use runner::record::{Event, Line};
use serde_json::{Value as Json, json};

use super::support::{Place, root, snapshot};

/// Small, fast, and the same on every CPU: no step in it depends on the SIMD level.
const TREES: [&str; 10] = [
    "--set",
    "dataset.simulate.rows=600",
    "--set",
    "models.random_forest.n_estimators=10",
    "--set",
    "prepare.select.n_estimators=10",
    "--set",
    "models.mlp=null",
    "--set",
    "models.kmeans=null",
];

fn with_experiments() -> Place {
    let place = Place::new();
    place.copy("experiments");
    place
}

fn baseline<'a>(command: &[&'a str]) -> Vec<&'a str> {
    let mut args = command.to_vec();
    args.push("experiments/baseline.yaml");
    args.extend(TREES);
    args
}

/// The experiments that ship.
fn shipped() -> Vec<String> {
    let mut out: Vec<String> = fs::read_dir(root().join("experiments"))
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    out.sort();
    out
}

fn keys(record: &Json) -> Vec<(String, String)> {
    let text = |v: &Json| v.as_str().unwrap().to_owned();
    record["steps"].as_array().unwrap().iter().map(|s| (text(&s["step"]), text(&s["key"]))).collect()
}

#[test]
fn every_shipped_experiment_names_its_schema_and_passes_the_check() {
    let place = with_experiments();
    let names = shipped();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        let text = fs::read_to_string(root().join("experiments").join(&name)).unwrap();
        assert_eq!(text.lines().next(), Some("# yaml-language-server: $schema=schema.json"), "{name}");
        let done = place.run(&["check", &format!("experiments/{name}")]).exits(0);
        assert_eq!(done.stderr, "", "{name}");
    }
}

#[test]
fn check() {
    let place = with_experiments();
    let done = place.run(&["check", "experiments/baseline.yaml"]).exits(0);
    snapshot("check.txt", &done.stdout);
    let done = place.run(&["check", "experiments/baseline.yaml", "--output", "json"]).exits(0);
    assert_eq!(done.json()["problems"], json!([]));
    snapshot("check.json", &done.stdout);
    let done = place.run(&["check", "experiments/nothing.yaml"]).exits(2);
    snapshot("check-no-file.txt", &done.stderr);
}

#[test]
fn config() {
    let place = with_experiments();
    for name in shipped() {
        let done = place.run(&["config", &format!("experiments/{name}")]).exits(0);
        snapshot(&format!("config-{name}"), &done.stdout);
    }
    let done = place.run(&["config", "experiments/baseline.yaml", "--output", "json"]).exits(0);
    assert_eq!(done.json()["seed"], 42);
}

#[test]
fn the_schema_beside_the_experiments_is_the_one_that_is_printed() {
    let done = Place::new().run(&["schema"]).exits(0);
    assert_eq!(done.json()["title"], "runner experiment");
    let kept = root().join("experiments/schema.json");
    if let Some(difference) = super::support::differs(&kept, &done.stdout) {
        let head: String = difference.lines().take(1).collect();
        panic!("{head}");
    }
}

#[test]
fn explain() {
    let place = Place::new();
    for path in ["models.random_forest.max_features", "dataset.missing", "balance", "evaluate.winner"] {
        let done = place.run(&["explain", path]).exits(0);
        snapshot(&format!("explain-{path}.txt"), &done.stdout);
    }
    snapshot("explain.txt", &place.run(&["explain"]).exits(0).stdout);
    for path in ["models.random_forest.max_feature", "model", "seed.more"] {
        let done = place.run(&["explain", path]).exits(2);
        assert_eq!(done.stdout, "");
        snapshot(&format!("explain-{path}.txt"), &done.stderr);
    }
}

#[test]
fn help_and_wrong_usage() {
    let place = Place::new();
    snapshot("help.txt", &place.run(&["--help"]).exits(0).stdout);
    snapshot("help-run.txt", &place.run(&["run", "--help"]).exits(0).stdout);
    snapshot("usage.txt", &place.run(&["rum"]).exits(2).stderr);
    place.run(&["run"]).exits(2);
    place.run(&["run", "a.yaml", "--jobs", "many"]).exits(2);
    assert_eq!(place.run(&["--version"]).exits(0).stdout, format!("runner {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn run_show_and_ls() {
    let place = with_experiments();
    snapshot("ls-empty.txt", &place.run(&["ls"]).exits(0).stdout);
    assert_eq!(place.run(&["ls", "--output", "json"]).exits(0).json(), json!([]));
    snapshot("show-empty.txt", &place.run(&["show"]).exits(2).stderr);

    let ran = place.run(&baseline(&["run"])).exits(0);
    snapshot("run-baseline.txt", &place.redact(&ran.stdout));
    assert!(ran.stderr.starts_with("run 2"), "{}", ran.stderr);
    assert!(ran.stderr.contains("  done    fit/random_forest"), "{}", ran.stderr);
    let folder = place.runs("runs").pop().unwrap();
    let id = folder.file_name().unwrap().to_str().unwrap();
    assert_eq!(ran.stdout.lines().last(), Some(format!("runs/{id}").as_str()));

    // The record tells the same, whichever way the run is named.
    for name in ["latest", id, &id[..18]] {
        let shown = place.run(&["show", name]).exits(0);
        assert_eq!(shown.stdout, ran.stdout, "{name}");
    }
    let shown = place.run(&["show", "--output", "json"]).exits(0);
    assert_eq!(shown.stdout.as_bytes(), fs::read(folder.join("record.json")).unwrap());
    snapshot("show-unknown.txt", &place.run(&["show", "1999"]).exits(2).stderr);

    // The last column is the time.
    let listed = place.run(&["ls"]).exits(0).stdout;
    let listed: Vec<String> = listed
        .lines()
        .map(|l| {
            l.rsplit_once(' ').map_or(l.to_owned(), |(rest, last)| {
                if last.parse::<f64>().is_ok() { format!("{} <seconds>", rest.trim_end()) } else { l.to_owned() }
            })
        })
        .collect();
    snapshot("ls.txt", &place.redact(&format!("{}\n", listed.join("\n"))));
    let listed = place.run(&["ls", "--output", "json"]).exits(0).json();
    assert_eq!(listed[0]["run"], id);
    assert_eq!(listed[0]["status"], "finished");

    let again = place.run(&baseline(&["run"])).exits(0);
    assert!(again.stderr.contains("steps were in the store already"), "{}", again.stderr);
    assert_eq!(place.runs("runs").len(), 2);
}

#[test]
fn the_run_folder_has_what_it_promises() {
    let place = with_experiments();
    place.run(&baseline(&["run", "--quiet"])).exits(0);
    let folder = place.runs("runs").pop().unwrap();
    for name in [
        "experiment.yaml",
        "record.json",
        "events.jsonl",
        "multiclass/multiclass_metrics_summary.csv",
        "binary_label/label_from_type_metrics.csv",
        "validation/multiclass/multiclass_metrics_summary.csv",
        "predictions/random_forest.parquet",
        "validation/predictions/random_forest.parquet",
        "processed_data.npz",
        "feature_metadata.json",
        "data_preprocessing_log.json",
    ] {
        assert!(folder.join(name).is_file(), "{name} is not in {}", folder.display());
    }
    let csv = fs::read_to_string(folder.join("multiclass/multiclass_metrics_summary.csv")).unwrap();
    assert!(csv.starts_with(
        "model,accuracy,precision_weighted,recall_weighted,f1_weighted,roc_auc_ovr,confusion_matrix,\
         precision_per_class,recall_per_class,f1_per_class,support_per_class,silhouette,calinski_harabasz,\
         davies_bouldin,inertia,cluster_label_map"
    ));
    let csv = fs::read_to_string(folder.join("binary_label/label_from_type_metrics.csv")).unwrap();
    assert!(csv.starts_with("model,accuracy,precision,recall,f1"));
    // Every file that the record names has the bytes that it says.
    let record = place.record("runs");
    for file in record["files"].as_array().unwrap() {
        let bytes = fs::read(folder.join(file[0].as_str().unwrap())).unwrap();
        assert_eq!(file[1], runner::digest::Digest::of(&bytes).to_string(), "{file}");
        assert_eq!(file[2], bytes.len(), "{file}");
    }
}

#[test]
fn json_is_one_document_events_are_lines_and_quiet_is_silent() {
    let place = with_experiments();
    let quiet = place.run(&baseline(&["run", "--quiet"])).exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));

    let json = place.run(&baseline(&["run", "--output", "json"])).exits(0);
    assert_eq!(json.stderr, "");
    assert_eq!(json.json()["status"], "finished");
    assert_eq!(json.json()["name"], "baseline");

    let events = place.run(&baseline(&["run", "--events"])).exits(0);
    assert_eq!(events.stderr, "");
    let lines: Vec<Line> = events.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(matches!(lines[0].event, Event::RunStarted { .. }));
    assert!(matches!(lines[lines.len() - 1].event, Event::RunFinished { .. }));
    assert!(lines.windows(2).all(|w| w[0].t <= w[1].t), "time runs forward");

    // The record is nothing but the fold of the events.
    let folder = place.runs("runs").pop().unwrap();
    let events = fs::read_to_string(folder.join("events.jsonl")).unwrap();
    let events: Vec<Event> = events.lines().map(|l| serde_json::from_str::<Line>(l).unwrap().event).collect();
    let kept = runner::record::RunRecord::from_json(&fs::read(folder.join("record.json")).unwrap()).unwrap();
    assert_eq!(runner::record::RunRecord::fold(&events), kept);
}

#[test]
fn a_failed_step_skips_what_needs_it_and_the_rest_goes_on() {
    let place = with_experiments();
    let mut args = baseline(&["run"]);
    args.extend(["--set", "models.crowd={kind: kmeans, n_clusters: 100000}"]);
    let done = place.run(&args).exits(2);
    snapshot("run-failed.stderr", &failure(&place.redact(&done.stderr)));
    let record = place.record("runs");
    assert_eq!(record["status"], "failed");
    let state = |name: &str| {
        let steps = record["steps"].as_array().unwrap();
        steps.iter().find(|s| s["step"] == name).unwrap()["state"].clone()
    };
    assert_eq!(state("judge/random_forest/test"), "done");
    assert_eq!(state("judge/crowd/test"), json!({"skipped": "fit/crowd"}));
    assert!(done.stdout.contains("random_forest"), "{}", done.stdout);
}

/// The lines from the first `error:` on; those before tell progress in an order that is a matter of luck.
fn failure(stderr: &str) -> String {
    stderr.find("error: ").map_or_else(|| stderr.to_owned(), |at| stderr[at..].to_owned())
}

#[test]
fn what_config_prints_runs_to_the_same_keys() {
    let place = with_experiments();
    let printed = place.run(&baseline(&["config"])).exits(0).stdout;
    place.write("printed.yaml", &printed);
    place.run(&baseline(&["run", "--quiet", "--runs", "a"])).exits(0);
    place.run(&["run", "--quiet", "--runs", "b", "printed.yaml"]).exits(0);
    assert_eq!(keys(&place.record("a")), keys(&place.record("b")));
    assert_eq!(place.run(&["config", "printed.yaml"]).exits(0).stdout, printed, "config of config is itself");
    // The run folder keeps it as well.
    let kept = fs::read_to_string(place.runs("a")[0].join("experiment.yaml")).unwrap();
    assert_eq!(kept, printed);
}

#[test]
fn a_label_moves_no_key_and_a_setting_does() {
    let place = with_experiments();
    let run = |runs: &str, set: &str| {
        let mut args = baseline(&["run", "--quiet", "--runs", runs, "--store", "store"]);
        args.extend(["--set", set]);
        place.run(&args).exits(0);
        keys(&place.record(runs))
    };
    let first = run("a", "description=one");
    assert_eq!(first, run("b", "name=another"));
    let other = run("c", "models.decision_tree.max_depth=3");
    let moved: Vec<&str> = first.iter().zip(&other).filter(|(a, b)| a != b).map(|(a, _)| a.0.as_str()).collect();
    let compared = ["draw/comparison"];
    assert!(moved.iter().all(|step| step.contains("decision_tree") || compared.contains(step)), "{moved:?}");
    assert!(moved.contains(&"fit/decision_tree"), "{moved:?}");
}

#[test]
fn later_layers_win_extends_file_environment_set() {
    let place = Place::new();
    let rest = "dataset: {simulate: {rows: 200}, target: Traffic Type}\nclean: [round: 1, drop_duplicates]\n";
    place.write("grand.yaml", format!("seed: 1\n{rest}models: {{decision_tree: {{max_depth: 1}}, mlp: {{}}}}\n"));
    place.write("parent.yaml", "extends: grand.yaml\nseed: 2\nmodels: {decision_tree: {min_samples_leaf: 2}}\n");
    place.write(
        "child.yaml",
        "extends: parent.yaml\nmodels: {decision_tree: {max_depth: 3}, mlp:}\nclean: [round: 2]\n",
    );
    let config = |set: &[&str], environment: &[(&str, &str)]| {
        let mut args = vec!["config", "--output", "json", "child.yaml"];
        args.extend(set.iter().flat_map(|s| ["--set", s]));
        place.run_with(&args, environment).exits(0).json()
    };
    let tree = |config: &Json| config["models"]["decision_tree"].clone();

    let plain = config(&[], &[]);
    assert_eq!(plain["seed"], 2, "a parent over its parent");
    assert_eq!((tree(&plain)["max_depth"].clone(), tree(&plain)["min_samples_leaf"].clone()), (json!(3), json!(2)));
    assert_eq!(plain["models"].get("mlp"), None, "null removes what is inherited");
    assert_eq!(plain["clean"], json!([{"round": {"decimals": 2}}]), "lists replace");
    assert_eq!(plain["name"], "child");

    let environment = [("RUNNER__models__decision_tree__max_depth", "4"), ("RUNNER__seed", "5")];
    let over = config(&[], &environment);
    assert_eq!((over["seed"].clone(), tree(&over)["max_depth"].clone()), (json!(5), json!(4)));

    let over = config(&["models.decision_tree.max_depth=6", "models.decision_tree.max_depth=7"], &environment);
    assert_eq!((over["seed"].clone(), tree(&over)["max_depth"].clone()), (json!(5), json!(7)), "the last --set wins");
}

#[test]
fn set_reaches_steps_by_name_removes_models_and_takes_yaml() {
    let place = with_experiments();
    let config = |set: &[&str]| {
        let mut args = vec!["config", "--output", "json", "experiments/baseline.yaml"];
        args.extend(set.iter().flat_map(|s| ["--set", s]));
        place.run(&args).exits(0).json()
    };
    let changed =
        config(&["prepare.select.top=20", "models.mlp=null", "clean.0.round=1", "prepare.standardize.with_std=false"]);
    assert_eq!(changed["prepare"][2]["select"]["top"], 20);
    assert_eq!(changed["prepare"][2]["select"]["class_weight"], "balanced", "its other settings stay");
    assert_eq!(changed["prepare"][1]["standardize"]["with_std"], false, "a bare word takes settings");
    assert_eq!(changed["clean"][0]["round"]["decimals"], 1);
    assert_eq!(changed["models"].get("mlp"), None);
    assert!(changed["models"].get("kmeans").is_some());
    let changed = config(&["models.big={kind: random_forest, n_estimators: 7}", "split=random"]);
    assert_eq!(changed["models"]["big"]["n_estimators"], 7);
    assert!(changed["split"].get("random").is_some());
}
