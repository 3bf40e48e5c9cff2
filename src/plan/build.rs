//! How an experiment becomes steps.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::recipe::algorithm;
use super::{Input, InputRef, PartSteps, Plan, PlannedModel, Recipe, SourceRef, Step, StepKind};
use crate::digest::{Digest, Seed};
use crate::ml::{Balance, Code, MAJORITY, Majority, ModelSpec, Numerics, Part, Role};
use crate::spec::dataset::{CleanStep, DatasetSpec, Missing, TrainOn, UNNAMED_TARGET};
use crate::spec::{ClusterLabels, Experiment, NamedModel};

/// A data file of the experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Part that it is, where the data set comes in parts.
    pub role: Option<Role>,
}

struct Builder {
    steps: Vec<Step>,
    by_key: BTreeMap<Digest, usize>,
}

/// What a step is made of, before its key is known.
struct Draft<'a> {
    kind: StepKind,
    name: String,
    place: &'a str,
    parameters: Json,
    seed: Option<Seed>,
    part: Option<Part>,
    numerics: Option<Numerics>,
    model: Option<&'a str>,
    inputs: Vec<(&'a str, usize, &'a str)>,
    sources: Vec<SourceRef>,
}

impl Draft<'_> {
    fn new<'a>(kind: StepKind, name: impl Into<String>, place: &'a str, parameters: Json) -> Draft<'a> {
        Draft {
            kind,
            name: name.into(),
            place,
            parameters,
            seed: None,
            part: None,
            numerics: None,
            model: None,
            inputs: Vec::new(),
            sources: Vec::new(),
        }
    }
}

impl Builder {
    /// Adds the step, unless one with the same key is there already.
    fn add(&mut self, draft: Draft<'_>) -> usize {
        let inputs = draft
            .inputs
            .iter()
            .map(|&(name, step, output)| {
                (name.to_owned(), InputRef { key: self.steps[step].key, output: output.to_owned() })
            })
            .collect();
        let recipe = Recipe {
            format: Recipe::FORMAT,
            step: draft.kind,
            algorithm: algorithm(draft.kind, draft.model),
            parameters: draft.parameters,
            seed: draft.seed.map(Seed::value),
            part: draft.part,
            numerics: draft.numerics,
            inputs,
            sources: draft.sources,
        };
        let key = recipe.key();
        if let Some(&known) = self.by_key.get(&key) {
            return known;
        }
        self.steps.push(Step {
            name: draft.name,
            place: draft.place.to_owned(),
            recipe,
            key,
            inputs: draft
                .inputs
                .iter()
                .map(|&(name, step, output)| Input { name: name.to_owned(), step, output: output.to_owned() })
                .collect(),
        });
        self.by_key.insert(key, self.steps.len() - 1);
        self.steps.len() - 1
    }
}

/// The settings that decide how files are read, the others at their defaults, so that two experiments that read alike
/// share the step.
fn reading(dataset: &DatasetSpec) -> DatasetSpec {
    DatasetSpec {
        path: None,
        train: None,
        test: None,
        simulate: None,
        missing: Missing::Keep,
        groups: BTreeMap::new(),
        positive: None,
        train_on: TrainOn::Target,
        ..dataset.clone()
    }
}

/// The settings that decide what the table becomes.
fn cleaning(dataset: &DatasetSpec) -> DatasetSpec {
    DatasetSpec {
        target: dataset.target.clone(),
        keep_aside: dataset.keep_aside.clone(),
        missing: dataset.missing,
        groups: dataset.groups.clone(),
        positive: dataset.positive.clone(),
        train_on: dataset.train_on,
        ..DatasetSpec::default()
    }
}

/// The steps with a seed for every `sample` that has none of its own, by its place among them.
fn seeded(steps: &[CleanStep], seed: Seed) -> Vec<CleanStep> {
    let mut steps = steps.to_vec();
    let samples = steps.iter_mut().filter_map(|step| if let CleanStep::Sample(p) = step { Some(p) } else { None });
    for (nth, sample) in (0..).zip(samples) {
        sample.seed = sample.seed.or_else(|| Some(seed.index(nth).value()));
    }
    steps
}

fn to_json(value: &impl serde::Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

/// Whether the experiment reads one npz file.
fn is_npz(dataset: &DatasetSpec) -> bool {
    dataset.path.as_ref().is_some_and(|p| p.0.iter().any(|p| p.to_lowercase().ends_with(".npz")))
}

/// The plan of an experiment over these data files.
#[must_use]
pub fn build(experiment: &Experiment, files: &[DataFile], numerics: Numerics) -> Plan {
    let e = experiment;
    let root = Seed::new(e.seed);
    // Repeats and folds are further children, so the first of each is here from the first day.
    let seed = |role: &str| root.child(role).index(0).index(0);
    let mut b = Builder { steps: Vec::new(), by_key: BTreeMap::new() };

    let mut source = if let Some(simulate) = &e.dataset.simulate {
        let mut draft = Draft::new(StepKind::Source, "source", "dataset.simulate", json!({"simulate": simulate.rows}));
        draft.seed = Some(simulate.seed.map_or_else(|| root.child("simulate"), Seed::new));
        draft
    } else {
        let form = if is_npz(&e.dataset) { "npz" } else { "table" };
        Draft::new(StepKind::Source, "source", "dataset", json!({form: to_json(&reading(&e.dataset))}))
    };
    source.sources = files.iter().map(|f| SourceRef { digest: f.digest, role: f.role }).collect();
    let source = b.add(source);

    let given = matches!(e.balance, Balance::Given(_));
    let mut clean = Draft::new(
        StepKind::Clean,
        "clean",
        "clean",
        json!({"dataset": to_json(&cleaning(&e.dataset)), "steps": to_json(&seeded(&e.clean, seed("sample")))}),
    );
    clean.inputs = vec![("table", source, "table")];
    if given {
        clean.inputs.push(("balanced", source, "balanced"));
    }
    let clean = b.add(clean);

    let mut split = Draft::new(StepKind::Split, "split", "split", json!({"split": to_json(&e.split)}));
    split.seed = Some(e.split.seed().map_or_else(|| seed("split"), Seed::new));
    split.inputs = vec![("frame", clean, "frame")];
    let split = b.add(split);

    let train = Part::first(Role::Train);
    let mut prepare = Draft::new(StepKind::Prepare, "prepare", "prepare", json!({"steps": to_json(&e.prepare)}));
    prepare.seed = Some(seed("prepare"));
    prepare.part = Some(train);
    prepare.inputs = vec![("frame", clean, "frame"), ("split", split, "split")];
    let prepare = b.add(prepare);

    let balanced = match &e.balance {
        Balance::None(_) => prepare,
        choice => {
            let mut parameters = json!({"balance": to_json(choice)});
            if choice.interpolates() && e.allows(Code::S21) {
                parameters["allow_codes"] = true.into();
            }
            let mut draft = Draft::new(StepKind::Balance, "balance", "balance", parameters);
            draft.seed = choice.random_state().map(Seed::new).or_else(|| Some(seed("smote")));
            draft.part = Some(train);
            if given {
                draft.inputs = vec![("pipeline", prepare, "pipeline"), ("balanced", clean, "balanced")];
            } else {
                draft.inputs = vec![("train", prepare, "train")];
            }
            if choice.interpolates() {
                draft.inputs.extend([
                    ("pipeline", prepare, "pipeline"),
                    ("frame", clean, "frame"),
                    ("split", split, "split"),
                ]);
            }
            b.add(draft)
        }
    };

    let mut held_out = vec![Role::Test];
    if e.split.has_validation() {
        held_out.push(Role::Validation);
    }
    let mut named: Vec<NamedModel> = e.models.clone();
    if !named.iter().any(|m| m.name == MAJORITY) {
        named.push(NamedModel { name: MAJORITY.into(), spec: ModelSpec::Majority(Majority::default()) });
    }
    let mut models = Vec::new();
    for NamedModel { name, spec } in &named {
        let kind = spec.word();
        let place = format!("models.{name}");
        // As published, DBSCAN labels the judged rows themselves, so there is nothing to fit.
        let as_published = spec.is_clustering() && e.evaluate.cluster_labels == ClusterLabels::Test;
        let fit = (!as_published || !matches!(spec, ModelSpec::Dbscan(_))).then(|| {
            let mut draft = Draft::new(StepKind::Fit, format!("fit/{name}"), &place, to_json(spec));
            draft.seed = spec.random_state().map(Seed::new).or_else(|| Some(seed("fit").child(kind)));
            draft.part = Some(train);
            draft.model = Some(kind);
            draft.numerics = spec.depends_on_numerics().then_some(numerics);
            let step = if spec.learns_balanced() { balanced } else { prepare };
            draft.inputs = vec![("train", step, "train")];
            b.add(draft)
        });
        let mut judging = match spec {
            ModelSpec::Majority(_) => json!({"baseline": true}),
            _ => json!({}),
        };
        let grouped = e.dataset.train_on == TrainOn::Group;
        if grouped {
            // The classes that the groups were made of are kept aside.
            judging["class_column"] = e.dataset.target.as_ref().map_or(UNNAMED_TARGET, |t| t.0.as_str()).into();
        }
        let mut parts = Vec::new();
        for &role in &held_out {
            let parameters = match (&fit, as_published) {
                (_, false) => json!({}),
                (Some(_), true) => json!({"vote_on_part": true}),
                (None, true) => json!({"cluster_part": to_json(spec)}),
            };
            let mut draft =
                Draft::new(StepKind::Predict, format!("predict/{name}/{}", role.word()), &place, parameters);
            draft.part = Some(Part::first(role));
            draft.inputs = vec![("part", prepare, role.word())];
            draft.inputs.extend(fit.map(|fit| ("model", fit, "model")));
            let predict = b.add(draft);
            let mut draft =
                Draft::new(StepKind::Judge, format!("judge/{name}/{}", role.word()), &place, judging.clone());
            draft.part = Some(Part::first(role));
            draft.inputs = vec![
                ("part", prepare, role.word()),
                ("pipeline", prepare, "pipeline"),
                ("predictions", predict, "predictions"),
            ];
            draft.inputs.extend(grouped.then_some(("frame", clean, "frame")));
            let judge = b.add(draft);
            parts.push(PartSteps { role, predict, judge });
        }
        models.push(PlannedModel { name: name.clone(), kind: kind.to_owned(), fit, parts });
    }

    let mut publish = Draft::new(StepKind::Publish, "publish", "", json!({}));
    publish.inputs = vec![
        ("pipeline", prepare, "pipeline"),
        ("train", prepare, "train"),
        ("test", prepare, "test"),
        ("balanced", balanced, "train"),
    ];
    let publish = b.add(publish);
    let missing: Vec<&str> = e.dataset.missing_values.iter().map(|n| n.0.trim()).collect();
    let mut serving = Draft::new(StepKind::Serving, "serving", "", json!({"missing_values": missing}));
    serving.inputs = vec![
        ("table", source, "table"),
        ("frame", clean, "frame"),
        ("replay", clean, "replay"),
        ("split", split, "split"),
        ("pipeline", prepare, "pipeline"),
        ("test", prepare, "test"),
    ];
    let serving = b.add(serving);
    let data = DataSteps { source, clean, prepare, balanced };
    let draw = figures(&mut b, &data, &models, seed("examine"));
    Plan { steps: b.steps, models, clean, prepare, publish, serving, draw }
}

/// Where figures take the data from.
struct DataSteps {
    source: usize,
    clean: usize,
    prepare: usize,
    balanced: usize,
}

/// The steps that only serve figures: numbers, then pictures. They come last.
fn figures(b: &mut Builder, data: &DataSteps, models: &[PlannedModel], seed: Seed) -> Vec<usize> {
    let part = Part::first(Role::Test);
    let mut survey = Draft::new(StepKind::Survey, "survey", "", json!({}));
    survey.inputs = vec![
        ("table", data.source, "table"),
        ("frame", data.clean, "frame"),
        ("pipeline", data.prepare, "pipeline"),
        ("train", data.prepare, "train"),
        ("balanced", data.balanced, "train"),
    ];
    let survey = b.add(survey);
    let mut examined = Vec::new();
    for model in models {
        let Some(steps) = model.parts.iter().find(|p| p.role == Role::Test) else { continue };
        let mut draft = Draft::new(StepKind::Examine, format!("examine/{}", model.name), "", json!({}));
        draft.part = Some(part);
        draft.seed = Some(seed.child(&model.kind));
        draft.inputs = vec![
            ("part", data.prepare, part.role.word()),
            ("pipeline", data.prepare, "pipeline"),
            ("predictions", steps.predict, "predictions"),
        ];
        draft.inputs.extend(model.fit.map(|fit| ("model", fit, "model")));
        examined.push((model.name.as_str(), b.add(draft), steps.judge));
    }
    let mut drawn = Draft::new(StepKind::Draw, "draw", "", json!({"of": "data"}));
    drawn.inputs = vec![("survey", survey, "survey.json")];
    let mut out = vec![b.add(drawn)];
    for &(name, exam, judge) in &examined {
        let mut drawn = Draft::new(StepKind::Draw, format!("draw/{name}"), "", json!({"of": "model", "name": name}));
        drawn.inputs = vec![("exam", exam, "exam.json"), ("judgement", judge, "judgement")];
        out.push(b.add(drawn));
    }
    // By name, so that the order of the experiment is in no key.
    examined.sort();
    let names: Vec<&str> = examined.iter().map(|e| e.0).collect();
    let keys: Vec<String> = (0..examined.len()).map(|i| format!("judgement {i:04}")).collect();
    let mut drawn = Draft::new(StepKind::Draw, "draw/comparison", "", json!({"of": "models", "names": names}));
    drawn.inputs = vec![("survey", survey, "survey.json")];
    drawn.inputs.extend(keys.iter().zip(&examined).map(|(key, e)| (key.as_str(), e.2, "judgement")));
    if !examined.is_empty() {
        out.push(b.add(drawn));
    }
    out
}
