//! The engine as a user meets it: plan, why, resume, verify, diff, limits, clean-up, archives.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::fs;

use serde_json::{Value as Json, json};

use super::determinism::{contents, same};
use super::support::{Place, data_dir, root, steps};

const MODELS: &str = "models:
  decision_tree: {max_depth: 4}
  random_forest: {n_estimators: 8}
  mlp: {hidden_layer_sizes: [8], max_iter: 5}
";
const REST: &str = "dataset: {simulate: {rows: 300}, target: Traffic Type, keep_aside: [Flow ID, Src IP, Src Port, Dst IP, Dst Port, Timestamp, Label, Traffic Subtype]}
clean: [round: 3, drop_duplicates]
split: {stratified: {test_size: 0.3, validation_size: 0.1}}
prepare: [drop_constant, standardize]
balance: {smote: {k_neighbors: 3}}
allow: [{check: S21, reason: The rows are made up anyway.}]
";

fn place() -> Place {
    let place = Place::new();
    place.write("a.yaml", format!("name: a\nseed: 3\n{REST}{MODELS}"));
    place
}

fn named<'a>(plan: &'a Json, step: &str) -> &'a Json {
    plan["steps"].as_array().unwrap().iter().find(|s| s["step"] == step).unwrap()
}

#[test]
fn plan_tells_what_would_run_and_a_run_does_just_that() {
    let place = place();
    let before = place.run(&["plan", "a.yaml", "--output", "json"]).exits(0).json();
    assert_eq!((&before["stored"], &named(&before, "source")["why"][0]["reason"]), (&json!(0), &json!("first")));
    assert!(!place.path("runs").exists(), "planning makes nothing");
    place.run(&["run", "--quiet", "a.yaml"]).exits(0);
    let after = place.run(&["plan", "a.yaml", "--output", "json"]).exits(0).json();
    assert_eq!(after["to_run"], 0);
    let prepare = named(&after, "prepare");
    assert_eq!(prepare["rows"], named(&after, "fit/majority")["rows"]);
    assert!(prepare["rows"].as_u64().unwrap() > 100 && prepare["columns"].as_u64().unwrap() > 20, "{prepare}");

    // One parameter: the model, and what judges it.
    let alpha = ["--set", "models.mlp.alpha=0.5"];
    let changed = place.run(&[&["plan", "a.yaml", "--output", "json"], &alpha[..]].concat()).exits(0).json();
    let to_run: Vec<&str> = changed["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["state"] == "to run")
        .map(|s| s["step"].as_str().unwrap())
        .collect();
    let expected = [
        "fit/mlp",
        "predict/mlp/test",
        "judge/mlp/test",
        "predict/mlp/validation",
        "judge/mlp/validation",
        "examine/mlp",
        "draw/mlp",
        "draw/comparison",
    ];
    assert_eq!(to_run, expected);
    let fit = named(&changed, "fit/mlp");
    assert_eq!(
        fit["why"],
        json!([{"reason": "differs", "fields": [{"field": "mlp.alpha", "before": 0.0001, "now": 0.5}]}])
    );
    assert_eq!(fit["nearest"], named(&after, "fit/mlp")["key"]);
    assert!(fit["seconds"].as_f64().is_some());
    assert_eq!(named(&changed, "judge/mlp/test")["why"], json!([{"reason": "needs", "steps": ["predict/mlp/test"]}]));
    let ran = place.run(&[&["run", "--events", "a.yaml"], &alpha[..]].concat()).exits(0).events();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(steps(&ran, "computed"), expected);
    let started = ran.iter().filter(|line| line["event"].get("step_started").is_some()).count();
    assert_eq!(started, expected.len());
}

#[test]
fn name_description_order_comments_place_and_limits_run_nothing() {
    let place = place();
    place.run(&["run", "--quiet", "a.yaml"]).exits(0);
    let other = format!(
        "# a comment\nlimits: {{timeout: 3600}}\nmodels:\n  mlp: {{max_iter: 5, hidden_layer_sizes: [8]}}\n\
         \n  random_forest: {{n_estimators: 8}}   # fewer\n  decision_tree: {{max_depth: 4}}\n{REST}seed: 3\n\
         description: the same\nname: other\n"
    );
    place.write("elsewhere/deep/b.yaml", other);
    let again = place.run(&["run", "--events", "elsewhere/deep/b.yaml"]).exits(0).events();
    assert_eq!(steps(&again, "computed"), Vec::<String>::new());
    assert!(again.iter().all(|line| line["event"].get("step_started").is_none()));
    let plan = place.run(&["plan", "elsewhere/deep/b.yaml"]).exits(0).stdout;
    assert!(plan.starts_with("other: ") && plan.contains(" 0 to run\n"), "{plan}");
    let why = place.run(&["why", "elsewhere/deep/b.yaml"]).exits(0).stdout;
    assert!(why.starts_with("nothing would run: all "), "{why}");
}

#[test]
fn why_names_the_field_and_the_chain_of_steps() {
    let place = place();
    place.run(&["run", "--quiet", "a.yaml"]).exits(0);
    let why = |more: &[&str]| place.run(&[&["why", "a.yaml"], more].concat());
    let text = why(&["judge/mlp/test", "--set", "balance.smote.k_neighbors=5"]).exits(0).stdout;
    let lines: Vec<&str> = text.lines().filter(|l| !l.ends_with(')')).collect();
    assert_eq!(
        lines,
        [
            text.lines().nth(1).unwrap(),
            "    balance.smote.k_neighbors: 3 -> 5",
            "  to run: needs balance",
            "  to run: needs fit/mlp",
            "  to run: needs predict/mlp/test"
        ],
        "{text}"
    );
    // All that runs for a reason of its own.
    let text = why(&["--set", "seed=4"]).exits(0).stdout;
    assert!(text.contains("\n    seed: "), "{text}");
    let text = why(&["fit/mpl"]).exits(2).stderr;
    assert!(text.contains("did you mean \"fit/mlp\"?"), "{text}");
    // An old input and a new one: what was stored with another input, all inputs stored.
    place.run(&["run", "--quiet", "a.yaml", "--set", "balance=none", "--set", "models.mlp=null"]).exits(0);
    let text = why(&["fit/mlp", "--set", "balance=none"]).exits(0).stdout;
    assert!(text.contains(r#"to run: train comes from prepare with step: "balance" -> "prepare""#), "{text}");
}

#[test]
fn a_killed_run_is_taken_up_and_is_that_very_run() {
    let place = place();
    place.run(&["run", "--quiet", "a.yaml", "--runs", "whole"]).exits(0);
    let killed = place.run_with(&["run", "--quiet", "a.yaml"], &[("RUNNER_FAULT", "entry-stored:9")]);
    assert_eq!(killed.code, None);
    let id = place.runs("runs")[0].clone();
    let resumed = place.run(&["resume"]).exits(0);
    assert!(resumed.stderr.starts_with("  goes on\n"), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("steps were in the store already"), "{}", resumed.stderr);
    assert_eq!(place.runs("runs"), std::slice::from_ref(&id));
    same(&contents(&place.runs("whole")[0]), &contents(&id), "undisturbed and taken up");
    let record = place.record("runs");
    assert_eq!((&record["volatile"]["resumed"], &record["status"]), (&json!(1), &json!("finished")));
    let again = place.run(&["resume", "--quiet"]).exits(0);
    assert!(again.stderr.contains("is finished"), "{}", again.stderr);
    assert!(place.run(&["resume", "1999"]).exits(2).stderr.contains("no run begins with"));
}

#[test]
fn a_run_is_not_taken_up_with_other_data() {
    let place = Place::new();
    let rows: String = (0..60).map(|i| format!("{},{},{}\n", i, i * i % 7, ["a", "b", "c"][i % 3])).collect();
    place.write("flows.csv", format!("x,z,y\n{rows}"));
    place.write("b.yaml", "dataset: {path: flows.csv, target: y}\nmodels: {decision_tree: {}}\n");
    let fault = [("RUNNER_FAULT", "entry-stored:3")];
    assert_eq!(place.run_with(&["run", "--quiet", "b.yaml"], &fault).code, None);
    place.write("flows.csv", format!("x,z,y\n{rows}7,7,a\n"));
    let refused = place.run(&["resume"]).exits(2).stderr;
    assert!(refused.contains("flows.csv has changed since run"), "{refused}");
    place.write("flows.csv", format!("x,z,y\n{rows}"));
    // From anywhere: the run knows where its file was.
    fs::create_dir(place.path("elsewhere")).unwrap();
    let done = place.command(&["resume", "--runs", "../runs"]).current_dir(place.path("elsewhere")).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    // The same bytes, now a minute older, and then other bytes of the same length and time: verify reads them.
    place.run(&["verify"]).exits(0);
    place.write("flows.csv", format!("x,z,y\n{}", rows.replacen("0,0,a", "9,0,a", 1)));
    let refused = place.run(&["verify"]).exits(2).stderr;
    assert!(refused.contains("is not the file that run"), "{refused}");
}

#[test]
fn verify_finds_other_bytes_and_names_both_digests() {
    let place = place();
    place.run(&["run", "--quiet", "a.yaml"]).exits(0);
    let told = place.run(&["verify", "--output", "json", "--jobs", "2"]).exits(0).json();
    assert_eq!((&told["clean"], &told["different"]), (&json!(true), &json!([])));
    assert_eq!(told["steps"], told["recomputed"]);
    let sampled = place.run(&["verify", "--sample", "4", "--output", "json"]).exits(0).json();
    assert_eq!((&sampled["recomputed"], &sampled["clean"]), (&json!(4), &json!(true)));
    // Even where the store has nothing left.
    fs::remove_dir_all(place.path("runs/.store")).unwrap();
    place.run(&["verify", "--jobs", "2"]).exits(0);
    place.run(&["run", "--quiet", "a.yaml"]).exits(0);

    // The record of a machine that gave something else.
    let run = place.latest("runs").unwrap();
    let record: Json = serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap();
    let fit = named(&record, "fit/decision_tree");
    let (stored, other) = (fit["outputs"][0][1].as_str().unwrap(), fit["key"].as_str().unwrap());
    let text = fs::read_to_string(run.join("record.json")).unwrap();
    fs::write(
        run.join("record.json"),
        text.replace(&format!("\"model\",\n          \"{stored}\""), &format!("\"model\",\n          \"{other}\"")),
    )
    .unwrap();
    let told = place.run(&["verify"]).exits(1).stdout;
    assert!(told.contains("different: fit/decision_tree gave other bytes for its model"), "{told}");
    assert!(told.contains(stored) && told.contains(other), "{told}");
    let told = place.run(&["verify", "--output", "json"]).exits(1).json();
    assert_eq!((&told["clean"], told["different"].as_array().unwrap().len()), (&json!(false), 1));
}

#[test]
fn every_shipped_experiment_verifies_with_one_two_and_eight_threads() {
    let Some(data) = data_dir("verify") else { return };
    let data = fs::canonicalize(data).unwrap().to_string_lossy().into_owned();
    let place = Place::new();
    for item in fs::read_dir(root().join("experiments")).unwrap() {
        let file = item.unwrap().path();
        if file.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        // A run says so where it has a warning to mend; that is no fault here.
        place.run(&["run", "--quiet", "--data-dir", &data, file.to_str().unwrap()]).exits(0);
        for jobs in ["1", "2", "8"] {
            let told = place.run(&["verify", "--output", "json", "--jobs", jobs, "--data-dir", &data]).exits(0).json();
            assert_eq!((&told["clean"], &told["steps"]), (&json!(true), &told["recomputed"]), "{}", file.display());
        }
    }
    assert!(place.runs("runs").len() >= 4);
}

#[test]
fn diff_shows_experiment_steps_and_metrics() {
    let place = place();
    place.run(&["run", "--quiet", "a.yaml"]).exits(0);
    let first = place.runs("runs")[0].file_name().unwrap().to_str().unwrap().to_owned();
    place.run(&["run", "--quiet", "a.yaml", "--set", "models.decision_tree.max_depth=1"]).exits(0);
    let text = place.run(&["diff", &first]).exits(0).stdout;
    assert!(text.contains("\nexperiment\n  models.decision_tree.max_depth: 4 -> 1\n"), "{text}");
    assert!(text.contains("\nsteps with another key\n  fit/decision_tree\n"), "{text}");
    assert!(text.contains("\nmetrics\n  decision_tree ") && !text.contains("random_forest  "), "{text}");
    let told = place.run(&["diff", &first, "latest", "--output", "json"]).exits(0).json();
    assert!(told["metrics"].as_array().unwrap().iter().all(|m| m["model"] == "decision_tree"), "{told}");
    let none = place.run(&["diff", &first, &first]).exits(0).stdout;
    assert!(none.contains("no difference"), "{none}");
}

#[test]
fn a_step_that_takes_too_long_fails_and_the_rest_goes_on() {
    let place = place();
    let long =
        ["--set", "models.random_forest.n_estimators=100000", "--set", "limits.timeouts={fit/random_forest: 0.3}"];
    for jobs in ["1", "2"] {
        let done = place.run(&[&["run", "a.yaml", "--jobs", jobs], &long[..]].concat()).exits(1);
        assert!(done.stderr.contains("took longer than its timeout of 0.3 s"), "{}", done.stderr);
        assert!(done.stderr.contains("hint: raise `limits.timeout`"), "{}", done.stderr);
        assert!(done.stdout.contains("decision_tree  "), "{}", done.stdout);
        assert!(done.stdout.contains("skipped 7 steps because fit/random_forest failed"), "{}", done.stdout);
    }
    // With more time it is the same step: what was stored serves.
    let again = place.run(&["run", "--events", "a.yaml", "--set", "limits={timeout: 3600}"]).exits(0).events();
    assert!(steps(&again, "computed").iter().all(|s| s.contains("random_forest") || s == "draw/comparison"));
}

#[test]
fn fail_fast_begins_nothing_after_a_failure_and_keep_going_all_else() {
    let place = place();
    // The failing model stands before the other, and is as parallel.
    let models = "models:\n  crowd: {kind: kmeans, n_clusters: 100000}\n  random_forest: {n_estimators: 5}\n";
    place.write("crowd.yaml", format!("{REST}{models}"));
    let states = |runs: &str, more: &str| -> Vec<(String, Json)> {
        place.run(&["run", "--quiet", "--jobs", "1", "--runs", runs, "crowd.yaml", more]).exits(2);
        let record = place.record(runs);
        let steps = record["steps"].as_array().unwrap();
        steps.iter().map(|s| (s["step"].as_str().unwrap().into(), s["state"].clone())).collect()
    };
    let going = states("going", "--keep-going");
    assert!(going.iter().any(|(step, state)| step == "judge/random_forest/test" && state == "done"), "{going:?}");
    let fast = states("fast", "--fail-fast");
    let skipped = |name: &str| fast.iter().any(|(s, state)| s == name && *state == json!({"skipped": "fit/crowd"}));
    assert!(skipped("fit/random_forest") && skipped("judge/random_forest/test"), "{fast:?}");
    place.run(&["run", "a.yaml", "--fail-fast", "--keep-going"]).exits(2);
}

#[test]
fn little_memory_makes_steps_wait_and_changes_nothing() {
    let place = place();
    place.run(&["run", "--quiet", "a.yaml", "--runs", "much", "--jobs", "4"]).exits(0);
    let little =
        place.run(&["run", "--events", "a.yaml", "--runs", "little", "--jobs", "4", "--memory", "1MiB"]).exits(0);
    same(&contents(&place.runs("much")[0]), &contents(&place.runs("little")[0]), "much memory and little");
    // One after another: no step begins before the one before it has ended.
    let mut open = 0;
    for line in little.events() {
        open += usize::from(line["event"].get("step_started").is_some());
        open -= usize::from(line["event"].get("step_finished").is_some_and(|f| f["how"] == "computed"));
        assert!(open <= 1, "{line}");
    }
    for wrong in ["0", "much", "8 parsecs"] {
        place.run(&["run", "a.yaml", "--memory", wrong]).exits(2);
    }
}

#[test]
fn replay_shows_what_the_terminal_showed() {
    let place = place();
    let replayed = |args: &[&str], code: i32| {
        let ran = place.run(args).exits(code);
        let again = place.run(&["replay"]).exits(0);
        assert_eq!((&again.stdout, &again.stderr), (&ran.stdout, &ran.stderr), "{args:?}");
        ran
    };
    replayed(&["run", "a.yaml"], 0);
    replayed(&["run", "a.yaml", "--set", "models.mlp.alpha=0.5"], 0);
    let failed = replayed(&["run", "a.yaml", "--set", "models.crowd={kind: kmeans, n_clusters: 100000}"], 2);
    assert!(failed.stderr.contains("  --> --set "), "the place of the fault is shown again: {}", failed.stderr);
    replayed(&["run", "a.yaml", "--set", "assert=[{metric: accuracy, at_least: 1.0}]"], 1);
    let events = place.run(&["replay", "--events"]).exits(0).stdout;
    let kept = fs::read_to_string(place.latest("runs").unwrap().join("events.jsonl")).unwrap();
    assert!(events == kept, "the lines are those of the file");
}

#[test]
fn runs_are_removed_and_cleaned_up() {
    let place = place();
    place.run(&["run", "--quiet", "a.yaml"]).exits(0);
    let first = place.runs("runs")[0].file_name().unwrap().to_str().unwrap().to_owned();
    place.run(&["run", "--quiet", "a.yaml", "--set", "models.mlp.alpha=0.5"]).exits(0);
    let dry = |more: &[&str]| place.run(&[&["gc", "--dry-run", "--output", "json"], more].concat()).exits(0).json();
    assert_eq!(dry(&[])["steps"], 0);
    assert_eq!(dry(&["--older-than", "1d"])["steps"], 0);
    assert_eq!(dry(&["--keep-last", "1"])["steps"], 8, "the network, what judged and what drew it");
    assert_eq!(dry(&["--older-than", "0s"])["kept_steps"], 0);
    place.run(&["gc", "--older-than", "soon"]).exits(2);
    assert!(place.run(&["rm", &first, "1999"]).exits(2).stderr.contains("no run begins with"));
    assert_eq!(place.runs("runs").len(), 2, "a slip in one name removes nothing");
    place.run(&["rm", &first]).exits(0);
    assert_eq!(place.runs("runs").len(), 1);
    let freed = place.run(&["gc", "--output", "json"]).exits(0).json();
    assert_eq!(freed["steps"], 8);
    assert!(freed["object_bytes"].as_u64().unwrap() > 0);
    place.run(&["fsck"]).exits(0);
    let plan = place.run(&["plan", "a.yaml", "--output", "json"]).exits(0).json();
    assert_eq!(plan["to_run"], 8);
}

#[test]
fn a_run_travels_as_one_file_and_every_byte_is_checked() {
    let place = place();
    place.run(&["run", "--quiet", "a.yaml"]).exits(0);
    place.run(&["export", "latest", "a.tar.zst"]).exits(0);
    place.run(&["export", "latest", "again.tar.zst"]).exits(0);
    let archive = fs::read(place.path("a.tar.zst")).unwrap();
    assert_eq!(archive, fs::read(place.path("again.tar.zst")).unwrap(), "the same run, the same bytes");
    let told = place.run(&["import", "a.tar.zst", "--runs", "there", "--output", "json"]).exits(0).json();
    assert_eq!(told["objects"], told["new_objects"]);
    let (here, there) = (place.latest("runs").unwrap(), place.latest("there").unwrap());
    assert_eq!(here.file_name(), there.file_name());
    for name in ["record.json", "events.jsonl"] {
        assert_eq!(fs::read(here.join(name)).unwrap(), fs::read(there.join(name)).unwrap());
    }
    same(&contents(&here), &contents(&there), "the run folder");
    place.run(&["fsck", "--runs", "there"]).exits(0);
    let again = place.run(&["run", "--events", "a.yaml", "--runs", "there"]).exits(0).events();
    assert_eq!(steps(&again, "computed"), Vec::<String>::new());
    assert!(place.run(&["import", "a.tar.zst", "--runs", "there"]).exits(2).stderr.contains("is here already"));

    // Damage: nothing of it is believed, and no run appears.
    let mut wrong: Vec<(String, Vec<u8>)> = vec![
        ("empty".into(), Vec::new()),
        ("text".into(), b"not an archive\n".to_vec()),
        ("cut".into(), archive[..archive.len() / 2].to_vec()),
        ("without its end".into(), archive[..archive.len() - 5].to_vec()),
    ];
    for part in 1..20 {
        let mut flipped = archive.clone();
        flipped[archive.len() * part / 20] ^= 32;
        wrong.push((format!("flipped at {part}/20"), flipped));
    }
    for (what, bytes) in wrong {
        place.write("wrong.tar.zst", bytes);
        let done = place.run(&["import", "wrong.tar.zst", "--runs", "nowhere"]);
        assert_eq!(done.code, Some(2), "{what}: {}", done.stderr);
        assert!(done.stderr.starts_with("error: wrong.tar.zst: "), "{what}: {}", done.stderr);
        assert!(place.runs("nowhere").is_empty(), "{what}");
    }
    place.run(&["fsck", "--runs", "nowhere"]).exits(0);
    assert!(place.run(&["import", "nothing.tar.zst"]).exits(2).stderr.contains("no such file"));

    // A result that is gone cannot be exported, and a run that did not end by itself is not whole.
    fs::remove_dir_all(place.path("runs/.store/steps")).unwrap();
    assert!(place.run(&["export", "latest", "b.tar.zst"]).exits(2).stderr.contains("run it again first"));
    assert!(!place.path("b.tar.zst").exists());
}
