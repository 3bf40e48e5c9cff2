//! What can go wrong in this room.

use thiserror::Error;

/// A fit, a prediction or a metric that cannot be done. Messages name the value got and the values allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MlError {
    /// The data does not allow it: the user must change the data or the experiment.
    #[error("{0}")]
    Data(String),
    /// A parameter does not fit this data (`n_clusters` above the number of rows, say).
    #[error("{name}: {problem}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// What is wrong with it, with the value got and the values allowed.
        problem: String,
    },
    /// Rows of another width than the model was fitted on.
    #[error("expected rows of {expected} columns, got {got}")]
    Width {
        /// Columns that the model was fitted on.
        expected: usize,
        /// Columns given.
        got: usize,
    },
    /// A value that is not a finite number.
    #[error("row {row}, column {column}: expected a finite number, got {value}")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The value, as text.
        value: String,
    },
}

impl MlError {
    /// A [`MlError::Data`] with this message.
    pub fn data(message: impl Into<String>) -> Self {
        Self::Data(message.into())
    }

    /// A [`MlError::Parameter`] of this name.
    pub fn parameter(name: &'static str, problem: impl Into<String>) -> Self {
        Self::Parameter { name, problem: problem.into() }
    }
}
