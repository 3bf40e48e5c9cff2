//! The same file gives the same bytes: in two processes, with one thread and with eight, with and without a store.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use super::support::{Place, data_dir, root, steps};

/// Every file below a folder by its path in it; of the record, what is not volatile.
pub fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for item in fs::read_dir(&next).unwrap() {
            let path = item.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if name == "record.json" {
                let mut record: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                assert!(record.as_object_mut().unwrap().remove("volatile").is_some());
                out.insert(name, serde_json::to_vec_pretty(&record).unwrap());
            } else if name != "events.jsonl" && name != "report.html" {
                out.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    out
}

#[track_caller]
pub fn same(a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>, what: &str) {
    assert!(a.keys().eq(b.keys()), "{what}: other files:\n{:?}\n{:?}", a.keys(), b.keys());
    let differing: Vec<&String> = a.iter().filter(|(name, bytes)| b[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(differing.is_empty(), "{what}: {differing:?}");
}

/// Runs the experiment with one thread and with eight, each in its own store, then again in the first.
fn check(file: &str, more: &[&str], data: Option<&Path>) {
    let place = Place::new();
    let file = root().join("experiments").join(file);
    let data = data.map(|d| fs::canonicalize(d).unwrap().to_string_lossy().into_owned());
    let run = |runs: &str, jobs: &str| {
        let mut args = vec!["run", "--events", "--runs", runs, "--jobs", jobs, file.to_str().unwrap()];
        args.extend(data.iter().flat_map(|d| ["--data-dir", d]));
        args.extend(more.iter().flat_map(|s| ["--set", s]));
        place.run(&args).exits(0).events()
    };
    let first = run("one", "1");
    assert_eq!(steps(&first, "stored"), Vec::<String>::new());
    let computed = steps(&first, "computed");
    assert!(computed.len() > 10, "{computed:?}");
    assert_eq!(steps(&run("eight", "8"), "computed"), computed);

    let one = contents(&place.runs("one")[0]);
    assert!(one.len() > 8, "{:?}", one.keys());
    same(&one, &contents(&place.runs("eight")[0]), "one thread and eight");
    // Every result in the store, not only what the run folder shows.
    same(&contents(&place.path("one/.store/objects")), &contents(&place.path("eight/.store/objects")), "objects");

    let again = run("one", "2");
    assert_eq!(steps(&again, "computed"), Vec::<String>::new(), "everything was in the store");
    assert_eq!(steps(&again, "stored"), computed);
    assert!(again.iter().all(|line| line["event"].get("step_started").is_none()));
    assert_eq!(place.runs("one").len(), 2);
    for folder in place.runs("one") {
        same(&one, &contents(&folder), "computed and from the store");
    }
}

#[test]
fn baseline_gives_the_same_bytes_at_any_number_of_threads() {
    let smaller = [
        "dataset.simulate.rows=1200",
        "models.random_forest.n_estimators=30",
        "prepare.select.n_estimators=20",
        "models.mlp.max_iter=40",
        "models.kmeans.n_init=4",
    ];
    check("baseline.yaml", &smaller, None);
}

/// One test for each shipped experiment that needs data.
macro_rules! shipped {
    ($($test:ident: $file:literal),* $(,)?) => {
        const SHIPPED: &[&str] = &["baseline.yaml", $($file),*];

        $(#[test]
        fn $test() {
            if let Some(data) = data_dir(stringify!($test)) {
                check($file, &[], Some(&data));
            }
        })*
    };
}

shipped! {
    best_gives_the_same_bytes: "best.yaml",
    cicids2017_gives_the_same_bytes: "cicids2017.yaml",
    ciciot2023_gives_the_same_bytes: "ciciot2023.yaml",
    corrected_study_gives_the_same_bytes: "corrected-study.yaml",
    ddos_sdn_gives_the_same_bytes: "ddos-sdn.yaml",
    kddcup99_gives_the_same_bytes: "kddcup99.yaml",
    nsl_kdd_multiclass_gives_the_same_bytes: "nsl-kdd-multiclass.yaml",
    nsl_kdd_gives_the_same_bytes: "nsl-kdd.yaml",
    published_arrays_give_the_same_bytes: "published-arrays.yaml",
    published_study_gives_the_same_bytes: "published-study.yaml",
}

#[test]
fn no_shipped_experiment_is_forgotten() {
    let mut there: Vec<String> = fs::read_dir(root().join("experiments"))
        .unwrap()
        .map(|item| item.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    there.sort();
    assert_eq!(there, SHIPPED);
}

#[test]
fn another_seed_gives_other_results() {
    let place = Place::new();
    let file = root().join("experiments/baseline.yaml");
    for (runs, seed) in [("a", "seed=1"), ("b", "seed=2")] {
        let args = ["run", "--quiet", "--runs", runs, file.to_str().unwrap(), "--set", seed];
        let small =
            ["--set", "dataset.simulate.rows=400", "--set", "models.mlp=null", "--set", "models.random_forest=null"];
        place.run(&[args.as_slice(), &small].concat()).exits(0);
    }
    let outputs = |runs: &str| place.record(runs)["steps"][0]["outputs"].clone();
    assert_ne!(outputs("a"), outputs("b"));
}
