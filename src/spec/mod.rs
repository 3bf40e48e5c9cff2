//! The YAML language: raw form with places, checked [`Experiment`], defaults, JSON Schema, explanations.

pub mod clean;
pub mod dataset;
mod experiment;
mod explain;
mod layers;
mod node;
mod quote;
mod rules;
mod schema;

use thiserror::Error;

pub use experiment::{
    Assertion, ClusterLabels, Deployment, Evaluate, Experiment, JudgedOn, Limits, NamedModel, Waiver, Winner,
};
pub use explain::explain;
pub use layers::Overrides;
pub use node::{Node, Place};
pub use quote::quoted;
pub use rules::STEP_KINDS;
pub use schema::json_schema;

/// One thing that is wrong with an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecFault {
    /// Where: layer, and line and column in a file.
    pub place: Place,
    /// The path in the document (`models.0.max_depth`), if it is about a value.
    pub path: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The next move.
    pub hint: Option<String>,
}

impl SpecFault {
    pub(crate) fn at(place: &Place, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { place: place.clone(), path: None, message: message.into(), hint }
    }
}

/// Everything that is wrong with an experiment, in the order of the document.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} fault(s) in the experiment", faults.len())]
pub struct SpecError {
    /// At least one.
    pub faults: Vec<SpecFault>,
}

impl From<SpecFault> for SpecError {
    fn from(fault: SpecFault) -> Self {
        Self { faults: vec![fault] }
    }
}
