//! Digests of fixed outputs. One that changes means that stored results no longer fit their keys: raise the algorithm
//! version of that step in `src/plan/recipe.rs`, say there what changed, and only then write the snapshot anew.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::sync::Arc;

use runner::exec::Runner;
use runner::ml::Numerics;
use runner::plan::build;
use runner::spec::{Experiment, Overrides};
use runner::store::Store;

use crate::support::snapshot;

const DATASET: &str = "
seed: 7
dataset:
  simulate: {rows: 400}
  target: Traffic Type
  keep_aside: [Flow ID, Src IP, Src Port, Dst IP, Dst Port, Timestamp, Label, Traffic Subtype]
  groups:
    benign: [Audio, Background, Text, Video]
    malicious: [Bruteforce, DoS, Information Gathering, Mirai]
";

const EXPERIMENT: &str = "
  positive: malicious
clean: [drop_correlated: 0.95, round: 3, drop_duplicates]
split: {random: {test_size: 0.25, validation_size: 0.1}}
prepare: [impute, drop_constant, standardize, select: {by: forest_importance, top: 12, n_estimators: 20}]
balance: smote
models:
  random_forest: {n_estimators: 20, class_weight: balanced, oob_score: true}
  extra_trees: {n_estimators: 10, class_weight: balanced}
  decision_tree: {max_depth: 6}
  mlp: {hidden_layer_sizes: [16], max_iter: 20}
  kmeans: {n_clusters: 6, n_init: 3}
  dbscan: {eps: 1.0, min_samples: 4}
  gaussian_nb: {}
  knn: {weights: distance}
  logistic_regression: {}
  gaussian_mixture: {n_components: 4}
allow: [{check: S21, reason: the bytes are what counts here}]
";

/// The other steps of `clean`, groups as what is learnt, and the scaling steps.
const MORE: &str = "
  train_on: group
clean:
  - sample: {fraction: 0.8, per_class: true}
  - replace: {columns: Protocol, values: {6: tcp, 17: udp, 0: null}}
  - clip: {quantiles: [0.02, 0.98]}
  - derive: {per packet: '`Total Length of Fwd Packet` / `Total Fwd Packet`', long: 'if(`Flow Duration` > 1e6, 1, 0)'}
split: {stratified: {test_size: 0.25}}
prepare:
  - impute
  - one_hot
  - min_max: {columns: Flow Duration}
  - robust: {columns: Total Fwd Packet}
  - quantile: {n_quantiles: 50, except: [Flow Duration, Total Fwd Packet]}
  - select: {by: mutual_information, top: 12}
balance: random_over
models: {gaussian_nb: {}}
";

#[test]
fn outputs_keep_their_bytes_for_their_algorithm_version() {
    snapshot("frozen-digests.txt", &digests(EXPERIMENT));
    snapshot("frozen-more.txt", &digests(MORE));
}

fn digests(experiment: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frozen.yaml");
    std::fs::write(&file, format!("{DATASET}{}", experiment.trim_start_matches('\n'))).unwrap();
    let experiment = Experiment::load(&file, &Overrides::default()).unwrap();
    let plan = Arc::new(build(&experiment, &[], Numerics::Portable));
    let store = Arc::new(Store::open(&folder.path().join("runs"), None).unwrap());
    let ran = Runner::new(2).run(&plan, &store, &Arc::new(Vec::new()), &mut |_| Ok(())).unwrap();
    let mut text = String::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let entry = ran.entries.get(&index).unwrap_or_else(|| panic!("{} has no result", step.name));
        for (output, stored) in &entry.outputs {
            let digest = stored.digest.short(16);
            writeln!(text, "{} v{} {output} {digest}", step.name, step.recipe.algorithm).unwrap();
        }
    }
    text
}
