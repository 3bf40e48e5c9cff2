//! Recipes: everything that decides the bytes of a step's result, as a readable document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::digest::Digest;
use crate::ml::{Numerics, Part, Role};

/// The kinds of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// Files (or the simulator) -> table.
    Source,
    /// Table -> frame.
    Clean,
    /// Frame -> which row is in which part.
    Split,
    /// Fits the preparation on the training part and applies it to every part.
    Prepare,
    /// Balances the training rows of supervised models.
    Balance,
    /// Fits a model.
    Fit,
    /// Predicts a held-out part.
    Predict,
    /// Measures predictions.
    Judge,
    /// Writes the published data files.
    Publish,
    /// Keeps what it takes to serve the models.
    Serving,
    /// Numbers that the figures of the data show.
    Survey,
    /// Numbers that the figures of a model show.
    Examine,
    /// Pictures for the run folder.
    Draw,
}

impl StepKind {
    /// Every kind, in the order of a plan.
    pub const ALL: [Self; 13] = [
        Self::Source,
        Self::Clean,
        Self::Split,
        Self::Prepare,
        Self::Balance,
        Self::Fit,
        Self::Predict,
        Self::Judge,
        Self::Publish,
        Self::Serving,
        Self::Survey,
        Self::Examine,
        Self::Draw,
    ];

    /// Whether it only serves figures: no result needs it.
    #[must_use]
    pub fn is_figure(self) -> bool {
        matches!(self, Self::Survey | Self::Examine | Self::Draw)
    }

    /// The lowercase word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Clean => "clean",
            Self::Split => "split",
            Self::Prepare => "prepare",
            Self::Balance => "balance",
            Self::Fit => "fit",
            Self::Predict => "predict",
            Self::Judge => "judge",
            Self::Publish => "publish",
            Self::Serving => "serving",
            Self::Survey => "survey",
            Self::Examine => "examine",
            Self::Draw => "draw",
        }
    }
}

/// Algorithm versions above 1: step kind, model kind (of a fit, else empty), version. Raise one whenever the same recipe
/// would give other bytes, and say in `docs/record.md` what changed.
const RAISED: [(StepKind, &str, u32); 11] = [
    // 2: also gives what it did to the values of a row.
    (StepKind::Clean, "", 2),
    // 2: `quantile` rounds its shares as scikit-learn does. 3: the forest of `select` draws features in another order.
    (StepKind::Prepare, "", 3),
    // 2: SMOTE refuses codes; its settings are below `balance`.
    (StepKind::Balance, "", 2),
    // 2: features are drawn in another order.
    (StepKind::Fit, "random_forest", 2),
    // 2: likewise, which decides between equal splits.
    (StepKind::Fit, "decision_tree", 2),
    // 2: sums of k-means in larger blocks and changed by the rows that move; last bits, and draws of k-means++.
    (StepKind::Fit, "kmeans", 2),
    // 2: starts from that k-means. 3: sums of the components in blocks.
    (StepKind::Fit, "gaussian_mixture", 3),
    // 2: sums of products in eight lanes. 3: Newton steps are solved, where they were approximated.
    (StepKind::Fit, "logistic_regression", 3),
    // 2: fused multiply-adds; `numerics` is no longer part of the recipe.
    (StepKind::Fit, "mlp", 2),
    // 2: recall by class within the groups; distances of the silhouette are added in another order; last bits.
    (StepKind::Judge, "", 2),
    // 2: processed_data.npz holds the names of features and classes too.
    // 3: names that begin like a formula get an apostrophe in feature_importance_analysis.csv.
    (StepKind::Publish, "", 3),
];

/// The algorithm version of a step kind (of a model kind, for a fit).
pub(super) fn algorithm(kind: StepKind, model: Option<&str>) -> u32 {
    let model = model.unwrap_or_default();
    RAISED.iter().find(|(k, m, _)| *k == kind && *m == model).map_or(1, |(_, _, version)| *version)
}

/// An input: the key of the step that makes it and which of its outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRef {
    /// Key of the step.
    pub key: Digest,
    /// Output of that step.
    pub output: String,
}

/// A source file, by the bytes it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef {
    /// SHA-256 of the bytes as they are.
    pub digest: Digest,
    /// Part that the file is, where the data set comes in parts.
    pub role: Option<Role>,
}

/// Everything that decides the bytes of a step's result. No label, path, time, host or thread count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Version of this document's form.
    pub format: u32,
    /// Kind of step.
    pub step: StepKind,
    /// Version of the algorithm.
    pub algorithm: u32,
    /// Resolved parameters.
    pub parameters: Json,
    /// Derived seed, where the step draws.
    pub seed: Option<u64>,
    /// The part that it works on, where there is one.
    pub part: Option<Part>,
    /// SIMD level, where the bytes depend on it.
    pub numerics: Option<Numerics>,
    /// Inputs by name.
    pub inputs: BTreeMap<String, InputRef>,
    /// Source files in order.
    pub sources: Vec<SourceRef>,
}

impl Recipe {
    /// The version of the documents that this program writes.
    pub const FORMAT: u32 = 1;

    /// The key: SHA-256 of the canonical JSON.
    #[must_use]
    pub fn key(&self) -> Digest {
        Digest::of_json(&self.to_json())
    }

    /// The document.
    #[must_use]
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_name_the_kinds_of_step() {
        assert_eq!(crate::spec::STEP_KINDS, StepKind::ALL.map(StepKind::word));
    }
}
