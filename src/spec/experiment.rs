//! `Experiment`: the checked form of a file. Every default is filled in, every parameter checked.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::dataset::{CleanStep, DatasetSpec};
use super::layers::{Merged, Overrides, dotted, merge};
use super::node::Node;
use super::rules::cross_checks;
use super::{SpecError, SpecFault};
use crate::ml::metrics::Metric;
use crate::ml::{Balance, Code, ModelSpec, SplitSpec};
use crate::param::{Fault, Parameter, PathStep, Range, Shape, parameters, record, words};
use crate::pipeline::PrepareStep;

words! {
    /// Which rows vote on the class of a cluster.
    pub enum ClusterLabels {
        /// The training rows. Honest.
        Train = "train",
        /// The test rows, as some published studies do; DBSCAN is then run on the test rows themselves. Warning S09.
        Test = "test",
    }
}

words! {
    /// The part that a choice is made on.
    pub enum JudgedOn {
        /// The validation part; without one, the test part, with warning S09.
        Validation = "validation",
        /// The test part, knowingly: warning S09.
        Test = "test",
    }
}

parameters! {
    /// How the winner is chosen among the models.
    pub struct Winner [short metric] {
        /// Metric that decides.
        metric: Metric = Metric::F1Macro;
        /// Part that it is measured on.
        on: JudgedOn = JudgedOn::Validation;
    }
}

parameters! {
    /// What is measured, and what decides.
    pub struct Evaluate {
        /// Metrics to show, by their scikit-learn scorer names; left out, all that apply. The CSV files always have
        /// all of them.
        metrics: Option<Vec<Metric>> = None;
        /// How the winner is chosen.
        winner: Winner = Winner::default();
        /// Which rows vote on the class of a cluster.
        cluster_labels: ClusterLabels = ClusterLabels::Train;
    }
}

record! {
    /// A finding of the method checks that is accepted, with the reason that the report prints.
    pub struct Waiver {
        /// Code of the check, such as S03.
        check: String;
        /// Why it is accepted here.
        reason: String;
    }
}

record! {
    /// A bound that a result must keep; `runner run` exits with 1 where it is missed.
    pub struct Assertion {
        /// Name of the model; left out, the winner.
        model: Option<String> = None;
        /// The metric, on the test part.
        metric: Metric;
        /// Least value allowed.
        at_least: Option<f64> = None;
        /// Greatest value allowed.
        at_most: Option<f64> = None;
    }
}

parameters! {
    /// How long steps may take. In no key: a result is the same however long it was waited for.
    pub struct Limits [short timeout] {
        /// Seconds that each step may take, by the clock; a step that takes longer has failed. Left out, no limit.
        timeout: Option<f64> = None, within Range::above(0.0);
        /// The same for single steps, by kind (`fit`) or by name (`fit/mlp`, `predict/knn/test`); the longest name
        /// that fits decides.
        timeouts: BTreeMap<String, f64> = BTreeMap::new(), within Range::above(0.0);
    }
}

impl Limits {
    /// Seconds that the step of this name may take.
    #[must_use]
    pub fn of(&self, step: &str) -> Option<f64> {
        let fits = |name: &str| step.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let named = self.timeouts.iter().filter(|(name, _)| fits(name)).max_by_key(|(name, _)| name.len());
        named.map(|(_, seconds)| *seconds).or(self.timeout)
    }
}

parameters! {
    /// Where the models would work, for the figures of the report: alarms and precision depend on how rare attacks are. In
    /// no key.
    pub struct Deployment [short prevalence] {
        /// Share of flows that are of the positive group.
        prevalence: f64 = 0.01, within Range::between(0.0, 1.0).without_min().without_max();
        /// Flows a day.
        flows_per_day: f64 = 1_000_000.0, within Range::above(0.0);
    }
}

/// A model of the experiment under its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedModel {
    /// The key in `models:`, unique.
    pub name: String,
    /// Kind and parameters.
    pub spec: ModelSpec,
}

/// `models:` in the order of the file.
#[derive(Clone, Debug, PartialEq)]
struct Models(Vec<NamedModel>);

impl Parameter for Models {
    fn shape() -> Shape {
        Shape::Named(ModelSpec::choice())
    }
}

impl Serialize for Models {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = Map::new();
        for model in &self.0 {
            let tagged = serde_json::to_value(&model.spec).map_err(serde::ser::Error::custom)?;
            if let Some((kind, Json::Object(params))) = tagged.as_object().and_then(|m| m.iter().next()) {
                let mut params = params.clone();
                params.shift_insert(0, "kind".into(), Json::from(kind.as_str()));
                out.insert(model.name.clone(), Json::Object(params));
            }
        }
        out.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::<String, Json>::deserialize(deserializer)?;
        let mut out = Vec::new();
        for (name, mut value) in map {
            let kind = value
                .as_object_mut()
                .and_then(|m| m.shift_remove("kind"))
                .ok_or_else(|| serde::de::Error::custom(format!("model {name} has no kind")))?;
            let tagged = Json::Object(Map::from_iter([(kind.as_str().unwrap_or_default().to_owned(), value)]));
            let spec = serde_json::from_value(tagged).map_err(serde::de::Error::custom)?;
            out.push(NamedModel { name, spec });
        }
        Ok(Self(out))
    }
}

record! {
    /// An experiment: data, cleaning, split, preparation, balancing, models, metrics.
    struct Document {
        /// What the run is called; left out, the file's name.
        name: String = String::new();
        /// What it is for, in a sentence; printed in the report.
        description: String = String::new();
        /// The seed that every random choice derives from.
        seed: u64 = 42, within Range::at_least(0.0);
        /// Where the rows come from and what each column is.
        dataset: DatasetSpec;
        /// Steps on the whole table before the split, in this order.
        clean: Vec<CleanStep> = Vec::new();
        /// How the rows are divided into training, validation and test.
        split: SplitSpec = SplitSpec::default();
        /// Steps fitted on the training part only and applied to every part, in this order.
        prepare: Vec<PrepareStep> = Vec::new();
        /// How the training rows of the supervised models are balanced.
        balance: Balance = Balance::default();
        /// The models, each under a name of your choice; a name that is a kind needs no `kind:`.
        models: Models;
        /// What is measured, and what decides.
        evaluate: Evaluate = Evaluate::default();
        /// Findings of the method checks that are accepted.
        allow: Vec<Waiver> = Vec::new();
        /// Bounds that the results must keep.
        assert: Vec<Assertion> = Vec::new();
        /// How long steps may take.
        limits: Limits = Limits::default();
        /// Where the models would work: alarms a day in the report.
        deployment: Deployment = Deployment::default();
    }
}

/// A checked experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// What the run is called. In no key.
    pub name: String,
    /// What it is for. In no key.
    pub description: String,
    /// The seed that every random choice derives from.
    pub seed: u64,
    /// Where the rows come from.
    pub dataset: DatasetSpec,
    /// Steps before the split.
    pub clean: Vec<CleanStep>,
    /// How the rows are divided.
    pub split: SplitSpec,
    /// Steps fitted on training rows.
    pub prepare: Vec<PrepareStep>,
    /// Balancing of the supervised models' training rows.
    pub balance: Balance,
    /// The models, in the order of the file.
    pub models: Vec<NamedModel>,
    /// What is measured.
    pub evaluate: Evaluate,
    /// Accepted findings.
    pub allow: Vec<Waiver>,
    /// Bounds to keep.
    pub assert: Vec<Assertion>,
    /// How long steps may take. In no key.
    pub limits: Limits,
    /// Where the models would work. In no key.
    pub deployment: Deployment,
    /// The folder of the file, beside which relative data paths are looked up. In no key.
    pub folder: PathBuf,
    resolved: Json,
    node: Node,
}

/// Where the experiment of a run stood, whose folder this is: its relative paths are meant from there.
fn first_folder(run: &Path) -> Option<PathBuf> {
    let file = std::fs::File::open(run.join("events.jsonl")).ok()?;
    let mut line = String::new();
    std::io::BufReader::new(file).read_line(&mut line).ok()?;
    let event: Json = serde_json::from_str(&line).ok()?;
    let folder = PathBuf::from(event.pointer("/event/run_started/folder")?.as_str()?);
    folder.is_dir().then_some(folder)
}

/// The shape of a whole file.
pub(super) fn document() -> Shape {
    Document::shape()
}

impl Experiment {
    /// Reads, merges and checks a file.
    ///
    /// # Errors
    /// All faults at once, each with its place.
    pub fn load(file: &Path, overrides: &Overrides) -> Result<Self, SpecError> {
        let Merged { node, files, faults } = merge(file, overrides)?;
        let folder = file.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let folder = first_folder(&folder).unwrap_or(folder);
        let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        drop(files);
        let checked = Self::check(node, folder, &stem);
        if faults.is_empty() {
            return checked;
        }
        let mut all = checked.err().map(|error| error.faults).unwrap_or_default();
        all.extend(faults);
        all.sort_by_key(in_order);
        Err(SpecError { faults: all })
    }

    /// Checks a resolved experiment that was stored as JSON.
    ///
    /// # Errors
    /// As [`Experiment::load`].
    pub fn from_resolved(json: &Json, folder: PathBuf) -> Result<Self, SpecError> {
        let node = node_of(json, "stored experiment");
        Self::check(node, folder, "experiment")
    }

    fn check(node: Node, folder: PathBuf, stem: &str) -> Result<Self, SpecError> {
        let placed = |fault: Fault| SpecFault {
            place: node.place_of(&fault.path, fault.on_key),
            path: (!fault.path.is_empty()).then(|| dotted(&fault.path)),
            message: fault.message,
            hint: fault.hint,
        };
        let json = node.json();
        let mut resolved = match document().read(&json) {
            Ok(resolved) => resolved,
            Err(faults) => {
                let mut faults: Vec<SpecFault> = faults.into_iter().map(placed).collect();
                faults.sort_by_key(in_order);
                return Err(SpecError { faults });
            }
        };
        if resolved["name"] == "" {
            resolved["name"] = stem.into();
        }
        let document: Document = serde_json::from_value(resolved.clone()).map_err(|error| {
            SpecError::from(SpecFault::at(&node.place, format!("the experiment cannot be read: {error}"), None))
        })?;
        let out = Self {
            name: document.name,
            description: document.description,
            seed: document.seed,
            dataset: document.dataset,
            clean: document.clean,
            split: document.split,
            prepare: document.prepare,
            balance: document.balance,
            models: document.models.0,
            evaluate: document.evaluate,
            allow: document.allow,
            assert: document.assert,
            limits: document.limits,
            deployment: document.deployment,
            folder,
            resolved,
            node: node.clone(),
        };
        let faults = cross_checks(&out);
        if faults.is_empty() { Ok(out) } else { Err(SpecError { faults: faults.into_iter().map(placed).collect() }) }
    }

    /// Whether findings of this check are accepted.
    #[must_use]
    pub fn allows(&self, code: Code) -> bool {
        self.allow.iter().any(|waiver| waiver.check == code.word())
    }

    /// The resolved experiment in the form of the language: reading it again gives the same experiment.
    #[must_use]
    pub fn resolved(&self) -> &Json {
        &self.resolved
    }

    /// The resolved experiment as YAML.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(&self.resolved).unwrap_or_default()
    }

    /// The place of a dotted path (`dataset.groups`), or of the nearest enclosing value.
    #[must_use]
    pub fn place(&self, path: &str) -> super::Place {
        let steps: Vec<PathStep> = path
            .split('.')
            .filter(|p| !p.is_empty())
            .map(|p| p.parse().map_or_else(|_| PathStep::Key(p.to_owned()), PathStep::Index))
            .collect();
        self.node.place_of(&steps, false)
    }
}

/// The order of the document; overrides have no line and keep their order after it.
fn in_order(fault: &SpecFault) -> (u32, u32) {
    fault.place.at.unwrap_or((u32::MAX, 0))
}

fn node_of(json: &Json, layer: &str) -> Node {
    use super::node::{Entry, NodeValue};
    let mut node = Node::scalar(json.clone(), layer);
    match json {
        Json::Array(items) => node.value = NodeValue::List(items.iter().map(|i| node_of(i, layer)).collect()),
        Json::Object(map) => {
            let place = node.place.clone();
            node.value = NodeValue::Map(
                map.iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_place: place.clone(),
                        node: node_of(value, layer),
                    })
                    .collect(),
            );
        }
        _ => {}
    }
    node
}
