//! `runner init` and `runner data`: on every data set that is there, and on tables that nobody wants to get.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use super::data::folder_with;
use super::support::{Done, Place, snapshot};

/// A data set and what must be so whatever is guessed.
struct Known {
    /// The snapshot's name.
    name: &'static str,
    files: &'static [&'static str],
    columns: Option<&'static str>,
    target: &'static str,
    classes: usize,
    /// Columns that are no features: other labels, identifiers, addresses, times. Written down from the descriptions of
    /// the data sets, not from what the program says.
    never: &'static [&'static str],
    /// Whether its run is among the long ones.
    large: bool,
}

const fn known(name: &'static str, files: &'static [&'static str], target: &'static str, classes: usize) -> Known {
    Known { name, files, columns: None, target, classes, never: &[], large: false }
}

const KNOWN: [Known; 11] = [
    known("iris", &["classic-sklearn/iris.csv"], "label", 3),
    known("wine", &["classic-sklearn/wine.csv"], "label", 3),
    known("digits", &["classic-sklearn/digits.csv"], "label", 10),
    known("breast-cancer", &["classic-sklearn/breast_cancer.csv"], "label", 2),
    known("published-arrays", &["published-arrays/processed_data.npz"], "class", 8),
    Known {
        never: &["Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port", "Timestamp", "Label", "Traffic Subtype"],
        ..known("tii-ssrc-23", &["tii-ssrc-23-sample/tii_ssrc23_sample_5301.csv.gz"], "Traffic Type", 8)
    },
    Known {
        never: &["label_binary"],
        ..known("ciciot2023", &["ciciot2023-sample/CICIoT2023_sample.csv.gz"], "label_multiclass", 10)
    },
    Known { never: &["dt", "switch", "src", "dst"], ..known("ddos-sdn", &["ddos-sdn/dataset_sdn.csv.gz"], "label", 2) },
    Known {
        never: &["id", "Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port", "Timestamp", "Attempted Category"],
        large: true,
        ..known("cicids2017", &["cicids2017-improved/cicids2017_improved_rnd5000.csv.gz"], "Label", 16)
    },
    Known {
        never: &["difficulty"],
        columns: Some("nsl-kdd/columns.txt"),
        large: true,
        ..known("nsl-kdd", &["nsl-kdd/KDDTrain+.txt.gz", "nsl-kdd/KDDTest+.txt.gz"], "label", 40)
    },
    Known {
        columns: Some("kddcup99-10pct/columns.txt"),
        large: true,
        ..known("kddcup99", &["kddcup99-10pct/kddcup.data_10_percent.gz"], "label", 23)
    },
];

fn with_data(place: &Place, data: &Path, args: &[&str]) -> Done {
    place.run_with(args, &[("RUNNER_DATA_DIR", data.to_str().unwrap())])
}

impl Known {
    fn args<'a>(&'a self, command: &'a str) -> Vec<&'a str> {
        let mut args = vec![command];
        args.extend(self.files);
        args.extend(self.columns.iter().flat_map(|c| ["--columns", c]));
        args
    }

    /// Writes the starter; `None` where the data is missing.
    fn starter(&self, place: &Place) -> Option<(std::path::PathBuf, String)> {
        let data = folder_with(self.files[0])?;
        let done = with_data(place, &data, &self.args("init")).exits(0);
        assert_eq!(done.stderr, "", "{}", self.name);
        let file = format!("{}.yaml", self.name);
        place.write(&file, &done.stdout);
        Some((data, file))
    }

    /// Runs the starter as it is and looks at what it learnt from.
    fn runs(&self) {
        let place = Place::new();
        let Some((data, file)) = self.starter(&place) else { return };
        with_data(&place, &data, &["run", "--quiet", &file]).exits(0);
        let record = place.record("runs");
        assert_eq!(record["status"], "finished", "{}", self.name);
        let models = record["models"].as_array().unwrap();
        let names: Vec<&str> = models.iter().map(|m| m["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"random_forest") && names.len() >= 3, "{}: {names:?}", self.name);
        let metadata = fs::read(place.runs("runs")[0].join("feature_metadata.json")).unwrap();
        let metadata: Json = serde_json::from_slice(&metadata).unwrap();
        let features: Vec<&str> =
            metadata["features"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
        assert!(!features.is_empty());
        for name in self.never.iter().chain([&self.target]) {
            // One-hot columns are called `column=word`.
            let leaks = |f: &&&str| *f == name || f.starts_with(&format!("{name}="));
            assert_eq!(features.iter().find(leaks), None, "{}: {name} is a feature", self.name);
        }
        let of = |name: &str| {
            let model = models.iter().find(|m| m["name"] == name).unwrap();
            model["test"]["values"]["f1_macro"]["defined"].as_f64().unwrap()
        };
        assert!(of("random_forest") > of("majority") + 0.05, "{}", self.name);
    }
}

#[test]
fn starters_of_all_data_sets() {
    let place = Place::new();
    for known in &KNOWN {
        let Some((data, file)) = known.starter(&place) else { continue };
        let text = fs::read_to_string(place.path(&file)).unwrap();
        snapshot(&format!("init-{}.yaml", known.name), &text);
        assert!(text.lines().all(|l| l.chars().count() <= 118), "{text}");
        with_data(&place, &data, &["check", &file]).exits(0);
        let config = with_data(&place, &data, &["config", &file, "--output", "json"]).exits(0).json();
        let aside: Vec<&str> =
            config["dataset"]["keep_aside"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
        for name in known.never {
            assert!(aside.contains(name), "{}: {name} is not kept aside", known.name);
        }
        if known.target != "class" {
            assert_eq!(config["dataset"]["target"], known.target, "{}", known.name);
        }
    }
}

#[test]
fn starters_run_as_they_are() {
    KNOWN.iter().filter(|known| !known.large).for_each(Known::runs);
}

#[test]
fn starters_of_large_tables_run_as_they_are() {
    KNOWN.iter().filter(|known| known.large).for_each(Known::runs);
}

#[test]
fn profiles_of_all_data_sets() {
    let place = Place::new();
    for known in &KNOWN {
        let Some(data) = folder_with(known.files[0]) else { continue };
        let done = with_data(&place, &data, &known.args("data")).exits(0);
        assert_eq!(done.stderr, "", "{}", known.name);
        snapshot(&format!("data-{}.txt", known.name), &done.stdout);
        assert!(done.stdout.lines().all(|l| l.chars().count() <= 100), "{}", done.stdout);
        let mut args = known.args("data");
        args.extend(["--output", "json"]);
        let json = with_data(&place, &data, &args).exits(0).json();
        assert_eq!(json["guess"]["target"]["column"], known.target, "{}", known.name);
        assert_eq!(json["guess"]["classes"].as_array().unwrap().len(), known.classes, "{}", known.name);
    }
}

/// Facts that the descriptions of the data sets give.
#[test]
fn profiles_count_what_is_known() {
    let place = Place::new();
    let facts = |name: &str| {
        let known = KNOWN.iter().find(|k| k.name == name).unwrap();
        let data = folder_with(known.files[0])?;
        let mut args = known.args("data");
        args.extend(["--output", "json"]);
        Some(with_data(&place, &data, &args).exits(0).json())
    };
    let column = |json: &Json, name: &str| -> Json {
        json["columns"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap().clone()
    };
    if let Some(kdd) = facts("kddcup99") {
        assert_eq!(kdd["repeated_rows"], 348_435);
        assert_eq!(
            (&column(&kdd, "num_outbound_cmds")["distinct"], &column(&kdd, "is_host_login")["distinct"]),
            (&1.into(), &1.into())
        );
        assert_eq!(column(&kdd, "label")["top"][0], serde_json::json!(["smurf.", 280_790]));
    }
    if let Some(ciciot) = facts("ciciot2023") {
        assert_eq!(ciciot["repeated_rows"], 55);
        // 80 rows repeat the features of an earlier one; 23 of the repeated vectors carry more than one label.
        assert_eq!(ciciot["guess"]["repeats"]["conflicting"], 23);
        let equal = ciciot["equal"].as_array().unwrap();
        assert_eq!(equal.len(), 2);
        assert_eq!(equal[0], serde_json::json!({"column": "LLC", "to": "IPv"}));
        assert_eq!(equal[1], serde_json::json!({"column": "Tot size", "to": "AVG"}));
    }
    if let Some(sdn) = facts("ddos-sdn") {
        assert_eq!(sdn["repeated_rows"], 5091);
        assert_eq!(
            (&column(&sdn, "rx_kbps")["missing"], &column(&sdn, "tot_kbps")["missing"]),
            (&506.into(), &506.into())
        );
    }
    if let Some(tii) = facts("tii-ssrc-23") {
        let constant = tii["columns"].as_array().unwrap().iter().filter(|c| c["distinct"] == 1).count();
        assert_eq!(constant, 5);
    }
}

#[test]
fn the_same_on_any_number_of_threads() {
    let Some(data) = folder_with("tii-ssrc-23-sample/tii_ssrc23_sample_5301.csv.gz") else { return };
    let place = Place::new();
    let said = |threads: &str, command: &str| {
        let mut args = vec![command, "tii-ssrc-23-sample/tii_ssrc23_sample_5301.csv.gz"];
        args.extend(if command == "data" { &["--output", "json"][..] } else { &[] });
        place.run_with(&args, &[("RUNNER_DATA_DIR", data.to_str().unwrap()), ("RAYON_NUM_THREADS", threads)]).exits(0)
    };
    for command in ["init", "data"] {
        assert_eq!(said("1", command).stdout, said("8", command).stdout, "{command}");
    }
}

#[test]
fn help() {
    let place = Place::new();
    snapshot("help-init.txt", &place.run(&["init", "--help"]).exits(0).stdout);
    snapshot("help-data.txt", &place.run(&["data", "--help"]).exits(0).stdout);
}

#[test]
fn a_table_for_regression_is_refused() {
    let Some(data) = folder_with("classic-sklearn/diabetes.csv") else { return };
    let place = Place::new();
    let done = with_data(&place, &data, &["init", "classic-sklearn/diabetes.csv"]).exits(2);
    snapshot("init-diabetes.stderr", &done.stderr);
    // It has a profile all the same, and a column that would serve is taken if it is named.
    let shown = with_data(&place, &data, &["data", "classic-sklearn/diabetes.csv"]).exits(0).stdout;
    assert!(shown.contains("target       none: no column holds classes"), "{shown}");
    let done = with_data(&place, &data, &["init", "classic-sklearn/diabetes.csv", "--target", "sex"]).exits(0);
    assert!(done.stdout.contains("    - target # another label, by its name\n"), "{}", done.stdout);
}

fn with_flows() -> Place {
    let place = Place::new();
    place.copy("tests/samples/data");
    fs::rename(place.path("tests/samples/data"), place.path("data")).unwrap();
    place
}

#[test]
fn the_file_is_written_where_it_is_wanted() {
    let place = with_flows();
    let done = place.run(&["init", "data/flows.csv", "-o", "first.yaml"]).exits(0);
    snapshot("init-written.txt", &done.stdout);
    place.run(&["run", "--quiet", "first.yaml"]).exits(0);

    // Whatever an experiment reads has a profile: here Parquet.
    let predictions = place.runs("runs")[0].join("predictions/decision_tree.parquet");
    let shown = place.run(&["data", predictions.to_str().unwrap(), "--output", "json"]).exits(0).json();
    assert_eq!(shown["columns"][0]["name"], "row_id");
    assert_eq!(shown["columns"][0]["kind"], "whole");

    // A file that is there is not lost.
    let before = fs::read(place.path("first.yaml")).unwrap();
    let done = place.run(&["init", "data/flows.csv", "-o", "first.yaml"]).exits(2);
    snapshot("init-exists.stderr", &done.stderr);
    place.write("first.yaml", "mine");
    place.run(&["init", "data/flows.csv", "-o", "first.yaml", "--force"]).exits(0);
    assert_eq!(fs::read(place.path("first.yaml")).unwrap(), before);
    assert_eq!(place.run(&["init", "data/flows.csv", "-o", "-"]).exits(0).stdout.as_bytes(), before);

    // In another folder the path is one that is found from there.
    fs::create_dir_all(place.path("a/b")).unwrap();
    place.run(&["init", "data/flows.csv", "-o", "a/b/first.yaml"]).exits(0);
    let text = fs::read_to_string(place.path("a/b/first.yaml")).unwrap();
    assert!(text.contains("  path: ../../data/flows.csv\n"), "{text}");
    place.run(&["run", "--quiet", "a/b/first.yaml"]).exits(0);
    place.run(&["init", "data/flows.csv", "-o", "data/first.yaml"]).exits(0);
    let text = fs::read_to_string(place.path("data/first.yaml")).unwrap();
    assert!(text.contains("  path: flows.csv\n"), "{text}");

    // The schema is named only where an editor would find it.
    assert!(!text.contains("yaml-language-server"), "{text}");
    let schema = place.run(&["schema"]).exits(0).stdout;
    place.write("a/schema.json", schema);
    place.run(&["init", "data/flows.csv", "-o", "a/first.yaml"]).exits(0);
    let text = fs::read_to_string(place.path("a/first.yaml")).unwrap();
    assert!(text.starts_with("# yaml-language-server: $schema=schema.json\n"), "{text}");
    place.run(&["check", "a/first.yaml"]).exits(0);
}

#[test]
fn what_cannot_be_written_or_read_says_why() {
    let place = with_flows();
    place.write("names.txt", "a\nb\n");
    place.write("again.csv", "a,b,label\n1,2,x\na,b,label\n3,4,y\n");
    place.write("few.csv", "a,label\n1,x\n2,y\n3,x\n4,y\n");
    place.write("constant.csv", format!("a,label\n{}", "1,x\n".repeat(30)));
    place.write("only-labels.csv", format!("label,attack\n{}", "x,1\ny,0\n".repeat(30)));
    place.write("plain.csv", "1,2,x\n3,4,y\n");
    let mut out = String::new();
    for args in [
        &["init", "data/flows.csv", "-o", "data"][..],
        &["init", "data/flows.csv", "-o", "no/such/first.yaml"],
        &["init", "data/flows.csv", "-o", "data/flows.csv", "--force"],
        &["init", "data/flows.csv", "--force"],
        &["init"],
        &["init", "nothing.csv"],
        &["init", "data"],
        &["init", "data/empty.csv"],
        &["init", "data/header-only.csv"],
        &["init", "data/ragged.csv"],
        &["init", "data/twice.csv"],
        &["init", "data/flows.csv", "data/other-columns.csv"],
        &["init", "data/flows.csv", "--target", "Trafic Type"],
        &["init", "data/flows.csv", "--columns", "names.txt"],
        &["init", "plain.csv", "--columns", "names.txt"],
        &["init", "plain.csv", "--columns", "nothing.txt"],
        &["init", "again.csv"],
        &["init", "few.csv"],
        &["init", "constant.csv"],
        &["init", "constant.csv", "--target", "label"],
        &["init", "only-labels.csv"],
        &["data", "nothing.csv"],
        &["data", "data/flows.csv", "--target", "nothing"],
    ] {
        let done = place.run(args).exits(2);
        assert_eq!(done.stdout, "", "{args:?}");
        out.push_str(&format!("$ runner {}\n{}\n", args.join(" "), place.redact(&done.stderr)));
    }
    snapshot("init-refusals.txt", &out);
}

/// Whatever the table: if `init` makes an experiment of it, the experiment runs.
#[test]
fn starters_of_odd_tables_run() {
    let odd: Vec<(&str, String)> = vec![
        ("no-header.csv", (0..40).map(|i| format!("{},{}.5,c{}\n", i % 7, i % 11, i % 2)).collect()),
        (
            "hostile names.csv",
            format!(
                "\"a: b\",\"- c\",\"#\",\"[x]\",\"{{y}}\",\"null\",\"1.50\",\"true\",\"new\nline\",größe,\"q\"\"q\",label\n{}",
                (0..40)
                    .map(|i| format!(
                        "{},{},{},{},{},{},{},{},{},{},{},\"{}\"\n",
                        i % 3,
                        i % 5,
                        i % 7,
                        i % 4,
                        i % 6,
                        i % 8,
                        i % 9,
                        i % 10,
                        i % 11,
                        i % 12,
                        i % 13,
                        ["yes", "a: b", "# c"][i % 3]
                    ))
                    .collect::<String>()
            ),
        ),
        (
            "numbers-as-classes.csv",
            format!(
                "a,b,class\n{}",
                (0..40).map(|i| format!("{},{}.25,{}.0\n", i % 5, i % 9, i % 3)).collect::<String>()
            ),
        ),
        (
            "true-and-false.csv",
            format!(
                "a,b,is_attack\n{}",
                (0..40).map(|i| format!("{},{},{}\n", i % 5, i % 9, ["True", "False"][i % 2])).collect::<String>()
            ),
        ),
        (
            "gaps.csv",
            format!(
                "n,w,empty,mixed,label\n{}",
                (0..60)
                    .map(|i| format!(
                        "{},{},,{},{}\n",
                        if i % 7 == 0 { "?".into() } else { (i % 6).to_string() },
                        ["tcp", "", "udp"][i % 3],
                        ["1", "0x1f", "2"][i % 3],
                        ["a", "b", ""][(i / 3) % 3]
                    ))
                    .collect::<String>()
            ),
        ),
        (
            "a-class-of-one-row.csv",
            format!(
                "a,b,label\n{}9,9,rare\n",
                (0..60).map(|i| format!("{},{}.5,{}\n", i % 7, i % 11, ["x", "y"][i % 2])).collect::<String>()
            ),
        ),
        (
            "ten-rows.csv",
            format!(
                "a,b,label\n{}",
                (0..10).map(|i| format!("{i}.5,{},{}\n", i * i, ["x", "y"][i % 2])).collect::<String>()
            ),
        ),
        ("four-rows-copied.csv", format!("a,label\n{}", "1,x\n1,y\n2,x\n2,y\n".repeat(20))),
        (
            "copies.csv",
            format!(
                "a,label\n{}",
                (0..240).map(|i| format!("{},{}\n", i % 6, ["x", "y"][i % 12 / 6])).collect::<String>()
            ),
        ),
        (
            "12.csv",
            format!(
                "a,b,label\n{}",
                (0..40).map(|i| format!("{},{}.5,{}\n", i % 7, i % 11, ["x", "y"][i % 2])).collect::<String>()
            ),
        ),
        (
            "semicolons.csv",
            format!(
                "a;b;label\n{}",
                (0..40).map(|i| format!("{};{}.5;{}\n", i % 7, i % 11, ["x", "y"][i % 2])).collect::<String>()
            ),
        ),
        (
            "tabs.tsv",
            format!(
                "a\tb\tlabel\n{}",
                (0..40).map(|i| format!("{}\t{}.5\t{}\n", i % 7, i % 11, ["x", "y"][i % 2])).collect::<String>()
            ),
        ),
    ];
    let place = Place::new();
    let odd = odd.into_iter().map(|(name, text)| (name, text.into_bytes()));
    // The code page of Windows, as in the files that CIC-IDS2017 came in.
    let dash = |i: usize| {
        [&format!("{},{}.5,", i % 7, i % 11).into_bytes()[..], [&b"Web \x96 XSS\n"[..], b"BENIGN\n"][i % 2]].concat()
    };
    let windows = ("windows.csv", [b"a,b,label\n".to_vec(), (0..40).flat_map(dash).collect()].concat());
    for (name, text) in odd.chain([windows]) {
        place.write(name, text);
        let done = place.run(&["init", name, "-o", "odd.yaml", "--force"]).exits(0);
        assert_eq!(done.stderr, "", "{name}");
        let run = place.run(&["run", "--quiet", "odd.yaml"]);
        let yaml = fs::read_to_string(place.path("odd.yaml")).unwrap();
        assert_eq!(run.code, Some(0), "{name}: {}\n{yaml}", run.stderr);
        place.run(&["data", name]).exits(0);
    }
}

#[test]
fn official_parts_are_told_by_their_names_or_by_the_user() {
    let rows = |from: usize, to: usize| -> String {
        (from..to).map(|i| format!("{},{}.5,{}\n", i % 7, i % 11, ["normal", "attack"][i % 2])).collect()
    };
    let place = Place::new();
    place.write("set-train.csv", format!("a,b,label\n{}", rows(0, 60)));
    place.write("set-test.csv", format!("a,b,label\n{}1,1,unseen\n", rows(60, 90)));
    let by_name = place.run(&["init", "set-test.csv", "set-train.csv"]).exits(0).stdout;
    assert!(by_name.contains("  train: set-train.csv\n  test: set-test.csv\n"), "{by_name}");
    assert!(by_name.contains("split: {predefined: {validation_size: 0.1}}\n"), "{by_name}");
    let told = place.run(&["init", "set-train.csv", "--test", "set-test.csv"]).exits(0).stdout;
    assert!(told.contains("    malicious: [attack, unseen]\n"), "{told}");
    place.write("told.yaml", told);
    place.run(&["run", "--quiet", "told.yaml"]).exits(0);
}

#[test]
fn hostile_names_do_not_break_the_terminal() {
    let place = Place::new();
    let header = format!("\"\u{1b}[31mred\",\"{}\",\"a\tb\",label", "x".repeat(5000));
    let rows: String =
        (0..30).map(|i| format!("{},{},\"\u{7}{}\",{}\n", i % 3, i % 5, i % 4, ["x", "y\u{200b}"][i % 2])).collect();
    place.write("hostile.csv", format!("{header}\n{rows}"));
    for args in [&["data", "hostile.csv"][..], &["init", "hostile.csv"]] {
        let text = place.run(args).exits(0).stdout;
        assert!(!text.contains(['\u{1b}', '\u{7}', '\t', '\u{200b}']), "{text}");
    }
    let shown = place.run(&["data", "hostile.csv"]).stdout;
    assert!(shown.lines().all(|l| l.chars().count() <= 100), "{shown}");
}
