//! The baseline that is always in the table: the most frequent class of the training rows.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::{Dataset, Training};
use crate::param::parameters;

/// The name under which the baseline is in every table.
pub const MAJORITY: &str = "majority";

parameters! {
    /// Predicts the most frequent class of the (unbalanced) training rows for every row; the lowest class wins a tie.
    /// scikit-learn calls it `DummyClassifier(strategy="prior")`. It is always in the table as `majority`.
    pub struct Majority {
    }
}

/// The fitted baseline: the class shares of the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MajorityModel {
    shares: Vec<f64>,
}

impl Majority {
    /// Counts the classes.
    #[must_use]
    pub fn fit(&self, train: &Training<Dataset>) -> MajorityModel {
        let data = train.get();
        let rows = data.rows() as f64;
        MajorityModel { shares: data.class_counts().iter().map(|&n| n as f64 / rows).collect() }
    }
}

impl MajorityModel {
    /// The class shares for every row; shape (rows, classes).
    #[must_use]
    pub fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        Array2::from_shape_fn((x.nrows(), self.shares.len()), |(_, c)| self.shares[c])
    }
}
