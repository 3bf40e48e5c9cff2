//! One pure function per kind of step: a recipe and its inputs in, artifacts and notes out.

mod artifact;
mod codes;
mod data;
mod figures;
mod model;
mod publish;
mod serving;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use thiserror::Error;

pub use artifact::{Artifact, Predictions};
pub use data::SAMPLED_AWAY;
pub use serving::{RawColumn, RawType, RawValue, Serving};

use crate::digest::Seed;
use crate::ml::{MlError, Numerics, Progress};
use crate::plan::{Recipe, StepKind};
use crate::record::{Notes, Problem, ProblemKind};
use crate::table::TableError;

/// The bytes of a data file.
#[derive(Clone, Debug)]
pub struct SourceBytes {
    /// As named in the experiment; for messages only.
    pub name: String,
    /// The bytes.
    pub bytes: Arc<Vec<u8>>,
}

/// What a step works with.
pub struct Work<'a> {
    /// Its recipe.
    pub recipe: &'a Recipe,
    /// Inputs by the names in the recipe.
    pub inputs: BTreeMap<String, Arc<Artifact>>,
    /// Source files in the order of the recipe.
    pub sources: &'a [SourceBytes],
    /// Told how far the step is.
    pub progress: Progress<'a>,
}

/// What a step gives: artifacts by output name, and what it has to say.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Outputs.
    pub outputs: BTreeMap<String, Artifact>,
    /// Ledger, warnings, facts.
    pub notes: Notes,
}

/// Why a step failed.
#[derive(Debug, Error)]
pub enum StepError {
    /// The table does not fit the experiment.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The data does not allow what was asked.
    #[error(transparent)]
    Ml(#[from] MlError),
    /// The same of the setting at a place.
    #[error("{error}")]
    At {
        /// Dotted path in the experiment.
        place: String,
        /// What it does not allow.
        error: MlError,
    },
    /// A check of the method refuses it.
    #[error("{message}")]
    Refused {
        /// Dotted path in the experiment.
        place: String,
        /// What was found, with the code of the check.
        message: String,
        /// The ways out.
        hints: Vec<String>,
    },
    /// A stored input cannot be read.
    #[error("{0}")]
    Artifact(String),
    /// The recipe and its inputs do not fit together: a bug.
    #[error("{0}")]
    Recipe(String),
}

impl StepError {
    /// The failure as stored and shown; `place` is where the step comes from in the experiment.
    #[must_use]
    pub fn problem(&self, place: &str) -> Problem {
        let somewhere = |problem: Problem| if place.is_empty() { problem } else { problem.at(place) };
        match self {
            Self::Table(error) => Problem {
                kind: ProblemKind::User,
                message: error.message.clone(),
                place: error.place.clone().or_else(|| Some(place.to_owned()).filter(|p| !p.is_empty())),
                file: error.file.clone(),
                line: error.line,
                hints: error.hints.clone(),
            },
            Self::Refused { place, message, hints } => {
                Problem { hints: hints.clone(), ..Problem::new(ProblemKind::User, message.clone()).at(place) }
            }
            Self::At { place, error } => Self::Ml(error.clone()).problem(place),
            Self::Ml(MlError::Parameter { name, problem }) => {
                Problem::new(ProblemKind::User, problem.clone()).at(format!("{place}.{name}"))
            }
            Self::Ml(error) => somewhere(Problem::new(ProblemKind::User, error.to_string())),
            Self::Artifact(message) => somewhere(
                Problem::new(ProblemKind::Machine, message.clone()).hint("run again: what is damaged is made anew"),
            ),
            Self::Recipe(message) => somewhere(Problem::new(ProblemKind::Bug, message.clone())),
        }
    }
}

/// Does the step.
///
/// # Errors
/// [`StepError`]: what the data or the parameters do not allow.
pub fn run(work: &Work<'_>) -> Result<Outcome, StepError> {
    match work.recipe.step {
        StepKind::Source => data::source(work),
        StepKind::Clean => data::clean(work),
        StepKind::Split => data::split(work),
        StepKind::Prepare => data::prepare(work),
        StepKind::Balance => data::balance(work),
        StepKind::Fit => model::fit(work),
        StepKind::Predict => model::predict(work),
        StepKind::Judge => model::judge(work),
        StepKind::Publish => publish::publish(work),
        StepKind::Serving => serving::serving(work),
        StepKind::Survey => figures::survey(work),
        StepKind::Examine => figures::examine(work),
        StepKind::Draw => figures::draw(work),
    }
}

impl Work<'_> {
    fn seed(&self) -> Seed {
        Seed::new(self.recipe.seed.unwrap_or_default())
    }

    fn numerics(&self) -> Numerics {
        self.recipe.numerics.unwrap_or_else(Numerics::detect)
    }

    fn input(&self, name: &str) -> Result<&Artifact, StepError> {
        self.inputs
            .get(name)
            .map(AsRef::as_ref)
            .ok_or_else(|| StepError::Recipe(format!("the input {name} is missing")))
    }

    /// A parameter of the recipe; `None` where it is not there.
    fn optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StepError> {
        match self.recipe.parameters.get(name) {
            None => Ok(None),
            Some(value) => read(value, name).map(Some),
        }
    }

    fn parameter<T: DeserializeOwned>(&self, name: &str) -> Result<T, StepError> {
        self.optional(name)?.ok_or_else(|| StepError::Recipe(format!("the parameter {name} is missing")))
    }

    /// The recipe's parameters as one value.
    fn parameters<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        read(&self.recipe.parameters, "parameters")
    }
}

fn read<T: DeserializeOwned>(value: &Json, name: &str) -> Result<T, StepError> {
    serde_json::from_value(value.clone()).map_err(|e| StepError::Recipe(format!("{name} cannot be read: {e}")))
}
