//! Gaussian naive Bayes: within a class every column is normal and the columns are independent
//! (<https://scikit-learn.org/stable/modules/naive_bayes.html#gaussian-naive-bayes>).

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::rowwise::{rowwise, softmax};
use super::{Dataset, MlError, Training};
use crate::param::{Range, parameters};

parameters! {
    /// Gaussian naive Bayes: the class whose prior times the normal densities of all columns is the greatest.
    pub struct GaussianNb {
        /// The share of the greatest variance of a column that is added to every variance.
        var_smoothing: f64 = 1e-9, within Range::at_least(0.0);
        /// Probability of every class before a row is seen, in the order of the classes, together 1; `null` takes the
        /// shares of the training rows.
        priors: Option<Vec<f64>> = None;
    }
}

/// A fitted Gaussian naive Bayes. A class without a training row has probability 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianNbModel {
    n_classes: usize,
    /// The classes with training rows, in order.
    present: Vec<u32>,
    priors: Vec<f64>,
    means: Array2<f64>,
    variances: Array2<f64>,
    /// By class: the logarithm of its prior, less half the sum of `ln(2 pi variance)` over the columns.
    offsets: Vec<f64>,
}

impl GaussianNb {
    /// Means and variances of every class.
    ///
    /// Where all columns are constant, `var_smoothing` itself is added to the variances (0 otherwise).
    ///
    /// # Errors
    /// [`MlError::Parameter`] for priors that do not fit the classes, or where a variance is 0 because
    /// `var_smoothing` is 0; [`MlError::Data`] where a variance is too large for a number.
    pub fn fit(&self, train: &Training<Dataset>) -> Result<GaussianNbModel, MlError> {
        let data = train.get();
        let (x, y, counts) = (data.x(), data.y(), data.class_counts());
        let present: Vec<u32> = (0..data.n_classes() as u32).filter(|&c| counts[c as usize] > 0).collect();
        let priors = self.class_priors(&counts, &present)?;
        let all: Vec<usize> = (0..data.rows()).collect();
        let (_, spread) = moments(x, &all);
        let widest = spread.iter().copied().fold(0.0, f64::max);
        let smoothing = self.var_smoothing * if widest > 0.0 { widest } else { 1.0 };
        let (mut means, mut variances) = (Vec::new(), Vec::new());
        for &class in &present {
            let rows: Vec<usize> = all.iter().copied().filter(|&row| y[row] == class).collect();
            let (mean, variance) = moments(x, &rows);
            means.extend(mean);
            variances.extend(variance.iter().map(|variance| variance + smoothing));
        }
        for (i, &variance) in variances.iter().enumerate() {
            let column = &data.features()[i % data.width()];
            if !variance.is_finite() {
                return Err(MlError::data(format!("column {column}: its variance is too large: scale the columns")));
            }
            if variance == 0.0 {
                let class = &data.classes()[present[i / data.width()] as usize];
                return Err(MlError::parameter(
                    "var_smoothing",
                    format!("expected a number above 0, as column {column} is constant in class {class}, got 0"),
                ));
            }
        }
        let offsets = variances
            .chunks_exact(data.width())
            .zip(&priors)
            .map(|(variances, prior)| {
                prior.ln() - 0.5 * variances.iter().map(|v| (std::f64::consts::TAU * v).ln()).sum::<f64>()
            })
            .collect();
        let shape = (present.len(), data.width());
        Ok(GaussianNbModel {
            n_classes: data.n_classes(),
            present,
            priors,
            means: matrix(shape, means),
            variances: matrix(shape, variances),
            offsets,
        })
    }

    /// The priors of the classes with rows.
    fn class_priors(&self, counts: &[usize], present: &[u32]) -> Result<Vec<f64>, MlError> {
        let rows = counts.iter().sum::<usize>() as f64;
        let Some(priors) = &self.priors else {
            return Ok(present.iter().map(|&c| counts[c as usize] as f64 / rows).collect());
        };
        let wrong = |problem: String| Err(MlError::parameter("priors", problem));
        if priors.len() != counts.len() {
            return wrong(format!("expected {} numbers, one per class, got {}", counts.len(), priors.len()));
        }
        if let Some(bad) = priors.iter().find(|p| !p.is_finite() || **p < 0.0) {
            return wrong(format!("expected numbers of at least 0, got {bad}"));
        }
        let sum: f64 = priors.iter().sum();
        if (sum - 1.0).abs() > 1e-5 {
            return wrong(format!("expected numbers that add up to 1, got a sum of {sum}"));
        }
        let priors: Vec<f64> = present.iter().map(|&c| priors[c as usize]).collect();
        if priors.iter().all(|&p| p == 0.0) {
            return wrong("every class of the training rows has prior 0".into());
        }
        Ok(priors)
    }
}

impl GaussianNbModel {
    /// Mean of every column by class, shape (classes with rows, columns); scikit-learn's `theta_`.
    #[must_use]
    pub fn means(&self) -> &Array2<f64> {
        &self.means
    }

    /// Variance of every column by class, smoothed, shape (classes with rows, columns); scikit-learn's `var_`.
    #[must_use]
    pub fn variances(&self) -> &Array2<f64> {
        &self.variances
    }

    /// Class probabilities, shape (rows, classes). A row so far off that no density can be told from 0 gets the priors.
    #[must_use]
    pub fn predict_proba(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        rowwise(x, self.n_classes, |row, out| {
            let mut logs: Vec<f64> = self
                .offsets
                .iter()
                .zip(self.means.outer_iter().zip(self.variances.outer_iter()))
                .map(|(offset, (means, variances))| {
                    let mut sum = 0.0;
                    for ((value, mean), variance) in row.iter().zip(means).zip(variances) {
                        let gap = value - mean;
                        sum += gap * gap / variance;
                    }
                    offset - 0.5 * sum
                })
                .collect();
            if softmax(&mut logs) == f64::NEG_INFINITY {
                let sum: f64 = self.priors.iter().sum();
                logs = self.priors.iter().map(|prior| prior / sum).collect();
            }
            for (&class, share) in self.present.iter().zip(logs) {
                out[class as usize] = share;
            }
        })
    }
}

fn matrix((rows, columns): (usize, usize), values: Vec<f64>) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| values[i * columns + j])
}

/// Mean and variance (divided by the rows) of every column over `rows`, in two passes; the second also corrects the
/// rounding of the mean, so that a constant column has variance 0.
fn moments(x: &Array2<f64>, rows: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let n = rows.len() as f64;
    let width = x.ncols();
    let mut mean = vec![0.0; width];
    for &row in rows {
        mean.iter_mut().zip(x.row(row)).for_each(|(sum, value)| *sum += value);
    }
    mean.iter_mut().for_each(|sum| *sum /= n);
    let mut rest = vec![0.0; width];
    for &row in rows {
        rest.iter_mut().zip(&mean).zip(x.row(row)).for_each(|((sum, mean), value)| *sum += value - mean);
    }
    mean.iter_mut().zip(&rest).for_each(|(mean, rest)| *mean += rest / n);
    let mut variance = vec![0.0; width];
    for &row in rows {
        for ((sum, mean), value) in variance.iter_mut().zip(&mean).zip(x.row(row)) {
            *sum += (value - mean) * (value - mean);
        }
    }
    variance.iter_mut().for_each(|sum| *sum /= n);
    (mean, variance)
}

#[cfg(test)]
mod tests;
