//! The data ledger: what each step did to the number of rows and columns.

use serde::{Deserialize, Serialize};

/// One line of the data ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// What was done: `read`, `missing`, a step of `clean` by its name, or `frame`.
    pub step: String,
    /// Rows before.
    pub rows_before: u64,
    /// Rows after.
    pub rows_after: u64,
    /// Columns before, the target and those kept aside included.
    pub columns_before: u64,
    /// Columns after.
    pub columns_after: u64,
    /// Names of the columns that went, in their order.
    pub dropped_columns: Vec<String>,
    /// The parameters of the step, or a remark.
    pub note: Option<String>,
    /// Further counts by name, in order (`missing cells`, `infinities`, `rows in FILE` …).
    pub counts: Vec<(String, u64)>,
}

impl LedgerEntry {
    /// An entry of a step that changes nothing (yet).
    pub fn unchanged(step: impl Into<String>, rows: usize, columns: usize) -> Self {
        Self {
            step: step.into(),
            rows_before: rows as u64,
            rows_after: rows as u64,
            columns_before: columns as u64,
            columns_after: columns as u64,
            dropped_columns: Vec::new(),
            note: None,
            counts: Vec::new(),
        }
    }
}
