//! The fitted models of a run, applied to raw rows: what `runner predict` and `runner serve` share.
//!
//! ```text
//! run folder + store --ServedRun::load--> ServedRun --answer(raw columns)--> Answers
//! ```
//!
//! A raw row goes through what `clean` did to values, then through the fitted preparation, then into the model: the
//! code of the run itself, so the answers are the run's own, bit for bit.

mod answer;
mod golden;
mod json;
mod load;
mod stream;
mod write;

use thiserror::Error;

pub use answer::{Answers, Note, What};
pub(crate) use json::PREPARED;
pub use json::{Instances, parse_prepared, parse_raw};
pub use load::{ServedModel, ServedRun, Shape};
pub use stream::{Chunk, chunks};
pub use write::{csv_header, csv_rows, ndjson_rows};

/// Why a run, or a row, cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScoreError {
    /// The run lacks something, or its files are damaged.
    #[error("{message}")]
    Run {
        /// What.
        message: String,
        /// What to do next.
        hint: String,
    },
    /// The model gives other answers than it did in the run.
    #[error("{0}")]
    Golden(String),
    /// A row that cannot be answered.
    #[error("{message}")]
    Row {
        /// Row, from 0.
        row: Option<usize>,
        /// Column.
        column: Option<String>,
        /// What is wrong.
        message: String,
    },
    /// Text that is not what was expected at all.
    #[error("{0}")]
    Syntax(String),
}

impl ScoreError {
    fn run(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Run { message: message.into(), hint: hint.into() }
    }

    /// The same, some rows later.
    #[must_use]
    pub fn later(self, rows: usize) -> Self {
        match self {
            Self::Row { row: Some(row), column, message } => Self::Row { row: Some(row + rows), column, message },
            other => other,
        }
    }
}
