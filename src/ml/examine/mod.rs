//! Numbers behind the figures of a run: curves, calibration, importances, clusters, and what the data looks like. Bounded
//! in size whatever the data, and the same on any number of threads.

mod clusters;
mod curves;
mod importance;
mod survey;

pub use clusters::{ClusterExam, Plane, plane_of};
pub use curves::{Bin, ClassCurves, Operating, calibration, class_curves, operating};
pub use importance::{Permuted, PermutedFeature, permutation_importance};
pub use survey::{BoxOfClass, Boxes, Correlation, Survey, boxes, correlation};

use serde::{Deserialize, Serialize};

use super::{Dataset, FittedModel, Grouping, MlError};
use crate::digest::Seed;
use ndarray::ArrayView2;

/// What a figure of one model shows, on one held-out part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelExam {
    /// Class names by index.
    pub classes: Vec<String>,
    /// One class against the rest, for every class that has rows and is not alone; empty without probabilities.
    pub curves: Vec<ClassCurves>,
    /// Bins of the greatest probability; empty without probabilities.
    pub calibration: Vec<Bin>,
    /// The positive group against the rest, where there is one.
    pub operating: Option<Operating>,
    /// What shuffling a feature costs, for supervised models.
    pub permutation: Option<Permuted>,
    /// Mean decrease in impurity by feature, the greatest first; forests and trees.
    pub impurity: Vec<(String, f64)>,
    /// Training loss by epoch, of a network.
    pub loss: Vec<f64>,
    /// Of a clustering.
    pub clusters: Option<ClusterExam>,
}

/// What a model said, to be examined.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Class probabilities, shape (rows, classes).
    pub probabilities: Option<ArrayView2<'a, f64>>,
    /// Cluster of every row.
    pub clusters: Option<&'a [i32]>,
}

/// Most features that an importance is kept for.
const FEATURES: usize = 30;

/// Examines a model on a held-out part. `model` is none for a clustering of the part itself.
///
/// # Errors
/// [`MlError`] where the model cannot predict the part.
pub fn examine(
    part: &Dataset,
    grouping: Option<&Grouping>,
    said: Said<'_>,
    model: Option<&FittedModel>,
    seed: Seed,
) -> Result<ModelExam, MlError> {
    let mut exam = ModelExam { classes: part.classes().to_vec(), ..ModelExam::default() };
    if let Some(p) = said.probabilities {
        exam.curves = class_curves(part.y(), p);
        exam.calibration = calibration(part.y(), p);
        exam.operating = grouping.and_then(|g| operating(part.y(), p, g));
    }
    if let Some(model) = model {
        if let Some(importances) = model.feature_importances() {
            let mut named: Vec<(String, f64)> = part.features().iter().cloned().zip(importances).collect();
            named.sort_by(|a, b| b.1.total_cmp(&a.1));
            named.truncate(FEATURES);
            exam.impurity = named;
        }
        exam.loss = thin(model.loss_curve().unwrap_or_default());
        if said.clusters.is_none() && model.votes().is_none() {
            exam.permutation = permutation_importance(model, part, &exam.impurity, seed)?;
        }
    }
    exam.clusters = said.clusters.map(|clusters| ClusterExam::of(part, clusters));
    Ok(exam)
}

/// At most 500 of many values, evenly, the last one included.
fn thin(values: &[f64]) -> Vec<f64> {
    const MOST: usize = 500;
    if values.len() <= MOST {
        return values.to_vec();
    }
    (0..MOST).map(|i| values[(i * (values.len() - 1)) / (MOST - 1)]).collect()
}

/// Positions of at most `most` of `rows` rows, evenly spread.
fn spread(rows: usize, most: usize) -> Vec<usize> {
    if rows <= most {
        return (0..rows).collect();
    }
    (0..most).map(|i| i * rows / most).collect()
}

/// Five decimals: enough to draw.
fn drawn(value: f64) -> f64 {
    (value * 1e5).round() / 1e5
}

#[cfg(test)]
mod tests;
