//! A failure in the form in which it is stored and shown.

use serde::{Deserialize, Serialize};

/// Whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProblemKind {
    /// The user must edit the experiment or the data.
    User,
    /// A step failed, or a bound was missed.
    Step,
    /// The machine: disk, permissions, ports.
    Machine,
    /// A bug of this program.
    Bug,
}

/// A failure: what is wrong, where, and the next move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Whose move it is.
    pub kind: ProblemKind,
    /// What is wrong: a fragment with the value got and the values allowed.
    pub message: String,
    /// Dotted path in the experiment (`dataset.groups`), if the cure may lie there.
    pub place: Option<String>,
    /// File of data, if it is about one.
    pub file: Option<String>,
    /// Line in that file, from 1.
    pub line: Option<u64>,
    /// What to do next.
    pub hints: Vec<String>,
}

impl Problem {
    /// A failure without a place.
    pub fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None, file: None, line: None, hints: Vec::new() }
    }

    /// The same at a place of the experiment.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// The same with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}
