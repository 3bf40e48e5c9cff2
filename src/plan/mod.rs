//! An [`Experiment`](crate::spec::Experiment) and the digests of its data become a [`Plan`]: every step with its key,
//! before any work starts. Pure.

mod build;
mod compare;
mod recipe;

pub use build::{DataFile, build};
pub use compare::{Difference, Varied, differences, recipe_differences, variations};
pub use recipe::{InputRef, Recipe, SourceRef, StepKind};

use crate::digest::Digest;
use crate::ml::Role;

/// Where a step takes an input from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// What the step calls it.
    pub name: String,
    /// Index of the step that makes it.
    pub step: usize,
    /// Which of that step's outputs.
    pub output: String,
}

/// A step: its name in this experiment, its recipe and what it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name in this experiment, such as `fit/random_forest`. In no key.
    pub name: String,
    /// Dotted path in the experiment that it comes from. In no key.
    pub place: String,
    /// All that decides its result.
    pub recipe: Recipe,
    /// The digest of the recipe.
    pub key: Digest,
    /// Inputs in the order of the recipe; always earlier steps.
    pub inputs: Vec<Input>,
}

/// The steps of one model on one held-out part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSteps {
    /// The part.
    pub role: Role,
    /// Step that predicts.
    pub predict: usize,
    /// Step that judges.
    pub judge: usize,
}

/// A model of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedModel {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Step that fits it; none for a clustering that is run on the test rows themselves.
    pub fit: Option<usize>,
    /// Test, then validation if there is one.
    pub parts: Vec<PartSteps>,
}

/// All steps, each after those that it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The steps; no key stands twice.
    pub steps: Vec<Step>,
    /// The models in the order of the experiment, the baseline `majority` last unless it is placed.
    pub models: Vec<PlannedModel>,
    /// Step that cleans; its outputs tell the classes.
    pub clean: usize,
    /// Step that prepares.
    pub prepare: usize,
    /// Step that writes the published data files.
    pub publish: usize,
    /// Step that keeps what it takes to serve the models.
    pub serving: usize,
    /// Steps that draw the pictures of the run folder; none of a plan without figures.
    pub draw: Vec<usize>,
}

impl Plan {
    /// The same plan without the steps that only serve figures.
    #[must_use]
    pub fn without_figures(mut self) -> Self {
        // They stand at the end.
        let first = self.steps.iter().position(|s| s.recipe.step.is_figure());
        self.steps.truncate(first.unwrap_or(self.steps.len()));
        self.draw.clear();
        self
    }
}
