//! Gaussian mixtures by expectation maximisation (Dempster, Laird and Rubin 1977), as scikit-learn does it
//! (<https://scikit-learn.org/stable/modules/mixture.html>): from the clusters of a k-means, until the mean
//! log-likelihood of the rows gains less than `tol`, the best of several restarts.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::kmeans::KMeans;
use super::rowwise::{rowwise, softmax};
use super::{Code, Dataset, MlError, Progress, Training, Warning};
use crate::digest::Seed;
use crate::param::{Range, parameters, words};

words! {
    /// The shape of the components of a Gaussian mixture.
    pub enum CovarianceType {
        /// Each component has its own covariance matrix.
        Full = "full",
        /// Each component has its own variance in every column, and no covariances.
        Diag = "diag",
        /// Each component has one variance for all columns.
        Spherical = "spherical",
    }
}

parameters! {
    /// A Gaussian mixture as a clustering: a row belongs to the component that is most probable for it.
    pub struct GaussianMixture {
        /// Number of components; at most the number of training rows.
        n_components: usize = 1, within Range::at_least(1.0);
        /// The shape of the components.
        covariance_type: CovarianceType = CovarianceType::Full;
        /// Stop where the mean log-likelihood of the rows changes by less than this.
        tol: f64 = 1e-3, within Range::at_least(0.0);
        /// Added to every variance.
        reg_covar: f64 = 1e-6, within Range::at_least(0.0);
        /// Most iterations of one restart.
        max_iter: usize = 100, within Range::at_least(1.0);
        /// Restarts, each from another k-means; the one of the greatest mean log-likelihood is kept.
        n_init: usize = 1, within Range::at_least(1.0);
        /// The seed of the k-means draws instead of the one derived from the experiment's; `null` is the derived one.
        random_state: Option<u64> = None;
    }
}

/// A fitted Gaussian mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianMixtureModel {
    covariance_type: CovarianceType,
    weights: Vec<f64>,
    means: Array2<f64>,
    covariances: Vec<Vec<f64>>,
    /// By component, the lower triangle of the Cholesky factor of the covariance matrix row by row (`full`), or the
    /// standard deviations of the columns.
    factors: Vec<Vec<f64>>,
    /// By component: ln weight - ln determinant / 2 - columns ln(2 pi) / 2.
    offsets: Vec<f64>,
    lower_bound: f64,
    n_iter: usize,
}

impl GaussianMixture {
    /// Fits the components.
    ///
    /// Warns (R02) where the restart that was kept had not converged after `max_iter` iterations.
    ///
    /// # Errors
    /// [`MlError::Parameter`] for more components than rows or a parameter outside its range; [`MlError::Data`] where a
    /// covariance matrix is not positive definite.
    pub fn fit(
        &self,
        train: &Training<Dataset>,
        seed: Seed,
        progress: Progress<'_>,
    ) -> Result<(GaussianMixtureModel, Vec<Warning>), MlError> {
        self.check(train.get().rows())?;
        let seed = self.random_state.map_or(seed, Seed::new);
        let mut best: Option<(GaussianMixtureModel, bool)> = None;
        for restart in 0..self.n_init {
            let kmeans = KMeans { n_clusters: self.n_components, n_init: 1, random_state: None, ..KMeans::default() };
            let (clusters, _) = kmeans.fit(train, seed.index(restart as u64), Progress::none())?;
            let next = self.begun_with(train.get(), &clusters.assign(train.get().x().view()))?;
            if best.as_ref().is_none_or(|best| next.0.lower_bound > best.0.lower_bound) {
                best = Some(next);
            }
            progress.report(restart + 1, self.n_init);
        }
        let Some((model, converged)) = best else {
            return Err(MlError::parameter("n_init", "expected a whole number of at least 1, got 0"));
        };
        Ok((model, self.warnings(converged)))
    }

    /// Fits the components once, beginning with these clusters of the training rows, each from 0 to `n_components`.
    ///
    /// # Errors
    /// As [`GaussianMixture::fit`], and [`MlError::Data`] for clusters that do not fit the rows.
    pub fn fit_from(
        &self,
        train: &Training<Dataset>,
        clusters: &[u32],
    ) -> Result<(GaussianMixtureModel, Vec<Warning>), MlError> {
        self.check(train.get().rows())?;
        let fits = clusters.len() == train.get().rows() && clusters.iter().all(|&c| (c as usize) < self.n_components);
        if !fits {
            return Err(MlError::data(format!(
                "expected a cluster below {} for each of {} rows",
                self.n_components,
                train.get().rows()
            )));
        }
        let clusters: Vec<i32> = clusters.iter().map(|&c| c as i32).collect();
        let (model, converged) = self.begun_with(train.get(), &clusters)?;
        Ok((model, self.warnings(converged)))
    }

    /// Iterates from rows that are each wholly of one component.
    fn begun_with(&self, data: &Dataset, clusters: &[i32]) -> Result<(GaussianMixtureModel, bool), MlError> {
        let mut shares = Array2::zeros((data.rows(), self.n_components));
        for (row, &cluster) in clusters.iter().enumerate() {
            shares[[row, cluster as usize]] = 1.0;
        }
        self.iterate(data.x(), shares)
    }

    fn warnings(&self, converged: bool) -> Vec<Warning> {
        if converged {
            return Vec::new();
        }
        vec![Warning::new(
            Code::R02,
            format!(
                "Gaussian mixture stopped after max_iter = {} iterations before it converged (tol = {})",
                self.max_iter, self.tol
            ),
        )]
    }

    fn check(&self, rows: usize) -> Result<(), MlError> {
        for (name, value) in [("n_components", self.n_components), ("n_init", self.n_init), ("max_iter", self.max_iter)]
        {
            if value == 0 {
                return Err(MlError::parameter(name, "expected a whole number of at least 1, got 0"));
            }
        }
        for (name, value) in [("tol", self.tol), ("reg_covar", self.reg_covar)] {
            if !Range::at_least(0.0).holds(value) {
                return Err(MlError::parameter(name, format!("expected a number of at least 0, got {value}")));
            }
        }
        if self.n_components > rows {
            return Err(MlError::parameter(
                "n_components",
                format!("expected at most {rows} components for {rows} training rows, got {}", self.n_components),
            ));
        }
        Ok(())
    }

    /// Iterates from these shares of the components in every row, shape (rows, components); also says whether it
    /// converged.
    fn iterate(&self, x: &Array2<f64>, shares: Array2<f64>) -> Result<(GaussianMixtureModel, bool), MlError> {
        let mut model = self.components(x, &shares)?;
        let mut bound = f64::NEG_INFINITY;
        for n_iter in 1..=self.max_iter {
            let mut judged = model.judge(x.view());
            let next = judged.column(self.n_components).iter().sum::<f64>() / x.nrows() as f64;
            judged.remove_index(ndarray::Axis(1), self.n_components);
            model = self.components(x, &judged)?;
            (model.lower_bound, model.n_iter) = (next, n_iter);
            if (next - bound).abs() < self.tol {
                return Ok((model, true));
            }
            bound = next;
        }
        Ok((model, false))
    }

    /// The components that fit best to these shares.
    fn components(&self, x: &Array2<f64>, shares: &Array2<f64>) -> Result<GaussianMixtureModel, MlError> {
        let width = x.ncols();
        let fitted: Vec<Component> = (0..self.n_components)
            .into_par_iter()
            .map(|k| self.component(x, &shares.column(k).to_vec()))
            .collect::<Result<_, _>>()?;
        let total: f64 = fitted.iter().map(|c| c.rows).sum();
        let weights: Vec<f64> = fitted.iter().map(|c| c.rows / total).collect();
        let normal = 0.5 * width as f64 * std::f64::consts::TAU.ln();
        let offsets = weights.iter().zip(&fitted).map(|(w, c)| w.ln() - c.log_root - normal).collect();
        Ok(GaussianMixtureModel {
            covariance_type: self.covariance_type,
            weights,
            means: Array2::from_shape_fn((self.n_components, width), |(k, j)| fitted[k].mean[j]),
            covariances: fitted.iter().map(|c| c.covariance.clone()).collect(),
            factors: fitted.into_iter().map(|c| c.factor).collect(),
            offsets,
            lower_bound: f64::NEG_INFINITY,
            n_iter: 0,
        })
    }

    /// One component, whose share in every row is given. Sums run over the rows in order.
    fn component(&self, x: &Array2<f64>, shares: &[f64]) -> Result<Component, MlError> {
        let width = x.ncols();
        let rows = shares.iter().sum::<f64>() + 10.0 * f64::EPSILON;
        let mut mean = vec![0.0; width];
        for (row, &share) in x.outer_iter().zip(shares).filter(|(_, share)| **share > 0.0) {
            mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += share * value);
        }
        mean.iter_mut().for_each(|sum| *sum /= rows);
        let full = self.covariance_type == CovarianceType::Full;
        let mut sums = vec![0.0; if full { width * width } else { width }];
        let mut gaps = vec![0.0; width];
        for (row, &share) in x.outer_iter().zip(shares).filter(|(_, share)| **share > 0.0) {
            gaps.iter_mut().zip(row).zip(&mean).for_each(|((gap, value), mean)| *gap = value - mean);
            if full {
                for (i, sums) in sums.chunks_exact_mut(width).enumerate() {
                    let scaled = share * gaps[i];
                    sums[..=i].iter_mut().zip(&gaps).for_each(|(sum, gap)| *sum += scaled * gap);
                }
            } else {
                sums.iter_mut().zip(&gaps).for_each(|(sum, gap)| *sum += share * gap * gap);
            }
        }
        sums.iter_mut().for_each(|sum| *sum /= rows);
        let not_definite = || {
            MlError::data(
                "Gaussian mixture: a covariance matrix is not positive definite: raise reg_covar, take fewer \
                 components, or scale the columns",
            )
        };
        if full {
            for i in 0..width {
                for j in 0..i {
                    sums[j * width + i] = sums[i * width + j];
                }
                sums[i * width + i] += self.reg_covar;
            }
            let factor = cholesky(&sums, width).ok_or_else(not_definite)?;
            let log_root = (0..width).map(|i| factor[i * (i + 1) / 2 + i].ln()).sum();
            return Ok(Component { rows, mean, covariance: sums, factor, log_root });
        }
        sums.iter_mut().for_each(|variance| *variance += self.reg_covar);
        let covariance = match self.covariance_type {
            CovarianceType::Spherical => {
                let middle = sums.iter().sum::<f64>() / width as f64;
                sums.fill(middle);
                vec![middle]
            }
            _ => sums.clone(),
        };
        if sums.iter().any(|variance| !variance.is_finite() || *variance <= 0.0) {
            return Err(not_definite());
        }
        let factor: Vec<f64> = sums.iter().map(|variance| variance.sqrt()).collect();
        let log_root = factor.iter().map(|deviation| deviation.ln()).sum();
        Ok(Component { rows, mean, covariance, factor, log_root })
    }
}

/// What one component is made of.
struct Component {
    rows: f64,
    mean: Vec<f64>,
    covariance: Vec<f64>,
    factor: Vec<f64>,
    /// Half the logarithm of the determinant of the covariance.
    log_root: f64,
}

impl GaussianMixtureModel {
    /// Share of every component; scikit-learn's `weights_`.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Means, shape (components, columns); scikit-learn's `means_`.
    #[must_use]
    pub fn means(&self) -> &Array2<f64> {
        &self.means
    }

    /// By component: the covariance matrix row by row (`full`), the variance of every column (`diag`), or the one
    /// variance (`spherical`); scikit-learn's `covariances_`.
    #[must_use]
    pub fn covariances(&self) -> &[Vec<f64>] {
        &self.covariances
    }

    /// Mean log-likelihood of the training rows before the last update; scikit-learn's `lower_bound_`.
    #[must_use]
    pub fn lower_bound(&self) -> f64 {
        self.lower_bound
    }

    /// Iterations of the restart that was kept.
    #[must_use]
    pub fn n_iter(&self) -> usize {
        self.n_iter
    }

    /// The shares of the components in every row, and in a last column the log-likelihood of the row. A row at which
    /// every density is 0 has the weights as its shares, and negative infinity.
    fn judge(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        rowwise(x, self.weights.len() + 1, |row, out| {
            let Some((last, shares)) = out.split_last_mut() else { return };
            let mut gaps = vec![0.0; row.len()];
            for (k, share) in shares.iter_mut().enumerate() {
                gaps.iter_mut().zip(row).zip(self.means.row(k)).for_each(|((gap, value), mean)| *gap = value - mean);
                *share = self.offsets[k] - 0.5 * self.distance2(k, &mut gaps);
            }
            *last = softmax(shares);
            if *last == f64::NEG_INFINITY {
                shares.copy_from_slice(&self.weights);
            }
        })
    }

    /// The squared Mahalanobis distance of a row from component `k`, whose `gaps` from its mean are given.
    fn distance2(&self, k: usize, gaps: &mut [f64]) -> f64 {
        let factor = &self.factors[k];
        let full = self.covariance_type == CovarianceType::Full;
        let mut sum = 0.0;
        for i in 0..gaps.len() {
            if full {
                let line = &factor[i * (i + 1) / 2..][..=i];
                let before: f64 = line[..i].iter().zip(gaps.iter()).map(|(l, g)| l * g).sum();
                gaps[i] = (gaps[i] - before) / line[i];
            } else {
                gaps[i] /= factor[i];
            }
            sum += gaps[i] * gaps[i];
        }
        if sum.is_nan() { f64::INFINITY } else { sum }
    }

    /// The shares of the components in every row, shape (rows, components); scikit-learn's `predict_proba`.
    #[must_use]
    pub fn shares(&self, x: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut judged = self.judge(x);
        judged.remove_index(ndarray::Axis(1), self.weights.len());
        judged
    }

    /// The component with the greatest share in every row; the lowest of equals.
    #[must_use]
    pub fn assign(&self, x: ArrayView2<'_, f64>) -> Vec<i32> {
        super::argmax(&self.shares(x)).into_iter().map(|component| component as i32).collect()
    }
}

/// The lower Cholesky factor of a symmetric matrix, its lower triangle row by row, or `None` where the matrix is not
/// positive definite.
fn cholesky(matrix: &[f64], width: usize) -> Option<Vec<f64>> {
    let mut factor: Vec<f64> = Vec::with_capacity(width * (width + 1) / 2);
    for i in 0..width {
        let start = factor.len();
        for j in 0..=i {
            let other = j * (j + 1) / 2;
            let sum: f64 = (0..j).map(|m| factor[start + m] * factor[other + m]).sum();
            let rest = matrix[i * width + j] - sum;
            if i > j {
                factor.push(rest / factor[other + j]);
            } else if rest > 0.0 && rest.is_finite() {
                factor.push(rest.sqrt());
            } else {
                return None;
            }
        }
    }
    Some(factor)
}

#[cfg(test)]
mod tests;
