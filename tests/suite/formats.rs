//! The same table in every format gives the same results, and the record says which files were read.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write as _;

use runner::table::{PlainColumn, PlainValues, write_predictions_parquet};
use serde_json::Value as Json;

use super::support::{Place, root};

/// Runs the flows of these paths; the metrics, and the names of the files in the record.
fn run(place: &Place, source: &str, folder: &str) -> (String, Vec<String>) {
    let split = if source.contains("test:") { "predefined" } else { "random" };
    let yaml = format!(
        "dataset: {{{source}, target: Traffic Type}}\nsplit: {split}\nprepare: [one_hot, standardize]\n\
         models: {{decision_tree: {{max_depth: 3}}, knn: {{n_neighbors: 3}}}}\n"
    );
    place.write("t.yaml", yaml);
    place.run(&["run", "--quiet", "t.yaml", "--runs", folder]).exits(0);
    let run = &place.runs(folder)[0];
    let metrics = std::fs::read_to_string(run.join("multiclass/multiclass_metrics_summary.csv")).unwrap();
    let files = place.record(folder)["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["path"].as_str().unwrap().to_owned())
        .collect();
    (metrics, files)
}

#[test]
fn every_format_gives_the_same_metrics() {
    let place = Place::new();
    let csv = std::fs::read_to_string(root().join("tests/samples/data/flows.csv")).unwrap();
    place.write("flows.csv", &csv);
    for (name, separator) in [("flows.tsv", "\t"), ("semicolon.txt", ";"), ("pipe", "|")] {
        place.write(name, csv.replace(',', separator));
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(csv.as_bytes()).unwrap();
    place.write("flows.csv.gz", gzip.finish().unwrap());
    place.write("flows.csv.zst", zstd::encode_all(csv.as_bytes(), 3).unwrap());
    let (header, rows) = csv.split_once('\n').unwrap();
    let cells: Vec<Vec<&str>> = rows.lines().map(|l| l.split(',').collect()).collect();
    let columns: Vec<PlainColumn> = header
        .split(',')
        .enumerate()
        .map(|(i, name)| {
            let texts = || cells.iter().map(|row| row[i].to_owned());
            let numbers: Option<Vec<f64>> = texts().map(|t| t.parse().ok()).collect();
            PlainColumn::new(name, numbers.map_or_else(|| PlainValues::Text(texts().collect()), PlainValues::F64))
        })
        .collect();
    place.write("flows.parquet", write_predictions_parquet(&columns).unwrap());
    let lines: Vec<&str> = rows.lines().collect();
    for (i, part) in lines.chunks(13).enumerate() {
        place.write(&format!("days/{i}.csv"), format!("{header}\n{}\n", part.join("\n")));
    }
    place.write("days/read.me", "no table");

    let (expected, files) = run(&place, "path: flows.csv", "runs-csv");
    assert_eq!(files, ["flows.csv"]);
    for (i, name) in
        ["flows.tsv", "semicolon.txt", "pipe", "flows.csv.gz", "flows.csv.zst", "flows.parquet"].iter().enumerate()
    {
        assert_eq!(run(&place, &format!("path: {name}"), &format!("runs-{i}")).0, expected, "{name}");
    }
    let days = ["days/0.csv", "days/1.csv", "days/2.csv"];
    for (i, pattern) in ["days/*.csv", "[days/0.csv, 'days/[12].csv']", "'**/?.csv'"].iter().enumerate() {
        let (metrics, files) = run(&place, &format!("path: {pattern}"), &format!("runs-days-{i}"));
        assert_eq!((metrics, files), (expected.clone(), days.map(str::to_owned).to_vec()), "{pattern}");
    }
    let (_, files) = run(&place, "train: 'days/[01].csv', test: days/2.*", "runs-parts");
    assert_eq!(files, days);
}

#[test]
fn the_arrays_of_a_run_are_read_again_with_their_names() {
    let place = Place::new();
    place.copy("tests/samples/data/flows.csv");
    place.write(
        "first.yaml",
        "dataset: {path: tests/samples/data/flows.csv, target: Traffic Type}\nprepare: [one_hot, standardize]\n\
         models: {decision_tree: {max_depth: 3}}\n",
    );
    place.run(&["run", "--quiet", "first.yaml", "--runs", "first"]).exits(0);
    let run = place.runs("first")[0].clone();
    std::fs::copy(run.join("processed_data.npz"), place.path("again.npz")).unwrap();
    place.write(
        "again.yaml",
        "dataset: {path: again.npz}\nsplit: predefined\nmodels: {decision_tree: {max_depth: 3}}\n",
    );
    place.run(&["run", "--quiet", "again.yaml", "--runs", "again"]).exits(0);
    let metadata = |folder: &str| -> Json {
        let bytes = std::fs::read(place.runs(folder)[0].join("feature_metadata.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let (first, again) = (metadata("first"), metadata("again"));
    assert_eq!((&again["features"], &again["classes"]), (&first["features"], &first["classes"]));
    assert_eq!(first["classes"][0], "DoS", "{first}");
}
