//! A store that has grown: 100,000 step results and 1,000 runs, and a plan of 10,000 fits. Times are printed, for
//! `--nocapture`; a machine that is busy would make a test of them fail for no reason.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use runner::digest::Digest;
use runner::record::{Event, How, Line, Notes, PlannedStep, RunRecord};
use runner::store::{Entry, Stored};
use serde_json::json;

use super::support::Place;

/// Runs with this many steps each, all with results in the store. Written by hand: nothing is flushed.
fn grown(place: &Place, runs: usize, steps: usize) {
    let store = place.path("runs/.store");
    drop(runner::store::Store::open(&place.path("runs"), None).unwrap());
    let mut kinds = String::new();
    for run in 0..runs {
        let id = format!("202601{:02}-{:06}-grown-{run:06x}", 1 + run % 28, run);
        let mut events = vec![Event::RunStarted {
            run: id.clone(),
            name: "grown".into(),
            description: String::new(),
            at: "2026-01-01T00:00:00+00:00".into(),
            version: "0".into(),
            threads: 2,
            numerics: "portable".into(),
            experiment: json!({"name": "grown"}),
            folder: "/".into(),
            machine: String::new(),
        }];
        let mut planned = Vec::new();
        let mut finished = Vec::new();
        for step in 0..steps {
            let recipe = json!({
                "format": 1, "step": "fit", "algorithm": 1, "seed": run, "part": null, "numerics": null, "inputs": {},
                "sources": [], "parameters": {"decision_tree": {"max_depth": step, "min_samples_leaf": 1}},
            });
            let key = Digest::of_json(&recipe);
            let bytes = format!("{key}");
            let digest = Digest::of(bytes.as_bytes());
            let hex = digest.to_string();
            fs::create_dir_all(store.join("objects").join(&hex[..2])).unwrap();
            fs::write(store.join("objects").join(&hex[..2]).join(&hex[2..]), bytes).unwrap();
            let outputs = BTreeMap::from([("model".to_owned(), Stored { digest, bytes: 64 })]);
            let entry = Entry::new(key, outputs, Notes::default(), 0.1);
            let folder = store.join("steps").join(key.to_string());
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("recipe.json"), recipe.to_string()).unwrap();
            fs::write(folder.join("entry.json"), serde_json::to_vec(&entry).unwrap()).unwrap();
            writeln!(kinds, "{key}").unwrap();
            let name = format!("fit/tree_{step}");
            planned.push(PlannedStep { step: name.clone(), kind: "fit".into(), key });
            let outputs = vec![("model".to_owned(), digest)];
            let notes = Notes::default();
            finished.push(Event::StepFinished { step: name, how: How::Computed, seconds: 0.1, outputs, notes });
        }
        events.push(Event::Planned { steps: planned });
        events.extend(finished);
        events.push(Event::RunFinished { seconds: 1.0 });
        let folder = place.path("runs").join(&id);
        fs::create_dir(&folder).unwrap();
        let lines: String = events
            .iter()
            .map(|event| format!("{}\n", serde_json::to_string(&Line { v: 1, t: 0.0, event: event.clone() }).unwrap()))
            .collect();
        fs::write(folder.join("events.jsonl"), lines).unwrap();
        fs::write(folder.join("record.json"), RunRecord::fold(&events).to_json()).unwrap();
    }
    fs::write(store.join("kinds/fit-decision_tree"), kinds).unwrap();
}

/// A plan with this many fits of trees.
fn many(fits: usize) -> String {
    let mut text = "dataset: {simulate: {rows: 300}, target: Traffic Type}\nmodels:\n".to_owned();
    for i in 0..fits {
        writeln!(text, "  tree_{i}: {{kind: decision_tree, max_depth: 9, min_samples_split: {}}}", i + 2).unwrap();
    }
    text
}

fn timed(place: &Place, args: &[&str]) -> String {
    let begun = Instant::now();
    let done = place.run(args).exits(0);
    eprintln!("{}: {:.2} s", args.join(" "), begun.elapsed().as_secs_f64());
    done.stdout
}

fn check(runs: usize, steps: usize, fits: usize) {
    let place = Place::new();
    grown(&place, runs, steps);
    place.write("one.yaml", many(1));
    place.write("many.yaml", many(fits));
    assert_eq!(timed(&place, &["ls"]).lines().count(), runs + 1);
    let freed = timed(&place, &["gc", "--dry-run"]);
    assert!(freed.starts_with("would free 0 bytes"), "{freed}");
    assert!(freed.contains(&format!("kept {} step results and {} objects", runs * steps, runs * steps)), "{freed}");
    let half = (runs / 2).to_string();
    let freed = timed(&place, &["gc", "--dry-run", "--keep-last", &half]);
    assert!(freed.contains(&format!("{} step results", runs * steps / 2)), "{freed}");
    let plan = timed(&place, &["plan", "one.yaml"]);
    assert!(plan.contains("decision_tree.max_depth: ") || plan.contains("decision_tree.min_samples_split"), "{plan}");
    let plan = timed(&place, &["plan", "many.yaml"]);
    // Five steps a model, the majority too, and nine of the data, its files and figures.
    assert!(plan.contains(&format!(": {} steps, 0 stored", 9 + 5 * (fits + 1))), "{}", &plan[..200]);
}

#[test]
fn a_grown_store_is_listed_planned_with_and_cleaned_up() {
    check(20, 10, 50);
}

#[test]
#[ignore = "makes 300,000 files"]
fn a_hundred_thousand_results_a_thousand_runs_and_ten_thousand_fits() {
    check(1000, 100, 10_000);
}
