//! Whatever happens to a run: killed at any moment, a full or broken disk, damaged bytes, several processes at once. The
//! next run gives the same bytes, and the store is clean.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value as Json;

use super::determinism::{contents, same};
use super::support::{Done, Place, steps};

/// Every kind of step, in a moment.
const QUICK: &str = "seed: 3
dataset:
  simulate: {rows: 300}
  target: Traffic Type
  keep_aside: [Flow ID, Src IP, Src Port, Dst IP, Dst Port, Timestamp, Label, Traffic Subtype]
clean: [round: 3, drop_duplicates]
split: {stratified: {test_size: 0.3}}
prepare: [drop_constant, standardize]
balance: {smote: {k_neighbors: 3}}
allow: [{check: S21, reason: The rows are made up anyway.}]
models:
  decision_tree: {max_depth: 4}
  random_forest: {n_estimators: 8}
  kmeans: {n_clusters: 5, n_init: 2}
";

/// An empty place with the experiment.
fn quick() -> Place {
    let place = Place::new();
    place.write("quick.yaml", QUICK);
    place
}

/// What an undisturbed run leaves: its folder, and the objects of the store.
struct Undisturbed {
    run: BTreeMap<String, Vec<u8>>,
    objects: BTreeMap<String, Vec<u8>>,
}

fn undisturbed() -> Undisturbed {
    let place = quick();
    place.run(&["run", "--quiet", "quick.yaml"]).exits(0);
    Undisturbed { run: contents(&place.runs("runs")[0]), objects: contents(&place.path("runs/.store/objects")) }
}

/// The store is clean, and nothing is left in it that belongs to nobody.
#[track_caller]
fn clean(place: &Place, what: &str) {
    let found = place.run(&["fsck", "--output", "json"]);
    assert_eq!(found.code, Some(0), "{what}: {}\n{}", found.stdout, found.stderr);
    let found = found.json();
    assert_eq!((&found["findings"], &found["left"]), (&serde_json::json!([]), &0.into()), "{what}: {found}");
}

/// The run that follows a disturbance: the killed one taken up again, or a new one.
#[track_caller]
fn follows(place: &Place, resume: bool, expected: &Undisturbed, what: &str) {
    let begun = place.latest("runs");
    let begun = begun.filter(|run| fs::read_to_string(run.join("events.jsonl")).is_ok_and(|t| t.contains('\n')));
    match begun {
        Some(_) if resume => place.run(&["resume", "--quiet"]),
        _ => place.run(&["run", "--quiet", "quick.yaml"]),
    }
    .exits(0);
    let run = place.latest("runs").unwrap();
    same(&expected.run, &contents(&run), what);
    same(&expected.objects, &contents(&place.path("runs/.store/objects")), what);
    clean(place, what);
    let left: Vec<String> = contents(&run).into_keys().filter(|name| !expected.run.contains_key(name)).collect();
    assert!(left.is_empty(), "{what}: {left:?}");
}

/// A kill at a fault point: `rename:3` is before the third renaming. True where the run was killed by it.
fn killed_at(fault: &str, resume: bool, expected: &Undisturbed) -> bool {
    let place = quick();
    let done = place.run_with(&["run", "--quiet", "quick.yaml"], &[("RUNNER_FAULT", fault)]);
    let killed = done.code.is_none();
    assert!(killed || done.code == Some(0), "{fault}: {done:?}");
    follows(&place, resume, expected, fault);
    killed
}

/// A kill after so many microseconds.
fn killed_after(microseconds: u64, resume: bool, expected: &Undisturbed) {
    let place = quick();
    let mut child = place.start(&["run", "--quiet", "quick.yaml"]);
    std::thread::sleep(Duration::from_micros(microseconds));
    // SIGKILL; a run that was faster has ended by then.
    let _ = child.kill();
    child.wait().unwrap();
    follows(&place, resume, expected, &format!("{microseconds} us"));
}

const FAULTS: [&str; 26] = [
    "temp-made:1",
    "temp-made:20",
    "temp-half:1",
    "temp-half:11",
    "temp-half:40",
    "temp-written:2",
    "temp-written:15",
    "temp-written:60",
    "rename:1",
    "rename:7",
    "rename:30",
    "rename:66",
    "renamed:1",
    "renamed:9",
    "renamed:33",
    "renamed:70",
    "entry:1",
    "entry:5",
    "entry:15",
    "entry-stored:1",
    "entry-stored:9",
    "locked:1",
    "locked:8",
    "event:1",
    "event:20",
    "record:1",
];

#[test]
fn forty_kills_lose_nothing_that_was_finished() {
    let expected = undisturbed();
    for (i, fault) in FAULTS.iter().enumerate() {
        assert!(killed_at(fault, i % 2 == 0, &expected), "{fault} was never passed");
    }
    for (i, milliseconds) in [0, 3, 6, 10, 15, 20, 26, 33, 41, 50, 60, 80, 110, 150].into_iter().enumerate() {
        killed_after(milliseconds * 1000, i % 2 == 0, &expected);
    }
}

#[test]
#[ignore = "a soak of many minutes"]
fn a_thousand_kills_lose_nothing_that_was_finished() {
    let expected = undisturbed();
    let points =
        ["temp-made", "temp-half", "temp-written", "rename", "renamed", "entry", "entry-stored", "locked", "event"];
    let mut killed = 0;
    for n in 0..500 {
        let fault = format!("{}:{}", points[n % points.len()], 1 + n / points.len());
        killed += usize::from(killed_at(&fault, n % 2 == 0, &expected));
    }
    eprintln!("{killed} of 500 were killed at their point; the others have fewer such points");
    assert!(killed >= 250, "{killed}");
    for n in 0..500 {
        killed_after(n * 400, n % 2 == 0, &expected);
    }
}

#[test]
fn a_disk_that_refuses_is_named_and_what_was_stored_is_kept() {
    let expected = undisturbed();
    let faults = [
        ("write:1:read-only", "read-only"),
        ("write:1:denied", "permission denied"),
        ("write:2:full", "no storage space"),
        ("write:9:full", "no storage space"),
        ("write:40:full", "no storage space"),
        ("write:25:denied", "permission denied"),
        ("rename:12:full", "no storage space"),
        ("entry:6:full", "no storage space"),
        ("event:14:full", "no storage space"),
        ("record:1:full", "no storage space"),
    ];
    for (i, (fault, why)) in faults.into_iter().enumerate() {
        let place = quick();
        let done = place.run_with(&["run", "--quiet", "quick.yaml"], &[("RUNNER_FAULT", fault)]).exits(3);
        assert!(done.stderr.starts_with("error: cannot "), "{fault}: {}", done.stderr);
        assert!(done.stderr.contains(why) && done.stderr.contains("\n  hint: "), "{fault}: {}", done.stderr);
        assert!(!done.stderr.contains("panic"), "{fault}: {}", done.stderr);
        follows(&place, i % 2 == 0, &expected, fault);
    }
}

#[test]
fn a_store_that_cannot_be_written_can_be_looked_at() {
    let place = quick();
    place.run(&["run", "--quiet", "quick.yaml"]).exits(0);
    let read_only = [("RUNNER_FAULT", "write:1:read-only")];
    for args in [
        ["ls"].as_slice(),
        &["show"],
        &["plan", "quick.yaml"],
        &["why", "quick.yaml", "--set", "seed=4"],
        &["diff", "latest", "latest"],
        &["replay"],
        &["fsck"],
        &["gc", "--dry-run"],
    ] {
        place.run_with(args, &read_only).exits(0);
    }
    place.run_with(&["export", "latest", "x.tar.zst"], &read_only).exits(3);
}

/// Every object of the store of a finished run.
fn objects(place: &Place) -> Vec<PathBuf> {
    let root = place.path("runs/.store/objects");
    contents(&root).into_keys().map(|name| root.join(name)).collect()
}

/// Runs again, over damage: the same bytes come out.
#[track_caller]
fn runs_over(place: &Place, expected: &Undisturbed, set: &[&str], what: &str) -> Done {
    let mut args = vec!["run", "--events", "quick.yaml"];
    args.extend(set.iter().flat_map(|s| ["--set", s]));
    let done = place.run(&args);
    assert_eq!(done.code, Some(0), "{what}: {}", done.stderr);
    if set.is_empty() {
        same(&expected.run, &contents(&place.latest("runs").unwrap()), what);
    }
    done
}

#[test]
fn damaged_objects_are_named_and_made_anew_in_the_same_run() {
    let expected = undisturbed();
    let at = |part: f64| {
        move |bytes: &mut Vec<u8>| {
            let last = bytes.len() - 1;
            bytes[(last as f64 * part) as usize] ^= 4;
        }
    };
    let flip = |at: usize| {
        move |bytes: &mut Vec<u8>| {
            let at = at.min(bytes.len() - 1);
            bytes[at] ^= 1;
        }
    };
    // Magic, version, first bytes of the body, its middle, its end; cut off, emptied, too long.
    type Damage = Box<dyn Fn(&mut Vec<u8>)>;
    let damages: Vec<(&str, Damage)> = vec![
        ("magic", Box::new(flip(0))),
        ("version", Box::new(flip(8))),
        ("head", Box::new(flip(13))),
        ("quarter", Box::new(at(0.25))),
        ("middle", Box::new(at(0.5))),
        ("end", Box::new(at(1.0))),
        ("cut off", Box::new(|bytes| bytes.truncate(bytes.len() / 2))),
        ("one byte less", Box::new(|bytes| bytes.truncate(bytes.len() - 1))),
        ("empty", Box::new(Vec::clear)),
        ("longer", Box::new(|bytes| bytes.push(0))),
    ];
    for (what, damage) in damages {
        let place = quick();
        place.run(&["run", "--quiet", "quick.yaml"]).exits(0);
        for path in objects(&place) {
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();
        }
        place.run(&["fsck"]).exits(1);
        let done = runs_over(&place, &expected, &[], what);
        let named = done.events().iter().filter(|line| line["event"].get("object_lost").is_some()).count();
        let computed = steps(&done.events(), "computed").len();
        assert!(named > 0 || computed > 0, "{what}: nothing was noticed");
        // What no step had to read is still damaged; a repair puts it away, and a run makes what it needs.
        place.run(&["fsck", "--repair"]).exits(0);
        runs_over(&place, &expected, &[], what);
        clean(&place, what);
    }
}

#[test]
fn a_damaged_input_is_made_anew_for_the_step_that_needs_it() {
    let expected = undisturbed();
    let place = quick();
    place.run(&["run", "--quiet", "quick.yaml"]).exits(0);
    let record = place.record("runs");
    let output = |step: &str, name: &str| -> String {
        let step = record["steps"].as_array().unwrap().iter().find(|s| s["step"] == step).unwrap().clone();
        let outputs = step["outputs"].as_array().unwrap();
        outputs.iter().find(|o| o[0] == name).unwrap()[1].as_str().unwrap().to_owned()
    };
    for (step, name) in [("balance", "train"), ("prepare", "test")] {
        let digest = output(step, name);
        let path = place.path(&format!("runs/.store/objects/{}/{}", &digest[..2], &digest[2..]));
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 16;
        fs::write(&path, bytes).unwrap();
        // Another tree needs both.
        let depth = if step == "balance" { "3" } else { "2" };
        let done = runs_over(&place, &expected, &[&format!("models.decision_tree.max_depth={depth}")], step);
        let lost: Vec<Json> =
            done.events().iter().filter_map(|line| line["event"].get("object_lost").cloned()).collect();
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!((lost[0]["step"].as_str(), lost[0]["digest"].as_str()), (Some(step), Some(digest.as_str())));
        assert!(lost[0]["problem"].as_str().unwrap().starts_with("is damaged"), "{lost:?}");
        let computed = steps(&done.events(), "computed");
        assert!(computed.contains(&step.to_owned()) && computed.contains(&"fit/decision_tree".to_owned()));
        // Fit, prediction and judgement of the tree, its two figure steps, and the figure of all models.
        assert_eq!(computed.len(), 7, "{computed:?}");
    }
    clean(&place, "after both");
    // In words, on the terminal.
    let digest = output("balance", "train");
    fs::remove_file(place.path(&format!("runs/.store/objects/{}/{}", &digest[..2], &digest[2..]))).unwrap();
    let why = place.run(&["why", "quick.yaml"]).exits(0).stdout;
    assert!(why.contains("it was stored, but its train is gone"), "{why}");
    runs_over(&place, &expected, &[], "gone");
}

#[test]
fn an_entry_that_points_nowhere_is_none() {
    let expected = undisturbed();
    let place = quick();
    place.run(&["run", "--quiet", "quick.yaml"]).exits(0);
    for path in objects(&place) {
        fs::remove_file(path).unwrap();
    }
    place.run(&["fsck"]).exits(1);
    let done = runs_over(&place, &expected, &[], "no objects");
    assert_eq!(steps(&done.events(), "stored"), Vec::<String>::new());
    clean(&place, "no objects");
    // Entries that are cut off or emptied.
    for (i, key) in fs::read_dir(place.path("runs/.store/steps")).unwrap().enumerate() {
        let path = key.unwrap().path().join("entry.json");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, if i % 2 == 0 { &bytes[..bytes.len() / 2] } else { b"" }).unwrap();
    }
    runs_over(&place, &expected, &[], "no entries");
    clean(&place, "no entries");
}

/// Eight processes with four experiments that share most steps, on one store.
fn eight_at_once(rounds: usize) {
    let variants = ["seed=3", "models.decision_tree.max_depth=3", "models.kmeans.n_clusters=4", "balance=none"];
    let expected: Vec<BTreeMap<String, Vec<u8>>> = variants
        .iter()
        .map(|set| {
            let place = quick();
            place.run(&["run", "--quiet", "quick.yaml", "--set", set]).exits(0);
            contents(&place.runs("runs")[0])
        })
        .collect();
    for round in 0..rounds {
        let place = quick();
        let children: Vec<_> = (0..8)
            .map(|i| {
                let runs = format!("runs{i}");
                let set = variants[i % 4];
                place
                    .command(&["run", "--quiet", "quick.yaml", "--runs", &runs, "--store", "store", "--set", set])
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let mut computed: BTreeMap<String, usize> = BTreeMap::new();
        for (i, child) in children.into_iter().enumerate() {
            let done = child.wait_with_output().unwrap();
            assert_eq!(done.status.code(), Some(0), "{round}: {}", String::from_utf8_lossy(&done.stderr));
            let run = place.runs(&format!("runs{i}"))[0].clone();
            same(&expected[i % 4], &contents(&run), &format!("round {round}, process {i}"));
            for key in computed_keys(&run) {
                *computed.entry(key).or_default() += 1;
            }
        }
        let twice: Vec<_> = computed.iter().filter(|(_, n)| **n > 1).collect();
        assert!(twice.is_empty(), "round {round}: computed twice: {twice:?}");
        let found = place.run(&["fsck", "--runs", "runs0", "--store", "store", "--output", "json"]).exits(0).json();
        assert_eq!((&found["left"], &found["loose"]), (&0.into(), &0.into()), "round {round}: {found}");
    }
}

/// Keys of the steps that a run computed itself.
fn computed_keys(run: &Path) -> Vec<String> {
    let record: Json = serde_json::from_slice(&fs::read(run.join("record.json")).unwrap()).unwrap();
    let stored = record["volatile"]["stored"].as_array().unwrap();
    record["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| !stored.contains(&s["step"]))
        .map(|s| s["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn eight_processes_share_one_store() {
    eight_at_once(20);
}

#[test]
#[ignore = "a soak of some minutes"]
fn eight_processes_share_one_store_a_hundred_times() {
    eight_at_once(100);
}

#[test]
fn a_step_that_another_process_computes_is_awaited_and_taken_over_when_it_is_killed() {
    let place = Place::new();
    let long = QUICK.replace("n_estimators: 8", "n_estimators: 100000");
    place.write("long.yaml", long);
    let first = place.start(&["run", "long.yaml", "--jobs", "2"]);
    super::support::wait_for_event(&place, "runs", r#""step_started":{"step":"fit/random_forest""#);
    let second = place.start(&["run", "long.yaml", "--runs", "others", "--store", "runs/.store", "--jobs", "1"]);
    super::support::wait_for_event(&place, "others", &format!(r#""process":{}"#, first.id()));
    assert!(
        !fs::read_to_string(place.runs("others")[0].join("events.jsonl"))
            .unwrap()
            .contains(r#""step_started":{"step":"fit/random_forest""#)
    );
    assert!(place.run(&["rm", "latest"]).exits(3).stderr.contains("is going on"));
    assert!(place.run(&["resume"]).exits(3).stderr.contains("is going on"));
    assert!(place.run(&["gc"]).exits(3).stderr.contains("in use by a run"));
    super::support::signal(first, "KILL");
    super::support::wait_for_event(&place, "others", r#""step_started":{"step":"fit/random_forest""#);
    super::support::signal(second, "KILL");
    place.run(&["gc"]).exits(0);
}
