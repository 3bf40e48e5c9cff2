//! What a comparison needs of a record, read without the rest.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{ModelResult, RECORD_FORMAT, RunRecord, RunStatus, SourceFile, WinnerRecord};
use crate::digest::Digest;

/// What a comparison needs of a record.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Outline {
    /// Version of the record.
    pub format: u64,
    /// The experiment's name.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// How it ended.
    pub status: RunStatus,
    /// The resolved experiment.
    pub experiment: Json,
    /// Data files.
    pub data: Vec<SourceFile>,
    /// The models with their judgements.
    pub models: Vec<ModelResult>,
    /// The winner.
    pub winner: Option<WinnerRecord>,
    /// The steps.
    pub steps: Vec<OutlineStep>,
    /// What differs between two runs of the same experiment.
    pub volatile: OutlineTimes,
}

/// A step of an [`Outline`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct OutlineStep {
    /// Name.
    pub step: String,
    /// Kind.
    pub kind: String,
    /// Key.
    pub key: Digest,
}

/// The times of an [`Outline`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct OutlineTimes {
    /// When it began, RFC 3339 with offset.
    pub started: String,
    /// Seconds from registering to the end.
    pub seconds: Option<f64>,
    /// Seconds of every finished step, now or when it was stored.
    pub step_seconds: Vec<(String, f64)>,
    /// Steps whose results were in the store.
    pub stored: Vec<String>,
}

impl Outline {
    /// Reads what is needed from `record.json`.
    ///
    /// # Errors
    /// A message for text that is not a record, or one of a newer format.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        match serde_json::from_slice::<Self>(bytes) {
            Ok(outline) if outline.format <= RECORD_FORMAT => Ok(outline),
            // The whole reader finds the words for what is wrong.
            _ => Err(RunRecord::from_json(bytes).err().unwrap_or_else(|| "not a run record".into())),
        }
    }

    /// The key of a step, which names all that its result depends on.
    #[must_use]
    pub fn key(&self, step: &str) -> Option<Digest> {
        self.steps.iter().find(|s| s.step == step).map(|s| s.key)
    }
}
