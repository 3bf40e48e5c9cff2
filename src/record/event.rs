//! Events: everything that happens in a run, as one closed enum.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Notes, Problem};
use crate::digest::Digest;
use crate::ml::metrics::Metric;

/// A file of data as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// As named in the experiment.
    pub path: String,
    /// SHA-256 of its bytes as they are.
    pub digest: Digest,
    /// Number of bytes.
    pub bytes: u64,
}

/// A step of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Its name in this run, such as `fit/random_forest`.
    pub step: String,
    /// Its kind, such as `fit`.
    pub kind: String,
    /// Its key.
    pub key: Digest,
}

/// How a step came to its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// It was computed in this run.
    Computed,
    /// It was in the store.
    Stored,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run was registered.
    RunStarted {
        /// Run id.
        run: String,
        /// The experiment's name.
        name: String,
        /// Its description.
        description: String,
        /// When, RFC 3339 with offset.
        at: String,
        /// Version of this program.
        version: String,
        /// Worker threads.
        threads: usize,
        /// SIMD level that some fits depend on.
        numerics: String,
        /// The experiment as resolved.
        experiment: Json,
        /// The folder of its file, beside which relative data paths are looked up.
        #[serde(default)]
        folder: String,
        /// What it runs on: cores, processor, system.
        #[serde(default)]
        machine: String,
    },
    /// Somebody goes on with a run that had stopped: what it had found out is found out again, mostly from the store.
    Resumed {
        /// When, RFC 3339 with offset.
        at: String,
        /// Worker threads.
        threads: usize,
    },
    /// The data files were read and hashed.
    DataRead {
        /// In the order of the experiment.
        files: Vec<SourceFile>,
    },
    /// Every step is known.
    Planned {
        /// In the order of the plan.
        steps: Vec<PlannedStep>,
    },
    /// A step began to compute.
    StepStarted {
        /// Its name.
        step: String,
        /// Seconds since the run was registered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<f64>,
    },
    /// Another process computes a step, and this one waits for its result.
    StepAwaited {
        /// Its name.
        step: String,
        /// Number of the process, where it is known.
        process: Option<u32>,
    },
    /// An output of a step was in the store, and is gone or damaged: the step is done again.
    ObjectLost {
        /// Name of the step that gives it.
        step: String,
        /// Its digest.
        digest: Digest,
        /// What became of it.
        problem: String,
    },
    /// A step got further.
    StepProgress {
        /// Its name.
        step: String,
        /// Share done, in thousandths.
        thousandths: u16,
    },
    /// A step has its result.
    StepFinished {
        /// Its name.
        step: String,
        /// Computed or stored.
        how: How,
        /// Seconds that the computation took, now or when it was stored.
        seconds: f64,
        /// Digests of its outputs by name.
        outputs: Vec<(String, Digest)>,
        /// What it says.
        notes: Notes,
    },
    /// A step failed.
    StepFailed {
        /// Its name.
        step: String,
        /// Why.
        problem: Problem,
        /// Where that can be mended: file, line and column, or a layer.
        #[serde(default)]
        place: Option<String>,
    },
    /// A step was not tried, because one that it needs failed.
    StepSkipped {
        /// Its name.
        step: String,
        /// The step that failed.
        because: String,
    },
    /// A model was judged on a part.
    ModelJudged {
        /// Its name.
        model: String,
        /// Its kind.
        kind: String,
        /// `test` or `validation`.
        part: String,
        /// The metrics.
        judgement: crate::ml::metrics::Judgement,
    },
    /// The winner was chosen.
    WinnerChosen {
        /// The model.
        model: String,
        /// The metric that decided.
        metric: Metric,
        /// The part that it was measured on.
        part: String,
        /// Its value there.
        value: f64,
    },
    /// Something about the run as a whole to be warned of.
    Warned {
        /// The warning.
        warning: crate::ml::Warning,
    },
    /// A bound of `assert:` was missed.
    BoundMissed {
        /// What was asked and what came out.
        missed: super::Missed,
        /// Where the bound is written.
        #[serde(default)]
        place: Option<String>,
    },
    /// A file of the run folder was written.
    FileWritten {
        /// Path inside the folder.
        path: String,
        /// SHA-256 of its bytes.
        digest: Digest,
        /// Number of bytes.
        bytes: u64,
    },
    /// The user stopped the run.
    Interrupted,
    /// The run is over.
    RunFinished {
        /// Seconds since it was registered.
        seconds: f64,
    },
}

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Version of the line's form.
    pub v: u32,
    /// Seconds since the run was registered.
    pub t: f64,
    /// What happened.
    pub event: Event,
}

impl Line {
    /// The version of the lines that this program writes.
    pub const FORMAT: u32 = 1;
}
