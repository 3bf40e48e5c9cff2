//! Logistic regression with an L2 penalty, by a truncated Newton method
//! (<https://scikit-learn.org/stable/modules/linear_model.html#logistic-regression>).
//!
//! Minimises `sum_i s_i loss_i + |w|^2 / (2 C)` with the intercepts free, where `s_i` is the class weight of row `i`: the
//! softmax loss with one vector per class, or for two classes the sigmoid loss with one vector for the higher class, as
//! scikit-learn does. The work is done in columns of mean 0 and variance 1, with the penalty carried over: the optimum is
//! that of the raw columns, and columns of very different scales cost no extra steps. A small Hessian is written out and
//! solved, a large one met by conjugate gradients. Sums are taken over fixed blocks of rows and added in order.

#![allow(non_snake_case)] // `C` is scikit-learn's name

mod newton;
mod problem;

use ndarray::{Array1, Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use self::newton::newton;
use self::problem::Problem;
use super::forest::{Balanced, ClassWeight, balanced_weights, named_weights};
use super::rowwise::{rowwise, softmax};
use super::simd::Level;
use super::{Code, Dataset, MlError, Progress, Training, Warning};
use crate::param::{Range, parameters};

parameters! {
    /// Logistic regression with an L2 penalty: softmax over the classes, the sigmoid for two.
    pub struct LogisticRegression {
        /// Inverse of the strength of the penalty.
        C: f64 = 1.0, within Range::above(0.0);
        /// Add an intercept, which is not penalised.
        fit_intercept: bool = true;
        /// Stop where no component of the gradient of the mean loss, in standardised columns, is greater than this.
        /// Smaller than scikit-learn's 1e-4: the last Newton iterations are few and make the coefficients exact.
        tol: f64 = 1e-10, within Range::at_least(0.0);
        /// Most Newton iterations.
        max_iter: usize = 100, within Range::at_least(1.0);
        /// How much a row of each class counts: `balanced`, a map from class name to weight, or `null`.
        class_weight: ClassWeight<Balanced> = ClassWeight::None;
    }
}

/// A fitted logistic regression. A class without a training row has probability 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegressionModel {
    n_classes: usize,
    /// The classes with training rows, in order.
    present: Vec<u32>,
    coef: Array2<f64>,
    intercept: Array1<f64>,
    n_iter: usize,
}

impl LogisticRegression {
    /// Finds the coefficients. One class alone needs none.
    ///
    /// Warns (R02) where the gradient is still above `tol` when it stops.
    ///
    /// # Errors
    /// [`MlError::Parameter`] for a class weight of an unknown class, or a parameter outside its range.
    pub fn fit(
        &self,
        train: &Training<Dataset>,
        progress: Progress<'_>,
    ) -> Result<(LogisticRegressionModel, Vec<Warning>), MlError> {
        let data = train.get();
        if !Range::above(0.0).holds(self.C) {
            return Err(MlError::parameter("C", format!("expected a number above 0, got {}", self.C)));
        }
        let counts = data.class_counts();
        let by_class = match &self.class_weight {
            ClassWeight::None => vec![1.0; data.n_classes()],
            ClassWeight::Rule(Balanced::Balanced) => balanced_weights(&counts),
            ClassWeight::Map(named) => named_weights(named, data)?,
        };
        let present: Vec<u32> = (0..data.n_classes() as u32).filter(|&c| counts[c as usize] > 0).collect();
        let outputs = if present.len() > 2 { present.len() } else { present.len() - 1 };
        let width = data.width();
        let (mean, scale) = standard(data.x(), self.fit_intercept);
        let problem = Problem {
            level: Level::best(),
            x: data.x().as_slice().unwrap_or_default(),
            y: data.y().iter().map(|&c| present.partition_point(|&p| p < c) as u32).collect(),
            weights: data.y().iter().map(|&c| by_class[c as usize]).collect(),
            mean: &mean,
            scale: &scale,
            penalty: scale.iter().map(|scale| 1.0 / (self.C * scale * scale)).collect(),
            outputs,
            intercept: self.fit_intercept,
        };
        let (mut w, n_iter, converged) = newton(&problem, self.tol, self.max_iter, progress);
        let mut intercept = Array1::zeros(outputs);
        for (k, w) in w.chunks_exact_mut(width + 1).enumerate() {
            let mut shift = 0.0;
            for ((w, mean), scale) in w.iter_mut().zip(&mean).zip(&scale) {
                *w /= scale;
                shift += *w * mean;
            }
            intercept[k] = if self.fit_intercept { w[width] - shift } else { 0.0 };
        }
        let coef = Array2::from_shape_fn((outputs, width), |(k, j)| w[k * (width + 1) + j]);
        if outputs > 1 {
            let middle = intercept.sum() / outputs as f64;
            intercept.iter_mut().for_each(|value| *value -= middle);
        }
        let warnings = if converged {
            Vec::new()
        } else {
            vec![Warning::new(
                Code::R02,
                format!(
                    "logistic regression stopped after {n_iter} iterations before it converged (tol = {})",
                    self.tol
                ),
            )]
        };
        Ok((LogisticRegressionModel { n_classes: data.n_classes(), present, coef, intercept, n_iter }, warnings))
    }
}

impl LogisticRegressionModel {
    /// Coefficients in the raw columns, shape (classes with rows, columns); one row, of the higher class, for two
    /// classes. scikit-learn's `coef_`.
    #[must_use]
    pub fn coef(&self) -> &Array2<f64> {
        &self.coef
    }

    /// One intercept by row of [`Self::coef`]; those of several classes add up to 0. scikit-learn's `intercept_`.
    #[must_use]
    pub fn intercept(&self) -> &Array1<f64> {
        &self.intercept
    }

    /// Newton iterations taken.
    #[must_use]
    pub fn n_iter(&self) -> usize {
        self.n_iter
    }

    /// Class probabilities, shape (rows, classes).
    #[must_use]
    pub fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        rowwise(x, self.n_classes, |row, out| {
            let mut logs: Vec<f64> = self
                .coef
                .outer_iter()
                .zip(&self.intercept)
                .map(|(coef, intercept)| {
                    let sum: f64 = coef.iter().zip(row).map(|(c, v)| c * v).sum();
                    // infinities of both signs say nothing
                    let sum = if sum.is_nan() { 0.0 } else { sum };
                    (sum + intercept).clamp(-f64::MAX / 4.0, f64::MAX / 4.0)
                })
                .collect();
            if logs.len() < 2 {
                logs.insert(0, 0.0);
            }
            if self.present.len() > 1 {
                softmax(&mut logs);
            } else {
                logs = vec![1.0];
            }
            for (&class, share) in self.present.iter().zip(logs) {
                out[class as usize] = share;
            }
        })
    }
}

/// Mean and standard deviation of every column (1 for a constant column); without an intercept the mean is 0 and the
/// scale is the root of the mean square.
fn standard(x: &Array2<f64>, center: bool) -> (Vec<f64>, Vec<f64>) {
    let n = x.nrows() as f64;
    x.columns()
        .into_iter()
        .map(|column| {
            let rough = if center { column.iter().map(|v| v / n).sum() } else { 0.0 };
            let mean = if center { rough + column.iter().map(|v| (v - rough) / n).sum::<f64>() } else { 0.0 };
            let scale = column.iter().map(|v| (v - mean) * (v - mean) / n).sum::<f64>().sqrt();
            (mean, if scale > 0.0 && scale.is_finite() { scale } else { 1.0 })
        })
        .unzip()
}

#[cfg(test)]
mod tests;
