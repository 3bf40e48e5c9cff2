//! Bad input: every file of `tests/samples/invalid/` is run, and what it says is kept in the `.stderr` beside it. Then
//! what the machine and the user do to a run: no room on the disk, Ctrl-C, kill, a reader that went away.
//!
//! A sample's first line may say `# exit: 1` (2 is the rule), `# args: --set a.b=c` or `# env: NAME=value`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::process::Stdio;

use runner::table::{PlainColumn, PlainValues, write_predictions_parquet};

use super::support::{Done, Place, differs, npy, root, signal, steps, wait_for_event, zip};

const GOOD: &str = "dataset: {path: data/flows.csv, target: Traffic Type}
prepare: [one_hot, standardize]
models: {decision_tree: {max_depth: 3}, dbscan: {eps: 0.5}}
";

/// The samples with the data that is made here, in a place of their own.
fn samples() -> Place {
    let place = Place::new();
    place.copy("tests/samples/invalid");
    place.copy("tests/samples/data");
    fs::rename(place.path("tests/samples/invalid"), place.path("invalid")).unwrap();
    fs::rename(place.path("tests/samples/data"), place.path("data")).unwrap();
    let matrix: Vec<u8> = (0..12).flat_map(|v| f64::from(v).to_le_bytes()).collect();
    let labels: Vec<u8> = (0..6_i64).flat_map(|v| (v % 2).to_le_bytes()).collect();
    let x = npy("<f8", "(6, 2)", &matrix);
    let y = npy("<i8", "(6,)", &labels);
    let absurd = npy("<f8", "(1099511627776, 2)", &matrix);
    let one_name: Vec<u8> = "Bytes".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let names = npy("<U5", "(1,)", &one_name);
    let archive = |train: &[u8], more: &[(&str, Vec<u8>)]| {
        let mut members = vec![("X_train.npy", train.to_vec()), ("X_test.npy", x.clone()), ("y_train.npy", y.clone())];
        members.extend(more.iter().cloned());
        zip(&members)
    };
    place.write("data/no-y-test.npz", archive(&x, &[]));
    place.write("data/no-names.npz", archive(&x, &[("y_test.npy", y.clone())]));
    place.write("data/shape.npz", archive(&absurd, &[("y_test.npy", y.clone())]));
    place.write("data/names.npz", archive(&x, &[("y_test.npy", y.clone()), ("feature_names.npy", names)]));
    place.write("data/broken.npz", "Flow Bytes,Traffic Type\n1,Video\n");
    place.write("data/broken.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03not what gzip writes");
    let flows = fs::read(place.path("data/flows.csv")).unwrap();
    let packed = zstd::encode_all(flows.as_slice(), 3).unwrap();
    place.write("data/cut.csv.zst", &packed[..packed.len() / 2]);
    let columns = [
        PlainColumn::new("Flow Bytes", PlainValues::F64((0..40).map(f64::from).collect())),
        PlainColumn::new("Traffic Type", PlainValues::I32((0..40).map(|i| i % 2).collect())),
    ];
    let mut parquet = write_predictions_parquet(&columns).unwrap();
    place.write("data/whole.parquet", &parquet);
    place.write("data/cut.parquet", &parquet[..parquet.len() / 2]);
    parquet[4..12].fill(0xa5);
    place.write("data/damaged.parquet", &parquet);
    place.write("data/cut.arrow", b"ARROW1\0\0\xff\xff\xff\xff\x10\0\0\0cut short in here");
    place.write("data/archive.csv", zip(&[("flows.csv", flows)]));
    place.write("data/capture.pcap", b"\xd4\xc3\xb2\xa1\x02\0\x04\0 and so on");
    place.write("data/binary.csv", b"Flow Bytes,Traffic Type\n1,\0\x01\x02\n");
    place.write("data/code-page.csv", b"Flow Bytes,Traffic Type\n1,Video\n2,Web Attack \x96 XSS\n");
    place.write("data/mixed-encodings.csv", b"Flow Bytes,Traffic Type\n1,Vid\xc3\xa9o\n2,Web Attack \x96 XSS\n");
    place.write("good.yaml", GOOD);
    place
}

fn run(place: &Place, name: &str) -> (Done, i32) {
    let text = fs::read(place.path(&format!("invalid/{name}.yaml"))).unwrap();
    let first = String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned();
    let file = format!("invalid/{name}.yaml");
    let mut args = vec!["run", "--quiet", file.as_str()];
    let mut environment = Vec::new();
    let mut code = 2;
    if let Some(more) = first.strip_prefix("# args: ") {
        args.extend(more.split(' '));
    } else if let Some(variable) = first.strip_prefix("# env: ") {
        environment.push(variable.split_once('=').unwrap());
    } else if let Some(exit) = first.strip_prefix("# exit: ") {
        code = exit.parse().unwrap();
    }
    (place.run_with(&args, &environment), code)
}

fn names(extension: &str) -> Vec<String> {
    let mut out: Vec<String> = fs::read_dir(root().join("tests/samples/invalid"))
        .unwrap()
        .map(|item| item.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    out.sort();
    out
}

#[test]
fn every_sample_is_refused_as_written_beside_it_and_nothing_is_lost() {
    let place = samples();
    place.run(&["run", "--quiet", "good.yaml"]).exits(0);
    let mut wrong = Vec::new();
    for name in names("yaml") {
        let (done, code) = run(&place, &name);
        if done.code != Some(code) {
            wrong.push(format!("{name}: expected exit code {code}, got {:?}\n{}", done.code, done.stderr));
        }
        if !done.stdout.is_empty() {
            wrong.push(format!("{name}: expected nothing on standard output, got\n{}", done.stdout));
        }
        // Place, value, rule, next move: the place has its line, the next move a hint, a rule or something to type.
        if !done.stderr.starts_with("error: ") || !done.stderr.contains("\n  --> ") {
            wrong.push(format!("{name}: no place in\n{}", done.stderr));
        }
        if !["\n  hint: ", "expected ", "`"].iter().any(|word| done.stderr.contains(word)) {
            wrong.push(format!("{name}: no next move in\n{}", done.stderr));
        }
        let kept = root().join(format!("tests/samples/invalid/{name}.stderr"));
        wrong.extend(differs(&kept, &place.redact(&done.stderr)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    place.run(&["ls"]).exits(0);
    let again = place.run(&["run", "--events", "good.yaml"]).exits(0);
    assert_eq!(steps(&again.events(), "computed"), Vec::<String>::new(), "what was stored is still there");
}

#[test]
fn no_message_is_kept_without_its_sample() {
    let samples = names("yaml");
    let lost: Vec<String> = names("stderr").into_iter().filter(|name| !samples.contains(name)).collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(samples.len() >= 60, "samples have gone: {}", samples.len());
}

#[test]
fn check_finds_in_the_file_what_run_finds_and_tells_it_as_json() {
    let place = samples();
    let done = place.run(&["check", "--output", "json", "invalid/several-faults.yaml"]).exits(2);
    let told = done.json();
    assert_eq!(told["exit_code"], 2);
    assert_eq!(told["problems"].as_array().unwrap().len(), 7);
    assert_eq!(told["problems"][0]["place"], "invalid/several-faults.yaml:2:7");
    assert_eq!(told["problems"][0]["path"], "seed");
}

#[test]
fn runs_that_cannot_be_written_are_the_machine_s_fault() {
    let place = samples();
    place.write("a-file", "");
    for (runs, why) in [("a-file/runs", "below a file"), ("a-file", "a file"), ("/proc/runs", "no place for files")] {
        let done = place.run(&["run", "good.yaml", "--runs", runs]).exits(3);
        assert!(done.stderr.starts_with("error: cannot make the folder "), "{why}: {}", done.stderr);
        assert!(done.stderr.contains("--runs"), "{why}: {}", done.stderr);
    }
}

#[test]
fn a_store_of_a_newer_program_is_refused_and_left_alone() {
    let place = samples();
    place.run(&["run", "--quiet", "good.yaml"]).exits(0);
    place.write("runs/.store/format", "99\n");
    for args in [["run", "good.yaml"].as_slice(), &["ls"], &["show"]] {
        let done = place.run(args).exits(3);
        assert!(done.stderr.contains("format 99"), "{}", done.stderr);
        assert!(done.stderr.contains("hint: "), "{}", done.stderr);
    }
    assert_eq!(place.runs("runs").len(), 1);
    assert_eq!(fs::read_to_string(place.path("runs/.store/format")).unwrap(), "99\n");
}

/// A run that takes minutes in one fit, and has much behind it by then.
const LONG: &str = "dataset: {simulate: {rows: 2000}, target: Traffic Type, keep_aside: [Flow ID, Src IP, Src Port, \
                    Dst IP, Dst Port, Timestamp, Label, Traffic Subtype]}
prepare: [standardize]
balance: {smote: {k_neighbors: 5}}
models:
  decision_tree: {max_depth: 5}
  random_forest: {n_estimators: 100000}
allow: [{check: S21, reason: it is about the stop}]
";
const BEGUN: &str = r#""step_started":{"step":"fit/random_forest""#;
const SHORTER: &str = "models.random_forest.n_estimators=5";

/// Stops a long run by a signal; the next run of the same file, with fewer trees, takes up what was stored.
fn stopped_by(name: &str) -> (Place, Option<i32>) {
    let place = Place::new();
    place.write("long.yaml", LONG);
    let child = place.start(&["run", "long.yaml", "--jobs", "2"]);
    wait_for_event(&place, "runs", BEGUN);
    wait_for_event(&place, "runs", r#"{"step_finished":{"step":"balance""#);
    let code = signal(child, name);
    (place, code)
}

fn goes_on(place: &Place) {
    let again = place.run(&["run", "--events", "long.yaml", "--set", SHORTER]).exits(0).events();
    let stored = steps(&again, "stored");
    for step in ["source", "clean", "split", "prepare", "balance"] {
        assert!(stored.iter().any(|s| s == step), "{step} is not among the stored {stored:?}");
    }
    assert!(steps(&again, "computed").contains(&"fit/random_forest".to_owned()));
    assert_eq!(place.runs("runs").len(), 2);
}

#[test]
fn a_run_that_is_stopped_says_so_and_the_next_one_goes_on() {
    for name in ["INT", "TERM"] {
        let (place, code) = stopped_by(name);
        assert_eq!(code, Some(130), "{name}");
        let record = place.record("runs");
        assert_eq!(record["status"], "interrupted");
        let shown = place.run(&["show"]).exits(0).stdout;
        assert!(shown.contains("(interrupted)"), "{shown}");
        let listed = place.run(&["ls"]).exits(0).stdout;
        assert!(listed.contains("interrupted"), "{listed}");
        goes_on(&place);
    }
}

#[test]
fn a_run_that_is_killed_leaves_no_half_result() {
    let (place, code) = stopped_by("KILL");
    assert_eq!(code, None);
    assert!(!place.runs("runs")[0].join("record.json").exists());
    let shown = place.run(&["show"]).exits(0).stdout;
    assert!(shown.contains("(not finished)"), "{shown}");
    let listed = place.run(&["ls"]).exits(0).stdout;
    assert!(listed.contains("killed"), "{listed}");
    let listed: serde_json::Value =
        serde_json::from_str(&place.run(&["ls", "--output", "json"]).exits(0).stdout).unwrap();
    assert_eq!(listed[0]["status"], "killed");
    goes_on(&place);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = samples();
    for args in [["schema"].as_slice(), &["run", "good.yaml", "--output", "json"], &["run", "good.yaml", "--events"]] {
        let mut child = place.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    // The runs themselves were finished.
    for run in place.runs("runs") {
        assert!(run.join("record.json").is_file());
    }
}
