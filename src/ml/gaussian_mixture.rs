//! Gaussian mixtures by expectation maximisation (Dempster, Laird and Rubin 1977), as scikit-learn does it
//! (<https://scikit-learn.org/stable/modules/mixture.html>): from the clusters of a k-means, until the mean
//! log-likelihood of the rows gains less than `tol`, the best of several restarts.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cholesky;
use super::gram::{self, LANES, Products};
use super::kmeans::KMeans;
use super::rowwise::softmax;
use super::simd::{Level, leveled};
use super::{Code, Dataset, MlError, Progress, Training, Warning};
use crate::digest::Seed;
use crate::param::{Range, parameters, words};

/// Least rows of a block, the unit of parallel work and of sums.
const BLOCK: usize = 1024;
/// Most blocks.
const BLOCKS: usize = 16;
/// Vectors of rows that are judged side by side.
const SIDE: usize = 4;

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

    /// The components that fit best to these shares. Sums run over the rows in order, in blocks.
    fn components(&self, x: &Array2<f64>, shares: &Array2<f64>) -> Result<GaussianMixtureModel, MlError> {
        let (width, count, level) = (x.ncols(), self.n_components, Level::best());
        let shares = shares.as_standard_layout();
        let size = x.nrows().div_ceil(BLOCKS).max(BLOCK);
        let (values, weights) = (x.as_slice().unwrap_or_default(), shares.as_slice().unwrap_or_default());
        let blocks = || values.par_chunks(size * width).zip(weights.par_chunks(size * count));
        let sums: Vec<Products> = blocks().map(|(x, shares)| share_sums(level, x, width, shares, count)).collect();
        let mut total = Products::all(count, width + 1);
        sums.iter().for_each(|sums| total.join(sums));
        let fitted: Vec<Component> = (0..count)
            .map(|k| {
                let rows = total.get(k, width) + 10.0 * f64::EPSILON;
                let mean: Vec<f64> = (0..width).map(|j| total.get(k, j) / rows).collect();
                let products: Vec<Products> = blocks()
                    .map(|(x, shares)| {
                        let shares = shares.chunks_exact(count).map(|shares| shares[k]);
                        if self.covariance_type == CovarianceType::Full {
                            gram::weighted(level, x, shares, &mean)
                        } else {
                            square_sums(level, x, shares, &mean)
                        }
                    })
                    .collect();
                let mut total = if self.covariance_type == CovarianceType::Full {
                    Products::lower(width)
                } else {
                    Products::all(1, width)
                };
                products.iter().for_each(|products| total.join(products));
                self.component(rows, mean, &total)
            })
            .collect::<Result<_, _>>()?;
        let total: f64 = fitted.iter().map(|c| c.rows).sum();
        let weights: Vec<f64> = fitted.iter().map(|c| c.rows / total).collect();
        let normal = 0.5 * width as f64 * std::f64::consts::TAU.ln();
        let offsets = weights.iter().zip(&fitted).map(|(w, c)| w.ln() - c.log_root - normal).collect();
        Ok(GaussianMixtureModel {
            covariance_type: self.covariance_type,
            weights,
            means: Array2::from_shape_fn((count, width), |(k, j)| fitted[k].mean[j]),
            covariances: fitted.iter().map(|c| c.covariance.clone()).collect(),
            factors: fitted.into_iter().map(|c| c.factor).collect(),
            offsets,
            lower_bound: f64::NEG_INFINITY,
            n_iter: 0,
        })
    }

    /// One component, from the sums of products of the gaps of its rows from its mean (`full`), or the sums of their
    /// squares.
    fn component(&self, rows: f64, mean: Vec<f64>, products: &Products) -> Result<Component, MlError> {
        let width = mean.len();
        let not_definite = || {
            MlError::data(
                "Gaussian mixture: a covariance matrix is not positive definite: raise reg_covar, take fewer \
                 components, or scale the columns",
            )
        };
        if self.covariance_type == CovarianceType::Full {
            let mut covariance = vec![0.0; width * width];
            for i in 0..width {
                for j in 0..width {
                    covariance[i * width + j] = products.get(i.max(j), i.min(j)) / rows;
                }
                covariance[i * width + i] += self.reg_covar;
            }
            let factor = cholesky::factor(&covariance, width).ok_or_else(not_definite)?;
            let log_root = (0..width).map(|i| factor[i * (i + 1) / 2 + i].ln()).sum();
            return Ok(Component { rows, mean, covariance, factor, log_root });
        }
        let mut variances: Vec<f64> = (0..width).map(|j| products.get(0, j) / rows + self.reg_covar).collect();
        let covariance = match self.covariance_type {
            CovarianceType::Spherical => {
                let middle = variances.iter().sum::<f64>() / width as f64;
                variances.fill(middle);
                vec![middle]
            }
            _ => variances.clone(),
        };
        if variances.iter().any(|variance| !variance.is_finite() || *variance <= 0.0) {
            return Err(not_definite());
        }
        let factor: Vec<f64> = variances.iter().map(|variance| variance.sqrt()).collect();
        let log_root = factor.iter().map(|deviation| deviation.ln()).sum();
        Ok(Component { rows, mean, covariance, factor, log_root })
    }
}

/// By component, the sums of its shares times the values of every column, and of its shares alone in a last column.
fn share_sums(level: Level, x: &[f64], width: usize, shares: &[f64], count: usize) -> Products {
    let mut products = Products::all(count, width + 1);
    for (x, shares) in x.chunks(gram::STRIP * width).zip(shares.chunks(gram::STRIP * count)) {
        let left = gram::in_vectors(shares, count, count);
        let mut right = gram::in_vectors(x, width, width + 1);
        let per_row = gram::vectors(width + 1);
        right.chunks_exact_mut(per_row).for_each(|row| row.as_flattened_mut()[width] = 1.0);
        products.add(level, &left, &right);
    }
    products
}

/// Sums of the shares times the squared gaps from the mean, by column.
fn square_sums(level: Level, x: &[f64], shares: impl Iterator<Item = f64>, mean: &[f64]) -> Products {
    let width = mean.len();
    let shares: Vec<f64> = shares.collect();
    let mut products = Products::all(1, width);
    for (x, shares) in x.chunks(gram::STRIP * width).zip(shares.chunks(gram::STRIP)) {
        let gaps = |(i, value): (usize, &f64)| (value - mean[i % width]) * (value - mean[i % width]);
        let squares: Vec<f64> = x.iter().enumerate().map(gaps).collect();
        products.add(level, &gram::in_vectors(shares, 1, 1), &gram::in_vectors(&squares, width, width));
    }
    products
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
        let (width, count) = (x.ncols(), self.weights.len());
        let mut out = Array2::zeros((x.nrows(), count + 1));
        let x = x.as_standard_layout();
        let (Some(values), Some(cells)) = (x.as_slice(), out.as_slice_mut()) else { return out };
        let rows = SIDE * LANES;
        let strips = cells.par_chunks_mut(rows * (count + 1)).zip(values.par_chunks(rows * width));
        strips.with_min_len(BLOCK / rows).for_each(|(cells, values)| {
            let mut lanes = vec![[[0.0; LANES]; SIDE]; width];
            for (row, values) in values.chunks_exact(width).enumerate() {
                for (column, value) in lanes.iter_mut().zip(values) {
                    column[row / LANES][row % LANES] = *value;
                }
            }
            let full = self.covariance_type == CovarianceType::Full;
            let mut gaps = lanes.clone();
            for (k, mean) in self.means.outer_iter().enumerate() {
                let mean = mean.to_slice().unwrap_or_default();
                let mut distances = [[0.0; LANES]; SIDE];
                mahalanobis(Level::best(), &lanes, mean, &self.factors[k], full, &mut gaps, &mut distances);
                for (cells, distance) in cells.chunks_exact_mut(count + 1).zip(distances.as_flattened()) {
                    let distance = if distance.is_nan() { f64::INFINITY } else { *distance };
                    cells[k] = self.offsets[k] - 0.5 * distance;
                }
            }
            for cells in cells.chunks_exact_mut(count + 1) {
                let (shares, last) = cells.split_at_mut(count);
                last[0] = softmax(shares);
                if last[0] == f64::NEG_INFINITY {
                    shares.copy_from_slice(&self.weights);
                }
            }
        });
        out
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

leveled! {
    /// The squared Mahalanobis distances of the rows in `lanes` (by column) from a component, whose `factor` is the lower
    /// triangle of a Cholesky factor (`full`) or a deviation for every column.
    fn mahalanobis<S>(
        simd,
        lanes: &[[[f64; LANES]; SIDE]],
        mean: &[f64],
        factor: &[f64],
        full: bool,
        gaps: &mut [[[f64; LANES]; SIDE]],
        distances: &mut [[f64; LANES]; SIDE],
    ) {
        let mut sums = [simd.splat_64(0.0); SIDE];
        for i in 0..lanes.len() {
            let center = simd.splat_64(mean[i]);
            let mut before = [simd.splat_64(0.0); SIDE];
            let line = if full { &factor[i * (i + 1) / 2..][..=i] } else { &factor[i..=i] };
            for (gaps, &weight) in gaps.iter().zip(&line[..line.len() - 1]) {
                let weight = simd.splat_64(weight);
                for v in 0..SIDE {
                    before[v] = simd.add_64(before[v], simd.mul_64(weight, simd.load_64(&gaps[v])));
                }
            }
            let unit = simd.splat_64(line[line.len() - 1]);
            for v in 0..SIDE {
                let gap = simd.sub_64(simd.load_64(&lanes[i][v]), center);
                let gap = simd.div_64(simd.sub_64(gap, before[v]), unit);
                simd.store_64(gap, &mut gaps[i][v]);
                sums[v] = simd.add_64(sums[v], simd.mul_64(gap, gap));
            }
        }
        for v in 0..SIDE {
            simd.store_64(sums[v], &mut distances[v]);
        }
    }
}

#[cfg(test)]
mod tests;
