//! What happened in a run: events, the record folded from them, and the published file formats.

mod brief;
mod event;
mod outline;
mod problem;
mod run_record;
mod summary;
mod table;

pub use brief::{Brief, BriefTimes};
pub use event::{Event, How, Line, PlannedStep, SourceFile};
pub use outline::{Outline, OutlineStep, OutlineTimes};
pub use problem::{Problem, ProblemKind};
pub use run_record::{
    Missed, ModelResult, RECORD_FORMAT, RunRecord, RunStatus, StepRecord, StepState, Volatile, WinnerRecord, seconds_of,
};
pub use summary::{Summary, class_recall_csv, label_csv, multiclass_csv, number};
pub use table::{MetricsTable, text_cell};

use serde::{Deserialize, Serialize};

use crate::ml::{LedgerEntry, Warning};

/// What a step has to say besides its outputs; stored with them, so a step that is not run again says the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Notes {
    /// Rows and columns in and out.
    pub ledger: Vec<LedgerEntry>,
    /// Warnings.
    pub warnings: Vec<Warning>,
    /// Small facts by name (`training rows`, `epochs`), in order.
    pub facts: Vec<(String, serde_json::Value)>,
}
