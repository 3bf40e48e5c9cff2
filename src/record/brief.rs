//! The few facts of a record that a list of runs shows, read without the rest.

use serde::Deserialize;

use super::{RECORD_FORMAT, RunStatus, WinnerRecord};

/// A run in a line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Brief {
    /// Version of the record.
    pub format: u64,
    /// The experiment's name.
    pub name: String,
    /// How it ended.
    pub status: RunStatus,
    /// The winner.
    pub winner: Option<WinnerRecord>,
    /// When and how long.
    pub volatile: BriefTimes,
}

/// When a run was, and how long it took.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct BriefTimes {
    /// When it began, RFC 3339 with offset.
    pub started: String,
    /// Seconds from registering to the end.
    pub seconds: Option<f64>,
}

impl Brief {
    /// Reads the facts from `record.json`.
    ///
    /// # Errors
    /// A message for text that is not a record, or one of a newer format.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        match serde_json::from_slice::<Self>(bytes) {
            Ok(brief) if brief.format <= RECORD_FORMAT => Ok(brief),
            // The whole reader finds the words for what is wrong.
            _ => Err(super::RunRecord::from_json(bytes).err().unwrap_or_else(|| "not a run record".into())),
        }
    }
}
