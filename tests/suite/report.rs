//! The page and the pictures of a run as a user gets them. How the page looks and works is tried in a browser:
//! tests/browser.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::support::Place;

const EXPERIMENT: &str = "
name: small
dataset:
  simulate: {rows: 500}
  target: Traffic Type
  keep_aside: [Flow ID, Src IP, Src Port, Dst IP, Dst Port, Timestamp, Label, Traffic Subtype]
  groups:
    benign: [Audio, Background, Text, Video]
    malicious: [Bruteforce, DoS, Information Gathering, Mirai]
  positive: malicious
split: {stratified: {test_size: 0.3, validation_size: 0.1}}
prepare: [impute, drop_constant, standardize, select: {by: forest_importance, top: 12, n_estimators: 10}]
balance: random_over
models:
  random_forest: {n_estimators: 10}
  mlp: {hidden_layer_sizes: [8], max_iter: 10}
  kmeans: {n_clusters: 4, n_init: 1}
  dbscan: {eps: 1.0}
deployment: {prevalence: 0.001, flows_per_day: 5000}
";

fn run(place: &Place, folder: &str, more: &[&str]) -> PathBuf {
    let mut args = vec!["--runs", folder, "run", "small.yaml"];
    args.extend(more);
    place.run(&args).exits(0);
    place.latest(folder).unwrap()
}

fn record_of(folder: &Path) -> Json {
    serde_json::from_slice(&fs::read(folder.join("record.json")).unwrap()).unwrap()
}

fn pictures(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    for part in ["multiclass", "clustering", "data"] {
        for file in fs::read_dir(folder.join(part)).into_iter().flatten() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|e| e == "png") {
                out.insert(format!("{part}/{}", path.file_name().unwrap().to_string_lossy()), fs::read(&path).unwrap());
            }
        }
    }
    out
}

#[test]
fn a_run_leaves_its_page_and_the_published_pictures() {
    let place = Place::new();
    place.write("small.yaml", EXPERIMENT);
    let folder = run(&place, "runs", &["-j", "1"]);
    let drawn = pictures(&folder);
    let names: Vec<&str> = drawn.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "clustering/dbscan_cluster_label_heatmap.png",
            "clustering/dbscan_pca_by_cluster.png",
            "clustering/kmeans_cluster_label_heatmap.png",
            "clustering/kmeans_pca_by_cluster.png",
            "data/class_distribution_comparison.png",
            "data/correlation_matrix_original.png",
            "data/correlation_matrix_reduced.png",
            "data/feature_boxplots_top15.png",
            "data/feature_importance_top15.png",
            "multiclass/confusion_matrices.png",
            "multiclass/multiclass_metrics_comparison.png",
            "multiclass/per_class_metrics_dbscan.png",
            "multiclass/per_class_metrics_kmeans.png",
            "multiclass/per_class_metrics_majority.png",
            "multiclass/per_class_metrics_mlp.png",
            "multiclass/per_class_metrics_random_forest.png",
        ]
    );
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    for id in [
        "headline",
        "warnings",
        "models",
        "confusion",
        "classes",
        "curves",
        "calibration",
        "deployment",
        "importance",
        "learning",
        "clusters",
        "data",
        "times",
        "repeat",
    ] {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    assert!(page.contains("At <span data-prevalence>0.1 %</span>"), "the prevalence of the experiment");
    assert!(page.len() < 1_500_000 && !page.contains("http://") && !page.contains("https://"));

    // The page again from the record: the same bytes, nothing computed.
    fs::remove_file(folder.join("report.html")).unwrap();
    place.run(&["--runs", "runs", "report", "latest", "--no-open"]).exits(0);
    assert_eq!(fs::read_to_string(folder.join("report.html")).unwrap(), page);

    // Another store, more threads: the same pictures.
    let other = run(&place, "other", &["-j", "8"]);
    assert!(pictures(&other) == drawn, "pictures differ");

    // The deployment is in no key: all steps are in the store.
    let again = run(&place, "runs", &["--set", "deployment.prevalence=0.5"]);
    let record = record_of(&again);
    assert_eq!(record["steps"].as_array().unwrap().len(), record["volatile"]["stored"].as_array().unwrap().len());
    let page = fs::read_to_string(again.join("report.html")).unwrap();
    assert!(page.contains("At <span data-prevalence>50 %</span>"));

    // What is gone from the store is said, and the page has tables.
    fs::remove_dir_all(place.path("other/.store/objects")).unwrap();
    let told = place.run(&["--runs", "other", "report", "latest", "--no-open"]).exits(0);
    assert!(told.stderr.contains("hint: `runner run"), "{}", told.stderr);
    assert!(fs::read_to_string(other.join("report.html")).unwrap().contains("This page has tables only"));
}

#[test]
fn without_figures_the_page_has_tables_and_the_results_are_the_same() {
    let place = Place::new();
    place.write("small.yaml", EXPERIMENT);
    let plain = run(&place, "runs", &["--no-figures"]);
    assert!(pictures(&plain).is_empty());
    let page = fs::read_to_string(plain.join("report.html")).unwrap();
    assert!(
        page.contains("This page has tables only")
            && !page.contains("<svg class=\"plot\" role=\"img\" aria-labelledby=\"figure-2\"")
    );
    let before = record_of(&plain);
    let drawn = run(&place, "runs", &[]);
    let after = record_of(&drawn);
    assert!(!pictures(&drawn).is_empty());
    assert_eq!(before["models"], after["models"]);
    assert_eq!(before["winner"], after["winner"]);
    let stored = after["volatile"]["stored"].as_array().unwrap().len();
    assert_eq!(stored, before["steps"].as_array().unwrap().len(), "nothing but figures is computed");
}

#[test]
fn a_prevalence_that_is_no_share_is_refused() {
    let place = Place::new();
    place.write("small.yaml", EXPERIMENT);
    for (value, got) in [
        ("deployment.prevalence=0", "got 0"),
        ("deployment.prevalence=1", "got 1"),
        ("deployment.flows_per_day=-5", "got -5"),
    ] {
        let told = place.run(&["run", "small.yaml", "--set", value]).exits(2);
        assert!(told.stderr.contains(got), "{}", told.stderr);
    }
}
