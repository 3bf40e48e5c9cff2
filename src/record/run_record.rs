//! `RunRecord`: the fold of a run's events; what `record.json` holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Event, How, Notes, PlannedStep, Problem, ProblemKind, SourceFile};
use crate::digest::Digest;
use crate::ml::metrics::{Judgement, Metric};
use crate::ml::{LedgerEntry, Warning};

/// The version of `record.json`.
pub const RECORD_FORMAT: u64 = 1;

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Not over, or killed.
    #[default]
    Running,
    /// All steps have their results.
    Finished,
    /// At least one step failed.
    Failed,
    /// The user stopped it.
    Interrupted,
}

/// How a step stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Not begun, or not finished.
    #[default]
    Open,
    /// It has its result.
    Done,
    /// It failed.
    Failed(Problem),
    /// Not tried because the named step failed.
    Skipped(String),
}

/// A step of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Name.
    pub step: String,
    /// Kind.
    pub kind: String,
    /// Key.
    pub key: Digest,
    /// How it stands.
    pub state: StepState,
    /// Digests of its outputs by name.
    pub outputs: Vec<(String, Digest)>,
    /// What it said: ledger, warnings, facts.
    pub notes: Notes,
}

/// A model and its metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelResult {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// On the validation part, if there is one.
    pub validation: Option<Judgement>,
    /// On the test part.
    pub test: Option<Judgement>,
}

/// The winner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WinnerRecord {
    /// The model.
    pub model: String,
    /// The metric that decided.
    pub metric: Metric,
    /// The part that it was measured on.
    pub part: String,
    /// Its value there.
    pub value: f64,
}

/// A bound of `assert:` that was missed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missed {
    /// The model.
    pub model: String,
    /// The metric.
    pub metric: Metric,
    /// The bound in words: `at least 0.9`.
    pub bound: String,
    /// What came out; nothing where the metric is undefined.
    pub value: Option<f64>,
}

impl Missed {
    /// Model, metric and bound, to tell several apart.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} of {}: {}", self.metric.word(), self.model, self.bound)
    }
}

/// What differs between two runs of the same experiment: everything else in the record is the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Volatile {
    /// Run id.
    pub run: String,
    /// When it began, RFC 3339 with offset.
    pub started: String,
    /// Seconds from registering to the end.
    pub seconds: Option<f64>,
    /// Worker threads.
    pub threads: usize,
    /// Seconds of every finished step, now or when it was stored.
    pub step_seconds: Vec<(String, f64)>,
    /// When every computed step began, in seconds since the run was registered.
    #[serde(default)]
    pub step_began: Vec<(String, f64)>,
    /// Steps whose results were in the store.
    pub stored: Vec<String>,
    /// The folder of the experiment's file.
    #[serde(default)]
    pub folder: String,
    /// What it ran on: cores, processor, system.
    #[serde(default)]
    pub machine: String,
    /// How often somebody went on with it after it had stopped.
    #[serde(default)]
    pub resumed: usize,
    /// Objects that were gone or damaged and were made anew: step and digest.
    #[serde(default)]
    pub lost: Vec<(String, Digest)>,
    /// Where failed steps and missed bounds can be mended: name of the step, or model and metric, and place.
    #[serde(default)]
    pub places: Vec<(String, String)>,
}

/// Sets the seconds of a step, in a list by name. A step whose object was lost is told of twice; the last time counts.
fn set(seconds_of: &mut Vec<(String, f64)>, step: &str, seconds: f64) {
    match seconds_of.binary_search_by(|(name, _)| name.as_str().cmp(step)) {
        Ok(at) => seconds_of[at].1 = seconds,
        Err(at) => seconds_of.insert(at, (step.to_owned(), seconds)),
    }
}

/// Seconds of a step, from a list by name.
#[must_use]
pub fn seconds_of(seconds: &[(String, f64)], step: &str) -> Option<f64> {
    seconds.binary_search_by(|(name, _)| name.as_str().cmp(step)).ok().map(|at| seconds[at].1)
}

/// Everything about a run, for machines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of this file.
    pub format: u64,
    /// The experiment's name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Version of the program.
    pub version: String,
    /// SIMD level that some fits depend on.
    pub numerics: String,
    /// How it ended.
    pub status: RunStatus,
    /// The experiment as resolved.
    pub experiment: Json,
    /// Data files.
    pub data: Vec<SourceFile>,
    /// Warnings about the run as a whole; those of a step are in its notes.
    pub warnings: Vec<Warning>,
    /// Models in the order of the experiment.
    pub models: Vec<ModelResult>,
    /// The winner.
    pub winner: Option<WinnerRecord>,
    /// Bounds that were missed.
    pub missed: Vec<Missed>,
    /// Steps in the order of the plan.
    pub steps: Vec<StepRecord>,
    /// Files of the run folder with digest and length, by path.
    pub files: Vec<(String, Digest, u64)>,
    /// What differs between two runs of the same experiment.
    pub volatile: Volatile,
    #[serde(skip)]
    places: Places,
}

/// Where each step stands among the steps of a record that is being folded. It adds nothing to the record.
#[derive(Clone, Debug, Default)]
struct Places(BTreeMap<String, usize>);

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl RunRecord {
    /// The record of a run that has had no event yet.
    #[must_use]
    pub fn new() -> Self {
        Self { format: RECORD_FORMAT, ..Self::default() }
    }

    /// The record of these events.
    #[must_use]
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut record = Self::new();
        for event in events {
            record.apply(event);
        }
        record
    }

    fn step_mut(&mut self, name: &str) -> Option<&mut StepRecord> {
        // Two steps never have one name.
        if self.places.0.len() != self.steps.len() {
            self.places.0 = self.steps.iter().enumerate().map(|(at, s)| (s.step.clone(), at)).collect();
        }
        let at = self.places.0.get(name).copied();
        self.steps.get_mut(at?)
    }

    fn place_of(&mut self, name: &str, place: Option<&str>) {
        if let Some(place) = place {
            self.volatile.places.push((name.to_owned(), place.to_owned()));
            self.volatile.places.sort();
        }
    }

    /// Back to what was known when the run was registered.
    fn begin_again(&mut self, threads: usize) {
        let old = std::mem::take(self);
        *self = Self {
            name: old.name,
            description: old.description,
            version: old.version,
            numerics: old.numerics,
            experiment: old.experiment,
            volatile: Volatile {
                run: old.volatile.run,
                started: old.volatile.started,
                folder: old.volatile.folder,
                machine: old.volatile.machine,
                resumed: old.volatile.resumed + 1,
                lost: old.volatile.lost,
                threads,
                ..Volatile::default()
            },
            ..Self::new()
        };
    }

    /// Takes one more event in. Events of independent steps may come in any order and give the same record.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::RunStarted {
                run,
                name,
                description,
                at,
                version,
                threads,
                numerics,
                experiment,
                folder,
                machine,
            } => {
                self.name.clone_from(name);
                self.description.clone_from(description);
                self.version.clone_from(version);
                self.numerics.clone_from(numerics);
                self.experiment = experiment.clone();
                self.volatile.run.clone_from(run);
                self.volatile.started.clone_from(at);
                self.volatile.threads = *threads;
                self.volatile.folder.clone_from(folder);
                self.volatile.machine.clone_from(machine);
            }
            Event::Resumed { threads, .. } => self.begin_again(*threads),
            Event::DataRead { files } => self.data.clone_from(files),
            Event::Planned { steps } => {
                self.places = Places::default();
                self.steps = steps
                    .iter()
                    .map(|PlannedStep { step, kind, key }| StepRecord {
                        step: step.clone(),
                        kind: kind.clone(),
                        key: *key,
                        state: StepState::Open,
                        outputs: Vec::new(),
                        notes: Notes::default(),
                    })
                    .collect();
            }
            Event::StepStarted { step, at: Some(at) } => set(&mut self.volatile.step_began, step, *at),
            Event::StepStarted { .. } | Event::StepAwaited { .. } | Event::StepProgress { .. } => {}
            Event::ObjectLost { step, digest, .. } => {
                let lost = (step.clone(), *digest);
                if let Err(at) = self.volatile.lost.binary_search(&lost) {
                    self.volatile.lost.insert(at, lost);
                }
            }
            Event::StepFinished { step, how, seconds, outputs, notes } => {
                if let Some(record) = self.step_mut(step) {
                    record.state = StepState::Done;
                    record.outputs.clone_from(outputs);
                    record.notes.clone_from(notes);
                }
                set(&mut self.volatile.step_seconds, step, *seconds);
                match (self.volatile.stored.binary_search(step), how) {
                    (Err(at), How::Stored) => self.volatile.stored.insert(at, step.clone()),
                    (Ok(at), How::Computed) => drop(self.volatile.stored.remove(at)),
                    _ => {}
                }
            }
            Event::StepFailed { step, problem, place } => {
                self.place_of(step, place.as_deref());
                if let Some(record) = self.step_mut(step) {
                    record.state = StepState::Failed(problem.clone());
                }
                self.status = RunStatus::Failed;
            }
            Event::StepSkipped { step, because } => {
                if let Some(record) = self.step_mut(step) {
                    record.state = StepState::Skipped(because.clone());
                }
            }
            Event::ModelJudged { model, kind, part, judgement } => {
                let at = match self.models.iter().position(|m| &m.name == model) {
                    Some(at) => at,
                    None => {
                        self.models.push(ModelResult {
                            name: model.clone(),
                            kind: kind.clone(),
                            validation: None,
                            test: None,
                        });
                        self.models.len() - 1
                    }
                };
                let slot =
                    if part == "validation" { &mut self.models[at].validation } else { &mut self.models[at].test };
                *slot = Some(judgement.clone());
            }
            Event::WinnerChosen { model, metric, part, value } => {
                self.winner =
                    Some(WinnerRecord { model: model.clone(), metric: *metric, part: part.clone(), value: *value });
            }
            Event::Warned { warning } => self.warnings.push(warning.clone()),
            Event::BoundMissed { missed, place } => {
                self.place_of(&missed.name(), place.as_deref());
                self.missed.push(missed.clone());
            }
            Event::FileWritten { path, digest, bytes } => {
                self.files.retain(|(p, _, _)| p != path);
                self.files.push((path.clone(), *digest, *bytes));
                self.files.sort();
            }
            Event::Interrupted => self.status = RunStatus::Interrupted,
            Event::RunFinished { seconds } => {
                self.volatile.seconds = Some(*seconds);
                if self.status == RunStatus::Running {
                    self.status = RunStatus::Finished;
                }
            }
        }
    }

    /// Rows and columns in and out of every step, in the order of the plan.
    pub fn ledger(&self) -> impl Iterator<Item = &LedgerEntry> {
        self.steps.iter().flat_map(|s| &s.notes.ledger)
    }

    /// All warnings: those of the steps in the order of the plan, then those about the run as a whole.
    pub fn all_warnings(&self) -> impl Iterator<Item = &Warning> {
        self.steps.iter().flat_map(|s| &s.notes.warnings).chain(&self.warnings)
    }

    /// The problem that decides the exit code, if any: the user's before the machine's before a step's.
    #[must_use]
    pub fn worst_problem(&self) -> Option<&Problem> {
        let rank = |kind: ProblemKind| match kind {
            ProblemKind::Bug => 0,
            ProblemKind::Machine => 1,
            ProblemKind::User => 2,
            ProblemKind::Step => 3,
        };
        self.steps
            .iter()
            .filter_map(|s| if let StepState::Failed(problem) = &s.state { Some(problem) } else { None })
            .min_by_key(|p| rank(p.kind))
    }

    /// `record.json`, pretty-printed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads `record.json`.
    ///
    /// # Errors
    /// A message for text that is not a record, or one of a newer format.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let json: Json = serde_json::from_slice(bytes).map_err(|e| format!("not JSON: {e}"))?;
        match json.get("format").and_then(Json::as_u64) {
            Some(found) if found > RECORD_FORMAT => {
                Err(format!("the record has format {found}, this program knows formats up to {RECORD_FORMAT}"))
            }
            Some(_) => serde_json::from_value(json).map_err(|e| format!("not a run record: {e}")),
            None => Err("not a run record: no `format`".into()),
        }
    }
}
