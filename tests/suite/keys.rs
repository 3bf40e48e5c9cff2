//! Keys of a plan: a change of meaning moves the keys of exactly the steps that depend on it, anything else none.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use runner::digest::{Digest, Seed};
use runner::ml::random::Rng;
use runner::ml::{ModelSpec, Numerics};
use runner::param::Shape;
use runner::plan::{DataFile, Plan, StepKind, build};
use runner::spec::{Experiment, Overrides};
use serde_json::{Value as Json, json};

use super::properties::check;

/// An experiment with every kind of model, each with its defaults.
fn document() -> Json {
    let models: serde_json::Map<String, Json> =
        ModelSpec::choice().variants.iter().map(|v| (v.name.to_owned(), json!({}))).collect();
    json!({
        "name": "keys",
        "description": "one",
        "seed": 42,
        "dataset": {
            "path": "flows.csv",
            "target": "Type",
            "keep_aside": ["When", "Host"],
            "groups": {"benign": ["Audio", "Video"], "malicious": ["DoS", "Mirai"]},
            "positive": "malicious",
        },
        "clean": [{"round": 3}, {"drop_duplicates": {"except": ["When"]}}],
        "split": {"stratified": {"test_size": 0.2, "validation_size": 0.1}},
        "prepare": ["drop_constant", {"standardize": {"with_mean": true, "with_std": true}}],
        "balance": {"smote": {"k_neighbors": 5}},
        "models": models,
        "evaluate": {"winner": {"metric": "f1_macro", "on": "validation"}, "cluster_labels": "train"},
    })
}

fn source() -> DataFile {
    DataFile { digest: Digest::of(b"flows"), role: None }
}

fn load(file: &Path, set: &[String]) -> Experiment {
    let overrides = Overrides { set: set.to_vec(), ..Overrides::default() };
    Experiment::load(file, &overrides).unwrap_or_else(|e| panic!("{set:?}: {:?}", e.faults))
}

fn plan_of(experiment: &Experiment) -> Plan {
    build(experiment, &[source()], Numerics::Portable)
}

fn keys(plan: &Plan) -> BTreeMap<&str, Digest> {
    plan.steps.iter().map(|s| (s.name.as_str(), s.key)).collect()
}

/// Names of the steps whose keys differ.
fn moved<'a>(a: &'a Plan, b: &'a Plan) -> BTreeSet<&'a str> {
    let (a, b) = (keys(a), keys(b));
    assert!(a.keys().eq(b.keys()), "the plans have other steps");
    a.iter().filter(|(name, key)| b[**name] != **key).map(|(name, _)| *name).collect()
}

/// `roots` and all steps that need one of them.
fn with_dependants<'a>(plan: &'a Plan, roots: &BTreeSet<String>) -> BTreeSet<&'a str> {
    let mut hit = vec![false; plan.steps.len()];
    for (i, step) in plan.steps.iter().enumerate() {
        hit[i] = roots.contains(&step.name) || step.inputs.iter().any(|input| hit[input.step]);
    }
    plan.steps.iter().zip(hit).filter(|(_, hit)| *hit).map(|(s, _)| s.name.as_str()).collect()
}

/// Values that a parameter might take.
fn candidates(shape: &Shape) -> Vec<Json> {
    match shape {
        Shape::Bool => vec![json!(true), json!(false)],
        Shape::Number { whole: true, .. } => vec![json!(3), json!(70), json!(4)],
        Shape::Number { whole: false, .. } => vec![json!(0.35), json!(0.65), json!(2.5)],
        Shape::Text { .. } => vec![json!("other"), json!("another")],
        Shape::Checked { .. } => Vec::new(),
        Shape::Word(words) => words.iter().map(|(word, _)| json!(word)).collect(),
        Shape::Null => vec![Json::Null],
        Shape::Either(all) => all.iter().flat_map(candidates).collect(),
        Shape::List { item, .. } => candidates(item).into_iter().map(|c| json!([c])).collect(),
        Shape::Map(item) => candidates(item).into_iter().map(|c| json!({"DoS": c})).collect(),
        Shape::Record(_) | Shape::Choice(_) | Shape::Named(_) => Vec::new(),
    }
}

/// Every parameter of every model with another value than its default: `--set`, and the step that it changes.
fn model_changes() -> Vec<(String, Vec<String>)> {
    let mut changes = Vec::new();
    for variant in ModelSpec::choice().variants {
        for field in &variant.record.fields {
            let default = field.default.clone().unwrap_or_default();
            let other = candidates(&field.shape)
                .into_iter()
                .find(|value| field.shape.read(value).is_ok_and(|read| read != default))
                .unwrap_or_else(|| panic!("no other value for {}.{}", variant.name, field.name));
            let set = format!("models.{}.{}={other}", variant.name, field.name);
            changes.push((set, vec![format!("fit/{}", variant.name)]));
        }
    }
    changes
}

/// Changes before the models, and changes of what is in no key at all.
fn other_changes() -> Vec<(String, Vec<String>)> {
    let fits = ModelSpec::choice().variants.iter().map(|v| format!("fit/{}", v.name)).collect::<Vec<_>>();
    let everything_drawn = ["split", "prepare", "balance"].map(str::to_owned).into_iter().chain(fits).collect();
    let mut changes = vec![("seed=7".to_owned(), everything_drawn)];
    for (set, root) in [
        ("dataset.missing_values=[unknown]", "source"),
        ("dataset.types={Port: category}", "source"),
        ("dataset.separator=semicolon", "source"),
        ("dataset.encoding=windows-1252", "source"),
        ("dataset.target=Kind", "source clean"),
        ("dataset.keep_aside=[When]", "source clean"),
        ("dataset.missing=drop", "clean"),
        ("dataset.positive=benign", "clean"),
        ("dataset.train_on=group", "clean"),
        ("dataset.groups.benign=[Audio]", "clean"),
        ("clean=[{round: 2}, {drop_duplicates: {except: [When]}}]", "clean"),
        ("clean=[{drop_duplicates: {except: [When]}}, {round: 3}]", "clean"),
        ("clean=[{derive: {ratio: a / b}}]", "clean"),
        ("clean=[{clip: {min: 0}}]", "clean"),
        ("clean=[{sample: 10}]", "clean"),
        ("split.stratified.test_size=0.3", "split"),
        ("split.stratified.seed=9", "split"),
        ("split.stratified.validation_size=0.2", "split"),
        ("prepare=[drop_constant]", "prepare"),
        ("prepare.standardize.with_mean=false", "prepare"),
        ("balance.smote.k_neighbors=3", "balance"),
        ("balance.smote.random_state=3", "balance"),
        ("name=renamed", ""),
        ("description=two", ""),
        ("evaluate.metrics=[accuracy]", ""),
        ("evaluate.winner.metric=accuracy", ""),
        ("evaluate.winner.on=test", ""),
        ("allow=[{check: S09, reason: known}]", ""),
        ("allow=[{check: S21, reason: known}]", "balance"),
        ("assert=[{metric: accuracy, at_least: 0.5}]", ""),
    ] {
        changes.push((set.to_owned(), root.split_whitespace().map(str::to_owned).collect()));
    }
    changes
}

fn written(document: &Json) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.yaml");
    std::fs::write(&file, document.to_string()).unwrap();
    (folder, file)
}

#[test]
fn each_parameter_moves_the_keys_of_exactly_its_dependants() {
    let (_folder, file) = written(&document());
    let base = plan_of(&load(&file, &[]));
    assert_eq!(base.steps.iter().map(|s| s.key).collect::<BTreeSet<_>>().len(), base.steps.len());
    let changes: Vec<_> = model_changes().into_iter().chain(other_changes()).collect();
    assert!(changes.len() > 60, "{} changes", changes.len());
    let mut plans = BTreeMap::new();
    for (set, roots) in &changes {
        let changed = plan_of(&load(&file, std::slice::from_ref(set)));
        let roots: BTreeSet<String> = roots.iter().cloned().collect();
        assert_eq!(moved(&base, &changed), with_dependants(&base, &roots), "{set}");
        if !roots.is_empty() {
            let keys: Vec<Digest> = changed.steps.iter().map(|s| s.key).collect();
            assert_eq!(plans.insert(keys, set), None, "two changes have the same keys");
        }
    }
    // Other bytes of data, another SIMD level (which decides no byte), another rule for the clusters.
    let experiment = load(&file, &[]);
    let other = DataFile { digest: Digest::of(b"other flows"), role: None };
    let changed = build(&experiment, &[other], Numerics::Portable);
    assert_eq!(moved(&base, &changed), with_dependants(&base, &BTreeSet::from(["source".to_owned()])));
    let changed = build(&experiment, &[source()], Numerics::Avx2);
    assert_eq!(moved(&base, &changed), BTreeSet::new());
    let changed = plan_of(&load(&file, &["evaluate.cluster_labels=test".to_owned()]));
    let (before, after) = (keys(&base), keys(&changed));
    let differing: Vec<&str> =
        before.keys().copied().filter(|name| after.get(name).is_some_and(|key| *key != before[name])).collect();
    let clusterings = ["dbscan", "gaussian_mixture", "kmeans"];
    let drawn = ["draw", "examine"].iter().flat_map(|step| clusterings.map(|m| format!("{step}/{m}")));
    let judged = ["judge", "predict"]
        .iter()
        .flat_map(|step| clusterings.map(|m| format!("{step}/{m}")))
        .flat_map(|step| ["test", "validation"].map(|part| format!("{step}/{part}")));
    let expected: Vec<String> = std::iter::once("draw/comparison".to_owned()).chain(drawn).chain(judged).collect();
    assert_eq!(differing, expected);
    assert!(!after.contains_key("fit/dbscan"), "as published, DBSCAN is run on the judged rows");
}

#[test]
fn a_sample_draws_by_the_experiment_s_seed_unless_it_has_its_own() {
    let mut document = document();
    let moved_by_seed = |clean: Json, document: &mut Json| {
        document["clean"] = clean;
        let (_folder, file) = written(document);
        let (a, b) = (plan_of(&load(&file, &[])), plan_of(&load(&file, &["seed=7".to_owned()])));
        moved(&a, &b).contains("clean")
    };
    assert!(moved_by_seed(json!([{"sample": {"n": 10}}]), &mut document));
    assert!(!moved_by_seed(json!([{"sample": {"n": 10, "seed": 3}}]), &mut document));
    assert!(!moved_by_seed(json!([{"round": 3}]), &mut document));
    // Two samples of one experiment draw differently.
    document["clean"] = json!([{"sample": {"n": 10}}, {"sample": {"n": 10}}]);
    let (_folder, file) = written(&document);
    let plan = plan_of(&load(&file, &[]));
    let steps = &plan.steps.iter().find(|s| s.name == "clean").unwrap().recipe.parameters["steps"];
    let seed = |i: usize| steps[i]["sample"]["seed"].as_u64().unwrap();
    assert_ne!(seed(0), seed(1));
}

#[test]
fn changes_together_move_what_they_move_alone() {
    let (_folder, file) = written(&document());
    let base = plan_of(&load(&file, &[]));
    // One of each place, so that none undoes another.
    let changes: Vec<_> = model_changes()
        .into_iter()
        .chain(other_changes())
        .filter(|(set, _)| !set.starts_with("clean=") && !set.starts_with("prepare") && !set.contains("S21"))
        .collect();
    let strategy = prop::sample::subsequence(changes, 0..6);
    check(120, &strategy, |chosen| {
        let set: Vec<String> = chosen.iter().map(|(set, _)| set.clone()).collect();
        let changed = plan_of(&load(&file, &set));
        let roots: BTreeSet<String> = chosen.into_iter().flat_map(|(_, roots)| roots).collect();
        prop_assert_eq!(moved(&base, &changed), with_dependants(&base, &roots), "{:?}", set);
        Ok(())
    });
}

/// The document as YAML: keys of every map in an order drawn from `rng`, comments and blank lines between.
fn scrambled(value: &Json, indent: usize, rng: &mut Rng) -> String {
    let pad = " ".repeat(indent);
    match value {
        Json::Object(map) if !map.is_empty() => {
            let mut entries: Vec<(&String, &Json)> = map.iter().collect();
            rng.shuffle(&mut entries);
            let mut out = String::new();
            for (key, value) in entries {
                if rng.below(3) == 0 {
                    out.push_str(&format!("\n{pad}# {key}: something else\n"));
                }
                let item = scrambled(value, indent + 2, rng);
                match value {
                    Json::Object(map) if !map.is_empty() => out.push_str(&format!("{pad}{key}:\n{item}")),
                    _ => out.push_str(&format!("{pad}\"{key}\":   {item} # as it is\n")),
                }
            }
            out
        }
        other => other.to_string(),
    }
}

#[test]
fn labels_key_order_comments_and_paths_change_no_key() {
    let (_folder, file) = written(&document());
    let base = plan_of(&load(&file, &[]));
    let strategy = (any::<u64>(), "[a-z]{1,12}", "[a-zA-Z ]{0,40}", "[a-z]{1,8}(/[a-z]{1,8}){0,2}");
    check(60, &strategy, |(seed, name, description, folder)| {
        let mut document = document();
        document["name"] = name.as_str().into();
        document["description"] = description.into();
        document["dataset"]["path"] = format!("{folder}/{name}.csv").into();
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.yaml"));
        let text = scrambled(&document, 0, &mut Rng::new(Seed::new(seed)));
        std::fs::write(&file, &text).unwrap();
        let plan = plan_of(&load(&file, &[]));
        prop_assert_eq!(keys(&plan), keys(&base), "{}", text);
        Ok(())
    });
}

#[test]
fn a_models_label_is_in_no_key() {
    let mut renamed = document();
    let models = renamed["models"].as_object_mut().unwrap();
    let kinds: Vec<String> = models.keys().filter(|k| *k != "majority").cloned().collect();
    for kind in &kinds {
        models.remove(kind);
        models.insert(format!("my_{kind}"), json!({"kind": kind}));
    }
    let ((_a, plain), (_b, labelled)) = (written(&document()), written(&renamed));
    // But in pictures, which show it.
    let set = |file: &Path| {
        let plan = plan_of(&load(file, &[]));
        plan.steps.iter().filter(|s| s.recipe.step != StepKind::Draw).map(|s| s.key).collect::<BTreeSet<_>>()
    };
    assert_eq!(set(&plain), set(&labelled));
}
